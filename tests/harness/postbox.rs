//! A mail server of the tests: speaks SMTP (RFC 5321) over a real socket, keeps what it takes, and refuses
//! when told to.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A mail that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// To whom, as the envelope says.
    pub to: Vec<String>,
    /// Everything after `DATA`, headers included.
    pub text: String,
}

impl Letter {
    /// Returns the value of a header, unfolded and decoded.
    pub fn header(&self, name: &str) -> Option<String> {
        let unfolded = self.text.replace("\r\n ", " ");
        let head = unfolded.split("\r\n\r\n").next()?;
        let start = format!("{name}: ");
        let line = head.lines().find_map(|line| line.strip_prefix(&start))?;
        Some(decoded(line))
    }

    /// Returns the text, decoded from quoted-printable or base64.
    pub fn body(&self) -> String {
        let body = self
            .text
            .split_once("\r\n\r\n")
            .map_or("", |(_, body)| body);
        match self.header("Content-Transfer-Encoding").as_deref() {
            Some("base64") => from_base64(&body.replace("\r\n", "")),
            Some("quoted-printable") => quoted(&body.replace("=\r\n", ""), '='),
            _ => body.to_owned(),
        }
    }
}

/// The server.
#[derive(Debug)]
pub struct Postbox {
    /// Where it listens.
    pub address: SocketAddr,
    kept: Arc<Kept>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Kept {
    letters: Mutex<Vec<Letter>>,
    /// What it answers to a mail; 250 takes it.
    answer: AtomicU16,
    refused: AtomicUsize,
    /// Whether it keeps who has handed a mail over waiting for the answer.
    holds: AtomicBool,
    in_hand: AtomicUsize,
}

/// How long between two looks at whether it may answer.
const PAUSE: Duration = Duration::from_millis(5);

impl Postbox {
    /// Opens one that takes everything.
    pub async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let kept = Arc::new(Kept::default());
        kept.answer.store(250, Ordering::SeqCst);
        let shared = Arc::clone(&kept);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let kept = Arc::clone(&shared);
                tokio::spawn(async move {
                    // Who hangs up is served no more.
                    let _ = serve(stream, &kept).await;
                });
            }
        });
        Self {
            address,
            kept,
            task,
        }
    }

    /// From now on answers mails with this code.
    pub fn answer(&self, code: u16) {
        self.kept.answer.store(code, Ordering::SeqCst);
    }

    /// From now on keeps whoever hands a mail over waiting for its answer, or no more.
    pub fn hold(&self, holds: bool) {
        self.kept.holds.store(holds, Ordering::SeqCst);
    }

    /// Returns how many mails it has in hand and has not answered.
    pub fn in_hand(&self) -> usize {
        self.kept.in_hand.load(Ordering::SeqCst)
    }

    /// Returns what it took.
    pub fn letters(&self) -> Vec<Letter> {
        self.kept.letters.lock().unwrap().clone()
    }

    /// Returns how many it refused.
    pub fn refused(&self) -> usize {
        self.kept.refused.load(Ordering::SeqCst)
    }

    /// The settings of a gateway that sends here.
    pub fn settings(&self) -> String {
        format!(
            "[smtp]\nhost = \"127.0.0.1\"\nport = {}\nsecurity = \"none\"\n\
             from = \"CFA Gateway <passerelle@cfa.example>\"\n",
            self.address.port(),
        )
    }

    /// Closes it.
    pub fn close(self) {
        self.task.abort();
    }
}

async fn serve(stream: TcpStream, kept: &Kept) -> std::io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader);
    let mut to = Vec::new();
    writer.write_all(b"220 postbox ESMTP\r\n").await?;
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let command = line.trim_end().to_ascii_uppercase();
        if command.starts_with("EHLO") {
            writer.write_all(b"250-postbox\r\n250 8BITMIME\r\n").await?;
        } else if command.starts_with("RCPT TO:") {
            let address = line.split(['<', '>']).nth(1).unwrap_or_default();
            to.push(address.to_owned());
            writer.write_all(b"250 OK\r\n").await?;
        } else if command == "DATA" {
            writer.write_all(b"354 Go on\r\n").await?;
            let text = data(&mut lines).await?;
            kept.in_hand.fetch_add(1, Ordering::SeqCst);
            while kept.holds.load(Ordering::SeqCst) {
                tokio::time::sleep(PAUSE).await;
            }
            kept.in_hand.fetch_sub(1, Ordering::SeqCst);
            let code = kept.answer.load(Ordering::SeqCst);
            if code == 250 {
                let to = std::mem::take(&mut to);
                kept.letters.lock().unwrap().push(Letter { to, text });
            } else {
                to.clear();
                kept.refused.fetch_add(1, Ordering::SeqCst);
            }
            writer
                .write_all(format!("{code} Done\r\n").as_bytes())
                .await?;
        } else if command == "QUIT" {
            writer.write_all(b"221 Bye\r\n").await?;
            return Ok(());
        } else {
            writer.write_all(b"250 OK\r\n").await?;
        }
    }
}

/// Reads up to the line of one dot.
async fn data<R: tokio::io::AsyncBufRead + Unpin>(lines: &mut R) -> std::io::Result<String> {
    let mut text = String::new();
    loop {
        let mut line = String::new();
        let read = lines.read_line(&mut line).await?;
        if read == 0 || line == ".\r\n" {
            return Ok(text);
        }
        let plain = line.strip_prefix('.').unwrap_or(&line);
        text.push_str(plain);
    }
}

/// Decodes the words of a header (RFC 2047): the space between two encoded words is none.
fn decoded(line: &str) -> String {
    let mut text = String::new();
    let mut encoded_before = true;
    for part in line.split_whitespace() {
        let word = part
            .strip_prefix("=?utf-8?")
            .and_then(|rest| rest.strip_suffix("?="));
        let encoded = word.and_then(|word| word.split_once('?'));
        if !encoded_before || encoded.is_none() && !text.is_empty() {
            text.push(' ');
        }
        encoded_before = encoded.is_some();
        text.push_str(&match encoded {
            Some((form, word)) if form.eq_ignore_ascii_case("b") => from_base64(word),
            Some((_, word)) => quoted(&word.replace('_', " "), '='),
            None => part.to_owned(),
        });
    }
    text
}

fn from_base64(text: &str) -> String {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(text)
        .unwrap();
    String::from_utf8(bytes).unwrap()
}

fn quoted(text: &str, mark: char) -> String {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(mark) {
        bytes.extend(before.as_bytes());
        let (hex, tail) = after.split_at(2);
        bytes.push(u8::from_str_radix(hex, 16).unwrap());
        rest = tail;
    }
    bytes.extend(rest.as_bytes());
    String::from_utf8(bytes).unwrap()
}
