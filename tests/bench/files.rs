//! Files streamed in: the memory of the gateway over its rest, one file at a time and all at once.
//!
//! Options: `--files 100 --bytes 10000000 --engine sqlite`.

use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use harness::pieces;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

use crate::database::{Database, Engine};
use crate::figures::machine_load;
use crate::load::Target;
use crate::{Ground, opcos, option, process, setup};

/// How much is written to one connection before the others have their turn.
const CHUNK: usize = 64 * 1024;
/// Between the parts of a body.
const BOUNDARY: &str = "limite-des-parties";
/// The longest the files may take.
const WITHIN: Duration = Duration::from_mins(10);

pub(crate) async fn run(ground: &Ground, rest: &[String]) -> anyhow::Result<()> {
    let files: u64 = option(rest, "--files", 100)?;
    let bytes: usize = option(rest, "--bytes", 10_000_000)?;
    let engine = match option(rest, "--engine", "sqlite".to_owned())?.as_str() {
        "sqlite" => Engine::Sqlite,
        _ => Engine::Postgres,
    };
    println!(
        "files: documents with a PDF of {bytes} bytes, each of a contract of its own, as multipart/form-data to a\n\
         gateway with the role api that keeps them sealed in a folder. Resident MiB of the gateway: at rest, with\n\
         every contract handed in; at its highest while {files} come one after the other; at its highest while\n\
         {files} others come at once, each on its own connection, {CHUNK} bytes in turn"
    );
    let database = Database::new(ground, engine, "files").await?;
    let folder = ground.folder.join("custody");
    let settings = format!(
        "[files]\nfolder = '{}'\n{}",
        folder.display(),
        opcos::nowhere()
    );
    let gateway = setup::gateway(ground, database, "files", "api", &settings).await?;
    let pid = gateway.process.pid;
    let mut contracts = Vec::new();
    for n in 1..=files * 2 {
        contracts.push(setup::submit(&gateway.target, n).await?);
    }
    let (in_turn, at_once) = contracts.split_at(contracts.len() / 2);
    let file = Rc::new(pieces::pdf(bytes));
    tokio::time::sleep(Duration::from_secs(2)).await;

    let rest = process::memory(pid).0;
    process::forget_peak(pid)?;
    let began = Instant::now();
    for contract in in_turn {
        upload(&gateway.target, contract, &file).await?;
    }
    let (one_by_one, alone) = (began.elapsed(), process::memory(pid).1);

    let before = process::memory(pid).0;
    process::forget_peak(pid)?;
    let cpu = process::seconds(pid);
    let took = together(&gateway.target, at_once, &file).await?;
    let peak = process::memory(pid).1;
    let cpu = process::seconds(pid) - cpu;

    let kept = gateway.database.count(KEPT).await?;
    ensure!(kept == files * 2, "{} handed in, {kept} kept", files * 2);
    let total = files as f64 * bytes as f64 / 1e6;
    println!(
        "\n{} (load {})\n  at rest {rest:.0}; one at a time, highest {alone:.0} (+{:.0}), {:.1} s, {:.0} MB/s\n  \
         {files} at once: from {before:.0}, highest {peak:.0} (+{:.0} over rest, {:.0} KiB a file), {:.1} s, {:.0} MB/s, \
         {:.1} ms of CPU a MB\n  check: {kept} files kept",
        engine.name(),
        machine_load(),
        alone - rest,
        one_by_one.as_secs_f64(),
        total / one_by_one.as_secs_f64(),
        peak - rest,
        (peak - rest) * 1024.0 / files as f64,
        took.as_secs_f64(),
        total / took.as_secs_f64(),
        cpu * 1e3 / total,
    );
    gateway.process.stop().await
}

/// Hands in the documents of several contracts at once; returns how long that took.
async fn together(
    target: &Rc<Target>,
    contracts: &[String],
    file: &Rc<Vec<u8>>,
) -> anyhow::Result<Duration> {
    let began = Instant::now();
    let set = LocalSet::new();
    let mut under_way = Vec::new();
    for contract in contracts {
        let (target, contract, file) = (Rc::clone(target), contract.clone(), Rc::clone(file));
        under_way.push(set.spawn_local(async move { upload(&target, &contract, &file).await }));
    }
    let all = set.run_until(async {
        for one in under_way {
            one.await??;
        }
        anyhow::Ok(())
    });
    tokio::time::timeout(WITHIN, all).await??;
    Ok(began.elapsed())
}

const KEPT: &str = "select count(*) from file where sealed is not null and delivery_id is not null";

/// Hands in a document of a contract, its file in small writes; HTTP/1.1 by hand, so that nothing but the
/// gateway's own pace holds it back.
async fn upload(target: &Target, contract: &str, file: &[u8]) -> anyhow::Result<()> {
    let infos = json!({
        "typeFichier": "CONVENTION_MOBILITE",
        "objets": [{ "typeObjet": "DOSSIER_APPRENTISSAGE" }],
        "livraison_contrat": contract,
    });
    let open = format!(
        "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"infosFichier\"\r\n\
         content-type: application/json\r\n\r\n{infos}\r\n--{BOUNDARY}\r\n\
         content-disposition: form-data; name=\"fichier\"; filename=\"document.pdf\"\r\n\
         content-type: application/pdf\r\n\r\n"
    );
    let close = format!("\r\n--{BOUNDARY}--\r\n");
    let head = format!(
        "POST /api/v1/documents HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\
         content-type: multipart/form-data; boundary={BOUNDARY}\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{open}",
        target.address,
        target.key,
        open.len() + file.len() + close.len()
    );
    ensure!(
        target.address.ip().is_loopback(),
        "only this machine is loaded"
    );
    let mut stream = TcpStream::connect(target.address).await?;
    stream.write_all(head.as_bytes()).await?;
    for chunk in file.chunks(CHUNK) {
        stream.write_all(chunk).await?;
        tokio::task::yield_now().await;
    }
    stream.write_all(close.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.get(9..12).context("no answer")?;
    ensure!(status == "202", "a file was refused: {answer}");
    Ok(())
}
