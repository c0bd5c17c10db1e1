//! The keywords by which a refusal is known. OPCOs send text, and no two the same.

use serde::Deserialize;

use super::Rejet;
use crate::matching::bare;
use crate::outcome::{Fault, FaultItem};

/// What must stand in a text for it to be a refusal.
///
/// Words are compared without case, accents or punctuation, and need not be whole: `inconnu` finds
/// *inconnue*. In configuration: `{ rejet = "FACTURE_DEJA_CONNUE", all = ["doublon"] }`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keywords {
    /// The refusal.
    pub rejet: Rejet,
    /// All of these must be there.
    pub all: Vec<String>,
    /// One of these must be there, when there are any.
    #[serde(default)]
    pub any: Vec<String>,
}

/// The table of keywords of one OPCO.
#[derive(Debug, Clone)]
pub struct Lexicon(Vec<Row>);

/// The messages of one refusal, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sorted<'a> {
    /// The refusals that are known, in the order told.
    pub known: Vec<Rejet>,
    /// The messages that are not.
    pub unknown: Vec<&'a FaultItem>,
}

#[derive(Debug, Clone)]
struct Row {
    rejet: Rejet,
    own: bool,
    all: Vec<String>,
    any: Vec<String>,
}

impl Row {
    /// Writes a row for a person: `deja + facture + (connu | transmis)`.
    fn shown(&self) -> String {
        let any = self.any.join(" | ");
        let any = match self.any.as_slice() {
            [] => None,
            [one] => Some(one.clone()),
            _ => Some(format!("({any})")),
        };
        let words: Vec<String> = self.all.iter().cloned().chain(any).collect();
        words.join(" + ")
    }
}

const ABSENT: &[&str] = &[
    "pas renseign",
    "non renseign",
    "absent",
    "manquant",
    "obligatoire",
    "vide",
    "requis",
    "pas fourni",
];
const DIFFERENT: &[&str] = &[
    "differ",
    "correspond pas",
    "pas identique",
    "incoheren",
    "pas celui",
    "autre que",
];
const UNKNOWN: &[&str] = &[
    "inconnu",
    "pas connu",
    "reconnu",
    "existe pas",
    "introuvable",
    "pas trouve",
    "non trouve",
    "pas referenc",
    "non referenc",
];
const NOT_OPEN: &[&str] = &[
    "pas ouvert",
    "non ouvert",
    "ouverture",
    "ouvrira",
    "prematur",
    "trop tot",
];
const EXCEEDS: &[&str] = &["exced", "depass", "superieur", "plafond", "au dela"];
const UNEXPECTED: &[&str] = &[
    "attendu",
    "correspond pas",
    "differ",
    "incorrect",
    "errone",
    "inattendu",
    "pas egal",
    "invalide",
];

/// The first row that fits decides, so that the more telling words come first.
const TABLE: &[(Rejet, &[&str], &[&str])] = &[
    (
        Rejet::FactureDejaConnue,
        &["deja", "facture"],
        &[
            "connu",
            "transmis",
            "recu",
            "enregistr",
            "exist",
            "depos",
            "integr",
            "presente",
        ],
    ),
    (Rejet::FactureDejaConnue, &["doublon", "facture"], &[]),
    (
        Rejet::FactureDejaConnue,
        &["numero", "facture", "deja utilise"],
        &[],
    ),
    (Rejet::IbanDifferentEcheance, &["iban"], DIFFERENT),
    (Rejet::IbanEmetteurAbsent, &["iban"], ABSENT),
    (Rejet::SiretDifferentEcheance, &["siret"], DIFFERENT),
    (Rejet::SiretEmetteurInconnu, &["siret"], UNKNOWN),
    (Rejet::NumeroExterneAbsent, &["externe", "dossier"], &[]),
    (Rejet::NumeroExterneAbsent, &["numero externe"], &[]),
    (Rejet::NumeroExterneAbsent, &["numero", "dossier"], ABSENT),
    (
        Rejet::FraisAnnexesPlafondDepasse,
        &["frais", "annexe"],
        EXCEEDS,
    ),
    (
        Rejet::FraisAnnexesPlafondDepasse,
        &["frais", "annexe", "engage"],
        &[],
    ),
    (
        Rejet::TotalDifferentSommeLignes,
        &["somme"],
        &["ligne", "total", "montant"],
    ),
    (
        Rejet::TotalDifferentSommeLignes,
        &["total", "lignes"],
        UNEXPECTED,
    ),
    (
        Rejet::MontantEcheanceInattendu,
        &["montant", "echeance"],
        UNEXPECTED,
    ),
    (Rejet::EcheanceNonOuverte, &["echeance"], NOT_OPEN),
    (Rejet::EcheanceInconnue, &["echeance"], UNKNOWN),
    (Rejet::MontantInattendu, &["montant"], UNEXPECTED),
];

impl Default for Lexicon {
    /// Returns the keywords of the FAQ's own texts and their usual turns.
    fn default() -> Self {
        Self::new(&[])
    }
}

impl Lexicon {
    /// Builds the table of an OPCO: its own keywords first, then the common ones. A row without a
    /// single word would know every text, and is left out.
    pub fn new(own: &[Keywords]) -> Self {
        let fold = |words: &[String]| -> Vec<String> {
            let folded = words.iter().map(|word| folded(word));
            folded.filter(|word| !word.is_empty()).collect()
        };
        let own = own.iter().map(|keywords| Row {
            rejet: keywords.rejet,
            own: true,
            all: fold(&keywords.all),
            any: fold(&keywords.any),
        });
        let texts = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        let common = TABLE.iter().map(|(rejet, all, any)| Row {
            rejet: *rejet,
            own: false,
            all: texts(all),
            any: texts(any),
        });
        let rows = own.filter(|row| !(row.all.is_empty() && row.any.is_empty()));
        Self(rows.chain(common).collect())
    }

    /// Returns the keywords by which a refusal is known, each row as a person reads it: the OPCO's own,
    /// or the common ones.
    pub fn keywords(&self, rejet: Rejet, own: bool) -> impl Iterator<Item = String> {
        let rows = self.0.iter();
        rows.filter(move |row| row.rejet == rejet && row.own == own)
            .map(Row::shown)
    }

    /// Tells which refusal a message of an OPCO is, by its code where it is one of ours, else by its
    /// words; nothing when neither is known.
    pub fn recognise(&self, item: &FaultItem) -> Option<Rejet> {
        let code = item.code.as_deref().unwrap_or_default().trim();
        if let Ok(rejet) = code.to_ascii_uppercase().parse() {
            return Some(rejet);
        }
        self.in_words(&item.text)
            .or_else(|| self.in_words(&code.replace('_', " ")))
    }

    /// Sorts the messages of a refusal: those that are known, each once, and those that are not, for
    /// an operator to look at.
    pub fn sort<'a>(&self, fault: &'a Fault) -> Sorted<'a> {
        let mut sorted = Sorted::default();
        for item in &fault.items {
            match self.recognise(item) {
                Some(rejet) if sorted.known.contains(&rejet) => {}
                Some(rejet) => sorted.known.push(rejet),
                None => sorted.unknown.push(item),
            }
        }
        sorted
    }

    fn in_words(&self, text: &str) -> Option<Rejet> {
        let text = folded(text);
        let there = |word: &String| text.contains(word.as_str());
        let fits = |row: &&Row| {
            row.all.iter().all(there) && (row.any.is_empty() || row.any.iter().any(there))
        };
        self.0.iter().find(fits).map(|row| row.rejet)
    }
}

/// Returns a text in lower case without accents or punctuation, single blanks between its words.
/// « N'a pas été ouverte » and « n'est pas ouverte » are one for the table.
fn folded(text: &str) -> String {
    let bare = bare(text);
    let words = bare
        .split(' ')
        .filter(|word| !matches!(*word, "" | "ete" | "encore"));
    words.collect::<Vec<_>>().join(" ")
}
