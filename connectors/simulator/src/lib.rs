//! The other side of the norm: eleven OPCOs on one port, with faults on demand and a clock one can
//! move. Written from the protocol notes alone (their sections are cited as §n), with its own types,
//! so that a misreading of the connector shows. `docs/simulator.md` says how to use it.

mod answer;
mod book;
mod cents;
mod clock;
mod control;
mod detail;
mod digits;
mod dpop;
mod etat;
mod fault;
mod filing;
mod handle;
mod identity;
mod invoicing;
mod multipart;
mod nature;
mod opcos;
mod page;
mod pieces;
mod reading;
mod record;
mod refusal;
mod schedule;
mod schema;
mod sending;
mod server;
mod settings;
mod sim;
mod spoil;
mod target;
mod token;
mod wire;
mod words;
mod writer;

pub use book::{Annexes, DossierView, EtatFacture, FactureView, LigneRetenue};
pub use etat::{Etat, Version};
pub use fault::Scope;
pub use fault::{ActiveFault, Fault, FaultError, FaultKind, LARGEST_BODY, MOST_FAULTS, SLOWEST_MS};
pub use handle::{
    ControlError, Handle, InvoiceOrder, LedgerPage, OpcoSummary, StateOrder, Summary,
};
pub use identity::{CfaKey, Client};
pub use multipart::Attachment;
pub use nature::Nature;
pub use opcos::SLUGS;
pub use record::{Kind, LedgerEntry, Pairing, RequestEntry, Retained};
pub use schedule::Terms;
pub use server::{Running, StartError, start};
pub use settings::{
    Auth, Capability, Codification, Dpop, Duplicates, LedgerSync, Now, OpcoSettings, Openness,
    Overrides, Payment, Progress, RateLimit, Settings,
};
pub use sim::Refused;
