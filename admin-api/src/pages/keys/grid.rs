//! Every site at every OPCO on one screen: a number or a word for the eye, the whole sentence for the ear.

use domain::person::Language;
use domain::{Opco, Siret};
use jiff::civil::Date;
use maud::{Markup, html};
use store::keys::{CfaKey, KeyState};
use store::tenants::Site;

use super::{Asked, nearness, state_name};

/// Draws the key in use of each site at each OPCO, else the one that waits.
pub(super) fn drawn(
    sites: &[&Site],
    found: &[CfaKey],
    asked: &Asked,
    (today, language): (Date, Language),
) -> Markup {
    let wanted: Option<Opco> = asked.opco.parse().ok();
    let opcos: Vec<Opco> = Opco::ALL
        .into_iter()
        .filter(|opco| wanted.is_none_or(|wanted| wanted == *opco))
        .collect();
    let rows = sites
        .iter()
        .filter(|site| asked.site.is_empty() || asked.site == site.siret.as_str());
    html! {
        h2 #grid { (language.of("Sites et OPCO", "Sites and OPCOs")) }
        div.scroll tabindex="0" role="region" aria-labelledby="grid" {
            table.grid {
                caption.hidden { (language.of("La clé de chaque site chez chaque OPCO", "The key of each site at each OPCO")) }
                thead { tr {
                    th scope="col" { "Site" }
                    @for opco in &opcos { th scope="col" { (opco.name()) } }
                } }
                tbody {
                    @for site in rows {
                        tr {
                            th scope="row" { (site.name) }
                            @for opco in &opcos {
                                td {
                                    @match best(found, site.siret, *opco) {
                                        Some(key) => (cell(key, today, language)),
                                        None => {
                                            span.small aria-hidden="true" { "—" }
                                            span.hidden { (language.of("aucune", "none")) }
                                        },
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
        p.small {
            (language.of(
                "Un nombre : les jours qui restent à la clé en service. — : aucune clé.",
                "A number: the days left to the key in use. —: no key.",
            ))
        }
    }
}

/// Finds the key that a cell shows.
fn best(found: &[CfaKey], siret: Siret, opco: Opco) -> Option<&CfaKey> {
    let here = found.iter().filter(|key| {
        key.siret_cfa == siret && key.instance.opco == opco && key.state != KeyState::Revoked
    });
    here.min_by_key(|key| match key.state {
        KeyState::Active => 0,
        KeyState::Staged => 1,
        KeyState::Retiring | KeyState::Revoked => 2,
    })
}

fn cell(key: &CfaKey, today: Date, language: Language) -> Markup {
    let (colour, said) = match key.state {
        KeyState::Active => nearness(key.expires_on, today, language),
        state => ("", state_name(state, language).to_owned()),
    };
    let (before, short, after) = abridged(&said);
    html! {
        a class={ "badge " (colour) } href={ "/keys/" (key.id) } title=(said) {
            @if !before.is_empty() { span.hidden { (before) } }
            (short)
            @if !after.is_empty() { span.hidden { (after) } }
        }
    }
}

/// Cuts what is said of a key into what is only heard, what is seen, and what is only heard after it. What is seen
/// is always a part of what is heard: who asks for a link by what they see finds it.
fn abridged(said: &str) -> (&str, &str, &str) {
    const HEARD: [&str; 4] = ["expire dans ", "expire ", "ends in ", "ends "];
    const SEEN: [&str; 2] = ["expirée", "ended"];
    let over = SEEN
        .iter()
        .find_map(|seen| Some(("", *seen, said.strip_prefix(seen)?)));
    let ahead = || {
        let mut heard = HEARD.iter();
        heard.find_map(|heard| Some((*heard, said.strip_prefix(heard)?, "")))
    };
    over.or_else(ahead).unwrap_or(("", said, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_shows_a_few_letters_and_says_the_whole() {
        let today: Date = "2026-09-02".parse().unwrap();
        let cells = |language| {
            let ends = ["2026-08-31", "2026-09-02", "2027-09-01"].map(|end| end.parse().ok());
            let mut said: Vec<String> = ends
                .into_iter()
                .chain([None])
                .map(|end| nearness(end, today, language).1)
                .collect();
            said.push(state_name(KeyState::Staged, language).to_owned());
            for said in &said {
                let (before, short, after) = abridged(said);
                assert_eq!(&format!("{before}{short}{after}"), said);
                assert!(short.chars().count() <= 12, "{short}");
            }
            said.iter()
                .map(|said| abridged(said).1.to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            cells(Language::Fr),
            ["expirée", "ce soir", "364 j", "fin inconnue", "en attente"]
        );
        assert_eq!(
            cells(Language::En),
            ["ended", "tonight", "364 d", "end unknown", "staged"]
        );
    }
}
