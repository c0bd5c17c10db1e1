//! What can be billed on a day.

use jiff::civil::Date;
use serde::Serialize;

use super::{Echeance, Echeancier};

/// What one échéance still lets one bill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Facturable {
    /// Its number.
    pub numero: i64,
    /// The label to echo.
    pub codification: Option<String>,
    /// Since when it is open.
    pub date_ouverture: Date,
    /// What a line `PEDAGOGIE` must hold, in cents.
    pub pedagogie_cents: i64,
    /// What a line `MAJORATION_RQTH` must hold, in cents.
    pub rqth_cents: i64,
    /// The OPCO pays it without an invoice: do not bill it.
    pub auto: bool,
}

impl Echeancier {
    /// Returns what can be billed on a day, line by line. Where `auto_echeance_1` is set, the OPCO
    /// pays the first échéance by itself, and its line says so.
    pub fn facturable(&self, day: Date, auto_echeance_1: bool) -> Vec<Facturable> {
        let lines = self.echeances.iter().filter(|line| line.is_open(day));
        lines
            .filter(|line| line.left_cents() > 0)
            .filter_map(|line| {
                let (numero, date_ouverture) = line.numero.zip(line.date_ouverture)?;
                let (pedagogie_cents, rqth_cents) = line.expected_cents();
                Some(Facturable {
                    numero,
                    codification: line.codification.clone(),
                    date_ouverture,
                    pedagogie_cents,
                    rqth_cents,
                    auto: auto_echeance_1 && numero == 1,
                })
            })
            .collect()
    }
}

impl Echeance {
    /// Returns what is left of the tuition and of the disability supplement, in cents. Of a line
    /// already billed in part, tuition is taken to have been billed first.
    pub fn expected_cents(&self) -> (i64, i64) {
        let left = self.left_cents().max(0);
        let rqth = self.rqth_cents().clamp(0, left);
        (left - rqth, rqth)
    }
}
