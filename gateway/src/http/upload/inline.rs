//! JSON with the file in base64, as `"fichier": {"nom": …, "contenu": …}` at its root: the content is
//! taken out and decoded as it comes, the rest is kept as if it had never been there.

use actix_web::web::Bytes;
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use futures_util::StreamExt as _;
use serde::Deserialize;
use store::files::Inflow;

use super::{AT_FILE, FICHIER, Inbound, Incoming, JSON_MAX, Upload, interrupted, refusal};
use crate::http::body::too_large_problem;
use crate::http::problem::{Code, Problem};

/// The member of the file that is its content.
const CONTENU: &[u8] = b"contenu";
/// How deep a body may be before it is left to whoever reads JSON to refuse it.
const DEPTH_MAX: usize = 128;
/// The longest member's name that is compared.
const KEY_MAX: usize = 16;

/// Base64 with or without its padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What stands beside the content.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fichier {
    nom: Option<String>,
    #[serde(rename = "contenu")]
    _contenu: String,
}

/// Reads the body.
pub(super) async fn read(inbound: &Inbound, mut stream: Incoming) -> Result<Upload, Problem> {
    let mut scanner = Scanner::default();
    let (mut content, mut inflow) = (Vec::new(), None);
    while let Some(bytes) = stream.next().await {
        let bytes = bytes.map_err(|_| interrupted())?;
        scanner.read(&bytes, &mut content)?;
        if scanner.has_content && inflow.is_none() {
            inflow = Some(inbound.begin().await?);
        }
        if let Some(inflow) = &mut inflow {
            let name = || scanner.name_so_far();
            decode(&mut content, inflow, false, name).await?;
        }
    }
    let (file, json) = (scanner.file.take(), Bytes::from(scanner.json));
    // A body that stops inside of the member is no JSON: whoever reads it says where.
    let Some(file) = file else {
        return Ok(Upload { json, file: None });
    };
    let said: Fichier = serde_json::from_slice(&file).map_err(|_| wrong(SHAPE))?;
    let mut inflow = inflow.ok_or_else(|| wrong(SHAPE))?;
    decode(&mut content, &mut inflow, true, || said.nom.clone()).await?;
    let file = inbound.finish(inflow, said.nom.as_deref()).await?;
    Ok(Upload {
        json,
        file: Some(file),
    })
}

/// Decodes what has come of the content. The last four letters, where padding may stand, wait for
/// the end.
async fn decode(
    content: &mut Vec<u8>,
    inflow: &mut Inflow,
    end: bool,
    name: impl Fn() -> Option<String>,
) -> Result<(), Problem> {
    let ready = if end {
        content.len()
    } else {
        content.len().saturating_sub(1) / 4 * 4
    };
    let letters: Vec<u8> = content.drain(..ready).collect();
    let bytes = BASE64
        .decode(&letters)
        .ok()
        .filter(|_| end || !letters.contains(&b'='));
    let bytes = bytes.ok_or_else(|| wrong("« fichier.contenu » n'est pas du base64 lisible."))?;
    let written = inflow.write(&bytes).await;
    written.map_err(|error| refusal(error.named(name().as_deref())))
}

const SHAPE: &str =
    "« fichier » est un objet qui porte « nom », facultatif, et « contenu », en base64.";

fn wrong(detail: impl Into<String>) -> Problem {
    Problem::new(Code::InvalidRequest, detail).pointer(AT_FILE)
}

/// Follows the form of a JSON text closely enough to know where the content is.
#[derive(Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "four facts about the text that have nothing to do with one another"
)]
struct Scanner {
    /// The text without the file.
    json: Vec<u8>,
    /// The file's member without its content, once it is closed.
    file: Option<Vec<u8>>,
    has_content: bool,
    /// The containers that are open; whether each is an object.
    open: Vec<bool>,
    text: Text,
    escaped: bool,
    awaits_key: bool,
    key: Vec<u8>,
    key_at: usize,
    /// Where the file's member and its value begin, while it is open.
    member: Option<(usize, usize)>,
    /// The last comma of the root, and whether the next one goes with the file.
    comma: Option<usize>,
    blank_comma: bool,
}

/// In which text the next byte stands.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Text {
    #[default]
    None,
    Key,
    Value,
    Content,
}

impl Scanner {
    /// Reads on; letters of the content are added to `content`.
    fn read(&mut self, bytes: &[u8], content: &mut Vec<u8>) -> Result<(), Problem> {
        for byte in bytes.iter().copied() {
            match self.text {
                Text::Content => self.content(byte, content)?,
                Text::None => self.outside(byte)?,
                Text::Key | Text::Value => self.inside(byte),
            }
        }
        if self.json.len() > JSON_MAX {
            return Err(too_large_problem(JSON_MAX));
        }
        Ok(())
    }

    fn content(&mut self, byte: u8, content: &mut Vec<u8>) -> Result<(), Problem> {
        match (std::mem::take(&mut self.escaped), byte) {
            (true, b'/') => content.push(byte),
            // Some writers cut base64 into lines.
            (true, b'n' | b'r') => {}
            (true, _) => return Err(wrong("« fichier.contenu » n'est pas du base64 lisible.")),
            (false, b'\\') => self.escaped = true,
            (false, b'"') => {
                self.json.push(byte);
                self.text = Text::None;
            }
            (false, _) => content.push(byte),
        }
        Ok(())
    }

    fn inside(&mut self, byte: u8) {
        self.json.push(byte);
        if !std::mem::take(&mut self.escaped) {
            match byte {
                b'\\' => self.escaped = true,
                b'"' => {
                    self.awaits_key &= self.text != Text::Key;
                    self.text = Text::None;
                    return;
                }
                _ => {}
            }
        }
        if self.text == Text::Key && self.key.len() < KEY_MAX {
            self.key.push(byte);
        }
    }

    fn outside(&mut self, byte: u8) -> Result<(), Problem> {
        let at = self.json.len();
        let of_file = self.open.len() == 1 && !self.awaits_key && self.key == FICHIER.as_bytes();
        match byte {
            b'"' if self.awaits_key => {
                self.key.clear();
                self.key_at = at;
                self.text = Text::Key;
            }
            b'{' | b'[' => {
                if of_file {
                    if byte == b'[' || self.file.is_some() || self.member.is_some() {
                        return Err(wrong(SHAPE));
                    }
                    self.member = Some((self.key_at, at));
                }
                self.open.push(byte == b'{');
                self.awaits_key = byte == b'{';
                if self.open.len() > DEPTH_MAX {
                    return Err(Problem::new(
                        Code::InvalidJson,
                        "Le document est trop profond.",
                    ));
                }
            }
            b'"' if self.open.len() == 2 && self.member.is_some() && self.key == CONTENU => {
                if std::mem::replace(&mut self.has_content, true) {
                    return Err(wrong("« fichier.contenu » est donné deux fois."));
                }
                self.text = Text::Content;
            }
            _ if of_file && (byte == b'"' || byte == b'-' || byte.is_ascii_alphanumeric()) => {
                return Err(wrong(SHAPE));
            }
            b'"' => self.text = Text::Value,
            _ => {}
        }
        self.json.push(byte);
        match byte {
            b'}' | b']' => {
                self.open.pop();
                self.awaits_key = false;
                if self.open.len() == 1 {
                    self.close();
                }
            }
            b',' => self.comma(at),
            _ => {}
        }
        Ok(())
    }

    fn comma(&mut self, at: usize) {
        self.awaits_key = self.open.last().copied().unwrap_or_default();
        if self.open.len() != 1 {
            return;
        }
        if std::mem::take(&mut self.blank_comma) {
            self.blank(at, at.saturating_add(1));
        } else {
            self.comma = Some(at);
        }
    }

    /// Returns the file's name, unless it is still to come after the content.
    fn name_so_far(&self) -> Option<String> {
        let said = match (&self.file, self.member) {
            (Some(file), _) => file.clone(),
            (None, Some((_, value))) => {
                let begun = self.json.get(value..)?;
                [begun, b"\"}"].concat()
            }
            (None, None) => return None,
        };
        serde_json::from_slice::<Fichier>(&said).ok()?.nom
    }

    /// The file's member has ended: it is kept apart, and spaces stand in its place.
    fn close(&mut self) {
        let Some((member, value)) = self.member.take() else {
            return;
        };
        self.key.clear();
        self.file = self.json.get(value..).map(<[u8]>::to_vec);
        self.blank(member, self.json.len());
        match self.comma.take() {
            Some(comma) => self.blank(comma, comma.saturating_add(1)),
            None => self.blank_comma = true,
        }
    }

    fn blank(&mut self, from: usize, to: usize) {
        if let Some(bytes) = self.json.get_mut(from..to) {
            // Lines stay lines, so that the place of a mistake is the one the sender sees.
            for byte in bytes.iter_mut().filter(|byte| **byte != b'\n') {
                *byte = b' ';
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Reads a text byte by byte: the rest, the file's member, the content.
    fn scanned(text: &str) -> Result<(Value, Option<Value>, String), Problem> {
        let (mut scanner, mut content) = (Scanner::default(), Vec::new());
        for byte in text.as_bytes() {
            scanner.read(&[*byte], &mut content)?;
        }
        let rest = serde_json::from_slice(&scanner.json).unwrap_or(Value::Null);
        let file = scanner
            .file
            .map(|file| serde_json::from_slice(&file).unwrap());
        Ok((rest, file, String::from_utf8(content).unwrap()))
    }

    #[test]
    fn the_file_is_taken_out_wherever_it_stands() {
        let file = r#""fichier" : {"nom":"a,}\"b.pdf", "contenu":"QUJD\/\nRA=="}"#;
        for (text, rest) in [
            (format!("{{{file}}}"), json!({})),
            (
                format!("{{{file},\"a\":[1,{{\"b\":2}}]}}"),
                json!({"a": [1, {"b": 2}]}),
            ),
            (format!("{{\"a\":1 , {file}\n}}"), json!({"a": 1})),
            (
                format!("{{\"a\":1,{file},\"b\":\"x,\\\"y\"}}"),
                json!({"a": 1, "b": "x,\"y"}),
            ),
        ] {
            let (found, member, content) = scanned(&text).unwrap();
            assert_eq!(found, rest, "{text}");
            assert_eq!(
                member,
                Some(json!({"nom": "a,}\"b.pdf", "contenu": ""})),
                "{text}"
            );
            assert_eq!(content, "QUJD/RA==");
        }
    }

    #[test]
    fn what_only_looks_like_the_file_stays() {
        for text in [
            r#"{"a":{"fichier":{"contenu":"QUJD"}}}"#,
            r#"[{"fichier":{"contenu":"QUJD"}}]"#,
            r#"{"a":"fichier","b":["fichier",{"contenu":"QUJD"}]}"#,
            r#"{"contenu":"QUJD","fichiers":{"contenu":"QUJD"}}"#,
        ] {
            let (found, member, content) = scanned(text).unwrap();
            assert_eq!(found, serde_json::from_str::<Value>(text).unwrap());
            assert_eq!((member, content.as_str()), (None, ""));
        }
    }

    #[test]
    fn a_file_of_another_form_is_refused() {
        for text in [
            r#"{"fichier":null}"#,
            r#"{"fichier":"QUJD"}"#,
            r#"{"fichier":[]}"#,
            r#"{"fichier":{"contenu":""},"fichier":{"contenu":""}}"#,
            r#"{"fichier":{"contenu":"","contenu":""}}"#,
            r#"{"fichier":{"contenu":"QUJD\u0041"}}"#,
        ] {
            assert!(scanned(text).is_err(), "{text}");
        }
        let large = format!("{{\"a\":\"{}\"}}", "x".repeat(JSON_MAX));
        assert_eq!(scanned(&large).unwrap_err().code(), Code::TooLarge);
        assert!(scanned(&"[".repeat(200)).is_err());
    }
}
