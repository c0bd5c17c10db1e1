//! How a delivery was judged: what the rules found of it, and how its OPCO was looked for, step by step.

use domain::person::Language;
use domain::{Confidence, Route, RouteOutcome};
use maud::{Markup, html};

use crate::judged::{Found, Judged};

/// Shows it; nothing where nothing was found and no OPCO was looked for.
pub(super) fn section(judged: &Judged, language: Language) -> Markup {
    html! {
        @if !judged.findings.is_empty() {
            section aria-labelledby="findings" {
                h2 #findings { (language.of("Ce que les contrôles ont relevé", "What the checks found")) }
                ul { @for found in &judged.findings { li { (one(found, language)) } } }
                @if !judged.rule_set.is_empty() {
                    p.small { (language.of("Règles : ", "Rules: ")) code { (judged.rule_set) } }
                }
            }
        }
        @if let Some(route) = judged.route.as_ref().filter(|route| !route.trail.is_empty()) {
            section aria-labelledby="route" {
                h2 #route { (language.of("Recherche de l'OPCO", "Search for the OPCO")) }
                p { (told(route, language)) }
                @if !route.candidates.is_empty() {
                    p {
                        (language.of("Possibles : ", "Possible: "))
                        @for (place, one) in route.candidates.iter().enumerate() {
                            @if place > 0 { ", " }
                            strong { (one.opco.name()) }
                        }
                        "."
                    }
                }
                details {
                    summary { (language.of("Étape par étape", "Step by step")) }
                    ol lang="fr" { @for step in &route.trail { li { code { (step.step.as_str()) } " " (step.said) } } }
                    @if let Some(day) = &route.as_of {
                        p.small { (language.of("Données du ", "Data of ")) (day) }
                    }
                }
            }
        }
    }
}

fn one(found: &Found, language: Language) -> Markup {
    html! {
        span lang="fr" { (found.finding.message) " " (found.finding.remedy) }
        @if let Some(other) = found.other {
            " " a href={ "/deliveries/" (other) } { (language.of("Voir l'autre envoi", "See the other delivery")) }
        }
        " " span.small { code { (found.finding.rule) } " " code { (found.finding.pointer) } }
    }
}

/// Says in a sentence how the search ended.
fn told(route: &Route, language: Language) -> String {
    let sure = match route.confidence {
        Confidence::Declared => language.of("choisi par une personne", "chosen by a person"),
        Confidence::High => language.of("sûr", "sure"),
        Confidence::MediumHigh | Confidence::Medium => language.of("probable", "probable"),
        Confidence::Low | Confidence::None => language.of("incertain", "unsure"),
    };
    match (route.outcome, route.opco) {
        (RouteOutcome::Ambiguous, _) => language
            .of(
                "Plusieurs OPCO sont possibles : l'employeur dit lequel est le sien.",
                "Several OPCOs are possible: the employer says which is theirs.",
            )
            .to_owned(),
        (_, Some(opco)) => {
            let managed = route.managed_by.map(|by| match language {
                Language::Fr => format!(", géré par {}", by.name()),
                Language::En => format!(", managed by {}", by.name()),
            });
            format!("{}{} ({sure}).", opco.name(), managed.unwrap_or_default())
        }
        (_, None) => language
            .of("Aucun OPCO n'a été trouvé.", "No OPCO was found.")
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use domain::Opco;
    use domain::route::{Candidate, RouteSource, TrailStep};

    use super::*;

    #[test]
    fn a_person_reads_what_to_compare_and_whom_to_choose() {
        let other = "01900000-0000-7000-8000-000000000001".parse().unwrap();
        let mut finding = domain::rules::finding("DUP-002", "/cerfa/apprenti", &[]);
        finding.message = "Doublon probable <b>.".to_owned();
        finding.remedy = "Comparez.".to_owned();
        let found = Found {
            finding,
            other: Some(other),
        };
        let of = |opco| Candidate { opco, weight: 1 };
        let route = Route {
            siret: "12345678200010".to_owned(),
            opco: Some(Opco::Atlas),
            managed_by: Some(Opco::Akto),
            outcome: RouteOutcome::Resolved,
            confidence: Confidence::High,
            source: RouteSource::SiroSiret,
            as_of: Some("2026-09-24".to_owned()),
            idcc: None,
            candidates: vec![of(Opco::Atlas), of(Opco::Akto)],
            trail: vec![TrailStep {
                step: RouteSource::SiroSiret,
                said: "la ligne du SIRET nomme Atlas, géré par AKTO".to_owned(),
            }],
        };
        let judged = Judged {
            findings: vec![found],
            route: Some(route),
            rule_set: "2026.1".to_owned(),
        };
        let page = section(&judged, Language::Fr).into_string();
        assert!(
            page.contains(&format!("href=\"/deliveries/{other}\"")),
            "{page}"
        );
        assert!(
            page.contains("Doublon probable &lt;b&gt;. Comparez."),
            "{page}"
        );
        assert!(page.contains("Atlas, géré par AKTO (sûr)."), "{page}");
        assert!(
            page.contains("<strong>AKTO</strong>") && page.contains("2026.1"),
            "{page}"
        );
        let nothing = section(&Judged::default(), Language::En).into_string();
        assert_eq!(nothing, "");
    }
}
