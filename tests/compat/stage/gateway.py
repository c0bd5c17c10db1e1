"""A private gateway with one network, its keys and its OPCOs, made by the commands an operator would type."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from norme.client import Norme
from norme.endpoints import Endpoint, endpoint
from norme.payloads import CFA_SIRET, CFA_UAI
from norme.tokens import Software
from norme.wrong_invoices import SECOND_SITE

from .process import Process
from .simulator import CLE_CFA, Simulator

# Reads of states follow each other quickly and no limit slows a suite down; everything else is as shipped.
SETTINGS = """
[server]
listen = "127.0.0.1:0"
[database]
url = "sqlite:gateway.db"
[master_key]
file = "master.key"
[transport]
simulator = "{simulator}"
[delivery.worker]
retry_after_s = [1, 1, 2, 2, 4, 4, 8]
[delivery.breaker]
failures = 1000
[delivery.poll]
first_s = 1
hot_s = 1
cold_s = 1
at_once = 4
[convergence]
wait_ms = 2000
[webhook]
allow_http = true
allowed_networks = ["127.0.0.0/8"]
"""
OPCO_SETTINGS = """
[opco.{slug}]
calls_per_minute = 6000
burst = 100
key_burst = 100
in_flight = 16
look_after_s = [1, 1, 2, 4]
"""
# How long an ERP repeats a call that the gateway answers with "come back".
PATIENCE_S = 30
# All of the norm's, but that an OPCO pays the first instalment without being asked.
FLOWS = (
    "dossiers_v1",
    "dossiers_v2",
    "factures",
    "factures_etats",
    "conventions",
    "certificats",
    "documents",
    "rupture",
    "avenant",
    "multi_echeances",
    "multi_contrats",
    "avoir",
    "cfakeyinfo",
)


def with_luhn(digits: str) -> str:
    """Returns digits with their check digit."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return digits + str(-total % 10)


def employeur(number: int) -> str:
    """Returns a SIRET that nobody has, valid by its digits."""
    return with_luhn(with_luhn(f"0000{number:04}") + "0001")


class Gateway:
    """A gateway between one ERP and the simulated OPCOs; each OPCO has an employer of its own."""

    def __init__(
        self,
        binary: Path,
        folder: Path,
        environment: dict[str, str],
        simulator: Simulator,
        slugs: tuple[str, ...],
        *,
        settings: str = SETTINGS,
        flows: tuple[str, ...] = FLOWS,
        roles: str = "api,worker",
    ) -> None:
        self.binary = binary
        self.folder = folder
        self.environment = environment
        self.simulator = simulator
        self.flows = flows
        self.employeurs = {slug: employeur(number) for number, slug in enumerate(slugs, start=1)}
        settings = settings.format(simulator=simulator.address)
        settings += "".join(OPCO_SETTINGS.format(slug=slug) for slug in slugs)
        (folder / "gateway.toml").write_text(settings)
        self._furnish()
        command = [str(binary), "serve", f"--roles={roles}", "--config", "gateway.toml", "--format", "json"]
        self.process = Process("gateway", command, folder, environment)
        self.address = self.process.address
        # The control plane's, where the roles have one.
        self.desk = str(self.process.said.get("admin") or "")
        self.http = httpx.Client(
            base_url=self.address, timeout=60, trust_env=False, headers={"Authorization": f"Bearer {self.cle}"}
        )

    def stop(self) -> None:
        self.http.close()
        self.process.stop()

    def _furnish(self) -> None:
        """Makes the network, its site, its keys at each OPCO and its ERP's credential."""
        self.admin("network", "create", "--name", "Réseau d'essai")
        self.admin("cfa", "create", "--name", "CFA fictif", "--siren", CFA_SIRET[:9])
        self.admin("site", "create", "--name", "Site fictif", "--siret", CFA_SIRET, "--uai", CFA_UAI)
        self.admin("site", "create", "--name", "Second site", "--siret", SECOND_SITE)
        mandate = ("--reference", "M-2020", "--signed-on", "2020-01-01", "--from", "2020-01-01")
        self.admin("mandate", "create", "--siret", CFA_SIRET, *mandate)
        self.cle = self.credential("ERP")
        test = ("--environment", "test")
        for slug, siret in self.employeurs.items():
            at = ("--opco", slug)
            self.admin("software", "create", *at, *test, "--client-id", "editeur", "--secret-file", "-", stdin="secret")
            for site in (CFA_SIRET, SECOND_SITE):
                self.admin("key", "create", "--siret", site, *at, *test, "--key-file", "-", stdin=CLE_CFA)
            self.admin("override", "create", "--siret", siret, *at, "--reason", "employeur fictif")
            self._open(slug)

    def _open(self, slug: str) -> None:
        """Opens flows at an OPCO, as the simulator's sandbox does."""
        why = ("--openness", "recette", "--reason", "bac à sable")
        for name in self.flows:
            self.admin("switch", "create", "--opco", slug, "--capability", name, *why)

    def admin(self, *words: str, stdin: str = "") -> list[dict[str, Any]]:
        """Runs an `admin` command and returns the objects it answers."""
        command = [str(self.binary), "admin", *words, "--config", "gateway.toml", "--format", "json"]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode != 0:
            raise AssertionError(f"admin {' '.join(words)}: {done.returncode} {done.stderr}")
        return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]

    def credential(self, label: str, *options: str) -> str:
        """Returns an API key of an ERP."""
        quota = ("--quota-per-minute", "60000")
        made = self.admin("credential", "create", "--label", label, "--environment", "test", *quota, *options)
        return str(made[0]["key"])

    def client(self, slug: str | None = None, cle: str | None = None, **options: Any) -> Norme:
        """Returns a client that speaks the norm to the gateway as if it were one OPCO.

        With a slug it is a client made for that OPCO, of which the host alone was changed.
        """
        base, key = f"{self.address}/convergence", cle or self.cle
        called = endpoint(base, slug) if slug else Endpoint("facade", base, f"{base}/oauth/token")
        # The gateway speaks for all of them and says 404 for what is not there.
        called = replace(called, not_found_status=404)
        return Norme(called, Software("editeur", key), key, **{"patience_s": PATIENCE_S, **options})
