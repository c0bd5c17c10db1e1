//! What a person must know in the morning, counted: one reading for the page and for programs.

use std::collections::BTreeMap;

use domain::calendar::{day_in_france, start_of_day_in_france};
use domain::person::Right;
use domain::{Environment, Opco, Status, Timestamp};
use jiff::ToSpan as _;
use jiff::civil::Date;
use store::deliveries::{self, Count, Hour, Scope};
use store::keys::{CfaKey, validity};

use crate::books::Blocked;
use crate::causes::{self, Who};
use crate::desk::Desk;
use crate::money;
use crate::opcos;
use crate::pages::chart::Day;
use crate::refusal::Refusal;
use crate::viewer::Viewer;
use crate::works::Health;

/// How many days the chart shows.
const DAYS: i64 = 14;
/// How long before its end a key is told.
const KEY_DAYS: i64 = 60;

/// Everything of one world.
#[derive(Debug)]
pub(crate) struct Board {
    /// Why deliveries are not at their OPCO, those a person must act on first.
    pub(crate) lines: Vec<Line>,
    /// What became of what was handed in lately.
    pub(crate) days: Vec<Day>,
    /// The keys that end soon; nothing when the person may not see keys.
    pub(crate) keys: Option<Vec<CfaKey>>,
    /// The invoices that no OPCO has; nothing when the person may not see money.
    pub(crate) blocked: Option<Blocked>,
    /// The OPCOs that do not answer as they should.
    pub(crate) unwell: Vec<Health>,
    /// How many do.
    pub(crate) well: usize,
    /// Since when what was refused or given up is counted.
    pub(crate) since: Date,
}

/// Deliveries that stand at the same place for the same reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// Where they stand.
    pub(crate) status: Status,
    /// Why, by its stable word.
    pub(crate) reason: Option<String>,
    /// Who must act.
    pub(crate) who: Who,
    /// How many.
    pub(crate) count: u64,
    /// When the oldest was handed in.
    pub(crate) oldest: Timestamp,
    /// When the gateway next acts on one of them by itself.
    pub(crate) due: Option<Timestamp>,
    /// How many at which OPCO.
    pub(crate) opcos: BTreeMap<Option<Opco>, u64>,
}

/// Reads it.
pub(crate) async fn read(
    desk: &Desk,
    viewer: &Viewer,
    world: Environment,
) -> Result<Board, Refusal> {
    let now = desk.clock.now();
    let today = day_in_france(now);
    let scope = Scope {
        tenant: viewer.tenant(),
        environment: world,
        sites: viewer.require(Right::ReadDeliveries)?.filter(),
    };
    let first = today.saturating_sub((DAYS - 1).days());
    let since = causes::since(now);
    let mut tx = desk.store.reading().await?;
    let counts = deliveries::standing(&mut tx, &scope, since).await?;
    let hours = deliveries::by_hour(&mut tx, &scope, start_of_day_in_france(first)).await?;
    let keys = match viewer.reach(Right::ReadKeys) {
        None => None,
        Some(reach) => {
            let until = today.saturating_add(KEY_DAYS.days());
            let mut keys = validity::ending_by(&mut tx, viewer.tenant(), until).await?;
            keys.retain(|key| key.environment == world && reach.covers(&key.siret_cfa));
            Some(keys)
        }
    };
    drop(tx);
    let health = opcos::health(desk, viewer).await?;
    let here = health.into_iter().filter(|one| one.environment == world);
    let (well, unwell): (Vec<Health>, Vec<Health>) = here.partition(Health::is_well);
    Ok(Board {
        lines: lines(counts),
        days: by_day(&hours, first, today),
        keys,
        blocked: money::blocked(desk, viewer, world).await?,
        unwell,
        well: well.len(),
        since: day_in_france(since),
    })
}

/// Puts the counts of all OPCOs together; who must act comes first, then who waits longest.
fn lines(counts: Vec<Count>) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for count in counts {
        let same = |line: &&mut Line| line.status == count.status && line.reason == count.reason;
        match lines.iter_mut().find(same) {
            Some(line) => {
                line.count = line.count.saturating_add(count.count);
                line.oldest = line.oldest.min(count.oldest);
                line.due = line.due.into_iter().chain(count.due).min();
                line.opcos.insert(count.opco, count.count);
            }
            None => lines.push(Line {
                who: Who::of(count.status, count.reason.as_deref()),
                status: count.status,
                reason: count.reason,
                count: count.count,
                oldest: count.oldest,
                due: count.due,
                opcos: BTreeMap::from([(count.opco, count.count)]),
            }),
        }
    }
    lines.sort_by_key(|line| (line.who, line.oldest));
    lines
}

fn by_day(hours: &[Hour], first: Date, last: Date) -> Vec<Day> {
    let mut days: Vec<Day> = first
        .series(1.day())
        .take_while(|day| *day <= last)
        .map(|day| Day {
            date: day,
            delivered: 0,
            refused: 0,
            other: 0,
        })
        .collect();
    for hour in hours {
        let day = day_in_france(hour.starts_at);
        if let Some(found) = days.iter_mut().find(|one| one.date == day) {
            let part = match hour.status {
                Status::Delivered => &mut found.delivered,
                Status::Rejected => &mut found.refused,
                _ => &mut found.other,
            };
            *part = part.saturating_add(hour.count);
        }
    }
    days
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_belongs_to_its_day_in_france() {
        let day = |number| jiff::civil::date(2026, 9, number);
        let hour = |text: &str, status| Hour {
            starts_at: text.parse().unwrap(),
            status,
            count: 3,
        };
        let hours = [
            hour("2026-09-01T22:00:00Z", Status::Delivered),
            hour("2026-09-01T21:00:00Z", Status::Rejected),
            hour("2026-09-02T21:00:00Z", Status::Held),
        ];
        let days = by_day(&hours, day(1), day(2));
        assert_eq!(days.len(), 2);
        assert_eq!((days[0].refused, days[0].delivered), (3, 0));
        assert_eq!((days[1].delivered, days[1].other), (3, 3));
    }

    #[test]
    fn what_a_person_must_mend_comes_before_what_goes_by_itself() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let count = |status, reason: &str, opco, oldest| Count {
            status,
            reason: Some(reason.to_owned()),
            opco,
            count: 2,
            oldest: at(oldest),
            due: None,
        };
        let lines = lines(vec![
            count(
                Status::Waiting,
                "retry",
                Some(Opco::Atlas),
                "2026-08-01T00:00:00Z",
            ),
            count(
                Status::Held,
                "no_key",
                Some(Opco::Atlas),
                "2026-09-01T00:00:00Z",
            ),
            count(
                Status::Held,
                "no_key",
                Some(Opco::Afdas),
                "2026-08-30T00:00:00Z",
            ),
        ]);
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].who, Who::Network);
        assert_eq!(lines[0].count, 4);
        assert_eq!(lines[0].oldest, at("2026-08-30T00:00:00Z"));
    }
}
