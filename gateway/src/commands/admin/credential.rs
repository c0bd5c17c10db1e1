//! What ERPs sign in with. The key is shown once, at its making; only its hash is kept.

use clap::{Args, Subcommand};
use domain::id::CredentialId;
use domain::{Environment, Siret, Timestamp};
use jiff::civil::Date;
use serde::Serialize;
use serde_json::json;
use store::credentials::{self, Credential};
use store::tenants;

use super::{Desk, InNetwork, Why, when};
use crate::commands::failure::{Code, Failure};
use crate::commands::names;
use crate::commands::words::{self, one_of};
use crate::http::api_key;
use crate::http::caller::Permission;

/// What a credential may ask for in a minute unless it is told otherwise.
const QUOTA_DEFAULT: u32 = 600;

#[derive(Debug, Subcommand)]
pub(super) enum CredentialCommand {
    #[command(about = "Crée la clé d'API d'un ERP ; elle n'est montrée qu'une fois")]
    Create(NewCredential),
    #[command(about = "Liste les clés d'API d'un réseau")]
    List(InNetwork),
    #[command(about = "Révoque une clé d'API : elle ne sert plus dès la prochaine requête")]
    Revoke {
        #[command(flatten)]
        network: InNetwork,
        #[arg(value_name = "ID")]
        id: CredentialId,
        #[command(flatten)]
        why: Why,
    },
}

#[derive(Debug, Args)]
pub(super) struct NewCredential {
    #[command(flatten)]
    network: InNetwork,
    #[arg(long, value_parser = words::name, value_name = "NOM", help = "Qui s'en sert (l'ERP)")]
    label: String,
    #[arg(
        long,
        value_parser = one_of!(Environment),
        value_name = "MONDE",
        help = "test (recette, simulateur) ou live (production)"
    )]
    environment: Environment,
    #[arg(
        long = "site",
        value_parser = words::siret,
        value_name = "SIRET",
        help = "Site pour lequel elle peut envoyer, à répéter ; tous par défaut"
    )]
    sites: Vec<Siret>,
    #[arg(
        long = "action",
        value_parser = permission,
        value_name = "DROIT",
        help = "Droit accordé, à répéter : submit (déposer), read (lire), act (agir), webhook (dire qui est prévenu) ; tous par défaut"
    )]
    actions: Vec<Permission>,
    #[arg(
        long,
        default_value_t = QUOTA_DEFAULT,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000),
        value_name = "N",
        help = "Requêtes par minute [600]"
    )]
    quota_per_minute: u32,
    #[arg(long, value_parser = words::day, value_name = "AAAA-MM-JJ", help = "Dernier jour de validité")]
    expires: Option<Date>,
}

#[derive(Debug, Serialize)]
struct Line {
    id: CredentialId,
    label: String,
    prefix: String,
    environment: Environment,
    sites: Option<Vec<Siret>>,
    actions: Vec<String>,
    quota_per_minute: u32,
    expires_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
    /// Only in the answer to its making.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

pub(super) async fn run(desk: &mut Desk, command: CredentialCommand) -> Result<(), Failure> {
    match command {
        CredentialCommand::Create(new) => create(desk, new).await,
        CredentialCommand::List(network) => {
            let tenant = desk.network(&network).await?.id;
            let mut tx = desk.store.reading().await?;
            let found = credentials::list(&mut tx, tenant).await?;
            let lines: Vec<Line> = found.into_iter().map(|one| line(one, None)).collect();
            let titles = [
                "CLÉ D'API",
                "NOM",
                "DÉBUT",
                "MONDE",
                "SITES",
                "DROITS",
                "FINIT",
                "RÉVOQUÉE",
            ];
            desk.out.list(&titles, &lines, |line| {
                vec![
                    line.id.to_string(),
                    line.label.clone(),
                    format!("{}…", line.prefix),
                    names::world(line.environment),
                    sites(line.sites.as_deref()),
                    names::permissions(&line.actions),
                    when(line.expires_at),
                    when(line.revoked_at),
                ]
            })
        }
        CredentialCommand::Revoke { network, id, why } => {
            let hand = desk.because(&why.reason)?;
            let tenant = desk.network(&network).await?.id;
            let mut tx = desk.store.writing().await?;
            if !credentials::revoke(&mut tx, tenant, id, desk.now).await? {
                return Err(Failure::new(
                    Code::NotFound,
                    format!("aucune clé d'API {id} à révoquer"),
                ));
            }
            let data = json!({ "credential": id });
            hand.write(&mut tx, tenant, "credential.revoked", data);
            tx.commit().await?;
            desk.out
                .record(&json!({ "revoked": id }), &[("révoquée", id.to_string())])
        }
    }
}

async fn create(desk: &mut Desk, new: NewCredential) -> Result<(), Failure> {
    let tenant = desk.network(&new.network).await?.id;
    let minted = api_key::mint(new.environment)
        .map_err(|_| Failure::internal("making a key", "no randomness"))?;
    let actions = if new.actions.is_empty() {
        Permission::ALL.to_vec()
    } else {
        new.actions
    };
    let expires_at = new
        .expires
        .map(words::ends)
        .transpose()
        .map_err(|error| Failure::new(Code::InputInvalid, error.to_string()))?;
    if expires_at.is_some_and(|end| end <= desk.now) {
        let said = "--expires : ce jour est passé, la clé ne servirait jamais";
        return Err(Failure::new(Code::InputInvalid, said));
    }
    let credential = Credential {
        tenant,
        id: CredentialId::new(desk.now),
        label: new.label,
        prefix: minted.prefix,
        environment: new.environment,
        sites: (!new.sites.is_empty()).then_some(new.sites),
        actions: actions
            .iter()
            .map(|action| action.as_str().to_owned())
            .collect(),
        quota_per_minute: new.quota_per_minute,
        created_at: desk.now,
        expires_at,
        revoked_at: None,
    };
    let mut tx = desk.store.writing().await?;
    for siret in credential.sites.iter().flatten() {
        if tenants::find_site(&mut tx, tenant, siret).await?.is_none() {
            let said = format!("le réseau n'a pas de site {siret}");
            return Err(Failure::new(Code::NotFound, said).remedy("cfa-gateway admin site create"));
        }
    }
    credentials::create(&mut tx, &credential, &minted.hash).await?;
    let data = json!({
        "credential": credential.id, "label": credential.label, "prefix": credential.prefix,
        "environment": credential.environment, "sites": credential.sites,
        "actions": credential.actions,
    });
    desk.log(&mut tx, tenant, "credential.created", data);
    tx.commit().await?;
    let line = line(credential, Some(minted.key.expose().to_owned()));
    let shown = [
        ("clé d'API", line.id.to_string()),
        ("nom", line.label.clone()),
        ("monde", names::world(line.environment)),
        ("sites", sites(line.sites.as_deref())),
        ("droits", names::permissions(&line.actions)),
        ("à donner à l'ERP", minted.key.expose().to_owned()),
        (
            "",
            "(montrée cette seule fois : la ranger maintenant)".to_owned(),
        ),
    ];
    desk.out.record(&line, &shown)
}

fn line(credential: Credential, key: Option<String>) -> Line {
    Line {
        id: credential.id,
        label: credential.label,
        prefix: credential.prefix,
        environment: credential.environment,
        sites: credential.sites,
        actions: credential.actions,
        quota_per_minute: credential.quota_per_minute,
        expires_at: credential.expires_at,
        revoked_at: credential.revoked_at,
        key,
    }
}

fn sites(sites: Option<&[Siret]>) -> String {
    let list = |sites: &[Siret]| {
        sites
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    };
    sites.map_or_else(|| "tous".to_owned(), list)
}

fn permission(text: &str) -> Result<Permission, String> {
    text.parse()
        .map_err(|_| "droits : submit, read, act, webhook".to_owned())
}
