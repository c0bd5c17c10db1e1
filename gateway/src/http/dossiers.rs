//! Contracts as the OPCOs know them: state, numbers, history, money. What is not told is not guessed.

mod money;

use actix_web::{HttpRequest, HttpResponse, web};
use domain::calendar::day_in_france;
use domain::id::DossierId;
use domain::{Etat, Opco, Siret, Timestamp};
use serde::{Deserialize, Serialize};
use store::dossiers::{self, Dossier, Filter, HistoryEntry};
use utoipa::{IntoParams, ToSchema};

use super::caller::Caller;
use super::problem::{self, Problem};
use super::{page, words};
use crate::app::App;
use crate::books;

/// A page of dossiers, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Dossiers {
    /// The dossiers.
    dossiers: Vec<DossierBody>,
    /// The cursor of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A contract as the OPCO knows it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DossierState)]
pub(crate) struct DossierBody {
    /// Its name.
    #[schema(value_type = String, format = Uuid)]
    id: DossierId,
    /// The delivery it came from; null when it was filed elsewhere and adopted.
    #[schema(format = Uuid)]
    delivery_id: Option<String>,
    /// Which world it belongs to.
    #[schema(value_type = words::Environment)]
    environment: domain::Environment,
    /// The OPCO.
    #[schema(value_type = words::Opco)]
    opco: Opco,
    /// The site (SIRET).
    siret_cfa: String,
    /// The OPCO's technical number.
    numero_interne: Option<String>,
    /// The OPCO's number of the business exchange.
    numero_externe: Option<String>,
    /// The State's deposit number.
    numero_deca: Option<String>,
    /// The state, in the norm's own words; null until the OPCO told one that is known.
    #[schema(value_type = Option<words::Etat>)]
    etat: Option<Etat>,
    /// The state as the OPCO spelled it.
    etat_raw: Option<String>,
    /// Since when it is in that state, as far as we saw.
    #[schema(value_type = Option<String>, format = DateTime)]
    etat_at: Option<Timestamp>,
    /// When the OPCO was last asked.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_read_at: Option<Timestamp>,
    /// When it was delivered.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

/// One dossier and its history.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DossierDetail {
    #[serde(flatten)]
    dossier: DossierBody,
    /// When the OPCO is asked for its state next; null when no reading is planned.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_read_at: Option<Timestamp>,
    /// Every state seen, the oldest first.
    history: Vec<HistoryBody>,
    /// The schedule as last read; null until the OPCO has committed to the contract.
    echeancier: Option<money::EcheancierBody>,
    /// Every reading of the schedule that told something new, the oldest first.
    lectures: Vec<money::LectureBody>,
    /// The days that count: to bill, to be decided, to lose what is left.
    delais: Vec<money::DelaiBody>,
    /// The invoices that bill it, in the order they were handed in.
    factures: Vec<money::FactureBody>,
}

/// One thing the OPCO was seen to say.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DossierHistory)]
pub(crate) struct HistoryBody {
    /// When it was seen.
    #[schema(value_type = String, format = DateTime)]
    seen_at: Timestamp,
    /// The state, in the norm's own words.
    #[schema(value_type = Option<words::Etat>)]
    etat: Option<Etat>,
    /// The state as the OPCO spelled it.
    etat_raw: Option<String>,
    /// The OPCO's number of the business exchange, then.
    numero_externe: Option<String>,
    /// The State's deposit number, then.
    numero_deca: Option<String>,
}

/// Which dossiers.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Asked {
    /// Only those of this OPCO.
    #[param(value_type = Option<words::Opco>)]
    opco: Option<Opco>,
    /// Only those of this site (SIRET).
    #[param(value_type = Option<String>)]
    site: Option<Siret>,
    /// Only those in this state, in the norm's own words.
    #[param(value_type = Option<words::Etat>)]
    etat: Option<Etat>,
    /// Only the one with exactly this number of the OPCO.
    numero: Option<String>,
    /// How many on a page, from 1 to 200.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// Where the page starts, from `next` of the one before.
    cursor: Option<String>,
}

/// Lists dossiers, the newest first.
#[utoipa::path(
    get, path = "/api/v1/dossiers", operation_id = "list_dossiers", tag = "dossiers", params(Asked),
    responses(
        (status = 200, body = Dossiers, headers(("Link" = String, description = "La page suivante."))),
        (status = 400, response = problem::Refusal),
    ),
)]
pub(crate) async fn list(
    app: web::Data<App>,
    caller: Caller,
    asked: web::Query<Asked>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let limit = page::limit(asked.limit)?;
    let after: Option<DossierId> = page::place(asked.cursor.as_deref())?;
    let asked = asked.into_inner();
    let filter = Filter {
        environment: Some(caller.environment),
        opco: asked.opco,
        sites: caller.sites(asked.site),
        etat: asked.etat,
        numero: asked.numero,
        after,
    };
    let mut tx = app.store.reading().await?;
    let found = dossiers::list(&mut tx, caller.tenant, &filter, limit).await?;
    let full = u32::try_from(found.len()).unwrap_or(limit) >= limit;
    let next = found
        .last()
        .filter(|_| full)
        .map(|last| page::cursor(&last.id.to_string()));
    let mut answer = HttpResponse::Ok();
    if let Some(link) = next
        .as_deref()
        .and_then(|cursor| page::link(&request, cursor))
    {
        answer.insert_header(link);
    }
    Ok(answer.json(Dossiers {
        dossiers: found.iter().map(DossierBody::from).collect(),
        next,
    }))
}

/// Shows one dossier with every state seen.
#[utoipa::path(
    get, path = "/api/v1/dossiers/{id}", operation_id = "read_dossier", tag = "dossiers",
    params(("id" = String, Path, format = Uuid)),
    responses(
        (status = 200, body = DossierDetail),
        (status = 404, response = problem::Refusal),
    ),
)]
pub(crate) async fn find(
    app: web::Data<App>,
    caller: Caller,
    id: web::Path<DossierId>,
) -> Result<HttpResponse, Problem> {
    let mut tx = app.store.reading().await?;
    let dossier = dossiers::find(&mut tx, caller.tenant, *id).await?;
    let seen = |d: &Dossier| d.environment == caller.environment && caller.covers(&d.siret_cfa);
    let dossier = dossier.filter(seen).ok_or_else(Problem::not_found)?;
    let history = dossiers::history(&mut tx, caller.tenant, *id).await?;
    let next = store::read_jobs::next(&mut tx, &dossier).await?;
    drop(tx);
    let actor = format!("credential:{}", caller.credential);
    let books = books::open(&app, &dossier, &actor).await?;
    let now = app.clock.now();
    let detail = DossierDetail {
        dossier: DossierBody::from(&dossier),
        next_read_at: next.map(|due| due.max(now)),
        history: history.iter().map(HistoryBody::from).collect(),
        echeancier: money::echeancier(&books, now),
        lectures: money::lectures(&books),
        delais: money::delais(&books, day_in_france(now)),
        factures: books.invoices.iter().map(money::facture).collect(),
    };
    Ok(HttpResponse::Ok().json(detail))
}

impl From<&Dossier> for DossierBody {
    fn from(dossier: &Dossier) -> Self {
        Self {
            id: dossier.id,
            delivery_id: dossier.delivery.map(|id| id.to_string()),
            environment: dossier.environment,
            opco: dossier.instance.opco,
            siret_cfa: dossier.siret_cfa.to_string(),
            numero_interne: dossier.numero_interne.clone(),
            numero_externe: dossier.numero_externe.clone(),
            numero_deca: dossier.numero_deca.clone(),
            etat: dossier.etat,
            etat_raw: dossier.etat_raw.clone(),
            etat_at: dossier.etat_at,
            last_read_at: dossier.last_read_at,
            created_at: dossier.created_at,
        }
    }
}

impl From<&HistoryEntry> for HistoryBody {
    fn from(entry: &HistoryEntry) -> Self {
        Self {
            seen_at: entry.seen_at,
            etat: entry.etat,
            etat_raw: entry.etat_raw.clone(),
            numero_externe: entry.numero_externe.clone(),
            numero_deca: entry.numero_deca.clone(),
        }
    }
}
