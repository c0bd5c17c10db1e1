//! Everything on its way: the list, with its filters in the address.

use actix_web::{HttpRequest, HttpResponse, web};
use domain::person::{Language, Right};
use domain::{Environment, Kind, Opco, Status};
use maud::{Markup, html};
use store::deliveries::Page;
use store::{Delivery, saved_views};

use super::columns::{Column, reason_shown};
use super::layout::{Frame, figure, in_world, instant};
use super::{page, saved};
use crate::desk::Desk;
use crate::picked::{Asked, Counted};
use crate::refusal::Refusal;
use crate::viewer::Viewer;

/// How many on a page.
const PER_PAGE: u32 = 50;

/// Shows a page of the list, the newest first.
pub(crate) async fn list(
    desk: web::Data<Desk>,
    viewer: Viewer,
    request: HttpRequest,
) -> Result<HttpResponse, Refusal> {
    let asked = Asked::read(request.query_string());
    let reach = viewer.require(Right::ReadDeliveries)?;
    let world = asked.world(&viewer);
    let picked = asked.picked(&viewer, &reach)?;
    let from = Page {
        after: asked.after.parse().ok(),
        limit: PER_PAGE,
    };
    let now = desk.clock.now();
    let mut tx = desk.store.reading().await?;
    let counted = picked.count(&mut tx, now).await?;
    let found = picked.page(&mut tx, from, now).await?;
    let kept = saved_views::list(&mut tx, viewer.tenant(), viewer.id()).await?;
    drop(tx);
    let columns = Column::chosen(&asked.columns);
    let language = viewer.language();
    let title = language.of("Livraisons", "Deliveries");
    let full = found.len() == usize::try_from(PER_PAGE).unwrap_or(usize::MAX);
    let next = found
        .last()
        .filter(|_| full)
        .map(|last| asked.following(last.id));
    let frame = Frame {
        viewer: &viewer,
        section: "/deliveries",
        title,
        world: Some(world),
    };
    Ok(page(frame.around(&html! {
        h1 { (title) }
        (saved::said(request.query_string(), language))
        (saved::shown(&viewer, &kept, &asked))
        (filters(&viewer, &asked, &columns, world))
        div data-live {
            p role="status" { strong { (counted_words(counted, language)) } }
            p { a href={ "/deliveries.csv?" (asked.query()) } { (language.of("Exporter en CSV", "Export as CSV")) }
                @if viewer.may(Right::Act) && counted.count > 0 {
                    " · " a href={ "/bulk/new?" (asked.query()) } { (language.of("Agir sur toutes", "Act on all")) }
                }
                " · " a href="/bulk" { (language.of("Actions groupées", "Bulk actions")) }
            }
            @if found.is_empty() {
                p { (language.of("Rien ne correspond à ces filtres.", "Nothing matches these filters.")) }
            } @else {
                (table(&found, &columns, world, language))
            }
            @if let Some(next) = next {
                p { a.button.quiet href=(next) rel="next" { (language.of("Plus anciennes →", "Older →")) } }
            }
        }
    })))
}

/// How many there are, in words.
pub(crate) fn counted_words(counted: Counted, language: Language) -> String {
    let number = figure(counted.count, language);
    let before = if counted.more {
        language.of("plus de ", "more than ")
    } else {
        ""
    };
    format!("{before}{number} {}", noun(counted.count, language))
}

/// The word for so many of them.
pub(crate) fn noun(count: impl TryInto<u64>, language: Language) -> &'static str {
    let one = language.of("livraison", "delivery");
    let many = language.of("livraisons", "deliveries");
    language.form(count, one, many)
}

fn filters(viewer: &Viewer, asked: &Asked, columns: &[Column], world: Environment) -> Markup {
    let language = viewer.language();
    let any = language.of("Tous", "Any");
    html! {
        form.filters method="get" action="/deliveries" role="search"
            aria-label=(language.of("Filtres", "Filters")) {
            input type="hidden" name="world" value=(world.as_str());
            div {
                label for="text" { (language.of("Numéro ou SIRET", "Number or SIRET")) }
                input #text name="text" type="search" value=(asked.text) maxlength="100" data-search;
            }
            div {
                label for="status" { (language.of("État", "Status")) }
                select #status name="status" {
                    option value="" { (any) }
                    @for status in Status::ALL {
                        option value=(status.as_str()) selected[asked.status == status.as_str()] { (status.name(language)) }
                    }
                }
            }
            div {
                label for="kind" { (language.of("Quoi", "What")) }
                select #kind name="kind" {
                    option value="" { (any) }
                    @for kind in Kind::ALL {
                        option value=(kind.as_str()) selected[asked.kind == kind.as_str()] { (kind.name(language)) }
                    }
                }
            }
            div {
                label for="opco" { "OPCO" }
                select #opco name="opco" {
                    option value="" { (any) }
                    @for opco in Opco::ALL {
                        option value=(opco.slug()) selected[asked.opco == opco.slug()] { (opco.name()) }
                    }
                }
            }
            div {
                label for="site" { "Site" }
                select #site name="site" {
                    option value="" { (any) }
                    @for site in viewer.sites_with(Right::ReadDeliveries) {
                        @let siret = site.siret.to_string();
                        option value=(siret) selected[asked.site == siret] { (site.name) }
                    }
                }
            }
            div {
                label for="since" { (language.of("Déposée du", "Handed in from")) }
                input #since name="since" type="date" value=(asked.since);
            }
            div {
                label for="until" { (language.of("au", "to")) }
                input #until name="until" type="date" value=(asked.until);
            }
            @if !asked.reason.is_empty() { input type="hidden" name="reason" value=(asked.reason); }
            (choice(columns, language))
            button type="submit" { (language.of("Filtrer", "Filter")) }
            a href=(in_world("/deliveries", Some(world))) { (language.of("Effacer", "Clear")) }
        }
    }
}

fn choice(columns: &[Column], language: Language) -> Markup {
    html! {
        details.choice {
            summary { (language.of("Colonnes", "Columns")) }
            @for column in Column::ALL {
                label {
                    input type="checkbox" name="columns" value=(column.as_str()) checked[columns.contains(&column)];
                    " " (column.name(language))
                }
            }
        }
    }
}

/// Deliveries as a table, each a link to its page.
pub(crate) fn table(
    found: &[Delivery],
    columns: &[Column],
    world: Environment,
    language: Language,
) -> Markup {
    html! {
        div.scroll {
            table.flow {
                caption.hidden { (language.of("Livraisons, les plus récentes d'abord", "Deliveries, the newest first")) }
                thead { tr {
                    th scope="col" { (language.of("Déposée", "Handed in")) }
                    @for column in columns { th scope="col" { (column.name(language)) } }
                } }
                tbody {
                    @for delivery in found {
                        tr {
                            td {
                                a href=(in_world(&format!("/deliveries/{}", delivery.id), Some(world))) {
                                    (instant(delivery.created_at, language))
                                }
                            }
                            @for column in columns { (cell(*column, columns, delivery, language)) }
                        }
                    }
                }
            }
        }
    }
}

fn cell(column: Column, columns: &[Column], delivery: &Delivery, language: Language) -> Markup {
    let text = column.text(delivery, language);
    // What speaks for itself needs no name where a line has no headings.
    let plain = matches!(
        column,
        Column::Kind | Column::Opco | Column::Standing | Column::Why
    );
    let spoken = (column == Column::Fault).then_some("en");
    html! {
        td.none[text.is_empty()] data-name=[(!plain).then(|| column.name(language))] lang=[spoken] {
            // The column of reasons says when it goes on.
            @if column == Column::Standing && columns.contains(&Column::Why) { (badge(delivery.standing.status, language)) }
            @else if column == Column::Standing { (standing(delivery, language)) }
            @else if text.is_empty() { "—" }
            @else if column == Column::Why { (reason_shown(delivery, language)) }
            @else { (text) }
        }
    }
}

/// The colour of a status.
pub(crate) fn colour(status: Status) -> &'static str {
    match status {
        Status::Delivered => "good",
        Status::Held | Status::Rejected | Status::Dead => "bad",
        Status::Waiting | Status::Unknown => "warn",
        Status::Queued | Status::Sending | Status::Cancelled => "",
    }
}

/// A status as a badge.
fn badge(status: Status, language: Language) -> Markup {
    html! { span class={ "badge " (colour(status)) } { (status.name(language)) } }
}

/// A delivery's status as a badge, with why, and when it goes on by itself.
pub(crate) fn standing(delivery: &Delivery, language: Language) -> Markup {
    let standing = delivery.standing;
    html! {
        (badge(standing.status, language))
        @if let Some(due) = standing.due_at.filter(|_| standing.status == Status::Waiting) {
            " " (language.of("reprend le ", "goes on at ")) (instant(due, language))
        }
    }
}
