//! Taking payloads into custody: one transaction for a whole group, doubles refused by the
//! database itself.

mod postgres;
mod refused;
mod sqlite;

use std::borrow::Borrow;

use domain::id::{ContractId, CredentialId, DeliveryId, EventId, MandateId, TenantId};
use domain::{Environment, Kind, NormVersion, Opco, Siret, Timestamp};
use jiff::civil::Date;

use crate::deliveries::{NewEvent, Standing};
use crate::error::StoreError;
use crate::files::NewFile;
use crate::invoices::NewInvoice;
use crate::near::{NearHit, NearQuery};
use crate::pool::{Pools, Store};
use crate::sealing::{Fingerprint, SealedPayload};

/// The most payloads of one group.
pub const MAX_GROUP: usize = 1_024;
/// How often a group is tried again after it lost a race (a deadlock, or a double that vanished).
const MAX_TRIES: u32 = 5;

/// A payload to be taken, already judged, routed and sealed.
#[derive(Debug, Clone)]
pub struct NewDelivery {
    /// Whose.
    pub tenant: TenantId,
    /// Its name.
    pub id: DeliveryId,
    /// Which world it belongs to.
    pub environment: Environment,
    /// What it carries.
    pub kind: Kind,
    /// Where it stands. A queued one whose lane is busy is stored as waiting for its predecessor.
    pub standing: Standing,
    /// The dossier it belongs to.
    pub lane: Fingerprint,
    /// The operator, when known.
    pub opco: Option<Opco>,
    /// Which of the operator's systems.
    pub instance: u16,
    /// The credential it came with.
    pub credential: Option<CredentialId>,
    /// The site that sends.
    pub siret_cfa: Siret,
    /// The employer's establishment.
    pub siret_employeur: Option<Siret>,
    /// The routing answer with its trail, as JSON.
    pub route_json: String,
    /// The findings that did not stop it, as a JSON array.
    pub warnings_json: String,
    /// The caller's key for this call.
    pub idempotency: Option<Idempotency>,
    /// The exact pairing key; absent when doubles of this kind are not refused.
    pub pairing: Option<Fingerprint>,
    /// Looser keys under which a near double would be found.
    pub match_keys: [Option<Fingerprint>; 3],
    /// Whether it was compared with the active deliveries that share a looser key. When not, one
    /// that does keeps this one from being taken.
    pub compared: bool,
    /// The payload.
    pub sealed: SealedPayload,
    /// The files that go with it, received and kept already.
    pub files: Vec<NewFile>,
    /// Its row, when it is an invoice.
    pub invoice: Option<NewInvoice>,
    /// The contracts it is about, when it is a document of several.
    pub about: Vec<ContractId>,
    /// The person it concerns.
    pub person: Fingerprint,
    /// The version of the rules that judged it.
    pub rule_set: String,
    /// The caller's trace.
    pub traceparent: Option<String>,
    /// The version of the norm it will be sent in, when chosen.
    pub version: Option<NormVersion>,
    /// A mandate given with the payload.
    pub mandate: Option<GivenMandate>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// What the log says of it.
    pub event: NewEvent,
    /// Who takes it in hand as soon as it is stored, if nothing is before it in its lane.
    pub claim: Option<Claim>,
}

/// A claim made together with the custody: the first attempt is open when the commit is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Who holds it.
    pub owner: String,
    /// Until when.
    pub until: Timestamp,
    /// The name of the event that tells it.
    pub opened: EventId,
}

impl Claim {
    /// Returns what the log says of it.
    pub(crate) fn event(&self, new: &NewDelivery) -> NewEvent {
        let mut event = NewEvent::new(new.created_at, "attempt.opened")
            .delivery(new.id)
            .with(serde_json::json!({"attempt": 1, "purpose": "write"}));
        event.id = self.opened;
        event
    }
}

impl NewDelivery {
    /// What a near double of it is looked for by.
    pub(crate) fn near(&self) -> NearQuery {
        NearQuery {
            tenant: self.tenant,
            environment: self.environment,
            kind: self.kind,
            match_keys: self.match_keys,
        }
    }
}

/// A caller's idempotency key, as fingerprints: what callers put in it is theirs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// The stable word of the route.
    pub route: &'static str,
    /// The key.
    pub key: Fingerprint,
    /// The parsed content.
    pub content: Fingerprint,
    /// When the key is forgotten.
    pub expires_at: Timestamp,
}

/// A management mandate given with one payload (rule ELI-002).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenMandate {
    /// Its name.
    pub id: MandateId,
    /// The sender's reference.
    pub reference: String,
    /// The day it was signed.
    pub signed_on: Date,
    /// The SHA-256 of the document.
    pub document_hash: Option<[u8; 32]>,
    /// Who recorded it.
    pub author: String,
}

/// What became of one member of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// In custody, durably.
    Stored,
    /// In custody, and in the hands of who asked for it.
    Claimed,
    /// The idempotency key was used before.
    Replayed {
        /// What it was used for.
        existing: DeliveryId,
        /// Whether the content is the same.
        same_content: bool,
    },
    /// An active delivery has the same pairing key (rule DUP-001).
    DuplicateDossier {
        /// That delivery.
        existing: DeliveryId,
    },
    /// Active deliveries share a looser key with it, and it was not compared with them: compare,
    /// then hand it in again.
    Resembles {
        /// Those deliveries, newest first.
        hits: Vec<NearHit>,
    },
}

impl Store {
    /// Takes a group of payloads in one transaction; the answers are in the order of the group.
    ///
    /// A payload whose identifier is already stored answers `Stored`: a group whose commit was
    /// cut off may be handed in again.
    ///
    /// # Errors
    /// Any error leaves nothing of the group, unless the connection was lost during the commit.
    pub async fn accept<D>(&self, batch: &[D]) -> Result<Vec<Accepted>, StoreError>
    where
        D: Borrow<NewDelivery> + Sync,
    {
        if batch.len() > MAX_GROUP {
            return Err(StoreError::Configuration(format!(
                "more than {MAX_GROUP} in one group"
            )));
        }
        let mut answers: Vec<Option<Accepted>> = vec![None; batch.len()];
        let mut tries = 0;
        loop {
            let open: Vec<(usize, &NewDelivery)> = batch
                .iter()
                .map(Borrow::borrow)
                .enumerate()
                .filter(|(at, _)| answers.get(*at).is_some_and(Option::is_none))
                .collect();
            if open.is_empty() {
                break;
            }
            let members: Vec<&NewDelivery> = open.iter().map(|(_, new)| *new).collect();
            let outcome = match &self.pools {
                Pools::Sqlite { .. } => sqlite::accept(self, &members).await,
                Pools::Postgres(pool) => postgres::accept(self, pool, &members).await,
            };
            tries += 1;
            match outcome {
                Ok(found) => {
                    for ((at, _), answer) in open.iter().zip(found) {
                        if let Some(slot) = answers.get_mut(*at) {
                            *slot = answer;
                        }
                    }
                }
                // Another took the same lane in the same instant: its row shows now.
                Err(StoreError::Conflict(_)) if tries < MAX_TRIES => {}
                Err(error) if error.is_lost_race() && tries < MAX_TRIES => {}
                Err(error) => return Err(error),
            }
            if tries >= MAX_TRIES {
                break;
            }
        }
        answers
            .into_iter()
            .map(|answer| answer.ok_or(StoreError::Conflict("doubles keep coming and going")))
            .collect()
    }
}
