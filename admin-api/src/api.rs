//! The admin API: what programs ask of the control plane.

pub(crate) mod alerts;
pub(crate) mod audit;
pub(crate) mod bulks;
pub(crate) mod causes;
pub(crate) mod credentials;
pub(crate) mod decisions;
pub(crate) mod deliveries;
pub(crate) mod dossiers;
pub(crate) mod health;
pub(crate) mod keys;
pub(crate) mod me;
pub(crate) mod money;
pub(crate) mod opcos;
pub(crate) mod openapi;
pub(crate) mod orphans;
pub(crate) mod people;
pub(crate) mod privacy;
pub(crate) mod retention;
pub(crate) mod sealed;
pub(crate) mod settings;
pub(crate) mod today;
pub(crate) mod tree;
pub(crate) mod views;
pub(crate) mod webhooks;
