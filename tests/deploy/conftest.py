"""What is started once: it plays and is read while the files are checked."""

from collections.abc import Iterator

import pytest

from running import Running
from watching import Told


@pytest.fixture(scope="session", autouse=True)
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Starts with the suite, so that the demo has played when it is looked at."""
    started = Running(tmp_path_factory.mktemp("running"))
    yield started
    started.stop()


@pytest.fixture
def prometheus(running: Running) -> Running:
    """The same, for who cannot do without Prometheus."""
    if not running.has_prometheus:
        pytest.skip("prometheus is not installed (Debian: apt-get install prometheus)")
    return running


@pytest.fixture(scope="session")
def told(running: Running) -> Told:
    """What the gateways tell, once the demo has played."""
    return Told(running)
