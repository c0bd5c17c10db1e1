//! What witnesses and authorities vouch for, in an evidence file: what holds is said, what does not is not.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::anchor::Anchor;
use super::super::hash::key_hash;
use super::super::note::SignerKey;
use super::*;

/// A witness made here, from its specification.
struct Witness {
    name: String,
    pair: Ed25519KeyPair,
}

impl Witness {
    fn new(name: &str, seed: u8) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        Self {
            name: name.to_owned(),
            pair,
        }
    }

    fn named(&self) -> Vec<u8> {
        [&[4], self.pair.public_key().as_ref()].concat()
    }

    fn id(&self) -> [u8; 4] {
        key_hash(&[self.name.as_bytes(), b"\n", &self.named()].concat())
    }

    fn key(&self) -> WitnessKey {
        let id = u32::from_be_bytes(self.id());
        let key = STANDARD.encode(self.named());
        format!("{}+{id:08x}+{key}", self.name).parse().unwrap()
    }

    fn cosign(&self, text: &str, seconds: u64) -> String {
        let message = format!("cosignature/v1\ntime {seconds}\n{text}");
        let signature = self.pair.sign(message.as_bytes());
        let bytes = [&self.id()[..], &seconds.to_be_bytes(), signature.as_ref()].concat();
        format!("\u{2014} {} {}", self.name, STANDARD.encode(bytes))
    }
}

/// The file of [`evidence`], with a checkpoint of 200 leaves and one of 280, and who signs it.
fn anchored(cosigned: impl Fn(u64, &str) -> Vec<String>) -> Evidence {
    let leaves = (1..=300).map(|position| entry(position).hash());
    let (_, tiles) = grown(leaves.clone());
    let anchor = |size: u64| {
        let (growth, _) = grown(leaves.clone().take(usize::try_from(size).unwrap()));
        let note = Note::sign(checkpoint(&growth, None).to_string(), &[&key(2)]);
        let lines = cosigned(size, &note.text);
        let lines = lines.iter().map(|line| line.parse().unwrap()).collect();
        let path = tiles.path(&Span::consistency(size, 300)).unwrap();
        Anchor::new(&note, path, lines, None)
    };
    evidence().anchored(vec![anchor(200), anchor(280)])
}

fn verified(evidence: &Evidence) -> Result<Verified, Unproven> {
    let signer: SignerKey = key(2);
    Evidence::verify(evidence.write(&signer).as_bytes(), &[signer.verifier()])
}

#[test]
fn a_witness_says_what_it_saw_and_when() {
    let (one, two) = (
        Witness::new("un.example", 7),
        Witness::new("deux.example/w", 8),
    );
    let file = anchored(|size, text| {
        let mut lines = vec![one.cosign(text, 1_790_000_000 + size)];
        if size == 200 {
            lines.push(two.cosign(text, 5));
        }
        lines
    });
    let verified = verified(&file).unwrap();
    assert!(file.write(&key(2)).contains("cfa-gateway/evidence/2"));
    assert_eq!(verified.witnesses(), ["deux.example/w", "un.example"]);
    let seen = verified.seen_by(&one.key()).unwrap();
    // The last event of the file is the 257th: 200 leaves have not all of them.
    assert_eq!((seen.size, seen.at.as_second()), (280, 1_790_000_280));
    assert!(verified.covers(seen.size));
    let seen = verified.seen_by(&two.key()).unwrap();
    assert_eq!((seen.size, verified.covers(seen.size)), (200, false));
    let stranger = Witness::new("un.example", 9);
    assert_eq!(verified.seen_by(&stranger.key()), Err(Unseen::Absent));
}

#[test]
fn a_cosignature_of_another_text_or_instant_is_false() {
    let witness = Witness::new("un.example", 7);
    let file = anchored(|_, _| vec![witness.cosign("another\n", 5)]);
    let verified = verified(&file).unwrap();
    assert_eq!(verified.seen_by(&witness.key()), Err(Unseen::False));
    let line = witness.cosign("text\n", 5);
    let key = witness.key();
    assert!(key.found_in(&format!("{line}\n"), "text\n").is_some());
    let others = format!(
        "— autre AAAAAAAA\n\n{}\n{line}\n",
        Witness::new("z", 1).cosign("text\n", 5)
    );
    assert!(key.found_in(&others, "text\n").is_some());
    assert!(key.found_in(&line, "texte\n").is_none());
    for place in 0..line.len() {
        let mut altered = line.clone().into_bytes();
        altered[place] ^= 1;
        let altered = String::from_utf8_lossy(&altered);
        assert!(key.found_in(&altered, "text\n").is_none(), "{altered}");
    }
}

#[test]
fn the_key_of_a_log_is_no_key_of_a_witness() {
    let log = key(1).verifier().to_string();
    assert!(log.parse::<WitnessKey>().is_err());
    let witness = Witness::new("un.example", 7).key();
    assert_eq!(witness.to_string().parse(), Ok(witness.clone()));
    assert!(witness.to_string().parse::<VerifierKey>().is_err());
}

#[test]
fn an_anchor_of_another_log_or_of_nobody_is_refused() {
    let witness = Witness::new("un.example", 7);
    let good = anchored(|_, text| vec![witness.cosign(text, 5)]);
    let refused = |change: &dyn Fn(&mut Evidence)| {
        let mut file = good.clone();
        change(&mut file);
        verified(&file).unwrap_err()
    };
    let consistency = Unproven::Consistency { old: 280, new: 300 };
    assert_eq!(
        refused(&|file| file.anchors[1].consistency.truncate(0)),
        consistency
    );
    let form = |error| matches!(error, Unproven::Form(_));
    assert!(form(refused(&|file| file.anchors.reverse())));
    assert!(form(refused(&|file| file.anchors[0].cosignatures.clear())));
    assert!(form(refused(
        &|file| file.anchors[0].timestamp = Some("AA".to_owned())
    )));
    assert!(
        form(refused(&|file| file.anchors.clear())),
        "the form says that there are some"
    );
}

#[test]
fn what_is_asked_of_a_witness_is_written_as_its_protocol_says() {
    let (growth, tiles) = grown((1..=300).map(|position| entry(position).hash()));
    let note = Note::sign(checkpoint(&growth, None).to_string(), &[&key(2)]);
    let proof = tiles.path(&Span::consistency(200, 300)).unwrap();
    let asked = submission(200, &proof, &note);
    let (head, rest) = asked.split_once("\n\n").unwrap();
    let lines: Vec<&str> = head.lines().collect();
    assert_eq!((lines[0], lines.len()), ("old 200", 1 + proof.len()));
    assert_eq!(rest, note.to_string());
    assert!(submission(0, &[], &note).starts_with("old 0\n\ncfa-gateway/"));
}
