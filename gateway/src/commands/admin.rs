//! `admin …`: creates and revokes what the gateway works with, straight in the store, each act with its
//! line in the network's log. For scripts and first steps; it needs the settings and the master key.

mod credential;
mod decision;
mod key;
mod mandate;
mod person;
mod privacy;
mod refusals;
mod retention;
mod software;
mod switch;
mod tenancy;
#[cfg(test)]
mod tests;
mod webhook;
mod window;

use admin_api::hand::{self, Hand};
use clap::{Args, Subcommand};
use domain::calendar::french;
use domain::clock::{Clock, SystemClock};
use domain::{Instance, Opco, TenantId, Timestamp};
use jiff::civil::Date;
use store::tenants::{self, Network};
use store::{Store, Tx};

use crate::commands::failure::{Code, Exit, Failure};
use crate::commands::output::Out;
use crate::commands::words::{self, one_of};
use crate::commands::{Context, quiet_logs, runtime};
use crate::config::Config;

/// Arguments of `admin`.
#[derive(Debug, Args)]
pub(crate) struct AdminArgs {
    #[command(subcommand)]
    what: What,
    #[arg(
        long,
        global = true,
        env = "USER",
        default_value = "administrateur",
        value_parser = words::author,
        value_name = "NOM",
        help = "Qui agit, pour le journal (par défaut le compte du système)"
    )]
    author: String,
}

#[derive(Debug, Subcommand)]
enum What {
    #[command(
        subcommand,
        about = "Réseaux : chacun est cloisonné, un CFA seul est un réseau"
    )]
    Network(tenancy::NetworkCommand),
    #[command(subcommand, about = "CFA d'un réseau")]
    Cfa(tenancy::CfaCommand),
    #[command(subcommand, about = "Sites d'un CFA : un SIRET, un UAI")]
    Site(tenancy::SiteCommand),
    #[command(subcommand, about = "Comptes logiciels (OAuth) auprès des OPCO")]
    Software(software::SoftwareCommand),
    #[command(
        subcommand,
        about = "Clés CFA : une par site et par OPCO, essayées avant de servir"
    )]
    Key(key::KeyCommand),
    #[command(subcommand, about = "Clés d'API des ERP")]
    Credential(credential::CredentialCommand),
    #[command(subcommand, about = "L'OPCO d'un employeur, dit par le réseau")]
    Override(decision::OverrideCommand),
    #[command(subcommand, about = "L'effet d'une règle, changé par le réseau")]
    Rule(decision::RuleCommand),
    #[command(subcommand, about = "Mandats de gestion attestés par un site")]
    Mandate(mandate::MandateCommand),
    #[command(
        subcommand,
        about = "Refus des OPCO : les textes inconnus, et à quels mots les motifs se reconnaissent"
    )]
    Refusals(refusals::RefusalsCommand),
    #[command(subcommand, about = "Ce qu'un OPCO a ouvert, pour toute la passerelle")]
    Switch(switch::SwitchCommand),
    #[command(
        subcommand,
        about = "Maintenances d'un OPCO, pour toute la passerelle : rien ne lui est demandé pendant"
    )]
    Window(window::WindowCommand),
    #[command(
        subcommand,
        about = "Webhooks des ERP : voir, arrêter, reprendre, renvoyer"
    )]
    Webhook(webhook::WebhookCommand),
    #[command(
        subcommand,
        about = "Comptes du tableau de bord : inviter, dépanner, fermer"
    )]
    Person(person::PersonCommand),
    #[command(
        subcommand,
        about = "Droits d'une personne : les effacements, refaits après une restauration"
    )]
    Privacy(privacy::PrivacyCommand),
    #[command(
        subcommand,
        about = "Durées de conservation : ce que la prochaine ronde effacerait"
    )]
    Retention(retention::RetentionCommand),
}

/// What every command of `admin` works with.
pub(crate) struct Desk {
    config: Config,
    store: Store,
    out: Out,
    author: String,
    now: Timestamp,
}

/// Which network.
#[derive(Debug, Args)]
pub(crate) struct InNetwork {
    #[arg(
        long,
        value_name = "ID|NOM",
        help = "Le réseau, par son identifiant ou son nom ; inutile s'il n'y en a qu'un"
    )]
    pub(crate) network: Option<String>,
}

/// Why.
#[derive(Debug, Args)]
pub(crate) struct Why {
    #[arg(
        long,
        value_name = "TEXTE",
        help = "Pourquoi, pour le journal : 500 caractères au plus, ni NIR ni IBAN"
    )]
    pub(crate) reason: String,
}

/// Which system of which OPCO.
#[derive(Debug, Args)]
struct AtOpco {
    #[arg(long, value_parser = one_of!(Opco, slug), value_name = "OPCO", help = "L'OPCO (akto, atlas…)")]
    opco: Opco,
    #[arg(
        long,
        default_value_t = 1,
        value_name = "N",
        help = "Lequel de ses systèmes, s'il en a plusieurs [1]"
    )]
    instance: u16,
}

impl AtOpco {
    fn instance(&self) -> Instance {
        Instance {
            opco: self.opco,
            number: self.instance,
        }
    }
}

/// Opens the store and does what is asked.
pub(crate) fn run(context: &Context, args: AdminArgs) -> Result<Exit, Failure> {
    let config = context.config()?;
    quiet_logs(&config);
    runtime()?.block_on(async {
        let store = context.store(&config).await?;
        let mut desk = Desk {
            config,
            store,
            out: Out::stdout(context.format()),
            author: args.author,
            now: SystemClock.now(),
        };
        let done = act(&mut desk, args.what).await;
        desk.store.close().await;
        done.map(|()| Exit::Success)
    })
}

async fn act(desk: &mut Desk, what: What) -> Result<(), Failure> {
    match what {
        What::Network(command) => tenancy::network(desk, command).await,
        What::Cfa(command) => tenancy::cfa(desk, command).await,
        What::Site(command) => tenancy::site(desk, command).await,
        What::Software(command) => software::run(desk, command).await,
        What::Key(command) => key::run(desk, command).await,
        What::Credential(command) => credential::run(desk, command).await,
        What::Override(command) => decision::route(desk, command).await,
        What::Rule(command) => decision::rule(desk, command).await,
        What::Mandate(command) => mandate::run(desk, command).await,
        What::Refusals(command) => refusals::run(desk, command).await,
        What::Switch(command) => switch::run(desk, command).await,
        What::Window(command) => window::run(desk, command).await,
        What::Webhook(command) => webhook::run(desk, command).await,
        What::Person(command) => person::run(desk, command).await,
        What::Privacy(command) => privacy::run(desk, command).await,
        What::Retention(command) => retention::run(desk, command).await,
    }
}

impl Desk {
    /// Finds the network named, or the only one there is.
    async fn network(&self, named: &InNetwork) -> Result<Network, Failure> {
        network_of(&self.store, named.network.as_deref()).await
    }

    /// Writes the line of an act in the log of a network, in the act's own transaction.
    fn log(&self, tx: &mut Tx, tenant: TenantId, kind: &'static str, data: serde_json::Value) {
        self.hand().write(tx, tenant, kind, data);
    }

    /// The same, with the reason of an act. What it holds is not repeated where it is refused.
    fn because(&self, reason: &str) -> Result<Hand, Failure> {
        Ok(Hand {
            reason: Some(reason_given(reason)?),
            ..self.hand()
        })
    }

    /// Returns whose hand the acts of this command are.
    fn hand(&self) -> Hand {
        Hand {
            name: format!("cli:{}", self.author),
            now: self.now,
            reason: None,
        }
    }
}

/// Returns the reason of an act as the log keeps it.
pub(crate) fn reason_given(text: &str) -> Result<String, Failure> {
    hand::given(text).map_err(|why| {
        let (said, _) = why.said();
        Failure::new(Code::InputInvalid, format!("--reason : {said}"))
    })
}

/// Finds the network named, or the only one there is.
pub(crate) async fn network_of(store: &Store, named: Option<&str>) -> Result<Network, Failure> {
    let mut tx = store.reading().await?;
    let mut networks = tenants::networks(&mut tx).await?;
    let Some(name) = named else {
        let choice = several(networks.iter().map(|network| network.name.clone()));
        return one(
            networks,
            ("aucun réseau", "cfa-gateway admin network create"),
            (
                "plusieurs réseaux",
                &format!("nommez-le avec --network ({choice})"),
            ),
        );
    };
    networks.retain(|network| network.name == name || network.id.to_string() == name);
    let ids = several(networks.iter().map(|network| network.id));
    one(
        networks,
        (
            &format!("aucun réseau « {name} »"),
            "cfa-gateway admin network list",
        ),
        (
            &format!("plusieurs réseaux « {name} »"),
            &format!("nommez-le par son identifiant ({ids})"),
        ),
    )
}

/// Returns the only one of a list; else says, with what to do, that there is none or a choice.
fn one<T>(found: Vec<T>, none: (&str, &str), many: (&str, &str)) -> Result<T, Failure> {
    let choice = found.len() > 1;
    match found.into_iter().next() {
        Some(only) if !choice => Ok(only),
        Some(_) => Err(Failure::new(Code::InputInvalid, many.0).remedy(many.1)),
        None => Err(Failure::new(Code::NotFound, none.0).remedy(none.1)),
    }
}

/// Names the first of those to choose from.
fn several(names: impl ExactSizeIterator<Item = impl ToString>) -> String {
    const SHOWN: usize = 8;
    let more = if names.len() > SHOWN { "…" } else { "" };
    let shown: Vec<String> = names.take(SHOWN).map(|name| name.to_string()).collect();
    format!("{}{more}", shown.join(", "))
}

/// Writes an instant that may be none, as the clocks of France show it.
fn when(at: Option<Timestamp>) -> String {
    dash(at.map(words::local))
}

/// Writes a day that may be none, as people write days.
fn on(day: Option<Date>) -> String {
    dash(day.map(french))
}

/// Shows an absent value in a table.
fn dash(text: Option<impl ToString>) -> String {
    text.map_or_else(|| "-".to_owned(), |text| text.to_string())
}
