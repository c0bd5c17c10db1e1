//! Which field of what was sent is at fault, told by its name and never by what it holds.
//!
//! The reader's own words are of little use for that: they repeat what was sent, and what was sent may look
//! like them. Which field it is, is found by leaving each out in turn; of the words only those are told that
//! stand behind the last "expected", which the program wrote.

use std::cell::Cell;
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

/// Makes the refusal of what could not be read, with everything that is wrong. `said` is what the reader said, and
/// `without` what it says once some fields are left out; nothing when the rest can be read.
pub(super) fn refusal<'a>(
    (of, said): (Of, &str),
    names: impl Iterator<Item = &'a str>,
    without: impl Fn(&[&str]) -> Option<String>,
) -> Refusal {
    let mut seen = BTreeSet::new();
    let names = names.filter(|name| plain_name(name).is_some() && seen.insert(*name));
    let names: Vec<&str> = names.take(LEFT_OUT_MAX).collect();
    let tries = Cell::new(0_usize);
    let without = |left: &[&str]| {
        tries.set(tries.get().saturating_add(1));
        without(left)
    };
    let mut said = said.to_owned();
    let mut left: Vec<&str> = Vec::new();
    let mut all: Option<Refusal> = None;
    loop {
        let (at, one) = first(of, &said, (&names, &left), &without);
        all = Some(match all {
            // What cannot be said to be anywhere adds nothing.
            Some(before) if one.field().is_none() && one.code == Code::Invalid => before,
            Some(before) => before.and(one),
            None => one,
        });
        // Behind a field that is not there nothing more is seen; and a stranger is not looked at for ever.
        let (Some(at), true) = (at, tries.get() < LEFT_OUT_MAX) else {
            break;
        };
        left.push(at);
        match without(&left) {
            // That what was left out is not there is no news.
            Some(next) if named(&next).is_none_or(|name| !left.contains(&name.as_str())) => {
                said = next;
            }
            _ => break,
        }
    }
    all.unwrap_or_else(|| Code::Invalid.into())
}

/// Makes the refusal of the first thing that is wrong, with the field that it is in where that is there.
fn first<'a>(
    of: Of,
    said: &str,
    (names, left): (&[&'a str], &[&'a str]),
    without: &impl Fn(&[&str]) -> Option<String>,
) -> (Option<&'a str>, Refusal) {
    if said.starts_with(UNKNOWN_FIELD) {
        return (None, unknown_field(said));
    }
    let names = names.iter().filter(|name| !left.contains(name)).copied();
    let at = culprit(said, names, |name| {
        without(&[left, [name].as_slice()].concat())
    });
    // A field that is not there is at fault, and no other: its name is the program's.
    let Some(field) = at.and_then(plain_name).or_else(|| named(said)) else {
        return (None, Code::Invalid.into());
    };
    if said.starts_with(UNKNOWN_WORD) {
        if of == Of::Form && ACT_FIELDS.contains(&field.as_str()) {
            return (None, Code::UnknownAct.into());
        }
        return (at, not_listed(&field, said));
    }
    let one = about(
        &field,
        format!("Le champ « {field} » manque ou n'a pas la forme attendue."),
        format!("The field “{field}” is missing or not of the expected form."),
    );
    (at, one)
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
    for name in names {
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
        super::refusal((Of::Form, "no such thing"), same, |_| {
            read.set(read.get() + 1);
            Some("no such thing".to_owned())
        });
        assert_eq!(read.get(), 1);
        // Nor is everything of who has thousands of things wrong.
        read.set(0);
        let names = many.iter().map(String::as_str);
        super::refusal((Of::Form, "no such thing"), names, |left| {
            read.set(read.get() + 1);
            Some(format!("{left:?}"))
        });
        assert!(read.get() <= 2 * LEFT_OUT_MAX, "{}", read.get());
    }
}
