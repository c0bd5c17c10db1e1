//! What the network decided: the OPCO of an employer, the effect of a rule; each dated, with its author and
//! its reason.

use actix_web::{HttpResponse, web};
use domain::person::{Language, Right};
use domain::{Effect, Opco, Timestamp, rules};
use maud::{Markup, html};
use store::Tx;
use store::overrides::{self, RouteOverride, RuleOverride, Subject};

use super::super::layout::{Frame, csrf, instant, wrong};
use super::super::login::again;
use super::super::page;
use super::{because, until};
use crate::audit::Names;
use crate::decisions::acts::{self, Decision};
use crate::desk::Desk;
use crate::form::Filled;
use crate::gate::redirect;
use crate::refusal::Refusal;
use crate::viewer::Viewer;

/// Where the page is.
const HERE: &str = "/settings/decisions";

/// What the network decided and still holds.
pub(crate) struct Decided {
    /// The OPCOs of employers.
    pub(crate) routes: Vec<RouteOverride>,
    /// The effects of rules.
    pub(crate) rules: Vec<RuleOverride>,
    /// What people call who decided.
    pub(crate) names: Names,
}

impl Decided {
    /// Reads it.
    pub(crate) async fn of(tx: &mut Tx, viewer: &Viewer, now: Timestamp) -> Result<Self, Refusal> {
        let tenant = viewer.tenant();
        let mut routes = overrides::routes(tx, tenant).await?;
        routes.retain(|one| one.until.is_none_or(|until| now < until));
        Ok(Self {
            routes,
            rules: overrides::rules(tx, tenant).await?,
            names: Names::of(tx, tenant).await?,
        })
    }

    /// Returns what people call an author.
    pub(crate) fn name<'a>(&'a self, author: &'a str) -> &'a str {
        self.names.find(author).unwrap_or(author)
    }
}

/// Writes an employer.
pub(crate) fn employer(subject: &Subject) -> String {
    match subject {
        Subject::Siret(siret) => siret.to_string(),
        Subject::Siren(siren) => siren.to_string(),
    }
}

/// Shows it.
pub(crate) async fn show(desk: web::Data<Desk>, viewer: Viewer) -> Result<HttpResponse, Refusal> {
    Ok(page(whole(&desk, &viewer, &html! {}).await?))
}

/// Decides.
pub(crate) async fn decide(
    desk: web::Data<Desk>,
    viewer: Viewer,
    sent: Filled<Decision>,
) -> Result<HttpResponse, Refusal> {
    let done = match sent.read {
        Ok(decision) => acts::decide(&desk, &viewer, decision).await,
        Err(refusal) => Err(refusal),
    };
    match done {
        Ok(()) => Ok(redirect(HERE)),
        Err(refusal) => {
            let said = wrong(&refusal, viewer.language());
            Ok(again(whole(&desk, &viewer, &said).await?))
        }
    }
}

async fn whole(desk: &Desk, viewer: &Viewer, said: &Markup) -> Result<Markup, Refusal> {
    let now = desk.clock.now();
    let mut tx = desk.store.reading().await?;
    let decided = Decided::of(&mut tx, viewer, now).await?;
    drop(tx);
    let language = viewer.language();
    let may = viewer.may(Right::ManageNetwork);
    let title = language.of("Décisions du réseau", "Decisions of the network");
    Ok(Frame {
        viewer,
        section: "/settings",
        title,
        world: None,
    }
    .around(&html! {
        p { a href="/settings" { (language.of("← Réglages", "← Settings")) } }
        h1 { (title) }
        (said)
        h2 { (language.of("OPCO d'employeurs", "OPCOs of employers")) }
        (routes(viewer, &decided, may, now))
        @if may { (route_form(viewer)) }
        h2 { (language.of("Effets de règles", "Effects of rules")) }
        (changed(viewer, &decided, may))
        @if may { (rule_form(viewer)) }
    }))
}

/// Says how a decision stands, and which of two about one employer wins: those made before two of them were
/// refused may be there still.
fn standing(
    one: &RouteOverride,
    all: &[RouteOverride],
    now: Timestamp,
    language: Language,
) -> (&'static str, &'static str) {
    // As the router chooses: of those in force, the latest.
    let later = |other: &RouteOverride| {
        other.subject == one.subject && other.id > one.id && other.from <= now
    };
    if now < one.from {
        ("", language.of("à venir", "to come"))
    } else if all.iter().any(later) {
        (
            "warn",
            language.of(
                "sans effet : une décision plus récente passe avant",
                "without effect: a later decision goes before it",
            ),
        )
    } else {
        ("good", language.of("en vigueur", "in force"))
    }
}

fn routes(viewer: &Viewer, decided: &Decided, may: bool, now: Timestamp) -> Markup {
    let language = viewer.language();
    html! {
        @if decided.routes.is_empty() {
            p { (language.of("Aucun : les sources décident.", "None: the sources decide.")) }
        } @else {
            div.scroll { table {
                thead { tr {
                    th scope="col" { (language.of("Employeur", "Employer")) }
                    th scope="col" { "OPCO" }
                    th scope="col" { (language.of("Par", "By")) }
                    th scope="col" { (language.of("Pourquoi", "Why")) }
                    th scope="col" { (language.of("Depuis", "Since")) }
                    th scope="col" { (language.of("Jusqu'au", "Until")) }
                    @if may { th scope="col" { (language.of("Acte", "Act")) } }
                } }
                tbody {
                    @for one in &decided.routes {
                        tr {
                            @let (colour, said) = standing(one, &decided.routes, now, language);
                            td { (employer(&one.subject)) " " span class={ "badge " (colour) } { (said) } }
                            td { (one.opco.name()) }
                            td { (decided.name(&one.author)) }
                            td { (one.reason) }
                            td { (instant(one.from, language)) }
                            td { (until(one.until, language)) }
                            @if may {
                                td { (ending(viewer, (HERE, "end-route"), ("id", &one.id.to_string()))) }
                            }
                        }
                    }
                }
            } }
            p.small {
                (language.of(
                    "La décision d'un SIRET passe avant celle de son SIREN ; pour un même employeur, la plus récente de celles en vigueur passe avant les autres.",
                    "The decision about a SIRET goes before that about its SIREN; for one employer, the latest of those in force goes before the others.",
                ))
            }
        }
    }
}

fn changed(viewer: &Viewer, decided: &Decided, may: bool) -> Markup {
    let language = viewer.language();
    html! {
        @if decided.rules.is_empty() {
            p { (language.of("Aucun : chaque règle a le sien.", "None: each rule has its own.")) }
        } @else {
            div.scroll { table {
                thead { tr {
                    th scope="col" { (language.of("Règle", "Rule")) }
                    th scope="col" { (language.of("Effet", "Effect")) }
                    th scope="col" { (language.of("Par", "By")) }
                    th scope="col" { (language.of("Pourquoi", "Why")) }
                    th scope="col" { (language.of("Depuis", "Since")) }
                    @if may { th scope="col" { (language.of("Acte", "Act")) } }
                } }
                tbody {
                    @for one in &decided.rules {
                        tr {
                            td { (one.rule) }
                            td { (effect_name(one.effect, language)) }
                            td { (decided.name(&one.author)) }
                            td { (one.reason) }
                            td { (instant(one.created_at, language)) }
                            @if may {
                                td { (ending(viewer, (HERE, "restore-rule"), ("rule", &one.rule))) }
                            }
                        }
                    }
                }
            } }
        }
    }
}

/// The form that ends one decision.
pub(super) fn ending(
    viewer: &Viewer,
    (path, act): (&str, &str),
    (field, value): (&str, &str),
) -> Markup {
    let language = viewer.language();
    html! {
        form.inline method="post" action=(path) {
            (csrf(viewer))
            input type="hidden" name="act" value=(act);
            input type="hidden" name=(field) value=(value);
            (because(value, language))
            button.quiet type="submit" { (language.of("Y mettre fin", "End it")) }
        }
    }
}

/// The fields of a period in days.
pub(super) fn days(name: &str, language: Language) -> Markup {
    html! {
        label for={ "from-" (name) } { (language.of("Premier jour ; vide : maintenant", "First day; empty: now")) }
        input id={ "from-" (name) } name="from" type="date";
        label for={ "until-" (name) } { (language.of("Dernier jour ; vide : sans fin", "Last day; empty: no end")) }
        input id={ "until-" (name) } name="until" type="date";
    }
}

fn route_form(viewer: &Viewer) -> Markup {
    let language = viewer.language();
    html! {
        details {
            summary { (language.of("Dire l'OPCO d'un employeur", "Say the OPCO of an employer")) }
            form.narrow method="post" action=(HERE) {
                (csrf(viewer))
                input type="hidden" name="act" value="say-route";
                label for="employer" { (language.of("SIRET, ou SIREN pour toute l'entreprise", "SIRET, or SIREN for the whole company")) }
                input #employer name="employer" required maxlength="20" inputmode="numeric" autocomplete="off";
                label for="opco" { "OPCO" }
                select #opco name="opco" {
                    @for opco in Opco::ALL { option value=(opco.slug()) { (opco.name()) } }
                }
                (days("route", language))
                (because("route", language))
                button type="submit" { (language.of("Décider", "Decide")) }
            }
        }
    }
}

fn rule_form(viewer: &Viewer) -> Markup {
    let language = viewer.language();
    html! {
        details {
            summary { (language.of("Changer l'effet d'une règle", "Change the effect of a rule")) }
            form.narrow method="post" action=(HERE) {
                (csrf(viewer))
                input type="hidden" name="act" value="change-rule";
                label for="rule" { (language.of("Règle", "Rule")) }
                input #rule name="rule" required maxlength="20" list="rules" autocomplete="off";
                datalist #rules {
                    @for rule in rules::all() { option value=(rule.id) { (rule.message) } }
                }
                label for="effect" { (language.of("Effet", "Effect")) }
                select #effect name="effect" {
                    @for effect in Effect::ALL { option value=(effect) { (effect_name(*effect, language)) } }
                }
                (because("rule", language))
                button type="submit" { (language.of("Décider", "Decide")) }
            }
        }
    }
}

/// Returns what people call what a rule does.
pub fn effect_name(effect: Effect, language: Language) -> &'static str {
    match effect {
        Effect::Warn => language.of("avertir", "warn"),
        Effect::Wait => language.of("attendre", "wait"),
        Effect::Hold => language.of("retenir", "hold"),
        Effect::Conflict => language.of("signaler un double", "conflict"),
        Effect::Refuse => language.of("refuser", "refuse"),
    }
}

#[cfg(test)]
mod tests {
    use domain::id::OverrideId;
    use domain::{Siret, TenantId};

    use super::*;

    #[test]
    fn of_two_decisions_about_one_employer_the_list_says_which_is_followed() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let now = at("2026-09-10T00:00:00Z");
        let siret: Siret = "12345678200010".parse().unwrap();
        let made = |made: &str, from: &str, subject| RouteOverride {
            tenant: TenantId::PLATFORM,
            id: OverrideId::new(at(made)),
            subject,
            opco: Opco::Akto,
            author: String::new(),
            reason: String::new(),
            from: at(from),
            until: None,
            created_at: at(made),
        };
        let first = made(
            "2026-09-01T00:00:00Z",
            "2026-09-01T00:00:00Z",
            Subject::Siret(siret),
        );
        let next = made(
            "2026-09-02T00:00:00Z",
            "2026-09-02T00:00:00Z",
            Subject::Siret(siret),
        );
        let ahead = made(
            "2026-09-03T00:00:00Z",
            "2026-10-01T00:00:00Z",
            Subject::Siret(siret),
        );
        let company = made(
            "2026-09-04T00:00:00Z",
            "2026-09-04T00:00:00Z",
            Subject::Siren(siret.siren()),
        );
        let all = [company, ahead, next, first];
        let said: Vec<&str> = all
            .iter()
            .map(|one| standing(one, &all, now, Language::En).1)
            .collect();
        let beaten = "without effect: a later decision goes before it";
        assert_eq!(said, ["in force", "to come", "in force", beaten]);
    }
}
