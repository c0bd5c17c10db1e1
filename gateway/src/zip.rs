//! An archive (ZIP) written while it leaves: nothing of it is on a disk of ours, and no file is ever whole in
//! memory. Entries are stored as they are; the sum and the length of each follow its bytes.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use actix_web::web::Bytes;
use domain::Timestamp;
use domain::calendar::clocks_in_france;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use store::{Files, StoredFile, TenantKey};

/// What an entry is made of.
pub(crate) enum Source {
    /// Bytes that are there already.
    Bytes(Bytes),
    /// A file in custody, opened as it is read.
    File {
        files: Files,
        keys: Arc<TenantKey>,
        stored: Box<StoredFile>,
    },
}

/// One file of the archive.
pub(crate) struct Entry {
    /// Its path in the archive.
    pub(crate) name: String,
    /// When what is in it came to be.
    pub(crate) at: Timestamp,
    /// What is in it.
    pub(crate) source: Source,
}

/// Names are UTF-8; sum and length come after the bytes.
const FLAGS: u16 = 0x0808;
/// The version of the form that whoever unpacks must know.
const VERSION: u16 = 20;
/// The first year and the last that the form knows.
const YEARS: (i16, i16) = (1980, 2107);

/// What is written of an entry at the end.
struct Written {
    name: String,
    stamp: Stamp,
    sum: u32,
    bytes: u32,
    at: u32,
}

/// An entry on its way out.
struct Going {
    name: String,
    stamp: Stamp,
    at: u32,
    sum: crc32fast::Hasher,
    bytes: u64,
    chunks: BoxStream<'static, io::Result<Bytes>>,
}

/// Where the archive stands.
struct Archive {
    left: VecDeque<Entry>,
    going: Option<Going>,
    written: Vec<Written>,
    at: u64,
    ended: bool,
}

/// Writes an archive of these entries.
pub(crate) fn stream(entries: Vec<Entry>) -> BoxStream<'static, io::Result<Bytes>> {
    let archive = Archive {
        left: entries.into(),
        going: None,
        written: Vec::new(),
        at: 0,
        ended: false,
    };
    stream::try_unfold(archive, |mut archive| async move {
        let next = archive.next().await?;
        Ok(next.map(|bytes| (bytes, archive)))
    })
    .boxed()
}

impl Archive {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        let part = if let Some(going) = &mut self.going {
            match going.chunks.next().await {
                Some(chunk) => {
                    let chunk = chunk?;
                    going.take(&chunk);
                    chunk
                }
                None => self.close()?,
            }
        } else if let Some(entry) = self.left.pop_front() {
            self.open(entry).await?
        } else if self.ended {
            return Ok(None);
        } else {
            self.ended = true;
            self.index()?
        };
        self.at = self.at.saturating_add(length(&part));
        Ok(Some(part))
    }

    async fn open(&mut self, entry: Entry) -> io::Result<Bytes> {
        let chunks = match entry.source {
            Source::Bytes(bytes) => stream::once(async { Ok(bytes) }).boxed(),
            Source::File {
                files,
                keys,
                stored,
            } => {
                let opened = files.read(&keys, &stored).await;
                let chunks = opened.map_err(io::Error::other)?;
                chunks.map(|chunk| chunk.map_err(io::Error::other)).boxed()
            }
        };
        let stamp = Stamp::new(entry.at);
        let mut header = Vec::new();
        header.extend(0x0403_4b50_u32.to_le_bytes());
        header.extend(common(&entry.name, stamp, (0, 0))?);
        header.extend(0_u16.to_le_bytes());
        header.extend(entry.name.as_bytes());
        self.going = Some(Going {
            at: small(self.at)?,
            name: entry.name,
            stamp,
            sum: crc32fast::Hasher::new(),
            bytes: 0,
            chunks,
        });
        Ok(header.into())
    }

    /// Ends an entry with what could not be known before.
    fn close(&mut self) -> io::Result<Bytes> {
        let Some(going) = self.going.take() else {
            return Ok(Bytes::new());
        };
        let (sum, bytes) = (going.sum.finalize(), small(going.bytes)?);
        self.written.push(Written {
            name: going.name,
            stamp: going.stamp,
            sum,
            bytes,
            at: going.at,
        });
        let parts = [0x0807_4b50, sum, bytes, bytes];
        Ok(parts.map(u32::to_le_bytes).concat().into())
    }

    /// Writes the list of what is in it.
    fn index(&self) -> io::Result<Bytes> {
        let mut index = Vec::new();
        for one in &self.written {
            index.extend(0x0201_4b50_u32.to_le_bytes());
            index.extend(VERSION.to_le_bytes());
            index.extend(common(&one.name, one.stamp, (one.sum, one.bytes))?);
            // No extra, no comment, first disk, no attributes.
            index.extend([0; 12]);
            index.extend(one.at.to_le_bytes());
            index.extend(one.name.as_bytes());
        }
        let count = u16::try_from(self.written.len()).map_err(io::Error::other)?;
        let size = small(length(&index))?;
        index.extend(0x0605_4b50_u32.to_le_bytes());
        index.extend([0; 4]);
        index.extend(count.to_le_bytes());
        index.extend(count.to_le_bytes());
        index.extend(size.to_le_bytes());
        index.extend(small(self.at)?.to_le_bytes());
        index.extend([0; 2]);
        Ok(index.into())
    }
}

impl Going {
    fn take(&mut self, chunk: &[u8]) {
        self.sum.update(chunk);
        self.bytes = self.bytes.saturating_add(length(chunk));
    }
}

/// An instant as the form keeps it: what the clocks of France show, to two seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    time: u16,
    day: u16,
}

impl Stamp {
    fn new(at: Timestamp) -> Self {
        let at = clocks_in_france(at);
        let (first, last) = YEARS;
        let part = |number: i16| u16::try_from(number).unwrap_or_default();
        let of = |number: i8| part(number.into());
        let year = part(at.year().clamp(first, last).saturating_sub(first));
        Self {
            time: (of(at.hour()) << 11) | (of(at.minute()) << 5) | (of(at.second()) / 2),
            day: (year << 9) | (of(at.month()) << 5) | of(at.day()),
        }
    }
}

/// Writes what both headers of an entry have: from the version needed to the length of the name.
fn common(name: &str, stamp: Stamp, (sum, bytes): (u32, u32)) -> io::Result<Vec<u8>> {
    let mut header = Vec::new();
    for number in [VERSION, FLAGS, 0, stamp.time, stamp.day] {
        header.extend(number.to_le_bytes());
    }
    for number in [sum, bytes, bytes] {
        header.extend(number.to_le_bytes());
    }
    let name = u16::try_from(name.len()).map_err(io::Error::other)?;
    header.extend(name.to_le_bytes());
    Ok(header)
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// The form has four bytes for each place and length: an archive beyond that is refused, not broken.
fn small(number: u64) -> io::Result<u32> {
    u32::try_from(number).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_sum_is_the_one_everybody_knows() {
        let source = Source::Bytes(Bytes::from_static(b"123456789"));
        let name = "é.txt".to_owned();
        let at = "2026-09-01T08:30:41Z".parse().unwrap();
        let parts: Vec<_> = stream(vec![Entry { name, at, source }]).collect().await;
        let bytes = parts
            .into_iter()
            .map(Result::unwrap)
            .collect::<Vec<_>>()
            .concat();
        let sum = 0xCBF4_3926_u32.to_le_bytes();
        assert_eq!(bytes.windows(4).filter(|four| *four == sum).count(), 2);
        assert!(bytes.starts_with(b"PK\x03\x04"));
        // 10:30:40 on 1 September 2026, as the clocks of France show it.
        let (time, day) = (0x53D4_u16, 0x5D21_u16);
        assert_eq!(Stamp::new(at), Stamp { time, day });
        assert_eq!(bytes[10..12], time.to_le_bytes());
        assert_eq!(bytes[12..14], day.to_le_bytes());
        let end = bytes.len() - 22;
        assert!(bytes[end..].starts_with(b"PK\x05\x06"));
        let at = u32::from_le_bytes(bytes[end + 16..end + 20].try_into().unwrap());
        assert!(bytes[usize::try_from(at).unwrap()..].starts_with(b"PK\x01\x02"));
    }
}
