//! A contract between the forms it takes: as it was read, as it is sealed, as it is compared.

use domain::dossier::Dossier;
use domain::matching::{self, Traits};
use domain::{DeliveryId, Secret, Siret};
use serde_json::Value;
use store::{Claimed, Fingerprint, NirPart, SealError, SealedPayload, TenantKey};

use crate::routing::{Employer, Naf, Nomenclature};

/// The purpose under which exact pairing texts are fingerprinted.
pub(crate) const PAIRING: &str = "pairing";

/// Where a written contract has its NIR.
const NIR: &str = "/cerfa/apprenti/nir";

/// A contract opened for one attempt.
pub(crate) struct Opened {
    /// The contract, its NIR back in place.
    pub(crate) dossier: Dossier,
    nir: Option<Secret>,
}

/// Why a sealed contract cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// The seal does not open.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// What was sealed is no contract: a fault of ours.
    #[error("a sealed payload is not a contract")]
    NotAContract,
}

/// Opens the contract of a claimed job.
pub(crate) fn open(keys: &TenantKey, job: &Claimed) -> Result<Opened, OpenError> {
    open_sealed(keys, job.delivery.id, &job.sealed)
}

/// Opens a sealed contract.
pub(crate) fn open_sealed(
    keys: &TenantKey,
    id: DeliveryId,
    sealed: &SealedPayload,
) -> Result<Opened, OpenError> {
    let open = keys.open_payload(id, sealed)?;
    let mut dossier = Dossier::read(&open.body)
        .map_err(|_| OpenError::NotAContract)?
        .dossier;
    let nir = match open.nir {
        NirPart::Present(nir) => Some(nir),
        NirPart::Absent => None,
    };
    if let Some(nir) = nir.as_ref().and_then(|nir| nir.expose().parse().ok()) {
        dossier.put_nir(nir);
    }
    Ok(Opened { dossier, nir })
}

/// Returns the text a contract is sealed as, its NIR taken out before.
pub(crate) fn sealed_form(dossier: &Dossier) -> String {
    // A tree of texts, numbers and truth values: writing it cannot fail.
    serde_json::to_string(&dossier.write()).unwrap_or_default()
}

/// Returns the text that a written contract is known by in the log, once hashed: without the NIR,
/// which is shredded before the rest and must not be guessed from what is left.
pub(crate) fn proven_text(written: &mut Value) -> String {
    let nir = written.pointer_mut(NIR).map(Value::take);
    let text = written.to_string();
    if let (Some(nir), Some(place)) = (nir, written.pointer_mut(NIR)) {
        *place = nir;
    }
    text
}

/// Returns the fifteen characters of the NIR.
pub(crate) fn nir(dossier: &Dossier) -> Option<Secret> {
    dossier
        .cerfa
        .apprenti
        .nir
        .as_ref()
        .map(|nir| Secret::new(nir.expose()))
}

/// Borrows what tells one contract from another.
pub(crate) fn traits<'a>(dossier: &'a Dossier, nir: Option<&'a Secret>) -> Option<Traits<'a>> {
    let cerfa = &dossier.cerfa;
    Some(Traits {
        nom: cerfa.apprenti.nom.as_deref()?,
        prenom: cerfa.apprenti.prenom.as_deref()?,
        date_naissance: cerfa.apprenti.date_naissance?,
        siret_employeur: cerfa.employeur.siret.as_ref().map(Siret::as_str)?,
        date_debut_contrat: cerfa.contrat.date_debut_contrat?,
        nir: nir.map(Secret::expose),
    })
}

/// Returns whether the contract amends another, whose pairing key it then shares.
pub(crate) fn is_avenant(dossier: &Dossier) -> bool {
    dossier
        .cerfa
        .contrat
        .type_contrat_app
        .is_some_and(|code| (31..=39).contains(&code))
}

/// Describes the employer to the cascade.
pub(crate) fn employer(
    dossier: &Dossier,
    siret: Siret,
    declared: Option<domain::Opco>,
) -> Employer {
    let cerfa = &dossier.cerfa.employeur;
    Employer {
        siret,
        idcc: dossier
            .idcc()
            .map(|idcc| idcc.to_string())
            .into_iter()
            .collect(),
        naf: dossier.naf().map(|naf| Naf {
            code: naf.to_string(),
            nomenclature: Nomenclature::Unstated,
        }),
        type_employeur: cerfa
            .type_employeur
            .and_then(|code| u16::try_from(code).ok()),
        declared,
    }
}

/// Reads a contract as an OPCO shows it.
pub(crate) fn of_wire(cerfa: &Value) -> Option<Dossier> {
    let body = serde_json::to_vec(&serde_json::json!({ "cerfa": cerfa })).ok()?;
    Some(Dossier::read(&body).ok()?.dossier)
}

/// Returns the pairing text of a contract as an OPCO shows it.
pub(crate) fn pairing_of_wire(cerfa: &Value) -> Option<String> {
    traits(&of_wire(cerfa)?, None).map(|traits| matching::pairing_text(&traits))
}

impl Opened {
    /// Borrows what tells it from another contract.
    pub(crate) fn traits(&self) -> Option<Traits<'_>> {
        traits(&self.dossier, self.nir.as_ref())
    }

    /// Returns the fingerprint of the contract's exact pairing key.
    pub(crate) fn pairing(&self, keys: &TenantKey) -> Option<Fingerprint> {
        let traits = self.traits()?;
        Some(keys.fingerprint(PAIRING, &matching::pairing_text(&traits)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_proven_of_a_contract_does_not_hang_on_its_nir() {
        let written = |nir: &str| json!({"cerfa": {"apprenti": {"nom": "MARTIN", "nir": nir}}});
        let mut one = written("205049399999992");
        let text = proven_text(&mut one);
        assert_eq!(one, written("205049399999992"), "it is sent as it was");
        assert_eq!(text, proven_text(&mut written("199999999999999")));
        assert!(text.contains("MARTIN") && !text.contains("205049399999992"));
    }
}
