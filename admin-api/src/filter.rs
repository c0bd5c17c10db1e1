//! What an address restricts a list to.

use std::str::FromStr;

use crate::refusal::Refusal;

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
