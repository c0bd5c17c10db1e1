//! The ERP's side: what it sends over HTTP and what it is told, and nothing it could not know.

use domain::route::RouteSource;
use domain::{Confidence, Etat, HoldReason, NormVersion, Opco, Status, Timestamp};
use reqwest::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::commands::client::{Api, detail};
use crate::commands::failure::{Code, Failure};

/// How many deliveries or dossiers one answer shows: more than the demo has.
const PAGE: u32 = 200;

/// What became of a contract at the door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sent {
    /// Taken into custody.
    Accepted(Accepted),
    /// Not taken.
    Refused {
        /// The HTTP status.
        status: u16,
        /// The rules broken.
        rules: Vec<String>,
        /// The gateway's own words.
        said: String,
    },
}

/// The answer to a contract that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Accepted {
    /// The delivery to follow.
    pub(super) id: String,
    /// Why a person must act, if one must.
    pub(super) held: Option<HoldReason>,
}

/// One delivery, as the list shows it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Delivery {
    pub(super) id: String,
    pub(super) status: Status,
    pub(super) reason: Option<String>,
    pub(super) opco: Option<Opco>,
    pub(super) version: Option<NormVersion>,
    pub(super) attempt_count: u32,
    pub(super) look_count: u32,
    pub(super) numero_interne: Option<String>,
    pub(super) created_at: Timestamp,
    pub(super) finished_at: Option<Timestamp>,
}

/// One delivery with its history.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Detail {
    pub(super) route: Option<Route>,
    pub(super) attempts: Vec<Attempt>,
}

/// Why that OPCO.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Route {
    pub(super) source: RouteSource,
    pub(super) confidence: Confidence,
    pub(super) as_of: Option<String>,
    pub(super) idcc: Option<String>,
    pub(super) opco: Option<Opco>,
    pub(super) managed_by: Option<Opco>,
    pub(super) candidates: Vec<Candidate>,
}

/// An OPCO that may be the one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Candidate {
    pub(super) opco: Opco,
}

/// One call to the OPCO.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Attempt {
    pub(super) opened_at: Timestamp,
    pub(super) closed_at: Option<Timestamp>,
    pub(super) outcome: Option<String>,
    pub(super) http_status: Option<u16>,
}

/// A contract as the OPCO was last read to know it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Dossier {
    #[serde(default)]
    pub(super) id: String,
    pub(super) delivery_id: String,
    pub(super) etat: Option<Etat>,
    pub(super) numero_deca: Option<String>,
}

/// A dossier with its money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Life {
    pub(super) etat: Option<String>,
    pub(super) echeances: Vec<Echeance>,
    pub(super) facturable: Vec<Facturable>,
    pub(super) factures: Vec<Facture>,
}

/// One échéance of a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[expect(clippy::struct_field_names, reason = "these are the names of the API")]
pub(super) struct Echeance {
    pub(super) paid_cents: i64,
    pub(super) under_review_cents: i64,
    pub(super) left_cents: i64,
}

/// What can be billed today.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Facturable {
    pub(super) numero: i64,
    pub(super) pedagogie_cents: i64,
    pub(super) rqth_cents: i64,
}

/// An invoice and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Facture {
    pub(super) etat: Option<String>,
}

/// Reads a dossier with its money.
pub(super) async fn life(api: &Api, id: &str) -> Result<Life, Failure> {
    #[derive(Deserialize)]
    struct Detail {
        etat: Option<String>,
        echeancier: Option<Echeancier>,
        factures: Vec<Facture>,
    }
    #[derive(Default, Deserialize)]
    struct Echeancier {
        echeances: Vec<Echeance>,
        facturable: Vec<Facturable>,
    }
    let detail: Detail = get(api, &format!("/api/v1/dossiers/{id}")).await?;
    let money = detail.echeancier.unwrap_or_default();
    Ok(Life {
        etat: detail.etat,
        echeances: money.echeances,
        facturable: money.facturable,
        factures: detail.factures,
    })
}

/// Hands a contract in.
pub(super) async fn send(api: &Api, key: &str, contract: &Value) -> Result<Sent, Failure> {
    send_to(api, "/api/v1/dossiers", key, contract).await
}

/// Hands in a payload of any kind, at its door.
pub(super) async fn send_to(
    api: &Api,
    path: &str,
    key: &str,
    payload: &Value,
) -> Result<Sent, Failure> {
    let body = payload.to_string().into_bytes();
    let answer = api.post(path, key, body).await?;
    if answer.status == StatusCode::ACCEPTED {
        return Ok(Sent::Accepted(read(answer.body)?));
    }
    let constats = answer.body.get("constats").and_then(Value::as_array);
    let rule = |constat: &Value| Some(constat.get("rule")?.as_str()?.to_owned());
    Ok(Sent::Refused {
        status: answer.status.as_u16(),
        rules: constats.into_iter().flatten().filter_map(rule).collect(),
        said: detail(answer.status, &answer.body),
    })
}

/// Lists the deliveries of an ERP's sites.
pub(super) async fn deliveries(api: &Api) -> Result<Vec<Delivery>, Failure> {
    #[derive(Deserialize)]
    struct Page {
        deliveries: Vec<Delivery>,
    }
    let page: Page = get(api, &format!("/api/v1/deliveries?limit={PAGE}")).await?;
    Ok(page.deliveries)
}

/// Lists the dossiers of an ERP's sites.
pub(super) async fn dossiers(api: &Api) -> Result<Vec<Dossier>, Failure> {
    #[derive(Deserialize)]
    struct Page {
        dossiers: Vec<Dossier>,
    }
    let page: Page = get(api, &format!("/api/v1/dossiers?limit={PAGE}")).await?;
    Ok(page.dossiers)
}

/// Reads one delivery with its history.
pub(super) async fn history(api: &Api, id: &str) -> Result<Detail, Failure> {
    get(api, &format!("/api/v1/deliveries/{id}")).await
}

/// Confirms, as a person does, that a delivery held as a probable duplicate must leave.
pub(super) async fn confirm(api: &Api, id: &str, reason: &str) -> Result<(), Failure> {
    let body = json!({ "reason": reason }).to_string().into_bytes();
    let path = format!("/api/v1/deliveries/{id}/actions/complete");
    let answer = api.post(&path, id, body).await?;
    if answer.status == StatusCode::OK {
        Ok(())
    } else {
        let said = detail(answer.status, &answer.body);
        Err(Failure::new(Code::ApiRefused, said))
    }
}

async fn get<T: DeserializeOwned>(api: &Api, path: &str) -> Result<T, Failure> {
    let answer = api.get(path).await?;
    if answer.status == StatusCode::OK {
        read(answer.body)
    } else {
        let said = detail(answer.status, &answer.body);
        Err(Failure::new(Code::ApiRefused, format!("{path} : {said}")))
    }
}

fn read<T: DeserializeOwned>(body: Value) -> Result<T, Failure> {
    serde_json::from_value(body)
        .map_err(|error| Failure::internal("reading the API's answer", error))
}
