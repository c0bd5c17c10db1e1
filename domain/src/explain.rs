//! Where a delivery stands, why, and what to do: the words people read, in French and in English.

mod money;

use crate::delivery::{HoldReason, Kind, Status, WaitReason};
use crate::person::Language;

impl Kind {
    /// Returns what people call it.
    pub fn name(self, language: Language) -> &'static str {
        match self {
            Self::Dossier => language.of("Contrat", "Contract"),
            Self::Convention => language.of("Convention", "Agreement"),
            Self::Facture => language.of("Facture", "Invoice"),
            Self::Certificat => language.of("Certificat", "Certificate"),
            Self::Document => language.of("Document", "Document"),
            Self::Rupture => language.of("Rupture", "Termination"),
        }
    }
}

impl Status {
    /// Returns what people call it, in a word or two.
    pub fn name(self, language: Language) -> &'static str {
        match self {
            Self::Queued => language.of("Prêt", "Ready"),
            Self::Sending => language.of("En cours d'envoi", "Being sent"),
            Self::Waiting => language.of("En attente", "Waiting"),
            Self::Held => language.of("Retenu", "Held"),
            Self::Unknown => language.of("À vérifier", "Being checked"),
            Self::Delivered => language.of("Reçu", "Delivered"),
            Self::Rejected => language.of("Refusé", "Refused"),
            Self::Dead => language.of("Abandonné", "Given up"),
            Self::Cancelled => language.of("Annulé", "Cancelled"),
        }
    }

    /// Says where a delivery with this status stands.
    pub fn explained(self, language: Language) -> &'static str {
        match self {
            Self::Queued => language.of("Prêt à partir.", "Ready to leave."),
            Self::Sending => language.of("En cours d'envoi à l'OPCO.", "On its way to the OPCO."),
            Self::Waiting => language.of(
                "En attente ; partira sans intervention.",
                "Waiting; it will leave by itself.",
            ),
            Self::Held => language.of(
                "Retenu : une personne doit agir.",
                "Held: a person must act.",
            ),
            Self::Unknown => language.of(
                "Réponse de l'OPCO perdue : la passerelle vérifie avant tout nouvel envoi.",
                "The OPCO's answer was lost: the gateway checks before it sends anything again.",
            ),
            Self::Delivered => language.of("Reçu par l'OPCO.", "Taken by the OPCO."),
            Self::Rejected => language.of("Refusé par l'OPCO.", "Refused by the OPCO."),
            Self::Dead => language.of(
                "Abandonné après de nombreux essais ; une personne peut le relancer.",
                "Given up after many tries; a person can start it again.",
            ),
            Self::Cancelled => language.of("Annulé.", "Cancelled."),
        }
    }
}

impl WaitReason {
    /// Says why a delivery waits.
    pub fn explained(self, language: Language) -> &'static str {
        match self {
            Self::Retry => language.of(
                "Échec passager : un nouvel essai est prévu.",
                "It failed for a while: another try is planned.",
            ),
            Self::Limit => language.of(
                "La limite d'appels de l'OPCO, ou de la clé, est atteinte.",
                "The OPCO's limit of calls, or the key's, is reached.",
            ),
            Self::Breaker => language.of(
                "L'OPCO ne répond pas bien : ses envois attendent son rétablissement.",
                "The OPCO does not answer well: what goes to it waits until it recovers.",
            ),
            Self::RouteLookup => language.of(
                "L'OPCO de l'employeur est en cours de recherche.",
                "The employer's OPCO is being looked for.",
            ),
            Self::Predecessor => language.of(
                "Un envoi précédent du même dossier doit d'abord aboutir.",
                "An earlier payload of the same dossier must arrive first.",
            ),
            Self::OpeningDate => language.of(
                "La date à partir de laquelle il peut partir n'est pas venue.",
                "The date from which it may leave has not come.",
            ),
            Self::Dossier => language.of(
                "L'OPCO doit d'abord faire avancer le dossier : numéro, engagement ou échéancier.",
                "The OPCO must first move the dossier on: number, commitment or schedule.",
            ),
            Self::Maintenance => language.of(
                "L'OPCO est en maintenance annoncée : rien ne lui est envoyé jusqu'à la fin.",
                "The OPCO is in announced maintenance: nothing is sent to it until the end.",
            ),
        }
    }
}

impl HoldReason {
    /// Says why a delivery is held, and what to do. The words in quotation marks are actions.
    pub fn explained(self, language: Language) -> &'static str {
        match language {
            Language::Fr => self.en_francais(),
            Language::En => self.in_english(),
        }
    }

    fn en_francais(self) -> &'static str {
        match self {
            Self::NoRoute => {
                "Aucun OPCO connu pour cet employeur : corrigez le SIRET ou choisissez l'OPCO \
                 (action « choose-opco »)."
            }
            Self::AmbiguousRoute => {
                "Plusieurs OPCO possibles : choisissez le bon (action « choose-opco »)."
            }
            Self::WeakRoute => {
                "L'OPCO n'est que supposé : confirmez-le ou choisissez-en un autre (action \
                 « choose-opco »)."
            }
            Self::OwnerNotManager => {
                "L'OPCO de rattachement n'est pas l'OPCO de gestion : choisissez celui qui doit recevoir \
                 le contrat (action « choose-opco »)."
            }
            Self::FlowNotOpen => {
                "Ce flux n'est pas ouvert chez cet OPCO : dès son ouverture, l'envoi repart seul ; sinon, \
                 transmettez par le canal habituel et annulez (action « cancel »)."
            }
            Self::NoKey => {
                "Aucune clé CFA active pour ce site chez cet OPCO, ou clé refusée : enregistrez une clé \
                 valide et l'envoi repart seul dans la minute ; « retry » évite d'attendre."
            }
            Self::NoSoftwareCredential => {
                "Identifiants de l'éditeur absents ou refusés chez cet OPCO : une fois que l'exploitant les \
                 a enregistrés, l'envoi repart seul dans la minute ; « retry » évite d'attendre."
            }
            Self::MandateMissing => {
                "Mandat de gestion de l'employeur absent : donnez sa référence et sa date (action \
                 « complete »), ou faites enregistrer le mandat du site, puis relancez (action « retry »)."
            }
            Self::ProbableDuplicate => {
                "Ce contrat ressemble à un contrat déjà transmis : confirmez qu'il est distinct (action \
                 « complete ») ou annulez (action « cancel »)."
            }
            Self::OutcomeUnknown => {
                "La réponse de l'OPCO est perdue et rien ne permet de savoir s'il a reçu le contrat : \
                 vérifiez auprès de lui, puis « confirm-sent », « retry » ou « cancel »."
            }
            Self::ContractMissing => {
                "Le contrat auquel il se rattache n'est pas chez l'OPCO (refusé, annulé, abandonné ou \
                 jamais vu) : déposez le contrat puis « retry », ou « cancel »."
            }
            Self::RulesBroken => {
                "Ce que l'OPCO a dit depuis le dépôt rend cet envoi irrecevable ; la règle est dans « fault ». \
                 Annulez-le (action « cancel »), corrigez, déposez de nouveau ; ou « retry » si la cause a \
                 disparu."
            }
            Self::FileUnreadable => {
                "Le fichier de cet envoi manque ou ne se lit plus : l'exploitant rétablit le stockage, puis \
                 « retry » ; sinon annulez (action « cancel ») et déposez l'envoi de nouveau avec son fichier."
            }
        }
    }

    fn in_english(self) -> &'static str {
        match self {
            Self::NoRoute => {
                "No OPCO is known for this employer: correct the SIRET or choose the OPCO (action \
                 “choose-opco”)."
            }
            Self::AmbiguousRoute => {
                "Several OPCOs are possible: choose the right one (action “choose-opco”)."
            }
            Self::WeakRoute => {
                "The OPCO is only supposed: confirm it or choose another (action “choose-opco”)."
            }
            Self::OwnerNotManager => {
                "The OPCO the employer belongs to is not the one that manages it: choose which must \
                 receive the contract (action “choose-opco”)."
            }
            Self::FlowNotOpen => {
                "This flow is not open at this OPCO: once it opens, the payload leaves by itself; \
                 otherwise use the usual channel and cancel (action “cancel”)."
            }
            Self::NoKey => {
                "No active CFA key for this site at this OPCO, or the key was refused: record a valid \
                 key and the payload leaves by itself within a minute; “retry” avoids the wait."
            }
            Self::NoSoftwareCredential => {
                "The editor's credentials are missing or refused at this OPCO: once the operator has \
                 recorded them, the payload leaves by itself within a minute; “retry” avoids the wait."
            }
            Self::MandateMissing => {
                "The employer's management mandate is missing: give its reference and date (action \
                 “complete”), or have the site's mandate recorded, then try again (action “retry”)."
            }
            Self::ProbableDuplicate => {
                "This contract resembles one that was sent already: confirm that it is another (action \
                 “complete”) or cancel (action “cancel”)."
            }
            Self::OutcomeUnknown => {
                "The OPCO's answer was lost and nothing can tell whether it has the contract: ask it, \
                 then “confirm-sent”, “retry” or “cancel”."
            }
            Self::ContractMissing => {
                "The contract it belongs to is not at the OPCO (refused, cancelled, given up or \
                 never seen): hand the contract in, then “retry”, or “cancel”."
            }
            Self::RulesBroken => {
                "What the OPCO has said since it was handed in makes it inadmissible; the rule is in \
                 “fault”. Cancel it (action “cancel”), correct it and hand it in again; or “retry” if \
                 the cause is gone."
            }
            Self::FileUnreadable => {
                "The file of this payload is missing or cannot be read: once the operator has restored \
                 the storage, “retry”; otherwise cancel (action “cancel”) and hand it in again with its \
                 file."
            }
        }
    }
}
