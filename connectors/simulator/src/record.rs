//! What the simulator writes down: the ledger of accepted contracts and the log of calls.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::etat::Version;
use crate::schedule::Terms;

/// The five fields that pair a contract (protocol §5), as they were received.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
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

/// A line of the ledger: a contract the OPCO took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// The OPCO's slug.
    pub opco: String,
    /// The version it was filed in.
    pub version: Version,
    /// The OPCO's technical number.
    pub numero_interne: String,
    /// The OPCO's business number.
    pub numero_externe: String,
    /// What pairs it.
    pub pairing: Pairing,
    /// The first 16 hexadecimal digits of the SHA-256 of the CFA key.
    pub key: String,
    /// When the call arrived, in milliseconds of the source clock.
    pub arrival_ms: i64,
    /// The same on the virtual clock.
    pub virtual_ms: i64,
    /// The headers that tell attempts apart.
    pub headers: BTreeMap<String, String>,
    /// What the schedule is drawn from.
    pub terms: Terms,
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
    /// `dossiers`, `etats`, `detail`, `liste`, `status`, `cfakeyinfo`, `token` or `other`.
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
