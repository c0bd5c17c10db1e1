//! The reader: answers from the mapped file, without allocating, locking or trusting a byte of it.

use std::fs::File;
use std::ops::Range;
use std::path::Path;

use domain::{Opco, Siren, Siret};
use memmap2::Mmap;
use thiserror::Error;

use super::Line;
use super::layout::{self, About, Damaged, HEADER_LEN, PAIR_BITS, PAIR_LEN, Sections};

/// How many places of the directory and of the entries an opening looks at: enough to notice a
/// file that is plainly wrong, few enough to open a country in well under a millisecond.
const SAMPLES: usize = 64;
/// How many different OPCOs there are.
const OPCOS: usize = Opco::ALL.len();

/// An index, open for reading. Cheap to share behind an `Arc`; see [`super::Holder`].
#[derive(Debug)]
pub struct Index {
    bytes: Bytes,
    about: About,
    sections: Sections,
    shift: u32,
    sample: bool,
}

#[derive(Debug)]
enum Bytes {
    Mapped(Mmap),
    Owned(Vec<u8>),
}

/// Why a file cannot be used as an index.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The file cannot be read.
    #[error("lecture de l'index SIRO impossible : {0}")]
    Io(#[from] std::io::Error),
    /// The file is not a sound index.
    #[error(transparent)]
    Damaged(#[from] Damaged),
}

/// What the index says of one establishment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hit {
    /// The establishment is not in the table.
    Absent,
    /// One answer. The owner may be absent: the line is there without an OPCO.
    Line(Line),
    /// Several lines that do not agree on the OPCO; see [`Index::lines`].
    Several,
}

/// How many lines name each OPCO.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shares([u64; OPCOS]);

/// What the index says of all the establishments of one company.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Company {
    /// How many lines the company has.
    pub lines: u64,
    /// How many of them name no OPCO.
    pub unassigned: u64,
    /// How many of them name each OPCO as owner.
    pub owners: Shares,
    /// Some line names a manager, and not all lines name the same.
    pub managers_differ: bool,
    /// The manager named by every line; meaningless when they differ.
    pub manager: Option<Opco>,
}

impl Shares {
    /// Counts `lines` more for an OPCO.
    pub(super) fn add(&mut self, opco: Opco, lines: u64) {
        for (known, count) in Opco::ALL.iter().zip(&mut self.0) {
            if *known == opco {
                *count += lines;
            }
        }
    }

    /// Returns the OPCOs that are named at all, each with its number of lines.
    pub fn named(&self) -> impl Iterator<Item = (Opco, u64)> + '_ {
        Opco::ALL
            .into_iter()
            .zip(self.0)
            .filter(|(_, count)| *count > 0)
    }

    /// Returns how many lines name this OPCO.
    pub fn of(&self, opco: Opco) -> u64 {
        self.named()
            .find(|(known, _)| *known == opco)
            .map_or(0, |(_, count)| count)
    }
}

impl Company {
    /// Returns the OPCO that every line names, with the same manager (cascade step 3).
    ///
    /// A line without an OPCO breaks the unanimity: it may be a public body or an anomaly, and
    /// nothing says which of the two the new establishment resembles.
    pub fn unanimous(&self) -> Option<(Opco, Option<Opco>)> {
        if self.unassigned > 0 || self.managers_differ {
            return None;
        }
        let mut named = self.owners.named();
        match (named.next(), named.next()) {
            (Some((opco, _)), None) => Some((opco, self.manager)),
            _ => None,
        }
    }
}

impl Index {
    /// Maps an index file and checks its header, sizes and, by samples, its order.
    ///
    /// The whole checksum is [`Index::verify`]'s, because it reads every page. Never write into a
    /// file that is open here: write a new one and rename it (see [`super::build`]).
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let file = File::open(path)?;
        if file.metadata()?.len() < u64::try_from(HEADER_LEN).unwrap_or(u64::MAX) {
            return Err(Damaged("fichier trop court").into());
        }
        #[expect(
            unsafe_code,
            reason = "mapping is sound as long as nobody shortens the file in place; our own \
                      writer only ever renames a finished file over it"
        )]
        // SAFETY: the mapping is read-only and private to this value; every access is bounds-checked.
        let map = unsafe { Mmap::map(&file) }?;
        Ok(Self::check(Bytes::Mapped(map), false)?)
    }

    /// Opens an index that is wholly in memory.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, Damaged> {
        Self::check(Bytes::Owned(bytes), false)
    }

    /// Says that this index holds chosen lines only, so that a company's lines are not all there.
    pub(super) fn into_sample(mut self) -> Self {
        self.sample = true;
        self
    }

    fn check(bytes: Bytes, sample: bool) -> Result<Self, Damaged> {
        let about = About::read(bytes.all())?;
        let sections = about.sections()?;
        let shift = layout::bucket_shift(about.directory_bits);
        let index = Self {
            bytes,
            about,
            sections,
            shift,
            sample,
        };
        index.check_samples()?;
        Ok(index)
    }

    /// Looks at the ends and at some places between, a few page faults in all.
    fn check_samples(&self) -> Result<(), Damaged> {
        const WRONG: Damaged = Damaged("répertoire incohérent");
        let (directory, entries) = (self.directory()?, self.entries()?);
        let slots = 1_usize << self.about.directory_bits;
        let start = |slot: usize| directory.get(slot).map(|start| place(*start)).ok_or(WRONG);
        if start(0)? != 0 || start(slots)? != entries.len() {
            return Err(WRONG);
        }
        let (mut last_start, mut last_entry) = (0, 0);
        for sample in 0..SAMPLES {
            let here = start(slots / SAMPLES * sample)?;
            if here < last_start || here > entries.len() {
                return Err(WRONG);
            }
            last_start = here;
            if let Some(entry) = entries.get(entries.len() / SAMPLES * sample) {
                let entry = u64::from_le_bytes(*entry);
                if entry < last_entry {
                    return Err(Damaged("lignes dans le désordre"));
                }
                last_entry = entry;
            }
        }
        Ok(())
    }

    /// Returns where the index comes from and what it holds.
    pub fn about(&self) -> &About {
        &self.about
    }

    /// Returns whether this is the sample that ships with the gateway: lines chosen among the real
    /// ones, so that absence means nothing and a company's lines are not all there.
    pub fn is_sample(&self) -> bool {
        self.sample
    }

    /// Returns the size of the whole index, in bytes.
    pub fn size(&self) -> usize {
        self.bytes.all().len()
    }

    /// Returns the whole index as it is written to a file.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.all()
    }

    /// Returns what the table says of one establishment (cascade step 2).
    pub fn lookup(&self, siret: Siret) -> Result<Hit, Damaged> {
        let mut lines = self.lines(siret)?;
        let Some(first) = lines.next() else {
            return Ok(Hit::Absent);
        };
        let mut line = first?;
        for other in lines {
            let other = other?;
            if (other.owner, other.manager) != (line.owner, line.manager) {
                return Ok(Hit::Several);
            }
            // Two agreements under one OPCO: the OPCO is sure, the agreement is not.
            line.idcc = None;
        }
        Ok(Hit::Line(line))
    }

    /// Returns every line of one establishment; the public file has one, rarely more.
    pub fn lines(
        &self,
        siret: Siret,
    ) -> Result<impl Iterator<Item = Result<Line, Damaged>> + '_, Damaged> {
        let from = siret.as_u64();
        Ok(self.range(from..from + 1)?.map(|entry| self.line(entry)))
    }

    /// Returns what the table says of all the establishments of a company (cascade step 3).
    pub fn company(&self, siren: Siren) -> Result<Company, Damaged> {
        let number = siren
            .as_str()
            .bytes()
            .fold(0, |n, digit| n * 10 + u64::from(digit - b'0'));
        let mut company = Company::default();
        for entry in self.range(number * 100_000..(number + 1) * 100_000)? {
            let line = self.line(entry)?;
            if company.lines == 0 {
                company.manager = line.manager;
            }
            company.managers_differ |= company.manager != line.manager;
            company.lines += 1;
            match line.owner {
                Some(opco) => company.owners.add(opco, 1),
                None => company.unassigned += 1,
            }
        }
        Ok(company)
    }

    /// Returns how many lines name each OPCO, from the pair table alone.
    pub fn shares(&self) -> Result<Shares, Damaged> {
        let mut shares = Shares::default();
        for row in self.pairs()? {
            let (line, count) = layout::pair(*row)?;
            if let Some(opco) = line.owner {
                shares.add(opco, u64::from(count));
            }
        }
        Ok(shares)
    }

    /// Returns every line in the order of the SIRETs, for comparing two files.
    pub fn all(&self) -> Result<impl Iterator<Item = Result<(u64, Line), Damaged>> + '_, Damaged> {
        let entries = self
            .entries()?
            .iter()
            .map(|entry| u64::from_le_bytes(*entry));
        Ok(entries.map(|entry| self.line(entry).map(|line| (entry >> PAIR_BITS, line))))
    }

    /// Reads the whole file: checksum, order, directory, and every reference to the pair table.
    pub fn verify(&self) -> Result<(), Damaged> {
        let body = self
            .bytes
            .all()
            .get(HEADER_LEN..)
            .ok_or(Damaged("fichier trop court"))?;
        if layout::sha256(body) != self.about.body_sha256 {
            return Err(Damaged("somme de contrôle fausse, fichier altéré"));
        }
        let (entries, pairs) = (self.entries()?, self.pairs()?.len());
        let mut last = None;
        for entry in entries.iter().map(|entry| u64::from_le_bytes(*entry)) {
            if last.is_some_and(|last| entry <= last) || row_of(entry) >= pairs {
                return Err(Damaged("lignes dans le désordre"));
            }
            last = Some(entry);
        }
        for (bucket, ends) in self.directory()?.windows(2).enumerate() {
            let [from, to] = ends else { continue };
            // The last slot may be padding, after the end of the last bucket.
            if bucket >= 1 << self.about.directory_bits {
                break;
            }
            let inside = entries.get(place(*from)..place(*to));
            let bucket = u64::try_from(bucket).unwrap_or(u64::MAX);
            let at_home = |entry: &[u8; 8]| u64::from_le_bytes(*entry) >> self.shift == bucket;
            if !inside.is_some_and(|entries| entries.iter().all(at_home)) {
                return Err(Damaged("répertoire incohérent"));
            }
        }
        Ok(())
    }

    /// Returns the entries whose SIRET lies in a range.
    fn range(&self, sirets: Range<u64>) -> Result<impl Iterator<Item = u64> + '_, Damaged> {
        const WRONG: Damaged = Damaged("répertoire incohérent");
        let (from, to) = (sirets.start << PAIR_BITS, sirets.end << PAIR_BITS);
        let (directory, entries) = (self.directory()?, self.entries()?);
        let bucket = usize::try_from(from >> self.shift).map_err(|_| WRONG)?;
        let start = place(*directory.get(bucket).ok_or(WRONG)?);
        let end = place(*directory.get(bucket + 1).ok_or(WRONG)?);
        let inside = entries.get(start..end).ok_or(WRONG)?;
        let before = inside.partition_point(|entry| u64::from_le_bytes(*entry) < from);
        let rest = entries.get(start + before..).ok_or(WRONG)?;
        Ok(rest
            .iter()
            .map(|entry| u64::from_le_bytes(*entry))
            .take_while(move |entry| *entry < to))
    }

    fn line(&self, entry: u64) -> Result<Line, Damaged> {
        let row = self
            .pairs()?
            .get(row_of(entry))
            .ok_or(Damaged("ligne sans référence"))?;
        layout::pair(*row).map(|(line, _)| line)
    }

    fn pairs(&self) -> Result<&[[u8; PAIR_LEN]], Damaged> {
        self.section(&self.sections.pairs)
    }

    fn directory(&self) -> Result<&[[u8; 4]], Damaged> {
        self.section(&self.sections.directory)
    }

    fn entries(&self) -> Result<&[[u8; 8]], Damaged> {
        self.section(&self.sections.entries)
    }

    fn section<const N: usize>(&self, range: &Range<usize>) -> Result<&[[u8; N]], Damaged> {
        let bytes = self
            .bytes
            .all()
            .get(range.clone())
            .ok_or(Damaged("fichier trop court"))?;
        Ok(bytes.as_chunks().0)
    }
}

impl Bytes {
    fn all(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Owned(bytes) => bytes,
        }
    }
}

/// Returns the row of the pair table an entry points to.
fn row_of(entry: u64) -> usize {
    usize::try_from(entry & ((1 << PAIR_BITS) - 1)).unwrap_or(usize::MAX)
}

fn place(start: [u8; 4]) -> usize {
    usize::try_from(u32::from_le_bytes(start)).unwrap_or(usize::MAX)
}
