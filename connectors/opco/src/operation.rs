//! What is asked of an OPCO, in our words. Nothing here prints a payload.

use std::fmt;

use domain::{Kind, NormVersion, Siren};
use serde_json::Value;

use crate::fichier::Fichier;

/// One thing to ask of an OPCO (protocol §4).
#[derive(Clone, PartialEq)]
pub enum Operation {
    /// Its health and versions.
    Status,
    /// File a contract.
    FileDossier {
        /// The version to file in.
        version: NormVersion,
        /// The canonical wire form, `{"cerfa": …}`.
        dossier: Value,
    },
    /// Hand over any other payload, with the file that goes with it.
    FilePiece {
        /// What it is.
        piece: Piece,
        /// The canonical wire form.
        payload: Value,
        /// The file, where there is one.
        fichier: Option<Fichier>,
    },
    /// The states of all dossiers of the CFA.
    Etats {
        /// The version to read in.
        version: NormVersion,
        /// The page, from 1; version 1 has only one.
        page: u32,
    },
    /// The states of all invoices of the CFA; version 2 only.
    FacturesEtats {
        /// The page, from 1.
        page: u32,
    },
    /// One dossier in full.
    Detail {
        /// The version to read in.
        version: NormVersion,
        /// The OPCO's number.
        numero_interne: String,
    },
    /// Several dossiers in full.
    Liste {
        /// The OPCO's numbers.
        numeros: Vec<String>,
    },
    /// Until when the CFA key is valid.
    KeyInfo {
        /// The CFA's company.
        siren: Siren,
    },
}

/// A payload that is no contract. Each has one route, in one version of the norm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Piece {
    /// A training agreement.
    Convention,
    /// An invoice or a credit note.
    Facture,
    /// A structured certificate.
    Certificat,
    /// Any document.
    Document,
    /// An early termination.
    Rupture,
}

impl Piece {
    /// Returns the piece of a kind of payload; a contract is none.
    pub fn of(kind: Kind) -> Option<Self> {
        match kind {
            Kind::Dossier => None,
            Kind::Convention => Some(Self::Convention),
            Kind::Facture => Some(Self::Facture),
            Kind::Certificat => Some(Self::Certificat),
            Kind::Document => Some(Self::Document),
            Kind::Rupture => Some(Self::Rupture),
        }
    }

    /// Returns the kind of payload it is.
    pub fn kind(self) -> Kind {
        match self {
            Self::Convention => Kind::Convention,
            Self::Facture => Kind::Facture,
            Self::Certificat => Kind::Certificat,
            Self::Document => Kind::Document,
            Self::Rupture => Kind::Rupture,
        }
    }

    fn route(self) -> &'static str {
        match self {
            Self::Convention => "/v1/conventions",
            Self::Facture => "/v1/factures",
            Self::Certificat => "/v2/certificats",
            Self::Document => "/v1/documents",
            Self::Rupture => "/v2/dossiers/rupture/employeur",
        }
    }
}

/// Every path of the norm that is called: the names under which a profile may spell one otherwise.
pub(crate) const ROUTES: [&str; 13] = [
    "/v1/status",
    "/v1/dossiers",
    "/v2/dossiers",
    "/v1/dossiers/etats",
    "/v2/dossiers/etats",
    "/v1/dossiers/liste",
    "/v1/conventions",
    "/v1/factures",
    "/v2/factures/etats",
    "/v2/certificats",
    "/v1/documents",
    "/v2/dossiers/rupture/employeur",
    "/v2/cfakeyinfo",
];

impl Operation {
    /// Hands over a payload of any kind. `version` counts for a contract only: every other kind has
    /// its route in one version.
    pub fn filing(
        kind: Kind,
        version: NormVersion,
        payload: Value,
        fichier: Option<Fichier>,
    ) -> Self {
        match Piece::of(kind) {
            None => Self::FileDossier {
                version,
                dossier: payload,
            },
            Some(piece) => Self::FilePiece {
                piece,
                payload,
                fichier,
            },
        }
    }

    /// Returns the path of the norm this goes to, without numbers or query; a profile may spell it
    /// otherwise on the wire.
    pub fn route(&self) -> &'static str {
        let of = |version: &NormVersion, v1, v2| match version {
            NormVersion::V1 => v1,
            NormVersion::V2 => v2,
        };
        match self {
            Self::Status => "/v1/status",
            Self::FileDossier { version, .. } | Self::Detail { version, .. } => {
                of(version, "/v1/dossiers", "/v2/dossiers")
            }
            Self::FilePiece { piece, .. } => piece.route(),
            Self::Etats { version, .. } => of(version, "/v1/dossiers/etats", "/v2/dossiers/etats"),
            Self::FacturesEtats { .. } => "/v2/factures/etats",
            Self::Liste { .. } => "/v1/dossiers/liste",
            Self::KeyInfo { .. } => "/v2/cfakeyinfo",
        }
    }

    /// Returns the version of the norm it is spoken in, unless the profile spells its path in the
    /// other: see [`Profile::version`](crate::Profile::version).
    pub fn version(&self) -> NormVersion {
        version_of(self.route())
    }

    /// Returns whether the OPCO is changed by it.
    pub fn writes(&self) -> bool {
        self.payload().is_some()
    }

    /// Returns what is handed over, of a write.
    pub(crate) fn payload(&self) -> Option<&Value> {
        match self {
            Self::FileDossier { dossier, .. } => Some(dossier),
            Self::FilePiece { payload, .. } => Some(payload),
            Self::Status
            | Self::Etats { .. }
            | Self::FacturesEtats { .. }
            | Self::Detail { .. }
            | Self::Liste { .. }
            | Self::KeyInfo { .. } => None,
        }
    }

    /// Returns whether an unknown dossier is a possible answer.
    pub(crate) fn names_a_dossier(&self) -> bool {
        matches!(self, Self::Detail { .. } | Self::Liste { .. })
    }
}

/// Returns the version a path is of.
pub(crate) fn version_of(path: &str) -> NormVersion {
    if path.starts_with("/v2/") {
        NormVersion::V2
    } else {
        NormVersion::V1
    }
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.writes() { "POST" } else { "GET" };
        write!(f, "{verb} {}", self.route())
    }
}
