//! `demo`: the eleven OPCOs and the gateway in one process; every story a contract can have, sent
//! over HTTP as an ERP does, and checked against the OPCOs' own ledgers.

mod contract;
mod course;
mod erp;
mod life;
mod network;
mod place;
mod report;
mod steps;
mod stories;
mod verdict;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use domain::clock::{Clock, ScaledClock, SystemClock};
use opco::Seed;

use self::course::Course;
use self::place::Place;
use self::report::Summary;
use self::steps::Steps;
use crate::commands::failure::{Code, Exit, Failure};
use crate::commands::output::{Out, tell};
use crate::commands::{Context, runtime, simulator as opcos, stop};
use crate::config::{Config, MaskedUrl};
use crate::opening;
use crate::start::{self, Roles};
use crate::telemetry::{Logs, Settings as LogSettings, Telemetry};

/// How fast the demo's clock runs unless told otherwise.
const FACTOR: u32 = 60;

/// How long one stays signed in to the demo's dashboard, on its fast clock.
const SESSION_HOURS: u32 = 720;

/// More contracts than any ledger of the demo holds.
const LEDGER_MAX: usize = 100_000;

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    #[arg(
        long,
        help = "Reste en marche ensuite, et affiche adresses et clés pour essayer"
    )]
    serve: bool,
    #[arg(
        long,
        default_value = "127.0.0.1:0",
        value_name = "ADRESSE:PORT",
        help = "Où écoute la passerelle ; le port 0 en prend un libre"
    )]
    listen: SocketAddr,
    #[arg(
        long,
        default_value = "127.0.0.1:0",
        value_name = "ADRESSE:PORT",
        help = "Où écoute le tableau de bord"
    )]
    admin_listen: SocketAddr,
    #[arg(
        long,
        default_value = "127.0.0.1:0",
        value_name = "ADRESSE:PORT",
        help = "Où écoute le simulateur des OPCO"
    )]
    simulator_listen: SocketAddr,
    #[arg(
        long,
        default_value_t = FACTOR,
        value_parser = clap::value_parser!(u32).range(1..=600),
        value_name = "FOIS",
        help = "Vitesse de l'horloge commune à la passerelle et au simulateur [60]"
    )]
    clock_factor: u32,
    #[arg(
        long,
        default_value_t = 0,
        value_name = "N",
        help = "Change les apprentis"
    )]
    seed: u64,
    #[arg(
        long,
        value_name = "DOSSIER",
        help = "Garde la base et le registre des OPCO dans ce dossier, vide ou nouveau"
    )]
    keep: Option<PathBuf>,
    #[arg(short, long, help = "Affiche aussi le journal de la passerelle")]
    verbose: bool,
}

/// Everything that runs.
struct Running {
    opcos: simulator::Running,
    gateway: start::Running,
    url: String,
}

/// Runs the demo; success means that every story ended as it must.
pub(crate) fn run(context: &Context, args: &DemoArgs) -> Result<Exit, Failure> {
    let config = Config::from_layers(None, [])
        .map_err(|error| Failure::internal("reading the default settings", error))?;
    let telemetry = Telemetry::start(&logs(&config, args.verbose), Logs::Stderr)
        .map_err(|error| Failure::internal("starting the logs", error))?;
    let ran = runtime()?.block_on(play(context, args, config));
    telemetry.stop();
    ran
}

/// Nothing by default: what goes wrong on purpose would drown what is shown.
fn logs(config: &Config, verbose: bool) -> LogSettings {
    let filter = if verbose {
        "info,actix_http=off,actix_server=warn"
    } else {
        "off"
    };
    LogSettings {
        filter: filter.to_owned(),
        otlp_endpoint: None,
        ..config.telemetry.clone()
    }
}

async fn play(context: &Context, args: &DemoArgs, config: Config) -> Result<Exit, Failure> {
    let mut steps = Steps::new();
    let place = Place::make(args.keep.as_deref())?;
    let clock = Arc::new(ScaledClock::new(SystemClock.now(), args.clock_factor));
    tell(&format!(
        "Horloge ×{} : une minute de la passerelle et des OPCO dure {:.1} s. Délais, limites et \
         reprises sont ceux du produit.",
        args.clock_factor,
        60.0 / f64::from(args.clock_factor)
    ));
    let (running, mut course) = tokio::select! {
        begun = begin(args, config, &place, &clock) => begun?,
        asked = stop::asked() => return asked.map(|()| interrupted(&steps)),
    };
    steps.step(&format!(
        "passerelle {} ; onze OPCO simulés http://{}",
        running.url, running.opcos.address
    ));
    let exit = tokio::select! {
        ran = both_acts(&mut course, &mut steps, args.seed) => Some(ran),
        asked = stop::asked() => {
            asked?;
            None
        }
    };
    let exit = match exit {
        None => interrupted(&steps),
        Some(ran) => {
            let lives = ran?;
            steps.clear();
            let told = (&steps, args.clock_factor);
            let exit = tell_all(context, (&course, &lives), &running, told)?;
            if args.serve {
                let login = network::open_account(course.store(), clock.now()).await?;
                invite(&course, &running, (&place, args.seed), &login)?;
                stop::asked().await?;
            }
            exit
        }
    };
    running.gateway.stop().await;
    running.opcos.stop().await;
    if let Some(folder) = place.kept() {
        tell(&format!(
            "Base et registre gardés dans {}.",
            folder.display()
        ));
    }
    Ok(exit)
}

/// Plays the contracts and their accidents, then whole lives.
async fn both_acts(
    course: &mut Course,
    steps: &mut Steps,
    seed: u64,
) -> Result<Vec<life::Story>, Failure> {
    course.run(steps).await?;
    // On the heap: a whole life is a long future.
    Box::pin(life::play(course, steps, seed)).await
}

/// A demo cut short has shown nothing.
fn interrupted(steps: &Steps) -> Exit {
    steps.clear();
    tell("Démonstration interrompue.");
    Exit::Negative
}

/// Starts the OPCOs, then the gateway, then gives both the demo's network.
async fn begin(
    args: &DemoArgs,
    mut config: Config,
    place: &Place,
    clock: &Arc<ScaledClock>,
) -> Result<(Running, Course), Failure> {
    let source = Arc::clone(clock);
    let settings = simulator::Settings {
        bind: args.simulator_listen,
        now: Arc::new(move || source.now().as_millisecond()),
        strict: true,
        ledger: Some(place.file("registre-opco.ndjson")),
        ..simulator::Settings::default()
    };
    let opcos = simulator::start(settings)
        .await
        .map_err(|error| Failure::new(Code::AddressUnavailable, error.to_string()))?;
    config.opco = opcos::places(&opcos)?;
    config.server.listen = args.listen;
    config.admin.listen = args.admin_listen;
    // Whoever plays with a demonstration has no application at hand.
    config.admin.second_factor = admin_api::SecondFactor::Optional;
    // The clock of a demonstration runs fast: a session of an hour would last a minute.
    config.admin.session_hours = SESSION_HOURS;
    config.admin.idle_minutes = SESSION_HOURS * 60;
    let file = place.file("demo.db");
    config.database.url = MaskedUrl::new(format!("sqlite:{}", file.display()));
    config.master_key.file = Some(place.file("master.key"));
    let store = opening::open(&config.database, &config.master_key)
        .await?
        .store;
    let network = network::create(&store, &opcos.handle, clock.now()).await?;
    let roles = Roles {
        api: true,
        worker: true,
        admin: true,
    };
    let shared: Arc<dyn Clock> = clock.clone();
    let gateway = start::start(&config, shared, store.clone(), roles)
        .await
        .map_err(|error| Failure::internal("starting the gateway", format!("{error:#}")))?;
    let address = gateway
        .address()
        .ok_or_else(|| Failure::internal("starting the gateway", "no address"))?;
    let url = format!("http://{address}");
    let handle = opcos.handle.clone();
    let course = Course::new(Arc::clone(clock), handle, store, network, (&url, args.seed))?;
    let running = Running {
        opcos,
        gateway,
        url,
    };
    Ok((running, course))
}

/// Writes the answer, and on standard error whatever did not end as it must.
fn tell_all(
    context: &Context,
    (course, lives): (&Course, &[life::Story]),
    running: &Running,
    (steps, factor): (&Steps, u32),
) -> Result<Exit, Failure> {
    let ledger = running
        .opcos
        .handle
        .ledger_of(None, simulator::Kind::Dossier, 0, LEDGER_MAX)
        .map_err(|error| Failure::internal("reading the ledger", error))?;
    let seed = Seed::shipped().map_err(|error| Failure::internal("capabilities", error))?;
    let entries = ledger.entries.clone();
    let wrong = |told: &course::Told| !verdict::of_story(told, &entries, &seed).is_empty();
    let summary = Summary {
        factor,
        took: steps.elapsed(),
        filed: ledger.total,
    };
    let mut out = Out::stdout(context.format());
    report::write(&mut out, &course.told, wrong, &summary)?;
    report::lives(&mut out, lives)?;
    let firsts: Vec<_> = ledger
        .entries
        .into_iter()
        .filter(|entry| !lives.iter().any(|life| life.is_of(entry)))
        .collect();
    let mut complaints = verdict::complaints(&course.told, &firsts, &seed);
    complaints.extend(life::complaints(lives, &running.opcos.handle));
    for complaint in &complaints {
        tell(&format!("inattendu : {complaint}"));
    }
    Ok(if complaints.is_empty() {
        Exit::Success
    } else {
        Exit::Negative
    })
}

/// Says where everything is and gives something to send.
fn invite(
    course: &Course,
    running: &Running,
    (place, seed): (&Place, u64),
    login: &network::Login,
) -> Result<(), Failure> {
    let sample = place.file("contrat.json");
    let contract = course.another(seed).unwrap_or_default();
    std::fs::write(&sample, format!("{contract:#}")).map_err(|error| {
        Failure::new(
            Code::OutputFailed,
            format!("{} : {error}", sample.display()),
        )
    })?;
    let root = format!("http://{}", running.opcos.address);
    let url = &running.url;
    let desk = running
        .gateway
        .admin_address()
        .map_or_else(String::new, |address| format!("http://{address}/"));
    let mut lines = vec![
        String::new(),
        "La démonstration reste en marche ; Ctrl-C pour arrêter.".to_owned(),
        format!("  API et sa documentation : {url}/api/v1, {url}/docs/"),
        format!("  tableau de bord : {desk}"),
        format!(
            "    adresse {}, mot de passe {}",
            login.email,
            login.password.expose()
        ),
        format!("  OPCO simulés et leur contrôle : {root}/, {root}/control/summary"),
    ];
    let network = course.network();
    let key_of = |erp: &network::Erp| format!("  clé de l'{} : {}", erp.name, erp.key.expose());
    lines.extend(network.erps.iter().map(key_of));
    lines.extend(
        network
            .sites
            .iter()
            .map(|site| format!("  {} : SIRET {}, UAI {}", site.name, site.siret, site.uai)),
    );
    if let Some(erp) = network.erps.first() {
        lines.push("Envoyer un contrat :".to_owned());
        lines.push(format!(
            "  curl -i -H 'Authorization: Bearer {}' -H 'Content-Type: application/json' \
             --data @{} {url}/api/v1/dossiers",
            erp.key.expose(),
            sample.display(),
        ));
    }
    lines.push("Mettre un OPCO en panne :".to_owned());
    lines.push(format!(
        "  curl -X POST -H 'Content-Type: application/json' -d '{{\"kind\":\"down\"}}' \
         {root}/control/akto/faults"
    ));
    tell(&lines.join("\n"));
    Ok(())
}
