//! The simulator with every flow open, and a contract that is engaged there.

use std::sync::Arc;

use domain::payload::Facture;
use domain::{NormVersion, Opco, Outcome};
use opco::{
    Answer, Billed, DossierDetail, Filed, Identity, Operation, Piece, Profile, Settings, Sighting,
    Transport, exchange, facture_listed, facture_moved, hand_over, look_at_dossier,
};
use serde_json::{Value, json};
use simulator::{
    Capability, Etat, Fault as Switch, FaultKind as Odd, Openness, Overrides, Running, Scope,
    StateOrder,
};

use crate::bench::{self, contract, identity, pdf, sample};
use crate::walked::factures_all;

const V1: NormVersion = NormVersion::V1;
const V2: NormVersion = NormVersion::V2;

/// Every OPCO with every flow open, at the hour of our own clock.
pub(crate) struct World {
    pub(crate) running: Running,
    transport: Transport,
}

/// A contract that is engaged at an OPCO.
pub(crate) struct Engaged<'a> {
    world: &'a World,
    opco: Opco,
    profile: Profile,
    pub(crate) numero: String,
    externe: String,
}

impl World {
    pub(crate) async fn start() -> Self {
        use domain::Clock as _;
        let open = [
            Capability::DossiersV1,
            Capability::DossiersV2,
            Capability::Factures,
            Capability::FacturesEtats,
            Capability::Conventions,
            Capability::Certificats,
            Capability::Documents,
            Capability::Rupture,
        ];
        let overrides = Overrides {
            capabilities: open.map(|one| (one, Openness::Production)).into(),
            no_rate_limit: true,
            page_size: Some(2),
            ..Overrides::default()
        };
        let clock = bench::clock();
        let now = clock.now().as_millisecond();
        let settings = simulator::Settings {
            now: Arc::new(move || now),
            opcos: Opco::ALL
                .map(|opco| (opco.slug().to_owned(), overrides.clone()))
                .into(),
            ..simulator::Settings::default()
        };
        Self {
            running: simulator::start(settings).await.unwrap(),
            transport: Transport::new(clock, &Settings::default()).unwrap(),
        }
    }

    pub(crate) async fn engaged(&self, opco: Opco, nom: &str) -> Engaged<'_> {
        let origin = format!("http://{}", self.running.address);
        let profile = Profile {
            timeout_ms: 10_000,
            ..Profile::shipped(opco).unwrap().rehosted(&origin).unwrap()
        };
        let mut dossier = contract("dossier-v1");
        *dossier.pointer_mut("/cerfa/apprenti/nom").unwrap() = json!(nom);
        let operation = Operation::FileDossier {
            version: V1,
            dossier,
        };
        let filed = hand_over(&self.transport, &profile, &identity(), &operation).await;
        let Outcome::Taken(receipt) = filed.outcome else {
            panic!("{opco} {filed:?}")
        };
        let numero = receipt.numero_interne.unwrap();
        let handle = &self.running.handle;
        let order = StateOrder {
            force: true,
            ..StateOrder::new(Etat::Engage)
        };
        handle.set_state(opco.slug(), &numero, order).unwrap();
        handle.move_clock(60_000, None);
        Engaged {
            world: self,
            opco,
            profile,
            numero,
            externe: receipt.numero_externe.unwrap(),
        }
    }
}

impl Engaged<'_> {
    pub(crate) fn way(&self) -> (&Transport, &Profile, Identity) {
        (&self.world.transport, &self.profile, identity())
    }

    pub(crate) fn odd(&self, kind: Odd, scope: Scope) {
        let switch = Switch::new(kind).on(scope).times(1);
        let handle = &self.world.running.handle;
        handle.add_fault(self.opco.slug(), switch).unwrap();
    }

    pub(crate) async fn detail(&self) -> DossierDetail {
        let operation = Operation::Detail {
            version: V2,
            numero_interne: self.numero.clone(),
        };
        let (transport, profile, identity) = self.way();
        match exchange(transport, profile, &identity, &operation).await {
            Ok(Answer::Detail(detail)) => *detail,
            other => panic!("{} {other:?}", self.opco),
        }
    }

    pub(crate) async fn hand(&self, piece: Piece, payload: Value) -> Filed {
        // As the gateway does: what is handed over went through the domain.
        let read = domain::payload::Payload::read(piece.kind(), payload.to_string().as_bytes());
        let operation = Operation::FilePiece {
            piece,
            payload: read.unwrap().payload.write(),
            fichier: (piece != Piece::Rupture).then(pdf),
        };
        let (transport, profile, identity) = self.way();
        hand_over(transport, profile, &identity, &operation).await
    }

    pub(crate) async fn taken(&self, piece: Piece, payload: Value) -> Filed {
        let filed = self.hand(piece, payload).await;
        let taken = matches!(filed.outcome, Outcome::Taken(_));
        assert!(taken, "{} {piece:?} {filed:?}", self.opco);
        filed
    }

    /// The invoice of the first échéance, as the schedule wants it.
    pub(crate) async fn facture(&self, numero: &str) -> Value {
        let detail = self.detail().await;
        let line = detail.echeancier.find(1).unwrap();
        let (tuition, _) = line.expected_cents();
        let amount = format!("{}.{:02}", tuition / 100, tuition % 100);
        let mut body: Value = serde_json::from_slice(&sample("facture-2-lignes")).unwrap();
        let only = json!({
            "montant": amount, "natureLigne": "PEDAGOGIE", "quantite": 1, "numeroEcheance": 1,
            "codificationEcheance": line.codification, "numeroDossier": self.externe,
            "numeroDeca": detail.numeros.numero_deca,
        });
        body["numero"] = json!(numero);
        body["dateEmission"] = json!("2026-11-21");
        body["montantTotal"] = json!(amount);
        body["lignes"] = json!([only]);
        body
    }

    pub(crate) fn rupture(&self, nom: &str) -> Value {
        let mut body: Value = serde_json::from_slice(&sample("rupture-v2")).unwrap();
        body["numeroInterneDossier"] = json!(self.numero);
        body["numeroExterneDossier"] = json!(self.externe);
        body.as_object_mut().unwrap().remove("numeroDeca");
        body["apprenti"]["nom"] = json!(nom);
        body
    }

    pub(crate) async fn by_states(&self, facture: &Facture, known: &[&str]) -> Sighting {
        let (transport, profile, identity) = self.way();
        match factures_all((transport, profile, &identity)).await {
            Ok(listed) => facture_listed(facture, &listed, known),
            Err(fault) => Sighting::CouldNotTell(fault),
        }
    }

    pub(crate) async fn by_schedule(&self, facture: &Facture, before: &Billed) -> Sighting {
        let (transport, profile, identity) = self.way();
        let operation = Operation::Detail {
            version: V1,
            numero_interne: before.numero_interne.clone(),
        };
        match exchange(transport, profile, &identity, &operation).await {
            Ok(Answer::Detail(detail)) => facture_moved(facture, &[(before, detail.echeancier)]),
            Ok(other) => panic!("{other:?}"),
            Err(fault) => Sighting::CouldNotTell(fault),
        }
    }

    pub(crate) async fn by_state(&self) -> Sighting {
        let (transport, profile, identity) = self.way();
        look_at_dossier((transport, profile, &identity), V2, &self.numero).await
    }

    pub(crate) async fn billed(&self) -> Billed {
        Billed {
            numero_interne: self.numero.clone(),
            numero_externe: self.externe.clone(),
            before: self.detail().await.echeancier,
        }
    }
}
