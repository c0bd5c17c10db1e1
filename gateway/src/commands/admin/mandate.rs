//! Mandates a site attests for all its employers between two days (rule ELI-002).

use admin_api::tree::TreeError;
use admin_api::tree::mandates::{self, Attested};
use clap::{Args, Subcommand};
use domain::Siret;
use jiff::civil::Date;
use store::mandates::attestations;
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
            let site = tenants::find_site(&mut tx, tenant, &new.siret).await?;
            let site = site.ok_or_else(|| {
                let said = format!("le réseau n'a pas de site {}", new.siret);
                Failure::new(Code::NotFound, said).remedy("cfa-gateway admin site create")
            })?;
            let attested = Attested {
                reference: new.reference,
                signed_on: new.signed_on,
                from: new.from,
                until: new.until,
            };
            let hand = desk.hand();
            let mandate = mandates::attest(&mut tx, (tenant, site.id), attested, &hand).await;
            let mandate = mandate.map_err(undone)?;
            tx.commit().await?;
            let data = mandates::told(&mandate);
            let shown = [
                ("attestation", mandate.id.to_string()),
                ("site", new.siret.to_string()),
            ];
            desk.out.record(&data, &shown)
        }
        MandateCommand::List { network, siret } => {
            let tenant = desk.network(&network).await?.id;
            let mut tx = desk.store.reading().await?;
            let found = attestations(&mut tx, tenant).await?;
            let ours = found
                .iter()
                .filter(|one| siret.is_none_or(|siret| one.siret_cfa == siret));
            let lines: Vec<serde_json::Value> = ours.map(mandates::told).collect();
            let titles = ["ATTESTATION", "SITE", "RÉFÉRENCE", "SIGNÉE LE", "DU", "AU"];
            desk.out.list(&titles, &lines, |line| {
                ["id", "siret", "reference", "signed_on", "from", "until"]
                    .map(|name| dash(line.get(name).and_then(|text| text.as_str())))
                    .to_vec()
            })
        }
    }
}

fn undone(error: TreeError) -> Failure {
    match error {
        TreeError::Reference => Failure::new(
            Code::InputInvalid,
            "--reference : il en faut une, de 200 caractères au plus, sur une ligne",
        ),
        TreeError::Backwards => Failure::new(
            Code::InputInvalid,
            "--until : ce jour vient avant le premier jour couvert",
        ),
        TreeError::NotSigned => Failure::new(
            Code::InputInvalid,
            "--signed-on : ce jour est à venir ; un mandat couvre une fois signé (règle ELI-002)",
        ),
        TreeError::Store(error) => error.into(),
        other => Failure::internal("attesting a mandate", other),
    }
}
