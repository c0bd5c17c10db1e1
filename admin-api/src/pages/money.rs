//! The money: due, billed, under review, paid, and each gap with its cause; what is blocked here.

mod chart;

use std::cmp::Reverse;
use std::collections::BTreeMap;

use actix_web::{HttpResponse, web};
use domain::person::Language;
use domain::reconciliation::Cause;
use domain::{Environment, Opco, Siret};
use maud::{Markup, html};

use super::dossiers::{number, opco_and_site};
use super::layout::{Frame, day, euros, figure, in_world};
use super::page;
use crate::books::{Blocked, Group, Row, Stuck};
use crate::desk::Desk;
use crate::money::{self, Asked, Told};
use crate::refusal::Refusal;
use crate::viewer::Viewer;

/// The most gaps of one page; a sheet holds them all.
const ROWS_MAX: usize = 200;

/// Shows it.
pub(crate) async fn show(
    desk: web::Data<Desk>,
    viewer: Viewer,
    asked: web::Query<Asked>,
) -> Result<HttpResponse, Refusal> {
    let asked = asked.into_inner();
    let told = money::ask(&desk, &viewer, &asked).await?;
    let Told {
        world,
        answer,
        blocked,
    } = &told;
    let language = viewer.language();
    let title = language.of("Argent", "Money");
    let frame = Frame {
        viewer: &viewer,
        section: "/money",
        title,
        world: Some(*world),
    };
    Ok(page(frame.around(&html! {
        h1 { (title) }
        (filters(&viewer, &asked, *world))
        (summary(&answer.total, answer.unread, language))
        (chart::by_month(&answer.months, language))
        (causes(&answer.total.causes, language))
        (stuck(blocked, *world, language))
        (groups(&viewer, &answer.groups))
        (gaps(&viewer, &answer.rows, &asked))
    })))
}

/// Hands the sheet out.
pub(crate) async fn sheet(
    desk: web::Data<Desk>,
    viewer: Viewer,
    asked: web::Query<Asked>,
) -> Result<HttpResponse, Refusal> {
    money::sheet(&desk, &viewer, &asked).await
}

fn filters(viewer: &Viewer, asked: &Asked, world: Environment) -> Markup {
    let language = viewer.language();
    html! {
        form.filters method="get" action="/money" role="search"
            aria-label=(language.of("Filtres", "Filters")) {
            input type="hidden" name="world" value=(world.as_str());
            (opco_and_site(viewer, &asked.opco, &asked.site))
            div {
                label for="from" { (language.of("Échéances ouvertes du", "Opening from")) }
                input #from type="date" name="from" value=(asked.from);
            }
            div {
                label for="to" { (language.of("au", "to")) }
                input #to type="date" name="to" value=(asked.to);
            }
            button type="submit" { (language.of("Filtrer", "Filter")) }
            a href=(in_world("/money", Some(world))) { (language.of("Effacer", "Clear")) }
        }
    }
}

fn summary(total: &Group, unread: u64, language: Language) -> Markup {
    let sums = &total.sums;
    html! {
        ul.cards {
            @for (name, cents) in [
                (language.of("Dû", "Due"), sums.due_cents),
                (language.of("Facturé", "Billed"), sums.billed_cents),
                (language.of("En cours d'instruction", "Under review"), sums.under_review_cents),
                (language.of("Réglé", "Paid"), sums.paid_cents),
                (language.of("Écart", "Gap"), sums.gap_cents),
            ] {
                li.card { div.figure { (euros(cents, language)) } (name) }
            }
        }
        p.small {
            (language.counted(total.dossiers, "dossier", "dossiers")) (language.of(" avec un échéancier", " with a schedule"))
            @if sums.awaited_cents != 0 {
                " · " (euros(sums.awaited_cents, language))
                (language.of(" attendus sans facture", " awaited without an invoice"))
            }
            @if unread > 0 {
                " · " (language.counted(unread, language.of("engagé", "financed"), language.of("engagés", "financed")))
                (language.of(", échéancier pas encore lu", ", schedule not read yet"))
            }
        }
    }
}

fn causes(causes: &BTreeMap<Cause, (u64, i64)>, language: Language) -> Markup {
    html! {
        @if !causes.is_empty() {
            section aria-labelledby="causes" {
                h2 #causes { (language.of("Pourquoi il manque de l'argent", "Why money is missing")) }
                div.scroll { table {
                    thead { tr {
                        th scope="col" { (language.of("Motif", "Cause")) }
                        th.number scope="col" { "Échéances" }
                        th.number scope="col" { (language.of("Montant", "Amount")) }
                    } }
                    tbody {
                        @for (cause, (count, cents)) in causes { tr {
                            td { (cause.name(language)) }
                            td.number { (count) }
                            td.number { (euros(*cents, language)) }
                        } }
                    }
                } }
            }
        }
    }
}

fn stuck(blocked: &Blocked, world: Environment, language: Language) -> Markup {
    html! {
        @if !blocked.by.is_empty() {
            section aria-labelledby="blocked" {
                h2 #blocked { (language.of("Factures encore ici", "Invoices still here")) }
                (kept_here(blocked, world, language))
                @if blocked.truncated {
                    p.small { (language.of(
                        "Il y en a plus que ce compte n'en ouvre : précisez le site ou l'OPCO.",
                        "There are more than this count opens: name the site or the OPCO.",
                    )) }
                }
            }
        }
    }
}

/// Lists what keeps invoices here, who must act, and the money of each; the largest first.
pub(super) fn kept_here(blocked: &Blocked, world: Environment, language: Language) -> Markup {
    let mut lines: Vec<&Stuck> = blocked.by.values().collect();
    lines.sort_by_key(|one| (one.who(), Reverse(one.cents)));
    html! {
        div.scroll { table.flow {
            thead { tr {
                th scope="col" { (language.of("Pourquoi", "Why")) }
                th scope="col" { (language.of("Qui doit agir", "Who must act")) }
                th.number scope="col" { (language.of("Factures", "Invoices")) }
                th.number scope="col" { (language.of("Montant", "Amount")) }
            } }
            tbody {
                @for one in lines { tr {
                    td { a href=(list_of(one, world)) { (why(one, language)) } }
                    td { (one.who().name(language)) }
                    td.number data-name=(language.of("factures", "invoices")) { (figure(one.count, language)) }
                    td.number { (euros(one.cents, language)) }
                } }
            }
        } }
    }
}

fn why(one: &Stuck, language: Language) -> &'static str {
    let wait = one.wait.map(|reason| reason.explained(language));
    let hold = one.hold.map(|reason| reason.explained(language));
    wait.or(hold)
        .unwrap_or_else(|| one.status.explained(language))
}

fn list_of(one: &Stuck, world: Environment) -> String {
    let status = one.status;
    let list = match one.reason() {
        Some(reason) => format!("/deliveries?kind=facture&status={status}&reason={reason}"),
        None => format!("/deliveries?kind=facture&status={status}"),
    };
    in_world(&list, Some(world))
}

fn groups(viewer: &Viewer, groups: &BTreeMap<(Siret, Opco), Group>) -> Markup {
    let language = viewer.language();
    html! {
        section aria-labelledby="groups" {
            h2 #groups { (language.of("Par site et par OPCO", "By site and OPCO")) }
            @if groups.is_empty() {
                p { (language.of("Aucun échéancier pour ces filtres.", "No schedule for these filters.")) }
            } @else {
                div.scroll { table {
                    thead { tr {
                        th scope="col" { "Site" }
                        th scope="col" { "OPCO" }
                        th.number scope="col" { "Dossiers" }
                        th.number scope="col" { (language.of("Dû", "Due")) }
                        th.number scope="col" { (language.of("Facturé", "Billed")) }
                        th.number scope="col" { (language.of("En instruction", "Under review")) }
                        th.number scope="col" { (language.of("Réglé", "Paid")) }
                        th.number scope="col" { (language.of("Écart", "Gap")) }
                    } }
                    tbody {
                        @for ((site, opco), group) in groups { tr {
                            td { (viewer.site_name(site)) }
                            td { (opco.name()) }
                            td.number { (group.dossiers) }
                            td.number { (euros(group.sums.due_cents, language)) }
                            td.number { (euros(group.sums.billed_cents, language)) }
                            td.number { (euros(group.sums.under_review_cents, language)) }
                            td.number { (euros(group.sums.paid_cents, language)) }
                            td.number { (euros(group.sums.gap_cents, language)) }
                        } }
                    }
                } }
            }
        }
    }
}

fn gaps(viewer: &Viewer, rows: &[Row], asked: &Asked) -> Markup {
    let language = viewer.language();
    html! {
        section aria-labelledby="gaps" {
            h2 #gaps { (language.of("Écarts", "Gaps")) " (" (rows.len()) ")" }
            p.actions {
                a.button.quiet href=(asked.address("/money/sheet", "csv")) { "CSV" }
                a.button.quiet href=(asked.address("/money/sheet", "xlsx")) { "XLSX" }
            }
            @if rows.len() > ROWS_MAX {
                p.small { (language.of(
                    "Les 200 premiers ; la feuille les a tous.",
                    "The first 200; the sheet has them all.",
                )) }
            }
            @if rows.is_empty() {
                p { (language.of("Aucun : tout tombe juste.", "None: everything adds up.")) }
            } @else {
                div.scroll { table.flow {
                    thead { tr {
                        th scope="col" { "Dossier" }
                        th scope="col" { "Site" }
                        th scope="col" { "OPCO" }
                        th.number scope="col" { "Échéance" }
                        th scope="col" { (language.of("Motif", "Cause")) }
                        th.number scope="col" { (language.of("Montant", "Amount")) }
                        th scope="col" { (language.of("Facture", "Invoice")) }
                        th scope="col" { (language.of("Dernier jour", "Last day")) }
                    } }
                    tbody {
                        @for row in rows.iter().take(ROWS_MAX) { @for gap in &row.line.gaps { tr {
                            td {
                                a href=(in_world(&format!("/dossiers/{}", row.dossier.id), Some(row.dossier.environment))) {
                                    (number(&row.dossier, language))
                                }
                            }
                            td { (viewer.site_name(&row.dossier.siret_cfa)) }
                            td { (row.dossier.instance.opco.name()) }
                            td.number data-name="échéance" { (row.line.numero) }
                            td {
                                (gap.cause.name(language))
                                @if !gap.counts { " " span.badge { (language.of("signalé", "told only")) } }
                            }
                            td.number { (euros(gap.cents, language)) }
                            td data-name=(language.of("facture", "invoice")) { (gap.facture.as_deref().unwrap_or("—")) }
                            td data-name=(language.of("dernier jour", "last day")) {
                                @if let Some(last) = gap.last_day { (day(last, language)) } @else { "—" }
                            }
                        } } }
                    }
                } }
            }
        }
    }
}
