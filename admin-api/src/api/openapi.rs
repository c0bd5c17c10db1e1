//! The published document of the admin API.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use actix_web::HttpResponse;
use utoipa::OpenApi;
use utoipa::openapi::RefOr;
use utoipa::openapi::path::{Operation, ParameterIn, PathItem};

use super::{
    alerts, audit, bulks, causes, credentials, decisions, deliveries, dossiers, keys, me, money,
    opcos, orphans, people, privacy, retention, sealed, settings, today, tree, views, webhooks,
};
use crate::filter;
use crate::refusal::{self, Refusal};

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
    components(
        responses(refusal::Refused),
        schemas(refusal::RefusalBody, refusal::FaultBody)
    )
)]
struct Document;

/// Returns the document's text.
pub fn text() -> String {
    let mut document = Document::openapi();
    env!("CARGO_PKG_VERSION").clone_into(&mut document.info.version);
    document.to_pretty_json().unwrap_or_default()
}

/// A view that is kept names columns, for the page and the sheet: the list takes the view as it is.
const LIST: &str = "/admin/v1/deliveries";
const COLUMNS: &str = "columns";

/// The parameters that each route takes behind `?`, by method and path: what the document says of them is
/// what is taken.
static TAKEN: LazyLock<BTreeMap<(&'static str, String), Vec<String>>> = LazyLock::new(|| {
    let paths = Document::openapi().paths.paths;
    let each = paths.into_iter().flat_map(|(path, item)| {
        let PathItem {
            get,
            post,
            put,
            delete,
            ..
        } = item;
        let methods = [
            ("GET", get),
            ("POST", post),
            ("PUT", put),
            ("DELETE", delete),
        ];
        methods.map(|(method, operation)| ((method, path.clone()), taken(operation)))
    });
    each.collect()
});

fn taken(operation: Option<Operation>) -> Vec<String> {
    let parameters = operation.and_then(|operation| operation.parameters);
    let all = parameters.unwrap_or_default().into_iter();
    let named = all.filter_map(|one| match one {
        RefOr::T(one) if matches!(one.parameter_in, ParameterIn::Query) => Some(one.name),
        _ => None,
    });
    named.collect()
}

/// Refuses parameters that the document does not know of a route.
pub(crate) fn only_described(
    method: &'static str,
    pattern: &str,
    query: &str,
) -> Result<(), Refusal> {
    if query.is_empty() {
        return Ok(());
    }
    let names = TAKEN.get(&(method, pattern.to_owned()));
    let mut names: Vec<&str> = names.into_iter().flatten().map(String::as_str).collect();
    if pattern == LIST {
        names.push(COLUMNS);
    }
    filter::only(query, &names, &[COLUMNS])
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

    #[test]
    fn what_a_schema_refers_to_is_there() {
        let document: serde_json::Value = serde_json::from_str(&text()).unwrap();
        let text = document.to_string();
        let mut referred = 0;
        for rest in text.split("\"$ref\":\"#").skip(1) {
            let pointer = rest.split('"').next().unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer}");
            referred += 1;
        }
        assert!(referred > 100, "{referred}");
        assert!(document.pointer("/components/schemas/Fault").is_some());
    }

    #[test]
    fn what_the_document_does_not_know_is_refused_on_every_route() {
        for line in ROUTES
            .iter()
            .filter(|line| line.pattern.starts_with("/admin/"))
        {
            let asked = |query| only_described(line.method, line.pattern, query);
            assert!(asked("").is_ok());
            assert!(
                asked("bogus=1").is_err(),
                "{} {}",
                line.method,
                line.pattern
            );
        }
        let asked = |query| only_described("GET", "/admin/v1/deliveries", query);
        assert!(asked("status=held&columns=kind&world=live").is_ok());
        assert!(asked("state=held").is_err());
        for (path, query) in [
            ("/admin/v1/audit", "from=x&kind=x&who=x&before=1"),
            ("/admin/v1/audit/export", "format=csv&kind=x"),
            ("/admin/v1/money/sheet", "format=xlsx&complet=true"),
            ("/admin/v1/orphans", "fate=adopted"),
            ("/admin/v1/bulks/{id}/items", "fate=done&after=1"),
        ] {
            assert!(only_described("GET", path, query).is_ok(), "{path}?{query}");
        }
        let sheet = only_described(
            "POST",
            "/admin/v1/keys/import",
            "environment=test&preview=true",
        );
        assert!(sheet.is_ok());
    }
}
