//! Amounts: euros with two decimals on the wire, whole cents inside, no rounding between the two.

use serde_json::{Value, json};

/// The largest amount read, in euros; a schedule never comes near.
const LARGEST_EUROS: i32 = 10_000_000;

/// Reads an amount in cents from a number, or from a text that is one. More than two decimals that
/// say something, or a power of ten, is no amount.
pub(crate) fn read(value: &Value) -> Option<i32> {
    match value {
        // A number is written back as its shortest text, which for an amount is what was sent.
        Value::Number(number) => parse(&number.to_string()),
        Value::String(text) => parse(text.trim()),
        _ => None,
    }
}

fn parse(text: &str) -> Option<i32> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (euros, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(euros) || !digits(decimals) {
        return None;
    }
    let decimals = decimals.trim_end_matches('0');
    let cents: i32 = match decimals.len() {
        0 => 0,
        1 => decimals.parse::<i32>().ok()? * 10,
        2 => decimals.parse().ok()?,
        _ => return None,
    };
    let euros: i32 = euros.parse().ok().filter(|euros| *euros < LARGEST_EUROS)?;
    let all = euros * 100 + cents;
    Some(if negative { -all } else { all })
}

/// Returns an amount as the norm writes it: euros, two decimals.
pub(crate) fn euros(cents: i32) -> Value {
    json!(f64::from(cents) / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_read_to_the_cent_and_written_back_the_same() {
        for (value, cents) in [
            (json!(3620.0), 362_000),
            (json!(0.29), 29),
            (json!(1234.56), 123_456),
            (json!("3120.50"), 312_050),
            (json!("3120.500"), 312_050),
            (json!(-500), -50_000),
            (json!(0), 0),
        ] {
            assert_eq!(read(&value), Some(cents), "{value}");
            assert_eq!(read(&euros(cents)), Some(cents));
        }
        // Every amount of the last thousand euros below the largest schedule.
        assert!((20_000_000..20_100_000).all(|cents| read(&euros(cents)) == Some(cents)));
    }

    #[test]
    fn what_is_no_amount_is_not_rounded_to_one() {
        let no_amounts = [
            json!(0.001),
            json!(1e30),
            json!("12,5"),
            json!("1e3"),
            json!(""),
            json!("-"),
            json!("1."),
            json!(true),
            json!(null),
            json!(10_000_000),
            json!("99999999999"),
        ];
        for value in no_amounts {
            assert_eq!(read(&value), None, "{value}");
        }
    }
}
