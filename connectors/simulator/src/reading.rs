//! The reads: states, full dossiers, validity of a key (protocol §7, §14). Those of invoices are in
//! [`factures`].

pub(crate) mod factures;

use std::sync::Arc;

use jiff::civil::date;
use serde::Serialize;
use serde_json::{Value, json};

use crate::answer::Reply;
use crate::book::{Dossier, PairingKey, day_of};
use crate::detail;
use crate::digits;
use crate::etat::Version;
use crate::fault::FaultKind;
use crate::identity::{Standing, fingerprint};
use crate::record::Pairing;
use crate::refusal::Refusal;
use crate::schema;
use crate::wire::Call;

/// The most numbers `dossiers/liste` takes.
const MOST_NUMEROS: usize = 100;
/// A state in no list.
const UNKNOWN_STATE: &str = "EN_ATTENTE_PIECES";

/// A page of states in version 2.
#[derive(Serialize)]
struct EtatPage {
    total: usize,
    count: usize,
    page: usize,
    #[serde(rename = "EtatDossierResult")]
    items: Vec<EtatItem>,
}

/// An item of the lists of states.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EtatItem {
    numero_interne: String,
    numero_externe: String,
    numero_deca: Option<String>,
    etat: String,
}

/// Lists the states of the key's dossiers: all at once in version 1, by pages in version 2.
pub(crate) fn etats(call: &Call<'_>, version: Version, key: &Arc<str>) -> Result<Reply, Refusal> {
    let unknown = unknown_state(call);
    let empty = call.within(FaultKind::EmptyList).is_some();
    let (page, window) = match version {
        Version::V1 => (1, (0, usize::MAX)),
        Version::V2 => asked_page(call)?,
    };
    let reading = call.sim.reading(&call.settings);
    let mut items = Vec::new();
    let mut total = call.desk.book().list(key, reading, window, |dossier| {
        items.push(EtatItem {
            numero_interne: dossier.numero_interne(),
            numero_externe: dossier.numero_externe(),
            numero_deca: dossier.deca(reading.now_ms),
            etat: unknown
                .clone()
                .unwrap_or_else(|| dossier.etat.wire(version).to_owned()),
        });
    });
    if empty {
        items.clear();
        total = 0;
    }
    if version == Version::V1 {
        return Ok(Reply::json(200, &items));
    }
    let page = EtatPage {
        total,
        count: items.len(),
        page,
        items,
    };
    if call.within(FaultKind::WrappedPage).is_some() {
        return Ok(Reply::json(200, &[page]));
    }
    Ok(Reply::json(200, &page))
}

/// Returns the page asked for, and which items it has.
fn asked_page(call: &Call<'_>) -> Result<(usize, (usize, usize)), Refusal> {
    let page = match call.parameter("numeroPage") {
        None => 1,
        Some(page) => page
            .parse::<usize>()
            .ok()
            .filter(|page| *page >= 1)
            .ok_or_else(|| {
                let text = "numeroPage doit être un entier à partir de 1";
                Refusal::one(400, "REQUETE_ILLISIBLE", text)
            })?,
    };
    let size = usize::try_from(call.settings.page_size.max(1)).unwrap_or(usize::MAX);
    let skip = if call.within(FaultKind::RepeatedPage).is_some() {
        0
    } else {
        size.saturating_mul(page - 1)
    };
    Ok((page, (skip, size)))
}

/// Shows one full dossier, by its number or by its pairing key.
pub(crate) fn detail(call: &Call<'_>, version: Version, key: &Arc<str>) -> Result<Reply, Refusal> {
    let reading = call.sim.reading(&call.settings);
    let found = if let Some(numero) = call.parameter("numeroInterne") {
        call.desk.book().read(key, &numero, reading)
    } else {
        let pairing = PairingKey::from(&asked_pairing(call)?);
        call.desk.book().paired(key, &pairing, reading)
    };
    // What the caller wrote goes in the log only when it is a number of ours.
    call.numero.set(found.as_ref().map(Dossier::numero_interne));
    let dossier = found.ok_or_else(|| Refusal::not_found(call.desk.facts.errors))?;
    Ok(Reply::json(200, &shown(call, version, &dossier)))
}

fn shown(call: &Call<'_>, version: Version, dossier: &Dossier) -> Value {
    let unknown = unknown_state(call);
    let at = call.sim.reading(&call.settings);
    let account = {
        let mut book = call.desk.book();
        if call.within(FaultKind::ReissuedSchedule).is_some() {
            book.reissue_next(dossier.numero, at);
        }
        book.account(dossier.numero, at)
    };
    let seen = (dossier, account.as_ref());
    detail::write(seen, version, &call.settings, unknown.as_deref(), at.now_ms)
}

/// Returns the state that stands for every other, if a fault says so.
fn unknown_state(call: &Call<'_>) -> Option<String> {
    let fault = call.within(FaultKind::UnknownState)?;
    Some(fault.text.unwrap_or_else(|| UNKNOWN_STATE.to_owned()))
}

fn asked_pairing(call: &Call<'_>) -> Result<Pairing, Refusal> {
    let ask = |name: &str| {
        call.parameter(name).ok_or_else(|| {
            let text = format!("Le paramètre {name} est obligatoire sans numeroInterne");
            Refusal::one(400, "REQUETE_ILLISIBLE", text)
        })
    };
    let ask_day = |name: &str| {
        // A `+` of a date-time may come as a space; only the day counts (protocol §3.4).
        let text = ask(name)?;
        schema::day(text.get(..10).unwrap_or_default())
            .map(|day| day.to_string())
            .ok_or_else(|| {
                Refusal::one(
                    400,
                    "REQUETE_ILLISIBLE",
                    format!("Le paramètre {name} n'est pas une date"),
                )
            })
    };
    Ok(Pairing {
        nom: ask("nom")?,
        prenom: ask("prenom")?,
        date_naissance: ask_day("dateNaissance")?,
        siret: ask("siret")?,
        date_debut_contrat: ask_day("dateDebutContrat")?,
    })
}

/// Shows several full dossiers; the unknown ones are left out.
pub(crate) fn liste(call: &Call<'_>, key: &Arc<str>) -> Result<Reply, Refusal> {
    let numeros = call.parameter("numerosInternes").ok_or_else(|| {
        Refusal::one(
            400,
            "REQUETE_ILLISIBLE",
            "Le paramètre numerosInternes est obligatoire",
        )
    })?;
    let numeros: Vec<&str> = numeros.split(',').map(str::trim).collect();
    if numeros.len() > MOST_NUMEROS {
        let text = format!("{MOST_NUMEROS} numéros au plus");
        return Err(Refusal::one(400, "REQUETE_ILLISIBLE", text));
    }
    let reading = call.sim.reading(&call.settings);
    let found: Vec<Dossier> = {
        let mut book = call.desk.book();
        numeros
            .iter()
            .filter_map(|numero| book.read(key, numero, reading))
            .collect()
    };
    let details: Vec<Value> = found
        .iter()
        .map(|dossier| shown(call, Version::V1, dossier))
        .collect();
    Ok(Reply::json(200, &details))
}

/// Tells whether a key is good. The key comes in the query, and goes nowhere from there.
pub(crate) fn key_info(call: &Call<'_>) -> Result<Reply, Refusal> {
    let ask = |name: &str| {
        call.parameter(name).ok_or_else(|| {
            let text = format!("Le paramètre {name} est obligatoire");
            Refusal::one(400, "REQUETE_ILLISIBLE", text)
        })
    };
    let siren = ask("siren")?;
    let key = fingerprint(ask("XAPIKEY")?.as_bytes());
    if !digits::is_siren(&siren) {
        return Err(Refusal::one(400, "REQUETE_ILLISIBLE", "SIREN invalide"));
    }
    let today = day_of(call.virtual_ms);
    let record = call.desk.identity.key(&key);
    let expired = call.within(FaultKind::ExpiredKey).is_some();
    let standing = if expired {
        Standing::Expired
    } else {
        call.desk
            .identity
            .standing(&key, today, call.sim.settings.strict)
    };
    let attached = record.as_ref().and_then(|record| record.siren.as_ref());
    let comment = match standing {
        Standing::Unknown | Standing::Revoked => Some("Clé CFA invalide"),
        Standing::Expired => Some("Clé CFA expirée"),
        Standing::Good if attached.is_some_and(|own| *own != siren) => {
            Some("Clé CFA attribuée à un autre SIREN")
        }
        Standing::Good => None,
    };
    // Unless registered with a date, a key is good until the end of next year.
    let end = match (&record, expired) {
        (_, true) => today.yesterday().ok(),
        (Some(record), _) if record.expires.is_some() => record.expires,
        _ => Some(date(today.year().saturating_add(1).min(9999), 12, 31)),
    };
    let known = !matches!(standing, Standing::Unknown | Standing::Revoked);
    Ok(Reply::json(
        200,
        &json!({
            "status": if comment.is_none() { "success" } else { "error" },
            "dateFinValidite": end.filter(|_| known).map(|end| end.to_string()),
            "comment": comment,
        }),
    ))
}
