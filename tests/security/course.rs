//! Everything a gateway meets in its life, on canaries: contracts taken, refused, lost and found
//! again, OPCOs that repeat what they were sent, people and scripts that ask.

mod astray;
mod filed;
mod setup;

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use domain::Opco;
use harness::database::{Database, Engine};
use harness::erp::{self, Erp};
use harness::opcos::WIDE;
use harness::payload::{self, Contract};
use harness::process::{OpcosProcess, Process};
use reqwest::Method;
use serde_json::{Value, json};

use crate::PROGRAM;
use crate::canary::{Canary, Dice, spaced};
use crate::cluster::Cluster;
use crate::collector::Collector;
use crate::relay::Relay;
use setup::Setup;

/// One OPCO with each way of asking for a token, and each form of refusal among them.
const OPCOS: [Opco; 4] = [Opco::Akto, Opco::Afdas, Opco::Atlas, Opco::Constructys];

/// Everything is logged and everything exported; looks and reads come at once.
const SETTINGS: &str = "
[server]
listen = \"127.0.0.1:0\"
threads = 1
body_bytes_max = 100000

[delivery.worker]
lease_s = 30
turn_wait_s = 3

[delivery.poll]
first_s = 1
hot_s = 1

[telemetry]
filter = \"trace\"
otlp_sample_ratio = 1.0
";
const OF_EACH_OPCO: &str = "timeout_ms = 5000\nlook_after_s = [1]\nreplay_after_lost = true\n";

/// The stage, and all that was planted on it.
#[derive(Debug)]
pub(crate) struct Course {
    pub(crate) database: Database,
    /// The server's files, on PostgreSQL where they are told.
    pub(crate) cluster: Option<Cluster>,
    pub(crate) collector: Collector,
    pub(crate) gateway: Process,
    pub(crate) erp: Erp,
    /// What each command wrote, by its name.
    pub(crate) said: Vec<(String, Vec<u8>)>,
    opcos: OpcosProcess,
    relay: Relay,
    settings: String,
    /// What the tests write for the product to read: canaries are in it by right.
    input: PathBuf,
    dice: Dice,
    canaries: Vec<Canary>,
    key: String,
    seed: u64,
}

impl Course {
    /// Sets the stage by the commands of the product, as an administrator does.
    pub(crate) async fn begin(engine: Engine) -> Option<Self> {
        let mut dice = Dice::fresh();
        let master = dice.bytes();
        let database = Database::fresh(engine).await?.sealed_under(master);
        let mut cluster = match engine {
            Engine::Sqlite => None,
            Engine::Postgres => Cluster::hold(&database, began(&database.folder)).await,
        };
        let collector = Collector::start();
        let opcos = PROGRAM.simulator(&database.folder).await;
        let relay = Relay::before(&opcos.process.origin).await;
        let places = opcos.settings(&format!("{WIDE}{OF_EACH_OPCO}")).await;
        let places = places.replace(&opcos.process.origin, &relay.origin);
        let endpoint = &collector.endpoint;
        let settings = format!("{SETTINGS}otlp_endpoint = \"{endpoint}\"\n{places}");
        let mut stage = Setup {
            database: &database,
            settings: &settings,
            input: harness::folder("input"),
            said: Vec::new(),
            canaries: vec![Canary::bytes("the master key", &master)],
        };
        let (api_key, key) = stage.network(&mut dice).await;
        if let Some(cluster) = &mut cluster {
            cluster.uncompressed().await;
        }
        let Setup {
            input,
            said,
            mut canaries,
            ..
        } = stage;
        canaries.push(Canary::flag("handicap"));
        let gateway = PROGRAM.serve(&database, &settings, None).await;
        let erp = Erp::new(&gateway.origin, &api_key);
        Some(Self {
            database,
            cluster,
            collector,
            gateway,
            erp,
            said,
            opcos,
            relay,
            settings,
            input,
            dice,
            canaries,
            key,
            seed: 0,
        })
    }

    /// Returns everything that may show up nowhere.
    pub(crate) fn canaries(&self) -> Vec<Canary> {
        let tokens = self.relay.tokens();
        assert!(tokens.len() >= OPCOS.len(), "the OPCOs gave no tokens");
        let tokens = tokens
            .iter()
            .flat_map(|token| Canary::halved("an OAuth token", token));
        self.canaries.iter().cloned().chain(tokens).collect()
    }

    /// Draws a text that a test plants on purpose.
    pub(crate) fn word(&mut self) -> String {
        self.dice.word(24, "BCDFGHJKLMNPQRSTVWXZ")
    }

    /// Plays everything; `shown` is a text that must come back in a refusal.
    pub(crate) async fn run(&mut self, shown: &str) {
        self.taken().await;
        self.filed().await;
        self.refused(shown).await;
        self.turned_away().await;
        self.repeated_by_opcos().await;
        self.lost().await;
        self.batch().await;
        self.read().await;
        self.commands(shown).await;
    }

    /// Takes the stage down.
    pub(crate) async fn end(self) {
        std::fs::remove_dir_all(&self.input).unwrap();
        self.collector.stop().await;
        self.database.remove().await;
    }

    fn contract(&mut self, opco: Opco) -> Contract {
        self.seed += 1;
        let nir = self.nir();
        let mut contract = payload::contract(self.seed)
            .to(opco)
            .with("/cerfa/apprenti/nir", json!(nir))
            .with("/cerfa/apprenti/handicap", json!(true));
        for (pointer, what) in [
            ("/cerfa/apprenti/nom", "a name"),
            ("/cerfa/apprenti/courriel", "an e-mail address"),
            ("/cerfa/apprenti/adresse/adresse1", "an address"),
        ] {
            let word = self.word();
            let value = match what {
                "an e-mail address" => format!("{word}@exemple.test"),
                _ => word.clone(),
            };
            contract = contract.with(pointer, json!(value));
            self.canaries.push(Canary::text(what, &word));
        }
        let iban = self.dice.iban();
        contract.body["cerfa"]["employeur"]["iban"] = json!(iban);
        self.canaries.extend(Canary::halved("an IBAN", &iban));
        contract
    }

    /// Draws a NIR that fits the contract of the present seed. The number without its key is looked
    /// for: it stands in the one with it.
    fn nir(&mut self) -> String {
        let nir = self.dice.nir(&payload::nir(self.seed));
        self.canaries.push(Canary::text("a NIR", &nir[..13]));
        nir
    }

    fn idempotency_key(&mut self) -> String {
        let key = self.dice.key();
        self.canaries
            .extend(Canary::halved("a key of idempotency", &key));
        key
    }

    async fn fault(&self, opco: Opco, fault: Value) {
        let path = format!("{}/faults", opco.slug());
        self.opcos.control(&path, &fault).await;
    }

    async fn settled(&self, id: &str) -> Value {
        let ended = |delivery: &Value| {
            matches!(
                delivery["status"].as_str(),
                Some("delivered" | "rejected" | "held")
            )
        };
        self.erp.until(id, "its end", ended).await
    }

    async fn taken(&mut self) {
        let key = self.idempotency_key();
        let contract = self.contract(Opco::Akto);
        let first = self.erp.send_as(&contract, &key).await;
        let id = erp::id(&first.expect(202));
        self.erp.until_delivered(&id).await;
        self.erp.send_as(&contract, &key).await.expect(202);
        let other = contract
            .clone()
            .with("/cerfa/employeur/nombreDeSalaries", json!(19));
        self.erp.send_as(&other, &key).await.expect(422);
        self.erp.send(&contract).await.expect(409);
        // A NIR without its key is completed with it.
        let short = self.contract(Opco::Afdas);
        let nir = short.text("/cerfa/apprenti/nir")[..13].to_owned();
        let id = self
            .erp
            .submit(&short.with("/cerfa/apprenti/nir", json!(nir)))
            .await;
        self.erp.until_delivered(&id).await;
        // One that waits for a person, who acts on it.
        let mut unknown = self.contract(Opco::Akto);
        unknown.body.as_object_mut().unwrap().remove("opco");
        let id = erp::id(&self.erp.send(&unknown).await.expect(202));
        self.erp
            .act(&id, "choose-opco", json!({"opco": "akto"}))
            .await;
        let validated = self.contract(Opco::Atlas);
        let path = "/api/v1/validations/dossiers";
        self.erp.post(path, &validated.body, &[]).await.expect(200);
    }

    async fn lost(&mut self) {
        self.fault(Opco::Akto, json!({"kind": "lost_answer", "times": 1}))
            .await;
        let contract = self.contract(Opco::Akto);
        let id = self.erp.submit(&contract).await;
        self.settled(&id).await;
    }

    async fn batch(&mut self) {
        let mut rows = Vec::new();
        for row in 0..6 {
            let key = self.idempotency_key();
            let mut contract = self.contract(Opco::Atlas);
            contract.body["idempotency_key"] = json!(key);
            if row == 3 {
                let nir = spaced(contract.text("/cerfa/apprenti/nir"));
                contract = contract.with("/cerfa/apprenti/nir", json!(nir));
            }
            rows.push(contract.body.to_string());
        }
        let cut = rows[4].len() / 2;
        rows[4].truncate(cut);
        let body = rows.join("\n").into_bytes();
        let ndjson = [("content-type", "application/x-ndjson")];
        let answer = self
            .erp
            .request(Method::POST, "/api/v1/batches", &ndjson, body)
            .await;
        assert_eq!(
            answer.lines().last().unwrap()["summary"]["accepted"],
            4,
            "{}",
            answer.text
        );
    }

    /// Reads all that can be read.
    async fn read(&mut self) {
        let list = |all: Value, name: &str| -> Vec<String> {
            let all = all[name].as_array().unwrap().iter();
            all.map(|one| one["id"].as_str().unwrap().to_owned())
                .collect()
        };
        let deliveries = self
            .erp
            .get("/api/v1/deliveries?limit=100")
            .await
            .expect(200);
        let deliveries = list(deliveries, "deliveries");
        assert!(deliveries.len() > 10);
        for id in &deliveries {
            self.erp.delivery(id).await;
        }
        for id in deliveries.iter().take(6) {
            let evidence = format!("/api/v1/deliveries/{id}/preuve");
            self.erp.get(&evidence).await.expect(200);
        }
        harness::wait::until("states read at the OPCOs", async || {
            let dossiers = self.erp.get("/api/v1/dossiers").await.expect(200);
            let read = |one: &Value| one["etat"].is_string();
            dossiers["dossiers"]
                .as_array()
                .unwrap()
                .iter()
                .any(read)
                .then_some(())
        })
        .await;
        for id in list(
            self.erp.get("/api/v1/dossiers").await.expect(200),
            "dossiers",
        ) {
            self.erp
                .get(&format!("/api/v1/dossiers/{id}"))
                .await
                .expect(200);
        }
        assert!(!self.erp.events().await.is_empty());
        for path in [
            "/api/v1/opcos",
            "/api/v1/routes/12345678200010",
            "/health/live",
            "/health/ready",
            "/openapi.json",
            "/problems",
            "/docs/",
        ] {
            self.erp.get(path).await;
        }
    }

    /// The commands that read what is kept or speak to the gateway.
    async fn commands(&mut self, shown: &str) {
        let good = self.contract(Opco::Constructys);
        let bad = good.clone().with("/cerfa/employeur/codeIdcc", json!(shown));
        let bad = bad.with(
            "/cerfa/apprenti/nir",
            json!(spaced(good.text("/cerfa/apprenti/nir"))),
        );
        let [good, bad] = [("good", good), ("bad", bad)].map(|(name, contract)| {
            let file = self.input.join(format!("{name}.json"));
            std::fs::write(&file, contract.body.to_string()).unwrap();
            file.display().to_string()
        });
        let (url, token) = (self.erp.origin.clone(), self.erp.token.clone());
        let variables = [
            ("CFA_GATEWAY_URL", url.as_str()),
            ("CFA_GATEWAY_API_KEY", token.as_str()),
        ];
        let deliveries = self.erp.get("/api/v1/deliveries?limit=1").await.expect(200);
        let id = deliveries["deliveries"][0]["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let lines = [
            format!("check {good} {bad}"),
            format!("check {bad} --format json"),
            format!("send {good}"),
            format!("send {bad} --format json"),
            format!("watch {id} --timeout 1"),
            "route 12345678200010".to_owned(),
            "doctor --format json".to_owned(),
            "config show".to_owned(),
            "admin software list".to_owned(),
            "admin key list --format json".to_owned(),
            "admin credential list --format json".to_owned(),
            "admin mandate list".to_owned(),
            format!("audit evidence {id} --output /dev/stdout"),
            "audit verify --store --format json".to_owned(),
        ];
        for line in lines {
            let args: Vec<&str> = line.split(' ').collect();
            let run = PROGRAM.run(&self.database, &self.settings, &args, &variables, "");
            let output = run.await;
            let written = [output.stdout, output.stderr].concat();
            assert!(!written.is_empty(), "{line} says nothing");
            self.said.push((line, written));
        }
    }
}

/// Returns an instant before anything in a fresh folder, as its file system tells time.
fn began(folder: &Path) -> SystemTime {
    let made = folder.metadata().unwrap().modified().unwrap();
    made - Duration::from_secs(2)
}
