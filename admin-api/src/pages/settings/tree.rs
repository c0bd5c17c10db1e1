//! The hierarchy of the network: its training centres, their sites, what each has going on, and what may be
//! handed in.

pub(crate) mod import;
pub(crate) mod mandate;
pub(crate) mod one;

use actix_web::{HttpResponse, web};
use domain::Environment;
use domain::id::SiteId;
use domain::person::{Language, Right};
use maud::{Markup, html};
use serde::Deserialize;
use store::tenants::Cfa;

use super::super::layout::{Frame, csrf, figure, in_world, instant, world_name, wrong};
use super::super::login::again;
use super::super::page;
use super::because;
use crate::desk::Desk;
use crate::form::Filled;
use crate::gate::redirect;
use crate::refusal::{Code, Refusal};
use crate::tree::CEILING_MAX;
use crate::tree::acts::{self, TreeAct};
use crate::tree::census::{self, Bounded, Leaf, Tree};
use crate::viewer::Viewer;

/// Where the page is.
pub(super) const HERE: &str = "/settings/tree";

/// What the address of the page holds.
#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    world: String,
}

/// Shows it.
pub(crate) async fn show(
    desk: web::Data<Desk>,
    viewer: Viewer,
    asked: web::Query<Asked>,
) -> Result<HttpResponse, Refusal> {
    let world = viewer.world(asked.world.parse().ok());
    Ok(page(whole(&desk, &viewer, world, &html! {}).await?))
}

/// Does one act upon it.
pub(crate) async fn act(
    desk: web::Data<Desk>,
    viewer: Viewer,
    sent: Filled<TreeAct>,
) -> Result<HttpResponse, Refusal> {
    // The page of a site has forms about it. A new site is not there yet: what is wrong with it is said above the
    // whole.
    let about = sent.value("site").and_then(|site| site.parse().ok());
    let done = match sent.read {
        Ok(act) => acts::done(&desk, &viewer, act).await,
        Err(refusal) => Err(refusal),
    };
    match done {
        Ok(Some(site)) => Ok(redirect(&address(site))),
        Ok(None) => Ok(redirect(HERE)),
        Err(refusal) if refusal.code == Code::NotFound => Err(refusal),
        Err(refusal) => {
            let said = wrong(&refusal, viewer.language());
            let shown = match about {
                Some(site) => one::whole(&desk, &viewer, site, &said).await?,
                None => whole(&desk, &viewer, viewer.world(None), &said).await?,
            };
            Ok(again(shown))
        }
    }
}

/// Returns where the page of a site is.
fn address(site: SiteId) -> String {
    format!("{HERE}/{site}")
}

async fn whole(
    desk: &Desk,
    viewer: &Viewer,
    world: Environment,
    said: &Markup,
) -> Result<Markup, Refusal> {
    let mut tx = desk.store.reading().await?;
    let tree = census::read(&mut tx, viewer.tenant(), world, desk.clock.now()).await?;
    drop(tx);
    let language = viewer.language();
    let may = viewer.may(Right::ManageNetwork);
    let title = language.of(
        "Réseau, CFA et sites",
        "Network, training centres and sites",
    );
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
        (counted(world, language))
        @if may {
            p.actions {
                a.button href={ (HERE) "/import" } { (language.of("Importer une feuille", "Import a sheet")) }
            }
        }
        @if tree.cfas.is_empty() {
            p { (language.of("Aucun CFA.", "No training centre.")) }
        }
        @for (cfa, sites) in &tree.cfas { (branch(viewer, cfa, sites, may)) }
        @if may { (cfa_form(viewer)) }
        (network_ceiling(viewer, &tree, may))
    }))
}

/// Says of which world the figures are, and leads to the other.
fn counted(world: Environment, language: Language) -> Markup {
    let (other, to) = match world {
        Environment::Live => (
            Environment::Test,
            language.of("Compter la recette", "Count test"),
        ),
        Environment::Test => (
            Environment::Live,
            language.of("Compter la production", "Count production"),
        ),
    };
    html! {
        p.small {
            (language.of("Clés, dossiers et activité : ", "Keys, dossiers and activity: "))
            strong { (world_name(world, language)) } ". "
            a href=(in_world(HERE, Some(other))) { (to) }
        }
    }
}

fn branch(viewer: &Viewer, cfa: &Cfa, sites: &[Leaf], may: bool) -> Markup {
    let language = viewer.language();
    let region = language.of("Sites de", "Sites of");
    html! {
        section aria-labelledby={ "cfa-" (cfa.id) } {
            h2 id={ "cfa-" (cfa.id) } { (cfa.name) " " span.small { "SIREN " (cfa.siren) } }
            @if sites.is_empty() {
                p { (language.of("Aucun site.", "No site.")) }
            } @else {
                div.scroll tabindex="0" role="region" aria-label={ (region) " " (cfa.name) " (" (cfa.siren) ")" } {
                    (table(sites, language))
                }
            }
            @if may { (site_form(viewer, cfa)) (rename_form(viewer, cfa)) }
        }
    }
}

fn table(sites: &[Leaf], language: Language) -> Markup {
    html! {
        table {
            thead { tr {
                th scope="col" { "Site" }
                th scope="col" { "SIRET" }
                th scope="col" { "UAI" }
                th.number scope="col" { (language.of("Clés d'API", "API keys")) }
                th.number scope="col" { (language.of("Clés CFA", "CFA keys")) }
                th.number scope="col" { (language.of("Dossiers en cours", "Live dossiers")) }
                th scope="col" { (language.of("Dernière activité", "Last activity")) }
                th scope="col" { (language.of("Plafond", "Ceiling")) }
            } }
            tbody {
                @for leaf in sites {
                    tr {
                        td {
                            a href=(address(leaf.site.id)) { (leaf.site.name) }
                            @if leaf.site.closed_at.is_some() {
                                " " span.badge.warn { (language.of("fermé", "closed")) }
                            }
                        }
                        td { (leaf.site.siret) }
                        td { (leaf.site.uai.as_deref().unwrap_or("—")) }
                        td.number { (figure(leaf.credentials, language)) }
                        td.number { (figure(leaf.keys, language)) }
                        td.number { (figure(leaf.dossiers, language)) }
                        td { @match leaf.last_active { Some(at) => (instant(at, language)), None => "—" } }
                        td { (ceiling(leaf.bounded.as_ref(), language)) }
                    }
                }
            }
        }
    }
}

/// Says a ceiling and what was handed in under it.
pub(super) fn ceiling(bounded: Option<&Bounded>, language: Language) -> Markup {
    let Some(Bounded {
        ceiling,
        this_minute,
        today,
    }) = bounded
    else {
        return html! { (language.of("aucun", "none")) };
    };
    let part = |most: Option<u32>, used: u64, per: &str| {
        html! {
            @if let Some(most) = most {
                @let full = used >= u64::from(most);
                span.badge.bad[full] {
                    (figure(used, language)) " / " (figure(u64::from(most), language)) " " (per)
                }
                " "
            }
        }
    };
    html! {
        (part(ceiling.per_minute, *this_minute, language.of("cette minute", "this minute")))
        (part(ceiling.per_day, *today, language.of("aujourd'hui", "today")))
    }
}

fn network_ceiling(viewer: &Viewer, tree: &Tree, may: bool) -> Markup {
    let language = viewer.language();
    html! {
        section aria-labelledby="ceiling" {
            h2 #ceiling { (language.of("Plafond du réseau", "Ceiling of the network")) }
            p { (ceiling(tree.bounded.as_ref(), language)) }
            (explained(language))
            @if may { (ceiling_form(viewer, None, tree.bounded.as_ref())) }
        }
    }
}

/// What a ceiling does.
pub(super) fn explained(language: Language) -> Markup {
    html! {
        p.small {
            (language.of(
                "Au-delà, l'ERP reçoit 429 (« plafond-atteint ») et l'heure à laquelle revenir ; rien n'est perdu de ce qui est déjà reçu. Chaque monde compte à part.",
                "Beyond it, the ERP gets 429 (plafond-atteint) and the hour to come back; nothing already taken is lost. Each world counts apart.",
            ))
        }
    }
}

/// The form of a ceiling: of a site, or of the network.
pub(super) fn ceiling_form(
    viewer: &Viewer,
    site: Option<SiteId>,
    bounded: Option<&Bounded>,
) -> Markup {
    let language = viewer.language();
    let now = bounded.map(|bounded| &bounded.ceiling);
    html! {
        details {
            summary { (language.of("Changer le plafond", "Change the ceiling")) }
            form.narrow method="post" action=(HERE) {
                (csrf(viewer))
                input type="hidden" name="act" value="bound";
                @if let Some(site) = site { input type="hidden" name="site" value=(site); }
                label for="per-minute" { (language.of("Envois par minute ; vide : sans plafond", "Payloads a minute; empty: no ceiling")) }
                input #per-minute name="per_minute" type="number" min="1" max=(CEILING_MAX)
                    value=[now.and_then(|now| now.per_minute)];
                label for="per-day" { (language.of("Envois par jour ; vide : sans plafond", "Payloads a day; empty: no ceiling")) }
                input #per-day name="per_day" type="number" min="1" max=(CEILING_MAX)
                    value=[now.and_then(|now| now.per_day)];
                (because("ceiling", language))
                button type="submit" { (language.of("Changer le plafond", "Change the ceiling")) }
            }
        }
    }
}

fn cfa_form(viewer: &Viewer) -> Markup {
    let language = viewer.language();
    html! {
        details {
            summary { (language.of("Ajouter un CFA", "Add a training centre")) }
            form.narrow method="post" action=(HERE) {
                (csrf(viewer))
                input type="hidden" name="act" value="add-cfa";
                label for="cfa-name" { (language.of("Nom du CFA", "Name of the training centre")) }
                input #cfa-name name="name" required maxlength="200" autocomplete="off";
                label for="cfa-siren" { "SIREN" }
                input #cfa-siren name="siren" required inputmode="numeric" autocomplete="off";
                label {
                    input type="checkbox" name="second" value="true"; " "
                    (language.of(
                        "Second CFA de cette entreprise : le réseau en a déjà un de ce SIREN",
                        "Second training centre of this company: the network has one of this SIREN already",
                    ))
                }
                button type="submit" { (language.of("Ajouter le CFA", "Add the training centre")) }
            }
        }
    }
}

fn rename_form(viewer: &Viewer, cfa: &Cfa) -> Markup {
    let language = viewer.language();
    let id = format!("rename-{}", cfa.id);
    html! {
        details {
            summary { (language.of("Renommer ce CFA", "Rename this training centre")) }
            form.narrow method="post" action=(HERE) {
                (csrf(viewer))
                input type="hidden" name="act" value="rename-cfa";
                input type="hidden" name="cfa" value=(cfa.id);
                label for=(id) { (language.of("Nom du CFA", "Name of the training centre")) }
                input id=(id) name="name" value=(cfa.name) required maxlength="200" autocomplete="off";
                button.quiet type="submit" { (language.of("Renommer", "Rename")) }
            }
        }
    }
}

fn site_form(viewer: &Viewer, cfa: &Cfa) -> Markup {
    let language = viewer.language();
    let id = |field: &str| format!("{field}-{}", cfa.id);
    html! {
        details {
            summary { (language.of("Ajouter un site à ce CFA", "Add a site to this training centre")) }
            form.narrow method="post" action=(HERE) {
                (csrf(viewer))
                input type="hidden" name="act" value="add-site";
                input type="hidden" name="cfa" value=(cfa.id);
                label for=(id("name")) { (language.of("Nom du site", "Name of the site")) }
                input id=(id("name")) name="name" required maxlength="200" autocomplete="off";
                label for=(id("siret")) { "SIRET" }
                input id=(id("siret")) name="siret" required inputmode="numeric" autocomplete="off";
                label for=(id("uai")) { (language.of("UAI, s'il en a un", "UAI, if it has one")) }
                input id=(id("uai")) name="uai" autocomplete="off";
                button type="submit" { (language.of("Ajouter le site", "Add the site")) }
            }
        }
    }
}
