//! Acts upon many deliveries: counted once, previewed on what was counted, begun, watched, stopped. The
//! gateway does them, one delivery at a time (`store::bulks`).

use std::collections::BTreeMap;
use std::time::Duration;

use domain::bulk::{BulkState, Fate, Halt, Obstacle};
use domain::delivery::Action;
use domain::id::{BulkId, DeliveryId};
use domain::person::{Language, Right};
use domain::{HoldReason, Opco, Siret, Status, Timestamp};
use store::bulks::{self, Bulk, Item, Known, Window};
use store::{Delivery, NewEvent, Tx, events};

use crate::csv;
use crate::desk::Desk;
use crate::gate::before;
use crate::hand;
use crate::pages::layout::local;
use crate::picked::Asked;
use crate::refusal::{Code, Refusal};
use crate::viewer::{Reach, Viewer};

/// The most deliveries of one act.
pub(crate) const MOST: usize = 10_000;
/// The fastest rate, a minute; what the OPCOs allow holds besides.
pub(crate) const PER_MINUTE_MAX: u32 = 600;
/// The rate unless another one is given.
pub(crate) const PER_MINUTE: u32 = 60;
/// The longest reason.
pub(crate) const REASON_CHARS_MAX: usize = 500;
/// How long a draft nobody begins is kept, and what ended.
const DRAFT_KEPT: Duration = Duration::from_hours(24);
const ENDED_KEPT: Duration = Duration::from_hours(24 * 400);
/// The most drafts one person has: each holds every delivery it is of. Of more, the oldest gives way.
const DRAFTS_MAX: u32 = 20;
/// The longest address that is kept.
const QUERY_MAX: usize = 1_000;

/// The deliveries an address names, before anybody chose an act.
#[derive(Debug)]
pub(crate) struct Sight {
    /// They, the newest first.
    pub(crate) deliveries: Vec<Delivery>,
    /// How many stand where, and to how many of those each act can be done.
    pub(crate) groups: Vec<Group>,
}

/// Those that stand alike.
#[derive(Debug)]
pub(crate) struct Group {
    /// Where.
    pub(crate) status: Status,
    /// Why they are held.
    pub(crate) reason: Option<HoldReason>,
    /// How many.
    pub(crate) count: u64,
    /// To how many each act can be done, where it can be to any.
    pub(crate) ready: Vec<(Action, u64)>,
    /// To how many each act can be done one by one only: it takes something of each.
    pub(crate) alone: Vec<(Action, u64)>,
}

/// How an act upon many stands.
#[derive(Debug)]
pub(crate) struct Progress {
    /// It.
    pub(crate) bulk: Bulk,
    /// What stood in the way when they were counted; nothing, for those it could be done to. Until it begins,
    /// what the person does not reach by now stands in the way too.
    pub(crate) foreseen: Vec<(Option<Obstacle>, u64)>,
    /// Why the act was not done, among those that had their turn.
    pub(crate) obstacles: Vec<(Obstacle, u64)>,
}

/// Reads the deliveries an address names.
pub(crate) async fn look(desk: &Desk, viewer: &Viewer, asked: &Asked) -> Result<Sight, Refusal> {
    let act = viewer.require(Right::Act)?;
    let deliveries = counted(desk, viewer, asked).await?;
    let mut groups: BTreeMap<(&str, &str), Group> = BTreeMap::new();
    for delivery in &deliveries {
        let standing = &delivery.standing;
        let reason = standing.hold_reason;
        let key = (
            standing.status.as_str(),
            reason.map_or("", HoldReason::as_str),
        );
        let group = groups.entry(key).or_insert_with(|| Group {
            status: standing.status,
            reason,
            count: 0,
            ready: Vec::new(),
            alone: Vec::new(),
        });
        group.count += 1;
        for action in Action::ALL {
            // Any OPCO will do to tell whether one can be chosen.
            let opco = Opco::ALL.first().copied();
            let counts = match in_the_way(desk, &act, delivery, *action, opco) {
                None => &mut group.ready,
                Some(Obstacle::Missing) => &mut group.alone,
                Some(_) => continue,
            };
            match counts.iter_mut().find(|(one, _)| one == action) {
                Some((_, count)) => *count += 1,
                None => counts.push((*action, 1)),
            }
        }
    }
    Ok(Sight {
        groups: groups.into_values().collect(),
        deliveries,
    })
}

async fn counted(desk: &Desk, viewer: &Viewer, asked: &Asked) -> Result<Vec<Delivery>, Refusal> {
    let reach = viewer.require(Right::ReadDeliveries)?;
    let picked = asked.picked(viewer, &reach)?;
    let mut tx = desk.store.reading().await?;
    let all = picked.all(&mut tx, MOST, desk.clock.now()).await?;
    all.ok_or_else(|| {
        Refusal::invalid(
            "/query",
            "Plus de 10 000 livraisons : restreignez les filtres (site, OPCO, dates).",
            "More than 10,000 deliveries: restrict the filters (site, OPCO, dates).",
        )
    })
}

/// What stands in the way of an act, for who looks.
fn in_the_way(
    desk: &Desk,
    act: &Reach,
    delivery: &Delivery,
    action: Action,
    opco: Option<Opco>,
) -> Option<Obstacle> {
    if !act.covers(&delivery.siret_cfa) {
        return Some(Obstacle::Forbidden);
    }
    desk.works.obstacle(delivery, action, opco)
}

/// Counts the deliveries an address names and keeps them as a draft: what is told of it from now on is
/// told of these.
pub(crate) async fn draft(
    desk: &Desk,
    viewer: &Viewer,
    asked: &Asked,
    (action, opco): (Action, Option<Opco>),
) -> Result<BulkId, Refusal> {
    let act = viewer.require(Right::Act)?;
    if action == Action::ChooseOpco && opco.is_none() {
        let (fr, en) = ("Dites quel OPCO.", "Say which OPCO.");
        return Err(Refusal::invalid("/opco", fr, en));
    }
    let mut deliveries = counted(desk, viewer, asked).await?;
    // Each dossier in the order it was handed in; but what is cancelled wakes what waits behind it, which
    // is cancelled before.
    deliveries.sort_by_key(|delivery| delivery.id);
    if action == Action::Cancel {
        deliveries.reverse();
    }
    let items: Vec<Item> = (1..)
        .zip(&deliveries)
        .map(|(place, delivery)| Item {
            place,
            delivery: delivery.id,
            stood: bulks::stood(delivery),
            foreseen: in_the_way(desk, &act, delivery, action, opco),
            fate: None,
            obstacle: None,
            at: None,
        })
        .collect();
    let now = desk.clock.now();
    let bulk = Bulk {
        tenant: viewer.tenant(),
        id: BulkId::new(now),
        person: viewer.id(),
        environment: asked.world(viewer),
        action,
        opco: opco.filter(|_| action == Action::ChooseOpco),
        query: kept_query(asked)?,
        reason: String::new(),
        per_minute: PER_MINUTE,
        state: BulkState::Draft,
        total: u32::try_from(items.len()).unwrap_or(u32::MAX),
        done: 0,
        skipped: 0,
        failed: 0,
        created_at: now,
        begun_at: None,
        ended_at: None,
        ended_by: None,
        halt: None,
    };
    if items.is_empty() {
        return Err(Refusal::invalid(
            "/query",
            "Aucune livraison ne correspond à ces filtres.",
            "No delivery matches these filters.",
        ));
    }
    let mut tx = desk.store.writing().await?;
    let (drafts, ended) = (before(now, DRAFT_KEPT), before(now, ENDED_KEPT));
    bulks::forget(&mut tx, bulk.tenant, drafts, ended).await?;
    bulks::make_room(&mut tx, bulk.tenant, bulk.person, DRAFTS_MAX).await?;
    bulks::draft(&mut tx, &bulk, &items).await?;
    tx.commit().await?;
    Ok(bulk.id)
}

/// What is searched for may be somebody's number: it is not kept.
fn kept_query(asked: &Asked) -> Result<String, Refusal> {
    let kept = Asked {
        text: String::new(),
        columns: Vec::new(),
        ..asked.clone()
    };
    let query = kept.query();
    if query.len() > QUERY_MAX {
        return Err(Code::Invalid.into());
    }
    Ok(query)
}

/// Returns one the viewer may see: their own, and all of the network's to who reads all of it.
pub(crate) async fn visible(tx: &mut Tx, viewer: &Viewer, id: BulkId) -> Result<Bulk, Refusal> {
    let found = bulks::find(tx, viewer.tenant(), id).await?;
    let whole = viewer.reach(Right::ReadDeliveries) == Some(Reach::Network);
    found
        .filter(|bulk| bulk.person == viewer.id() || (whole && bulk.state != BulkState::Draft))
        .ok_or_else(|| Code::NotFound.into())
}

/// Lists those the viewer may see, the newest first.
pub(crate) async fn list(desk: &Desk, viewer: &Viewer, most: u32) -> Result<Vec<Bulk>, Refusal> {
    let whole = viewer.require(Right::ReadDeliveries)? == Reach::Network;
    let person = (!whole).then(|| viewer.id());
    let mut tx = desk.store.reading().await?;
    Ok(bulks::list(&mut tx, viewer.tenant(), person, most).await?)
}

/// Returns how one stands.
pub(crate) async fn progress(
    desk: &Desk,
    viewer: &Viewer,
    id: BulkId,
) -> Result<Progress, Refusal> {
    let mut tx = desk.store.reading().await?;
    let bulk = visible(&mut tx, viewer, id).await?;
    let act = viewer.reach(Right::Act);
    let is_draft = bulk.state == BulkState::Draft;
    let covers = |site: &Siret| act.as_ref().is_some_and(|act| act.covers(site));
    let mut foreseen: BTreeMap<Option<Obstacle>, u64> = BTreeMap::new();
    for one in bulks::foreseen(&mut tx, bulk.tenant, id).await? {
        let out_of_reach = is_draft && one.site.is_some_and(|site| !covers(&site));
        let obstacle = if out_of_reach {
            Some(Obstacle::Forbidden)
        } else {
            one.obstacle
        };
        *foreseen.entry(obstacle).or_default() += one.count;
    }
    let mut foreseen: Vec<(Option<Obstacle>, u64)> = foreseen.into_iter().collect();
    foreseen.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    Ok(Progress {
        foreseen,
        obstacles: bulks::obstacles(&mut tx, bulk.tenant, id).await?,
        bulk,
    })
}

/// Lists deliveries of one the viewer may see, of the sites that the viewer reads by now.
pub(crate) async fn items(
    tx: &mut Tx,
    viewer: &Viewer,
    bulk: &Bulk,
    (fate, after, limit): (Option<Fate>, u32, u32),
) -> Result<Vec<Item>, Refusal> {
    let sites = viewer.require(Right::ReadDeliveries)?.filter();
    let window = Window {
        fate,
        sites: sites.as_deref(),
        after,
        limit,
    };
    Ok(bulks::items(tx, bulk.tenant, bulk.id, window).await?)
}

/// Returns by what people know the same deliveries, by their turns.
pub(crate) async fn known(
    tx: &mut Tx,
    viewer: &Viewer,
    bulk: &Bulk,
    (fate, after, limit): (Option<Fate>, u32, u32),
) -> Result<BTreeMap<u32, Known>, Refusal> {
    let sites = viewer.require(Right::ReadDeliveries)?.filter();
    let window = Window {
        fate,
        sites: sites.as_deref(),
        after,
        limit,
    };
    Ok(bulks::known(tx, bulk.tenant, bulk.id, window).await?)
}

impl Progress {
    /// Returns to how many the act could be done when they were counted.
    pub(crate) fn ready(&self) -> u64 {
        let mut ready = self.foreseen.iter().filter(|(one, _)| one.is_none());
        ready.next().map_or(0, |(_, count)| *count)
    }
}

/// Returns the reason a person gave, or why it is none.
pub(crate) fn reason(text: &str) -> Result<&str, Refusal> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > REASON_CHARS_MAX {
        return Err(Refusal::invalid(
            "/reason",
            "Dites pourquoi, en 500 caractères au plus : la raison entre au journal.",
            "Say why, in at most 500 characters: the reason goes into the log.",
        ));
    }
    hand::of_nobody(text)?;
    Ok(text)
}

/// Begins a draft of the viewer's own.
pub(crate) async fn begin(
    desk: &Desk,
    viewer: &Viewer,
    id: BulkId,
    (per_minute, why): (u32, &str),
) -> Result<(), Refusal> {
    viewer.require(Right::Act)?;
    let mut tx = desk.store.writing().await?;
    let bulk = visible(&mut tx, viewer, id).await?;
    if bulk.person != viewer.id() {
        return Err(Code::NotFound.into());
    }
    let why = reason(why)?;
    if !(1..=PER_MINUTE_MAX).contains(&per_minute) {
        return Err(Refusal::invalid(
            "/per_minute",
            "Entre 1 et 600 par minute.",
            "Between 1 and 600 a minute.",
        ));
    }
    let now = desk.clock.now();
    if !bulks::begin(&mut tx, (bulk.tenant, id), (per_minute, why), now).await? {
        return Err(Code::Conflict.into());
    }
    let event = NewEvent::new(now, "bulk.begun")
        .by(viewer.actor())
        .with(serde_json::json!({
            "bulk": id,
            "environment": bulk.environment,
            "action": bulk.action,
            "opco": bulk.opco,
            "total": bulk.total,
            "per_minute": per_minute,
            "query": bulk.query,
            "reason": why,
        }));
    events::append(&mut tx, bulk.tenant, &[event]);
    tx.commit().await?;
    Ok(())
}

/// Stops one: what had its turn stays done, the rest stays as it is.
pub(crate) async fn cancel(desk: &Desk, viewer: &Viewer, id: BulkId) -> Result<(), Refusal> {
    let act = viewer.require(Right::Act)?;
    let now = desk.clock.now();
    let mut tx = desk.store.writing().await?;
    let bulk = visible(&mut tx, viewer, id).await?;
    if bulk.person != viewer.id() && act != Reach::Network {
        return Err(Code::Forbidden.into());
    }
    let (actor, why) = (viewer.actor(), Halt::Person);
    if !bulks::cancel(&mut tx, (bulk.tenant, id), (&actor, why), now).await? {
        return Err(Code::Conflict.into());
    }
    if bulk.state == BulkState::Running {
        // After the stop: what it says is the last word.
        let stopped = bulks::find(&mut tx, bulk.tenant, id).await?.unwrap_or(bulk);
        let event = NewEvent::new(now, "bulk.cancelled")
            .by(viewer.actor())
            .with(serde_json::json!({
                "bulk": id,
                "environment": stopped.environment,
                "cause": why,
                "done": stopped.done,
                "skipped": stopped.skipped,
                "failed": stopped.failed,
                "left": stopped.total.saturating_sub(stopped.reached()),
            }));
        events::append(&mut tx, stopped.tenant, &[event]);
    }
    tx.commit().await?;
    Ok(())
}

/// Writes what became of each delivery as a sheet.
pub(crate) async fn sheet(desk: &Desk, viewer: &Viewer, id: BulkId) -> Result<String, Refusal> {
    let language = viewer.language();
    let mut tx = desk.store.reading().await?;
    let bulk = visible(&mut tx, viewer, id).await?;
    let mut text = csv::MARK.to_owned();
    text.push_str(&csv::line(&[
        language.of("Tour", "Turn"),
        language.of("Quoi", "What"),
        language.of("Numéro", "Number"),
        "Site",
        language.of("Livraison", "Delivery"),
        language.of("État au décompte", "Where it stood"),
        language.of("Sort", "Outcome"),
        language.of("Cause", "Cause"),
        language.of("Quand", "When"),
    ]));
    let mut after = 0;
    loop {
        let window = (None, after, store::deliveries::MAX_PAGE);
        let items = items(&mut tx, viewer, &bulk, window).await?;
        let known = known(&mut tx, viewer, &bulk, window).await?;
        let Some(last) = items.last() else { break };
        after = last.place;
        for item in &items {
            let known = known.get(&item.place);
            let line = [
                item.place.to_string(),
                known.map_or("", |one| one.kind.name(language)).to_owned(),
                known.and_then(|one| one.number.clone()).unwrap_or_default(),
                known
                    .map(|one| viewer.site_name(&one.siret_cfa))
                    .unwrap_or_default(),
                item.delivery.to_string(),
                item.stood.clone(),
                outcome(item, language).to_owned(),
                cause(item, language).to_owned(),
                item.at.map(|at| local(at, language)).unwrap_or_default(),
            ];
            let cells: Vec<&str> = line.iter().map(String::as_str).collect();
            text.push_str(&csv::line(&cells));
        }
    }
    Ok(text)
}

/// What became of one delivery, in words.
pub(crate) fn outcome(item: &Item, language: Language) -> &'static str {
    match item.fate {
        Some(Fate::Done) => language.of("faite", "done"),
        Some(Fate::Skipped) => language.of("ignorée", "skipped"),
        Some(Fate::Failed) => language.of("en échec", "failed"),
        None => language.of("pas atteinte", "not reached"),
    }
}

/// Why the act was not done to one delivery, in words.
pub(crate) fn cause(item: &Item, language: Language) -> &'static str {
    item.obstacle
        .map_or("", |obstacle| obstacle.explained(language))
}

/// Reads the first deliveries of one that the viewer reads by now, in the order of their turns.
pub(crate) async fn first(
    tx: &mut Tx,
    viewer: &Viewer,
    bulk: &Bulk,
    most: u32,
) -> Result<Vec<Delivery>, Refusal> {
    let items = items(tx, viewer, bulk, (None, 0, most)).await?;
    let ids: Vec<DeliveryId> = items.iter().map(|item| item.delivery).collect();
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        found.extend(store::deliveries::find(tx, bulk.tenant, id).await?);
    }
    Ok(found)
}

/// Returns when the last delivery has its turn, at the rate given.
pub(crate) fn ends_at(bulk: &Bulk, now: Timestamp) -> Timestamp {
    let left = u64::from(bulk.total.saturating_sub(bulk.reached()));
    let seconds = left.saturating_mul(60) / u64::from(bulk.per_minute.max(1));
    now.checked_add(Duration::from_secs(seconds))
        .unwrap_or(Timestamp::MAX)
}
