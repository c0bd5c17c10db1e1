//! Dossiers that an OPCO lists and no delivery brought.

use std::time::Duration;

use domain::id::{DossierId, SnapshotId, TenantId};
use domain::orphan::Fate;
use domain::{Environment, Opco, Secret, Status};
use store::dossiers::{self, Unlisted};
use store::read_jobs::{self, ReadBudget, ReadKey, ReadResult};
use store::retention::{self, Cutoffs, Purged};
use store::strangers::{self, Batch, Filter, Prints, Reading, Said};
use store::{
    EtatSeen, NewDossier, NewEvent, ReadPlan, Standing, TenantKey, deliveries, invoices, privacy,
    schedules,
};

use crate::harness::{Database, afdas, at, contract, now, on_both, paired, site};

/// Who reads.
const OWNER: &str = "reader";

fn key(tenant: TenantId) -> ReadKey {
    ReadKey {
        tenant,
        siret_cfa: site(),
        instance: afdas(),
        environment: Environment::Live,
    }
}

fn line(numero: &str, etat: &str) -> EtatSeen {
    EtatSeen {
        numero_interne: numero.to_owned(),
        numero_externe: None,
        numero_deca: None,
        etat: Some(etat.to_owned()),
    }
}

async fn listed(db: &Database, tenant: TenantId, seen: &[EtatSeen], seconds: i64) -> u64 {
    let mut tx = db.store.writing().await.unwrap();
    let (key, at) = (key(tenant), at(seconds));
    let new = strangers::remember(&mut tx, &key, seen, at, at)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    new
}

async fn claimed(db: &Database, seconds: i64) -> Vec<Batch> {
    let budget = ReadBudget {
        instance: afdas(),
        environment: Environment::Live,
        limit: 10,
    };
    let (now, until) = (at(seconds), at(seconds + 60));
    let budgets = [budget];
    let claimed = db.store.claim_strangers(now, until, OWNER, &budgets);
    claimed.await.unwrap()
}

fn reading(keys: &TenantKey, id: DossierId, pairing: &str) -> Reading {
    let text = Secret::new("{\"nom\":\"CANARI\"}");
    let sealed = keys.seal_secret(id.as_bytes(), strangers::PART, &text);
    Reading {
        sealed: Some(sealed.unwrap()),
        prints: Prints {
            pairing: Some(keys.fingerprint("pairing", pairing)),
            ..Prints::default()
        },
        numero_externe: Some("E9".to_owned()),
        numero_deca: None,
    }
}

/// Reads everything that is due, and returns how many are told for the first time.
async fn read(db: &Database, tenant: TenantId, seconds: i64) -> usize {
    let keys = db.store.keys(tenant).await.unwrap();
    let mut told = 0;
    for batch in claimed(db, seconds).await {
        let mut tx = db.store.writing().await.unwrap();
        for job in &batch.jobs {
            let reading = reading(&keys, job.id, "durand");
            let found = strangers::found(
                &mut tx,
                batch.key.tenant,
                job.id,
                OWNER,
                &reading,
                at(seconds),
            );
            told += usize::from(found.await.unwrap());
        }
        tx.commit().await.unwrap();
    }
    told
}

fn filter(fate: Fate) -> Filter {
    Filter {
        environment: Environment::Live,
        opco: Some(Opco::Afdas),
        sites: Some(vec![site()]),
        fate,
        after: None,
    }
}

async fn list(db: &Database, tenant: TenantId, fate: Fate) -> Vec<strangers::Stranger> {
    let mut tx = db.store.reading().await.unwrap();
    let found = strangers::list(&mut tx, tenant, &filter(fate), 10).await;
    found.unwrap()
}

async fn settled(db: &Database, stranger: &strangers::Stranger, fate: Fate) -> bool {
    let said = Said {
        fate,
        by: "someone",
        reason: "essai",
        adopted_as: None,
    };
    let mut tx = db.store.writing().await.unwrap();
    let done = strangers::settle(&mut tx, stranger, &said, at(90))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    done
}

/// Ends the read that is due as one that read its list.
async fn listed_at(db: &Database, seconds: i64) {
    let budget = ReadBudget {
        instance: afdas(),
        environment: Environment::Live,
        limit: 10,
    };
    let (now, until) = (at(seconds), at(seconds + 60));
    let jobs = db.store.claim_reads(now, until, OWNER, &[budget]).await;
    let mut tx = db.store.writing().await.unwrap();
    for job in jobs.unwrap() {
        let result = ReadResult {
            word: "read",
            read: true,
            due_at: now,
            interval_ms: 1_000,
        };
        let settled = read_jobs::settle(&mut tx, &job, OWNER, result, now).await;
        settled.unwrap();
    }
    tx.commit().await.unwrap();
}

/// Brings a contract to the OPCO under a number.
async fn ours(db: &Database, tenant: TenantId, numero: &str) -> deliveries::Delivery {
    let keys = db.store.keys(tenant).await.unwrap();
    let new = contract(&keys, now());
    db.store.accept(std::slice::from_ref(&new)).await.unwrap();
    let mut tx = db.store.writing().await.unwrap();
    let found = deliveries::find_for_update(&mut tx, tenant, new.id).await;
    let mut delivery = found.unwrap().unwrap();
    delivery.standing = Standing::ended(Status::Delivered);
    delivery.receipt.numero_interne = Some(numero.to_owned());
    let event = NewEvent::new(at(1), "delivery.confirmed_sent").delivery(new.id);
    deliveries::update(&mut tx, &delivery, &event)
        .await
        .unwrap();
    let dossier = NewDossier {
        id: DossierId::new(at(1)),
        pairing: None,
        receipt: delivery.receipt.clone(),
    };
    assert_eq!(
        dossiers::open(&mut tx, &delivery, &dossier, at(1))
            .await
            .unwrap(),
        None
    );
    tx.commit().await.unwrap();
    delivery
}

on_both! {
    async fn a_stranger_is_remembered_read_and_told_once(db) {
        let tenant = db.network().await;
        ours(db, tenant, "1").await;
        let seen = [line("1", "ENGAGE"), line("9", "TRANSMIS")];
        assert_eq!(listed(db, tenant, &seen, 10).await, 1);
        assert_eq!(listed(db, tenant, &seen, 20).await, 0);
        assert!(list(db, tenant, Fate::Open).await.is_empty(), "not read yet");
        assert!(claimed(db, 5).await.is_empty(), "not due yet");
        assert_eq!(read(db, tenant, 30).await, 1);
        assert_eq!(read(db, tenant, 200).await, 0);
        // Neither an empty list nor one without it takes it away; a later one changes what it tells.
        assert_eq!(listed(db, tenant, &[], 40).await, 0);
        assert_eq!(listed(db, tenant, &seen[..1], 50).await, 0);
        listed(db, tenant, &[line("9", "ENGAGE")], 60).await;
        let found = list(db, tenant, Fate::Open).await;
        assert_eq!(found.len(), 1);
        let one = &found[0];
        assert_eq!((one.numero_interne.as_str(), one.etat_raw.as_deref()), ("9", Some("ENGAGE")));
        assert_eq!(one.numero_externe.as_deref(), Some("E9"));
        assert_eq!((one.first_seen_at, one.last_seen_at), (at(10), at(60)));
        let keys = db.store.keys(tenant).await.unwrap();
        let sealed = one.sealed.as_ref().unwrap();
        let text = keys.open_secret(one.id.as_bytes(), strangers::PART, sealed).unwrap();
        assert_eq!(text.expose(), "{\"nom\":\"CANARI\"}");
        let mut tx = db.store.reading().await.unwrap();
        assert_eq!(strangers::count_open(&mut tx).await.unwrap(), [(Opco::Afdas, 1)]);
    }

    async fn a_stranger_that_cannot_be_read_is_due_later_and_lost_by_its_old_reader(db) {
        let tenant = db.network().await;
        listed(db, tenant, &[line("9", "TRANSMIS")], 10).await;
        let batch = claimed(db, 20).await.remove(0);
        assert!(claimed(db, 30).await.is_empty(), "in another's hands");
        let mut tx = db.store.writing().await.unwrap();
        let id = batch.jobs[0].id;
        strangers::later(&mut tx, tenant, id, "another", at(500)).await.unwrap();
        strangers::later(&mut tx, tenant, id, OWNER, at(100)).await.unwrap();
        tx.commit().await.unwrap();
        assert!(claimed(db, 99).await.is_empty());
        assert_eq!(claimed(db, 100).await[0].jobs[0].failures, 1);
    }

    async fn what_becomes_of_a_stranger_is_said_once_and_by_its_network_alone(db) {
        let tenant = db.network().await;
        let other = db.network().await;
        listed(db, tenant, &[line("9", "TRANSMIS")], 10).await;
        read(db, tenant, 20).await;
        assert!(list(db, other, Fate::Open).await.is_empty());
        let one = list(db, tenant, Fate::Open).await.remove(0);
        let mut tx = db.store.reading().await.unwrap();
        assert!(strangers::find(&mut tx, other, one.id).await.unwrap().is_none());
        drop(tx);
        assert!(settled(db, &one, Fate::Ignored).await);
        assert!(!settled(db, &one, Fate::Adopted).await, "it is not open any more");
        let ignored = list(db, tenant, Fate::Ignored).await.remove(0);
        assert_eq!((ignored.fate_by.as_deref(), ignored.fate_reason.as_deref()), (Some("someone"), Some("essai")));
        assert!(settled(db, &ignored, Fate::Open).await);
        assert_eq!(list(db, tenant, Fate::Open).await.len(), 1);
    }

    async fn a_stranger_that_turns_out_to_be_ours_is_none(db) {
        let tenant = db.network().await;
        listed(db, tenant, &[line("9", "TRANSMIS")], 10).await;
        let batch = claimed(db, 20).await.remove(0);
        // The answer that tells its number comes while it is read.
        ours(db, tenant, "9").await;
        let keys = db.store.keys(tenant).await.unwrap();
        let mut tx = db.store.writing().await.unwrap();
        let id = batch.jobs[0].id;
        let reading = reading(&keys, id, "durand");
        assert!(!strangers::found(&mut tx, tenant, id, OWNER, &reading, at(21)).await.unwrap());
        tx.commit().await.unwrap();
        listed(db, tenant, &[line("9", "TRANSMIS")], 30).await;
        assert!(list(db, tenant, Fate::Open).await.is_empty());
        assert!(claimed(db, 500).await.is_empty());
    }

    async fn a_contract_on_its_way_is_known_by_its_pairing(db) {
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let print = keys.fingerprint("pairing", "durand");
        let in_flight = async || {
            let mut tx = db.store.reading().await.unwrap();
            strangers::in_flight(&mut tx, tenant, Environment::Live, print).await.unwrap()
        };
        db.store.accept(&[paired(&keys, now(), "durand")]).await.unwrap();
        assert!(!in_flight().await, "it is only queued");
        db.execute("update delivery set status = 'unknown'").await;
        assert!(in_flight().await);
        listed(db, tenant, &[line("9", "TRANSMIS")], 10).await;
        read(db, tenant, 20).await;
        let one = list(db, tenant, Fate::Open).await.remove(0);
        let mut tx = db.store.reading().await.unwrap();
        assert_eq!(strangers::candidates(&mut tx, &one).await.unwrap().len(), 1);
    }

    async fn an_adopted_stranger_is_a_dossier_and_is_tied_to_a_delivery_later(db) {
        let tenant = db.network().await;
        listed(db, tenant, &[line("9", "TRANSMIS")], 10).await;
        read(db, tenant, 20).await;
        let one = list(db, tenant, Fate::Open).await.remove(0);
        let mut tx = db.store.writing().await.unwrap();
        dossiers::adopt(&mut tx, &one, at(30)).await.unwrap();
        assert!(dossiers::adopt(&mut tx, &one, at(31)).await.is_err(), "once");
        tx.commit().await.unwrap();
        assert!(list(db, tenant, Fate::Open).await.is_empty(), "it is ours");
        let mut tx = db.store.writing().await.unwrap();
        let dossier = dossiers::find(&mut tx, tenant, one.id).await.unwrap().unwrap();
        assert_eq!((dossier.delivery, dossier.contract()), (None, one.id.into()));
        let by_name = dossiers::of_contract(&mut tx, tenant, dossier.contract()).await;
        assert_eq!(by_name.unwrap().unwrap().id, one.id);
        // Its state is followed like any other's.
        let (here, seen) = (site(), [line("9", "ENGAGE")]);
        let changed = dossiers::apply_states(
            &mut tx, tenant, &here, afdas(), Environment::Live, &seen, at(40),
        );
        let changed = changed.await.unwrap();
        assert_eq!((changed[0].delivery, changed[0].contract), (None, one.id.into()));
        assert!(invoices::of_contract(&mut tx, tenant, changed[0].contract).await.unwrap().is_empty());
        tx.commit().await.unwrap();
        let delivery = ours(db, tenant, "9").await;
        let mut tx = db.store.reading().await.unwrap();
        let tied = dossiers::find(&mut tx, tenant, one.id).await.unwrap().unwrap();
        assert_eq!((tied.delivery, tied.contract()), (Some(delivery.id), delivery.id.into()));
    }

    async fn a_dossier_is_tied_to_its_contract_though_a_document_named_both(db) {
        let tenant = db.network().await;
        listed(db, tenant, &[line("9", "TRANSMIS")], 10).await;
        read(db, tenant, 20).await;
        let one = list(db, tenant, Fate::Open).await.remove(0);
        let mut tx = db.store.writing().await.unwrap();
        dossiers::adopt(&mut tx, &one, at(30)).await.unwrap();
        tx.commit().await.unwrap();
        let keys = db.store.keys(tenant).await.unwrap();
        let new = contract(&keys, now());
        let paper = store::NewDelivery {
            kind: domain::Kind::Document,
            about: vec![new.id.into(), one.id.into()],
            ..contract(&keys, now())
        };
        let (contract, document) = (new.id, paper.id);
        for new in [new, paper] {
            db.store.accept(&[new]).await.unwrap();
        }
        let mut tx = db.store.writing().await.unwrap();
        let delivery = deliveries::find(&mut tx, tenant, contract).await.unwrap().unwrap();
        let dossier = dossiers::find(&mut tx, tenant, one.id).await.unwrap().unwrap();
        dossiers::tie(&mut tx, &dossier, &delivery).await.unwrap();
        let of = invoices::contracts(&mut tx, tenant, document).await.unwrap();
        assert_eq!(of, [contract.into()]);
    }

    async fn what_nobody_brought_is_known_to_no_look_until_it_is_tied(db) {
        let tenant = db.network().await;
        let other = ours(db, tenant, "8").await;
        listed(db, tenant, &[line("9", "TRANSMIS")], 10).await;
        read(db, tenant, 20).await;
        let one = list(db, tenant, Fate::Open).await.remove(0);
        let elsewhere = db.network().await;
        let mut tx = db.store.writing().await.unwrap();
        assert!(!dossiers::awaits_any(&mut tx, tenant).await.unwrap());
        dossiers::adopt(&mut tx, &one, at(30)).await.unwrap();
        let pairing = one.prints.pairing.unwrap();
        let awaiting = dossiers::awaiting(&mut tx, &other, pairing).await.unwrap();
        assert_eq!(awaiting.map(|dossier| dossier.id), Some(one.id));
        assert!(dossiers::awaits_any(&mut tx, tenant).await.unwrap());
        assert!(!dossiers::awaits_any(&mut tx, elsewhere).await.unwrap());
        tx.commit().await.unwrap();
        let known = db.store.known_numbers(&other, afdas(), &["8", "9"]).await.unwrap();
        assert!(known.is_empty(), "the one is its own, the other nobody's: {known:?}");
        let delivery = ours(db, tenant, "9").await;
        let known = db.store.known_numbers(&other, afdas(), &["8", "9"]).await.unwrap();
        assert!(known.contains("9") && known.len() == 1, "{known:?}");
        let known = db.store.known_numbers(&delivery, afdas(), &["8", "9"]).await.unwrap();
        assert!(known.contains("8") && known.len() == 1, "{known:?}");
        let mut tx = db.store.reading().await.unwrap();
        assert!(!dossiers::awaits_any(&mut tx, tenant).await.unwrap());
        assert!(dossiers::awaiting(&mut tx, &other, pairing).await.unwrap().is_none());
    }

    async fn what_a_stranger_tells_of_a_person_goes_in_its_time(db) {
        let tenant = db.network().await;
        listed(db, tenant, &[line("8", "TRANSMIS"), line("9", "ENGAGE")], 10).await;
        read(db, tenant, 20).await;
        let [nine, eight]: [strangers::Stranger; 2] =
            list(db, tenant, Fate::Open).await.try_into().unwrap();
        assert!(settled(db, &eight, Fate::Ignored).await);
        let mut tx = db.store.reading().await.unwrap();
        let of = async |tx: &mut store::Tx, tenant, numero| {
            let found = strangers::by_numero(tx, tenant, Environment::Live, afdas(), numero).await;
            found.unwrap().map(|one| one.id)
        };
        assert_eq!(of(&mut tx, tenant, "9").await, Some(nine.id));
        assert_eq!(of(&mut tx, tenant, "404").await, None);
        assert_eq!(of(&mut tx, db.network().await, "9").await, None);
        drop(tx);
        let until = |seconds| Cutoffs { strangers: Some(at(seconds)), ..Cutoffs::default() };
        let stranger = db.network().await;
        assert!(db.store.purge(stranger, &until(500), (10, now())).await.unwrap().is_empty());
        // Nobody settled the one; the other was settled later.
        let mut tx = db.store.reading().await.unwrap();
        let told = retention::preview(&mut tx, tenant, &until(50)).await.unwrap();
        drop(tx);
        assert_eq!(told, Purged { strangers: 1, ..Purged::default() });
        assert_eq!(db.store.purge(tenant, &until(50), (10, now())).await.unwrap(), told);
        let of = async |id| {
            let mut tx = db.store.reading().await.unwrap();
            strangers::find(&mut tx, tenant, id).await.unwrap().unwrap()
        };
        let gone = of(nine.id).await;
        assert_eq!((gone.sealed, gone.prints), (None, Prints::default()));
        assert!(of(eight.id).await.sealed.is_some());
        assert_eq!(db.store.purge(tenant, &until(500), (10, now())).await.unwrap(), told, "the other one");
        let mut tx = db.store.reading().await.unwrap();
        let log = store::events::after(&mut tx, tenant, 0, 100).await.unwrap();
        drop(tx);
        let gone = log.iter().filter(|event| event.kind == "retention.purged");
        let gone: Vec<_> = gone.map(|event| event.data["strangers"].clone()).collect();
        assert_eq!(gone, [1, 1], "each step tells what it took away");
        assert!(db.store.purge(tenant, &until(500), (10, now())).await.unwrap().is_empty());
        assert!(claimed(db, 900).await.is_empty(), "it is not read again");
    }

    async fn what_is_being_read_of_a_stranger_is_not_kept_once_it_is_erased(db) {
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        listed(db, tenant, &[line("7", "ENGAGE")], 10).await;
        let batches = claimed(db, 20).await;
        let id = batches[0].jobs[0].id;
        let mut tx = db.store.writing().await.unwrap();
        privacy::erase_stranger(&mut tx, tenant, id, at(25)).await.unwrap();
        let reading = reading(&keys, id, "person");
        let kept = strangers::found(&mut tx, tenant, id, OWNER, &reading, at(30)).await;
        assert!(!kept.unwrap());
        tx.commit().await.unwrap();
        let mut tx = db.store.reading().await.unwrap();
        let found = strangers::find(&mut tx, tenant, id).await.unwrap().unwrap();
        assert_eq!((found.sealed, found.prints), (None, Prints::default()));
        drop(tx);
        assert!(claimed(db, 900).await.is_empty(), "it is not read again");
    }

    async fn readings_of_an_adopted_dossier_go_once_it_ended(db) {
        let tenant = db.network().await;
        let numeros = ["7", "8", "9"];
        listed(db, tenant, &numeros.map(|numero| line(numero, "ENGAGE")), 10).await;
        read(db, tenant, 20).await;
        let keys = db.store.keys(tenant).await.unwrap();
        let mut tx = db.store.writing().await.unwrap();
        for one in list(db, tenant, Fate::Open).await {
            dossiers::adopt(&mut tx, &one, at(30)).await.unwrap();
            let id = SnapshotId::new(at(30));
            let text = Secret::new("{\"iban\":\"CANARI\"}");
            let sealed = keys.seal_secret(id.as_bytes(), schedules::PART, &text).unwrap();
            schedules::keep(&mut tx, tenant, one.id, (id, &sealed), at(30)).await.unwrap();
        }
        let here = site();
        // The first is paid, the second is followed on, the third is on no list any more.
        for (numero, etat, seconds) in [("7", "SOLDE", 100), ("7", "SOLDE", 900), ("8", "ENGAGE", 900)] {
            let seen = [line(numero, etat)];
            let applied = dossiers::apply_states(
                &mut tx, tenant, &here, afdas(), Environment::Live, &seen, at(seconds),
            );
            applied.await.unwrap();
        }
        tx.commit().await.unwrap();
        let cutoffs = Cutoffs { readings: Some(at(500)), ..Cutoffs::default() };
        let mut tx = db.store.reading().await.unwrap();
        let told = retention::preview(&mut tx, tenant, &cutoffs).await.unwrap();
        drop(tx);
        assert_eq!(told, Purged { readings: 2, ..Purged::default() });
        assert_eq!(db.store.purge(tenant, &cutoffs, (1, now())).await.unwrap().readings, 1, "in steps");
        assert_eq!(db.store.purge(tenant, &cutoffs, (10, now())).await.unwrap().readings, 1);
        assert_eq!(db.number("select count(*) from schedule_snapshot where sealed is not null").await, 1);
        let left = "select count(*) from schedule_snapshot s join dossier d
            on d.dossier_id = s.dossier_id where s.sealed is not null and d.numero_interne = '8'";
        assert_eq!(db.number(left).await, 1);
    }

    async fn a_dossier_that_no_list_shows_is_missed_and_an_empty_answer_misses_nothing(db) {
        let tenant = db.network().await;
        let (wrong, shown) = (ours(db, tenant, "404").await, ours(db, tenant, "1").await);
        let missed = async || {
            let filter = Unlisted {
                environment: Environment::Live,
                opco: Some(Opco::Afdas),
                sites: None,
                grace: Duration::from_secs(100),
                after: None,
            };
            let mut tx = db.store.reading().await.unwrap();
            dossiers::unlisted(&mut tx, tenant, &filter, 10).await.unwrap()
        };
        let polled = async |seen: &[EtatSeen], seconds: i64| {
            let mut tx = db.store.writing().await.unwrap();
            let plan = ReadPlan { due_at: at(seconds), interval_ms: 1_000 };
            read_jobs::schedule(&mut tx, &key(tenant), plan).await.unwrap();
            let here = site();
            let applied = dossiers::apply_states(
                &mut tx, tenant, &here, afdas(), Environment::Live, seen, at(seconds),
            );
            applied.await.unwrap();
            tx.commit().await.unwrap();
            listed_at(db, seconds).await;
        };
        assert!(missed().await.is_empty(), "no list was read");
        polled(&[line("1", "TRANSMIS")], 50).await;
        assert!(missed().await.is_empty(), "too soon");
        polled(&[line("1", "TRANSMIS")], 150).await;
        let found = missed().await;
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].delivery, Some(wrong.id));
        polled(&[], 400).await;
        assert_eq!(missed().await.len(), 1, "the other one was shown before");
        // A list that shows it under another number: it takes that one.
        listed(db, tenant, &[line("9", "ENGAGE")], 410).await;
        read(db, tenant, 420).await;
        let one = list(db, tenant, Fate::Open).await.remove(0);
        let mut tx = db.store.writing().await.unwrap();
        assert!(dossiers::renumber(&mut tx, &found[0], &one, at(430)).await.unwrap());
        tx.commit().await.unwrap();
        let now_missed = missed().await;
        assert_eq!(now_missed.len(), 1, "a list showed the one and not the other");
        assert_eq!(now_missed[0].delivery, Some(shown.id));
        let mut tx = db.store.reading().await.unwrap();
        let dossier = dossiers::find_by_delivery(&mut tx, &wrong).await.unwrap().unwrap();
        assert_eq!(dossier.numero_interne.as_deref(), Some("9"));
    }
}
