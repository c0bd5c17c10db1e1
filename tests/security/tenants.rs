//! No network sees another, nor one world the other: shown for every operation of the published
//! document, so that a new one cannot be forgotten.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{Environment, Opco};
use harness::erp::{self, Erp};
use harness::network::network;
use harness::on_both;
use harness::payload::{contract, site};
use harness::scene::Scene;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// What anyone may ask without a key. Nothing of a network is in these answers.
const PUBLIC: [&str; 3] = ["GET /health/live", "GET /health/ready", "GET /metrics"];

/// A name that no object has.
const NOBODY: &str = "01900000-0000-7000-8000-000000000000";

/// One operation of the document.
#[derive(Debug, Clone)]
struct Operation {
    method: Method,
    path: String,
    parameters: Vec<Parameter>,
    /// Whether the document says that it needs no key.
    open: bool,
}

#[derive(Debug, Clone)]
struct Parameter {
    name: String,
    place: String,
    /// The words it may be, where the document lists them.
    words: Vec<String>,
}

/// What a network has that another may not see.
#[derive(Debug)]
struct Objects {
    delivery: String,
    dossier: Option<String>,
    webhook: Option<String>,
    /// Texts that tell of them.
    traces: Vec<String>,
}

impl Operation {
    /// Reads them all.
    async fn all(erp: &Erp) -> Vec<Self> {
        let document = erp.get("/openapi.json").await.expect(200);
        let mut all = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let parameters = operation["parameters"].as_array().into_iter().flatten();
                all.push(Self {
                    method: method.to_uppercase().parse().unwrap(),
                    path: path.clone(),
                    parameters: parameters
                        .map(|one| Parameter::read(&document, one))
                        .collect(),
                    open: operation["security"] == json!([{}]),
                });
            }
        }
        assert!(all.len() > 10, "{all:?}");
        all
    }

    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Returns the addresses at which it would show or touch an object; each word of a parameter
    /// gives one. None when no part of its path names an object of a network.
    fn addresses(&self, [delivery, dossier, webhook]: [&str; 3]) -> Vec<String> {
        let (mut addresses, mut named) = (vec![self.path.clone()], false);
        for parameter in self.parameters.iter().filter(|one| one.place == "path") {
            let values = match (self.path.as_str(), parameter.name.as_str()) {
                (path, "id") if path.starts_with("/api/v1/deliveries/") => {
                    named = true;
                    vec![delivery.to_owned()]
                }
                (path, "id") if path.starts_with("/api/v1/dossiers/") => {
                    named = true;
                    vec![dossier.to_owned()]
                }
                (_, "action") => parameter.words.clone(),
                (path, "id") if path.starts_with("/api/v1/webhooks/") => {
                    named = true;
                    vec![webhook.to_owned()]
                }
                // An orphan is found at an OPCO: tests/e2e/orphans.rs shows that another network's is unknown.
                (path, "id") if path.starts_with("/api/v1/orphelins/") => vec![NOBODY.to_owned()],
                // An employer is in a public table and belongs to no network.
                // What is validated is in the body, which names nothing.
                ("/api/v1/validations/{payload}", "payload") => vec!["ruptures".to_owned()],
                ("/api/v1/routes/{siret}", "siret") => vec!["12345678200010".to_owned()],
                _ => panic!("say here what {parameter:?} of {} names", self.name()),
            };
            assert!(!values.is_empty(), "{parameter:?} of {}", self.name());
            let hole = format!("{{{}}}", parameter.name);
            addresses = addresses
                .iter()
                .flat_map(|path| values.iter().map(|value| path.replace(&hole, value)))
                .collect();
        }
        assert!(
            addresses.iter().all(|path| !path.contains('{')),
            "{addresses:?}"
        );
        if named { addresses } else { Vec::new() }
    }

    async fn ask(&self, erp: &Erp, path: &str) -> erp::Answer {
        if self.method == Method::GET {
            return erp.get(path).await;
        }
        let body = json!({
            "reason": "essai", "opco": "akto", "numero_interne": "1",
            "mandat": {"reference": "M-1", "date": "2026-08-01"},
        });
        let headers = [("content-type", "application/json")];
        let body = body.to_string().into_bytes();
        erp.request(self.method.clone(), path, &headers, body).await
    }
}

impl Parameter {
    fn read(document: &Value, one: &Value) -> Self {
        let schema = match one["schema"]["$ref"].as_str() {
            Some(place) => document.pointer(place.strip_prefix('#').unwrap()).unwrap(),
            None => &one["schema"],
        };
        let words = schema["enum"].as_array().into_iter().flatten();
        Self {
            name: one["name"].as_str().unwrap().to_owned(),
            place: one["in"].as_str().unwrap().to_owned(),
            words: words
                .map(|word| word.as_str().unwrap().to_owned())
                .collect(),
        }
    }
}

impl Objects {
    /// Makes some for a network and remembers what tells of them.
    async fn of(scene: &Scene, erp: &Erp, seed: u64, opco: Opco) -> Self {
        let contract = contract(seed).to(opco);
        let delivery = erp.submit(&contract).await;
        erp.until_delivered(&delivery).await;
        let dossiers = erp.get("/api/v1/dossiers").await.expect(200);
        let dossier = dossiers["dossiers"][0]["id"].as_str().unwrap().to_owned();
        let wanted = json!({"url": "https://erp.example.fr/evenements"});
        let webhook = erp.post("/api/v1/webhooks", &wanted, &[]).await.expect(201);
        let webhook = webhook["webhook"]["id"].as_str().unwrap().to_owned();
        let traces = [
            delivery.clone(),
            dossier.clone(),
            webhook.clone(),
            contract.text("/cerfa/employeur/siret").to_owned(),
            scene.network.tenant.to_string(),
        ];
        Self {
            delivery,
            dossier: Some(dossier),
            webhook: Some(webhook),
            traces: traces.to_vec(),
        }
    }
}

/// A refusal without what is new in each.
fn told(answer: &erp::Answer) -> Value {
    let mut body = answer.json();
    body.as_object_mut().unwrap().remove("trace_id").unwrap();
    body
}

/// Asks for everything that is another's, in every way there is.
async fn sees_nothing(stranger: &Erp, theirs: &Objects, all: &[Operation]) {
    let dossier = theirs.dossier.as_deref().unwrap_or(NOBODY);
    let webhook = theirs.webhook.as_deref().unwrap_or(NOBODY);
    let mut asked = 0;
    for operation in all {
        let theirs = operation.addresses([&theirs.delivery, dossier, webhook]);
        let nobodys = operation.addresses([NOBODY; 3]);
        for (path, nowhere) in theirs.iter().zip(&nobodys) {
            let answer = operation.ask(stranger, path).await;
            assert_eq!(answer.status, 404, "{path}: {}", answer.text);
            let absent = operation.ask(stranger, nowhere).await;
            assert_eq!(absent.status, 404, "{nowhere}: {}", absent.text);
            assert_eq!(
                told(&answer),
                told(&absent),
                "{path} is told from what is not there"
            );
            asked += 1;
        }
    }
    assert!(asked >= 8, "only {asked} objects were asked for");
    for operation in all
        .iter()
        .filter(|one| one.method == Method::GET && !one.path.contains('{'))
    {
        for (query, asked) in queries(operation, theirs) {
            let path = format!("{}{query}", operation.path);
            let answer = stranger.get(&path).await;
            // What the caller wrote itself tells it nothing.
            for trace in theirs.traces.iter().filter(|trace| **trace != asked) {
                assert!(
                    !answer.text.contains(trace),
                    "{path} shows {trace}: {}",
                    answer.text
                );
            }
        }
    }
}

/// Returns the queries of a list, each with the text it asks for: none, and each parameter with
/// whatever tells of another's object.
fn queries(operation: &Operation, theirs: &Objects) -> Vec<(String, String)> {
    let mut queries = vec![(String::new(), String::new())];
    let parameters = operation.parameters.iter();
    for parameter in parameters.filter(|one| one.place == "query") {
        let name = &parameter.name;
        for value in &theirs.traces {
            let cursor = URL_SAFE_NO_PAD.encode(value);
            queries.push((format!("?{name}={value}"), value.clone()));
            queries.push((format!("?{name}={cursor}"), value.clone()));
        }
        let plain = ["0", "100", "akto"];
        queries.extend(plain.map(|value| (format!("?{name}={value}"), String::new())));
    }
    queries
}

on_both! {
    async fn no_operation_shows_or_touches_what_is_another_networks(scene) {
        let all = Operation::all(&scene.erp).await;
        let ours = Objects::of(&scene, &scene.erp, 900, Opco::Akto).await;
        let (_, stranger) = scene.another(network().marked("voisin")).await;
        let own = stranger.submit(&contract(901).to(Opco::Atlas)).await;
        stranger.until_delivered(&own).await;
        let before = scene.erp.delivery(&ours.delivery).await;
        sees_nothing(&stranger, &ours, &all).await;
        assert_eq!(scene.erp.delivery(&ours.delivery).await["status"], before["status"]);
        let acted = |event: &Value| event["delivery_id"] == ours.delivery.as_str()
            && event.to_string().contains("essai");
        assert!(!scene.erp.events().await.iter().any(acted));
        // The lists that showed nothing of another do show what is one's own.
        for list in ["/api/v1/deliveries", "/api/v1/dossiers", "/api/v1/events"] {
            assert!(stranger.get(list).await.text.contains(&own), "{list}");
        }
    }

    async fn the_same_contract_and_key_of_another_network_are_its_own(scene) {
        let (_, stranger) = scene.another(network().marked("voisin")).await;
        let contract = contract(905).to(Opco::Akto);
        let ours = erp::id(&scene.erp.send_as(&contract, "cle-commune").await.expect(202));
        let answer = stranger.send_as(&contract, "cle-commune").await;
        let theirs = erp::id(&answer.expect(202));
        assert_ne!(ours, theirs);
        assert!(answer.header("idempotency-replayed").is_none() && !answer.text.contains(&ours));
        let again = stranger.send(&contract).await.expect(409);
        assert_eq!(again["delivery_id"], theirs.as_str());
        scene.erp.until_delivered(&ours).await;
        stranger.until_delivered(&theirs).await;
    }

    async fn a_credential_of_one_world_sees_nothing_of_the_other(scene) {
        let all = Operation::all(&scene.erp).await;
        let ours = Objects::of(&scene, &scene.erp, 910, Opco::Akto).await;
        let now = scene.now();
        let live = scene.network
            .credential_in(&scene.store, Environment::Live, None, 1_000_000, now).await.0;
        let live = scene.erp.with_token(&live);
        sees_nothing(&live, &ours, &all).await;
        // The other way: what is real is not seen from recette. It waits for a key and goes nowhere.
        let contract = contract(911).to(Opco::Akto);
        let delivery = live.submit(&contract).await;
        live.until_status(&delivery, "held").await;
        let siret = contract.text("/cerfa/employeur/siret").to_owned();
        let theirs = Objects { traces: vec![delivery.clone(), siret], delivery, dossier: None, webhook: None };
        sees_nothing(&scene.erp, &theirs, &all).await;
    }

    async fn a_key_of_idempotency_used_in_one_world_is_new_in_the_other(scene) {
        let now = scene.now();
        let live = scene.network
            .credential_in(&scene.store, Environment::Live, None, 1_000_000, now).await.0;
        let live = scene.erp.with_token(&live);
        let contract = contract(912).to(Opco::Akto);
        let tried = erp::id(&scene.erp.send_as(&contract, "le-meme").await.expect(202));
        let real = erp::id(&live.send_as(&contract, "le-meme").await.expect(202));
        assert_ne!(tried, real, "the real contract was never taken");
        live.until_status(&real, "held").await;
        let again = erp::id(&live.send_as(&contract, "le-meme").await.expect(202));
        assert_eq!(again, real);

        // Nor does a credential of one site meet the key, or the contract, of another site.
        let (two, _) = scene.another(network().sites(2)).await;
        let of_site = async |number| {
            let sites = Some(vec![site(number)]);
            scene.erp.with_token(&two.credential(&scene.store, sites, now).await)
        };
        let (one, other) = (of_site(0).await, of_site(1).await);
        let first = harness::payload::contract(913).to(Opco::Akto);
        let taken = erp::id(&one.send_as(&first, "la-meme").await.expect(202));
        let second = harness::payload::contract(914).to(Opco::Akto).of(site(1));
        let theirs = erp::id(&other.send_as(&second, "la-meme").await.expect(202));
        assert_ne!(taken, theirs);
        assert_eq!(erp::id(&one.send_as(&first, "la-meme").await.expect(202)), taken);
        let double = other.send_as(&first.clone().of(site(1)), "un-autre").await.expect(409);
        assert!(!double.to_string().contains(&taken), "{double:#}");
        let known = one.send_as(&first, "un-autre").await.expect(409);
        assert_eq!(known["delivery"], format!("/api/v1/deliveries/{taken}"), "{known:#}");
    }

    async fn without_a_key_in_force_only_what_is_public_answers(scene) {
        let now = scene.now();
        let (revoked, id) = scene.network.credential_with(&scene.store, None, 600, now).await;
        let mut tx = scene.store.writing().await.unwrap();
        assert!(store::credentials::revoke(&mut tx, scene.network.tenant, id, now).await.unwrap());
        tx.commit().await.unwrap();
        let unknown = format!("cfg_test_{}", "a".repeat(43));
        let mut all = Operation::all(&scene.erp).await;
        // Served and not in the document: what is not there yet.
        for kind in ["conventions", "factures", "documents"] {
            let path = format!("/api/v1/{kind}");
            all.push(Operation { method: Method::POST, path, parameters: Vec::new(), open: false });
        }
        let mut public = Vec::new();
        for operation in &all {
            let path = operation.path.replace("{id}", NOBODY).replace("{action}", "cancel")
                .replace("{siret}", "12345678200010").replace("{payload}", "ruptures");
            let mut statuses = Vec::new();
            for key in [None, Some("Bearer "), Some(&unknown), Some(&revoked), Some("Basic YTpi")] {
                statuses.push(without(&scene.erp.origin, operation, &path, key).await);
            }
            let refused = statuses.iter().all(|status| *status == 401);
            let answered = statuses.iter().all(|status| *status == 200);
            assert!(refused || answered, "{}: {statuses:?}", operation.name());
            assert_eq!(answered, operation.open, "{} and its description", operation.name());
            public.extend(answered.then(|| operation.name()));
        }
        assert_eq!(public, PUBLIC);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a caller without a key is no ERP"
)]
async fn without(origin: &str, operation: &Operation, path: &str, key: Option<&str>) -> StatusCode {
    let client = reqwest::Client::new();
    let mut request = client
        .request(operation.method.clone(), format!("{origin}{path}"))
        .header("content-type", "application/json");
    if let Some(key) = key {
        let schemed = key.contains(' ');
        request = request.header(
            "authorization",
            if schemed {
                key.to_owned()
            } else {
                format!("Bearer {key}")
            },
        );
    }
    request.send().await.unwrap().status()
}
