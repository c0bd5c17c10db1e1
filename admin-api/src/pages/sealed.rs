//! Opening what is sealed of one delivery: what there is to open, the form that asks why, and what it held.

use actix_web::{HttpResponse, web};
use domain::Kind;
use domain::id::DeliveryId;
use maud::{Markup, html};
use serde::Deserialize;
use store::{Delivery, StoreError, StoredFile, Tx, files, privacy};

use super::layout::{Frame, csrf, wrong};
use super::login::again;
use super::page;
use crate::desk::Desk;
use crate::form::Sent;
use crate::privacy::{Clear, Opened};
use crate::refusal::{Code, Refusal};
use crate::rights;
use crate::viewer::Viewer;

/// What of a delivery can be opened.
pub(crate) struct Sealed {
    /// Whether its payload can.
    payload: bool,
    /// Its files that can.
    files: Vec<StoredFile>,
}

/// What the form sends.
#[derive(Debug, Deserialize)]
pub(crate) struct Chosen {
    /// `payload`, `certificate`, or `file:` and the name of one.
    what: String,
    #[serde(default)]
    reason: String,
}

impl Sealed {
    /// Looks what can be opened, and opens nothing.
    pub(crate) async fn of(tx: &mut Tx, delivery: &Delivery) -> Result<Self, StoreError> {
        let found = files::of_delivery(tx, delivery.tenant, delivery.id).await?;
        let sealed = privacy::is_sealed(tx, delivery.tenant, delivery.id).await?;
        Ok(Self {
            payload: sealed.is_some(),
            files: found
                .into_iter()
                .filter(|file| file.sealed.is_some())
                .collect(),
        })
    }

    /// Writes the part of the delivery's page.
    pub(crate) fn section(&self, viewer: &Viewer, delivery: &Delivery) -> Markup {
        let language = viewer.language();
        let certificate = delivery.kind == Kind::Certificat && self.files.is_empty();
        html! {
            section aria-labelledby="sealed" {
                h2 #sealed { (language.of("Contenu scellé", "Sealed content")) }
                @if !self.payload && self.files.is_empty() {
                    p { (language.of("Détruit, avec ses clés : plus personne ne l'ouvre.", "Destroyed, with its keys: nobody opens it any more.")) }
                } @else {
                    p { (language.of(
                        "L'ouvrir entre au journal et dans l'histoire de la livraison, avec votre nom et la raison. NIR, comptes et handicap restent masqués.",
                        "Opening it goes into the log and the history of the delivery, with your name and the reason. NIR, accounts and disability stay masked.",
                    )) }
                    form.narrow method="post" action={ "/deliveries/" (delivery.id) "/open" } {
                        (csrf(viewer))
                        label for="what" { (language.of("Quoi", "What")) }
                        select #what name="what" {
                            @if self.payload { option value="payload" { (language.of("Le contenu", "The content")) } }
                            @if self.payload && certificate {
                                option value="certificate" { (language.of("Le certificat que la passerelle écrit (PDF)", "The certificate that the gateway writes (PDF)")) }
                            }
                            @for file in &self.files {
                                option value={ "file:" (file.id) } {
                                    (language.of("Le fichier", "The file")) " " (file.part)
                                    " (" (file.kind.as_str()) ", " (file.bytes.div_ceil(1024)) " " (language.of("Ko", "KB")) ")"
                                }
                            }
                        }
                        label for="open-reason" { (language.of("Pourquoi (entre au journal : ne nommez personne)", "Why (goes into the log: name nobody)")) }
                        textarea #open-reason name="reason" required maxlength="500" rows="2" {}
                        button type="submit" { (language.of("Ouvrir", "Open")) }
                    }
                }
            }
        }
    }
}

/// Opens it: a payload on a page, a file as a file.
pub(crate) async fn open(
    desk: web::Data<Desk>,
    viewer: Viewer,
    id: web::Path<DeliveryId>,
    sent: Sent<Chosen>,
) -> Result<HttpResponse, Refusal> {
    let Sent(sent) = sent;
    let (word, file) = match sent.what.split_once(':') {
        Some((word, file)) => (word, Some(file)),
        None => (sent.what.as_str(), None),
    };
    let what = rights::what(word, file)?;
    match rights::open(&desk, &viewer, *id, (what, &sent.reason)).await {
        Ok((_, Opened::File(download))) => Ok(rights::sent(download)),
        Ok((delivery, Opened::Payload(clear))) => Ok(page(opened(&viewer, &delivery, &clear))),
        // A reason that is missing is asked for where it was; anything else is told as it is.
        Err(refusal) if refusal.code == Code::Invalid => {
            let said = wrong(&refusal, viewer.language());
            Ok(again(refused(&viewer, *id, &said)))
        }
        Err(refusal) => Err(refusal),
    }
}

fn opened(viewer: &Viewer, delivery: &Delivery, clear: &Clear) -> Markup {
    let language = viewer.language();
    let title = format!(
        "{} — {}",
        language.of("Contenu", "Content"),
        delivery.kind.name(language)
    );
    Frame {
        viewer,
        section: "/deliveries",
        title: &title,
        world: Some(delivery.environment),
    }
    .around(&html! {
        (back(viewer, delivery.id))
        h1 { (title) }
        p { (language.of("Cette ouverture est au journal.", "This opening is in the log.")) }
        div.scroll { table {
            thead { tr {
                th scope="col" { (language.of("Champ", "Field")) }
                th scope="col" { (language.of("Valeur", "Value")) }
            } }
            tbody {
                @for line in &clear.lines {
                    tr {
                        td { (line.name) }
                        td {
                            (line.value)
                            @if let Some((fr, en)) = line.stands_for { " — " (language.of(fr, en)) }
                        }
                    }
                }
            }
        } }
    })
}

fn refused(viewer: &Viewer, id: DeliveryId, said: &Markup) -> Markup {
    let language = viewer.language();
    Frame {
        viewer,
        section: "/deliveries",
        title: language.of("Contenu scellé", "Sealed content"),
        world: None,
    }
    .around(&html! { (back(viewer, id)) (said) })
}

fn back(viewer: &Viewer, id: DeliveryId) -> Markup {
    let language = viewer.language();
    html! { p { a href={ "/deliveries/" (id) } { (language.of("← La livraison", "← The delivery")) } } }
}
