//! What is wrong with the money of a network: every dossier with a schedule, reconciled to the cent,
//! summed by site and OPCO. Schedules, invoices and contracts are opened one dossier at a time.

mod blocked;
pub(crate) mod sheet;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use admin_api::books::{Answer, Question, Row, Rows, Unanswered};
use domain::calendar::day_in_france;
use domain::deadline;
use domain::echeancier::Echeancier;
use domain::reconciliation::{self, Account, Limit, Line};
use domain::{Capability, Siret};
use jiff::civil::Date;
use store::dossiers::{self, Filter};
use store::{Dossier, NewEvent, StoreError, TenantKey, Tx};

pub(crate) use self::blocked::blocked;
use crate::app::App;
use crate::money::{self, Money};
use crate::view::View;
use crate::{contract, plan, schedules, system};

/// Dossiers taken from the store at once.
const PAGE: u32 = 500;
/// The most dossiers of one answer: beyond it the question must be narrowed.
const DOSSIERS_MAX: usize = 50_000;

/// Reconciles, and puts on record who opened how many dossiers.
pub(crate) async fn asked(
    app: &App,
    question: &Question,
    shown: Rows,
    actor: &str,
) -> Result<Answer, Unanswered> {
    let found = answer(app, question, shown).await?;
    let opened = NewEvent::new(app.clock.now(), "dossier.opened")
        .by(actor.to_owned())
        .with(serde_json::json!({
            "why": "reconciliation",
            "dossiers": found.total.dossiers,
            "opco": question.opco,
        }));
    let mut tx = app.store.writing().await?;
    store::events::append(&mut tx, question.tenant, &[opened]);
    tx.commit().await?;
    Ok(found)
}

/// Reconciles every dossier that a question is about.
async fn answer(app: &App, question: &Question, shown: Rows) -> Result<Answer, Unanswered> {
    let network = app.views.network(app, question.tenant).await?;
    let today = day_in_france(app.clock.now());
    let mut answer = Answer::default();
    let mut filter = Filter {
        environment: Some(question.environment),
        opco: question.opco,
        sites: question.sites.clone(),
        ..Filter::default()
    };
    let mut seen = 0_usize;
    loop {
        let mut tx = app.store.reading().await?;
        let page = dossiers::list(&mut tx, question.tenant, &filter, PAGE).await?;
        drop(tx);
        let Some(last) = page.last() else { break };
        filter.after = Some(last.id);
        seen = seen.saturating_add(page.len());
        if seen > DOSSIERS_MAX {
            return Err(Unanswered::TooMany { most: DOSSIERS_MAX });
        }
        let mut views: BTreeMap<Siret, Arc<View>> = BTreeMap::new();
        for dossier in &page {
            let site = dossier.siret_cfa;
            if let Entry::Vacant(place) = views.entry(site) {
                place.insert(app.views.of(app, question.tenant, site).await?);
            }
        }
        let mut tx = app.store.reading().await?;
        for dossier in page {
            let Some(view) = views.get(&dossier.siret_cfa) else {
                continue;
            };
            match one(app, &mut tx, (&network.keys, view), &dossier, today).await? {
                Some(found) => count(&mut answer, question, shown, (dossier, found)),
                None if is_committed(&dossier) => answer.unread = answer.unread.saturating_add(1),
                None => {}
            }
        }
    }
    Ok(answer)
}

fn is_committed(dossier: &Dossier) -> bool {
    dossier.etat == Some(domain::Etat::Engage)
}

/// A dossier's money, and the labels of its échéances.
struct Found {
    echeancier: Echeancier,
    lines: Vec<Line>,
}

/// Reconciles one dossier; nothing when no schedule of it was read.
async fn one(
    app: &App,
    tx: &mut Tx,
    (keys, view): (&TenantKey, &View),
    dossier: &Dossier,
    today: Date,
) -> Result<Option<Found>, StoreError> {
    let money = money::of(tx, keys, dossier).await?;
    let Some(echeancier) = &money.echeancier else {
        return Ok(None);
    };
    let mut factures = money.followed(dossier.numero_externe.as_deref());
    if !factures.is_empty() {
        then_scheduled(tx, keys, dossier, (&money, &mut factures)).await?;
    }
    let lost_after = match left_cents(echeancier) {
        // Nothing is left to lose: the contract stays closed.
        0 => None,
        _ => limit(tx, keys, dossier).await?,
    };
    let account = Account {
        echeancier,
        factures: &factures,
        auto_echeance_1: plan::may(
            app,
            view,
            system::of_dossier(dossier),
            Capability::AutoEcheance1,
        ),
        lost_after,
        today,
    };
    let lines = reconciliation::reconcile(&account).lines;
    let echeancier = money.echeancier.unwrap_or_default();
    Ok(Some(Found { echeancier, lines }))
}

fn left_cents(echeancier: &Echeancier) -> i64 {
    let left = echeancier
        .echeances
        .iter()
        .map(|line| line.left_cents().max(0));
    left.fold(0, i64::saturating_add)
}

/// Says of each line billed what its échéance was worth when the invoice was handed in, where the
/// schedule has changed since.
async fn then_scheduled(
    tx: &mut Tx,
    keys: &TenantKey,
    dossier: &Dossier,
    (money, factures): (&Money, &mut [reconciliation::FactureSuivie]),
) -> Result<(), StoreError> {
    let readings = store::schedules::snapshots(tx, dossier.tenant, dossier.id).await?;
    if readings.len() < 2 {
        return Ok(());
    }
    for (bill, facture) in money.bills.iter().zip(factures) {
        let at = bill.invoice.created_at;
        let before = readings.iter().rfind(|reading| reading.first_seen_at <= at);
        let Some(then) = before.and_then(|reading| schedules::open(keys, reading)) else {
            continue;
        };
        for ligne in &mut facture.lignes {
            let line = then.find(ligne.numero_echeance);
            ligne.scheduled_cents = line.map(domain::echeancier::Echeance::total_cents);
        }
    }
    Ok(())
}

/// Returns the last day to bill, of a contract that is not destroyed.
async fn limit(
    tx: &mut Tx,
    keys: &TenantKey,
    dossier: &Dossier,
) -> Result<Option<Limit>, StoreError> {
    // Of one filed elsewhere, the contract is not here.
    let Some(delivery) = dossier.delivery else {
        return Ok(None);
    };
    let Some(sealed) = store::deliveries::payload(tx, dossier.tenant, delivery).await? else {
        return Ok(None);
    };
    let Ok(opened) = contract::open_sealed(keys, delivery, &sealed) else {
        return Ok(None);
    };
    let contrat = &opened.dossier.cerfa.contrat;
    let concluded = contrat.date_conclusion.or(contrat.date_debut_contrat);
    let both = concluded.zip(contrat.date_fin_contrat);
    let lost = both.and_then(|(concluded, end)| deadline::balance_lost(concluded, end));
    Ok(lost.map(|deadline| deadline.limit()))
}

/// Adds a dossier to an answer.
fn count(
    answer: &mut Answer,
    question: &Question,
    shown: Rows,
    (dossier, found): (Dossier, Found),
) {
    let key = (dossier.siret_cfa, dossier.instance.opco);
    let lines: Vec<Line> = found
        .lines
        .into_iter()
        .filter(|line| covers(question, line.date_ouverture))
        .collect();
    if lines.is_empty() {
        return;
    }
    let group = answer.groups.entry(key).or_default();
    for into in [group, &mut answer.total] {
        into.dossiers = into.dossiers.saturating_add(1);
        for line in &lines {
            into.add(line);
        }
    }
    for line in lines {
        if let Some(day) = line.date_ouverture {
            *answer.months.entry(day.first_of_month()).or_default() += line.sums;
        }
        let tells = shown == Rows::All || !line.gaps.is_empty();
        if tells {
            let told = found.echeancier.find(line.numero);
            answer.rows.push(Row {
                dossier: dossier.clone(),
                codification: told.and_then(|told| told.codification.clone()),
                line,
            });
        }
    }
}

/// Returns whether an échéance that opens on a day is asked for. One without a day is, unless the period
/// has a bound.
fn covers(question: &Question, opens: Option<Date>) -> bool {
    match opens {
        None => question.from.is_none() && question.to.is_none(),
        Some(day) => {
            question.from.is_none_or(|from| day >= from) && question.to.is_none_or(|to| day <= to)
        }
    }
}
