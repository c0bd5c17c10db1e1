//! The other payloads of the norm: training agreement, invoice, certificate, document, termination
//! (protocol §9 to §13). The contract is [`crate::dossier`].
//!
//! Each is read from the received bytes with everything that is wrong at once, and written back in
//! the strict wire form, unknown fields included. What is missing is for the rules to say.

mod certificat;
mod convention;
mod document;
mod facture;
mod numeros;
mod parties;
mod rupture;

use serde_json::Value;

pub use self::certificat::{Certificat, EcheanceCertifiee, RepresentantLegal, TypeCertificat};
pub use self::convention::{ContratConvenu, Convention, Couts, FormationConvenue};
pub use self::document::{InfosFichier, Objet, TypeFichier, TypeObjet};
pub use self::facture::{Facture, Ligne, NatureLigne, TypeFacture};
pub use self::numeros::Numero;
pub use self::parties::{ApprentiDesigne, CfaDesigne, EmployeurDesigne};
pub use self::rupture::{ContratRompu, MotifRupture, Rupture};
use crate::delivery::Kind;
use crate::dossier::Dossier;
use crate::finding::Finding;
use crate::form::wire::Shape as _;
use crate::form::{FieldOutline, SyntaxError};
use crate::siret::Siret;

/// A payload as far as it could be read, and all that is wrong with its form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading<T> {
    /// What could be read; a field in error is empty here and raw in its block's `extra`.
    pub payload: T,
    /// Every error of form, in the order of the body.
    pub findings: Vec<Finding>,
}

/// Any payload of the norm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// A contract.
    Dossier(Box<Dossier>),
    /// A training agreement.
    Convention(Box<Convention>),
    /// An invoice or a credit note.
    Facture(Box<Facture>),
    /// A certificate of completion.
    Certificat(Box<Certificat>),
    /// What a document is and what it belongs to.
    Document(Box<InfosFichier>),
    /// An early termination.
    Rupture(Box<Rupture>),
}

impl Payload {
    /// Reads a payload of a known kind: see [`Dossier::read`].
    pub fn read(kind: Kind, body: &[u8]) -> Result<Reading<Self>, SyntaxError> {
        fn boxed<T>(reading: Reading<T>, variant: fn(Box<T>) -> Payload) -> Reading<Payload> {
            Reading {
                payload: variant(Box::new(reading.payload)),
                findings: reading.findings,
            }
        }
        Ok(match kind {
            Kind::Dossier => {
                let reading = Dossier::read(body)?;
                Reading {
                    payload: Self::Dossier(Box::new(reading.dossier)),
                    findings: reading.findings,
                }
            }
            Kind::Convention => boxed(Convention::read(body)?, Self::Convention),
            Kind::Facture => boxed(Facture::read(body)?, Self::Facture),
            Kind::Certificat => boxed(Certificat::read(body)?, Self::Certificat),
            Kind::Document => boxed(InfosFichier::read(body)?, Self::Document),
            Kind::Rupture => boxed(Rupture::read(body)?, Self::Rupture),
        })
    }

    /// Returns the strict wire form.
    pub fn write(&self) -> Value {
        match self {
            Self::Dossier(dossier) => dossier.write(),
            Self::Convention(convention) => convention.write(),
            Self::Facture(facture) => facture.write(),
            Self::Certificat(certificat) => certificat.write(),
            Self::Document(document) => document.write(),
            Self::Rupture(rupture) => rupture.write(),
        }
    }

    /// Returns what it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Dossier(_) => Kind::Dossier,
            Self::Convention(_) => Kind::Convention,
            Self::Facture(_) => Kind::Facture,
            Self::Certificat(_) => Kind::Certificat,
            Self::Document(_) => Kind::Document,
            Self::Rupture(_) => Kind::Rupture,
        }
    }

    /// Returns the training centre's establishment, by which the CFA key is found. A document names
    /// none.
    pub fn siret_cfa(&self) -> Option<Siret> {
        match self {
            Self::Dossier(dossier) => dossier.siret_cfa(),
            Self::Convention(convention) => convention.organisme_formation.siret,
            Self::Facture(facture) => facture.siret_emetteur,
            Self::Certificat(certificat) => certificat.organisme_formation.siret,
            Self::Document(_) => None,
            Self::Rupture(rupture) => rupture.organisme_formation.siret,
        }
    }

    /// Returns the employer's establishment. An invoice and a document name none: their OPCO is that
    /// of their dossier.
    pub fn siret_employeur(&self) -> Option<Siret> {
        match self {
            Self::Dossier(dossier) => dossier.siret_employeur(),
            Self::Convention(convention) => convention.employeur.siret,
            Self::Certificat(certificat) => certificat.employeur.siret,
            Self::Rupture(rupture) => rupture.employeur.siret,
            Self::Facture(_) | Self::Document(_) => None,
        }
    }
}

/// Returns the fields of a kind of payload, blocks before what they hold.
pub fn fields(kind: Kind) -> Vec<FieldOutline> {
    let mut found = Vec::new();
    match kind {
        Kind::Dossier => Dossier::outline("", &mut found),
        Kind::Convention => Convention::outline("", &mut found),
        Kind::Facture => Facture::outline("", &mut found),
        Kind::Certificat => Certificat::outline("", &mut found),
        Kind::Document => InfosFichier::outline("", &mut found),
        Kind::Rupture => Rupture::outline("", &mut found),
    }
    // Only read there, as a mistake of one client; its place is in the contract.
    found.retain(|field| !field.pointer.starts_with("/maitre2"));
    found
}

/// Returns the name of the multipart part that holds the JSON of a kind, where the norm has one
/// (protocol §4). The file's own part is always `fichier`.
pub fn part_name(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Dossier | Kind::Rupture => None,
        Kind::Convention => Some("convention"),
        Kind::Facture => Some("facture"),
        Kind::Certificat => Some("certificat"),
        Kind::Document => Some("infosFichier"),
    }
}

/// Gives a block that is a whole payload its reading and its writing.
macro_rules! whole {
    ($type:ident, $wire:literal, $label:literal) => {
        impl $type {
            /// Reads a payload in one pass over its bytes.
            ///
            /// Values that are not of the norm's form are findings, all of them at once, each at its
            /// JSON Pointer. A body that cannot be read at all is a
            /// [`SyntaxError`](crate::form::SyntaxError).
            pub fn read(
                body: &[u8],
            ) -> Result<$crate::payload::Reading<Self>, $crate::form::SyntaxError> {
                use $crate::form::field::Field;

                static BODY: Field = Field::new($wire, $label);
                let (payload, report) = $crate::form::read(body, &BODY)?;
                Ok($crate::payload::Reading {
                    payload,
                    findings: report.into_findings(),
                })
            }

            /// Returns the strict wire form: canonical spellings, unknown fields forwarded.
            pub fn write(&self) -> serde_json::Value {
                $crate::form::wire::Shape::write(self)
            }
        }
    };
}
pub(crate) use whole;
