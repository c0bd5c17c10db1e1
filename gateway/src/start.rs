//! Putting a gateway together, running it, and stopping it without losing a step.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use anyhow::Context as _;
use domain::clock::Clock;
use domain::{Environment, Instance};
use opco::{Profile, Seed, Transport};
use store::{EngineKind, Store};
use tokio::sync::oneshot;

use crate::app::{App, Parts};
use crate::breaker::Breakers;
use crate::ceilings::Ceilings;
use crate::committer::Committer;
use crate::config::{Config, MaskedUrl};
use crate::desk::Lent;
use crate::drift::Drift;
use crate::limits::{Keeper, Limit, Limits, Shared, Sharing};
use crate::mail::Mailer;
use crate::metrics::Metrics;
use crate::mutation::{self, Mutation};
use crate::notify::{self, Notifier};
use crate::reconciliation::Papers;
use crate::routing::Routing;
use crate::settle::Settler;
use crate::system::System;
use crate::tasks::Tasks;
use crate::view::Views;
use crate::vouching::{self, Vouching};
use crate::worker::Inbox;
use crate::{
    alerts, bulk, countdowns, details, expiry, files, http, limits, mail, notary, poll, retention,
    routing, sweep, worker,
};

/// The setting that names the API's door.
const LISTEN: &str = "server.listen";
/// The setting that names the door for probes and measures.
const MONITORING_LISTEN: &str = "server.monitoring_listen";

/// The setting that names the control plane's door.
const ADMIN_LISTEN: &str = "admin.listen";

/// What one process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Roles {
    /// Answers ERPs.
    pub api: bool,
    /// Delivers, reads states, numbers the log.
    pub worker: bool,
    /// Answers people: the dashboard and the admin API.
    pub admin: bool,
}

/// A gateway that runs.
#[derive(Debug)]
pub struct Running {
    app: App,
    server: Option<(SocketAddr, ServerHandle)>,
    monitoring: Option<(SocketAddr, ServerHandle)>,
    admin: Option<(SocketAddr, ServerHandle)>,
    ended: Option<oneshot::Receiver<()>>,
    drain: Duration,
}

/// A door that cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("{setting} = {address} cannot be opened")]
pub struct DoorError {
    /// The setting that names its address.
    pub setting: &'static str,
    /// The address.
    pub address: SocketAddr,
    /// Why.
    #[source]
    pub source: std::io::Error,
}

/// Puts a gateway together and starts it.
///
/// # Errors
/// Whatever makes it unable to run as configured: an index that does not open, a port in use, a
/// Redis address that is none, a lease shorter than an exchange.
pub async fn start(
    config: &Config,
    clock: Arc<dyn Clock>,
    store: Store,
    roles: Roles,
) -> anyhow::Result<Running> {
    store.ping().await.context("the store does not answer")?;
    let app = assemble(config, clock, store)?;
    limits::silence::recall(&app)
        .await
        .context("the store cannot say who asked for silence")?;
    app.tasks
        .spawn(routing::follow(app.routing.clone(), app.tasks.clone()));
    if roles.worker {
        work(&app);
    }
    if roles.worker || roles.admin {
        // Whichever process is there: the lease keeps it one at a time.
        app.tasks.spawn(bulk::run(app.clone()));
    }
    let mut running = Running {
        app: app.clone(),
        server: None,
        monitoring: None,
        admin: None,
        ended: None,
        drain: Duration::from_secs(config.server.drain_seconds),
    };
    if roles.admin {
        let lent = Arc::new(Lent(app.clone()));
        let desk = admin_api::Desk::new(
            Arc::clone(&app.clock),
            app.store.clone(),
            config.admin.clone(),
            lent,
        );
        let door = admin_api::serve(desk);
        let (address, handle, serving) =
            door.map_err(door_error(ADMIN_LISTEN, config.admin.listen))?;
        running.app.tasks.spawn(async move {
            if let Err(error) = serving.await {
                tracing::error!(error = %error, "the control plane's door broke");
            }
        });
        running.admin = Some((address, handle));
    }
    if roles.api {
        let door = http::serve(app.clone(), &config.server);
        let (address, handle, serving) = door.map_err(door_error(LISTEN, config.server.listen))?;
        let (end, ended) = oneshot::channel();
        // Actix's own threads answer; this task only waits for their end.
        running.app.tasks.spawn(async move {
            if let Err(error) = serving.await {
                tracing::error!(error = %error, "the API's door broke");
            }
            // Nobody listens any more when the process is already stopping.
            let _ = end.send(());
        });
        running.server = Some((address, handle));
        running.ended = Some(ended);
    }
    // Last: whoever hears here that this process is ready finds its other doors open.
    if let Some(address) = config.server.monitoring_listen {
        let door = http::serve_monitoring(app, address);
        let (address, handle, serving) = door.map_err(door_error(MONITORING_LISTEN, address))?;
        // Probes are answered until the end, so no stop waits for this door.
        Tasks::serve(async move {
            if let Err(error) = serving.await {
                tracing::error!(error = %error, "the door for probes and measures broke");
            }
        });
        running.monitoring = Some((address, handle));
    }
    Ok(running)
}

/// Starts everything that delivers, reads, tells, seals and lets go.
fn work(app: &App) {
    app.tasks.spawn(worker::run(app.clone()));
    app.tasks.spawn(poll::run(app.clone()));
    app.tasks.spawn(details::run(app.clone()));
    app.tasks.spawn(countdowns::run(app.clone()));
    app.tasks.spawn(expiry::run(app.clone()));
    app.tasks.spawn(alerts::run(app.clone()));
    app.tasks.spawn(sweep::run(app.clone()));
    app.tasks.spawn(retention::run(app.clone()));
    app.tasks.spawn(files::run(app.clone()));
    app.tasks.spawn(notify::run(app.clone()));
    app.tasks.spawn(notary::run(app.clone()));
    vouching::start(app);
    app.tasks.spawn(mail::run(app.clone()));
}

/// Tries what would keep a gateway from starting and needs no store, so that a refused start leaves
/// nothing behind: leases, the index, Redis's address, the port.
///
/// # Errors
/// As [`start`].
pub fn rehearse(config: &Config, roles: Roles) -> anyhow::Result<()> {
    for profile in config.profiles()?.iter() {
        check_lease(profile, &config.delivery.worker)?;
    }
    Routing::open(config.routing.index.clone(), None)?;
    if let Some(url) = &config.redis.url {
        redis_client(url)?;
    }
    if let Some(authority) = &config.proof.timestamp {
        vouching::trusted(authority)?;
    }
    let api = roles.api.then_some((LISTEN, config.server.listen));
    let monitoring = config
        .server
        .monitoring_listen
        .map(|address| (MONITORING_LISTEN, address));
    let admin = roles.admin.then_some((ADMIN_LISTEN, config.admin.listen));
    // Held together: two settings with one address must not both find it free.
    let mut held = Vec::new();
    for (setting, address) in api.into_iter().chain(monitoring).chain(admin) {
        held.push(TcpListener::bind(address).map_err(door_error(setting, address))?);
    }
    Ok(())
}

fn door_error(
    setting: &'static str,
    address: SocketAddr,
) -> impl FnOnce(std::io::Error) -> DoorError {
    move |source| DoorError {
        setting,
        address,
        source,
    }
}

/// The address of the dashboard, as people see it.
fn dashboard(config: &Config) -> String {
    let listen = || format!("http://{}", config.admin.listen);
    config.admin.public_url.clone().unwrap_or_else(listen)
}

/// Puts the parts together without starting anything that acts by itself.
pub(crate) fn assemble(
    config: &Config,
    clock: Arc<dyn Clock>,
    store: Store,
) -> anyhow::Result<App> {
    let profiles = config.profiles()?;
    let settings = config.delivery.clone();
    for profile in profiles.iter() {
        check_lease(profile, &settings.worker)?;
    }
    let owner = owner(&*clock);
    let limits = Limits::new(Arc::clone(&clock), sharing(config, &store, &owner)?);
    for profile in profiles.iter() {
        for environment in [Environment::Test, Environment::Live] {
            let instance = Instance {
                opco: profile.opco,
                number: profile.instance,
            };
            limits.declare(
                System {
                    instance,
                    environment,
                },
                limit(profile),
            );
        }
    }
    let tasks = Tasks::default();
    let inbox = Arc::new(Inbox::default());
    let metrics = Metrics::new();
    let live = opco::lookup::Lookup::new(&config.lookup, Arc::clone(&clock))
        .map_err(|fault| anyhow::anyhow!("the live lookups cannot start: {}", fault.detail))?
        .map(Arc::new);
    Ok(App::new(Parts {
        transport: Transport::new(Arc::clone(&clock), &config.transport.settings())?,
        seed: Seed::shipped()?,
        editor: config.editor.headers(),
        routing: Routing::open(config.routing.index.clone(), live)?,
        breakers: Breakers::new(settings.breaker.clone()),
        committer: Committer::start(&store, &metrics, &inbox),
        metrics,
        notifier: Notifier::new(&config.webhook).context("the way to the ERPs cannot be opened")?,
        settler: Settler::start(&store),
        inbox,
        files: config.files.open(&config.database)?,
        http: http::State::new(&config.server, &config.files, &config.convergence),
        views: Views::default(),
        papers: Papers::default(),
        profiles,
        ceilings: Ceilings::default(),
        limits,
        clock,
        store,
        tasks,
        settings,
        mailer: config
            .smtp
            .as_ref()
            .map(Mailer::new)
            .transpose()
            .context("the way to the mail server cannot be opened")?,
        link: dashboard(config),
        alerts: config.alerts.clone(),
        retention: config.retention.clone(),
        shredded: AtomicBool::new(true),
        drift: Drift::default(),
        proof: config.proof.clone(),
        vouching: Vouching::new(&config.proof)?,
        owner,
    }))
}

impl Running {
    /// Returns where the API listens, if this process has that role.
    pub fn address(&self) -> Option<SocketAddr> {
        self.server.as_ref().map(|(address, _)| *address)
    }

    /// Returns where probes and measures are answered alone, if they are.
    pub fn monitoring_address(&self) -> Option<SocketAddr> {
        self.monitoring.as_ref().map(|(address, _)| *address)
    }

    /// Returns where the dashboard and the admin API listen, if this process has that role.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(|(address, _)| *address)
    }

    /// Ends when the API's door has closed by itself, which only a fault makes it do.
    pub async fn ended(&mut self) {
        match self.ended.as_mut() {
            // A door that was never opened never closes.
            None => std::future::pending().await,
            Some(ended) => {
                let _ = ended.await;
            }
        }
    }

    /// Stops: no new request, no new claim; what is under way ends within the bound. Tells whether
    /// all of it did. What did not is claimed again after its lease, and looked for.
    pub async fn stop(mut self) -> bool {
        self.app.tasks.ask_to_stop();
        if let Some((_, handle)) = self.server.take() {
            handle.stop(true).await;
        }
        if let Some((_, handle)) = self.admin.take() {
            handle.stop(true).await;
        }
        // What the last requests claimed is finished like the rest.
        worker::start_claimed(&self.app);
        let ended = self.app.tasks.stop(self.drain).await;
        if !ended {
            tracing::warn!("some work was still under way; its leases will tell");
        }
        if let Err(error) = self.app.store.release_limits(&self.app.owner).await {
            tracing::warn!(error = %error, "the leases of limits lapse by themselves");
        }
        if let Some((_, handle)) = self.monitoring.take() {
            handle.stop(false).await;
        }
        self.app.store.close().await;
        ended
    }
}

fn sharing(config: &Config, store: &Store, owner: &str) -> anyhow::Result<Sharing> {
    let keeper = match store.engine() {
        // One file, one process: there is nobody to share with.
        EngineKind::Sqlite => None,
        EngineKind::Postgres if mutation::planted(Mutation::UnsharedLimit) => None,
        EngineKind::Postgres => Some(Arc::new(Keeper::new(store.clone(), owner.to_owned()))),
    };
    let Some(url) = &config.redis.url else {
        return Ok(keeper.map_or(Sharing::Alone, Sharing::Lease));
    };
    let client = redis_client(url)?;
    Ok(Sharing::Redis(
        Box::new(Shared::new(client, keeper.clone())),
        keeper,
    ))
}

fn redis_client(url: &MaskedUrl) -> anyhow::Result<::redis::Client> {
    ::redis::Client::open(url.expose()).with_context(|| format!("the Redis address {url} is none"))
}

/// How much longer one call may be on its way to an OPCO than another. What the OPCO counts is when
/// calls arrive: those that come back within this time are kept off the burst.
const DELAY_SPREAD: Duration = Duration::from_millis(250);

/// A job whose lease ends under a call could be sent twice.
fn check_lease(profile: &Profile, settings: &worker::Settings) -> anyhow::Result<()> {
    let longest = settings.turn_wait().saturating_add(profile.timeout());
    let lease = settings.lease();
    anyhow::ensure!(
        longest < lease,
        "delivery.worker.lease_s ({} s) must be longer than the longest exchange with {} ({} s)",
        lease.as_secs(),
        profile.opco.slug(),
        longest.as_secs(),
    );
    Ok(())
}

fn limit(profile: &Profile) -> Limit {
    let faster = 1 + u32::from(mutation::planted(Mutation::DoubleLimit));
    let interval = |per_minute: u32| Duration::from_mins(1) / per_minute.max(1) / faster;
    Limit {
        interval: interval(profile.calls_per_minute),
        burst: sheltered(profile.burst, interval(profile.calls_per_minute)),
        in_flight: usize::try_from(profile.in_flight).unwrap_or(1),
        key_interval: profile
            .key_calls_per_minute
            .map_or(Duration::ZERO, interval),
        key_burst: profile
            .key_calls_per_minute
            .map_or(profile.key_burst, |rate| {
                sheltered(profile.key_burst, interval(rate))
            }),
    }
}

/// Returns the burst that leaves room for calls that arrive closer to each other than they left.
fn sheltered(burst: u32, interval: Duration) -> u32 {
    let interval = interval.as_nanos().max(1);
    let back = u32::try_from(DELAY_SPREAD.as_nanos().div_ceil(interval)).unwrap_or(u32::MAX);
    burst.saturating_sub(back).max(1)
}

/// The name of this run of the process, under which it holds leases: never the same twice.
fn owner(clock: &dyn Clock) -> String {
    domain::EventId::new(clock.now()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_leaves_room_for_the_delays_on_the_way() {
        let every = |ms| Duration::from_millis(ms);
        assert_eq!(sheltered(8, every(500)), 7);
        assert_eq!(sheltered(50, every(10)), 25);
        assert_eq!(sheltered(2, every(500)), 1);
        assert_eq!(sheltered(1, every(500)), 1, "a call must be able to leave");
    }
}
