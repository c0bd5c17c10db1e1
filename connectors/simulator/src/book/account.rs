//! The money of one dossier at an instant: what is due, under review and paid.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::facture::{EtatFacture, Facture};
use super::{Dossier, Reading};
use crate::etat::Etat;
use crate::nature::{ANNEXES, Nature};
use crate::schedule::{self, Echeance};

/// The ancillary costs granted, in cents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Annexes {
    /// How many meals.
    pub repas: i32,
    /// How many nights.
    pub nuits: i32,
    /// First equipment.
    pub equipement_cents: i32,
    /// International mobility.
    pub mobilite_cents: i32,
}

/// What a meal and a night are funded with at most, in cents (protocol §17).
pub(crate) const MEAL_CENTS: i32 = 300;
pub(crate) const NIGHT_CENTS: i32 = 600;
/// First equipment, at most.
pub(crate) const EQUIPMENT_CENTS: i32 = 50_000;

impl Default for Annexes {
    /// What is granted as long as no agreement has come: what the protocol's sample grants.
    fn default() -> Self {
        Self {
            repas: 100,
            nuits: 0,
            equipement_cents: EQUIPMENT_CENTS,
            mobilite_cents: 0,
        }
    }
}

impl Annexes {
    pub(crate) fn cents(self, nature: Nature) -> i32 {
        match nature {
            Nature::Restauration => self.repas.saturating_mul(MEAL_CENTS),
            Nature::Hebergement => self.nuits.saturating_mul(NIGHT_CENTS),
            Nature::PremierEquipement => self.equipement_cents,
            Nature::Mobilite => self.mobilite_cents,
            Nature::Pedagogie | Nature::MajorationRqth => 0,
        }
    }
}

/// Tuition and disability supplement, in cents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Shares {
    pub(crate) pedagogie: i32,
    pub(crate) rqth: i32,
}

impl Shares {
    fn add(&mut self, nature: Nature, cents: i32) {
        match nature {
            Nature::Pedagogie => self.pedagogie = self.pedagogie.saturating_add(cents),
            Nature::MajorationRqth => self.rqth = self.rqth.saturating_add(cents),
            _ => {}
        }
    }

    pub(crate) fn sum(self) -> i32 {
        self.pedagogie.saturating_add(self.rqth)
    }
}

/// One line of the schedule and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) echeance: Echeance,
    pub(crate) paid: Shares,
    pub(crate) review: Shares,
    pub(crate) last_paid_ms: Option<i64>,
    /// The last day it can be invoiced, if there is one.
    pub(crate) deadline: Option<Date>,
}

impl Position {
    /// Returns what can still be invoiced.
    pub(crate) fn left(&self) -> Shares {
        let left = |total: i32, paid: i32, review: i32| {
            total.saturating_sub(paid).saturating_sub(review).max(0)
        };
        Shares {
            pedagogie: left(
                self.echeance.pedagogie_cents,
                self.paid.pedagogie,
                self.review.pedagogie,
            ),
            rqth: left(self.echeance.rqth_cents, self.paid.rqth, self.review.rqth),
        }
    }

    /// Returns whether it was not invoiced in time.
    pub(crate) fn is_lost(&self, today: Date) -> bool {
        self.deadline.is_some_and(|last| last < today) && self.left().sum() > 0
    }
}

/// The money of one dossier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) positions: Vec<Position>,
    pub(crate) granted: Annexes,
    /// Ancillary costs invoiced and not refused, by nature, and in which échéance.
    pub(crate) billed: BTreeMap<Nature, i32>,
    pub(crate) settled: Vec<Nature>,
    pub(crate) periods: Vec<(u32, Nature)>,
    pub(crate) open_invoices: usize,
}

impl Account {
    /// Draws up the account of a dossier that has a schedule.
    pub(crate) fn of<'a>(
        dossier: &Dossier,
        factures: impl Iterator<Item = &'a Facture>,
        at: Reading,
    ) -> Self {
        let mut account = Self::opened(dossier, at);
        account.pay_first(dossier, at);
        for facture in factures {
            account.enter(facture, dossier.numero, at.now_ms);
        }
        if dossier.closed_by_order {
            for position in &mut account.positions {
                position.paid = Shares {
                    pedagogie: position.echeance.pedagogie_cents,
                    rqth: position.echeance.rqth_cents,
                };
                position.review = Shares::default();
            }
            account.settled = ANNEXES.to_vec();
        }
        account
    }

    fn opened(dossier: &Dossier, at: Reading) -> Self {
        let terms = &dossier.filing.terms;
        let billing = dossier.billing.as_deref();
        let lines = match billing.and_then(|billing| billing.schedule.clone()) {
            Some(lines) => lines,
            None => schedule::build(terms, at.tariff.year_cents),
        };
        let lines = lines.into_iter().map(|mut line| {
            let again = billing.and_then(|billing| billing.reissued.get(&line.numero));
            line.reissued = line.reissued.saturating_add(again.copied().unwrap_or(0));
            line
        });
        let fin = dossier.rupture.map_or(terms.fin, |day| day.min(terms.fin));
        let deadline = schedule::balance_deadline(terms, fin);
        let position = |echeance: Echeance| Position {
            deadline: deadline.filter(|_| echeance.balance),
            echeance,
            paid: Shares::default(),
            review: Shares::default(),
            last_paid_ms: None,
        };
        Self {
            positions: lines.map(position).collect(),
            granted: billing
                .and_then(|billing| billing.granted)
                .unwrap_or_default(),
            billed: BTreeMap::new(),
            settled: Vec::new(),
            periods: Vec::new(),
            open_invoices: 0,
        }
    }

    /// Pays the first échéance of an OPCO that does it without an invoice.
    fn pay_first(&mut self, dossier: &Dossier, at: Reading) {
        let Some(wait_ms) = at.tariff.pays_first_ms else {
            return;
        };
        let engaged = dossier
            .history
            .iter()
            .find_map(|(etat, at)| (*etat == Etat::Engage).then_some(*at));
        let due = engaged.map(|engaged| engaged.saturating_add(i64::from(wait_ms)));
        if let (Some(due), Some(first)) = (due, self.positions.first_mut()) {
            let amounts = Shares {
                pedagogie: first.echeance.pedagogie_cents,
                rqth: first.echeance.rqth_cents,
            };
            // It is on its way from the commitment on, so that no invoice can ask for it too.
            if due <= at.now_ms {
                first.paid = amounts;
                first.last_paid_ms = Some(due);
            } else {
                first.review = amounts;
            }
        }
    }

    fn enter(&mut self, facture: &Facture, dossier: u64, now_ms: i64) {
        let etat = facture.etat(now_ms);
        self.open_invoices += usize::from(!etat.is_final());
        if matches!(etat, EtatFacture::Rejete | EtatFacture::Annule) || facture.netted {
            return;
        }
        for ligne in facture.lignes.iter().filter(|one| one.dossier == dossier) {
            let paid_ms = facture.paid_ms(ligne.nature, now_ms);
            if ligne.nature.is_annexe() {
                let billed = self.billed.entry(ligne.nature).or_default();
                *billed = billed.saturating_add(ligne.cents);
                if paid_ms.is_some() && ligne.cents > 0 {
                    self.settled.push(ligne.nature);
                }
                self.periods.push((ligne.echeance, ligne.nature));
                continue;
            }
            let position = self
                .positions
                .iter_mut()
                .find(|position| position.echeance.numero == ligne.echeance);
            let Some(position) = position else { continue };
            match paid_ms {
                Some(at) => {
                    position.paid.add(ligne.nature, ligne.cents);
                    position.last_paid_ms = position.last_paid_ms.max(Some(at));
                }
                // A credit note takes nothing back before it is settled.
                None if ligne.cents > 0 => position.review.add(ligne.nature, ligne.cents),
                None => {}
            }
        }
    }

    pub(crate) fn position(&self, numero: u32) -> Option<&Position> {
        self.positions
            .iter()
            .find(|position| position.echeance.numero == numero)
    }

    /// Returns what the OPCO has committed for tuition and supplement.
    pub(crate) fn total_cents(&self) -> i32 {
        let totals = self.positions.iter().map(|one| one.echeance.total_cents());
        totals.fold(0, i32::saturating_add)
    }

    /// Returns since when nothing is left to pay: all is paid, or lost.
    pub(crate) fn closed_since(&self, today: Date) -> Option<i64> {
        if self.open_invoices > 0 {
            return None;
        }
        let closed = |position: &Position| {
            let paid = position.left().sum() == 0 && position.review.sum() == 0;
            if paid {
                return Some(position.last_paid_ms.unwrap_or(i64::MIN));
            }
            let over = position.deadline.filter(|_| position.is_lost(today))?;
            Some(super::dossier::midnight_ms(over.tomorrow().ok()?))
        };
        let all: Option<Vec<i64>> = self.positions.iter().map(closed).collect();
        all?.into_iter().max()
    }
}
