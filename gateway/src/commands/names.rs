//! What the words that machines read are called by people, in French: by the dashboard's names, and by those
//! of the command line where a page says it in a sentence.

use admin_api::names;
use domain::person::{Language, PersonState, Role};
use domain::rejet::Rejet;
use domain::route::{RouteOutcome, RouteSource};
use domain::{
    Confidence, Effect, Environment, Etat, HoldReason, Instance, Opco, Openness, Status, WaitReason,
};
use store::keys::KeyState;

const FRENCH: Language = Language::Fr;

/// Names a world.
pub(crate) fn world(environment: Environment) -> String {
    names::world(environment, FRENCH).to_owned()
}

/// Names a system of an OPCO.
pub(crate) fn system(instance: Instance) -> String {
    names::system(instance)
}

/// Names an OPCO by its stable word; another word stays as it is.
pub(crate) fn opco(word: &str) -> String {
    match word.parse::<Opco>() {
        Ok(known) => known.name().to_owned(),
        Err(_) => word.to_owned(),
    }
}

/// Names a state of a dossier by its stable word; another text stays as it is.
pub(crate) fn etat(word: &str) -> String {
    let known: Option<Etat> = word.parse().ok();
    known.map_or_else(|| word.to_owned(), |etat| etat.name(FRENCH).to_owned())
}

/// Returns the stable word of a system: its number only where there are several.
pub(crate) fn system_word(instance: Instance) -> String {
    match instance.number {
        1 => instance.opco.slug().to_owned(),
        _ => instance.to_string(),
    }
}

/// Names where a CFA key stands.
pub(crate) fn key_state(state: KeyState) -> String {
    names::key_state(state, FRENCH).to_owned()
}

/// Says what a trial of a key came to.
pub(crate) fn probe(result: Option<&str>) -> String {
    names::probe(result, FRENCH).to_owned()
}

/// Names where an account stands.
pub(crate) fn person_state(state: PersonState) -> String {
    names::person_state(state, FRENCH).to_owned()
}

/// Names a role.
pub(crate) fn role(role: Role) -> &'static str {
    names::role(role, FRENCH)
}

/// Says how far a flow is open.
pub(crate) fn openness(openness: Openness) -> String {
    names::openness(openness, FRENCH).to_owned()
}

/// Says what a rule does.
pub(crate) fn effect(effect: Effect) -> String {
    names::effect(effect, FRENCH).to_owned()
}

/// Says what a credential may do.
pub(crate) fn permissions(words: &[String]) -> String {
    let said: Vec<&str> = words
        .iter()
        .map(|word| names::permission(word, FRENCH))
        .collect();
    said.join(", ")
}

/// Says why an invoice was refused; the reason is one of the norm's, or none of them.
pub(crate) fn refusal(reason: Option<Rejet>) -> &'static str {
    reason.map_or("motif inconnu", |reason| reason.advice().message)
}

/// Says where a delivery stands and why, in a few words, from the words of the API.
pub(crate) fn standing(status: &str, reason: Option<&str>) -> String {
    let Ok(status) = status.parse::<Status>() else {
        return status.to_owned();
    };
    let held = || reason.and_then(|word| word.parse().ok()).map(held);
    let waits = || reason.and_then(|word| word.parse().ok()).map(waits);
    let why = match status {
        Status::Held => held(),
        Status::Waiting => waits(),
        _ => None,
    };
    let name = status.name(FRENCH);
    why.map_or_else(|| name.to_owned(), |why| format!("{name} : {why}"))
}

/// Says in a few words why a person must act.
pub(crate) fn held(reason: HoldReason) -> &'static str {
    match reason {
        HoldReason::NoRoute => "aucun OPCO connu",
        HoldReason::AmbiguousRoute => "plusieurs OPCO possibles",
        HoldReason::WeakRoute => "OPCO incertain",
        HoldReason::OwnerNotManager => "rattachement ≠ gestion",
        HoldReason::FlowNotOpen => "flux non ouvert",
        HoldReason::NoKey => "pas de clé CFA",
        HoldReason::NoSoftwareCredential => "pas de compte logiciel",
        HoldReason::MandateMissing => "mandat absent",
        HoldReason::ProbableDuplicate => "doublon probable",
        HoldReason::OutcomeUnknown => "sort inconnu",
        HoldReason::ContractMissing => "contrat absent",
        HoldReason::RulesBroken => "règle non respectée",
        HoldReason::FileUnreadable => "fichier illisible",
    }
}

/// Says in a few words what it waits for.
fn waits(reason: WaitReason) -> &'static str {
    match reason {
        WaitReason::Retry => "nouvel essai prévu",
        WaitReason::Limit => "limite d'appels",
        WaitReason::Breaker => "OPCO au repos",
        WaitReason::RouteLookup => "recherche de l'OPCO",
        WaitReason::Predecessor => "un envoi le précède",
        WaitReason::OpeningDate => "date à venir",
        WaitReason::Dossier => "avancée du dossier",
        WaitReason::Maintenance => "OPCO en maintenance",
    }
}

/// Says what the search for an OPCO came to.
pub(crate) fn outcome(outcome: RouteOutcome) -> &'static str {
    match outcome {
        RouteOutcome::Resolved => "trouvé",
        RouteOutcome::Ambiguous => "plusieurs possibles",
        RouteOutcome::Unassigned => "sans OPCO",
        RouteOutcome::Unknown => "inconnu",
        RouteOutcome::PublicEmployer => "employeur public",
        RouteOutcome::UpstreamUnavailable => "service muet",
    }
}

/// Says how far an answer can be trusted.
pub(crate) fn confidence(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::None => "aucune",
        Confidence::Low => "faible",
        Confidence::Medium => "moyenne",
        Confidence::MediumHigh => "assez forte",
        Confidence::High => "forte",
        Confidence::Declared => "déclaré",
    }
}

/// Names what an answer comes from.
pub(crate) fn source(source: RouteSource) -> &'static str {
    match source {
        RouteSource::Override => "décision du réseau",
        RouteSource::SiroSiret => "table, par SIRET",
        RouteSource::SiroSiren => "table, par SIREN",
        RouteSource::FranceCompetences => "France compétences",
        RouteSource::Cfadock => "CFADock",
        RouteSource::Idcc => "convention (IDCC)",
        RouteSource::Naf => "activité (NAF)",
        RouteSource::Chosen => "choisi à l'envoi",
        RouteSource::Contract => "OPCO du contrat",
        RouteSource::None => "aucune",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_delivery_stands_is_said_without_a_word_of_the_api() {
        let all = Status::ALL.iter().map(|status| (*status, None));
        let held = HoldReason::ALL
            .iter()
            .map(|reason| (Status::Held, Some(reason.as_str())));
        let waits = WaitReason::ALL
            .iter()
            .map(|reason| (Status::Waiting, Some(reason.as_str())));
        for (status, reason) in all.chain(held).chain(waits) {
            let said = standing(status.as_str(), reason);
            assert!(
                !said.contains(status.as_str()) && !said.contains('_'),
                "{said}"
            );
            assert_eq!(said.contains(" : "), reason.is_some(), "{said}");
        }
        assert_eq!(standing("nouveau", None), "nouveau");
    }
}
