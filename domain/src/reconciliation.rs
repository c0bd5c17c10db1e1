//! What is wrong with the money of a dossier, to the cent: due, billed, under review, paid, and each
//! gap with its cause.
//!
//! Of every échéance: `due = paid + under review + awaited + gap`, and the causes of a gap add up to it.

mod ancillary;

use std::ops::AddAssign;

use jiff::civil::Date;
use serde::Serialize;

use crate::echeancier::{Echeance, Echeancier, EtatFacture};
use crate::opco::words;
use crate::payload::NatureLigne;

/// What is known of one dossier.
#[derive(Debug, Clone, Copy)]
pub struct Account<'a> {
    /// The schedule as last read.
    pub echeancier: &'a Echeancier,
    /// Every invoice and credit note that speaks of the dossier, with its lines of this dossier only.
    pub factures: &'a [FactureSuivie],
    /// The OPCO pays the first échéance without an invoice.
    pub auto_echeance_1: bool,
    /// The last day to bill what is open, and from when to warn of it.
    pub lost_after: Option<Limit>,
    /// The present day, in France.
    pub today: Date,
}

/// A last day, and the day from which it is near.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// From when to warn.
    pub warn_on: Date,
    /// The last day.
    pub last: Date,
}

/// An invoice of ours as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactureSuivie {
    /// The CFA's number.
    pub numero: String,
    /// Where it stands at the OPCO; an invoice still on its way is `Transmis`.
    pub etat: EtatFacture,
    /// Its lines of this dossier.
    pub lignes: Vec<LigneSuivie>,
}

/// One line of an invoice of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LigneSuivie {
    /// The échéance it bills.
    pub numero_echeance: i64,
    /// What it pays for.
    pub nature: NatureLigne,
    /// Its amount in cents; negative on a credit note.
    pub cents: i64,
    /// The whole amount of the échéance when it was billed, in cents, where it was kept.
    pub scheduled_cents: Option<i64>,
}

/// Why money is missing, or is there without a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// Open, and nothing was billed.
    NotBilled,
    /// Billed, refused, and not sent again.
    RefusedNotResent,
    /// Billed, and paid in part.
    PaidPartially,
    /// Billed, and the OPCO shows nothing of it.
    BilledUnseen,
    /// Paid or under review, and no invoice of ours is known.
    PaidWithoutInvoice,
    /// The OPCO changed the échéance after it was billed.
    ScheduleChanged,
    /// More was paid or billed than is due.
    Overpaid,
    /// Not billed, and the last day is near or past.
    AboutToBeLost,
}

words!(Cause {
    NotBilled = "not_billed",
    RefusedNotResent = "refused_not_resent",
    PaidPartially = "paid_partially",
    BilledUnseen = "billed_unseen",
    PaidWithoutInvoice = "paid_without_invoice",
    ScheduleChanged = "schedule_changed",
    Overpaid = "overpaid",
    AboutToBeLost = "about_to_be_lost",
});

impl Cause {
    /// Returns what the cause says to people, in French.
    pub fn french(self) -> &'static str {
        match self {
            Self::NotBilled => "échéance ouverte non facturée",
            Self::RefusedNotResent => "facture refusée et non renvoyée",
            Self::PaidPartially => "facture réglée en partie",
            Self::BilledUnseen => "facture envoyée, sans trace chez l'OPCO",
            Self::PaidWithoutInvoice => "réglé ou en instruction sans facture connue",
            Self::ScheduleChanged => "échéancier modifié après facturation",
            Self::Overpaid => "réglé ou en instruction au-delà du montant dû",
            Self::AboutToBeLost => "bientôt perdu : dernier jour de facturation proche ou passé",
        }
    }
}

/// One gap of one échéance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// Why.
    pub cause: Cause,
    /// How much, in cents; negative when there is too much.
    pub cents: i64,
    /// Whether it is a part of the line's gap, and not only worth telling.
    pub counts: bool,
    /// The invoice it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub facture: Option<String>,
    /// The last day to bill.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_day: Option<Date>,
}

/// The money of one échéance, of one dossier, or of many; all in cents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sums {
    /// The whole amount, due or not yet.
    pub scheduled_cents: i64,
    /// What is due by now: open, or already moved.
    pub due_cents: i64,
    /// What our invoices that still count have billed.
    pub billed_cents: i64,
    /// What the OPCO has under review.
    pub under_review_cents: i64,
    /// What the OPCO has paid.
    pub paid_cents: i64,
    /// What the OPCO pays by itself and has not paid yet.
    pub awaited_cents: i64,
    /// What is due and neither paid, nor under review, nor awaited.
    pub gap_cents: i64,
}

impl AddAssign for Sums {
    fn add_assign(&mut self, other: Self) {
        for (into, cents) in [
            (&mut self.scheduled_cents, other.scheduled_cents),
            (&mut self.due_cents, other.due_cents),
            (&mut self.billed_cents, other.billed_cents),
            (&mut self.under_review_cents, other.under_review_cents),
            (&mut self.paid_cents, other.paid_cents),
            (&mut self.awaited_cents, other.awaited_cents),
            (&mut self.gap_cents, other.gap_cents),
        ] {
            *into = into.saturating_add(cents);
        }
    }
}

/// One échéance, reconciled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Its number.
    pub numero: i64,
    /// From when it can be billed.
    pub date_ouverture: Option<Date>,
    /// Its money.
    pub sums: Sums,
    /// Why money is missing; those that count add up to the gap.
    pub gaps: Vec<Gap>,
}

/// One ancillary cost, reconciled as far as the OPCO tells: it says what is granted, and of two
/// natures whether they are settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ancillary {
    /// Which.
    pub nature: NatureLigne,
    /// What the OPCO has granted, in cents.
    pub granted_cents: i64,
    /// What our invoices that still count have billed, in cents.
    pub billed_cents: i64,
    /// What is known to be paid, in cents.
    pub paid_cents: i64,
}

/// The money of one dossier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reconciliation {
    /// Every échéance, by number.
    pub lines: Vec<Line>,
    /// Every ancillary cost granted or billed.
    pub ancillary: Vec<Ancillary>,
    /// The sum of the lines; ancillary costs are apart, since the schedule leaves them out.
    pub sums: Sums,
}

/// Reconciles one dossier.
pub fn reconcile(account: &Account<'_>) -> Reconciliation {
    let told = account.echeancier.echeances.iter();
    let billed = account.factures.iter().flat_map(|facture| &facture.lignes);
    let mut numeros: Vec<i64> = told
        .filter_map(|line| line.numero)
        .chain(billed.map(|ligne| ligne.numero_echeance))
        .collect();
    numeros.sort_unstable();
    numeros.dedup();
    let lines: Vec<Line> = numeros
        .into_iter()
        .map(|numero| line(account, numero))
        .collect();
    let mut sums = Sums::default();
    for line in &lines {
        sums += line.sums;
    }
    Reconciliation {
        lines,
        ancillary: ancillary::of(account),
        sums,
    }
}

/// What our invoices say of one échéance.
#[derive(Default)]
struct Billed<'a> {
    live_cents: i64,
    live: Option<&'a str>,
    refused_cents: i64,
    refused: Option<&'a str>,
    /// The amount of the échéance when it was last billed.
    scheduled_cents: Option<i64>,
}

fn billed<'a>(account: &Account<'a>, numero: i64) -> Billed<'a> {
    let mut sum = Billed::default();
    for facture in account.factures {
        let of_line =
            |ligne: &&LigneSuivie| ligne.numero_echeance == numero && ligne.nature.is_scheduled();
        for ligne in facture.lignes.iter().filter(of_line) {
            match facture.etat {
                EtatFacture::Rejete => {
                    sum.refused_cents = sum.refused_cents.saturating_add(ligne.cents);
                    sum.refused = Some(&facture.numero);
                }
                EtatFacture::Annule => {}
                EtatFacture::Transmis
                | EtatFacture::EnCoursInstruction
                | EtatFacture::RegleEnPartie
                | EtatFacture::Regle
                | EtatFacture::Inconnu => {
                    sum.live_cents = sum.live_cents.saturating_add(ligne.cents);
                    sum.live = Some(&facture.numero);
                    sum.scheduled_cents = ligne.scheduled_cents.or(sum.scheduled_cents);
                }
            }
        }
    }
    sum
}

fn line(account: &Account<'_>, numero: i64) -> Line {
    let told: Vec<&Echeance> = account
        .echeancier
        .echeances
        .iter()
        .filter(|line| line.numero == Some(numero))
        .collect();
    let sum = |of: fn(&Echeance) -> i64| {
        let cents = told.iter().map(|line| of(line));
        cents.fold(0, i64::saturating_add)
    };
    let billed = billed(account, numero);
    let mut sums = Sums {
        scheduled_cents: sum(Echeance::total_cents),
        billed_cents: billed.live_cents,
        under_review_cents: sum(Echeance::under_review_cents),
        paid_cents: sum(Echeance::paid_cents),
        ..Sums::default()
    };
    for line in &told {
        let moved = line.paid_cents().saturating_add(line.under_review_cents());
        let due = if line.is_open(account.today) {
            line.total_cents()
        } else {
            moved
        };
        sums.due_cents = sums.due_cents.saturating_add(due);
    }
    let seen = sums.paid_cents.saturating_add(sums.under_review_cents);
    let left = sums.due_cents.saturating_sub(seen);
    // What the OPCO pays by itself is no gap, whether it has come or not.
    if account.auto_echeance_1 && numero == 1 {
        sums.awaited_cents = left.max(0);
    }
    sums.gap_cents = left.saturating_sub(sums.awaited_cents);
    Line {
        numero,
        date_ouverture: told.iter().filter_map(|line| line.date_ouverture).min(),
        gaps: gaps(account, numero, &sums, &billed),
        sums,
    }
}

fn gaps(account: &Account<'_>, numero: i64, sums: &Sums, billed: &Billed<'_>) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let mut tell = |cause, cents: i64, counts, facture: Option<&str>| {
        if cents != 0 {
            let unbilled = matches!(
                cause,
                Cause::NotBilled | Cause::RefusedNotResent | Cause::AboutToBeLost
            );
            gaps.push(Gap {
                cause,
                cents,
                counts,
                facture: facture.map(str::to_owned),
                last_day: account
                    .lost_after
                    .filter(|_| unbilled)
                    .map(|limit| limit.last),
            });
        }
    };
    let seen = sums.paid_cents.saturating_add(sums.under_review_cents);
    let live = billed.live_cents.max(0);
    let changed = billed
        .scheduled_cents
        .is_some_and(|then| then != sums.scheduled_cents);
    if sums.gap_cents > 0 {
        let untraced = live.saturating_sub(seen).clamp(0, sums.gap_cents);
        let cause = match (changed, sums.paid_cents) {
            (true, _) => Cause::ScheduleChanged,
            (false, 1..) => Cause::PaidPartially,
            (false, _) => Cause::BilledUnseen,
        };
        tell(cause, untraced, true, billed.live);
        let unbilled = sums.gap_cents - untraced;
        let near = account
            .lost_after
            .is_some_and(|limit| account.today >= limit.warn_on);
        let refused = billed.refused_cents.clamp(0, unbilled);
        let of_change = changed && live > 0;
        let (first, rest) = match (near, of_change) {
            (true, _) => (Cause::AboutToBeLost, Cause::AboutToBeLost),
            (false, true) => (Cause::RefusedNotResent, Cause::ScheduleChanged),
            (false, false) => (Cause::RefusedNotResent, Cause::NotBilled),
        };
        tell(first, refused, true, billed.refused);
        tell(rest, unbilled - refused, true, None);
    } else {
        let cause = if changed {
            Cause::ScheduleChanged
        } else {
            Cause::Overpaid
        };
        tell(cause, sums.gap_cents, true, billed.live);
    }
    let auto = account.auto_echeance_1 && numero == 1;
    if !auto {
        let unexplained = seen.saturating_sub(live).max(0);
        tell(Cause::PaidWithoutInvoice, unexplained, false, None);
    }
    if auto && live > 0 {
        // It is paid once, by itself: an invoice of it will be refused or paid twice.
        tell(Cause::Overpaid, live, false, billed.live);
    }
    if sums.gap_cents == 0 && changed {
        let difference = sums
            .scheduled_cents
            .saturating_sub(billed.scheduled_cents.unwrap_or_default());
        tell(Cause::ScheduleChanged, difference, false, billed.live);
    }
    gaps
}

#[cfg(test)]
mod tests;
