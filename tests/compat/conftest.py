"""Fixtures of every suite, and the table told at the end."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from norme.answers import Refused
from norme.client import BARE
from norme.payloads import Apprenti, apprentis
from stage.facade import FACADE_SLUGS, Facade
from stage.gateway import SETTINGS, Gateway
from stage.simulator import Simulator
from stage.witness import Witness

NOT_OPEN = "not open yet"


@pytest.fixture(scope="session")
def binary() -> Path:
    """The program under test, named by `tests/compat/run`."""
    return Path(os.environ["CFA_GATEWAY_BINARY"])


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    """What a process of the program may know of this machine: nothing that is set for another gateway."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in os.environ}


@pytest.fixture
def simulator(binary: Path, tmp_path: Path, environment: dict[str, str]) -> Iterator[Simulator]:
    """A simulator of one test: moving its clock disturbs nobody."""
    running = Simulator(binary, tmp_path, environment)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def opcos(binary: Path, tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> Iterator[Simulator]:
    """A simulator that tests share: a key sees only what was filed with it, so each test calls with its own.

    Its clock, its settings and its faults are left alone.
    """
    running = Simulator(binary, tmp_path_factory.mktemp("opcos"), environment)
    yield running
    running.stop()


@pytest.fixture
def cle(request: pytest.FixtureRequest) -> str:
    """A CFA key of this test alone."""
    return hashlib.sha256(request.node.nodeid.encode()).hexdigest()


@pytest.fixture(scope="session")
def witness() -> Iterator[Witness]:
    """A witness of the shared gateway's logs."""
    running = Witness()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def gateway(
    binary: Path,
    tmp_path_factory: pytest.TempPathFactory,
    environment: dict[str, str],
    opcos: Simulator,
    witness: Witness,
) -> Iterator[Gateway]:
    """A gateway that tests share, before the shared simulator."""
    folder, slugs = tmp_path_factory.mktemp("gateway"), ("akto", "afdas", "opcoep")
    running = Gateway(binary, folder, environment, opcos, slugs, settings=SETTINGS + witness.settings())
    yield running
    running.stop()


@pytest.fixture(scope="session")
def facade(binary: Path, tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> Iterator[Facade]:
    """A gateway that speaks the norm, and a simulator behind it whose clock moves by seconds and minutes only."""
    folder = tmp_path_factory.mktemp("facade")
    simulator = Simulator(binary, folder, environment)
    try:
        gateway = Gateway(binary, folder, environment, simulator, FACADE_SLUGS)
        try:
            running = Facade(gateway, simulator)
            if running.client().call("GET", "/v1/status", headers=BARE).status == 404:
                pytest.skip(f"{NOT_OPEN}: /convergence")
            yield running
        finally:
            gateway.stop()
    finally:
        simulator.stop()


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Any:
    """Tells a route of the gateway that answers 501 as not open yet: neither passed nor failed."""
    try:
        return (yield)
    except Refused as refused:
        if refused.status == 501 and "facade" in pyfuncitem.fixturenames:
            pytest.skip(f"{NOT_OPEN}: {refused.answer.request}")
        raise


@pytest.fixture(scope="session")
def apprenti() -> Iterator[Apprenti]:
    """The next apprentice nobody has used: `next(apprenti)`."""
    return apprentis()


# The table at the end: what each suite is, and what became of its tests.


def pytest_terminal_summary(terminalreporter: Any) -> None:
    rows: dict[str, Counter[str]] = {}
    for outcome in ("passed", "failed", "error", "xfailed", "xpassed", "skipped"):
        for report in terminalreporter.stats.get(outcome, []):
            suite = report.nodeid.split("::")[0]
            told = {"xfailed": "known", "xpassed": "passed"}.get(outcome, outcome)
            if outcome == "skipped" and NOT_OPEN in str(report.longrepr):
                told = NOT_OPEN
            rows.setdefault(suite, Counter())[told] += 1
    terminalreporter.section("compatibility")
    columns = ("passed", "failed", "error", "known", NOT_OPEN, "skipped")
    width = max((len(suite) for suite in rows), default=0)
    terminalreporter.write_line(f"{'':{width}}  " + "  ".join(f"{name:>{len(name)}}" for name in columns))
    for suite, counted in sorted(rows.items()):
        cells = "  ".join(f"{counted[name] or '':>{len(name)}}" for name in columns)
        terminalreporter.write_line(f"{suite:{width}}  {cells}")
