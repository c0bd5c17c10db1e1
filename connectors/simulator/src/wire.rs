//! The door of the eleven OPCOs: one call from its first byte to its log line.

use std::cell::Cell;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::http::header::HeaderValue;
use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

use crate::answer::{Answer, Reply};
use crate::book::day_of;
use crate::etat::Version;
use crate::fault::{Fault, FaultKind, SLOWEST_MS, Scope, Stage};
use crate::identity::{Standing, fingerprint};
use crate::record::{self, RequestEntry};
use crate::refusal::Refusal;
use crate::settings::{Auth, Capability, OpcoSettings};
use crate::sim::{Desk, Sim};
use crate::target::Target;
use crate::{filing, reading, spoil, token};

/// The largest body read, in bytes.
const LARGEST_REQUEST: usize = 1024 * 1024;
/// The longest CFA key read, in bytes; real ones pass 1,000 (protocol §3.2).
const LONGEST_KEY: usize = 8 * 1024;

/// Everything one call can see.
pub(crate) struct Call<'a> {
    pub(crate) sim: &'a Sim,
    pub(crate) desk: &'a Desk,
    pub(crate) settings: Arc<OpcoSettings>,
    pub(crate) request: &'a HttpRequest,
    pub(crate) body: Bytes,
    pub(crate) target: Target,
    pub(crate) arrival_ms: i64,
    pub(crate) virtual_ms: i64,
    /// The number it is about, for the log.
    pub(crate) numero: Cell<Option<String>>,
    fault: Cell<Option<FaultKind>>,
    key: Cell<Option<Arc<str>>>,
    reasons: Cell<Option<Vec<String>>>,
}

/// Answers every path that begins with a slug.
pub(crate) async fn enter(
    request: HttpRequest,
    payload: web::Payload,
    sim: web::Data<Sim>,
) -> HttpResponse {
    let arrival_ms = sim.clock.source_ms();
    let virtual_ms = sim.clock.now_ms();
    let started = Instant::now();
    let path = request.path().to_ascii_lowercase();
    let mut parts = path.get(1..).unwrap_or("").splitn(2, '/');
    let slug = parts.next().unwrap_or("");
    let Some(desk) = sim.desk(slug) else {
        let text = format!(
            "Aucun OPCO à cette adresse ; connus : {}",
            crate::SLUGS.join(", ")
        );
        return Answer::Whole(Reply::json(404, &json!({"description": text}))).into_response();
    };
    let rest = path.get(1 + slug.len()..).unwrap_or("");
    let target = Target::read(desk.facts.family, request.method(), rest);
    let body = payload.to_bytes_limited(LARGEST_REQUEST).await;
    let mut call = Call {
        sim: &sim,
        desk,
        settings: desk.settings(),
        request: &request,
        body: Bytes::new(),
        target,
        arrival_ms,
        virtual_ms,
        numero: Cell::new(None),
        fault: Cell::new(None),
        key: Cell::new(None),
        reasons: Cell::new(None),
    };
    let answer = match body {
        Ok(Ok(body)) => {
            call.body = body;
            call.serve().await
        }
        Ok(Err(_)) => call.refuse(&Refusal::one(400, "REQUETE_ILLISIBLE", "Corps incomplet")),
        Err(_) => call.refuse(&Refusal::one(413, "REQUETE_ILLISIBLE", "Corps trop long")),
    };
    call.log(&answer, started.elapsed());
    answer.into_response()
}

impl Call<'_> {
    async fn serve(&self) -> Answer {
        let scope = self.target.scope();
        self.delay(scope, Stage::Arrival).await;
        if let Some(fault) = self.strike(scope, Stage::Arrival) {
            return self.spoilt(&fault, None).await;
        }
        if let Some(limit) = self.settings.rate_limit
            && scope != Scope::Token
            && let Err(seconds) = self.desk.permit(limit, self.arrival_ms)
        {
            let refusal = Refusal::one(429, "LIMITE_DEBIT", "Trop d'appels");
            return self.refuse(&refusal.retry_after(Some(seconds)));
        }
        match self.work().await {
            Err(refusal) => self.refuse(&refusal),
            Ok(reply) => {
                self.delay(scope, Stage::Answer).await;
                match self.strike(scope, Stage::Answer) {
                    Some(fault) => self.spoilt(&fault, Some(reply)).await,
                    None => Answer::Whole(reply),
                }
            }
        }
    }

    async fn delay(&self, scope: Scope, stage: Stage) {
        if let Some(ms) = self.desk.faults.claim_delay(scope, stage) {
            self.fault.set(Some(FaultKind::Slow));
            tokio::time::sleep(Duration::from_millis(ms)).await;
        }
    }

    fn strike(&self, scope: Scope, stage: Stage) -> Option<Fault> {
        let fault = self.desk.faults.claim(scope, stage)?;
        self.fault.set(Some(fault.kind));
        Some(fault)
    }

    /// Returns the parameters of a fault that belongs inside the work.
    pub(crate) fn within(&self, kind: FaultKind) -> Option<Fault> {
        let fault = self.desk.faults.within(self.target.scope(), kind)?;
        self.fault.set(Some(kind));
        Some(fault)
    }

    async fn spoilt(&self, fault: &Fault, reply: Option<Reply>) -> Answer {
        if fault.kind == FaultKind::Hang {
            tokio::time::sleep(Duration::from_millis(SLOWEST_MS)).await;
        }
        if fault.kind == FaultKind::Echo {
            return self.repeated(fault.status.unwrap_or(400));
        }
        match spoil::spoil(fault, self.desk.facts.slug, reply) {
            Ok(answer) => answer,
            Err(refusal) => self.refuse(&refusal),
        }
    }

    /// Refuses in words that repeat the call. They hold secrets and go to no log and no summary.
    fn repeated(&self, status: u16) -> Answer {
        let mut said = format!("{} {}", self.request.method(), self.request.uri());
        for (name, value) in self.request.headers() {
            let value = String::from_utf8_lossy(value.as_bytes());
            // Writing to a text cannot fail.
            let _ = write!(said, "\n{name}: {value}");
        }
        said.push_str("\n\n");
        said.push_str(&String::from_utf8_lossy(&self.body));
        let refusal = Refusal::one(status, "APPEL_REFUSE", said);
        Answer::Whole(refusal.write(self.desk.facts.errors, self.target.scope(), false))
    }

    fn refuse(&self, refusal: &Refusal) -> Answer {
        let pascal_case = self.within(FaultKind::PascalCaseErrors).is_some();
        self.reasons.set(Some(refusal.texts()));
        Answer::Whole(refusal.write(self.desk.facts.errors, self.target.scope(), pascal_case))
    }

    async fn work(&self) -> Result<Reply, Refusal> {
        let strict = self.sim.settings.strict;
        match self.target {
            Target::Token => token::issue(
                self.desk,
                &self.settings,
                self.request,
                &self.body,
                self.arrival_ms,
                strict,
            ),
            Target::Status => Ok(self.status()),
            Target::Nowhere => Err(Refusal::one(404, "ROUTE_INCONNUE", "Route inconnue")),
            Target::WrongMethod(allowed) => {
                let mut refusal = Refusal::one(405, "ROUTE_INCONNUE", "Méthode non admise");
                refusal.headers.push(("Allow", allowed.to_owned()));
                Err(refusal)
            }
            Target::NotPlayed => {
                self.identified()?;
                Err(closed("Flux non simulé"))
            }
            Target::KeyInfo => {
                self.bearer()?;
                self.software()?;
                self.open(Capability::Cfakeyinfo)?;
                reading::key_info(self)
            }
            Target::File(version) => {
                let key = self.identified()?;
                self.open(dossiers_of(version))?;
                filing::file(self, version, key).await
            }
            Target::Detail(version) => {
                let key = self.identified()?;
                self.open(dossiers_of(version))?;
                reading::detail(self, version, &key)
            }
            Target::Etats(version) => {
                let key = self.identified()?;
                self.open(dossiers_of(version))?;
                reading::etats(self, version, &key)
            }
            Target::Liste => {
                let key = self.identified()?;
                self.open(Capability::DossiersV1)?;
                reading::liste(self, &key)
            }
        }
    }

    /// Checks the headers in the order of protocol §19 and returns the key's fingerprint.
    fn identified(&self) -> Result<Arc<str>, Refusal> {
        self.bearer()?;
        let key = self.key()?;
        self.software()?;
        Ok(key)
    }

    fn bearer(&self) -> Result<(), Refusal> {
        if self.settings.auth == Auth::KeyOnly {
            return Ok(());
        }
        let token = self
            .header("authorization")
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim())
            .ok_or_else(|| Refusal::unauthorized("Jeton absent"))?;
        if self.within(FaultKind::ExpiredToken).is_some() {
            self.desk.identity.forget_token(token);
        }
        if self.desk.identity.token_is_good(token, self.arrival_ms) {
            Ok(())
        } else {
            Err(Refusal::unauthorized("Jeton invalide ou expiré"))
        }
    }

    fn key(&self) -> Result<Arc<str>, Refusal> {
        let refused = |code, text: &str| Err(Refusal::one(403, code, text));
        let key = self
            .request
            .headers()
            .get("x-api-key")
            .map(HeaderValue::as_bytes);
        let key = match key {
            None | Some([]) => return refused("CLE_CFA_INVALIDE", "Clé CFA absente"),
            Some(key) if key.len() > LONGEST_KEY => {
                return refused("CLE_CFA_INVALIDE", "Clé CFA trop longue");
            }
            Some(key) => fingerprint(key),
        };
        self.key.set(Some(Arc::clone(&key)));
        if self.within(FaultKind::ExpiredKey).is_some() {
            return refused("CLE_CFA_EXPIREE", "Clé CFA expirée");
        }
        let today = day_of(self.virtual_ms);
        match self
            .desk
            .identity
            .standing(&key, today, self.sim.settings.strict)
        {
            Standing::Good => Ok(key),
            Standing::Unknown | Standing::Revoked => {
                refused("CLE_CFA_INVALIDE", "Clé CFA invalide")
            }
            Standing::Expired => refused("CLE_CFA_EXPIREE", "Clé CFA expirée"),
        }
    }

    fn software(&self) -> Result<(), Refusal> {
        for name in ["EDITEUR", "LOGICIEL", "VERSION"] {
            let value = self.request.headers().get(name.to_ascii_lowercase());
            if value.is_none_or(|value| value.as_bytes().trim_ascii().is_empty()) {
                let text = format!("L'en-tête {name} est obligatoire");
                return Err(Refusal::one(400, "LOGICIEL_NON_AUTORISE", text));
            }
        }
        Ok(())
    }

    /// Answers 501 unless this is open.
    pub(crate) fn open(&self, capability: Capability) -> Result<(), Refusal> {
        if self.settings.is_open(capability) {
            Ok(())
        } else {
            Err(closed("Flux non ouvert"))
        }
    }

    /// Returns a header that is plain text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.request.headers().get(name)?.to_str().ok()
    }

    /// Returns a parameter of the query string.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        let query = self.request.query_string();
        let pairs = web::Query::<Vec<(String, String)>>::from_query(query)
            .ok()?
            .into_inner();
        pairs
            .into_iter()
            .find_map(|(own, value)| (own == name).then_some(value))
            .filter(|value| !value.is_empty())
    }

    fn status(&self) -> Reply {
        let uptime_s = self.arrival_ms.saturating_sub(self.sim.started_ms).max(0) / 1_000;
        let mut versions = Vec::new();
        if self.settings.is_open(Capability::DossiersV1) {
            versions.push("1.0");
        }
        if self.settings.is_open(Capability::DossiersV2) {
            versions.push("2.0");
        }
        let body = json!({"status": "healthy", "supportedVersions": versions, "uptime": uptime_s});
        Reply::json(200, &body)
    }

    fn log(&self, answer: &Answer, took: Duration) {
        let key = self.key.take().map(|key| key.to_string());
        let entry = RequestEntry {
            sequence: 0,
            opco: self.desk.facts.slug.to_owned(),
            arrival_ms: self.arrival_ms,
            virtual_ms: self.virtual_ms,
            method: self.request.method().to_string(),
            route: self.target.word().to_owned(),
            version: self.target.version(),
            key,
            status: answer.status(),
            fault: self.fault.get().map(|kind| kind.word().to_owned()),
            numero_interne: self.numero.take(),
            duration_us: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        };
        let remembered = self.sim.settings.remembered_requests;
        let entry = self
            .desk
            .log(entry, self.target.word(), self.reasons.take(), remembered);
        if let Some(file) = &self.sim.request_log {
            file.push(record::line(&entry));
        }
    }
}

fn dossiers_of(version: Version) -> Capability {
    match version {
        Version::V1 => Capability::DossiersV1,
        Version::V2 => Capability::DossiersV2,
    }
}

/// Returns the 501 of something that is not open here.
pub(crate) fn closed(text: &str) -> Refusal {
    Refusal::one(501, "FLUX_NON_SUPPORTE", format!("{text} chez cet OPCO"))
}
