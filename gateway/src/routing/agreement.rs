//! Step 5: what the collective agreements given for an employer lead to, together.

use domain::route::Candidate;
use domain::{Confidence, Opco};
use opco::reference::{self, Standing};
use opco::siro::IdccCode;

use super::Employer;

/// What the agreements given lead to, together.
pub(super) struct Verdict {
    /// Where they lead.
    pub(super) leads_to: Leads,
    /// The agreement, when there is exactly one that means something.
    pub(super) code: Option<IdccCode>,
    /// What to write in the trail.
    pub(super) said: Vec<String>,
}

/// Where the agreements lead.
pub(super) enum Leads {
    /// They name none.
    Nowhere,
    /// To one OPCO.
    To(Opco, Confidence),
    /// To several, or one of them is not known.
    Apart(Vec<Candidate>),
}

/// Returns the one OPCO the agreements firmly lead to, for comparing with another source.
pub(super) fn firm(employer: &Employer) -> Option<Opco> {
    match all(employer).leads_to {
        Leads::To(opco, Confidence::MediumHigh) => Some(opco),
        Leads::To(..) | Leads::Apart(_) | Leads::Nowhere => None,
    }
}

/// Reads the agreements given, by the table.
pub(super) fn all(employer: &Employer) -> Verdict {
    let mut verdict = Verdict {
        leads_to: Leads::Nowhere,
        code: None,
        said: Vec::new(),
    };
    let (mut firm, mut apart): (Vec<(Opco, Confidence)>, Vec<Candidate>) = (Vec::new(), Vec::new());
    let (mut meaningful, mut unknown) = (0, 0);
    for text in &employer.idcc {
        let known = IdccCode::read(text.as_bytes()).map(|code| (code, reference::agreement(code)));
        let Some((code, Some(agreement))) = known else {
            verdict
                .said
                .push("convention absente de la table".to_owned());
            unknown += 1;
            continue;
        };
        let said = match agreement.standing {
            Standing::Escape => format!("{code} ne désigne aucune convention"),
            Standing::Inoperative => format!("{code} ne mène à aucun OPCO, par règle"),
            Standing::Shared => format!("{code} est partagée par plusieurs OPCO"),
            Standing::Unique | Standing::Majority => format!("{code} mène à un seul OPCO"),
            Standing::AgreementOnly => format!("{code} menait à un seul OPCO en 2019"),
        };
        verdict.said.push(said);
        let confidence = match agreement.standing {
            Standing::Escape | Standing::Inoperative => continue,
            Standing::Shared => {
                apart.extend_from_slice(&agreement.candidates);
                meaningful += 1;
                verdict.code = Some(code);
                continue;
            }
            Standing::Unique | Standing::Majority => Confidence::MediumHigh,
            Standing::AgreementOnly => Confidence::Low,
        };
        meaningful += 1;
        verdict.code = Some(code);
        firm.extend(agreement.opco.map(|opco| (opco, confidence)));
    }
    if meaningful != 1 {
        verdict.code = None;
    }
    verdict.leads_to = together(&firm, apart, unknown);
    verdict
}

/// Puts together what several agreements say: one OPCO only if nothing speaks against it.
fn together(firm: &[(Opco, Confidence)], mut apart: Vec<Candidate>, unknown: usize) -> Leads {
    let Some((opco, mut confidence)) = firm.first().copied() else {
        return if apart.is_empty() {
            Leads::Nowhere
        } else {
            Leads::Apart(apart)
        };
    };
    let agree = firm.iter().all(|(other, _)| *other == opco);
    if agree && apart.is_empty() && unknown == 0 {
        for (_, other) in firm {
            confidence = confidence.min(*other);
        }
        return Leads::To(opco, confidence);
    }
    for (opco, _) in firm {
        if !apart.iter().any(|known| known.opco == *opco) {
            apart.push(Candidate {
                opco: *opco,
                weight: 0,
            });
        }
    }
    Leads::Apart(apart)
}
