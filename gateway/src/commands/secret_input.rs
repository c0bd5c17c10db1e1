//! Secrets come from a file, from standard input or from a prompt, never from an argument: everyone on the
//! machine can read the arguments of a process.

use std::fs::File;
use std::io::{BufRead, IsTerminal, Read};
use std::path::Path;
use std::process::{Command, Stdio};

use domain::Secret;
use zeroize::Zeroizing;

use crate::commands::failure::{Code, Failure};
use crate::commands::output::tell;

/// No key, secret or PEM is longer.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// The longest secret of one line.
const LINE_BYTES_MAX: usize = 4 * 1024;

/// What some editors put before a text without showing it.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Reads a secret: from `file`, from standard input when it is `-`, from a prompt when there is none.
pub(crate) fn read(file: Option<&Path>, what: &str) -> Result<Secret, Failure> {
    let text = match file {
        Some(path) if path == Path::new("-") => {
            limited(std::io::stdin().lock(), "entrée standard")?
        }
        Some(path) => {
            let name = path.display().to_string();
            let opened = File::open(path).map_err(|error| unreadable(&name, &error))?;
            limited(opened, &name)?
        }
        None if std::io::stdin().is_terminal() => prompted(what)?,
        None => {
            return Err(
                Failure::new(Code::InputUnreadable, format!("il manque {what}"))
                    .remedy("la donner dans un fichier, ou par l'entrée standard avec « - »"),
            );
        }
    };
    let text = text.trim();
    if text.is_empty() {
        return Err(Failure::new(
            Code::InputInvalid,
            format!("{what} : le texte est vide"),
        ));
    }
    Ok(Secret::new(text))
}

/// Reads a secret that is sent in a header or a form: one line, as the OPCO shows it.
pub(crate) fn read_line(file: Option<&Path>, what: &str) -> Result<Secret, Failure> {
    let secret = read(file, what)?;
    let text = secret.expose();
    let said = if text.len() > LINE_BYTES_MAX {
        "le texte est trop long"
    } else if text.chars().any(|c| c.is_control() || c == BYTE_ORDER_MARK) {
        "le texte tient sur une ligne, sans caractère invisible"
    } else {
        return Ok(secret);
    };
    Err(Failure::new(Code::InputInvalid, format!("{what} : {said}")))
}

fn limited(source: impl Read, name: &str) -> Result<Zeroizing<String>, Failure> {
    let mut text = Zeroizing::new(String::new());
    source
        .take(SECRET_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(|error| unreadable(name, &error))?;
    Ok(text)
}

fn prompted(what: &str) -> Result<Zeroizing<String>, Failure> {
    tell(&format!("{what} (la saisie reste cachée) :"));
    let hidden = echo(false);
    let mut line = Zeroizing::new(String::new());
    let read = std::io::stdin()
        .lock()
        .take(SECRET_BYTES_MAX)
        .read_line(&mut line);
    if hidden {
        echo(true);
    }
    read.map_err(|error| unreadable("saisie", &error))?;
    Ok(line)
}

/// Switches the terminal's echo; returns whether it could be done.
fn echo(on: bool) -> bool {
    Command::new("stty")
        .arg(if on { "echo" } else { "-echo" })
        .stdin(Stdio::inherit())
        .status()
        .is_ok_and(|status| status.success())
}

fn unreadable(name: &str, error: &std::io::Error) -> Failure {
    Failure::new(Code::InputUnreadable, format!("{name} : {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_from_a_file_without_its_line_end() {
        let path = std::env::temp_dir().join(format!("cfa-secret-{}", uuid::Uuid::now_v7()));
        std::fs::write(&path, "clef\n").unwrap();
        let secret = read(Some(&path), "la clé").unwrap();
        std::fs::write(&path, " \n").unwrap();
        let empty = read(Some(&path), "la clé").unwrap_err();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(secret.expose(), "clef");
        assert_eq!(empty.code(), Code::InputInvalid);
        assert_eq!(
            read(Some(&path), "la clé").unwrap_err().code(),
            Code::InputUnreadable
        );
    }

    #[test]
    fn a_key_of_several_lines_or_with_a_hidden_mark_is_refused_without_showing_it() {
        let path = std::env::temp_dir().join(format!("cfa-secret-{}", uuid::Uuid::now_v7()));
        std::fs::write(&path, "canary\n").unwrap();
        assert_eq!(read_line(Some(&path), "la clé").unwrap().expose(), "canary");
        for bad in [
            "\u{feff}canary".to_owned(),
            "can\nary".to_owned(),
            "canary".repeat(1_000),
        ] {
            std::fs::write(&path, bad).unwrap();
            let error = read_line(Some(&path), "la clé").unwrap_err();
            assert_eq!(error.code(), Code::InputInvalid);
            assert!(!error.to_string().contains("ary"), "{error}");
        }
        std::fs::remove_file(&path).unwrap();
    }
}
