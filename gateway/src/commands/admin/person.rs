//! The people of the dashboard: the first administrator of a network, and whoever is locked out.

use admin_api::people::{self, Acting, Change, Invited, PeopleError};
use clap::{Args, Subcommand};
use domain::Secret;
use domain::id::PersonId;
use domain::person::{Language, PersonState, Role};
use serde_json::json;
use store::people::{Person, Scope};

use super::{Desk, InNetwork};
use crate::commands::failure::{Code, Failure};
use crate::commands::words::{self, one_of};

#[derive(Debug, Subcommand)]
pub(super) enum PersonCommand {
    #[command(about = "Crée un compte ; affiche l'adresse où la personne choisit son mot de passe")]
    Create(NewPerson),
    #[command(about = "Liste les comptes d'un réseau et leurs rôles")]
    List(InNetwork),
    #[command(about = "Refait une invitation : mot de passe perdu, invitation expirée")]
    Invite(OnePerson),
    #[command(about = "Oublie le second facteur : appareil et codes de secours perdus")]
    ResetSecondFactor(OnePerson),
    #[command(about = "Ferme un compte et ses sessions")]
    Disable(OnePerson),
}

#[derive(Debug, Args)]
pub(super) struct NewPerson {
    #[command(flatten)]
    network: InNetwork,
    #[arg(
        long,
        value_name = "ADRESSE",
        help = "Adresse électronique, qui sert à se connecter"
    )]
    email: String,
    #[arg(long, value_parser = words::name, value_name = "NOM", help = "Nom de la personne")]
    name: String,
    #[arg(
        long,
        value_parser = one_of!(Role),
        default_value = "admin",
        value_name = "ROLE",
        help = "lecteur, gestionnaire, facturation, cles, auditeur ou admin [admin]"
    )]
    role: Role,
    #[arg(
        long,
        default_value = "network",
        value_parser = scope,
        value_name = "OÙ",
        help = "network (tout le réseau), cfa:ID ou site:ID [network]"
    )]
    scope: Scope,
    #[arg(
        long,
        value_parser = one_of!(Language),
        default_value = "fr",
        value_name = "LANGUE",
        help = "fr ou en [fr]"
    )]
    language: Language,
}

#[derive(Debug, Args)]
pub(super) struct OnePerson {
    #[command(flatten)]
    network: InNetwork,
    #[arg(value_name = "ID")]
    id: PersonId,
}

pub(super) async fn run(desk: &mut Desk, command: PersonCommand) -> Result<(), Failure> {
    match command {
        PersonCommand::Create(new) => create(desk, new).await,
        PersonCommand::List(network) => list(desk, &network).await,
        PersonCommand::Invite(one) => {
            let asked = Change {
                invite_again: true,
                ..Change::default()
            };
            change(desk, &one, asked).await
        }
        PersonCommand::ResetSecondFactor(one) => {
            let asked = Change {
                reset_second_factor: true,
                ..Change::default()
            };
            change(desk, &one, asked).await
        }
        PersonCommand::Disable(one) => {
            let asked = Change {
                state: Some(PersonState::Disabled),
                ..Change::default()
            };
            change(desk, &one, asked).await
        }
    }
}

async fn create(desk: &mut Desk, new: NewPerson) -> Result<(), Failure> {
    let tenant = desk.network(&new.network).await?.id;
    let invited = Invited {
        email: new.email,
        name: new.name,
        language: new.language,
        roles: vec![(new.role, new.scope)],
    };
    let mut tx = desk.store.writing().await?;
    let (person, link) = people::invite(&mut tx, tenant, invited, &acting(desk))
        .await
        .map_err(refused)?;
    tx.commit().await?;
    shown(desk, &person, Some(&link))
}

async fn change(desk: &mut Desk, one: &OnePerson, asked: Change) -> Result<(), Failure> {
    let tenant = desk.network(&one.network).await?.id;
    let mut tx = desk.store.writing().await?;
    let (person, link) = people::change(&mut tx, tenant, one.id, asked, &acting(desk))
        .await
        .map_err(refused)?;
    tx.commit().await?;
    shown(desk, &person, link.as_ref())
}

async fn list(desk: &mut Desk, network: &InNetwork) -> Result<(), Failure> {
    let tenant = desk.network(network).await?.id;
    let mut tx = desk.store.reading().await?;
    let found = people::list(&mut tx, tenant).await?;
    let lines: Vec<serde_json::Value> = found
        .iter()
        .map(|(person, grants)| {
            let role = |grant: &store::people::Grant| {
                format!("{}@{}", grant.role, people::scope_text(grant.scope))
            };
            let roles: Vec<String> = grants.iter().map(role).collect();
            json!({
                "id": person.id, "email": person.email, "name": person.name,
                "state": person.state, "second_factor": person.sealed_totp.is_some(),
                "roles": roles,
            })
        })
        .collect();
    let titles = ["COMPTE", "NOM", "ADRESSE", "ÉTAT", "RÔLES"];
    desk.out.list(&titles, &lines, |line| {
        let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        let roles = line["roles"].as_array().into_iter().flatten();
        let roles: Vec<&str> = roles.filter_map(serde_json::Value::as_str).collect();
        vec![
            text("id"),
            text("name"),
            text("email"),
            text("state"),
            roles.join(", "),
        ]
    })
}

fn acting(desk: &Desk) -> Acting {
    Acting {
        name: format!("cli:{}", desk.author),
        now: desk.now,
        invitation: desk.config.admin.invitation(),
    }
}

fn shown(desk: &mut Desk, person: &Person, link: Option<&Secret>) -> Result<(), Failure> {
    let page = link.map(|link| people::invitation_page(&desk.config.admin, None, link));
    let record = json!({
        "id": person.id, "email": person.email, "name": person.name, "state": person.state,
        "invitation": page,
    });
    let mut lines = vec![
        ("compte", person.id.to_string()),
        ("nom", person.name.clone()),
        ("adresse", person.email.clone()),
        ("état", person.state.to_string()),
    ];
    if let Some(page) = page {
        lines.push(("à envoyer à la personne", page));
        lines.push(("", "(sert une fois ; montrée cette seule fois)".to_owned()));
    }
    desk.out.record(&record, &lines)
}

fn scope(text: &str) -> Result<Scope, String> {
    people::scope(text).ok_or_else(|| "il faut network, cfa:ID ou site:ID".to_owned())
}

fn refused(error: PeopleError) -> Failure {
    let (code, said, remedy) = match error {
        PeopleError::Email => (
            Code::InputInvalid,
            "l'adresse n'en est pas une",
            "--email NOM@HÔTE",
        ),
        PeopleError::Name => (Code::InputInvalid, "il faut un nom", "--name"),
        PeopleError::NoRole => (Code::InputInvalid, "il faut un rôle", "--role"),
        PeopleError::Scope => (
            Code::NotFound,
            "ce CFA ou ce site n'est pas de ce réseau",
            "cfa-gateway admin site list",
        ),
        PeopleError::Taken => (
            Code::Conflict,
            "le réseau a déjà un compte avec cette adresse",
            "cfa-gateway admin person list",
        ),
        PeopleError::Unknown => (
            Code::NotFound,
            "aucun compte de ce nom dans ce réseau",
            "cfa-gateway admin person list",
        ),
        PeopleError::LastAdmin => (
            Code::Conflict,
            "c'est le dernier administrateur du réseau",
            "en créer d'abord un autre : cfa-gateway admin person create",
        ),
        PeopleError::Store(error) => return error.into(),
    };
    Failure::new(code, said).remedy(remedy)
}
