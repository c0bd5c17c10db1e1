"""One gateway, one browser, and everybody signed in once; each test opens windows of its own."""

import os
import re
from collections.abc import Callable, Iterator
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright
from xdist.scheduler import LoadScopeScheduling

from manners import JOURNEYS, PHONE, Manner
from persons import Person, invited, signed_in
from scene import Scene
from visit import Visit

# Who works in the journeys, by role; each reads one language.
NAMES = {
    "admin": "Ana Diaz",
    "gestionnaire": "Gil Moreau",
    "facturation": "Fatou Bernard",
    "auditeur": "Aude Klein",
    "cles": "Claire Adam",
    "lecteur": "Luc Petit",
}

Enter = Callable[..., Visit]


class Staff(dict[tuple[str, str], Person]):
    """Who works here, by role and language: signed in when first asked for."""

    def __init__(self, scene: Scene) -> None:
        super().__init__()
        self.scene = scene

    def __missing__(self, who: tuple[str, str]) -> Person:
        role, language = who
        self[who] = signed_in(self.scene.desk, *invited(self.scene.gateway, role, language, NAMES[role]))
        return self[who]


class ByLanguage(LoadScopeScheduling):  # type: ignore[misc]
    """Gives each language a worker of its own, with a gateway of its own."""

    def _split_scope(self, nodeid: str) -> str:
        language = re.search(r"\[(fr|en)-", nodeid)
        return language[1] if language else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByLanguage:
    return ByLanguage(config, log)


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """The network of the journeys, once everything stands where it is to stand."""
    known = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in os.environ}
    running = Scene(Path(os.environ["CFA_GATEWAY_BINARY"]), tmp_path_factory.mktemp("scene"), known)
    try:
        running.play()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def staff(scene: Scene) -> Staff:
    """The people of the network."""
    return Staff(scene)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The installed Chromium; as root it has no sandbox of its own."""
    with sync_playwright() as playwright:
        options = ["--no-sandbox"] if os.geteuid() == 0 else []
        running = playwright.chromium.launch(executable_path=os.environ["CHROMIUM"], args=options)
        yield running
        running.close()


@pytest.fixture(scope="session")
def pictures() -> Path:
    """Where the pictures of the pages are kept."""
    return Path(os.environ["PAGES"])


@pytest.fixture(params=JOURNEYS, ids=attrgetter("name"))
def manner(request: pytest.FixtureRequest) -> Manner:
    """How the person of a journey looks at it."""
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def enter(scene: Scene, browser: Browser, pictures: Path, manner: Manner) -> Iterator[Enter]:
    """Opens a window: of somebody who is signed in, or of nobody yet."""
    opened: list[Visit] = []

    def window(person: Person | None = None) -> Visit:
        phone = manner.width == PHONE
        context = browser.new_context(
            viewport={"width": manner.width, "height": 844 if phone else 800},
            is_mobile=phone,
            has_touch=phone,
            color_scheme=manner.scheme,  # type: ignore[arg-type]
            reduced_motion="reduce",
            locale="fr-FR" if manner.language == "fr" else "en-GB",
            timezone_id="Europe/Paris",
        )
        context.set_default_timeout(15_000)
        cookies = person.cookies if person else {}
        context.add_cookies([{"name": name, "value": value, "url": scene.desk} for name, value in cookies.items()])
        opened.append(Visit(context, scene.desk, manner, pictures))
        return opened[-1]

    yield window
    for one in opened:
        one.close()
