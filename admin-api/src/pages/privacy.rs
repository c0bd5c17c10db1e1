//! One apprentice: who is looked for, what is held, what is handed out, what is erased.

mod held;

use actix_web::{HttpResponse, web};
use domain::person::Language;
use maud::{Markup, html};
use serde::Deserialize;

pub(crate) use self::held::reason;
use self::held::{dossiers, pieces, several};
use super::layout::{Frame, csrf, notice, wrong};
use super::login::again;
use super::page;
use crate::desk::Desk;
use crate::form::Sent;
use crate::gate::redirect;
use crate::privacy::{Holdings, Subject};
use crate::refusal::Refusal;
use crate::rights::{self, Asked};
use crate::viewer::Viewer;

/// Whom a page is about.
#[derive(Debug, Deserialize)]
pub(crate) struct Whom {
    subject: String,
}

/// What the forms of that page send.
#[derive(Debug, Deserialize)]
pub(crate) struct Chosen {
    subject: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    stamp: String,
}

/// Asks whom to look for.
pub(crate) async fn form(viewer: Viewer) -> HttpResponse {
    page(form_page(&viewer, &html! {}))
}

/// Looks, and goes on to what is held.
pub(crate) async fn search(
    desk: web::Data<Desk>,
    viewer: Viewer,
    sent: Sent<Asked>,
) -> Result<HttpResponse, Refusal> {
    let Sent(asked) = sent;
    let language = viewer.language();
    let said = match rights::seek(&desk, &viewer, asked).await {
        // Nothing of a person is in that address: the subject is a keyed fingerprint.
        Ok(Some(subject)) => return Ok(redirect(&address(subject))),
        Ok(None) => language
            .of(
                "Ce numéro n'est à personne ici.",
                "This number is nobody's here.",
            )
            .to_owned(),
        Err(refusal) => refusal.detail(language).to_owned(),
    };
    Ok(again(form_page(&viewer, &notice("error", &said))))
}

/// Shows what is held.
pub(crate) async fn show(
    desk: web::Data<Desk>,
    viewer: Viewer,
    whom: web::Query<Whom>,
) -> Result<HttpResponse, Refusal> {
    let held = rights::holdings(&desk, &viewer, rights::subject(&whom.subject)?).await?;
    Ok(page(person_page(&viewer, &held, &html! {})))
}

/// Hands all of it out.
pub(crate) async fn export(
    desk: web::Data<Desk>,
    viewer: Viewer,
    sent: Sent<Chosen>,
) -> Result<HttpResponse, Refusal> {
    let Sent(sent) = sent;
    let subject = rights::subject(&sent.subject)?;
    match rights::disclose(&desk, &viewer, subject, &sent.reason).await {
        Ok(answer) => Ok(answer),
        Err(refusal) => refused(&desk, &viewer, subject, refusal).await,
    }
}

/// Erases what may be.
pub(crate) async fn erase(
    desk: web::Data<Desk>,
    viewer: Viewer,
    sent: Sent<Chosen>,
) -> Result<HttpResponse, Refusal> {
    let Sent(sent) = sent;
    let subject = rights::subject(&sent.subject)?;
    let shown = (subject, sent.stamp.as_str());
    let erased = match rights::erase(&desk, &viewer, shown, &sent.reason).await {
        Ok(erased) => erased,
        Err(refusal) => return refused(&desk, &viewer, subject, refusal).await,
    };
    let language = viewer.language();
    let said = match language {
        Language::Fr => format!(
            "Effacé : {} et {}. Restent : {}. Le journal en garde la trace, sans rien de la personne.",
            language.counted(erased.destroyed, "élément", "éléments"),
            language.counted(erased.files, "fichier", "fichiers"),
            erased.kept
        ),
        Language::En => format!(
            "Erased: {} and {}. Left: {}. The log keeps that it was done, and nothing of the person.",
            language.counted(erased.destroyed, "item", "items"),
            language.counted(erased.files, "file", "files"),
            erased.kept
        ),
    };
    let held = rights::holdings(&desk, &viewer, subject).await?;
    let said = html! {
        (notice("done", &said))
        @if !erased.remaining.is_empty() {
            ul {
                @for one in &erased.remaining {
                    li {
                        a href={ "/deliveries/" (one.delivery) } { (one.kind.name(language)) }
                        " — " (reason(one.why, language))
                    }
                }
            }
        }
    };
    Ok(page(person_page(&viewer, &held, &said)))
}

async fn refused(
    desk: &Desk,
    viewer: &Viewer,
    subject: Subject,
    refusal: Refusal,
) -> Result<HttpResponse, Refusal> {
    let held = rights::holdings(desk, viewer, subject).await?;
    let said = wrong(&refusal, viewer.language());
    Ok(again(person_page(viewer, &held, &said)))
}

/// Returns where what is held about somebody is shown.
fn address(subject: Subject) -> String {
    format!("/privacy/person?subject={subject}")
}

fn form_page(viewer: &Viewer, said: &Markup) -> Markup {
    let language = viewer.language();
    let title = language.of("Droits d'une personne (RGPD)", "Rights of a person (GDPR)");
    Frame {
        viewer,
        section: "/privacy",
        title,
        world: None,
    }
    .around(&html! {
        h1 { (title) }
        (said)
        p { (language.of(
            "Trouve tout ce qui est tenu sur un apprenti du réseau, en production et en recette. Les contenus \
             sont scellés : on cherche par des empreintes, puis ce qui est trouvé est ouvert pour être comparé, \
             sans rien en montrer. La recherche et chaque ouverture entrent au journal, sans ce qui a été cherché.",
            "Finds everything held about one apprentice of the network, in production and in test. Contents \
             are sealed: one looks by fingerprints, then what is found is opened to be compared, and none of it \
             is shown. The search and each opening go into the log, without what was looked for.",
        )) }
        form.narrow method="post" action="/privacy" autocomplete="off" {
            (csrf(viewer))
            h2 { (language.of("Par identité", "By identity")) }
            label for="nom" { (language.of("Nom de naissance", "Birth name")) }
            input #nom name="nom" maxlength="200";
            label for="prenom" { (language.of("Premier prénom", "First given name")) }
            input #prenom name="prenom" maxlength="200";
            label for="date_naissance" { (language.of("Né(e) le", "Born on")) }
            input #date_naissance name="date_naissance" type="date";
            button type="submit" { (language.of("Chercher", "Search")) }
        }
        form.narrow method="post" action="/privacy" autocomplete="off" {
            (csrf(viewer))
            h2 { (language.of("Ou par NIR", "Or by NIR")) }
            label for="nir" { "NIR" }
            input #nir name="nir" maxlength="30" inputmode="numeric" required;
            button type="submit" { (language.of("Chercher", "Search")) }
        }
        form.narrow method="post" action="/privacy" autocomplete="off" {
            (csrf(viewer))
            h2 { (language.of("Ou par numéro", "Or by number")) }
            label for="numero" { (language.of(
                "Numéro de dossier (OPCO, DECA), ou identifiant d'une livraison ou d'un dossier",
                "Number of a dossier (OPCO, DECA), or identifier of a delivery or a dossier",
            )) }
            input #numero name="numero" maxlength="200" required;
            button type="submit" { (language.of("Chercher", "Search")) }
        }
    })
}

fn person_page(viewer: &Viewer, held: &Holdings, said: &Markup) -> Markup {
    let language = viewer.language();
    let title = language.of(
        "Ce qui est tenu sur une personne",
        "What is held about a person",
    );
    Frame {
        viewer,
        section: "/privacy",
        title,
        world: None,
    }
    .around(&html! {
        p { a href="/privacy" { (language.of("← Autre recherche", "← Another search")) } }
        h1 { (title) }
        (said)
        (several(held, language))
        @if held.is_empty() {
            p { (language.of(
                "Rien n'est tenu sur cette personne, ou plus rien qui mène à elle.",
                "Nothing is held about this person, or nothing that leads to them any more.",
            )) }
        } @else {
            (pieces(held, language))
            (dossiers(held, language))
            @if !held.is_several() {
                (disclosure(viewer, held))
                (erasure(viewer, held))
            }
        }
    })
}

fn why_field(id: &str, language: Language) -> Markup {
    html! {
        label for=(id) { (language.of(
            "Pourquoi (entre au journal, qui ne s'efface pas : ne nommez personne)",
            "Why (goes into the log, which is never erased: name nobody)",
        )) }
        textarea id=(id) name="reason" required maxlength="500" rows="2" {}
    }
}

fn disclosure(viewer: &Viewer, held: &Holdings) -> Markup {
    let language = viewer.language();
    html! {
        section aria-labelledby="export" {
            h2 #export { (language.of("Remettre une copie", "Hand out a copy")) }
            p { (language.of(
                "Une archive : un texte à lire, le même pour un programme (JSON), et les fichiers. Le NIR y est \
                 s'il n'est pas détruit. Rien n'en est écrit en clair sur un disque de la passerelle.",
                "One archive: a text to read, the same for a program (JSON), and the files. The NIR is in it unless \
                 it is destroyed. Nothing of it is written in clear on a disk of the gateway.",
            )) }
            form.narrow method="post" action="/privacy/export" {
                (csrf(viewer))
                input type="hidden" name="subject" value=(held.subject);
                (why_field("export-reason", language))
                button type="submit" { (language.of("Télécharger l'archive", "Download the archive")) }
            }
        }
    }
}

fn erasure(viewer: &Viewer, held: &Holdings) -> Markup {
    let language = viewer.language();
    let going = held.going();
    html! {
        section aria-labelledby="erase" {
            h2 #erase { (language.of("Effacer", "Erase")) }
            @if going == 0 {
                p { (language.of(
                    "Rien ne peut être effacé maintenant : chaque ligne ci-dessus dit pourquoi.",
                    "Nothing can be erased now: each line above says why.",
                )) }
            } @else {
                p {
                    strong { (going) }
                    (language.of(
                        " éléments partent, pour toujours : contenus, fichiers, lectures d'échéancier, et les empreintes \
                         par lesquelles on retrouve la personne. Ce que ces échéanciers montraient quitte aussi la page Argent. \
                         Restent les numéros des dossiers, sans lesquels \
                         l'OPCO les ferait relire, et le journal, qui ne dit rien de la personne.",
                        " items go, for ever: contents, files, readings of schedules, and the fingerprints by which the \
                         person is found. What these schedules showed leaves the Money page too. The numbers of the dossiers \
                         stay, without which the OPCO's list would \
                         bring them back, and the log, which says nothing of the person.",
                    ))
                }
                form.narrow method="post" action="/privacy/erase" {
                    (csrf(viewer))
                    input type="hidden" name="subject" value=(held.subject);
                    input type="hidden" name="stamp" value=(held.stamp());
                    (why_field("erase-reason", language))
                    button.danger type="submit" { (language.of("Effacer définitivement", "Erase for ever")) }
                }
            }
        }
    }
}
