//! The name a sender gives to a file, made safe to keep and to send on.

/// The longest name, in characters.
const CHARS_MAX: usize = 120;
/// The longest ending that is kept when a name is cut.
const ENDING_MAX: usize = 8;

/// Returns the name without folders, marks that do not show, and signs that systems refuse.
pub(super) fn safe(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let shown: String = last
        .chars()
        .filter(|c| !is_hidden(*c) && !"\"<>|:*?".contains(*c))
        .collect();
    let name = shown.trim().trim_start_matches('.').trim();
    if name.is_empty() {
        return None;
    }
    Some(shortened(name))
}

/// Marks that turn the reading round or take no place.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn shortened(name: &str) -> String {
    let chars = name.chars().count();
    if chars <= CHARS_MAX {
        return name.to_owned();
    }
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    let ending = ending.filter(|ending| ending.chars().count() <= ENDING_MAX);
    let ending = ending
        .map(|ending| format!(".{ending}"))
        .unwrap_or_default();
    let kept = CHARS_MAX.saturating_sub(ending.chars().count());
    name.chars().take(kept).chain(ending.chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_loses_its_folders_and_what_does_not_show() {
        for (given, kept) in [
            ("Convention été.pdf", Some("Convention été.pdf")),
            ("../../etc/passwd", Some("passwd")),
            ("C:\\Users\\moi\\facture.pdf", Some("facture.pdf")),
            ("fac\u{202e}fdp.exe\r\n\0", Some("facfdp.exe")),
            (" .htaccess ", Some("htaccess")),
            ("a\"b<c>:d.png", Some("abcd.png")),
            ("..", None),
            ("dossier/", None),
            ("", None),
        ] {
            assert_eq!(safe(given).as_deref(), kept, "{given:?}");
        }
    }

    #[test]
    fn a_long_name_is_cut_and_keeps_its_ending() {
        let name = safe(&format!("{}.pdf", "é".repeat(500))).unwrap();
        assert_eq!(name.chars().count(), CHARS_MAX);
        assert!(name.ends_with("é.pdf"));
        let name = safe(&format!("a.{}", "b".repeat(500))).unwrap();
        assert_eq!(name.chars().count(), CHARS_MAX);
    }
}
