//! No log line, span or fault shows a key, a secret, a token or a payload.

use std::fmt::Write;
use std::sync::{Arc, Mutex};

use domain::{NormVersion, Opco};
use opco::{Operation, Piece, Profile, Transport, exchange, hand_over};
use serde_json::json;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use wiremock::matchers::path_regex;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::bench::{self, filing, identity, sample, transport};
use crate::walked::file;

/// Keeps everything that is ever traced, at every level.
#[derive(Clone, Default)]
struct Everything(Arc<Mutex<String>>);

struct Writer<'a>(&'a mut String);

impl Visit for Writer<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        writeln!(self.0, "{field}={value:?}").unwrap();
    }
}

impl Subscriber for Everything {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut Writer(&mut self.0.lock().unwrap()));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut Writer(&mut self.0.lock().unwrap()));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut Writer(&mut self.0.lock().unwrap()));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Hands every other payload over, and returns all that is known of it afterwards.
async fn every_piece(transport: &Transport, profile: &Profile) -> String {
    let mut kept = String::new();
    for piece in bench::PIECES {
        let operation = bench::piece(piece, piece != Piece::Rupture);
        let filed = hand_over(transport, profile, &identity(), &operation).await;
        writeln!(kept, "{operation:?} {filed:?}").unwrap();
    }
    kept
}

#[tokio::test]
async fn neither_traces_nor_faults_show_what_is_secret() {
    let server = MockServer::start().await;
    let token = "canary-token";
    Mock::given(path_regex("token$"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"access_token": token})))
        .mount(&server)
        .await;
    // It echoes all it was sent, as careless servers do.
    Mock::given(path_regex("/v"))
        .respond_with(|request: &wiremock::Request| {
            let mut echo = format!("{}\n{:?}\n", request.url, request.headers);
            echo.push_str(&String::from_utf8_lossy(&request.body));
            ResponseTemplate::new(400).set_body_json(json!({"description": echo}))
        })
        .mount(&server)
        .await;
    let seen = Everything::default();
    let guard = tracing::subscriber::set_default(seen.clone());
    let profile = Profile::shipped(Opco::Akto)
        .unwrap()
        .rehosted(&server.uri())
        .unwrap();
    let transport = transport();
    let key_info = Operation::KeyInfo {
        siren: "987654324".parse().unwrap(),
    };
    let read = exchange(&transport, &profile, &identity(), &key_info)
        .await
        .unwrap_err();
    let written = file(&transport, &profile, &identity(), &filing(NormVersion::V1)).await;
    let pieces = every_piece(&transport, &profile).await;
    let unreachable = bench::key_only("http://127.0.0.1:9");
    let refused = exchange(&transport, &unreachable, &identity(), &key_info)
        .await
        .unwrap_err();
    drop(guard);

    let traced = seen.0.lock().unwrap().clone();
    assert!(traced.contains("/v2/cfakeyinfo"), "nothing was traced");
    let kept = format!(
        "{read:?}\n{written:?}\n{refused:?}\n{pieces}\n{:?}",
        identity()
    );
    assert!(kept.contains("cfakeyinfo") && kept.contains("/v1/Factures"));
    for secret in [bench::KEY, bench::SECRET, "canary", token] {
        assert!(!traced.contains(secret), "{secret} was traced:\n{traced}");
        assert!(!kept.contains(secret), "{secret} was kept:\n{kept}");
    }
    let nir = "205049399999992";
    assert!(
        String::from_utf8(sample("dossier-v1"))
            .unwrap()
            .contains(nir)
    );
    assert!(!kept.contains(nir) && !traced.contains(nir));
    for person in [
        "MARTIN",
        "alice.martin@example.test",
        "2005-04-17",
        "Claire",
        "FR7699999999990000000000153",
        "0699000002",
    ] {
        assert!(!kept.contains(person), "{person} was kept:\n{kept}");
    }
    assert!(
        kept.contains("ENTREPRISE FICTIVE"),
        "nothing was kept of the echo:\n{kept}"
    );
}
