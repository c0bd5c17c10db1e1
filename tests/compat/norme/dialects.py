"""How two clients seen in public write the same payloads: leniently, and not as the schema says.

The first calls V1 and comes from a PHP application; the second reads V2 and writes V1 from Python.
"""

import copy
from typing import Any

from .client import Editor, Json

# Both headers as seen: a key header in another case, an editor's name with accents and a middle dot. HTTP libraries of
# one language send UTF-8, those of another Latin-1.
KEY_HEADER = "X-Api-Key"
EDITORS = {
    "utf-8": Editor("Intégrale · Académie".encode(), "Gestion élèves".encode(), b"2.3.1"),
    "latin-1": Editor("Intégrale · Académie".encode("latin-1"), "Gestion élèves".encode("latin-1"), b"2.3.1"),
}


def php_cerfa(cerfa: Json) -> Json:
    """Returns a contract as the PHP client sends it: numbers as texts, read-only fields, empty texts."""
    sent = copy.deepcopy(cerfa)
    contrat, apprenti = sent["contrat"], sent["apprenti"]
    for name in ("modeContractuel", "typeContratApp", "dureeTravailHebdoHeures", "salaireEmbauche"):
        contrat[name] = str(contrat[name])
    for name in ("nationalite", "situationAvantContrat", "diplome", "derniereClasse", "diplomePrepare"):
        apprenti[name] = str(apprenti[name])
    for period in contrat["remunerationsAnnuelles"]:
        period["taux"] = str(period["taux"])
    sent["employeur"]["nombreDeSalaries"] = str(sent["employeur"]["nombreDeSalaries"])
    sent["etat"] = "TRANSMIS"
    sent["CERFAsignatureProbante"] = sent.pop("CERFASignatureProbante")
    contrat["noContrat"] = "0"
    contrat["dateEffetAvenant"] = ""
    contrat["numeroContratPrecedent"] = ""
    sent["maitre1"]["nir"] = ""
    return dict(_dated(sent, "T00:00:00+0000"))


def python_cerfa(cerfa: Json) -> Json:
    """Returns a contract as the Python client sends it: bare RNCP, a two-digit class, days written with `Z`."""
    sent = copy.deepcopy(cerfa)
    sent["formation"]["rncp"] = sent["formation"]["rncp"].removeprefix("RNCP")
    sent["apprenti"]["departementNaissance"] = "093"
    sent["versionSchema"] = "2026.1"
    return dict(_dated(sent, "T00:00:00Z"))


def php_facture(facture: Json) -> Json:
    """Returns an invoice with its numbers as texts."""
    sent = copy.deepcopy(facture)
    sent["montantTotal"] = f"{sent['montantTotal']:.2f}"
    for line in sent["lignes"]:
        line["montant"] = f"{line['montant']:.2f}"
        line["quantite"] = str(line["quantite"])
        line["numeroEcheance"] = str(line["numeroEcheance"])
    return dict(_dated(sent, "T00:00:00+0000"))


def local_offset(cerfa: Json) -> Json:
    """Returns a contract whose days carry a server's local offset, which would move them if anyone shifted zones."""
    return dict(_dated(cerfa, "T00:00:00+02:00"))


def _dated(value: Any, ending: str) -> Any:
    """Returns a payload with its midnights spelled otherwise."""
    if isinstance(value, dict):
        return {key: _dated(one, ending) for key, one in value.items()}
    if isinstance(value, list):
        return [_dated(one, ending) for one in value]
    if isinstance(value, str) and value.endswith("T00:00:00+00:00"):
        return value[:10] + ending
    return value
