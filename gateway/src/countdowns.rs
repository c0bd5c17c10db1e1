//! The days that count in the life of a contract: a warning before, an event at the day, each once,
//! whichever replica tells it and however often it looks.

use std::time::Duration;

use domain::calendar::day_in_france;
use domain::deadline::{self, Deadline, Nearness};
use domain::echeancier::Echeancier;
use domain::id::TenantId;
use domain::{DeliveryId, Dossier as Contract, Etat, Kind, Status, Timestamp};
use store::countdowns::{self, Subject};
use store::deliveries;
use store::dossiers::{self, Filter};
use store::{Dossier, NewEvent, StoreError, TenantKey, Tx};

use crate::app::App;
use crate::{contract, rounds, schedules};

/// Rows taken from the store at once.
const PAGE: u32 = 200;
/// Where a contract stands that was not delivered yet.
const UNDELIVERED: [Status; 4] = [
    Status::Queued,
    Status::Waiting,
    Status::Held,
    Status::Unknown,
];

/// Runs until the process is asked to stop.
pub(crate) async fn run(app: App) {
    let every = Duration::from_secs(app.settings.poll.countdown_s.max(1));
    rounds::run(
        &app,
        (Duration::ZERO, every),
        "the days that count could not be looked at",
        round,
    )
    .await;
}

/// Looks at every network once.
async fn round(app: &App) -> Result<(), StoreError> {
    let mut tx = app.store.reading().await?;
    let networks = store::tenants::networks(&mut tx).await?;
    drop(tx);
    for network in networks {
        if app.tasks.is_stopping() {
            break;
        }
        let keys = app.store.keys(network.id).await?;
        contracts(app, &keys, network.id).await?;
        of_dossiers(app, &keys, network.id).await?;
    }
    Ok(())
}

/// Contracts that no OPCO has: five working days from their first day.
async fn contracts(app: &App, keys: &TenantKey, tenant: TenantId) -> Result<(), StoreError> {
    for status in UNDELIVERED {
        let filter = deliveries::Filter {
            status: Some(status),
            kind: Some(Kind::Dossier),
            ..deliveries::Filter::default()
        };
        let mut after = None;
        loop {
            let mut tx = app.store.reading().await?;
            let page = deliveries::Page { after, limit: PAGE };
            let found = deliveries::list(&mut tx, tenant, &filter, page).await?;
            let Some(last) = found.last() else { break };
            after = Some(last.id);
            let mut days = Vec::with_capacity(found.len());
            for delivery in &found {
                let contract = open(&mut tx, keys, tenant, delivery.id).await?;
                let start = contract.and_then(|contract| contract.cerfa.contrat.date_debut_contrat);
                let days_of = start.map(deadline::contract_to_send);
                days.extend(
                    days_of.map(|day| (Subject::Delivery(delivery.id), Some(delivery.id), day)),
                );
            }
            drop(tx);
            tell(app, tenant, &days).await?;
        }
    }
    Ok(())
}

/// What the OPCO has: its silence, and the days of each échéance.
async fn of_dossiers(app: &App, keys: &TenantKey, tenant: TenantId) -> Result<(), StoreError> {
    let mut filter = Filter::default();
    loop {
        let mut tx = app.store.reading().await?;
        let found = dossiers::list(&mut tx, tenant, &filter, PAGE).await?;
        let Some(last) = found.last() else { break };
        filter.after = Some(last.id);
        let mut days = Vec::new();
        for dossier in &found {
            let of = Subject::Dossier(dossier.id);
            let own = of_dossier(&mut tx, keys, dossier).await?;
            days.extend(own.into_iter().map(|day| (of, dossier.delivery, day)));
        }
        drop(tx);
        tell(app, tenant, &days).await?;
    }
    Ok(())
}

/// Returns the days that count for one dossier, past ones included.
pub(crate) async fn of_dossier(
    tx: &mut Tx,
    keys: &TenantKey,
    dossier: &Dossier,
) -> Result<Vec<Deadline>, StoreError> {
    match dossier.etat {
        Some(Etat::Transmis | Etat::EnCoursInstruction) | None => {
            let since = day_in_france(dossier.created_at);
            return Ok(vec![deadline::opco_silence(since)]);
        }
        Some(Etat::Refuse | Etat::Annule | Etat::Solde) => return Ok(Vec::new()),
        Some(Etat::Engage | Etat::Rupture) => {}
    }
    let current = store::schedules::current(tx, dossier.tenant, dossier.id).await?;
    let Some(schedule) = current.and_then(|current| schedules::open(keys, &current)) else {
        return Ok(Vec::new());
    };
    let left = schedule.echeances.iter().any(|line| line.left_cents() > 0);
    if !left {
        return Ok(Vec::new());
    }
    // Of one filed elsewhere, the contract is not here.
    let contract = match dossier.delivery {
        Some(delivery) => open(tx, keys, dossier.tenant, delivery).await?,
        None => None,
    };
    Ok(of_schedule(&schedule, contract.as_ref()))
}

/// Returns the days of a schedule: openings, closings, and the last day for the balance.
fn of_schedule(schedule: &Echeancier, contract: Option<&Contract>) -> Vec<Deadline> {
    let lines = || schedule.echeances.iter();
    let mut days: Vec<Deadline> = lines().filter_map(deadline::echeance_opens).collect();
    let bounds = contract.and_then(|contract| {
        let terms = &contract.cerfa.contrat;
        let concluded = terms.date_conclusion.or(terms.date_debut_contrat);
        concluded.zip(terms.date_fin_contrat)
    });
    if let Some((concluded, end)) = bounds {
        days.extend(lines().filter_map(|line| deadline::echeance_closes(line, concluded, end)));
        days.extend(deadline::balance_lost(concluded, end));
    }
    days
}

/// Opens a contract that is not destroyed.
async fn open(
    tx: &mut Tx,
    keys: &TenantKey,
    tenant: TenantId,
    delivery: DeliveryId,
) -> Result<Option<Contract>, StoreError> {
    let sealed = deliveries::payload(tx, tenant, delivery).await?;
    let opened = sealed.and_then(|sealed| contract::open_sealed(keys, delivery, &sealed).ok());
    Ok(opened.map(|opened| opened.dossier))
}

/// Tells what is near or there and was not told yet.
async fn tell(
    app: &App,
    tenant: TenantId,
    days: &[(Subject, Option<DeliveryId>, Deadline)],
) -> Result<(), StoreError> {
    let now = app.clock.now();
    let today = day_in_france(now);
    let speaks = |day: &&(Subject, Option<DeliveryId>, Deadline)| day.2.on(today) != Nearness::Far;
    let mut due = days.iter().filter(speaks).peekable();
    if due.peek().is_none() {
        return Ok(());
    }
    let mut tx = app.store.writing().await?;
    let mut events = Vec::new();
    for (subject, delivery, deadline) in due {
        let nearness = deadline.on(today);
        if countdowns::tell(&mut tx, tenant, *subject, deadline, nearness, now).await? {
            events.push(event((*subject, *delivery), deadline, nearness, now));
        }
    }
    store::events::append(&mut tx, tenant, &events);
    tx.commit().await
}

fn event(
    (subject, delivery): (Subject, Option<DeliveryId>),
    deadline: &Deadline,
    nearness: Nearness,
    now: Timestamp,
) -> NewEvent {
    let kind = match (subject, nearness) {
        (Subject::Dossier(_), Nearness::Due) => "dossier.deadline_reached",
        (Subject::Dossier(_), _) => "dossier.deadline_near",
        (Subject::Delivery(_), Nearness::Due) => "delivery.deadline_reached",
        (Subject::Delivery(_), _) => "delivery.deadline_near",
    };
    let mut event = NewEvent::new(now, kind).with(serde_json::json!({
        "countdown": deadline.countdown,
        "libelle": deadline.countdown.french(),
        "date": deadline.date,
        "numeroEcheance": deadline.numero_echeance,
    }));
    event.delivery = delivery;
    if let Subject::Dossier(id) = subject {
        event.dossier = Some(id);
    }
    event
}

#[cfg(test)]
mod tests {
    use domain::deadline::Countdown;
    use serde_json::json;

    use super::*;

    fn contract(concluded: &str) -> Contract {
        let mut contract = Contract::default();
        let terms = &mut contract.cerfa.contrat;
        terms.date_conclusion = Some(concluded.parse().unwrap());
        terms.date_fin_contrat = Some("2026-08-31".parse().unwrap());
        contract
    }

    fn words(schedule: &serde_json::Value, concluded: &str) -> Vec<(Countdown, Option<i64>)> {
        let schedule = Echeancier::read(schedule).unwrap().echeancier;
        let days = of_schedule(&schedule, Some(&contract(concluded)));
        days.iter()
            .map(|day| (day.countdown, day.numero_echeance))
            .collect()
    }

    #[test]
    fn what_is_left_of_a_schedule_opens_closes_and_can_be_lost() {
        let schedule = json!({"echeances": [
            {"numero": 1, "dateOuverture": "2025-10-01", "montantTotal": 10, "montantRegle": 10},
            {"numero": 2, "dateOuverture": "2026-09-01", "montantTotal": 10},
        ]});
        assert_eq!(
            words(&schedule, "2025-09-15"),
            [
                (Countdown::EcheanceOpens, Some(2)),
                (Countdown::EcheanceCloses, Some(2)),
                (Countdown::BalanceLost, None),
            ]
        );
        // Before the decrees of 2025 nothing was lost after four months.
        assert_eq!(
            words(&schedule, "2025-06-15"),
            [(Countdown::EcheanceOpens, Some(2))]
        );
    }
}
