"""The API descriptions that a gateway publishes, read from a running one before any test is known."""

import os
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import httpx

from .process import Process

DOCUMENTS = {"native": "/openapi.json", "facade": "/convergence/openapi.json"}
SETTINGS = """
[server]
listen = "127.0.0.1:0"
[database]
url = "sqlite:gateway.db"
[master_key]
file = "master.key"
"""


@cache
def published() -> dict[str, Any]:
    """Returns each document by name, None where the gateway publishes none."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "gateway.toml").write_text(SETTINGS)
        command = [os.environ["CFA_GATEWAY_BINARY"], "serve", "--roles=api", "--config", "gateway.toml"]
        command += ["--format", "json"]
        running = Process("published", command, Path(folder), {"PATH": os.environ["PATH"]})
        try:
            read = {name: httpx.get(running.address + path, trust_env=False) for name, path in DOCUMENTS.items()}
        finally:
            running.stop()
    return {name: answer.json() if answer.status_code == 200 else None for name, answer in read.items()}
