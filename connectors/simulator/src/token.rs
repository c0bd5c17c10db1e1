//! The token endpoints: IdentityServer-like, Okta-like with DPoP, Keycloak-like (protocol §3.2).

use actix_web::HttpRequest;
use actix_web::web::Query;
use serde_json::json;

use crate::answer::Reply;
use crate::dpop;
use crate::opcos::Family;
use crate::refusal::Refusal;
use crate::settings::{Dpop, OpcoSettings};
use crate::sim::Desk;

/// Answers a token request.
pub(crate) fn issue(
    desk: &Desk,
    settings: &OpcoSettings,
    request: &HttpRequest,
    body: &[u8],
    now_ms: i64,
    strict: bool,
) -> Result<Reply, Refusal> {
    let family = desk.facts.family;
    check_proof(desk, settings, request, now_ms)?;
    let form = request
        .headers()
        .get("content-type")
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("application/x-www-form-urlencoded"));
    let fields = std::str::from_utf8(body)
        .ok()
        .filter(|_| form)
        .and_then(|body| Query::<Vec<(String, String)>>::from_query(body).ok())
        .ok_or_else(|| Refusal::oauth(400, "invalid_request", "a form-encoded body is expected"))?;
    let field = |name: &str| {
        fields
            .iter()
            .find(|(own, _)| own == name)
            .map_or("", |(_, value)| value.as_str())
    };
    if field("grant_type") != "client_credentials" {
        let error = "unsupported_grant_type";
        return Err(Refusal::oauth(400, error, "client_credentials is expected"));
    }
    if !desk
        .identity
        .client_is_good(field("client_id"), field("client_secret"), strict)
    {
        // IdentityServer says it with 400, the others with 401.
        let status = if family == Family::Sor { 400 } else { 401 };
        return Err(Refusal::oauth(
            status,
            "invalid_client",
            "unknown account or wrong secret",
        ));
    }
    let scope = field("scope");
    let known: &[&str] = match family {
        Family::Sor => &["api.read", "api.write", ".default"],
        Family::Okta | Family::Keycloak => &[],
        Family::Unknown => &["api.read", "api.write", ".default", "openid"],
    };
    if scope.split_whitespace().any(|word| !known.contains(&word)) {
        return Err(Refusal::oauth(400, "invalid_scope", "unknown scope"));
    }
    let until_ms = now_ms.saturating_add(i64::from(settings.token_lifetime_s) * 1_000);
    let token = desk
        .identity
        .give_token(now_ms, until_ms)
        .ok_or_else(|| Refusal::oauth(500, "server_error", "no token could be drawn"))?;
    let mut answer = json!({
        "access_token": token,
        "expires_in": settings.token_lifetime_s,
        "token_type": "Bearer",
    });
    if let (false, Some(answer)) = (scope.is_empty(), answer.as_object_mut()) {
        answer.insert("scope".to_owned(), json!(scope));
    }
    let mut reply = Reply::json(200, &answer);
    reply.headers.push(("Cache-Control", "no-store".to_owned()));
    Ok(reply)
}

fn check_proof(
    desk: &Desk,
    settings: &OpcoSettings,
    request: &HttpRequest,
    now_ms: i64,
) -> Result<(), Refusal> {
    if settings.dpop == Dpop::Off {
        return Ok(());
    }
    let proof = request
        .headers()
        .get("dpop")
        .and_then(|value| value.to_str().ok());
    let checked = match proof {
        None => Err("the DPoP header is missing"),
        Some(proof) => {
            let connection = request.connection_info();
            let url = format!(
                "{}://{}{}",
                connection.scheme(),
                connection.host(),
                request.path()
            );
            let wants_key = settings.dpop == Dpop::ProofWithKey;
            dpop::check(proof, &url, &desk.identity, now_ms, wants_key)
        }
    };
    checked.map_err(|why| Refusal::oauth(400, "invalid_dpop_proof", why))
}
