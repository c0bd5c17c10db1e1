//! Alerts on the dashboard: who sees which, who silences them and why, what each person wants by mail.

use domain::alert::{Condition, Measure, Subject};
use domain::id::AlertId;
use domain::person::Role;
use domain::{Instance, Opco, Siret};
use harness::desk::{PASSWORD, account};
use harness::network::WORLD;
use store::alerts::{self, Alert};
use store::people::Scope;
use store::tenants;

use super::{OPTIONAL, Place, on_both};

/// Raises an alert of a site, or of an OPCO.
async fn raise(place: &Place, site: Option<Siret>) -> AlertId {
    let now = place.now();
    let (condition, subject) = match site {
        Some(site) => (Condition::SenderSilent, Subject::site(site)),
        None => (
            Condition::BreakerOpen,
            Subject::system(Instance::first(Opco::Akto)),
        ),
    };
    let measure = Measure {
        level: 2,
        value: 7_200,
        usual: None,
    };
    let alert = Alert {
        tenant: place.network.tenant,
        id: AlertId::new(now),
        environment: WORLD,
        condition,
        subject,
        measure,
        told: 0,
        began_at: now,
        seen_at: now,
        told_at: None,
        cleared_at: None,
    };
    let mut tx = place.store.writing().await.unwrap();
    assert!(alerts::begin(&mut tx, &alert).await.unwrap());
    assert!(
        alerts::raise(&mut tx, alert.tenant, alert.id, 2, now)
            .await
            .unwrap()
    );
    tx.commit().await.unwrap();
    alert.id
}

on_both! { OPTIONAL;
    async fn what_is_raised_is_on_the_first_page_until_somebody_silences_it_with_a_reason(place) {
        let site = place.network.sites[0];
        let id = raise(&place, Some(site)).await.to_string();
        let mut ops = place.signed_in("ops@cfa.example", Role::Operator).await;
        let today = ops.get("/").await.text;
        assert!(today.contains("Alertes en cours") && today.contains(&id), "{today}");
        let silence = format!("/alerts/{id}/silence");
        let unsaid = ops.submit(&silence, &[("hours", "24"), ("reason", " ")]).await;
        assert_eq!(unsaid.status, 400, "{}", unsaid.text);
        let endless = ops.submit(&silence, &[("hours", "99999"), ("reason", "Fermé.")]).await;
        assert_eq!(endless.status, 400);
        let done = ops.submit(&silence, &[("hours", "24"), ("reason", "Site <b>fermé</b>.")]).await;
        assert_eq!(done.status, 303, "{}", done.text);
        assert!(!ops.get("/").await.text.contains("Alertes en cours"));
        let page = ops.get("/alerts").await.text;
        assert!(page.contains("Site &lt;b&gt;fermé") && page.contains("Lever le silence"), "{page}");
        let listed = ops.get("/admin/v1/alerts").await.expect(200);
        let one = &listed["lasting"][0];
        assert_eq!((&one["id"], &one["condition"]), (&id.as_str().into(), &"sender_silent".into()));
        assert_eq!(one["silence_reason"], "Site <b>fermé</b>.");
        let speak = format!("/alerts/{id}/speak");
        assert_eq!(ops.submit(&speak, &[("reason", "Rouvert.")]).await.status, 303);
        assert_eq!(ops.submit(&speak, &[("reason", "Rouvert.")]).await.status, 409);
        assert!(ops.get("/").await.text.contains("Alertes en cours"));
        let mut auditor = place.signed_in("audit@cfa.example", Role::Auditor).await;
        let log = auditor.get("/admin/v1/audit?kind=alert.").await.expect(200);
        let kinds: Vec<&str> = log["events"].as_array().unwrap().iter().map(|one| one["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["alert.unsilenced", "alert.silenced"]);
        assert_eq!(log["events"][1]["data"]["reason"], "Site <b>fermé</b>.");
    }

    async fn who_reads_silences_nothing_and_a_site_sees_its_own_and_what_is_everybody_s(place) {
        let sites = place.network.sites.clone();
        let (first, second) = (raise(&place, Some(sites[0])).await, raise(&place, Some(sites[1])).await);
        let everybodys = raise(&place, None).await;
        let mut reader = place.signed_in("lit@cfa.example", Role::Reader).await;
        let page = reader.get("/alerts").await.text;
        assert!([first, second, everybodys].iter().all(|id| page.contains(&id.to_string())));
        assert!(!page.contains("Mettre en silence"));
        let wish = [("hours", "4"), ("reason", "x")];
        assert_eq!(reader.submit(&format!("/alerts/{first}/silence"), &wish).await.status, 403);
        let mut tx = place.store.reading().await.unwrap();
        let kept = tenants::sites(&mut tx, place.network.tenant).await.unwrap();
        drop(tx);
        let own = kept.iter().find(|site| site.siret == sites[0]).unwrap();
        let roles = [(Role::Operator, Scope::Site(own.id))];
        account(&place.store, place.network.tenant, "site@cfa.example", &roles, place.now()).await;
        let mut ops = place.browser();
        ops.sign_in("site@cfa.example", PASSWORD).await;
        let page = ops.get("/alerts").await.text;
        assert!(page.contains(&first.to_string()) && page.contains(&everybodys.to_string()));
        assert!(!page.contains(&second.to_string()));
        for (id, status) in [(second, 404), (everybodys, 403), (first, 303)] {
            let answer = ops.submit(&format!("/alerts/{id}/silence"), &wish).await;
            assert_eq!(answer.status, status, "{id}: {}", answer.text);
        }
    }

    async fn each_person_chooses_what_comes_by_mail(place) {
        let mut admin = place.signed_in("admin@cfa.example", Role::Admin).await;
        let before = admin.get("/admin/v1/alerts/choice").await.expect(200);
        assert_eq!(before, serde_json::json!({ "least": "critical", "report": false }));
        let chosen = [("least", "warning"), ("report", "1")];
        assert_eq!(admin.submit("/alerts/choice", &chosen).await.status, 303);
        let after = admin.get("/admin/v1/alerts/choice").await.expect(200);
        assert_eq!(after, serde_json::json!({ "least": "warning", "report": true }));
        let page = admin.get("/alerts").await.text;
        assert!(page.contains("Qui reçoit quoi") && page.contains("à partir des avertissements"), "{page}");
        assert_eq!(admin.submit("/alerts/choice", &[("least", "")]).await.status, 303);
        let none = admin.get("/admin/v1/alerts/choice").await.expect(200);
        assert_eq!(none, serde_json::json!({ "least": null, "report": false }));
        let mut reader = place.signed_in("lit@cfa.example", Role::Reader).await;
        assert!(!reader.get("/alerts").await.text.contains("Qui reçoit quoi"));
    }
}
