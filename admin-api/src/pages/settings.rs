//! The settings of a network: what ERPs sign in with, who is told, and what was decided, by whom and why.

pub(crate) mod credentials;
pub(crate) mod webhooks;

use actix_web::{HttpResponse, web};
use domain::person::{Language, Right};
use domain::{Instance, Siret, Timestamp};
use maud::{Markup, html};
use store::overrides::{self, RouteOverride, RuleOverride, Subject};
use store::switches::{self, CapabilitySwitch};
use store::tenants::{self, Cfa, Site};

use super::keys::system_name;
use super::layout::{Frame, instant};
use super::page;
use crate::desk::Desk;
use crate::refusal::Refusal;
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

/// Everything the page shows.
pub(crate) struct Shown {
    pub(crate) cfas: Vec<Cfa>,
    pub(crate) sites: Vec<Site>,
    pub(crate) routes: Vec<RouteOverride>,
    pub(crate) rules: Vec<RuleOverride>,
    pub(crate) switches: Vec<CapabilitySwitch>,
}

/// Reads what the viewer may see of them.
pub(crate) async fn read(desk: &Desk, viewer: &Viewer) -> Result<Shown, Refusal> {
    viewer.require(Right::ReadSettings)?;
    let tenant = viewer.tenant();
    let now = desk.clock.now();
    let mut tx = desk.store.reading().await?;
    Ok(Shown {
        cfas: tenants::cfas(&mut tx, tenant).await?,
        sites: tenants::sites(&mut tx, tenant).await?,
        routes: overrides::routes(&mut tx, tenant).await?,
        rules: overrides::rules(&mut tx, tenant).await?,
        switches: switches::effective(&mut tx, now).await?,
    })
}

/// Shows them.
pub(crate) async fn show(desk: web::Data<Desk>, viewer: Viewer) -> Result<HttpResponse, Refusal> {
    let shown = read(&desk, &viewer).await?;
    let now = desk.clock.now();
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
            a.button href="/settings/credentials" { (language.of("Clés d'API des ERP", "API keys of ERPs")) }
            a.button href="/settings/webhooks" { "Webhooks" }
        }
        (places(&shown, language))
        (decisions(&shown, now, language))
        (opened(&shown.switches, language))
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
                                td { (site.name) }
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

fn decisions(shown: &Shown, now: Timestamp, language: Language) -> Markup {
    let in_force = shown
        .routes
        .iter()
        .filter(|one| one.until.is_none_or(|until| now < until));
    let subject = |subject: &Subject| match subject {
        Subject::Siret(siret) => siret.to_string(),
        Subject::Siren(siren) => siren.to_string(),
    };
    html! {
        h2 { (language.of("OPCO dits par le réseau, effets de règles changés", "OPCOs said by the network, effects of rules changed")) }
        div.scroll {
            table {
                thead { tr {
                    th scope="col" { (language.of("Sur quoi", "About")) }
                    th scope="col" { (language.of("Décision", "Decision")) }
                    th scope="col" { (language.of("Par", "By")) }
                    th scope="col" { (language.of("Pourquoi", "Why")) }
                    th scope="col" { (language.of("Jusqu'au", "Until")) }
                } }
                tbody {
                    @for one in in_force {
                        tr {
                            td { (subject(&one.subject)) }
                            td { (one.opco.name()) }
                            td { (one.author) }
                            td { (one.reason) }
                            td { (until(one.until, language)) }
                        }
                    }
                    @for one in &shown.rules {
                        tr {
                            td { (one.rule) }
                            td { (one.effect) }
                            td { (one.author) }
                            td { (one.reason) }
                            td { "—" }
                        }
                    }
                }
            }
        }
    }
}

fn opened(found: &[CapabilitySwitch], language: Language) -> Markup {
    let name = |instance: Instance| system_name(instance);
    html! {
        h2 { (language.of("Ce que les OPCO ont ouvert, dit par l'exploitant", "What the OPCOs opened, said by the operator")) }
        p.small {
            (language.of(
                "Vaut pour toute la passerelle : seul l'exploitant le change (cfa-gateway admin switch).",
                "Holds for the whole gateway: only its operator changes it (cfa-gateway admin switch).",
            ))
        }
        @if !found.is_empty() {
            div.scroll {
                table {
                    thead { tr {
                        th scope="col" { "OPCO" }
                        th scope="col" { (language.of("Flux", "Flow")) }
                        th scope="col" { (language.of("Ouverture", "Openness")) }
                        th scope="col" { (language.of("Par", "By")) }
                        th scope="col" { (language.of("Pourquoi", "Why")) }
                        th scope="col" { (language.of("Jusqu'au", "Until")) }
                    } }
                    tbody {
                        @for one in found {
                            tr {
                                td { (name(one.instance)) }
                                td { (one.capability) }
                                td { (one.openness) }
                                td { (one.author) }
                                td { (one.reason) }
                                td { (until(one.until, language)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn until(end: Option<Timestamp>, language: Language) -> Markup {
    html! {
        @match end {
            Some(end) => (instant(end, language)),
            None => (language.of("sans fin", "no end")),
        }
    }
}
