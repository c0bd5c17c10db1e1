//! What ERPs sign in with: made, replaced with an overlap, bounded, revoked. Used by the pages and the
//! admin API.

use domain::calendar::start_of_day_in_france;
use domain::id::{CredentialId, TenantId};
use domain::{Environment, Siret, Timestamp};
use jiff::civil::Date;
use serde_json::json;
use store::credentials::{self, Credential};
use store::{StoreError, Tx, tenants};

use crate::hand::{self, Hand};
use crate::works::Minted;

/// What a credential may ask for in a minute unless it is told otherwise.
pub(crate) const QUOTA_DEFAULT: u32 = 600;
/// The most that it may be told.
const QUOTA_MAX: u32 = 1_000_000;
/// What a credential may be allowed, as stable words.
pub(crate) const ACTIONS: [&str; 4] = ["submit", "read", "act", "webhook"];

/// A credential as a person asks for it.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// Who uses it.
    pub(crate) label: String,
    /// The world it opens.
    pub(crate) environment: Environment,
    /// The sites it may send for; none means all.
    pub(crate) sites: Vec<Siret>,
    /// What it may do; none means everything.
    pub(crate) actions: Vec<String>,
    /// How many calls a minute.
    pub(crate) quota_per_minute: u32,
    /// Its last day.
    pub(crate) expires_on: Option<Date>,
    /// The name it gets. A page brings one with its form, so that a form sent twice makes one key.
    pub(crate) once: Option<CredentialId>,
}

/// Why nothing was done to a credential.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AccessError {
    /// The name is none.
    #[error("the name is none")]
    Label,
    /// A site is none of the network's.
    #[error("a site is none of the network's")]
    Site,
    /// A right is none.
    #[error("a right is none")]
    Action,
    /// The quota is none.
    #[error("the quota is none")]
    Quota,
    /// Its end is over already.
    #[error("its end is over already")]
    Passed,
    /// The same form made one already.
    #[error("the same form made one already")]
    Made,
    /// No such credential that can still be used.
    #[error("no such credential")]
    Unknown,
    /// The store cannot answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Wanted {
    /// Returns everything for which it cannot be made, as far as it tells by itself.
    pub(crate) fn faults(&self, now: Timestamp) -> Vec<AccessError> {
        let mut found = Vec::new();
        if hand::name(&self.label).is_none() {
            found.push(AccessError::Label);
        }
        if !(1..=QUOTA_MAX).contains(&self.quota_per_minute) {
            found.push(AccessError::Quota);
        }
        let ends = |last: Date| end_of(last).is_some_and(|end| now < end);
        if !self.expires_on.is_none_or(ends) {
            found.push(AccessError::Passed);
        }
        let known = |action: &String| ACTIONS.contains(&action.as_str());
        if !self.actions.iter().all(known) {
            found.push(AccessError::Action);
        }
        found
    }
}

/// Returns the instant at which a day ends in France; nothing for the last day of the calendar.
pub(crate) fn end_of(day: Date) -> Option<Timestamp> {
    day.tomorrow().ok().map(start_of_day_in_france)
}

/// Makes a credential; its text, in `minted`, is shown to the person once.
pub(crate) async fn create(
    tx: &mut Tx,
    tenant: TenantId,
    wanted: Wanted,
    minted: &Minted,
    hand: &Hand,
) -> Result<Credential, AccessError> {
    if let Some(fault) = wanted.faults(hand.now).into_iter().next() {
        return Err(fault);
    }
    let label = hand::name(&wanted.label).ok_or(AccessError::Label)?;
    for siret in &wanted.sites {
        if tenants::find_site(tx, tenant, siret).await?.is_none() {
            return Err(AccessError::Site);
        }
    }
    let actions = if wanted.actions.is_empty() {
        ACTIONS.map(str::to_owned).to_vec()
    } else {
        wanted.actions
    };
    let credential = Credential {
        tenant,
        id: wanted.once.unwrap_or_else(|| CredentialId::new(hand.now)),
        label,
        prefix: minted.prefix.clone(),
        environment: wanted.environment,
        sites: (!wanted.sites.is_empty()).then_some(wanted.sites),
        actions,
        quota_per_minute: wanted.quota_per_minute,
        created_at: hand.now,
        expires_at: wanted.expires_on.and_then(end_of),
        revoked_at: None,
    };
    let created = credentials::create(tx, &credential, &minted.hash).await;
    created.map_err(|error| match error {
        StoreError::Conflict(_) => AccessError::Made,
        other => other.into(),
    })?;
    let data = json!({
        "credential": credential.id, "label": credential.label, "prefix": credential.prefix,
        "environment": credential.environment, "sites": credential.sites,
        "actions": credential.actions,
    });
    hand.write(tx, tenant, "credential.created", data);
    Ok(credential)
}

/// Makes the next credential of an ERP, which may do the same; the former one ends at `overlap_until`.
pub(crate) async fn rotate(
    tx: &mut Tx,
    (tenant, id): (TenantId, CredentialId),
    (overlap_until, once): (Timestamp, Option<CredentialId>),
    minted: &Minted,
    hand: &Hand,
) -> Result<Credential, AccessError> {
    let former = usable(tx, tenant, id, hand).await?;
    if overlap_until <= hand.now {
        return Err(AccessError::Passed);
    }
    let wanted = Wanted {
        label: former.label,
        environment: former.environment,
        sites: former.sites.unwrap_or_default(),
        actions: former.actions,
        quota_per_minute: former.quota_per_minute,
        expires_on: None,
        once,
    };
    let next = create(tx, tenant, wanted, minted, hand).await?;
    credentials::end_by(tx, tenant, id, overlap_until).await?;
    let data = json!({ "credential": id, "next": next.id, "until": overlap_until });
    hand.write(tx, tenant, "credential.replaced", data);
    Ok(next)
}

/// Changes how many calls a minute a credential may make.
pub(crate) async fn bound(
    tx: &mut Tx,
    (tenant, id): (TenantId, CredentialId),
    quota_per_minute: u32,
    hand: &Hand,
) -> Result<(), AccessError> {
    if !(1..=QUOTA_MAX).contains(&quota_per_minute) {
        return Err(AccessError::Quota);
    }
    let former = usable(tx, tenant, id, hand).await?.quota_per_minute;
    credentials::set_quota(tx, tenant, id, quota_per_minute).await?;
    let data = json!({ "credential": id, "before": former, "quota_per_minute": quota_per_minute });
    hand.write(tx, tenant, "credential.quota_changed", data);
    Ok(())
}

/// Revokes a credential: it opens nothing from the next call on.
pub(crate) async fn revoke(
    tx: &mut Tx,
    (tenant, id): (TenantId, CredentialId),
    hand: &Hand,
) -> Result<(), AccessError> {
    if !credentials::revoke(tx, tenant, id, hand.now).await? {
        return Err(AccessError::Unknown);
    }
    hand.write(
        tx,
        tenant,
        "credential.revoked",
        json!({ "credential": id }),
    );
    Ok(())
}

async fn usable(
    tx: &mut Tx,
    tenant: TenantId,
    id: CredentialId,
    hand: &Hand,
) -> Result<Credential, AccessError> {
    let all = credentials::list(tx, tenant).await?;
    let found = all.into_iter().find(|credential| credential.id == id);
    found
        .filter(|credential| credential.is_usable(hand.now))
        .ok_or(AccessError::Unknown)
}
