//! Deliveries: what one is, how it is found, listed, counted, and changed by a person.

mod board;
mod judged;
mod query;
mod row;

use std::borrow::Cow;

use domain::id::{CredentialId, DeliveryId, DossierId, EventId, TenantId};
use domain::{
    Environment, Fault, HoldReason, Instance, Kind, NormVersion, Opco, Receipt, Siret, Status,
    Timestamp, WaitReason,
};

pub use self::board::{Hour, Scope, Stuck, by_hour, count, standing, stuck};
pub(crate) use self::judged::known_in;
pub use self::judged::{held, set_judgement};
pub(crate) use self::query::set_active;
pub use self::query::{
    Count, Filter, MAX_PAGE, Page, active_by_pairing, by_idempotency_key, claim_lookups, counts,
    find, find_for_update, follow_ups, forget_idempotency_key, list, of_lane, payload, person,
    set_route, submission, update,
};
pub(crate) use self::row::{COLUMNS, DeliveryRow};
use crate::sealing::Fingerprint;

/// Where a delivery stands, and when the gateway next acts by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The status.
    pub status: Status,
    /// Why it waits; with [`Status::Waiting`] only.
    pub wait_reason: Option<WaitReason>,
    /// Why a person must act; with [`Status::Held`] only.
    pub hold_reason: Option<HoldReason>,
    /// The next instant at which the gateway acts by itself. While sending: the lease's end.
    pub due_at: Option<Timestamp>,
}

/// One accepted payload on its way.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// Whose.
    pub tenant: TenantId,
    /// Its name.
    pub id: DeliveryId,
    /// Which world it belongs to.
    pub environment: Environment,
    /// What it carries.
    pub kind: Kind,
    /// Where it stands.
    pub standing: Standing,
    /// The dossier it belongs to: one lane, one at a time, in order.
    pub lane: Fingerprint,
    /// The operator, once known.
    pub opco: Option<Opco>,
    /// Which of the operator's systems.
    pub instance: u16,
    /// The site that sends.
    pub siret_cfa: Siret,
    /// The employer's establishment.
    pub siret_employeur: Option<Siret>,
    /// The version of the norm it is or was sent in.
    pub version: Option<NormVersion>,
    /// How often it was sent.
    pub attempts: u32,
    /// How often a lost answer was looked for.
    pub looks: u32,
    /// When an answer was first lost.
    pub first_lost_at: Option<Timestamp>,
    /// The numbers the OPCO gave; its `etat` is kept with the dossier.
    pub receipt: Receipt,
    /// The last failure, masked.
    pub fault: Option<Fault>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it came to its end.
    pub finished_at: Option<Timestamp>,
}

/// What was said of a payload when it was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// The credential it came with.
    pub credential: Option<CredentialId>,
    /// The routing answer with its trail, as JSON.
    pub route_json: String,
    /// The findings that did not stop it, as a JSON array.
    pub warnings_json: String,
    /// The version of the rules that judged it.
    pub rule_set: String,
    /// The caller's trace.
    pub traceparent: Option<String>,
    /// The exact pairing key, when doubles of this kind are refused.
    pub pairing: Option<Fingerprint>,
}

/// One line of the tenant's log, before it has a position. Never clear personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// Its name; names made later in a process sort later.
    pub id: EventId,
    /// When it happened.
    pub at: Timestamp,
    /// What happened, as a stable dotted word (`delivery.accepted`).
    pub kind: Cow<'static, str>,
    /// The delivery it concerns.
    pub delivery: Option<DeliveryId>,
    /// The dossier it concerns.
    pub dossier: Option<DossierId>,
    /// Who did it: `gateway`, `credential:<id>`, `person:<id>`.
    pub actor: Cow<'static, str>,
    /// The rest, masked.
    pub data: serde_json::Value,
    /// The salted hash of what was received from the sender or sent to the OPCO.
    pub content_hash: Option<[u8; 32]>,
    /// The salted hash of what the OPCO answered.
    pub answer_hash: Option<[u8; 32]>,
}

impl Standing {
    /// Due at once.
    pub fn queued(now: Timestamp) -> Self {
        Self {
            due_at: Some(now),
            ..Self::ended(Status::Queued)
        }
    }

    /// Goes by itself at an instant.
    pub fn waiting(reason: WaitReason, until: Timestamp) -> Self {
        Self {
            wait_reason: Some(reason),
            due_at: Some(until),
            ..Self::ended(Status::Waiting)
        }
    }

    /// Goes by itself when an earlier payload of its lane has ended.
    pub fn behind() -> Self {
        Self {
            wait_reason: Some(WaitReason::Predecessor),
            ..Self::ended(Status::Waiting)
        }
    }

    /// Waits for a person.
    pub fn held(reason: HoldReason) -> Self {
        Self {
            hold_reason: Some(reason),
            ..Self::ended(Status::Held)
        }
    }

    /// The answer was lost; looked for at an instant.
    pub fn unknown(look_at: Timestamp) -> Self {
        Self {
            due_at: Some(look_at),
            ..Self::ended(Status::Unknown)
        }
    }

    /// Nothing more happens by itself.
    pub fn ended(status: Status) -> Self {
        Self {
            status,
            wait_reason: None,
            hold_reason: None,
            due_at: None,
        }
    }
}

impl Delivery {
    /// Returns the system it goes to, once known.
    pub fn target(&self) -> Option<Instance> {
        self.opco.map(|opco| Instance {
            opco,
            number: self.instance,
        })
    }
}

impl NewEvent {
    /// Makes an event of the gateway itself, with no data yet.
    pub fn new(at: Timestamp, kind: impl Into<Cow<'static, str>>) -> Self {
        Self {
            id: EventId::new(at),
            at,
            kind: kind.into(),
            delivery: None,
            dossier: None,
            actor: Cow::Borrowed("gateway"),
            data: serde_json::Value::Null,
            content_hash: None,
            answer_hash: None,
        }
    }

    /// Says which delivery it concerns.
    #[must_use]
    pub fn delivery(mut self, id: DeliveryId) -> Self {
        self.delivery = Some(id);
        self
    }

    /// Says who did it.
    #[must_use]
    pub fn by(mut self, actor: impl Into<Cow<'static, str>>) -> Self {
        self.actor = actor.into();
        self
    }

    /// Adds the rest, which must be masked already.
    #[must_use]
    pub fn with(mut self, data: serde_json::Value) -> Self {
        self.data = data;
        self
    }
}
