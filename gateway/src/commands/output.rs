//! What commands print: aligned tables for people, one JSON object a line for machines.

use std::fs::File;
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::Path;

use clap::ValueEnum;
use serde::Serialize;

use crate::commands::failure::{Code, Failure};

/// The two forms of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Columns, for people.
    Table,
    /// One object a line, for machines.
    Json,
}

/// Where an answer goes. A reader that went away (`| head`) is not an error: the rest is dropped.
pub(crate) struct Out {
    writer: Box<dyn Write>,
    format: Format,
    closed: bool,
}

impl Out {
    /// Writes to standard output.
    pub(crate) fn stdout(format: Format) -> Self {
        Self {
            writer: Box::new(std::io::stdout()),
            format,
            closed: false,
        }
    }

    /// Writes to a file when one is named, to standard output otherwise.
    pub(crate) fn to(file: Option<&Path>, format: Format) -> Result<Self, Failure> {
        let Some(path) = file else {
            return Ok(Self::stdout(format));
        };
        let file = File::create(path).map_err(|error| {
            Failure::new(Code::OutputFailed, format!("{} : {error}", path.display()))
        })?;
        Ok(Self {
            writer: Box::new(std::io::BufWriter::new(file)),
            format,
            closed: false,
        })
    }

    /// Returns whether the reader went away, so that whoever follows something can stop.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Returns the form asked for.
    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// Writes one line as it is.
    pub(crate) fn line(&mut self, text: &str) -> Result<(), Failure> {
        self.write(&format!("{text}\n"))
    }

    /// Writes one JSON object on its line.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string(value)
            .map_err(|error| Failure::internal("writing an answer", error))?;
        self.line(&text)
    }

    /// Writes a list: a table whose cells `cells` makes, or one object for each item.
    pub(crate) fn list<T: Serialize>(
        &mut self,
        titles: &[&str],
        items: &[T],
        cells: impl Fn(&T) -> Vec<String>,
    ) -> Result<(), Failure> {
        match self.format {
            Format::Json => items.iter().try_for_each(|item| self.json(item)),
            Format::Table => {
                let rows: Vec<Vec<String>> = items.iter().map(cells).collect();
                self.write(&table(titles, &rows))
            }
        }
    }

    /// Writes one thing: its fields in two columns, or the object.
    pub(crate) fn record<T: Serialize>(
        &mut self,
        thing: &T,
        fields: &[(&str, String)],
    ) -> Result<(), Failure> {
        match self.format {
            Format::Json => self.json(thing),
            Format::Table => {
                let width = fields
                    .iter()
                    .map(|(name, _)| width(name))
                    .max()
                    .unwrap_or_default();
                fields.iter().try_for_each(|(name, value)| {
                    self.line(&format!("{}  {value}", padded(name, width)))
                })
            }
        }
    }

    fn write(&mut self, text: &str) -> Result<(), Failure> {
        if self.closed {
            return Ok(());
        }
        match self
            .writer
            .write_all(text.as_bytes())
            .and_then(|()| self.writer.flush())
        {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            Err(error) => Err(Failure::new(Code::OutputFailed, error.to_string())),
        }
    }
}

/// Tells the person at the terminal something that is not the answer; never fails the command.
pub(crate) fn tell(text: &str) {
    drop(writeln!(std::io::stderr().lock(), "{text}"));
}

/// One line that is rewritten in place, on a terminal only: a log file gets none of it.
pub(crate) struct Progress {
    shown: bool,
}

impl Progress {
    /// Shows progress when standard error is a terminal.
    pub(crate) fn new() -> Self {
        Self {
            shown: std::io::stderr().is_terminal(),
        }
    }

    /// Removes the line, so that something lasting can be printed.
    pub(crate) fn clear(&self) {
        self.say("");
    }

    /// Replaces the line.
    pub(crate) fn say(&self, text: &str) {
        if self.shown {
            let mut stderr = std::io::stderr().lock();
            drop(write!(stderr, "\r\x1b[2K{text}").and_then(|()| stderr.flush()));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Lays out rows under titles, two spaces between columns, nothing after the last.
fn table(titles: &[&str], rows: &[Vec<String>]) -> String {
    let head: Vec<String> = titles.iter().map(|title| (*title).to_owned()).collect();
    let lines: Vec<&Vec<String>> = std::iter::once(&head).chain(rows).collect();
    let mut widths = vec![0; titles.len()];
    for line in &lines {
        for (widest, cell) in widths.iter_mut().zip(line.iter()) {
            *widest = width(cell).max(*widest);
        }
    }
    let mut text = String::new();
    for line in lines {
        let cells: Vec<String> = line
            .iter()
            .zip(&widths)
            .map(|(cell, &width)| padded(cell, width))
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// The texts printed are French and ids: one character takes one column.
fn width(text: &str) -> usize {
    text.chars().count()
}

fn padded(text: &str, columns: usize) -> String {
    let mut padded = text.replace(['\n', '\r', '\t'], " ");
    padded.extend(std::iter::repeat_n(
        ' ',
        columns.saturating_sub(width(text)),
    ));
    padded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_by_characters_not_bytes() {
        let rows = vec![
            vec!["Réseau é".to_owned(), "a".to_owned()],
            vec!["X".to_owned(), "bb".to_owned()],
        ];
        assert_eq!(
            table(&["NOM", "ID"], &rows),
            "NOM       ID\nRéseau é  a\nX         bb\n"
        );
    }

    #[test]
    fn a_reader_that_went_away_is_not_an_error() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let mut out = Out {
            writer: Box::new(Gone),
            format: Format::Table,
            closed: false,
        };
        assert!(out.line("x").is_ok());
        assert!(out.is_closed());
        assert!(out.line("y").is_ok());
    }
}
