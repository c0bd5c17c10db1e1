//! One witness: it is shown the last checkpoint and the proof that it goes on from what it saw, and cosigns
//! (C2SP `tlog-witness`).

use std::time::Duration;

use domain::proof::{Conflict, Cosignature, WitnessKey, submission};
use store::NewEvent;
use store::events;
use store::proofs::{self, Due, Party, ProofError, Submission};

use super::Told;
use super::settings::Witness;
use crate::app::App;
use crate::notify::wire::Answer;
use crate::pause;

/// What is posted.
const CONTENT_TYPE: &str = "text/plain; charset=utf-8";

/// A witness that is asked.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) name: String,
    url: String,
    key: WitnessKey,
    every: Duration,
    pub(super) party: Party,
}

/// What an answer means.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    /// It saw the checkpoint.
    Cosigned(Cosignature),
    /// It saw that many events before, not what it was asked from.
    From(u64),
    /// Something that cannot be true.
    Against(Conflict),
    /// It did not cosign, and the word says why.
    No(&'static str),
}

impl Asked {
    pub(super) fn new(name: String, witness: &Witness, key: WitnessKey) -> Self {
        Self {
            name,
            url: format!("{}/add-checkpoint", witness.url.trim_end_matches('/')),
            every: Duration::from_secs(witness.every_s),
            party: Party::Witness(key.clone()),
            key,
        }
    }

    /// Asks about one log: from the size it is known to have seen, then, where it says another, from that one.
    pub(super) async fn ask(&self, app: &App, log: Due) -> Result<Told, ProofError> {
        let mut seen = log.vouched;
        for _ in 0..2 {
            let Some(shown) = app.store.submission(log.tenant, seen).await? else {
                return Ok(Told::Failed("nothing"));
            };
            let Some(proof) = &shown.proof else {
                return self.against(app, log, Conflict::Ahead(seen)).await;
            };
            let body = submission(seen, proof, &shown.note).into_bytes();
            let answer = app.vouching.post(app, &self.url, CONTENT_TYPE, body).await;
            let answer = match answer {
                Ok(answer) => answer,
                Err(outcome) => return Ok(Told::Silent(outcome.as_str())),
            };
            match read(&answer, &self.key, &shown, seen) {
                Said::Cosigned(line) => {
                    let next = pause::later(app.clock.now(), self.every);
                    let mut tx = app.store.writing().await?;
                    let of = (log.tenant, shown.said.size);
                    proofs::keep_cosignature(&mut tx, of, &self.key, &line, next).await?;
                    tx.commit().await?;
                    return Ok(Told::Vouched);
                }
                Said::From(size) if size < log.vouched => {
                    return self.against(app, log, Conflict::Forgot(size)).await;
                }
                Said::From(size) => seen = size,
                Said::Against(conflict) => return self.against(app, log, conflict).await,
                Said::No(word) => return Ok(Told::Failed(word)),
            }
        }
        // It moved while it was asked: another replica was quicker.
        Ok(Told::Failed("moving"))
    }

    /// Records a contradiction, once, where people look: in the log itself, in the process's, in the measures.
    async fn against(&self, app: &App, log: Due, conflict: Conflict) -> Result<Told, ProofError> {
        let now = app.clock.now();
        let mut tx = app.store.writing().await?;
        if proofs::conflict(&mut tx, log.tenant, &self.party, conflict, now).await? {
            tracing::error!(tenant.id = %log.tenant, party = self.name, conflict = %conflict,
                sealed = log.sealed, vouched = log.vouched,
                "a witness contradicts a log: it is asked no more until a person has looked");
            let told = NewEvent::new(now, "log.witness_conflict").with(serde_json::json!({
                "witness": self.key.name(), "conflict": conflict.as_str(),
                "seen": conflict.seen(), "sealed": log.sealed,
            }));
            events::append(&mut tx, log.tenant, &[told]);
        }
        tx.commit().await?;
        Ok(Told::Conflict)
    }
}

/// Reads an answer to a checkpoint shown from a size.
fn read(answer: &Answer, key: &WitnessKey, shown: &Submission, seen: u64) -> Said {
    let text = std::str::from_utf8(&answer.body).unwrap_or_default();
    match answer.status {
        200 => match key.found_in(text, &shown.note.text) {
            Some(line) => Said::Cosigned(line),
            None => Said::No("unsigned"),
        },
        // From where it stands; or, from there already, another root.
        409 => match size(text) {
            Some(size) if size != seen => Said::From(size),
            _ if seen == shown.said.size => Said::Against(Conflict::Other(seen)),
            _ => Said::No("unreadable"),
        },
        422 => Said::Against(Conflict::Fork(seen)),
        403 => Said::No("untrusted"),
        404 => Said::No("unknown_log"),
        _ => Said::No("refused"),
    }
}

/// Reads a number in its one form and a line feed.
fn size(text: &str) -> Option<u64> {
    let digits = text.strip_suffix('\n')?;
    let size: u64 = digits.parse().ok()?;
    (size.to_string() == digits).then_some(size)
}

#[cfg(test)]
mod tests {
    use domain::proof::{Checkpoint, Hash, Note};

    use super::*;

    fn shown() -> Submission {
        let said = Checkpoint {
            origin: "cfa-gateway/x".to_owned(),
            size: 12,
            root: Hash::of_nothing(),
            previous: 0,
            date: "2026-09-01T08:00:00Z".parse().unwrap(),
            next_key: None,
        };
        let note = Note::sign(said.to_string(), &[]);
        Submission {
            note,
            said,
            proof: Some(Vec::new()),
        }
    }

    fn said(status: u16, body: &str, seen: u64) -> Said {
        let answer = Answer {
            status,
            body: body.as_bytes().to_vec(),
        };
        let key = any_key();
        read(&answer, &key, &shown(), seen)
    }

    /// Any 32 bytes are a key until something is verified with it.
    fn any_key() -> WitnessKey {
        let seed = domain::proof::SignerKey::from_seed("temoin.example", &[7; 32]).unwrap();
        WitnessKey::new("temoin.example", *seed.verifier().public()).unwrap()
    }

    #[test]
    fn each_answer_of_the_protocol_means_one_thing() {
        assert_eq!(said(409, "7\n", 0), Said::From(7));
        assert_eq!(said(409, "99\n", 7), Said::From(99));
        assert_eq!(said(409, "12\n", 12), Said::Against(Conflict::Other(12)));
        assert_eq!(said(409, "", 12), Said::Against(Conflict::Other(12)));
        assert_eq!(said(409, "7\n", 7), Said::No("unreadable"));
        assert_eq!(said(422, "", 7), Said::Against(Conflict::Fork(7)));
        assert_eq!(said(403, "", 7), Said::No("untrusted"));
        assert_eq!(said(404, "", 7), Said::No("unknown_log"));
        for status in [204, 302, 400, 429, 500, 503] {
            assert_eq!(said(status, "7\n", 0), Said::No("refused"));
        }
    }

    #[test]
    fn what_is_no_answer_of_the_protocol_moves_nothing() {
        for odd in [
            "",
            "7",
            "07\n",
            "+7\n",
            " 7\n",
            "-1\n",
            "7\n\n",
            "18446744073709551616\n",
        ] {
            assert_eq!(said(409, odd, 3), Said::No("unreadable"), "{odd:?}");
        }
        assert_eq!(said(200, "", 3), Said::No("unsigned"));
        assert_eq!(
            said(200, "— temoin.example AAAA\n", 3),
            Said::No("unsigned")
        );
    }
}
