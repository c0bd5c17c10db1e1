//! Promises 5 and 9 from outside: secrets stay secret at every door, no network sees another, and
//! no input brings the door down.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod canary;
mod cluster;
mod collector;
mod course;
mod desk;
mod hostile;
mod large;
mod leaks;
mod relay;
mod scan;
mod table;
mod tenants;

use harness::process::Program;

/// The product.
const PROGRAM: Program = Program(env!("CARGO_BIN_EXE_gateway-under-test"));
