//! Which OPCO for an employer: an answer as a record, with its reasons.

use serde::{Deserialize, Serialize};

use crate::opco::{Opco, words};

/// How an answer ended (data/README, cascade).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RouteOutcome {
    /// One OPCO.
    Resolved,
    /// Several are possible; see the candidates.
    Ambiguous,
    /// The reference lists the establishment without an OPCO.
    Unassigned,
    /// Nobody knows the establishment.
    Unknown,
    /// A public employer, which mostly has none.
    PublicEmployer,
    /// The live service could not answer; nothing was learnt.
    UpstreamUnavailable,
}

words!(RouteOutcome {
    Resolved = "resolved",
    Ambiguous = "ambiguous",
    Unassigned = "unassigned",
    Unknown = "unknown",
    PublicEmployer = "public_employer",
    UpstreamUnavailable = "upstream_unavailable",
});

/// How far an answer can be trusted, from the weakest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidence {
    /// Nothing to trust.
    None,
    /// A suggestion; never files alone.
    Low,
    /// Files alone only where the network allows it.
    Medium,
    /// From the agreement (IDCC): as medium for filing.
    MediumHigh,
    /// The reference table: files alone.
    High,
    /// A person of the network said so: files alone.
    Declared,
}

words!(Confidence {
    None = "none",
    Low = "low",
    Medium = "medium",
    MediumHigh = "medium_high",
    High = "high",
    Declared = "declared",
});

/// The step of the cascade that answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RouteSource {
    /// The network's own override.
    Override,
    /// The SIRO index, the establishment's own line.
    SiroSiret,
    /// The SIRO index, all other establishments of the company agreeing.
    SiroSiren,
    /// France compétences' live service.
    FranceCompetences,
    /// CFADock, where switched on.
    Cfadock,
    /// The collective agreement.
    Idcc,
    /// The activity code.
    Naf,
    /// The sender or a person chose it for this payload.
    Chosen,
    /// It is the OPCO of the contract the payload belongs to.
    Contract,
    /// No step answered.
    None,
}

words!(RouteSource {
    Override = "override",
    SiroSiret = "siro_siret",
    SiroSiren = "siro_siren",
    FranceCompetences = "france_competences",
    Cfadock = "cfadock",
    Idcc = "idcc",
    Naf = "naf",
    Chosen = "chosen",
    Contract = "contract",
    None = "none",
});

/// An OPCO that may be the one, and how much speaks for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// The operator.
    pub opco: Opco,
    /// How many establishments, or employers of a sample, point to it.
    pub weight: u64,
}

/// One step tried, and what it said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrailStep {
    /// Which step.
    pub step: RouteSource,
    /// What it said, in a few English words without personal data.
    pub said: String,
}

/// The answer for one employer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The employer's establishment.
    pub siret: String,
    /// The operator, when one is known.
    pub opco: Option<Opco>,
    /// The operator that manages for the owner, when the reference names one.
    pub managed_by: Option<Opco>,
    /// How the search ended.
    pub outcome: RouteOutcome,
    /// How far to trust it.
    pub confidence: Confidence,
    /// Which step answered.
    pub source: RouteSource,
    /// The day of the data that answered (`YYYY-MM-DD`).
    pub as_of: Option<String>,
    /// The collective agreement, four digits.
    pub idcc: Option<String>,
    /// The possible operators, when several.
    pub candidates: Vec<Candidate>,
    /// Every step tried, in order.
    pub trail: Vec<TrailStep>,
}
