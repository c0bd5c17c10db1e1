//! Agreements, documents, certificates and terminations (protocol §9, §11, §12, §13).

use std::sync::Arc;

use serde_json::json;

use crate::answer::Reply;
use crate::book::{Annexes, Dossier, EQUIPMENT_CENTS, NotTerminated, day_of};
use crate::etat::{Etat, Version};
use crate::multipart::Form;
use crate::record::{Kind, LedgerEntry, Retained, SEPARATOR};
use crate::refusal::Refusal;
use crate::schema::{Finding, pieces};
use crate::sending::{self, Piece};
use crate::wire::Call;

/// What agreements, documents and certificates may come as (protocol §3.3).
const FORMS: [Form; 2] = [Form::Pdf, Form::Image];

const AGREEMENT_REFUSED: &str = "La convention est rejetée";
const DOCUMENT_REFUSED: &str = "Le document est rejeté";
const CERTIFICATE_REFUSED: &str = "Le certificat est rejeté";
const TERMINATION_REFUSED: &str = "La rupture est rejetée";

/// Finds the dossier something is about.
fn dossier(call: &Call<'_>, key: &Arc<str>, numero: &str) -> Result<Dossier, Refusal> {
    let at = call.sim.reading(&call.settings);
    let found = call.desk.book().read(key, numero, at);
    found.ok_or_else(|| Refusal::not_found(call.desk.facts.errors).at("numeroInterneDossier"))
}

/// Writes something down, remembers it and returns its number.
async fn keep(call: &Call<'_>, entry: LedgerEntry) -> Result<String, Refusal> {
    if !sending::write_down(call, &entry).await {
        return Err(sending::broken());
    }
    let numero = entry.numero_interne.clone();
    call.desk.book().remember(entry);
    call.numero.set(Some(numero.clone()));
    Ok(numero)
}

fn stored(numero: &str) -> Reply {
    Reply::json(200, &json!({"numeroInterneDocument": numero}))
}

fn closed(dossier: &Dossier) -> Option<Finding> {
    matches!(dossier.etat, Etat::Refuse | Etat::Annule).then(|| {
        let text = "Le dossier est refusé ou annulé";
        Finding::of("DOSSIER_CLOS", text).at("numeroInterneDossier")
    })
}

fn all_right(description: &str, findings: Vec<Finding>) -> Result<(), Refusal> {
    if findings.is_empty() {
        Ok(())
    } else {
        Err(Refusal::of(description, findings))
    }
}

/// Takes a training agreement. A second one for the same dossier is taken too: nothing in the
/// protocol says it would not be.
pub(crate) async fn convention(call: &Call<'_>, key: Arc<str>) -> Result<Reply, Refusal> {
    let sent = sending::read(call, "convention", &FORMS, true)?;
    let refused = |findings| Refusal::of(AGREEMENT_REFUSED, findings);
    let agreement = pieces::convention(&sent.json).map_err(refused)?;
    let dossier = dossier(call, &key, &agreement.dossier)?;
    sending::told_to_refuse(call, AGREEMENT_REFUSED)?;
    all_right(AGREEMENT_REFUSED, against_agreement(&agreement, &dossier))?;
    let annexes = Annexes {
        repas: agreement.repas,
        nuits: agreement.nuits,
        equipement_cents: agreement.equipement_cents.clamp(0, EQUIPMENT_CENTS),
        mobilite_cents: if agreement.mobilite {
            call.settings.mobility_cents
        } else {
            0
        },
    };
    let natural = (Kind::Convention, dossier.numero_interne());
    let numero = call.desk.book().number_document();
    let entry = LedgerEntry {
        numero_interne: numero,
        dossiers: vec![dossier.numero_interne()],
        retained: Some(Retained::Granted(annexes)),
        ..sending::entry(call, (&sent, &key), natural, Version::V1)
    };
    let numero = keep(call, entry).await?;
    call.desk.book().grant(dossier.numero, annexes);
    Ok(stored(&numero))
}

fn against_agreement(agreement: &pieces::Convention, dossier: &Dossier) -> Vec<Finding> {
    let mut findings: Vec<Finding> = closed(dossier).into_iter().collect();
    let pairing = dossier.filing.pairing.pairing();
    let terms = &dossier.filing.terms;
    let compared = [
        (
            "employeur.siret",
            pairing.siret.trim() == agreement.siret_employeur,
        ),
        ("apprenti.nom", pairing.nom.trim() == agreement.nom),
        ("apprenti.prenom", pairing.prenom.trim() == agreement.prenom),
        ("contrat.dateDebutContrat", terms.debut == agreement.debut),
        (
            "organismeFormation.siret",
            terms.siret_cfa == agreement.siret_cfa,
        ),
    ];
    for (field, _) in compared.into_iter().filter(|(_, same)| !same) {
        let text = format!("Le champ {field} ne correspond pas au contrat");
        findings.push(Finding::of("CONVENTION_NON_CONFORME", text).at(field));
    }
    if !agreement.mandat {
        let text = "Le mandat de gestion de l'employeur est absent";
        findings.push(Finding::of("MANDAT_ABSENT", text).at("mandatEmployeur"));
    }
    for field in &agreement.unattested {
        let text = format!("L'attestation {field} est obligatoire");
        findings.push(Finding::of("ATTESTATION_ABSENTE", text).at(*field));
    }
    findings
}

/// Takes a document.
pub(crate) async fn document(call: &Call<'_>, key: Arc<str>) -> Result<Reply, Refusal> {
    let sent = sending::read(call, "infosFichier", &FORMS, true)?;
    let refused = |findings| Refusal::of(DOCUMENT_REFUSED, findings);
    let document = pieces::document(&sent.json).map_err(refused)?;
    sending::told_to_refuse(call, DOCUMENT_REFUSED)?;
    let mut dossiers = Vec::new();
    let mut findings = Vec::new();
    for (rank, (is_invoice, numero)) in document.objets.iter().enumerate() {
        let field = format!("objets[{rank}].idObjet");
        if *is_invoice {
            if !call.desk.book().has_facture(&key, numero) {
                findings.push(Finding::of("FACTURE_INCONNUE", "Facture introuvable").at(field));
            }
        } else if let Ok(dossier) = dossier(call, &key, numero) {
            dossiers.push(dossier.numero);
        } else {
            findings.push(Finding::of("DOSSIER_INCONNU", "Dossier introuvable").at(field));
        }
    }
    all_right(DOCUMENT_REFUSED, findings)?;
    let natural = natural_key(&document, &sent);
    let certificate = document.genre == "CERTIFICAT_REALISATION";
    let numero = call.desk.book().number_document();
    let entry = LedgerEntry {
        numero_interne: numero,
        dossiers: dossiers.iter().map(u64::to_string).collect(),
        retained: certificate.then_some(Retained::Certified(None)),
        ..sending::entry(call, (&sent, &key), (Kind::Document, natural), Version::V1)
    };
    let numero = keep(call, entry).await?;
    if certificate {
        let mut book = call.desk.book();
        let invoices: Vec<&String> = document
            .objets
            .iter()
            .filter_map(|(is_invoice, numero)| is_invoice.then_some(numero))
            .collect();
        for invoice in &invoices {
            book.certify_facture(&key, invoice, call.virtual_ms);
        }
        // Without an invoice it is for all that the dossier waits for.
        for dossier in dossiers.iter().filter(|_| invoices.is_empty()) {
            book.certify_dossier(*dossier, None, call.virtual_ms);
        }
    }
    Ok(stored(&numero))
}

fn natural_key(document: &pieces::Document, sent: &Piece) -> String {
    let mut objets: Vec<String> = document
        .objets
        .iter()
        .map(|(is_invoice, numero)| {
            let kind = if *is_invoice { "FACTURE" } else { "DOSSIER" };
            format!("{kind}:{numero}")
        })
        .collect();
    objets.sort_unstable();
    let file = sent.file.as_ref().map_or("", |file| file.sha256.as_str());
    [document.genre.as_str(), file, &objets.join(",")].join(SEPARATOR)
}

/// Takes a structured certificate.
pub(crate) async fn certificat(call: &Call<'_>, key: Arc<str>) -> Result<Reply, Refusal> {
    // Whether a file is wanted is unknown (protocol §11): it may be left out.
    let sent = sending::read(call, "certificat", &FORMS, false)?;
    let refused = |findings| Refusal::of(CERTIFICATE_REFUSED, findings);
    let certificate = pieces::certificat(&sent.json).map_err(refused)?;
    let dossier = dossier(call, &key, &certificate.dossier)?;
    sending::told_to_refuse(call, CERTIFICATE_REFUSED)?;
    let findings = against_certificate(call, &key, &certificate, &dossier);
    all_right(CERTIFICATE_REFUSED, findings)?;
    let echeance = certificate.echeance;
    let natural = [
        dossier.numero_interne(),
        echeance.to_string(),
        certificate.genre,
    ]
    .join(SEPARATOR);
    let numero = call.desk.book().number_document();
    let entry = LedgerEntry {
        numero_interne: numero,
        dossiers: vec![dossier.numero_interne()],
        retained: Some(Retained::Certified(Some(echeance))),
        ..sending::entry(
            call,
            (&sent, &key),
            (Kind::Certificat, natural),
            Version::V2,
        )
    };
    let numero = keep(call, entry).await?;
    let mut book = call.desk.book();
    book.certify_dossier(dossier.numero, Some(echeance), call.virtual_ms);
    Ok(stored(&numero))
}

fn against_certificate(
    call: &Call<'_>,
    key: &Arc<str>,
    certificate: &pieces::Certificat,
    dossier: &Dossier,
) -> Vec<Finding> {
    let at = call.sim.reading(&call.settings);
    let mut findings: Vec<Finding> = closed(dossier).into_iter().collect();
    let mut say = |code, field: &str, text: &str| findings.push(Finding::of(code, text).at(field));
    let account = call.desk.book().account(dossier.numero, at);
    let label = account.as_ref().and_then(|account| {
        let position = account.position(certificate.echeance)?;
        Some(position.echeance.codification(call.settings.codification))
    });
    let asked = certificate.codification.as_ref();
    if label.is_none() {
        let text = "Le numéro d'échéance est inconnu";
        say("ECHEANCE_INCONNUE", "echeance.numero", text);
    } else if asked.is_some_and(|asked| Some(asked) != label.as_ref()) {
        let text = "La codification de l'échéance est inconnue";
        say("ECHEANCE_INCONNUE", "echeance.codification", text);
    }
    let (debut, fin) = (certificate.debut, certificate.fin);
    if debut > fin && fin.is_some() {
        let text = "La période de réalisation est incohérente";
        say("PERIODE_INCOHERENTE", "echeance.dateFin", text);
    }
    if fin.is_some_and(|fin| fin > day_of(at.now_ms)) {
        let text = "La période de réalisation n'est pas terminée";
        say("PERIODE_INCOHERENTE", "echeance.dateFin", text);
    }
    let pairing = dossier.filing.pairing.pairing();
    if pairing.siret != certificate.siret_employeur {
        let text = "Le SIRET de l'employeur n'est pas celui du dossier";
        say("CERTIFICAT_NON_CONFORME", "employeur.siret", text);
    }
    if dossier.filing.terms.siret_cfa != certificate.siret_cfa {
        let text = "Le SIRET du CFA n'est pas celui du dossier";
        say("CERTIFICAT_NON_CONFORME", "organismeFormation.siret", text);
    }
    let invoice = certificate.facture.as_ref();
    if invoice.is_some_and(|numero| !call.desk.book().has_facture(key, numero)) {
        let text = "Facture introuvable";
        say("FACTURE_INCONNUE", "numeroInterneFacture", text);
    }
    findings
}

/// Terminates a contract.
pub(crate) async fn rupture(call: &Call<'_>, key: Arc<str>) -> Result<Reply, Refusal> {
    let sent = call.json_body()?;
    let refused = |findings| Refusal::of(TERMINATION_REFUSED, findings);
    let end = pieces::rupture(&sent.json).map_err(refused)?;
    let dossier = dossier(call, &key, &end.dossier)?;
    sending::told_to_refuse(call, TERMINATION_REFUSED)?;
    let findings = against_termination(call, &end, &dossier);
    all_right(TERMINATION_REFUSED, findings)?;
    let begun = call.desk.book().begin_termination(dossier.numero);
    begun.map_err(|why| {
        let (code, text) = match why {
            NotTerminated::Closed => (
                "RUPTURE_DEJA_ENREGISTREE",
                "Une rupture est déjà enregistrée, ou le dossier est clos",
            ),
            NotTerminated::NotEngaged => ("DOSSIER_NON_ENGAGE", "Le dossier n'est pas engagé"),
        };
        Refusal::of(TERMINATION_REFUSED, vec![Finding::of(code, text)])
    })?;
    let numero = dossier.numero_interne();
    let entry = LedgerEntry {
        numero_interne: numero.clone(),
        numero_externe: dossier.numero_externe(),
        dossiers: vec![numero.clone()],
        retained: Some(Retained::Terminated(end.date)),
        ..sending::entry(
            call,
            (&sent, &key),
            (Kind::Rupture, numero.clone()),
            Version::V2,
        )
    };
    let at = call.sim.reading(&call.settings);
    match keep(call, entry).await {
        Ok(_) => call
            .desk
            .book()
            .end_termination(dossier.numero, Some(end.date), at),
        Err(refusal) => {
            call.desk.book().end_termination(dossier.numero, None, at);
            return Err(refusal);
        }
    }
    let etat = Etat::Rupture.wire(Version::V2);
    Ok(Reply::json(
        200,
        &json!({"numeroInterne": numero, "etat": etat}),
    ))
}

fn against_termination(call: &Call<'_>, end: &pieces::Rupture, dossier: &Dossier) -> Vec<Finding> {
    let pairing = dossier.filing.pairing.pairing();
    let terms = &dossier.filing.terms;
    let deca = dossier.deca(call.virtual_ms);
    let given =
        |given: &Option<String>, own: Option<&String>| given.is_none() || given.as_ref() == own;
    let compared = [
        (
            "contrat.dateRupture",
            (terms.debut..=terms.fin).contains(&end.date),
        ),
        ("employeur.siret", pairing.siret == end.siret_employeur),
        ("apprenti.nom", pairing.nom.trim() == end.nom),
        ("numeroDeca", given(&end.deca, deca.as_ref())),
        (
            "numeroExterneDossier",
            given(&end.externe, Some(&dossier.numero_externe())),
        ),
    ];
    compared
        .into_iter()
        .filter(|(_, same)| !same)
        .map(|(field, _)| {
            let text = format!("Le champ {field} ne correspond pas au contrat");
            Finding::of("RUPTURE_NON_CONFORME", text).at(field)
        })
        .collect()
}
