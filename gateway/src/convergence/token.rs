//! The token endpoint: OAuth 2.0 `client_credentials`, at every address an OPCO has one (protocol §2).
//!
//! `client_secret` is a key of this gateway; `client_id` is whatever the ERP was given elsewhere.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap};
use actix_web::{HttpRequest, HttpResponse, web};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use utoipa::ToSchema;

use super::bearer;
use super::refusal::{self, Refusal};
use crate::app::App;
use crate::http::credentials;
use crate::http::problem::Code;

/// The largest form read, in bytes.
const FORM_MAX: usize = 16 * 1024;
/// How long it may take to come.
const FORM_TIMEOUT: Duration = Duration::from_secs(10);

/// A token and how long it is good.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Jeton)]
pub(crate) struct TokenBody {
    /// The token, for `Authorization: Bearer`.
    access_token: String,
    /// For how many seconds.
    #[schema(example = 1800)]
    expires_in: u64,
    /// Always `Bearer`.
    token_type: &'static str,
    /// The scope asked for, when one was.
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
}

/// What is asked for.
#[derive(Debug, ToSchema)]
#[schema(as = DemandeJeton)]
#[expect(
    dead_code,
    reason = "describes, in the published document, the form that is read"
)]
pub(crate) struct TokenForm {
    /// `client_credentials`.
    grant_type: String,
    /// Anything.
    client_id: String,
    /// The key of the gateway.
    client_secret: String,
    /// Passed over.
    scope: Option<String>,
}

/// Gives a token.
#[utoipa::path(
    post, path = "/convergence/oauth/token", operation_id = "jeton", tag = "identification",
    security(()),
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, body = TokenBody),
        (status = 400, body = refusal::OauthBody),
        (status = 401, body = refusal::OauthBody),
        (status = 413, body = refusal::OauthBody),
    ),
)]
pub(crate) async fn issue(
    app: web::Data<App>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Refusal> {
    let form = Form::read(request.headers(), payload).await?;
    if form.field("grant_type") != Some("client_credentials") {
        let text = "grant_type doit être client_credentials";
        return Err(refuse("unsupported_grant_type", text));
    }
    let basic = basic(request.headers());
    let named = form.field("client_id").is_some() || basic.is_some();
    let secret = form.field("client_secret").or(basic.as_deref());
    let (true, Some(secret)) = (named, secret) else {
        let text = "client_id et client_secret sont obligatoires";
        return Err(refuse("invalid_client", text));
    };
    let known = credentials::recognise(&app, secret.trim()).await;
    let caller = known
        .map_err(|problem| match problem.code() {
            Code::UnknownKey | Code::RevokedKey | Code::ExpiredKey | Code::Unauthenticated => {
                let text = "client_secret n'est pas une clé valide de cette passerelle";
                Refusal::oauth(StatusCode::UNAUTHORIZED, "invalid_client", text)
            }
            _ => Refusal::from(problem),
        })?
        .caller;
    let now = app.clock.now();
    let standing = app
        .http
        .quotas
        .take(caller.credential, caller.quota_per_minute, now);
    if let Some(seconds) = standing.wait_s() {
        return Err(super::gate::too_many(seconds));
    }
    let network = app.views.network(&app, caller.tenant).await?;
    let span = app.http.convergence.token;
    let until = bearer::until(now, span);
    Ok(HttpResponse::Ok().json(TokenBody {
        access_token: bearer::make(&network.keys, &caller, until),
        expires_in: span.as_secs(),
        token_type: "Bearer",
        scope: form.field("scope").map(str::to_owned),
    }))
}

struct Form(Vec<(String, String)>);

impl Form {
    async fn read(headers: &HeaderMap, payload: web::Payload) -> Result<Self, Refusal> {
        let kind = headers.get(header::CONTENT_TYPE);
        let is_form = kind
            .and_then(|kind| kind.to_str().ok())
            .is_some_and(|kind| {
                kind.to_ascii_lowercase()
                    .starts_with("application/x-www-form-urlencoded")
            });
        let body = tokio::time::timeout(FORM_TIMEOUT, payload.to_bytes_limited(FORM_MAX)).await;
        let body = match body {
            Ok(Ok(Ok(body))) => body,
            Ok(Err(_)) => {
                let status = StatusCode::PAYLOAD_TOO_LARGE;
                return Err(Refusal::oauth(
                    status,
                    "invalid_request",
                    "corps trop grand",
                ));
            }
            Ok(Ok(Err(_))) | Err(_) => {
                return Err(refuse(
                    "invalid_request",
                    "le corps n'est pas arrivé entier",
                ));
            }
        };
        std::str::from_utf8(&body)
            .ok()
            .filter(|_| is_form)
            .and_then(|body| web::Query::<Vec<(String, String)>>::from_query(body).ok())
            .map(|fields| Self(fields.into_inner()))
            .ok_or_else(|| {
                let text = "un corps application/x-www-form-urlencoded est attendu";
                refuse("invalid_request", text)
            })
    }

    fn field(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(own, _)| own == name);
        found
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }
}

/// Returns the secret of `Authorization: Basic`, the RFC's other way to give it.
fn basic(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let clear = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    clear.split_once(':').map(|(_, secret)| secret.to_owned())
}

fn refuse(error: &'static str, text: &str) -> Refusal {
    Refusal::oauth(StatusCode::BAD_REQUEST, error, text)
}
