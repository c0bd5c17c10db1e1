//! Looking for canaries in whatever came out of a door.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use aho_corasick::AhoCorasick;

use crate::canary::Canary;

/// Fewer letters and digits than this are found by chance.
const BARE_MIN: usize = 12;
/// How much around a find is shown.
const AROUND: usize = 60;

/// Looks for many canaries in one pass, whatever their case; and in a second one in letters and
/// digits alone, so that no separator hides one.
#[derive(Debug)]
pub(crate) struct Scanner {
    labels: Vec<String>,
    exact: Needles,
    bare: Needles,
}

#[derive(Debug)]
struct Needles {
    machine: AhoCorasick,
    /// By pattern: whose it is and the name of the form.
    of: Vec<(usize, &'static str)>,
}

/// A canary found where it may not be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sighting {
    /// Which canary.
    pub(crate) label: String,
    /// Where.
    pub(crate) place: String,
    /// In which form, and what stands around it.
    pub(crate) said: String,
}

impl Scanner {
    /// Looks for these.
    pub(crate) fn new(canaries: &[Canary]) -> Self {
        let all = || {
            canaries.iter().enumerate().flat_map(|(at, canary)| {
                let forms = canary.forms.iter();
                forms.map(move |(form, bytes)| (bytes.clone(), (at, *form)))
            })
        };
        let bare = all().map(|(bytes, of)| (bare(&bytes), of));
        Self {
            labels: canaries.iter().map(|canary| canary.label.clone()).collect(),
            exact: Needles::new(all()),
            bare: Needles::new(bare.filter(|(bytes, _)| bytes.len() >= BARE_MIN)),
        }
    }

    /// Looks in bytes; a canary is told once for each place.
    pub(crate) fn bytes(&self, place: &str, bytes: &[u8]) -> Vec<Sighting> {
        let mut found = BTreeMap::new();
        self.exact.look(bytes, "", &mut found);
        self.bare
            .look(&bare(bytes), ", separators aside", &mut found);
        found
            .into_iter()
            .map(|(canary, said)| Sighting {
                label: self.labels[canary].clone(),
                place: place.to_owned(),
                said,
            })
            .collect()
    }

    /// Looks in a file. Files of a server that runs come and go: one that went holds nothing.
    pub(crate) fn file(&self, door: &str, path: &Path) -> Vec<Sighting> {
        let mut bytes = Vec::new();
        match File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return Vec::new(),
            Err(error) => panic!("{} must be readable to be scanned: {error}", path.display()),
        }
        self.bytes(&format!("{door}: {}", path.display()), &bytes)
    }

    /// Looks in the files of a folder and of those in it that were written since an instant.
    pub(crate) fn folder(&self, door: &str, folder: &Path, since: SystemTime) -> Vec<Sighting> {
        let mut files = Vec::new();
        files_of(folder, since, &mut files);
        files
            .iter()
            .flat_map(|path| self.file(door, path))
            .collect()
    }
}

impl Needles {
    fn new(all: impl Iterator<Item = (Vec<u8>, (usize, &'static str))>) -> Self {
        let (patterns, of): (Vec<_>, Vec<_>) = all.unzip();
        let machine = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .build(patterns)
            .unwrap();
        Self { machine, of }
    }

    fn look(&self, bytes: &[u8], how: &str, found: &mut BTreeMap<usize, String>) {
        for hit in self.machine.find_overlapping_iter(bytes) {
            let (canary, form) = self.of[hit.pattern().as_usize()];
            found.entry(canary).or_insert_with(|| {
                let from = hit.start().saturating_sub(AROUND);
                let around = &bytes[from..bytes.len().min(hit.end() + AROUND)];
                let around = String::from_utf8_lossy(around).into_owned();
                format!("{form}{how} at {}: …{around:?}…", hit.start())
            });
        }
    }
}

/// Leaves out what separates: all of ASCII that is no letter or digit, and the no-break spaces.
fn bare(bytes: &[u8]) -> Vec<u8> {
    let mut bare = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        at += match bytes[at..] {
            [0xC2, 0xA0, ..] => 2,
            [0xE2, 0x80, 0xAF, ..] => 3,
            _ => {
                if byte.is_ascii_alphanumeric() || !byte.is_ascii() {
                    bare.push(*byte);
                }
                1
            }
        };
    }
    bare
}

fn files_of(folder: &Path, since: SystemTime, files: &mut Vec<PathBuf>) {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return,
        Err(error) => panic!(
            "{} must be readable to be scanned: {error}",
            folder.display()
        ),
    };
    for entry in entries {
        let path = entry.unwrap().path();
        match path.symlink_metadata() {
            Ok(about) if about.is_dir() => files_of(&path, since, files),
            Ok(about) if about.is_file() && about.modified().unwrap() >= since => files.push(path),
            // A socket, an old file, or one that went meanwhile.
            Ok(_) | Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

    use super::*;

    const SECRET: &str = "Zk4+/9é\"vQ=x7Lp2mRt81sWe";

    fn sees(text: impl AsRef<[u8]>) -> bool {
        let scanner = Scanner::new(&[Canary::text("secret", SECRET)]);
        !scanner.bytes("here", text.as_ref()).is_empty()
    }

    #[test]
    fn a_canary_is_found_in_each_of_its_forms() {
        assert!(sees(format!("before {SECRET} after")));
        assert!(sees(SECRET.to_ascii_uppercase()));
        assert!(sees(serde_json::json!({ "a": SECRET }).to_string()));
        let twice = serde_json::json!({ "a": SECRET }).to_string();
        assert!(sees(serde_json::json!(twice).to_string()));
        for before in ["", "a", "ab", "abc"] {
            let text = format!("{before}{SECRET} and more");
            assert!(sees(STANDARD.encode(&text)), "{before}");
            assert!(sees(URL_SAFE_NO_PAD.encode(&text)), "{before}");
        }
        let dashed: Vec<String> = SECRET.bytes().map(|byte| format!("{byte:02x}")).collect();
        assert!(sees(dashed.concat()) && sees(dashed.join(":").to_uppercase()));
        assert!(sees(format!("{:?}", SECRET.as_bytes())));
        let wide: Vec<u8> = SECRET.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(sees([b"x".as_slice(), &wide].concat()));
        let query = reqwest::Url::parse_with_params("http://a.test/", [("k", SECRET)]).unwrap();
        assert!(sees(query.as_str()));
        for separator in [' ', '.', '-', '\n', '\u{a0}', '\u{202f}'] {
            let spread: String = SECRET.chars().flat_map(|c| [c, separator]).collect();
            assert!(sees(spread), "{separator:?}");
        }
    }

    #[test]
    fn what_is_near_a_canary_is_none() {
        let cut: String = SECRET.chars().take(12).collect();
        assert!(!sees(cut));
        assert!(!sees(SECRET.chars().rev().collect::<String>()));
    }

    #[test]
    fn a_flag_is_found_beside_its_name_only() {
        let scanner = Scanner::new(&[Canary::flag("handicap")]);
        let sees = |text: &str| !scanner.bytes("here", text.as_bytes()).is_empty();
        for text in [
            r#"{"handicap":true}"#,
            r#"{"handicap" : true}"#,
            r#""{\"handicap\":true}""#,
            "Apprenti { handicap: Some(true) }",
        ] {
            assert!(sees(text), "{text}");
        }
        assert!(sees(&STANDARD.encode(r#"{"sexe":"F","handicap":true}"#)));
        for text in [
            r#"{"handicap":"***","sportif":true}"#,
            "apprenti.handicap : booléen",
        ] {
            assert!(!sees(text), "{text}");
        }
    }
}
