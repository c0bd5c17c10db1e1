//! The encoded calls: every OPCO's dialect of every operation, as committed snapshots.

use std::fmt::Write;

use domain::{Environment, FaultKind, NormVersion, Opco, Secret};
use opco::{Body, Call, Operation, Piece, Profile, encode};
use reqwest::header::HeaderValue;
use serde_json::{Value, json};

use crate::bench::{self, identity};

fn operations() -> Vec<Operation> {
    let (v1, v2) = (NormVersion::V1, NormVersion::V2);
    vec![
        Operation::Status,
        bench::filing(v1),
        bench::filing(v2),
        Operation::Etats {
            version: v1,
            page: 1,
        },
        Operation::Etats {
            version: v2,
            page: 2,
        },
        bench::detail(v1),
        bench::detail(v2),
        Operation::Liste {
            numeros: vec!["1234567".to_owned(), "1234568".to_owned()],
        },
        Operation::KeyInfo {
            siren: "987654324".parse().unwrap(),
        },
    ]
}

/// Every payload that is no contract, with the file that goes with it.
fn pieces() -> Vec<Operation> {
    vec![
        bench::piece(Piece::Convention, true),
        bench::piece(Piece::Facture, true),
        bench::piece(Piece::Certificat, true),
        bench::piece(Piece::Certificat, false),
        bench::piece(Piece::Document, true),
        bench::piece(Piece::Rupture, false),
        Operation::FacturesEtats { page: 2 },
    ]
}

fn written(call: &Call) -> String {
    let mut text = format!("{} {}\n", call.method.as_str(), call.url);
    let mut headers: Vec<String> = call
        .headers
        .iter()
        .map(|(name, value)| {
            let shown = if value.is_sensitive() {
                "***"
            } else {
                value.to_str().unwrap()
            };
            format!("{name}: {shown}")
        })
        .collect();
    headers.sort();
    writeln!(text, "{}", headers.join("\n")).unwrap();
    match &call.body {
        None => {}
        Some(Body::Whole(body)) if !headers.iter().any(|line| line.contains("multipart")) => {
            writeln!(text, "{} bytes, {:08x}", body.len(), checksum(body)).unwrap();
        }
        Some(body) => writeln!(text, "\n{}", parts(body)).unwrap(),
    }
    let text = match call.headers.get("content-type").map(boundary) {
        Some(Some(boundary)) => text.replace(&boundary, "BOUNDARY"),
        _ => text,
    };
    text.replace(bench::KEY, "***").replace('\r', "")
}

/// The boundary is drawn afresh for each call.
fn boundary(content_type: &HeaderValue) -> Option<String> {
    let (_, boundary) = content_type.to_str().unwrap().split_once("boundary=")?;
    Some(boundary.to_owned())
}

/// A body of several parts, with what its JSON is told by a checksum and the file's place.
fn parts(body: &Body) -> String {
    let (before, fichier, after) = match body {
        Body::Whole(whole) => (whole, String::new(), &Vec::new()),
        Body::WithFile {
            before,
            fichier,
            after,
        } => (before, format!("<{} bytes>", fichier.bytes()), after),
    };
    let text = |bytes: &Vec<u8>| String::from_utf8(bytes.clone()).unwrap();
    let shown = text(before)
        .split("\r\n")
        .map(|line| match line.strip_prefix('{') {
            Some(_) => {
                let bytes = line.as_bytes();
                format!("<{} bytes, {:08x}>", bytes.len(), checksum(bytes))
            }
            None => line.to_owned(),
        })
        .collect::<Vec<_>>()
        .join("\n");
    format!("{shown}{fichier}{}", text(after))
}

/// Enough to see that a body changed; the bodies themselves are in a snapshot of their own.
fn checksum(body: &[u8]) -> u32 {
    body.iter().fold(0x811c_9dc5, |sum, byte| {
        (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    })
}

/// The JSON of a body, whole or in its part.
fn json_of(call: &Call) -> Value {
    let Some(Body::Whole(bytes) | Body::WithFile { before: bytes, .. }) = &call.body else {
        panic!("no body")
    };
    let text = String::from_utf8(bytes.clone()).unwrap();
    let json = text.split("\r\n").find(|line| line.starts_with('{'));
    serde_json::from_str(json.unwrap()).unwrap()
}

#[test]
fn every_opco_is_called_as_committed() {
    for opco in Opco::ALL {
        let shipped = Profile::shipped(opco).unwrap();
        let mut text = format!(
            "base_url: {}\ntoken_url: {}\nscope: {}\ndpop: {}\n\n",
            shipped.base_url,
            shipped.token_url.as_deref().unwrap_or("none"),
            shipped.scope.as_deref().unwrap_or("none"),
            shipped.dpop,
        );
        // Hosts that are not known are placeholders, so the calls are shown on a common one.
        let profile = shipped.rehosted("https://host.example").unwrap();
        for operation in operations() {
            let call = encode(&profile, &identity(), &operation).unwrap();
            writeln!(text, "{}", written(&call)).unwrap();
        }
        insta::assert_snapshot!(format!("calls_{opco}"), text.trim_end());
        let mut text = String::new();
        for operation in pieces() {
            let call = encode(&profile, &identity(), &operation).unwrap();
            writeln!(text, "{}", written(&call)).unwrap();
        }
        insta::assert_snapshot!(format!("pieces_{opco}"), text.trim_end());
    }
}

#[test]
fn the_bodies_are_written_as_committed() {
    let profile = Profile::shipped(Opco::Akto).unwrap();
    for version in [NormVersion::V1, NormVersion::V2] {
        let call = encode(&profile, &identity(), &bench::filing(version)).unwrap();
        let body = json_of(&call);
        insta::assert_json_snapshot!(format!("body_{}", version.as_str()), body);
    }
}

#[test]
fn each_departure_in_writing_changes_only_what_it_names() {
    let plain = bench::profile(Opco::Akto, "");
    let bare = bench::profile(Opco::Akto, "edits = ['bare_rncp', 'address2021']");
    let body = |profile| {
        let call = encode(profile, &identity(), &bench::filing(NormVersion::V2)).unwrap();
        json_of(&call)
    };
    let (mut before, mut after) = (body(&plain), body(&bare));
    assert_eq!(
        before.pointer("/cerfa/formation/rncp").unwrap(),
        "RNCP99999"
    );
    assert_eq!(after.pointer("/cerfa/formation/rncp").unwrap(), "99999");
    for block in ["employeur", "apprenti", "organismeFormation"] {
        let adresse = format!("/cerfa/{block}/adresse");
        assert!(before.pointer(&format!("{adresse}/adresse1")).is_some());
        assert!(after.pointer(&format!("{adresse}/adresse1")).is_none());
        assert!(after.pointer(&format!("{adresse}/voie")).is_some());
    }
    for body in [&mut before, &mut after] {
        *body.pointer_mut("/cerfa/formation/rncp").unwrap() = Value::Null;
        for path in [
            "/cerfa/employeur/adresse",
            "/cerfa/apprenti/adresse",
            "/cerfa/apprenti/responsableLegal/adresse",
            "/cerfa/organismeFormation/adresse",
            "/cerfa/organismeFormationLieuFormationPrincipal/adresse",
        ] {
            *body.pointer_mut(path).unwrap() = Value::Null;
        }
    }
    assert_eq!(before, after);
}

#[test]
fn the_pieces_are_written_as_committed() {
    let profile = Profile::shipped(Opco::Afdas).unwrap();
    let profile = profile.rehosted("https://host.example").unwrap();
    for piece in bench::PIECES {
        let operation = bench::piece(piece, piece != Piece::Rupture);
        let body = json_of(&encode(&profile, &identity(), &operation).unwrap());
        insta::assert_json_snapshot!(format!("piece_{}", piece.kind()), body);
    }
}

#[test]
fn fields_outside_the_norm_are_forwarded() {
    let profile = bench::profile(Opco::Akto, "");
    for piece in bench::PIECES {
        let mut payload: Value = serde_json::from_slice(&bench::piece_sample(piece)).unwrap();
        payload["champNouveau"] = json!({"unité": ["a", 1]});
        let read = domain::payload::Payload::read(piece.kind(), payload.to_string().as_bytes());
        let payload = read.unwrap().payload.write();
        let operation = Operation::FilePiece {
            piece,
            payload,
            fichier: None,
        };
        let body = json_of(&encode(&profile, &identity(), &operation).unwrap());
        assert_eq!(
            body["champNouveau"],
            json!({"unité": ["a", 1]}),
            "{piece:?}"
        );
    }
}

#[test]
fn no_two_bodies_have_the_same_boundary() {
    let profile = bench::profile(Opco::Akto, "");
    let drawn = || {
        let operation = bench::piece(Piece::Facture, true);
        let call = encode(&profile, &identity(), &operation).unwrap();
        boundary(call.headers.get("content-type").unwrap()).unwrap()
    };
    let (first, second) = (drawn(), drawn());
    assert_ne!(first, second);
    assert!(first.len() <= 70 && first.len() > 30, "{first}");
}

#[test]
fn a_termination_has_no_place_for_a_file() {
    let operation = bench::piece(Piece::Rupture, true);
    let fault = encode(&bench::profile(Opco::Akto, ""), &identity(), &operation).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Misconfigured);
}

#[test]
fn the_separator_of_a_list_is_a_setting() {
    let profile = bench::profile(Opco::Akto, "liste_separator = ';'");
    let liste = Operation::Liste {
        numeros: vec!["a b".to_owned(), "2".to_owned()],
    };
    let call = encode(&profile, &identity(), &liste).unwrap();
    assert_eq!(call.url.query(), Some("numerosInternes=a+b%3B2"));
}

#[test]
fn a_test_credential_is_sent_to_recette_only() {
    let test = opco::Identity {
        environment: Environment::Test,
        ..identity()
    };
    let afdas = bench::profile(
        Opco::Afdas,
        "[test]\ntoken_url = 'https://idp.example/token'",
    );
    let call = encode(&afdas, &test, &Operation::Status).unwrap();
    assert_eq!(
        call.url.as_str(),
        "https://api-cfa-recette.afdas.com/v1/status"
    );
    let fault = encode(&bench::profile(Opco::Akto, ""), &test, &Operation::Status).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Misconfigured);
}

#[test]
fn a_key_that_no_header_can_carry_is_named_and_not_shown() {
    for key in ["", "  ", "canary\nkey"] {
        let wrong = opco::Identity {
            cfa_key: Secret::new(key),
            ..identity()
        };
        let profile = bench::profile(Opco::Akto, "");
        let fault = encode(&profile, &wrong, &Operation::Status).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Misconfigured);
        assert!(fault.detail.contains("the CFA key"), "{}", fault.detail);
        assert!(!fault.detail.contains("canary"), "{}", fault.detail);
    }
}

#[test]
fn a_key_of_four_thousand_characters_is_carried_whole() {
    let key = "k".repeat(4096);
    let long = opco::Identity {
        cfa_key: Secret::new(key.as_str()),
        ..identity()
    };
    let call = encode(&bench::profile(Opco::Akto, ""), &long, &Operation::Status).unwrap();
    assert_eq!(call.headers.get("x-api-key").unwrap(), key.as_str());
}
