//! What is let go of, and when: the schedule of each class, and what would go now.

use admin_api::names::retained;
use clap::Subcommand;
use domain::Timestamp;
use domain::person::Language;
use serde::Serialize;
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

#[derive(Debug, Serialize)]
struct Line {
    class: &'static str,
    #[serde(skip)]
    named: &'static str,
    ended_before: Option<Timestamp>,
    count: u64,
}

pub(super) async fn run(desk: &mut Desk, command: RetentionCommand) -> Result<(), Failure> {
    let RetentionCommand::Preview(network) = command;
    let tenant = desk.network(&network).await?.id;
    let cutoffs = desk.config.retention.cutoffs(desk.now);
    let mut tx = desk.store.reading().await?;
    let gone = retention::preview(&mut tx, tenant, &cutoffs).await?;
    drop(tx);
    let classes = classes(&cutoffs, &gone);
    let lines: Vec<Line> = classes
        .iter()
        .map(|(word, ended_before, count)| Line {
            class: french(word),
            named: retained(word, Language::Fr),
            ended_before: *ended_before,
            count: *count,
        })
        .collect();
    desk.out
        .list(&["CLASSE", "FINIS AVANT", "À EFFACER"], &lines, |line| {
            let before = line.ended_before.map(words::local);
            vec![
                line.named.to_owned(),
                before.unwrap_or_else(|| "gardés".to_owned()),
                line.count.to_string(),
            ]
        })
}

/// Returns the word of a class for machines, which does not change.
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
