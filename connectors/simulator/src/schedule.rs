//! The schedule of payments an OPCO draws up when it commits (protocol §17).

use jiff::civil::{Date, date};
use jiff::{Span, Unit};
use serde::{Deserialize, Serialize};

use crate::settings::Codification;

/// The most years a contract is spread over.
const MOST_YEARS: i32 = 6;
/// The supplement of a disabled apprentice, in cents a year.
const RQTH_CENTS: i32 = 400_000;
/// The least a year mostly at a distance is funded with, in cents.
const REMOTE_FLOOR_CENTS: i32 = 400_000;
/// What the employer of a level 6 or 7 apprentice pays to the CFA itself, in cents.
const EMPLOYER_SHARE_CENTS: i32 = 75_000;
/// The same after the rupture of an earlier contract.
const EMPLOYER_SHARE_AFTER_RUPTURE_CENTS: i32 = 20_000;
/// Months after the end within which the balance is to be invoiced, else it is lost.
const BALANCE_MONTHS: i32 = 4;

/// What of a contract decides its schedule and its deposit number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// First day of the contract.
    pub debut: Date,
    /// Last day.
    pub fin: Date,
    /// The diploma code aimed at.
    pub diplome: u8,
    /// The type of contract.
    pub type_contrat: u8,
    /// Whether 80 % of the training or more is at a distance.
    pub mostly_remote: bool,
    /// Whether the disability supplement is due; never written down.
    #[serde(skip)]
    pub handicap: bool,
    /// Who is paid.
    pub siret_cfa: String,
    /// What the deposit number begins with: department, year and month.
    pub deca_stem: String,
}

/// One instalment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Echeance {
    pub(crate) numero: u32,
    /// How often it was issued again under the same number.
    pub(crate) reissued: u32,
    /// Whether it is the balance of a year, which can be lost.
    pub(crate) balance: bool,
    pub(crate) ouverture: Date,
    /// First and last day of the period it pays; the advance has none.
    pub(crate) periode: Option<(Date, Date)>,
    pub(crate) pedagogie_cents: i32,
    pub(crate) rqth_cents: i32,
}

impl Echeance {
    pub(crate) fn total_cents(&self) -> i32 {
        self.pedagogie_cents.saturating_add(self.rqth_cents)
    }

    /// Returns the label that an invoice must repeat; a line issued again has another one.
    pub(crate) fn codification(&self, style: Codification) -> String {
        let first = match (style, self.numero) {
            (Codification::A, numero) => format!("A{numero}"),
            (Codification::E, numero) => format!("E{numero}"),
            // As one client has seen it (protocol §7).
            (Codification::Bare, 4) => "99".to_owned(),
            (Codification::Bare, numero) => numero.to_string(),
        };
        match self.reissued {
            0 => first,
            count => format!("{first}-{}", count.saturating_add(1)),
        }
    }
}

/// Returns the last day the balance of a contract may be invoiced, where it can be lost.
pub(crate) fn balance_deadline(terms: &Terms, fin: Date) -> Option<Date> {
    (terms.debut >= date(2025, 7, 1))
        .then(|| after(fin, BALANCE_MONTHS))
        .flatten()
}

/// Returns the schedule after a termination: what was invoiced stays as it was, and one line pays
/// what the days until then are worth beyond it (assumed: the protocol is silent).
pub(crate) fn after_rupture(
    terms: &Terms,
    year_cents: i32,
    day: Date,
    invoiced: Vec<Echeance>,
) -> Vec<Echeance> {
    let short = Terms {
        fin: terms.fin.min(day),
        ..terms.clone()
    };
    let due = build(&short, year_cents);
    let sum = |lines: &[Echeance], share: fn(&Echeance) -> i32| {
        lines.iter().map(share).fold(0, i32::saturating_add)
    };
    let left = |share: fn(&Echeance) -> i32| {
        sum(&due, share)
            .saturating_sub(sum(&invoiced, share))
            .max(0)
    };
    let last = invoiced.iter().map(|line| line.numero).max().unwrap_or(0);
    let rest = Echeance {
        numero: last.saturating_add(1),
        reissued: 1,
        balance: false,
        ouverture: day.tomorrow().unwrap_or(day),
        periode: Some((terms.debut.min(day), day)),
        pedagogie_cents: left(|line| line.pedagogie_cents),
        rqth_cents: left(|line| line.rqth_cents),
    };
    let mut lines = invoiced;
    if rest.total_cents() > 0 {
        lines.push(rest);
    }
    lines
}

/// Months after the start of a year of contract, and the share in percent.
type Split = &'static [(i32, i32)];

/// Decrees 2025-585 and 586.
const SINCE_JULY_2025: Split = &[(0, 40), (6, 30), (9, 20), (12, 10)];
/// The protocol leaves the older splits open; this one is assumed.
const BEFORE: Split = &[(0, 50), (6, 25), (9, 25)];

fn after(day: Date, months: i32) -> Option<Date> {
    day.checked_add(Span::new().try_months(months).ok()?).ok()
}

fn days_between(from: Date, to: Date) -> i32 {
    from.until((Unit::Day, to))
        .map_or(0, |span| span.get_days())
}

/// Returns `part / whole` of an amount, rounded down.
fn share(cents: i32, part: i32, whole: i32) -> i32 {
    let exact = i64::from(cents) * i64::from(part) / i64::from(whole.max(1));
    i32::try_from(exact).unwrap_or(i32::MAX)
}

/// Builds the schedule: each year of contract in instalments, the last year by its days.
pub(crate) fn build(terms: &Terms, year_cents: i32) -> Vec<Echeance> {
    let split = if terms.debut >= date(2025, 7, 1) {
        SINCE_JULY_2025
    } else {
        BEFORE
    };
    let year_cents = if terms.mostly_remote {
        share(year_cents, 80, 100).max(REMOTE_FLOOR_CENTS.min(year_cents))
    } else {
        year_cents
    };
    let rqth_cents = if terms.handicap { RQTH_CENTS } else { 0 };
    let mut echeances = Vec::new();
    for year in 0..MOST_YEARS {
        let (Some(start), Some(next)) = (
            after(terms.debut, 12 * year),
            after(terms.debut, 12 * (year + 1)),
        ) else {
            break;
        };
        if start > terms.fin {
            break;
        }
        let end = next.min(terms.fin.tomorrow().unwrap_or(terms.fin));
        let (days, whole) = (days_between(start, end), days_between(start, next));
        let year = Year { start, end, split };
        let due = (
            share(year_cents, days, whole),
            share(rqth_cents, days, whole),
        );
        year.instalments(due, &mut echeances);
    }
    if split == SINCE_JULY_2025 && (60..80).contains(&terms.diplome) {
        let deducted = if terms.type_contrat == 23 {
            EMPLOYER_SHARE_AFTER_RUPTURE_CENTS
        } else {
            EMPLOYER_SHARE_CENTS
        };
        if let Some(first) = echeances.first_mut() {
            first.pedagogie_cents = first.pedagogie_cents.saturating_sub(deducted).max(0);
        }
    }
    echeances
}

/// One year of contract, up to the day before `end`.
struct Year {
    start: Date,
    end: Date,
    split: Split,
}

impl Year {
    fn instalments(&self, (pedagogie, rqth): (i32, i32), echeances: &mut Vec<Echeance>) {
        let mut left = (pedagogie, rqth);
        let mut opened = self.start;
        for (rank, (months, percent)) in self.split.iter().enumerate() {
            let ouverture = after(self.start, *months).unwrap_or(self.end).min(self.end);
            let last = rank + 1 == self.split.len();
            // The last one takes what rounding left.
            let amounts = if last {
                left
            } else {
                (share(pedagogie, *percent, 100), share(rqth, *percent, 100))
            };
            left = (left.0 - amounts.0, left.1 - amounts.1);
            let periode = (ouverture > opened)
                .then(|| {
                    ouverture
                        .yesterday()
                        .ok()
                        .map(|last_day| (opened, last_day))
                })
                .flatten();
            opened = ouverture;
            echeances.push(Echeance {
                numero: u32::try_from(echeances.len() + 1).unwrap_or(u32::MAX),
                reissued: 0,
                balance: last && self.split == SINCE_JULY_2025,
                ouverture,
                periode,
                pedagogie_cents: amounts.0,
                rqth_cents: amounts.1,
            });
        }
    }
}

/// Returns a day as the norm writes it.
pub(crate) fn midnight(day: Date) -> String {
    format!("{day}T00:00:00+00:00")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms() -> Terms {
        Terms {
            debut: date(2026, 9, 1),
            fin: date(2028, 8, 31),
            diplome: 54,
            type_contrat: 11,
            mostly_remote: false,
            handicap: false,
            siret_cfa: "98765432400019".to_owned(),
            deca_stem: "093202609".to_owned(),
        }
    }

    fn totals(terms: &Terms) -> Vec<i32> {
        build(terms, 780_000)
            .iter()
            .map(Echeance::total_cents)
            .collect()
    }

    #[test]
    fn a_line_is_labelled_as_its_opco_does_and_anew_when_it_is_issued_again() {
        let mut line = build(&terms(), 780_000).swap_remove(3);
        let label = |line: &Echeance| {
            [Codification::A, Codification::E, Codification::Bare]
                .map(|style| line.codification(style))
        };
        assert_eq!(label(&line), ["A4", "E4", "99"]);
        line.reissued = 1;
        assert_eq!(label(&line), ["A4-2", "E4-2", "99-2"]);
    }

    #[test]
    fn a_termination_keeps_what_was_invoiced_and_pays_the_days_until_then() {
        let day = date(2027, 1, 15);
        let due = share(780_000, 137, 365);
        let all = after_rupture(&terms(), 780_000, day, Vec::new());
        assert_eq!(all.iter().map(Echeance::total_cents).sum::<i32>(), due);
        let first = build(&terms(), 780_000).swap_remove(0);
        // The advance was more than these days are worth: nothing is left.
        assert!(first.total_cents() > due);
        let kept = after_rupture(&terms(), 780_000, day, vec![first.clone()]);
        assert_eq!(kept, std::slice::from_ref(&first));
        let later = date(2027, 6, 30);
        let two = after_rupture(&terms(), 780_000, later, vec![first]);
        let worth = share(780_000, 303, 365);
        assert_eq!((two.len(), two[1].numero), (2, 2));
        assert_eq!(two.iter().map(Echeance::total_cents).sum::<i32>(), worth);
        assert_eq!(two[1].ouverture, date(2027, 7, 1));
    }

    #[test]
    fn the_balance_of_each_year_can_be_lost_since_the_decrees_only() {
        let balances: Vec<u32> = build(&terms(), 780_000)
            .iter()
            .filter(|line| line.balance)
            .map(|line| line.numero)
            .collect();
        assert_eq!(balances, [4, 8]);
        let terms = terms();
        assert_eq!(
            balance_deadline(&terms, terms.fin),
            Some(date(2028, 12, 31))
        );
        let old = Terms {
            debut: date(2024, 9, 1),
            ..terms
        };
        assert_eq!(balance_deadline(&old, old.fin), None);
    }

    #[test]
    fn a_part_of_a_year_is_paid_by_its_days_and_nothing_is_lost_in_rounding() {
        let short = Terms {
            fin: date(2027, 1, 15),
            ..terms()
        };
        let echeances = build(&short, 780_000);
        let sum: i32 = echeances.iter().map(Echeance::total_cents).sum();
        assert_eq!(sum, share(780_000, 137, 365));
        assert!(
            echeances
                .iter()
                .all(|echeance| echeance.ouverture <= date(2027, 1, 16))
        );
    }

    #[test]
    fn each_supplement_and_deduction_has_its_effect() {
        let plain = totals(&terms());
        let with_rqth = totals(&Terms {
            handicap: true,
            ..terms()
        });
        assert_eq!(with_rqth[0] - plain[0], 160_000);
        assert_eq!(
            plain[0]
                - totals(&Terms {
                    diplome: 73,
                    ..terms()
                })[0],
            75_000
        );
        let again = Terms {
            diplome: 73,
            type_contrat: 23,
            ..terms()
        };
        assert_eq!(plain[0] - totals(&again)[0], 20_000);
        let remote = Terms {
            mostly_remote: true,
            ..terms()
        };
        assert_eq!(totals(&remote)[0], 249_600);
        let floor: i32 = build(&remote, 450_000)
            .iter()
            .take(4)
            .map(Echeance::total_cents)
            .sum();
        assert_eq!(floor, REMOTE_FLOOR_CENTS);
        let old = Terms {
            debut: date(2024, 9, 1),
            fin: date(2025, 8, 31),
            ..terms()
        };
        assert_eq!(totals(&old), [390_000, 195_000, 195_000]);
    }

    #[test]
    fn a_contract_without_end_is_bounded() {
        let endless = Terms {
            fin: Date::MAX,
            ..terms()
        };
        assert_eq!(build(&endless, i32::MAX).len(), 24);
    }
}
