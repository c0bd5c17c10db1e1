//! What several people need at once and one reads for all: a reading that fails is not begun again by each of
//! those who wait, and what is known is never waited for.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::Timestamp;
use domain::clock::Clock;

use super::super::carried;

/// For how long a failure is told to whoever asks, without another try.
pub(super) const FAILED: Duration = Duration::from_secs(5);

/// A value that is read from elsewhere, and what came of the last reading.
#[derive(Debug)]
pub(super) struct Shared<T, E> {
    clock: Arc<dyn Clock>,
    kept: Mutex<Kept<T, E>>,
    /// Whoever has it reads.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Kept<T, E> {
    value: Option<T>,
    failed: Option<(E, Timestamp)>,
}

impl<T: Clone, E: Clone> Shared<T, E> {
    /// Nothing is known yet.
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let kept = Kept {
            value: None,
            failed: None,
        };
        Self {
            clock,
            kept: Mutex::new(kept),
            turn: tokio::sync::Mutex::new(()),
        }
    }

    /// Returns what is known where it serves, else reads it. Who comes while another reads waits for what that
    /// one brings, failure included; for a few seconds more, a failure is told at once.
    pub(super) async fn get<R>(
        &self,
        serves: impl Fn(&T, Timestamp) -> bool,
        read: impl FnOnce(Timestamp) -> R,
    ) -> Result<T, E>
    where
        R: Future<Output = Result<T, E>>,
    {
        if let Some(known) = self.known(&serves) {
            return known;
        }
        let turn = self.turn.lock().await;
        if let Some(known) = self.known(&serves) {
            return known;
        }
        let read = read(self.clock.now()).await;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        match &read {
            Ok(value) => {
                *kept = Kept {
                    value: Some(value.clone()),
                    failed: None,
                }
            }
            // From its end on: those who waited all along learn of it too.
            Err(error) => kept.failed = Some((error.clone(), self.clock.now())),
        }
        drop(kept);
        drop(turn);
        read
    }

    /// Returns what can be said without reading.
    fn known(&self, serves: impl Fn(&T, Timestamp) -> bool) -> Option<Result<T, E>> {
        let now = self.clock.now();
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let value = kept.value.as_ref().filter(|value| serves(value, now));
        if let Some(value) = value {
            return Some(Ok(value.clone()));
        }
        let failed = kept.failed.as_ref();
        let failed = failed.filter(|(_, at)| now < carried::after(*at, FAILED));
        failed.map(|(error, _)| Err(error.clone()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use domain::clock::ManualClock;
    use tokio::sync::Notify;

    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    /// A provider that answers when told to, and counts how often it is asked.
    #[derive(Default)]
    struct Elsewhere {
        asked: AtomicU32,
        answers: Notify,
        came: Notify,
    }

    impl Elsewhere {
        async fn read(&self, answer: Result<u32, &'static str>) -> Result<u32, &'static str> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            self.came.notify_one();
            self.answers.notified().await;
            answer
        }

        fn asked(&self) -> u32 {
            self.asked.load(Ordering::SeqCst)
        }
    }

    struct Place {
        clock: Arc<ManualClock>,
        shared: Arc<Shared<u32, &'static str>>,
        elsewhere: Arc<Elsewhere>,
    }

    fn place() -> Place {
        let clock = Arc::new(ManualClock::new(
            Timestamp::from_second(1_800_000_000).unwrap(),
        ));
        Place {
            shared: Arc::new(Shared::new(clock.clone())),
            clock,
            elsewhere: Arc::default(),
        }
    }

    impl Place {
        fn get(
            &self,
            answer: Result<u32, &'static str>,
        ) -> tokio::task::JoinHandle<Result<u32, &'static str>> {
            let (shared, elsewhere) = (self.shared.clone(), self.elsewhere.clone());
            tokio::spawn(async move { shared.get(|_, _| true, |_| elsewhere.read(answer)).await })
        }
    }

    #[tokio::test]
    async fn a_provider_that_is_down_is_asked_once_for_all_who_wait_and_not_again_for_seconds() {
        let place = place();
        let waiting: Vec<_> = (0..20).map(|_| place.get(Err("down"))).collect();
        place.elsewhere.came.notified().await;
        // Ten seconds without an answer: longer than a failure is remembered.
        place.clock.advance(Duration::from_secs(10));
        place.elsewhere.answers.notify_one();
        // Whoever asked again would wait for an answer that does not come.
        let all = futures_util::future::join_all(waiting);
        let all = tokio::time::timeout(Duration::from_secs(30), all)
            .await
            .unwrap();
        for one in all {
            assert_eq!(one.unwrap(), Err("down"));
        }
        assert_eq!(place.elsewhere.asked(), 1);
        place.clock.advance(Duration::from_millis(4_999));
        assert_eq!(place.get(Ok(7)).await.unwrap(), Err("down"));
        assert_eq!(place.elsewhere.asked(), 1, "told at once");
        // Then it is asked again, and what it says is kept.
        place.clock.advance(Duration::from_millis(1));
        place.elsewhere.answers.notify_one();
        assert_eq!(place.get(Ok(7)).await.unwrap(), Ok(7));
        assert_eq!(place.get(Err("down")).await.unwrap(), Ok(7));
        assert_eq!(place.elsewhere.asked(), 2);
    }

    #[tokio::test]
    async fn what_is_known_is_not_waited_for_while_somebody_reads_for_something_newer() {
        let place = place();
        place.elsewhere.answers.notify_one();
        assert_eq!(place.get(Ok(1)).await.unwrap(), Ok(1));
        place.elsewhere.came.notified().await;
        let (shared, elsewhere) = (place.shared.clone(), place.elsewhere.clone());
        let newer = tokio::spawn(async move {
            let serves = |value: &u32, _: Timestamp| *value > 1;
            shared.get(serves, |_| elsewhere.read(Ok(2))).await
        });
        place.elsewhere.came.notified().await;
        assert_eq!(place.get(Err("nobody reads")).await.unwrap(), Ok(1));
        place.elsewhere.answers.notify_one();
        assert_eq!(newer.await.unwrap(), Ok(2));
        assert_eq!(place.get(Err("nobody reads")).await.unwrap(), Ok(2));
    }

    #[tokio::test]
    async fn a_reader_who_goes_away_leaves_the_turn_to_the_next() {
        let place = place();
        let first = place.get(Ok(1));
        place.elsewhere.came.notified().await;
        let second = place.get(Ok(2));
        first.abort();
        place.elsewhere.came.notified().await;
        place.elsewhere.answers.notify_one();
        assert_eq!(second.await.unwrap(), Ok(2));
    }

    #[tokio::test]
    async fn what_is_known_is_read_again_once_it_serves_no_more() {
        let place = place();
        let read_at = |at: Timestamp| async move { Ok::<_, &'static str>(at) };
        let shared: Shared<Timestamp, &'static str> = Shared::new(place.clock.clone());
        let fresh = |at: &Timestamp, now: Timestamp| now < carried::after(*at, HOUR);
        let first = shared.get(fresh, read_at).await.unwrap();
        place.clock.advance(Duration::from_millis(3_599_999));
        assert_eq!(shared.get(fresh, read_at).await.unwrap(), first);
        place.clock.advance(Duration::from_millis(1));
        assert!(shared.get(fresh, read_at).await.unwrap() > first);
    }
}
