//! What only invoices need: what they are judged with besides their dossiers, a fresh schedule before
//! they leave, and the looks for one whose answer was lost.

use std::time::Duration;

use domain::clock::Timestamp;
use domain::echeancier::{Echeancier, EtatFacture};
use domain::facture_etat::FactureEtat;
use domain::payload::{Facture, Payload};
use domain::rules::{self, Awaits, Origin};
use domain::step::{self, Next};
use domain::{Capability, ContractId, DeliveryId, Fault, FaultKind, Outcome, Status};
use jiff::civil::Date;
use opco::{Answer, Billed, Operation, Seen, Sighting};
use store::invoices::{self, NewInvoice};
use store::{Dossier, StoreError, TenantKey, Tx};

use super::link::{self, Link, Linked};
use super::{FollowUp, Judged, Whose, send};
use crate::app::App;
use crate::dispatch::{Attempt, Stop, broken};
use crate::money::{Bill, Money};
use crate::mutation::{self, Mutation};
use crate::settle::Verdict;
use crate::states::{self, Reader, Unread};
use crate::system::System;
use crate::view::View;
use crate::{pause, plan, schedules};

/// The least rest between two readings of a schedule that an invoice waits for.
const REFRESHED_AGAIN: Duration = Duration::from_secs(20);
/// The same of one that has no lines.
const BARE_AGAIN: Duration = Duration::from_mins(10);
/// The longest rest, and which part of its age an invoice that waits lets pass between two readings: what
/// it bills may never be in that schedule.
const REST_MAX: Duration = Duration::from_hours(6);
const PART_OF_AGE: u32 = 10;

/// What an invoice is judged with besides its dossiers.
#[derive(Debug, Default)]
pub(super) struct Context {
    /// The delivery that already carries this number.
    pub(super) already_sent: Option<DeliveryId>,
    /// Why it is not what the schedule expects.
    pub(super) adjusted: Option<String>,
    /// The invoice that a credit note corrects.
    pub(super) origin: Origin,
}

/// Gathers it; nothing of what is no invoice.
pub(super) async fn context(
    app: &App,
    sender: &Whose,
    follow: &FollowUp,
    (link, also): (&Link, &[Link]),
) -> Result<Context, StoreError> {
    let Payload::Facture(facture) = &follow.reading.payload else {
        return Ok(Context::default());
    };
    let mut context = Context {
        adjusted: follow.adjusted.clone(),
        ..Context::default()
    };
    let links = || std::iter::once(link).chain(also);
    if facture.is_avoir() && links().any(Link::is_found) {
        let bills = links().filter_map(|link| link.facts.as_ref());
        let bills: Vec<&Bill> = bills.flat_map(|facts| &facts.money.bills).collect();
        context.origin = origin(facture, &bills, sender);
    }
    if let (None, Some(emitter), Some(numero)) =
        (sender.this, facture.siret_emetteur, &facture.numero)
    {
        let mut tx = app.store.reading().await?;
        let (tenant, world) = (sender.tenant, sender.environment);
        let found = invoices::by_numero(&mut tx, tenant, world, emitter, numero).await?;
        let counted = found.iter().find(|invoice| invoice.counts());
        context.already_sent = counted.map(|invoice| invoice.delivery);
    }
    Ok(context)
}

/// Returns the invoice that a credit note corrects, among those of its dossiers.
///
/// One that the OPCO has annulled cannot be corrected, unless by a credit note whose answer was lost: that
/// may be what annulled it, and the OPCO knows its number.
fn origin(avoir: &Facture, bills: &[&Bill], sender: &Whose) -> Origin {
    let wanted = avoir.numero_facture_origine.as_deref();
    let total = |facture: &Facture| facture.montant_total.map_or(0, |total| total.cents);
    let counted = || bills.iter().filter(|bill| bill.invoice.counts());
    let annulled = |bill: &&&Bill| {
        let etat = bill.invoice.etat;
        sender.in_doubt
            && bill.invoice.status == Status::Delivered
            && etat == Some(EtatFacture::Annule)
    };
    let mut correctable = counted().chain(bills.iter().filter(annulled));
    let corrected = correctable.find_map(|bill| {
        let facture = bill.facture.as_ref()?;
        (facture.numero.as_deref() == wanted && !facture.is_avoir()).then(|| total(facture))
    });
    let Some(total_cents) = corrected else {
        return Origin::Unknown;
    };
    let mut seen: Vec<DeliveryId> = Vec::new();
    let mut credited_cents = 0_i64;
    for bill in counted() {
        let Some(facture) = bill.facture.as_ref() else {
            continue;
        };
        let id = bill.invoice.delivery;
        let of_it = facture.is_avoir() && facture.numero_facture_origine.as_deref() == wanted;
        if of_it && Some(id) != sender.this && !seen.contains(&id) {
            seen.push(id);
            credited_cents = credited_cents.saturating_add(total(facture).saturating_abs());
        }
    }
    Origin::Known {
        total_cents,
        credited_cents,
    }
}

/// Returns the row of an invoice that is about to be kept.
pub(super) fn row(payload: &Payload, judged: &Judged) -> Option<NewInvoice> {
    let Payload::Facture(facture) = payload else {
        return None;
    };
    Some(NewInvoice {
        siret_emetteur: facture.siret_emetteur?,
        numero: facture.numero.clone()?,
        contracts: contracts(judged),
    })
}

/// Returns the contracts that a payload about to be kept belongs to.
pub(super) fn contracts(judged: &Judged) -> Vec<ContractId> {
    let links = std::iter::once(&judged.link).chain(&judged.also);
    let contract = |link: &Link| {
        let dossier = link.dossier.as_ref().map(Dossier::contract);
        dossier.or_else(|| Some(link.delivery.as_ref()?.id.into()))
    };
    links.filter_map(contract).collect()
}

/// Has the schedules read that an invoice waits for, which was handed in at `since`.
pub(super) async fn refresh(
    app: &App,
    judged: &Judged,
    since: Timestamp,
) -> Result<(), StoreError> {
    let mut awaited = judged.findings.iter().filter_map(rules::awaits);
    if !awaited.any(|one| one == Awaits::Schedule) {
        return Ok(());
    }
    let now = app.clock.now();
    for link in std::iter::once(&judged.link).chain(&judged.also) {
        if let Some(dossier) = &link.dossier {
            let money = link.facts.as_ref().map(|facts| &facts.money);
            // One without lines does not get any by being asked for every second.
            let bare = |money: &&Money| {
                let schedule = money.echeancier.as_ref();
                schedule.is_none_or(|schedule| schedule.echeances.is_empty())
            };
            let least = match money.filter(bare) {
                Some(_) => BARE_AGAIN,
                None => REFRESHED_AGAIN,
            };
            let aged = pause::span_until(since, now) / PART_OF_AGE;
            let rest = aged.clamp(least, REST_MAX);
            let read_at = money.and_then(|money| money.read_at);
            let rested = read_at.map(|read| pause::later(read, rest));
            schedules::hurry(app, dossier, rested.unwrap_or(now).max(now)).await?;
        }
    }
    Ok(())
}

/// Returns the first day after today on which a schedule opens what an invoice bills.
pub(super) fn opens_on(judged: &Judged, today: Date) -> Option<Date> {
    let Payload::Facture(facture) = &judged.completed else {
        return None;
    };
    let links = std::iter::once(&judged.link).chain(&judged.also);
    let schedules: Vec<&Echeancier> = links
        .filter_map(|link| link.facts.as_ref()?.money.echeancier.as_ref())
        .collect();
    let numeros = facture
        .lignes
        .iter()
        .filter_map(|ligne| ligne.numero_echeance);
    numeros
        .flat_map(|numero| schedules.iter().filter_map(move |known| known.find(numero)))
        .filter_map(|line| line.date_ouverture)
        .filter(|opening| *opening > today)
        .max()
}

/// What follows an attempt at an invoice: its schedules are read again.
pub(crate) async fn after(app: &App, verdict: &Verdict) {
    let delivery = &verdict.job.delivery;
    let moved = matches!(verdict.next(), Next::Delivered(_) | Next::Rejected(_));
    if moved && let Err(error) = taken(app, delivery, verdict.numeros().facture.as_deref()).await {
        tracing::warn!(delivery.id = %delivery.id, error = %error, "its schedules are read in their own time");
    }
}

/// Has the schedules read that an invoice will move, once the OPCO has it.
pub(crate) async fn taken(
    app: &App,
    delivery: &store::Delivery,
    numero_interne: Option<&str>,
) -> Result<(), StoreError> {
    let now = app.clock.now();
    let by = pause::later(now, app.settings.poll.first());
    let mut tx = app.store.writing().await?;
    if let Some(numero) = numero_interne {
        let told = invoices::Told {
            numero_interne: Some(numero.to_owned()),
            ..invoices::Told::default()
        };
        invoices::tell(&mut tx, delivery.tenant, delivery.id, &told, now).await?;
    }
    for contract in invoices::contracts(&mut tx, delivery.tenant, delivery.id).await? {
        let dossier = store::dossiers::of_contract(&mut tx, delivery.tenant, contract).await?;
        if let Some(dossier) = dossier {
            store::schedules::hurry(&mut tx, &dossier, by).await?;
        }
    }
    tx.commit().await
}

/// Returns whether a system lists invoices with their states.
pub(crate) fn lists_states(app: &App, view: &View, system: System) -> bool {
    plan::may(app, view, system, Capability::FacturesEtats)
}

/// Looks for an invoice whose answer was lost: in the list of invoices where there is one, else in
/// the schedules it must have moved.
pub(super) async fn look(context: &Attempt<'_>) -> Result<Outcome, Stop> {
    if mutation::planted(Mutation::InvoiceUnlooked) {
        return Ok(Outcome::Absent);
    }
    let app = context.app;
    let (follow, _) = send::opened(context).await?;
    let mut payload = follow.reading.payload.clone();
    let whose = Whose::sender_of(&context.job.delivery);
    let linked = link::find(app, &whose, &mut payload, follow.contract, follow.opco);
    let Linked::To(link) = linked.await.map_err(broken)? else {
        return Ok(blind("its number is that of several dossiers"));
    };
    let Payload::Facture(facture) = &payload else {
        return Ok(blind("not an invoice"));
    };
    let also = link::others(app, &whose, facture, &link, follow.opco);
    let also = also.await.map_err(broken)?.unwrap_or_default();
    link::complete(&mut payload, &link, &also);
    let Payload::Facture(facture) = &payload else {
        return Ok(blind("not an invoice"));
    };
    let links: Vec<&Link> = std::iter::once(&*link).chain(&also).collect();
    let seen = if lists_states(app, context.view, context.system) {
        in_list(context, facture, &links).await?
    } else {
        in_schedules(context, facture, &links).await?
    };
    match seen {
        Sighting::Found(seen) => found(context, *seen).await,
        other => Ok(other.outcome()),
    }
}

/// What bears our number with another content is a person's to judge.
async fn found(context: &Attempt<'_>, seen: Seen) -> Result<Outcome, Stop> {
    if seen.differences.is_empty() {
        let numero = seen.numeros.facture.as_deref();
        taken(context.app, &context.job.delivery, numero)
            .await
            .map_err(broken)?;
        return Ok(Outcome::Found(seen.receipt));
    }
    let words: Vec<&str> = seen.differences.iter().map(|one| one.as_str()).collect();
    let why = format!(
        "another invoice bears its number: {} differ",
        words.join(", ")
    );
    match step::other_content(Fault::new(FaultKind::Duplicate, why)) {
        Next::Hold(reason, fault) => Err(Stop::Hold(reason, fault)),
        _ => Ok(blind("another invoice bears its number")),
    }
}

async fn in_list(
    context: &Attempt<'_>,
    facture: &Facture,
    links: &[&Link],
) -> Result<Sighting, Stop> {
    let this = context.job.delivery.id;
    let bills = links.iter().filter_map(|link| link.facts.as_ref());
    let bills = bills.flat_map(|facts| &facts.money.bills);
    let known: Vec<&str> = bills
        .filter(|bill| bill.invoice.delivery != this)
        .filter_map(|bill| bill.invoice.numero_interne.as_deref())
        .collect();
    Ok(within(context, listed(context, facture, &known)).await)
}

/// Reads the list of invoices until ours is there.
async fn listed(context: &Attempt<'_>, facture: &Facture, known: &[&str]) -> Sighting {
    let is_there = |items: &[FactureEtat]| {
        let seen = opco::facture_among(facture, items, known);
        seen.is_some_and(|seen| seen.differences.is_empty())
    };
    let key = context.key.id.to_string();
    // The first call's turn is the claim's.
    let reader = reader(context, &key);
    match states::invoices(context.app, &reader, true, is_there).await {
        Ok(listed) => opco::facture_listed(facture, &listed, known),
        Err(unread) => Sighting::CouldNotTell(told(unread)),
    }
}

async fn in_schedules(
    context: &Attempt<'_>,
    facture: &Facture,
    links: &[&Link],
) -> Result<Sighting, Stop> {
    let app = context.app;
    if !opco::shows_in_schedule(facture) {
        // Ancillary costs and credit notes move nothing there: a replay tells, by its number.
        return Ok(Sighting::Absent);
    }
    let keys = &context.view.network.keys;
    let mut billed = Vec::with_capacity(links.len());
    let mut tx = app.store.reading().await.map_err(broken)?;
    // Not when its answer was lost: a reading made between the two shows the invoice already.
    let delivery = &context.job.delivery;
    let left = invoices::left_at(&mut tx, delivery.tenant, delivery.id);
    let left = left.await.map_err(broken)?;
    for link in links {
        let Some(dossier) = &link.dossier else {
            continue;
        };
        let before = before(&mut tx, keys, dossier, left);
        let before = before.await.map_err(broken)?;
        let numeros = (&dossier.numero_interne, &dossier.numero_externe);
        if let ((Some(interne), Some(externe)), Some(before)) = (numeros, before) {
            billed.push(Billed {
                numero_interne: interne.clone(),
                numero_externe: externe.clone(),
                before,
            });
        }
    }
    drop(tx);
    if billed.is_empty() {
        return Ok(Sighting::CouldNotTell(fault(
            "no schedule was read before it left",
        )));
    }
    Ok(within(context, moved(context, facture, &billed)).await)
}

/// Reads the schedules that an invoice bills and compares them with what they were.
async fn moved(context: &Attempt<'_>, facture: &Facture, billed: &[Billed]) -> Sighting {
    let version = plan::open_version(context.app, context.view, context.system);
    let version = version.unwrap_or(context.version);
    let mut turn_taken = true;
    let mut readings = Vec::with_capacity(billed.len());
    for one in billed {
        let operation = Operation::Detail {
            version,
            numero_interne: one.numero_interne.clone(),
        };
        match ask(context, &operation, std::mem::take(&mut turn_taken)).await {
            Ok(Answer::Detail(detail)) => readings.push((one, detail.echeancier)),
            Ok(_) => return Sighting::CouldNotTell(unreadable("not a dossier")),
            Err(fault) => return Sighting::CouldNotTell(fault),
        }
    }
    opco::facture_moved(facture, &readings)
}

/// Returns the schedule of a dossier as it was known when an invoice left.
async fn before(
    tx: &mut Tx,
    keys: &TenantKey,
    dossier: &store::Dossier,
    left_at: Option<Timestamp>,
) -> Result<Option<Echeancier>, StoreError> {
    let readings = store::schedules::snapshots(tx, dossier.tenant, dossier.id).await?;
    let mut known = readings
        .iter()
        .filter(|reading| left_at.is_none_or(|left| reading.first_seen_at <= left));
    Ok(known
        .next_back()
        .and_then(|reading| schedules::open(keys, reading)))
}

/// Who looks, for as long as the attempt lasts.
fn reader<'a>(context: &'a Attempt<'_>, key: &'a str) -> Reader<'a> {
    Reader {
        profile: context.profile,
        identity: &context.identity,
        system: context.system,
        version: context.version,
        key,
        deadline: context.deadline,
        view: context.view,
    }
}

/// Asks one thing of a look, in its turn.
async fn ask(
    context: &Attempt<'_>,
    operation: &Operation,
    turn_taken: bool,
) -> Result<Answer, Fault> {
    let key = context.key.id.to_string();
    let reader = reader(context, &key);
    let asked = states::ask(context.app, &reader, operation, turn_taken);
    asked.await.map_err(told)
}

fn told(unread: Unread) -> Fault {
    match unread {
        Unread::Fault(fault) => fault,
        Unread::NotBefore(_) => {
            Fault::new(FaultKind::Throttled, "the look did not fit into the limits")
        }
    }
}

/// Bounds a look by the attempt's deadline.
async fn within(context: &Attempt<'_>, look: impl Future<Output = Sighting>) -> Sighting {
    let app = context.app;
    let left = pause::span_until(app.clock.now(), context.deadline);
    match tokio::time::timeout(app.real(left), look).await {
        Ok(seen) => seen,
        Err(_) => Sighting::CouldNotTell(Fault::new(FaultKind::Unavailable, "no answer in time")),
    }
}

fn blind(why: &str) -> Outcome {
    Outcome::CouldNotTell(fault(why))
}

fn unreadable(why: &str) -> Fault {
    Fault::new(FaultKind::Unreadable, why)
}

fn fault(why: &str) -> Fault {
    Fault::new(FaultKind::Misconfigured, why)
}

#[cfg(test)]
mod tests;
