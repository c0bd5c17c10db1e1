//! The product as its own process, to be killed: the gateway, and the simulator that outlives it.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use simulator::{LedgerEntry, RequestEntry};
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};

use crate::database::Database;
use crate::{opcos, wait};

/// What starts the program: `env!("CARGO_BIN_EXE_gateway-under-test")` of a test binary.
#[derive(Debug, Clone, Copy)]
pub struct Program(pub &'static str);

/// A running process and where it writes.
#[derive(Debug)]
pub struct Process {
    /// Where it answers, without a slash at the end.
    pub origin: String,
    /// What it writes to standard output: the log of a gateway.
    pub stdout: PathBuf,
    /// What it writes to standard error.
    pub stderr: PathBuf,
    child: Child,
}

/// A simulator as its own process, with its files.
#[derive(Debug)]
pub struct OpcosProcess {
    /// The process.
    pub process: Process,
    ledger: PathBuf,
    requests: PathBuf,
    client: reqwest::Client,
}

/// How a gateway is started, beyond its settings.
#[derive(Debug, Clone, Copy, Default)]
pub struct Start<'a> {
    /// The step at which it dies: it may be dead before it has said where it answers, and then it
    /// answers nowhere.
    pub failpoint: Option<&'a str>,
    /// The fault planted in it.
    pub mutation: Option<&'a str>,
    /// Its clock, where it is not the machine's.
    pub clock: Option<&'a str>,
    /// What it does, where that is not everything.
    pub roles: Option<&'a str>,
}

/// Numbers the files of the processes that one test starts.
static STARTED: AtomicUsize = AtomicUsize::new(0);

impl Program {
    /// Starts a gateway on a database with these settings, to die at `failpoint` if one is given.
    pub async fn serve(
        self,
        database: &Database,
        settings: &str,
        failpoint: Option<&str>,
    ) -> Process {
        let start = Start {
            failpoint,
            ..Start::default()
        };
        self.start(database, settings, &start).await
    }

    /// Starts a gateway on a database with these settings.
    pub async fn start(self, database: &Database, settings: &str, start: &Start<'_>) -> Process {
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let config = database.folder.join(format!("gateway-{number}.toml"));
        std::fs::write(&config, settings).unwrap();
        let mut command = self.on(database, &config);
        command.args(["serve", "--format", "json"]);
        for (name, value) in [
            ("CFA_GATEWAY_FAILPOINT", start.failpoint),
            ("CFA_GATEWAY_MUTATION", start.mutation),
            ("CFA_GATEWAY_CLOCK", start.clock),
        ] {
            command.envs(value.map(|value| (name, value)));
        }
        command.args(start.roles.map(|roles| format!("--roles={roles}")));
        let mut process = Process::start(command, &database.folder, "gateway", number);
        process.origin = match process.announced().await {
            Err(said) if start.failpoint.is_none() => panic!("the gateway does not answer: {said}"),
            announced => announced.unwrap_or_default(),
        };
        process
    }

    /// Runs a command of the product on a database to its end, with this text as its input.
    pub async fn run(
        self,
        database: &Database,
        settings: &str,
        args: &[&str],
        variables: &[(&str, &str)],
        input: &str,
    ) -> Output {
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let config = database.folder.join(format!("command-{number}.toml"));
        std::fs::write(&config, settings).unwrap();
        let mut command = self.on(database, &config);
        let mut child = command
            .args(args)
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        // A command that reads no input may have ended before it is written.
        let _ = child
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .await;
        tokio::time::timeout(wait::BOUND, child.wait_with_output())
            .await
            .expect("the command ends")
            .unwrap()
    }

    fn on(self, database: &Database, config: &Path) -> Command {
        let mut command = Command::new(self.0);
        command
            .env("CFA_GATEWAY_CONFIG", config)
            .env("CFA_GATEWAY__DATABASE__URL", &database.url)
            .env("CFA_GATEWAY__FILES__FOLDER", database.folder.join("files"))
            .env("CFA_GATEWAY__ADMIN__LISTEN", "127.0.0.1:0")
            .env(
                "CFA_GATEWAY__MASTER_KEY__VALUE",
                STANDARD.encode(database.master),
            )
            .env("TMPDIR", &database.temporary);
        command
    }

    /// Starts a simulator whose ledger and log of calls are files of `folder`. Its OPCOs take
    /// doubles: what keeps a contract from being there twice is the gateway alone.
    #[expect(
        clippy::disallowed_methods,
        reason = "the control of the simulator is no call to an OPCO"
    )]
    pub async fn simulator(self, folder: &Path) -> OpcosProcess {
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let ledger = folder.join(format!("ledger-{number}.jsonl"));
        let requests = folder.join(format!("requests-{number}.jsonl"));
        let mut command = Command::new(self.0);
        command
            .args(["simulator", "--listen", "127.0.0.1:0", "--format", "json"])
            .args(["--ledger".as_ref(), ledger.as_os_str()])
            .args(["--request-log".as_ref(), requests.as_os_str()]);
        let mut process = Process::start(command, folder, "simulator", number);
        process.origin = process.announced().await.unwrap();
        let opcos = OpcosProcess {
            process,
            ledger,
            requests,
            client: reqwest::Client::new(),
        };
        let doubles = serde_json::json!({"duplicates": "accept"});
        opcos.control("all/settings", &doubles).await;
        opcos
    }
}

impl Process {
    fn start(mut command: Command, folder: &Path, what: &str, number: usize) -> Self {
        crate::tls();
        let stdout = folder.join(format!("{what}-{number}.out"));
        let stderr = folder.join(format!("{what}-{number}.err"));
        let child = command
            .stdin(Stdio::null())
            .stdout(std::fs::File::create(&stdout).unwrap())
            .stderr(std::fs::File::create(&stderr).unwrap())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self {
            origin: String::new(),
            stdout,
            stderr,
            child,
        }
    }

    /// Waits until the process says where it answers; what it wrote, if it ends before.
    async fn announced(&mut self) -> Result<String, String> {
        wait::until("an address", async || {
            // A process that dies at once may still have said where it answered.
            let ended = self.child.try_wait().ok().flatten();
            let text = std::fs::read_to_string(&self.stdout).unwrap_or_default();
            let address = text.lines().find_map(|line| {
                let line: Value = serde_json::from_str(line).ok()?;
                Some(line.get("address")?.as_str()?.to_owned())
            });
            match (address, ended) {
                (Some(address), _) => Some(Ok(address)),
                (None, Some(status)) => Some(Err(format!("{status}: {}", self.said()))),
                (None, None) => None,
            }
        })
        .await
    }

    /// Returns everything it wrote.
    pub fn said(&self) -> String {
        let read = |file| std::fs::read_to_string(file).unwrap_or_default();
        format!("{}\n{}", read(&self.stdout), read(&self.stderr))
    }

    /// Returns its number among the processes of the machine, while it runs.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Kills it as `kill -9` does.
    pub async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Waits until it is dead by itself, and tells how it ended.
    pub async fn died(&mut self) -> Option<ExitStatus> {
        tokio::time::timeout(wait::BOUND, self.child.wait())
            .await
            .ok()?
            .ok()
    }

    /// Asks it to stop and waits until it has.
    pub async fn stop(&mut self) -> ExitStatus {
        self.signal("-TERM").await;
        self.died().await.expect("it stops")
    }

    /// Freezes it, as a machine does that swaps or moves.
    pub async fn freeze(&self) {
        self.signal("-STOP").await;
    }

    /// Lets it go on as if no time had passed.
    pub async fn thaw(&self) {
        self.signal("-CONT").await;
    }

    async fn signal(&self, signal: &str) {
        let id = self.child.id().expect("it runs").to_string();
        let sent = Command::new("kill").args([signal, &id]).status().await;
        assert!(sent.unwrap().success());
    }
}

impl OpcosProcess {
    /// Sends an order to the control API: `path` is what follows `/control/`.
    pub async fn control(&self, path: &str, order: &Value) {
        let url = format!("{}/control/{path}", self.process.origin);
        let answer = self.client.post(url).json(order).send().await.unwrap();
        let status = answer.status();
        assert!(status.is_success(), "{}", answer.text().await.unwrap());
    }

    /// Returns the settings that lead a gateway here; `limits` is written for every OPCO.
    pub async fn settings(&self, limits: &str) -> String {
        let url = format!("{}/control/summary", self.process.origin);
        let summary = self.client.get(url).send().await.unwrap();
        let summary: Value = serde_json::from_str(&summary.text().await.unwrap()).unwrap();
        let origin = &self.process.origin;
        let opcos = summary["opcos"].as_array().unwrap().iter();
        opcos
            .map(|opco| {
                let text = |name: &str| opco[name].as_str().unwrap();
                let base = format!("{origin}{}", text("base_path"));
                let token = format!("{origin}{}", text("token_path"));
                opcos::place(text("opco"), &base, &token, limits)
            })
            .collect()
    }

    /// Returns every contract the OPCOs took, from the file.
    pub fn ledger(&self) -> Vec<LedgerEntry> {
        lines(&self.ledger)
    }

    /// Returns every call they received, from the file.
    pub fn requests(&self) -> Vec<RequestEntry> {
        lines(&self.requests)
    }
}

fn lines<T: serde::de::DeserializeOwned>(file: &Path) -> Vec<T> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}
