//! A contract reaches the right OPCO, in the version it takes, once.

use domain::{Capability, Opco};
use harness::payload::contract;
use harness::{network, on_both};
use simulator::Version;

on_both! {
    async fn a_contract_is_delivered_in_the_version_the_opco_takes(scene) {
        for (seed, opco, wire, word) in [
            (1, Opco::Afdas, Version::V1, "v1"),
            (2, Opco::Akto, Version::V2, "v2"),
        ] {
            let contract = contract(seed).to(opco);
            let answer = scene.erp.send(&contract).await;
            let accepted = answer.expect(202);
            let id = harness::erp::id(&accepted);
            assert_eq!(answer.header("location").unwrap(), format!("/api/v1/deliveries/{id}"));
            assert_eq!(accepted["opco"], opco.slug());
            let delivered = scene.erp.until_delivered(&id).await;
            let taken = scene.opcos.taken(opco, &contract);
            assert_eq!(taken.len(), 1);
            assert_eq!(taken[0].version, wire);
            assert_eq!(delivered["version"], word);
            assert_eq!(delivered["numero_interne"], taken[0].numero_interne.as_str());
            assert_eq!(delivered["attempt_count"], 1);
            assert_eq!(delivered["attempts"][0]["outcome"], "taken");
        }
        assert_eq!(scene.opcos.total(), 2);
    }

    async fn each_opco_gets_its_contract_and_the_closed_flow_waits_for_a_switch(scene) {
        let mut sent = Vec::new();
        for (seed, opco) in (10..).zip(Opco::ALL) {
            let contract = contract(seed).to(opco);
            sent.push((scene.erp.submit(&contract).await, opco, contract));
        }
        for (id, opco, contract) in &sent {
            if *opco == Opco::OpcoSante {
                scene.erp.until_held(id, "flow_not_open").await;
                assert!(scene.opcos.taken(*opco, contract).is_empty());
            } else {
                scene.erp.until_delivered(id).await;
                assert_eq!(scene.opcos.taken(*opco, contract).len(), 1, "{opco}");
            }
        }
        let (id, _, contract) = sent.iter().find(|(_, opco, _)| *opco == Opco::OpcoSante).unwrap();
        scene.opcos.open(Opco::OpcoSante, simulator::Capability::DossiersV1);
        network::switch(&scene.store, Opco::OpcoSante, Capability::DossiersV1, scene.now()).await;
        scene.erp.until_delivered(id).await;
        assert_eq!(scene.opcos.taken(Opco::OpcoSante, contract).len(), 1);
    }

    async fn the_reference_table_wins_over_what_the_sender_names(scene) {
        // A real line of the sample of the public table: AKTO.
        let contract = contract(30)
            .with("/cerfa/employeur/siret", "10325446200015".into())
            .to(Opco::Atlas);
        let accepted = scene.erp.send(&contract).await.expect(202);
        assert_eq!(accepted["opco"], "akto");
        assert_eq!(accepted["route"]["source"], "siro_siret");
        scene.erp.until_delivered(&harness::erp::id(&accepted)).await;
        assert_eq!(scene.opcos.taken(Opco::Akto, &contract).len(), 1);
    }
}
