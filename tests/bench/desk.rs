//! Pages of the dashboard over many deliveries: how long each takes, from request to the last byte.
//!
//! Options: `--deliveries 1000000 --networks 200 --dossiers 1250 --rounds 30 --engines both|sqlite|postgres`.
//! The deliveries are spread evenly over the networks and over a year; nine in ten are at their OPCO. The
//! network whose pages are read has, beside them, dossiers with a contract, a schedule and three invoices each.

use std::str::FromStr as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::Timestamp;
use domain::clock::{Clock as _, SystemClock};
use domain::id::TenantId;
use domain::person::Role;
use harness::desk::{Browser, Desk, PASSWORD, account};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};
use store::Store;
use store::people::Scope;
use store::tenants::Network;

use crate::database::{Database, Engine, sqlite};
use crate::figures::{machine_load, number, percentile};
use crate::{Ground, ledger, option, setup};

const YEAR_MS: i64 = 365 * 86_400_000;
const EMAIL: &str = "banc@cfa.example";

/// A network's deliveries, `$4` of them, up to the instant `$2`, each `$3` ms before the next. Of a
/// hundred, two are refused, one is held, one given up, one waits, one is looked for.
macro_rules! fill {
    ($numbers:literal, $name:literal, $lane:literal) => {
        concat!(
            $numbers,
            "insert into delivery (tenant_id, delivery_id, environment, kind, status, wait_reason,
                hold_reason, due_at, lane, opco, instance, siret_cfa, attempts, looks, claims,
                numero_interne, fault, created_at, updated_at, finished_at)
            select $1, ",
            $name,
            ", 'live', case i % 4 when 0 then 'dossier' else 'facture' end,
                case i % 100 when 0 then 'rejected' when 1 then 'rejected' when 2 then 'held'
                    when 3 then 'dead' when 4 then 'waiting' when 5 then 'unknown' else 'delivered' end,
                case i % 100 when 4 then 'retry' end, case i % 100 when 2 then 'no_key' end,
                case when i % 100 in (4, 5) then $2 end, ",
            $lane,
            ", case i % 3 when 0 then 'atlas' when 1 then 'akto' else 'afdas' end, 1, '13002526500013',
                1, 0, 1, 'D' || i,
                case when i % 100 in (0, 1) then '{\"kind\":\"rejected\",\"status\":422,\"detail\":\"refused\",'
                    || '\"items\":[{\"code\":\"E' || ((i / 100) % 5) || '\",\"text\":\"Champ employeur.siret inconnu\"}],'
                    || '\"raw\":null,\"retry_after\":null}' end,
                $2 - i * $3, $2 - i * $3, case when i % 100 in (2, 4, 5) then null else $2 - i * $3 end
            from n"
        )
    };
}

const SQLITE: &str = fill!(
    "with recursive n(i) as (select 0 union all select i + 1 from n where i + 1 < $4) ",
    "unhex(printf('%012x70008000%012x', $2 - i * $3, i))",
    "unhex(printf('%012x70008000%012x', $2 - i * $3, i))"
);
const POSTGRES: &str = fill!(
    "with n as (select i from generate_series(0::bigint, $4::bigint - 1) as s(i)) ",
    "(lpad(to_hex($2::bigint - i * $3::bigint), 12, '0') || '70008000' || lpad(to_hex(i), 12, '0'))::uuid",
    "decode(lpad(to_hex($2::bigint - i * $3::bigint), 12, '0') || '70008000' || lpad(to_hex(i), 12, '0'), 'hex')"
);
const PAIRS: &str = "insert into active_pair (tenant_id, opco, instance, environment, touched_at)
    values ($1, 'atlas', 1, 'live', $2), ($1, 'akto', 1, 'live', $2), ($1, 'afdas', 1, 'live', $2)";

const PAGES: [&str; 19] = [
    "/?world=live",
    "/to-fix?world=live",
    "/deliveries?world=live",
    "/deliveries?world=live&status=held",
    "/deliveries?world=live&status=rejected&opco=atlas",
    "/deliveries?world=live&kind=facture&since=2020-01-01",
    "/deliveries?world=live&text=D4999",
    "/admin/v1/causes?world=live",
    "/dossiers?world=live",
    "/dossiers?world=live&etat=ENGAGE&opco=atlas",
    "/money?world=live",
    "/money?world=live&opco=atlas",
    "/orphans?world=live",
    "/alerts",
    "/opcos?world=live",
    "/keys?world=live",
    "/audit",
    "/audit?kind=delivery.accepted",
    "/retention",
];

pub(crate) async fn run(ground: &Ground, rest: &[String]) -> anyhow::Result<()> {
    let deliveries: i64 = option(rest, "--deliveries", 1_000_000)?;
    let networks: i64 = option(rest, "--networks", 200)?.max(1);
    let dossiers: u64 = option(rest, "--dossiers", 1_250)?;
    let rounds: usize = option(rest, "--rounds", 30)?;
    let engines: String = option(rest, "--engines", "both".to_owned())?;
    println!(
        "{deliveries} deliveries over {networks} networks, {dossiers} dossiers in the one that is read, {rounds} rounds; {}",
        machine_load()
    );
    for engine in Engine::BOTH {
        let word = match engine {
            Engine::Sqlite => "sqlite",
            Engine::Postgres => "postgres",
        };
        if engines != "both" && engines != word {
            continue;
        }
        let database = Database::new(ground, engine, "desk").await?;
        let store = setup::open(&database).await?;
        let now = SystemClock.now();
        let begun = Instant::now();
        let tenant = fill(ground, &database, &store, networks, deliveries / networks).await?;
        ledger::fill(&store, tenant, dossiers).await?;
        println!(
            "{}: filled in {:.0} s",
            engine.name(),
            begun.elapsed().as_secs_f64()
        );
        account(&store, tenant, EMAIL, &[(Role::Admin, Scope::Network)], now).await;
        measure(ground, store, rounds).await?;
    }
    println!("{}", machine_load());
    Ok(())
}

/// Makes the networks with their deliveries; returns one of them.
async fn fill(
    ground: &Ground,
    database: &Database,
    store: &Store,
    networks: i64,
    each: i64,
) -> anyhow::Result<TenantId> {
    let now = SystemClock.now();
    let mut last = TenantId::new(now);
    for number in 0..networks {
        last = TenantId::new(now);
        let network = Network {
            id: last,
            name: format!("Réseau {number}"),
            settings: serde_json::json!({}),
            created_at: now,
        };
        store.create_network(&network).await?;
        put(ground, database, last, now, each).await?;
    }
    Ok(last)
}

async fn put(
    ground: &Ground,
    database: &Database,
    tenant: TenantId,
    now: Timestamp,
    each: i64,
) -> anyhow::Result<()> {
    let tenant = uuid::Uuid::from(tenant);
    let (now, step) = (now.as_millisecond(), YEAR_MS / each.max(1));
    macro_rules! put {
        ($conn:expr, $fill:expr, $after:expr) => {{
            let fill = sqlx::query($fill).bind(tenant).bind(now).bind(step);
            fill.bind(each).execute(&mut $conn).await?;
            let pairs = sqlx::query(PAIRS).bind(tenant).bind(now);
            pairs.execute(&mut $conn).await?;
            sqlx::query($after).execute(&mut $conn).await?;
            $conn.close().await?;
        }};
    }
    match database.engine {
        Engine::Sqlite => {
            let mut conn = sqlite(&ground.folder.join("desk.db")).connect().await?;
            put!(conn, SQLITE, "select 1");
        }
        Engine::Postgres => {
            let mut conn = PgConnectOptions::from_str(&database.url)?.connect().await?;
            put!(conn, POSTGRES, "analyze delivery");
        }
    }
    Ok(())
}

async fn measure(ground: &Ground, store: Store, rounds: usize) -> anyhow::Result<()> {
    let settings = "[admin]\nsecond_factor = \"optional\"\n";
    let desk = Desk::open(settings, &ground.folder, Arc::new(SystemClock), store).await;
    let mut browser = Browser::new(&desk.origin);
    browser.sign_in(EMAIL, PASSWORD).await;
    let list = browser.get("/deliveries?world=live").await.text;
    let mut links = list.split("href=\"/deliveries/").skip(1);
    let one = links.find_map(|rest| rest.split('"').next());
    let one = one.map(|rest| format!("/deliveries/{}", rest.replace("&amp;", "&")));
    for page in PAGES.iter().map(|page| (*page).to_owned()).chain(one) {
        let mut took = Vec::with_capacity(rounds);
        let mut first = Duration::ZERO;
        for round in 0..=rounds {
            let begun = Instant::now();
            let answer = browser.get(&page).await;
            anyhow::ensure!(answer.status == 200, "{page}: {}", answer.status);
            // The first opens and warms what the others find.
            if round > 0 {
                took.push(begun.elapsed());
            } else {
                first = begun.elapsed();
            }
        }
        took.sort_unstable();
        let (middle, worst) = (percentile(&took, 0.5), percentile(&took, 0.95));
        println!(
            "  {:>8} ms, 95th {:>8} ms, first {:>8} ms  {page}",
            number(middle),
            number(worst),
            number(first.as_secs_f64() * 1_000.0)
        );
    }
    desk.close().await;
    Ok(())
}
