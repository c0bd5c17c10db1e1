//! The whole of the simulator's memory: eleven desks, the clock, the files.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use serde::Serialize;

use crate::StartError;
use crate::book::{Book, Filing, PairingKey, Reading, Tariff};
use crate::clock::Clock;
use crate::fault::Faults;
use crate::identity::Identity;
use crate::opcos::{self, Facts, SLUGS};
use crate::record::{self, Kind, LedgerEntry, RequestEntry};
use crate::schema::Finding;
use crate::settings::{Capability, LedgerSync, OpcoSettings, RateLimit, Settings};
use crate::writer::Writer;

/// How many of the last refusals of each OPCO are remembered.
const MOST_REFUSALS: usize = 20;

/// A refused call, as the page shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// When it arrived, in milliseconds of the source clock.
    pub arrival_ms: i64,
    /// The route, as in [`RequestEntry::route`].
    pub route: String,
    /// The HTTP status.
    pub status: u16,
    /// What was wrong.
    pub reasons: Vec<String>,
}

/// A call with everything that was wrong with it, as the page shows it.
#[derive(Debug, Clone)]
pub(crate) struct Remembered {
    pub(crate) entry: RequestEntry,
    pub(crate) findings: Vec<Finding>,
}

/// What an OPCO remembers of the calls it got.
#[derive(Default)]
pub(crate) struct Journal {
    pub(crate) received: u64,
    pub(crate) requests: VecDeque<Remembered>,
    /// Calls by route and status; `None` for those left without an answer.
    pub(crate) counts: BTreeMap<(&'static str, Option<u16>), u64>,
    pub(crate) refusals: VecDeque<Refused>,
}

/// One OPCO.
pub(crate) struct Desk {
    pub(crate) facts: Facts,
    pub(crate) faults: Faults,
    pub(crate) identity: Identity,
    settings: RwLock<Arc<OpcoSettings>>,
    book: Mutex<Book>,
    journal: Mutex<Journal>,
    /// When the limit's bucket will be empty again, in microseconds of the source clock.
    bucket_us: Mutex<i64>,
}

impl Desk {
    pub(crate) fn settings(&self) -> Arc<OpcoSettings> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn configure(&self, change: impl FnOnce(&mut OpcoSettings)) {
        let mut settings = self
            .settings
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let mut changed = OpcoSettings::clone(&settings);
        change(&mut changed);
        *settings = Arc::new(changed);
    }

    /// Returns the dossiers; never held across an await.
    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a permit, or returns after how many seconds to come back (GCRA).
    pub(crate) fn permit(&self, limit: RateLimit, now_ms: i64) -> Result<(), u32> {
        let interval_us = 60_000_000 / i64::from(limit.per_minute.max(1));
        let tolerance_us = interval_us.saturating_mul(i64::from(limit.burst.max(1)) - 1);
        let arrival_us = now_ms.saturating_mul(1_000);
        let mut bucket = self
            .bucket_us
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let full_us = (*bucket).max(arrival_us);
        let wait_us = full_us
            .saturating_sub(arrival_us)
            .saturating_sub(tolerance_us);
        if wait_us > 0 {
            return Err(u32::try_from(wait_us.div_euclid(1_000_000) + 1).unwrap_or(u32::MAX));
        }
        *bucket = full_us.saturating_add(interval_us);
        Ok(())
    }

    /// Writes down a call that has been answered or left without an answer.
    pub(crate) fn log(
        &self,
        mut entry: RequestEntry,
        route: &'static str,
        findings: Option<Vec<Finding>>,
        remembered: usize,
    ) -> RequestEntry {
        let mut journal = self.journal();
        journal.received += 1;
        entry.sequence = journal.received;
        *journal.counts.entry((route, entry.status)).or_default() += 1;
        let findings = findings.unwrap_or_default();
        if let (false, Some(status)) = (findings.is_empty(), entry.status) {
            let refused = Refused {
                arrival_ms: entry.arrival_ms,
                route: route.to_owned(),
                status,
                reasons: findings
                    .iter()
                    .map(|finding| format!("{} : {}", finding.code, finding.text))
                    .collect(),
            };
            if journal.refusals.len() >= MOST_REFUSALS {
                journal.refusals.pop_front();
            }
            journal.refusals.push_back(refused);
        }
        if remembered > 0 {
            if journal.requests.len() >= remembered {
                journal.requests.pop_front();
            }
            journal.requests.push_back(Remembered {
                entry: entry.clone(),
                findings,
            });
        }
        entry
    }
}

/// Everything.
pub(crate) struct Sim {
    pub(crate) settings: Settings,
    pub(crate) clock: Clock,
    pub(crate) desks: Vec<Desk>,
    pub(crate) ledger: Option<Writer>,
    pub(crate) request_log: Option<Writer>,
    pub(crate) started_ms: i64,
}

impl Sim {
    /// Opens the files and sets up the eleven OPCOs.
    pub(crate) fn open(settings: Settings) -> Result<Self, StartError> {
        let mut named = settings.opcos.keys().chain(&settings.profile);
        if let Some(slug) = named.find(|slug| !SLUGS.contains(&slug.as_str())) {
            return Err(StartError::UnknownOpco(slug.clone()));
        }
        let clock = Clock::new(Arc::clone(&settings.now), settings.clock_factor);
        let desks = opcos::FACTS
            .iter()
            .zip(opcos::shipped()?)
            .map(|(facts, mut shipped)| {
                if settings.sandbox {
                    shipped.open_all();
                }
                if let Some(overrides) = settings.opcos.get(facts.slug) {
                    shipped.apply(overrides);
                }
                Desk {
                    facts: *facts,
                    faults: Faults::default(),
                    identity: Identity::default(),
                    settings: RwLock::new(Arc::new(shipped)),
                    book: Mutex::new(Book::new()),
                    journal: Mutex::new(Journal::default()),
                    bucket_us: Mutex::new(i64::MIN),
                }
            })
            .collect();
        let earlier = match &settings.ledger {
            Some(path) => record::read(path)?,
            None => Vec::new(),
        };
        let open = |path: &Option<_>, sync| {
            path.as_ref()
                .map(|path: &std::path::PathBuf| Writer::open(path, sync))
                .transpose()
        };
        let ledger = open(&settings.ledger, settings.ledger_sync)?;
        let request_log = open(&settings.request_log, LedgerSync::Off)?;
        let started_ms = clock.source_ms();
        let sim = Self {
            settings,
            clock,
            desks,
            ledger,
            request_log,
            started_ms,
        };
        sim.restore(earlier);
        Ok(sim)
    }

    /// Takes back what an earlier run wrote down: an OPCO does not forget when it restarts.
    fn restore(&self, entries: Vec<LedgerEntry>) {
        let numero = |entry: &LedgerEntry| entry.numero_interne.parse::<u64>().unwrap_or(0);
        let (mut contracts, mut others): (Vec<_>, Vec<_>) = entries
            .into_iter()
            .partition(|entry| entry.kind == Kind::Dossier);
        // Lines of one group may stand in another order than their numbers.
        contracts.sort_by_key(numero);
        let is_invoice = |entry: &LedgerEntry| entry.kind == Kind::Facture;
        let mut invoices: Vec<LedgerEntry> = others
            .iter()
            .filter(|one| is_invoice(one))
            .cloned()
            .collect();
        invoices.sort_by_key(numero);
        let places = others.iter_mut().filter(|one| is_invoice(one));
        for (place, invoice) in places.zip(invoices) {
            *place = invoice;
        }
        for entry in contracts {
            let (Some(desk), Some(terms)) = (self.desk(&entry.opco), entry.terms.clone()) else {
                continue;
            };
            let filing = Filing {
                version: entry.version,
                key: entry.key.as_str().into(),
                pairing: PairingKey::from(&entry.pairing),
                terms,
                body: None,
                amends: None,
                arrival_ms: entry.arrival_ms,
                virtual_ms: entry.virtual_ms,
                headers: self.settings.keep_payloads.then(|| entry.headers.clone()),
            };
            desk.book()
                .restore(numero(&entry), filing, desk.settings().progress);
        }
        for entry in others {
            if let Some(desk) = self.desk(&entry.opco) {
                let settings = desk.settings();
                let at = Reading {
                    now_ms: entry.virtual_ms,
                    ..self.reading(&settings)
                };
                let (iban, pace) = (settings.iban.clone(), settings.payment);
                desk.book().recall(entry, (iban, pace), at);
            }
        }
    }

    /// Finds an OPCO that answers.
    pub(crate) fn served(&self, slug: &str) -> Option<&Desk> {
        self.served_desks().find(|desk| desk.facts.slug == slug)
    }

    /// Returns the OPCOs that answer.
    pub(crate) fn served_desks(&self) -> impl Iterator<Item = &Desk> {
        let only = self.settings.profile.as_deref();
        self.desks
            .iter()
            .filter(move |desk| only.is_none_or(|slug| slug == desk.facts.slug))
    }

    /// Finds an OPCO by its slug.
    pub(crate) fn desk(&self, slug: &str) -> Option<&Desk> {
        self.desks.iter().find(|desk| desk.facts.slug == slug)
    }

    /// Returns how to look at the dossiers of an OPCO now.
    pub(crate) fn reading(&self, settings: &OpcoSettings) -> Reading {
        Reading {
            now_ms: self.clock.now_ms(),
            deca_ms: settings.progress.deca_ms,
            tariff: Tariff {
                year_cents: settings.year_cents,
                pays_first_ms: settings
                    .is_open(Capability::AutoEcheance1)
                    .then(|| settings.payment.payment_ms.unwrap_or(0)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_lets_its_burst_through_then_its_rate() {
        let sim = Sim::open(Settings::default()).unwrap();
        let desk = sim.desk("akto").unwrap();
        let limit = RateLimit {
            burst: 3,
            per_minute: 120,
        };
        let permits: Vec<bool> = (0..5)
            .map(|_| desk.permit(limit, 1_000_000).is_ok())
            .collect();
        assert_eq!(permits, [true, true, true, false, false]);
        assert_eq!(desk.permit(limit, 1_000_499), Err(1));
        assert_eq!(desk.permit(limit, 1_000_500), Ok(()));
        assert!(desk.permit(limit, 1_000_500).is_err());
    }

    #[test]
    fn a_misspelt_opco_is_refused_at_start() {
        let mut settings = Settings::default();
        settings
            .opcos
            .insert("atko".to_owned(), crate::Overrides::default());
        assert!(matches!(
            Sim::open(settings),
            Err(StartError::UnknownOpco(_))
        ));
    }
}
