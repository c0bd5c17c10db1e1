//! Who is told of events, seen and helped by whoever runs the gateway. ERPs make them by the API.

use admin_api::hooks::{self, HookError, Since};
use clap::Subcommand;
use domain::Timestamp;
use domain::id::{TenantId, WebhookId};
use serde::Serialize;
use serde_json::json;
use store::Tx;
use store::webhooks::{self, Endpoint};

use super::{Desk, InNetwork, Why, dash, when};
use crate::commands::failure::{Code, Failure};

#[derive(Debug, Subcommand)]
pub(super) enum WebhookCommand {
    #[command(about = "Liste les webhooks d'un réseau : où en est chacun")]
    List(InNetwork),
    #[command(about = "Reprend les envois, tout de suite, d'où ils s'étaient arrêtés")]
    Enable {
        #[command(flatten)]
        network: InNetwork,
        #[arg(value_name = "ID")]
        id: WebhookId,
        #[command(flatten)]
        why: Why,
    },
    #[command(about = "Arrête les envois ; la position reste, rien n'est perdu")]
    Disable {
        #[command(flatten)]
        network: InNetwork,
        #[arg(value_name = "ID")]
        id: WebhookId,
        #[command(flatten)]
        why: Why,
    },
    #[command(about = "Place le webhook dans le fil : tout ce qui suit est envoyé")]
    Replay {
        #[command(flatten)]
        network: InNetwork,
        #[arg(value_name = "ID")]
        id: WebhookId,
        #[arg(
            long,
            value_name = "POSITION",
            help = "La position après laquelle envoyer ; 0 pour le début"
        )]
        after: u32,
        #[command(flatten)]
        why: Why,
    },
}

#[derive(Debug, Serialize)]
struct Line {
    id: WebhookId,
    label: String,
    /// Only the machine: the rest of an address may hold a secret.
    host: String,
    reason: Option<String>,
    since: Option<Timestamp>,
    position: i64,
    failures: u32,
    failing_since: Option<Timestamp>,
}

pub(super) async fn run(desk: &mut Desk, command: WebhookCommand) -> Result<(), Failure> {
    match command {
        WebhookCommand::List(network) => list(desk, &network).await,
        WebhookCommand::Enable { network, id, why } => {
            let hand = desk.because(&why.reason)?;
            let tenant = desk.network(&network).await?.id;
            let mut tx = desk.store.writing().await?;
            let endpoint = found(&mut tx, tenant, id).await?;
            let done = hooks::resume(&mut tx, &endpoint, &hand).await;
            done.map_err(refused)?;
            tx.commit().await?;
            desk.out
                .record(&json!({ "enabled": id }), &[("repris", id.to_string())])
        }
        WebhookCommand::Disable { network, id, why } => {
            let hand = desk.because(&why.reason)?;
            let tenant = desk.network(&network).await?.id;
            let mut tx = desk.store.writing().await?;
            let endpoint = found(&mut tx, tenant, id).await?;
            let done = hooks::pause(&mut tx, &endpoint, &hand).await;
            done.map_err(refused)?;
            tx.commit().await?;
            desk.out
                .record(&json!({ "disabled": id }), &[("arrêté", id.to_string())])
        }
        WebhookCommand::Replay {
            network,
            id,
            after,
            why,
        } => {
            let hand = desk.because(&why.reason)?;
            let tenant = desk.network(&network).await?.id;
            let mut tx = desk.store.writing().await?;
            let endpoint = found(&mut tx, tenant, id).await?;
            let since = Since::Position(after.into());
            let done = hooks::rewind(&mut tx, &endpoint, since, &hand).await;
            let position = done.map_err(refused)?;
            tx.commit().await?;
            desk.out.record(
                &json!({ "replayed": id, "after": position }),
                &[("repart après", position.to_string())],
            )
        }
    }
}

async fn list(desk: &mut Desk, network: &InNetwork) -> Result<(), Failure> {
    let tenant = desk.network(network).await?.id;
    let mut tx = desk.store.reading().await?;
    let found = webhooks::list(&mut tx, tenant).await?;
    let lines: Vec<Line> = found.into_iter().map(line).collect();
    let titles = [
        "WEBHOOK",
        "NOM",
        "HÔTE",
        "ARRÊTÉ",
        "DEPUIS",
        "POSITION",
        "ÉCHECS",
        "ÉCHOUE DEPUIS",
    ];
    desk.out.list(&titles, &lines, |line| {
        vec![
            line.id.to_string(),
            line.label.clone(),
            line.host.clone(),
            dash(line.reason.as_deref().map(stopped)),
            when(line.since),
            line.position.to_string(),
            line.failures.to_string(),
            when(line.failing_since),
        ]
    })
}

fn line(endpoint: Endpoint) -> Line {
    let url = reqwest::Url::parse(&endpoint.url).ok();
    let host = url.and_then(|url| url.host_str().map(str::to_owned));
    let (reason, since) = endpoint.disabled.unzip();
    Line {
        id: endpoint.id,
        label: endpoint.label,
        host: host.unwrap_or_default(),
        reason,
        since,
        position: endpoint.position,
        failures: endpoint.failures,
        failing_since: endpoint.failing_since,
    }
}

/// Says why nothing is sent any more.
fn stopped(reason: &str) -> &'static str {
    match reason {
        "asked" => "à la demande",
        "gone" => "refusé par l'ERP",
        _ => "après trop d'échecs",
    }
}

/// Returns a webhook, which must be there.
async fn found(tx: &mut Tx, tenant: TenantId, id: WebhookId) -> Result<Endpoint, Failure> {
    let found = webhooks::find(tx, tenant, id).await?;
    found.ok_or_else(|| Failure::new(Code::NotFound, format!("aucun webhook {id}")))
}

fn refused(error: HookError) -> Failure {
    match error {
        HookError::Position(head) => {
            let said = format!("--after : le fil s'arrête à la position {head}");
            Failure::new(Code::InputInvalid, said)
        }
        HookError::Store(error) => error.into(),
        other => Failure::new(Code::NotFound, other.to_string()),
    }
}
