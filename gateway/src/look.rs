//! After a lost answer: is the contract there? (design §6.1)
//!
//! The list of states carries numbers and no names, so every number that no delivery of ours has is
//! read in full and its pairing key compared. What was read once is remembered, by fingerprint.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use domain::id::TenantId;
use domain::{Fault, FaultKind, Outcome, Receipt, Timestamp};
use opco::{Answer, EtatDossier, Operation};
use store::{Delivery, Dossier, Fingerprint, NewEvent, StoreError, Tx, dossiers};

use crate::contract::{self, Opened};
use crate::dispatch::Attempt;
use crate::limits::Turn;
use crate::mutation::{self, Mutation};
use crate::states::{self, Reader, Unread};
use crate::system::System;

/// Most dossiers read in full for one look; the next look goes on where this one stopped.
const READ_MAX: usize = 200;

/// Most pairings remembered; beyond it all are forgotten and read again when needed.
const REMEMBERED_MAX: usize = 200_000;

/// The pairing of dossiers that no delivery of ours has, as read from the OPCO.
#[derive(Debug, Default)]
pub(crate) struct Strangers {
    pairings: Mutex<HashMap<(TenantId, System, String), Fingerprint>>,
}

impl Strangers {
    fn get(&self, key: &(TenantId, System, String)) -> Option<Fingerprint> {
        self.pairings
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(key)
            .copied()
    }

    fn put(&self, key: (TenantId, System, String), pairing: Fingerprint) {
        let mut pairings = self.pairings.lock().unwrap_or_else(PoisonError::into_inner);
        if pairings.len() >= REMEMBERED_MAX {
            pairings.clear();
        }
        pairings.insert(key, pairing);
    }
}

/// Looks for the contract at the OPCO.
pub(crate) async fn look(context: &Attempt<'_>, opened: &Opened) -> Outcome {
    match search(context, opened).await {
        Ok(Some(receipt)) => Outcome::Found(receipt),
        Ok(None) => Outcome::Absent,
        Err(_) if mutation::planted(Mutation::BlindIsAbsent) => Outcome::Absent,
        Err(fault) => Outcome::CouldNotTell(fault),
    }
}

async fn search(context: &Attempt<'_>, opened: &Opened) -> Result<Option<Receipt>, Fault> {
    let app = context.app;
    let wanted = opened
        .pairing(&context.view.network.keys)
        .ok_or_else(|| Fault::new(FaultKind::Misconfigured, "the contract has no pairing key"))?;
    let key = context.key.id.to_string();
    let reader = Reader {
        profile: context.profile,
        identity: &context.identity,
        system: context.system,
        version: context.version,
        key: &key,
        deadline: context.deadline,
        view: context.view,
    };
    // The claim already waited for the turn of the first page.
    let listed = async {
        states::all(app, &reader, true)
            .await
            .map_err(|unread| match unread {
                Unread::Fault(fault) => fault,
                Unread::NotBefore(_) => {
                    Fault::new(FaultKind::Throttled, "the look did not fit into the limits")
                }
            })
    };
    let etats = within(context, listed).await?;
    let known = known(context, &etats.items).await?;
    let mut unread = 0;
    for item in etats
        .items
        .iter()
        .filter(|item| !known.contains(&item.numero_interne))
    {
        let key = (
            context.job.delivery.tenant,
            context.system,
            item.numero_interne.clone(),
        );
        let pairing = match app.views.strangers.get(&key) {
            Some(pairing) => Some(pairing),
            None if unread >= READ_MAX => {
                return Err(Fault::new(
                    FaultKind::Unavailable,
                    "too many dossiers to read at once",
                ));
            }
            None => {
                unread += 1;
                let pairing = read_pairing(context, item).await?;
                if let Some(pairing) = pairing {
                    app.views.strangers.put(key, pairing);
                }
                pairing
            }
        };
        if pairing == Some(wanted) {
            tie(context, &item.numero_interne).await?;
            return Ok(Some(receipt(item)));
        }
    }
    if etats.complete {
        Ok(None)
    } else {
        Err(Fault::new(
            FaultKind::Unreadable,
            "the list of states is not whole",
        ))
    }
}

/// Returns what is known of the contract without asking the OPCO: a person adopted its dossier before it
/// was handed in, or before it left. To write it would be to have it refused as a double.
pub(crate) async fn adopted(
    context: &Attempt<'_>,
    opened: &Opened,
) -> Result<Option<Receipt>, StoreError> {
    let (app, delivery) = (context.app, &context.job.delivery);
    let network = &context.view.network;
    let pairing = opened.pairing(&network.keys).filter(|_| network.awaits);
    let Some(pairing) = pairing else {
        return Ok(None);
    };
    let mut tx = app.store.reading().await?;
    let found = dossiers::awaiting(&mut tx, delivery, pairing).await?;
    drop(tx);
    let Some(dossier) = found else {
        return Ok(None);
    };
    let mut tx = app.store.writing().await?;
    tie_to(&mut tx, &dossier, delivery, app.clock.now()).await?;
    tx.commit().await?;
    Ok(Some(Receipt {
        numero_interne: dossier.numero_interne,
        numero_externe: dossier.numero_externe,
        numero_deca: dossier.numero_deca,
        etat: dossier.etat_raw,
    }))
}

/// Ties a dossier that a person adopted alone to the contract that turns out to be it.
async fn tie(context: &Attempt<'_>, numero: &str) -> Result<(), Fault> {
    let (app, delivery) = (context.app, &context.job.delivery);
    let (world, at) = (delivery.environment, context.system.instance);
    let tied = async {
        let mut tx = app.store.writing().await?;
        let found = dossiers::find_by_numero(&mut tx, delivery.tenant, world, at, numero).await?;
        if let Some(dossier) = found.filter(|dossier| dossier.delivery.is_none()) {
            tie_to(&mut tx, &dossier, delivery, app.clock.now()).await?;
        }
        tx.commit().await
    };
    tied.await
        .map_err(|error: StoreError| Fault::new(FaultKind::Unavailable, format!("store: {error}")))
}

async fn tie_to(
    tx: &mut Tx,
    dossier: &Dossier,
    delivery: &Delivery,
    now: Timestamp,
) -> Result<(), StoreError> {
    dossiers::tie(tx, dossier, delivery).await?;
    let mut event = NewEvent::new(now, "dossier.contract_found").delivery(delivery.id);
    event.dossier = Some(dossier.id);
    store::events::append(tx, dossier.tenant, &[event]);
    Ok(())
}

/// Returns the numbers that other deliveries of this network already have.
async fn known(
    context: &Attempt<'_>,
    items: &[EtatDossier],
) -> Result<std::collections::HashSet<String>, Fault> {
    let numeros: Vec<&str> = items
        .iter()
        .map(|item| item.numero_interne.as_str())
        .collect();
    let job = context.job;
    context
        .app
        .store
        .known_numbers(&job.delivery, context.system.instance, &numeros)
        .await
        .map_err(|error| Fault::new(FaultKind::Unavailable, format!("store: {error}")))
}

async fn read_pairing(
    context: &Attempt<'_>,
    item: &EtatDossier,
) -> Result<Option<Fingerprint>, Fault> {
    turn(context).await?;
    let operation = Operation::Detail {
        version: context.version,
        numero_interne: item.numero_interne.clone(),
    };
    let app = context.app;
    let asked = opco::exchange(
        &app.transport,
        context.profile,
        &context.identity,
        &operation,
    );
    match within(context, asked).await? {
        Answer::Detail(detail) => Ok(contract::pairing_of_wire(&detail.cerfa).map(|text| {
            context
                .view
                .network
                .keys
                .fingerprint(contract::PAIRING, &text)
        })),
        _ => Err(Fault::new(FaultKind::Unreadable, "not a dossier")),
    }
}

/// Waits for the turn of one more call of the same look.
async fn turn(context: &Attempt<'_>) -> Result<(), Fault> {
    let ready = opco::ready(
        &context.app.transport,
        context.profile,
        &context.identity,
        context.version,
    );
    within(context, ready).await?;
    let key = context.key.id.to_string();
    match context
        .app
        .limits
        .turn(context.system, &key, context.deadline)
        .await
    {
        Turn::Go => Ok(()),
        Turn::NotBefore(_) => Err(Fault::new(
            FaultKind::Throttled,
            "the look did not fit into the limits",
        )),
    }
}

/// Bounds a read by the attempt's deadline.
async fn within<T>(
    context: &Attempt<'_>,
    read: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    let left = crate::pause::span_until(context.app.clock.now(), context.deadline);
    match tokio::time::timeout(context.app.real(left), read).await {
        Ok(answer) => answer,
        Err(_) => Err(Fault::new(FaultKind::Unavailable, "no answer in time")),
    }
}

fn receipt(item: &EtatDossier) -> Receipt {
    Receipt {
        numero_interne: Some(item.numero_interne.clone()),
        numero_externe: item.numero_externe.clone(),
        numero_deca: item.numero_deca.clone(),
        etat: item.etat_brut.clone(),
    }
}
