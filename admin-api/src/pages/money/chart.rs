//! Due, billed and paid by month: a drawing made here and coloured by the style sheet, and the same as a
//! table for whoever reads rather than looks.

use std::collections::BTreeMap;

use domain::person::Language;
use domain::reconciliation::Sums;
use jiff::civil::Date;
use maud::{Markup, html};

use super::super::layout::euros;

/// The most months drawn: the last ones.
const MONTHS_MAX: usize = 24;
/// How high the tallest bar is.
const HEIGHT: i64 = 160;
/// Where the bars stand.
const GROUND: i64 = 180;
/// How wide a month is.
const STEP: i64 = 56;
/// What is left of the first month.
const LEFT: i64 = 96;
/// How wide a bar is.
const BAR: i64 = 14;

/// Draws the months.
pub(super) fn by_month(months: &BTreeMap<Date, Sums>, language: Language) -> Markup {
    let skip = months.len().saturating_sub(MONTHS_MAX);
    let drawn: Vec<(&Date, &Sums)> = months.iter().skip(skip).collect();
    let amounts = drawn
        .iter()
        .flat_map(|(_, sums)| bars(sums).map(|(_, cents)| cents));
    let most = amounts.max().unwrap_or_default();
    html! {
        @if most > 0 {
            section aria-labelledby="months" {
                h2 #months { (language.of("Par mois d'ouverture", "By month of opening")) }
                p.legend aria-hidden="true" {
                    @for (class, name) in names(language) { span { span.swatch.(class) {} (name) } " " }
                }
                div.scroll { (drawing(&drawn, most, language)) }
                details {
                    summary { (language.of("Les mêmes chiffres en tableau", "The same figures as a table")) }
                    (table(&drawn, language))
                }
            }
        }
    }
}

fn names(language: Language) -> [(&'static str, &'static str); 3] {
    [
        ("due", language.of("Dû", "Due")),
        ("billed", language.of("Facturé", "Billed")),
        ("paid", language.of("Réglé", "Paid")),
    ]
}

fn bars(sums: &Sums) -> [(&'static str, i64); 3] {
    [
        ("due", sums.due_cents),
        ("billed", sums.billed_cents),
        ("paid", sums.paid_cents),
    ]
}

fn drawing(drawn: &[(&Date, &Sums)], most: i64, language: Language) -> Markup {
    let width = i64::try_from(drawn.len())
        .unwrap_or_default()
        .saturating_mul(STEP)
        .saturating_add(LEFT);
    html! {
        svg.bars role="img" viewBox={ "0 0 " (width) " 210" } width=(width) height="210"
            aria-label=(language.of(
                "Dû, facturé et réglé par mois d'ouverture des échéances ; le tableau suit.",
                "Due, billed and paid by month in which échéances open; the table follows.",
            )) {
            @for part in [0_i64, 1, 2] {
                @let y = GROUND - HEIGHT / 2 * part;
                line.grid x1=(LEFT - 8) x2=(width) y1=(y) y2=(y) {}
                text x=(LEFT - 12) y=(y + 4) text-anchor="end" { (whole_euros(most / 2 * part, language)) }
            }
            @for (place, (month, sums)) in (0_i64..).zip(drawn) {
                @let x = LEFT + place * STEP;
                @for (bar, (class, cents)) in (0_i64..).zip(bars(sums)) {
                    @let tall = height(cents, most);
                    rect.(class) x=(x + bar * (BAR + 1)) y=(GROUND - tall) width=(BAR) height=(tall) {
                        title { (label(**month)) ": " (euros(cents, language)) }
                    }
                }
                text x=(x + 22) y=(GROUND + 18) text-anchor="middle" { (label(**month)) }
            }
        }
    }
}

/// Returns how tall a bar is; what is below zero has no height.
fn height(cents: i64, most: i64) -> i64 {
    let tall = i128::from(cents.max(0)) * i128::from(HEIGHT) / i128::from(most.max(1));
    i64::try_from(tall).unwrap_or(HEIGHT)
}

fn whole_euros(cents: i64, language: Language) -> String {
    let amount = euros(cents / 100 * 100, language);
    amount.replace(",00", "").replace(".00", "")
}

fn label(month: Date) -> String {
    format!("{:02}/{:02}", month.month(), month.year().rem_euclid(100))
}

fn table(drawn: &[(&Date, &Sums)], language: Language) -> Markup {
    html! {
        div.scroll { table {
            thead { tr {
                th scope="col" { (language.of("Mois", "Month")) }
                @for (_, name) in names(language) { th.number scope="col" { (name) } }
            } }
            tbody {
                @for (month, sums) in drawn { tr {
                    th scope="row" { (label(**month)) }
                    @for (_, cents) in bars(sums) { td.number { (euros(cents, language)) } }
                } }
            }
        } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_tall_as_its_share() {
        assert_eq!(height(50, 100), HEIGHT / 2);
        assert_eq!(height(-50, 100), 0);
        assert_eq!(height(i64::MAX, i64::MAX), HEIGHT);
        assert_eq!(height(0, 0), 0);
    }

    #[test]
    fn a_drawing_has_a_bar_for_each_amount_and_a_table_behind_it() {
        let sums = Sums {
            due_cents: 100_000,
            billed_cents: 50_000,
            ..Sums::default()
        };
        let months = BTreeMap::from([("2026-09-01".parse().unwrap(), sums)]);
        let page = by_month(&months, Language::Fr).into_string();
        assert_eq!(page.matches("<rect").count(), 3, "{page}");
        assert!(page.contains("<th scope=\"row\">09/26</th>"), "{page}");
        assert!(!page.contains("style="), "{page}");
        assert!(
            by_month(&BTreeMap::new(), Language::Fr)
                .into_string()
                .is_empty()
        );
    }
}
