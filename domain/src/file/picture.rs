//! A PNG or a JPEG as it goes by, walked from piece to piece to the end its format has.

use super::FileFault;

/// How a PNG begins.
pub(super) const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
/// How a JPEG begins.
pub(super) const JPEG: &[u8] = b"\xff\xd8\xff";

/// Bytes of a piece's checksum in a PNG.
const CHECKSUM: u64 = 4;
/// The longest piece a PNG may have.
const PIECE_MAX: u32 = 0x7fff_ffff;

/// One PNG.
#[derive(Debug)]
pub(super) struct Png {
    /// Bytes left to pass over.
    skip: u64,
    /// The length and the name of the next piece, as far as they were read.
    header: Vec<u8>,
    pieces: u64,
    ended: bool,
}

impl Default for Png {
    fn default() -> Self {
        Self {
            skip: u64::try_from(PNG.len()).unwrap_or_default(),
            header: Vec::with_capacity(8),
            pieces: 0,
            ended: false,
        }
    }
}

impl Png {
    /// Reads on.
    pub(super) fn read(&mut self, mut bytes: &[u8]) -> Result<(), FileFault> {
        while !bytes.is_empty() {
            passed(&mut self.skip, &mut bytes);
            if self.ended {
                break;
            }
            let Some((byte, rest)) = bytes.split_first() else {
                break;
            };
            self.header.push(*byte);
            bytes = rest;
            self.piece()?;
        }
        Ok(())
    }

    /// Begins a piece once its header is there.
    fn piece(&mut self) -> Result<(), FileFault> {
        let Ok(header) = <[u8; 8]>::try_from(self.header.as_slice()) else {
            return Ok(());
        };
        self.header.clear();
        let [a, b, c, d, name @ ..] = header;
        let length = u32::from_be_bytes([a, b, c, d]);
        let first = self.pieces == 0;
        let named = name.iter().all(u8::is_ascii_alphabetic) && first == (&name == b"IHDR");
        if !named || length > PIECE_MAX {
            return Err(FileFault::Truncated);
        }
        self.pieces = self.pieces.saturating_add(1);
        self.ended = &name == b"IEND";
        self.skip = u64::from(length).saturating_add(CHECKSUM);
        Ok(())
    }

    /// Judges the end.
    pub(super) fn end(self) -> Result<(), FileFault> {
        if self.ended && self.skip == 0 {
            Ok(())
        } else {
            Err(FileFault::Truncated)
        }
    }
}

/// One JPEG.
#[derive(Debug, Default)]
pub(super) struct Jpeg {
    place: Place,
    skip: u64,
    /// Whether the segment being passed over is followed by the picture itself.
    scan: bool,
}

/// Where in the format the next byte stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    /// Before the 0xff of a marker.
    #[default]
    Before,
    /// After it.
    Marker,
    /// Before the length of a segment.
    Length,
    /// After its first byte.
    Low(u8),
    /// In the picture itself.
    Scan,
    /// After a 0xff of it.
    ScanMarker,
    /// After the end.
    Ended,
}

impl Jpeg {
    /// Reads on. What follows the end is of no concern: cameras put more pictures there.
    pub(super) fn read(&mut self, mut bytes: &[u8]) -> Result<(), FileFault> {
        while !bytes.is_empty() && self.place != Place::Ended {
            passed(&mut self.skip, &mut bytes);
            if self.place == Place::Scan {
                let picture = bytes.iter().take_while(|byte| **byte != 0xff).count();
                bytes = bytes.get(picture..).unwrap_or_default();
            }
            let Some((byte, rest)) = bytes.split_first() else {
                break;
            };
            self.place = self.next(*byte)?;
            bytes = rest;
        }
        Ok(())
    }

    fn next(&mut self, byte: u8) -> Result<Place, FileFault> {
        Ok(match (self.place, byte) {
            (Place::Before | Place::Marker, 0xff) => Place::Marker,
            (Place::Before, _) | (Place::Marker, 0x00) => return Err(FileFault::Truncated),
            (Place::Length, high) => Place::Low(high),
            (Place::Low(high), low) => {
                let length = u64::from(u16::from_be_bytes([high, low]));
                // The two bytes of the length count themselves.
                self.skip = length.checked_sub(2).ok_or(FileFault::Truncated)?;
                if std::mem::take(&mut self.scan) {
                    Place::Scan
                } else {
                    Place::Before
                }
            }
            (Place::Scan | Place::ScanMarker, 0xff) => Place::ScanMarker,
            // A 0xff of the picture is written twice over as 0xff00; restarts carry no length.
            (Place::ScanMarker, 0x00 | 0xd0..=0xd7) | (Place::Scan, _) => Place::Scan,
            (Place::Marker | Place::ScanMarker, marker) => self.marker(marker),
            (Place::Ended, _) => Place::Ended,
        })
    }

    fn marker(&mut self, marker: u8) -> Place {
        match marker {
            0xd9 => Place::Ended,
            0xd8 | 0x01 | 0xd0..=0xd7 => Place::Before,
            0xda => {
                self.scan = true;
                Place::Length
            }
            _ => Place::Length,
        }
    }

    /// Judges the end.
    pub(super) fn end(self) -> Result<(), FileFault> {
        if self.place == Place::Ended {
            Ok(())
        } else {
            Err(FileFault::Truncated)
        }
    }
}

/// Passes over what is left to pass over.
fn passed(skip: &mut u64, bytes: &mut &[u8]) {
    let here = u64::try_from(bytes.len()).unwrap_or(u64::MAX).min(*skip);
    let count = usize::try_from(here).unwrap_or(bytes.len());
    *bytes = bytes.get(count..).unwrap_or_default();
    *skip = skip.saturating_sub(here);
}
