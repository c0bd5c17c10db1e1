//! The norm "API Convergence CFA/OPCO" as the gateway speaks it, with one dialect and eleven
//! profiles, and the public sources that say which OPCO an employer has.
//!
//! An operation is encoded for a profile, sent, and its reply decoded; no retry, no limit and no
//! table here. Modules in alphabetical order; start with `exchange`.

mod call;
mod capabilities;
mod dpop;
mod exchange;
pub mod lookup;
mod norm;
mod profile;
pub mod reference;
pub mod siro;
mod token;
mod transport;
mod walk;

pub use crate::call::{
    Answer, BodyEnd, Call, DossierDetail, Echeance, Editor, EtatDossier, FraisAnnexe, Identity,
    KeyInfo, Method, Operation, Page, Reply, ServiceStatus, SoftwareCredential,
};
pub use crate::capabilities::{Capabilities, Closed, Seed, SeedError, Switch, choose_version};
pub use crate::dpop::generate_proof_key;
pub use crate::exchange::{exchange, file, ready};
pub use crate::norm::edit::Edit;
pub use crate::norm::{decode, encode};
pub use crate::profile::{
    Auth, Departure, Profile, ProfileError, Profiles, Recette, TIMEOUT_MS_MAX,
};
pub use crate::transport::{REPLY_BYTES_MAX, RETRY_AFTER_MAX, Settings, Transport, TransportError};
pub use crate::walk::{DOSSIERS_MAX, Etats, Walk, etats_all};
