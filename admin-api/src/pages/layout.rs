//! What every page has: head, navigation, the place for the content, and the small parts pages share.

use domain::Environment;
use domain::person::{Language, Right};
use jiff::tz::TimeZone;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::form::CSRF_FIELD;
use crate::refusal::Refusal;
use crate::signin::carried;
use crate::viewer::Viewer;

/// A section of the dashboard.
struct Section {
    path: &'static str,
    fr: &'static str,
    en: &'static str,
    right: Right,
}

/// The navigation, in the order of a morning.
const SECTIONS: &[Section] = &[
    Section {
        path: "/",
        fr: "Aujourd'hui",
        en: "Today",
        right: Right::ReadDeliveries,
    },
    Section {
        path: "/to-fix",
        fr: "À corriger",
        en: "To fix",
        right: Right::ReadDeliveries,
    },
    Section {
        path: "/alerts",
        fr: "Alertes",
        en: "Alerts",
        right: Right::ReadDeliveries,
    },
    Section {
        path: "/deliveries",
        fr: "Livraisons",
        en: "Deliveries",
        right: Right::ReadDeliveries,
    },
    Section {
        path: "/dossiers",
        fr: "Dossiers",
        en: "Dossiers",
        right: Right::ReadDeliveries,
    },
    Section {
        path: "/money",
        fr: "Argent",
        en: "Money",
        right: Right::ReadMoney,
    },
    Section {
        path: "/opcos",
        fr: "OPCO",
        en: "OPCOs",
        right: Right::ReadDeliveries,
    },
    Section {
        path: "/keys",
        fr: "Clés",
        en: "Keys",
        right: Right::ReadKeys,
    },
    Section {
        path: "/audit",
        fr: "Journal",
        en: "Log",
        right: Right::ReadAudit,
    },
    Section {
        path: "/settings",
        fr: "Réglages",
        en: "Settings",
        right: Right::ReadSettings,
    },
    Section {
        path: "/privacy",
        fr: "RGPD",
        en: "Privacy",
        right: Right::Privacy,
    },
    Section {
        path: "/people",
        fr: "Personnes",
        en: "People",
        right: Right::ReadSettings,
    },
];

/// A page for someone who is signed in.
pub(crate) struct Frame<'a> {
    /// Who looks.
    pub(crate) viewer: &'a Viewer,
    /// The path of its section.
    pub(crate) section: &'a str,
    /// Its title.
    pub(crate) title: &'a str,
    /// The world it shows, where it shows one.
    pub(crate) world: Option<Environment>,
}

impl Frame<'_> {
    /// Puts the content into the page.
    pub(crate) fn around(&self, content: &Markup) -> Markup {
        let language = self.viewer.language();
        let header = html! {
            header.bar {
                a.brand href="/" { "CFA Gateway" }
                nav aria-label=(language.of("Sections", "Sections")) {
                    ul {
                        @for section in SECTIONS.iter().filter(|s| self.viewer.may(s.right)) {
                            li {
                                a href=(in_world(section.path, self.world))
                                    aria-current=[(section.path == self.section).then_some("page")]
                                { (language.of(section.fr, section.en)) }
                            }
                        }
                    }
                }
                div.who {
                    @if let Some(world) = self.world { (world_switch(self.section, world, language)) }
                    a href="/account" { (self.viewer.person().name) }
                    form method="post" action="/logout" {
                        (csrf(self.viewer))
                        button.quiet type="submit" { (language.of("Se déconnecter", "Sign out")) }
                    }
                }
            }
        };
        document(language, self.title, &header, content)
    }
}

/// Carries the world along: an address that is kept shows the same tomorrow.
pub(crate) fn in_world(path: &str, world: Option<Environment>) -> String {
    match world {
        Some(world) if path.contains('?') => format!("{path}&world={world}"),
        Some(world) => format!("{path}?world={world}"),
        None => path.to_owned(),
    }
}

fn world_switch(section: &str, world: Environment, language: Language) -> Markup {
    let (other, to) = match world {
        Environment::Live => (
            Environment::Test,
            language.of("Voir la recette", "See test"),
        ),
        Environment::Test => (
            Environment::Live,
            language.of("Voir la production", "See production"),
        ),
    };
    html! {
        @if world == Environment::Test {
            span.badge.test { (world_name(Environment::Test, language)) }
        }
        a href=(in_world(section, Some(other))) { (to) }
    }
}

/// A page for someone who is not signed in.
pub(crate) fn outside(language: Language, title: &str, content: &Markup) -> Markup {
    let header = html! { header.bar { span.brand { "CFA Gateway" } } };
    document(language, title, &header, content)
}

/// The page of a refusal.
pub(crate) fn refused(viewer: Option<&Viewer>, language: Language, refusal: &Refusal) -> Markup {
    let title = refusal.code.title(language);
    let detail = refusal.detail(language);
    let content = html! {
        h1 { (title) }
        @if refusal.all().nth(1).is_some() {
            ul { @for one in refusal.all() { li { (one.detail(language)) } } }
        } @else if detail != title {
            p { (detail) }
        }
        p { a href="/" { (language.of("Revenir à l'accueil", "Back to the first page")) } }
        p.small { (refusal.code.slug()) }
    };
    match viewer {
        Some(viewer) => Frame {
            viewer,
            section: "",
            title,
            world: None,
        }
        .around(&content),
        None => outside(language, title, &content),
    }
}

fn document(language: Language, title: &str, header: &Markup, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang=(language.as_str()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · CFA Gateway" }
                link rel="icon" href="/assets/icon.svg" type="image/svg+xml";
                link rel="stylesheet" href="/assets/desk.css";
                script src="/assets/desk.js" defer {}
            }
            body {
                a.skip href="#content" { (language.of("Aller au contenu", "Skip to content")) }
                (header)
                main id="content" tabindex="-1" { (content) }
            }
        }
    }
}

/// The field that says a form is one of ours.
pub(crate) fn csrf(viewer: &Viewer) -> Markup {
    html! {
        @if let Some(cookie) = viewer.cookie() {
            input type="hidden" name=(CSRF_FIELD) value=(carried::csrf(cookie));
        }
    }
}

/// A message at the top of a page: what was refused, or what was done.
pub(crate) fn notice(kind: &str, text: &str) -> Markup {
    html! {
        @if !text.is_empty() {
            p class={ "notice " (kind) } role=(if kind == "error" { "alert" } else { "status" }) { (text) }
        }
    }
}

/// What was refused, at the top of a page: all that is wrong, with the way to each field. What is said of a field
/// is told beside it too, as the page leaves (`form::refill`).
pub(crate) fn wrong(refusal: &Refusal, language: Language) -> Markup {
    let all: Vec<&Refusal> = refusal.all().collect();
    let one = |refusal: &Refusal| {
        let said = refusal.detail(language);
        html! {
            @match refusal.field() {
                Some(field) => a data-at=(field) { (said) },
                None => (said),
            }
        }
    };
    html! {
        @match &*all {
            [alone] => p.notice.error role="alert" { (one(alone)) },
            several => div.notice.error role="alert" {
                (language.of("À corriger :", "To correct:"))
                ul { @for refusal in several { li { (one(refusal)) } } }
            }
        }
    }
}

/// An instant as people in France read it; the exact one on demand.
pub(crate) fn instant(at: domain::Timestamp, language: Language) -> Markup {
    html! { time datetime=(at) title=(at) { (local(at, language)) } }
}

/// What people call a world.
pub fn world_name(environment: Environment, language: Language) -> &'static str {
    match environment {
        Environment::Live => "Production",
        Environment::Test => language.of("Recette", "Test"),
    }
}

/// Lets a person choose a world, the given one first.
pub(crate) fn world_field(first: Environment, language: Language) -> Markup {
    let other = match first {
        Environment::Live => Environment::Test,
        Environment::Test => Environment::Live,
    };
    html! {
        label for="environment" { (language.of("Monde", "World")) }
        select #environment name="environment" {
            @for one in [first, other] {
                option value=(one.as_str()) { (world_name(one, language)) }
            }
        }
    }
}

/// A day as people read it.
pub(crate) fn day(day: jiff::civil::Date, language: Language) -> String {
    day.strftime(language.of("%d/%m/%Y", "%Y-%m-%d"))
        .to_string()
}

/// An instant in words of Paris.
pub(crate) fn local(at: domain::Timestamp, language: Language) -> String {
    let zone = TimeZone::get("Europe/Paris").unwrap_or(TimeZone::UTC);
    let format = language.of("%d/%m/%Y %H:%M", "%Y-%m-%d %H:%M");
    at.to_zoned(zone).strftime(format).to_string()
}

/// A number as people read it: in groups of three digits.
pub(crate) fn figure(number: u64, language: Language) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push_str(language.of("\u{202f}", ","));
        }
        text.push(digit);
    }
    text
}

/// An amount to the cent, grouped by thousands as the reader does.
pub(crate) fn euros(cents: i64, language: Language) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    let grouped = figure(cents.unsigned_abs() / 100, language);
    let rest = cents.unsigned_abs() % 100;
    let point = language.of(',', '.');
    match language {
        Language::Fr => format!("{sign}{grouped}{point}{rest:02}\u{a0}€"),
        Language::En => format!("{sign}€{grouped}{point}{rest:02}"),
    }
}

/// A drawing made on the server.
pub(crate) fn drawing(svg: String) -> Markup {
    PreEscaped(svg)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_keep_their_cents_and_their_sign() {
        assert_eq!(euros(123_456_789, Language::En), "€1,234,567.89");
        assert_eq!(euros(123_456, Language::Fr), "1\u{202f}234,56\u{a0}€");
        assert_eq!(euros(-5, Language::Fr), "-0,05\u{a0}€");
        assert_eq!(euros(i64::MIN, Language::En), "-€92,233,720,368,547,758.08");
    }
}
