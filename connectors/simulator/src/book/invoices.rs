//! The invoices of one OPCO, by number, by reference and by owner.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;

use super::facture::{Decision, EtatFacture, Facture};
use super::{Book, Reading};

/// The first number of an invoice.
const FIRST_NUMERO: u64 = 900_001;

/// All invoices.
pub(crate) struct Invoices {
    next: u64,
    all: Vec<Facture>,
    /// By the emitter's SIRET and its number: the last one.
    by_reference: HashMap<(String, String), usize>,
    by_owner: HashMap<Arc<str>, Vec<usize>>,
}

impl Default for Invoices {
    fn default() -> Self {
        Self {
            next: FIRST_NUMERO,
            all: Vec::new(),
            by_reference: HashMap::new(),
            by_owner: HashMap::new(),
        }
    }
}

impl Invoices {
    pub(super) fn clear(&mut self) {
        self.all.clear();
        self.by_reference.clear();
        self.by_owner.clear();
    }

    pub(super) fn get(&self, rank: usize) -> Option<&Facture> {
        self.all.get(rank)
    }

    pub(super) fn move_owner(&mut self, key: &Arc<str>, owner: Arc<str>) {
        if let Some(moved) = self.by_owner.remove(key) {
            let list = self.by_owner.entry(owner).or_default();
            list.extend(moved);
            list.sort_unstable();
        }
    }

    fn rank(&self, numero: u64) -> Option<usize> {
        self.all
            .binary_search_by_key(&numero, |facture| facture.numero)
            .ok()
    }
}

/// An invoice, as the control API lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FactureView {
    /// The OPCO's number.
    pub numero_interne_facture: String,
    /// The CFA's number.
    pub reference: String,
    /// The emitter.
    pub siret: String,
    /// The state now.
    pub etat: EtatFacture,
    /// What the OPCO says about it.
    pub commentaire: Option<String>,
    /// Its total, in cents.
    pub total_cents: i32,
    /// The dossiers it is about.
    pub dossiers: Vec<String>,
}

impl Book {
    /// Returns the last invoice of an emitter with this number, with its rank.
    pub(crate) fn facture_by_reference(
        &self,
        siret: &str,
        reference: &str,
    ) -> Option<(usize, &Facture)> {
        let asked = (siret.to_owned(), reference.to_owned());
        let rank = *self.invoices.by_reference.get(&asked)?;
        Some((rank, self.invoices.get(rank)?))
    }

    /// Returns the credit notes on an invoice that still count.
    pub(crate) fn credited_cents(&self, origine: usize, now_ms: i64) -> i32 {
        self.invoices
            .all
            .iter()
            .filter(|one| one.origine == Some(origine) && one.etat(now_ms) != EtatFacture::Rejete)
            .map(Facture::total_cents)
            .fold(0, i32::saturating_add)
    }

    /// Takes an invoice that was found right; it shows once [`Book::confirm_facture`] is called.
    pub(crate) fn invoice(&mut self, mut facture: Facture) -> Facture {
        let rank = self.invoices.all.len();
        facture.numero = self.invoices.next;
        facture.durable = false;
        self.invoices.next += 1;
        let reference = (facture.siret.clone(), facture.reference.clone());
        self.invoices.by_reference.insert(reference, rank);
        let owner = self.owner(&facture.key);
        self.invoices.by_owner.entry(owner).or_default().push(rank);
        for ligne in &facture.lignes {
            let dossier = self
                .rank(ligne.dossier)
                .and_then(|rank| self.dossiers.get_mut(rank));
            if let Some(dossier) = dossier {
                let billing = dossier.billing_mut();
                if !billing.factures.contains(&rank) {
                    billing.factures.push(rank);
                }
            }
        }
        self.invoices.all.push(facture.clone());
        facture
    }

    /// Shows an invoice that is in the ledger; one that cancels another does so now.
    pub(crate) fn confirm_facture(&mut self, numero: u64, now_ms: i64) {
        let Some(facture) = self
            .invoices
            .rank(numero)
            .and_then(|rank| self.invoices.all.get_mut(rank))
        else {
            return;
        };
        facture.durable = true;
        let origine = facture.origine.filter(|_| facture.netted);
        let motif = format!("Annulée par l'avoir {}", facture.reference);
        if let Some(cancelled) = origine.and_then(|rank| self.invoices.all.get_mut(rank)) {
            cancelled.decision = Some(Decision {
                etat: EtatFacture::Annule,
                at: now_ms,
                motif: Some(motif),
            });
        }
    }

    /// Takes back an invoice that could not be written down: its number is free again.
    pub(crate) fn withdraw_facture(&mut self, numero: u64, now_ms: i64) {
        let rank = self.invoices.rank(numero);
        let Some(facture) = rank.and_then(|rank| self.invoices.all.get_mut(rank)) else {
            return;
        };
        facture.decision = Some(Decision {
            etat: EtatFacture::Rejete,
            at: now_ms,
            motif: None,
        });
        let reference = (facture.siret.clone(), facture.reference.clone());
        if self.invoices.by_reference.get(&reference) == rank.as_ref() {
            self.invoices.by_reference.remove(&reference);
        }
    }

    /// Shows the invoices of a key in turn, from the `skip`th, and returns how many there are.
    pub(crate) fn list_factures(
        &self,
        key: &Arc<str>,
        (skip, take): (usize, usize),
        mut show: impl FnMut(&Self, &Facture),
    ) -> usize {
        let mut total = 0_usize;
        let ranks = self.invoices.by_owner.get(&self.owner(key));
        for rank in ranks.into_iter().flatten() {
            let Some(facture) = self.invoices.get(*rank).filter(|one| one.durable) else {
                continue;
            };
            if total >= skip && total - skip < take {
                show(self, facture);
            }
            total += 1;
        }
        total
    }

    /// Returns the numbers of a dossier: the technical one and the business one.
    pub(crate) fn numeros(&self, numero: u64) -> Option<(String, String)> {
        let dossier = self.dossiers.get(self.rank(numero)?)?;
        Some((dossier.numero_interne(), dossier.numero_externe()))
    }

    /// Returns whether this key has sent the invoice of this number.
    pub(crate) fn has_facture(&self, key: &Arc<str>, numero: &str) -> bool {
        self.own_facture(key, numero).is_some()
    }

    pub(super) fn own_facture(&self, key: &Arc<str>, numero: &str) -> Option<usize> {
        let rank = self.invoices.rank(numero.parse().ok()?)?;
        let facture = self.invoices.get(rank).filter(|one| one.durable)?;
        (self.owner(&facture.key) == self.owner(key)).then_some(rank)
    }

    /// Says that what the payment of an invoice waits for has come.
    pub(super) fn certify(&mut self, rank: usize, now_ms: i64) {
        if let Some(facture) = self.invoices.all.get_mut(rank) {
            facture.certified_ms.get_or_insert(now_ms);
        }
    }

    /// Returns every invoice, whoever sent it.
    pub(crate) fn factures(&self, now_ms: i64) -> Vec<FactureView> {
        let durable = self.invoices.all.iter().filter(|one| one.durable);
        let view = |facture: &Facture| {
            let mut dossiers: Vec<u64> = facture.lignes.iter().map(|one| one.dossier).collect();
            dossiers.sort_unstable();
            dossiers.dedup();
            FactureView {
                numero_interne_facture: facture.numero_interne(),
                reference: facture.reference.clone(),
                siret: facture.siret.clone(),
                etat: facture.etat(now_ms),
                commentaire: facture.commentaire(now_ms),
                total_cents: facture.total_cents(),
                dossiers: dossiers.iter().map(u64::to_string).collect(),
            }
        };
        durable.map(view).collect()
    }

    /// Puts an invoice in another state; returns whether it exists.
    pub(crate) fn decide_facture(&mut self, numero: &str, decision: Decision) -> bool {
        let rank = numero
            .parse()
            .ok()
            .and_then(|numero| self.invoices.rank(numero));
        let facture = rank.and_then(|rank| self.invoices.all.get_mut(rank));
        match facture.filter(|one| one.durable) {
            Some(facture) => {
                facture.decision = Some(decision);
                true
            }
            None => false,
        }
    }

    /// Takes back an invoice of an earlier run.
    pub(crate) fn restore_facture(&mut self, numero: u64, facture: Facture, at: Reading) {
        self.invoices.next = self.invoices.next.max(numero);
        let facture = self.invoice(facture);
        self.confirm_facture(facture.numero, at.now_ms);
    }
}
