//! The whole life of a contract with the simulator, every payload at every OPCO; and what a look finds
//! after each answer that was lost.

mod world;

use domain::payload::Facture;
use domain::rejet::Rejet;
use domain::{Environment, FaultKind, Kind, Opco, Outcome};
use opco::{Piece, Sighting, choose_way};

use crate::walked::factures_all;
use serde_json::{Value, json};
use simulator::{Capability, Fault as Switch, FaultKind as Odd, Openness, Overrides, Scope};

use self::world::World;
use crate::bench::sample;

fn facture_of(body: &Value) -> Facture {
    Facture::read(body.to_string().as_bytes()).unwrap().payload
}

#[tokio::test]
async fn every_payload_goes_at_every_opco() {
    let world = World::start().await;
    for opco in Opco::ALL {
        let engaged = world.engaged(opco, "MARTIN").await;
        let mut convention: Value = serde_json::from_slice(&sample("convention")).unwrap();
        convention["numeroInterneDossier"] = json!(engaged.numero);
        let filed = engaged.taken(Piece::Convention, convention).await;
        assert!(filed.numeros.document.is_some(), "{opco} {filed:?}");

        let facture = engaged.facture("FA-1").await;
        let filed = engaged.taken(Piece::Facture, facture.clone()).await;
        let numero = filed.numeros.facture.unwrap();
        match engaged.by_states(&facture_of(&facture), &[]).await {
            Sighting::Found(seen) => {
                assert_eq!(seen.numeros.facture.as_deref(), Some(numero.as_str()));
                assert_eq!(seen.differences, [], "{opco}");
            }
            other => panic!("{opco} {other:?}"),
        }

        let mut document: Value = serde_json::from_slice(&sample("document-infosFichier")).unwrap();
        document["objets"][0]["idObjet"] = json!(numero);
        document["objets"][1]["idObjet"] = json!(engaged.numero);
        let filed = engaged.taken(Piece::Document, document).await;
        assert!(filed.numeros.document.is_some(), "{opco} {filed:?}");

        let mut certificat: Value = serde_json::from_slice(&sample("certificat-v2")).unwrap();
        certificat["numeroInterneDossier"] = json!(engaged.numero);
        certificat["numeroInterneFacture"] = json!(numero);
        let label = engaged.detail().await.echeancier;
        let label = label.find(1).unwrap().codification.clone();
        certificat["echeance"] = json!({"numero": 1, "codification": label});
        engaged.taken(Piece::Certificat, certificat).await;

        let filed = engaged
            .taken(Piece::Rupture, engaged.rupture("MARTIN"))
            .await;
        let Outcome::Taken(receipt) = filed.outcome else {
            panic!("{opco}")
        };
        assert_eq!(
            receipt.numero_interne.as_deref(),
            Some(engaged.numero.as_str())
        );
        assert_eq!(receipt.etat.as_deref(), Some("RUPTU"), "{opco}");
        assert!(
            matches!(engaged.by_state().await, Sighting::Found(_)),
            "{opco}"
        );
    }
}

#[tokio::test]
async fn an_invoice_whose_answer_is_lost_is_found_by_its_number_and_by_the_schedule() {
    let world = World::start().await;
    for opco in Opco::ALL {
        let engaged = world.engaged(opco, "MARTIN").await;
        let (body, billed) = (engaged.facture("FA-1").await, engaged.billed().await);
        let facture = facture_of(&body);

        engaged.odd(Odd::DropBeforeCommit, Scope::Factures);
        let filed = engaged.hand(Piece::Facture, body.clone()).await;
        assert!(
            matches!(filed.outcome, Outcome::Lost(_)),
            "{opco} {filed:?}"
        );
        assert_eq!(
            engaged.by_states(&facture, &[]).await,
            Sighting::Absent,
            "{opco}"
        );
        let seen = engaged.by_schedule(&facture, &billed).await;
        assert_eq!(seen, Sighting::Absent, "{opco}");

        engaged.odd(Odd::LostAnswer, Scope::Factures);
        let filed = engaged.hand(Piece::Facture, body.clone()).await;
        assert!(
            matches!(filed.outcome, Outcome::Lost(_)),
            "{opco} {filed:?}"
        );
        let seen = engaged.by_states(&facture, &[]).await;
        assert!(matches!(seen, Sighting::Found(_)), "{opco} {seen:?}");
        let seen = engaged.by_schedule(&facture, &billed).await;
        assert!(matches!(seen, Sighting::Found(_)), "{opco} {seen:?}");

        // Sent again, its refusal is the proof.
        let filed = engaged.hand(Piece::Facture, body).await;
        assert_eq!(
            filed.refus.known,
            [Rejet::FactureDejaConnue],
            "{opco} {filed:?}"
        );
        match filed.outcome {
            Outcome::Failed(fault) => assert_eq!(fault.kind, FaultKind::Duplicate, "{opco}"),
            other => panic!("{opco} {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_termination_whose_answer_is_lost_is_found_by_the_state() {
    let world = World::start().await;
    for opco in Opco::ALL {
        let engaged = world.engaged(opco, "MARTIN").await;
        engaged.odd(Odd::DropBeforeCommit, Scope::Rupture);
        let filed = engaged
            .hand(Piece::Rupture, engaged.rupture("MARTIN"))
            .await;
        assert!(
            matches!(filed.outcome, Outcome::Lost(_)),
            "{opco} {filed:?}"
        );
        assert_eq!(engaged.by_state().await, Sighting::Absent, "{opco}");
        engaged.odd(Odd::LostAnswer, Scope::Rupture);
        let filed = engaged
            .hand(Piece::Rupture, engaged.rupture("MARTIN"))
            .await;
        assert!(
            matches!(filed.outcome, Outcome::Lost(_)),
            "{opco} {filed:?}"
        );
        assert!(
            matches!(engaged.by_state().await, Sighting::Found(_)),
            "{opco}"
        );
        engaged.odd(Odd::UnknownState, Scope::Detail);
        let told = engaged
            .detail()
            .await
            .cerfa
            .pointer("/contrat/dateRupture")
            .is_some();
        engaged.odd(Odd::UnknownState, Scope::Detail);
        let blind = matches!(engaged.by_state().await, Sighting::CouldNotTell(_));
        assert_ne!(told, blind, "{opco}");
    }
}

#[tokio::test]
async fn each_of_the_twelve_refusals_is_known_in_the_words_of_every_opco() {
    let world = World::start().await;
    for opco in Opco::ALL {
        let engaged = world.engaged(opco, "MARTIN").await;
        let body = engaged.facture("FA-1").await;
        for rejet in Rejet::ALL {
            let switch = Switch::new(Odd::Refusal).saying(rejet.as_str());
            let switch = switch.on(Scope::Factures).times(1);
            let handle = &world.running.handle;
            handle.add_fault(opco.slug(), switch).unwrap();
            let filed = engaged.hand(Piece::Facture, body.clone()).await;
            assert_eq!(filed.refus.known, [*rejet], "{opco} {filed:?}");
            assert_eq!(filed.refus.unknown, [], "{opco} {rejet}");
            let kind = match rejet {
                Rejet::FactureDejaConnue => FaultKind::Duplicate,
                _ => FaultKind::Rejected,
            };
            match filed.outcome {
                Outcome::Failed(fault) => assert_eq!(fault.kind, kind, "{opco} {rejet}"),
                other => panic!("{opco} {rejet} {other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn an_odd_list_of_invoices_is_never_an_absence() {
    let world = World::start().await;
    let opco = Opco::Opcommerce;
    let mut sent = Vec::new();
    let mut last = None;
    for (place, nom) in ["UN", "DEUX", "TROIS"].into_iter().enumerate() {
        let engaged = world.engaged(opco, nom).await;
        let body = engaged.facture(&format!("FA-{place}")).await;
        engaged.taken(Piece::Facture, body.clone()).await;
        sent.push(facture_of(&body));
        last = Some(engaged);
    }
    let engaged = last.unwrap();
    let never = Facture {
        numero: Some("FA-9".to_owned()),
        ..sent[0].clone()
    };
    assert_eq!(engaged.by_states(&never, &[]).await, Sighting::Absent);
    let (transport, profile, identity) = engaged.way();
    let all = factures_all((transport, profile, &identity)).await.unwrap();
    assert_eq!((all.items.len(), all.complete), (3, true));

    let handle = &world.running.handle;
    for odd in [
        Odd::RepeatedPage,
        Odd::Html,
        Odd::HalfWritten,
        Odd::EmptyBody,
        Odd::Redirect,
        Odd::DeepJson,
        Odd::Unavailable,
        Odd::LostAnswer,
    ] {
        let switch = Switch::new(odd).on(Scope::FacturesEtats);
        handle.add_fault(opco.slug(), switch).unwrap();
        let seen = engaged.by_states(&never, &[]).await;
        assert!(
            matches!(seen, Sighting::CouldNotTell(_)),
            "{odd:?} {seen:?}"
        );
        handle.clear_faults(opco.slug()).unwrap();
    }
    let wrapped = Switch::new(Odd::WrappedPage).on(Scope::FacturesEtats);
    handle.add_fault(opco.slug(), wrapped).unwrap();
    for facture in &sent {
        let seen = engaged.by_states(facture, &[]).await;
        assert!(matches!(seen, Sighting::Found(_)), "{seen:?}");
    }
    assert_eq!(engaged.by_states(&never, &[]).await, Sighting::Absent);
}

#[tokio::test]
async fn what_is_lost_of_a_piece_without_a_look_stays_lost() {
    let world = World::start().await;
    let opco = Opco::Uniformation;
    let engaged = world.engaged(opco, "MARTIN").await;
    let mut convention: Value = serde_json::from_slice(&sample("convention")).unwrap();
    convention["numeroInterneDossier"] = json!(engaged.numero);
    for odd in [
        Odd::LostAnswer,
        Odd::DropBeforeCommit,
        Odd::HalfWritten,
        Odd::EmptyBody,
        Odd::ServerError,
        Odd::DeepJson,
        Odd::HugeJson,
    ] {
        engaged.odd(odd, Scope::Conventions);
        let filed = engaged.hand(Piece::Convention, convention.clone()).await;
        assert!(
            matches!(filed.outcome, Outcome::Lost(_)),
            "{odd:?} {filed:?}"
        );
        assert!(!filed.file_unreadable);
    }
    for (switch, kind) in [
        (Switch::too_many_requests(Some(7)), FaultKind::Throttled),
        (Switch::new(Odd::Unavailable), FaultKind::Unavailable),
        (Switch::new(Odd::Redirect), FaultKind::Unreadable),
        (Switch::new(Odd::ExpiredKey), FaultKind::KeyRefused),
        (
            Switch::new(Odd::Html).with_status(400),
            FaultKind::Unreadable,
        ),
    ] {
        let handle = &world.running.handle;
        let switch = switch.on(Scope::Conventions).times(1);
        handle.add_fault(opco.slug(), switch).unwrap();
        let filed = engaged.hand(Piece::Convention, convention.clone()).await;
        match filed.outcome {
            Outcome::Failed(fault) => assert_eq!(fault.kind, kind),
            other => panic!("{kind} {other:?}"),
        }
    }
    // An expired token is replaced, and the file goes a second time.
    engaged.odd(Odd::ExpiredToken, Scope::Conventions);
    engaged.taken(Piece::Convention, convention).await;
}

#[tokio::test]
async fn a_flow_that_is_closed_says_so_before_and_after_it_is_called() {
    let world = World::start().await;
    let engaged = world.engaged(Opco::Constructys, "MARTIN").await;
    let close = Overrides::default().with(Capability::Rupture, Openness::Developpement);
    let handle = &world.running.handle;
    handle.configure("constructys", &close).unwrap();
    let filed = engaged
        .hand(Piece::Rupture, engaged.rupture("MARTIN"))
        .await;
    match filed.outcome {
        Outcome::Failed(fault) => assert_eq!(fault.kind, FaultKind::NotSupported),
        other => panic!("{other:?}"),
    }
    let seed = opco::Seed::shipped().unwrap();
    let way = choose_way(
        &seed.of(Opco::Constructys),
        Environment::Live,
        Kind::Rupture,
    );
    assert_eq!(
        way.unwrap_err().to_string(),
        "rupture is not open (unknown)"
    );
}
