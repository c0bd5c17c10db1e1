//! The money of one dossier, opened and counted for whoever may see it.

use admin_api::books::{Billed, Books, Reading};
use domain::Capability;
use domain::calendar::day_in_france;
use domain::echeancier::{Echeancier, changes};
use store::schedules::Snapshot;
use store::{Dossier, NewEvent, StoreError, TenantKey};

use crate::app::App;
use crate::follow_up::facts::{self, Proofs};
use crate::money::Bill;
use crate::{countdowns, money, plan, schedules, system};

/// Opens the money of a dossier. Accounts and a disability are in it: whoever opens it is on record.
pub(crate) async fn open(app: &App, dossier: &Dossier, actor: &str) -> Result<Books, StoreError> {
    let (tenant, id) = (dossier.tenant, dossier.id);
    let view = app.views.of(app, tenant, dossier.siret_cfa).await?;
    let keys = &view.network.keys;
    let now = app.clock.now();
    let mut tx = app.store.writing().await?;
    let known = money::of(&mut tx, keys, dossier).await?;
    // After it: whatever was opened to tell the money is among them, and on record.
    let snapshots = store::schedules::snapshots(&mut tx, tenant, id).await?;
    let deadlines = countdowns::of_dossier(&mut tx, keys, dossier).await?;
    let proofs = if known.bills.is_empty() {
        None
    } else {
        facts::proofs(&mut tx, keys, dossier).await?
    };
    // Last, so that what it says of the last reading is never older than that reading.
    let plan = store::schedules::plan(&mut tx, tenant, id).await?;
    if !snapshots.is_empty() || !known.bills.is_empty() {
        let mut opened = NewEvent::new(now, "dossier.opened").by(actor.to_owned());
        opened.delivery = dossier.delivery;
        opened.dossier = Some(id);
        store::events::append(&mut tx, tenant, &[opened]);
    }
    tx.commit().await?;
    let auto = plan::may(
        app,
        &view,
        system::of_dossier(dossier),
        Capability::AutoEcheance1,
    );
    let schedule = known.echeancier.as_ref();
    let first = schedule.and_then(Echeancier::first_numero).unwrap_or(1);
    let today = day_in_france(now);
    let invoices = known.bills.iter();
    Ok(Books {
        facturable: schedule
            .map(|schedule| schedule.facturable(today, auto))
            .unwrap_or_default(),
        readings: readings(keys, &snapshots),
        deadlines,
        invoices: invoices
            .map(|bill| billed(bill, dossier, first, proofs.as_ref()))
            .collect(),
        plan,
        read_at: known.read_at,
        echeancier: known.echeancier,
    })
}

/// Returns every reading that told something new, with what changed from one to the next.
fn readings(keys: &TenantKey, snapshots: &[Snapshot]) -> Vec<Reading> {
    let mut before: Option<Echeancier> = None;
    let mut readings = Vec::with_capacity(snapshots.len());
    for snapshot in snapshots {
        let after = schedules::open(keys, snapshot);
        let both = before.as_ref().zip(after.as_ref());
        readings.push(Reading {
            seen_at: snapshot.first_seen_at,
            last_seen_at: snapshot.last_seen_at,
            changes: both
                .map(|(before, after)| changes(before, after))
                .unwrap_or_default(),
        });
        before = after.or(before);
    }
    readings
}

fn billed(bill: &Bill, dossier: &Dossier, first: i64, proofs: Option<&Proofs>) -> Billed {
    let numero_externe = dossier.numero_externe.as_deref();
    let uncertified = bill.uncertified(numero_externe, first);
    let lines = bill.lines(numero_externe).filter_map(|ligne| ligne.montant);
    Billed {
        total_cents: lines.fold(0, |sum, amount| sum.saturating_add(amount.cents)),
        certificate_awaited: proofs.map(|proofs| proofs.leave(&bill.invoice, &uncertified)),
        invoice: bill.invoice.clone(),
    }
}
