"""The pods of the chart as processes, with the settings it gives them, on a real PostgreSQL and a real Redis."""

import http.client
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from packages import BINARY, PREFIX, ROOT, of_kind, pods, ran, rendered
from running import free_port, get, started, until

SITE, EMPLOYER = "98765432400019", "12345678200010"
SAMPLE = ROOT / "connectors" / "simulator" / "tests" / "samples" / "dossier-v1.json"
MANDATE = {"CFA-Mandat-Reference": "M-2026-001", "CFA-Mandat-Date": "2026-08-01"}


class Release:
    """A release of the chart: what each of its pods is given, made fit for this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.processes: list[subprocess.Popen[bytes]] = []
        self.settings = folder / "simulateur.toml"
        self.run("simulator", BINARY, "simulator", "--listen", f"127.0.0.1:{free_port()}", "--settings", self.settings)
        until("simulator", lambda: self.settings.exists() or None)
        # There is no bucket here, and a volume is a folder.
        documents = rendered(
            "haute-disponibilite", "--set-file", f"settings={self.settings}", "--set", "files.storage=volume"
        )
        self.pods = {name.removeprefix("essai-cfa-gateway-"): pod["spec"] for name, pod in pods(documents)}
        [made] = [d for d in of_kind(documents, "ConfigMap") if d["metadata"]["name"] == "essai-cfa-gateway"]
        assert made["data"]["passerelle.toml"] == self.settings.read_text()

    def run(self, name: str, *command: str | Path, env: dict[str, str] | None = None) -> None:
        self.processes.append(started(self.folder / f"{name}.log", *command, cwd=self.folder, env=env))

    def environment(self, pod: str, **ports: int) -> dict[str, str]:
        """Returns what the chart gives a pod, with this machine's secrets, folders and ports."""
        secrets = {
            "CFA_GATEWAY__DATABASE__URL": os.environ["TEST_PG_URL"],
            "CFA_GATEWAY__REDIS__URL": os.environ["TEST_REDIS_URL"],
            "CFA_GATEWAY__MASTER_KEY__VALUE": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        }
        here = {
            "CFA_GATEWAY_CONFIG": str(self.settings),
            "CFA_GATEWAY__FILES__FOLDER": str(self.folder / "files"),
            "CFA_GATEWAY__SERVER__LISTEN": f"127.0.0.1:{ports.get('api', 0)}",
            "CFA_GATEWAY__SERVER__MONITORING_LISTEN": f"127.0.0.1:{ports.get('monitoring', 0)}",
        }
        [container] = self.pods[pod]["containers"]
        given = {variable["name"]: variable.get("value") for variable in container["env"]}
        assert {name for name, value in given.items() if value is None} == set(secrets)
        assert set(here) <= set(given)
        given |= {**secrets, **here}
        if "CFA_GATEWAY__ADMIN__LISTEN" in given:
            given["CFA_GATEWAY__ADMIN__LISTEN"] = f"127.0.0.1:{ports['admin']}"
        # Nobody collects traces here.
        del given[f"{PREFIX}TELEMETRY__OTLP_ENDPOINT"]
        return {"PATH": "/usr/bin:/bin", **{name: value for name, value in given.items() if value is not None}}

    def args(self, pod: str) -> list[str]:
        """Returns what the chart has a pod run."""
        [container] = self.pods[pod]["containers"]
        args: list[str] = container["args"]
        return args

    def serve(self, pod: str, **ports: int) -> None:
        """Starts a pod."""
        self.run(pod, BINARY, *self.args(pod), env=self.environment(pod, **ports))

    def admin(self, *args: str, secret: str = "") -> str:
        """Runs a command as an operator would in a pod."""
        done = subprocess.run(
            (BINARY, "admin", *args, "--format", "json"),
            cwd=self.folder,
            env=self.environment("api"),
            input=secret,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, f"{args}: {done.stdout}{done.stderr}"
        return done.stdout

    def stop(self) -> None:
        """Ends what was started."""
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait(timeout=60)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    if "TEST_PG_URL" not in os.environ:
        pytest.skip("no PostgreSQL and Redis could be had (.ci/servers.sh)")
    made = Release(tmp_path_factory.mktemp("release"))
    yield made
    made.stop()


def test_the_job_makes_the_schema_before_any_pod_starts(release: Release) -> None:
    done = ran(BINARY, *release.args("migration"), env=release.environment("migration"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PostgreSQL, schéma à jour, la clé maîtresse ouvre" in done.stdout


def test_the_job_fails_on_another_master_key(release: Release) -> None:
    other = {**release.environment("migration"), "CFA_GATEWAY__MASTER_KEY__VALUE": "B" * 43 + "="}
    done = ran(BINARY, *release.args("migration"), env=other)
    assert done.returncode == 1, done.stdout + done.stderr


def test_what_an_api_pod_takes_a_worker_pod_delivers(release: Release) -> None:
    release.admin("network", "create", "--name", "Réseau d'essai")
    release.admin("cfa", "create", "--name", "CFA fictif", "--siren", SITE[:9])
    release.admin("site", "create", "--name", "Site fictif", "--siret", SITE, "--uai", "0939999N")
    world = ("--opco", "akto", "--environment", "test")
    release.admin("software", "create", *world, "--client-id", "editeur", "--secret-file", "-", secret="secret")
    release.admin("key", "create", "--siret", SITE, *world, "--key-file", "-", secret="cle-cfa-du-site")
    release.admin("override", "create", "--siret", EMPLOYER, "--opco", "akto", "--reason", "SIRET fictif")
    said = release.admin("credential", "create", "--label", "ERP", "--environment", "test")
    key = json.loads(said)["key"]

    api, admin = free_port(), free_port()
    doors = {"api": free_port(), "worker": free_port(), "admin": free_port()}
    release.serve("api", api=api, monitoring=doors["api"])
    release.serve("worker", monitoring=doors["worker"])
    release.serve("admin", admin=admin, monitoring=doors["admin"])

    def all_ready() -> bool | None:
        return True if all(get(door, "/health/ready")[0] == 200 for door in doors.values()) else None

    until("pods that are ready", all_ready)
    assert get(admin, "/admin/v1/openapi.json")[0] == 200

    def ask(method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", api, timeout=20)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, {"Authorization": f"Bearer {key}", **named})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())

    given = {"Content-Type": "application/json", **MANDATE}
    status, taken = ask("POST", "/api/v1/dossiers", SAMPLE.read_bytes(), **given)
    assert status == 202, taken

    def delivered() -> str | None:
        _, delivery = ask("GET", f"/api/v1/deliveries/{taken['id']}")
        return delivery["status"] if delivery["status"] not in ("queued", "sending", "waiting") else None

    assert until("an end of the delivery", delivered) == "delivered"
    # Each pod tells its own part: who took it, who delivered it.
    settled = 'cfa_gateway_deliveries_settled_total{opco="akto",status="delivered"}'
    until("the worker's count", lambda: f"{settled} 1" in get(doors["worker"], "/metrics")[1] or None)
    assert f"{settled} 0" in get(doors["api"], "/metrics")[1]
    assert 'cfa_gateway_deliveries_accepted_total{kind="dossier"' in get(doors["api"], "/metrics")[1]
