//! What OPCOs say when they refuse: the texts nobody knows yet, and how the known reasons are recognised.

use clap::{Args, Subcommand};
use domain::person::Language;
use domain::rejet::Rejet;
use domain::{DeliveryId, Environment, Kind, Opco, Timestamp};
use serde::Serialize;
use store::refusals::{self, Refusal};
use store::tenants;

use super::{Desk, InNetwork};
use crate::commands::failure::{Code, Failure};
use crate::commands::names;
use crate::commands::words::{self, one_of};

#[derive(Debug, Subcommand)]
pub(super) enum RefusalsCommand {
    #[command(about = "Liste les textes de refus que personne ne connaît encore")]
    List(Which),
    #[command(about = "Montre à quels mots chaque motif de facture se reconnaît, et les comptes")]
    Coverage(Which),
}

#[derive(Debug, Args)]
pub(super) struct Which {
    #[arg(
        long,
        value_name = "ID|NOM",
        help = "Un réseau, par son identifiant ou son nom [tous]"
    )]
    network: Option<String>,
    #[arg(long, value_parser = one_of!(Opco, slug), value_name = "OPCO", help = "Un seul OPCO (akto, atlas…) [tous]")]
    opco: Option<Opco>,
}

#[derive(Debug, Serialize)]
struct Line {
    network: String,
    opco: &'static str,
    #[serde(skip)]
    named: &'static str,
    environment: Environment,
    kind: Kind,
    told: u64,
    first_told_at: Timestamp,
    last_told_at: Timestamp,
    delivery: DeliveryId,
    /// Absent once destroyed with its payload, or when there were too many to keep.
    text: Option<String>,
}

#[derive(Debug, Serialize)]
struct Covered {
    opco: &'static str,
    #[serde(skip)]
    named: (&'static str, Option<Rejet>),
    /// The code of protocol §15, or `UNKNOWN`.
    reason: &'static str,
    /// The OPCO's own keywords, looked at first.
    own: Vec<String>,
    /// The keywords of the common table.
    common: Vec<String>,
    told: u64,
}

pub(super) async fn run(desk: &mut Desk, command: RefusalsCommand) -> Result<(), Failure> {
    match command {
        RefusalsCommand::List(which) => list(desk, &which).await,
        RefusalsCommand::Coverage(which) => coverage(desk, &which).await,
    }
}

/// Reads what was said to the networks asked for, with their names.
async fn said(desk: &Desk, which: &Which) -> Result<Vec<(String, Refusal)>, Failure> {
    let networks = match &which.network {
        Some(name) => {
            let named = InNetwork {
                network: Some(name.clone()),
            };
            vec![desk.network(&named).await?]
        }
        None => tenants::networks(&mut desk.store.reading().await?).await?,
    };
    let mut all = Vec::new();
    for network in networks {
        let keys = desk.store.keys(network.id).await?;
        let found = refusals::list(&mut desk.store.reading().await?, &keys).await?;
        let asked = found
            .into_iter()
            .filter(|refusal| which.opco.is_none_or(|opco| opco == refusal.opco));
        all.extend(asked.map(|refusal| (network.name.clone(), refusal)));
    }
    Ok(all)
}

async fn list(desk: &mut Desk, which: &Which) -> Result<(), Failure> {
    let mut lines: Vec<Line> = said(desk, which)
        .await?
        .into_iter()
        .filter(|(_, refusal)| refusal.reason.is_none())
        .map(|(network, refusal)| Line {
            network,
            opco: refusal.opco.slug(),
            named: refusal.opco.name(),
            environment: refusal.environment,
            kind: refusal.kind,
            told: refusal.told,
            first_told_at: refusal.first_told_at,
            last_told_at: refusal.last_told_at,
            delivery: refusal.delivery,
            text: refusal.text,
        })
        .collect();
    lines.sort_by_key(|line| std::cmp::Reverse(line.told));
    let titles = [
        "RÉSEAU", "OPCO", "MONDE", "ENVOI", "FOIS", "PREMIER", "DERNIER", "EXEMPLE", "TEXTE",
    ];
    desk.out.list(&titles, &lines, |line| {
        vec![
            line.network.clone(),
            line.named.to_owned(),
            names::world(line.environment),
            line.kind.name(Language::Fr).to_owned(),
            line.told.to_string(),
            words::local(line.first_told_at),
            words::local(line.last_told_at),
            line.delivery.to_string(),
            line.text
                .clone()
                .unwrap_or_else(|| "(non gardé)".to_owned()),
        ]
    })
}

async fn coverage(desk: &mut Desk, which: &Which) -> Result<(), Failure> {
    let said = said(desk, which).await?;
    let profiles = desk.config.profiles();
    let profiles =
        profiles.map_err(|error| Failure::new(Code::ConfigInvalid, error.to_string()))?;
    let mut lines = Vec::new();
    for opco in Opco::ALL {
        if which.opco.is_some_and(|asked| asked != opco) {
            continue;
        }
        let told = |reason: Option<Rejet>| {
            let of = said.iter().map(|(_, refusal)| refusal);
            of.filter(|refusal| {
                refusal.opco == opco && refusal.kind == Kind::Facture && refusal.reason == reason
            })
            .map(|refusal| refusal.told)
            .sum()
        };
        // An OPCO with several systems has the words of each.
        let lexicons: Vec<_> = profiles
            .iter()
            .filter(|profile| profile.opco == opco)
            .map(opco::Profile::lexicon)
            .collect();
        for reason in Rejet::ALL.iter().copied() {
            let words = |own| {
                let mut words: Vec<String> = Vec::new();
                for row in lexicons
                    .iter()
                    .flat_map(|lexicon| lexicon.keywords(reason, own))
                {
                    if !words.contains(&row) {
                        words.push(row);
                    }
                }
                words
            };
            lines.push(Covered {
                opco: opco.slug(),
                named: (opco.name(), Some(reason)),
                reason: reason.as_str(),
                own: words(true),
                common: words(false),
                told: told(Some(reason)),
            });
        }
        lines.push(Covered {
            opco: opco.slug(),
            named: (opco.name(), None),
            reason: "UNKNOWN",
            own: Vec::new(),
            common: Vec::new(),
            told: told(None),
        });
    }
    let titles = ["OPCO", "MOTIF", "FOIS", "MOTS PROPRES", "MOTS COMMUNS"];
    // For one OPCO the words; for all of them, how many rows of words.
    let shown = |words: &[String]| match (which.opco, words) {
        (_, []) => "-".to_owned(),
        (Some(_), words) => words.join(" ; "),
        (None, words) => words.len().to_string(),
    };
    desk.out.list(&titles, &lines, |line| {
        vec![
            line.named.0.to_owned(),
            names::refusal(line.named.1).to_owned(),
            line.told.to_string(),
            shown(&line.own),
            shown(&line.common),
        ]
    })
}
