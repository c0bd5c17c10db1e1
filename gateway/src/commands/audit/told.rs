//! What an audit of the store says: a word and a place for machines, a French sentence for people.

use domain::person::Language;
use domain::proof::TileId;
use serde_json::{Value, json};
use store::proofs::{Audited, Place, Vouched};

use super::Log;
use crate::commands::failure::{Exit, Failure};
use crate::commands::output::{Format, Out};

/// Writes one line a network, then what was found.
pub(super) fn tell(out: &mut Out, all: &[(Log, Audited, Vouched)]) -> Result<Exit, Failure> {
    let lines: Vec<Value> = all
        .iter()
        .map(|(log, audited, vouched)| line(log, audited, vouched))
        .collect();
    let titles = [
        "RÉSEAU",
        "ÉVÉNEMENTS",
        "NON SCELLÉS",
        "POINTS DE CONTRÔLE",
        "COSIGNATURES",
        "DATES",
        "CONSTATS",
    ];
    out.list(&titles, &lines, |line| {
        let text = |name: &str| match line.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Array(list)) => list.len().to_string(),
            Some(other) => other.to_string(),
            None => "-".to_owned(),
        };
        [
            "name",
            "events",
            "unsealed",
            "checkpoints",
            "cosignatures",
            "timestamps",
            "findings",
        ]
        .map(text)
        .to_vec()
    })?;
    let findings = all.iter().flat_map(|(log, audited, vouched)| {
        let findings = audited.findings.iter().chain(&vouched.findings);
        findings.map(move |finding| (log, finding.place))
    });
    let mut exit = Exit::Success;
    for (log, place) in findings {
        exit = Exit::Negative;
        if matches!(out.format(), Format::Table) {
            out.line(&format!("MODIFIÉ  {} : {}", log.name, sentence(place)))?;
        }
    }
    Ok(exit)
}

fn line(log: &Log, audited: &Audited, vouched: &Vouched) -> Value {
    let findings = audited.findings.iter().chain(&vouched.findings);
    let findings: Vec<Value> = findings.map(|one| word(one.place)).collect();
    json!({
        "network": log.tenant, "name": log.name, "events": audited.events,
        "unsealed": audited.unsealed, "checkpoints": audited.checkpoints,
        "cosignatures": vouched.cosignatures, "timestamps": vouched.timestamps,
        "findings": findings,
    })
}

fn word(place: Place) -> Value {
    let of_tile =
        |word: &str, id: TileId| json!({ "found": word, "level": id.level, "tile": id.index });
    match place {
        Place::EventsMissing { first, last } => {
            json!({ "found": "events_missing", "first": first, "last": last })
        }
        Place::EventAltered(position) => json!({ "found": "event_altered", "position": position }),
        Place::EventInserted(position) => {
            json!({ "found": "event_inserted", "position": position })
        }
        Place::Count { said, found } => json!({ "found": "count", "said": said, "last": found }),
        Place::TileAltered(id) => of_tile("tile_altered", id),
        Place::TileMissing(id) => of_tile("tile_missing", id),
        Place::TileCount { expected, found } => {
            json!({ "found": "tile_count", "expected": expected, "tiles": found })
        }
        Place::CheckpointAltered(size) => json!({ "found": "checkpoint_altered", "size": size }),
        Place::CheckpointForged(size) => json!({ "found": "checkpoint_forged", "size": size }),
        Place::CheckpointGap(size) => json!({ "found": "checkpoint_gap", "size": size }),
        Place::CheckpointKey(size) => json!({ "found": "checkpoint_key", "size": size }),
        Place::CosignatureForged(size) => json!({ "found": "cosignature_forged", "size": size }),
        Place::TimestampForged(size) => json!({ "found": "timestamp_forged", "size": size }),
        Place::Fork { first, last } => json!({ "found": "fork", "first": first, "last": last }),
        Place::Size { said, signed } => json!({ "found": "size", "said": said, "signed": signed }),
        Place::Mark { said, signed } => json!({ "found": "mark", "said": said, "signed": signed }),
        Place::KeyAltered(number) => json!({ "found": "key_altered", "number": number }),
        Place::Truncated { signed, found } => {
            json!({ "found": "truncated", "signed": signed, "events": found })
        }
        Place::Unsigned { signed, found } => {
            json!({ "found": "unsigned", "signed": signed, "tree": found })
        }
        Place::CheckpointMissing(size) => json!({ "found": "checkpoint_missing", "size": size }),
        Place::Rewritten { signed } => json!({ "found": "rewritten", "signed": signed }),
    }
}

fn sentence(place: Place) -> String {
    match place {
        Place::EventsMissing { first, last } if first == last => {
            format!("l'événement {first} a été supprimé")
        }
        Place::EventsMissing { first, last } => {
            format!("les événements {first} à {last} ont été supprimés")
        }
        Place::EventAltered(position) => {
            format!("l'événement {position} n'est plus celui qui a été scellé")
        }
        Place::EventInserted(position) => format!("un événement a été ajouté au rang {position}"),
        Place::Count { said, found } => {
            format!("le compteur du journal dit {said}, son dernier événement est le {found}")
        }
        Place::TileAltered(id) => format!(
            "le bloc de condensats {} du niveau {} a été modifié",
            id.index, id.level
        ),
        Place::TileMissing(id) => format!(
            "le bloc de condensats {} du niveau {} a disparu",
            id.index, id.level
        ),
        Place::TileCount { expected, found } => {
            let found = Language::Fr.counted(found, "bloc de condensats", "blocs de condensats");
            format!("l'arbre a {found} au lieu de {expected}")
        }
        Place::CheckpointAltered(size) => format!(
            "le point de contrôle de taille {size} n'est plus lisible ou n'est plus le sien"
        ),
        Place::CheckpointForged(size) => {
            format!(
                "le point de contrôle de taille {size} n'est signé par aucune clé de ce journal"
            )
        }
        Place::CheckpointGap(size) => {
            format!(
                "il manque un point de contrôle, ou il y en a un de trop, avant celui de taille {size}"
            )
        }
        Place::CheckpointKey(size) => {
            format!(
                "au point de contrôle de taille {size}, la clé change sans que l'ancienne l'ait signé"
            )
        }
        Place::CosignatureForged(size) => format!(
            "la cosignature gardée avec le point de contrôle de taille {size} n'est pas de ce témoin, ou pas de lui"
        ),
        Place::TimestampForged(size) => format!(
            "le jeton d'horodatage gardé avec le point de contrôle de taille {size} n'en date rien"
        ),
        Place::Fork { first, last } => {
            format!(
                "entre les événements {first} et {last}, le journal n'est plus celui qui a été signé, en plusieurs endroits"
            )
        }
        Place::Size { said, signed } => {
            let said = Language::Fr.counted(said, "événement", "événements");
            format!("l'arbre dit {said}, son dernier point de contrôle {signed}")
        }
        Place::Mark { said, signed } => mark(said, signed),
        Place::KeyAltered(number) => format!("la clé de signature n° {number} a été modifiée"),
        Place::Truncated { signed, found } => truncated(signed, found),
        Place::Unsigned { signed, found } => unsigned(signed, found),
        Place::CheckpointMissing(size) => missing(size),
        Place::Rewritten { signed } => format!(
            "le journal a été réécrit : le point de contrôle gardé, de taille {signed}, ne s'y retrouve pas"
        ),
    }
}

fn missing(size: u64) -> String {
    format!(
        "le point de contrôle gardé, de taille {size}, n'est pas dans la base : ceux de ce journal ont été retirés, \
         ou refaits par une autre clé sur les mêmes événements"
    )
}

fn truncated(signed: u64, found: u64) -> String {
    let (one, many) = ("événement avait été signé", "événements avaient été signés");
    let were = Language::Fr.counted(signed, one, many);
    format!("le journal a été tronqué : {were}, il en reste {found}")
}

fn unsigned(signed: u64, found: u64) -> String {
    let (one, many) = ("événement signé", "événements signés");
    let were = Language::Fr.counted(signed, one, many);
    format!(
        "la preuve a été retirée : le point de contrôle gardé est de {were}, qui sont là, et l'arbre n'en tient plus \
         que {found} ; rien ici ne dit qu'ils sont ceux d'alors"
    )
}

fn mark(said: Option<u64>, signed: i64) -> String {
    match said {
        None => format!(
            "la marque scellée de ce qui a été signé manque ou ne s'ouvre pas ; le dernier point de contrôle \
             est de {signed}"
        ),
        Some(said) => {
            let (one, many) = ("événement a été signé", "événements ont été signés");
            let were = Language::Fr.counted(said, one, many);
            format!(
                "la marque scellée dit que {were}, et le dernier point de contrôle en signe {signed} : \
                 arbre et points de contrôle ont été refaits, ou une copie ancienne remise"
            )
        }
    }
}
