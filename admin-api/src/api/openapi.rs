//! The published document of the admin API.

use actix_web::HttpResponse;
use utoipa::OpenApi;

use super::{
    alerts, audit, bulks, causes, credentials, decisions, deliveries, dossiers, keys, me, money,
    opcos, orphans, people, privacy, retention, sealed, settings, today, tree, views, webhooks,
};
use crate::refusal;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "CFA Gateway: admin API",
        description = "Ce que fait le tableau de bord, pour des programmes : personnes, clés, preuves. \
            Une clé de script (page « Mon compte ») s'envoie en « Authorization: Bearer ».",
    ),
    paths(
        alerts::list,
        alerts::choice,
        alerts::choose,
        alerts::silence,
        alerts::speak,
        causes::list,
        credentials::list,
        credentials::create,
        credentials::act,
        bulks::list,
        bulks::draft,
        bulks::show,
        bulks::begin,
        bulks::cancel,
        bulks::items,
        bulks::sheet,
        me::show,
        me::change,
        today::show,
        deliveries::list,
        deliveries::sheet,
        deliveries::show,
        deliveries::act,
        views::list,
        views::keep,
        views::forget,
        settings::show,
        keys::list,
        keys::stage,
        keys::import,
        keys::show,
        keys::act,
        keys::forecast,
        people::list,
        people::invite,
        people::show,
        people::change,
        dossiers::list,
        dossiers::show,
        orphans::list,
        orphans::act,
        money::show,
        money::sheet,
        opcos::list,
        audit::list,
        audit::export,
        audit::evidence,
        decisions::list,
        decisions::decide,
        decisions::openings,
        decisions::say,
        tree::show,
        tree::act,
        tree::import,
        tree::site,
        webhooks::list,
        webhooks::create,
        webhooks::show,
        webhooks::act,
        sealed::open,
        retention::show,
        privacy::search,
        privacy::export,
        privacy::erase,
    ),
    components(responses(refusal::Refused), schemas(refusal::RefusalBody))
)]
struct Document;

/// Returns the document's text.
pub fn text() -> String {
    let mut document = Document::openapi();
    env!("CARGO_PKG_VERSION").clone_into(&mut document.info.version);
    document.to_pretty_json().unwrap_or_default()
}

/// Serves it.
pub(crate) async fn document() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .body(text())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::ROUTES;

    #[test]
    fn every_route_for_programs_is_described_and_nothing_else() {
        let document: serde_json::Value = serde_json::from_str(&text()).unwrap();
        let mut described: Vec<String> = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for method in item.as_object().unwrap().keys() {
                described.push(format!("{} {path}", method.to_uppercase()));
            }
        }
        let served = ROUTES
            .iter()
            .filter(|line| line.pattern.starts_with("/admin/v1/"))
            .filter(|line| line.pattern != "/admin/v1/openapi.json");
        let mut served: Vec<String> = served
            .map(|line| format!("{} {}", line.method, line.pattern))
            .collect();
        described.sort();
        served.sort();
        assert_eq!(described, served);
    }
}
