//! ERPs are told of what happened: in order, signed, once it can be, whatever happened meanwhile.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::clock::{Clock as _, ManualClock};
use domain::{DeliveryId, Opco, Timestamp};
use harness::database::{Database, Engine};
use harness::erp::Erp;
use harness::gateway::Gateway;
use harness::network::{self, Network};
use harness::payload::contract;
use harness::receiver::{self, Receiver, Told};
use harness::wait;
use reqwest::Method;
use serde_json::{Value, json};
use store::{NewEvent, Store, events};

const HOUR: Duration = Duration::from_hours(1);

/// A gateway whose hour is moved by hand, an ERP, and a receiver of its events.
struct Stage {
    clock: Arc<ManualClock>,
    database: Database,
    store: Store,
    gateway: Gateway,
    network: Network,
    erp: Erp,
    receiver: Receiver,
}

/// Plays each story once on each engine.
macro_rules! on_both {
    ($($(#[$meta:meta])* async fn $name:ident($stage:ident) $body:block)+) => {$(
        mod $name {
            use super::*;

            async fn story(engine: Engine) {
                let Some($stage) = Stage::set(engine).await else { return };
                $body
                $stage.end().await;
            }

            $(#[$meta])*
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                story(Engine::Sqlite).await;
            }

            $(#[$meta])*
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                story(Engine::Postgres).await;
            }
        }
    )+};
}

impl Stage {
    async fn set(engine: Engine) -> Option<Self> {
        let database = Database::fresh(engine).await?;
        let clock = Arc::new(ManualClock::new("2026-09-02T08:00:00Z".parse().unwrap()));
        let store = database.open().await;
        let network = network::network().create(&store, clock.now()).await;
        let token = network.credential(&store, None, clock.now()).await;
        let gateway = start(&database, &clock, &store).await;
        Some(Self {
            erp: Erp::new(&gateway.origin, &token),
            receiver: Receiver::start(),
            clock,
            database,
            store,
            gateway,
            network,
        })
    }

    async fn end(self) {
        assert!(self.gateway.stop().await, "the gateway did not drain");
        self.receiver.stop().await;
        self.database.remove().await;
    }

    /// Asks to be told, and returns where the webhook is in the API, and the answer.
    async fn webhook(&self, kinds: &[&str]) -> (String, Value) {
        let wanted = json!({"url": self.receiver.url, "kinds": kinds});
        let answer = self.erp.post("/api/v1/webhooks", &wanted, &[]).await;
        let made = answer.expect(201);
        (answer.header("location").unwrap().to_owned(), made)
    }

    async fn act(&self, webhook: &str, action: &str, with: Value) -> Value {
        let path = format!("{webhook}/{action}");
        self.erp.post(&path, &with, &[]).await.expect(200)
    }

    async fn read(&self, webhook: &str) -> Value {
        self.erp.get(webhook).await.expect(200)
    }

    /// Writes events of the log, as if deliveries had ended.
    async fn happen(&self, count: usize) {
        let mut tx = self.store.writing().await.unwrap();
        let told: Vec<NewEvent> = (0..count)
            .map(|n| {
                NewEvent::new(self.clock.now(), "delivery.delivered").with(json!({ "number": n }))
            })
            .collect();
        events::append(&mut tx, self.network.tenant, &told);
        tx.commit().await.unwrap();
    }

    /// Hands in a contract, which nobody delivers here, and returns its name.
    async fn submit(&self, seed: u64) -> DeliveryId {
        let id = self.erp.submit(&contract(seed).to(Opco::Akto)).await;
        id.parse().unwrap()
    }

    /// Writes an event about each of these deliveries.
    async fn happen_to(&self, deliveries: &[DeliveryId]) {
        let mut tx = self.store.writing().await.unwrap();
        let event = |id| NewEvent::new(self.clock.now(), "facture.etat_changed").delivery(id);
        let told: Vec<NewEvent> = deliveries.iter().copied().map(event).collect();
        events::append(&mut tx, self.network.tenant, &told);
        tx.commit().await.unwrap();
    }

    /// Stops the gateway and starts another on the same store.
    async fn restarted(self) -> Self {
        assert!(self.gateway.stop().await, "the gateway did not drain");
        let store = self.database.open().await;
        let gateway = start(&self.database, &self.clock, &store).await;
        Self {
            erp: self.erp.at(&gateway.origin),
            store,
            gateway,
            clock: self.clock,
            database: self.database,
            network: self.network,
            receiver: self.receiver,
        }
    }

    /// Lets two seconds pass whenever nothing comes by itself, until there is an answer. The hour
    /// stands still while somebody works: a slow machine loses no lease.
    async fn until<T>(&self, what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
        wait::until(what, async || {
            self.clock.advance(Duration::from_secs(2));
            wait::within(Duration::from_secs(3), &mut ask).await
        })
        .await
    }

    async fn until_taken(&self, count: usize) -> Vec<Told> {
        self.until("every event", async || {
            Some(self.receiver.taken()).filter(|taken| taken.len() >= count)
        })
        .await
    }

    /// Moves the hour to the next try and waits until it has failed.
    async fn fail_once_more(&self, webhook: &str) -> Value {
        let before = self.read(webhook).await;
        if let Some(at) = before["next_attempt_at"].as_str() {
            let at: Timestamp = at.parse().unwrap();
            let left = at.as_millisecond() - self.clock.now().as_millisecond();
            let left = u64::try_from(left).unwrap_or_default();
            self.clock.advance(Duration::from_millis(left));
        }
        self.until("another failure", async || {
            let after = self.read(webhook).await;
            (after["failures"].as_u64() > before["failures"].as_u64()
                || after["state"] == "disabled")
                .then_some(after)
        })
        .await
    }
}

async fn start(database: &Database, clock: &Arc<ManualClock>, store: &Store) -> Gateway {
    let settings = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\nthreads = 1\n{}",
        receiver::OPEN
    );
    let (folder, clock) = (&database.folder, Arc::clone(clock));
    Gateway::start(&settings, Vec::new(), folder, clock, store.clone()).await
}

/// Returns the positions of what was taken, which must rise: in order, and nothing twice.
fn in_order(taken: &[Told]) -> Vec<i64> {
    let positions: Vec<i64> = taken.iter().map(Told::position).collect();
    assert!(
        positions.is_sorted_by(|one, next| one < next),
        "{positions:?}"
    );
    positions
}

/// Returns whether an event carries a `v1a` signature of this public key.
fn signed_by(told: &Told, public: &str) -> bool {
    let public = STANDARD
        .decode(public.strip_prefix("whpk_").unwrap())
        .unwrap();
    let key = UnparsedPublicKey::new(&ED25519, public);
    let message = format!("{}.{}.{}", told.id, told.timestamp, told.body);
    let own = told
        .signature
        .split(' ')
        .filter_map(|one| one.strip_prefix("v1a,"));
    let mut own = own.map(|one| STANDARD.decode(one).unwrap());
    own.any(|one| key.verify(message.as_bytes(), &one).is_ok())
}

on_both! {
    async fn an_erp_is_told_of_each_event_once_in_order_and_signed(stage) {
        let (webhook, made) = stage.webhook(&[]).await;
        stage.happen(60).await;
        let taken = stage.until_taken(60).await;
        assert_eq!(in_order(&taken).len(), 60);
        let feed = stage.erp.events().await;
        let delivered: Vec<&Value> = feed.iter()
            .filter(|event| event["kind"] == "delivery.delivered").collect();
        for (told, event) in taken.iter().zip(delivered) {
            assert_eq!(told.id, event["id"].as_str().unwrap());
            let body = told.json();
            assert_eq!((&body["type"], &body["timestamp"]), (&event["kind"], &event["at"]));
            assert_eq!(body["data"]["details"], event["data"]);
            assert!(told.is_signed_with(made["secret"].as_str().unwrap()), "{told:?}");
            assert!(signed_by(told, made["webhook"]["public_key"].as_str().unwrap()), "{told:?}");
        }
        let attempts = stage.erp.get(&format!("{webhook}/attempts?limit=200")).await.expect(200);
        let attempts = attempts["attempts"].as_array().unwrap().clone();
        assert_eq!(attempts.len(), 60);
        assert!(attempts.iter().all(|one| one["outcome"] == "delivered" && one["http_status"] == 204));
    }

    async fn an_erp_that_was_down_for_two_days_gets_everything_once_and_in_order(stage) {
        let (webhook, _) = stage.webhook(&[]).await;
        stage.receiver.answer(503);
        let began = stage.clock.now();
        while stage.clock.now() < began.checked_add(48 * HOUR).unwrap() {
            stage.happen(5).await;
            let read = stage.fail_once_more(&webhook).await;
            assert_eq!(read["state"], "active", "{read:#}");
        }
        let tried = stage.receiver.refused();
        assert!((5..15).contains(&tried), "{tried} tries in two days");
        stage.receiver.answer(200);
        let expected = tried * 5;
        stage.clock.advance(27 * HOUR);
        let taken = stage.until_taken(expected).await;
        assert_eq!(in_order(&taken).len(), expected);
        let read = stage.read(&webhook).await;
        assert_eq!((&read["failures"], &read["failing_since"]), (&json!(0), &Value::Null));
    }

    async fn an_erp_that_stays_down_is_left_alone_and_loses_nothing(stage) {
        let (webhook, _) = stage.webhook(&[]).await;
        let (watch, _) = stage.webhook(&["webhook.disabled"]).await;
        stage.act(&watch, "disable", json!({})).await;
        stage.receiver.answer(500);
        stage.happen(3).await;
        let began = stage.clock.now();
        let disabled = wait::until("the end of patience", async || {
            let read = stage.fail_once_more(&webhook).await;
            (read["state"] == "disabled").then_some(read)
        }).await;
        assert_eq!(disabled["reason"], "failing");
        assert!(stage.clock.now() >= began.checked_add(120 * HOUR).unwrap());
        let tried = stage.receiver.refused();
        stage.clock.advance(100 * HOUR);
        stage.happen(2).await;
        let told = stage.erp.events().await.into_iter().rfind(|event| event["kind"] == "webhook.disabled");
        assert_eq!(told.unwrap()["data"], json!({
            "webhook": disabled["id"], "environment": "test", "reason": "failing",
        }));
        assert_eq!(stage.receiver.refused(), tried, "it is left alone");
        stage.receiver.answer(204);
        stage.act(&webhook, "enable", json!({})).await;
        let taken = stage.until_taken(5).await;
        assert_eq!(in_order(&taken).len(), 5);
    }

    async fn an_erp_that_answers_gone_is_told_no_more_until_a_person_says_so(stage) {
        let (webhook, _) = stage.webhook(&[]).await;
        stage.receiver.answer(410);
        stage.happen(2).await;
        let read = stage.fail_once_more(&webhook).await;
        assert_eq!((&read["state"], &read["reason"]), (&json!("disabled"), &json!("gone")));
        assert_eq!(stage.receiver.refused(), 1);
        stage.receiver.answer(204);
        stage.act(&webhook, "enable", json!({})).await;
        assert_eq!(in_order(&stage.until_taken(2).await).len(), 2);
    }

    async fn a_redirect_is_a_failure_and_leads_nowhere(stage) {
        let elsewhere = Receiver::start();
        let (webhook, _) = stage.webhook(&[]).await;
        stage.receiver.redirect(&elsewhere.url);
        stage.happen(1).await;
        let read = stage.fail_once_more(&webhook).await;
        assert_eq!(read["failures"], 1);
        let attempts = stage.erp.get(&format!("{webhook}/attempts")).await.expect(200);
        assert_eq!(attempts["attempts"][0]["outcome"], "redirected");
        assert!(elsewhere.taken().is_empty() && elsewhere.refused() == 0);
        elsewhere.stop().await;
    }

    async fn any_part_of_the_log_is_told_again_under_the_same_names(stage) {
        let (webhook, _) = stage.webhook(&[]).await;
        stage.happen(10).await;
        let first = stage.until_taken(10).await;
        let third = first[2].position();
        stage.act(&webhook, "replay", json!({"after": third})).await;
        let taken = stage.until_taken(17).await;
        let ids = |told: &[Told]| told.iter().map(|one| one.id.clone()).collect::<Vec<_>>();
        assert_eq!(ids(&taken[10..]), ids(&first[3..]));
        // A webhook made later is told of what came before it, if asked to.
        stage.act(&webhook, "disable", json!({})).await;
        let (late, _) = stage.webhook(&[]).await;
        let since = json!({"since": "2026-09-02T08:00:00Z"});
        stage.act(&late, "replay", since).await;
        let taken = stage.until_taken(27).await;
        assert_eq!(ids(&taken[17..]), ids(&first));
    }

    async fn both_secrets_sign_until_the_overlap_ends(stage) {
        let (webhook, made) = stage.webhook(&[]).await;
        let old = made["secret"].as_str().unwrap();
        let rotated = stage.act(&webhook, "rotate", json!({"overlap_hours": 2})).await;
        let new = rotated["secret"].as_str().unwrap();
        stage.happen(1).await;
        let during = stage.until_taken(1).await[0].clone();
        assert!(during.is_signed_with(old) && during.is_signed_with(new), "{during:?}");
        assert!(signed_by(&during, made["webhook"]["public_key"].as_str().unwrap()));
        assert!(signed_by(&during, rotated["webhook"]["public_key"].as_str().unwrap()));
        stage.clock.advance(2 * HOUR);
        stage.happen(1).await;
        let after = stage.until_taken(2).await[1].clone();
        assert!(!after.is_signed_with(old) && after.is_signed_with(new), "{after:?}");
        assert_eq!(after.signature.split(' ').count(), 2);
    }

    async fn each_webhook_gets_the_events_of_its_network_that_it_asked_for(stage) {
        let neighbour = network::network().marked("voisin").create(&stage.store, stage.clock.now()).await;
        let (_, made) = stage.webhook(&["webhook.deleted"]).await;
        let mut tx = stage.store.writing().await.unwrap();
        let theirs = NewEvent::new(stage.clock.now(), "webhook.deleted").with(json!({"whose": "voisin"}));
        events::append(&mut tx, neighbour.tenant, &[theirs]);
        tx.commit().await.unwrap();
        stage.happen(3).await;
        let (other, _) = stage.webhook(&[]).await;
        let deleted = stage.erp.request(Method::DELETE, &other, &[], Vec::new()).await;
        assert_eq!(deleted.status, 204);
        let taken = stage.until_taken(1).await;
        assert_eq!(taken[0].json()["type"], "webhook.deleted");
        // It has been told of everything by now, and that was all.
        let place = format!("/api/v1/webhooks/{}", made["webhook"]["id"].as_str().unwrap());
        stage.until("its end of the log", async || {
            (stage.read(&place).await["behind"] == 0).then_some(())
        }).await;
        assert_eq!(stage.receiver.taken().len(), 1);
    }

    async fn a_slow_erp_keeps_nobody_else_waiting(stage) {
        let (_, _) = stage.webhook(&[]).await;
        stage.receiver.delay(Duration::from_mins(10));
        stage.happen(1).await;
        let quick = Receiver::start();
        let wanted = json!({"url": quick.url});
        stage.erp.post("/api/v1/webhooks", &wanted, &[]).await.expect(201);
        stage.happen(4).await;
        let taken = stage.until("the quick one", async || {
            Some(quick.taken()).filter(|taken| taken.len() == 4)
        }).await;
        assert_eq!(in_order(&taken).len(), 4);
        assert!(stage.receiver.taken().is_empty());
        stage.receiver.delay(Duration::ZERO);
        quick.stop().await;
    }
}

/// Two replicas share the work, and never the same ERP at the same time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_tell_an_erp_one_event_at_a_time() {
    let Some(stage) = Stage::set(Engine::Postgres).await else {
        return;
    };
    let other_store = stage.database.open().await;
    let other = start(&stage.database, &stage.clock, &other_store).await;
    stage.webhook(&[]).await;
    stage.receiver.delay(Duration::from_millis(10));
    for _ in 0..8 {
        stage.happen(20).await;
    }
    let taken = stage.until_taken(160).await;
    assert_eq!(in_order(&taken).len(), 160);
    assert_eq!(stage.receiver.in_hand_max(), 1);
    assert!(other.stop().await);
    stage.end().await;
}

mod a_dossier_that_an_erp_fails_at_holds_back_its_own_news_only {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn on_sqlite() {
        choked(Engine::Sqlite).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn on_postgres() {
        choked(Engine::Postgres).await;
    }
}

async fn choked(engine: Engine) {
    let Some(stage) = Stage::set(engine).await else {
        return;
    };
    let (webhook, _) = stage.webhook(&["facture.etat_changed"]).await;
    let (bad, good) = (stage.submit(1).await, stage.submit(2).await);
    stage.receiver.choke_on(Some(&bad.to_string()));
    stage.happen_to(&[bad, good, bad, good]).await;
    let read = stage.fail_once_more(&webhook).await;
    assert_eq!(
        (read["failures"].as_u64(), &read["parked"]),
        (Some(1), &json!([]))
    );
    // The second failure: the others are tried, and go on.
    stage.clock.advance(Duration::from_secs(6));
    let taken = stage.until_taken(2).await;
    let about = |told: &[Told]| {
        told.iter()
            .map(|one| {
                one.json()["data"]["delivery_id"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(about(&taken), [good.to_string(), good.to_string()]);
    let parked = stage
        .until("the end of the log", async || {
            let read = stage.read(&webhook).await;
            (read["behind"] == 0).then_some(read)
        })
        .await;
    assert_eq!(parked["failures"], 0);
    let dossiers = parked["parked"].as_array().unwrap();
    assert_eq!(
        (dossiers.len(), &dossiers[0]["events"]),
        (1, &json!(2)),
        "{parked:#}"
    );
    assert_eq!(dossiers[0]["failures"], 2);
    // A gateway that starts anew knows what it put aside, and what comes later stays behind it.
    let stage = stage.restarted().await;
    stage.happen_to(&[bad, good]).await;
    assert_eq!(about(&stage.until_taken(3).await)[2], good.to_string());
    stage.receiver.choke_on(None);
    stage.clock.advance(Duration::from_mins(10));
    let taken = stage.until_taken(6).await;
    assert_eq!(
        about(&taken[3..]),
        [bad.to_string(), bad.to_string(), bad.to_string()]
    );
    in_order(&taken[3..]);
    in_order(&taken[..3]);
    // What happened that nobody wants to be told of is passed by too, in its own time.
    stage
        .until("nothing put aside and nothing left", async || {
            let read = stage.read(&webhook).await;
            (read["parked"] == json!([]) && read["behind"] == 0).then_some(())
        })
        .await;
    assert_eq!(stage.receiver.taken().len(), 6, "each once");
    stage.end().await;
}
