//! Those who vouch for a log beside its own keys: whom to ask and when, what is kept, what was changed by hand.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::id::TenantId;
use domain::proof::{
    Authorities, Conflict, Cosignature, Evidence, Query, Stamp, WitnessKey, is_consistent,
};
use store::proofs::{self, Due, Grown, Party, Place, Shown};
use store::{NewEvent, Store, events};

use crate::harness::{Database, at, contract, now, on_both};

/// An answer of an authority to a query of another note, and who is trusted.
const ANSWER: &[u8] = include_bytes!("../../../domain/src/proof/timestamp/testdata/elliptic.der");
const NOTE: &[u8] = include_bytes!("../../../domain/src/proof/timestamp/testdata/note");
const ROOT: &[u8] = include_bytes!("../../../domain/src/proof/timestamp/testdata/root.pem");

fn trusted() -> Authorities {
    Authorities::from_pem(ROOT).unwrap()
}

/// A token that dates another content, and what it says.
fn token() -> (Vec<u8>, Stamp) {
    Query::new(NOTE, *b"ABCDEFGH")
        .read(ANSWER, &trusted())
        .unwrap()
}

struct Witness(Ed25519KeyPair);

impl Witness {
    fn new(seed: u8) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap())
    }

    fn key(&self) -> WitnessKey {
        let public = self.0.public_key().as_ref().try_into().unwrap();
        WitnessKey::new("temoin.example", public).unwrap()
    }

    fn party(&self) -> Party {
        Party::Witness(self.key())
    }

    fn cosign(&self, text: &str) -> Cosignature {
        let message = format!("cosignature/v1\ntime 1790000000\n{text}");
        let named = [b"temoin.example\n\x04", self.0.public_key().as_ref()].concat();
        let id = digest(&SHA256, &named);
        let signature = self.0.sign(message.as_bytes());
        let line = [
            &id.as_ref()[..4],
            &1_790_000_000_u64.to_be_bytes(),
            signature.as_ref(),
        ]
        .concat();
        format!("\u{2014} temoin.example {}", STANDARD.encode(line))
            .parse()
            .unwrap()
    }

    /// Cosigns the last checkpoint, and has it kept.
    async fn vouches(&self, store: &Store, tenant: TenantId) -> u64 {
        let shown = store.submission(tenant, 0).await.unwrap().unwrap();
        let line = self.cosign(&shown.note.text);
        let mut tx = store.writing().await.unwrap();
        let of = (tenant, shown.said.size);
        proofs::keep_cosignature(&mut tx, of, &self.key(), &line, at(100))
            .await
            .unwrap();
        tx.commit().await.unwrap();
        shown.said.size
    }
}

/// Adds events, and a checkpoint over all.
async fn grow(store: &Store, tenant: TenantId, count: usize) {
    let mut tx = store.writing().await.unwrap();
    let told = (0..count).map(|_| NewEvent::new(now(), "test.told"));
    events::append(&mut tx, tenant, &told.collect::<Vec<_>>());
    tx.commit().await.unwrap();
    while store.grow_log(tenant, at(9), 1_000).await.unwrap() != Grown::Nothing {}
}

async fn due(store: &Store, party: &Party, now: i64) -> Vec<Due> {
    let mut tx = store.reading().await.unwrap();
    proofs::due(&mut tx, party, at(now), 10).await.unwrap()
}

async fn findings(db: &Database, tenant: TenantId) -> Vec<Place> {
    let vouched = db.store.audit_vouched(tenant, None).await.unwrap();
    vouched.findings.iter().map(|one| one.place).collect()
}

async fn evidence(db: &Database, tenant: TenantId, delivery: domain::DeliveryId) -> Evidence {
    let keys = db.store.published_keys(tenant, now()).await.unwrap();
    let Shown::File(file) = db
        .store
        .evidence(tenant, delivery, true, at(10))
        .await
        .unwrap()
    else {
        panic!("no evidence")
    };
    let verified = Evidence::verify(file.as_bytes(), &[keys[0].verifier.clone()]);
    verified.unwrap().evidence
}

on_both! {
    async fn a_log_that_grew_is_shown_to_each_party_at_its_own_pace(db) {
        let (tenant, witness) = (db.network().await, Witness::new(1));
        assert_eq!(due(&db.store, &witness.party(), 0).await, []);
        grow(&db.store, tenant, 300).await;
        let new = Due { tenant, sealed: 300, vouched: 0, failures: 0 };
        assert_eq!(due(&db.store, &witness.party(), 0).await, [new]);
        assert_eq!(witness.vouches(&db.store, tenant).await, 300);
        assert_eq!(due(&db.store, &witness.party(), 1_000).await, []);
        grow(&db.store, tenant, 50).await;
        assert_eq!(due(&db.store, &witness.party(), 99).await, [], "not before its time");
        let more = Due { tenant, sealed: 350, vouched: 300, failures: 0 };
        assert_eq!(due(&db.store, &witness.party(), 100).await, [more]);
        assert_eq!(due(&db.store, &Party::Authority, 0).await[0].vouched, 0);
        // One that fails is left alone, and keeps what it vouched for.
        let mut tx = db.store.writing().await.unwrap();
        proofs::put_off(&mut tx, tenant, &witness.party(), 3, at(500)).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(due(&db.store, &witness.party(), 499).await, []);
        let failed = Due { failures: 3, ..more };
        assert_eq!(due(&db.store, &witness.party(), 500).await, [failed]);
        let mut tx = db.store.reading().await.unwrap();
        let since = proofs::waits_since(&mut tx, &witness.party()).await.unwrap();
        assert_eq!(since, Some(at(9)));
    }

    async fn a_proof_leads_from_what_was_seen_to_what_there_is(db) {
        let tenant = db.network().await;
        assert_eq!(db.store.submission(tenant, 0).await.unwrap(), None);
        grow(&db.store, tenant, 300).await;
        let early = db.store.submission(tenant, 0).await.unwrap().unwrap();
        assert_eq!(early.proof, Some(vec![]));
        grow(&db.store, tenant, 300).await;
        let late = db.store.submission(tenant, 300).await.unwrap().unwrap();
        let proof = late.proof.unwrap();
        let (old, new) = ((300, &early.said.root), (600, &late.said.root));
        assert!(is_consistent(old, new, &proof));
        let all = db.store.submission(tenant, 600).await.unwrap().unwrap();
        assert_eq!(all.proof, Some(vec![]));
        let beyond = db.store.submission(tenant, 601).await.unwrap().unwrap();
        assert_eq!(beyond.proof, None, "nothing leads back");
    }

    async fn a_conflict_stays_until_a_person_has_looked(db) {
        let (tenant, witness) = (db.network().await, Witness::new(1));
        let other = db.network().await;
        grow(&db.store, tenant, 3).await;
        witness.vouches(&db.store, tenant).await;
        grow(&db.store, tenant, 3).await;
        let mut tx = db.store.writing().await.unwrap();
        let (party, said) = (witness.party(), Conflict::Ahead(9));
        assert!(proofs::conflict(&mut tx, tenant, &party, said, at(5)).await.unwrap());
        let again = proofs::conflict(&mut tx, tenant, &party, Conflict::Fork(1), at(6)).await;
        assert!(!again.unwrap(), "the first one is kept");
        let standing = proofs::standings(&mut tx, Some(tenant)).await.unwrap().remove(0);
        assert_eq!(standing.conflict, Some((said, at(5))));
        tx.commit().await.unwrap();
        assert_eq!(due(&db.store, &party, 1_000_000).await, []);
        let mut tx = db.store.writing().await.unwrap();
        assert!(!proofs::looked_at(&mut tx, other, &party).await.unwrap());
        assert!(proofs::looked_at(&mut tx, tenant, &party).await.unwrap());
        assert!(!proofs::looked_at(&mut tx, tenant, &party).await.unwrap());
        tx.commit().await.unwrap();
        let anew = Due { tenant, sealed: 6, vouched: 0, failures: 0 };
        assert_eq!(due(&db.store, &party, 5).await, [anew], "it says itself where it stands");
    }

    async fn evidence_takes_along_the_first_checkpoint_that_has_all_of_it(db) {
        let (tenant, witness) = (db.network().await, Witness::new(1));
        let keys = db.store.keys(tenant).await.unwrap();
        grow(&db.store, tenant, 10).await;
        witness.vouches(&db.store, tenant).await;
        let new = contract(&keys, now());
        db.store.accept(std::slice::from_ref(&new)).await.unwrap();
        grow(&db.store, tenant, 0).await;
        let sizes = async || {
            let file = evidence(db, tenant, new.id).await;
            let anchors = file.anchors.iter();
            let size = |note: &str| note.lines().nth(1).unwrap().parse::<u64>().unwrap();
            anchors.map(|one| size(&one.checkpoint)).collect::<Vec<_>>()
        };
        assert_eq!(sizes().await, [10], "before it was handed in: better than nothing");
        let first = witness.vouches(&db.store, tenant).await;
        for _ in 0..2 {
            grow(&db.store, tenant, 20).await;
            witness.vouches(&db.store, tenant).await;
        }
        assert_eq!(sizes().await, [first]);
        // Another network takes nothing of it along.
        let other = db.network().await;
        let nothing = db.store.evidence(other, new.id, true, at(10)).await.unwrap();
        assert_eq!(nothing, Shown::Nothing);
    }

    async fn what_was_said_and_is_changed_by_hand_is_found_and_not_handed_out(db) {
        let (tenant, witness) = (db.network().await, Witness::new(1));
        let keys = db.store.keys(tenant).await.unwrap();
        let new = contract(&keys, now());
        db.store.accept(std::slice::from_ref(&new)).await.unwrap();
        grow(&db.store, tenant, 5).await;
        let size = witness.vouches(&db.store, tenant).await;
        assert_eq!(findings(db, tenant).await, []);
        assert_eq!(evidence(db, tenant, new.id).await.anchors.len(), 1);
        let place = i64::try_from(size).unwrap();
        // A token of something else, put where one of this checkpoint would be.
        let (token, stamp) = token();
        let mut tx = db.store.writing().await.unwrap();
        proofs::keep_timestamp(&mut tx, (tenant, size), &token, &stamp, at(50)).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(findings(db, tenant).await, [Place::TimestampForged(place)]);
        let strict = db.store.audit_vouched(tenant, Some(&trusted())).await.unwrap();
        assert_eq!((strict.cosignatures, strict.timestamps), (1, 0));
        let line = Witness::new(2).cosign("another\n");
        db.script(format!("update proof_cosignature set line = '{line}'")).await;
        let both = [Place::CosignatureForged(place), Place::TimestampForged(place)];
        assert_eq!(findings(db, tenant).await, both);
        assert_eq!(evidence(db, tenant, new.id).await.anchors, []);
    }
}
