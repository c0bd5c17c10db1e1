//! The door of the eleven OPCOs: one call from its first byte to its log line.

mod identified;

use std::cell::Cell;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse};
use aws_lc_rs::digest::{SHA256, digest};
use serde_json::json;

use crate::answer::{Answer, Reply};
use crate::etat::Version;
use crate::fault::{Fault, FaultKind, SLOWEST_MS, Scope, Stage};
use crate::identity::hexadecimal;
use crate::multipart::{self, Parts};
use crate::opcos::{ErrorShape, Tongue};
use crate::record::{self, Kind, RequestEntry};
use crate::refusal::Refusal;
use crate::schema::Finding;
use crate::sending::Piece;
use crate::settings::{Capability, OpcoSettings};
use crate::sim::{Desk, Sim};
use crate::target::Target;
use crate::{filing, invoicing, pieces, reading, sending, spoil, token};

/// The largest body read, in bytes.
const LARGEST_REQUEST: usize = 1024 * 1024;

/// Everything one call can see.
pub(crate) struct Call<'a> {
    pub(crate) sim: &'a Sim,
    pub(crate) desk: &'a Desk,
    pub(crate) settings: Arc<OpcoSettings>,
    pub(crate) request: &'a HttpRequest,
    pub(crate) body: Bytes,
    /// The body in parts, where the route takes them, or what was wrong with it: told only once
    /// the headers have been looked at.
    parts: Result<Option<Parts>, Refusal>,
    pub(crate) target: Target,
    pub(crate) arrival_ms: i64,
    pub(crate) virtual_ms: i64,
    /// The number it is about, for the log.
    pub(crate) numero: Cell<Option<String>>,
    fault: Cell<Option<FaultKind>>,
    key: Cell<Option<Arc<str>>>,
    reasons: Cell<Option<Vec<Finding>>>,
}

/// What came as a body.
enum Body {
    Whole(Bytes),
    Parts(Result<Parts, Refusal>),
}

/// Reads a body: in parts where the route takes them and the caller sends them.
async fn receive(
    request: &HttpRequest,
    payload: web::Payload,
    target: Target,
) -> Result<Body, Refusal> {
    let kind = request.headers().get("content-type");
    let boundary = kind
        .filter(|_| target.takes_parts())
        .and_then(|kind| multipart::boundary(kind.to_str().ok()?));
    if let Some(boundary) = boundary {
        return Ok(Body::Parts(multipart::read(payload, &boundary).await));
    }
    match payload.to_bytes_limited(LARGEST_REQUEST).await {
        Ok(Ok(body)) => Ok(Body::Whole(body)),
        Ok(Err(_)) => Err(Refusal::one(400, "REQUETE_ILLISIBLE", "Corps incomplet")),
        Err(_) => Err(multipart::too_long()),
    }
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
    let Some(desk) = sim.served(slug) else {
        let served: Vec<&str> = sim.served_desks().map(|desk| desk.facts.slug).collect();
        let text = format!(
            "Aucun OPCO à cette adresse ; connus : {}",
            served.join(", ")
        );
        return Answer::Whole(Reply::json(404, &json!({"description": text}))).into_response();
    };
    let rest = path.get(1 + slug.len()..).unwrap_or("");
    let target = Target::read(desk.facts.family, request.method(), rest);
    let body = receive(&request, payload, target).await;
    let mut call = Call {
        sim: &sim,
        desk,
        settings: desk.settings(),
        request: &request,
        body: Bytes::new(),
        parts: Ok(None),
        target,
        arrival_ms,
        virtual_ms,
        numero: Cell::new(None),
        fault: Cell::new(None),
        key: Cell::new(None),
        reasons: Cell::new(None),
    };
    let answer = match body {
        Ok(body) => {
            match body {
                Body::Whole(body) => call.body = body,
                Body::Parts(parts) => call.parts = parts.map(Some),
            }
            call.serve().await
        }
        Err(refusal) => call.refuse(&refusal),
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
        for (name, content) in self.parts.iter().flatten().flat_map(Parts::fields) {
            let _ = write!(said, "{name}: {}", String::from_utf8_lossy(content));
        }
        let refusal = Refusal::one(status, "APPEL_REFUSE", said);
        Answer::Whole(refusal.write(self.form(), self.target.scope(), false))
    }

    fn refuse(&self, refusal: &Refusal) -> Answer {
        let pascal_case = self.within(FaultKind::PascalCaseErrors).is_some();
        self.reasons.set(Some(refusal.items.clone()));
        Answer::Whole(refusal.write(self.form(), self.target.scope(), pascal_case))
    }

    /// Returns how this OPCO writes a refusal.
    fn form(&self) -> (ErrorShape, Tongue) {
        (self.desk.facts.errors, self.desk.facts.tongue())
    }

    /// Returns the parts of the body.
    pub(crate) fn parts(&self) -> Result<&Parts, Refusal> {
        match &self.parts {
            Ok(Some(parts)) => Ok(parts),
            Ok(None) => {
                let text = "Le corps doit être en multipart/form-data";
                Err(Refusal::one(415, "REQUETE_ILLISIBLE", text))
            }
            Err(refusal) => Err(refusal.clone()),
        }
    }

    /// Returns the body, which must be JSON.
    pub(crate) fn json_body(&self) -> Result<Piece, Refusal> {
        let json = self.header("content-type").is_some_and(|kind| {
            kind.get(..16)
                .is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"))
        });
        if !json {
            let text = "Le corps doit être en application/json";
            return Err(Refusal::one(415, "REQUETE_ILLISIBLE", text));
        }
        Ok(Piece {
            json: sending::json(&self.body)?,
            sha256: hexadecimal(digest(&SHA256, &self.body).as_ref()),
            file: None,
        })
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
            Target::Piece(kind) => {
                let key = self.identified()?;
                self.piece(kind, key).await
            }
            Target::Rupture => {
                let key = self.identified()?;
                self.open(Capability::Rupture)?;
                pieces::rupture(self, key).await
            }
            Target::FacturesEtats => {
                let key = self.identified()?;
                self.open(Capability::FacturesEtats)?;
                reading::factures::etats(self, &key)
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

    /// Takes what comes in parts.
    async fn piece(&self, kind: Kind, key: Arc<str>) -> Result<Reply, Refusal> {
        match kind {
            Kind::Convention => {
                self.open(Capability::Conventions)?;
                pieces::convention(self, key).await
            }
            Kind::Facture => {
                self.open(Capability::Factures)?;
                invoicing::take(self, key).await
            }
            Kind::Certificat => {
                self.open(Capability::Certificats)?;
                pieces::certificat(self, key).await
            }
            _ => {
                self.open(Capability::Documents)?;
                pieces::document(self, key).await
            }
        }
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
