//! The mandates of a site, attested once for all its employers between two days (rule ELI-002). Used by the
//! pages, the admin API and the command line alike.

use domain::id::{MandateId, SiteId, TenantId};
use jiff::civil::Date;
use serde_json::{Value, json};
use store::mandates::{self, Mandate, Scope};
use store::{StoreError, Tx};

use super::{TreeError, site_of};
use crate::hand::{self, Hand};

/// An attestation as a person gives it.
#[derive(Debug, Clone)]
pub struct Attested {
    /// Its reference.
    pub reference: String,
    /// The day it was signed.
    pub signed_on: Date,
    /// The first day it covers; today when absent.
    pub from: Option<Date>,
    /// The last day; no end when absent.
    pub until: Option<Date>,
}

impl Attested {
    pub(super) fn reference(&self) -> Result<String, TreeError> {
        hand::name(&self.reference).ok_or(TreeError::Reference)
    }

    /// What is not signed yet covers nothing.
    pub(super) fn signed(&self, today: Date) -> Result<(), TreeError> {
        if self.signed_on > today {
            return Err(TreeError::NotSigned);
        }
        Ok(())
    }

    /// Returns the first day it covers, with which it does not end before.
    pub(super) fn first_day(&self, today: Date) -> Result<Date, TreeError> {
        let from = self.from.unwrap_or(today);
        if self.until.is_some_and(|until| until < from) {
            return Err(TreeError::Backwards);
        }
        Ok(from)
    }
}

/// Puts on record that a site has its employers' mandates: contracts handed in for it from then on are not
/// held for want of one, and those that are held go at the next try.
///
/// # Errors
/// When the reference is none, it is not signed yet, it ends before it begins, or there is no such site.
pub async fn attest(
    tx: &mut Tx,
    (tenant, id): (TenantId, SiteId),
    attested: Attested,
    hand: &Hand,
) -> Result<Mandate, TreeError> {
    let today = domain::calendar::day_in_france(hand.now);
    let reference = attested.reference()?;
    attested.signed(today)?;
    let from = attested.first_day(today)?;
    let site = site_of(tx, tenant, id).await?;
    let mandate = Mandate {
        tenant,
        id: MandateId::new(hand.now),
        siret_cfa: site.siret,
        scope: Scope::Site {
            from,
            until: attested.until,
        },
        reference,
        signed_on: attested.signed_on,
        document_hash: None,
        author: hand.author().to_owned(),
        created_at: hand.now,
    };
    mandates::put(tx, &mandate).await?;
    hand.write(tx, tenant, "mandate.attested", told(&mandate));
    Ok(mandate)
}

/// Ends a mandate of a site: from a day on, today when none is given, it covers nothing. What was handed in
/// before and is on its way goes on; what is held and judged again waits for another.
///
/// # Errors
/// When it is over, ends sooner already, or the day is before the one it was signed on.
pub async fn end(
    tx: &mut Tx,
    mandate: Mandate,
    on: Option<Date>,
    hand: &Hand,
) -> Result<Mandate, TreeError> {
    let Scope::Site { from, until } = mandate.scope else {
        return Err(TreeError::Unknown);
    };
    let today = domain::calendar::day_in_france(hand.now);
    let on = on.unwrap_or(today);
    let signed_on = mandate.signed_on;
    if let Some(last) = until.filter(|last| *last < today) {
        return Err(TreeError::Over(last));
    }
    if on < signed_on {
        return Err(TreeError::Unsigned(signed_on));
    }
    let last = on.yesterday().map_err(|_| TreeError::Unsigned(signed_on))?;
    if let Some(sooner) = until.filter(|until| *until <= last) {
        return Err(TreeError::Sooner(sooner));
    }
    if !mandates::end(tx, mandate.tenant, mandate.id, last).await? {
        // Somebody else ended it meanwhile.
        return Err(TreeError::Sooner(last));
    }
    let ended = Mandate {
        scope: Scope::Site {
            from,
            until: Some(last),
        },
        ..mandate
    };
    let mut data = told(&ended);
    if let Some(members) = data.as_object_mut() {
        members.insert("before".to_owned(), json!({ "until": until }));
    }
    hand.write(tx, ended.tenant, "mandate.ended", data);
    Ok(ended)
}

/// Returns whether a mandate still covers a day, or one to come.
pub fn is_over(mandate: &Mandate, today: Date) -> bool {
    match mandate.scope {
        Scope::Site { from, until } => until.is_some_and(|last| last < today || last < from),
        Scope::Delivery(_) => true,
    }
}

/// Writes an attestation as the log and the command line tell it.
pub fn told(mandate: &Mandate) -> Value {
    let (from, until) = match mandate.scope {
        Scope::Site { from, until } => (Some(from), until),
        Scope::Delivery(_) => (None, None),
    };
    json!({
        "id": mandate.id, "siret": mandate.siret_cfa, "reference": mandate.reference,
        "signed_on": mandate.signed_on, "from": from, "until": until,
    })
}

/// Lists the attestations of a site, the newest first.
pub(crate) async fn of_site(
    tx: &mut Tx,
    tenant: TenantId,
    site: &domain::Siret,
) -> Result<Vec<Mandate>, StoreError> {
    let mut all = mandates::attestations(tx, tenant).await?;
    all.retain(|one| one.siret_cfa == *site);
    Ok(all)
}
