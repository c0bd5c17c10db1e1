//! The log of a network as an auditor searches it; pages and the admin API read the same.

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Bytes;
use domain::Timestamp;
use domain::calendar::start_of_day_in_france;
use domain::id::{DeliveryId, TenantId};
use domain::person::Right;
use futures_util::stream;
use jiff::ToSpan as _;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use store::events::{self, Event, Search};
use store::proofs::{self, Party, ProofError, Standing};
use store::{NewEvent, StoreError, Tx, credentials, deliveries, people};

use crate::csv;
use crate::desk::Desk;
use crate::filter::word;
use crate::refusal::{Code, Refusal};
use crate::viewer::Viewer;

/// Events taken from the store at once for an export.
const EXPORT_PAGE: u32 = 1_000;
/// The longest text to look for.
const CHARS_MAX: usize = 100;

/// The filters, as an address holds them. A field left empty does not restrict.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Asked {
    /// A person's name or address, or the start of an actor: `person:`, `credential:`, `cli:`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) who: String,
    /// The start of the word of what happened.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) kind: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) delivery: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) dossier: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) from: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) to: String,
    /// `people`: without what the gateway opened by itself; `all`, or nothing: with it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) openings: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) before: String,
    /// The form of an export: `csv` or `ndjson`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) format: String,
}

/// Whose openings of sealed content are among what is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shows {
    /// Those of people.
    People,
    /// Those of the gateway too, which it makes to do its work.
    All,
}

/// Part of the log.
#[derive(Debug)]
pub(crate) struct Found {
    /// The events, newest first.
    pub(crate) events: Vec<Event>,
    /// Before which position to go on; nothing when all of the log was looked at.
    pub(crate) next: Option<i64>,
    /// What people call who acted.
    pub(crate) names: Names,
    /// The last position.
    pub(crate) head: i64,
    /// Up to which position the log is sealed.
    pub(crate) sealed: i64,
    /// Who vouches for it beside its own keys.
    pub(crate) vouchers: Vec<Standing>,
}

/// What people call who acts: the network's own, by the name events give them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names(BTreeMap<String, String>);

impl Names {
    /// Reads the names of a network's people and credentials.
    pub(crate) async fn of(tx: &mut Tx, tenant: TenantId) -> Result<Self, StoreError> {
        let people = people::list(tx, tenant).await?;
        let people = people
            .into_iter()
            .map(|person| (format!("person:{}", person.id), person.name));
        let credentials = credentials::list(tx, tenant).await?;
        let credentials = credentials
            .into_iter()
            .map(|one| (format!("credential:{}", one.id), one.label));
        Ok(Self(people.chain(credentials).collect()))
    }

    /// Returns what people call an actor, where the network knows.
    pub(crate) fn find(&self, actor: &str) -> Option<&str> {
        self.0.get(actor).map(String::as_str)
    }

    /// Returns the actors whose name has a text in it.
    fn like(&self, text: &str) -> Vec<String> {
        let text = text.to_lowercase();
        let named = self
            .0
            .iter()
            .filter(|(_, name)| name.to_lowercase().contains(&text));
        named.map(|(actor, _)| actor.clone()).collect()
    }
}

impl Asked {
    /// Reads whose openings are asked for.
    fn whose(&self) -> Result<Shows, Refusal> {
        match self.openings.as_str() {
            "" | "all" | "people" => Ok(self.shows()),
            _ => Err(Refusal::invalid(
                "/openings",
                "Le filtre « openings » est « people » (ouvertures des personnes) ou « all » (toutes).",
                "The filter “openings” is “people” (people's openings) or “all”.",
            )),
        }
    }

    fn search(&self, names: &Names) -> Result<Search, Refusal> {
        let filled = |text: &str| -> Result<Option<String>, Refusal> {
            match text.trim() {
                "" => Ok(None),
                text if text.chars().count() > CHARS_MAX => Err(Code::Invalid.into()),
                text => Ok(Some(text.to_owned())),
            }
        };
        let from: Option<Date> = word(&self.from, "/from")?;
        let to: Option<Date> = word(&self.to, "/to")?;
        let who = filled(&self.who)?;
        // An actor's own name is told from a person's by its colon.
        let (actor, actors) = match who {
            Some(who) if who.contains(':') => (Some(who), None),
            Some(who) => (None, Some(names.like(&who))),
            None => (None, None),
        };
        Ok(Search {
            actors,
            actor,
            kind: filled(&self.kind)?,
            delivery: word(&self.delivery, "/delivery")?,
            dossier: word(&self.dossier, "/dossier")?,
            without_own_openings: self.whose()? == Shows::People,
            from: from.map(start_of_day_in_france),
            until: to
                .and_then(|to| to.checked_add(1.day()).ok())
                .map(start_of_day_in_france),
        })
    }

    /// Returns the same for a page: people's openings unless all of them are asked for.
    pub(crate) fn for_people(self) -> Self {
        if self.openings.is_empty() {
            let openings = "people".to_owned();
            return Self { openings, ..self };
        }
        self
    }

    /// Returns whose openings are shown.
    pub(crate) fn shows(&self) -> Shows {
        match self.openings.as_str() {
            "people" => Shows::People,
            _ => Shows::All,
        }
    }

    /// Returns the address of the same page with the gateway's own openings, or without.
    pub(crate) fn other_openings(&self) -> String {
        let openings = match self.shows() {
            Shows::People => "all",
            Shows::All => "people",
        };
        let other = Self {
            openings: openings.to_owned(),
            ..self.clone()
        };
        other.address("/audit", None, "")
    }

    /// Writes the filters as an address.
    pub(crate) fn address(&self, path: &str, before: Option<i64>, format: &str) -> String {
        let asked = Self {
            before: before.map(|before| before.to_string()).unwrap_or_default(),
            format: format.to_owned(),
            ..self.clone()
        };
        let query = serde_urlencoded::to_string(asked).unwrap_or_default();
        format!("{path}?{query}")
    }
}

/// Searches the log.
pub(crate) async fn search(
    desk: &Desk,
    viewer: &Viewer,
    asked: &Asked,
    limit: u32,
) -> Result<Found, Refusal> {
    viewer.require(Right::ReadAudit)?;
    let tenant = viewer.tenant();
    let before: Option<i64> = word(&asked.before, "/before")?;
    let mut tx = desk.store.reading().await?;
    let names = Names::of(&mut tx, tenant).await?;
    let search = asked.search(&names)?;
    let found = events::search(&mut tx, tenant, &search, before, limit).await?;
    Ok(Found {
        events: found.events,
        next: found.next,
        head: events::head(&mut tx, tenant).await?,
        sealed: proofs::size(&mut tx, tenant).await?,
        vouchers: proofs::standings(&mut tx, Some(tenant)).await?,
        names,
    })
}

/// Hands out the evidence file of a delivery, which anyone verifies without this gateway.
pub(crate) async fn evidence(
    desk: &Desk,
    viewer: &Viewer,
    id: DeliveryId,
) -> Result<HttpResponse, Refusal> {
    viewer.require(Right::ReadAudit)?;
    let mut tx = desk.store.reading().await?;
    let delivery = deliveries::find(&mut tx, viewer.tenant(), id).await?;
    drop(tx);
    let delivery = delivery.ok_or(Code::NotFound)?;
    let file = desk.works.evidence(&delivery, &viewer.actor()).await;
    let file = match file {
        Ok(Some(file)) => file,
        Ok(None) => {
            return Err(Refusal::from(Code::Unavailable).saying(
                "Les derniers événements de cette livraison ne sont pas encore scellés : réessayez \
                 dans un instant.",
                "The last events of this delivery are not sealed yet: try again in a moment.",
            ));
        }
        Err(ProofError::Store(error)) => return Err(error.into()),
        Err(error) => {
            tracing::error!(cause = %error, "an evidence file could not be written");
            return Err(Code::Internal.into());
        }
    };
    let name = format!("attachment; filename=\"preuve-{id}.json\"");
    Ok(HttpResponse::Ok()
        .content_type("application/json")
        .insert_header((header::CONTENT_DISPOSITION, name))
        // What is signed is these bytes: nothing on the way may write them anew.
        .insert_header((header::CACHE_CONTROL, "no-store, no-transform"))
        .body(file))
}

/// Somebody who vouches for the log beside its own keys, as the admin API writes it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = AuditVoucher)]
pub(crate) struct VoucherBody {
    /// `witness`, which saw the log, or `timestamp`, which dated it.
    kind: &'static str,
    /// Its name.
    who: String,
    /// Up to which position.
    size: u64,
    /// When, as it says; absent where it never vouched.
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<Timestamp>,
    /// What it says that contradicts the log: `ahead`, `other`, `fork` or `forgot`.
    #[serde(skip_serializing_if = "Option::is_none")]
    conflict: Option<&'static str>,
}

impl VoucherBody {
    /// Writes how a party stands.
    pub(crate) fn new(standing: &Standing) -> Self {
        Self {
            kind: match standing.party {
                Party::Witness(_) => "witness",
                Party::Authority => "timestamp",
            },
            who: name_of(standing),
            size: standing.size,
            at: standing.at,
            conflict: standing.conflict.map(|(conflict, _)| conflict.as_str()),
        }
    }
}

/// Returns what people call somebody who vouches: nothing for an authority that never did.
pub(crate) fn name_of(standing: &Standing) -> String {
    match &standing.party {
        Party::Witness(key) => key.name().to_owned(),
        Party::Authority => standing.name.clone().unwrap_or_default(),
    }
}

/// One event, as an export and the admin API write it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = AuditEvent)]
pub(crate) struct EventBody {
    /// Its place in the log.
    position: i64,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// What happened, as a stable dotted word.
    kind: String,
    /// Who did it.
    actor: String,
    /// What people call them, where they are one of the network's.
    name: Option<String>,
    /// The delivery it concerns.
    #[schema(format = Uuid)]
    delivery_id: Option<String>,
    /// The dossier it concerns.
    #[schema(format = Uuid)]
    dossier_id: Option<String>,
    /// The rest, masked.
    data: serde_json::Value,
}

impl EventBody {
    /// Writes an event with the name of who acted.
    pub(crate) fn new(event: Event, names: &Names) -> Self {
        Self {
            position: event.position,
            at: event.at,
            kind: event.kind,
            name: names.find(&event.actor).map(str::to_owned),
            actor: event.actor,
            delivery_id: event.delivery.map(|id| id.to_string()),
            dossier_id: event.dossier.map(|id| id.to_string()),
            data: event.data,
        }
    }

    fn csv(&self) -> String {
        csv::line(&[
            &self.position.to_string(),
            &self.at.to_string(),
            &self.kind,
            &self.actor,
            self.name.as_deref().unwrap_or_default(),
            self.delivery_id.as_deref().unwrap_or_default(),
            self.dossier_id.as_deref().unwrap_or_default(),
            &self.data.to_string(),
        ])
    }

    fn ndjson(&self) -> String {
        let mut line = serde_json::to_string(self).unwrap_or_default();
        line.push('\n');
        line
    }
}

/// The form of an export.
#[derive(Debug, Clone, Copy)]
enum Form {
    Csv,
    Ndjson,
}

/// Where an export stands.
struct Going {
    desk: Desk,
    tenant: TenantId,
    search: Search,
    names: Names,
    form: Form,
    /// Before which position to go on; nothing at the end.
    before: Option<i64>,
    /// What the file starts with, until it is written.
    heads: Option<String>,
}

/// Hands out all that matches, a part at a time. That it was, is on record.
pub(crate) async fn export(
    desk: &Desk,
    viewer: &Viewer,
    asked: &Asked,
) -> Result<HttpResponse, Refusal> {
    viewer.require(Right::ReadAudit)?;
    let (form, kind) = match asked.format.as_str() {
        "csv" => (Form::Csv, "text/csv; charset=utf-8"),
        "ndjson" => (Form::Ndjson, "application/x-ndjson"),
        _ => {
            return Err(Refusal::invalid(
                "/format",
                "Le format est « csv » ou « ndjson ».",
                "The format is “csv” or “ndjson”.",
            ));
        }
    };
    let tenant = viewer.tenant();
    let mut tx = desk.store.reading().await?;
    let names = Names::of(&mut tx, tenant).await?;
    let search = asked.search(&names)?;
    let head = events::head(&mut tx, tenant).await?;
    drop(tx);
    let filters = Asked {
        before: String::new(),
        ..asked.clone()
    };
    let now = desk.clock.now();
    let exported = NewEvent::new(now, "audit.exported")
        .by(viewer.actor())
        .with(serde_json::json!({ "filters": filters, "up_to": head }));
    let mut tx = desk.store.writing().await?;
    events::append(&mut tx, tenant, &[exported]);
    tx.commit().await?;
    let going = Going {
        desk: desk.clone(),
        tenant,
        search,
        names,
        form,
        before: Some(head.saturating_add(1)),
        heads: matches!(form, Form::Csv).then(|| csv::MARK.to_owned() + &csv::line(&COLUMNS)),
    };
    let name = format!("attachment; filename=\"journal-{tenant}.{}\"", asked.format);
    Ok(HttpResponse::Ok()
        .content_type(kind)
        .insert_header((header::CONTENT_DISPOSITION, name))
        .streaming(stream::try_unfold(going, part)))
}

/// The columns of a table.
const COLUMNS: [&str; 8] = [
    "position",
    "instant",
    "evenement",
    "acteur",
    "nom",
    "livraison",
    "dossier",
    "donnees",
];

/// Writes the next part; nothing after the last.
async fn part(mut going: Going) -> Result<Option<(Bytes, Going)>, Refusal> {
    let Some(before) = going.before else {
        return Ok(None);
    };
    let mut tx = going.desk.store.reading().await?;
    let found = events::search(
        &mut tx,
        going.tenant,
        &going.search,
        Some(before),
        EXPORT_PAGE,
    );
    let found = found.await?;
    drop(tx);
    let mut text = going.heads.take().unwrap_or_default();
    for event in found.events {
        let body = EventBody::new(event, &going.names);
        text.push_str(&match going.form {
            Form::Csv => body.csv(),
            Form::Ndjson => body.ndjson(),
        });
    }
    going.before = found.next;
    Ok(Some((Bytes::from(text), going)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_a_day_in_france() {
        let asked = Asked {
            from: "2026-07-01".to_owned(),
            to: "2026-07-01".to_owned(),
            ..Asked::default()
        };
        let search = asked.search(&Names::default()).unwrap();
        assert_eq!(search.from, "2026-06-30T22:00:00Z".parse().ok());
        assert_eq!(search.until, "2026-07-01T22:00:00Z".parse().ok());
    }

    #[test]
    fn a_page_leaves_out_the_gateways_own_openings_and_its_exports_say_so() {
        let asked = |openings: &str| Asked {
            openings: openings.to_owned(),
            ..Asked::default()
        };
        let search = |asked: &Asked| asked.search(&Names::default());
        let page = asked("").for_people();
        assert!(search(&page).unwrap().without_own_openings);
        let export = page.address("/audit/export", None, "csv");
        assert_eq!(export, "/audit/export?openings=people&format=csv");
        assert_eq!(page.other_openings(), "/audit?openings=all");
        assert!(
            !search(&asked("all").for_people())
                .unwrap()
                .without_own_openings
        );
        // Who asks the API gets the whole log.
        assert!(!search(&asked("")).unwrap().without_own_openings);
        assert!(search(&asked("mine")).is_err());
    }

    #[test]
    fn a_name_stands_for_whoever_bears_it_and_an_actor_for_itself() {
        let names = Names(BTreeMap::from([
            ("person:1".to_owned(), "Ana Diaz".to_owned()),
            ("person:2".to_owned(), "Paul Roy".to_owned()),
        ]));
        let who = |text: &str| {
            let asked = Asked {
                who: text.to_owned(),
                ..Asked::default()
            };
            let search = asked.search(&names).unwrap();
            (search.actor, search.actors)
        };
        assert_eq!(who("diaz"), (None, Some(vec!["person:1".to_owned()])));
        assert_eq!(who("personne"), (None, Some(Vec::new())));
        assert_eq!(who("cli:"), (Some("cli:".to_owned()), None));
    }
}
