//! The rights of an apprentice, for programs.

use actix_web::{HttpResponse, web};
use domain::Timestamp;
use domain::person::Language;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::desk::Desk;
use crate::form::Document;
use crate::pages::privacy::reason;
use crate::privacy::{Fate, Holdings};
use crate::refusal::{self, Code, Refusal};
use crate::rights::{self, Asked};
use crate::viewer::Viewer;

/// Everything held about one apprentice, nothing of it shown.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PrivacyHoldings)]
pub(crate) struct HoldingsBody {
    /// Who, as a keyed fingerprint: what the other calls name.
    subject: String,
    /// What `erase` must be sent: it changes whenever what would go or stay does.
    stamp: String,
    /// How many items an erasure would destroy.
    going: usize,
    /// Each NIR among them with the names it bears, as subjects: more than one, and it may be more than one
    /// person.
    nirs: Vec<String>,
    /// Whoever resembles them by names, birth date or NIR, as subjects: they are counted as others, and
    /// nothing of theirs is listed here.
    alike: Vec<String>,
    /// Contracts and what follows them, the oldest first.
    deliveries: Vec<PieceBody>,
    /// The contracts as the OPCOs know them, and dossiers that no ERP sent.
    dossiers: Vec<DossierBody>,
}

/// One delivery.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PrivacyDelivery)]
pub(crate) struct PieceBody {
    #[schema(format = Uuid)]
    id: String,
    kind: &'static str,
    status: &'static str,
    environment: &'static str,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Whether its content can be opened.
    sealed: bool,
    /// Whether its NIR can.
    nir: bool,
    files: usize,
    calls: usize,
    events: usize,
    /// What an erasure makes of it: `goes`, `gone` or `stays`.
    fate: &'static str,
    /// Why it stays, in French.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// One dossier.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PrivacyDossier)]
pub(crate) struct DossierBody {
    #[schema(format = Uuid)]
    id: String,
    opco: &'static str,
    numero_interne: Option<String>,
    /// Readings of its schedule that can be opened.
    readings: usize,
    /// Whether an ERP sent it.
    sent: bool,
    fate: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// Whose data to hand out, and why.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = PrivacyExport)]
pub(crate) struct Export {
    subject: String,
    /// Why: it goes into the log. Name nobody.
    reason: String,
}

/// Whose data to erase, as it was shown, and why.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = PrivacyErasure)]
pub(crate) struct Erasure {
    subject: String,
    /// That of the holdings shown.
    stamp: String,
    /// Why: it goes into the log. Name nobody.
    reason: String,
}

/// What was erased.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PrivacyErased)]
pub(crate) struct ErasedBody {
    destroyed: usize,
    files: usize,
    kept: usize,
    /// The deliveries that stay, and why.
    remaining: Vec<RemainingBody>,
}

/// A delivery that an erasure left.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PrivacyRemaining)]
pub(crate) struct RemainingBody {
    #[schema(format = Uuid)]
    id: String,
    kind: &'static str,
    /// Why it stays, in French.
    reason: String,
}

fn fate(fate: Fate) -> (&'static str, Option<String>) {
    match fate {
        Fate::Gone => ("gone", None),
        Fate::Goes => ("goes", None),
        Fate::Stays(why) => ("stays", Some(reason(why, Language::Fr))),
    }
}

impl HoldingsBody {
    fn new(held: &Holdings) -> Self {
        let piece = |piece: &crate::privacy::Piece| {
            let (fate, reason) = fate(piece.fate);
            PieceBody {
                id: piece.delivery.id.to_string(),
                kind: piece.delivery.kind.as_str(),
                status: piece.delivery.standing.status.as_str(),
                environment: piece.delivery.environment.as_str(),
                created_at: piece.delivery.created_at,
                sealed: piece.sealed.is_some(),
                nir: piece.sealed == Some(true),
                files: piece.files.len(),
                calls: piece.calls,
                events: piece.events,
                fate,
                reason,
            }
        };
        let dossiers = held.dossiers.iter().map(|held| {
            let (fate, reason) = fate(held.fate);
            DossierBody {
                id: held.dossier.id.to_string(),
                opco: held.dossier.instance.opco.slug(),
                numero_interne: held.dossier.numero_interne.clone(),
                readings: held.readings,
                sent: true,
                fate,
                reason,
            }
        });
        let strangers = held.strangers.iter().map(|held| {
            let (fate, reason) = fate(held.fate);
            DossierBody {
                id: held.stranger.id.to_string(),
                opco: held.stranger.instance.opco.slug(),
                numero_interne: Some(held.stranger.numero_interne.clone()),
                readings: 0,
                sent: false,
                fate,
                reason,
            }
        });
        Self {
            subject: held.subject.to_string(),
            stamp: held.stamp(),
            going: held.going(),
            nirs: held.choices.iter().map(ToString::to_string).collect(),
            alike: held.alike.iter().map(ToString::to_string).collect(),
            deliveries: held.pieces.iter().map(piece).collect(),
            dossiers: dossiers.chain(strangers).collect(),
        }
    }
}

/// Finds everything held about one apprentice. That one looked is on record (`privacy.searched`), without
/// what was looked for.
#[utoipa::path(
    post, path = "/admin/v1/privacy/search", operation_id = "search_person_data", tag = "privacy",
    request_body = Asked,
    responses(
        (status = 200, description = "Ce qui est tenu.", body = HoldingsBody),
        (status = 400, response = refusal::Refused),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
        (status = 404, response = refusal::Refused),
        (status = 409, response = refusal::Refused),
    ),
)]
pub(crate) async fn search(
    desk: web::Data<Desk>,
    viewer: Viewer,
    asked: Document<Asked>,
) -> Result<HttpResponse, Refusal> {
    let subject = rights::seek(&desk, &viewer, asked.into_inner()).await?;
    let subject = subject.ok_or(Code::NotFound)?;
    let held = rights::holdings(&desk, &viewer, subject).await?;
    Ok(HttpResponse::Ok().json(HoldingsBody::new(&held)))
}

/// Hands out all that is held about one apprentice, as an archive. That it was, by whom and why, is on
/// record (`privacy.exported`).
#[utoipa::path(
    post, path = "/admin/v1/privacy/export", operation_id = "export_person_data", tag = "privacy",
    request_body = Export,
    responses(
        (status = 200, description = "L'archive.", content_type = "application/zip"),
        (status = 400, response = refusal::Refused),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
        (status = 404, response = refusal::Refused),
        (status = 409, response = refusal::Refused),
    ),
)]
pub(crate) async fn export(
    desk: web::Data<Desk>,
    viewer: Viewer,
    asked: Document<Export>,
) -> Result<HttpResponse, Refusal> {
    let subject = rights::subject(&asked.subject)?;
    rights::disclose(&desk, &viewer, subject, &asked.reason).await
}

/// Erases what may be of one apprentice, if it is what was shown. That it was, by whom and why, is on record
/// (`privacy.erased`).
#[utoipa::path(
    post, path = "/admin/v1/privacy/erase", operation_id = "erase_person_data", tag = "privacy",
    request_body = Erasure,
    responses(
        (status = 200, description = "Ce qui est effacé.", body = ErasedBody),
        (status = 400, response = refusal::Refused),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
        (status = 404, response = refusal::Refused),
        (status = 409, response = refusal::Refused),
    ),
)]
pub(crate) async fn erase(
    desk: web::Data<Desk>,
    viewer: Viewer,
    asked: Document<Erasure>,
) -> Result<HttpResponse, Refusal> {
    let shown = (rights::subject(&asked.subject)?, asked.stamp.as_str());
    let erased = rights::erase(&desk, &viewer, shown, &asked.reason).await?;
    let remaining = erased.remaining.iter().map(|one| RemainingBody {
        id: one.delivery.to_string(),
        kind: one.kind.as_str(),
        reason: reason(one.why, Language::Fr),
    });
    Ok(HttpResponse::Ok().json(ErasedBody {
        destroyed: erased.destroyed,
        files: erased.files,
        kept: erased.kept,
        remaining: remaining.collect(),
    }))
}
