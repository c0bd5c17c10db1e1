//! Sharing a limit through Redis: each replica leases a small share at a time, so that a call
//! seldom costs a round trip.
//!
//! The clock is Redis's own. A key that Redis does not know starts with nothing in it: a restarted
//! Redis gives no fresh burst.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::system::System;
use domain::clock::{Clock, Timestamp};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};

use super::Limit;
use super::lease::Keeper;
use crate::pause;

/// A share not used within this time is thrown away.
const SHARE_LIFE: Duration = Duration::from_millis(200);

/// How long Redis is left alone after it failed.
const REST: Duration = Duration::from_secs(1);

/// How long Redis may take to answer, a new connection included. A call that waits for its turn has
/// a lease that runs meanwhile.
const ANSWER_WITHIN: Duration = Duration::from_millis(500);

/// How often the leases of other replicas are looked at; see `lease::SETTLE`.
const LOOK_AT_LEASES: Duration = Duration::from_secs(1);

/// Takes up to `ARGV[3]` turns. Arguments: interval in µs, burst, turns wanted, 1 to start empty.
/// Answers the turns granted and, when none, the µs to wait.
const SCRIPT: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, burst, want = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local tat = tonumber(redis.call('GET', KEYS[1]) or '')
if not tat or ARGV[4] == '1' then
  tat = math.max(tat or 0, now + burst * interval)
end
if tat < now then tat = now end
local have = math.floor((now + burst * interval - tat) / interval)
local take = math.max(0, math.min(have, want))
tat = tat + take * interval
redis.call('SET', KEYS[1], string.format('%.0f', tat), 'PX', 3600000 + math.ceil((tat - now) / 1000))
if take > 0 then return {take, 0} end
return {0, math.ceil(tat + interval - burst * interval - now)}
";

/// Gives nobody a turn for a while. Arguments: interval in µs, burst, the while in µs.
const HUSH: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, burst, span = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local tat = tonumber(redis.call('GET', KEYS[1]) or '') or 0
tat = math.max(tat, now + span + (burst - 1) * interval)
redis.call('SET', KEYS[1], string.format('%.0f', tat), 'PX', 3600000 + math.ceil((tat - now) / 1000))
";

/// What came of asking for a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Share {
    /// Send now.
    Granted,
    /// Not before this instant.
    Later(Timestamp),
    /// Redis does not answer.
    Away,
}

/// The shares this replica holds.
pub(crate) struct Shared {
    client: redis::Client,
    connection: tokio::sync::OnceCell<ConnectionManager>,
    script: redis::Script,
    hush: redis::Script,
    leases: Option<Arc<Keeper>>,
    pots: Mutex<HashMap<System, Pot>>,
    away_until: Mutex<Option<Instant>>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Pot {
    turns: u32,
    until: Option<Instant>,
    /// The first share after Redis was away starts empty.
    started: bool,
    leases_seen: Option<Instant>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl Shared {
    /// Draws from the limits kept by a Redis server; `leases` tells whether another replica, cut
    /// off from Redis, calls under a lease. The server may be away at the start.
    pub(crate) fn new(client: redis::Client, leases: Option<Arc<Keeper>>) -> Self {
        Self {
            client,
            connection: tokio::sync::OnceCell::new(),
            script: redis::Script::new(SCRIPT),
            hush: redis::Script::new(HUSH),
            leases,
            pots: Mutex::default(),
            away_until: Mutex::default(),
        }
    }

    /// Takes one turn at a system.
    pub(super) async fn take(&self, system: System, limit: &Limit, clock: &dyn Clock) -> Share {
        let now = Instant::now();
        if self
            .away_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some_and(|at| at > now)
        {
            return Share::Away;
        }
        let pot = self.pot(system);
        if pot
            .leases_seen
            .is_none_or(|seen| now.duration_since(seen) > LOOK_AT_LEASES)
            && let Some(leases) = &self.leases
        {
            if leases.held_by_another(system, clock.now()).await {
                // Whatever is in hand dates from before the other replica took over.
                self.put(system, Pot::default());
                return Share::Later(pause::later(clock.now(), LOOK_AT_LEASES));
            }
            self.change(system, |pot| pot.leases_seen = Some(now));
        }
        if self.spend(system, now) {
            return Share::Granted;
        }
        self.draw(system, limit, pot.started, clock).await
    }

    async fn draw(&self, system: System, limit: &Limit, started: bool, clock: &dyn Clock) -> Share {
        let (want, burst) = portions(limit);
        let answer = self.ask(system, limit, (want, burst), started).await;
        match answer {
            Ok((0, wait_us)) => {
                self.change(system, |pot| pot.started = true);
                let pause = Duration::from_micros(wait_us).max(Duration::from_millis(1));
                Share::Later(pause::later(clock.now(), pause))
            }
            Ok((granted, _)) => {
                let until = Instant::now() + SHARE_LIFE;
                self.change(system, |pot| {
                    pot.started = true;
                    // A neighbour may have drawn meanwhile: shares add up while both live.
                    pot.turns = pot.turns.saturating_add(granted.saturating_sub(1));
                    pot.until = Some(until);
                });
                Share::Granted
            }
            Err(error) => {
                self.gone(&error);
                Share::Away
            }
        }
    }

    /// Leaves Redis alone for a while, and trusts nothing that was drawn from it.
    fn gone(&self, error: &redis::RedisError) {
        let now = Instant::now();
        let mut away = self
            .away_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if away.is_none_or(|until| until <= now) {
            // Every call that was waiting for an answer comes here: one line tells it.
            tracing::warn!(error = %error, "redis does not answer; limits go by lease");
        }
        *away = Some(now + REST);
        drop(away);
        self.pots
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    async fn ask(
        &self,
        system: System,
        limit: &Limit,
        (want, burst): (u32, u32),
        started: bool,
    ) -> redis::RedisResult<(u32, u64)> {
        let mut call = self.script.key(key(system));
        call.arg(micros(limit.interval).max(1))
            .arg(burst)
            .arg(want)
            .arg(u8::from(!started));
        self.answer(&call).await
    }

    /// Lets nobody who draws from this Redis have a turn for a while. A share already drawn lives
    /// for [`SHARE_LIFE`] more.
    pub(super) async fn silence(&self, system: System, limit: &Limit, span: Duration) {
        let mut call = self.hush.key(key(system));
        call.arg(micros(limit.interval).max(1))
            .arg(portions(limit).1)
            .arg(micros(span));
        if let Err(error) = self.answer::<()>(&call).await {
            self.gone(&error);
        }
    }

    async fn answer<T: redis::FromRedisValue>(
        &self,
        call: &redis::ScriptInvocation<'_>,
    ) -> redis::RedisResult<T> {
        let asked = async {
            let connection = self
                .connection
                .get_or_try_init(|| {
                    // The manager's own patience (seconds of retries) would outlast a lease.
                    let config = ConnectionManagerConfig::new()
                        .set_number_of_retries(0)
                        .set_connection_timeout(Some(ANSWER_WITHIN))
                        .set_response_timeout(Some(ANSWER_WITHIN));
                    ConnectionManager::new_with_config(self.client.clone(), config)
                })
                .await?;
            call.invoke_async(&mut connection.clone()).await
        };
        tokio::time::timeout(ANSWER_WITHIN, asked)
            .await
            .unwrap_or_else(|_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()))
    }

    /// Uses up one turn in hand, if one is left and still good.
    fn spend(&self, system: System, now: Instant) -> bool {
        let mut pots = self.pots.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(pot) = pots.get_mut(&system) else {
            return false;
        };
        if pot.until.is_none_or(|until| until < now) {
            pot.turns = 0;
        }
        let spent = pot.turns > 0;
        pot.turns = pot.turns.saturating_sub(1);
        spent
    }

    fn pot(&self, system: System) -> Pot {
        let pots = self.pots.lock().unwrap_or_else(PoisonError::into_inner);
        pots.get(&system).copied().unwrap_or_default()
    }

    fn put(&self, system: System, pot: Pot) {
        self.pots
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(system, pot);
    }

    fn change(&self, system: System, with: impl FnOnce(&mut Pot)) {
        let mut pots = self.pots.lock().unwrap_or_else(PoisonError::into_inner);
        with(pots.entry(system).or_default());
    }
}

fn key(system: System) -> String {
    format!("cfa-gateway:limit:{{{system}}}")
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

/// Returns how many turns to lease at once and the burst Redis must keep to.
///
/// A leased turn may be used up to [`SHARE_LIFE`] after it was granted, so as many turns as come
/// back in that time are taken off the burst. Where the burst is too small for that, turns are
/// leased one by one and used at once.
fn portions(limit: &Limit) -> (u32, u32) {
    let interval = limit.interval.max(Duration::from_nanos(1));
    let late =
        u32::try_from(SHARE_LIFE.as_nanos().div_ceil(interval.as_nanos())).unwrap_or(u32::MAX);
    if late > 1 && late < limit.burst {
        (late, limit.burst - late)
    } else {
        (1, limit.burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(per_second: u32, burst: u32) -> Limit {
        Limit {
            interval: Duration::from_secs(1) / per_second,
            burst,
            in_flight: 4,
            key_interval: Duration::ZERO,
            key_burst: 1,
        }
    }

    #[test]
    fn slow_limits_are_leased_one_by_one() {
        assert_eq!(portions(&limit(2, 2)), (1, 2));
    }

    #[test]
    fn fast_limits_give_up_what_a_late_share_could_add() {
        assert_eq!(portions(&limit(100, 200)), (20, 180));
    }

    #[test]
    fn a_burst_too_small_to_give_up_anything_is_leased_one_by_one() {
        assert_eq!(portions(&limit(1000, 10)), (1, 10));
    }
}
