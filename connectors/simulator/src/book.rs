//! What one OPCO holds, in memory, and how it moves with the virtual clock.

mod account;
mod dossier;
mod facture;
mod invoices;
mod pieces;

use std::collections::HashMap;
use std::sync::Arc;

use crate::etat::Etat;
use crate::record::LedgerEntry;
use crate::settings::Progress;

pub use account::Annexes;
#[cfg(test)]
pub(crate) use account::Shares;
pub(crate) use account::{Account, EQUIPMENT_CENTS, MEAL_CENTS, NIGHT_CENTS, Position};
pub use dossier::DossierView;
pub(crate) use dossier::{Dossier, Filing, PairingKey, day_of};
pub(crate) use facture::{Decision, Facture};
pub use facture::{EtatFacture, LigneRetenue};
pub use invoices::FactureView;
pub(crate) use invoices::Invoices;
pub(crate) use pieces::NotTerminated;

/// The first number each OPCO gives: the same for all, as numbers of two OPCOs may be equal.
const FIRST_NUMERO: u64 = 1_000_001;
/// The first number of a stored file.
const FIRST_DOCUMENT: u64 = 770_001;

/// Why a contract was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotFiled {
    Double { numero: String },
    NoInitial,
}

/// What someone orders a dossier to become.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) etat: Etat,
    pub(crate) commentaire: Option<String>,
    pub(crate) force: bool,
}

/// Why an order was not obeyed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Disobeyed {
    NoSuchDossier,
    NoWay(Etat),
}

/// Everything one OPCO holds.
pub(crate) struct Book {
    /// The number the next dossier gets.
    next: u64,
    /// In the order of their numbers.
    dossiers: Vec<Dossier>,
    by_pairing: HashMap<PairingKey, usize>,
    by_owner: HashMap<Arc<str>, Vec<usize>>,
    /// Keys whose dossiers belong to a SIREN.
    owners: HashMap<Arc<str>, Arc<str>>,
    invoices: Invoices,
    /// The number the next stored file gets.
    next_document: u64,
    /// What was accepted besides contracts, in order.
    deeds: Vec<Arc<LedgerEntry>>,
}

impl Book {
    pub(crate) fn new() -> Self {
        Self {
            next: FIRST_NUMERO,
            dossiers: Vec::new(),
            by_pairing: HashMap::new(),
            by_owner: HashMap::new(),
            owners: HashMap::new(),
            invoices: Invoices::default(),
            next_document: FIRST_DOCUMENT,
            deeds: Vec::new(),
        }
    }

    /// Forgets the dossiers; numbers go on, so that the ledger never holds one twice.
    pub(crate) fn clear(&mut self) {
        self.dossiers.clear();
        self.by_pairing.clear();
        self.by_owner.clear();
        self.invoices.clear();
        self.deeds.clear();
    }

    fn owner(&self, key: &Arc<str>) -> Arc<str> {
        self.owners.get(key).unwrap_or(key).clone()
    }

    /// Lets the dossiers of a key belong to a SIREN, with those of its other keys.
    pub(crate) fn assign(&mut self, key: &Arc<str>, siren: &str) {
        let siren: Arc<str> = siren.into();
        let before = self.owners.insert(Arc::clone(key), Arc::clone(&siren));
        if before.is_none()
            && let Some(moved) = self.by_owner.remove(key)
        {
            let list = self.by_owner.entry(Arc::clone(&siren)).or_default();
            list.extend(moved);
            list.sort_unstable();
        }
        if before.is_none() {
            self.invoices.move_owner(key, siren);
        }
    }

    /// Takes a contract; it shows once [`Book::confirm`] is called.
    pub(crate) fn file(
        &mut self,
        filing: Filing,
        progress: Progress,
        refuse_doubles: bool,
    ) -> Result<Dossier, NotFiled> {
        let now_ms = filing.virtual_ms;
        let initial = match &filing.amends {
            Some(deca) => {
                let found = self.find_deca(deca, progress.deca_ms, now_ms);
                Some(found.ok_or(NotFiled::NoInitial)?)
            }
            None => None,
        };
        let previous = self.by_pairing.get(&filing.pairing).copied();
        if refuse_doubles && initial.is_none() {
            let alive = self.alive(previous, progress.deca_ms, now_ms);
            if let Some(numero) = alive {
                return Err(NotFiled::Double { numero });
            }
        }
        let rank = self.dossiers.len();
        // At least 1 ms each, so that two states are never one instant.
        let step =
            |from: Option<i64>, ms: Option<u32>| Some(from?.saturating_add(i64::from(ms?.max(1))));
        let instruction_at = step(Some(now_ms), progress.instruction_ms);
        let owner = self.owner(&filing.key);
        self.by_pairing.insert(filing.pairing.clone(), rank);
        self.by_owner.entry(owner).or_default().push(rank);
        let dossier = Dossier {
            numero: self.next,
            filing: Arc::new(filing),
            etat: Etat::Transmis,
            commentaire: String::new(),
            history: vec![(Etat::Transmis, now_ms)],
            rupture: None,
            initial,
            billing: None,
            closed_by_order: false,
            terminating: false,
            instruction_at,
            decision_at: step(instruction_at, progress.decision_ms),
            deca_at: None,
            durable: false,
            previous,
        };
        self.next += 1;
        self.dossiers.push(dossier.clone());
        Ok(dossier)
    }

    /// Returns the number of a dossier of this pairing chain that a new one would double.
    fn alive(&mut self, mut rank: Option<usize>, deca_ms: u32, now_ms: i64) -> Option<String> {
        while let Some(dossier) = rank.and_then(|rank| self.dossiers.get_mut(rank)) {
            dossier.advance(deca_ms, now_ms);
            if !dossier.etat.leaves_room() {
                return Some(dossier.numero_interne());
            }
            rank = dossier.previous;
        }
        None
    }

    fn find_deca(&mut self, deca: &str, deca_ms: u32, now_ms: i64) -> Option<u64> {
        // The number ends the deposit number, so most dossiers are passed over at once.
        let order: u64 = deca.get(deca.len().checked_sub(6)?..)?.parse().ok()?;
        let candidates = self
            .dossiers
            .iter_mut()
            .filter(|dossier| dossier.numero % 1_000_000 == order);
        for dossier in candidates {
            dossier.advance(deca_ms, now_ms);
            if dossier.deca(now_ms).is_some_and(|own| own == deca) {
                return Some(dossier.numero);
            }
        }
        None
    }

    /// Shows a dossier that is in the ledger.
    pub(crate) fn confirm(&mut self, numero: u64) {
        if let Some(dossier) = self
            .rank(numero)
            .and_then(|rank| self.dossiers.get_mut(rank))
        {
            dossier.durable = true;
        }
    }

    /// Takes back a dossier that could not be written down.
    pub(crate) fn withdraw(&mut self, numero: u64) {
        let Some(dossier) = self
            .rank(numero)
            .and_then(|rank| self.dossiers.get_mut(rank))
        else {
            return;
        };
        dossier.etat = Etat::Annule;
    }

    fn rank(&self, numero: u64) -> Option<usize> {
        self.dossiers
            .binary_search_by_key(&numero, |dossier| dossier.numero)
            .ok()
    }

    /// Returns a dossier this key may see.
    pub(crate) fn read(&mut self, key: &Arc<str>, numero: &str, at: Reading) -> Option<Dossier> {
        let rank = self.rank(numero.parse().ok()?)?;
        self.visible(key, rank, at)
    }

    /// Returns the last dossier with this pairing key, if this key may see it.
    pub(crate) fn paired(
        &mut self,
        key: &Arc<str>,
        pairing: &PairingKey,
        at: Reading,
    ) -> Option<Dossier> {
        let mut rank = self.by_pairing.get(pairing).copied();
        while let Some(one) = rank {
            if let Some(dossier) = self.visible(key, one, at) {
                return Some(dossier);
            }
            rank = self.dossiers.get(one)?.previous;
        }
        None
    }

    fn visible(&mut self, key: &Arc<str>, rank: usize, at: Reading) -> Option<Dossier> {
        let owner = self.owner(key);
        let theirs = self.owner(&self.dossiers.get(rank)?.filing.key);
        if theirs != owner {
            return None;
        }
        self.refresh(rank, at);
        let dossier = self.dossiers.get(rank)?;
        dossier.durable.then(|| dossier.clone())
    }

    /// Lets a dossier make the steps whose time has come, its end included: all is paid, or lost.
    fn refresh(&mut self, rank: usize, at: Reading) {
        let Some(dossier) = self.dossiers.get_mut(rank) else {
            return;
        };
        dossier.advance(at.deca_ms, at.now_ms);
        if !matches!(dossier.etat, Etat::Engage | Etat::Rupture) || !dossier.is_invoiced() {
            return;
        }
        let account = self.account_of(rank, at);
        let closed = account.and_then(|account| account.closed_since(day_of(at.now_ms)));
        if let (Some(since), Some(dossier)) = (closed, self.dossiers.get_mut(rank)) {
            // Never in the same instant as the state before.
            let last = dossier.history.last().map_or(i64::MIN, |(_, at)| *at);
            dossier.enter(Etat::Solde, since.max(last.saturating_add(1)), at.deca_ms);
        }
    }

    fn account_of(&self, rank: usize, at: Reading) -> Option<Account> {
        let dossier = self.dossiers.get(rank)?;
        let ranks = dossier.billing.iter().flat_map(|billing| &billing.factures);
        let factures = ranks.filter_map(|rank| self.invoices.get(*rank));
        Some(Account::of(dossier, factures, at))
    }

    /// Returns the money of a dossier that has a schedule.
    pub(crate) fn account(&self, numero: u64, at: Reading) -> Option<Account> {
        let rank = self.rank(numero)?;
        let dossier = self.dossiers.get(rank)?;
        dossier.etat.has_schedule().then_some(())?;
        self.account_of(rank, at)
    }

    /// Returns the dossier with this business number, if this key may see it.
    pub(crate) fn by_externe(
        &mut self,
        key: &Arc<str>,
        externe: &str,
        at: Reading,
    ) -> Option<Dossier> {
        // It ends with the technical number's last seven digits.
        let end: u64 = externe.rsplit_once('-')?.1.parse().ok()?;
        let mut numero = end;
        while numero < self.next {
            let rank = self.rank(numero);
            if let Some(dossier) = rank.and_then(|rank| self.visible(key, rank, at))
                && dossier.numero_externe() == externe
            {
                return Some(dossier);
            }
            numero = numero.saturating_add(10_000_000);
        }
        None
    }

    /// Returns whether this key has filed for that CFA.
    pub(crate) fn knows_siret(&self, key: &Arc<str>, siret: &str) -> bool {
        let owned = self.by_owner.get(&self.owner(key));
        let mut dossiers = owned
            .into_iter()
            .flatten()
            .filter_map(|rank| self.dossiers.get(*rank));
        dossiers.any(|dossier| dossier.filing.terms.siret_cfa == siret)
    }

    /// Shows every dossier of a key in turn, from the `skip`th, and returns how many there are.
    pub(crate) fn list(
        &mut self,
        key: &Arc<str>,
        at: Reading,
        (skip, take): (usize, usize),
        mut show: impl FnMut(&Dossier),
    ) -> usize {
        let owner = self.owner(key);
        let (mut total, mut shown) = (0_usize, Vec::new());
        for rank in self.by_owner.get(&owner).into_iter().flatten() {
            if !self.dossiers.get(*rank).is_some_and(|one| one.durable) {
                continue;
            }
            if total >= skip && total - skip < take {
                shown.push(*rank);
            }
            total += 1;
        }
        for rank in shown {
            self.refresh(rank, at);
            if let Some(dossier) = self.dossiers.get(rank) {
                show(dossier);
            }
        }
        total
    }

    /// Shows every dossier, whoever filed it.
    pub(crate) fn every(&mut self, at: Reading, mut show: impl FnMut(&Dossier)) {
        for rank in 0..self.dossiers.len() {
            self.refresh(rank, at);
            if let Some(dossier) = self.dossiers.get(rank).filter(|one| one.durable) {
                show(dossier);
            }
        }
    }

    /// Puts a dossier in another state.
    pub(crate) fn order(
        &mut self,
        numero: &str,
        order: Order,
        progress: Progress,
        at: Reading,
    ) -> Result<(), Disobeyed> {
        let now_ms = at.now_ms;
        let rank = numero.parse().ok().and_then(|numero| self.rank(numero));
        let rank = rank.ok_or(Disobeyed::NoSuchDossier)?;
        self.refresh(rank, at);
        let broken = (order.etat == Etat::Rupture)
            .then(|| self.broken_schedule(rank, day_of(now_ms), at))
            .flatten();
        let dossier = self
            .dossiers
            .get_mut(rank)
            .filter(|dossier| dossier.durable)
            .ok_or(Disobeyed::NoSuchDossier)?;
        if !order.force && !dossier.etat.leads_to(order.etat) {
            return Err(Disobeyed::NoWay(dossier.etat));
        }
        // Never in the same instant as the state before.
        let last = dossier.history.last().map_or(i64::MIN, |(_, at)| *at);
        let at = now_ms.max(last.saturating_add(1));
        dossier.instruction_at = None;
        dossier.decision_at = (order.etat == Etat::EnCoursInstruction)
            .then(|| Some(at.saturating_add(i64::from(progress.decision_ms?.max(1)))))
            .flatten();
        if order.etat == Etat::Rupture {
            dossier.rupture = Some(day_of(at));
            dossier.billing_mut().schedule = broken;
        }
        dossier.closed_by_order = order.etat == Etat::Solde;
        if let Some(commentaire) = order.commentaire {
            dossier.commentaire = commentaire;
        }
        dossier.enter(order.etat, at, progress.deca_ms);
        Ok(())
    }

    /// Takes back a contract of an earlier run; to be called in the order of the numbers.
    pub(crate) fn restore(&mut self, numero: u64, filing: Filing, progress: Progress) {
        self.next = self.next.max(numero);
        if let Ok(dossier) = self.file(filing, progress, false) {
            self.confirm(dossier.numero);
        }
    }
}

/// When a dossier is looked at, and by which of the OPCO's settings.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    pub(crate) now_ms: i64,
    pub(crate) deca_ms: u32,
    pub(crate) tariff: Tariff,
}

/// What an OPCO pays, and when by itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tariff {
    pub(crate) year_cents: i32,
    /// How long after the commitment it pays the first échéance by itself, if it does.
    pub(crate) pays_first_ms: Option<u32>,
}

#[cfg(test)]
mod tests;
