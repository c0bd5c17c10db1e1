"""The simulator of the eleven OPCOs, and its control API."""

from pathlib import Path
from typing import Any

import httpx

from norme.client import Norme
from norme.endpoints import endpoint
from norme.tokens import Software

from .process import Process

DAY_MS = 86_400_000
CLE_CFA = "cle-cfa-du-site"


class Simulator:
    """A private simulator, whose clock moves only when told."""

    def __init__(self, binary: Path, folder: Path, environment: dict[str, str], name: str = "simulator") -> None:
        command = [str(binary), "simulator", "--listen", "127.0.0.1:0", "--sandbox", "--format", "json"]
        command += ["--clock-factor", "0"]
        self.process = Process(name, command, folder, environment)
        self.address = self.process.address
        self.http = httpx.Client(base_url=self.address, timeout=30, trust_env=False)

    def stop(self) -> None:
        self.http.close()
        self.process.stop()

    def client(self, slug: str, cle_cfa: str = CLE_CFA, **options: Any) -> Norme:
        """Returns a client of one OPCO, as an ERP would be set up for it."""
        return Norme(endpoint(f"{self.address}/{slug}", slug), Software("editeur", "secret"), cle_cfa, **options)

    def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.http.request(method, f"/control/{path}", json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def now_ms(self) -> int:
        return int(self.control("GET", "clock")["now_ms"])

    def advance(self, *, seconds: float = 0, days: float = 0) -> None:
        self.control("POST", "clock", {"advance_ms": int(seconds * 1000 + days * DAY_MS)})

    def advance_to(self, instant_ms: int) -> None:
        """Moves the clock forward to an instant; one already past moves nothing."""
        left = instant_ms - self.now_ms()
        if left > 0:
            self.control("POST", "clock", {"advance_ms": left})

    def settings(self, slug: str, **changes: Any) -> None:
        self.control("POST", f"{slug}/settings", changes)

    def ledger(self, slug: str, kind: str) -> list[dict[str, Any]]:
        return list(self.control("GET", f"ledger?opco={slug}&kind={kind}&limit=1000")["entries"])
