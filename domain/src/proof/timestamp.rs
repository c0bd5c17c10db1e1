//! Time-stamps of checkpoints (RFC 3161): what is asked of an authority, and all that its answer must be before
//! it says that something existed. Revocation is asked of nobody: a verifier may be offline, years later.

mod certificate;
mod der;
mod token;

use aws_lc_rs::digest::{SHA256, digest};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, TrustAnchor};

use self::der::{BOOLEAN, INTEGER, OCTETS, OID, Reader, SEQUENCE, written};
use crate::clock::Timestamp;

/// The longest answer that is read, in bytes.
pub const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// The most certificates that are trusted at once.
const ANCHORS_MAX: usize = 32;
/// SHA-256.
const SHA_256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];

/// What is asked of an authority: to say when it saw this hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    imprint: [u8; 32],
    nonce: [u8; 8],
}

/// Who is trusted to say when something was seen: the certificates from which an authority's own descends.
#[derive(Debug, Clone)]
pub struct Authorities(Vec<TrustAnchor<'static>>);

/// What a time-stamp says, once all of it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// When the authority says it saw the hash.
    pub at: Timestamp,
    /// The same, as late as the authority's own accuracy allows: it existed before that.
    pub before: Timestamp,
    /// The authority, by the name in its certificate.
    pub authority: String,
}

/// Why a time-stamp says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Undated {
    /// It is none, or of a form this program does not read.
    #[error("ce n'est pas un jeton d'horodatage lisible")]
    Form,
    /// The authority answered, and gave none.
    #[error("l'autorité a refusé de dater")]
    Refused,
    /// It is of something else.
    #[error("le jeton date autre chose")]
    Imprint,
    /// It answers another query.
    #[error("le jeton répond à une autre demande")]
    Nonce,
    /// The signature is not of it, or not by the certificate it names.
    #[error("la signature du jeton est fausse")]
    Signature,
    /// The certificate that signed it is not one of a time-stamping authority.
    #[error("le certificat du signataire n'est pas celui d'une autorité d'horodatage")]
    Usage,
    /// The certificate that signed it does not descend from a trusted one.
    #[error("le certificat du signataire ne descend d'aucun certificat de confiance")]
    Stranger,
    /// The certificate was not valid when it signed.
    #[error("le certificat du signataire n'était pas valable à la date du jeton")]
    Expired,
}

impl Undated {
    /// Returns the stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Form => "form",
            Self::Refused => "refused",
            Self::Imprint => "imprint",
            Self::Nonce => "nonce",
            Self::Signature => "signature",
            Self::Usage => "usage",
            Self::Stranger => "stranger",
            Self::Expired => "expired",
        }
    }
}

/// The text holds no certificate that can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("il faut un ou plusieurs certificats X.509, en PEM")]
pub struct NoAuthority;

impl Authorities {
    /// Reads one or more certificates, in PEM.
    pub fn from_pem(pem: &[u8]) -> Result<Self, NoAuthority> {
        let mut anchors = Vec::new();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|_| NoAuthority)?;
            let anchor = webpki::anchor_from_trusted_cert(&certificate).map_err(|_| NoAuthority)?;
            anchors.push(anchor.to_owned());
        }
        if (1..=ANCHORS_MAX).contains(&anchors.len()) {
            Ok(Self(anchors))
        } else {
            Err(NoAuthority)
        }
    }
}

impl Query {
    /// Asks about a content; the nonce is any eight bytes nobody could foresee.
    pub fn new(of: &[u8], mut nonce: [u8; 8]) -> Self {
        // Positive, and in its shortest form: as whoever answers will write it.
        if let Some(first) = nonce.first_mut() {
            *first = *first & 0x3f | 0x40;
        }
        Self {
            imprint: imprint(of),
            nonce,
        }
    }

    /// Writes it as it is sent.
    pub fn to_der(&self) -> Vec<u8> {
        let algorithm = written(SEQUENCE, &written(OID, SHA_256));
        let imprint = [algorithm, written(OCTETS, &self.imprint)].concat();
        let parts = [
            written(INTEGER, &[1]),
            written(SEQUENCE, &imprint),
            written(INTEGER, &self.nonce),
            // With the certificate that signs: what is kept must be enough to verify it.
            written(BOOLEAN, &[0xff]),
        ];
        written(SEQUENCE, &parts.concat())
    }

    /// Reads what an authority answered. Returns the token to keep, and what it says.
    ///
    /// # Errors
    /// Whatever is not as it must be: nothing of it is then to be kept.
    pub fn read(&self, answer: &[u8], trusted: &Authorities) -> Result<(Vec<u8>, Stamp), Undated> {
        let token = granted(answer)?;
        let stamp = token::verify(token, &self.imprint, Some(&self.nonce), trusted)?;
        Ok((token.to_vec(), stamp))
    }
}

impl Stamp {
    /// Verifies a token that was kept: that it is of this content, and by whom and when it was signed.
    pub fn verify(token: &[u8], of: &[u8], trusted: &Authorities) -> Result<Self, Undated> {
        token::verify(token, &imprint(of), None, trusted)
    }

    /// Verifies no more than that a token is of this content: what it says of the date is nobody's word yet.
    pub fn is_of(token: &[u8], of: &[u8]) -> bool {
        token::is_of(token, &imprint(of))
    }
}

fn imprint(of: &[u8]) -> [u8; 32] {
    let mut imprint = [0; 32];
    for (to, from) in imprint.iter_mut().zip(digest(&SHA256, of).as_ref()) {
        *to = *from;
    }
    imprint
}

/// Returns the token of an answer, if there is one.
fn granted(answer: &[u8]) -> Result<&[u8], Undated> {
    if answer.len() > ANSWER_BYTES_MAX {
        return Err(Undated::Form);
    }
    let mut inside = Reader::only(answer, SEQUENCE)
        .ok_or(Undated::Form)?
        .inside();
    let status = inside.take(SEQUENCE).ok_or(Undated::Form)?;
    // Granted, or granted with changes: what was changed shows in the token.
    match status.inside().small(INTEGER).ok_or(Undated::Form)? {
        0 | 1 => {}
        _ => return Err(Undated::Refused),
    }
    let token = inside.take(SEQUENCE).ok_or(Undated::Form)?;
    if inside.is_empty() {
        Ok(token.whole)
    } else {
        Err(Undated::Form)
    }
}

#[cfg(test)]
mod tests;
