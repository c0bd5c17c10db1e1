//! The words and the decisions of CFA Gateway. Nothing here reads a clock, a socket or a table:
//! time comes in as an argument, and what comes out is a value.
//!
//! Modules in reading order.

pub mod alert;
pub mod bulk;
pub mod calendar;
pub mod clock;
pub mod deadline;
pub mod delivery;
pub mod dossier;
pub mod echeancier;
pub mod etat;
pub mod event;
mod explain;
pub mod facture_etat;
pub mod file;
pub mod finding;
pub mod form;
pub mod id;
pub mod identifiers;
pub mod matching;
pub mod opco;
pub mod orphan;
pub mod outcome;
pub mod payload;
pub mod person;
pub mod proof;
pub mod reconciliation;
pub mod rejet;
pub mod retry;
pub mod route;
pub mod rules;
pub mod secret;
pub mod siret;
pub mod step;
pub mod subnet;

pub use crate::clock::{Clock, Timestamp};
pub use crate::delivery::{Environment, HoldReason, Kind, Status, WaitReason};
pub use crate::dossier::Dossier;
pub use crate::etat::Etat;
pub use crate::file::{FileFault, FileKind, Inspector};
pub use crate::finding::{Effect, Finding, Severity};
pub use crate::id::{
    BulkId, ContractId, CredentialId, DeliveryId, DossierId, EventId, FileId, KeyId, PersonId,
    SiteId, TenantId, TokenId,
};
pub use crate::opco::{Capability, Instance, NormVersion, Opco, Openness};
pub use crate::outcome::{Fault, FaultKind, Outcome, Receipt};
pub use crate::route::{Confidence, Route, RouteOutcome};
pub use crate::secret::{Masked, Secret};
pub use crate::siret::{Siren, Siret};
