//! The ends of keys, month by month: a drawing, and the same numbers in a table behind it.

use domain::person::Language;
use jiff::ToSpan as _;
use jiff::civil::Date;
use maud::{Markup, html};

use super::super::layout::drawing;

/// How many months are drawn.
const MONTHS: usize = 12;
/// The width of a month, in units of the drawing.
const STEP: usize = 60;
/// The height of the tallest bar.
const HEIGHT: usize = 100;

/// The keys that end in one month.
#[derive(Debug, PartialEq, Eq)]
struct Month {
    first: Date,
    ends: usize,
}

/// Draws the ends of the keys in use.
pub(crate) fn drawn(ends: &[Date], today: Date, language: Language) -> Markup {
    let months = months(ends, today);
    let over = ends.iter().filter(|end| **end < today).count();
    let title = language.of("Fins de validité par mois", "Ends by month");
    html! {
        section aria-labelledby="ends" {
            h2 #ends { (title) }
            @if ends.is_empty() {
                p { (language.of("Aucune fin connue parmi les clés en service.", "No end known among the keys in use.")) }
            } @else {
                @if over > 0 {
                    p { span.badge.bad { (over) " " (language.form(over, language.of("déjà expirée", "ended already"), language.of("déjà expirées", "ended already"))) } }
                }
                figure.chart { (drawing(svg(&months, title, language))) }
                details {
                    summary { (language.of("Les mêmes nombres en tableau", "The same numbers as a table")) }
                    table {
                        thead { tr {
                            th scope="col" { (language.of("Mois", "Month")) }
                            th.number scope="col" { (language.of("Clés qui expirent", "Keys that end")) }
                        } }
                        tbody {
                            @for month in &months {
                                tr {
                                    td { (name(month.first, language)) }
                                    td.number { (month.ends) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Counts the ends of the twelve months from this one; what is over already counts in none.
fn months(ends: &[Date], today: Date) -> Vec<Month> {
    let this = today.first_of_month();
    let month = |offset: usize| {
        let first = this.saturating_add(i64::try_from(offset).unwrap_or_default().months());
        let in_it = |end: &&Date| **end >= today && end.first_of_month() == first;
        Month {
            first,
            ends: ends.iter().filter(in_it).count(),
        }
    };
    (0..MONTHS).map(month).collect()
}

fn svg(months: &[Month], title: &str, language: Language) -> String {
    let most = months
        .iter()
        .map(|month| month.ends)
        .max()
        .unwrap_or(0)
        .max(1);
    let (width, height) = (MONTHS * STEP, HEIGHT + 40);
    let bars = months.iter().enumerate().map(|(index, month)| {
        let tall = month.ends * HEIGHT / most;
        let (x, y) = (index * STEP, 20 + HEIGHT - tall);
        // This month and the next are those one still has to act in.
        let colour = if index < 2 { "soon" } else { "later" };
        let count = if month.ends == 0 {
            String::new()
        } else {
            month.ends.to_string()
        };
        html! {
            rect class=(colour) x=(x + 12) y=(y) width="36" height=(tall) rx="3" {}
            text x=(x + 30) y=(y - 6) { (count) }
            text x=(x + 30) y=(height - 6) { (short(month.first, language)) }
        }
    });
    let bars: Vec<Markup> = bars.collect();
    html! {
        svg viewBox={ "0 0 " (width) " " (height) } role="img" aria-label=(title) {
            @for bar in &bars { (bar) }
        }
    }
    .into_string()
}

fn name(first: Date, language: Language) -> String {
    const FR: [&str; 12] = [
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ];
    match language {
        Language::En => first.strftime("%B %Y").to_string(),
        Language::Fr => {
            let index = usize::try_from(first.month() - 1).unwrap_or_default();
            let month = FR.get(index).copied().unwrap_or_default();
            format!("{month} {}", first.year())
        }
    }
}

fn short(first: Date, language: Language) -> String {
    let format = language.of("%m/%y", "%b %y");
    first.strftime(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_counts_in_its_month_and_what_is_over_or_far_in_none() {
        let today: Date = "2026-09-15".parse().unwrap();
        let ends = [
            "2026-09-14",
            "2026-09-30",
            "2026-10-01",
            "2026-10-31",
            "2027-08-31",
            "2027-09-01",
        ]
        .map(|end| end.parse().unwrap());
        let counted: Vec<usize> = months(&ends, today)
            .iter()
            .map(|month| month.ends)
            .collect();
        assert_eq!(counted, [1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn the_drawing_has_no_style_of_its_own() {
        let today: Date = "2026-09-15".parse().unwrap();
        let ends = ["2026-09-30".parse().unwrap()];
        let page = drawn(&ends, today, Language::Fr).into_string();
        assert!(!page.contains("style="), "{page}");
        assert!(page.contains("septembre 2026"), "{page}");
    }
}
