//! What may be set, and mails handed to a server that speaks SMTP over TLS, with certificates made for the
//! test.

mod server;

use domain::Timestamp;
use domain::id::{MailId, PersonId, TenantId};
use store::mails::Mail;

use self::server::{Certificates, Server, Way};
use super::post::Failed;
use super::*;

fn settings(host: &str, security: Security) -> Settings {
    Settings {
        host: host.to_owned(),
        port: None,
        security,
        user: None,
        password: None,
        from: "CFA Gateway <passerelle@cfa.example>".to_owned(),
        ca_file: None,
        timeout_s: 30,
    }
}

#[test]
fn nothing_goes_in_clear_to_another_machine() {
    for (host, security, sound) in [
        ("smtp.cfa.example", Security::Starttls, true),
        ("smtp.cfa.example", Security::Tls, true),
        ("smtp.cfa.example", Security::None, false),
        ("127.0.0.1.cfa.example", Security::None, false),
        ("10.0.0.1", Security::None, false),
        ("127.0.0.1", Security::None, true),
        ("::1", Security::None, true),
        ("localhost", Security::None, true),
    ] {
        let problems = settings(host, security).problems();
        assert_eq!(
            problems.is_empty(),
            sound,
            "{host} {security:?} {problems:?}"
        );
    }
}

#[test]
fn half_an_account_and_a_sender_without_address_are_refused() {
    let mut odd = settings("smtp.cfa.example", Security::Tls);
    odd.user = Some("passerelle".to_owned());
    odd.from = "la passerelle".to_owned();
    let keys: Vec<String> = odd.problems().into_iter().map(|one| one.key).collect();
    assert_eq!(keys, ["smtp.from", "smtp.password"]);
}

#[test]
fn rests_grow() {
    assert_eq!(rest(1), Duration::from_mins(1));
    assert_eq!(rest(4), Duration::from_hours(1));
    assert_eq!(rest(99), Duration::from_hours(3));
}

/// Sends one mail to a server that shows a certificate; returns what came of it and what the server heard.
async fn sent(
    (way, certificate): (Way, &str),
    certificates: &Certificates,
    trusted: bool,
) -> (Result<(), Failed>, Vec<String>) {
    let server = Server::start(way, certificates, certificate);
    let security = match way {
        Way::Tls => Security::Tls,
        Way::Starttls | Way::Clear => Security::Starttls,
    };
    let settings = Settings {
        port: Some(server.port),
        user: Some("passerelle".to_owned()),
        password: Some(Secret::new("canari-mot-de-passe")),
        ca_file: trusted.then(|| certificates.file("root.pem")),
        timeout_s: 10,
        ..settings("localhost", security)
    };
    assert!(settings.problems().is_empty());
    let now: Timestamp = "2026-09-01T08:00:00Z".parse().unwrap();
    let mail = Mail {
        tenant: TenantId::new(now),
        id: MailId::new(now),
        person: PersonId::new(now),
        title: "Titre".to_owned(),
        body: "Texte canari".to_owned(),
        needs: Vec::new(),
        tries: 1,
        created_at: now,
    };
    let mailer = Mailer::new(&settings).unwrap();
    let sent = mailer.send(&mail, "ana@cfa.example", now).await;
    (sent, server.heard())
}

#[tokio::test]
async fn a_mail_and_the_account_it_is_sent_by_go_through_tls_alone() {
    let certificates = Certificates::make();
    for (way, in_clear) in [
        (Way::Starttls, ["EHLO", "STARTTLS"].as_slice()),
        (Way::Tls, &[]),
    ] {
        let (sent, heard) = sent((way, "localhost"), &certificates, true).await;
        assert!(sent.is_ok(), "{way:?} {sent:?} {heard:?}");
        let clear = heard.iter().filter_map(|line| line.strip_prefix("clear "));
        let clear: Vec<&str> = clear.filter_map(|line| line.split(' ').next()).collect();
        assert_eq!(clear, in_clear, "{way:?}");
        for inside in [
            "EHLO",
            "AUTH PLAIN",
            "MAIL FROM",
            "RCPT TO",
            "DATA",
            "Texte canari",
        ] {
            let begins = |line: &String| line.starts_with(&format!("tls {inside}"));
            assert!(heard.iter().any(begins), "{way:?} {inside} {heard:?}");
        }
    }
}

#[tokio::test]
async fn a_server_that_is_not_the_one_named_gets_neither_account_nor_mail() {
    let certificates = Certificates::make();
    for (certificate, trusted, said) in [
        ("localhost", false, "smtp.ca_file"),
        ("stranger", true, "smtp.ca_file"),
        ("elsewhere", true, "smtp.host"),
    ] {
        for way in [Way::Starttls, Way::Tls] {
            let (sent, heard) = sent((way, certificate), &certificates, trusted).await;
            let failed = sent.unwrap_err();
            assert!(!failed.for_good, "{certificate} {way:?}");
            assert!(failed.to_string().contains(said), "{certificate} {failed}");
            assert!(
                !heard.iter().any(|line| line.starts_with("tls")),
                "{heard:?}"
            );
            let sent = ["AUTH", "MAIL", "RCPT", "DATA"];
            let told = |line: &String| sent.iter().any(|word| line.contains(word));
            assert!(!heard.iter().any(told), "{heard:?}");
        }
    }
}

#[tokio::test]
async fn a_server_without_starttls_gets_nothing() {
    let certificates = Certificates::make();
    let (sent, heard) = sent((Way::Clear, "localhost"), &certificates, true).await;
    let failed = sent.unwrap_err();
    assert!(
        !failed.for_good && failed.to_string().contains("STARTTLS"),
        "{failed}"
    );
    let words: Vec<&str> = heard
        .iter()
        .filter_map(|line| line.split(' ').nth(1))
        .filter(|word| *word != "QUIT")
        .collect();
    assert_eq!(words, ["EHLO"]);
}

#[tokio::test]
async fn an_account_that_is_refused_loses_no_mail() {
    let certificates = Certificates::make();
    let server = Server::start(Way::Tls, &certificates, "localhost");
    server.refuse_accounts();
    let settings = Settings {
        port: Some(server.port),
        user: Some("passerelle".to_owned()),
        password: Some(Secret::new("faux")),
        ca_file: Some(certificates.file("root.pem")),
        ..settings("localhost", Security::Tls)
    };
    let now: Timestamp = "2026-09-01T08:00:00Z".parse().unwrap();
    let mail = Mail {
        tenant: TenantId::new(now),
        id: MailId::new(now),
        person: PersonId::new(now),
        title: "Titre".to_owned(),
        body: "Texte".to_owned(),
        needs: Vec::new(),
        tries: 1,
        created_at: now,
    };
    let mailer = Mailer::new(&settings).unwrap();
    let failed = mailer
        .send(&mail, "ana@cfa.example", now)
        .await
        .unwrap_err();
    assert!(!failed.for_good, "{failed}");
    assert!(failed.to_string().contains("smtp.user"), "{failed}");
    assert!(!server.heard().iter().any(|line| line.contains("MAIL")));
}

#[test]
fn a_file_without_a_certificate_is_told_by_its_setting() {
    let folder = std::env::temp_dir().join(format!("cfa-mail-{}", uuid::Uuid::now_v7()));
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("empty.pem"), "rien\n").unwrap();
    for name in ["empty.pem", "absent.pem"] {
        let odd = Settings {
            ca_file: Some(folder.join(name)),
            ..settings("smtp.cfa.example", Security::Tls)
        };
        let keys: Vec<String> = odd.problems().into_iter().map(|one| one.key).collect();
        assert_eq!(keys, ["smtp.ca_file"], "{name}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
