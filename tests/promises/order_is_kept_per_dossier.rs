//! Order is kept per dossier, and dossiers run in parallel.
//!
//! Two amendments of one contract: while the first waits for its next attempt the second stays
//! behind it, and another dossier overtakes both. An agreement stays behind its contract, and an
//! invoice waits for its dossier.

use domain::Opco;
use harness::payload::{Contract, contract};
use harness::pieces::{Form, Piece, convention, facture};
use harness::stage::{Script, Stage};
use harness::{erp, wait};
use serde_json::{Value, json};
use simulator::{Capability, Fault, FaultKind, Kind, Scope};

use crate::{FAST, Verdict, delivered, once, promise, require};

/// What failed stays away until a person says so; and a call is waited for: nobody dies here, and what follows a
/// contract is held when its answer is late.
const PATIENT: Script<'static> = Script {
    settings: r#"
[server]
listen = "127.0.0.1:0"
threads = 1

[delivery.worker]
lease_s = 700
turn_wait_s = 300
retry_after_s = [86400, 86400]

[delivery.poll]
first_s = 20
hot_s = 20
"#,
    of_opcos: "calls_per_minute = 6000\nburst = 50\nin_flight = 8\ntimeout_ms = 300000\n",
    ..FAST
};

promise! {
    PATIENT;
    async fn a_gateway_whose_payloads_overtake_each_other_is_caught("lane-of-its-own" on Sqlite)
        => "overtook its predecessor";
    async fn a_gateway_whose_agreement_overtakes_its_contract_is_caught("follow-up-ahead" on Sqlite)
        => "left before its contract";
    async fn a_gateway_whose_invoice_waits_for_nothing_is_caught("invoice-ahead" on Sqlite)
        => "left before its dossier";
}

async fn kept(stage: &mut Stage) -> Verdict {
    stage.opcos.open(Opco::Akto, Capability::Avenant);
    stage.serve().await;
    let initial = contract(300).to(Opco::Akto);
    let id = stage.erp.submit(&initial).await;
    let numero = delivered(&stage.erp, &id).await?["numero_interne"].clone();
    let deca = deca(stage, numero.as_str().unwrap()).await;
    let unavailable = Fault::new(FaultKind::Unavailable).on(Scope::Dossiers);
    stage.opcos.fault(Opco::Akto, unavailable.times(1));
    let first = stage.erp.submit(&amendment(&initial, 31, &deca)).await;
    stage.erp.until_status(&first, "waiting").await;
    let second = stage.erp.submit(&amendment(&initial, 32, &deca)).await;
    let followed = Followed::handed_in(stage).await;
    let other = contract(301).to(Opco::Akto);
    let parallel = stage.erp.submit(&other).await;
    delivered(&stage.erp, &parallel).await?;
    let behind = stage.erp.delivery(&second).await;
    require!(
        behind["status"] == "waiting" && behind["reason"] == "predecessor",
        "{second} is {} and overtook its predecessor",
        behind["status"]
    );
    followed.leaves_in_order(stage).await?;
    stage.erp.act(&first, "retry", json!({})).await.expect(200);
    delivered(&stage.erp, &first).await?;
    delivered(&stage.erp, &second).await?;
    once(stage, Opco::Akto, &other)?;
    let taken = stage.opcos.taken(Opco::Akto, &initial);
    let terms = taken.iter().map(|entry| entry.terms.as_ref().unwrap());
    let order: Vec<u8> = terms.map(|terms| terms.type_contrat).collect();
    require!(order == [11, 31, 32], "the OPCO took them as {order:?}");
    Ok(())
}

/// A contract that the OPCO puts off, and what follows it.
struct Followed {
    contract: String,
    agreement: String,
    invoice: String,
}

impl Followed {
    async fn handed_in(stage: &Stage) -> Self {
        let unavailable = Fault::new(FaultKind::Unavailable).on(Scope::Dossiers);
        stage.opcos.fault(Opco::Atlas, unavailable.times(1));
        let contract = contract(310).to(Opco::Atlas);
        let id = stage.erp.submit(&contract).await;
        stage.erp.until_status(&id, "waiting").await;
        let hand_in = async |piece: Piece| {
            let piece = piece.of(&id);
            let accepted = stage.erp.hand_in(&piece, Form::Multipart, &[]).await;
            erp::id(&accepted.expect(202))
        };
        Self {
            agreement: hand_in(convention(&contract)).await,
            invoice: hand_in(facture(&contract, "F-310", (1, 100_000))).await,
            contract: id,
        }
    }

    /// Another dossier went meanwhile: these did not, until their contract has.
    async fn leaves_in_order(&self, stage: &Stage) -> Verdict {
        let invoice = stage.erp.delivery(&self.invoice).await;
        require!(
            invoice["status"] == "waiting" && invoice["reason"] == "dossier",
            "the invoice is {} and left before its dossier",
            invoice["status"]
        );
        let agreement = stage.erp.delivery(&self.agreement).await;
        require!(
            agreement["status"] == "waiting" && agreement["reason"] == "predecessor",
            "the agreement is {} and left before its contract",
            agreement["status"]
        );
        let retried = stage.erp.act(&self.contract, "retry", json!({})).await;
        retried.expect(200);
        let contract = delivered(&stage.erp, &self.contract).await?;
        delivered(&stage.erp, &self.agreement).await?;
        let handle = stage.opcos.handle();
        let page = handle.ledger_of(Some("atlas"), Kind::Convention, 0, 10);
        let of: Vec<String> = page.unwrap().entries.remove(0).dossiers;
        require!(
            of == [contract["numero_interne"].as_str().unwrap()],
            "the agreement is that of {of:?}"
        );
        Ok(())
    }
}

/// An amendment of a contract, which shares its pairing key and so its lane.
fn amendment(initial: &Contract, code: u8, deca: &str) -> Contract {
    let mut contract = initial.clone();
    let block = &mut contract.body["cerfa"]["contrat"];
    block["typeContratApp"] = json!(code);
    block["numeroContratPrecedent"] = json!(deca);
    block["dateEffetAvenant"] = json!("2026-10-01T00:00:00+00:00");
    contract
}

/// Waits until the contract has the number its amendments name.
async fn deca(stage: &Stage, numero: &str) -> String {
    let path = format!("/api/v1/dossiers?opco=akto&numero={numero}");
    let dossier = wait::until_value(
        "an engaged dossier",
        async || stage.erp.get(&path).await.expect(200)["dossiers"][0].clone(),
        |dossier: &Value| dossier["numero_deca"].is_string(),
    )
    .await;
    dossier["numero_deca"].as_str().unwrap().to_owned()
}
