//! A wire between the gateway and the OPCOs that keeps what they answer: the tokens they give are
//! made there, and nobody else could tell them.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// A relay that runs as long as the test.
#[derive(Debug)]
pub(crate) struct Relay {
    /// The address that stands for the one behind it.
    pub(crate) origin: String,
    answers: Answers,
}

/// What came back, by connection.
type Answers = Arc<Mutex<Vec<Vec<u8>>>>;

impl Relay {
    /// Starts one before `behind`, an origin without a slash at the end.
    pub(crate) async fn before(behind: &str) -> Self {
        let place = behind.strip_prefix("http://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let answers = Answers::default();
        let kept = Arc::clone(&answers);
        tokio::spawn(async move {
            while let Ok((caller, _)) = listener.accept().await {
                if let Ok(server) = TcpStream::connect(&place).await {
                    join(caller, server, &kept);
                }
            }
        });
        Self { origin, answers }
    }

    /// Returns every token that was given.
    pub(crate) fn tokens(&self) -> Vec<String> {
        let answers = self.answers.lock().unwrap();
        let mut tokens = Vec::new();
        for answer in answers.iter() {
            let text = String::from_utf8_lossy(answer);
            let after = text.split("\"access_token\":\"").skip(1);
            tokens.extend(after.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())));
        }
        tokens.sort();
        tokens.dedup();
        tokens
    }
}

/// Joins two connections; when either side ends, so does the other.
fn join(caller: TcpStream, server: TcpStream, answers: &Answers) {
    let (from_caller, to_caller) = caller.into_split();
    let (from_server, to_server) = server.into_split();
    let at = {
        let mut answers = answers.lock().unwrap();
        answers.push(Vec::new());
        answers.len() - 1
    };
    let answers = Arc::clone(answers);
    tokio::spawn(pass(from_caller, to_server, |_| ()));
    tokio::spawn(pass(from_server, to_caller, move |bytes| {
        answers.lock().unwrap()[at].extend_from_slice(bytes);
    }));
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut keep: impl FnMut(&[u8])) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        keep(&buffer[..count]);
        if to.write_all(&buffer[..count]).await.is_err() {
            break;
        }
    }
    // The other side may have gone first.
    let _ = to.shutdown().await;
}
