//! What a person may do to a delivery, and what follows. Every action has a reason and an event.

use std::sync::Arc;

use domain::bulk::Obstacle;
use domain::delivery::Action;
use domain::id::{DeliveryId, DossierId, MandateId, TenantId};
use domain::step::{Course, Policy, Sight};
use domain::{
    Effect, Environment, HoldReason, Kind, Opco, Receipt, Siret, Status, Timestamp, WaitReason,
};
use store::bulks::Turn;
use store::read_jobs::ReadKey;
use store::{Delivery, GivenMandate, NewDossier, NewEvent, ReadPlan, Standing, StoreError};

use crate::app::App;
use crate::bulk;
use crate::intake::Mandate;
use crate::reroute::{self, Given};

/// The longest reason a person gives.
pub(crate) const REASON_CHARS_MAX: usize = 500;

/// An action asked for.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// What to do.
    pub(crate) action: Action,
    /// Why, in the person's words.
    pub(crate) reason: String,
    /// The OPCO, for `choose-opco`.
    pub(crate) opco: Option<Opco>,
    /// The mandate, for `complete`.
    pub(crate) mandate: Option<Mandate>,
    /// The OPCO's numbers, for `confirm-sent`.
    pub(crate) receipt: Option<Receipt>,
    /// Whose turn it is, when it is done to many: written in the transaction of the act.
    pub(crate) turn: Option<Turn>,
}

/// Who acts.
#[derive(Debug, Clone)]
pub(crate) struct Actor {
    /// The network.
    pub(crate) tenant: TenantId,
    /// Which world.
    pub(crate) environment: Environment,
    /// The sites it speaks for; all of the network's when absent.
    pub(crate) sites: Option<Arc<[Siret]>>,
    /// The name events give it: `credential:…`.
    pub(crate) name: String,
}

/// Why an action is refused.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// No such delivery, for this actor.
    Unknown,
    /// The delivery's state does not allow it.
    NotNow {
        /// Where it stands.
        status: Status,
        /// What may be done instead.
        allowed: Vec<Action>,
    },
    /// Something the action needs is missing: the JSON Pointer of it.
    Missing(&'static str),
    /// It changed between reading and writing; ask again.
    Changed,
    /// The OPCO's number is another delivery's already: that one, when the actor may see it.
    NumberTaken(Option<DeliveryId>),
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

/// Returns what may be done to a delivery as it stands. What may already be at an OPCO goes to no
/// other, whatever it is held for.
pub(crate) fn allowed(delivery: &Delivery) -> Vec<Action> {
    let mut actions = possible(delivery);
    if delivery.kind != Kind::Dossier {
        // It goes where its contract went, under the contract's mandate.
        actions.retain(|action| !matches!(action, Action::ChooseOpco | Action::Complete));
    }
    if is_unseen(delivery) {
        // To look again is of no use; that the OPCO does not have it is what a person can complete.
        actions.retain(|action| *action != Action::Retry);
        actions.push(Action::Complete);
    }
    actions
}

/// Returns whether an answer was lost and the norm has no read by which the gateway could look: only a
/// person's word tells whether it may go again.
pub(crate) fn is_unseen(delivery: &Delivery) -> bool {
    let course = Course::of(delivery.kind, Policy::default(), false, false);
    delivery.standing.hold_reason == Some(HoldReason::OutcomeUnknown)
        && course.sight == Sight::Nothing
}

fn possible(delivery: &Delivery) -> Vec<Action> {
    let standing = &delivery.standing;
    match standing.status {
        Status::Held if delivery.first_lost_at.is_some() => {
            vec![Action::Retry, Action::Cancel, Action::ConfirmSent]
        }
        Status::Held => {
            let mut actions = vec![Action::Retry, Action::Cancel, Action::ChooseOpco];
            match standing.hold_reason {
                Some(HoldReason::MandateMissing | HoldReason::ProbableDuplicate) => {
                    actions.push(Action::Complete);
                }
                Some(HoldReason::OutcomeUnknown) => {
                    actions.retain(|action| *action != Action::ChooseOpco);
                    actions.push(Action::ConfirmSent);
                }
                _ => {}
            }
            actions
        }
        Status::Waiting if standing.wait_reason == Some(WaitReason::RouteLookup) => {
            vec![Action::Retry, Action::Cancel, Action::ChooseOpco]
        }
        Status::Waiting | Status::Queued => vec![Action::Retry, Action::Cancel],
        Status::Unknown => vec![Action::Retry, Action::ConfirmSent],
        Status::Dead => vec![Action::Revive, Action::Cancel, Action::ConfirmSent],
        Status::Rejected => vec![Action::Revive],
        Status::Sending | Status::Delivered | Status::Cancelled => Vec::new(),
    }
}

/// Returns what stands in the way of an action done alike to many, without anything of each.
pub(crate) fn obstacle(
    delivery: &Delivery,
    action: Action,
    opco: Option<Opco>,
) -> Option<Obstacle> {
    if !allowed(delivery).contains(&action) {
        return Some(Obstacle::NotNow);
    }
    let missing = match action {
        Action::ConfirmSent => delivery.kind == Kind::Dossier,
        Action::Complete => {
            delivery.standing.hold_reason == Some(HoldReason::MandateMissing)
                && !is_unseen(delivery)
        }
        Action::ChooseOpco => opco.is_none(),
        Action::Retry | Action::Revive | Action::Cancel => false,
    };
    missing.then_some(Obstacle::Missing)
}

/// Acts on a delivery.
pub(crate) async fn act(
    app: &App,
    actor: &Actor,
    id: DeliveryId,
    request: Request,
) -> Result<Delivery, Refusal> {
    let delivery = find(app, actor, id).await?;
    act_on(app, actor, &delivery, request).await?;
    find(app, actor, id).await
}

/// Acts on a delivery as it was read: nothing is done to one that stands elsewhere since.
pub(crate) async fn act_on(
    app: &App,
    actor: &Actor,
    delivery: &Delivery,
    request: Request,
) -> Result<(), Refusal> {
    let allowed = allowed(delivery);
    if !allowed.contains(&request.action) {
        return Err(Refusal::NotNow {
            status: delivery.standing.status,
            allowed,
        });
    }
    match request.action {
        Action::Cancel => {
            change(
                app,
                actor,
                delivery,
                &request,
                Standing::ended(Status::Cancelled),
            )
            .await
        }
        Action::ConfirmSent => confirm(app, actor, delivery, &request).await,
        Action::Complete => complete(app, actor, delivery, &request).await,
        Action::ChooseOpco => {
            let opco = request.opco.ok_or(Refusal::Missing("/opco"))?;
            let given = Given {
                chosen: Some(opco),
                mandate: None,
            };
            judge(app, actor, delivery, &request, given).await
        }
        Action::Retry | Action::Revive => retry(app, actor, delivery, &request).await,
    }
}

/// Returns a delivery that an actor may act on.
pub(crate) async fn find(app: &App, actor: &Actor, id: DeliveryId) -> Result<Delivery, Refusal> {
    let mut tx = app.store.reading().await?;
    let found = store::deliveries::find(&mut tx, actor.tenant, id).await?;
    found
        .filter(|delivery| delivery.environment == actor.environment)
        .filter(|delivery| {
            actor
                .sites
                .as_ref()
                .is_none_or(|sites| sites.contains(&delivery.siret_cfa))
        })
        .ok_or(Refusal::Unknown)
}

/// Now instead of later. What waits for nothing but time goes; what was held is judged again; what
/// may be at the OPCO is looked for.
async fn retry(
    app: &App,
    actor: &Actor,
    delivery: &Delivery,
    request: &Request,
) -> Result<(), Refusal> {
    let now = app.clock.now();
    let lost = delivery.first_lost_at.is_some();
    let to_look_for = match delivery.standing.status {
        Status::Unknown => true,
        Status::Held => lost || delivery.standing.hold_reason == Some(HoldReason::OutcomeUnknown),
        // Revived after a lost answer: looked for before anything is written again.
        Status::Dead => lost,
        _ => false,
    };
    if to_look_for {
        return change(app, actor, delivery, request, Standing::unknown(now)).await;
    }
    match delivery.standing {
        Standing {
            status: Status::Waiting,
            wait_reason: Some(WaitReason::Predecessor),
            ..
        } => change(app, actor, delivery, request, Standing::behind()).await,
        Standing {
            status: Status::Waiting,
            wait_reason: Some(WaitReason::RouteLookup),
            ..
        } => {
            let standing = Standing::waiting(WaitReason::RouteLookup, now);
            change(app, actor, delivery, request, standing).await
        }
        Standing {
            status: Status::Waiting | Status::Queued,
            ..
        } => change(app, actor, delivery, request, Standing::queued(now)).await,
        _ => judge(app, actor, delivery, request, Given::default()).await,
    }
}

/// Supplies what was missing: a mandate, the word that this is no duplicate, or that the OPCO does not
/// have it.
async fn complete(
    app: &App,
    actor: &Actor,
    delivery: &Delivery,
    request: &Request,
) -> Result<(), Refusal> {
    let now = app.clock.now();
    if is_unseen(delivery) {
        return change(app, actor, delivery, request, Standing::queued(now)).await;
    }
    if delivery.standing.hold_reason == Some(HoldReason::MandateMissing) {
        let mandate = request.mandate.clone().ok_or(Refusal::Missing("/mandat"))?;
        let record = GivenMandate {
            id: MandateId::new(now),
            reference: mandate.reference,
            signed_on: mandate.signed_on,
            document_hash: mandate.document_hash,
            author: actor.name.clone(),
        };
        let mandate = store::mandates::Mandate::of_delivery(
            delivery.tenant,
            delivery.id,
            delivery.siret_cfa,
            record,
            now,
        );
        let given = Given {
            chosen: None,
            mandate: Some(mandate),
        };
        return judge(app, actor, delivery, request, given).await;
    }
    let mut again = reroute::again(app, delivery, Given::default())
        .await?
        .ok_or(Refusal::Changed)?;
    for finding in &mut again.findings {
        if finding.rule == "DUP-002" {
            finding.effect = Effect::Warn;
        }
    }
    finish(app, actor, delivery, request, &again).await
}

/// Judges again, with what has been mended since or is given now.
async fn judge(
    app: &App,
    actor: &Actor,
    delivery: &Delivery,
    request: &Request,
    given: Given,
) -> Result<(), Refusal> {
    let again = reroute::again(app, delivery, given)
        .await?
        .ok_or(Refusal::Changed)?;
    finish(app, actor, delivery, request, &again).await
}

async fn finish(
    app: &App,
    actor: &Actor,
    delivery: &Delivery,
    request: &Request,
    again: &reroute::Again,
) -> Result<(), Refusal> {
    let standing = reroute::standing(again, app.clock.now());
    let by = reroute::By {
        actor: &actor.name,
        reason: Some(&request.reason),
        turn: request.turn.as_ref(),
    };
    let kind = event_kind(request.action);
    if reroute::keep(app, delivery, again, standing, kind, by).await? {
        Ok(())
    } else {
        Err(Refusal::Changed)
    }
}

/// Changes where a delivery stands and nothing else.
async fn change(
    app: &App,
    actor: &Actor,
    before: &Delivery,
    request: &Request,
    standing: Standing,
) -> Result<(), Refusal> {
    let now = app.clock.now();
    let mut tx = app.store.writing().await?;
    let current = store::deliveries::find_for_update(&mut tx, before.tenant, before.id).await?;
    let mut delivery = current
        .filter(|current| current.standing == before.standing)
        .ok_or(Refusal::Changed)?;
    delivery.standing = standing;
    store::deliveries::update(&mut tx, &delivery, &event(actor, before, request, now)).await?;
    note_turn(&mut tx, request, before, now).await?;
    tx.commit().await?;
    if let (Status::Queued, Some(system)) = (standing.status, crate::system::of(&delivery)) {
        app.inbox.hand_over(delivery.tenant, system, delivery.id);
    }
    app.inbox.wake();
    Ok(())
}

/// A person states that the OPCO has it: the number of a contract is kept, and the next read will tell.
async fn confirm(
    app: &App,
    actor: &Actor,
    before: &Delivery,
    request: &Request,
) -> Result<(), Refusal> {
    let receipt = request.receipt.clone().unwrap_or_default();
    if before.kind == Kind::Dossier && receipt.numero_interne.is_none() {
        return Err(Refusal::Missing("/numero_interne"));
    }
    let now = app.clock.now();
    let mut tx = app.store.writing().await?;
    let current = store::deliveries::find_for_update(&mut tx, before.tenant, before.id).await?;
    let mut delivery = current
        .filter(|current| current.standing == before.standing)
        .ok_or(Refusal::Changed)?;
    let event = event(actor, before, request, now);
    if let Some(other) = ends_as_sent(app, &mut tx, &mut delivery, receipt, &event).await? {
        let seen = actor
            .sites
            .as_ref()
            .is_none_or(|sites| sites.contains(&other.siret_cfa));
        return Err(Refusal::NumberTaken(other.delivery.filter(|_| seen)));
    }
    note_turn(&mut tx, request, before, now).await?;
    tx.commit().await?;
    Ok(())
}

/// Writes that the delivery had its turn; what was done is undone when the turn is nobody's any more.
async fn note_turn(
    tx: &mut store::Tx,
    request: &Request,
    delivery: &Delivery,
    now: Timestamp,
) -> Result<(), Refusal> {
    match &request.turn {
        Some(turn) if !bulk::take_turn(tx, turn, &delivery.siret_cfa, now).await? => {
            Err(Refusal::Changed)
        }
        _ => Ok(()),
    }
}

/// Ends a delivery as one that the OPCO has under these numbers: its dossier is opened, and read soon.
/// Returns the dossier that has the number already, when another delivery brought it.
pub(crate) async fn ends_as_sent(
    app: &App,
    tx: &mut store::Tx,
    delivery: &mut Delivery,
    receipt: Receipt,
    event: &NewEvent,
) -> Result<Option<store::Dossier>, StoreError> {
    let now = event.at;
    delivery.standing = Standing::ended(Status::Delivered);
    delivery.receipt = receipt.clone();
    delivery.fault = None;
    store::deliveries::update(tx, delivery, event).await?;
    if delivery.kind != Kind::Dossier {
        return Ok(None);
    }
    let dossier = NewDossier {
        id: DossierId::new(now),
        pairing: Some(delivery.lane),
        receipt,
    };
    if let Some(other) = store::dossiers::open(tx, delivery, &dossier, now).await? {
        return Ok(Some(other));
    }
    if let Some(instance) = delivery.target() {
        let key = ReadKey {
            tenant: delivery.tenant,
            siret_cfa: delivery.siret_cfa,
            instance,
            environment: delivery.environment,
        };
        read_soon(app, tx, &key, now).await?;
    }
    Ok(None)
}

/// Has the states of a site read at once.
pub(crate) async fn read_soon(
    app: &App,
    tx: &mut store::Tx,
    key: &ReadKey,
    now: Timestamp,
) -> Result<(), StoreError> {
    let plan = ReadPlan {
        due_at: now,
        interval_ms: app.settings.poll.hot_ms(),
    };
    store::read_jobs::schedule(tx, key, plan).await
}

fn event(actor: &Actor, before: &Delivery, request: &Request, now: Timestamp) -> NewEvent {
    let numero = request.receipt.as_ref();
    let numero = numero.and_then(|receipt| receipt.numero_interne.as_deref());
    NewEvent::new(now, event_kind(request.action))
        .delivery(before.id)
        .by(actor.name.clone())
        .with(serde_json::json!({
            "action": request.action,
            "reason": request.reason.chars().take(REASON_CHARS_MAX).collect::<String>(),
            "was": before.standing.status,
            "was_held": before.standing.hold_reason,
            "numeroInterne": numero.map(opco::reference),
            "bulk": request.turn.as_ref().map(|turn| turn.bulk),
        }))
}

fn event_kind(action: Action) -> &'static str {
    match action {
        Action::Retry => "delivery.retried",
        Action::Cancel => "delivery.cancelled",
        Action::ChooseOpco => "delivery.opco_chosen",
        Action::Complete => "delivery.completed",
        Action::Revive => "delivery.revived",
        Action::ConfirmSent => "delivery.confirmed_sent",
    }
}
