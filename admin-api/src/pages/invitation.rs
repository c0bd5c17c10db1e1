//! Choosing a password, with the code of an invitation.

use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, web};
use domain::Secret;
use domain::person::{Language, PersonState};
use maud::{Markup, html};
use serde::Deserialize;
use store::events;
use store::people::{self, Purpose};

use super::layout::{csrf, notice, outside};
use super::login::{again, empty, insert};
use super::page;
use crate::desk::Desk;
use crate::form::Sent;
use crate::gate::{language, redirect, session_cookie, set_cookie};
use crate::refusal::Refusal;
use crate::signin::{self, carried, password};
use crate::viewer::Viewer;

/// What the form sends.
#[derive(Debug, Deserialize)]
pub(crate) struct Chosen {
    #[serde(default = "empty")]
    code: Secret,
    #[serde(default = "empty")]
    password: Secret,
    #[serde(default = "empty")]
    again: Secret,
}

/// Asks for the code and a password. The script takes the code from behind the `#` of the address,
/// which no server on the way sees.
pub(crate) async fn form(request: HttpRequest) -> HttpResponse {
    let viewer = request.extensions().get::<Viewer>().cloned();
    if let Some(viewer) = viewer.filter(|viewer| viewer.cookie().is_some()) {
        return page(signed_in_page(&viewer));
    }
    page(invitation_page(language(&request), &empty(), ""))
}

/// Keeps the password; the account can then sign in.
pub(crate) async fn submit(
    desk: web::Data<Desk>,
    request: HttpRequest,
    sent: Sent<Chosen>,
) -> Result<HttpResponse, Refusal> {
    let Sent(sent) = sent;
    let language = language(&request);
    let now = desk.clock.now();
    let code = sent.code.clone();
    // What is no invitation may be anything, and is not shown.
    let refused = |code: &Secret, said: &str| Ok(again(invitation_page(language, code, said)));
    let stale = language.of(
        "Cette invitation n'existe pas, a déjà servi ou a expiré : demandez-en une autre à un administrateur.",
        "This invitation does not exist, was used already or has expired: ask an administrator for another.",
    );
    let mut tx = desk.store.reading().await?;
    let hash = carried::hash(sent.code.expose().trim());
    let token = people::find_token(&mut tx, &hash).await?;
    let Some(token) = token.filter(|t| t.purpose == Purpose::Invitation && t.is_usable(now)) else {
        return refused(&empty(), stale);
    };
    let person = people::find(&mut tx, token.tenant, token.person).await?;
    drop(tx);
    let Some(person) = person.filter(|person| person.state != PersonState::Disabled) else {
        return refused(&empty(), stale);
    };
    if sent.password != sent.again {
        return refused(
            &code,
            language.of(
                "Les deux mots de passe diffèrent.",
                "The two passwords differ.",
            ),
        );
    }
    if let Err(weak) = password::check(&sent.password, &person.email, &person.name) {
        return refused(&code, weak.explained(language));
    }
    let password = desk.passwords.hash(sent.password).await;
    let mut tx = desk.store.writing().await?;
    let who = (token.tenant, token.person);
    // An account that was closed while its password was chosen stays closed; of two who use one invitation,
    // one is served.
    if !people::choose_password(&mut tx, who, &password, now).await?
        || !people::end(&mut tx, token.tenant, token.person, token.id, now).await?
    {
        return refused(&empty(), stale);
    }
    people::end_all(&mut tx, person.tenant, person.id, None, now).await?;
    let event = signin::by(&person, now, "person.password_chosen");
    events::append(&mut tx, person.tenant, &[event]);
    tx.commit().await?;
    let mut answer = redirect("/login?saved=1");
    let name = session_cookie(&desk);
    insert(
        &mut answer,
        set_cookie(&desk, name, None, desk.settings.session()),
    );
    Ok(answer)
}

/// Where somebody is signed in already, a password is not chosen for somebody else.
fn signed_in_page(viewer: &Viewer) -> Markup {
    let language = viewer.language();
    let title = language.of("Vous êtes déjà connecté", "You are signed in already");
    let person = viewer.person();
    outside(
        language,
        title,
        &html! {
            h1 { (title) }
            p {
                (language.of("Ce navigateur est connecté au compte de ", "This browser is signed in to the account of "))
                strong { (person.name) " (" (person.email) ")" } "."
            }
            p {
                (language.of(
                    "Pour vous servir de l'invitation, déconnectez-vous, puis ouvrez de nouveau l'adresse reçue.",
                    "To use the invitation, sign out, then open the address you were sent again.",
                ))
            }
            form.inline method="post" action="/logout" {
                (csrf(viewer))
                button type="submit" { (language.of("Se déconnecter", "Sign out")) }
            }
            p { a href="/" { (language.of("Rester connecté", "Stay signed in")) } }
        },
    )
}

fn invitation_page(language: Language, code: &Secret, said: &str) -> Markup {
    let title = language.of("Choisir un mot de passe", "Choose a password");
    outside(
        language,
        title,
        &html! {
            h1 { (title) }
            (notice("error", said))
            form.narrow method="post" action="/invitation" {
                label for="code" { (language.of("Code de l'invitation", "Code of the invitation")) }
                input #code name="code" autocomplete="off" required value=(code.expose()) data-from-hash;
                label for="password" {
                    (language.of("Mot de passe (12 caractères au moins)", "Password (at least 12 characters)"))
                }
                input #password name="password" type="password" autocomplete="new-password" required minlength="12";
                label for="again" { (language.of("Le même, encore", "The same again")) }
                input #again name="again" type="password" autocomplete="new-password" required minlength="12";
                button type="submit" { (language.of("Enregistrer", "Save")) }
            }
        },
    )
}
