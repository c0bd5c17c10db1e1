//! Answers of a real authority (OpenSSL, `testdata/make`), and that nothing altered passes.

use super::certificate::Certificate;
use super::*;

const NOTE: &[u8] = include_bytes!("testdata/note");
const ELLIPTIC: &[u8] = include_bytes!("testdata/elliptic.der");
const RSA: &[u8] = include_bytes!("testdata/rsa.der");
const ELDERLY: &[u8] = include_bytes!("testdata/elderly.der");
const EXPIRED: &[u8] = include_bytes!("testdata/expired.der");
const REFUSED: &[u8] = include_bytes!("testdata/refused.der");
const ROOT: &[u8] = include_bytes!("testdata/root.pem");
const STRANGER: &[u8] = include_bytes!("testdata/stranger.pem");

fn trusted(pem: &[u8]) -> Authorities {
    Authorities::from_pem(pem).unwrap()
}

fn asked() -> Query {
    Query::new(NOTE, *b"ABCDEFGH")
}

#[test]
fn a_query_is_written_as_openssl_reads_it() {
    let der = asked().to_der();
    let head =
        b"\x30\x41\x02\x01\x01\x30\x2f\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x04\x20";
    let tail = b"\x02\x08ABCDEFGH\x01\x01\xff";
    assert_eq!(der, [head.as_slice(), &imprint(NOTE), tail].concat());
    for first in [0, 0x80, 0xff] {
        let der = Query::new(NOTE, [first; 8]).to_der();
        let nonce = der.iter().rev().nth(10).unwrap();
        assert!(
            (0x40..=0x7f).contains(nonce),
            "positive and in its shortest form"
        );
    }
}

#[test]
fn an_authority_is_believed_once_all_holds() {
    let trusted = trusted(ROOT);
    for (answer, name) in [(ELLIPTIC, "elliptic"), (RSA, "rsa"), (ELDERLY, "elliptic")] {
        let (token, stamp) = asked().read(answer, &trusted).unwrap();
        assert_eq!(stamp.authority, name);
        assert_eq!(
            stamp.before,
            stamp.at + jiff::SignedDuration::from_millis(1_500)
        );
        assert!(stamp.at > "2026-11-01T00:00:00Z".parse().unwrap());
        assert_eq!(Stamp::verify(&token, NOTE, &trusted), Ok(stamp));
        assert!(Stamp::is_of(&token, NOTE) && !Stamp::is_of(&token, b"another"));
    }
}

#[test]
fn every_reason_not_to_believe_has_its_word() {
    let trusted = trusted(ROOT);
    let other = Query::new(b"another", *b"ABCDEFGH");
    assert_eq!(other.read(ELLIPTIC, &trusted), Err(Undated::Imprint));
    let other = Query::new(NOTE, *b"ABCDEFGI");
    assert_eq!(other.read(ELLIPTIC, &trusted), Err(Undated::Nonce));
    assert_eq!(asked().read(EXPIRED, &trusted), Err(Undated::Expired));
    assert_eq!(asked().read(REFUSED, &trusted), Err(Undated::Refused));
    let stranger = self::trusted(STRANGER);
    assert_eq!(asked().read(ELLIPTIC, &stranger), Err(Undated::Stranger));
    assert_eq!(asked().read(b"", &trusted), Err(Undated::Form));
    assert_eq!(
        asked().read(&vec![0x30; ANSWER_BYTES_MAX + 1], &trusted),
        Err(Undated::Form)
    );
}

#[test]
fn only_a_certificate_for_time_stamping_alone_will_do() {
    let is_for_stamping = |pem: &[u8]| {
        let der = CertificateDer::pem_slice_iter(pem).next().unwrap().unwrap();
        Certificate::read(&der).unwrap().is_for_stamping()
    };
    assert!(is_for_stamping(include_bytes!("testdata/elliptic.pem")));
    for pem in [
        include_bytes!("testdata/both.pem").as_slice(),
        include_bytes!("testdata/calm.pem"),
        ROOT,
    ] {
        assert!(!is_for_stamping(pem));
    }
}

#[test]
fn what_is_no_certificate_is_not_trusted() {
    for pem in [
        &b""[..],
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        assert_eq!(Authorities::from_pem(pem).err(), Some(NoAuthority));
    }
    assert!(Authorities::from_pem(&[ROOT, STRANGER].concat()).is_ok());
}

/// What is around the signature (the list of hashes, a certificate that is not needed) may change without
/// changing what is said; nothing else may.
#[test]
fn no_byte_can_be_changed_into_another_statement() {
    let trusted = trusted(ROOT);
    for answer in [ELLIPTIC, RSA] {
        let (_, said) = asked().read(answer, &trusted).unwrap();
        let mut refused = 0;
        for place in 0..answer.len() {
            let mut altered = answer.to_vec();
            altered[place] ^= 1 << (place % 8);
            match asked().read(&altered, &trusted) {
                Ok((_, stamp)) => assert_eq!(stamp, said, "byte {place}"),
                Err(_) => refused += 1,
            }
        }
        assert!(
            refused > answer.len() * 9 / 10,
            "{refused} of {}",
            answer.len()
        );
        for end in 0..answer.len() {
            assert!(asked().read(&answer[..end], &trusted).is_err());
        }
        assert!(asked().read(&[answer, b"\0"].concat(), &trusted).is_err());
    }
}
