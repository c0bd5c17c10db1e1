//! The full dossier as it is read (protocol §7): the contract with what the OPCO adds.

mod money;

use serde_json::{Map, Value, json};

use crate::book::{Account, Dossier};
use crate::etat::Version;
use crate::schedule::midnight;
use crate::settings::OpcoSettings;

/// The blocks that version 2 may name with a suffix (protocol §6.1).
const BLOCKS: [&str; 8] = [
    "employeur",
    "apprenti",
    "maitre1",
    "maitre2",
    "formation",
    "contrat",
    "organismeFormation",
    "organismeFormationLieuFormationPrincipal",
];

/// Writes a dossier, with its money if it has a schedule; `state` replaces its state when given.
pub(crate) fn write(
    (dossier, account): (&Dossier, Option<&Account>),
    version: Version,
    settings: &OpcoSettings,
    state: Option<&str>,
    now_ms: i64,
) -> Value {
    let deca = dossier.deca(now_ms);
    let mut cerfa = contract(dossier);
    if let Some(Value::Object(contrat)) = cerfa.get_mut("contrat") {
        contrat.insert("noContrat".to_owned(), json!(deca));
        contrat.insert("noAvenant".to_owned(), json!(dossier.initial.map(|_| "1")));
        contrat.insert(
            "dateRupture".to_owned(),
            json!(dossier.rupture.map(midnight)),
        );
    }
    if version == Version::V2 && settings.v2_suffix {
        for block in BLOCKS {
            if let Some(value) = cerfa.remove(block) {
                cerfa.insert(format!("{block}V2"), value);
            }
        }
    }
    let state = state.unwrap_or_else(|| dossier.etat.wire(version));
    for (name, value) in [
        ("numeroInterne", json!(dossier.numero_interne())),
        ("numeroExterne", json!(dossier.numero_externe())),
        ("numeroDeca", json!(deca)),
        ("etat", json!(state)),
        ("commentaireEtat", json!(dossier.commentaire)),
    ] {
        cerfa.insert(name.to_owned(), value);
    }
    let mut detail = Map::new();
    detail.insert("cerfa".to_owned(), Value::Object(cerfa));
    detail.insert("comment".to_owned(), Value::Null);
    // An engaged contract that is cancelled keeps no schedule.
    if let Some(account) = account {
        let money = money::write(account, &dossier.filing.terms.siret_cfa, settings);
        detail.extend(money.map(|(name, value)| (name.to_owned(), value)));
    } else {
        for (name, value) in [
            ("engagement", json!(0.0)),
            ("echeances", json!([])),
            ("detailsFacturation", Value::Null),
            ("engagementsFraisAnnexe", json!([])),
        ] {
            detail.insert(name.to_owned(), value);
        }
    }
    Value::Object(detail)
}

/// Returns the contract as it was filed, or what is left of it when bodies are not kept.
fn contract(dossier: &Dossier) -> Map<String, Value> {
    let filed = dossier.filing.body.as_ref().and_then(|body| {
        match serde_json::from_slice::<Map<String, Value>>(body)
            .ok()?
            .remove("cerfa")?
        {
            Value::Object(cerfa) => Some(cerfa),
            _ => None,
        }
    });
    filed.unwrap_or_else(|| {
        let pairing = dossier.filing.pairing.pairing();
        let terms = &dossier.filing.terms;
        let midnight_of = |day: &str| format!("{day}T00:00:00+00:00");
        let cerfa = json!({
            "employeur": {"siret": pairing.siret},
            "apprenti": {
                "nom": pairing.nom,
                "prenom": pairing.prenom,
                "dateNaissance": midnight_of(&pairing.date_naissance),
            },
            "contrat": {
                "typeContratApp": terms.type_contrat,
                "dateDebutContrat": midnight_of(&pairing.date_debut_contrat),
                "dateFinContrat": midnight(terms.fin),
            },
            "formation": {"typeDiplome": terms.diplome},
            "organismeFormation": {"siret": terms.siret_cfa},
        });
        match cerfa {
            Value::Object(cerfa) => cerfa,
            _ => Map::new(),
        }
    })
}
