//! What is done to CFA keys: kept sealed, tried, put to use, retired. Used by the pages, the admin API
//! and the command line alike.

pub(crate) mod forecast;
pub(crate) mod sheet;

use domain::calendar::day_in_france;
use domain::id::{KeyId, TenantId};
use domain::{Environment, Instance, Secret, Siret};
use jiff::civil::Date;
use serde_json::json;
use store::keys::{self, CfaKey, KeyState, validity};
use store::{StoreError, TenantKey, Tx, tenants};
use subtle::ConstantTimeEq as _;

use crate::hand::{self, Hand};
use crate::works::Verdict;

/// The longest text of a key.
const TEXT_MAX: usize = 500;

/// A key as a person gives it.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// The site.
    pub siret_cfa: Siret,
    /// The system it opens.
    pub instance: Instance,
    /// The world.
    pub environment: Environment,
    /// The key itself.
    pub text: Secret,
    /// Its last day, where a person knows it.
    pub expires_on: Option<Date>,
    /// Who answers for it.
    pub referent: Option<String>,
}

/// Why nothing was done to a key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The network has no such site.
    #[error("no such site")]
    Site,
    /// Its last day is over.
    #[error("its last day is over")]
    Passed,
    /// The text is none: empty, too long, or with spaces in it.
    #[error("the text is none")]
    Text,
    /// The referent's name is none.
    #[error("the referent's name is none")]
    Referent,
    /// The site has this very key at this system already, under this name and in this state.
    #[error("the site has this key already")]
    Same(KeyId, KeyState),
    /// No last day was given.
    #[error("no last day was given")]
    NoDay,
    /// No such key.
    #[error("no such key")]
    Unknown,
    /// Its OPCO has not accepted it.
    #[error("its OPCO has not accepted it")]
    NotAccepted,
    /// It was retired.
    #[error("it was retired")]
    Retired,
    /// It could not be sealed.
    #[error("it could not be sealed")]
    Sealing,
    /// The store cannot answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl NewKey {
    /// Says whether it can be kept, as far as it tells by itself.
    pub(crate) fn check(&self, today: Date) -> Result<(), KeyError> {
        let given = (&self.text, self.expires_on, self.referent.as_deref());
        faults(given, today).into_iter().next().map_or(Ok(()), Err)
    }
}

/// Returns everything for which a key cannot be kept, as far as its text, its last day and its referent tell.
pub(crate) fn faults(
    (text, expires_on, referent): (&Secret, Option<Date>, Option<&str>),
    today: Date,
) -> Vec<KeyError> {
    let text = text.expose();
    let odd = |c: char| c.is_control() || c.is_whitespace();
    let mut found = Vec::new();
    if text.is_empty() || text.len() > TEXT_MAX || text.chars().any(odd) {
        found.push(KeyError::Text);
    }
    if expires_on.is_some_and(|day| day < today) {
        found.push(KeyError::Passed);
    }
    if referent.is_some_and(|text| hand::name(text).is_none()) {
        found.push(KeyError::Referent);
    }
    found
}

/// Keeps a key, sealed and not yet used.
///
/// # Errors
/// When it is none, not of a site of the network, or the site has it already.
pub async fn stage(
    tx: &mut Tx,
    network_key: &TenantKey,
    new: NewKey,
    hand: &Hand,
) -> Result<CfaKey, KeyError> {
    let known = keys::list(tx, network_key.tenant()).await?;
    stage_beside(tx, network_key, &known, (new, hand)).await
}

/// Keeps the keys of a sheet, each of another site or system than the others.
///
/// # Errors
/// As [`stage`], for the first that is not kept.
pub(crate) async fn stage_all(
    tx: &mut Tx,
    network_key: &TenantKey,
    all: Vec<NewKey>,
    hand: &Hand,
) -> Result<(), KeyError> {
    let known = keys::list(tx, network_key.tenant()).await?;
    for new in all {
        stage_beside(tx, network_key, &known, (new, hand)).await?;
    }
    Ok(())
}

/// Finds the very same key among the keys of a network, for its site at its system. One that was retired for good
/// is none of them: it may be given again. Both texts are compared in a time that tells nothing of them.
pub(crate) fn same<'k>(
    known: &'k [CfaKey],
    network_key: &TenantKey,
    new: &NewKey,
) -> Option<&'k CfaKey> {
    let mut here = known.iter().filter(|key| {
        key.siret_cfa == new.siret_cfa
            && key.instance == new.instance
            && key.environment == new.environment
            && key.state != KeyState::Revoked
    });
    here.find(|key| {
        let text = network_key.open_secret(key.id.as_bytes(), keys::SEAL_PART, &key.sealed);
        text.is_ok_and(|text| {
            let given = new.text.expose().as_bytes();
            bool::from(text.expose().as_bytes().ct_eq(given))
        })
    })
}

async fn stage_beside(
    tx: &mut Tx,
    network_key: &TenantKey,
    known: &[CfaKey],
    (new, hand): (NewKey, &Hand),
) -> Result<CfaKey, KeyError> {
    let tenant = network_key.tenant();
    new.check(day_in_france(hand.now))?;
    if tenants::find_site(tx, tenant, &new.siret_cfa)
        .await?
        .is_none()
    {
        return Err(KeyError::Site);
    }
    if let Some(same) = same(known, network_key, &new) {
        return Err(KeyError::Same(same.id, same.state));
    }
    let id = KeyId::new(hand.now);
    let sealed = network_key
        .seal_secret(id.as_bytes(), keys::SEAL_PART, &new.text)
        .map_err(|_| KeyError::Sealing)?;
    let key = CfaKey {
        tenant,
        id,
        siret_cfa: new.siret_cfa,
        instance: new.instance,
        environment: new.environment,
        state: KeyState::Staged,
        sealed,
        expires_on: new.expires_on,
        probed_at: None,
        probe_result: None,
        last_used_at: None,
        referent: new.referent.as_deref().and_then(hand::name),
        created_at: hand.now,
        changed_at: hand.now,
    };
    keys::stage(tx, &key).await?;
    // Who answers for it is a person's name: it stays out of the log.
    let data = json!({
        "key": id, "siret_cfa": key.siret_cfa, "opco": key.instance.opco.slug(),
        "instance": key.instance.number, "environment": key.environment,
        "expires_on": key.expires_on,
    });
    hand.write(tx, tenant, "key.staged", data);
    Ok(key)
}

/// Keeps what a trial said.
///
/// # Errors
/// When the store cannot answer.
pub async fn tried(
    tx: &mut Tx,
    key: &CfaKey,
    verdict: Verdict,
    expires_on: Option<Date>,
    hand: &Hand,
) -> Result<(), KeyError> {
    let word = verdict.as_str();
    keys::set_probe_result(tx, key.tenant, key.id, word, expires_on, hand.now).await?;
    let data = json!({ "key": key.id, "probe": word });
    hand.write(tx, key.tenant, "key.probed", data);
    Ok(())
}

/// Puts an accepted key to use; the former one retires, and what is being sent with it ends with it.
///
/// # Errors
/// When its OPCO has not accepted it, or it was retired for good.
pub async fn promote(
    tx: &mut Tx,
    tenant: TenantId,
    id: KeyId,
    hand: &Hand,
) -> Result<(), KeyError> {
    let key = keys::find(tx, tenant, id).await?.ok_or(KeyError::Unknown)?;
    match key.state {
        KeyState::Active => return Ok(()),
        KeyState::Revoked => return Err(KeyError::Retired),
        KeyState::Staged | KeyState::Retiring => {}
    }
    if key.probe_result.as_deref() != Some(Verdict::Accepted.as_str()) {
        return Err(KeyError::NotAccepted);
    }
    if !keys::activate(tx, tenant, id, hand.now).await? {
        return Err(KeyError::Retired);
    }
    let data = json!({ "key": id, "probe": key.probe_result });
    hand.write(tx, tenant, "key.activated", data);
    Ok(())
}

/// Makes a key unusable for good.
///
/// # Errors
/// When there is none that can be used.
pub async fn retire(tx: &mut Tx, tenant: TenantId, id: KeyId, hand: &Hand) -> Result<(), KeyError> {
    if !keys::revoke(tx, tenant, id, hand.now).await? {
        return Err(KeyError::Unknown);
    }
    hand.write(tx, tenant, "key.revoked", json!({ "key": id }));
    Ok(())
}

/// Says the last day of a key, as its OPCO wrote it to somebody. What the OPCO tells itself later goes before it.
///
/// # Errors
/// When the day is over, or there is no key that can be used.
pub async fn date(
    tx: &mut Tx,
    key: &CfaKey,
    expires_on: Option<Date>,
    hand: &Hand,
) -> Result<(), KeyError> {
    let day = expires_on.ok_or(KeyError::NoDay)?;
    if day < day_in_france(hand.now) {
        return Err(KeyError::Passed);
    }
    if !validity::given(tx, key.tenant, key.id, day, hand.now).await? {
        return Err(KeyError::Retired);
    }
    let data = json!({ "key": key.id, "before": key.expires_on, "expires_on": day });
    hand.write(tx, key.tenant, "key.end_given", data);
    Ok(())
}

/// Says who answers for a key; nobody when the name is absent.
///
/// # Errors
/// When the name is none, or there is no such key.
pub async fn entrust(
    tx: &mut Tx,
    tenant: TenantId,
    id: KeyId,
    referent: Option<&str>,
    hand: &Hand,
) -> Result<(), KeyError> {
    let referent = match referent {
        Some(text) => Some(hand::name(text).ok_or(KeyError::Referent)?),
        None => None,
    };
    if !keys::set_referent(tx, tenant, id, referent.as_deref(), hand.now).await? {
        return Err(KeyError::Unknown);
    }
    hand.write(tx, tenant, "key.entrusted", json!({ "key": id }));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_with_a_space_or_an_end_that_is_over_is_no_key() {
        let today: Date = "2026-09-02".parse().unwrap();
        let new = |text: &str, end: Option<&str>| NewKey {
            siret_cfa: "98765432400019".parse().unwrap(),
            instance: Instance::first(domain::Opco::Akto),
            environment: Environment::Test,
            text: Secret::new(text),
            expires_on: end.map(|end| end.parse().unwrap()),
            referent: None,
        };
        assert!(new("abc-123", Some("2026-09-02")).check(today).is_ok());
        for text in ["", "abc 123", "abc\n123", &"x".repeat(501)] {
            assert!(matches!(new(text, None).check(today), Err(KeyError::Text)));
        }
        let passed = new("abc", Some("2026-09-01")).check(today);
        assert!(matches!(passed, Err(KeyError::Passed)));
    }
}
