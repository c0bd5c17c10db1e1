//! What a person does first, from an empty folder to a key in service, against the simulated OPCOs.

mod said;

use std::path::PathBuf;

use clap::Parser;
use serde_json::Value;
use simulator::{CfaKey, Client, Running, Settings};
use store::keys::KeyState;
use store::{Sealer, StoreConfig, events};

use super::*;
use crate::commands::output::Format;

const SIRET: &str = "98765432400019";

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    args: AdminArgs,
}

/// A desk in a folder of its own, and an OPCO that accepts only what was registered there.
struct Place {
    folder: PathBuf,
    desk: Desk,
    opcos: Running,
}

impl Place {
    async fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("cfa-admin-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir(&folder).unwrap();
        let opcos = simulator::start(Settings {
            strict: true,
            ..Settings::default()
        })
        .await
        .unwrap();
        let akto = opcos.base_url("akto").unwrap();
        let token = opcos.token_url("akto").unwrap();
        let file = folder.join("gateway.toml");
        let text = format!("[opco.akto.test]\nbase_url = '{akto}'\ntoken_url = '{token}'\n");
        std::fs::write(&file, text).unwrap();
        let url = format!("sqlite:{}/gateway.db", folder.display());
        let store = StoreConfig {
            url,
            max_connections: 2,
        };
        let master = store::MasterKey::from_bytes([7; 32]);
        let desk = Desk {
            config: Config::from_layers(Some(&file), []).unwrap(),
            store: Store::open(&store, Sealer::new(master)).await.unwrap(),
            out: Out::to(Some(&folder.join("out")), Format::Json).unwrap(),
            author: "essai".to_owned(),
            now: SystemClock.now(),
        };
        Self {
            folder,
            desk,
            opcos,
        }
    }

    /// Runs one line and returns what it printed, one object a line.
    async fn run(&mut self, line: &str) -> Result<Vec<Value>, Failure> {
        let words = std::iter::once("admin").chain(line.split_whitespace());
        let what = Line::try_parse_from(words).unwrap().args.what;
        let file = self.folder.join("out");
        self.desk.out = Out::to(Some(&file), Format::Json)?;
        act(&mut self.desk, what).await?;
        let printed = std::fs::read_to_string(&file).unwrap();
        Ok(printed
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect())
    }

    fn secret(&self, text: &str) -> String {
        let file = self.folder.join(format!("secret-{}", uuid::Uuid::now_v7()));
        std::fs::write(&file, text).unwrap();
        file.display().to_string()
    }

    async fn tenancy(&mut self) {
        self.run("network create --name Nord").await.unwrap();
        self.run("cfa create --name Lycée --siren 987654324")
            .await
            .unwrap();
        self.run(&format!("site create --name Lille --siret {SIRET}"))
            .await
            .unwrap();
    }

    async fn end(self) {
        self.desk.store.close().await;
        self.opcos.stop().await;
        std::fs::remove_dir_all(&self.folder).unwrap();
    }
}

#[tokio::test]
async fn a_cfa_key_serves_only_after_the_opco_has_answered_it() {
    let mut place = Place::new().await;
    place.tenancy().await;
    let (secret, key) = (place.secret("canary-oauth"), place.secret("canary-key"));
    let software = format!(
        "software create --opco akto --environment test --client-id moi --secret-file {secret}"
    );
    let key = format!("key create --siret {SIRET} --opco akto --environment test --key-file {key}");

    let without_software = place.run(&key).await.unwrap_err();
    assert_eq!(without_software.code(), Code::NotFound);

    place.run(&software).await.unwrap();
    let unknown_software = place.run(&key).await.unwrap_err();
    assert_eq!(unknown_software.code(), Code::OpcoRefused);

    let client = Client {
        client_id: "moi".to_owned(),
        client_secret: "canary-oauth".to_owned(),
    };
    place.opcos.handle.register_client("akto", &client).unwrap();
    let unknown_key = place.run(&key).await.unwrap_err();
    assert_eq!(unknown_key.code(), Code::OpcoRefused);
    assert!(!unknown_key.to_string().contains("canary"), "{unknown_key}");
    let listed = place.run("key list").await.unwrap();
    assert_eq!(listed.len(), 1, "given again, it is the same");
    assert!(
        listed
            .iter()
            .all(|key| key["state"] == KeyState::Staged.as_str()),
        "{listed:?}"
    );

    let known = CfaKey {
        key: "canary-key".to_owned(),
        siren: None,
        expires: None,
        revoked: false,
    };
    place.opcos.handle.register_key("akto", &known).unwrap();
    let refused = listed.iter().find(|key| key["probe"] == "refused").unwrap()["id"]
        .as_str()
        .unwrap();
    let shown = place.run(&format!("key probe {refused}")).await.unwrap();
    assert_eq!(shown[0]["state"], KeyState::Active.as_str());

    place
        .run(&format!("key revoke {refused} --reason perdue"))
        .await
        .unwrap();
    let again = place
        .run(&format!("key probe {refused}"))
        .await
        .unwrap_err();
    assert_eq!(again.code(), Code::Conflict);
    place.end().await;
}

#[tokio::test]
async fn a_key_waits_when_it_must_not_be_tried_or_nobody_answers() {
    let mut place = Place::new().await;
    place.tenancy().await;
    let (secret, key) = (place.secret("oauth"), place.secret("key"));
    place
        .run(&format!(
            "software create --opco akto --environment test --client-id moi --secret-file {secret}"
        ))
        .await
        .unwrap();
    let key = format!("key create --siret {SIRET} --opco akto --environment test --key-file {key}");
    let staged = place.run(&format!("{key} --no-probe")).await.unwrap();
    assert_eq!(
        (&staged[0]["state"], &staged[0]["probe"]),
        (&"staged".into(), &Value::Null)
    );

    let nowhere = "http://127.0.0.1:9/akto";
    let overlay =
        format!("[opco.akto.test]\nbase_url = '{nowhere}'\ntoken_url = '{nowhere}/token'\n");
    let file = place.folder.join("nowhere.toml");
    std::fs::write(&file, overlay).unwrap();
    place.desk.config = Config::from_layers(Some(&file), []).unwrap();
    let id = staged[0]["id"].as_str().unwrap();
    let failure = place.run(&format!("key probe {id}")).await.unwrap_err();
    assert_eq!(failure.code(), Code::OpcoUnreachable);
    assert_eq!(place.run("key list").await.unwrap()[0]["probe"], "unknown");
    place.end().await;
}

#[tokio::test]
async fn a_credential_is_shown_once_and_its_revocation_is_kept() {
    let mut place = Place::new().await;
    place.tenancy().await;
    let line = format!("credential create --label ERP --environment test --site {SIRET}");
    let made = place.run(&line).await.unwrap();
    let key = made[0]["key"].as_str().unwrap().to_owned();
    assert!(key.starts_with("cfg_test_"));
    let listed = place.run("credential list").await.unwrap();
    assert!(!serde_json::to_string(&listed).unwrap().contains(&key));
    assert_eq!(
        listed[0]["actions"],
        serde_json::json!(["submit", "read", "act", "webhook"])
    );

    let id = listed[0]["id"].as_str().unwrap();
    place
        .run(&format!("credential revoke {id} --reason fuite"))
        .await
        .unwrap();
    assert!(!place.run("credential list").await.unwrap()[0]["revoked_at"].is_null());
    let other = "credential create --label X --environment live --site 98765432400027";
    assert_eq!(place.run(other).await.unwrap_err().code(), Code::NotFound);
    place.end().await;
}

#[tokio::test]
async fn every_act_leaves_its_line_in_the_log_with_its_author_and_no_secret() {
    let mut place = Place::new().await;
    place.tenancy().await;
    place
        .run("credential create --label ERP --environment test")
        .await
        .unwrap();
    let mut tx = place.desk.store.reading().await.unwrap();
    let network = tenants::networks(&mut tx).await.unwrap().remove(0);
    let log = events::after(&mut tx, network.id, 0, 100).await.unwrap();
    drop(tx);
    let kinds: Vec<&str> = log.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(
        kinds,
        [
            "network.created",
            "cfa.created",
            "site.created",
            "credential.created"
        ]
    );
    assert!(log.iter().all(|event| event.actor == "cli:essai"));
    let data = log.last().unwrap().data.to_string();
    let prefix = log.last().unwrap().data["prefix"]
        .as_str()
        .unwrap()
        .to_owned();
    // The shown prefix and nothing more of the key.
    assert_eq!(data.matches("cfg_test_").count(), 1);
    assert_eq!(prefix.len(), "cfg_test_".len() + 4);
    place.end().await;
}

#[tokio::test]
async fn with_two_networks_one_must_be_named() {
    let mut place = Place::new().await;
    place.run("network create --name Nord").await.unwrap();
    place.run("network create --name Sud").await.unwrap();
    let unnamed = place
        .run("cfa create --name X --siren 987654324")
        .await
        .unwrap_err();
    assert_eq!(unnamed.code(), Code::InputInvalid);
    place
        .run("cfa create --network Sud --name X --siren 987654324")
        .await
        .unwrap();
    assert!(
        place
            .run("cfa list --network Nord")
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(place.run("cfa list --network Sud").await.unwrap().len(), 1);
    let unknown = place.run("cfa list --network Est").await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    place.end().await;
}

#[tokio::test]
async fn what_a_network_decides_is_listed_until_it_is_ended() {
    let mut place = Place::new().await;
    place.tenancy().await;
    let unsaid = Line::try_parse_from("admin override create --opco akto --reason x".split(' '));
    assert!(unsaid.is_err(), "an override names an employer");
    let made = place
        .run("override create --siret 12345678200010 --opco akto --reason connu")
        .await
        .unwrap();
    let id = made[0]["id"].as_str().unwrap();
    assert_eq!(
        place.run("override list").await.unwrap()[0]["siret"],
        "12345678200010"
    );
    place
        .run(&format!("override revoke {id} --reason r"))
        .await
        .unwrap();
    assert!(!place.run("override list").await.unwrap()[0]["until"].is_null());
    let twice = place
        .run(&format!("override revoke {id} --reason r"))
        .await
        .unwrap_err();
    assert_eq!(twice.code(), Code::NotFound);

    let unknown = place
        .run("rule create --rule DAT-999 --effect warn --reason x")
        .await;
    assert_eq!(unknown.unwrap_err().code(), Code::InputInvalid);
    place
        .run("rule create --rule DAT-003 --effect warn --reason connu")
        .await
        .unwrap();
    assert_eq!(place.run("rule list").await.unwrap()[0]["effect"], "warn");
    place.run("rule revoke DAT-003 --reason r").await.unwrap();
    assert!(place.run("rule list").await.unwrap().is_empty());

    let line = format!("mandate create --siret {SIRET} --reference A1 --signed-on 2026-09-01");
    place.run(&line).await.unwrap();
    let early = place.run(&line.replace("2026-09-01", "2999-01-01")).await;
    assert_eq!(
        early.unwrap_err().code(),
        Code::InputInvalid,
        "not signed yet"
    );
    let other = "mandate list --siret 98765432400027";
    assert!(place.run(other).await.unwrap().is_empty());
    assert_eq!(
        place.run("mandate list").await.unwrap()[0]["reference"],
        "A1"
    );
    place.end().await;
}

#[tokio::test]
async fn a_switch_holds_for_whole_days_in_france() {
    let mut place = Place::new().await;
    let line = "switch create --opco opcosante --capability dossiers_v1 --openness recette \
                --reason essai --label bac-a-sable --from 2026-07-01 --until 2026-07-14";
    let made = place.run(line).await.unwrap();
    assert_eq!(made[0]["from"], "2026-06-30T22:00:00Z");
    assert_eq!(made[0]["until"], "2026-07-14T22:00:00Z");
    let backwards = line.replace("2026-07-14", "2026-06-01");
    assert_eq!(
        place.run(&backwards).await.unwrap_err().code(),
        Code::InputInvalid
    );
    let listed = place.run("switch list").await.unwrap();
    assert_eq!(
        (listed.len(), &listed[0]["label"]),
        (1, &"bac-a-sable".into())
    );
    place.end().await;
}

#[tokio::test]
async fn a_choice_and_a_double_are_told_by_name() {
    let mut place = Place::new().await;
    place.tenancy().await;
    let again = format!("site create --name Roubaix --siret {SIRET}");
    let double = place.run(&again).await.unwrap_err();
    assert_eq!(double.code(), Code::Conflict);
    assert!(double.message().contains(SIRET), "{double}");

    place.run("network create --name Sud").await.unwrap();
    let unnamed = place.run("cfa list").await.unwrap_err();
    assert_eq!(unnamed.message(), "plusieurs réseaux");
    let advice = unnamed.advice().unwrap();
    assert!(
        advice.contains("Nord") && advice.contains("Sud"),
        "{advice}"
    );
    place.end().await;
}

#[tokio::test]
async fn one_name_leads_to_one_network_and_a_key_ends_in_the_future() {
    let mut place = Place::new().await;
    place.tenancy().await;
    let taken = place.run("network list").await.unwrap()[0].clone();
    for (name, code) in [("name", Code::Conflict), ("id", Code::InputInvalid)] {
        let line = ["network", "create", "--name", taken[name].as_str().unwrap()];
        let what = Line::try_parse_from(std::iter::once("admin").chain(line));
        let refused = act(&mut place.desk, what.unwrap().args.what).await;
        assert_eq!(refused.unwrap_err().code(), code, "{name}");
    }
    let past = "credential create --label ERP --environment test --expires 2020-01-01";
    let refused = place.run(past).await.unwrap_err();
    assert_eq!(refused.code(), Code::InputInvalid);
    place.end().await;
}

#[tokio::test]
async fn unknown_refusals_are_listed_and_every_reason_has_its_words() {
    use domain::rejet::Rejet;
    use domain::{DeliveryId, Environment, Kind};
    use store::refusals::{About, Said, tell};

    let mut place = Place::new().await;
    place.tenancy().await;
    let tenant: TenantId = place.run("network list").await.unwrap()[0]["id"]
        .as_str()
        .and_then(|id| id.parse().ok())
        .unwrap();
    let (keys, now) = (place.desk.store.keys(tenant).await.unwrap(), place.desk.now);
    let about = About {
        opco: Opco::Akto,
        environment: Environment::Live,
        kind: Kind::Facture,
        delivery: DeliveryId::new(now),
    };
    let said = [
        Said::Unknown("Période non éligible".to_owned()),
        Said::Known(Rejet::IbanEmetteurAbsent),
    ];
    let mut tx = place.desk.store.writing().await.unwrap();
    tell(&mut tx, &keys, &about, &said, now).await.unwrap();
    tx.commit().await.unwrap();

    let listed = place.run("refusals list").await.unwrap();
    assert_eq!(listed.len(), 1, "{listed:#?}");
    assert_eq!(listed[0]["text"], "Période non éligible");
    assert_eq!(listed[0]["network"], "Nord");
    let elsewhere = place.run("refusals list --opco atlas").await.unwrap();
    assert!(elsewhere.is_empty(), "{elsewhere:#?}");

    let covered = place.run("refusals coverage --opco akto").await.unwrap();
    assert_eq!(covered.len(), Rejet::ALL.len() + 1);
    let told = |reason: &str| {
        let line = covered.iter().find(|line| line["reason"] == reason);
        line.unwrap()["told"].as_u64()
    };
    assert_eq!(told("IBAN_EMETTEUR_ABSENT"), Some(1));
    assert_eq!(told("MONTANT_INATTENDU"), Some(0));
    assert_eq!(told("UNKNOWN"), Some(1));
    for line in covered.iter().filter(|line| line["reason"] != "UNKNOWN") {
        assert!(!line["common"].as_array().unwrap().is_empty(), "{line}");
    }
    place.end().await;
}

#[tokio::test]
async fn a_site_is_renamed_moved_closed_and_opened_again() {
    let mut place = Place::new().await;
    place.tenancy().await;
    let second = "cfa create --name Port --siren 987654324";
    let refused = place.run(second).await.unwrap_err();
    assert_eq!(refused.code(), Code::Conflict);
    place.run(&format!("{second} --second")).await.unwrap();
    place
        .run("cfa create --name Ailleurs --siren 123456782")
        .await
        .unwrap();
    let twice = place.run(&format!("{second} --second")).await;
    assert_eq!(twice.unwrap_err().code(), Code::Conflict);
    let renamed = place.run("cfa rename Port --name Lac").await.unwrap();
    assert_eq!(renamed[0]["name"], "Lac");
    let changed = place
        .run(&format!("site change {SIRET} --name Rive --uai 0939999N"))
        .await
        .unwrap();
    assert_eq!(
        (&changed[0]["name"], &changed[0]["uai"]),
        (&"Rive".into(), &"0939999N".into())
    );
    let moved = place
        .run(&format!("site move {SIRET} --to Lac --reason r"))
        .await
        .unwrap();
    assert_eq!(moved[0]["cfa"], renamed[0]["id"]);
    let kept = place
        .run(&format!("site move {SIRET} --to Ailleurs --reason r"))
        .await
        .unwrap_err();
    assert_eq!(kept.code(), Code::Conflict);
    assert!(kept.message().contains("987654324"), "{kept}");
    let closed = place
        .run(&format!("site close {SIRET} --reason vendu"))
        .await
        .unwrap();
    assert!(closed[0]["closed_at"].is_string(), "{closed:?}");
    let twice = place.run(&format!("site close {SIRET} --reason r")).await;
    assert_eq!(twice.unwrap_err().code(), Code::Conflict);
    let open = place
        .run(&format!("site reopen {SIRET} --reason repris"))
        .await
        .unwrap();
    assert!(open[0]["closed_at"].is_null(), "{open:?}");
    place.end().await;
}

#[tokio::test]
async fn works_of_an_opco_are_said_for_every_network_and_ended() {
    let mut place = Place::new().await;
    place.tenancy().await;
    let backwards = "window create --opco akto --environment test --from 2030-01-02T10:00 --until 2030-01-02T09:00 --reason r";
    assert_eq!(
        place.run(backwards).await.unwrap_err().code(),
        Code::InputInvalid
    );
    let said = "window create --opco akto --environment test --from 2030-01-02T08:00 --until 2030-01-02T09:00 --reason travaux";
    let said = place.run(said).await.unwrap();
    assert_eq!(
        said[0]["until"], "2030-01-02T08:00:00Z",
        "an hour of France"
    );
    let listed = place.run("window list").await.unwrap();
    assert_eq!((listed.len(), &listed[0]["reason"]), (1, &"travaux".into()));
    let id = said[0]["id"].as_str().unwrap();
    place
        .run(&format!("window revoke {id} --reason r"))
        .await
        .unwrap();
    assert!(place.run("window list").await.unwrap().is_empty());
    let gone = place.run(&format!("window revoke {id} --reason r")).await;
    assert_eq!(gone.unwrap_err().code(), Code::NotFound);
    let mut tx = place.desk.store.reading().await.unwrap();
    let told = events::after(&mut tx, TenantId::PLATFORM, 0, 100)
        .await
        .unwrap();
    let kinds: Vec<&str> = told.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["opco_window.created", "opco_window.ended"]);
    drop(tx);
    place.end().await;
}
