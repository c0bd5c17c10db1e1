"""The gateway as an ERP sees it that speaks the norm: one address, one key, and OPCOs behind."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from norme.client import Norme
from norme.life import Life
from norme.payloads import Apprenti, Contrat
from norme.wire import months_later

from .gateway import Gateway
from .simulator import Simulator
from .wait import until

FACADE_SLUGS = ("akto", "afdas", "opcoep")


@dataclass
class Facade:
    """A gateway and the simulator behind it."""

    gateway: Gateway
    simulator: Simulator

    def client(self, **options: Any) -> Norme:
        return self.gateway.client(**options)

    def direct(self, slug: str) -> Norme:
        """Returns a client of the OPCO itself, with the key the gateway uses there."""
        return self.simulator.client(slug)

    def contrat(self, apprenti: Iterator[Apprenti], slug: str, months_ago: int = 13) -> Contrat:
        """Returns a contract of a year that began some months ago, at the employer of one OPCO.

        After thirteen months every line of its schedule is open by the gateway's own clock, which nobody moves.
        """
        debut = months_later(date.today().replace(day=1), -months_ago)
        return Contrat(next(apprenti), debut=debut, employeur_siret=self.gateway.employeurs[slug])

    def life(self, apprenti: Iterator[Apprenti], slug: str, version: int, months_ago: int = 13) -> Life:
        return Life(self.client(), self.contrat(apprenti, slug, months_ago), self, version)

    def engaged(self, apprenti: Iterator[Apprenti], slug: str, version: int, months_ago: int = 13) -> Life:
        """Returns a contract filed through the gateway that its OPCO finances."""
        life = self.life(apprenti, slug, version, months_ago)
        life.file()
        life.instruct()
        life.engage()
        return life

    def scheduled(self, life: Life) -> Life:
        """Waits until the gateway has read a schedule of its own accord, by which it judges invoices."""
        slug, own = life.numero.lower().split("-", 1)

        def known() -> bool:
            listed = self.gateway.http.get("/api/v1/dossiers", params={"numero": own}).raise_for_status().json()
            ids = [one["id"] for one in listed["dossiers"] if (one["opco"], one["numero_interne"]) == (slug, own)]
            read = [self.gateway.http.get(f"/api/v1/dossiers/{one}").raise_for_status().json() for one in ids]
            return any(one["echeancier"] and one["echeancier"]["echeances"] for one in read)

        until("the gateway reads the schedule", known)
        return life

    # What a life needs to know of time

    def advance(self, *, seconds: float = 0, days: float = 0) -> None:
        self.simulator.advance(seconds=seconds, days=days)

    def reach(self, opening: date) -> None:
        """Moves nothing: lines are open, or the gateway would be right to wait."""
        assert opening <= date.today(), f"not open before {opening}"
