//! Faults planted in the product, one for each way in which a promise could be broken: a suite that
//! shows a promise must fail when one of them is on.
//!
//! Without the feature `failpoints` this is nothing at all.

/// A line of the product turned wrong. The variable `CFA_GATEWAY_MUTATION` of a test's process turns
/// on one of them, by its name in kebab case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mutation {
    /// The 202 does not wait for the commit.
    AnswerBeforeCommit,
    /// What failed for a while is cancelled instead of waiting for its next attempt.
    DropFailed,
    /// What a dead process had in hand is left lying.
    ForgetReclaimed,
    /// A lost answer counts as a failure: written again without a look.
    ReplayLost,
    /// What a dead process had in hand counts as never sent.
    ReclaimedIsDue,
    /// Each payload is alone in its lane, whatever dossier it belongs to.
    LaneOfItsOwn,
    /// Whoever called last is believed to call again, with any key.
    TenantForgotten,
    /// A network that has work is served again before the others.
    FirstComeFirstServed,
    /// Calls leave twice as fast as allowed.
    DoubleLimit,
    /// `Retry-After` delays the refused payload and nothing else.
    ForgetRetryAfter,
    /// `Retry-After` is known to the process that was told, and to no other.
    SilenceUntold,
    /// Each replica takes the whole limit for its own.
    UnsharedLimit,
    /// A failure that may pass is read as a refusal.
    HiccupRejects,
    /// A look that could not tell counts as one that found nothing.
    BlindIsAbsent,
    /// Only the first finding is told.
    FirstFindingOnly,
    /// A finding does not say where.
    PointerDropped,
    /// The CFA key is in the log.
    PrintKey,
    /// The NIR is in an event.
    NirInEvent,
    /// What an attempt came to has no event.
    EventDropped,
    /// The feed leaves out an event.
    FeedSkips,
    /// What was sent leaves no hash.
    HashDropped,
    /// The last event of a log is in no tree.
    LeafLeftOut,
    /// An audit tells of nothing that it found.
    AuditBlind,
    /// A proof is believed whoever signed it.
    AnyKeyTrusted,
    /// What no read shows is sent again after a lost answer, though the profile says to hold it.
    UnseenResent,
    /// An invoice whose answer was lost is sent again without a look.
    InvoiceUnlooked,
    /// What follows a contract stands in a line of its own, not behind it.
    FollowUpAhead,
    /// An invoice does not wait for its dossier.
    InvoiceAhead,
    /// A webhook's position moves although the ERP did not take what is before it.
    NewsForgotten,
    /// A webhook is signed with a secret that the ERP does not have.
    NewsUnsigned,
    /// A webhook may lead anywhere.
    AnyAddress,
    /// What a file holds is in the log.
    PrintFile,
}

impl Mutation {
    /// The name a test uses.
    #[cfg(feature = "failpoints")]
    fn name(self) -> &'static str {
        match self {
            Self::AnswerBeforeCommit => "answer-before-commit",
            Self::DropFailed => "drop-failed",
            Self::ForgetReclaimed => "forget-reclaimed",
            Self::ReplayLost => "replay-lost",
            Self::ReclaimedIsDue => "reclaimed-is-due",
            Self::LaneOfItsOwn => "lane-of-its-own",
            Self::TenantForgotten => "tenant-forgotten",
            Self::FirstComeFirstServed => "first-come-first-served",
            Self::DoubleLimit => "double-limit",
            Self::ForgetRetryAfter => "forget-retry-after",
            Self::SilenceUntold => "silence-untold",
            Self::UnsharedLimit => "unshared-limit",
            Self::HiccupRejects => "hiccup-rejects",
            Self::BlindIsAbsent => "blind-is-absent",
            Self::FirstFindingOnly => "first-finding-only",
            Self::PointerDropped => "pointer-dropped",
            Self::PrintKey => "print-key",
            Self::NirInEvent => "nir-in-event",
            Self::EventDropped => "event-dropped",
            Self::FeedSkips => "feed-skips",
            Self::HashDropped => "hash-dropped",
            Self::LeafLeftOut => "leaf-left-out",
            Self::AuditBlind => "audit-blind",
            Self::AnyKeyTrusted => "any-key-trusted",
            Self::UnseenResent => "unseen-resent",
            Self::InvoiceUnlooked => "invoice-unlooked",
            Self::FollowUpAhead => "follow-up-ahead",
            Self::InvoiceAhead => "invoice-ahead",
            Self::NewsForgotten => "news-forgotten",
            Self::NewsUnsigned => "news-unsigned",
            Self::AnyAddress => "any-address",
            Self::PrintFile => "print-file",
        }
    }
}

/// Returns whether this fault is planted: never, in the product.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub(crate) const fn planted(_mutation: Mutation) -> bool {
    false
}

/// Returns whether this fault is planted in this process.
#[cfg(feature = "failpoints")]
pub(crate) fn planted(mutation: Mutation) -> bool {
    #[expect(clippy::disallowed_methods, reason = "a test's switch, not a setting")]
    static WANTED: std::sync::LazyLock<Option<String>> =
        std::sync::LazyLock::new(|| std::env::var("CFA_GATEWAY_MUTATION").ok());
    WANTED.as_deref() == Some(mutation.name())
}
