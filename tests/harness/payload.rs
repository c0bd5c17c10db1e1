//! Contracts that no rule refuses, as many as a test wants: the same seed gives the same contract.

use domain::{Opco, Siret};
use jiff::ToSpan as _;
use jiff::civil::{Date, date};
use serde_json::{Value, json};
use simulator::Pairing;

/// The norm's sample of a contract in version 1 (fictitious employer, apprentice and CFA).
const SAMPLE: &str = include_str!("../../connectors/simulator/tests/samples/dossier-v1.json");
/// The company whose establishments employ: a number no company has.
const EMPLOYER: &str = "123456782";
/// The training centre of the samples.
const CFA: &str = "987654324";
/// So many establishments the employer has, and so many contracts differ in their employer.
const ESTABLISHMENTS: u64 = 9_000;

/// A contract as an ERP sends it.
#[derive(Debug, Clone, PartialEq)]
pub struct Contract {
    /// The body.
    pub body: Value,
}

/// Makes the contract of a seed, for the first site of a network and with no OPCO named.
pub fn contract(seed: u64) -> Contract {
    let mut body: Value = serde_json::from_str(SAMPLE).unwrap();
    let birth = birth(seed);
    let apprenti = &mut body["cerfa"]["apprenti"];
    apprenti["nom"] = json!(word(seed, "Mar").to_uppercase());
    apprenti["prenom"] = json!(word(seed / 7 + 3, "Al"));
    apprenti["dateNaissance"] = json!(format!("{birth}T00:00:00+00:00"));
    apprenti["nir"] = json!(nir(seed));
    apprenti["courriel"] = json!(format!("apprenti{seed}@exemple.test"));
    let employeur = &mut body["cerfa"]["employeur"];
    employeur["siret"] = json!(siret(EMPLOYER, seed % ESTABLISHMENTS + 10).to_string());
    Contract { body }
}

/// Returns the SIRET of a site of the tests' training centre, from 0.
pub fn site(number: u64) -> Siret {
    siret(CFA, number + 1)
}

/// Returns the social security number of a seed: of a woman born where the sample's was.
pub fn nir(seed: u64) -> String {
    let birth = birth(seed);
    let (year, month, order) = (birth.year() % 100, birth.month(), seed % 900 + 1);
    let number = format!("2{year:02}{month:02}93999{order:03}");
    let key = 97 - number.parse::<u64>().unwrap() % 97;
    format!("{number}{key:02}")
}

impl Contract {
    /// Sends it for a site.
    #[must_use]
    pub fn of(self, site: Siret) -> Self {
        self.with("/cerfa/organismeFormation/siret", json!(site.to_string()))
    }

    /// Names the OPCO, as an ERP that knows it does.
    #[must_use]
    pub fn to(mut self, opco: Opco) -> Self {
        self.body["opco"] = json!(opco.slug());
        self
    }

    /// Changes one value that is there already.
    #[must_use]
    pub fn with(mut self, pointer: &str, value: Value) -> Self {
        *self.body.pointer_mut(pointer).expect(pointer) = value;
        self
    }

    /// Has it begin a year earlier, so that what its first year pays is open.
    #[must_use]
    pub fn a_year_earlier(mut self) -> Self {
        for block in ["formation", "contrat"] {
            earlier(&mut self.body["cerfa"][block]);
        }
        self
    }

    /// Takes out one member.
    #[must_use]
    pub fn without(mut self, parent: &str, name: &str) -> Self {
        let parent = self.body.pointer_mut(parent).expect(parent);
        parent.as_object_mut().unwrap().remove(name);
        self
    }

    /// Returns one text of it.
    pub fn text(&self, pointer: &str) -> &str {
        self.body.pointer(pointer).unwrap().as_str().unwrap()
    }

    /// Returns what the OPCO pairs it by, in the ledger's own type.
    pub fn pairing(&self) -> Pairing {
        let day = |pointer| self.text(pointer)[..10].to_owned();
        Pairing {
            nom: self.text("/cerfa/apprenti/nom").to_owned(),
            prenom: self.text("/cerfa/apprenti/prenom").to_owned(),
            date_naissance: day("/cerfa/apprenti/dateNaissance"),
            siret: self.text("/cerfa/employeur/siret").to_owned(),
            date_debut_contrat: day("/cerfa/contrat/dateDebutContrat"),
        }
    }
}

/// Takes a year off every day within a value.
fn earlier(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(earlier),
        Value::Object(members) => members.values_mut().for_each(earlier),
        Value::String(text) if text.contains("T00:00:00") => {
            let year: u16 = text[..4].parse().unwrap();
            *text = format!("{}{}", year - 1, &text[4..]);
        }
        _ => {}
    }
}

/// Between 21 and 24 years old on the first day, so that the sample's wages fit.
fn birth(seed: u64) -> Date {
    let days = i64::try_from(seed % 997).unwrap();
    date(2002, 10, 1).checked_add(days.days()).unwrap()
}

/// Spells a number with syllables, so that two names differ by more than a letter.
fn word(seed: u64, head: &str) -> String {
    const SYLLABLES: [&str; 16] = [
        "ba", "ce", "di", "fo", "gu", "la", "me", "ni", "po", "ru", "sa", "te", "vi", "zo", "chan",
        "bert",
    ];
    let mut word = head.to_owned();
    let mut left = seed;
    for _ in 0..4 {
        word.push_str(SYLLABLES[usize::try_from(left % 16).unwrap()]);
        left /= 16;
    }
    word
}

/// Returns the establishment of a company with this number, its check digit at the end.
fn siret(siren: &str, number: u64) -> Siret {
    (0..10)
        .find_map(|digit| format!("{siren}{number:04}{digit}").parse().ok())
        .unwrap()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use domain::dossier::Dossier;
    use domain::rules::{self, Context};
    use domain::{Effect, Finding};

    use super::*;

    /// The first day of every contract.
    const START: &str = "2026-09-01";

    #[test]
    fn no_contract_is_refused_and_no_two_are_one() {
        let context = Context {
            today: START.parse().unwrap(),
        };
        let mut seen = HashSet::new();
        for seed in 0..2_000 {
            let contract = contract(seed);
            let reading = Dossier::read(contract.body.to_string().as_bytes()).unwrap();
            let refused: Vec<Finding> = rules::examine(&reading, &context)
                .into_iter()
                .filter(|finding| finding.effect != Effect::Warn)
                .collect();
            assert_eq!(refused, [], "seed {seed}");
            assert!(seen.insert(contract.pairing()), "seed {seed}");
        }
    }

    #[test]
    fn the_sample_starts_on_the_day_the_tests_take_for_granted() {
        assert_eq!(contract(0).pairing().date_debut_contrat, START);
        assert_eq!(site(0).to_string(), "98765432400019");
    }
}
