//! Payloads that belong to a contract: agreement, invoice, certificate, document, termination.

use actix_web::http::header::HeaderMap;
use actix_web::{HttpRequest, HttpResponse, web};
use domain::payload::{Payload, Reading};
use domain::rules::FileFacts;
use domain::{DeliveryId, Finding, Kind};
use serde_json::Value;

use super::body::JsonBody;
use super::caller::Caller;
use super::problem::{self, Code, Problem};
use super::submit::{self, AcceptedBody, unreadable};
use super::trace_context::TraceContext;
use super::upload::described::{
    CertificatForm, ConventionForm, DocumentForm, FactureForm, PayloadWithFile,
};
use super::upload::{Certificat, Convention, Document, Facture, Upload, Uploaded};
use super::{envelope, idempotency};
use crate::app::App;
use crate::follow_up::take::{self, Beside};
use crate::follow_up::{ADJUSTED, CONTRACT, FollowUp};

/// The header that names the delivery of the contract.
const CONTRACT_HEADER: &str = "cfa-livraison-contrat";
/// The header that says why an invoice is not what the schedule expects.
const ADJUSTED_HEADER: &str = "cfa-facture-ajustee";
/// The longest such reason.
const REASON_CHARS_MAX: usize = 500;
/// The member that names the OPCO.
pub(crate) const OPCO: &str = "opco";

/// The doors and the words of their addresses; a contract has a door of its own.
pub(super) const DOORS: [(&str, Kind); 5] = [
    ("conventions", Kind::Convention),
    ("factures", Kind::Facture),
    ("certificats", Kind::Certificat),
    ("documents", Kind::Document),
    ("ruptures", Kind::Rupture),
];

/// A body of one of these doors, read.
trait Body {
    fn upload(self) -> Upload;
}

impl Body for JsonBody {
    fn upload(self) -> Upload {
        Upload {
            json: self.0,
            file: None,
        }
    }
}

impl<C> Body for Uploaded<C> {
    fn upload(self) -> Upload {
        self.0
    }
}

/// Writes each door, which differ by what they take and by what the published document says of it.
macro_rules! doors {
    ($($(#[$doc:meta])* $name:ident: $path:literal, $id:literal, $body:ty, { $($content:tt)+ })+) => {$(
        $(#[$doc])*
        #[utoipa::path(
            post, path = $path, operation_id = $id, tag = "dossiers",
            params(
                ("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255, pattern = r"^[ -~]+$", description = "Même clé, même réponse, pendant 7 jours."),
                ("CFA-Livraison-Contrat" = Option<String>, Header, description = "Au lieu de `livraison_contrat`."),
                ("CFA-Opco" = Option<String>, Header, description = "Au lieu de `opco`."),
            ),
            request_body $($content)+,
            responses(
                (status = 202, description = "Pris en charge, durablement.", body = AcceptedBody,
                    headers(("Location" = String, description = "La livraison à suivre."))),
                (status = 400, response = problem::Refusal),
                (status = 408, response = problem::Refusal),
                (status = 409, response = problem::Refusal),
                (status = 413, response = problem::Refusal),
                (status = 415, response = problem::Refusal),
                (status = 422, response = problem::Refusal),
            ),
        )]
        pub(crate) async fn $name(
            app: web::Data<App>,
            caller: Caller,
            trace: TraceContext,
            request: HttpRequest,
            body: $body,
        ) -> Result<HttpResponse, Problem> {
            let word = stringify!($name);
            hand_in(&app, &caller, word, &trace, &request, body.upload()).await
        }
    )+};
}

doors! {
    /// Takes a training agreement with its file.
    conventions: "/api/v1/conventions", "submit_convention", Uploaded<Convention>,
        { (content((PayloadWithFile = "application/json"), (ConventionForm = "multipart/form-data"))) }
    /// Takes an invoice or a credit note with its file.
    factures: "/api/v1/factures", "submit_facture", Uploaded<Facture>,
        { (content((PayloadWithFile = "application/json"), (FactureForm = "multipart/form-data"))) }
    /// Takes any other document with its file.
    documents: "/api/v1/documents", "submit_document", Uploaded<Document>,
        { (content((PayloadWithFile = "application/json"), (DocumentForm = "multipart/form-data"))) }
    /// Takes a certificate of completion, with a file or without.
    certificats: "/api/v1/certificats", "submit_certificat", Uploaded<Certificat>,
        { (content((PayloadWithFile = "application/json"), (CertificatForm = "multipart/form-data"))) }
    /// Takes a termination.
    ruptures: "/api/v1/ruptures", "submit_rupture", JsonBody, { = serde_json::Value }
}

/// Hands a payload in, one request at a time for each key of idempotency.
async fn hand_in(
    app: &App,
    caller: &Caller,
    word: &'static str,
    trace: &TraceContext,
    request: &HttpRequest,
    upload: Upload,
) -> Result<HttpResponse, Problem> {
    let kind = kind(word).ok_or_else(|| Problem::plain(Code::UnknownRoute))?;
    let key = idempotency::key(request.headers())?;
    let key = key.as_deref().map(|key| caller.scoped(key).into_owned());
    let mut follow = read(kind, &upload.json, request.headers())?;
    follow.file = upload.facts();
    let _turn = match &key {
        Some(key) => Some(app.http.in_flight.enter(caller.tenant, word, key).await?),
        None => None,
    };
    let beside = Beside {
        idempotency: key.map(|key| (word, key)),
        traceparent: Some(trace.header()),
        refuses_holds: false,
    };
    // On the heap: the whole path of a payload lies in this one future.
    let sender = caller.sender();
    let accepted = take::accept(app, &sender, follow, upload.file, beside);
    Ok(submit::taken(request, &Box::pin(accepted).await?))
}

/// Returns the kind of a door by the word of its address.
pub(super) fn kind(word: &str) -> Option<Kind> {
    let found = DOORS.iter().find(|(door, _)| *door == word);
    found.map(|(_, kind)| *kind)
}

/// Reads a body and takes off it what is not the norm's. Its file is told apart.
pub(crate) fn read(kind: Kind, body: &[u8], headers: &HeaderMap) -> Result<FollowUp, Problem> {
    let beside = envelope::of_headers(headers)?;
    let mut reading = Payload::read(kind, body).map_err(|error| unreadable(&error))?;
    let named = taken(&mut reading.payload, CONTRACT);
    let chosen = taken(&mut reading.payload, OPCO);
    let adjusted = taken(&mut reading.payload, ADJUSTED);
    let found = envelope::of_members([None, chosen], &beside, &mut reading.findings);
    Ok(FollowUp {
        contract: contract(named, headers, &mut reading)?,
        opco: found.opco,
        adjusted: self::adjusted(adjusted, headers, &mut reading),
        file: FileFacts::NotLooked,
        reading,
    })
}

fn taken(payload: &mut Payload, name: &str) -> Option<Value> {
    match payload {
        Payload::Dossier(dossier) => dossier.extra.remove(name),
        Payload::Convention(convention) => convention.extra.remove(name),
        Payload::Facture(facture) => facture.extra.remove(name),
        Payload::Certificat(certificat) => certificat.extra.remove(name),
        Payload::Document(document) => document.extra.remove(name),
        Payload::Rupture(rupture) => rupture.extra.remove(name),
    }
}

/// Returns the delivery of the contract; what the body says wins over the header.
fn contract(
    named: Option<Value>,
    headers: &HeaderMap,
    reading: &mut Reading<Payload>,
) -> Result<Option<DeliveryId>, Problem> {
    match named {
        None | Some(Value::Null) => {}
        Some(named) => {
            let id = named.as_str().and_then(|text| text.parse().ok());
            if id.is_none() {
                reading.findings.push(wrong());
            }
            return Ok(id);
        }
    }
    let Some(header) = headers.get(CONTRACT_HEADER) else {
        return Ok(None);
    };
    let id = header
        .to_str()
        .ok()
        .and_then(|text| text.trim().parse().ok());
    id.map(Some).ok_or_else(|| {
        let detail = "« CFA-Livraison-Contrat » n'est pas un identifiant de livraison.";
        Problem::new(Code::InvalidRequest, detail)
    })
}

/// Returns why an invoice is not what the schedule expects; what the body says wins over the header.
fn adjusted(
    named: Option<Value>,
    headers: &HeaderMap,
    reading: &mut Reading<Payload>,
) -> Option<String> {
    let header = headers.get(ADJUSTED_HEADER);
    let reason = match named {
        Some(Value::String(reason)) => Some(reason),
        Some(Value::Null) | None => {
            header.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        }
        Some(_) => Some(String::new()),
    }?;
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > REASON_CHARS_MAX {
        reading.findings.push(envelope::wrong(
            "/facture_ajustee",
            "Le motif d'une facture ajustée est un texte de 1 à 500 caractères.".to_owned(),
            "Dites pourquoi la facture diffère de l'échéancier, ou retirez « facture_ajustee ».",
        ));
        return None;
    }
    Some(reason.to_owned())
}

fn wrong() -> Finding {
    envelope::wrong(
        "/livraison_contrat",
        "« livraison_contrat » n'est pas un identifiant de livraison.".to_owned(),
        "Donnez l'identifiant (« id ») rendu au dépôt du contrat, ou rien.",
    )
}
