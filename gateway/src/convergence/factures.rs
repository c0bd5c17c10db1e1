//! Invoices, handed in as at an OPCO, and their states, from the store.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use domain::echeancier::EtatFacture;
use domain::payload::{Facture as Paper, Payload};
use domain::{Instance, Kind};
use serde::Serialize;
use serde_json::Number;
use store::invoices::{self, Invoice};
use store::{StoreError, TenantKey, Tx, deliveries, dossiers, pieces as numbers};
use utoipa::ToSchema;

use super::gate::By;
use super::piece::Door;
use super::pieces::{self, WithFile};
use super::refusal::{self, Refusal};
use super::{etats, numero, outcome, query};
use crate::app::App;
use crate::files::Held;
use crate::follow_up::{FollowUp, send};
use crate::http::caller::Caller;
use crate::http::trace_context::TraceContext;
use crate::http::upload::Facture;
use crate::http::upload::described::FactureForm;

/// An invoice is known by its emitter and its number.
const DOOR: Door = Door {
    route: "convergence/factures",
    natural: natural_key,
};

/// The numbers of an invoice that was taken.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = NumerosFacture)]
pub(crate) struct BilledBody {
    /// The OPCO's number of the invoice, after its prefix.
    #[schema(example = "AKTO-900042")]
    numero_interne_facture: Option<String>,
    /// The OPCO's number of the stored file, after its prefix.
    numero_interne_document: Option<String>,
    /// Why the invoice has no number yet; absent when it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'static str>,
}

/// The state of an invoice (protocol §10).
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EtatFactureNorme)]
pub(crate) struct InvoiceBody {
    /// The OPCO's number, after its prefix.
    numero_interne_facture: Option<String>,
    /// The CFA's own number.
    #[serde(rename = "referenceFactureCFA")]
    reference_facture_cfa: String,
    /// The whole amount, in euros; null once the payload was destroyed.
    #[schema(value_type = Option<f64>)]
    montant_facture: Option<Number>,
    /// The state.
    #[schema(example = "REGLE")]
    etat_facture: String,
    /// The reference of the transfer.
    reference_virement: Option<String>,
    /// The day of the transfer.
    #[schema(value_type = Option<String>)]
    date_reglement: Option<String>,
    /// What the OPCO says of its state.
    commentaire: Option<String>,
    /// Who is paid.
    organisme_formation: PaidBody,
    /// The dossiers it bills.
    dossiers: Vec<SharedBody>,
}

/// Who is paid.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CfaPaye)]
pub(crate) struct PaidBody {
    /// The establishment.
    siret: String,
    /// The account.
    #[serde(rename = "IBAN")]
    iban: Option<String>,
}

/// The share of a dossier in an invoice.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PartDossier)]
pub(crate) struct SharedBody {
    /// The OPCO's technical number of the dossier, after its prefix.
    numero_interne_dossier: Option<String>,
    /// The OPCO's business number of the dossier, after its prefix.
    numero_externe_dossier: Option<String>,
    /// Its share, in euros.
    #[schema(value_type = Option<f64>)]
    montant: Option<Number>,
}

/// A page of invoices.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PageFactures)]
pub(crate) struct InvoicesPage {
    /// How many there are in all.
    total: u64,
    /// How many on this page.
    count: usize,
    /// Which page, from 1.
    page: u64,
    /// The invoices.
    factures: Vec<InvoiceBody>,
}

/// Takes an invoice or a credit note with its file.
#[utoipa::path(
    post, path = "/convergence/v1/factures", operation_id = "deposer_facture", tag = "pieces",
    request_body(content = FactureForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, body = BilledBody),
        (status = 404, body = refusal::RefusalBody<'static>),
        (status = 408, body = refusal::RefusalBody<'static>),
        (status = 409, body = refusal::RefusalBody<'static>),
        (status = 413, body = refusal::RefusalBody<'static>),
        (status = 415, body = refusal::RefusalBody<'static>),
    ),
)]
pub(crate) async fn file(
    app: web::Data<App>,
    by: By,
    trace: TraceContext,
    request: HttpRequest,
    body: WithFile<Facture>,
) -> Result<HttpResponse, Refusal> {
    let sent = pieces::sent(
        &app,
        &by,
        (&request, &trace),
        (Kind::Facture, &DOOR),
        body.0,
    );
    let delivery = sent.await?;
    let mut tx = app.store.reading().await?;
    let given = numbers::of_delivery(&mut tx, delivery.tenant, delivery.id).await?;
    // Its answer may have been lost: the OPCO's list of invoices has told its number since.
    let listed = invoices::find(&mut tx, delivery.tenant, delivery.id).await?;
    let facture = given
        .facture
        .or_else(|| listed.and_then(|listed| listed.numero_interne));
    let shown = |given: Option<&str>| delivery.target().and_then(|at| numero::shown(at, given));
    let billed = BilledBody {
        numero_interne_facture: shown(facture.as_deref()),
        numero_interne_document: shown(given.document.as_deref()),
        description: numero::untold(facture.as_deref(), delivery.first_lost_at.is_some()),
    };
    Ok(outcome::success(delivery.id, &billed))
}

/// Lists the states of the invoices that an OPCO has, by pages.
#[utoipa::path(
    get, path = "/convergence/v2/factures/etats", operation_id = "etats_factures", tag = "pieces",
    params(("numeroPage" = Option<u64>, Query, minimum = 1)),
    responses((status = 200, body = InvoicesPage,
        headers(("CFA-Lu-Le" = String, description = "Quand chaque OPCO a été lu.")))),
)]
pub(crate) async fn etats(
    app: web::Data<App>,
    by: By,
    request: HttpRequest,
) -> Result<HttpResponse, Refusal> {
    let caller = &by.0;
    let page = query::page(&request)?;
    let network = app.views.network(&app, caller.tenant).await?;
    let (tenant, world, sites) = (caller.tenant, caller.environment, caller.sirets.as_deref());
    let mut tx = app.store.reading().await?;
    let total = invoices::count_at_opcos(&mut tx, tenant, world, sites).await?;
    let skip = u64::from(etats::PAGE).saturating_mul(page - 1);
    let window = (skip, etats::PAGE);
    let found = invoices::at_opcos(&mut tx, tenant, world, sites, window).await?;
    let mut factures = Vec::with_capacity(found.len());
    for (invoice, at) in found {
        factures.push(shown(&mut tx, caller, &network.keys, invoice, at).await?);
    }
    let read_at = etats::freshness(&app, &mut tx, caller).await?;
    let body = InvoicesPage {
        total,
        count: factures.len(),
        page,
        factures,
    };
    Ok(HttpResponse::Ok()
        .insert_header((etats::READ_AT, read_at))
        .json(body))
}

/// Shows an invoice as its OPCO does, with what it says, which is sealed.
async fn shown(
    tx: &mut Tx,
    caller: &Caller,
    keys: &TenantKey,
    invoice: Invoice,
    at: Instance,
) -> Result<InvoiceBody, StoreError> {
    let sealed = deliveries::payload(tx, caller.tenant, invoice.delivery).await?;
    let paper = sealed.and_then(|sealed| {
        let open = send::open(keys, invoice.delivery, Kind::Facture, &sealed);
        match open.ok()?.reading.payload {
            Payload::Facture(paper) => Some(paper),
            _ => None,
        }
    });
    let given = numbers::of_delivery(tx, caller.tenant, invoice.delivery).await?;
    let numero_interne = invoice.numero_interne.or(given.facture);
    let etat = invoice.etat.unwrap_or(EtatFacture::Transmis);
    let total = paper.as_ref().and_then(|paper| paper.montant_total);
    Ok(InvoiceBody {
        numero_interne_facture: numero::shown(at, numero_interne.as_deref()),
        reference_facture_cfa: invoice.numero,
        montant_facture: total.and_then(|total| euros(total.cents)),
        etat_facture: invoice.etat_raw.unwrap_or_else(|| etat.as_str().to_owned()),
        reference_virement: invoice.reference_virement,
        date_reglement: invoice.paid_on.map(|day| format!("{day}T00:00:00+00:00")),
        commentaire: invoice.commentaire,
        organisme_formation: PaidBody {
            siret: invoice.siret_emetteur.to_string(),
            iban: paper
                .as_ref()
                .and_then(|paper| paper.iban_emetteur.as_ref())
                .map(|iban| iban.expose().to_owned()),
        },
        dossiers: match &paper {
            Some(paper) => shares(tx, caller, paper, (invoice.delivery, at)).await?,
            None => Vec::new(),
        },
    })
}

/// Returns the share of each dossier that an invoice bills, in the order of their numbers.
async fn shares(
    tx: &mut Tx,
    caller: &Caller,
    paper: &Paper,
    (invoice, at): (domain::DeliveryId, Instance),
) -> Result<Vec<SharedBody>, StoreError> {
    let mut billed = Vec::new();
    for contract in invoices::contracts(tx, caller.tenant, invoice).await? {
        billed.extend(dossiers::of_contract(tx, caller.tenant, contract).await?);
    }
    let only = match billed.as_slice() {
        [only] => only.numero_externe.clone(),
        _ => None,
    };
    let mut cents: BTreeMap<Option<String>, i64> = BTreeMap::new();
    for ligne in &paper.lignes {
        let externe = ligne.numero_dossier.clone().or_else(|| only.clone());
        let share = cents.entry(externe).or_default();
        *share = share.saturating_add(ligne.montant.map_or(0, |montant| montant.cents));
    }
    Ok(cents
        .into_iter()
        .map(|(externe, cents)| {
            let dossier = billed
                .iter()
                .find(|dossier| externe.is_some() && dossier.numero_externe == externe);
            let interne = dossier.and_then(|dossier| dossier.numero_interne.as_deref());
            SharedBody {
                numero_interne_dossier: numero::shown(at, interne),
                numero_externe_dossier: numero::shown(at, externe.as_deref()),
                montant: euros(cents),
            }
        })
        .collect())
}

/// Writes an amount as the norm does: a number of euros.
fn euros(cents: i64) -> Option<Number> {
    let sign = if cents < 0 { "-" } else { "" };
    let whole = cents.unsigned_abs();
    let text = format!("{sign}{}.{:02}", whole / 100, whole % 100);
    text.parse().ok().and_then(Number::from_f64)
}

/// Returns what an invoice is known by, whatever it bills.
fn natural_key(follow: &FollowUp, _: Option<&Held>) -> Option<String> {
    let Payload::Facture(facture) = &follow.reading.payload else {
        return None;
    };
    let numero = facture.numero.as_deref().filter(|text| !text.is_empty())?;
    Some(format!("{}|{numero}", facture.siret_emetteur?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_numbers_of_euros() {
        let text = |cents| euros(cents).unwrap().to_string();
        assert_eq!(text(312_045), "3120.45");
        assert_eq!(text(-5), "-0.05");
        assert_eq!(text(i64::MIN), "-9.223372036854776e+16");
    }
}
