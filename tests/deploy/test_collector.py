"""The collector's settings, by their structure: no collector is at hand to read them itself."""

import re
from typing import Any

import pytest

from packages import DEPLOY, load

CONFIG: dict[str, Any] = load(DEPLOY / "otel-collector.yaml")
SERVICE: dict[str, Any] = CONFIG["service"]
# What the core distribution is made of, of what is used or likely to be.
CORE = {
    "receivers": {"otlp", "prometheus"},
    "processors": {"memory_limiter", "batch", "resource", "attributes", "filter", "probabilistic_sampler"},
    "exporters": {"debug", "otlp", "otlphttp", "file", "prometheus", "prometheusremotewrite"},
    "extensions": {"health_check", "pprof", "zpages"},
}


def kind(component: str) -> str:
    return component.split("/")[0]


def test_it_has_no_section_of_another_name() -> None:
    assert set(CONFIG) == {*CORE, "service"}
    assert set(SERVICE) <= {"extensions", "pipelines", "telemetry"}


@pytest.mark.parametrize("section", CORE)
def test_every_part_is_of_the_core_distribution(section: str) -> None:
    assert {kind(name) for name in CONFIG[section]} <= CORE[section]


@pytest.mark.parametrize("section", CORE)
def test_what_is_defined_is_used_and_what_is_used_is_defined(section: str) -> None:
    if section == "extensions":
        used = set(SERVICE["extensions"])
    else:
        used = {name for pipeline in SERVICE["pipelines"].values() for name in pipeline[section]}
    assert used == set(CONFIG[section])


def test_every_pipeline_begins_with_the_memory_limit_and_ends_with_the_batch() -> None:
    for name, pipeline in SERVICE["pipelines"].items():
        assert kind(name) in {"traces", "metrics", "logs"}
        assert pipeline["processors"][0] == "memory_limiter"
        assert pipeline["processors"][-1] == "batch"
        assert set(pipeline) == {"receivers", "processors", "exporters"}


def test_the_gateway_of_the_compose_file_finds_it_and_it_finds_the_gateway() -> None:
    gateway = load(DEPLOY / "compose.yaml")["services"]["gateway"]["environment"]
    otlp = re.fullmatch(r"http://collector:(\d+)/v1/traces", gateway["CFA_GATEWAY__TELEMETRY__OTLP_ENDPOINT"])
    assert otlp
    assert CONFIG["receivers"]["otlp"]["protocols"]["http"]["endpoint"] == f"0.0.0.0:{otlp[1]}"
    [job] = CONFIG["receivers"]["prometheus"]["config"]["scrape_configs"]
    listen = gateway["CFA_GATEWAY__SERVER__MONITORING_LISTEN"]
    assert job["static_configs"] == [{"targets": [f"gateway:{listen.split(':')[1]}"]}]
