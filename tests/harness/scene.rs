//! Everything a story needs, in one process: database, OPCOs, gateway, network, ERP.

use std::sync::Arc;

use domain::Timestamp;
use domain::clock::{Clock, ScaledClock};
use store::Store;

use crate::database::{Database, Engine};
use crate::erp::Erp;
use crate::gateway::Gateway;
use crate::network::{self, Network};
use crate::opcos::{Opcos, WIDE};

/// How many times faster than the machine's the clock of a scene runs: minutes pass in seconds,
/// and a loaded machine still keeps every deadline.
pub const FACTOR: u32 = 20;

/// The morning on which every story begins.
pub(crate) const MORNING: &str = "2026-09-02T08:00:00Z";

/// Long deadlines: a second of the machine is [`FACTOR`] of the gateway's.
const PATIENT: &str = r#"
[server]
listen = "127.0.0.1:0"
threads = 1

[delivery.worker]
lease_s = 700
turn_wait_s = 300

[delivery.poll]
first_s = 20
hot_s = 20
"#;

/// The stage of one story.
#[derive(Debug)]
pub struct Scene {
    /// The hour.
    pub clock: Arc<ScaledClock>,
    /// What is remembered.
    pub database: Database,
    /// The same, open.
    pub store: Store,
    /// The OPCOs.
    pub opcos: Opcos,
    /// The product.
    pub gateway: Gateway,
    /// A network that has everything.
    pub network: Network,
    /// Its ERP.
    pub erp: Erp,
}

impl Scene {
    /// Sets the stage; nothing where the engine is not there. Lines of `more` that name a variable
    /// of the product's environment set it; the others are written into the section of every OPCO.
    pub async fn set(engine: Engine, more: &str) -> Option<Self> {
        let database = Database::fresh(engine).await?;
        let clock = Arc::new(ScaledClock::new(MORNING.parse().unwrap(), FACTOR));
        let opcos = Opcos::start(clock.clone()).await;
        let store = database.open().await;
        let network = network::network().create(&store, clock.now()).await;
        let token = network.credential(&store, None, clock.now()).await;
        let (variables, of_opcos): (Vec<&str>, Vec<&str>) = more
            .lines()
            .partition(|line| line.starts_with("CFA_GATEWAY__"));
        let limits = format!("timeout_ms = 300000\n{WIDE}{}\n", of_opcos.join("\n"));
        let settings = format!("{PATIENT}{}", opcos.settings(&limits));
        let variables = variables
            .into_iter()
            .filter_map(|line| line.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let folder = &database.folder;
        let gateway =
            Gateway::start(&settings, variables, folder, clock.clone(), store.clone()).await;
        let erp = Erp::new(&gateway.origin, &token);
        Some(Self {
            clock,
            database,
            store,
            opcos,
            gateway,
            network,
            erp,
        })
    }

    /// Returns the hour.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Adds a network with an ERP for all of it.
    pub async fn another(&self, plan: network::Plan) -> (Network, Erp) {
        let network = plan.create(&self.store, self.now()).await;
        let token = network.credential(&self.store, None, self.now()).await;
        let erp = Erp::new(&self.gateway.origin, &token);
        (network, erp)
    }

    /// Takes the stage down. Everything under way must have come to its end by itself.
    pub async fn end(self) {
        assert!(self.gateway.stop().await, "the gateway did not drain");
        self.opcos.stop().await;
        self.database.remove().await;
    }
}

/// Plays each story once on SQLite and once on PostgreSQL. Settings may follow the name.
#[macro_export]
macro_rules! on_both {
    ($($(#[$meta:meta])* async fn $name:ident($scene:ident $(, $more:expr)?) $body:block)+) => {$(
        mod $name {
            use super::*;

            async fn story(engine: ::harness::database::Engine) {
                let more: &str = "";
                $(let more: &str = { let _ = more; $more };)?
                let Some($scene) = ::harness::scene::Scene::set(engine, more).await else {
                    return;
                };
                $body
                $scene.end().await;
            }

            $(#[$meta])*
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                story(::harness::database::Engine::Sqlite).await;
            }

            $(#[$meta])*
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                story(::harness::database::Engine::Postgres).await;
            }
        }
    )+};
}
