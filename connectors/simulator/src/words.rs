//! The twelve reasons an invoice is refused for (protocol §15), in the words of each OPCO. The real
//! words are unknown; whoever reads them must go by keywords, so case, accents and order differ here.

use crate::opcos::Tongue;
use crate::schema::Finding;

/// Why an invoice is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reason {
    DejaConnue,
    IbanDifferent,
    FraisAnnexes,
    IbanAbsent,
    MontantEcheance,
    SiretInconnu,
    SiretDifferent,
    NumeroExterneAbsent,
    NonOuverte,
    MontantInattendu,
    TotalDifferent,
    EcheanceInconnue,
    // Those below are not among the twelve (assumed).
    DecaAbsent,
    DecaDifferent,
    DossierInconnu,
    NonEngage,
    Forclose,
    MultiEcheances,
    MultiContrats,
    AvoirSansFacture,
    AvoirExcessif,
}

use Reason::{
    AvoirExcessif, AvoirSansFacture, DecaAbsent, DecaDifferent, DejaConnue, DossierInconnu,
    EcheanceInconnue, Forclose, FraisAnnexes, IbanAbsent, IbanDifferent, MontantEcheance,
    MontantInattendu, MultiContrats, MultiEcheances, NonEngage, NonOuverte, NumeroExterneAbsent,
    SiretDifferent, SiretInconnu, TotalDifferent,
};

/// Each reason with its code, a sentence and a short text.
const WORDS: [(Reason, &str, &str, &str); 21] = [
    (
        DejaConnue,
        "FACTURE_DEJA_CONNUE",
        "La facture est déjà connue",
        "Facture déjà connue de nos services",
    ),
    (
        IbanDifferent,
        "IBAN_DIFFERENT_ECHEANCE",
        "L'IBAN de la facture est différent de celui de l'échéance",
        "IBAN différent de celui enregistré pour l'échéance",
    ),
    (
        FraisAnnexes,
        "FRAIS_ANNEXES_PLAFOND_DEPASSE",
        "Le montant des frais annexes excède le plafond ou le montant engagé",
        "Frais annexes : le cumul excède l'engagement",
    ),
    (
        IbanAbsent,
        "IBAN_EMETTEUR_ABSENT",
        "L'IBAN de l'émetteur n'est pas renseigné",
        "IBAN émetteur pas renseigné",
    ),
    (
        MontantEcheance,
        "MONTANT_ECHEANCE_INATTENDU",
        "Le montant de l'échéance n'est pas celui attendu",
        "Montant de l'échéance inattendu",
    ),
    (
        SiretInconnu,
        "SIRET_EMETTEUR_INCONNU",
        "Le SIRET de l'émetteur est inconnu",
        "SIRET émetteur inconnu",
    ),
    (
        SiretDifferent,
        "SIRET_DIFFERENT_ECHEANCE",
        "Le SIRET de la facture est différent de celui de l'échéance",
        "SIRET de facturation différent du SIRET de l'échéance",
    ),
    (
        NumeroExterneAbsent,
        "NUMERO_EXTERNE_ABSENT",
        "Le numéro externe du dossier est absent",
        "Numéro externe absent",
    ),
    (
        NonOuverte,
        "ECHEANCE_NON_OUVERTE",
        "L'échéance n'est pas ouverte à la facturation",
        "Échéance pas ouverte à ce jour",
    ),
    (
        MontantInattendu,
        "MONTANT_INATTENDU",
        "Le montant ne correspond pas à celui attendu",
        "Ce montant ne correspond pas",
    ),
    (
        TotalDifferent,
        "TOTAL_DIFFERENT_SOMME_LIGNES",
        "Le montant total de la facture doit correspondre à la somme des montants des lignes",
        "Total différent de la somme des lignes",
    ),
    (
        EcheanceInconnue,
        "ECHEANCE_INCONNUE",
        "Le numéro d'échéance est inconnu",
        "Échéance : numéro inconnu",
    ),
    (
        DecaAbsent,
        "DECA_ABSENT",
        "Le numéro DECA du contrat est absent",
        "DECA absent",
    ),
    (
        DecaDifferent,
        "DECA_DIFFERENT",
        "Le numéro DECA n'est pas celui du dossier",
        "DECA erroné",
    ),
    (
        DossierInconnu,
        "DOSSIER_INCONNU",
        "Le dossier est introuvable",
        "Dossier introuvable",
    ),
    (
        NonEngage,
        "DOSSIER_NON_ENGAGE",
        "Le dossier n'est pas engagé",
        "Dossier non engagé",
    ),
    (
        Forclose,
        "ECHEANCE_FORCLOSE",
        "Le délai de 4 mois après la fin du contrat est dépassé : le solde n'est plus dû",
        "Solde forclos (4 mois après la fin du contrat)",
    ),
    (
        MultiEcheances,
        "MULTI_ECHEANCES_NON_ADMISES",
        "Une facture ne peut porter que sur une seule période",
        "Une seule période par facture",
    ),
    (
        MultiContrats,
        "MULTI_CONTRATS_NON_ADMIS",
        "Une facture ne peut porter que sur un seul contrat",
        "Un seul contrat par facture",
    ),
    (
        AvoirSansFacture,
        "AVOIR_SANS_FACTURE",
        "L'avoir ne porte sur aucune facture en cours ou réglée",
        "Avoir sans facture d'origine",
    ),
    (
        AvoirExcessif,
        "AVOIR_EXCESSIF",
        "L'avoir dépasse la facture d'origine ou n'en reprend pas les lignes",
        "Avoir supérieur à la facture",
    ),
];

impl Reason {
    fn entry(self) -> Option<&'static (Reason, &'static str, &'static str, &'static str)> {
        WORDS.iter().find(|(reason, ..)| *reason == self)
    }

    pub(crate) fn code(self) -> &'static str {
        self.entry().map_or("", |(_, code, ..)| code)
    }

    /// Returns the reason of a code.
    pub(crate) fn read(code: &str) -> Option<Self> {
        WORDS
            .iter()
            .find_map(|(reason, own, ..)| (*own == code).then_some(*reason))
    }

    /// Returns it in the words of an OPCO.
    pub(crate) fn said(self, tongue: Tongue) -> Finding {
        let (sentence, short) = self
            .entry()
            .map_or(("", ""), |(_, _, sentence, short)| (sentence, short));
        let text = match tongue {
            Tongue::Sentences => sentence.to_owned(),
            Tongue::Short => short.to_owned(),
            Tongue::Capitals => capitals(short),
        };
        Finding::of(self.code(), text)
    }
}

/// Returns a code that says nothing: `R01`, `R02`…; what is not a reason of an invoice has none.
pub(crate) fn number(code: &str) -> String {
    let rank = WORDS.iter().position(|(_, own, ..)| *own == code);
    rank.map_or_else(|| "R00".to_owned(), |rank| format!("R{:02}", rank + 1))
}

fn capitals(text: &str) -> String {
    let bare = |letter: char| match letter {
        'é' | 'è' | 'ê' | 'É' => 'e',
        'à' => 'a',
        'ô' => 'o',
        other => other,
    };
    text.chars().map(bare).collect::<String>().to_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The keywords of protocol §15, without case and accents.
    const KEYWORDS: [(Reason, &[&str]); 12] = [
        (DejaConnue, &["DEJA CONNUE"]),
        (IbanDifferent, &["IBAN", "DIFFERENT"]),
        (FraisAnnexes, &["FRAIS ANNEXES", "EXCEDE"]),
        (IbanAbsent, &["IBAN", "PAS RENSEIGNE"]),
        (MontantEcheance, &["MONTANT DE L'ECHEANCE"]),
        (SiretInconnu, &["SIRET", "INCONNU"]),
        (SiretDifferent, &["SIRET", "DIFFERENT"]),
        (NumeroExterneAbsent, &["NUMERO EXTERNE"]),
        (NonOuverte, &["PAS OUVERTE"]),
        (MontantInattendu, &["MONTANT NE CORRESPOND PAS"]),
        (TotalDifferent, &["SOMME"]),
        (EcheanceInconnue, &["ECHEANCE", "INCONNU"]),
    ];

    #[test]
    fn each_tongue_says_each_reason_with_its_keywords_and_no_other_reason_has_them() {
        let tongues = [Tongue::Sentences, Tongue::Short, Tongue::Capitals];
        for tongue in tongues {
            for (reason, keywords) in KEYWORDS {
                let said = capitals(&reason.said(tongue).text);
                let matches: Vec<Reason> = KEYWORDS
                    .iter()
                    .filter(|(_, words)| words.iter().all(|word| said.contains(word)))
                    .map(|(reason, _)| *reason)
                    .collect();
                assert_eq!(matches, [reason], "{said}, {keywords:?}");
            }
        }
    }

    #[test]
    fn what_is_not_one_of_the_twelve_has_the_keywords_of_none() {
        for (reason, ..) in WORDS.iter().skip(KEYWORDS.len()) {
            for tongue in [Tongue::Sentences, Tongue::Short] {
                let said = capitals(&reason.said(tongue).text);
                let known = |words: &[&str]| words.iter().all(|word| said.contains(word));
                assert!(
                    !KEYWORDS.iter().any(|(_, words)| known(words)),
                    "{reason:?}: {said}"
                );
            }
        }
    }

    #[test]
    fn every_reason_has_its_words_and_its_code() {
        for (reason, code, ..) in WORDS {
            assert_eq!(Reason::read(code), Some(reason));
            assert!(!reason.said(Tongue::Capitals).text.is_empty());
        }
        assert_eq!(number("ECHEANCE_INCONNUE"), "R12");
        assert_eq!(number("CHAMP_ABSENT"), "R00");
    }
}
