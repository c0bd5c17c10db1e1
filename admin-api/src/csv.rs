//! Tables as French spreadsheets read them: UTF-8 with its mark, semicolons, CRLF. A text never becomes
//! a formula.

pub(crate) mod read;

/// What a file starts with.
pub const MARK: &str = "\u{feff}";

/// Writes a line of texts.
pub fn line(texts: &[&str]) -> String {
    let fields: Vec<String> = texts.iter().map(|text| field(text)).collect();
    let mut line = fields.join(";");
    line.push_str("\r\n");
    line
}

/// Writes a text as a field.
pub fn field(text: &str) -> String {
    quoted(&harmless(text))
}

/// Returns a text that no spreadsheet takes for a formula.
fn harmless(text: &str) -> String {
    const STARTS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];
    if text.trim_start_matches(' ').starts_with(STARTS) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

fn quoted(text: &str) -> String {
    if text.contains([';', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_a_formula() {
        for start in [
            "=1", "+1", "-1", "@x", "\tx", "\rx", "\n=1", " =1", "＝1", "＠x",
        ] {
            assert!(harmless(start).starts_with('\''), "{start}");
        }
        assert_eq!(field("=a;\"b\""), "\"'=a;\"\"b\"\"\"");
    }

    #[test]
    fn a_line_ends_as_spreadsheets_expect() {
        assert_eq!(line(&["a", "b;c", ""]), "a;\"b;c\";\r\n");
    }
}
