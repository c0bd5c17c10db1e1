//! The days that count in the life of a dossier: each with the day it falls on, the day from which to
//! warn, and a stable code.
//!
//! Working days are those of [`crate::calendar`]: Saturdays count, the holidays of Alsace-Moselle are
//! left out, which only ever warns a little early there.

use jiff::ToSpan;
use jiff::civil::{Date, date};

use crate::calendar;
use crate::echeancier::Echeance;
use crate::opco::words;
use crate::reconciliation::Limit;

/// The first day of conclusion under the decrees 2025-585 and 2025-586.
pub const REFORM: Date = date(2025, 7, 1);
/// Working days the CFA has to send a contract once it has begun.
pub const DAYS_TO_SEND: u32 = 5;
/// Days an OPCO has to decide on a complete file; its silence is a refusal.
pub const DAYS_OF_SILENCE: i32 = 20;
/// Months after the end of a contract to bill what is left of it.
pub const MONTHS_TO_BILL: i32 = 4;

/// Working days before the last day to send from which to warn.
const WARN_TO_SEND: u32 = 2;
/// Days of silence from which to warn (VEI-001).
const WARN_SILENCE: i32 = 15;
/// Days before an opening or a closing from which to tell.
const WARN_OPENING: i32 = 7;
const WARN_CLOSING: i32 = 30;

/// How many days before the last day of a CFA key it is told; then once more when that day has passed.
pub const KEY_DAYS_AHEAD: [i32; 4] = [60, 30, 7, 1];

/// Returns which of the tellings of a key's end is due on a day, as [`KEY_DAYS_AHEAD`] names it and 0 for
/// the end itself, and how many days are left; none while the end is far.
pub fn key_end(last_day: Date, today: Date) -> Option<(i32, i32)> {
    let left = today.until(last_day).ok()?.get_days();
    if left < 0 {
        return Some((0, left));
    }
    let mut ahead = KEY_DAYS_AHEAD.into_iter().rev();
    Some((ahead.find(|days| left <= *days)?, left))
}

/// What falls on the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Countdown {
    /// The last day to send the contract: five working days after it starts.
    ContractToSend,
    /// Twenty days without a decision on a complete file: it is refused by silence.
    OpcoSilence,
    /// An échéance opens to billing.
    EcheanceOpens,
    /// The last day to bill an échéance.
    EcheanceCloses,
    /// The last day to send the final invoice and its certificate: four months after the end.
    BalanceLost,
}

words!(Countdown {
    ContractToSend = "contract_to_send",
    OpcoSilence = "opco_silence",
    EcheanceOpens = "echeance_opens",
    EcheanceCloses = "echeance_closes",
    BalanceLost = "balance_lost",
});

impl Countdown {
    /// Returns what falls on the day, in French.
    pub fn french(self) -> &'static str {
        match self {
            Self::ContractToSend => "Dernier jour pour transmettre le contrat (5 jours ouvrables).",
            Self::OpcoSilence => {
                "Silence de l'OPCO pendant 20 jours : le dossier est réputé refusé."
            }
            Self::EcheanceOpens => "L'échéance s'ouvre à la facturation.",
            Self::EcheanceCloses => "Dernier jour pour facturer l'échéance.",
            Self::BalanceLost => {
                "Dernier jour pour la facture et le certificat finals : au-delà de 4 mois après la \
                 fin du contrat, le solde n'est plus dû."
            }
        }
    }
}

/// A day that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    /// What falls on it.
    pub countdown: Countdown,
    /// The échéance it is about.
    pub numero_echeance: Option<i64>,
    /// From when to warn.
    pub warn_on: Date,
    /// The day itself. An opening counts from that day on; any other is the last day to act.
    pub date: Date,
}

/// Where a deadline stands on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Nearness {
    /// Nothing to say yet.
    Far,
    /// The warning is due.
    Near,
    /// The event is due: the opening has come, or the last day has passed.
    Due,
}

words!(Nearness { Far = "far", Near = "near", Due = "due" });

impl Deadline {
    /// Returns where it stands on a day.
    pub fn on(&self, today: Date) -> Nearness {
        let due = match self.countdown {
            Countdown::EcheanceOpens => today >= self.date,
            Countdown::ContractToSend
            | Countdown::OpcoSilence
            | Countdown::EcheanceCloses
            | Countdown::BalanceLost => today > self.date,
        };
        if due {
            Nearness::Due
        } else if today >= self.warn_on {
            Nearness::Near
        } else {
            Nearness::Far
        }
    }

    /// Returns the day on which its event is due.
    pub fn due_on(&self) -> Date {
        match self.countdown {
            Countdown::EcheanceOpens => self.date,
            Countdown::ContractToSend
            | Countdown::OpcoSilence
            | Countdown::EcheanceCloses
            | Countdown::BalanceLost => self.date.tomorrow().unwrap_or(Date::MAX),
        }
    }

    /// Returns it as the limit of a reconciliation.
    pub fn limit(&self) -> Limit {
        Limit {
            warn_on: self.warn_on,
            last: self.date,
        }
    }
}

/// Returns the last day to send a contract that starts on a day.
pub fn contract_to_send(start: Date) -> Deadline {
    let date = calendar::working_days_after(start, DAYS_TO_SEND);
    Deadline {
        countdown: Countdown::ContractToSend,
        numero_echeance: None,
        warn_on: calendar::working_days_before(date, WARN_TO_SEND),
        date,
    }
}

/// Returns the last day of the OPCO to decide on a file that was complete on a day.
pub fn opco_silence(complete_on: Date) -> Deadline {
    Deadline {
        countdown: Countdown::OpcoSilence,
        numero_echeance: None,
        warn_on: days_after(complete_on, WARN_SILENCE),
        date: days_after(complete_on, DAYS_OF_SILENCE),
    }
}

/// Returns the day an échéance opens; nothing while the OPCO gives none, or once it is settled.
pub fn echeance_opens(echeance: &Echeance) -> Option<Deadline> {
    let date = echeance.date_ouverture?;
    (echeance.left_cents() > 0).then(|| Deadline {
        countdown: Countdown::EcheanceOpens,
        numero_echeance: echeance.numero,
        warn_on: days_before(date, WARN_OPENING),
        date,
    })
}

/// Returns the last day to bill an échéance that has something left, of a contract under the decrees
/// of 2025. `end` is the last day of the contract, the early one when it was terminated.
pub fn echeance_closes(echeance: &Echeance, concluded: Date, end: Date) -> Option<Deadline> {
    let balance = balance_lost(concluded, end)?;
    (echeance.left_cents() > 0).then_some(Deadline {
        countdown: Countdown::EcheanceCloses,
        numero_echeance: echeance.numero,
        ..balance
    })
}

/// Returns the last day to send the final invoice and its certificate, of a contract under the
/// decrees of 2025.
pub fn balance_lost(concluded: Date, end: Date) -> Option<Deadline> {
    let date = calendar::months_after(end, MONTHS_TO_BILL);
    (concluded >= REFORM).then(|| Deadline {
        countdown: Countdown::BalanceLost,
        numero_echeance: None,
        warn_on: days_before(date, WARN_CLOSING),
        date,
    })
}

fn days_after(day: Date, days: i32) -> Date {
    day.checked_add(days.days()).unwrap_or(Date::MAX)
}

fn days_before(day: Date, days: i32) -> Date {
    day.checked_sub(days.days()).unwrap_or(Date::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::form::Montant;

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    fn line(total: i64) -> Echeance {
        Echeance {
            numero: Some(2),
            date_ouverture: Some(day("2027-03-01")),
            montant_total: Some(Montant { cents: total }),
            ..Echeance::default()
        }
    }

    #[test]
    fn a_contract_is_due_five_working_days_after_its_start() {
        let due = contract_to_send(day("2026-11-09"));
        assert_eq!(
            (due.date, due.warn_on),
            (day("2026-11-16"), day("2026-11-13"))
        );
        assert_eq!(due.on(day("2026-11-12")), Nearness::Far);
        assert_eq!(due.on(day("2026-11-13")), Nearness::Near);
        assert_eq!(due.on(day("2026-11-16")), Nearness::Near);
        assert_eq!(due.on(day("2026-11-17")), Nearness::Due);
        assert_eq!(due.due_on(), day("2026-11-17"));
    }

    #[test]
    fn silence_is_told_at_fifteen_days_and_counts_after_twenty() {
        let silence = opco_silence(day("2026-11-02"));
        assert_eq!(
            (silence.warn_on, silence.date),
            (day("2026-11-17"), day("2026-11-22"))
        );
        assert_eq!(silence.on(day("2026-11-22")), Nearness::Near);
        assert_eq!(silence.on(day("2026-11-23")), Nearness::Due);
    }

    #[test]
    fn an_opening_counts_from_its_own_day() {
        let opens = echeance_opens(&line(100)).unwrap();
        assert_eq!(
            (opens.numero_echeance, opens.warn_on),
            (Some(2), day("2027-02-22"))
        );
        assert_eq!(opens.on(day("2027-02-28")), Nearness::Near);
        assert_eq!(opens.on(day("2027-03-01")), Nearness::Due);
        assert_eq!(opens.due_on(), day("2027-03-01"));
        assert_eq!(echeance_opens(&line(0)), None);
    }

    #[test]
    fn the_balance_is_lost_four_months_after_the_end_since_the_reform() {
        let (concluded, end) = (day("2026-08-20"), day("2028-08-31"));
        let lost = balance_lost(concluded, end).unwrap();
        assert_eq!(
            (lost.warn_on, lost.date),
            (day("2028-12-01"), day("2028-12-31"))
        );
        assert_eq!(balance_lost(day("2025-06-30"), end), None);
        let closes = echeance_closes(&line(100), concluded, end).unwrap();
        assert_eq!(
            (closes.countdown, closes.date),
            (Countdown::EcheanceCloses, lost.date)
        );
        assert_eq!(echeance_closes(&line(0), concluded, end), None);
        assert_eq!(
            lost.limit(),
            Limit {
                warn_on: lost.warn_on,
                last: lost.date
            }
        );
    }

    #[test]
    fn the_end_of_a_key_is_told_ever_closer_and_once_it_has_passed() {
        let last = day("2026-09-30");
        for (today, told) in [
            ("2026-07-31", None),
            ("2026-08-01", Some((60, 60))),
            ("2026-08-30", Some((60, 31))),
            ("2026-08-31", Some((30, 30))),
            ("2026-09-22", Some((30, 8))),
            ("2026-09-23", Some((7, 7))),
            ("2026-09-29", Some((1, 1))),
            ("2026-09-30", Some((1, 0))),
            ("2026-10-01", Some((0, -1))),
            ("2027-10-01", Some((0, -366))),
        ] {
            assert_eq!(key_end(last, day(today)), told, "{today}");
        }
    }

    #[test]
    fn no_day_of_the_calendar_panics() {
        for day in [Date::MIN, Date::MAX] {
            assert!(contract_to_send(day).warn_on <= Date::MAX);
            assert!(opco_silence(day).warn_on >= day);
            assert!(balance_lost(Date::MAX, day).is_some());
        }
    }

    #[test]
    fn every_countdown_is_told_in_a_sentence() {
        for countdown in Countdown::ALL {
            assert!(countdown.french().ends_with('.') && !countdown.french().contains("  "));
        }
    }
}
