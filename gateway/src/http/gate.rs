//! A line of the route table: path, methods, rights. Says 405, 401, 403 and 429 before any handler.

use std::rc::Rc;

use actix_web::body::BoxBody;
use actix_web::dev::{HttpServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::guard;
use actix_web::http::Method;
use actix_web::middleware::{Next, from_fn};
use actix_web::{
    Error, FromRequest, Handler, HttpMessage as _, HttpResponse, Responder, Route, web,
};

use super::body;
use super::caller::Permission;
use super::credentials;
use super::patience::{self, late};
use super::problem::{Code, Problem};
use crate::app::App;

/// A method of a path, who may use it, and what answers.
pub(crate) struct Endpoint {
    method: Method,
    permission: Option<Permission>,
    route: Route,
}

/// What the gate knows of a path.
type Rights = Rc<[(Method, Option<Permission>)]>;

/// Makes an endpoint that anyone may read.
pub(crate) fn open<F, Args>(handler: F) -> Endpoint
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    Endpoint {
        method: Method::GET,
        permission: None,
        route: reading().to(handler),
    }
}

/// Makes an endpoint that reads, for callers with the right to.
pub(crate) fn get<F, Args>(handler: F) -> Endpoint
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    Endpoint {
        method: Method::GET,
        permission: Some(Permission::Read),
        route: reading().to(patient(Method::GET, handler)),
    }
}

/// Makes an endpoint that reads what takes a right of its own.
pub(crate) fn get_with<F, Args>(permission: Permission, handler: F) -> Endpoint
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    Endpoint {
        permission: Some(permission),
        ..get(handler)
    }
}

/// Makes an endpoint that replaces something, for callers with the right to.
pub(crate) fn put<F, Args>(permission: Permission, handler: F) -> Endpoint
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    Endpoint {
        method: Method::PUT,
        permission: Some(permission),
        route: web::put().to(patient(Method::PUT, handler)),
    }
}

/// Makes an endpoint that takes something away, for callers with the right to.
pub(crate) fn delete<F, Args>(permission: Permission, handler: F) -> Endpoint
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    Endpoint {
        method: Method::DELETE,
        permission: Some(permission),
        route: web::delete().to(patient(Method::DELETE, handler)),
    }
}

/// Makes an endpoint that waits for somebody else than the store, within a bound of its own.
pub(crate) fn post_outside<F, Args>(permission: Permission, handler: F) -> Endpoint
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    Endpoint {
        method: Method::POST,
        permission: Some(permission),
        route: web::post().to(handler),
    }
}

/// Makes an endpoint that changes something, for callers with the right to.
pub(crate) fn post<F, Args>(permission: Permission, handler: F) -> Endpoint
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    Endpoint {
        method: Method::POST,
        permission: Some(permission),
        route: web::post().to(patient(Method::POST, handler)),
    }
}

/// Puts the endpoints of one path behind their gate.
pub(crate) fn path<const N: usize>(
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

/// Bounds how long a handler waits for the store. Its arguments are there by then: who sends a body
/// slowly loses none of it.
fn patient<F, Args>(
    method: Method,
    handler: F,
) -> impl Handler<
    (web::Data<App>, Args),
    Output = Result<F::Output, Problem>,
    Future = impl Future<Output = Result<F::Output, Problem>>,
>
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    move |app: web::Data<App>, arguments: Args| {
        let (bound, method) = (app.http.patience.answer, method.clone());
        let answer = handler.call(arguments);
        async move {
            let answer = patience::within(bound, answer).await;
            answer.ok_or_else(|| late(&method))
        }
    }
}

/// HEAD is answered wherever GET is.
fn reading() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

async fn pass(
    rights: &Rights,
    mut request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    match admit(rights, &mut request).await {
        Ok(()) => next.call(request).await,
        Err(problem) => {
            // `into_response` would forget the error, which `request_log` still needs.
            let (request, _) = request.into_parts();
            Ok(ServiceResponse::new(
                request,
                HttpResponse::from_error(problem),
            ))
        }
    }
}

/// Answers whether the request may go on, and notes who makes it.
async fn admit(rights: &Rights, request: &mut ServiceRequest) -> Result<(), Problem> {
    let asked = match *request.method() {
        Method::HEAD => &Method::GET,
        ref method => method,
    };
    let Some((_, permission)) = rights.iter().find(|(method, _)| method == asked) else {
        return Err(Problem::plain(Code::MethodNotAllowed).allow(allowed(rights)));
    };
    let Some(permission) = *permission else {
        return Ok(());
    };
    // No text of ours holds the null character, and PostgreSQL takes none.
    if request.query_string().contains("%00") {
        let detail = "Un paramètre de l'adresse n'a pas la forme attendue.";
        return Err(Problem::new(Code::InvalidRequest, detail));
    }
    let app = body::app(request.request())?;
    let known = credentials::identify(app, request.headers());
    // Nothing was begun yet: whatever was asked, nothing of it is done.
    let known = patience::within(app.http.patience.caller, known).await;
    let caller = known.ok_or_else(|| late(&Method::GET))??;
    let standing =
        app.http
            .quotas
            .take(caller.credential, caller.quota_per_minute, app.clock.now());
    let may = caller.may(permission);
    request.extensions_mut().insert(caller);
    request.extensions_mut().insert(standing);
    if let Some(seconds) = standing.wait_s() {
        return Err(Problem::plain(Code::TooMany).retry_after(seconds));
    }
    if !may {
        let detail = format!("Droit nécessaire : « {} ».", permission.as_str());
        return Err(Problem::new(Code::Forbidden, detail));
    }
    Ok(())
}

fn allowed(rights: &Rights) -> String {
    let mut methods: Vec<&str> = rights.iter().map(|(method, _)| method.as_str()).collect();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    methods.join(", ")
}
