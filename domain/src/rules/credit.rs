//! AVO: the credit note.

use super::context::Origin;
use super::invoice::Invoice;
use super::payload::row;
use super::subject::Found;
use super::{Check, FactureCheck, Rule};

const ORIGIN: &str = "/numeroFactureOrigine";

pub(super) static RULES: [Rule; 1] = [row(
    "AVO-001",
    "seed:001, assumed",
    ORIGIN,
    "Avoir impossible : {motif}.",
    "Le CFA vérifie la facture d'origine et le montant ; si l'OPCO ne reçoit pas les avoirs par ce \
     moyen, il s'adresse à lui directement.",
    Check::Facture(FactureCheck(possible)),
)];

fn possible(on: &Invoice<'_>, found: &mut Found<'_>) {
    if !on.payload.is_avoir() {
        return;
    }
    let mut refuse = |pointer: &str, why: &str, value: &str| {
        found.worded(pointer, &[("motif", why)], value);
    };
    if !on.context.profile.avoir {
        refuse("", "cet OPCO ne reçoit pas d'avoir", "");
    }
    let numero = on.payload.numero_facture_origine.as_deref();
    let total = on.payload.montant_total;
    if total.is_some_and(|total| total.cents >= 0) {
        refuse("/montantTotal", "le montant doit être négatif", "");
    }
    match (numero, on.context.origin) {
        (None, _) => refuse(ORIGIN, "la facture d'origine n'est pas indiquée", ""),
        (Some(numero), Origin::Unknown) => {
            refuse(ORIGIN, "la facture d'origine est inconnue", numero);
        }
        (
            Some(_),
            Origin::Known {
                total_cents,
                credited_cents,
            },
        ) => {
            let credited = total.map_or(0, |total| total.cents.saturating_neg());
            if credited.saturating_add(credited_cents) > total_cents {
                let given = total.unwrap_or_default().to_string();
                refuse(
                    "/montantTotal",
                    "le montant dépasse celui de la facture d'origine",
                    &given,
                );
            }
        }
        (Some(_), Origin::NotLooked) => {}
    }
}
