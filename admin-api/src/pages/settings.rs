//! The settings of a network: what ERPs sign in with, who is told, and what was decided, by whom and why.

pub(crate) mod credentials;
pub(crate) mod decisions;
pub(crate) mod openings;
pub(crate) mod tree;
pub(crate) mod webhooks;

use std::fmt::Display;

use actix_web::{HttpResponse, web};
use domain::person::{Language, Right};
use domain::{Secret, Siret, Timestamp};
use maud::{Markup, html};
use store::tenants::{self, Cfa, Site};

use super::layout::{Frame, instant};
use super::page;
use crate::desk::Desk;
use crate::form::ONCE_FIELD;
use crate::refusal::{Code, Refusal};
use crate::viewer::Viewer;

/// The field that asks for the reason of an act, under a name of its own on the page.
pub(crate) fn because(name: &str, language: Language) -> Markup {
    html! {
        label for={ "reason-" (name) } { (language.of("Pourquoi (pour le journal)", "Why (for the log)")) }
        input id={ "reason-" (name) } name="reason" required maxlength="500" autocomplete="off";
    }
}

/// Reads SIRETs as people type them, one a line or apart by commas.
pub(crate) fn sirets(text: &str) -> Result<Vec<Siret>, Refusal> {
    let apart = |c: char| c == ',' || c == ';' || c.is_whitespace();
    let read: Result<Vec<Siret>, _> = text
        .split(apart)
        .filter(|text| !text.is_empty())
        .map(str::parse)
        .collect();
    read.map_err(|_| {
        Refusal::invalid(
            "/sites",
            "Un SIRET n'est pas celui d'un site du réseau.",
            "A SIRET is none of the network's sites.",
        )
    })
}

/// Shows a text that nobody will see again, under what to do with it.
pub(crate) fn shown_once(what: &str, text: &Secret) -> Markup {
    html! {
        div.notice.done role="status" {
            p { (what) }
            p { code { (text.expose()) } }
        }
    }
}

/// The name of what a form will make: sent twice, as by a page that is loaded again, it makes one.
pub(crate) fn once(id: impl Display) -> Markup {
    html! { input type="hidden" name=(ONCE_FIELD) value=(id.to_string()); }
}

/// Says that a form was sent twice.
pub(crate) fn made_already() -> Refusal {
    Refusal::from(Code::Conflict).saying(
        "Ce formulaire a déjà fait une clé, montrée une seule fois : aucune autre n'est faite. Si vous ne \
         l'avez pas notée, révoquez-la, puis faites-en une autre.",
        "This form made a key already, shown only once: no other is made. If you did not note it, revoke it, \
         then make another.",
    )
}

/// Everything the page shows.
pub(crate) struct Shown {
    pub(crate) cfas: Vec<Cfa>,
    pub(crate) sites: Vec<Site>,
}

/// Reads what the viewer may see of them.
pub(crate) async fn read(desk: &Desk, viewer: &Viewer) -> Result<Shown, Refusal> {
    viewer.require(Right::ReadSettings)?;
    let tenant = viewer.tenant();
    let mut tx = desk.store.reading().await?;
    Ok(Shown {
        cfas: tenants::cfas(&mut tx, tenant).await?,
        sites: tenants::sites(&mut tx, tenant).await?,
    })
}

/// Shows them.
pub(crate) async fn show(desk: web::Data<Desk>, viewer: Viewer) -> Result<HttpResponse, Refusal> {
    let shown = read(&desk, &viewer).await?;
    let language = viewer.language();
    let title = language.of("Réglages", "Settings");
    let frame = Frame {
        viewer: &viewer,
        section: "/settings",
        title,
        world: None,
    };
    Ok(page(frame.around(&html! {
        h1 { (title) }
        p.actions {
            a.button href="/settings/tree" { (language.of("Réseau, CFA et sites", "Network, training centres and sites")) }
            a.button href="/settings/credentials" { (language.of("Clés d'API des ERP", "API keys of ERPs")) }
            a.button href="/settings/webhooks" { "Webhooks" }
            a.button href="/settings/decisions" { (language.of("Décisions du réseau", "Decisions of the network")) }
            a.button href="/settings/openings" { (language.of("Ouvertures et maintenances", "Openings and maintenance")) }
            a.button href="/retention" { (language.of("Durées de conservation", "Retention")) }
        }
        (places(&shown, language))
    })))
}

fn places(shown: &Shown, language: Language) -> Markup {
    html! {
        h2 { (language.of("CFA et sites", "Training centres and sites")) }
        div.scroll {
            table {
                thead { tr {
                    th scope="col" { "CFA" }
                    th scope="col" { "SIREN" }
                    th scope="col" { "Site" }
                    th scope="col" { "SIRET" }
                    th scope="col" { "UAI" }
                } }
                tbody {
                    @for cfa in &shown.cfas {
                        @for site in shown.sites.iter().filter(|site| site.cfa == cfa.id) {
                            tr {
                                td { (cfa.name) }
                                td { (cfa.siren) }
                                td {
                                    (site.name)
                                    @if site.closed_at.is_some() { " " span.badge.warn { (language.of("fermé", "closed")) } }
                                }
                                td { (site.siret) }
                                td { (site.uai.as_deref().unwrap_or("—")) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Writes the end of a period.
pub(crate) fn until(end: Option<Timestamp>, language: Language) -> Markup {
    html! {
        @match end {
            Some(end) => (instant(end, language)),
            None => (language.of("sans fin", "no end")),
        }
    }
}
