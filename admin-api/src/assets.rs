//! The style sheet and the one script, served from the program itself.

use actix_web::http::header;
use actix_web::{HttpResponse, web};

use crate::refusal::{Code, Refusal};

/// The style sheet.
const STYLE: &str = include_str!("../assets/desk.css");
/// The script. Every page works without it.
const SCRIPT: &str = include_str!("../assets/desk.js");
/// The sign in the browser's tab.
const ICON: &str = include_str!("../assets/icon.svg");

/// Serves one of them.
pub(crate) async fn serve(name: web::Path<String>) -> Result<HttpResponse, Refusal> {
    let (kind, text) = match name.as_str() {
        "desk.css" => ("text/css; charset=utf-8", STYLE),
        "desk.js" => ("text/javascript; charset=utf-8", SCRIPT),
        "icon.svg" => ("image/svg+xml", ICON),
        _ => return Err(Code::NotFound.into()),
    };
    Ok(HttpResponse::Ok()
        .content_type(kind)
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .body(text))
}
