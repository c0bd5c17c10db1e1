//! Dossiers an OPCO knows and no ERP sent, and the reverse, with the pairing proposed for each.

mod view;

use actix_web::{HttpRequest, HttpResponse, web};
use domain::id::{DeliveryId, DossierId};
use domain::orphan::{Action, Fate};
use domain::{Opco, Siret};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use self::view::OrphelinBody;
use super::body::JsonBody;
use super::caller::Caller;
use super::problem::{self, Code, Problem};
use super::{actions, page, words};
use crate::app::App;
use crate::orphans::{self, Cote, Question, Refusal, Request};

/// A page of orphans: those the OPCO knows first, then those it does not show, each newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Orphelins {
    /// The orphans.
    orphelins: Vec<OrphelinBody>,
    /// The cursor of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Which orphans.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Asked {
    /// Only those of this OPCO.
    #[param(value_type = Option<words::Opco>)]
    opco: Option<Opco>,
    /// Only those of this site (SIRET).
    #[param(value_type = Option<String>)]
    site: Option<Siret>,
    /// Only those of one side.
    #[param(inline)]
    side: Option<Cote>,
    /// What became of them, on the OPCO's side; `open` unless asked otherwise.
    #[param(value_type = Option<words::Fate>)]
    fate: Option<Fate>,
    /// How many on a page, from 1 to 200.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// Where the page starts, from `next` of the one before.
    cursor: Option<String>,
}

/// Why, and which contract it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrphelinAction {
    /// Why, for the log. Always required.
    #[schema(example = "déposé par l'employeur")]
    reason: Option<String>,
    /// The delivery of the contract that it is, for `adopt`; without one it is followed alone.
    #[schema(value_type = Option<String>, format = Uuid)]
    delivery_id: Option<DeliveryId>,
}

/// Lists orphans of both sides, each with the pairing proposed.
#[utoipa::path(
    get, path = "/api/v1/orphelins", operation_id = "list_orphelins", tag = "orphelins", params(Asked),
    responses(
        (status = 200, body = Orphelins, headers(("Link" = String, description = "La page suivante."))),
        (status = 400, response = problem::Refusal),
    ),
)]
pub(crate) async fn list(
    app: web::Data<App>,
    caller: Caller,
    asked: web::Query<Asked>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let question = Question {
        opco: asked.opco,
        site: asked.site,
        side: asked.side,
        fate: asked.fate.unwrap_or(Fate::Open),
        from: page::place(asked.cursor.as_deref())?,
        limit: page::limit(asked.limit)?,
    };
    let (listed, next) = orphans::list(&app, &caller.actor(), &question).await?;
    let orphelins = listed.iter().map(OrphelinBody::from).collect();
    let next = next.map(|place| page::cursor(&place.to_string()));
    let mut answer = HttpResponse::Ok();
    let link = next.as_deref().and_then(|next| page::link(&request, next));
    if let Some(link) = link {
        answer.insert_header(link);
    }
    Ok(answer.json(Orphelins { orphelins, next }))
}

/// Acts on a dossier that no ERP sent, in the name of who calls.
#[utoipa::path(
    post, path = "/api/v1/orphelins/{id}/actions/{action}", operation_id = "act_on_orphelin", tag = "orphelins",
    params(
        ("id" = String, Path, format = Uuid),
        ("action" = words::OrphanAction, Path),
    ),
    request_body = OrphelinAction,
    responses(
        (status = 200, description = "L'orphelin après l'action, sans les données de la personne.", body = OrphelinBody),
        (status = 400, response = problem::Refusal),
        (status = 404, response = problem::Refusal),
        (status = 409, response = problem::Refusal),
        (status = 422, response = problem::Refusal),
    ),
)]
pub(crate) async fn act(
    app: web::Data<App>,
    caller: Caller,
    place: web::Path<(DossierId, String)>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let (id, action) = place.into_inner();
    let action: Action = action.parse().map_err(|_| unknown())?;
    let body: OrphelinAction =
        serde_json::from_slice(&body.0).map_err(|error| actions::unreadable(&error))?;
    let asked = Request {
        action,
        reason: actions::reason(body.reason.as_deref())?,
        delivery: body.delivery_id,
    };
    let (stranger, delivery) = orphans::act(&app, &caller.actor(), id, asked).await?;
    Ok(HttpResponse::Ok().json(OrphelinBody::theirs(&stranger, None, None, delivery)))
}

fn unknown() -> Problem {
    let words: Vec<&str> = Action::ALL.iter().map(|action| action.as_str()).collect();
    let detail = format!("Action inconnue. Les actions : {}.", words.join(", "));
    Problem::new(Code::UnknownRoute, detail)
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unknown => Self::not_found(),
            Refusal::NotNow(fate) => {
                let words: Vec<&str> = fate.allowed().iter().map(|one| one.as_str()).collect();
                let may = match words.as_slice() {
                    [] => "aucune action n'est possible".to_owned(),
                    words => format!("actions possibles : {}", words.join(", ")),
                };
                Self::new(Code::WrongState, format!("Sort « {fate} » : {may}."))
            }
            Refusal::NoDelivery => Self::new(
                Code::IncompleteAction,
                "« delivery_id » n'accompagne que « adopt ».",
            )
            .pointer("/delivery_id"),
            Refusal::OnItsWay(status) => Self::new(
                Code::WrongState,
                format!(
                    "La livraison est à l'état « {status} » : attendez qu'elle arrive, ou qu'elle \
                     soit retenue."
                ),
            )
            .pointer("/delivery_id"),
            Refusal::Double(numero) => {
                let numero = numero.unwrap_or_default();
                let detail = format!(
                    "L'OPCO montre déjà ce contrat sous le numéro « {numero} » : ce dossier y fait \
                     double emploi. Demandez à l'OPCO d'annuler l'un des deux, puis écartez \
                     celui-ci (« ignore »)."
                );
                Self::new(Code::WrongState, detail).pointer("/delivery_id")
            }
            Refusal::Changed => Self::new(
                Code::WrongState,
                "Le dossier ou la livraison a changé entre-temps : relisez la liste avant d'agir.",
            ),
            Refusal::Store(error) => error.into(),
        }
    }
}
