//! What the gateway notices by itself is told once: when it begins, when it grows, when it ends.

use std::sync::Arc;
use std::time::Duration;

use domain::alert::Severity;
use domain::clock::{Clock as _, ManualClock};
use domain::id::SilenceId;
use domain::person::{Language, Role};
use domain::{DeliveryId, Opco, Timestamp};
use harness::database::{Database, Engine};
use harness::desk::account;
use harness::erp::Erp;
use harness::gateway::Gateway;
use harness::network::{self, Network, WORLD};
use harness::payload::contract;
use harness::postbox::Postbox;
use harness::wait;
use jiff::ToSpan as _;
use jiff::civil::{Date, Weekday, date};
use jiff::tz::TimeZone;
use serde_json::Value;
use store::alerts::choices::{self, Choice};
use store::alerts::{self, Silence};
use store::people::{self, Scope};
use store::pulse::{self, word};
use store::unknown_fields::{self, About};
use store::{NewEvent, Store, events, keys};

const SETTINGS: &str = "[server]\nlisten = \"127.0.0.1:0\"\nthreads = 1\n[alerts]\nevery_s = 10\n";

/// Two gateways on one store, whose hour is moved by hand, and an ERP.
struct Stage {
    clock: Arc<ManualClock>,
    database: Database,
    store: Store,
    gateways: [Gateway; 2],
    network: Network,
    erp: Erp,
    postbox: Postbox,
}

/// Plays each story once on each engine.
macro_rules! on_both {
    ($(async fn $name:ident($stage:ident) $body:block)+) => {$(
        mod $name {
            use super::*;

            async fn story(engine: Engine) {
                let Some($stage) = Stage::set(engine).await else { return };
                $body
                $stage.end().await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                story(Engine::Sqlite).await;
            }

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
        let clock = Arc::new(ManualClock::new("2026-09-02T08:30:00Z".parse().unwrap()));
        let store = database.open().await;
        let network = network::network()
            .sites(2)
            .create(&store, clock.now())
            .await;
        let token = network.credential(&store, None, clock.now()).await;
        let folder = &database.folder;
        let postbox = Postbox::open().await;
        let settings = format!("{SETTINGS}{}", postbox.settings());
        let start = || Gateway::start(&settings, Vec::new(), folder, clock.clone(), store.clone());
        let gateways = [start().await, start().await];
        Some(Self {
            erp: Erp::new(&gateways[0].origin, &token),
            clock,
            database,
            store,
            gateways,
            network,
            postbox,
        })
    }

    async fn end(self) {
        for gateway in self.gateways {
            assert!(gateway.stop().await, "the gateway did not drain");
        }
        self.postbox.close();
        self.database.remove().await;
    }

    /// Opens an account that reads a language and wants alerts by mail from this on.
    async fn person(&self, email: &str, role: Role, language: Language, least: Severity) {
        let (tenant, now) = (self.network.tenant, self.clock.now());
        let roles = [(role, Scope::Network)];
        let person = account(&self.store, tenant, email, &roles, now).await;
        let choice = Choice {
            least: Some(least),
            report: false,
        };
        let mut tx = self.store.writing().await.unwrap();
        let kept = people::set_language(&mut tx, (tenant, person.id), language, now).await;
        assert!(kept.unwrap());
        choices::keep(&mut tx, tenant, person.id, choice)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    /// Lets two seconds pass whenever nothing comes by itself, until there is an answer.
    async fn until<T>(&self, what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
        wait::until(what, async || {
            self.clock.advance(Duration::from_secs(2));
            wait::within(Duration::from_millis(300), &mut ask).await
        })
        .await
    }

    /// Lets half a minute pass, unless a mail is in somebody's hands: however slow the machine, none is taken from
    /// who sends it. Returns how many are.
    async fn pass(&self) -> usize {
        const IN_HAND: &str = "select count(*) from mail where lease_owner is not null";
        let taken = self.database.number(IN_HAND).await;
        if taken == 0 {
            self.clock.advance(Duration::from_secs(30));
        }
        usize::try_from(taken).unwrap()
    }

    /// What was told of one condition: the kind, and its step.
    async fn told(&self, erp: &Erp, condition: &str) -> Vec<(String, Value)> {
        let events = erp.events().await.into_iter();
        let own = events.filter(|event| event["data"]["condition"] == condition);
        own.map(|event| {
            let kind = event["kind"].as_str().unwrap().to_owned();
            (kind, event["data"].clone())
        })
        .collect()
    }

    async fn until_told(&self, condition: &str, count: usize) -> Vec<(String, Value)> {
        let what = format!("{condition}, {count} times");
        self.until(&what, async || {
            let told = self.told(&self.erp, condition).await;
            (told.len() >= count).then_some(told)
        })
        .await
    }

    /// Moves the last day of the key of the first site at one OPCO.
    async fn ends_on(&self, day: &str) {
        let (tenant, site) = (self.network.tenant, self.network.sites[0]);
        let mut tx = self.store.writing().await.unwrap();
        let all = keys::list(&mut tx, tenant).await.unwrap();
        let of = |key: &&keys::CfaKey| key.instance.opco == Opco::Akto && key.siret_cfa == site;
        let key = all.iter().find(of).unwrap();
        let (end, now) = (Some(day.parse().unwrap()), self.clock.now());
        keys::set_probe_result(&mut tx, tenant, key.id, "accepted", end, now)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    /// Has an OPCO send a field that nobody knows.
    async fn unknown(&self, name: &str) {
        let about = About {
            tenant: self.network.tenant,
            environment: WORLD,
            opco: Opco::Akto,
            place: "etats",
        };
        let mut tx = self.store.writing().await.unwrap();
        unknown_fields::tell(&mut tx, &about, (name, 1), self.clock.now())
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    /// Waits until the only alert of keys was looked at again with this step.
    async fn until_seen(&self, level: u8) -> alerts::Alert {
        let since = self.clock.now();
        self.until("another look", async || {
            let mut tx = self.store.reading().await.unwrap();
            let lasting = alerts::lasting(&mut tx, self.network.tenant).await.unwrap();
            lasting.into_iter().find(|alert| {
                alert.subject.site.is_some()
                    && alert.measure.level == level
                    && alert.seen_at > since
            })
        })
        .await
    }
}

fn steps(told: &[(String, Value)]) -> Vec<(&str, i64)> {
    told.iter()
        .map(|(kind, data)| (kind.as_str(), data["niveau"].as_i64().unwrap()))
        .collect()
}

on_both! {
    async fn a_key_that_nears_its_end_is_told_once_for_each_step_by_two_replicas(stage) {
        stage.ends_on("2026-09-22").await;
        let told = stage.until_told("key_expiry", 1).await;
        assert_eq!(steps(&told), [("alert.raised", 2)]);
        let data = &told[0].1;
        assert_eq!((&data["opco"], &data["valeur"]), (&"akto".into(), &20.into()));
        assert_eq!((&data["gravite"], &data["resume"]), (&"notice".into(), &"20 j restants".into()));
        stage.ends_on("2026-09-06").await;
        stage.until_told("key_expiry", 2).await;
        // A person wants to hear no more of it.
        let alert = stage.until_seen(3).await;
        let now = stage.clock.now();
        let silence = Silence {
            id: SilenceId::new(now),
            environment: alert.environment,
            condition: alert.condition,
            subject: alert.subject.to_string(),
            ends_at: now.checked_add(Duration::from_mins(10)).unwrap(),
            reason: "La nouvelle clé arrive.".to_owned(),
            author: "person:x".to_owned(),
            created_at: now,
        };
        let mut tx = stage.store.writing().await.unwrap();
        alerts::silence(&mut tx, stage.network.tenant, &silence).await.unwrap();
        tx.commit().await.unwrap();
        stage.ends_on("2026-09-03").await;
        stage.until_seen(4).await;
        assert_eq!(stage.told(&stage.erp, "key_expiry").await.len(), 2);
        stage.clock.advance(Duration::from_mins(10));
        stage.until_told("key_expiry", 3).await;
        stage.network.revoke_keys(&stage.store, stage.network.sites[0], Opco::Akto, stage.clock.now()).await;
        let told = stage.until_told("key_expiry", 4).await;
        assert_eq!(steps(&told), [
            ("alert.raised", 2), ("alert.raised", 3), ("alert.raised", 4), ("alert.cleared", 4),
        ]);
        // Who speaks for that site hears of it, who speaks for another does not.
        let sites = &stage.network.sites;
        for (site, count) in [(sites[0], 4), (sites[1], 0)] {
            let token = stage.network.credential(&stage.store, Some(vec![site]), stage.clock.now()).await;
            let told = stage.told(&stage.erp.with_token(&token), "key_expiry").await;
            assert_eq!(told.len(), count, "{site}");
        }
    }

    async fn an_opco_that_begins_to_send_new_fields_is_told_once_and_it_ends_by_itself(stage) {
        stage.unknown("/bonus").await;
        let told = stage.until_told("unknown_field", 1).await;
        let data = &told[0].1;
        assert_eq!((&data["opco"], &data["gravite"]), (&"akto".into(), &"notice".into()));
        assert_eq!(data["resume"], "1 nouveau en 14 jours");
        // What came keeps coming, and a day later one more: it is the same change.
        stage.clock.advance(Duration::from_hours(24));
        stage.unknown("/bonus").await;
        stage.unknown("/malus").await;
        stage.until("both counted", async || {
            let mut tx = stage.store.reading().await.unwrap();
            let lasting = alerts::lasting(&mut tx, stage.network.tenant).await.unwrap();
            lasting.into_iter().find(|alert| alert.measure.value == 2)
        }).await;
        assert_eq!(stage.told(&stage.erp, "unknown_field").await.len(), 1);
        let open = "cfa_gateway_alerts_open{environment=\"test\",kind=\"unknown_field\"} 1.0";
        stage.until("the measure", async || {
            let told = stage.erp.get("/metrics").await.text;
            told.contains(open).then_some(())
        }).await;
        // Both keep coming, and nothing new does.
        stage.clock.advance(Duration::from_hours(24 * 14));
        stage.unknown("/malus").await;
        let told = stage.until_told("unknown_field", 2).await;
        assert_eq!(steps(&told), [("alert.raised", 1), ("alert.cleared", 1)]);
    }

    async fn who_wants_it_gets_one_mail_though_the_mail_server_was_down(stage) {
        stage.person("ana@cfa.example", Role::Keys, Language::Fr, Severity::Notice).await;
        stage.person("eve@cfa.example", Role::Admin, Language::En, Severity::Notice).await;
        // One hears of nothing so mild, another may not see keys.
        stage.person("bob@cfa.example", Role::Keys, Language::Fr, Severity::Warning).await;
        stage.person("lit@cfa.example", Role::Reader, Language::Fr, Severity::Notice).await;
        stage.postbox.answer(451);
        stage.ends_on("2026-09-22").await;
        stage.until_told("key_expiry", 1).await;
        wait::until("two tries of each", async || {
            stage.pass().await;
            (stage.postbox.refused() >= 4).then_some(())
        }).await;
        stage.postbox.answer(250);
        // None is taken in hand before it is sent: of several taken at once, another could send the last as well.
        stage.postbox.hold(true);
        wait::until("a mail in hand, and none besides", async || {
            let taken = stage.pass().await;
            (taken > 0 && taken == stage.postbox.in_hand()).then_some(())
        }).await;
        stage.postbox.hold(false);
        wait::until("the mails", async || {
            stage.pass().await;
            (stage.postbox.letters().len() >= 2).then_some(())
        }).await;
        stage.clock.advance(Duration::from_hours(1));
        stage.until_seen(2).await;
        let mut letters = stage.postbox.letters();
        letters.sort_by_key(|letter| letter.to.clone());
        assert_eq!(letters.iter().map(|one| one.to.clone()).collect::<Vec<_>>(), [["ana@cfa.example"], ["eve@cfa.example"]]);
        let site = stage.network.sites[0];
        let fr = format!("[CFA Gateway] information : Clé CFA en fin de validité, AKTO, Site {site} ({site}), 20 j restants");
        assert_eq!(letters[0].header("Subject"), Some(fr));
        let en = format!("[CFA Gateway] notice: CFA key near its end, AKTO, Site {site} ({site}), 20 d left");
        assert_eq!(letters[1].header("Subject"), Some(en));
        for letter in &letters {
            assert_eq!(letter.header("Auto-Submitted").as_deref(), Some("auto-generated"));
            let (body, secret) = (letter.body(), stage.network.key(site, Opco::Akto));
            assert!(body.contains("http://127.0.0.1:8081/alerts?world=test#"), "{body}");
            assert!(!body.contains(&secret) && !body.contains('@'), "{body}");
        }
    }

    async fn yesterday_is_told_once_after_its_hour_to_the_site_and_to_who_wants_it(stage) {
        looked_at(&stage, "2026-09-02T08").await;
        stage.person("ana@cfa.example", Role::Admin, Language::Fr, Severity::Critical).await;
        stage.person("lit@cfa.example", Role::Reader, Language::Fr, Severity::Notice).await;
        let mut tx = stage.store.writing().await.unwrap();
        let people = people::list(&mut tx, stage.network.tenant).await.unwrap();
        let ana = people.iter().find(|person| person.email == "ana@cfa.example").unwrap();
        let choice = Choice { least: None, report: true };
        choices::keep(&mut tx, stage.network.tenant, ana.id, choice).await.unwrap();
        tx.commit().await.unwrap();
        stage.erp.submit(&contract(911).to(Opco::Akto)).await;
        stage.ends_on("2026-09-30").await;
        let told = async || {
            let events = stage.erp.events().await.into_iter();
            events.filter(|event| event["kind"] == "report.daily").collect::<Vec<Value>>()
        };
        // Half past six in France, then half past seven.
        looked_at(&stage, "2026-09-03T04").await;
        assert!(told().await.is_empty());
        looked_at(&stage, "2026-09-03T05").await;
        // A look that two replicas took at once may have come to nothing: the next one tells.
        stage.until("the report", async || (!told().await.is_empty()).then_some(())).await;
        looked_at(&stage, "2026-09-03T06").await;
        let told = told().await;
        assert_eq!(told.len(), 1, "{told:#?}");
        let data = &told[0]["data"];
        let site = stage.network.sites[0];
        assert_eq!((&data["jour"], &data["siretCfa"]), (&"2026-09-02".into(), &site.as_str().into()));
        assert_eq!((&data["deposes"], &data["arrives"]), (&1.into(), &0.into()));
        let open = |of: &str| data[of].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum::<u64>();
        assert_eq!(open("retenus") + open("enAttente"), 1, "{data}");
        assert_eq!(data["cles"], serde_json::json!([{ "opco": "akto", "joursRestants": 27 }]));
        let senders = data["expediteurs"].as_array().unwrap();
        assert_eq!(senders.len(), 1, "{data}");
        assert_eq!((&senders[0]["deposes"], &senders[0]["arrives"]), (&1.into(), &0.into()), "{data}");
        assert!(senders[0]["cle"].is_string() && senders[0]["nom"].is_string(), "{data}");
        let letters = stage.until("the mail", async || {
            Some(stage.postbox.letters()).filter(|letters| !letters.is_empty())
        }).await;
        let reports: Vec<_> = letters.iter().filter(|one| one.header("Subject").unwrap().contains("rapport")).collect();
        assert_eq!(reports.len(), 1);
        assert_eq!(reports[0].to, ["ana@cfa.example"]);
        let body = reports[0].body();
        assert!(body.contains("Déposés : 1 ; arrivés : 0") && body.contains("Clé AKTO : 27 jours"), "{body}");
        assert!(body.contains("1 déposé, dont à ce jour 0 arrivé"), "{body}");
    }

    async fn a_site_that_usually_sends_at_this_hour_and_does_not_is_told_and_ends_with_what_it_sends(stage) {
        let sent = stage.erp.submit(&contract(901).to(Opco::Akto)).await;
        let delivery: DeliveryId = sent.parse().unwrap();
        let mut tx = stage.store.writing().await.unwrap();
        events::append(&mut tx, stage.network.tenant, &past(delivery));
        tx.commit().await.unwrap();
        // From 10:30 in France on: eleven to three are four whole hours of silence, then five.
        for hour in 9..14 {
            looked_at(&stage, &format!("2026-09-02T{hour:02}")).await;
            let told = stage.told(&stage.erp, "sender_silent").await;
            assert_eq!(told, [], "at {hour}");
        }
        looked_at(&stage, "2026-09-02T14").await;
        let told = stage.until_told("sender_silent", 1).await;
        assert_eq!(steps(&told), [("alert.raised", 1)]);
        assert_eq!(told[0].1["siretCfa"], stage.network.sites[0].as_str());
        stage.erp.submit(&contract(902).to(Opco::Akto)).await;
        let told = stage.until_told("sender_silent", 2).await;
        assert_eq!(told[1].0, "alert.cleared");
    }
}

/// Two contracts an hour, from eleven to six in France, on each day of work of June and July.
fn past(delivery: DeliveryId) -> Vec<NewEvent> {
    let off = |day: &Date| matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
    let days = date(2026, 6, 3).series(1.day());
    let days = days
        .take_while(|day| *day < date(2026, 8, 1))
        .filter(|day| !off(day));
    days.flat_map(|day| {
        (9..17).flat_map(move |hour| {
            let at = day
                .at(hour, 5, 0, 0)
                .to_zoned(TimeZone::UTC)
                .unwrap()
                .timestamp();
            let event = move |_| NewEvent::new(at, "delivery.accepted").delivery(delivery);
            (0..2).map(event)
        })
    })
    .collect()
}

/// Moves to half past an hour and waits until a gateway has looked in it, twice.
async fn looked_at(stage: &Stage, hour: &str) {
    let now: Timestamp = stage.clock.now();
    let wanted: Timestamp = format!("{hour}:30:00Z").parse().unwrap();
    if wanted > now {
        let left = u64::try_from(wanted.as_millisecond() - now.as_millisecond()).unwrap();
        stage.clock.advance(Duration::from_millis(left));
    }
    let start: Timestamp = format!("{hour}:00:00Z").parse().unwrap();
    stage
        .until("a look in this hour", async || {
            let mut tx = stage.store.reading().await.unwrap();
            let counted = pulse::all(&mut tx, stage.network.tenant).await.unwrap();
            let mut looks = counted
                .iter()
                .filter(|one| one.word == word::WATCHED && one.at == start);
            looks.any(|one| one.count >= 4).then_some(())
        })
        .await;
}
