//! What the log tells: every kind of event by the names people give it, and who opens sealed content.
//!
//! The stable word of a kind stays in exports, on the API and in the log itself; a test reads the sources for
//! the kinds that are written and finds each of them here.

use crate::person::Language;

/// The kind of an event that tells that sealed content was opened.
pub const OPENED: &str = "payload.opened";

/// The actor of what the gateway does by itself.
pub const GATEWAY: &str = "gateway";

/// Every kind of event: its stable word, its name in French, its name in English.
pub const KINDS: &[(&str, &str, &str)] = &[
    ("alert.cleared", "Alerte levée", "Alert cleared"),
    ("alert.raised", "Alerte donnée", "Alert raised"),
    ("alert.silenced", "Alerte mise en silence", "Alert silenced"),
    (
        "alert.unsilenced",
        "Alerte rendue à la parole",
        "Alert heard again",
    ),
    ("attempt.opened", "Appel à l'OPCO", "Call to the OPCO"),
    (
        "attempt.released",
        "Appel remis à plus tard",
        "Call put off",
    ),
    ("audit.exported", "Journal exporté", "Log exported"),
    ("bulk.begun", "Action groupée lancée", "Bulk action begun"),
    (
        "bulk.cancelled",
        "Action groupée arrêtée",
        "Bulk action stopped",
    ),
    ("bulk.ended", "Action groupée finie", "Bulk action over"),
    (
        "capability_switch.created",
        "Ouverture d'un flux décidée",
        "Opening of a flow decided",
    ),
    (
        "capability_switch.ended",
        "Décision sur un flux levée",
        "Decision about a flow ended",
    ),
    ("ceiling.changed", "Plafond changé", "Ceiling changed"),
    ("cfa.created", "CFA créé", "Training centre made"),
    ("cfa.renamed", "CFA renommé", "Training centre renamed"),
    ("credential.created", "Clé d'API créée", "API key made"),
    (
        "credential.quota_changed",
        "Quota d'une clé d'API changé",
        "Quota of an API key changed",
    ),
    (
        "credential.replaced",
        "Clé d'API remplacée",
        "API key replaced",
    ),
    (
        "credential.revoked",
        "Clé d'API révoquée",
        "API key revoked",
    ),
    ("delivery.accepted", "Déposée", "Handed in"),
    ("delivery.cancelled", "Annulée", "Cancelled"),
    ("delivery.completed", "Complétée", "Completed"),
    (
        "delivery.confirmed_sent",
        "Déclarée reçue par l'OPCO",
        "Confirmed to be at the OPCO",
    ),
    ("delivery.dead", "Abandonnée", "Given up"),
    ("delivery.deadline_near", "Échéance proche", "Deadline near"),
    (
        "delivery.deadline_reached",
        "Échéance atteinte",
        "Deadline reached",
    ),
    (
        "delivery.delivered",
        "Reçue par l'OPCO",
        "Taken by the OPCO",
    ),
    ("delivery.held", "Retenue", "Held"),
    ("delivery.opco_chosen", "OPCO choisi", "OPCO chosen"),
    (
        "delivery.rejected",
        "Refusée par l'OPCO",
        "Refused by the OPCO",
    ),
    ("delivery.released", "Repartie", "Released"),
    (
        "delivery.retried",
        "Réessai demandé",
        "Another try asked for",
    ),
    ("delivery.revived", "Relancée", "Started again"),
    ("delivery.routed", "OPCO trouvé", "OPCO found"),
    ("delivery.unknown", "Réponse perdue", "Answer lost"),
    ("delivery.waiting", "Mise en attente", "Put to wait"),
    (
        "dossier.contract_found",
        "Contrat d'un dossier adopté retrouvé",
        "Contract of an adopted dossier found",
    ),
    (
        "dossier.deadline_near",
        "Échéance du dossier proche",
        "Deadline of the dossier near",
    ),
    (
        "dossier.deadline_reached",
        "Échéance du dossier atteinte",
        "Deadline of the dossier reached",
    ),
    (
        "dossier.echeancier_changed",
        "Échéancier changé par l'OPCO",
        "Schedule changed by the OPCO",
    ),
    (
        "dossier.etat_changed",
        "État du dossier changé par l'OPCO",
        "State of the dossier changed by the OPCO",
    ),
    (
        "dossier.opened",
        "Échéancier scellé ouvert",
        "Sealed schedule opened",
    ),
    (
        "dossier.orphan_adopted",
        "Dossier sans ERP adopté",
        "Dossier without ERP adopted",
    ),
    (
        "dossier.orphan_found",
        "Dossier sans ERP trouvé",
        "Dossier without ERP found",
    ),
    (
        "dossier.orphan_ignored",
        "Dossier sans ERP écarté",
        "Dossier without ERP put aside",
    ),
    (
        "dossier.orphan_reopened",
        "Dossier sans ERP remis à traiter",
        "Dossier without ERP open again",
    ),
    (
        "dossier.orphans_opened",
        "Dossiers sans ERP ouverts",
        "Dossiers without ERP opened",
    ),
    (
        "dossier.state_unknown",
        "État inconnu lu à l'OPCO",
        "Unknown state read at the OPCO",
    ),
    (
        "dossier.updated",
        "Numéro de dossier ou DECA reçu",
        "Number of the dossier, or DECA number, received",
    ),
    (
        "evidence.made",
        "Fichier de preuve remis",
        "Evidence file handed out",
    ),
    (
        "facture.etat_changed",
        "État d'une facture changé",
        "State of an invoice changed",
    ),
    (
        "key.activated",
        "Clé CFA mise en service",
        "CFA key put to use",
    ),
    (
        "key.end_given",
        "Dernier jour d'une clé CFA donné",
        "Last day of a CFA key given",
    ),
    (
        "key.entrusted",
        "Référent d'une clé CFA changé",
        "Referent of a CFA key changed",
    ),
    (
        "key.expiring",
        "Fin de clé CFA annoncée",
        "End of a CFA key told",
    ),
    ("key.probed", "Clé CFA essayée", "CFA key tried"),
    ("key.revoked", "Clé CFA retirée", "CFA key retired"),
    (
        "key.staged",
        "Clé CFA gardée, en attente",
        "CFA key kept, staged",
    ),
    (
        "key.told",
        "Clé CFA jugée par l'OPCO lors d'un envoi",
        "CFA key judged by the OPCO at a call",
    ),
    (
        "log.key_rotated",
        "Clé de signature du journal changée",
        "Signing key of the log changed",
    ),
    (
        "log.witness_conflict",
        "Journal contredit par un témoin",
        "Log contradicted by a witness",
    ),
    (
        "log.witness_settled",
        "Contradiction d'un témoin réglée",
        "Contradiction of a witness settled",
    ),
    (
        "mandate.attested",
        "Mandat du site attesté",
        "Mandate of the site attested",
    ),
    (
        "mandate.ended",
        "Mandat du site terminé",
        "Mandate of the site ended",
    ),
    ("network.created", "Réseau créé", "Network made"),
    (
        "opco.field_unknown",
        "Champ inconnu reçu d'un OPCO",
        "Unknown field received from an OPCO",
    ),
    (
        "opco_window.created",
        "Travaux d'un OPCO annoncés",
        "Works of an OPCO announced",
    ),
    (
        "opco_window.ended",
        "Travaux d'un OPCO levés",
        "Works of an OPCO ended",
    ),
    ("payload.nir_shredded", "NIR détruit", "NIR destroyed"),
    (
        "payload.opened",
        "Contenu scellé ouvert",
        "Sealed content opened",
    ),
    ("person.changed", "Personne changée", "Person changed"),
    ("person.invited", "Personne invitée", "Person invited"),
    (
        "person.linked",
        "Compte lié au fournisseur d'identité",
        "Account linked to the provider of identities",
    ),
    (
        "person.password_changed",
        "Mot de passe changé",
        "Password changed",
    ),
    (
        "person.password_chosen",
        "Mot de passe choisi",
        "Password chosen",
    ),
    (
        "person.recovery_code_used",
        "Code de secours utilisé",
        "Recovery code used",
    ),
    (
        "person.script_key_made",
        "Clé pour scripts créée",
        "Key for scripts made",
    ),
    (
        "person.second_factor_set",
        "Second facteur réglé",
        "Second factor set",
    ),
    (
        "person.session_ended",
        "Session fermée à distance",
        "Session ended from afar",
    ),
    (
        "person.sign_in_failed",
        "Connexion refusée",
        "Sign-in refused",
    ),
    ("person.signed_in", "Connexion", "Signed in"),
    ("person.signed_out", "Déconnexion", "Signed out"),
    ("privacy.erased", "Effacé (RGPD)", "Erased (GDPR)"),
    (
        "privacy.exported",
        "Copie remise (RGPD)",
        "Copy handed out (GDPR)",
    ),
    (
        "privacy.searched",
        "Recherche d'une personne (RGPD)",
        "Search for a person (GDPR)",
    ),
    ("report.daily", "Rapport du jour", "Daily report"),
    (
        "retention.purged",
        "Fin de conservation : effacé",
        "Retention over: erased",
    ),
    (
        "route_override.created",
        "OPCO d'un employeur décidé",
        "OPCO of an employer decided",
    ),
    (
        "route_override.ended",
        "Décision sur un employeur levée",
        "Decision about an employer ended",
    ),
    (
        "rule_override.put",
        "Effet d'une règle changé",
        "Effect of a rule changed",
    ),
    (
        "rule_override.removed",
        "Effet d'une règle rétabli",
        "Effect of a rule restored",
    ),
    ("site.changed", "Site changé", "Site changed"),
    ("site.closed", "Site fermé", "Site closed"),
    ("site.created", "Site créé", "Site made"),
    (
        "site.moved",
        "Site passé à un autre CFA",
        "Site moved to another training centre",
    ),
    ("site.reopened", "Site rouvert", "Site opened again"),
    (
        "software.put",
        "Compte logiciel enregistré",
        "Software account recorded",
    ),
    ("webhook.created", "Webhook créé", "Webhook made"),
    ("webhook.deleted", "Webhook supprimé", "Webhook deleted"),
    ("webhook.disabled", "Webhook arrêté", "Webhook stopped"),
    (
        "webhook.enabled",
        "Webhook remis en marche",
        "Webhook enabled again",
    ),
    (
        "webhook.parked",
        "Événement mis de côté pour un webhook",
        "Event put aside for a webhook",
    ),
    ("webhook.replayed", "Webhook rejoué", "Webhook replayed"),
    (
        "webhook.retried",
        "Événement renvoyé à un webhook",
        "Event sent again to a webhook",
    ),
    (
        "webhook.rotated",
        "Secret d'un webhook changé",
        "Secret of a webhook changed",
    ),
    ("webhook.updated", "Webhook changé", "Webhook changed"),
];

/// Returns what people call a kind of event; nothing for a word that is none.
pub fn name(kind: &str, language: Language) -> Option<&'static str> {
    let found = KINDS.iter().find(|(word, _, _)| *word == kind);
    found.map(|(_, fr, en)| language.of(*fr, *en))
}

/// Returns whether the gateway opened sealed content by itself, to do its work: nobody saw it.
pub fn is_own_opening(kind: &str, actor: &str) -> bool {
    kind == OPENED && actor == GATEWAY
}

/// Says what the gateway opened sealed content for.
pub fn opened_for(why: &str, language: Language) -> &str {
    match why {
        "follow_up" => language.of(
            "juger ce qui suit le contrat",
            "judging what follows the contract",
        ),
        "same_call" => language.of(
            "reconnaître un envoi répété",
            "knowing a payload handed in again",
        ),
        "likeness" => language.of(
            "comparer avec un contrat qui lui ressemble",
            "comparing with a contract that resembles it",
        ),
        "certificate" => language.of("écrire le certificat", "writing the certificate"),
        "person" => language.of("une personne", "a person"),
        other => other,
    }
}
