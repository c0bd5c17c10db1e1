//! Bodies of several parts, whole, cut anywhere, and broken.

use super::*;

const BODY: &str = "preamble\r\n--x1\r\nContent-Disposition: form-data; name=\"facture\"\r\n\r\n\
{\"numero\": \"F-1\"}\r\n--x1  \r\ncontent-disposition: form-data; name=fichier; filename=\"a.pdf\"\r\n\
Content-Type: application/pdf\r\n\r\n%PDF-1.7\r\n--x\r\n--x2\r\nend\r\n--x1--\r\nepilogue";

fn parse(body: &[u8], step: usize) -> Result<Parts, Refusal> {
    let mut reader = Reader::new("x1");
    for chunk in body.chunks(step) {
        reader.take(chunk)?;
    }
    reader.finish()
}

#[test]
fn a_body_is_the_same_however_it_is_cut() {
    for step in 1..=BODY.len() {
        let parts = parse(BODY.as_bytes(), step).unwrap();
        assert_eq!(parts.field("facture").unwrap(), b"{\"numero\": \"F-1\"}");
        let file = parts.file.unwrap();
        let content = b"%PDF-1.7\r\n--x\r\n--x2\r\nend";
        assert_eq!(file.bytes, u64::try_from(content.len()).unwrap());
        let hash = aws_lc_rs::digest::digest(&SHA256, content);
        assert_eq!(file.sha256, hexadecimal(hash.as_ref()));
        assert_eq!(file.form, Form::Pdf);
    }
}

#[test]
fn empty_parts_and_parts_without_a_head_pass() {
    let body = "--x1\r\n\r\nnobody\r\n--x1\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\r\n--x1--";
    let parts = parse(body.as_bytes(), 7).unwrap();
    assert_eq!(parts.field("a"), Some(&b""[..]));
    assert_eq!(parts.fields().count(), 1);
    assert!(parts.file.is_none());
}

#[test]
fn a_file_is_told_by_its_first_bytes() {
    let form = |bytes: &[u8]| {
        let mut sum = Sum::new();
        sum.add(bytes);
        sum.finish().form
    };
    assert_eq!(form(b"%PDF-2.0"), Form::Pdf);
    assert_eq!(form(&[0xff, 0xd8, 0xff, 0xe0]), Form::Image);
    assert_eq!(form(b"\x89PNG\r\n\x1a\n\0"), Form::Image);
    assert_eq!(form(b"PK\x03\x04"), Form::Other);
    assert_eq!(form(b""), Form::Other);
}

#[test]
fn what_is_broken_or_too_much_is_refused() {
    let cut = &BODY.as_bytes()[..BODY.len() - 20];
    assert_eq!(parse(cut, 16).unwrap_err().status, 400);
    assert_eq!(parse(b"--x1garbage", 3).unwrap_err().status, 400);
    let two = "--x1\r\nContent-Disposition: form-data; name=\"fichier\"\r\n\r\na\r\n".repeat(2);
    assert_eq!(
        parse(format!("{two}--x1--").as_bytes(), 9)
            .unwrap_err()
            .status,
        400
    );
    let mut large = b"--x1\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n".to_vec();
    large.resize(LARGEST_JSON + 1_000, b'x');
    assert_eq!(parse(&large, 65_536).unwrap_err().status, 413);
    let mut head = b"--x1\r\n".to_vec();
    head.resize(LARGEST_HEAD + 100, b'x');
    assert_eq!(parse(&head, 4_096).unwrap_err().status, 400);
    let many = "--x1\r\n\r\na\r\n".repeat(MOST_PARTS + 1);
    assert_eq!(parse(many.as_bytes(), 64).unwrap_err().status, 400);
}

#[test]
fn a_boundary_is_read_with_and_without_quotes() {
    let read = |text| boundary(text);
    assert_eq!(
        read("multipart/form-data; boundary=abc").as_deref(),
        Some("abc")
    );
    assert_eq!(
        read("Multipart/Form-Data; charset=utf-8; Boundary=\"a b\"").as_deref(),
        Some("a b")
    );
    assert_eq!(read("application/json"), None);
    assert_eq!(read("multipart/form-data"), None);
    assert_eq!(
        read(&format!("multipart/form-data; boundary={}", "x".repeat(71))),
        None
    );
}
