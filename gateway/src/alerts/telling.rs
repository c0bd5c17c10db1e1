//! Telling: what begins, grows and ends goes to the log, once, in the transaction that keeps that it was told.

use std::time::Duration;

use domain::Timestamp;
use domain::alert::{BREAKER_GRACE_S, Condition, Kept, Measure, Telling, telling};
use domain::id::{AlertId, TenantId};
use domain::person::Language;
use store::alerts::{self, Alert, Silence};
use store::{NewEvent, StoreError, Tx};

use super::letters;
use super::seen::{Found, Seen};
use crate::app::App;

/// Tells what is new of a network.
pub(super) async fn tell(app: &App, tenant: TenantId, seen: &Seen) -> Result<(), StoreError> {
    let ended: Vec<Alert> = seen
        .lasting
        .iter()
        .filter(|alert| is_gone(seen, alert))
        .cloned()
        .collect();
    if seen.found.is_empty() && ended.is_empty() {
        return Ok(());
    }
    let now = seen.now;
    let mut tx = app.store.writing().await?;
    let silences = alerts::silences(&mut tx, tenant, now).await?;
    let mut told = Vec::new();
    for found in &seen.found {
        let kept = seen.of(found.environment, found.condition, &found.subject);
        told.extend(keep(&mut tx, tenant, found, kept, &silences, now).await?);
    }
    for alert in ended {
        let unseen_since = before(now, alert.condition);
        let mine = alerts::end(&mut tx, tenant, alert.id, unseen_since, now).await?;
        if mine && alert.told > 0 {
            tracing::info!(tenant.id = %tenant, condition = alert.condition.as_str(), subject = %alert.subject,
                "an alert ended");
            let alert = Alert {
                cleared_at: Some(now),
                ..alert
            };
            store::events::append(&mut tx, tenant, &[event(&alert, "alert.cleared", now)]);
            let subject = alert.subject.to_string();
            let covers = |one: &Silence| one.covers(alert.environment, alert.condition, &subject);
            if !silences.iter().any(covers) {
                told.push(alert);
            }
        }
    }
    if app.mailer.is_some() {
        letters::write(&mut tx, tenant, &told, &app.link, now).await?;
    }
    tx.commit().await?;
    for raised in told.iter().filter(|alert| alert.cleared_at.is_none()) {
        app.metrics
            .alert_raised(raised.environment, raised.condition);
    }
    Ok(())
}

/// Returns whether what lasted was looked for and not found.
fn is_gone(seen: &Seen, alert: &Alert) -> bool {
    seen.judged.contains(&alert.condition)
        && !seen.found.iter().any(|found| {
            found.environment == alert.environment
                && found.condition == alert.condition
                && found.subject == alert.subject
        })
}

/// Since when nobody must have seen what has ended: each process sees the breakers of its own calls only.
fn before(now: Timestamp, condition: Condition) -> Timestamp {
    match condition {
        Condition::BreakerOpen => {
            let grace = u64::try_from(BREAKER_GRACE_S).unwrap_or_default();
            now.checked_sub(Duration::from_secs(grace)).unwrap_or(now)
        }
        _ => now,
    }
}

/// Keeps what was found, and tells what of it is new; returns what was told.
async fn keep(
    tx: &mut Tx,
    tenant: TenantId,
    found: &Found,
    kept: Option<&Alert>,
    silences: &[Silence],
    now: Timestamp,
) -> Result<Option<Alert>, StoreError> {
    let subject = found.subject.to_string();
    let muted = silences
        .iter()
        .any(|one| one.covers(found.environment, found.condition, &subject));
    let level = found.measure.level;
    let told = match kept {
        // Remembered, and not bad enough yet.
        _ if level == 0 => Telling::Begins,
        kept => telling(kept.map(|alert| Kept { told: alert.told }), level, muted),
    };
    let mut alert = kept.cloned().unwrap_or_else(|| Alert {
        tenant,
        id: AlertId::new(now),
        environment: found.environment,
        condition: found.condition,
        subject: found.subject.clone(),
        measure: found.measure,
        told: 0,
        began_at: now,
        seen_at: now,
        told_at: None,
        cleared_at: None,
    });
    if kept.is_none() && !alerts::begin(tx, &alert).await? {
        // Another replica was faster: the next round finds what it kept.
        return Ok(None);
    }
    alert.measure = found.measure;
    if kept.is_some() {
        alerts::seen(tx, tenant, alert.id, alert.measure, now).await?;
    }
    if let Telling::Raised(level) = told
        && alerts::raise(tx, tenant, alert.id, level, now).await?
    {
        tracing::warn!(tenant.id = %tenant, condition = alert.condition.as_str(), subject = %alert.subject,
            level, "an alert is raised");
        alert.told = level;
        store::events::append(tx, tenant, &[event(&alert, "alert.raised", now)]);
        return Ok(Some(alert));
    }
    Ok(None)
}

fn event(alert: &Alert, kind: &'static str, now: Timestamp) -> NewEvent {
    let Measure {
        level,
        value,
        usual,
    } = alert.measure;
    let instance = alert.subject.instance;
    NewEvent::new(now, kind).with(serde_json::json!({
        "environment": alert.environment,
        "alerte": alert.id,
        "condition": alert.condition,
        "libelle": alert.condition.name(Language::Fr),
        "resume": alert.condition.measured(alert.measure, Language::Fr),
        "gravite": alerts::severity(alert),
        "niveau": level,
        "siretCfa": alert.subject.site,
        "opco": instance.map(|instance| instance.opco.slug()),
        "instance": instance.map(|instance| instance.number),
        "detail": alert.subject.part,
        "valeur": value,
        "habituel": usual,
        "depuis": alert.began_at,
        "fin": alert.cleared_at,
    }))
}
