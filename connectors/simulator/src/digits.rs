//! Check digits and forms of the identifiers in a contract, from their public definitions.

/// Returns whether a text is `length` ASCII digits.
pub(crate) fn are_digits(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn values(text: &str) -> impl DoubleEndedIterator<Item = u32> + '_ {
    text.bytes().map(|byte| u32::from(byte.wrapping_sub(b'0')))
}

fn passes_luhn(text: &str) -> bool {
    let sum: u32 = values(text)
        .rev()
        .enumerate()
        .map(|(rank, digit)| match (rank % 2, digit) {
            (0, digit) => digit,
            (_, digit) if digit > 4 => digit * 2 - 9,
            (_, digit) => digit * 2,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Returns whether a text is a SIREN.
pub(crate) fn is_siren(text: &str) -> bool {
    are_digits(text, 9) && passes_luhn(text)
}

/// Returns whether a text is a SIRET. La Poste's establishments may have a digit sum that is a
/// multiple of 5 instead.
pub(crate) fn is_siret(text: &str) -> bool {
    if !are_digits(text, 14) || !text.get(..9).is_some_and(is_siren) {
        return false;
    }
    passes_luhn(text)
        || (text.starts_with("356000000") && values(text).sum::<u32>().is_multiple_of(5))
}

/// Returns whether a text is a NIR: 15 characters with a right key, or 13 without (norm §6.4).
pub(crate) fn is_nir(text: &str) -> bool {
    if !text.is_ascii() || !matches!(text.len(), 13 | 15) {
        return false;
    }
    let (Some(body), Some(key)) = (text.get(..13), text.get(13..)) else {
        return false;
    };
    let (Some(head), Some(department), Some(tail)) = (body.get(..5), body.get(5..7), body.get(7..))
    else {
        return false;
    };
    let department = match department {
        "2A" => "19",
        "2B" => "18",
        other => other,
    };
    let number = format!("{head}{department}{tail}");
    if !are_digits(&number, 13) {
        return false;
    }
    let Ok(number) = number.parse::<u64>() else {
        return false;
    };
    key.is_empty() || (are_digits(key, 2) && key.parse() == Ok(97 - number % 97))
}

/// Returns whether a text is a UAI: 7 digits and the letter they give.
pub(crate) fn is_uai(text: &str) -> bool {
    const LETTERS: &[u8] = b"ABCDEFGHJKLMNPRSTUVWXYZ";
    let (Some(digits), Some(letter)) = (text.get(..7), text.get(7..)) else {
        return false;
    };
    if !are_digits(digits, 7) {
        return false;
    }
    let rank = digits.parse::<usize>().unwrap_or(0) % LETTERS.len();
    letter.as_bytes() == LETTERS.get(rank..=rank).unwrap_or_default()
}

/// Returns whether a text is `RNCP` and 2 to 5 digits, with or without the prefix.
pub(crate) fn is_rncp(text: &str) -> bool {
    let digits = match text.get(..4) {
        Some(prefix) if prefix.eq_ignore_ascii_case("RNCP") => text.get(4..).unwrap_or(""),
        _ => text,
    };
    (2..=5).contains(&digits.len()) && are_digits(digits, digits.len())
}

/// Returns whether a text is a NAF code: 4 digits and a letter, with or without its dot.
pub(crate) fn is_naf(text: &str) -> bool {
    let bare = text.replacen('.', "", 1);
    let (Some(digits), Some(letter)) = (bare.get(..4), bare.get(4..)) else {
        return false;
    };
    text.len() <= 6
        && are_digits(digits, 4)
        && letter.len() == 1
        && letter.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// Returns whether a text is a diploma code: 8 digits or capitals, maybe one more capital.
pub(crate) fn is_code_diplome(text: &str) -> bool {
    let (Some(code), Some(rest)) = (text.get(..8), text.get(8..)) else {
        return false;
    };
    code.bytes()
        .all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
        && rest.len() <= 1
        && rest.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// Returns whether a text is a telephone number: maybe `+`, then 7 to 12 digits; 8 to 13 in all.
pub(crate) fn is_telephone(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    (8..=13).contains(&text.len())
        && (7..=12).contains(&digits.len())
        && are_digits(digits, digits.len())
}

/// Returns whether a text has the form of a département: 1 to 3 digits, or 2A, 2B, 02A, 02B.
pub(crate) fn is_departement(text: &str) -> bool {
    let corsica = matches!(text.trim_start_matches('0'), "2A" | "2B");
    (1..=3).contains(&text.len()) && (corsica || are_digits(text, text.len()))
}

/// Returns whether a text has the form of a deposit number: department, year, month, `NC` or two
/// digits, four digits.
pub(crate) fn is_deca(text: &str) -> bool {
    if !text.is_ascii() || !matches!(text.len(), 14 | 15) {
        return false;
    }
    let (department, rest) = text.split_at(text.len() - 12);
    let department_fits = match department.as_bytes() {
        [b'9', b'0'..=b'5']
        | [b'9', b'7', b'1'..=b'4' | b'6']
        | [b'0', b'2', b'A' | b'a' | b'B' | b'b'] => true,
        [b'0', second, third] => second.is_ascii_digit() && third.is_ascii_digit(),
        _ => false,
    };
    let (year_month, order) = rest.split_at(6);
    let (series, number) = order.split_at(2);
    let month = year_month
        .get(4..)
        .and_then(|month| month.parse::<u8>().ok())
        .unwrap_or(0);
    department_fits
        && are_digits(year_month, 6)
        && (1..=12).contains(&month)
        && (series.eq_ignore_ascii_case("NC") || are_digits(series, 2))
        && are_digits(number, 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_the_protocol_notes_are_told_apart() {
        for siret in [
            "12345678200010",
            "98765432400027",
            "35600000000048",
            "35600000049837",
        ] {
            assert!(is_siret(siret), "{siret}");
        }
        for siret in [
            "12345678200011",
            "1234567820001",
            "35600000049838",
            "éééééééééééééé",
        ] {
            assert!(!is_siret(siret), "{siret}");
        }
        assert!(is_siren("123456782") && !is_siren("123456789"));
        let nirs = [
            "205049399999992",
            "109022A99999771",
            "106112B99999897",
            "101010100100153",
        ];
        for nir in nirs.into_iter().chain(["2050493999999"]) {
            assert!(is_nir(nir), "{nir}");
        }
        for nir in [
            "205049399999993",
            "20504939999999",
            "2050493999999é",
            "+05049399999992",
        ] {
            assert!(!is_nir(nir), "{nir}");
        }
        assert!(is_uai("0939999N") && is_uai("0759998K") && is_uai("0561910X"));
        assert!(!is_uai("0939999A") && !is_uai("0939999I") && !is_uai("0939999NN"));
        assert!(is_deca("093202609010123") && is_deca("02A202609010124"));
        assert!(!is_deca("093202613010123") && !is_deca("0"));
        assert!(is_rncp("RNCP38362") && is_rncp("38362") && !is_rncp("RNCP123456"));
    }

    #[test]
    fn the_forms_without_a_check_digit_are_told_apart() {
        assert!(is_naf("5610A") && is_naf("10.31Z") && !is_naf("5610") && !is_naf("56105A"));
        assert!(
            is_code_diplome("32031213") && !is_code_diplome("3203121") && !is_code_diplome("é")
        );
        assert!(is_telephone("0199000001") && is_telephone("+33199000001"));
        assert!(!is_telephone("01 99 00 00 01") && !is_telephone("123"));
        for departement in ["93", "2A", "02B", "971", "099", "1"] {
            assert!(is_departement(departement), "{departement}");
        }
        assert!(!is_departement("") && !is_departement("2C") && !is_departement("0093"));
    }
}
