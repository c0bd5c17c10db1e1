"""The norm's whole life of a contract, at simulated OPCOs of each path family."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from norme.payloads import Apprenti, invoiceable
from norme.wire import cents, day
from stage.lives import engaged
from stage.simulator import Simulator

SLUGS = ("akto", "atlas", "opcomobilites", "afdas", "opcoep", "uniformation")


@pytest.mark.parametrize("version", (1, 2))
@pytest.mark.parametrize("slug", SLUGS)
def test_a_contract_lives_until_its_last_payment(
    simulator: Simulator, apprenti: Iterator[Apprenti], slug: str, version: int
) -> None:
    life = engaged(simulator, apprenti, slug, version, mois=24)
    life.settle()
    assert len(simulator.ledger(slug, "facture")) == 8
    assert len(simulator.ledger(slug, "convention")) == 1


@pytest.mark.parametrize("slug", ("akto", "opcoep"))
def test_an_instalment_after_the_first_is_not_paid_before_its_certificate(
    simulator: Simulator, apprenti: Iterator[Apprenti], slug: str
) -> None:
    life = engaged(simulator, apprenti, slug, 2, mois=12)
    life.bill(1)
    life.pay(1)
    number = life.bill(2)
    simulator.advance(days=2)
    listed = life.facture(number)
    assert listed is not None
    assert listed["etatFacture"] == "EN_COURS_INSTRUCTION"
    life.certify(2, "structured")
    life.pay(2)


@pytest.mark.parametrize("slug", ("akto", "afdas", "opcoep"))
@pytest.mark.parametrize("version", (1, 2))
def test_a_termination_cuts_the_schedule_and_the_rest_is_paid(
    simulator: Simulator, apprenti: Iterator[Apprenti], slug: str, version: int
) -> None:
    life = engaged(simulator, apprenti, slug, version, mois=12)
    life.bill(1)
    life.pay(1)
    before = sum(cents(one["montantTotal"]) for one in life.dossier()["echeances"])
    end = life.contrat.debut + timedelta(days=200)
    life.world.reach(end + timedelta(days=1))
    answer = life.client.post_rupture(life.contrat.rupture(life.dossier(), end))
    assert answer["numeroInterne"] == life.numero
    assert answer["etat"] == "RUPTU"
    life.wait("is terminated", life.state, lambda state: state == "RUPTURE")
    dossier = life.dossier()
    assert day(dossier["cerfa"]["contrat"]["dateRupture"]) == end
    assert sum(cents(one["montantTotal"]) for one in dossier["echeances"]) < before
    for numero in [one["numero"] for one in dossier["echeances"] if invoiceable(one) > 0]:
        life.bill(numero, certificat=True)
        life.pay(numero)
    life.wait("is fully paid", life.state, lambda state: state == "SOLDE")


@pytest.mark.parametrize("slug", ("akto", "opcoep"))
def test_a_dossier_is_found_by_the_five_fields_that_pair_it(
    simulator: Simulator, apprenti: Iterator[Apprenti], slug: str
) -> None:
    life = engaged(simulator, apprenti, slug, 1, mois=12)
    answer = life.client.call("GET", "/v1/dossiers", query=life.contrat.pairing)
    assert answer.taken()["cerfa"]["numeroInterne"] == life.numero
