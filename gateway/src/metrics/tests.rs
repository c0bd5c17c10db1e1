//! What is counted is told, and nothing else.

use domain::alert::Condition;

use super::*;

#[test]
fn what_was_counted_is_told() {
    let metrics = Metrics::new();
    metrics.accepted(Kind::Dossier, Environment::Test, Status::Queued);
    metrics.refused("IDT-004");
    metrics.settled(Some(Opco::Akto), Status::Delivered);
    metrics.held(None, HoldReason::NoRoute);
    metrics.orphans(&[(Opco::Akto, 3)]);
    let backlog = (Environment::Live, Condition::Backlog);
    metrics.alerts(&[(backlog, 2)].into());
    metrics.alert_raised(backlog.0, backlog.1);
    metrics.reclaimed(Opco::Akto);
    metrics.state_unknown(Opco::Atlas);
    metrics.commit(12, Duration::from_millis(3));
    metrics.commit_failed();
    metrics.attempt(Opco::Akto, "dossier", "taken", Duration::from_millis(30));
    metrics.breaker(Instance::first(Opco::Atlas), BreakerState::Open);
    metrics.http("POST", "/api/v1/dossiers", 202, Duration::from_millis(3));
    metrics.webhook_attempt("refused");
    metrics.mail("no_right");
    metrics.received(Kind::Convention, 70_000);
    metrics.received(Kind::Convention, 1);
    metrics.in_custody(12, 12_000_000_000);
    metrics.webhooks(&store::webhooks::Picture {
        active: 3,
        failing: 1,
        disabled: 0,
        behind_max: 7,
        parked: 2,
    });
    let text = metrics.encode().unwrap();
    for line in [
        r#"cfa_gateway_deliveries_accepted_total{kind="dossier",environment="test",status="queued"} 1"#,
        r#"cfa_gateway_findings_refused_total{rule="IDT-004"} 1"#,
        r#"cfa_gateway_mails_total{outcome="no_right"} 1"#,
        r#"cfa_gateway_deliveries_settled_total{opco="akto",status="delivered"} 1"#,
        r#"cfa_gateway_deliveries_held_total{opco="none",reason="no_route"} 1"#,
        r#"cfa_gateway_attempt_seconds_count{opco="akto",operation="dossier",outcome="taken"} 1"#,
        r#"cfa_gateway_breaker_state{opco="atlas",number="1"} 2.0"#,
        r#"cfa_gateway_http_request_seconds_count{method="POST",route="/api/v1/dossiers",status="202"} 1"#,
        r#"cfa_gateway_webhook_attempts_total{outcome="refused"} 1"#,
        r#"cfa_gateway_webhook_endpoints{state="failing"} 1.0"#,
        "cfa_gateway_webhook_behind_events 7.0",
        "cfa_gateway_webhook_parked_events 2.0",
        r#"cfa_gateway_orphans_open{opco="akto"} 3.0"#,
        r#"cfa_gateway_alerts_open{environment="live",kind="backlog"} 2.0"#,
        r#"cfa_gateway_alerts_raised_total{environment="live",kind="backlog"} 1"#,
        r#"cfa_gateway_leases_reclaimed_total{opco="akto"} 1"#,
        r#"cfa_gateway_states_unknown_total{opco="atlas"} 1"#,
        "cfa_gateway_commit_seconds_count 1",
        "cfa_gateway_commit_members_sum 12",
        "cfa_gateway_commits_failed_total 1",
        r#"cfa_gateway_files_received_total{kind="convention"} 2"#,
        r#"cfa_gateway_files_received_bytes_total{kind="convention"} 70001"#,
        "cfa_gateway_files_in_custody 12.0",
        "cfa_gateway_files_in_custody_bytes 12000000000.0",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn what_alerts_wait_for_is_there_before_it_happens() {
    let metrics = Metrics::new();
    let text = metrics.encode().unwrap();
    for line in [
        r#"cfa_gateway_states_unknown_total{opco="akto"} 0"#,
        r#"cfa_gateway_fields_unknown_total{opco="akto"} 0"#,
        r#"cfa_gateway_leases_reclaimed_total{opco="uniformation"} 0"#,
        r#"cfa_gateway_alerts_open{environment="live",kind="unknown_field"} 0"#,
        r#"cfa_gateway_alerts_raised_total{environment="live",kind="breaker_open"} 0"#,
        r#"cfa_gateway_deliveries_settled_total{opco="atlas",status="dead"} 0"#,
        r#"cfa_gateway_invoice_refusals_total{opco="afdas",reason="UNKNOWN"} 0"#,
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    metrics.orphans(&[(Opco::Akto, 3)]);
    metrics.orphans(&[]);
    let key = (Environment::Test, Condition::KeyExpiry);
    metrics.alerts(&[(key, 1)].into());
    metrics.alerts(&BTreeMap::new());
    let text = metrics.encode().unwrap();
    assert!(text.contains(r#"cfa_gateway_orphans_open{opco="akto"} 0"#));
    let ended = r#"cfa_gateway_alerts_open{environment="test",kind="key_expiry"} 0.0"#;
    assert!(text.contains(ended), "{text}");
}

#[test]
fn a_new_picture_of_the_queue_forgets_the_old_one() {
    let metrics = Metrics::new();
    let count = |status, reason: &str, count| Count {
        status,
        reason: Some(reason.to_owned()),
        opco: Some(Opco::Akto),
        count,
        oldest: "2026-08-25T08:00:00Z".parse().unwrap(),
        due: "2026-08-25T08:59:00Z".parse().ok(),
    };
    let now = "2026-08-25T09:00:00Z".parse().unwrap();
    metrics.queue(&[count(Status::Waiting, "retry", 4)], now);
    metrics.queue(&[count(Status::Held, "no_key", 2)], now);
    let text = metrics.encode().unwrap();
    assert!(!text.contains("waiting"), "{text}");
    assert!(text.contains(
        r#"cfa_gateway_queue_deliveries{opco="akto",status="held",reason="no_key"} 2.0"#
    ));
    assert!(text.contains(
        r#"cfa_gateway_queue_oldest_seconds{opco="akto",status="held",reason="no_key"} 3600.0"#
    ));
    assert!(text.contains("cfa_gateway_queue_counted_seconds 1787648400.0"));
    assert!(text.contains(r#"cfa_gateway_queue_late_seconds{opco="akto"} 60.0"#));
    assert!(text.contains(r#"cfa_gateway_queue_late_seconds{opco="atlas"} 0.0"#));
    metrics.queue(&[], now);
    let text = metrics.encode().unwrap();
    assert!(text.contains(r#"cfa_gateway_queue_late_seconds{opco="akto"} 0.0"#));
}
