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
use crate::form::Anybodys;
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
    if let Some(viewer) = signed_in(&request) {
        return page(signed_in_page(&viewer, &empty()));
    }
    page(invitation_page(language(&request), &empty(), ""))
}

/// Returns as whom this browser is signed in.
fn signed_in(request: &HttpRequest) -> Option<Viewer> {
    let viewer = request.extensions().get::<Viewer>().cloned();
    viewer.filter(|viewer| viewer.cookie().is_some())
}

/// Keeps the password; the account can then sign in.
pub(crate) async fn submit(
    desk: web::Data<Desk>,
    request: HttpRequest,
    sent: Anybodys<Chosen>,
) -> Result<HttpResponse, Refusal> {
    let Anybodys(sent) = sent;
    // Somebody signed in meanwhile, in another tab.
    if let Some(viewer) = signed_in(&request) {
        return Ok(again(signed_in_page(&viewer, &sent.code)));
    }
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

/// Where somebody is signed in already, a password is not chosen for somebody else: signing out goes on to the
/// invitation. Its code stays behind the `#`, which no server sees: from the form that was sent, or from the
/// address, which the script adds.
fn signed_in_page(viewer: &Viewer, code: &Secret) -> Markup {
    let language = viewer.language();
    let code = code.expose().trim();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let hash = if code.is_empty() || !code.chars().all(plain) {
        String::new()
    } else {
        format!("#{code}")
    };
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
                    "L'invitation sert à choisir le mot de passe d'un autre compte : déconnectez-vous d'abord. Rien n'a été enregistré, et l'invitation sert encore.",
                    "The invitation is there to choose the password of another account: sign out first. Nothing was saved, and the invitation is still good.",
                ))
            }
            form.inline method="post" action={ "/logout" (hash) } data-keeps-hash {
                (csrf(viewer))
                input type="hidden" name="next" value="/invitation";
                button type="submit" { (language.of("Se déconnecter et continuer", "Sign out and go on")) }
            }
            p { a href="/" { (language.of("Rester connecté", "Stay signed in")) } }
            p.small {
                (language.of(
                    "Si la page suivante demande un code : c'est ce qui suit le # dans l'adresse reçue.",
                    "If the next page asks for a code: it is what follows the # in the address you were sent.",
                ))
            }
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
