//! The alerts: what is raised now and since when, what ended, who is told what.

use actix_web::{HttpResponse, web};
use domain::Timestamp;
use domain::alert::Severity;
use domain::id::AlertId;
use domain::person::Language;
use maud::{Markup, html};
use serde::Deserialize;
use store::alerts::choices::Choice;

use super::layout::{Frame, csrf, in_world, instant};
use super::page;
use super::today::age;
use crate::alerts::{self, Asked, Board, Listener, REASON_CHARS_MAX, Shown};
use crate::desk::Desk;
use crate::form::Sent;
use crate::gate::redirect;
use crate::refusal::Refusal;
use crate::viewer::Viewer;

/// For how many hours one may be silenced, as the form offers it.
const HOURS: [(u64, &str, &str); 5] = [
    (4, "4 heures", "4 hours"),
    (24, "1 jour", "1 day"),
    (72, "3 jours", "3 days"),
    (168, "1 semaine", "1 week"),
    (720, "30 jours", "30 days"),
];

/// What the form of a silence sends.
#[derive(Debug, Deserialize)]
pub(crate) struct Wish {
    #[serde(default)]
    hours: u64,
    #[serde(default)]
    reason: String,
}

/// What the form of a choice sends.
#[derive(Debug, Deserialize)]
pub(crate) struct Chosen {
    #[serde(default)]
    least: Option<Severity>,
    #[serde(default)]
    report: String,
}

/// Shows them.
pub(crate) async fn list(
    desk: web::Data<Desk>,
    viewer: Viewer,
    asked: web::Query<Asked>,
) -> Result<HttpResponse, Refusal> {
    let board = alerts::read(&desk, &viewer, &asked).await?;
    let choice = alerts::choice(&desk, &viewer).await?;
    let listeners = alerts::listeners(&desk, &viewer).await?;
    let now = desk.clock.now();
    let language = viewer.language();
    let title = language.of("Alertes", "Alerts");
    let frame = Frame {
        viewer: &viewer,
        section: "/alerts",
        title,
        world: Some(board.world),
    };
    Ok(page(frame.around(&html! {
        h1 { (title) }
        div data-live { (lasting(&board, &viewer, now)) }
        (ended(&board, language))
        (choices(&viewer, choice))
        @if let Some(listeners) = &listeners { (told(listeners, language)) }
    })))
}

/// Silences one.
pub(crate) async fn silence(
    desk: web::Data<Desk>,
    viewer: Viewer,
    id: web::Path<AlertId>,
    sent: Sent<Wish>,
) -> Result<HttpResponse, Refusal> {
    let world = alerts::silence(&desk, &viewer, *id, sent.0.hours, &sent.0.reason).await?;
    Ok(redirect(&in_world("/alerts", Some(world))))
}

/// Ends the silence of one.
pub(crate) async fn speak(
    desk: web::Data<Desk>,
    viewer: Viewer,
    id: web::Path<AlertId>,
    sent: Sent<Wish>,
) -> Result<HttpResponse, Refusal> {
    let world = alerts::speak(&desk, &viewer, *id, &sent.0.reason).await?;
    Ok(redirect(&in_world("/alerts", Some(world))))
}

/// Keeps what the viewer wants by mail.
pub(crate) async fn choose(
    desk: web::Data<Desk>,
    viewer: Viewer,
    sent: Sent<Chosen>,
) -> Result<HttpResponse, Refusal> {
    let choice = Choice {
        least: sent.0.least,
        report: !sent.0.report.is_empty(),
    };
    alerts::choose(&desk, &viewer, choice).await?;
    Ok(redirect("/alerts"))
}

/// The strip of the first page: what is raised now, unless somebody silenced it.
pub(crate) fn strip(raised: &[Shown], now: Timestamp, language: Language) -> Markup {
    let heard: Vec<&Shown> = raised.iter().filter(|one| one.silence.is_none()).collect();
    html! {
        @if !heard.is_empty() {
            section aria-labelledby="raised" {
                h2 #raised { (language.of("Alertes en cours", "Alerts raised now")) " (" (heard.len()) ")" }
                ul.plain {
                    @for one in heard.iter().take(5) {
                        li {
                            (badge(one.severity, language)) " "
                            a href={ (in_world("/alerts", Some(one.alert.environment))) "#" (one.alert.id) } { (what(one, language)) }
                            " " span.small { (language.of("depuis ", "for ")) (age(one.alert.began_at, now, language)) }
                        }
                    }
                }
                @if heard.len() > 5 {
                    p { a href="/alerts" { (language.of("Toutes les alertes →", "All alerts →")) } }
                }
            }
        }
    }
}

fn badge(severity: Severity, language: Language) -> Markup {
    let colour = match severity {
        Severity::Notice => "",
        Severity::Warning => "warn",
        Severity::Critical => "bad",
    };
    html! { span class={ "badge " (colour) } { (severity.name(language)) } }
}

/// What is wrong, with whom, and how much.
fn what(one: &Shown, language: Language) -> String {
    let alert = &one.alert;
    format!(
        "{} : {}, {}",
        alert.condition.name(language),
        alert.subject.named(one.site.as_deref()),
        alert.condition.measured(alert.measure, language),
    )
}

fn lasting(board: &Board, viewer: &Viewer, now: Timestamp) -> Markup {
    let language = viewer.language();
    html! {
        section aria-labelledby="now" {
            h2 #now { (language.of("En cours", "Now")) }
            @if board.lasting.is_empty() {
                p { (language.of("Rien d'anormal.", "Nothing unusual.")) }
            }
            ul.cards { @for one in &board.lasting { (card(one, viewer, now)) } }
        }
    }
}

fn card(one: &Shown, viewer: &Viewer, now: Timestamp) -> Markup {
    let language = viewer.language();
    let alert = &one.alert;
    html! {
        li.card id=(alert.id) {
            p { (badge(one.severity, language)) " " strong { (alert.condition.name(language)) } }
            p { (alert.subject.named(one.site.as_deref())) " : " (alert.condition.measured(alert.measure, language)) }
            p.small {
                (language.of("Depuis ", "For ")) (age(alert.began_at, now, language)) ", "
                (instant(alert.began_at, language))
            }
            p { (alert.condition.advice(language)) }
            @if let Some(silence) = &one.silence {
                p.small {
                    (language.of("En silence jusqu'au ", "Silenced until ")) (instant(silence.ends_at, language))
                    " : " (silence.reason)
                }
            }
            @if one.may_silence { (acts(one, viewer)) }
        }
    }
}

fn acts(one: &Shown, viewer: &Viewer) -> Markup {
    let language = viewer.language();
    let id = one.alert.id;
    let reason = format!("reason-{id}");
    let hours = format!("hours-{id}");
    let silenced = one.silence.is_some();
    let (path, title) = if silenced {
        ("speak", language.of("Lever le silence", "End the silence"))
    } else {
        ("silence", language.of("Mettre en silence", "Silence"))
    };
    html! {
        details {
            summary { (title) }
            form method="post" action={ "/alerts/" (id) "/" (path) } {
                (csrf(viewer))
                @if !silenced {
                    label for=(hours) { (language.of("Pendant", "For")) }
                    select id=(hours) name="hours" {
                        @for (count, fr, en) in HOURS { option value=(count) { (language.of(fr, en)) } }
                    }
                }
                label for=(reason) { (language.of("Motif", "Reason")) }
                input id=(reason) name="reason" required maxlength=(REASON_CHARS_MAX);
                button.quiet type="submit" { (title) }
            }
        }
    }
}

fn ended(board: &Board, language: Language) -> Markup {
    html! {
        section aria-labelledby="ended" {
            h2 #ended { (language.of("Terminées", "Ended")) }
            @if board.ended.is_empty() {
                p { (language.of("Aucune.", "None.")) }
            } @else {
                div.scroll { table {
                    thead { tr {
                        th scope="col" { (language.of("Gravité", "Severity")) }
                        th scope="col" { (language.of("Quoi", "What")) }
                        th scope="col" { (language.of("Début", "Began")) }
                        th scope="col" { (language.of("Fin", "Ended")) }
                    } }
                    tbody {
                        @for one in &board.ended { tr {
                            td { (badge(one.severity, language)) }
                            td { (what(one, language)) }
                            td { (instant(one.alert.began_at, language)) }
                            td { @if let Some(at) = one.alert.cleared_at { (instant(at, language)) } }
                        } }
                    }
                } }
            }
            @if let Some(next) = board.next {
                p { a.button.quiet rel="next" href=(in_world(&format!("/alerts?before={next}"), Some(board.world))) {
                    (language.of("Plus anciennes →", "Older →"))
                } }
            }
        }
    }
}

fn choices(viewer: &Viewer, choice: Choice) -> Markup {
    let language = viewer.language();
    html! {
        section aria-labelledby="mine" {
            h2 #mine { (language.of("Ce que je reçois par courriel", "What I get by e-mail")) }
            form.narrow method="post" action="/alerts/choice" {
                (csrf(viewer))
                label for="least" { (language.of("Alertes", "Alerts")) }
                select #least name="least" {
                    option value="" selected[choice.least.is_none()] { (language.of("aucune", "none")) }
                    @for one in Severity::ALL.iter().rev() {
                        option value=(one) selected[choice.least == Some(*one)] { (from(*one, language)) }
                    }
                }
                label {
                    input type="checkbox" name="report" value="1" checked[choice.report];
                    " " (language.of("Le rapport quotidien", "The daily report"))
                }
                button type="submit" { (language.of("Enregistrer", "Save")) }
            }
        }
    }
}

fn from(least: Severity, language: Language) -> &'static str {
    match least {
        Severity::Critical => language.of("critiques seulement", "critical only"),
        Severity::Warning => language.of("à partir des avertissements", "from warnings on"),
        Severity::Notice => language.of("toutes", "all"),
    }
}

fn told(listeners: &[Listener], language: Language) -> Markup {
    html! {
        section aria-labelledby="told" {
            h2 #told { (language.of("Qui reçoit quoi", "Who gets what")) }
            div.scroll { table {
                thead { tr {
                    th scope="col" { (language.of("Personne", "Person")) }
                    th scope="col" { (language.of("Alertes", "Alerts")) }
                    th scope="col" { (language.of("Rapport quotidien", "Daily report")) }
                } }
                tbody {
                    @for one in listeners { tr {
                        td { a href={ "/people/" (one.id) } { (one.name) } }
                        td { (one.choice.least.map_or(language.of("aucune", "none"), |least| from(least, language))) }
                        td { (if one.choice.report { language.of("oui", "yes") } else { language.of("non", "no") }) }
                    } }
                }
            } }
        }
    }
}
