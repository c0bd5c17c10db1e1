//! CFA Gateway: takes the payloads of training centres, finds the OPCO, delivers once, tells.
//!
//! The path of a payload, in order: `http` (door) → `intake` → `committer` → `worker` →
//! `dispatch` → `settle`. Numbers only rise; nothing calls back up.

pub(crate) mod breaker;
pub(crate) mod failpoint;
pub(crate) mod group;
pub(crate) mod http;
pub(crate) mod pause;
pub(crate) mod tasks;
