//! Filing a contract (protocol §7): schema, business, book, ledger, then the answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use crate::answer::Reply;
use crate::book::{Filing, NotFiled, PairingKey};
use crate::etat::Version;
use crate::record::{Kind, LedgerEntry, Pairing};
use crate::refusal::Refusal;
use crate::schedule::Terms;
use crate::schema::{self, Contract};
use crate::sending;
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
    sending::told_to_refuse(call, "Le dossier est rejeté")?;
    let findings = schema::business(&contract);
    if !findings.is_empty() {
        return Err(Refusal::of_contract(findings));
    }
    let entry = enter_in_book(call, version, &key, contract)?;
    if !sending::write_down(call, &entry.ledger).await {
        call.desk.book().withdraw(entry.numero);
        return Err(sending::broken());
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
    schema::check(&call.json_body()?.json).map_err(Refusal::of_contract)
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
        kind: Kind::Dossier,
        natural_key: pairing.natural_key(),
        numero_interne: dossier.numero_interne(),
        numero_externe: dossier.numero_externe(),
        dossiers: Vec::new(),
        pairing,
        key: key.to_string(),
        arrival_ms: call.arrival_ms,
        virtual_ms: call.virtual_ms,
        headers,
        content_sha256: None,
        file: None,
        terms: Some(terms),
        retained: None,
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

pub(crate) fn kept_headers(call: &Call<'_>) -> BTreeMap<String, String> {
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

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::digits;

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
