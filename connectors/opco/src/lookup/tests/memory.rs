//! What the services share: one call at a time, the memory, the limit, the breaker.

use std::time::{Duration, Instant};

use domain::clock::SystemClock;

use super::*;

#[tokio::test]
async fn however_many_ask_for_one_establishment_one_call_leaves() {
    let server = MockServer::start().await;
    let body = france_competences("01", Some(("03", "ATLAS")));
    let slow = json_of(&body).set_delay(Duration::from_millis(100));
    serve(&server, &authority_path(), slow, 1).await;
    let lookup = lookup(&server, manual(), AUTHORITY);
    let asks = (0..40).map(|_| lookup.find(siret(ATLAS)));
    let answers = join_all(asks).await;
    assert!(answers.iter().all(|answer| owner_of(answer).is_some()));
}

/// Awaits all at once; the crate has no need of a futures library for this alone.
async fn join_all<F: Future>(asks: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut asks: Vec<_> = asks.map(|ask| (Box::pin(ask), None)).collect();
    std::future::poll_fn(|cx| {
        let mut pending = false;
        for (ask, answer) in &mut asks {
            if answer.is_none() {
                match ask.as_mut().poll(cx) {
                    std::task::Poll::Ready(value) => *answer = Some(value),
                    std::task::Poll::Pending => pending = true,
                }
            }
        }
        if pending {
            std::task::Poll::Pending
        } else {
            std::task::Poll::Ready(())
        }
    })
    .await;
    asks.into_iter().filter_map(|(_, answer)| answer).collect()
}

#[tokio::test]
async fn each_kind_of_answer_is_remembered_for_its_own_time() {
    const HOUR: u64 = 3_600;
    let known = france_competences("01", Some(("03", "ATLAS")));
    let none = france_competences("01", None);
    for (body, hours) in [
        (known, 30 * 24),
        (none, 7 * 24),
        (france_competences("99", None), 24),
    ] {
        let server = MockServer::start().await;
        serve(&server, &authority_path(), json_of(&body), 3).await;
        let clock = manual();
        let lookup = lookup(&server, clock.clone(), AUTHORITY);
        let first = lookup.find(siret(ATLAS)).await;
        clock.advance(Duration::from_secs(hours * HOUR - 1));
        assert_eq!(lookup.find(siret(ATLAS)).await, first, "still remembered");
        clock.advance(Duration::from_secs(1));
        lookup.find(siret(ATLAS)).await;
        clock.advance(Duration::from_secs(1));
        lookup.forget();
        lookup.find(siret(ATLAS)).await;
    }
}

#[tokio::test]
async fn an_error_is_never_remembered_and_a_stale_answer_says_so() {
    let server = MockServer::start().await;
    let clock = manual();
    let lookup = lookup(&server, clock.clone(), AUTHORITY);
    {
        let _away = Mock::given(path(authority_path()))
            .respond_with(ResponseTemplate::new(500))
            .expect(1)
            .mount_as_scoped(&server)
            .await;
        assert!(matches!(
            lookup.find(siret(ATLAS)).await,
            Answer::CouldNotTell(_)
        ));
    }
    clock.advance(Duration::from_secs(1));
    {
        let body = france_competences("01", Some(("03", "ATLAS")));
        let _back = Mock::given(path(authority_path()))
            .respond_with(json_of(&body))
            .expect(1)
            .mount_as_scoped(&server)
            .await;
        assert!(owner_of(&lookup.find(siret(ATLAS)).await).is_some());
    }
    serve(&server, &authority_path(), ResponseTemplate::new(500), 1).await;
    clock.advance(Duration::from_hours(31 * 24));
    let Answer::Found(found) = lookup.find(siret(ATLAS)).await else {
        panic!()
    };
    assert!(found.stale);
}

#[tokio::test]
async fn a_service_that_says_too_many_is_left_alone_for_as_long_as_it_asks() {
    let server = MockServer::start().await;
    let limited = ResponseTemplate::new(429).insert_header("retry-after", "120");
    serve(&server, &authority_path(), limited, 2).await;
    let clock = manual();
    let lookup = lookup(&server, clock.clone(), AUTHORITY);
    let Answer::CouldNotTell(fault) = lookup.find(siret(ATLAS)).await else {
        panic!()
    };
    assert_eq!(fault.kind, FaultKind::Throttled);
    assert_eq!(fault.retry_after, Some(Duration::from_mins(2)));
    clock.advance(Duration::from_secs(119));
    let Answer::CouldNotTell(fault) = lookup.find(siret(ATLAS)).await else {
        panic!()
    };
    assert_eq!(
        fault.retry_after,
        Some(Duration::from_secs(1)),
        "not called, but says when"
    );
    clock.advance(Duration::from_secs(2));
    lookup.find(siret(ATLAS)).await;
}

#[tokio::test]
async fn a_failing_service_rests_longer_each_time_and_one_success_ends_it() {
    let server = MockServer::start().await;
    let clock = manual();
    let lookup = lookup(&server, clock.clone(), TABLE);
    let ask = async |seconds| {
        clock.advance(Duration::from_secs(seconds));
        lookup.find(siret(ATLAS)).await
    };
    {
        let _away = Mock::given(path(table_path()))
            .respond_with(ResponseTemplate::new(502))
            .expect(5)
            .mount_as_scoped(&server)
            .await;
        for _ in 0..3 {
            ask(1).await;
        }
        ask(29).await;
        ask(2).await;
        ask(59).await;
        ask(2).await;
    }
    serve(&server, &table_path(), json_of(&json!({ "data": [] })), 2).await;
    assert!(matches!(ask(119).await, Answer::CouldNotTell(_)));
    assert_eq!(ask(2).await, Answer::Absent);
    lookup.forget();
    assert_eq!(ask(1).await, Answer::Absent);
}

#[tokio::test]
async fn calls_are_spaced_and_a_turn_too_far_away_is_not_waited_for() {
    let server = MockServer::start().await;
    let mut settings = Settings {
        tabular: Some(TabularSettings {
            resource: RESOURCE.to_owned(),
            base_url: server.uri(),
            per_second: 20,
        }),
        ..Settings::default()
    };
    serve(&server, &table_path(), json_of(&json!({ "data": [] })), 6).await;
    let sirets: Vec<Siret> = (0..5).map(|n| siret(&number(n))).collect();
    let patient = Lookup::new(&settings, Arc::new(SystemClock))
        .unwrap()
        .unwrap();
    let started = Instant::now();
    join_all(sirets.iter().map(|siret| patient.find(*siret))).await;
    assert!(
        started.elapsed() >= Duration::from_millis(200),
        "{:?}",
        started.elapsed()
    );

    settings.wait_ms = 10;
    let hurried = Lookup::new(&settings, manual()).unwrap().unwrap();
    let answers = join_all(sirets.iter().map(|siret| hurried.find(*siret))).await;
    let told = answers
        .iter()
        .filter(|answer| **answer == Answer::Absent)
        .count();
    assert_eq!(told, 1);
}
