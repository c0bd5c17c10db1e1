//! Input that means harm, below what `tests/e2e/door.rs` sends: on the wire itself, and in texts
//! that a database refuses. Nothing stalls the door, and the next caller is served as ever.

use std::time::Duration;

use domain::Opco;
use harness::erp::Erp;
use harness::payload::contract;
use harness::pieces::{files, pdf};
use harness::scene::Scene;
use harness::{on_both, wait};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How long the door may take to answer or hang up: far more than it needs.
const PATIENCE: Duration = Duration::from_secs(20);

/// Connections that never finish what they began.
const SLOW: usize = 120;

/// Opens a connection and writes.
async fn connected(erp: &Erp, bytes: &[u8]) -> TcpStream {
    let place = erp.origin.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(place).await.unwrap();
    // The door may hang up before it has read everything.
    let _ = stream.write_all(bytes).await;
    stream
}

/// Writes bytes and returns the status of each answer until the door hangs up, or of the first one.
async fn spoken(erp: &Erp, bytes: &[u8]) -> Vec<u16> {
    let mut stream = connected(erp, bytes).await;
    let mut said = Vec::new();
    let mut buffer = [0; 4096];
    let reading = async {
        while let Ok(count @ 1..) = stream.read(&mut buffer).await {
            said.extend_from_slice(&buffer[..count]);
            if said.windows(4).any(|end| end == b"\r\n\r\n") {
                break;
            }
        }
    };
    let heard = tokio::time::timeout(PATIENCE, reading).await;
    assert!(
        heard.is_ok(),
        "neither an answer nor an end to {:?}",
        lossy(bytes)
    );
    let text = lossy(&said);
    let heads = text.split("HTTP/1.1 ").skip(1);
    heads
        .filter_map(|head| head.get(..3)?.parse().ok())
        .collect()
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(4096)]).into_owned()
}

/// A request by hand, with whatever lines of head and whatever body.
fn by_hand(erp: &Erp, lines: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST /api/v1/dossiers HTTP/1.1\r\nHost: a.test\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\n{lines}\r\n",
        erp.token
    );
    [head.as_bytes(), body].concat()
}

async fn still_serves(scene: &Scene, after: &str) {
    let served = tokio::time::timeout(PATIENCE, scene.erp.get("/api/v1/opcos"));
    let answer = served
        .await
        .unwrap_or_else(|_| panic!("stalled after {after}"));
    assert_eq!(answer.status, 200, "after {after}: {}", answer.text);
}

on_both! {
    async fn a_request_that_breaks_the_protocol_is_refused_and_the_next_one_served(scene) {
        let erp = &scene.erp;
        let long = format!("X-Long: {}\r\nContent-Length: 2\r\n", "a".repeat(400_000));
        let many = format!("{}Content-Length: 2\r\n", "X-Many: a\r\n".repeat(20_000));
        let cases: Vec<(&str, Vec<u8>)> = vec![
            ("a header too long", by_hand(erp, &long, b"{}")),
            ("too many headers", by_hand(erp, &many, b"{}")),
            ("a negative length", by_hand(erp, "Content-Length: -1\r\n", b"{}")),
            ("a length of no number", by_hand(erp, "Content-Length: 2x\r\n", b"{}")),
            ("a length beyond numbers", by_hand(erp, &format!("Content-Length: {}\r\n", "9".repeat(40)), b"{}")),
            ("two lengths", by_hand(erp, "Content-Length: 2\r\nContent-Length: 40\r\n", b"{}")),
            ("a length and chunks", by_hand(erp, "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n{}")),
            ("a chunk of no number", by_hand(erp, "Transfer-Encoding: chunked\r\n", b"zz\r\n{}\r\n0\r\n\r\n")),
            ("a chunk beyond numbers", by_hand(erp, "Transfer-Encoding: chunked\r\n", b"ffffffffffffffffff\r\n{}")),
            ("an address too long", format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(400_000)).into_bytes()),
            ("no HTTP at all", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec()),
            ("bytes of no text", by_hand(erp, "X-Odd: \x01\x02\r\nContent-Length: 2\r\n", b"{}")),
        ];
        for (case, bytes) in cases {
            let statuses = spoken(erp, &bytes).await;
            let refused = statuses.iter().all(|status| (400..500).contains(status));
            assert!(refused && statuses.len() <= 1, "{case}: {statuses:?}");
            still_serves(&scene, case).await;
        }
        let id = scene.erp.submit(&contract(950).to(Opco::Akto)).await;
        scene.erp.until_delivered(&id).await;
    }

    async fn parts_that_mean_harm_are_refused_and_leave_nothing(scene) {
        let file = "content-disposition: form-data; name=\"fichier\"; filename=\"a.pdf\"";
        let json = "content-disposition: form-data; name=\"convention\"";
        let part = |head: &str, body: &str| format!("--b\r\n{head}\r\n\r\n{body}\r\n");
        let pdf = String::from_utf8(pdf(20_000)).unwrap();
        let whole = |parts: &str| format!("{parts}--b--\r\n").into_bytes();
        let long = "a".repeat(300_000);
        let cases: Vec<(&str, &str, Vec<u8>)> = vec![
            ("no boundary", "", whole(&part(json, "{}"))),
            ("an empty boundary", "; boundary=", whole(&part(json, "{}"))),
            ("a boundary too long", &long, whole(&part(json, "{}"))),
            ("no part", "; boundary=b", b"--b--\r\n".to_vec()),
            ("nothing", "; boundary=b", Vec::new()),
            ("a part without an end", "; boundary=b", part(file, &pdf).into_bytes()),
            ("a part without a name", "; boundary=b", whole(&part("content-type: text/plain", "{}"))),
            ("a head of no text", "; boundary=b", [b"--b\r\n\xff\xfe\0: x\r\n\r\n".to_vec(), whole("")].concat()),
            ("a head too long", "; boundary=b", whole(&part(&format!("{json}\r\nx-long: {long}"), "{}"))),
            ("too many heads", "; boundary=b", whole(&part(&format!("{json}{}", "\r\nx: y".repeat(20_000)), "{}"))),
            ("a name that climbs", "; boundary=b", whole(&format!("{}{}",
                part(&file.replace("a.pdf", "../../../../etc/passwd\0.pdf"), &pdf), part(json, "{}")))),
            ("many small parts", "; boundary=b", whole(&part(json, "{}").repeat(20_000))),
            ("two files", "; boundary=b", whole(&part(file, &pdf).repeat(2))),
            ("parts in a part", "; boundary=b", whole(&format!("{}{}", part(json, "{}"),
                part(&format!("{file}\r\ncontent-type: multipart/mixed; boundary=b"), &part(file, &pdf))))),
            ("JSON too deep", "; boundary=b", whole(&part(json, &"[".repeat(50_000)))),
            ("a file and no payload", "; boundary=b", whole(&part(file, &pdf))),
        ];
        for (case, boundary, body) in cases {
            let boundary = if case == "a boundary too long" { format!("; boundary={boundary}") } else { boundary.to_owned() };
            let kind = format!("multipart/form-data{boundary}");
            for path in ["/api/v1/conventions", "/api/v1/validations/documents"] {
                // The door may hang up on a head that no one writes: nothing else goes by that connection.
                let head = [("content-type", kind.as_str()), ("connection", "close")];
                let Some(answer) = scene.erp.try_request(Method::POST, path, &head, body.clone()).await else {
                    continue;
                };
                assert!((400..500).contains(&answer.status.as_u16()), "{case}: {} {}", answer.status, answer.text);
            }
            still_serves(&scene, case).await;
        }
        wait::until_value("no file", async || files(&scene.gateway.files).len(), |left| *left == 0).await;
    }

    async fn slow_callers_hold_up_nobody(scene) {
        let erp = &scene.erp;
        let mut held = Vec::new();
        for at in 0..SLOW {
            let whole = by_hand(erp, "Content-Length: 1000\r\n", b"{\"cerfa\"");
            let bytes = match at % 3 {
                0 => whole,
                1 => whole[..40].to_vec(),
                _ => by_hand(erp, "Transfer-Encoding: chunked\r\n", b"5\r\n{\"a\":\r\n"),
            };
            held.push(connected(erp, &bytes).await);
        }
        still_serves(&scene, "slow callers").await;
        let id = scene.erp.submit(&contract(955).to(Opco::Akto)).await;
        scene.erp.until_delivered(&id).await;
        drop(held);
        still_serves(&scene, "callers that left").await;
    }

    async fn what_is_compressed_is_not_inflated(scene) {
        // What inflates to gigabytes need not be read: the type is refused before the body.
        let body = vec![0x1f; 200_000];
        for encoding in ["gzip", "deflate", "br", "zstd", "gzip, gzip"] {
            let headers = [("content-type", "application/json"), ("content-encoding", encoding)];
            let answer = scene.erp.request(Method::POST, "/api/v1/dossiers", &headers, body.clone()).await;
            assert_eq!(answer.status, 415, "{encoding}: {}", answer.text);
            let headers = [("content-type", "application/x-ndjson"), ("content-encoding", encoding)];
            let answer = scene.erp.request(Method::POST, "/api/v1/batches", &headers, body.clone()).await;
            assert_eq!(answer.status, 415, "{encoding}: {}", answer.text);
        }
        still_serves(&scene, "compressed bodies").await;
    }

    async fn texts_that_a_database_refuses_are_refused_at_the_door(scene) {
        let erp = &scene.erp;
        let odd = "M\u{0}\u{1}'; drop table delivery; --";
        let mut bodies: Vec<Value> = Vec::new();
        for pointer in [
            "/cerfa/apprenti/nom", "/cerfa/apprenti/courriel", "/cerfa/employeur/denomination",
            "/cerfa/employeur/siret", "/cerfa/contrat/dateDebutContrat", "/cerfa/formation/rncp",
        ] {
            bodies.push(contract(960).to(Opco::Akto).with(pointer, json!(odd)).body);
        }
        for (name, value) in [
            ("mandat", json!({"reference": odd, "date": "2026-08-01"})),
            ("mandat", json!({"reference": "M-1", "date": odd})),
            ("opco", json!(odd)),
            (odd, json!(1)),
        ] {
            let mut body = contract(961).to(Opco::Akto).body;
            body[name] = value;
            bodies.push(body);
        }
        let mut rows = Vec::new();
        for body in &mut bodies {
            let answer = erp.post("/api/v1/dossiers", body, &[]).await;
            assert!(answer.status.as_u16() < 500, "{body}: {}", answer.text);
            body["idempotency_key"] = json!(odd);
            rows.push(body.to_string());
        }
        let headers = [("content-type", "application/x-ndjson")];
        let answer = erp.request(Method::POST, "/api/v1/batches", &headers, rows.join("\n").into_bytes()).await;
        for line in answer.lines() {
            assert!(line["status"].as_u64().unwrap_or(0) < 500, "{line}");
        }
        let id = erp.submit(&contract(962).to(Opco::Akto)).await;
        erp.until_delivered(&id).await;
        for action in ["retry", "cancel", "complete", "confirm-sent"] {
            let path = format!("/api/v1/deliveries/{id}/actions/{action}");
            let body = json!({"reason": odd, "numero_interne": odd});
            let answer = erp.post(&path, &body, &[]).await;
            assert!(answer.status.as_u16() < 500, "{action}: {}", answer.text);
        }
        let held = contract(963).with("/cerfa/employeur/codeIdcc", json!("8211"))
            .with("/cerfa/employeur/naf", json!("0220Z"));
        let held = erp.submit(&held).await;
        for body in [
            json!({"reason": odd}),
            json!({"reason": "essai", "numero_interne": odd}),
            json!({"reason": "essai", "mandat": {"reference": odd, "date": "2026-08-01"}}),
        ] {
            for action in ["complete", "confirm-sent", "cancel"] {
                let path = format!("/api/v1/deliveries/{held}/actions/{action}");
                let answer = erp.post(&path, &body, &[]).await;
                assert!(answer.status.as_u16() < 500, "{action} {body}: {}", answer.text);
            }
        }
        for path in ["/api/v1/deliveries", "/api/v1/dossiers"] {
            for name in ["text", "site", "status", "opco", "cursor", "numero", "etat", "since"] {
                for value in ["%00", "a%00b", "%ff%fe", "%27%3B--", "%25%25_", "a".repeat(4_000).as_str()] {
                    let path = format!("{path}?{name}={value}");
                    let answer = erp.get(&path).await;
                    assert!(answer.status.as_u16() < 500, "{path}: {}", answer.text);
                }
            }
        }
        still_serves(&scene, "odd texts").await;
    }

    async fn no_address_leads_out_of_what_is_served(scene) {
        for path in [
            "/docs/../Cargo.toml", "/docs/..%2f..%2fetc%2fpasswd", "/docs//etc/passwd",
            "/docs/%2e%2e/%2e%2e/etc/passwd", "/docs/..\\..\\etc\\passwd", "/problems/../metrics",
        ] {
            let request = format!("GET {path} HTTP/1.1\r\nHost: a.test\r\n\r\n");
            let statuses = spoken(&scene.erp, request.as_bytes()).await;
            assert!(matches!(statuses.as_slice(), [400 | 404]), "{path}: {statuses:?}");
        }
    }
}
