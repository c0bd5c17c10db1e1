"""The suite itself: formatted, linted and typed, by tools that read all of it."""

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.parametrize(
    "command",
    (
        ("ruff", "format", "--check", "--no-cache"),
        ("ruff", "check", "--no-cache"),
        ("mypy", "--cache-dir", str(Path(sys.prefix, "mypy"))),
    ),
    ids=lambda command: " ".join(command[:2]),
)
def test_the_suite_is_clean(command: tuple[str, ...]) -> None:
    said = subprocess.run([sys.executable, "-m", *command, "."], cwd=HERE, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr
