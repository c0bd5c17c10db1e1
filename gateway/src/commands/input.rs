//! Files given to commands: `-` is standard input, and nothing is read without a bound.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::commands::failure::{Code, Failure};

/// The largest file a command reads into memory, in bytes: that of the largest body one may configure.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Reads a file, or standard input when it is `-`.
pub(crate) fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let name = file.display().to_string();
    let unreadable =
        |error: std::io::Error| Failure::new(Code::InputUnreadable, format!("{name} : {error}"));
    let source: Box<dyn Read> = if file == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(File::open(file).map_err(unreadable)?)
    };
    let mut bytes = Vec::new();
    source
        .take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if u64::try_from(bytes.len()).is_ok_and(|read| read > FILE_BYTES_MAX) {
        let said = format!("{name} : plus de {FILE_BYTES_MAX} octets");
        return Err(Failure::new(Code::InputInvalid, said));
    }
    Ok(bytes)
}
