//! The example of the documentation, computed again.

use super::super::{Hash, evidence};

/// What a reader of the documentation is told to compute by hand.
const PAGE: &str = include_str!("../../../../docs/proof.md");

#[test]
fn the_content_hash_computed_by_hand_in_the_documentation_is_the_one_of_the_log() {
    let (_, by_hand) = PAGE.split_once("**By hand.**").unwrap();
    let block = |after: &str, fence: &str| {
        let (_, rest) = by_hand.split_once(after).unwrap();
        let (_, block) = rest.split_once(fence).unwrap();
        block.split_once("\n```").unwrap().0.to_owned()
    };
    let sent: serde_json::Value =
        serde_json::from_str(&block("contrat.json`:", "```json\n")).unwrap();
    let mut kept = sent;
    let apprenti = kept.pointer_mut("/cerfa/apprenti").unwrap();
    assert!(apprenti.as_object_mut().unwrap().remove("nir").is_some());
    let content = block("No line feed at the end:", "```\n");
    // Members in alphabetical order and no spaces, which is what the gateway keeps.
    assert_eq!(kept.to_string(), content);

    let script = block("HMAC is SHA-256 twice", "```sh\n");
    let told: Vec<&str> = script
        .lines()
        .filter_map(|line| line.strip_prefix("# "))
        .collect();
    let salt = script
        .lines()
        .find_map(|line| line.strip_prefix("SALT="))
        .unwrap();
    assert!(by_hand.contains(&format!("`salt` is `{salt}`")));
    let salt: Hash = salt.parse().unwrap();
    let pad = |with: u8| {
        let mut pad = [with; 64];
        pad.iter_mut()
            .zip(salt.0)
            .for_each(|(byte, of_salt)| *byte ^= of_salt);
        pad.to_vec()
    };
    let inner = Hash::of_content(&[pad(0x36), content.clone().into_bytes()].concat());
    let outer = Hash::of_content(&[pad(0x5c), inner.0.to_vec()].concat());
    assert_eq!(told, [inner.to_string(), outer.to_string()]);
    assert!(script.contains(&format!("printf {inner} | xxd")));
    assert_eq!(outer, evidence::salted(&salt.0, content.as_bytes()));
}
