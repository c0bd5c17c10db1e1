//! What is known of the money of one dossier: its schedule as last read, and the invoices handed in
//! for it, opened.

use domain::Timestamp;
use domain::echeancier::Echeancier;
use domain::id::DeliveryId;
use domain::payload::{Facture, Ligne, NatureLigne, Payload};
use domain::reconciliation::LigneSuivie;
use domain::{Kind, Status, echeancier::EtatFacture};
use store::invoices::{self, Invoice};
use store::{Dossier, StoreError, TenantKey, Tx, schedules as readings};

use crate::{follow_up, schedules};

/// The money of one dossier.
#[derive(Debug, Default)]
pub(crate) struct Money {
    /// The schedule as last read.
    pub(crate) echeancier: Option<Echeancier>,
    /// When it was last read.
    pub(crate) read_at: Option<Timestamp>,
    /// The invoices that bill it, in the order they were handed in.
    pub(crate) bills: Vec<Bill>,
}

/// An invoice, opened.
#[derive(Debug)]
pub(crate) struct Bill {
    /// Where it stands.
    pub(crate) invoice: Invoice,
    /// What it says; absent once shredded.
    pub(crate) facture: Option<Box<Facture>>,
}

/// Gathers what is known of a dossier's money.
pub(crate) async fn of(
    tx: &mut Tx,
    keys: &TenantKey,
    dossier: &Dossier,
) -> Result<Money, StoreError> {
    let (tenant, id) = (dossier.tenant, dossier.id);
    let plan = readings::plan(tx, tenant, id).await?;
    let current = readings::current(tx, tenant, id).await?;
    Ok(Money {
        echeancier: current.and_then(|current| schedules::open(keys, &current)),
        read_at: plan.and_then(|plan| plan.read_at),
        bills: bills(tx, keys, dossier).await?,
    })
}

/// Opens the invoices that bill a dossier.
pub(crate) async fn bills(
    tx: &mut Tx,
    keys: &TenantKey,
    dossier: &Dossier,
) -> Result<Vec<Bill>, StoreError> {
    let found = invoices::of_contract(tx, dossier.tenant, dossier.contract()).await?;
    let mut bills = Vec::with_capacity(found.len());
    for invoice in found {
        let sealed = store::deliveries::payload(tx, dossier.tenant, invoice.delivery).await?;
        let facture = sealed.and_then(|sealed| {
            let open = follow_up::send::open(keys, invoice.delivery, Kind::Facture, &sealed);
            match open.ok()?.reading.payload {
                Payload::Facture(facture) => Some(facture),
                _ => None,
            }
        });
        bills.push(Bill { invoice, facture });
    }
    Ok(bills)
}

impl Bill {
    /// Returns its lines that bill a dossier, by the number the OPCO gave that dossier. A line without
    /// a number is of the only dossier the invoice bills.
    pub(crate) fn lines<'a>(
        &'a self,
        numero_externe: Option<&'a str>,
    ) -> impl Iterator<Item = &'a Ligne> {
        let lines = self.facture.iter().flat_map(|facture| &facture.lignes);
        lines.filter(move |ligne| {
            ligne.numero_dossier.is_none() || ligne.numero_dossier.as_deref() == numero_externe
        })
    }

    /// Returns whether it is a credit note, and not a refused one, of another.
    pub(crate) fn corrects(&self, other: &Self) -> bool {
        let note = self.facture.as_deref().filter(|note| note.is_avoir());
        let of_it = |note: &Facture| {
            note.siret_emetteur == Some(other.invoice.siret_emetteur)
                && note.numero_facture_origine.as_deref() == Some(other.invoice.numero.as_str())
        };
        self.invoice.counts() && note.is_some_and(of_it)
    }

    /// Returns the échéances it bills that the OPCO pays only with a certificate, when the invoice has
    /// none inside and is not settled: all but the first.
    pub(crate) fn uncertified(&self, numero_externe: Option<&str>, first: i64) -> Vec<i64> {
        let open = self.invoice.counts() && self.invoice.etat != Some(EtatFacture::Regle);
        let wants = |facture: &Facture| {
            !facture.is_avoir() && facture.est_certificat_realisation != Some(true)
        };
        if !open || !self.facture.as_deref().is_some_and(wants) {
            return Vec::new();
        }
        let numeros = self
            .lines(numero_externe)
            .filter_map(|ligne| ligne.numero_echeance);
        numeros.filter(|numero| *numero > first).collect()
    }

    /// Returns whether the schedule, as read then, cannot show it yet.
    fn is_unseen(&self, read_at: Option<Timestamp>) -> bool {
        match (self.invoice.status.is_final(), self.invoice.finished_at) {
            (false, _) => true,
            (true, Some(finished)) => read_at.is_none_or(|read| read < finished),
            (true, None) => false,
        }
    }
}

impl Money {
    /// Returns what invoices before `this` bill of each échéance that the schedule cannot show yet.
    pub(crate) fn in_flight(
        &self,
        this: Option<DeliveryId>,
        numero_externe: Option<&str>,
    ) -> Vec<(i64, i64)> {
        let before = |bill: &&Bill| this.is_none_or(|this| bill.invoice.delivery < this);
        let bills = self.bills.iter().filter(before);
        let bills = bills.filter(|bill| bill.invoice.counts() && bill.is_unseen(self.read_at));
        let scheduled = |ligne: &Ligne| ligne.nature_ligne.is_none_or(NatureLigne::is_scheduled);
        bills
            .flat_map(|bill| bill.lines(numero_externe))
            .filter(|ligne| scheduled(ligne))
            .filter_map(|ligne| Some((ligne.numero_echeance?, ligne.montant?.cents)))
            .collect()
    }

    /// Returns what invoices before `this` that still count have billed of ancillary costs.
    pub(crate) fn annexes(
        &self,
        this: Option<DeliveryId>,
        numero_externe: Option<&str>,
    ) -> Vec<(NatureLigne, i64)> {
        let before = |bill: &&Bill| this.is_none_or(|this| bill.invoice.delivery < this);
        let bills = self.bills.iter().filter(before);
        bills
            .filter(|bill| bill.invoice.counts())
            .flat_map(|bill| bill.lines(numero_externe))
            .filter_map(|ligne| Some((ligne.nature_ligne?, ligne.montant?.cents)))
            .filter(|(nature, _)| !nature.is_scheduled())
            .collect()
    }
}

/// Returns where an invoice stands for whoever counts money.
pub(crate) fn standing(status: Status, etat: Option<EtatFacture>) -> EtatFacture {
    match status {
        Status::Rejected | Status::Dead => EtatFacture::Rejete,
        Status::Cancelled => EtatFacture::Annule,
        _ => etat.unwrap_or(EtatFacture::Transmis),
    }
}

/// Returns a line as the reconciliation counts it; nothing of one that bills no échéance.
pub(crate) fn followed(ligne: &Ligne) -> Option<LigneSuivie> {
    Some(LigneSuivie {
        numero_echeance: ligne.numero_echeance?,
        nature: ligne.nature_ligne?,
        cents: ligne.montant?.cents,
        scheduled_cents: None,
    })
}
