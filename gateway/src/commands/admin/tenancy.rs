//! Networks, training centres and their sites.

use clap::{Args, Subcommand};
use domain::id::{CfaId, SiteId};
use domain::{Siren, Siret, TenantId};
use serde::Serialize;
use serde_json::json;
use store::tenants::{self, Cfa, Network, Site};

use super::{Desk, InNetwork, already, dash, one, several};
use crate::commands::failure::{Code, Failure};
use crate::commands::words;

#[derive(Debug, Subcommand)]
pub(super) enum NetworkCommand {
    #[command(about = "Crée un réseau")]
    Create {
        #[arg(long, value_parser = words::name, value_name = "NOM", help = "Son nom")]
        name: String,
    },
    #[command(about = "Liste les réseaux")]
    List,
}

#[derive(Debug, Subcommand)]
pub(super) enum CfaCommand {
    #[command(about = "Crée un CFA dans un réseau")]
    Create(NewCfa),
    #[command(about = "Liste les CFA d'un réseau")]
    List(InNetwork),
}

#[derive(Debug, Args)]
pub(super) struct NewCfa {
    #[command(flatten)]
    network: InNetwork,
    #[arg(long, value_parser = words::name, value_name = "NOM", help = "Son nom")]
    name: String,
    #[arg(long, value_parser = words::siren, value_name = "SIREN", help = "Son SIREN")]
    siren: Siren,
}

#[derive(Debug, Subcommand)]
pub(super) enum SiteCommand {
    #[command(about = "Crée un site : c'est son SIRET que portent les contrats")]
    Create(NewSite),
    #[command(about = "Liste les sites d'un réseau")]
    List(InNetwork),
}

#[derive(Debug, Args)]
pub(super) struct NewSite {
    #[command(flatten)]
    network: InNetwork,
    #[arg(
        long,
        value_name = "ID|NOM|SIREN",
        help = "Le CFA ; inutile si le réseau n'en a qu'un"
    )]
    cfa: Option<String>,
    #[arg(long, value_parser = words::siret, value_name = "SIRET", help = "Son SIRET")]
    siret: Siret,
    #[arg(long, value_parser = uai, value_name = "UAI", help = "Son UAI, s'il en a un")]
    uai: Option<String>,
    #[arg(long, value_parser = words::name, value_name = "NOM", help = "Son nom")]
    name: String,
}

#[derive(Debug, Serialize)]
struct NetworkLine {
    id: TenantId,
    name: String,
}

#[derive(Debug, Serialize)]
struct CfaLine {
    id: CfaId,
    name: String,
    siren: Siren,
}

#[derive(Debug, Serialize)]
struct SiteLine {
    id: SiteId,
    cfa: CfaId,
    name: String,
    siret: Siret,
    uai: Option<String>,
}

pub(super) async fn network(desk: &mut Desk, command: NetworkCommand) -> Result<(), Failure> {
    match command {
        NetworkCommand::Create { name } => {
            free(desk, &name).await?;
            let network = Network {
                id: TenantId::new(desk.now),
                name,
                settings: json!({}),
                created_at: desk.now,
            };
            desk.store.create_network(&network).await?;
            let mut tx = desk.store.writing().await?;
            desk.log(
                &mut tx,
                network.id,
                "network.created",
                json!({ "name": network.name }),
            );
            tx.commit().await?;
            let line = NetworkLine {
                id: network.id,
                name: network.name,
            };
            let shown = [("réseau", line.id.to_string()), ("nom", line.name.clone())];
            desk.out.record(&line, &shown)
        }
        NetworkCommand::List => {
            let mut tx = desk.store.reading().await?;
            let lines: Vec<NetworkLine> = tenants::networks(&mut tx)
                .await?
                .into_iter()
                .map(|network| NetworkLine {
                    id: network.id,
                    name: network.name,
                })
                .collect();
            desk.out.list(&["RÉSEAU", "NOM"], &lines, |line| {
                vec![line.id.to_string(), line.name.clone()]
            })
        }
    }
}

/// Refuses a name under which another network would be found: one name leads to one network.
async fn free(desk: &Desk, name: &str) -> Result<(), Failure> {
    if name.parse::<TenantId>().is_ok() {
        let said = "un nom de réseau n'a pas la forme d'un identifiant";
        return Err(Failure::new(Code::InputInvalid, said));
    }
    let mut tx = desk.store.reading().await?;
    let networks = tenants::networks(&mut tx).await?;
    if networks.iter().any(|network| network.name == name) {
        let said = format!("un réseau s'appelle déjà « {name} »");
        return Err(Failure::new(Code::Conflict, said).remedy("cfa-gateway admin network list"));
    }
    Ok(())
}

pub(super) async fn cfa(desk: &mut Desk, command: CfaCommand) -> Result<(), Failure> {
    match command {
        CfaCommand::Create(new) => {
            let tenant = desk.network(&new.network).await?.id;
            let cfa = Cfa {
                tenant,
                id: CfaId::new(desk.now),
                name: new.name,
                siren: new.siren,
                created_at: desk.now,
            };
            let mut tx = desk.store.writing().await?;
            tenants::create_cfa(&mut tx, &cfa).await?;
            let data = json!({ "cfa": cfa.id, "name": cfa.name, "siren": cfa.siren });
            desk.log(&mut tx, tenant, "cfa.created", data);
            tx.commit().await?;
            let line = cfa_line(cfa);
            let shown = [
                ("CFA", line.id.to_string()),
                ("nom", line.name.clone()),
                ("SIREN", line.siren.to_string()),
            ];
            desk.out.record(&line, &shown)
        }
        CfaCommand::List(network) => {
            let tenant = desk.network(&network).await?.id;
            let mut tx = desk.store.reading().await?;
            let lines: Vec<CfaLine> = tenants::cfas(&mut tx, tenant)
                .await?
                .into_iter()
                .map(cfa_line)
                .collect();
            desk.out.list(&["CFA", "NOM", "SIREN"], &lines, |line| {
                vec![
                    line.id.to_string(),
                    line.name.clone(),
                    line.siren.to_string(),
                ]
            })
        }
    }
}

pub(super) async fn site(desk: &mut Desk, command: SiteCommand) -> Result<(), Failure> {
    match command {
        SiteCommand::Create(new) => {
            let tenant = desk.network(&new.network).await?.id;
            let mut tx = desk.store.writing().await?;
            let cfas = tenants::cfas(&mut tx, tenant).await?;
            let cfa = choose(cfas, new.cfa.as_deref())?;
            let site = Site {
                tenant,
                id: SiteId::new(desk.now),
                cfa: cfa.id,
                siret: new.siret,
                uai: new.uai,
                name: new.name,
                created_at: desk.now,
            };
            tenants::create_site(&mut tx, &site)
                .await
                .map_err(|error| {
                    let said = format!("ce réseau a déjà un site de SIRET {}", site.siret);
                    already(error, said, "cfa-gateway admin site list")
                })?;
            let data =
                json!({ "site": site.id, "cfa": site.cfa, "siret": site.siret, "uai": site.uai });
            desk.log(&mut tx, tenant, "site.created", data);
            tx.commit().await?;
            let line = site_line(site);
            let shown = [
                ("site", line.id.to_string()),
                ("nom", line.name.clone()),
                ("SIRET", line.siret.to_string()),
                ("UAI", dash(line.uai.as_ref())),
            ];
            desk.out.record(&line, &shown)
        }
        SiteCommand::List(network) => {
            let tenant = desk.network(&network).await?.id;
            let mut tx = desk.store.reading().await?;
            let lines: Vec<SiteLine> = tenants::sites(&mut tx, tenant)
                .await?
                .into_iter()
                .map(site_line)
                .collect();
            desk.out
                .list(&["SITE", "NOM", "SIRET", "UAI"], &lines, |line| {
                    let uai = dash(line.uai.as_ref());
                    vec![
                        line.id.to_string(),
                        line.name.clone(),
                        line.siret.to_string(),
                        uai,
                    ]
                })
        }
    }
}

fn choose(mut cfas: Vec<Cfa>, named: Option<&str>) -> Result<Cfa, Failure> {
    let Some(name) = named else {
        let choice = several(cfas.iter().map(|cfa| cfa.name.clone()));
        return one(
            cfas,
            ("aucun CFA", "cfa-gateway admin cfa create"),
            ("plusieurs CFA", &format!("nommez-le avec --cfa ({choice})")),
        );
    };
    cfas.retain(|cfa| cfa.name == name || cfa.id.to_string() == name || cfa.siren.as_str() == name);
    let ids = several(cfas.iter().map(|cfa| cfa.id));
    one(
        cfas,
        (
            &format!("aucun CFA « {name} »"),
            "cfa-gateway admin cfa list",
        ),
        (
            &format!("plusieurs CFA « {name} »"),
            &format!("nommez-le par son identifiant ({ids})"),
        ),
    )
}

fn cfa_line(cfa: Cfa) -> CfaLine {
    CfaLine {
        id: cfa.id,
        name: cfa.name,
        siren: cfa.siren,
    }
}

fn site_line(site: Site) -> SiteLine {
    SiteLine {
        id: site.id,
        cfa: site.cfa,
        name: site.name,
        siret: site.siret,
        uai: site.uai,
    }
}

fn uai(text: &str) -> Result<String, String> {
    text.parse::<domain::identifiers::Uai>()
        .map(|uai| uai.to_string())
        .map_err(|_| "il faut 7 chiffres et la bonne lettre".to_owned())
}
