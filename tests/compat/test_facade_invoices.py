"""Invoices through the gateway: what it refuses before an OPCO does, and what comes back from one."""

import copy
from collections.abc import Iterator
from dataclasses import replace

import pytest

from norme import dialects
from norme.answers import Answer, Refused, texts
from norme.client import File
from norme.payloads import Apprenti, invoiceable
from norme.pdf import pdf
from norme.rejections import recognised
from norme.wire import cents
from norme.wrong_invoices import REFUSALS, first_invoice
from stage.facade import FACADE_SLUGS, Facade
from test_norme_refusals import shape


def told(answer: Answer) -> set[str]:
    """Returns the refusals of the norm's FAQ that an answer tells, in its words or by their codes."""
    said = texts(answer.text)
    return recognised(said) | {code for _, codes in REFUSALS.values() for code in codes if code in said}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_wrong_invoice_is_refused_in_words_that_the_norms_keywords_know(
    facade: Facade, apprenti: Iterator[Apprenti], name: str
) -> None:
    change, expected = REFUSALS[name]
    # Seven months old: its last line is not open.
    life = facade.engaged(apprenti, "akto", 1, months_ago=7)
    invoice, dossier = first_invoice(life)
    wrong = copy.deepcopy(invoice)
    change(wrong, dossier)
    life.client.patience_s = 0
    answer = life.send(wrong)
    assert answer.status in (400, 403), answer.text
    assert shape(answer.json) == "general"
    assert told(answer) & expected, answer.text
    assert not [one for one in facade.simulator.ledger("akto", "facture") if wrong["numero"] in str(one)]


@pytest.mark.parametrize("slug", FACADE_SLUGS)
def test_the_same_invoice_again_is_one_invoice_at_the_opco(
    facade: Facade, apprenti: Iterator[Apprenti], slug: str
) -> None:
    life = facade.engaged(apprenti, slug, 1)
    invoice, _ = first_invoice(life)
    first = life.send(invoice).taken()
    before = len(facade.simulator.ledger(slug, "facture"))
    second = life.send(invoice)
    if second.is_taken:
        assert second.json["numeroInterneFacture"] == first["numeroInterneFacture"]
    else:
        assert second.status in (400, 409), second.text
        assert "FACTURE_DEJA_CONNUE" in told(second) | set(texts(second.text))
    assert len(facade.simulator.ledger(slug, "facture")) == before
    other = copy.deepcopy(invoice)
    other["dateEmission"] = other["dateEmission"].replace("-01T", "-02T")
    conflict = life.send(other)
    assert conflict.status in (400, 409), "another invoice under the same number"


@pytest.mark.parametrize("slug", FACADE_SLUGS)
def test_an_invoice_rejected_later_can_be_sent_again(facade: Facade, apprenti: Iterator[Apprenti], slug: str) -> None:
    life = facade.engaged(apprenti, slug, 2)
    number = life.bill(1)
    (own,) = [one for one in facade.direct(slug).factures_etats() if number.endswith(one["numeroInterneFacture"])]
    path = f"{slug}/factures/{own['numeroInterneFacture']}/etat"
    facade.simulator.control("POST", path, {"etat": "REJETE", "motif": "SIRET_EMETTEUR_INCONNU"})
    rejected = life.wait(
        "the invoice is rejected", lambda: life.facture(number), lambda one: one["etatFacture"] == "REJETE"
    )
    assert rejected["commentaire"]
    life.wait(
        "nothing is billed",
        lambda: life.echeance(1),
        lambda one: invoiceable(one) == cents(one["montantTotal"]),
    )
    life.bill(1)
    life.pay(1)


@pytest.mark.parametrize("path", ("Factures", "factures"))
def test_an_invoice_of_numeric_texts_is_taken_at_either_path(
    facade: Facade, apprenti: Iterator[Apprenti], path: str
) -> None:
    life = facade.engaged(apprenti, "akto", 1)
    invoice, _ = first_invoice(life)
    life.client.endpoint = replace(life.client.endpoint, path_factures=path)
    assert life.send(dialects.php_facture(invoice)).taken()["numeroInterneFacture"]


def test_a_file_that_is_no_pdf_is_refused(facade: Facade, apprenti: Iterator[Apprenti]) -> None:
    life = facade.engaged(apprenti, "akto", 1)
    invoice, _ = first_invoice(life)
    for parts in (
        life.client.parts("facture", invoice, File("facture.pdf", b"this is a text")),
        life.client.parts("facture", invoice, File("facture.pdf", pdf("Facture")[:200])),
        life.client.parts("facture", invoice, None),
    ):
        answer = life.client.call("POST", "/v1/factures", parts=parts)
        if answer.status == 501:
            raise Refused(answer)
        assert answer.status == 400, answer.text
        assert shape(answer.json) == "general"
