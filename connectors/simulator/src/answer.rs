//! What leaves the socket: a reply, half of one, or nothing at all.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::body::{BodySize, MessageBody};
use actix_web::http::StatusCode;
use actix_web::web::Bytes;
use serde::Serialize;

/// How long the first half of a body gets to leave before the connection closes.
const HALF_LEAVES: Duration = Duration::from_millis(20);

/// A whole reply.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn json(status: u16, body: &impl Serialize) -> Self {
        Self::raw(status, serde_json::to_vec(body).unwrap_or_default())
    }

    /// Returns a reply whose JSON is already written.
    pub(crate) fn raw(status: u16, body: Vec<u8>) -> Self {
        let content_type = "application/json; charset=utf-8";
        Self {
            status,
            content_type,
            headers: Vec::new(),
            body,
        }
    }
}

/// What becomes of a call.
#[derive(Debug)]
pub(crate) enum Answer {
    /// A whole reply.
    Whole(Reply),
    /// The head and half of the body, then the connection closes.
    Half(Reply),
    /// The connection closes.
    Nothing,
}

impl Answer {
    /// Returns the status the caller sees, if it sees one.
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Whole(reply) | Self::Half(reply) => Some(reply.status),
            Self::Nothing => None,
        }
    }

    pub(crate) fn into_response(self) -> HttpResponse {
        let (reply, broken) = match self {
            Self::Whole(reply) => (reply, None),
            Self::Half(mut reply) => {
                let length = u64::try_from(reply.body.len()).unwrap_or(0).max(2);
                reply.body.truncate(reply.body.len() / 2);
                let half = Bytes::from(std::mem::take(&mut reply.body));
                (
                    reply,
                    Some(Broken {
                        length,
                        half: Some(half),
                        wait: None,
                    }),
                )
            }
            Self::Nothing => (
                Reply::raw(200, Vec::new()),
                Some(Broken {
                    length: 1,
                    half: None,
                    wait: None,
                }),
            ),
        };
        let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::OK);
        let mut response = HttpResponse::build(status);
        response.content_type(reply.content_type);
        for (name, value) in reply.headers {
            response.insert_header((name, value));
        }
        match broken {
            None => response.body(reply.body),
            Some(broken) => response.body(broken),
        }
    }
}

/// A body that fails: before its first byte, so that the server closes the connection without
/// having sent the head, or after its first half.
struct Broken {
    length: u64,
    half: Option<Bytes>,
    wait: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl MessageBody for Broken {
    type Error = std::io::Error;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.length)
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        if let Some(half) = self.half.take() {
            self.wait = Some(Box::pin(tokio::time::sleep(HALF_LEAVES)));
            return Poll::Ready(Some(Ok(half)));
        }
        if let Some(wait) = &mut self.wait {
            std::task::ready!(wait.as_mut().poll(cx));
        }
        Poll::Ready(Some(Err(std::io::Error::other("closed by a fault switch"))))
    }
}
