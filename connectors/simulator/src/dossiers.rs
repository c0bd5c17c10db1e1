//! The routes of contracts: filing, states, full dossiers, validity of a key (protocol §7, §14).

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::date;
use serde::Serialize;
use serde_json::{Value, json};

use crate::answer::Reply;
use crate::book::{Dossier, Filing, NotFiled, PairingKey, day_of};
use crate::detail;
use crate::digits;
use crate::etat::Version;
use crate::fault::FaultKind;
use crate::identity::{Standing, fingerprint};
use crate::record::{self, LedgerEntry, Pairing};
use crate::refusal::Refusal;
use crate::schedule::Terms;
use crate::schema::{self, Contract};
use crate::settings::{Capability, Duplicates};
use crate::wire::Call;

/// The headers written in the ledger: they tell attempts apart and hold no secret.
const KEPT_HEADERS: [&str; 8] = [
    "editeur",
    "logiciel",
    "version",
    "user-agent",
    "traceparent",
    "x-request-id",
    "x-correlation-id",
    "idempotency-key",
];
/// The longest header value kept, in bytes.
const LONGEST_HEADER: usize = 256;
/// The most numbers `dossiers/liste` takes.
const MOST_NUMEROS: usize = 100;
/// A state in no list.
const UNKNOWN_STATE: &str = "EN_ATTENTE_PIECES";

/// Files a contract.
pub(crate) async fn file(
    call: &Call<'_>,
    version: Version,
    key: Arc<str>,
) -> Result<Reply, Refusal> {
    let contract = read(call)?;
    let amends = contract.type_contrat >= 31;
    if amends {
        call.open(Capability::Avenant)?;
    }
    let siren = call.desk.identity.key(&key).and_then(|record| record.siren);
    if siren.is_some_and(|siren| !contract.siret_cfa.starts_with(&siren)) {
        let text = "Le SIRET du CFA ne correspond pas à la clé utilisée";
        return Err(Refusal::one(403, "CLE_CFA_INVALIDE", text));
    }
    let findings = schema::business(&contract);
    if !findings.is_empty() {
        return Err(Refusal::of_contract(findings));
    }
    let entry = enter_in_book(call, version, &key, contract)?;
    if let Some(ledger) = &call.sim.ledger
        && !ledger.append(record::line(&entry.ledger)).await
    {
        call.desk.book().withdraw(entry.numero);
        return Err(Refusal::one(500, "OPCO_INDISPONIBLE", "Erreur interne"));
    }
    call.desk.book().confirm(entry.numero);
    call.numero.set(Some(entry.ledger.numero_interne.clone()));
    let filed = Numeros {
        numero_interne: &entry.ledger.numero_interne,
        numero_externe: &entry.ledger.numero_externe,
        numero_deca: None,
    };
    Ok(Reply::json(200, &filed))
}

fn read(call: &Call<'_>) -> Result<Contract, Refusal> {
    let json = call.header("content-type").is_some_and(|kind| {
        kind.get(..16)
            .is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"))
    });
    if !json {
        let text = "Le corps doit être en application/json";
        return Err(Refusal::one(415, "REQUETE_ILLISIBLE", text));
    }
    let body: Value = serde_json::from_slice(&call.body).map_err(|error| {
        let text = format!(
            "JSON illisible, ligne {}, colonne {}",
            error.line(),
            error.column()
        );
        Refusal::one(400, "REQUETE_ILLISIBLE", text)
    })?;
    schema::check(&body).map_err(Refusal::of_contract)
}

/// A contract in the book, not yet in the ledger.
struct Entered {
    numero: u64,
    ledger: LedgerEntry,
}

fn enter_in_book(
    call: &Call<'_>,
    version: Version,
    key: &Arc<str>,
    contract: Contract,
) -> Result<Entered, Refusal> {
    let keep = call.sim.settings.keep_payloads;
    let headers = kept_headers(call);
    let pairing = Pairing {
        nom: contract.nom,
        prenom: contract.prenom,
        date_naissance: contract.date_naissance.to_string(),
        siret: contract.siret_employeur,
        date_debut_contrat: contract.debut.to_string(),
    };
    let terms = Terms {
        debut: contract.debut,
        fin: contract.fin,
        diplome: contract.diplome,
        type_contrat: contract.type_contrat,
        mostly_remote: contract.mostly_remote,
        handicap: contract.handicap,
        siret_cfa: contract.siret_cfa,
        deca_stem: deca_stem(&contract.code_postal_employeur, contract.debut),
    };
    let filing = Filing {
        version,
        key: Arc::clone(key),
        pairing: PairingKey::from(&pairing),
        terms: terms.clone(),
        body: keep.then(|| Box::from(&*call.body)),
        headers: keep.then(|| headers.clone()),
        amends: contract.precedent.filter(|_| contract.type_contrat >= 31),
        arrival_ms: call.arrival_ms,
        virtual_ms: call.virtual_ms,
    };
    let refuse_doubles = call.settings.duplicates != Duplicates::Accept;
    let filed = call
        .desk
        .book()
        .file(filing, call.settings.progress, refuse_doubles);
    let dossier = filed.map_err(|error| match error {
        NotFiled::Double { numero } => double(call, &numero),
        NotFiled::NoInitial => Refusal::one(
            400,
            "DOSSIER_INCONNU",
            "Le contrat initial de l'avenant est inconnu",
        ),
    })?;
    let ledger = LedgerEntry {
        opco: call.desk.facts.slug.to_owned(),
        version,
        numero_interne: dossier.numero_interne(),
        numero_externe: dossier.numero_externe(),
        pairing,
        key: key.to_string(),
        arrival_ms: call.arrival_ms,
        virtual_ms: call.virtual_ms,
        headers,
        terms,
    };
    Ok(Entered {
        numero: dossier.numero,
        ledger,
    })
}

fn double(call: &Call<'_>, numero: &str) -> Refusal {
    let status = if call.settings.duplicates == Duplicates::Refuse {
        409
    } else {
        400
    };
    let text = format!("Un dossier identique a déjà été transmis (dossier {numero})");
    Refusal::one(status, "DOSSIER_DOUBLON", text)
}

fn kept_headers(call: &Call<'_>) -> BTreeMap<String, String> {
    KEPT_HEADERS
        .iter()
        .filter_map(|name| {
            let value = call.header(name)?;
            let value = value.get(..LONGEST_HEADER).unwrap_or(value);
            Some(((*name).to_owned(), value.to_owned()))
        })
        .collect()
}

/// Returns the first nine characters of a deposit number: department on three, year, month.
fn deca_stem(code_postal: &str, debut: jiff::civil::Date) -> String {
    let department = match code_postal.as_bytes() {
        // Corsica's post codes begin with 20: 200 and 201 in the south, the others in the north.
        [b'2', b'0', b'0' | b'1', ..] => "02A".to_owned(),
        [b'2', b'0', ..] => "02B".to_owned(),
        // The form knows 971 to 974 and 976 overseas.
        [b'9', b'7', b'1'..=b'4' | b'6', ..] => code_postal.get(..3).unwrap_or("971").to_owned(),
        [b'9', b'7' | b'8', ..] => "971".to_owned(),
        _ => format!("0{}", code_postal.get(..2).unwrap_or("00")),
    };
    format!("{department}{:04}{:02}", debut.year(), debut.month())
}

/// The answer to a contract that was taken.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "these are the norm's words")]
struct Numeros<'a> {
    numero_interne: &'a str,
    numero_externe: &'a str,
    numero_deca: Option<&'a str>,
}

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
    let unknown = call.within(FaultKind::UnknownState);
    let unknown = unknown.map(|fault| fault.text.unwrap_or_else(|| UNKNOWN_STATE.to_owned()));
    let empty = call.within(FaultKind::EmptyList).is_some();
    let page = match (version, call.parameter("numeroPage")) {
        (Version::V1, _) | (Version::V2, None) => 1,
        (Version::V2, Some(page)) => page
            .parse::<usize>()
            .ok()
            .filter(|page| *page >= 1)
            .ok_or_else(|| {
                Refusal::one(
                    400,
                    "REQUETE_ILLISIBLE",
                    "numeroPage doit être un entier à partir de 1",
                )
            })?,
    };
    let size = usize::try_from(call.settings.page_size.max(1)).unwrap_or(usize::MAX);
    let repeated = version == Version::V2 && call.within(FaultKind::RepeatedPage).is_some();
    let window = match version {
        Version::V1 => (0, usize::MAX),
        Version::V2 if repeated => (0, size),
        Version::V2 => (size.saturating_mul(page - 1), size),
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
    let unknown = call.within(FaultKind::UnknownState);
    let unknown = unknown.map(|fault| fault.text.unwrap_or_else(|| UNKNOWN_STATE.to_owned()));
    let now_ms = call.sim.clock.now_ms();
    detail::write(dossier, version, &call.settings, unknown.as_deref(), now_ms)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deposit_number_has_the_form_of_the_norm_everywhere() {
        let debut = date(2026, 9, 1);
        for (code_postal, department) in [
            ("93000", "093"),
            ("20000", "02A"),
            ("20200", "02B"),
            ("97400", "974"),
            ("98800", "971"),
        ] {
            let stem = deca_stem(code_postal, debut);
            assert_eq!(stem, format!("{department}202609"));
            assert!(digits::is_deca(&format!("{stem}000001")), "{stem}");
        }
    }
}
