//! The words that programs keep (actions, purposes, outcomes), as people say them.

use domain::delivery::Action;
use domain::person::Language;

use super::delivery::name;

/// Says a text that names actions by the names of their buttons.
pub(crate) fn spoken(text: &str, language: Language) -> String {
    let quoted = |word: &str| match language {
        Language::Fr => format!("« {word} »"),
        Language::En => format!("“{word}”"),
    };
    let failure = language.of("Dernier échec", "Last failure");
    let text = text.replace(&quoted("fault"), &quoted(failure));
    Action::ALL.iter().fold(text, |text, action| {
        text.replace(&quoted(action.as_str()), &quoted(name(*action, language)))
    })
}

/// Says what an OPCO was called for.
pub(crate) fn purpose(word: &str, language: Language) -> &str {
    match word {
        "write" => language.of("envoi", "send"),
        "look" => language.of("vérification", "check"),
        other => other,
    }
}

/// Says what a call came to.
pub(crate) fn outcome(word: &str, language: Language) -> &str {
    match word {
        "taken" => language.of("reçu", "taken"),
        "failed" => language.of("échec", "failed"),
        "lost" => language.of("réponse perdue", "answer lost"),
        "found" => language.of("retrouvé", "found"),
        "absent" => language.of("absent", "not there"),
        "could_not_tell" => language.of("sans conclusion", "could not tell"),
        "held" => language.of("retenu", "held"),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use domain::HoldReason;

    use super::*;

    #[test]
    fn no_reason_names_an_action_otherwise_than_its_button() {
        for reason in HoldReason::ALL {
            for (language, open, close) in [(Language::Fr, "« ", " »"), (Language::En, "“", "”")]
            {
                let said = spoken(reason.explained(language), language);
                for (_, rest) in said.match_indices(open).map(|(at, _)| said.split_at(at)) {
                    let word = rest
                        .strip_prefix(open)
                        .and_then(|rest| rest.split_once(close));
                    let (word, _) = word.unwrap();
                    let first = word.chars().next().unwrap();
                    assert!(first.is_uppercase(), "{said}");
                }
            }
        }
    }
}
