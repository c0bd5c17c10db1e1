//! The keys of a full dossier that speak of money (protocol §7).

use serde_json::{Value, json};

use crate::book::{Account, EQUIPMENT_CENTS, MEAL_CENTS, NIGHT_CENTS, Position};
use crate::cents::euros;
use crate::nature::{ANNEXES, Nature};
use crate::schedule::midnight;
use crate::settings::OpcoSettings;

/// Returns what is committed, the schedule, the invoicing details and the ancillary costs granted.
pub(super) fn write(
    account: &Account,
    siret_cfa: &str,
    settings: &OpcoSettings,
) -> [(&'static str, Value); 4] {
    let line = |position: &Position| {
        let echeance = &position.echeance;
        json!({
            "numero": echeance.numero,
            "codification": echeance.codification(settings.codification),
            "dateOuverture": midnight(echeance.ouverture),
            "dateDebut": echeance.periode.map(|(first, _)| first.to_string()),
            "dateFin": echeance.periode.map(|(_, last)| last.to_string()),
            "montantTotal": euros(echeance.total_cents()),
            "dontMontantPedagogie": euros(echeance.pedagogie_cents),
            "dontMajorationRqth": euros(echeance.rqth_cents),
            "montantRegle": euros(position.paid.sum()),
            "montantEnCoursInstruction": euros(position.review.sum()),
            "siretCfa": siret_cfa,
            "iban": settings.iban,
        })
    };
    [
        ("engagement", euros(account.total_cents())),
        (
            "echeances",
            account.positions.iter().map(line).collect::<Value>(),
        ),
        ("detailsFacturation", details(account)),
        ("engagementsFraisAnnexe", granted(account)),
    ]
}

fn details(account: &Account) -> Value {
    let settled = |nature| account.settled.contains(&nature);
    let mut periods = account.periods.clone();
    if periods.is_empty() {
        // Nothing has been invoiced: where these costs are expected (protocol §10).
        periods = vec![(1, Nature::PremierEquipement), (2, Nature::Restauration)];
        periods.retain(|(_, nature)| account.granted.cents(*nature) > 0);
    }
    periods.sort_unstable();
    periods.dedup();
    let periods: Vec<Value> = periods
        .iter()
        .map(|(numero, nature)| json!({"numeroEcheance": numero, "nature": nature.wire()}))
        .collect();
    let equipment = account.granted.equipement_cents.min(EQUIPMENT_CENTS);
    json!({
        "fraisPremierEquipementRegles": settled(Nature::PremierEquipement),
        "fraisMobiliteRegles": settled(Nature::Mobilite),
        "plafondFraisPremierEquipement": euros(equipment),
        "plafondFraisMobilite": euros(account.granted.mobilite_cents),
        "periodesFraisAnnexes": periods,
    })
}

fn granted(account: &Account) -> Value {
    let annexes = account.granted;
    let line = |nature: Nature| {
        let (quantity, price) = match nature {
            Nature::Restauration => (annexes.repas, MEAL_CENTS),
            Nature::Hebergement => (annexes.nuits, NIGHT_CENTS),
            other => (1, annexes.cents(other)),
        };
        let total = annexes.cents(nature);
        (total > 0).then(|| {
            json!({
                "natureFrais": nature.wire(),
                "quantite": quantity,
                "prixUnitaire": euros(price),
                "montantTotal": euros(total),
            })
        })
    };
    ANNEXES.into_iter().filter_map(line).collect()
}

#[cfg(test)]
mod tests;
