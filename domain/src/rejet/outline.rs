//! What two refusals of one turn have in common: their words without the numbers, quotations and names
//! that differ from one to the next, and that may be somebody's.

use crate::matching::bare;

/// The longest outline, in characters.
const CHARS_MAX: usize = 400;
/// What stands for something hidden.
const HIDDEN: &str = "…";

/// Words that begin with a capital, or are written in capitals, and are no names.
const WORDS: &[&str] = &[
    "annexe",
    "annexes",
    "api",
    "apprenti",
    "apprentie",
    "bic",
    "cdd",
    "cdi",
    "cerfa",
    "certificat",
    "cfa",
    "champ",
    "cle",
    "code",
    "contrat",
    "convention",
    "date",
    "deca",
    "document",
    "dossier",
    "echeance",
    "employeur",
    "emetteur",
    "erp",
    "erreur",
    "etat",
    "facture",
    "fichier",
    "formation",
    "frais",
    "ht",
    "iban",
    "id",
    "idcc",
    "json",
    "le",
    "la",
    "les",
    "ligne",
    "lignes",
    "maitre",
    "mandat",
    "montant",
    "naf",
    "nir",
    "nom",
    "npec",
    "numero",
    "of",
    "opco",
    "organisme",
    "pdf",
    "prenom",
    "rib",
    "rncp",
    "rqth",
    "siren",
    "siret",
    "smic",
    "somme",
    "statut",
    "total",
    "ttc",
    "tva",
    "uai",
];

/// Returns the outline of a text. When in doubt it hides: whoever needs every word finds them with the
/// delivery.
pub fn outline(text: &str) -> String {
    let text: String = text.chars().take(CHARS_MAX.saturating_mul(2)).collect();
    let text = unquoted(&text);
    let words: Vec<&str> = text.split_whitespace().collect();
    // Of a text in capitals only, no name can be told from another word.
    let shouted = !text.chars().any(char::is_lowercase);
    let mut out: Vec<String> = Vec::with_capacity(words.len());
    let mut starts = true;
    for (place, word) in words.iter().enumerate() {
        let next_is_name = words.get(place + 1).is_some_and(|next| is_name(next));
        let capitals = core(word).chars().count() > 1 && !word.chars().any(char::is_lowercase);
        let named = is_name(word) && (!starts || next_is_name || capitals) && !shouted;
        if named || is_private(word) {
            // Several in a row are one: a name may have two words or four.
            if out.last().is_none_or(|last| last != HIDDEN) {
                out.push(HIDDEN.to_owned());
            }
        } else {
            out.push((*word).to_owned());
        }
        starts = word.ends_with(['.', '!', '?', ':', ';']);
    }
    out.join(" ").chars().take(CHARS_MAX).collect()
}

/// Hides what stands in quotation marks.
fn unquoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut until = None;
    for c in text.chars() {
        match (until, c) {
            (None, '«') => until = Some('»'),
            (None, '“') => until = Some('”'),
            (None, '"') => until = Some('"'),
            (None, c) => out.push(c),
            (Some(end), c) if c == end => {
                until = None;
                out.push(' ');
                out.push_str(HIDDEN);
                out.push(' ');
            }
            (Some(_), _) => {}
        }
    }
    if until.is_some() {
        out.push(' ');
        out.push_str(HIDDEN);
    }
    out
}

/// A number, an address, or what was hidden before.
fn is_private(word: &str) -> bool {
    word == HIDDEN || word.contains("***") || word.contains('@') || word.contains(char::is_numeric)
}

/// Begins with a capital and is no word of the trade; what an apostrophe joins counts without it.
fn is_name(word: &str) -> bool {
    let core = core(word);
    core.starts_with(char::is_uppercase) && !WORDS.contains(&bare(core).trim())
}

fn core(word: &str) -> &str {
    let core = word.trim_matches(|c: char| !c.is_alphanumeric());
    core.rsplit(['\'', '’']).next().unwrap_or(core)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_differs_between_two_refusals_of_one_turn_is_left_out() {
        for (text, kept) in [
            (
                "Le dossier 12345 de Léa Dupont est clos depuis le 01/09/2026",
                "Le dossier … de … est clos depuis le …",
            ),
            (
                "DUPONT Léa : l'âge n'est pas éligible",
                "… : l'âge n'est pas éligible",
            ),
            (
                "L'IBAN *** n'est pas celui de l'Échéance n° 2",
                "L'IBAN … n'est pas celui de l'Échéance n° …",
            ),
            (
                "Le champ « ville » vaut \"Angers\" : écrivez à aide@opco.example",
                "Le champ … vaut … : écrivez à …",
            ),
            ("Période non éligible", "Période non éligible"),
            ("Code erreur E042 (SIRET)", "Code erreur … (SIRET)"),
        ] {
            assert_eq!(outline(text), kept);
        }
    }

    #[test]
    fn the_keywords_of_the_common_table_stay() {
        let text = "L'échéance n'est pas ouverte, le montant TTC excède le plafond";
        assert_eq!(outline(text), text);
        let shouted = "PERIODE NON ELIGIBLE";
        assert_eq!(outline(shouted), shouted);
    }

    proptest! {
        #[test]
        fn no_number_survives(text in ".{0,200}") {
            let kept = outline(&text);
            prop_assert!(!kept.contains(char::is_numeric), "{}", kept);
            prop_assert!(kept.chars().count() <= CHARS_MAX);
        }
    }
}
