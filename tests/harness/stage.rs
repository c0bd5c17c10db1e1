//! The gateway as its own processes, to be killed or spoilt, between an ERP and OPCOs that outlive
//! them; all of them on one clock, which may run faster than the machine's.

use std::os::unix::process::ExitStatusExt as _;
use std::sync::Arc;
use std::time::Duration;

use domain::Timestamp;
use domain::clock::{Clock as _, ScaledClock, SystemClock};
use store::Store;

use crate::database::{Database, Engine};
use crate::erp::Erp;
use crate::network::{self, Network};
use crate::opcos::Opcos;
use crate::process::{Process, Program, Start};
use crate::scene::MORNING;

/// What a stage is set with.
#[derive(Debug, Clone, Copy)]
pub struct Script<'a> {
    /// The product.
    pub program: Program,
    /// How many times faster than the machine's the clock runs.
    pub factor: u32,
    /// The settings of the gateway.
    pub settings: &'a str,
    /// What is written into the section of every OPCO.
    pub of_opcos: &'a str,
}

/// Everything a scenario needs.
#[derive(Debug)]
pub struct Stage {
    /// The hour.
    pub clock: Arc<ScaledClock>,
    /// What is remembered.
    pub database: Database,
    /// The same, open.
    pub store: Store,
    /// The OPCOs, in this process.
    pub opcos: Opcos,
    /// A network that has everything.
    pub network: Network,
    /// Its ERP, which knows the gateway started last.
    pub erp: Erp,
    /// The processes that run.
    pub gateways: Vec<Process>,
    program: Program,
    settings: String,
    mutation: Option<&'static str>,
    /// The clock of the processes: what it showed, when, and how fast it goes.
    shown: Timestamp,
    real: Timestamp,
    factor: u32,
}

impl Stage {
    /// Sets the stage, with a fault planted in every gateway if one is named; nothing where the
    /// engine is not there. No gateway runs yet.
    pub async fn set(
        script: &Script<'_>,
        engine: Engine,
        mutation: Option<&'static str>,
    ) -> Option<Self> {
        let database = Database::fresh(engine).await?;
        let shown: Timestamp = MORNING.parse().unwrap();
        let (real, factor) = (SystemClock.now(), script.factor);
        let clock = Arc::new(ScaledClock::new(shown, factor));
        let opcos = Opcos::start(clock.clone()).await;
        let store = database.open().await;
        let network = network::network().create(&store, clock.now()).await;
        let token = network.credential(&store, None, clock.now()).await;
        let settings = format!("{}{}", script.settings, opcos.settings(script.of_opcos));
        Some(Self {
            clock,
            database,
            store,
            opcos,
            network,
            erp: Erp::new("", &token),
            gateways: Vec::new(),
            program: script.program,
            settings,
            mutation,
            shown,
            real,
            factor,
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
        let erp = self.erp.with_token(&token);
        (network, erp)
    }

    /// Lets so much time pass for the gateways started from now on, as if they had been started later:
    /// the leases of the dead have lapsed. The OPCOs do not notice.
    pub fn later(&mut self, span: Duration) {
        self.shown = self.shown.checked_add(span).unwrap();
    }

    /// Changes the settings of the gateways started from now on.
    pub fn resettle(&mut self, script: &Script<'_>) {
        let opcos = self.opcos.settings(script.of_opcos);
        self.settings = format!("{}{opcos}", script.settings);
    }

    /// Adds to the settings of the gateways started from now on.
    pub fn add_settings(&mut self, more: &str) {
        self.settings.push_str(more);
    }

    /// Starts a gateway.
    pub async fn serve(&mut self) {
        self.start(Start::default()).await;
    }

    /// Starts a gateway that does only this.
    pub async fn serve_as(&mut self, roles: &str) {
        let start = Start {
            roles: Some(roles),
            ..Start::default()
        };
        self.start(start).await;
    }

    /// Starts a gateway that dies at a step.
    pub async fn serve_until(&mut self, failpoint: &str) {
        let start = Start {
            failpoint: Some(failpoint),
            ..Start::default()
        };
        self.start(start).await;
    }

    fn clock_of_processes(&self) -> String {
        let (shown, real) = (self.shown.as_millisecond(), self.real.as_millisecond());
        format!("{shown} {real} {}", self.factor)
    }

    async fn start(&mut self, start: Start<'_>) {
        let clock = self.clock_of_processes();
        let start = Start {
            mutation: self.mutation,
            clock: Some(&clock),
            ..start
        };
        let program = self.program;
        let gateway = program.start(&self.database, &self.settings, &start).await;
        self.erp = self.erp.at(&gateway.origin);
        self.gateways.push(gateway);
    }

    /// Runs a command of the product beside the gateways, with the same fault planted.
    pub async fn command(&self, args: &[&str]) -> std::process::Output {
        let clock = self.clock_of_processes();
        let mut variables = vec![("CFA_GATEWAY_CLOCK", clock.as_str())];
        variables.extend(self.mutation.map(|fault| ("CFA_GATEWAY_MUTATION", fault)));
        let program = self.program;
        program
            .run(&self.database, &self.settings, args, &variables, "")
            .await
    }

    /// Kills every gateway as `kill -9` does.
    pub async fn kill(&mut self) {
        for mut gateway in self.gateways.drain(..) {
            gateway.kill().await;
        }
    }

    /// Asks every gateway to stop and waits until it has.
    pub async fn stop(&mut self) {
        for mut gateway in self.gateways.drain(..) {
            gateway.stop().await;
        }
    }

    /// Waits until the only gateway has died at its step.
    pub async fn died(&mut self) {
        let mut gateway = self.gateways.pop().expect("a gateway");
        let signal = gateway.died().await.and_then(|status| status.signal());
        assert_eq!(signal, Some(9), "{}", gateway.said());
    }

    /// Takes the stage down.
    pub async fn end(mut self) {
        self.kill().await;
        self.opcos.stop().await;
        self.store.close().await;
        self.database.remove().await;
    }
}
