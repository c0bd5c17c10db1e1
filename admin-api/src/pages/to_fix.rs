//! What a person must mend, by cause: the same cause once, however many share it.

use actix_web::{HttpResponse, web};
use domain::person::{Language, Right};
use domain::{Environment, HoldReason, Opco, Timestamp};
use maud::{Markup, html};
use serde::Deserialize;
use store::deliveries::Scope;

use super::layout::{Frame, figure, instant};
use super::page;
use super::settings::tree::mandate::advice;
use super::today::{age, why};
use crate::causes::{self, Cause, Who};
use crate::desk::Desk;
use crate::refusal::Refusal;
use crate::table::ROUTES;
use crate::viewer::Viewer;

/// How many causes a page shows.
const SHOWN: usize = 100;

/// Which world, and whose.
#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    world: Option<Environment>,
    #[serde(default)]
    who: String,
}

/// Shows it.
pub(crate) async fn show(
    desk: web::Data<Desk>,
    viewer: Viewer,
    asked: web::Query<Asked>,
) -> Result<HttpResponse, Refusal> {
    let world = viewer.world(asked.world);
    let now = desk.clock.now();
    let scope = Scope {
        tenant: viewer.tenant(),
        environment: world,
        sites: viewer.require(Right::ReadDeliveries)?.filter(),
    };
    let mut tx = desk.store.reading().await?;
    let causes = causes::read(&mut tx, &scope, now).await?;
    drop(tx);
    let language = viewer.language();
    let title = language.of("À corriger", "To fix");
    let whose = |cause: &&Cause| asked.who.is_empty() || cause.who.as_str() == asked.who;
    let shown: Vec<&Cause> = causes.iter().filter(whose).collect();
    let frame = Frame {
        viewer: &viewer,
        section: "/to-fix",
        title,
        world: Some(world),
    };
    let acts = viewer.may(Right::Act) && ROUTES.iter().any(|line| line.pattern == "/bulk/new");
    Ok(page(frame.around(&html! {
        h1 { (title) }
        p.small {
            (language.of(
                "Ce qui est retenu ou en doute, et ce qui fut refusé ou abandonné depuis 60 jours, par cause.",
                "What is held or in doubt, and what was refused or given up for 60 days, by cause.",
            ))
        }
        (whose_links(&causes, &asked.who, world, language))
        div data-live {
            @if shown.is_empty() {
                p { (language.of("Rien à corriger.", "Nothing to fix.")) }
            }
            ol.causes { @for cause in shown.iter().take(SHOWN) { (cause_card(&viewer, cause, (world, now), acts)) } }
            @if shown.len() > SHOWN {
                p {
                    (language.of("Les plus petites ne sont pas montrées : ", "The smallest are not shown: "))
                    (shown.len() - SHOWN)
                }
            }
        }
    })))
}

fn whose_links(causes: &[Cause], chosen: &str, world: Environment, language: Language) -> Markup {
    let address = |who: &str| {
        let pairs = [("who", who), ("world", world.as_str())];
        let filled = pairs.iter().filter(|(_, value)| !value.is_empty());
        let query = serde_urlencoded::to_string(filled.collect::<Vec<_>>()).unwrap_or_default();
        format!("/to-fix?{query}")
    };
    let count = |who: Option<Who>| {
        let of = causes
            .iter()
            .filter(|cause| who.is_none_or(|who| cause.who == who));
        of.fold(0_u64, |sum, cause| sum.saturating_add(size(cause)))
    };
    html! {
        nav.tabs aria-label=(language.of("Qui doit agir", "Who must act")) {
            ul {
                li { a href=(address("")) aria-current=[chosen.is_empty().then_some("page")] {
                    (language.of("Tous", "All")) " " (figure(count(None), language))
                } }
                @for who in Who::ALL {
                    li { a href=(address(who.as_str())) aria-current=[(chosen == who.as_str()).then_some("page")] {
                        (who.name(language)) " " (figure(count(Some(who)), language))
                    } }
                }
            }
        }
    }
}

fn size(cause: &Cause) -> u64 {
    u64::try_from(cause.deliveries.len()).unwrap_or(u64::MAX)
}

fn cause_card(
    viewer: &Viewer,
    cause: &Cause,
    (world, now): (Environment, Timestamp),
    acts: bool,
) -> Markup {
    let language = viewer.language();
    let kept = &cause.kept;
    let query = format!("cause={}&world={world}", kept.key());
    html! {
        li.card {
            p.headline {
                a href={ "/deliveries?" (query) } { strong { (figure(size(cause), language)) } " " (what(cause, language)) }
                " " span class={ "badge " (super::deliveries::colour(kept.status)) } { (kept.status.name(language)) }
                " " (kept.opco.map_or(language.of("OPCO pas encore connu", "OPCO not known yet"), Opco::name))
            }
            p { (why(kept.status, kept.reason.map(HoldReason::as_str), language)) }
            @if kept.reason == Some(HoldReason::MandateMissing) { p { (advice(viewer)) } }
            @if kept.code.is_some() || kept.words.is_some() {
                p.told {
                    @if let Some(code) = &kept.code { code { (code) } " " }
                    @if let Some(field) = &kept.field { (language.of("champ ", "field ")) code { (field) } " " }
                    @if let Some(words) = &kept.words { q lang="fr" { (words) } }
                }
            }
            p.small {
                (language.of("Doit agir : ", "Must act: ")) (cause.who.name(language)) ". "
                (language.of("La plus ancienne : ", "The oldest: ")) (age(cause.oldest, now, language))
                " (" (instant(cause.oldest, language)) ")"
            }
            @if acts {
                p.actions { a.button.quiet href={ "/bulk/new?" (query) } { (language.of("Agir sur toutes", "Act on all")) } }
            }
        }
    }
}

fn what(cause: &Cause, language: Language) -> &'static str {
    let many = if cause.kept.code.is_some() {
        language.of("livraisons, même motif", "deliveries, same ground")
    } else {
        language.of("livraisons, même cause", "deliveries, same cause")
    };
    let one = language.of("livraison", "delivery");
    language.form(cause.deliveries.len(), one, many)
}
