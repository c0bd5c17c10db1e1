//! Erasures done again after an older copy of the database was put back: the log that was kept elsewhere
//! says which.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use domain::id::{DeliveryId, DossierId};
use serde::Deserialize;
use serde_json::json;

use super::{Desk, InNetwork};
use crate::commands::failure::{Code, Failure};
use crate::commands::input;
use crate::privacy::again;

#[derive(Debug, Subcommand)]
pub(super) enum PrivacyCommand {
    #[command(
        about = "Refait, après une restauration, les effacements que dit un export du journal"
    )]
    Reapply(Reapply),
}

#[derive(Debug, Args)]
pub(super) struct Reapply {
    #[command(flatten)]
    network: InNetwork,
    #[arg(
        long,
        value_name = "FICHIER",
        help = "L'export du journal en NDJSON ; - pour l'entrée standard"
    )]
    from: PathBuf,
}

/// A line of the log, as far as it matters here.
#[derive(Deserialize)]
struct Line {
    kind: String,
    delivery_id: Option<DeliveryId>,
    dossier_id: Option<DossierId>,
}

pub(super) async fn run(desk: &mut Desk, command: PrivacyCommand) -> Result<(), Failure> {
    let PrivacyCommand::Reapply(asked) = command;
    let tenant = desk.network(&asked.network).await?.id;
    let bytes = input::read(&asked.from)?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::new(Code::InputInvalid, "le fichier n'est pas en UTF-8"))?;
    let mut lines = Vec::new();
    for (number, line) in text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
    {
        let line: Line = serde_json::from_str(line).map_err(|_| {
            let said = format!("ligne {} : ce n'est pas une ligne du journal", number + 1);
            Failure::new(Code::InputInvalid, said)
        })?;
        lines.extend(Some(line).filter(|line| line.kind == again::ERASED));
    }
    let actor = format!("cli:{}", desk.author);
    let (mut done, mut left) = (0_u64, 0_u64);
    for line in &lines {
        let what = match (line.delivery_id, line.dossier_id) {
            (Some(id), _) => again::What::Delivery(id),
            (None, Some(id)) => again::What::Dossier(id),
            (None, None) => continue,
        };
        if again::apply(&desk.store, tenant, what, (&actor, desk.now)).await? {
            done += 1;
        } else {
            left += 1;
        }
    }
    desk.store.scrub().await?;
    let told = [json!({ "erased": done, "already_erased_or_unknown": left })];
    desk.out.list(
        &["EFFACÉS DE NOUVEAU", "DÉJÀ EFFACÉS OU INCONNUS"],
        &told,
        |line| {
            vec![
                line["erased"].to_string(),
                line["already_erased_or_unknown"].to_string(),
            ]
        },
    )
}
