//! The norm API Convergence CFA/OPCO, and the public sources that say which OPCO an employer has.

pub mod reference;
pub mod siro;
