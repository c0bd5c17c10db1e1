//! What is signed, and what leaves: the published vector and the independent check.

use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;

const BOUND: Duration = Duration::from_secs(20);

fn loopback() -> Rule {
    Rule::new(vec!["127.0.0.0/8".parse().unwrap()])
}

/// Makes a way that knows these addresses under every name.
fn knowing(rule: Rule, addresses: &[&str]) -> Wire {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let addresses: Vec<IpAddr> = addresses.iter().map(|a| a.parse().unwrap()).collect();
    let lookup: Lookup = Arc::new(move |_| {
        let addresses = addresses.clone();
        Box::pin(async move { Ok(addresses) })
    });
    Wire::with(rule, true, lookup).unwrap()
}

async fn answering(answer: ResponseTemplate) -> (MockServer, Wire) {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    (server, knowing(loopback(), &[]))
}

async fn call(wire: &Wire, url: &str) -> Call {
    wire.post(url, HeaderMap::new(), "{}".to_owned(), BOUND)
        .await
}

#[tokio::test]
async fn an_address_that_must_not_be_called_is_refused_in_every_spelling() {
    let wire = knowing(Rule::default(), &[]);
    for url in [
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f.0.0.1/",
        "https://0177.0.0.1/",
        "https://127.0.0.1./",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[64:ff9b::a9fe:a9fe]/",
        "https://169.254.169.254/latest/meta-data",
        "https://[fd00:ec2::254]/",
    ] {
        assert_eq!(wire.check(url), Err(Unfit::Address), "{url}");
        let call = call(&wire, url).await;
        assert_eq!(call.outcome, Outcome::UrlRefused, "{url}");
    }
}

#[tokio::test]
async fn only_https_without_a_password_is_an_address() {
    let open = knowing(loopback(), &[]);
    assert!(
        open.check("https://erp.example.fr/evenements?jeton=1")
            .is_ok()
    );
    assert!(
        open.check("http://127.0.0.1:9/").is_ok(),
        "the setting allows it"
    );
    assert_eq!(open.check("http://erp.example.fr/"), Err(Unfit::Scheme));
    assert_eq!(open.check("http://10.0.0.1/"), Err(Unfit::Scheme));
    let shut = Wire::new(loopback(), false).unwrap();
    assert_eq!(shut.check("http://127.0.0.1:9/"), Err(Unfit::Scheme));
    for (url, why) in [
        ("ftp://erp.example.fr/", Unfit::Scheme),
        ("file:///etc/passwd", Unfit::Form),
        ("https://qui:quoi@erp.example.fr/", Unfit::Credentials),
        ("https://qui@erp.example.fr/", Unfit::Credentials),
        ("https://", Unfit::Form),
        ("erp.example.fr", Unfit::Form),
        ("https://erp.example.fr/\n", Unfit::Form),
    ] {
        assert_eq!(shut.check(url), Err(why), "{url}");
    }
    let long = format!("https://erp.example.fr/{}", "a".repeat(URL_CHARS_MAX));
    assert_eq!(shut.check(&long), Err(Unfit::Form));
}

#[tokio::test]
async fn a_name_that_leads_inside_is_not_called() {
    for answers in [
        &["127.0.0.1"][..],
        &["10.0.0.8"],
        &["8.8.8.8", "192.168.0.1"],
        &["::ffff:127.0.0.1"],
        &["64:ff9b::7f00:1"],
        &[],
    ] {
        let wire = knowing(Rule::default(), answers);
        let call = call(&wire, "https://erp.example.fr/").await;
        assert_eq!(call.outcome, Outcome::AddressRefused, "{answers:?}");
        assert_eq!(call.status, None);
    }
}

#[tokio::test]
async fn what_was_checked_is_what_is_called() {
    // The name exists nowhere but in the answer: a connection shows that no one else was asked.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let wire = knowing(loopback(), &["127.0.0.1"]);
    let url = format!("https://erp.invalid:{port}/");
    let (call, accepted) = tokio::join!(call(&wire, &url), async {
        let (stream, _) = listener.accept().await.unwrap();
        drop(stream);
    });
    assert_eq!((call.outcome, accepted), (Outcome::Unreachable, ()));
}

#[tokio::test]
async fn every_answer_has_its_meaning() {
    for (status, outcome) in [
        (200, Outcome::Delivered),
        (204, Outcome::Delivered),
        (299, Outcome::Delivered),
        (301, Outcome::Redirected),
        (400, Outcome::Refused),
        (410, Outcome::Gone),
        (500, Outcome::Refused),
    ] {
        let (server, wire) = answering(ResponseTemplate::new(status)).await;
        let call = call(&wire, &server.uri()).await;
        assert_eq!((call.outcome, call.status), (outcome, Some(status)));
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let target = MockServer::start().await;
    let answer = ResponseTemplate::new(307).insert_header("location", target.uri());
    let (server, wire) = answering(answer).await;
    let call = call(&wire, &server.uri()).await;
    assert_eq!(call.outcome, Outcome::Redirected);
    assert!(target.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_large_answer_is_not_read_whole() {
    let answer = ResponseTemplate::new(200).set_body_bytes(vec![b'x'; 32 * 1024 * 1024]);
    let (server, wire) = answering(answer).await;
    assert_eq!(call(&wire, &server.uri()).await.outcome, Outcome::Delivered);
}

#[tokio::test]
async fn a_receiver_that_does_not_answer_in_time_has_failed() {
    let answer = ResponseTemplate::new(200).set_delay(Duration::from_mins(5));
    let (server, wire) = answering(answer).await;
    let bound = Duration::from_millis(200);
    let call = wire
        .post(&server.uri(), HeaderMap::new(), String::new(), bound)
        .await;
    assert_eq!((call.outcome, call.status), (Outcome::TimedOut, None));
}

#[tokio::test]
async fn a_receiver_may_ask_for_a_rest_of_a_day_at_most() {
    for (asked, kept) in [
        ("120", Some(Duration::from_mins(2))),
        ("99999999", Some(RETRY_AFTER_MAX)),
        ("demain", None),
    ] {
        let answer = ResponseTemplate::new(503).insert_header("retry-after", asked);
        let (server, wire) = answering(answer).await;
        assert_eq!(call(&wire, &server.uri()).await.retry_after, kept);
    }
}

#[tokio::test]
async fn an_answer_that_matters_is_read_whole_up_to_a_size_and_from_nowhere_inside() {
    let answer = ResponseTemplate::new(409).set_body_string("12\n");
    let (server, open) = answering(answer).await;
    let ask = async |wire: &Wire, url: &str, most: usize| {
        let body = ("text/plain", b"old 0".to_vec());
        wire.exchange(url, body, BOUND, most).await
    };
    let told = Answer {
        status: 409,
        body: b"12\n".to_vec(),
    };
    assert_eq!(ask(&open, &server.uri(), 3).await, Ok(told));
    assert_eq!(ask(&open, &server.uri(), 2).await, Err(Outcome::Refused));
    let shut = knowing(Rule::default(), &["10.0.0.1"]);
    let refused = ask(&shut, &server.uri(), 3).await;
    assert_eq!(refused, Err(Outcome::UrlRefused));
    let refused = ask(&shut, "https://temoin.example/", 3).await;
    assert_eq!(refused, Err(Outcome::AddressRefused));
}
