//! A hiccup is never a verdict: found, authoritatively absent and could-not-tell are three answers,
//! and only an explicit answer of the OPCO ends a dossier.

use domain::Opco;
use harness::payload::contract;
use harness::stage::{Script, Stage};
use harness::wait;
use serde_json::Value;
use simulator::{Fault, FaultKind, Scope};

use crate::{FAST, Verdict, delivered, once, promise, require};

/// One look is believed, so that a blind one taken for it shows at once.
const ONE_LOOK: Script<'static> = Script {
    of_opcos: "calls_per_minute = 6000\nburst = 50\nin_flight = 8\ntimeout_ms = 60000\n\
        look_after_s = [20]\nreplay_after_lost = true\n",
    ..FAST
};

promise! {
    ONE_LOOK;
    async fn a_gateway_that_takes_a_hiccup_for_a_refusal_is_caught("hiccup-rejects" on Sqlite)
        => "ended as \"rejected\"";
    async fn a_gateway_that_takes_a_blind_look_for_an_absence_is_caught("blind-is-absent" on Sqlite)
        => "2 times";
}

async fn kept(stage: &mut Stage) -> Verdict {
    stage.serve().await;
    writes(stage).await?;
    looks(stage).await?;
    states(stage).await
}

/// Answers to a write that say nothing of the contract.
async fn writes(stage: &Stage) -> Verdict {
    let hiccups = [
        (Opco::Akto, Fault::new(FaultKind::Unavailable)),
        (Opco::Atlas, Fault::new(FaultKind::ServerError)),
        (Opco::Constructys, Fault::new(FaultKind::Html)),
        (Opco::Ocapiat, Fault::new(FaultKind::EmptyBody)),
        (Opco::Opco2i, Fault::new(FaultKind::DropBeforeCommit)),
    ];
    let mut sent = Vec::new();
    for (seed, (opco, fault)) in (700..).zip(hiccups) {
        stage.opcos.fault(opco, fault.on(Scope::Dossiers).times(1));
        let contract = contract(seed).to(opco);
        sent.push((stage.erp.submit(&contract).await, opco, contract));
    }
    for (id, opco, contract) in sent {
        delivered(&stage.erp, &id).await?;
        once(stage, opco, &contract)?;
    }
    Ok(())
}

/// The answer is lost, and then the list of states cannot be read.
async fn looks(stage: &Stage) -> Verdict {
    let hiccups = [
        (Opco::Akto, Fault::new(FaultKind::ServerError)),
        (Opco::Afdas, Fault::new(FaultKind::Html).with_status(200)),
    ];
    let mut sent = Vec::new();
    for (seed, (opco, fault)) in (710..).zip(hiccups) {
        let lost = Fault::new(FaultKind::LostAnswer).times(1);
        stage.opcos.fault(opco, lost);
        stage.opcos.fault(opco, fault.on(Scope::Etats));
        let contract = contract(seed).to(opco);
        sent.push((stage.erp.submit(&contract).await, opco, contract));
    }
    for (id, opco, contract) in sent {
        let looked = |seen: &Value| {
            let attempts = seen["attempts"].as_array().unwrap();
            attempts
                .iter()
                .any(|one| one["purpose"] == "look" && !one["closed_at"].is_null())
        };
        let seen = stage.erp.until(&id, "a look", looked).await;
        stage.opcos.heal(opco);
        delivered(&stage.erp, &id).await?;
        once(stage, opco, &contract)?;
        require!(
            seen["look_count"] == 0,
            "a look that could not tell counts: {}",
            seen["attempts"]
        );
    }
    Ok(())
}

/// An empty list erases nothing, and a state nobody knows is kept as it is and told.
async fn states(stage: &Stage) -> Verdict {
    let contract = contract(720).to(Opco::Opcommerce);
    let id = stage.erp.submit(&contract).await;
    let numero = delivered(&stage.erp, &id).await?["numero_interne"].clone();
    let path = format!(
        "/api/v1/dossiers?opco=opcommerce&numero={}",
        numero.as_str().unwrap()
    );
    let dossier = async || stage.erp.get(&path).await.expect(200)["dossiers"][0].clone();
    let engaged = |dossier: &Value| dossier["etat"] == "ENGAGE";
    wait::until_value("an engaged dossier", dossier, engaged).await;
    let empty = Fault::new(FaultKind::EmptyList).on(Scope::Etats);
    stage.opcos.fault(Opco::Opcommerce, empty);
    let before = stage.opcos.calls(Opco::Opcommerce).len();
    wait::until("two more reads", async || {
        (stage.opcos.calls(Opco::Opcommerce).len() > before + 1).then_some(())
    })
    .await;
    let seen = dossier().await;
    require!(engaged(&seen), "an empty list made of ENGAGE: {seen}");
    stage.opcos.heal(Opco::Opcommerce);
    let unknown = Fault::new(FaultKind::UnknownState).on(Scope::Etats);
    stage.opcos.fault(Opco::Opcommerce, unknown);
    wait::until_value("the unknown state", dossier, |dossier| {
        dossier["etat_raw"] == "EN_ATTENTE_PIECES"
    })
    .await;
    wait::until("an alert", async || {
        let events = stage.erp.events().await;
        let told = |event: &Value| event["kind"] == "dossier.state_unknown";
        events.iter().any(told).then_some(())
    })
    .await;
    Ok(())
}
