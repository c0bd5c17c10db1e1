//! What an answer leaves to say: where two sources disagree, and where a weak one had to do.

use domain::route::RouteSource;
use domain::{Finding, Opco, Route, RouteOutcome, rules};
use opco::siro::{Hit, Line};

use super::agreement;
use super::{Employer, Routing};

/// One thing to say about an answer. None of them stops a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notice {
    /// ROU-003: only the agreement told the OPCO.
    FoundByAgreement,
    /// ROU-004: the sender names another OPCO than the reference.
    DeclaredDiffers {
        /// What the sender named.
        declared: Opco,
        /// What the reference says.
        found: Opco,
    },
    /// The contract's agreement leads to another OPCO than the answer.
    AgreementDiffers {
        /// What the agreement leads to.
        agreement: Opco,
        /// What was answered.
        found: Opco,
    },
    /// The network's override differs from the establishment's own line.
    OverrideDiffers {
        /// What the override names.
        chosen: Opco,
        /// What the line names.
        line: Opco,
    },
}

impl Notice {
    /// Returns it as a finding of the rule that comes nearest.
    pub(crate) fn finding(self) -> Finding {
        match self {
            Self::FoundByAgreement => rules::finding("ROU-003", "/cerfa/employeur/codeIdcc", &[]),
            Self::DeclaredDiffers { declared, found } => rules::opco_differs(declared, found),
            Self::AgreementDiffers { .. } | Self::OverrideDiffers { .. } => {
                let mut finding = rules::finding("ROU-004", "/cerfa/employeur/siret", &[]);
                finding.message = self.message();
                finding
            }
        }
    }

    /// Returns it in French, for the answer and the history.
    pub(crate) fn message(self) -> String {
        match self {
            Self::FoundByAgreement | Self::DeclaredDiffers { .. } => self.finding().message,
            Self::AgreementDiffers { agreement, found } => format!(
                "La convention collective du contrat relève de {}, l'établissement de {} : à \
                 vérifier.",
                agreement.name(),
                found.name()
            ),
            Self::OverrideDiffers { chosen, line } => format!(
                "Le rattachement enregistré par le réseau ({}) diffère de la table SIRET-OPCO de \
                 France compétences ({}).",
                chosen.name(),
                line.name()
            ),
        }
    }
}

/// Returns everything to say about an answer for an employer.
pub(crate) fn notices(routing: &Routing, employer: &Employer, route: &Route) -> Vec<Notice> {
    let mut notices = Vec::new();
    let Some(found) = route
        .opco
        .filter(|_| route.outcome == RouteOutcome::Resolved)
    else {
        return notices;
    };
    if route.source == RouteSource::Idcc {
        notices.push(Notice::FoundByAgreement);
    }
    if let Some(declared) = employer.declared.filter(|declared| *declared != found) {
        notices.push(Notice::DeclaredDiffers { declared, found });
    }
    if let Some(other) = agreement::firm(employer).filter(|other| *other != found) {
        notices.push(Notice::AgreementDiffers {
            agreement: other,
            found,
        });
    }
    if route.source == RouteSource::Override
        && let Ok(Hit::Line(Line {
            owner: Some(line), ..
        })) = routing.index().current().lookup(employer.siret)
        && line != found
    {
        notices.push(Notice::OverrideDiffers {
            chosen: found,
            line,
        });
    }
    notices
}
