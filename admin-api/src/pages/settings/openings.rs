//! What the network knows of an OPCO before its tables do: a flow it opened or closed, works it announced.

use actix_web::{HttpResponse, web};
use domain::person::Right;
use domain::{Capability, Environment, Openness, TenantId, Timestamp};
use maud::{Markup, html};
use store::Tx;
use store::switches::{self, CapabilitySwitch};
use store::windows::{self, Window};

use super::super::keys::{system_name, systems};
use super::super::layout::{Frame, csrf, instant, world_field, world_name, wrong};
use super::super::login::again;
use super::super::page;
use super::decisions::{days, ending};
use super::{because, until};
use crate::audit::Names;
use crate::decisions::acts::{self, Opening};
use crate::desk::Desk;
use crate::form::Filled;
use crate::gate::redirect;
use crate::refusal::Refusal;
use crate::viewer::Viewer;

/// Where the page is.
const HERE: &str = "/settings/openings";

/// What was said of OPCOs and is not over.
pub(crate) struct Said {
    /// Flows, by the network.
    pub(crate) switches: Vec<CapabilitySwitch>,
    /// Flows, by whoever runs the gateway: they hold for every network.
    pub(crate) everywhere: Vec<CapabilitySwitch>,
    /// Works: the network's, and those that hold for every network.
    pub(crate) windows: Vec<Window>,
    /// What people call who said so.
    pub(crate) names: Names,
}

impl Said {
    /// Reads it.
    pub(crate) async fn of(tx: &mut Tx, viewer: &Viewer, now: Timestamp) -> Result<Self, Refusal> {
        let tenant = viewer.tenant();
        let mut windows = windows::ahead(tx, tenant, now).await?;
        windows.extend(windows::ahead(tx, TenantId::PLATFORM, now).await?);
        Ok(Self {
            switches: switches::network::ahead(tx, tenant, now).await?,
            everywhere: switches::effective(tx, now).await?,
            windows,
            names: Names::of(tx, tenant).await?,
        })
    }

    /// Returns what people call an author.
    pub(crate) fn name<'a>(&'a self, author: &'a str) -> &'a str {
        self.names.find(author).unwrap_or(author)
    }
}

/// Shows it.
pub(crate) async fn show(desk: web::Data<Desk>, viewer: Viewer) -> Result<HttpResponse, Refusal> {
    Ok(page(whole(&desk, &viewer, &html! {}).await?))
}

/// Says something of an OPCO.
pub(crate) async fn say(
    desk: web::Data<Desk>,
    viewer: Viewer,
    sent: Filled<Opening>,
) -> Result<HttpResponse, Refusal> {
    let done = match sent.read {
        Ok(opening) => acts::say(&desk, &viewer, opening).await,
        Err(refusal) => Err(refusal),
    };
    match done {
        Ok(()) => Ok(redirect(HERE)),
        Err(refusal) => {
            let said = wrong(&refusal, viewer.language());
            Ok(again(whole(&desk, &viewer, &said).await?))
        }
    }
}

async fn whole(desk: &Desk, viewer: &Viewer, notice: &Markup) -> Result<Markup, Refusal> {
    let now = desk.clock.now();
    let mut tx = desk.store.reading().await?;
    let said = Said::of(&mut tx, viewer, now).await?;
    drop(tx);
    let language = viewer.language();
    let may = viewer.may(Right::ManageNetwork);
    let title = language.of("Ouvertures et maintenances", "Openings and maintenance");
    Ok(Frame {
        viewer,
        section: "/settings",
        title,
        world: None,
    }
    .around(&html! {
        p { a href="/settings" { (language.of("← Réglages", "← Settings")) } }
        h1 { (title) }
        (notice)
        h2 { (language.of("Maintenances annoncées", "Announced maintenance")) }
        p.small {
            (language.of(
                "Pendant ce temps rien n'est demandé ni envoyé à l'OPCO : les envois attendent la fin, avec la raison.",
                "Meanwhile nothing is asked of nor sent to the OPCO: deliveries wait for the end, with the reason.",
            ))
        }
        (works(viewer, &said, now, may))
        @if may { (window_form(desk, viewer)) }
        h2 { (language.of("Flux ouverts ou fermés", "Flows opened or closed")) }
        p.small {
            (language.of(
                "La parole du réseau ne vaut que pour lui et passe avant celle de l'exploitant.",
                "The network's word holds for it alone and goes before that of whoever runs the gateway.",
            ))
        }
        (flows(viewer, &said, may))
        @if may { (flow_form(desk, viewer)) }
    }))
}

fn works(viewer: &Viewer, said: &Said, now: Timestamp, may: bool) -> Markup {
    let language = viewer.language();
    html! {
        @if said.windows.is_empty() {
            p { (language.of("Aucune.", "None.")) }
        } @else {
            div.scroll { table {
                thead { tr {
                    th scope="col" { "OPCO" }
                    th scope="col" { (language.of("Monde", "World")) }
                    th scope="col" { (language.of("De", "From")) }
                    th scope="col" { (language.of("À", "To")) }
                    th scope="col" { (language.of("Par", "By")) }
                    th scope="col" { (language.of("Pourquoi", "Why")) }
                    @if may { th scope="col" { (language.of("Acte", "Act")) } }
                } }
                tbody {
                    @for one in &said.windows {
                        tr {
                            td {
                                (system_name(one.instance))
                                @if one.from <= now { " " span.badge.warn { (language.of("en cours", "under way")) } }
                            }
                            td { (world_name(one.environment, language)) }
                            td { (instant(one.from, language)) }
                            td { (instant(one.until, language)) }
                            td { (said.name(&one.author)) }
                            td { (one.reason) }
                            @if may {
                                td {
                                    @if one.tenant == viewer.tenant() {
                                        (ending(viewer, (HERE, "end-window"), ("id", &one.id.to_string())))
                                    }
                                }
                            }
                        }
                    }
                }
            } }
        }
    }
}

fn flows(viewer: &Viewer, said: &Said, may: bool) -> Markup {
    let language = viewer.language();
    let own = said.switches.iter().map(|one| (one, true));
    let all = own.chain(said.everywhere.iter().map(|one| (one, false)));
    html! {
        @if said.switches.is_empty() && said.everywhere.is_empty() {
            p { (language.of("Rien n'est changé au tableau fourni.", "Nothing of the table that ships is changed.")) }
        } @else {
            div.scroll { table {
                thead { tr {
                    th scope="col" { "OPCO" }
                    th scope="col" { (language.of("Flux", "Flow")) }
                    th scope="col" { (language.of("Ouverture", "Openness")) }
                    th scope="col" { (language.of("Par", "By")) }
                    th scope="col" { (language.of("Pourquoi", "Why")) }
                    th scope="col" { (language.of("Depuis", "Since")) }
                    th scope="col" { (language.of("Jusqu'au", "Until")) }
                    @if may { th scope="col" { (language.of("Acte", "Act")) } }
                } }
                tbody {
                    @for (one, mine) in all {
                        tr {
                            td { (system_name(one.instance)) }
                            td { (one.capability) }
                            td { (one.openness) }
                            td { (said.name(&one.author)) }
                            td { (one.reason) }
                            td { (instant(one.from, language)) }
                            td { (until(one.until, language)) }
                            @if may {
                                td { @if mine { (ending(viewer, (HERE, "end-flow"), ("id", &one.id.to_string()))) } }
                            }
                        }
                    }
                }
            } }
        }
    }
}

fn opco_field(desk: &Desk, name: &str) -> Markup {
    html! {
        label for={ "system-" (name) } { "OPCO" }
        select id={ "system-" (name) } name="system" {
            @for instance in systems(desk) {
                option value={ (instance.opco.slug()) "/" (instance.number) } { (system_name(instance)) }
            }
        }
    }
}

fn window_form(desk: &Desk, viewer: &Viewer) -> Markup {
    let language = viewer.language();
    html! {
        details {
            summary { (language.of("Annoncer une maintenance", "Announce maintenance")) }
            form.narrow method="post" action=(HERE) {
                (csrf(viewer))
                input type="hidden" name="act" value="announce";
                (opco_field(desk, "window"))
                (world_field(Environment::Live, language))
                label for="begins" { (language.of("De (heure de France)", "From (hour in France)")) }
                input #begins name="from" type="datetime-local" required;
                label for="ends" { (language.of("À (heure de France)", "To (hour in France)")) }
                input #ends name="until" type="datetime-local" required;
                (because("window", language))
                button type="submit" { (language.of("Annoncer", "Announce")) }
            }
        }
    }
}

fn flow_form(desk: &Desk, viewer: &Viewer) -> Markup {
    let language = viewer.language();
    html! {
        details {
            summary { (language.of("Dire ce qu'un OPCO a ouvert", "Say what an OPCO opened")) }
            form.narrow method="post" action=(HERE) {
                (csrf(viewer))
                input type="hidden" name="act" value="open";
                (opco_field(desk, "flow"))
                label for="capability" { (language.of("Flux", "Flow")) }
                select #capability name="capability" {
                    @for capability in Capability::ALL { option value=(capability) { (capability) } }
                }
                label for="openness" { (language.of("Ouverture", "Openness")) }
                select #openness name="openness" {
                    @for openness in Openness::ALL { option value=(openness) { (openness) } }
                }
                (days("flow", language))
                (because("flow", language))
                button type="submit" { (language.of("Décider", "Decide")) }
            }
        }
    }
}
