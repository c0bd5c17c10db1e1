//! Where a social security number or an account stands in a text, however it is spelled: by hand, in groups,
//! with dashes, in the wide characters of a form. One place of a text costs the same whatever the text is.

use std::str::FromStr as _;

use super::Nir;

/// The most characters between two groups: a dash between two spaces.
const GAP_MAX: usize = 3;
/// The number, and the number with its key.
const NIR_BARE: usize = 13;
const NIR_WHOLE: usize = 15;
/// Where the groups of a NIR start as its card prints it: sex, year, month, place twice, order, key.
const CARD: [usize; 7] = [0, 1, 3, 5, 7, 10, 13];
/// The same where the key alone stands apart.
const KEY_APART: [usize; 2] = [0, 13];
const IBAN_MIN: usize = 15;
const IBAN_MAX: usize = 34;
/// The lengths of the accounts met most here, whose country may stand apart from the rest.
const COUNTRIES: [(&[u8], usize); 15] = [
    (b"FR", 27),
    (b"MC", 27),
    (b"AT", 20),
    (b"BE", 16),
    (b"CH", 21),
    (b"DE", 22),
    (b"ES", 24),
    (b"GB", 22),
    (b"IE", 22),
    (b"IT", 27),
    (b"LU", 20),
    (b"NL", 18),
    (b"PL", 28),
    (b"PT", 25),
    (b"RO", 24),
];

/// One character of a number.
#[derive(Debug, Clone, Copy)]
struct Sign {
    /// In capitals, in ASCII.
    byte: u8,
    /// Where it ends in the text.
    end: usize,
    /// Whether a gap is before it, or nothing.
    first: bool,
}

/// Returns where a social security number or an account ends that starts this text. `before` is the character
/// before it: no number starts within another.
pub fn number_at(rest: &str, before: Option<char>) -> Option<usize> {
    nir_at(rest, before).or_else(|| iban_at(rest))
}

/// Returns whether a text holds one.
pub fn holds_number(text: &str) -> bool {
    let mut before = None;
    text.char_indices().any(|(at, c)| {
        let rest = text.get(at..).unwrap_or_default();
        let found = number_at(rest, before).is_some();
        before = Some(c);
        found
    })
}

/// Returns a text with each of them hidden behind `mask`.
pub fn without_numbers(text: &str, mask: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut at, mut before) = (0, None);
    while let Some(rest) = text.get(at..)
        && let Some(next) = rest.chars().next()
    {
        if let Some(end) = number_at(rest, before) {
            out.push_str(mask);
            at += end;
            before = None;
        } else {
            out.push(next);
            at += next.len_utf8();
            before = Some(next);
        }
    }
    out
}

/// Returns where a date ends that starts this text: `2026-09-01`, `01/09/2026`, with one and the same mark
/// and no further group.
pub fn date_at(rest: &str) -> Option<usize> {
    let bytes = rest.as_bytes().get(..10)?;
    let mark = |at: usize| {
        let mark = bytes.get(at)?;
        matches!(mark, b'-' | b'/' | b'.').then_some(*mark)
    };
    let number = |from: usize, to: usize| -> Option<u32> {
        let digits = bytes.get(from..to)?;
        digits
            .iter()
            .all(u8::is_ascii_digit)
            .then(|| std::str::from_utf8(digits).ok()?.parse().ok())?
    };
    let (day, month, year, mark) = match (mark(4), mark(7), mark(2), mark(5)) {
        (Some(one), Some(two), ..) if one == two => {
            (number(8, 10)?, number(5, 7)?, number(0, 4)?, one)
        }
        (.., Some(one), Some(two)) if one == two => {
            (number(0, 2)?, number(3, 5)?, number(6, 10)?, one)
        }
        _ => return None,
    };
    let is_date =
        (1..=31).contains(&day) && (1..=12).contains(&month) && (1900..2100).contains(&year);
    let after = rest.as_bytes().get(10);
    let goes_on = after.is_some_and(|byte| byte.is_ascii_digit() || *byte == mark);
    (is_date && !goes_on).then_some(10)
}

fn nir_at(rest: &str, before: Option<char>) -> Option<usize> {
    let digit = |c: char| plain(c).is_ascii_digit();
    if before.is_some_and(digit) || !rest.chars().next().is_some_and(digit) {
        return None;
    }
    // One more than a NIR has: what goes on is another number.
    let signs = signs(rest, NIR_WHOLE + 1, |signs, c| {
        // In Corsica a letter stands at the seventh place, after a 2.
        let corsica = signs.len() == 6 && signs.last().is_some_and(|last| last.byte == b'2');
        c.is_ascii_digit() || (corsica && matches!(c, 'A' | 'B'))
    });
    if is_group_end(&signs, NIR_WHOLE)
        && let Some(text) = text_of(&signs, NIR_WHOLE)
        && is_plausible(&text, true)
    {
        let printed =
            is_laid_out(&signs, NIR_WHOLE, &CARD) || is_laid_out(&signs, NIR_WHOLE, &KEY_APART);
        if printed || Nir::from_str(&text).is_ok() {
            return end_of(&signs, NIR_WHOLE);
        }
    }
    if is_group_end(&signs, NIR_BARE)
        && let Some(text) = text_of(&signs, NIR_BARE)
    {
        let printed = is_laid_out(&signs, NIR_BARE, &CARD);
        if is_plausible(&text, printed) && (printed || date_at(rest).is_none()) {
            return end_of(&signs, NIR_BARE);
        }
    }
    None
}

/// Returns whether these may be sex, year, month, place and order of somebody. Months above twelve stand for
/// one that is not known: so many numbers have them by chance that they count only `in_full`.
fn is_plausible(text: &str, in_full: bool) -> bool {
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    let sex = text.starts_with(['1', '2', '3', '4', '7', '8']);
    let month = match part(3, 5).parse() {
        Ok(1..=12 | 20 | 30..=42) => true,
        Ok(50..=99_u32) => in_full,
        _ => false,
    };
    sex && month && part(5, 7) != "00" && part(10, 13) != "000"
}

fn iban_at(rest: &str) -> Option<usize> {
    let letter = |c: char| plain(c).is_ascii_alphabetic();
    if !rest.chars().take(2).all(letter) {
        return None;
    }
    let signs = signs(rest, IBAN_MAX + 1, |_, c| c.is_ascii_alphanumeric());
    let head: Vec<u8> = signs.iter().take(4).map(|sign| sign.byte).collect();
    let [first, second, digits @ ..] = head.as_slice() else {
        return None;
    };
    let letters = first.is_ascii_uppercase() && second.is_ascii_uppercase();
    if !letters || digits.len() < 2 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let country = COUNTRIES
        .iter()
        .find(|(country, _)| head.starts_with(country));
    if let Some((country, length)) = country
        && is_group_end(&signs, *length)
        && (*country == b"FR" && has_digits(&signs, *length) || is_checked(&signs, *length))
    {
        return end_of(&signs, *length);
    }
    // « du 01/09/2026 » starts so too: of the other countries, letters and check digits stand together.
    let together = signs.iter().skip(1).take(3).all(|sign| !sign.first);
    let mut lengths = (IBAN_MIN..=IBAN_MAX).rev();
    let found = lengths.find(|length| is_group_end(&signs, *length) && is_checked(&signs, *length));
    end_of(&signs, found.filter(|_| together)?)
}

/// Whether so many of them are an account by their digits: a slip of the pen is hidden too.
fn has_digits(signs: &[Sign], length: usize) -> bool {
    let digits = signs.iter().take(length);
    digits.filter(|sign| sign.byte.is_ascii_digit()).count() * 3 >= length * 2
}

/// Whether the check digits of an account are right: its first four at the end, A=10 to Z=35.
fn is_checked(signs: &[Sign], length: usize) -> bool {
    let whole = signs.get(4..length).unwrap_or_default();
    let head = signs.get(..4).unwrap_or_default();
    let rest = whole.iter().chain(head).fold(0_u32, |rest, sign| {
        let value = char::from(sign.byte).to_digit(36).unwrap_or_default();
        (rest * if value < 10 { 10 } else { 100 } + value) % 97
    });
    !whole.is_empty() && rest == 1
}

/// Reads the characters of a number, at most `max`, with little between them.
fn signs(rest: &str, max: usize, of_number: impl Fn(&[Sign], char) -> bool) -> Vec<Sign> {
    let mut signs: Vec<Sign> = Vec::with_capacity(max);
    let mut gap = 0_usize;
    for (at, c) in rest.char_indices() {
        let plain = plain(c).to_ascii_uppercase();
        if signs.len() < max && of_number(&signs, plain) {
            signs.push(Sign {
                byte: u8::try_from(plain).unwrap_or_default(),
                end: at + c.len_utf8(),
                first: gap > 0 || signs.is_empty(),
            });
            gap = 0;
        } else if is_gap(plain) && gap < GAP_MAX && signs.len() < max {
            gap += 1;
        } else {
            break;
        }
    }
    signs
}

fn text_of(signs: &[Sign], length: usize) -> Option<String> {
    let bytes = signs
        .get(..length)?
        .iter()
        .map(|sign| char::from(sign.byte));
    Some(bytes.collect())
}

fn end_of(signs: &[Sign], length: usize) -> Option<usize> {
    Some(signs.get(length.checked_sub(1)?)?.end)
}

/// Whether a group ends after so many.
fn is_group_end(signs: &[Sign], length: usize) -> bool {
    signs.len() >= length && signs.get(length).is_none_or(|next| next.first)
}

/// Whether the groups of the first `length` start at these places and nowhere else.
fn is_laid_out(signs: &[Sign], length: usize, starts: &[usize]) -> bool {
    let mut of_number = signs.iter().take(length).enumerate();
    of_number.all(|(at, sign)| sign.first == starts.contains(&at))
}

/// Returns a character as ASCII has it, where it is one of those that mean the same.
fn plain(c: char) -> char {
    let code = u32::from(c);
    let ascii = match code {
        // The wide characters of some keyboards and forms.
        0xFF01..=0xFF5E => code.checked_sub(0xFEE0),
        // Digits of other scripts, and those of mathematics.
        0x0660..=0x0669 | 0x06F0..=0x06F9 => Some(u32::from('0') + (code & 0xF)),
        0x1D7CE..=0x1D7FF => Some(u32::from('0') + (code - 0x1D7CE) % 10),
        _ => None,
    };
    ascii.and_then(char::from_u32).unwrap_or(c)
}

/// Whether a character may stand between two groups: spaces of every width, points, dashes of every length,
/// slashes, brackets, and what nobody sees.
fn is_gap(c: char) -> bool {
    (c.is_whitespace() && c != '\n')
        || matches!(
            c,
            '.' | '-' | '/' | '\\' | '_' | '(' | ')' | '[' | ']' | '\'' | '’' | '·' | '•' | '|'
        )
        || matches!(c, '\u{AD}' | '\u{200B}'..='\u{200D}' | '\u{2010}'..='\u{2015}')
        || matches!(c, '\u{2060}' | '\u{2212}' | '\u{FEFF}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_nir_is_found_in_any_spelling() {
        for text in [
            "205049399999992",
            "2.05.04.93.999.999.92",
            "2-05-04-93-999-999-92",
            "2/05/04/93/999/999/92",
            "2 - 05 - 04 - 93 - 999 - 999 - 92",
            "2\u{a0}05\u{a0}04\u{202f}93\u{2009}999\u{2007}999 92",
            "2\u{200b}05\u{200b}04\u{200b}93\u{200b}999\u{200b}999\u{200b}92",
            "２０５０４９３９９９９９９９２",
            "２ ０５ ０４ ９３ ９９９ ９９９ ９２",
            "٢٠٥٠٤٩٣٩٩٩٩٩٩٩٢",
            "2050493999999",
            "2 05 04 93 999 999",
            "2/05/04/93/999/999",
            "2050493999999 (92)",
            "2 05 04 93 999 999 (92)",
            "2 05 04 93 999 999 [92]",
            "2050493999999/92",
            "205 049 399 999 992",
            "20504 93999 99992",
            "2_05_04_93_999_999_92",
            "1 09 02 2A 999 997 71",
            "1-06-11-2b-999-998-97",
            "1.06.11.2B.999.998",
            "109022A99999771",
        ] {
            for whole in [
                format!("le NIR {text}, faux"),
                format!("NIR:{text}"),
                format!("({text})"),
            ] {
                let kept = without_numbers(&whole, "***");
                assert!(holds_number(&whole) && kept.contains("***"), "{whole}");
                assert!(!kept.contains(char::is_numeric), "{whole}: {kept}");
            }
        }
    }

    #[test]
    fn an_account_is_found_in_any_spelling() {
        for text in [
            "FR7630006000011234567890189",
            "fr7630006000011234567890189",
            "FR76 3000 6000 0112 3456 7890 189",
            "FR76-3000-6000-0112-3456-7890-189",
            "FR 76 30006 00001 12345678901 89",
            "FR76/30006/00001/12345678901/89",
            "ＦＲ７６３０００６００００１１２３４５６７８９０１８９",
            "ＦＲ７６ ３０００ ６０００ ０１１２ ３４５６ ７８９０ １８９",
            "FR7699999999990000000000153",
            "GB29 NWBK 6016 1331 9268 19",
            "DE 89 3704 0044 0532 0130 00",
        ] {
            let whole = format!("sur {text}, inconnu");
            assert_eq!(without_numbers(&whole, "***"), "sur ***, inconnu", "{text}");
        }
    }

    #[test]
    fn what_is_neither_stays_readable() {
        for text in [
            "SIRET 12345678200010, 123 456 782 00010",
            "DECA 093202609010123 et 02A202609010124",
            "du 2026-09-01 au 2027-08-31, du 01/09/2026 au 31/08/2027",
            "du 2026-09-01 10 000 000 au 2027-11-21",
            "15/09/2026 10 000",
            "le 2026-09-01T10:30:00.000+02:00, le 2026-09-01 10:30:00",
            "966,21 euros, 1 234 567,89 €, 1 000 000 000 000",
            "dossier 7700001234, facture F-2026-000123, échéance n° 3",
            "téléphone 01 99 00 00 01",
            "VIR-2026-09-15-000123, 3f2504e0-4f89-11d3-9a0c-0305e82c3301",
            "de 12 à 24 mois, le 1er",
        ] {
            assert_eq!(without_numbers(text, "***"), text);
        }
    }

    #[test]
    fn a_date_is_one_whole() {
        for (text, end) in [
            ("2026-09-01", Some(10)),
            ("01/09/2026 au", Some(10)),
            ("01.09.2026.", None),
            ("2026-09-011", None),
            ("2026-13-01", None),
            ("10-10-1999-99", None),
            ("2026-09/01", None),
            ("é", None),
        ] {
            assert_eq!(date_at(text), end, "{text}");
        }
    }

    /// A square of this length would not end.
    #[test]
    fn a_text_of_any_length_is_looked_through_once() {
        for unit in ["x", "1", "AB12", "FR7", "2B", "2 ", "F R 7 6 ", "2050493 "] {
            let _ = holds_number(&unit.repeat(200_000 / unit.len()));
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,200}") {
            let _ = without_numbers(&text, "***");
            let _ = date_at(&text);
        }

        #[test]
        fn no_grouping_hides_a_nir(gaps in proptest::collection::vec("[ ./_-]{0,3}", 14)) {
            let mut text = String::new();
            for (at, c) in "205049399999992".chars().enumerate() {
                text.push(c);
                text.push_str(gaps.get(at).map_or("", String::as_str));
            }
            let kept = without_numbers(&text, "");
            prop_assert!(!kept.contains(char::is_numeric), "{}", kept);
        }
    }
}
