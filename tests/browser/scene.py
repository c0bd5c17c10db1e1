"""A network on an ordinary morning: a few dozen payloads, some taken, some stuck for each reason a person meets."""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from norme.payloads import CFA_SIRET, Apprenti, Contrat, apprentis, facture, invoiceable, ligne
from norme.pdf import pdf
from norme.wire import day, months_later
from norme.wrong_invoices import SECOND_SITE
from stage.gateway import FLOWS, SETTINGS, Gateway, employeur
from stage.simulator import CLE_CFA, Simulator
from stage.wait import until

# OPCOs, by what happens there. Nothing that happens by itself later: the journeys count what stands where.
WELL, SILENT, REFUSING, DOWN, DEAF = "akto", "afdas", "opcoep", "uniformation", "atlas"
# One whose key nobody gave us, one that has opened nothing.
KEYLESS, CLOSED = "constructys", "opcosante"
# One whose key ends soon.
ENDING = "opco2i"
# How many contracts meet each fate.
TAKEN, REFUSED, WAITING, KEPT_BACK = 8, 4, 4, 3

# As the compatibility suite has it, but that attempts run out within seconds and a page of the desk is served.
PATIENT = "retry_after_s = [1, 1, 2, 2, 4, 4, 8]"
DESK_SETTINGS = (
    SETTINGS.replace(PATIENT, "retry_after_s = [1, 1]")
    + """
[admin]
listen = "127.0.0.1:0"
"""
)

# What goes wrong there.
FAULTS = (
    (SILENT, {"kind": "too_many_requests", "route": "dossiers", "retry_after": 1800}),
    (DOWN, {"kind": "unavailable", "route": "dossiers"}),
    (DEAF, {"kind": "lost_answer", "route": "dossiers", "times": 1}),
    (DEAF, {"kind": "server_error", "route": "etats"}),
    (DEAF, {"kind": "server_error", "route": "detail"}),
)
GROUNDS = ("Le SIRET de l'employeur est inconnu", "La date de conclusion est postérieure au début")

Json = dict[str, Any]


class Scene:
    """The network, the OPCOs before it, and what was handed in."""

    def __init__(self, binary: Path, folder: Path, environment: dict[str, str]) -> None:
        self.apprentis: Iterator[Apprenti] = apprentis()
        self.simulator = Simulator(binary, folder, environment)
        try:
            self.gateway = Gateway(
                binary,
                folder,
                environment,
                self.simulator,
                (WELL, SILENT, REFUSING, DOWN, DEAF),
                settings=DESK_SETTINGS,
                flows=("dossiers_v1",),
                roles="api,worker,admin",
            )
        except BaseException:
            self.simulator.stop()
            raise
        self.desk = self.gateway.desk
        # The dossier that was billed.
        self.numero = ""

    def stop(self) -> None:
        self.simulator.stop()
        self.gateway.stop()

    def play(self) -> None:
        """Hands everything in and waits until each payload stands where it is to stand."""
        self._settle()
        old, fresh = self._contract(WELL, months_ago=13), self._contract(WELL)
        for _ in range(TAKEN):
            self._contract(WELL)
        self._refused()
        for _ in range(WAITING):
            self._contract(SILENT)
        self._contract(DOWN)
        self._contract(DEAF)
        for _ in range(KEPT_BACK):
            self._contract(KEYLESS)
            self._contract(WELL, site=SECOND_SITE)
            self._contract(CLOSED)
            self._contract(None)
        self._filed_elsewhere()
        self._billed(old, fresh)
        stuck = {"rejected": REFUSED, "dead": 1, "waiting": WAITING, "unknown": 1, "held": 4 * KEPT_BACK}
        for status, least in stuck.items():
            until(f"{least} are {status}", partial(self._count, status), least.__le__)

    def _count(self, status: str) -> int:
        answer = self.gateway.http.get("/api/v1/deliveries", params={"status": status}).raise_for_status()
        return len(answer.json()["deliveries"])

    def _settle(self) -> None:
        """Opens what this morning needs, and has OPCOs behave as it wants."""
        admin, test = self.gateway.admin, ("--environment", "test")
        software = ("--client-id", "editeur", "--secret-file", "-")
        why = ("--openness", "recette", "--reason", "bac à sable")
        for name in FLOWS[2:]:
            admin("switch", "create", "--opco", WELL, "--capability", name, *why)
        self.employeurs = dict(self.gateway.employeurs)
        for number, slug in enumerate((KEYLESS, CLOSED), start=len(self.employeurs) + 1):
            self.employeurs[slug] = employeur(number)
            admin("software", "create", "--opco", slug, *test, *software, stdin="secret")
            admin("override", "create", "--siret", employeur(number), "--opco", slug, "--reason", "employeur fictif")
        soon = (date.today() + timedelta(days=12)).isoformat()
        admin("software", "create", "--opco", ENDING, *test, *software, stdin="secret")
        ending = ("--siret", CFA_SIRET, "--opco", ENDING, *test, "--expires-on", soon)
        admin("key", "create", *ending, "--key-file", "-", stdin=CLE_CFA)
        for slug, fault in FAULTS:
            self.simulator.control("POST", f"{slug}/faults", fault)

    def _contract(self, slug: str | None, *, site: str = CFA_SIRET, months_ago: int = 0) -> str:
        """Hands a contract in and returns its delivery."""
        siret = self.employeurs[slug] if slug else employeur(99)
        debut = months_later(date.today().replace(day=1), -months_ago)
        contrat = Contrat(next(self.apprentis), debut=debut, employeur_siret=siret, cfa_siret=site)
        answer = self.gateway.http.post("/api/v1/dossiers", json={"cerfa": contrat.cerfa()})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def _refused(self) -> None:
        for text in GROUNDS:
            fault = {"kind": "refusal", "route": "dossiers", "text": text, "times": REFUSED // len(GROUNDS)}
            self.simulator.control("POST", f"{REFUSING}/faults", fault)
        for _ in range(REFUSED):
            self._contract(REFUSING)

    def _filed_elsewhere(self) -> None:
        """Files a contract at the OPCO as an employer would: nobody handed it in here."""
        contrat = Contrat(next(self.apprentis), debut=date.today().replace(day=1))
        self.simulator.client(WELL).post_dossier(contrat.cerfa(), 1)

    def _billed(self, old: str, fresh: str) -> None:
        """Brings a contract of last year to its first instalments, one paid and one under review; a new one waits."""
        until("both are taken", lambda: [self._delivery(one)["status"] for one in (old, fresh)] == ["delivered"] * 2)
        # Every contract taken so far is committed with this.
        self.simulator.advance(seconds=30)
        dossiers = {one: self._scheduled(one) for one in (old, fresh)}
        first = self._invoice(old, dossiers[old], 1)
        until("the invoice is taken", lambda: self._delivery(first)["status"], lambda status: status == "delivered")
        self.simulator.advance(seconds=70)
        until("the invoice is paid", lambda: self._dossier(old)["factures"][0]["etat"], lambda etat: etat == "REGLE")
        self._invoice(old, dossiers[old], 2)
        self.numero = str(dossiers[old]["cerfa"]["numeroInterne"])
        # It opens in seven months: the invoice waits for its day.
        self._invoice(fresh, dossiers[fresh], 2)

    def _delivery(self, delivery: str) -> Json:
        return dict(self.gateway.http.get(f"/api/v1/deliveries/{delivery}").raise_for_status().json())

    def _dossier(self, delivery: str) -> Json:
        listed = self.gateway.http.get("/api/v1/dossiers").raise_for_status().json()["dossiers"]
        found = [one["id"] for one in listed if one["delivery_id"] == delivery]
        return dict(self.gateway.http.get(f"/api/v1/dossiers/{found[0]}").raise_for_status().json()) if found else {}

    def _scheduled(self, delivery: str) -> Json:
        """Waits until the gateway has read a schedule, and returns the dossier as the OPCO tells it."""
        known = until("the schedule is read", lambda: self._dossier(delivery), lambda one: bool(one.get("echeancier")))
        return self.simulator.client(WELL).dossier(str(known["numero_interne"]), 1)

    def _invoice(self, delivery: str, dossier: Json, numero: int) -> str:
        echeance = next(one for one in dossier["echeances"] if one["numero"] == numero)
        reference = f"FA-{dossier['cerfa']['numeroInterne']}-{numero}"
        lignes = [ligne(dossier, echeance, invoiceable(echeance))]
        body = facture(reference, day(echeance["dateOuverture"]), CFA_SIRET, lignes)
        answer = self.gateway.http.post(
            "/api/v1/factures",
            headers={"CFA-Livraison-Contrat": delivery},
            files={"facture": (None, json.dumps(body)), "fichier": ("facture.pdf", pdf("Facture"), "application/pdf")},
        )
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])
