//! How long each class of data is kept, and what goes next.

use actix_web::{HttpResponse, web};
use domain::calendar::day_in_france;
use domain::person::{Language, Right};
use maud::{Markup, html};

use super::layout::{Frame, day, figure};
use super::page;
use crate::desk::Desk;
use crate::privacy::{Class, Retention};
use crate::refusal::Refusal;
use crate::viewer::Viewer;

/// Shows it.
pub(crate) async fn show(desk: web::Data<Desk>, viewer: Viewer) -> Result<HttpResponse, Refusal> {
    viewer.require(Right::ReadSettings)?;
    let schedule = desk.works.retention(viewer.tenant()).await?;
    let language = viewer.language();
    let title = language.of("Durées de conservation", "Retention");
    let frame = Frame {
        viewer: &viewer,
        section: "/settings",
        title,
        world: None,
    };
    Ok(page(frame.around(&html! {
        p { a href="/settings" { (language.of("← Réglages", "← Settings")) } }
        h1 { (title) }
        p { (language.of(
            "Ce qui est fini est détruit classe par classe, une fois son temps passé. Le journal reste : il ne contient rien de personnel.",
            "What is finished is destroyed class by class, once its time has passed. The log stays: nothing personal is in it.",
        )) }
        @if schedule.nir_at_engagement {
            p { (language.of(
                "Le NIR est détruit dès que l'OPCO s'est engagé ; la ligne ci-dessous est celle des contrats qu'aucun OPCO n'a engagés.",
                "The NIR is destroyed as soon as the OPCO has committed itself; the line below is for contracts that no OPCO committed itself to.",
            )) }
        }
        p { (rounds(&schedule, language)) }
        (table(&schedule, language))
        p.small { (language.of(
            "Les durées sont des réglages ([retention]) de toute la passerelle. Les nombres sont ceux de ce réseau, les deux mondes ensemble.",
            "Durations are settings ([retention]) of the whole gateway. Counts are this network's, both worlds together.",
        )) }
    })))
}

fn rounds(schedule: &Retention, language: Language) -> String {
    let minutes = schedule.every_minutes;
    match language {
        Language::Fr if minutes == 1 => "Une ronde passe toutes les minutes.".to_owned(),
        Language::Fr => format!("Une ronde passe toutes les {minutes} minutes."),
        Language::En => format!(
            "A round comes every {}.",
            language.counted(minutes, "minute", "minutes")
        ),
    }
}

fn table(schedule: &Retention, language: Language) -> Markup {
    html! {
        div.scroll { table {
            thead { tr {
                th scope="col" { (language.of("Quoi", "What")) }
                th scope="col" { (language.of("Gardé", "Kept")) }
                th scope="col" { (language.of("Part maintenant : fini avant le", "Goes now: ended before")) }
                @for (rank, at) in schedule.horizons.iter().enumerate() {
                    th.number scope="col" {
                        @if rank == 0 { (language.of("À la prochaine ronde", "At the next round")) }
                        @else { (language.of("D'ici au ", "By ")) (day(day_in_france(*at), language)) }
                    }
                }
            } }
            tbody {
                @for class in &schedule.classes { tr {
                    td { (class_name(class.word, language)) }
                    td { (kept(class, language)) }
                    td { (class.ended_before.map_or_else(|| "—".to_owned(), |at| day(day_in_france(at), language))) }
                    @for count in &class.going { td.number { (figure(*count, language)) } }
                } }
            }
        } }
    }
}

fn kept(class: &Class, language: Language) -> String {
    let Some(days) = class.days else {
        return language.of("sans limite", "without limit").to_owned();
    };
    let days = language.counted(
        days,
        language.of("jour", "day"),
        language.of("jours", "days"),
    );
    let after = match class.word {
        "idempotency" => language.of("après la réception", "after it was received"),
        _ => language.of("après la fin", "after the end"),
    };
    format!("{days} {after}")
}

/// Returns what people call a class of what is kept; another word stays as it is.
pub fn class_name(word: &str, language: Language) -> &str {
    match word {
        "payloads" => language.of(
            "Contenus, avec leurs clés, fichiers et empreintes",
            "Contents, with their keys, files and fingerprints",
        ),
        "nirs" => "NIR",
        "files" => language.of(
            "Fichiers, quand le contenu reste",
            "Files, where the content stays",
        ),
        "attempts" => language.of("Appels aux OPCO", "Calls to the OPCOs"),
        "idempotency" => language.of("Clés d'idempotence", "Idempotency keys"),
        "strangers" => language.of(
            "Dossiers lus, sans envoi d'ERP",
            "Dossiers read, sent by no ERP",
        ),
        "readings" => language.of(
            "Échéanciers de dossiers adoptés",
            "Schedules of adopted dossiers",
        ),
        other => other,
    }
}
