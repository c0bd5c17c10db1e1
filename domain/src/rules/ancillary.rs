//! FAC: meals, nights, first equipment and mobility against what the OPCO granted and settled.

use std::collections::BTreeMap;

use super::invoice::Invoice;
use super::payload::{row, warns};
use super::subject::Found;
use super::{Check, FactureCheck, Rule};
use crate::echeancier::Echeancier;
use crate::form::Montant;
use crate::payload::{Ligne, NatureLigne};

/// The usual caps in cents (protocol §17): a meal, a night, the equipment, the supplement.
const MEAL: i64 = 300;
const NIGHT: i64 = 600;
const EQUIPMENT: i64 = 50_000;
const SUPPLEMENT: i64 = 400_000;

pub(super) static RULES: [Rule; 5] = [
    row(
        "FAC-015",
        "seed:001",
        "/lignes",
        "Frais annexes au-delà du plafond ou de l'engagement.",
        "Le montant excède ce que l'OPCO a engagé, ou son plafond : le CFA le ramène à ce qui reste, \
         déduction faite de ce qui est déjà facturé.",
        Check::Facture(FactureCheck(within_grant)),
    ),
    warns(row(
        "FAC-016",
        "public: akto.fr",
        "/lignes",
        "Montant supérieur au plafond usuel.",
        "Le CFA vérifie le montant : 3 € par repas, 6 € par nuitée, 500 € de premier équipement, 4000 € \
         de majoration RQTH.",
        Check::Facture(FactureCheck(usual)),
    )),
    row(
        "FAC-017",
        "public:CF, assumed",
        "/lignes",
        "Premier équipement déjà réglé.",
        "Le CFA retire cette ligne : l'OPCO a déjà réglé le premier équipement.",
        Check::Facture(FactureCheck(equipment_once)),
    ),
    row(
        "FAC-026",
        "public:CF, assumed",
        "/lignes",
        "Frais de mobilité déjà réglés.",
        "Le CFA retire cette ligne : l'OPCO a déjà réglé la mobilité.",
        Check::Facture(FactureCheck(mobility_once)),
    ),
    row(
        "FAC-027",
        "assumed",
        "/lignes",
        "Numéro DECA différent de celui du dossier.",
        "Le CFA reprend le numéro DECA que l'OPCO donne pour ce dossier.",
        Check::Facture(FactureCheck(same_deca)),
    ),
];

fn within_grant(on: &Invoice<'_>, found: &mut Found<'_>) {
    if on.payload.is_avoir() {
        return;
    }
    let mut billed: BTreeMap<(Option<&str>, NatureLigne), (usize, i64)> = BTreeMap::new();
    for (place, ligne, known) in on.lines() {
        let (Some(known), Some(nature), Some(montant)) = (known, ligne.nature_ligne, ligne.montant)
        else {
            continue;
        };
        if nature.is_scheduled() {
            continue;
        }
        let Some(schedule) = known.echeancier else {
            continue;
        };
        let sum = billed
            .entry((known.numero_externe, nature))
            .or_insert_with(|| {
                let before = known.annexes_billed.iter().filter(|(of, _)| *of == nature);
                (
                    place,
                    before.map(|(_, cents)| *cents).fold(0, i64::saturating_add),
                )
            });
        let was = sum.1;
        sum.1 = sum.1.saturating_add(montant.cents);
        if let Some(limit) = limit(schedule, nature)
            && sum.1 > limit
            && was <= limit
        {
            let value = format!(
                "{} facturé, {} engagé",
                Montant { cents: sum.1 },
                Montant { cents: limit }
            );
            found.at(&format!("/lignes/{place}/montant"), value);
        }
    }
}

/// Returns the most that may be billed of a nature: what is granted, and the cap. An OPCO that lists
/// no grant at all tells nothing; one that lists others grants none of this one.
fn limit(schedule: &Echeancier, nature: NatureLigne) -> Option<i64> {
    let details = &schedule.details_facturation;
    let cap = match nature {
        NatureLigne::PremierEquipement => details.plafond_frais_premier_equipement,
        NatureLigne::Mobilite => details.plafond_frais_mobilite,
        _ => None,
    };
    let listed = !schedule.engagements_frais_annexe.is_empty();
    let granted = schedule
        .granted_cents(nature)
        .or_else(|| listed.then_some(0));
    // A cap of zero is written where there is none.
    let cap = cap.map(|cap| cap.cents).filter(|cap| *cap > 0);
    granted.into_iter().chain(cap).min()
}

fn usual(on: &Invoice<'_>, found: &mut Found<'_>) {
    for (place, ligne, known) in on.lines() {
        let (Some(nature), Some(montant)) = (ligne.nature_ligne, ligne.montant) else {
            continue;
        };
        let schedule = known.and_then(|known| known.echeancier);
        let most = match nature {
            NatureLigne::Restauration => {
                units(ligne, schedule).map(|n| n.saturating_mul(MEAL) / 100)
            }
            NatureLigne::Hebergement => {
                units(ligne, schedule).map(|n| n.saturating_mul(NIGHT) / 100)
            }
            NatureLigne::PremierEquipement => Some(EQUIPMENT),
            NatureLigne::MajorationRqth => Some(SUPPLEMENT),
            NatureLigne::Pedagogie | NatureLigne::Mobilite => None,
        };
        if most.is_some_and(|most| montant.cents > most) {
            found.at(&format!("/lignes/{place}/montant"), montant);
        }
    }
}

/// Returns how many meals or nights a line pays for, in hundredths. Both clients send a quantity of
/// one for a whole line (protocol §10): then it is what the OPCO granted, if it tells.
fn units(ligne: &Ligne, schedule: Option<&Echeancier>) -> Option<i64> {
    let given = ligne.quantite.map(|quantite| quantite.hundredths);
    given
        .filter(|hundredths| *hundredths > 100)
        .or_else(|| schedule?.granted_quantity(ligne.nature_ligne?))
}

fn equipment_once(on: &Invoice<'_>, found: &mut Found<'_>) {
    settled(on, found, NatureLigne::PremierEquipement, |schedule| {
        schedule.details_facturation.frais_premier_equipement_regles
    });
}

fn mobility_once(on: &Invoice<'_>, found: &mut Found<'_>) {
    settled(on, found, NatureLigne::Mobilite, |schedule| {
        schedule.details_facturation.frais_mobilite_regles
    });
}

fn settled(
    on: &Invoice<'_>,
    found: &mut Found<'_>,
    nature: NatureLigne,
    flag: fn(&Echeancier) -> Option<bool>,
) {
    if on.payload.is_avoir() {
        return;
    }
    for (place, ligne, known) in on.lines() {
        let schedule = known.and_then(|known| known.echeancier);
        if ligne.nature_ligne == Some(nature) && schedule.and_then(flag) == Some(true) {
            found.bare(&format!("/lignes/{place}"));
        }
    }
}

fn same_deca(on: &Invoice<'_>, found: &mut Found<'_>) {
    for (place, ligne, known) in on.lines() {
        if let (Some(ours), Some(theirs)) = (
            ligne.numero_deca.as_deref(),
            known.and_then(|known| known.numero_deca),
        ) && !ours.eq_ignore_ascii_case(theirs)
        {
            found.at(&format!("/lignes/{place}/numeroDeca"), ours);
        }
    }
}
