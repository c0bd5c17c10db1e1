//! The simulator from the outside: what a client of the norm sees at each OPCO.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop where it likes"
)]

#[path = "behavior/control.rs"]
mod control;
#[path = "behavior/faults.rs"]
mod faults;
#[path = "behavior/filing.rs"]
mod filing;
#[path = "behavior/identity.rs"]
mod identity;
#[path = "behavior/invoices.rs"]
mod invoices;
#[path = "behavior/ledger.rs"]
mod ledger;
#[path = "behavior/life.rs"]
mod life;
#[path = "behavior/money.rs"]
mod money;
#[path = "behavior/page.rs"]
mod page;
#[path = "behavior/pieces.rs"]
mod pieces;
#[path = "behavior/proof.rs"]
mod proof;
#[path = "behavior/reading.rs"]
mod reading;
#[path = "behavior/rig.rs"]
mod rig;
