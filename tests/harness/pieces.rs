//! What follows a contract, as an ERP sends it, and the files that go with it.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::erp::{Answer, Erp};
use crate::payload::Contract;

/// A training agreement as an ERP sends it.
const CONVENTION: &str = include_str!("../../connectors/simulator/tests/samples/convention.json");
/// Between the parts of a body. Not the same each time: what counts is what they hold.
const BOUNDARIES: [&str; 2] = ["limite-des-parties", "une-autre-limite"];

/// A payload and its file.
#[derive(Debug, Clone)]
pub struct Piece {
    /// The door: `conventions`, `documents`, `certificats`, `factures`.
    pub door: &'static str,
    /// The part that holds the payload.
    pub part: &'static str,
    /// The payload.
    pub json: Value,
    /// The file's name and its bytes.
    pub file: Option<(String, Vec<u8>)>,
}

/// How a payload travels with its file.
#[derive(Debug, Clone, Copy)]
pub enum Form {
    /// Parts.
    Multipart,
    /// The same parts in the other order, between other boundaries.
    Turned,
    /// The file in base64 in the JSON.
    Base64,
}

/// Makes the training agreement of a contract, with a PDF, and without the contract's number.
pub fn convention(contract: &Contract) -> Piece {
    let mut json: Value = serde_json::from_str(CONVENTION).unwrap();
    json.as_object_mut().unwrap().remove("numeroInterneDossier");
    for (place, of) in [
        ("/employeur/siret", "/cerfa/employeur/siret"),
        ("/apprenti/nom", "/cerfa/apprenti/nom"),
        ("/apprenti/prenom", "/cerfa/apprenti/prenom"),
        (
            "/contrat/dateDebutContrat",
            "/cerfa/contrat/dateDebutContrat",
        ),
        ("/contrat/dateFinContrat", "/cerfa/contrat/dateFinContrat"),
        (
            "/organismeFormation/siret",
            "/cerfa/organismeFormation/siret",
        ),
        (
            "/formation/dateDebutFormation",
            "/cerfa/formation/dateDebutFormation",
        ),
        (
            "/formation/dateFinFormation",
            "/cerfa/formation/dateFinFormation",
        ),
    ] {
        *json.pointer_mut(place).expect(place) = json!(contract.text(of));
    }
    Piece {
        door: "conventions",
        part: "convention",
        json,
        file: Some(("Convention signée.pdf".to_owned(), pdf(40_000))),
    }
}

/// Makes a document of a contract, with a PDF.
pub fn document(genre: &str) -> Piece {
    Piece {
        door: "documents",
        part: "infosFichier",
        json: json!({
            "typeFichier": genre,
            "objets": [{"typeObjet": "DOSSIER_APPRENTISSAGE"}],
        }),
        file: Some(("document.pdf".to_owned(), pdf(20_000))),
    }
}

/// An account with its key, the one the simulator knows.
const IBAN: &str = "FR7699999999990000000000153";

/// Makes an invoice of one échéance of a contract, with a PDF; amounts in cents.
pub fn facture(contract: &Contract, numero: &str, (echeance, cents): (i64, i64)) -> Piece {
    let euros = cents.to_string();
    let (whole, rest) = euros.split_at(euros.len().saturating_sub(2));
    let montant: Value = serde_json::from_str(&format!("{whole}.{rest}")).unwrap();
    Piece {
        door: "factures",
        part: "facture",
        json: json!({
            "numero": numero,
            "dateEmission": "2026-09-02T00:00:00+00:00",
            "montantTotal": montant,
            "ibanEmetteur": IBAN,
            "siretEmetteur": contract.text("/cerfa/organismeFormation/siret"),
            "estCertificatRealisation": true,
            "lignes": [{
                "montant": montant, "natureLigne": "PEDAGOGIE", "quantite": 1,
                "numeroEcheance": echeance,
            }],
        }),
        file: Some((format!("{numero}.pdf"), pdf(10_000))),
    }
}

/// Makes a certificate of the first day of a contract, without a file.
pub fn certificat(contract: &Contract) -> Piece {
    let of = |pointer: &str| contract.body.pointer(pointer).unwrap().clone();
    let json = json!({
        "typeCertificat": "Intermediaire",
        "dateSignature": "2026-09-02",
        "lieuSignatureContrat": "Saint-Denis",
        "representantLegal": {"nom": "DURAND", "prenom": "Zoé", "qualite": "Directrice"},
        "attestationConservationPieces": true,
        "natureAction": "Formation par apprentissage",
        "employeur": { "siret": of("/cerfa/employeur/siret") },
        "apprenti": { "nom": of("/cerfa/apprenti/nom"), "prenom": of("/cerfa/apprenti/prenom") },
        "organismeFormation": { "siret": of("/cerfa/organismeFormation/siret") },
        "echeance": {
            "numero": 1, "codification": "A1", "duree": 35,
            "dateDebut": "2026-09-01", "dateFin": "2026-09-01", "echeancePartielle": false,
        },
    });
    Piece {
        door: "certificats",
        part: "certificat",
        json,
        file: None,
    }
}

/// Makes the termination of a contract by common consent.
pub fn rupture(contract: &Contract) -> Value {
    let of = |pointer: &str| contract.body.pointer(pointer).unwrap().clone();
    json!({
        "employeur": { "siret": of("/cerfa/employeur/siret") },
        "apprenti": {
            "nom": of("/cerfa/apprenti/nom"),
            "prenom": of("/cerfa/apprenti/prenom"),
            "dateNaissance": of("/cerfa/apprenti/dateNaissance"),
        },
        "contrat": {
            "dateDebutContrat": of("/cerfa/contrat/dateDebutContrat"),
            "dateRupture": "2027-01-15T00:00:00+00:00",
        },
        "dateNotification": "2027-01-10T00:00:00+00:00",
        "motifRupture": "COMMUN_ACCORD",
        "organismeFormation": { "siret": of("/cerfa/organismeFormation/siret") },
    })
}

/// Returns every file under a folder, whole or in part.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    entries
        .map(|entry| entry.unwrap().path())
        .flat_map(|path| {
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

/// Makes a PDF of about so many bytes.
pub fn pdf(size: usize) -> Vec<u8> {
    let mut bytes = b"%PDF-1.7\n1 0 obj <<>> stream\n".to_vec();
    bytes.resize(size, b'x');
    bytes.extend(b"\nendstream endobj\ntrailer <<>>\nstartxref\n9\n%%EOF\n");
    bytes
}

impl Piece {
    /// Names the delivery of its contract.
    #[must_use]
    pub fn of(self, contract: &str) -> Self {
        self.with("livraison_contrat", json!(contract))
    }

    /// Sets a member.
    #[must_use]
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.json[name] = value;
        self
    }

    /// Gives it another file, or none.
    #[must_use]
    pub fn filed(mut self, file: Option<(&str, Vec<u8>)>) -> Self {
        self.file = file.map(|(name, bytes)| (name.to_owned(), bytes));
        self
    }

    /// Returns the type of the body and its bytes.
    pub fn body(&self, form: Form) -> (String, Vec<u8>) {
        let boundary = match form {
            Form::Base64 => return ("application/json".to_owned(), self.inline()),
            Form::Multipart => BOUNDARIES[0],
            Form::Turned => BOUNDARIES[1],
        };
        let mut parts = vec![part(self.part, "", self.json.to_string().as_bytes())];
        parts.extend(self.file.as_ref().map(|(name, bytes)| {
            let name = format!("; filename=\"{name}\"");
            part("fichier", &name, bytes)
        }));
        if matches!(form, Form::Turned) {
            parts.reverse();
        }
        let mut body = Vec::new();
        for part in parts {
            body.extend(format!("--{boundary}\r\n").as_bytes());
            body.extend(part);
        }
        body.extend(format!("--{boundary}--\r\n").as_bytes());
        (format!("multipart/form-data; boundary={boundary}"), body)
    }

    fn inline(&self) -> Vec<u8> {
        let mut json = self.json.clone();
        if let Some((name, bytes)) = &self.file {
            json["fichier"] = json!({"nom": name, "contenu": STANDARD.encode(bytes)});
        }
        json.to_string().into_bytes()
    }
}

fn part(name: &str, more: &str, bytes: &[u8]) -> Vec<u8> {
    let head = format!("content-disposition: form-data; name=\"{name}\"{more}\r\n\r\n");
    [head.as_bytes(), bytes, b"\r\n"].concat()
}

impl Erp {
    /// Hands a payload in at its door.
    pub async fn hand_in(&self, piece: &Piece, form: Form, headers: &[(&str, &str)]) -> Answer {
        let path = format!("/api/v1/{}", piece.door);
        self.carry(&path, piece, form, headers).await
    }

    /// The same; nothing when the gateway could not be reached.
    pub async fn try_hand_in(&self, piece: &Piece, form: Form, key: &str) -> Option<Answer> {
        let (kind, body) = piece.body(form);
        let headers = [("content-type", kind.as_str()), ("idempotency-key", key)];
        let path = format!("/api/v1/{}", piece.door);
        self.try_request(reqwest::Method::POST, &path, &headers, body)
            .await
    }

    /// Has a payload judged.
    pub async fn validate(&self, piece: &Piece, form: Form) -> Answer {
        let path = format!("/api/v1/validations/{}", piece.door);
        self.carry(&path, piece, form, &[]).await
    }

    async fn carry(
        &self,
        path: &str,
        piece: &Piece,
        form: Form,
        headers: &[(&str, &str)],
    ) -> Answer {
        let (kind, body) = piece.body(form);
        let mut all = vec![("content-type", kind.as_str())];
        all.extend_from_slice(headers);
        self.request(reqwest::Method::POST, path, &all, body).await
    }
}
