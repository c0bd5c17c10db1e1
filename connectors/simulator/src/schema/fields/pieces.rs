//! What protocol §9 to §13 say of each field of the other bodies: one line each.

use super::Kind::{Bool, Date, Euros, Form, Int, Number, Text, Word};
use super::{Field, SIRET, may, must};
use crate::digits;

pub(in crate::schema) const ATTESTATIONS: &[&str] = &[
    "attestationConventionSigneeEntreprise",
    "attestationConventionSigneeCFA",
    "attestationConventionSignatureProbante",
    "attestationConventionConformeJSON",
];

pub(in crate::schema) const CONVENTION: &[Field] = &[
    must("numeroInterneDossier", Text(40)),
    must("mandatEmployeur", Bool),
    must("dateSignature", Date),
    must("attestationConventionSigneeEntreprise", Bool),
    must("attestationConventionSigneeCFA", Bool),
    must("attestationConventionSignatureProbante", Bool),
    must("attestationConventionConformeJSON", Bool),
];

pub(in crate::schema) const SIRET_SEUL: &[Field] = &[must("siret", SIRET)];
pub(in crate::schema) const EMPLOYEUR_SIRET: &[Field] = SIRET_SEUL;

pub(in crate::schema) const IDENTITE: &[Field] = &[
    must("nom", Text(80)),
    may("nomUsage", Text(80)),
    must("prenom", Text(80)),
];

pub(in crate::schema) const CONVENTION_CONTRAT: &[Field] =
    &[must("dateDebutContrat", Date), must("dateFinContrat", Date)];

pub(in crate::schema) const CONVENTION_ORGANISME: &[Field] = &[
    must("siret", SIRET),
    may("uaiCfa", Form(digits::is_uai, "numéro UAI")),
];

pub(in crate::schema) const CONVENTION_FORMATION: &[Field] = &[
    must("rncp", Form(digits::is_rncp, "code RNCP")),
    must("intituleQualification", Text(255)),
    must("dateDebutFormation", Date),
    must("dateFinFormation", Date),
    must("dureeFormation", Int),
];

pub(in crate::schema) const COUTS: &[Field] = &[
    must("coutTotalPedagogieCFA", Euros),
    may("montantRQTHAnnee1", Euros),
    may("montantRQTHAnnee2", Euros),
    may("montantRQTHAnnee3", Euros),
    may("montantRQTHAnnee4", Euros),
    may("nombreRepasTotaux", Int),
    may("nombreHebergementTotaux", Int),
    may("montantPremierEquipement", Euros),
    may("mentionMobiliteInternationale", Bool),
    may("mentionMobilitéInternationale", Bool),
    may("accompagnementDROM", Bool),
];

/// Without the IBAN, whose absence has a refusal of its own (protocol §15).
pub(in crate::schema) const FACTURE: &[Field] = &[
    must("numero", Text(60)),
    must("dateEmission", Date),
    must("montantTotal", Euros),
    may("ibanEmetteur", Text(50)),
    must("siretEmetteur", Text(20)),
    must("estCertificatRealisation", Bool),
    may("typeFacture", Word(&["FACTURE", "AVOIR"])),
    may("numeroFactureOrigine", Text(60)),
];

/// Without what has a refusal of its own: the dossier's number and the deposit number.
pub(in crate::schema) const LIGNE: &[Field] = &[
    must("montant", Euros),
    must(
        "natureLigne",
        Word(&[
            "PEDAGOGIE",
            "PREMIEREQUIPEMENT",
            "RESTAURATION",
            "HEBERGEMENT",
            "MOBILITE",
            "MAJORATION_RQTH",
        ]),
    ),
    must("quantite", Number),
    must("numeroEcheance", Int),
    must("codificationEcheance", Text(40)),
    may("numeroDeca", Text(20)),
    may("numeroDossier", Text(40)),
];

pub(in crate::schema) const DOCUMENT: &[Field] = &[must(
    "typeFichier",
    Word(&[
        "CONVENTION_FORMATION",
        "CONVENTION_REDUCTION_DUREE",
        "CONVENTION_MOBILITE",
        "FACTURE",
        "CERTIFICAT_REALISATION",
    ]),
)];

pub(in crate::schema) const OBJET: &[Field] = &[
    must("typeObjet", Word(&["DOSSIER_APPRENTISSAGE", "FACTURE"])),
    must("idObjet", Text(40)),
];

pub(in crate::schema) const CERTIFICAT: &[Field] = &[
    must("typeCertificat", Word(&["Intermediaire", "Final"])),
    must("numeroInterneDossier", Text(40)),
    may("numeroInterneFacture", Text(40)),
    may("dateSignature", Date),
    may("lieuSignatureContrat", Text(255)),
    may("attestationConservationPieces", Bool),
    may("natureAction", Text(255)),
];

pub(in crate::schema) const REPRESENTANT: &[Field] = &[
    may("nom", Text(80)),
    may("prenom", Text(80)),
    may("qualite", Text(255)),
];

pub(in crate::schema) const CERTIFICAT_ECHEANCE: &[Field] = &[
    must("numero", Int),
    may("codification", Text(40)),
    may("duree", Number),
    may("dateDebut", Date),
    may("dateFin", Date),
    may("echeancePartielle", Bool),
];

pub(in crate::schema) const RUPTURE: &[Field] = &[
    must("numeroInterneDossier", Text(40)),
    may("numeroExterneDossier", Text(40)),
    may("numeroDeca", Text(20)),
    may("dateNotification", Date),
    must(
        "motifRupture",
        Word(&[
            "PERIODE_PROBATOIRE",
            "COMMUN_ACCORD",
            "DEMISSION",
            "LICENCIEMENT",
            "OBTENTION_DIPLOME",
            "INAPTITUDE",
            "AUTRE",
        ]),
    ),
];

pub(in crate::schema) const RUPTURE_APPRENTI: &[Field] = &[
    must("nom", Text(80)),
    must("prenom", Text(80)),
    must("dateNaissance", Date),
];

pub(in crate::schema) const RUPTURE_CONTRAT: &[Field] =
    &[must("dateDebutContrat", Date), must("dateRupture", Date)];
