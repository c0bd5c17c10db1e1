//! The certificate of completion that the gateway writes from a CFA's data, for an OPCO that takes one as a
//! document only. It says what the model of the ministry of Labour says, on one page.

use domain::dossier::Dossier;
use domain::payload::{Certificat, TypeCertificat};
use domain::{Finding, Siret, rules};
use jiff::civil::Date;

use crate::pdf::{Face, Sheet};

/// The name of the file.
pub(crate) const NAME: &str = "certificat-de-realisation.pdf";
/// The size of the text, in points.
const SIZE: u32 = 10;
/// The longest value that is written whole.
const CHARS_MAX: usize = 300;
/// Said of what it cannot be written without.
const REMEDY: &str = "Cet OPCO ne reçoit le certificat que comme document : complétez ce champ, d'après \
                      lequel la passerelle l'établit, ou joignez le fichier du certificat.";
const KINDS: [&str; 4] = [
    "Action de formation",
    "Bilan de compétences",
    "Action de validation des acquis de l'expérience (VAE)",
    "Action de formation par apprentissage",
];
const CONSERVATION: &str = "Sans préjudice des délais imposés par les règles fiscales, comptables ou \
    commerciales, l'organisme s'engage à conserver l'ensemble des pièces justificatives qui ont permis \
    d'établir le présent certificat pendant une durée de trois ans à compter de la fin de l'année du dernier \
    paiement. En cas de cofinancement par des fonds européens, la durée de conservation est étendue \
    conformément aux obligations conventionnelles spécifiques.";
const ORIGIN: &str = "Certificat établi d'après les données que l'organisme de formation a transmises et \
    attestées ; il ne porte pas de signature manuscrite.";

/// Returns what keeps a certificate from being written from its data. `contract` says whether the contract
/// is here: it alone names the training and those who are bound by it.
pub(super) fn missing(certificat: &Certificat, contract: bool) -> Vec<Finding> {
    let echeance = &certificat.echeance;
    let signs = certificat.representant_legal.nom.is_some();
    [
        (contract, "/fichier", "fichier du certificat"),
        (
            signs,
            "/representantLegal/nom",
            "nom du représentant légal du CFA",
        ),
        (
            certificat.date_signature.is_some(),
            "/dateSignature",
            "date de signature",
        ),
        (
            echeance.date_debut.is_some(),
            "/echeance/dateDebut",
            "début de la période réalisée",
        ),
        (
            echeance.date_fin.is_some(),
            "/echeance/dateFin",
            "fin de la période réalisée",
        ),
        (
            echeance.duree.is_some(),
            "/echeance/duree",
            "durée réalisée (heures)",
        ),
    ]
    .into_iter()
    .filter(|(there, ..)| !there)
    .map(|(_, pointer, label)| {
        let mut finding = rules::finding("CPL-103", pointer, &[("libellé", label)]);
        REMEDY.clone_into(&mut finding.remedy);
        finding
    })
    .collect()
}

/// Writes the certificate; nothing when a part of it is not known.
pub(crate) fn written(certificat: &Certificat, contrat: &Dossier) -> Option<Vec<u8>> {
    let who = signatory(certificat)?;
    let mut sheet = Sheet::new();
    sheet.title(17, "CERTIFICAT DE RÉALISATION");
    sheet.title(SIZE, kind(certificat.type_certificat?));
    sheet.gap(16);
    let said = format!(
        "Je soussigné(e) {who}, représentant légal du dispensateur de l'action concourant au développement \
         des compétences :"
    );
    sheet.paragraph(Face::Plain, SIZE, &said);
    for (name, value) in facts(certificat, contrat)? {
        if let Some(value) = value {
            sheet.row(SIZE, name, &cut(&value));
        }
    }
    sheet.gap(10);
    let heading = "Nature de l'action concourant au développement des compétences :";
    sheet.paragraph(Face::Plain, SIZE, heading);
    for (rank, kind) in KINDS.iter().enumerate() {
        sheet.choice(SIZE, rank.checked_add(1) == Some(KINDS.len()), kind);
    }
    if let Some(nature) = &certificat.nature_action {
        let nature = cut(&format!("Précision : {nature}"));
        sheet.paragraph(Face::Plain, SIZE, &nature);
    }
    sheet.gap(10);
    sheet.paragraph(Face::Plain, SIZE, CONSERVATION);
    sheet.gap(16);
    let on = day(certificat.date_signature?.date);
    let at = certificat.lieu_signature_contrat.as_deref();
    let at = at.map(|at| format!("à {}, ", cut(at)));
    let done = format!("Fait {}le {on}", at.unwrap_or_default());
    sheet.paragraph(Face::Plain, SIZE, &done);
    sheet.paragraph(Face::Bold, SIZE, &who);
    sheet.gap(16);
    sheet.paragraph(Face::Plain, SIZE.saturating_sub(2), ORIGIN);
    (!sheet.is_full()).then(|| sheet.write("Certificat de réalisation"))
}

/// Names who signs for the centre, and the office.
fn signatory(certificat: &Certificat) -> Option<String> {
    let signs = &certificat.representant_legal;
    signs.nom.as_ref()?;
    let name = joined(&[signs.prenom.as_deref(), signs.nom.as_deref()], " ")?;
    let who = joined(&[Some(name.as_str()), signs.qualite.as_deref()], ", ")?;
    Some(cut(&who))
}

/// Returns what is certified, in the order of the page: who, whose, what, when, how long.
fn facts(
    certificat: &Certificat,
    contrat: &Dossier,
) -> Option<[(&'static str, Option<String>); 8]> {
    let (cerfa, echeance) = (&contrat.cerfa, &certificat.echeance);
    let apprenti = &certificat.apprenti;
    let usage = apprenti.nom_usage.as_ref();
    let usage = usage.map(|nom| format!("(nom d'usage : {nom})"));
    let (first, last) = (apprenti.prenom.as_deref()?, apprenti.nom.as_deref()?);
    let training = cerfa.formation.intitule_qualification.as_deref()?;
    let rncp = cerfa.formation.rncp.as_ref().map(ToString::to_string);
    let centre = cerfa.organisme_formation.denomination.as_deref();
    let employer = cerfa.employeur.denomination.as_deref();
    let period = format!(
        "du {} au {}",
        day(echeance.date_debut?.date),
        day(echeance.date_fin?.date)
    );
    let duration = format!("{} heures", hours(echeance.duree?.hundredths));
    let part = match echeance.echeance_partielle {
        Some(true) => ", réalisée en partie",
        _ => "",
    };
    let label = echeance.codification.as_ref();
    let label = label.map(|label| format!(" ({label})")).unwrap_or_default();
    let numero = echeance
        .numero
        .map(|numero| format!("n° {numero}{label}{part}"));
    Some([
        ("", place(centre, certificat.organisme_formation.siret)),
        (
            "atteste que",
            joined(&[Some(first), Some(last), usage.as_deref()], " "),
        ),
        ("salarié(e) de", place(employer, certificat.employeur.siret)),
        (
            "a suivi l'action",
            joined(&[Some(training), rncp.as_deref()], ", "),
        ),
        ("qui s'est déroulée", Some(period)),
        ("pour une durée de", Some(duration)),
        ("échéance", numero),
        (
            "dossier de l'OPCO",
            certificat.numero_interne_dossier.clone(),
        ),
    ])
}

fn kind(kind: TypeCertificat) -> &'static str {
    match kind {
        TypeCertificat::Intermediaire => "Certificat intermédiaire",
        TypeCertificat::Final => "Certificat final",
    }
}

/// Names a place by its name and its establishment.
fn place(name: Option<&str>, siret: Option<Siret>) -> Option<String> {
    let siret = siret.map(|siret| format!("SIRET {siret}"));
    joined(&[name, siret.as_deref()], ", ")
}

/// Joins what is there.
fn joined(parts: &[Option<&str>], with: &str) -> Option<String> {
    let there: Vec<&str> = parts.iter().copied().flatten().collect();
    (!there.is_empty()).then(|| there.join(with))
}

fn day(day: Date) -> String {
    format!("{:02}/{:02}/{:04}", day.day(), day.month(), day.year())
}

/// Writes hours, as `35` or `35,50`.
fn hours(hundredths: i64) -> String {
    let (whole, rest) = (hundredths / 100, hundredths % 100);
    if rest == 0 {
        whole.to_string()
    } else {
        format!("{whole},{:02}", rest.abs())
    }
}

/// Keeps a value that no form would hold from taking the page.
fn cut(text: &str) -> String {
    let mut cut: String = text.chars().take(CHARS_MAX).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    cut
}

#[cfg(test)]
mod tests {
    use domain::Inspector;
    use domain::file::FileKind;
    use serde_json::json;

    use super::*;

    const CONTRAT: &str = include_str!("../../../domain/tests/fixtures/dossier/dossier-v1.json");

    fn contrat() -> Dossier {
        Dossier::read(CONTRAT.as_bytes()).unwrap().dossier
    }

    fn body() -> serde_json::Value {
        json!({
            "typeCertificat": "Intermediaire",
            "numeroInterneDossier": "1234567",
            "dateSignature": "2026-11-30",
            "lieuSignatureContrat": "Saint-Étienne",
            "representantLegal": {"nom": "DUPRÉ", "prenom": "Zoé", "qualite": "Directrice"},
            "attestationConservationPieces": true,
            "natureAction": "Formation par apprentissage",
            "employeur": {"siret": "12345678200010"},
            "apprenti": {"nom": "MARTIN", "prenom": "Éloïse", "nomUsage": "LEFÈVRE"},
            "organismeFormation": {"siret": "98765432400019"},
            "echeance": {"numero": 2, "codification": "A1S2", "duree": 210.5,
                "dateDebut": "2026-09-01", "dateFin": "2026-11-27", "echeancePartielle": true},
        })
    }

    fn certificat(body: &serde_json::Value) -> Certificat {
        let reading = Certificat::read(body.to_string().as_bytes()).unwrap();
        reading.payload
    }

    /// The texts of a page, in Latin 1.
    fn texts(pdf: &[u8]) -> String {
        let text: String = pdf.iter().map(|byte| char::from(*byte)).collect();
        let shown = text.split(" Td (").skip(1);
        let shown = shown.filter_map(|rest| Some(rest.split(") Tj").next()?.replace('\\', "")));
        shown.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_certificate_says_who_whose_what_when_and_how_long_on_one_whole_page() {
        let pdf = written(&certificat(&body()), &contrat()).unwrap();
        let mut inspector = Inspector::default();
        inspector.read(&pdf).unwrap();
        assert_eq!(inspector.end(), Ok(FileKind::Pdf));
        insta::assert_snapshot!(texts(&pdf));
        assert_eq!(
            pdf,
            written(&certificat(&body()), &contrat()).unwrap(),
            "the same data give the same bytes"
        );
    }

    #[test]
    fn values_that_no_form_holds_still_leave_one_page() {
        let mut long = body();
        let text = "Anne-Gaëlle ".repeat(150);
        for pointer in [
            "/representantLegal/nom",
            "/representantLegal/qualite",
            "/natureAction",
            "/lieuSignatureContrat",
            "/apprenti/nom",
            "/apprenti/prenom",
        ] {
            *long.pointer_mut(pointer).unwrap() = json!(text);
        }
        assert!(written(&certificat(&long), &contrat()).is_some());
    }

    #[test]
    fn what_is_missing_is_told_at_once_and_nothing_is_written() {
        assert_eq!(missing(&certificat(&body()), true), []);
        let mut bare = body();
        for name in ["representantLegal", "dateSignature"] {
            bare.as_object_mut().unwrap().remove(name);
        }
        bare["echeance"] = json!({"numero": 1});
        let certificat = certificat(&bare);
        let pointers: Vec<String> = missing(&certificat, false)
            .into_iter()
            .map(|finding| finding.pointer)
            .collect();
        assert_eq!(
            pointers,
            [
                "/fichier",
                "/representantLegal/nom",
                "/dateSignature",
                "/echeance/dateDebut",
                "/echeance/dateFin",
                "/echeance/duree"
            ]
        );
        assert_eq!(written(&certificat, &contrat()), None);
    }
}
