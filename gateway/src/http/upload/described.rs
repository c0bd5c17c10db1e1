//! What the published document says of bodies with a file. Nothing is read with these types.

use utoipa::ToSchema;

use crate::http::words;

/// A payload of the norm, at the root, with its file in base64 beside it.
#[derive(Debug, ToSchema)]
#[expect(
    dead_code,
    reason = "describes, in the published document, what `upload` and `follow_ups` read"
)]
pub(crate) struct PayloadWithFile {
    /// The file.
    fichier: Option<Fichier>,
    /// The delivery of the contract it belongs to.
    #[schema(value_type = Option<String>, format = Uuid)]
    livraison_contrat: Option<String>,
    /// The OPCO, for a dossier that was filed elsewhere.
    #[schema(value_type = Option<words::Opco>)]
    opco: Option<String>,
}

/// A file in JSON.
#[derive(Debug, ToSchema)]
#[expect(
    dead_code,
    reason = "describes, in the published document, what `upload` reads"
)]
pub(crate) struct Fichier {
    /// Its name.
    #[schema(max_length = 255, example = "convention.pdf")]
    nom: Option<String>,
    /// Its bytes, in base64.
    #[schema(format = Byte)]
    contenu: String,
}

/// The parts of a payload of any kind.
#[derive(Debug, ToSchema)]
#[expect(
    dead_code,
    reason = "describes, in the published document, what `upload` reads"
)]
pub(crate) struct AnyForm {
    /// The payload, as a text of JSON.
    #[schema(content_media_type = "application/json")]
    convention: Option<String>,
    /// The payload, as a text of JSON.
    #[schema(content_media_type = "application/json")]
    facture: Option<String>,
    /// The payload, as a text of JSON.
    #[schema(content_media_type = "application/json")]
    certificat: Option<String>,
    /// The payload, as a text of JSON.
    #[schema(rename = "infosFichier", content_media_type = "application/json")]
    infos_fichier: Option<String>,
    /// The file: PDF, JPEG or PNG.
    #[schema(format = Binary)]
    fichier: Option<String>,
}

macro_rules! forms {
    ($($(#[$doc:meta])* $name:ident { $part:ident = $wire:literal })+) => {$(
        $(#[$doc])*
        #[derive(Debug, ToSchema)]
        #[expect(
            dead_code,
            reason = "describes, in the published document, what `upload` reads"
        )]
        pub(crate) struct $name {
            /// The payload, as a text of JSON.
            #[schema(rename = $wire, content_media_type = "application/json")]
            $part: String,
            /// The file: PDF, JPEG or PNG.
            #[schema(format = Binary)]
            fichier: Option<String>,
        }
    )+};
}

forms! {
    /// The parts of a training agreement.
    ConventionForm { convention = "convention" }
    /// The parts of an invoice.
    FactureForm { facture = "facture" }
    /// The parts of a document.
    DocumentForm { infos_fichier = "infosFichier" }
    /// The parts of a certificate of completion.
    CertificatForm { certificat = "certificat" }
}
