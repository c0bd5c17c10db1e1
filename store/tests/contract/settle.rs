//! What came of an attempt.

use domain::id::{DossierId, TenantId};
use domain::{Environment, Etat, Fault, FaultKind, Kind, Opco, Receipt, Status, WaitReason};
use store::accept::NewDelivery;
use store::dossiers::Window;
use store::read_jobs::{self, ReadKey};
use store::{
    Accepted, AttemptEnd, Claimed, EtatSeen, NewDossier, NewEvent, Numeros, ReadPlan, Settled,
    Settlement, Standing, Want, deliveries, dossiers, events, pieces,
};

use crate::harness::{Database, afdas, at, contract, now, on_both, paired, site};

fn end(outcome: &'static str) -> AttemptEnd {
    AttemptEnd {
        outcome,
        http_status: Some(200),
        duration_ms: Some(40),
        trace_id: None,
    }
}

async fn claimed(db: &Database, tenant: TenantId, seconds: i64) -> Vec<Claimed> {
    let want = Want {
        tenant,
        instance: afdas(),
        environment: Environment::Live,
        limit: 100,
    };
    db.store
        .claim(at(seconds), at(seconds + 60), "w1", &[want])
        .await
        .unwrap()
}

/// Accepts these and claims them all.
async fn in_flight(db: &Database, group: &[NewDelivery]) -> Vec<Claimed> {
    db.store.accept(group).await.unwrap();
    let claimed = claimed(db, group[0].tenant, 1).await;
    assert_eq!(claimed.len(), group.len());
    claimed
}

fn receipt(numero: &str) -> Receipt {
    Receipt {
        numero_interne: Some(numero.to_owned()),
        numero_externe: Some(format!("E{numero}")),
        numero_deca: None,
        etat: Some("TRANSMIS".to_owned()),
    }
}

fn delivered(claimed: &Claimed, numero: &str) -> Settlement {
    let mut settlement =
        claimed.settlement(at(2), Standing::ended(Status::Delivered), end("taken"));
    settlement.receipt = Some(receipt(numero));
    settlement.events = vec![
        NewEvent::new(at(2), "attempt.closed").delivery(claimed.delivery.id),
        NewEvent::new(at(2), "delivery.delivered").delivery(claimed.delivery.id),
    ];
    settlement.dossier = Some(NewDossier {
        id: DossierId::new(at(2)),
        pairing: None,
        receipt: receipt(numero),
    });
    settlement.read = Some(ReadPlan {
        due_at: at(300),
        interval_ms: 3_600_000,
    });
    settlement
}

on_both! {
    async fn a_delivered_contract_leaves_numbers_dossier_events_and_a_read(db) {
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let claims = in_flight(db, &[contract(&keys, now())]).await;
        let settlement = delivered(&claims[0], "1001");
        assert_eq!(db.store.settle(&[settlement]).await.unwrap(), [Settled::Done]);

        let mut tx = db.store.reading().await.unwrap();
        let id = claims[0].delivery.id;
        let found = deliveries::find(&mut tx, tenant, id).await.unwrap().unwrap();
        assert_eq!(found.standing, Standing::ended(Status::Delivered));
        assert_eq!(found.finished_at, Some(at(2)));
        assert_eq!(found.receipt.numero_interne.as_deref(), Some("1001"));
        let dossier = dossiers::find_by_delivery(&mut tx, &found).await.unwrap().unwrap();
        assert_eq!(dossier.etat, Some(Etat::Transmis));
        assert_eq!((dossier.delivery, dossier.siret_cfa), (Some(id), site()));
        let history = dossiers::history(&mut tx, tenant, dossier.id).await.unwrap();
        assert_eq!(history.len(), 1);
        let log = events::of_delivery(&mut tx, tenant, id).await.unwrap();
        let kinds: Vec<&str> = log.iter().map(|event| event.kind.as_str()).collect();
        assert_eq!(
            kinds,
            ["delivery.accepted", "attempt.opened", "attempt.closed", "delivery.delivered"]
        );
        let key = ReadKey {
            tenant,
            siret_cfa: site(),
            instance: afdas(),
            environment: Environment::Live,
        };
        let job = read_jobs::find(&mut tx, &key).await.unwrap().unwrap();
        assert_eq!((job.due_at, job.interval_ms), (at(300), 3_600_000));
        drop(tx);
        assert_eq!(db.number("select count(*) from attempt where outcome = 'taken'").await, 1);
    }

    async fn numbered_dossiers_come_oldest_first_in_pages_that_stay_what_they_are(db) {
        let tenant = db.network().await;
        let stranger = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let group: Vec<NewDelivery> = (0..5).map(|_| contract(&keys, now())).collect();
        for claim in in_flight(db, &group).await {
            let numero = claim.delivery.id.to_string();
            let mut settlement = delivered(&claim, &numero);
            settlement.dossier.as_mut().unwrap().id = DossierId::new(at(2));
            db.store.settle(&[settlement]).await.unwrap();
        }
        let world = Environment::Live;
        let mut tx = db.store.reading().await.unwrap();
        let window = |skip| Window { skip, limit: 2, after: None };
        let mut pages = Vec::new();
        for skip in [0, 2, 4, 6] {
            let page = dossiers::numbered(&mut tx, tenant, world, None, window(skip)).await.unwrap();
            pages.push(page.into_iter().map(|dossier| dossier.id).collect::<Vec<_>>());
        }
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1, 0]);
        let all: Vec<DossierId> = pages.concat();
        assert!(all.is_sorted(), "{all:?}");
        let after = Window { after: Some(all[2]), skip: 0, limit: 100 };
        let rest = dossiers::numbered(&mut tx, tenant, world, Some(&[site()]), after).await.unwrap();
        assert_eq!(rest.iter().map(|dossier| dossier.id).collect::<Vec<_>>(), all[3..]);
        assert_eq!(dossiers::count_numbered(&mut tx, tenant, world, Some(&[site()])).await.unwrap(), 5);
        let elsewhere = ["35600000049837".parse().unwrap()];
        assert_eq!(dossiers::count_numbered(&mut tx, tenant, world, Some(&elsewhere)).await.unwrap(), 0);
        assert_eq!(dossiers::count_numbered(&mut tx, tenant, Environment::Test, None).await.unwrap(), 0);
        assert_eq!(dossiers::count_numbered(&mut tx, stranger, world, None).await.unwrap(), 0);
    }

    async fn a_group_is_settled_in_order_and_only_once(db) {
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let group: Vec<_> = (0..20).map(|_| contract(&keys, now())).collect();
        let claims = in_flight(db, &group).await;
        let mut batch: Vec<_> = claims
            .iter()
            .enumerate()
            .map(|(n, claimed)| delivered(claimed, &n.to_string()))
            .collect();
        "someone else".clone_into(&mut batch[3].owner);
        batch[7].number += 1;
        let answers = db.store.settle(&batch).await.unwrap();
        for (n, answer) in answers.iter().enumerate() {
            let expected = if n == 3 || n == 7 { Settled::Lost } else { Settled::Done };
            assert_eq!(*answer, expected, "member {n}");
        }
        assert_eq!(db.number("select count(*) from dossier").await, 18);
        assert!(db.store.settle(&batch).await.unwrap().iter().all(|a| *a == Settled::Lost));
        assert_eq!(db.number("select count(*) from dossier").await, 18);
        assert_eq!(db.store.settle(&[]).await.unwrap(), []);
    }

    async fn two_deliveries_with_one_number_are_one_dossier(db) {
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let claims = in_flight(db, &[contract(&keys, now()), contract(&keys, now())]).await;
        let batch: Vec<_> = claims.iter().map(|claimed| delivered(claimed, "77")).collect();
        assert_eq!(db.store.settle(&batch).await.unwrap(), [Settled::Done, Settled::Done]);
        assert_eq!(db.number("select count(*) from dossier").await, 1);
        let mut tx = db.store.reading().await.unwrap();
        for claimed in &claims {
            let found =
                deliveries::find(&mut tx, tenant, claimed.delivery.id).await.unwrap().unwrap();
            assert!(dossiers::find_by_delivery(&mut tx, &found).await.unwrap().is_some());
        }
    }

    async fn the_numbers_of_a_piece_are_kept_apart_and_an_invoice_is_found_by_its_own(db) {
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let mut batch = [contract(&keys, at(0)), contract(&keys, at(0))];
        (batch[0].kind, batch[1].kind) = (Kind::Facture, Kind::Convention);
        let claims = in_flight(db, &batch).await;
        let numeros = |facture: Option<&str>, document: &str| Numeros {
            facture: facture.map(str::to_owned),
            document: Some(document.to_owned()),
        };
        let told = [numeros(Some("900042"), "500001"), numeros(None, "500002")];
        let batch: Vec<Settlement> = claims.iter().zip(&told).map(|(claim, numeros)| {
            let mut settlement =
                claim.settlement(at(2), Standing::ended(Status::Delivered), end("taken"));
            settlement.numeros = Some(numeros.clone());
            settlement
        }).collect();
        assert_eq!(db.store.settle(&batch).await.unwrap(), [Settled::Done, Settled::Done]);
        let mut tx = db.store.reading().await.unwrap();
        for (claim, told) in claims.iter().zip(&told) {
            let kept = pieces::of_delivery(&mut tx, tenant, claim.delivery.id).await.unwrap();
            assert_eq!(kept, *told);
        }
        let environment = claims[0].delivery.environment;
        let found = pieces::by_facture(&mut tx, tenant, environment, None, "900042").await.unwrap();
        assert_eq!(found.iter().map(|one| one.id).collect::<Vec<_>>(), [claims[0].delivery.id]);
        for (whose, numero) in [(tenant, "500001"), (TenantId::new(at(0)), "900042")] {
            let found = pieces::by_facture(&mut tx, whose, environment, None, numero).await.unwrap();
            assert_eq!(found, []);
        }
        let other = pieces::by_facture(&mut tx, tenant, environment, Some(Opco::Akto), "900042");
        assert_eq!(other.await.unwrap(), []);
    }

    async fn a_failure_is_kept_and_the_delivery_waits(db) {
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let claims = in_flight(db, &[contract(&keys, now())]).await;
        let mut settlement = claims[0].settlement(
            at(2),
            Standing::waiting(WaitReason::Retry, at(60)),
            AttemptEnd { http_status: Some(503), ..end("failed") },
        );
        let fault = Fault::new(FaultKind::Unavailable, "503");
        settlement.fault = Some(fault.clone());
        assert_eq!(db.store.settle(&[settlement]).await.unwrap(), [Settled::Done]);
        let mut tx = db.store.reading().await.unwrap();
        let found =
            deliveries::find(&mut tx, tenant, claims[0].delivery.id).await.unwrap().unwrap();
        assert_eq!(found.fault, Some(fault));
        assert_eq!(found.attempts, 1);
        assert_eq!(found.finished_at, None);
        drop(tx);
        assert!(claimed(db, tenant, 59).await.is_empty());
        let again = claimed(db, tenant, 60).await;
        assert_eq!(again[0].delivery.attempts, 2);
    }

    async fn a_refused_contract_may_be_sent_again(db) {
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let first = paired(&keys, now(), "durand");
        let claims = in_flight(db, std::slice::from_ref(&first)).await;
        let twin = || paired(&keys, at(3), "durand");
        assert_eq!(
            db.store.accept(&[twin()]).await.unwrap(),
            [Accepted::DuplicateDossier { existing: first.id }]
        );
        let refused = claims[0].settlement(at(2), Standing::ended(Status::Rejected), end("failed"));
        db.store.settle(&[refused]).await.unwrap();
        assert_eq!(db.store.accept(&[twin()]).await.unwrap(), [Accepted::Stored]);
    }

    async fn the_next_of_the_lane_goes_when_the_one_before_has_ended(db) {
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let lane = keys.fingerprint("lane", "one");
        let group: Vec<_> = (0..3)
            .map(|n| {
                let mut new = contract(&keys, at(n));
                new.lane = lane;
                new
            })
            .collect();
        db.store.accept(&group).await.unwrap();
        for (n, new) in group.iter().enumerate() {
            let claims = claimed(db, tenant, 10).await;
            assert_eq!(claims.len(), 1);
            assert_eq!(claims[0].delivery.id, new.id);
            let settlement = delivered(&claims[0], &n.to_string());
            db.store.settle(&[settlement]).await.unwrap();
        }
    }

    async fn a_sweep_wakes_what_waits_for_a_predecessor_that_is_gone(db) {
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let lane = keys.fingerprint("lane", "one");
        let group: Vec<_> = (0..3)
            .map(|n| {
                let mut new = contract(&keys, at(n));
                new.lane = lane;
                new
            })
            .collect();
        db.store.accept(&group).await.unwrap();
        assert_eq!(db.store.sweep(at(5)).await.unwrap(), 0);
        db.execute(
            "update delivery set status = 'cancelled', due_at = null where status = 'queued'",
        )
        .await;
        assert_eq!(db.store.sweep(at(5)).await.unwrap(), 1);
        assert_eq!(db.store.sweep(at(6)).await.unwrap(), 0);
        let claims = claimed(db, tenant, 6).await;
        assert_eq!(claims.len(), 1);
        assert_eq!(claims[0].delivery.id, group[1].id);
    }

    async fn a_list_of_states_changes_what_it_tells_and_erases_nothing(db) {
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let first = paired(&keys, now(), "durand");
        let claims = in_flight(db, &[first.clone(), contract(&keys, now())]).await;
        let batch: Vec<_> = claims
            .iter()
            .map(|claimed| delivered(claimed, if claimed.delivery.id == first.id { "1" } else { "2" }))
            .collect();
        db.store.settle(&batch).await.unwrap();
        let apply = async |seen: &[EtatSeen], seconds| {
            let mut tx = db.store.writing().await.unwrap();
            let changes = dossiers::apply_states(
                &mut tx, tenant, &site(), afdas(), Environment::Live, seen, at(seconds),
            )
            .await
            .unwrap();
            tx.commit().await.unwrap();
            changes
        };
        let line = |numero: &str, etat: &str, deca: Option<&str>| EtatSeen {
            numero_interne: numero.to_owned(),
            numero_externe: None,
            numero_deca: deca.map(str::to_owned),
            etat: Some(etat.to_owned()),
        };
        assert!(apply(&[], 10).await.is_empty());
        let seen = [line("1", "ENGAGE", Some("D-1")), line("2", "TRANSMIS", None), line("9", "SOLDE", None)];
        let changes = apply(&seen, 20).await;
        assert_eq!(changes.len(), 1);
        assert_eq!((changes[0].before, changes[0].after), (Some(Etat::Transmis), Some(Etat::Engage)));
        assert_eq!(changes[0].new_deca.as_deref(), Some("D-1"));
        assert!(apply(&seen, 30).await.is_empty(), "told once");
        // A state nobody knows is kept as it was spelled, and changes nothing else.
        let changes = apply(&[line("1", "EN_PAUSE", None)], 40).await;
        assert!(changes[0].unknown);
        assert_eq!(changes[0].after, Some(Etat::Engage));
        let mut tx = db.store.reading().await.unwrap();
        let dossier = dossiers::find(&mut tx, tenant, changes[0].dossier).await.unwrap().unwrap();
        assert_eq!((dossier.etat, dossier.etat_raw.as_deref()), (Some(Etat::Engage), Some("EN_PAUSE")));
        assert_eq!(dossier.numero_deca.as_deref(), Some("D-1"));
        assert_eq!(dossier.last_read_at, Some(at(40)));
        let history = dossiers::history(&mut tx, tenant, dossier.id).await.unwrap();
        let raws: Vec<_> = history.iter().map(|entry| entry.etat_raw.as_deref().unwrap()).collect();
        assert_eq!(raws, ["TRANSMIS", "ENGAGE", "EN_PAUSE"]);
        drop(tx);
        // Cancelled by the OPCO: the same contract may be filed again.
        let twin = || paired(&keys, at(50), "durand");
        assert!(matches!(
            db.store.accept(&[twin()]).await.unwrap()[..],
            [Accepted::DuplicateDossier { .. }]
        ));
        apply(&[line("1", "ANNULE", None)], 50).await;
        assert_eq!(db.store.accept(&[twin()]).await.unwrap(), [Accepted::Stored]);
    }
}
