//! The life of one accepted payload.

use crate::opco::words;

/// What a payload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A contract (CERFA).
    Dossier,
    /// A training agreement.
    Convention,
    /// An invoice.
    Facture,
    /// A certificate of completion.
    Certificat,
    /// Any other document.
    Document,
    /// An early termination.
    Rupture,
}

words!(Kind {
    Dossier = "dossier",
    Convention = "convention",
    Facture = "facture",
    Certificat = "certificat",
    Document = "document",
    Rupture = "rupture",
});

/// Which world a credential, key or delivery belongs to. The two never mix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Environment {
    /// Recette or a simulator.
    Test,
    /// Production.
    Live,
}

words!(Environment { Test = "test", Live = "live" });

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// Due: the next free deliverer takes it.
    Queued,
    /// In the hands of a deliverer, under a lease.
    Sending,
    /// Goes by itself later: see the reason and the instant.
    Waiting,
    /// A person must act: see the reason.
    Held,
    /// The answer was lost: it is looked for before anything else.
    Unknown,
    /// The OPCO took it.
    Delivered,
    /// The OPCO refused it.
    Rejected,
    /// Attempts are exhausted; a person can revive it.
    Dead,
    /// A person gave it up.
    Cancelled,
}

words!(Status {
    Queued = "queued",
    Sending = "sending",
    Waiting = "waiting",
    Held = "held",
    Unknown = "unknown",
    Delivered = "delivered",
    Rejected = "rejected",
    Dead = "dead",
    Cancelled = "cancelled",
});

impl Status {
    /// Returns whether nothing more happens unless a person acts on a finished delivery.
    pub fn is_final(self) -> bool {
        matches!(
            self,
            Self::Delivered | Self::Rejected | Self::Dead | Self::Cancelled
        )
    }
}

/// Why a delivery waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WaitReason {
    /// A temporary failure; tried again at the instant given.
    Retry,
    /// The OPCO's limit, or the key's.
    Limit,
    /// The OPCO is unwell; its lanes rest.
    Breaker,
    /// Only a live lookup can tell the OPCO.
    RouteLookup,
    /// An earlier payload of the same dossier goes first.
    Predecessor,
    /// The date from which it may go has not come.
    OpeningDate,
    /// The OPCO must first move its dossier on: a number, a commitment, a schedule.
    Dossier,
    /// The OPCO announced works: it is not called until they end.
    Maintenance,
}

words!(WaitReason {
    Retry = "retry",
    Limit = "limit",
    Breaker = "breaker",
    RouteLookup = "route_lookup",
    Predecessor = "predecessor",
    OpeningDate = "opening_date",
    Dossier = "dossier",
    Maintenance = "maintenance",
});

/// Why a delivery is held for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HoldReason {
    /// No OPCO is known for the employer (ROU-001).
    NoRoute,
    /// Several OPCOs are possible (ROU-002).
    AmbiguousRoute,
    /// The answer is too weak to file alone (medium confidence, suggestion only).
    WeakRoute,
    /// One OPCO owns the employer and another manages it.
    OwnerNotManager,
    /// The OPCO's flow is not open (ROU-005).
    FlowNotOpen,
    /// No active CFA key for this site at this OPCO (KEY-001), or the OPCO refuses the one we have.
    NoKey,
    /// No software credential for this OPCO (KEY-004), or the OPCO refuses it.
    NoSoftwareCredential,
    /// No management mandate on record (ELI-002).
    MandateMissing,
    /// It looks like a contract already sent (DUP-002).
    ProbableDuplicate,
    /// The answer was lost and looking could not settle it.
    OutcomeUnknown,
    /// The contract it belongs to was refused or given up.
    ContractMissing,
    /// Its own file cannot be read any more: lost, damaged, or destroyed.
    FileUnreadable,
    /// What the OPCO has told since it was taken speaks against it: the rules refuse it now.
    RulesBroken,
}

words!(HoldReason {
    NoRoute = "no_route",
    AmbiguousRoute = "ambiguous_route",
    WeakRoute = "weak_route",
    OwnerNotManager = "owner_not_manager",
    FlowNotOpen = "flow_not_open",
    NoKey = "no_key",
    NoSoftwareCredential = "no_software_credential",
    MandateMissing = "mandate_missing",
    ProbableDuplicate = "probable_duplicate",
    OutcomeUnknown = "outcome_unknown",
    ContractMissing = "contract_missing",
    FileUnreadable = "file_unreadable",
    RulesBroken = "rules_broken",
});

/// What a person may do to a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Try now instead of later, or again after a hold was mended.
    Retry,
    /// Give up.
    Cancel,
    /// Say which OPCO.
    ChooseOpco,
    /// Supply what was missing (a mandate), or confirm it is no duplicate.
    Complete,
    /// Start again after the attempts ran out or the OPCO refused.
    Revive,
    /// State that the OPCO has it, with its number.
    ConfirmSent,
}

words!(Action {
    Retry = "retry",
    Cancel = "cancel",
    ChooseOpco = "choose-opco",
    Complete = "complete",
    Revive = "revive",
    ConfirmSent = "confirm-sent",
});
