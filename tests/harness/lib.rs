//! What the tests of the whole gateway are made of: both engines, an OPCO simulator, a network,
//! an ERP, and the product itself, in this process or as its own.
//!
//! Nothing here sleeps and hopes: [`wait::until`] asks again, within a bound.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a test harness fails by panicking"
)]

pub mod database;
pub mod desk;
pub mod erp;
pub mod gateway;
pub mod network;
pub mod norm;
pub mod opcos;
pub mod payload;
pub mod pieces;
pub mod postbox;
pub mod process;
pub mod receiver;
pub mod redis;
pub mod scene;
pub mod stage;
pub mod vouchers;
pub mod wait;

/// Returns a variable by which tests are told of servers, when it is there.
#[expect(
    clippy::disallowed_methods,
    reason = "tests are told of their servers by the environment"
)]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Returns a folder of the test's own, which nobody else writes to.
pub fn folder(what: &str) -> std::path::PathBuf {
    let name = format!("cfa-gateway-{what}-{}", uuid::Uuid::now_v7());
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Installs the one TLS provider, as the product's `main` does.
pub fn tls() {
    // Another test of this process may have been first.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}
