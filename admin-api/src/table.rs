//! Every line of the second port, in reading order: method, path, what it takes, who answers.
//!
//! The gate looks each request up here before any handler runs; what is not here is not served. The
//! tests of roles and of networks walk the same list.

use actix_web::web::{self, ServiceConfig};
use domain::person::Right;

use crate::{api, assets, pages, sheet};

/// What a route takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Anyone may ask.
    Nothing,
    /// Someone who is signed in, even before the second factor is set up.
    Account,
    /// The same in a browser: a key for scripts does not do.
    Browser,
    /// This right, somewhere; what is shown is cut to where.
    May(Right),
    /// The same, and the password again shortly before.
    MayConfirmed(Right),
}

/// One line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// The method.
    pub method: &'static str,
    /// The path, with the names of its parts.
    pub pattern: &'static str,
    /// What it takes.
    pub need: Need,
}

macro_rules! table {
    ($($method:ident $pattern:literal $need:expr => $handler:path;)+) => {
        /// Every route of the control plane.
        pub const ROUTES: &[Line] = &[
            $(Line { method: table!(@name $method), pattern: $pattern, need: $need }),+
        ];

        /// Wires every line to its handler.
        pub(crate) fn configure(config: &mut ServiceConfig) {
            $(config.route($pattern, web::$method().to($handler));)+
        }
    };
    (@name get) => { "GET" };
    (@name post) => { "POST" };
    (@name put) => { "PUT" };
    (@name delete) => { "DELETE" };
}

use Need::{Account, Browser, May, MayConfirmed, Nothing};
use Right::{
    Act, ManageCredentials, ManageKeys, ManageNetwork, ManagePeople, OpenSealed, Privacy,
    ReadAudit, ReadDeliveries, ReadKeys, ReadMoney, ReadSettings,
};

table! {
    get "/health/live" Nothing => api::health::live;
    get "/health/ready" Nothing => api::health::ready;
    get "/assets/{name}" Nothing => assets::serve;

    get "/login" Nothing => pages::login::form;
    post "/login" Nothing => pages::login::submit;
    get "/login/code" Nothing => pages::login::code_form;
    post "/login/code" Nothing => pages::login::submit_code;
    get "/login/oidc" Nothing => pages::oidc::begin;
    get "/login/oidc/back" Nothing => pages::oidc::answered;
    post "/login/oidc/network" Nothing => pages::oidc::choose;
    get "/invitation" Nothing => pages::invitation::form;
    post "/invitation" Nothing => pages::invitation::submit;
    post "/logout" Account => pages::login::out;

    get "/confirm" Browser => pages::confirm::form;
    post "/confirm" Browser => pages::confirm::submit;
    get "/confirm/oidc" Browser => pages::oidc::confirm;
    get "/account" Account => pages::account::show;
    post "/account/language" Account => pages::account::language;
    post "/account/password" Browser => pages::account::password;
    get "/account/second-factor" Browser => pages::second_factor::form;
    post "/account/second-factor" Browser => pages::second_factor::submit;
    post "/account/sessions/{id}/end" Browser => pages::account::end_session;
    post "/account/scripts" Browser => pages::account::new_script;

    get "/" May(ReadDeliveries) => pages::today::show;
    get "/deliveries" May(ReadDeliveries) => pages::deliveries::list;
    get "/deliveries.csv" May(ReadDeliveries) => sheet::deliveries;
    post "/deliveries/views" May(ReadDeliveries) => pages::saved::submit;
    get "/deliveries/{id}" May(ReadDeliveries) => pages::delivery::show;
    post "/deliveries/{id}/act" May(Act) => pages::delivery::act;
    post "/deliveries/{id}/open" MayConfirmed(OpenSealed) => pages::sealed::open;
    get "/alerts" May(ReadDeliveries) => pages::alerts::list;
    post "/alerts/choice" Account => pages::alerts::choose;
    post "/alerts/{id}/silence" May(Act) => pages::alerts::silence;
    post "/alerts/{id}/speak" May(Act) => pages::alerts::speak;
    get "/to-fix" May(ReadDeliveries) => pages::to_fix::show;
    get "/bulk" May(ReadDeliveries) => pages::bulk::list;
    post "/bulk" May(Act) => pages::bulk::draft;
    get "/bulk/new" May(Act) => pages::bulk::new;
    get "/bulk/{id}" May(ReadDeliveries) => pages::bulk::show;
    get "/bulk/{id}/sheet" May(ReadDeliveries) => api::bulks::sheet;
    post "/bulk/{id}/begin" May(Act) => pages::bulk::begin;
    post "/bulk/{id}/cancel" May(Act) => pages::bulk::cancel;
    get "/dossiers" May(ReadDeliveries) => pages::dossiers::list;
    get "/dossiers/{id}" May(ReadDeliveries) => pages::dossier::show;
    get "/orphans" May(Act) => pages::orphans::list;
    post "/orphans/{id}" May(Act) => pages::orphans::act;
    get "/money" May(ReadMoney) => pages::money::show;
    get "/money/sheet" May(ReadMoney) => pages::money::sheet;
    get "/opcos" May(ReadDeliveries) => pages::opcos::show;
    get "/audit" May(ReadAudit) => pages::audit::list;
    get "/audit/export" May(ReadAudit) => pages::audit::export;
    get "/deliveries/{id}/evidence" May(ReadAudit) => pages::audit::evidence;
    get "/keys" May(ReadKeys) => pages::keys::list;
    post "/keys" MayConfirmed(ManageKeys) => pages::keys::stage;
    get "/keys/import" May(ManageKeys) => pages::keys::import::form;
    post "/keys/import" MayConfirmed(ManageKeys) => pages::keys::import::preview;
    post "/keys/import/keep" MayConfirmed(ManageKeys) => pages::keys::import::keep;
    get "/keys/{id}" May(ReadKeys) => pages::keys::one::show;
    post "/keys/{id}" MayConfirmed(ManageKeys) => pages::keys::one::act;
    get "/settings" May(ReadSettings) => pages::settings::show;
    get "/settings/credentials" May(ReadSettings) => pages::settings::credentials::list;
    post "/settings/credentials" MayConfirmed(ManageCredentials) => pages::settings::credentials::create;
    post "/settings/credentials/{id}" MayConfirmed(ManageCredentials) => pages::settings::credentials::act;
    get "/settings/decisions" May(ReadSettings) => pages::settings::decisions::show;
    post "/settings/decisions" MayConfirmed(ManageNetwork) => pages::settings::decisions::decide;
    get "/settings/openings" May(ReadSettings) => pages::settings::openings::show;
    post "/settings/openings" MayConfirmed(ManageNetwork) => pages::settings::openings::say;
    get "/settings/tree" May(ReadSettings) => pages::settings::tree::show;
    post "/settings/tree" MayConfirmed(ManageNetwork) => pages::settings::tree::act;
    get "/settings/tree/import" May(ManageNetwork) => pages::settings::tree::import::form;
    post "/settings/tree/import" MayConfirmed(ManageNetwork) => pages::settings::tree::import::preview;
    post "/settings/tree/import/keep" MayConfirmed(ManageNetwork) => pages::settings::tree::import::keep;
    get "/settings/tree/{id}" May(ReadSettings) => pages::settings::tree::one::show;
    get "/settings/webhooks" May(ReadSettings) => pages::settings::webhooks::list;
    post "/settings/webhooks" MayConfirmed(ManageCredentials) => pages::settings::webhooks::create;
    get "/settings/webhooks/{id}" May(ReadSettings) => pages::settings::webhooks::one::show;
    post "/settings/webhooks/{id}" MayConfirmed(ManageCredentials) => pages::settings::webhooks::one::act;
    get "/retention" May(ReadSettings) => pages::retention::show;
    get "/privacy" MayConfirmed(Privacy) => pages::privacy::form;
    post "/privacy" MayConfirmed(Privacy) => pages::privacy::search;
    get "/privacy/person" MayConfirmed(Privacy) => pages::privacy::show;
    post "/privacy/export" MayConfirmed(Privacy) => pages::privacy::export;
    post "/privacy/erase" MayConfirmed(Privacy) => pages::privacy::erase;
    get "/people" May(ReadSettings) => pages::people::list;
    post "/people" MayConfirmed(ManagePeople) => pages::people::invite;
    get "/people/{id}" May(ReadSettings) => pages::people::show;
    post "/people/{id}" MayConfirmed(ManagePeople) => pages::people::change;

    get "/admin/v1/openapi.json" Nothing => api::openapi::document;
    get "/admin/v1/causes" May(ReadDeliveries) => api::causes::list;
    get "/admin/v1/bulks" May(ReadDeliveries) => api::bulks::list;
    post "/admin/v1/bulks" May(Act) => api::bulks::draft;
    get "/admin/v1/bulks/{id}" May(ReadDeliveries) => api::bulks::show;
    get "/admin/v1/bulks/{id}/items" May(ReadDeliveries) => api::bulks::items;
    get "/admin/v1/bulks/{id}/sheet" May(ReadDeliveries) => api::bulks::sheet;
    post "/admin/v1/bulks/{id}/begin" May(Act) => api::bulks::begin;
    post "/admin/v1/bulks/{id}/cancel" May(Act) => api::bulks::cancel;
    get "/admin/v1/alerts" May(ReadDeliveries) => api::alerts::list;
    get "/admin/v1/alerts/choice" Account => api::alerts::choice;
    put "/admin/v1/alerts/choice" Account => api::alerts::choose;
    post "/admin/v1/alerts/{id}/silence" May(Act) => api::alerts::silence;
    post "/admin/v1/alerts/{id}/speak" May(Act) => api::alerts::speak;
    get "/admin/v1/me" Account => api::me::show;
    put "/admin/v1/me" Account => api::me::change;
    get "/admin/v1/today" May(ReadDeliveries) => api::today::show;
    get "/admin/v1/deliveries" May(ReadDeliveries) => api::deliveries::list;
    get "/admin/v1/deliveries/sheet" May(ReadDeliveries) => api::deliveries::sheet;
    get "/admin/v1/deliveries/{id}" May(ReadDeliveries) => api::deliveries::show;
    post "/admin/v1/deliveries/{id}/act" May(Act) => api::deliveries::act;
    get "/admin/v1/views" May(ReadDeliveries) => api::views::list;
    put "/admin/v1/views/{name}" May(ReadDeliveries) => api::views::keep;
    delete "/admin/v1/views/{name}" May(ReadDeliveries) => api::views::forget;
    get "/admin/v1/settings" May(ReadSettings) => api::settings::show;
    get "/admin/v1/dossiers" May(ReadDeliveries) => api::dossiers::list;
    get "/admin/v1/dossiers/{id}" May(ReadDeliveries) => api::dossiers::show;
    get "/admin/v1/orphans" May(Act) => api::orphans::list;
    post "/admin/v1/orphans/{id}" May(Act) => api::orphans::act;
    get "/admin/v1/money" May(ReadMoney) => api::money::show;
    get "/admin/v1/money/sheet" May(ReadMoney) => api::money::sheet;
    get "/admin/v1/opcos" May(ReadDeliveries) => api::opcos::list;
    get "/admin/v1/audit" May(ReadAudit) => api::audit::list;
    get "/admin/v1/audit/export" May(ReadAudit) => api::audit::export;
    get "/admin/v1/deliveries/{id}/evidence" May(ReadAudit) => api::audit::evidence;
    get "/admin/v1/keys" May(ReadKeys) => api::keys::list;
    post "/admin/v1/keys" MayConfirmed(ManageKeys) => api::keys::stage;
    post "/admin/v1/keys/import" MayConfirmed(ManageKeys) => api::keys::import;
    get "/admin/v1/keys/{id}" May(ReadKeys) => api::keys::show;
    post "/admin/v1/keys/{id}" MayConfirmed(ManageKeys) => api::keys::act;
    get "/admin/v1/keys/{id}/forecast" May(ReadKeys) => api::keys::forecast;
    get "/admin/v1/credentials" May(ReadSettings) => api::credentials::list;
    post "/admin/v1/credentials" MayConfirmed(ManageCredentials) => api::credentials::create;
    post "/admin/v1/credentials/{id}" MayConfirmed(ManageCredentials) => api::credentials::act;
    get "/admin/v1/decisions" May(ReadSettings) => api::decisions::list;
    post "/admin/v1/decisions" MayConfirmed(ManageNetwork) => api::decisions::decide;
    get "/admin/v1/openings" May(ReadSettings) => api::decisions::openings;
    post "/admin/v1/openings" MayConfirmed(ManageNetwork) => api::decisions::say;
    get "/admin/v1/tree" May(ReadSettings) => api::tree::show;
    post "/admin/v1/tree" MayConfirmed(ManageNetwork) => api::tree::act;
    post "/admin/v1/tree/import" MayConfirmed(ManageNetwork) => api::tree::import;
    get "/admin/v1/tree/{id}" May(ReadSettings) => api::tree::site;
    get "/admin/v1/webhooks" May(ReadSettings) => api::webhooks::list;
    post "/admin/v1/webhooks" MayConfirmed(ManageCredentials) => api::webhooks::create;
    get "/admin/v1/webhooks/{id}" May(ReadSettings) => api::webhooks::show;
    post "/admin/v1/webhooks/{id}" MayConfirmed(ManageCredentials) => api::webhooks::act;
    post "/admin/v1/deliveries/{id}/open" MayConfirmed(OpenSealed) => api::sealed::open;
    get "/admin/v1/retention" May(ReadSettings) => api::retention::show;
    post "/admin/v1/privacy/search" MayConfirmed(Privacy) => api::privacy::search;
    post "/admin/v1/privacy/export" MayConfirmed(Privacy) => api::privacy::export;
    post "/admin/v1/privacy/erase" MayConfirmed(Privacy) => api::privacy::erase;
    get "/admin/v1/people" May(ReadSettings) => api::people::list;
    post "/admin/v1/people" MayConfirmed(ManagePeople) => api::people::invite;
    get "/admin/v1/people/{id}" May(ReadSettings) => api::people::show;
    put "/admin/v1/people/{id}" MayConfirmed(ManagePeople) => api::people::change;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a page shows or does, and what does the same for programs.
    const TWINS: &[(&str, &str, &str)] = &[
        ("GET /account", "GET", "/admin/v1/me"),
        ("POST /account/language", "PUT", "/admin/v1/me"),
        ("GET /", "GET", "/admin/v1/today"),
        ("GET /deliveries", "GET", "/admin/v1/deliveries"),
        ("GET /deliveries.csv", "GET", "/admin/v1/deliveries/sheet"),
        ("POST /deliveries/views", "PUT", "/admin/v1/views/{name}"),
        ("POST /deliveries/views", "DELETE", "/admin/v1/views/{name}"),
        ("GET /deliveries", "GET", "/admin/v1/views"),
        ("GET /deliveries/{id}", "GET", "/admin/v1/deliveries/{id}"),
        (
            "POST /deliveries/{id}/act",
            "POST",
            "/admin/v1/deliveries/{id}/act",
        ),
        (
            "POST /deliveries/{id}/open",
            "POST",
            "/admin/v1/deliveries/{id}/open",
        ),
        ("GET /alerts", "GET", "/admin/v1/alerts"),
        ("POST /alerts/choice", "GET", "/admin/v1/alerts/choice"),
        ("POST /alerts/choice", "PUT", "/admin/v1/alerts/choice"),
        (
            "POST /alerts/{id}/silence",
            "POST",
            "/admin/v1/alerts/{id}/silence",
        ),
        (
            "POST /alerts/{id}/speak",
            "POST",
            "/admin/v1/alerts/{id}/speak",
        ),
        ("GET /settings/tree", "GET", "/admin/v1/tree"),
        ("POST /settings/tree", "POST", "/admin/v1/tree"),
        ("GET /settings/tree/import", "POST", "/admin/v1/tree/import"),
        (
            "POST /settings/tree/import",
            "POST",
            "/admin/v1/tree/import",
        ),
        (
            "POST /settings/tree/import/keep",
            "POST",
            "/admin/v1/tree/import",
        ),
        ("GET /settings/tree/{id}", "GET", "/admin/v1/tree/{id}"),
        ("GET /retention", "GET", "/admin/v1/retention"),
        ("GET /privacy", "POST", "/admin/v1/privacy/search"),
        ("POST /privacy", "POST", "/admin/v1/privacy/search"),
        ("GET /privacy/person", "POST", "/admin/v1/privacy/search"),
        ("POST /privacy/export", "POST", "/admin/v1/privacy/export"),
        ("POST /privacy/erase", "POST", "/admin/v1/privacy/erase"),
        ("GET /to-fix", "GET", "/admin/v1/causes"),
        ("GET /bulk", "GET", "/admin/v1/bulks"),
        ("POST /bulk", "POST", "/admin/v1/bulks"),
        ("GET /bulk/new", "POST", "/admin/v1/bulks"),
        ("GET /bulk/{id}", "GET", "/admin/v1/bulks/{id}"),
        ("GET /bulk/{id}", "GET", "/admin/v1/bulks/{id}/items"),
        ("GET /bulk/{id}/sheet", "GET", "/admin/v1/bulks/{id}/sheet"),
        (
            "POST /bulk/{id}/begin",
            "POST",
            "/admin/v1/bulks/{id}/begin",
        ),
        (
            "POST /bulk/{id}/cancel",
            "POST",
            "/admin/v1/bulks/{id}/cancel",
        ),
        ("GET /dossiers", "GET", "/admin/v1/dossiers"),
        ("GET /dossiers/{id}", "GET", "/admin/v1/dossiers/{id}"),
        ("GET /orphans", "GET", "/admin/v1/orphans"),
        ("POST /orphans/{id}", "POST", "/admin/v1/orphans/{id}"),
        ("GET /money", "GET", "/admin/v1/money"),
        ("GET /money/sheet", "GET", "/admin/v1/money/sheet"),
        ("GET /opcos", "GET", "/admin/v1/opcos"),
        ("GET /audit", "GET", "/admin/v1/audit"),
        ("GET /audit/export", "GET", "/admin/v1/audit/export"),
        (
            "GET /deliveries/{id}/evidence",
            "GET",
            "/admin/v1/deliveries/{id}/evidence",
        ),
        ("GET /keys", "GET", "/admin/v1/keys"),
        ("POST /keys", "POST", "/admin/v1/keys"),
        ("GET /keys/import", "POST", "/admin/v1/keys/import"),
        ("POST /keys/import", "POST", "/admin/v1/keys/import"),
        ("POST /keys/import/keep", "POST", "/admin/v1/keys/import"),
        ("GET /keys/{id}", "GET", "/admin/v1/keys/{id}"),
        ("GET /keys/{id}", "GET", "/admin/v1/keys/{id}/forecast"),
        ("POST /keys/{id}", "POST", "/admin/v1/keys/{id}"),
        ("GET /settings", "GET", "/admin/v1/settings"),
        ("GET /settings/credentials", "GET", "/admin/v1/credentials"),
        (
            "POST /settings/credentials",
            "POST",
            "/admin/v1/credentials",
        ),
        (
            "POST /settings/credentials/{id}",
            "POST",
            "/admin/v1/credentials/{id}",
        ),
        ("GET /settings/decisions", "GET", "/admin/v1/decisions"),
        ("POST /settings/decisions", "POST", "/admin/v1/decisions"),
        ("GET /settings/openings", "GET", "/admin/v1/openings"),
        ("POST /settings/openings", "POST", "/admin/v1/openings"),
        ("GET /settings/webhooks", "GET", "/admin/v1/webhooks"),
        ("POST /settings/webhooks", "POST", "/admin/v1/webhooks"),
        (
            "GET /settings/webhooks/{id}",
            "GET",
            "/admin/v1/webhooks/{id}",
        ),
        (
            "POST /settings/webhooks/{id}",
            "POST",
            "/admin/v1/webhooks/{id}",
        ),
        ("GET /people", "GET", "/admin/v1/people"),
        ("POST /people", "POST", "/admin/v1/people"),
        ("GET /people/{id}", "GET", "/admin/v1/people/{id}"),
        ("POST /people/{id}", "PUT", "/admin/v1/people/{id}"),
    ];

    fn right(need: Need) -> Option<Right> {
        match need {
            May(right) | MayConfirmed(right) => Some(right),
            Nothing | Account | Browser => None,
        }
    }

    #[test]
    fn whatever_the_dashboard_does_can_be_scripted_with_the_same_right() {
        // Who one is, is proven in a browser: a key for scripts makes no keys and opens no doors.
        let proves =
            |line: &&Line| matches!(line.need, Nothing | Browser) || line.pattern == "/logout";
        let pages = ROUTES
            .iter()
            .filter(|line| !line.pattern.starts_with("/admin/"));
        for page in pages.filter(|line| !proves(line)) {
            let name = format!("{} {}", page.method, page.pattern);
            let twins: Vec<_> = TWINS.iter().filter(|(of, ..)| *of == name).collect();
            assert!(!twins.is_empty(), "{name} has no twin for programs");
            for (_, method, pattern) in twins {
                let twin = ROUTES
                    .iter()
                    .find(|o| o.method == *method && o.pattern == *pattern);
                let twin = twin.unwrap_or_else(|| panic!("{method} {pattern}"));
                assert_eq!(right(twin.need), right(page.need), "{name} and {pattern}");
            }
        }
        let unknown = ROUTES
            .iter()
            .filter(|line| line.pattern.starts_with("/admin/v1/"));
        for line in unknown.filter(|line| line.need != Nothing) {
            let named = |(_, method, pattern): &(&str, &str, &str)| {
                *method == line.method && *pattern == line.pattern
            };
            assert!(
                TWINS.iter().any(named),
                "{} {} is no page's",
                line.method,
                line.pattern
            );
        }
    }

    #[test]
    fn no_line_is_there_twice() {
        for (index, line) in ROUTES.iter().enumerate() {
            let again = ROUTES.iter().skip(index + 1);
            let mut same = again.filter(|o| o.method == line.method && o.pattern == line.pattern);
            assert!(same.next().is_none(), "{} {}", line.method, line.pattern);
        }
    }

    #[test]
    fn whatever_changes_something_sensitive_asks_again() {
        for line in ROUTES.iter().filter(|line| line.method != "GET") {
            if let May(right) = line.need {
                assert!(!right.is_sensitive(), "{} {}", line.method, line.pattern);
            }
        }
    }
}
