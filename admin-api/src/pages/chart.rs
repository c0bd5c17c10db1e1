//! Charts drawn on the server: bars that the style sheet colours, with the table they show behind them.

use domain::person::Language;
use jiff::civil::Date;
use maud::{Markup, html};

use super::layout::{self, figure};

/// The drawing's size, in its own units.
const WIDTH: u64 = 720;
const HEIGHT: u64 = 180;
/// The room for the days' names.
const FOOT: u64 = 24;

/// What became of what was handed in on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Day {
    /// The day, in France.
    pub(crate) date: Date,
    /// Taken by the OPCO.
    pub(crate) delivered: u64,
    /// Refused by it.
    pub(crate) refused: u64,
    /// Still open, given up or cancelled.
    pub(crate) other: u64,
}

impl Day {
    fn total(&self) -> u64 {
        self.delivered
            .saturating_add(self.refused)
            .saturating_add(self.other)
    }

    fn parts(&self) -> [(&'static str, u64); 3] {
        [
            ("delivered", self.delivered),
            ("refused", self.refused),
            ("other", self.other),
        ]
    }
}

/// Draws days as bars, each a link, and the table behind them. `link` names the list of a day, of one
/// status of it when one is given.
pub(crate) fn days(
    days: &[Day],
    language: Language,
    link: impl Fn(Date, Option<&str>) -> String,
) -> Markup {
    let most = days.iter().map(Day::total).max().unwrap_or(0).max(1);
    let count = u64::try_from(days.len()).unwrap_or(1).max(1);
    let step = WIDTH / count;
    let title = language.of(
        "Déposé chaque jour, et ce qu'il en est advenu",
        "Handed in each day, and what became of it",
    );
    html! {
        figure.chart {
            svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="group" aria-label=(title) {
                line.axis x1="0" x2=(WIDTH) y1=(HEIGHT - FOOT) y2=(HEIGHT - FOOT) {}
                @for (index, day) in (0_u64..).zip(days) {
                    a href=(link(day.date, None)) aria-label=(spoken(day, language)) {
                        rect.hit x=(index * step) y="0" width=(step) height=(HEIGHT - FOOT) {}
                        @for (class, from, height) in stack(day, most) {
                            rect class=(class) x=(index * step + step / 8) y=(from)
                                width=(step - step / 4) height=(height) {}
                        }
                        text x=(index * step + step / 2) y=(HEIGHT - 6) { (day.date.day()) }
                        title { (spoken(day, language)) }
                    }
                }
            }
            figcaption {
                span.key.delivered { (language.of("reçu par l'OPCO", "taken by the OPCO")) } " "
                span.key.refused { (language.of("refusé", "refused")) } " "
                span.key.other { (language.of("en route, abandonné ou annulé", "on its way, given up or cancelled")) }
            }
            details {
                summary { (language.of("Les mêmes chiffres en tableau", "The same figures as a table")) }
                (table(days, language, title, link))
            }
        }
    }
}

fn table(
    days: &[Day],
    language: Language,
    title: &str,
    link: impl Fn(Date, Option<&str>) -> String,
) -> Markup {
    html! {
        div.scroll { table {
            caption.hidden { (title) }
            thead { tr {
                th scope="col" { (language.of("Jour", "Day")) }
                th.number scope="col" { (language.of("Déposé", "Handed in")) }
                th.number scope="col" { (language.of("Reçu", "Taken")) }
                th.number scope="col" { (language.of("Refusé", "Refused")) }
                th.number scope="col" { (language.of("Part refusée", "Share refused")) }
            } }
            tbody { @for day in days.iter().rev() { tr {
                th scope="row" { (layout::day(day.date, language)) }
                td.number { a href=(link(day.date, None)) { (figure(day.total(), language)) } }
                td.number { a href=(link(day.date, Some("delivered"))) { (figure(day.delivered, language)) } }
                td.number { a href=(link(day.date, Some("rejected"))) { (figure(day.refused, language)) } }
                td.number { (share(day.refused, day.delivered.saturating_add(day.refused))) }
            } } }
        } }
    }
}

/// The bars of a day, from the ground up: class, top, height. What is there is seen, however little.
fn stack(day: &Day, most: u64) -> Vec<(&'static str, u64, u64)> {
    let room = HEIGHT - FOOT - 4;
    let mut top = HEIGHT - FOOT;
    let mut bars = Vec::new();
    for (class, count) in day.parts() {
        if count > 0 {
            let height = (count.saturating_mul(room) / most).max(2).min(top);
            top -= height;
            bars.push((class, top, height));
        }
    }
    bars
}

fn spoken(day: &Day, language: Language) -> String {
    let (total, taken, refused) = (day.total(), day.delivered, day.refused);
    let date = layout::day(day.date, language);
    match language {
        Language::Fr => format!(
            "{date} : {}, {}, {}",
            language.counted(total, "déposé", "déposés"),
            language.counted(taken, "reçu", "reçus"),
            language.counted(refused, "refusé", "refusés")
        ),
        Language::En => format!("{date}: {total} handed in, {taken} taken, {refused} refused"),
    }
}

/// A share in whole percents; nothing of nothing.
fn share(part: u64, whole: u64) -> String {
    match part.saturating_mul(100).checked_div(whole) {
        Some(percents) => format!("{percents} %"),
        None => "—".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_stand_on_one_another_and_never_leave_the_drawing() {
        let day = Day {
            date: jiff::civil::date(2026, 9, 2),
            delivered: 1_000_000,
            refused: 1,
            other: 1,
        };
        let bars = stack(&day, day.total());
        assert_eq!(bars.len(), 3);
        let mut ground = HEIGHT - FOOT;
        for (_, top, height) in bars {
            assert_eq!(top + height, ground);
            assert!(height >= 2);
            ground = top;
        }
        assert!(
            stack(
                &Day {
                    delivered: 0,
                    refused: 0,
                    other: 0,
                    ..day
                },
                1
            )
            .is_empty()
        );
    }

    #[test]
    fn the_share_of_nothing_is_not_told() {
        assert_eq!(share(1, 3), "33 %");
        assert_eq!(share(0, 0), "—");
    }
}
