//! The proof of a log: what is sealed can be shown, what is changed by hand is found and located.

use domain::id::TenantId;
use domain::proof::{Checkpoint, Evidence, Note, TileId};
use store::proofs::{self, Finding, Grown, Place, ProofError, Shown};
use store::{NewEvent, Store, events, retention};

use crate::harness::{Database, at, contract, now, on_both};

/// Appends events that concern no delivery.
async fn append(store: &Store, tenant: TenantId, count: usize) {
    let mut tx = store.writing().await.unwrap();
    let told = (0..count).map(|_| NewEvent::new(now(), "test.told"));
    events::append(&mut tx, tenant, &told.collect::<Vec<_>>());
    tx.commit().await.unwrap();
}

/// Seals everything there is, in steps of this many.
async fn seal(store: &Store, tenant: TenantId, step: u32) {
    while store.grow_log(tenant, at(9), step).await.unwrap() != Grown::Nothing {}
}

async fn findings(db: &Database, tenant: TenantId) -> Vec<Place> {
    let audited = db.store.audit_log(tenant, &[]).await.unwrap();
    let place = |finding: Finding| {
        assert_eq!(finding.tenant, tenant);
        finding.place
    };
    audited.findings.into_iter().map(place).collect()
}

async fn last(store: &Store, tenant: TenantId) -> Checkpoint {
    let mut tx = store.reading().await.unwrap();
    let note = proofs::last_checkpoint(&mut tx, tenant)
        .await
        .unwrap()
        .unwrap();
    note.parse::<Note>().unwrap().text.parse().unwrap()
}

async fn file(store: &Store, tenant: TenantId, delivery: domain::id::DeliveryId) -> String {
    match store
        .evidence(tenant, delivery, true, at(10))
        .await
        .unwrap()
    {
        Shown::File(file) => file,
        other => panic!("{other:?}"),
    }
}

/// A log of 600 events in four checkpoints: three tiles of leaves, the last of them begun.
async fn sealed(db: &Database) -> TenantId {
    let tenant = db.network().await;
    append(&db.store, tenant, 600).await;
    seal(&db.store, tenant, 150).await;
    assert_eq!(findings(db, tenant).await, []);
    tenant
}

const ABOVE: TileId = TileId { level: 1, index: 0 };

/// What is done by hand, and what must be told of it. Each begins from a log of its own.
const TAMPERINGS: &[(&str, &[&str], &[Place])] = &[
    (
        "an edited event",
        &["update event set data = '{\"a\":1}' where position = 7"],
        &[Place::EventAltered(7)],
    ),
    (
        "an edited instant",
        &["update event set at = at + 1 where position = 599"],
        &[Place::EventAltered(599)],
    ),
    (
        "a hash put where there was none",
        &["update event set content_hash = (select public_key from proof_key) where position = 300"],
        &[Place::EventAltered(300)],
    ),
    (
        "deleted events",
        &["delete from event where position between 151 and 300"],
        &[Place::EventsMissing { first: 151, last: 300 }],
    ),
    (
        "the end cut off",
        &["delete from event where position > 590"],
        &[
            Place::EventsMissing { first: 591, last: 600 },
        ],
    ),
    (
        "an event put at the end",
        &["insert into event (tenant_id, delivery_id, event_id, position, at, kind, actor, data)
            select tenant_id, delivery_id, event_id, 601, at, kind, actor, data from event where position = 5"],
        &[Place::EventInserted(601)],
    ),
    (
        "events that changed places",
        &[
            "update event set position = 0 where position = 10",
            "update event set position = 10 where position = 20",
            "update event set position = 20 where position = 0",
        ],
        &[Place::EventAltered(10), Place::EventAltered(20)],
    ),
    (
        "a count set back",
        &["update event_head set position = 599"],
        &[Place::Count { said: 599, found: 600 }],
    ),
    (
        "a size set back",
        &["update proof_head set size = 450"],
        &[Place::Size { said: 450, signed: 600 }],
    ),
    (
        "a tile of leaves edited",
        &["update proof_tile set hashes = (select b.hashes from proof_tile b where b.level = 0 and b.tile = 0)
            where level = 0 and tile = 1"],
        &[Place::TileAltered(TileId { level: 0, index: 1 })],
    ),
    (
        "a tile above edited",
        &["update proof_tile set hashes = (select b.hashes from proof_tile b where b.level = 0 and b.tile = 2)
            where level = 1"],
        &[Place::TileAltered(ABOVE)],
    ),
    (
        "a tile deleted",
        &["delete from proof_tile where level = 0 and tile = 2"],
        &[
            Place::TileMissing(TileId { level: 0, index: 2 }),
            Place::TileCount { expected: 4, found: 3 },
        ],
    ),
    (
        "a tile added",
        &["insert into proof_tile (tenant_id, level, tile, hashes)
            select tenant_id, 0, 9, hashes from proof_tile where level = 1"],
        &[Place::TileCount { expected: 4, found: 5 }],
    ),
    (
        "a checkpoint edited",
        &["update proof_checkpoint set note = replace(note, 'previous 150', 'previous 149') where size = 300"],
        &[Place::CheckpointForged(300), Place::CheckpointGap(450)],
    ),
    (
        "a checkpoint that is none",
        &["update proof_checkpoint set note = 'x' where size = 300"],
        &[Place::CheckpointAltered(300), Place::CheckpointGap(450)],
    ),
    (
        "a signature of another",
        &["update proof_checkpoint set note =
            (select b.note from proof_checkpoint b where b.size = 150) where size = 300"],
        &[Place::CheckpointAltered(300), Place::CheckpointGap(450)],
    ),
    (
        "a checkpoint deleted",
        &["delete from proof_checkpoint where size = 300"],
        &[Place::CheckpointGap(450)],
    ),
    (
        "the last checkpoint deleted",
        &["delete from proof_checkpoint where size = 600"],
        &[
            Place::Size { said: 600, signed: 450 },
            Place::Mark { said: Some(600), signed: 450 },
            Place::TileAltered(ABOVE),
            Place::TileCount { expected: 3, found: 4 },
        ],
    ),
    (
        "a key exchanged",
        &["update proof_key set public_key = sealed"],
        &[
            Place::KeyAltered(1),
            Place::CheckpointForged(150),
            Place::CheckpointForged(300),
            Place::CheckpointForged(450),
            Place::CheckpointForged(600),
            Place::Mark { said: Some(600), signed: 0 },
            Place::TileCount { expected: 0, found: 4 },
        ],
    ),
    (
        "a mark taken away",
        &["delete from proof_mark"],
        &[Place::Mark { said: None, signed: 600 }],
    ),
    (
        "a mark of another",
        &["update proof_mark set sealed = (select sealed from proof_key)"],
        &[Place::Mark { said: None, signed: 600 }],
    ),
    (
        "an event edited together with its leaf",
        &[
            "update event set actor = 'x' where position = 580",
            "update proof_tile set hashes = (select b.hashes from proof_tile b where b.level = 0 and b.tile = 1)
                where level = 0 and tile = 2",
        ],
        &[Place::Fork { first: 451, last: 600 }],
    ),
];

/// The tables that make up a log, as they are put back after each tampering.
const TABLES: [&str; 7] = [
    "event",
    "event_head",
    "proof_key",
    "proof_head",
    "proof_tile",
    "proof_checkpoint",
    "proof_mark",
];

/// Keeps a copy of a log.
async fn save(db: &Database) {
    let save = TABLES.map(|table| format!("create table saved_{table} as select * from {table};"));
    db.script(save.concat()).await;
}

/// Puts the copy back.
async fn restore(db: &Database) {
    let restore = TABLES.map(|table| {
        format!("delete from {table}; insert into {table} select * from saved_{table};")
    });
    db.script(restore.concat()).await;
}

on_both! {
    async fn what_is_changed_by_hand_is_found_and_located(db) {
        let tenant = sealed(db).await;
        save(db).await;
        for (what, statements, expected) in TAMPERINGS {
            db.script(statements.join(";")).await;
            assert_eq!(findings(db, tenant).await, *expected, "{what}");
            restore(db).await;
        }
        assert_eq!(findings(db, tenant).await, []);
    }

    async fn a_row_that_is_none_of_ours_any_more_is_located(db) {
        let tenant = sealed(db).await;
        // Neither is what PostgreSQL would take for an identifier or a hash.
        let id = if db.directory().is_some() { "delivery_id = x'00'" } else { "kind = ''" };
        db.script(format!("update event set {id} where position in (5, 400);
            update event set answer_hash = (select sealed from proof_key) where position = 6")).await;
        let expected = [5, 6, 400].map(Place::EventAltered);
        assert_eq!(findings(db, tenant).await, expected);
    }

    async fn a_checkpoint_signed_by_a_stranger_is_found(db) {
        let tenant = sealed(db).await;
        let name = domain::proof::origin(tenant);
        let stranger = domain::proof::SignerKey::from_seed(&name, &[1; 32]).unwrap();
        let forged = Note::sign(last(&db.store, tenant).await.to_string(), &[&stranger]);
        db.script(format!("update proof_checkpoint set note = '{forged}' where size = 600")).await;
        let found = findings(db, tenant).await;
        assert_eq!(found[0], Place::CheckpointForged(600));
    }

    async fn a_proof_made_anew_over_other_events_is_neither_believed_nor_signed(db) {
        let tenant = sealed(db).await;
        db.script("update event set actor = 'x' where position = 7; delete from proof_head;
            delete from proof_tile; delete from proof_checkpoint".to_owned()).await;
        for (mark, said) in [("select 1", Some(600)), ("delete from proof_mark", None)] {
            db.script(mark.to_owned()).await;
            assert_eq!(findings(db, tenant).await, [Place::Mark { said, signed: 0 }]);
            let grown = db.store.grow_log(tenant, now(), 100).await;
            assert!(matches!(grown, Err(ProofError::Broken { .. })), "{grown:?}");
        }
    }

    async fn an_old_copy_put_back_is_found_by_a_checkpoint_kept_elsewhere(db) {
        let tenant = db.network().await;
        append(&db.store, tenant, 300).await;
        seal(&db.store, tenant, 150).await;
        save(db).await;
        append(&db.store, tenant, 300).await;
        seal(&db.store, tenant, 150).await;
        let kept = last(&db.store, tenant).await;
        let audited = db.store.audit_log(tenant, std::slice::from_ref(&kept)).await.unwrap();
        assert_eq!((audited.events, audited.checkpoints, audited.findings), (600, 4, vec![]));
        // Everything that is left agrees with itself.
        restore(db).await;
        assert_eq!(findings(db, tenant).await, []);
        let place = |audited: proofs::Audited| audited.findings.first().map(|found| found.place);
        let audited = db.store.audit_log(tenant, std::slice::from_ref(&kept)).await.unwrap();
        assert_eq!(place(audited), Some(Place::Truncated { signed: 600, found: 300 }));
        append(&db.store, tenant, 300).await;
        seal(&db.store, tenant, 150).await;
        let audited = db.store.audit_log(tenant, &[kept]).await.unwrap();
        assert_eq!(place(audited), Some(Place::Rewritten { signed: 600 }));
    }

    async fn a_proof_taken_away_whole_is_found_by_a_checkpoint_kept_elsewhere_alone(db) {
        const ALL: [&str; 5] = ["proof_key", "proof_mark", "proof_head", "proof_tile", "proof_checkpoint"];
        let tenant = sealed(db).await;
        let kept = last(&db.store, tenant).await;
        let places = async || {
            let audited = db.store.audit_log(tenant, std::slice::from_ref(&kept)).await.unwrap();
            audited.findings.iter().map(|found| found.place).collect::<Vec<_>>()
        };
        assert_eq!(places().await, []);
        let gone = ALL.map(|table| format!("delete from {table};")).concat();
        db.script(gone.clone()).await;
        // What is left is a log of which nothing was ever signed.
        assert_eq!(findings(db, tenant).await, []);
        assert_eq!(places().await, [Place::Unsigned { signed: 600, found: 0 }]);
        // Signed anew over the same events, it agrees with itself, and what was signed then is not there.
        seal(&db.store, tenant, 250).await;
        assert_eq!(findings(db, tenant).await, []);
        assert_eq!(places().await, [Place::CheckpointMissing(600)]);
        // Over other events, it is told so.
        db.script(format!("{gone} update event set actor = 'x' where position = 7")).await;
        seal(&db.store, tenant, 250).await;
        assert_eq!(findings(db, tenant).await, []);
        assert_eq!(places().await, [Place::Rewritten { signed: 600 }]);
    }

    async fn nothing_is_signed_over_what_was_changed(db) {
        let tenant = sealed(db).await;
        append(&db.store, tenant, 10).await;
        db.script("update proof_tile set hashes = (select b.hashes from proof_tile b
            where b.level = 0 and b.tile = 1) where level = 0 and tile = 2".to_owned()).await;
        let refused = db.store.grow_log(tenant, at(9), 100).await;
        assert!(matches!(refused, Err(ProofError::Broken { .. })), "{refused:?}");
        assert_eq!(last(&db.store, tenant).await.size, 600);
        let other = db.network().await;
        append(&db.store, other, 10).await;
        db.script("delete from event where position = 5".to_owned()).await;
        let gap = db.store.grow_log(other, at(9), 100).await;
        assert!(matches!(gap, Err(ProofError::Broken { .. })), "{gap:?}");
    }

    async fn two_that_seal_at_once_while_the_log_is_written_leave_one_tree(db) {
        let tenant = db.network().await;
        append(&db.store, tenant, 1).await;
        let writer = {
            let store = db.store.clone();
            tokio::spawn(async move {
                for _ in 0..12 {
                    append(&store, tenant, 25).await;
                }
            })
        };
        let mut sealers = Vec::new();
        for _ in 0..3 {
            let store = db.reopen().await;
            sealers.push(tokio::spawn(async move {
                let mut grown = 0;
                for _ in 0..30 {
                    if let Grown::By(by) = store.grow_log(tenant, at(9), 40).await.unwrap() {
                        grown += by;
                    }
                }
                store.close().await;
                grown
            }));
        }
        writer.await.unwrap();
        let mut grown = 0;
        for sealer in sealers {
            grown += sealer.await.unwrap();
        }
        let mut tx = db.store.reading().await.unwrap();
        assert_eq!(i64::try_from(grown).unwrap(), proofs::size(&mut tx, tenant).await.unwrap());
        drop(tx);
        seal(&db.store, tenant, 4_096).await;
        let audited = db.store.audit_log(tenant, &[]).await.unwrap();
        assert_eq!((audited.events, audited.unsealed, audited.findings), (301, 0, vec![]));
    }

    async fn a_step_that_is_cut_short_leaves_nothing_behind(db) {
        let tenant = sealed(db).await;
        append(&db.store, tenant, 300).await;
        // The last statement of the step fails: tiles and size written before it must go with it.
        db.script("insert into proof_checkpoint (tenant_id, size, note)
            select tenant_id, 900, 'x' from proof_head".to_owned()).await;
        db.store.grow_log(tenant, at(9), 300).await.unwrap_err();
        db.script("delete from proof_checkpoint where size = 900".to_owned()).await;
        assert_eq!(findings(db, tenant).await, []);
        assert_eq!(db.store.grow_log(tenant, at(9), 300).await.unwrap(), Grown::By(300));
        assert_eq!(findings(db, tenant).await, []);
    }

    async fn only_the_holder_of_the_lease_has_it_until_it_ends(db) {
        let tenant = db.network().await;
        let lease = async |holder: &'static str, now, until| {
            db.store.lease_log(tenant, holder, at(now), at(until)).await.unwrap()
        };
        assert!(lease("one", 0, 60).await);
        assert!(!lease("two", 59, 119).await);
        assert!(lease("one", 30, 90).await);
        assert!(lease("two", 90, 150).await);
        append(&db.store, tenant, 3).await;
        seal(&db.store, tenant, 10).await;
        assert!(!lease("one", 100, 200).await, "growing takes no lease away");
        let mut tx = db.store.reading().await.unwrap();
        assert_eq!(proofs::behind(&mut tx).await.unwrap(), []);
        drop(tx);
        append(&db.store, tenant, 2).await;
        let mut tx = db.store.reading().await.unwrap();
        let behind = proofs::behind(&mut tx).await.unwrap();
        assert_eq!(behind, [proofs::Behind { tenant, events: 5, sealed: 3 }]);
    }

    async fn the_evidence_of_a_delivery_verifies_and_says_nothing_once_it_is_shredded(db) {
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let new = contract(&keys, now());
        append(&db.store, tenant, 300).await;
        db.store.accept(std::slice::from_ref(&new)).await.unwrap();
        append(&db.store, tenant, 300).await;
        let unsealed = db.store.evidence(tenant, new.id, true, at(10)).await.unwrap();
        assert_eq!(unsealed, Shown::NotYet(301));
        seal(&db.store, tenant, 250).await;
        let file = file(&db.store, tenant, new.id).await;
        let trusted = db.store.published_keys(tenant, now()).await.unwrap();
        let trusted = [trusted[0].verifier.clone()];
        let verified = Evidence::verify(file.as_bytes(), &trusted).unwrap();
        assert!(verified.anchored);
        assert_eq!(verified.checkpoint.size, 601);
        let body = keys.open_payload(new.id, &new.sealed).unwrap().body;
        assert_eq!(verified.evidence.positions_of(&body), [301]);
        let without = db.store.evidence(tenant, new.id, false, at(10)).await.unwrap();
        assert!(matches!(without, Shown::File(file) if file.contains("\"salt\": null")));
        let mut tx = db.store.writing().await.unwrap();
        retention::shred_payload(&mut tx, tenant, new.id).await.unwrap();
        tx.commit().await.unwrap();
        let shredded = self::file(&db.store, tenant, new.id).await;
        let verified = Evidence::verify(shredded.as_bytes(), &trusted).unwrap();
        assert_eq!(verified.evidence.salt, None);
        // The log itself is whole, and another network has nothing to show.
        assert_eq!(findings(db, tenant).await, []);
        let other = db.network().await;
        let nothing = db.store.evidence(other, new.id, true, at(10)).await.unwrap();
        assert_eq!(nothing, Shown::Nothing);
    }

    async fn evidence_over_an_event_that_was_changed_is_not_handed_out(db) {
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let new = contract(&keys, now());
        db.store.accept(std::slice::from_ref(&new)).await.unwrap();
        seal(&db.store, tenant, 10).await;
        db.script("update event set data = '{}'".to_owned()).await;
        let refused = db.store.evidence(tenant, new.id, true, at(10)).await;
        assert!(matches!(refused, Err(ProofError::Broken { .. })), "{refused:?}");
    }

    async fn a_key_that_follows_another_is_vouched_for_by_it(db) {
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let new = contract(&keys, now());
        db.store.accept(std::slice::from_ref(&new)).await.unwrap();
        seal(&db.store, tenant, 10).await;
        let early = file(&db.store, tenant, new.id).await;
        for _ in 0..2 {
            let mut tx = db.store.writing().await.unwrap();
            assert!(proofs::rotate(&mut tx, &keys, at(20)).await.unwrap().is_some());
            tx.commit().await.unwrap();
            append(&db.store, tenant, 400).await;
            seal(&db.store, tenant, 150).await;
        }
        let published = db.store.published_keys(tenant, at(30)).await.unwrap();
        let keys: Vec<_> = published.into_iter().map(|key| key.verifier).collect();
        assert_eq!(keys.len(), 3);
        let late = file(&db.store, tenant, new.id).await;
        for key in &keys {
            let verified = Evidence::verify(late.as_bytes(), std::slice::from_ref(key));
            assert_eq!(verified.unwrap().evidence.rotations.len(), 2);
        }
        Evidence::verify(early.as_bytes(), &keys[..1]).unwrap();
        Evidence::verify(early.as_bytes(), &keys[1..]).unwrap_err();
        assert_eq!(findings(db, tenant).await, []);
        // Without the checkpoint of the handover, the new key is a stranger's.
        db.script("delete from proof_checkpoint where next_key = 2".to_owned()).await;
        let found = findings(db, tenant).await;
        assert!(found.iter().any(|place| matches!(place, Place::CheckpointKey(_))), "{found:?}");
    }
}
