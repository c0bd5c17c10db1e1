//! What comes for a dossier besides its contract and its invoices.

use std::sync::Arc;

use jiff::civil::Date;

use super::account::Annexes;
use super::{Account, Book, Dossier, Facture, Reading};
use crate::etat::Etat;
use crate::record::{Kind, LedgerEntry, Retained};
use crate::schedule::{self, Echeance};
use crate::settings::Payment;

/// Why a termination was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotTerminated {
    /// There is one already, or the dossier is closed.
    Closed,
    /// The dossier is not committed yet.
    NotEngaged,
}

impl Book {
    /// Gives the number of a stored file.
    pub(crate) fn number_document(&mut self) -> String {
        let numero = self.next_document;
        self.next_document += 1;
        numero.to_string()
    }

    /// Remembers what was accepted, once it is in the ledger.
    pub(crate) fn remember(&mut self, entry: LedgerEntry) {
        self.deeds.push(Arc::new(entry));
    }

    /// Returns what was accepted besides contracts, in order.
    pub(crate) fn deeds(&self) -> &[Arc<LedgerEntry>] {
        &self.deeds
    }

    fn dossier_mut(&mut self, numero: u64) -> Option<&mut Dossier> {
        let rank = self.rank(numero)?;
        self.dossiers.get_mut(rank)
    }

    /// Grants what an agreement asks for.
    pub(crate) fn grant(&mut self, numero: u64, annexes: Annexes) {
        if let Some(dossier) = self.dossier_mut(numero) {
            dossier.billing_mut().granted = Some(annexes);
        }
    }

    /// Takes a certificate for one échéance of a dossier, or for all of it.
    pub(crate) fn certify_dossier(&mut self, numero: u64, echeance: Option<u32>, now_ms: i64) {
        let Some(dossier) = self.dossier_mut(numero) else {
            return;
        };
        let billing = dossier.billing_mut();
        billing.certified.extend(echeance);
        let waiting = billing.factures.clone();
        for rank in waiting {
            let concerned = self.invoices.get(rank).is_some_and(|facture| {
                facture
                    .lignes
                    .iter()
                    .any(|one| one.dossier == numero && echeance.is_none_or(|e| e == one.echeance))
            });
            if concerned {
                self.certify(rank, now_ms);
            }
        }
    }

    /// Takes a certificate for one invoice.
    pub(crate) fn certify_facture(&mut self, key: &Arc<str>, numero: &str, now_ms: i64) {
        if let Some(rank) = self.own_facture(key, numero) {
            self.certify(rank, now_ms);
        }
    }

    /// Issues a line of a schedule again: the same number, another label. Returns whether there is
    /// such a line.
    pub(crate) fn reissue(&mut self, numero: u64, echeance: u32, at: Reading) -> bool {
        let known = self
            .account(numero, at)
            .is_some_and(|account| account.position(echeance).is_some());
        if known && let Some(dossier) = self.dossier_mut(numero) {
            *dossier.billing_mut().reissued.entry(echeance).or_default() += 1;
        }
        known
    }

    /// Issues the first line again that nobody has invoiced yet.
    pub(crate) fn reissue_next(&mut self, numero: u64, at: Reading) {
        let untouched = self.account(numero, at).and_then(|account| {
            let mut lines = account.positions.iter();
            let line = lines.find(|line| line.paid.sum() == 0 && line.review.sum() == 0)?;
            Some(line.echeance.numero)
        });
        if let Some(echeance) = untouched {
            self.reissue(numero, echeance, at);
        }
    }

    /// Keeps a dossier for the termination that is being written down.
    pub(crate) fn begin_termination(&mut self, numero: u64) -> Result<(), NotTerminated> {
        let dossier = self.dossier_mut(numero).ok_or(NotTerminated::Closed)?;
        match dossier.etat {
            _ if dossier.terminating => return Err(NotTerminated::Closed),
            Etat::Engage => dossier.terminating = true,
            Etat::Transmis | Etat::EnCoursInstruction => return Err(NotTerminated::NotEngaged),
            Etat::Rupture | Etat::Refuse | Etat::Annule | Etat::Solde => {
                return Err(NotTerminated::Closed);
            }
        }
        Ok(())
    }

    /// Terminates a dossier, or lets go of it when `day` is absent.
    pub(crate) fn end_termination(&mut self, numero: u64, day: Option<Date>, at: Reading) {
        let broken = day.and_then(|day| self.broken_schedule(self.rank(numero)?, day, at));
        let Some(dossier) = self.dossier_mut(numero) else {
            return;
        };
        dossier.terminating = false;
        let Some(day) = day else { return };
        dossier.rupture = Some(day);
        dossier.billing_mut().schedule = broken;
        let last = dossier.history.last().map_or(i64::MIN, |(_, at)| *at);
        let now_ms = at.now_ms.max(last.saturating_add(1));
        dossier.enter(Etat::Rupture, now_ms, at.deca_ms);
    }

    /// Returns the schedule of a dossier that ends early.
    pub(super) fn broken_schedule(
        &self,
        rank: usize,
        day: Date,
        at: Reading,
    ) -> Option<Vec<Echeance>> {
        let terms = &self.dossiers.get(rank)?.filing.terms;
        let account: Account = self.account_of(rank, at)?;
        let invoiced = account.positions.into_iter().filter_map(|position| {
            let (paid, review) = (position.paid, position.review);
            let line = Echeance {
                // What was issued again is counted with the dossier.
                reissued: 0,
                pedagogie_cents: paid.pedagogie.saturating_add(review.pedagogie),
                rqth_cents: paid.rqth.saturating_add(review.rqth),
                ..position.echeance
            };
            (line.total_cents() > 0).then_some(line)
        });
        let year_cents = at.tariff.year_cents;
        let lines = schedule::after_rupture(terms, year_cents, day, invoiced.collect());
        Some(lines)
    }

    /// Takes back something of an earlier run that was no contract.
    pub(crate) fn recall(
        &mut self,
        entry: LedgerEntry,
        (iban, pace): (String, Payment),
        at: Reading,
    ) {
        let own: Option<u64> = entry.numero_interne.parse().ok();
        let dossiers = entry
            .dossiers
            .iter()
            .filter_map(|numero| numero.parse().ok());
        let dossiers: Vec<u64> = dossiers.collect();
        let stored = matches!(
            entry.kind,
            Kind::Convention | Kind::Document | Kind::Certificat
        );
        if let Some(numero) = own.filter(|_| stored) {
            self.next_document = self.next_document.max(numero.saturating_add(1));
        }
        // So that a dossier has the state it had when this came.
        for rank in dossiers
            .iter()
            .filter_map(|numero| self.rank(*numero))
            .collect::<Vec<_>>()
        {
            self.refresh(rank, at);
        }
        match entry.retained.clone() {
            None => {}
            Some(Retained::Granted(annexes)) => {
                for numero in dossiers {
                    self.grant(numero, annexes);
                }
            }
            Some(Retained::Certified(echeance)) => {
                for numero in dossiers {
                    self.certify_dossier(numero, echeance, entry.virtual_ms);
                }
            }
            Some(Retained::Terminated(day)) => {
                for numero in dossiers {
                    self.end_termination(numero, Some(day), at);
                }
            }
            Some(Retained::Invoiced {
                siret,
                reference,
                lignes,
                certified,
                origine,
                netted,
            }) => {
                let found = origine.and_then(|origine| self.facture_by_reference(&siret, &origine));
                let origine = found.map(|(rank, _)| rank);
                let facture = Facture {
                    numero: 0,
                    reference,
                    siret,
                    iban,
                    key: entry.key.as_str().into(),
                    lignes,
                    accepted_ms: entry.virtual_ms,
                    pace,
                    certified_ms: certified.then_some(entry.virtual_ms),
                    partial: false,
                    late_refusal: None,
                    decision: None,
                    origine,
                    netted,
                    durable: false,
                };
                self.restore_facture(own.unwrap_or(0), facture, at);
                // A number for the file of each invoice was given too.
                self.next_document = self.next_document.saturating_add(1);
            }
        }
        self.remember(entry);
    }

    /// Returns whether an échéance has the certificate its payment waits for.
    pub(crate) fn is_certified(&self, numero: u64, echeance: u32) -> bool {
        let dossier = self.rank(numero).and_then(|rank| self.dossiers.get(rank));
        let billing = dossier.and_then(|dossier| dossier.billing.as_deref());
        billing.is_some_and(|billing| billing.certified.contains(&echeance))
    }
}
