//! What is said of settings that cannot be read: where and why, never the text itself, which may be a key.

use std::path::Path;

use super::ConfigError;

/// Refuses a file that is no TOML, without quoting its lines as the parser does.
///
/// A file that cannot be opened is left to the reader that follows, which says so.
pub(super) fn check(file: &Path) -> Result<(), ConfigError> {
    let Ok(text) = std::fs::read_to_string(file) else {
        return Ok(());
    };
    let text = zeroize::Zeroizing::new(text);
    match toml::from_str::<toml::Table>(&text) {
        Ok(_) => Ok(()),
        Err(error) => {
            let (line, column) = place(&text, error.span().map_or(0, |span| span.start));
            Err(ConfigError::Unreadable(format!(
                "{}, ligne {line}, colonne {column} : {}",
                file.display(),
                error.message()
            )))
        }
    }
}

impl From<config::ConfigError> for ConfigError {
    fn from(error: config::ConfigError) -> Self {
        Self::Unreadable(told(&error))
    }
}

/// Writes a reader's error without the value it is about.
fn told(error: &config::ConfigError) -> String {
    use config::ConfigError as Error;
    let mut said = match error {
        Error::Type {
            unexpected,
            expected,
            ..
        } => unquoted(&format!("invalid type: {unexpected}, expected {expected}")),
        Error::Message(said) => unquoted(said),
        Error::At { error, .. } => told(error),
        // It was parsed a moment ago, so it is being written to; the parser would quote its line.
        Error::FileParse { uri, .. } => {
            let file = uri.as_deref().unwrap_or("le fichier");
            return format!("{file} : ce n'est pas un TOML lisible");
        }
        other => return other.to_string(),
    };
    if let Error::Type { origin, key, .. } | Error::At { origin, key, .. } = error {
        if let Some(key) = key {
            said = format!("{said} for key `{key}`");
        }
        if let Some(origin) = origin {
            said = format!("{said} in {origin}");
        }
    }
    said
}

/// Takes out what stands between quotes: readers quote the text they found there.
fn unquoted(said: &str) -> String {
    match (said.split_once('"'), said.rsplit_once('"')) {
        (Some((before, _)), Some((_, after))) => {
            format!("{before}{}{after}", domain::secret::MASK)
        }
        _ => said.to_owned(),
    }
}

/// Returns the line and the column of a byte, from 1.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default();
    (line, column.chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, ConfigError};

    fn of_file(text: &str) -> ConfigError {
        let name = format!("cfa-unreadable-{}.toml", uuid::Uuid::now_v7());
        let file = std::env::temp_dir().join(name);
        std::fs::write(&file, text).unwrap();
        let read = Config::from_layers(Some(&file), []);
        std::fs::remove_file(&file).unwrap();
        read.unwrap_err()
    }

    #[test]
    fn a_file_that_cannot_be_read_is_told_without_its_text() {
        for text in [
            "[master_key]\nvalue = \"canary\n",
            "[master_key]\nvalue = canary\n",
            "[master_key]\nvalue = \"\"\"canary",
            "[master_key]\ncommand = \"canary\"\n",
            "master_key = \"canary\"\n",
            "[database]\nurl = [\"canary\"]\n",
            "[redis]\nurl = { a = \"canary\" }\n",
            "[server]\nthreads = \"canary\"\n",
        ] {
            let error = of_file(text);
            let said = format!("{error} {error:?}");
            assert!(!said.contains("canary"), "{said}");
        }
    }

    #[test]
    fn a_forgotten_quote_is_told_with_its_place() {
        let said = of_file("[master_key]\nvalue = \"canary\n").to_string();
        assert!(said.contains(".toml, ligne 2, colonne "), "{said}");
    }
}
