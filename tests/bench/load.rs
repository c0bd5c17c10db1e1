//! The load: kept connections that send contracts, as fast as they are answered or at a set rate.
//!
//! HTTP/1.1 by hand over one socket each, because a client library costs as much as what is
//! measured. Only this machine is ever called.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::LocalSet;

use crate::contracts::Contracts;

/// The longest one run may last.
const RUN_MAX: Duration = Duration::from_mins(30);

/// What is loaded, and how one signs in there.
pub(crate) struct Target {
    /// The gateway.
    pub(crate) address: SocketAddr,
    /// The ERP's key.
    pub(crate) key: String,
    /// What is sent.
    pub(crate) contracts: Contracts,
    /// The number of the next contract: none is ever sent twice.
    pub(crate) next: Cell<u64>,
}

/// What came of one run.
#[derive(Debug, Default, Clone)]
pub(crate) struct Outcome {
    /// Contracts acknowledged, warm-up included.
    pub(crate) accepted: u64,
    /// Contracts acknowledged in the measured time.
    pub(crate) measured: u64,
    /// The measured time.
    pub(crate) took: Duration,
    /// The time of each measured answer, sorted.
    pub(crate) latencies: Vec<Duration>,
}

impl Outcome {
    /// Contracts acknowledged in a second.
    pub(crate) fn rate(&self) -> f64 {
        self.measured as f64 / self.took.as_secs_f64()
    }
}

/// One kept connection.
struct Line {
    stream: TcpStream,
    out: Vec<u8>,
    answer: Vec<u8>,
}

impl Line {
    async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        ensure!(address.ip().is_loopback(), "only this machine is loaded");
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            out: Vec::with_capacity(8_192),
            answer: Vec::with_capacity(8_192),
        })
    }

    /// Sends one contract and returns the status of the answer.
    async fn send(&mut self, target: &Target, n: u64) -> anyhow::Result<u16> {
        let mut body = Vec::with_capacity(5_000);
        target.contracts.write(n, &mut body);
        self.out.clear();
        let head = format!(
            "POST /api/v1/dossiers HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\nidempotency-key: contract-{n}\r\n\
             content-length: {}\r\n\r\n",
            target.address,
            target.key,
            body.len()
        );
        self.out.extend_from_slice(head.as_bytes());
        self.out.extend_from_slice(&body);
        self.stream.write_all(&self.out).await?;
        self.read().await
    }

    async fn read(&mut self) -> anyhow::Result<u16> {
        self.answer.clear();
        loop {
            if self.stream.read_buf(&mut self.answer).await? == 0 {
                bail!("the connection was closed in the middle of an answer");
            }
            let Some(head) = self.answer.windows(4).position(|part| part == b"\r\n\r\n") else {
                continue;
            };
            let text = std::str::from_utf8(&self.answer[..head])?;
            let status = text.get(9..12).context("no status")?.parse()?;
            let length: usize = text
                .lines()
                .find_map(|line| {
                    let (name, value) = line.split_once(':')?;
                    name.eq_ignore_ascii_case("content-length")
                        .then(|| value.trim().parse().ok())?
                })
                .unwrap_or(0);
            let whole = head + 4 + length;
            while self.answer.len() < whole {
                if self.stream.read_buf(&mut self.answer).await? == 0 {
                    bail!("the connection was closed in the middle of an answer");
                }
            }
            return Ok(status);
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.answer).into_owned()
    }
}

/// Asks for one page and returns its status.
pub(crate) async fn get(address: SocketAddr, path: &str) -> anyhow::Result<u16> {
    fetch(address, path).await.map(|(status, _)| status)
}

/// Asks for one page and returns its status and body.
pub(crate) async fn fetch(address: SocketAddr, path: &str) -> anyhow::Result<(u16, String)> {
    let mut line = Line::open(address).await?;
    let head = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n\r\n");
    line.stream.write_all(head.as_bytes()).await?;
    let status = line.read().await?;
    let text = line.text();
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    Ok((status, body.to_owned()))
}

/// When a closed loop ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Until {
    /// After a warm-up that is not counted, and a time that is.
    Time(Duration, Duration),
    /// After this many contracts; all are counted.
    Sent(u64),
}

/// Sends on `connections` lines, each as soon as its last contract was answered.
pub(crate) async fn closed(
    target: &Rc<Target>,
    connections: usize,
    until: Until,
) -> anyhow::Result<Outcome> {
    let began = Instant::now();
    let (from, end, last) = match until {
        Until::Time(warm, span) => (began + warm, began + warm + span, u64::MAX),
        Until::Sent(count) => (began, began + RUN_MAX, target.next.get() + count),
    };
    let outcome = Rc::new(RefCell::new(Outcome::default()));
    let local = LocalSet::new();
    let mut lines = Vec::with_capacity(connections);
    for _ in 0..connections {
        let (target, outcome) = (Rc::clone(target), Rc::clone(&outcome));
        lines.push(local.spawn_local(async move {
            let mut line = Line::open(target.address).await?;
            while Instant::now() < end && target.next.get() < last {
                let n = target.next.replace(target.next.get() + 1);
                let sent = Instant::now();
                expect_accepted(&mut line, &target, n).await?;
                let done = Instant::now();
                let mut outcome = outcome.borrow_mut();
                outcome.accepted += 1;
                if sent >= from && done <= end {
                    outcome.measured += 1;
                    outcome.latencies.push(done - sent);
                }
            }
            anyhow::Ok(())
        }));
    }
    local.run_until(all(lines)).await?;
    let mut outcome = outcome.borrow().clone();
    outcome.took = match until {
        Until::Time(_, span) => span,
        Until::Sent(_) => began.elapsed(),
    };
    outcome.latencies.sort_unstable();
    Ok(outcome)
}

/// Sends at a constant rate. Each latency counts from the instant at which the contract was due, so
/// that a stall is felt by everything that should have been sent meanwhile.
pub(crate) async fn open(
    target: &Rc<Target>,
    connections: usize,
    rate: f64,
    warm: Duration,
    span: Duration,
) -> anyhow::Result<Outcome> {
    let (bell, due) = mpsc::unbounded_channel::<Instant>();
    let began = Instant::now();
    let count = ((warm + span).as_secs_f64() * rate) as u64;
    // A thread of its own keeps time: the runtime's timers are a millisecond coarse.
    std::thread::spawn(move || {
        for n in 0..count {
            let at = began + Duration::from_secs_f64(n as f64 / rate);
            std::thread::sleep(at.saturating_duration_since(Instant::now()));
            if bell.send(at).is_err() {
                return;
            }
        }
    });
    let from = began + warm;
    let due = Rc::new(tokio::sync::Mutex::new(due));
    let outcome = Rc::new(RefCell::new(Outcome::default()));
    let local = LocalSet::new();
    let mut lines = Vec::with_capacity(connections);
    for _ in 0..connections {
        let (target, outcome, due) = (Rc::clone(target), Rc::clone(&outcome), Rc::clone(&due));
        lines.push(local.spawn_local(async move {
            let mut line = Line::open(target.address).await?;
            loop {
                let Some(at) = due.lock().await.recv().await else {
                    return anyhow::Ok(());
                };
                let n = target.next.replace(target.next.get() + 1);
                expect_accepted(&mut line, &target, n).await?;
                let mut outcome = outcome.borrow_mut();
                outcome.accepted += 1;
                if at >= from {
                    outcome.measured += 1;
                    outcome.latencies.push(at.elapsed());
                }
            }
        }));
    }
    local.run_until(all(lines)).await?;
    let mut outcome = outcome.borrow().clone();
    outcome.took = span;
    outcome.latencies.sort_unstable();
    Ok(outcome)
}

async fn expect_accepted(line: &mut Line, target: &Target, n: u64) -> anyhow::Result<()> {
    let status = line.send(target, n).await?;
    if status == 202 {
        return Ok(());
    }
    bail!("contract {n} was answered {}", line.text())
}

async fn all(lines: Vec<tokio::task::JoinHandle<anyhow::Result<()>>>) -> anyhow::Result<()> {
    for line in lines {
        line.await??;
    }
    Ok(())
}
