//! Every refusal helps: it names field, rule, message, what to do, who must act and whether retrying
//! can help; all findings at once; one bad row never refuses a batch.

use domain::Opco;
use harness::erp::Erp;
use harness::network::network;
use harness::payload::contract;
use harness::stage::Stage;
use reqwest::Method;
use serde_json::{Value, json};
use simulator::{Duplicates, Overrides};

use crate::{FAST, Verdict, delivered, is_end, promise, require};

promise! {
    FAST;
    async fn a_gateway_that_tells_the_first_finding_only_is_caught("first-finding-only" on Sqlite)
        => "is not told";
    async fn a_gateway_that_does_not_say_where_is_caught("pointer-dropped" on Sqlite)
        => "points nowhere";
}

/// What is wrong with the contract, by the field it is wrong in.
const WRONG: [(&str, &str); 4] = [
    ("/cerfa/apprenti/nir", "205049399999993"),
    ("/cerfa/employeur/siret", "12345678200011"),
    ("/cerfa/contrat/dateFinContrat", "2026-08-31T00:00:00+00:00"),
    ("/cerfa/formation/rncp", "RNCP"),
];

async fn kept(stage: &mut Stage) -> Verdict {
    stage.serve().await;
    let (_, keyless) = stage.another(network().without_key(Opco::Akto)).await;
    everything_at_once(&stage.erp).await?;
    at_the_door(&stage.erp).await?;
    in_a_batch(&stage.erp).await?;
    held(&keyless).await?;
    at_the_opco(stage).await
}

/// Requires of a problem that it says what, what to do, who, and whether to try again.
fn helps(problem: &Value) -> Verdict {
    for member in ["code", "title", "detail", "remedy"] {
        let text = problem[member].as_str().unwrap_or_default();
        require!(!text.is_empty(), "a refusal has no {member}: {problem}");
    }
    acts(problem)?;
    for constat in problem["constats"].as_array().into_iter().flatten() {
        for member in ["rule", "message", "remedy"] {
            let text = constat[member].as_str().unwrap_or_default();
            require!(!text.is_empty(), "a finding has no {member}: {constat}");
        }
        let pointer = constat["pointer"].as_str().unwrap_or_default();
        require!(
            pointer.starts_with('/'),
            "a finding points nowhere: {constat}"
        );
        acts(constat)?;
    }
    Ok(())
}

fn acts(told: &Value) -> Verdict {
    let actors = ["expediteur", "reseau", "exploitant", "personne"];
    let actor = told["actor"].as_str().unwrap_or_default();
    require!(
        actors.contains(&actor) && told["retryable"].is_boolean(),
        "nobody knows who must act: {told}"
    );
    Ok(())
}

async fn everything_at_once(erp: &Erp) -> Verdict {
    let mut bad = contract(800).to(Opco::Akto);
    for (pointer, value) in WRONG {
        bad = bad.with(pointer, json!(value));
    }
    let refused = erp.send(&bad).await.expect(422);
    helps(&refused)?;
    for (pointer, _) in WRONG {
        let constats = refused["constats"].as_array().unwrap();
        require!(
            constats.iter().any(|constat| constat["pointer"] == pointer),
            "what is wrong with {pointer} is not told: {refused}"
        );
    }
    Ok(())
}

/// What is refused before it is read.
async fn at_the_door(erp: &Erp) -> Verdict {
    let json = [("content-type", "application/json")];
    let xml = [("content-type", "application/xml")];
    let post = async |body: &[u8], headers: &[(&str, &str)]| {
        let body = body.to_vec();
        erp.request(Method::POST, "/api/v1/dossiers", headers, body)
            .await
    };
    let refusals = [
        (400, post(b"{\"cerfa\": }", &json).await),
        (415, post(b"<xml/>", &xml).await),
        (
            401,
            erp.with_token("cfg_test_x").get("/api/v1/events").await,
        ),
        (404, erp.get("/api/v1/nulle-part").await),
        (
            405,
            erp.request(Method::PUT, "/api/v1/dossiers", &json, Vec::new())
                .await,
        ),
    ];
    for (status, refusal) in refusals {
        helps(&refusal.expect(status))?;
    }
    Ok(())
}

async fn in_a_batch(erp: &Erp) -> Verdict {
    let row = |seed: u64| {
        let mut contract = contract(seed).to(Opco::Akto);
        contract.body["idempotency_key"] = json!(format!("ligne-{seed}"));
        contract
    };
    let bad = row(811).with("/cerfa/apprenti/nir", json!("1"));
    let rows = [row(810), bad, row(812)].map(|row| row.body.to_string());
    let ndjson = [("content-type", "application/x-ndjson")];
    let body = rows.join("\n").into_bytes();
    let answer = erp
        .request(Method::POST, "/api/v1/batches", &ndjson, body)
        .await;
    let lines = answer.lines();
    let said: Vec<&Value> = lines.iter().map(|line| &line["status"]).collect();
    require!(
        said[..3] == [202, 422, 202],
        "one bad row cost the others: {said:?}"
    );
    helps(&lines[1]["problem"])
}

/// A contract that waits for a person says for whom and what to do.
async fn held(erp: &Erp) -> Verdict {
    let id = erp.submit(&contract(820).to(Opco::Akto)).await;
    let held = erp.until_held(&id, "no_key").await;
    let explained = held["explanation"]
        .as_str()
        .is_some_and(|text| text.len() > 20);
    let can_act = held["actions"]
        .as_array()
        .is_some_and(|all| !all.is_empty());
    require!(
        explained && can_act,
        "a held contract explains nothing: {held}"
    );
    for constat in held["warnings"].as_array().into_iter().flatten() {
        acts(constat)?;
    }
    Ok(())
}

/// A refusal of the OPCO comes back in its own words.
async fn at_the_opco(stage: &Stage) -> Verdict {
    let refusing = Overrides {
        duplicates: Some(Duplicates::Refuse),
        ..Overrides::default()
    };
    stage.opcos.configure(Opco::Atlas, &refusing);
    let contract = contract(830).to(Opco::Atlas);
    let (_, neighbour) = stage.another(network().marked("voisin")).await;
    let first = neighbour.submit(&contract).await;
    delivered(&neighbour, &first).await?;
    let id = stage.erp.submit(&contract).await;
    let ended = stage.erp.until(&id, "its end", is_end).await;
    require!(ended["status"] == "rejected", "{id} is {}", ended["status"]);
    let words = ended["fault"]["messages"].as_array();
    require!(
        words.is_some_and(|words| !words.is_empty()) && ended["fault"]["retryable"] == false,
        "the OPCO's words are gone: {}",
        ended["fault"]
    );
    Ok(())
}
