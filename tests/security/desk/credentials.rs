//! The API keys of ERPs, made in the dashboard.

use domain::person::Role;
use harness::desk::between;
use store::credentials;

use super::{OPTIONAL, on_both};

on_both! { OPTIONAL;
    async fn an_api_key_is_shown_once_and_replaced_with_an_overlap(place) {
        let mut browser = place.signed_in("admin@cfa.example", Role::Admin).await;
        let site = place.network.sites[0].to_string();
        let fields = [("label", "<i>ERP</i>"), ("environment", "test"), ("sites", &site), ("read", "yes"),
            ("quota_per_minute", "60"), ("expires_on", "2026-12-31")];
        // What is refused comes back as it was filled in.
        let mut wrong = fields.to_vec();
        wrong[5] = ("expires_on", "2020-01-01");
        let refused = browser.submit("/settings/credentials", &wrong).await;
        assert_eq!(refused.status, 400);
        for kept in ["value=\"&lt;i&gt;ERP&lt;/i&gt;\"", "value=\"60\"", "value=\"2020-01-01\"",
            &format!("rows=\"3\">{site}</textarea>"), "name=\"read\" value=\"yes\" checked",
            "name=\"submit\" value=\"yes\">"] {
            assert!(refused.text.contains(kept), "{kept}: {}", refused.text);
        }
        let form = between(&refused.text, "name=\"once\" value=\"", "\"").unwrap();
        let fields = [fields.as_slice(), &[("once", &form)]].concat();
        let made = browser.submit("/settings/credentials", &fields).await;
        assert_eq!(made.status, 200, "{}", made.text);
        assert!(!made.text.contains("<i>ERP"), "{}", made.text);
        let text = between(&made.text, "<code>cfg_test_", "</code>").unwrap();
        assert_eq!(text.len(), 43, "{text}");
        // The page loaded again sends the same form: it makes no second key.
        let twice = browser.submit("/settings/credentials", &fields).await;
        assert!(twice.status == 400 && !twice.text.contains("que cette fois"), "{}", twice.text);
        assert!(twice.text.contains("déjà fait une clé"), "{}", twice.text);
        let again = browser.get("/settings/credentials").await.text;
        assert!(!again.contains(&text), "shown once");
        let listed = browser.get("/admin/v1/credentials").await.json();
        assert_eq!(listed["credentials"].as_array().unwrap().len(), 1, "{listed}");
        let one = &listed["credentials"][0];
        assert_eq!(one["actions"], serde_json::json!(["read"]));
        assert_eq!(one["sites"], serde_json::json!([site]));
        let id = one["id"].as_str().unwrap().to_owned();
        let path = format!("/settings/credentials/{id}");

        let past = browser.submit(&path, &[("act", "rotate"), ("until", "2026-09-01")]).await;
        assert_eq!(past.status, 400, "{}", past.text);
        let next = browser.submit(&path, &[("act", "rotate"), ("until", "2026-09-10")]).await;
        assert_eq!(next.status, 200, "{}", next.text);
        assert!(next.text.contains("cfg_test_"));
        assert_eq!(browser.submit(&path, &[("act", "bound"), ("quota_per_minute", "30")]).await.status, 303);
        let mut tx = place.store.reading().await.unwrap();
        let all = credentials::list(&mut tx, place.network.tenant).await.unwrap();
        let former = all.iter().find(|one| one.id.to_string() == id).unwrap().clone();
        let new = all.iter().find(|one| one.id != former.id && one.label == former.label).unwrap().clone();
        let log = store::events::after(&mut tx, place.network.tenant, 0, 1_000).await.unwrap();
        drop(tx);
        assert_eq!(former.expires_at.unwrap().to_string(), "2026-09-10T22:00:00Z", "the end of the day in France");
        assert_eq!((former.quota_per_minute, new.quota_per_minute), (30, 60));
        assert_eq!((&new.sites, &new.actions), (&former.sites, &former.actions));
        assert!(former.is_usable(place.now()) && new.is_usable(place.now()));

        assert_eq!(browser.submit(&path, &[("act", "revoke")]).await.status, 303);
        assert_eq!(browser.submit(&path, &[("act", "revoke")]).await.status, 404);
        let log = format!("{log:?}");
        for kind in ["credential.created", "credential.replaced", "credential.quota_changed", "person:"] {
            assert!(log.contains(kind), "{kind}: {log}");
        }
        assert!(!log.contains(&text), "never in the log");
        assert_eq!(browser.get("/settings").await.status, 200);
    }
}
