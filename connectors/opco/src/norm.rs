//! The norm "API Convergence CFA/OPCO", both ways and without a socket: an operation becomes a
//! call, a reply becomes an answer or a fault.

mod decode;
mod drift;
pub(crate) mod edit;
mod encode;
pub(crate) mod fault;
pub(crate) mod lenient;
pub(crate) mod mask;
mod multipart;
pub(crate) mod refus;
pub(crate) mod word;

pub use decode::decode;
pub use encode::encode;
