//! What ERPs sign in with, for programs.

use actix_web::{HttpResponse, web};
use domain::id::CredentialId;
use domain::{Environment, Secret, Siret, Timestamp};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use store::credentials::{self, Credential};
use utoipa::ToSchema;

use crate::access::{QUOTA_DEFAULT, Wanted};
use crate::desk::Desk;
use crate::form::Document;
use crate::pages::settings::credentials::{bounded, made, replaced, revoked};
use crate::refusal::{self, Code, Refusal};
use crate::viewer::Viewer;

/// A credential of an ERP.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Credential)]
pub(crate) struct CredentialBody {
    /// Its name.
    #[schema(value_type = String, format = Uuid)]
    id: CredentialId,
    /// Who uses it.
    label: String,
    /// The first characters of its text.
    prefix: String,
    /// `test` or `live`.
    #[schema(value_type = String)]
    environment: Environment,
    /// The sites it may send for; absent, all.
    #[schema(value_type = Option<Vec<String>>)]
    sites: Option<Vec<Siret>>,
    /// What it may do: `submit`, `read`, `act`, `webhook`.
    actions: Vec<String>,
    /// How many requests a minute.
    quota_per_minute: u32,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Until when.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// When it was revoked.
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked_at: Option<Timestamp>,
    /// Its text: only in the answer to its making.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

/// The credentials of a network.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Credentials {
    credentials: Vec<CredentialBody>,
}

/// A new credential.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewCredential {
    label: String,
    #[schema(value_type = String)]
    environment: Environment,
    /// The sites it may send for; empty or absent, all.
    #[schema(value_type = Vec<String>)]
    #[serde(default)]
    sites: Vec<Siret>,
    /// What it may do; empty or absent, everything.
    #[serde(default)]
    actions: Vec<String>,
    #[serde(default = "quota_default")]
    quota_per_minute: u32,
    /// Its last day.
    #[schema(value_type = Option<String>, format = Date)]
    expires_on: Option<Date>,
}

/// What to do with a credential.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CredentialAct {
    /// `rotate`, `bound` or `revoke`.
    #[schema(example = "rotate")]
    act: String,
    /// With `rotate`: the last day of the present one.
    #[schema(value_type = Option<String>, format = Date)]
    until: Option<Date>,
    /// With `bound`: how many requests a minute.
    quota_per_minute: Option<u32>,
}

fn quota_default() -> u32 {
    QUOTA_DEFAULT
}

impl CredentialBody {
    fn new(one: Credential, key: Option<&Secret>) -> Self {
        Self {
            id: one.id,
            label: one.label,
            prefix: one.prefix,
            environment: one.environment,
            sites: one.sites,
            actions: one.actions,
            quota_per_minute: one.quota_per_minute,
            created_at: one.created_at,
            expires_at: one.expires_at,
            revoked_at: one.revoked_at,
            key: key.map(|key| key.expose().to_owned()),
        }
    }
}

/// Lists them.
#[utoipa::path(
    get, path = "/admin/v1/credentials", operation_id = "list_credentials", tag = "settings",
    responses(
        (status = 200, description = "Les clés d'API du réseau, sans leur texte.", body = Credentials),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
    ),
)]
pub(crate) async fn list(desk: web::Data<Desk>, viewer: Viewer) -> Result<HttpResponse, Refusal> {
    let mut tx = desk.store.reading().await?;
    let found = credentials::list(&mut tx, viewer.tenant()).await?;
    let found = found.into_iter().map(|one| CredentialBody::new(one, None));
    let credentials = found.collect();
    Ok(HttpResponse::Ok().json(Credentials { credentials }))
}

/// Makes one; its text is in this answer only.
#[utoipa::path(
    post, path = "/admin/v1/credentials", operation_id = "create_credential", tag = "settings",
    request_body = NewCredential,
    responses(
        (status = 201, description = "La clé d'API, avec son texte, cette seule fois.", body = CredentialBody),
        (status = 400, response = refusal::Refused),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
    ),
)]
pub(crate) async fn create(
    desk: web::Data<Desk>,
    viewer: Viewer,
    new: Document<NewCredential>,
) -> Result<HttpResponse, Refusal> {
    let new = new.into_inner();
    let wanted = Wanted {
        label: new.label,
        environment: new.environment,
        sites: new.sites,
        actions: new.actions,
        quota_per_minute: new.quota_per_minute,
        expires_on: new.expires_on,
        once: None,
    };
    let (one, text) = made(&desk, &viewer, (wanted, Ok(()))).await?;
    Ok(HttpResponse::Created().json(CredentialBody::new(one, Some(&text))))
}

/// Replaces one with an overlap, changes its quota, or revokes it.
#[utoipa::path(
    post, path = "/admin/v1/credentials/{id}", operation_id = "act_on_credential", tag = "settings",
    params(("id" = String, Path, format = Uuid)), request_body = CredentialAct,
    responses(
        (status = 200, description = "Ce qui change ; après « rotate », la clé suivante et son texte.", body = CredentialBody),
        (status = 400, response = refusal::Refused),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
        (status = 404, response = refusal::Refused),
    ),
)]
pub(crate) async fn act(
    desk: web::Data<Desk>,
    viewer: Viewer,
    id: web::Path<CredentialId>,
    sent: Document<CredentialAct>,
) -> Result<HttpResponse, Refusal> {
    let sent = sent.into_inner();
    match (sent.act.as_str(), sent.until, sent.quota_per_minute) {
        ("rotate", Some(until), None) => {
            let (one, text) = replaced(&desk, &viewer, *id, (until, None)).await?;
            return Ok(HttpResponse::Ok().json(CredentialBody::new(one, Some(&text))));
        }
        ("bound", None, Some(quota)) => bounded(&desk, &viewer, *id, quota).await?,
        ("revoke", None, None) => revoked(&desk, &viewer, *id).await?,
        _ => {
            return Err(Refusal::invalid(
                "/act",
                "« rotate » avec until, « bound » avec quota_per_minute, ou « revoke ».",
                "“rotate” with until, “bound” with quota_per_minute, or “revoke”.",
            ));
        }
    }
    let mut tx = desk.store.reading().await?;
    let found = credentials::list(&mut tx, viewer.tenant()).await?;
    let one = found.into_iter().find(|one| one.id == *id);
    let one = one.ok_or(Code::NotFound)?;
    Ok(HttpResponse::Ok().json(CredentialBody::new(one, None)))
}
