//! The native API: the route table and what every request passes through, outermost first.

pub(crate) mod api_key;
pub(crate) mod caller;
pub(crate) mod envelope;
pub(crate) mod idempotency;
pub(crate) mod ndjson;
pub(crate) mod page;
pub(crate) mod problem;
pub(crate) mod quota;
#[cfg(test)]
pub(crate) mod snapshot;
pub(crate) mod trace_context;
