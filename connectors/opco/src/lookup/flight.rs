//! One call at a time for one establishment: who asks meanwhile waits for the same answer.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use domain::Siret;
use tokio::sync::OnceCell;

use super::Answer;

/// The calls under way.
#[derive(Debug, Default)]
pub(super) struct Flights(Mutex<HashMap<Siret, Arc<OnceCell<Answer>>>>);

/// A seat in a flight; the last to leave takes the flight off the board, also when cancelled.
struct Seat<'a> {
    flights: &'a Flights,
    siret: Siret,
    cell: Arc<OnceCell<Answer>>,
}

impl Flights {
    /// Asks, or waits for who is asking already. If the one who asks is cancelled, the next takes over.
    pub(super) async fn join(&self, siret: Siret, ask: impl Future<Output = Answer>) -> Answer {
        let cell = {
            let mut board = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(board.entry(siret).or_default())
        };
        let seat = Seat {
            flights: self,
            siret,
            cell,
        };
        seat.cell.get_or_init(|| ask).await.clone()
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut board = self
            .flights
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let answered = self.cell.initialized();
        // Two references: the board's and ours. Seats are taken under the same lock.
        let last = Arc::strong_count(&self.cell) <= 2;
        let ours = board
            .get(&self.siret)
            .is_some_and(|cell| Arc::ptr_eq(cell, &self.cell));
        if ours && (answered || last) {
            board.remove(&self.siret);
        }
    }
}
