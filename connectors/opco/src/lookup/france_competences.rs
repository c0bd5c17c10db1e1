//! France compétences' service: what is asked, and what its codes mean.

use domain::{Opco, Siret, Timestamp};
use reqwest::Method;
use serde_json::Value;

use super::upstream::{Ask, Reply};
use super::{Certainty, Found, FranceCompetencesSettings, Said, Source};
use crate::siro::IdccCode;

/// How the service writes "not communicated".
const NOT_TOLD: &str = "N/C";

/// Asks about one establishment.
pub(super) fn encode(settings: &FranceCompetencesSettings, siret: Siret) -> Ask {
    Ask {
        method: Method::GET,
        target: settings.path.replace("{siret}", siret.as_str()),
        accept: "application/json",
        api_key: Some(("X-Gravitee-Api-Key", settings.api_key.clone())),
        body: None,
    }
}

/// Reads an answer: 01 in the reference table, 02 and 03 claimed by an OPCO, 99 unknown.
pub(super) fn decode(
    reply: &Reply,
    siret: Siret,
    now: Timestamp,
) -> Result<Option<Found>, &'static str> {
    let body = reply.body.as_object().ok_or("not an object")?;
    if let Some(told) = body.get("siret")
        && told.as_str() != Some(siret.as_str())
    {
        return Err("an answer about another establishment");
    }
    let certainty = match body.get("code").and_then(Value::as_str) {
        Some("01") => Certainty::Reference,
        Some("02" | "03") => Certainty::Claimed,
        Some("99") => return Ok(None),
        _ => return Err("an unknown code"),
    };
    let said = match opco(body.get("opcoRattachement"))? {
        Some(opco_named) => Said::Owner {
            opco: opco_named,
            manager: opco(body.get("opcoGestion"))?,
        },
        None => Said::NoOpco,
    };
    let idcc = body.get("idcc").and_then(Value::as_str).unwrap_or_default();
    let idcc = IdccCode::read(idcc.as_bytes());
    Ok(Some(Found {
        said,
        certainty,
        idcc,
        source: Source::FranceCompetences,
        at: now,
        stale: false,
    }))
}

/// Reads a code and a name, which must not name two different OPCOs.
fn opco(told: Option<&Value>) -> Result<Option<Opco>, &'static str> {
    let told = match told {
        None | Some(Value::Null) => return Ok(None),
        Some(told) => told,
    };
    let code = told
        .get("code")
        .and_then(Value::as_str)
        .ok_or("an OPCO without a code")?;
    if code == NOT_TOLD || code.is_empty() {
        return Ok(None);
    }
    let opco = Opco::from_fc_code(code).ok_or("an unknown OPCO")?;
    let name = told
        .get("nom")
        .and_then(Value::as_str)
        .and_then(Opco::from_siro_label);
    if name.is_some_and(|name| name != opco) {
        return Err("a code and a name of two OPCOs");
    }
    Ok(Some(opco))
}
