//! Which field of what was sent is at fault, told by its name and never by what it holds.
//!
//! The reader's own words are of little use for that: they repeat what was sent, and what was sent may look
//! like them. Which field it is, is found by leaving each out in turn; of the words only those are told that
//! stand behind the last "expected", which the program wrote.

use std::collections::BTreeSet;

use crate::filter::plain_name;
use crate::refusal::{Code, Refusal};

/// The names of the field that says which act is asked for.
const ACT_FIELDS: [&str; 2] = ["act", "action"];
/// How the reader begins when a word is none of a list.
const UNKNOWN_WORD: &str = "unknown variant `";
/// How it begins when a field is none of those there are.
const UNKNOWN_FIELD: &str = "unknown field `";
/// How it begins when a field is not there, or there twice.
const NAMED: [&str; 2] = ["missing field `", "duplicate field `"];
/// The most fields that are left out in turn, which reads all of what was sent again each time. No form nor
/// document of ours has as many.
const LEFT_OUT_MAX: usize = 64;
/// What it writes before what it would have taken.
const EXPECTED: &str = ", expected ";

/// What could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// What a page sent: its acts are its own affair.
    Form,
    /// What a program sent: it is told which acts there are.
    Document,
}

/// Makes the refusal of what could not be read. `said` is what the reader said, and `without` what it says
/// once a field is left out; nothing when the rest can be read.
pub(super) fn refusal<'a>(
    (of, said): (Of, &str),
    names: impl Iterator<Item = &'a str>,
    without: impl Fn(&str) -> Option<String>,
) -> Refusal {
    if said.starts_with(UNKNOWN_FIELD) {
        return unknown_field(said);
    }
    let at = culprit(said, names, without);
    // A field that is not there is at fault, and no other: its name is the program's.
    let Some(field) = at.and_then(plain_name).or_else(|| named(said)) else {
        return Code::Invalid.into();
    };
    if said.starts_with(UNKNOWN_WORD) {
        if of == Of::Form && ACT_FIELDS.contains(&field.as_str()) {
            return Code::UnknownAct.into();
        }
        return not_listed(&field, said);
    }
    about(
        &field,
        format!("Le champ « {field} » manque ou n'a pas la forme attendue."),
        format!("The field “{field}” is missing or not of the expected form."),
    )
}

fn about(field: &str, fr: String, en: String) -> Refusal {
    let refusal = Refusal::from(Code::Invalid).saying(fr, en);
    refusal.at(format!("/{field}"))
}

/// Finds the field without which nothing is wrong, or something else is.
fn culprit<'a>(
    said: &str,
    names: impl Iterator<Item = &'a str>,
    without: impl Fn(&str) -> Option<String>,
) -> Option<&'a str> {
    if NAMED.iter().any(|prefix| said.starts_with(prefix)) {
        return None;
    }
    let mut other = None;
    let mut seen = BTreeSet::new();
    let tried = names.filter(|name| plain_name(name).is_some() && seen.insert(*name));
    for name in tried.take(LEFT_OUT_MAX) {
        match without(name) {
            None => return Some(name),
            // Without the act nothing is read at all, whatever else is wrong.
            Some(rest) if rest != said && !ACT_FIELDS.contains(&name) => return Some(name),
            Some(rest) if rest != said => other = Some(name),
            Some(_) => {}
        }
    }
    other
}

/// Returns the name of the field that is missing, or there twice.
fn named(said: &str) -> Option<String> {
    let rest = NAMED.iter().find_map(|prefix| said.strip_prefix(prefix))?;
    let (name, _) = rest.split_once('`')?;
    plain_name(name)
}

/// Returns the words that would have been taken.
fn expected(said: &str) -> Vec<&str> {
    let tail = said.rsplit_once(EXPECTED).map_or("", |(_, tail)| tail);
    tail.split('`').skip(1).step_by(2).collect()
}

/// Says which words were expected in place of one that is none of them, and never that one.
fn not_listed(field: &str, said: &str) -> Refusal {
    let words = expected(said).join(", ");
    about(
        field,
        format!("Le champ « {field} » n'a pas l'une des valeurs attendues : {words}."),
        format!("The field “{field}” has none of the values expected: {words}."),
    )
}

fn unknown_field(said: &str) -> Refusal {
    let names = expected(said).join(", ");
    Refusal::from(Code::Invalid).saying(
        format!("Un champ n'est pas de ceux attendus : {names}."),
        format!("A field is none of those expected: {names}."),
    )
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn what_is_at_fault_among_a_stranger_s_thousands_of_fields_is_looked_for_a_few_times_only() {
        let many: Vec<String> = (0..16_000_u32)
            .map(|n| {
                let letter = |n: u32| char::from(b'a' + u8::try_from(n % 26).unwrap());
                [letter(n), letter(n / 26), letter(n / 676)]
                    .iter()
                    .collect()
            })
            .collect();
        let read = Cell::new(0_usize);
        let names = many.iter().map(String::as_str);
        let refusal = refusal((Of::Form, "no such thing"), names, |_| {
            read.set(read.get() + 1);
            Some("no such thing".to_owned())
        });
        assert_eq!(refusal.code, Code::Invalid);
        assert!(read.get() <= LEFT_OUT_MAX, "{}", read.get());
        // The same name again and again is left out once.
        read.set(0);
        let same = std::iter::repeat_n("x", 16_000);
        culprit("no such thing", same, |_| {
            read.set(read.get() + 1);
            Some("no such thing".to_owned())
        });
        assert_eq!(read.get(), 1);
    }
}
