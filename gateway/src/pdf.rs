//! One page of text as a PDF: A4, Helvetica, the letters of French. Enough for a certificate, and no more.
//!
//! Lengths are in thousandths of a point, so that nothing is rounded. The same text gives the same bytes.

use std::fmt::Write as _;

/// A4.
const WIDTH: u32 = 595_280;
const HEIGHT: u32 = 841_890;
/// What stays white on each side.
const MARGIN: u32 = 62_000;
/// Where the values of rows begin.
const VALUES: u32 = MARGIN + 150_000;
/// The side of a box to tick.
const BOX: u32 = 8_000;

/// How wide the printable ASCII letters are, in thousandths of their size: those of Helvetica-Bold, the
/// wider face, so that no line of either is too long.
const WIDTHS: [u16; 95] = [
    278, 333, 474, 556, 556, 889, 722, 238, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556,
    556, 556, 556, 556, 556, 556, 556, 333, 333, 584, 584, 584, 611, 975, 722, 722, 722, 722, 667,
    611, 778, 722, 278, 556, 722, 611, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667,
    667, 611, 333, 278, 333, 584, 556, 333, 556, 611, 556, 611, 556, 333, 611, 611, 278, 278, 556,
    278, 889, 611, 611, 611, 611, 389, 556, 333, 611, 556, 778, 556, 556, 500, 389, 280, 389, 584,
];

/// The letters that `WinAnsi` has between Latin 1's two halves.
const BETWEEN: [(char, u8); 27] = [
    ('€', 0x80),
    ('‚', 0x82),
    ('ƒ', 0x83),
    ('„', 0x84),
    ('…', 0x85),
    ('†', 0x86),
    ('‡', 0x87),
    ('ˆ', 0x88),
    ('‰', 0x89),
    ('Š', 0x8a),
    ('‹', 0x8b),
    ('Œ', 0x8c),
    ('Ž', 0x8e),
    ('‘', 0x91),
    ('’', 0x92),
    ('“', 0x93),
    ('”', 0x94),
    ('•', 0x95),
    ('–', 0x96),
    ('—', 0x97),
    ('˜', 0x98),
    ('™', 0x99),
    ('š', 0x9a),
    ('›', 0x9b),
    ('œ', 0x9c),
    ('ž', 0x9e),
    ('Ÿ', 0x9f),
];

/// How a line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Face {
    /// As usual.
    Plain,
    /// Stressed.
    Bold,
}

/// A page being written, from its top down.
#[derive(Debug)]
pub(crate) struct Sheet {
    content: Vec<u8>,
    /// How far up the next line may reach.
    top: u32,
    full: bool,
}

impl Sheet {
    /// Begins a page.
    pub(crate) fn new() -> Self {
        Self {
            content: Vec::new(),
            top: HEIGHT.saturating_sub(MARGIN),
            full: false,
        }
    }

    /// Writes a title in the middle.
    pub(crate) fn title(&mut self, points: u32, text: &str) {
        let wide = width(text, points);
        let x = WIDTH.saturating_sub(wide).checked_div(2).unwrap_or(MARGIN);
        let down = self.down(points);
        self.line(Face::Bold, points, (x, down), text);
    }

    /// Writes a text over as many lines as it needs.
    pub(crate) fn paragraph(&mut self, face: Face, points: u32, text: &str) {
        let room = WIDTH.saturating_sub(MARGIN.saturating_mul(2));
        for line in wrapped(text, points, room) {
            let down = self.down(points);
            self.line(face, points, (MARGIN, down), &line);
        }
    }

    /// Writes what something is and its value beside it.
    pub(crate) fn row(&mut self, points: u32, name: &str, value: &str) {
        let room = WIDTH.saturating_sub(MARGIN).saturating_sub(VALUES);
        for (rank, line) in wrapped(value, points, room).iter().enumerate() {
            let down = self.down(points);
            if rank == 0 {
                self.line(Face::Plain, points, (MARGIN, down), name);
            }
            self.line(Face::Bold, points, (VALUES, down), line);
        }
    }

    /// Writes a box, ticked or not, and what it stands for.
    pub(crate) fn choice(&mut self, points: u32, ticked: bool, text: &str) {
        let down = self.down(points);
        if self.full {
            return;
        }
        let (x, y) = (MARGIN, down);
        let (right, up) = (x.saturating_add(BOX), y.saturating_add(BOX));
        let mut drawn = format!("{} {} {} {} re S\n", of(x), of(y), of(BOX), of(BOX));
        if ticked {
            let (x, y, right, up) = (of(x), of(y), of(right), of(up));
            let _ = writeln!(
                drawn,
                "{x} {y} m {right} {up} l S {x} {up} m {right} {y} l S"
            );
        }
        self.content.extend(drawn.as_bytes());
        let x = right.saturating_add(BOX);
        self.line(Face::Plain, points, (x, down), text);
    }

    /// Leaves some points white.
    pub(crate) fn gap(&mut self, points: u32) {
        self.top = self.top.saturating_sub(points.saturating_mul(1_000));
    }

    /// Returns whether something did not fit.
    pub(crate) fn is_full(&self) -> bool {
        self.full
    }

    /// Returns the file.
    pub(crate) fn write(self, title: &str) -> Vec<u8> {
        let title: String = title.encode_utf16().fold(String::new(), |mut hex, unit| {
            let _ = write!(hex, "{unit:04X}");
            hex
        });
        let mut file = File::new();
        file.object("<< /Type /Catalog /Pages 2 0 R /Lang (fr-FR) >>");
        file.object("<< /Type /Pages /Kids [3 0 R] /Count 1 >>");
        file.object(&format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {} {}] /Contents 6 0 R /Resources << /Font \
             << /F1 4 0 R /F2 5 0 R >> >> >>",
            of(WIDTH),
            of(HEIGHT)
        ));
        for face in ["Helvetica", "Helvetica-Bold"] {
            file.object(&format!(
                "<< /Type /Font /Subtype /Type1 /BaseFont /{face} /Encoding /WinAnsiEncoding >>"
            ));
        }
        file.stream(&self.content);
        file.object(&format!("<< /Title <FEFF{title}> >>"));
        file.end()
    }

    /// Goes down by a line and returns where its letters stand.
    fn down(&mut self, points: u32) -> u32 {
        let line = points.saturating_mul(1_350);
        self.top = self.top.saturating_sub(line);
        self.full |= self.top < MARGIN;
        self.top
    }

    fn line(&mut self, face: Face, points: u32, (x, y): (u32, u32), text: &str) {
        if self.full {
            return;
        }
        let font = match face {
            Face::Plain => "F1",
            Face::Bold => "F2",
        };
        let head = format!("BT /{font} {points} Tf {} {} Td (", of(x), of(y));
        self.content.extend(head.as_bytes());
        for byte in text.chars().flat_map(letters) {
            if matches!(byte, b'(' | b')' | b'\\') {
                self.content.push(b'\\');
            }
            self.content.push(byte);
        }
        self.content.extend(b") Tj ET\n");
    }
}

/// A file being written: its objects, and where each begins.
struct File {
    bytes: Vec<u8>,
    places: Vec<usize>,
}

impl File {
    fn new() -> Self {
        // Bytes that are no text tell a transfer not to touch the lines.
        Self {
            bytes: b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n".to_vec(),
            places: Vec::new(),
        }
    }

    fn begin(&mut self) {
        self.places.push(self.bytes.len());
        let head = format!("{} 0 obj\n", self.places.len());
        self.bytes.extend(head.as_bytes());
    }

    fn object(&mut self, dictionary: &str) {
        self.begin();
        self.bytes.extend(dictionary.as_bytes());
        self.bytes.extend(b"\nendobj\n");
    }

    fn stream(&mut self, content: &[u8]) {
        self.begin();
        let head = format!("<< /Length {} >>\nstream\n", content.len());
        self.bytes.extend(head.as_bytes());
        self.bytes.extend(content);
        self.bytes.extend(b"\nendstream\nendobj\n");
    }

    /// Ends with the table of places; the last object is what the file says of itself.
    fn end(mut self) -> Vec<u8> {
        let (table, count) = (self.bytes.len(), self.places.len());
        let mut end = format!("xref\n0 {}\n0000000000 65535 f \n", count.saturating_add(1));
        for place in &self.places {
            let _ = writeln!(end, "{place:010} 00000 n ");
        }
        let _ = write!(
            end,
            "trailer\n<< /Size {} /Root 1 0 R /Info {count} 0 R >>\nstartxref\n{table}\n%%EOF\n",
            count.saturating_add(1)
        );
        self.bytes.extend(end.as_bytes());
        self.bytes
    }
}

/// Writes a length in points.
fn of(length: u32) -> String {
    format!("{}.{:03}", length / 1_000, length % 1_000)
}

/// Returns how wide a text is at a size, or a little less.
fn width(text: &str, points: u32) -> u32 {
    let letters = text.chars().flat_map(letters);
    letters
        .map(|letter| u32::from(wide(letter)).saturating_mul(points))
        .fold(0, u32::saturating_add)
}

fn wide(letter: u8) -> u16 {
    let ascii = |letter: u8| {
        let place = usize::from(letter.checked_sub(b' ')?);
        WIDTHS.get(place).copied()
    };
    match letter {
        b' '..=b'~' => ascii(letter),
        0xc0..=0xc5 | 0xc8..=0xcb | 0xd9..=0xdc => ascii(b'A'),
        0xcc..=0xcf | 0xec..=0xef => ascii(b'i'),
        0xe0..=0xe5 | 0xe8..=0xeb => ascii(b'a'),
        0xa0 => ascii(b' '),
        // As wide as the widest.
        0x85 | 0x89 | 0x8c | 0x97 | 0x99 | 0x9c | 0xc6 | 0xe6 => Some(1_000),
        _ => ascii(b'O'),
    }
    .unwrap_or(1_000)
}

/// Returns the lines of a text, each within a width. A word that is wider than a line is cut.
fn wrapped(text: &str, points: u32, room: u32) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    // A no-break space holds its words together.
    for word in text.split_ascii_whitespace() {
        let longer = if line.is_empty() {
            word.to_owned()
        } else {
            format!("{line} {word}")
        };
        if width(&longer, points) <= room {
            line = longer;
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        for letter in word.chars() {
            line.push(letter);
            if width(&line, points) > room {
                line.pop();
                lines.push(std::mem::replace(&mut line, letter.to_string()));
            }
        }
    }
    lines.push(line);
    lines
}

/// Returns a letter in `WinAnsi`; one that it does not have is written without its accent.
fn letters(letter: char) -> Vec<u8> {
    match letter {
        ' '..='~' | '\u{a0}'..='\u{ff}' => return u8::try_from(letter).into_iter().collect(),
        // Thin spaces of French typography.
        '\u{2009}' | '\u{202f}' => return vec![0xa0],
        '\u{2010}' | '\u{2011}' => return vec![b'-'],
        _ => {}
    }
    if let Some((_, byte)) = BETWEEN.iter().find(|(known, _)| *known == letter) {
        return vec![*byte];
    }
    let bare = domain::matching::fold(&letter.to_string());
    let bare = if letter.is_uppercase() {
        bare.to_uppercase()
    } else {
        bare
    };
    if bare.is_empty() && !letter.is_alphanumeric() {
        return Vec::new();
    }
    if !bare.is_empty() && bare.is_ascii() {
        return bare.into_bytes();
    }
    vec![b'?']
}

#[cfg(test)]
mod tests {
    use domain::Inspector;
    use domain::file::FileKind;

    use super::*;

    fn page(text: &str) -> Vec<u8> {
        let mut sheet = Sheet::new();
        sheet.title(16, "CERTIFICAT");
        sheet.paragraph(Face::Plain, 11, text);
        sheet.choice(11, true, "oui");
        sheet.row(11, "Nom", text);
        sheet.write("Été")
    }

    fn has(bytes: &[u8], text: &[u8]) -> bool {
        bytes.windows(text.len()).any(|window| window == text)
    }

    #[test]
    fn a_page_is_a_whole_pdf_whose_table_leads_to_every_object() {
        let file = page("Un texte (entre parenthèses) et un \\.");
        let mut inspector = Inspector::default();
        inspector.read(&file).unwrap();
        assert_eq!(inspector.end(), Ok(FileKind::Pdf));
        let ascii = file
            .iter()
            .map(|byte| if byte.is_ascii() { *byte } else { b'?' });
        let text = String::from_utf8(ascii.collect()).unwrap();
        let table: usize = text
            .rsplit("startxref\n")
            .next()
            .and_then(|end| end.lines().next()?.parse().ok())
            .unwrap();
        let places: Vec<usize> = text[table..]
            .lines()
            .filter_map(|line| line.strip_suffix(" 00000 n ")?.parse().ok())
            .collect();
        assert_eq!(places.len(), 7);
        for (rank, place) in places.iter().enumerate() {
            let head = format!("{} 0 obj\n", rank + 1);
            assert!(text[*place..].starts_with(&head), "object {rank}");
        }
        assert!(text[table..].starts_with("xref\n0 8\n0000000000 65535 f \n"));
        let length = text.split("/Length ").nth(1).unwrap();
        let length: usize = length.split(' ').next().unwrap().parse().unwrap();
        let begin = text.find("stream\n").unwrap() + "stream\n".len();
        assert!(text[begin + length..].starts_with("\nendstream"));
    }

    #[test]
    fn the_letters_of_french_are_kept_and_others_lose_their_accent() {
        let file = page("Zoé Cœur-d’Été — 1\u{202f}200\u{a0}€, Łukasz Çelik Ğ, 名");
        let kept = b"Zo\xe9 C\x9cur-d\x92\xc9t\xe9 \x97 1\xa0200\xa0\x80, Lukasz \xc7elik G, ?";
        assert!(has(&file, kept), "{}", String::from_utf8_lossy(&file));
        assert!(has(&page("a(b)c\\d"), b"(a\\(b\\)c\\\\d) Tj"));
        assert!(has(&page("é\u{301}\u{200b}"), b"(\xe9) Tj"));
    }

    #[test]
    fn a_line_ends_before_the_margin_and_the_page_before_its_foot() {
        let room = 100_000;
        let text = format!("court {} fin", "x".repeat(80));
        for line in wrapped(&text, 11, room) {
            assert!(width(&line, 11) <= room, "{line}");
        }
        assert_eq!(
            wrapped(&text, 11, room).concat().replace(' ', ""),
            text.replace(' ', "")
        );
        let mut sheet = Sheet::new();
        for _ in 0..40 {
            sheet.paragraph(Face::Plain, 11, "ligne");
        }
        assert!(!sheet.is_full());
        for _ in 0..40 {
            sheet.paragraph(Face::Plain, 11, "de trop");
        }
        assert!(sheet.is_full());
    }
}
