//! The turns of one process, on a clock moved by hand.

use domain::clock::ManualClock;
use domain::{Environment, Instance, Opco};

use super::*;

const SYSTEM: System = system(Opco::Akto);

const fn system(opco: Opco) -> System {
    System {
        instance: Instance { opco, number: 1 },
        environment: Environment::Test,
    }
}

fn limits(interval_ms: u64, burst: u32) -> (Arc<ManualClock>, Limits) {
    let clock = Arc::new(ManualClock::new("2026-09-01T00:00:00Z".parse().unwrap()));
    let limits = Limits::new(clock.clone(), Sharing::Alone);
    limits.declare(
        SYSTEM,
        Limit {
            interval: Duration::from_millis(interval_ms),
            burst,
            in_flight: 2,
            key_interval: Duration::ZERO,
            key_burst: 1,
        },
    );
    (clock, limits)
}

async fn turns_now(clock: &ManualClock, limits: &Limits) -> usize {
    let mut turns = 0;
    while limits.turn(SYSTEM, "k", clock.now()).await == Turn::Go {
        turns += 1;
    }
    turns
}

#[tokio::test]
async fn a_fresh_process_has_no_burst_in_hand() {
    let (clock, limits) = limits(500, 4);
    assert_eq!(turns_now(&clock, &limits).await, 0);
    clock.advance(Duration::from_millis(500));
    assert_eq!(turns_now(&clock, &limits).await, 1);
}

#[tokio::test]
async fn a_rest_gives_back_the_burst_and_no_more() {
    let (clock, limits) = limits(500, 4);
    clock.advance(Duration::from_hours(1));
    assert_eq!(turns_now(&clock, &limits).await, 4);
    clock.advance(Duration::from_secs(1));
    assert_eq!(turns_now(&clock, &limits).await, 2);
}

#[tokio::test]
async fn retry_after_silences_the_whole_system() {
    let (clock, limits) = limits(500, 4);
    clock.advance(Duration::from_hours(1));
    let until = pause::later(clock.now(), Duration::from_secs(30));
    limits.silence(SYSTEM, until);
    assert_eq!(
        limits.turn(SYSTEM, "k", clock.now()).await,
        Turn::NotBefore(until)
    );
    assert_eq!(limits.free_slots(SYSTEM), 0);
    clock.advance(Duration::from_secs(30));
    assert_eq!(limits.turn(SYSTEM, "k", clock.now()).await, Turn::Go);
}

#[tokio::test]
async fn a_key_has_a_limit_of_its_own() {
    let (clock, limits) = limits(10, 100);
    limits.declare(
        SYSTEM,
        Limit {
            interval: Duration::from_millis(10),
            burst: 100,
            in_flight: 2,
            key_interval: Duration::from_secs(1),
            key_burst: 1,
        },
    );
    let _ = limits.turn(SYSTEM, "a", clock.now()).await;
    let _ = limits.turn(SYSTEM, "b", clock.now()).await;
    clock.advance(Duration::from_secs(10));
    assert_eq!(limits.turn(SYSTEM, "a", clock.now()).await, Turn::Go);
    assert!(matches!(
        limits.turn(SYSTEM, "a", clock.now()).await,
        Turn::NotBefore(_)
    ));
    assert_eq!(limits.turn(SYSTEM, "b", clock.now()).await, Turn::Go);
}

#[tokio::test]
async fn calls_under_way_are_bounded() {
    let (_clock, limits) = limits(10, 10);
    let first = limits.try_slot(SYSTEM);
    let second = limits.try_slot(SYSTEM);
    assert!(first.is_some() && second.is_some());
    assert!(limits.try_slot(SYSTEM).is_none());
    drop(first);
    assert_eq!(limits.free_slots(SYSTEM), 1);
}

#[tokio::test]
async fn a_system_never_declared_is_never_called() {
    let (clock, limits) = limits(10, 10);
    let other = system(Opco::Atlas);
    assert!(matches!(
        limits.turn(other, "k", clock.now()).await,
        Turn::NotBefore(_)
    ));
    assert!(limits.try_slot(other).is_none());
}
