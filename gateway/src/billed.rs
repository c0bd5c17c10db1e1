//! Where invoices stand at their OPCO: as its list says, or as the schedules show where it has none
//! (protocol §8). What is not told changes nothing.

use domain::echeancier::{Echeancier, EtatFacture, Movement, derived, movement};
use domain::facture_etat::FactureEtat;
use domain::{Kind, Status, Timestamp};
use opco::{Profile, Refus};
use store::invoices::{self, Invoice, Told};
use store::read_jobs::ReadKey;
use store::{Dossier, NewEvent, StoreError, TenantKey, Tx};

use crate::app::App;
use crate::money::{self, Bill};
use crate::states::{self, Account, Reader, Unread};
use crate::{follow_up, refusals, schedules};

/// Reads the list of invoices of a site, when it has any that are not settled and the OPCO has such
/// a list.
pub(crate) async fn listed(
    app: &App,
    key: &ReadKey,
    account: &Account<'_>,
    reader: &Reader<'_>,
) -> Result<(), Unread> {
    if !follow_up::invoice::lists_states(app, &account.view, account.system) {
        return Ok(());
    }
    let open = match unsettled(app, key).await {
        Ok(open) => open,
        Err(error) => {
            tracing::warn!(error = %error, "the invoices of a site could not be found");
            return Ok(());
        }
    };
    if open.is_empty() {
        return Ok(());
    }
    let found = states::invoices(app, reader, false, |_| false).await?.items;
    let now = app.clock.now();
    if let Err(error) = apply(app, (key, account.profile), &open, &found, now).await {
        tracing::warn!(error = %error, "the states of invoices could not be written");
    }
    Ok(())
}

async fn unsettled(app: &App, key: &ReadKey) -> Result<Vec<Invoice>, StoreError> {
    let mut tx = app.store.reading().await?;
    invoices::open_at(&mut tx, key).await
}

/// Writes what the list says of our invoices.
async fn apply(
    app: &App,
    (key, profile): (&ReadKey, &Profile),
    open: &[Invoice],
    listed: &[FactureEtat],
    now: Timestamp,
) -> Result<(), StoreError> {
    let keys = app.store.keys(key.tenant).await?;
    let mut tx = app.store.writing().await?;
    let mut events = Vec::new();
    // The oldest first, as an erasure takes them: neither waits for the other in a circle.
    for invoice in open.iter().rev() {
        let Some(item) = find(invoice, listed) else {
            continue;
        };
        let etat = item.etat();
        if etat.is_none() && item.etat_facture.is_some() && item.etat_facture != invoice.etat_raw {
            tracing::warn!(delivery.id = %invoice.delivery, "an OPCO spells a state of an invoice nobody knows");
        }
        // Somebody it bills was erased: what is said of it may tell of them.
        store::privacy::hold_words(&mut tx, key.tenant, invoice.delivery).await?;
        let wordless = store::privacy::is_wordless(&mut tx, key.tenant, invoice.delivery).await?;
        let commentaire = item.commentaire.as_deref().filter(|_| !wordless);
        let told = Told {
            etat,
            etat_raw: item.etat_facture.clone(),
            numero_interne: item.numero_interne_facture.clone(),
            reference_virement: item.reference_virement.clone(),
            paid_on: item.date_reglement,
            commentaire: commentaire.map(opco::said),
        };
        let void = etat.is_some_and(EtatFacture::is_void) && etat != invoice.etat;
        let mut refus = match item.commentaire.as_deref().filter(|_| void) {
            Some(text) => Refus::told(profile, text),
            None => Refus::default(),
        };
        if wordless {
            refus.unknown.clear();
        }
        if void {
            let about = refusals::About {
                opco: key.instance.opco,
                environment: key.environment,
                kind: Kind::Facture,
                delivery: invoice.delivery,
            };
            app.metrics.refusals(about.opco, &refus);
            refusals::keep(&mut tx, &keys, &about, &refus, now).await?;
        }
        let why = refus.known.first().map(|known| known.as_str());
        tell(&mut tx, key, (invoice, &told), why, &mut events, now).await?;
    }
    store::events::append(&mut tx, key.tenant, &events);
    tx.commit().await
}

/// Finds an invoice of ours in the list: by the OPCO's number, else by ours. One refused before it was
/// corrected bears our number too, under another number of the OPCO's.
fn find<'a>(invoice: &Invoice, listed: &'a [FactureEtat]) -> Option<&'a FactureEtat> {
    if invoice.numero_interne.is_some() {
        let same = |item: &&FactureEtat| item.numero_interne_facture == invoice.numero_interne;
        return listed.iter().find(same);
    }
    let mut named = listed.iter().filter(|item| {
        let emitter = item.organisme_formation.siret;
        let numero = item.reference_facture_cfa.as_deref().map(str::trim);
        numero == Some(invoice.numero.trim())
            && emitter.is_none_or(|emitter| emitter == invoice.siret_emetteur)
    });
    let first = named
        .clone()
        .find(|item| !item.etat().is_some_and(EtatFacture::is_void));
    first.or_else(|| named.next_back())
}

/// Derives where invoices stand from the schedule that was just read, where there is no list.
pub(crate) async fn seen(
    tx: &mut Tx,
    keys: &TenantKey,
    (key, dossier): (&ReadKey, &Dossier),
    events: &mut Vec<NewEvent>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let bills = money::bills(tx, keys, dossier).await?;
    for bill in &bills {
        let invoice = &bill.invoice;
        let settled = matches!(
            invoice.etat,
            Some(EtatFacture::Regle | EtatFacture::Rejete | EtatFacture::Annule)
        );
        if invoice.status != Status::Delivered || settled {
            continue;
        }
        let Some(moved) = moved(tx, keys, key, bill).await? else {
            continue;
        };
        let etat = match derived(moved, invoice.etat) {
            EtatFacture::Inconnu => continue,
            // What is no more under review was given back, not refused.
            EtatFacture::Rejete if bills.iter().any(|note| note.corrects(bill)) => {
                EtatFacture::Annule
            }
            etat => etat,
        };
        let told = Told {
            etat: Some(etat),
            ..Told::default()
        };
        tell(tx, key, (invoice, &told), None, events, now).await?;
    }
    Ok(())
}

/// Measures what of an invoice is seen in the schedules of all its dossiers since it left. Nothing
/// when one of them was not read before it did.
async fn moved(
    tx: &mut Tx,
    keys: &TenantKey,
    key: &ReadKey,
    bill: &Bill,
) -> Result<Option<Movement>, StoreError> {
    let Some(facture) = &bill.facture else {
        return Ok(None);
    };
    let invoice = &bill.invoice;
    let left = invoices::left_at(tx, key.tenant, invoice.delivery).await?;
    let Some(left) = left.or(invoice.finished_at) else {
        return Ok(None);
    };
    let mut whole = Movement::default();
    for contract in invoices::contracts(tx, key.tenant, invoice.delivery).await? {
        let Some(dossier) = store::dossiers::of_contract(tx, key.tenant, contract).await? else {
            return Ok(None);
        };
        let readings = store::schedules::snapshots(tx, key.tenant, dossier.id).await?;
        let before = readings
            .iter()
            .rfind(|reading| reading.first_seen_at <= left);
        let open = |reading| schedules::open(keys, reading);
        let (Some(before), Some(after)) = (before.and_then(open), readings.last().and_then(open))
        else {
            return Ok(None);
        };
        let one = of_dossier(facture, &dossier, &before, &after);
        whole.billed_cents = whole.billed_cents.saturating_add(one.billed_cents);
        whole.paid_cents = whole.paid_cents.saturating_add(one.paid_cents);
        whole.under_review_cents = whole
            .under_review_cents
            .saturating_add(one.under_review_cents);
    }
    Ok(Some(whole))
}

/// A line without a number is of the only dossier that the invoice bills.
fn of_dossier(
    facture: &domain::payload::Facture,
    dossier: &Dossier,
    before: &Echeancier,
    after: &Echeancier,
) -> Movement {
    let Some(numero) = dossier.numero_externe.as_deref() else {
        return Movement::default();
    };
    let mut named = facture.clone();
    for ligne in &mut named.lignes {
        ligne
            .numero_dossier
            .get_or_insert_with(|| numero.to_owned());
    }
    movement(&named, numero, before, after)
}

/// Keeps what is told of an invoice, and says so when its state is another.
async fn tell(
    tx: &mut Tx,
    key: &ReadKey,
    (invoice, told): (&Invoice, &Told),
    why: Option<&'static str>,
    events: &mut Vec<NewEvent>,
    now: Timestamp,
) -> Result<(), StoreError> {
    invoices::tell(tx, key.tenant, invoice.delivery, told, now).await?;
    let Some(etat) = told.etat.filter(|etat| invoice.etat != Some(*etat)) else {
        return Ok(());
    };
    for contract in invoices::contracts(tx, key.tenant, invoice.delivery).await? {
        // What was paid or given up is in the schedule now.
        if let Some(dossier) = store::dossiers::of_contract(tx, key.tenant, contract).await? {
            store::schedules::hurry(tx, &dossier, now).await?;
        }
    }
    let mut data = serde_json::json!({
        "numero": invoice.numero,
        "before": invoice.etat,
        "etat": etat,
        "referenceVirement": told.reference_virement,
        "dateReglement": told.paid_on,
    });
    if let (Some(why), Some(data)) = (why.filter(|_| etat.is_void()), data.as_object_mut()) {
        data.insert("motif".to_owned(), why.into());
    }
    events.push(
        NewEvent::new(now, "facture.etat_changed")
            .delivery(invoice.delivery)
            .with(data),
    );
    Ok(())
}
