//! What is done to webhooks: made, paused, given another secret, told again, removed. Used by the pages,
//! the admin API, the API of ERPs and the command line alike.

pub(crate) mod acts;

use std::time::Duration;

use domain::id::WebhookId;
use domain::{Environment, Secret, Siret, Timestamp};
use serde_json::{Value, json};
use store::webhooks::parking::{self, Parked};
use store::webhooks::{self, Endpoint, SECRET_PART};
use store::{StoreError, TenantKey, Tx, events};

use crate::hand::Hand;

/// The most webhooks of one network, so that none takes every sender.
pub const HOOKS_MAX: usize = 20;
/// For how many hours both secrets sign, unless asked otherwise.
pub const OVERLAP_HOURS: u16 = 24;
/// For how many hours they may, at most.
pub const OVERLAP_HOURS_MAX: u16 = 7 * 24;
/// The most sites one webhook names.
pub const SITES_MAX: usize = 1_000;
/// How much earlier than the instant asked for telling again begins: instants follow commits nearly.
const MARGIN: Duration = Duration::from_mins(5);

/// A webhook as somebody asks for it.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The world whose events it is told of.
    pub environment: Environment,
    /// Where to.
    pub url: String,
    /// What people call it.
    pub label: String,
    /// Which events, by name; none named means the published ones.
    pub kinds: Vec<String>,
    /// The sites whose events it is told of; absent for all.
    pub sites: Option<Vec<Siret>>,
    /// The name it gets. A page brings one with its form, so that a form sent twice makes one webhook.
    pub once: Option<WebhookId>,
}

/// Secrets just made.
#[derive(Debug)]
pub struct Secrets {
    /// All of them, as they are sealed.
    pub kept: Secret,
    /// The shared one, shown once.
    pub shown: Secret,
    /// The half of the key pair that may be shown.
    pub public_key: String,
}

/// Why a webhook cannot be as it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// The address is none, or too long.
    Form,
    /// It is not `https`.
    Scheme,
    /// It holds a name or a password.
    Credentials,
    /// It is the number of a machine that must not be called.
    Address,
    /// The label is too long.
    Label,
    /// A name is no event's.
    Kinds,
}

/// From where to tell again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// After this position of the log.
    Position(i64),
    /// What happened since this instant.
    Instant(Timestamp),
}

/// A dossier put aside: an event that is not taken, and those behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aside {
    /// The event that is not taken, first of its dossier.
    pub first: Parked,
    /// How many events of the dossier wait, that one included.
    pub events: usize,
}

/// Why nothing was done to a webhook.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    /// The network has as many as it may have.
    #[error("the network has as many webhooks as it may have")]
    TooMany,
    /// The same form made one already.
    #[error("the same form made one already")]
    Made,
    /// Two secrets cannot sign for so long.
    #[error("two secrets cannot sign for so long")]
    Overlap,
    /// The log ends before that position.
    #[error("the log ends at {0}")]
    Position(i64),
    /// Nothing is put aside there.
    #[error("nothing is put aside there")]
    NotAside,
    /// It is gone.
    #[error("no such webhook")]
    Unknown,
    /// Its secrets could not be sealed.
    #[error("its secrets could not be sealed")]
    Sealing,
    /// The store cannot answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a webhook, told of everything from now on; its secret, in `secrets`, is shown once.
///
/// # Errors
/// When the network has enough of them, or the same form made one already.
pub async fn create(
    tx: &mut Tx,
    network_key: &TenantKey,
    wanted: Wanted,
    secrets: &Secrets,
    hand: &Hand,
) -> Result<Endpoint, HookError> {
    let tenant = network_key.tenant();
    let id = wanted.once.unwrap_or_else(|| WebhookId::new(hand.now));
    let sealed = network_key
        .seal_secret(id.as_bytes(), SECRET_PART, &secrets.kept)
        .map_err(|_| HookError::Sealing)?;
    if webhooks::list(tx, tenant).await?.len() >= HOOKS_MAX {
        return Err(HookError::TooMany);
    }
    let endpoint = Endpoint {
        tenant,
        id,
        environment: wanted.environment,
        url: wanted.url,
        label: wanted.label,
        kinds: wanted.kinds,
        sites: wanted.sites,
        public_key: secrets.public_key.clone(),
        sealed,
        sealed_before: None,
        overlap_until: None,
        disabled: None,
        position: events::head(tx, tenant).await?,
        failures: 0,
        failing_since: None,
        due_at: hand.now,
        created_by: hand.name.clone(),
        created_at: hand.now,
    };
    let created = webhooks::create(tx, &endpoint).await;
    created.map_err(|error| match error {
        StoreError::Conflict(_) => HookError::Made,
        other => other.into(),
    })?;
    hand.write(tx, tenant, "webhook.created", about(&endpoint));
    Ok(endpoint)
}

/// Changes where to, what it is called, which events and which sites.
///
/// # Errors
/// When it is gone.
pub async fn change(tx: &mut Tx, endpoint: &Endpoint, hand: &Hand) -> Result<(), HookError> {
    there(webhooks::update(tx, endpoint).await?)?;
    hand.write(tx, endpoint.tenant, "webhook.updated", about(endpoint));
    Ok(())
}

/// Gives it another secret; the one before signs too for some hours.
///
/// # Errors
/// When that is too long, or it is gone.
pub async fn rotate(
    tx: &mut Tx,
    network_key: &TenantKey,
    endpoint: &Endpoint,
    secrets: &Secrets,
    (overlap_hours, hand): (Option<u16>, &Hand),
) -> Result<(), HookError> {
    let hours = overlap_hours.unwrap_or(OVERLAP_HOURS);
    if hours > OVERLAP_HOURS_MAX {
        return Err(HookError::Overlap);
    }
    let (tenant, id) = (endpoint.tenant, endpoint.id);
    let sealed = network_key
        .seal_secret(id.as_bytes(), SECRET_PART, &secrets.kept)
        .map_err(|_| HookError::Sealing)?;
    let span = Duration::from_hours(hours.into());
    let until = hand.now.checked_add(span).unwrap_or(hand.now);
    there(webhooks::rotate(tx, tenant, id, &sealed, &secrets.public_key, until).await?)?;
    hand.write(tx, tenant, "webhook.rotated", about(endpoint));
    Ok(())
}

/// Sends nothing more until it is resumed; its position stays, so nothing is lost.
///
/// # Errors
/// When it is gone.
pub async fn pause(tx: &mut Tx, endpoint: &Endpoint, hand: &Hand) -> Result<(), HookError> {
    there(webhooks::disable(tx, endpoint.tenant, endpoint.id, "asked", hand.now).await?)?;
    hand.write(tx, endpoint.tenant, "webhook.disabled", about(endpoint));
    Ok(())
}

/// Sends again at once, from where it stopped, what was put aside included.
///
/// # Errors
/// When it is gone.
pub async fn resume(tx: &mut Tx, endpoint: &Endpoint, hand: &Hand) -> Result<(), HookError> {
    there(webhooks::enable(tx, endpoint.tenant, endpoint.id, hand.now).await?)?;
    hand.write(tx, endpoint.tenant, "webhook.enabled", about(endpoint));
    Ok(())
}

/// Has what was put aside tried again at once: one dossier's, by the place of the event that is not taken,
/// or everything.
///
/// # Errors
/// When nothing is put aside there.
pub async fn retry(
    tx: &mut Tx,
    endpoint: &Endpoint,
    position: Option<i64>,
    hand: &Hand,
) -> Result<(), HookError> {
    let (tenant, id) = (endpoint.tenant, endpoint.id);
    if parking::hurry(tx, tenant, id, position, hand.now).await? == 0 {
        return Err(HookError::NotAside);
    }
    let mut data = about(endpoint);
    if let (Some(position), Some(members)) = (position, data.as_object_mut()) {
        members.insert("position".to_owned(), position.into());
    }
    hand.write(tx, tenant, "webhook.retried", data);
    Ok(())
}

/// Tells everything again, or no more, from a point of the log.
///
/// # Errors
/// When the log ends before it, or the webhook is gone.
pub async fn rewind(
    tx: &mut Tx,
    endpoint: &Endpoint,
    since: Since,
    hand: &Hand,
) -> Result<i64, HookError> {
    let (tenant, id) = (endpoint.tenant, endpoint.id);
    let position = match since {
        Since::Position(position) => {
            let head = events::head(tx, tenant).await?;
            if !(0..=head).contains(&position) {
                return Err(HookError::Position(head));
            }
            position
        }
        Since::Instant(instant) => {
            let early = instant.checked_sub(MARGIN).unwrap_or(instant);
            webhooks::position_before(tx, tenant, early).await?
        }
    };
    there(webhooks::replay(tx, tenant, id, position, hand.now).await?)?;
    hand.write(tx, tenant, "webhook.replayed", about(endpoint));
    Ok(position)
}

/// Forgets it, with its secrets and its tries.
///
/// # Errors
/// When it is gone.
pub async fn remove(tx: &mut Tx, endpoint: &Endpoint, hand: &Hand) -> Result<(), HookError> {
    there(webhooks::delete(tx, endpoint.tenant, endpoint.id).await?)?;
    hand.write(tx, endpoint.tenant, "webhook.deleted", about(endpoint));
    Ok(())
}

/// Gathers what is put aside by dossier: the first of each is the one that is not taken.
pub fn aside(parked: &[Parked]) -> Vec<Aside> {
    let firsts = parked.iter().filter(|one| one.due_at.is_some());
    firsts
        .map(|first| Aside {
            first: *first,
            events: parked
                .iter()
                .filter(|one| one.subject == first.subject)
                .count(),
        })
        .collect()
}

/// What a try means, in French and in English, by the stable word of its outcome.
pub fn explanation(outcome: &str) -> (&'static str, &'static str) {
    match outcome {
        "delivered" => ("L'ERP a pris l'événement.", "The ERP took the event."),
        "refused" => (
            "L'ERP a répondu sans prendre l'événement : vérifiez ce qu'il en dit.",
            "The ERP answered and did not take the event: check what it says of it.",
        ),
        "redirected" => (
            "L'ERP renvoie vers une autre adresse, jamais suivie : donnez la bonne.",
            "The ERP sends elsewhere, which is never followed: give the right address.",
        ),
        "gone" => (
            "L'ERP ne veut plus d'événements (410) : les envois sont arrêtés.",
            "The ERP wants no more events (410): nothing is sent any more.",
        ),
        "timed_out" => (
            "L'ERP n'a pas répondu à temps : qu'il réponde d'abord, et traite ensuite.",
            "The ERP did not answer in time: it should answer first and work afterwards.",
        ),
        "unreachable" => (
            "L'ERP n'a pas pu être joint : vérifiez l'adresse et le certificat.",
            "The ERP could not be reached: check the address and the certificate.",
        ),
        "address_refused" => (
            "Le nom mène à une adresse qui n'est pas publique : l'exploitant peut l'ouvrir.",
            "The name leads to an address that is not public: the operator can open it.",
        ),
        _ => (
            "L'adresse ne peut plus être appelée : changez-la.",
            "The address can no longer be called: change it.",
        ),
    }
}

/// What the log says of a webhook: never its address, which may hold a secret.
fn about(endpoint: &Endpoint) -> Value {
    json!({ "webhook": endpoint.id, "environment": endpoint.environment })
}

fn there(found: bool) -> Result<(), HookError> {
    found.then_some(()).ok_or(HookError::Unknown)
}
