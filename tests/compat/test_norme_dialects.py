"""Lenient habits of two clients seen in public, at simulated OPCOs."""

from collections.abc import Callable, Iterator
from datetime import date

import pytest

from norme import dialects
from norme.client import File, Json, Norme
from norme.payloads import Apprenti, Contrat, facture, invoiceable, ligne
from norme.pdf import pdf
from norme.wire import day
from stage.lives import engaged
from stage.simulator import Simulator

SLUGS = ("akto", "afdas", "opcoep")
WRITERS = (dialects.php_cerfa, dialects.python_cerfa, dialects.local_offset)


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("write", WRITERS)
def test_a_contract_is_taken_as_each_client_writes_it(
    opcos: Simulator, cle: str, apprenti: Iterator[Apprenti], slug: str, write: Callable[[Json], Json]
) -> None:
    contrat = Contrat(next(apprenti), debut=date(2026, 9, 1))
    client = opcos.client(slug, cle)
    numero = client.post_dossier(write(contrat.cerfa()))["numeroInterne"]
    read = client.dossier(numero)["cerfa"]
    assert day(read["contrat"]["dateDebutContrat"]) == contrat.debut, "a day never moves with a time zone"
    assert client.call("POST", "/v1/dossiers", body={"cerfa": contrat.cerfa()}).status in (400, 409)


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("editor", dialects.EDITORS)
def test_headers_with_accents_and_another_case_are_taken(opcos: Simulator, cle: str, slug: str, editor: str) -> None:
    plain = opcos.client(slug, cle)
    client = Norme(
        plain.endpoint, plain.tokens.software, cle, key_header=dialects.KEY_HEADER, editor=dialects.EDITORS[editor]
    )
    assert client.etats() == []


def test_a_client_with_the_key_alone_is_taken_where_the_opco_wants_no_more(simulator: Simulator) -> None:
    simulator.settings("akto", auth="key_only")
    assert simulator.client("akto", key_only=True).etats() == []


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("path", ("/v1/Factures", "/v1/factures"))
def test_an_invoice_of_numeric_texts_is_taken_at_either_path(
    simulator: Simulator, apprenti: Iterator[Apprenti], slug: str, path: str
) -> None:
    life = engaged(simulator, apprenti, slug, 1, mois=12)
    dossier = life.dossier()
    first = dossier["echeances"][0]
    written = facture("FA-DIALECTE", life.contrat.debut, first["siretCfa"], [ligne(dossier, first, invoiceable(first))])
    parts = life.client.parts("facture", dialects.php_facture(written), File("facture.pdf", pdf("Facture")))
    assert life.client.call("POST", path, parts=parts).taken()["numeroInterneFacture"]
    assert invoiceable(life.echeance(1)) == 0


@pytest.mark.parametrize("key", ("mentionMobiliteInternationale", "mentionMobilitéInternationale"))
def test_a_convention_is_taken_with_either_spelling_of_mobility(
    simulator: Simulator, apprenti: Iterator[Apprenti], key: str
) -> None:
    life = engaged(simulator, apprenti, "opcoep", 1, mois=12)
    life.client.post_convention(life.contrat.convention(life.numero, key), File("convention.pdf", pdf("Convention")))
