//! What a person must know in the morning.

use actix_web::{HttpResponse, web};
use domain::calendar::day_in_france;
use domain::person::{Language, Right};
use domain::{Environment, HoldReason, Opco, Status, Timestamp, WaitReason};
use jiff::civil::Date;
use maud::{Markup, html};
use store::keys::CfaKey;

use super::chart;
use super::layout::{self, Frame, euros, figure, in_world, instant};
use super::money::kept_here;
use super::{page, words};
use crate::alerts;
use crate::board::{self, Board, Line};
use crate::books::{Blocked, Stuck};
use crate::causes::Who;
use crate::desk::Desk;
use crate::refusal::Refusal;
use crate::table::ROUTES;
use crate::viewer::Viewer;
use crate::works::{Breaker, Health};

/// Which world.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Asked {
    world: Option<Environment>,
}

/// Shows it.
pub(crate) async fn show(
    desk: web::Data<Desk>,
    viewer: Viewer,
    asked: web::Query<Asked>,
) -> Result<HttpResponse, Refusal> {
    viewer.require(Right::ReadDeliveries)?;
    let world = viewer.world(asked.world);
    let board = board::read(&desk, &viewer, world).await?;
    let raised = alerts::lasting(&desk, &viewer, world).await?;
    let now = desk.clock.now();
    let language = viewer.language();
    let title = language.of("Aujourd'hui", "Today");
    let frame = Frame {
        viewer: &viewer,
        section: "/",
        title,
        world: Some(world),
    };
    Ok(page(frame.around(&html! {
        h1 { (title) }
        div data-live {
            (super::alerts::strip(&raised, now, language))
            (cards(&board, world, now, language))
            (stuck(&board, world, now, language))
            @if let Some(blocked) = &board.blocked { (money(blocked, world, language)) }
            (opcos(&board, language))
            @if let Some(keys) = &board.keys { (ending(keys, world, day_in_france(now), language)) }
            (lately(&board, world, language))
        }
    })))
}

fn total<'b>(lines: impl Iterator<Item = &'b Line>) -> (u64, Option<Timestamp>) {
    lines.fold((0, None), |(count, oldest), line| {
        let oldest = oldest.map_or(line.oldest, |one: Timestamp| one.min(line.oldest));
        (count.saturating_add(line.count), Some(oldest))
    })
}

fn cards(board: &Board, world: Environment, now: Timestamp, language: Language) -> Markup {
    let since = board.since;
    html! {
        section aria-labelledby="who" {
            h2 #who { (language.of("Qui doit agir", "Who must act")) }
            ul.cards {
                @for who in Who::ALL {
                    @let (count, oldest) = total(board.lines.iter().filter(|line| line.who == who));
                    li.card {
                        div { (who.name(language)) }
                        div.figure {
                            @if count == 0 { "0" } @else { a href={ "#stuck-" (who.as_str()) } { (figure(count, language)) } }
                        }
                        @if let Some(oldest) = oldest {
                            div.small { (language.of("la plus ancienne : ", "the oldest: ")) (age(oldest, now, language)) }
                        }
                    }
                }
                @if let Some(blocked) = &board.blocked { (money_card(blocked, language)) }
            }
            p.small {
                (language.of("Refus et abandons comptés depuis le ", "What was refused or given up is counted since "))
                (layout::day(since, language)) ". "
                a href=(in_world("/to-fix", Some(world))) { (language.of("À corriger, par cause →", "To fix, by cause →")) }
            }
        }
    }
}

/// What invoices that no OPCO has bill: what waits for somebody, and what leaves by itself on its day, in cents.
fn blocked_and_leaving(blocked: &Blocked) -> (i64, i64) {
    let (leaving, waiting): (Vec<&Stuck>, Vec<&Stuck>) = blocked
        .by
        .values()
        .partition(|one| one.who() == Who::Nobody);
    (Blocked::cents(waiting), Blocked::cents(leaving))
}

fn money_card(blocked: &Blocked, language: Language) -> Markup {
    let (waiting, leaving) = blocked_and_leaving(blocked);
    html! {
        li.card {
            div { (language.of("Argent bloqué", "Blocked money")) }
            div.figure {
                @if blocked.by.is_empty() { (euros(0, language)) } @else { a href="#blocked" { (euros(waiting, language)) } }
            }
            @if leaving != 0 {
                div.small {
                    (language.of("de plus, part seul : ", "more, leaves by itself: ")) (euros(leaving, language))
                }
            }
        }
    }
}

fn money(blocked: &Blocked, world: Environment, language: Language) -> Markup {
    let (waiting, leaving) = blocked_and_leaving(blocked);
    html! {
        section aria-labelledby="blocked" {
            h2 #blocked { (language.of("Argent bloqué", "Blocked money")) }
            @if blocked.by.is_empty() {
                p { (language.of("Rien : chaque facture est chez son OPCO.", "Nothing: every invoice is at its OPCO.")) }
            } @else {
                p {
                    (language.of("Factures qu'aucun OPCO n'a encore : ", "Invoices that no OPCO has yet: "))
                    strong { (euros(waiting, language)) }
                    (language.of(" attendent que quelqu'un agisse, ", " wait for somebody to act, "))
                    (euros(leaving, language)) (language.of(" partent seuls", " leave by themselves"))
                    @if blocked.truncated { (language.of(", sur les plus récentes seulement", ", of the newest only")) }
                    "."
                }
                (kept_here(blocked, world, language))
            }
            p { a href=(in_world("/money", Some(world))) {
                (language.of("Ce que les OPCO doivent, ont reçu et réglé →", "What OPCOs owe, received and paid →"))
            } }
        }
    }
}

fn stuck(board: &Board, world: Environment, now: Timestamp, language: Language) -> Markup {
    html! {
        section aria-labelledby="stuck" {
            h2 #stuck { (language.of("Ce qui n'est pas arrivé, et pourquoi", "What has not arrived, and why")) }
            @if board.lines.is_empty() {
                p { (language.of("Rien : tout est chez les OPCO.", "Nothing: everything is at the OPCOs.")) }
            }
            @for who in Who::ALL {
                @let lines: Vec<&Line> = board.lines.iter().filter(|line| line.who == who).collect();
                @if !lines.is_empty() {
                    h3 id={ "stuck-" (who.as_str()) } { (who.name(language)) }
                    div.scroll { table.stacked {
                        thead { tr {
                            th.number scope="col" { (language.of("Combien", "How many")) }
                            th scope="col" { (language.of("Pourquoi", "Why")) }
                            th scope="col" { (language.of("La plus ancienne", "The oldest")) }
                            th scope="col" { "OPCO" }
                        } }
                        tbody { @for line in lines { (stuck_line(board, line, world, now, language)) } }
                    } }
                }
            }
        }
    }
}

fn stuck_line(
    board: &Board,
    line: &Line,
    world: Environment,
    now: Timestamp,
    language: Language,
) -> Markup {
    html! {
        tr {
            td.number { a href=(list(board, line, None, world)) { (figure(line.count, language)) } }
            td {
                span class={ "badge " (super::deliveries::colour(line.status)) } { (line.status.name(language)) } " "
                (why(line.status, line.reason.as_deref(), language))
                @if let Some(due) = line.due.filter(|due| line.status == Status::Waiting && *due > now) {
                    " " (language.of("Reprend le ", "Goes on at ")) (instant(due, language)) "."
                }
            }
            td { (age(line.oldest, now, language)) div.small { (instant(line.oldest, language)) } }
            td {
                @for (opco, count) in &line.opcos {
                    div {
                        @match opco {
                            Some(opco) => { a href=(list(board, line, Some(*opco), world)) { (opco.name()) " " (figure(*count, language)) } }
                            None => { (language.of("pas encore connu ", "not known yet ")) (figure(*count, language)) }
                        }
                    }
                }
            }
        }
    }
}

/// Says why deliveries stand where they do.
pub(crate) fn why(status: Status, reason: Option<&str>, language: Language) -> String {
    let wait = reason.and_then(|word| word.parse::<WaitReason>().ok());
    let hold = reason.and_then(|word| word.parse::<HoldReason>().ok());
    let wait = wait.map(|reason| reason.explained(language));
    let hold = hold.map(|reason| reason.explained(language));
    let said = wait.or(hold).unwrap_or_else(|| status.explained(language));
    words::spoken(said, language)
}

/// The list a figure counts.
fn list(board: &Board, line: &Line, opco: Option<Opco>, world: Environment) -> String {
    let ended = matches!(line.status, Status::Rejected | Status::Dead);
    let pairs = [
        ("status", Some(line.status.as_str().to_owned())),
        ("reason", line.reason.clone()),
        ("opco", opco.map(|opco| opco.slug().to_owned())),
        ("since", ended.then(|| board.since.to_string())),
        ("world", Some(world.to_string())),
    ];
    let query = serde_urlencoded::to_string(pairs).unwrap_or_default();
    format!("/deliveries?{query}")
}

/// How long ago, in the largest unit.
pub(crate) fn age(at: Timestamp, now: Timestamp, language: Language) -> String {
    let seconds = now.as_second().saturating_sub(at.as_second()).max(0);
    let (count, fr, en) = match seconds {
        0..60 => return language.of("à l'instant", "just now").to_owned(),
        60..3_600 => (seconds / 60, "min", "min"),
        3_600..86_400 => (seconds / 3_600, "h", "h"),
        _ => (seconds / 86_400, "j", "d"),
    };
    format!("{count} {}", language.of(fr, en))
}

fn opcos(board: &Board, language: Language) -> Markup {
    html! {
        section aria-labelledby="opcos" {
            h2 #opcos { (language.of("Santé des OPCO", "Health of the OPCOs")) }
            p {
                @if board.unwell.is_empty() { (language.of("Aucun ne va mal. ", "None is unwell. ")) }
                (figure(u64::try_from(board.well).unwrap_or(u64::MAX), language)) " "
                (language.form(
                    board.well,
                    language.of("système d'OPCO répond normalement.", "system of an OPCO answers as it should."),
                    language.of("systèmes d'OPCO répondent normalement.", "systems of OPCOs answer as they should."),
                ))
            }
            @if !board.unwell.is_empty() {
                ul.cards { @for one in &board.unwell { (unwell(one, language)) } }
            }
        }
    }
}

fn unwell(one: &Health, language: Language) -> Markup {
    html! {
        li.card {
            strong { (one.instance.opco.name()) } " "
            @match one.breaker {
                Breaker::Closed if one.closed_until.is_some() => span.badge.warn { (language.of("en travaux", "under works")) },
                Breaker::Closed => span.badge.good { (language.of("répond", "answers")) },
                Breaker::Trying => span.badge.warn { (language.of("à l'essai", "being tried")) },
                Breaker::Open(until) => {
                    span.badge.bad { (language.of("au repos", "resting")) } " "
                    (language.of("jusqu'au ", "until ")) (instant(until, language))
                }
            }
            @if let Some(until) = one.closed_until {
                p.small { (language.of("Travaux annoncés jusqu'au ", "Announced works until ")) (instant(until, language)) }
            }
            @if let Some(until) = one.silent_until {
                p.small { (language.of("A demandé le silence jusqu'au ", "Asked for silence until ")) (instant(until, language)) }
            }
        }
    }
}

fn ending(keys: &[CfaKey], world: Environment, today: Date, language: Language) -> Markup {
    let grid = ROUTES.iter().any(|line| line.pattern == "/keys");
    html! {
        section aria-labelledby="keys" {
            h2 #keys { (language.of("Clés qui finissent dans les 60 jours", "Keys that end within 60 days")) }
            @if keys.is_empty() {
                p { (language.of("Aucune.", "None.")) }
            } @else {
                ul.plain {
                    @for key in keys {
                        li {
                            @if let Some(day) = key.expires_on {
                                span class={ "badge " (if day < today { "bad" } else { "warn" }) } {
                                    @if day < today { (language.of("finie le ", "ended on ")) } @else { (language.of("finit le ", "ends on ")) }
                                    (layout::day(day, language))
                                } " "
                            }
                            (key.instance.opco.name()) ", site " (key.siret_cfa)
                        }
                    }
                }
            }
            @if grid { p { a href=(in_world("/keys", Some(world))) { (language.of("Toutes les clés →", "All keys →")) } } }
        }
    }
}

fn lately(board: &Board, world: Environment, language: Language) -> Markup {
    let link = |day: Date, status: Option<&str>| {
        let day = day.to_string();
        let pairs = [
            ("status", status),
            ("since", Some(day.as_str())),
            ("until", Some(day.as_str())),
            ("world", Some(world.as_str())),
        ];
        let query = serde_urlencoded::to_string(pairs).unwrap_or_default();
        format!("/deliveries?{query}")
    };
    html! {
        section aria-labelledby="lately" {
            h2 #lately { (language.of("Les quatorze derniers jours", "The last fourteen days")) }
            (chart::days(&board.days, language, link))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_told_in_its_largest_unit() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let now = at("2026-09-02T08:00:00Z");
        assert_eq!(
            age(at("2026-09-02T07:59:30Z"), now, Language::En),
            "just now"
        );
        assert_eq!(age(at("2026-09-02T05:59:30Z"), now, Language::Fr), "2 h");
        assert_eq!(age(at("2026-08-20T08:00:00Z"), now, Language::Fr), "13 j");
    }
}
