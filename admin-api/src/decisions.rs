//! What a network, or whoever runs the gateway, decides: an employer's OPCO, a rule's effect, what an OPCO
//! opened, when it is not to be called. Each with its author, its reason and its days. Used by the pages,
//! the admin API and the command line alike.

pub(crate) mod acts;

use domain::calendar::start_of_day_in_france;
use domain::id::OverrideId;
use domain::rules::{self, OverrideError};
use domain::{Capability, Effect, Environment, Instance, Opco, Openness, TenantId, Timestamp};
use jiff::civil::Date;
use serde_json::json;
use store::overrides::{self, RouteOverride, RuleOverride, Subject};
use store::switches::{self, CapabilitySwitch};
use store::windows::{self, Window};
use store::{StoreError, Tx, tenants};

use crate::hand::Hand;

/// From when, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// From when.
    pub from: Timestamp,
    /// Until when, exclusive.
    pub until: Option<Timestamp>,
}

/// What an OPCO opened, as somebody says it.
#[derive(Debug, Clone)]
pub struct Opened {
    /// The system.
    pub instance: Instance,
    /// What it can do.
    pub capability: Capability,
    /// How far it is open.
    pub openness: Openness,
    /// A label shown with it.
    pub label: Option<String>,
}

/// Why nothing was decided.
#[derive(Debug, thiserror::Error)]
pub enum DecisionError {
    /// The period ends before it begins, or is over.
    #[error("the period ends before it begins, or is over")]
    Backwards,
    /// The rule is none, or does not allow the effect.
    #[error(transparent)]
    Rule(#[from] OverrideError),
    /// Another decision holds for the same employer on some of the same days.
    #[error("the employer is said to be of {0} on some of these days")]
    Said(Opco),
    /// Nothing like it is in force.
    #[error("nothing like it is in force")]
    Unknown,
    /// The store cannot answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Period {
    /// Reads whole days in France; without a first one it begins now.
    ///
    /// # Errors
    /// When it ends before it begins.
    pub fn of_days(
        now: Timestamp,
        from: Option<Date>,
        until: Option<Date>,
    ) -> Result<Self, DecisionError> {
        let from = from.map_or(now, start_of_day_in_france);
        let until = match until {
            None => None,
            Some(last) => {
                let next = last.tomorrow().map_err(|_| DecisionError::Backwards)?;
                Some(start_of_day_in_france(next))
            }
        };
        if until.is_some_and(|until| until <= from) {
            return Err(DecisionError::Backwards);
        }
        Ok(Self { from, until })
    }
}

/// Says the OPCO of an employer, before any other source.
///
/// # Errors
/// When another decision says the OPCO of the same establishment, or of the same company, on some of the same
/// days: the router would follow the later one, and whoever reads the list would not know which.
pub async fn say_route(
    tx: &mut Tx,
    tenant: TenantId,
    (subject, opco): (Subject, Opco),
    period: Period,
    hand: &Hand,
) -> Result<RouteOverride, DecisionError> {
    let row = RouteOverride {
        tenant,
        id: OverrideId::new(hand.now),
        subject,
        opco,
        author: hand.author().to_owned(),
        reason: hand.reason.clone().unwrap_or_default(),
        from: period.from,
        until: period.until,
        created_at: hand.now,
    };
    let said = overrides::routes(tx, tenant)
        .await?
        .into_iter()
        .find(|one| {
            let over = one
                .until
                .is_some_and(|end| end <= hand.now || end <= row.from);
            let later = row.until.is_some_and(|end| end <= one.from);
            one.subject == row.subject && !over && !later
        });
    if let Some(said) = said {
        return Err(DecisionError::Said(said.opco));
    }
    overrides::put_route(tx, &row).await?;
    let (establishment, company) = match row.subject {
        Subject::Siret(siret) => (Some(siret), None),
        Subject::Siren(siren) => (None, Some(siren)),
    };
    let data = json!({
        "id": row.id, "siret": establishment, "siren": company, "opco": opco.slug(), "author": row.author,
        "from": row.from, "until": row.until,
    });
    hand.write(tx, tenant, "route_override.created", data);
    Ok(row)
}

/// Ends what was said of an employer.
///
/// # Errors
/// When nothing like it is in force.
pub async fn end_route(
    tx: &mut Tx,
    tenant: TenantId,
    id: OverrideId,
    hand: &Hand,
) -> Result<(), DecisionError> {
    if !overrides::end_route(tx, tenant, id, hand.now).await? {
        return Err(DecisionError::Unknown);
    }
    hand.write(
        tx,
        tenant,
        "route_override.ended",
        json!({ "override": id }),
    );
    Ok(())
}

/// Changes what a rule does in a network.
///
/// # Errors
/// When the rule is none, or does not allow the effect.
pub async fn change_rule(
    tx: &mut Tx,
    tenant: TenantId,
    (rule, effect): (String, Effect),
    hand: &Hand,
) -> Result<RuleOverride, DecisionError> {
    let asked = rules::Override {
        rule,
        effect,
        author: hand.author().to_owned(),
        reason: hand.reason.clone().unwrap_or_default(),
    };
    rules::Overrides::new(std::slice::from_ref(&asked))?;
    let row = RuleOverride {
        tenant,
        rule: asked.rule,
        effect: asked.effect,
        author: asked.author,
        reason: asked.reason,
        created_at: hand.now,
    };
    overrides::put_rule(tx, &row).await?;
    let data = json!({ "rule": row.rule, "effect": row.effect, "author": row.author });
    hand.write(tx, tenant, "rule_override.put", data);
    Ok(row)
}

/// Says whether a rule may have an effect, whoever says so and why.
pub(crate) fn allowed(rule: &str, effect: Effect) -> Result<(), DecisionError> {
    let asked = rules::Override {
        rule: rule.to_owned(),
        effect,
        author: "—".to_owned(),
        reason: "—".to_owned(),
    };
    rules::Overrides::new(&[asked])?;
    Ok(())
}

/// Gives a rule its own effect back.
///
/// # Errors
/// When it was not changed.
pub async fn restore_rule(
    tx: &mut Tx,
    tenant: TenantId,
    rule: &str,
    hand: &Hand,
) -> Result<(), DecisionError> {
    if !overrides::remove_rule(tx, tenant, rule).await? {
        return Err(DecisionError::Unknown);
    }
    hand.write(tx, tenant, "rule_override.removed", json!({ "rule": rule }));
    Ok(())
}

/// Says what an OPCO opened, in place of the table that ships: for one network, or by the platform for all.
///
/// # Errors
/// When the store cannot answer.
pub async fn open(
    tx: &mut Tx,
    tenant: TenantId,
    opened: Opened,
    period: Period,
    hand: &Hand,
) -> Result<CapabilitySwitch, DecisionError> {
    let row = CapabilitySwitch {
        id: OverrideId::new(hand.now),
        instance: opened.instance,
        capability: opened.capability,
        openness: opened.openness,
        author: hand.author().to_owned(),
        reason: hand.reason.clone().unwrap_or_default(),
        label: opened.label,
        from: period.from,
        until: period.until,
        created_at: hand.now,
    };
    if tenant == TenantId::PLATFORM {
        switches::put(tx, &row).await?;
    } else {
        switches::network::put(tx, tenant, &row).await?;
    }
    let data = json!({
        "id": row.id, "system": system(row.instance), "capability": row.capability,
        "openness": row.openness, "label": row.label, "author": row.author, "from": row.from,
        "until": row.until,
    });
    hand.write(tx, tenant, "capability_switch.created", data);
    Ok(row)
}

/// Ends what was said of an OPCO.
///
/// # Errors
/// When nothing like it is in force.
pub async fn end_opening(
    tx: &mut Tx,
    tenant: TenantId,
    id: OverrideId,
    hand: &Hand,
) -> Result<(), DecisionError> {
    let ended = if tenant == TenantId::PLATFORM {
        switches::end(tx, id, hand.now).await?
    } else {
        switches::network::end(tx, tenant, id, hand.now).await?
    };
    if !ended {
        return Err(DecisionError::Unknown);
    }
    hand.write(
        tx,
        tenant,
        "capability_switch.ended",
        json!({ "switch": id }),
    );
    Ok(())
}

/// Says when an OPCO is not to be called: what goes to it waits until the end.
///
/// # Errors
/// When it ends before it begins, or is over.
pub async fn announce(
    tx: &mut Tx,
    tenant: TenantId,
    (instance, environment): (Instance, Environment),
    (from, until): (Timestamp, Timestamp),
    hand: &Hand,
) -> Result<Window, DecisionError> {
    in_order(hand.now, from, until)?;
    let window = Window {
        tenant,
        id: OverrideId::new(hand.now),
        instance,
        environment,
        author: hand.author().to_owned(),
        reason: hand.reason.clone().unwrap_or_default(),
        from,
        until,
        created_at: hand.now,
    };
    windows::put(tx, &window).await?;
    let data = json!({
        "window": window.id, "system": system(instance), "environment": environment, "from": from,
        "until": until,
    });
    hand.write(tx, tenant, "opco_window.created", data);
    Ok(window)
}

/// Says whether works end after they begin, and not before now.
pub(crate) fn in_order(
    now: Timestamp,
    from: Timestamp,
    until: Timestamp,
) -> Result<(), DecisionError> {
    if until <= from || until <= now {
        return Err(DecisionError::Backwards);
    }
    Ok(())
}

/// Ends a network's window, or the platform's; what waited for its end leaves at once.
///
/// # Errors
/// When it is over already, or there is none.
pub async fn end_window(
    tx: &mut Tx,
    tenant: TenantId,
    id: OverrideId,
    hand: &Hand,
) -> Result<(), DecisionError> {
    let ended = windows::end(tx, tenant, id, hand.now).await?;
    let window = ended.ok_or(DecisionError::Unknown)?;
    let place = (window.instance, window.environment);
    let mut woken = 0_u64;
    for waiting in waiting(tx, tenant).await? {
        woken = woken.saturating_add(windows::wake(tx, waiting, place, hand.now).await?);
    }
    let data = json!({ "window": id, "woken": woken });
    hand.write(tx, tenant, "opco_window.ended", data);
    Ok(())
}

/// Returns for whom a window holds: the platform's for every network.
async fn waiting(tx: &mut Tx, tenant: TenantId) -> Result<Vec<TenantId>, StoreError> {
    if tenant != TenantId::PLATFORM {
        return Ok(vec![tenant]);
    }
    let all = tenants::networks(tx).await?;
    Ok(all.into_iter().map(|network| network.id).collect())
}

/// Writes a system as forms, documents and the command line do.
fn system(instance: Instance) -> String {
    match instance.number {
        1 => instance.opco.slug().to_owned(),
        number => format!("{}/{number}", instance.opco.slug()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_whole_in_france_and_end_after_they_begin() {
        let now: Timestamp = "2026-09-02T08:00:00Z".parse().unwrap();
        let day = |text: &str| Some(text.parse::<Date>().unwrap());
        let period = Period::of_days(now, None, day("2026-09-02")).unwrap();
        assert_eq!(period.from, now);
        assert_eq!(period.until.unwrap().to_string(), "2026-09-02T22:00:00Z");
        assert_eq!(Period::of_days(now, None, None).unwrap().until, None);
        for (from, until) in [
            (None, day("2026-09-01")),
            (day("2026-10-02"), day("2026-10-01")),
        ] {
            let read = Period::of_days(now, from, until);
            assert!(matches!(read, Err(DecisionError::Backwards)), "{from:?}");
        }
    }
}
