//! A simulator on a free port, a clock moved by hand, and a client of the norm.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use simulator::{
    Capability, Handle, Openness, Overrides, Running, SLUGS, Settings, Version, start,
};

use crate::proof;

/// 2026-11-21T12:00:00Z.
pub(crate) const START_MS: i64 = 1_795_262_400_000;
pub(crate) const KEY: &str = "cle-cfa-de-test-93000";
pub(crate) const SECRET: &str = "mot-de-passe-du-banc";

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub(crate) fn numero(&self) -> String {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()["numeroInterne"].as_str().unwrap().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// The simulator and its client.
pub(crate) struct Rig {
    pub(crate) running: Running,
    pub(crate) http: Client,
    pub(crate) hand: Arc<AtomicI64>,
    tokens: Mutex<HashMap<String, String>>,
}

impl Rig {
    pub(crate) async fn start() -> Self {
        Self::with(|_| ()).await
    }

    /// Starts with other settings. Both versions are open everywhere unless `change` closes them.
    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let hand = Arc::new(AtomicI64::new(START_MS));
        let source = Arc::clone(&hand);
        let mut settings = Settings {
            workers: 1,
            now: Arc::new(move || source.load(Ordering::Relaxed)),
            ..Settings::default()
        };
        for slug in SLUGS {
            settings.opcos.insert(slug.to_owned(), opened());
        }
        change(&mut settings);
        let running = start(settings).await.unwrap();
        let http = Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(10))
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self {
            running,
            http,
            hand,
            tokens: Mutex::default(),
        }
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.running.handle
    }

    pub(crate) fn tick(&self, ms: i64) {
        self.hand.fetch_add(ms, Ordering::Relaxed);
    }

    /// Asks for a token and keeps it.
    pub(crate) async fn token(&self, slug: &str) -> String {
        let known = self.tokens.lock().unwrap().get(slug).cloned();
        if let Some(token) = known {
            return token;
        }
        let reply = self.ask_token(slug, &[]).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let token = reply.json()["access_token"].as_str().unwrap().to_owned();
        self.tokens
            .lock()
            .unwrap()
            .insert(slug.to_owned(), token.clone());
        token
    }

    pub(crate) fn forget_tokens(&self) {
        self.tokens.lock().unwrap().clear();
    }

    /// Asks for a token with these fields over the usual ones.
    pub(crate) async fn ask_token(&self, slug: &str, fields: &[(&str, &str)]) -> Reply {
        let url = self.running.token_url(slug).unwrap();
        let mut form: HashMap<&str, &str> = HashMap::from([
            ("grant_type", "client_credentials"),
            ("client_id", "editeur"),
            ("client_secret", SECRET),
        ]);
        form.extend(fields.iter().copied());
        let mut request = self.http.post(&url).form(&form);
        if slug == "afdas" {
            request = request.header("DPoP", proof::without_key(&url, START_MS / 1_000));
        }
        send(request).await.unwrap()
    }

    /// Prepares a call with every header the norm asks for.
    pub(crate) async fn call(&self, method: Method, slug: &str, path: &str) -> RequestBuilder {
        let token = self.token(slug).await;
        self.bare(method, slug, path)
            .bearer_auth(token)
            .header("X-API-KEY", KEY)
            .header("EDITEUR", "Essais")
            .header("LOGICIEL", "Banc")
            .header("VERSION", "1.0.0")
    }

    /// Prepares a call without headers.
    pub(crate) fn bare(&self, method: Method, slug: &str, path: &str) -> RequestBuilder {
        let base = self.running.base_url(slug).unwrap();
        self.http.request(method, format!("{base}{path}"))
    }

    pub(crate) async fn get(&self, slug: &str, path: &str) -> Reply {
        send(self.call(Method::GET, slug, path).await)
            .await
            .unwrap()
    }

    pub(crate) async fn try_get(&self, slug: &str, path: &str) -> reqwest::Result<Reply> {
        send(self.call(Method::GET, slug, path).await).await
    }

    pub(crate) async fn file(&self, slug: &str, version: Version, body: &Value) -> Reply {
        self.try_file(slug, version, body).await.unwrap()
    }

    pub(crate) async fn try_file(
        &self,
        slug: &str,
        version: Version,
        body: &Value,
    ) -> reqwest::Result<Reply> {
        let path = match version {
            Version::V1 => "/v1/dossiers",
            Version::V2 => "/v2/dossiers",
        };
        send(self.call(Method::POST, slug, path).await.json(body)).await
    }

    /// Sends a part of JSON and a file.
    pub(crate) async fn send_piece(&self, slug: &str, piece: Piece) -> Reply {
        self.try_piece(slug, piece).await.unwrap()
    }

    pub(crate) async fn try_piece(&self, slug: &str, piece: Piece) -> reqwest::Result<Reply> {
        let call = self.call(Method::POST, slug, piece.path).await;
        send(call.multipart(piece.form())).await
    }

    /// Terminates a contract.
    pub(crate) async fn terminate(&self, slug: &str, body: &Value) -> Reply {
        let path = "/v2/dossiers/rupture/employeur";
        let call = self.call(Method::POST, slug, path).await;
        send(call.json(body)).await.unwrap()
    }

    /// Calls the control API.
    pub(crate) async fn control(&self, method: Method, path: &str, body: Option<Value>) -> Reply {
        let url = format!("http://{}/control{path}", self.running.address);
        let request = self.http.request(method, url);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        send(request).await.unwrap()
    }
}

pub(crate) async fn send(request: RequestBuilder) -> reqwest::Result<Reply> {
    let response = request.send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Ok(Reply {
        status,
        headers,
        text: response.text().await?,
    })
}

/// Returns settings with every route of contracts open.
pub(crate) fn opened() -> Overrides {
    Overrides::default()
        .with(Capability::DossiersV1, Openness::Production)
        .with(Capability::DossiersV2, Openness::Production)
        .with(Capability::Cfakeyinfo, Openness::Production)
}

pub(crate) fn dossier_v1() -> Value {
    serde_json::from_str(include_str!("../samples/dossier-v1.json")).unwrap()
}

pub(crate) fn dossier_v2() -> Value {
    serde_json::from_str(include_str!("../samples/dossier-v2.json")).unwrap()
}

/// A small PDF, as far as anyone looks.
pub(crate) const PDF: &[u8] = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n";

/// A part of JSON with its file.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    pub(crate) path: &'static str,
    pub(crate) name: &'static str,
    pub(crate) json: Value,
    pub(crate) file: Option<Vec<u8>>,
}

impl Piece {
    pub(crate) fn new(path: &'static str, name: &'static str, json: Value) -> Self {
        Self {
            path,
            name,
            json,
            file: Some(PDF.to_vec()),
        }
    }

    pub(crate) fn facture(json: Value) -> Self {
        Self::new("/v1/factures", "facture", json)
    }

    pub(crate) fn convention(json: Value) -> Self {
        Self::new("/v1/conventions", "convention", json)
    }

    pub(crate) fn document(json: Value) -> Self {
        Self::new("/v1/documents", "infosFichier", json)
    }

    pub(crate) fn certificat(json: Value) -> Self {
        Self::new("/v2/certificats", "certificat", json)
    }

    fn form(self) -> reqwest::multipart::Form {
        let form = reqwest::multipart::Form::new().text(self.name, self.json.to_string());
        match self.file {
            None => form,
            Some(bytes) => {
                let file = reqwest::multipart::Part::bytes(bytes).file_name("piece.pdf");
                form.part("fichier", file)
            }
        }
    }
}

/// Returns settings with everything open but what pays without being asked.
pub(crate) fn all_open() -> Overrides {
    [
        Capability::Factures,
        Capability::FacturesEtats,
        Capability::Conventions,
        Capability::Certificats,
        Capability::Documents,
        Capability::Rupture,
        Capability::Avenant,
        Capability::MultiEcheances,
        Capability::MultiContrats,
        Capability::Avoir,
    ]
    .into_iter()
    .fold(opened(), |open, one| open.with(one, Openness::Recette))
}

/// A contract that is engaged, and what one needs to invoice it.
#[derive(Debug, Clone)]
pub(crate) struct Engaged {
    pub(crate) numero: String,
    pub(crate) externe: String,
    pub(crate) deca: String,
}

impl Engaged {
    /// Files a contract and waits, on the virtual clock, until it is engaged.
    pub(crate) async fn at(rig: &Rig, slug: &str, nom: &str) -> Self {
        let numero = rig.file(slug, Version::V1, &dossier_of(nom)).await.numero();
        rig.handle().move_clock(60_000, None);
        let views = rig.handle().dossiers(slug, 0, 1_000).unwrap();
        let view = views.iter().find(|one| one.numero_interne == numero);
        let view = view.unwrap();
        Self {
            externe: view.numero_externe.clone(),
            deca: view.numero_deca.clone().unwrap(),
            numero,
        }
    }

    /// Returns a line of an invoice.
    pub(crate) fn line(&self, nature: &str, echeance: u32, euros: f64) -> Value {
        json!({
            "montant": euros,
            "natureLigne": nature,
            "quantite": 1,
            "numeroEcheance": echeance,
            "codificationEcheance": format!("A{echeance}"),
            "numeroDeca": self.deca,
            "numeroDossier": self.externe,
        })
    }

    /// Reads the dossier whole.
    pub(crate) async fn detail(&self, rig: &Rig, slug: &str) -> Value {
        let path = format!("/v1/dossiers?numeroInterne={}", self.numero);
        rig.get(slug, &path).await.json()
    }
}

/// Returns an invoice of these lines.
pub(crate) fn invoice(numero: &str, lines: &[Value]) -> Value {
    let cents = |line: &Value| (line["montant"].as_f64().unwrap() * 100.0).round();
    let total: f64 = lines.iter().map(cents).sum();
    json!({
        "numero": numero,
        "dateEmission": "2026-11-21T00:00:00+00:00",
        "montantTotal": total / 100.0,
        "ibanEmetteur": "FR7699999999990000000000153",
        "siretEmetteur": "98765432400019",
        "estCertificatRealisation": true,
        "lignes": lines,
    })
}

/// Returns the agreement of a contract.
pub(crate) fn convention_of(engaged: &Engaged, nom: &str) -> Value {
    let mut body: Value = serde_json::from_str(include_str!("../samples/convention.json")).unwrap();
    body["numeroInterneDossier"] = json!(engaged.numero);
    body["apprenti"]["nom"] = json!(nom);
    body
}

/// Returns the termination of a contract.
pub(crate) fn rupture_of(engaged: &Engaged, nom: &str, day: &str) -> Value {
    let mut body: Value = serde_json::from_str(include_str!("../samples/rupture-v2.json")).unwrap();
    body["numeroInterneDossier"] = json!(engaged.numero);
    body["numeroExterneDossier"] = json!(engaged.externe);
    body["numeroDeca"] = json!(engaged.deca);
    body["apprenti"]["nom"] = json!(nom);
    body["contrat"]["dateRupture"] = json!(format!("{day}T00:00:00+00:00"));
    body
}

/// Returns the structured certificate of an échéance.
pub(crate) fn certificat_of(engaged: &Engaged, echeance: u32) -> Value {
    let mut body: Value =
        serde_json::from_str(include_str!("../samples/certificat-v2.json")).unwrap();
    body["numeroInterneDossier"] = json!(engaged.numero);
    body.as_object_mut().unwrap().remove("numeroInterneFacture");
    body["echeance"] = json!({"numero": echeance, "codification": format!("A{echeance}")});
    body
}

/// Returns the sample with another apprentice's name.
pub(crate) fn dossier_of(nom: &str) -> Value {
    let mut body = dossier_v1();
    body["cerfa"]["apprenti"]["nom"] = json!(nom);
    body
}

/// A file of this test alone, removed with it.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let rank = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("simulator-{}-{rank}-{name}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    pub(crate) fn text(&self) -> String {
        std::fs::read_to_string(&self.0).unwrap_or_default()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Absent when the test never wrote it.
        let _absent = std::fs::remove_file(&self.0);
    }
}
