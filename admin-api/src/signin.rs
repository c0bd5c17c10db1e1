//! Proving who one is: password, second factor, session; and what slows down who guesses.

pub(crate) mod carried;
pub(crate) mod oidc;
pub(crate) mod password;
pub(crate) mod throttle;
pub(crate) mod totp;

use domain::Timestamp;
use domain::id::{TenantId, TokenId};
use domain::person::PersonState;
use store::people::{self, Person, Purpose, TOTP_PART, Token};
use store::{NewEvent, StoreError, Tx, events, tenants};

use crate::desk::Desk;
use crate::settings::SecondFactor;
use crate::signin::carried::Carried;
use crate::signin::oidc::Identity;
use domain::Secret;

/// What marks a session begun at the provider of identities, in place of a label.
pub(crate) const ELSEWHERE: &str = "oidc";

/// How many accounts may share one address: each costs a slow hash.
const SAME_ADDRESS_MAX: usize = 4;

/// Where a request comes from, as people recognise it in the list of their sessions.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origin {
    /// The address on the network.
    pub(crate) address: Option<String>,
    /// The browser.
    pub(crate) agent: Option<String>,
}

/// What came of a sign-in.
#[derive(Debug)]
pub(crate) enum SignedIn {
    /// Signed in: the browser's new cookie.
    Session(Carried),
    /// The password is right; a code is asked for. The first step's own cookie.
    CodeWanted(Carried),
    /// The person has accounts in several networks: these, by name. Which one is theirs to say.
    Several(Vec<(TenantId, String)>),
    /// Wrong, or no such account: nobody learns which.
    Wrong,
    /// Too many tries: nothing is tried before this instant.
    Locked(Timestamp),
}

/// Tries an address and a password.
pub(crate) async fn with_password(
    desk: &Desk,
    email: &str,
    password: &Secret,
    origin: &Origin,
) -> Result<SignedIn, StoreError> {
    let now = desk.clock.now();
    let email = normal_email(email);
    if let Some(until) = desk.throttle.locked(&email, origin.address.as_deref(), now) {
        return Ok(SignedIn::Locked(until));
    }
    let mut tx = desk.store.reading().await?;
    let mut accounts = people::with_email(&mut tx, &email).await?;
    drop(tx);
    accounts.truncate(SAME_ADDRESS_MAX);
    let mut found = None;
    let is_open = |account: &&Person| account.locked_until.is_none_or(|until| until <= now);
    for account in accounts.iter().filter(is_open) {
        let hash = account.password.clone();
        let usable = account.state == PersonState::Active;
        if desk.passwords.is_right(password.clone(), hash).await && usable && found.is_none() {
            found = Some(account.clone());
        }
    }
    if accounts.is_empty() {
        // As slow as a real one, so that the time tells nothing.
        desk.passwords.is_right(password.clone(), None).await;
    }
    // Asked again: others may have used the tries up while this one waited for its hash.
    if let Some(until) = still_locked(desk, &email, &accounts, origin).await? {
        return Ok(SignedIn::Locked(until));
    }
    let Some(person) = found else {
        desk.throttle.failed(&email, origin.address.as_deref(), now);
        for account in &accounts {
            wrong(desk, account, "password", origin).await?;
        }
        return Ok(SignedIn::Wrong);
    };
    let purpose = match person.sealed_totp {
        Some(_) => Purpose::FirstStep,
        None => Purpose::Session,
    };
    let carried = open(desk, &person, purpose, origin, Proof::Here).await?;
    Ok(match purpose {
        Purpose::FirstStep => SignedIn::CodeWanted(carried),
        _ => SignedIn::Session(carried),
    })
}

/// Signs in whom the provider of identities names: who is linked to it already, else who has the address
/// it has verified, who is linked from then on. Known in several networks, they say in which.
pub(crate) async fn with_identity(
    desk: &Desk,
    identity: &Identity,
    network: Option<TenantId>,
    origin: &Origin,
) -> Result<SignedIn, StoreError> {
    let now = desk.clock.now();
    let mut tx = desk.store.reading().await?;
    let mut accounts = people::with_subject(&mut tx, &identity.subject).await?;
    if let Some(email) = &identity.email {
        let named = people::with_email(&mut tx, &normal_email(email)).await?;
        // One that is linked to somebody else there is not theirs.
        accounts.extend(named.into_iter().filter(|one| one.oidc_subject.is_none()));
    }
    accounts.retain(|person| person.state != PersonState::Disabled);
    // In one network, who is linked comes before who has the address.
    accounts.sort_by_key(|person| (person.tenant, person.oidc_subject.is_none()));
    accounts.dedup_by_key(|person| person.tenant);
    if let Some(network) = network {
        accounts.retain(|person| person.tenant == network);
    }
    let several = match accounts.as_slice() {
        [_, _, ..] => names(&mut tx, &accounts).await?,
        _ => Vec::new(),
    };
    drop(tx);
    if !several.is_empty() {
        return Ok(SignedIn::Several(several));
    }
    let Some(mut person) = accounts.into_iter().next() else {
        return Ok(SignedIn::Wrong);
    };
    if person.oidc_subject.is_none() || person.state == PersonState::Invited {
        link(desk, &mut person, identity, now).await?;
    }
    let trusted = desk
        .provider
        .as_ref()
        .is_some_and(oidc::Provider::is_second_factor);
    let purpose = match person.sealed_totp {
        Some(_) if !trusted => Purpose::FirstStep,
        _ => Purpose::Session,
    };
    let carried = open(desk, &person, purpose, origin, Proof::Elsewhere).await?;
    Ok(match purpose {
        Purpose::FirstStep => SignedIn::CodeWanted(carried),
        _ => SignedIn::Session(carried),
    })
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

/// Links an account to whom the provider names; an invitation is used up by that.
async fn link(
    desk: &Desk,
    person: &mut Person,
    identity: &Identity,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut tx = desk.store.writing().await?;
    person.oidc_subject = Some(identity.subject.clone());
    if person.state == PersonState::Invited {
        person.state = PersonState::Active;
        people::end_all(&mut tx, person.tenant, person.id, None, now).await?;
    }
    person.updated_at = now;
    people::update(&mut tx, person).await?;
    let event = by(person, now, "person.linked");
    events::append(&mut tx, person.tenant, &[event]);
    tx.commit().await
}

/// Puts on record that a person just proved again who they are: the session may do sensitive acts for a
/// while.
pub(crate) async fn confirmed(
    desk: &Desk,
    person: &Person,
    session: TokenId,
) -> Result<(), StoreError> {
    let mut tx = desk.store.writing().await?;
    people::set_lock(&mut tx, person.tenant, person.id, 0, None).await?;
    people::confirm(&mut tx, person.tenant, session, desk.clock.now()).await?;
    tx.commit().await
}

/// Returns until when nothing is tried for an account, as it stands now.
async fn still_locked(
    desk: &Desk,
    email: &str,
    accounts: &[Person],
    origin: &Origin,
) -> Result<Option<Timestamp>, StoreError> {
    let now = desk.clock.now();
    if let Some(until) = desk.throttle.locked(email, origin.address.as_deref(), now) {
        return Ok(Some(until));
    }
    let mut tx = desk.store.reading().await?;
    for account in accounts {
        let fresh = people::find(&mut tx, account.tenant, account.id).await?;
        let until = fresh.and_then(|fresh| fresh.locked_until);
        if let Some(until) = until.filter(|until| now < *until) {
            return Ok(Some(until));
        }
    }
    Ok(None)
}

/// Tries a code of the second factor, or a recovery code, after the password.
pub(crate) async fn with_code(
    desk: &Desk,
    first_step: &str,
    code: &str,
    origin: &Origin,
) -> Result<SignedIn, StoreError> {
    let now = desk.clock.now();
    let mut tx = desk.store.reading().await?;
    let token = people::find_token(&mut tx, &carried::hash(first_step)).await?;
    let usable = |token: &Token| token.purpose == Purpose::FirstStep && token.is_usable(now);
    let Some(token) = token.filter(usable) else {
        return Ok(SignedIn::Wrong);
    };
    let person = people::find(&mut tx, token.tenant, token.person).await?;
    drop(tx);
    let active = |person: &Person| person.state == PersonState::Active;
    let Some(person) = person.filter(active) else {
        return Ok(SignedIn::Wrong);
    };
    if let Some(until) = person.locked_until.filter(|until| now < *until) {
        return Ok(SignedIn::Locked(until));
    }
    if !is_right_code(desk, &person, code, now).await? {
        let until = wrong(desk, &person, "code", origin).await?;
        return Ok(until.map_or(SignedIn::Wrong, SignedIn::Locked));
    }
    let mut tx = desk.store.writing().await?;
    // Of two requests with one first step, one is served.
    if !people::end(&mut tx, token.tenant, token.person, token.id, now).await? {
        return Ok(SignedIn::Wrong);
    }
    tx.commit().await?;
    let carried = open(desk, &person, Purpose::Session, origin, Proof::Here).await?;
    Ok(SignedIn::Session(carried))
}

/// Tries a person's password again, before a sensitive act; on success the session may do such acts for
/// a while.
pub(crate) async fn again(
    desk: &Desk,
    person: &Person,
    session: TokenId,
    password: &Secret,
    origin: &Origin,
) -> Result<bool, StoreError> {
    let now = desk.clock.now();
    if person.locked_until.is_some_and(|until| now < until) {
        return Ok(false);
    }
    let hash = person.password.clone();
    if !desk.passwords.is_right(password.clone(), hash).await {
        wrong(desk, person, "confirmation", origin).await?;
        return Ok(false);
    }
    confirmed(desk, person, session).await?;
    Ok(true)
}

/// Uses up a code of the second factor, or a recovery code.
async fn is_right_code(
    desk: &Desk,
    person: &Person,
    code: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let code: String = code.chars().filter(char::is_ascii_alphanumeric).collect();
    if code.len() == totp::DIGITS {
        let Some(secret) = second_factor(desk, person).await? else {
            return Ok(false);
        };
        let Some(step) = totp::step_of(&secret, &code, now) else {
            return Ok(false);
        };
        let mut tx = desk.store.writing().await?;
        let first = people::use_totp_step(&mut tx, person.tenant, person.id, step).await?;
        tx.commit().await?;
        return Ok(first);
    }
    let hash = carried::hash(&code.to_ascii_uppercase());
    let mut tx = desk.store.writing().await?;
    let used = people::use_recovery(&mut tx, person.tenant, person.id, &hash, now).await?;
    if used {
        let event = by(person, now, "person.recovery_code_used");
        events::append(&mut tx, person.tenant, &[event]);
    }
    tx.commit().await?;
    Ok(used)
}

/// Opens the secret of a person's second factor.
pub(crate) async fn second_factor(
    desk: &Desk,
    person: &Person,
) -> Result<Option<Secret>, StoreError> {
    let Some(sealed) = &person.sealed_totp else {
        return Ok(None);
    };
    let keys = desk.store.keys(person.tenant).await?;
    Ok(Some(keys.open_secret(
        person.id.as_bytes(),
        TOTP_PART,
        sealed,
    )?))
}

/// Where a person proved who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proof {
    /// With a password, or a code, just now.
    Here,
    /// At the provider of identities, perhaps hours ago.
    Elsewhere,
}

/// Keeps a new token and returns what the browser carries.
async fn open(
    desk: &Desk,
    person: &Person,
    purpose: Purpose,
    origin: &Origin,
    proof: Proof,
) -> Result<Carried, StoreError> {
    let now = desk.clock.now();
    let lasts = match purpose {
        Purpose::FirstStep => carried::FIRST_STEP,
        _ => desk.settings.session(),
    };
    let token = Token {
        tenant: person.tenant,
        id: TokenId::new(now),
        person: person.id,
        purpose,
        label: match proof {
            Proof::Here => String::new(),
            Proof::Elsewhere => ELSEWHERE.to_owned(),
        },
        address: origin.address.clone(),
        agent: origin.agent.clone(),
        confirmed_at: (purpose == Purpose::Session && proof == Proof::Here).then_some(now),
        seen_at: now,
        created_at: now,
        expires_at: carried::after(now, lasts),
        ended_at: None,
    };
    let carried = Carried::new(token);
    let mut tx = desk.store.writing().await?;
    people::keep_token(&mut tx, &carried.token, &carried.hash).await?;
    if purpose == Purpose::Session {
        people::set_lock(&mut tx, person.tenant, person.id, 0, None).await?;
        let event = by(person, now, "person.signed_in").with(serde_json::json!({
            "session": carried.token.id, "by": carried.token.label,
        }));
        events::append(&mut tx, person.tenant, &[event]);
    }
    tx.commit().await?;
    Ok(carried)
}

/// Counts a wrong answer and, from some number on, lets nothing be tried for a while.
async fn wrong(
    desk: &Desk,
    person: &Person,
    what: &str,
    origin: &Origin,
) -> Result<Option<Timestamp>, StoreError> {
    let now = desk.clock.now();
    let mut tx: Tx = desk.store.writing().await?;
    let failures = people::note_failure(&mut tx, person.tenant, person.id).await?;
    let until = throttle::pause(failures).map(|pause| carried::after(now, pause));
    if until.is_some() {
        people::set_lock(&mut tx, person.tenant, person.id, failures, until).await?;
    }
    let event = by(person, now, "person.sign_in_failed").with(serde_json::json!({
        "what": what, "failures": failures, "locked_until": until, "address": origin.address,
    }));
    events::append(&mut tx, person.tenant, &[event]);
    tx.commit().await?;
    Ok(until)
}

/// Returns whether a person must still set a second factor up before anything else: not in a session that
/// was begun at a provider whose own is relied on.
pub(crate) fn must_enrol(desk: &Desk, person: &Person, session: &Token) -> bool {
    let trusted = desk
        .provider
        .as_ref()
        .is_some_and(oidc::Provider::is_second_factor);
    let elsewhere = session.purpose == Purpose::Session && session.label == ELSEWHERE;
    desk.settings.second_factor == SecondFactor::Required
        && person.sealed_totp.is_none()
        && !(trusted && elsewhere)
}

/// Returns an address as it is compared.
pub(crate) fn normal_email(email: &str) -> String {
    email.trim().to_lowercase()
}

/// Starts the line of an act in the network's log.
pub(crate) fn by(person: &Person, now: Timestamp, kind: &'static str) -> NewEvent {
    NewEvent::new(now, kind).by(format!("person:{}", person.id))
}
