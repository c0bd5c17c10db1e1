"""What simulated OPCOs refuse, with the status, the shape and the words the norm gives."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from norme.answers import texts
from norme.client import BARE, File, Json, Norme
from norme.payloads import Apprenti, Contrat, invoiceable
from norme.rejections import recognised
from norme.wire import cents
from norme.wrong_invoices import REFUSALS, SECOND_SITE, first_invoice
from stage.lives import engaged
from stage.simulator import Simulator

SLUGS = ("akto", "atlas", "afdas", "opcoep")
ROUTES = [
    ("GET", "/v1/dossiers/etats"),
    ("GET", "/v2/dossiers/etats"),
    ("GET", "/v1/dossiers?numeroInterne=1"),
    ("GET", "/v2/dossiers?numeroInterne=1"),
    ("GET", "/v1/dossiers/liste?numerosInternes=1"),
    ("GET", "/v2/factures/etats"),
    ("POST", "/v1/dossiers"),
    ("POST", "/v2/dossiers"),
    ("POST", "/v1/conventions"),
    ("POST", "/v1/factures"),
    ("POST", "/v1/documents"),
    ("POST", "/v2/certificats"),
    ("POST", "/v2/dossiers/rupture/employeur"),
]


def shape(body: Any) -> str:
    """Names the shape of an error body, of those the norm's description has seen."""
    match body:
        case {"description": str(), "errors": [{"code": _, "description": str()}, *_]}:
            return "general"
        case {"description": str(), "errors": [{"code": _, "message": str()}, *_]}:
            # Seen on invoices: the keys of items vary.
            return "varied"
        case {"Description": str(), "Errors": [{"Description": str()}, *_]}:
            # The norm's description has seen `Description` at both levels; that the list itself is then called `Errors`
            # is the simulator's reading of it.
            return "capitals"
        case {"errors": None, "comment": str()}:
            return "comment"
        case {"description": str(), **rest} if "errors" not in rest:
            return "bare"
        case {"error": str()}:
            return "oauth"
        case _:
            return f"unknown: {body!r}"


def contrat(apprenti: Iterator[Apprenti]) -> Contrat:
    return Contrat(next(apprenti), debut=date(2026, 9, 1))


# Who calls


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_each_check_of_the_headers_comes_in_its_order(
    opcos: Simulator, cle: str, slug: str, method: str, path: str
) -> None:
    client = opcos.client(slug, cle)
    nothing = client.call(method, path, headers={"Authorization": None, "X-API-KEY": None, "EDITEUR": None})
    assert nothing.status == 401
    assert client.call(method, path, headers={"Authorization": "Bearer unknown"}).status == 401
    no_key = client.call(method, path, headers={"X-API-KEY": None, "EDITEUR": None})
    assert no_key.status == 403
    for name in ("EDITEUR", "LOGICIEL", "VERSION"):
        refused = client.call(method, path, headers={name: None})
        assert refused.status == 400
        assert name in " ".join(texts(refused.text)).upper()


def test_the_status_needs_no_header(opcos: Simulator, cle: str) -> None:
    answer = opcos.client("akto", cle).call("GET", "/v1/status", headers=BARE)
    assert answer.taken()["status"] in ("healthy", "degraded", "unhealthy")
    assert isinstance(answer.json["supportedVersions"], list)
    assert answer.json["uptime"] >= 0


def test_a_token_is_asked_again_once_after_a_401(simulator: Simulator) -> None:
    client = simulator.client("akto")
    assert client.etats() == []
    simulator.control("POST", "akto/faults", {"kind": "expired_token", "route": "etats", "times": 1})
    assert client.etats() == []
    assert client.tokens.asked == 2


def test_a_key_that_expired_is_refused_and_says_so_when_asked(simulator: Simulator) -> None:
    simulator.control("POST", "akto/keys", {"key": "perimee", "siren": "987654324", "expires": "2026-01-31"})
    client = simulator.client("akto", "perimee")
    assert client.call("GET", "/v1/dossiers/etats").status == 403
    told = client.call("GET", "/v2/cfakeyinfo", query={"siren": "987654324", "XAPIKEY": "perimee"}).json
    assert told["dateFinValidite"] == "2026-01-31"
    assert told["status"] in ("success", "error")


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize(
    ("changes", "error"),
    (
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"client_id": ""}, "invalid_client"),
        ({"client_secret": ""}, "invalid_client"),
    ),
)
def test_a_token_is_refused_in_the_words_of_oauth(
    opcos: Simulator, cle: str, slug: str, changes: dict[str, str], error: str
) -> None:
    answer = opcos.client(slug, cle).tokens.ask(**changes)
    assert answer.status in (400, 401)
    assert shape(answer.json) == "oauth"
    assert answer.json["error"] == error


def test_afdas_gives_no_token_without_a_proof(opcos: Simulator, cle: str) -> None:
    client = opcos.client("afdas", cle)
    assert client.tokens.ask().status == 200
    plain = Norme(replace(client.endpoint, dpop=False), client.tokens.software, client.cle_cfa)
    assert plain.tokens.ask().status in (400, 401)


# What is not there


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("version", (1, 2))
def test_an_unknown_dossier_is_told_in_each_opcos_way(opcos: Simulator, cle: str, slug: str, version: int) -> None:
    client = opcos.client(slug, cle)
    answer = client.call("GET", f"/v{version}/dossiers", query={"numeroInterne": "404404"})
    assert answer.status == client.endpoint.not_found_status
    assert shape(answer.json) == ("comment" if slug == "opcoep" else "general")


def test_a_flow_that_is_not_open_answers_501(simulator: Simulator, apprenti: Iterator[Apprenti]) -> None:
    simulator.settings("akto", capabilities={"dossiers_v2": "developpement"})
    client = simulator.client("akto")
    answer = client.call("POST", "/v2/dossiers", body={"cerfa": contrat(apprenti).cerfa()})
    assert answer.status == 501
    assert client.post_dossier(contrat(apprenti).cerfa(), 1)["numeroInterne"]


# Contracts


def without(block: str, name: str) -> Callable[[Json], None]:
    def change(cerfa: Json) -> None:
        del cerfa[block][name]

    return change


def with_value(block: str, name: str, value: Any) -> Callable[[Json], None]:
    def change(cerfa: Json) -> None:
        cerfa[block][name] = value

    return change


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize(
    "change",
    (
        pytest.param(without("employeur", "siret"), id="no-siret"),
        pytest.param(without("apprenti", "nom"), id="no-name"),
        pytest.param(without("contrat", "dateDebutContrat"), id="no-start"),
        pytest.param(with_value("employeur", "siret", "12345678200011"), id="siret-check-digit"),
        pytest.param(with_value("contrat", "dateConclusion", "2019-12-31T00:00:00+00:00"), id="before-2020"),
        pytest.param(with_value("contrat", "typeContratApp", 99), id="unknown-code"),
    ),
)
def test_a_contract_that_is_wrong_is_refused_with_400(
    opcos: Simulator, cle: str, apprenti: Iterator[Apprenti], slug: str, change: Callable[[Json], None]
) -> None:
    cerfa = contrat(apprenti).cerfa()
    change(cerfa)
    client = opcos.client(slug, cle)
    answer = client.call("POST", "/v1/dossiers", body={"cerfa": cerfa})
    assert answer.status == 400
    assert shape(answer.json) == {"atlas": "bare", "opcoep": "comment"}.get(slug, "general")
    assert client.etats() == []


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("body", (b"", b"{", b"[]", b"{}", b'{"cerfa": null}', b'{"cerfa": []}', b"\xff\xfe"))
def test_a_body_that_is_no_contract_is_refused_with_400(opcos: Simulator, cle: str, slug: str, body: bytes) -> None:
    answer = opcos.client(slug, cle).call("POST", "/v1/dossiers", body=body)
    assert answer.status == 400
    assert texts(answer.text)


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("versions", ((1, 1), (1, 2), (2, 1)))
def test_the_same_contract_twice_is_a_double_whatever_the_version(
    opcos: Simulator, cle: str, apprenti: Iterator[Apprenti], slug: str, versions: tuple[int, int]
) -> None:
    cerfa = contrat(apprenti).cerfa()
    client = opcos.client(slug, cle)
    client.post_dossier(cerfa, versions[0])
    second = client.call("POST", f"/v{versions[1]}/dossiers", body={"cerfa": cerfa})
    # The norm's status is an assumption: clients that know only 200 must read either as a refusal.
    assert second.status in (400, 409)
    assert texts(second.text)
    assert len(client.etats()) == 1


# Invoices


@pytest.mark.parametrize("slug", SLUGS)
def test_each_refusal_of_an_invoice_is_recognised_by_its_keywords(
    simulator: Simulator, apprenti: Iterator[Apprenti], slug: str
) -> None:
    life = engaged(simulator, apprenti, slug, 1, mois=12)
    # An OPCO knows the sites whose contracts it has: another site's SIRET is then another one, not an unknown one.
    life.client.post_dossier(replace(contrat(apprenti), cfa_siret=SECOND_SITE).cerfa())
    invoice, dossier = first_invoice(life)
    for name, (change, expected) in REFUSALS.items():
        wrong = copy.deepcopy(invoice)
        change(wrong, dossier)
        answer = life.send(wrong)
        assert answer.status == 400, f"{name}: {answer.text}"
        assert recognised(texts(answer.text)) & expected, f"{name}: {answer.text}"
    assert life.client.factures_etats() == []
    assert life.send(invoice).is_taken
    again = life.send(invoice)
    assert again.status == 400
    assert "FACTURE_DEJA_CONNUE" in recognised(texts(again.text)), again.text


@pytest.mark.parametrize("slug", ("akto", "opcoep"))
def test_an_invoice_rejected_later_can_be_sent_again(
    simulator: Simulator, apprenti: Iterator[Apprenti], slug: str
) -> None:
    life = engaged(simulator, apprenti, slug, 2, mois=12)
    number = life.bill(1)
    simulator.control("POST", f"{slug}/factures/{number}/etat", {"etat": "REJETE", "motif": "SIRET_EMETTEUR_INCONNU"})
    rejected = life.facture(number)
    assert rejected is not None
    assert rejected["etatFacture"] == "REJETE"
    assert rejected["commentaire"]
    assert invoiceable(life.echeance(1)) == cents(life.echeance(1)["montantTotal"])
    life.bill(1)
    life.pay(1)


def test_a_certificate_of_an_unknown_dossier_is_refused(simulator: Simulator, apprenti: Iterator[Apprenti]) -> None:
    life = engaged(simulator, apprenti, "akto", 1, mois=12)
    body = life.contrat.certificat(life.dossier(), life.echeance(1), None, final=False, duree=10)
    body["numeroInterneDossier"] = "404404"
    answer = life.client.call("POST", "/v2/certificats", parts=life.client.parts("certificat", body, None))
    assert answer.status in (400, 404)


def test_a_second_termination_is_refused(simulator: Simulator, apprenti: Iterator[Apprenti]) -> None:
    life = engaged(simulator, apprenti, "akto", 1, mois=12)
    rupture = life.contrat.rupture(life.dossier(), date(2026, 12, 15))
    life.client.post_rupture(rupture)
    again = life.client.call("POST", "/v2/dossiers/rupture/employeur", body=rupture)
    assert again.status in (400, 409)


# Files


@pytest.mark.parametrize("slug", ("akto", "afdas"))
def test_a_file_that_is_no_pdf_is_refused_and_the_documents_route_speaks_with_capitals(
    simulator: Simulator, apprenti: Iterator[Apprenti], slug: str
) -> None:
    life = engaged(simulator, apprenti, slug, 1, mois=12)
    client, file = life.client, File("texte.pdf", b"this is a text")
    invoice, _ = first_invoice(life)
    infos = {
        "typeFichier": "CONVENTION_FORMATION",
        "objets": [{"typeObjet": "DOSSIER_APPRENTISSAGE", "idObjet": life.numero}],
    }
    for path, name, payload in (
        ("/v1/conventions", "convention", life.contrat.convention(life.numero)),
        (f"/v1/{client.endpoint.path_factures}", "facture", invoice),
        ("/v1/documents", "infosFichier", infos),
    ):
        answer = client.call("POST", path, parts=client.parts(name, payload, file))
        assert answer.status == 400, answer.text
        expected = {"infosFichier": ("capitals",), "facture": ("general", "varied")}.get(name, ("general",))
        assert shape(answer.json) in expected, answer.text
        missing = client.call("POST", path, parts=client.parts(name, payload, None))
        assert missing.status == 400, missing.text
