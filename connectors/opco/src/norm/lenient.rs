//! Values as they are really sent: keys in another case, numbers as texts, dates in four spellings.
//! What is read here was written by a stranger, so size, depth and count are bounded.

use jiff::civil::Date;
use serde_json::{Map, Value};

/// The deepest nesting accepted in an answer; the norm's deepest is 6.
pub(crate) const MAX_DEPTH: usize = 32;

/// The most JSON values accepted in an answer: a list of some 60,000 dossiers.
pub(crate) const MAX_VALUES: usize = 400_000;

/// The longest number of a dossier, an invoice or a document, in bytes: the longest seen has 20.
const MAX_NUMERO: usize = 200;

/// Why bytes are not an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotJson {
    #[error("the body is empty")]
    Empty,
    #[error("the body is a page of HTML or XML")]
    Markup,
    #[error("the body is nested deeper than {MAX_DEPTH}")]
    TooDeep,
    #[error("the body holds more than {MAX_VALUES} values")]
    TooMany,
    #[error("the body is no JSON (line {line}, column {column})")]
    Syntax { line: usize, column: usize },
}

/// Reads an answer's body within the bounds.
pub(crate) fn json(bytes: &[u8]) -> Result<Value, NotJson> {
    // Some servers start with a byte order mark.
    let bytes = bytes
        .strip_prefix(b"\xEF\xBB\xBF")
        .unwrap_or(bytes)
        .trim_ascii();
    match bytes.first() {
        None => return Err(NotJson::Empty),
        Some(b'<') => return Err(NotJson::Markup),
        Some(_) => bounded(bytes)?,
    }
    serde_json::from_slice(bytes).map_err(|error| NotJson::Syntax {
        line: error.line(),
        column: error.column(),
    })
}

/// Counts before anything is built, since one byte of JSON can cost 32 of memory.
fn bounded(bytes: &[u8]) -> Result<(), NotJson> {
    let (mut depth, mut values, mut in_text, mut escaped) = (0_usize, 1_usize, false, false);
    for byte in bytes {
        if in_text {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_text = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_text = true,
            b'{' | b'[' => {
                depth += 1;
                values += 1;
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' => values += 1,
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(NotJson::TooDeep);
        }
        if values > MAX_VALUES {
            return Err(NotJson::TooMany);
        }
    }
    Ok(())
}

/// Returns a member by its name, in whatever case it was written.
pub(crate) fn member<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.get(name).or_else(|| {
        object
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    })
}

/// Gives every member the norm's spelling where a server capitalises its first letter: `Numero`
/// becomes `numero`, while `IBAN` stays.
pub(crate) fn uncapitalise(value: &mut Value) {
    match value {
        Value::Object(object) => {
            let capitalised: Vec<String> = object
                .keys()
                .filter(|name| is_capitalised(name))
                .cloned()
                .collect();
            for name in capitalised {
                let plain = name.chars().take(1).flat_map(char::to_lowercase);
                let plain: String = plain.chain(name.chars().skip(1)).collect();
                // Beside the norm's own spelling it is another member.
                if !object.contains_key(&plain)
                    && let Some(member) = object.remove(&name)
                {
                    object.insert(plain, member);
                }
            }
            object.values_mut().for_each(uncapitalise);
        }
        Value::Array(items) => items.iter_mut().for_each(uncapitalise),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn is_capitalised(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(char::is_uppercase) && letters.next().is_some_and(char::is_lowercase)
}

/// Makes a space of every control character: no state and no number has one, a terminal obeys it, and
/// a database may refuse it.
pub(crate) fn plain(value: &mut Value) {
    match value {
        Value::String(text) if text.contains(char::is_control) => {
            *text = text.replace(char::is_control, " ");
        }
        Value::Object(object) => object.values_mut().for_each(plain),
        Value::Array(items) => items.iter_mut().for_each(plain),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Returns an object that may come wrapped in an array of one.
pub(crate) fn unwrapped(value: &Value) -> Option<&Map<String, Value>> {
    match value {
        Value::Object(object) => Some(object),
        Value::Array(items) => match items.as_slice() {
            [Value::Object(object)] => Some(object),
            _ => None,
        },
        _ => None,
    }
}

/// Reads a text, or a number written where a text belongs; an empty one is absent.
pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if text.trim().is_empty() => None,
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Reads the number of something, as a text or a JSON number. One too long is none, and so is one whose
/// digits JSON has lost: it would name something else.
pub(crate) fn numero(value: &Value) -> Option<String> {
    if let Value::Number(number) = value
        && !(number.is_i64() || number.is_u64())
    {
        return None;
    }
    text(value).filter(|numero| numero.len() <= MAX_NUMERO)
}

/// Reads a whole number, or the text of one.
pub(crate) fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => {
            let text = number.to_string();
            text.strip_suffix(".0").unwrap_or(&text).parse().ok()
        }
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// Reads a day from any of the spellings, never shifting the zone (protocol §3.4).
pub(crate) fn day(value: &Value) -> Option<Date> {
    value.as_str()?.trim().get(..10)?.parse().ok()
}

/// Returns a text in lower case without accents, to look for words in.
pub(crate) fn folded(text: &str) -> String {
    unaccented(text).flat_map(char::to_lowercase).collect()
}

/// Returns the characters of a text, those of French without their accents.
pub(crate) fn unaccented(text: &str) -> impl Iterator<Item = char> {
    text.chars().map(|c| match c {
        'à' | 'â' | 'ä' | 'á' => 'a',
        'ç' => 'c',
        'é' | 'è' | 'ê' | 'ë' => 'e',
        'î' | 'ï' | 'í' => 'i',
        'ô' | 'ö' | 'ó' => 'o',
        'ù' | 'û' | 'ü' | 'ú' => 'u',
        'ÿ' => 'y',
        'À' | 'Â' | 'Ä' | 'Á' => 'A',
        'Ç' => 'C',
        'É' | 'È' | 'Ê' | 'Ë' => 'E',
        'Î' | 'Ï' | 'Í' => 'I',
        'Ô' | 'Ö' | 'Ó' => 'O',
        'Ù' | 'Û' | 'Ü' | 'Ú' => 'U',
        '’' => '\'',
        '\u{a0}' | '\u{202f}' => ' ',
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn what_is_no_json_says_why() {
        assert_eq!(json(b""), Err(NotJson::Empty));
        assert_eq!(json(b" \r\n"), Err(NotJson::Empty));
        assert_eq!(json(b"  <!DOCTYPE html>"), Err(NotJson::Markup));
        assert_eq!(
            json(br#"{"a":"#),
            Err(NotJson::Syntax { line: 1, column: 5 })
        );
        assert_eq!(json(b"\xEF\xBB\xBF{}"), Ok(json!({})));
    }

    #[test]
    fn depth_and_count_are_bounded_before_anything_is_built() {
        let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(json(deep(MAX_DEPTH).as_bytes()).is_ok());
        assert_eq!(json(deep(MAX_DEPTH + 1).as_bytes()), Err(NotJson::TooDeep));
        assert_eq!(json(&vec![b'['; 5_000_000]), Err(NotJson::TooDeep));
        let many = format!("[{}0]", "0,".repeat(MAX_VALUES));
        assert_eq!(json(many.as_bytes()), Err(NotJson::TooMany));
        // Brackets inside texts count for nothing.
        let text = format!("[\"{}\\\"{}\"]", "[".repeat(100), "{".repeat(100));
        assert!(json(text.as_bytes()).is_ok());
    }

    #[test]
    fn capitals_at_the_start_of_a_name_are_undone_at_every_depth() {
        let mut body = json!({"Echeances": [{"Numero": 1, "IBAN": "x", "MontantTotal": 3}],
            "CERFASignatureProbante": true, "Etat": "A", "etat": "B"});
        uncapitalise(&mut body);
        let expected = json!({"echeances": [{"numero": 1, "IBAN": "x", "montantTotal": 3}],
            "CERFASignatureProbante": true, "Etat": "A", "etat": "B"});
        assert_eq!(body, expected);
    }

    #[test]
    fn a_count_is_read_as_a_number_or_as_a_text() {
        for (value, expected) in [
            (json!(3), Some(3)),
            (json!(3.0), Some(3)),
            (json!(" 3 "), Some(3)),
            (json!(-7), Some(-7)),
            (json!(3.5), None),
            (json!(1e300), None),
            (json!(u64::MAX), None),
            (json!("trois"), None),
            (json!(null), None),
        ] {
            assert_eq!(integer(&value), expected, "{value}");
        }
    }

    #[test]
    fn a_day_is_read_in_every_spelling_and_never_moves() {
        let expected = Some(jiff::civil::date(2026, 9, 1));
        for spelling in [
            "2026-09-01T00:00:00+0000",
            "2026-09-01T00:00:00+00:00",
            "2026-09-01T00:00:00+02:00",
            "2026-09-01T00:00:00Z",
            "2026-09-01",
        ] {
            assert_eq!(day(&json!(spelling)), expected, "{spelling}");
        }
        for wrong in ["", "2026-13-01", "01/09/2026", "2026-09-é1"] {
            assert_eq!(day(&json!(wrong)), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = json(&bytes);
        }
    }
}
