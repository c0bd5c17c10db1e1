//! The hierarchy of a network: its training centres and their sites, made, named, moved, closed; how much
//! each may hand in. Used by the pages, the admin API and the command line alike.

pub(crate) mod acts;
pub(crate) mod census;
pub mod mandates;
mod refused;
pub(crate) mod sheet;

use domain::id::{CfaId, SiteId, TenantId};
use domain::identifiers::Uai;
use domain::{Siren, Siret};
use jiff::civil::Date;
use serde_json::json;
use store::ceilings::{self, Ceiling};
use store::tenants::{self, Cfa, Site};
use store::{StoreError, Tx};

use crate::hand::{self, Hand};

/// The most that a ceiling may be.
pub const CEILING_MAX: u32 = 1_000_000;

/// A training centre as a person gives it.
#[derive(Debug, Clone)]
pub struct NewCfa {
    /// What people call it.
    pub name: String,
    /// The company.
    pub siren: Siren,
    /// Whether it is known that the company has a training centre in the network already, and that this is
    /// another.
    pub second: bool,
}

/// A site as a person gives it.
#[derive(Debug, Clone)]
pub struct NewSite {
    /// Its training centre.
    pub cfa: CfaId,
    /// The establishment.
    pub siret: Siret,
    /// Its number at the Ministry of Education, if it has one.
    pub uai: Option<Uai>,
    /// What people call it.
    pub name: String,
}

/// How much may be handed in; what is absent is not bounded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bound {
    /// In a minute.
    pub per_minute: Option<u32>,
    /// In a day of France.
    pub per_day: Option<u32>,
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// The name is none.
    #[error("the name is none")]
    Name,
    /// No such training centre or site.
    #[error("no such training centre or site")]
    Unknown,
    /// The network has a training centre of this name and company.
    #[error("the network has this training centre")]
    CfaTaken,
    /// The network has a training centre of this company, of this name.
    #[error("the network has a training centre of this company")]
    CompanyTaken(String),
    /// The network has a site with this SIRET.
    #[error("the network has a site with the SIRET {0}")]
    SiretTaken(Siret),
    /// The site is there already.
    #[error("the site is there already")]
    There,
    /// The establishment is one of the company it would leave.
    #[error("the establishment is of the company {0}")]
    Company(Siren),
    /// It is closed already.
    #[error("it is closed already")]
    Closed,
    /// It is open already.
    #[error("it is open already")]
    Open,
    /// The reference of a mandate is none.
    #[error("the reference is none")]
    Reference,
    /// A mandate ends before it begins.
    #[error("the mandate ends before it begins")]
    Backwards,
    /// A mandate is signed on a day to come.
    #[error("the mandate is signed on a day to come")]
    NotSigned,
    /// A mandate is over: the last day it covered.
    #[error("the mandate is over since {0}")]
    Over(Date),
    /// A mandate ends sooner than it is to be ended: the last day it covers.
    #[error("the mandate ends on {0} already")]
    Sooner(Date),
    /// A mandate is to end before the day it was signed.
    #[error("the mandate was signed on {0}")]
    Unsigned(Date),
    /// A ceiling is none.
    #[error("a ceiling is none")]
    Ceiling,
    /// The store cannot answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a training centre.
///
/// # Errors
/// When the name is none, or the network has it already; when it has another of the same company, unless this is
/// said to be a second one: most companies have one, and a name spelled otherwise would split it in two.
pub async fn add_cfa(
    tx: &mut Tx,
    tenant: TenantId,
    new: NewCfa,
    hand: &Hand,
) -> Result<Cfa, TreeError> {
    let name = hand::name(&new.name).ok_or(TreeError::Name)?;
    let all = tenants::cfas(tx, tenant).await?;
    if all
        .iter()
        .any(|cfa| cfa.siren == new.siren && cfa.name == name)
    {
        return Err(TreeError::CfaTaken);
    }
    let of_company = all.into_iter().find(|cfa| cfa.siren == new.siren);
    if let Some(other) = of_company.filter(|_| !new.second) {
        return Err(TreeError::CompanyTaken(other.name));
    }
    let cfa = Cfa {
        tenant,
        id: CfaId::new(hand.now),
        name,
        siren: new.siren,
        created_at: hand.now,
    };
    tenants::create_cfa(tx, &cfa).await?;
    let data = json!({ "cfa": cfa.id, "name": cfa.name, "siren": cfa.siren });
    hand.write(tx, tenant, "cfa.created", data);
    Ok(cfa)
}

/// Gives a training centre another name.
///
/// # Errors
/// When the name is none, another has it, or there is no such training centre.
pub async fn rename_cfa(
    tx: &mut Tx,
    (tenant, id): (TenantId, CfaId),
    name: &str,
    hand: &Hand,
) -> Result<Cfa, TreeError> {
    let name = hand::name(name).ok_or(TreeError::Name)?;
    let cfa = cfa_of(tx, tenant, id).await?;
    let all = tenants::cfas(tx, tenant).await?;
    let is_taken = |one: &Cfa| one.id != id && one.siren == cfa.siren && one.name == name;
    if all.iter().any(is_taken) {
        return Err(TreeError::CfaTaken);
    }
    tenants::rename_cfa(tx, tenant, id, &name).await?;
    let data = json!({ "cfa": id, "before": cfa.name, "name": name });
    hand.write(tx, tenant, "cfa.renamed", data);
    Ok(Cfa { name, ..cfa })
}

/// Makes a site.
///
/// # Errors
/// When the name is none, there is no such training centre, or the network has a site with this SIRET.
pub async fn add_site(
    tx: &mut Tx,
    tenant: TenantId,
    new: NewSite,
    hand: &Hand,
) -> Result<Site, TreeError> {
    let name = hand::name(&new.name).ok_or(TreeError::Name)?;
    let cfa = cfa_of(tx, tenant, new.cfa).await?;
    // Asked first: after a statement that failed, PostgreSQL ends the whole transaction.
    if tenants::find_site(tx, tenant, &new.siret).await?.is_some() {
        return Err(TreeError::SiretTaken(new.siret));
    }
    let site = Site {
        tenant,
        id: SiteId::new(hand.now),
        cfa: cfa.id,
        siret: new.siret,
        uai: new.uai.map(|uai| uai.to_string()),
        name,
        created_at: hand.now,
        closed_at: None,
    };
    let made = tenants::create_site(tx, &site).await;
    made.map_err(|error| match error {
        StoreError::Conflict(_) => TreeError::SiretTaken(site.siret),
        other => other.into(),
    })?;
    let data = json!({
        "site": site.id, "cfa": site.cfa, "siret": site.siret, "uai": site.uai, "name": site.name,
    });
    hand.write(tx, tenant, "site.created", data);
    Ok(site)
}

/// Gives a site another name and UAI.
///
/// # Errors
/// When the name is none, or there is no such site.
pub async fn change_site(
    tx: &mut Tx,
    (tenant, id): (TenantId, SiteId),
    (name, uai): (&str, Option<Uai>),
    hand: &Hand,
) -> Result<Site, TreeError> {
    let name = hand::name(name).ok_or(TreeError::Name)?;
    let former = site_of(tx, tenant, id).await?;
    let site = Site {
        name,
        uai: uai.map(|uai| uai.to_string()),
        ..former.clone()
    };
    tenants::update_site(tx, &site).await?;
    let data = json!({
        "site": id, "siret": site.siret, "before": { "name": former.name, "uai": former.uai },
        "name": site.name, "uai": site.uai,
    });
    hand.write(tx, tenant, "site.changed", data);
    Ok(site)
}

/// Moves a site to another training centre: the people of the former one reach it no more, those of the
/// other do from now on. What was handed in goes its way.
///
/// # Errors
/// When there is none of the two, it is there already, or its SIRET says that it is of the company it would
/// leave for another.
pub async fn move_site(
    tx: &mut Tx,
    (tenant, id): (TenantId, SiteId),
    to: CfaId,
    hand: &Hand,
) -> Result<Site, TreeError> {
    let former = site_of(tx, tenant, id).await?;
    let (from, to) = (
        cfa_of(tx, tenant, former.cfa).await?,
        cfa_of(tx, tenant, to).await?,
    );
    movable(&former, &from, &to)?;
    let site = Site {
        cfa: to.id,
        ..former
    };
    tenants::update_site(tx, &site).await?;
    let data = json!({ "site": id, "siret": site.siret, "from": from.id, "to": to.id });
    hand.write(tx, tenant, "site.moved", data);
    Ok(site)
}

/// Says whether a site may go from one training centre to another.
pub(crate) fn movable(site: &Site, from: &Cfa, to: &Cfa) -> Result<(), TreeError> {
    let company = site.siret.siren();
    if from.id == to.id {
        Err(TreeError::There)
    } else if company == from.siren && company != to.siren {
        Err(TreeError::Company(company))
    } else {
        Ok(())
    }
}

/// Closes a site: it takes no new contract in. What was accepted goes on, and is followed, to its end.
///
/// # Errors
/// When there is none, or it is closed already.
pub async fn close_site(
    tx: &mut Tx,
    (tenant, id): (TenantId, SiteId),
    hand: &Hand,
) -> Result<Site, TreeError> {
    let former = site_of(tx, tenant, id).await?;
    if former.closed_at.is_some() {
        return Err(TreeError::Closed);
    }
    let site = Site {
        closed_at: Some(hand.now),
        ..former
    };
    tenants::update_site(tx, &site).await?;
    let data = json!({ "site": id, "siret": site.siret });
    hand.write(tx, tenant, "site.closed", data);
    Ok(site)
}

/// Opens a closed site again.
///
/// # Errors
/// When there is none, or it is open.
pub async fn reopen_site(
    tx: &mut Tx,
    (tenant, id): (TenantId, SiteId),
    hand: &Hand,
) -> Result<Site, TreeError> {
    let former = site_of(tx, tenant, id).await?;
    if former.closed_at.is_none() {
        return Err(TreeError::Open);
    }
    let site = Site {
        closed_at: None,
        ..former
    };
    tenants::update_site(tx, &site).await?;
    let data = json!({ "site": id, "siret": site.siret });
    hand.write(tx, tenant, "site.reopened", data);
    Ok(site)
}

/// Bounds how much a site, or the whole network when none is named, may hand in.
///
/// # Errors
/// When there is no such site, or a ceiling is none.
pub async fn bound(
    tx: &mut Tx,
    (tenant, id): (TenantId, Option<SiteId>),
    bound: Bound,
    hand: &Hand,
) -> Result<(), TreeError> {
    ceiling(bound.per_minute)?;
    ceiling(bound.per_day)?;
    let site = match id {
        Some(id) => Some(site_of(tx, tenant, id).await?.siret),
        None => None,
    };
    let former = ceilings::find(tx, tenant, site.as_ref()).await?;
    let before = former.map(|one| json!({ "per_minute": one.per_minute, "per_day": one.per_day }));
    let ceiling = Ceiling {
        tenant,
        site,
        per_minute: bound.per_minute,
        per_day: bound.per_day,
        author: hand.author().to_owned(),
        updated_at: hand.now,
    };
    ceilings::put(tx, &ceiling).await?;
    let data = json!({
        "site": id, "siret": site, "before": before, "per_minute": bound.per_minute,
        "per_day": bound.per_day,
    });
    hand.write(tx, tenant, "ceiling.changed", data);
    Ok(())
}

/// Says whether so many is a ceiling.
pub(crate) fn ceiling(most: Option<u32>) -> Result<(), TreeError> {
    if most.is_some_and(|most| !(1..=CEILING_MAX).contains(&most)) {
        return Err(TreeError::Ceiling);
    }
    Ok(())
}

async fn cfa_of(tx: &mut Tx, tenant: TenantId, id: CfaId) -> Result<Cfa, TreeError> {
    let found = tenants::find_cfa(tx, tenant, id).await?;
    found.ok_or(TreeError::Unknown)
}

/// Returns a site of the network by its name among sites.
pub(crate) async fn site_of(tx: &mut Tx, tenant: TenantId, id: SiteId) -> Result<Site, TreeError> {
    let all = tenants::sites(tx, tenant).await?;
    let mut named = all.into_iter().filter(|site| site.id == id);
    named.next().ok_or(TreeError::Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_leaves_no_company_for_another() {
        let now = "2026-09-02T08:00:00Z".parse().unwrap();
        let tenant = TenantId::new(now);
        let cfa = |siren: &str| Cfa {
            tenant,
            id: CfaId::new(now),
            name: "CFA".to_owned(),
            siren: siren.parse().unwrap(),
            created_at: now,
        };
        let (its, same, other) = (cfa("987654324"), cfa("987654324"), cfa("123456782"));
        let site = Site {
            tenant,
            id: SiteId::new(now),
            cfa: its.id,
            siret: "98765432400019".parse().unwrap(),
            uai: None,
            name: "Site".to_owned(),
            created_at: now,
            closed_at: None,
        };
        assert!(movable(&site, &its, &same).is_ok());
        assert!(matches!(movable(&site, &its, &its), Err(TreeError::There)));
        let left = movable(&site, &its, &other);
        assert!(matches!(left, Err(TreeError::Company(siren)) if siren == its.siren));
        assert!(
            movable(&site, &other, &its).is_ok(),
            "back where it belongs"
        );
    }
}
