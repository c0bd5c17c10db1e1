//! The bytes of an index file: header, sections, and what each opening checks of them.

use std::ops::Range;

use aws_lc_rs::digest::{SHA256, digest};
use domain::Opco;
use jiff::civil::Date;
use thiserror::Error;

use super::{IdccCode, Line};

/// The first eight bytes of every index.
const MAGIC: [u8; 8] = *b"CFAGSIRO";
/// The layout this code writes, and the only one it reads.
const VERSION: u32 = 1;
/// The header, its own checksum included.
pub(super) const HEADER_LEN: usize = 512;
/// Where the checksum of the header and of the pair table stands.
const SEAL_AT: usize = HEADER_LEN - 32;
/// The longest name of a source file that is kept, in bytes.
const NAME_LEN: usize = 200;
/// One row of the pair table: owner, manager, IDCC, lines.
pub(super) const PAIR_LEN: usize = 8;
/// The most rows of the pair table: an entry has 16 bits for it.
pub(super) const MAX_PAIRS: usize = 1 << 16;
/// The most lines of one index, far above the 40 million establishments of the country.
pub(super) const MAX_LINES: usize = 100_000_000;
/// The most bits of the directory (64 million buckets).
const MAX_DIRECTORY_BITS: u32 = 26;
/// The bits of an entry that say which row of the pair table.
pub(super) const PAIR_BITS: u32 = 16;
/// The bits of an entry in use: 47 for the SIRET, 16 for the pair.
const ENTRY_BITS: u32 = 47 + PAIR_BITS;
/// How an absent OPCO is written.
const NO_OPCO: u8 = 0xFF;
/// How an absent IDCC is written.
const NO_IDCC: u16 = 0xFFFF;

/// A file that is not a whole, sound index. The text says what was found, in French: it is read by
/// the person who loads the file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("index SIRO inutilisable : {0}")]
pub struct Damaged(pub &'static str);

/// Where an index comes from and what it holds; everything `index info` prints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// How many entries.
    pub lines: u64,
    /// How many distinct companies (SIREN).
    pub companies: u64,
    /// How many lines name no OPCO.
    pub unassigned: u64,
    /// How many lines name a manager other than the owner.
    pub managed: u64,
    /// How many lines of the source were left out because malformed.
    pub malformed: u64,
    /// How many lines of the source repeated another one exactly.
    pub repeated: u64,
    /// How many distinct (owner, manager, IDCC).
    pub pairs: u32,
    /// The bits of the directory.
    pub directory_bits: u32,
    /// The day the source was published; answers are dated by it.
    pub published: Date,
    /// The name of the source file.
    pub source_name: String,
    /// The size of the source file, in bytes.
    pub source_size: u64,
    /// The SHA-256 of the source file.
    pub source_sha256: [u8; 32],
    /// The SHA-256 of everything after the header.
    pub body_sha256: [u8; 32],
}

/// Where each section begins and ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sections {
    pub(super) pairs: Range<usize>,
    pub(super) directory: Range<usize>,
    pub(super) entries: Range<usize>,
}

/// Returns the bits of the directory that give two to three entries a bucket.
///
/// Real numbers fill 71 % of the 47 bits, so one bucket for two lines leaves about 2.8 in each
/// bucket that is used.
pub(super) fn directory_bits(lines: usize) -> u32 {
    (lines / 2)
        .max(1)
        .next_power_of_two()
        .trailing_zeros()
        .min(MAX_DIRECTORY_BITS)
}

/// Returns by how much an entry is shifted to find its bucket.
pub(super) fn bucket_shift(directory_bits: u32) -> u32 {
    ENTRY_BITS - directory_bits
}

impl Sections {
    /// Returns the sections of an index of that many pairs, directory bits and lines.
    pub(super) fn of(pairs: u32, directory_bits: u32, lines: u64) -> Result<Self, Damaged> {
        const OVER: Damaged = Damaged("des compteurs hors limites");
        let pairs = usize::try_from(pairs)
            .ok()
            .filter(|n| *n <= MAX_PAIRS)
            .ok_or(OVER)?;
        let lines = usize::try_from(lines)
            .ok()
            .filter(|n| *n <= MAX_LINES)
            .ok_or(OVER)?;
        if directory_bits > MAX_DIRECTORY_BITS {
            return Err(OVER);
        }
        let pairs = HEADER_LEN..HEADER_LEN + pairs * PAIR_LEN;
        // One start for each bucket, one end for the last, padded so that entries stay aligned.
        let slots = ((1_usize << directory_bits) + 1).next_multiple_of(2);
        let directory = pairs.end..pairs.end + slots * 4;
        let entries = directory.end..directory.end + lines * 8;
        Ok(Self {
            pairs,
            directory,
            entries,
        })
    }
}

impl About {
    /// Returns where the sections stand.
    pub(super) fn sections(&self) -> Result<Sections, Damaged> {
        Sections::of(self.pairs, self.directory_bits, self.lines)
    }

    /// Writes the header of an index whose pair table is `pairs`.
    pub(super) fn header(&self, pairs: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER_LEN + pairs.len());
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&self.directory_bits.to_le_bytes());
        for count in [
            self.lines,
            self.companies,
            self.unassigned,
            self.managed,
            self.malformed,
            self.repeated,
            self.source_size,
        ] {
            out.extend_from_slice(&count.to_le_bytes());
        }
        out.extend_from_slice(&self.pairs.to_le_bytes());
        out.extend_from_slice(&day_number(self.published).to_le_bytes());
        out.extend_from_slice(&self.source_sha256);
        out.extend_from_slice(&self.body_sha256);
        let name = cut(&self.source_name);
        out.extend_from_slice(&u16::try_from(name.len()).unwrap_or_default().to_le_bytes());
        out.extend_from_slice(name.as_bytes());
        out.resize(SEAL_AT, 0);
        let seal = sealed(&out, pairs);
        out.extend_from_slice(&seal);
        out
    }

    /// Reads and checks the header of a whole file.
    pub(super) fn read(file: &[u8]) -> Result<Self, Damaged> {
        let header = file
            .get(..HEADER_LEN)
            .ok_or(Damaged("fichier trop court"))?;
        let mut fields = Fields(header);
        if fields.take::<8>()? != MAGIC {
            return Err(Damaged("ce fichier n'est pas un index"));
        }
        if fields.u32()? != VERSION {
            return Err(Damaged(
                "version de format inconnue, à reconstruire avec « index build »",
            ));
        }
        let directory_bits = fields.u32()?;
        let (lines, companies, unassigned) = (fields.u64()?, fields.u64()?, fields.u64()?);
        let (managed, malformed, repeated) = (fields.u64()?, fields.u64()?, fields.u64()?);
        let source_size = fields.u64()?;
        let pairs = fields.u32()?;
        let published = day(fields.u32()?).ok_or(Damaged("date de publication illisible"))?;
        let (source_sha256, body_sha256) = (fields.take::<32>()?, fields.take::<32>()?);
        let name_len = usize::from(u16::from_le_bytes(fields.take()?));
        let name = fields
            .0
            .get(..name_len.min(NAME_LEN))
            .ok_or(Damaged("en-tête illisible"))?;
        let about = Self {
            lines,
            companies,
            unassigned,
            managed,
            malformed,
            repeated,
            pairs,
            directory_bits,
            published,
            source_name: String::from_utf8_lossy(name).into_owned(),
            source_size,
            source_sha256,
            body_sha256,
        };
        about.check_seal(file)?;
        Ok(about)
    }

    fn check_seal(&self, file: &[u8]) -> Result<(), Damaged> {
        let sections = self.sections()?;
        if file.len() != sections.entries.end {
            return Err(Damaged("taille inattendue, fichier tronqué ou complété"));
        }
        let (Some(header), Some(seal)) = (file.get(..SEAL_AT), file.get(SEAL_AT..HEADER_LEN))
        else {
            return Err(Damaged("fichier trop court"));
        };
        let pairs = file
            .get(sections.pairs)
            .ok_or(Damaged("fichier trop court"))?;
        if sealed(header, pairs) == seal {
            Ok(())
        } else {
            Err(Damaged("somme de contrôle de l'en-tête fausse"))
        }
    }
}

/// Writes one row of the pair table.
pub(super) fn pair_bytes(line: Line, count: u32) -> [u8; PAIR_LEN] {
    let [i0, i1] = line.idcc.map_or(NO_IDCC, IdccCode::number).to_le_bytes();
    let [n0, n1, n2, n3] = count.to_le_bytes();
    [
        opco_byte(line.owner),
        opco_byte(line.manager),
        i0,
        i1,
        n0,
        n1,
        n2,
        n3,
    ]
}

/// Reads one row of the pair table: what it says, and how many lines say so.
pub(super) fn pair(bytes: [u8; PAIR_LEN]) -> Result<(Line, u32), Damaged> {
    let [owner, manager, i0, i1, n0, n1, n2, n3] = bytes;
    let idcc = match u16::from_le_bytes([i0, i1]) {
        NO_IDCC => None,
        number => Some(IdccCode::new(number).ok_or(Damaged("IDCC hors limites"))?),
    };
    let line = Line {
        owner: opco_of(owner)?,
        manager: opco_of(manager)?,
        idcc,
    };
    Ok((line, u32::from_le_bytes([n0, n1, n2, n3])))
}

fn opco_byte(opco: Option<Opco>) -> u8 {
    opco.and_then(|opco| Opco::ALL.iter().position(|known| *known == opco))
        .and_then(|place| u8::try_from(place).ok())
        .unwrap_or(NO_OPCO)
}

fn opco_of(byte: u8) -> Result<Option<Opco>, Damaged> {
    if byte == NO_OPCO {
        return Ok(None);
    }
    Opco::ALL
        .get(usize::from(byte))
        .copied()
        .map(Some)
        .ok_or(Damaged("OPCO inconnu"))
}

fn sealed(header: &[u8], pairs: &[u8]) -> [u8; 32] {
    let mut whole = Vec::with_capacity(header.len() + pairs.len());
    whole.extend_from_slice(header);
    whole.extend_from_slice(pairs);
    sha256(&whole)
}

/// Returns the SHA-256 of some bytes.
pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    for (to, from) in out.iter_mut().zip(digest(&SHA256, bytes).as_ref()) {
        *to = *from;
    }
    out
}

/// Writes a day as the number YYYYMMDD; a year before 0 has no business here and becomes 0.
fn day_number(day: Date) -> u32 {
    let year = u32::try_from(day.year()).unwrap_or_default();
    let (month, date) = (day.month().unsigned_abs(), day.day().unsigned_abs());
    year * 10_000 + u32::from(month) * 100 + u32::from(date)
}

fn day(number: u32) -> Option<Date> {
    let year = i16::try_from(number / 10_000).ok()?;
    let month = i8::try_from(number / 100 % 100).ok()?;
    let date = i8::try_from(number % 100).ok()?;
    Date::new(year, month, date).ok()
}

/// Cuts a name to what the header keeps, on a character boundary.
fn cut(name: &str) -> &str {
    name.get(..name.floor_char_boundary(NAME_LEN))
        .unwrap_or_default()
}

struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], Damaged> {
        let (field, rest) = self
            .0
            .split_first_chunk()
            .ok_or(Damaged("en-tête illisible"))?;
        self.0 = rest;
        Ok(*field)
    }

    fn u32(&mut self) -> Result<u32, Damaged> {
        Ok(u32::from_le_bytes(self.take()?))
    }

    fn u64(&mut self) -> Result<u64, Damaged> {
        Ok(u64::from_le_bytes(self.take()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_million_lines_get_two_to_three_entries_a_bucket() {
        assert_eq!(directory_bits(4_000_000), 21);
        assert_eq!(directory_bits(0), 0);
        assert_eq!(directory_bits(usize::MAX / 2), MAX_DIRECTORY_BITS);
    }

    #[test]
    fn a_row_of_the_pair_table_survives_a_round_trip() {
        let line = Line {
            owner: Some(Opco::Atlas),
            manager: Some(Opco::Akto),
            idcc: IdccCode::new(1486),
        };
        assert_eq!(pair(pair_bytes(line, 7)), Ok((line, 7)));
        let none = Line {
            owner: None,
            manager: None,
            idcc: None,
        };
        assert_eq!(pair(pair_bytes(none, 0)), Ok((none, 0)));
        assert!(pair([11, NO_OPCO, 0, 0, 0, 0, 0, 0]).is_err());
        assert!(
            pair([0, 0, 0x10, 0x27, 0, 0, 0, 0]).is_err(),
            "10000 is no IDCC"
        );
    }
}
