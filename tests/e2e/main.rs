//! Every story of a contract from an ERP to its OPCO and back, on both engines, in one process.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod alerts;
mod books;
mod convergence;
mod delivery;
mod door;
mod filing;
mod following;
mod money;
mod orphans;
mod people;
mod reading;
mod trouble;
mod vouching;
mod webhooks;
