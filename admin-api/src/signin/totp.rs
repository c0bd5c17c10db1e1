//! The second factor: time-based codes (RFC 6238, SHA-1, six digits, thirty seconds), which every
//! authenticator application knows.

use aws_lc_rs::hmac;
use domain::{Secret, Timestamp};
use subtle::ConstantTimeEq as _;

/// How many digits a code has.
pub(crate) const DIGITS: usize = 6;
const STEP_S: i64 = 30;
/// How many steps a clock may be wrong, each way.
const DRIFT: i64 = 1;
const SECRET_BYTES: usize = 20;
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Makes a secret, in base 32 as applications take it.
pub(crate) fn secret() -> Option<Secret> {
    let mut bytes = [0; SECRET_BYTES];
    aws_lc_rs::rand::fill(&mut bytes).ok()?;
    Some(Secret::new(base32(&bytes)))
}

/// Returns the address that an application reads from a QR code.
pub(crate) fn address(secret: &Secret, email: &str) -> Secret {
    let email: String = email
        .bytes()
        .map(|b| match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => {
                char::from(b).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect();
    Secret::new(format!(
        "otpauth://totp/CFA%20Gateway:{email}?secret={}&issuer=CFA%20Gateway",
        secret.expose()
    ))
}

/// Returns the step a code belongs to, if it is one of now or of the steps beside.
pub(crate) fn step_of(secret: &Secret, code: &str, now: Timestamp) -> Option<i64> {
    let key = from_base32(secret.expose())?;
    let current = now.as_second().div_euclid(STEP_S);
    let mut found = None;
    // All are compared: the time tells nothing.
    for step in current - DRIFT..=current + DRIFT {
        if code_at(&key, step).as_bytes().ct_eq(code.as_bytes()).into() {
            found = Some(step);
        }
    }
    found
}

/// Returns the code of an instant: what an application shows.
#[cfg(test)]
pub(crate) fn code(secret: &Secret, now: Timestamp) -> Option<String> {
    let key = from_base32(secret.expose())?;
    Some(code_at(&key, now.as_second().div_euclid(STEP_S)))
}

fn code_at(key: &[u8], step: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let bytes = tag.as_ref();
    // RFC 4226 §5.3: the last four bits say where the thirty-one bits are taken.
    let offset = bytes.last().map_or(0, |last| usize::from(last & 0xf));
    let taken = bytes.iter().skip(offset).take(4);
    let number = taken.fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
    format!("{:06}", (number & 0x7fff_ffff) % 1_000_000)
}

fn base32(bytes: &[u8]) -> String {
    let mut text = String::new();
    let (mut held, mut bits) = (0_u32, 0_u32);
    for byte in bytes {
        held = held << 8 | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            let index = usize::try_from(held >> bits & 31).unwrap_or_default();
            text.extend(ALPHABET.get(index).map(|b| char::from(*b)));
        }
    }
    if bits > 0 {
        let index = usize::try_from(held << (5 - bits) & 31).unwrap_or_default();
        text.extend(ALPHABET.get(index).map(|b| char::from(*b)));
    }
    text
}

fn from_base32(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut held, mut bits) = (0_u32, 0_u32);
    for letter in text.bytes() {
        let value = ALPHABET.iter().position(|b| *b == letter)?;
        held = held << 5 | u32::try_from(value).ok()?;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(held >> bits & 0xff).ok()?);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B, SHA-1, the last six of eight digits.
    #[test]
    fn the_published_codes_come_out() {
        let secret = Secret::new(base32(b"12345678901234567890"));
        for (second, expected) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            let now = Timestamp::from_second(second).unwrap();
            assert_eq!(code(&secret, now).as_deref(), Some(expected));
            assert_eq!(step_of(&secret, expected, now), Some(second / 30));
        }
    }

    #[test]
    fn a_code_lasts_for_the_steps_beside_its_own_and_no_longer() {
        let secret = secret().unwrap();
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let code = code(&secret, now).unwrap();
        let later = |s: i64| Timestamp::from_second(1_800_000_000 + s).unwrap();
        assert!(step_of(&secret, &code, later(30)).is_some());
        assert_eq!(step_of(&secret, &code, later(90)), None);
        assert_eq!(step_of(&secret, "", now), None);
    }

    proptest::proptest! {
        #[test]
        fn base_32_survives_a_round_trip(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..40)) {
            proptest::prop_assert_eq!(from_base32(&base32(&bytes)).unwrap(), bytes);
        }
    }

    #[test]
    fn the_address_names_the_account_and_holds_no_space() {
        let address = address(&Secret::new("ABC"), "ana+ops@cfa.example");
        assert_eq!(
            address.expose(),
            "otpauth://totp/CFA%20Gateway:ana%2Bops%40cfa.example?secret=ABC&issuer=CFA%20Gateway"
        );
    }
}
