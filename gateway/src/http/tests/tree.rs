//! What a network says of its own sites holds at every door: one that is closed, one that may hand in so much.

use std::time::Duration;

use admin_api::hand::Hand;
use admin_api::tree::{self, Bound};
use domain::Siret;
use reqwest::Method;
use serde_json::json;

use super::harness::{Answer, Gateway, OTHER_SITE, SITE, dossier, dossier_of, send};

const DOOR: &str = "/api/v1/dossiers";

impl Gateway {
    fn hand(&self) -> Hand {
        Hand {
            name: "cli:essai".to_owned(),
            now: self.app.clock.now(),
            reason: Some("essai".to_owned()),
        }
    }

    /// Closes a site, or opens it again, and has this process know of it.
    async fn say(&self, closed: bool) {
        let siret: Siret = SITE.parse().unwrap();
        let mut tx = self.app.store.writing().await.unwrap();
        let site = store::tenants::find_site(&mut tx, self.tenant, &siret).await;
        let place = (self.tenant, site.unwrap().unwrap().id);
        let said = if closed {
            tree::close_site(&mut tx, place, &self.hand()).await
        } else {
            tree::reopen_site(&mut tx, place, &self.hand()).await
        };
        said.unwrap();
        tx.commit().await.unwrap();
        self.know(siret).await;
    }

    /// Bounds a site, or the network when none is named.
    pub(super) async fn bound(&self, site: Option<&str>, bound: Bound) {
        let mut tx = self.app.store.writing().await.unwrap();
        let mut id = None;
        if let Some(siret) = site {
            let siret = siret.parse().unwrap();
            let site = store::tenants::find_site(&mut tx, self.tenant, &siret).await;
            id = Some(site.unwrap().unwrap().id);
        }
        let place = (self.tenant, id);
        tree::bound(&mut tx, place, bound, &self.hand())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        for siret in [SITE, OTHER_SITE] {
            self.know(siret.parse().unwrap()).await;
        }
    }

    async fn know(&self, siret: Siret) {
        let known = self.app.views.fresh(&self.app, self.tenant, siret).await;
        known.unwrap();
    }

    async fn keyed(&self, key: &str, word: &str, body: &serde_json::Value) -> Answer {
        let request = self.post_request(key, DOOR, body);
        send(request.header("idempotency-key", word)).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_site_takes_no_new_contract_and_keeps_those_it_has() {
    let gateway = Gateway::start().await;
    let key = gateway.key().await;
    let taken = gateway.keyed(&key, "un", &dossier()).await;
    assert_eq!(taken.status, 202, "{}", taken.text);
    gateway.say(true).await;

    let other = dossier_of("Autre", "05-06");
    let body = gateway
        .post(&key, DOOR, &other)
        .await
        .refuses(403, "site-ferme");
    let detail = body["detail"].as_str().unwrap();
    assert!(
        detail.contains(SITE) && detail.contains("fermé"),
        "{detail}"
    );
    let verdict = gateway.post(&key, "/api/v1/validations/dossiers", &other);
    verdict.await.refuses(403, "site-ferme");
    let facade = gateway.request(Method::POST, "/convergence/v1/dossiers");
    let facade = facade.header("X-API-KEY", &key).header("EDITEUR", "Essais");
    let facade = facade.header("LOGICIEL", "essais").header("VERSION", "1");
    let answer = send(facade.json(&other)).await;
    assert_eq!(answer.status, 403, "{}", answer.text);
    assert_eq!(answer.json()["errors"][0]["code"], "SITE_FERME");

    let again = gateway.keyed(&key, "un", &dossier()).await;
    assert_eq!(
        again.status, 202,
        "what was taken stays taken: {}",
        again.text
    );
    assert_eq!(again.json()["id"], taken.json()["id"]);
    let moved = gateway.keyed(&key, "un", &other).await;
    moved.refuses(422, "idempotence-autre-contenu");
    let mut elsewhere = dossier_of("Ailleurs", "07-08");
    elsewhere["cerfa"]["organismeFormation"]["siret"] = OTHER_SITE.into();
    let elsewhere = gateway.post(&key, DOOR, &elsewhere).await;
    assert_eq!(elsewhere.status, 202, "{}", elsewhere.text);

    gateway.say(false).await;
    let open = gateway.post(&key, DOOR, &other).await;
    assert_eq!(open.status, 202, "{}", open.text);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_belongs_to_a_contract_is_taken_after_its_site_closed() {
    let gateway = Gateway::start().await;
    let key = gateway.key().await;
    let contract = gateway.post(&key, DOOR, &dossier()).await.json();
    gateway.say(true).await;
    let invoice = |contract: Option<&serde_json::Value>| {
        let mut body = json!({"siretEmetteur": SITE, "numero": "F-1"});
        if let Some(id) = contract {
            body["livraison_contrat"] = id.clone();
        }
        body
    };
    let path = "/api/v1/validations/factures";
    let verdict = gateway
        .post(&key, path, &invoice(Some(&contract["id"])))
        .await;
    assert_eq!(verdict.status, 200, "judged by its rules: {}", verdict.text);
    let stranger = gateway.post(&key, path, &invoice(None)).await;
    stranger.refuses(403, "site-ferme");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ceiling_is_told_with_the_hour_to_come_back_and_counts_what_was_kept() {
    let gateway = Gateway::start().await;
    let key = gateway.key().await;
    let at = |site: &str, name: &str, born: &str| {
        let mut body = dossier_of(name, born);
        body["cerfa"]["organismeFormation"]["siret"] = site.into();
        body
    };
    let day = |per_day| Bound {
        per_day: Some(per_day),
        ..Bound::default()
    };
    gateway.bound(Some(SITE), day(1)).await;
    let un = at(SITE, "Un", "01-02");
    let one = gateway.keyed(&key, "un", &un).await;
    assert_eq!(one.status, 202, "{}", one.text);
    // Whoever never had that answer is given it again: this was kept.
    let again = gateway.keyed(&key, "un", &un).await;
    assert_eq!(again.status, 202, "{}", again.text);
    assert_eq!(again.json()["id"], one.json()["id"]);
    let another = gateway.keyed(&key, "un", &at(SITE, "Une", "01-02")).await;
    assert_eq!(another.status, 422, "{}", another.text);
    let twin = gateway.post(&key, DOOR, &at(SITE, "Un", "01-02")).await;
    let over = twin.refuses(429, "plafond-atteint");
    assert!(
        over["detail"]
            .as_str()
            .unwrap()
            .contains("1 envoi par jour")
    );
    // The clock says 10 o'clock in France: fourteen hours are left of the day.
    assert_eq!(twin.header("retry-after"), (14 * 3_600).to_string());
    let other = gateway
        .post(&key, DOOR, &at(OTHER_SITE, "Deux", "02-03"))
        .await;
    assert_eq!(other.status, 202, "{}", other.text);

    let minute = Bound {
        per_minute: Some(3),
        ..Bound::default()
    };
    gateway.bound(None, minute).await;
    let three = gateway
        .post(&key, DOOR, &at(OTHER_SITE, "Trois", "03-04"))
        .await;
    assert_eq!(three.status, 202, "two were there: {}", three.text);
    let four = at(OTHER_SITE, "Quatre", "04-05");
    let over = gateway.post(&key, DOOR, &four).await;
    over.refuses(429, "plafond-atteint");
    assert_eq!(over.header("retry-after"), "60");
    gateway.clock.advance(Duration::from_mins(1));
    let later = gateway.post(&key, DOOR, &four).await;
    assert_eq!(later.status, 202, "{}", later.text);
    let measures = send(gateway.request(Method::GET, "/metrics")).await.text;
    let told = "cfa_gateway_ceilings_reached_total{of=\"network\",per=\"minute\"} 1";
    assert!(measures.contains(told), "{measures}");
    gateway.stop().await;
}
