//! What every request passes before its handler, and every answer after it: who, what they may, where
//! the request comes from; safe headers, and a page instead of a document where a person reads.

use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, HttpRequest, HttpResponse, web};
use domain::person::{Language, PersonState};
use domain::{Environment, Secret, Timestamp};
use store::StoreError;
use store::people::{self, Purpose};
use store::{credentials, tenants};

use crate::api::openapi;
use crate::desk::Desk;
use crate::form::refill::Typed;
use crate::pages::layout;
use crate::refusal::{Code, Refusal};
use crate::signin::{self, Origin, carried};
use crate::table::{Line, Need, ROUTES};
use crate::viewer::Viewer;

/// How long a request waits for the store before it is told to come back.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a request may take to come and be answered; what an export streams afterwards is not counted.
const HANDLER_MAX: Duration = Duration::from_mins(1);
/// How often a session's last use is written down.
const SEEN_EVERY: Duration = Duration::from_mins(1);

/// Nothing from elsewhere, nothing inline, nobody around us.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
    connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// Lets a request through to its handler, or refuses it.
pub(crate) async fn pass(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let admitted = admit(&request).await;
    let answer = match admitted {
        Ok(viewer) => {
            if let Some(viewer) = viewer {
                request.extensions_mut().insert(viewer);
            }
            // No part of the request may be kept here: its handler must own it alone.
            let answered = tokio::time::timeout(HANDLER_MAX, next.call(request)).await;
            answered
                .map_err(|_| Refusal::from(Code::TooSlow))??
                .map_into_boxed_body()
        }
        Err(refusal) => {
            let (request, _) = request.into_parts();
            ServiceResponse::new(request, HttpResponse::from_error(refusal))
        }
    };
    Ok(refilled(finish(answer)))
}

/// Gives back what was typed with the page of a form that was refused.
fn refilled(answer: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let request = answer.request();
    // Who an apprentice is, is typed again.
    if answer.status() != Code::Invalid.status() || request.path().starts_with("/privacy") {
        return answer;
    }
    let Some(typed) = request.extensions().get::<Typed>().cloned() else {
        return answer;
    };
    let path = request.path().to_owned();
    answer.map_body(|_, body| match body.try_into_bytes() {
        Ok(bytes) => match std::str::from_utf8(&bytes) {
            Ok(page) => BoxBody::new(typed.refill(page, &path)),
            Err(_) => BoxBody::new(bytes),
        },
        Err(body) => body,
    })
}

async fn admit(request: &ServiceRequest) -> Result<Option<Viewer>, Refusal> {
    let desk: &web::Data<Desk> = request.app_data().ok_or(Code::Internal)?;
    let line = line_of(request)?;
    let need = line.need;
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let bearer = bearer(request.headers());
    if !reads && bearer.is_none() && !is_from_here(request) {
        return Err(Code::ForeignForm.into());
    }
    let known = tokio::time::timeout(PATIENCE, viewer(desk, request, bearer)).await;
    let viewer = known.map_err(|_| Refusal::from(Code::Unavailable))??;
    if need == Need::Nothing {
        only_described(line, request)?;
        return Ok(viewer);
    }
    let viewer = viewer.ok_or(Code::SignedOut)?;
    if !matches!(need, Need::Account | Need::Browser)
        && signin::must_enrol(desk, viewer.person(), viewer.token())
    {
        return Err(Code::SecondFactorWanted.into());
    }
    if !reads && is_api(request.path()) && !answers_for(&viewer, request.headers()) {
        return Err(Code::ForeignForm.into());
    }
    match need {
        Need::Nothing | Need::Account => {}
        Need::Browser if viewer.cookie().is_some() => {}
        Need::Browser => return Err(Code::ConfirmationWanted.into()),
        Need::May(right) => drop(viewer.require(right)?),
        Need::MayConfirmed(right) => {
            viewer.require(right)?;
            let since = before(desk.clock.now(), desk.settings.confirmation());
            // A key for scripts confirms nothing, whatever it was given.
            if viewer.cookie().is_none() || !viewer.confirmed_since(since) {
                return Err(Code::ConfirmationWanted.into());
            }
        }
    }
    only_described(line, request)?;
    Ok(Some(viewer))
}

/// Refuses what a program wrote behind `?` and its route does not take. A page passes it over: an old link
/// still opens.
fn only_described(line: &Line, request: &ServiceRequest) -> Result<(), Refusal> {
    if !is_api(request.path()) {
        return Ok(());
    }
    openapi::only_described(line.method, line.pattern, request.query_string())
}

/// Finds the line of the table: what has none is not served.
fn line_of(request: &ServiceRequest) -> Result<&'static Line, Refusal> {
    let pattern = request.match_pattern().ok_or(Code::NotFound)?;
    let method = match *request.method() {
        Method::HEAD => "GET",
        ref other => other.as_str(),
    };
    let mut lines = ROUTES
        .iter()
        .filter(|line| line.pattern == pattern)
        .peekable();
    if lines.peek().is_none() {
        return Err(Code::NotFound.into());
    }
    let line = lines.find(|line| line.method == method);
    line.ok_or_else(|| Code::Method.into())
}

/// Finds who carries the cookie or the key of this request.
async fn viewer(
    desk: &Desk,
    request: &ServiceRequest,
    bearer: Option<Secret>,
) -> Result<Option<Viewer>, StoreError> {
    let (text, purpose) = match bearer {
        Some(key) => (key, Purpose::Script),
        None => match cookie(request.request(), session_cookie(desk)) {
            Some(cookie) => (cookie, Purpose::Session),
            None => return Ok(None),
        },
    };
    let now = desk.clock.now();
    let mut tx = desk.store.reading().await?;
    let token = people::find_token(&mut tx, &carried::hash(text.expose())).await?;
    let idle = before(now, desk.settings.idle());
    let usable = token.filter(|token| {
        let fresh = purpose == Purpose::Script || idle <= token.seen_at;
        token.purpose == purpose && token.is_usable(now) && fresh
    });
    let Some(token) = usable else {
        return Ok(None);
    };
    let person = people::find(&mut tx, token.tenant, token.person).await?;
    let Some(person) = person.filter(|person| person.state == PersonState::Active) else {
        return Ok(None);
    };
    let grants = people::grants_of(&mut tx, person.tenant, person.id).await?;
    let sites = tenants::sites(&mut tx, person.tenant).await?;
    let is_live = credentials::is_in(&mut tx, person.tenant, Environment::Live).await?;
    drop(tx);
    let world = if is_live {
        Environment::Live
    } else {
        Environment::Test
    };
    if token.seen_at < before(now, SEEN_EVERY) {
        let mut tx = desk.store.writing().await?;
        people::seen(&mut tx, token.tenant, token.id, now).await?;
        tx.commit().await?;
    }
    let cookie = (purpose == Purpose::Session).then_some(text);
    Ok(Some(Viewer::new(
        person,
        token,
        (grants, sites),
        world,
        cookie,
    )))
}

/// Returns the key of a script.
fn bearer(headers: &HeaderMap) -> Option<Secret> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = text.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| Secret::new(key.trim()))
}

/// Returns whether the browser says that the request comes from one of our own pages. Every browser of
/// this decade says one of the two; a request that says neither carries no cookie of a person's.
fn is_from_here(request: &ServiceRequest) -> bool {
    let headers = request.headers();
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    match text("origin") {
        None => request.headers().get(header::COOKIE).is_none(),
        Some(origin) => {
            let host = origin.split_once("://").map(|(_, host)| host);
            host.is_some() && host == text("host")
        }
    }
}

/// Returns whether a call of the API that a browser's cookie signs carries the page's own word.
fn answers_for(viewer: &Viewer, headers: &HeaderMap) -> bool {
    let Some(cookie) = viewer.cookie() else {
        return true;
    };
    let sent = headers.get("x-csrf-token").and_then(|v| v.to_str().ok());
    sent.is_some_and(|sent| carried::is_csrf(cookie, sent))
}

/// Returns the name of the session's cookie: under TLS one that no other host can set.
pub(crate) fn session_cookie(desk: &Desk) -> &'static str {
    if desk.settings.is_secure() {
        "__Host-cfa_session"
    } else {
        "cfa_session"
    }
}

/// Returns the name of the cookie between the password and the code.
pub(crate) fn first_step_cookie(desk: &Desk) -> &'static str {
    if desk.settings.is_secure() {
        "__Host-cfa_first_step"
    } else {
        "cfa_first_step"
    }
}

/// Returns the name of the cookie that is kept while a person is at the provider of identities.
pub(crate) fn question_cookie(desk: &Desk) -> &'static str {
    if desk.settings.is_secure() {
        "__Host-cfa_question"
    } else {
        "cfa_question"
    }
}

/// Returns the name of the cookie that is kept while a person of several networks chooses one.
pub(crate) fn network_cookie(desk: &Desk) -> &'static str {
    if desk.settings.is_secure() {
        "__Host-cfa_network"
    } else {
        "cfa_network"
    }
}

/// Returns a cookie of a request.
pub(crate) fn cookie(request: &HttpRequest, name: &str) -> Option<Secret> {
    let all = request.headers().get_all(header::COOKIE);
    let texts = all.filter_map(|value| value.to_str().ok());
    let mut pairs = texts.flat_map(|text| text.split(';'));
    pairs.find_map(|pair| {
        let (key, value) = pair.trim().split_once('=')?;
        (key == name && !value.is_empty()).then(|| Secret::new(value))
    })
}

/// Writes the header that gives a browser a cookie for some time; nothing takes it back.
pub(crate) fn set_cookie(
    desk: &Desk,
    name: &str,
    value: Option<&Secret>,
    lasts: Duration,
) -> (HeaderName, String) {
    let secure = if desk.settings.is_secure() {
        "; Secure"
    } else {
        ""
    };
    let (value, age) = value.map_or(("", 0), |value| (value.expose(), lasts.as_secs()));
    let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}{secure}");
    (header::SET_COOKIE, text)
}

/// Returns from where a request comes, for the list of sessions and the throttle.
pub(crate) fn origin(desk: &Desk, request: &HttpRequest) -> Origin {
    let agent = request.headers().get(header::USER_AGENT);
    let agent = agent.and_then(|value| value.to_str().ok());
    let forwarded = request.headers().get_all(header::X_FORWARDED_FOR);
    let hops: Vec<&str> = forwarded.filter_map(|value| value.to_str().ok()).collect();
    let hops = (!hops.is_empty()).then(|| hops.join(","));
    let caller = request
        .peer_addr()
        .and_then(|peer| desk.settings.caller(peer.ip(), hops.as_deref()));
    Origin {
        address: caller.map(|address| address.to_string()),
        agent: agent.map(|text| text.chars().take(200).collect()),
    }
}

/// Returns the language of who is not signed in, from what the browser prefers.
pub(crate) fn language(request: &HttpRequest) -> Language {
    if let Some(viewer) = request.extensions().get::<Viewer>() {
        return viewer.language();
    }
    let preferred = request.headers().get(header::ACCEPT_LANGUAGE);
    let preferred = preferred
        .and_then(|value| value.to_str().ok())
        .unwrap_or("fr");
    let known = |tag: &str| match tag.trim().get(..2)?.to_ascii_lowercase().as_str() {
        "fr" => Some(Language::Fr),
        "en" => Some(Language::En),
        _ => None,
    };
    preferred.split(',').find_map(known).unwrap_or_default()
}

pub(crate) fn is_api(path: &str) -> bool {
    path.starts_with("/admin/")
}

/// Returns the instant `span` before another.
pub(crate) fn before(now: Timestamp, span: Duration) -> Timestamp {
    let ms = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(now.as_millisecond().saturating_sub(ms)).unwrap_or(Timestamp::MIN)
}

/// Gives a person a page instead of a document, and every answer its headers.
fn finish(answer: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let refusal = answer
        .response()
        .error()
        .and_then(|error| error.as_error::<Refusal>())
        .cloned();
    let (request, response) = answer.into_parts();
    let mut response = match refusal {
        Some(refusal) if !is_api(request.path()) => refused_page(&request, &refusal),
        _ => response,
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(), microphone=(), geolocation=()",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    ServiceResponse::new(request, response)
}

fn refused_page(request: &HttpRequest, refusal: &Refusal) -> HttpResponse {
    let here = request
        .uri()
        .path_and_query()
        .map_or("/", |part| part.as_str());
    // Only what may be asked again by following a link is come back to.
    let here = if request.method() == Method::GET {
        here
    } else {
        "/"
    };
    match refusal.code {
        Code::SignedOut => redirect(&with_next("/login", here)),
        Code::SecondFactorWanted => redirect("/account/second-factor"),
        Code::ConfirmationWanted => {
            let back = referer(request).unwrap_or_else(|| here.to_owned());
            redirect(&with_next("/confirm", &back))
        }
        _ => {
            let viewer = request.extensions().get::<Viewer>().cloned();
            let page = layout::refused(viewer.as_ref(), language(request), refusal);
            HttpResponse::build(refusal.code.status())
                .content_type("text/html; charset=utf-8")
                .body(page.into_string())
        }
    }
}

/// Returns the page a form was on, without its host.
fn referer(request: &HttpRequest) -> Option<String> {
    let text = request.headers().get(header::REFERER)?.to_str().ok()?;
    let (_, rest) = text.split_once("://")?;
    let path = rest.find('/').and_then(|at| rest.get(at..))?;
    is_local(path).then(|| path.to_owned())
}

/// Goes to another page of ours.
pub(crate) fn redirect(to: &str) -> HttpResponse {
    HttpResponse::build(StatusCode::SEE_OTHER)
        .insert_header((header::LOCATION, to))
        .finish()
}

fn with_next(to: &str, next: &str) -> String {
    let query = serde_urlencoded::to_string([("next", next)]).unwrap_or_default();
    if next == "/" {
        to.to_owned()
    } else {
        format!("{to}?{query}")
    }
}

/// Returns whether an address stays with us: a path, never a host, and nothing a header could break on.
pub(crate) fn is_local(path: &str) -> bool {
    let mut chars = path.chars();
    chars.next() == Some('/')
        && !matches!(chars.next(), Some('/' | '\\'))
        && path.chars().all(|c| c.is_ascii_graphic() && c != '\\')
        && path.len() <= 2_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_path_of_ours_is_gone_back_to() {
        for path in ["/", "/people?x=1", "/deliveries/1#top"] {
            assert!(is_local(path), "{path}");
        }
        for path in [
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "",
            "/a\r\nSet-Cookie: x=1",
            "/a b",
            "javascript:alert(1)",
        ] {
            assert!(!is_local(path), "{path}");
        }
    }
}
