//! How long each class of data is kept, for programs.

use actix_web::{HttpResponse, web};
use domain::Timestamp;
use domain::person::Right;
use serde::Serialize;
use utoipa::ToSchema;

use crate::desk::Desk;
use crate::refusal::{self, Refusal};
use crate::viewer::Viewer;

/// The schedule, and what goes next.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RetentionSchedule)]
pub(crate) struct RetentionBody {
    /// Whether a NIR goes as soon as the OPCO has committed itself.
    nir_at_engagement: bool,
    /// How often finished data is looked through, in minutes.
    every_minutes: u64,
    classes: Vec<ClassBody>,
}

/// One class of data.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RetentionClass)]
pub(crate) struct ClassBody {
    /// `payloads`, `nirs`, `files`, `attempts`, `idempotency`, `strangers` or `readings`.
    class: &'static str,
    /// For how many days it is kept; nothing where it is for ever.
    days: Option<u32>,
    /// What ended before goes at the next round.
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_before: Option<Timestamp>,
    /// How many go by when, all of those before included.
    going: Vec<GoingBody>,
}

/// So many by then.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RetentionGoing)]
pub(crate) struct GoingBody {
    #[schema(value_type = String, format = DateTime)]
    by: Timestamp,
    count: u64,
}

/// Says how long each class of data is kept, and how many go next.
#[utoipa::path(
    get, path = "/admin/v1/retention", operation_id = "read_retention", tag = "privacy",
    responses(
        (status = 200, description = "Les durées.", body = RetentionBody),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
    ),
)]
pub(crate) async fn show(desk: web::Data<Desk>, viewer: Viewer) -> Result<HttpResponse, Refusal> {
    viewer.require(Right::ReadSettings)?;
    let schedule = desk.works.retention(viewer.tenant()).await?;
    let class = |class: &crate::privacy::Class| {
        let going = schedule.horizons.iter().zip(&class.going);
        ClassBody {
            class: class.word,
            days: class.days,
            ended_before: class.ended_before,
            going: going
                .map(|(by, count)| GoingBody {
                    by: *by,
                    count: *count,
                })
                .collect(),
        }
    };
    Ok(HttpResponse::Ok().json(RetentionBody {
        nir_at_engagement: schedule.nir_at_engagement,
        every_minutes: schedule.every_minutes,
        classes: schedule.classes.iter().map(class).collect(),
    }))
}
