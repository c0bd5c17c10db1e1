//! One running gateway: everything its parts share, cheap to clone.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use domain::clock::Clock;
use opco::{Profiles, Seed, Transport};
use serde::{Deserialize, Serialize};
use store::{Files, Store};

use crate::breaker::Breakers;
use crate::ceilings::Ceilings;
use crate::committer::Committer;
use crate::drift::Drift;
use crate::limits::Limits;
use crate::mail::Mailer;
use crate::metrics::Metrics;
use crate::notary;
use crate::notify::Notifier;
use crate::reconciliation::Papers;
use crate::routing::Routing;
use crate::settle::Settler;
use crate::tasks::Tasks;
use crate::view::Views;
use crate::vouching::Vouching;
use crate::worker::Inbox;
use crate::{alerts, breaker, http, poll, retention, worker};

/// One running gateway.
#[derive(Debug, Clone)]
pub(crate) struct App(Arc<Parts>);

/// What the parts of a gateway share.
#[derive(Debug)]
pub(crate) struct Parts {
    /// The hour.
    pub(crate) clock: Arc<dyn Clock>,
    /// What is remembered.
    pub(crate) store: Store,
    /// What is known of each network without asking the store again.
    pub(crate) views: Views,
    /// What was opened to count the money of networks.
    pub(crate) papers: Papers,
    /// The wire to the OPCOs.
    pub(crate) transport: Transport,
    /// The facts of each OPCO.
    pub(crate) profiles: Profiles,
    /// The capability matrix that ships.
    pub(crate) seed: Seed,
    /// Who we say we are.
    pub(crate) editor: opco::Editor,
    /// From an employer to its OPCO.
    pub(crate) routing: Routing,
    /// How much sites and networks have handed in.
    pub(crate) ceilings: Ceilings,
    /// The turns of every call.
    pub(crate) limits: Limits,
    /// Who rests.
    pub(crate) breakers: Breakers,
    /// What is counted.
    pub(crate) metrics: Metrics,
    /// The writer of accepted payloads.
    pub(crate) committer: Committer,
    /// The writer of outcomes.
    pub(crate) settler: Settler,
    /// The way to the ERPs.
    pub(crate) notifier: Notifier,
    /// Work handed over in memory.
    pub(crate) inbox: Arc<Inbox>,
    /// Every background task.
    pub(crate) tasks: Tasks,
    /// The files of payloads.
    pub(crate) files: Files,
    /// What the doors share.
    pub(crate) http: http::State,
    /// How the work is done.
    pub(crate) settings: Settings,
    /// How often the logs are sealed.
    pub(crate) proof: notary::Settings,
    /// Who else vouches for the logs.
    pub(crate) vouching: Vouching,
    /// The way to people's mail, if there is one.
    pub(crate) mailer: Option<Mailer>,
    /// The address of the dashboard, as people see it.
    pub(crate) link: String,
    /// How often is looked for what is wrong.
    pub(crate) alerts: alerts::Settings,
    /// How long finished data is kept.
    pub(crate) retention: retention::Settings,
    /// Whether something was destroyed whose traces are still in the files of the database. After a start
    /// it may be so.
    pub(crate) shredded: AtomicBool,
    /// What OPCOs were seen to send that nobody knows.
    pub(crate) drift: Drift,
    /// The name of this run of the process, under which it holds leases.
    pub(crate) owner: String,
}

/// How the work is done.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Claims, leases, retries.
    pub worker: worker::Settings,
    /// When a system rests.
    pub breaker: breaker::Settings,
    /// The reads of states.
    pub poll: poll::Settings,
}

impl App {
    /// Wraps the parts.
    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// Returns the real time within which a call of `span` on the gateway's clock must end.
    pub(crate) fn real(&self, span: Duration) -> Duration {
        self.clock.real(span)
    }
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
