//! Published vectors, proofs of all sizes, and that nothing altered passes.

mod anchors;
mod by_hand;

use proptest::prelude::*;

use super::*;
use crate::clock::Timestamp;
use crate::id::{DeliveryId, EventId};

/// The eight leaves of the vectors that Certificate Transparency's implementations share.
const LEAVES: [&str; 8] = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
];
/// The roots of their first 0, 1, … 8.
const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];
/// Inclusion proofs: leaf, size, path.
const INCLUSIONS: [(u64, u64, &[&str]); 4] = [
    (
        0,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        &[
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        0,
        7,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "837dbb152e9b079010717e84e865da4ebc0fa198a806d59d31bf15accef22d0e",
        ],
    ),
    (
        6,
        7,
        &[
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
];
/// Consistency proofs: old size, new size, path.
const CONSISTENCIES: [(u64, u64, &[&str]); 6] = [
    (1, 1, &[]),
    (
        1,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        &[
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        5,
        &[
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
    (
        3,
        7,
        &[
            "0298d122906dcfc10892cb53a73992fc5b9f493ea4c9badb27b791b4127a7fe7",
            "07506a85fd9dd2f120eb694f86011e5bb4662e5c415a62917033d4a9624487e7",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "837dbb152e9b079010717e84e865da4ebc0fa198a806d59d31bf15accef22d0e",
        ],
    ),
    (
        4,
        7,
        &["837dbb152e9b079010717e84e865da4ebc0fa198a806d59d31bf15accef22d0e"],
    ),
];

fn hashes(texts: &[&str]) -> Vec<Hash> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn bytes(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// Keeps every tile of a tree that grows, as the store does.
fn grown(leaves: impl Iterator<Item = Hash>) -> (Growth, Tiles) {
    let mut tiles = Tiles::default();
    let mut growth = Growth::new(0, &tiles).unwrap();
    for leaf in leaves {
        growth.push(leaf);
    }
    for (id, full) in growth.take_full() {
        tiles.put(id, full);
    }
    for (id, part) in growth.edge() {
        tiles.put(id, part.to_vec());
    }
    (growth, tiles)
}

/// The root as RFC 9162 §2.1.1 defines it.
fn defined(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::of_nothing(),
        [one] => *one,
        many => {
            let mut k = 1;
            while k * 2 < many.len() {
                k *= 2;
            }
            Hash::of_node(&defined(&many[..k]), &defined(&many[k..]))
        }
    }
}

fn leaf(number: u64) -> Hash {
    Hash::of_leaf(&number.to_be_bytes())
}

#[test]
fn roots_and_proofs_are_those_of_the_published_vectors() {
    let leaves: Vec<Hash> = LEAVES
        .iter()
        .map(|leaf| Hash::of_leaf(&bytes(leaf)))
        .collect();
    for (size, root) in ROOTS.iter().enumerate() {
        let (growth, _) = grown(leaves[..size].iter().copied());
        assert_eq!(growth.root().to_string(), *root, "{size}");
    }
    for (index, size, path) in INCLUSIONS {
        let at = usize::try_from(size).unwrap();
        let (growth, tiles) = grown(leaves[..at].iter().copied());
        let made = tiles.path(&Span::inclusion(index, size)).unwrap();
        assert_eq!(made, hashes(path), "{index} of {size}");
        let leaf = leaves[usize::try_from(index).unwrap()];
        assert!(is_included(&leaf, index, size, &made, &growth.root()));
    }
    for (old, new, path) in CONSISTENCIES {
        let at = |size: u64| grown(leaves[..usize::try_from(size).unwrap()].iter().copied());
        let ((before, _), (after, tiles)) = (at(old), at(new));
        let made = tiles.path(&Span::consistency(old, new)).unwrap();
        assert_eq!(made, hashes(path), "{old} to {new}");
        assert!(is_consistent(
            (old, &before.root()),
            (new, &after.root()),
            &made
        ));
    }
}

#[test]
fn every_proof_between_trees_of_few_leaves_holds_and_no_other_does() {
    const MOST: u64 = 34;
    let trees: Vec<_> = (0..=MOST).map(|size| grown((0..size).map(leaf))).collect();
    let at = |size: u64| &trees[usize::try_from(size).unwrap()];
    for size in 1..=MOST {
        let (growth, tiles) = at(size);
        for index in 0..size {
            let path = tiles.path(&Span::inclusion(index, size)).unwrap();
            let root = growth.root();
            for other in 0..=size {
                let holds = is_included(&leaf(index), other, size, &path, &root);
                assert_eq!(holds, other == index, "{index} at {other} of {size}");
            }
            assert!(!is_included(&leaf(index + 1), index, size, &path, &root));
            let longer = [path.clone(), vec![root]].concat();
            assert!(!is_included(&leaf(index), index, size, &longer, &root));
        }
        for old in 0..size {
            let path = tiles.path(&Span::consistency(old, size)).unwrap();
            let (before, after) = (at(old).0.root(), growth.root());
            assert!(
                is_consistent((old, &before), (size, &after), &path),
                "{old} to {size}"
            );
            assert!(!is_consistent((old, &after), (size, &after), &path));
            assert!(old == 0 || !is_consistent((old, &before), (size, &before), &path));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_tree_that_grows_in_steps_is_the_tree_that_is_defined(
        first in 0_u64..700, more in 1_u64..70_000, at in any::<prop::sample::Index>(),
    ) {
        let size = first + more;
        let (before, tiles) = grown((0..first).map(leaf));
        let mut growth = Growth::new(first, &tiles).unwrap();
        prop_assert_eq!(growth.root(), before.root());
        (first..size).for_each(|number| growth.push(leaf(number)));
        let leaves: Vec<Hash> = (0..size).map(leaf).collect();
        prop_assert_eq!(growth.root(), defined(&leaves));
        let (whole, tiles) = grown(leaves.iter().copied());
        prop_assert_eq!(whole.root(), growth.root());
        let index = u64::try_from(at.index(leaves.len())).unwrap();
        let spans = Span::inclusion(index, size);
        prop_assert!(Tiles::needed(&spans).len() <= 6);
        let path = tiles.path(&spans).unwrap();
        prop_assert!(is_included(&leaf(index), index, size, &path, &whole.root()));
        let path = tiles.path(&Span::consistency(first, size)).unwrap();
        prop_assert!(is_consistent((first, &before.root()), (size, &whole.root()), &path));
    }
}

const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const SEED: &str = "YEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";

/// The example of the reference implementation of signed notes.
#[test]
fn a_note_is_signed_as_the_reference_shows() {
    let text = "If you think cryptography is the answer to your problem,\n\
                then you don't know what your problem is.\n";
    let line = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
    let kinded = hash::strict_base64(&format!("A{SEED}")).unwrap();
    let (_, seed) = kinded.split_first_chunk::<1>().unwrap();
    let key = SignerKey::from_seed("PeterNeumann", seed.try_into().unwrap()).unwrap();
    assert_eq!(key.verifier().to_string(), PETER);
    let note = Note::sign(text.to_owned(), &[&key]);
    assert_eq!(note.to_string(), format!("{text}\n{line}"));
    let read: Note = note.to_string().parse().unwrap();
    assert!(read.is_signed_by(&PETER.parse().unwrap()));
    let altered: Note = note.to_string().replace("your", "our").parse().unwrap();
    assert!(!altered.is_signed_by(&PETER.parse().unwrap()));
}

#[test]
fn a_verifier_key_with_one_byte_changed_is_none() {
    for at in 0..PETER.len() {
        let mut bytes = PETER.as_bytes().to_vec();
        bytes[at] ^= 1;
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.parse::<VerifierKey>().is_err(), "{text}");
    }
}

fn key(seed: u8) -> SignerKey {
    SignerKey::from_seed(&origin(network()), &[seed; 32]).unwrap()
}

fn network() -> TenantId {
    "01900000-0000-7000-8000-000000000001".parse().unwrap()
}

fn delivery() -> DeliveryId {
    "01900000-0000-7000-8000-000000000002".parse().unwrap()
}

fn entry(position: u64) -> Entry {
    let event: EventId = "01900000-0000-7000-8000-000000000003".parse().unwrap();
    Entry {
        network: network(),
        position,
        event,
        at_ms: 1_790_000_000_000,
        kind: "delivery.accepted".to_owned(),
        delivery: Some(delivery()),
        dossier: None,
        actor: "credential:é".to_owned(),
        data: "{\"opco\":\"akto\"}".to_owned(),
        content_hash: Some(evidence::salted(&[9; 32], b"a contract")),
        answer_hash: None,
    }
}

#[test]
fn a_leaf_is_written_as_the_manual_shows() {
    let shown = "cfa-gateway/event/1\n\
        36:01900000-0000-7000-8000-000000000001,2:12,36:01900000-0000-7000-8000-000000000003,\
        13:1790000000000,17:delivery.accepted,36:01900000-0000-7000-8000-000000000002,-,\
        13:credential:é,15:{\"opco\":\"akto\"},64:8869ddd556e73e84e803bf33c1c468dc9f3c7a6530d78e20b1a37e7c4d21a140,-,";
    assert_eq!(String::from_utf8(entry(12).leaf()).unwrap(), shown);
    assert_eq!(
        entry(12).hash().to_string(),
        "cedaddd4bc479531486b24c12c3f7298c9454943bb5237219dc5d0974dd5e591"
    );
}

#[test]
fn no_two_entries_have_the_same_leaf() {
    let one = Entry {
        kind: "a".to_owned(),
        actor: "1:b".to_owned(),
        ..entry(1)
    };
    let two = Entry {
        kind: "a,1:".to_owned(),
        actor: "b".to_owned(),
        ..entry(1)
    };
    assert_ne!(one.leaf(), two.leaf());
    let absent = Entry {
        content_hash: None,
        ..entry(1)
    };
    assert_ne!(absent.hash(), entry(1).hash());
}

fn checkpoint(growth: &Growth, next_key: Option<VerifierKey>) -> Checkpoint {
    Checkpoint {
        origin: origin(network()),
        size: growth.size(),
        root: growth.root(),
        previous: growth.size() / 2,
        date: "2026-09-01T08:00:00.123Z".parse::<Timestamp>().unwrap(),
        next_key,
    }
}

/// A log of 300 events, the key changed after 260, and the evidence of the delivery of two of them.
fn evidence() -> Evidence {
    let (old, new) = (key(1), key(2));
    let leaves = (1..=300).map(|position| entry(position).hash());
    let (early, _) = grown(leaves.clone().take(260));
    let (late, tiles) = grown(leaves);
    let turned = checkpoint(&early, Some(new.verifier()));
    let rotation = Rotation {
        checkpoint: Note::sign(turned.to_string(), &[&old, &new]).to_string(),
        consistency: tiles.path(&Span::consistency(260, 300)).unwrap(),
    };
    let proven = [7, 257].map(|position| Proven {
        entry: entry(position),
        proof: tiles.path(&Span::inclusion(position - 1, 300)).unwrap(),
    });
    let note = Note::sign(checkpoint(&late, None).to_string(), &[&new]);
    Evidence::new(
        delivery(),
        (network(), 1_790_000_000_000),
        proven.to_vec(),
        Some([9; 32]),
        (vec![rotation], &note),
        new.verifier(),
    )
}

#[test]
fn an_evidence_file_holds_under_its_key_and_under_the_one_before() {
    let file = evidence().write(&key(2));
    for (trusted, anchored) in [
        (vec![], false),
        (vec![key(2).verifier()], true),
        (vec![key(1).verifier()], true),
        (vec![key(3).verifier(), key(1).verifier()], true),
    ] {
        let verified = Evidence::verify(file.as_bytes(), &trusted).unwrap();
        assert_eq!(verified.anchored, anchored);
        assert_eq!(verified.evidence, evidence());
        assert_eq!(verified.checkpoint.size, 300);
    }
    let stranger = Evidence::verify(file.as_bytes(), &[key(3).verifier()]);
    assert_eq!(stranger, Err(Unproven::Stranger(key(2).verifier())));
}

#[test]
fn whoever_holds_the_content_finds_it_in_the_file() {
    let with_salt = evidence();
    assert_eq!(with_salt.positions_of(b"a contract"), [7, 257]);
    assert!(with_salt.positions_of(b"another").is_empty());
    let mut answered = evidence();
    let hash = |content| Some(salted(&[9; 32], &Hash::of_content(content).0));
    answered.events[0].entry.answer_hash = hash(b"an answer");
    answered.events[1].entry.data =
        format!("{{\"file\":{{\"hash\":\"{}\"}}}}", hash(b"a file").unwrap());
    assert_eq!(answered.positions_of(b"an answer"), [7]);
    assert_eq!(answered.positions_of(b"a file"), [257]);
    let without = Evidence {
        salt: None,
        ..evidence()
    };
    assert!(without.positions_of(b"a contract").is_empty());
}

#[test]
fn a_file_with_any_byte_changed_is_refused() {
    let file = evidence().write(&key(2)).into_bytes();
    let trusted = [key(1).verifier(), key(2).verifier()];
    for at in 0..file.len() {
        let mut altered = file.clone();
        altered[at] ^= 1 << (at % 8);
        assert!(Evidence::verify(&altered, &trusted).is_err(), "byte {at}");
    }
    let cut = &file[..file.len() - 1];
    assert!(Evidence::verify(cut, &trusted).is_err());
    let longer = [file.as_slice(), b"\n"].concat();
    assert!(Evidence::verify(&longer, &trusted).is_err());
}

/// Whoever has the signer's key can sign any file, but not put an event into a tree that was signed before.
#[test]
fn what_the_tree_does_not_hold_is_refused_whoever_signs_the_file() {
    let refused = |alter: &dyn Fn(&mut Evidence)| {
        let mut altered = evidence();
        alter(&mut altered);
        let trusted = [key(1).verifier(), key(2).verifier()];
        Evidence::verify(altered.write(&key(2)).as_bytes(), &trusted).unwrap_err()
    };
    let edited = refused(&|file| file.events[0].entry.data.push(' '));
    assert_eq!(edited, Unproven::Inclusion(7));
    let moved = refused(&|file| file.events[1].entry.position += 1);
    assert_eq!(moved, Unproven::Inclusion(258));
    let shortened = refused(&|file| file.events[0].proof.truncate(3));
    assert_eq!(shortened, Unproven::Inclusion(7));
    let swapped = refused(&|file| file.events.swap(0, 1));
    assert!(matches!(swapped, Unproven::Form(_)));
    let emptied = refused(&|file| file.events.clear());
    assert!(matches!(emptied, Unproven::Form(_)));
    let fork = Unproven::Consistency { old: 260, new: 300 };
    assert_eq!(
        refused(&|file| file.rotations[0].consistency[0].0[0] ^= 1),
        fork
    );
    let root = refused(&|file| file.checkpoint = file.checkpoint.replacen("300\n", "301\n", 1));
    assert_eq!(root, Unproven::Checkpoint(301));
    let dated = refused(&|file| file.checkpoint = file.checkpoint.replacen(".123Z", ".124Z", 1));
    assert_eq!(dated, Unproven::Checkpoint(300));
    let foreign =
        refused(&|file| file.network = "01900000-0000-7000-8000-00000000000f".parse().unwrap());
    assert!(matches!(foreign, Unproven::Form(_)));
}

/// A rotation hands trust on only when the trusted key itself signed it.
#[test]
fn a_rotation_that_the_old_key_did_not_sign_hands_nothing_on() {
    let mut altered = evidence();
    let note: Note = altered.rotations[0].checkpoint.parse().unwrap();
    altered.rotations[0].checkpoint = Note::sign(note.text, &[&key(3), &key(2)]).to_string();
    let file = altered.write(&key(2));
    let refused = Evidence::verify(file.as_bytes(), &[key(1).verifier()]);
    assert_eq!(refused, Err(Unproven::Stranger(key(2).verifier())));
}

#[test]
fn a_checkpoint_has_one_form_only() {
    let (growth, _) = grown((0..5).map(leaf));
    let text = checkpoint(&growth, Some(key(2).verifier())).to_string();
    assert_eq!(text.parse::<Checkpoint>().unwrap().to_string(), text);
    for altered in [
        text.replacen("\n5\n", "\n05\n", 1),
        text.replacen("\n5\n", "\n+5\n", 1),
        text.replacen(".123Z", ".1230Z", 1),
        format!("{text}more\n"),
        text.trim_end().to_owned(),
    ] {
        assert!(altered.parse::<Checkpoint>().is_err(), "{altered}");
    }
}
