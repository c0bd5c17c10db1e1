//! Meals, nights, equipment and mobility: granted, billed, and paid as far as the OPCO tells.

use super::{Account, Ancillary};
use crate::echeancier::EtatFacture;
use crate::payload::NatureLigne;

pub(super) fn of(account: &Account<'_>) -> Vec<Ancillary> {
    let details = &account.echeancier.details_facturation;
    let natures = NatureLigne::ALL
        .iter()
        .copied()
        .filter(|nature| !nature.is_scheduled());
    natures
        .map(|nature| {
            let mut row = Ancillary {
                nature,
                granted_cents: account.echeancier.granted_cents(nature).unwrap_or_default(),
                billed_cents: 0,
                paid_cents: 0,
            };
            for facture in account.factures.iter().filter(|f| !f.etat.is_void()) {
                let cents = facture
                    .lignes
                    .iter()
                    .filter(|l| l.nature == nature)
                    .map(|l| l.cents);
                let sum = cents.fold(0, i64::saturating_add);
                row.billed_cents = row.billed_cents.saturating_add(sum);
                if facture.etat == EtatFacture::Regle {
                    row.paid_cents = row.paid_cents.saturating_add(sum);
                }
            }
            let settled = match nature {
                NatureLigne::PremierEquipement => details.frais_premier_equipement_regles,
                NatureLigne::Mobilite => details.frais_mobilite_regles,
                _ => None,
            };
            match settled {
                Some(true) if row.paid_cents == 0 && row.billed_cents > 0 => {
                    row.paid_cents = row.billed_cents;
                }
                Some(true) if row.paid_cents == 0 => row.paid_cents = row.granted_cents,
                Some(false) => row.paid_cents = 0,
                Some(true) | None => {}
            }
            row
        })
        .filter(|row| row.granted_cents != 0 || row.billed_cents != 0 || row.paid_cents != 0)
        .collect()
}
