//! Whether two contracts are the same: the normalised pairing text, and how alike two near ones are.
//!
//! The norm pairs a dossier by five fields spelled alike, and misses it when the spelling differs
//! (protocol §5). The texts here are what the store keeps keyed fingerprints of; the score tells
//! what a shared fingerprint is worth.

mod fold;

use jiff::civil::Date;

use crate::dossier::Pairing;
use crate::identifiers::Nir;
use crate::opco::words;
use crate::person::Language;
pub(crate) use fold::bare;
pub use fold::{fold, folded_eq};

/// From this score on, two contracts are held as a probable duplicate (DUP-002).
pub const HOLD_AT: u8 = 80;
/// Below this score, two contracts are not worth a word.
pub const TELL_AT: u8 = 40;
/// Contracts that start this many days apart may be one contract whose start was moved.
const NEAR_START_DAYS: i32 = 31;

/// What tells a contract from another (protocol §5), borrowed from a payload.
#[derive(Clone, Copy)]
pub struct Traits<'a> {
    /// Birth name of the apprentice.
    pub nom: &'a str,
    /// First given name of the apprentice.
    pub prenom: &'a str,
    /// Birth date of the apprentice.
    pub date_naissance: Date,
    /// Establishment of the employer, fourteen digits.
    pub siret_employeur: &'a str,
    /// First day of the contract.
    pub date_debut_contrat: Date,
    /// Social security number of the apprentice, when known; thirteen or fifteen characters.
    pub nir: Option<&'a str>,
}

impl<'a> Traits<'a> {
    /// Borrows the traits of a payload; the NIR comes apart, since it may be sealed apart.
    pub fn new(pairing: &'a Pairing, nir: Option<&'a Nir>) -> Self {
        Self {
            nom: &pairing.nom,
            prenom: &pairing.prenom,
            date_naissance: pairing.date_naissance,
            siret_employeur: pairing.siret_employeur.as_str(),
            date_debut_contrat: pairing.date_debut_contrat,
            nir: nir.map(Nir::expose),
        }
    }
}

/// How alike two contracts are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Likeness {
    /// From 0 (nothing in common) to 100 (the same pairing text).
    pub score: u8,
    /// What differs, or what is shared.
    pub reason: Reason,
}

/// Why two contracts look alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The same pairing text: DUP-001.
    Same,
    /// Names in each other's place.
    SwappedNames,
    /// One letter of a name.
    OneLetter,
    /// One name is a part of the other (particle, compound name).
    PartOfName,
    /// Day and month of the birth date in each other's place.
    DayMonthSwapped,
    /// One digit of the birth date.
    BirthDate,
    /// The same social security number, and other keys differ.
    SameNir,
    /// The same person with another employer or another start.
    OtherContract,
    /// Another person.
    Different,
}

words!(Reason {
    Same = "same",
    SwappedNames = "swapped_names",
    OneLetter = "one_letter",
    PartOfName = "part_of_name",
    DayMonthSwapped = "day_month_swapped",
    BirthDate = "birth_date",
    SameNir = "same_nir",
    OtherContract = "other_contract",
    Different = "different",
});

impl Reason {
    /// Returns what the reason says to people.
    pub fn name(self, language: Language) -> &'static str {
        let english = match self {
            Self::Same => "the same names, birth date, employer and first day",
            Self::SwappedNames => "names in each other's place",
            Self::OneLetter => "one letter of a name differs",
            Self::PartOfName => "one name is a part of the other",
            Self::DayMonthSwapped => "day and month of birth in each other's place",
            Self::BirthDate => "one digit of the birth date differs",
            Self::SameNir => "the same social security number, the rest differs",
            Self::OtherContract => "the same person, another employer or first day",
            Self::Different => "other persons",
        };
        language.of(self.french(), english)
    }

    /// Returns what the reason says to people, in French.
    pub fn french(self) -> &'static str {
        match self {
            Self::Same => "mêmes nom, prénom, date de naissance, employeur et date de début",
            Self::SwappedNames => "nom et prénom inversés",
            Self::OneLetter => "une seule lettre de différence dans le nom ou le prénom",
            Self::PartOfName => "un nom ou un prénom composé écrit en partie seulement",
            Self::DayMonthSwapped => "jour et mois de naissance inversés",
            Self::BirthDate => "un seul chiffre de différence dans la date de naissance",
            Self::SameNir => "même NIR, autres éléments différents",
            Self::OtherContract => "même personne, autre employeur ou autre date de début",
            Self::Different => "personnes différentes",
        }
    }
}

/// Returns the text whose fingerprint is the norm's pairing key: two contracts that differ only in
/// accents, case, spaces, hyphens, apostrophes or detached particles give the same text.
pub fn pairing_text(traits: &Traits<'_>) -> String {
    format!(
        "{}|{}|{}|{}|{}",
        fold(traits.nom),
        fold(traits.prenom),
        traits.date_naissance,
        traits.siret_employeur,
        traits.date_debut_contrat
    )
}

/// Returns the texts whose fingerprints find near duplicates: the person by NIR; the contract by
/// birth date, employer and start; the person by names in any order and birth date.
///
/// Birth dates have day and month in a fixed order, so that a swap does not hide a twin.
pub fn near_texts(traits: &Traits<'_>) -> [Option<String>; 3] {
    let birth = unordered(traits.date_naissance);
    [
        traits.nir.and_then(nir_text),
        Some(format!(
            "{birth}|{}|{}",
            traits.siret_employeur, traits.date_debut_contrat
        )),
        Some(person_text(
            traits.nom,
            traits.prenom,
            traits.date_naissance,
        )),
    ]
}

/// Returns the text whose fingerprint finds the contracts of a social security number, with or without
/// its key; nothing for an empty one.
pub fn nir_text(nir: &str) -> Option<String> {
    let core = nir_core(nir);
    (!core.is_empty()).then(|| format!("nir|{}", core.to_ascii_uppercase()))
}

/// Returns the text whose fingerprint finds the contracts of a person by names, in any order, and birth
/// date.
pub fn person_text(nom: &str, prenom: &str, date_naissance: Date) -> String {
    let birth = unordered(date_naissance);
    let mut names = [fold(nom), fold(prenom)];
    names.sort_unstable();
    let [one, two] = names;
    format!("{one}|{two}|{birth}")
}

/// Returns the text by which a person is told from whoever resembles them: each name in its place, and the
/// birth date as it is.
pub fn identity_text(nom: &str, prenom: &str, date_naissance: Date) -> String {
    format!("{}|{}|{date_naissance}", fold(nom), fold(prenom))
}

/// Returns how alike two contracts are, and why. Symmetric.
pub fn score(a: &Traits<'_>, b: &Traits<'_>) -> Likeness {
    let names = names(a, b);
    let birth = births(a.date_naissance, b.date_naissance);
    let nir = nirs(a.nir, b.nir);
    let (contract, same_contract) = contracts(a, b);
    let mut person = names.weight() + birth.weight();
    match nir {
        Some(true) => person = person.max(95),
        // Two valid numbers are two persons: twins share all the rest.
        Some(false) => person = person.min(40),
        None => {}
    }
    let score = u8::try_from(person * contract / 100).unwrap_or(100);
    let exact = names == Names::Same && birth == Births::Same;
    let reason = match (names, birth) {
        _ if exact && same_contract && nir != Some(false) => Reason::Same,
        _ if exact && nir != Some(false) => Reason::OtherContract,
        (Names::Different, _) | (_, Births::Different) if nir == Some(true) => Reason::SameNir,
        (_, Births::Different) => Reason::Different,
        (Names::Swapped, _) => Reason::SwappedNames,
        (Names::Same | Names::OneLetter | Names::Part, Births::Swapped) => Reason::DayMonthSwapped,
        (Names::Same | Names::OneLetter | Names::Part, Births::OneDigit) => Reason::BirthDate,
        (Names::OneLetter, _) => Reason::OneLetter,
        (Names::Part, _) => Reason::PartOfName,
        (Names::Different | Names::Same, _) => Reason::Different,
    };
    Likeness { score, reason }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Names {
    Same,
    Swapped,
    OneLetter,
    Part,
    Different,
}

impl Names {
    fn weight(self) -> u32 {
        match self {
            Self::Same => 50,
            Self::Swapped => 48,
            Self::OneLetter => 42,
            Self::Part => 36,
            Self::Different => 0,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Births {
    Same,
    Swapped,
    OneDigit,
    Different,
}

impl Births {
    fn weight(self) -> u32 {
        match self {
            Self::Same => 50,
            Self::Swapped => 44,
            Self::OneDigit => 32,
            Self::Different => 0,
        }
    }
}

fn names(a: &Traits<'_>, b: &Traits<'_>) -> Names {
    let (an, ap, bn, bp) = (fold(a.nom), fold(a.prenom), fold(b.nom), fold(b.prenom));
    let straight = pair(&an, &bn).zip(pair(&ap, &bp));
    let crossed = pair(&an, &bp).zip(pair(&ap, &bn));
    match (straight, crossed) {
        (Some((Names::Same, Names::Same)), _) => Names::Same,
        (_, Some((Names::Same, Names::Same))) => Names::Swapped,
        (Some((Names::Same, other) | (other, Names::Same)), _)
        | (_, Some((Names::Same, other) | (other, Names::Same))) => other,
        _ => Names::Different,
    }
}

/// Compares two folded names: the same, one letter apart, one inside the other; else nothing.
fn pair(a: &str, b: &str) -> Option<Names> {
    if a == b {
        Some(Names::Same)
    } else if one_letter_apart(a, b) {
        Some(Names::OneLetter)
    } else if part_of(a, b) || part_of(b, a) {
        Some(Names::Part)
    } else {
        None
    }
}

/// A part shorter than three letters says nothing.
fn part_of(part: &str, whole: &str) -> bool {
    part.len() >= 3 && (whole.starts_with(part) || whole.ends_with(part))
}

/// Returns whether one letter was added, dropped, changed, or swapped with its neighbour.
fn one_letter_apart(one: &str, other: &str) -> bool {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let head = one.iter().zip(&other).take_while(|(x, y)| x == y).count();
    let one = one.get(head..).unwrap_or_default();
    let other = other.get(head..).unwrap_or_default();
    let tail = one
        .iter()
        .rev()
        .zip(other.iter().rev())
        .take_while(|(x, y)| x == y)
        .count();
    let one = one.get(..one.len() - tail).unwrap_or_default();
    let other = other.get(..other.len() - tail).unwrap_or_default();
    match (one, other) {
        ([], [_]) | ([_], [] | [_]) => true,
        ([first, second], [third, fourth]) => first == fourth && second == third,
        _ => false,
    }
}

fn births(a: Date, b: Date) -> Births {
    if a == b {
        return Births::Same;
    }
    if a.year() == b.year() && a.month() == b.day() && a.day() == b.month() {
        return Births::Swapped;
    }
    let differing = digits(a)
        .iter()
        .zip(digits(b))
        .filter(|(x, y)| **x != *y)
        .count();
    if differing == 1 {
        Births::OneDigit
    } else {
        Births::Different
    }
}

fn digits(date: Date) -> [i16; 8] {
    let (y, m, d) = (date.year(), i16::from(date.month()), i16::from(date.day()));
    [
        y / 1000,
        y / 100 % 10,
        y / 10 % 10,
        y % 10,
        m / 10,
        m % 10,
        d / 10,
        d % 10,
    ]
}

/// Returns the year, then day and month from the smaller to the larger.
fn unordered(date: Date) -> String {
    let (month, day) = (date.month(), date.day());
    format!(
        "{}-{:02}-{:02}",
        date.year(),
        month.min(day),
        month.max(day)
    )
}

fn nirs(a: Option<&str>, b: Option<&str>) -> Option<bool> {
    let (a, b) = (nir_core(a?), nir_core(b?));
    (!a.is_empty() && !b.is_empty()).then(|| a.eq_ignore_ascii_case(b))
}

/// Returns the number without its key, which some senders leave out.
fn nir_core(nir: &str) -> &str {
    nir.get(..13).unwrap_or(nir)
}

/// Returns what the contract's own fields leave of the likeness, in percent, and whether they agree.
fn contracts(a: &Traits<'_>, b: &Traits<'_>) -> (u32, bool) {
    let apart = (a.date_debut_contrat - b.date_debut_contrat)
        .get_days()
        .abs();
    let establishment = a.siret_employeur == b.siret_employeur;
    let siren = a.siret_employeur.get(..9);
    let company = establishment || (siren.is_some() && siren == b.siret_employeur.get(..9));
    let left = match (establishment, company, apart) {
        (true, _, 0) => 100,
        (_, true, 0) => 92,
        // Nobody starts two contracts on one day.
        (_, _, 0) | (_, true, 1..=NEAR_START_DAYS) => 85,
        (_, _, 1..=NEAR_START_DAYS) => 60,
        // An apprentice may well sign again with the same employer: below what is told.
        (_, true, _) => 35,
        _ => 25,
    };
    (left, establishment && apart == 0)
}

#[cfg(test)]
mod tests;
