//! What is asked of an OPCO and what it answers: operations and answers in our words, calls and
//! replies as they travel. Nothing here prints a payload, a key or a token.

use std::fmt;
use std::time::Duration;

use domain::{Environment, Etat, NormVersion, Receipt, Secret, Siren};
use jiff::civil::Date;
use reqwest::Url;
use reqwest::header::HeaderMap;
use serde_json::Value;

/// One thing to ask of an OPCO (protocol §4).
#[derive(Clone, PartialEq)]
pub enum Operation {
    /// Its health and versions.
    Status,
    /// File a contract: the only operation here that writes.
    FileDossier {
        /// The version to file in.
        version: NormVersion,
        /// The canonical wire form, `{"cerfa": …}`.
        dossier: Value,
    },
    /// The states of all dossiers of the CFA.
    Etats {
        /// The version to read in.
        version: NormVersion,
        /// The page, from 1; version 1 has only one.
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

/// Who calls: the software, for which CFA, in which world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Production, or recette and simulators.
    pub environment: Environment,
    /// The software at this OPCO; not needed where the key alone is asked.
    pub software: Option<SoftwareCredential>,
    /// The key of this CFA at this OPCO.
    pub cfa_key: Secret,
    /// What the software calls itself.
    pub editor: Editor,
}

/// The OAuth client of a software at one OPCO (protocol §3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoftwareCredential {
    /// The client's id.
    pub client_id: String,
    /// Its secret.
    pub client_secret: Secret,
    /// Its RSA key for proofs of possession (PKCS#8, PEM); one is made when it is needed and absent.
    pub dpop_key: Option<Secret>,
}

/// The three mandatory headers (protocol §3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Editor {
    /// `EDITEUR`: who makes the software.
    pub editeur: String,
    /// `LOGICIEL`: the software.
    pub logiciel: String,
    /// `VERSION`: its version.
    pub version: String,
}

/// What an OPCO answered, read.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// To [`Operation::Status`].
    Status(ServiceStatus),
    /// To [`Operation::FileDossier`].
    Receipt(Receipt),
    /// To [`Operation::Etats`].
    Etats(Page),
    /// To [`Operation::Detail`].
    Detail(Box<DossierDetail>),
    /// To [`Operation::Liste`].
    Liste(Vec<DossierDetail>),
    /// To [`Operation::KeyInfo`].
    KeyInfo(KeyInfo),
}

/// An OPCO's word on its own health (protocol §14).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceStatus {
    /// `healthy`, `degraded`, `unhealthy`, or whatever it said.
    pub status: String,
    /// The versions it says it speaks.
    pub versions: Vec<String>,
    /// For how long it has been up.
    pub uptime_s: Option<u64>,
}

/// One page of states.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// The dossiers, in the OPCO's order.
    pub items: Vec<EtatDossier>,
    /// How many there are in all, when it says so.
    pub total: Option<u64>,
    /// Which page it says this is.
    pub page: Option<u64>,
    /// How many lines carried no number and could not be used.
    pub skipped: u32,
}

/// The state of one dossier (protocol §7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EtatDossier {
    /// The OPCO's technical number.
    pub numero_interne: String,
    /// The number of the business exchange.
    pub numero_externe: Option<String>,
    /// The State's deposit number.
    pub numero_deca: Option<String>,
    /// The state in our words; `None` when unknown or untold.
    pub etat: Option<Etat>,
    /// The state as the OPCO spelled it.
    pub etat_brut: Option<String>,
}

/// One dossier in full (protocol §7). It holds personal data: its `Debug` shows only the numbers.
#[derive(Clone, PartialEq)]
pub struct DossierDetail {
    /// The numbers and the state as spelled.
    pub numeros: Receipt,
    /// The state in our words.
    pub etat: Option<Etat>,
    /// What the OPCO says about the state.
    pub commentaire_etat: Option<String>,
    /// The contract as the OPCO holds it, blocks under their plain names.
    pub cerfa: Value,
    /// The amount committed, in cents.
    pub engagement_cents: Option<i64>,
    /// Free text.
    pub comment: Option<String>,
    /// The schedule.
    pub echeances: Vec<Echeance>,
    /// Invoicing details, as received.
    pub details_facturation: Option<Value>,
    /// Ancillary costs granted.
    pub engagements_frais_annexe: Vec<FraisAnnexe>,
    /// The members that are there but not of their type, by JSON Pointer.
    pub oddities: Vec<String>,
}

/// One line of the schedule; amounts in cents.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Echeance {
    /// Its number.
    pub numero: Option<i64>,
    /// The OPCO's own label, opaque.
    pub codification: Option<String>,
    /// From when it can be invoiced.
    pub date_ouverture: Option<Date>,
    /// The first day of the service.
    pub date_debut: Option<Date>,
    /// The last day of the service.
    pub date_fin: Option<Date>,
    /// The whole amount.
    pub montant_total_cents: Option<i64>,
    /// Of which tuition.
    pub dont_montant_pedagogie_cents: Option<i64>,
    /// Of which disability supplement.
    pub dont_majoration_rqth_cents: Option<i64>,
    /// Paid.
    pub montant_regle_cents: Option<i64>,
    /// Invoiced and under review.
    pub montant_en_cours_instruction_cents: Option<i64>,
    /// The CFA to be paid.
    pub siret_cfa: Option<String>,
    /// The account the OPCO knows.
    pub iban: Option<Secret>,
}

/// An ancillary cost granted; amounts in cents.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FraisAnnexe {
    /// Its nature, in capitals.
    pub nature_frais: Option<String>,
    /// How many, in hundredths.
    pub quantite_centiemes: Option<i64>,
    /// For one.
    pub prix_unitaire_cents: Option<i64>,
    /// For all.
    pub montant_total_cents: Option<i64>,
}

/// What an OPCO says of a CFA key (protocol §14).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo {
    /// Whether it knows the key.
    pub known: bool,
    /// The last day of validity.
    pub date_fin_validite: Option<Date>,
    /// What it adds.
    pub comment: Option<String>,
}

/// One request, ready to be sent. Its `Debug` leaves out query, secrets and body.
#[derive(Clone)]
pub struct Call {
    /// How.
    pub method: Method,
    /// The path of the norm, for logs and metrics: no number, no query.
    pub route: &'static str,
    /// Where, query included: never print it.
    pub url: Url,
    /// The headers, those that are secret marked so.
    pub headers: HeaderMap,
    /// The body.
    pub body: Option<Vec<u8>>,
}

/// The two methods the norm uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Writes.
    Post,
}

/// What came back, as it came. Its `Debug` leaves out the body.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The least delay the other side asked for.
    pub retry_after: Option<Duration>,
    /// Whether the body is all there.
    pub body_end: BodyEnd,
    /// The body, up to the limit.
    pub body: Vec<u8>,
}

/// How the reading of a body ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyEnd {
    /// All of it was read.
    Whole,
    /// The connection ended before it did.
    CutOff,
    /// The time was up before it ended.
    TimeUp,
    /// It is larger than what is accepted.
    TooLarge,
}

impl Operation {
    /// Returns the path of the norm this goes to, without numbers or query.
    pub fn route(&self) -> &'static str {
        match self {
            Self::Status => "/v1/status",
            Self::FileDossier {
                version: NormVersion::V1,
                ..
            }
            | Self::Detail {
                version: NormVersion::V1,
                ..
            } => "/v1/dossiers",
            Self::FileDossier {
                version: NormVersion::V2,
                ..
            }
            | Self::Detail {
                version: NormVersion::V2,
                ..
            } => "/v2/dossiers",
            Self::Etats {
                version: NormVersion::V1,
                ..
            } => "/v1/dossiers/etats",
            Self::Etats {
                version: NormVersion::V2,
                ..
            } => "/v2/dossiers/etats",
            Self::Liste { .. } => "/v1/dossiers/liste",
            Self::KeyInfo { .. } => "/v2/cfakeyinfo",
        }
    }

    /// Returns the version of the norm it is spoken in.
    pub fn version(&self) -> NormVersion {
        match self {
            Self::Status | Self::Liste { .. } => NormVersion::V1,
            Self::FileDossier { version, .. }
            | Self::Etats { version, .. }
            | Self::Detail { version, .. } => *version,
            Self::KeyInfo { .. } => NormVersion::V2,
        }
    }

    /// Returns whether the OPCO is changed by it.
    pub fn writes(&self) -> bool {
        matches!(self, Self::FileDossier { .. })
    }

    /// Returns whether an unknown dossier is a possible answer.
    pub(crate) fn names_a_dossier(&self) -> bool {
        matches!(self, Self::Detail { .. } | Self::Liste { .. })
    }
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.writes() { "POST" } else { "GET" };
        write!(f, "{verb} {}", self.route())
    }
}

impl fmt::Debug for DossierDetail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DossierDetail")
            .field("numeros", &self.numeros)
            .field("etat", &self.etat)
            .field("echeances", &self.echeances.len())
            .field("oddities", &self.oddities)
            .finish_non_exhaustive()
    }
}

impl Method {
    /// Returns the method's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

impl Call {
    /// Makes a call without headers or body.
    pub(crate) fn new(method: Method, route: &'static str, url: Url) -> Self {
        Self {
            method,
            route,
            url,
            headers: HeaderMap::new(),
            body: None,
        }
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("method", &self.method)
            .field("host", &self.url.host_str())
            .field("route", &self.route)
            .field("body_bytes", &self.body.as_ref().map(Vec::len))
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("status", &self.status)
            .field("retry_after", &self.retry_after)
            .field("body_end", &self.body_end)
            .field("body_bytes", &self.body.len())
            .finish()
    }
}
