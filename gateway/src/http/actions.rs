//! What a person does to a delivery that waits for one. What each action means is in `actions`.

use actix_web::{HttpRequest, HttpResponse, web};
use domain::delivery::Action;
use domain::id::DeliveryId;
use domain::identifiers::holds_number;
use domain::{Opco, Receipt};
use serde::Deserialize;
use utoipa::ToSchema;

use super::body::JsonBody;
use super::caller::Caller;
use super::deliveries::{self, DeliveryDetail};
use super::problem::{self, Code, Problem};
use super::{envelope, request_log, words};
use crate::actions::{self, Refusal, Request};
use crate::app::App;
use crate::intake::Mandate;

/// Why, and what the action needs.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ActionBody {
    /// Why, for the log. Always required.
    #[schema(example = "mandat reçu par courriel")]
    reason: Option<String>,
    /// Which OPCO, for `choose-opco`.
    #[schema(value_type = Option<words::Opco>)]
    opco: Option<String>,
    /// The mandate, for `complete` of a delivery without one.
    #[schema(value_type = Option<MandatBody>)]
    mandat: Option<serde_json::Value>,
    /// The OPCO's technical number, for `confirm-sent`.
    numero_interne: Option<String>,
    /// The OPCO's number of the business exchange, for `confirm-sent`.
    numero_externe: Option<String>,
    /// The State's deposit number, for `confirm-sent`.
    numero_deca: Option<String>,
}

/// A management mandate (mandat de gestion).
#[derive(Debug, ToSchema)]
#[schema(as = Mandat)]
#[expect(
    dead_code,
    reason = "describes, in the published document, what `envelope` reads"
)]
pub(crate) struct MandatBody {
    /// The sender's reference.
    #[schema(max_length = 100)]
    reference: String,
    /// The day it was signed.
    #[schema(value_type = String, format = Date)]
    date: String,
    /// The SHA-256 of the signed document, in hexadecimal.
    #[schema(pattern = "^[0-9a-fA-F]{64}$")]
    empreinte: Option<String>,
}

/// The longest reason.
const REASON_CHARS_MAX: usize = 500;
/// The longest number of an OPCO.
const NUMBER_CHARS_MAX: usize = 64;

/// What is asked, read.
#[derive(Debug)]
struct Asked {
    reason: String,
    opco: Option<Opco>,
    mandate: Option<Mandate>,
    receipt: Receipt,
}

impl Asked {
    fn request(self, action: Action) -> Request {
        let receipt = Some(self.receipt).filter(|receipt| *receipt != Receipt::default());
        Request {
            action,
            reason: self.reason,
            opco: self.opco,
            mandate: self.mandate,
            receipt,
            turn: None,
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unknown => Self::not_found(),
            Refusal::NotNow { status, allowed } => {
                let words: Vec<&str> = allowed.iter().map(|action| action.as_str()).collect();
                let may = match words.as_slice() {
                    [] => "aucune action n'est possible".to_owned(),
                    words => format!("actions possibles : {}", words.join(", ")),
                };
                Self::new(Code::WrongState, format!("État « {status} » : {may}."))
            }
            Refusal::Missing(pointer) => {
                Self::new(Code::IncompleteAction, format!("Il manque « {pointer} »."))
                    .pointer(pointer)
            }
            Refusal::Changed => Self::new(
                Code::WrongState,
                "La livraison a changé entre-temps : relisez-la avant d'agir.",
            ),
            Refusal::NumberTaken(other) => {
                let whose = other.map_or_else(
                    || "d'une autre livraison de ce réseau".to_owned(),
                    |id| format!("de la livraison {id}"),
                );
                let detail = format!(
                    "Ce « numero_interne » est déjà celui {whose} : vérifiez-le auprès de l'OPCO, \
                     ou annulez cette livraison si elle fait double emploi."
                );
                let problem = Self::new(Code::WrongState, detail).pointer("/numero_interne");
                match other {
                    Some(id) => problem.delivery(id),
                    None => problem,
                }
            }
            Refusal::Store(error) => error.into(),
        }
    }
}

/// Acts on a delivery, in the name of who calls.
#[utoipa::path(
    post, path = "/api/v1/deliveries/{id}/actions/{action}", operation_id = "act_on_delivery", tag = "deliveries",
    params(
        ("id" = String, Path, format = Uuid),
        ("action" = words::Action, Path),
    ),
    request_body = ActionBody,
    responses(
        (status = 200, description = "La livraison après l'action.", body = DeliveryDetail),
        (status = 400, response = problem::Refusal),
        (status = 404, response = problem::Refusal),
        (status = 409, response = problem::Refusal),
        (status = 422, response = problem::Refusal),
    ),
)]
pub(crate) async fn act(
    app: web::Data<App>,
    caller: Caller,
    place: web::Path<(DeliveryId, String)>,
    request: HttpRequest,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let (id, action) = place.into_inner();
    request_log::about(&request, id);
    let action: Action = action.parse().map_err(|_| unknown(&action))?;
    let asked = read(&body.0)?;
    actions::act(&app, &caller.actor(), id, asked.request(action)).await?;
    let detail = deliveries::detail(&app, &caller, id).await?;
    Ok(HttpResponse::Ok().json(detail))
}

/// Names the action that does not exist, and those that do.
fn unknown(action: &str) -> Problem {
    let named: String = action
        .chars()
        .filter(|c| !c.is_control())
        .take(40)
        .collect();
    let words: Vec<&str> = Action::ALL.iter().map(|action| action.as_str()).collect();
    let detail = format!(
        "Action inconnue : « {named} ». Les actions : {}.",
        words.join(", ")
    );
    Problem::new(Code::UnknownRoute, detail)
}

/// Reads what is asked; whether the action has what it needs is for `actions` to say.
fn read(body: &[u8]) -> Result<Asked, Problem> {
    let body: ActionBody = serde_json::from_slice(body).map_err(|error| unreadable(&error))?;
    let reason = reason(body.reason.as_deref())?;
    let mut findings = Vec::new();
    let members = [body.mandat, body.opco.map(serde_json::Value::String)];
    let envelope = envelope::of_members(members, &envelope::Envelope::default(), &mut findings);
    if !findings.is_empty() {
        return Err(Problem::plain(Code::IncompleteAction).findings(&findings));
    }
    Ok(Asked {
        reason,
        opco: envelope.opco,
        mandate: envelope.mandate,
        receipt: Receipt {
            numero_interne: number(body.numero_interne, "/numero_interne")?,
            numero_externe: number(body.numero_externe, "/numero_externe")?,
            numero_deca: number(body.numero_deca, "/numero_deca")?,
            etat: None,
        },
    })
}

/// Reads why a person acts.
pub(super) fn reason(given: Option<&str>) -> Result<String, Problem> {
    let reason = given.map(str::trim).filter(|reason| {
        !reason.is_empty() && reason.chars().count() <= REASON_CHARS_MAX && clean(reason)
    });
    let refused = |detail| Problem::new(Code::IncompleteAction, detail).pointer("/reason");
    let reason = reason.ok_or_else(|| {
        refused("« reason » est obligatoire : dites pourquoi, en 500 caractères au plus.")
    })?;
    if holds_number(reason) {
        return Err(refused(
            "« reason » contient ce qui a la forme d'un NIR ou d'un IBAN : retirez-le. Le motif entre au \
             journal, qui ne s'efface pas.",
        ));
    }
    Ok(reason.to_owned())
}

fn number(given: Option<String>, pointer: &'static str) -> Result<Option<String>, Problem> {
    let Some(number) = given else { return Ok(None) };
    let number = number.trim();
    if number.is_empty() || number.chars().count() > NUMBER_CHARS_MAX || !clean(number) {
        let detail = "Un numéro compte de 1 à 64 caractères.";
        return Err(Problem::new(Code::IncompleteAction, detail).pointer(pointer));
    }
    Ok(Some(number.to_owned()))
}

fn clean(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

/// Says where a body that is no request of ours is wrong, without repeating it.
pub(super) fn unreadable(error: &serde_json::Error) -> Problem {
    let problem = match error.classify() {
        serde_json::error::Category::Data => Problem::new(
            Code::InvalidRequest,
            "Le corps n'a pas la forme attendue : champ inconnu, ou valeur d'un autre type.",
        ),
        _ => Problem::plain(Code::InvalidJson),
    };
    problem.at(error.line(), error.column())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_without_a_reason_is_refused() {
        for body in ["{}", r#"{"reason": "  "}"#, "{\"reason\": \"a\\u0000b\"}"] {
            let problem = read(body.as_bytes()).unwrap_err();
            assert_eq!(problem.code(), Code::IncompleteAction, "{body}");
        }
    }

    #[test]
    fn a_reason_with_somebody_s_number_is_refused_without_it() {
        for number in ["205049399999992", "FR76 3000 6000 0112 3456 7890 189"] {
            let body = serde_json::json!({ "reason": format!("vu avec {number}") });
            let problem = read(body.to_string().as_bytes()).unwrap_err();
            assert_eq!(problem.code(), Code::IncompleteAction);
            let said = serde_json::to_value(problem.body(None)).unwrap();
            assert!(!said.to_string().contains(number), "{said}");
        }
    }

    #[test]
    fn an_unknown_action_is_named_with_those_that_exist() {
        let problem = unknown("relancer\n");
        let body = serde_json::to_value(problem.body(None)).unwrap();
        assert_eq!(
            body["detail"],
            "Action inconnue : « relancer ». Les actions : retry, cancel, choose-opco, complete, \
             revive, confirm-sent."
        );
        assert_eq!(body["status"], 404);
    }

    #[test]
    fn what_an_action_needs_is_read() {
        let asked = read(
            br#"{"reason": "mandat recu", "mandat": {"reference": "M-1", "date": "2026-08-01"},
                "opco": "akto", "numero_interne": " 42 "}"#,
        )
        .unwrap();
        assert_eq!(asked.opco, Some(Opco::Akto));
        assert_eq!(asked.mandate.unwrap().reference, "M-1");
        assert_eq!(asked.receipt.numero_interne.as_deref(), Some("42"));
    }

    #[test]
    fn a_typing_error_in_a_name_is_told_with_its_place() {
        let problem = read(b"{\"reason\": \"x\",\n \"raison\": \"y\"}").unwrap_err();
        let body = serde_json::to_value(problem.body(None)).unwrap();
        assert_eq!(
            (body["code"].as_str(), body["line"].as_u64()),
            (Some("requete-invalide"), Some(2))
        );
        assert_eq!(read(b"{").unwrap_err().code(), Code::InvalidJson);
    }
}
