//! What an OPCO has opened, in place of the table that ships: the deployment's word, for every network.

use admin_api::decisions::{self, Opened};
use clap::{Args, Subcommand};
use domain::id::OverrideId;
use domain::{Capability, Openness, TenantId, Timestamp};
use serde::Serialize;
use serde_json::json;
use store::switches::{self, CapabilitySwitch};

use super::decision::{Because, period, undone};
use super::{AtOpco, Desk, Why, when};
use crate::commands::failure::Failure;
use crate::commands::names;
use crate::commands::words::one_of;

#[derive(Debug, Subcommand)]
pub(super) enum SwitchCommand {
    #[command(about = "Dit ce qu'un OPCO a ouvert, à la place du tableau fourni")]
    Create(NewSwitch),
    #[command(about = "Liste ce qui a été dit")]
    List,
    #[command(about = "Y met fin")]
    Revoke {
        #[arg(value_name = "ID")]
        id: OverrideId,
        #[command(flatten)]
        why: Why,
    },
}

#[derive(Debug, Args)]
pub(super) struct NewSwitch {
    #[command(flatten)]
    at: AtOpco,
    #[arg(long, value_parser = one_of!(Capability), value_name = "FLUX", help = "Le flux (dossiers_v1…)")]
    capability: Capability,
    #[arg(
        long,
        value_parser = one_of!(Openness),
        value_name = "OUVERTURE",
        help = "production, recette, developpement ou unknown"
    )]
    openness: Openness,
    #[arg(
        long,
        value_name = "TEXTE",
        help = "Étiquette montrée avec ce choix (bac à sable…)"
    )]
    label: Option<String>,
    #[command(flatten)]
    because: Because,
}

#[derive(Debug, Serialize)]
struct SwitchLine {
    id: OverrideId,
    system: String,
    #[serde(skip)]
    named: String,
    capability: Capability,
    openness: Openness,
    label: Option<String>,
    author: String,
    reason: String,
    from: Timestamp,
    until: Option<Timestamp>,
}

pub(super) async fn run(desk: &mut Desk, command: SwitchCommand) -> Result<(), Failure> {
    match command {
        SwitchCommand::Create(new) => create(desk, new).await,
        SwitchCommand::List => {
            let mut tx = desk.store.reading().await?;
            let found = switches::list(&mut tx).await?;
            let lines: Vec<SwitchLine> = found.into_iter().map(switch_line).collect();
            let titles = [
                "CHOIX",
                "OPCO",
                "FLUX",
                "OUVERTURE",
                "AUTEUR",
                "RAISON",
                "JUSQU'À",
            ];
            desk.out.list(&titles, &lines, |line| {
                vec![
                    line.id.to_string(),
                    line.named.clone(),
                    line.capability.to_string(),
                    names::openness(line.openness),
                    line.author.clone(),
                    line.reason.clone(),
                    when(line.until),
                ]
            })
        }
        SwitchCommand::Revoke { id, why } => {
            let hand = desk.because(&why.reason)?;
            let mut tx = desk.store.writing().await?;
            let done = decisions::end_opening(&mut tx, TenantId::PLATFORM, id, &hand).await;
            done.map_err(|error| undone(error, &format!("aucun choix {id} en vigueur")))?;
            tx.commit().await?;
            desk.out
                .record(&json!({ "ended": id }), &[("terminé", id.to_string())])
        }
    }
}

async fn create(desk: &mut Desk, new: NewSwitch) -> Result<(), Failure> {
    let period = period(desk.now, &new.because)?;
    let hand = desk.because(&new.because.why.reason)?;
    let opened = Opened {
        instance: new.at.instance(),
        capability: new.capability,
        openness: new.openness,
        label: new.label,
    };
    let mut tx = desk.store.writing().await?;
    let row = decisions::open(&mut tx, TenantId::PLATFORM, opened, period, &hand).await;
    let line = switch_line(row.map_err(|error| undone(error, ""))?);
    tx.commit().await?;
    let shown = [
        ("choix", line.id.to_string()),
        ("OPCO", line.named.clone()),
        ("flux", line.capability.to_string()),
        ("ouverture", names::openness(line.openness)),
    ];
    desk.out.record(&line, &shown)
}

fn switch_line(row: CapabilitySwitch) -> SwitchLine {
    SwitchLine {
        id: row.id,
        system: names::system_word(row.instance),
        named: names::system(row.instance),
        capability: row.capability,
        openness: row.openness,
        label: row.label,
        author: row.author,
        reason: row.reason,
        from: row.from,
        until: row.until,
    }
}
