//! An apprentice of whom everything is held: contract, agreement with its file, certificate, invoice, the
//! dossier at the OPCO and its schedule; straight in the store, as the gateway leaves them.

use std::path::PathBuf;

use domain::etat::Etat;
use domain::id::{DeliveryId, DossierId, FileId, SnapshotId};
use domain::matching::{nir_text, person_text};
use domain::{Kind, Opco, Receipt, Secret, Status};
use futures_util::stream;
use harness::network::WORLD;
use harness::payload::{self, Contract, contract};
use serde_json::{Value, json};
use store::invoices::{self, NewInvoice, Told};
use store::settle::NewDossier;
use store::{
    Accepted, Bucket, Files, FilesConfig, Fingerprint, NewDelivery, NewEvent, Standing, deliveries,
    dossiers, schedules,
};

use super::Place;

/// What is held, and where.
pub(super) struct Apprentice {
    /// The contract as it was sent.
    pub(super) sent: Contract,
    pub(super) nir: String,
    pub(super) contract: DeliveryId,
    pub(super) agreement: DeliveryId,
    pub(super) certificate: DeliveryId,
    pub(super) invoice: DeliveryId,
    pub(super) dossier: DossierId,
    pub(super) file: FileId,
    /// What is in the file.
    pub(super) inside: String,
    /// The number of the dossier at the OPCO.
    pub(super) numero: String,
    /// Bytes by which each of these is opened or found; they lie in the database while it is held.
    pub(super) traces: Vec<(&'static str, Vec<u8>)>,
    /// The same of what is kept for the accounts.
    pub(super) kept: Vec<u8>,
}

impl Apprentice {
    /// Returns the fields by which a person looks for this one, names in capitals and without accents.
    pub(super) fn identity(&self) -> [(&'static str, String); 3] {
        [
            ("nom", self.sent.text("/cerfa/apprenti/nom").to_lowercase()),
            (
                "prenom",
                self.sent.text("/cerfa/apprenti/prenom").to_uppercase(),
            ),
            (
                "date_naissance",
                self.sent.text("/cerfa/apprenti/dateNaissance")[..10].to_owned(),
            ),
        ]
    }
}

/// Where the files of payloads are.
pub(super) fn files_folder(place: &Place) -> PathBuf {
    place.database.folder.join("files")
}

fn files(place: &Place) -> Files {
    let bucket: Option<Bucket> = None;
    let folder = files_folder(place);
    Files::open(&FilesConfig { folder, bucket }).unwrap()
}

/// Puts one into the network, with its dossier in this state at the OPCO.
pub(super) async fn apprentice(place: &Place, seed: u64, etat: Etat) -> Apprentice {
    with_nir(place, seed, etat, seed).await
}

/// The same, with the NIR of another seed.
pub(super) async fn with_nir(place: &Place, seed: u64, etat: Etat, nir: u64) -> Apprentice {
    let sent = contract(seed).of(place.network.sites[0]);
    held(place, (seed, sent), etat, nir).await
}

/// The same, of somebody whose names stand in each other's place.
pub(super) async fn resembling(place: &Place, seed: u64, nir: u64) -> Apprentice {
    let mut sent = contract(seed).of(place.network.sites[0]);
    let apprenti = &mut sent.body["cerfa"]["apprenti"];
    let (nom, prenom) = (apprenti["nom"].take(), apprenti["prenom"].take());
    (apprenti["nom"], apprenti["prenom"]) = (prenom, nom);
    held(place, (seed, sent), Etat::Solde, nir).await
}

async fn held(place: &Place, (seed, sent): (u64, Contract), etat: Etat, nir: u64) -> Apprentice {
    let keys = place.store.keys(place.network.tenant).await.unwrap();
    let mut body = sent.body.clone();
    let of = nir;
    let nir = payload::nir(of);
    body["cerfa"]["apprenti"]
        .as_object_mut()
        .unwrap()
        .remove("nir");
    body["cerfa"]["employeur"]["iban"] = json!("FR7612345678901234567890123");
    let birth = sent.text("/cerfa/apprenti/dateNaissance")[..10]
        .parse()
        .unwrap();
    let (nom, prenom) = (
        sent.text("/cerfa/apprenti/nom"),
        sent.text("/cerfa/apprenti/prenom"),
    );
    let name = keys.fingerprint("near-person", &person_text(nom, prenom, birth));
    let of_nir = keys.fingerprint("near-nir", &nir_text(&nir).unwrap());
    let pairing = keys.fingerprint("pairing", &format!("{seed} {of}"));
    let mut traces = vec![
        ("the name's fingerprint", name.0.to_vec()),
        ("the NIR's fingerprint", of_nir.0.to_vec()),
        ("the pairing key and the lane", pairing.0.to_vec()),
    ];
    let new = piece(place, Kind::Dossier, pairing, &body, Some(&nir)).await;
    let id = new.id;
    let new = NewDelivery {
        match_keys: [Some(of_nir), None, Some(name)],
        pairing: Some(pairing),
        ..new
    };
    traces.extend([
        ("the contract", new.sealed.body.clone()),
        ("its key", new.sealed.body_key.clone()),
        ("the NIR's key", new.sealed.nir_key.clone().unwrap()),
    ]);
    put(place, new).await;

    let (agreement, file, inside, key) = filed(place, &sent, (id, pairing), seed).await;
    traces.push(("the file's key", key));
    let (certificate, invoice, kept) = accounts(place, &sent, (id, pairing), of).await;
    traces.push(("the OPCO's words", words(of).into_bytes()));
    let (dossier, numero) = at_opco(place, id, pairing, etat, of).await;
    Apprentice {
        sent,
        nir,
        contract: id,
        agreement,
        certificate,
        invoice,
        dossier,
        file,
        inside,
        numero,
        traces,
        kept,
    }
}

/// Makes the agreement of a contract, with its file; returns both, what is in it, and the file's key.
async fn filed(
    place: &Place,
    sent: &Contract,
    (id, pairing): (DeliveryId, Fingerprint),
    seed: u64,
) -> (DeliveryId, FileId, String, Vec<u8>) {
    let keys = place.store.keys(place.network.tenant).await.unwrap();
    let (nom, prenom) = (
        sent.text("/cerfa/apprenti/nom"),
        sent.text("/cerfa/apprenti/prenom"),
    );
    let inside = format!("Fichier de l'apprenti {seed}");
    let pdf = format!(
        "%PDF-1.7\n1 0 obj <<>> stream\n{inside}\nendstream endobj\ntrailer <<>>\nstartxref\n9\n%%EOF\n"
    );
    let file = FileId::new(place.now());
    let received = files(place)
        .receive(
            &keys,
            file,
            stream::iter([Ok::<_, std::io::Error>(pdf.clone().into_bytes().into())]),
            1_000_000,
            Some("convention.pdf"),
        )
        .await
        .unwrap();
    let agreement = json!({"apprenti": {"nom": nom, "prenom": prenom}, "livraison_contrat": id});
    let mut new = piece(place, Kind::Convention, pairing, &agreement, None).await;
    new.files = vec![received.row("fichier")];
    let key = new.files[0].sealed.clone();
    let agreement = new.id;
    put(place, new).await;
    (agreement, file, inside, key)
}

/// Puts a document into the network that is about several, in the line of the first of them, or an invoice that bills
/// several and names none; with its file.
pub(super) async fn of_several(place: &Place, kind: Kind, people: &[&Apprentice]) -> DeliveryId {
    let tenant = place.network.tenant;
    let mut tx = place.store.reading().await.unwrap();
    let first = deliveries::find(&mut tx, tenant, people[0].contract).await;
    let lane = first.unwrap().unwrap().lane;
    drop(tx);
    let keys = place.store.keys(tenant).await.unwrap();
    let pdf = "%PDF-1.7\n1 0 obj <<>> stream\nLes deux\nendstream endobj\ntrailer <<>>\nstartxref\n9\n%%EOF\n";
    let received = files(place)
        .receive(
            &keys,
            FileId::new(place.now()),
            stream::iter([Ok::<_, std::io::Error>(pdf.into())]),
            1_000_000,
            Some("convention.pdf"),
        )
        .await
        .unwrap();
    let objets = people
        .iter()
        .map(|one| json!({"typeObjet": "DOSSIER_APPRENTISSAGE", "idObjet": one.numero}));
    let body = json!({
        "typeFichier": "CONVENTION_MOBILITE", "objets": objets.collect::<Vec<_>>(),
        "livraison_contrat": people[0].contract,
    });
    let contracts = people.iter().map(|one| one.contract.into()).collect();
    let mut new = if kind == Kind::Facture {
        let bill = json!({"numero": "F-2", "lignes": [{"montant": 10}, {"montant": 20}]});
        let lane = keys.fingerprint("lane", "facture 2");
        NewDelivery {
            invoice: Some(NewInvoice {
                siret_emetteur: place.network.sites[0],
                numero: "F-2".to_owned(),
                contracts,
            }),
            ..piece(place, kind, lane, &bill, None).await
        }
    } else {
        NewDelivery {
            about: contracts,
            ..piece(place, kind, lane, &body, None).await
        }
    };
    new.files = vec![received.row("fichier")];
    let id = new.id;
    put(place, new).await;
    id
}

/// Makes the certificate and the invoice of a contract; returns both, and the key of the invoice.
async fn accounts(
    place: &Place,
    sent: &Contract,
    (id, pairing): (DeliveryId, Fingerprint),
    of: u64,
) -> (DeliveryId, DeliveryId, Vec<u8>) {
    let keys = place.store.keys(place.network.tenant).await.unwrap();
    let mut sheet = harness::pieces::certificat(sent).json;
    sheet["livraison_contrat"] = json!(id);
    let new = piece(place, Kind::Certificat, pairing, &sheet, None).await;
    let certificate = new.id;
    put(place, new).await;

    let bill = harness::pieces::facture(sent, &format!("F-{of}"), (1, 100_000)).json;
    let lane = keys.fingerprint("lane", &format!("facture {of}"));
    let mut new = piece(place, Kind::Facture, lane, &bill, None).await;
    new.invoice = Some(NewInvoice {
        siret_emetteur: place.network.sites[0],
        numero: format!("F-{of}"),
        contracts: vec![id.into()],
    });
    let (invoice, kept) = (new.id, new.sealed.body_key.clone());
    put(place, new).await;
    let told = Told {
        commentaire: Some(words(of)),
        ..Told::default()
    };
    let mut tx = place.store.writing().await.unwrap();
    let tenant = place.network.tenant;
    invoices::tell(&mut tx, tenant, invoice, &told, place.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    (certificate, invoice, kept)
}

/// What the OPCO says of the invoice of one.
fn words(of: u64) -> String {
    format!("Vu avec la famille de l'apprenti {of} le 3 : à suivre")
}

/// Makes a delivery that is at its end.
async fn piece(
    place: &Place,
    kind: Kind,
    lane: Fingerprint,
    body: &Value,
    nir: Option<&str>,
) -> NewDelivery {
    let tenant = place.network.tenant;
    let keys = place.store.keys(tenant).await.unwrap();
    let now = place.now();
    let id = DeliveryId::new(now);
    let nir = nir.map(Secret::new);
    NewDelivery {
        tenant,
        id,
        environment: WORLD,
        kind,
        standing: Standing::ended(Status::Delivered),
        lane,
        opco: Some(Opco::Atlas),
        instance: 1,
        credential: None,
        siret_cfa: place.network.sites[0],
        siret_employeur: None,
        route_json: "{}".to_owned(),
        warnings_json: "[]".to_owned(),
        idempotency: None,
        pairing: None,
        match_keys: [None; 3],
        compared: true,
        sealed: keys
            .seal_payload(id, body.to_string().as_bytes(), nir.as_ref())
            .unwrap(),
        files: Vec::new(),
        invoice: None,
        about: Vec::new(),
        person: keys.fingerprint("person", "somebody"),
        rule_set: "essai".to_owned(),
        traceparent: None,
        version: None,
        mandate: None,
        created_at: now,
        event: NewEvent::new(now, "delivery.accepted")
            .delivery(id)
            .with(json!({
                "contract": body.get("livraison_contrat"),
            })),
        claim: None,
    }
}

/// Stores a delivery, and says when it ended.
async fn put(place: &Place, new: NewDelivery) {
    let (tenant, id) = (new.tenant, new.id);
    let stored = place.store.accept(&[new]).await.unwrap();
    assert_eq!(stored, [Accepted::Stored]);
    let mut tx = place.store.writing().await.unwrap();
    let found = deliveries::find_for_update(&mut tx, tenant, id).await;
    let event = NewEvent::new(place.now(), "delivery.delivered").delivery(id);
    deliveries::update(&mut tx, &found.unwrap().unwrap(), &event)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

/// Opens the dossier at the OPCO, with one reading of its schedule.
async fn at_opco(
    place: &Place,
    contract: DeliveryId,
    pairing: Fingerprint,
    etat: Etat,
    seed: u64,
) -> (DossierId, String) {
    let (tenant, now) = (place.network.tenant, place.now());
    let keys = place.store.keys(tenant).await.unwrap();
    let mut tx = place.store.writing().await.unwrap();
    let delivery = deliveries::find(&mut tx, tenant, contract)
        .await
        .unwrap()
        .unwrap();
    let numero = format!("77{seed:06}");
    let new = NewDossier {
        id: DossierId::new(now),
        pairing: Some(pairing),
        receipt: Receipt {
            numero_interne: Some(numero.clone()),
            etat: Some(etat.as_str().to_owned()),
            ..Receipt::default()
        },
    };
    dossiers::open(&mut tx, &delivery, &new, now).await.unwrap();
    let dossier = dossiers::find(&mut tx, tenant, new.id)
        .await
        .unwrap()
        .unwrap();
    schedules::hurry(&mut tx, &dossier, now).await.unwrap();
    let reading = SnapshotId::new(now);
    let text = Secret::new(json!({"echeances": [{"numeroEcheance": 1}]}).to_string());
    let sealed = keys
        .seal_secret(reading.as_bytes(), schedules::PART, &text)
        .unwrap();
    schedules::keep(&mut tx, tenant, new.id, (reading, &sealed), now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    (new.id, numero)
}
