//! The product as its own process, killed at every step of a contract's path and between them:
//! whatever was accepted ends at the OPCO, once, or visibly waits for a person. The ledger of the
//! simulator, which outlives them all, is the witness.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod filed;
mod freeze;
mod kill;
mod lost;
mod replicas;
mod told;

use harness::process::Program;

/// The product.
const PROGRAM: Program = Program(env!("CARGO_BIN_EXE_gateway-under-test"));
