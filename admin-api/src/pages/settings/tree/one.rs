//! One site: what is still open there, and what can be done to it.

use actix_web::{HttpResponse, web};
use domain::Environment;
use domain::calendar::day_in_france;
use domain::id::SiteId;
use domain::person::{Language, Right};
use jiff::civil::Date;
use maud::{Markup, html};
use store::Tx;
use store::mandates::Mandate;
use store::tenants::{self, Cfa, Site};

use super::super::super::layout::{Frame, csrf, figure, instant, world_name};
use super::super::super::page;
use super::super::because;
use super::{HERE, ceiling, ceiling_form, explained, mandate};
use crate::desk::Desk;
use crate::refusal::{Code, Refusal};
use crate::tree::census::{self, Bounded, StillOpen};
use crate::tree::{self, TreeError};
use crate::viewer::Viewer;

/// Everything the page shows.
pub(crate) struct Shown {
    pub(crate) site: Site,
    pub(crate) cfa: Cfa,
    /// All the training centres, to choose another from.
    cfas: Vec<Cfa>,
    pub(crate) open: [(Environment, StillOpen); 2],
    pub(crate) bounded: Option<Bounded>,
    /// The mandates attested for it, the newest first.
    pub(crate) mandates: Vec<Mandate>,
    today: Date,
}

/// Reads it.
pub(crate) async fn read(
    desk: &Desk,
    viewer: &Viewer,
    tx: &mut Tx,
    id: SiteId,
) -> Result<Shown, Refusal> {
    let (tenant, now) = (viewer.tenant(), desk.clock.now());
    let site = tree::site_of(tx, tenant, id).await?;
    let cfas = tenants::cfas(tx, tenant).await?;
    let cfa = cfas.iter().find(|cfa| cfa.id == site.cfa).cloned();
    let open = census::still_open(tx, &site, now).await?;
    let bounded = census::bounded(tx, &site, viewer.world(None), now).await?;
    let mandates = tree::mandates::of_site(tx, tenant, &site.siret).await?;
    Ok(Shown {
        cfa: cfa.ok_or(Code::NotFound)?,
        site,
        cfas,
        open,
        bounded,
        mandates,
        today: day_in_france(now),
    })
}

/// Shows it.
pub(crate) async fn show(
    desk: web::Data<Desk>,
    viewer: Viewer,
    id: web::Path<SiteId>,
) -> Result<HttpResponse, Refusal> {
    Ok(page(whole(&desk, &viewer, *id, &html! {}).await?))
}

/// Writes the page, with what is said above it.
pub(super) async fn whole(
    desk: &Desk,
    viewer: &Viewer,
    id: SiteId,
    said: &Markup,
) -> Result<Markup, Refusal> {
    let mut tx = desk.store.reading().await?;
    let shown = read(desk, viewer, &mut tx, id).await?;
    drop(tx);
    let language = viewer.language();
    let may = viewer.may(Right::ManageNetwork);
    Ok(Frame {
        viewer,
        section: "/settings",
        title: &shown.site.name,
        world: None,
    }
    .around(&html! {
        p { a href=(HERE) { (language.of("← Réseau, CFA et sites", "← Network, training centres and sites")) } }
        h1 { (shown.site.name) }
        (said)
        (facts(&shown, language))
        h2 { (language.of("Ce qui est encore ouvert", "What is still open")) }
        (still_open(&shown, language))
        (mandate::section(viewer, &shown.site, (&shown.mandates, shown.today), may))
        h2 { (language.of("Plafond", "Ceiling")) }
        p { (ceiling(shown.bounded.as_ref(), language)) }
        (explained(language))
        @if may {
            (ceiling_form(viewer, Some(id), shown.bounded.as_ref()))
            h2 { (language.of("Changer", "Change")) }
            (change_form(viewer, &shown.site))
            (move_form(viewer, &shown))
            @match shown.site.closed_at {
                None => (close_form(viewer, &shown)),
                Some(_) => (reopen_form(viewer, &shown.site)),
            }
        }
    }))
}

fn facts(shown: &Shown, language: Language) -> Markup {
    let Shown { site, cfa, .. } = shown;
    html! {
        dl {
            dt { "CFA" }
            dd { (cfa.name) " (SIREN " (cfa.siren) ")" }
            dt { "SIRET" }
            dd { (site.siret) }
            dt { "UAI" }
            dd { (site.uai.as_deref().unwrap_or("—")) }
            dt { (language.of("Depuis", "Since")) }
            dd { (instant(site.created_at, language)) }
            dt { (language.of("État", "State")) }
            dd {
                @match site.closed_at {
                    None => span.badge.good { (language.of("ouvert", "open")) },
                    Some(at) => {
                        span.badge.warn { (language.of("fermé", "closed")) } " " (instant(at, language))
                    }
                }
            }
        }
    }
}

fn still_open(shown: &Shown, language: Language) -> Markup {
    let rows = |open: &StillOpen| {
        [
            (
                language.of("Envois en route ou en attente", "Payloads on their way"),
                open.on_the_way,
            ),
            (
                language.of(
                    "Envois retenus : quelqu'un doit agir",
                    "Payloads held: somebody must act",
                ),
                open.held,
            ),
            (
                language.of("Dossiers en cours", "Live dossiers"),
                open.dossiers,
            ),
            (
                language.of("Clés d'API qui le couvrent", "API keys that cover it"),
                open.credentials,
            ),
            (
                language.of(
                    "Clés CFA en service ou en attente",
                    "CFA keys in use or staged",
                ),
                open.keys,
            ),
        ]
    };
    let [(live, of_live), (test, of_test)] = &shown.open;
    let lines = rows(of_live).into_iter().zip(rows(of_test));
    html! {
        table {
            thead { tr {
                th scope="col" { (language.of("Quoi", "What")) }
                th.number scope="col" { (world_name(*live, language)) }
                th.number scope="col" { (world_name(*test, language)) }
            } }
            tbody {
                @for ((what, live), (_, test)) in lines {
                    tr {
                        th scope="row" { (what) }
                        td.number { (figure(live, language)) }
                        td.number { (figure(test, language)) }
                    }
                }
            }
        }
    }
}

fn change_form(viewer: &Viewer, site: &Site) -> Markup {
    let language = viewer.language();
    html! {
        details {
            summary { (language.of("Renommer, ou corriger l'UAI", "Rename, or correct the UAI")) }
            form.narrow method="post" action=(HERE) {
                (csrf(viewer))
                input type="hidden" name="act" value="change-site";
                input type="hidden" name="site" value=(site.id);
                label for="name" { (language.of("Nom du site", "Name of the site")) }
                input #name name="name" value=(site.name) required maxlength="200" autocomplete="off";
                label for="uai" { (language.of("UAI, s'il en a un", "UAI, if it has one")) }
                input #uai name="uai" value=[site.uai.as_deref()] autocomplete="off";
                button.quiet type="submit" { (language.of("Changer le site", "Change the site")) }
            }
        }
    }
}

fn move_form(viewer: &Viewer, shown: &Shown) -> Markup {
    let language = viewer.language();
    let Shown {
        site, cfa, cfas, ..
    } = shown;
    let free: Vec<&Cfa> = cfas
        .iter()
        .filter(|to| tree::movable(site, cfa, to).is_ok())
        .collect();
    let others = cfas.iter().filter(|to| to.id != cfa.id);
    let kept = others
        .map(|to| tree::movable(site, cfa, to))
        .find_map(Result::err);
    html! {
        details {
            summary { (language.of("Passer à un autre CFA", "Move to another training centre")) }
            @match (&*free, kept) {
                ([], Some(why @ TreeError::Company(_))) => p { (Refusal::from(why).detail(language)) },
                ([], _) => p { (language.of("Le réseau n'a pas d'autre CFA.", "The network has no other training centre.")) },
                _ => {
                    p.small {
                        (language.of(
                            "Les personnes dont le rôle tient au CFA actuel ne verront plus ce site ; celles de l'autre le verront. Les envois et les dossiers ne changent pas.",
                            "People whose role is at the present training centre will see this site no more; those of the other will. Payloads and dossiers do not change.",
                        ))
                    }
                    form.narrow method="post" action=(HERE) {
                        (csrf(viewer))
                        input type="hidden" name="act" value="move-site";
                        input type="hidden" name="site" value=(site.id);
                        label for="to" { "CFA" }
                        select #to name="to" {
                            @for to in &free { option value=(to.id) { (to.name) } }
                        }
                        (because("move", language))
                        button.quiet type="submit" { (language.of("Passer à ce CFA", "Move to it")) }
                    }
                }
            }
        }
    }
}

fn close_form(viewer: &Viewer, shown: &Shown) -> Markup {
    let language = viewer.language();
    let nothing = shown.open.iter().all(|(_, open)| open.is_nothing());
    html! {
        details {
            summary { (language.of("Fermer le site", "Close the site")) }
            p {
                (language.of(
                    "Un site fermé ne reçoit plus aucun nouveau contrat. Ce qui est déjà reçu va jusqu'au bout : les envois partent, les états et les échéanciers sont lus, et ce qui suit un contrat déjà reçu (avenant, facture, certificat, rupture) est encore pris.",
                    "A closed site takes no new contract. What was taken goes on to its end: payloads leave, states and schedules are read, and what follows a contract already taken (amendment, invoice, certificate, termination) is still taken.",
                ))
            }
            @if nothing {
                p { (language.of("Rien n'y est ouvert.", "Nothing is open there.")) }
            } @else {
                p.notice.warn {
                    (language.of(
                        "Le tableau ci-dessus dit ce qui y est encore ouvert : rien n'en est arrêté. Révoquez vous-même les clés qui ne doivent plus servir.",
                        "The table above says what is still open there: none of it is stopped. Revoke the keys that are to serve no more yourself.",
                    ))
                }
            }
            form.narrow method="post" action=(HERE) {
                (csrf(viewer))
                input type="hidden" name="act" value="close-site";
                input type="hidden" name="site" value=(shown.site.id);
                (because("close", language))
                button.danger type="submit" { (language.of("Fermer ce site", "Close this site")) }
            }
        }
    }
}

fn reopen_form(viewer: &Viewer, site: &Site) -> Markup {
    let language = viewer.language();
    html! {
        form.narrow method="post" action=(HERE) {
            (csrf(viewer))
            input type="hidden" name="act" value="reopen-site";
            input type="hidden" name="site" value=(site.id);
            (because("reopen", language))
            button type="submit" { (language.of("Rouvrir ce site", "Open this site again")) }
        }
    }
}
