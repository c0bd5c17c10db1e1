//! Numbers of eleven OPCOs in one list: each carries its OPCO's slug before it, `AKTO-1234`, so that no
//! two are the same. Deposit numbers are the State's and have none.

use domain::{Instance, NormVersion, Opco};
use serde_json::Value;

/// The members that hold a number of the OPCO (protocol §5).
const MEMBERS: [&str; 7] = [
    "numeroInterne",
    "numeroExterne",
    "numeroInterneDossier",
    "numeroExterneDossier",
    "numeroInterneFacture",
    "numeroInterneDocument",
    "numeroDossier",
];

/// A number as an ERP gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Given<'a> {
    /// As it was given.
    pub(super) whole: &'a str,
    /// The system its prefix names, and the OPCO's own number after it.
    pub(super) at: Option<(Instance, &'a str)>,
}

/// Reads a number with or without its prefix.
pub(super) fn read(text: &str) -> Given<'_> {
    let whole = text.trim();
    let at = whole.split_once('-').and_then(|(head, numero)| {
        let (slug, number) = match head.split_once('.') {
            Some((slug, number)) => (slug, number.parse().ok()?),
            None => (head, 1),
        };
        let opco = slug.to_ascii_lowercase().parse::<Opco>().ok()?;
        let instance = Instance { opco, number };
        (number > 0 && !numero.is_empty()).then_some((instance, numero))
    });
    Given { whole, at }
}

/// Returns a number with the prefix of the system it is from.
pub(super) fn prefixed(at: Instance, numero: &str) -> String {
    let slug = at.opco.slug().to_ascii_uppercase();
    match at.number {
        1 => format!("{slug}-{numero}"),
        number => format!("{slug}.{number}-{numero}"),
    }
}

/// The same for a number that may be absent.
pub(super) fn shown(at: Instance, numero: Option<&str>) -> Option<String> {
    numero.map(|numero| prefixed(at, numero))
}

/// Says why a success has no number where a caller of the norm looks for one; nothing when it has.
pub(super) fn untold(numero: Option<&str>, lost: bool) -> Option<&'static str> {
    match (numero, lost) {
        (Some(_), _) => None,
        (None, true) => Some(
            "L'OPCO a bien cet envoi, relu chez lui ou confirmé par une personne : sa réponse s'est \
             perdue, et son numéro avec elle. Ne le renvoyez pas. Une facture se suit par votre numéro \
             (referenceFactureCFA) dans /v2/factures/etats ; si l'OPCO y donne le sien, la même \
             demande le rend.",
        ),
        (None, false) => Some("L'OPCO a pris cet envoi et n'a pas donné de numéro."),
    }
}

/// Gives every number in an OPCO's answer its prefix.
pub(super) fn mark(at: Instance, value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| mark(at, item)),
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                let text = match &*member {
                    Value::String(text) if !text.is_empty() => Some(text.clone()),
                    Value::Number(number) => Some(number.to_string()),
                    _ => None,
                };
                match text {
                    Some(text) if MEMBERS.contains(&name.as_str()) => {
                        *member = prefixed(at, &text).into();
                    }
                    _ => mark(at, member),
                }
            }
        }
        _ => {}
    }
}

/// Returns a state as a version of the norm spells it (protocol §8).
pub(super) fn spelled(etat: domain::Etat, version: NormVersion) -> &'static str {
    match (etat, version) {
        (domain::Etat::Rupture, NormVersion::V2) => "RUPTU",
        (etat, _) => etat.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_success_without_a_number_says_why_and_another_says_nothing() {
        assert_eq!(untold(Some("900042"), true), None);
        assert_eq!(untold(Some("900042"), false), None);
        assert!(untold(None, true).unwrap().contains("referenceFactureCFA"));
        assert!(untold(None, false).unwrap().contains("pas donné de numéro"));
    }

    #[test]
    fn a_number_comes_back_as_it_went_out() {
        for opco in Opco::ALL {
            for number in [1, 2, 30] {
                let at = Instance { opco, number };
                let text = prefixed(at, "APP-26-0000017");
                assert_eq!(read(&text).at, Some((at, "APP-26-0000017")), "{text}");
            }
        }
        let akto = Instance::first(Opco::Akto);
        assert_eq!(prefixed(akto, "17"), "AKTO-17");
        assert_eq!(read(" akto-17 ").at, Some((akto, "17")));
    }

    #[test]
    fn what_has_no_prefix_is_a_number_as_it_stands() {
        for text in [
            "17",
            "APP-26-0000017",
            "AKTO-",
            "AKTO.0-1",
            "AKTO.x-1",
            "-",
            "é-1",
        ] {
            assert_eq!((read(text).at, read(text).whole), (None, text));
        }
    }

    #[test]
    fn every_number_of_an_answer_is_marked_and_the_deposit_number_is_not() {
        let mut answer = json!({
            "cerfa": {"numeroInterne": "17", "numeroExterne": null, "numeroDeca": "093202609000017"},
            "factures": [{"numeroInterneFacture": 4, "dossiers": [{"numeroInterneDossier": "17"}]}],
        });
        mark(Instance::first(Opco::Opco2i), &mut answer);
        let expected = json!({
            "cerfa": {"numeroInterne": "OPCO2I-17", "numeroExterne": null, "numeroDeca": "093202609000017"},
            "factures": [{"numeroInterneFacture": "OPCO2I-4", "dossiers": [{"numeroInterneDossier": "OPCO2I-17"}]}],
        });
        assert_eq!(answer, expected);
    }
}
