//! Who is told of events: the webhooks of the network, and a new one.

pub(crate) mod one;

use actix_web::{HttpResponse, web};
use domain::id::WebhookId;
use domain::person::{Language, Right};
use domain::{Environment, Secret, Timestamp};
use maud::{Markup, html};
use serde::Deserialize;
use store::events;
use store::webhooks::{self, Endpoint, parking};

use super::super::layout::{Frame, csrf, instant, world_field, world_name, wrong};
use super::super::login::again;
use super::super::page;
use super::{because, once, sirets};
use crate::desk::Desk;
use crate::form::Filled;
use crate::hooks::{Wanted, acts};
use crate::refusal::Refusal;
use crate::viewer::Viewer;

/// Where the list is.
pub(super) const HERE: &str = "/settings/webhooks";

/// What the form of a new webhook sends.
#[derive(Debug, Deserialize)]
pub(crate) struct NewHook {
    label: String,
    environment: Environment,
    url: String,
    #[serde(default)]
    kinds: String,
    #[serde(default)]
    sites: String,
    #[serde(default)]
    reason: String,
    once: Option<WebhookId>,
}

impl NewHook {
    /// Reads what is asked for; sites that are none are told with what else is wrong.
    fn wanted(&self) -> (Wanted, Result<(), Refusal>) {
        let apart = |c: char| c == ',' || c == ';' || c.is_whitespace();
        let kinds = self.kinds.split(apart).filter(|text| !text.is_empty());
        let sites = sirets(&self.sites);
        let (sites, read) = match sites {
            Ok(sites) => (sites, Ok(())),
            Err(wrong) => (Vec::new(), Err(wrong)),
        };
        let wanted = Wanted {
            environment: self.environment,
            url: self.url.trim().to_owned(),
            label: self.label.trim().to_owned(),
            kinds: kinds.map(str::to_owned).collect(),
            sites: (!sites.is_empty()).then_some(sites),
            once: self.once,
        };
        (wanted, read)
    }
}

/// Returns the machine of an address: the rest may hold a secret.
pub(crate) fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

/// Lists them.
pub(crate) async fn list(desk: web::Data<Desk>, viewer: Viewer) -> Result<HttpResponse, Refusal> {
    Ok(page(list_page(&desk, &viewer, &html! {}).await?))
}

/// Makes one.
pub(crate) async fn create(
    desk: web::Data<Desk>,
    viewer: Viewer,
    sent: Filled<NewHook>,
) -> Result<HttpResponse, Refusal> {
    let made = match sent.read {
        Ok(sent) => {
            let (wanted, read) = sent.wanted();
            acts::made(&desk, &viewer, (wanted, read), &sent.reason).await
        }
        Err(refusal) => Err(refusal),
    };
    let language = viewer.language();
    match made {
        Ok((_, secret)) => {
            let said = shown_once(&secret, language);
            Ok(page(list_page(&desk, &viewer, &said).await?))
        }
        Err(refusal) => {
            let said = wrong(&refusal, language);
            Ok(again(list_page(&desk, &viewer, &said).await?))
        }
    }
}

fn shown_once(secret: &Secret, language: Language) -> Markup {
    let what = language.of(
        "Donnez ce secret à l'ERP, qui vérifie avec lui ce qu'il reçoit : il n'est montré que cette fois.",
        "Give this secret to the ERP, which checks with it what it receives: it is shown this time only.",
    );
    super::shown_once(what, secret)
}

async fn list_page(desk: &Desk, viewer: &Viewer, said: &Markup) -> Result<Markup, Refusal> {
    let tenant = viewer.tenant();
    let mut tx = desk.store.reading().await?;
    let mut found = Vec::new();
    for one in webhooks::list(&mut tx, tenant).await? {
        let aside = parking::list(&mut tx, tenant, one.id).await?.len();
        found.push((one, aside));
    }
    let head = events::head(&mut tx, tenant).await?;
    drop(tx);
    let language = viewer.language();
    let title = "Webhooks";
    Ok(Frame {
        viewer,
        section: "/settings",
        title,
        world: None,
    }
    .around(&html! {
        p { a href="/settings" { (language.of("← Réglages", "← Settings")) } }
        h1 { (title) }
        (said)
        @if found.is_empty() {
            p { (language.of("Aucun ERP n'est prévenu.", "No ERP is told.")) }
        } @else {
            (table(&found, head, language))
        }
        @if viewer.may(Right::ManageCredentials) { (form(viewer, desk.clock.now())) }
    }))
}

fn table(found: &[(Endpoint, usize)], head: i64, language: Language) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label="Webhooks" {
            table {
                thead { tr {
                    th scope="col" { (language.of("Nom", "Name")) }
                    th scope="col" { (language.of("Hôte", "Host")) }
                    th scope="col" { (language.of("Monde", "World")) }
                    th scope="col" { (language.of("État", "State")) }
                    th.number scope="col" { (language.of("En retard de", "Behind by")) }
                    th.number scope="col" { (language.of("Mis de côté", "Put aside")) }
                } }
                tbody {
                    @for (one, aside) in found {
                        tr {
                            td { a href={ (HERE) "/" (one.id) } { (name(one)) } }
                            td { (host(&one.url)) }
                            td { (world_name(one.environment, language)) }
                            td { (state(one, language)) }
                            td.number { (head.saturating_sub(one.position).max(0)) }
                            td.number { (aside) }
                        }
                    }
                }
            }
        }
    }
}

/// Returns what people call it.
fn name(endpoint: &Endpoint) -> &str {
    if endpoint.label.is_empty() {
        host(&endpoint.url)
    } else {
        &endpoint.label
    }
}

fn state(endpoint: &Endpoint, language: Language) -> Markup {
    let since = language.of("depuis le ", "since ");
    html! {
        @match (&endpoint.disabled, endpoint.failing_since) {
            (Some((_, at)), _) => {
                span.badge.bad { (language.of("arrêté", "stopped")) } " " (since) (instant(*at, language))
            }
            (None, Some(at)) => {
                span.badge.warn { (language.of("échoue", "failing")) } " " (since) (instant(at, language))
            }
            (None, None) => span.badge.good { (language.of("reçoit", "receives")) },
        }
    }
}

fn form(viewer: &Viewer, now: Timestamp) -> Markup {
    let language = viewer.language();
    html! {
        section aria-labelledby="new" {
            h2 #new { (language.of("Prévenir un ERP", "Tell an ERP")) }
            form.narrow method="post" action=(HERE) {
                (csrf(viewer))
                (once(WebhookId::new(now)))
                label for="label" { (language.of("Nom", "Name")) }
                input #label name="label" required maxlength="100" autocomplete="off";
                (world_field(Environment::Test, language))
                label for="url" { (language.of("Adresse", "Address")) }
                input #url name="url" type="url" required maxlength="2000" placeholder="https://" autocomplete="off";
                label for="kinds" { (language.of("Événements, un par ligne ; vide : les événements publiés", "Events, one a line; empty: the published ones")) }
                textarea #kinds name="kinds" rows="3" {}
                label for="sites" { (language.of("SIRET des sites, un par ligne ; vide : tous", "SIRET of the sites, one a line; empty: all")) }
                textarea #sites name="sites" rows="3" {}
                (because("why", language))
                button type="submit" { (language.of("Faire le webhook", "Make the webhook")) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_address_only_the_machine_is_shown() {
        assert_eq!(
            host("https://erp.example.fr:8443/x?jeton=1"),
            "erp.example.fr:8443"
        );
        assert_eq!(host("https://erp.example.fr?jeton=1"), "erp.example.fr");
        assert_eq!(host("https://erp.example.fr#jeton"), "erp.example.fr");
        assert_eq!(host("erp.example.fr/jeton"), "erp.example.fr");
    }
}
