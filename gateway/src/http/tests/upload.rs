//! Payloads with their files, over a real connection: what is kept, what is refused, what is left.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::{App as ActixApp, HttpResponse, HttpServer, web};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::harness::{Answer, Gateway, send};
use crate::files::Held;
use crate::http::caller::Permission::Submit;
use crate::http::gate::{path, post};
use crate::http::problem::Problem;
use crate::http::request_log;
use crate::http::upload::{Carries, Certificat, Convention, Document, Facture, Uploaded};

/// The largest file of these tests.
const MAX: usize = 200_000;

/// A gateway, and a server beside it with a route for each kind.
struct Door {
    gateway: Gateway,
    key: String,
    base: String,
    folder: PathBuf,
    handle: ServerHandle,
}

/// Tells what came in; lets the file go unless it is asked to keep it.
async fn told<C: Carries + 'static>(
    request: actix_web::HttpRequest,
    upload: Uploaded<C>,
) -> Result<HttpResponse, Problem> {
    let upload = upload.0;
    let text = String::from_utf8(upload.json.to_vec()).unwrap();
    let file = upload
        .file
        .as_ref()
        .and_then(|file| file.received())
        .map(|file| {
            json!({
                "bytes": file.bytes,
                "kind": file.kind.as_str(),
                "name": file.facts.name,
                "sha256": STANDARD.encode(file.facts.sha256),
            })
        });
    if request.query_string() == "keep" {
        upload.file.map(Held::pledge);
    }
    Ok(HttpResponse::Ok().json(json!({"kind": C::KIND.as_str(), "json": text, "file": file})))
}

impl Door {
    async fn open() -> Self {
        Self::open_with("60").await
    }

    async fn open_with(seconds: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("cfa-upload-{}", uuid::Uuid::now_v7()));
        let gateway = Gateway::start_with(&[
            ("FILES__FOLDER", folder.to_str().unwrap()),
            ("FILES__BYTES_MAX", &MAX.to_string()),
            ("FILES__SECONDS_MAX", seconds),
        ])
        .await;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let data = web::Data::new(gateway.app.clone());
        let server = HttpServer::new(move || {
            ActixApp::new()
                .app_data(data.clone())
                .service(path("/conventions", [post(Submit, told::<Convention>)]))
                .service(path("/factures", [post(Submit, told::<Facture>)]))
                .service(path("/certificats", [post(Submit, told::<Certificat>)]))
                .service(path("/documents", [post(Submit, told::<Document>)]))
                .wrap(from_fn(request_log::log))
        });
        let server = server
            .workers(1)
            .disable_signals()
            .listen(listener)
            .unwrap()
            .run();
        let handle = server.handle();
        tokio::spawn(server);
        let key = gateway.key().await;
        Self {
            gateway,
            key,
            base,
            folder,
            handle,
        }
    }

    fn request(&self, path: &str) -> reqwest::RequestBuilder {
        reqwest::Client::builder()
            .build()
            .unwrap()
            .post(format!("{}{path}", self.base))
            .bearer_auth(&self.key)
    }

    async fn form(&self, path: &str, form: Form) -> Answer {
        send(self.request(path).multipart(form)).await
    }

    async fn convention(&self, name: &str, content: Vec<u8>) -> Answer {
        self.form(
            "/conventions",
            convention().part("fichier", file(name, content)),
        )
        .await
    }

    async fn json(&self, path: &str, text: String) -> Answer {
        send(
            self.request(path)
                .header("content-type", "application/json")
                .body(text),
        )
        .await
    }

    /// Waits until no file is left, whole or in part.
    async fn is_empty(&self) {
        for _ in 0..1_000 {
            if files(&self.folder) == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{} files are left", files(&self.folder));
    }

    async fn close(self) {
        self.handle.stop(false).await;
        self.gateway.stop().await;
        // A door through which no file came has no folder.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn files(folder: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    let count = |path: PathBuf| if path.is_dir() { files(&path) } else { 1 };
    entries.map(|entry| count(entry.unwrap().path())).sum()
}

fn convention() -> Form {
    Form::new().text("convention", r#"{"numeroInterneDossier":"42"}"#)
}

fn file(name: &str, content: Vec<u8>) -> Part {
    Part::bytes(content).file_name(name.to_owned())
}

fn pdf(size: usize) -> Vec<u8> {
    let mut bytes = b"%PDF-1.7\n1 0 obj <<>> stream\n".to_vec();
    bytes.resize(size, b'x');
    bytes.extend(b"\nendstream endobj\ntrailer <<>>\nstartxref\n9\n%%EOF\n");
    bytes
}

fn hash(bytes: &[u8]) -> String {
    STANDARD.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_two_parts_come_in_whatever_their_order() {
    let door = Door::open().await;
    let content = pdf(150_000);
    for (path, part) in [
        ("/conventions", "convention"),
        ("/factures", "facture"),
        ("/certificats", "certificat"),
        ("/documents", "infosFichier"),
    ] {
        let text = "{\"a\" : 1}";
        let named = || file("C:\\envois\\été.PDF", content.clone());
        for form in [
            Form::new().text(part, text).part("fichier", named()),
            Form::new().part("fichier", named()).text(part, text),
        ] {
            let told = door.form(path, form).await;
            assert_eq!(told.status, 200, "{}", told.text);
            let told = told.json();
            assert_eq!(told["json"], text);
            let expected = json!({
                "bytes": content.len(), "kind": "pdf", "name": "été.PDF", "sha256": hash(&content),
            });
            assert_eq!(told["file"], expected);
        }
    }
    let told = door.form("/conventions", convention()).await.json();
    assert_eq!(
        told["file"],
        Value::Null,
        "whether a file is needed is for the rules to say"
    );
    // Nobody took them.
    door.is_empty().await;
    let form = convention().part("fichier", file("a.pdf", content));
    assert_eq!(door.form("/conventions?keep", form).await.status, 200);
    assert_eq!(files(&door.folder), 1);
    door.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_in_base64_is_taken_out_of_the_json() {
    let door = Door::open().await;
    let content = pdf(100_001);
    let text = STANDARD.encode(&content);
    for contenu in [
        text.clone(),
        text.trim_end_matches('=').to_owned(),
        text.replace('/', "\\/"),
    ] {
        let body = format!(
            r#"{{"numeroInterneDossier":"42","fichier":{{"contenu":"{contenu}","nom":"../c.pdf"}},"n":1.50}}"#
        );
        let told = door.json("/conventions", body).await;
        assert_eq!(told.status, 200, "{}", told.text);
        let told = told.json();
        let json: Value = serde_json::from_str(told["json"].as_str().unwrap()).unwrap();
        assert_eq!(json, json!({"numeroInterneDossier": "42", "n": 1.5}));
        assert_eq!(told["file"]["name"], "c.pdf");
        assert_eq!(told["file"]["sha256"], hash(&content));
    }
    for contenu in ["QUJ*", "QQ==QQ==", "QUJD=QUJD"] {
        let told = door.json(
            "/conventions",
            format!(r#"{{"fichier":{{"contenu":"{contenu}"}}}}"#),
        );
        assert_eq!(
            told.await.refuses(400, "requete-invalide")["pointer"],
            "/fichier"
        );
    }
    let cut = r#"{"fichier":{"contenu":"JVBERi0xLjc"#.to_owned();
    let told = door.json("/conventions", cut).await.json();
    assert_eq!(
        told["file"],
        Value::Null,
        "what is no JSON is refused by whoever reads it"
    );
    door.is_empty().await;
    door.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_go_is_refused_by_a_word_of_its_own() {
    let door = Door::open().await;
    let protected = b"%PDF-1.7\ntrailer << /Encrypt 1 0 R >>\nstartxref\n9\n%%EOF".to_vec();
    let zip = [b"PK\x03\x04".to_vec(), pdf(3_000)].concat();
    for (name, content, status, code) in [
        ("a.pdf", Vec::new(), 422, "fichier-vide"),
        ("a.pdf", zip.clone(), 422, "fichier-deguise"),
        (
            "a.pdf",
            b"<!DOCTYPE html><p>Session expiree".to_vec(),
            422,
            "fichier-deguise",
        ),
        ("a.docx", zip, 415, "fichier-type-refuse"),
        (
            "a.pdf",
            pdf(60_000)[..50_000].to_vec(),
            422,
            "fichier-tronque",
        ),
        ("a.pdf", protected, 422, "fichier-protege"),
        ("a.pdf", pdf(MAX), 413, "fichier-trop-grand"),
    ] {
        let base64 = STANDARD.encode(&content);
        let refused = door.convention(name, content).await.refuses(status, code);
        assert_eq!(refused["pointer"], "/fichier");
        let body = format!(r#"{{"fichier":{{"nom":"{name}","contenu":"{base64}"}}}}"#);
        let refused = door.json("/conventions", body).await.refuses(status, code);
        assert_eq!(refused["pointer"], "/fichier");
    }
    door.is_empty().await;
    door.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_parts_other_types_and_too_much_json_are_refused() {
    let door = Door::open().await;
    let good = || file("a.pdf", pdf(100));
    for form in [
        Form::new().part("fichier", good()),
        Form::new().text("facture", "{}").part("fichier", good()),
        convention().text("convention", "{}"),
        convention().part("fichier", good()).part("fichier", good()),
        convention().part("fichier", good()).text("autre", "x"),
    ] {
        door.form("/conventions", form)
            .await
            .refuses(400, "parties-invalides");
    }
    let large = Form::new()
        .part("fichier", good())
        .text("convention", "x".repeat(1_100_000));
    door.form("/conventions", large)
        .await
        .refuses(413, "corps-trop-grand");
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(1_100_000));
    door.json("/conventions", large)
        .await
        .refuses(413, "corps-trop-grand");
    let typed = door
        .request("/conventions")
        .header("content-type", "application/pdf")
        .body("x");
    send(typed).await.refuses(415, "type-de-contenu-refuse");
    let bare = door
        .request("/conventions")
        .header("content-type", "multipart/form-data")
        .body("x");
    send(bare).await.refuses(400, "parties-invalides");
    door.is_empty().await;
    door.close().await;
}

/// Sends the beginning of an upload and nothing more; returns the open connection.
async fn begun(door: &Door) -> tokio::net::TcpStream {
    let address = door.base.strip_prefix("http://").unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /conventions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-type: multipart/form-data; boundary=b\r\ncontent-length: 150000\r\n\r\n--b\r\n\
         content-disposition: form-data; name=\"fichier\"; filename=\"a.pdf\"\r\n\r\n",
        door.key
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&pdf(90_000)).await.unwrap();
    for _ in 0..1_000 {
        if files(&door.folder) == 1 {
            return stream;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("nothing came in");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_that_goes_away_leaves_nothing() {
    let door = Door::open().await;
    drop(begun(&door).await);
    door.is_empty().await;
    door.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_that_is_too_slow_is_told_so_and_leaves_nothing() {
    let door = Door::open_with("1").await;
    let mut stream = begun(&door).await;
    let mut answer = vec![0; 2_000];
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read(&mut answer)).await;
    let answer = String::from_utf8_lossy(&answer[..read.unwrap().unwrap()]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    door.is_empty().await;
    door.close().await;
}
