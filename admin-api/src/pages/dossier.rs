//! One dossier: where it stands, its money, what belongs to it, and what the OPCO said of it.

mod money;

use actix_web::{HttpResponse, web};
use domain::calendar::day_in_france;
use domain::id::DossierId;
use domain::person::Language;
use domain::{Opco, Timestamp};
use maud::{Markup, html};
use store::dossiers::HistoryEntry;
use store::{Delivery, Dossier};

use super::deliveries::standing;
use super::dossiers::{colour, number, spelled_otherwise, state};
use super::layout::{Frame, in_world, instant};
use super::page;
use crate::desk::Desk;
use crate::dossiers::{self, Shown};
use crate::refusal::Refusal;
use crate::viewer::Viewer;

/// Shows it.
pub(crate) async fn show(
    desk: web::Data<Desk>,
    viewer: Viewer,
    id: web::Path<DossierId>,
) -> Result<HttpResponse, Refusal> {
    let shown = dossiers::open(&desk, &viewer, *id).await?;
    let Shown {
        dossier,
        next_read_at,
        history,
        deliveries,
        books,
    } = &shown;
    let language = viewer.language();
    let title = format!(
        "Dossier {} — {}",
        number(dossier, language),
        dossier.instance.opco.name()
    );
    let frame = Frame {
        viewer: &viewer,
        section: "/dossiers",
        title: &title,
        world: Some(dossier.environment),
    };
    let today = day_in_france(desk.clock.now());
    Ok(page(frame.around(&html! {
        p { a href=(in_world("/dossiers", Some(dossier.environment))) { "← Dossiers" } }
        h1 { (title) }
        p { (state(dossier, language)) }
        (facts(&viewer, dossier, *next_read_at))
        @if let Some(books) = books { (money::sections(books, today, language)) }
        (belongs(dossier, deliveries, language))
        (said(history, language))
    })))
}

fn facts(viewer: &Viewer, dossier: &Dossier, next: Option<Timestamp>) -> Markup {
    let language = viewer.language();
    let dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "—".to_owned());
    html! {
        dl {
            dt { (language.of("État depuis", "State since")) }
            dd { @if let Some(at) = dossier.etat_at { (instant(at, language)) } @else { "—" } }
            dt { "Site" } dd { (viewer.site_name(&dossier.siret_cfa)) " · " (dossier.siret_cfa) }
            dt { (language.of("Numéro externe", "External number")) } dd { (dash(&dossier.numero_externe)) }
            dt { (language.of("Numéro interne de l'OPCO", "The OPCO's internal number")) } dd { (dash(&dossier.numero_interne)) }
            dt { "DECA" } dd { (dash(&dossier.numero_deca)) }
            dt { (language.of("Dernière lecture de l'état", "State last read")) }
            dd { @if let Some(at) = dossier.last_read_at { (instant(at, language)) } @else { "—" } }
            dt { (language.of("Prochaine lecture", "Next reading")) }
            dd { @if let Some(at) = next { (language.of("vers ", "about ")) (instant(at, language)) } @else { "—" } }
            dt { (language.of("Connu depuis", "Known since")) } dd { (instant(dossier.created_at, language)) }
            dt { (language.of("Identifiant", "Identifier")) } dd { code { (dossier.id) } }
        }
    }
}

fn belongs(dossier: &Dossier, deliveries: &[Delivery], language: Language) -> Markup {
    html! {
        section aria-labelledby="deliveries" {
            h2 #deliveries { (language.of("Livraisons de ce dossier", "Deliveries of this dossier")) }
            @if deliveries.is_empty() {
                p { (language.of(
                    "Aucune : le dossier a été déposé ailleurs, puis adopté.",
                    "None: the dossier was filed elsewhere, then adopted.",
                )) }
            } @else {
                div.scroll { table.flow {
                    thead { tr {
                        th scope="col" { (language.of("Déposée", "Handed in")) }
                        th scope="col" { (language.of("Quoi", "What")) }
                        th scope="col" { "OPCO" }
                        th scope="col" { (language.of("Où elle en est", "Where it stands")) }
                    } }
                    tbody {
                        @for delivery in deliveries { tr {
                            td {
                                a href=(in_world(&format!("/deliveries/{}", delivery.id), Some(dossier.environment))) {
                                    (instant(delivery.created_at, language))
                                }
                            }
                            td { (delivery.kind.name(language)) }
                            td { (delivery.opco.map_or("—", Opco::name)) }
                            td { (standing(delivery, language)) }
                        } }
                    }
                } }
            }
        }
    }
}

fn said(history: &[HistoryEntry], language: Language) -> Markup {
    html! {
        section aria-labelledby="history" {
            h2 #history { (language.of("Ce que l'OPCO en a dit", "What the OPCO said of it")) }
            @if history.is_empty() {
                p { (language.of("Rien encore.", "Nothing yet.")) }
            } @else {
                ol.timeline {
                    @for entry in history {
                        li {
                            (instant(entry.seen_at, language)) " "
                            @if let Some(etat) = entry.etat {
                                span class={ "badge " (colour(etat)) } { (etat.name(language)) }
                            }
                            @if let Some(raw) = spelled_otherwise(entry.etat, entry.etat_raw.as_deref()) {
                                " " span lang="fr" { "« " (raw) " »" }
                            }
                            @if let Some(numero) = &entry.numero_externe { " " span.small { (numero) } }
                            @if let Some(deca) = &entry.numero_deca { " " span.small { "DECA " (deca) } }
                        }
                    }
                }
            }
        }
    }
}
