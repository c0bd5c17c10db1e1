//! What was opened of a network's sealed papers to count its money, kept: amounts, days and numbers, and
//! neither accounts nor the disability supplement. A paper never changes under its name, so that each is
//! opened once; whether it may still be opened is asked of the store each time.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use domain::Kind;
use domain::deadline;
use domain::echeancier::{Echeance, Echeancier};
use domain::form::Montant;
use domain::id::{DeliveryId, SnapshotId, TenantId};
use domain::payload::{Facture, Payload};
use domain::reconciliation::{LigneSuivie, Limit};
use store::schedules::{self as readings};
use store::{Dossier, StoreError, TenantKey, Tx};

use super::ledger::Ledgers;
use crate::{contract, follow_up, schedules};

/// Papers and accounts kept of all networks together: about a kilobyte each. Beyond it, the network that was asked for
/// the longest ago is forgotten.
const MOST: usize = 100_000;

/// What was opened, of each network.
#[derive(Debug, Default)]
pub(crate) struct Papers(Mutex<HashMap<TenantId, (Instant, Arc<Shelf>)>>);

/// What was opened of one network.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    schedules: Opened<SnapshotId, Arc<Echeancier>>,
    bills: Opened<DeliveryId, Arc<Vec<Ligne>>>,
    limits: Opened<DeliveryId, Option<Limit>>,
    pub(super) ledgers: Ledgers,
}

#[derive(Debug)]
struct Opened<K, V>(Mutex<HashMap<K, V>>);

/// A line of an invoice.
#[derive(Debug, Clone)]
pub(super) struct Ligne {
    numero_dossier: Option<String>,
    counted: Option<LigneSuivie>,
    /// What it bills, whether or not it can be counted against an échéance.
    pub(super) cents: i64,
}

impl Papers {
    /// Returns what is kept of a network.
    pub(super) fn of(&self, tenant: TenantId) -> Arc<Shelf> {
        let mut shelves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept: usize = shelves.values().map(|(_, shelf)| shelf.len()).sum();
        if kept > MOST {
            let others = shelves.iter().filter(|(other, _)| **other != tenant);
            let oldest = others.min_by_key(|(_, (asked, _))| *asked);
            // One network alone may be too much.
            let leaves = oldest.map_or(tenant, |(other, _)| *other);
            shelves.remove(&leaves);
        }
        let place = shelves.entry(tenant);
        let (asked_at, kept) = place.or_insert_with(|| (Instant::now(), Arc::default()));
        *asked_at = Instant::now();
        Arc::clone(kept)
    }
}

impl Shelf {
    fn len(&self) -> usize {
        let sizes = [
            self.schedules.len(),
            self.bills.len(),
            self.limits.len(),
            self.ledgers.len(),
        ];
        sizes.iter().sum()
    }

    /// Returns a reading of a dossier's schedule; nothing when it does not open.
    pub(super) async fn schedule(
        &self,
        tx: &mut Tx,
        keys: &TenantKey,
        dossier: &Dossier,
        id: SnapshotId,
    ) -> Result<Option<Arc<Echeancier>>, StoreError> {
        if let Some(known) = self.schedules.get(id) {
            return Ok(Some(known));
        }
        let found = readings::reading(tx, dossier.tenant, dossier.id, id).await?;
        let opened = found.and_then(|found| schedules::open(keys, &found));
        Ok(opened.map(|whole| self.schedules.keep(id, Arc::new(amounts(whole)))))
    }

    /// Returns the lines of an invoice; nothing when it does not open.
    pub(super) async fn bill(
        &self,
        tx: &mut Tx,
        keys: &TenantKey,
        tenant: TenantId,
        delivery: DeliveryId,
    ) -> Result<Option<Arc<Vec<Ligne>>>, StoreError> {
        if let Some(known) = self.bills.get(delivery) {
            return Ok(Some(known));
        }
        let sealed = store::deliveries::payload(tx, tenant, delivery).await?;
        let opened = sealed
            .and_then(|sealed| follow_up::send::open(keys, delivery, Kind::Facture, &sealed).ok());
        let Some(Payload::Facture(facture)) = opened.map(|opened| opened.reading.payload) else {
            return Ok(None);
        };
        Ok(Some(self.bills.keep(delivery, Arc::new(lines(&facture)))))
    }

    /// Returns the last day to bill what a contract opens; nothing when the contract does not tell.
    pub(super) async fn limit(
        &self,
        tx: &mut Tx,
        keys: &TenantKey,
        tenant: TenantId,
        delivery: DeliveryId,
    ) -> Result<Option<Limit>, StoreError> {
        if let Some(known) = self.limits.get(delivery) {
            return Ok(known);
        }
        let Some(sealed) = store::deliveries::payload(tx, tenant, delivery).await? else {
            return Ok(None);
        };
        let Ok(opened) = contract::open_sealed(keys, delivery, &sealed) else {
            return Ok(None);
        };
        let contrat = &opened.dossier.cerfa.contrat;
        let concluded = contrat.date_conclusion.or(contrat.date_debut_contrat);
        let both = concluded.zip(contrat.date_fin_contrat);
        let lost = both.and_then(|(concluded, end)| deadline::balance_lost(concluded, end));
        let limit = lost.map(|deadline| deadline.limit());
        Ok(self.limits.keep(delivery, limit))
    }

    /// Forgets what may not be opened any more.
    pub(super) fn forget(&self, delivery: DeliveryId) {
        self.bills.forget(delivery);
        self.limits.forget(delivery);
    }
}

impl<K: Hash + Eq + Copy, V: Clone> Opened<K, V> {
    fn get(&self, key: K) -> Option<V> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(&key).cloned()
    }

    fn keep(&self, key: K, value: V) -> V {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match kept.entry(key) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(place) => place.insert(value).clone(),
        }
    }

    fn forget(&self, key: K) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.remove(&key);
    }

    fn len(&self) -> usize {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.len()
    }
}

impl<K, V> Default for Opened<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

/// Keeps of a schedule what money is counted from.
fn amounts(whole: Echeancier) -> Echeancier {
    let line = |line: Echeance| Echeance {
        numero: line.numero,
        // Of its two parts, one is the disability supplement.
        montant_total: Some(Montant {
            cents: line.total_cents(),
        }),
        codification: line.codification,
        date_ouverture: line.date_ouverture,
        montant_regle: line.montant_regle,
        montant_en_cours_instruction: line.montant_en_cours_instruction,
        ..Echeance::default()
    };
    Echeancier {
        echeances: whole.echeances.into_iter().map(line).collect(),
        ..Echeancier::default()
    }
}

fn lines(facture: &Facture) -> Vec<Ligne> {
    let lines = facture.lignes.iter().map(|ligne| Ligne {
        numero_dossier: ligne.numero_dossier.clone(),
        counted: crate::money::followed(ligne),
        cents: ligne.montant.map_or(0, |montant| montant.cents),
    });
    lines.collect()
}

/// Returns the lines that bill a dossier, by the number the OPCO gave it. A line without a number is of the
/// only dossier the invoice bills.
pub(super) fn of_dossier(lines: &[Ligne], numero_externe: Option<&str>) -> Vec<LigneSuivie> {
    let of_it = |ligne: &&Ligne| {
        ligne.numero_dossier.is_none() || ligne.numero_dossier.as_deref() == numero_externe
    };
    lines
        .iter()
        .filter(of_it)
        .filter_map(|ligne| ligne.counted)
        .collect()
}
