//! `watch ID…`: follows deliveries of a running gateway until each has ended or waits for a person.

use std::time::{Duration, Instant};

use clap::Args;
use domain::Status;
use domain::id::DeliveryId;
use domain::person::Language;
use reqwest::StatusCode;
use serde_json::Value;

use crate::commands::client::{ApiArgs, detail};
use crate::commands::failure::{Code, Exit, Failure};
use crate::commands::output::{Format, Out, Progress};
use crate::commands::{Context, names, runtime, words};

/// How long between two looks.
const PAUSE: Duration = Duration::from_secs(1);

/// Arguments of `watch`.
#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    #[arg(required = true, value_name = "ID", help = "Livraisons à suivre")]
    ids: Vec<DeliveryId>,
    #[arg(
        long,
        value_name = "SECONDES",
        help = "Abandonne le suivi après ce temps (la livraison, elle, continue)"
    )]
    timeout: Option<u64>,
    #[command(flatten)]
    api: ApiArgs,
}

/// One delivery and what was last said of it.
struct Watched {
    id: DeliveryId,
    said: String,
    status: Option<Status>,
}

/// Prints each change; the exit code says whether all were delivered.
pub(crate) fn run(context: &Context, args: &WatchArgs) -> Result<Exit, Failure> {
    let api = args.api.open()?;
    let started = Instant::now();
    let mut out = Out::stdout(context.format());
    let mut watched: Vec<Watched> = args
        .ids
        .iter()
        .map(|&id| Watched {
            id,
            said: String::new(),
            status: None,
        })
        .collect();
    let progress = Progress::new();
    runtime()?.block_on(async {
        loop {
            for one in watched.iter_mut().filter(|one| !one.is_settled()) {
                let answer = api.get(&format!("/api/v1/deliveries/{}", one.id)).await?;
                if answer.status != StatusCode::OK {
                    let code = match answer.status {
                        StatusCode::NOT_FOUND => Code::NotFound,
                        _ => Code::ApiRefused,
                    };
                    let said = detail(answer.status, &answer.body);
                    return Err(Failure::new(code, format!("{} : {said}", one.id)));
                }
                progress.clear();
                one.look(&answer.body, &mut out)?;
            }
            let left = watched.iter().filter(|one| !one.is_settled()).count();
            let late = args
                .timeout
                .is_some_and(|s| started.elapsed() >= Duration::from_secs(s));
            if left == 0 || late || out.is_closed() {
                return Ok(());
            }
            let left = Language::Fr.counted(left, "livraison", "livraisons");
            progress.say(&format!("{left} en cours…"));
            tokio::time::sleep(PAUSE).await;
        }
    })?;
    let delivered = watched
        .iter()
        .all(|one| one.status == Some(Status::Delivered));
    Ok(if delivered {
        Exit::Success
    } else {
        Exit::Negative
    })
}

impl Watched {
    /// Returns whether nothing more will happen without a person.
    fn is_settled(&self) -> bool {
        self.status
            .is_some_and(|status| status.is_final() || status == Status::Held)
    }

    /// Returns whether it goes no further until somebody acts.
    fn waits_for_a_person(&self) -> bool {
        matches!(self.status, Some(Status::Held | Status::Dead))
    }

    fn look(&mut self, delivery: &Value, out: &mut Out) -> Result<(), Failure> {
        let text = |name: &str| {
            delivery
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        self.status = text("status").parse().ok();
        let reason = Some(text("reason")).filter(|word| !word.is_empty());
        let parts = [
            names::standing(text("status"), reason),
            words::local_text(text("next_at")),
            names::opco(text("opco")),
            text("numero_interne").to_owned(),
        ];
        let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        let said = parts.join("  ");
        if said == self.said {
            return Ok(());
        }
        match out.format() {
            Format::Json => out.json(delivery)?,
            Format::Table => {
                out.line(&format!("{}  {said}", self.id))?;
                if self.waits_for_a_person() {
                    out.line(&format!("  {}", text("explanation")))?;
                }
            }
        }
        self.said = said;
        Ok(())
    }
}
