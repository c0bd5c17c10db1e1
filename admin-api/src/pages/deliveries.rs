//! Everything on its way: the list, with its filters in the address.

use actix_web::{HttpResponse, web};
use domain::id::DeliveryId;
use domain::person::{Language, Right};
use domain::{Environment, Kind, Opco, Siret, Status};
use maud::{Markup, html};
use serde::{Deserialize, Serialize};
use store::Delivery;
use store::deliveries::{self, Filter, Page};

use super::layout::{Frame, in_world, instant};
use super::page;
use crate::desk::Desk;
use crate::refusal::Refusal;
use crate::viewer::Viewer;

/// How many on a page.
const PER_PAGE: u32 = 50;

/// The filters, as the address holds them. A field left empty does not restrict.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Asked {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    world: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    status: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    reason: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    kind: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    opco: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    site: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    text: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    after: String,
}

impl Asked {
    /// Returns what the list is restricted to, within the sites a person reaches. A word that is none
    /// restricts to nothing known, and so is left out.
    fn filter(&self, world: Environment, sites: Option<Vec<Siret>>) -> Filter {
        let filled = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Filter {
            environment: Some(world),
            status: self.status.parse().ok(),
            reason: filled(&self.reason),
            kind: self.kind.parse().ok(),
            opco: self.opco.parse().ok(),
            sites,
            since: None,
            text: filled(self.text.trim()),
        }
    }

    fn address(&self, after: &DeliveryId) -> String {
        let next = Self {
            after: after.to_string(),
            ..self.clone()
        };
        let query = serde_urlencoded::to_string(next).unwrap_or_default();
        format!("/deliveries?{query}")
    }
}

/// Shows a page of the list, the newest first.
pub(crate) async fn list(
    desk: web::Data<Desk>,
    viewer: Viewer,
    asked: web::Query<Asked>,
) -> Result<HttpResponse, Refusal> {
    let asked = asked.into_inner();
    let reach = viewer.require(Right::ReadDeliveries)?;
    let world = viewer.world(asked.world.parse().ok());
    let sites = reach.filter_with(asked.site.parse().ok());
    let from = Page {
        after: asked.after.parse().ok(),
        limit: PER_PAGE,
    };
    let mut tx = desk.store.reading().await?;
    let found =
        deliveries::list(&mut tx, viewer.tenant(), &asked.filter(world, sites), from).await?;
    drop(tx);
    let language = viewer.language();
    let title = language.of("Livraisons", "Deliveries");
    let full = found.len() == usize::try_from(PER_PAGE).unwrap_or(usize::MAX);
    let next = found
        .last()
        .filter(|_| full)
        .map(|last| asked.address(&last.id));
    let frame = Frame {
        viewer: &viewer,
        section: "/deliveries",
        title,
        world: Some(world),
    };
    Ok(page(frame.around(&html! {
        h1 { (title) }
        (filters(&viewer, &asked, world))
        @if found.is_empty() {
            p { (language.of("Rien ne correspond à ces filtres.", "Nothing matches these filters.")) }
        } @else {
            (table(&found, world, language))
        }
        @if let Some(next) = next {
            p { a.button.quiet href=(next) rel="next" { (language.of("Plus anciennes →", "Older →")) } }
        }
    })))
}

fn filters(viewer: &Viewer, asked: &Asked, world: Environment) -> Markup {
    let language = viewer.language();
    let any = language.of("Tous", "Any");
    html! {
        form.filters method="get" action="/deliveries" role="search"
            aria-label=(language.of("Filtres", "Filters")) {
            input type="hidden" name="world" value=(world.as_str());
            div {
                label for="status" { (language.of("État", "Status")) }
                select #status name="status" {
                    option value="" { (any) }
                    @for status in Status::ALL {
                        option value=(status.as_str()) selected[asked.status == status.as_str()] { (status.name(language)) }
                    }
                }
            }
            div {
                label for="kind" { (language.of("Quoi", "What")) }
                select #kind name="kind" {
                    option value="" { (any) }
                    @for kind in Kind::ALL {
                        option value=(kind.as_str()) selected[asked.kind == kind.as_str()] { (kind.name(language)) }
                    }
                }
            }
            div {
                label for="opco" { "OPCO" }
                select #opco name="opco" {
                    option value="" { (any) }
                    @for opco in Opco::ALL {
                        option value=(opco.slug()) selected[asked.opco == opco.slug()] { (opco.name()) }
                    }
                }
            }
            div {
                label for="site" { "Site" }
                select #site name="site" {
                    option value="" { (any) }
                    @for site in viewer.sites() {
                        @let siret = site.siret.to_string();
                        option value=(siret) selected[asked.site == siret] { (site.name) }
                    }
                }
            }
            div {
                label for="text" { (language.of("Numéro ou SIRET", "Number or SIRET")) }
                input #text name="text" value=(asked.text) maxlength="100";
            }
            @if !asked.reason.is_empty() { input type="hidden" name="reason" value=(asked.reason); }
            button type="submit" { (language.of("Filtrer", "Filter")) }
            a href=(in_world("/deliveries", Some(world))) { (language.of("Effacer", "Clear")) }
        }
    }
}

fn table(found: &[Delivery], world: Environment, language: Language) -> Markup {
    html! {
        div.scroll {
            table {
                caption.hidden { (language.of("Livraisons, les plus récentes d'abord", "Deliveries, the newest first")) }
                thead { tr {
                    th scope="col" { (language.of("Déposée", "Handed in")) }
                    th scope="col" { (language.of("Quoi", "What")) }
                    th scope="col" { "OPCO" }
                    th scope="col" { (language.of("Où elle en est", "Where it stands")) }
                    th scope="col" { "Site" }
                    th scope="col" { (language.of("Numéro", "Number")) }
                } }
                tbody {
                    @for delivery in found {
                        tr {
                            td {
                                a href=(in_world(&format!("/deliveries/{}", delivery.id), Some(world))) {
                                    (instant(delivery.created_at, language))
                                }
                            }
                            td { (delivery.kind.name(language)) }
                            td { (delivery.opco.map_or("—", Opco::name)) }
                            td { (standing(delivery, language)) }
                            td { (delivery.siret_cfa) }
                            td { (delivery.receipt.numero_interne.as_deref().unwrap_or("—")) }
                        }
                    }
                }
            }
        }
    }
}

/// A delivery's status as a badge, with why, and when it goes on by itself.
pub(crate) fn standing(delivery: &Delivery, language: Language) -> Markup {
    let standing = delivery.standing;
    let colour = match standing.status {
        Status::Delivered => "good",
        Status::Held | Status::Rejected | Status::Dead => "bad",
        Status::Waiting | Status::Unknown => "warn",
        Status::Queued | Status::Sending | Status::Cancelled => "",
    };
    html! {
        span class={ "badge " (colour) } { (standing.status.name(language)) }
        @if let Some(due) = standing.due_at.filter(|_| standing.status == Status::Waiting) {
            " " (language.of("reprend le ", "goes on at ")) (instant(due, language))
        }
    }
}
