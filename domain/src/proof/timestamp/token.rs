//! The token itself: a statement (`TSTInfo`), signed (CMS `SignedData`). Each check in the order in which a
//! reader of RFC 3161 §2.4.2 and RFC 5652 §5.4 meets it.

use aws_lc_rs::digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA384, SHA512, digest};
use jiff::ToSpan as _;
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm};
use webpki::{EndEntityCert, aws_lc_rs as algorithms};

use super::certificate::Certificate;
use super::der::{
    GENERALIZED_TIME, INTEGER, OCTETS, OID, Reader, SEQUENCE, SET, context, context_primitive,
};
use super::{ANSWER_BYTES_MAX, Authorities, SHA_256, Stamp, Undated};
use crate::clock::Timestamp;

/// The most certificates a token may bring.
const CERTIFICATES_MAX: usize = 16;
/// Longer than any number this program sends.
const NONCE_BYTES_MAX: usize = 32;

// The names of what a token is made of, as their bytes stand in it.
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
const CONTENT_TYPE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x03];
const MESSAGE_DIGEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x04];
const STATEMENT: &[u8] = &[
    0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x04,
];
const CERTIFICATE: &[u8] = &[
    0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x02, 0x0c,
];
const CERTIFICATE_V2: &[u8] = &[
    0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x02, 0x2f,
];
const SHA_384: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02];
const SHA_512: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03];
/// What starts the names of RSA; the last byte says with which hash, or none.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
/// What starts the names of ECDSA.
const ECDSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03];

/// The statement.
struct Statement<'a> {
    imprint: &'a [u8],
    nonce: Option<&'a [u8]>,
    at: Timestamp,
    accuracy_ms: i64,
}

/// A token, taken apart and not verified yet.
struct Token<'a> {
    statement: &'a [u8],
    certificates: Vec<Certificate<'a>>,
    signer: Signer<'a>,
}

/// Who signed it, and how.
struct Signer<'a> {
    id: SignerId<'a>,
    hash: &'a [u8],
    attributes: Reader<'a>,
    /// The attributes as they are signed: under the tag of a set.
    signed: Vec<u8>,
    algorithm: &'a [u8],
    signature: &'a [u8],
}

/// How a signer names its certificate.
enum SignerId<'a> {
    Issued { issuer: &'a [u8], serial: &'a [u8] },
    Key(&'a [u8]),
}

/// Verifies all of a token.
pub(super) fn verify(
    token: &[u8],
    imprint: &[u8; 32],
    nonce: Option<&[u8; 8]>,
    trusted: &Authorities,
) -> Result<Stamp, Undated> {
    let token = Token::read(token).ok_or(Undated::Form)?;
    let statement = Statement::read(token.statement).ok_or(Undated::Form)?;
    if statement.imprint != imprint {
        return Err(Undated::Imprint);
    }
    if nonce.is_some_and(|nonce| statement.nonce != Some(nonce)) {
        return Err(Undated::Nonce);
    }
    let certificate = token.is_signed().ok_or(Undated::Signature)?;
    if !certificate.is_for_stamping() {
        return Err(Undated::Usage);
    }
    certificate.descends(&token.certificates, trusted, statement.at)?;
    let latest = statement.accuracy_ms.milliseconds();
    Ok(Stamp {
        at: statement.at,
        before: statement
            .at
            .checked_add(latest)
            .map_err(|_| Undated::Form)?,
        authority: certificate.name(),
    })
}

/// Returns whether a token speaks of this hash.
pub(super) fn is_of(token: &[u8], imprint: &[u8; 32]) -> bool {
    let statement = Token::read(token).and_then(|token| Statement::read(token.statement));
    statement.is_some_and(|statement| statement.imprint == imprint)
}

impl<'a> Statement<'a> {
    /// Reads `TSTInfo` (RFC 3161 §2.4.2).
    fn read(der: &'a [u8]) -> Option<Self> {
        let mut inside = Reader::only(der, SEQUENCE)?.inside();
        if inside.small(INTEGER)? != 1 {
            return None;
        }
        inside.take(OID)?;
        let mut imprint = inside.take(SEQUENCE)?.inside();
        let algorithm = imprint.algorithm()?;
        let hash = imprint.take(OCTETS)?.content;
        inside.take(INTEGER)?;
        let at = instant(inside.take(GENERALIZED_TIME)?.content)?;
        let accuracy = inside.optional(SEQUENCE);
        inside.optional(super::BOOLEAN);
        let nonce = inside.optional(INTEGER).map(|nonce| nonce.content);
        inside.optional(context(0));
        inside.optional(context(1));
        let whole = inside.is_empty() && imprint.is_empty() && algorithm == SHA_256;
        let short = nonce.is_none_or(|nonce| nonce.len() <= NONCE_BYTES_MAX);
        (whole && short).then_some(Self {
            imprint: hash,
            nonce,
            at,
            accuracy_ms: accuracy.map_or(Some(0), |one| milliseconds(one.inside()))?,
        })
    }
}

/// Reads how far an instant may be off, in milliseconds, rounded up.
fn milliseconds(mut accuracy: Reader<'_>) -> Option<i64> {
    let mut part = |tag| {
        let there = accuracy.optional(tag);
        match there {
            None => Some(0),
            Some(part) => Reader::new(part.whole).small(tag).map(i64::from),
        }
    };
    let seconds = part(INTEGER)?;
    let millis = part(context_primitive(0))?;
    let micros = part(context_primitive(1))?;
    let all = seconds * 1_000 + millis + i64::from(micros > 0);
    accuracy.is_empty().then_some(all)
}

/// Reads an instant as DER writes it: `YYYYMMDDhhmmss`, a fraction without a zero at its end, `Z`.
fn instant(text: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (whole, fraction) = text.split_at_checked(14)?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let fine = match fraction.strip_prefix('.') {
        Some(parts) => (1..=9).contains(&parts.len()) && digits(parts) && !parts.ends_with('0'),
        None => fraction.is_empty(),
    };
    if !fine || !digits(whole) {
        return None;
    }
    let part = |from: usize, to: usize| whole.get(from..to);
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    let (hour, minute, second) = (part(8, 10)?, part(10, 12)?, part(12, 14)?);
    format!("{year}-{month}-{day}T{hour}:{minute}:{second}{fraction}Z")
        .parse()
        .ok()
}

impl<'a> Token<'a> {
    /// Takes a token apart (RFC 5652 §3, §5.1).
    fn read(der: &'a [u8]) -> Option<Self> {
        if der.len() > ANSWER_BYTES_MAX {
            return None;
        }
        let mut outer = Reader::only(der, SEQUENCE)?.inside();
        let kind = outer.take(OID)?.content;
        let content = outer.take(context(0))?.content;
        let mut inside = Reader::only(content, SEQUENCE)?.inside();
        let version = inside.small(INTEGER)?;
        let hashes = inside.take(SET)?.inside();
        let mut held = inside.take(SEQUENCE)?.inside();
        let what = held.take(OID)?.content;
        let statement = Reader::only(held.take(context(0))?.content, OCTETS)?.content;
        let certificates = inside.take(context(0))?.inside().all(SEQUENCE)?;
        inside.optional(context(1));
        let signers = inside.take(SET)?.inside().all(SEQUENCE)?;
        let [signer] = signers.as_slice() else {
            return None;
        };
        let signer = Signer::read(signer.inside())?;
        let certificates: Option<Vec<_>> = certificates
            .iter()
            .map(|one| Certificate::read(one.whole))
            .collect();
        let certificates = certificates.filter(|all| all.len() <= CERTIFICATES_MAX)?;
        let whole = outer.is_empty() && inside.is_empty() && held.is_empty();
        let named = kind == SIGNED_DATA && what == STATEMENT && version == 3;
        (whole && named && announces(hashes, signer.hash)).then_some(Self {
            statement,
            certificates,
            signer,
        })
    }

    /// Returns the certificate that signed the statement, once its signature holds.
    fn is_signed(&self) -> Option<Certificate<'a>> {
        let signer = &self.signer;
        let hash = hash_named(signer.hash)?;
        let kind = signer.attribute(CONTENT_TYPE)?;
        let told = signer.attribute(MESSAGE_DIGEST)?;
        let told = Reader::only(told, OCTETS)?.content;
        let of_statement = Reader::only(kind, OID)?.content == STATEMENT;
        if !of_statement || told != digest(hash, self.statement).as_ref() {
            return None;
        }
        let mut certificates = self.certificates.iter();
        let certificate = *certificates.find(|one| signer.id.is(one))?;
        if !signer.names(&certificate)? {
            return None;
        }
        let der = CertificateDer::from(certificate.der);
        let verifier = EndEntityCert::try_from(&der).ok()?;
        let (message, signature) = (&signer.signed, signer.signature);
        let holds = |one: &&dyn SignatureVerificationAlgorithm| {
            verifier.verify_signature(*one, message, signature).is_ok()
        };
        let known = signature_algorithms(signer.algorithm, signer.hash);
        known.iter().any(holds).then_some(certificate)
    }
}

/// Returns whether the hash the signer used is among those that were announced.
fn announces(mut hashes: Reader<'_>, hash: &[u8]) -> bool {
    let mut found = false;
    while !hashes.is_empty() {
        let Some(one) = hashes.algorithm() else {
            return false;
        };
        found |= one == hash;
    }
    found
}

impl<'a> Signer<'a> {
    /// Reads `SignerInfo` (RFC 5652 §5.3).
    fn read(mut inside: Reader<'a>) -> Option<Self> {
        let version = inside.small(INTEGER)?;
        let id = if let Some(named) = inside.optional(SEQUENCE) {
            let mut named = named.inside();
            let issuer = named.take(SEQUENCE)?.whole;
            let serial = named.take(INTEGER)?.content;
            (version == 1 && named.is_empty()).then_some(SignerId::Issued { issuer, serial })?
        } else {
            let key = inside.take(context_primitive(0))?.content;
            (version == 3).then_some(SignerId::Key(key))?
        };
        let hash = inside.algorithm()?;
        let attributes = inside.take(context(0))?;
        let algorithm = inside.algorithm()?;
        let signature = inside.take(OCTETS)?.content;
        inside.optional(context(1));
        // What is signed is the same bytes under the tag of a set (RFC 5652 §5.4).
        let signed = [&[SET], attributes.whole.get(1..)?].concat();
        inside.is_empty().then_some(Self {
            id,
            hash,
            attributes: attributes.inside(),
            signed,
            algorithm,
            signature,
        })
    }

    /// Returns the one value of an attribute, which must be there once.
    fn attribute(&self, name: &[u8]) -> Option<&'a [u8]> {
        let mut found = None;
        for attribute in self.attributes.all(SEQUENCE)? {
            let mut inside = attribute.inside();
            if inside.take(OID)?.content != name {
                continue;
            }
            let mut values = inside.take(SET)?.inside();
            let value = values.next()?.whole;
            if found.is_some() || !values.is_empty() || !inside.is_empty() {
                return None;
            }
            found = Some(value);
        }
        found
    }

    /// Returns whether what is signed names this certificate by its hash (RFC 2634 §5.4, RFC 5035): another
    /// one of the same key would not do. One of the two forms must be there.
    fn names(&self, certificate: &Certificate<'_>) -> Option<bool> {
        let (old, new) = (self.attribute(CERTIFICATE), self.attribute(CERTIFICATE_V2));
        let mut holds = old.is_some() || new.is_some();
        for (value, v2) in [(old, false), (new, true)] {
            let Some(value) = value else { continue };
            let mut list = Reader::only(value, SEQUENCE)?.inside();
            let mut first = list.take(SEQUENCE)?.inside().take(SEQUENCE)?.inside();
            let hash: &'static Algorithm = match first.optional(SEQUENCE) {
                Some(named) if v2 => hash_named(Reader::new(named.whole).algorithm()?)?,
                None if v2 => &SHA256,
                _ => &SHA1_FOR_LEGACY_USE_ONLY,
            };
            holds &= first.take(OCTETS)?.content == digest(hash, certificate.der).as_ref();
        }
        Some(holds)
    }
}

impl SignerId<'_> {
    fn is(&self, certificate: &Certificate<'_>) -> bool {
        match self {
            Self::Issued { issuer, serial } => {
                certificate.issuer == *issuer && certificate.serial == *serial
            }
            Self::Key(key) => certificate.key_id() == Some(key),
        }
    }
}

fn hash_named(name: &[u8]) -> Option<&'static Algorithm> {
    match name {
        SHA_256 => Some(&SHA256),
        SHA_384 => Some(&SHA384),
        SHA_512 => Some(&SHA512),
        _ => None,
    }
}

/// Returns how a signature can be verified: the key of the certificate says which of these.
fn signature_algorithms(
    name: &[u8],
    hash: &[u8],
) -> Vec<&'static dyn SignatureVerificationAlgorithm> {
    let hash = match hash {
        SHA_256 => 0_usize,
        SHA_384 => 1,
        SHA_512 => 2,
        _ => return Vec::new(),
    };
    let rsa: [&'static dyn SignatureVerificationAlgorithm; 3] = [
        algorithms::RSA_PKCS1_2048_8192_SHA256,
        algorithms::RSA_PKCS1_2048_8192_SHA384,
        algorithms::RSA_PKCS1_2048_8192_SHA512,
    ];
    let p256: [&'static dyn SignatureVerificationAlgorithm; 3] = [
        algorithms::ECDSA_P256_SHA256,
        algorithms::ECDSA_P256_SHA384,
        algorithms::ECDSA_P256_SHA512,
    ];
    let p384: [&'static dyn SignatureVerificationAlgorithm; 3] = [
        algorithms::ECDSA_P384_SHA256,
        algorithms::ECDSA_P384_SHA384,
        algorithms::ECDSA_P384_SHA512,
    ];
    let of = |tables: &[[&'static dyn SignatureVerificationAlgorithm; 3]]| {
        tables
            .iter()
            .filter_map(|one| one.get(hash).copied())
            .collect()
    };
    let Some((last, family)) = name.split_last() else {
        return Vec::new();
    };
    // `rsaEncryption` names no hash; the others name the one that was announced.
    let (with_rsa, with_ecdsa) = ([11, 12, 13].get(hash), [2, 3, 4].get(hash));
    if family == RSA && (*last == 1 || Some(last) == with_rsa) {
        of(&[rsa])
    } else if family == ECDSA && Some(last) == with_ecdsa {
        of(&[p256, p384])
    } else {
        Vec::new()
    }
}
