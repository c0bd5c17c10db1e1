//! The dashboard: pages made on the server, one module each. Every page works without the script.

pub(crate) mod account;
pub(crate) mod alerts;
pub(crate) mod audit;
pub(crate) mod bulk;
pub(crate) mod chart;
pub(crate) mod columns;
pub(crate) mod confirm;
pub(crate) mod deliveries;
pub(crate) mod delivery;
pub(crate) mod dossier;
pub(crate) mod dossiers;
pub(crate) mod history;
pub(crate) mod invitation;
pub(crate) mod keys;
pub(crate) mod layout;
pub(crate) mod login;
pub(crate) mod money;
pub(crate) mod oidc;
pub(crate) mod opcos;
pub(crate) mod orphans;
pub(crate) mod people;
pub(crate) mod privacy;
pub(crate) mod retention;
pub(crate) mod saved;
pub(crate) mod sealed;
pub(crate) mod second_factor;
pub(crate) mod settings;
pub(crate) mod to_fix;
pub(crate) mod today;
pub(crate) mod words;

use actix_web::HttpResponse;
use maud::Markup;

/// Answers with a page.
pub(crate) fn page(markup: Markup) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .body(markup.into_string())
}
