//! Opening what is sealed of one delivery, for programs.

use actix_web::{HttpResponse, web};
use domain::id::DeliveryId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::desk::Desk;
use crate::form::Document;
use crate::privacy::{Line, Opened};
use crate::refusal::{self, Refusal};
use crate::rights;
use crate::viewer::Viewer;

/// What to open, and why.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = Opening)]
pub(crate) struct OpeningBody {
    /// `payload`, `file`, or `certificate`: the one that the gateway writes.
    what: String,
    /// The file, for `file`.
    #[schema(format = Uuid)]
    file: Option<String>,
    /// Why: it goes into the log. Name nobody.
    reason: String,
}

/// A payload, opened.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenedPayload)]
pub(crate) struct PayloadBody {
    /// The payload of the norm; NIR, accounts and disability masked.
    payload: serde_json::Value,
    /// What its codes stand for.
    codes: Vec<CodeBody>,
}

/// A code of the form.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PayloadCode)]
pub(crate) struct CodeBody {
    /// Where it is in the payload, as a JSON Pointer.
    #[schema(example = "/cerfa/apprenti/nationalite")]
    pointer: String,
    /// The code.
    #[schema(example = "1")]
    code: String,
    /// What it stands for, in French, in this edition of the form.
    #[schema(example = "Française")]
    label: &'static str,
}

fn code(line: Line) -> Option<CodeBody> {
    let (label, _) = line.stands_for?;
    Some(CodeBody {
        pointer: line.pointer,
        code: line.value,
        label,
    })
}

/// Opens something sealed of a delivery: a payload as JSON, a file as its bytes. Who did and why is on record
/// (`payload.opened`), also in the delivery's history.
#[utoipa::path(
    post, path = "/admin/v1/deliveries/{id}/open", operation_id = "open_sealed", tag = "audit",
    params(("id" = String, Path, format = Uuid)), request_body = OpeningBody,
    responses(
        (status = 200, description = "Le contenu.", body = PayloadBody),
        (status = 400, response = refusal::Refused),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
        (status = 404, response = refusal::Refused),
    ),
)]
pub(crate) async fn open(
    desk: web::Data<Desk>,
    viewer: Viewer,
    id: web::Path<DeliveryId>,
    asked: Document<OpeningBody>,
) -> Result<HttpResponse, Refusal> {
    let what = rights::what(&asked.what, asked.file.as_deref())?;
    let (_, opened) = rights::open(&desk, &viewer, *id, (what, &asked.reason)).await?;
    Ok(match opened {
        Opened::Payload(clear) => HttpResponse::Ok().json(PayloadBody {
            codes: clear.lines.into_iter().filter_map(code).collect(),
            payload: clear.json,
        }),
        Opened::File(download) => rights::sent(download),
    })
}
