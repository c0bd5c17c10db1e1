//! The people of the dashboard: the first administrator of a network, and whoever is locked out.

use admin_api::people::{self, Acting, Change, Invited, PeopleError};
use clap::{Args, Subcommand};
use domain::Secret;
use domain::id::PersonId;
use domain::person::{Language, PersonState, Role};
use serde::Serialize;
use serde_json::json;
use store::people::{Grant, Person, Scope};
use store::tenants::{self, Cfa, Site};

use super::{Desk, InNetwork, Why, reason_given};
use crate::commands::failure::{Code, Failure};
use crate::commands::names;
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
    ResetSecondFactor {
        #[command(flatten)]
        person: OnePerson,
        #[command(flatten)]
        why: Why,
    },
    #[command(about = "Ferme un compte et ses sessions")]
    Disable {
        #[command(flatten)]
        person: OnePerson,
        #[command(flatten)]
        why: Why,
    },
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

#[derive(Debug, Serialize)]
struct Line {
    id: PersonId,
    email: String,
    name: String,
    state: PersonState,
    second_factor: bool,
    roles: Vec<String>,
    /// The roles as people call them, and where.
    #[serde(skip)]
    named: String,
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
        PersonCommand::ResetSecondFactor { person, why } => {
            let asked = Change {
                reset_second_factor: true,
                reason: Some(reason_given(&why.reason)?),
                ..Change::default()
            };
            change(desk, &person, asked).await
        }
        PersonCommand::Disable { person, why } => {
            let asked = Change {
                state: Some(PersonState::Disabled),
                reason: Some(reason_given(&why.reason)?),
                ..Change::default()
            };
            change(desk, &person, asked).await
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
    let places = (
        tenants::cfas(&mut tx, tenant).await?,
        tenants::sites(&mut tx, tenant).await?,
    );
    let lines: Vec<Line> = found
        .into_iter()
        .map(|(person, grants)| line(person, &grants, (&places.0, &places.1)))
        .collect();
    let titles = [
        "COMPTE",
        "NOM",
        "ADRESSE",
        "ÉTAT",
        "SECOND FACTEUR",
        "RÔLES",
    ];
    desk.out.list(&titles, &lines, |line| {
        vec![
            line.id.to_string(),
            line.name.clone(),
            line.email.clone(),
            names::person_state(line.state),
            if line.second_factor { "oui" } else { "non" }.to_owned(),
            line.named.clone(),
        ]
    })
}

fn line(person: Person, grants: &[Grant], places: (&[Cfa], &[Site])) -> Line {
    let word = |grant: &Grant| format!("{}@{}", grant.role, people::scope_text(grant.scope));
    let name = |grant: &Grant| {
        let place = people::scope_name(grant.scope, places, Language::Fr);
        format!("{} ({place})", names::role(grant.role))
    };
    let named: Vec<String> = grants.iter().map(name).collect();
    Line {
        id: person.id,
        second_factor: person.sealed_totp.is_some(),
        email: person.email,
        name: person.name,
        state: person.state,
        roles: grants.iter().map(word).collect(),
        named: named.join(", "),
    }
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
        ("état", names::person_state(person.state)),
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
