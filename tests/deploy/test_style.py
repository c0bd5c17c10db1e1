"""The suite itself: formatted, linted and typed, by tools that read all of it."""

import sys
from pathlib import Path

import pytest

from packages import ran

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
    config = ["--config", str(HERE / "pyproject.toml")] if command[0] == "ruff" else []
    config = config or ["--config-file", str(HERE / "pyproject.toml")]
    said = ran(sys.executable, "-m", *command, *config, str(HERE))
    assert said.returncode == 0, said.stdout + said.stderr
