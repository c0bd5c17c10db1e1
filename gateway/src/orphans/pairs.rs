//! Which of our contracts a stranger may be, and why the two were not paired by themselves.

use std::collections::HashMap;
use std::time::Duration;

use domain::id::DossierId;
use domain::orphan::{self, Proposal, Side};
use domain::{DeliveryId, Kind, Opco};
use store::dossiers::{self, Unlisted};
use store::strangers::{self, Stranger};
use store::{Delivery, StoreError, TenantKey, Tx};

use super::Person;
use crate::actions::Actor;
use crate::app::App;

/// The most of our contracts that the OPCO does not show and that are compared with a page of strangers.
const UNLISTED_MAX: u32 = 100;

/// A contract of ours that a stranger may be.
pub(crate) struct Candidate {
    /// What was sent.
    pub(crate) delivery: Delivery,
    /// What the OPCO made of it.
    pub(crate) dossier: Option<dossiers::Dossier>,
    person: Person,
}

/// A pairing proposed to a person.
pub(crate) struct Proposed {
    /// Ours.
    pub(crate) candidate: Candidate,
    /// How alike they are, and what differs.
    pub(crate) proposal: Proposal,
}

/// Proposes, for each stranger of a page, the contract of ours that it most likely is: of all sites that
/// the one who asks may see, since the wrong site is one of the causes.
pub(crate) async fn propose(
    app: &App,
    tx: &mut Tx,
    keys: &TenantKey,
    actor: &Actor,
    page: &[(Stranger, Option<Person>)],
) -> Result<HashMap<DossierId, Proposed>, StoreError> {
    let mut candidates = candidates(app, tx, keys, actor, page).await?;
    let theirs: Vec<(DossierId, Side<'_>)> = page
        .iter()
        .filter_map(|(stranger, person)| Some((stranger.id, person.as_ref()?.side()?)))
        .collect();
    let sides: Vec<Side<'_>> = theirs.iter().map(|(_, side)| *side).collect();
    let ours: Vec<(usize, Side<'_>)> = candidates
        .iter()
        .enumerate()
        .filter_map(|(place, one)| Some((place, one.as_ref()?.person.side()?)))
        .collect();
    let our_sides: Vec<Side<'_>> = ours.iter().map(|(_, side)| *side).collect();
    let found = orphan::pair(&our_sides, &sides).proposals;
    let named: Vec<(DossierId, usize, Proposal)> = found
        .into_iter()
        .filter_map(|proposal| {
            let (id, _) = theirs.get(proposal.theirs)?;
            let (place, _) = ours.get(proposal.ours)?;
            Some((*id, *place, proposal))
        })
        .collect();
    Ok(named
        .into_iter()
        .filter_map(|(id, place, proposal)| {
            let candidate = candidates.get_mut(place)?.take()?;
            let proposed = Proposed {
                candidate,
                proposal,
            };
            Some((id, proposed))
        })
        .collect())
}

/// Opens the contracts that share a fingerprint with a stranger of the page, and those that its OPCOs do
/// not show: what differs there may be what the fingerprints are made of.
async fn candidates(
    app: &App,
    tx: &mut Tx,
    keys: &TenantKey,
    actor: &Actor,
    page: &[(Stranger, Option<Person>)],
) -> Result<Vec<Option<Candidate>>, StoreError> {
    let mut ids: Vec<DeliveryId> = Vec::new();
    let mut opcos: Vec<Opco> = Vec::new();
    for (stranger, person) in page {
        if person.is_none() {
            continue;
        }
        ids.extend(strangers::candidates(tx, stranger).await?);
        opcos.push(stranger.instance.opco);
    }
    opcos.sort_unstable();
    opcos.dedup();
    for opco in opcos {
        let filter = Unlisted {
            environment: actor.environment,
            opco: Some(opco),
            sites: actor.sites.as_ref().map(|sites| sites.to_vec()),
            grace: grace(app),
            after: None,
        };
        let missed = dossiers::unlisted(tx, actor.tenant, &filter, UNLISTED_MAX).await?;
        ids.extend(missed.into_iter().filter_map(|dossier| dossier.delivery));
    }
    ids.sort_unstable();
    ids.dedup();
    let mut candidates = Vec::with_capacity(ids.len());
    for id in ids {
        if let Some(delivery) = visible(tx, actor, id).await? {
            let dossier = dossiers::find_by_delivery(tx, &delivery).await?;
            let sealed = store::deliveries::payload(tx, actor.tenant, id).await?;
            let person = sealed.and_then(|sealed| Person::of_payload(keys, id, &sealed));
            candidates.extend(person.map(|person| {
                Some(Candidate {
                    delivery,
                    dossier,
                    person,
                })
            }));
        }
    }
    Ok(candidates)
}

/// Returns a contract that the actor may see.
pub(super) async fn visible(
    tx: &mut Tx,
    actor: &Actor,
    id: DeliveryId,
) -> Result<Option<Delivery>, StoreError> {
    let found = store::deliveries::find(tx, actor.tenant, id).await?;
    Ok(found.filter(|delivery| {
        let sites = actor.sites.as_ref();
        delivery.kind == Kind::Dossier
            && delivery.environment == actor.environment
            && sites.is_none_or(|sites| sites.contains(&delivery.siret_cfa))
    }))
}

/// Returns how long a list must have been read without a dossier before it is missed.
pub(crate) fn grace(app: &App) -> Duration {
    Duration::from_secs(app.settings.poll.unlisted_s)
}
