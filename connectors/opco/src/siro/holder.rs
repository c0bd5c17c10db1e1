//! The index in use and the one before it, swapped in one step.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use jiff::civil::Date;
use thiserror::Error;

use super::guard::{self, GuardError};
use super::index::{Index, OpenError};

/// Holds the index in use. A lookup takes its own reference once and is never disturbed by a swap.
#[derive(Debug)]
pub struct Holder(RwLock<Versions>);

#[derive(Debug)]
struct Versions {
    current: Arc<Index>,
    previous: Option<Arc<Index>>,
}

/// Why a new index was not taken into use. The one in use stays.
#[derive(Debug, Error)]
pub enum ReloadError {
    /// It cannot be opened, or its checksum is wrong.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It breaks the guard.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// It was published before the one in use.
    #[error("publié le {next}, avant l'index en service ({current})")]
    Older {
        /// The publication day of the one in use.
        current: Date,
        /// The publication day of the one offered.
        next: Date,
    },
}

impl Holder {
    /// Starts with one index.
    pub fn new(index: Index) -> Self {
        Self(RwLock::new(Versions {
            current: Arc::new(index),
            previous: None,
        }))
    }

    /// Returns the index in use.
    pub fn current(&self) -> Arc<Index> {
        Arc::clone(
            &self
                .0
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .current,
        )
    }

    /// Returns the newest loaded index that was published by that day, to answer as of then.
    pub fn as_of(&self, day: Date) -> Option<Arc<Index>> {
        let versions = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let known = [Some(&versions.current), versions.previous.as_ref()];
        known
            .into_iter()
            .flatten()
            .find(|index| index.about().published <= day)
            .map(Arc::clone)
    }

    /// Opens a file, checks it whole and against the one in use, and swaps it in.
    ///
    /// Reads every page of the file: call it off the request path.
    pub fn reload(&self, path: &Path) -> Result<Arc<Index>, ReloadError> {
        let next = Index::open(path)?;
        next.verify().map_err(OpenError::from)?;
        let current = self.current();
        if !current.is_sample() {
            guard::compare(&current, &next)?;
            let (was, is) = (current.about().published, next.about().published);
            if is < was {
                return Err(ReloadError::Older {
                    current: was,
                    next: is,
                });
            }
        }
        let next = Arc::new(next);
        let mut versions = self.0.write().unwrap_or_else(PoisonError::into_inner);
        versions.previous = Some(std::mem::replace(&mut versions.current, Arc::clone(&next)));
        Ok(next)
    }
}
