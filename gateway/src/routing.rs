//! The cascade from an employer's SIRET to its OPCO: which sources are asked, in which order, and
//! what their answers are worth. The sources themselves are in the crate `opco`.
//!
//! | # | step | confidence |
//! |---|---|---|
//! | 1 | override of the network, for the SIRET then the SIREN | declared |
//! | 2 | the SIRO index, the establishment's own line | high |
//! | – | the OPCO the sender names with the payload, where step 2 names none | declared |
//! | 3 | the SIRO index, every other line of the company agreeing | medium |
//! | 4 | the live services | high, or medium for a claim |
//! | 5 | the agreement (IDCC) | medium-high, low for one without establishments |
//! | 6 | the activity (NAF rév. 2) | low: a suggestion |
//! | 7 | nobody knows | none |
//!
//! Step 0, the form of the SIRET, is the type [`Siret`]. The sender's word stands *below* the
//! establishment's own line: it has neither author nor reason, and an ERP's record is stale more
//! often than the table is wrong. Who knows better records an override.

mod agreement;
mod live;
mod local;
mod notices;
mod reload;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use domain::route::{RouteSource, TrailStep};
use domain::{Confidence, HoldReason, Opco, Route, RouteOutcome, Siren, Siret, Timestamp};
use opco::siro::{self, Holder, Index};

pub(crate) use self::live::{COULD_NOT_TELL, resolve_live};
pub(crate) use self::local::resolve_local;
pub(crate) use self::notices::{Notice, notices};
use self::reload::Watched;
pub(crate) use self::reload::follow;

/// Where a person finds an employer's OPCO when the gateway does not.
pub(crate) const WHERE_TO_ASK: &str = "https://quel-est-mon-opco.francecompetences.fr";

/// What the cascade reads. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Routing {
    index: Arc<Holder>,
    live: Option<Arc<opco::lookup::Lookup>>,
    /// The file the index came from; none for the sample.
    file: Option<Arc<Watched>>,
}

/// What a payload, or a person at the command line, tells about an employer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Employer {
    /// The establishment.
    pub(crate) siret: Siret,
    /// The agreements named, as they were written; a contract names one.
    pub(crate) idcc: Vec<String>,
    /// The activity code, with its nomenclature when it is known.
    pub(crate) naf: Option<Naf>,
    /// The CERFA's employer type; 21 to 29 are public.
    pub(crate) type_employeur: Option<u16>,
    /// The OPCO the sender names with the payload.
    pub(crate) declared: Option<Opco>,
}

/// An activity code. The official one becomes NAF 2025 on 1 January 2027, in the same form and
/// with another meaning, so a code without its nomenclature is trusted until then only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Naf {
    /// The code, `62.02A` or `6202A`.
    pub(crate) code: String,
    /// Which nomenclature it belongs to.
    pub(crate) nomenclature: Nomenclature,
}

/// The list an activity code comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nomenclature {
    /// NAF rév. 2, of 2008.
    Rev2,
    /// NAF 2025.
    Naf2025,
    /// Nobody said.
    Unstated,
}

/// What a network decided for one establishment or one company. Belongs to that network alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RouteOverride {
    /// Whom it is about.
    pub(crate) target: Target,
    /// The OPCO to use.
    pub(crate) opco: Opco,
    /// The first instant it holds.
    pub(crate) from: Timestamp,
    /// The first instant it no longer holds.
    pub(crate) until: Option<Timestamp>,
}

/// Whom an override is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// One establishment.
    Establishment(Siret),
    /// Every establishment of a company.
    Company(Siren),
}

/// What to do with a contract, given the answer for its employer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filing {
    /// File it there.
    Go(Opco),
    /// Ask the live services first, or once more: nothing final was learnt.
    Lookup,
    /// A person must say.
    Hold(HoldReason),
}

/// Why the configured index cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RoutingError {
    /// The file cannot be opened.
    #[error("{path} : {source}", path = path.display())]
    Index {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: siro::OpenError,
    },
    /// The sample that ships with the gateway does not open.
    #[error(transparent)]
    Sample(#[from] siro::Damaged),
}

impl Routing {
    /// Reads from an index, and from the live services when there are any.
    pub(crate) fn new(index: Index, live: Option<Arc<opco::lookup::Lookup>>) -> Self {
        Self {
            index: Arc::new(Holder::new(index)),
            live,
            file: None,
        }
    }

    /// Opens the index of a file, or the sample that ships with the gateway.
    pub(crate) fn open(
        file: Option<PathBuf>,
        live: Option<Arc<opco::lookup::Lookup>>,
    ) -> Result<Self, RoutingError> {
        let Some(path) = file else {
            return Ok(Self::new(siro::sample()?, live));
        };
        let watched = Watched::new(path.clone());
        let index = Index::open(&path).map_err(|source| RoutingError::Index { path, source })?;
        let file = Some(Arc::new(watched));
        Ok(Self {
            file,
            ..Self::new(index, live)
        })
    }

    /// Returns the holder of the index, to swap in a new file.
    pub(crate) fn index(&self) -> &Holder {
        &self.index
    }
}

impl Employer {
    /// An establishment of which nothing else is known.
    pub(crate) fn new(siret: Siret) -> Self {
        Self {
            siret,
            idcc: Vec::new(),
            naf: None,
            type_employeur: None,
            declared: None,
        }
    }

    /// Returns whether it looks public: most of these have no OPCO, yet some do.
    fn looks_public(&self) -> bool {
        self.siret.as_str().starts_with(['1', '2'])
            || self
                .type_employeur
                .is_some_and(|code| (21..=29).contains(&code))
    }
}

/// Decides what a contract does with the answer. `allow_medium` is the network's choice to file on
/// medium confidence; low never files, and where owner and manager differ a person must ask which
/// of the two receives the contract (data notes, open question).
pub(crate) fn filing(route: &Route, allow_medium: bool) -> Filing {
    let hold = |reason| {
        if may_still_learn(route) {
            Filing::Lookup
        } else {
            Filing::Hold(reason)
        }
    };
    match (route.outcome, route.opco) {
        (RouteOutcome::Resolved, Some(opco)) => {
            let chosen = matches!(route.source, RouteSource::Override | RouteSource::Chosen);
            if !chosen && route.managed_by.is_some_and(|manager| manager != opco) {
                return Filing::Hold(HoldReason::OwnerNotManager);
            }
            match route.confidence {
                Confidence::Declared | Confidence::High => Filing::Go(opco),
                Confidence::Medium | Confidence::MediumHigh if contested(route, opco) => {
                    hold(HoldReason::AmbiguousRoute)
                }
                // The live services come before the agreement in the cascade.
                Confidence::MediumHigh if !asked_live(route) => Filing::Lookup,
                Confidence::Medium | Confidence::MediumHigh if allow_medium => Filing::Go(opco),
                Confidence::Medium
                | Confidence::MediumHigh
                | Confidence::Low
                | Confidence::None => hold(HoldReason::WeakRoute),
            }
        }
        (RouteOutcome::Ambiguous, _) if route.source == RouteSource::SiroSiret => {
            Filing::Hold(HoldReason::AmbiguousRoute)
        }
        (RouteOutcome::Ambiguous, _) => hold(HoldReason::AmbiguousRoute),
        (RouteOutcome::Unassigned, _) => Filing::Hold(HoldReason::NoRoute),
        (RouteOutcome::UpstreamUnavailable, _) => Filing::Lookup,
        (RouteOutcome::Resolved | RouteOutcome::Unknown | RouteOutcome::PublicEmployer, _) => {
            hold(HoldReason::NoRoute)
        }
    }
}

/// Returns whether another source speaks for another OPCO.
fn contested(route: &Route, opco: Opco) -> bool {
    route
        .candidates
        .iter()
        .any(|candidate| candidate.opco != opco)
}

/// Returns whether the trail tells of the live step at all; one that is not configured says so.
fn asked_live(route: &Route) -> bool {
    live_steps(route).next().is_some()
}

/// Returns whether asking the live services, or asking them again, can tell more.
fn may_still_learn(route: &Route) -> bool {
    live_steps(route)
        .last()
        .is_none_or(|step| step.said.starts_with(COULD_NOT_TELL))
}

fn live_steps(route: &Route) -> impl Iterator<Item = &TrailStep> {
    let live =
        |step: RouteSource| matches!(step, RouteSource::FranceCompetences | RouteSource::Cfadock);
    route.trail.iter().filter(move |step| live(step.step))
}
