//! Who calls, in the norm's order (protocol §19): token 401, key 403, then `EDITEUR`, `LOGICIEL` and
//! `VERSION` 400. Before any handler.

use std::rc::Rc;

use actix_web::body::BoxBody;
use actix_web::dev::{HttpServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::{Next, from_fn};
use actix_web::{
    Error, FromRequest, Handler, HttpMessage as _, HttpResponse, Responder, Route, web,
};

use super::bearer::Bearer;
use super::pieces;
use super::refusal::Refusal;
use crate::app::App;
use crate::http::caller::{Caller, Permission};
use crate::http::credentials::{self, Known};
use crate::http::problem::{Code, Problem};
use crate::http::{body, patience};

/// The headers every business call says who calls with.
const SOFTWARE: [&str; 3] = ["editeur", "logiciel", "version"];
/// The norm's word for a key that is not good.
const BAD_KEY: &str = "CLE_CFA_INVALIDE";

/// A method of a path, who may use it, and what answers.
pub(super) struct Endpoint {
    method: Method,
    permission: Option<Permission>,
    route: Route,
}

type Rights = Rc<[(Method, Option<Permission>)]>;

/// Makes an endpoint that reads, for anyone.
pub(super) fn open<F, Args>(handler: F) -> Endpoint
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    Endpoint {
        method: Method::GET,
        permission: None,
        route: web::get().to(patient(Method::GET, handler)),
    }
}

/// Makes an endpoint that takes something, from anyone.
pub(super) fn post_open<F, Args>(handler: F) -> Endpoint
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    Endpoint {
        method: Method::POST,
        permission: None,
        route: web::post().to(patient(Method::POST, handler)),
    }
}

/// Makes an endpoint that reads, for callers with the right to.
pub(super) fn get<F, Args>(handler: F) -> Endpoint
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    Endpoint {
        permission: Some(Permission::Read),
        ..open(handler)
    }
}

/// Makes an endpoint that takes a payload, from callers with the right to hand one in.
pub(super) fn post<F, Args>(handler: F) -> Endpoint
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    Endpoint {
        permission: Some(Permission::Submit),
        ..post_open(handler)
    }
}

/// Puts the endpoints of one path behind their gate.
pub(super) fn path<const N: usize>(
    pattern: &str,
    endpoints: [Endpoint; N],
) -> impl HttpServiceFactory + 'static {
    let rights: Rights = endpoints
        .iter()
        .map(|e| (e.method.clone(), e.permission))
        .collect();
    let mut resource = web::resource(pattern.to_owned());
    for endpoint in endpoints {
        resource = resource.route(endpoint.route);
    }
    resource.wrap(from_fn(move |request, next| {
        let rights = Rc::clone(&rights);
        async move { pass(&rights, request, next).await }
    }))
}

/// Bounds how long a handler takes: its wait for the OPCO, and the store's time on top. Its arguments,
/// the body among them, are there by then.
fn patient<F, Args>(
    method: Method,
    handler: F,
) -> impl Handler<
    (web::Data<App>, Args),
    Output = Result<F::Output, Refusal>,
    Future = impl Future<Output = Result<F::Output, Refusal>>,
>
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    move |app: web::Data<App>, arguments: Args| {
        let bound = app.http.convergence.wait + app.http.patience.answer;
        let method = method.clone();
        let answer = handler.call(arguments);
        async move {
            let answer = patience::within(bound, answer).await;
            answer.ok_or_else(|| Refusal::from(patience::late(&method)))
        }
    }
}

async fn pass(
    rights: &Rights,
    mut request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    match admit(rights, &mut request).await {
        Ok(()) => next.call(request).await,
        Err(refusal) => {
            let (request, _) = request.into_parts();
            // Whoever refuses on that route speaks as it does.
            let capitals = request.path().ends_with(pieces::DOCUMENTS_PATH);
            let refusal = if capitals {
                refusal.in_capitals()
            } else {
                refusal
            };
            Ok(ServiceResponse::new(
                request,
                HttpResponse::from_error(refusal),
            ))
        }
    }
}

async fn admit(rights: &Rights, request: &mut ServiceRequest) -> Result<(), Refusal> {
    let asked = rights.iter().find(|(method, _)| method == request.method());
    let Some((_, permission)) = asked else {
        let methods: Vec<&str> = rights.iter().map(|(method, _)| method.as_str()).collect();
        return Err(Refusal::method(methods.join(", ")));
    };
    let Some(permission) = *permission else {
        return Ok(());
    };
    let app = body::app(request.request())?;
    let known = identify(app, request.headers());
    let known = patience::within(app.http.patience.caller, known).await;
    let caller = known.ok_or_else(|| patience::late(&Method::GET))??.caller;
    let standing =
        app.http
            .quotas
            .take(caller.credential, caller.quota_per_minute, app.clock.now());
    let may = caller.may(permission);
    request.extensions_mut().insert(caller);
    request.extensions_mut().insert(standing);
    if let Some(seconds) = standing.wait_s() {
        return Err(too_many(seconds));
    }
    software(request.headers())?;
    if !may {
        let text = format!("La clé n'a pas le droit « {} ».", permission.as_str());
        return Err(Refusal::key("ACTION_INTERDITE", &text));
    }
    Ok(())
}

/// Recognises who calls: the key says who; a token, where there is one, must be that key's.
async fn identify(app: &App, headers: &HeaderMap) -> Result<Known, Refusal> {
    let key = headers.get("x-api-key").map(|value| value.to_str());
    let key = match key {
        Some(Ok(key)) if !key.trim().is_empty() => Some(key.trim()),
        _ => None,
    };
    let bearer = bearer(headers, key)?;
    let key = key.ok_or_else(|| match bearer {
        Some(_) => Refusal::key(BAD_KEY, "Clé absente (X-API-KEY)"),
        None => Refusal::token("Jeton et clé (X-API-KEY) absents"),
    })?;
    let known = recognise(app, key).await?;
    if let Some(bearer) = bearer {
        check(app, &known.caller, &bearer).await?;
    }
    Ok(known)
}

/// Checks the token of a call that gives its key otherwise.
pub(super) async fn bearer_of(
    app: &App,
    headers: &HeaderMap,
    key: Option<&str>,
) -> Result<(), Refusal> {
    let Some(bearer) = bearer(headers, key)? else {
        return Ok(());
    };
    match key {
        Some(key) => match recognise(app, key).await {
            Ok(known) => check(app, &known.caller, &bearer).await,
            // Whether the key is good is the very question.
            Err(_) => Ok(()),
        },
        None => Ok(()),
    }
}

/// Recognises whose a key is, in the norm's words.
pub(super) async fn recognise(app: &App, key: &str) -> Result<Known, Refusal> {
    let known = credentials::recognise(app, key).await;
    known.map_err(|problem| match problem.code() {
        Code::ExpiredKey => Refusal::key("CLE_CFA_EXPIREE", "Clé expirée"),
        Code::RevokedKey => Refusal::key(BAD_KEY, "Clé révoquée"),
        Code::UnknownKey | Code::Unauthenticated => Refusal::key(BAD_KEY, "Clé invalide"),
        _ => Refusal::from(problem),
    })
}

/// Checks that a token is this caller's and has not ended.
async fn check(app: &App, caller: &Caller, bearer: &Bearer) -> Result<(), Refusal> {
    let network = app.views.network(app, caller.tenant).await?;
    if bearer.is_good(&network.keys, caller, app.clock.now()) {
        Ok(())
    } else {
        Err(bad_token())
    }
}

fn bad_token() -> Refusal {
    Refusal::token("Jeton invalide, expiré, ou donné à une autre clé")
}

/// Reads the token of a request, when it has one. An ERP of the native API sends its key as the token;
/// here it is no more than the key again.
fn bearer(headers: &HeaderMap, key: Option<&str>) -> Result<Option<Bearer>, Refusal> {
    match token(headers)?.filter(|given| Some(*given) != key) {
        None => Ok(None),
        Some(text) => Bearer::read(text).map(Some).ok_or_else(bad_token),
    }
}

/// Returns the token of a request, when it has one.
fn token(headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
    let Some(value) = headers.get(header::AUTHORIZATION) else {
        return Ok(None);
    };
    let value = value.to_str().unwrap_or_default();
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(token.trim())),
        // An empty header says as little as none.
        _ if value.trim().is_empty() || value.trim().eq_ignore_ascii_case("bearer") => Ok(None),
        _ => Err(bad_token()),
    }
}

/// Checks the three headers. Their values are bytes: editors write accents into them.
pub(super) fn software(headers: &HeaderMap) -> Result<(), Refusal> {
    for name in SOFTWARE {
        let value = headers.get(name);
        if value.is_none_or(|value| value.as_bytes().trim_ascii().is_empty()) {
            let text = format!("L'en-tête {} est obligatoire", name.to_ascii_uppercase());
            let status = StatusCode::BAD_REQUEST;
            return Err(Refusal::one(status, "LOGICIEL_NON_AUTORISE", text));
        }
    }
    Ok(())
}

/// Says that the quota is used up.
pub(super) fn too_many(seconds: u64) -> Refusal {
    Refusal::from(Problem::plain(Code::TooMany).retry_after(seconds))
}

/// Who calls, as the gate noted it.
#[derive(Debug, Clone)]
pub(super) struct By(pub(super) Caller);

impl FromRequest for By {
    type Error = Refusal;
    type Future = std::future::Ready<Result<Self, Refusal>>;

    fn from_request(
        request: &actix_web::HttpRequest,
        _: &mut actix_web::dev::Payload,
    ) -> Self::Future {
        let caller = request.extensions().get::<Caller>().cloned();
        let by = caller.map(Self).ok_or_else(bad_token);
        std::future::ready(by)
    }
}
