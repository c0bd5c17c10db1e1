//! What a person must know in the morning.

use actix_web::{HttpResponse, web};
use domain::Environment;
use domain::person::Right;
use maud::{Markup, html};

use super::layout::{Frame, in_world, instant};
use super::page;
use crate::desk::Desk;
use crate::refusal::Refusal;
use crate::viewer::Viewer;
use crate::works::{Breaker, Health};

/// Which world.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Asked {
    world: Option<Environment>,
}

/// Shows it.
pub(crate) async fn show(
    desk: web::Data<Desk>,
    viewer: Viewer,
    asked: web::Query<Asked>,
) -> Result<HttpResponse, Refusal> {
    viewer.require(Right::ReadDeliveries)?;
    let world = viewer.world(asked.world);
    let language = viewer.language();
    let title = language.of("Aujourd'hui", "Today");
    let mut health = desk.works.health();
    health.retain(|one| one.environment == world);
    let frame = Frame {
        viewer: &viewer,
        section: "/",
        title,
        world: Some(world),
    };
    let held = in_world("/deliveries?status=held", Some(world));
    Ok(page(frame.around(&html! {
        h1 { (title) }
        p { a href=(held) { (language.of("Ce qui attend une personne", "What waits for a person")) } }
        (opcos(&health, &viewer))
    })))
}

fn opcos(health: &[Health], viewer: &Viewer) -> Markup {
    let language = viewer.language();
    html! {
        section aria-labelledby="opcos" {
            h2 #opcos { (language.of("Santé des OPCO", "Health of the OPCOs")) }
            ul.cards {
                @for one in health {
                    li.card {
                        strong { (one.instance.opco.name()) } " "
                        @match one.breaker {
                            Breaker::Closed => span.badge.good { (language.of("répond", "answers")) },
                            Breaker::Trying => span.badge.warn { (language.of("à l'essai", "being tried")) },
                            Breaker::Open(until) => {
                                span.badge.bad { (language.of("au repos", "resting")) } " "
                                (language.of("jusqu'au ", "until ")) (instant(until, language))
                            }
                        }
                        @if let Some(until) = one.silent_until {
                            p.small { (language.of("A demandé le silence jusqu'au ", "Asked for silence until ")) (instant(until, language)) }
                        }
                    }
                }
            }
        }
    }
}
