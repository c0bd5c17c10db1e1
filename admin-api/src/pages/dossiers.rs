//! Dossiers as the OPCOs know them: the list, with its filters in the address.

use actix_web::{HttpResponse, web};
use domain::person::{Language, Right};
use domain::{Environment, Etat, Opco};
use maud::{Markup, html};
use store::Dossier;

use super::layout::{Frame, in_world, instant};
use super::page;
use crate::desk::Desk;
use crate::dossiers::{self, Asked};
use crate::refusal::Refusal;
use crate::viewer::Viewer;

/// How many on a page.
const PER_PAGE: u32 = 50;

/// Shows a page of the list, the newest first.
pub(crate) async fn list(
    desk: web::Data<Desk>,
    viewer: Viewer,
    asked: web::Query<Asked>,
) -> Result<HttpResponse, Refusal> {
    let asked = asked.into_inner();
    let found = dossiers::list(&desk, &viewer, &asked, PER_PAGE).await?;
    let language = viewer.language();
    let title = "Dossiers";
    let next = found.next.map(|after| {
        let next = Asked {
            after: after.to_string(),
            ..asked.clone()
        };
        let query = serde_urlencoded::to_string(next).unwrap_or_default();
        format!("/dossiers?{query}")
    });
    let frame = Frame {
        viewer: &viewer,
        section: "/dossiers",
        title,
        world: Some(found.world),
    };
    Ok(page(frame.around(&html! {
        h1 { (title) }
        @if viewer.may(Right::Act) {
            p { a href=(in_world("/orphans", Some(found.world))) { (language.of("Orphelins : ce qu'un seul côté connaît →", "Orphans: what one side alone knows →")) } }
        }
        (filters(&viewer, &asked, found.world))
        @if found.dossiers.is_empty() {
            p { (language.of("Rien ne correspond à ces filtres.", "Nothing matches these filters.")) }
        } @else {
            (table(&viewer, &found.dossiers))
        }
        @if let Some(next) = next {
            p { a.button.quiet href=(next) rel="next" { (language.of("Plus anciens →", "Older →")) } }
        }
    })))
}

fn filters(viewer: &Viewer, asked: &Asked, world: Environment) -> Markup {
    let language = viewer.language();
    let any = language.of("Tous", "Any");
    html! {
        form.filters method="get" action="/dossiers" role="search"
            aria-label=(language.of("Filtres", "Filters")) {
            input type="hidden" name="world" value=(world.as_str());
            div {
                label for="etat" { (language.of("État", "State")) }
                select #etat name="etat" {
                    option value="" { (any) }
                    @for etat in Etat::ALL {
                        option value=(etat.as_str()) selected[asked.etat == etat.as_str()] { (etat.name(language)) }
                    }
                }
            }
            (opco_and_site(viewer, &asked.opco, &asked.site))
            div {
                label for="numero" { (language.of("Numéro ou DECA", "Number or DECA")) }
                input #numero name="numero" value=(asked.numero) maxlength="100";
            }
            button type="submit" { (language.of("Filtrer", "Filter")) }
            a href=(in_world("/dossiers", Some(world))) { (language.of("Effacer", "Clear")) }
        }
    }
}

/// The two filters that most lists have.
pub(crate) fn opco_and_site(viewer: &Viewer, opco: &str, site: &str) -> Markup {
    let language = viewer.language();
    let any = language.of("Tous", "Any");
    html! {
        div {
            label for="opco" { "OPCO" }
            select #opco name="opco" {
                option value="" { (any) }
                @for one in Opco::ALL {
                    option value=(one.slug()) selected[opco == one.slug()] { (one.name()) }
                }
            }
        }
        div {
            label for="site" { "Site" }
            select #site name="site" {
                option value="" { (any) }
                @for one in viewer.sites_with(Right::ReadDeliveries) {
                    @let siret = one.siret.to_string();
                    option value=(siret) selected[site == siret] { (one.name) }
                }
            }
        }
    }
}

fn table(viewer: &Viewer, found: &[Dossier]) -> Markup {
    let language = viewer.language();
    html! {
        div.scroll {
            table.flow {
                caption.hidden { (language.of("Dossiers, les plus récents d'abord", "Dossiers, the newest first")) }
                thead { tr {
                    th scope="col" { (language.of("Numéro", "Number")) }
                    th scope="col" { "OPCO" }
                    th scope="col" { (language.of("État", "State")) }
                    th scope="col" { (language.of("Depuis", "Since")) }
                    th scope="col" { "Site" }
                    th scope="col" { "DECA" }
                    th scope="col" { (language.of("Dernière lecture", "Last read")) }
                } }
                tbody {
                    @for dossier in found {
                        tr {
                            td {
                                a href=(in_world(&format!("/dossiers/{}", dossier.id), Some(dossier.environment))) {
                                    (number(dossier, language))
                                }
                            }
                            td { (dossier.instance.opco.name()) }
                            td { (state(dossier, language)) }
                            td data-name=(language.of("depuis", "since")) {
                                @if let Some(at) = dossier.etat_at { (instant(at, language)) } @else { "—" }
                            }
                            td { (viewer.site_name(&dossier.siret_cfa)) }
                            td data-name="DECA" { (dossier.numero_deca.as_deref().unwrap_or("—")) }
                            td data-name=(language.of("lu le", "read on")) {
                                @if let Some(at) = dossier.last_read_at { (instant(at, language)) } @else { "—" }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Returns what people call a dossier: the number of the business exchange, else the technical one.
pub(crate) fn number(dossier: &Dossier, language: Language) -> &str {
    let known = dossier.numero_externe.as_deref();
    let known = known.or(dossier.numero_interne.as_deref());
    known.unwrap_or(language.of("sans numéro", "no number"))
}

/// A dossier's state as a badge, with the OPCO's own word where it says something else.
pub(crate) fn state(dossier: &Dossier, language: Language) -> Markup {
    html! {
        @match dossier.etat {
            Some(etat) => span class={ "badge " (colour(etat)) } { (etat.name(language)) },
            None if dossier.etat_raw.is_some() => span.badge.warn { (language.of("état inconnu", "unknown state")) },
            None => span.badge { (language.of("pas encore dit", "not told yet")) },
        }
        @if let Some(raw) = spelled_otherwise(dossier.etat, dossier.etat_raw.as_deref()) {
            " " span.small lang="fr" { "« " (raw) " »" }
        }
    }
}

/// Returns the OPCO's own word where it is not the norm's.
pub(crate) fn spelled_otherwise(etat: Option<Etat>, raw: Option<&str>) -> Option<&str> {
    raw.filter(|raw| etat.is_none_or(|etat| etat.as_str() != *raw))
}

/// Returns the colour of a state.
pub(crate) fn colour(etat: Etat) -> &'static str {
    match etat {
        Etat::Engage | Etat::Solde => "good",
        Etat::Refuse | Etat::Annule => "bad",
        Etat::Rupture => "warn",
        Etat::Transmis | Etat::EnCoursInstruction => "",
    }
}
