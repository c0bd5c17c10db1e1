//! The training agreement between the centre and the employer (protocol §9).

use jiff::civil::Date;

use super::parties::{ApprentiDesigne, CfaDesigne, EmployeurDesigne};
use super::whole;
use crate::form::Montant;
use crate::form::block::block;
use crate::identifiers::Rncp;

block! {
    /// A training agreement: the part `convention`.
    Convention ("un objet") {
        /// The OPCO's number of the contract, so the contract goes first.
        pub numero_interne_dossier: Option<String> =
            "numeroInterneDossier", "numéro interne du dossier";
        /// The employer.
        pub employeur: EmployeurDesigne = "employeur", "employeur";
        /// The apprentice.
        pub apprenti: ApprentiDesigne = "apprenti", "apprenti";
        /// The dates of the contract.
        pub contrat: ContratConvenu = "contrat", "contrat";
        /// The training centre.
        pub organisme_formation: CfaDesigne = "organismeFormation", "organisme de formation";
        /// The training.
        pub formation: FormationConvenue = "formation", "formation";
        /// The costs agreed on.
        pub couts: Couts = "couts", "coûts";
        /// The employer lets the centre file for it (mandat de gestion).
        pub mandat_employeur: Option<bool> = "mandatEmployeur", "mandat de gestion de l'employeur";
        /// Day of the signature.
        pub date_signature: Option<Date> = "dateSignature", "date de signature de la convention";
        /// Signed by the employer.
        pub attestation_convention_signee_entreprise: Option<bool> =
            "attestationConventionSigneeEntreprise",
            "attestation de signature de la convention par l'entreprise";
        /// Signed by the centre.
        pub attestation_convention_signee_cfa: Option<bool> =
            "attestationConventionSigneeCFA", "attestation de signature de la convention par le CFA";
        /// The signatures are evidential.
        pub attestation_convention_signature_probante: Option<bool> =
            "attestationConventionSignatureProbante", "attestation de signature probante";
        /// The file says what the payload says.
        pub attestation_convention_conforme_json: Option<bool> =
            "attestationConventionConformeJSON", "attestation de conformité du document aux données";
    }
}
whole!(Convention, "convention", "corps de la requête");

block! {
    /// The dates of the contract an agreement belongs to.
    ContratConvenu ("un objet") {
        /// First day of execution.
        pub date_debut_contrat: Option<Date> = "dateDebutContrat", "date de début du contrat";
        /// Last day.
        pub date_fin_contrat: Option<Date> = "dateFinContrat", "date de fin du contrat";
    }
}

block! {
    /// The training agreed on.
    FormationConvenue ("un objet") {
        /// Certification.
        pub rncp: Option<Rncp> = "rncp", "code RNCP";
        /// Title.
        pub intitule_qualification: Option<String> =
            "intituleQualification", "intitulé de la qualification", max(255);
        /// First day.
        pub date_debut_formation: Option<Date> = "dateDebutFormation", "date de début de formation";
        /// Last day, exam included.
        pub date_fin_formation: Option<Date> = "dateFinFormation", "date de fin de formation";
        /// Length in hours.
        pub duree_formation: Option<i64> = "dureeFormation", "durée de la formation (heures)",
            within((0, 9_999));
    }
}

block! {
    /// The costs of the training, for the whole contract unless said otherwise.
    Couts ("un objet") {
        /// Tuition.
        pub cout_total_pedagogie_cfa: Option<Montant> =
            "coutTotalPedagogieCFA", "coût pédagogique total", within((0, 1_000_000));
        /// Disability supplement of the first year.
        pub montant_rqth_annee1: Option<Montant> =
            "montantRQTHAnnee1", "majoration RQTH de la première année",
            within((0, 1_000_000));
        /// Disability supplement of the second year.
        pub montant_rqth_annee2: Option<Montant> =
            "montantRQTHAnnee2", "majoration RQTH de la deuxième année",
            within((0, 1_000_000));
        /// Disability supplement of the third year.
        pub montant_rqth_annee3: Option<Montant> =
            "montantRQTHAnnee3", "majoration RQTH de la troisième année",
            within((0, 1_000_000));
        /// Disability supplement of the fourth year.
        pub montant_rqth_annee4: Option<Montant> =
            "montantRQTHAnnee4", "majoration RQTH de la quatrième année",
            within((0, 1_000_000));
        /// Meals.
        pub nombre_repas_totaux: Option<i64> = "nombreRepasTotaux", "nombre total de repas",
            within((0, 99_999));
        /// Nights.
        pub nombre_hebergement_totaux: Option<i64> =
            "nombreHebergementTotaux", "nombre total de nuitées", within((0, 99_999));
        /// First equipment.
        pub montant_premier_equipement: Option<Montant> =
            "montantPremierEquipement", "montant du premier équipement", within((0, 1_000_000));
        /// A stay abroad is foreseen. One client writes the key with an accent (protocol §9).
        pub mention_mobilite_internationale: Option<bool> =
            "mentionMobiliteInternationale" | "mentionMobilitéInternationale",
            "mention de mobilité internationale";
        /// Support of apprentices from overseas.
        pub accompagnement_drom: Option<bool> = "accompagnementDROM", "accompagnement DROM";
    }
}
