//! What an OPCO wrote, made fit to be kept: whatever looks like a NIR, an account, a token or one of
//! our own secrets is hidden. When in doubt it hides.

use domain::Siret;
use domain::identifiers::{date_at, number_at};
use domain::secret::MASK;

/// Members whose value is hidden whatever it looks like, in lower case.
const MEMBERS: [&str; 16] = [
    "nir",
    "iban",
    "ibanemetteur",
    "handicap",
    "droitsrqthextensionboe",
    "droitsrqthequivalencejeune",
    "access_token",
    "refresh_token",
    "client_secret",
    "client_assertion",
    "password",
    "authorization",
    "apikey",
    "api_key",
    "xapikey",
    "x-api-key",
];

/// A secret shorter than this is a common word, not worth hiding the text for.
const SECRET_MIN: usize = 4;
/// A character of a secret is spelled with no more bytes than this (`\u002B`).
const SPELLING_MAX: usize = 6;
/// CFA keys have 32 characters and more (protocol §3.2).
const TOKEN_MIN: usize = 32;
const JWT_MIN: usize = 20;
const IBAN_MIN: usize = 15;
const IBAN_MAX: usize = 34;
const IBAN_DIGITS_MIN: usize = 8;
/// Thirteen digits, and two more for the check.
const NIR_BARE: usize = 13;
const NIR_WITH_KEY: usize = 15;

/// How much is kept of what an OPCO says in words.
const SAID_MAX: usize = 600;

/// Returns what an OPCO says in words as it may be kept and shown: cut, every secret hidden.
pub fn said(text: &str) -> String {
    masked(text.trim(), SAID_MAX, &[])
}

/// Returns the first `limit` bytes of a text with every secret hidden, and an ellipsis if cut.
///
/// What begins before the limit is judged whole, so that no half of a secret is left at the edge.
pub(crate) fn masked(text: &str, limit: usize, secrets: &[&str]) -> String {
    // What is judged reaches beyond what is kept by the longest secret, and no further: a stranger's
    // megabytes cost nothing.
    let reach = secrets
        .iter()
        .map(|secret| secret.len().saturating_mul(SPELLING_MAX))
        .max()
        .unwrap_or_default();
    let window_end = text.floor_char_boundary(limit.saturating_mul(2).saturating_add(reach));
    let window = text.get(..window_end).unwrap_or(text);
    let mut out = String::with_capacity(limit.min(window.len()));
    let mut at = 0;
    let mut before = None;
    while at < limit {
        let Some(rest) = window.get(at..) else { break };
        let Some(next) = rest.chars().next() else {
            break;
        };
        if let Some((value, end)) = member(rest) {
            out.push_str(rest.get(..value).unwrap_or_default());
            out.push_str(MASK);
            at += end;
            before = None;
        } else if let Some(end) = hidden(rest, before, secrets) {
            out.push_str(MASK);
            at += end;
            before = None;
        } else {
            // A terminal would obey a control character.
            let harmless = !next.is_control() || matches!(next, '\n' | '\t');
            out.push(if harmless { next } else { ' ' });
            at += next.len_utf8();
            before = Some(next);
        }
    }
    if at < text.len() {
        out.push('…');
    }
    out
}

fn hidden(rest: &str, before: Option<char>, secrets: &[&str]) -> Option<usize> {
    let spelled = number_at(rest, before);
    // What a date begins is none of these, unless it is surely one.
    let dated = spelled.is_none() && date_at(rest).is_some();
    let end = ours(rest, secrets)
        .or_else(|| token(rest, before))
        .or_else(|| iban(rest))
        .or_else(|| nir(rest, before).filter(|_| !dated))
        .max(spelled)?;
    // What looks like a token may end inside a secret of ours, or « NIR2… » inside the number, taken for an
    // account: the rest of it is hidden as well.
    let mut last = before;
    let mut whole = end;
    for (at, c) in rest.char_indices().take_while(|(at, _)| *at < end) {
        let inner = rest.get(at..).unwrap_or_default();
        let more = ours(inner, secrets).max(number_at(inner, last));
        whole = whole.max(more.map_or(0, |more| at + more));
        last = Some(c);
    }
    Some(whole)
}

fn ours(rest: &str, secrets: &[&str]) -> Option<usize> {
    secrets
        .iter()
        .filter(|secret| secret.len() >= SECRET_MIN)
        .filter_map(|secret| spelled(rest.as_bytes(), secret.as_bytes()))
        .max()
}

/// Returns how far a text spells a secret from its start, each byte as it is or as forms, addresses
/// and JSON write it: a server that repeats a form repeats `%2B` for a plus.
fn spelled(text: &[u8], secret: &[u8]) -> Option<usize> {
    let mut at = 0;
    for byte in secret {
        at += spelling(text.get(at..)?, *byte)?;
    }
    Some(at)
}

fn spelling(text: &[u8], byte: u8) -> Option<usize> {
    let hex = |digits: Option<&[u8]>| {
        let digits = std::str::from_utf8(digits?).ok()?;
        u8::from_str_radix(digits, 16).ok()
    };
    match text {
        [first, ..] if *first == byte => Some(1),
        [b'%', ..] if hex(text.get(1..3)) == Some(byte) => Some(3),
        [b'\\', b'u' | b'U', b'0', b'0', ..] if hex(text.get(4..6)) == Some(byte) => Some(6),
        [b'\\', second, ..] if *second == byte => Some(2),
        [b'+', ..] if byte == b' ' => Some(1),
        _ => None,
    }
}

/// Returns where the value of a sensitive member starts and ends, counted from its name's quote. In
/// JSON written inside a text of JSON, backslashes stand before each quote.
fn member(rest: &str) -> Option<(usize, usize)> {
    let (name, after) = rest.strip_prefix('"')?.split_once('"')?;
    let bare = name.trim_end_matches('\\');
    let known = MEMBERS
        .iter()
        .any(|member| member.eq_ignore_ascii_case(bare));
    let value = after
        .trim_start()
        .strip_prefix(':')
        .filter(|_| known)?
        .trim_start();
    let start = rest.len() - value.len();
    let escape = name.len() - bare.len();
    let text = value
        .get(escape..)
        .and_then(|quoted| quoted.strip_prefix('"'));
    if let Some(text) = text {
        let from = start + escape + 1;
        return Some((from, from + end_of_text(text, escape)));
    }
    let end = value.find([',', '}', ']', '\n']).unwrap_or(value.len());
    Some((start, start + end))
}

/// Finds the quote that ends a text, when each quote of its level has so many backslashes before it:
/// fewer end the text around it, more may be a quote that belongs to the text.
fn end_of_text(text: &str, escape: usize) -> usize {
    let mut backslashes = 0;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'\\' => backslashes += 1,
            b'"' if backslashes < escape || backslashes % (2 * (escape + 1)) == escape => {
                return at - backslashes.min(escape);
            }
            _ => backslashes = 0,
        }
    }
    text.len()
}

fn is_token_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+' | '=')
}

/// A JWT, or a long run of letters and digits.
fn token(rest: &str, before: Option<char>) -> Option<usize> {
    if before.is_some_and(is_token_char) {
        return None;
    }
    let jwt = rest.starts_with("eyJ");
    let run = rest
        .find(|c: char| !(is_token_char(c) || (jwt && c == '.')))
        .unwrap_or(rest.len());
    let text = rest.get(..run)?;
    let mixed = text.bytes().any(|byte| byte.is_ascii_digit())
        && text.bytes().any(|byte| byte.is_ascii_alphabetic());
    let long = run >= TOKEN_MIN && mixed;
    (long || (jwt && run >= JWT_MIN)).then_some(run)
}

/// A country's two letters, two check digits and the rest, in one run or in groups of four.
fn iban(rest: &str) -> Option<usize> {
    let bytes = rest.as_bytes();
    let head = bytes.get(..4)?;
    let is_head = head.iter().take(2).all(u8::is_ascii_alphabetic)
        && head.iter().skip(2).all(u8::is_ascii_digit);
    if !is_head {
        return None;
    }
    let (mut end, mut length) = (0, 0);
    loop {
        let group = run_of(bytes, end, u8::is_ascii_alphanumeric);
        let text = bytes.get(end..end + group)?;
        let of_iban = text.iter().any(u8::is_ascii_digit)
            || (group == 4 && text.iter().all(u8::is_ascii_uppercase));
        if group == 0 || !of_iban || length + group > IBAN_MAX {
            break;
        }
        length += group;
        end += group;
        let gap = separator(bytes, end);
        if length % 4 != 0 || gap == 0 || run_of(bytes, end + gap, u8::is_ascii_alphanumeric) == 0 {
            break;
        }
        if length >= IBAN_MIN && length == group {
            // One run was enough; what follows is another word.
            break;
        }
        end += gap;
    }
    let text = bytes.get(..end)?;
    let digits = text.iter().filter(|byte| byte.is_ascii_digit()).count();
    (length >= IBAN_MIN && digits >= IBAN_DIGITS_MIN).then(|| trimmed(bytes, end))
}

/// Thirteen or fifteen digits, Corsica's 2A and 2B included, in one run or spaced; or any longer run
/// of digits. A SIRET and a deposit number (which starts with 0 or 9) stay readable.
fn nir(rest: &str, before: Option<char>) -> Option<usize> {
    let bytes = rest.as_bytes();
    let first = bytes.first().filter(|byte| byte.is_ascii_digit())?;
    if before.is_some_and(|c| c.is_ascii_digit()) {
        return None;
    }
    let (mut end, mut length) = (0, 0);
    let mut bare_end = None;
    loop {
        let from = end;
        while let Some(byte) = bytes.get(end) {
            let corsica = length == 6
                && matches!(byte, b'A' | b'B' | b'a' | b'b')
                && end > 0
                && bytes.get(end - 1) == Some(&b'2');
            if !byte.is_ascii_digit() && !corsica {
                break;
            }
            length += 1;
            end += 1;
        }
        if from == 0 && length >= NIR_BARE {
            return one_run(rest.get(..end)?, *first);
        }
        match length {
            NIR_BARE => bare_end = Some(end),
            NIR_WITH_KEY => return is_nir_head(*first).then_some(end),
            _ if length > NIR_WITH_KEY => break,
            _ => {}
        }
        let gap = separator(bytes, end);
        if gap == 0 || end == from || !bytes.get(end + gap).is_some_and(u8::is_ascii_digit) {
            break;
        }
        end += gap;
    }
    bare_end.filter(|_| is_nir_head(*first))
}

fn one_run(run: &str, first: u8) -> Option<usize> {
    let readable = match run.len() {
        14 => run.parse::<Siret>().is_ok(),
        NIR_BARE | NIR_WITH_KEY => !is_nir_head(first),
        _ => false,
    };
    (!readable).then_some(run.len())
}

fn is_nir_head(first: u8) -> bool {
    (b'1'..=b'8').contains(&first)
}

fn run_of(bytes: &[u8], from: usize, is: fn(&u8) -> bool) -> usize {
    bytes
        .get(from..)
        .map_or(0, |rest| rest.iter().take_while(|byte| is(byte)).count())
}

/// Returns how many bytes one separator takes at this place: space, point, dash, no-break spaces.
fn separator(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at..) {
        Some([b' ' | b'.' | b'-', ..]) => 1,
        Some([0xC2, 0xA0, ..]) => 2,
        Some([0xE2, 0x80, 0xAF, ..]) => 3,
        _ => 0,
    }
}

/// Steps back over a separator taken for a group that was not one.
fn trimmed(bytes: &[u8], end: usize) -> usize {
    bytes
        .get(..end)
        .and_then(|taken| taken.iter().rposition(u8::is_ascii_alphanumeric))
        .map_or(end, |last| last + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(text: &str) -> String {
        masked(text, 10_000, &[])
    }

    #[test]
    fn a_nir_is_hidden_in_each_of_its_forms() {
        for nir in [
            "205049399999992",
            "2050493999999",
            "109022A99999771",
            "106112b99999897",
            "2 05 04 93 999 999 92",
            "2 05 04 93 999 999",
            "2.05.04.93.999.999.92",
            "2\u{a0}05\u{a0}04\u{202f}93 999 999 92",
            "1 06 11 2B 999 998 97",
            "20504939999999",
            "2050493999999921",
            "2/05/04/93/999/999/92",
            "2 - 05 - 04 - 93 - 999 - 999 - 92",
            "２０５０４９３９９９９９９９２",
            "2050493999999/92",
            "2 05 04 93 999 999 [92",
            "1.06.11.2B.999.998",
        ] {
            assert_eq!(
                plain(&format!("le NIR {nir} est faux")),
                "le NIR *** est faux",
                "{nir}"
            );
            let glued = plain(&format!("NIR{nir}"));
            assert!(!glued.contains(char::is_numeric), "{glued}");
        }
    }

    #[test]
    fn an_account_is_hidden_in_one_run_or_in_groups() {
        for iban in [
            "FR7699999999990000000000153",
            "fr7699999999990000000000153",
            "FR76 9999 9999 9900 0000 0000 153",
            "GB29 NWBK 6016 1331 9268 19",
            "FR76\u{a0}9999\u{a0}9999\u{a0}9900\u{a0}0000\u{a0}0000\u{a0}153",
            "FR 76 99999 99999 00000000001 53",
            "ＦＲ７６９９９９９９９９９９００００００００００１５３",
        ] {
            assert_eq!(
                plain(&format!("IBAN {iban}, inconnu")),
                "IBAN ***, inconnu",
                "{iban}"
            );
        }
    }

    #[test]
    fn a_token_is_hidden() {
        for token in [
            "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
            "9f86d081884c7d659a2feaa0c55ad015",
            "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
        ] {
            assert_eq!(plain(&format!("clé {token} refusée")), "clé *** refusée");
        }
    }

    #[test]
    fn what_helps_to_understand_stays_readable() {
        for text in [
            "Le SIRET 12345678200010 est inconnu",
            "DECA 093202609010123 et 02A202609010124",
            "cerfa.contrat.remunerationsAnnuelles[0].dateDebut est antérieure au 2026-09-01",
            "du 2026-09-01 2027-08-31",
            "du 2026-09-01 10 000 au 15/09/2026 10 000",
            "apprenti.handicap : booléen attendu",
            "RNCP38362, 10103*14, 966.21 euros",
            "téléphone 0199000001, échéance n° 3",
        ] {
            assert_eq!(plain(text), text);
        }
    }

    #[test]
    fn a_sensitive_member_is_hidden_whatever_its_value() {
        let echoed = r#"{"Nir" : "abc\"def", "handicap":true, "nom":"MARTIN","client_secret":"x"}"#;
        assert_eq!(
            plain(echoed),
            r#"{"Nir" : "***", "handicap":***, "nom":"MARTIN","client_secret":"***"}"#
        );
        assert_eq!(plain(r#"{"nir":"2050"#), r#"{"nir":"***"#);
    }

    #[test]
    fn a_sensitive_member_is_hidden_in_json_that_stands_in_a_text() {
        let mut echoed =
            r#"{"handicap":true,"nir":"a\"b\\","nom":"MARTIN","handicap" : "oui"}"#.to_owned();
        for _ in 0..3 {
            echoed = serde_json::json!({ "said": echoed, "after": 1 }).to_string();
            let kept = plain(&echoed);
            assert!(
                kept.contains("MARTIN") && kept.contains("\"after\":1"),
                "{kept}"
            );
            for gone in ["true", "a\\", "oui"] {
                assert!(!kept.contains(gone), "{gone}: {kept}");
            }
            let mut inside: serde_json::Value = serde_json::from_str(&kept).unwrap();
            while let Some(said) = inside["said"].as_str() {
                inside = serde_json::from_str(said).unwrap_or_default();
            }
        }
    }

    #[test]
    fn our_own_secrets_are_hidden_wherever_they_stand() {
        assert_eq!(
            masked("X-API-KEY=clef-42; a", 99, &["clef-42", "a"]),
            "X-API-KEY=***; a"
        );
    }

    #[test]
    fn our_own_secrets_are_hidden_as_forms_addresses_and_json_spell_them() {
        let secret = "mGk2VhPzRkQ7+/wwghbbvi7 3P8Z\"DsdzX=";
        let form = reqwest::Url::parse_with_params("http://a.test/", [("client_secret", secret)]);
        let form = form.unwrap().query().unwrap().to_owned();
        let json = serde_json::json!(secret).to_string();
        let escaped = json.replace('/', "\\/").replace('+', "\\u002B");
        for spelled in [form, escaped, json, format!("client_secret={secret}")] {
            let kept = masked(&format!("grant_type=x&{spelled}&scope=y"), 999, &[secret]);
            assert!(kept.ends_with("&scope=y"), "{kept}");
            for part in ["mGk2", "wwgh", "3P8Z", "Dsdz"] {
                assert!(!kept.contains(part), "{part}: {kept}");
            }
        }
    }

    #[test]
    fn nothing_is_left_at_the_edge_of_a_cut() {
        let text = format!("{} 205049399999992", "x".repeat(30));
        for limit in 0..text.len() {
            let cut = masked(&text, limit, &[]);
            assert!(!cut.contains('2'), "{limit}: {cut}");
        }
    }

    proptest! {
        #[test]
        fn no_nir_or_account_survives_in_any_surroundings(
            before in "[^0-9]{0,20}[ :;/\"(]",
            after in "[ ,;/\")][^0-9]{0,20}",
        ) {
            for secret in ["205049399999992", "109022A99999771", "FR7699999999990000000000153"] {
                let kept = masked(&format!("{before}{secret}{after}"), 10_000, &[]);
                prop_assert!(!kept.contains(secret), "{}", kept);
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,200}", limit in 0_usize..250) {
            let _ = masked(&text, limit, &["secret"]);
        }
    }
}
