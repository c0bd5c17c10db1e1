//! The accounts of a network, kept from one answer to the next. Each is read again when the log tells of
//! something it hangs on, when what is decided of its site or OPCO is another, and on another day; what
//! nothing moved is only added up.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use admin_api::books::Question;
use domain::Environment;
use domain::id::DossierId;
use jiff::civil::Date;
use store::accounts::{self, Moved};
use store::dossiers::Filter;
use store::{StoreError, events};
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard};

use super::reading::{self, Counted, Counting, place};

/// The most accounts that are kept of one world of a network; a larger one is read for each answer.
const MOST: usize = 15_000;
/// The most accounts that are read again one by one: beyond it, all are.
const AGAIN_MAX: usize = 50;

/// What each dossier's money came to.
pub(super) type Accounts = BTreeMap<DossierId, Counted>;

/// What is kept of one network, of each world.
#[derive(Debug, Default)]
pub(super) struct Ledgers {
    kept: Mutex<BTreeMap<Environment, Ledger>>,
    len: AtomicUsize,
}

/// The accounts of one world.
#[derive(Debug)]
struct Ledger {
    /// How far the log was read: what it told until then is in the accounts.
    position: i64,
    /// The day they were counted for.
    day: Date,
    /// By dossier; nothing of a world that has more than are kept.
    accounts: Option<Accounts>,
}

impl Ledgers {
    /// Returns how many accounts are kept.
    pub(super) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// Returns every account of the world of a question as it is now, if they are kept: a question about some
    /// sites does not have those of the whole network read.
    pub(super) async fn of(
        &self,
        counting: &Counting<'_>,
        question: &Question,
    ) -> Result<Option<MappedMutexGuard<'_, Accounts>>, StoreError> {
        let world = question.environment;
        let mut kept = self.kept.lock().await;
        match kept.get_mut(&world) {
            Some(ledger) if ledger.day == counting.today => {
                ledger.follow(counting, world).await?;
            }
            _ if question.sites.is_some() => return Ok(None),
            _ => {
                let ledger = Ledger::read(counting, world).await?;
                kept.insert(world, ledger);
            }
        }
        let sizes = kept.values().filter_map(|ledger| ledger.accounts.as_ref());
        let len = sizes.map(BTreeMap::len).sum();
        self.len.store(len, Ordering::Relaxed);
        let found = MutexGuard::try_map(kept, |kept| {
            kept.get_mut(&world)
                .and_then(|ledger| ledger.accounts.as_mut())
        });
        Ok(found.ok())
    }
}

impl Ledger {
    /// Reads every account.
    async fn read(counting: &Counting<'_>, world: Environment) -> Result<Self, StoreError> {
        // Before the accounts: what is told meanwhile is read again.
        let mut tx = counting.app.store.reading().await?;
        let position = events::head(&mut tx, counting.tenant).await?;
        drop(tx);
        let mut accounts = Some(BTreeMap::new());
        let filter = Filter {
            environment: Some(world),
            ..Filter::default()
        };
        let keep = |all: Vec<Counted>| {
            let named = all.into_iter().map(|one| (one.dossier.id, one));
            if let Some(kept) = &mut accounts {
                kept.extend(named);
            }
            accounts.take_if(|kept| kept.len() > MOST);
            accounts.is_some().then_some(()).ok_or(Stop::Large)
        };
        match reading::each(counting, filter, keep).await {
            Ok(()) | Err(Stop::Large) => Ok(Self {
                position,
                day: counting.today,
                accounts,
            }),
            Err(Stop::Store(error)) => Err(error),
        }
    }

    /// Brings the accounts up to date.
    async fn follow(
        &mut self,
        counting: &Counting<'_>,
        world: Environment,
    ) -> Result<(), StoreError> {
        let Some(accounts) = &mut self.accounts else {
            return Ok(());
        };
        let mut tx = counting.app.store.reading().await?;
        let since = accounts::since(&mut tx, counting.tenant, self.position, AGAIN_MAX);
        let (position, moved) = since.await?;
        drop(tx);
        let Moved::These(mut ids) = moved else {
            *self = Self::read(counting, world).await?;
            return Ok(());
        };
        let places = accounts.values().map(|one| place(&one.dossier)).collect();
        let automatic = counting.automatic(places).await?;
        let decided_anew = |one: &&Counted| {
            let now = automatic.get(&place(&one.dossier));
            now.is_some_and(|now| *now != one.auto_echeance_1)
        };
        ids.extend(
            accounts
                .values()
                .filter(decided_anew)
                .map(|one| one.dossier.id),
        );
        if ids.len() > AGAIN_MAX {
            *self = Self::read(counting, world).await?;
            return Ok(());
        }
        if let Some(batch) = reading::those(counting.app, counting.tenant, &ids).await? {
            for one in counting.all(batch).await? {
                if one.dossier.environment == world {
                    accounts.insert(one.dossier.id, one);
                }
            }
        }
        self.position = position;
        Ok(())
    }
}

/// Why not every account was read.
enum Stop {
    Store(StoreError),
    Large,
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
