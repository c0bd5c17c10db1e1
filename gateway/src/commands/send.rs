//! `send FILE…`: posts payloads to a running gateway, as an ERP would.

use std::path::{Path, PathBuf};

use clap::Args;
use domain::{Kind, Status};
use serde::Serialize;
use serde_json::Value;
use store::Standing;

use crate::commands::client::{Api, ApiArgs, detail};
use crate::commands::failure::{Exit, Failure};
use crate::commands::output::Out;
use crate::commands::{Context, input, names, runtime};
use crate::http::words;

/// Arguments of `send`.
#[derive(Debug, Args)]
pub(crate) struct SendArgs {
    #[arg(
        required = true,
        value_name = "FICHIER",
        help = "Contrats (JSON de la norme), ou -"
    )]
    files: Vec<PathBuf>,
    #[arg(
        long,
        value_name = "CLE",
        help = "Clé d'idempotence d'un seul fichier ; sinon une clé neuve par envoi"
    )]
    idempotency_key: Option<String>,
    #[command(flatten)]
    api: ApiArgs,
}

/// What became of one file.
#[derive(Debug, Serialize)]
struct Sent {
    file: String,
    accepted: bool,
    id: Option<String>,
    status: Option<String>,
    opco: Option<String>,
    answer: Value,
    /// Why it waits or is held.
    #[serde(skip)]
    why: Option<String>,
}

/// Sends every file, whatever becomes of the others.
pub(crate) fn run(context: &Context, args: &SendArgs) -> Result<Exit, Failure> {
    let api = args.api.open()?;
    let runtime = runtime()?;
    let mut out = Out::stdout(context.format());
    let mut sent = Vec::new();
    for file in &args.files {
        let one = runtime.block_on(send(&api, file, args.idempotency_key.as_deref()))?;
        sent.push(one);
    }
    let dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    out.list(&["FICHIER", "LIVRAISON", "ÉTAT", "OPCO"], &sent, |one| {
        vec![
            one.file.clone(),
            dash(&one.id),
            one.status.as_deref().map_or_else(
                || "-".to_owned(),
                |status| names::standing(status, one.why.as_deref()),
            ),
            one.opco
                .as_deref()
                .map_or_else(|| "-".to_owned(), names::opco),
        ]
    })?;
    Ok(if sent.iter().all(|one| one.accepted) {
        Exit::Success
    } else {
        Exit::Negative
    })
}

async fn send(api: &Api, file: &Path, key: Option<&str>) -> Result<Sent, Failure> {
    let body = input::read(file)?;
    let key = key.map_or_else(|| uuid::Uuid::now_v7().to_string(), str::to_owned);
    let answer = api
        .post(&format!("/api/v1/{}s", Kind::Dossier), &key, body)
        .await?;
    let text = |name: &str| {
        answer
            .body
            .get(name)
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let accepted = answer.status.is_success();
    let one = Sent {
        file: file.display().to_string(),
        accepted,
        id: text("id"),
        status: if accepted {
            text("status")
        } else {
            Some("refusé".to_owned())
        },
        opco: text("opco"),
        answer: Value::Null,
        why: text("held").or_else(|| text("waiting")),
    };
    if !accepted {
        let said = detail(answer.status, &answer.body);
        crate::commands::output::tell(&format!("{} : {said}", one.file));
    } else if let Some(hold_reason) = text("held").and_then(|word| word.parse().ok()) {
        let standing = Standing {
            status: Status::Held,
            wait_reason: None,
            hold_reason: Some(hold_reason),
            due_at: None,
        };
        let said = words::explanation(&standing, None);
        crate::commands::output::tell(&format!("{} : {said}", one.file));
    }
    Ok(Sent {
        answer: answer.body,
        ..one
    })
}
