//! One dossier: what was filed, and what became of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::account::Annexes;
use crate::etat::{Etat, Version};
use crate::record::Pairing;
use crate::schedule::{Echeance, Terms};

/// Between the parts of a pairing key; in no name.
const SEPARATOR: char = '\u{1f}';

/// The five pairing fields as one text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct PairingKey(Arc<str>);

impl From<&Pairing> for PairingKey {
    fn from(pairing: &Pairing) -> Self {
        let Pairing {
            nom,
            prenom,
            date_naissance,
            siret,
            date_debut_contrat,
        } = pairing;
        let parts = [nom, prenom, date_naissance, siret, date_debut_contrat];
        Self(
            parts
                .map(|part| part.trim())
                .join(&SEPARATOR.to_string())
                .into(),
        )
    }
}

impl PairingKey {
    pub(crate) fn pairing(&self) -> Pairing {
        let mut parts = self.0.split(SEPARATOR).map(str::to_owned);
        let mut next = || parts.next().unwrap_or_default();
        Pairing {
            nom: next(),
            prenom: next(),
            date_naissance: next(),
            siret: next(),
            date_debut_contrat: next(),
        }
    }
}

/// A contract about to be filed.
pub(crate) struct Filing {
    pub(crate) version: Version,
    pub(crate) key: Arc<str>,
    pub(crate) pairing: PairingKey,
    pub(crate) terms: Terms,
    pub(crate) body: Option<Box<[u8]>>,
    pub(crate) headers: Option<BTreeMap<String, String>>,
    /// The deposit number of the contract this one amends.
    pub(crate) amends: Option<String>,
    pub(crate) arrival_ms: i64,
    pub(crate) virtual_ms: i64,
}

/// What has come for a dossier besides its contract; most have nothing for long.
#[derive(Debug, Clone, Default)]
pub(crate) struct Billing {
    /// The ancillary costs its agreement has granted.
    pub(crate) granted: Option<Annexes>,
    /// The schedule, once it is no longer the first.
    pub(crate) schedule: Option<Vec<Echeance>>,
    /// How often each line was issued again.
    pub(crate) reissued: BTreeMap<u32, u32>,
    /// The invoices that have a line for it, by rank.
    pub(crate) factures: Vec<usize>,
    /// The échéances that have a certificate of their own.
    pub(crate) certified: BTreeSet<u32>,
}

/// A dossier.
#[derive(Clone)]
pub(crate) struct Dossier {
    pub(crate) numero: u64,
    pub(crate) filing: Arc<Filing>,
    pub(crate) etat: Etat,
    pub(crate) commentaire: String,
    pub(crate) history: Vec<(Etat, i64)>,
    pub(crate) rupture: Option<Date>,
    pub(crate) initial: Option<u64>,
    pub(crate) billing: Option<Box<Billing>>,
    /// Whether someone ordered it to be closed, so that all of it counts as paid.
    pub(crate) closed_by_order: bool,
    /// Whether a termination is being written down.
    pub(super) terminating: bool,
    pub(super) instruction_at: Option<i64>,
    pub(super) decision_at: Option<i64>,
    pub(super) deca_at: Option<i64>,
    /// Whether the ledger holds it: until then nobody sees it.
    pub(super) durable: bool,
    /// The dossier filed before it with the same pairing key.
    pub(super) previous: Option<usize>,
}

/// Never its body, which holds a NIR.
impl fmt::Debug for Dossier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dossier {} {:?}", self.numero, self.etat)
    }
}

impl Dossier {
    pub(crate) fn numero_interne(&self) -> String {
        self.numero.to_string()
    }

    pub(crate) fn numero_externe(&self) -> String {
        let year = day_of(self.filing.virtual_ms).year().rem_euclid(100);
        format!("APP-{year:02}-{:07}", self.numero % 10_000_000)
    }

    /// Returns the deposit number once it shows.
    pub(crate) fn deca(&self, now_ms: i64) -> Option<String> {
        let shown = self.deca_at.is_some_and(|at| at <= now_ms);
        shown.then(|| {
            format!(
                "{}{:06}",
                self.filing.terms.deca_stem,
                self.numero % 1_000_000
            )
        })
    }

    pub(super) fn billing_mut(&mut self) -> &mut Billing {
        self.billing.get_or_insert_default()
    }

    /// Returns whether an invoice has a line for it.
    pub(super) fn is_invoiced(&self) -> bool {
        self.billing
            .as_ref()
            .is_some_and(|billing| !billing.factures.is_empty())
    }

    /// Lets the dossier make the steps whose time has come.
    pub(super) fn advance(&mut self, deca_ms: u32, now_ms: i64) {
        if self.etat == Etat::Transmis
            && let Some(at) = self.instruction_at.filter(|at| *at <= now_ms)
        {
            self.enter(Etat::EnCoursInstruction, at, deca_ms);
        }
        if self.etat == Etat::EnCoursInstruction
            && let Some(at) = self.decision_at.filter(|at| *at <= now_ms)
        {
            self.enter(Etat::Engage, at, deca_ms);
        }
    }

    pub(super) fn enter(&mut self, etat: Etat, at: i64, deca_ms: u32) {
        self.etat = etat;
        self.history.push((etat, at));
        if etat.has_schedule() && self.deca_at.is_none() {
            self.deca_at = Some(at.saturating_add(i64::from(deca_ms)));
        }
    }
}

/// Returns the day of an instant, in UTC.
pub(crate) fn day_of(ms: i64) -> Date {
    Timestamp::from_millisecond(ms)
        .unwrap_or_default()
        .to_zoned(TimeZone::UTC)
        .date()
}

/// Returns the first instant of a day, in UTC.
pub(crate) fn midnight_ms(day: Date) -> i64 {
    day.to_zoned(TimeZone::UTC)
        .map_or(i64::MAX, |start| start.timestamp().as_millisecond())
}

/// A line of the control API's list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DossierView {
    /// The OPCO's technical number.
    pub numero_interne: String,
    /// The OPCO's business number.
    pub numero_externe: String,
    /// The deposit number, once it shows.
    pub numero_deca: Option<String>,
    /// The number of the contract it amends, if it does.
    pub initial: Option<String>,
    /// The state now.
    pub etat: Etat,
    /// Every state and when it came, in virtual milliseconds.
    pub history: Vec<(Etat, i64)>,
    /// What pairs it.
    pub pairing: Pairing,
}
