"""A real Prometheus, real gateways: what is told, who answers where, and that the rules load."""

import json

import pytest

from packages import RULES, load
from running import Running, get, until
from watching import Told, manual


def test_a_process_without_the_api_answers_probes_and_measures_and_nothing_else(running: Running) -> None:
    running.measures(running.worker)
    for path in ("/health/live", "/health/ready"):
        assert get(running.worker, path) == (200, '{"status":"ok"}')
    for path in ("/api/v1/deliveries", "/openapi.json", "/docs/", "/convergence/v1/dossiers"):
        assert get(running.worker, path)[0] == 404, path


def test_the_manual_describes_every_measure_with_its_labels(told: Told) -> None:
    described = manual()
    shown = {
        name.removesuffix("_bucket"): family.labels - {"le"}
        for name, family in told.by_name.items()
        if not name.endswith(("_sum", "_count"))
    }
    assert set(described) == set(shown)
    for name, labels in described.items():
        assert labels == shown[name], name


def test_prometheus_reads_the_gateways_and_they_are_up(prometheus: Running) -> None:
    prometheus.measures(prometheus.worker)
    prometheus.played()

    def both_up() -> bool | None:
        up = prometheus.ask("query", query='up{job="cfa-gateway"}')["result"]
        return True if [series["value"][1] for series in up] == ["1", "1"] else None

    assert until("two targets up", both_up)
    versions = prometheus.ask("query", query="count by (version) (cfa_gateway_build_info)")["result"]
    assert [series["value"][1] for series in versions] == ["2"]


def test_the_rules_load_and_are_evaluated_without_an_error(prometheus: Running) -> None:
    prometheus.played()

    def all_evaluated() -> list[dict[str, object]] | None:
        rules = [rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"]]
        return rules if rules and all(rule["health"] != "unknown" for rule in rules) else None

    rules = until("an evaluation of every rule", all_evaluated)
    assert len(rules) == sum(len(group["rules"]) for group in load(RULES)["groups"])
    assert [rule for rule in rules if rule["health"] != "ok"] == []


def test_what_the_demo_played_is_seen(prometheus: Running) -> None:
    prometheus.played()

    def delivered() -> float | None:
        query = 'sum(cfa_gateway_deliveries_settled_total{status="delivered"})'
        found = prometheus.ask("query", query=query)["result"]
        return float(found[0]["value"][1]) if found and float(found[0]["value"][1]) > 0 else None

    assert until("a delivery", delivered) > 10
    held = prometheus.ask("query", query='cfa_gateway:queue_deliveries:max{status="held"}')["result"]
    assert held, json.dumps(prometheus.ask("query", query="cfa_gateway_queue_deliveries"))


@pytest.mark.parametrize("path", ("/metrics", "/health/ready"))
def test_the_door_of_the_api_tells_the_same(running: Running, path: str) -> None:
    running.played()
    assert get(running.demo, path)[0] == 200
