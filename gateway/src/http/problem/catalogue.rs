//! Every problem the native API can answer: stable code, status, French text, who must act.

use actix_web::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

/// Who can mend a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Actor {
    /// Who sends: the ERP, or the person who fills it in.
    Expediteur,
    /// The network's administrators: keys, rights, choices of OPCO.
    Reseau,
    /// Who runs this gateway.
    Exploitant,
    /// Nobody: it passes.
    Personne,
}

impl Actor {
    /// Returns the stable word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Expediteur => "expediteur",
            Self::Reseau => "reseau",
            Self::Exploitant => "exploitant",
            Self::Personne => "personne",
        }
    }
}

/// What the catalogue says of one problem.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    /// The HTTP status.
    pub(crate) status: StatusCode,
    /// The stable code, also the last part of `type`.
    pub(crate) slug: &'static str,
    /// The title, in French, the same for every occurrence.
    pub(crate) title: &'static str,
    /// What to do, in French.
    pub(crate) remedy: &'static str,
    /// Who can mend it.
    pub(crate) actor: Actor,
    /// Whether the same request, unchanged, may succeed later.
    pub(crate) retryable: bool,
}

macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident = $status:ident, $slug:literal, $actor:ident, $retryable:literal,
       $title:literal, $remedy:literal;)+) => {
        /// Why a request was refused. The list is closed: a new refusal is a new variant.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Code { $($(#[$doc])* $name,)+ }

        impl Code {
            /// Every problem, in the order of the catalogue.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Returns what the catalogue says of it.
            pub(crate) fn entry(self) -> Entry {
                match self {
                    $(Self::$name => Entry {
                        status: StatusCode::$status,
                        slug: $slug,
                        title: $title,
                        remedy: $remedy,
                        actor: Actor::$actor,
                        retryable: $retryable,
                    },)+
                }
            }
        }
    };
}

problems! {
    /// A query, path or header that cannot be read.
    InvalidRequest = BAD_REQUEST, "requete-invalide", Expediteur, false,
        "La requête est mal formée.",
        "Corrigez le paramètre ou l'en-tête indiqué, puis renvoyez la requête.";
    /// A body that is not JSON, or breaks the bounds on depth, count or keys.
    InvalidJson = BAD_REQUEST, "json-invalide", Expediteur, false,
        "Le corps n'est pas un document JSON lisible.",
        "Corrigez le document à la ligne et à la colonne indiquées, puis renvoyez-le.";
    /// A multipart body whose parts are not the ones expected.
    InvalidParts = BAD_REQUEST, "parties-invalides", Expediteur, false,
        "Les parties de l'envoi ne sont pas celles attendues.",
        "Envoyez en multipart/form-data une partie JSON au nom du payload et une partie « fichier ».";
    /// A row of a batch without a key of its own.
    IdempotencyMissing = BAD_REQUEST, "cle-idempotence-requise", Expediteur, false,
        "Cette ligne n'a pas de clé d'idempotence.",
        "Ajoutez « idempotency_key » à la racine de la ligne, ou l'en-tête « Idempotency-Key » à la \
         requête.";
    /// No credential at all.
    Unauthenticated = UNAUTHORIZED, "authentification-requise", Expediteur, false,
        "La requête ne porte pas de clé d'API.",
        "Ajoutez l'en-tête « Authorization: Bearer cfg_… » ou « X-API-KEY ».";
    /// A credential that opens nothing.
    UnknownKey = UNAUTHORIZED, "cle-api-inconnue", Expediteur, false,
        "La clé d'API n'est pas reconnue.",
        "Vérifiez la clé configurée dans l'ERP ; au besoin, demandez-en une nouvelle au réseau.";
    /// A credential that was taken back.
    RevokedKey = UNAUTHORIZED, "cle-api-revoquee", Reseau, false,
        "La clé d'API a été révoquée.",
        "Demandez une nouvelle clé à l'administrateur du réseau.";
    /// A credential past its date.
    ExpiredKey = UNAUTHORIZED, "cle-api-expiree", Reseau, false,
        "La clé d'API a expiré.",
        "Demandez une nouvelle clé à l'administrateur du réseau.";
    /// A credential without the right asked for.
    Forbidden = FORBIDDEN, "action-interdite", Reseau, false,
        "La clé d'API n'a pas ce droit.",
        "Demandez à l'administrateur du réseau d'ajouter ce droit à la clé.";
    /// A payload for a site the credential does not cover.
    ForbiddenSite = FORBIDDEN, "site-interdit", Reseau, false,
        "La clé d'API ne couvre pas ce site.",
        "Utilisez la clé du site concerné, ou faites ajouter son SIRET à cette clé.";
    /// A new contract for a site that is closed.
    ClosedSite = FORBIDDEN, "site-ferme", Reseau, false,
        "Ce site est fermé.",
        "Déposez pour un site ouvert ; si le site a été fermé par erreur, un administrateur du réseau le \
         rouvre dans le tableau de bord. Ce qui suit un contrat déjà reçu est encore pris.";
    /// An object that does not exist, or belongs to someone else: the answer is the same.
    NotFound = NOT_FOUND, "introuvable", Expediteur, false,
        "Cet objet n'existe pas.",
        "Vérifiez l'identifiant et la clé d'API utilisée.";
    /// A path nobody serves.
    UnknownRoute = NOT_FOUND, "route-inconnue", Expediteur, false,
        "Cette adresse n'existe pas.",
        "Consultez la liste des adresses dans /openapi.json ou sur /docs.";
    /// A method the path does not serve.
    MethodNotAllowed = METHOD_NOT_ALLOWED, "methode-interdite", Expediteur, false,
        "Cette adresse ne connaît pas cette méthode.",
        "Utilisez une des méthodes de l'en-tête « Allow ».";
    /// A body that came too slowly.
    TooSlow = REQUEST_TIMEOUT, "envoi-trop-lent", Expediteur, true,
        "Le corps de la requête n'est pas arrivé à temps.",
        "Renvoyez la requête ; si cela se répète, vérifiez le réseau.";
    /// The same contract is already on its way (DUP-001).
    DuplicateDossier = CONFLICT, "dossier-en-double", Expediteur, false,
        "Cet envoi a déjà été reçu.",
        "Suivez la livraison existante ; ne renvoyez pas ce contenu.";
    /// The first request with this idempotency key has not ended.
    IdempotencyInProgress = CONFLICT, "idempotence-en-cours", Personne, true,
        "Une requête portant la même clé d'idempotence est en cours.",
        "Renvoyez la même requête dans quelques secondes.";
    /// The delivery is not in a state where this can be done.
    WrongState = CONFLICT, "etat-incompatible", Expediteur, false,
        "La livraison n'est pas dans un état qui permet cette action.",
        "Relisez la livraison et choisissez une action que son état permet.";
    /// A network that has as many webhooks as it may have.
    TooManyWebhooks = CONFLICT, "webhooks-au-complet", Expediteur, false,
        "Ce réseau a déjà le nombre maximal de webhooks.",
        "Supprimez un webhook qui ne sert plus, ou changez l'adresse d'un webhook existant.";
    /// A body or line over the limit.
    TooLarge = PAYLOAD_TOO_LARGE, "corps-trop-grand", Expediteur, false,
        "Le corps de la requête dépasse la taille permise.",
        "Découpez l'envoi ; la taille permise est indiquée dans le détail.";
    /// A file over the limit.
    FileTooLarge = PAYLOAD_TOO_LARGE, "fichier-trop-grand", Expediteur, false,
        "Le fichier dépasse la taille permise.",
        "Réduisez le fichier (numérisation moins fine, pages utiles seulement), puis renvoyez l'envoi.";
    /// A body of another type.
    UnsupportedMediaType = UNSUPPORTED_MEDIA_TYPE, "type-de-contenu-refuse", Expediteur, false,
        "Le type du corps n'est pas celui attendu.",
        "Indiquez le « Content-Type » attendu, en UTF-8 et sans compression.";
    /// A file of a kind no OPCO takes.
    FileTypeRefused = UNSUPPORTED_MEDIA_TYPE, "fichier-type-refuse", Expediteur, false,
        "Ce type de fichier n'est pas accepté.",
        "Convertissez le document en PDF (ou, hors facture, en JPEG ou en PNG), puis renvoyez l'envoi.";
    /// Findings that refuse the payload.
    Refused = UNPROCESSABLE_ENTITY, "payload-refuse", Expediteur, false,
        "Le payload ne peut pas être transmis en l'état.",
        "Corrigez les constats bloquants de la liste « constats », puis renvoyez le payload.";
    /// A file without anything in it.
    FileEmpty = UNPROCESSABLE_ENTITY, "fichier-vide", Expediteur, false,
        "Le fichier est vide.",
        "Joignez le document, puis renvoyez l'envoi.";
    /// A file whose content is not what its name says.
    FileDisguised = UNPROCESSABLE_ENTITY, "fichier-deguise", Expediteur, false,
        "Le contenu du fichier n'est pas ce qu'annonce son nom.",
        "Enregistrez le document dans le format annoncé : changer la fin du nom ne le convertit pas.";
    /// A file that stops before its end.
    FileTruncated = UNPROCESSABLE_ENTITY, "fichier-tronque", Expediteur, false,
        "Le fichier est tronqué ou abîmé.",
        "Ouvrez le document pour vérifier qu'il est entier, produisez-le de nouveau au besoin, puis \
         renvoyez l'envoi.";
    /// A PDF under a password.
    FileProtected = UNPROCESSABLE_ENTITY, "fichier-protege", Expediteur, false,
        "Le PDF est protégé.",
        "Enregistrez le PDF sans mot de passe ni restriction, puis renvoyez l'envoi.";
    /// The idempotency key was used with another content.
    IdempotencyReused = UNPROCESSABLE_ENTITY, "idempotence-autre-contenu", Expediteur, false,
        "Cette clé d'idempotence a déjà servi pour un autre contenu.",
        "Utilisez une nouvelle clé d'idempotence pour un nouveau contenu.";
    /// An action without what it needs.
    IncompleteAction = UNPROCESSABLE_ENTITY, "action-incomplete", Expediteur, false,
        "Il manque une information pour exécuter cette action.",
        "Complétez le champ indiqué, puis renvoyez la demande.";
    /// An address to which no event may be sent.
    WebhookAddress = UNPROCESSABLE_ENTITY, "adresse-webhook-refusee", Expediteur, false,
        "Aucun événement ne peut être envoyé à cette adresse.",
        "Donnez une adresse « https:// » publique, sans identifiant ni mot de passe ; pour un ERP \
         installé sur place, demandez à l'exploitant d'ouvrir son réseau.";
    /// Over the quota.
    TooMany = TOO_MANY_REQUESTS, "trop-de-requetes", Personne, true,
        "Le quota de requêtes de cette clé d'API est atteint.",
        "Attendez le délai de l'en-tête « Retry-After », puis renvoyez la requête.";
    /// As many payloads as the site, or the network, may hand in for now.
    CeilingReached = TOO_MANY_REQUESTS, "plafond-atteint", Reseau, true,
        "Le plafond d'envois du site ou du réseau est atteint.",
        "Attendez le délai de l'en-tête « Retry-After », puis renvoyez l'envoi ; un administrateur du \
         réseau peut relever le plafond dans le tableau de bord.";
    /// A fault of ours.
    Internal = INTERNAL_SERVER_ERROR, "erreur-interne", Exploitant, true,
        "La passerelle a rencontré une erreur.",
        "Renvoyez la requête avec la même clé d'idempotence ; si l'erreur persiste, transmettez \
         « trace_id » à l'exploitant.";
    /// The store cannot answer, or there is too much to do; nothing was kept.
    Unavailable = SERVICE_UNAVAILABLE, "service-indisponible", Personne, true,
        "La passerelle ne peut pas répondre pour le moment.",
        "Renvoyez la requête avec la même clé d'idempotence après le délai de « Retry-After » : ce qui a \
         pu être enregistré ne le sera pas deux fois.";
}

/// Returns the published page of problems, in Markdown.
pub(crate) fn page() -> String {
    let entries = Code::ALL.iter().map(|code| entry(*code));
    std::iter::once(PREAMBLE.to_owned())
        .chain(entries)
        .collect::<Vec<_>>()
        .join("\n")
}

/// Returns what the page says of one problem.
pub(crate) fn entry(code: Code) -> String {
    let Entry {
        status,
        slug,
        title,
        remedy,
        actor,
        retryable,
    } = code.entry();
    let actor = actor.as_str();
    let again = if retryable { "oui" } else { "non" };
    format!(
        "## {slug}\n\n**{status}** · {title}\n\n- Que faire : {remedy}\n- Qui agit : `{actor}`\n- \
         Renvoyer la même requête peut aboutir : {again}\n"
    )
}

const PREAMBLE: &str = "\
# Problèmes de l'API native

Chaque refus est un document `application/problem+json` (RFC 9457). `code` est stable : c'est lui
qu'un programme doit lire. `type` mène à l'entrée correspondante de cette page, servie par la
passerelle. Les autres membres :

- `detail` : ce qui s'est passé cette fois-ci ; `remedy` : que faire ; `actor` : qui peut agir
  (`expediteur`, `reseau`, `exploitant`, ou `personne` quand il suffit d'attendre) ;
- `retryable` : renvoyer la même requête, inchangée, peut aboutir ;
- `constats` : toutes les anomalies du payload, chacune avec son pointeur JSON (RFC 6901), sa règle,
  son message, que faire, qui agit ;
- `line` et `column` : l'endroit d'une erreur de syntaxe JSON ;
- `delivery` et `delivery_id` : la livraison existante, pour un conflit ;
- `pointer` : le champ en cause d'une requête qui n'est pas un payload ;
- `trace_id` : à donner à l'exploitant ; il figure dans ses journaux.

Cette page est produite à partir du catalogue du programme.
";

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::fmt::Write as _;

    use super::*;

    #[test]
    fn every_code_is_stable_and_used_once() {
        let slugs: HashSet<_> = Code::ALL.iter().map(|code| code.entry().slug).collect();
        assert_eq!(slugs.len(), Code::ALL.len());
        let mut list = String::new();
        for code in Code::ALL {
            let entry = code.entry();
            let _ = writeln!(
                list,
                "{} {} {} {}",
                entry.status.as_u16(),
                entry.slug,
                entry.actor.as_str(),
                entry.retryable
            );
        }
        insta::assert_snapshot!("problems", list);
    }

    #[test]
    fn the_committed_page_is_the_catalogue() {
        crate::http::snapshot::committed("../docs/problems.md", &page());
    }
}
