//! Group commit: takes whatever waits while the previous group was being written, never a timer.
//!
//! One caller alone pays one commit; many callers share it. A member whose group fails for a reason
//! that is not everybody's is tried apart: bisection finds it, and the others go through.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::tasks::Tasks;

/// Members waiting for their turn to be written. Beyond it a caller waits before it may wait.
const WAITING_MAX: usize = 4_096;

/// A member on its way, and where its answer goes.
type Waiting<I, O> = (I, oneshot::Sender<O>);

/// The door to one group writer.
#[derive(Debug)]
pub(crate) struct Group<I, O> {
    door: mpsc::Sender<Waiting<I, O>>,
}

impl<I, O> Clone for Group<I, O> {
    fn clone(&self) -> Self {
        Self {
            door: self.door.clone(),
        }
    }
}

impl<I: Clone + Send + Sync + 'static, O: Send + 'static> Group<I, O> {
    /// Starts a writer of groups of at most `most` members.
    ///
    /// One: a statement of many tables costs half a millisecond before its first row, so that a
    /// second writer, taking half of what waits, costs more than it saves.
    ///
    /// `write` answers one value for each member, in order, or refuses the group whole, having
    /// written nothing of it. `give_up` makes the answer of a member that is refused alone, or of
    /// each when `everybodys` says that the reason is.
    pub(crate) fn start<W, F, E, G>(
        most: usize,
        write: W,
        everybodys: fn(&E) -> bool,
        give_up: G,
    ) -> Self
    where
        W: Fn(Arc<Vec<I>>) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Vec<O>, E>> + Send,
        E: Send + Sync + 'static,
        G: Fn(Arc<E>) -> O + Send + Sync + 'static,
    {
        let (door, mut queue) = mpsc::channel::<Waiting<I, O>>(WAITING_MAX);
        Tasks::serve(async move {
            let mut group = Vec::with_capacity(most);
            while queue.recv_many(&mut group, most).await > 0 {
                let (items, answers): (Vec<I>, Vec<_>) = group.drain(..).unzip();
                settle_group(items, answers, &write, everybodys, &give_up).await;
            }
        });
        Self { door }
    }

    /// Hands in one member and waits for its answer; nothing when the writer has stopped.
    pub(crate) async fn submit(&self, item: I) -> Option<O> {
        let (answer, result) = oneshot::channel();
        self.door.send((item, answer)).await.ok()?;
        result.await.ok()
    }
}

/// Writes a group; halves it for as long as it is refused, so that one bad member is alone in its
/// refusal.
async fn settle_group<I, O, W, F, E, G>(
    items: Vec<I>,
    answers: Vec<oneshot::Sender<O>>,
    write: &W,
    everybodys: fn(&E) -> bool,
    give_up: &G,
) where
    I: Clone,
    W: Fn(Arc<Vec<I>>) -> F,
    F: Future<Output = Result<Vec<O>, E>>,
    G: Fn(Arc<E>) -> O,
{
    let mut todo = vec![(items, answers)];
    while let Some((items, mut answers)) = todo.pop() {
        let items = Arc::new(items);
        match write(Arc::clone(&items)).await {
            Ok(results) => {
                for (answer, result) in answers.into_iter().zip(results) {
                    // A caller that went away does not need to be told.
                    let _ = answer.send(result);
                }
            }
            Err(error) if items.len() <= 1 || everybodys(&error) => {
                let error = Arc::new(error);
                for answer in answers {
                    let _ = answer.send(give_up(Arc::clone(&error)));
                }
            }
            Err(_) => {
                let mut first = Arc::unwrap_or_clone(items);
                let second = first.split_off(first.len() / 2);
                let second_answers = answers.split_off(first.len());
                todo.push((second, second_answers));
                todo.push((first, answers));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[tokio::test]
    async fn members_that_wait_are_written_together() {
        let sizes = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&sizes);
        let group = Group::start(
            8,
            move |items: Arc<Vec<u32>>| {
                seen.lock().unwrap().push(items.len());
                async move {
                    tokio::task::yield_now().await;
                    Ok::<_, ()>(items.iter().map(|n| n * 2).collect())
                }
            },
            |()| false,
            |_| 0,
        );
        let answers = futures_util::future::join_all((0..20).map(|n| group.submit(n))).await;
        assert_eq!(answers, (0..20).map(|n| Some(n * 2)).collect::<Vec<_>>());
        let sizes = sizes.lock().unwrap();
        assert_eq!(sizes.iter().sum::<usize>(), 20);
        assert!(
            sizes.iter().all(|size| *size <= 8) && sizes.len() < 20,
            "{sizes:?}"
        );
    }

    #[tokio::test]
    async fn what_is_everybodys_trouble_is_tried_once() {
        let tries = Arc::new(Mutex::new(0));
        let seen = Arc::clone(&tries);
        let group = Group::start(
            16,
            move |_: Arc<Vec<u32>>| {
                *seen.lock().unwrap() += 1;
                async move { Err::<Vec<&str>, _>("away") }
            },
            |error| *error == "away",
            |error| *error,
        );
        let answers = futures_util::future::join_all((0..12).map(|n| group.submit(n))).await;
        assert_eq!(answers, vec![Some("away"); 12]);
        assert_eq!(*tries.lock().unwrap(), 1);
    }

    #[tokio::test]
    async fn one_bad_member_never_costs_the_others() {
        let group = Group::start(
            16,
            |items: Arc<Vec<u32>>| async move {
                if items.contains(&7) {
                    Err("seven")
                } else {
                    Ok(items.iter().map(|_| "ok").collect())
                }
            },
            |_| false,
            |error| *error,
        );
        let answers = futures_util::future::join_all((0..12).map(|n| group.submit(n))).await;
        for (n, answer) in answers.into_iter().enumerate() {
            assert_eq!(answer, Some(if n == 7 { "seven" } else { "ok" }));
        }
    }
}
