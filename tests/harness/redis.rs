//! A Redis server of the test's own, which it may stop and start.

use std::net::TcpListener;
use std::process::Stdio;

use tokio::process::{Child, Command};

use crate::{variable, wait};

/// A private server on a port of its own; it keeps nothing on disk.
#[derive(Debug)]
pub struct Redis {
    port: u16,
    child: Option<Child>,
}

impl Redis {
    /// Starts one; nothing, with a word, where `redis-server` is not installed.
    pub async fn start() -> Option<Self> {
        let found = Command::new("redis-server").arg("--version").output().await;
        if found.is_err() {
            assert!(
                variable("CI_REQUIRE_PG").is_none(),
                "redis-server is required here"
            );
            eprintln!("skipped: redis-server is not installed");
            return None;
        }
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let mut redis = Self { port, child: None };
        redis.again().await;
        Some(redis)
    }

    /// Returns its address.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Starts it again, empty, on the same port.
    pub async fn again(&mut self) {
        let child = Command::new("redis-server")
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        self.child = Some(child);
        let place = ("127.0.0.1", self.port);
        wait::until("Redis answers", async || {
            tokio::net::TcpStream::connect(place).await.ok()
        })
        .await;
    }

    /// Kills it: what it remembered is gone.
    pub async fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().await.unwrap();
        }
    }
}
