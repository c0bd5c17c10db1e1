//! What of an OPCO's answer goes where it is kept in clear: states and references. They are words and numbers;
//! where one of them is a sentence, it may name somebody.

use domain::Etat;
use domain::echeancier::EtatFacture;
use domain::identifiers::{holds_number, without_numbers};
use domain::secret::MASK;

use crate::profile::Profile;

/// The state of which no word may be kept: it is one that nobody knows, and is told as such.
pub const UNREADABLE: &str = "ETAT_ILLISIBLE";

/// The longest state, the most words and the most digits of one: more is a sentence, or somebody's number.
const CHARS_MAX: usize = 40;
const WORDS_MAX: usize = 4;
const DIGITS_MAX: usize = 4;
/// The longest reference of a transfer.
const REFERENCE_CHARS_MAX: usize = 140;
/// What stands before a person's name.
const TITLES: [&str; 9] = [
    "m",
    "mr",
    "mme",
    "mlle",
    "mrs",
    "ms",
    "monsieur",
    "madame",
    "mademoiselle",
];

/// Returns a state as it may be kept: as it was spelled where that is a word, else the norm's word for it,
/// else [`UNREADABLE`].
pub(crate) fn etat(profile: &Profile, raw: String) -> String {
    if is_word(&raw) {
        raw
    } else {
        profile
            .etat(&raw)
            .map_or(UNREADABLE, Etat::as_str)
            .to_owned()
    }
}

/// The same of an invoice, whose states no profile spells.
pub(crate) fn etat_facture(raw: String) -> String {
    if is_word(&raw) {
        raw
    } else {
        EtatFacture::read(&raw)
            .map_or(UNREADABLE, EtatFacture::as_str)
            .to_owned()
    }
}

/// Returns a reference or a number as it may be told: cut, and without what is somebody's own number.
pub fn reference(text: &str) -> String {
    let hidden = without_numbers(text, MASK);
    match hidden.char_indices().nth(REFERENCE_CHARS_MAX) {
        Some((at, _)) => format!("{}…", hidden.get(..at).unwrap_or_default()),
        None => hidden,
    }
}

/// Whether a text is a few words of a list, and nobody's name or number as far as one can tell.
fn is_word(text: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | ' ');
    let digits = text.chars().filter(|c| c.is_numeric()).count();
    let words: Vec<&str> = text.split_whitespace().collect();
    let title = |word: &&str| TITLES.contains(&word.to_lowercase().as_str());
    // « Refus Dupont »: within a state, only a word written in capitals throughout begins with one.
    let name =
        |word: &&str| word.starts_with(char::is_uppercase) && word.chars().any(char::is_lowercase);
    !words.is_empty()
        && words.len() <= WORDS_MAX
        && digits <= DIGITS_MAX
        && text.chars().count() <= CHARS_MAX
        && text.chars().all(plain)
        && !words.iter().any(title)
        && !words.iter().skip(1).any(name)
        && !holds_number(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_that_is_a_word_is_kept_as_it_was_spelled() {
        for raw in [
            "ENGAGE",
            "Engagé",
            "en cours d-instruction",
            "EN_ATTENTE_PIECES",
            "EN ATTENTE PIECES CFA",
            "Etat 12",
            "RUTPURE",
        ] {
            assert!(is_word(raw), "{raw}");
        }
    }

    #[test]
    fn a_state_that_may_name_somebody_is_not() {
        for raw in [
            "",
            " ",
            "Dossier de Mme X, NIR 205049399999992",
            "Dossier de Mme X",
            "REFUS MME DUPONT",
            "Refus Dupont",
            "Rupture de Paul Martin",
            "RUPTURE 205049399999992",
            "RUPTURE 2 05 04 93 999 999 92",
            "12345",
            "refusé : voir M. Martin",
            "un état long de cinq mots",
            "x@opco.example",
            &"A".repeat(CHARS_MAX + 1),
        ] {
            assert!(!is_word(raw), "{raw}");
            assert_eq!(etat_facture(raw.to_owned()), UNREADABLE);
        }
        assert!(is_word(UNREADABLE) && domain::Etat::read(UNREADABLE).is_none());
    }

    #[test]
    fn a_reference_is_cut_and_hides_what_is_somebodys() {
        assert_eq!(reference("VIR-2026-000123"), "VIR-2026-000123");
        assert_eq!(reference("VIR 2/05/04/93/999/999/92"), "VIR ***");
        assert_eq!(reference("205049399999992"), "***");
        assert_eq!(reference("FR7630006000011234567890189 LOT 3"), "*** LOT 3");
        let long = reference(&"é".repeat(500));
        assert_eq!(long.chars().count(), REFERENCE_CHARS_MAX + 1);
    }
}
