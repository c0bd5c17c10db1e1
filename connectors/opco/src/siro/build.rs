//! The writer: sorts what was imported, lays it out, and puts the file in place in one step.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use thiserror::Error;

use super::Line;
use super::layout::{self, About, Damaged, MAX_LINES, PAIR_BITS, Sections};

/// Lines imported and not yet laid out.
#[derive(Debug, Default)]
pub struct Draft {
    /// SIRET and row of `pairs`, as an entry; any order.
    pub(super) entries: Vec<u64>,
    /// The distinct lines, in the order they were met.
    pub(super) pairs: Vec<Line>,
    /// How many lines of the source were left out.
    pub(super) malformed: u64,
    /// The size of the source.
    pub(super) source_size: u64,
    /// The SHA-256 of the source.
    pub(super) source_sha256: [u8; 32],
}

/// Why an index could not be laid out or written.
#[derive(Debug, Error)]
pub enum BuildError {
    /// The disk refused.
    #[error("écriture de l'index impossible : {0}")]
    Io(#[from] io::Error),
    /// More lines or pairs than the layout can hold.
    #[error(transparent)]
    TooLarge(#[from] Damaged),
}

impl Draft {
    /// Lays the lines out as the bytes of an index. The same lines in any order give the same bytes.
    pub fn lay_out(mut self, source_name: &str, published: Date) -> Result<Vec<u8>, Damaged> {
        if self.entries.len() > MAX_LINES {
            return Err(Damaged("trop de lignes"));
        }
        let pairs = self.rank_pairs();
        if !self.entries.is_sorted() {
            self.entries.sort_unstable();
        }
        let before = self.entries.len();
        self.entries.dedup();
        let repeated = before - self.entries.len();

        let counts = self.counts(pairs.len());
        let directory_bits = layout::directory_bits(self.entries.len());
        let lines = u64::try_from(self.entries.len()).unwrap_or(u64::MAX);
        let rows = u32::try_from(pairs.len()).unwrap_or(u32::MAX);
        let sections = Sections::of(rows, directory_bits, lines)?;
        let total = |wanted: fn(&Line) -> bool| {
            pairs
                .iter()
                .zip(&counts)
                .filter(|(line, _)| wanted(line))
                .map(|(_, n)| u64::from(*n))
                .sum()
        };

        let mut body = Vec::with_capacity(sections.entries.end);
        for (line, count) in pairs.iter().zip(&counts) {
            body.extend_from_slice(&layout::pair_bytes(*line, *count));
        }
        let table = body.clone();
        self.write_directory(directory_bits, &mut body);
        for entry in &self.entries {
            body.extend_from_slice(&entry.to_le_bytes());
        }
        let about = About {
            lines,
            companies: self.companies(),
            unassigned: total(|line| line.owner.is_none()),
            managed: total(|line| line.manager.is_some() && line.manager != line.owner),
            malformed: self.malformed,
            repeated: u64::try_from(repeated).unwrap_or(u64::MAX),
            pairs: rows,
            directory_bits,
            published,
            source_name: source_name.to_owned(),
            source_size: self.source_size,
            source_sha256: self.source_sha256,
            body_sha256: layout::sha256(&body),
        };
        let mut file = about.header(&table);
        file.append(&mut body);
        Ok(file)
    }

    /// Sorts the pairs and renames them in the entries, so that the order of the source is forgotten.
    fn rank_pairs(&mut self) -> Vec<Line> {
        let mut ranked: Vec<(Line, usize)> = self.pairs.iter().copied().zip(0..).collect();
        ranked.sort_unstable();
        let mut rank_of = vec![0_u64; ranked.len()];
        for (rank, (_, met)) in (0_u64..).zip(&ranked) {
            if let Some(slot) = rank_of.get_mut(*met) {
                *slot = rank;
            }
        }
        for entry in &mut self.entries {
            let met = usize::try_from(*entry & ((1 << PAIR_BITS) - 1)).unwrap_or(usize::MAX);
            let rank = rank_of.get(met).copied().unwrap_or_default();
            *entry = (*entry >> PAIR_BITS << PAIR_BITS) | rank;
        }
        ranked.into_iter().map(|(line, _)| line).collect()
    }

    fn counts(&self, pairs: usize) -> Vec<u32> {
        let mut counts = vec![0_u32; pairs];
        for entry in &self.entries {
            let row = usize::try_from(entry & ((1 << PAIR_BITS) - 1)).unwrap_or(usize::MAX);
            if let Some(count) = counts.get_mut(row) {
                *count += 1;
            }
        }
        counts
    }

    fn companies(&self) -> u64 {
        let (mut companies, mut last) = (0, None);
        for entry in &self.entries {
            let siren = (entry >> PAIR_BITS) / 100_000;
            if last != Some(siren) {
                companies += 1;
                last = Some(siren);
            }
        }
        companies
    }

    fn write_directory(&self, bits: u32, out: &mut Vec<u8>) {
        let shift = layout::bucket_shift(bits);
        let slots = 1_u64 << bits;
        let mut next_slot = 0;
        for (place, entry) in (0_u32..).zip(&self.entries) {
            let bucket = entry >> shift;
            while next_slot <= bucket {
                out.extend_from_slice(&place.to_le_bytes());
                next_slot += 1;
            }
        }
        let end = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        // The end of the last bucket, then the padding of the section.
        while next_slot < (slots + 1).next_multiple_of(2) {
            out.extend_from_slice(&end.to_le_bytes());
            next_slot += 1;
        }
    }
}

/// Writes an index beside `output`, syncs it and renames it into place; what stood there stays as
/// `output.previous`. Returns the path of the former index when there was one.
pub fn install(bytes: &[u8], output: &Path) -> Result<Option<PathBuf>, BuildError> {
    let beside = beside(output, &format!("{}.tmp", std::process::id()));
    let written = write_synced(bytes, &beside).and_then(|()| {
        let former = keep_former(output)?;
        fs::rename(&beside, output)?;
        sync_folder(output)?;
        Ok(former)
    });
    if written.is_err() {
        // The half-written file is of no use to anyone; the first error is the one to tell.
        drop(fs::remove_file(&beside));
    }
    Ok(written?)
}

fn write_synced(bytes: &[u8], path: &Path) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Gives the index in use a second name, so that there is never an instant without one.
fn keep_former(output: &Path) -> io::Result<Option<PathBuf>> {
    if !output.exists() {
        return Ok(None);
    }
    let former = beside(output, "previous");
    if former.exists() {
        fs::remove_file(&former)?;
    }
    fs::hard_link(output, &former).or_else(|_| fs::copy(output, &former).map(drop))?;
    Ok(Some(former))
}

fn sync_folder(output: &Path) -> io::Result<()> {
    let folder = output
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn beside(output: &Path, suffix: &str) -> PathBuf {
    let mut name = output.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    PathBuf::from(name)
}
