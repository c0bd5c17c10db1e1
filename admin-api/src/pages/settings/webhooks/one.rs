//! One webhook: how far it was told, what it did not take, its latest tries, and what can be done.

use actix_web::{HttpResponse, web};
use domain::id::{DeliveryId, WebhookId};
use domain::person::{Language, Right};
use maud::{Markup, html};
use serde::Deserialize;
use store::Tx;
use store::events;
use store::webhooks::{self, Attempt, Endpoint, parking};

use super::super::super::layout::{Frame, csrf, instant, notice, wrong};
use super::super::super::login::again;
use super::super::super::page;
use super::super::because;
use super::{HERE, host, name, shown_once, state};
use crate::desk::Desk;
use crate::form::Sent;
use crate::gate::redirect;
use crate::hooks::acts::{self, Act, Done};
use crate::hooks::{self, Aside, OVERLAP_HOURS, OVERLAP_HOURS_MAX};
use crate::refusal::{Code, Refusal};
use crate::viewer::Viewer;

/// How many tries are shown.
const TRIES: u32 = 20;

/// What the forms of the page send: one act at a time.
#[derive(Debug, Deserialize)]
pub(crate) struct Chosen {
    act: String,
    #[serde(default)]
    reason: String,
    hours: Option<u16>,
    position: Option<i64>,
}

/// A webhook with what is known of it.
pub(crate) struct Known {
    /// The webhook.
    pub(crate) endpoint: Endpoint,
    /// Where the log of the network ends.
    pub(crate) head: i64,
    /// What it did not take.
    pub(crate) aside: Vec<Told>,
    /// Its latest tries.
    pub(crate) tries: Vec<Attempt>,
}

/// A dossier put aside, with what its first event tells of.
pub(crate) struct Told {
    /// The dossier's events.
    pub(crate) aside: Aside,
    /// What happened.
    pub(crate) kind: String,
    /// To which delivery.
    pub(crate) delivery: Option<DeliveryId>,
}

/// Reads what is known of a webhook of the network.
pub(crate) async fn known(tx: &mut Tx, viewer: &Viewer, id: WebhookId) -> Result<Known, Refusal> {
    let tenant = viewer.tenant();
    let endpoint = webhooks::find(tx, tenant, id).await?;
    let endpoint = endpoint.ok_or(Code::NotFound)?;
    let parked = parking::list(tx, tenant, id).await?;
    let mut aside = Vec::new();
    for one in hooks::aside(&parked) {
        let event = events::after(tx, tenant, one.first.position.saturating_sub(1), 1).await?;
        let event = event.into_iter().next();
        aside.push(Told {
            aside: one,
            delivery: event.as_ref().and_then(|event| event.delivery),
            kind: event.map(|event| event.kind).unwrap_or_default(),
        });
    }
    Ok(Known {
        head: events::head(tx, tenant).await?,
        tries: webhooks::attempts(tx, tenant, id, TRIES).await?,
        endpoint,
        aside,
    })
}

/// Shows it.
pub(crate) async fn show(
    desk: web::Data<Desk>,
    viewer: Viewer,
    id: web::Path<WebhookId>,
) -> Result<HttpResponse, Refusal> {
    Ok(page(one_page(&desk, &viewer, *id, &html! {}).await?))
}

/// Acts on it.
pub(crate) async fn act(
    desk: web::Data<Desk>,
    viewer: Viewer,
    id: web::Path<WebhookId>,
    sent: Sent<Chosen>,
) -> Result<HttpResponse, Refusal> {
    let Sent(sent) = sent;
    let act = Act::read(&sent.act, sent.hours, sent.position).ok_or(Code::UnknownAct)?;
    let language = viewer.language();
    match acts::done(&desk, &viewer, *id, (act, &sent.reason)).await {
        Ok(Done::Quietly) if act == Act::Remove => Ok(redirect(HERE)),
        Ok(Done::Quietly) => Ok(redirect(&format!("{HERE}/{id}"))),
        Ok(Done::Secret(secret)) => {
            let said = shown_once(&secret, language);
            Ok(page(one_page(&desk, &viewer, *id, &said).await?))
        }
        Ok(Done::Tried(attempt)) => {
            let (fr, en) = hooks::explanation(&attempt.outcome);
            let taken = attempt.outcome == "delivered";
            let said = notice(if taken { "done" } else { "error" }, language.of(fr, en));
            Ok(page(one_page(&desk, &viewer, *id, &said).await?))
        }
        Err(refusal) if refusal.code == Code::NotFound => Err(refusal),
        Err(refusal) => {
            let said = wrong(&refusal, language);
            Ok(again(one_page(&desk, &viewer, *id, &said).await?))
        }
    }
}

async fn one_page(
    desk: &Desk,
    viewer: &Viewer,
    id: WebhookId,
    said: &Markup,
) -> Result<Markup, Refusal> {
    let mut tx = desk.store.reading().await?;
    let known = known(&mut tx, viewer, id).await?;
    drop(tx);
    let language = viewer.language();
    let may = viewer.may(Right::ManageCredentials);
    Ok(Frame {
        viewer,
        section: "/settings",
        title: name(&known.endpoint),
        world: None,
    }
    .around(&html! {
        p { a href=(HERE) { "← Webhooks" } }
        h1 { (name(&known.endpoint)) }
        (said)
        (facts(&known, language))
        (aside(viewer, &known, may))
        @if may { (doings(viewer, &known)) }
        (tries(&known.tries, language))
    }))
}

fn facts(known: &Known, language: Language) -> Markup {
    let one = &known.endpoint;
    html! {
        dl {
            dt { (language.of("Hôte", "Host")) } dd { (host(&one.url)) }
            dt { (language.of("Monde", "World")) } dd { (one.environment) }
            dt { (language.of("État", "State")) } dd { (state(one, language)) }
            @if one.failures > 0 && one.disabled.is_none() {
                dt { (language.of("Prochain essai", "Next try")) } dd { (instant(one.due_at, language)) }
            }
            dt { (language.of("Événements", "Events")) }
            dd {
                @if one.kinds.is_empty() { (language.of("ceux qui sont publiés", "the published ones")) }
                @else { (one.kinds.join(", ")) }
            }
            dt { "Sites" }
            dd {
                @match &one.sites {
                    None => (language.of("tous", "all")),
                    Some(sites) => { @for siret in sites { (siret) " " } }
                }
            }
            dt { "Position" } dd { (one.position) " / " (known.head) }
            dt { (language.of("Clé publique (v1a)", "Public key (v1a)")) } dd { code { (one.public_key) } }
            @if let Some(until) = one.overlap_until {
                dt { (language.of("Le secret d'avant signe jusqu'au", "The secret before signs until")) }
                dd { (instant(until, language)) }
            }
            dt { (language.of("Fait le", "Made on")) } dd { (instant(one.created_at, language)) }
        }
    }
}

/// What the ERP did not take, dossier by dossier.
fn aside(viewer: &Viewer, known: &Known, may: bool) -> Markup {
    let language = viewer.language();
    html! {
        h2 #aside { (language.of("Mis de côté", "Put aside")) }
        @if known.aside.is_empty() {
            p { (language.of("Rien : l'ERP a pris tout ce qui lui a été dit.", "Nothing: the ERP took all it was told.")) }
        } @else {
            p.small {
                (language.of(
                    "L'ERP ne prend pas ces événements, alors qu'il en prend d'autres. Ceux du même dossier attendent derrière.",
                    "The ERP does not take these events while it takes others. Those of the same dossier wait behind.",
                ))
            }
            div.scroll tabindex="0" role="region" aria-labelledby="aside" {
                table {
                    thead { tr {
                        th scope="col" { (language.of("Événement", "Event")) }
                        th.number scope="col" { "Position" }
                        th.number scope="col" { (language.of("En attente", "Waiting")) }
                        th.number scope="col" { (language.of("Essais", "Tries")) }
                        th scope="col" { (language.of("Depuis", "Since")) }
                        th scope="col" { (language.of("Prochain essai", "Next try")) }
                        @if may { th scope="col" { (language.of("Acte", "Act")) } }
                    } }
                    tbody { @for told in &known.aside { (aside_line(viewer, known, told, may)) } }
                }
            }
            @if may { (retry(viewer, &known.endpoint, None)) }
        }
    }
}

fn aside_line(viewer: &Viewer, known: &Known, told: &Told, may: bool) -> Markup {
    let language = viewer.language();
    let first = &told.aside.first;
    html! {
        tr {
            td {
                @match told.delivery {
                    Some(id) => a href={ "/deliveries/" (id) } { (told.kind) },
                    None => (told.kind),
                }
            }
            td.number { (first.position) }
            td.number { (told.aside.events) }
            td.number { (first.failures) }
            td { @if let Some(since) = first.failing_since { (instant(since, language)) } }
            td { @if let Some(due) = first.due_at { (instant(due, language)) } }
            @if may { td { (retry(viewer, &known.endpoint, Some(first.position))) } }
        }
    }
}

/// The form that has what is put aside tried again: one dossier's, or everything.
fn retry(viewer: &Viewer, endpoint: &Endpoint, position: Option<i64>) -> Markup {
    let language = viewer.language();
    let place = position.map_or_else(|| "all".to_owned(), |position| position.to_string());
    html! {
        form.inline method="post" action={ (HERE) "/" (endpoint.id) } {
            (csrf(viewer))
            input type="hidden" name="act" value="retry";
            @if let Some(position) = position { input type="hidden" name="position" value=(position); }
            (because(&format!("retry-{place}"), language))
            button.quiet type="submit" {
                @match position {
                    Some(_) => (language.of("Renvoyer maintenant", "Send again now")),
                    None => (language.of("Tout renvoyer maintenant", "Send all again now")),
                }
            }
        }
    }
}

fn doings(viewer: &Viewer, known: &Known) -> Markup {
    let language = viewer.language();
    let one = &known.endpoint;
    let form = |act: &str, fields: &Markup, words: &str, class: &str| {
        html! {
            form.narrow method="post" action={ (HERE) "/" (one.id) } {
                (csrf(viewer))
                input type="hidden" name="act" value=(act);
                (fields)
                @if act != "test" { (because(act, language)) }
                button class=(class) type="submit" { (words) }
            }
        }
    };
    let none = html! {};
    let hours = html! {
        label for="hours" {
            (language.of("Heures pendant lesquelles les deux secrets signent", "Hours for which both secrets sign"))
        }
        input #hours name="hours" type="number" min="0" max=(OVERLAP_HOURS_MAX) value=(OVERLAP_HOURS) required;
    };
    let place = html! {
        label for="position" {
            (language.of(
                "Position après laquelle tout redire ; 0 : le début",
                "Position after which to tell all again; 0: the start",
            ))
        }
        input #position name="position" type="number" min="0" max=(known.head) required;
    };
    html! {
        section aria-labelledby="acts" {
            h2 #acts { (language.of("Agir", "Act")) }
            (form("test", &none, language.of("Envoyer un événement d'essai", "Send a test event"), ""))
            @if one.disabled.is_some() || one.failures > 0 {
                (form("resume", &none, language.of("Reprendre tout de suite", "Resume at once"), ""))
            }
            details {
                summary { (language.of("Changer", "Change")) }
                @if one.disabled.is_none() {
                    (form("pause", &none, language.of("Arrêter les envois", "Stop sending"), "quiet"))
                }
                (form("rotate", &hours, language.of("Faire un autre secret", "Make another secret"), "quiet"))
                (form("rewind", &place, language.of("Redire à partir d'ici", "Tell again from there"), "quiet"))
                (form("remove", &none, language.of("Supprimer le webhook", "Remove the webhook"), "danger"))
            }
        }
    }
}

fn tries(tries: &[Attempt], language: Language) -> Markup {
    html! {
        h2 #tries { (language.of("Derniers essais", "Latest tries")) }
        @if tries.is_empty() {
            p { (language.of("Aucun.", "None.")) }
        } @else {
            div.scroll tabindex="0" role="region" aria-labelledby="tries" {
                table {
                    thead { tr {
                        th scope="col" { (language.of("Quand", "When")) }
                        th scope="col" { (language.of("Événement", "Event")) }
                        th scope="col" { (language.of("Résultat", "Outcome")) }
                        th.number scope="col" { "HTTP" }
                        th.number scope="col" { "ms" }
                    } }
                    tbody {
                        @for one in tries {
                            @let (fr, en) = hooks::explanation(&one.outcome);
                            tr {
                                td { (instant(one.at, language)) }
                                td { (one.kind) }
                                td { (language.of(fr, en)) }
                                td.number { @match one.http_status { Some(status) => (status), None => "—" } }
                                td.number { (one.duration_ms) }
                            }
                        }
                    }
                }
            }
        }
    }
}
