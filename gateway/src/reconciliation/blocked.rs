//! Money that no OPCO was asked for yet: invoices that wait, are held or were given up, with what they
//! bill.

use admin_api::books::{Blocked, Question, Stuck};
use domain::{HoldReason, WaitReason};
use store::StoreError;
use store::accounts::{self, Whose};

use crate::app::App;

/// Invoices opened for one answer.
const MOST: u32 = 4_000;

/// Counts the invoices that no OPCO has, by what keeps them here.
pub(crate) async fn blocked(app: &App, question: &Question) -> Result<Blocked, StoreError> {
    let network = app.views.network(app, question.tenant).await?;
    let shelf = app.papers.of(question.tenant);
    let whose = Whose {
        tenant: question.tenant,
        environment: question.environment,
        opco: question.opco,
        sites: question.sites.as_deref(),
    };
    let mut tx = app.store.reading().await?;
    let found = accounts::stuck(&mut tx, whose, MOST).await?;
    let mut blocked = Blocked {
        truncated: u32::try_from(found.len()).unwrap_or(MOST) >= MOST,
        ..Blocked::default()
    };
    for invoice in &found {
        if !invoice.there {
            shelf.forget(invoice.delivery);
            count(&mut blocked, invoice, 0);
            continue;
        }
        let opened = shelf.bill(&mut tx, &network.keys, question.tenant, invoice.delivery);
        let lines = opened.await?.unwrap_or_default();
        let cents = lines.iter().map(|ligne| ligne.cents);
        count(&mut blocked, invoice, cents.fold(0, i64::saturating_add));
    }
    Ok(blocked)
}

fn count(blocked: &mut Blocked, invoice: &accounts::Stuck, cents: i64) {
    let (wait, hold) = (invoice.wait, invoice.hold);
    let reason = wait
        .map(WaitReason::as_str)
        .or(hold.map(HoldReason::as_str));
    let stuck = blocked
        .by
        .entry((invoice.status.as_str(), reason))
        .or_insert(Stuck {
            status: invoice.status,
            wait,
            hold,
            count: 0,
            cents: 0,
        });
    stuck.count = stuck.count.saturating_add(1);
    stuck.cents = stuck.cents.saturating_add(cents);
}
