//! The same call, made to an OPCO and through the façade, gets the same answer, but for the prefix of
//! its numbers.

use std::collections::BTreeSet;

use domain::Opco;
use harness::erp::Answer;
use harness::network;
use harness::norm::Norm;
use harness::payload::{Contract, contract};
use harness::pieces::{Piece, certificat, convention, document};
use harness::scene::Scene;
use harness::{on_both, wait};
use reqwest::Method;
use serde_json::{Value, json};
use simulator::CfaKey;

use super::{
    OFTEN, engaged, facade, invoice, open_pieces, refuses_doubles, signed_in, until_listed,
    until_told,
};

/// The OPCO whose form of a refusal is the norm's general one.
const OPCO: Opco = Opco::Akto;
/// What its numbers begin with, through the façade.
const PREFIX: &str = "AKTO-";
/// The members that hold a number.
const NUMBERS: [&str; 6] = [
    "numeroInterne",
    "numeroExterne",
    "numeroInterneDocument",
    "numeroInterneFacture",
    "numeroInterneDossier",
    "numeroExterneDossier",
];

on_both! {
    async fn successes_are_the_same_in_both_versions(scene) {
        let (direct, through) = both(&scene).await;
        for (version, seed) in [("v1", 1_000), ("v2", 1_010)] {
            let path = format!("/{version}/dossiers");
            let theirs = direct.post(&path, &contract(seed).body).await;
            let ours = through.post(&path, &contract(seed + 1).to(OPCO).body).await;
            same_shape(&path, &theirs, &ours);
            let numero = ours.json()["numeroInterne"].as_str().unwrap().to_owned();
            until_listed(&through, &numero, "ENGAGE").await;
            let bare = numero.strip_prefix(PREFIX).unwrap();
            let asked = |numero: &str| format!("/{version}/dossiers?numeroInterne={numero}");
            let theirs = direct.get(&asked(bare)).await;
            let ours = through.get(&asked(&numero)).await;
            same("the dossier", &theirs, &ours);
        }
        let list = |numeros: &str| format!("/v1/dossiers/liste?numerosInternes={numeros}");
        let mine = numbers(&through).await;
        let bare: Vec<&str> = mine.iter().map(|one| one.strip_prefix(PREFIX).unwrap()).collect();
        let theirs = direct.get(&list(&format!("{},0", bare.join(",")))).await;
        let ours = through.get(&list(&format!("{},{PREFIX}0", mine.join(",")))).await;
        same("several dossiers", &theirs, &ours);
        let shape = |norm: Norm| async move { norm.get("/v1/status").await };
        same_shape("status", &shape(direct.clone()).await, &shape(through.clone()).await);
    }

    async fn lists_are_the_same_once_they_are_read(scene) {
        let (direct, through) = both(&scene).await;
        for seed in 1_020..1_024 {
            through.post("/v1/dossiers", &contract(seed).to(OPCO).body).await.expect(200);
        }
        for path in ["/v1/dossiers/etats", "/v2/dossiers/etats", "/v2/dossiers/etats?numeroPage=2"] {
            wait::until(path, async || {
                let (theirs, ours) = (direct.get(path).await, through.get(path).await);
                assert_eq!((theirs.status, ours.status.as_u16()), (ours.status, 200));
                let engaged = !theirs.text.contains("TRANSMIS") && !theirs.text.contains("EN_COURS");
                (engaged && unmarked(ours.json()) == theirs.json()).then_some(())
            }).await;
        }
    }

    async fn refusals_are_the_same(scene) {
        let (direct, through) = both(&scene).await;
        refuses_doubles(&scene, OPCO);
        let revoked = CfaKey { key: "revoquee".to_owned(), siren: None, expires: None, revoked: true };
        scene.opcos.handle().register_key(OPCO.slug(), &revoked).unwrap();
        let good = contract(1_030).to(OPCO);
        let lacking = contract(1_031).to(OPCO).without("/cerfa/apprenti", "nir");
        let posts = ["/v1/dossiers", "/v2/dossiers"];
        let reads = [
            "/v1/dossiers/etats", "/v2/dossiers/etats", "/v1/dossiers?numeroInterne=0",
            "/v2/dossiers?numeroInterne=0", "/v1/dossiers/liste?numerosInternes=0",
        ];
        let two = |change: &dyn Fn(Norm) -> Norm| (change(direct.clone()), change(through.clone()));
        // 401, 403, 400: who calls.
        let callers = [
            (401, two(&|norm| norm.with("authorization", b"Bearer faux"))),
            (403, two(&|norm| norm.with("x-api-key", b"revoquee"))),
            (403, two(&|norm| norm.without("x-api-key"))),
            (400, two(&|norm| norm.without("logiciel"))),
        ];
        for (status, (theirs, ours)) in &callers {
            for path in reads {
                let answers = (theirs.get(path).await, ours.get(path).await);
                same_refusal(path, *status, &answers.0, &answers.1);
            }
            for path in posts {
                let answers = (theirs.post(path, &good.body).await, ours.post(path, &good.body).await);
                same_refusal(path, *status, &answers.0, &answers.1);
            }
        }
        // 400 and 415: what is handed in.
        for path in posts {
            let answers = (direct.post(path, &lacking.body).await, through.post(path, &lacking.body).await);
            same_refusal(path, 400, &answers.0, &answers.1);
            for (status, kind, body) in [(400, "application/json", "{\"cerfa\":"), (415, "text/plain", "{}")] {
                let send = async |norm: &Norm| norm.call(Method::POST, path, kind, body.as_bytes().to_vec()).await;
                same_refusal(path, status, &send(&direct).await, &send(&through).await);
            }
        }
        // 400 and 404: what is asked.
        for (status, path) in [
            (404, "/v1/dossiers?numeroInterne=0"), (404, "/v2/dossiers?numeroInterne=0"),
            (400, "/v1/dossiers"), (400, "/v2/dossiers"), (400, "/v1/dossiers/liste"),
            (400, "/v2/dossiers/etats?numeroPage=0"), (404, "/v1/nulle-part"),
        ] {
            same_refusal(path, status, &direct.get(path).await, &through.get(path).await);
        }
        // An OPCO's own refusal comes through in its words.
        let refusal = |times| simulator::Fault::new(simulator::FaultKind::Refusal)
            .on(simulator::Scope::Dossiers).times(times);
        scene.opcos.fault(OPCO, refusal(2));
        let theirs = direct.post("/v1/dossiers", &contract(1_040).body).await;
        let ours = through.post("/v1/dossiers", &contract(1_041).to(OPCO).body).await;
        assert_eq!(theirs.expect(400), ours.expect(400));
    }

    async fn the_token_endpoint_and_the_key_say_the_same(scene) {
        let (direct, through) = both(&scene).await;
        let (_, theirs) = scene.opcos.addresses(OPCO);
        let ours = format!("{}/oauth/token", through.base);
        let form = |secret: &str| {
            format!("grant_type=client_credentials&client_id=logiciel&client_secret={secret}")
        };
        let theirs_told = direct.form(&theirs, &form("secret")).await;
        let ours_told = through.form(&ours, &form(&scene.erp.token)).await;
        same_shape("token", &theirs_told, &ours_told);
        for form in ["grant_type=password&client_id=a&client_secret=b", "grant_type=client_credentials&client_id="] {
            let told = (direct.form(&theirs, form).await, through.form(&ours, form).await);
            assert_eq!((told.0.status.as_u16(), told.1.status.as_u16()), (400, 400), "{form}");
            assert_eq!(keys(&told.0.json()), keys(&told.1.json()));
        }
        scene.opcos.open(OPCO, simulator::Capability::Cfakeyinfo);
        let siren = scene.network.sites[0].siren();
        let ask = |key: &str| format!("/v2/cfakeyinfo?siren={siren}&XAPIKEY={key}");
        let key = scene.network.key(scene.network.sites[0], OPCO);
        let told = (direct.get(&ask(&key)).await, through.get(&ask(&scene.erp.token)).await);
        same_shape("cfakeyinfo", &told.0, &told.1);
        assert_eq!(told.0.json()["status"], told.1.json()["status"]);
        let told = (direct.get("/v2/cfakeyinfo").await, through.get("/v2/cfakeyinfo").await);
        same_refusal("cfakeyinfo", 400, &told.0, &told.1);
    }

    async fn what_goes_with_a_contract_is_answered_the_same(scene) {
        open_pieces(&scene, OPCO).await;
        let (direct, through) = both(&scene).await;
        let file = async |norm: &Norm, contract: &Contract| {
            let told = norm.post("/v1/dossiers", &contract.body).await.expect(200);
            let numero = told["numeroInterne"].as_str().unwrap().to_owned();
            wait::until("an engaged dossier", async || {
                let list = norm.get("/v1/dossiers/etats").await.expect(200);
                let mut lines = list.as_array().unwrap().iter();
                lines.find(|line| line["numeroInterne"] == numero.as_str() && line["etat"] == "ENGAGE").map(|_| ())
            }).await;
            numero
        };
        let (theirs, ours) = (contract(1_060), contract(1_061).to(OPCO));
        let (bare, numero) = (file(&direct, &theirs).await, file(&through, &ours).await);
        let named = |piece: Piece, numero: &str| piece.with("numeroInterneDossier", json!(numero));
        let object = |numero: &str| document("CONVENTION_MOBILITE").with("objets", json!([
            {"typeObjet": "DOSSIER_APPRENTISSAGE", "idObjet": numero},
        ]));
        let proof = |contract: &Contract, numero: &str| {
            let pdf = harness::pieces::pdf(9_000);
            named(certificat(contract), numero).filed(Some(("certificat.pdf", pdf)))
        };
        for (path, theirs, ours, unknown) in [
            ("/v1/conventions", named(convention(&theirs), &bare), named(convention(&ours), &numero), named(convention(&ours), "0")),
            ("/v1/documents", object(&bare), object(&numero), object("0")),
            ("/v2/certificats", proof(&theirs, &bare), proof(&ours, &numero), proof(&ours, "0")),
        ] {
            let told = (direct.hand_in(path, &theirs).await, through.hand_in(path, &ours).await);
            same_shape(path, &told.0, &told.1);
            let told = (direct.hand_in(path, &unknown).await, through.hand_in(path, &unknown).await);
            if path != "/v1/documents" {
                same_refusal(path, 404, &told.0, &told.1);
            }
            // 400: no file, another file, no payload. 401, 403, 415: who calls, and with what.
            let bad: [fn(Piece) -> Piece; 3] = [
                |piece| piece.filed(None),
                |piece| piece.filed(Some(("page.pdf", b"<html></html>".to_vec()))),
                |piece| Piece { json: json!({}), ..piece },
            ];
            // A structured certificate may come without a file.
            for spoilt in bad.iter().skip(usize::from(path == "/v2/certificats")) {
                let told = (
                    direct.hand_in(path, &spoilt(theirs.clone())).await,
                    through.hand_in(path, &spoilt(ours.clone())).await,
                );
                same_refusal(path, 400, &told.0, &told.1);
            }
            let wrong = |norm: &Norm, name, value: &[u8]| norm.clone().with(name, value);
            for (status, name, value) in [(401, "authorization", "Bearer faux"), (403, "x-api-key", ""), (400, "editeur", "")] {
                let clients = (wrong(&direct, name, value.as_bytes()), wrong(&through, name, value.as_bytes()));
                let told = (clients.0.hand_in(path, &theirs).await, clients.1.hand_in(path, &ours).await);
                // Capitals are for what is wrong with the document itself.
                if (status, path) != (400, "/v1/documents") {
                    same_refusal(path, status, &told.0, &told.1);
                }
            }
            let text = async |norm: &Norm| norm.call(Method::POST, path, "text/plain", b"x".to_vec()).await;
            same_refusal(path, 415, &text(&direct).await, &text(&through).await);
        }
    }

    async fn invoices_are_answered_and_listed_the_same(scene, OFTEN) {
        scene.opcos.open(OPCO, simulator::Capability::FacturesEtats);
        network::switch(&scene.store, OPCO, domain::Capability::FacturesEtats, scene.now()).await;
        let (direct, through) = both(&scene).await;
        let (theirs, ours) = (contract(1_070), contract(1_071).to(OPCO));
        let (_, _, their_dossier) = engaged(&direct, &theirs).await;
        let (_, _, our_dossier) = engaged(&through, &ours).await;
        let our_bill = invoice(&ours, "F-1071", &our_dossier, 0);
        let told = until_told(&through, "/v1/factures", &our_bill).await;
        // Before the other is there, the lists are one.
        let list = "/v2/factures/etats";
        wait::until("the same list", async || {
            let (mut theirs, mut ours) = (direct.get(list).await.expect(200), through.get(list).await.expect(200));
            for page in [&mut theirs, &mut ours] {
                // In words, and not kept.
                page["factures"][0]["commentaire"] = json!(null);
            }
            (theirs["factures"][0]["etatFacture"] == "REGLE" && unmarked(ours) == theirs).then_some(())
        }).await;
        let their_bill = invoice(&theirs, "F-1070", &their_dossier, 0);
        same_shape("/v1/factures", &direct.hand_in("/v1/Factures", &their_bill).await, &told);
        let another = invoice(&ours, "F-1072", &our_dossier, 0);
        let bad: [fn(Piece) -> Piece; 2] = [
            |piece| piece.filed(None),
            |piece| Piece { json: json!({}), ..piece },
        ];
        for spoilt in bad {
            let told = (
                direct.hand_in("/v1/factures", &spoilt(their_bill.clone())).await,
                through.hand_in("/v1/factures", &spoilt(another.clone())).await,
            );
            same_refusal("/v1/factures", 400, &told.0, &told.1);
        }
        for (status, name, value) in [(401, "authorization", "Bearer faux"), (403, "x-api-key", ""), (400, "editeur", "")] {
            let with = |norm: &Norm| norm.clone().with(name, value.as_bytes());
            let told = (with(&direct).get(list).await, with(&through).get(list).await);
            same_refusal(list, status, &told.0, &told.1);
        }
        let zero = "/v2/factures/etats?numeroPage=0";
        same_refusal(list, 400, &direct.get(zero).await, &through.get(zero).await);
    }

    async fn terminations_are_the_same(scene) {
        scene.opcos.open(OPCO, simulator::Capability::Rupture);
        network::switch(&scene.store, OPCO, domain::Capability::Rupture, scene.now()).await;
        let (direct, through) = both(&scene).await;
        let path = "/v2/dossiers/rupture/employeur";
        let theirs = contract(1_050);
        let told = direct.post("/v2/dossiers", &theirs.body).await.expect(200);
        let bare = told["numeroInterne"].as_str().unwrap().to_owned();
        let ours = contract(1_051).to(OPCO);
        let told = through.post("/v2/dossiers", &ours.body).await.expect(200);
        let numero = told["numeroInterne"].as_str().unwrap().to_owned();
        until_listed(&through, &numero, "ENGAGE").await;
        wait::until("the other is engaged", async || {
            let list = direct.get("/v1/dossiers/etats").await.expect(200);
            let mut lines = list.as_array().unwrap().iter();
            lines.find(|line| line["numeroInterne"] == bare.as_str() && line["etat"] == "ENGAGE").map(|_| ())
        }).await;
        let named = |contract, numero: &str| {
            let mut body = harness::pieces::rupture(contract);
            body["numeroInterneDossier"] = json!(numero);
            body
        };
        let wrong = (direct.post(path, &json!({})).await, through.post(path, &json!({})).await);
        same_refusal(path, 400, &wrong.0, &wrong.1);
        let told = (
            direct.post(path, &named(&theirs, &bare)).await,
            through.post(path, &named(&ours, &numero)).await,
        );
        same_shape(path, &told.0, &told.1);
        assert_eq!(told.0.json()["etat"], told.1.json()["etat"]);
    }
}

/// Returns a client of the OPCO and one of the façade, for the same site, with both versions open.
async fn both(scene: &Scene) -> (Norm, Norm) {
    for (theirs, ours) in [
        (
            simulator::Capability::DossiersV1,
            domain::Capability::DossiersV1,
        ),
        (
            simulator::Capability::DossiersV2,
            domain::Capability::DossiersV2,
        ),
    ] {
        scene.opcos.open(OPCO, theirs);
        network::switch(&scene.store, OPCO, ours, scene.now()).await;
    }
    let (base, token) = scene.opcos.addresses(OPCO);
    let key = scene.network.key(scene.network.sites[0], OPCO);
    let direct = Norm::new(&base, &key);
    let direct = direct.signed_in(&token, "logiciel", "secret").await;
    assert!(facade(scene).base.ends_with("/convergence"));
    (direct, signed_in(scene).await)
}

async fn numbers(through: &Norm) -> Vec<String> {
    let list = through.get("/v1/dossiers/etats").await.expect(200);
    let lines = list.as_array().unwrap().iter();
    lines
        .map(|line| line["numeroInterne"].as_str().unwrap().to_owned())
        .collect()
}

/// Takes the prefix off every number; there must be one.
fn unmarked(mut value: Value) -> Value {
    unmark(&mut value);
    value
}

fn unmark(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(unmark),
        Value::Object(members) => {
            for (name, member) in members {
                match member.as_str() {
                    Some(text) if NUMBERS.contains(&name.as_str()) => {
                        *member = text.strip_prefix(PREFIX).unwrap().into();
                    }
                    _ => unmark(member),
                }
            }
        }
        _ => {}
    }
}

/// Status and every value.
#[track_caller]
fn same(what: &str, theirs: &Answer, ours: &Answer) {
    assert_eq!(theirs.status, ours.status, "{what}: {}", ours.text);
    assert_eq!(theirs.json(), unmarked(ours.json()), "{what}");
}

/// Status, members and the type of each.
#[track_caller]
fn same_shape(what: &str, theirs: &Answer, ours: &Answer) {
    assert_eq!(
        (theirs.status.as_u16(), ours.status.as_u16()),
        (200, 200),
        "{what}: {} {}",
        theirs.text,
        ours.text
    );
    let ours = unmarked(ours.json());
    assert_eq!(keys(&theirs.json()), keys(&ours), "{what}");
}

/// Status and members, down to those of each reason.
#[track_caller]
fn same_refusal(what: &str, status: u16, theirs: &Answer, ours: &Answer) {
    let told = (theirs.status.as_u16(), ours.status.as_u16());
    assert_eq!(
        told,
        (status, status),
        "{what}: {} / {}",
        theirs.text,
        ours.text
    );
    assert_eq!(keys(&theirs.json()), keys(&ours.json()), "{what}");
    let ours = ours.json();
    let errors = ours.get("errors").or(ours.get("Errors")).unwrap();
    assert!(!errors.as_array().unwrap().is_empty(), "{what}");
}

/// Returns every member by its path; those of the items of a list are one.
fn keys(value: &Value) -> BTreeSet<String> {
    fn add(path: &str, value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    let path = format!("{path}/{name}");
                    add(&path, member, found);
                    found.insert(path);
                }
            }
            Value::Array(items) => {
                for item in items {
                    add(&format!("{path}/*"), item, found);
                }
            }
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    add("", value, &mut found);
    found
}
