//! Networks, training centres and their sites.

use admin_api::tree::{self, NewSite as TreeSite, TreeError};
use clap::{Args, Subcommand};
use domain::id::{CfaId, SiteId};
use domain::identifiers::Uai;
use domain::{Siren, Siret, TenantId, Timestamp};
use serde::Serialize;
use serde_json::json;
use store::Tx;
use store::tenants::{self, Cfa, Network, Site};

use super::{Desk, InNetwork, Why, dash, one, several, when};
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
    #[command(about = "Donne un autre nom à un CFA")]
    Rename {
        #[command(flatten)]
        network: InNetwork,
        #[arg(value_name = "ID|NOM|SIREN")]
        cfa: String,
        #[arg(long, value_parser = words::name, value_name = "NOM", help = "Son nouveau nom")]
        name: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct NewCfa {
    #[command(flatten)]
    network: InNetwork,
    #[arg(long, value_parser = words::name, value_name = "NOM", help = "Son nom")]
    name: String,
    #[arg(long, value_parser = words::siren, value_name = "SIREN", help = "Son SIREN")]
    siren: Siren,
    #[arg(
        long,
        help = "Second CFA de cette entreprise : le réseau en a déjà un de ce SIREN"
    )]
    second: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum SiteCommand {
    #[command(about = "Crée un site : c'est son SIRET que portent les contrats")]
    Create(NewSite),
    #[command(about = "Liste les sites d'un réseau")]
    List(InNetwork),
    #[command(about = "Donne un autre nom et un autre UAI à un site")]
    Change {
        #[command(flatten)]
        site: OneSite,
        #[arg(long, value_parser = words::name, value_name = "NOM", help = "Son nom")]
        name: String,
        #[arg(long, value_parser = uai, value_name = "UAI", help = "Son UAI, s'il en a un")]
        uai: Option<Uai>,
    },
    #[command(about = "Passe un site à un autre CFA du réseau")]
    Move {
        #[command(flatten)]
        site: OneSite,
        #[arg(long, value_name = "ID|NOM|SIREN", help = "Le CFA où il va")]
        to: String,
        #[command(flatten)]
        why: Why,
    },
    #[command(about = "Ferme un site : plus de nouveau contrat, ce qui est reçu va jusqu'au bout")]
    Close {
        #[command(flatten)]
        site: OneSite,
        #[command(flatten)]
        why: Why,
    },
    #[command(about = "Rouvre un site fermé")]
    Reopen {
        #[command(flatten)]
        site: OneSite,
        #[command(flatten)]
        why: Why,
    },
}

/// Which site.
#[derive(Debug, Args)]
pub(super) struct OneSite {
    #[command(flatten)]
    network: InNetwork,
    #[arg(value_parser = words::siret, value_name = "SIRET")]
    siret: Siret,
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
    uai: Option<Uai>,
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
    closed_at: Option<Timestamp>,
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
            let new = tree::NewCfa {
                name: new.name,
                siren: new.siren,
                second: new.second,
            };
            let mut tx = desk.store.writing().await?;
            let made = tree::add_cfa(&mut tx, tenant, new, &desk.hand()).await;
            let cfa = made.map_err(refused)?;
            tx.commit().await?;
            show_cfa(desk, cfa)
        }
        CfaCommand::Rename { network, cfa, name } => {
            let tenant = desk.network(&network).await?.id;
            let mut tx = desk.store.writing().await?;
            let cfas = tenants::cfas(&mut tx, tenant).await?;
            let place = (tenant, choose(cfas, Some(&cfa))?.id);
            let renamed = tree::rename_cfa(&mut tx, place, &name, &desk.hand()).await;
            let cfa = renamed.map_err(refused)?;
            tx.commit().await?;
            show_cfa(desk, cfa)
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
            let new = TreeSite {
                cfa: cfa.id,
                siret: new.siret,
                uai: new.uai,
                name: new.name,
            };
            let made = tree::add_site(&mut tx, tenant, new, &desk.hand()).await;
            let site = made.map_err(refused)?;
            tx.commit().await?;
            show_site(desk, site)
        }
        SiteCommand::Change { site, name, uai } => {
            let (mut tx, place) = found(desk, &site).await?;
            let said = (name.as_str(), uai);
            let changed = tree::change_site(&mut tx, place, said, &desk.hand()).await;
            let site = changed.map_err(refused)?;
            tx.commit().await?;
            show_site(desk, site)
        }
        SiteCommand::Move { site, to, why } => {
            let hand = desk.because(&why.reason)?;
            let (mut tx, place) = found(desk, &site).await?;
            let cfas = tenants::cfas(&mut tx, place.0).await?;
            let to = choose(cfas, Some(&to))?.id;
            let moved = tree::move_site(&mut tx, place, to, &hand).await;
            let site = moved.map_err(refused)?;
            tx.commit().await?;
            show_site(desk, site)
        }
        SiteCommand::Close { site, why } => {
            let hand = desk.because(&why.reason)?;
            let (mut tx, place) = found(desk, &site).await?;
            let closed = tree::close_site(&mut tx, place, &hand).await;
            let site = closed.map_err(refused)?;
            tx.commit().await?;
            show_site(desk, site)
        }
        SiteCommand::Reopen { site, why } => {
            let hand = desk.because(&why.reason)?;
            let (mut tx, place) = found(desk, &site).await?;
            let opened = tree::reopen_site(&mut tx, place, &hand).await;
            let site = opened.map_err(refused)?;
            tx.commit().await?;
            show_site(desk, site)
        }
        SiteCommand::List(network) => list_sites(desk, &network).await,
    }
}

async fn list_sites(desk: &mut Desk, network: &InNetwork) -> Result<(), Failure> {
    let tenant = desk.network(network).await?.id;
    let mut tx = desk.store.reading().await?;
    let lines: Vec<SiteLine> = tenants::sites(&mut tx, tenant)
        .await?
        .into_iter()
        .map(site_line)
        .collect();
    desk.out
        .list(&["SITE", "NOM", "SIRET", "UAI", "FERMÉ"], &lines, |line| {
            let uai = dash(line.uai.as_ref());
            vec![
                line.id.to_string(),
                line.name.clone(),
                line.siret.to_string(),
                uai,
                when(line.closed_at),
            ]
        })
}

/// Opens a transaction upon a site of a network.
async fn found(desk: &Desk, site: &OneSite) -> Result<(Tx, (TenantId, SiteId)), Failure> {
    let tenant = desk.network(&site.network).await?.id;
    let mut tx = desk.store.writing().await?;
    let found = tenants::find_site(&mut tx, tenant, &site.siret).await?;
    let found = found.ok_or_else(|| {
        let said = format!("aucun site de SIRET {}", site.siret);
        Failure::new(Code::NotFound, said).remedy("cfa-gateway admin site list")
    })?;
    Ok((tx, (tenant, found.id)))
}

/// Says why nothing was changed.
fn refused(error: TreeError) -> Failure {
    let conflict = |said: &str| Failure::new(Code::Conflict, said);
    match error {
        TreeError::Store(error) => error.into(),
        TreeError::Unknown => {
            Failure::new(Code::NotFound, "aucun tel CFA ou site").remedy("cfa-gateway admin cfa list")
        }
        TreeError::CfaTaken => conflict("ce réseau a déjà un CFA de ce nom et de ce SIREN")
            .remedy("cfa-gateway admin cfa list"),
        TreeError::CompanyTaken(name) => conflict(&format!(
            "ce réseau a déjà un CFA de ce SIREN, « {name} »"
        ))
        .remedy("cfa-gateway admin site create pour le même CFA ; --second si l'entreprise en a bien deux"),
        TreeError::SiretTaken(siret) => conflict(&format!("ce réseau a déjà un site de SIRET {siret}"))
            .remedy("cfa-gateway admin site list"),
        TreeError::There => conflict("le site est déjà dans ce CFA"),
        TreeError::Company(siren) => conflict(&format!(
            "le SIRET du site est celui d'un établissement de l'entreprise {siren} : il ne peut pas passer \
             à un CFA d'une autre"
        ))
        .remedy("après une reprise, créer un site avec le nouveau SIRET, puis fermer celui-ci"),
        TreeError::Closed => conflict("le site est déjà fermé"),
        TreeError::Open => conflict("le site est déjà ouvert"),
        TreeError::Name
        | TreeError::Ceiling
        | TreeError::Reference
        | TreeError::Backwards
        | TreeError::NotSigned
        | TreeError::Over(_)
        | TreeError::Sooner(_)
        | TreeError::Unsigned(_) => {
            Failure::new(Code::InputInvalid, "un nom ou un plafond n'en est pas un")
        }
    }
}

fn show_cfa(desk: &mut Desk, cfa: Cfa) -> Result<(), Failure> {
    let line = cfa_line(cfa);
    let shown = [
        ("CFA", line.id.to_string()),
        ("nom", line.name.clone()),
        ("SIREN", line.siren.to_string()),
    ];
    desk.out.record(&line, &shown)
}

fn show_site(desk: &mut Desk, site: Site) -> Result<(), Failure> {
    let line = site_line(site);
    let shown = [
        ("site", line.id.to_string()),
        ("nom", line.name.clone()),
        ("SIRET", line.siret.to_string()),
        ("UAI", dash(line.uai.as_ref())),
        ("fermé", when(line.closed_at)),
    ];
    desk.out.record(&line, &shown)
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
        closed_at: site.closed_at,
    }
}

fn uai(text: &str) -> Result<Uai, String> {
    text.parse()
        .map_err(|_| "il faut 7 chiffres et la bonne lettre".to_owned())
}
