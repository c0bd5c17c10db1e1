//! What to do about each refusal, for whoever writes the software that was refused.

use super::labels::Language;

/// Each code with what to do, in French and in English.
const ADVICE: [(&str, &str, &str); 46] = [
    (
        "CERFA_INCOMPLET",
        "Renseigner ce champ du CERFA.",
        "Fill in this field of the CERFA.",
    ),
    (
        "CERFA_NON_CONFORME",
        "Corriger la valeur : type, longueur, code ou clé de contrôle.",
        "Correct the value: type, length, code or check digit.",
    ),
    (
        "CHAMP_ABSENT",
        "Renseigner ce champ.",
        "Fill in this field.",
    ),
    (
        "CHAMP_INVALIDE",
        "Corriger le type ou la valeur de ce champ.",
        "Correct the type or the value of this field.",
    ),
    (
        "REQUETE_ILLISIBLE",
        "Vérifier le Content-Type, l'encodage et la taille du corps.",
        "Check the Content-Type, the encoding and the size of the body.",
    ),
    (
        "PARTIE_ABSENTE",
        "Envoyer cette partie du multipart, sous ce nom exact.",
        "Send this part of the multipart body, under this very name.",
    ),
    (
        "FICHIER_ABSENT",
        "Joindre le fichier dans la partie « fichier ».",
        "Attach the file as the part “fichier”.",
    ),
    (
        "FICHIER_REFUSE",
        "Joindre un vrai PDF (JPG ou PNG admis hors factures).",
        "Attach a real PDF (JPG or PNG are accepted but for invoices).",
    ),
    (
        "FICHIER_TROP_LOURD",
        "Réduire le fichier à moins de 10 Mo.",
        "Reduce the file below 10 MB.",
    ),
    (
        "JETON_INVALIDE",
        "Demander un nouveau jeton, puis rejouer une seule fois.",
        "Ask for a new token, then repeat once.",
    ),
    (
        "invalid_client",
        "Vérifier l'identifiant et le secret du logiciel.",
        "Check the software's account and secret.",
    ),
    (
        "CLE_CFA_INVALIDE",
        "Vérifier la clé CFA et le SIRET auquel elle est attribuée.",
        "Check the CFA key and the SIRET it belongs to.",
    ),
    (
        "CLE_CFA_EXPIREE",
        "Demander une nouvelle clé CFA à l'OPCO.",
        "Ask the OPCO for a new CFA key.",
    ),
    (
        "LOGICIEL_NON_AUTORISE",
        "Envoyer les en-têtes EDITEUR, LOGICIEL et VERSION.",
        "Send the headers EDITEUR, LOGICIEL and VERSION.",
    ),
    (
        "FLUX_NON_SUPPORTE",
        "Ne pas envoyer : cet OPCO n'a pas ouvert ce flux.",
        "Do not send: this OPCO has not opened this flow.",
    ),
    (
        "ROUTE_INCONNUE",
        "Vérifier l'adresse, la version et la méthode HTTP.",
        "Check the address, the version and the HTTP method.",
    ),
    (
        "LIMITE_DEBIT",
        "Attendre le délai de Retry-After, puis ralentir.",
        "Wait as Retry-After says, then slow down.",
    ),
    (
        "OPCO_INDISPONIBLE",
        "Réessayer plus tard, en relisant d'abord les états.",
        "Try again later, and read the states first.",
    ),
    (
        "DOSSIER_DOUBLON",
        "Relire les états : ce contrat est déjà là.",
        "Read the states: this contract is there already.",
    ),
    (
        "DOSSIER_INCONNU",
        "Relire les états et utiliser le numéro rendu par l'OPCO.",
        "Read the states and use the number the OPCO gave.",
    ),
    (
        "DOSSIER_CLOS",
        "Déposer un nouveau contrat : celui-ci est clos.",
        "File a new contract: this one is closed.",
    ),
    (
        "DOSSIER_NON_ENGAGE",
        "Attendre l'état ENGAGE.",
        "Wait for the state ENGAGE.",
    ),
    (
        "CONTRAT_ANTERIEUR_2020",
        "Passer par le circuit papier : la norme commence en 2020.",
        "Use paper: the norm begins in 2020.",
    ),
    (
        "CONVENTION_NON_CONFORME",
        "Reprendre la valeur du contrat déposé.",
        "Repeat the value of the contract that was filed.",
    ),
    (
        "MANDAT_ABSENT",
        "Obtenir le mandat de l'employeur avant d'envoyer.",
        "Get the employer's mandate before sending.",
    ),
    (
        "ATTESTATION_ABSENTE",
        "Attester, une fois la convention signée des deux parties.",
        "Attest, once both parties have signed the agreement.",
    ),
    (
        "FACTURE_INCONNUE",
        "Utiliser le numeroInterneFacture rendu par l'OPCO.",
        "Use the numeroInterneFacture the OPCO gave.",
    ),
    (
        "PERIODE_INCOHERENTE",
        "Corriger les dates : une période passée, dans l'ordre.",
        "Correct the dates: a past period, in order.",
    ),
    (
        "CERTIFICAT_NON_CONFORME",
        "Reprendre la valeur du contrat déposé.",
        "Repeat the value of the contract that was filed.",
    ),
    (
        "RUPTURE_NON_CONFORME",
        "Reprendre la valeur du contrat ; la date est pendant le contrat.",
        "Repeat the contract's value; the date lies within the contract.",
    ),
    (
        "RUPTURE_DEJA_ENREGISTREE",
        "Ne rien renvoyer : relire l'état du dossier.",
        "Send nothing again: read the dossier's state.",
    ),
    (
        "FACTURE_DEJA_CONNUE",
        "Comparer avec la facture déjà reçue ; sinon changer de numéro.",
        "Compare with the invoice received before; otherwise take another number.",
    ),
    (
        "IBAN_DIFFERENT_ECHEANCE",
        "Utiliser l'IBAN de l'échéance, ou le changer auprès de l'OPCO.",
        "Use the account of the échéance, or change it with the OPCO.",
    ),
    (
        "IBAN_EMETTEUR_ABSENT",
        "Renseigner ibanEmetteur.",
        "Fill in ibanEmetteur.",
    ),
    (
        "FRAIS_ANNEXES_PLAFOND_DEPASSE",
        "Réduire aux engagementsFraisAnnexe du dossier.",
        "Reduce to the dossier's engagementsFraisAnnexe.",
    ),
    (
        "MONTANT_ECHEANCE_INATTENDU",
        "Relire l'échéancier : montantTotal − montantRegle − montantEnCoursInstruction.",
        "Read the schedule again: montantTotal − montantRegle − montantEnCoursInstruction.",
    ),
    (
        "MONTANT_INATTENDU",
        "Répartir entre PEDAGOGIE et MAJORATION_RQTH comme l'échéancier.",
        "Divide between PEDAGOGIE and MAJORATION_RQTH as the schedule does.",
    ),
    (
        "SIRET_EMETTEUR_INCONNU",
        "Vérifier le SIRET du CFA et sa clé.",
        "Check the CFA's SIRET and its key.",
    ),
    (
        "SIRET_DIFFERENT_ECHEANCE",
        "Utiliser siretCfa de l'échéance.",
        "Use siretCfa of the échéance.",
    ),
    (
        "NUMERO_EXTERNE_ABSENT",
        "Renseigner numeroDossier avec numeroExterne.",
        "Fill in numeroDossier with numeroExterne.",
    ),
    (
        "ECHEANCE_NON_OUVERTE",
        "Attendre dateOuverture.",
        "Wait for dateOuverture.",
    ),
    (
        "TOTAL_DIFFERENT_SOMME_LIGNES",
        "Recalculer montantTotal au centime.",
        "Compute montantTotal again, to the cent.",
    ),
    (
        "ECHEANCE_INCONNUE",
        "Relire l'échéancier ; reprendre numero et codification tels quels.",
        "Read the schedule again; repeat numero and codification as they are.",
    ),
    (
        "DECA_ABSENT",
        "Renseigner numeroDeca, lu dans le dossier.",
        "Fill in numeroDeca, as read in the dossier.",
    ),
    (
        "MULTI_ECHEANCES_NON_ADMISES",
        "Faire une facture par échéance.",
        "Make one invoice per échéance.",
    ),
    (
        "MULTI_CONTRATS_NON_ADMIS",
        "Faire une facture par contrat.",
        "Make one invoice per contract.",
    ),
];

/// Returns what to do, or nothing when the refusal says it all.
pub(super) fn of(code: &str, language: Language) -> &'static str {
    ADVICE
        .iter()
        .find(|(own, ..)| *own == code)
        .map_or("", |(_, french, english)| match language {
            Language::French => *french,
            Language::English => *english,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_the_twelve_reasons_has_its_advice_in_both_languages() {
        for rank in 1..=12 {
            let code = ADVICE
                .iter()
                .map(|(code, ..)| *code)
                .find(|code| crate::words::number(code) == format!("R{rank:02}"))
                .unwrap();
            let (french, english) = (of(code, Language::French), of(code, Language::English));
            assert!(!french.is_empty() && !english.is_empty() && french != english);
        }
        assert_eq!(of("INCONNU", Language::French), "");
    }

    #[test]
    fn no_code_is_there_twice() {
        let mut codes: Vec<&str> = ADVICE.iter().map(|(code, ..)| *code).collect();
        codes.sort_unstable();
        let count = codes.len();
        codes.dedup();
        assert_eq!(codes.len(), count);
    }
}
