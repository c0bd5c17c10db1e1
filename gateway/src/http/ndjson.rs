//! Lines of a stream, each within a length: one endless line costs its sender that line, not us
//! our memory.

use actix_web::web::{Bytes, BytesMut};

/// Cuts what comes into lines.
#[derive(Debug)]
pub(crate) struct Lines {
    line_bytes_max: usize,
    number: usize,
    pending: BytesMut,
    /// How much of it holds no line's end.
    searched: usize,
    /// The line being read is too long; what comes of it is thrown away.
    skipping: bool,
}

/// One line that is not blank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// Its number, from 1, blank lines counted.
    pub(crate) number: usize,
    /// Its bytes without the line's end, or nothing when it was too long to keep.
    pub(crate) bytes: Option<Bytes>,
}

impl Lines {
    /// Starts at line 1.
    pub(crate) fn new(line_bytes_max: usize) -> Self {
        Self {
            line_bytes_max,
            number: 0,
            pending: BytesMut::new(),
            searched: 0,
            skipping: false,
        }
    }

    /// Takes what came.
    pub(crate) fn push(&mut self, chunk: &[u8]) {
        self.pending.extend_from_slice(chunk);
    }

    /// Hands out the next whole line.
    pub(crate) fn next(&mut self) -> Option<Line> {
        loop {
            let searched = std::mem::take(&mut self.searched);
            let end = self
                .pending
                .iter()
                .skip(searched)
                .position(|byte| *byte == b'\n');
            let Some(end) = end.map(|end| end + searched) else {
                if self.pending.len() > self.line_bytes_max {
                    self.skipping = true;
                    self.pending.clear();
                }
                self.searched = self.pending.len();
                return None;
            };
            let mut bytes = self.pending.split_to(end + 1);
            bytes.truncate(end);
            if let Some(line) = self.line(bytes) {
                return Some(line);
            }
        }
    }

    /// Hands out what follows the last line's end.
    pub(crate) fn last(&mut self) -> Option<Line> {
        let bytes = self.pending.split();
        self.line(bytes)
    }

    fn line(&mut self, mut bytes: BytesMut) -> Option<Line> {
        let skipped = std::mem::take(&mut self.skipping);
        self.number += 1;
        if skipped || bytes.len() > self.line_bytes_max {
            return Some(Line {
                number: self.number,
                bytes: None,
            });
        }
        if bytes.last() == Some(&b'\r') {
            bytes.truncate(bytes.len() - 1);
        }
        let blank = bytes.iter().all(u8::is_ascii_whitespace);
        (!blank).then(|| Line {
            number: self.number,
            bytes: Some(bytes.freeze()),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(lines: &mut Lines, chunks: &[&[u8]]) -> Vec<(usize, Option<String>)> {
        let mut found = Vec::new();
        let text = |line: Line| {
            (
                line.number,
                line.bytes.map(|b| String::from_utf8_lossy(&b).into_owned()),
            )
        };
        for chunk in chunks {
            lines.push(chunk);
            while let Some(line) = lines.next() {
                found.push(text(line));
            }
        }
        found.extend(lines.last().map(text));
        found
    }

    #[test]
    fn lines_are_numbered_and_blank_ones_are_passed_over() {
        let found = all(&mut Lines::new(100), &[b"one\r\n\n  \nt", b"wo\nthree"]);
        let expected = [(1, "one"), (4, "two"), (5, "three")];
        assert_eq!(found, expected.map(|(n, text)| (n, Some(text.to_owned()))));
    }

    #[test]
    fn a_line_too_long_is_told_and_the_next_one_is_read() {
        let long = [b'x'; 50];
        let found = all(&mut Lines::new(10), &[b"a\n", &long, &long, b"end\nb\n"]);
        assert_eq!(
            found,
            [
                (1, Some("a".to_owned())),
                (2, None),
                (3, Some("b".to_owned()))
            ]
        );
    }

    #[test]
    fn a_long_line_in_one_chunk_is_told_too() {
        let found = all(&mut Lines::new(3), &[b"abcdef\nok"]);
        assert_eq!(found, [(1, None), (2, Some("ok".to_owned()))]);
    }

    #[test]
    fn nothing_is_kept_of_an_endless_line() {
        let mut lines = Lines::new(10);
        for _ in 0..1_000 {
            lines.push(&[b'x'; 64]);
            assert_eq!(lines.next(), None);
            assert!(lines.pending.len() <= 74);
        }
    }

    proptest! {
        #[test]
        fn where_the_stream_is_cut_changes_nothing(text in "[ab\n]{0,60}", cuts in prop::collection::vec(0usize..60, 0..6)) {
            let bytes = text.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().filter(|cut| *cut < bytes.len()).collect();
            cuts.sort_unstable();
            let mut chunks = Vec::new();
            let mut from = 0;
            for cut in cuts {
                chunks.push(&bytes[from..cut]);
                from = cut;
            }
            chunks.push(&bytes[from..]);
            let whole = all(&mut Lines::new(7), &[bytes]);
            prop_assert_eq!(all(&mut Lines::new(7), &chunks), whole);
        }
    }
}
