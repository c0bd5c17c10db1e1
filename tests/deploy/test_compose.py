"""The compose file: its form, what it names, and what it gives the program."""

import json
import re
import zipfile
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from packages import DEPLOY, PREFIX, archive, load, roles, settled

COMPOSE: dict[str, Any] = load(DEPLOY / "compose.yaml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
SECRETS = {
    "CFA_GATEWAY_MASTER_KEY": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "POSTGRES_PASSWORD": "p",
    "REDIS_PASSWORD": "r",
    "GRAFANA_PASSWORD": "g",
}
ADDRESSES = {"CFA_GATEWAY_ADMIN_URL": "https://tableau-de-bord.exemple.fr"}


def filled(text: str) -> str:
    return re.sub(r"\$\{(\w+):\?[^}]*\}", lambda found: (SECRETS | ADDRESSES)[found[1]], text)


def test_it_has_the_form_of_a_compose_file() -> None:
    with zipfile.ZipFile(archive("docker_compose")) as wheel:
        schema = json.loads(wheel.read("compose/config/compose_spec.json"))
    # The schema at hand is older than the project's name in the file.
    document = {key: value for key, value in COMPOSE.items() if key != "name"}
    jsonschema.Draft7Validator(schema).validate(document)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(schema).validate({**document, "servces": {}})


def test_everything_it_names_is_there() -> None:
    for name, service in SERVICES.items():
        assert set(service.get("networks", [])) <= set(COMPOSE["networks"]), name
        assert set(service.get("depends_on", [])) <= set(SERVICES), name
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            if source.startswith("."):
                assert (DEPLOY / source).exists(), f"{name}: {source}"
            else:
                assert source in COMPOSE["volumes"], f"{name}: {source}"


def test_whoever_is_waited_for_says_when_it_is_well() -> None:
    for name, service in SERVICES.items():
        waited = service.get("depends_on", {})
        if isinstance(waited, dict):
            assert all("healthcheck" in SERVICES[other] for other in waited), name


def test_the_settings_of_the_gateway_exist(tmp_path: Path) -> None:
    given = {name: filled(value) for name, value in SERVICES["gateway"]["environment"].items()}
    assert all(name.startswith(PREFIX) for name in given)
    shown = settled(given, tmp_path)
    assert shown["database"]["url"] == "postgres://gateway:***@postgres/gateway"
    assert shown["redis"]["url"] == "redis://:***@redis:6379"
    assert shown["telemetry"]["otlp_endpoint"] == "http://collector:4318/v1/traces"
    asked = SERVICES["gateway"]["command"]
    assert set(asked[asked.index("--roles") + 1].split(",")) <= set(roles())


def test_the_dashboard_beside_it_is_open_by_https_alone(tmp_path: Path) -> None:
    [(name, beside)] = load(DEPLOY / "compose.admin.yaml")["services"].items()
    given = SERVICES[name]["environment"] | beside["environment"]
    given = {key: filled(value) for key, value in given.items()}
    address = given["CFA_GATEWAY__ADMIN__PUBLIC_URL"]
    assert settled(given, tmp_path)["admin"]["public_url"] == address
    assert set(beside["command"][2].split(",")) == set(roles())
    assert beside["ports"] == ["127.0.0.1:8081:8081"]
    with pytest.raises(AssertionError, match="ouvert à d'autres machines"):
        settled(given | {"CFA_GATEWAY__ADMIN__PUBLIC_URL": address.replace("https", "http")}, tmp_path)


def test_no_secret_has_a_default_and_each_is_explained() -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    explained = re.findall(r"^(\w+)=(.*)$", (DEPLOY / ".env.exemple").read_text(), re.MULTILINE)
    assert set(re.findall(r"\$\{(\w+):\?", text)) == {name for name, _ in explained} == set(SECRETS)
    assert all(value == "" for _, value in explained)


def test_doors_are_opened_on_this_machine_only() -> None:
    for name, service in SERVICES.items():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), f"{name}: {port}"


def test_the_gateway_has_no_privilege_and_time_to_stop() -> None:
    gateway = SERVICES["gateway"]
    assert gateway["read_only"] is True
    assert gateway["cap_drop"] == ["ALL"]
    assert gateway["security_opt"] == ["no-new-privileges:true"]
    assert int(gateway["stop_grace_period"].rstrip("s")) > settled({}, Path("/tmp"))["server"]["drain_seconds"]


def test_every_image_of_others_has_a_version() -> None:
    for name, service in SERVICES.items():
        if name != "gateway":
            assert re.fullmatch(r"[a-z/-]+:v?\d[\w.-]*", service["image"]), name
    # Ours is named by whoever built it: no registry is ours.
    assert SERVICES["gateway"]["image"] == "${CFA_GATEWAY_IMAGE:-cfa-gateway}"


def test_prometheus_reads_the_replicas_by_the_door_for_it() -> None:
    [job] = load(DEPLOY / "prometheus" / "prometheus.yml")["scrape_configs"]
    [found] = job["dns_sd_configs"]
    listen = SERVICES["gateway"]["environment"]["CFA_GATEWAY__SERVER__MONITORING_LISTEN"]
    assert listen == f"0.0.0.0:{found['port']}"
    assert found["names"] == ["gateway"]
    # One network in common: on two, each replica would have two addresses and be counted twice.
    shared = set(SERVICES["gateway"]["networks"]) & set(SERVICES["prometheus"]["networks"])
    assert shared == {"inside"}
