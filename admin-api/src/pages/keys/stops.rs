//! What stops on the day a key ends if nothing replaces it, or what depends on it where nobody knows that day.

use domain::person::Language;
use maud::{Markup, html};

use super::super::layout::euros;
use super::day;
use crate::keyring::forecast::Forecast;

/// Shows it, to who may or may not change the key.
pub(super) fn shown(forecast: &Forecast, may: bool, language: Language) -> Markup {
    // Where nobody knows its end, nothing is known to stop: only what depends on it is told.
    let (then, after) = match forecast.from {
        Some(_) => (
            language.of("à facturer ce jour-là", "to bill on that day"),
            language.of(
                "à facturer dans les 90 jours qui suivent",
                "to bill in the 90 days after",
            ),
        ),
        None => (
            language.of("à facturer aujourd'hui", "to bill today"),
            language.of(
                "à facturer dans les 90 jours",
                "to bill in the next 90 days",
            ),
        ),
    };
    html! {
        section aria-labelledby="blocked" {
            h2 #blocked {
                @match forecast.from {
                    Some(_) => (language.of("Si rien ne la remplace", "If nothing replaces it")),
                    None => (language.of("Ce qui dépend d'elle", "What depends on it")),
                }
            }
            @match forecast.from {
                Some(from) => p {
                    (language.of("Bloqué à partir du ", "Blocked from ")) strong { (day(from, language)) } (language.of(" :", ":"))
                },
                None => (unknown_end(may, language)),
            }
            div.cards {
                div.card {
                    div.figure { (forecast.dossiers) }
                    (language.form(forecast.dossiers, language.of("dossier ouvert", "open dossier"), language.of("dossiers ouverts", "open dossiers")))
                }
                div.card {
                    div.figure { (euros(forecast.due_cents, language)) }
                    (then)
                }
                div.card {
                    div.figure { (euros(forecast.opening_cents, language)) }
                    (after)
                }
            }
            p.small {
                (language.of(
                    "Dossiers de ce site chez cet OPCO, ni refusés, ni annulés, ni soldés. Montants : échéances ouvertes, ni réglées ni en instruction, des échéanciers lus (",
                    "Dossiers of this site at this OPCO that are neither refused, cancelled nor settled. Amounts: échéances that are open, neither paid nor under review, of the schedules read (",
                ))
                (language.counted(forecast.with_schedule, "dossier", "dossiers")) ")."
                @if !forecast.complete {
                    " " (language.of("Au-delà de 20 000 dossiers, le compte s'arrête.", "Beyond 20,000 dossiers the count stops."))
                }
            }
        }
    }
}

/// Says that nobody knows until when a key is good, and what to do about it.
fn unknown_end(may: bool, language: Language) -> Markup {
    html! {
        p.notice.warn {
            strong { (language.of("La fin de cette clé n'est pas connue.", "The end of this key is not known.")) } " "
            (language.of(
                "Rien n'est bloqué pour autant, mais personne ne sera prévenu avant qu'elle cesse de servir. ",
                "Nothing is blocked for that, but nobody will be told before it stops serving. ",
            ))
            @if may {
                (language.of(
                    "Notez plus haut son dernier jour, écrit sur l'extranet de l'OPCO ou dans le courrier qui l'a donnée ; sinon « Essayer chez l'OPCO », car certains le disent, ou demandez-le-lui.",
                    "Note its last day above: it is on the OPCO's extranet or in the letter that gave it; else “Try at the OPCO”, for some tell it, or ask the OPCO.",
                ))
            } @else {
                (language.of(
                    "Faites noter son dernier jour par qui gère les clés : il est sur l'extranet de l'OPCO, ou l'OPCO le dit à qui le demande.",
                    "Have its last day noted by whoever keeps the keys: it is on the OPCO's extranet, or the OPCO tells it when asked.",
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_that_nobody_knows_is_not_said_to_be_today() {
        let unknown = Forecast::default();
        for (language, said, never) in [
            (Language::Fr, "n'est pas connue", "Bloqué à partir"),
            (Language::En, "is not known", "Blocked from"),
        ] {
            for may in [true, false] {
                let page = shown(&unknown, may, language).into_string();
                assert!(page.contains(said) && !page.contains(never), "{page}");
            }
        }
        let known = Forecast {
            from: "2027-01-01".parse().ok(),
            ..unknown
        };
        let page = shown(&known, true, Language::Fr).into_string();
        assert!(
            page.contains("Bloqué à partir du") && !page.contains("pas connue"),
            "{page}"
        );
    }
}
