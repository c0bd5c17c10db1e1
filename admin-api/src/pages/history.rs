//! What happened, as a list: acts by their names, who did them and why. What the gateway opened by itself is
//! one line that unfolds: it would drown what people opened.

use std::collections::BTreeMap;

use domain::event;
use domain::person::Language;
use maud::{Markup, html};
use store::events::Event;

use super::audit::who;
use super::layout::{figure, instant};
use crate::audit::Names;

/// Shows the history of a delivery.
pub(crate) fn timeline(events: &[Event], names: &Names, language: Language) -> Markup {
    let own = |event: &&Event| event::is_own_opening(&event.kind, &event.actor);
    let (by_itself, told): (Vec<&Event>, Vec<&Event>) = events.iter().partition(own);
    html! {
        section aria-labelledby="timeline" {
            h2 #timeline { (language.of("Histoire", "History")) }
            ol.timeline { @for event in told { li { (line(event, names, language)) } } }
            (openings(&by_itself, language))
        }
    }
}

fn line(event: &Event, names: &Names, language: Language) -> Markup {
    html! {
        (instant(event.at, language)) " "
        strong title=(event.kind) { (event::name(&event.kind, language).unwrap_or(&event.kind)) } " "
        span.small { (who(&event.actor, names, language)) }
        @if let Some(reason) = reason(event) { " " q.small { (reason) } }
        @if event.data.as_object().is_some_and(|data| !data.is_empty()) {
            details {
                summary { (language.of("Détail", "Detail")) }
                pre.small { code { (event.kind) } "\n" (serde_json::to_string_pretty(&event.data).unwrap_or_default()) }
            }
        }
    }
}

/// Why a person did it, in their words.
fn reason(event: &Event) -> Option<&str> {
    let text = event.data.get("reason")?.as_str()?.trim();
    Some(text).filter(|text| !text.is_empty())
}

fn openings(events: &[&Event], language: Language) -> Markup {
    let why = |event: &Event| -> String {
        let why = event.data.get("why").and_then(serde_json::Value::as_str);
        event::opened_for(why.unwrap_or("—"), language).to_owned()
    };
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for event in events {
        *counts.entry(why(event)).or_default() += 1;
    }
    let whys: Vec<String> = match counts.len() {
        1 => counts.into_keys().collect(),
        _ => counts
            .into_iter()
            .map(|(why, count)| format!("{why} ({})", figure(count, language)))
            .collect(),
    };
    html! {
        @if !events.is_empty() {
            details.openings {
                summary title=(event::OPENED) { (summary(events.len(), &whys.join(", "), language)) }
                ul.small {
                    @for event in events { li { (instant(event.at, language)) ", " (why(event)) } }
                }
            }
        }
    }
}

fn summary(count: usize, whys: &str, language: Language) -> String {
    let number = figure(u64::try_from(count).unwrap_or(u64::MAX), language);
    match language {
        Language::Fr => format!("Contenu ouvert {number} fois par la passerelle pour {whys}"),
        Language::En => format!(
            "Content opened {number} {} by the gateway for {whys}",
            language.form(count, "time", "times")
        ),
    }
}

#[cfg(test)]
mod tests {
    use domain::id::EventId;
    use serde_json::json;

    use super::*;

    fn event(kind: &str, actor: &str, data: serde_json::Value) -> Event {
        let at = "2026-09-01T08:00:00Z".parse().unwrap();
        Event {
            id: EventId::new(at),
            position: 1,
            at,
            kind: kind.to_owned(),
            delivery: None,
            dossier: None,
            actor: actor.to_owned(),
            data,
            content_hash: None,
            answer_hash: None,
        }
    }

    #[test]
    fn what_the_gateway_opened_is_one_line_and_what_a_person_opened_its_own() {
        let mut events = vec![
            event("delivery.accepted", "credential:x", json!({})),
            event(
                event::OPENED,
                "person:1",
                json!({"why": "person", "reason": "écart signalé"}),
            ),
        ];
        for _ in 0..13 {
            events.push(event(event::OPENED, "gateway", json!({"why": "follow_up"})));
        }
        let page =
            |events: &[Event]| timeline(events, &Names::default(), Language::Fr).into_string();
        let shown = page(&events);
        assert_eq!(shown.matches("Contenu scellé ouvert").count(), 1, "{shown}");
        assert!(
            shown.contains("person:1") && shown.contains("<q class=\"small\">écart signalé</q>"),
            "{shown}"
        );
        let folded = "Contenu ouvert 13 fois par la passerelle pour juger ce qui suit le contrat<";
        assert!(shown.contains(folded), "{shown}");
        assert!(
            shown.contains("title=\"delivery.accepted\">Déposée<"),
            "{shown}"
        );
        events.push(event(event::OPENED, "gateway", json!({"why": "same_call"})));
        let shown = page(&events);
        assert!(
            shown.contains("juger ce qui suit le contrat (13), reconnaître un envoi répété (1)"),
            "{shown}"
        );
        assert!(!page(&events[..2]).contains("openings"));
    }

    #[test]
    fn a_kind_nobody_named_is_shown_by_its_word() {
        let events = [event("story.told", "gateway", json!({}))];
        let shown = timeline(&events, &Names::default(), Language::En).into_string();
        assert!(
            shown.contains(">story.told<") && shown.contains("the gateway"),
            "{shown}"
        );
    }
}
