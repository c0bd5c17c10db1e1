//! Contracts much like this one: found by loose fingerprints, then opened and compared (DUP-002).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use domain::id::TenantId;
use domain::matching::{self, Reason, Traits};
use domain::{Finding, Siret, rules};
use store::{Fingerprint, NearHit, NewEvent, SealError, StoreError, TenantKey, Tx, deliveries};
use tokio::sync::OwnedMutexGuard;

use super::{Refused, Sender, count};
use crate::app::App;
use crate::contract;

/// Most contracts opened for one comparison; the closest keys come first.
const OPENED_MAX: usize = 5;

type Lock = tokio::sync::Mutex<()>;

/// Lets one contract of a person be taken in at a time, within this process.
#[derive(Debug, Default)]
pub(crate) struct Twins {
    turns: Mutex<HashMap<(TenantId, Fingerprint), Arc<Lock>>>,
}

/// The turn of one contract; the next of the same person follows when it is dropped.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    owner: &'a Twins,
    person: (TenantId, Fingerprint),
    guard: Option<OwnedMutexGuard<()>>,
}

impl Twins {
    /// Waits for the turn of this contract.
    pub(crate) async fn enter(&self, tenant: TenantId, person: Fingerprint) -> Turn<'_> {
        let person = (tenant, person);
        let lock = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(turns.entry(person).or_default())
        };
        let mut turn = Turn {
            owner: self,
            person,
            guard: None,
        };
        turn.guard = Some(lock.lock_owned().await);
        turn
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.guard = None;
        let mut turns = self
            .owner
            .turns
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // The map's own copy is the last one when nobody waits.
        if turns
            .get(&self.person)
            .is_some_and(|lock| Arc::strong_count(lock) == 1)
        {
            turns.remove(&self.person);
        }
    }
}

/// Returns findings as they are told to whoever sees these sites: a contract of another site is not named.
pub(crate) async fn told(
    tx: &mut Tx,
    tenant: TenantId,
    covers: impl Fn(&Siret) -> bool,
    findings: Vec<Finding>,
) -> Result<Vec<Finding>, StoreError> {
    let mut told = Vec::with_capacity(findings.len());
    for finding in findings {
        let other = match rules::resembled(&finding) {
            Some(id) => deliveries::find(tx, tenant, id).await?,
            None => None,
        };
        let elsewhere = other.is_some_and(|other| !covers(&other.siret_cfa));
        told.push(if elsewhere {
            rules::of_another_site(finding)
        } else {
            finding
        });
    }
    Ok(told)
}

/// The same, for who sends.
pub(crate) async fn told_to(
    app: &App,
    sender: &Sender,
    findings: Vec<Finding>,
) -> Result<Vec<Finding>, StoreError> {
    let named = |finding: &Finding| rules::resembled(finding).is_some();
    let Some(sites) = sender.sites.as_ref().filter(|_| findings.iter().any(named)) else {
        return Ok(findings);
    };
    let mut tx = app.store.reading().await?;
    told(
        &mut tx,
        sender.tenant,
        |siret| sites.contains(siret),
        findings,
    )
    .await
}

/// Returns a refusal with its findings as they are told to who sends, and counts it.
pub(super) async fn refused(
    app: &App,
    sender: &Sender,
    refused: Refused,
) -> Result<Refused, StoreError> {
    let told = match refused {
        Refused::Held(reason, findings) => {
            Refused::Held(reason, told_to(app, sender, findings).await?)
        }
        Refused::Findings(findings) => Refused::Findings(told_to(app, sender, findings).await?),
        other => other,
    };
    count(app, &told);
    Ok(told)
}

/// Returns a finding for each of the contracts on their way that is much like this one.
pub(super) async fn find(
    app: &App,
    sender: &Sender,
    keys: &TenantKey,
    traits: &Traits<'_>,
    hits: &[NearHit],
) -> Result<Vec<Finding>, StoreError> {
    let mut findings = Vec::new();
    for hit in hits.iter().take(OPENED_MAX) {
        let mut tx = app.store.writing().await?;
        let Some(sealed) = store::deliveries::payload(&mut tx, sender.tenant, hit.delivery).await?
        else {
            continue;
        };
        // Opening a sealed payload is itself on record.
        let now = app.clock.now();
        let opened = NewEvent::new(now, "payload.opened")
            .delivery(hit.delivery)
            .with(serde_json::json!({"why": "likeness"}));
        store::events::append(&mut tx, sender.tenant, std::slice::from_ref(&opened));
        tx.commit().await?;
        let open = match contract::open_sealed(keys, hit.delivery, &sealed) {
            Ok(open) => open,
            // Shredded meanwhile: there is nothing left to compare with.
            Err(contract::OpenError::Seal(SealError::Shredded)) => continue,
            Err(error) => {
                tracing::warn!(delivery.id = %hit.delivery, error = %error, "a payload does not open");
                continue;
            }
        };
        let Some(other) = open.traits() else { continue };
        let likeness = matching::score(traits, &other);
        // The very same contract is a matter of the exact key (DUP-001), not of likeness.
        if likeness.reason != Reason::Same && likeness.score >= matching::TELL_AT {
            findings.push(rules::probable_duplicate(
                &hit.delivery.to_string(),
                likeness,
            ));
        }
    }
    Ok(findings)
}
