//! CFADock: one establishment or a hundred, answers matched by SIRET and never by place.

use std::collections::HashMap;

use domain::outcome::FaultKind;
use domain::{Fault, Opco, Siret, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};

use super::upstream::{Ask, Reply};
use super::{Certainty, Found, Heard, Said, Source};
use crate::siro::IdccCode;

/// The most establishments of one call, by its clients' own limit.
pub(super) const BATCH: usize = 100;
/// The most items read of one answer.
const MAX_ITEMS: usize = 2 * BATCH;

/// Asks about one establishment.
pub(super) fn encode_one(siret: Siret) -> Ask {
    Ask {
        method: Method::GET,
        target: format!("/api/opcos?siret={siret}"),
        accept: "application/json",
        api_key: None,
        body: None,
    }
}

/// Asks about up to [`BATCH`] establishments.
pub(super) fn encode_many(sirets: &[Siret]) -> Ask {
    let items = sirets
        .iter()
        .take(BATCH)
        .map(|siret| json!({ "siret": siret.as_str() }));
    Ask {
        method: Method::POST,
        target: "/api/opcos".to_owned(),
        accept: "text/plain",
        api_key: None,
        body: Some(Value::Array(items.collect())),
    }
}

/// Reads the answer about one establishment.
pub(super) fn decode_one(
    reply: &Reply,
    siret: Siret,
    now: Timestamp,
) -> Result<Option<Found>, &'static str> {
    match about(&reply.body) {
        Some(told) if told != siret.as_str() => Err("an answer about another establishment"),
        _ => item(&reply.body, now),
    }
}

/// Reads the answer about many. One odd item is that establishment's trouble alone, and one that is
/// not in `found` is unknown there.
pub(super) fn decode_many(
    reply: &Reply,
    sirets: &[Siret],
    now: Timestamp,
) -> Result<HashMap<Siret, Heard>, &'static str> {
    let body = reply.body.as_object().ok_or("not an object")?;
    let empty = Vec::new();
    let found = match body.get("found").or_else(|| body.get("Found")) {
        // Seen missing altogether: that says nothing, unless the other list is there.
        None if body.contains_key("notFound") || body.contains_key("NotFound") => &empty,
        Some(Value::Array(items)) => items,
        _ => return Err("no list of answers"),
    };
    let mut heard: HashMap<Siret, Heard> = sirets.iter().map(|siret| (*siret, Ok(None))).collect();
    for one in found.iter().take(MAX_ITEMS) {
        let Some(siret) = about(one).and_then(|text| text.parse::<Siret>().ok()) else {
            continue;
        };
        if let Some(slot) = heard.get_mut(&siret) {
            *slot = item(one, now)
                .map_err(|detail| Fault::new(FaultKind::Unreadable, format!("cfadock: {detail}")));
        }
    }
    Ok(heard)
}

/// Reads one item by its status; any other word, and no word at all, says nothing.
fn item(value: &Value, now: Timestamp) -> Result<Option<Found>, &'static str> {
    let status = key(value, "searchStatus")
        .or_else(|| key(value, "resultStatus"))
        .and_then(Value::as_str)
        .ok_or("no status")?;
    let said = match status.to_ascii_uppercase().as_str() {
        "OK" => Said::Owner {
            opco: opco(value)?,
            manager: None,
        },
        "MULTIPLE_OPCO" => Said::Several,
        "NOT_FOUND" => return Ok(None),
        _ => return Err("an unknown status"),
    };
    let idcc = match key(value, "idcc") {
        Some(Value::Number(number)) => number.as_u64().map(|number| number.to_string()),
        Some(Value::String(text)) => Some(text.clone()),
        _ => None,
    };
    let idcc = idcc.and_then(|text| IdccCode::read(text.as_bytes()));
    let (certainty, source) = (Certainty::Claimed, Source::Cfadock);
    Ok(Some(Found {
        said,
        certainty,
        idcc,
        source,
        at: now,
        stale: false,
    }))
}

/// Reads the OPCO by its SIREN, whose label changes from year to year (protocol §16); answers about
/// many were seen without it, so a closed list of labels stands in.
fn opco(value: &Value) -> Result<Opco, &'static str> {
    let siren = key(value, "opcoSiren")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .trim();
    if !siren.is_empty() {
        return Opco::from_siren(siren).ok_or("an unknown OPCO");
    }
    let name = key(value, "opcoName")
        .and_then(Value::as_str)
        .ok_or("no OPCO")?;
    named(name).ok_or("an unknown OPCO")
}

/// Finds an OPCO by a label that was really seen, without regard to case, accents and `OPCO `.
fn named(label: &str) -> Option<Opco> {
    let first = label.split('/').next().unwrap_or_default();
    let plain: String = first
        .trim()
        .to_uppercase()
        .chars()
        .map(unaccented)
        .collect();
    let plain = plain.strip_prefix("OPCO ").unwrap_or(&plain);
    Some(match plain {
        "AFDAS" => Opco::Afdas,
        "AKTO" => Opco::Akto,
        "ATLAS" => Opco::Atlas,
        "CONSTRUCTYS" | "CONSTRUCTION" => Opco::Constructys,
        "OCAPIAT" => Opco::Ocapiat,
        "EP" | "OPCOEP" | "ENTREPRISES DE PROXIMITE" => Opco::OpcoEp,
        "MOBILITES" => Opco::OpcoMobilites,
        "SANTE" => Opco::OpcoSante,
        "2I" | "OPCO2I" => Opco::Opco2i,
        "OPCOMMERCE" | "L'OPCOMMERCE" => Opco::Opcommerce,
        "UNIFORMATION" | "COHESION SOCIALE" | "UNIFORMATION COHESION SOCIALE" => Opco::Uniformation,
        _ => return None,
    })
}

fn unaccented(c: char) -> char {
    match c {
        'É' | 'È' | 'Ê' => 'E',
        '’' => '\'',
        c => c,
    }
}

/// Returns the SIRET an item is about.
fn about(value: &Value) -> Option<&str> {
    key(key(value, "filters")?, "siret")?.as_str()
}

/// Finds a field whose first letter may be a capital: both forms were seen.
fn key<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let object = value.as_object()?;
    object
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}
