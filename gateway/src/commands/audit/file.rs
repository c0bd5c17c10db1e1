//! The verification of an evidence file: nothing is asked of any database or network.

mod vouched;

use std::path::Path;

use domain::dossier::Dossier;
use domain::event;
use domain::payload::Payload;
use domain::person::Language;
use domain::proof::{Authorities, Entry, Evidence, Unproven, Verified, VerifierKey, WitnessKey};
use domain::{Kind, Timestamp};
use serde_json::{Value, json};

use self::vouched::Vouched;
use crate::commands::failure::{Code, Exit, Failure};
use crate::commands::output::Out;
use crate::commands::{Context, input, words};
use crate::contract;
use crate::follow_up::{ADJUSTED, CONTRACT};
use crate::http::follow_ups::OPCO;
use crate::http::upload::FICHIER;
use crate::mutation::{self, Mutation};

/// Who else must vouch for a file.
pub(super) struct Vouch<'a> {
    pub(super) witnesses: &'a [WitnessKey],
    pub(super) authorities: Option<Authorities>,
}

/// Verifies a file and says what it proves.
pub(super) fn verify(
    context: &Context,
    file: &Path,
    (trusted, vouch): (&[VerifierKey], &Vouch<'_>),
    held: Option<&Path>,
) -> Result<Exit, Failure> {
    let bytes = input::read(file)?;
    let mut out = Out::stdout(context.format());
    let verified = match verified(&bytes, trusted) {
        Ok(verified) => verified,
        Err(unproven) => {
            let answer = json!({ "verdict": "refused", "reason": unproven.to_string() });
            let shown = [
                ("verdict", "REFUSÉ".to_owned()),
                ("motif", unproven.to_string()),
            ];
            out.record(&answer, &shown)?;
            return Ok(Exit::Negative);
        }
    };
    let found = held.map(|path| positions_of(&verified, path)).transpose()?;
    let vouched = vouched::vouched(&verified, vouch);
    tell(&mut out, &verified, &vouched, found.as_deref())?;
    Ok(
        if found.is_some_and(|found| found.is_empty()) || !vouched.holds {
            Exit::Negative
        } else if verified.anchored {
            Exit::Success
        } else {
            Exit::Unanchored
        },
    )
}

fn verified(bytes: &[u8], trusted: &[VerifierKey]) -> Result<Verified, Unproven> {
    if mutation::planted(Mutation::AnyKeyTrusted) {
        let verified = Evidence::verify(bytes, &[])?;
        return Ok(Verified {
            anchored: true,
            ..verified
        });
    }
    Evidence::verify(bytes, trusted)
}

/// Returns which events tell of a content: the file as it is, or the payload it holds as the gateway
/// writes one, a contract without the NIR.
fn positions_of(verified: &Verified, path: &Path) -> Result<Vec<u64>, Failure> {
    let bytes = input::read(path)?;
    if verified.evidence.salt.is_none() {
        let said = "le fichier de preuve ne porte pas le sel : rien ne s'y rapproche d'un contenu";
        return Err(Failure::new(Code::InputInvalid, said)
            .remedy("le contenu a été détruit, ou la preuve écrite avec --without-salt"));
    }
    let mut found = verified.evidence.positions_of(&bytes);
    if let Ok(reading) = Dossier::read(&bytes) {
        let mut dossier = reading.dossier;
        dossier.take_nir();
        let sealed = contract::sealed_form(&dossier);
        let sent = contract::proven_text(&mut dossier.write());
        for text in [sealed, sent] {
            found.extend(verified.evidence.positions_of(text.as_bytes()));
        }
    }
    for text in others(verified, &bytes) {
        found.extend(verified.evidence.positions_of(text.as_bytes()));
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// Returns a payload that belongs to a contract as the gateway may have kept it: with the delivery of its
/// contract beside it, which the events name, or as it is sent.
fn others(verified: &Verified, bytes: &[u8]) -> Vec<String> {
    let Ok(Value::Object(mut root)) = serde_json::from_slice(bytes) else {
        return Vec::new();
    };
    let mut beside = |name| root.remove(name).filter(Value::is_string);
    let (named, adjusted) = (beside(CONTRACT), beside(ADJUSTED));
    for unkept in [FICHIER, OPCO] {
        beside(unkept);
    }
    let contracts = verified.evidence.events.iter().filter_map(|one| {
        let data: Value = serde_json::from_str(&one.entry.data).ok()?;
        data.get("contract").filter(|id| id.is_string()).cloned()
    });
    let contracts: Vec<Option<Value>> = contracts.chain(named).map(Some).chain([None]).collect();
    let text = Value::Object(root).to_string();
    let mut forms = Vec::new();
    for kind in Kind::ALL.iter().filter(|kind| **kind != Kind::Dossier) {
        let Ok(reading) = Payload::read(*kind, text.as_bytes()) else {
            continue;
        };
        for contract in &contracts {
            let mut form = reading.payload.write();
            for (name, value) in [(CONTRACT, contract), (ADJUSTED, &adjusted)] {
                if let (Value::Object(members), Some(value)) = (&mut form, value) {
                    members.insert(name.to_owned(), value.clone());
                }
            }
            forms.push(form.to_string());
        }
    }
    forms
}

fn tell(
    out: &mut Out,
    verified: &Verified,
    vouched: &Vouched,
    content: Option<&[u64]>,
) -> Result<(), Failure> {
    let Verified {
        evidence,
        checkpoint,
        anchored,
    } = verified;
    let events: Vec<_> = evidence
        .events
        .iter()
        .map(|one| {
            json!({
                "position": one.entry.position,
                "at": instant(one.entry.at_ms),
                "kind": one.entry.kind,
            })
        })
        .collect();
    let answer = json!({
        "verdict": if *anchored { "valid" } else { "unanchored" },
        "network": evidence.network, "delivery": evidence.delivery,
        "size": checkpoint.size, "date": checkpoint.date.to_string(),
        "signer": evidence.signer.to_string(), "events": events, "content": content,
        "witnesses": vouched.witnesses, "timestamp": vouched.timestamp,
    });
    let mut shown = vec![
        (
            "verdict",
            if *anchored {
                "VALIDE : signé par la clé donnée, ou par une clé qu'elle a désignée".to_owned()
            } else {
                "NON ANCRÉ : cohérent, mais aucune clé de confiance donnée (--trusted-key)"
                    .to_owned()
            },
        ),
        ("réseau", evidence.network.to_string()),
        ("livraison", evidence.delivery.to_string()),
        (
            "point de contrôle",
            format!(
                "{}, signé le {}",
                Language::Fr.counted(checkpoint.size, "événement", "événements"),
                words::local(checkpoint.date)
            ),
        ),
        ("signataire", evidence.signer.to_string()),
    ];
    shown.extend(vouched.shown.iter().cloned());
    let entries = evidence.events.iter().map(|one| &one.entry);
    shown.extend(told(entries).into_iter().map(|line| ("événement", line)));
    match content {
        None => {}
        Some([]) => shown.push((
            "contenu",
            "AUCUN événement ne porte sur ce contenu".to_owned(),
        )),
        Some(positions) => {
            let texts: Vec<String> = positions.iter().map(u64::to_string).collect();
            let of = Language::Fr.form(positions.len(), "de l'événement", "des événements");
            let said = format!("c'est celui {of} n° {}", texts.join(", "));
            shown.push(("contenu", said));
        }
    }
    out.record(&answer, &shown)
}

/// Writes events for people, one a line; what the gateway opened by itself on one line at the end.
fn told<'e>(entries: impl Iterator<Item = &'e Entry>) -> Vec<String> {
    let own = |entry: &&Entry| event::is_own_opening(&entry.kind, &entry.actor);
    let (by_itself, told): (Vec<&Entry>, Vec<&Entry>) = entries.partition(own);
    let mut lines: Vec<String> = told
        .into_iter()
        .map(|entry| {
            let (at, kind) = (words::local_text(&instant(entry.at_ms)), word(&entry.kind));
            match event::name(&entry.kind, Language::Fr) {
                Some(name) => format!("n° {}, {at}, {name} ({kind})", entry.position),
                None => format!("n° {}, {at}, {kind}", entry.position),
            }
        })
        .collect();
    if let [first, .., last] = by_itself.as_slice() {
        let (count, from, to) = (by_itself.len(), first.position, last.position);
        lines.push(format!(
            "entre n° {from} et n° {to}, contenu ouvert {count} fois par la passerelle pour son travail"
        ));
    } else if let [one] = by_itself.as_slice() {
        let at = words::local_text(&instant(one.at_ms));
        let position = one.position;
        lines.push(format!(
            "n° {position}, {at}, contenu ouvert par la passerelle pour son travail"
        ));
    }
    lines
}

/// Returns the word of an event as a terminal may show it: a file is a stranger's, and with what a terminal
/// obeys it could write any verdict over ours.
fn word(kind: &str) -> String {
    const CHARS_MAX: usize = 60;
    let plain = kind.chars().filter(char::is_ascii_graphic);
    plain.take(CHARS_MAX).collect()
}

fn instant(ms: i64) -> String {
    Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |at| at.to_string())
}

#[cfg(test)]
mod tests {
    use domain::id::{EventId, TenantId};

    use super::*;

    #[test]
    fn events_are_named_and_what_the_gateway_opened_is_one_line() {
        let at: Timestamp = "2026-09-01T08:00:00Z".parse().unwrap();
        let entry = |position: u64, kind: &str, actor: &str| Entry {
            network: TenantId::new(at),
            position,
            event: EventId::new(at),
            at_ms: at.as_millisecond(),
            kind: kind.to_owned(),
            delivery: None,
            dossier: None,
            actor: actor.to_owned(),
            data: "{}".to_owned(),
            content_hash: None,
            answer_hash: None,
        };
        let entries = [
            entry(1, "delivery.accepted", "credential:x"),
            entry(4, event::OPENED, event::GATEWAY),
            entry(5, event::OPENED, "person:x"),
            entry(9, event::OPENED, event::GATEWAY),
        ];
        assert_eq!(
            told(entries.iter()),
            [
                "n° 1, 01/09/2026 10:00, Déposée (delivery.accepted)",
                "n° 5, 01/09/2026 10:00, Contenu scellé ouvert (payload.opened)",
                "entre n° 4 et n° 9, contenu ouvert 2 fois par la passerelle pour son travail",
            ]
        );
        assert_eq!(told(entries.iter().take(2)).len(), 2);
        // A stranger's file writes nothing over the verdict.
        let forged = "x\u{1b}[2J\u{1b}[H\nverdict  VALIDE\u{9b}1A\u{202e}";
        let line = told([entry(1, forged, "x")].iter()).concat();
        assert_eq!(line, "n° 1, 01/09/2026 10:00, x[2J[HverdictVALIDE1A");
    }
}
