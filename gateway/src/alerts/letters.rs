//! What people get by mail of what was told: one mail a round for each person, in their language, of what
//! they may see and want to hear.

use std::fmt::Write as _;

use domain::alert::{Condition, Severity};
use domain::calendar::local_in_france;
use domain::id::{MailId, PersonId, TenantId};
use domain::person::{Language, PersonState, Right};
use domain::{Siret, Timestamp};
use store::alerts::choices::{self, Choice};
use store::alerts::{self, Alert};
use store::mails::{self, Mail, Need};
use store::people::{self, Grant, Person};
use store::tenants::{self, Site};
use store::{StoreError, Tx};

/// The most alerts one mail names; the others are counted.
const NAMED_MAX: usize = 20;

/// Someone who may be told, with what they may see.
#[derive(Debug)]
pub(crate) struct Listener {
    /// Who.
    pub(crate) person: Person,
    /// What they want.
    pub(crate) choice: Choice,
    grants: Vec<Grant>,
}

/// The people of a network and its sites.
#[derive(Debug)]
pub(crate) struct Audience {
    /// Those who can sign in.
    pub(crate) listeners: Vec<Listener>,
    /// The sites.
    pub(crate) sites: Vec<Site>,
}

impl Audience {
    /// Gathers them.
    pub(crate) async fn of(tx: &mut Tx, tenant: TenantId) -> Result<Self, StoreError> {
        let chosen = choices::all(tx, tenant).await?;
        let grants = people::grants(tx, tenant).await?;
        let people = people::list(tx, tenant).await?.into_iter();
        let active = people.filter(|person| person.state == PersonState::Active);
        let of = |id: PersonId| chosen.iter().find(|(other, _)| *other == id);
        let listener = |person: Person| Listener {
            choice: of(person.id).map_or_else(Choice::default, |(_, choice)| *choice),
            grants: grants
                .iter()
                .filter(|(id, _)| *id == person.id)
                .map(|(_, grant)| grant.clone())
                .collect(),
            person,
        };
        Ok(Self {
            listeners: active.map(listener).collect(),
            sites: tenants::sites(tx, tenant).await?,
        })
    }

    /// Returns what people call a site.
    pub(crate) fn name(&self, siret: &Siret) -> Option<&str> {
        let mut named = self.sites.iter().filter(|site| site.siret == *siret);
        named.next().map(|site| site.name.as_str())
    }

    /// Returns whether someone has a right somewhere, or at a site.
    pub(crate) fn may(&self, listener: &Listener, right: Right, site: Option<&Siret>) -> bool {
        people::may(&listener.grants, &self.sites, right, site)
    }

    fn hears(&self, listener: &Listener, alert: &Alert) -> bool {
        let grave = alerts::severity(alert);
        listener.choice.least.is_some_and(|least| grave >= least)
            && self.may(listener, right(alert), alert.subject.site.as_ref())
    }
}

/// Returns the right to hear of an alert.
fn right(alert: &Alert) -> Right {
    match alert.condition {
        Condition::KeyExpiry => Right::ReadKeys,
        _ => Right::ReadDeliveries,
    }
}

/// Returns what the reader of a mail about alerts must be allowed to see.
fn needs(heard: &[&Alert]) -> Vec<Need> {
    let mut needs: Vec<Need> = Vec::new();
    for alert in heard {
        let need = Need {
            right: right(alert),
            site: alert.subject.site,
        };
        if !needs.contains(&need) {
            needs.push(need);
        }
    }
    needs
}

/// Writes to whoever is to hear of what was told. `link` is the address of the dashboard.
pub(super) async fn write(
    tx: &mut Tx,
    tenant: TenantId,
    told: &[Alert],
    link: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    if told.is_empty() {
        return Ok(());
    }
    let audience = Audience::of(tx, tenant).await?;
    for listener in &audience.listeners {
        let heard: Vec<&Alert> = told
            .iter()
            .filter(|alert| audience.hears(listener, alert))
            .collect();
        if heard.is_empty() {
            continue;
        }
        let language = listener.person.language;
        let mail = Mail {
            tenant,
            id: MailId::new(now),
            person: listener.person.id,
            title: title(&audience, &heard, language),
            body: body(&audience, &heard, link, language),
            needs: needs(&heard),
            tries: 0,
            created_at: now,
        };
        mails::enqueue(tx, &mail).await?;
    }
    Ok(())
}

/// What and how much, in one line.
fn title(audience: &Audience, heard: &[&Alert], language: Language) -> String {
    if let [alone] = heard {
        return format!("[CFA Gateway] {}", line(audience, alone, language));
    }
    let critical = heard
        .iter()
        .filter(|alert| alert.cleared_at.is_none())
        .filter(|alert| alerts::severity(alert) == Severity::Critical)
        .count();
    let ended = heard
        .iter()
        .filter(|alert| alert.cleared_at.is_some())
        .count();
    let begun = heard.len() - ended;
    match language {
        Language::Fr => {
            let critical = language.counted(critical, "critique", "critiques");
            let ended = language.counted(ended, "terminée", "terminées");
            format!("[CFA Gateway] alertes : {begun} en cours ({critical}), {ended}")
        }
        Language::En => {
            format!("[CFA Gateway] alerts: {begun} raised ({critical} critical), {ended} ended")
        }
    }
}

/// One alert in one line.
fn line(audience: &Audience, alert: &Alert, language: Language) -> String {
    let name = alert.subject.site.as_ref();
    let subject = alert
        .subject
        .named(name.and_then(|site| audience.name(site)));
    let condition = alert.condition.name(language);
    let how = match alert.cleared_at {
        Some(_) => language.of("terminé", "ended").to_owned(),
        None => alert.condition.measured(alert.measure, language),
    };
    let grave = alerts::severity(alert).name(language);
    match language {
        Language::Fr => format!("{grave} : {condition}, {subject}, {how}"),
        Language::En => format!("{grave}: {condition}, {subject}, {how}"),
    }
}

fn body(audience: &Audience, heard: &[&Alert], link: &str, language: Language) -> String {
    let mut text = String::new();
    for alert in heard.iter().take(NAMED_MAX) {
        let began = local_in_france(alert.began_at);
        text.push_str(&line(audience, alert, language));
        text.push('\n');
        text.push_str(language.of("Début : ", "Began: "));
        text.push_str(&began);
        text.push('\n');
        if alert.cleared_at.is_none() {
            text.push_str(alert.condition.advice(language));
            text.push('\n');
        }
        let world = alert.environment;
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{link}/alerts?world={world}#{}\n", alert.id);
    }
    if heard.len() > NAMED_MAX {
        let more = heard.len() - NAMED_MAX;
        let others = language.counted(
            more,
            language.of("autre", "more"),
            language.of("autres", "more"),
        );
        let _ = writeln!(text, "… {others} : {link}/alerts\n");
    }
    text.push_str(language.of(
        "Mettre en silence, ou choisir ce que vous recevez : ",
        "To silence, or to choose what you get: ",
    ));
    let _ = writeln!(text, "{link}/alerts");
    text
}
