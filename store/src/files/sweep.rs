//! What nobody needs any more: files whose keys were destroyed, and files that no delivery took.

use std::sync::PoisonError;

use domain::Timestamp;
use domain::id::FileId;
use jiff::SignedDuration;

use super::place::{day, millisecond};
use super::{FileError, Files, rows};
use crate::pool::Store;

/// How long a file may be without its delivery: far longer than an acceptance takes.
const GRACE: SignedDuration = SignedDuration::from_hours(24);
/// The most shredded files removed in one sweep.
const STEP: i64 = 1_000;

/// How many files a sweep removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Files whose keys were destroyed.
    pub shredded: u64,
    /// Files received and never accepted, or that never came whole.
    pub orphans: u64,
}

impl Files {
    /// Removes what nobody needs any more. A day is looked through once, a day after its end.
    pub async fn sweep(&self, store: &Store, now: Timestamp) -> Result<Swept, FileError> {
        let shredded = self.sweep_shredded(store).await?;
        let before = now.checked_sub(GRACE).unwrap_or(now);
        let is_old = move |id: FileId| millisecond(id) < before.as_millisecond();
        let mut orphans = self.place.remove_waiting(is_old).await?;
        let today = before.strftime("%Y%m%d").to_string();
        for of in self.place.days().await? {
            if of > today {
                break;
            }
            if self.last_swept().is_some_and(|last| of <= last) {
                continue;
            }
            orphans += self.sweep_day(store, &of, is_old).await?;
            if of < today {
                *self.swept.lock().unwrap_or_else(PoisonError::into_inner) = Some(of);
            }
        }
        Ok(Swept { shredded, orphans })
    }

    async fn sweep_shredded(&self, store: &Store) -> Result<u64, FileError> {
        let mut tx = store.reading().await?;
        let gone = rows::shredded(&mut tx, STEP).await?;
        drop(tx);
        let mut removed = 0;
        for (tenant, id) in gone {
            // The row goes last: what is interrupted here is found again.
            self.destroy(tenant, id).await?;
            self.place.remove_empty(&day(id)).await?;
            let mut tx = store.writing().await?;
            rows::forget(&mut tx, tenant, id).await?;
            tx.commit().await?;
            removed += 1;
        }
        Ok(removed)
    }

    async fn sweep_day(
        &self,
        store: &Store,
        day: &str,
        is_old: impl Fn(FileId) -> bool,
    ) -> Result<u64, FileError> {
        let mut removed = 0;
        for (tenant, id) in self.place.of_day(day).await? {
            if !is_old(id) {
                continue;
            }
            let mut tx = store.reading().await?;
            let orphan = rows::is_orphan(&mut tx, tenant, id).await?;
            drop(tx);
            if orphan {
                self.destroy(tenant, id).await?;
                removed += 1;
            }
        }
        self.place.remove_empty(day).await?;
        Ok(removed)
    }

    fn last_swept(&self) -> Option<String> {
        self.swept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
