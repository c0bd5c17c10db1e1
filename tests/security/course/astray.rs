//! Secrets and personal data where they do not belong: in other fields, in addresses, in what OPCOs
//! repeat.

use domain::Opco;
use harness::payload::Contract;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Course, OPCOS};
use crate::canary::{Canary, spaced};

impl Course {
    /// Canaries where they do not belong: the refusal names the field and not the value.
    pub(super) async fn refused(&mut self, shown: &str) {
        let good = self.contract(Opco::Akto);
        let nir = self.nir();
        let wrong = format!(
            "{}{:02}",
            &nir[..13],
            (nir[13..].parse::<u8>().unwrap() + 1) % 97
        );
        let iban = self.dice.iban();
        self.canaries.extend(Canary::halved("an IBAN", &iban));
        let bodies = astray(&good, &nir, &wrong, &iban);
        for body in &bodies {
            for path in ["/api/v1/validations/dossiers", "/api/v1/dossiers"] {
                // Some stray values are no error at all; then the contract is one like another.
                self.erp.post(path, body, &[]).await;
            }
        }
        let told = good.with("/cerfa/employeur/codeIdcc", json!(shown)).body;
        let path = "/api/v1/validations/dossiers";
        let answer = self.erp.post(path, &told, &[]).await;
        assert!(answer.text.contains(shown), "{}", answer.text);
        self.broken(&nir, &iban).await;
    }

    /// Bodies that are no contract at all.
    async fn broken(&self, nir: &str, iban: &str) {
        let json = [("content-type", "application/json")];
        for broken in [
            format!("{{\"cerfa\": {{\"apprenti\": {{\"nir\": \"{nir}\" \"x\"}}}}}}"),
            format!("{{\"cerfa\": {nir}"),
            nir.to_owned(),
            format!("\"{iban}\""),
        ] {
            self.erp
                .request(Method::POST, "/api/v1/dossiers", &json, broken.into_bytes())
                .await;
        }
        let huge = format!("{{\"nir\": \"{}\"}}", nir.repeat(10_000)).into_bytes();
        let huge = self
            .erp
            .request(Method::POST, "/api/v1/dossiers", &json, huge)
            .await;
        huge.expect(413);
    }

    /// Keys that open nothing, and canaries in addresses and headers.
    pub(super) async fn turned_away(&mut self) {
        let nir = self.nir();
        let almost = format!("cfg_test_{}", self.dice.key());
        self.canaries
            .extend(Canary::halved("a key that opens nothing", &almost[9..]));
        for token in [&almost, &nir, &almost.replace("test", "live")] {
            self.erp
                .with_token(token)
                .get("/api/v1/deliveries")
                .await
                .expect(401);
        }
        for path in [
            format!("/api/v1/deliveries/{nir}"),
            format!("/api/v1/dossiers/{nir}"),
            format!("/api/v1/nulle-part/{nir}?nir={nir}"),
            format!("/api/v1/routes/{nir}"),
            format!("/api/v1/deliveries?text={nir}"),
            format!("/api/v1/deliveries?status={nir}"),
            format!("/api/v1/deliveries?cursor={nir}"),
            format!("/api/v1/deliveries?nir={nir}"),
            format!("/api/v1/dossiers?numero={nir}"),
            format!("/api/v1/events?after={nir}x"),
        ] {
            self.erp.get(&path).await;
        }
        for name in [
            "idempotency-key",
            "cfa-opco",
            "cfa-mandat-date",
            "traceparent",
            "x-api-key",
        ] {
            let contract = self.contract(Opco::Akto);
            let contract = contract.with("/cerfa/contrat/dateFinContrat", json!("2020-01-01"));
            let value = [(name, nir.as_str())];
            self.erp
                .post("/api/v1/dossiers", &contract.body, &value)
                .await;
        }
    }

    /// OPCOs whose errors repeat what they were sent, headers and keys included.
    pub(super) async fn repeated_by_opcos(&mut self) {
        let echo = |status: u16, route: &str| json!({"kind": "echo", "status": status, "route": route, "times": 1});
        let mut sent = Vec::new();
        for (opco, status) in OPCOS.into_iter().zip([400, 422, 400, 403]) {
            self.fault(opco, echo(status, "dossiers")).await;
            let contract = self.contract(opco);
            sent.push(self.erp.submit(&contract).await);
            self.settled(sent.last().unwrap()).await;
        }
        for status in [500, 503] {
            self.fault(Opco::Atlas, echo(status, "dossiers")).await;
            let contract = self.contract(Opco::Atlas);
            let id = self.erp.submit(&contract).await;
            self.erp
                .until(&id, "a failure", |one| one["fault"].is_object())
                .await;
        }
        // The token endpoint repeats the secret, in the form of a form.
        for opco in [Opco::Afdas, Opco::Constructys] {
            self.fault(opco, json!({"kind": "expired_token", "times": 1}))
                .await;
            self.fault(opco, echo(401, "token")).await;
            let contract = self.contract(opco);
            let id = self.erp.submit(&contract).await;
            self.erp
                .until(&id, "a failure", |one| one["fault"].is_object())
                .await;
            self.erp.act(&id, "retry", json!({})).await;
        }
        for opco in OPCOS {
            self.fault(opco, echo(400, "etats")).await;
        }
        for status in [200, 502, 403] {
            let said = format!("La clé {} n'est pas la bonne", self.key);
            let page = json!({"kind": "html", "status": status, "text": said, "route": "dossiers",
                "times": 1});
            self.fault(Opco::Akto, page).await;
            let contract = self.contract(Opco::Akto);
            let id = self.erp.submit(&contract).await;
            self.erp
                .until(&id, "a failure", |one| {
                    one["attempts"]
                        .as_array()
                        .is_some_and(|all| all.iter().any(|attempt| attempt["fault"].is_object()))
                })
                .await;
        }
    }
}

/// Returns contracts with a social security number or an account in fields of every kind.
fn astray(good: &Contract, nir: &str, wrong: &str, iban: &str) -> Vec<Value> {
    let at_nir = [
        json!(wrong),
        json!(spaced(nir)),
        json!(format!("{nir} (à vérifier)")),
        json!(nir.parse::<u64>().unwrap()),
        json!([nir]),
        json!({"nir": nir}),
    ];
    let mut bodies: Vec<Value> = at_nir
        .into_iter()
        .map(|value| good.clone().with("/cerfa/apprenti/nir", value).body)
        .collect();
    for pointer in [
        "/cerfa/apprenti/dateNaissance",
        "/cerfa/apprenti/telephone",
        "/cerfa/apprenti/courriel",
        "/cerfa/apprenti/nationalite",
        "/cerfa/employeur/siret",
        "/cerfa/employeur/naf",
        "/cerfa/employeur/adresse/codePostal",
        "/cerfa/formation/rncp",
        "/cerfa/formation/dureeFormation",
        "/cerfa/formation/nombreHeuresEnDistanciel",
        "/cerfa/employeur/nombreDeSalaries",
        "/cerfa/contrat/dateDebutContrat",
        "/cerfa/organismeFormation/siret",
    ] {
        for stray in [nir, &nir[..13], wrong, &spaced(nir), iban] {
            bodies.push(good.clone().with(pointer, json!(stray)).body);
        }
        let number: u64 = nir.parse().unwrap();
        bodies.push(good.clone().with(pointer, json!(number)).body);
    }
    bodies.push(
        good.clone()
            .with("/cerfa/apprenti/handicap", json!("oui"))
            .body,
    );
    bodies.push(good.clone().with("/cerfa", json!(nir)).body);
    bodies.push(json!({"mandat": {"reference": nir, "date": nir}, "cerfa": {}}));
    bodies
}
