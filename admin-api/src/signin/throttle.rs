//! What slows down who guesses: longer and longer pauses for an account, a budget for an address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Mutex;
use std::time::Duration;

use domain::Timestamp;

use super::carried::after;

/// How many wrong answers are free.
const FREE: u32 = 5;
/// The first pause, which doubles with each wrong answer.
const FIRST_PAUSE: Duration = Duration::from_mins(1);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);
/// How many wrong answers may come from one address in a window, whatever accounts they name.
const PER_ADDRESS: u32 = 30;
/// How long an address is counted.
const WINDOW: Duration = Duration::from_mins(10);
/// How many names are remembered; beyond, the oldest are forgotten.
const NAMES_MAX: usize = 10_000;

/// Returns how long nothing is tried after so many wrong answers in a row.
pub(crate) fn pause(failures: u32) -> Option<Duration> {
    let beyond = failures.checked_sub(FREE)?;
    let doubled = 1_u32.checked_shl(beyond).unwrap_or(u32::MAX).max(1);
    Some(FIRST_PAUSE.saturating_mul(doubled).min(LONGEST_PAUSE))
}

#[derive(Debug, Clone, Copy)]
struct Tally {
    failures: u32,
    since: Timestamp,
    locked_until: Option<Timestamp>,
}

/// What this process saw of addresses and of names that may be nobody's. Accounts that exist have their
/// count in the store, which every process sees.
#[derive(Debug, Default)]
pub(crate) struct Throttle(Mutex<Names>);

type Names = HashMap<(Sort, String), Tally>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Sort {
    Email,
    Address,
}

impl Throttle {
    /// Returns until when nothing is tried for this account's name or from this address.
    pub(crate) fn locked(
        &self,
        email: &str,
        address: Option<&str>,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let names = self.0.lock().ok()?;
        locked(&names, email, address, now)
    }

    /// Counts a wrong answer, unless nothing is tried: then it says until when.
    pub(crate) fn failed(
        &self,
        email: &str,
        address: Option<&str>,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let mut names = self.0.lock().ok()?;
        let until = locked(&names, email, address, now);
        if until.is_some() {
            return until;
        }
        if names.len() >= NAMES_MAX {
            names.retain(|_, tally| now < after(tally.since, WINDOW));
        }
        if names.len() >= NAMES_MAX {
            names.clear();
        }
        let tally = count(&mut names, Sort::Email, email, now);
        tally.locked_until = pause(tally.failures).map(|pause| after(now, pause));
        if let Some(address) = address {
            let tally = count(&mut names, Sort::Address, &network(address), now);
            if tally.failures >= PER_ADDRESS {
                tally.locked_until = Some(after(now, WINDOW));
            }
        }
        None
    }
}

/// Returns what is counted of an address: of one of IPv6 its network, within which whoever has one has them
/// all.
fn network(address: &str) -> String {
    const PREFIX_BITS: u32 = 64;
    match address.parse() {
        Ok(IpAddr::V6(v6)) if v6.to_ipv4_mapped().is_none() => {
            let prefix = v6.to_bits() & (u128::MAX << (u128::BITS - PREFIX_BITS));
            Ipv6Addr::from_bits(prefix).to_string()
        }
        _ => address.to_owned(),
    }
}

fn locked(names: &Names, email: &str, address: Option<&str>, now: Timestamp) -> Option<Timestamp> {
    let until = |sort, name: &str| {
        let tally = names.get(&(sort, name.to_owned()))?;
        tally.locked_until.filter(|until| now < *until)
    };
    let by_address = address.and_then(|address| until(Sort::Address, &network(address)));
    until(Sort::Email, email).max(by_address)
}

fn count<'a>(names: &'a mut Names, sort: Sort, name: &str, now: Timestamp) -> &'a mut Tally {
    let fresh = Tally {
        failures: 0,
        since: now,
        locked_until: None,
    };
    let tally = names.entry((sort, name.to_owned())).or_insert(fresh);
    let locked = tally.locked_until.is_some_and(|until| now < until);
    if !locked && now >= after(tally.since, LONGEST_PAUSE.max(WINDOW)) {
        *tally = fresh;
    }
    tally.failures = tally.failures.saturating_add(1);
    tally
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn pauses_double_up_to_an_hour() {
        assert_eq!(pause(4), None);
        assert_eq!(pause(5), Some(Duration::from_mins(1)));
        assert_eq!(pause(6), Some(Duration::from_mins(2)));
        assert_eq!(pause(11), Some(Duration::from_hours(1)));
        assert_eq!(pause(u32::MAX), Some(Duration::from_hours(1)));
    }

    #[test]
    fn a_name_that_is_nobodys_is_locked_like_an_account() {
        let throttle = Throttle::default();
        for _ in 0..FREE {
            assert_eq!(throttle.locked("a@b.example", None, at(0)), None);
            assert_eq!(throttle.failed("a@b.example", None, at(0)), None);
        }
        assert_eq!(throttle.locked("a@b.example", None, at(1)), Some(at(60)));
        // One that comes too late is not counted: the pause stays what it is.
        assert_eq!(throttle.failed("a@b.example", None, at(1)), Some(at(60)));
        assert_eq!(throttle.locked("c@d.example", None, at(1)), None);
        assert_eq!(throttle.locked("a@b.example", None, at(60)), None);
    }

    #[test]
    fn an_address_that_tries_many_names_is_locked_for_all() {
        let throttle = Throttle::default();
        for n in 0..PER_ADDRESS {
            let failed = throttle.failed(&format!("{n}@b.example"), Some("192.0.2.1"), at(0));
            assert_eq!(failed, None);
        }
        assert!(
            throttle
                .locked("new@b.example", Some("192.0.2.1"), at(1))
                .is_some()
        );
        assert!(
            throttle
                .locked("new@b.example", Some("192.0.2.2"), at(1))
                .is_none()
        );
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let throttle = Throttle::default();
        for n in 0..PER_ADDRESS {
            let from = format!("2a01:e0a:1:2::{n:x}");
            throttle.failed(&format!("{n}@b.example"), Some(&from), at(0));
        }
        let locked = |from| {
            throttle
                .locked("new@b.example", Some(from), at(1))
                .is_some()
        };
        assert!(locked("2a01:e0a:1:2:ffff::1"));
        assert!(!locked("2a01:e0a:1:3::1"));
        // One of IPv4 stays itself, however it is written.
        assert_eq!(network("::ffff:192.0.2.1"), "::ffff:192.0.2.1");
        assert_eq!(network("192.0.2.1"), "192.0.2.1");
    }
}
