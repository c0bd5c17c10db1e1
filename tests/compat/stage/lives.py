"""Lives of contracts at simulated OPCOs, brought to where a test wants them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime

from norme.life import Life
from norme.payloads import Apprenti, Contrat

from .simulator import Simulator


@dataclass
class OpcoTime:
    """The simulator's clock, which opens a line of the schedule by being moved to its day."""

    simulator: Simulator

    def advance(self, *, seconds: float = 0, days: float = 0) -> None:
        self.simulator.advance(seconds=seconds, days=days)

    def reach(self, opening: date) -> None:
        noon = datetime(opening.year, opening.month, opening.day, 12, tzinfo=UTC)
        self.simulator.advance_to(int(noon.timestamp() * 1000))


def engaged(simulator: Simulator, apprenti: Iterator[Apprenti], slug: str, version: int, mois: int) -> Life:
    """Returns a contract that its OPCO finances, its agreement sent."""
    contrat = Contrat(next(apprenti), debut=date(2026, 9, 1), mois=mois)
    life = Life(simulator.client(slug), contrat, OpcoTime(simulator), version)
    life.file()
    life.instruct()
    life.engage()
    life.agree()
    return life
