//! The contract payload from outside: the samples of the protocol, and every leniency it asks for.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot read its fixture must stop"
)]

use domain::dossier::{Dossier, Reading};

const V1: &[u8] = include_bytes!("fixtures/dossier/dossier-v1.json");
const V2: &[u8] = include_bytes!("fixtures/dossier/dossier-v2.json");
const DETAIL: &[u8] = include_bytes!("fixtures/dossier/dossier-detail.json");

fn read(body: &[u8]) -> Reading {
    Dossier::read(body).unwrap()
}

#[test]
fn every_sample_is_read_without_a_finding() {
    for sample in [V1, V2, DETAIL] {
        assert_eq!(read(sample).findings, []);
    }
}

#[test]
fn a_written_sample_reads_as_the_same_dossier() {
    for sample in [V1, V2] {
        let first = read(sample).dossier;
        let again = read(first.write().to_string().as_bytes());
        assert_eq!(again.findings, []);
        assert_eq!(again.dossier, first);
    }
}
