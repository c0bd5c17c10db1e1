//! The page of measures names code and tests that are there: a measure whose test went is a claim.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The page.
const PAGE: &str = include_str!("../../docs/security.md");

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// Adds the names of the functions in the Rust files below a folder.
fn functions(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            functions(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let names = text.split("fn ").skip(1);
            let name = |rest: &str| {
                rest.split(|c: char| !(c.is_alphanumeric() || c == '_'))
                    .next()
                    .map(str::to_owned)
            };
            found.extend(names.filter_map(name));
        }
    }
}

#[test]
fn every_measure_names_code_and_a_test_that_are_there() {
    let root = root();
    let mut known = BTreeSet::new();
    for folder in [
        "tests",
        "store",
        "domain/src",
        "gateway/src",
        "admin-api/src",
        "connectors",
    ] {
        functions(&root.join(folder), &mut known);
    }
    let rows = PAGE.lines().filter(|line| {
        line.starts_with("| ") && !line.starts_with("| risk") && !line.starts_with("| subject")
    });
    let (mut paths, mut tests) = (0, 0);
    for row in rows {
        for word in row.split('`').skip(1).step_by(2) {
            if word.contains(['/', '.']) {
                assert!(root.join(word).exists(), "{word} is not there: {row}");
                paths += 1;
            } else if word.matches('_').count() > 2 {
                assert!(known.contains(word), "no test is called {word}: {row}");
                tests += 1;
            }
        }
    }
    assert!(paths > 30 && tests > 40, "{paths} paths, {tests} tests");
}
