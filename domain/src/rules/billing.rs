//! FAC: the lines of an invoice against the dossiers and the schedules they bill.

use std::time::Duration;

use super::expected::{found_lines, is_automatic};
use super::invoice::Invoice;
use super::payload::{row, waits, warns};
use super::subject::{Found, is_level_6_or_7};
use super::{Check, FactureCheck, Rule, expected};
use crate::calendar::{day_in_france, french, months_after};
use crate::deadline::{MONTHS_TO_BILL, REFORM};
use crate::echeancier::Echeancier;
use crate::etat::Etat;
use crate::finding::Effect;

/// A schedule older than that is read again before anything is billed.
const FRESH: Duration = Duration::from_hours(24);

pub(super) static RULES: [Rule; 14] = [
    row(
        "FAC-004",
        "seed:001",
        "/ibanEmetteur",
        "IBAN différent de celui connu de l'OPCO.",
        "Le CFA fait enregistrer son RIB par l'OPCO, ou corrige l'IBAN de la facture.",
        Check::Facture(FactureCheck(same_account)),
    ),
    waits(row(
        "FAC-006",
        "seed:001",
        "/lignes",
        "Contrat sans numéro DECA : facturation impossible.",
        "Rien à faire : la facture part dès que l'OPCO donne le numéro DECA.",
        Check::Facture(FactureCheck(has_deca)),
    )),
    waits(row(
        "FAC-007",
        "assumed",
        "/lignes",
        "Dossier non engagé.",
        "Rien à faire tant que l'OPCO instruit : la facture part à l'engagement. Un dossier refusé, \
         annulé ou soldé ne se facture plus.",
        Check::Facture(FactureCheck(committed)),
    )),
    row(
        "FAC-008",
        "seed:001",
        "/lignes",
        "Numéro d'échéance inconnu.",
        "Le CFA reprend un numéro de l'échéancier de l'OPCO.",
        Check::Facture(FactureCheck(known_echeance)),
    ),
    row(
        "FAC-009",
        "public:VUE",
        "/lignes",
        "Codification d'échéance différente de celle de l'OPCO.",
        "Le CFA reprend telle quelle la codification donnée par l'échéancier de l'OPCO.",
        Check::Facture(FactureCheck(same_codification)),
    ),
    waits(row(
        "FAC-010",
        "seed:001",
        "/lignes",
        "Échéance non ouverte à la facturation (ouverture le {date}).",
        "L'échéance n'est pas ouverte avant ce jour. Une facture gardée par la passerelle part seule, ce \
         jour-là.",
        Check::Facture(FactureCheck(open)),
    )),
    row(
        "FAC-011",
        "seed:001, public:IA",
        "/lignes",
        "Montant de l'échéance différent du montant attendu.",
        "Le CFA facture ce qui reste de l'échéance, la majoration RQTH à part ; ou il envoie la facture \
         comme ajustée, avec son motif.",
        Check::Facture(FactureCheck(expected::amount)),
    ),
    row(
        "FAC-012",
        "seed:001",
        "/siretEmetteur",
        "SIRET émetteur différent de celui de l'échéance.",
        "Le CFA émet la facture au nom du SIRET indiqué sur l'échéance.",
        Check::Facture(FactureCheck(same_emitter)),
    ),
    // The catalogue blocks here, from practice. But a certificate sent as a document is linked to its
    // invoice by the number that the OPCO gives the invoice (protocol §11, second channel): refusing the
    // invoice until then would close that channel. What is missing holds back the payment, not the invoice.
    warns(row(
        "FAC-018",
        "public:CF, seed:001",
        "/estCertificatRealisation",
        "Certificat de réalisation manquant pour cette échéance.",
        "L'OPCO ne règle pas cette échéance avant son certificat : le CFA le joint à la facture et \
         l'indique, l'envoie comme document lié à la facture, ou l'envoie sous forme structurée.",
        Check::Facture(FactureCheck(certified)),
    )),
    waits(row(
        "FAC-021",
        "assumed",
        "/lignes",
        "Échéancier à actualiser avant facturation.",
        "Rien à faire : la passerelle relit l'échéancier, puis envoie la facture.",
        Check::Facture(FactureCheck(fresh_schedule)),
    )),
    warns(row(
        "FAC-022",
        "assumed",
        "/dateEmission",
        "Date d'émission incohérente.",
        "Le CFA vérifie la date d'émission : ni après ce jour, ni avant l'ouverture de l'échéance.",
        Check::Facture(FactureCheck(issued_in_time)),
    )),
    Rule {
        from: Some(REFORM),
        ..warns(row(
            "FAC-023",
            "public: press on decree 2025-585",
            "/dateEmission",
            "Au-delà de 4 mois après la fin du contrat, le solde de 10 % n'est plus dû.",
            "Le CFA s'attend à ce que l'OPCO refuse le solde ; il facture dans les 4 mois suivant la \
             fin.",
            Check::Facture(FactureCheck(billed_in_time)),
        ))
    },
    Rule {
        from: Some(REFORM),
        ..warns(row(
            "FAC-024",
            "public: press on decree 2025-585",
            "/lignes",
            "Joindre la copie de la facture de participation employeur.",
            "Le CFA envoie à l'OPCO, comme document, la copie de sa facture à l'employeur.",
            Check::Facture(FactureCheck(employer_share)),
        ))
    },
    row(
        "FAC-025",
        "capability auto_echeance_1",
        "/lignes",
        "Échéance 1 réglée par l'OPCO sans facture.",
        "Le CFA ne facture pas cette échéance : l'OPCO la règle de lui-même. Le premier équipement se \
         facture, lui, avec elle.",
        Check::Facture(FactureCheck(not_automatic)),
    ),
];

fn same_account(on: &Invoice<'_>, found: &mut Found<'_>) {
    let Some(ours) = &on.payload.iban_emetteur else {
        return;
    };
    let differs = found_lines(on).any(|(_, _, known, echeance)| {
        let of_dossier = |schedule: &'_ Echeancier| {
            schedule.details_facturation.iban.as_ref() != Some(ours)
                && schedule.details_facturation.iban.is_some()
        };
        match &echeance.iban {
            Some(theirs) => theirs != ours,
            None => known.echeancier.is_some_and(of_dossier),
        }
    });
    if differs {
        found.broken_masked();
    }
}

fn has_deca(on: &Invoice<'_>, found: &mut Found<'_>) {
    for (place, known) in on.first_lines() {
        if known.is_some_and(|known| known.numero_deca.is_none()) {
            found.bare(&format!("/lignes/{place}/numeroDeca"));
        }
    }
}

fn committed(on: &Invoice<'_>, found: &mut Found<'_>) {
    if on.payload.is_avoir() {
        return;
    }
    for (place, known) in on.first_lines() {
        let Some(known) = known else { continue };
        let pointer = format!("/lignes/{place}/numeroDossier");
        let open_balance = known
            .echeancier
            .is_none_or(|schedule| schedule.echeances.iter().any(|line| line.left_cents() > 0));
        match known.etat {
            Some(Etat::Engage) => {}
            Some(Etat::Rupture) if open_balance => {}
            Some(etat @ (Etat::Refuse | Etat::Annule | Etat::Solde | Etat::Rupture)) => {
                found.with_effect(&pointer, Some(etat.as_str().to_owned()), Effect::Refuse);
            }
            Some(etat @ (Etat::Transmis | Etat::EnCoursInstruction)) => {
                found.at(&pointer, etat.as_str());
            }
            None => found.bare(&pointer),
        }
    }
}

fn known_echeance(on: &Invoice<'_>, found: &mut Found<'_>) {
    for (place, ligne, known) in on.lines() {
        if let (Some(numero), Some(schedule)) = (
            ligne.numero_echeance,
            known.and_then(|known| known.echeancier),
        ) && schedule.find(numero).is_none()
        {
            found.at(&format!("/lignes/{place}/numeroEcheance"), numero);
        }
    }
}

fn same_codification(on: &Invoice<'_>, found: &mut Found<'_>) {
    for (place, ligne, _, echeance) in found_lines(on) {
        if let (Some(ours), Some(theirs)) = (&ligne.codification_echeance, &echeance.codification)
            && ours != theirs
        {
            found.at(&format!("/lignes/{place}/codificationEcheance"), ours);
        }
    }
}

fn open(on: &Invoice<'_>, found: &mut Found<'_>) {
    let today = day_in_france(on.context.now);
    if on.payload.is_avoir() {
        return;
    }
    for (place, _, _, echeance) in found_lines(on) {
        if let Some(opening) = echeance.date_ouverture.filter(|opening| *opening > today) {
            let day = french(opening);
            let pointer = format!("/lignes/{place}/numeroEcheance");
            found.worded(&pointer, &[("date", &day)], &opening.to_string());
        }
    }
}

fn same_emitter(on: &Invoice<'_>, found: &mut Found<'_>) {
    let Some(ours) = on.payload.siret_emetteur else {
        return;
    };
    let mut lines = found_lines(on);
    if lines.any(|(_, _, _, echeance)| echeance.siret_cfa.is_some_and(|theirs| theirs != ours)) {
        found.broken(ours);
    }
}

fn certified(on: &Invoice<'_>, found: &mut Found<'_>) {
    if on.payload.is_avoir() || on.payload.est_certificat_realisation == Some(true) {
        return;
    }
    let missing = on.lines().find_map(|(_, ligne, known)| {
        let numero = ligne.numero_echeance?;
        let first = known
            .and_then(|known| known.echeancier?.first_numero())
            .unwrap_or(1);
        let sent = known.is_some_and(|known| known.certified.contains(&numero));
        (numero > first && !sent).then_some(numero)
    });
    if let Some(numero) = missing {
        found.broken(format_args!("échéance {numero}"));
    }
}

fn fresh_schedule(on: &Invoice<'_>, found: &mut Found<'_>) {
    for (place, known) in on.first_lines() {
        let known = known.filter(|known| known.echeancier.is_some());
        let fresh = known.is_some_and(|known| {
            let (Some(read_at), again) = (known.echeancier_read_at, known.read_again_after) else {
                return false;
            };
            let age = on.context.now.duration_since(read_at);
            Duration::try_from(age).unwrap_or_default() < FRESH
                && again.is_none_or(|again| read_at > again)
        });
        if !fresh {
            found.bare(&format!("/lignes/{place}"));
        }
    }
}

fn issued_in_time(on: &Invoice<'_>, found: &mut Found<'_>) {
    let Some(issued) = on.payload.date_emission else {
        return;
    };
    let early = !on.payload.is_avoir()
        && found_lines(on).any(|(_, _, _, echeance)| {
            echeance
                .date_ouverture
                .is_some_and(|opening| issued < opening)
        });
    if early || issued > day_in_france(on.context.now) {
        found.broken(issued);
    }
}

fn billed_in_time(on: &Invoice<'_>, found: &mut Found<'_>) {
    let today = day_in_france(on.context.now);
    let late = on
        .first_lines()
        .filter_map(|(_, known)| known)
        .find_map(|known| {
            let end = known.end()?;
            let in_force = found.rule.applies_on(known.concluded());
            (in_force && today > months_after(end, MONTHS_TO_BILL)).then_some(end)
        });
    if let Some(end) = late.filter(|_| !on.payload.is_avoir()) {
        found.broken(end);
    }
}

fn employer_share(on: &Invoice<'_>, found: &mut Found<'_>) {
    if on.payload.is_avoir() {
        return;
    }
    for (place, known) in on.first_lines() {
        let Some(known) = known else { continue };
        let level = known
            .contrat
            .and_then(|contrat| contrat.cerfa.formation.type_diplome);
        let first = known
            .echeancier
            .and_then(Echeancier::first_numero)
            .unwrap_or(1);
        let bills_first = on.lines().any(|(_, ligne, other)| {
            ligne.numero_echeance == Some(first)
                && other.is_some_and(|other| other.numero_externe == known.numero_externe)
        });
        if level.is_some_and(is_level_6_or_7)
            && bills_first
            && !known.employer_invoice_sent
            && found.rule.applies_on(known.concluded())
        {
            found.bare(&format!("/lignes/{place}"));
        }
    }
}

fn not_automatic(on: &Invoice<'_>, found: &mut Found<'_>) {
    if on.payload.is_avoir() {
        return;
    }
    for (place, ligne, _) in on.lines() {
        if is_automatic(on, ligne) {
            found.bare(&format!("/lignes/{place}"));
        }
    }
}
