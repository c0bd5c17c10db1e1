//! Proving who one is: password, second factor, session; and what slows down who guesses.

pub(crate) mod carried;
pub(crate) mod identity;
pub(crate) mod oidc;
pub(crate) mod password;
pub(crate) mod throttle;
pub(crate) mod totp;
mod turn;

use domain::Timestamp;
use domain::id::TokenId;
use domain::person::PersonState;
use store::people::{self, Person, Purpose, TOTP_PART, Token};
use store::{NewEvent, StoreError, Tx, events};

use crate::desk::Desk;
use crate::settings::SecondFactor;
use crate::signin::carried::Carried;
use crate::signin::identity::Offer;
use crate::signin::turn::Turn;
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
    /// The person has accounts in several networks: which one is theirs to say.
    Several(Offer),
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
    judged(desk, &email, (&accounts, found), origin).await
}

/// Says what an address and a password are worth, once each account's turn has come.
async fn judged(
    desk: &Desk,
    email: &str,
    (accounts, found): (&[Person], Option<Person>),
    origin: &Origin,
) -> Result<SignedIn, StoreError> {
    let now = desk.clock.now();
    let address = origin.address.as_deref();
    if accounts.is_empty() {
        let locked = desk.throttle.failed(email, address, now);
        return Ok(locked.map_or(SignedIn::Wrong, SignedIn::Locked));
    }
    let mut tx = desk.store.writing().await?;
    let mut mine = Vec::with_capacity(accounts.len());
    for account in accounts {
        match turn::take(&mut tx, account, now).await? {
            Turn::Mine(person) => mine.push(person),
            Turn::Locked(until) => return Ok(SignedIn::Locked(until)),
            Turn::Gone => {}
        }
    }
    let still = |found: &Person| {
        let mut fresh = mine.iter().filter(|person| person.id == found.id);
        fresh.any(|person| turn::proves_the_same(person, found))
    };
    let Some(person) = found.filter(still) else {
        if let Some(until) = desk.throttle.failed(email, address, now) {
            return Ok(SignedIn::Locked(until));
        }
        for account in &mine {
            turn::wrong(&mut tx, account, "password", origin, now).await?;
        }
        tx.commit().await?;
        return Ok(SignedIn::Wrong);
    };
    if let Some(until) = desk.throttle.locked(email, address, now) {
        return Ok(SignedIn::Locked(until));
    }
    let purpose = match person.sealed_totp {
        Some(_) => Purpose::FirstStep,
        None => Purpose::Session,
    };
    let carried = open(desk, tx, &person, purpose, origin, Proof::Here).await?;
    Ok(match purpose {
        Purpose::FirstStep => SignedIn::CodeWanted(carried),
        _ => SignedIn::Session(carried),
    })
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
    let given = Given::read(desk, &person, code, now).await?;
    let mut tx = desk.store.writing().await?;
    let fresh = match turn::take(&mut tx, &person, now).await? {
        Turn::Mine(fresh) => fresh,
        Turn::Locked(until) => return Ok(SignedIn::Locked(until)),
        Turn::Gone => return Ok(SignedIn::Wrong),
    };
    let same = turn::proves_the_same(&fresh, &person);
    if !same || !given.use_up(&mut tx, &person, now).await? {
        let until = turn::wrong(&mut tx, &person, "code", origin, now).await?;
        tx.commit().await?;
        return Ok(until.map_or(SignedIn::Wrong, SignedIn::Locked));
    }
    // Of two requests with one first step, one is served.
    if !people::end(&mut tx, token.tenant, token.person, token.id, now).await? {
        return Ok(SignedIn::Wrong);
    }
    let carried = open(desk, tx, &fresh, Purpose::Session, origin, Proof::Here).await?;
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
    if person
        .locked_until
        .is_some_and(|until| desk.clock.now() < until)
    {
        return Ok(false);
    }
    let hash = person.password.clone();
    let right = desk.passwords.is_right(password.clone(), hash).await;
    let now = desk.clock.now();
    let mut tx = desk.store.writing().await?;
    let Turn::Mine(fresh) = turn::take(&mut tx, person, now).await? else {
        return Ok(false);
    };
    let right = right && turn::proves_the_same(&fresh, person);
    if right {
        people::set_lock(&mut tx, person.tenant, person.id, 0, None).await?;
        people::confirm(&mut tx, person.tenant, session, now).await?;
    } else {
        turn::wrong(&mut tx, person, "confirmation", origin, now).await?;
    }
    tx.commit().await?;
    Ok(right)
}

/// What a person types at the second step.
enum Given {
    /// The code of one step of the second factor.
    Step(i64),
    /// Perhaps a recovery code, by its hash.
    Recovery([u8; 32]),
    /// No code of theirs.
    Nothing,
}

impl Given {
    async fn read(
        desk: &Desk,
        person: &Person,
        code: &str,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let code: String = code.chars().filter(char::is_ascii_alphanumeric).collect();
        if code.len() != totp::DIGITS {
            return Ok(Self::Recovery(carried::hash(&code.to_ascii_uppercase())));
        }
        let secret = second_factor(desk, person).await?;
        let step = secret.and_then(|secret| totp::step_of(&secret, &code, now));
        Ok(step.map_or(Self::Nothing, Self::Step))
    }

    /// Uses it up; returns whether it was a code that had not served.
    async fn use_up(
        self,
        tx: &mut Tx,
        person: &Person,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (tenant, id) = (person.tenant, person.id);
        match self {
            Self::Step(step) => people::use_totp_step(tx, tenant, id, step).await,
            Self::Recovery(hash) => {
                let used = people::use_recovery(tx, tenant, id, &hash, now).await?;
                if used {
                    let event = by(person, now, "person.recovery_code_used");
                    events::append(tx, tenant, &[event]);
                }
                Ok(used)
            }
            Self::Nothing => Ok(false),
        }
    }
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

/// Keeps a new token, ends the transaction that found them right, and returns what the browser carries.
async fn open(
    desk: &Desk,
    mut tx: Tx,
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
