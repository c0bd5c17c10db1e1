//! Every kind of event that is written has a name: the sources are read for them.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot read the sources must stop"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use domain::event::KINDS;

/// Dotted words of the sources that are no events: fields of log lines, settings, one sample.
const OTHERS: [&str; 11] = [
    "credential.id",
    "delivery.id",
    "retention.attempt_days",
    "retention.file_days",
    "retention.nir_days",
    "retention.payload_days",
    "retention.reading_days",
    "retention.stranger_days",
    "webhook.allowed_networks",
    "webhook.test",
    "webhook.timeout_s",
];

/// Collects the dotted words of the sources of a folder that may be kinds of events.
fn collect(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            if name != "tests" {
                collect(&path, found);
            }
        } else if path.extension().is_some_and(|ending| ending == "rs") && name != "tests.rs" {
            let text = fs::read_to_string(&path).unwrap();
            let text = text.split("#[cfg(test)]").next().unwrap();
            let lines = text.lines().filter(|line| !line.trim().starts_with("//"));
            for line in lines {
                found.extend(words(line));
            }
        }
    }
}

/// Returns the dotted words in quotation marks of a line: all where it writes an event, those of a known
/// family elsewhere.
fn words(line: &str) -> Vec<String> {
    let writes = ["NewEvent::new(", ".write(", ".log("]
        .iter()
        .any(|call| line.contains(call));
    let part =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    let family = |word: &str| {
        let mut known = KINDS.iter().filter_map(|(kind, _, _)| kind.split_once('.'));
        known.any(|(family, _)| family == word)
    };
    let quoted = line.split('"').skip(1).step_by(2);
    let dotted = quoted.filter(|word| {
        word.split_once('.')
            .is_some_and(|(of, what)| part(of) && part(what) && (writes || family(of)))
    });
    dotted.map(str::to_owned).collect()
}

#[test]
fn every_kind_that_is_written_has_a_name_and_no_name_is_of_none() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = BTreeSet::new();
    for sources in ["store/src", "gateway/src", "admin-api/src"] {
        collect(&root.join(sources), &mut found);
    }
    let named: BTreeSet<String> = KINDS
        .iter()
        .map(|(kind, _, _)| (*kind).to_owned())
        .collect();
    let others: BTreeSet<String> = OTHERS.iter().map(|word| (*word).to_owned()).collect();
    let written: BTreeSet<String> = found.difference(&others).cloned().collect();
    let without: Vec<&String> = written.difference(&named).collect();
    assert!(without.is_empty(), "kinds without a name: {without:?}");
    let stale: Vec<&String> = named.difference(&written).collect();
    assert!(
        stale.is_empty(),
        "names of kinds that nobody writes: {stale:?}"
    );
    assert_eq!(named.len(), KINDS.len(), "a kind has one name");
}

#[test]
fn every_name_is_short_and_in_both_languages() {
    for (kind, fr, en) in KINDS {
        for name in [fr, en] {
            let length = name.chars().count();
            assert!((3..=50).contains(&length), "{kind}: {name}");
            assert!(
                !name.ends_with('.') && name.starts_with(char::is_uppercase),
                "{kind}: {name}"
            );
        }
    }
}
