//! The closed lists of words, as the published document names them.
//!
//! The words themselves are the domain's; these types exist only in the document.

use std::borrow::Cow;

use domain::person::Language;
use store::deliveries::Standing;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

macro_rules! documented {
    ($($name:ident: $description:literal, $words:expr;)+) => {$(
        /// A closed list of words in the published document.
        #[derive(Debug)]
        pub(crate) enum $name {}

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let object = ObjectBuilder::new()
                    .schema_type(Type::String)
                    .description(Some($description))
                    .enum_values(Some($words));
                RefOr::T(Schema::Object(object.build()))
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($name))
            }
        }
    )+};
}

documented! {
    Status: "Where a delivery stands.", domain::Status::ALL.iter().map(|w| w.as_str());
    WaitReason: "Why a delivery waits; it goes by itself.",
        domain::WaitReason::ALL.iter().map(|w| w.as_str());
    HoldReason: "Why a delivery is held for a person.",
        domain::HoldReason::ALL.iter().map(|w| w.as_str());
    Kind: "What a payload is.", domain::Kind::ALL.iter().map(|w| w.as_str());
    Environment: "Which world it belongs to.",
        domain::Environment::ALL.iter().map(|w| w.as_str());
    Opco: "An OPCO.", domain::Opco::ALL.iter().map(|opco| opco.slug());
    RouteOutcome: "How the search for an OPCO ended.",
        domain::RouteOutcome::ALL.iter().map(|w| w.as_str());
    Confidence: "How far an answer can be trusted.",
        domain::Confidence::ALL.iter().map(|w| w.as_str());
    RouteSource: "The step of the cascade that answered.",
        domain::route::RouteSource::ALL.iter().map(|w| w.as_str());
    Openness: "How far a capability is open.",
        domain::Openness::ALL.iter().map(|w| w.as_str());
    Severity: "How sure a rule is.", domain::Severity::ALL.iter().map(|w| w.as_str());
    Effect: "What a finding does to the payload.", domain::Effect::ALL.iter().map(|w| w.as_str());
    Etat: "Where a dossier stands at its OPCO.", domain::Etat::ALL.iter().map(|w| w.as_str());
    Fate: "What became of a dossier that no ERP sent.",
        domain::orphan::Fate::ALL.iter().map(|w| w.as_str());
    OrphanAction: "What a person may do to a dossier that no ERP sent.",
        domain::orphan::Action::ALL.iter().map(|w| w.as_str());
    Likeness: "Why two contracts look alike.",
        domain::matching::Reason::ALL.iter().map(|w| w.as_str());
    Mismatch: "What differs between two records of one contract.",
        domain::orphan::Mismatch::ALL.iter().map(|w| w.as_str());
    Door: "The door of a payload that belongs to a contract.", super::follow_ups::DOORS.iter().map(|(door, _)| *door);
    Action: "What a person may do to a delivery.",
        domain::delivery::Action::ALL.iter().map(|w| w.as_str());
}

/// Returns the stable word of why a delivery waits or is held.
pub(crate) fn reason(standing: &Standing) -> Option<&'static str> {
    let wait = standing.wait_reason.map(domain::WaitReason::as_str);
    wait.or(standing.hold_reason.map(domain::HoldReason::as_str))
}

/// The same of a delivery whose answer was lost and that nothing can look for.
pub(crate) const UNSEEN: &str = "Retenu : une personne doit agir. La réponse de l'OPCO est perdue, et la \
    norme n'a pas de lecture pour savoir s'il a reçu cet envoi : demandez-le-lui, puis « confirm-sent » \
    s'il l'a, « complete » s'il ne l'a pas (l'envoi repart), ou « cancel ».";

/// Says where a delivery stands, why, and what to do, in French.
pub(crate) fn explanation(standing: &Standing, fault: Option<domain::FaultKind>) -> String {
    if standing.status == domain::Status::Unknown && fault == Some(domain::FaultKind::Duplicate) {
        return "L'OPCO dit connaître déjà ce contrat : la passerelle vérifie lequel.".to_owned();
    }
    let wait = standing
        .wait_reason
        .map(|reason| reason.explained(Language::Fr));
    let hold = standing
        .hold_reason
        .map(|reason| reason.explained(Language::Fr));
    let status = standing.status.explained(Language::Fr);
    match wait.or(hold) {
        Some(reason) => format!("{status} {reason}"),
        None => status.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use domain::FaultKind;

    use super::*;

    #[test]
    fn a_double_told_by_the_opco_is_no_lost_answer() {
        let unknown = Standing::unknown("2026-09-01T08:00:00Z".parse().unwrap());
        let lost = explanation(&unknown, Some(FaultKind::Unavailable));
        assert!(lost.starts_with("Réponse de l'OPCO perdue"), "{lost}");
        let double = explanation(&unknown, Some(FaultKind::Duplicate));
        assert!(double.contains("connaître déjà"), "{double}");
    }
}
