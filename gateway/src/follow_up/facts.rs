//! What the rules of a payload may know of its dossier besides the numbers: schedule, what is billed
//! already, what is certified.

use domain::clock::Timestamp;
use domain::id::DeliveryId;
use domain::payload::{NatureLigne, Payload, TypeFichier, TypeObjet};
use domain::rules::Known;
use domain::{Etat, Kind, Status};
use jiff::civil::Date;
use store::invoices::Invoice;
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

/// Opens what was sent of a kind for a contract and was not given up, but for `this`.
async fn sent(
    tx: &mut Tx,
    keys: &TenantKey,
    (contract, kind): (&Delivery, Kind),
    this: Option<DeliveryId>,
) -> Result<Vec<Payload>, StoreError> {
    let (tenant, lane) = (contract.tenant, contract.lane);
    let found = store::deliveries::of_lane(tx, tenant, lane, kind).await?;
    let counts = |status| !matches!(status, Status::Rejected | Status::Cancelled | Status::Dead);
    let mut opened = Vec::new();
    for (id, status) in found {
        if !counts(status) || Some(id) == this {
            continue;
        }
        if let Some(sealed) = store::deliveries::payload(tx, tenant, id).await?
            && let Ok(follow) = send::open(keys, id, kind, &sealed)
        {
            opened.push(follow.reading.payload);
        }
    }
    Ok(opened)
}

/// Adds what certificates sent for the contract cover.
async fn certified(
    tx: &mut Tx,
    keys: &TenantKey,
    contract: &Delivery,
    this: Option<DeliveryId>,
    facts: &mut Facts,
) -> Result<(), StoreError> {
    for payload in sent(tx, keys, (contract, Kind::Certificat), this).await? {
        let Payload::Certificat(certificat) = payload else {
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

/// The certificates sent for a dossier, by what they prove.
#[derive(Debug, Default)]
pub(crate) struct Proofs {
    /// The échéances of the structured ones.
    echeances: Vec<i64>,
    /// The invoices that documents are linked to.
    invoices: Vec<String>,
}

impl Proofs {
    /// Returns whether an invoice still waits for the certificate of one of these échéances.
    pub(crate) fn leave(&self, invoice: &Invoice, echeances: &[i64]) -> bool {
        let linked = invoice.numero_interne.as_ref();
        !linked.is_some_and(|numero| self.invoices.contains(numero))
            && echeances
                .iter()
                .any(|numero| !self.echeances.contains(numero))
    }
}

/// Gathers the certificates sent for a dossier; nothing of one that was filed elsewhere, whose pieces are
/// found by no contract.
pub(crate) async fn proofs(
    tx: &mut Tx,
    keys: &TenantKey,
    dossier: &Dossier,
) -> Result<Option<Proofs>, StoreError> {
    let Some(contract) = dossier.delivery else {
        return Ok(None);
    };
    let Some(contract) = store::deliveries::find(tx, dossier.tenant, contract).await? else {
        return Ok(None);
    };
    let mut proofs = Proofs::default();
    for payload in sent(tx, keys, (&contract, Kind::Certificat), None).await? {
        if let Payload::Certificat(certificat) = payload {
            proofs.echeances.extend(certificat.echeance.numero);
        }
    }
    for payload in sent(tx, keys, (&contract, Kind::Document), None).await? {
        let Payload::Document(document) = payload else {
            continue;
        };
        if document.type_fichier == Some(TypeFichier::CertificatRealisation) {
            let of_invoices = document.objets.into_iter();
            let of_invoices =
                of_invoices.filter(|objet| objet.type_objet == Some(TypeObjet::Facture));
            proofs
                .invoices
                .extend(of_invoices.filter_map(|objet| objet.id_objet));
        }
    }
    Ok(Some(proofs))
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
