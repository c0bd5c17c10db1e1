//! The addresses OPCOs are called at differ in case and in what stands before the version
//! (protocol §2, §4): they are one here, before any route is looked for.

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Uri;
use actix_web::http::uri::PathAndQuery;
use actix_web::middleware::Next;

const ROOT: &str = "/convergence";
/// What some OPCOs have before the version.
const FAMILIES: [&str; 2] = ["/sorapiechangecfa", "/apiechangecfa"];

/// Gives a path of the façade its one spelling; every other path passes as it is.
pub(crate) async fn canonical(
    mut request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    if let Some(uri) = respelled(request.uri()) {
        request.match_info_mut().get_mut().update(&uri);
        request.head_mut().uri = uri;
    }
    next.call(request).await
}

fn respelled(uri: &Uri) -> Option<Uri> {
    let path = spelled(uri.path())?;
    let text = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path,
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(text).ok()?);
    Uri::from_parts(parts).ok()
}

/// Returns the one spelling of a path of the façade; nothing when it has it, or is no such path.
fn spelled(path: &str) -> Option<String> {
    let root = path.get(..ROOT.len())?;
    let rest = path.get(ROOT.len()..)?;
    if !root.eq_ignore_ascii_case(ROOT) || !(rest.is_empty() || rest.starts_with('/')) {
        return None;
    }
    let rest = rest.to_ascii_lowercase();
    let rest = FAMILIES
        .iter()
        .find_map(|family| {
            rest.strip_prefix(family)
                .filter(|after| after.starts_with('/'))
        })
        .unwrap_or(&rest);
    let one = format!("{ROOT}{}", rest.trim_end_matches('/'));
    (one != path).then_some(one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_family_and_a_last_slash_make_no_difference() {
        for path in [
            "/convergence/v1/Factures",
            "/Convergence/V1/factures/",
            "/convergence/SorApiEchangeCFA/v1/Factures",
            "/convergence/ApiEchangeCFA/v1/factures",
        ] {
            let one = spelled(path);
            assert_eq!(one.as_deref(), Some("/convergence/v1/factures"), "{path}");
        }
        assert_eq!(spelled("/convergence/v1/factures"), None);
        assert_eq!(
            spelled("/convergence/SorApiIdentityServer/connect/token").as_deref(),
            Some("/convergence/sorapiidentityserver/connect/token")
        );
    }

    #[test]
    fn what_is_not_of_the_facade_stays_as_it_is() {
        for path in ["/api/V1/Dossiers", "/", "", "/convergences/V1", "/Docs"] {
            assert_eq!(spelled(path), None, "{path}");
        }
    }

    #[test]
    fn the_query_goes_with_the_path() {
        let uri: Uri = "/convergence/V1/dossiers?numeroInterne=AKTO-1%20b"
            .parse()
            .unwrap();
        let uri = respelled(&uri).unwrap();
        assert_eq!(uri, "/convergence/v1/dossiers?numeroInterne=AKTO-1%20b");
    }
}
