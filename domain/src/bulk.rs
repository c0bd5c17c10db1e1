//! One act upon many deliveries: where it stands, and what became of each of them.

use crate::opco::words;
use crate::person::Language;

/// Where an act upon many stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BulkState {
    /// Its deliveries are counted; nobody said to begin.
    Draft,
    /// Under way.
    Running,
    /// Stopped before its end: what was not reached stays as it was.
    Cancelled,
    /// Every delivery had its turn.
    Ended,
}

words!(BulkState {
    Draft = "draft",
    Running = "running",
    Cancelled = "cancelled",
    Ended = "ended",
});

/// Why an act was stopped before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Halt {
    /// A person stopped it.
    Person,
    /// The account of the person who began it was closed.
    AuthorClosed,
}

words!(Halt {
    Person = "person",
    AuthorClosed = "author_closed",
});

/// What became of one delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fate {
    /// The act was done.
    Done,
    /// It could not be done there, and that is no fault.
    Skipped,
    /// It should have been done.
    Failed,
}

words!(Fate {
    Done = "done",
    Skipped = "skipped",
    Failed = "failed",
});

/// Why the act was not done to a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Obstacle {
    /// Its state does not allow the act.
    NotNow,
    /// It stands elsewhere than when the deliveries were counted.
    Changed,
    /// The act needs something of each delivery that cannot be said for all.
    Missing,
    /// The role of the person who began does not act at its site.
    Forbidden,
    /// Another act upon many was done to it meanwhile.
    OtherBulk,
    /// It is there no more.
    Gone,
    /// The OPCO's number is another delivery's.
    NumberTaken,
    /// It was in other hands at each try.
    Busy,
    /// A fault of the gateway.
    Internal,
}

words!(Obstacle {
    NotNow = "not_now",
    Changed = "changed",
    Missing = "missing",
    Forbidden = "forbidden",
    OtherBulk = "other_bulk",
    Gone = "gone",
    NumberTaken = "number_taken",
    Busy = "busy",
    Internal = "internal",
});

impl BulkState {
    /// Returns whether nothing of it is still to come.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Cancelled | Self::Ended)
    }

    /// Returns what people call it.
    pub fn name(self, language: Language) -> &'static str {
        match self {
            Self::Draft => language.of("À confirmer", "To confirm"),
            Self::Running => language.of("En cours", "Under way"),
            Self::Cancelled => language.of("Arrêtée", "Stopped"),
            Self::Ended => language.of("Finie", "Finished"),
        }
    }
}

impl Halt {
    /// Says why nothing more is done.
    pub fn explained(self, language: Language) -> &'static str {
        match self {
            Self::Person => language.of("Une personne l'a arrêtée.", "A person stopped it."),
            Self::AuthorClosed => language.of(
                "Le compte de la personne qui l'a lancée a été désactivé : ce qui restait n'a pas été fait. \
                 Une autre personne peut lancer une nouvelle action sur ce qui reste.",
                "The account of the person who began it was disabled: what was left was not done. Somebody \
                 else can begin a new act upon what is left.",
            ),
        }
    }
}

impl Fate {
    /// Returns what people call it.
    pub fn name(self, language: Language) -> &'static str {
        match self {
            Self::Done => language.of("Faites", "Done"),
            Self::Skipped => language.of("Ignorées", "Skipped"),
            Self::Failed => language.of("En échec", "Failed"),
        }
    }
}

impl Obstacle {
    /// Returns what a delivery with this obstacle is counted as.
    pub fn fate(self) -> Fate {
        match self {
            Self::NumberTaken | Self::Busy | Self::Internal => Fate::Failed,
            _ => Fate::Skipped,
        }
    }

    /// Says why the act was not done.
    pub fn explained(self, language: Language) -> &'static str {
        match self {
            Self::NotNow => language.of(
                "Son état ne permet pas cet acte.",
                "Its state does not allow this act.",
            ),
            Self::Changed => language.of(
                "Son état a changé depuis le décompte.",
                "Its state has changed since it was counted.",
            ),
            Self::Missing => language.of(
                "Il faut une donnée propre à chacune (numéro de l'OPCO, mandat) : agissez sur sa page.",
                "It takes something of its own (the OPCO's number, a mandate): act on its page.",
            ),
            Self::Forbidden => language.of(
                "Le rôle de la personne qui a lancé l'action ne permet pas d'agir sur ce site.",
                "The role of the person who began does not act at this site.",
            ),
            Self::OtherBulk => language.of(
                "Une autre action groupée l'a traitée entre-temps.",
                "Another bulk action reached it meanwhile.",
            ),
            Self::Gone => language.of("Elle n'existe plus.", "It is there no more."),
            Self::NumberTaken => language.of(
                "Ce numéro est déjà celui d'une autre livraison.",
                "This number is another delivery's already.",
            ),
            Self::Busy => language.of(
                "Elle changeait à chaque essai : recommencez pour elle.",
                "It was changing at each try: do it again for this one.",
            ),
            Self::Internal => language.of(
                "Une erreur de la passerelle ; la cause est dans ses journaux.",
                "A fault of the gateway; its logs tell the cause.",
            ),
        }
    }
}
