"""Gateways and a Prometheus that run while the rest is checked."""

import http.client
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

import yaml

from confined import confinement
from packages import BINARY, RULES

BOUND_S = 90
# Named so that what is measured of those who vouch for logs is there; this gateway has no log to show to anybody.
WITNESS = "temoin.exemple+127e658b+BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
T = TypeVar("T")


def free_port() -> int:
    """Returns a port that nobody has now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def get(port: int, path: str) -> tuple[int, str]:
    """Asks this machine; 0 when nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except OSError:
        return 0, ""
    finally:
        connection.close()


def until(what: str, look: Callable[[], T | None]) -> T:
    """Looks until there is something to see."""
    end = time.monotonic() + BOUND_S
    while time.monotonic() < end:
        seen = look()
        if seen is not None:
            return seen
        time.sleep(0.1)
    raise AssertionError(f"no {what} within {BOUND_S} s")


def started(log: Path, *command: str | Path, cwd: Path, env: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Starts a program; what it writes is kept in a file."""
    with log.open("wb") as out:
        return subprocess.Popen(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out)


class Running:
    """A gateway that has seen everything the demo plays, one that only delivers, and Prometheus reading both."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.demo, self.worker, self.prometheus = free_port(), free_port(), free_port()
        self.by_name: dict[str, subprocess.Popen[bytes]] = {}
        self.confined = confinement(folder / "allowed")
        self.start("demo", *self.confined, BINARY, "demo", "--serve", "--listen", f"127.0.0.1:{self.demo}")
        settings = folder / "worker.toml"
        settings.write_text(
            f'[server]\nmonitoring_listen = "127.0.0.1:{self.worker}"\n'
            f'[database]\nurl = "sqlite:{folder}/data/worker.db"\n[master_key]\nfile = "{folder}/data/master.key"\n'
            f'[proof.witness.exemple]\nurl = "https://temoin.exemple.invalid"\nkey = "{WITNESS}"\n'
        )
        self.start("worker", BINARY, "--config", str(settings), "serve", "--roles", "worker")
        self.has_prometheus = shutil.which("prometheus") is not None
        if self.has_prometheus:
            self.watch()

    def watch(self) -> None:
        """Starts Prometheus, with the rules as they are shipped."""
        file = self.folder / "prometheus.yml"
        targets = [f"127.0.0.1:{self.demo}", f"127.0.0.1:{self.worker}"]
        job = {"job_name": "cfa-gateway", "static_configs": [{"targets": targets}]}
        pace = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        file.write_text(yaml.safe_dump({"global": pace, "rule_files": [str(RULES)], "scrape_configs": [job]}))
        self.start(
            "prometheus",
            "prometheus",
            f"--config.file={file}",
            f"--storage.tsdb.path={self.folder / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{self.prometheus}",
        )

    def start(self, name: str, *command: str) -> None:
        """Starts a program."""
        self.by_name[name] = started(self.folder / f"{name}.log", *command, cwd=self.folder)

    def stop(self) -> None:
        """Ends what was started."""
        for process in self.by_name.values():
            process.terminate()
        for process in self.by_name.values():
            process.wait(timeout=60)

    def measures(self, port: int) -> str:
        """Returns the measures of a gateway that answers."""

        def look() -> str | None:
            status, text = get(port, "/metrics")
            return text if status == 200 else None

        return until("measures", look)

    def played(self) -> str:
        """Returns the measures of the demo's gateway once it has played everything."""

        def over() -> bool | None:
            code = self.by_name["demo"].poll()
            said = (self.folder / "demo.log").read_text()
            assert code is None, f"the demo ended with {code}: {said[-2000:]}"
            return "Envoyer un contrat" in said or None

        until("end of the demo", over)
        return self.measures(self.demo)

    def ask(self, path: str, **query: str) -> Any:
        """Asks Prometheus and returns its data; a query that it refuses is an error."""
        status, text = get(self.prometheus, f"/api/v1/{path}?{urlencode(query)}")
        assert status == 200, f"{path} {query}: {status} {text}"
        answer = json.loads(text)
        assert answer["status"] == "success", text
        return answer["data"]
