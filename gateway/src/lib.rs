//! CFA Gateway: takes the payloads of training centres, finds the OPCO, delivers once, tells.
//!
//! The path of a payload, in order: `http` (door) → `intake` → `committer` → `worker` →
//! `dispatch` → `settle`. Numbers only rise; nothing calls back up.

pub(crate) mod breaker;
pub mod commands;
pub mod config;
pub(crate) mod failpoint;
pub(crate) mod group;
pub(crate) mod http;
pub mod metrics;
pub mod opening;
pub(crate) mod pause;
pub(crate) mod routing;
pub(crate) mod tasks;
pub mod telemetry;
