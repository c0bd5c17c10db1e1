//! How a delivery was judged when it was taken in, or last judged again: what the rules found, and how its
//! OPCO was looked for.

use domain::id::DeliveryId;
use domain::{Finding, Route, finding, rules};
use store::{Delivery, StoreError, Tx, deliveries};

use crate::viewer::Reach;

/// What is kept of a judgement.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    /// What the rules found and did not refuse.
    pub(crate) findings: Vec<Found>,
    /// How its OPCO was looked for; nothing of what follows a contract without a search.
    pub(crate) route: Option<Route>,
    /// The version of the rules.
    pub(crate) rule_set: String,
}

/// Something that a rule found, in French: the rules speak French.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) finding: Finding,
    /// The other delivery it is about, where the viewer may see that one.
    pub(crate) other: Option<DeliveryId>,
}

impl Judged {
    /// Reads what is kept of a delivery. What cannot be read any more is left out.
    pub(crate) async fn of(
        tx: &mut Tx,
        delivery: &Delivery,
        reach: &Reach,
    ) -> Result<Self, StoreError> {
        let kept = deliveries::submission(tx, delivery.tenant, delivery.id).await?;
        let Some(kept) = kept else {
            return Ok(Self::default());
        };
        let mut findings = Vec::new();
        for finding in finding::kept::read(&kept.warnings_json) {
            let named = finding
                .value
                .as_deref()
                .and_then(|value| value.parse().ok());
            let other = match named {
                Some(id) => deliveries::find(tx, delivery.tenant, id).await?,
                None => None,
            };
            let elsewhere = other
                .as_ref()
                .filter(|other| !reach.covers(&other.siret_cfa));
            let finding = match elsewhere {
                Some(_) if rules::resembled(&finding).is_some() => rules::of_another_site(finding),
                _ => finding,
            };
            let other = other.filter(|other| reach.covers(&other.siret_cfa));
            findings.push(Found {
                finding,
                other: other.map(|other| other.id),
            });
        }
        Ok(Self {
            findings,
            route: serde_json::from_str(&kept.route_json).ok(),
            rule_set: kept.rule_set,
        })
    }
}
