"""Lists of simulated OPCOs: a bare array in V1, pages in V2, and pages that misbehave."""

from collections.abc import Iterator
from datetime import date

import pytest

from norme.answers import PageRepeated
from norme.client import Norme
from norme.payloads import Apprenti, Contrat
from stage.simulator import Simulator

SLUGS = ("akto", "afdas", "opcoep")
FILED = 7


def filed(client: Norme, apprenti: Iterator[Apprenti], count: int = FILED) -> list[str]:
    contracts = (Contrat(next(apprenti), debut=date(2026, 9, 1)) for _ in range(count))
    return [client.post_dossier(one.cerfa())["numeroInterne"] for one in contracts]


@pytest.mark.parametrize("slug", SLUGS)
def test_both_versions_list_the_same_dossiers(simulator: Simulator, apprenti: Iterator[Apprenti], slug: str) -> None:
    simulator.settings(slug, page_size=3)
    client = simulator.client(slug)
    numeros = filed(client, apprenti)
    v1, v2 = client.etats(1), client.etats(2)
    assert sorted(one["numeroInterne"] for one in v1) == sorted(numeros)
    assert sorted(v1, key=lambda one: one["numeroInterne"]) == sorted(v2, key=lambda one: one["numeroInterne"])
    assert {"numeroInterne", "numeroExterne", "numeroDeca", "etat"} <= set(v1[0])


def test_a_page_says_how_many_there_are_and_which_it_is(simulator: Simulator, apprenti: Iterator[Apprenti]) -> None:
    simulator.settings("akto", page_size=3)
    client = simulator.client("akto")
    filed(client, apprenti)
    pages = [
        client.call("GET", "/v2/dossiers/etats", query={"numeroPage": str(number)}).taken() for number in (1, 2, 3, 4)
    ]
    assert [page["count"] for page in pages] == [3, 3, 1, 0]
    assert [page["page"] for page in pages] == [1, 2, 3, 4]
    assert {page["total"] for page in pages} == {FILED}
    assert [len(page["EtatDossierResult"]) for page in pages] == [3, 3, 1, 0]
    first = client.call("GET", "/v2/dossiers/etats").taken()
    assert first == pages[0], "pages start at 1"


def test_an_empty_list_is_empty_in_every_version(opcos: Simulator, cle: str) -> None:
    client = opcos.client("akto", cle)
    assert client.etats(1) == []
    assert client.etats(2) == []
    assert client.factures_etats() == []


def test_a_page_wrapped_in_an_array_is_read(simulator: Simulator, apprenti: Iterator[Apprenti]) -> None:
    client = simulator.client("akto")
    numeros = filed(client, apprenti, 2)
    simulator.control("POST", "akto/faults", {"kind": "wrapped_page", "route": "etats"})
    body = client.call("GET", "/v2/dossiers/etats").json
    assert isinstance(body, list)
    assert len(body) == 1
    assert sorted(one["numeroInterne"] for one in client.etats(2)) == sorted(numeros)


def test_a_page_that_repeats_is_given_up(simulator: Simulator, apprenti: Iterator[Apprenti]) -> None:
    simulator.settings("akto", page_size=2)
    client = simulator.client("akto")
    filed(client, apprenti, 5)
    simulator.control("POST", "akto/faults", {"kind": "repeated_page", "route": "etats"})
    with pytest.raises(PageRepeated):
        client.etats(2)


def test_a_key_sees_its_own_dossiers_only(opcos: Simulator, cle: str, apprenti: Iterator[Apprenti]) -> None:
    mine = filed(opcos.client("akto", cle), apprenti, 1)
    other = opcos.client("akto", cle + "-other")
    assert other.etats(1) == []
    answer = other.call("GET", "/v1/dossiers", query={"numeroInterne": mine[0]})
    assert answer.status in (403, 404)


@pytest.mark.parametrize("slug", SLUGS)
def test_several_dossiers_come_in_one_read(opcos: Simulator, cle: str, apprenti: Iterator[Apprenti], slug: str) -> None:
    client = opcos.client(slug, cle)
    numeros = filed(client, apprenti, 3)
    read = client.dossiers(numeros[:2])
    assert [one["cerfa"]["numeroInterne"] for one in read] == numeros[:2]
    assert read[0] == client.dossier(numeros[0])


def test_a_block_with_a_v2_suffix_is_the_same_block(simulator: Simulator, apprenti: Iterator[Apprenti]) -> None:
    client = simulator.client("akto")
    numero = filed(client, apprenti, 1)[0]
    plain = client.dossier(numero, 2)["cerfa"]
    simulator.settings("akto", v2_suffix=True)
    suffixed = client.dossier(numero, 2)["cerfa"]
    assert suffixed.get("employeur") is None
    assert suffixed["employeurV2"] == plain["employeur"]
