"""The alerts: their unit tests, what they read, and what is written of each."""

import re
import shutil
from typing import Any

import pytest

from packages import ROOT, RULES, load, must
from queries import RECORDED, concrete
from watching import unknown

GROUPS: list[dict[str, Any]] = load(RULES)["groups"]
ALERTS = {rule["alert"]: rule for group in GROUPS for rule in group["rules"] if "alert" in rule}
RECORDS = {rule["record"]: rule for group in GROUPS for rule in group["rules"] if "record" in rule}
TESTS = sorted(RULES.parent.glob("rules_*test.yml"))

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (Debian: prometheus)"
)


@needs_promtool
def test_prometheus_reads_them() -> None:
    must("promtool", "check", "rules", "--lint=all", "--lint-fatal", RULES)


@needs_promtool
def test_each_fires_when_it_must_and_keeps_still_beside_it() -> None:
    must("promtool", "test", "rules", *TESTS)


def test_each_has_a_unit_test_in_which_it_fires() -> None:
    fired = {
        case["alertname"]
        for file in TESTS
        for test in load(file)["tests"]
        for case in test["alert_rule_test"]
        if case.get("exp_alerts")
    }
    assert fired == set(ALERTS)


@pytest.mark.parametrize("name", ALERTS)
def test_each_says_how_bad_it_is_and_what_it_is(name: str) -> None:
    rule = ALERTS[name]
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert set(rule["annotations"]) == {"summary", "description"}
    # A label that the expression does not keep would print as nothing.
    kept = re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values()))
    grouped = " ".join([rule["expr"], *(RECORDS[record]["expr"] for record in RECORDED.findall(rule["expr"]))])
    assert all(label in grouped or label in ("instance", "job") for label in kept), kept


def test_each_is_in_the_manual() -> None:
    manual = (ROOT / "docs" / "operations.md").read_text()
    degrees = {"critical": "critique", "warning": "à voir", "info": "pour info"}
    described = re.findall(r"^\| `(CfaGateway\w+)` \| ([^|]+) \|", manual, re.MULTILINE)
    assert described == [(name, degrees[rule["labels"]["severity"]]) for name, rule in ALERTS.items()]


def test_what_is_recorded_is_used_and_what_is_used_is_recorded() -> None:
    used = {record for group in GROUPS for rule in group["rules"] for record in RECORDED.findall(rule["expr"])}
    assert used == set(RECORDS)


@pytest.mark.parametrize("name", (*ALERTS, *RECORDS))
def test_each_reads_what_the_program_tells(name: str, told: Any) -> None:
    rule = ALERTS.get(name) or RECORDS[name]
    assert not unknown(concrete(rule["expr"]), told)


@pytest.mark.parametrize(
    "query",
    (
        "cfa_gateway_deliveries_acepted_total",
        'cfa_gateway_breaker_state{instance_number="1"}',
        'cfa_gateway_queue_deliveries{status="helt"}',
        'cfa_gateway_attempt_seconds_count{outcome=~"lost|perdu"}',
        "sum by (tenant) (cfa_gateway_queue_deliveries)",
    ),
)
def test_what_the_program_does_not_tell_would_be_seen(query: str, told: Any) -> None:
    assert len(unknown(query, told)) == 1
