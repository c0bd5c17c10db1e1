//! An act upon many deliveries: what it would meet, then how it goes.

mod items;

use actix_web::{HttpRequest, HttpResponse, web};
use domain::bulk::{BulkState, Fate, Halt, Obstacle};
use domain::delivery::Action;
use domain::id::BulkId;
use domain::person::{Language, Right};
use domain::{HoldReason, Opco, Timestamp};
use maud::{Markup, html};
use serde::Deserialize;
use store::Delivery;
use store::bulks::Bulk;

use super::columns::Column;
use super::deliveries::{colour, noun, table};
use super::delivery::name;
use super::layout::{Frame, csrf, figure, instant, wrong};
use super::login::again;
use super::page;
use super::settings::tree::mandate::advice;
use super::today::why;
use crate::bulk::{self, Group, PER_MINUTE_MAX, Progress, Sight};
use crate::desk::Desk;
use crate::form::Sent;
use crate::gate::redirect;
use crate::picked::Asked;
use crate::refusal::{Code, Refusal};
use crate::viewer::{Reach, Viewer};

/// How many deliveries a preview shows, and a page of what became of them.
const FIRST: u32 = 10;
const PER_PAGE: u32 = 100;
/// How many acts the list shows.
const LISTED: u32 = 50;

/// What the form that chooses an act sends.
#[derive(Debug, Deserialize)]
pub(crate) struct Chosen {
    #[serde(default)]
    query: String,
    action: Action,
    opco: Option<Opco>,
}

/// What the form that begins sends.
#[derive(Debug, Deserialize)]
pub(crate) struct Begun {
    per_minute: Option<u32>,
    #[serde(default)]
    reason: String,
}

/// Which of its deliveries a page shows.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Which {
    fate: Option<Fate>,
    after: Option<u32>,
}

/// Shows what the filters of an address name, and what may be done to it.
pub(crate) async fn new(
    desk: web::Data<Desk>,
    viewer: Viewer,
    request: HttpRequest,
) -> Result<HttpResponse, Refusal> {
    let asked = Asked::read_all(request.query_string())?;
    let sight = bulk::look(&desk, &viewer, &asked).await?;
    let language = viewer.language();
    let world = asked.world(&viewer);
    let title = language.of("Agir sur plusieurs livraisons", "Act on many deliveries");
    let most = usize::try_from(FIRST).unwrap_or(usize::MAX);
    let shown = sight.deliveries.get(..most).unwrap_or(&sight.deliveries);
    let frame = Frame {
        viewer: &viewer,
        section: "/deliveries",
        title,
        world: Some(world),
    };
    Ok(page(frame.around(&html! {
        h1 { (title) }
        @let found = count(sight.deliveries.len());
        p { strong { (figure(found, language)) } " "
            (noun(found, language)) " "
            (language.form(found, language.of("correspond", "matches"), language.of("correspondent", "match"))) ". "
            a href={ "/deliveries?" (asked.query()) } { (language.of("La liste →", "The list →")) } }
        @if sight.deliveries.is_empty() {
            p { (language.of("Rien à faire.", "Nothing to do.")) }
        } @else {
            (groups(&viewer, &sight.groups))
            (choice(&viewer, &sight, &asked))
            h2 { (language.of("Les premières", "The first of them")) }
            (table(shown, &columns(), world, language))
        }
    })))
}

fn columns() -> Vec<Column> {
    vec![
        Column::Kind,
        Column::Opco,
        Column::Standing,
        Column::Why,
        Column::Site,
        Column::Number,
    ]
}

fn count(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

fn groups(viewer: &Viewer, groups: &[Group]) -> Markup {
    let language = viewer.language();
    html! {
        div.scroll { table {
            thead { tr {
                th.number scope="col" { (language.of("Combien", "How many")) }
                th scope="col" { (language.of("Où elles en sont", "Where they stand")) }
                th scope="col" { (language.of("Ce que cet état permet", "What this state allows")) }
            } }
            tbody { @for group in groups { tr {
                td.number { (figure(group.count, language)) }
                td {
                    span class={ "badge " (colour(group.status)) } { (group.status.name(language)) } " "
                    (why(group.status, group.reason.map(HoldReason::as_str), language))
                }
                td {
                    @if group.ready.is_empty() { (language.of("rien", "nothing")) }
                    @for (action, ready) in &group.ready {
                        div { (name(*action, language)) " : " (figure(*ready, language)) }
                    }
                    @for (action, alone) in &group.alone {
                        div.small {
                            (name(*action, language)) " : " (figure(*alone, language)) ", "
                            (language.of(
                                "une à une sur leur page (numéro de l'OPCO ou mandat à donner)",
                                "one by one on their pages (the OPCO's number or a mandate to give)",
                            ))
                        }
                    }
                    @if group.reason == Some(HoldReason::MandateMissing) { div.small { (advice(viewer)) } }
                }
            } } }
        } }
    }
}

fn choice(viewer: &Viewer, sight: &Sight, asked: &Asked) -> Markup {
    let language = viewer.language();
    let ready = |action: Action| -> u64 {
        let all = sight.groups.iter().flat_map(|group| &group.ready);
        all.filter(|(one, _)| *one == action)
            .map(|(_, count)| count)
            .sum()
    };
    let possible: Vec<(Action, u64)> = Action::ALL
        .iter()
        .map(|action| (*action, ready(*action)))
        .filter(|(_, count)| *count > 0)
        .collect();
    html! {
        @if possible.is_empty() {
            p { (language.of(
                "Aucun acte n'est possible sur ces livraisons avec votre rôle.",
                "No act is possible on these deliveries with your role.",
            )) }
        } @else {
            form.narrow method="post" action="/bulk" {
                (csrf(viewer))
                // The world is named: the list must not change with whoever has gone live.
                input type="hidden" name="query" value=(pinned(viewer, asked));
                label for="action" { (language.of("Que faire", "What to do")) }
                select #action name="action" {
                    @for (action, count) in &possible {
                        option value=(action.as_str()) { (name(*action, language)) " (" (figure(*count, language)) ")" }
                    }
                }
                @if possible.iter().any(|(action, _)| *action == Action::ChooseOpco) {
                    label for="opco" { (language.of("OPCO (pour « Choisir l'OPCO »)", "OPCO (for “Choose the OPCO”)")) }
                    select #opco name="opco" {
                        option value="" { "—" }
                        @for opco in Opco::ALL { option value=(opco.slug()) { (opco.name()) } }
                    }
                }
                p.small { (language.of(
                    "Rien n'est encore fait : la page suivante compte et demande pourquoi.",
                    "Nothing is done yet: the next page counts and asks why.",
                )) }
                button type="submit" { (language.of("Continuer", "Go on")) }
            }
        }
    }
}

fn pinned(viewer: &Viewer, asked: &Asked) -> String {
    let whole = Asked {
        world: asked.world(viewer).to_string(),
        ..asked.clone()
    };
    whole.query()
}

/// Counts the deliveries and keeps them as a draft.
pub(crate) async fn draft(
    desk: web::Data<Desk>,
    viewer: Viewer,
    sent: Sent<Chosen>,
) -> Result<HttpResponse, Refusal> {
    let Sent(sent) = sent;
    let asked = Asked::read_all(&sent.query)?;
    let id = bulk::draft(&desk, &viewer, &asked, (sent.action, sent.opco)).await?;
    Ok(redirect(&format!("/bulk/{id}")))
}

/// Shows the preview of a draft, or how an act goes.
pub(crate) async fn show(
    desk: web::Data<Desk>,
    viewer: Viewer,
    id: web::Path<BulkId>,
    which: web::Query<Which>,
) -> Result<HttpResponse, Refusal> {
    let progress = bulk::progress(&desk, &viewer, *id).await?;
    let markup = if progress.bulk.state == BulkState::Draft {
        preview(&desk, &viewer, &progress, &html! {}).await?
    } else {
        course(&desk, &viewer, &progress, &which).await?
    };
    Ok(page(markup))
}

/// Begins a draft.
pub(crate) async fn begin(
    desk: web::Data<Desk>,
    viewer: Viewer,
    id: web::Path<BulkId>,
    sent: Sent<Begun>,
) -> Result<HttpResponse, Refusal> {
    let Sent(sent) = sent;
    let per_minute = sent.per_minute.unwrap_or(bulk::PER_MINUTE);
    match bulk::begin(&desk, &viewer, *id, (per_minute, &sent.reason)).await {
        Ok(()) => Ok(redirect(&format!("/bulk/{id}"))),
        Err(refusal) if refusal.code == Code::Invalid => {
            let progress = bulk::progress(&desk, &viewer, *id).await?;
            let said = wrong(&refusal, viewer.language());
            Ok(again(preview(&desk, &viewer, &progress, &said).await?))
        }
        Err(refusal) => Err(refusal),
    }
}

/// Stops one.
pub(crate) async fn cancel(
    desk: web::Data<Desk>,
    viewer: Viewer,
    id: web::Path<BulkId>,
) -> Result<HttpResponse, Refusal> {
    bulk::cancel(&desk, &viewer, *id).await?;
    Ok(redirect(&format!("/bulk/{id}")))
}

async fn preview(
    desk: &Desk,
    viewer: &Viewer,
    progress: &Progress,
    said: &Markup,
) -> Result<Markup, Refusal> {
    let bulk = &progress.bulk;
    let mut tx = desk.store.reading().await?;
    let first = bulk::first(&mut tx, viewer, bulk, FIRST).await?;
    drop(tx);
    let language = viewer.language();
    let title = title(bulk, language);
    let frame = Frame {
        viewer,
        section: "/deliveries",
        title: &title,
        world: Some(bulk.environment),
    };
    Ok(frame.around(&html! {
        h1 { (title) }
        (said)
        p {
            strong { (figure(bulk.total.into(), language)) } " "
            (noun(bulk.total, language)) " "
            (language.form(bulk.total, language.of("comptée le ", "counted on "), language.of("comptées le ", "counted on ")))
            (instant(bulk.created_at, language)) ". "
            (language.of("Rien d'autre ne sera traité.", "Nothing else will be dealt with."))
        }
        ul.cards {
            li.card { div { (language.of("Acte possible", "The act is possible")) } div.figure { (figure(progress.ready(), language)) } }
            @for (obstacle, count) in &progress.foreseen {
                @if let Some(obstacle) = obstacle {
                    li.card {
                        div { (language.of("Seront ignorées", "Will be skipped")) }
                        div.figure { (figure(*count, language)) }
                        div.small { (obstacle.explained(language)) }
                        @if *obstacle == Obstacle::Missing && bulk.action == Action::Complete {
                            div.small { (advice(viewer)) }
                        }
                    }
                }
            }
        }
        @if progress.ready() == 0 {
            p role="status" { strong { (language.of(
                "Lancée, cette action ne ferait rien : toutes seraient ignorées.",
                "Begun, this act would do nothing: all would be skipped.",
            )) } }
        }
        (starts(viewer, progress))
        (beginning(bulk, &first, language))
    }))
}

fn beginning(bulk: &Bulk, first: &[Delivery], language: Language) -> Markup {
    html! {
        h2 { (language.of("Les premières, dans l'ordre de leur tour", "The first of them, in the order of their turn")) }
        p.small {
            @if bulk.action == Action::Cancel {
                (language.of(
                    "Les plus récentes d'abord : annuler ce qui précède libérerait ce qui suit.",
                    "The newest first: to cancel what comes before would release what follows.",
                ))
            } @else {
                (language.of("Les plus anciennes d'abord : chaque dossier garde son ordre.", "The oldest first: each dossier keeps its order."))
            }
        }
        (table(first, &columns(), bulk.environment, language))
    }
}

fn starts(viewer: &Viewer, progress: &Progress) -> Markup {
    let (language, bulk) = (viewer.language(), &progress.bulk);
    html! {
        @if progress.ready() > 0 { form.narrow method="post" action={ "/bulk/" (bulk.id) "/begin" } {
            (csrf(viewer))
            label for="per_minute" { (language.of("Combien par minute (les limites des OPCO s'appliquent en plus)", "How many a minute (the OPCOs' limits hold besides)")) }
            input #per_minute name="per_minute" type="number" min="1" max=(PER_MINUTE_MAX) value=(bulk.per_minute) required;
            label for="reason" { (language.of("Pourquoi (entre au journal, pour chacune)", "Why (goes into the log, for each)")) }
            textarea #reason name="reason" required maxlength="500" rows="2" {}
            button type="submit" { (language.of("Lancer", "Begin")) }
        } }
        form.inline method="post" action={ "/bulk/" (bulk.id) "/cancel" } {
            (csrf(viewer))
            button.quiet type="submit" { (language.of("Renoncer", "Give up")) }
        }
    }
}

fn title(bulk: &Bulk, language: Language) -> String {
    let act = name(bulk.action, language);
    match bulk.opco {
        Some(opco) => format!("{act} ({}) × {}", opco.name(), bulk.total),
        None => format!("{act} × {}", bulk.total),
    }
}

async fn course(
    desk: &Desk,
    viewer: &Viewer,
    progress: &Progress,
    which: &Which,
) -> Result<Markup, Refusal> {
    let bulk = &progress.bulk;
    let window = (which.fate, which.after.unwrap_or_default(), PER_PAGE);
    let mut tx = desk.store.reading().await?;
    let turns = bulk::items(&mut tx, viewer, bulk, window).await?;
    let known = bulk::known(&mut tx, viewer, bulk, window).await?;
    drop(tx);
    let now = desk.clock.now();
    let language = viewer.language();
    let title = title(bulk, language);
    let stops = bulk.state == BulkState::Running
        && match viewer.reach(Right::Act) {
            Some(Reach::Network) => true,
            Some(Reach::Sites(_)) => bulk.person == viewer.id(),
            None => false,
        };
    let frame = Frame {
        viewer,
        section: "/deliveries",
        title: &title,
        world: Some(bulk.environment),
    };
    Ok(frame.around(&html! {
        h1 { (title) }
        @if stops {
            form.inline method="post" action={ "/bulk/" (bulk.id) "/cancel" } {
                (csrf(viewer))
                button type="submit" { (language.of("Arrêter", "Stop")) }
            }
        }
        div data-live {
            (standing(bulk, now, language))
            (figures(progress, language))
            (causes(&progress.obstacles, language))
            p { a href={ "/bulk/" (bulk.id) "/sheet" } { (language.of("Exporter en CSV", "Export as CSV")) } " · "
                a href="/bulk" { (language.of("Toutes les actions groupées", "All bulk actions")) } }
            (items::rows(viewer, bulk, (&turns, &known), which))
        }
    }))
}

fn standing(bulk: &Bulk, now: Timestamp, language: Language) -> Markup {
    let colour = match bulk.state {
        BulkState::Ended => "good",
        BulkState::Cancelled => "bad",
        BulkState::Running | BulkState::Draft => "warn",
    };
    html! {
        p role="status" {
            span class={ "badge " (colour) } { (bulk.state.name(language)) } " "
            @if let Some(begun) = bulk.begun_at { (language.of("Lancée le ", "Begun on ")) (instant(begun, language)) ". " }
            @match bulk.ended_at {
                Some(ended) => { (language.of("Finie le ", "Over on ")) (instant(ended, language)) "." }
                None => {
                    (figure(bulk.per_minute.into(), language)) (language.of(" par minute ; fin vers le ", " a minute; ends about "))
                    (instant(bulk::ends_at(bulk, now), language)) "."
                }
            }
        }
        @if let Some(halt) = bulk.halt.filter(|halt| *halt != Halt::Person) {
            p { strong { (halt.explained(language)) } }
        }
        p { (language.of("Raison : ", "Reason: ")) (bulk.reason) }
        progress max=(bulk.total) value=(bulk.reached()) { (bulk.reached()) " / " (bulk.total) }
    }
}

fn figures(progress: &Progress, language: Language) -> Markup {
    let bulk = &progress.bulk;
    let address = |fate: Fate| format!("/bulk/{}?fate={fate}", bulk.id);
    html! {
        ul.cards {
            @for (fate, count) in [(Fate::Done, bulk.done), (Fate::Skipped, bulk.skipped), (Fate::Failed, bulk.failed)] {
                li.card {
                    div { (fate.name(language)) }
                    div.figure { @if count == 0 { "0" } @else { a href=(address(fate)) { (figure(count.into(), language)) } } }
                }
            }
            li.card {
                div { @if bulk.state == BulkState::Cancelled { (language.of("Pas atteintes", "Not reached")) } @else { (language.of("Restent", "Left")) } }
                div.figure { (figure(bulk.total.saturating_sub(bulk.reached()).into(), language)) }
            }
        }
    }
}

fn causes(obstacles: &[(Obstacle, u64)], language: Language) -> Markup {
    html! {
        @if !obstacles.is_empty() {
            ul { @for (obstacle, count) in obstacles {
                li { strong { (figure(*count, language)) } " " (obstacle.fate().name(language)) ": " (obstacle.explained(language)) }
            } }
        }
    }
}

/// Lists those that were begun.
pub(crate) async fn list(desk: web::Data<Desk>, viewer: Viewer) -> Result<HttpResponse, Refusal> {
    let found = bulk::list(&desk, &viewer, LISTED).await?;
    let language = viewer.language();
    let title = language.of("Actions groupées", "Bulk actions");
    let frame = Frame {
        viewer: &viewer,
        section: "/deliveries",
        title,
        world: None,
    };
    Ok(page(frame.around(&html! {
        h1 { (title) }
        div data-live {
            @if found.is_empty() { p { (language.of("Aucune encore.", "None yet.")) } }
            @else { div.scroll { table {
                thead { tr {
                    th scope="col" { (language.of("Lancée", "Begun")) }
                    th scope="col" { (language.of("Acte", "Act")) }
                    th scope="col" { (language.of("Où elle en est", "Where it stands")) }
                    th.number scope="col" { (Fate::Done.name(language)) }
                    th.number scope="col" { (Fate::Skipped.name(language)) }
                    th.number scope="col" { (Fate::Failed.name(language)) }
                    th scope="col" { (language.of("Raison", "Reason")) }
                } }
                tbody { @for bulk in &found { tr {
                    td { a href={ "/bulk/" (bulk.id) } { (instant(bulk.begun_at.unwrap_or(bulk.created_at), language)) } }
                    td { (self::title(bulk, language)) }
                    td {
                        (bulk.state.name(language))
                        @if let Some(halt) = bulk.halt { div.small { (halt.explained(language)) } }
                    }
                    td.number { (figure(bulk.done.into(), language)) }
                    td.number { (figure(bulk.skipped.into(), language)) }
                    td.number { (figure(bulk.failed.into(), language)) }
                    td { (bulk.reason) }
                } } }
            } } }
        }
    })))
}
