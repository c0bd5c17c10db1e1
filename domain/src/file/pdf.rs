//! A PDF as it goes by: whether it ends, and whether a trailer says that it is under a password.
//!
//! Only what stands outside of streams, texts and comments is read, and of that only a few words:
//! enough to tell `/Encrypt` in a trailer from the same letters anywhere else.

use super::FileFault;

/// How a PDF says that it is one.
pub(super) const HEADER: &[u8] = b"%PDF-";

/// How it says that it ends.
const EOF: &[u8] = b"%%EOF";
/// The word before the place of the last table.
const STARTXREF: &[u8] = b"startxref";
/// Within how many bytes of the end the PDF must say that it ends: what readers accept.
const EOF_WITHIN: usize = 1024;
/// How much of the end is kept: the place of the last table stands before it.
const TAIL: usize = 2 * EOF_WITHIN;
/// The longest word that matters is `startxref`; longer ones are read and never compared.
const WORD: usize = 12;

/// What ends a stream, and how far a failed comparison goes back in it.
const ENDSTREAM: [(u8, usize); 9] = [
    (b'e', 0),
    (b'n', 0),
    (b'd', 0),
    (b's', 0),
    (b't', 0),
    (b'r', 0),
    (b'e', 0),
    (b'a', 1),
    (b'm', 0),
];

/// One PDF.
#[derive(Debug, Default)]
pub(super) struct Pdf {
    place: Place,
    word: Vec<u8>,
    /// What was seen of the object or trailer being read.
    trailer: bool,
    encrypt: bool,
    protected: bool,
    tail: Vec<u8>,
}

/// Where in the file's grammar the next byte stands.
#[derive(Debug, Clone, Copy, Default)]
enum Place {
    #[default]
    Plain,
    Comment,
    /// Between parentheses, so many deep; the last byte may have been a backslash.
    Text(u32, bool),
    /// In a stream, with so many letters of its end seen.
    Stream(usize),
}

impl Pdf {
    /// Reads on.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<(), FileFault> {
        for byte in bytes {
            self.place = match self.place {
                Place::Plain => self.plain(*byte),
                Place::Comment if matches!(byte, b'\r' | b'\n') => Place::Plain,
                Place::Comment => Place::Comment,
                Place::Text(depth, true) => Place::Text(depth, false),
                Place::Text(depth, false) => in_text(depth, *byte),
                Place::Stream(seen) => in_stream(seen, *byte),
            };
        }
        self.keep(bytes);
        if self.protected {
            return Err(FileFault::Protected);
        }
        Ok(())
    }

    /// Judges the end of a file of so many bytes.
    pub(super) fn end(mut self, bytes: u64) -> Result<(), FileFault> {
        self.ended_word();
        self.judged();
        if self.protected {
            return Err(FileFault::Protected);
        }
        let last = self.tail.len().saturating_sub(EOF_WITHIN);
        let ends = self
            .tail
            .get(last..)
            .is_some_and(|last| super::has(last, EOF));
        // The first part of a PDF made for the web ends with a table at 0: the rest is missing.
        let table = self.table().unwrap_or(0);
        if ends && table > 0 && table < bytes {
            Ok(())
        } else {
            Err(FileFault::Truncated)
        }
    }

    /// Reads a byte outside of everything and says where the next one stands.
    fn plain(&mut self, byte: u8) -> Place {
        let regular = !byte.is_ascii_whitespace()
            && byte != 0
            && !matches!(
                byte,
                b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'/' | b'%'
            );
        if regular {
            self.push(byte);
            return Place::Plain;
        }
        if self.ended_word() {
            return Place::Stream(0);
        }
        match byte {
            b'/' => {
                self.push(byte);
                Place::Plain
            }
            b'%' => Place::Comment,
            b'(' => Place::Text(1, false),
            _ => Place::Plain,
        }
    }

    fn push(&mut self, byte: u8) {
        if self.word.len() < WORD {
            self.word.push(byte);
        }
    }

    /// Takes the word that has just ended; returns whether a stream begins.
    fn ended_word(&mut self) -> bool {
        let mut stream = false;
        match self.word.as_slice() {
            b"trailer" => {
                self.judged();
                self.trailer = true;
            }
            b"obj" | b"endobj" | STARTXREF => self.judged(),
            b"/XRef" => self.trailer = true,
            b"/Encrypt" => self.encrypt = true,
            b"stream" => {
                self.judged();
                stream = true;
            }
            _ => {}
        }
        self.word.clear();
        stream
    }

    /// An object or trailer has ended.
    fn judged(&mut self) {
        self.protected |= self.trailer && self.encrypt;
        self.trailer = false;
        self.encrypt = false;
    }

    fn keep(&mut self, bytes: &[u8]) {
        let last = bytes
            .get(bytes.len().saturating_sub(TAIL)..)
            .unwrap_or(bytes);
        let kept = TAIL.saturating_sub(last.len());
        let over = self.tail.len().saturating_sub(kept);
        self.tail.drain(..over);
        self.tail.extend_from_slice(last);
    }

    /// Returns where the last table begins.
    fn table(&self) -> Option<u64> {
        let at = self
            .tail
            .windows(STARTXREF.len())
            .rposition(|window| window == STARTXREF)?;
        let after = self
            .tail
            .get(at.checked_add(STARTXREF.len())?..)?
            .trim_ascii_start();
        let digits: Vec<u8> = after
            .iter()
            .copied()
            .take_while(u8::is_ascii_digit)
            .collect();
        std::str::from_utf8(&digits).ok()?.parse().ok()
    }
}

fn in_text(depth: u32, byte: u8) -> Place {
    match byte {
        b'\\' => Place::Text(depth, true),
        b'(' => Place::Text(depth.saturating_add(1), false),
        b')' if depth <= 1 => Place::Plain,
        b')' => Place::Text(depth.saturating_sub(1), false),
        _ => Place::Text(depth, false),
    }
}

fn in_stream(mut seen: usize, byte: u8) -> Place {
    loop {
        match ENDSTREAM.get(seen) {
            Some((wanted, _)) if *wanted == byte => {
                let seen = seen.saturating_add(1);
                return if seen == ENDSTREAM.len() {
                    Place::Plain
                } else {
                    Place::Stream(seen)
                };
            }
            Some((_, back)) if seen > 0 => seen = *back,
            _ => return Place::Stream(0),
        }
    }
}
