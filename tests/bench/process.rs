//! Processes under measurement: started, watched through `/proc`, ended with this one.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// Ticks of the kernel's processor accounts in a second.
const TICKS: f64 = 100.0;

/// A process that lives as long as this value.
pub(crate) struct Process {
    child: Child,
    /// Its id.
    pub(crate) pid: u32,
    /// Where it answers.
    pub(crate) address: SocketAddr,
}

impl Process {
    /// Starts a program that says its address as `{"address": …}` in one of its first lines.
    pub(crate) async fn start(program: &Path, args: &[&str], log: &Path) -> anyhow::Result<Self> {
        let mut child = Command::new(program)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(log)?)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        let pid = child.id().context("a process that ended at once")?;
        let out = child.stdout.take().context("no output")?;
        let mut lines = BufReader::new(out).lines();
        let address = loop {
            let line = tokio::time::timeout(Duration::from_mins(1), lines.next_line())
                .await??
                .with_context(|| format!("it said no address: {}", said(log)))?;
            if let Some(address) = address(&line) {
                break address;
            }
        };
        // Its log goes on: reading it away costs this process something, a full pipe would stop it.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self {
            child,
            pid,
            address,
        })
    }

    /// Waits until it can work.
    pub(crate) async fn ready(&self) -> anyhow::Result<()> {
        let until = Instant::now() + Duration::from_secs(30);
        while crate::load::get(self.address, "/health/ready").await.ok() != Some(200) {
            anyhow::ensure!(Instant::now() < until, "it never became ready");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(())
    }

    /// Ends it.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        self.child.kill().await?;
        Ok(())
    }
}

fn said(log: &Path) -> String {
    std::fs::read_to_string(log).unwrap_or_default()
}

fn address(line: &str) -> Option<SocketAddr> {
    let value: serde_json::Value = serde_json::from_str(line).ok()?;
    let text = value.get("address")?.as_str()?;
    text.strip_prefix("http://").unwrap_or(text).parse().ok()
}

/// Seconds of processor time of a process and of its children that ended.
pub(crate) fn seconds(pid: u32) -> f64 {
    ticks(pid).map_or(0.0, |(own, ended)| (own + ended) / TICKS)
}

/// Seconds of processor time of a PostgreSQL server, all its processes together.
pub(crate) fn server_seconds(data: &Path) -> f64 {
    let Some(postmaster) = std::fs::read_to_string(data.join("postmaster.pid"))
        .ok()
        .and_then(|text| text.lines().next()?.trim().parse::<u32>().ok())
    else {
        return 0.0;
    };
    let children: f64 = std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| parent(*pid) == Some(postmaster))
        .map(|pid| ticks(pid).map_or(0.0, |(own, _)| own / TICKS))
        .sum();
    children + seconds(postmaster)
}

/// Returns the memory of a process in MiB: what it holds now, and the most it held.
pub(crate) fn memory(pid: u32) -> (f64, f64) {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let of = |name: &str| {
        text.lines()
            .find_map(|line| {
                line.strip_prefix(name)?
                    .split_whitespace()
                    .next()?
                    .parse()
                    .ok()
            })
            .map_or(0.0, |kib: f64| kib / 1024.0)
    };
    (of("VmRSS:"), of("VmHWM:"))
}

/// Forgets the most memory a process held: it is counted anew from now on.
pub(crate) fn forget_peak(pid: u32) -> anyhow::Result<()> {
    let file = format!("/proc/{pid}/clear_refs");
    std::fs::write(&file, "5").with_context(|| format!("writing {file}"))
}

fn ticks(pid: u32) -> Option<(f64, f64)> {
    let fields = fields(pid)?;
    let tick = |at: usize| fields.get(at)?.parse::<f64>().ok();
    Some((tick(11)? + tick(12)?, tick(13)? + tick(14)?))
}

fn parent(pid: u32) -> Option<u32> {
    fields(pid)?.get(1)?.parse().ok()
}

/// The fields of `/proc/PID/stat` after the name, which may hold spaces.
fn fields(pid: u32) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(") ")?;
    Some(rest.split(' ').map(str::to_owned).collect())
}
