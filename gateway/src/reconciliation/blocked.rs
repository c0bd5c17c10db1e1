//! Money that no OPCO was asked for yet: invoices that wait, are held or were given up, with what they
//! bill.

use admin_api::books::{Blocked, Question, Stuck};
use domain::{Kind, Status};
use store::accounts;
use store::deliveries::{self, Filter, Page};
use store::{Delivery, StoreError};

use crate::app::App;

/// Invoices opened for one answer, of each status.
const MOST: u32 = 1_000;

/// What keeps an invoice here.
const STUCK: [Status; 4] = [Status::Held, Status::Unknown, Status::Waiting, Status::Dead];

/// Counts the invoices that no OPCO has, by what keeps them here.
pub(crate) async fn blocked(app: &App, question: &Question) -> Result<Blocked, StoreError> {
    let network = app.views.network(app, question.tenant).await?;
    let shelf = app.papers.of(question.tenant);
    let mut blocked = Blocked::default();
    for status in STUCK {
        let filter = Filter {
            environment: Some(question.environment),
            status: Some(status),
            kind: Some(Kind::Facture),
            opco: question.opco,
            sites: question.sites.clone(),
            ..Filter::default()
        };
        let page = Page {
            after: None,
            limit: MOST,
        };
        let mut tx = app.store.reading().await?;
        let found = deliveries::list(&mut tx, question.tenant, &filter, page).await?;
        blocked.truncated |= u32::try_from(found.len()).unwrap_or(MOST) >= MOST;
        let (Some(newest), Some(oldest)) = (found.first(), found.last()) else {
            continue;
        };
        let range = (oldest.id, newest.id);
        let openable = accounts::openable(&mut tx, question.tenant, status, range).await?;
        for delivery in &found {
            if !openable.contains(&delivery.id) {
                shelf.forget(delivery.id);
                count(&mut blocked, delivery, 0);
                continue;
            }
            let opened = shelf.bill(&mut tx, &network.keys, delivery.tenant, delivery.id);
            let lines = opened.await?.unwrap_or_default();
            let cents = lines.iter().map(|ligne| ligne.cents);
            count(&mut blocked, delivery, cents.fold(0, i64::saturating_add));
        }
    }
    Ok(blocked)
}

fn count(blocked: &mut Blocked, delivery: &Delivery, cents: i64) {
    let standing = &delivery.standing;
    let wait = standing.wait_reason;
    let hold = standing.hold_reason;
    let reason = wait
        .map(domain::WaitReason::as_str)
        .or(hold.map(domain::HoldReason::as_str));
    let stuck = blocked
        .by
        .entry((standing.status.as_str(), reason))
        .or_insert(Stuck {
            status: standing.status,
            wait,
            hold,
            count: 0,
            cents: 0,
        });
    stuck.count = stuck.count.saturating_add(1);
    stuck.cents = stuck.cents.saturating_add(cents);
}
