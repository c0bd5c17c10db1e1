//! What is asked in an address. Parameters nobody knows are passed over, as OPCOs do.

use actix_web::{HttpRequest, web};

use super::refusal::Refusal;

/// The longest value read; the longest number or key is far shorter.
const VALUE_MAX: usize = 8 * 1024;

/// Returns a parameter that is there and not empty.
pub(super) fn parameter(request: &HttpRequest, name: &str) -> Option<String> {
    let pairs = web::Query::<Vec<(String, String)>>::from_query(request.query_string());
    let found = pairs.ok()?.into_inner().into_iter().find_map(|pair| {
        let (own, value) = pair;
        own.eq_ignore_ascii_case(name).then_some(value)
    })?;
    let value = found.trim();
    (!value.is_empty()).then(|| value.to_owned())
}

/// Returns a parameter that must be there.
pub(super) fn required(request: &HttpRequest, name: &str) -> Result<String, Refusal> {
    let value = parameter(request, name)
        .ok_or_else(|| Refusal::unreadable(format!("Le paramètre {name} est obligatoire.")))?;
    // No text of ours holds the null character, and PostgreSQL takes none.
    if value.len() > VALUE_MAX || value.contains('\0') {
        return Err(Refusal::unreadable(format!(
            "Le paramètre {name} n'a pas la forme attendue."
        )));
    }
    Ok(value)
}

/// Returns the page asked for, from 1.
pub(super) fn page(request: &HttpRequest) -> Result<u64, Refusal> {
    let pairs = web::Query::<Vec<(String, String)>>::from_query(request.query_string());
    let asked = pairs.ok().and_then(|pairs| {
        let mut pairs = pairs.into_inner().into_iter();
        pairs.find_map(|(own, value)| own.eq_ignore_ascii_case("numeroPage").then_some(value))
    });
    let Some(text) = asked else { return Ok(1) };
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // As many as the published description allows.
    let pages = 1..=i64::MAX.unsigned_abs();
    let page: Option<u64> = text.parse().ok();
    let page = page.filter(|page| is_number && pages.contains(page));
    page.ok_or_else(|| {
        Refusal::unreadable("numeroPage doit être un entier à partir de 1.".to_owned())
    })
}
