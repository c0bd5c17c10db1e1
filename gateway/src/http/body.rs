//! Reading a body: its type, its size, its pace. What the bytes mean is not asked here.

use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::header::{self, HeaderMap};
use actix_web::web::{Bytes, BytesMut};
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::future::LocalBoxFuture;
use futures_util::{Stream, StreamExt as _};

use super::problem::{Code, Problem};
use crate::app::App;

/// A JSON body.
pub(crate) const JSON: &str = "application/json";
/// One JSON document a line.
pub(crate) const NDJSON: &str = "application/x-ndjson";

/// How long a whole JSON body may take to come.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// How much of a body that is too large is read and thrown away, so that the caller gets to read
/// the refusal instead of a broken connection.
const DRAINED_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How long that may take.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// The bytes of a JSON body, within the limit.
#[derive(Debug)]
pub(crate) struct JsonBody(pub(crate) Bytes);

impl FromRequest for JsonBody {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let payload = payload.take();
        Box::pin(async move {
            let app: &App = app(&request)?;
            expect_type(request.headers(), &[JSON])?;
            read(request.headers(), payload, app.http.bounds.body_bytes)
                .await
                .map(Self)
        })
    }
}

/// Returns the application of a request.
pub(crate) fn app(request: &HttpRequest) -> Result<&App, Problem> {
    let app = request.app_data::<web::Data<App>>().map(web::Data::get_ref);
    app.ok_or_else(|| Problem::plain(Code::Internal))
}

/// Refuses a body of another type, in another encoding of text, or compressed.
pub(crate) fn expect_type(headers: &HeaderMap, types: &[&str]) -> Result<(), Problem> {
    let text = |name| {
        headers
            .get(name)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
    };
    let given = text(header::CONTENT_TYPE).to_ascii_lowercase();
    let mut parts = given.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default();
    let suffixed =
        types.contains(&JSON) && kind.starts_with("application/") && kind.ends_with("+json");
    let utf8 = parts
        .filter_map(|part| part.strip_prefix("charset="))
        .all(|charset| matches!(charset.trim_matches('"'), "utf-8" | "utf8" | "us-ascii"));
    let encoding = text(header::CONTENT_ENCODING);
    let plain = encoding.is_empty() || encoding.eq_ignore_ascii_case("identity");
    if (types.contains(&kind) || suffixed) && utf8 && plain {
        return Ok(());
    }
    let detail = format!(
        "Type attendu : {}, en UTF-8, sans compression.",
        types.join(" ou ")
    );
    Err(Problem::new(Code::UnsupportedMediaType, detail))
}

/// Reads a body within a size and a time.
async fn read(headers: &HeaderMap, mut payload: Payload, max: usize) -> Result<Bytes, Problem> {
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse::<usize>().ok());
    let too_large = announced.is_some_and(|length| length > max);
    let reading = async {
        let mut body = BytesMut::with_capacity(announced.unwrap_or_default().min(max));
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|_| {
                Problem::new(
                    Code::InvalidRequest,
                    "Le corps s'est interrompu avant sa fin.",
                )
            })?;
            if too_large || body.len() + chunk.len() > max {
                return Ok(None);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Some(body.freeze()))
    };
    match tokio::time::timeout(BODY_TIMEOUT, reading).await {
        Err(_) => Err(Problem::plain(Code::TooSlow)),
        Ok(Err(problem)) => Err(problem),
        Ok(Ok(Some(body))) => Ok(body),
        Ok(Ok(None)) => {
            drain(&mut payload).await;
            Err(too_large_problem(max))
        }
    }
}

/// Makes the refusal of what is over a size.
pub(crate) fn too_large_problem(max: usize) -> Problem {
    Problem::new(
        Code::TooLarge,
        format!("La taille permise est de {max} octets."),
    )
}

/// Reads what is still coming and throws it away, within bounds.
pub(super) async fn drain<S>(payload: &mut S)
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    let mut left = DRAINED_BYTES_MAX;
    let draining = async {
        while let Some(Ok(chunk)) = payload.next().await {
            left = left.saturating_sub(chunk.len());
            if left == 0 {
                break;
            }
        }
    };
    // Whether it ended or not, the refusal goes out now.
    let _ = tokio::time::timeout(DRAIN_TIMEOUT, draining).await;
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn typed(content_type: &'static str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        expect_type(&headers, &[JSON]).is_ok()
    }

    #[test]
    fn only_json_in_utf8_is_a_json_body() {
        assert!(typed("application/json"));
        assert!(typed("Application/JSON; charset=UTF-8"));
        assert!(typed("application/merge-patch+json"));
        assert!(!typed("application/json; charset=iso-8859-1"));
        assert!(!typed("text/plain"));
        assert!(!typed(""));
    }

    #[test]
    fn a_compressed_body_is_refused_rather_than_inflated() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        assert!(expect_type(&headers, &[JSON]).is_err());
    }
}
