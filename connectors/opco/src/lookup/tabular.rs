//! The open table on data.gouv.fr, one line at a time.

use domain::{Opco, Siret, Timestamp};
use reqwest::Method;
use serde_json::Value;

use super::upstream::{Ask, Reply};
use super::{Certainty, Found, Said, Source, TabularSettings};
use crate::siro::IdccCode;

/// The most lines asked for one establishment; the table has one, rarely more.
const PAGE: usize = 20;

/// Asks for the lines of one establishment.
pub(super) fn encode(settings: &TabularSettings, siret: Siret) -> Ask {
    let resource = &settings.resource;
    Ask {
        method: Method::GET,
        target: format!("/api/resources/{resource}/data/?SIRET__exact={siret}&page_size={PAGE}"),
        accept: "application/json",
        api_key: None,
        body: None,
    }
}

/// Reads the lines. None at all is an answer: the establishment is not in the table.
pub(super) fn decode(
    reply: &Reply,
    siret: Siret,
    now: Timestamp,
) -> Result<Option<Found>, &'static str> {
    let rows = reply
        .body
        .get("data")
        .and_then(Value::as_array)
        .ok_or("no list of lines")?;
    let mut found: Option<Found> = None;
    for row in rows.iter().take(PAGE) {
        if text(row.get("SIRET"), 14).as_deref() != Some(siret.as_str()) {
            return Err("a line about another establishment");
        }
        let said = match label(row, "OPCO_PROPRIETAIRE")? {
            Some(opco) => Said::Owner {
                opco,
                manager: label(row, "OPCO_GESTION")?,
            },
            None => Said::NoOpco,
        };
        let idcc = text(row.get("IDCC"), 4).and_then(|code| IdccCode::read(code.as_bytes()));
        let (certainty, source) = (Certainty::Reference, Source::Tabular);
        match &mut found {
            None => {
                found = Some(Found {
                    said,
                    certainty,
                    idcc,
                    source,
                    at: now,
                    stale: false,
                });
            }
            Some(found) => {
                if found.said != said {
                    found.said = Said::Several;
                }
                if found.idcc != idcc {
                    found.idcc = None;
                }
            }
        }
    }
    Ok(found)
}

/// Reads one of the eleven labels; null and empty are none, a missing column is another table.
fn label(row: &Value, column: &str) -> Result<Option<Opco>, &'static str> {
    match row.get(column) {
        None => Err("a column is missing"),
        Some(Value::Null) => Ok(None),
        Some(Value::String(label)) if label.trim().is_empty() => Ok(None),
        Some(Value::String(label)) => Opco::from_siro_label(label.trim())
            .map(Some)
            .ok_or("an unknown OPCO"),
        Some(_) => Err("an OPCO that is no text"),
    }
}

/// Reads a text, or a number that lost its leading zeros when the column was typed.
fn text(value: Option<&Value>, digits: usize) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => number.as_u64().map(|number| format!("{number:0digits$}")),
        _ => None,
    }
}
