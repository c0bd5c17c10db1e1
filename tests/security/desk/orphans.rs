//! Dossiers that one side alone knows: shown to who may act at their site, and settled with a reason.

use domain::Opco;
use domain::person::Role;
use harness::desk::{PASSWORD, account};
use harness::network::{WORLD, network};
use store::people::Scope;
use store::read_jobs::{ReadBudget, ReadKey};
use store::strangers::{self, Reading};
use store::{EtatSeen, tenants};

use super::{OPTIONAL, Place, on_both};

/// Has an OPCO list dossiers at the first site that nobody sent.
async fn strangers_at(place: &Place, numeros: &[&str]) {
    let instance = domain::Instance::first(Opco::Akto);
    let key = ReadKey {
        tenant: place.network.tenant,
        siret_cfa: place.network.sites[0],
        instance,
        environment: WORLD,
    };
    let line = |numero: &&str| EtatSeen {
        numero_interne: (*numero).to_owned(),
        numero_externe: None,
        numero_deca: None,
        etat: Some("TRANSMIS".to_owned()),
    };
    let seen: Vec<EtatSeen> = numeros.iter().map(line).collect();
    let now = place.now();
    let mut tx = place.store.writing().await.unwrap();
    strangers::remember(&mut tx, &key, &seen, now, now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let budget = ReadBudget {
        instance,
        environment: WORLD,
        limit: 10,
    };
    let until = now.checked_add(std::time::Duration::from_mins(1)).unwrap();
    let budgets = [budget];
    let taken = place
        .store
        .claim_strangers(now, until, "essai", &budgets)
        .await;
    let mut tx = place.store.writing().await.unwrap();
    for batch in taken.unwrap() {
        for job in &batch.jobs {
            let reading = Reading::default();
            let told = strangers::found(
                &mut tx,
                place.network.tenant,
                job.id,
                "essai",
                &reading,
                now,
            );
            assert!(told.await.unwrap());
        }
    }
    tx.commit().await.unwrap();
}

on_both! { OPTIONAL;
    async fn an_orphan_is_shown_adopted_or_set_aside_with_a_reason(place) {
        strangers_at(&place, &["N-1", "N-2"]).await;
        let mut browser = place.signed_in("ops@cfa.example", Role::Operator).await;
        let page = browser.get("/orphans").await;
        assert_eq!(page.status, 200, "{}", page.text);
        assert!(page.text.contains("N-1") && page.text.contains("N-2"), "{}", page.text);
        let list = browser.get("/admin/v1/orphans").await.json();
        let id = |numero: &str| {
            let mut all = list["orphans"].as_array().unwrap().iter();
            let one = all.find(|one| one["numero_interne"] == numero).unwrap();
            one["id"].as_str().unwrap().to_owned()
        };
        let (one, two) = (id("N-1"), id("N-2"));
        let path = format!("/orphans/{one}");
        let refused = browser.submit(&path, &[("act", "ignore")]).await;
        assert_eq!(refused.status, 400, "no reason: {}", refused.text);
        let fields = [("act", "ignore"), ("reason", "d'un autre CFA"), ("query", "side=opco")];
        let answer = browser.submit(&path, &fields).await;
        assert_eq!(answer.header("location"), Some("/orphans?side=opco"), "{}", answer.text);
        let fields = [("act", "adopt"), ("reason", "déposé par l'employeur")];
        let answer = browser.submit(&format!("/orphans/{two}"), &fields).await;
        assert_eq!(answer.status, 303, "{}", answer.text);
        let open = browser.get("/admin/v1/orphans").await.json();
        assert_eq!(open["orphans"], serde_json::json!([]));
        let aside = browser.get("/orphans?fate=ignored").await.text;
        assert!(aside.contains("N-1") && aside.contains("d'un autre CFA"), "{aside}");
        let adopted = browser.get("/admin/v1/orphans?fate=adopted").await.json();
        assert_eq!(adopted["orphans"][0]["dossier_id"], two.as_str());
        assert_eq!(browser.get(&format!("/dossiers/{two}")).await.status, 200);
        // Once adopted it stays.
        let answer = browser.submit(&format!("/orphans/{two}"), &fields).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
        let mut auditor = place.signed_in("audit@cfa.example", Role::Auditor).await;
        let log = auditor.get("/admin/v1/audit?kind=dossier.orphan").await.text;
        for kind in ["dossier.orphans_opened", "dossier.orphan_adopted", "dossier.orphan_ignored"] {
            assert!(log.contains(kind), "{kind}: {log}");
        }
    }

    async fn an_orphan_is_nobody_s_elsewhere(place) {
        strangers_at(&place, &["N-1"]).await;
        let mut browser = place.signed_in("ops@cfa.example", Role::Operator).await;
        let list = browser.get("/admin/v1/orphans").await.json();
        let id = list["orphans"][0]["id"].as_str().unwrap().to_owned();
        let other = network().create(&place.store, place.now()).await;
        account(&place.store, other.tenant, "autre@cfa.example", &[(Role::Admin, Scope::Network)], place.now()).await;
        let mut tx = place.store.reading().await.unwrap();
        let sites = tenants::sites(&mut tx, place.network.tenant).await.unwrap();
        drop(tx);
        let elsewhere = sites.iter().find(|site| site.siret == place.network.sites[1]).unwrap().id;
        let roles = [(Role::Operator, Scope::Site(elsewhere))];
        account(&place.store, place.network.tenant, "site@cfa.example", &roles, place.now()).await;
        for email in ["autre@cfa.example", "site@cfa.example"] {
            let mut stranger = place.browser();
            stranger.sign_in(email, PASSWORD).await;
            let list = stranger.get("/admin/v1/orphans").await.json();
            assert_eq!(list["orphans"], serde_json::json!([]), "{email}");
            let fields = [("act", "ignore"), ("reason", "essai")];
            let answer = stranger.submit(&format!("/orphans/{id}"), &fields).await;
            assert_eq!(answer.status, 404, "{email}: {}", answer.text);
        }
        assert!(browser.get("/orphans").await.text.contains("N-1"));
    }
}
