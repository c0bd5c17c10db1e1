//! Signing in whom the provider of identities names; and, of several networks, in which.
//!
//! Between the question "which network?" and its answer the browser carries random bits and nothing else.
//! What they are worth is kept here, for each of the accounts, by a hash of these bits and the network: no
//! browser can offer itself an account that it was not offered, nor what another was; it is worth something
//! once, for some minutes.

use std::time::Duration;

use domain::id::{TenantId, TokenId};
use domain::person::PersonState;
use domain::{Secret, Timestamp};
use store::people::{self, Person, Purpose, Token};
use store::{StoreError, Tx, events, tenants};

use super::oidc::{self, Identity};
use super::{Origin, Proof, SignedIn, by, carried, normal_email, open};
use crate::desk::Desk;

/// How long a person may take to say in which network.
pub(crate) const CHOICE: Duration = Duration::from_mins(5);

/// The networks a person may choose from.
#[derive(Debug)]
pub(crate) struct Offer {
    /// What the browser carries until then.
    pub(crate) text: Secret,
    /// They, by name.
    pub(crate) networks: Vec<(TenantId, String)>,
}

/// Signs in whom the provider of identities names: who is linked to it already, else who has the address
/// it has verified, who is linked from then on. Known in several networks, they say in which.
pub(crate) async fn with_identity(
    desk: &Desk,
    identity: &Identity,
    origin: &Origin,
) -> Result<SignedIn, StoreError> {
    let mut tx = desk.store.writing().await?;
    let email = identity.email.as_deref();
    let accounts = accounts(&mut tx, &identity.subject, email).await?;
    match accounts.as_slice() {
        [] => Ok(SignedIn::Wrong),
        [one] => enter(desk, tx, one, &identity.subject, origin).await,
        several => offer(desk, tx, several, &identity.subject, origin).await,
    }
}

/// Signs in in one of the networks that this browser was offered.
pub(crate) async fn in_network(
    desk: &Desk,
    text: &Secret,
    network: TenantId,
    origin: &Origin,
) -> Result<SignedIn, StoreError> {
    let now = desk.clock.now();
    let mut tx = desk.store.writing().await?;
    let token = people::find_token(&mut tx, &offered(text, network)).await?;
    let usable = |token: &Token| token.purpose == Purpose::Network && token.is_usable(now);
    let Some(token) = token.filter(usable) else {
        return Ok(SignedIn::Wrong);
    };
    let person = people::find_for_update(&mut tx, token.tenant, token.person).await?;
    let Some(person) = person else {
        return Ok(SignedIn::Wrong);
    };
    // Of two requests with one answer, one is served.
    if !people::end(&mut tx, token.tenant, token.person, token.id, now).await? {
        return Ok(SignedIn::Wrong);
    }
    let subject = token.label;
    for other in accounts(&mut tx, &subject, Some(&person.email)).await? {
        let rest = people::find_token(&mut tx, &offered(text, other.tenant)).await?;
        if let Some(rest) = rest {
            people::end(&mut tx, rest.tenant, rest.person, rest.id, now).await?;
        }
    }
    enter(desk, tx, &person, &subject, origin).await
}

/// Lists the accounts of one person, one in each network: who is linked comes before who has the address.
async fn accounts(
    tx: &mut Tx,
    subject: &str,
    email: Option<&str>,
) -> Result<Vec<Person>, StoreError> {
    let mut accounts = people::with_subject(tx, subject).await?;
    if let Some(email) = email {
        let named = people::with_email(tx, &normal_email(email)).await?;
        // One that is linked to somebody else there is not theirs.
        accounts.extend(named.into_iter().filter(|one| one.oidc_subject.is_none()));
    }
    accounts.retain(|person| person.state != PersonState::Disabled);
    accounts.sort_by_key(|person| (person.tenant, person.oidc_subject.is_none()));
    accounts.dedup_by_key(|person| person.tenant);
    Ok(accounts)
}

/// Keeps what the browser is offered, and asks.
async fn offer(
    desk: &Desk,
    mut tx: Tx,
    accounts: &[Person],
    subject: &str,
    origin: &Origin,
) -> Result<SignedIn, StoreError> {
    let now = desk.clock.now();
    let text = Secret::new(carried::random());
    for account in accounts {
        let token = Token {
            tenant: account.tenant,
            id: TokenId::new(now),
            person: account.id,
            purpose: Purpose::Network,
            label: subject.to_owned(),
            address: origin.address.clone(),
            agent: origin.agent.clone(),
            confirmed_at: None,
            seen_at: now,
            created_at: now,
            expires_at: carried::after(now, CHOICE),
            ended_at: None,
        };
        people::keep_token(&mut tx, &token, &offered(&text, account.tenant)).await?;
    }
    let networks = names(&mut tx, accounts).await?;
    tx.commit().await?;
    Ok(SignedIn::Several(Offer { text, networks }))
}

/// Returns by what it is known that a browser was offered a network.
fn offered(text: &Secret, network: TenantId) -> [u8; 32] {
    carried::hash(&format!("{}/{network}", text.expose()))
}

/// Returns the networks of accounts, by name.
async fn names(tx: &mut Tx, accounts: &[Person]) -> Result<Vec<(TenantId, String)>, StoreError> {
    let mut names = Vec::new();
    for account in accounts {
        let network = tenants::find_network(tx, account.tenant).await?;
        names.extend(network.map(|network| (network.id, network.name)));
    }
    names.sort_by(|(_, one), (_, other)| one.cmp(other));
    Ok(names)
}

/// Opens the account as it stands by now: not one that was closed meanwhile.
async fn enter(
    desk: &Desk,
    mut tx: Tx,
    account: &Person,
    subject: &str,
    origin: &Origin,
) -> Result<SignedIn, StoreError> {
    let now = desk.clock.now();
    let fresh = people::find_for_update(&mut tx, account.tenant, account.id).await?;
    let open_to = |person: &Person| person.state != PersonState::Disabled;
    let Some(person) = fresh.filter(open_to) else {
        return Ok(SignedIn::Wrong);
    };
    let Some(person) = linked(&mut tx, person, subject, now).await? else {
        return Ok(SignedIn::Wrong);
    };
    let trusted = desk
        .provider
        .as_ref()
        .is_some_and(oidc::Provider::is_second_factor);
    let purpose = match person.sealed_totp {
        Some(_) if !trusted => Purpose::FirstStep,
        _ => Purpose::Session,
    };
    let carried = open(desk, tx, &person, purpose, origin, Proof::Elsewhere).await?;
    Ok(match purpose {
        Purpose::FirstStep => SignedIn::CodeWanted(carried),
        _ => SignedIn::Session(carried),
    })
}

/// Links an account to whom the provider names, unless it is already; an invitation is used up by that.
/// Nothing when the account was closed meanwhile, or is somebody else's.
async fn linked(
    tx: &mut Tx,
    person: Person,
    subject: &str,
    now: Timestamp,
) -> Result<Option<Person>, StoreError> {
    if person.state == PersonState::Active && person.oidc_subject.as_deref() == Some(subject) {
        return Ok(Some(person));
    }
    let who = (person.tenant, person.id);
    if !people::link(tx, who, subject, now).await? {
        return Ok(None);
    }
    if person.state == PersonState::Invited {
        people::end_all(tx, person.tenant, person.id, None, now).await?;
    }
    let event = by(&person, now, "person.linked");
    events::append(tx, person.tenant, &[event]);
    Ok(Some(Person {
        oidc_subject: Some(subject.to_owned()),
        state: PersonState::Active,
        ..person
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_browser_was_offered_is_of_its_own_bits_and_of_one_network() {
        let now = "2026-09-01T00:00:00Z".parse().unwrap();
        let (one, other) = (TenantId::new(now), TenantId::new(now));
        let (text, another) = (
            Secret::new(carried::random()),
            Secret::new(carried::random()),
        );
        assert_eq!(offered(&text, one), offered(&text, one));
        assert_ne!(offered(&text, one), offered(&text, other));
        assert_ne!(offered(&text, one), offered(&another, one));
        // Nor is it a session or an invitation of the same bits.
        assert_ne!(offered(&text, one), carried::hash(text.expose()));
    }
}
