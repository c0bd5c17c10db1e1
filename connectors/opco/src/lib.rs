//! The norm "API Convergence CFA/OPCO" as the gateway speaks it, with one dialect and eleven
//! profiles, and the public sources that say which OPCO an employer has.
//!
//! An operation is encoded for a profile, sent, and its reply decoded; no retry, no limit and no
//! table here. Modules in alphabetical order; start with `exchange`.

mod answer;
mod call;
mod capabilities;
mod dpop;
mod exchange;
mod fichier;
pub mod lookup;
mod norm;
mod operation;
mod profile;
pub mod reference;
mod sighting;
pub mod siro;
mod token;
mod transport;
mod walk;

pub use crate::answer::{
    Answer, DossierDetail, EtatDossier, KeyInfo, Numeros, Page, PieceReceipt, ServiceStatus,
};
pub use crate::call::{Body, BodyEnd, Call, Editor, Identity, Method, Reply, SoftwareCredential};
pub use crate::capabilities::{
    Capabilities, Closed, Seed, SeedError, Switch, Way, as_document, choose_version, choose_way,
};
pub use crate::dpop::generate_proof_key;
pub use crate::exchange::{Filed, exchange, hand_over, ready};
pub use crate::fichier::{Fichier, FileChunks, Opening};
pub use crate::norm::edit::Edit;
pub use crate::norm::mask::said;
pub use crate::norm::refus::Refus;
pub use crate::norm::word::{UNREADABLE, reference};
pub use crate::norm::{decode, encode};
pub use crate::operation::{Operation, Piece};
pub use crate::profile::{
    Auth, Departure, Profile, ProfileError, Profiles, Recette, RejetWords, TIMEOUT_MS_MAX,
};
pub use crate::sighting::{
    Billed, Seen, Sighting, facture_among, facture_listed, facture_moved, look_at_dossier,
    shows_in_schedule,
};
pub use crate::transport::{REPLY_BYTES_MAX, RETRY_AFTER_MAX, Settings, Transport, TransportError};
pub use crate::walk::{DOSSIERS_MAX, Etats, Walk};
