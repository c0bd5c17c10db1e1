"""The twelve refusals of an invoice, recognised as the norm's FAQ allows: by keywords, accents and case aside."""

import unicodedata

KEYWORDS: dict[str, tuple[str, ...]] = {
    "FACTURE_DEJA_CONNUE": ("déjà connue",),
    "IBAN_DIFFERENT_ECHEANCE": ("IBAN", "différent"),
    "FRAIS_ANNEXES_PLAFOND_DEPASSE": ("frais annexes", "excède"),
    "IBAN_EMETTEUR_ABSENT": ("IBAN", "pas renseigné"),
    "MONTANT_ECHEANCE_INATTENDU": ("montant de l'échéance",),
    "SIRET_EMETTEUR_INCONNU": ("SIRET", "inconnu"),
    "SIRET_DIFFERENT_ECHEANCE": ("SIRET", "différent"),
    "NUMERO_EXTERNE_ABSENT": ("numéro externe",),
    "ECHEANCE_NON_OUVERTE": ("pas ouverte",),
    "MONTANT_INATTENDU": ("montant ne correspond pas",),
    "TOTAL_DIFFERENT_SOMME_LIGNES": ("somme",),
    "ECHEANCE_INCONNUE": ("échéance", "inconnu"),
}


def plain(text: str) -> str:
    """Returns a text without accents and case, its apostrophes straight."""
    decomposed = unicodedata.normalize("NFD", text.replace("’", "'"))
    return "".join(one for one in decomposed if not unicodedata.combining(one)).lower()


def recognised(texts: list[str]) -> set[str]:
    """Returns the refusals that a list of an OPCO's texts tells."""
    told = [plain(text) for text in texts]
    return {
        code for code, words in KEYWORDS.items() if any(all(plain(word) in text for word in words) for text in told)
    }
