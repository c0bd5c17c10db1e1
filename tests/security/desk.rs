//! The control plane from outside: who may what, for every line of its one table; signing in, and what
//! stands against those who guess, forge or steal.

mod alerts;
mod apprentice;
mod audit;
mod bulk;
mod credentials;
mod decisions;
mod forms;
mod guess;
mod keys;
mod networks;
mod orphans;
mod privacy;
mod roles;
mod sessions;
mod tree;
mod views;
mod webhooks;

use std::sync::Arc;
use std::time::Duration;

use domain::Timestamp;
use domain::clock::{Clock as _, ManualClock};
use domain::person::Role;
use harness::database::{Database, Engine};
use harness::desk::{Browser, Desk, PASSWORD, account};
use harness::network::{Network, network};
use store::Store;
use store::people::{Person, Scope};

/// Nobody has an application at hand, but for the tests that are about it.
const OPTIONAL: &str = "[admin]\nsecond_factor = \"optional\"\n";

/// A control plane, its network, and a clock that is moved by hand.
struct Place {
    clock: Arc<ManualClock>,
    database: Database,
    store: Store,
    network: Network,
    desk: Desk,
}

impl Place {
    /// Opens it; nothing where the engine is not there.
    async fn open(engine: Engine, settings: &str) -> Option<Self> {
        let database = Database::fresh(engine).await?;
        let start: Timestamp = "2026-09-02T08:00:00Z".parse().unwrap();
        let clock = Arc::new(ManualClock::new(start));
        let store = database.open().await;
        let network = network().sites(2).create(&store, start).await;
        let desk = Desk::open(settings, &database.folder, clock.clone(), store.clone()).await;
        Some(Self {
            clock,
            database,
            store,
            network,
            desk,
        })
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn later(&self, span: Duration) {
        self.clock.advance(span);
    }

    /// Opens an account with one role in the whole network.
    async fn person(&self, email: &str, role: Role) -> Person {
        let roles = [(role, Scope::Network)];
        account(&self.store, self.network.tenant, email, &roles, self.now()).await
    }

    fn browser(&self) -> Browser {
        Browser::new(&self.desk.origin)
    }

    /// Opens an account and a browser that is signed in to it.
    async fn signed_in(&self, email: &str, role: Role) -> Browser {
        self.person(email, role).await;
        let mut browser = self.browser();
        let answer = browser.sign_in(email, PASSWORD).await;
        assert_eq!(answer.status, 303, "{}", answer.text);
        browser
    }

    async fn close(self) {
        self.desk.close().await;
        self.database.remove().await;
    }
}

/// Plays a story on both engines.
macro_rules! on_both {
    ($settings:expr; $(async fn $name:ident($place:ident) $body:block)+) => {$(
        mod $name {
            use super::*;

            async fn story(engine: harness::database::Engine) {
                let Some($place) = $crate::desk::Place::open(engine, $settings).await else {
                    return;
                };
                $body
                $place.close().await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                story(harness::database::Engine::Sqlite).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                story(harness::database::Engine::Postgres).await;
            }
        }
    )+};
}
use on_both;
