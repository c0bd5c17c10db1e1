//! Proving again who one is, before a sensitive act.

use actix_web::{HttpRequest, HttpResponse, web};
use domain::Secret;
use maud::{Markup, html};
use serde::Deserialize;

use super::layout::{Frame, csrf, notice};
use super::login::{again, empty, query, safe};
use super::oidc;
use super::page;
use crate::desk::Desk;
use crate::form::Sent;
use crate::gate::{origin, redirect};
use crate::refusal::Refusal;
use crate::signin;
use crate::viewer::Viewer;

/// Where to go back to.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Back {
    next: Option<String>,
}

/// What the form sends.
#[derive(Debug, Deserialize)]
pub(crate) struct Confirmation {
    #[serde(default = "empty")]
    password: Secret,
    next: Option<String>,
}

/// Asks for the password.
pub(crate) async fn form(
    desk: web::Data<Desk>,
    viewer: Viewer,
    back: web::Query<Back>,
) -> HttpResponse {
    page(confirm_page(
        &desk,
        &viewer,
        &safe(back.into_inner().next),
        "",
    ))
}

/// Tries it.
pub(crate) async fn submit(
    desk: web::Data<Desk>,
    viewer: Viewer,
    request: HttpRequest,
    sent: Sent<Confirmation>,
) -> Result<HttpResponse, Refusal> {
    let Sent(sent) = sent;
    let next = safe(sent.next);
    let session = viewer.token().id;
    let from = origin(&desk, &request);
    if signin::again(&desk, viewer.person(), session, &sent.password, &from).await? {
        return Ok(redirect(&next));
    }
    let language = viewer.language();
    let said = language.of(
        "Mot de passe incorrect, ou trop d'essais.",
        "Wrong password, or too many tries.",
    );
    Ok(again(confirm_page(&desk, &viewer, &next, said)))
}

fn confirm_page(desk: &Desk, viewer: &Viewer, next: &str, said: &str) -> Markup {
    let language = viewer.language();
    let title = language.of("Confirmer votre identité", "Confirm who you are");
    Frame {
        viewer,
        section: "",
        title,
        world: None,
    }
    .around(&html! {
        h1 { (title) }
        p {
            (language.of(
                "Cet acte est sensible. Après votre mot de passe, vous reviendrez à la page, où il restera à le refaire.",
                "This act is sensitive. After your password you will be back on the page, where you can do it again.",
            ))
        }
        (notice("error", said))
        form.narrow method="post" action="/confirm" {
            (csrf(viewer))
            input type="hidden" name="next" value=(next);
            label for="password" { (language.of("Mot de passe", "Password")) }
            input #password name="password" type="password" autocomplete="current-password" required autofocus;
            button type="submit" { (language.of("Confirmer", "Confirm")) }
        }
        @if let (true, Some(provider)) = (oidc::is_known(desk, viewer), &desk.provider) {
            p {
                a.button href=(format!("/confirm/oidc?{}", query(next))) {
                    (language.of("Confirmer avec", "Confirm with")) " " (provider.label())
                }
            }
        }
    })
}
