//! The simulated OPCOs as a process of their own: no limits, bodies not kept, ledger on disk.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use simulator::{Overrides, SLUGS, Settings};

/// Runs until killed: `opcos LEDGER SETTINGS`, where SETTINGS is written for the gateway.
pub(crate) async fn run(rest: &[String]) -> anyhow::Result<()> {
    let [ledger, settings] = rest else {
        bail!("opcos LEDGER SETTINGS");
    };
    let running = simulator::start(Settings {
        ledger: Some(PathBuf::from(ledger)),
        keep_payloads: false,
        remembered_requests: 0,
        opcos: SLUGS
            .into_iter()
            .map(|slug| {
                let free = Overrides {
                    no_rate_limit: true,
                    ..Overrides::default()
                };
                (slug.to_owned(), free)
            })
            .collect(),
        ..Settings::default()
    })
    .await?;
    let mut text = String::new();
    for slug in SLUGS {
        let base = running.base_url(slug).context("an OPCO without address")?;
        let token = running.token_url(slug);
        text.push_str(&section(slug, &base, token.as_deref()));
    }
    std::fs::write(settings, text)?;
    println!(
        "{}",
        serde_json::json!({ "address": running.address.to_string() })
    );
    std::future::pending::<()>().await;
    Ok(())
}

/// The settings of one OPCO: where it is, and no limit that would be what is measured.
pub(crate) fn section(slug: &str, base: &str, token: Option<&str>) -> String {
    let token = token.map_or(String::new(), |url| format!("token_url = '{url}'\n"));
    format!(
        "[opco.{slug}]\nbase_url = '{base}'\n{token}calls_per_minute = 600000\nburst = 10000\n\
         in_flight = 6\n"
    )
}

/// The settings of OPCOs that nobody can reach: nobody listens on the first port.
pub(crate) fn nowhere() -> String {
    let slugs = SLUGS.into_iter();
    slugs
        .map(|slug| {
            let base = format!("http://127.0.0.1:1/{slug}");
            section(slug, &base, Some(&format!("{base}/token")))
        })
        .collect()
}
