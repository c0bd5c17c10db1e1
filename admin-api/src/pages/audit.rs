//! The log: who did what, when, to which delivery; how far it is sealed; exports.

use actix_web::{HttpResponse, web};
use domain::event;
use domain::id::DeliveryId;
use domain::person::Language;
use maud::{Markup, html};
use store::events::Event;
use store::proofs::{Party, Standing};

use super::layout::{Frame, instant};
use super::page;
use crate::audit::{self, Asked, Found, Names, Shows};
use crate::desk::Desk;
use crate::refusal::Refusal;
use crate::viewer::Viewer;

/// How many on a page.
const PER_PAGE: u32 = 100;

/// Shows a part of it, the newest first.
pub(crate) async fn list(
    desk: web::Data<Desk>,
    viewer: Viewer,
    asked: web::Query<Asked>,
) -> Result<HttpResponse, Refusal> {
    let asked = asked.into_inner().for_people();
    let found = audit::search(&desk, &viewer, &asked, PER_PAGE).await?;
    let language = viewer.language();
    let title = language.of("Journal", "Log");
    let frame = Frame {
        viewer: &viewer,
        section: "/audit",
        title,
        world: None,
    };
    Ok(page(frame.around(&html! {
        h1 { (title) }
        (seal(&found, language))
        @for standing in &found.vouchers { (voucher(standing, language)) }
        (filters(&asked, language))
        (openings(&asked, language))
        p.actions {
            a.button.quiet href=(asked.address("/audit/export", None, "csv")) { "CSV" }
            a.button.quiet href=(asked.address("/audit/export", None, "ndjson")) { "NDJSON" }
        }
        @if found.events.is_empty() {
            p { (nothing(found.next, language)) }
        } @else {
            (table(&found.events, &found.names, language))
        }
        @if let Some(next) = found.next {
            p { a.button.quiet href=(asked.address("/audit", Some(next), "")) rel="next" {
                (language.of("Plus anciens →", "Older →"))
            } }
        }
    })))
}

/// Hands out all that matches.
pub(crate) async fn export(
    desk: web::Data<Desk>,
    viewer: Viewer,
    asked: web::Query<Asked>,
) -> Result<HttpResponse, Refusal> {
    audit::export(&desk, &viewer, &asked).await
}

/// Hands out the evidence file of a delivery.
pub(crate) async fn evidence(
    desk: web::Data<Desk>,
    viewer: Viewer,
    id: web::Path<DeliveryId>,
) -> Result<HttpResponse, Refusal> {
    audit::evidence(&desk, &viewer, *id).await
}

fn seal(found: &Found, language: Language) -> Markup {
    html! {
        p {
            @if found.sealed >= found.head {
                span.badge.good { (language.of("scellé", "sealed")) } " "
                (language.of("en entier, jusqu'à la position ", "whole, up to position ")) (found.sealed)
            } @else {
                span.badge.warn { (language.of("scellement en cours", "being sealed")) } " "
                (language.of("jusqu'à la position ", "up to position ")) (found.sealed)
                (language.of(" sur ", " of ")) (found.head)
            }
        }
    }
}

/// One line for each who vouches for the log beside its own keys.
fn voucher(standing: &Standing, language: Language) -> Markup {
    let (fr, en) = match standing.party {
        Party::Witness(_) => ("vu par ", "seen by "),
        Party::Authority => ("daté par ", "dated by "),
    };
    let name = audit::name_of(standing);
    html! {
        p {
            @if let Some((conflict, since)) = standing.conflict {
                span.badge.bad { (language.of("contredit par ", "contradicted by ")) (name) } " "
                (conflict.said(language)) (language.of(", depuis le ", ", since ")) (instant(since, language))
            } @else if let Some(at) = standing.at {
                span.badge.good { (language.of(fr, en)) (name) } " "
                (language.of("jusqu'à la position ", "up to position ")) (standing.size)
                (language.of(", le ", ", on ")) (instant(at, language))
            } @else {
                span.badge.warn {
                    @if name.is_empty() { (language.of("horodatage en attente", "time-stamp awaited")) }
                    @else { (language.of("pas encore ", "not yet ")) (language.of(fr, en)) (name) }
                }
            }
        }
    }
}

fn nothing(next: Option<i64>, language: Language) -> &'static str {
    if next.is_some() {
        language.of(
            "Rien dans la partie regardée ; la recherche continue plus loin.",
            "Nothing in the part looked at; the search goes on further back.",
        )
    } else {
        language.of(
            "Rien ne correspond à ces filtres.",
            "Nothing matches these filters.",
        )
    }
}

fn filters(asked: &Asked, language: Language) -> Markup {
    html! {
        form.filters method="get" action="/audit" role="search"
            aria-label=(language.of("Filtres", "Filters")) {
            div {
                label for="who" { (language.of("Qui (nom, ou début d'acteur)", "Who (name, or start of an actor)")) }
                input #who name="who" value=(asked.who) maxlength="100" placeholder="credential:";
            }
            div {
                label for="kind" { (language.of("Quoi (début)", "What (start)")) }
                input #kind name="kind" value=(asked.kind) maxlength="100" placeholder="delivery." list="kinds";
                datalist #kinds {
                    @for (kind, fr, en) in event::KINDS { option value=(kind) label=(language.of(fr, en)) {} }
                }
            }
            div {
                label for="delivery" { (language.of("Livraison", "Delivery")) }
                input #delivery name="delivery" value=(asked.delivery) maxlength="36";
            }
            div {
                label for="dossier" { "Dossier" }
                input #dossier name="dossier" value=(asked.dossier) maxlength="36";
            }
            div {
                label for="from" { (language.of("Du", "From")) }
                input #from type="date" name="from" value=(asked.from);
            }
            div {
                label for="to" { (language.of("au", "to")) }
                input #to type="date" name="to" value=(asked.to);
            }
            input type="hidden" name="openings" value=(asked.openings);
            button type="submit" { (language.of("Chercher", "Search")) }
            a href="/audit" { (language.of("Effacer", "Clear")) }
        }
    }
}

/// Says whether what the gateway opened by itself is among them, with the way to the other list.
fn openings(asked: &Asked, language: Language) -> Markup {
    let (said, link) = match asked.shows() {
        Shows::People => (
            language.of(
                "Sans les contenus que la passerelle ouvre elle-même pour son travail. ",
                "Without what the gateway opens by itself for its work. ",
            ),
            language.of("Les montrer aussi", "Show it too"),
        ),
        Shows::All => (
            language.of(
                "Avec les contenus que la passerelle ouvre elle-même pour son travail. ",
                "With what the gateway opens by itself for its work. ",
            ),
            language.of("Ne pas les montrer", "Do not show it"),
        ),
    };
    html! { p.small { (said) a href=(asked.other_openings()) { (link) } } }
}

fn table(events: &[Event], names: &Names, language: Language) -> Markup {
    html! {
        div.scroll { table.flow {
            caption.hidden { (language.of("Événements, les plus récents d'abord", "Events, the newest first")) }
            thead { tr {
                th.number scope="col" { "#" }
                th scope="col" { (language.of("Quand", "When")) }
                th scope="col" { (language.of("Quoi", "What")) }
                th scope="col" { (language.of("Qui", "Who")) }
                th scope="col" { (language.of("Sur", "On")) }
                th scope="col" { (language.of("Détail", "Detail")) }
            } }
            tbody {
                @for event in events { tr {
                    td.number { (event.position) }
                    td { (instant(event.at, language)) }
                    td {
                        @match event::name(&event.kind, language) {
                            Some(name) => { (name) div.small { code { (event.kind) } } },
                            None => code { (event.kind) },
                        }
                    }
                    td { (who(&event.actor, names, language)) }
                    td {
                        @if let Some(id) = event.delivery {
                            a href={ "/deliveries/" (id) } { (language.of("livraison", "delivery")) } " "
                        }
                        @if let Some(id) = event.dossier { a href={ "/dossiers/" (id) } { "dossier" } }
                    }
                    td {
                        @if event.data.as_object().is_some_and(|data| !data.is_empty()) {
                            details {
                                summary { (language.of("voir", "show")) }
                                pre.small { (serde_json::to_string_pretty(&event.data).unwrap_or_default()) }
                            }
                        }
                    }
                } }
            }
        } }
    }
}

/// Who acted, by the name people know.
pub(crate) fn who(actor: &str, names: &Names, language: Language) -> Markup {
    let gateway = (actor == event::GATEWAY).then(|| language.of("la passerelle", "the gateway"));
    html! {
        @match names.find(actor).or(gateway) {
            Some(name) => span title=(actor) { (name) },
            None => (actor),
        }
    }
}
