//! What is taken, what is refused and by which word, however the bytes come in.

use proptest::prelude::*;

use super::*;

/// Reads a file in pieces of one size.
fn judged(bytes: &[u8], piece: usize) -> Result<FileKind, FileFault> {
    let mut inspector = Inspector::default();
    for part in bytes.chunks(piece) {
        inspector.read(part)?;
    }
    inspector.end()
}

/// Reads it in pieces of several sizes, which must not matter.
fn judge(bytes: &[u8]) -> Result<FileKind, FileFault> {
    let whole = judged(bytes, usize::MAX);
    for piece in [1, 7, 1000, 1024, 4096] {
        assert_eq!(judged(bytes, piece), whole, "in pieces of {piece}");
    }
    whole
}

/// Makes a PDF with some objects, and a trailer with more in it.
fn pdf(objects: &str, trailer: &str) -> Vec<u8> {
    let mut text = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3 (\n".to_vec();
    text.extend_from_slice(objects.as_bytes());
    let table = text.len();
    text.extend_from_slice(b"xref\n0 1\n0000000000 65535 f \n");
    let end = format!("trailer\n<< /Size 1 {trailer} >>\nstartxref\n{table}\n%%EOF\n");
    text.extend_from_slice(end.as_bytes());
    text
}

fn plain_pdf() -> Vec<u8> {
    let stream = "x".repeat(3000);
    pdf(
        &format!("1 0 obj << /Length 3000 >> stream\n{stream}\nendstream endobj\n"),
        "/Root 1 0 R",
    )
}

fn piece(name: [u8; 4], data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).unwrap().to_be_bytes();
    [length.as_slice(), &name, data, &[0; 4]].concat()
}

fn png() -> Vec<u8> {
    [
        picture::PNG.to_vec(),
        piece(*b"IHDR", &[0; 13]),
        piece(*b"IDAT", &[7; 5000]),
        piece(*b"IEND", b""),
    ]
    .concat()
}

fn jpeg() -> Vec<u8> {
    let mut bytes = vec![0xff, 0xd8, 0xff, 0xe1, 0x00, 0x08];
    // A thumbnail of its own, with an end of its own.
    bytes.extend([0xff, 0xd8, 0xff, 0xd9, 0x11, 0x22]);
    bytes.extend([0xff, 0xda, 0x00, 0x04, 0x01, 0x02]);
    bytes.extend(std::iter::repeat_n([0x31, 0xff, 0x00, 0x32], 600).flatten());
    bytes.extend([0xff, 0xd3, 0x10, 0xff, 0xff, 0xd9]);
    bytes
}

#[test]
fn a_pdf_a_jpeg_and_a_png_are_told_by_their_content() {
    assert_eq!(judge(&plain_pdf()), Ok(FileKind::Pdf));
    assert_eq!(judge(&png()), Ok(FileKind::Png));
    assert_eq!(judge(&jpeg()), Ok(FileKind::Jpeg));
    // What a scanner writes before the header, and a camera after the end.
    assert_eq!(
        judge(&[b"\r\njunk\n".to_vec(), plain_pdf()].concat()),
        Ok(FileKind::Pdf)
    );
    assert_eq!(
        judge(&[jpeg(), vec![0xff; 300]].concat()),
        Ok(FileKind::Jpeg)
    );
}

#[test]
fn a_pdf_under_a_password_is_refused_wherever_it_says_so() {
    let trailer = pdf("", "/Encrypt 9 0 R /ID [<00> (a\\)/b)]");
    assert_eq!(judge(&trailer), Err(FileFault::Protected));
    let object = "1 0 obj << /Type /XRef /Encrypt 9 0 R >> stream\nxx\nendstream endobj\n";
    assert_eq!(judge(&pdf(object, "")), Err(FileFault::Protected));
    let unended = b"%PDF-1.7\ntrailer << /Encrypt";
    assert_eq!(judge(unended), Err(FileFault::Protected));
}

#[test]
fn the_word_encrypt_elsewhere_is_no_password() {
    for objects in [
        "1 0 obj << /Title (trailer << /Encrypt 9 0 R >>) >> endobj\n",
        "1 0 obj << /Title (a \\( b) /Encrypt 3 >> endobj\n",
        "1 0 obj << >> stream\ntrailer << /Encrypt 9 0 R >> endstrendstr\nendstream endobj\n",
        "% trailer << /Encrypt 9 0 R >>\n",
        "1 0 obj << /EncryptMetadata true /Type /XRef /Encryption 4 >> endobj\n",
    ] {
        assert_eq!(judge(&pdf(objects, "")), Ok(FileKind::Pdf), "{objects}");
    }
}

#[test]
fn a_file_cut_anywhere_before_its_end_is_truncated() {
    for whole in [plain_pdf(), png(), jpeg()] {
        for end in (16..whole.len() - 7).step_by(97).chain([whole.len() - 8]) {
            assert_eq!(
                judged(&whole[..end], 512),
                Err(FileFault::Truncated),
                "at {end}"
            );
        }
    }
    let first_part_of_a_web_pdf = b"%PDF-1.7\n1 0 obj <<>> endobj\nstartxref\n0\n%%EOF\n";
    assert_eq!(judge(first_part_of_a_web_pdf), Err(FileFault::Truncated));
    let table_beyond_the_end = b"%PDF-1.7\nstartxref\n900000\n%%EOF\n";
    assert_eq!(judge(table_beyond_the_end), Err(FileFault::Truncated));
}

#[test]
fn a_picture_whose_middle_makes_no_sense_is_damaged() {
    let mut broken = png();
    broken[12..16].copy_from_slice(b"IDAT");
    assert_eq!(judge(&broken), Err(FileFault::Truncated));
    let mut broken = jpeg();
    broken[2..6].copy_from_slice(&[0xff, 0xe1, 0x00, 0x01]);
    assert_eq!(judge(&broken), Err(FileFault::Truncated));
}

#[test]
fn anything_else_is_refused_and_called_by_what_it_is() {
    let hidden = [b"PK\x03\x04....".to_vec(), plain_pdf()].concat();
    for (bytes, content) in [
        (hidden.as_slice(), Content::Archive),
        (b"\xef\xbb\xbf \n<!DOCTYPE html><p>%PDF-1.4", Content::Page),
        (b"GIF89a", Content::Picture),
        (b"MZ\x90\0", Content::Program),
        (b"bonjour", Content::Other),
    ] {
        let fault = judge(bytes).unwrap_err();
        assert_eq!(fault, FileFault::Unknown(content));
        assert_eq!(
            fault.named(Some("Convention.PDF")),
            FileFault::Disguised(content)
        );
        assert_eq!(fault.named(Some("notes.txt")), fault);
        assert_eq!(fault.named(None), fault);
    }
    assert_eq!(judge(b""), Err(FileFault::Empty));
}

#[test]
fn every_fault_has_a_word_and_a_sentence_of_its_own() {
    let faults = [
        FileFault::Empty,
        FileFault::Unknown(Content::Other),
        FileFault::Disguised(Content::Archive),
        FileFault::Truncated,
        FileFault::Protected,
    ];
    let words: std::collections::HashSet<_> = faults.iter().map(|fault| fault.code()).collect();
    assert_eq!(words.len(), faults.len());
    assert!(faults.iter().all(|fault| fault.message().ends_with('.')));
    assert_eq!(FileFault::Protected.code(), "fichier-protege");
    for kind in [
        FileKind::Pdf,
        FileKind::Jpeg,
        FileKind::Png,
        FileKind::Other,
    ] {
        assert_eq!(kind.as_str().parse(), Ok(kind));
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_fail_otherwise_than_by_a_fault(
        start in 0..4_usize,
        bytes in proptest::collection::vec(any::<u8>(), 0..3000),
        piece in 1..2000_usize,
    ) {
        let start: &[u8] = [b"".as_slice(), pdf::HEADER, picture::PNG, picture::JPEG][start];
        let file = [start, &bytes].concat();
        prop_assert_eq!(judged(&file, piece), judged(&file, usize::MAX));
    }
}
