//! The certificate that signed a time-stamp: what it may sign, and from whom it descends. Paths are built and
//! verified by `webpki`, the library that verifies those of TLS.

use std::time::Duration;

use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, Error, KeyUsage};

use super::der::{BOOLEAN, INTEGER, OCTETS, OID, Reader, SEQUENCE, context};
use super::{Authorities, Undated};
use crate::clock::Timestamp;

/// The extension that says what a certificate is for.
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
/// The extension that names a certificate's key.
const SUBJECT_KEY_ID: &[u8] = &[0x55, 0x1d, 0x0e];
/// What a time-stamping authority's is for.
const TIME_STAMPING: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x08];

/// The parts of a name that say it best, the best first: common name, organisation.
const NAMES: [&[u8]; 2] = [&[0x55, 0x04, 0x03], &[0x55, 0x04, 0x0a]];
/// The longest name that is shown.
const NAME_CHARS_MAX: usize = 100;
/// `UTF8String` and `PrintableString`.
const TEXTS: [u8; 2] = [0x0c, 0x13];

/// What is read of a certificate beside what `webpki` reads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Certificate<'a> {
    /// All of it.
    pub(super) der: &'a [u8],
    /// Who issued it, as it is written.
    pub(super) issuer: &'a [u8],
    /// Its number.
    pub(super) serial: &'a [u8],
    subject: Reader<'a>,
    extensions: Option<Reader<'a>>,
}

impl<'a> Certificate<'a> {
    /// Reads one (RFC 5280 §4.1).
    pub(super) fn read(der: &'a [u8]) -> Option<Self> {
        let mut whole = Reader::only(der, SEQUENCE)?.inside();
        let mut inside = whole.take(SEQUENCE)?.inside();
        inside.optional(context(0));
        let serial = inside.take(INTEGER)?.content;
        inside.take(SEQUENCE)?;
        let issuer = inside.take(SEQUENCE)?.whole;
        inside.take(SEQUENCE)?;
        let subject = inside.take(SEQUENCE)?.inside();
        inside.take(SEQUENCE)?;
        let mut extensions = None;
        while !inside.is_empty() {
            let part = inside.next()?;
            if part.tag == context(3) {
                extensions = Some(Reader::only(part.content, SEQUENCE)?.inside());
            }
        }
        Some(Self {
            der,
            issuer,
            serial,
            subject,
            extensions,
        })
    }

    /// Returns what an extension holds, and whether it is critical.
    fn extension(&self, name: &[u8]) -> Option<(&'a [u8], bool)> {
        for extension in self.extensions?.all(SEQUENCE)? {
            let mut inside = extension.inside();
            let found = inside.take(OID)?.content == name;
            let critical = inside.optional(BOOLEAN);
            let value = inside.take(OCTETS)?.content;
            if found {
                return Some((value, critical.is_some_and(|one| one.content == [0xff])));
            }
        }
        None
    }

    /// Returns the name of its key, where it says one.
    pub(super) fn key_id(&self) -> Option<&'a [u8]> {
        Some(Reader::only(self.extension(SUBJECT_KEY_ID)?.0, OCTETS)?.content)
    }

    /// Returns whether it is for time-stamping and for nothing else, and says so as something that must be
    /// understood (RFC 3161 §2.3).
    pub(super) fn is_for_stamping(&self) -> bool {
        let Some((usage, true)) = self.extension(EXTENDED_KEY_USAGE) else {
            return false;
        };
        let purposes = Reader::only(usage, SEQUENCE).and_then(|all| all.inside().all(OID));
        matches!(purposes.as_deref(), Some([only]) if only.content == TIME_STAMPING)
    }

    /// Returns by what name its owner is known to people.
    pub(super) fn name(&self) -> String {
        let found = NAMES.iter().find_map(|name| self.named(name));
        let found = found.unwrap_or_default();
        let shown = found.chars().filter(|c| !c.is_control());
        shown.take(NAME_CHARS_MAX).collect()
    }

    fn named(&self, name: &[u8]) -> Option<String> {
        let mut subject = self.subject;
        while !subject.is_empty() {
            let mut part = subject.next()?.inside().next()?.inside();
            if part.take(OID)?.content == name {
                let text = part.next().filter(|text| TEXTS.contains(&text.tag))?;
                return String::from_utf8(text.content.to_vec()).ok();
            }
        }
        None
    }

    /// Verifies that it descends from a trusted certificate, through these others, and that all were valid at
    /// an instant.
    pub(super) fn descends(
        &self,
        others: &[Self],
        trusted: &Authorities,
        at: Timestamp,
    ) -> Result<(), Undated> {
        let own = CertificateDer::from(self.der);
        let others: Vec<_> = others
            .iter()
            .filter(|one| one.der != self.der)
            .map(|one| CertificateDer::from(one.der))
            .collect();
        let seconds = u64::try_from(at.as_second()).map_err(|_| Undated::Expired)?;
        let at = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let certificate = EndEntityCert::try_from(&own).map_err(|_| Undated::Stranger)?;
        let verified = certificate.verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &trusted.0,
            &others,
            at,
            // Those above it need not say what it is for; where they do, it must be among that.
            KeyUsage::required_if_present(TIME_STAMPING),
            None,
            None,
        );
        match verified {
            Ok(_) => Ok(()),
            Err(Error::CertExpired { .. } | Error::CertNotValidYet { .. }) => Err(Undated::Expired),
            Err(_) => Err(Undated::Stranger),
        }
    }
}
