//! A form that carries a file: its fields and the file, once the page's own word is right.

use std::collections::BTreeMap;

use actix_multipart::{Field, Multipart};
use actix_web::dev::Payload;
use actix_web::web::BytesMut;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use futures_util::StreamExt as _;
use futures_util::future::LocalBoxFuture;

use super::CSRF_FIELD;
use crate::refusal::{Code, Refusal};
use crate::signin::carried;
use crate::viewer::Viewer;

/// The most parts of one form: an empty one costs nobody a byte, and us a name.
const PARTS_MAX: usize = 64;

/// The parts of one form, by name; `MAX` bounds them all together, in bytes.
#[derive(Debug)]
pub(crate) struct Upload<const MAX: usize>(pub(crate) BTreeMap<String, Vec<u8>>);

impl<const MAX: usize> FromRequest for Upload<MAX> {
    type Error = Refusal;
    type Future = LocalBoxFuture<'static, Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let viewer = request.extensions().get::<Viewer>().cloned();
        let mut parts = Multipart::new(request.headers(), payload.take());
        Box::pin(async move {
            let mut read = BTreeMap::new();
            let mut left = MAX;
            while let Some(part) = parts.next().await {
                let mut part = part.map_err(|_| Refusal::from(Code::Invalid))?;
                let name = part.name().unwrap_or_default().to_owned();
                left = left
                    .checked_sub(name.len())
                    .filter(|_| read.len() < PARTS_MAX)
                    .ok_or(Code::TooLarge)?;
                let bytes = whole(&mut part, left).await?;
                left = left.saturating_sub(bytes.len());
                read.insert(name, bytes);
            }
            if let Some(cookie) = viewer.as_ref().and_then(Viewer::cookie) {
                let word = read.get(CSRF_FIELD).map(Vec::as_slice);
                let word = word.and_then(|word| std::str::from_utf8(word).ok());
                if !word.is_some_and(|word| carried::is_csrf(cookie, word)) {
                    return Err(Code::ForeignForm.into());
                }
            }
            Ok(Self(read))
        })
    }
}

async fn whole(part: &mut Field, left: usize) -> Result<Vec<u8>, Refusal> {
    let mut read = BytesMut::new();
    while let Some(bytes) = part.next().await {
        let bytes = bytes.map_err(|_| Refusal::from(Code::Invalid))?;
        if read.len().saturating_add(bytes.len()) > left {
            return Err(Code::TooLarge.into());
        }
        read.extend_from_slice(&bytes);
    }
    Ok(read.to_vec())
}
