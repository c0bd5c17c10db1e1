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


# A number that is missing is completed from the DECA number beside it.
COMPLETED = "no-external-number"
# An emitter that is no site of the key is refused before anything else is looked at.
OTHER_WORDS = {"unknown-siret": "SITE_INTERDIT"}


def test_each_wrong_invoice_is_refused_with_its_cause_and_not_kept(
    facade: Facade, apprenti: Iterator[Apprenti]
) -> None:
    # Seven months old: its last line is not open.
    life = facade.scheduled(facade.engaged(apprenti, "akto", 1, months_ago=7))
    life.client.patience_s = 0
    invoice, dossier = first_invoice(life)
    for name, (change, expected) in REFUSALS.items():
        if name == COMPLETED:
            continue
        wrong = copy.deepcopy(invoice)
        change(wrong, dossier)
        answer = life.send(wrong)
        assert answer.status in (400, 403), f"{name}: {answer.text}"
        assert shape(answer.json) == "general"
        assert told(answer) & expected or OTHER_WORDS.get(name) in texts(answer.text), f"{name}: {answer.text}"
    assert life.send(invoice).taken()["numeroInterneFacture"], "what was wrong is not kept"


def test_an_invoice_without_the_dossiers_number_is_completed(facade: Facade, apprenti: Iterator[Apprenti]) -> None:
    life = facade.engaged(apprenti, "akto", 1)
    invoice, dossier = first_invoice(life)
    change, _ = REFUSALS[COMPLETED]
    change(invoice, dossier)
    assert life.send(invoice).taken()["numeroInterneFacture"]


def test_a_wrong_invoice_sent_before_the_schedule_is_read_can_be_corrected(
    facade: Facade, apprenti: Iterator[Apprenti]
) -> None:
    life = facade.engaged(apprenti, "akto", 1)
    invoice, dossier = first_invoice(life)
    wrong = copy.deepcopy(invoice)
    REFUSALS["amount"][0](wrong, dossier)
    refused = life.send(wrong)
    assert refused.status == 400, refused.text
    assert told(refused) & REFUSALS["amount"][1], refused.text
    assert life.send(invoice).taken()["numeroInterneFacture"]


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
    life.wait(
        "nothing is billed",
        lambda: life.echeance(1),
        lambda one: invoiceable(one) == cents(one["montantTotal"]),
    )
    assert "SIRET_EMETTEUR_INCONNU" in recognised([rejected["commentaire"] or ""]), rejected
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
