//! The alerts a viewer may see, what silences them, and what each person wants by mail.

use std::time::Duration;

use domain::alert::{Condition, Severity};
use domain::id::{AlertId, PersonId, SilenceId};
use domain::person::Right;
use domain::{Environment, Timestamp};
use store::alerts::choices::{self, Choice};
use store::alerts::{self as kept, Alert, Silence};
use store::{NewEvent, people};

use crate::desk::Desk;
use crate::filter::word;
use crate::hand;
use crate::refusal::{Code, Refusal};
use crate::signin::carried::after;
use crate::viewer::Viewer;

/// How many that ended are on a page.
pub(crate) const PER_PAGE: u32 = 50;
/// The longest reason, in characters.
pub(crate) const REASON_CHARS_MAX: usize = 500;
/// For how many days one may be silenced at most: what nobody wants to hear for longer is mended.
pub(crate) const SILENCE_DAYS_MAX: u64 = 90;

/// Which of them.
#[derive(Debug, Default, serde::Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    pub(crate) world: String,
    #[serde(default)]
    pub(crate) before: String,
}

/// An alert with what silences it.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) alert: Alert,
    pub(crate) severity: Severity,
    /// What people call the site it is about.
    pub(crate) site: Option<String>,
    pub(crate) silence: Option<Silence>,
    /// Whether the viewer may silence it.
    pub(crate) may_silence: bool,
}

/// One world's alerts.
#[derive(Debug)]
pub(crate) struct Board {
    pub(crate) world: Environment,
    pub(crate) lasting: Vec<Shown>,
    pub(crate) ended: Vec<Shown>,
    /// Before which one to go on.
    pub(crate) next: Option<AlertId>,
}

/// Who is told what.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) id: PersonId,
    pub(crate) name: String,
    pub(crate) choice: Choice,
}

/// Reads what lasts and what ended.
pub(crate) async fn read(desk: &Desk, viewer: &Viewer, asked: &Asked) -> Result<Board, Refusal> {
    viewer.require(Right::ReadDeliveries)?;
    let world = viewer.world(word(&asked.world, "/world")?);
    let before: Option<AlertId> = word(&asked.before, "/before")?;
    let lasting = lasting(desk, viewer, world).await?;
    let mut tx = desk.store.reading().await?;
    let found = kept::ended(&mut tx, viewer.tenant(), world, before, PER_PAGE).await?;
    drop(tx);
    let full = u32::try_from(found.len()).unwrap_or(PER_PAGE) >= PER_PAGE;
    let next = found.last().map(|last| last.id).filter(|_| full);
    let ended = found.into_iter().filter(|alert| sees(viewer, alert));
    Ok(Board {
        world,
        lasting,
        ended: ended.map(|alert| shown(viewer, alert, &[])).collect(),
        next,
    })
}

/// Reads what is raised now, the gravest first, then the oldest.
pub(crate) async fn lasting(
    desk: &Desk,
    viewer: &Viewer,
    world: Environment,
) -> Result<Vec<Shown>, Refusal> {
    viewer.require(Right::ReadDeliveries)?;
    let mut tx = desk.store.reading().await?;
    let found = kept::lasting(&mut tx, viewer.tenant()).await?;
    let silences = kept::silences(&mut tx, viewer.tenant(), desk.clock.now()).await?;
    drop(tx);
    let raised = found.into_iter().filter(|alert| {
        alert.environment == world && alert.measure.level > 0 && sees(viewer, alert)
    });
    let mut raised: Vec<Shown> = raised
        .map(|alert| shown(viewer, alert, &silences))
        .collect();
    raised.sort_by_key(|one| {
        let muted = one.silence.is_some();
        (muted, std::cmp::Reverse(one.severity), one.alert.began_at)
    });
    Ok(raised)
}

fn shown(viewer: &Viewer, alert: Alert, silences: &[Silence]) -> Shown {
    let subject = alert.subject.to_string();
    let silence = silences
        .iter()
        .find(|one| one.covers(alert.environment, alert.condition, &subject));
    Shown {
        severity: kept::severity(&alert),
        site: alert.subject.site.map(|site| viewer.site_name(&site)),
        silence: silence.cloned(),
        may_silence: may_silence(viewer, &alert),
        alert,
    }
}

/// Returns whether a person sees an alert: those of a site with the site, those of an OPCO with any.
fn sees(viewer: &Viewer, alert: &Alert) -> bool {
    let right = match alert.condition {
        Condition::KeyExpiry => Right::ReadKeys,
        _ => Right::ReadDeliveries,
    };
    viewer.reach(right).is_some_and(|reach| {
        let site = alert.subject.site;
        site.is_none_or(|site| reach.covers(&site))
    })
}

/// What is about no site is everybody's: only who acts in the whole network silences it.
fn may_silence(viewer: &Viewer, alert: &Alert) -> bool {
    viewer
        .reach(Right::Act)
        .is_some_and(|reach| match alert.subject.site {
            Some(site) => reach.covers(&site),
            None => reach.filter().is_none(),
        })
}

/// Returns an alert that lasts and that the viewer may silence.
async fn mine(tx: &mut store::Tx, viewer: &Viewer, id: AlertId) -> Result<Alert, Refusal> {
    viewer.require(Right::Act)?;
    let found = kept::find(tx, viewer.tenant(), id).await?;
    let alert = found
        .filter(|alert| sees(viewer, alert))
        .ok_or(Code::NotFound)?;
    if !may_silence(viewer, &alert) {
        return Err(Code::Forbidden.into());
    }
    if alert.cleared_at.is_some() {
        return Err(Code::Conflict.into());
    }
    Ok(alert)
}

/// Silences an alert for so many hours, with a reason that is on record.
pub(crate) async fn silence(
    desk: &Desk,
    viewer: &Viewer,
    id: AlertId,
    hours: u64,
    reason: &str,
) -> Result<Environment, Refusal> {
    let now = desk.clock.now();
    let mut tx = desk.store.writing().await?;
    let alert = mine(&mut tx, viewer, id).await?;
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > REASON_CHARS_MAX {
        return Err(Refusal::invalid(
            "/reason",
            "Il faut un motif, de 500 caractères au plus.",
            "A reason is needed, of at most 500 characters.",
        ));
    }
    hand::of_nobody(reason)?;
    if hours == 0 || hours > SILENCE_DAYS_MAX * 24 {
        return Err(Refusal::invalid(
            "/hours",
            "La durée va d'une heure à 90 jours.",
            "It lasts from one hour to 90 days.",
        ));
    }
    let silence = Silence {
        id: SilenceId::new(now),
        environment: alert.environment,
        condition: alert.condition,
        subject: alert.subject.to_string(),
        ends_at: after(now, Duration::from_hours(hours)),
        reason: reason.to_owned(),
        author: viewer.actor(),
        created_at: now,
    };
    kept::speak(&mut tx, viewer.tenant(), &alert, now).await?;
    kept::silence(&mut tx, viewer.tenant(), &silence).await?;
    let data = serde_json::json!({ "until": silence.ends_at, "reason": reason });
    record(&mut tx, viewer, &alert, "alert.silenced", data, now);
    tx.commit().await?;
    Ok(alert.environment)
}

/// Ends the silence of an alert now.
pub(crate) async fn speak(
    desk: &Desk,
    viewer: &Viewer,
    id: AlertId,
    reason: &str,
) -> Result<Environment, Refusal> {
    let now = desk.clock.now();
    let reason: String = reason.trim().chars().take(REASON_CHARS_MAX).collect();
    hand::of_nobody(&reason)?;
    let mut tx = desk.store.writing().await?;
    let alert = mine(&mut tx, viewer, id).await?;
    if !kept::speak(&mut tx, viewer.tenant(), &alert, now).await? {
        return Err(Code::Conflict.into());
    }
    let data = serde_json::json!({ "reason": reason });
    record(&mut tx, viewer, &alert, "alert.unsilenced", data, now);
    tx.commit().await?;
    Ok(alert.environment)
}

fn record(
    tx: &mut store::Tx,
    viewer: &Viewer,
    alert: &Alert,
    kind: &'static str,
    mut data: serde_json::Value,
    now: Timestamp,
) {
    if let Some(data) = data.as_object_mut() {
        data.insert("environment".to_owned(), alert.environment.as_str().into());
        data.insert("alerte".to_owned(), alert.id.to_string().into());
        data.insert("condition".to_owned(), alert.condition.as_str().into());
        data.insert("sujet".to_owned(), alert.subject.to_string().into());
    }
    let event = NewEvent::new(now, kind).by(viewer.actor()).with(data);
    store::events::append(tx, viewer.tenant(), &[event]);
}

/// Returns what the viewer wants by mail.
pub(crate) async fn choice(desk: &Desk, viewer: &Viewer) -> Result<Choice, Refusal> {
    let mut tx = desk.store.reading().await?;
    Ok(choices::of(&mut tx, viewer.tenant(), viewer.id()).await?)
}

/// Keeps what the viewer wants by mail.
pub(crate) async fn choose(desk: &Desk, viewer: &Viewer, choice: Choice) -> Result<(), Refusal> {
    let mut tx = desk.store.writing().await?;
    choices::keep(&mut tx, viewer.tenant(), viewer.id(), choice).await?;
    tx.commit().await?;
    Ok(())
}

/// Lists who is told what, for who may see people; nothing for others.
pub(crate) async fn listeners(
    desk: &Desk,
    viewer: &Viewer,
) -> Result<Option<Vec<Listener>>, Refusal> {
    if !viewer.may(Right::ReadSettings) {
        return Ok(None);
    }
    let mut tx = desk.store.reading().await?;
    let chosen = choices::all(&mut tx, viewer.tenant()).await?;
    let people = people::list(&mut tx, viewer.tenant()).await?;
    let active = people
        .into_iter()
        .filter(|person| person.state == domain::person::PersonState::Active);
    let listener = |person: people::Person| {
        let own = chosen.iter().find(|(id, _)| *id == person.id);
        Listener {
            id: person.id,
            choice: own.map_or_else(Choice::default, |(_, choice)| *choice),
            name: person.name,
        }
    };
    Ok(Some(active.map(listener).collect()))
}
