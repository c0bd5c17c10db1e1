//! What an OPCO answered, read into our words. Nothing here prints a payload.

use std::collections::BTreeSet;
use std::fmt;

use domain::echeancier::Echeancier;
use domain::facture_etat::FactureEtat;
use domain::{Etat, Receipt};
use jiff::civil::Date;
use serde_json::Value;

/// What an OPCO answered, read.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// To [`Operation::Status`](crate::Operation::Status).
    Status(ServiceStatus),
    /// To [`Operation::FileDossier`](crate::Operation::FileDossier).
    Receipt(Receipt),
    /// To [`Operation::FilePiece`](crate::Operation::FilePiece).
    Piece(PieceReceipt),
    /// To [`Operation::Etats`](crate::Operation::Etats).
    Etats(Page),
    /// To [`Operation::FacturesEtats`](crate::Operation::FacturesEtats).
    FacturesEtats(Page<FactureEtat>),
    /// To [`Operation::Detail`](crate::Operation::Detail).
    Detail(Box<DossierDetail>),
    /// To [`Operation::Liste`](crate::Operation::Liste).
    Liste(Vec<DossierDetail>),
    /// To [`Operation::KeyInfo`](crate::Operation::KeyInfo).
    KeyInfo(KeyInfo),
}

/// What an OPCO gave when it took a payload that is no contract.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PieceReceipt {
    /// What it said of the dossier: a termination answers with its number and state.
    pub receipt: Receipt,
    /// What it said of the piece itself.
    pub numeros: Numeros,
}

/// The OPCO's numbers of what is no dossier (protocol §5). They are drawn apart from those of
/// dossiers, so that they never stand in a [`Receipt`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Numeros {
    /// `numeroInterneFacture`: of an invoice; documents and certificates name it.
    pub facture: Option<String>,
    /// `numeroInterneDocument`: of the stored file.
    pub document: Option<String>,
}

/// An OPCO's word on its own health (protocol §14).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceStatus {
    /// `healthy`, `degraded`, `unhealthy`, or whatever it said.
    pub status: String,
    /// The versions it says it speaks.
    pub versions: Vec<String>,
    /// For how long it has been up.
    pub uptime_s: Option<u64>,
}

/// One page of a list of states, of dossiers unless said otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T = EtatDossier> {
    /// The lines, in the OPCO's order.
    pub items: Vec<T>,
    /// How many there are in all, when it says so.
    pub total: Option<u64>,
    /// Which page it says this is.
    pub page: Option<u64>,
    /// How many lines carried no number and could not be used.
    pub skipped: u32,
    /// The members of its lines that the norm does not have, by name.
    pub unknown: Vec<String>,
}

/// The state of one dossier (protocol §7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EtatDossier {
    /// The OPCO's technical number.
    pub numero_interne: String,
    /// The number of the business exchange.
    pub numero_externe: Option<String>,
    /// The State's deposit number.
    pub numero_deca: Option<String>,
    /// The state in our words; `None` when unknown or untold.
    pub etat: Option<Etat>,
    /// The state as the OPCO spelled it.
    pub etat_brut: Option<String>,
}

/// One dossier in full (protocol §7). It holds personal data: its `Debug` shows only the numbers.
#[derive(Clone, PartialEq)]
pub struct DossierDetail {
    /// The numbers and the state as spelled.
    pub numeros: Receipt,
    /// The state in our words.
    pub etat: Option<Etat>,
    /// What the OPCO says about the state.
    pub commentaire_etat: Option<String>,
    /// The contract as the OPCO holds it, blocks under their plain names.
    pub cerfa: Value,
    /// The money: what is committed, the schedule, the ancillary costs, what is settled.
    pub echeancier: Echeancier,
    /// The members of the money that are there but not of their type, by JSON Pointer.
    pub oddities: Vec<String>,
    /// The members that the norm does not have, by name.
    pub unknown: Vec<String>,
    /// The whole answer as it came, for whoever passes it on.
    pub brut: Value,
}

/// What an OPCO says of a CFA key (protocol §14).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo {
    /// Whether it knows the key.
    pub known: bool,
    /// The last day of validity.
    pub date_fin_validite: Option<Date>,
    /// What it adds.
    pub comment: Option<String>,
}

impl Answer {
    /// Returns where the members stand that the norm does not have, with their names and nothing more:
    /// the route's word, then one name after another.
    pub fn unknown(&self) -> (&'static str, Vec<&str>) {
        match self {
            Self::Etats(page) => ("etats", texts(&page.unknown)),
            Self::FacturesEtats(page) => ("factures", texts(&page.unknown)),
            Self::Detail(detail) => ("dossier", texts(&detail.unknown)),
            Self::Liste(details) => {
                let all = details.iter().flat_map(|detail| texts(&detail.unknown));
                let once: BTreeSet<&str> = all.collect();
                ("dossier", once.into_iter().collect())
            }
            Self::Status(_) | Self::Receipt(_) | Self::Piece(_) | Self::KeyInfo(_) => {
                ("", Vec::new())
            }
        }
    }
}

fn texts(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

impl fmt::Debug for DossierDetail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DossierDetail")
            .field("numeros", &self.numeros)
            .field("etat", &self.etat)
            .field("echeances", &self.echeancier.echeances.len())
            .field("oddities", &self.oddities)
            .finish_non_exhaustive()
    }
}
