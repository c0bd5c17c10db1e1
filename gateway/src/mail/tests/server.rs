//! A mail server of the tests: SMTP (RFC 5321) over a real socket, in clear, with STARTTLS (RFC 3207) or with
//! TLS from the first byte (RFC 8314), and the certificates it shows.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// How the server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// In clear; it knows nothing else.
    Clear,
    /// In clear, then over TLS once asked.
    Starttls,
    /// Over TLS.
    Tls,
}

/// A folder of certificates: of an authority (`root`), and of servers by it (`localhost`, `elsewhere`) or by
/// another that has the same name (`stranger`).
pub(super) struct Certificates {
    folder: PathBuf,
}

impl Certificates {
    pub(super) fn make() -> Self {
        let folder = std::env::temp_dir().join(format!("cfa-tls-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir(&folder).unwrap();
        let made = Self { folder };
        made.write("conf", "[req]\ndistinguished_name = name\n[name]\n[root]\n\
            basicConstraints = critical, CA:TRUE\nkeyUsage = critical, keyCertSign\n[localhost]\n\
            subjectAltName = DNS:localhost\n[elsewhere]\nsubjectAltName = DNS:smtp.elsewhere.example\n");
        for root in ["root", "other"] {
            made.openssl(&format!(
                "-subj /CN=racine -extensions root -keyout {root}.key -out {root}.pem"
            ));
        }
        for (name, extensions, root) in [
            ("localhost", "localhost", "root"),
            ("elsewhere", "elsewhere", "root"),
            ("stranger", "localhost", "other"),
        ] {
            made.openssl(&format!(
                "-subj /CN={name} -extensions {extensions} -keyout {name}.key -out {name}.pem \
                 -CA {root}.pem -CAkey {root}.key"
            ));
        }
        made
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.file(name), text).unwrap();
    }

    fn openssl(&self, words: &str) {
        let key = "req -x509 -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -config conf";
        let mut command = Command::new("openssl");
        command
            .args(key.split_whitespace())
            .args(words.split_whitespace());
        let done = command.current_dir(&self.folder).output().unwrap();
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
    }

    fn shown(&self, name: &str) -> Arc<ServerConfig> {
        let chain = CertificateDer::from_pem_file(self.file(&format!("{name}.pem"))).unwrap();
        let key = PrivateKeyDer::from_pem_file(self.file(&format!("{name}.key"))).unwrap();
        let config = ServerConfig::builder_with_provider(aws_lc_rs::default_provider().into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![chain], key);
        Arc::new(config.unwrap())
    }
}

impl Drop for Certificates {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The server: it lives as long as the test's process.
pub(super) struct Server {
    pub(super) port: u16,
    kept: Arc<Kept>,
}

#[derive(Default)]
struct Kept {
    /// Every line, after how it came: `clear` or `tls`.
    heard: Mutex<Vec<String>>,
    refuses_accounts: AtomicBool,
}

impl Server {
    /// Listens on this machine, and shows the certificate named.
    pub(super) fn start(way: Way, certificates: &Certificates, name: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (kept, config) = (Arc::new(Kept::default()), certificates.shown(name));
        let shared = Arc::clone(&kept);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                // Who hangs up, or does not believe the certificate, is served no more.
                let _ = stream.and_then(|stream| serve(stream, way, &config, &shared));
            }
        });
        Self { port, kept }
    }

    /// From now on no account is taken.
    pub(super) fn refuse_accounts(&self) {
        self.kept.refuses_accounts.store(true, Ordering::SeqCst);
    }

    /// Returns what was said to it.
    pub(super) fn heard(&self) -> Vec<String> {
        self.kept.heard.lock().unwrap().clone()
    }
}

fn serve(
    mut stream: TcpStream,
    way: Way,
    config: &Arc<ServerConfig>,
    kept: &Kept,
) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let greeting = "220 essai ESMTP";
    if way != Way::Tls {
        reply(&mut stream, greeting)?;
        if !talk(&mut stream, ("clear", way == Way::Starttls), kept)? {
            return Ok(());
        }
    }
    let tls = ServerConnection::new(Arc::clone(config)).map_err(std::io::Error::other)?;
    let mut stream = StreamOwned::new(tls, stream);
    if way == Way::Tls {
        reply(&mut stream, greeting)?;
    }
    talk(&mut stream, ("tls", false), kept)?;
    Ok(())
}

/// Answers until the end; returns whether TLS is to begin.
fn talk<S: Read + Write>(
    stream: &mut S,
    (how, offers_tls): (&str, bool),
    kept: &Kept,
) -> std::io::Result<bool> {
    loop {
        let Some(said) = line(stream)? else {
            return Ok(false);
        };
        kept.heard.lock().unwrap().push(format!("{how} {said}"));
        let word = said
            .split(' ')
            .next()
            .unwrap_or_default()
            .to_ascii_uppercase();
        match word.as_str() {
            "EHLO" if offers_tls => {
                reply(stream, "250-essai\r\n250-STARTTLS\r\n250 AUTH PLAIN LOGIN")?;
            }
            "EHLO" => reply(stream, "250-essai\r\n250 AUTH PLAIN LOGIN")?,
            "STARTTLS" if offers_tls => {
                reply(stream, "220 Go on")?;
                return Ok(true);
            }
            "AUTH" if kept.refuses_accounts.load(Ordering::SeqCst) => {
                reply(stream, "535 5.7.8 No")?;
            }
            "AUTH" => reply(stream, "235 2.7.0 Welcome")?,
            "DATA" => {
                reply(stream, "354 Go on")?;
                while let Some(said) = line(stream)?.filter(|said| said != ".") {
                    kept.heard.lock().unwrap().push(format!("{how} {said}"));
                }
                reply(stream, "250 Taken")?;
            }
            "QUIT" => {
                reply(stream, "221 Bye")?;
                return Ok(false);
            }
            _ => reply(stream, "250 OK")?,
        }
    }
}

fn reply<S: Write>(stream: &mut S, text: &str) -> std::io::Result<()> {
    stream.write_all(format!("{text}\r\n").as_bytes())?;
    stream.flush()
}

/// Reads a line, byte by byte: what follows STARTTLS is not its own.
fn line<S: Read>(stream: &mut S) -> std::io::Result<Option<String>> {
    let mut line = Vec::new();
    let mut byte = [0];
    while stream.read(&mut byte)? == 1 {
        if byte == *b"\n" {
            let text = String::from_utf8_lossy(&line);
            return Ok(Some(text.trim_end().to_owned()));
        }
        line.extend(byte);
    }
    Ok(None)
}
