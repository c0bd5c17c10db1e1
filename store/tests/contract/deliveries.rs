//! Reading deliveries, what people do to them, near doubles, and the reads of states.

use domain::id::{DeliveryId, KeyId, TenantId};
use domain::{Environment, HoldReason, Instance, Kind, Opco, Secret, Status, WaitReason};
use store::deliveries::{self, Filter, Page};
use store::keys::{CfaKey, KeyState, SEAL_PART};
use store::read_jobs::{self, ReadBudget, ReadKey, ReadResult};
use store::{
    Accepted, NewDelivery, NewDossier, NewEvent, ReadPlan, Standing, StoreError, dossiers, events,
};

use crate::harness::{Database, afdas, at, contract, now, on_both, paired, site};

/// The interval of lists that are read seldom.
const SELDOM: u64 = 86_400_000;

async fn list(db: &Database, tenant: TenantId, filter: &Filter) -> Vec<DeliveryId> {
    let mut tx = db.store.reading().await.unwrap();
    let page = Page {
        after: None,
        limit: 100,
    };
    let found = deliveries::list(&mut tx, tenant, filter, page)
        .await
        .unwrap();
    found.into_iter().map(|delivery| delivery.id).collect()
}

async fn act(
    db: &Database,
    tenant: TenantId,
    id: DeliveryId,
    standing: Standing,
    seconds: i64,
) -> Result<(), StoreError> {
    let mut tx = db.store.writing().await.unwrap();
    let mut found = deliveries::find_for_update(&mut tx, tenant, id)
        .await
        .unwrap()
        .unwrap();
    found.standing = standing;
    found.attempts = 0;
    let event = NewEvent::new(at(seconds), "delivery.acted")
        .delivery(id)
        .by("person:1");
    deliveries::update(&mut tx, &found, &event).await?;
    tx.commit().await
}

on_both! {
    async fn a_list_is_filtered_and_paged_newest_first(db) {
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let mut group: Vec<_> = (0..5).map(|n| contract(&keys, at(n))).collect();
        group[1].opco = Some(Opco::Akto);
        group[2].standing = Standing::held(HoldReason::NoKey);
        group[3].kind = Kind::Facture;
        group[4].environment = Environment::Test;
        db.store.accept(&group).await.unwrap();
        let all: Vec<_> = group.iter().rev().map(|new| new.id).collect();
        assert_eq!(list(db, tenant, &Filter::default()).await, all);
        let one = |n: usize| vec![group[n].id];
        let only = |change: fn(&mut Filter)| {
            let mut filter = Filter::default();
            change(&mut filter);
            filter
        };
        assert_eq!(list(db, tenant, &only(|f| f.opco = Some(Opco::Akto))).await, one(1));
        assert_eq!(list(db, tenant, &only(|f| f.status = Some(Status::Held))).await, one(2));
        assert_eq!(list(db, tenant, &only(|f| f.reason = Some("no_key".to_owned()))).await, one(2));
        assert_eq!(list(db, tenant, &only(|f| f.kind = Some(Kind::Facture))).await, one(3));
        assert_eq!(list(db, tenant, &only(|f| f.environment = Some(Environment::Test))).await, one(4));
        assert_eq!(list(db, tenant, &only(|f| f.since = Some(at(4)))).await, one(4));
        let mut text = Filter { text: Some(group[0].id.to_string()), ..Filter::default() };
        assert_eq!(list(db, tenant, &text).await, one(0));
        text.text = Some("%".to_owned());
        assert!(list(db, tenant, &text).await.is_empty(), "a text is no pattern");
        let here = Filter { sites: Some(vec![site()]), ..Filter::default() };
        assert_eq!(list(db, tenant, &here).await.len(), 5);
        let nowhere = Filter { sites: Some(Vec::new()), ..Filter::default() };
        assert!(list(db, tenant, &nowhere).await.is_empty());

        let mut tx = db.store.reading().await.unwrap();
        let (mut after, mut paged) = (None, Vec::new());
        loop {
            let page = Page { after, limit: 2 };
            let found =
                deliveries::list(&mut tx, tenant, &Filter::default(), page).await.unwrap();
            let Some(last) = found.last() else { break };
            after = Some(last.id);
            paged.extend(found.into_iter().map(|delivery| delivery.id));
        }
        assert_eq!(paged, all);
    }

    async fn nobody_reads_across_networks(db) {
        let (tenant, stranger) = (db.network().await, db.network().await);
        let keys = db.store.keys(tenant).await.unwrap();
        let mut new = paired(&keys, now(), "durand");
        let print = keys.fingerprint("match", "x");
        new.match_keys = [Some(print), None, None];
        db.store.accept(std::slice::from_ref(&new)).await.unwrap();
        let mut tx = db.store.writing().await.unwrap();
        assert!(deliveries::find(&mut tx, tenant, new.id).await.unwrap().is_some());
        assert!(deliveries::find(&mut tx, stranger, new.id).await.unwrap().is_none());
        assert!(deliveries::find_for_update(&mut tx, stranger, new.id).await.unwrap().is_none());
        assert!(deliveries::submission(&mut tx, stranger, new.id).await.unwrap().is_none());
        assert!(deliveries::payload(&mut tx, stranger, new.id).await.unwrap().is_none());
        assert!(events::of_delivery(&mut tx, stranger, new.id).await.unwrap().is_empty());
        assert!(!store::retention::shred_payload(&mut tx, stranger, new.id).await.unwrap());
        assert!(deliveries::counts(&mut tx, Some(stranger)).await.unwrap().is_empty());
        drop(tx);
        assert!(list(db, stranger, &Filter::default()).await.is_empty());
        let theirs = db.store.keys(stranger).await.unwrap();
        let alike = NewDelivery {
            match_keys: [Some(print), None, None],
            compared: false,
            ..contract(&theirs, now())
        };
        assert_eq!(db.store.accept(&[alike]).await.unwrap(), [Accepted::Stored]);
        let stolen = db.store.keys(stranger).await.unwrap();
        assert!(stolen.open_payload(new.id, &new.sealed).is_err());
    }

    async fn the_board_counts_what_is_open_or_ended_lately_and_nothing_else(db) {
        use store::deliveries::Scope;
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let wait = |reason| Standing::waiting(reason, at(60));
        let standings = [
            Standing::queued(now()),
            wait(WaitReason::Retry),
            wait(WaitReason::Breaker),
            wait(WaitReason::RouteLookup),
            Standing::behind(),
            Standing::unknown(at(5)),
            Standing::held(HoldReason::NoKey),
            Standing::held(HoldReason::NoRoute),
            Standing::ended(Status::Dead),
            Standing::ended(Status::Rejected),
            Standing::ended(Status::Delivered),
            Standing::ended(Status::Cancelled),
        ];
        let mut group: Vec<_> = standings.iter().map(|_| contract(&keys, now())).collect();
        for (new, standing) in group.iter_mut().zip(standings) {
            new.standing = standing;
        }
        (group[3].opco, group[7].opco) = (None, None);
        let mut old = contract(&keys, at(-90 * 86_400));
        old.standing = Standing::ended(Status::Rejected);
        let mut elsewhere = contract(&keys, now());
        elsewhere.environment = Environment::Test;
        group.extend([old, elsewhere]);
        db.store.accept(&group).await.unwrap();
        let stranger = db.network().await;
        let theirs = db.store.keys(stranger).await.unwrap();
        db.store.accept(&[contract(&theirs, now())]).await.unwrap();

        let mut scope = Scope { tenant, environment: Environment::Live, sites: None };
        let mut tx = db.store.reading().await.unwrap();
        let since = at(-60 * 86_400);
        let counts = deliveries::standing(&mut tx, &scope, since).await.unwrap();
        let told = counts.iter();
        let got: Vec<_> = told
            .map(|c| (c.status.as_str(), c.reason.as_deref(), c.opco.is_some(), c.count)).collect();
        let expected = [
            ("dead", None, true, 1),
            ("held", Some("no_key"), true, 1),
            ("held", Some("no_route"), false, 1),
            ("queued", None, true, 1),
            ("rejected", None, true, 1),
            ("unknown", None, true, 1),
            ("waiting", Some("breaker"), true, 1),
            ("waiting", Some("predecessor"), true, 1),
            ("waiting", Some("retry"), true, 1),
            ("waiting", Some("route_lookup"), false, 1),
        ];
        assert_eq!(got, expected);
        let stuck = deliveries::stuck(&mut tx, &scope, since, 100).await.unwrap();
        let mut statuses: Vec<_> = stuck.iter().map(|one| one.status.as_str()).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, ["dead", "held", "held", "rejected", "unknown"]);
        let hours = deliveries::by_hour(&mut tx, &scope, since).await.unwrap();
        assert_eq!(hours.iter().map(|hour| hour.count).sum::<u64>(), 12);

        let filter = Filter { environment: Some(Environment::Live), ..Filter::default() };
        assert_eq!(deliveries::count(&mut tx, tenant, &filter, 100).await.unwrap(), 13);
        assert_eq!(deliveries::count(&mut tx, tenant, &filter, 5).await.unwrap(), 6, "and one more");
        let before = Filter { until: Some(at(-1)), ..filter };
        assert_eq!(deliveries::count(&mut tx, tenant, &before, 100).await.unwrap(), 1);

        scope.sites = Some(Vec::new());
        assert!(deliveries::standing(&mut tx, &scope, since).await.unwrap().is_empty());
        assert!(deliveries::stuck(&mut tx, &scope, since, 100).await.unwrap().is_empty());
        assert!(deliveries::by_hour(&mut tx, &scope, since).await.unwrap().is_empty());
    }

    async fn counts_tell_what_is_on_its_way_and_why(db) {
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let mut group: Vec<_> = (0..5).map(|_| contract(&keys, now())).collect();
        group[1].standing = Standing::held(HoldReason::NoKey);
        group[2].created_at = at(-60);
        group[2].standing = Standing::held(HoldReason::NoKey);
        group[3].standing = Standing::ended(Status::Dead);
        group[4].standing = Standing::ended(Status::Delivered);
        db.store.accept(&group).await.unwrap();
        let mut tx = db.store.reading().await.unwrap();
        for scope in [None, Some(tenant)] {
            let counts = deliveries::counts(&mut tx, scope).await.unwrap();
            let got: Vec<_> =
                counts.iter().map(|c| (c.status, c.reason.as_deref(), c.count, c.oldest, c.due)).collect();
            assert_eq!(
                got,
                [
                    (Status::Dead, None, 1, now(), None),
                    (Status::Held, Some("no_key"), 2, at(-60), None),
                    (Status::Queued, None, 1, now(), Some(now()))
                ]
            );
        }
    }

    async fn a_person_unblocks_what_is_held_and_the_log_says_who(db) {
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let mut new = contract(&keys, now());
        new.opco = None;
        new.standing = Standing::held(HoldReason::AmbiguousRoute);
        db.store.accept(std::slice::from_ref(&new)).await.unwrap();
        let mut tx = db.store.writing().await.unwrap();
        let mut found =
            deliveries::find_for_update(&mut tx, tenant, new.id).await.unwrap().unwrap();
        found.opco = Some(Opco::Afdas);
        found.standing = Standing::queued(at(5));
        let event = NewEvent::new(at(5), "delivery.opco_chosen").delivery(new.id).by("person:1");
        deliveries::update(&mut tx, &found, &event).await.unwrap();
        deliveries::set_route(&mut tx, tenant, new.id, "{\"source\":\"chosen\"}").await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(db.store.active_pairs().await.unwrap().len(), 1);
        let claimed =
            db.store.claim_ids(at(6), at(66), "w1", &[(tenant, new.id)]).await.unwrap();
        assert_eq!(claimed.len(), 1);
        let mut tx = db.store.reading().await.unwrap();
        let said = deliveries::submission(&mut tx, tenant, new.id).await.unwrap().unwrap();
        assert_eq!(said.route_json, "{\"source\":\"chosen\"}");
        let log = events::of_delivery(&mut tx, tenant, new.id).await.unwrap();
        assert_eq!(log[1].actor, "person:1");
        drop(tx);
        // While it is in a deliverer's hands, nobody else changes it.
        let done = act(db, tenant, new.id, Standing::ended(Status::Cancelled), 7).await;
        assert!(matches!(done, Err(StoreError::Conflict(_))), "{done:?}");
    }

    async fn a_cancelled_contract_frees_its_key_and_cannot_take_it_back_from_another(db) {
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let first = paired(&keys, now(), "durand");
        db.store.accept(std::slice::from_ref(&first)).await.unwrap();
        act(db, tenant, first.id, Standing::ended(Status::Cancelled), 1).await.unwrap();
        act(db, tenant, first.id, Standing::queued(at(2)), 2).await.unwrap();
        act(db, tenant, first.id, Standing::ended(Status::Cancelled), 3).await.unwrap();
        let second = paired(&keys, at(4), "durand");
        assert_eq!(db.store.accept(&[second]).await.unwrap(), [Accepted::Stored]);
        let revived = act(db, tenant, first.id, Standing::queued(at(5)), 5).await;
        assert!(matches!(revived, Err(StoreError::Conflict(_))), "{revived:?}");
    }

    async fn cancelling_wakes_what_waited_behind(db) {
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let lane = keys.fingerprint("lane", "one");
        let group: Vec<_> = (0..2)
            .map(|n| {
                let mut new = contract(&keys, at(n));
                new.lane = lane;
                new
            })
            .collect();
        db.store.accept(&group).await.unwrap();
        act(db, tenant, group[0].id, Standing::ended(Status::Cancelled), 5).await.unwrap();
        let mut tx = db.store.reading().await.unwrap();
        let next = deliveries::find(&mut tx, tenant, group[1].id).await.unwrap().unwrap();
        assert_eq!(next.standing, Standing::queued(at(5)));
    }

    async fn a_contract_said_to_be_sent_gets_its_dossier(db) {
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let mut new = contract(&keys, now());
        new.standing = Standing::held(HoldReason::OutcomeUnknown);
        db.store.accept(std::slice::from_ref(&new)).await.unwrap();
        let mut tx = db.store.writing().await.unwrap();
        let mut found =
            deliveries::find_for_update(&mut tx, tenant, new.id).await.unwrap().unwrap();
        found.standing = Standing::ended(Status::Delivered);
        found.receipt.numero_interne = Some("42".to_owned());
        let dossier = NewDossier {
            id: domain::id::DossierId::new(at(5)),
            pairing: None,
            receipt: found.receipt.clone(),
        };
        let event = NewEvent::new(at(5), "delivery.confirmed").delivery(new.id);
        deliveries::update(&mut tx, &found, &event).await.unwrap();
        for _ in 0..2 {
            let other = dossiers::open(&mut tx, &found, &dossier, at(5)).await.unwrap();
            assert_eq!(other, None);
        }
        let stranger = contract(&keys, at(6));
        let mut second = found.clone();
        second.id = stranger.id;
        let again = NewDossier { id: domain::id::DossierId::new(at(6)), ..dossier.clone() };
        let other = dossiers::open(&mut tx, &second, &again, at(6)).await.unwrap().unwrap();
        assert_eq!((other.id, other.delivery), (dossier.id, Some(new.id)));
        tx.commit().await.unwrap();
        let mut tx = db.store.reading().await.unwrap();
        let filter = dossiers::Filter { numero: Some("42".to_owned()), ..Default::default() };
        let listed = dossiers::list(&mut tx, tenant, &filter, 10).await.unwrap();
        assert_eq!(listed.len(), 1);
        let by_numero =
            dossiers::find_by_numero(&mut tx, tenant, Environment::Live, afdas(), "42").await;
        assert_eq!(by_numero.unwrap().as_ref(), listed.first());
        let stranger = TenantId::new(now());
        assert!(dossiers::find(&mut tx, stranger, dossier.id).await.unwrap().is_none());
        assert!(dossiers::list(&mut tx, stranger, &filter, 10).await.unwrap().is_empty());
    }

    async fn near_doubles_are_found_by_the_key_they_share(db) {
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let print = |text: &str| Some(keys.fingerprint("match", text));
        let mut group: Vec<_> = (0..3).map(|n| contract(&keys, at(n))).collect();
        group[0].match_keys = [print("a"), print("b"), None];
        group[1].match_keys = [print("a"), None, print("c")];
        group[2].match_keys = [print("z"), print("b"), print("c")];
        db.store.accept(&group).await.unwrap();
        act(db, tenant, group[2].id, Standing::ended(Status::Rejected), 5).await.unwrap();
        let alike = |match_keys| NewDelivery {
            match_keys,
            compared: false,
            ..contract(&keys, at(9))
        };
        let answers = db
            .store
            .accept(&[
                alike([print("a"), print("b"), print("c")]),
                alike([None, print("a"), None]),
                alike([None; 3]),
            ])
            .await
            .unwrap();
        let [Accepted::Resembles { hits }, Accepted::Stored, Accepted::Stored] = &answers[..] else {
            panic!("a key is compared with its own place only: {answers:?}");
        };
        let got: Vec<_> = hits.iter().map(|hit| (hit.delivery, hit.shared)).collect();
        assert_eq!(
            got,
            [(group[1].id, [true, false, true]), (group[0].id, [true, true, false])]
        );
    }

    async fn reads_are_claimed_within_their_budget_and_settled_by_their_holder(db) {
        let tenant = db.network().await;
        let key = |siret: &str| ReadKey {
            tenant,
            siret_cfa: siret.parse().unwrap(),
            instance: afdas(),
            environment: Environment::Live,
        };
        let sites = ["73282932000074", "35600000049837", "78471400800016"];
        let mut tx = db.store.writing().await.unwrap();
        let mut planned = 0;
        for siret in sites.iter().filter(|siret| siret.parse::<domain::Siret>().is_ok()) {
            let plan = ReadPlan { due_at: at(10 + planned), interval_ms: 60_000 };
            read_jobs::schedule(&mut tx, &key(siret), plan).await.unwrap();
            planned += 1;
        }
        assert!(planned >= 2);
        // A later plan does not push an earlier one back.
        let plan = ReadPlan { due_at: at(900), interval_ms: 1 };
        read_jobs::schedule(&mut tx, &key(sites[0]), plan).await.unwrap();
        assert_eq!(
            read_jobs::due(&mut tx, at(10)).await.unwrap(),
            [(afdas(), Environment::Live, 1)]
        );
        tx.commit().await.unwrap();
        let budget = ReadBudget { instance: afdas(), environment: Environment::Live, limit: 1 };
        assert!(db.store.claim_reads(at(9), at(40), "r1", &[budget]).await.unwrap().is_empty());
        let first = db.store.claim_reads(at(30), at(60), "r1", &[budget]).await.unwrap();
        assert_eq!(first.len(), 1);
        assert_eq!(first[0].key, key(sites[0]));
        let second = db.store.claim_reads(at(30), at(60), "r2", &[budget]).await.unwrap();
        assert_ne!(second[0].key, first[0].key);
        let result =
            ReadResult { word: "read", read: true, due_at: at(3_600), interval_ms: 3_600_000 };
        let mut tx = db.store.writing().await.unwrap();
        let held = read_jobs::settle(&mut tx, &first[0], "r2", result, at(31)).await.unwrap();
        assert!(!held, "another reader holds it");
        assert!(read_jobs::settle(&mut tx, &first[0], "r1", result, at(31)).await.unwrap());
        let failed = ReadResult { word: "failed", read: false, ..result };
        assert!(read_jobs::settle(&mut tx, &second[0], "r2", failed, at(31)).await.unwrap());
        let job = read_jobs::find(&mut tx, &first[0].key).await.unwrap().unwrap();
        assert_eq!((job.last_read_at, job.failures, job.due_at), (Some(at(31)), 0, at(3_600)));
        let job = read_jobs::find(&mut tx, &second[0].key).await.unwrap().unwrap();
        assert_eq!((job.last_read_at, job.failures), (None, 1));
        assert_eq!(job.last_result.as_deref(), Some("failed"));
        // The least fresh of several lists is told; one that was never read is told as such.
        let world = Environment::Live;
        let first: [domain::Siret; 1] = [first[0].key.siret_cfa];
        let read = read_jobs::freshness(&mut tx, tenant, world, Some(&first), SELDOM).await.unwrap();
        assert_eq!(read, [(afdas(), Some(at(31)))]);
        let read = read_jobs::freshness(&mut tx, tenant, world, None, SELDOM).await.unwrap();
        assert_eq!(read, [(afdas(), None)]);
        let read = read_jobs::freshness(&mut tx, tenant, Environment::Test, None, SELDOM).await.unwrap();
        assert_eq!(read, []);
    }

    async fn a_site_with_a_key_that_sent_nothing_is_read_seldom_until_it_sends(db) {
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let unread = async || {
            let mut tx = db.store.reading().await.unwrap();
            read_jobs::unread(&mut tx, 10).await.unwrap()
        };
        let mut tx = db.store.writing().await.unwrap();
        let mut ids = Vec::new();
        for number in [1, 2] {
            let id = KeyId::new(at(number));
            let secret = Secret::new(format!("clé-{number}-0123456789"));
            let key = CfaKey {
                tenant, id, siret_cfa: site(),
                instance: Instance { number: number.try_into().unwrap(), ..afdas() },
                environment: Environment::Live, state: KeyState::Staged,
                sealed: keys.seal_secret(id.as_bytes(), SEAL_PART, &secret).unwrap(),
                expires_on: None, probed_at: None, probe_result: None, last_used_at: None,
                referent: None, created_at: at(number), changed_at: at(number),
            };
            store::keys::stage(&mut tx, &key).await.unwrap();
            ids.push(id);
        }
        // One that is only staged opens nothing.
        assert!(store::keys::activate(&mut tx, tenant, ids[0], at(3)).await.unwrap());
        tx.commit().await.unwrap();
        let [key]: [ReadKey; 1] = unread().await.try_into().unwrap();
        assert_eq!((key.tenant, key.siret_cfa, key.instance), (tenant, site(), afdas()));
        let plan = |due, interval_ms| ReadPlan { due_at: at(due), interval_ms };
        let mut tx = db.store.writing().await.unwrap();
        read_jobs::schedule(&mut tx, &key, plan(10, SELDOM)).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(unread().await, []);
        let freshness = async || {
            let mut tx = db.store.reading().await.unwrap();
            read_jobs::freshness(&mut tx, tenant, Environment::Live, None, SELDOM).await.unwrap()
        };
        assert_eq!(freshness().await, [], "it makes no list less fresh");
        // It sends while its list is read: read often from then on, although an earlier read was due.
        let budget = ReadBudget { instance: afdas(), environment: Environment::Live, limit: 1 };
        let job = db.store.claim_reads(at(20), at(60), "r1", &[budget]).await.unwrap().remove(0);
        let mut tx = db.store.writing().await.unwrap();
        read_jobs::schedule(&mut tx, &key, plan(80, 30_000)).await.unwrap();
        let result = ReadResult { word: "read", read: true, due_at: at(90_000), interval_ms: SELDOM };
        assert!(read_jobs::settle(&mut tx, &job, "r1", result, at(25)).await.unwrap());
        let after = read_jobs::find(&mut tx, &key).await.unwrap().unwrap();
        assert_eq!((after.due_at, after.interval_ms), (at(55), 30_000));
        tx.commit().await.unwrap();
        assert_eq!(freshness().await, [(afdas(), Some(at(25)))]);
    }

    async fn a_plan_made_during_a_read_stands(db) {
        let tenant = db.network().await;
        let key = ReadKey {
            tenant,
            siret_cfa: site(),
            instance: afdas(),
            environment: Environment::Live,
        };
        let mut tx = db.store.writing().await.unwrap();
        let cold = ReadPlan { due_at: at(10), interval_ms: 86_400_000 };
        read_jobs::schedule(&mut tx, &key, cold).await.unwrap();
        tx.commit().await.unwrap();
        let budget = ReadBudget { instance: afdas(), environment: Environment::Live, limit: 1 };
        let jobs = db.store.claim_reads(at(10), at(100), "r1", &[budget]).await.unwrap();
        let mut tx = db.store.writing().await.unwrap();
        let warm = ReadPlan { due_at: at(40), interval_ms: 60_000 };
        read_jobs::schedule(&mut tx, &key, warm).await.unwrap();
        let result =
            ReadResult { word: "read", read: true, due_at: at(9_000), interval_ms: 86_400_000 };
        assert!(read_jobs::settle(&mut tx, &jobs[0], "r1", result, at(20)).await.unwrap());
        let job = read_jobs::find(&mut tx, &key).await.unwrap().unwrap();
        assert_eq!((job.due_at, job.interval_ms), (at(40), 60_000));
    }

    async fn a_waiting_reason_is_kept_as_given(db) {
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let mut new = contract(&keys, now());
        new.standing = Standing::waiting(WaitReason::OpeningDate, at(50));
        db.store.accept(std::slice::from_ref(&new)).await.unwrap();
        let mut tx = db.store.reading().await.unwrap();
        let found = deliveries::find(&mut tx, tenant, new.id).await.unwrap().unwrap();
        assert_eq!(found.standing, new.standing);
    }
}
