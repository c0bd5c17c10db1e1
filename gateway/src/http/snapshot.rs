//! Committed files that a test compares with what the program makes.

use std::path::Path;

/// Compares a committed file with what the program makes; `UPDATE_SNAPSHOTS=1` rewrites it.
pub(crate) fn committed(path_from_crate: &str, made: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path_from_crate);
    if option_env!("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == made,
        "{path_from_crate} is stale: run `UPDATE_SNAPSHOTS=1 cargo test -p cfa-gateway --lib`"
    );
}
