//! Dossiers and money on the dashboard and in its API: the same figures as the native API, for those who
//! may see them, at the sites they reach.

use domain::person::Role;
use domain::{Environment, Opco};
use harness::desk::{Browser, Desk, PASSWORD, account};
use harness::payload::contract;
use harness::pieces::{Form, facture};
use harness::scene::Scene;
use harness::{network, on_both, wait};
use serde_json::{Value, json};
use store::people::Scope;
use store::{tenants, unknown_fields};

use super::money::{detail, due, scheduled};

/// Nobody has an application at hand.
const OPTIONAL: &str = "[admin]\nsecond_factor = \"optional\"\n";
/// Schedules are read again every minute of the story.
const OFTEN: &str =
    "CFA_GATEWAY__DELIVERY__POLL__SCHEDULE_S=60\nCFA_GATEWAY__DELIVERY__POLL__SCHEDULE_COLD_S=120";

async fn open(scene: &Scene) -> Desk {
    let folder = &scene.database.folder;
    Desk::open(OPTIONAL, folder, scene.clock.clone(), scene.store.clone()).await
}

/// Opens an account and a browser that is signed in to it.
async fn signed_in(scene: &Scene, desk: &Desk, role: Role, scope: Scope) -> Browser {
    let email = format!("{role}-{}@cfa.example", scope.word());
    let roles = [(role, scope)];
    account(
        &scene.store,
        scene.network.tenant,
        &email,
        &roles,
        scene.now(),
    )
    .await;
    let mut browser = Browser::new(&desk.origin);
    let answer = browser.sign_in(&email, PASSWORD).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    browser
}

on_both! {
    async fn a_dossier_and_its_money_are_shown_to_whom_they_concern(scene, OFTEN) {
        let contract = contract(1_200).to(Opco::Akto);
        let dossier = scheduled(&scene, &contract).await;
        let id = dossier["id"].as_str().unwrap();
        let (echeance, cents) = due(&dossier);
        let bill = facture(&contract, "=F<1200>", (echeance, cents)).of(dossier["delivery_id"].as_str().unwrap());
        scene.erp.hand_in(&bill, Form::Multipart, &[]).await.expect(202);
        let paid = wait::until_value("the payment", async || detail(&scene, id).await, |dossier| {
            dossier["factures"][0]["etat"] == "REGLE"
        }).await;
        let desk = open(&scene).await;

        let mut admin = signed_in(&scene, &desk, Role::Admin, Scope::Network).await;
        let list = admin.get("/dossiers").await;
        assert!(list.text.contains(&format!("/dossiers/{id}")), "{}", list.text);
        let page = admin.get(&format!("/dossiers/{id}")).await.text;
        // A text of outside is shown as text.
        assert!(page.contains("=F&lt;1200&gt;"), "{page}");
        assert!(page.contains("Réglée") && page.contains("Ce que l'OPCO en a dit"), "{page}");
        let twin = admin.get(&format!("/admin/v1/dossiers/{id}")).await.expect(200);
        assert!(twin["next_read_at"].is_string() && page.contains("<dt>Prochaine lecture</dt>"), "{twin:#}");
        assert_eq!(twin["etat"], "ENGAGE");
        let (ours, theirs) = (&twin["money"], &paid);
        assert_eq!(ours["engagement_cents"], theirs["echeancier"]["engagement_cents"]);
        assert_eq!(ours["echeances"][0]["paid_cents"], theirs["echeancier"]["echeances"][0]["paid_cents"]);
        assert_eq!(ours["factures"][0]["total_cents"], cents);
        assert_eq!(ours["factures"][0]["etat"], "REGLE");
        let kinds: Vec<&Value> = twin["deliveries"].as_array().unwrap().iter().map(|one| &one["kind"]).collect();
        assert_eq!(kinds, ["dossier", "facture"]);
        // Whoever opens money is on record, by name.
        let opened = scene.erp.events().await;
        let by = |event: &&Value| event["kind"] == "dossier.opened" && event["dossier_id"] == id;
        let person = |event: &Value| event["actor"].as_str().is_some_and(|actor| actor.starts_with("person:"));
        assert!(opened.iter().filter(by).any(person), "{opened:#?}");

        for (filter, found) in [
            ("etat=ENGAGE&opco=akto", 1), ("etat=REFUSE", 0), ("opco=atlas", 0), ("world=live", 0),
            (&*format!("numero={}", dossier["numero_interne"].as_str().unwrap()), 1), ("numero=rien", 0),
        ] {
            let list = admin.get(&format!("/admin/v1/dossiers?{filter}")).await.expect(200);
            assert_eq!(list["dossiers"].as_array().unwrap().len(), found, "{filter}");
        }
        admin.get("/admin/v1/dossiers?etat=autre").await.expect(400);

        // The OPCO that was called is told with how it answered.
        let opcos = admin.get("/admin/v1/opcos").await.expect(200);
        assert_eq!(opcos["opcos"].as_array().unwrap().len(), 11);
        let akto = opcos["opcos"].as_array().unwrap().iter().find(|one| one["opco"] == "akto").unwrap();
        assert!(akto["calls"]["count"].as_u64() >= Some(2), "{akto:#}");
        assert!(akto["calls"]["p95_ms"].is_u64() && akto["capabilities"]["dossiers_v1"].is_string(), "{akto:#}");
        assert_eq!((&akto["calls"]["failed"], &akto["backlog"]), (&json!(0), &json!(0)));
        assert!(admin.get("/opcos").await.text.contains("répond"));
        // What it sends beside the norm is told by its name.
        let about = unknown_fields::About {
            tenant: scene.network.tenant, environment: Environment::Test, opco: Opco::Akto, place: "dossier",
        };
        let mut tx = scene.store.writing().await.unwrap();
        assert!(unknown_fields::tell(&mut tx, &about, ("/echeances/*/bonus", 3), scene.now()).await.unwrap());
        tx.commit().await.unwrap();
        let opcos = admin.get("/admin/v1/opcos").await.expect(200);
        let akto = opcos["opcos"].as_array().unwrap().iter().find(|one| one["opco"] == "akto").unwrap();
        let field = &akto["unknown_fields"][0];
        assert_eq!((&field["name"], &field["told"]), (&json!("/echeances/*/bonus"), &json!(3)), "{akto:#}");
        assert_eq!(akto["unknown_fields"].as_array().unwrap().len(), 1, "the simulator sends the norm: {akto:#}");
        assert!(admin.get("/opcos").await.text.contains("/echeances/*/bonus"));

        // Who may not see money sees the dossier without it.
        let mut reader = signed_in(&scene, &desk, Role::Reader, Scope::Network).await;
        let twin = reader.get(&format!("/admin/v1/dossiers/{id}")).await.expect(200);
        assert!(twin.get("money").is_none(), "{twin:#}");
        let page = reader.get(&format!("/dossiers/{id}")).await.text;
        assert!(!page.contains("=F&lt;1200&gt;") && page.contains("Ce que l'OPCO en a dit"), "{page}");
        reader.get("/admin/v1/money").await.expect(403);
        desk.close().await;
    }

    async fn the_money_of_the_dashboard_is_the_native_api_s_to_the_cent(scene, OFTEN) {
        let billed = contract(1_210).to(Opco::Akto);
        let dossier = scheduled(&scene, &billed).await;
        let (echeance, cents) = due(&dossier);
        scheduled(&scene, &contract(1_211).to(Opco::Akto)).await;
        let bill = facture(&billed, "F-1210", (echeance, cents)).of(dossier["delivery_id"].as_str().unwrap());
        scene.erp.hand_in(&bill, Form::Multipart, &[]).await.expect(202);
        let native = wait::until_value("the payment", async || scene.erp.get("/api/v1/reconciliation").await.expect(200), |after| {
            after["total"]["paid_cents"] == cents
        }).await;
        let desk = open(&scene).await;
        let mut billing = signed_in(&scene, &desk, Role::Billing, Scope::Network).await;
        let ours = billing.get("/admin/v1/money").await.expect(200);
        for sum in ["dossiers", "due_cents", "billed_cents", "under_review_cents", "paid_cents", "gap_cents"] {
            assert_eq!(ours["total"][sum], native["total"][sum], "{sum}");
            let months = ours["months"].as_array().unwrap().iter().map(|one| one[sum].as_i64().unwrap_or_default());
            assert!(sum == "dossiers" || months.sum::<i64>() == ours["total"][sum], "{sum}: {ours:#}");
        }
        assert_eq!(ours["gaps"].as_array().unwrap().len(), native["ecarts"].as_array().unwrap().len());
        assert_eq!(ours["gaps"][0]["causes"], native["ecarts"][0]["causes"]);
        assert_eq!(ours["blocked"], json!([]));
        let page = billing.get("/money").await.text;
        let gap = ours["gaps"][0]["dossier_id"].as_str().unwrap();
        assert!(page.contains(&format!("/dossiers/{gap}")) && page.contains("<svg"), "{page}");
        assert!(page.contains("échéance ouverte non facturée"), "{page}");
        let csv = billing.get("/money/sheet?format=csv").await;
        assert!(csv.header("content-disposition").unwrap().contains("rapprochement-"));
        assert_eq!(csv.text, scene.erp.get("/api/v1/reconciliation/export?format=csv").await.text);
        let book = billing.get("/admin/v1/money/sheet?format=xlsx&complet=true").await;
        assert!(book.text.starts_with("PK"));
        billing.get("/admin/v1/money/sheet?format=pdf").await.expect(400);
        billing.get("/admin/v1/money?from=2026-02-01&to=2026-01-01").await.expect(400);

        // A role at a site where nothing is: the same pages, and none of it.
        let site = elsewhere(&scene).await;
        let mut other = signed_in(&scene, &desk, Role::Billing, site).await;
        let theirs = other.get("/admin/v1/money").await.expect(200);
        assert_eq!(theirs["total"]["dossiers"], 0);
        let list = other.get("/admin/v1/dossiers").await.expect(200);
        assert_eq!(list["dossiers"], json!([]));
        other.get(&format!("/admin/v1/dossiers/{gap}")).await.expect(404);
        // A site that is named and not reached is not reached.
        let named = format!("/admin/v1/money?site={}", scene.network.sites[0]);
        assert_eq!(other.get(&named).await.expect(200)["total"]["dossiers"], 0);
        let (strangers, _) = scene.another(network::network().marked("autre")).await;
        let roles = [(Role::Admin, Scope::Network)];
        account(&scene.store, strangers.tenant, "autre@cfa.example", &roles, scene.now()).await;
        let mut stranger = Browser::new(&desk.origin);
        stranger.sign_in("autre@cfa.example", PASSWORD).await;
        stranger.get(&format!("/admin/v1/dossiers/{gap}")).await.expect(404);
        assert_eq!(stranger.get("/admin/v1/money").await.expect(200)["total"]["dossiers"], 0);
        desk.close().await;
    }

    async fn an_invoice_that_is_held_is_money_that_is_blocked(scene) {
        let contract = contract(1_220).to(Opco::Akto);
        let dossier = scheduled(&scene, &contract).await;
        let (echeance, cents) = due(&dossier);
        scene.opcos.fault(Opco::Akto, simulator::Fault::new(simulator::FaultKind::Down));
        let bill = facture(&contract, "F-1220", (echeance, cents)).of(dossier["delivery_id"].as_str().unwrap());
        scene.erp.hand_in(&bill, Form::Multipart, &[]).await.expect(202);
        let desk = open(&scene).await;
        let billing = signed_in(&scene, &desk, Role::Billing, Scope::Network).await;
        let blocked = billing.clone();
        let told = wait::until_value("the wait", async || blocked.clone().get("/admin/v1/money").await.expect(200), |told| {
            told["blocked"].as_array().is_some_and(|all| !all.is_empty())
        }).await;
        assert_eq!(told["blocked"][0]["cents"], cents, "{told:#}");
        assert_eq!(told["blocked"][0]["count"], 1);
        // Between two waits it is tried, and stands nowhere for a moment.
        wait::until_value("the list of what is blocked", async || billing.clone().get("/money").await.text, |page| {
            page.contains("/deliveries?kind=facture&amp;status=")
        }).await;
        // The morning tells it too, in the same words and to the same people.
        let told = wait::until_value("the morning", async || blocked.clone().get("/admin/v1/today").await.expect(200), |told| {
            told["blocked"].as_array().is_some_and(|all| !all.is_empty())
        }).await;
        assert_eq!((&told["blocked"][0]["cents"], &told["blocked"][0]["count"]), (&json!(cents), &json!(1)), "{told:#}");
        assert!(["opco", "nobody"].contains(&told["blocked"][0]["who"].as_str().unwrap()), "{told:#}");
        wait::until_value("the money of the morning", async || billing.clone().get("/").await.text, |page| {
            page.contains("<a href=\"#blocked\">") && page.contains("/deliveries?kind=facture&amp;status=")
        }).await;
        let keys = signed_in(&scene, &desk, Role::Keys, Scope::Network).await;
        assert_eq!(keys.clone().get("/admin/v1/today").await.expect(200).get("blocked"), None);
        assert!(!keys.clone().get("/").await.text.contains("id=\"blocked\""));
        let site = elsewhere(&scene).await;
        let other = signed_in(&scene, &desk, Role::Billing, site).await;
        assert_eq!(other.clone().get("/admin/v1/today").await.expect(200)["blocked"], json!([]));
        scene.opcos.heal(Opco::Akto);
        desk.close().await;
    }
}

/// Adds a site to the network where nothing was ever sent from.
async fn elsewhere(scene: &Scene) -> Scope {
    let mut tx = scene.store.writing().await.unwrap();
    let sites = tenants::sites(&mut tx, scene.network.tenant).await.unwrap();
    let known = sites.first().unwrap();
    let site = tenants::Site {
        id: domain::id::SiteId::new(scene.now()),
        siret: "13002526500013".parse().unwrap(),
        uai: None,
        name: "Annexe".to_owned(),
        ..known.clone()
    };
    tenants::create_site(&mut tx, &site).await.unwrap();
    tx.commit().await.unwrap();
    Scope::Site(site.id)
}
