//! How many payloads a site, or a whole network, may hand in, in a minute and in a day of France: a person of
//! the network says so, and what the store holds is counted.
//!
//! What other replicas took shows here within a few seconds; what this process took counts at once.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use domain::calendar::{day_in_france, start_of_day_in_france};
use domain::id::TenantId;
use domain::person::Language;
use domain::{Environment, Siret, Timestamp};
use store::StoreError;
use store::ceilings::{self, Ceiling};

use crate::app::App;
use crate::view::View;

/// How long what was counted is believed, in real time.
const FRESH: Duration = Duration::from_secs(5);
/// A minute, in milliseconds.
const MINUTE_MS: i64 = 60_000;
/// Past this many counts, those of a time that is over are forgotten.
const COUNTS_MAX: usize = 10_000;

/// Over what time is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Span {
    Minute,
    Day,
}

/// What is counted: a site's, or the whole network's when none is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Slot {
    tenant: TenantId,
    environment: Environment,
    site: Option<Siret>,
    span: Span,
}

/// What was counted in the time that runs.
#[derive(Debug, Clone, Copy)]
struct Counted {
    starts_at: Timestamp,
    read_at: Instant,
    /// What the store held when it was read.
    stored: u64,
    /// What this process took since.
    since: u64,
    /// What it is taking: neither kept nor refused yet.
    entered: u64,
}

/// The counts of this process.
#[derive(Debug, Default)]
pub(crate) struct Ceilings(Mutex<HashMap<Slot, Counted>>);

/// What a payload would go beyond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reached {
    /// The site; the whole network when absent.
    pub(crate) site: Option<Siret>,
    /// Whether in a minute or in a day.
    span: Span,
    /// How many may be handed in.
    most: u32,
    /// How long until it begins anew, in seconds.
    pub(crate) wait_s: u64,
}

/// A payload that is being taken in: counted until it is known whether it was.
#[derive(Debug)]
pub(crate) struct Entered<'a> {
    ceilings: &'a Ceilings,
    slots: Vec<Slot>,
    kept: bool,
}

impl Span {
    /// Returns when the time that runs began, and when it ends.
    fn around(self, now: Timestamp) -> (Timestamp, Timestamp) {
        match self {
            Self::Minute => {
                let ms = now.as_millisecond();
                let began = ms - ms.rem_euclid(MINUTE_MS);
                let at = |ms| Timestamp::from_millisecond(ms).unwrap_or(now);
                (at(began), at(began + MINUTE_MS))
            }
            Self::Day => {
                let today = day_in_france(now);
                let next = today.tomorrow().unwrap_or(today);
                (start_of_day_in_france(today), start_of_day_in_france(next))
            }
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Day => "day",
        }
    }
}

impl Reached {
    /// Returns what is said of it, in French.
    pub(crate) fn said(&self) -> String {
        let whose = match &self.site {
            Some(site) => format!("Le site {site} a atteint son plafond"),
            None => "Le réseau a atteint son plafond".to_owned(),
        };
        let per = match self.span {
            Span::Minute => "minute",
            Span::Day => "jour",
        };
        let most = Language::Fr.counted(self.most, "envoi", "envois");
        format!("{whose} : {most} par {per}. Rien n'a été enregistré de celui-ci.")
    }

    /// Returns whose it is and over what time, as stable words.
    pub(crate) fn labels(&self) -> (&'static str, &'static str) {
        let of = if self.site.is_some() {
            "site"
        } else {
            "network"
        };
        (of, self.span.as_str())
    }
}

impl Ceilings {
    fn counts(&self) -> MutexGuard<'_, HashMap<Slot, Counted>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a payload in under every ceiling of its site and network, or says which one it would go beyond.
    pub(crate) async fn enter<'a>(
        &'a self,
        app: &App,
        (tenant, environment, site): (TenantId, Environment, Siret),
        view: &View,
        now: Timestamp,
    ) -> Result<Result<Entered<'a>, Reached>, StoreError> {
        let mut entered = Entered {
            ceilings: self,
            slots: Vec::new(),
            kept: false,
        };
        let bounds = [
            (None, view.network.ceiling.as_ref()),
            (Some(site), view.site.ceiling.as_ref()),
        ];
        for (site, ceiling) in bounds {
            for (span, most) in spans(ceiling) {
                let slot = Slot {
                    tenant,
                    environment,
                    site,
                    span,
                };
                if let Some(since) = self.stale(slot, now) {
                    let mut tx = app.store.reading().await?;
                    let place = (tenant, environment);
                    let stored =
                        ceilings::accepted(&mut tx, place, site.as_ref(), since, most).await?;
                    drop(tx);
                    self.counted(slot, since, stored);
                }
                if !self.take(slot, most, now) {
                    let (_, ends_at) = span.around(now);
                    let left_ms = ends_at
                        .as_millisecond()
                        .saturating_sub(now.as_millisecond());
                    return Ok(Err(Reached {
                        site,
                        span,
                        most,
                        wait_s: u64::try_from(left_ms)
                            .unwrap_or_default()
                            .div_ceil(1_000)
                            .max(1),
                    }));
                }
                entered.slots.push(slot);
            }
        }
        Ok(Ok(entered))
    }

    /// Returns from when on the store is to be asked, if what was counted is too old; who is told so asks,
    /// and nobody else meanwhile.
    fn stale(&self, slot: Slot, now: Timestamp) -> Option<Timestamp> {
        let (starts_at, _) = slot.span.around(now);
        let mut counts = self.counts();
        if counts.len() >= COUNTS_MAX {
            counts.retain(|slot, counted| {
                counted.entered > 0 || counted.starts_at == slot.span.around(now).0
            });
        }
        let fresh = Counted {
            starts_at,
            read_at: Instant::now(),
            stored: 0,
            since: 0,
            entered: 0,
        };
        match counts.get_mut(&slot) {
            Some(counted) if counted.starts_at == starts_at => {
                let old = counted.read_at.elapsed() >= FRESH;
                if old {
                    counted.read_at = Instant::now();
                }
                old.then_some(starts_at)
            }
            Some(counted) => {
                let entered = counted.entered;
                *counted = Counted { entered, ..fresh };
                Some(starts_at)
            }
            None => {
                counts.insert(slot, fresh);
                Some(starts_at)
            }
        }
    }

    /// Keeps what the store holds, unless another time began meanwhile.
    fn counted(&self, slot: Slot, since: Timestamp, stored: u64) {
        if let Some(counted) = self.counts().get_mut(&slot)
            && counted.starts_at == since
        {
            counted.stored = stored;
            counted.since = 0;
        }
    }

    /// Counts one payload in, if there is room.
    fn take(&self, slot: Slot, most: u32, now: Timestamp) -> bool {
        let mut counts = self.counts();
        let Some(counted) = counts.get_mut(&slot) else {
            return true;
        };
        let in_time = counted.starts_at == slot.span.around(now).0;
        let used = counted
            .stored
            .saturating_add(counted.since)
            .saturating_add(counted.entered);
        if in_time && used >= u64::from(most) {
            return false;
        }
        counted.entered = counted.entered.saturating_add(1);
        true
    }
}

impl Entered<'_> {
    /// Says that the payload was kept: it counts from now on.
    pub(crate) fn kept(mut self) {
        self.kept = true;
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        let mut counts = self.ceilings.counts();
        for slot in &self.slots {
            if let Some(counted) = counts.get_mut(slot) {
                counted.entered = counted.entered.saturating_sub(1);
                counted.since = counted.since.saturating_add(u64::from(self.kept));
            }
        }
    }
}

/// Returns over what times a ceiling bounds, and to how many.
fn spans(ceiling: Option<&Ceiling>) -> impl Iterator<Item = (Span, u32)> {
    let bound = |span, most: Option<u32>| most.map(|most| (span, most));
    let minute = ceiling.and_then(|ceiling| bound(Span::Minute, ceiling.per_minute));
    let day = ceiling.and_then(|ceiling| bound(Span::Day, ceiling.per_day));
    minute.into_iter().chain(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn slot(span: Span) -> Slot {
        Slot {
            tenant: TenantId::new(at("2026-09-02T08:00:00Z")),
            environment: Environment::Test,
            site: None,
            span,
        }
    }

    #[test]
    fn a_day_is_a_day_of_france_and_a_minute_one_of_the_clock() {
        let now = at("2026-09-02T22:30:20Z");
        let (began, ends) = Span::Minute.around(now);
        assert_eq!(
            (began, ends),
            (at("2026-09-02T22:30:00Z"), at("2026-09-02T22:31:00Z"))
        );
        let (began, ends) = Span::Day.around(now);
        assert_eq!(
            (began, ends),
            (at("2026-09-02T22:00:00Z"), at("2026-09-03T22:00:00Z"))
        );
    }

    #[test]
    fn what_is_being_taken_counts_and_what_was_not_kept_does_not() {
        let ceilings = Ceilings::default();
        let (slot, now) = (slot(Span::Minute), at("2026-09-02T08:00:10Z"));
        let enter = || {
            let slots = vec![slot];
            ceilings.take(slot, 2, now).then(|| Entered {
                ceilings: &ceilings,
                slots,
                kept: false,
            })
        };
        assert!(
            ceilings.stale(slot, now).is_some(),
            "the store is asked first"
        );
        assert!(ceilings.stale(slot, now).is_none(), "once");
        let (one, two) = (enter().unwrap(), enter().unwrap());
        assert!(enter().is_none());
        drop(one);
        two.kept();
        let three = enter().unwrap();
        assert!(enter().is_none());
        three.kept();
        assert!(enter().is_none());
        let later = at("2026-09-02T08:01:00Z");
        assert_eq!(ceilings.stale(slot, later), Some(later), "another minute");
        assert!(ceilings.take(slot, 2, later));
    }

    #[test]
    fn what_the_store_holds_counts_with_what_is_on_its_way_in() {
        let ceilings = Ceilings::default();
        let (slot, now) = (slot(Span::Day), at("2026-09-02T08:00:10Z"));
        let since = ceilings.stale(slot, now).unwrap();
        assert!(ceilings.take(slot, 5, now));
        ceilings.counted(slot, since, 4);
        assert!(!ceilings.take(slot, 5, now), "four there, one entering");
        ceilings.counted(slot, at("2026-09-01T22:00:01Z"), 0);
        assert!(
            !ceilings.take(slot, 5, now),
            "a count of another time is passed over"
        );
    }
}
