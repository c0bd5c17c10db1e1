"""The norm's whole life of a contract through the gateway, which speaks for the OPCO behind it."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from norme.client import File, Json
from norme.payloads import Apprenti, infos_fichier
from norme.pdf import pdf
from norme.wire import day
from stage.facade import FACADE_SLUGS, Facade


def own_number(numero: str, slug: str, facade: Facade, name: str = "numeroInterne") -> str:
    """Returns an OPCO's own number out of the gateway's, which has something before it."""
    listed = facade.direct(slug).etats()
    (own,) = [one[name] for one in listed if numero.endswith(one[name])]
    return str(own)


def without_numbers(value: Any, numbers: dict[str, str]) -> Any:
    """Returns a value in which the gateway's numbers are replaced by the OPCO's own."""
    if isinstance(value, dict):
        return {key: without_numbers(one, numbers) for key, one in value.items()}
    if isinstance(value, list):
        return [without_numbers(one, numbers) for one in value]
    return numbers.get(value, value) if isinstance(value, str) else value


# Each OPCO once, and each version's reads at least once.
LIVES = (("akto", 1), ("akto", 2), ("afdas", 1), ("opcoep", 2))


@pytest.mark.parametrize("version", (1, 2))
@pytest.mark.parametrize("slug", FACADE_SLUGS)
def test_a_contract_is_financed_and_reads_as_the_opcos_own_but_for_its_numbers(
    facade: Facade, apprenti: Iterator[Apprenti], slug: str, version: int
) -> None:
    life = facade.engaged(apprenti, slug, version)
    read = life.dossier()
    numbers = {
        read["cerfa"][name]: own_number(read["cerfa"][name], slug, facade, name)
        for name in ("numeroInterne", "numeroExterne")
    }
    direct: Json = facade.direct(slug).dossier(numbers[life.numero], version)
    assert without_numbers(read, numbers) == direct
    assert read["cerfa"]["numeroDeca"] == direct["cerfa"]["numeroDeca"], "a DECA number is the State's, never prefixed"


@pytest.mark.parametrize("slug", FACADE_SLUGS)
def test_an_agreement_sent_right_after_its_contract_is_taken_with_its_file(
    facade: Facade, apprenti: Iterator[Apprenti], slug: str
) -> None:
    life = facade.life(apprenti, slug, 1)
    life.file()
    before = len(facade.simulator.ledger(slug, "convention"))
    life.agree()
    assert len(facade.simulator.ledger(slug, "convention")) == before + 1


@pytest.mark.parametrize("slug", FACADE_SLUGS)
def test_a_document_of_a_dossier_is_taken(facade: Facade, apprenti: Iterator[Apprenti], slug: str) -> None:
    life = facade.engaged(apprenti, slug, 1)
    infos = infos_fichier("CONVENTION_REDUCTION_DUREE", {"DOSSIER_APPRENTISSAGE": life.numero})
    life.client.post_document(infos, File("reduction.pdf", pdf("Convention de réduction")))
    assert facade.simulator.ledger(slug, "document")


@pytest.mark.parametrize(("slug", "version"), LIVES)
def test_a_contract_lives_until_its_last_payment(
    facade: Facade, apprenti: Iterator[Apprenti], slug: str, version: int
) -> None:
    life = facade.engaged(apprenti, slug, version)
    life.agree()
    life.settle()


@pytest.mark.parametrize("slug", FACADE_SLUGS)
def test_a_certificate_may_follow_its_invoice_as_a_document_linked_to_it(
    facade: Facade, apprenti: Iterator[Apprenti], slug: str
) -> None:
    life = facade.engaged(apprenti, slug, 1)
    life.bill(2)
    life.certify(2, "document")
    life.pay(2)


@pytest.mark.parametrize(("slug", "version"), LIVES)
def test_a_termination_is_taken_and_read_back(
    facade: Facade, apprenti: Iterator[Apprenti], slug: str, version: int
) -> None:
    life = facade.engaged(apprenti, slug, version, months_ago=7)
    end = date.today() - timedelta(days=10)
    answer = life.client.post_rupture(life.contrat.rupture(life.dossier(), end))
    assert answer["numeroInterne"] == life.numero
    assert answer["etat"] == "RUPTU"
    life.wait("is terminated", life.state, lambda state: state == "RUPTURE")
    dossier = life.wait("has its last day", life.dossier, lambda one: bool(one["cerfa"]["contrat"].get("dateRupture")))
    assert day(dossier["cerfa"]["contrat"]["dateRupture"]) == end
