//! How the eleven OPCOs do, for a viewer: what is open, what lets calls through, how they answered the
//! network lately, what waits for them.

use std::time::Duration;

use domain::id::TenantId;
use domain::person::Right;
use domain::{Environment, Instance, Opco};
use store::health::{self, Backlog, Call, Whose};
use store::unknown_fields::{self, UnknownField};
use store::windows;

use crate::desk::Desk;
use crate::filter::word;
use crate::gate::before;
use crate::refusal::Refusal;
use crate::viewer::Viewer;
use crate::works::{Health, Open};

/// How far back calls are looked at.
pub(crate) const HOURS: u64 = 6;

/// Which world.
#[derive(Debug, Default, serde::Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    world: String,
}

/// How one OPCO does.
#[derive(Debug)]
pub(crate) struct State {
    /// Whom.
    pub(crate) opco: Opco,
    /// What is open there.
    pub(crate) open: Option<Open>,
    /// Its systems, as this process sees them.
    pub(crate) systems: Vec<Health>,
    /// How it answered.
    pub(crate) calls: Calls,
    /// What waits for it.
    pub(crate) backlog: Option<Backlog>,
    /// What it sends that nobody knows, what came last first.
    pub(crate) unknown: Vec<UnknownField>,
}

/// How an OPCO answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Calls {
    /// How many calls ended.
    pub(crate) count: u64,
    /// To how many it said that there are too many.
    pub(crate) throttled: u64,
    /// How many it refused (4xx).
    pub(crate) refused: u64,
    /// How many it failed itself (5xx).
    pub(crate) failed: u64,
    /// How many got no answer.
    pub(crate) unanswered: u64,
    /// Half took no longer than this, in milliseconds.
    pub(crate) p50_ms: Option<u64>,
    /// All but one in twenty took no longer than this.
    pub(crate) p95_ms: Option<u64>,
}

/// Gathers it, in the order of France compétences' codes.
pub(crate) async fn all(
    desk: &Desk,
    viewer: &Viewer,
    asked: &Asked,
) -> Result<(Environment, Vec<State>), Refusal> {
    let reach = viewer.require(Right::ReadDeliveries)?;
    let world = viewer.world(word(&asked.world, "/world")?);
    let whose = Whose {
        tenant: viewer.tenant(),
        environment: world,
        sites: reach.filter(),
    };
    let since = before(desk.clock.now(), Duration::from_secs(HOURS * 3_600));
    let open = desk.works.open(viewer.tenant(), world).await?;
    let mut tx = desk.store.reading().await?;
    let calls = health::calls(&mut tx, &whose, since).await?;
    let backlog = health::backlog(&mut tx, &whose).await?;
    let unknown = unknown_fields::list(&mut tx, whose.tenant, world).await?;
    drop(tx);
    let systems = health(desk, viewer).await?;
    let state = |opco: Opco| State {
        opco,
        open: open
            .iter()
            .find(|one| one.instance == Instance::first(opco))
            .cloned(),
        systems: systems
            .iter()
            .filter(|one| one.instance.opco == opco && one.environment == world)
            .cloned()
            .collect(),
        calls: Calls::of(calls.iter().filter(|call| call.opco == opco)),
        backlog: backlog.iter().find(|one| one.opco == opco).copied(),
        unknown: unknown
            .iter()
            .filter(|one| one.opco == opco)
            .cloned()
            .collect(),
    };
    Ok((world, Opco::ALL.into_iter().map(state).collect()))
}

/// Returns how each system does, the works that were announced included.
pub(crate) async fn health(desk: &Desk, viewer: &Viewer) -> Result<Vec<Health>, Refusal> {
    let now = desk.clock.now();
    let mut tx = desk.store.reading().await?;
    let mut works = windows::ahead(&mut tx, TenantId::PLATFORM, now).await?;
    works.extend(windows::ahead(&mut tx, viewer.tenant(), now).await?);
    let mut systems = desk.works.health();
    for system in &mut systems {
        let which = (system.instance, system.environment);
        system.closed_until = windows::closed_until(works.iter(), which, now);
    }
    Ok(systems)
}

impl Calls {
    fn of<'a>(calls: impl Iterator<Item = &'a Call>) -> Self {
        let mut found = Self::default();
        let mut took = Vec::new();
        for call in calls {
            found.count += 1;
            match call.http_status {
                Some(429) => found.throttled += 1,
                Some(500..) => found.failed += 1,
                Some(400..) => found.refused += 1,
                None if call.unanswered => found.unanswered += 1,
                _ => {}
            }
            took.extend(call.duration_ms);
        }
        took.sort_unstable();
        found.p50_ms = percentile(&took, 50);
        found.p95_ms = percentile(&took, 95);
        found
    }
}

/// Returns the least value that so many in a hundred do not exceed.
fn percentile(sorted: &[u64], of_100: usize) -> Option<u64> {
    let place = sorted.len().saturating_mul(of_100).div_ceil(100);
    sorted.get(place.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_value_that_was_seen() {
        let took: Vec<u64> = (1..=100).collect();
        assert_eq!(percentile(&took, 50), Some(50));
        assert_eq!(percentile(&took, 95), Some(95));
        assert_eq!(percentile(&[7], 95), Some(7));
        assert_eq!(percentile(&[], 50), None);
    }

    #[test]
    fn an_answer_counts_once_as_what_it_is() {
        let call = |status: Option<u16>| Call {
            opco: Opco::Akto,
            http_status: status,
            unanswered: status.is_none(),
            duration_ms: status.map(u64::from),
        };
        let taken = Call {
            unanswered: false,
            ..call(None)
        };
        let calls = [Some(403), Some(429), Some(503), None].map(call);
        let found = Calls::of(calls.iter().chain([&taken]));
        assert_eq!(
            (
                found.count,
                found.throttled,
                found.refused,
                found.failed,
                found.unanswered
            ),
            (5, 1, 1, 1, 1)
        );
        assert_eq!(found.p50_ms, Some(429));
    }
}
