//! Writing what an attempt came to: outcome, dossier, event and next read, in one transaction,
//! together with whatever else ended meanwhile.

use std::sync::Arc;
use std::time::Duration;

use domain::id::{DossierId, KeyId};
use domain::step::{Next, Progress};
use domain::{Fault, HoldReason, Kind, NormVersion, Outcome, Receipt, Status, Timestamp};
use opco::Numeros;
use store::{
    AttemptEnd, Claimed, NewDossier, NewEvent, ReadPlan, Settled, Settlement, Standing, Store,
    StoreError, Was,
};

use crate::app::App;
use crate::group::Group;
use crate::mutation::{self, Mutation};
use crate::{dispatch, pause};

/// Most settlements of one transaction.
const GROUP_MAX: usize = 256;

/// How long to wait before an outcome that could not be written is tried again; doubles.
const RETRY: Duration = Duration::from_millis(100);

/// How often that is done: past it the lease has ended, and whoever claims the job next looks.
const TRIES: u32 = 10;

/// Writes outcomes in groups.
#[derive(Debug, Clone)]
pub(crate) struct Settler(Group<Settlement, Result<Settled, Arc<StoreError>>>);

/// What an attempt came to, and what follows.
pub(crate) struct Verdict {
    /// The claim it ends.
    pub(crate) job: Claimed,
    outcome: &'static str,
    http_status: Option<u16>,
    next: Next,
    kept: Progress,
    record: Record,
    /// The CFA key it was called with, if it came to that.
    pub(crate) key: Option<KeyId>,
    now: Timestamp,
}

/// What is kept of an exchange besides its outcome.
#[derive(Debug, Default)]
pub(crate) struct Record {
    /// The version of the norm it was in.
    pub(crate) version: Option<NormVersion>,
    /// The salted hash of what was sent.
    pub(crate) sent: Option<[u8; 32]>,
    /// The salted hash of what was answered.
    pub(crate) answer: Option<[u8; 32]>,
    /// What the log says of the file that was sent with it.
    pub(crate) file: Option<serde_json::Value>,
    /// The OPCO's numbers of what is no dossier.
    pub(crate) numeros: Numeros,
}

impl Verdict {
    /// Puts together an exchange, what follows from it, and what is remembered of it.
    pub(crate) fn new(
        job: Claimed,
        outcome: &Outcome,
        next: Next,
        kept: Progress,
        record: Record,
        now: Timestamp,
    ) -> Self {
        let (word, fault) = match outcome {
            Outcome::Taken(_) => ("taken", None),
            Outcome::Failed(fault) => ("failed", Some(fault)),
            Outcome::Lost(fault) => ("lost", Some(fault)),
            Outcome::Found(_) => ("found", None),
            Outcome::Absent => ("absent", None),
            Outcome::CouldNotTell(fault) => ("could_not_tell", Some(fault)),
        };
        Self {
            job,
            outcome: word,
            http_status: fault.and_then(|fault| fault.status),
            next,
            kept,
            record,
            key: None,
            now,
        }
    }

    /// The OPCO was not called: a person must act first.
    pub(crate) fn held(job: Claimed, reason: HoldReason, fault: Fault, now: Timestamp) -> Self {
        let mut kept = Progress {
            attempts: job.delivery.attempts,
            looks: job.delivery.looks,
            first_lost_at: job.delivery.first_lost_at,
            fault: Some(fault.clone()),
            chance: 0,
        };
        if job.was == Was::Queued {
            // Nothing was sent: the claim's count is taken back.
            kept.attempts = kept.attempts.saturating_sub(1);
        }
        Self {
            job,
            outcome: "held",
            http_status: None,
            next: Next::Hold(reason, fault),
            kept,
            record: Record::default(),
            key: None,
            now,
        }
    }

    /// Returns the OPCO's numbers of what is no dossier.
    pub(crate) fn numeros(&self) -> &Numeros {
        &self.record.numeros
    }

    /// Returns the word of the outcome, for logs and metrics.
    pub(crate) fn outcome(&self) -> &'static str {
        self.outcome
    }

    /// Returns the status the OPCO answered with, when it failed.
    pub(crate) fn http_status(&self) -> Option<u16> {
        self.http_status
    }

    /// Returns what follows.
    pub(crate) fn next(&self) -> &Next {
        &self.next
    }

    fn count(&self, app: &App) {
        let opco = self.job.delivery.opco;
        match &self.next {
            Next::Delivered(_) => app.metrics.settled(opco, Status::Delivered),
            Next::Rejected(_) => app.metrics.settled(opco, Status::Rejected),
            Next::Dead(_) => app.metrics.settled(opco, Status::Dead),
            Next::Hold(reason, _) => app.metrics.held(opco, *reason),
            Next::Wait { .. } | Next::Look { .. } => {}
        }
    }

    fn settlement(&self, app: &App, took: Duration, trace_id: Option<String>) -> Settlement {
        let (standing, receipt) = match &self.next {
            Next::Delivered(receipt) => (Standing::ended(Status::Delivered), Some(receipt)),
            Next::Rejected(_) => (Standing::ended(Status::Rejected), None),
            Next::Dead(_) => (Standing::ended(Status::Dead), None),
            Next::Wait { .. } if mutation::planted(Mutation::DropFailed) => {
                (Standing::ended(Status::Cancelled), None)
            }
            Next::Wait { reason, until } => (Standing::waiting(*reason, *until), None),
            Next::Look { at } => (Standing::unknown(*at), None),
            Next::Hold(reason, _) => (Standing::held(*reason), None),
        };
        let end = AttemptEnd {
            outcome: self.outcome,
            http_status: self.http_status,
            duration_ms: u64::try_from(took.as_millis()).ok(),
            trace_id,
        };
        let mut settlement = self.job.settlement(self.now, standing, end);
        settlement.attempts = self.kept.attempts;
        settlement.looks = self.kept.looks;
        settlement.first_lost_at = self.kept.first_lost_at;
        settlement.fault.clone_from(&self.kept.fault);
        settlement.version = self.record.version;
        if !mutation::planted(Mutation::EventDropped) {
            settlement.events.push(self.event(standing));
        }
        if let Some(receipt) = receipt {
            settlement.receipt = Some(receipt.clone());
        }
        let numeros = store::Numeros {
            facture: self.record.numeros.facture.clone(),
            document: self.record.numeros.document.clone(),
        };
        settlement.numeros = Some(numeros).filter(|numeros| !numeros.is_empty());
        if let (Some(receipt), Kind::Dossier) = (receipt, self.job.delivery.kind) {
            settlement.dossier = Some(NewDossier {
                id: DossierId::new(self.now),
                pairing: Some(self.job.delivery.lane),
                receipt: receipt.clone(),
            });
            settlement.read = Some(ReadPlan {
                due_at: pause::later(self.now, app.settings.poll.first()),
                interval_ms: app.settings.poll.hot_ms(),
            });
        }
        settlement
    }

    fn event(&self, standing: Standing) -> NewEvent {
        let (numero, etat) = match &self.next {
            Next::Delivered(Receipt {
                numero_interne,
                etat,
                ..
            }) => (numero_interne, etat),
            _ => (&None, &None),
        };
        let told = |numero: &Option<String>| numero.as_deref().map(opco::reference);
        let fault = self.kept.fault.as_ref();
        let kind = match standing.status {
            Status::Delivered => "delivery.delivered",
            Status::Rejected => "delivery.rejected",
            Status::Held => "delivery.held",
            Status::Dead => "delivery.dead",
            Status::Unknown => "delivery.unknown",
            _ => "delivery.waiting",
        };
        let mut event = NewEvent::new(self.now, kind)
            .delivery(self.job.delivery.id)
            .with(serde_json::json!({
                "attempt": self.job.number,
                "outcome": self.outcome,
                "http_status": self.http_status,
                "opco": self.job.delivery.opco,
                "version": self.record.version,
                "key": self.key,
                "file": self.record.file,
                "numeroInterne": told(numero),
                "numeroInterneDocument": told(&self.record.numeros.document),
                "numeroInterneFacture": told(&self.record.numeros.facture),
                "etat": etat,
                "held": standing.hold_reason,
                "waiting": standing.wait_reason,
                "until": standing.due_at.map(|at| at.to_string()),
                "fault": fault.map(|fault| fault.kind),
                "said": fault.map(|fault| fault.detail.as_str()),
            }));
        event.content_hash = self.record.sent;
        event.answer_hash = self.record.answer;
        event
    }
}

impl Settler {
    /// Starts the writer, as the committer does.
    pub(crate) fn start(store: &Store) -> Self {
        let store = store.clone();
        Self(Group::start(
            GROUP_MAX,
            move |group: Arc<Vec<Settlement>>| {
                let store = store.clone();
                async move {
                    let answers = store.settle(&group).await?;
                    Ok::<_, StoreError>(answers.into_iter().map(Ok).collect())
                }
            },
            StoreError::is_out_of_reach,
            Err,
        ))
    }

    /// Writes a verdict; tries again while the store is away, for as long as the lease may last.
    pub(crate) async fn settle(
        &self,
        app: &App,
        verdict: &Verdict,
        took: Duration,
        trace_id: Option<String>,
    ) {
        let settlement = verdict.settlement(app, took, trace_id);
        if self.write(app, settlement).await == Some(Settled::Done) {
            verdict.count(app);
            tracing::debug!(
                delivery.id = %verdict.job.delivery.id,
                next = dispatch::word(&verdict.next),
                "settled"
            );
        }
    }

    /// Gives a claim back unsent.
    pub(crate) async fn release(
        &self,
        app: &App,
        job: &Claimed,
        reason: Option<domain::WaitReason>,
        until: Timestamp,
    ) {
        let settlement = job.release(app.clock.now(), until, reason);
        self.write(app, settlement).await;
    }

    async fn write(&self, app: &App, settlement: Settlement) -> Option<Settled> {
        let mut rest = RETRY;
        for _ in 0..TRIES {
            match self.0.submit(settlement.clone()).await {
                Some(Ok(Settled::Done)) => return Some(Settled::Done),
                Some(Ok(Settled::Lost)) => {
                    // Someone else holds it now and will look: nothing is lost, nothing is doubled.
                    tracing::warn!(delivery.id = %settlement.id, "the lease had ended before the outcome was written");
                    return Some(Settled::Lost);
                }
                Some(Err(error)) if error.is_temporary() => {
                    tracing::warn!(delivery.id = %settlement.id, error = %error, "an outcome waits for the store");
                    tokio::time::sleep(app.real(rest)).await;
                    rest = rest.saturating_mul(2);
                }
                Some(Err(error)) => {
                    tracing::error!(delivery.id = %settlement.id, error = %error, "an outcome could not be written");
                    return None;
                }
                None => return None,
            }
        }
        None
    }
}
