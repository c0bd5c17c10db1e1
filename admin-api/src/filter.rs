//! What an address restricts a list to.

use std::str::FromStr;

use crate::refusal::{Code, Refusal};

/// The longest name that is told, and the most of them.
const NAME_CHARS_MAX: usize = 40;
const NAMED_MAX: usize = 10;

/// Reads a word of an address. One that is none is refused: a filter that is passed over would show
/// another list than the one asked for.
pub(crate) fn word<T: FromStr>(text: &str, pointer: &'static str) -> Result<Option<T>, Refusal> {
    match text.trim() {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| {
            let field = pointer.trim_start_matches('/');
            Refusal::invalid(
                pointer,
                format!("Le filtre « {field} » n'a pas la forme attendue."),
                format!("The filter “{field}” is not of the expected form."),
            )
        }),
    }
}

/// Returns a name as our own are written; nothing of what may be a value that was put in its place.
pub(crate) fn plain_name(name: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_lowercase() || c == '_';
    let fits = !name.is_empty() && name.len() <= NAME_CHARS_MAX && name.chars().all(plain);
    fits.then(|| name.to_owned())
}

/// Refuses an address of which a part is not of the expected form: names that part where there is one, else
/// all of them.
pub(crate) fn refused(query: &str) -> Refusal {
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query).unwrap_or_default();
    let names: Vec<String> = pairs
        .iter()
        .filter_map(|(name, _)| plain_name(name))
        .take(NAMED_MAX)
        .collect();
    let refusal = Refusal::from(Code::Invalid);
    match names.as_slice() {
        [] => refusal,
        [one] => refusal.saying(
            format!("Le paramètre « {one} » n'a pas la forme attendue."),
            format!("The parameter “{one}” is not of the expected form."),
        ),
        names => refusal.saying(
            format!(
                "L'un de ces paramètres n'a pas la forme attendue : {}.",
                names.join(", ")
            ),
            format!(
                "One of these parameters is not of the expected form: {}.",
                names.join(", ")
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use domain::person::Language;

    use super::*;

    #[test]
    fn what_is_refused_is_named() {
        let said = |query| refused(query).detail(Language::En).to_owned();
        assert_eq!(
            said("world=hier"),
            "The parameter “world” is not of the expected form."
        );
        assert!(said("world=hier&who=cfa").ends_with("world, who."));
        assert!(!said("world=hier").contains("hier"), "never the value");
        let said = said("185057800608436&cle-secrete=1");
        assert!(
            !said.contains("18505") && !said.contains("secrete"),
            "{said}"
        );
    }
}
