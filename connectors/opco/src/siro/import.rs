//! The reader of the public file (`SIRET|IDCC|OPCO_PROPRIETAIRE|OPCO_GESTION`) and its guard.
//!
//! The file is read once, in blocks, whatever its size. A file that breaks the guard is refused
//! whole: a wrong index would send contracts to the wrong OPCO.

use std::collections::HashMap;
use std::io::{self, Read};

use aws_lc_rs::digest::{Context, SHA256};
use domain::{Opco, Siret};
use thiserror::Error;

use super::build::Draft;
use super::layout::{MAX_LINES, MAX_PAIRS, PAIR_BITS};
use super::{IdccCode, Line};

/// The columns that must be there.
const COLUMNS: [&str; 4] = ["SIRET", "IDCC", "OPCO_PROPRIETAIRE", "OPCO_GESTION"];
/// The most lines with a malformed SIRET or IDCC that are left out before the file is refused.
pub const MAX_MALFORMED: u64 = 1_000;
/// The fewest distinct (IDCC, owner, manager) of a whole file; the file of June 2026 has 1,052
/// (IDCC, owner) alone.
pub const MIN_PAIRS: usize = 1_000;
/// The longest line read; a real one has 35 to 60 bytes.
const MAX_LINE: usize = 1_024;
/// The block read at once.
const BLOCK: usize = 1 << 20;
/// The most spellings of a line's end that are remembered.
const MAX_SPELLINGS: usize = 1 << 17;

/// Why a file is refused. Read by the person who imports it, hence in French.
#[derive(Debug, Error)]
pub enum ImportError {
    /// The file cannot be read.
    #[error("lecture impossible : {0}")]
    Io(#[from] io::Error),
    /// A column is missing.
    #[error(
        "colonne {0} absente de l'en-tête (attendu : SIRET|IDCC|OPCO_PROPRIETAIRE|OPCO_GESTION)"
    )]
    MissingColumn(&'static str),
    /// A line names an OPCO that is not one of the eleven.
    #[error("ligne {line} : « {label} » n'est pas l'un des onze libellés d'OPCO")]
    UnknownLabel {
        /// The line of the file, the header being line 1.
        line: u64,
        /// The label met.
        label: String,
    },
    /// Too many lines have a malformed SIRET or IDCC.
    #[error(
        "plus de {MAX_MALFORMED} lignes ont un SIRET ou un IDCC mal formé (la dernière : ligne {line})"
    )]
    TooManyMalformed {
        /// The line of the file at which the bound was passed.
        line: u64,
    },
    /// A line is longer than any line can be.
    #[error("ligne {line} : plus de {MAX_LINE} octets, ce n'est pas un fichier SIRO")]
    LineTooLong {
        /// The line of the file.
        line: u64,
    },
    /// The file has fewer (IDCC, OPCO) than a whole file.
    #[error(
        "{found} couples (IDCC, OPCO) seulement, au moins {MIN_PAIRS} attendus : fichier partiel ? (« --allow-small » pour un extrait)"
    )]
    FewPairs {
        /// How many were found.
        found: usize,
    },
    /// The file has no line.
    #[error("aucune ligne exploitable")]
    Empty,
    /// The file has more lines or pairs than an index can hold.
    #[error("trop de lignes ou de couples pour un index")]
    TooLarge,
}

/// Reads a whole SIRO file. `allow_small` waives the least number of pairs, for extracts.
pub fn read(mut source: impl Read, allow_small: bool) -> Result<Draft, ImportError> {
    let mut rows = Rows::default();
    let mut digest = Context::new(&SHA256);
    let mut block = vec![0; BLOCK];
    let mut kept = 0;
    loop {
        let free = block.get_mut(kept..).unwrap_or_default();
        let read = source.read(free)?;
        digest.update(free.get(..read).unwrap_or_default());
        rows.draft.source_size += u64::try_from(read).unwrap_or_default();
        let filled = kept + read;
        let bytes = block.get(..filled).unwrap_or_default();
        if read == 0 {
            if !bytes.is_empty() {
                rows.line(bytes)?;
            }
            break;
        }
        let whole = rows.whole_lines(bytes)?;
        if filled - whole > MAX_LINE {
            return Err(ImportError::LineTooLong {
                line: rows.line + 1,
            });
        }
        block.copy_within(whole..filled, 0);
        kept = filled - whole;
    }
    for (to, from) in rows
        .draft
        .source_sha256
        .iter_mut()
        .zip(digest.finish().as_ref())
    {
        *to = *from;
    }
    rows.finish(allow_small)
}

#[derive(Debug, Default)]
struct Rows {
    /// Where each of [`COLUMNS`] stands; empty until the header was read.
    columns: Vec<usize>,
    line: u64,
    draft: Draft,
    /// What stands after the SIRET, as it is spelled, and its row in the pair table.
    spellings: HashMap<Vec<u8>, u64>,
    pairs: HashMap<Line, u64>,
    last: (Vec<u8>, u64),
}

impl Rows {
    /// Takes every whole line of a block and returns how many bytes that was.
    fn whole_lines(&mut self, bytes: &[u8]) -> Result<usize, ImportError> {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, after) = rest.split_at_checked(end).unwrap_or_default();
            self.line(line)?;
            rest = after.get(1..).unwrap_or_default();
        }
        Ok(bytes.len() - rest.len())
    }

    fn line(&mut self, line: &[u8]) -> Result<(), ImportError> {
        self.line += 1;
        if line.len() > MAX_LINE {
            return Err(ImportError::LineTooLong { line: self.line });
        }
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if self.columns.is_empty() {
            return self.header(line);
        }
        if line.is_empty() {
            return Ok(());
        }
        let mut fields = [&[][..]; 4];
        for (place, field) in line.split(|byte| *byte == b'|').enumerate() {
            for (wanted, slot) in self.columns.iter().zip(&mut fields) {
                if *wanted == place {
                    *slot = field;
                }
            }
        }
        let [siret, idcc, owner, manager] = fields;
        let siret = std::str::from_utf8(siret)
            .ok()
            .and_then(|text| text.parse::<Siret>().ok());
        let Some(siret) = siret else {
            return self.malformed();
        };
        let Some(row) = self.row(idcc, owner, manager)? else {
            return self.malformed();
        };
        if self.draft.entries.len() >= MAX_LINES {
            return Err(ImportError::TooLarge);
        }
        self.draft.entries.push(siret.as_u64() << PAIR_BITS | row);
        Ok(())
    }

    fn header(&mut self, line: &[u8]) -> Result<(), ImportError> {
        let line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
        for column in COLUMNS {
            let place = line
                .split(|byte| *byte == b'|')
                .position(|name| name == column.as_bytes());
            self.columns
                .push(place.ok_or(ImportError::MissingColumn(column))?);
        }
        Ok(())
    }

    fn malformed(&mut self) -> Result<(), ImportError> {
        self.draft.malformed += 1;
        if self.draft.malformed > MAX_MALFORMED {
            return Err(ImportError::TooManyMalformed { line: self.line });
        }
        Ok(())
    }

    /// Returns the row of the pair table, or nothing when the IDCC is malformed.
    fn row(
        &mut self,
        idcc: &[u8],
        owner: &[u8],
        manager: &[u8],
    ) -> Result<Option<u64>, ImportError> {
        let (mut spelling, last) = std::mem::take(&mut self.last);
        // Neighbours are often of one company, so the last answer is the likeliest.
        let same = spelling
            .strip_prefix(idcc)
            .and_then(|rest| {
                rest.strip_prefix(b"|")?
                    .strip_prefix(owner)?
                    .strip_prefix(b"|")
            })
            .is_some_and(|rest| rest == manager);
        if !same {
            spelling.clear();
            spelling.extend_from_slice(idcc);
            spelling.push(b'|');
            spelling.extend_from_slice(owner);
            spelling.push(b'|');
            spelling.extend_from_slice(manager);
        }
        let row = match (same, self.spellings.get(&spelling)) {
            (true, _) => Some(last),
            (false, Some(row)) => Some(*row),
            (false, None) => self.new_row(&spelling, idcc, owner, manager)?,
        };
        if let Some(row) = row {
            self.last = (spelling, row);
        }
        Ok(row)
    }

    fn new_row(
        &mut self,
        spelling: &[u8],
        idcc: &[u8],
        owner: &[u8],
        manager: &[u8],
    ) -> Result<Option<u64>, ImportError> {
        let (owner, manager) = (self.opco(owner)?, self.opco(manager)?);
        let code = IdccCode::read(idcc);
        if code.is_none() && !idcc.trim_ascii().is_empty() {
            return Ok(None);
        }
        let line = Line {
            owner,
            manager,
            idcc: code,
        };
        let next = self.draft.pairs.len();
        let row = *self
            .pairs
            .entry(line)
            .or_insert(u64::try_from(next).unwrap_or(u64::MAX));
        if self.pairs.len() > next {
            if next >= MAX_PAIRS {
                return Err(ImportError::TooLarge);
            }
            self.draft.pairs.push(line);
        }
        if self.spellings.len() < MAX_SPELLINGS {
            self.spellings.insert(spelling.to_vec(), row);
        }
        Ok(Some(row))
    }

    fn opco(&self, label: &[u8]) -> Result<Option<Opco>, ImportError> {
        if label.is_empty() {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(label);
        match Opco::from_siro_label(&text) {
            Some(opco) => Ok(Some(opco)),
            None => Err(ImportError::UnknownLabel {
                line: self.line,
                label: text.chars().take(60).collect(),
            }),
        }
    }

    fn finish(self, allow_small: bool) -> Result<Draft, ImportError> {
        if self.columns.is_empty() {
            return Err(ImportError::MissingColumn("SIRET"));
        }
        if self.draft.entries.is_empty() {
            return Err(ImportError::Empty);
        }
        // Managers tell rows apart too: the bound is there to notice an extract, not to count.
        let found = self
            .draft
            .pairs
            .iter()
            .filter(|line| line.owner.is_some())
            .count();
        if found < MIN_PAIRS && !allow_small {
            return Err(ImportError::FewPairs { found });
        }
        Ok(self.draft)
    }
}
