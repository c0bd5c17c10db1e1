//! The daily report: what became of a day, site by site, in the log and by mail, once, after a set hour.

mod letter;

use std::collections::BTreeMap;

use admin_api::books::{Question, Rows};
use domain::calendar::{hour_in_france, start_of_day_in_france};
use domain::id::{CredentialId, MailId, TenantId};
use domain::person::Right;
use domain::reconciliation::Sums;
use domain::{Environment, Opco, Siret, Status, Timestamp};
use jiff::civil::Date;
use store::keys::{self, KeyState};
use store::mails::{self, Mail, Need};
use store::pulse::word;
use store::{NewEvent, StoreError, Tx, pulse, reports};

use crate::alerts::letters::{Audience, Listener};
use crate::app::App;
use crate::reconciliation;

/// How far ahead the end of a key is told, in days.
const KEYS_AHEAD_DAYS: i32 = 60;
/// The word of what has no code.
const NO_CODE: &str = "sans code";

/// What became of a day at one site.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct OfSite {
    /// Handed in on the day.
    sent: u64,
    /// Taken by an OPCO on the day.
    delivered: u64,
    /// Refused by an OPCO on the day.
    refused: u64,
    /// By code.
    refused_by: BTreeMap<String, u64>,
    /// Held when the day ended, by reason.
    held: BTreeMap<String, u64>,
    /// Under way when the day ended, by status or reason.
    waiting: BTreeMap<String, u64>,
    /// The money of its dossiers, where somebody could tell.
    money: Option<Sums>,
    /// The keys that end soon, and in how many days.
    keys: Vec<(Opco, i32)>,
    /// What each credential handed in on the day, and where that stands when it is told.
    senders: BTreeMap<CredentialId, OfSender>,
}

/// What became of what one credential handed in on a day at one site.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct OfSender {
    /// What people call it.
    label: String,
    /// Handed in.
    sent: u64,
    /// Taken by an OPCO since.
    delivered: u64,
    /// Refused by an OPCO since.
    refused: u64,
    /// Held, by reason.
    held: BTreeMap<String, u64>,
    /// Under way, by status or reason.
    waiting: BTreeMap<String, u64>,
}

/// What became of a day in one world.
#[derive(Debug)]
pub(super) struct Report {
    environment: Environment,
    day: Date,
    sites: BTreeMap<Siret, OfSite>,
}

impl OfSite {
    /// Returns whether there is nothing to say of the day: money alone is on its own page.
    fn is_empty(&self) -> bool {
        self.sent == 0
            && self.delivered == 0
            && self.refused == 0
            && self.held.is_empty()
            && self.waiting.is_empty()
            && self.keys.is_empty()
    }
}

impl OfSender {
    fn count(&mut self, one: reports::Sent) {
        self.label = one.label;
        self.sent += one.count;
        let why = one.reason.unwrap_or_else(|| one.status.to_string());
        match one.status {
            Status::Delivered => self.delivered += one.count,
            Status::Rejected => self.refused += one.count,
            Status::Held | Status::Dead => *self.held.entry(why).or_default() += one.count,
            Status::Cancelled => {}
            _ => *self.waiting.entry(why).or_default() += one.count,
        }
    }
}

/// Tells yesterday, if it was not told and it is time.
pub(crate) async fn tell(app: &App, tenant: TenantId) -> Result<(), StoreError> {
    let now = app.clock.now();
    let (today, hour) = hour_in_france(now);
    let due = usize::try_from(app.alerts.report_hour).unwrap_or(usize::MAX);
    let Ok(day) = today.yesterday() else {
        return Ok(());
    };
    if hour < due {
        return Ok(());
    }
    for environment in Environment::ALL {
        let mut tx = app.store.reading().await?;
        if reports::is_told(&mut tx, tenant, *environment, day).await? {
            continue;
        }
        let mut report = gather(&mut tx, tenant, *environment, day).await?;
        drop(tx);
        if !report.sites.is_empty() {
            money(app, tenant, &mut report).await;
        }
        write(app, tenant, &report, now).await?;
    }
    Ok(())
}

/// Gathers what is to be said, without the money.
async fn gather(
    tx: &mut Tx,
    tenant: TenantId,
    environment: Environment,
    day: Date,
) -> Result<Report, StoreError> {
    let next = day.tomorrow().unwrap_or(day);
    let (from, to) = (start_of_day_in_france(day), start_of_day_in_france(next));
    let mut sites: BTreeMap<Siret, OfSite> = BTreeMap::new();
    for one in pulse::all(tx, tenant).await? {
        let within = one.environment == environment && from <= one.at && one.at < to;
        let (true, Ok(site)) = (within, one.subject.parse()) else {
            continue;
        };
        let of = sites.entry(site).or_default();
        let count = u64::from(one.count);
        match one.word.split_once(' ') {
            Some((word::REFUSED, code)) => {
                *of.refused_by.entry(code.to_owned()).or_default() += count;
            }
            None if one.word == word::SENT => of.sent += count,
            None if one.word == word::DELIVERED => of.delivered += count,
            None if one.word == word::REFUSED => of.refused += count,
            _ => {}
        }
    }
    for of in sites.values_mut() {
        let named: u64 = of.refused_by.values().sum();
        if let Some(rest @ 1..) = of.refused.checked_sub(named) {
            of.refused_by.insert(NO_CODE.to_owned(), rest);
        }
    }
    for open in reports::open(tx, tenant, environment, to).await? {
        let of = sites.entry(open.siret_cfa).or_default();
        let why = open.reason.unwrap_or_else(|| open.status.to_string());
        let into = match open.status {
            Status::Held => &mut of.held,
            _ => &mut of.waiting,
        };
        *into.entry(why).or_default() += open.count;
    }
    for one in reports::sent(tx, tenant, environment, (from, to)).await? {
        let of = sites.entry(one.siret_cfa).or_default();
        of.senders.entry(one.credential).or_default().count(one);
    }
    for key in keys::list(tx, tenant).await? {
        let used = key.environment == environment && key.state == KeyState::Active;
        let Some(last_day) = key.expires_on.filter(|_| used) else {
            continue;
        };
        let left = next
            .until(last_day)
            .map_or(i32::MAX, |span| span.get_days());
        if left <= KEYS_AHEAD_DAYS {
            let of = sites.entry(key.siret_cfa).or_default();
            of.keys.push((key.instance.opco, left));
        }
    }
    sites.retain(|_, of| !of.is_empty());
    Ok(Report {
        environment,
        day,
        sites,
    })
}

/// Adds the money. Where it cannot be told, the rest is told without it.
async fn money(app: &App, tenant: TenantId, report: &mut Report) {
    let question = Question {
        tenant,
        environment: report.environment,
        opco: None,
        sites: Some(report.sites.keys().copied().collect()),
        from: None,
        to: None,
    };
    match reconciliation::asked(app, &question, Rows::Gaps, "gateway").await {
        Ok(answer) => {
            for ((site, _), group) in answer.groups {
                if let Some(of) = report.sites.get_mut(&site) {
                    *of.money.get_or_insert_default() += group.sums;
                }
            }
        }
        Err(error) => {
            tracing::warn!(tenant.id = %tenant, error = ?error, "the daily report is told without the money");
        }
    }
}

/// Tells it, unless another replica was faster.
async fn write(
    app: &App,
    tenant: TenantId,
    report: &Report,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut tx = app.store.writing().await?;
    if !reports::tell(&mut tx, tenant, report.environment, report.day, now).await? {
        return Ok(());
    }
    let events: Vec<NewEvent> = report
        .sites
        .iter()
        .map(|(site, of)| event(report, site, of, now))
        .collect();
    store::events::append(&mut tx, tenant, &events);
    if app.mailer.is_some() && !report.sites.is_empty() {
        let audience = Audience::of(&mut tx, tenant).await?;
        let wanting = audience.listeners.iter().filter(|one| one.choice.report);
        for listener in wanting {
            if let Some(mail) = mail(app, tenant, report, (&audience, listener), now) {
                mails::enqueue(&mut tx, &mail).await?;
            }
        }
    }
    tx.commit().await
}

fn mail(
    app: &App,
    tenant: TenantId,
    report: &Report,
    (audience, listener): (&Audience, &Listener),
    now: Timestamp,
) -> Option<Mail> {
    let may = |right, site| audience.may(listener, right, Some(site));
    let seen: Vec<(&Siret, OfSite)> = report
        .sites
        .iter()
        .filter(|(site, _)| may(Right::ReadDeliveries, site))
        .map(|(site, of)| {
            let mut of = of.clone();
            of.money = of.money.filter(|_| may(Right::ReadMoney, site));
            if !may(Right::ReadKeys, site) {
                of.keys.clear();
            }
            (site, of)
        })
        .filter(|(_, of)| !of.is_empty())
        .collect();
    if seen.is_empty() {
        return None;
    }
    let needs = seen.iter().flat_map(|(site, of)| needs(site, of)).collect();
    let language = listener.person.language;
    Some(Mail {
        tenant,
        id: MailId::new(now),
        person: listener.person.id,
        title: letter::title(report, &seen, language),
        body: letter::body(report, &seen, (audience, &app.link), language),
        needs,
        tries: 0,
        created_at: now,
    })
}

/// Returns what the reader of what is told of a site must be allowed to see.
fn needs(site: &Siret, of: &OfSite) -> impl Iterator<Item = Need> {
    let told = [
        (Right::ReadDeliveries, true),
        (Right::ReadMoney, of.money.is_some()),
        (Right::ReadKeys, !of.keys.is_empty()),
    ];
    let site = Some(*site);
    told.into_iter()
        .filter(|(_, is_told)| *is_told)
        .map(move |(right, _)| Need { right, site })
}

fn event(report: &Report, site: &Siret, of: &OfSite, now: Timestamp) -> NewEvent {
    let keys: Vec<_> = of
        .keys
        .iter()
        .map(|(opco, left)| serde_json::json!({ "opco": opco.slug(), "joursRestants": left }))
        .collect();
    let senders = of.senders.iter().map(|(id, of)| {
        serde_json::json!({
            "cle": id,
            "nom": of.label,
            "deposes": of.sent,
            "arrives": of.delivered,
            "refuses": of.refused,
            "retenus": of.held,
            "enAttente": of.waiting,
        })
    });
    let senders: Vec<_> = senders.collect();
    let money = of.money.map(|sums| {
        serde_json::json!({
            "duCentimes": sums.due_cents,
            "factureCentimes": sums.billed_cents,
            "payeCentimes": sums.paid_cents,
        })
    });
    NewEvent::new(now, "report.daily").with(serde_json::json!({
        "environment": report.environment,
        "jour": report.day,
        "siretCfa": site,
        "deposes": of.sent,
        "arrives": of.delivered,
        "refuses": of.refused,
        "refusParCode": of.refused_by,
        "retenus": of.held,
        "enAttente": of.waiting,
        "argent": money,
        "cles": keys,
        "expediteurs": senders,
    }))
}
