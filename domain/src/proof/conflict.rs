//! What a witness says that cannot be true together with the log: somebody rewrote the log, put back an old copy
//! of it, or the witness is not what it was. Never for a program to settle.

use std::fmt;
use std::str::FromStr;

use crate::person::Language;

/// A contradiction, and how many events the witness says it saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conflict {
    /// It saw more events than the log has.
    Ahead(u64),
    /// It saw another log of the same size.
    Other(u64),
    /// No proof leads from what it saw to the log as it is.
    Fork(u64),
    /// It says it saw less than it vouched for before.
    Forgot(u64),
}

/// A text that is no conflict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a conflict of a witness")]
pub struct NotAConflict;

impl Conflict {
    /// Returns the stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ahead(_) => "ahead",
            Self::Other(_) => "other",
            Self::Fork(_) => "fork",
            Self::Forgot(_) => "forgot",
        }
    }

    /// Returns how many events the witness says it saw.
    pub fn seen(self) -> u64 {
        match self {
            Self::Ahead(seen) | Self::Other(seen) | Self::Fork(seen) | Self::Forgot(seen) => seen,
        }
    }

    /// Says it to a person.
    pub fn said(self, language: Language) -> String {
        let (fr, en) = (Language::Fr, Language::En);
        let vu = fr.counted(self.seen(), "événement", "événements");
        let seen = en.counted(self.seen(), "event", "events");
        let (french, english) = match self {
            Self::Ahead(_) => (
                format!("il a vu {vu}, plus que le journal n'en a"),
                format!("it saw {seen}, more than the log has"),
            ),
            Self::Other(_) => (
                format!("il a vu un autre journal de {vu}"),
                format!("it saw another log of {seen}"),
            ),
            Self::Fork(_) => (
                format!("il a vu {vu} que le journal ne prolonge pas"),
                format!("it saw {seen} from which the log does not go on"),
            ),
            Self::Forgot(_) => (
                format!("il dit n'avoir vu que {vu}, moins qu'il n'en a cosigné"),
                format!("it says it saw {seen} only, fewer than it cosigned"),
            ),
        };
        language.of(french, english)
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.as_str(), self.seen())
    }
}

impl FromStr for Conflict {
    type Err = NotAConflict;

    fn from_str(text: &str) -> Result<Self, NotAConflict> {
        let (word, seen) = text.split_once(' ').ok_or(NotAConflict)?;
        let seen = seen.parse().map_err(|_| NotAConflict)?;
        match word {
            "ahead" => Ok(Self::Ahead(seen)),
            "other" => Ok(Self::Other(seen)),
            "fork" => Ok(Self::Fork(seen)),
            "forgot" => Ok(Self::Forgot(seen)),
            _ => Err(NotAConflict),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conflict_is_read_as_it_is_written() {
        for conflict in [
            Conflict::Ahead(7),
            Conflict::Other(0),
            Conflict::Fork(u64::MAX),
            Conflict::Forgot(1),
        ] {
            assert_eq!(conflict.to_string().parse(), Ok(conflict));
            assert_ne!(conflict.said(Language::Fr), conflict.said(Language::En));
        }
        for text in ["", "ahead", "ahead x", "behind 7"] {
            assert_eq!(text.parse::<Conflict>(), Err(NotAConflict));
        }
    }
}
