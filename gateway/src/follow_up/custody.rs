//! Payloads in custody already: judged again, or read back.

use domain::{Finding, Route};
use store::{Delivery, NewEvent, StoreError};

use super::{Whose, broken_by, judge, send, take};
use crate::app::App;
use crate::files::outgoing;
use crate::intake::Refused;
use crate::plan::{Plan, Way};

/// Judges again a delivery in custody. Nothing, when its payload is gone.
pub(crate) async fn again(
    app: &App,
    delivery: &Delivery,
) -> Result<Option<(Plan, Vec<Finding>)>, StoreError> {
    let keys = app.views.network(app, delivery.tenant).await?;
    let mut tx = app.store.reading().await?;
    let sealed = store::deliveries::payload(&mut tx, delivery.tenant, delivery.id).await?;
    let submission = store::deliveries::submission(&mut tx, delivery.tenant, delivery.id).await?;
    let file = outgoing::of(&mut tx, delivery).await?;
    drop(tx);
    let (Some(sealed), Some(submission)) = (sealed, submission) else {
        return Ok(None);
    };
    let Ok(mut follow) = send::open(&keys.keys, delivery.id, delivery.kind, &sealed) else {
        return Ok(None);
    };
    follow.opco = delivery.opco;
    follow.file = outgoing::facts(file.as_ref());
    let before: Option<Route> = serde_json::from_str(&submission.route_json).ok();
    if delivery.first_lost_at.is_some() {
        // It may be there already, which would speak against sending it: it is looked for.
        return Ok(before.map(|route| {
            let plan = Plan {
                route,
                target: delivery.target(),
                version: delivery.version,
                findings: Vec::new(),
                way: Way::Go,
            };
            (plan, Vec::new())
        }));
    }
    Ok(
        match Box::pin(judge(app, &Whose::sender_of(delivery), &follow)).await {
            Ok(judged) => {
                let plan = Plan {
                    route: take::route(&judged),
                    target: judged.target,
                    version: judged.version(),
                    findings: Vec::new(),
                    way: judged.way,
                };
                Some((plan, judged.findings))
            }
            Err(Refused::Store(error)) => {
                tracing::warn!(delivery.id = %delivery.id, error = %error, "not judged again");
                None
            }
            Err(Refused::Findings(findings)) => before.map(|route| {
                let plan = Plan {
                    route,
                    target: delivery.target(),
                    version: delivery.version,
                    findings: Vec::new(),
                    way: Way::Hold(broken_by(delivery.kind)),
                };
                (plan, findings)
            }),
            Err(_) => None,
        },
    )
}

/// Returns the payload of a delivery in custody, in its wire form. Opening it is itself on record.
/// Nothing, when it is gone.
pub(crate) async fn written(
    app: &App,
    delivery: &Delivery,
) -> Result<Option<serde_json::Value>, StoreError> {
    let network = app.views.network(app, delivery.tenant).await?;
    let mut tx = app.store.writing().await?;
    let sealed = store::deliveries::payload(&mut tx, delivery.tenant, delivery.id).await?;
    let Some(sealed) = sealed else {
        return Ok(None);
    };
    let opened = NewEvent::new(app.clock.now(), "payload.opened")
        .delivery(delivery.id)
        .with(serde_json::json!({"why": "same_call"}));
    store::events::append(&mut tx, delivery.tenant, &[opened]);
    tx.commit().await?;
    let opened = send::open(&network.keys, delivery.id, delivery.kind, &sealed);
    Ok(opened.ok().map(|follow| follow.reading.payload.write()))
}
