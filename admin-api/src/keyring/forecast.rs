//! What stops on the day a key ends, if nothing replaces it: dossiers, and euros that could be billed.

use domain::Etat;
use domain::echeancier::Echeancier;
use domain::id::DossierId;
use jiff::ToSpan as _;
use jiff::civil::Date;
use serde::Serialize;
use store::dossiers::{self, Filter};
use store::keys::CfaKey;
use store::read_jobs::ReadKey;
use store::{Store, StoreError, TenantKey, schedules};
use utoipa::ToSchema;

/// Rows taken from the store at once.
const PAGE: u32 = 500;
/// The most dossiers that are opened for one answer.
const DOSSIERS_MAX: usize = 20_000;
/// How far ahead of the end échéances are counted.
const AHEAD_DAYS: i32 = 90;

/// What a lapsed key blocks.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Forecast {
    /// The first day without the key; absent when nobody knows its last one: nothing is known to stop.
    #[schema(value_type = Option<String>, format = Date)]
    pub(crate) from: Option<Date>,
    /// Dossiers of the site at this OPCO that are neither refused, cancelled nor settled.
    pub(crate) dossiers: u64,
    /// Of them, those whose schedule was read: only they count in the amounts.
    pub(crate) with_schedule: u64,
    /// Échéances open on that day, today where there is none, neither paid nor under review, in cents.
    pub(crate) due_cents: i64,
    /// Échéances that open in the 90 days after it, in cents.
    pub(crate) opening_cents: i64,
    /// Whether every dossier was counted.
    pub(crate) complete: bool,
}

/// Counts what stops on the first day without a key. Where nobody knows its end, what depends on it today.
pub(crate) async fn of(store: &Store, key: &CfaKey, today: Date) -> Result<Forecast, StoreError> {
    let from = first_without(key.expires_on, today);
    let mut forecast = Forecast {
        from,
        complete: true,
        ..Forecast::default()
    };
    let open = open_dossiers(store, key, &mut forecast).await?;
    let network_key = store.keys(key.tenant).await?;
    let at = ReadKey {
        tenant: key.tenant,
        siret_cfa: key.siret_cfa,
        instance: key.instance,
        environment: key.environment,
    };
    let mut after = None;
    let mut seen = 0_usize;
    while seen < DOSSIERS_MAX {
        let mut tx = store.reading().await?;
        let page = schedules::current_of_site(&mut tx, &at, after, PAGE).await?;
        drop(tx);
        let Some((last, _)) = page.last() else { break };
        after = Some(*last);
        seen = seen.saturating_add(page.len());
        for (dossier, snapshot) in &page {
            if open.binary_search(dossier).is_ok()
                && let Some(schedule) = opened(&network_key, snapshot)
            {
                forecast.add(&schedule, from.unwrap_or(today));
            }
        }
    }
    Ok(forecast)
}

/// Returns the first day without a key, today at the earliest; nothing where nobody knows its last one.
fn first_without(last: Option<Date>, today: Date) -> Option<Date> {
    let first = last?.tomorrow().ok()?;
    Some(first.max(today))
}

async fn open_dossiers(
    store: &Store,
    key: &CfaKey,
    forecast: &mut Forecast,
) -> Result<Vec<DossierId>, StoreError> {
    let mut filter = Filter {
        environment: Some(key.environment),
        opco: Some(key.instance.opco),
        sites: Some(vec![key.siret_cfa]),
        ..Filter::default()
    };
    let mut open = Vec::new();
    let mut seen = 0_usize;
    loop {
        let mut tx = store.reading().await?;
        let page = dossiers::list(&mut tx, key.tenant, &filter, PAGE).await?;
        drop(tx);
        let Some(last) = page.last() else { break };
        filter.after = Some(last.id);
        seen = seen.saturating_add(page.len());
        let closed = |etat| matches!(etat, Some(Etat::Refuse | Etat::Annule | Etat::Solde));
        let here = page
            .iter()
            .filter(|dossier| dossier.instance == key.instance && !closed(dossier.etat));
        open.extend(here.map(|dossier| dossier.id));
        if seen >= DOSSIERS_MAX {
            forecast.complete = false;
            break;
        }
    }
    open.sort_unstable();
    forecast.dossiers = u64::try_from(open.len()).unwrap_or(u64::MAX);
    Ok(open)
}

fn opened(network_key: &TenantKey, snapshot: &schedules::Snapshot) -> Option<Echeancier> {
    let sealed = snapshot.sealed.as_ref()?;
    let text = network_key.open_secret(snapshot.id.as_bytes(), schedules::PART, sealed);
    let value = serde_json::from_str(text.ok()?.expose()).ok()?;
    Echeancier::read(&value).map(|read| read.echeancier)
}

impl Forecast {
    fn add(&mut self, schedule: &Echeancier, from: Date) {
        self.with_schedule = self.with_schedule.saturating_add(1);
        let until = from.saturating_add(AHEAD_DAYS.days());
        for line in &schedule.echeances {
            let left = line.left_cents().max(0);
            if line.is_open(from) {
                self.due_cents = self.due_cents.saturating_add(left);
            } else if line.is_open(until) {
                self.opening_cents = self.opening_cents.saturating_add(left);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_whose_end_nobody_knows_stops_nothing_on_any_day() {
        let day = |text: &str| text.parse::<Date>().unwrap();
        let today = day("2026-09-02");
        assert_eq!(first_without(None, today), None);
        let ends = |last| first_without(Some(day(last)), today);
        assert_eq!(ends("2026-12-31"), Some(day("2027-01-01")));
        assert_eq!(ends("2026-01-31"), Some(today));
    }

    #[test]
    fn what_is_open_that_day_is_apart_from_what_opens_after_and_the_paid_counts_no_more() {
        let value = serde_json::json!({ "echeances": [
            { "numero": 1, "dateOuverture": "2026-09-01", "montantTotal": 1000.50, "montantRegle": 400 },
            { "numero": 2, "dateOuverture": "2026-10-15", "montantTotal": 2000 },
            { "numero": 3, "dateOuverture": "2027-06-01", "montantTotal": 4000 },
            { "numero": 4, "montantTotal": 8000 },
        ] });
        let schedule = Echeancier::read(&value).unwrap().echeancier;
        let mut forecast = Forecast::default();
        forecast.add(&schedule, "2026-09-03".parse().unwrap());
        assert_eq!(forecast.due_cents, 60_050);
        assert_eq!(forecast.opening_cents, 200_000);
        assert_eq!(forecast.with_schedule, 1);
    }
}
