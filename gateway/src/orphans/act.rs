//! What a person says of a dossier that no ERP sent. Every action has a reason and an event.

use domain::id::{DeliveryId, DossierId};
use domain::orphan::{Action, Fate};
use domain::{Receipt, Status, Timestamp};
use store::dossiers::{self, Dossier};
use store::read_jobs::ReadKey;
use store::strangers::{self, Said, Stranger};
use store::{Delivery, NewEvent, StoreError, TenantKey, Tx};

use super::Person;
use super::pairs::{self, visible};
use crate::actions::{self, Actor};
use crate::app::App;
use crate::pause;

/// An action asked for.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// What to do.
    pub(crate) action: Action,
    /// Why, in the person's words.
    pub(crate) reason: String,
    /// The contract of ours that it is, for `adopt`.
    pub(crate) delivery: Option<DeliveryId>,
}

/// Why an action is refused.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// No such dossier, or no such contract, for this actor.
    Unknown,
    /// What became of it does not allow it.
    NotNow(Fate),
    /// A contract goes with `adopt` only.
    NoDelivery,
    /// Where the contract stands does not allow it.
    OnItsWay(Status),
    /// The OPCO shows the contract under a number of its own: this dossier is a double there.
    Double(Option<String>),
    /// It changed between reading and writing; ask again.
    Changed,
    /// The store cannot answer.
    Store(StoreError),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict(_) => Self::Changed,
            other => Self::Store(other),
        }
    }
}

/// Acts on a dossier that no ERP sent, and returns it as it is then, with the delivery it is tied to.
///
/// What is adopted without a contract and is surely one of ours is tied to it: left alone, that contract
/// would be refused as a double.
pub(crate) async fn act(
    app: &App,
    actor: &Actor,
    id: DossierId,
    mut request: Request,
) -> Result<(Stranger, Option<DeliveryId>), Refusal> {
    let now = app.clock.now();
    let keys = app.store.keys(actor.tenant).await?;
    let mut tx = app.store.writing().await?;
    let stranger = find(&mut tx, actor, id).await?;
    if !stranger.fate.allowed().contains(&request.action) {
        return Err(Refusal::NotNow(stranger.fate));
    }
    if request.delivery.is_some() && request.action != Action::Adopt {
        return Err(Refusal::NoDelivery);
    }
    if request.action == Action::Adopt && request.delivery.is_none() {
        request.delivery = surely(app, &mut tx, &keys, actor, &stranger).await?;
    }
    let (fate, adopted_as) = match (request.action, request.delivery) {
        (Action::Adopt, Some(delivery)) => {
            let contract = (delivery, request.reason.as_str());
            let dossier = adopt_as(app, &mut tx, actor, (&stranger, contract), now).await?;
            (Fate::Adopted, Some(dossier))
        }
        (Action::Adopt, None) => {
            dossiers::adopt(&mut tx, &stranger, now).await?;
            (Fate::Adopted, Some(stranger.id))
        }
        (Action::Ignore, _) => (Fate::Ignored, None),
        (Action::Reopen, _) => (Fate::Open, None),
    };
    let said = Said {
        fate,
        by: &actor.name,
        reason: &request.reason,
        adopted_as,
    };
    if !strangers::settle(&mut tx, &stranger, &said, now).await? {
        return Err(Refusal::Changed);
    }
    if fate == Fate::Adopted {
        let key = ReadKey {
            tenant: stranger.tenant,
            siret_cfa: stranger.siret_cfa,
            instance: stranger.instance,
            environment: stranger.environment,
        };
        store::schedules::enlist(&mut tx, &key, now).await?;
        actions::read_soon(app, &mut tx, &key, now).await?;
    }
    let event = event(actor, &stranger, &request, adopted_as, now);
    store::events::append(&mut tx, actor.tenant, &[event]);
    let after = find(&mut tx, actor, id).await?;
    tx.commit().await?;
    // What leaves from here on asks whether it is this one.
    app.views.forget_network(actor.tenant);
    Ok((after, request.delivery))
}

/// Returns the contract of ours that a stranger is by the norm's own key, when it can be tied to it.
async fn surely(
    app: &App,
    tx: &mut Tx,
    keys: &TenantKey,
    actor: &Actor,
    stranger: &Stranger,
) -> Result<Option<DeliveryId>, Refusal> {
    let now = app.clock.now();
    let person = Person::of_stranger(keys, stranger);
    let page = [(stranger.clone(), person)];
    let mut proposed = pairs::propose(app, tx, keys, actor, &page).await?;
    let proposed = proposed.remove(&stranger.id);
    let Some(proposed) = proposed.filter(|one| one.proposal.is_sure() && !one.proposal.ambiguous)
    else {
        return Ok(None);
    };
    let candidate = proposed.candidate;
    let status = candidate.delivery.standing.status;
    let double = |dossier: &Dossier| !is_missed(app, dossier, stranger, now);
    match status {
        // The OPCO has both: each is followed.
        _ if candidate.dossier.as_ref().is_some_and(double) => Ok(None),
        Status::Cancelled => Ok(None),
        Status::Sending | Status::Queued => Err(Refusal::OnItsWay(status)),
        _ => Ok(Some(candidate.delivery.id)),
    }
}

async fn find(tx: &mut Tx, actor: &Actor, id: DossierId) -> Result<Stranger, Refusal> {
    let found = strangers::find(tx, actor.tenant, id).await?;
    let sites = actor.sites.as_ref();
    found
        .filter(|stranger| stranger.environment == actor.environment)
        .filter(|stranger| sites.is_none_or(|sites| sites.contains(&stranger.siret_cfa)))
        .ok_or(Refusal::Unknown)
}

/// Ties a stranger to a contract of ours, and returns the dossier that it is followed as.
async fn adopt_as(
    app: &App,
    tx: &mut Tx,
    actor: &Actor,
    (stranger, (id, reason)): (&Stranger, (DeliveryId, &str)),
    now: Timestamp,
) -> Result<DossierId, Refusal> {
    visible(tx, actor, id).await?.ok_or(Refusal::Unknown)?;
    let delivery = store::deliveries::find_for_update(tx, actor.tenant, id).await?;
    let mut delivery = delivery.ok_or(Refusal::Unknown)?;
    let dossier = dossiers::find_by_delivery(tx, &delivery).await?;
    match (delivery.standing.status, &dossier) {
        (_, Some(dossier)) if !is_missed(app, dossier, stranger, now) => {
            return Err(Refusal::Double(dossier.numero_interne.clone()));
        }
        // What is in a deliverer's hands, or about to be, may still get a number of its own.
        (status @ (Status::Sending | Status::Queued | Status::Cancelled), _) => {
            return Err(Refusal::OnItsWay(status));
        }
        _ => {}
    }
    let event = NewEvent::new(now, "delivery.confirmed_sent")
        .delivery(delivery.id)
        .by(actor.name.clone())
        .with(serde_json::json!({
            "action": "adopt",
            "reason": reason,
            "was": delivery.standing.status,
            "was_held": delivery.standing.hold_reason,
            "numeroInterne": opco::reference(&stranger.numero_interne),
        }));
    let receipt = Receipt {
        numero_interne: Some(stranger.numero_interne.clone()),
        numero_externe: stranger.numero_externe.clone(),
        numero_deca: stranger.numero_deca.clone(),
        etat: stranger.etat_raw.clone(),
    };
    if let Some(dossier) = &dossier {
        if !dossiers::renumber(tx, dossier, stranger, now).await? {
            return Err(Refusal::Changed);
        }
        delivery.receipt = receipt;
        store::deliveries::update(tx, &delivery, &event).await?;
        return Ok(dossier.id);
    }
    delivery.opco = Some(stranger.instance.opco);
    delivery.instance = stranger.instance.number;
    if actions::ends_as_sent(app, tx, &mut delivery, receipt, &event)
        .await?
        .is_some()
    {
        return Err(Refusal::Changed);
    }
    opened(tx, &delivery).await
}

async fn opened(tx: &mut Tx, delivery: &Delivery) -> Result<DossierId, Refusal> {
    let dossier = dossiers::find_by_delivery(tx, delivery).await?;
    Ok(dossier.ok_or(Refusal::Changed)?.id)
}

/// Returns whether the OPCO does not show a dossier of ours: then this one may be what it became.
fn is_missed(app: &App, dossier: &Dossier, stranger: &Stranger, now: Timestamp) -> bool {
    let shown = |read| pause::later(read, pairs::grace(app)) > now;
    dossier.instance == stranger.instance && !dossier.last_read_at.is_some_and(shown)
}

fn event(
    actor: &Actor,
    stranger: &Stranger,
    request: &Request,
    adopted_as: Option<DossierId>,
    now: Timestamp,
) -> NewEvent {
    let kind = match request.action {
        Action::Adopt => "dossier.orphan_adopted",
        Action::Ignore => "dossier.orphan_ignored",
        Action::Reopen => "dossier.orphan_reopened",
    };
    let reason = request.reason.chars().take(actions::REASON_CHARS_MAX);
    let mut event = NewEvent::new(now, kind)
        .by(actor.name.clone())
        .with(serde_json::json!({
            "reason": reason.collect::<String>(),
            "was": stranger.fate,
            "opco": stranger.instance.opco,
            "numeroInterne": opco::reference(&stranger.numero_interne),
            "orphelin": stranger.id,
        }));
    event.delivery = request.delivery;
    event.dossier = Some(adopted_as.unwrap_or(stranger.id));
    event
}
