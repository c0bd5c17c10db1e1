//! A file that goes with a payload: opened afresh for each try and read piece by piece, so that it is
//! never whole in memory.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use domain::file::FileKind;
use futures_util::stream::BoxStream;

use crate::norm::lenient;

/// The bytes of a file, from the first, in the chunks in which their keeper hands them out: one chunk
/// is in memory at a time.
pub type FileChunks = BoxStream<'static, io::Result<Bytes>>;

/// A file being opened.
pub type Opening = Pin<Box<dyn Future<Output = io::Result<FileChunks>> + Send>>;

/// How long the name of a file may be, its extension left out.
const STEM_MAX: usize = 80;

/// A file of known kind and length. Its `Debug` leaves out its name, which may be a person's.
#[derive(Clone)]
pub struct Fichier {
    nom: String,
    genre: FileKind,
    bytes: u64,
    open: Arc<dyn Fn() -> Opening + Send + Sync>,
}

impl Fichier {
    /// Describes a file. `open` is called once for each try and must start at the first byte; exactly
    /// `bytes` must come. The name is made safe: plain letters, digits, and the kind's own ending.
    pub fn new<O>(nom: &str, genre: FileKind, bytes: u64, open: O) -> Self
    where
        O: Fn() -> Opening + Send + Sync + 'static,
    {
        Self {
            nom: safe(nom, genre),
            genre,
            bytes,
            open: Arc::new(open),
        }
    }

    /// Returns the name under which it is sent.
    pub fn nom(&self) -> &str {
        &self.nom
    }

    /// Returns what it is.
    pub fn genre(&self) -> FileKind {
        self.genre
    }

    /// Returns how long it is.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn open(&self) -> Opening {
        (self.open)()
    }
}

impl PartialEq for Fichier {
    /// Two files are the same when they are opened by the same hand.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.open, &other.open)
            && (&self.nom, self.genre, self.bytes) == (&other.nom, other.genre, other.bytes)
    }
}

impl fmt::Debug for Fichier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fichier")
            .field("genre", &self.genre)
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

/// A name fit for a quoted parameter and for any file system: no path, quote, line end or accent.
fn safe(nom: &str, genre: FileKind) -> String {
    let last = nom.rsplit(['/', '\\']).next().unwrap_or_default();
    let stem = match last.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem,
        _ => last,
    };
    let plain: String = lenient::unaccented(stem)
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '-' {
                c
            } else {
                '_'
            }
        })
        .take(STEM_MAX)
        .collect();
    let stem = plain.trim_matches(['_', '-']);
    let stem = if stem.is_empty() { "document" } else { stem };
    format!("{stem}.{}", genre.ending())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_safe_whatever_it_was() {
        for (given, sent) in [
            ("Facture été n°3.PDF", "Facture_ete_n_3.pdf"),
            ("../../etc/passwd", "passwd.pdf"),
            ("C:\\factures\\a b.pdf", "a_b.pdf"),
            ("x\"\r\nContent-Type: text/html.pdf", "html.pdf"),
            ("x\"; name=\"facture.pdf", "x___name__facture.pdf"),
            ("", "document.pdf"),
            (".pdf", "pdf.pdf"),
            ("договор.pdf", "document.pdf"),
            ("facture.exe", "facture.pdf"),
        ] {
            assert_eq!(safe(given, FileKind::Pdf), sent, "{given}");
        }
        assert_eq!(safe("scan.jpeg", FileKind::Jpeg), "scan.jpg");
        assert!(safe(&"é".repeat(500), FileKind::Png).len() <= STEM_MAX + 4);
    }
}
