//! The names under which events are told: the published ones (design §4.4), and any other of the log
//! to who asks for it by its exact name.

use store::events::Event;

/// The published names.
pub(crate) const PUBLISHED: [&str; 9] = [
    "dossier.etat_changed",
    "dossier.updated",
    "dossier.echeancier_changed",
    "facture.etat_changed",
    "delivery.delivered",
    "delivery.rejected",
    "delivery.held",
    "delivery.dead",
    "key.expiring",
];

/// The name of an event that is sent when somebody asks to see one.
pub(crate) const TEST: &str = "webhook.test";

/// What the name of every event of the log starts with.
const FAMILIES: [&str; 20] = [
    "alert.",
    "capability_switch.",
    "cfa.",
    "convention.",
    "credential.",
    "delivery.",
    "document.",
    "dossier.",
    "facture.",
    "key.",
    "mandate.",
    "network.",
    "opco_window.",
    "payload.",
    "report.",
    "route_override.",
    "rule_override.",
    "site.",
    "software.",
    "webhook.",
];

/// The longest name.
const NAME_CHARS_MAX: usize = 60;

/// Returns whether a text may be asked for as the name of an event.
pub(crate) fn is_name(text: &str) -> bool {
    let rest = FAMILIES.iter().find_map(|family| text.strip_prefix(family));
    text.len() <= NAME_CHARS_MAX
        && rest.is_some_and(|rest| {
            !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
        })
}

/// Returns the name under which an event is told to who asked for these, if it is told.
pub(crate) fn told<'a>(event: &'a Event, asked: &[String]) -> Option<&'a str> {
    let wanted = |name: &str| asked.iter().any(|one| one == name);
    if wanted(&event.kind) {
        return Some(&event.kind);
    }
    let name = published(event)?;
    (asked.is_empty() || wanted(name)).then_some(name)
}

/// Returns the published name of an event: its own, or what it means to who handed in the payload.
fn published(event: &Event) -> Option<&'static str> {
    let own = PUBLISHED.iter().find(|name| **name == event.kind);
    if let Some(name) = own {
        return Some(name);
    }
    match event.kind.as_str() {
        "delivery.confirmed_sent" => Some("delivery.delivered"),
        // Judged again, and held: nobody else says so.
        "delivery.routed" | "delivery.released"
            if event
                .data
                .get("status")
                .is_some_and(|status| status == "held") =>
        {
            Some("delivery.held")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use domain::id::EventId;
    use serde_json::json;

    use super::*;

    fn event(kind: &str, data: serde_json::Value) -> Event {
        let at = "2026-09-01T08:00:00Z".parse().unwrap();
        Event {
            id: EventId::new(at),
            position: 1,
            at,
            kind: kind.to_owned(),
            delivery: None,
            dossier: None,
            actor: "gateway".to_owned(),
            data,
            content_hash: None,
            answer_hash: None,
        }
    }

    #[test]
    fn without_names_the_published_events_are_told_and_no_other() {
        for name in PUBLISHED {
            assert_eq!(told(&event(name, json!({})), &[]), Some(name));
            assert!(is_name(name), "{name}");
        }
        let routed = |status: &str| event("delivery.routed", json!({ "status": status }));
        assert_eq!(told(&routed("held"), &[]), Some("delivery.held"));
        for quiet in [
            routed("queued"),
            event("delivery.accepted", json!({ "status": "held" })),
            event("dossier.state_unknown", json!({})),
            event("webhook.disabled", json!({})),
        ] {
            assert_eq!(told(&quiet, &[]), None, "{}", quiet.kind);
        }
        let confirmed = event("delivery.confirmed_sent", json!({}));
        assert_eq!(told(&confirmed, &[]), Some("delivery.delivered"));
    }

    #[test]
    fn any_event_is_told_to_who_asks_for_it_by_its_name() {
        let asked = ["delivery.accepted".to_owned(), "delivery.held".to_owned()];
        let accepted = event("delivery.accepted", json!({}));
        assert_eq!(told(&accepted, &asked), Some("delivery.accepted"));
        let routed = event("delivery.routed", json!({ "status": "held" }));
        assert_eq!(told(&routed, &asked), Some("delivery.held"));
        assert_eq!(told(&event("delivery.dead", json!({})), &asked), None);
    }

    #[test]
    fn what_can_name_no_event_is_refused() {
        for text in [
            "",
            "delivery",
            "delivery.",
            "delivry.dead",
            "delivery.DEAD",
            "a.b",
            "key.x\n",
        ] {
            assert!(!is_name(text), "{text}");
        }
    }
}
