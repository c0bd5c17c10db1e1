//! Who may use the dashboard: accounts, invitations, roles. Used by the pages, the admin API and the
//! command line alike.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use domain::id::{CfaId, PersonId, SiteId, TenantId, TokenId};
use domain::person::{Language, PersonState, Right, Role};
use domain::{Environment, Secret, Timestamp};
use store::people::{self, Grant, Person, Purpose, Scope, Token};
use store::tenants::{Cfa, Site};
use store::{NewEvent, StoreError, Tx, events, tenants};

use crate::settings::Settings;
use crate::signin::carried::{self, Carried};
use crate::signin::normal_email;
use crate::signin::password::Passwords;
use crate::viewer::Reach;
use crate::works::By;

/// The longest name or address.
const CHARS_MAX: usize = 200;

/// A new account.
#[derive(Debug, Clone)]
pub struct Invited {
    /// What the person signs in with.
    pub email: String,
    /// What others call them.
    pub name: String,
    /// What they read.
    pub language: Language,
    /// What they may do and where.
    pub roles: Vec<(Role, Scope)>,
}

/// What changes of an account; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// What others call them.
    pub name: Option<String>,
    /// Whether they may sign in.
    pub state: Option<PersonState>,
    /// Exactly what they may do and where.
    pub roles: Option<Vec<(Role, Scope)>>,
    /// Forget the second factor: it is set up again at the next sign-in.
    pub reset_second_factor: bool,
    /// Make a new link to choose a password.
    pub invite_again: bool,
    /// Why, in the words of who does it, where the act asks for it.
    pub reason: Option<String>,
}

/// Why an account was not made or changed.
#[derive(Debug, thiserror::Error)]
pub enum PeopleError {
    /// The address is none.
    #[error("the address is none")]
    Email,
    /// The name is empty or too long.
    #[error("the name is empty or too long")]
    Name,
    /// There is no role: the account could do nothing.
    #[error("no role")]
    NoRole,
    /// A training centre or site is none of the network's.
    #[error("a scope is none of the network's")]
    Scope,
    /// The network has an account with this address.
    #[error("the network has an account with this address")]
    Taken,
    /// No such account.
    #[error("no such account")]
    Unknown,
    /// Nobody would be left who can give roles.
    #[error("the last administrator")]
    LastAdmin,
    /// The store cannot answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Who does it, when, and how long an invitation lasts.
#[derive(Debug, Clone)]
pub struct Acting {
    /// The name events give them.
    pub name: String,
    /// Now.
    pub now: Timestamp,
    /// How long an invitation may be used.
    pub invitation: std::time::Duration,
}

/// What a person who began something that lasts may do by now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Author {
    /// The account is closed: nothing more is done in its name.
    Closed,
    /// No role of it acts.
    Idle,
    /// It acts, within what its roles reach now.
    Acts(By),
}

/// Returns what a person who began something may do by now.
///
/// # Errors
/// When the store cannot answer.
pub async fn author(
    tx: &mut Tx,
    tenant: TenantId,
    id: PersonId,
    environment: Environment,
) -> Result<Author, StoreError> {
    let person = people::find(tx, tenant, id).await?;
    if person.is_none_or(|person| person.state != PersonState::Active) {
        return Ok(Author::Closed);
    }
    let grants = people::grants_of(tx, tenant, id).await?;
    let sites = tenants::sites(tx, tenant).await?;
    let reach = Reach::of(&grants, &sites, Right::Act);
    Ok(reach.map_or(Author::Idle, |reach| {
        Author::Acts(By {
            tenant,
            environment,
            sites: reach.filter(),
            name: format!("person:{id}"),
        })
    }))
}

/// Creates an account, and returns it with the text of its invitation: shown once, sent to the person.
///
/// # Errors
/// What is wrong with the address, the name or the roles; [`PeopleError::Taken`] when there is one already.
pub async fn invite(
    tx: &mut Tx,
    tenant: TenantId,
    invited: Invited,
    acting: &Acting,
) -> Result<(Person, Secret), PeopleError> {
    let email = checked_email(&invited.email)?;
    let name = checked_name(&invited.name)?;
    let grants = granted(tx, tenant, &invited.roles, acting).await?;
    let person = Person {
        tenant,
        id: PersonId::new(acting.now),
        email,
        name,
        language: invited.language,
        state: PersonState::Invited,
        password: None,
        sealed_totp: None,
        totp_step: 0,
        oidc_subject: None,
        failures: 0,
        locked_until: None,
        created_by: acting.name.clone(),
        created_at: acting.now,
        updated_at: acting.now,
    };
    people::create(tx, &person)
        .await
        .map_err(|error| match error {
            StoreError::Conflict(_) => PeopleError::Taken,
            other => other.into(),
        })?;
    people::set_grants(tx, tenant, person.id, &grants).await?;
    let link = invitation(tx, &person, acting).await?;
    tell(tx, &person, ("person.invited", None), &grants, acting);
    Ok((person, link))
}

/// Creates an account that can sign in at once: for a demonstration and for tests.
///
/// # Errors
/// As [`invite`].
pub async fn open(
    tx: &mut Tx,
    tenant: TenantId,
    invited: Invited,
    password: Secret,
    acting: &Acting,
) -> Result<Person, PeopleError> {
    let (person, _) = invite(tx, tenant, invited, acting).await?;
    let hash = Passwords::new().hash(password).await;
    people::choose_password(tx, (tenant, person.id), &hash, acting.now).await?;
    Ok(Person {
        password: Some(hash),
        state: PersonState::Active,
        ..person
    })
}

/// Changes an account. Returns it, with a new invitation when one was asked for.
///
/// # Errors
/// [`PeopleError::LastAdmin`] when nobody would be left who can give roles.
pub async fn change(
    tx: &mut Tx,
    tenant: TenantId,
    id: PersonId,
    change: Change,
    acting: &Acting,
) -> Result<(Person, Option<Secret>), PeopleError> {
    people::lock_all(tx, tenant).await?;
    let name = change.name.as_deref().map(checked_name).transpose()?;
    // Nobody becomes active by another's hand: a password is one's own.
    let written = people::Change {
        name: name.as_deref(),
        state: change.state,
        forget_second_factor: change.reset_second_factor,
    };
    if !people::change(tx, (tenant, id), written, acting.now).await? {
        return Err(PeopleError::Unknown);
    }
    if change.reset_second_factor {
        people::set_recovery(tx, tenant, id, &[]).await?;
    }
    let found = people::find(tx, tenant, id).await?;
    let person = found.ok_or(PeopleError::Unknown)?;
    let grants = match &change.roles {
        Some(roles) => {
            let grants = granted(tx, tenant, roles, acting).await?;
            people::set_grants(tx, tenant, id, &grants).await?;
            grants
        }
        None => people::grants_of(tx, tenant, id).await?,
    };
    if !has_admin(tx, tenant).await? {
        return Err(PeopleError::LastAdmin);
    }
    if change.reset_second_factor || person.state == PersonState::Disabled {
        people::end_all(tx, tenant, id, None, acting.now).await?;
    }
    let link = if change.invite_again && person.state != PersonState::Disabled {
        Some(invitation(tx, &person, acting).await?)
    } else {
        None
    };
    let told = ("person.changed", change.reason.as_deref());
    tell(tx, &person, told, &grants, acting);
    Ok((person, link))
}

/// Writes the page where an invitation is used. The text is behind `#`: it reaches no log on the way.
/// `address` is where the door is, when it is open; the one that is set otherwise.
pub fn invitation_page(
    settings: &Settings,
    address: Option<SocketAddr>,
    invitation: &Secret,
) -> String {
    let base = settings.base(address);
    format!("{base}/invitation#{}", invitation.expose())
}

/// Lists everyone of a network with what they may do.
///
/// # Errors
/// When the store cannot answer.
pub async fn list(tx: &mut Tx, tenant: TenantId) -> Result<Vec<(Person, Vec<Grant>)>, StoreError> {
    let mut granted: BTreeMap<PersonId, Vec<Grant>> = BTreeMap::new();
    for (person, grant) in people::grants(tx, tenant).await? {
        granted.entry(person).or_default().push(grant);
    }
    let people = people::list(tx, tenant).await?;
    Ok(people
        .into_iter()
        .map(|person| {
            let grants = granted.remove(&person.id).unwrap_or_default();
            (person, grants)
        })
        .collect())
}

/// Reads where a role holds: `network`, `cfa:ID` or `site:ID`.
pub fn scope(text: &str) -> Option<Scope> {
    match text.split_once(':') {
        None => (text == "network").then_some(Scope::Network),
        Some(("cfa", id)) => id.parse().ok().map(Scope::Cfa),
        Some(("site", id)) => id.parse().ok().map(Scope::Site),
        Some(_) => None,
    }
}

/// Writes where a role holds, as [`scope`] reads it.
pub fn scope_text(scope: Scope) -> String {
    match scope {
        Scope::Network => "network".to_owned(),
        Scope::Cfa(id) => format!("cfa:{id}"),
        Scope::Site(id) => format!("site:{id}"),
    }
}

/// Returns what people call where a role holds, among the training centres and sites of its network.
pub fn scope_name(scope: Scope, (cfas, sites): (&[Cfa], &[Site]), language: Language) -> String {
    let gone = || language.of("(disparu)", "(gone)").to_owned();
    match scope {
        Scope::Network => language
            .of("tout le réseau", "the whole network")
            .to_owned(),
        Scope::Cfa(id) => {
            let found = cfas.iter().find(|cfa| cfa.id == id);
            found.map_or_else(gone, |cfa| cfa.name.clone())
        }
        Scope::Site(id) => {
            let found = sites.iter().find(|site| site.id == id);
            found.map_or_else(gone, |site| format!("{} ({})", site.name, site.siret))
        }
    }
}

async fn granted(
    tx: &mut Tx,
    tenant: TenantId,
    roles: &[(Role, Scope)],
    acting: &Acting,
) -> Result<Vec<Grant>, PeopleError> {
    if roles.is_empty() {
        return Err(PeopleError::NoRole);
    }
    let cfas: Vec<CfaId> = tenants::cfas(tx, tenant)
        .await?
        .iter()
        .map(|c| c.id)
        .collect();
    let sites: Vec<SiteId> = tenants::sites(tx, tenant)
        .await?
        .iter()
        .map(|s| s.id)
        .collect();
    let mut grants = Vec::new();
    for (role, scope) in roles {
        let known = match scope {
            Scope::Network => true,
            Scope::Cfa(id) => cfas.contains(id),
            Scope::Site(id) => sites.contains(id),
        };
        if !known {
            return Err(PeopleError::Scope);
        }
        grants.push(Grant {
            role: *role,
            scope: *scope,
            granted_by: acting.name.clone(),
            granted_at: acting.now,
        });
    }
    Ok(grants)
}

/// Returns whether someone who can sign in, or is invited to, may give roles.
async fn has_admin(tx: &mut Tx, tenant: TenantId) -> Result<bool, StoreError> {
    let everyone = list(tx, tenant).await?;
    let is_admin = |grant: &Grant| grant.role == Role::Admin && grant.scope == Scope::Network;
    Ok(everyone.iter().any(|(person, grants)| {
        person.state != PersonState::Disabled && grants.iter().any(is_admin)
    }))
}

/// Makes a link to choose a password; the links made before end.
async fn invitation(tx: &mut Tx, person: &Person, acting: &Acting) -> Result<Secret, StoreError> {
    for token in people::tokens_of(tx, person.tenant, person.id).await? {
        if token.purpose == Purpose::Invitation {
            people::end(tx, person.tenant, person.id, token.id, acting.now).await?;
        }
    }
    let carried = Carried::new(Token {
        tenant: person.tenant,
        id: TokenId::new(acting.now),
        person: person.id,
        purpose: Purpose::Invitation,
        label: acting.name.clone(),
        address: None,
        agent: None,
        confirmed_at: None,
        seen_at: acting.now,
        created_at: acting.now,
        expires_at: carried::after(acting.now, acting.invitation),
        ended_at: None,
    });
    people::keep_token(tx, &carried.token, &carried.hash).await?;
    Ok(carried.text)
}

fn tell(
    tx: &mut Tx,
    person: &Person,
    (kind, reason): (&'static str, Option<&str>),
    grants: &[Grant],
    acting: &Acting,
) {
    let roles: Vec<String> = grants
        .iter()
        .map(|grant| format!("{}@{}", grant.role, scope_text(grant.scope)))
        .collect();
    let mut data = serde_json::json!({
        "person": person.id, "state": person.state, "roles": roles,
        "second_factor": person.sealed_totp.is_some(),
    });
    if let (Some(reason), Some(members)) = (reason, data.as_object_mut()) {
        members.insert("reason".to_owned(), reason.into());
    }
    let event = NewEvent::new(acting.now, kind)
        .by(acting.name.clone())
        .with(data);
    events::append(tx, person.tenant, &[event]);
}

/// Reads an address that one signs in with.
pub(crate) fn checked_email(text: &str) -> Result<String, PeopleError> {
    let email = normal_email(text);
    is_email(&email).then_some(email).ok_or(PeopleError::Email)
}

/// Reads a name that others call somebody by.
pub(crate) fn checked_name(name: &str) -> Result<String, PeopleError> {
    let name = name.trim();
    let fits = !name.is_empty() && name.chars().count() <= CHARS_MAX;
    (fits && !name.chars().any(char::is_control))
        .then(|| name.to_owned())
        .ok_or(PeopleError::Name)
}

/// Returns whether a text is an address: one name at one host.
pub(crate) fn is_email(text: &str) -> bool {
    let Some((local, host)) = text.rsplit_once('@') else {
        return false;
    };
    let plain = |c: char| c.is_ascii_graphic() && !"<>()[],;:\\\"@".contains(c);
    text.len() <= CHARS_MAX
        && !local.is_empty()
        && local.chars().all(plain)
        && host.contains('.')
        && !host.starts_with('.')
        && !host.ends_with('.')
        && host
            .chars()
            .all(|c| c.is_alphanumeric() || c == '-' || c == '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_name_at_one_host() {
        for good in [
            "ana@cfa.example",
            "a.b+c@sub.cfa.example",
            "o'neil@cfa.example",
        ] {
            assert!(is_email(good), "{good}");
        }
        for bad in [
            "",
            "ana",
            "@cfa.example",
            "a@b",
            "a b@c.fr",
            "a@b.fr\r\nBcc: x@y.fr",
            "<a@b.fr>",
        ] {
            assert!(!is_email(bad), "{bad}");
        }
    }

    #[test]
    fn a_scope_survives_a_round_trip() {
        let now = "2026-09-01T00:00:00Z".parse().unwrap();
        for one in [
            Scope::Network,
            Scope::Cfa(CfaId::new(now)),
            Scope::Site(SiteId::new(now)),
        ] {
            assert_eq!(scope(&scope_text(one)), Some(one));
        }
        assert_eq!(scope("site:x"), None);
        assert_eq!(scope("galaxy"), None);
    }
}
