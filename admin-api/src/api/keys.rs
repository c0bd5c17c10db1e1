//! CFA keys, for programs. The text of a key goes in and never comes out.

use actix_web::{HttpResponse, web};
use domain::calendar::day_in_france;
use domain::id::KeyId;
use domain::person::Right;
use domain::{Environment, Secret, Siret, Timestamp};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use store::keys::{self, CfaKey};
use utoipa::{IntoParams, ToSchema};

use crate::csv::read::decode;
use crate::desk::Desk;
use crate::form::Document;
use crate::keyring::forecast::{self, Forecast};
use crate::keyring::sheet::{self, BYTES_MAX};
use crate::pages::keys::import;
use crate::pages::keys::one::{self, Act, With};
use crate::pages::keys::{self as page, Given, reached};
use crate::refusal::{self, Code, Refusal};
use crate::viewer::Viewer;

/// A CFA key, without its text.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CfaKey)]
pub(crate) struct KeyBody {
    /// Its name.
    #[schema(value_type = String, format = Uuid)]
    id: KeyId,
    /// The site.
    #[schema(value_type = String)]
    site: Siret,
    /// The system it opens: `akto`, `akto/2`.
    #[schema(example = "akto")]
    system: String,
    /// `test` or `live`.
    #[schema(value_type = String)]
    environment: Environment,
    /// `staged`, `active`, `retiring` or `revoked`.
    state: &'static str,
    /// Its last day, from the OPCO or from a person.
    #[schema(value_type = Option<String>, format = Date)]
    expires_on: Option<Date>,
    /// What the last trial said: `accepted`, `refused` or `unknown`.
    probe: Option<String>,
    /// When it was last tried.
    #[schema(value_type = Option<String>, format = DateTime)]
    probed_at: Option<Timestamp>,
    /// When it was last used with success.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used_at: Option<Timestamp>,
    /// Who answers for it.
    referent: Option<String>,
    /// Since when it is kept.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

/// The keys that the caller reaches.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Keys {
    keys: Vec<KeyBody>,
}

/// A new key.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewKey)]
pub(crate) struct NewKeyBody {
    #[schema(value_type = String)]
    site: Siret,
    /// `akto`, `akto/2`.
    system: String,
    #[schema(value_type = String)]
    environment: Environment,
    /// The text: sealed at once, never shown again.
    #[schema(value_type = String)]
    key: Secret,
    #[schema(value_type = Option<String>, format = Date)]
    expires_on: Option<Date>,
    referent: Option<String>,
}

/// What to do with a key.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyAct {
    /// `probe`, `promote`, `retire`, `date` or `entrust`.
    #[schema(example = "probe")]
    act: String,
    /// Its last day, with `date`.
    #[schema(value_type = Option<String>, format = Date)]
    expires_on: Option<Date>,
    /// Who answers for it, with `entrust`; absent, nobody.
    referent: Option<String>,
    /// Why, for the log, with `retire`.
    reason: Option<String>,
}

/// A key after an act.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyDone {
    #[serde(flatten)]
    key: KeyBody,
    /// Why a trial did not end well, in French.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'static str>,
}

/// How a sheet is taken.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SheetAsked {
    /// The world of every line.
    #[param(value_type = String)]
    environment: Environment,
    /// Judge every line and keep nothing.
    #[serde(default)]
    preview: bool,
}

/// What became of a sheet.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SheetReport {
    /// How many lines are good.
    good: usize,
    /// Whether they were kept.
    kept: bool,
    /// Every line.
    lines: Vec<SheetLine>,
}

/// One line of a sheet.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SheetLine {
    /// Where it is, from 1.
    line: usize,
    /// Its SIRET, where it has one.
    site: String,
    /// Its OPCO, where it has one.
    opco: String,
    /// What is wrong with it: `columns`, `siret`, `site`, `opco`, `system`, `key`, `day`, `passed`,
    /// `referent`, `twice` or `same`.
    #[serde(skip_serializing_if = "Option::is_none")]
    finding: Option<&'static str>,
}

impl KeyBody {
    fn new(key: &CfaKey) -> Self {
        Self {
            id: key.id,
            site: key.siret_cfa,
            system: key.instance.to_string(),
            environment: key.environment,
            state: key.state.as_str(),
            expires_on: key.expires_on,
            probe: key.probe_result.clone(),
            probed_at: key.probed_at,
            last_used_at: key.last_used_at,
            referent: key.referent.clone(),
            created_at: key.created_at,
        }
    }
}

/// Lists the keys of both worlds.
#[utoipa::path(
    get, path = "/admin/v1/keys", operation_id = "list_keys", tag = "keys",
    responses(
        (status = 200, description = "Les clés CFA que l'appelant atteint, sans leur texte.", body = Keys),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
    ),
)]
pub(crate) async fn list(desk: web::Data<Desk>, viewer: Viewer) -> Result<HttpResponse, Refusal> {
    let reach = viewer.require(Right::ReadKeys)?;
    let mut tx = desk.store.reading().await?;
    let found = keys::list(&mut tx, viewer.tenant()).await?;
    let found = found.iter().filter(|key| reach.covers(&key.siret_cfa));
    let keys = found.map(KeyBody::new).collect();
    Ok(HttpResponse::Ok().json(Keys { keys }))
}

/// Keeps a key, sealed and not yet used.
#[utoipa::path(
    post, path = "/admin/v1/keys", operation_id = "stage_key", tag = "keys",
    request_body = NewKeyBody,
    responses(
        (status = 201, description = "La clé, en attente.", body = KeyBody),
        (status = 400, response = refusal::Refused),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
        (status = 409, response = refusal::Refused),
    ),
)]
pub(crate) async fn stage(
    desk: web::Data<Desk>,
    viewer: Viewer,
    new: Document<NewKeyBody>,
) -> Result<HttpResponse, Refusal> {
    let new = new.into_inner();
    let given = Given {
        site: new.site,
        system: new.system,
        environment: new.environment,
        text: new.key,
        expires_on: new.expires_on,
        referent: new.referent,
    };
    let key = page::staged(&desk, &viewer, given).await?;
    Ok(HttpResponse::Created().json(KeyBody::new(&key)))
}

/// Judges a sheet of keys line by line, and keeps every good line at once.
#[utoipa::path(
    post, path = "/admin/v1/keys/import", operation_id = "import_keys", tag = "keys",
    params(SheetAsked),
    request_body(content = String, content_type = "text/csv",
        description = "SIRET ; OPCO ; clé ; dernier jour ; référent. 1 Mo au plus."),
    responses(
        (status = 200, description = "Ce que devient chaque ligne.", body = SheetReport),
        (status = 400, response = refusal::Refused),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
        (status = 413, response = refusal::Refused),
    ),
)]
pub(crate) async fn import(
    desk: web::Data<Desk>,
    viewer: Viewer,
    asked: web::Query<SheetAsked>,
    body: web::Payload,
) -> Result<HttpResponse, Refusal> {
    let read = body.to_bytes_limited(BYTES_MAX).await;
    let bytes = read
        .map_err(|_| Refusal::from(Code::TooLarge))?
        .map_err(|_| Refusal::from(Code::Invalid))?;
    let text = decode(&bytes);
    let judged = import::judged(&desk, &viewer, asked.environment, &text).await?;
    let judged = judged.ok_or(Code::TooLarge)?;
    let kept = !asked.preview;
    if kept {
        import::kept(&desk, &viewer, &judged).await?;
    }
    let line = |line: &sheet::Judged| SheetLine {
        line: line.number,
        site: line.siret.clone(),
        opco: line.opco.clone(),
        finding: line.result.as_ref().err().map(|finding| finding.as_str()),
    };
    Ok(HttpResponse::Ok().json(SheetReport {
        good: judged.iter().filter(|line| line.result.is_ok()).count(),
        kept,
        lines: judged.iter().map(line).collect(),
    }))
}

/// Shows a key.
#[utoipa::path(
    get, path = "/admin/v1/keys/{id}", operation_id = "read_key", tag = "keys",
    params(("id" = String, Path, format = Uuid)),
    responses(
        (status = 200, description = "La clé, sans son texte.", body = KeyBody),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
        (status = 404, response = refusal::Refused),
    ),
)]
pub(crate) async fn show(
    desk: web::Data<Desk>,
    viewer: Viewer,
    id: web::Path<KeyId>,
) -> Result<HttpResponse, Refusal> {
    let key = reached(&desk, &viewer, Right::ReadKeys, *id).await?;
    Ok(HttpResponse::Ok().json(KeyBody::new(&key)))
}

/// Tries a key, puts it to use, retires it, or says its last day or who answers for it.
#[utoipa::path(
    post, path = "/admin/v1/keys/{id}", operation_id = "act_on_key", tag = "keys",
    params(("id" = String, Path, format = Uuid)), request_body = KeyAct,
    responses(
        (status = 200, description = "La clé après l'acte.", body = KeyDone),
        (status = 400, response = refusal::Refused),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
        (status = 404, response = refusal::Refused),
        (status = 409, response = refusal::Refused),
    ),
)]
pub(crate) async fn act(
    desk: web::Data<Desk>,
    viewer: Viewer,
    id: web::Path<KeyId>,
    sent: Document<KeyAct>,
) -> Result<HttpResponse, Refusal> {
    let sent = sent.into_inner();
    let key = reached(&desk, &viewer, Right::ManageKeys, *id).await?;
    let with = With {
        referent: sent.referent,
        reason: sent.reason,
        expires_on: sent.expires_on,
    };
    let act = Act::read(&sent.act, with);
    let wrong = || Refusal::invalid("/act", "Cet acte n'existe pas.", "There is no such act.");
    let said = one::done(&desk, &viewer, &key, act.ok_or_else(wrong)?).await?;
    let key = reached(&desk, &viewer, Right::ManageKeys, *id).await?;
    Ok(HttpResponse::Ok().json(KeyDone {
        key: KeyBody::new(&key),
        why: said.and_then(|probe| probe.why).map(|(fr, _)| fr),
    }))
}

/// Says what stops on the first day without a key, or what depends on it where nobody knows that day.
#[utoipa::path(
    get, path = "/admin/v1/keys/{id}/forecast", operation_id = "forecast_key", tag = "keys",
    params(("id" = String, Path, format = Uuid)),
    responses(
        (status = 200, description = "Ce qui serait bloqué.", body = Forecast),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
        (status = 404, response = refusal::Refused),
    ),
)]
pub(crate) async fn forecast(
    desk: web::Data<Desk>,
    viewer: Viewer,
    id: web::Path<KeyId>,
) -> Result<HttpResponse, Refusal> {
    let key = reached(&desk, &viewer, Right::ReadKeys, *id).await?;
    let today = day_in_france(desk.clock.now());
    Ok(HttpResponse::Ok().json(forecast::of(&desk.store, &key, today).await?))
}
