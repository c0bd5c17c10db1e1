"""Invoices that an OPCO must refuse, each wrong in one way, with the refusal of the norm's FAQ that it calls for."""

from collections.abc import Callable
from typing import Any

from .client import Json
from .life import Life
from .payloads import facture, invoiceable, ligne
from .wire import cents, euros

# A site of the same CFA, which an OPCO knows once it has a contract of it.
SECOND_SITE = "98765432400027"

# Makes an invoice wrong, given the dossier it is about.
Change = Callable[[Json, Json], None]


def each_line(name: str, value: Any) -> Change:
    def change(invoice: Json, _: Json) -> None:
        for one in invoice["lignes"]:
            one[name] = value

    return change


def at_top(name: str, value: Any) -> Change:
    def change(invoice: Json, _: Json) -> None:
        invoice[name] = value

    return change


def not_open(invoice: Json, dossier: Json) -> None:
    last = dossier["echeances"][-1]
    due = invoiceable(last)
    invoice["lignes"] = [ligne(dossier, last, due)]
    invoice["montantTotal"] = euros(due)
    invoice["estCertificatRealisation"] = True


def unknown_instalment(invoice: Json, _: Json) -> None:
    for one in invoice["lignes"]:
        one["numeroEcheance"] = 77
    invoice["estCertificatRealisation"] = True


def one_euro_more(invoice: Json, _: Json) -> None:
    line = invoice["lignes"][0]
    line["montant"] = euros(cents(line["montant"]) + 100)
    invoice["montantTotal"] = euros(cents(invoice["montantTotal"]) + 100)


def too_much_equipment(invoice: Json, dossier: Json) -> None:
    line = ligne(dossier, dossier["echeances"][0], 90_000, "PREMIEREQUIPEMENT")
    invoice["lignes"].append(line)
    invoice["montantTotal"] = euros(cents(invoice["montantTotal"]) + 90_000)


REFUSALS: dict[str, tuple[Change, frozenset[str]]] = {
    "total": (at_top("montantTotal", 1.0), frozenset({"TOTAL_DIFFERENT_SOMME_LIGNES"})),
    "no-iban": (at_top("ibanEmetteur", ""), frozenset({"IBAN_EMETTEUR_ABSENT"})),
    "other-iban": (at_top("ibanEmetteur", "FR7699999999990000000000250"), frozenset({"IBAN_DIFFERENT_ECHEANCE"})),
    "other-siret": (at_top("siretEmetteur", SECOND_SITE), frozenset({"SIRET_DIFFERENT_ECHEANCE"})),
    "unknown-siret": (at_top("siretEmetteur", "11122237800015"), frozenset({"SIRET_EMETTEUR_INCONNU"})),
    "no-external-number": (each_line("numeroDossier", ""), frozenset({"NUMERO_EXTERNE_ABSENT"})),
    "unknown-instalment": (unknown_instalment, frozenset({"ECHEANCE_INCONNUE"})),
    "not-open": (not_open, frozenset({"ECHEANCE_NON_OUVERTE"})),
    "amount": (one_euro_more, frozenset({"MONTANT_ECHEANCE_INATTENDU", "MONTANT_INATTENDU"})),
    "equipment": (too_much_equipment, frozenset({"FRAIS_ANNEXES_PLAFOND_DEPASSE"})),
}


def first_invoice(life: Life) -> tuple[Json, Json]:
    """Returns an invoice of the first line of a schedule that is right, and the dossier it is about."""
    dossier = life.dossier()
    first = dossier["echeances"][0]
    lignes = [ligne(dossier, first, invoiceable(first))]
    numero = f"FA-REFUS-{life.contrat.apprenti.nir[5:13]}"
    return facture(numero, life.contrat.debut, life.contrat.cfa_siret, lignes), dossier
