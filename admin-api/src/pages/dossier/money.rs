//! The money of one dossier: schedule, what can be billed today, invoices, days that count, readings.

use domain::deadline::Nearness;
use domain::echeancier::{Change, Echeance, EtatFacture, Told};
use domain::person::Language;
use jiff::civil::Date;
use maud::{Markup, html};

use super::super::layout::{day, euros, instant};
use crate::books::{Billed, Books, Reading};

/// Shows all of it.
pub(super) fn sections(books: &Books, today: Date, language: Language) -> Markup {
    html! {
        (summary(books, language))
        (billable(books, language))
        (schedule(books, today, language))
        (invoices(&books.invoices, language))
        (deadlines(books, today, language))
        (readings(&books.readings, language))
    }
}

fn summary(books: &Books, language: Language) -> Markup {
    let lines = books.echeancier.iter().flat_map(|known| &known.echeances);
    let sum = |cents: fn(&Echeance) -> i64| lines.clone().map(cents).fold(0, i64::saturating_add);
    let committed = books.echeancier.as_ref().and_then(|known| known.engagement);
    let committed = committed.map(|amount| amount.cents);
    html! {
        section aria-labelledby="money" {
            h2 #money { (language.of("Argent", "Money")) }
            @if books.echeancier.is_none() {
                p { (language.of(
                    "L'OPCO n'a pas encore donné d'échéancier.",
                    "The OPCO has not told a schedule yet.",
                )) }
            } @else {
                ul.cards {
                    @for (name, cents) in [
                        (language.of("Engagé", "Committed"), committed),
                        (language.of("Réglé", "Paid"), Some(sum(Echeance::paid_cents))),
                        (language.of("En cours d'instruction", "Under review"), Some(sum(Echeance::under_review_cents))),
                        (language.of("Reste à facturer", "Left to bill"), Some(sum(Echeance::left_cents))),
                    ] {
                        li.card {
                            div.figure { @if let Some(cents) = cents { (euros(cents, language)) } @else { "—" } }
                            (name)
                        }
                    }
                }
            }
            @if let Some(plan) = &books.plan {
                p.small {
                    @if let Some(at) = books.read_at {
                        (language.of("Échéancier lu le ", "Schedule read on ")) (instant(at, language)) ". "
                    }
                    (language.of("Prochaine lecture : ", "Next reading: ")) (instant(plan.due_at, language)) "."
                }
            }
        }
    }
}

fn billable(books: &Books, language: Language) -> Markup {
    html! {
        @if !books.facturable.is_empty() {
            section aria-labelledby="billable" {
                h2 #billable { (language.of("Facturable aujourd'hui", "Can be billed today")) }
                ul {
                    @for one in &books.facturable {
                        li {
                            "Échéance " (one.numero)
                            @if let Some(label) = &one.codification { " (" (label) ")" }
                            ": " strong { (euros(one.pedagogie_cents, language)) }
                            @if one.rqth_cents != 0 {
                                " + " (euros(one.rqth_cents, language)) " RQTH"
                            }
                            @if one.auto {
                                " " span.badge { (language.of("réglée sans facture", "paid without an invoice")) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn schedule(books: &Books, today: Date, language: Language) -> Markup {
    let lines = books.echeancier.iter().flat_map(|known| &known.echeances);
    let lines: Vec<&Echeance> = lines.collect();
    let granted = books
        .echeancier
        .iter()
        .flat_map(|known| &known.engagements_frais_annexe);
    let comment = books
        .echeancier
        .as_ref()
        .and_then(|known| known.comment.as_deref());
    html! {
        @if !lines.is_empty() {
            section aria-labelledby="schedule" {
                h2 #schedule { (language.of("Échéancier", "Schedule")) }
                @if let Some(comment) = comment { p lang="fr" { "« " (comment) " »" } }
                div.scroll { table.flow {
                    thead { tr {
                        th.number scope="col" { "#" }
                        th scope="col" { (language.of("Codification", "Label")) }
                        th scope="col" { (language.of("Ouverture", "Opens")) }
                        th scope="col" { (language.of("Période", "Period")) }
                        th.number scope="col" { (language.of("Montant", "Amount")) }
                        th.number scope="col" { (language.of("En instruction", "Under review")) }
                        th.number scope="col" { (language.of("Réglé", "Paid")) }
                        th.number scope="col" { (language.of("Reste", "Left")) }
                    } }
                    tbody {
                        @for line in lines { tr {
                            td.number { (line.numero.map_or_else(|| "—".to_owned(), |numero| numero.to_string())) }
                            td { (line.codification.as_deref().unwrap_or("—")) }
                            td data-name=(language.of("ouverture", "opens")) {
                                (maybe_day(line.date_ouverture, language))
                                @if line.is_open(today) { " " span.badge.good { (language.of("ouverte", "open")) } }
                            }
                            td data-name=(language.of("période", "period")) { (maybe_day(line.date_debut, language)) " → " (maybe_day(line.date_fin, language)) }
                            td.number data-name=(language.of("montant", "amount")) { (euros(line.total_cents(), language)) }
                            td.number data-name=(language.of("en instruction", "under review")) { (euros(line.under_review_cents(), language)) }
                            td.number data-name=(language.of("réglé", "paid")) { (euros(line.paid_cents(), language)) }
                            td.number data-name=(language.of("reste", "left")) { (euros(line.left_cents(), language)) }
                        } }
                    }
                } }
                @for cost in granted {
                    p.small {
                        (language.of("Frais annexes engagés : ", "Ancillary costs granted: "))
                        (cost.nature_frais.as_deref().unwrap_or("—")) " " (euros(cost.total_cents(), language))
                    }
                }
            }
        }
    }
}

fn invoices(billed: &[Billed], language: Language) -> Markup {
    html! {
        section aria-labelledby="invoices" {
            h2 #invoices { (language.of("Factures", "Invoices")) }
            @if billed.is_empty() {
                p { (language.of("Aucune.", "None.")) }
            } @else {
                div.scroll { table.flow {
                    thead { tr {
                        th scope="col" { (language.of("Numéro", "Number")) }
                        th.number scope="col" { (language.of("Montant", "Amount")) }
                        th scope="col" { (language.of("Livraison", "Delivery")) }
                        th scope="col" { (language.of("Chez l'OPCO", "At the OPCO")) }
                        th scope="col" { (language.of("Depuis", "Since")) }
                        th scope="col" { (language.of("Virement", "Transfer")) }
                    } }
                    tbody { @for one in billed { (invoice(one, language)) } }
                } }
            }
        }
    }
}

fn invoice(one: &Billed, language: Language) -> Markup {
    let invoice = &one.invoice;
    let colour = match invoice.etat {
        Some(EtatFacture::Regle) => "good",
        Some(EtatFacture::Rejete | EtatFacture::Annule) => "bad",
        Some(EtatFacture::RegleEnPartie | EtatFacture::Inconnu) => "warn",
        Some(EtatFacture::Transmis | EtatFacture::EnCoursInstruction) | None => "",
    };
    html! {
        tr {
            td { (invoice.numero) }
            td.number { (euros(one.total_cents, language)) }
            td { a href={ "/deliveries/" (invoice.delivery) } { (invoice.status.name(language)) } }
            td {
                @if let Some(etat) = invoice.etat {
                    span class={ "badge " (colour) } { (etat.name(language)) }
                } @else { "—" }
                @if let Some(comment) = &invoice.commentaire { div.small lang="fr" { "« " (comment) " »" } }
                @if one.certificate_awaited == Some(true) {
                    div.small { (language.of(
                        "Réglée seulement avec le certificat de réalisation.",
                        "Paid only with the certificate of completion.",
                    )) }
                }
            }
            td data-name=(language.of("depuis", "since")) {
                @if let Some(at) = invoice.etat_at { (instant(at, language)) } @else { "—" }
            }
            td data-name=(language.of("virement", "transfer")) {
                (invoice.reference_virement.as_deref().unwrap_or("—"))
                @if let Some(on) = invoice.paid_on { " " (day(on, language)) }
            }
        }
    }
}

fn deadlines(books: &Books, today: Date, language: Language) -> Markup {
    html! {
        @if !books.deadlines.is_empty() {
            section aria-labelledby="deadlines" {
                h2 #deadlines { (language.of("Dates qui comptent", "Days that count")) }
                ul {
                    @for one in &books.deadlines {
                        @let colour = match one.on(today) {
                            Nearness::Far => "",
                            Nearness::Near => "warn",
                            Nearness::Due => "bad",
                        };
                        li {
                            span class={ "badge " (colour) } { (day(one.date, language)) } " "
                            (one.countdown.name(language))
                            @if let Some(numero) = one.numero_echeance {
                                " (" "échéance " (numero) ")"
                            }
                        }
                    }
                }
            }
        }
    }
}

fn readings(readings: &[Reading], language: Language) -> Markup {
    html! {
        @if !readings.is_empty() {
            section aria-labelledby="readings" {
                h2 #readings { (language.of("Lectures de l'échéancier", "Readings of the schedule")) }
                ol.timeline {
                    @for reading in readings {
                        li {
                            (instant(reading.seen_at, language))
                            @if reading.last_seen_at > reading.seen_at {
                                span.small {
                                    (language.of(", inchangé jusqu'au ", ", unchanged until "))
                                    (instant(reading.last_seen_at, language))
                                }
                            }
                            @if reading.changes.is_empty() {
                                " " (language.of("Première lecture.", "First reading."))
                            } @else {
                                ul { @for change in &reading.changes { li { (changed(change, language)) } } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn changed(change: &Change, language: Language) -> Markup {
    html! {
        @if let Some(numero) = change.numero { "Échéance " (numero) ": " }
        @if let Some(nature) = change.nature { (nature.as_str()) ": " }
        (change.what.name(language))
        @if change.before.is_some() || change.after.is_some() {
            ": " (told(change.before.as_ref(), language)) " → " strong { (told(change.after.as_ref(), language)) }
        }
    }
}

fn told(told: Option<&Told>, language: Language) -> String {
    match told {
        None => "—".to_owned(),
        Some(Told::Cents(cents)) => euros(*cents, language),
        Some(Told::Day(on)) => day(*on, language),
        Some(Told::Flag(true)) => language.of("oui", "yes").to_owned(),
        Some(Told::Flag(false)) => language.of("non", "no").to_owned(),
        Some(Told::Text(text)) => text.clone(),
    }
}

fn maybe_day(on: Option<Date>, language: Language) -> String {
    on.map_or_else(|| "—".to_owned(), |on| day(on, language))
}
