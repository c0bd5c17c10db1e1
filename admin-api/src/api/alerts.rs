//! The alerts, for programs.

use actix_web::{HttpResponse, web};
use domain::alert::{Condition, Severity};
use domain::id::AlertId;
use domain::{Opco, Siret, Timestamp};
use serde::{Deserialize, Serialize};
use store::alerts::choices::Choice;
use utoipa::ToSchema;

use crate::alerts::{self, Asked, Shown};
use crate::desk::Desk;
use crate::form::Document;
use crate::refusal::{self, Refusal};
use crate::viewer::Viewer;

/// The alerts of a world.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Alerts {
    /// Those that last, the gravest first.
    lasting: Vec<AlertBody>,
    /// Those that ended, the newest first.
    ended: Vec<AlertBody>,
    /// The `before` of the next page; null when there is none.
    #[schema(value_type = Option<String>, format = Uuid)]
    next: Option<AlertId>,
}

/// One time that something was wrong.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Alert)]
struct AlertBody {
    #[schema(value_type = String, format = Uuid)]
    id: AlertId,
    /// What is wrong.
    #[schema(value_type = String, example = "sender_silent")]
    condition: Condition,
    /// `notice`, `warning` or `critical`.
    #[schema(value_type = String)]
    severity: Severity,
    /// Which of its steps it has reached.
    level: u8,
    /// The site it is about.
    #[schema(value_type = Option<String>)]
    siret_cfa: Option<Siret>,
    /// The OPCO it is about.
    #[schema(value_type = Option<String>)]
    opco: Option<Opco>,
    instance: Option<u16>,
    /// What of it: the code of a refusal, how slow.
    part: Option<String>,
    /// What was measured: days, hours, thousandths, seconds, how many, as the condition counts.
    value: i64,
    /// What past weeks show, where the condition compares.
    usual: Option<i64>,
    #[schema(value_type = String, format = DateTime)]
    began_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    cleared_at: Option<Timestamp>,
    /// Until when a person silenced it.
    #[schema(value_type = Option<String>, format = DateTime)]
    silenced_until: Option<Timestamp>,
    /// Why.
    silence_reason: Option<String>,
}

/// A wish to hear no more of it for a while.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SilenceWish {
    /// For how many hours, from 1 to 2160.
    hours: u64,
    /// Why: it is on record.
    reason: String,
}

/// A wish to hear of it again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SpeakWish {
    /// Why: it is on record.
    reason: String,
}

/// What one wants by mail.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AlertChoice {
    /// From how grave on: `notice`, `warning` or `critical`; null for none.
    #[schema(value_type = Option<String>)]
    least: Option<Severity>,
    /// Whether the daily report comes.
    report: bool,
}

impl From<Shown> for AlertBody {
    fn from(shown: Shown) -> Self {
        let alert = shown.alert;
        let instance = alert.subject.instance;
        Self {
            id: alert.id,
            condition: alert.condition,
            severity: shown.severity,
            level: alert.measure.level,
            siret_cfa: alert.subject.site,
            opco: instance.map(|instance| instance.opco),
            instance: instance.map(|instance| instance.number),
            part: alert.subject.part,
            value: alert.measure.value,
            usual: alert.measure.usual,
            began_at: alert.began_at,
            cleared_at: alert.cleared_at,
            silenced_until: shown.silence.as_ref().map(|silence| silence.ends_at),
            silence_reason: shown.silence.map(|silence| silence.reason),
        }
    }
}

/// Lists what lasts and what ended.
#[utoipa::path(
    get, path = "/admin/v1/alerts", operation_id = "list_alerts", tag = "alertes",
    params(
        ("world" = Option<String>, Query, description = "`live` or `test`."),
        ("before" = Option<String>, Query, description = "The `next` of the page before."),
    ),
    responses(
        (status = 200, description = "Les alertes.", body = Alerts),
        (status = 400, response = refusal::Refused),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
    ),
)]
pub(crate) async fn list(
    desk: web::Data<Desk>,
    viewer: Viewer,
    asked: web::Query<Asked>,
) -> Result<HttpResponse, Refusal> {
    let board = alerts::read(&desk, &viewer, &asked).await?;
    Ok(HttpResponse::Ok().json(Alerts {
        lasting: board.lasting.into_iter().map(AlertBody::from).collect(),
        ended: board.ended.into_iter().map(AlertBody::from).collect(),
        next: board.next,
    }))
}

/// Silences one that lasts, for so many hours, with a reason.
#[utoipa::path(
    post, path = "/admin/v1/alerts/{id}/silence", operation_id = "silence_alert", tag = "alertes",
    params(("id" = String, Path, description = "The alert.")),
    request_body = SilenceWish,
    responses(
        (status = 204, description = "Fait."),
        (status = 400, response = refusal::Refused),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
        (status = 404, response = refusal::Refused),
        (status = 409, response = refusal::Refused),
    ),
)]
pub(crate) async fn silence(
    desk: web::Data<Desk>,
    viewer: Viewer,
    id: web::Path<AlertId>,
    wish: Document<SilenceWish>,
) -> Result<HttpResponse, Refusal> {
    alerts::silence(&desk, &viewer, *id, wish.hours, &wish.reason).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Ends the silence of one now.
#[utoipa::path(
    post, path = "/admin/v1/alerts/{id}/speak", operation_id = "unsilence_alert", tag = "alertes",
    params(("id" = String, Path, description = "The alert.")),
    request_body = SpeakWish,
    responses(
        (status = 204, description = "Fait."),
        (status = 400, response = refusal::Refused),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
        (status = 404, response = refusal::Refused),
        (status = 409, response = refusal::Refused),
    ),
)]
pub(crate) async fn speak(
    desk: web::Data<Desk>,
    viewer: Viewer,
    id: web::Path<AlertId>,
    wish: Document<SpeakWish>,
) -> Result<HttpResponse, Refusal> {
    alerts::speak(&desk, &viewer, *id, &wish.reason).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Reads what one wants by mail oneself.
#[utoipa::path(
    get, path = "/admin/v1/alerts/choice", operation_id = "read_alert_choice", tag = "alertes",
    responses(
        (status = 200, description = "Le choix.", body = AlertChoice),
        (status = 401, response = refusal::Refused),
    ),
)]
pub(crate) async fn choice(desk: web::Data<Desk>, viewer: Viewer) -> Result<HttpResponse, Refusal> {
    let choice = alerts::choice(&desk, &viewer).await?;
    Ok(HttpResponse::Ok().json(AlertChoice {
        least: choice.least,
        report: choice.report,
    }))
}

/// Chooses what one wants by mail oneself.
#[utoipa::path(
    put, path = "/admin/v1/alerts/choice", operation_id = "choose_alerts", tag = "alertes",
    request_body = AlertChoice,
    responses(
        (status = 204, description = "Fait."),
        (status = 400, response = refusal::Refused),
        (status = 401, response = refusal::Refused),
    ),
)]
pub(crate) async fn choose(
    desk: web::Data<Desk>,
    viewer: Viewer,
    wish: Document<AlertChoice>,
) -> Result<HttpResponse, Refusal> {
    let choice = Choice {
        least: wish.least,
        report: wish.report,
    };
    alerts::choose(&desk, &viewer, choice).await?;
    Ok(HttpResponse::NoContent().finish())
}
