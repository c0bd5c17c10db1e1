//! Lists a page at a time: an opaque cursor, and `Link` to the next page (RFC 8288).

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::problem::{Code, Problem};

/// How many things a page holds unless asked otherwise.
pub(crate) const LIMIT_DEFAULT: u32 = 50;
/// The most a page holds.
pub(crate) const LIMIT_MAX: u32 = 200;

/// The longest cursor.
const CURSOR_CHARS_MAX: usize = 128;

/// Returns the size of a page.
pub(crate) fn limit(asked: Option<u32>) -> Result<u32, Problem> {
    match asked.unwrap_or(LIMIT_DEFAULT) {
        limit @ 1..=LIMIT_MAX => Ok(limit),
        _ => Err(Problem::new(
            Code::InvalidRequest,
            format!("« limit » va de 1 à {LIMIT_MAX}."),
        )),
    }
}

/// Writes a place in a list as a cursor.
pub(crate) fn cursor(place: &str) -> String {
    URL_SAFE_NO_PAD.encode(place)
}

/// Reads a cursor back to a place.
pub(crate) fn place<T: std::str::FromStr>(cursor: Option<&str>) -> Result<Option<T>, Problem> {
    let Some(cursor) = cursor else {
        return Ok(None);
    };
    let bytes = (cursor.len() <= CURSOR_CHARS_MAX).then(|| URL_SAFE_NO_PAD.decode(cursor).ok());
    let text = bytes
        .flatten()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    match text.and_then(|text| text.parse().ok()) {
        Some(place) => Ok(Some(place)),
        None => Err(Problem::new(
            Code::InvalidRequest,
            "« cursor » n'est pas un curseur de cette liste : reprenez celui de « next ».",
        )),
    }
}

/// Returns the `Link` header that leads to the page at `cursor` with the same filters.
pub(crate) fn link(
    request: &HttpRequest,
    cursor: &str,
) -> Option<(header::HeaderName, HeaderValue)> {
    let filters = request
        .query_string()
        .split('&')
        .filter(|pair| !pair.is_empty() && !pair.starts_with("cursor="))
        .fold(String::new(), |filters, pair| filters + pair + "&");
    let link = format!(
        "<{}?{filters}cursor={cursor}>; rel=\"next\"",
        request.path()
    );
    HeaderValue::from_str(&link)
        .ok()
        .map(|link| (header::LINK, link))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use domain::id::DeliveryId;

    use super::*;

    #[test]
    fn a_cursor_leads_back_to_its_place() {
        let id = DeliveryId::new("2026-09-01T00:00:00Z".parse().unwrap());
        let cursor = cursor(&id.to_string());
        assert_eq!(place::<DeliveryId>(Some(&cursor)).unwrap(), Some(id));
        assert_eq!(place::<DeliveryId>(None).unwrap(), None);
        assert!(place::<DeliveryId>(Some("../../etc")).is_err());
        assert!(place::<DeliveryId>(Some(&"A".repeat(10_000))).is_err());
    }

    #[test]
    fn the_next_page_keeps_the_filters() {
        let request = TestRequest::with_uri("/api/v1/deliveries?status=held&cursor=old&limit=2")
            .to_http_request();
        let (_, link) = link(&request, "new").unwrap();
        assert_eq!(
            link,
            "</api/v1/deliveries?status=held&limit=2&cursor=new>; rel=\"next\""
        );
    }

    #[test]
    fn a_page_has_bounds() {
        assert_eq!(limit(None).unwrap(), LIMIT_DEFAULT);
        assert!(limit(Some(0)).is_err());
        assert!(limit(Some(LIMIT_MAX + 1)).is_err());
    }
}
