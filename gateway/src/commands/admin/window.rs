//! When an OPCO is not to be called: works it announced, for every network of the gateway.

use admin_api::decisions;
use clap::{Args, Subcommand};
use domain::id::OverrideId;
use domain::{Environment, TenantId, Timestamp};
use jiff::civil::DateTime;
use serde::Serialize;
use serde_json::json;
use store::windows::{self, Window};

use super::decision::undone;
use super::{AtOpco, Desk, Why};
use crate::commands::failure::{Code, Failure};
use crate::commands::names;
use crate::commands::words::{self, one_of};

#[derive(Debug, Subcommand)]
pub(super) enum WindowCommand {
    #[command(about = "Annonce une maintenance : les envois attendent sa fin")]
    Create(NewWindow),
    #[command(about = "Liste celles qui ne sont pas finies")]
    List,
    #[command(about = "Y met fin avant l'heure : ce qui attendait repart")]
    Revoke {
        #[arg(value_name = "ID")]
        id: OverrideId,
        #[command(flatten)]
        why: Why,
    },
}

#[derive(Debug, Args)]
pub(super) struct NewWindow {
    #[command(flatten)]
    at: AtOpco,
    #[arg(
        long,
        value_parser = one_of!(Environment),
        value_name = "MONDE",
        help = "live (production) ou test (recette)"
    )]
    environment: Environment,
    #[arg(
        long,
        value_parser = words::hour,
        value_name = "AAAA-MM-JJTHH:MM",
        help = "L'heure de France où elle commence ; tout de suite sinon"
    )]
    from: Option<DateTime>,
    #[arg(
        long,
        value_parser = words::hour,
        value_name = "AAAA-MM-JJTHH:MM",
        help = "L'heure de France où elle finit"
    )]
    until: DateTime,
    #[command(flatten)]
    why: Why,
}

#[derive(Debug, Serialize)]
struct WindowLine {
    id: OverrideId,
    system: String,
    #[serde(skip)]
    named: String,
    environment: Environment,
    author: String,
    reason: String,
    from: Timestamp,
    until: Timestamp,
}

pub(super) async fn run(desk: &mut Desk, command: WindowCommand) -> Result<(), Failure> {
    match command {
        WindowCommand::Create(new) => create(desk, new).await,
        WindowCommand::List => {
            let mut tx = desk.store.reading().await?;
            let found = windows::ahead(&mut tx, TenantId::PLATFORM, desk.now).await?;
            let lines: Vec<WindowLine> = found.into_iter().map(window_line).collect();
            let titles = [
                "MAINTENANCE",
                "OPCO",
                "MONDE",
                "DE",
                "À",
                "AUTEUR",
                "RAISON",
            ];
            desk.out.list(&titles, &lines, |line| {
                vec![
                    line.id.to_string(),
                    line.named.clone(),
                    names::world(line.environment),
                    words::local(line.from),
                    words::local(line.until),
                    line.author.clone(),
                    line.reason.clone(),
                ]
            })
        }
        WindowCommand::Revoke { id, why } => {
            let hand = desk.because(&why.reason)?;
            let mut tx = desk.store.writing().await?;
            let ended = decisions::end_window(&mut tx, TenantId::PLATFORM, id, &hand).await;
            ended.map_err(|error| undone(error, &format!("aucune maintenance {id} à venir")))?;
            tx.commit().await?;
            desk.out
                .record(&json!({ "ended": id }), &[("terminée", id.to_string())])
        }
    }
}

async fn create(desk: &mut Desk, new: NewWindow) -> Result<(), Failure> {
    let instant = |hour| {
        let read = words::at_hour(hour);
        read.map_err(|error| Failure::new(Code::InputInvalid, error.to_string()))
    };
    let from = new.from.map_or(Ok(desk.now), instant)?;
    let span = (from, instant(new.until)?);
    let hand = desk.because(&new.why.reason)?;
    let place = (new.at.instance(), new.environment);
    let mut tx = desk.store.writing().await?;
    let said = decisions::announce(&mut tx, TenantId::PLATFORM, place, span, &hand).await;
    let line = window_line(said.map_err(|error| undone(error, ""))?);
    tx.commit().await?;
    let shown = [
        ("maintenance", line.id.to_string()),
        ("OPCO", line.named.clone()),
        ("de", words::local(line.from)),
        ("à", words::local(line.until)),
    ];
    desk.out.record(&line, &shown)
}

fn window_line(row: Window) -> WindowLine {
    WindowLine {
        id: row.id,
        system: names::system_word(row.instance),
        named: names::system(row.instance),
        environment: row.environment,
        author: row.author,
        reason: row.reason,
        from: row.from,
        until: row.until,
    }
}
