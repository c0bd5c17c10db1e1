//! What is counted, for Prometheus. Labels are closed lists only: OPCOs, words, rule ids, route patterns;
//! never a tenant, a SIRET or an identifier.

mod alerts;
mod labels;
#[cfg(test)]
mod tests;
mod vouching;
mod zeros;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use domain::{Environment, HoldReason, Instance, Kind, Opco, Status, Timestamp};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry, Unit};
use store::deliveries::Count;

use self::labels::{
    Accepted, ByKind, ByOpco, ByRule, BySystem, Ceiling, Exchange, Held, Http, Lookup, Queue,
    Refusal, Settled, Standing, Word,
};

/// The media type of [`Metrics::encode`]'s text.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What an OPCO label says when none is known yet.
const NO_OPCO: &str = "none";

/// From 1 ms to 65 s, doubling: an accept is at the left, an OPCO's timeout at the right.
const SECONDS: (f64, f64, u16) = (0.001, 2.0, 17);

type Timed<L> = Family<L, Histogram, fn() -> Histogram>;
type Level<L> = Family<L, Gauge<f64, AtomicU64>>;

/// How a circuit breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// Calls go through.
    Closed,
    /// One call goes through, to learn.
    HalfOpen,
    /// No call goes through.
    Open,
}

/// Every measure of one gateway. Cheap to clone; each gateway of a process has its own registry.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    accepted: Family<Accepted, Counter>,
    refused: Family<ByRule, Counter>,
    ceilings: Family<Ceiling, Counter>,
    settled: Family<Settled, Counter>,
    held: Family<Held, Counter>,
    refusals: Family<Refusal, Counter>,
    attempts: Timed<Exchange>,
    reads: Timed<Exchange>,
    queue: Level<Queue>,
    queue_oldest: Level<Queue>,
    queue_counted: Gauge<f64, AtomicU64>,
    queue_late: Level<ByOpco>,
    reclaimed: Family<ByOpco, Counter>,
    states_unknown: Family<ByOpco, Counter>,
    fields_unknown: Family<ByOpco, Counter>,
    alerts: self::alerts::Alerts,
    breaker: Level<BySystem>,
    limiter: Timed<ByOpco>,
    orphans: Level<ByOpco>,
    lookups: Family<Lookup, Counter>,
    http: Timed<Http>,
    webhooks: Webhooks,
    mails: Family<Word, Counter>,
    commit: Histogram,
    log: Sealing,
    vouching: self::vouching::Vouching,
    commit_members: Histogram,
    commits_failed: Counter,
    files: Family<ByKind, Counter>,
    file_bytes: Family<ByKind, Counter>,
    custody: Gauge<f64, AtomicU64>,
    custody_bytes: Gauge<f64, AtomicU64>,
}

/// What is measured of telling ERPs.
#[derive(Debug, Clone)]
struct Webhooks {
    attempts: Family<Word, Counter>,
    endpoints: Level<Standing>,
    behind: Gauge<f64, AtomicU64>,
    parked: Gauge<f64, AtomicU64>,
}

impl Webhooks {
    fn new(r: &mut Registry) -> Self {
        Self {
            attempts: counts(r, "webhook_attempts", "Events told, or tried, to an ERP"),
            endpoints: counts(r, "webhook_endpoints", "Addresses told of events"),
            behind: counts(
                r,
                "webhook_behind_events",
                "Events that the address furthest behind has not been told",
            ),
            parked: counts(
                r,
                "webhook_parked_events",
                "Events put aside because an address does not take one of their dossier",
            ),
        }
    }
}

/// How the logs are sealed.
#[derive(Debug, Clone)]
struct Sealing {
    sealed: Counter,
    unsealed: Gauge<f64, AtomicU64>,
    broken: Gauge<f64, AtomicU64>,
}

impl Sealing {
    fn new(r: &mut Registry) -> Self {
        Self {
            sealed: counts(
                r,
                "log_sealed_events",
                "Events sealed by a signed checkpoint",
            ),
            unsealed: counts(
                r,
                "log_unsealed_events",
                "Events that the log furthest behind has beyond its last checkpoint",
            ),
            broken: counts(
                r,
                "log_broken",
                "Logs that are sealed no more because they were changed by hand",
            ),
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Starts every count at nothing.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("cfa_gateway");
        let r = &mut registry;
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        r.register("build", "The program that runs", version);
        let commit_members = members(r);
        let commit = timed();
        r.register_with_unit("commit", "Group commits", Unit::Seconds, commit.clone());
        Self {
            accepted: counts(r, "deliveries_accepted", "Payloads answered 202"),
            refused: counts(
                r,
                "findings_refused",
                "Findings that refused a payload, by rule",
            ),
            ceilings: counts(
                r,
                "ceilings_reached",
                "Payloads refused because a site or a network handed in as many as it may",
            ),
            settled: counts(r, "deliveries_settled", "Deliveries that reached an end"),
            held: counts(r, "deliveries_held", "Deliveries held for a person"),
            refusals: counts(
                r,
                "invoice_refusals",
                "Refusals of invoices, by the reason recognised in the OPCO's words",
            ),
            attempts: durations(r, "attempt", "Writes to an OPCO"),
            reads: durations(r, "read", "Reads at an OPCO"),
            queue: counts(
                r,
                "queue_deliveries",
                "Deliveries not finished, by what they wait for",
            ),
            queue_oldest: seconds(r, "queue_oldest", "How old the oldest of them is"),
            queue_late: seconds(r, "queue_late", "How long one has been due"),
            queue_counted: seconds(r, "queue_counted", "When they were counted, Unix time"),
            reclaimed: counts(
                r,
                "leases_reclaimed",
                "Deliveries taken over from a deliverer that let its lease run out",
            ),
            states_unknown: counts(r, "states_unknown", "States read that nobody knows"),
            fields_unknown: counts(
                r,
                "fields_unknown",
                "Fields in OPCOs' answers that the norm does not have",
            ),
            alerts: self::alerts::Alerts::new(r),
            breaker: counts(r, "breaker_state", "0 closed, 1 half open, 2 open"),
            limiter: durations(r, "limiter_wait", "Waits for a permit"),
            orphans: counts(r, "orphans_open", "Dossiers that no ERP sent"),
            lookups: counts(r, "lookups", "Live lookups of an employer's OPCO"),
            http: durations(r, "http_request", "Requests answered"),
            webhooks: Webhooks::new(r),
            mails: counts(r, "mails", "Mails that were taken to be sent"),
            commit,
            log: Sealing::new(r),
            vouching: self::vouching::Vouching::new(r),
            commit_members,
            commits_failed: counts(r, "commits_failed", "Group commits that failed"),
            files: counts(r, "files_received", "Files received whole"),
            file_bytes: sizes(r, "files_received", "Bytes of files received whole"),
            custody: counts(r, "files_in_custody", "Files kept, counted every hour"),
            custody_bytes: sizes(r, "files_in_custody", "Their bytes"),
            registry: Arc::new(registry),
        }
        .at_nothing()
    }

    /// Returns every measure in the `OpenMetrics` text form.
    pub fn encode(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }

    /// Counts a payload answered 202.
    pub fn accepted(&self, kind: Kind, environment: Environment, status: Status) {
        let labels = Accepted {
            kind: kind.as_str(),
            environment: environment.as_str(),
            status: status.as_str(),
        };
        self.accepted.get_or_create(&labels).inc();
    }

    /// Counts one finding that refused a payload. `rule` is an id of the rule table.
    pub fn refused(&self, rule: &'static str) {
        self.refused
            .get_or_create(&ByRule {
                rule: rule.to_owned(),
            })
            .inc();
    }

    /// Counts a payload beyond a ceiling: whose, and over what time.
    pub(crate) fn ceiling_reached(&self, (of, per): (&'static str, &'static str)) {
        self.ceilings.get_or_create(&Ceiling { of, per }).inc();
    }

    /// Counts a delivery that reached an end.
    pub fn settled(&self, opco: Option<Opco>, status: Status) {
        let labels = Settled {
            opco: slug(opco),
            status: status.as_str(),
        };
        self.settled.get_or_create(&labels).inc();
    }

    /// Counts a delivery held for a person.
    pub fn held(&self, opco: Option<Opco>, reason: HoldReason) {
        self.held
            .get_or_create(&Held {
                opco: slug(opco),
                reason: reason.as_str(),
            })
            .inc();
    }

    /// Counts why an OPCO refused an invoice; `UNKNOWN` counts words that nobody knows yet.
    pub fn refusals(&self, opco: Opco, refus: &opco::Refus) {
        let count = |reason: &'static str, by: u64| {
            let labels = Refusal {
                opco: opco.slug(),
                reason,
            };
            self.refusals.get_or_create(&labels).inc_by(by);
        };
        for known in &refus.known {
            count(known.as_str(), 1);
        }
        if let Ok(unknown @ 1..) = u64::try_from(refus.unknown.len()) {
            count(zeros::UNKNOWN, unknown);
        }
    }

    /// Measures one write to an OPCO. `outcome` is a word of a closed list.
    pub fn attempt(
        &self,
        opco: Opco,
        operation: &'static str,
        outcome: &'static str,
        took: Duration,
    ) {
        let labels = Exchange {
            opco: opco.slug(),
            operation,
            outcome,
        };
        self.attempts
            .get_or_create(&labels)
            .observe(took.as_secs_f64());
    }

    /// Measures one read at an OPCO. `operation` and `outcome` are words of closed lists.
    pub fn read(&self, opco: Opco, operation: &'static str, outcome: &'static str, took: Duration) {
        let labels = Exchange {
            opco: opco.slug(),
            operation,
            outcome,
        };
        self.reads
            .get_or_create(&labels)
            .observe(took.as_secs_f64());
    }

    /// Replaces the picture of the queue as it is `now`: what is not named is gone from it.
    pub fn queue(&self, picture: &[Count], now: Timestamp) {
        self.queue.clear();
        self.queue_oldest.clear();
        let at = u64::try_from(now.as_second()).unwrap_or_default();
        self.queue_counted.set(whole(at));
        let since =
            |then: Timestamp| u64::try_from(now.duration_since(then).as_secs()).unwrap_or_default();
        let mut late: BTreeMap<&'static str, u64> =
            Opco::ALL.iter().map(|opco| (opco.slug(), 0)).collect();
        for count in picture {
            let labels = Queue {
                opco: slug(count.opco),
                status: count.status.as_str(),
                reason: count.reason.clone().unwrap_or_default(),
            };
            self.queue.get_or_create(&labels).set(whole(count.count));
            let age = whole(since(count.oldest));
            self.queue_oldest.get_or_create(&labels).set(age);
            // What is being sent is due when its lease ends: then it is another's to take over.
            if let Some(due) = count.due {
                let late = late.entry(labels.opco).or_default();
                *late = since(due).max(*late);
            }
        }
        for (opco, late) in late {
            self.queue_late
                .get_or_create(&ByOpco { opco })
                .set(whole(late));
        }
    }

    /// Shows how many dossiers of each OPCO no ERP sent and nobody has settled.
    pub fn orphans(&self, open: &[(Opco, u64)]) {
        let none = Opco::ALL
            .into_iter()
            .filter(|opco| open.iter().all(|(other, _)| other != opco))
            .map(|opco| (opco, 0));
        for (opco, count) in open.iter().copied().chain(none) {
            let labels = ByOpco { opco: opco.slug() };
            self.orphans.get_or_create(&labels).set(whole(count));
        }
    }

    /// Shows how the breaker of an instance stands.
    pub fn breaker(&self, instance: Instance, state: BreakerState) {
        let labels = BySystem {
            opco: instance.opco.slug(),
            number: instance.number,
        };
        let value = match state {
            BreakerState::Closed => 0.0,
            BreakerState::HalfOpen => 1.0,
            BreakerState::Open => 2.0,
        };
        self.breaker.get_or_create(&labels).set(value);
    }

    /// Measures a wait for a permit.
    pub fn limiter_wait(&self, opco: Opco, waited: Duration) {
        self.limiter
            .get_or_create(&ByOpco { opco: opco.slug() })
            .observe(waited.as_secs_f64());
    }

    /// Counts a live lookup. `source` and `outcome` are words of closed lists.
    pub fn lookup(&self, source: &'static str, outcome: &'static str) {
        self.lookups
            .get_or_create(&Lookup { source, outcome })
            .inc();
    }

    /// Measures a request. `route` is the pattern of the route table, never the path as it came.
    pub fn http(&self, method: &'static str, route: &str, status: u16, took: Duration) {
        let labels = Http {
            method,
            route: route.to_owned(),
            status,
        };
        self.http.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// Counts one try at telling an ERP. `outcome` is a word of a closed list.
    pub fn webhook_attempt(&self, outcome: &'static str) {
        self.webhooks
            .attempts
            .get_or_create(&Word { outcome })
            .inc();
    }

    /// Counts what became of a mail that was taken to be sent. `outcome` is a word of a closed list.
    pub fn mail(&self, outcome: &'static str) {
        self.mails.get_or_create(&Word { outcome }).inc();
    }

    /// Shows how the addresses that are told of events stand.
    pub fn webhooks(&self, picture: &store::webhooks::Picture) {
        for (state, count) in [
            ("active", picture.active),
            ("failing", picture.failing),
            ("disabled", picture.disabled),
        ] {
            let level = self.webhooks.endpoints.get_or_create(&Standing { state });
            level.set(whole(count));
        }
        self.webhooks.behind.set(whole(picture.behind_max));
        self.webhooks.parked.set(whole(picture.parked));
    }

    /// Counts events that a checkpoint was signed over.
    pub fn sealed(&self, events: u64) {
        self.log.sealed.inc_by(events);
    }

    /// Shows how far the log furthest behind is behind.
    pub fn unsealed(&self, events: u64) {
        self.log.unsealed.set(whole(events));
    }

    /// Shows how many logs were changed by hand.
    pub fn broken_logs(&self, count: u64) {
        self.log.broken.set(whole(count));
    }

    /// Counts a file that was received whole.
    pub fn received(&self, kind: Kind, bytes: u64) {
        let labels = ByKind {
            kind: kind.as_str(),
        };
        self.files.get_or_create(&labels).inc();
        self.file_bytes.get_or_create(&labels).inc_by(bytes);
    }

    /// Shows how many files are kept, and their bytes.
    pub fn in_custody(&self, count: u64, bytes: u64) {
        self.custody.set(whole(count));
        // In whole kilobytes: a count of bytes may be beyond what `whole` shows.
        self.custody_bytes.set(whole(bytes / 1_000) * 1_000.0);
    }

    /// Counts a delivery taken over from a deliverer that let its lease run out.
    pub fn reclaimed(&self, opco: Opco) {
        self.reclaimed
            .get_or_create(&ByOpco { opco: opco.slug() })
            .inc();
    }

    /// Counts a state that an OPCO spells as nobody knows.
    pub fn state_unknown(&self, opco: Opco) {
        self.states_unknown
            .get_or_create(&ByOpco { opco: opco.slug() })
            .inc();
    }

    /// Counts answers that held a field nobody knows.
    pub fn field_unknown(&self, opco: Opco, answers: u32) {
        self.fields_unknown
            .get_or_create(&ByOpco { opco: opco.slug() })
            .inc_by(answers.into());
    }

    /// Counts a group commit that failed: none of its payloads was taken.
    pub fn commit_failed(&self) {
        self.commits_failed.inc();
    }

    /// Measures how many payloads one commit took, and how long.
    pub fn commit(&self, members: usize, took: Duration) {
        self.commit.observe(took.as_secs_f64());
        self.commit_members
            .observe(whole(u64::try_from(members).unwrap_or(u64::MAX)));
    }
}

/// Registers a family that starts empty.
fn counts<M: Clone + Default + Metric>(registry: &mut Registry, name: &str, help: &str) -> M {
    let family = M::default();
    registry.register(name, help, family.clone());
    family
}

/// Registers a family of counts of bytes.
fn sizes<M: Clone + Default + Metric>(registry: &mut Registry, name: &str, help: &str) -> M {
    let family = M::default();
    registry.register_with_unit(name, help, Unit::Bytes, family.clone());
    family
}

/// Registers a family of ages, in seconds.
fn seconds<M: Clone + Default + Metric>(registry: &mut Registry, name: &str, help: &str) -> M {
    let family = M::default();
    registry.register_with_unit(name, help, Unit::Seconds, family.clone());
    family
}

/// Registers a family of durations, in seconds.
fn durations<L>(registry: &mut Registry, name: &str, help: &str) -> Timed<L>
where
    L: Clone + std::fmt::Debug + Eq + std::hash::Hash + EncodeLabelSet + Send + Sync + 'static,
{
    let family = Timed::<L>::new_with_constructor(timed);
    registry.register_with_unit(name, help, Unit::Seconds, family.clone());
    family
}

/// Registers how many payloads share a commit.
fn members(registry: &mut Registry) -> Histogram {
    let members = Histogram::new(exponential_buckets(1.0, 2.0, 10));
    let help = "Payloads of one group commit";
    registry.register("commit_members", help, members.clone());
    members
}

/// Makes a histogram of durations.
fn timed() -> Histogram {
    let (start, factor, length) = SECONDS;
    Histogram::new(exponential_buckets(start, factor, length))
}

fn slug(opco: Option<Opco>) -> &'static str {
    opco.map_or(NO_OPCO, Opco::slug)
}

/// Counts beyond four thousand million are shown as that many.
fn whole(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
