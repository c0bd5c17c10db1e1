//! Who vouches for the logs beside their own keys, and what a person does where a witness contradicts one.

use clap::Args;
use domain::person::Language;
use domain::proof::WitnessKey;
use serde_json::{Value, json};
use store::proofs::{self, Party, Standing};
use store::{NewEvent, events};

use super::{By, Desk, InNetwork, Log, logs};
use crate::commands::admin::{network_of, reason_given};
use crate::commands::failure::{Code, Exit, Failure};
use crate::commands::words;

/// Arguments of `audit settle`.
#[derive(Debug, Args)]
pub(super) struct SettleArgs {
    #[command(flatten)]
    of: InNetwork,
    #[arg(
        long,
        value_name = "CLÉ",
        help = "Le témoin, par sa clé (nom+empreinte+base64)"
    )]
    witness: WitnessKey,
    #[arg(
        long,
        value_name = "TEXTE",
        help = "Ce qui a été constaté, pour le journal"
    )]
    reason: String,
    #[command(flatten)]
    by: By,
}

/// Shows them all. One that contradicts a log makes the command fail.
pub(super) async fn show(desk: &mut Desk) -> Result<Exit, Failure> {
    let logs = logs(desk).await?;
    let mut tx = desk.store.reading().await?;
    let standings = proofs::standings(&mut tx, None).await?;
    drop(tx);
    let lines: Vec<Value> = standings.iter().map(|one| line(one, &logs)).collect();
    let titles = ["RÉSEAU", "QUI", "JUSQU'AU", "LE", "ÉCHECS", "CONTRADICTION"];
    desk.out.list(&titles, &lines, |line| {
        let text = |name: &str| match line.get(name) {
            Some(Value::String(text)) => words::local_text(text),
            Some(Value::Number(number)) => number.to_string(),
            _ => "-".to_owned(),
        };
        ["network_name", "who", "size", "at", "failures", "said"]
            .map(text)
            .to_vec()
    })?;
    let conflict = standings.iter().any(|one| one.conflict.is_some());
    Ok(if conflict {
        Exit::Negative
    } else {
        Exit::Success
    })
}

fn line(standing: &Standing, logs: &[Log]) -> Value {
    let log = logs.iter().find(|log| log.tenant == standing.tenant);
    let who = match &standing.party {
        Party::Witness(key) => key.name().to_owned(),
        Party::Authority => standing
            .name
            .clone()
            .unwrap_or_else(|| "horodatage".to_owned()),
    };
    let conflict = standing.conflict.map(|(conflict, _)| conflict);
    json!({
        "network": standing.tenant, "network_name": log.map(|log| &log.name),
        "who": who, "key": standing.party.who(), "size": standing.size,
        "at": standing.at.map(|at| at.to_string()), "failures": standing.failures,
        "conflict": conflict.map(|one| one.to_string()),
        "since": standing.conflict.map(|(_, since)| since.to_string()),
        "said": conflict.map(|one| one.said(Language::Fr)),
    })
}

/// Has a witness asked again that contradicted a log.
pub(super) async fn settle(desk: &mut Desk, args: &SettleArgs) -> Result<Exit, Failure> {
    let network = network_of(&desk.store, args.of.network.as_deref()).await?;
    let reason = reason_given(&args.reason)?;
    let name = args.witness.name();
    let mut tx = desk.store.writing().await?;
    if !proofs::looked_at(&mut tx, network.id, &Party::Witness(args.witness.clone())).await? {
        let said = format!("{name} ne contredit pas le journal de {}", network.name);
        return Err(Failure::new(Code::NotFound, said).remedy("cfa-gateway audit vouchers"));
    }
    let settled = NewEvent::new(desk.now, "log.witness_settled")
        .by(format!("cli:{}", args.by.author))
        .with(json!({ "witness": name, "reason": reason }));
    events::append(&mut tx, network.id, &[settled]);
    tx.commit().await?;
    let shown = [("témoin", format!("{name} sera interrogé de nouveau"))];
    let answer = json!({ "network": network.id, "witness": name });
    desk.out.record(&answer, &shown)?;
    Ok(Exit::Success)
}
