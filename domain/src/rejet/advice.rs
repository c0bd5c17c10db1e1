//! What is said of each refusal: one row each, in the order of the FAQ as protocol §15 gives it.

use super::{Actor, Advice, Rejet, Resend};

pub(super) static ADVICE: [(Rejet, Advice); 12] = [
    (
        Rejet::FactureDejaConnue,
        Advice {
            message: "La facture est déjà connue de l'OPCO.",
            remedy: "La passerelle relit l'état de la facture : si c'est la même, l'envoi est \
                         abouti ; sinon, le CFA émet la facture sous un nouveau numéro.",
            actor: Actor::Passerelle,
            resend: Resend::Never,
            rules: &["FAC-001"],
        },
    ),
    (
        Rejet::IbanDifferentEcheance,
        Advice {
            message: "L'IBAN de la facture est différent de celui de l'échéance.",
            remedy: "Le CFA fait enregistrer son RIB par l'OPCO, ou corrige l'IBAN de la facture, \
                         puis la renvoie.",
            actor: Actor::CfaAvecOpco,
            resend: Resend::OnceMended,
            rules: &["FAC-004"],
        },
    ),
    (
        Rejet::FraisAnnexesPlafondDepasse,
        Advice {
            message: "Les frais annexes dépassent le plafond ou le montant engagé.",
            remedy: "Le CFA ramène les lignes de frais annexes au montant engagé et renvoie la \
                         facture.",
            actor: Actor::Cfa,
            resend: Resend::Corrected,
            rules: &["FAC-015"],
        },
    ),
    (
        Rejet::IbanEmetteurAbsent,
        Advice {
            message: "L'IBAN de l'émetteur n'est pas renseigné.",
            remedy: "Le CFA complète l'IBAN dans son ERP et renvoie la facture.",
            actor: Actor::Cfa,
            resend: Resend::Corrected,
            rules: &["FAC-002"],
        },
    ),
    (
        Rejet::MontantEcheanceInattendu,
        Advice {
            message: "Le montant de l'échéance est différent du montant attendu par l'OPCO.",
            remedy: "La passerelle relit l'échéancier ; le CFA corrige les lignes de l'échéance, \
                         ou envoie la facture comme ajustée avec son motif.",
            actor: Actor::Cfa,
            resend: Resend::Corrected,
            rules: &["FAC-011", "FAC-025"],
        },
    ),
    (
        Rejet::SiretEmetteurInconnu,
        Advice {
            message: "Le SIRET de l'émetteur est inconnu de l'OPCO.",
            remedy: "Le gestionnaire des clés vérifie que la clé de ce SIRET est active chez \
                         l'OPCO ; le CFA demande au besoin son enregistrement.",
            actor: Actor::GestionnaireCles,
            resend: Resend::OnceMended,
            rules: &["FAC-013"],
        },
    ),
    (
        Rejet::SiretDifferentEcheance,
        Advice {
            message: "Le SIRET de la facture est différent de celui de l'échéance.",
            remedy: "Le CFA émet la facture au nom du SIRET indiqué sur l'échéance.",
            actor: Actor::Cfa,
            resend: Resend::Corrected,
            rules: &["FAC-012"],
        },
    ),
    (
        Rejet::NumeroExterneAbsent,
        Advice {
            message: "Le numéro externe du dossier n'est pas renseigné.",
            remedy: "Le CFA indique sur chaque ligne le numéro externe du dossier donné par l'OPCO.",
            actor: Actor::Cfa,
            resend: Resend::Corrected,
            rules: &["FAC-005"],
        },
    ),
    (
        Rejet::EcheanceNonOuverte,
        Advice {
            message: "L'échéance n'est pas ouverte à la facturation.",
            remedy: "Rien à faire : la passerelle renvoie la facture le jour de l'ouverture.",
            actor: Actor::Passerelle,
            resend: Resend::Later,
            rules: &["FAC-010"],
        },
    ),
    (
        Rejet::MontantInattendu,
        Advice {
            message: "Le montant ne correspond pas au montant attendu par l'OPCO.",
            remedy: "La passerelle relit l'échéancier ; le CFA corrige le montant, ou envoie la \
                         facture comme ajustée avec son motif.",
            actor: Actor::Cfa,
            resend: Resend::Corrected,
            rules: &["FAC-011", "FAC-025"],
        },
    ),
    (
        Rejet::TotalDifferentSommeLignes,
        Advice {
            message: "Le montant total est différent de la somme des lignes.",
            remedy: "Le CFA corrige le total ou les lignes et renvoie la facture.",
            actor: Actor::Cfa,
            resend: Resend::Corrected,
            rules: &["FAC-014"],
        },
    ),
    (
        Rejet::EcheanceInconnue,
        Advice {
            message: "Le numéro d'échéance est inconnu de l'OPCO.",
            remedy: "La passerelle relit l'échéancier ; le CFA corrige le numéro d'échéance.",
            actor: Actor::Cfa,
            resend: Resend::Corrected,
            rules: &["FAC-008"],
        },
    ),
];
