"""Payloads of the norm, built from a few facts: who, for how long, at which CFA."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from .wire import cents, euros, midnight, months_later

Json = dict[str, Any]

IBAN = "FR7699999999990000000000153"
CFA_SIRET = "98765432400019"
CFA_UAI = "0939999N"
EMPLOYEUR_SIRET = "12345678200010"

# Nobody is called so: a tree and a river name each apprentice, far enough apart not to look like one another.
TREES = [
    "FRENE",
    "TILLEUL",
    "CHARME",
    "NOISETIER",
    "AUBEPINE",
    "PEUPLIER",
    "MARRONNIER",
    "GENEVRIER",
    "OLIVIER",
    "SORBIER",
]
RIVERS = ["Loire", "Dordogne", "Garonne", "Meuse", "Vilaine", "Durance", "Charente", "Moselle", "Sarthe", "Adour"]


@dataclass(frozen=True)
class Apprenti:
    nom: str
    prenom: str
    naissance: date
    nir: str


def apprentis() -> Iterator[Apprenti]:
    """Makes apprentices that share neither name, birth date nor NIR, always the same in the same order."""
    number = 0
    while True:
        tree, river = TREES[number % 10], RIVERS[(number // 10 + number) % 10]
        born = date(2004, 1, 15) + timedelta(days=7 * (number % 100))
        suffix = "" if number < 100 else f" {TREES[(number // 100) % 10]} {RIVERS[(number // 1000) % 10]}"
        yield Apprenti(tree + suffix, river, born, nir(born, number))
        number += 1


def nir(born: date, number: int) -> str:
    """Returns the NIR of a woman born in Bobigny's department, with its key."""
    body = int(f"2{born:%y%m}93{number // 1000 % 1000:03}{number % 1000:03}")
    return f"{body}{97 - body % 97:02}"


@dataclass(frozen=True)
class Contrat:
    """The facts a contract and everything after it are written from."""

    apprenti: Apprenti
    debut: date
    mois: int = 12
    cfa_siret: str = CFA_SIRET
    employeur_siret: str = EMPLOYEUR_SIRET
    repas: int = 100
    equipement: int = 50_000

    @property
    def fin(self) -> date:
        return months_later(self.debut, self.mois) - timedelta(days=1)

    @property
    def conclusion(self) -> date:
        return self.debut - timedelta(days=10)

    @property
    def pairing(self) -> Json:
        """Returns the five fields by which the norm pairs dossiers."""
        return {
            "nom": self.apprenti.nom,
            "prenom": self.apprenti.prenom,
            "dateNaissance": self.apprenti.naissance.isoformat(),
            "siret": self.employeur_siret,
            "dateDebutContrat": self.debut.isoformat(),
        }

    def cerfa(self) -> Json:
        """Returns the norm's contract in its current form (CERFA 10103*14)."""
        return {
            "employeur": self._employeur(),
            "apprenti": self._apprenti(),
            "maitre1": {
                "nom": "CHENE",
                "prenom": "Isere",
                "dateNaissance": midnight(date(1985, 6, 2)),
                "courriel": "maitre@entreprise-fictive.example",
                "emploiOccupe": "Responsable de salle",
                "intituleDiplomeObtenu": "BTS Management en hôtellerie restauration",
                "niveauDiplomeObtenu": 5,
            },
            "formation": self._formation(),
            "contrat": self._contrat(),
            "organismeFormation": {
                "denomination": "CFA FICTIF DES METIERS",
                "formationInterne": False,
                "siret": self.cfa_siret,
                "uaiCfa": CFA_UAI,
                "visaCfa": True,
                "adresse": adresse("1 PLACE DU CFA", "93100", "MONTREUIL"),
                "lieuFormationIdentique": True,
            },
            "versionCERFA": "10103*14",
            "CERFASignatureProbante": True,
        }

    def _employeur(self) -> Json:
        return {
            "denomination": "ENTREPRISE FICTIVE SAS",
            "siret": self.employeur_siret,
            "naf": "5610A",
            "nombreDeSalaries": 18,
            "codeIdcc": "1979",
            "libelleIdcc": "Hôtels, cafés, restaurants",
            "telephone": "0199000001",
            "courriel": "rh@entreprise-fictive.example",
            "typeEmployeur": 12,
            "employeurSpecifique": 0,
            "caisseComplementaire": "AGIRC-ARRCO",
            "regimeSpecifique": False,
            "attestationEligibilite": True,
            "attestationPieces": True,
            "adresse": adresse("12 RUE DES ESSAIS", "93000", "BOBIGNY"),
        }

    def _apprenti(self) -> Json:
        who = self.apprenti
        return {
            "nom": who.nom,
            "nomUsage": None,
            "prenom": who.prenom,
            "sexe": "F",
            "nationalite": 1,
            "dateNaissance": midnight(who.naissance),
            "departementNaissance": "93",
            "communeNaissance": "BOBIGNY",
            "nir": who.nir,
            "regimeSocial": 2,
            "handicap": False,
            "droitsRqthExtensionBOE": False,
            "droitsRqthEquivalenceJeune": False,
            "situationAvantContrat": 3,
            "diplome": 42,
            "derniereClasse": 1,
            "diplomePrepare": 42,
            "intituleDiplomePrepare": "Baccalauréat général",
            "telephone": "0699000002",
            "courriel": f"apprentie.{who.nir[7:13]}@example.test",
            "adresse": adresse("3 ALLEE DES EXEMPLES", "93000", "BOBIGNY"),
            "inscriptionSportifDeHautNiveau": False,
            "projetCreationRepriseEntreprise": False,
        }

    def _formation(self) -> Json:
        return {
            "rncp": "RNCP38362",
            "codeDiplome": "32031213",
            "typeDiplome": 54,
            "intituleQualification": "BTS Management commercial opérationnel",
            "dateDebutFormation": midnight(self.debut),
            "dateFinFormation": midnight(self.fin),
            "dureeFormation": 56 * self.mois,
            "nombreHeuresEnDistanciel": 0,
        }

    def _contrat(self) -> Json:
        years = [
            {
                "ordre": f"{year + 1}.1",
                "dateDebut": midnight(months_later(self.debut, 12 * year)),
                "dateFin": midnight(min(self.fin, months_later(self.debut, 12 * (year + 1)) - timedelta(days=1))),
                "taux": 53 + 8 * year,
                "typeSalaire": "SMIC",
            }
            for year in range((self.mois + 11) // 12)
        ]
        return {
            "modeContractuel": 1,
            "typeContratApp": 11,
            "dateConclusion": midnight(self.conclusion),
            "dateDebutContrat": midnight(self.debut),
            "dateFormationPratiqueEmployeur": midnight(self.debut),
            "dateFinContrat": midnight(self.fin),
            "lieuSignatureContrat": "BOBIGNY",
            "dureeTravailHebdoHeures": 35,
            "dureeTravailHebdoMinutes": 0,
            "travailRisque": False,
            "salaireEmbauche": 966.21,
            "avantageNourriture": 0,
            "avantageLogement": 0,
            "autreAvantageEnNature": False,
            "remunerationsAnnuelles": years,
        }

    def convention(self, numero_interne: str, mobilite_key: str = "mentionMobiliteInternationale") -> Json:
        formation = self._formation()
        return {
            "numeroInterneDossier": numero_interne,
            "employeur": {"siret": self.employeur_siret},
            "apprenti": {"nom": self.apprenti.nom, "nomUsage": None, "prenom": self.apprenti.prenom},
            "contrat": {"dateDebutContrat": midnight(self.debut), "dateFinContrat": midnight(self.fin)},
            "organismeFormation": {"siret": self.cfa_siret, "uaiCfa": CFA_UAI},
            "formation": {
                key: formation[key]
                for key in ("rncp", "intituleQualification", "dateDebutFormation", "dateFinFormation", "dureeFormation")
            },
            "couts": {
                "coutTotalPedagogieCFA": euros(780_000 * self.mois // 12),
                "montantRQTHAnnee1": 0,
                "montantRQTHAnnee2": 0,
                "montantRQTHAnnee3": 0,
                "montantRQTHAnnee4": 0,
                "nombreRepasTotaux": self.repas,
                "nombreHebergementTotaux": 0,
                "montantPremierEquipement": euros(self.equipement),
                mobilite_key: False,
                "accompagnementDROM": False,
            },
            "mandatEmployeur": True,
            "dateSignature": midnight(self.conclusion),
            "attestationConventionSigneeEntreprise": True,
            "attestationConventionSigneeCFA": True,
            "attestationConventionSignatureProbante": True,
            "attestationConventionConformeJSON": True,
        }

    def certificat(self, dossier: Json, echeance: Json, numero_facture: str | None, *, final: bool, duree: int) -> Json:
        cerfa = dossier["cerfa"]
        # An instalment paid in advance has no period of its own, and a certificate of it none either.
        period = {key: echeance[key][:10] for key in ("dateDebut", "dateFin") if echeance[key]}
        return {
            "typeCertificat": "Final" if final else "Intermediaire",
            "numeroInterneDossier": cerfa["numeroInterne"],
            "numeroInterneFacture": numero_facture,
            "dateSignature": midnight(self.fin),
            "lieuSignatureContrat": "MONTREUIL",
            "representantLegal": {"nom": "ORME", "prenom": "Seine", "qualite": "Directrice"},
            "attestationConservationPieces": True,
            "natureAction": "Formation par apprentissage",
            "employeur": {"siret": self.employeur_siret},
            "apprenti": {"nom": self.apprenti.nom, "nomUsage": None, "prenom": self.apprenti.prenom},
            "organismeFormation": {"siret": self.cfa_siret},
            "echeance": {
                "numero": echeance["numero"],
                "codification": echeance["codification"],
                "duree": duree,
                **period,
                "echeancePartielle": False,
            },
        }

    def rupture(self, dossier: Json, le: date, motif: str = "COMMUN_ACCORD") -> Json:
        cerfa = dossier["cerfa"]
        return {
            "numeroInterneDossier": cerfa["numeroInterne"],
            "numeroExterneDossier": cerfa["numeroExterne"],
            "numeroDeca": cerfa["numeroDeca"],
            "employeur": {"siret": self.employeur_siret},
            "apprenti": {
                "nom": self.apprenti.nom,
                "prenom": self.apprenti.prenom,
                "dateNaissance": midnight(self.apprenti.naissance),
            },
            "contrat": {"dateDebutContrat": midnight(self.debut), "dateRupture": midnight(le)},
            "dateNotification": midnight(le - timedelta(days=5)),
            "motifRupture": motif,
            "organismeFormation": {"siret": self.cfa_siret},
        }


def adresse(line: str, code_postal: str, commune: str) -> Json:
    return {"adresse1": line, "adresse2": "", "codePostal": code_postal, "commune": commune}


def invoiceable(echeance: Json) -> int:
    """Returns what can still be billed on a line of the schedule, in cents."""
    taken = cents(echeance["montantRegle"]) + cents(echeance["montantEnCoursInstruction"])
    return cents(echeance["montantTotal"]) - taken


def ligne(dossier: Json, echeance: Json, montant: int, nature: str = "PEDAGOGIE", quantite: int = 1) -> Json:
    """Returns one line of an invoice: the schedule's own words are echoed back."""
    return {
        "montant": euros(montant),
        "natureLigne": nature,
        "quantite": quantite,
        "numeroEcheance": echeance["numero"],
        "codificationEcheance": echeance["codification"],
        "numeroDeca": dossier["cerfa"]["numeroDeca"],
        "numeroDossier": dossier["cerfa"]["numeroExterne"],
    }


def facture(numero: str, le: date, siret: str, lignes: list[Json], *, certificat: bool = False) -> Json:
    return {
        "numero": numero,
        "dateEmission": midnight(le),
        "montantTotal": euros(sum(cents(one["montant"]) for one in lignes)),
        "ibanEmetteur": IBAN,
        "siretEmetteur": siret,
        "estCertificatRealisation": certificat,
        "lignes": lignes,
    }


def infos_fichier(type_fichier: str, objets: dict[str, str]) -> Json:
    """Returns the JSON part of a document: `objets` maps the kind of an object to its number."""
    listed = [{"typeObjet": kind, "idObjet": number} for kind, number in objets.items()]
    return {"typeFichier": type_fichier, "objets": listed}
