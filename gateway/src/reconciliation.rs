//! What is wrong with the money of a network: every dossier with a schedule, reconciled to the cent,
//! summed by site and OPCO. Where each paper stands is read anew for every answer; what it says, once.

mod blocked;
mod papers;
pub(crate) mod sheet;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use admin_api::books::{Answer, Question, Row, Rows, Unanswered};
use domain::calendar::day_in_france;
use domain::echeancier::Echeancier;
use domain::id::{DossierId, TenantId};
use domain::reconciliation::{self, Account, FactureSuivie, Line};
use domain::{Capability, Siret};
use jiff::civil::Date;
use store::accounts;
use store::dossiers::{self, Filter};
use store::{Dossier, NewEvent, StoreError, Tx};

pub(crate) use self::blocked::blocked;
pub(crate) use self::papers::Papers;
use self::papers::Shelf;
use crate::app::App;
use crate::view::{Network, View};
use crate::{money, plan, system};

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
    let shelf = app.papers.of(question.tenant);
    let counting = Counting {
        app,
        network: &network,
        shelf: &shelf,
        today: day_in_france(app.clock.now()),
    };
    let nothing = accounts::Account::default();
    let mut answer = Answer::default();
    let mut filter = Filter {
        environment: Some(question.environment),
        opco: question.opco,
        sites: question.sites.clone(),
        ..Filter::default()
    };
    let mut seen = 0_usize;
    let mut next = batch(app, question.tenant, &filter).await?;
    while let Some(Batch {
        page,
        accounts,
        last,
    }) = next
    {
        filter.after = Some(last);
        seen = seen.saturating_add(page.len());
        if seen > DOSSIERS_MAX {
            return Err(Unanswered::TooMany { most: DOSSIERS_MAX });
        }
        let counted = async {
            let views = views(app, question.tenant, &page).await?;
            let mut tx = app.store.reading().await?;
            for dossier in page {
                let Some(view) = views.get(&dossier.siret_cfa) else {
                    continue;
                };
                let account = accounts.get(&dossier.id).unwrap_or(&nothing);
                match counting.one(&mut tx, view, &dossier, account).await? {
                    Some(found) => count(&mut answer, question, shown, (dossier, found)),
                    None if is_committed(&dossier) => {
                        answer.unread = answer.unread.saturating_add(1);
                    }
                    None => {}
                }
            }
            Ok::<_, StoreError>(())
        };
        // The store reads the next ones while these are counted.
        let (read, ()) = futures_util::try_join!(batch(app, question.tenant, &filter), counted)?;
        next = read;
    }
    Ok(answer)
}

/// Dossiers that follow each other, and what their money hangs on.
struct Batch {
    page: Vec<Dossier>,
    accounts: HashMap<DossierId, accounts::Account>,
    last: DossierId,
}

async fn batch(app: &App, tenant: TenantId, filter: &Filter) -> Result<Option<Batch>, StoreError> {
    let mut tx = app.store.reading().await?;
    let page = dossiers::list(&mut tx, tenant, filter, PAGE).await?;
    // The newest comes first.
    let (Some(first), Some(last)) = (page.first(), page.last()) else {
        return Ok(None);
    };
    let last = last.id;
    let accounts = accounts::between(&mut tx, tenant, (last, first.id)).await?;
    Ok(Some(Batch {
        page,
        accounts,
        last,
    }))
}

async fn views(
    app: &App,
    tenant: TenantId,
    page: &[Dossier],
) -> Result<BTreeMap<Siret, Arc<View>>, StoreError> {
    let mut views = BTreeMap::new();
    for dossier in page {
        if let Entry::Vacant(place) = views.entry(dossier.siret_cfa) {
            place.insert(app.views.of(app, tenant, dossier.siret_cfa).await?);
        }
    }
    Ok(views)
}

fn is_committed(dossier: &Dossier) -> bool {
    dossier.etat == Some(domain::Etat::Engage)
}

/// A dossier's money, and the labels of its échéances.
struct Found {
    echeancier: Arc<Echeancier>,
    lines: Vec<Line>,
}

/// What every dossier of an answer is counted with.
struct Counting<'a> {
    app: &'a App,
    network: &'a Network,
    shelf: &'a Shelf,
    today: Date,
}

impl Counting<'_> {
    /// Reconciles one dossier; nothing when no schedule of it was read.
    async fn one(
        &self,
        tx: &mut Tx,
        view: &View,
        dossier: &Dossier,
        account: &accounts::Account,
    ) -> Result<Option<Found>, StoreError> {
        let Some(current) = account.readings.iter().find(|reading| reading.current) else {
            return Ok(None);
        };
        let keys = &self.network.keys;
        let Some(echeancier) = self.shelf.schedule(tx, keys, dossier, current.id).await? else {
            return Ok(None);
        };
        let mut factures = Vec::with_capacity(account.invoices.len());
        for bill in &account.invoices {
            factures.push(self.facture(tx, dossier, account, bill).await?);
        }
        let lost_after = match (left_cents(&echeancier), dossier.delivery) {
            // Nothing is left to lose: the contract stays closed.
            (0, _) => None,
            (_, Some(delivery)) if account.contract => {
                self.shelf.limit(tx, keys, dossier.tenant, delivery).await?
            }
            // Of one filed elsewhere, the contract is not here.
            (_, delivery) => {
                delivery.inspect(|gone| self.shelf.forget(*gone));
                None
            }
        };
        let lines = reconciliation::reconcile(&Account {
            echeancier: &echeancier,
            factures: &factures,
            auto_echeance_1: plan::may(
                self.app,
                view,
                system::of_dossier(dossier),
                Capability::AutoEcheance1,
            ),
            lost_after,
            today: self.today,
        })
        .lines;
        Ok(Some(Found { echeancier, lines }))
    }

    /// Returns an invoice as far as it bills a dossier; without lines once it is shredded.
    async fn facture(
        &self,
        tx: &mut Tx,
        dossier: &Dossier,
        account: &accounts::Account,
        bill: &accounts::Bill,
    ) -> Result<FactureSuivie, StoreError> {
        let mut facture = FactureSuivie {
            numero: bill.numero.clone(),
            etat: money::standing(bill.status, bill.etat),
            lignes: Vec::new(),
        };
        if !bill.there {
            self.shelf.forget(bill.delivery);
            return Ok(facture);
        }
        let keys = &self.network.keys;
        let opened = self.shelf.bill(tx, keys, dossier.tenant, bill.delivery);
        let Some(lines) = opened.await? else {
            return Ok(facture);
        };
        facture.lignes = papers::of_dossier(&lines, dossier.numero_externe.as_deref());
        if account.readings.len() < 2 {
            return Ok(facture);
        }
        // What its échéance was worth when it was handed in, where the schedule has changed since.
        let before = |reading: &&accounts::Reading| reading.first_seen_at <= bill.created_at;
        let Some(then) = account.readings.iter().rfind(before) else {
            return Ok(facture);
        };
        if let Some(then) = self.shelf.schedule(tx, keys, dossier, then.id).await? {
            for ligne in &mut facture.lignes {
                let line = then.find(ligne.numero_echeance);
                ligne.scheduled_cents = line.map(domain::echeancier::Echeance::total_cents);
            }
        }
        Ok(facture)
    }
}

fn left_cents(echeancier: &Echeancier) -> i64 {
    let left = echeancier
        .echeances
        .iter()
        .map(|line| line.left_cents().max(0));
    left.fold(0, i64::saturating_add)
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
    let dossier = Arc::new(dossier);
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
                dossier: Arc::clone(&dossier),
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
