//! What others than the signer say of an evidence file, in words.

use domain::person::Language;
use domain::proof::Verified;
use serde_json::{Value, json};

use super::Vouch;
use crate::commands::words;

/// What is told of them.
pub(super) struct Vouched {
    /// Whether everybody who was named vouches.
    pub(super) holds: bool,
    pub(super) witnesses: Vec<Value>,
    pub(super) timestamp: Value,
    pub(super) shown: Vec<(&'static str, String)>,
}

/// Verifies what those who are named say; what nobody was named for is told, and not believed.
pub(super) fn vouched(verified: &Verified, vouch: &Vouch<'_>) -> Vouched {
    let mut told = Vouched {
        holds: true,
        witnesses: Vec::new(),
        timestamp: Value::Null,
        shown: Vec::new(),
    };
    witnesses(verified, vouch, &mut told);
    timestamp(verified, vouch, &mut told);
    told
}

fn witnesses(verified: &Verified, vouch: &Vouch<'_>, told: &mut Vouched) {
    for key in vouch.witnesses {
        let name = key.name();
        match verified.seen_by(key) {
            Ok(seen) => {
                let all = verified.covers(seen.size);
                told.witnesses.push(json!({
                    "name": name, "verdict": "seen", "size": seen.size,
                    "at": seen.at.to_string(), "all": all,
                }));
                let reach = reach(all, seen.size);
                let line = format!("VU par {name} le {} : {reach}", words::exact(seen.at));
                told.shown.push(("témoin", line));
            }
            Err(unseen) => {
                told.holds = false;
                told.witnesses.push(json!({
                    "name": name, "verdict": "refused", "reason": unseen.to_string(),
                }));
                let line = format!("{name} : NE TIENT PAS, {unseen}");
                told.shown.push(("témoin", line));
            }
        }
    }
    let named = |name: &&str| vouch.witnesses.iter().any(|key| key.name() == *name);
    for name in verified.witnesses().into_iter().filter(|name| !named(name)) {
        told.witnesses
            .push(json!({ "name": name, "verdict": "unverified" }));
        let line = format!("{name} : non vérifié (donnez sa clé avec --witness)");
        told.shown.push(("témoin", line));
    }
}

fn timestamp(verified: &Verified, vouch: &Vouch<'_>, told: &mut Vouched) {
    let Some(authorities) = &vouch.authorities else {
        if verified.has_timestamp() {
            told.timestamp = json!({ "verdict": "unverified" });
            let line =
                "jeton non vérifié (donnez les certificats de l'autorité avec --timestamp-ca)";
            told.shown.push(("horodatage", line.to_owned()));
        }
        return;
    };
    let refused = match verified.dated_by(authorities) {
        Ok(Some(dated)) => {
            let (stamp, all) = (dated.stamp, verified.covers(dated.size));
            told.timestamp = json!({
                "verdict": "dated", "authority": stamp.authority, "size": dated.size,
                "at": stamp.at.to_string(), "before": stamp.before.to_string(), "all": all,
            });
            let reach = reach(all, dated.size);
            let line = format!(
                "EXISTAIT AVANT le {}, selon {} : {reach}",
                words::exact(stamp.before),
                stamp.authority
            );
            told.shown.push(("horodatage", line));
            return;
        }
        Ok(None) => "le fichier ne porte aucun jeton".to_owned(),
        Err(undated) => undated.to_string(),
    };
    told.holds = false;
    told.timestamp = json!({ "verdict": "refused", "reason": refused });
    told.shown
        .push(("horodatage", format!("NE TIENT PAS, {refused}")));
}

fn reach(all: bool, size: u64) -> String {
    if all {
        let log = Language::Fr.counted(size, "événement", "événements");
        format!("tous les événements du fichier (journal de {log})")
    } else {
        format!("les événements du fichier jusqu'au n° {size} seulement")
    }
}
