//! One attempt, from claim to verdict, as a list. No transaction is open while a stranger answers.

mod call;

use std::time::{Duration, Instant};

use domain::id::KeyId;
use domain::rejet::Rejet;
use domain::step::{self, AfterLost, Course, Next, Policy, Progress, Sight};
use domain::{Fault, FaultKind, HoldReason, Kind, NormVersion, Outcome, Timestamp, WaitReason};
use jiff::civil::Date;
use opco::{Filed, Identity, Operation, Profile, Refus};
use store::{Claimed, TenantKey, Was};
use tokio::sync::OwnedSemaphorePermit;
use tracing::Instrument as _;

pub(crate) use self::call::identity;
use self::call::{lease_holds, open_now, ready, turn, write};
use crate::app::App;
use crate::failpoint::{self, Step};
use crate::mutation::{self, Mutation};
use crate::settle::{Record, Verdict};
use crate::system::System;
use crate::view::{CfaKey, View};
use crate::{contract, follow_up, learn, look, pause, refusals, setting, telemetry};

/// How long a job whose attempt broke on our side rests before it is taken again.
const BROKEN_REST: Duration = Duration::from_secs(30);

/// What an attempt needs besides the claim.
pub(crate) struct Attempt<'a> {
    /// The gateway.
    pub(crate) app: &'a App,
    /// The job.
    pub(crate) job: &'a Claimed,
    /// Where it goes.
    pub(crate) system: System,
    /// The facts of that OPCO.
    pub(crate) profile: &'a Profile,
    /// What is known of its network and site.
    pub(crate) view: &'a View,
    /// The CFA key used, named in the events by its id.
    pub(crate) key: &'a CfaKey,
    /// Who calls.
    pub(crate) identity: Identity,
    /// The version of the norm.
    pub(crate) version: NormVersion,
    /// When the attempt must be over, well before its lease ends.
    pub(crate) deadline: Timestamp,
}

/// Why an attempt stops before the OPCO is called.
pub(crate) enum Stop {
    /// Back in the queue, unsent.
    Later(WaitReason, Timestamp),
    /// A person must act.
    Hold(HoldReason, Fault),
    /// The store or the seal failed: the lease will tell.
    Broken(anyhow::Error),
}

/// Runs one claimed job to its verdict and settles it.
pub(crate) async fn run(app: App, system: System, mut job: Claimed, slot: OwnedSemaphorePermit) {
    failpoint::pass(Step::Claimed);
    if mutation::planted(Mutation::ReclaimedIsDue) {
        job.was = Was::Queued;
    }
    let span = tracing::info_span!(
        "attempt",
        delivery.id = %job.delivery.id,
        opco = system.instance.opco.slug(),
        attempt.number = job.number,
    );
    telemetry::follow(&span, job.traceparent.as_deref());
    let trace_id = telemetry::traceparent(&span)
        .as_deref()
        .and_then(telemetry::trace_id);
    deliver(&app, system, job, slot, trace_id)
        .instrument(span)
        .await;
    app.inbox.wake();
}

async fn deliver(
    app: &App,
    system: System,
    job: Claimed,
    slot: OwnedSemaphorePermit,
    trace_id: Option<String>,
) {
    let started = Instant::now();
    let mut refus = Refus::default();
    let mut key = None;
    // On the heap: what a payload is judged by is large.
    let mut verdict = match Box::pin(attempt(app, &job, system, &mut key)).await {
        Ok(mut exchanged) => {
            learn::of(app, system, &exchanged.outcome).await;
            exchanged.outcome = misread(exchanged.outcome);
            refus.clone_from(&exchanged.said.refus);
            decided(app, job, system, exchanged)
        }
        Err(Stop::Later(reason, until)) => {
            app.breakers.withdraw(system);
            drop(slot);
            return app.settler.release(app, &job, Some(reason), until).await;
        }
        Err(Stop::Hold(reason, fault)) => {
            app.breakers.withdraw(system);
            Verdict::held(job, reason, fault, app.clock.now())
        }
        Err(Stop::Broken(error)) => {
            app.breakers.withdraw(system);
            tracing::error!(delivery.id = %job.delivery.id, error = %format!("{error:#}"), "an attempt broke");
            drop(slot);
            let until = pause::later(app.clock.now(), BROKEN_REST);
            return app
                .settler
                .release(app, &job, Some(WaitReason::Retry), until)
                .await;
        }
    };
    verdict.key = key;
    let took = started.elapsed();
    // The place is free as soon as the OPCO has answered; writing the outcome is our own time.
    drop(slot);
    app.inbox.wake();
    failpoint::pass(Step::Decided);
    tell(app, system, &verdict, took);
    app.settler.settle(app, &verdict, took, trace_id).await;
    failpoint::pass(Step::Settled);
    refusals::told(app, &verdict.job.delivery, &refus).await;
    if let Some(key) = key {
        setting::told(app, key, &verdict).await;
    }
    if verdict.job.delivery.kind == Kind::Facture {
        follow_up::invoice::after(app, &verdict).await;
    }
}

/// Returns an outcome as it is, but for a fault that a test has planted.
fn misread(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Lost(fault) if mutation::planted(Mutation::ReplayLost) => Outcome::Failed(fault),
        Outcome::Failed(mut fault) | Outcome::Lost(mut fault)
            if mutation::planted(Mutation::HiccupRejects) =>
        {
            fault.kind = FaultKind::Rejected;
            Outcome::Failed(fault)
        }
        outcome => outcome,
    }
}

/// One canonical line and one measure for each attempt.
fn tell(app: &App, system: System, verdict: &Verdict, took: Duration) {
    let job = &verdict.job;
    let purpose = if job.was == Was::Unknown {
        "look"
    } else {
        "write"
    };
    tracing::info!(
        delivery.id = %job.delivery.id,
        tenant.id = %job.delivery.tenant,
        opco = system.instance.opco.slug(),
        attempt.number = job.number,
        attempt.purpose = purpose,
        outcome = verdict.outcome(),
        next = word(verdict.next()),
        http.status = verdict.http_status(),
        duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        "attempt"
    );
    app.metrics
        .attempt(system.instance.opco, purpose, verdict.outcome(), took);
}

/// Puts a claimed job back unsent.
pub(crate) async fn put_back(app: &App, job: &Claimed, reason: WaitReason, until: Timestamp) {
    app.settler.release(app, job, Some(reason), until).await;
}

/// What was exchanged.
struct Exchanged {
    outcome: Outcome,
    record: Record,
    /// What was said beyond it.
    said: Said,
}

/// What an OPCO said, and what is peculiar to invoices.
#[derive(Default)]
struct Said {
    /// Which of the known refusals its words are.
    refus: Refus,
    /// The day the OPCO's schedule opens what it says is not open yet.
    opens_on: Option<Date>,
    /// Whether the OPCO has a list of invoices to look in.
    listed: bool,
}

impl Exchanged {
    /// An outcome in a version of the norm, and no more.
    fn of(outcome: Outcome, version: NormVersion) -> Self {
        Self {
            outcome,
            record: Record {
                version: Some(version),
                ..Record::default()
            },
            said: Said::default(),
        }
    }
}

/// The attempt itself: key, turn, payload, exchange.
async fn attempt(
    app: &App,
    job: &Claimed,
    system: System,
    with: &mut Option<KeyId>,
) -> Result<Exchanged, Stop> {
    let delivery = &job.delivery;
    let profile = app.profiles.get(system.instance).ok_or_else(|| {
        hold(
            HoldReason::FlowNotOpen,
            format!("no profile for {}", system.instance),
        )
    })?;
    let view = app
        .views
        .of(app, delivery.tenant, delivery.siret_cfa)
        .await
        .map_err(broken)?;
    let version = delivery
        .version
        .ok_or_else(|| hold(HoldReason::FlowNotOpen, "no version was chosen"))?;
    open_now(app, delivery, &view, system).await?;
    let (key, identity) = identity(app, &view, system)?;
    *with = Some(key.id);
    let deadline = pause::later(app.clock.now(), app.settings.worker.turn_wait());
    if let Err(fault) = ready(app, profile, &identity, version).await {
        let outcome = match job.was {
            Was::Queued => Outcome::Failed(fault),
            Was::Unknown => Outcome::CouldNotTell(fault),
        };
        return Ok(Exchanged::of(outcome, version));
    }
    turn(app, system, &key, deadline).await?;
    failpoint::pass(Step::Permitted);
    if mutation::planted(Mutation::PrintKey) {
        tracing::info!(key = identity.cfa_key.expose(), "a call");
    }
    let context = Attempt {
        app,
        job,
        system,
        profile,
        view: &view,
        key: &key,
        identity,
        version,
        deadline: pause::later(app.clock.now(), profile.timeout()),
    };
    if delivery.kind == Kind::Dossier {
        deliver_contract(&context).await
    } else {
        follow(&context).await
    }
}

/// Opens a contract, and writes it or looks for it.
async fn deliver_contract(context: &Attempt<'_>) -> Result<Exchanged, Stop> {
    let (app, job, version) = (context.app, context.job, context.version);
    let keys = &context.view.network.keys;
    let opened = contract::open(keys, job).map_err(broken)?;
    failpoint::pass(Step::Opened);
    lease_holds(app, job, context.profile)?;
    let adopted = match job.was {
        Was::Queued => look::adopted(context, &opened).await.map_err(broken)?,
        Was::Unknown => None,
    };
    if let Some(receipt) = adopted {
        return Ok(Exchanged::of(Outcome::Found(receipt), version));
    }
    let exchanged = match job.was {
        Was::Queued => {
            let mut dossier = opened.dossier.write();
            let text = contract::proven_text(&mut dossier);
            let hash = keys.content_hash(job.delivery.id, &job.sealed, text.as_bytes());
            let sent =
                Some(hash.map_err(broken)?).filter(|_| !mutation::planted(Mutation::HashDropped));
            let filed = write(context, &Operation::FileDossier { version, dossier }).await;
            let answer = answer_hash(keys, job, &filed)?;
            let mut exchanged = Exchanged::of(filed.outcome, version);
            exchanged.record.sent = sent;
            exchanged.said.refus = filed.refus;
            exchanged.record.answer = answer;
            exchanged
        }
        Was::Unknown => Exchanged::of(look::look(context, &opened).await, version),
    };
    failpoint::pass(Step::Answered);
    Ok(exchanged)
}

/// The same for a payload that belongs to a contract.
async fn follow(context: &Attempt<'_>) -> Result<Exchanged, Stop> {
    let (app, job) = (context.app, context.job);
    let exchanged = match job.was {
        Was::Queued => {
            let ready = match follow_up::send::ready(context).await {
                Err(Stop::Hold(reason, fault)) if may_be_its_own(job, reason) => {
                    return refused_in_doubt(context, reason, fault).await;
                }
                ready => ready?,
            };
            failpoint::pass(Step::Opened);
            lease_holds(app, job, context.profile)?;
            let (keys, object) = (&context.view.network.keys, (job.delivery.id, &job.sealed));
            let sent = keys.content_hash(object.0, object.1, ready.text.as_bytes());
            let file = ready.file.as_ref().map(|file| file.proof(keys, object));
            let record = Record {
                version: Some(context.profile.version(&ready.operation)),
                sent: Some(sent.map_err(broken)?),
                file: file.transpose().map_err(broken)?,
                ..Record::default()
            };
            let filed = write(context, &ready.operation).await;
            if filed.file_unreadable {
                return Err(ready.unreadable(filed.outcome));
            }
            let answer = answer_hash(keys, job, &filed)?;
            Exchanged {
                outcome: filed.outcome,
                record: Record {
                    numeros: filed.numeros,
                    answer,
                    ..record
                },
                said: Said {
                    refus: filed.refus,
                    opens_on: ready.opens_on,
                    listed: false,
                },
            }
        }
        Was::Unknown => {
            lease_holds(app, job, context.profile)?;
            let outcome = follow_up::send::look(context).await?;
            Exchanged::of(outcome, context.version)
        }
    };
    failpoint::pass(Step::Answered);
    let listed = follow_up::invoice::lists_states(app, context.view, context.system);
    Ok(Exchanged {
        said: Said {
            listed,
            ..exchanged.said
        },
        ..exchanged
    })
}

/// Returns whether what speaks against sending a payload again may be its own doing, since it may be
/// there after all: what it has done to its dossier, or to its schedule.
fn may_be_its_own(job: &Claimed, reason: HoldReason) -> bool {
    let delivery = &job.delivery;
    let told = matches!(
        reason,
        HoldReason::RulesBroken | HoldReason::ContractMissing
    );
    told && delivery.first_lost_at.is_some() && follow_up::send::has_look(delivery.kind)
}

/// Looks once more for such a payload, and holds it only when it is absent.
async fn refused_in_doubt(
    context: &Attempt<'_>,
    reason: HoldReason,
    fault: Fault,
) -> Result<Exchanged, Stop> {
    match follow_up::send::look(context).await? {
        Outcome::Absent => Err(Stop::Hold(reason, fault)),
        outcome => Ok(Exchanged::of(outcome, context.version)),
    }
}

/// Returns the salted hash of what was answered.
fn answer_hash(keys: &TenantKey, job: &Claimed, filed: &Filed) -> Result<Option<[u8; 32]>, Stop> {
    let hash = |digest: [u8; 32]| keys.content_hash(job.delivery.id, &job.sealed, &digest);
    filed.answer.map(hash).transpose().map_err(broken)
}

fn decided(app: &App, job: Claimed, system: System, exchanged: Exchanged) -> Verdict {
    let now = app.clock.now();
    let lists = exchanged.said.listed;
    let course = course(app, system, job.delivery.kind, lists);
    let progress = Progress {
        attempts: job.delivery.attempts,
        looks: job.delivery.looks,
        first_lost_at: job.delivery.first_lost_at,
        fault: job.delivery.fault.clone(),
        chance: chance(&job, now),
    };
    let next = if is_early(&exchanged.said.refus) {
        step::until_open(exchanged.said.opens_on, now)
    } else {
        step::next_in(&progress, &exchanged.outcome, &course, now)
    };
    let kept = step::remember(&progress, &exchanged.outcome, now);
    Verdict::new(job, &exchanged.outcome, next, kept, exchanged.record, now)
}

/// Returns whether an OPCO refused an invoice for nothing but its coming before the day.
fn is_early(refus: &Refus) -> bool {
    refus.known == [Rejet::EcheanceNonOuverte] && refus.unknown.is_empty()
}

/// Returns how a kind is treated at a system after each outcome.
fn course(app: &App, system: System, kind: Kind, lists_invoices: bool) -> Course {
    let schedule = app.settings.worker.schedule();
    if let Some(profile) = app.profiles.get(system.instance) {
        let mut course = profile.course(kind, schedule, lists_invoices);
        if course.sight == Sight::Nothing && mutation::planted(Mutation::UnseenResent) {
            course.policy.after_lost = AfterLost::Replay;
        }
        return course;
    }
    let policy = Policy {
        schedule,
        ..Policy::default()
    };
    Course::of(kind, policy, lists_invoices, false)
}

/// A number that differs between jobs, so that retries spread; nothing secret hangs on it.
fn chance(job: &Claimed, now: Timestamp) -> u32 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    (job.delivery.id, job.number, now.as_millisecond()).hash(&mut hasher);
    u32::try_from(hasher.finish() >> 32).unwrap_or_default()
}

fn hold(reason: HoldReason, detail: impl Into<String>) -> Stop {
    Stop::Hold(reason, Fault::new(FaultKind::Misconfigured, detail))
}

pub(crate) fn broken(error: impl Into<anyhow::Error>) -> Stop {
    Stop::Broken(error.into())
}

/// Returns the word of what comes next, for the log line.
pub(crate) fn word(next: &Next) -> &'static str {
    match next {
        Next::Delivered(_) => "delivered",
        Next::Rejected(_) => "rejected",
        Next::Wait { .. } => "waiting",
        Next::Look { .. } => "unknown",
        Next::Hold(..) => "held",
        Next::Dead(_) => "dead",
    }
}
