//! What a person of the dashboard decides: the same words in its forms and in documents.

use domain::id::OverrideId;
use domain::{Capability, Effect, Environment, Opco, Openness, Timestamp};
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde::Deserialize;
use store::overrides::Subject;
use utoipa::ToSchema;

use super::{DecisionError, Opened, Period};
use crate::decisions;
use crate::desk::Desk;
use crate::hand::Hand;
use crate::pages::keys::system;
use crate::refusal::{Code, Refusal, both};
use crate::viewer::Viewer;

/// A decision of a network about employers and rules.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "act", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Decision {
    /// Says the OPCO of an employer, before any other source.
    SayRoute {
        /// A SIRET, or a SIREN for the whole company.
        employer: String,
        #[schema(value_type = String, example = "akto")]
        opco: Opco,
        /// The first day; now when absent.
        #[schema(value_type = Option<String>, format = Date)]
        from: Option<Date>,
        /// The last day; no end when absent.
        #[schema(value_type = Option<String>, format = Date)]
        until: Option<Date>,
        /// Why, for the log.
        #[serde(default)]
        reason: String,
    },
    /// Ends it.
    EndRoute {
        #[schema(value_type = String, format = Uuid)]
        id: OverrideId,
        /// Why, for the log.
        #[serde(default)]
        reason: String,
    },
    /// Changes what a rule does.
    ChangeRule {
        /// The rule.
        #[schema(example = "DAT-003")]
        rule: String,
        /// `warn`, `wait`, `hold`, `conflict` or `refuse`.
        #[schema(value_type = String)]
        effect: Effect,
        /// Why, for the log.
        #[serde(default)]
        reason: String,
    },
    /// Gives it its own effect back.
    RestoreRule {
        /// The rule.
        rule: String,
        /// Why, for the log.
        #[serde(default)]
        reason: String,
    },
}

/// A decision of a network about OPCOs.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "act", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Opening {
    /// Says how far a flow is open at an OPCO, in place of the table that ships.
    Open {
        /// The OPCO, and its system where it has several: `akto`, `akto/2`.
        system: String,
        #[schema(value_type = String, example = "dossiers_v2")]
        capability: Capability,
        /// `production`, `recette`, `developpement` or `unknown`.
        #[schema(value_type = String)]
        openness: Openness,
        /// The first day; now when absent.
        #[schema(value_type = Option<String>, format = Date)]
        from: Option<Date>,
        /// The last day; no end when absent.
        #[schema(value_type = Option<String>, format = Date)]
        until: Option<Date>,
        /// Why, for the log.
        #[serde(default)]
        reason: String,
    },
    /// Ends it.
    EndFlow {
        #[schema(value_type = String, format = Uuid)]
        id: OverrideId,
        /// Why, for the log.
        #[serde(default)]
        reason: String,
    },
    /// Says when an OPCO is not to be called.
    Announce {
        /// The OPCO, and its system where it has several: `akto`, `akto/2`.
        system: String,
        #[schema(value_type = String)]
        environment: Environment,
        /// The hour it begins, in France.
        #[schema(value_type = String, example = "2026-09-05T20:00")]
        from: DateTime,
        /// The hour it ends, in France.
        #[schema(value_type = String, example = "2026-09-06T06:00")]
        until: DateTime,
        /// Why, for the log.
        #[serde(default)]
        reason: String,
    },
    /// Ends it before its hour: what waits leaves.
    EndWindow {
        #[schema(value_type = String, format = Uuid)]
        id: OverrideId,
        /// Why, for the log.
        #[serde(default)]
        reason: String,
    },
}

/// Decides about employers and rules.
pub(crate) async fn decide(
    desk: &Desk,
    viewer: &Viewer,
    decision: Decision,
) -> Result<(), Refusal> {
    let tenant = viewer.tenant();
    let mut tx = desk.store.writing().await?;
    match decision {
        Decision::SayRoute {
            employer,
            opco,
            from,
            until,
            reason,
        } => {
            let period = Period::of_days(desk.clock.now(), from, until);
            let said = both(subject(&employer), period);
            let ((subject, period), hand) = both(said, Hand::because(desk, viewer, &reason))?;
            decisions::say_route(&mut tx, tenant, (subject, opco), period, &hand).await?;
        }
        Decision::EndRoute { id, reason } => {
            let hand = Hand::because(desk, viewer, &reason)?;
            decisions::end_route(&mut tx, tenant, id, &hand).await?;
        }
        Decision::ChangeRule {
            rule,
            effect,
            reason,
        } => {
            let allowed = decisions::allowed(&rule, effect);
            let ((), hand) = both(allowed, Hand::because(desk, viewer, &reason))?;
            decisions::change_rule(&mut tx, tenant, (rule, effect), &hand).await?;
        }
        Decision::RestoreRule { rule, reason } => {
            let hand = Hand::because(desk, viewer, &reason)?;
            decisions::restore_rule(&mut tx, tenant, &rule, &hand).await?;
        }
    }
    Ok(tx.commit().await?)
}

/// Decides about OPCOs, for the network alone.
pub(crate) async fn say(desk: &Desk, viewer: &Viewer, opening: Opening) -> Result<(), Refusal> {
    let tenant = viewer.tenant();
    let at = |text: &str| {
        system(desk, text).ok_or_else(|| {
            Refusal::invalid("/system", "Cet OPCO n'en est pas un.", "This OPCO is none.")
        })
    };
    let mut tx = desk.store.writing().await?;
    match opening {
        Opening::Open {
            system,
            capability,
            openness,
            from,
            until,
            reason,
        } => {
            let period = Period::of_days(desk.clock.now(), from, until);
            let said = both(at(&system), period);
            let ((instance, period), hand) = both(said, Hand::because(desk, viewer, &reason))?;
            let opened = Opened {
                instance,
                capability,
                openness,
                label: None,
            };
            decisions::open(&mut tx, tenant, opened, period, &hand).await?;
        }
        Opening::EndFlow { id, reason } => {
            let hand = Hand::because(desk, viewer, &reason)?;
            decisions::end_opening(&mut tx, tenant, id, &hand).await?;
        }
        Opening::Announce {
            system,
            environment,
            from,
            until,
            reason,
        } => {
            let said = both(at(&system), span(desk.clock.now(), from, until));
            let ((instance, span), hand) = both(said, Hand::because(desk, viewer, &reason))?;
            let place = (instance, environment);
            decisions::announce(&mut tx, tenant, place, span, &hand).await?;
        }
        Opening::EndWindow { id, reason } => {
            let hand = Hand::because(desk, viewer, &reason)?;
            decisions::end_window(&mut tx, tenant, id, &hand).await?;
        }
    }
    Ok(tx.commit().await?)
}

/// Reads an employer as people write it: a SIRET, or a SIREN for the whole company.
fn subject(text: &str) -> Result<Subject, Refusal> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let establishment = digits.parse().map(Subject::Siret);
    let subject = establishment.or_else(|_| digits.parse().map(Subject::Siren));
    subject.map_err(|_| {
        Refusal::invalid(
            "/employer",
            "Ce n'est ni un SIRET ni un SIREN.",
            "This is neither a SIRET nor a SIREN.",
        )
    })
}

/// Reads two hours of France, of which the second is after the first and not over.
fn span(
    now: Timestamp,
    from: DateTime,
    until: DateTime,
) -> Result<(Timestamp, Timestamp), Refusal> {
    let (from, until) = both(in_france(from, "/from"), in_france(until, "/until"))?;
    decisions::in_order(now, from, until)?;
    Ok((from, until))
}

fn in_france(hour: DateTime, pointer: &'static str) -> Result<Timestamp, Refusal> {
    let read = TimeZone::get("Europe/Paris").and_then(|zone| hour.to_zoned(zone));
    read.map(|hour| hour.timestamp()).map_err(|_| {
        Refusal::invalid(
            pointer,
            "Cette heure est hors de ce que l'on compte : vérifiez l'année.",
            "This hour is beyond what is counted: check the year.",
        )
    })
}

impl From<DecisionError> for Refusal {
    fn from(error: DecisionError) -> Self {
        match error {
            DecisionError::Backwards => Self::invalid(
                "/until",
                "La période finit avant de commencer, ou elle est passée.",
                "The period ends before it begins, or it is over.",
            ),
            DecisionError::Rule(domain::rules::OverrideError::NotAllowed { .. }) => Self::invalid(
                "/effect",
                "Cette règle n'admet pas cet effet : elle dit ce que l'OPCO refuserait.",
                "This rule does not allow this effect: it says what the OPCO would refuse.",
            ),
            DecisionError::Rule(_) => Self::invalid(
                "/rule",
                "Cette règle est inconnue.",
                "This rule is unknown.",
            ),
            DecisionError::Said(opco) => {
                let opco = opco.name();
                Self::from(Code::Conflict)
                    .saying(
                        format!(
                            "Une décision est déjà en vigueur pour cet employeur sur ces jours ({opco}) : \
                             terminez-la d'abord, ou donnez des jours où elle ne vaut pas."
                        ),
                        format!(
                            "A decision is in force already for this employer on these days ({opco}): end \
                             it first, or give days on which it does not hold."
                        ),
                    )
                    .at("/employer")
            }
            DecisionError::Unknown => Code::NotFound.into(),
            DecisionError::Store(error) => error.into(),
        }
    }
}
