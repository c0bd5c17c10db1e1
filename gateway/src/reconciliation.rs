//! What is wrong with the money of a network: every dossier with a schedule, reconciled to the cent,
//! summed by site and OPCO. Schedules, invoices and contracts are opened one dossier at a time.

pub(crate) mod sheet;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use domain::calendar::day_in_france;
use domain::deadline;
use domain::echeancier::Echeancier;
use domain::id::TenantId;
use domain::reconciliation::{self, Account, Cause, Limit, Line, Sums};
use domain::{Capability, Environment, Opco, Siret};
use jiff::civil::Date;
use store::dossiers::{self, Filter};
use store::{Dossier, StoreError, TenantKey, Tx};

use crate::app::App;
use crate::money::{self, Money};
use crate::view::View;
use crate::{contract, plan, schedules, system};

/// Dossiers taken from the store at once.
const PAGE: u32 = 500;
/// The most dossiers of one answer: beyond it the question must be narrowed.
pub(crate) const DOSSIERS_MAX: usize = 50_000;

/// Which money.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    /// Whose.
    pub(crate) tenant: TenantId,
    /// Which world.
    pub(crate) environment: Environment,
    /// Only this OPCO.
    pub(crate) opco: Option<Opco>,
    /// Only these sites.
    pub(crate) sites: Option<Vec<Siret>>,
    /// Only échéances that open on this day or later.
    pub(crate) from: Option<Date>,
    /// Only échéances that open on this day or before.
    pub(crate) to: Option<Date>,
}

/// One échéance of one dossier, reconciled.
#[derive(Debug)]
pub(crate) struct Row {
    /// The dossier.
    pub(crate) dossier: Dossier,
    /// The OPCO's label of the échéance.
    pub(crate) codification: Option<String>,
    /// Its money.
    pub(crate) line: Line,
}

/// The money of one site at one OPCO.
#[derive(Debug, Default)]
pub(crate) struct Group {
    /// How many dossiers have a schedule.
    pub(crate) dossiers: u64,
    /// Their money.
    pub(crate) sums: Sums,
    /// Each cause: how many échéances, and how much.
    pub(crate) causes: BTreeMap<Cause, (u64, i64)>,
}

/// The whole answer.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// The sum of all groups.
    pub(crate) total: Group,
    /// By site and OPCO.
    pub(crate) groups: BTreeMap<(Siret, Opco), Group>,
    /// The échéances asked for.
    pub(crate) rows: Vec<Row>,
    /// Dossiers that the OPCO committed to and whose schedule was not read yet.
    pub(crate) unread: u64,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Unanswered {
    /// More dossiers than one answer may open.
    TooMany,
    /// The store.
    Store(StoreError),
}

impl From<StoreError> for Unanswered {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Which échéances an answer shows one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// Those with a gap, or something else to tell.
    Gaps,
    /// Every one.
    All,
}

/// Reconciles every dossier that a question is about.
pub(crate) async fn answer(
    app: &App,
    question: &Question,
    shown: Shown,
) -> Result<Answer, Unanswered> {
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
            return Err(Unanswered::TooMany);
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
    shown: Shown,
    (dossier, found): (Dossier, Found),
) {
    let key = (dossier.siret_cfa, dossier.instance.opco);
    let lines: Vec<Line> = found
        .lines
        .into_iter()
        .filter(|line| question.covers(line.date_ouverture))
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
        let tells = shown == Shown::All || (shown == Shown::Gaps && !line.gaps.is_empty());
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

impl Group {
    fn add(&mut self, line: &Line) {
        self.sums += line.sums;
        for gap in &line.gaps {
            let (count, cents) = self.causes.entry(gap.cause).or_default();
            *count = count.saturating_add(1);
            *cents = cents.saturating_add(gap.cents);
        }
    }
}

impl Question {
    /// Returns whether an échéance that opens on a day is asked for. One without a day is, unless the
    /// period has a bound.
    fn covers(&self, opens: Option<Date>) -> bool {
        match opens {
            None => self.from.is_none() && self.to.is_none(),
            Some(day) => {
                self.from.is_none_or(|from| day >= from) && self.to.is_none_or(|to| day <= to)
            }
        }
    }
}
