//! A delivery and its attempts, as a caller reads them.

use domain::id::DeliveryId;
use domain::{Fault, Opco, Timestamp};
use serde::Serialize;
use store::StoredFile;
use store::attempts::Attempt;
use store::deliveries::Delivery;
use utoipa::ToSchema;

use crate::actions;
use crate::http::words;

/// One accepted payload on its way.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Delivery)]
pub(crate) struct DeliveryBody {
    /// Its name.
    #[schema(value_type = String, format = Uuid)]
    id: DeliveryId,
    /// What it carries.
    #[schema(value_type = words::Kind)]
    kind: domain::Kind,
    /// Which world it belongs to.
    #[schema(value_type = words::Environment)]
    environment: domain::Environment,
    /// Where it stands.
    #[schema(value_type = words::Status)]
    status: domain::Status,
    /// Where it stands, why and what to do, in French.
    explanation: String,
    /// Why it waits or is held: a `WaitReason` or a `HoldReason`.
    #[schema(example = "no_key")]
    reason: Option<&'static str>,
    /// When the gateway next acts by itself.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_at: Option<Timestamp>,
    /// The OPCO, once known.
    #[schema(value_type = Option<words::Opco>)]
    opco: Option<Opco>,
    /// The site that sends (SIRET).
    siret_cfa: String,
    /// The employer (SIRET).
    siret_employeur: Option<String>,
    /// The version of the norm it is or was sent in.
    #[schema(value_type = Option<String>, example = "v2")]
    version: Option<domain::NormVersion>,
    /// How often it was sent.
    attempt_count: u32,
    /// How often a lost answer was looked for.
    look_count: u32,
    /// The OPCO's technical number, by which it is asked.
    numero_interne: Option<String>,
    /// The OPCO's number of the business exchange.
    numero_externe: Option<String>,
    /// The State's deposit number.
    numero_deca: Option<String>,
    /// The last failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<FaultBody>,
    /// When it was accepted.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// When it came to its end.
    #[schema(value_type = Option<String>, format = DateTime)]
    finished_at: Option<Timestamp>,
}

/// A file in custody.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = File)]
pub(crate) struct FileBody {
    /// What it is, by its content: `pdf`, `jpeg` or `png`.
    #[schema(value_type = String, example = "pdf")]
    kind: &'static str,
    /// How many bytes.
    bytes: u64,
}

/// One failure of a call to an OPCO.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Fault)]
pub(crate) struct FaultBody {
    /// What it means, as a stable word.
    #[schema(value_type = String, example = "rejected")]
    kind: domain::FaultKind,
    /// The OPCO's HTTP status, when it answered.
    status: Option<u16>,
    /// What happened, in one line.
    detail: String,
    /// The OPCO's own messages, masked.
    messages: Vec<FaultMessage>,
    /// Whether the same call may succeed later.
    retryable: bool,
}

/// One message of an OPCO.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FaultMessage {
    /// The OPCO's own code, when it gave one.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// The OPCO's own words.
    text: String,
}

/// One call to the OPCO.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Attempt)]
pub(crate) struct AttemptBody {
    /// Its number, from 1.
    number: u32,
    /// `write` or `look`.
    purpose: String,
    /// When it was opened, before the call.
    #[schema(value_type = String, format = DateTime)]
    opened_at: Timestamp,
    /// When its outcome was kept; absent while under way, or when the process died during it.
    #[schema(value_type = Option<String>, format = DateTime)]
    closed_at: Option<Timestamp>,
    /// What came of it.
    outcome: Option<String>,
    /// The OPCO's HTTP status, when it answered.
    http_status: Option<u16>,
    /// How long the OPCO took, in milliseconds.
    duration_ms: Option<u64>,
    /// The version of the norm.
    #[schema(value_type = Option<String>)]
    version: Option<domain::NormVersion>,
    /// The failure, when it was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<FaultBody>,
    /// The trace of the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
}

impl From<&Delivery> for DeliveryBody {
    fn from(delivery: &Delivery) -> Self {
        let standing = delivery.standing;
        Self {
            id: delivery.id,
            kind: delivery.kind,
            environment: delivery.environment,
            status: standing.status,
            explanation: if actions::is_unseen(delivery) {
                words::UNSEEN.to_owned()
            } else {
                words::explanation(&standing, delivery.fault.as_ref().map(|fault| fault.kind))
            },
            reason: words::reason(&standing),
            next_at: standing.due_at,
            opco: delivery.opco,
            siret_cfa: delivery.siret_cfa.to_string(),
            siret_employeur: delivery.siret_employeur.map(|siret| siret.to_string()),
            version: delivery.version,
            attempt_count: delivery.attempts,
            look_count: delivery.looks,
            numero_interne: delivery.receipt.numero_interne.clone(),
            numero_externe: delivery.receipt.numero_externe.clone(),
            numero_deca: delivery.receipt.numero_deca.clone(),
            fault: delivery.fault.as_ref().map(FaultBody::from),
            created_at: delivery.created_at,
            updated_at: delivery.updated_at,
            finished_at: delivery.finished_at,
        }
    }
}

impl From<&StoredFile> for FileBody {
    fn from(file: &StoredFile) -> Self {
        Self {
            kind: file.kind.as_str(),
            bytes: file.bytes,
        }
    }
}

impl From<&Fault> for FaultBody {
    /// The raw body stays inside: it is masked, yet nobody described it.
    fn from(fault: &Fault) -> Self {
        let message = |item: &domain::outcome::FaultItem| FaultMessage {
            code: item.code.clone(),
            text: item.text.clone(),
        };
        Self {
            kind: fault.kind,
            status: fault.status,
            detail: fault.detail.clone(),
            messages: fault.items.iter().map(message).collect(),
            retryable: fault.kind.is_temporary(),
        }
    }
}

impl From<&Attempt> for AttemptBody {
    fn from(attempt: &Attempt) -> Self {
        Self {
            number: attempt.number,
            purpose: attempt.purpose.clone(),
            opened_at: attempt.opened_at,
            closed_at: attempt.closed_at,
            outcome: attempt.outcome.clone(),
            http_status: attempt.http_status,
            duration_ms: attempt.duration_ms,
            version: attempt.version,
            fault: attempt.fault.as_ref().map(FaultBody::from),
            trace_id: attempt.trace_id.clone(),
        }
    }
}
