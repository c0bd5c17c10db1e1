//! CFA Gateway: takes the payloads of training centres, finds the OPCO, delivers once, tells.
//!
//! The path of a payload, in order: `http` (door) → `intake` → `committer` → `worker` →
//! `dispatch` → `settle`. Numbers only rise; nothing calls back up.

pub(crate) mod actions;
pub(crate) mod app;
pub(crate) mod billed;
pub(crate) mod books;
pub(crate) mod breaker;
pub(crate) mod bulk;
pub mod commands;
pub(crate) mod committer;
pub mod config;
pub(crate) mod contract;
pub mod convergence;
pub(crate) mod countdowns;
pub(crate) mod desk;
pub(crate) mod details;
pub(crate) mod dispatch;
pub(crate) mod expiry;
pub(crate) mod failpoint;
pub(crate) mod files;
pub(crate) mod follow_up;
pub(crate) mod group;
pub(crate) mod http;
pub(crate) mod intake;
pub(crate) mod limits;
pub(crate) mod look;
pub mod metrics;
pub(crate) mod money;
pub(crate) mod mutation;
pub mod notary;
pub(crate) mod notes;
pub(crate) mod notify;
pub mod opening;
pub(crate) mod orphans;
pub(crate) mod pause;
pub(crate) mod pdf;
pub(crate) mod plan;
pub(crate) mod poll;
pub(crate) mod probe;
pub(crate) mod reconciliation;
pub(crate) mod refusals;
pub(crate) mod reroute;
pub(crate) mod retention;
pub(crate) mod rounds;
pub(crate) mod routing;
pub(crate) mod schedules;
pub(crate) mod settle;
pub mod start;
pub(crate) mod states;
pub(crate) mod sweep;
pub(crate) mod system;
pub(crate) mod tasks;
pub mod telemetry;
pub(crate) mod view;
pub(crate) mod worker;
