//! The health of the OPCOs: who answers and how, what waits, what is open.

mod chart;

use actix_web::{HttpResponse, web};
use domain::person::Language;
use domain::{NormVersion, Openness};
use maud::{Markup, html};

use super::layout::{Frame, in_world, instant};
use super::page;
use crate::desk::Desk;
use crate::opcos::{self, Asked, HOURS, State};
use crate::refusal::Refusal;
use crate::viewer::Viewer;
use crate::works::{Breaker, Health, Open};

/// Shows it.
pub(crate) async fn show(
    desk: web::Data<Desk>,
    viewer: Viewer,
    asked: web::Query<Asked>,
) -> Result<HttpResponse, Refusal> {
    let (world, states) = opcos::all(&desk, &viewer, &asked).await?;
    let language = viewer.language();
    let title = language.of("Santé des OPCO", "Health of the OPCOs");
    let frame = Frame {
        viewer: &viewer,
        section: "/opcos",
        title,
        world: Some(world),
    };
    Ok(page(frame.around(&html! {
        h1 { (title) }
        p.small {
            (language.of("Appels des ", "Calls of the last ")) (HOURS)
            (language.of(
                " dernières heures pour ce qui a été déposé depuis ; p50, p95 : durée que la moitié, puis 95 % des appels n'ont pas dépassée.",
                " hours for what was handed in since; p50, p95: how long half, then 95% of the calls took at most.",
            ))
        }
        div.scroll { table {
            thead { tr {
                th scope="col" { "OPCO" }
                th scope="col" { (language.of("Maintenant", "Now")) }
                th.number scope="col" { (language.of("En attente", "Waiting")) }
                th scope="col" { (language.of("La plus ancienne", "The oldest")) }
                th.number scope="col" { (language.of("Appels", "Calls")) }
                th.number scope="col" { "p50" }
                th.number scope="col" { "p95" }
                th.number scope="col" { "429" }
                th.number scope="col" { "4xx" }
                th.number scope="col" { "5xx" }
                th.number scope="col" { (language.of("Sans réponse", "No answer")) }
                th scope="col" { (language.of("Contrats en", "Contracts in")) }
            } }
            tbody { @for state in &states { (row(state, language)) } }
        } }
        (chart::drawn(&states, desk.clock.now(), language))
        (strange(&states, language))
    })))
}

/// What OPCOs send that nobody here knows: a sign that one of them has changed.
fn strange(states: &[State], language: Language) -> Markup {
    html! {
        @if states.iter().any(|state| !state.unknown.is_empty()) {
            section aria-labelledby="unknown" {
                h2 #unknown { (language.of("Champs que personne ne connaît", "Fields that nobody knows")) }
                p.small { (language.of(
                    "Présents dans les réponses d'un OPCO et absents de la norme : leurs noms seuls, jamais leurs valeurs.",
                    "In an OPCO's answers and not in the norm: their names alone, never their values.",
                )) }
                div.scroll { table {
                    thead { tr {
                        th scope="col" { "OPCO" }
                        th scope="col" { (language.of("Réponse", "Answer")) }
                        th scope="col" { (language.of("Champ", "Field")) }
                        th.number scope="col" { (language.of("Réponses", "Answers")) }
                        th scope="col" { (language.of("Vu d'abord", "First seen")) }
                        th scope="col" { (language.of("Vu en dernier", "Last seen")) }
                    } }
                    tbody { @for state in states { @for field in &state.unknown { tr {
                        td { (state.opco.name()) }
                        td { (field.place) }
                        td { code { (field.name) } }
                        td.number { (field.told) }
                        td { (instant(field.first_told_at, language)) }
                        td { (instant(field.last_told_at, language)) }
                    } } } }
                } }
            }
        }
    }
}

fn row(state: &State, language: Language) -> Markup {
    let calls = &state.calls;
    let world = state.systems.first().map(|one| one.environment);
    let list = in_world(&format!("/deliveries?opco={}", state.opco.slug()), world);
    html! {
        tr {
            th scope="row" { a href=(list) { (state.opco.name()) } }
            td { @for system in &state.systems { (now(system, language)) } }
            td.number { (state.backlog.map_or(0, |backlog| backlog.count)) }
            td { @if let Some(backlog) = state.backlog { (instant(backlog.oldest, language)) } @else { "—" } }
            td.number { (calls.count) }
            td.number { (ms(calls.p50_ms)) }
            td.number { (ms(calls.p95_ms)) }
            td.number { (calls.throttled) }
            td.number { (calls.refused) }
            td.number { (calls.failed) }
            td.number { (calls.unanswered) }
            td { @if let Some(open) = &state.open { (capabilities(open, language)) } }
        }
    }
}

/// What lets calls to a system through, or holds them back.
fn now(system: &Health, language: Language) -> Markup {
    html! {
        div {
            @if system.instance.number > 1 { (system.instance.number) " " }
            @match system.breaker {
                Breaker::Closed if system.closed_until.is_some() => span.badge.warn { (language.of("en travaux", "under works")) },
                Breaker::Closed => span.badge.good { (language.of("répond", "answers")) },
                Breaker::Trying => span.badge.warn { (language.of("à l'essai", "being tried")) },
                Breaker::Open(until) => {
                    span.badge.bad { (language.of("au repos", "resting")) } " "
                    (language.of("jusqu'au ", "until ")) (instant(until, language))
                }
            }
            @if let Some(until) = system.closed_until {
                p.small { (language.of("Travaux annoncés jusqu'au ", "Announced works until ")) (instant(until, language)) }
            }
            @if let Some(until) = system.silent_until {
                p.small { (language.of("A demandé le silence jusqu'au ", "Asked for silence until ")) (instant(until, language)) }
            }
        }
    }
}

fn capabilities(open: &Open, language: Language) -> Markup {
    let version = open.version.map_or("—", NormVersion::as_str);
    html! {
        details {
            summary { (version) }
            ul.small {
                @for (capability, openness) in &open.capabilities {
                    li { code { (capability) } " " (how_far(*openness, language)) }
                }
            }
        }
    }
}

/// Says how far a flow is open.
pub fn how_far(openness: Openness, language: Language) -> &'static str {
    match openness {
        Openness::Production => language.of("en production", "in production"),
        Openness::Recette => language.of("en recette", "in acceptance testing"),
        Openness::Developpement => language.of("en développement", "being built"),
        Openness::Unknown => language.of("inconnu", "unknown"),
    }
}

fn ms(duration: Option<u64>) -> String {
    duration.map_or_else(|| "—".to_owned(), |ms| format!("{ms} ms"))
}
