"""One contract from its filing to its last payment, step by step, each step checked by what the norm lets one read."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol

from stage.wait import until

from .answers import Answer, Refused
from .client import File, Json, Norme
from .payloads import Contrat, facture, infos_fichier, invoiceable, ligne
from .pdf import pdf
from .wire import cents, day

DECA = re.compile(r"^(0[0-9][0-9]|02[ABab]|9[0-5]|97[1-46])[0-9]{4}(0[1-9]|1[0-2])([0-9]{2}|NC|nc)[0-9]{4}$")
# Of each year of a contract since July 2025, in percent: at once, month 7, month 10, balance.
YEAR_SPLIT = (40, 30, 20, 10)
# How a certificate of completion reaches the OPCO.
CHANNELS = ("invoice", "document", "structured")


def etat(wire: str) -> str:
    """Returns the canonical state: terminations are spelled in three ways."""
    return "RUPTURE" if wire.startswith("RUP") else wire


class World(Protocol):
    """What lies behind the client and moves only when told: an OPCO's time."""

    def advance(self, *, seconds: float = 0, days: float = 0) -> None:
        """Lets time pass at the OPCO."""

    def reach(self, opening: date) -> None:
        """Makes sure that a line of the schedule which opens on that day is open."""


@dataclass
class Life:
    """A contract's life at one OPCO, read and written with one version of the norm's reads."""

    client: Norme
    contrat: Contrat
    world: World
    version: int = 1
    channels: tuple[str, ...] = CHANNELS
    numero: str = ""
    factures: list[str] = field(default_factory=list)

    # Reads

    def state(self) -> str | None:
        """Returns the dossier's state in the list of states, None while the list does not hold it."""
        for one in self.client.etats(self.version):
            if one["numeroInterne"] == self.numero:
                return etat(one["etat"])
        return None

    def dossier(self) -> Json:
        return self.client.dossier(self.numero, self.version)

    def echeance(self, numero: int) -> Json:
        return next(one for one in self.dossier()["echeances"] if one["numero"] == numero)

    def facture(self, numero_interne: str) -> Json | None:
        listed = self.client.factures_etats()
        return next((one for one in listed if one["numeroInterneFacture"] == numero_interne), None)

    def wait(self, what: str, look: Callable[[], Any], good: Callable[[Any], bool] = bool) -> Any:
        return until(f"{self.client.endpoint.slug} {self.numero}: {what}", look, good)

    def send(self, invoice: Json) -> Answer:
        """Sends an invoice as it is and returns what comes back, refusals too; only a route that is not open raises."""
        parts = self.client.parts("facture", invoice, File("facture.pdf", pdf("Facture")))
        answer = self.client.call("POST", f"/v1/{self.client.endpoint.path_factures}", parts=parts)
        if answer.status == 501:
            raise Refused(answer)
        return answer

    # Steps

    def file(self) -> None:
        """Files the contract and finds it again: in the list of states, and by its own number."""
        filed = self.client.post_dossier(self.contrat.cerfa(), self.version)
        self.numero = filed["numeroInterne"]
        assert self.numero
        assert filed["numeroExterne"]
        assert not filed.get("numeroDeca"), "no DECA number before the State gave one"
        self.wait("is listed as received", self.state, lambda state: state == "TRANSMIS")
        cerfa = self.dossier()["cerfa"]
        assert cerfa["numeroInterne"] == self.numero
        assert cerfa["numeroExterne"] == filed["numeroExterne"]
        assert cerfa["apprenti"]["nom"] == self.contrat.apprenti.nom
        assert cerfa["employeur"]["siret"] == self.contrat.employeur_siret
        assert day(cerfa["contrat"]["dateDebutContrat"]) == self.contrat.debut

    def instruct(self) -> None:
        self.world.advance(seconds=6)
        self.wait("is under review", self.state, lambda state: state == "EN_COURS_INSTRUCTION")

    def engage(self) -> None:
        """Lets the OPCO decide, and checks what the decision brings: DECA number and schedule."""
        self.world.advance(seconds=21)
        self.wait("is committed", self.state, lambda state: state == "ENGAGE")
        dossier = self.wait("has its schedule", self.dossier, lambda one: bool(one["echeances"]))
        cerfa = dossier["cerfa"]
        assert DECA.match(cerfa["numeroDeca"]), cerfa["numeroDeca"]
        assert cerfa["contrat"]["noContrat"] == cerfa["numeroDeca"], "numeroDeca duplicates contrat.noContrat"
        listed = next(one for one in self.client.etats(self.version) if one["numeroInterne"] == self.numero)
        assert listed["numeroDeca"] == cerfa["numeroDeca"]
        self.check_schedule(dossier)

    def check_schedule(self, dossier: Json) -> None:
        """Holds a fresh schedule of whole years to the norm: numbers, splits, whom to pay."""
        echeances = dossier["echeances"]
        years = self.contrat.mois // 12
        assert [one["numero"] for one in echeances] == list(range(1, 4 * years + 1))
        for year in range(years):
            amounts = [cents(one["montantTotal"]) for one in echeances[4 * year : 4 * year + 4]]
            assert amounts == [sum(amounts) * share // 100 for share in YEAR_SPLIT]
        for one in echeances:
            assert cents(one["dontMontantPedagogie"]) + cents(one["dontMajorationRqth"]) == cents(one["montantTotal"])
            assert cents(one["montantRegle"]) == cents(one["montantEnCoursInstruction"]) == 0
            assert one["siretCfa"] == self.contrat.cfa_siret
            assert day(one["dateOuverture"]) >= self.contrat.debut
        assert cents(dossier["engagement"]) >= sum(cents(one["montantTotal"]) for one in echeances)

    def agree(self) -> None:
        convention = self.contrat.convention(self.numero, self.client.endpoint.mobilite_key)
        self.client.post_convention(convention, File("convention.pdf", pdf(f"Convention {self.numero}")))

    def annexes(self, dossier: Json, numero: int) -> list[Json]:
        """Returns the lines of ancillary costs that belong with a line of the schedule."""
        echeance = next(one for one in dossier["echeances"] if one["numero"] == numero)
        periods = dossier["detailsFacturation"]["periodesFraisAnnexes"]
        natures = {one["nature"].upper() for one in periods if one["numeroEcheance"] == numero}
        return [
            ligne(dossier, echeance, cents(one["montantTotal"]), one["natureFrais"].upper(), one["quantite"])
            for one in dossier["engagementsFraisAnnexe"]
            if one["natureFrais"].upper() in natures and cents(one["montantTotal"]) > 0
        ]

    def bill(self, numero: int, *, certificat: bool = False) -> str:
        """Sends the invoice of one line of the schedule, and reads it back as being under review."""
        dossier = self.dossier()
        echeance = next(one for one in dossier["echeances"] if one["numero"] == numero)
        opening = day(echeance["dateOuverture"])
        self.world.reach(opening)
        due = invoiceable(echeance)
        lignes = [ligne(dossier, echeance, due), *self.annexes(dossier, numero)]
        reference = f"FA-{self.contrat.apprenti.nir[5:13]}-{numero:02}-{len(self.factures)}"
        sent = facture(reference, opening, self.contrat.cfa_siret, lignes, certificat=certificat)
        answer = self.client.post_facture(sent, File(f"{reference}.pdf", pdf(f"Facture {reference}")))
        assert answer["numeroInterneFacture"]
        assert answer["numeroInterneDocument"]
        self.factures.append(answer["numeroInterneFacture"])
        self.wait(
            f"échéance {numero} is billed",
            lambda: self.echeance(numero),
            lambda one: cents(one["montantEnCoursInstruction"]) == due and invoiceable(one) == 0,
        )
        listed = self.wait("the invoice is listed", lambda: self.facture(self.factures[-1]))
        assert listed["referenceFactureCFA"] == reference
        assert cents(listed["montantFacture"]) == cents(sent["montantTotal"])
        assert listed["etatFacture"] in ("TRANSMIS", "EN_COURS_INSTRUCTION")
        assert not listed["referenceVirement"]
        assert not listed["dateReglement"]
        assert listed["organismeFormation"]["siret"] == self.contrat.cfa_siret
        assert [one["numeroInterneDossier"] for one in listed["dossiers"]] == [self.numero]
        return self.factures[-1]

    def certify(self, numero: int, channel: str) -> None:
        """Sends the certificate of completion apart from the invoice, linked to it."""
        dossier = self.dossier()
        echeance = next(one for one in dossier["echeances"] if one["numero"] == numero)
        number = self.factures[-1]
        file = File(f"certificat-{numero}.pdf", pdf(f"Certificat {self.numero} {numero}"))
        if channel == "document":
            objets = {"DOSSIER_APPRENTISSAGE": self.numero, "FACTURE": number}
            self.client.post_document(infos_fichier("CERTIFICAT_REALISATION", objets), file)
        else:
            last = max(one["numero"] for one in dossier["echeances"]) == numero
            duree = 56 * self.contrat.mois // len(dossier["echeances"])
            body = self.contrat.certificat(dossier, echeance, number, final=last, duree=duree)
            self.client.post_certificat(body, file)

    def pay(self, numero: int) -> None:
        """Lets the OPCO pay the last invoice, and reads transfer and schedule back."""
        self.world.advance(seconds=66)
        paid = self.wait(
            "the invoice is paid",
            lambda: self.facture(self.factures[-1]),
            lambda one: one is not None and one["etatFacture"] == "REGLE",
        )
        assert paid["referenceVirement"]
        assert paid["dateReglement"]
        self.wait(
            f"échéance {numero} is paid",
            lambda: self.echeance(numero),
            lambda one: (
                cents(one["montantRegle"]) == cents(one["montantTotal"])
                and cents(one["montantEnCoursInstruction"]) == 0
            ),
        )

    def settle(self) -> None:
        """Bills every line as it opens, with its certificate by each channel in turn, until nothing is due."""
        for numero in [one["numero"] for one in self.dossier()["echeances"]]:
            channel = self.channels[numero % len(self.channels)] if numero > 1 else "none"
            self.bill(numero, certificat=channel == "invoice")
            if channel in ("document", "structured"):
                self.certify(numero, channel)
            self.pay(numero)
        self.wait("is fully paid", self.state, lambda state: state == "SOLDE")
        assert all(invoiceable(one) == 0 for one in self.dossier()["echeances"])
