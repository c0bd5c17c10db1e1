//! The OAuth client of a software at an OPCO: shared by every network, or one network's own.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use domain::id::KeyId;
use domain::{Environment, Instance, Secret, TenantId};
use serde::Serialize;
use serde_json::json;
use store::software::{self, SoftwareCredential};

use super::{AtOpco, Desk, InNetwork};
use crate::commands::failure::Failure;
use crate::commands::words::one_of;
use crate::commands::{names, secret_input};

#[derive(Debug, Subcommand)]
pub(super) enum SoftwareCommand {
    #[command(about = "Enregistre le compte logiciel d'un OPCO ; il remplace le précédent")]
    Create(NewSoftware),
    #[command(about = "Liste les comptes logiciels : partagés, ou d'un réseau")]
    List(InNetwork),
}

#[derive(Debug, Args)]
pub(super) struct NewSoftware {
    #[arg(
        long,
        value_name = "ID|NOM",
        help = "Le réseau auquel il est réservé ; partagé par tous sinon"
    )]
    network: Option<String>,
    #[command(flatten)]
    at: AtOpco,
    #[arg(
        long,
        value_parser = one_of!(Environment),
        value_name = "MONDE",
        help = "test (recette, simulateur) ou live (production)"
    )]
    environment: Environment,
    #[arg(long, value_name = "ID", help = "L'identifiant OAuth (client_id)")]
    client_id: String,
    #[arg(
        long,
        value_name = "FICHIER",
        help = "Fichier du secret OAuth, ou - ; sinon une saisie cachée"
    )]
    secret_file: Option<PathBuf>,
    #[arg(
        long,
        value_name = "FICHIER",
        conflicts_with = "generate_dpop_key",
        help = "Clé privée DPoP (RSA, PKCS#8, PEM), là où l'OPCO la demande"
    )]
    dpop_key_file: Option<PathBuf>,
    #[arg(long, help = "Crée la clé DPoP")]
    generate_dpop_key: bool,
}

#[derive(Debug, Serialize)]
struct Line {
    id: KeyId,
    opco: &'static str,
    instance: u16,
    #[serde(skip)]
    system: Instance,
    environment: Environment,
    client_id: String,
    dpop: bool,
    shared: bool,
}

pub(super) async fn run(desk: &mut Desk, command: SoftwareCommand) -> Result<(), Failure> {
    match command {
        SoftwareCommand::Create(new) => create(desk, new).await,
        SoftwareCommand::List(network) => {
            let mut tenants = vec![TenantId::PLATFORM];
            if network.network.is_some() {
                tenants.push(desk.network(&network).await?.id);
            }
            let mut tx = desk.store.reading().await?;
            let mut lines = Vec::new();
            for tenant in tenants {
                lines.extend(software::list(&mut tx, tenant).await?.iter().map(line));
            }
            let titles = ["COMPTE", "OPCO", "MONDE", "CLIENT", "DPOP", "POUR"];
            desk.out.list(&titles, &lines, |line| {
                vec![
                    line.id.to_string(),
                    names::system(line.system),
                    names::world(line.environment),
                    line.client_id.clone(),
                    if line.dpop { "oui" } else { "non" }.to_owned(),
                    if line.shared { "tous" } else { "ce réseau" }.to_owned(),
                ]
            })
        }
    }
}

async fn create(desk: &mut Desk, new: NewSoftware) -> Result<(), Failure> {
    let tenant = match new.network {
        None => TenantId::PLATFORM,
        some => desk.network(&InNetwork { network: some }).await?.id,
    };
    let secret = secret_input::read_line(new.secret_file.as_deref(), "le secret OAuth")?;
    let dpop = match (&new.dpop_key_file, new.generate_dpop_key) {
        (Some(file), _) => Some(secret_input::read(Some(file), "la clé DPoP")?),
        (None, true) => Some(
            opco::generate_proof_key()
                .map_err(|fault| Failure::internal("making a DPoP key", fault.detail))?,
        ),
        (None, false) => None,
    };
    let (id, keys) = (KeyId::new(desk.now), desk.store.keys(tenant).await?);
    let sealed = |part, secret: &Secret| {
        keys.seal_secret(id.as_bytes(), part, secret)
            .map_err(|error| Failure::internal("sealing", error))
    };
    let credential = SoftwareCredential {
        tenant,
        id,
        instance: new.at.instance(),
        environment: new.environment,
        client_id: new.client_id,
        sealed_secret: Some(sealed(software::SECRET_PART, &secret)?),
        sealed_dpop_key: dpop
            .map(|key| sealed(software::DPOP_PART, &key))
            .transpose()?,
        created_at: desk.now,
    };
    let line = line(&credential);
    let mut tx = desk.store.writing().await?;
    software::put(&mut tx, &credential).await?;
    desk.log(&mut tx, tenant, "software.put", json!(line));
    tx.commit().await?;
    let shown = [
        ("compte logiciel", line.id.to_string()),
        ("OPCO", names::system(line.system)),
        ("monde", names::world(line.environment)),
        ("client", line.client_id.clone()),
        (
            "pour",
            if line.shared {
                "tous les réseaux"
            } else {
                "ce réseau"
            }
            .to_owned(),
        ),
    ];
    desk.out.record(&line, &shown)
}

fn line(credential: &SoftwareCredential) -> Line {
    let Instance { opco, number } = credential.instance;
    Line {
        id: credential.id,
        opco: opco.slug(),
        instance: number,
        system: credential.instance,
        environment: credential.environment,
        client_id: credential.client_id.clone(),
        dpop: credential.sealed_dpop_key.is_some(),
        shared: credential.tenant == TenantId::PLATFORM,
    }
}
