//! A JSON body, refused in the norm's words when it cannot be read.

use actix_web::dev::Payload;
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;

use super::refusal::Refusal;
use crate::http::body::JsonBody;

/// The bytes of a JSON body, within the limit.
#[derive(Debug)]
pub(super) struct Json(pub(super) Bytes);

impl FromRequest for Json {
    type Error = Refusal;
    type Future = LocalBoxFuture<'static, Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let read = JsonBody::from_request(request, payload);
        Box::pin(async move { Ok(Self(read.await?.0)) })
    }
}
