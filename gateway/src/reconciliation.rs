//! What is wrong with the money of a network: every dossier with a schedule, reconciled to the cent,
//! summed by site and OPCO. What a paper says is read once; where it stands, whenever the log tells of it.

mod blocked;
mod ledger;
mod papers;
mod reading;
pub(crate) mod sheet;

use std::sync::Arc;

use admin_api::books::{Answer, Question, Row, Rows, Unanswered};
use domain::reconciliation::Line;
use jiff::civil::Date;
use store::dossiers::Filter;
use store::{Dossier, NewEvent};

pub(crate) use self::blocked::blocked;
pub(crate) use self::papers::Papers;
use self::reading::{Counted, Counting};
use crate::app::App;

/// The most dossiers of one answer: beyond it the question must be narrowed.
const DOSSIERS_MAX: usize = 50_000;
/// How often an answer is asked for again to see that what is kept agrees with the store, which moves.
const LOOKS: usize = 5;

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
    let shelf = app.papers.of(question.tenant);
    let counting = Counting::new(app, question.tenant, &network, &shelf);
    let Some(mut found) = kept(&counting, question, shown).await? else {
        return read(&counting, question, shown).await;
    };
    // Every test that asks shows that nothing moves money without the log telling of it.
    if cfg!(debug_assertions) {
        for look in 1..=LOOKS {
            let whole = read(&counting, question, shown).await?;
            if same(&found, &whole) {
                break;
            }
            debug_assert!(look < LOOKS, "kept {found:#?}, and there is {whole:#?}");
            found = kept(&counting, question, shown).await?.unwrap_or(whole);
        }
    }
    Ok(found)
}

/// Answers from the accounts that are kept, if they are.
async fn kept(
    counting: &Counting<'_>,
    question: &Question,
    shown: Rows,
) -> Result<Option<Answer>, Unanswered> {
    let Some(accounts) = counting.shelf.ledgers.of(counting, question).await? else {
        return Ok(None);
    };
    let mut answer = Answer::default();
    // The newest dossier comes first.
    let asked = accounts.values().rev();
    for counted in asked.filter(|counted| concerns(question, &counted.dossier)) {
        count(&mut answer, question, shown, counted);
    }
    Ok(Some(answer))
}

/// Answers from the store.
async fn read(
    counting: &Counting<'_>,
    question: &Question,
    shown: Rows,
) -> Result<Answer, Unanswered> {
    let mut answer = Answer::default();
    let filter = Filter {
        environment: Some(question.environment),
        opco: question.opco,
        sites: question.sites.clone(),
        ..Filter::default()
    };
    let mut seen = 0_usize;
    let each = |all: Vec<Counted>| {
        seen = seen.saturating_add(all.len());
        if seen > DOSSIERS_MAX {
            return Err(Unanswered::TooMany { most: DOSSIERS_MAX });
        }
        for counted in &all {
            count(&mut answer, question, shown, counted);
        }
        Ok(())
    };
    reading::each(counting, filter, each).await?;
    Ok(answer)
}

fn concerns(question: &Question, dossier: &Dossier) -> bool {
    question
        .opco
        .is_none_or(|opco| opco == dossier.instance.opco)
        && question
            .sites
            .as_ref()
            .is_none_or(|sites| sites.contains(&dossier.siret_cfa))
}

/// Adds a dossier to an answer.
fn count(answer: &mut Answer, question: &Question, shown: Rows, counted: &Counted) {
    let dossier = &counted.dossier;
    let Some(found) = &counted.found else {
        answer.unread = answer.unread.saturating_add(u64::from(counted.is_unread()));
        return;
    };
    let asked = |line: &&Arc<Line>| covers(question, line.date_ouverture);
    let lines = || found.lines.iter().filter(asked);
    if lines().next().is_none() {
        return;
    }
    let key = (dossier.siret_cfa, dossier.instance.opco);
    let group = answer.groups.entry(key).or_default();
    for into in [group, &mut answer.total] {
        into.dossiers = into.dossiers.saturating_add(1);
        for line in lines() {
            into.add(line);
        }
    }
    for line in lines() {
        if let Some(day) = line.date_ouverture {
            *answer.months.entry(day.first_of_month()).or_default() += line.sums;
        }
        let tells = shown == Rows::All || !line.gaps.is_empty();
        if tells {
            let told = found.echeancier.find(line.numero);
            answer.rows.push(Row {
                dossier: Arc::clone(dossier),
                codification: told.and_then(|told| told.codification.clone()),
                line: Arc::clone(line),
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

/// Returns whether two answers tell the same. Of its dossiers they tell names and numbers.
fn same(one: &Answer, other: &Answer) -> bool {
    fn told(row: &Row) -> impl PartialEq {
        let dossier = &row.dossier;
        (
            (
                dossier.id,
                dossier.siret_cfa,
                dossier.instance,
                dossier.etat,
            ),
            (
                dossier.numero_interne.clone(),
                dossier.numero_externe.clone(),
                dossier.numero_deca.clone(),
            ),
            (row.codification.clone(), Arc::clone(&row.line)),
        )
    }
    one.total == other.total
        && one.groups == other.groups
        && one.months == other.months
        && one.unread == other.unread
        && one.rows.len() == other.rows.len()
        && one
            .rows
            .iter()
            .zip(&other.rows)
            .all(|(one, other)| told(one) == told(other))
}
