"""The chart: linted, rendered for both examples, read by the API's own schemas, and held to what it promises."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from packages import (
    CHART,
    DASHBOARD,
    EXAMPLES,
    RULES,
    helm,
    load,
    must,
    of_kind,
    pods,
    ran,
    rendered,
    roles,
    settled,
    tool,
)

OPERATOR_KINDS = ("ServiceMonitor", "PrometheusRule")
SECRET_VALUES = {
    "CFA_GATEWAY__DATABASE__URL": "postgres://gateway:secret@base/gateway",
    "CFA_GATEWAY__MASTER_KEY__VALUE": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "CFA_GATEWAY__REDIS__URL": "rediss://:secret@redis:6379",
    "CFA_GATEWAY__FILES__S3__ACCESS_KEY_ID": "acces",
    "CFA_GATEWAY__FILES__S3__SECRET_ACCESS_KEY": "secret",
}
each_example = pytest.mark.parametrize("example", EXAMPLES)


def refused(*settings: str, checked_by_schema: bool = True) -> str:
    """Returns what helm says of settings that it must refuse."""
    skip = [] if checked_by_schema else ["--skip-schema-validation"]
    sets = [part for setting in settings for part in ("--set", setting)]
    done = ran(helm(), "template", "essai", CHART, *sets, *skip)
    assert done.returncode != 0, f"{settings} were taken"
    return done.stderr


def containers(example: str) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    return [
        (name, pod["spec"], container)
        for name, pod in pods(rendered(example))
        for container in pod["spec"]["containers"]
    ]


@each_example
def test_helm_finds_nothing_to_say(example: str) -> None:
    must(helm(), "lint", "--strict", CHART, "--values", CHART / "exemples" / f"{example}.yaml")


def test_the_default_settings_are_whole() -> None:
    must(helm(), "lint", "--strict", CHART)


# The oldest that the chart takes, and the newest whose schemas are at hand.
@pytest.mark.parametrize("version", ("1.27.0", "1.37.0"))
@each_example
def test_the_api_of_kubernetes_would_take_it(example: str, version: str, tmp_path: Path) -> None:
    assert load(CHART / "Chart.yaml")["kubeVersion"] == ">=1.27.0-0"
    documents = rendered(example)
    known = [document for document in documents if document["kind"] not in OPERATOR_KINDS]
    file = tmp_path / "rendered.yaml"
    file.write_text(yaml.safe_dump_all(known))
    validate = (tool("kubernetes-validate"), "--strict", "--kubernetes-version", version, file)
    said = ran(*validate)
    text = said.stdout + said.stderr
    assert (said.returncode, text.count(" passed for resource ")) == (0, len(known)), text
    known[-1]["spec"]["selectr"] = {}
    file.write_text(yaml.safe_dump_all(known))
    assert ran(*validate).returncode != 0


def test_the_package_holds_the_rules_and_the_dashboard(tmp_path: Path) -> None:
    must(helm(), "package", CHART, "--destination", tmp_path)
    [package] = tmp_path.glob("cfa-gateway-*.tgz")
    values = CHART / "exemples" / "haute-disponibilite.yaml"
    text = must(helm(), "template", "essai", package, "--values", values)
    documents = [document for document in yaml.safe_load_all(text) if document]
    [rules] = of_kind(documents, "PrometheusRule")
    assert rules["spec"] == load(RULES)
    [dashboard] = [d["data"] for d in of_kind(documents, "ConfigMap") if d["metadata"]["name"].endswith("-dashboard")]
    assert dashboard == {"cfa-gateway.json": DASHBOARD.read_text()}


def test_small_is_one_process_on_one_volume() -> None:
    documents = rendered("petit")
    [deployment] = of_kind(documents, "Deployment")
    assert deployment["spec"]["replicas"] == 1
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}
    assert deployment["spec"]["template"]["spec"]["containers"][0]["args"] == ["serve", "--roles", "api,worker"]
    [claim] = of_kind(documents, "PersistentVolumeClaim")
    assert claim["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert not of_kind(documents, "Job", "PodDisruptionBudget")


def test_high_availability_is_apart_and_migrates_first() -> None:
    documents = rendered("haute-disponibilite")
    deployed = {d["metadata"]["name"]: d["spec"] for d in of_kind(documents, "Deployment")}
    assert {name: spec["replicas"] for name, spec in deployed.items()} == {
        "essai-cfa-gateway-admin": 2,
        "essai-cfa-gateway-api": 3,
        "essai-cfa-gateway-worker": 2,
    }
    [job] = of_kind(documents, "Job")
    hook = job["metadata"]["annotations"]
    assert hook["helm.sh/hook"] == "pre-install,pre-upgrade"
    # What the job mounts must be made before it, by a hook too.
    [settings] = [v["configMap"]["name"] for v in job["spec"]["template"]["spec"]["volumes"] if "configMap" in v]
    [made] = [d for d in of_kind(documents, "ConfigMap") if d["metadata"]["name"] == settings]
    weight = int(made["metadata"]["annotations"]["helm.sh/hook-weight"])
    assert weight < int(hook["helm.sh/hook-weight"])
    guarded = {
        d["spec"]["selector"]["matchLabels"]["app.kubernetes.io/component"]
        for d in of_kind(documents, "PodDisruptionBudget")
    }
    assert guarded == {"api", "worker", "admin"}
    assert not of_kind(documents, "PersistentVolumeClaim")


@each_example
def test_secrets_come_by_reference_only(example: str) -> None:
    assert not of_kind(rendered(example), "Secret")
    for name, _, container in containers(example):
        for variable in container["env"]:
            if any(word in variable["name"] for word in ("MASTER_KEY__VALUE", "SECRET", "ACCESS_KEY", "REDIS__URL")):
                assert "value" not in variable, f"{name}: {variable['name']}"


@each_example
def test_every_setting_exists_in_the_program(example: str, tmp_path: Path) -> None:
    documents = rendered(example)
    settings = {d["metadata"]["name"]: d["data"].get("passerelle.toml") for d in of_kind(documents, "ConfigMap")}
    for _, spec, container in containers(example):
        given = {v["name"]: v.get("value", SECRET_VALUES.get(v["name"], "")) for v in container["env"]}
        [toml] = [settings[v["configMap"]["name"]] for v in spec["volumes"] if "configMap" in v]
        shown = settled(given, tmp_path, toml)
        assert shown["server"]["monitoring_listen"] == "0.0.0.0:9464"
        if example == "haute-disponibilite":
            assert shown["telemetry"]["otlp_sample_ratio"] == 0.1
            assert shown["files"]["s3"]["bucket"] == "cfa-gateway"
            assert shown["redis"]["url"] == "rediss://:***@redis:6379"
            opened = "admin" in container["args"][-1].split(",")
            assert (shown["admin"]["public_url"] is not None) == opened
            assert shown["admin"]["listen"] == ("0.0.0.0:8081" if opened else "127.0.0.1:8081")


@each_example
def test_every_pod_has_no_right_and_a_bound(example: str) -> None:
    for name, spec, container in containers(example):
        security = container["securityContext"]
        assert security == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert spec["automountServiceAccountToken"] is False, name
        assert "memory" in container["resources"]["limits"], name
        assert {"cpu", "memory"} <= set(container["resources"]["requests"]), name
        assert not container["image"].endswith(":latest"), name


@each_example
def test_every_server_has_three_probes_and_time_to_drain(example: str, tmp_path: Path) -> None:
    drain = settled({}, tmp_path)["server"]["drain_seconds"]
    for deployment in of_kind(rendered(example), "Deployment"):
        spec = deployment["spec"]["template"]["spec"]
        assert spec["terminationGracePeriodSeconds"] > drain + 5
        [container] = spec["containers"]
        paths = [container[f"{probe}Probe"]["httpGet"]["path"] for probe in ("startup", "liveness", "readiness")]
        # Never the database behind the liveness: all replicas would restart at once with it.
        assert paths == ["/health/live", "/health/live", "/health/ready"]
        doors = {port["name"] for port in container["ports"]}
        assert {
            container[f"{probe}Probe"]["httpGet"]["port"] for probe in ("startup", "liveness", "readiness")
        } <= doors


@each_example
def test_every_selector_finds_its_pods(example: str) -> None:
    documents = rendered(example)
    labels = [pod["metadata"]["labels"] for _, pod in pods(documents)]
    services = [d["metadata"]["labels"] for d in of_kind(documents, "Service")]
    for document in of_kind(
        documents, "Service", "NetworkPolicy", "PodDisruptionBudget", "Deployment", "ServiceMonitor"
    ):
        spec = document["spec"]
        selector = spec.get("selector", spec.get("podSelector"))
        wanted = selector.get("matchLabels", selector)
        among = services if document["kind"] == "ServiceMonitor" else labels
        assert any(wanted.items() <= found.items() for found in among), document["metadata"]["name"]
    # The rules name the job that Prometheus makes of this label.
    for monitor in of_kind(documents, "ServiceMonitor"):
        assert {found[monitor["spec"]["jobLabel"]] for found in services} == {"cfa-gateway"}


@each_example
def test_roles_are_those_the_program_knows(example: str) -> None:
    for name, _, container in containers(example):
        if container["args"][0] == "serve":
            assert set(container["args"][2].split(",")) <= set(roles()), name


def test_every_role_of_the_program_has_a_pod() -> None:
    served = [c["args"][2].split(",") for _, _, c in containers("haute-disponibilite") if c["args"][0] == "serve"]
    assert sorted(role for pod in served for role in pod) == sorted(roles())


def test_small_has_its_dashboard_in_the_same_pod() -> None:
    documents = rendered("petit", "--set", "admin.enabled=true,admin.publicUrl=https://tableau.exemple.fr")
    [deployment] = of_kind(documents, "Deployment")
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["serve", "--roles", "api,worker,admin"]
    assert {port["name"]: port["containerPort"] for port in container["ports"]} == {
        "admin": 8081,
        "api": 8080,
        "monitoring": 9464,
    }
    [service] = [d for d in of_kind(documents, "Service") if d["metadata"]["name"].endswith("-admin")]
    assert service["spec"]["selector"].items() <= deployment["spec"]["template"]["metadata"]["labels"].items()


@pytest.mark.parametrize("checked_by_schema", (True, False), ids=("schema", "template"))
@pytest.mark.parametrize(
    "settings",
    (
        ("api.replicas=2",),
        ("worker.replicas=2",),
        ("admin.replicas=2",),
        ("admin.enabled=true",),
        ("admin.enabled=true", "admin.publicUrl=http://tableau.exemple.fr"),
        ("database.engine=postgres",),
        ("database.engine=postgres", "database.existingSecret=base"),
        ("database.engine=postgres", "masterKey.existingSecret=cle"),
        ("files.storage=s3", "files.s3.bucket=seau"),
        ("ingress.enabled=true",),
        (
            "database.engine=postgres",
            "database.existingSecret=base",
            "masterKey.existingSecret=cle",
            "files.volume.accessMode=ReadWriteOnce",
        ),
    ),
    ids=" ".join,
)
def test_what_could_not_work_is_refused(settings: tuple[str, ...], checked_by_schema: bool) -> None:
    said = refused(*settings, checked_by_schema=checked_by_schema)
    assert ("schema" in said) == checked_by_schema, said


@pytest.mark.parametrize(
    "setting",
    (
        "bidule=1",
        "api.replica=1",
        "image.tag=latest",
        "database.engine=mysql",
        "otlpEndpoint=http://c:4318",
        "drainSeconds=0",
    ),
)
def test_a_setting_that_is_none_is_refused(setting: str) -> None:
    assert "schema" in refused(setting)


def test_the_image_has_no_registry_of_ours() -> None:
    assert load(CHART / "values.yaml")["image"] == {
        "registry": "",
        "repository": "cfa-gateway",
        "tag": "",
        "digest": "",
        "pullPolicy": "IfNotPresent",
    }
    manifest = (CHART.parents[1] / "Cargo.toml").read_text()
    assert f'version = "{load(CHART / "Chart.yaml")["appVersion"]}"' in manifest
