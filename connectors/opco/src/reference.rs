//! The two small tables beside the SIRO index: agreement (IDCC) → OPCO, activity (NAF rév. 2) →
//! usual OPCO. Counted from the open SIRET table; `data/README.md` says how.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use domain::Opco;
use domain::route::Candidate;
use jiff::civil::{Date, date};

use crate::siro::IdccCode;

/// The publication day of the file both tables were counted from.
pub const AS_OF: Date = date(2026, 9, 24);

/// How sure an agreement leads to one OPCO.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Every establishment of the agreement has the same OPCO.
    Unique,
    /// At least 99 % have; the rest is noise.
    Majority,
    /// In the ministry's table of 2019, with no establishment today.
    AgreementOnly,
    /// Two OPCOs share it (local farm agreements, and 3203): ask.
    Shared,
    /// A value that names no agreement (5100, 5501, 9998, 9999): never an answer.
    Escape,
    /// The sales representatives' agreement (0804) leads to no OPCO by rule.
    Inoperative,
}

/// What the table says of one agreement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// How sure it is.
    pub standing: Standing,
    /// The OPCO of most of its establishments; none for an escape or inoperative value.
    pub opco: Option<Opco>,
    /// The OPCOs met, with their establishments, when several.
    pub candidates: Vec<Candidate>,
}

/// What the table says of one activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Activity {
    /// The most frequent OPCO of the sample.
    pub opco: Opco,
    /// How many employers the sample has.
    pub sample: u64,
}

static AGREEMENTS: LazyLock<BTreeMap<IdccCode, Agreement>> = LazyLock::new(|| {
    rows(include_str!("../data/idcc_opco.csv"))
        .filter_map(|row| agreement_row(&row))
        .collect()
});

static ACTIVITIES: LazyLock<BTreeMap<String, Activity>> = LazyLock::new(|| {
    rows(include_str!("../data/naf_opco.csv"))
        .filter_map(|row| activity_row(&row))
        .collect()
});

/// Returns what is known of an agreement; nothing for a code the table has never met.
pub fn agreement(code: IdccCode) -> Option<&'static Agreement> {
    AGREEMENTS.get(&code)
}

/// Returns the usual OPCO of a NAF rév. 2 code, by the longest prefix that is safe enough.
///
/// Takes `62.02A` and `6202A`. A code of NAF 2025 has the same form and another meaning: never
/// hand one in.
pub fn activity(naf: &str) -> Option<Activity> {
    let code = normalised_naf(naf)?;
    // The whole code, then class, group and division: `62.02A`, `62.02`, `62.0`, `62`.
    [6, 5, 4, 2]
        .iter()
        .find_map(|length| ACTIVITIES.get(code.get(..*length)?))
        .copied()
}

/// Returns a NAF code as `62.02A`, or nothing when it has not that form.
pub fn normalised_naf(naf: &str) -> Option<String> {
    let plain: String = naf.trim().chars().filter(|c| *c != '.').collect();
    let (digits, letter) = plain.split_at_checked(4)?;
    let well_formed = digits.bytes().all(|b| b.is_ascii_digit())
        && letter.len() == 1
        && letter.bytes().all(|b| b.is_ascii_alphabetic());
    let (division, class) = digits.split_at_checked(2)?;
    well_formed.then(|| format!("{division}.{class}{}", letter.to_ascii_uppercase()))
}

fn agreement_row(row: &[String]) -> Option<(IdccCode, Agreement)> {
    let [
        idcc,
        _label,
        opco,
        _source,
        standing,
        _share,
        _n,
        alternatives,
        ..,
    ] = row
    else {
        return None;
    };
    let standing = match standing.as_str() {
        "unique" => Standing::Unique,
        "majority" => Standing::Majority,
        "agreement_only" => Standing::AgreementOnly,
        "shared" => Standing::Shared,
        "escape" => Standing::Escape,
        "inoperative" => Standing::Inoperative,
        _ => return None,
    };
    let candidates = alternatives.split('|').filter_map(|one| {
        let (slug, weight) = one.split_once(':')?;
        Some(Candidate {
            opco: slug.parse().ok()?,
            weight: weight.parse().ok()?,
        })
    });
    let agreement = Agreement {
        standing,
        opco: opco.parse().ok(),
        candidates: candidates.collect(),
    };
    Some((IdccCode::read(idcc.as_bytes())?, agreement))
}

fn activity_row(row: &[String]) -> Option<(String, Activity)> {
    let [prefix, opco, _share, sample, ..] = row else {
        return None;
    };
    let activity = Activity {
        opco: opco.parse().ok()?,
        sample: sample.parse().ok()?,
    };
    Some((prefix.clone(), activity))
}

/// Returns the rows of a small CSV after its header; fields may be quoted.
fn rows(text: &str) -> impl Iterator<Item = Vec<String>> + '_ {
    text.lines().skip(1).map(|line| {
        let (mut row, mut field, mut quoted) = (Vec::new(), String::new(), false);
        for c in line.chars() {
            match c {
                '"' => quoted = !quoted,
                ',' if !quoted => row.push(std::mem::take(&mut field)),
                c => field.push(c),
            }
        }
        row.push(field);
        row
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_both_tables_is_read() {
        assert_eq!(AGREEMENTS.len(), 962);
        assert_eq!(ACTIVITIES.len(), 99);
        let count = |standing| {
            AGREEMENTS
                .values()
                .filter(|row| row.standing == standing)
                .count()
        };
        assert_eq!(count(Standing::Unique), 895);
        assert_eq!(count(Standing::Majority), 25);
        assert_eq!(count(Standing::Shared), 31);
        assert_eq!(count(Standing::AgreementOnly), 6);
        assert_eq!(count(Standing::Escape), 4);
        assert_eq!(count(Standing::Inoperative), 1);
    }

    #[test]
    fn every_firm_agreement_has_an_opco_and_every_shared_one_has_candidates() {
        for (code, row) in AGREEMENTS.iter() {
            match row.standing {
                Standing::Unique | Standing::Majority | Standing::AgreementOnly => {
                    assert!(row.opco.is_some(), "{code}");
                }
                Standing::Shared => assert!(row.candidates.len() > 1, "{code}"),
                Standing::Escape | Standing::Inoperative => assert_eq!(row.opco, None, "{code}"),
            }
        }
    }

    #[test]
    fn every_naf_code_gets_the_guess_of_its_longest_prefix() {
        let mut checked = 0;
        for row in rows(include_str!("../data/naf_rev2_guess.csv")) {
            let [naf, guess] = row.as_slice() else {
                panic!("{row:?}")
            };
            assert_eq!(
                activity(naf).map(|found| found.opco),
                guess.parse().ok(),
                "{naf}"
            );
            checked += 1;
        }
        assert_eq!(checked, 732);
    }

    #[test]
    fn a_naf_code_is_normalised_and_anything_else_is_not_one() {
        assert_eq!(normalised_naf("6202a").as_deref(), Some("62.02A"));
        assert_eq!(normalised_naf(" 62.02A ").as_deref(), Some("62.02A"));
        for text in ["", "62", "62.02", "620 2A", "é202A", "62.02AA", "62.0é"] {
            assert_eq!(normalised_naf(text), None, "{text}");
        }
    }
}
