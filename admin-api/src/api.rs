//! The admin API: what programs ask of the control plane.

pub(crate) mod causes;
pub(crate) mod health;
pub(crate) mod me;
pub(crate) mod openapi;
pub(crate) mod people;
