//! Who calls, and calls and replies as they travel. Nothing here prints a payload, a key or a token.

use std::fmt;
use std::time::Duration;

use domain::{Environment, Secret};
use reqwest::Url;
use reqwest::header::HeaderMap;

use crate::fichier::Fichier;

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
    pub body: Option<Body>,
}

/// The body of a call. Its `Debug` shows only how long it is.
#[derive(Clone)]
pub enum Body {
    /// All of it is here.
    Whole(Vec<u8>),
    /// A file stands in the middle, read when it is sent.
    WithFile {
        /// What comes before the file.
        before: Vec<u8>,
        /// The file.
        fichier: Fichier,
        /// What comes after.
        after: Vec<u8>,
    },
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

impl Body {
    /// Returns how long it is.
    pub fn bytes(&self) -> u64 {
        let length = |part: &Vec<u8>| u64::try_from(part.len()).unwrap_or(u64::MAX);
        match self {
            Self::Whole(bytes) => length(bytes),
            Self::WithFile {
                before,
                fichier,
                after,
            } => length(before)
                .saturating_add(fichier.bytes())
                .saturating_add(length(after)),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.bytes())
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("method", &self.method)
            .field("host", &self.url.host_str())
            .field("route", &self.route)
            .field("body_bytes", &self.body.as_ref().map(Body::bytes))
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
