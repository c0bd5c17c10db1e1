//! Bodies of `multipart/form-data` (protocol §3.3): the JSON part is kept, the file is hashed as it
//! passes and never held.

use std::future::poll_fn;
use std::pin::pin;

use actix_web::body::{BodyStream, MessageBody as _};
use actix_web::web::Payload;
use aws_lc_rs::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use crate::identity::hexadecimal;
use crate::refusal::Refusal;

/// The name of the part that holds the file.
const FILE: &str = "fichier";
/// The largest JSON parts, together, in bytes.
const LARGEST_JSON: usize = 1024 * 1024;
/// The largest body read to its end, in bytes: beyond, the connection is left.
const LARGEST_BODY: u64 = 64 * 1024 * 1024;
/// The largest head of a part, in bytes.
const LARGEST_HEAD: usize = 8 * 1024;
/// The longest boundary (RFC 2046).
const LONGEST_BOUNDARY: usize = 70;
/// The most parts of one body.
const MOST_PARTS: usize = 32;
/// As many first bytes tell what a file is.
const TELLING: usize = 8;

/// What a file is, by its first bytes and not by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Pdf,
    Image,
    Other,
}

/// A file that passed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// The SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
    /// How many there are.
    pub bytes: u64,
    #[serde(skip, default = "other")]
    pub(crate) form: Form,
}

fn other() -> Form {
    Form::Other
}

/// What came in a body of several parts.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    fields: Vec<(String, Vec<u8>)>,
    pub(crate) file: Option<Attachment>,
}

impl Parts {
    /// Returns the part of this name.
    pub(crate) fn field(&self, name: &str) -> Option<&[u8]> {
        self.fields
            .iter()
            .find_map(|(own, bytes)| (own == name).then_some(bytes.as_slice()))
    }

    /// Returns every part but the file.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.fields
            .iter()
            .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
    }
}

/// Returns the boundary of a content type that is of several parts.
pub(crate) fn boundary(content_type: &str) -> Option<String> {
    let mut parameters = content_type.split(';').map(str::trim);
    let kind = parameters.next()?;
    if !kind.eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = parameters.find_map(|parameter| value_of(parameter, "boundary"))?;
    (1..=LONGEST_BOUNDARY)
        .contains(&boundary.len())
        .then_some(boundary)
}

/// Returns the value of `name=value` or `name="value"`.
fn value_of(parameter: &str, name: &str) -> Option<String> {
    let (own, value) = parameter.split_once('=')?;
    if !own.trim().eq_ignore_ascii_case(name) {
        return None;
    }
    let value = value.trim();
    let bare = value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or(value);
    Some(bare.to_owned())
}

/// Reads a body to its end, as it comes.
pub(crate) async fn read(payload: Payload, boundary: &str) -> Result<Parts, Refusal> {
    let mut body = pin!(BodyStream::new(payload));
    let mut reader = Reader::new(boundary);
    let mut received = 0_u64;
    // What is wrong with the parts is told once the body is whole: a caller that is still sending
    // would not see the answer.
    let mut wrong = None;
    while let Some(chunk) = poll_fn(|cx| body.as_mut().poll_next(cx)).await {
        let Ok(chunk) = chunk else {
            return Err(unreadable("Corps incomplet"));
        };
        received = received.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
        if received > LARGEST_BODY {
            return Err(too_long());
        }
        if wrong.is_none() {
            wrong = reader.take(&chunk).err();
        }
    }
    match wrong {
        Some(refusal) => Err(refusal),
        None => reader.finish(),
    }
}

fn unreadable(text: &str) -> Refusal {
    Refusal::one(400, "REQUETE_ILLISIBLE", text)
}

pub(crate) fn too_long() -> Refusal {
    Refusal::one(413, "REQUETE_ILLISIBLE", "Corps trop long")
}

/// Where the reader stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the first boundary, or inside the content of a part.
    Content,
    /// Just after a boundary.
    Boundary,
    /// In the head of a part.
    Head,
    /// After the last boundary.
    End,
}

/// The part being read.
enum Part {
    /// What stands before the first boundary, or a part of no name.
    Nothing,
    Field(String, Vec<u8>),
    File(Box<Sum>),
}

/// The sum of a file that is passing.
struct Sum {
    context: Context,
    bytes: u64,
    first: Vec<u8>,
}

impl Sum {
    fn new() -> Self {
        Self {
            context: Context::new(&SHA256),
            bytes: 0,
            first: Vec::with_capacity(TELLING),
        }
    }

    fn add(&mut self, bytes: &[u8]) {
        let wanted = TELLING.saturating_sub(self.first.len());
        self.first.extend(bytes.iter().take(wanted));
        self.context.update(bytes);
        self.bytes = self
            .bytes
            .saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    }

    fn finish(self) -> Attachment {
        let form = match self.first.as_slice() {
            [b'%', b'P', b'D', b'F', b'-', ..] => Form::Pdf,
            [0xff, 0xd8, 0xff, ..] | [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => {
                Form::Image
            }
            _ => Form::Other,
        };
        Attachment {
            sha256: hexadecimal(self.context.finish().as_ref()),
            bytes: self.bytes,
            form,
        }
    }
}

/// Takes a body apart, however it is cut.
struct Reader {
    /// What ends a content: a line end and the boundary.
    delimiter: Vec<u8>,
    /// What has come and is not yet understood; never longer than a chunk and a head.
    waiting: Vec<u8>,
    place: Place,
    part: Part,
    count: usize,
    kept: usize,
    parts: Parts,
}

impl Reader {
    fn new(boundary: &str) -> Self {
        Self {
            delimiter: [b"\r\n--", boundary.as_bytes()].concat(),
            // The first boundary may stand at the very beginning.
            waiting: b"\r\n".to_vec(),
            place: Place::Content,
            part: Part::Nothing,
            count: 0,
            kept: 0,
            parts: Parts::default(),
        }
    }

    fn take(&mut self, chunk: &[u8]) -> Result<(), Refusal> {
        self.waiting.extend_from_slice(chunk);
        loop {
            let went_on = match self.place {
                Place::Content => self.content()?,
                Place::Boundary => self.boundary()?,
                Place::Head => self.head()?,
                Place::End => {
                    self.waiting.clear();
                    false
                }
            };
            if !went_on {
                return Ok(());
            }
        }
    }

    /// Takes content up to the next boundary, or all that can be no part of one.
    fn content(&mut self) -> Result<bool, Refusal> {
        let found = find(&self.waiting, &self.delimiter);
        let keep = self.delimiter.len() - 1;
        let until = found.unwrap_or_else(|| self.waiting.len().saturating_sub(keep));
        let rest = self.waiting.split_off(until);
        let bytes = std::mem::replace(&mut self.waiting, rest);
        match &mut self.part {
            Part::Nothing => {}
            Part::File(sum) => sum.add(&bytes),
            Part::Field(_, content) => {
                self.kept += bytes.len();
                if self.kept > LARGEST_JSON {
                    return Err(too_long());
                }
                content.extend(bytes);
            }
        }
        if found.is_none() {
            return Ok(false);
        }
        self.waiting.drain(..self.delimiter.len());
        self.close()?;
        self.place = Place::Boundary;
        Ok(true)
    }

    /// Ends the part being read.
    fn close(&mut self) -> Result<(), Refusal> {
        match std::mem::replace(&mut self.part, Part::Nothing) {
            Part::Nothing => {}
            Part::Field(name, content) => self.parts.fields.push((name, content)),
            Part::File(_) if self.parts.file.is_some() => {
                return Err(unreadable("Un seul fichier est attendu"));
            }
            Part::File(sum) => self.parts.file = Some(sum.finish()),
        }
        Ok(())
    }

    fn boundary(&mut self) -> Result<bool, Refusal> {
        match self.waiting.as_slice() {
            [b'-', b'-', ..] => self.place = Place::End,
            [b'\r', b'\n', ..] => {
                // Kept, so that a part without any header has a head that ends like the others.
                self.place = Place::Head;
            }
            // White space may follow a boundary (RFC 2046).
            [b' ' | b'\t', ..] => {
                self.waiting.drain(..1);
            }
            [] | [b'-' | b'\r'] => return Ok(false),
            _ => return Err(unreadable("Corps en plusieurs parties illisible")),
        }
        Ok(true)
    }

    fn head(&mut self) -> Result<bool, Refusal> {
        let Some(end) = find(&self.waiting, b"\r\n\r\n") else {
            if self.waiting.len() > LARGEST_HEAD {
                return Err(unreadable("En-tête de partie trop long"));
            }
            return Ok(false);
        };
        self.count += 1;
        if self.count > MOST_PARTS {
            return Err(unreadable("Trop de parties"));
        }
        let rest = self.waiting.split_off(end + 4);
        let head = std::mem::replace(&mut self.waiting, rest);
        let head = String::from_utf8_lossy(&head).into_owned();
        self.part = match name_of(&head) {
            None => Part::Nothing,
            Some(name) if name == FILE => Part::File(Box::new(Sum::new())),
            Some(name) => Part::Field(name, Vec::new()),
        };
        self.place = Place::Content;
        Ok(true)
    }

    fn finish(self) -> Result<Parts, Refusal> {
        if self.place == Place::End {
            Ok(self.parts)
        } else {
            Err(unreadable("Corps en plusieurs parties incomplet"))
        }
    }
}

/// Returns the name in the head of a part.
fn name_of(head: &str) -> Option<String> {
    let disposition = head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim()
            .eq_ignore_ascii_case("content-disposition")
            .then_some(value)
    })?;
    disposition
        .split(';')
        .find_map(|parameter| value_of(parameter.trim(), "name"))
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    let first = *wanted.first()?;
    let mut from = 0;
    // Most bytes are not the first of what is wanted, and are passed over at once.
    while let Some(next) = text
        .get(from..)
        .and_then(|rest| rest.iter().position(|byte| *byte == first))
    {
        let at = from + next;
        if text.get(at..)?.starts_with(wanted) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

#[cfg(test)]
mod tests;
