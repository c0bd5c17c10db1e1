//! Which deliveries a person asked for: the filters of an address, cut to the sites the person reaches.

use domain::calendar::start_of_day_in_france;
use domain::id::{DeliveryId, TenantId};
use domain::{Environment, Siret, Timestamp};
use jiff::ToSpan as _;
use jiff::civil::Date;
use serde::{Serialize, Serializer};
use store::deliveries::{self, Filter, Page, Scope};
use store::{Delivery, StoreError, Tx};

use crate::causes;
use crate::filter::{self, word};
use crate::refusal::Refusal;
use crate::viewer::{Reach, Viewer};

/// The most that is counted one by one: beyond it, "more than".
const COUNTED_MAX: u32 = 20_000;

/// The names of the filters, as an address writes them.
const NAMES: [&str; 12] = [
    "world", "status", "reason", "kind", "opco", "site", "since", "until", "text", "cause",
    "columns", "after",
];

/// The filters, as the address holds them. A field left empty does not restrict.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Asked {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) world: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) status: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) reason: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) kind: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) opco: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) site: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) since: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) until: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) text: String,
    /// One cause of "To fix", by its key; it takes the place of the other filters.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) cause: String,
    /// Which columns, by their words; empty, the usual ones.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "joined")]
    pub(crate) columns: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) after: String,
}

/// Columns in an address: words joined by commas.
fn joined<S: Serializer>(words: &[String], to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&words.join(","))
}

impl Asked {
    /// Reads an address. What it does not know is passed over: an old link still opens.
    pub(crate) fn read(query: &str) -> Self {
        let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query).unwrap_or_default();
        let mut asked = Self::default();
        for (name, value) in pairs {
            let place = match name.as_str() {
                "world" => &mut asked.world,
                "status" => &mut asked.status,
                "reason" => &mut asked.reason,
                "kind" => &mut asked.kind,
                "opco" => &mut asked.opco,
                "site" => &mut asked.site,
                "since" => &mut asked.since,
                "until" => &mut asked.until,
                "text" => &mut asked.text,
                "cause" => &mut asked.cause,
                "after" => &mut asked.after,
                "columns" => {
                    let words = value.split(',').filter(|word| !word.is_empty());
                    asked.columns.extend(words.map(str::to_owned));
                    continue;
                }
                _ => continue,
            };
            *place = value;
        }
        asked
    }

    /// Reads the address of what is to be acted upon, or kept. What it does not know is refused: passed over, it
    /// would have more deliveries acted upon than were meant.
    pub(crate) fn read_all(query: &str) -> Result<Self, Refusal> {
        filter::only(query, &NAMES, &["columns"]).map_err(|refusal| refusal.at("/query"))?;
        Ok(Self::read(query))
    }

    /// Returns the filters as the part of an address behind `?`, without a place in the list.
    pub(crate) fn query(&self) -> String {
        let whole = Self {
            after: String::new(),
            ..self.clone()
        };
        serde_urlencoded::to_string(whole).unwrap_or_default()
    }

    /// Returns the address of what follows a delivery.
    pub(crate) fn following(&self, last: DeliveryId) -> String {
        let next = Self {
            after: last.to_string(),
            ..self.clone()
        };
        let query = serde_urlencoded::to_string(next).unwrap_or_default();
        format!("/deliveries?{query}")
    }

    /// Returns which world it is about.
    pub(crate) fn world(&self, viewer: &Viewer) -> Environment {
        viewer.world(self.world.parse().ok())
    }

    /// Returns what it names, within what a right reaches.
    pub(crate) fn picked(&self, viewer: &Viewer, reach: &Reach) -> Result<Picked, Refusal> {
        let filled = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let world = self.world(viewer);
        let sites = reach.filter_with(word(&self.site, "/site")?);
        let since: Option<Date> = word(&self.since, "/since")?;
        let until: Option<Date> = word(&self.until, "/until")?;
        let until = until.and_then(|day| day.checked_add(1.day()).ok());
        let filter = Filter {
            environment: Some(world),
            status: word(&self.status, "/status")?,
            reason: filled(&self.reason),
            kind: word(&self.kind, "/kind")?,
            opco: word(&self.opco, "/opco")?,
            sites: sites.clone(),
            since: since.map(start_of_day_in_france),
            until: until.map(start_of_day_in_france),
            text: filled(self.text.trim()),
        };
        Ok(Picked {
            tenant: viewer.tenant(),
            environment: world,
            sites,
            filter,
            cause: filled(&self.cause),
        })
    }
}

/// The deliveries meant.
#[derive(Debug, Clone)]
pub(crate) struct Picked {
    tenant: TenantId,
    environment: Environment,
    sites: Option<Vec<Siret>>,
    filter: Filter,
    cause: Option<String>,
}

/// How many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counted {
    /// So many.
    pub(crate) count: u64,
    /// And more, which were not counted.
    pub(crate) more: bool,
}

impl Picked {
    /// Counts them.
    pub(crate) async fn count(&self, tx: &mut Tx, now: Timestamp) -> Result<Counted, StoreError> {
        let (count, most) = match &self.cause {
            Some(key) => (
                u64::try_from(self.of_cause(tx, key, now).await?.len()).unwrap_or(u64::MAX),
                u64::MAX,
            ),
            None => (
                deliveries::count(tx, self.tenant, &self.filter, COUNTED_MAX).await?,
                u64::from(COUNTED_MAX),
            ),
        };
        Ok(Counted {
            count: count.min(most),
            more: count > most,
        })
    }

    /// Reads a page of them, the newest first.
    pub(crate) async fn page(
        &self,
        tx: &mut Tx,
        from: Page,
        now: Timestamp,
    ) -> Result<Vec<Delivery>, StoreError> {
        let Some(key) = &self.cause else {
            return deliveries::list(tx, self.tenant, &self.filter, from).await;
        };
        let ids = self.of_cause(tx, key, now).await?;
        let ids = ids
            .into_iter()
            .filter(|id| from.after.is_none_or(|after| *id < after));
        let most = usize::try_from(from.limit).unwrap_or(usize::MAX);
        let mut found = Vec::new();
        for id in ids.take(most) {
            found.extend(deliveries::find(tx, self.tenant, id).await?);
        }
        Ok(found)
    }

    /// Reads them all, the newest first; nothing when there are more than `most`.
    pub(crate) async fn all(
        &self,
        tx: &mut Tx,
        most: usize,
        now: Timestamp,
    ) -> Result<Option<Vec<Delivery>>, StoreError> {
        let mut all = Vec::new();
        if let Some(key) = &self.cause {
            let ids = self.of_cause(tx, key, now).await?;
            if ids.len() > most {
                return Ok(None);
            }
            for id in ids {
                all.extend(deliveries::find(tx, self.tenant, id).await?);
            }
            return Ok(Some(all));
        }
        loop {
            let from = Page {
                after: all.last().map(|last: &Delivery| last.id),
                limit: deliveries::MAX_PAGE,
            };
            let found = deliveries::list(tx, self.tenant, &self.filter, from).await?;
            let full = found.len() >= usize::try_from(deliveries::MAX_PAGE).unwrap_or(usize::MAX);
            all.extend(found);
            if all.len() > most {
                return Ok(None);
            }
            if !full {
                return Ok(Some(all));
            }
        }
    }

    async fn of_cause(
        &self,
        tx: &mut Tx,
        key: &str,
        now: Timestamp,
    ) -> Result<Vec<DeliveryId>, StoreError> {
        let scope = Scope {
            tenant: self.tenant,
            environment: self.environment,
            sites: self.sites.clone(),
        };
        let causes = causes::read(tx, &scope, now).await?;
        let found = causes.into_iter().find(|cause| cause.kept.key() == key);
        Ok(found.map(|cause| cause.deliveries).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_asked_for_is_not_in_the_address() {
        let asked = Asked::read("status=held&text=&columns=kind,opco&columns=site&other=1");
        assert_eq!(asked.columns, ["kind", "opco", "site"]);
        assert_eq!(asked.query(), "status=held&columns=kind%2Copco%2Csite");
    }

    #[test]
    fn what_is_acted_upon_is_no_more_than_was_named() {
        assert!(Asked::read_all("bogus=1").is_err() && Asked::read_all("?status=held").is_err());
        // Every name there is, is one the reader knows.
        for name in NAMES {
            let query = format!("{name}=x");
            let asked = Asked::read_all(&query).unwrap();
            assert_ne!(asked, Asked::default(), "{name}");
        }
    }
}
