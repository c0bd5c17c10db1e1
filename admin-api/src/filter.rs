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

/// Refuses an address with a part that is none of those there are: what is passed over would widen a list,
/// or an act upon what it names. Only `repeated` may be there more than once.
pub(crate) fn only(query: &str, known: &[&str], repeated: &[&str]) -> Result<(), Refusal> {
    let unreadable = |_| Refusal::from(Code::Invalid);
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query).map_err(unreadable)?;
    for (index, (name, _)) in pairs.iter().enumerate() {
        let name = name.as_str();
        if !known.contains(&name) {
            return Err(unknown(name, known));
        }
        let before = pairs.get(..index).unwrap_or_default();
        if !repeated.contains(&name) && before.iter().any(|(other, _)| other == name) {
            return Err(Refusal::from(Code::Invalid).saying(
                format!("Le paramètre « {name} » est donné deux fois : donnez-le une seule."),
                format!("The parameter “{name}” is given twice: give it once."),
            ));
        }
    }
    Ok(())
}

fn unknown(name: &str, known: &[&str]) -> Refusal {
    let (fr, en) = match plain_name(name) {
        Some(name) => (
            format!("Le paramètre « {name} » n'existe pas ici"),
            format!("There is no parameter “{name}” here"),
        ),
        None => (
            "Un paramètre n'est pas de ceux d'ici".to_owned(),
            "A parameter is none of those here".to_owned(),
        ),
    };
    let names = known.join(", ");
    let (all, each) = if known.is_empty() {
        ("aucun", "none")
    } else {
        (names.as_str(), names.as_str())
    };
    Refusal::from(Code::Invalid).saying(
        format!("{fr}. Ceux qui existent : {all}."),
        format!("{en}. Those there are: {each}."),
    )
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

    #[test]
    fn what_there_is_not_is_refused_by_its_name_with_those_there_are() {
        let known = ["world", "opco", "columns"];
        let said = |query| {
            let refusal = only(query, &known, &["columns"]).unwrap_err();
            refusal.detail(Language::En).to_owned()
        };
        assert_eq!(only("", &known, &[]).map_err(|e| e.code), Ok(()));
        let good = only("world=live&columns=a&columns=b&opco=", &known, &["columns"]);
        assert!(good.is_ok());
        assert_eq!(
            said("opco=afdas&state=held"),
            "There is no parameter “state” here. Those there are: world, opco, columns."
        );
        assert!(said("?opco=afdas").starts_with("A parameter is none"));
        assert!(said("opco=afdas&opco=akto").contains("“opco” is given twice"));
        assert!(
            !said("185057800608436").contains("18505"),
            "never what may be a value"
        );
    }
}
