//! From the start of the process to the first good answer of `/health/ready`, with the index of a
//! whole country and a schema that is up to date.
//!
//! Options: `--rounds 10 --rows 4000000`.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;

use crate::database::{Database, Engine};
use crate::figures::{Rounds, machine_load};
use crate::{Ground, option, process, setup};

pub(crate) async fn run(ground: &Ground, rest: &[String]) -> anyhow::Result<()> {
    let rounds: usize = option(rest, "--rounds", 10)?;
    let rows: u64 = option(rest, "--rows", 4_000_000)?;
    println!(
        "start: from the start of `serve` to 200 on /health/ready, index of {rows} establishments, schema\n\
         up to date; beside it a process that only prints the defaults; {rounds} interleaved rounds;\n\
         median (least to most)"
    );
    let (csv, index) = (
        ground.folder.join("siro.csv"),
        ground.folder.join("siro.index"),
    );
    std::fs::write(&csv, table(rows)?)?;
    build(&ground.gateway, &csv, &index).await?;
    let mut sides = Vec::new();
    for engine in Engine::BOTH {
        let word = engine
            .name()
            .split(' ')
            .next()
            .unwrap_or("x")
            .to_lowercase();
        let name = format!("start_{word}");
        let database = Database::new(ground, engine, &name).await?;
        let extra = format!("[routing]\nindex = '{}'\n", index.display());
        // The first start makes the schema and is not measured.
        let gateway = setup::gateway(ground, database.clone(), &name, "api,worker", &extra).await?;
        gateway.process.stop().await?;
        let settings = setup::settings(ground, &database, &name, &extra)?;
        sides.push((engine, name, settings, Rounds::default(), Rounds::default()));
    }
    let mut bare = Rounds::default();
    for _ in 0..rounds {
        bare.keep(defaults(&ground.gateway).await?);
        for (_, name, settings, took, memory) in &mut sides {
            let began = Instant::now();
            let gateway = setup::start(ground, settings, name, "api,worker").await?;
            gateway.ready().await?;
            took.keep(began.elapsed().as_secs_f64() * 1e3);
            memory.keep(process::memory(gateway.pid).0);
            gateway.stop().await?;
        }
    }
    println!(
        "  bare process: {} ms (load {})",
        bare.text(),
        machine_load()
    );
    for (engine, _, _, took, memory) in &sides {
        println!(
            "  {}: ready after {} ms; {} MiB then",
            engine.name(),
            took.text(),
            memory.text()
        );
    }
    Ok(())
}

/// Builds the index and says how long it took.
async fn build(program: &Path, csv: &Path, index: &Path) -> anyhow::Result<()> {
    let began = Instant::now();
    let built = tokio::process::Command::new(program)
        // Made up of a few agreements only, which the guard of the import takes for a partial file.
        .args(["index", "build", "--allow-small"])
        .arg(csv)
        .arg("--output")
        .arg(index)
        .output()
        .await?;
    anyhow::ensure!(
        built.status.success(),
        "index build: {}",
        String::from_utf8_lossy(&built.stderr)
    );
    println!(
        "  index built in {:.2} s, {} MiB",
        began.elapsed().as_secs_f64(),
        std::fs::metadata(index)?.len() / 1_048_576
    );
    Ok(())
}

async fn defaults(program: &Path) -> anyhow::Result<f64> {
    let began = Instant::now();
    let ran = tokio::process::Command::new(program)
        .args(["config", "default"])
        .output()
        .await?;
    anyhow::ensure!(ran.status.success(), "config default failed");
    Ok(began.elapsed().as_secs_f64() * 1e3)
}

/// Writes a table in the public layout: one establishment a company, agreements in turn.
fn table(rows: u64) -> anyhow::Result<String> {
    const ENDS: [&str; 5] = [
        "|1979|AKTO|",
        "|1486|ATLAS|",
        "|1596|CONSTRUCTYS|",
        "|1147|OPCO EP|",
        "|2511|AFDAS|",
    ];
    let mut text = String::with_capacity(usize::try_from(rows)? * 34);
    text.push_str("SIRET|IDCC|OPCO_PROPRIETAIRE|OPCO_GESTION\n");
    let step = 89_000_000 / rows.max(1);
    anyhow::ensure!(step > 0, "at most 89 million establishments");
    for n in 0..rows {
        let company = format!("{:08}", 10_000_000 + n * step);
        let first = format!("{company}{}0001", check_digit(&company));
        let end = ENDS.get((n % 5) as usize).context("five ends")?;
        writeln!(text, "{first}{}{end}", check_digit(&first))?;
    }
    Ok(text)
}

/// Returns the check digit to put after these digits.
fn check_digit(digits: &str) -> u32 {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let n = u32::from(digit - b'0') << (1 - place % 2);
            if n > 9 { n - 9 } else { n }
        })
        .sum();
    (10 - sum % 10) % 10
}
