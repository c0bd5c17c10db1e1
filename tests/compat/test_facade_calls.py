"""How the gateway answers a client of the norm: who it lets in, what it refuses, and when an OPCO is away."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from norme import dialects
from norme.answers import texts
from norme.client import BARE, Json
from norme.payloads import Apprenti
from norme.wire import day
from norme.wrong_invoices import SECOND_SITE
from stage.facade import FACADE_SLUGS, Facade
from stage.gateway import employeur
from stage.wait import until
from test_norme_refusals import ROUTES, shape, with_value, without

PATIENT_S = 30


# Who calls


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_each_check_of_the_headers_comes_in_its_order(facade: Facade, method: str, path: str) -> None:
    client = facade.client()
    assert client.call(method, path, headers=BARE).status == 401
    unknown = client.call(method, path, headers={"Authorization": "Bearer unknown"})
    assert unknown.status == 401
    assert texts(unknown.text)
    for key in (None, "inconnue", "cfg_test_" + "x" * 43):
        refused = client.call(method, path, headers={"X-API-KEY": key, "EDITEUR": None})
        assert refused.status == 403, refused.text
        assert shape(refused.json) == "general"
    for name in ("EDITEUR", "LOGICIEL", "VERSION"):
        refused = client.call(method, path, headers={name: None})
        assert refused.status == 400, refused.text
        assert name in " ".join(texts(refused.text)).upper()
        assert shape(refused.json) == ("capitals" if path.endswith("/documents") else "general")


def test_the_status_needs_no_header(facade: Facade) -> None:
    told = facade.client().call("GET", "/v1/status", headers=BARE).taken()
    assert told["status"] in ("healthy", "degraded", "unhealthy")
    assert isinstance(told["supportedVersions"], list)
    assert told["uptime"] >= 0


@pytest.mark.parametrize(
    ("changes", "errors"),
    (
        ({"grant_type": "password"}, ("unsupported_grant_type",)),
        ({"client_secret": ""}, ("invalid_client", "invalid_request")),
        ({"client_secret": "cfg_test_" + "x" * 43}, ("invalid_client",)),
    ),
)
def test_a_token_is_refused_in_the_words_of_oauth(
    facade: Facade, changes: dict[str, str], errors: tuple[str, ...]
) -> None:
    answer = facade.client().tokens.ask(**changes)
    assert answer.status in (400, 401)
    assert answer.json["error"] in errors


@pytest.mark.parametrize("slug", ("akto", "atlas", "afdas", "opcoep", "uniformation"))
def test_a_client_made_for_one_opco_changes_its_host_alone(
    facade: Facade, apprenti: Iterator[Apprenti], slug: str
) -> None:
    client = facade.client(slug=slug)
    numero = client.post_dossier(facade.contrat(apprenti, "akto").cerfa())["numeroInterne"]
    assert client.dossier(numero, 2)["cerfa"]["numeroInterne"] == numero
    assert client.tokens.asked == 1


def test_a_client_with_the_key_alone_is_taken(facade: Facade) -> None:
    assert isinstance(facade.client(key_only=True).etats(), list)


def test_a_key_does_only_what_it_may(facade: Facade, apprenti: Iterator[Apprenti]) -> None:
    body = {"cerfa": facade.contrat(apprenti, "akto").cerfa()}
    reader = facade.client(cle=facade.gateway.credential("lecture", "--action", "read"))
    assert isinstance(reader.etats(), list)
    refused = reader.call("POST", "/v1/dossiers", body=body)
    assert refused.status == 403, refused.text
    assert shape(refused.json) == "general"
    elsewhere = facade.client(cle=facade.gateway.credential("autre site", "--site", SECOND_SITE))
    assert elsewhere.call("POST", "/v1/dossiers", body=body).status == 403
    numero = facade.client().post_dossier(body["cerfa"])["numeroInterne"]
    assert numero not in {one["numeroInterne"] for one in elsewhere.etats()}
    assert elsewhere.call("GET", "/v1/dossiers", query={"numeroInterne": numero}).status == 404


def test_a_key_that_was_revoked_is_refused(facade: Facade) -> None:
    key = facade.gateway.credential("ancienne")
    client = facade.client(cle=key)
    assert isinstance(client.etats(), list)
    (made,) = (one for one in facade.gateway.admin("credential", "list") if key.startswith(one["prefix"]))
    facade.gateway.admin("credential", "revoke", made["id"], "--reason", "essai")
    until("the key is refused", lambda: client.call("GET", "/v1/dossiers/etats").status, lambda got: got in (401, 403))


@pytest.mark.parametrize("editor", dialects.EDITORS)
def test_headers_with_accents_and_another_case_are_taken(facade: Facade, editor: str) -> None:
    client = facade.client(key_header=dialects.KEY_HEADER, editor=dialects.EDITORS[editor])
    assert isinstance(client.etats(), list)


def test_a_key_says_until_when_it_is_good(facade: Facade) -> None:
    told = facade.client().cle_info("987654324")
    assert told["status"] == "success"


# Contracts


@pytest.mark.parametrize("slug", FACADE_SLUGS)
@pytest.mark.parametrize("write", (dialects.php_cerfa, dialects.python_cerfa, dialects.local_offset))
def test_a_contract_is_taken_as_each_client_writes_it(
    facade: Facade, apprenti: Iterator[Apprenti], slug: str, write: Callable[[Json], Json]
) -> None:
    contrat = facade.contrat(apprenti, slug)
    client = facade.client()
    numero = client.post_dossier(write(contrat.cerfa()))["numeroInterne"]
    read = client.dossier(numero)["cerfa"]
    assert day(read["contrat"]["dateDebutContrat"]) == contrat.debut, "a day never moves with a time zone"


@pytest.mark.parametrize(
    "change",
    (
        pytest.param(without("employeur", "siret"), id="no-siret"),
        pytest.param(without("apprenti", "nom"), id="no-name"),
        pytest.param(with_value("employeur", "siret", "12345678200011"), id="siret-check-digit"),
        pytest.param(with_value("contrat", "dateConclusion", "2019-12-31T00:00:00+00:00"), id="before-2020"),
        pytest.param(with_value("contrat", "typeContratApp", 99), id="unknown-code"),
    ),
)
def test_a_contract_that_is_wrong_is_refused_with_400_and_nothing_is_kept(
    facade: Facade, apprenti: Iterator[Apprenti], change: Callable[[Json], None]
) -> None:
    contrat = facade.contrat(apprenti, "akto")
    cerfa = contrat.cerfa()
    change(cerfa)
    client = facade.client()
    answer = client.call("POST", "/v1/dossiers", body={"cerfa": cerfa})
    assert answer.status == 400, answer.text
    assert shape(answer.json) == "general"
    assert client.post_dossier(contrat.cerfa())["numeroInterne"], "the corrected contract is no double"


@pytest.mark.parametrize("body", (b"", b"{", b"[]", b"{}", b'{"cerfa": null}', b'{"cerfa": []}', b"\xff\xfe"))
def test_a_body_that_is_no_contract_is_refused_with_400(facade: Facade, body: bytes) -> None:
    answer = facade.client().call("POST", "/v1/dossiers", body=body)
    assert answer.status == 400, answer.text
    assert shape(answer.json) == "general"


def test_what_only_a_person_can_mend_is_answered_at_once(facade: Facade, apprenti: Iterator[Apprenti]) -> None:
    nobodys = replace(facade.contrat(apprenti, "akto"), employeur_siret=employeur(99))
    answer = facade.client(patience_s=0).call("POST", "/v1/dossiers", body={"cerfa": nobodys.cerfa()})
    assert answer.status in (400, 403), answer.text
    assert shape(answer.json) == "general"


@pytest.mark.parametrize("slug", FACADE_SLUGS)
def test_the_same_contract_again_is_one_contract_at_the_opco(
    facade: Facade, apprenti: Iterator[Apprenti], slug: str
) -> None:
    contrat = facade.contrat(apprenti, slug)
    client = facade.client()
    first = client.post_dossier(contrat.cerfa())
    before = len(facade.simulator.ledger(slug, "dossier"))
    second = client.call("POST", "/v2/dossiers", body={"cerfa": contrat.cerfa()})
    # The same call is known by its natural key: it is told the same number, or that it is a double.
    if second.is_taken:
        assert second.json["numeroInterne"] == first["numeroInterne"]
    else:
        assert second.status in (400, 409), second.text
        assert texts(second.text)
    assert len(facade.simulator.ledger(slug, "dossier")) == before


@pytest.mark.parametrize("slug", FACADE_SLUGS)
def test_a_refusal_of_the_opco_is_told_with_its_words(facade: Facade, apprenti: Iterator[Apprenti], slug: str) -> None:
    contrat = facade.contrat(apprenti, slug)
    fault = {"kind": "refusal", "route": "dossiers", "times": 1, "text": "Certification non ouverte"}
    facade.simulator.control("POST", f"{slug}/faults", fault)
    answer = facade.client().call("POST", "/v1/dossiers", body={"cerfa": contrat.cerfa()})
    assert answer.status == 400, answer.text
    assert "Certification non ouverte" in " ".join(texts(answer.text))


# Numbers and lists


def test_a_dossier_is_found_under_the_opcos_own_number_where_it_is_the_only_one(
    facade: Facade, apprenti: Iterator[Apprenti]
) -> None:
    client = facade.client()
    while True:
        own = {slug: {one["numeroInterne"] for one in facade.direct(slug).etats()} for slug in FACADE_SLUGS}
        alone = own["akto"] - own["afdas"] - own["opcoep"]
        if alone:
            break
        client.post_dossier(facade.contrat(apprenti, "akto").cerfa())
    numero = alone.pop()
    read = client.dossier(numero)["cerfa"]["numeroInterne"]
    assert read.endswith(numero)
    assert read != numero, "the gateway's number says which OPCO"
    shared = own["akto"] & own["afdas"]
    for numero in shared:
        assert client.call("GET", "/v1/dossiers", query={"numeroInterne": numero}).status in (400, 404, 409)


@pytest.mark.parametrize("version", (1, 2))
def test_an_unknown_dossier_is_told_with_404(facade: Facade, version: int) -> None:
    answer = facade.client().call("GET", f"/v{version}/dossiers", query={"numeroInterne": "404404404"})
    assert answer.status == 404, answer.text
    assert shape(answer.json) == "general"


def test_both_versions_list_the_dossiers_of_every_opco(facade: Facade, apprenti: Iterator[Apprenti]) -> None:
    client = facade.client()
    filed = [client.post_dossier(facade.contrat(apprenti, slug).cerfa()) for slug in FACADE_SLUGS]
    assert len({one["numeroInterne"] for one in filed}) == len(FACADE_SLUGS)
    v1, v2 = client.etats(1), client.etats(2)
    for listed in (v1, v2):
        numbers = [one["numeroInterne"] for one in listed]
        assert len(numbers) == len(set(numbers))
        assert {one["numeroInterne"] for one in filed} <= set(numbers)
        assert {"numeroInterne", "numeroExterne", "numeroDeca", "etat"} <= set(listed[0])
    page = client.call("GET", "/v2/dossiers/etats", query={"numeroPage": "1"}).taken()
    assert page["page"] == 1
    assert page["count"] == len(page["EtatDossierResult"])
    assert page["total"] >= len(v2)
    beyond = client.call("GET", "/v2/dossiers/etats", query={"numeroPage": "9999"}).taken()
    assert beyond["EtatDossierResult"] == []


def test_several_dossiers_come_in_one_read(facade: Facade, apprenti: Iterator[Apprenti]) -> None:
    client = facade.client()
    numeros = [client.post_dossier(facade.contrat(apprenti, slug).cerfa())["numeroInterne"] for slug in FACADE_SLUGS]
    assert [one["cerfa"]["numeroInterne"] for one in client.dossiers(numeros)] == numeros


def test_a_dossier_is_found_by_the_five_fields_that_pair_it(facade: Facade, apprenti: Iterator[Apprenti]) -> None:
    contrat = facade.contrat(apprenti, "akto")
    client = facade.client()
    numero = client.post_dossier(contrat.cerfa())["numeroInterne"]
    assert client.call("GET", "/v1/dossiers", query=contrat.pairing).taken()["cerfa"]["numeroInterne"] == numero


# When an OPCO is away


@pytest.fixture
def faults(facade: Facade) -> Iterator[Callable[..., None]]:
    """Plants faults at an OPCO, and clears them at the end."""
    planted: set[str] = set()

    def plant(slug: str, **fault: Any) -> None:
        planted.add(slug)
        facade.simulator.control("POST", f"{slug}/faults", fault)

    yield plant
    for slug in planted:
        facade.simulator.control("DELETE", f"{slug}/faults")


@pytest.mark.parametrize("slug", FACADE_SLUGS)
def test_an_opco_that_is_down_delays_a_contract_and_never_loses_nor_doubles_it(
    facade: Facade, apprenti: Iterator[Apprenti], faults: Callable[..., None], slug: str
) -> None:
    contrat = facade.contrat(apprenti, slug)
    faults(slug, kind="unavailable", route="dossiers")
    waiting = facade.client(patience_s=0).call("POST", "/v1/dossiers", body={"cerfa": contrat.cerfa()})
    assert waiting.status == 503, waiting.text
    assert int(waiting.headers["retry-after"]) > 0
    assert shape(waiting.json) == "general"
    # Before the fault goes: the gateway may deliver in the very instant it does.
    before = len(facade.simulator.ledger(slug, "dossier"))
    facade.simulator.control("DELETE", f"{slug}/faults")
    numero = facade.client(patience_s=PATIENT_S).post_dossier(contrat.cerfa())["numeroInterne"]
    assert facade.client().dossier(numero)["cerfa"]["apprenti"]["nom"] == contrat.apprenti.nom
    assert len(facade.simulator.ledger(slug, "dossier")) == before + 1


@pytest.mark.parametrize("slug", FACADE_SLUGS)
def test_an_answer_that_was_lost_is_found_again_and_never_sent_twice(
    facade: Facade, apprenti: Iterator[Apprenti], faults: Callable[..., None], slug: str
) -> None:
    contrat = facade.contrat(apprenti, slug)
    before = len(facade.simulator.ledger(slug, "dossier"))
    faults(slug, kind="lost_answer", route="dossiers", times=1)
    numero = facade.client(patience_s=PATIENT_S).post_dossier(contrat.cerfa())["numeroInterne"]
    assert numero
    assert len(facade.simulator.ledger(slug, "dossier")) == before + 1


def test_an_opco_that_is_down_shortens_no_list(
    facade: Facade, apprenti: Iterator[Apprenti], faults: Callable[..., None]
) -> None:
    client = facade.client()
    numeros = {client.post_dossier(facade.contrat(apprenti, slug).cerfa())["numeroInterne"] for slug in FACADE_SLUGS}
    faults("afdas", kind="down")
    for version in (1, 2):
        assert numeros <= {one["numeroInterne"] for one in client.etats(version)}


def test_another_contract_under_the_key_of_one_that_is_on_its_way_is_a_conflict(
    facade: Facade, apprenti: Iterator[Apprenti], faults: Callable[..., None]
) -> None:
    contrat = facade.contrat(apprenti, "akto")
    faults("akto", kind="unavailable", route="dossiers")
    client = facade.client(patience_s=0)
    assert client.call("POST", "/v1/dossiers", body={"cerfa": contrat.cerfa()}).status == 503
    other = contrat.cerfa()
    other["contrat"]["salaireEmbauche"] = 1111.11
    answer = client.call("POST", "/v1/dossiers", body={"cerfa": other})
    assert answer.status in (400, 409), answer.text
    assert texts(answer.text)
