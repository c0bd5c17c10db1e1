//! Whole exchanges with the simulator, which was written from the norm alone and shares no type of
//! ours: a misreading of one side shows as a misunderstanding.

use std::sync::Arc;

use domain::clock::SystemClock;
use domain::{Etat, Fault, FaultKind, NormVersion, Opco, Outcome, Receipt};
use opco::{Answer, DossierDetail, Etats, Operation, Profile, Settings, Transport, exchange};
use serde_json::json;
use simulator::{
    Capability, Duplicates, Fault as Switch, FaultKind as Kind, Openness, Overrides, Running, Scope,
};

use crate::bench::{contract, detail, filing, identity};
use crate::walked::{etats_all, file};

const VERSIONS: [NormVersion; 2] = [NormVersion::V1, NormVersion::V2];

/// A simulator where every contract flow is open, and a way to it.
struct Bench {
    running: Running,
    transport: Transport,
}

impl Bench {
    async fn start() -> Self {
        let everything = Overrides {
            capabilities: [
                Capability::DossiersV1,
                Capability::DossiersV2,
                Capability::Cfakeyinfo,
            ]
            .map(|capability| (capability, Openness::Production))
            .into(),
            no_rate_limit: true,
            page_size: Some(2),
            ..Overrides::default()
        };
        let opcos = Opco::ALL
            .map(|opco| (opco.slug().to_owned(), everything.clone()))
            .into();
        // The simulator runs on the machine's time, and AFDAS' proofs must be of the same minute.
        let transport = Transport::new(Arc::new(SystemClock), &Settings::default()).unwrap();
        let settings = simulator::Settings {
            opcos,
            ..simulator::Settings::default()
        };
        Self {
            running: simulator::start(settings).await.unwrap(),
            transport,
        }
    }

    fn profile(&self, opco: Opco) -> Profile {
        let shipped = Profile::shipped(opco).unwrap();
        let origin = format!("http://{}", self.running.address);
        Profile {
            timeout_ms: 10_000,
            ..shipped.rehosted(&origin).unwrap()
        }
    }

    fn switch(&self, opco: Opco, fault: Switch) {
        self.running.handle.clear_faults(opco.slug()).unwrap();
        self.running.handle.add_fault(opco.slug(), fault).unwrap();
    }

    async fn file(&self, opco: Opco, operation: &Operation) -> Outcome {
        file(&self.transport, &self.profile(opco), &identity(), operation).await
    }

    async fn taken(&self, opco: Opco, operation: &Operation) -> Receipt {
        match self.file(opco, operation).await {
            Outcome::Taken(receipt) => receipt,
            other => panic!("{opco} {other:?}"),
        }
    }

    async fn read(&self, opco: Opco, operation: &Operation) -> Result<Answer, Fault> {
        exchange(&self.transport, &self.profile(opco), &identity(), operation).await
    }

    async fn etats(&self, opco: Opco, version: NormVersion) -> Result<Etats, Fault> {
        let profile = self.profile(opco);
        etats_all((&self.transport, &profile, &identity()), version).await
    }

    async fn detail(&self, opco: Opco, version: NormVersion, numero: &str) -> DossierDetail {
        let operation = Operation::Detail {
            version,
            numero_interne: numero.to_owned(),
        };
        match self.read(opco, &operation).await {
            Ok(Answer::Detail(detail)) => *detail,
            other => panic!("{opco} {other:?}"),
        }
    }
}

/// One contract after another, told apart by the apprentice's name.
fn another(version: NormVersion, name: &str) -> Operation {
    let mut dossier = contract("dossier-v1");
    *dossier.pointer_mut("/cerfa/apprenti/nom").unwrap() = json!(name);
    Operation::FileDossier { version, dossier }
}

#[tokio::test]
async fn a_contract_goes_and_its_state_comes_back_at_every_opco_in_both_versions() {
    let bench = Bench::start().await;
    for opco in Opco::ALL {
        for version in VERSIONS {
            let sent = filing(version);
            let numero = bench.taken(opco, &sent).await.numero_interne.unwrap();
            let etats = bench.etats(opco, version).await.unwrap();
            assert!(etats.complete, "{opco}");
            let found = etats
                .items
                .iter()
                .find(|item| item.numero_interne == numero)
                .unwrap();
            assert!(found.etat.is_some(), "{opco} {found:?}");
            let detail = bench.detail(opco, version, &numero).await;
            assert_eq!(
                detail.numeros.numero_interne.as_deref(),
                Some(numero.as_str())
            );
            assert!(detail.oddities.is_empty(), "{opco} {:?}", detail.oddities);
            let Operation::FileDossier { dossier, .. } = &sent else {
                panic!("{sent:?}")
            };
            let own = |path| {
                dossier
                    .pointer(path)
                    .and_then(|value| value.as_str())
                    .unwrap()
            };
            let pairing = detail.pairing().unwrap();
            assert_eq!(pairing.nom, own("/cerfa/apprenti/nom"));
            assert_eq!(
                pairing.siret_employeur.as_str(),
                own("/cerfa/employeur/siret")
            );
        }
    }
}

#[tokio::test]
async fn a_double_and_an_unknown_dossier_are_understood_at_every_opco() {
    let bench = Bench::start().await;
    for opco in Opco::ALL {
        for (duplicates, name) in [
            (Duplicates::Refuse, "PREMIER"),
            (Duplicates::RefuseAsBadRequest, "SECOND"),
        ] {
            let overrides = Overrides {
                duplicates: Some(duplicates),
                ..Overrides::default()
            };
            bench
                .running
                .handle
                .configure(opco.slug(), &overrides)
                .unwrap();
            let sent = another(NormVersion::V1, name);
            bench.taken(opco, &sent).await;
            match bench.file(opco, &sent).await {
                Outcome::Failed(fault) => {
                    assert_eq!(fault.kind, FaultKind::Duplicate, "{opco} {fault:?}");
                }
                other => panic!("{opco} {other:?}"),
            }
        }
        let fault = bench
            .read(opco, &detail(NormVersion::V1))
            .await
            .unwrap_err();
        assert_eq!(fault.kind, FaultKind::NotFound, "{opco} {fault:?}");
    }
}

#[tokio::test]
async fn a_contract_refused_comes_with_the_opcos_words_at_every_opco() {
    let bench = Bench::start().await;
    for opco in Opco::ALL {
        let Operation::FileDossier {
            mut dossier,
            version,
        } = filing(NormVersion::V1)
        else {
            panic!()
        };
        dossier
            .pointer_mut("/cerfa/apprenti")
            .unwrap()
            .as_object_mut()
            .unwrap()
            .remove("nir");
        match bench
            .file(opco, &Operation::FileDossier { version, dossier })
            .await
        {
            Outcome::Failed(fault) => {
                assert_eq!(fault.kind, FaultKind::Rejected, "{opco} {fault:?}");
                assert!(!fault.items.is_empty(), "{opco} {fault:?}");
            }
            other => panic!("{opco} {other:?}"),
        }
    }
}

#[tokio::test]
async fn health_lists_and_keys_are_read_at_every_opco() {
    let bench = Bench::start().await;
    for opco in Opco::ALL {
        assert!(matches!(
            bench.read(opco, &Operation::Status).await,
            Ok(Answer::Status(_))
        ));
        let mut numeros = Vec::new();
        for name in ["UN", "DEUX"] {
            let receipt = bench.taken(opco, &another(NormVersion::V1, name)).await;
            numeros.push(receipt.numero_interne.unwrap());
        }
        match bench.read(opco, &Operation::Liste { numeros }).await {
            Ok(Answer::Liste(details)) => assert_eq!(details.len(), 2, "{opco}"),
            other => panic!("{opco} {other:?}"),
        }
        let key_info = Operation::KeyInfo {
            siren: "987654324".parse().unwrap(),
        };
        match bench.read(opco, &key_info).await {
            Ok(Answer::KeyInfo(info)) => assert!(info.known, "{opco} {info:?}"),
            other => panic!("{opco} {other:?}"),
        }
    }
}

#[tokio::test]
async fn every_fault_of_a_filing_ends_in_the_outcome_it_should() {
    let bench = Bench::start().await;
    let opco = Opco::Akto;
    let html = |status| Switch::new(Kind::Html).with_status(status);
    let lost = [
        Switch::new(Kind::LostAnswer),
        Switch::new(Kind::DropBeforeCommit),
        Switch::new(Kind::ServerError),
        Switch::new(Kind::HalfWritten),
        Switch::new(Kind::EmptyBody),
        Switch::new(Kind::DeepJson),
        Switch::new(Kind::HugeJson),
        html(200),
        html(502),
    ];
    for (place, fault) in lost.into_iter().enumerate() {
        let said = format!("{fault:?}");
        bench.switch(opco, fault.on(Scope::Dossiers));
        let outcome = bench
            .file(opco, &another(NormVersion::V1, &format!("PERDU{place}")))
            .await;
        assert!(matches!(outcome, Outcome::Lost(_)), "{said} {outcome:?}");
    }
    let failed = [
        (Switch::too_many_requests(Some(7)), FaultKind::Throttled),
        (Switch::new(Kind::Unavailable), FaultKind::Unavailable),
        (Switch::new(Kind::Redirect), FaultKind::Unreadable),
        (Switch::new(Kind::ExpiredKey), FaultKind::KeyRefused),
        (html(400), FaultKind::Unreadable),
    ];
    for (fault, kind) in failed {
        let said = format!("{fault:?}");
        bench.switch(opco, fault.on(Scope::Dossiers));
        match bench.file(opco, &another(NormVersion::V1, "REFUS")).await {
            Outcome::Failed(fault) => assert_eq!(fault.kind, kind, "{said}"),
            other => panic!("{said} {other:?}"),
        }
    }
    // A token that expired is replaced without anyone noticing.
    bench.switch(
        opco,
        Switch::new(Kind::ExpiredToken).on(Scope::Dossiers).times(1),
    );
    bench.taken(opco, &another(NormVersion::V1, "REJOUE")).await;
}

#[tokio::test]
async fn a_lost_answer_is_found_by_looking() {
    let bench = Bench::start().await;
    let opco = Opco::OpcoMobilites;
    for version in VERSIONS {
        let sent = another(version, version.as_str());
        bench.switch(opco, Switch::new(Kind::LostAnswer).times(1));
        assert!(matches!(bench.file(opco, &sent).await, Outcome::Lost(_)));
        let etats = bench.etats(opco, version).await.unwrap();
        let newest = etats.items.last().unwrap();
        assert_eq!(newest.etat, Some(Etat::Transmis));
        let detail = bench.detail(opco, version, &newest.numero_interne).await;
        assert_eq!(detail.pairing().unwrap().nom, version.as_str());
    }
}

#[tokio::test]
async fn every_oddity_of_a_list_is_survived() {
    let bench = Bench::start().await;
    let opco = Opco::Ocapiat;
    for name in ["UN", "DEUX", "TROIS"] {
        bench.taken(opco, &another(NormVersion::V2, name)).await;
    }
    let version = NormVersion::V2;
    let whole = bench.etats(opco, version).await.unwrap();
    assert_eq!((whole.items.len(), whole.complete), (3, true));
    bench.switch(opco, Switch::new(Kind::WrappedPage));
    assert_eq!(bench.etats(opco, version).await.unwrap(), whole);
    bench.switch(opco, Switch::new(Kind::RepeatedPage));
    assert_eq!(
        bench.etats(opco, version).await.unwrap_err().kind,
        FaultKind::Unreadable
    );
    bench.switch(opco, Switch::new(Kind::EmptyList));
    assert!(bench.etats(opco, version).await.unwrap().items.is_empty());
    bench.switch(opco, Switch::new(Kind::UnknownState));
    for item in bench.etats(opco, version).await.unwrap().items {
        assert_eq!(
            (item.etat, item.etat_brut.as_deref()),
            (None, Some("EN_ATTENTE_PIECES"))
        );
    }
    let suffixed = Overrides {
        v2_suffix: Some(true),
        ..Overrides::default()
    };
    bench.running.handle.clear_faults(opco.slug()).unwrap();
    bench
        .running
        .handle
        .configure(opco.slug(), &suffixed)
        .unwrap();
    let numero = &whole.items.first().unwrap().numero_interne;
    assert_eq!(
        bench
            .detail(opco, version, numero)
            .await
            .pairing()
            .unwrap()
            .nom,
        "UN"
    );
}

#[tokio::test]
async fn an_opco_that_is_down_takes_nothing() {
    let bench = Bench::start().await;
    for (opco, close) in [(Opco::Atlas, false), (Opco::Afdas, true)] {
        bench.switch(
            opco,
            Switch {
                close,
                ..Switch::new(Kind::Down)
            },
        );
        match bench.file(opco, &filing(NormVersion::V1)).await {
            Outcome::Failed(fault) => assert_eq!(fault.kind, FaultKind::Unavailable, "{opco}"),
            other => panic!("{opco} {other:?}"),
        }
        bench.running.handle.clear_faults(opco.slug()).unwrap();
        bench.taken(opco, &filing(NormVersion::V1)).await;
    }
}
