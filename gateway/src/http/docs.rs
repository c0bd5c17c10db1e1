//! What the binary tells about itself: the OpenAPI document, its pages, the catalogue of problems.

use std::sync::{Arc, LazyLock};

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use utoipa_swagger_ui::Config;

use super::openapi;
use super::problem::Problem;
use super::problem::catalogue::{self, Code};

/// Everything comes from this binary; the page's own style is inline.
const PAGES_POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'";
/// These never change while the process runs.
const CACHE_AN_HOUR: &str = "public, max-age=3600";

/// The page would otherwise send the document's address to a checker on the internet.
static CONFIG: LazyLock<Arc<Config<'static>>> =
    LazyLock::new(|| Arc::new(Config::from("/openapi.json").validator_url("none")));
static DOCUMENT: LazyLock<String> = LazyLock::new(openapi::document);

/// Answers the OpenAPI document.
pub(crate) async fn document() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .insert_header((header::CACHE_CONTROL, CACHE_AN_HOUR))
        .body(DOCUMENT.as_str())
}

/// Sends to the page, whose files are relative to its folder.
pub(crate) async fn folder() -> HttpResponse {
    HttpResponse::PermanentRedirect()
        .insert_header((header::LOCATION, "/docs/"))
        .finish()
}

/// Answers a file of the page.
pub(crate) async fn file(name: web::Path<String>) -> Result<HttpResponse, Problem> {
    let file = utoipa_swagger_ui::serve(&name, Arc::clone(&CONFIG));
    let file = file
        .ok()
        .flatten()
        .ok_or_else(|| Problem::plain(Code::UnknownRoute))?;
    let mut answer = HttpResponse::Ok();
    if file.gzpipped {
        answer.insert_header(header::ContentEncoding::Gzip);
    }
    Ok(answer
        .content_type(file.content_type)
        .insert_header((header::CONTENT_SECURITY_POLICY, PAGES_POLICY))
        .insert_header((header::CACHE_CONTROL, CACHE_AN_HOUR))
        .body(file.bytes.into_owned()))
}

/// Answers the whole catalogue of problems, for people.
pub(crate) async fn problems() -> HttpResponse {
    text(catalogue::page())
}

/// Answers one entry of the catalogue: where a problem's `type` leads.
pub(crate) async fn problem(slug: web::Path<String>) -> Result<HttpResponse, Problem> {
    let code = Code::ALL
        .iter()
        .find(|code| code.entry().slug == slug.as_str());
    code.map(|code| text(catalogue::entry(*code)))
        .ok_or_else(Problem::not_found)
}

fn text(text: String) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/markdown; charset=utf-8")
        .insert_header((header::CONTENT_LANGUAGE, "fr"))
        .body(text)
}
