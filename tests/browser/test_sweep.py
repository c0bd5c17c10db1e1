"""Every page that a link leads to, in the manners that the journeys leave out."""

from operator import attrgetter

import pytest

from conftest import Enter, Staff
from manners import REST, Manner

PAGES = {
    "today": "/",
    "to-fix": "/to-fix",
    "alerts": "/alerts",
    "deliveries": "/deliveries",
    "dossiers": "/dossiers",
    "money": "/money",
    "opcos": "/opcos",
    "keys": "/keys",
    "keys-import": "/keys/import",
    "audit": "/audit?kind=person.invited",
    "settings": "/settings",
    "credentials": "/settings/credentials",
    "tree": "/settings/tree",
    "tree-import": "/settings/tree/import",
    "webhooks": "/settings/webhooks",
    "bulk": "/bulk",
    "people": "/people",
    "account": "/account",
    "confirm": "/confirm",
}


@pytest.mark.parametrize("manner", REST, indirect=True, ids=attrgetter("name"))
def test_every_page_is_sound_with_everything_unfolded(enter: Enter, staff: Staff, manner: Manner) -> None:
    visit = enter(staff["admin", manner.language])
    for name, path in PAGES.items():
        visit.go(path)
        visit.page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        visit.look(f"unfolded-{name}")
