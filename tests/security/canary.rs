//! What is planted in the product to be looked for afterwards: valid, unlike anything else, and new
//! in every run.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};

/// A value that may show up nowhere, with each of the forms it is looked for in.
#[derive(Debug, Clone)]
pub(crate) struct Canary {
    /// What it is.
    pub(crate) label: String,
    /// Each form with its name.
    pub(crate) forms: Vec<(&'static str, Vec<u8>)>,
}

impl Canary {
    /// Plants a text.
    pub(crate) fn text(label: impl Into<String>, value: &str) -> Self {
        Self::bytes(label, value.as_bytes())
    }

    /// Plants a secret of which half is too much already.
    pub(crate) fn halved(label: &str, value: &str) -> [Self; 3] {
        let (head, tail) = value.split_at(value.len() / 2);
        [
            Self::text(label, value),
            Self::text(format!("the first half of {label}"), head),
            Self::text(format!("the second half of {label}"), tail),
        ]
    }

    /// Plants bytes.
    pub(crate) fn bytes(label: impl Into<String>, value: &[u8]) -> Self {
        Self {
            label: label.into(),
            forms: forms(value),
        }
    }

    /// Plants a truth value: alone it is everywhere, so it is looked for beside its name.
    pub(crate) fn flag(name: &str) -> Self {
        let written = [
            format!("\"{name}\":true"),
            format!("\"{name}\": true"),
            format!("\\\"{name}\\\":true"),
            format!("{name}=true"),
            format!("{name}: Some(true)"),
            format!("{name}: Masked(true)"),
        ];
        Self {
            label: format!("the flag {name}"),
            forms: written
                .iter()
                .flat_map(|text| forms(text.as_bytes()))
                .collect(),
        }
    }
}

/// Returns every way in which bytes are likely to be written by accident. Case does not matter to
/// who looks, nor do separators, so that neither is varied here.
fn forms(value: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut forms = vec![
        ("as it is", value.to_vec()),
        ("hex", hex(value).into_bytes()),
        ("a list of numbers", listed(value).into_bytes()),
        ("percent-encoded", percent(value, false).into_bytes()),
        (
            "percent-encoded throughout",
            percent(value, true).into_bytes(),
        ),
    ];
    for shift in 0..3 {
        forms.push(("base64", base64(value, shift, &STANDARD)));
        forms.push(("base64 of addresses", base64(value, shift, &URL_SAFE)));
    }
    if let Ok(text) = std::str::from_utf8(value) {
        let wide = || text.encode_utf16();
        forms.push(("UTF-16LE", wide().flat_map(u16::to_le_bytes).collect()));
        forms.push(("UTF-16BE", wide().flat_map(u16::to_be_bytes).collect()));
        let json = serde_json::to_string(text).unwrap();
        let json = json.trim_matches('"').to_owned();
        forms.push(("JSON", json.replace('/', "\\/").into_bytes()));
        forms.push(("JSON", json.into_bytes()));
    }
    forms
}

fn hex(value: &[u8]) -> String {
    value.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn listed(value: &[u8]) -> String {
    let numbers: Vec<String> = value.iter().map(u8::to_string).collect();
    numbers.join(", ")
}

fn percent(value: &[u8], throughout: bool) -> String {
    value.iter().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() && !throughout {
            text.push(char::from(*byte));
        } else {
            write!(text, "%{byte:02X}").unwrap();
        }
        text
    })
}

/// Returns what stands in the base64 of a longer text for these bytes, when `shift` more than a
/// multiple of three come before them: without the characters that they share with their neighbours.
fn base64(value: &[u8], shift: usize, alphabet: &base64::alphabet::Alphabet) -> Vec<u8> {
    let engine = GeneralPurpose::new(alphabet, NO_PAD);
    let before = vec![0; shift];
    let whole = engine.encode([before.as_slice(), value].concat());
    let first = (shift * 8).div_ceil(6);
    let last = (shift + value.len()) * 8 / 6;
    whole.as_bytes()[first..last].to_vec()
}

/// Draws what is planted: another seed, other canaries.
#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    /// Starts a run of its own.
    pub(crate) fn fresh() -> Self {
        let (high, low) = uuid::Uuid::now_v7().as_u64_pair();
        Self(high ^ low)
    }

    fn next(&mut self) -> u64 {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Draws a number below a bound.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// Draws characters out of some.
    pub(crate) fn word(&mut self, length: usize, of: &str) -> String {
        let of = of.as_bytes();
        let bound = u64::try_from(of.len()).unwrap();
        (0..length)
            .map(|_| char::from(of[usize::try_from(self.below(bound)).unwrap()]))
            .collect()
    }

    /// Draws a key as OPCOs give them, with the characters that every encoding writes otherwise.
    pub(crate) fn key(&mut self) -> String {
        let letters = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789";
        let (head, tail) = (self.word(20, letters), self.word(19, letters));
        format!("{head}+/{tail}=")
    }

    /// Draws 32 bytes.
    pub(crate) fn bytes(&mut self) -> [u8; 32] {
        std::array::from_fn(|_| self.next().to_be_bytes()[0])
    }

    /// Draws a social security number that fits a contract: its first seven characters, which the
    /// birth gives, are kept, the rest is new and the key is right.
    pub(crate) fn nir(&mut self, fits: &str) -> String {
        let number = format!("{}{:06}", &fits[..7], 100_000 + self.below(890_000));
        let key = 97 - number.parse::<u64>().unwrap() % 97;
        format!("{number}{key:02}")
    }

    /// Draws a French account whose two keys are right.
    pub(crate) fn iban(&mut self) -> String {
        let (bank, branch) = (10_000 + self.below(89_999), self.below(99_999));
        let account = self.below(99_999_999_999);
        let rib = 97 - (89 * bank + 15 * branch + 3 * account) % 97;
        let number = format!("{bank:05}{branch:05}{account:011}{rib:02}");
        // "FR00" moved to the end, letters as numbers: F = 15, R = 27.
        let moved = format!("{number}152700");
        let rest = moved
            .bytes()
            .fold(0, |rest, digit| (rest * 10 + u64::from(digit - b'0')) % 97);
        format!("FR{:02}{number}", 98 - rest)
    }
}

/// Writes a social security number as people do.
pub(crate) fn spaced(nir: &str) -> String {
    let cuts = [0, 1, 3, 5, 7, 10, 13, nir.len()];
    let groups: Vec<&str> = cuts.windows(2).map(|cut| &nir[cut[0]..cut[1]]).collect();
    groups.join(" ").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use domain::identifiers::{Iban, Nir};
    use harness::payload;

    use super::*;

    #[test]
    fn what_is_planted_is_valid() {
        let mut dice = Dice(7);
        for seed in 0..200 {
            let nir = dice.nir(&payload::nir(seed));
            assert_eq!(nir.parse::<Nir>().unwrap().expose(), nir);
            assert_eq!(spaced(&nir).replace(' ', ""), nir);
            assert!(dice.iban().parse::<Iban>().is_ok());
        }
    }
}
