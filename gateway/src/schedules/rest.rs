//! When a schedule is read again.

use std::time::Duration;

use domain::calendar::{day_in_france, start_of_day_in_france};
use domain::echeancier::{Echeance, Echeancier};
use domain::{Etat, Timestamp};
use jiff::civil::Date;

use crate::{pause, poll};

/// While an OPCO reviews an invoice, its schedule is read this much more often.
const REVIEWED: u32 = 4;
/// A dossier that is paid off is read this much more seldom than one with nothing to bill.
const SETTLED: u32 = 8;

/// Returns when the schedule of a dossier is read next: sooner while an invoice is under review or
/// something can be billed, on the day an échéance opens, seldom when nothing is left to happen.
pub(super) fn next(
    echeancier: &Echeancier,
    etat: Option<Etat>,
    settings: &poll::Settings,
    now: Timestamp,
) -> Timestamp {
    let today = day_in_france(now);
    let warm = Duration::from_secs(settings.schedule_s);
    let cold = Duration::from_secs(settings.schedule_cold_s).max(warm);
    let lines = &echeancier.echeances;
    if lines.iter().any(|line| line.under_review_cents() > 0) {
        return pause::later(now, warm / REVIEWED);
    }
    if etat == Some(Etat::Solde) {
        return pause::later(now, cold.saturating_mul(SETTLED));
    }
    let billable = |line: &Echeance| line.is_open(today) && line.left_cents() > 0;
    // An engagement without a schedule is one that is about to come.
    if lines.is_empty() || lines.iter().any(billable) {
        return pause::later(now, warm);
    }
    let openings = lines.iter().filter_map(|line| line.date_ouverture);
    let opening: Option<Date> = openings.filter(|opening| *opening > today).min();
    let at = opening.map_or(Timestamp::MAX, start_of_day_in_france);
    at.min(pause::later(now, cold))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schedule(regle: i64, under_review: i64) -> Echeancier {
        let detail = json!({"echeances": [
            {"numero": 1, "dateOuverture": "2026-09-01", "montantTotal": 100, "montantRegle": regle,
             "montantEnCoursInstruction": under_review},
            {"numero": 2, "dateOuverture": "2026-12-24", "montantTotal": 100},
        ]});
        Echeancier::read(&detail).unwrap().echeancier
    }

    fn days(schedule: &Echeancier, etat: Etat, now: &str) -> f64 {
        let now: Timestamp = now.parse().unwrap();
        let at = next(schedule, Some(etat), &poll::Settings::default(), now);
        pause::span_until(now, at).as_secs_f64() / 86_400.0
    }

    #[test]
    fn what_can_be_billed_is_read_within_a_day_and_what_is_reviewed_more_often() {
        let open = days(&schedule(0, 0), Etat::Engage, "2026-10-01T10:00:00Z");
        assert!(open < 1.0, "{open}");
        let reviewed = days(&schedule(0, 100), Etat::Engage, "2026-10-01T10:00:00Z");
        assert!(reviewed < 0.25, "{reviewed}");
    }

    #[test]
    fn what_is_billed_rests_until_the_next_opening_or_a_week() {
        let far = days(&schedule(100, 0), Etat::Engage, "2026-10-01T10:00:00Z");
        assert!((far - 7.0).abs() < 0.01, "{far}");
        // Midnight in Paris is 23:00 the day before.
        let eve = days(&schedule(100, 0), Etat::Engage, "2026-12-23T11:00:00Z");
        assert!((eve - 0.5).abs() < 0.01, "{eve}");
    }

    #[test]
    fn a_dossier_that_is_paid_off_is_hardly_read() {
        let settled = days(&schedule(100, 0), Etat::Solde, "2026-10-01T10:00:00Z");
        assert!(settled > 50.0, "{settled}");
    }

    #[test]
    fn an_engagement_without_a_schedule_is_read_within_a_day() {
        let bare = days(&Echeancier::default(), Etat::Engage, "2026-10-01T10:00:00Z");
        assert!(bare < 1.0, "{bare}");
    }
}
