//! The same for what follows a contract: an invoice is looked for before it is sent again, and what the
//! norm has no read for waits for a person, unless the profile says otherwise.

use domain::Opco;
use harness::payload::{Contract, contract};
use harness::pieces::{Form, Piece, convention, facture};
use harness::stage::Stage;
use harness::{erp, wait};
use serde_json::Value;
use simulator::{Fault, FaultKind, Kind, Scope};

use crate::{FAST, Verdict, delivered, is_end, promise, require};

promise! {
    FAST;
    async fn a_gateway_that_sends_again_what_no_read_shows_is_caught("unseen-resent" on Sqlite)
        => "an agreement is at atlas 2 times";
    async fn a_gateway_that_sends_an_invoice_again_without_a_look_is_caught("invoice-unlooked" on Sqlite)
        => "an invoice was sent 2 times";
}

async fn kept(stage: &mut Stage) -> Verdict {
    stage.serve().await;
    let billed = contract(220).to(Opco::Akto);
    let first = stage.erp.submit(&billed).await;
    an_agreement(stage).await?;
    delivered(&stage.erp, &first).await?;
    let owed = owed(stage, &first).await;
    an_invoice(stage, &billed, &first, owed).await
}

async fn an_agreement(stage: &Stage) -> Verdict {
    let contract = contract(221).to(Opco::Atlas);
    let first = stage.erp.submit(&contract).await;
    let agreement = convention(&contract).of(&first);
    let id = lost(stage, Opco::Atlas, Scope::Conventions, &agreement).await;
    let ended = stage.erp.until(&id, "its end", is_end).await;
    let page = stage.opcos.handle();
    let page = page.ledger_of(Some("atlas"), Kind::Convention, 0, 10);
    let times = page.unwrap().entries.len();
    require!(times == 1, "an agreement is at atlas {times} times");
    require!(
        ended["status"] == "held" && ended["reason"] == "outcome_unknown",
        "{id} is {}, and nobody can tell",
        ended["status"]
    );
    Ok(())
}

async fn an_invoice(stage: &Stage, contract: &Contract, first: &str, owed: (i64, i64)) -> Verdict {
    let bill = facture(contract, "F-220", owed).of(first);
    let id = lost(stage, Opco::Akto, Scope::Factures, &bill).await;
    stage.erp.until(&id, "its end", is_end).await;
    let calls = stage.opcos.calls(Opco::Akto);
    let times = calls.iter().filter(|call| call.route == "factures").count();
    require!(times == 1, "an invoice was sent {times} times");
    delivered(&stage.erp, &id).await.map(drop)
}

/// Hands a payload in that the OPCO takes without an answer.
async fn lost(stage: &Stage, opco: Opco, route: Scope, piece: &Piece) -> String {
    let lost = Fault::new(FaultKind::LostAnswer).on(route).times(1);
    stage.opcos.fault(opco, lost);
    let accepted = stage.erp.hand_in(piece, Form::Multipart, &[]).await;
    erp::id(&accepted.expect(202))
}

/// Waits for the schedule of a contract, and returns what its first échéance owes.
async fn owed(stage: &Stage, first: &str) -> (i64, i64) {
    let numero = stage.erp.delivery(first).await["numero_interne"].clone();
    let path = format!(
        "/api/v1/dossiers?opco=akto&numero={}",
        numero.as_str().unwrap()
    );
    let page = stage.erp.get(&path).await.expect(200);
    let dossier = page["dossiers"][0]["id"].as_str().unwrap();
    let path = format!("/api/v1/dossiers/{dossier}");
    let due = |dossier: &Value| dossier["echeancier"]["facturable"][0].clone();
    let read = async || due(&stage.erp.get(&path).await.expect(200));
    let due = wait::until_value("its schedule", read, Value::is_object).await;
    let number = |name: &str| due[name].as_i64().unwrap();
    (number("numero"), number("pedagogie_cents"))
}
