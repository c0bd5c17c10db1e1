//! The control of a running simulator, from Rust; the control API is a translation of this.

mod ledger;
mod money;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::book::{Disobeyed, DossierView, Order, Reading};
use crate::etat::Etat;
use crate::fault::{ActiveFault, Fault, FaultError};
use crate::identity::{CfaKey, Client};
use crate::opcos::Facts;
use crate::record::{Kind, RequestEntry};
use crate::settings::{OpcoSettings, Overrides};
use crate::sim::{Desk, Refused, Remembered, Sim};
use crate::writer::Writer;

/// Why a control did nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// No OPCO has this slug.
    #[error("aucun OPCO ne s'appelle « {0} »")]
    UnknownOpco(String),
    /// No dossier has this number.
    #[error("aucun dossier ne porte le numéro « {0} »")]
    UnknownDossier(String),
    /// No invoice has this number.
    #[error("aucune facture ne porte le numéro « {0} »")]
    UnknownFacture(String),
    /// The state machine has no such way.
    #[error("un dossier {} ne peut pas devenir {} sans « force »", from.wire(crate::Version::V1), to.wire(crate::Version::V1))]
    NoWay {
        /// The state it is in.
        from: Etat,
        /// The state asked for.
        to: Etat,
    },
    /// A value that cannot be.
    #[error("{0}")]
    Invalid(String),
}

impl From<FaultError> for ControlError {
    fn from(error: FaultError) -> Self {
        Self::Invalid(error.to_string())
    }
}

/// An order to put a dossier in another state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateOrder {
    /// The state it is to be in.
    pub etat: Etat,
    /// What `commentaireEtat` then says.
    #[serde(default)]
    pub commentaire: Option<String>,
    /// Whether to go there by a way the state machine does not know.
    #[serde(default)]
    pub force: bool,
}

impl StateOrder {
    /// Returns an order that follows the state machine.
    pub fn new(etat: Etat) -> Self {
        Self {
            etat,
            commentaire: None,
            force: false,
        }
    }
}

/// What one OPCO got and gave.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OpcoSummary {
    /// The OPCO's slug.
    pub opco: &'static str,
    /// Its name.
    pub name: &'static str,
    /// The path its versions follow.
    pub base_path: String,
    /// The path of its token endpoint.
    pub token_path: String,
    /// How many calls came.
    pub received: u64,
    /// How many contracts it holds.
    pub accepted: usize,
    /// What it has accepted, by kind.
    pub kinds: BTreeMap<Kind, usize>,
    /// Calls by `route status`; `-` stands for no answer.
    pub counts: BTreeMap<String, u64>,
    /// Contracts by state.
    pub states: BTreeMap<Etat, usize>,
    /// The switches that are on.
    pub faults: Vec<ActiveFault>,
    /// The last calls refused, the latest last.
    pub refusals: Vec<Refused>,
}

/// What all OPCOs got and gave.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// The virtual time, in milliseconds.
    pub now_ms: i64,
    /// The source's time, in milliseconds.
    pub source_ms: i64,
    /// Virtual milliseconds per millisecond of the source.
    pub factor: u32,
    /// Those that answer: all eleven, or one.
    pub opcos: Vec<OpcoSummary>,
}

pub use ledger::LedgerPage;
pub use money::InvoiceOrder;

/// Controls a running simulator; cheap to clone.
#[derive(Clone)]
pub struct Handle(Arc<Sim>);

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handle")
    }
}

impl Handle {
    pub(crate) fn new(sim: Arc<Sim>) -> Self {
        Self(sim)
    }

    pub(crate) fn facts(&self, slug: &str) -> Option<&Facts> {
        self.0.served(slug).map(|desk| &desk.facts)
    }

    fn desk(&self, slug: &str) -> Result<&Desk, ControlError> {
        self.0
            .desk(slug)
            .ok_or_else(|| ControlError::UnknownOpco(slug.to_owned()))
    }

    fn reading(&self, desk: &Desk) -> Reading {
        self.0.reading(&desk.settings())
    }

    /// Turns a fault on at one OPCO.
    pub fn add_fault(&self, slug: &str, fault: Fault) -> Result<(), ControlError> {
        Ok(self.desk(slug)?.faults.add(fault)?)
    }

    /// Turns every fault of one OPCO off.
    pub fn clear_faults(&self, slug: &str) -> Result<(), ControlError> {
        self.desk(slug)?.faults.clear();
        Ok(())
    }

    /// Returns the faults of one OPCO, with how often each struck.
    pub fn faults(&self, slug: &str) -> Result<Vec<ActiveFault>, ControlError> {
        Ok(self.desk(slug)?.faults.list())
    }

    /// Changes the settings of one OPCO.
    pub fn configure(&self, slug: &str, overrides: &Overrides) -> Result<(), ControlError> {
        self.desk(slug)?
            .configure(|settings| settings.apply(overrides));
        Ok(())
    }

    /// Returns the settings of one OPCO.
    pub fn settings(&self, slug: &str) -> Result<Arc<OpcoSettings>, ControlError> {
        Ok(self.desk(slug)?.settings())
    }

    /// Registers a CFA key at one OPCO, or changes it, and returns its fingerprint.
    pub fn register_key(&self, slug: &str, key: &CfaKey) -> Result<String, ControlError> {
        let desk = self.desk(slug)?;
        if key
            .siren
            .as_ref()
            .is_some_and(|siren| !crate::digits::is_siren(siren))
        {
            return Err(ControlError::Invalid("SIREN invalide".to_owned()));
        }
        let print = desk
            .identity
            .register_key(key)
            .ok_or_else(|| ControlError::Invalid("clé vide, ou trop de clés".to_owned()))?;
        if let Some(siren) = &key.siren {
            desk.book().assign(&print, siren);
        }
        Ok(print.to_string())
    }

    /// Registers a software account at one OPCO, or changes its secret.
    pub fn register_client(&self, slug: &str, client: &Client) -> Result<(), ControlError> {
        if self.desk(slug)?.identity.register_client(client) {
            Ok(())
        } else {
            Err(ControlError::Invalid(
                "compte vide, ou trop de comptes".to_owned(),
            ))
        }
    }

    /// Moves the virtual clock forward and, if given, changes its factor (0 freezes it).
    pub fn move_clock(&self, advance_ms: u64, factor: Option<u32>) {
        self.0.clock.bend(advance_ms, factor);
    }

    /// Returns the virtual time, in milliseconds.
    pub fn now_ms(&self) -> i64 {
        self.0.clock.now_ms()
    }

    /// Puts a dossier in another state.
    pub fn set_state(
        &self,
        slug: &str,
        numero_interne: &str,
        order: StateOrder,
    ) -> Result<(), ControlError> {
        let desk = self.desk(slug)?;
        let progress = desk.settings().progress;
        let to = order.etat;
        let StateOrder {
            etat,
            commentaire,
            force,
        } = order;
        let order = Order {
            etat,
            commentaire,
            force,
        };
        desk.book()
            .order(numero_interne, order, progress, self.reading(desk))
            .map_err(|why| match why {
                Disobeyed::NoSuchDossier => ControlError::UnknownDossier(numero_interne.to_owned()),
                Disobeyed::NoWay(from) => ControlError::NoWay { from, to },
            })
    }

    /// Returns the dossiers of one OPCO, whoever filed them: at most `limit` after the first `skip`.
    pub fn dossiers(
        &self,
        slug: &str,
        skip: usize,
        limit: usize,
    ) -> Result<Vec<DossierView>, ControlError> {
        let desk = self.desk(slug)?;
        let reading = self.reading(desk);
        let (mut views, mut rank) = (Vec::new(), 0_usize);
        desk.book().every(reading, |dossier| {
            if rank >= skip && views.len() < limit {
                views.push(DossierView {
                    numero_interne: dossier.numero_interne(),
                    numero_externe: dossier.numero_externe(),
                    numero_deca: dossier.deca(reading.now_ms),
                    initial: dossier.initial.map(|numero| numero.to_string()),
                    etat: dossier.etat,
                    history: dossier.history.clone(),
                    pairing: dossier.filing.pairing.pairing(),
                });
            }
            rank += 1;
        });
        Ok(views)
    }

    /// Returns the last calls, of one OPCO or of all, at most `limit` of each, in order of arrival.
    pub fn requests(
        &self,
        slug: Option<&str>,
        limit: usize,
    ) -> Result<Vec<RequestEntry>, ControlError> {
        let mut entries: Vec<RequestEntry> = Vec::new();
        for desk in self.desks(slug)? {
            let journal = desk.journal();
            let skip = journal.requests.len().saturating_sub(limit);
            let last = journal.requests.iter().skip(skip);
            entries.extend(last.map(|call| call.entry.clone()));
        }
        entries.sort_by_key(|entry| entry.arrival_ms);
        Ok(entries)
    }

    fn desks(&self, slug: Option<&str>) -> Result<Vec<&Desk>, ControlError> {
        match slug {
            Some(slug) => Ok(vec![self.desk(slug)?]),
            None => Ok(self.0.served_desks().collect()),
        }
    }

    /// Returns what every OPCO got and gave.
    pub fn summary(&self) -> Summary {
        Summary {
            now_ms: self.now_ms(),
            source_ms: self.0.clock.source_ms(),
            factor: self.0.clock.factor(),
            opcos: self
                .0
                .served_desks()
                .map(|desk| self.summary_of(desk))
                .collect(),
        }
    }

    fn summary_of(&self, desk: &Desk) -> OpcoSummary {
        let mut by_state = BTreeMap::new();
        let mut accepted = 0_usize;
        let mut kinds = BTreeMap::new();
        {
            let mut book = desk.book();
            book.every(self.reading(desk), |dossier| {
                *by_state.entry(dossier.etat).or_insert(0) += 1;
                accepted += 1;
            });
            for deed in book.deeds() {
                *kinds.entry(deed.kind).or_insert(0) += 1;
            }
        }
        if accepted > 0 {
            kinds.insert(Kind::Dossier, accepted);
        }
        let journal = desk.journal();
        let counts = journal.counts.iter().map(|((route, status), count)| {
            let status = status.map_or_else(|| "-".to_owned(), |status| status.to_string());
            (format!("{route} {status}"), *count)
        });
        let facts = &desk.facts;
        OpcoSummary {
            opco: facts.slug,
            name: facts.name,
            base_path: format!("/{}{}", facts.slug, facts.base()),
            token_path: format!("/{}{}", facts.slug, facts.token_path()),
            received: journal.received,
            accepted,
            kinds,
            counts: counts.collect(),
            states: by_state,
            faults: desk.faults.list(),
            refusals: journal.refusals.iter().cloned().collect(),
        }
    }

    /// Returns the last calls of those that answer, the latest first, with what was wrong with each.
    pub(crate) fn remembered(&self, most: usize) -> Vec<Remembered> {
        let mut calls = Vec::new();
        for desk in self.0.served_desks() {
            let journal = desk.journal();
            calls.extend(journal.requests.iter().rev().take(most).cloned());
        }
        calls.sort_by_key(|call| std::cmp::Reverse((call.entry.arrival_ms, call.entry.sequence)));
        calls.truncate(most);
        calls
    }

    /// Returns whether everything is open, and whether only registered keys and accounts are good.
    pub(crate) fn stance(&self) -> (bool, bool) {
        (self.0.settings.sandbox, self.0.settings.strict)
    }

    /// Forgets dossiers, calls and faults; keys, accounts, settings, clock and files stay, and
    /// numbers go on.
    pub fn reset(&self) {
        for desk in &self.0.desks {
            desk.faults.clear();
            desk.book().clear();
            *desk.journal() = crate::sim::Journal::default();
        }
    }

    /// Waits until the files hold what was written so far.
    pub async fn flush(&self) {
        let files: [Option<&Writer>; 2] = [self.0.ledger.as_ref(), self.0.request_log.as_ref()];
        for file in files.into_iter().flatten() {
            file.flush().await;
        }
    }
}
