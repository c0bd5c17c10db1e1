//! Mandates a site attests for all its employers between two days (rule ELI-002).

use admin_api::tree::TreeError;
use admin_api::tree::mandates::{self, Attested};
use clap::{ArgGroup, Args, Subcommand};
use domain::Siret;
use domain::calendar::{day_in_france, french};
use domain::id::MandateId;
use jiff::civil::Date;
use store::mandates::{Mandate, Scope, attestations};
use store::tenants;

use super::{Desk, InNetwork, Why, dash, on, one, several};
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
    #[command(about = "Met fin à une attestation ; ce qui est déjà en route suit son cours")]
    End(EndedMandate),
}

/// Which attestation, and from when on it covers nothing.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("target").required(true).args(["id", "siret"])))]
pub(super) struct EndedMandate {
    #[command(flatten)]
    network: InNetwork,
    #[arg(value_name = "ID", help = "L'attestation")]
    id: Option<MandateId>,
    #[arg(long, value_parser = words::siret, value_name = "SIRET", help = "Le site, s'il n'en a qu'une en cours")]
    siret: Option<Siret>,
    #[arg(
        long,
        value_parser = words::day,
        value_name = "AAAA-MM-JJ",
        help = "Jour de sa fin, le premier qu'elle ne couvre plus ; aujourd'hui sinon"
    )]
    on: Option<Date>,
    #[command(flatten)]
    why: Why,
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
                let text = |name: &str| line.get(name).and_then(|text| text.as_str());
                let read = |name: &str| text(name).and_then(|day| day.parse::<Date>().ok());
                let day = |name: &str| on(read(name));
                let none = read("until").is_some_and(|last| Some(last) < read("from"));
                vec![
                    dash(text("id")),
                    dash(text("siret")),
                    dash(text("reference")),
                    day("signed_on"),
                    day("from"),
                    if none {
                        "aucun jour".to_owned()
                    } else {
                        day("until")
                    },
                ]
            })
        }
        MandateCommand::End(ended) => end(desk, ended).await,
    }
}

async fn end(desk: &mut Desk, asked: EndedMandate) -> Result<(), Failure> {
    let hand = desk.because(&asked.why.reason)?;
    let tenant = desk.network(&asked.network).await?.id;
    let mut tx = desk.store.writing().await?;
    if let Some(siret) = &asked.siret {
        let site = tenants::find_site(&mut tx, tenant, siret).await?;
        site.ok_or_else(|| no_site(siret))?;
    }
    let found = attestations(&mut tx, tenant).await?;
    let mandate = chosen(found, &asked, day_in_france(desk.now))?;
    let ended = mandates::end(&mut tx, mandate, asked.on, &hand).await;
    let ended = ended.map_err(undone)?;
    tx.commit().await?;
    let Scope::Site { until, .. } = ended.scope else {
        return Err(Failure::internal("ending a mandate", "it is of a delivery"));
    };
    let shown = [
        ("attestation", ended.id.to_string()),
        ("site", ended.siret_cfa.to_string()),
        ("dernier jour couvert", on(until)),
    ];
    desk.out.record(&mandates::told(&ended), &shown)
}

/// Returns the attestation named, or the only one of its site that is not over.
fn chosen(found: Vec<Mandate>, asked: &EndedMandate, today: Date) -> Result<Mandate, Failure> {
    let list = "cfa-gateway admin mandate list";
    if let Some(id) = asked.id {
        let named = found.into_iter().find(|one| one.id == id);
        return named.ok_or_else(|| {
            let said = format!("aucune attestation {id} dans ce réseau");
            Failure::new(Code::NotFound, said).remedy(list)
        });
    }
    let ours = found
        .into_iter()
        .filter(|one| asked.siret == Some(one.siret_cfa) && !mandates::is_over(one, today));
    let ours: Vec<Mandate> = ours.collect();
    let ids = several(ours.iter().map(|one| one.id));
    one(
        ours,
        ("le site n'a aucune attestation en cours", list),
        (
            "le site a plusieurs attestations en cours",
            &format!("nommez la bonne par son identifiant ({ids})"),
        ),
    )
}

fn no_site(siret: &Siret) -> Failure {
    let said = format!("--siret : le réseau n'a pas de site {siret}");
    Failure::new(Code::NotFound, said).remedy("cfa-gateway admin site list")
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
        TreeError::Over(last) => Failure::new(
            Code::Conflict,
            format!(
                "l'attestation a déjà pris fin (dernier jour couvert : {})",
                french(last)
            ),
        )
        .remedy("il n'y a rien à terminer"),
        TreeError::Sooner(last) => Failure::new(
            Code::InputInvalid,
            format!(
                "--on : l'attestation finit déjà plus tôt (dernier jour couvert : {})",
                french(last)
            ),
        )
        .remedy("donner un jour d'avant, ou en attester une autre avec admin mandate create"),
        TreeError::Unsigned(day) => Failure::new(
            Code::InputInvalid,
            format!(
                "--on : ce jour vient avant la signature, le {}",
                french(day)
            ),
        )
        .remedy("donner le jour de la signature au plus tôt : elle n'aura alors rien couvert"),
        TreeError::Store(error) => error.into(),
        other => Failure::internal("attesting a mandate", other),
    }
}
