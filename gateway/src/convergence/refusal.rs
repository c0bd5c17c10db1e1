//! What a caller of the façade is told when something is refused: the norm's own form (protocol §3.5),
//! `{"description", "errors": [{"code", "description"}]}`, in French. The codes are those of our rules.

use std::fmt;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use domain::id::DeliveryId;
use domain::{Effect, Fault, FaultKind, Finding, HoldReason};
use serde::Serialize;
use store::{Standing, StoreError};
use utoipa::ToSchema;

use crate::http::problem::{Code, Problem};
use crate::http::words;
use crate::intake::Refused;

/// The header that names the delivery an answer is about.
pub(super) const DELIVERY: &str = "cfa-livraison";

/// How long a caller should wait when nothing better is known, in seconds.
pub(super) const RETRY_AFTER_DEFAULT_S: u64 = 30;

/// One refusal.
#[derive(Debug)]
pub(crate) struct Refusal(Box<Parts>);

#[derive(Debug)]
struct Parts {
    status: StatusCode,
    description: String,
    errors: Vec<ErrorBody>,
    retry_after_s: Option<u64>,
    allow: Option<String>,
    challenge: bool,
    delivery: Option<DeliveryId>,
    /// Whether its words begin with a capital, as those of one route do.
    capitals: bool,
    /// The word of OAuth's own form, for the token endpoint.
    oauth: Option<&'static str>,
    /// The problem of the native API it comes from, for the log.
    problem: Option<Code>,
}

/// The document of a refusal.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Refus)]
pub(crate) struct RefusalBody<'a> {
    /// What happened, in French.
    description: &'a str,
    /// Every reason.
    errors: &'a [ErrorBody],
}

/// One reason of a refusal.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Motif)]
pub(crate) struct ErrorBody {
    /// The stable code: the id of a rule, a word, or the OPCO's own code.
    #[schema(example = "CPL-001")]
    code: String,
    /// What is wrong and what to do, in French.
    description: String,
}

/// The document of a refusal of the documents route (protocol §3.5).
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
#[schema(as = RefusDocument)]
pub(crate) struct CapitalBody<'a> {
    /// What happened, in French.
    description: &'a str,
    /// Every reason.
    errors: Vec<CapitalErrorBody<'a>>,
}

/// One reason, on the documents route.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
#[schema(as = MotifDocument)]
pub(crate) struct CapitalErrorBody<'a> {
    /// The stable code.
    #[schema(example = "PAY-002")]
    code: &'a str,
    /// What is wrong and what to do, in French.
    description: &'a str,
}

/// The refusal of a request for a token (RFC 6749).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RefusJeton)]
pub(crate) struct OauthBody<'a> {
    /// The word of the RFC.
    #[schema(example = "invalid_client")]
    error: &'a str,
    /// What is wrong, in French.
    error_description: &'a str,
}

impl Refusal {
    /// Makes a refusal for one reason.
    pub(super) fn one(status: StatusCode, code: &str, text: impl Into<String>) -> Self {
        let text = text.into();
        let error = ErrorBody {
            code: code.to_owned(),
            description: text.clone(),
        };
        Self::of(status, text, vec![error])
    }

    fn of(status: StatusCode, description: String, errors: Vec<ErrorBody>) -> Self {
        Self(Box::new(Parts {
            status,
            description,
            errors,
            retry_after_s: None,
            allow: None,
            challenge: false,
            delivery: None,
            capitals: false,
            oauth: None,
            problem: None,
        }))
    }

    /// Says that something asked cannot be read.
    pub(super) fn unreadable(text: String) -> Self {
        Self::one(StatusCode::BAD_REQUEST, "REQUETE_ILLISIBLE", text)
    }

    /// Says that no dossier of this caller has the number.
    pub(super) fn unknown_dossier() -> Self {
        let text = "Dossier introuvable";
        Self::one(StatusCode::NOT_FOUND, "DOSSIER_INCONNU", text)
    }

    /// Says that nobody serves this address.
    pub(super) fn unknown_route() -> Self {
        Self::one(StatusCode::NOT_FOUND, "ROUTE_INCONNUE", "Route inconnue")
    }

    /// Says that the address does not know the method.
    pub(super) fn method(allowed: String) -> Self {
        let status = StatusCode::METHOD_NOT_ALLOWED;
        let mut refusal = Self::one(status, "METHODE_INTERDITE", "Méthode non admise");
        refusal.0.allow = Some(allowed);
        refusal
    }

    /// Says that the token is not good, or not this key's.
    pub(super) fn token(text: &str) -> Self {
        let mut refusal = Self::one(StatusCode::UNAUTHORIZED, "JETON_INVALIDE", text);
        refusal.0.challenge = true;
        refusal
    }

    /// Says that the key is not good.
    pub(super) fn key(code: &str, text: &str) -> Self {
        Self::one(StatusCode::FORBIDDEN, code, text)
    }

    /// Refuses a request for a token.
    pub(super) fn oauth(status: StatusCode, error: &'static str, text: &str) -> Self {
        let mut refusal = Self::one(status, error, text);
        refusal.0.oauth = Some(error);
        refusal
    }

    /// Says that the answer is not known yet.
    pub(super) fn later(code: &str, text: impl Into<String>, seconds: u64) -> Self {
        Self::one(StatusCode::SERVICE_UNAVAILABLE, code, text).retry_after(seconds)
    }

    /// Refuses a payload for what the rules found.
    pub(super) fn findings(findings: &[Finding]) -> Self {
        let stops = [Effect::Refuse, Effect::Hold, Effect::Conflict];
        Self::told(findings, &stops)
    }

    /// Refuses a payload for what has to come first.
    fn too_early(findings: &[Finding]) -> Self {
        Self::told(findings, &[Effect::Wait])
    }

    fn told(findings: &[Finding], effects: &[Effect]) -> Self {
        let told: Vec<ErrorBody> = findings
            .iter()
            .filter(|one| effects.contains(&one.effect))
            .map(error)
            .collect();
        let description = match told.as_slice() {
            [only] => only.description.clone(),
            all => format!(
                "L'envoi ne peut pas être transmis : {} anomalies à corriger. Rien n'a été \
                 enregistré.",
                all.len()
            ),
        };
        Self::of(StatusCode::BAD_REQUEST, description, told)
    }

    /// Refuses what a person must mend first.
    pub(super) fn held(reason: HoldReason, findings: &[Finding]) -> Self {
        let mut refusal = Self::findings(findings);
        if refusal.0.errors.is_empty() {
            refusal = Self::one(
                StatusCode::BAD_REQUEST,
                reason.as_str(),
                words::explanation(&Standing::held(reason), None),
            );
        }
        if matches!(reason, HoldReason::NoKey | HoldReason::NoSoftwareCredential) {
            refusal.0.status = StatusCode::FORBIDDEN;
        }
        refusal
    }

    /// Passes an OPCO's refusal on, in its own words.
    pub(super) fn of_opco(fault: &Fault) -> Self {
        let code = match fault.kind {
            FaultKind::NotFound => "DOSSIER_INCONNU",
            FaultKind::Duplicate => "DOSSIER_DOUBLON",
            _ => "REFUS_OPCO",
        };
        let status = if fault.kind == FaultKind::NotFound {
            StatusCode::NOT_FOUND
        } else {
            StatusCode::BAD_REQUEST
        };
        let errors: Vec<ErrorBody> = fault
            .items
            .iter()
            .map(|item| ErrorBody {
                code: item.code.clone().unwrap_or_else(|| code.to_owned()),
                description: item.text.clone(),
            })
            .collect();
        match (fault.items.first(), errors.as_slice()) {
            // What stands at the top of a body is its description; the rest are its reasons.
            (Some(first), [_, rest @ ..]) if first.code.is_none() && !rest.is_empty() => {
                Self::of(status, first.text.clone(), rest.to_vec())
            }
            (Some(first), _) => Self::of(status, first.text.clone(), errors),
            (None, _) => Self::one(status, code, "L'OPCO refuse l'envoi, sans dire pourquoi."),
        }
    }

    /// Returns whether it says that nobody knows the dossier.
    pub(super) fn is_unknown(&self) -> bool {
        self.0.status == StatusCode::NOT_FOUND
    }

    /// Returns whether what was asked is not open there.
    pub(super) fn is_closed(&self) -> bool {
        self.0.status == StatusCode::NOT_IMPLEMENTED
    }

    /// Returns what it says of a key; itself, when it says something else.
    pub(super) fn about_key(self) -> Result<String, Self> {
        if self.0.status == StatusCode::FORBIDDEN {
            Ok(self.0.description)
        } else {
            Err(self)
        }
    }

    /// Says how long to wait, in seconds.
    pub(super) fn retry_after(mut self, seconds: u64) -> Self {
        self.0.retry_after_s = Some(seconds.max(1));
        self
    }

    /// Says which delivery it is about.
    pub(super) fn about(mut self, id: DeliveryId) -> Self {
        self.0.delivery = Some(id);
        self
    }

    /// Begins its words with a capital where the documents route does: on a 400.
    pub(super) fn in_capitals(mut self) -> Self {
        self.0.capitals = self.0.status == StatusCode::BAD_REQUEST;
        self
    }

    /// Gives it another status.
    pub(super) fn with_status(mut self, status: StatusCode) -> Self {
        self.0.status = status;
        self
    }
}

/// Says one finding: what is wrong, what to do, where.
fn error(finding: &Finding) -> ErrorBody {
    let mut description = format!("{} {}", finding.message, finding.remedy);
    if !finding.pointer.is_empty() {
        description.push_str(" [");
        description.push_str(&finding.pointer);
        description.push(']');
    }
    ErrorBody {
        code: finding.rule.to_owned(),
        description,
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.status, self.0.description)
    }
}

impl std::error::Error for Refusal {}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        self.0.status
    }

    fn error_response(&self) -> HttpResponse {
        let parts = &self.0;
        let mut response = HttpResponse::build(parts.status);
        response.insert_header((header::CONTENT_LANGUAGE, "fr"));
        if let Some(seconds) = parts.retry_after_s {
            response.insert_header((header::RETRY_AFTER, seconds.to_string()));
        }
        if let Some(methods) = &parts.allow {
            response.insert_header((header::ALLOW, methods.as_str()));
        }
        if parts.challenge {
            let challenge = "Bearer error=\"invalid_token\"";
            response.insert_header((header::WWW_AUTHENTICATE, challenge));
        }
        if let Some(id) = parts.delivery {
            response.insert_header((DELIVERY, id.to_string()));
        }
        let mut response = match parts.oauth {
            Some(error) => response.json(OauthBody {
                error,
                error_description: &parts.description,
            }),
            None if parts.capitals => {
                let errors = parts.errors.iter().map(|one| CapitalErrorBody {
                    code: &one.code,
                    description: &one.description,
                });
                response.json(CapitalBody {
                    description: &parts.description,
                    errors: errors.collect(),
                })
            }
            None => response.json(RefusalBody {
                description: &parts.description,
                errors: &parts.errors,
            }),
        };
        if let Some(code) = parts.problem {
            // So that the request's line can name it.
            response.extensions_mut().insert(code);
        }
        response
    }
}

impl From<Problem> for Refusal {
    /// Says the same in the norm's form.
    fn from(problem: Problem) -> Self {
        let code = problem.code();
        let entry = code.entry();
        let status = match entry.status {
            StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
            // The body has the right type; what is in it has not.
            _ if code == Code::FileTypeRefused => StatusCode::BAD_REQUEST,
            status => status,
        };
        let word = match code {
            Code::InvalidJson | Code::InvalidRequest | Code::InvalidParts => {
                "REQUETE_ILLISIBLE".to_owned()
            }
            Code::TooMany => "LIMITE_DEBIT".to_owned(),
            _ => entry.slug.replace('-', "_").to_ascii_uppercase(),
        };
        let text = format!("{} {}", problem.detail(), remedy(code));
        let mut refusal = Self::one(status, &word, text.trim_end());
        if !problem.constats().is_empty() {
            refusal.0.errors = problem
                .constats()
                .iter()
                .map(|constat| ErrorBody {
                    code: constat.rule.clone(),
                    description: format!("{} {}", constat.message, constat.remedy),
                })
                .collect();
        }
        refusal.0.retry_after_s = problem.wait_s();
        refusal.0.problem = Some(code);
        refusal
    }
}

/// Returns what to do about a problem, where the façade has nothing of its own to say: there is no key
/// of idempotency here, the same call is known by what it carries.
fn remedy(code: Code) -> &'static str {
    match code {
        Code::Unavailable | Code::Internal | Code::IdempotencyInProgress => {
            "Renvoyez la même demande : ce qui a pu être enregistré ne le sera pas deux fois."
        }
        _ => code.entry().remedy,
    }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Findings(findings) => Self::findings(&findings),
            Refused::Held(reason, findings) => Self::held(reason, &findings),
            Refused::TooEarly(findings) => Self::too_early(&findings),
            Refused::ForeignSite(siret) => Self::one(
                StatusCode::FORBIDDEN,
                "SITE_INTERDIT",
                format!("Le site {siret} n'est pas de ceux pour lesquels cette clé peut déposer."),
            ),
            told @ (Refused::ClosedSite(_) | Refused::Ceiling(_)) => {
                Self::from(Problem::from(told))
            }
            Refused::Duplicate { .. } | Refused::KeyReused(_) => Self::conflict(),
            Refused::Store(error) => Self::from(Problem::from(&*error)),
        }
    }
}

impl Refusal {
    /// Says that something else is known by the same natural key.
    pub(super) fn conflict() -> Self {
        let text = "Le même envoi, avec un autre contenu, est déjà en cours ou chez l'OPCO : ne le \
                    ressaisissez pas.";
        Self::one(StatusCode::CONFLICT, "DOSSIER_DOUBLON", text)
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::from(Problem::from(error))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::body::to_bytes;
    use domain::outcome::FaultItem;
    use serde_json::{Value, json};

    use super::*;

    async fn body(refusal: &Refusal) -> Value {
        let body = to_bytes(refusal.error_response().into_body()).await;
        serde_json::from_slice(&body.unwrap()).unwrap()
    }

    #[tokio::test]
    async fn an_opcos_words_are_passed_on_as_they_are() {
        let mut fault = Fault::new(FaultKind::Rejected, "x");
        let item = |code: Option<&str>, text: &str| FaultItem {
            code: code.map(str::to_owned),
            text: text.to_owned(),
        };
        fault.items = vec![
            item(None, "Le dossier est rejeté"),
            item(Some("CERFA_INCOMPLET"), "apprenti.nir"),
        ];
        let expected = json!({
            "description": "Le dossier est rejeté",
            "errors": [{"code": "CERFA_INCOMPLET", "description": "apprenti.nir"}],
        });
        assert_eq!(body(&Refusal::of_opco(&fault)).await, expected);
        fault.items.truncate(1);
        let alone = body(&Refusal::of_opco(&fault)).await;
        assert_eq!(alone["errors"][0]["code"], "REFUS_OPCO");
        fault.items.clear();
        assert_eq!(Refusal::of_opco(&fault).status_code(), 400);
    }

    #[tokio::test]
    async fn every_problem_of_the_native_api_has_the_norms_form() {
        for code in Code::ALL {
            let refusal = Refusal::from(Problem::plain(*code));
            assert_ne!(refusal.status_code(), 422);
            let body = body(&refusal).await;
            assert!(!body["description"].as_str().unwrap().is_empty());
            assert!(body["errors"][0]["code"].is_string(), "{body}");
            assert!(!body.to_string().contains("dempotence »"), "{body}");
        }
    }

    #[test]
    fn a_missing_key_is_403_and_other_holds_are_400() {
        let status = |reason| Refusal::held(reason, &[]).status_code().as_u16();
        assert_eq!(status(HoldReason::NoKey), 403);
        assert_eq!(status(HoldReason::NoSoftwareCredential), 403);
        assert_eq!(status(HoldReason::NoRoute), 400);
        assert_eq!(status(HoldReason::MandateMissing), 400);
    }
}
