//! How long each OPCO takes to answer, and how long what waits for it has waited: bars to compare at a
//! glance, of the figures in the table above them.

use domain::person::Language;
use domain::{Opco, Timestamp};
use maud::{Markup, html};

use super::super::layout::figure;
use super::super::today::age;
use crate::opcos::State;

/// The drawing's width, in its own units.
const WIDTH: u64 = 720;
/// Where bars begin: names stand before.
const LEFT: u64 = 190;
/// What is left for the longest bar: figures stand behind.
const ROOM: u64 = 340;
/// How high a line is, and its bar.
const LINE: u64 = 34;
const BAR: u64 = 20;

/// One OPCO's bars: a class and how much, the longest first, and what they are in words.
#[derive(Debug)]
struct Row {
    opco: Opco,
    bars: Vec<(&'static str, u64)>,
    said: String,
}

/// Draws both; nothing of what there is nothing of.
pub(super) fn drawn(states: &[State], now: Timestamp, language: Language) -> Markup {
    html! {
        (section(
            "latency",
            language.of("Durée des réponses", "How long answers take"),
            &[
                ("half", language.of("la moitié des appels (p50)", "half of the calls (p50)")),
                ("most", language.of("95 % des appels (p95)", "95% of the calls (p95)")),
            ],
            &latencies(states, language),
        ))
        (section(
            "backlog",
            language.of("Âge de ce qui attend", "How long the oldest has waited"),
            &[("wait", language.of(
                "depuis le dépôt de la plus ancienne livraison en attente ; puis combien attendent",
                "since the oldest waiting delivery was handed in; then how many wait",
            ))],
            &backlogs(states, now, language),
        ))
    }
}

fn latencies(states: &[State], language: Language) -> Vec<Row> {
    let row = |state: &State| {
        let (half, most) = state.calls.p50_ms.zip(state.calls.p95_ms)?;
        Some(Row {
            opco: state.opco,
            bars: vec![("most", most), ("half", half)],
            said: format!("{} / {} ms", figure(half, language), figure(most, language)),
        })
    };
    states.iter().filter_map(row).collect()
}

fn backlogs(states: &[State], now: Timestamp, language: Language) -> Vec<Row> {
    let row = |state: &State| {
        let backlog = state.backlog?;
        let waited = now.as_second().saturating_sub(backlog.oldest.as_second());
        Some(Row {
            opco: state.opco,
            bars: vec![("wait", u64::try_from(waited).unwrap_or_default())],
            said: format!(
                "{} ({})",
                age(backlog.oldest, now, language),
                figure(backlog.count, language)
            ),
        })
    };
    states.iter().filter_map(row).collect()
}

fn section(id: &str, title: &str, names: &[(&str, &str)], rows: &[Row]) -> Markup {
    html! {
        @if !rows.is_empty() {
            section aria-labelledby=(id) {
                h2 id=(id) { (title) }
                p.legend aria-hidden="true" {
                    @for (class, name) in names { span { span.swatch.(class) {} (name) } " " }
                }
                figure.across { (svg(title, rows)) }
            }
        }
    }
}

fn svg(title: &str, rows: &[Row]) -> Markup {
    let most = rows.iter().flat_map(|row| &row.bars).map(|(_, much)| *much);
    let most = most.max().unwrap_or_default();
    let height = LINE.saturating_mul(u64::try_from(rows.len()).unwrap_or_default());
    html! {
        svg viewBox={ "0 0 " (WIDTH) " " (height) } role="img" aria-label={ (title) " — " (spoken(rows)) } {
            @for (place, row) in (0_u64..).zip(rows) {
                @let top = place.saturating_mul(LINE);
                @let middle = top.saturating_add(LINE / 2 + 5);
                text x=(LEFT - 10) y=(middle) text-anchor="end" { (row.opco.name()) }
                @for (class, much) in &row.bars {
                    rect.(class) x=(LEFT) y=(top + (LINE - BAR) / 2) width=(wide(*much, most)) height=(BAR) rx="2" {}
                }
                @let longest = row.bars.iter().map(|(_, much)| wide(*much, most)).max().unwrap_or_default();
                text x=(LEFT + longest + 8) y=(middle) { (row.said) }
            }
        }
    }
}

/// Says the bars to who does not see them.
fn spoken(rows: &[Row]) -> String {
    let said = rows
        .iter()
        .map(|row| format!("{} {}", row.opco.name(), row.said));
    said.collect::<Vec<_>>().join(", ")
}

/// Returns how wide a bar is; what is there is seen, however little.
fn wide(much: u64, most: u64) -> u64 {
    let share = u128::from(much) * u128::from(ROOM) / u128::from(most.max(1));
    u64::try_from(share).unwrap_or(ROOM).clamp(2, ROOM)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opcos::Calls;
    use store::health::Backlog;

    fn state(opco: Opco, calls: Calls, backlog: Option<Backlog>) -> State {
        State {
            opco,
            open: None,
            systems: Vec::new(),
            calls,
            backlog,
            unknown: Vec::new(),
        }
    }

    #[test]
    fn a_bar_is_as_wide_as_its_share_and_never_leaves_the_drawing() {
        assert_eq!(wide(50, 100), ROOM / 2);
        assert_eq!(wide(u64::MAX, u64::MAX), ROOM);
        assert_eq!(wide(0, 0), 2);
    }

    #[test]
    fn who_answered_and_what_waits_are_drawn_and_told_in_words() {
        let now: Timestamp = "2026-09-02T08:00:00Z".parse().unwrap();
        let calls = Calls {
            count: 2,
            p50_ms: Some(120),
            p95_ms: Some(1_480),
            ..Calls::default()
        };
        let backlog = Backlog {
            opco: Opco::Afdas,
            count: 1_200,
            oldest: "2026-09-02T05:00:00Z".parse().unwrap(),
        };
        let states = [
            state(Opco::Akto, calls, None),
            state(Opco::Afdas, Calls::default(), Some(backlog)),
        ];
        let page = drawn(&states, now, Language::Fr).into_string();
        assert_eq!(page.matches("<rect").count(), 3, "{page}");
        assert!(page.contains("AKTO 120 / 1\u{202f}480 ms"), "{page}");
        assert!(page.contains("Afdas 3 h (1\u{202f}200)"), "{page}");
        assert!(!page.contains("style="), "{page}");
        let nothing = [state(Opco::Akto, Calls::default(), None)];
        assert!(drawn(&nothing, now, Language::En).into_string().is_empty());
    }
}
