//! One exchange with an OPCO: encode, send, decode. No retry, no limit, no audit: those are the
//! gateway's. The caller measures the time; it never exceeds [`Profile::timeout`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{Context, SHA256};
use domain::{Fault, FaultKind, Kind, NormVersion, Outcome};
use reqwest::header::AUTHORIZATION;
use serde_json::Value;

use crate::answer::{Answer, Numeros, PieceReceipt};
use crate::call::{Identity, Reply};
use crate::norm::refus::Refus;
use crate::norm::{decode, encode};
use crate::operation::Operation;
use crate::profile::{Auth, Profile};
use crate::token::{Client, Token};
use crate::transport::{Sending, Transport};

/// Where a contract has its NIR.
const NIR: &str = "/cerfa/apprenti/nir";

/// Where a payload says who the apprentice is, who answers for a minor, who signs and who is paid.
const PERSONS: [&str; 20] = [
    "/cerfa/apprenti/nom",
    "/cerfa/apprenti/nomUsage",
    "/cerfa/apprenti/prenom",
    "/cerfa/apprenti/dateNaissance",
    "/cerfa/apprenti/nir",
    "/cerfa/apprenti/telephone",
    "/cerfa/apprenti/courriel",
    "/cerfa/apprenti/adresse/adresse1",
    "/cerfa/apprenti/adresse/adresse2",
    "/cerfa/apprenti/responsableLegal/nom",
    "/cerfa/apprenti/responsableLegal/prenom",
    "/cerfa/apprenti/responsableLegal/courriel",
    "/cerfa/apprenti/responsableLegal/adresse/adresse1",
    "/apprenti/nom",
    "/apprenti/nomUsage",
    "/apprenti/prenom",
    "/apprenti/dateNaissance",
    "/representantLegal/nom",
    "/representantLegal/prenom",
    "/ibanEmetteur",
];

/// What came of handing a payload over, and what the answer says beyond it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filed {
    /// Whether the OPCO has it.
    pub outcome: Outcome,
    /// The OPCO's numbers of what is no dossier.
    pub numeros: Numeros,
    /// Which known refusals its words are, and which words nobody knows.
    pub refus: Refus,
    /// Our own file could not be read: the failure says nothing about the OPCO.
    pub file_unreadable: bool,
    /// The SHA-256 of what was answered, the NIR taken out of it: it is shredded before the rest, and
    /// must not be guessed from what is left.
    pub answer: Option<[u8; 32]>,
}

impl From<Outcome> for Filed {
    /// An outcome, and nothing said beyond it.
    fn from(outcome: Outcome) -> Self {
        Self {
            outcome,
            numeros: Numeros::default(),
            refus: Refus::default(),
            file_unreadable: false,
            answer: None,
        }
    }
}

/// Asks one thing of an OPCO and reads its answer. For reads only.
///
/// # Errors
///
/// The fault the OPCO's answer, or its silence, tells of.
pub async fn exchange(
    transport: &Transport,
    profile: &Profile,
    identity: &Identity,
    operation: &Operation,
) -> Result<Answer, Fault> {
    if operation.writes() {
        let why = format!("{operation:?} writes: its outcome has three sides");
        return Err(Fault::new(FaultKind::Misconfigured, why));
    }
    let mut secrets = Secrets::of(identity);
    match attempt(transport, profile, identity, operation, &mut secrets).await {
        Attempt::Answered(reply) => decode(profile, operation, &reply, &secrets.texts()),
        Attempt::NotSent(fault) | Attempt::NoFile(fault) | Attempt::Lost(fault) => Err(fault),
    }
}

/// Gets a token ahead of a call, so that the call leaves as soon as its turn comes: turns taken
/// while a token is being asked for would all be used at once when it comes.
///
/// # Errors
///
/// The fault that the call itself would meet.
pub async fn ready(
    transport: &Transport,
    profile: &Profile,
    identity: &Identity,
    version: NormVersion,
) -> Result<(), Fault> {
    if profile.auth == Auth::ClientCredentials {
        let client = client(profile, identity, version)?;
        transport.token(&client, None, profile.timeout()).await?;
    }
    Ok(())
}

/// Hands a payload to an OPCO. For writes only.
///
/// [`Outcome::Lost`] says that the OPCO may have it: the connection ended or the time was up after
/// all of it was sent, the answer was 500, 502, 504 or another unexplained 5xx, or a success that
/// cannot be read. [`Outcome::Failed`] says that it surely does not: it was not sent to its last
/// byte, or there was an explicit answer.
pub async fn hand_over(
    transport: &Transport,
    profile: &Profile,
    identity: &Identity,
    operation: &Operation,
) -> Filed {
    if !operation.writes() {
        let why = format!("{operation:?} writes nothing");
        let fault = Fault::new(FaultKind::Misconfigured, why);
        return Filed::from(Outcome::Failed(fault));
    }
    let mut secrets = Secrets::of(identity);
    secrets.persons(operation);
    match attempt(transport, profile, identity, operation, &mut secrets).await {
        Attempt::Answered(reply) => Filed {
            answer: Some(digest(operation, &reply.body)),
            ..answered(profile, operation, &reply, &secrets.texts())
        },
        Attempt::NotSent(fault) => Filed::from(Outcome::Failed(fault)),
        Attempt::NoFile(fault) => Filed {
            file_unreadable: true,
            ..Filed::from(Outcome::Failed(fault))
        },
        Attempt::Lost(fault) => Filed::from(Outcome::Lost(fault)),
    }
}

fn answered(profile: &Profile, operation: &Operation, reply: &Reply, secrets: &[&str]) -> Filed {
    match decode(profile, operation, reply, secrets) {
        Ok(Answer::Receipt(receipt)) => Filed::from(Outcome::Taken(receipt)),
        Ok(Answer::Piece(PieceReceipt { receipt, numeros })) => Filed {
            numeros,
            ..Filed::from(Outcome::Taken(receipt))
        },
        // No write has another answer than a receipt.
        Ok(_) => Filed::from(Outcome::Lost(Fault::new(
            FaultKind::Unreadable,
            "not a receipt",
        ))),
        Err(fault) => {
            let refus = match operation {
                Operation::FilePiece { piece, .. } => Refus::read(profile, piece.kind(), &fault),
                Operation::FileDossier { .. } => Refus::read(profile, Kind::Dossier, &fault),
                _ => Refus::default(),
            };
            let outcome = if may_have_been_taken(reply.status) {
                Outcome::Lost(fault)
            } else {
                Outcome::Failed(fault)
            };
            Filed {
                refus,
                ..Filed::from(outcome)
            }
        }
    }
}

/// Returns the SHA-256 of an answer without the NIR, wherever it repeats it.
fn digest(operation: &Operation, body: &[u8]) -> [u8; 32] {
    let nir = operation.payload().and_then(|payload| payload.pointer(NIR));
    let nir = nir.and_then(Value::as_str).unwrap_or_default().as_bytes();
    let mut context = Context::new(&SHA256);
    let mut rest = body;
    while !nir.is_empty()
        && let Some(at) = rest.windows(nir.len()).position(|part| part == nir)
    {
        context.update(rest.get(..at).unwrap_or_default());
        rest = rest.get(at + nir.len()..).unwrap_or_default();
    }
    context.update(rest);
    context.finish().as_ref().try_into().unwrap_or_default()
}

/// What a status says about a write whose answer holds no receipt.
fn may_have_been_taken(status: u16) -> bool {
    match status {
        // Said before doing: not now, not here, not in this form.
        501 | 503 | 505 => false,
        // Whoever was tired of waiting may stand between us and the OPCO.
        200..=299 | 408 | 500..=599 => true,
        _ => false,
    }
}

enum Attempt {
    Answered(Reply),
    NotSent(Fault),
    NoFile(Fault),
    Lost(Fault),
}

/// The texts of ours that an answer must not be kept with.
struct Secrets<'a> {
    identity: &'a Identity,
    tokens: Vec<Arc<Token>>,
    /// What the payload says of the apprentice: an OPCO that repeats it is not kept with it.
    persons: Vec<&'a str>,
}

impl<'a> Secrets<'a> {
    fn of(identity: &'a Identity) -> Self {
        Self {
            identity,
            tokens: Vec::with_capacity(2),
            persons: Vec::new(),
        }
    }

    /// Adds what tells who the apprentice is, of a payload that is handed over.
    fn persons(&mut self, operation: &'a Operation) {
        let Some(payload) = operation.payload() else {
            return;
        };
        for pointer in PERSONS {
            let text = payload.pointer(pointer).and_then(Value::as_str);
            self.persons.extend(text);
            // A date is told with its hour and without.
            let day = text.and_then(|text| Some(text.split_once('T')?.0));
            let is_day = |day: &&str| day.parse::<jiff::civil::Date>().is_ok();
            self.persons.extend(day.filter(is_day));
        }
    }

    fn texts(&self) -> Vec<&str> {
        let software = self.identity.software.as_ref();
        let own = [
            Some(self.identity.cfa_key.expose()),
            software.map(|software| software.client_secret.expose()),
        ];
        own.into_iter()
            .flatten()
            .chain(self.tokens.iter().map(|token| token.text()))
            .chain(self.persons.iter().copied())
            .collect()
    }
}

/// Sends the call, once more with a new token if the first is refused.
async fn attempt(
    transport: &Transport,
    profile: &Profile,
    identity: &Identity,
    operation: &Operation,
    secrets: &mut Secrets<'_>,
) -> Attempt {
    let started = Instant::now();
    let left = || profile.timeout().saturating_sub(started.elapsed());
    let mut refused = None;
    loop {
        let sent = once(
            transport,
            profile,
            identity,
            operation,
            &left,
            refused.as_ref(),
        )
        .await;
        let (token, sent) = match sent {
            Ok(sent) => sent,
            Err(fault) => return Attempt::NotSent(fault),
        };
        secrets.tokens.extend(token.clone());
        match (sent, token) {
            // A 401 says that nothing was done, so that even a write may be repeated.
            (Sending::Answered(answered), Some(token))
                if answered.reply.status == 401 && refused.is_none() =>
            {
                refused = Some(token);
            }
            (Sending::Answered(answered), _) => return Attempt::Answered(answered.reply),
            (Sending::NotSent(fault), _) => return Attempt::NotSent(fault),
            (Sending::NoFile(fault), _) => return Attempt::NoFile(fault),
            (Sending::Lost(fault), _) => return Attempt::Lost(fault),
        }
    }
}

async fn once(
    transport: &Transport,
    profile: &Profile,
    identity: &Identity,
    operation: &Operation,
    left: &impl Fn() -> Duration,
    refused: Option<&Arc<Token>>,
) -> Result<(Option<Arc<Token>>, Sending), Fault> {
    let mut call = encode(profile, identity, operation)?;
    let token = match profile.auth {
        Auth::KeyOnly => None,
        Auth::ClientCredentials => {
            let client = client(profile, identity, profile.version(operation))?;
            Some(transport.token(&client, refused, left()).await?)
        }
    };
    if let Some(token) = &token {
        call.headers.insert(AUTHORIZATION, token.header.clone());
    }
    Ok((token, transport.send(call, left()).await))
}

fn client<'a>(
    profile: &'a Profile,
    identity: &'a Identity,
    version: NormVersion,
) -> Result<Client<'a>, Fault> {
    let endpoint = profile.endpoint(identity.environment, version)?;
    let missing = |what: &str| {
        Fault::new(
            FaultKind::Misconfigured,
            format!("{}: no {what}", profile.system()),
        )
    };
    Ok(Client {
        system: profile.system(),
        environment: identity.environment,
        token_url: endpoint
            .token_url
            .ok_or_else(|| missing("token endpoint"))?,
        scope: endpoint.scope,
        dpop: profile.dpop,
        software: identity
            .software
            .as_ref()
            .ok_or_else(|| missing("software credential"))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_answer_is_known_by_does_not_hang_on_the_nir() {
        let operation = |nir: &str| Operation::FileDossier {
            version: NormVersion::V2,
            dossier: serde_json::json!({"cerfa": {"apprenti": {"nir": nir}}}),
        };
        let of = |nir: &str| {
            let body = format!("{{\"nir\":\"{nir}\",\"again\":\"x{nir}{nir}\",\"numero\":1}}");
            digest(&operation(nir), body.as_bytes())
        };
        assert_eq!(of("199097512345678"), of("299097512345699"));
        let other = digest(&operation(""), b"{\"numero\":2}");
        assert_ne!(other, digest(&operation(""), b"{\"numero\":1}"));
    }
}
