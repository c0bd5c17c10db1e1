//! Everything CFA Gateway remembers, on SQLite or PostgreSQL: the same functions, the same
//! promises, one suite of tests for both.
//!
//! [`Tx`] is the only door to the rows. Three paths where every round trip counts have a door of
//! their own on [`Store`]: taking payloads into custody ([`Store::accept`]), handing them to
//! deliverers ([`Store::claim`]) and writing what came of it ([`Store::settle`]).
//!
//! What is too large for a row, the files of payloads, is kept by [`Files`].
//!
//! Modules in reading order.

mod column;
mod error;
mod open;
mod pool;
mod repeated;
mod sealing;

pub mod accept;
pub mod accounts;
pub mod alerts;
pub mod attempts;
pub mod bulks;
pub mod ceilings;
pub mod claim;
pub mod countdowns;
pub mod credentials;
pub mod deliveries;
pub mod dossiers;
pub mod events;
pub mod files;
pub mod health;
pub mod invoices;
pub mod keys;
mod lanes;
mod limiter;
pub mod mails;
pub mod mandates;
pub mod near;
pub mod overrides;
mod pairs;
pub mod people;
pub mod pieces;
pub mod privacy;
pub mod proofs;
pub mod pulse;
pub mod read_jobs;
pub mod refusals;
pub mod reports;
pub mod retention;
pub mod saved_views;
pub mod schedules;
pub mod settle;
pub mod software;
pub mod strangers;
pub mod switches;
pub mod tenants;
pub mod unknown_fields;
pub mod webhooks;
pub mod windows;
mod writer;

pub use crate::accept::{Accepted, GivenMandate, Idempotency, NewDelivery};
pub use crate::claim::{Claimed, Want, Was};
pub use crate::deliveries::{Delivery, NewEvent, Standing, Submission};
pub use crate::dossiers::{Dossier, EtatSeen, StateChange};
pub use crate::error::StoreError;
pub use crate::files::{Bucket, FileError, Files, FilesConfig, NewFile, Received, StoredFile};
pub use crate::near::NearHit;
pub use crate::pairs::ActivePair;
pub use crate::pieces::Numeros;
pub use crate::pool::{EngineKind, Store, StoreConfig, Tx};
pub use crate::sealing::{
    FileFacts, Fingerprint, MasterKey, NirPart, OpenPayload, SealError, SealedPayload,
    SealedSecret, Sealer, TenantKey,
};
pub use crate::settle::{AttemptEnd, NewDossier, ReadPlan, Settled, Settlement};
