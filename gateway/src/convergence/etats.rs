//! The states of all dossiers, from the store: an OPCO that is down never shortens the list. How fresh
//! it is travels in a header.

use actix_web::{HttpRequest, HttpResponse, web};
use domain::{Etat, Instance, NormVersion, Timestamp};
use serde::Serialize;
use store::dossiers::{self, Dossier, MAX_PAGE, Window};
use store::{StoreError, Tx, read_jobs};
use utoipa::ToSchema;

use super::gate::By;
use super::refusal::Refusal;
use super::{numero, query};
use crate::app::App;
use crate::http::caller::Caller;

/// When each OPCO was last read: `akto=2026-09-02T08:00:00Z, atlas=jamais`.
pub(super) const READ_AT: &str = "cfa-lu-le";
/// How many lines a page of version 2 has.
pub(super) const PAGE: u32 = 100;

/// The state of one dossier.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EtatDossier)]
pub(crate) struct EtatBody {
    /// The OPCO's technical number, after its prefix.
    #[schema(example = "AKTO-1234567")]
    numero_interne: Option<String>,
    /// The OPCO's number of the business exchange, after its prefix.
    numero_externe: Option<String>,
    /// The State's deposit number, once known.
    numero_deca: Option<String>,
    /// The state, in the norm's words; as the OPCO spells it when it is none of them.
    #[schema(example = "ENGAGE")]
    etat: String,
}

/// A page of states, in version 2.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PageEtats)]
pub(crate) struct EtatsPage {
    /// How many there are in all.
    total: u64,
    /// How many on this page.
    count: usize,
    /// Which page, from 1.
    page: u64,
    /// The states.
    #[serde(rename = "EtatDossierResult")]
    items: Vec<EtatBody>,
}

/// Lists all states at once.
#[utoipa::path(
    get, path = "/convergence/v1/dossiers/etats", operation_id = "etats_v1", tag = "dossiers",
    responses((status = 200, body = Vec<EtatBody>,
        headers(("CFA-Lu-Le" = String, description = "Quand chaque OPCO a été lu.")))),
)]
pub(crate) async fn v1(app: web::Data<App>, by: By) -> Result<HttpResponse, Refusal> {
    let caller = &by.0;
    let mut tx = app.store.reading().await?;
    let mut items: Vec<EtatBody> = Vec::new();
    let mut window = Window {
        limit: MAX_PAGE,
        ..Window::default()
    };
    loop {
        let found = listed(&mut tx, caller, window).await?;
        window.after = found.last().map(|last| last.id);
        items.extend(found.iter().map(|dossier| line(dossier, NormVersion::V1)));
        if u32::try_from(found.len()).unwrap_or(MAX_PAGE) < MAX_PAGE {
            break;
        }
    }
    let read_at = freshness(&app, &mut tx, caller).await?;
    Ok(HttpResponse::Ok()
        .insert_header((READ_AT, read_at))
        .json(items))
}

/// Lists states by pages.
#[utoipa::path(
    get, path = "/convergence/v2/dossiers/etats", operation_id = "etats_v2", tag = "dossiers",
    params(("numeroPage" = Option<u64>, Query, minimum = 1)),
    responses((status = 200, body = EtatsPage,
        headers(("CFA-Lu-Le" = String, description = "Quand chaque OPCO a été lu.")))),
)]
pub(crate) async fn v2(
    app: web::Data<App>,
    by: By,
    request: HttpRequest,
) -> Result<HttpResponse, Refusal> {
    let caller = &by.0;
    let page = query::page(&request)?;
    let mut tx = app.store.reading().await?;
    let sites = caller.sirets.as_deref();
    let total = dossiers::count_numbered(&mut tx, caller.tenant, caller.environment, sites).await?;
    let window = Window {
        skip: u64::from(PAGE).saturating_mul(page - 1),
        limit: PAGE,
        after: None,
    };
    let found = listed(&mut tx, caller, window).await?;
    let items: Vec<EtatBody> = found
        .iter()
        .map(|dossier| line(dossier, NormVersion::V2))
        .collect();
    let read_at = freshness(&app, &mut tx, caller).await?;
    let body = EtatsPage {
        total,
        count: items.len(),
        page,
        items,
    };
    Ok(HttpResponse::Ok()
        .insert_header((READ_AT, read_at))
        .json(body))
}

async fn listed(tx: &mut Tx, caller: &Caller, window: Window) -> Result<Vec<Dossier>, StoreError> {
    let sites = caller.sirets.as_deref();
    dossiers::numbered(tx, caller.tenant, caller.environment, sites, window).await
}

fn line(dossier: &Dossier, version: NormVersion) -> EtatBody {
    let at = dossier.instance;
    EtatBody {
        numero_interne: numero::shown(at, dossier.numero_interne.as_deref()),
        numero_externe: numero::shown(at, dossier.numero_externe.as_deref()),
        numero_deca: dossier.numero_deca.clone(),
        etat: etat(dossier, version),
    }
}

/// Returns the state in the words of a version. A state nobody knows stays as the OPCO spells it; of a
/// contract that was taken and not read since, the norm says the first of all states.
fn etat(dossier: &Dossier, version: NormVersion) -> String {
    match (&dossier.etat_raw, dossier.etat) {
        (Some(raw), _) if Etat::read(raw).is_none() => raw.clone(),
        (_, known) => numero::spelled(known.unwrap_or(Etat::Transmis), version).to_owned(),
    }
}

/// Returns when each OPCO's list was last read, for the sites of a caller.
pub(super) async fn freshness(
    app: &App,
    tx: &mut Tx,
    caller: &Caller,
) -> Result<String, StoreError> {
    let sites = caller.sirets.as_deref();
    let seldom = app.settings.poll.silent_ms();
    let read = read_jobs::freshness(tx, caller.tenant, caller.environment, sites, seldom).await?;
    Ok(written(&read))
}

fn written(read: &[(Instance, Option<Timestamp>)]) -> String {
    let each = read.iter().map(|(at, read_at)| {
        let slug = at.opco.slug();
        let name = match at.number {
            1 => slug.to_owned(),
            number => format!("{slug}.{number}"),
        };
        match read_at {
            Some(instant) => format!("{name}={}", instant.strftime("%Y-%m-%dT%H:%M:%SZ")),
            None => format!("{name}=jamais"),
        }
    });
    each.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use domain::Opco;

    use super::*;

    #[test]
    fn freshness_is_told_for_each_opco() {
        let at = |number| Instance {
            opco: Opco::Akto,
            number,
        };
        let read = [
            (at(1), Some("2026-09-02T08:00:00.5Z".parse().unwrap())),
            (at(2), None),
        ];
        assert_eq!(written(&read), "akto=2026-09-02T08:00:00Z, akto.2=jamais");
        assert_eq!(written(&[]), "");
    }
}
