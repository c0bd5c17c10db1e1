//! What the rules of a payload may know of its dossier besides the numbers: schedule, what is billed
//! already, what is certified.

use domain::clock::Timestamp;
use domain::id::DeliveryId;
use domain::payload::{NatureLigne, Payload};
use domain::rules::Known;
use domain::{Etat, Kind, Status};
use jiff::civil::Date;
use store::{Delivery, Dossier, StoreError, TenantKey, Tx};

use super::send;
use crate::money::{self, Money};

/// Facts of one dossier, owned.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// Its money.
    pub(crate) money: Money,
    in_flight: Vec<(i64, i64)>,
    annexes: Vec<(NatureLigne, i64)>,
    certified: Vec<i64>,
    certified_hours: i64,
    certified_until: Option<Date>,
    read_again_after: Option<Timestamp>,
}

/// Gathers the facts of a dossier for a payload: `this`, when it is in custody already.
pub(super) async fn of(
    tx: &mut Tx,
    keys: &TenantKey,
    (dossier, contract): (&Dossier, Option<&Delivery>),
    this: Option<DeliveryId>,
) -> Result<Facts, StoreError> {
    let money = money::of(tx, keys, dossier).await?;
    let externe = dossier.numero_externe.as_deref();
    let mut facts = Facts {
        in_flight: money.in_flight(this, externe),
        annexes: money.annexes(this, externe),
        read_again_after: read_again_after(&money, dossier),
        money,
        ..Facts::default()
    };
    if let Some(contract) = contract {
        certified(tx, keys, contract, this, &mut facts).await?;
    }
    Ok(facts)
}

/// What an OPCO refused, and a termination, change the schedule: only a later reading counts.
fn read_again_after(money: &Money, dossier: &Dossier) -> Option<Timestamp> {
    let refused = money.bills.iter().filter_map(|bill| {
        let invoice = &bill.invoice;
        match invoice.status {
            Status::Rejected => invoice.finished_at,
            _ => invoice.etat_at.filter(|_| !invoice.counts()),
        }
    });
    let terminated = dossier
        .etat_at
        .filter(|_| dossier.etat == Some(Etat::Rupture));
    refused.chain(terminated).max()
}

/// Adds what certificates sent for the contract cover.
async fn certified(
    tx: &mut Tx,
    keys: &TenantKey,
    contract: &Delivery,
    this: Option<DeliveryId>,
    facts: &mut Facts,
) -> Result<(), StoreError> {
    let (tenant, lane) = (contract.tenant, contract.lane);
    let found = store::deliveries::of_lane(tx, tenant, lane, Kind::Certificat).await?;
    let counts = |status| !matches!(status, Status::Rejected | Status::Cancelled | Status::Dead);
    for (id, status) in found {
        if !counts(status) || Some(id) == this {
            continue;
        }
        let Some(sealed) = store::deliveries::payload(tx, tenant, id).await? else {
            continue;
        };
        let Ok(follow) = send::open(keys, id, Kind::Certificat, &sealed) else {
            continue;
        };
        let Payload::Certificat(certificat) = follow.reading.payload else {
            continue;
        };
        let echeance = &certificat.echeance;
        facts.certified.extend(echeance.numero);
        let hours = echeance.duree.unwrap_or_default().hundredths;
        facts.certified_hours = facts.certified_hours.saturating_add(hours);
        let until = echeance.date_fin.map(|day| day.date);
        facts.certified_until = facts.certified_until.max(until);
    }
    Ok(())
}

impl Facts {
    /// Returns whether something that changes the schedule came after it was read.
    fn is_past(&self) -> bool {
        let read_at = self.money.read_at;
        self.read_again_after
            .is_some_and(|again| read_at.is_none_or(|read| read <= again))
    }

    /// Returns what is known of the dossier, these facts included.
    pub(super) fn with<'a>(&'a self, known: Known<'a>) -> Known<'a> {
        let schedule = self.money.echeancier.as_ref();
        Known {
            // Before the OPCO's commitment there are no lines: that is no schedule yet.
            // One read before a refusal or a termination speaks of what is no more.
            echeancier: schedule
                .filter(|schedule| !schedule.echeances.is_empty() && !self.is_past()),
            echeancier_read_at: self.money.read_at,
            read_again_after: self.read_again_after,
            in_flight: &self.in_flight,
            annexes_billed: &self.annexes,
            certified: &self.certified,
            certified_hours: self.certified_hours,
            certified_until: self.certified_until,
            ..known
        }
    }
}
