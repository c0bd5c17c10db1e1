//! A payload and its file as they come in: a multipart body whose file streams to the storage, or
//! JSON with the file in base64. What the payload means is not asked here.
//!
//! Read in an extractor, so that a slow sender loses none of the time the handler has.

pub(crate) mod described;
mod inline;
mod multipart;
mod name;

use std::cell::RefCell;
use std::marker::PhantomData;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::header;
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use domain::id::FileId;
use domain::payload::part_name;
use domain::rules::FileFacts;
use domain::{FileFault, Kind};
use futures_util::Stream;
use futures_util::future::LocalBoxFuture;
use store::{FileError, TenantKey};

use super::body::{self, JSON};
use super::caller::Caller;
use super::patience::{self, late};
use super::problem::{Code, Problem};
use crate::app::App;
use crate::files::Held;

/// A multipart body.
const MULTIPART: &str = "multipart/form-data";
/// The largest payload beside a file, in bytes.
const JSON_MAX: usize = 1024 * 1024;
/// The part, or the member, that is the file.
pub(crate) const FICHIER: &str = "fichier";
/// Where a refusal about the file points.
const AT_FILE: &str = "/fichier";

/// A payload as it came in, and its file, which is kept already.
#[derive(Debug)]
pub(crate) struct Upload {
    /// The payload, as JSON.
    pub(crate) json: Bytes,
    /// Its file.
    pub(crate) file: Option<Held>,
}

impl Upload {
    /// Says what the rules ask of the file.
    pub(crate) fn facts(&self) -> FileFacts {
        self.file.as_ref().map_or(FileFacts::Absent, Held::facts)
    }
}

/// A kind of payload that travels with a file.
pub(crate) trait Carries {
    /// Which one.
    const KIND: Kind;
}

macro_rules! carries {
    ($($(#[$meta:meta])* $name:ident;)+) => {$(
        $(#[$meta])*
        #[derive(Debug)]
        pub(crate) struct $name;

        impl Carries for $name {
            const KIND: Kind = Kind::$name;
        }
    )+};
}

carries! {
    /// A training agreement.
    Convention;
    /// An invoice.
    Facture;
    /// A certificate of completion.
    Certificat;
    /// Any other document.
    Document;
}

/// The body of a request that hands in a payload of one kind.
#[derive(Debug)]
pub(crate) struct Uploaded<C>(pub(crate) Upload, PhantomData<C>);

impl<C: Carries + 'static> FromRequest for Uploaded<C> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, mut payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let upload = read(&request, &mut payload, C::KIND).await?;
            Ok(Self(upload, PhantomData))
        })
    }
}

/// Reads a payload and its file. Refused, cut off or too slow, nothing of it is left.
pub(crate) async fn read(
    request: &HttpRequest,
    payload: &mut Payload,
    kind: Kind,
) -> Result<Upload, Problem> {
    let app = body::app(request)?.clone();
    let headers = request.headers();
    let (part, types) = match part_name(kind) {
        Some(part) => (part, [MULTIPART, JSON].as_slice()),
        None => ("", [JSON].as_slice()),
    };
    body::expect_type(headers, types)?;
    let caller = request.extensions().get::<Caller>().cloned();
    let caller = caller.ok_or_else(|| Problem::plain(Code::Unauthenticated))?;
    let keys = app.store.keys(caller.tenant);
    let keys = patience::within(app.http.patience.caller, keys).await;
    let keys = keys.ok_or_else(|| late(request.method()))??;
    let inbound = Inbound {
        app: app.clone(),
        keys,
        kind,
    };
    let mut stream = Incoming(Rc::new(RefCell::new(payload.take())));
    let content_type = headers.get(header::CONTENT_TYPE);
    let is_multipart = content_type.is_some_and(|kind| {
        kind.as_bytes()
            .to_ascii_lowercase()
            .starts_with(MULTIPART.as_bytes())
    });
    let reading = async {
        if is_multipart {
            multipart::read(&inbound, headers, stream.clone(), part).await
        } else {
            inline::read(&inbound, stream.clone()).await
        }
    };
    match tokio::time::timeout(app.http.bounds.upload, reading).await {
        Err(_) => Err(Problem::plain(Code::TooSlow)),
        Ok(Ok(upload)) => Ok(upload),
        Ok(Err(problem)) => {
            // So that the sender, who is still sending, gets to read why.
            body::drain(&mut stream).await;
            Err(problem)
        }
    }
}

/// What receives the file of one request.
struct Inbound {
    app: App,
    keys: Arc<TenantKey>,
    kind: Kind,
}

impl Inbound {
    /// Begins to receive the file.
    async fn begin(&self) -> Result<store::files::Inflow, Problem> {
        let id = FileId::new(self.app.clock.now());
        let max = self.app.http.bounds.file_bytes;
        self.app
            .files
            .begin(&self.keys, id, max)
            .await
            .map_err(refusal)
    }

    /// Ends: the file is kept until a delivery takes it.
    async fn finish(
        &self,
        inflow: store::files::Inflow,
        name: Option<&str>,
    ) -> Result<Held, Problem> {
        let name = name.and_then(name::safe);
        let received = inflow
            .finish(&self.keys, name.as_deref())
            .await
            .map_err(refusal)?;
        self.app.metrics.received(self.kind, received.bytes);
        Ok(Held::new(&self.app, received))
    }
}

/// The bytes of a request, from which a reader and, after it, whoever clears up can take.
#[derive(Clone)]
struct Incoming(Rc<RefCell<Payload>>);

impl Stream for Incoming {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_next(context)
    }
}

/// Makes the refusal of a file.
fn refusal(error: FileError) -> Problem {
    let problem = match error {
        FileError::TooLarge { max } => {
            let detail = format!("Le fichier dépasse la taille permise, {max} octets.");
            Problem::new(Code::FileTooLarge, detail)
        }
        FileError::Refused(fault) => {
            let code = match fault {
                FileFault::Empty => Code::FileEmpty,
                FileFault::Unknown(_) => Code::FileTypeRefused,
                FileFault::Disguised(_) => Code::FileDisguised,
                FileFault::Truncated => Code::FileTruncated,
                FileFault::Protected => Code::FileProtected,
            };
            Problem::new(code, fault.message())
        }
        FileError::Store(error) => return error.into(),
        error => return Problem::unavailable(&error),
    };
    problem.pointer(AT_FILE)
}

/// Makes the refusal of a body that stopped coming.
fn interrupted() -> Problem {
    Problem::new(
        Code::InvalidRequest,
        "Le corps s'est interrompu avant sa fin.",
    )
}
