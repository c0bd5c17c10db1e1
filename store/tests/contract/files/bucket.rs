//! The same storage behind the S3 protocol, against a service of a few lines that speaks it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use domain::Secret;
use store::{Bucket, FileError, Files, FilesConfig};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use super::{MARK, Shelf, picture, read, received, stored};
use crate::harness::{Database, at, now};

const SECRET: &str = "la-cle-secrete-du-seau";

/// What the service keeps: objects by name, parts by upload and number.
#[derive(Default)]
struct Kept {
    objects: BTreeMap<String, Vec<u8>>,
    parts: BTreeMap<String, BTreeMap<u32, Vec<u8>>>,
    uploads: u32,
    /// How many parts are refused from now on.
    refuse: bool,
    requests: usize,
}

#[derive(Clone, Default)]
struct Service(Arc<Mutex<Kept>>);

impl Respond for Service {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let mut kept = self.0.lock().unwrap();
        kept.requests += 1;
        let signed = request
            .headers
            .get("authorization")
            .unwrap()
            .to_str()
            .unwrap();
        assert!(
            signed.starts_with("AWS4-HMAC-SHA256 Credential=acces/"),
            "{signed}"
        );
        assert!(!format!("{:?}", request.headers).contains(SECRET));
        let asked: BTreeMap<_, _> = request.url.query_pairs().into_owned().collect();
        let path = request.url.path().strip_prefix("/seau").unwrap();
        let name = path.trim_start_matches('/').to_owned();
        let upload = asked.get("uploadId").cloned();
        let stored = || ResponseTemplate::new(200).insert_header("etag", "\"e\"");
        match (request.method.as_str(), upload) {
            ("PUT", _) if kept.refuse => ResponseTemplate::new(403),
            ("PUT", Some(upload)) => {
                let number = asked["partNumber"].parse().unwrap();
                kept.parts
                    .entry(upload)
                    .or_default()
                    .insert(number, request.body.clone());
                stored()
            }
            ("PUT", None) => {
                kept.objects.insert(name, request.body.clone());
                stored()
            }
            ("POST", Some(upload)) => {
                let parts = kept.parts.remove(&upload).unwrap();
                kept.objects
                    .insert(name, parts.into_values().flatten().collect());
                xml("<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>")
            }
            ("POST", None) => {
                kept.uploads += 1;
                let id = kept.uploads;
                xml(&format!(
                    "<InitiateMultipartUploadResult><UploadId>{id}</UploadId></InitiateMultipartUploadResult>"
                ))
            }
            ("DELETE", Some(upload)) => {
                kept.parts.remove(&upload);
                ResponseTemplate::new(204)
            }
            ("DELETE", None) => {
                kept.objects.remove(&name);
                ResponseTemplate::new(204)
            }
            ("GET", _) if asked.contains_key("list-type") => xml(&listed(&kept, &asked)),
            ("GET", _) => match kept.objects.get(&name) {
                Some(bytes) => stored()
                    .insert_header("last-modified", "Tue, 01 Sep 2026 08:00:00 GMT")
                    .set_body_bytes(bytes.clone()),
                None => ResponseTemplate::new(404),
            },
            (method, _) => panic!("{method} {}", request.url),
        }
    }
}

fn xml(body: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(body.to_owned(), "application/xml")
}

fn listed(kept: &Kept, asked: &BTreeMap<String, String>) -> String {
    let prefix = asked.get("prefix").map_or("", String::as_str);
    let mut text = String::from("<ListBucketResult><IsTruncated>false</IsTruncated>");
    let mut folders = std::collections::BTreeSet::new();
    for (name, bytes) in kept
        .objects
        .iter()
        .filter(|(name, _)| name.starts_with(prefix))
    {
        match name[prefix.len()..].split_once('/') {
            Some((folder, _)) if asked.contains_key("delimiter") => {
                folders.insert(folder);
            }
            _ => {
                let size = bytes.len();
                let _ = write!(
                    text,
                    "<Contents><Key>{name}</Key><Size>{size}</Size><ETag>e</ETag>\
                     <LastModified>2026-09-01T08:00:00.000Z</LastModified></Contents>"
                );
            }
        }
    }
    for folder in folders {
        let _ = write!(
            text,
            "<CommonPrefixes><Prefix>{prefix}{folder}/</Prefix></CommonPrefixes>"
        );
    }
    text + "</ListBucketResult>"
}

struct Rig {
    service: Service,
    files: Files,
    waiting: Shelf,
    _server: MockServer,
}

async fn rig() -> Rig {
    let service = Service::default();
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(service.clone())
        .mount(&server)
        .await;
    let waiting = Shelf::new();
    let bucket = Bucket {
        name: "seau".to_owned(),
        endpoint: Some(server.uri()),
        region: "eu-west-3".to_owned(),
        access_key_id: Secret::new("acces"),
        secret_access_key: Secret::new(SECRET),
    };
    let config = FilesConfig {
        folder: waiting.folder.clone(),
        bucket: Some(bucket),
    };
    assert!(!format!("{config:?}").contains(SECRET));
    let files = Files::open(&config).unwrap();
    Rig {
        service,
        files,
        waiting,
        _server: server,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_keeps_files_sealed_in_one_part_or_in_several() {
    let rig = rig().await;
    let db = Database::sqlite().await;
    let keys = db.store.keys(db.network().await).await.unwrap();
    for size in [100, 65_536, 12_000_000] {
        let received = received(&rig.files, &keys, now(), &picture(size))
            .await
            .unwrap();
        let file = stored(&received);
        for _ in 0..2 {
            assert!(
                read(&rig.files, &keys, &file).await.unwrap() == picture(size),
                "{size}"
            );
        }
        assert!(rig.waiting.stored().is_empty(), "nothing waits any more");
        for (name, bytes) in &rig.service.0.lock().unwrap().objects {
            assert!(name.starts_with("20260901/"), "{name}");
            assert!(!bytes.windows(MARK.len()).any(|window| window == MARK));
        }
        rig.files.destroy(file.tenant, file.id).await.unwrap();
        let missing = read(&rig.files, &keys, &file).await.unwrap_err();
        assert!(matches!(missing, FileError::Missing), "{missing}");
    }
    assert_eq!(
        rig.service.0.lock().unwrap().uploads,
        1,
        "only the large one came in parts"
    );
    db.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_bucket_refuses_leaves_nothing_there_nor_here() {
    let rig = rig().await;
    let db = Database::sqlite().await;
    let keys = db.store.keys(db.network().await).await.unwrap();
    rig.service.0.lock().unwrap().refuse = true;
    for size in [100, 12_000_000] {
        let refused = received(&rig.files, &keys, now(), &picture(size))
            .await
            .unwrap_err();
        assert!(matches!(refused, FileError::Unavailable(_)), "{refused}");
        assert!(!format!("{refused:?}").contains(SECRET));
    }
    assert!(rig.files.probe(now()).await.is_err());
    let left = |kept: &Kept| kept.objects.len() + kept.parts.len();
    assert_eq!(left(&rig.service.0.lock().unwrap()), 0);
    assert!(rig.waiting.stored().is_empty());
    db.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_delivery_took_is_removed_from_a_bucket_after_a_day() {
    const DAY: i64 = 86_400;
    let rig = rig().await;
    let db = Database::sqlite().await;
    let tenant = db.network().await;
    let keys = db.store.keys(tenant).await.unwrap();
    rig.files.probe(now()).await.unwrap();
    let mut new = crate::harness::contract(&keys, now());
    let kept = received(&rig.files, &keys, now(), &picture(100))
        .await
        .unwrap();
    new.files.push(kept.row("fichier"));
    db.store.accept(std::slice::from_ref(&new)).await.unwrap();
    received(&rig.files, &keys, now(), &picture(100))
        .await
        .unwrap();
    assert_eq!(
        rig.files
            .sweep(&db.store, at(DAY - 1))
            .await
            .unwrap()
            .orphans,
        0
    );
    assert_eq!(
        rig.files
            .sweep(&db.store, at(2 * DAY))
            .await
            .unwrap()
            .orphans,
        1
    );
    assert!(read(&rig.files, &keys, &stored(&kept)).await.is_ok());
    // A day that was looked through is not looked through again.
    let before = rig.service.0.lock().unwrap().requests;
    assert_eq!(
        rig.files
            .sweep(&db.store, at(3 * DAY))
            .await
            .unwrap()
            .orphans,
        0
    );
    assert_eq!(rig.service.0.lock().unwrap().requests, before + 1);
    db.remove().await;
}
