//! What is let go of, and when: the schedule of each class, and what would go now.

use clap::Subcommand;
use serde_json::json;
use store::retention;

use super::{Desk, InNetwork};
use crate::commands::failure::Failure;
use crate::commands::words;
use crate::retention::classes;

#[derive(Debug, Subcommand)]
pub(super) enum RetentionCommand {
    #[command(
        about = "Montre ce que la prochaine ronde effacerait, classe par classe, sans rien effacer"
    )]
    Preview(InNetwork),
}

pub(super) async fn run(desk: &mut Desk, command: RetentionCommand) -> Result<(), Failure> {
    let RetentionCommand::Preview(network) = command;
    let tenant = desk.network(&network).await?.id;
    let cutoffs = desk.config.retention.cutoffs(desk.now);
    let mut tx = desk.store.reading().await?;
    let gone = retention::preview(&mut tx, tenant, &cutoffs).await?;
    drop(tx);
    let classes = classes(&cutoffs, &gone);
    let lines: Vec<_> = classes
        .iter()
        .map(|(class, before, count)| json!({ "class": french(class), "ended_before": before, "count": count }))
        .collect();
    desk.out
        .list(&["CLASSE", "FINIS AVANT", "À EFFACER"], &lines, |line| {
            let text = |name: &str| match &line[name] {
                serde_json::Value::String(text) => words::local_text(text),
                serde_json::Value::Null => "gardés".to_owned(),
                other => other.to_string(),
            };
            vec![text("class"), text("ended_before"), text("count")]
        })
}

/// Returns what people call a class.
fn french(word: &'static str) -> &'static str {
    match word {
        "nirs" => "NIR",
        "files" => "fichiers",
        "attempts" => "essais",
        "idempotency" => "clés d'idempotence",
        "strangers" => "dossiers sans ERP",
        "readings" => "lectures d'échéanciers",
        other => other,
    }
}
