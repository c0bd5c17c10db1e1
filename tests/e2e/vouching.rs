//! Others vouch for the logs: a witness cosigns, an authority dates, evidence says so, and nobody waits for them.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::clock::{Clock as _, ManualClock};
use domain::proof::{Authorities, Conflict, Evidence, Seen, Verified, VerifierKey, WitnessKey};
use domain::{Opco, Timestamp};
use harness::database::{Database, Engine};
use harness::erp::Erp;
use harness::gateway::Gateway;
use harness::network::{self, Network};
use harness::payload::contract;
use harness::vouchers::{Authority, SEEN_AT, Witness};
use harness::wait;
use store::Store;
use store::proofs::{self, Party, Standing};

/// A round of seals, and of those who vouch.
const ROUND: Duration = Duration::from_mins(1);

/// A gateway whose hour is moved by hand, an ERP, a witness, and an authority where there is `openssl`.
struct Stage {
    clock: Arc<ManualClock>,
    database: Database,
    store: Store,
    gateway: Gateway,
    network: Network,
    erp: Erp,
    log: VerifierKey,
    witness: Witness,
    authority: Option<Authority>,
}

impl Stage {
    async fn set(engine: Engine) -> Option<Self> {
        let database = Database::fresh(engine).await?;
        let clock = Arc::new(ManualClock::new("2026-09-02T08:00:00Z".parse().unwrap()));
        let store = database.open().await;
        // Held at once, so that nothing more happens to what is handed in.
        let plan = network::network().without_key(Opco::Akto);
        let network = plan.create(&store, clock.now()).await;
        let token = network.credential(&store, None, clock.now()).await;
        let keys = store
            .published_keys(network.tenant, clock.now())
            .await
            .unwrap();
        let log = keys[0].verifier.clone();
        let witness = Witness::start("temoin.example/w1");
        witness.knows(&log);
        let authority = Authority::start(&database.folder);
        let mut settings = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\nthreads = 1\n\
             [proof.outside]\nallow_http = true\nallowed_networks = [\"127.0.0.0/8\"]\n\
             [proof.witness.un]\nurl = \"{}\"\nkey = \"{}\"\nevery_s = 60\n",
            witness.url, witness.key
        );
        if let Some(authority) = &authority {
            let (url, ca) = (&authority.url, authority.ca.display());
            let section =
                format!("[proof.timestamp]\nurl = \"{url}\"\nca = \"{ca}\"\nevery_s = 3600\n");
            settings.push_str(&section);
        }
        let folder = &database.folder;
        let gateway =
            Gateway::start(&settings, Vec::new(), folder, clock.clone(), store.clone()).await;
        Some(Self {
            erp: Erp::new(&gateway.origin, &token),
            clock,
            store,
            gateway,
            network,
            log,
            witness,
            authority,
            database,
        })
    }

    async fn end(self) {
        assert!(self.gateway.stop().await, "the gateway did not drain");
        self.witness.stop().await;
        if let Some(authority) = self.authority {
            authority.stop().await;
        }
        self.database.remove().await;
    }

    /// Hands in a contract, which nobody delivers here: the answer waits for nobody who vouches.
    async fn submit(&self, seed: u64) -> String {
        self.erp.submit(&contract(seed).to(Opco::Akto)).await
    }

    async fn standing(&self, party: &Party) -> Option<Standing> {
        let mut tx = self.store.reading().await.unwrap();
        let all = proofs::standings(&mut tx, Some(self.network.tenant))
            .await
            .unwrap();
        all.into_iter().find(|one| one.party == *party)
    }

    fn party(&self) -> Party {
        Party::Witness(self.witness.key.parse().unwrap())
    }

    /// Moves the hour round after round until a party stands as wanted.
    async fn until(
        &self,
        what: &str,
        party: &Party,
        wanted: impl Fn(&Standing) -> bool,
    ) -> Standing {
        wait::until(what, async || {
            self.clock.advance(ROUND);
            self.standing(party).await.filter(&wanted)
        })
        .await
    }

    /// Moves the hour until all that is in the log by now is vouched for by a party.
    async fn until_all(&self, party: &Party) -> Standing {
        let mut tx = self.store.reading().await.unwrap();
        let head = store::events::head(&mut tx, self.network.tenant)
            .await
            .unwrap();
        let head = u64::try_from(head).unwrap();
        self.until("it vouches for all of it", party, |one| one.size >= head)
            .await
    }

    async fn evidence(&self, delivery: &str) -> (String, Verified) {
        let path = format!("/api/v1/deliveries/{delivery}/preuve");
        let file = self.erp.get(&path).await;
        assert_eq!(file.status.as_u16(), 200, "{}", file.text);
        let verified =
            Evidence::verify(file.text.as_bytes(), std::slice::from_ref(&self.log)).unwrap();
        (file.text, verified)
    }

    async fn metric(&self, line: &str) -> bool {
        self.erp.get("/metrics").await.text.contains(line)
    }

    /// What a witness and an authority vouch for is in the evidence, and each holds by itself.
    async fn both_vouch(&self) {
        let delivery = self.submit(1).await;
        self.until_all(&self.party()).await;
        if self.authority.is_some() {
            self.until_all(&Party::Authority).await;
        }
        let (file, verified) = self.evidence(&delivery).await;
        let key: WitnessKey = self.witness.key.parse().unwrap();
        let Seen { size, at } = verified.seen_by(&key).unwrap();
        assert!(verified.covers(size));
        assert_eq!(
            at,
            Timestamp::from_second(i64::try_from(SEEN_AT).unwrap()).unwrap()
        );
        if let Some(authority) = &self.authority {
            let pem = std::fs::read(&authority.ca).unwrap();
            let dated = verified
                .dated_by(&Authorities::from_pem(&pem).unwrap())
                .unwrap()
                .unwrap();
            assert_eq!(dated.stamp.authority, "horloge");
            assert!(verified.covers(dated.size));
            let anchors = verified.evidence.anchors.iter();
            let dated = anchors.filter_map(|one| Some((one, one.timestamp.as_ref()?)));
            for (anchor, token) in dated {
                let token = STANDARD.decode(token).unwrap();
                assert!(authority.verifies(&token, anchor.checkpoint.as_bytes()));
                assert!(!authority.verifies(&token, b"another content"));
            }
        }
        let other = file.replace(
            "\"cosignatures\": [\n        \"",
            "\"cosignatures\": [\n        \"\u{2014} x AAAAAAAAAAA=\",\"",
        );
        assert!(Evidence::verify(other.as_bytes(), std::slice::from_ref(&self.log)).is_err());
        let audited = self
            .store
            .audit_vouched(self.network.tenant, None)
            .await
            .unwrap();
        assert!(audited.cosignatures > 0 && audited.findings.is_empty());
    }

    /// Both are down: what is handed in is taken all the same; both are back: they catch up.
    async fn both_are_down_and_back(&self) {
        self.witness.out(Some(503));
        if let Some(authority) = &self.authority {
            authority.out(true);
        }
        let delivery = self.submit(2).await;
        self.until("it was tried", &self.party(), |one| one.failures > 1)
            .await;
        assert!(
            self.metric(r#"cfa_gateway_vouching_attempts_total{party="un",outcome="refused"}"#)
                .await
        );
        self.witness.out(None);
        if let Some(authority) = &self.authority {
            authority.out(false);
        }
        let caught_up = self.until_all(&self.party()).await;
        assert_eq!(caught_up.failures, 0);
        assert_eq!(caught_up.size, self.witness.seen(&self.log));
        let (_, verified) = self.evidence(&delivery).await;
        assert!(verified.seen_by(&self.witness.key.parse().unwrap()).is_ok());
    }

    /// What the gateway knew of the witness is lost: the witness says where it stands, and goes on from there.
    async fn the_witness_says_where_it_stands(&self) {
        self.database.script("delete from proof_party").await;
        let before = self.witness.asked();
        self.submit(3).await;
        self.until_all(&self.party()).await;
        assert!(
            self.witness.asked() >= before + 2,
            "refused from 0, then shown from its own size"
        );
    }

    /// The witness saw more than there is: it is told once, asked no more, and nothing else stops.
    async fn the_witness_contradicts(&self) {
        self.witness.saw(9_999);
        self.submit(4).await;
        let against = self
            .until("it contradicts", &self.party(), |one| {
                one.conflict.is_some()
            })
            .await;
        assert_eq!(against.conflict.unwrap().0, Conflict::Ahead(9_999));
        let asked = self.witness.asked();
        self.submit(5).await;
        wait::until("it is counted", async || {
            self.clock.advance(ROUND);
            self.metric(r#"cfa_gateway_vouching_conflicts{party="un"} 1"#)
                .await
                .then_some(())
        })
        .await;
        assert_eq!(
            self.witness.asked(),
            asked,
            "nobody settles it but a person"
        );
        let told = self.erp.events().await;
        let told = told
            .iter()
            .filter(|one| one["kind"] == "log.witness_conflict");
        assert_eq!(told.count(), 1);
    }
}

macro_rules! on_both {
    ($($name:ident),+) => {$(
        mod $name {
            use super::*;

            async fn story(engine: Engine) {
                let Some(stage) = Stage::set(engine).await else { return };
                stage.both_vouch().await;
                stage.both_are_down_and_back().await;
                stage.the_witness_says_where_it_stands().await;
                stage.the_witness_contradicts().await;
                stage.end().await;
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

on_both!(others_vouch_for_a_log_and_nobody_waits_for_them);
