//! What the simulator writes down: the ledger of what was accepted and the log of calls.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::book::{Annexes, LigneRetenue};
use crate::etat::Version;
use crate::multipart::Attachment;
use crate::schedule::Terms;

/// Between the parts of a natural key.
pub(crate) const SEPARATOR: &str = "|";

/// What was accepted.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A contract.
    #[default]
    Dossier,
    /// A training agreement.
    Convention,
    /// An invoice or a credit note.
    Facture,
    /// A structured certificate.
    Certificat,
    /// Any document.
    Document,
    /// A termination.
    Rupture,
}

impl Kind {
    /// Returns the word of the ledger.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Dossier => "dossier",
            Self::Convention => "convention",
            Self::Facture => "facture",
            Self::Certificat => "certificat",
            Self::Document => "document",
            Self::Rupture => "rupture",
        }
    }
}

/// What an OPCO that restarts needs of a line that is no contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retained {
    /// What an agreement grants.
    Granted(Annexes),
    /// An invoice; its account is not written down.
    Invoiced {
        /// The emitter's SIRET.
        siret: String,
        /// The CFA's number.
        reference: String,
        /// Its lines.
        lignes: Vec<LigneRetenue>,
        /// Whether nothing more is waited for.
        certified: bool,
        /// The number of the invoice it credits.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        origine: Option<String>,
        /// Whether it cancels an unpaid invoice.
        #[serde(default)]
        netted: bool,
    },
    /// A certificate, for one échéance or for all.
    Certified(Option<u32>),
    /// The day of a termination.
    Terminated(Date),
}

/// The five fields that pair a contract (protocol §5), as they were received.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Pairing {
    /// `apprenti.nom`
    pub nom: String,
    /// `apprenti.prenom`
    pub prenom: String,
    /// `apprenti.dateNaissance`, the day.
    pub date_naissance: String,
    /// `employeur.siret`
    pub siret: String,
    /// `contrat.dateDebutContrat`, the day.
    pub date_debut_contrat: String,
}

impl Pairing {
    /// Returns the five fields as one text: what makes a contract the same as another.
    pub(crate) fn natural_key(&self) -> String {
        let Self {
            nom,
            prenom,
            date_naissance,
            siret,
            date_debut_contrat,
        } = self;
        [nom, prenom, date_naissance, siret, date_debut_contrat]
            .map(String::as_str)
            .join(SEPARATOR)
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A line of the ledger: something the OPCO took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// The OPCO's slug.
    pub opco: String,
    /// What it is.
    #[serde(default)]
    pub kind: Kind,
    /// What makes it the same as another of its kind: the pairing fields of a contract; the dossier's
    /// number of an agreement and of a termination; emitter and number of an invoice; dossier,
    /// échéance and type of a certificate; type, file and objects of a document.
    #[serde(default)]
    pub natural_key: String,
    /// The version it came in.
    pub version: Version,
    /// The number the OPCO gave it: of the dossier, of the invoice, or of the stored file. A
    /// termination has that of its dossier.
    pub numero_interne: String,
    /// The OPCO's business number of a contract; the CFA's number of an invoice.
    pub numero_externe: String,
    /// The technical numbers of the dossiers it is about; none for a contract.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dossiers: Vec<String>,
    /// What pairs a contract; empty for the others.
    #[serde(default, skip_serializing_if = "Pairing::is_empty")]
    pub pairing: Pairing,
    /// The first 16 hexadecimal digits of the SHA-256 of the CFA key.
    pub key: String,
    /// When the call arrived, in milliseconds of the source clock.
    pub arrival_ms: i64,
    /// The same on the virtual clock.
    pub virtual_ms: i64,
    /// The headers that tell attempts apart.
    pub headers: BTreeMap<String, String>,
    /// The SHA-256 of the JSON that came, in hexadecimal; none for a contract.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_sha256: Option<String>,
    /// The file that came with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<Attachment>,
    /// What the schedule of a contract is drawn from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<Terms>,
    /// What is retained of the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retained: Option<Retained>,
}

/// A line of the request log: a call, answered or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestEntry {
    /// Counts the calls to this OPCO, from 1.
    pub sequence: u64,
    /// The OPCO's slug.
    pub opco: String,
    /// When it arrived, in milliseconds of the source clock.
    pub arrival_ms: i64,
    /// The same on the virtual clock.
    pub virtual_ms: i64,
    /// The HTTP method.
    pub method: String,
    /// `dossiers`, `conventions`, `factures`, `certificats`, `documents`, `rupture`, `etats`, `detail`,
    /// `liste`, `factures_etats`, `status`, `cfakeyinfo`, `token` or `other`.
    pub route: String,
    /// The version in the path, if any.
    pub version: Option<Version>,
    /// The fingerprint of the key presented, if any.
    pub key: Option<String>,
    /// The status answered; `None` when the connection was closed or hung without an answer.
    pub status: Option<u16>,
    /// The fault that struck, if any.
    pub fault: Option<String>,
    /// The number given or asked for, if any.
    pub numero_interne: Option<String>,
    /// How long the answer took, in microseconds of real time.
    pub duration_us: u64,
}

/// Returns one line of JSON.
pub(crate) fn line(entry: &impl Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(entry).unwrap_or_default();
    line.push(b'\n');
    line
}

/// Reads a ledger back; a line cut short by a crash belongs to a contract nobody was told about.
pub(crate) fn read(path: &Path) -> io::Result<Vec<LedgerEntry>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    // A device or a pipe has no past, and may have no end.
    if !file.metadata()?.is_file() {
        return Ok(Vec::new());
    }
    let mut entries = Vec::new();
    for line in BufReader::new(file).split(b'\n') {
        let line = line?;
        match serde_json::from_slice(&line) {
            Ok(entry) => entries.push(entry),
            Err(_) if line.is_empty() => {}
            Err(error) => tracing::warn!(%error, "a line of the ledger is not readable; skipped"),
        }
    }
    Ok(entries)
}
