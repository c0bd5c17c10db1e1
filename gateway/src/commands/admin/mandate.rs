//! Mandates a site attests for all its employers between two days (rule ELI-002).

use clap::{Args, Subcommand};
use domain::Siret;
use domain::calendar;
use domain::id::MandateId;
use jiff::civil::Date;
use serde_json::json;
use store::mandates::{self, Mandate, Scope};
use store::tenants;

use super::{Desk, InNetwork, dash};
use crate::commands::failure::{Code, Failure};
use crate::commands::words;

#[derive(Debug, Subcommand)]
pub(super) enum MandateCommand {
    #[command(about = "Atteste qu'un site détient les mandats de gestion de ses employeurs")]
    Create(NewMandate),
    #[command(about = "Liste les attestations d'un réseau, ou d'un site")]
    List {
        #[command(flatten)]
        network: InNetwork,
        #[arg(long, value_parser = words::siret, value_name = "SIRET", help = "Un seul site")]
        siret: Option<Siret>,
    },
}

#[derive(Debug, Args)]
pub(super) struct NewMandate {
    #[command(flatten)]
    network: InNetwork,
    #[arg(long, value_parser = words::siret, value_name = "SIRET", help = "Le site")]
    siret: Siret,
    #[arg(long, value_name = "TEXTE", help = "Référence de l'attestation")]
    reference: String,
    #[arg(long, value_parser = words::day, value_name = "AAAA-MM-JJ", help = "Jour de la signature")]
    signed_on: Date,
    #[arg(long, value_parser = words::day, value_name = "AAAA-MM-JJ", help = "Premier jour couvert ; aujourd'hui sinon")]
    from: Option<Date>,
    #[arg(long, value_parser = words::day, value_name = "AAAA-MM-JJ", help = "Dernier jour couvert ; sans fin sinon")]
    until: Option<Date>,
}

pub(super) async fn run(desk: &mut Desk, command: MandateCommand) -> Result<(), Failure> {
    match command {
        MandateCommand::Create(new) => {
            let tenant = desk.network(&new.network).await?.id;
            let mut tx = desk.store.writing().await?;
            if tenants::find_site(&mut tx, tenant, &new.siret)
                .await?
                .is_none()
            {
                let said = format!("le réseau n'a pas de site {}", new.siret);
                return Err(
                    Failure::new(Code::NotFound, said).remedy("cfa-gateway admin site create")
                );
            }
            let mandate = Mandate {
                tenant,
                id: MandateId::new(desk.now),
                siret_cfa: new.siret,
                scope: Scope::Site {
                    from: new
                        .from
                        .unwrap_or_else(|| calendar::day_in_france(desk.now)),
                    until: new.until,
                },
                reference: new.reference,
                signed_on: new.signed_on,
                document_hash: None,
                author: desk.author.clone(),
                created_at: desk.now,
            };
            mandates::put(&mut tx, &mandate).await?;
            let data = line(&mandate);
            desk.log(&mut tx, tenant, "mandate.attested", data.clone());
            tx.commit().await?;
            let shown = [
                ("attestation", mandate.id.to_string()),
                ("site", new.siret.to_string()),
            ];
            desk.out.record(&data, &shown)
        }
        MandateCommand::List { network, siret } => {
            let tenant = desk.network(&network).await?.id;
            let mut tx = desk.store.reading().await?;
            let found = mandates::attestations(&mut tx, tenant).await?;
            let ours = found
                .iter()
                .filter(|one| siret.is_none_or(|siret| one.siret_cfa == siret));
            let lines: Vec<serde_json::Value> = ours.map(line).collect();
            let titles = ["ATTESTATION", "SITE", "RÉFÉRENCE", "SIGNÉE LE", "DU", "AU"];
            desk.out.list(&titles, &lines, |line| {
                ["id", "siret", "reference", "signed_on", "from", "until"]
                    .map(|name| dash(line.get(name).and_then(|text| text.as_str())))
                    .to_vec()
            })
        }
    }
}

fn line(mandate: &Mandate) -> serde_json::Value {
    let (from, until) = match mandate.scope {
        Scope::Site { from, until } => (Some(from), until),
        Scope::Delivery(_) => (None, None),
    };
    json!({
        "id": mandate.id, "siret": mandate.siret_cfa, "reference": mandate.reference,
        "signed_on": mandate.signed_on, "from": from, "until": until,
    })
}
