//! What holds for every OPCO, and what each departs in: encoded calls, answers, refusals, sockets.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up should say so and stop"
)]

mod answers;
mod bench;
mod encoded;
mod life;
mod pieces;
mod refusals;
mod secrets;
mod simulated;
mod socket;
mod streamed;
mod tokens;
mod walked;
