//! What a file is, by its content and never by its name, judged as it goes by: a PDF, a JPEG or a
//! PNG that is whole and opens without a password.
//!
//! Nothing is kept but the first kilobyte and the end: a file of any size costs the same memory.

mod pdf;
mod picture;

use std::fmt;
use std::str::FromStr;

pub use crate::rules::FileKind;

use self::pdf::Pdf;
use self::picture::{Jpeg, Png};

/// Within how many bytes a PDF must say that it is one: what readers accept.
const HEAD: usize = 1024;

/// Why a file cannot go to an OPCO.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.code())]
pub enum FileFault {
    /// There is nothing in it.
    Empty,
    /// It is of a kind that no OPCO takes.
    Unknown(Content),
    /// Its name says PDF, JPEG or PNG, its content says otherwise.
    Disguised(Content),
    /// It stops before its end, or its middle makes no sense.
    Truncated,
    /// It opens only with a password.
    Protected,
}

/// What a file that cannot go seems to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// An archive, or an office document, which is one.
    Archive,
    /// A page of the web, or XML.
    Page,
    /// A picture of another format.
    Picture,
    /// A program.
    Program,
    /// Nothing we know.
    Other,
}

/// Reads a file as it goes by.
#[derive(Debug, Default)]
pub struct Inspector {
    head: Vec<u8>,
    bytes: u64,
    walk: Option<Walk>,
}

/// The reading of one kind.
#[derive(Debug)]
enum Walk {
    Pdf(Pdf),
    Jpeg(Jpeg),
    Png(Png),
}

impl Inspector {
    /// Reads on.
    ///
    /// # Errors
    /// As soon as nothing that may follow could make the file one that can go.
    pub fn read(&mut self, bytes: &[u8]) -> Result<(), FileFault> {
        self.bytes = self
            .bytes
            .saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if let Some(walk) = &mut self.walk {
            return walk.read(bytes);
        }
        let wanted = HEAD.saturating_sub(self.head.len()).min(bytes.len());
        let (head, rest) = bytes.split_at_checked(wanted).unwrap_or((bytes, &[]));
        self.head.extend_from_slice(head);
        if self.head.len() < HEAD {
            return Ok(());
        }
        self.begin()?.read(rest)
    }

    /// Says what the file is, once all of it was read.
    ///
    /// # Errors
    /// Why it cannot go.
    pub fn end(mut self) -> Result<FileKind, FileFault> {
        if self.bytes == 0 {
            return Err(FileFault::Empty);
        }
        if self.walk.is_none() {
            self.begin()?;
        }
        match self.walk {
            Some(Walk::Pdf(pdf)) => pdf.end(self.bytes).map(|()| FileKind::Pdf),
            Some(Walk::Jpeg(jpeg)) => jpeg.end().map(|()| FileKind::Jpeg),
            Some(Walk::Png(png)) => png.end().map(|()| FileKind::Png),
            None => Err(FileFault::Empty),
        }
    }

    /// Tells the kind by the first bytes and reads them.
    fn begin(&mut self) -> Result<&mut Walk, FileFault> {
        let head = std::mem::take(&mut self.head);
        let walk = self.walk.insert(Walk::of(&head)?);
        walk.read(&head)?;
        Ok(walk)
    }
}

impl Walk {
    fn of(head: &[u8]) -> Result<Self, FileFault> {
        if head.starts_with(picture::PNG) {
            return Ok(Self::Png(Png::default()));
        }
        if head.starts_with(picture::JPEG) {
            return Ok(Self::Jpeg(Jpeg::default()));
        }
        // What begins as something else is that, even where a PDF is hidden behind.
        let seems = Content::of(head);
        if seems == Content::Other && has(head, pdf::HEADER) {
            return Ok(Self::Pdf(Pdf::default()));
        }
        Err(FileFault::Unknown(seems))
    }

    fn read(&mut self, bytes: &[u8]) -> Result<(), FileFault> {
        match self {
            Self::Pdf(pdf) => pdf.read(bytes),
            Self::Jpeg(jpeg) => jpeg.read(bytes),
            Self::Png(png) => png.read(bytes),
        }
    }
}

impl Content {
    /// Tells what else begins like this.
    fn of(head: &[u8]) -> Self {
        const STARTS: [(&[u8], Content); 14] = [
            (b"PK\x03\x04", Content::Archive),
            (b"PK\x05\x06", Content::Archive),
            (b"Rar!", Content::Archive),
            (b"7z\xbc\xaf", Content::Archive),
            (b"\x1f\x8b", Content::Archive),
            (b"\xd0\xcf\x11\xe0", Content::Archive),
            (b"GIF8", Content::Picture),
            (b"RIFF", Content::Picture),
            (b"II*\0", Content::Picture),
            (b"MM\0*", Content::Picture),
            (b"BM", Content::Picture),
            (b"MZ", Content::Program),
            (b"\x7fELF", Content::Program),
            (b"#!", Content::Program),
        ];
        if let Some((_, content)) = STARTS.iter().find(|(start, _)| head.starts_with(start)) {
            return *content;
        }
        let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
        if text.trim_ascii_start().starts_with(b"<") {
            return Self::Page;
        }
        Self::Other
    }

    /// Names it, in French.
    fn words(self) -> &'static str {
        match self {
            Self::Archive => "une archive ou un document bureautique",
            Self::Page => "une page HTML ou XML",
            Self::Picture => "une image d'un autre format",
            Self::Program => "un programme",
            Self::Other => "un contenu d'un autre format",
        }
    }
}

impl FileFault {
    /// Returns the same with what the file's name lets one believe.
    #[must_use]
    pub fn named(self, name: Option<&str>) -> Self {
        let ending = name
            .and_then(|name| name.rsplit_once('.'))
            .map(|(_, ending)| ending);
        let taken = |ending: &str| {
            ["pdf", "jpg", "jpeg", "png"]
                .iter()
                .any(|taken| ending.eq_ignore_ascii_case(taken))
        };
        match self {
            Self::Unknown(content) if ending.is_some_and(taken) => Self::Disguised(content),
            other => other,
        }
    }

    /// Returns the stable word.
    pub fn code(self) -> &'static str {
        match self {
            Self::Empty => "fichier-vide",
            Self::Unknown(_) => "fichier-type-refuse",
            Self::Disguised(_) => "fichier-deguise",
            Self::Truncated => "fichier-tronque",
            Self::Protected => "fichier-protege",
        }
    }

    /// Says what is wrong, in French.
    pub fn message(self) -> String {
        match self {
            Self::Empty => "Le fichier est vide.".to_owned(),
            Self::Unknown(content) => {
                format!(
                    "Le fichier n'est ni un PDF, ni un JPEG, ni un PNG : c'est {}.",
                    content.words()
                )
            }
            Self::Disguised(content) => {
                format!(
                    "Le contenu du fichier n'est pas ce qu'annonce son nom : c'est {}.",
                    content.words()
                )
            }
            Self::Truncated => {
                "Le fichier s'arrête avant sa fin, ou il est abîmé : il ne s'ouvrirait pas."
                    .to_owned()
            }
            Self::Protected => {
                "Le PDF est protégé par un mot de passe ou des restrictions.".to_owned()
            }
        }
    }
}

impl FileKind {
    /// Returns the stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pdf => "pdf",
            Self::Jpeg => "jpeg",
            Self::Png => "png",
            Self::Other => "other",
        }
    }

    /// Returns the media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Pdf => "application/pdf",
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Other => "application/octet-stream",
        }
    }

    /// Returns the ending of a name that says the same as the content.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Pdf => "pdf",
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Other => "bin",
        }
    }
}

impl FromStr for FileKind {
    type Err = crate::opco::UnknownWord;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        [Self::Pdf, Self::Jpeg, Self::Png, Self::Other]
            .into_iter()
            .find(|kind| kind.as_str() == s)
            .ok_or(crate::opco::UnknownWord)
    }
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Returns whether a text is somewhere in some bytes.
fn has(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

#[cfg(test)]
mod tests;
