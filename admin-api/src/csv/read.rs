//! Reading a sheet as spreadsheets write it: whatever separates its columns, in quotes or not.

/// Returns the text of a sheet: UTF-8, or what old spreadsheets write.
pub(crate) fn decode(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.trim_start_matches('\u{feff}').to_owned(),
        Err(_) => bytes.iter().copied().map(char::from).collect(),
    }
}

/// Returns a cell without what surrounds it; nothing written when the line has no such cell.
pub(crate) fn cell(cells: &[String], at: usize) -> &str {
    cells.get(at).map_or("", |cell| cell.trim())
}

/// Returns what separates the columns: what the first line has most of.
fn separator(text: &str) -> char {
    let first = text.lines().next().unwrap_or_default();
    let count = |separator: &char| first.matches(*separator).count();
    // The last of equals wins: a semicolon where nothing tells.
    [',', '\t', ';']
        .into_iter()
        .max_by_key(count)
        .unwrap_or(';')
}

/// A sheet being split into lines and cells.
#[derive(Default)]
struct Split {
    found: Vec<(usize, Vec<String>)>,
    cells: Vec<String>,
    cell: String,
}

impl Split {
    fn end_of_cell(&mut self) {
        self.cells.push(std::mem::take(&mut self.cell));
    }

    /// Ends a line that began at `number`; an empty one is left out.
    fn end_of_line(&mut self, number: usize) {
        self.end_of_cell();
        let line = std::mem::take(&mut self.cells);
        if line.iter().any(|cell| !cell.trim().is_empty()) {
            self.found.push((number, line));
        }
    }
}

/// Splits a sheet into lines, each with its number from 1; a cell in quotes holds what it likes.
pub(crate) fn lines(text: &str) -> Vec<(usize, Vec<String>)> {
    let separator = separator(text);
    let mut split = Split::default();
    let (mut quoted, mut number, mut began) = (false, 1, 1);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\n' {
            number += 1;
        }
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                split.cell.push('"');
                chars.next();
            }
            '"' if quoted || split.cell.trim().is_empty() => quoted = !quoted,
            '\n' if !quoted => {
                split.end_of_line(began);
                began = number;
            }
            '\r' if !quoted => {}
            c if c == separator && !quoted => split.end_of_cell(),
            c => split.cell.push(c),
        }
    }
    split.end_of_line(began);
    split.found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_of_windows_reads_too() {
        assert_eq!(decode(b"R\xe9seau"), "Réseau");
        assert_eq!(decode("\u{feff}Réseau".as_bytes()), "Réseau");
    }
}
