//! The log: found by who, what and when, a page at a time; exported so that no text becomes a formula;
//! nobody else's.

use domain::Timestamp;
use domain::id::DeliveryId;
use domain::person::Role;
use domain::proof::{Conflict, WitnessKey};
use harness::network::network;
use serde_json::{Value, json};
use store::proofs::{self, Party};
use store::{NewEvent, events};

use super::{OPTIONAL, Place, on_both};

/// Writes events of a day.
async fn tell(place: &Place, at: &str, count: usize, kind: &str, actor: &str) {
    let at: Timestamp = at.parse().unwrap();
    let told: Vec<NewEvent> = (0..count)
        .map(|place| {
            NewEvent::new(at, kind.to_owned())
                .by(actor.to_owned())
                .with(json!({ "said": "=1+1;\"<b>\"", "place": place }))
        })
        .collect();
    let mut tx = place.store.writing().await.unwrap();
    events::append(&mut tx, place.network.tenant, &told);
    tx.commit().await.unwrap();
}

fn positions(page: &Value) -> Vec<i64> {
    let events = page["events"].as_array().unwrap().iter();
    events
        .map(|event| event["position"].as_i64().unwrap())
        .collect()
}

on_both! { OPTIONAL;
    async fn the_log_is_found_by_who_what_and_when_a_page_at_a_time(place) {
        tell(&place, "2026-08-01T10:00:00Z", 700, "story.begun", "cli:essai").await;
        tell(&place, "2026-08-10T22:30:00Z", 3, "story.told", "credential:x").await;
        tell(&place, "2026-08-20T10:00:00Z", 5, "other.told", "=cmd|'/c'").await;
        let mut auditor = place.signed_in("auditeur@cfa.example", Role::Auditor).await;

        let first = auditor.get("/admin/v1/audit?kind=story.begun").await.expect(200);
        assert_eq!(first["events"].as_array().unwrap().len(), 500);
        let next = first["next"].as_i64().unwrap();
        let rest = auditor.get(&format!("/admin/v1/audit?kind=story.begun&before={next}")).await.expect(200);
        assert_eq!(rest["events"].as_array().unwrap().len(), 200);
        assert!(rest.get("next").is_none_or(Value::is_null), "{rest}");
        let mut all = positions(&first);
        all.extend(positions(&rest));
        assert!(all.is_sorted_by(|one, other| one > other), "newest first, each once");

        // 22:30 at Greenwich is the next day in France.
        for (filter, count) in [
            ("kind=story.", 500), ("kind=story.told", 3), ("who=cli:essai&kind=story.told", 0),
            ("kind=story.told&from=2026-08-11&to=2026-08-11", 3), ("kind=story.told&to=2026-08-10", 0),
            ("from=2026-08-20&to=2026-08-20", 5), ("kind=other.&from=2026-08-21", 0),
            ("who=credential:x", 3), ("who=inconnue", 0),
            ("delivery=01900000-0000-7000-8000-000000000000", 0),
        ] {
            let found = auditor.get(&format!("/admin/v1/audit?{filter}")).await.expect(200);
            assert_eq!(positions(&found).len(), count, "{filter}");
        }
        auditor.get("/admin/v1/audit?from=hier").await.expect(400);

        // A person is looked for, and shown, by name.
        let named = auditor.get("/admin/v1/audit?who=une%20personne").await.expect(200);
        assert_eq!(named["events"][0]["name"], "Une personne", "{named}");
        let page = auditor.get("/audit?who=une%20personne").await.text;
        assert!(page.contains(">Une personne</span>"), "{page}");
        let hostile = auditor.get("/audit?kind=other.").await.text;
        assert!(hostile.contains("&lt;b&gt;") && !hostile.contains("<b>"), "{hostile}");
    }

    async fn what_concerns_a_delivery_is_found_by_it(place) {
        let id = DeliveryId::new(place.now());
        let told = [NewEvent::new(place.now(), "delivery.accepted").delivery(id)];
        let mut tx = place.store.writing().await.unwrap();
        events::append(&mut tx, place.network.tenant, &told);
        tx.commit().await.unwrap();
        let mut auditor = place.signed_in("auditeur@cfa.example", Role::Auditor).await;
        let found = auditor.get(&format!("/admin/v1/audit?delivery={id}")).await.expect(200);
        assert_eq!(found["events"].as_array().unwrap().len(), 1);
        assert_eq!(found["events"][0]["delivery_id"], id.to_string());
        let none = auditor.get(&format!("/admin/v1/audit?delivery={id}&kind=delivery.sent")).await.expect(200);
        assert_eq!(none["events"], json!([]));
    }

    async fn what_the_gateway_opened_is_shown_to_who_asks_for_it(place) {
        tell(&place, "2026-08-01T10:00:00Z", 3, "payload.opened", "gateway").await;
        tell(&place, "2026-08-01T10:00:00Z", 1, "payload.opened", "person:x").await;
        let mut auditor = place.signed_in("auditeur@cfa.example", Role::Auditor).await;
        for (query, count) in [("", 4), ("&openings=all", 4), ("&openings=people", 1)] {
            let found = auditor.get(&format!("/admin/v1/audit?kind=payload.{query}")).await.expect(200);
            assert_eq!(positions(&found).len(), count, "{query}");
        }
        auditor.get("/admin/v1/audit?openings=x").await.expect(400);
        let page = auditor.get("/audit?kind=payload.").await.text;
        assert_eq!(page.matches("<code>payload.opened</code>").count(), 1, "{page}");
        assert!(page.contains("Contenu scellé ouvert") && page.contains("openings=all"), "{page}");
        let all = auditor.get("/audit?kind=payload.&openings=all").await.text;
        assert_eq!(all.matches("<code>payload.opened</code>").count(), 4, "{all}");
        let sheet = auditor.get("/audit/export?format=csv&kind=payload.&openings=people").await.text;
        assert_eq!(sheet.lines().count(), 2, "{sheet}");
    }

    async fn an_export_holds_all_of_it_and_no_formula_and_is_on_record(place) {
        tell(&place, "2026-08-01T10:00:00Z", 1_200, "story.begun", "=cmd|'/c calc'!A1").await;
        let mut auditor = place.signed_in("auditeur@cfa.example", Role::Auditor).await;
        let csv = auditor.get("/audit/export?format=csv&kind=story.").await;
        assert_eq!(csv.status, 200);
        assert!(csv.header("content-disposition").unwrap().starts_with("attachment;"));
        assert_eq!(csv.text.lines().count(), 1_201);
        assert!(csv.text.contains(";'=cmd|'/c calc'!A1;"), "{}", csv.text.lines().nth(1).unwrap());
        assert!(!csv.text.contains(";=cmd"));
        let lines = auditor.get("/admin/v1/audit/export?format=ndjson&kind=story.").await.text;
        let read: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(read.len(), 1_200);
        assert_eq!(read[0]["kind"], "story.begun");
        auditor.get("/admin/v1/audit/export?format=pdf").await.expect(400);
        let told = auditor.get("/admin/v1/audit?kind=audit.exported").await.expect(200);
        assert_eq!(told["events"].as_array().unwrap().len(), 2, "{told}");
        assert_eq!(told["events"][0]["data"]["filters"]["kind"], "story.");
    }

    async fn another_networks_log_is_not_there(place) {
        let other = network().create(&place.store, place.now()).await;
        let mut tx = place.store.writing().await.unwrap();
        let theirs = NewEvent::new(place.now(), "theirs.told").by("cli:autre");
        events::append(&mut tx, other.tenant, &[theirs]);
        // Nor what is said of it: who vouches for a log is told of one's own.
        for (tenant, name) in [(other.tenant, "temoin.autre"), (place.network.tenant, "temoin.notre")] {
            let witness = Party::Witness(WitnessKey::new(name, [7; 32]).unwrap());
            let ahead = Conflict::Ahead(9_999);
            assert!(proofs::conflict(&mut tx, tenant, &witness, ahead, place.now()).await.unwrap());
        }
        tx.commit().await.unwrap();
        let mut auditor = place.signed_in("auditeur@cfa.example", Role::Auditor).await;
        for path in ["/admin/v1/audit", "/audit", "/audit/export?format=ndjson"] {
            let text = auditor.get(path).await.text;
            for theirs in ["theirs.told", "cli:autre", "temoin.autre"] {
                assert!(!text.contains(theirs), "{path}: {text}");
            }
        }
        let told = auditor.get("/admin/v1/audit").await.expect(200);
        let ours = json!([{"kind": "witness", "who": "temoin.notre", "size": 0, "conflict": "ahead"}]);
        assert_eq!(told["vouchers"], ours);
        let page = auditor.get("/audit").await.text;
        assert!(page.contains("contredit par temoin.notre") && page.contains("a vu 9999"), "{page}");
    }
}
