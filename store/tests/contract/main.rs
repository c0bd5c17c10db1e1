//! Every promise of the store, on SQLite and on PostgreSQL, each test on a database of its own.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on fails here"
)]

mod accept;
mod accounts;
mod alerts;
mod claim;
mod deliveries;
mod files;
mod harness;
mod opening;
mod people;
mod plans;
mod privacy;
mod proofs;
mod refusals;
mod schema;
mod sealing;
mod sequence;
mod settle;
mod strangers;
mod tenants;
mod validity;
mod vouching;
mod webhooks;
