//! What all payloads that come with a part of JSON have in common: reading it, writing it down.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::Value;

use crate::etat::Version;
use crate::fault::FaultKind;
use crate::identity::hexadecimal;
use crate::invoicing::reason_of;
use crate::multipart::{Attachment, Form, too_long};
use crate::record::{self, Kind, LedgerEntry, Pairing};
use crate::refusal::Refusal;
use crate::schema::Finding;
use crate::wire::Call;

/// A body that could be read.
pub(crate) struct Piece {
    pub(crate) json: Value,
    pub(crate) sha256: String,
    pub(crate) file: Option<Attachment>,
}

/// Reads JSON, and says where it cannot be read.
pub(crate) fn json(bytes: &[u8]) -> Result<Value, Refusal> {
    serde_json::from_slice(bytes).map_err(|error| {
        let text = format!(
            "JSON illisible, ligne {}, colonne {}",
            error.line(),
            error.column()
        );
        Refusal::one(400, "REQUETE_ILLISIBLE", text)
    })
}

/// Reads the part of this name and its file, which must be one of these forms.
pub(crate) fn read(
    call: &Call<'_>,
    name: &str,
    forms: &[Form],
    wants_file: bool,
) -> Result<Piece, Refusal> {
    let parts = call.parts()?;
    let bytes = parts.field(name).ok_or_else(|| {
        let text = format!("La partie {name} est obligatoire");
        Refusal::one(400, "PARTIE_ABSENTE", text).at(name)
    })?;
    let json = json(bytes)?;
    let refuse = |status, code, text: &str| Refusal::one(status, code, text).at("fichier");
    match &parts.file {
        None if wants_file => {
            let text = "La partie fichier est obligatoire";
            return Err(refuse(400, "FICHIER_ABSENT", text));
        }
        Some(file) if file.bytes == 0 => {
            return Err(refuse(400, "FICHIER_ABSENT", "Le fichier est vide"));
        }
        Some(file) if file.bytes > u64::from(call.settings.largest_file) => {
            return Err(Refusal {
                items: vec![Finding::of("FICHIER_TROP_LOURD", "Fichier trop lourd").at("fichier")],
                description: "Fichier trop lourd".to_owned(),
                ..too_long()
            });
        }
        Some(file) if !forms.contains(&file.form) => {
            let text = if forms.contains(&Form::Image) {
                "Le fichier doit être un PDF, un JPG ou un PNG"
            } else {
                "Le fichier doit être un PDF"
            };
            return Err(refuse(400, "FICHIER_REFUSE", text));
        }
        None | Some(_) => {}
    }
    Ok(Piece {
        json,
        sha256: hexadecimal(digest(&SHA256, bytes).as_ref()),
        file: parts.file.clone(),
    })
}

/// Refuses when a fault says so.
pub(crate) fn told_to_refuse(call: &Call<'_>, description: &str) -> Result<(), Refusal> {
    match call.within(FaultKind::Refusal) {
        None => Ok(()),
        Some(fault) => {
            let finding = reason_of(&fault, call.desk.facts.tongue());
            Err(Refusal::of(description, vec![finding]))
        }
    }
}

/// Returns a line of the ledger, without what only its kind knows.
pub(crate) fn entry(
    call: &Call<'_>,
    (sent, key): (&Piece, &Arc<str>),
    (kind, natural_key): (Kind, String),
    version: Version,
) -> LedgerEntry {
    LedgerEntry {
        opco: call.desk.facts.slug.to_owned(),
        kind,
        natural_key,
        version,
        numero_interne: String::new(),
        numero_externe: String::new(),
        dossiers: Vec::new(),
        pairing: Pairing::default(),
        key: key.to_string(),
        arrival_ms: call.arrival_ms,
        virtual_ms: call.virtual_ms,
        headers: crate::filing::kept_headers(call),
        content_sha256: Some(sent.sha256.clone()),
        file: sent.file.clone(),
        terms: None,
        retained: None,
    }
}

/// Writes a line in the ledger, if there is one, and returns whether it is safe.
pub(crate) async fn write_down(call: &Call<'_>, entry: &LedgerEntry) -> bool {
    match &call.sim.ledger {
        Some(ledger) => ledger.append(record::line(entry)).await,
        None => true,
    }
}

/// Returns the refusal of what could not be written down.
pub(crate) fn broken() -> Refusal {
    Refusal::one(500, "OPCO_INDISPONIBLE", "Erreur interne")
}
