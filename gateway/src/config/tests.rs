//! The layers of settings, what is refused of them, and what their prints hide.

use domain::{Instance, Opco};

use super::*;

fn with(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::from_layers(
        None,
        variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    )
}

#[test]
fn the_defaults_are_a_whole_configuration() {
    let config = with(&[]).unwrap();
    assert_eq!(config.server.listen.port(), 8080);
    assert_eq!(config.database.url.expose(), "sqlite:data/cfa-gateway.db");
    assert!(config.opco.is_empty());
}

#[test]
fn the_environment_wins_and_keeps_its_texts_as_they_are() {
    let config = with(&[
        ("CFA_GATEWAY__SERVER__LISTEN", "0.0.0.0:80"),
        ("CFA_GATEWAY__EDITOR__VERSION", "1.10"),
        ("CFA_GATEWAY__MASTER_KEY__COMMAND", "/bin/coffre, lire"),
        ("CFA_GATEWAY__OPCO__AKTO__CALLS_PER_MINUTE", "30"),
        (
            "CFA_GATEWAY__OPCO__AKTO__BASE_URL",
            "http://127.0.0.1:1/akto",
        ),
        ("CFA_GATEWAY_PORT", "tcp://10.0.0.1:80"),
    ])
    .unwrap();
    assert_eq!(config.server.listen.to_string(), "0.0.0.0:80");
    assert_eq!(config.editor.version(), "1.10");
    assert_eq!(config.master_key.command.unwrap(), ["/bin/coffre", "lire"]);
    let akto = config.opco.get("akto").unwrap();
    assert_eq!(
        akto.get("calls_per_minute"),
        Some(&toml::Value::Integer(30))
    );
    assert_eq!(
        akto.get("base_url").unwrap().as_str(),
        Some("http://127.0.0.1:1/akto")
    );
}

#[test]
fn a_public_address_and_a_filter_with_modules_are_taken() {
    with(&[
        (
            "CFA_GATEWAY__SERVER__PUBLIC_URL",
            "https://passerelle.exemple.fr",
        ),
        (
            "CFA_GATEWAY__TELEMETRY__FILTER",
            "WARN,cfa_gateway::worker=debug",
        ),
    ])
    .unwrap();
}

#[test]
fn a_file_changes_only_what_it_names() {
    let dir = std::env::temp_dir().join(format!("cfa-config-{}", uuid::Uuid::now_v7()));
    std::fs::create_dir(&dir).unwrap();
    let file = dir.join("gateway.toml");
    std::fs::write(
        &file,
        "[server]\ndrain_seconds = 3\n[opco.atlas]\nburst = 9\n",
    )
    .unwrap();
    let config = Config::from_layers(Some(&file), []).unwrap();
    std::fs::remove_dir_all(&dir).unwrap();
    assert_eq!(config.server.drain_seconds, 3);
    assert_eq!(config.server.listen.port(), 8080);
    let profiles = config.profiles().unwrap();
    assert_eq!(profiles.get(Instance::first(Opco::Atlas)).unwrap().burst, 9);
}

#[test]
fn a_misspelt_setting_is_refused() {
    for name in [
        "CFA_GATEWAY__SERVER__LISTENN",
        "CFA_GATEWAY__SERVEUR__LISTEN",
    ] {
        let error = with(&[(name, "127.0.0.1:1")]).unwrap_err().to_string();
        assert!(error.contains("unknown field"), "{error}");
    }
    for name in [
        "CFA_GATEWAY__OPCO__AFDASS__BURST",
        "CFA_GATEWAY__OPCO__AFDAS__BURRST",
    ] {
        let error = with(&[(name, "3")]).unwrap_err().to_string();
        assert!(error.starts_with("opco : "), "{error}");
    }
}

#[test]
fn every_setting_out_of_bounds_is_told_at_once() {
    let error = with(&[
        ("CFA_GATEWAY__SERVER__DRAIN_SECONDS", "0"),
        ("CFA_GATEWAY__SERVER__STORE_TIMEOUT_MS", "0"),
        ("CFA_GATEWAY__DATABASE__CONNECTIONS_MAX", "9999"),
        ("CFA_GATEWAY__EDITOR__NAME", "Éditeur"),
        ("CFA_GATEWAY__SERVER__PUBLIC_URL", "pas une url"),
        ("CFA_GATEWAY__TELEMETRY__FILTER", "loud"),
        ("CFA_GATEWAY__DELIVERY__BREAKER__FAILURES", "0"),
        ("CFA_GATEWAY__DELIVERY__POLL__COLD_S", "10"),
        ("CFA_GATEWAY__DELIVERY__WORKER__RETRY_AFTER_S", "60,30"),
    ])
    .unwrap_err()
    .to_string();
    for key in [
        "server.drain_seconds",
        "server.store_timeout_ms",
        "database.connections_max",
        "editor.name",
        "server.public_url",
        "telemetry.filter",
        "delivery.breaker.failures",
        "delivery.poll.cold_s",
        "delivery.worker.retry_after_s",
    ] {
        assert!(error.contains(key), "{error}");
    }
}

#[test]
fn secrets_are_masked_in_every_print() {
    let config = with(&[
        (
            "CFA_GATEWAY__DATABASE__URL",
            "postgres://u:canary-one@h/b?password=canary-two",
        ),
        ("CFA_GATEWAY__REDIS__URL", "redis://:canary-three@h"),
        ("CFA_GATEWAY__MASTER_KEY__VALUE", "canary-four"),
        (
            "CFA_GATEWAY__TELEMETRY__OTLP_ENDPOINT",
            "http://u:canary-five@h/v1/traces",
        ),
    ])
    .unwrap();
    let printed = format!("{config:?} {}", toml::to_string(&config).unwrap());
    assert!(!printed.contains("canary"), "{printed}");
    assert!(printed.contains("postgres://u:***@h/b?***"), "{printed}");
}
