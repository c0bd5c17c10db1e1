//! One delivery: where it stands and why, what happened to it, and what a person may do now.

mod judged;

use std::collections::BTreeMap;

use actix_web::{HttpResponse, web};
use domain::delivery::Action;
use domain::id::{DeliveryId, DossierId, KeyId};
use domain::person::{Language, Right};
use domain::{Fault, Kind, Opco};
use jiff::civil::Date;
use maud::{Markup, html};
use serde::Deserialize;
use store::attempts::{self, Attempt};
use store::events::{self, Event};
use store::{Delivery, deliveries, dossiers};

use super::deliveries::standing;
use super::layout::{Frame, csrf, in_world, instant, wrong};
use super::login::again;
use super::sealed::Sealed;
use super::{history, page, words};
use crate::audit::Names;
use crate::bulk;
use crate::desk::Desk;
use crate::form::Filled;
use crate::gate::redirect;
use crate::judged::Judged;
use crate::refusal::{Code, Refusal, both};
use crate::viewer::Viewer;
use crate::works::{Asked, NotDone};

/// What the form of an action sends.
#[derive(Debug, Deserialize)]
pub(crate) struct Chosen {
    action: Action,
    #[serde(default)]
    reason: String,
    opco: Option<Opco>,
    mandate: Option<String>,
    signed_on: Option<Date>,
    numero_interne: Option<String>,
}

/// A delivery with what a page shows of it.
pub(crate) struct Shown {
    pub(crate) delivery: Delivery,
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) timeline: Vec<Event>,
    /// With which CFA key each call was made, by the call's number, as far as the log tells.
    pub(crate) keys: BTreeMap<u64, KeyId>,
    /// How it was judged.
    pub(crate) judged: Judged,
    /// The dossier it led to.
    pub(crate) dossier: Option<DossierId>,
    /// What people call who acted.
    names: Names,
    /// What is sealed of it, for whoever may open it.
    sealed: Option<Sealed>,
}

/// Shows it.
pub(crate) async fn show(
    desk: web::Data<Desk>,
    viewer: Viewer,
    id: web::Path<DeliveryId>,
) -> Result<HttpResponse, Refusal> {
    let shown = read(&desk, &viewer, *id).await?;
    Ok(page(delivery_page(&desk, &viewer, &shown, &html! {})))
}

/// Acts on it.
pub(crate) async fn act(
    desk: web::Data<Desk>,
    viewer: Viewer,
    id: web::Path<DeliveryId>,
    sent: Filled<Chosen>,
) -> Result<HttpResponse, Refusal> {
    let shown = read(&desk, &viewer, *id).await?;
    let environment = shown.delivery.environment;
    let by = viewer.acting(environment)?;
    let language = viewer.language();
    let asked = match sent.read.and_then(asked) {
        Ok(asked) => asked,
        Err(refusal) => {
            let said = wrong(&refusal, language);
            return Ok(again(delivery_page(&desk, &viewer, &shown, &said)));
        }
    };
    match desk.works.act(&by, *id, asked).await {
        Ok(_) => Ok(redirect(&in_world(
            &format!("/deliveries/{id}"),
            Some(environment),
        ))),
        Err(NotDone::Unknown) => Err(Code::NotFound.into()),
        Err(NotDone::Store(error)) => Err(error.into()),
        Err(refused) => {
            let shown = read(&desk, &viewer, *id).await?;
            let said = wrong(&not_done(&refused), language);
            Ok(again(delivery_page(&desk, &viewer, &shown, &said)))
        }
    }
}

fn asked(sent: Chosen) -> Result<Asked, Refusal> {
    let reason = bulk::reason(&sent.reason).map(str::to_owned);
    let (reason, mandate) = both(reason, mandate(sent.mandate, sent.signed_on))?;
    Ok(Asked {
        action: sent.action,
        reason,
        opco: sent.opco,
        mandate,
        numero_interne: sent.numero_interne,
    })
}

/// Reads a mandate, which is a reference and a day: one without the other is none.
pub(crate) fn mandate(
    reference: Option<String>,
    signed_on: Option<Date>,
) -> Result<Option<(String, Date)>, Refusal> {
    match (reference, signed_on) {
        (Some(reference), Some(day)) => Ok(Some((reference, day))),
        (None, None) => Ok(None),
        (Some(_), None) => Err(Refusal::invalid(
            "/signed_on",
            "Donnez aussi le jour où le mandat a été signé.",
            "Give the day the mandate was signed too.",
        )),
        (None, Some(_)) => Err(Refusal::invalid(
            "/mandate",
            "Donnez aussi la référence du mandat.",
            "Give the reference of the mandate too.",
        )),
    }
}

/// Refuses an action that was not done, at the field that it still needs.
pub(crate) fn not_done(refused: &NotDone) -> Refusal {
    let (fr, en) = (
        explained(refused, Language::Fr),
        explained(refused, Language::En),
    );
    let refusal = Refusal::from(Code::Conflict).saying(fr, en);
    match refused {
        NotDone::Missing("/mandat") => refusal.at("/mandate"),
        NotDone::Missing(pointer) => refusal.at(*pointer),
        NotDone::NumberTaken => refusal.at("/numero_interne"),
        _ => refusal,
    }
}

/// Says why an action was not done.
fn explained(refused: &NotDone, language: Language) -> String {
    match refused {
        NotDone::NotNow { status, allowed } => {
            let words: Vec<&str> = allowed
                .iter()
                .map(|action| name(*action, language))
                .collect();
            match language {
                Language::Fr => format!(
                    "L'état « {} » ne le permet pas (possible : {}).",
                    status.name(language),
                    words.join(", ")
                ),
                Language::En => format!(
                    "The status “{}” does not allow it (possible: {}).",
                    status.name(language),
                    words.join(", ")
                ),
            }
        }
        NotDone::Missing(pointer) => missing(pointer, language),
        NotDone::NumberTaken => language
            .of(
                "Ce numéro est déjà celui d'une autre livraison.",
                "This number is another delivery's already.",
            )
            .to_owned(),
        NotDone::Changed | NotDone::Unknown | NotDone::Store(_) => language
            .of(
                "La livraison a changé entre-temps : la voici, relisez-la avant d'agir.",
                "The delivery changed meanwhile: here it is, read it again before you act.",
            )
            .to_owned(),
    }
}

/// Says what an action still needs.
fn missing(pointer: &str, language: Language) -> String {
    let said = match pointer {
        "/opco" => language.of(
            "Choisissez l'OPCO dans la liste.",
            "Choose the OPCO in the list.",
        ),
        "/mandat" => language.of(
            "Donnez la référence du mandat et le jour où il a été signé.",
            "Give the reference of the mandate and the day it was signed.",
        ),
        "/numero_interne" => language.of(
            "Donnez le numéro interne que l'OPCO a attribué.",
            "Give the internal number that the OPCO has given.",
        ),
        other => {
            return match language {
                Language::Fr => format!("Il manque « {other} »."),
                Language::En => format!("“{other}” is missing."),
            };
        }
    };
    said.to_owned()
}

/// Returns what people call an action.
pub(crate) fn name(action: Action, language: Language) -> &'static str {
    match action {
        Action::Retry => language.of("Réessayer maintenant", "Try again now"),
        Action::Cancel => language.of("Annuler", "Cancel"),
        Action::ChooseOpco => language.of("Choisir l'OPCO", "Choose the OPCO"),
        Action::Complete => language.of("Compléter", "Complete"),
        Action::Revive => language.of("Relancer", "Start again"),
        Action::ConfirmSent => {
            language.of("Confirmer que l'OPCO l'a", "Confirm that the OPCO has it")
        }
    }
}

/// Reads a delivery that the viewer may see.
pub(crate) async fn read(desk: &Desk, viewer: &Viewer, id: DeliveryId) -> Result<Shown, Refusal> {
    let reach = viewer.require(Right::ReadDeliveries)?;
    let tenant = viewer.tenant();
    let mut tx = desk.store.reading().await?;
    let delivery = deliveries::find(&mut tx, tenant, id).await?;
    let delivery = delivery.filter(|delivery| reach.covers(&delivery.siret_cfa));
    let delivery = delivery.ok_or(Code::NotFound)?;
    let opens = viewer.reach(Right::OpenSealed);
    let sealed = match opens.filter(|reach| reach.covers(&delivery.siret_cfa)) {
        Some(_) => Some(Sealed::of(&mut tx, &delivery).await?),
        None => None,
    };
    let dossier = match delivery.kind {
        Kind::Dossier => dossiers::find_by_delivery(&mut tx, &delivery).await?,
        _ => None,
    };
    let dossier = dossier.filter(|dossier| reach.covers(&dossier.siret_cfa));
    let timeline = events::of_delivery(&mut tx, tenant, id).await?;
    Ok(Shown {
        keys: timeline.iter().filter_map(key_of).collect(),
        judged: Judged::of(&mut tx, &delivery, &reach).await?,
        dossier: dossier.map(|dossier| dossier.id),
        attempts: attempts::of_delivery(&mut tx, tenant, id).await?,
        timeline,
        names: Names::of(&mut tx, tenant).await?,
        sealed,
        delivery,
    })
}

fn key_of(event: &Event) -> Option<(u64, KeyId)> {
    let key = event.data.get("key")?.as_str()?.parse().ok()?;
    Some((event.data.get("attempt")?.as_u64()?, key))
}

fn delivery_page(desk: &Desk, viewer: &Viewer, shown: &Shown, said: &Markup) -> Markup {
    let language = viewer.language();
    let delivery = &shown.delivery;
    let title = format!(
        "{} — {}",
        delivery.kind.name(language),
        delivery.opco.map_or("OPCO ?", Opco::name)
    );
    let list = in_world("/deliveries", Some(delivery.environment));
    Frame {
        viewer,
        section: "/deliveries",
        title: &title,
        world: Some(delivery.environment),
    }
    .around(&html! {
        p { a href=(list) { (language.of("← Livraisons", "← Deliveries")) } }
        h1 { (title) }
        (said)
        p { (standing(delivery, language)) }
        p { (explanation(delivery, language)) }
        @if let Some(fault) = &delivery.fault { (fault_shown(fault, language)) }
        (facts(delivery, language))
        @if let Some(dossier) = shown.dossier {
            p { a href={ "/dossiers/" (dossier) } { (language.of("Son dossier chez l'OPCO", "Its dossier at the OPCO")) } }
        }
        (judged::section(&shown.judged, language))
        @if viewer.may(Right::Act) { (actions(desk, viewer, delivery)) }
        @if let Some(sealed) = &shown.sealed { (sealed.section(viewer, delivery)) }
        (calls(viewer, shown))
        (history::timeline(&shown.timeline, &shown.names, language))
        @if viewer.may(Right::ReadAudit) {
            p.actions {
                a.button.quiet href={ "/deliveries/" (delivery.id) "/evidence" } {
                    (language.of("Fichier de preuve", "Evidence file"))
                }
                a.button.quiet href={ "/audit?delivery=" (delivery.id) } {
                    (language.of("Dans le journal", "In the log"))
                }
            }
        }
    })
}

fn explanation(delivery: &Delivery, language: Language) -> String {
    let standing = delivery.standing;
    let wait = standing
        .wait_reason
        .map(|reason| reason.explained(language));
    let hold = standing
        .hold_reason
        .map(|reason| reason.explained(language));
    let status = standing.status.explained(language);
    match wait.or(hold) {
        Some(reason) => format!("{status} {}", words::spoken(reason, language)),
        None => status.to_owned(),
    }
}

fn fault_shown(fault: &Fault, language: Language) -> Markup {
    html! {
        section.card aria-labelledby="fault" {
            h2 #fault { (language.of("Dernier échec", "Last failure")) }
            @if !fault.items.is_empty() {
                ul lang="fr" {
                    @for item in &fault.items {
                        li { @if let Some(code) = &item.code { code { (code) } " " } (item.text) }
                    }
                }
            }
            p.small { code lang="en" { (fault.detail) } }
        }
    }
}

fn facts(delivery: &Delivery, language: Language) -> Markup {
    let receipt = &delivery.receipt;
    let dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "—".to_owned());
    html! {
        dl {
            dt { (language.of("Déposée le", "Handed in")) } dd { (instant(delivery.created_at, language)) }
            dt { "Site" } dd { (delivery.siret_cfa) }
            dt { (language.of("Employeur", "Employer")) }
            dd { (delivery.siret_employeur.map_or_else(|| "—".to_owned(), |siret| siret.to_string())) }
            dt { (language.of("Numéro interne de l'OPCO", "The OPCO's internal number")) } dd { (dash(&receipt.numero_interne)) }
            dt { (language.of("Numéro externe", "External number")) } dd { (dash(&receipt.numero_externe)) }
            dt { "DECA" } dd { (dash(&receipt.numero_deca)) }
            dt { (language.of("Envois et vérifications", "Sends and checks")) } dd { (delivery.attempts) " / " (delivery.looks) }
            dt { (language.of("Identifiant", "Identifier")) } dd { code { (delivery.id) } }
        }
    }
}

fn actions(desk: &Desk, viewer: &Viewer, delivery: &Delivery) -> Markup {
    let allowed = desk.works.allowed(delivery);
    let language = viewer.language();
    html! {
        @if !allowed.is_empty() {
            section aria-labelledby="act" {
                h2 #act { (language.of("Agir", "Act")) }
                form.narrow method="post" action={ "/deliveries/" (delivery.id) "/act" } {
                    (csrf(viewer))
                    label for="action" { (language.of("Action", "Action")) }
                    select #action name="action" {
                        @for action in &allowed { option value=(action.as_str()) { (name(*action, language)) } }
                    }
                    @if allowed.contains(&Action::ChooseOpco) {
                        label for="opco" { (language.of("OPCO (pour « Choisir l'OPCO »)", "OPCO (for “Choose the OPCO”)")) }
                        select #opco name="opco" {
                            option value="" { "—" }
                            @for opco in Opco::ALL { option value=(opco.slug()) { (opco.name()) } }
                        }
                    }
                    @if allowed.contains(&Action::Complete) {
                        label for="mandate" { (language.of("Référence du mandat (pour « Compléter »)", "Reference of the mandate (for “Complete”)")) }
                        input #mandate name="mandate" maxlength="100";
                        label for="signed_on" { (language.of("Signé le", "Signed on")) }
                        input #signed_on name="signed_on" type="date";
                    }
                    @if allowed.contains(&Action::ConfirmSent) {
                        label for="numero_interne" { (language.of("Numéro interne donné par l'OPCO", "Internal number given by the OPCO")) }
                        input #numero_interne name="numero_interne" maxlength="64";
                    }
                    label for="reason" { (language.of("Pourquoi (entre au journal)", "Why (goes into the log)")) }
                    textarea #reason name="reason" required maxlength="500" rows="2" {}
                    button type="submit" { (language.of("Faire", "Do it")) }
                }
            }
        }
    }
}

fn calls(viewer: &Viewer, shown: &Shown) -> Markup {
    let language = viewer.language();
    let attempts = &shown.attempts;
    let reach = viewer.reach(Right::ReadKeys);
    let reads = reach.is_some_and(|reach| reach.covers(&shown.delivery.siret_cfa));
    let used = |attempt: &Attempt| shown.keys.get(&u64::from(attempt.number));
    html! {
        section aria-labelledby="calls" {
            h2 #calls { (language.of("Appels à l'OPCO", "Calls to the OPCO")) }
            @if attempts.is_empty() {
                p { (language.of("Aucun encore.", "None yet.")) }
            } @else {
                div.scroll { table.flow {
                    thead { tr {
                        th.number scope="col" { "#" }
                        th scope="col" { (language.of("Quand", "When")) }
                        th scope="col" { (language.of("But", "Purpose")) }
                        th scope="col" { (language.of("Issue", "Outcome")) }
                        th.number scope="col" { "HTTP" }
                        th.number scope="col" { "ms" }
                        @if reads { th scope="col" { (language.of("Clé CFA", "CFA key")) } }
                        th scope="col" { "Trace" }
                    } }
                    tbody {
                        @for attempt in attempts { tr {
                            td.number { (attempt.number) }
                            td { (instant(attempt.opened_at, language)) }
                            td { (words::purpose(&attempt.purpose, language)) }
                            td {
                                (attempt.outcome.as_deref().map_or("…", |word| words::outcome(word, language)))
                                @if let Some(fault) = &attempt.fault { div.small lang="en" { (fault.detail) } }
                            }
                            td.number data-name="HTTP" { (attempt.http_status.map_or_else(|| "—".to_owned(), |status| status.to_string())) }
                            td.number data-name="ms" { (attempt.duration_ms.map_or_else(|| "—".to_owned(), |ms| ms.to_string())) }
                            @if reads {
                                td data-name=(language.of("clé", "key")) {
                                    @match used(attempt) {
                                        Some(key) => a href={ "/keys/" (key) } { (language.of("voir", "see")) },
                                        None => "—",
                                    }
                                }
                            }
                            td { @if let Some(trace) = &attempt.trace_id { code.small { (trace) } } }
                        } }
                    }
                } }
            }
        }
    }
}
