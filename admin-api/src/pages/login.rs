//! Signing in and out.

use actix_web::{HttpRequest, HttpResponse, web};
use domain::person::Language;
use domain::{Secret, Timestamp};
use maud::{Markup, html};
use serde::Deserialize;
use store::{StoreError, events, people};

use super::layout::{local, notice, outside};
use super::page;
use crate::desk::Desk;
use crate::form::Sent;
use crate::gate::{
    cookie, first_step_cookie, is_local, language, origin, redirect, session_cookie, set_cookie,
};
use crate::people::is_email;
use crate::refusal::{Code, Refusal};
use crate::signin::{self, SignedIn, carried};
use crate::viewer::Viewer;

/// Where to go afterwards.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Next {
    #[serde(default)]
    next: Option<String>,
    /// Whether a password was chosen just before.
    saved: Option<u8>,
}

/// What the first form sends.
#[derive(Debug, Deserialize)]
pub(crate) struct Credentials {
    #[serde(default)]
    email: String,
    #[serde(default = "empty")]
    password: Secret,
    next: Option<String>,
}

/// What the second form sends.
#[derive(Debug, Deserialize)]
pub(crate) struct GivenCode {
    #[serde(default)]
    code: String,
    next: Option<String>,
}

/// What a field that was left empty holds.
pub(crate) fn empty() -> Secret {
    Secret::new("")
}

/// Asks for address and password.
pub(crate) async fn form(
    desk: web::Data<Desk>,
    request: HttpRequest,
    viewer: Option<Viewer>,
    next: web::Query<Next>,
) -> HttpResponse {
    let Next { next, saved } = next.into_inner();
    let next = safe(next);
    if viewer.is_some() {
        return redirect(&next);
    }
    let language = language(&request);
    let said = language.of(
        "Votre mot de passe est enregistré : connectez-vous.",
        "Your password is saved: sign in.",
    );
    let said = if saved.is_some() { said } else { "" };
    page(password_page(&desk, language, &next, "", ("done", said)))
}

/// Tries them.
pub(crate) async fn submit(
    desk: web::Data<Desk>,
    request: HttpRequest,
    sent: Sent<Credentials>,
) -> Result<HttpResponse, Refusal> {
    let Sent(sent) = sent;
    let language = language(&request);
    let next = safe(sent.next);
    let from = origin(&desk, &request);
    // What is no address may be a password in the wrong field: it is not shown again.
    let email = if is_email(&sent.email) {
        sent.email.as_str()
    } else {
        ""
    };
    match signin::with_password(&desk, &sent.email, &sent.password, &from).await? {
        SignedIn::Session(session) => Ok(signed_in(&desk, &session, &next)),
        SignedIn::CodeWanted(step) => Ok(code_wanted(&desk, &step, &next)),
        // Only a provider of identities tells of several networks.
        SignedIn::Wrong | SignedIn::Several(_) => Ok(again(password_page(
            &desk,
            language,
            &next,
            email,
            (
                "error",
                language.of(
                    "Adresse ou mot de passe incorrect.",
                    "Wrong address or password.",
                ),
            ),
        ))),
        SignedIn::Locked(until) => Ok(again(password_page(
            &desk,
            language,
            &next,
            email,
            ("error", &locked(until, language)),
        ))),
    }
}

/// Asks for the code.
pub(crate) async fn code_form(
    desk: web::Data<Desk>,
    request: HttpRequest,
    next: web::Query<Next>,
) -> HttpResponse {
    let next = safe(next.into_inner().next);
    if cookie(&request, first_step_cookie(&desk)).is_none() {
        return redirect("/login");
    }
    page(code_page(language(&request), &next, ""))
}

/// Tries it.
pub(crate) async fn submit_code(
    desk: web::Data<Desk>,
    request: HttpRequest,
    sent: Sent<GivenCode>,
) -> Result<HttpResponse, Refusal> {
    let Sent(sent) = sent;
    let language = language(&request);
    let next = safe(sent.next);
    let Some(step) = cookie(&request, first_step_cookie(&desk)) else {
        return Ok(redirect("/login"));
    };
    let from = origin(&desk, &request);
    match signin::with_code(&desk, step.expose(), &sent.code, &from).await? {
        SignedIn::Session(session) => {
            let mut answer = signed_in(&desk, &session, &next);
            let name = first_step_cookie(&desk);
            insert(&mut answer, set_cookie(&desk, name, None, carried::FIRST_STEP));
            Ok(answer)
        }
        SignedIn::Locked(until) => Ok(again(code_page(language, &next, &locked(until, language)))),
        SignedIn::Wrong | SignedIn::Several(_) | SignedIn::CodeWanted(_) => Ok(again(code_page(
            language,
            &next,
            language.of(
                "Ce code n'est pas le bon, a déjà servi, ou vous avez attendu plus de cinq minutes.",
                "This code is wrong, was used already, or you waited more than five minutes.",
            ),
        ))),
    }
}

/// Ends the session.
pub(crate) async fn out(
    desk: web::Data<Desk>,
    viewer: Viewer,
    sent: Sent<std::collections::HashMap<String, String>>,
) -> Result<HttpResponse, Refusal> {
    let Sent(mut sent) = sent;
    end(&desk, &viewer).await?;
    // An invitation that was opened as somebody else goes on from here.
    let next = sent.remove("next").filter(|next| is_local(next));
    let mut answer = redirect(next.as_deref().unwrap_or("/login"));
    let name = session_cookie(&desk);
    insert(
        &mut answer,
        set_cookie(&desk, name, None, desk.settings.session()),
    );
    Ok(answer)
}

async fn end(desk: &Desk, viewer: &Viewer) -> Result<(), StoreError> {
    let now = desk.clock.now();
    let mut tx = desk.store.writing().await?;
    let token = viewer.token();
    people::end(&mut tx, token.tenant, token.person, token.id, now).await?;
    let event = signin::by(viewer.person(), now, "person.signed_out");
    events::append(&mut tx, token.tenant, &[event]);
    tx.commit().await
}

/// Asks for the code of the second factor.
pub(crate) fn code_wanted(desk: &Desk, step: &carried::Carried, next: &str) -> HttpResponse {
    let name = first_step_cookie(desk);
    let cookie = set_cookie(desk, name, Some(&step.text), carried::FIRST_STEP);
    let mut answer = redirect(&format!("/login/code?{}", query(next)));
    insert(&mut answer, cookie);
    answer
}

/// Gives the browser its session.
pub(crate) fn signed_in(desk: &Desk, session: &carried::Carried, next: &str) -> HttpResponse {
    let mut answer = redirect(next);
    let name = session_cookie(desk);
    let cookie = set_cookie(desk, name, Some(&session.text), desk.settings.session());
    insert(&mut answer, cookie);
    answer
}

/// Adds a header; one that cannot be written is a fault of ours that shows at once.
pub(crate) fn insert(
    answer: &mut HttpResponse,
    (name, value): (actix_web::http::header::HeaderName, String),
) {
    if let Ok(value) = actix_web::http::header::HeaderValue::from_str(&value) {
        answer.headers_mut().append(name, value);
    }
}

/// Answers a form that was refused with the same form.
pub(crate) fn again(markup: Markup) -> HttpResponse {
    HttpResponse::build(Code::Invalid.status())
        .content_type("text/html; charset=utf-8")
        .body(markup.into_string())
}

/// Returns where to go: a page of ours.
pub(crate) fn safe(next: Option<String>) -> String {
    next.filter(|next| is_local(next))
        .unwrap_or_else(|| "/".to_owned())
}

/// Writes where to go afterwards as a query.
pub(crate) fn query(next: &str) -> String {
    serde_urlencoded::to_string([("next", next)]).unwrap_or_default()
}

/// Says until when nothing is tried.
pub(crate) fn locked(until: Timestamp, language: Language) -> String {
    let at = local(until, language);
    match language {
        Language::Fr => format!("Trop d'essais : réessayez après {at} (heure de Paris)."),
        Language::En => format!("Too many tries: try again after {at} (Paris time)."),
    }
}

fn password_page(
    desk: &Desk,
    language: Language,
    next: &str,
    email: &str,
    (kind, said): (&str, &str),
) -> Markup {
    let title = language.of("Connexion", "Sign in");
    outside(
        language,
        title,
        &html! {
            h1 { (title) }
            (notice(kind, said))
            form.narrow method="post" action="/login" {
                input type="hidden" name="next" value=(next);
                label for="email" { (language.of("Adresse électronique", "E-mail address")) }
                input #email name="email" type="email" autocomplete="username" required value=(email) autofocus[email.is_empty()];
                label for="password" { (language.of("Mot de passe", "Password")) }
                input #password name="password" type="password" autocomplete="current-password" required;
                button type="submit" { (language.of("Se connecter", "Sign in")) }
            }
            @if let Some(provider) = &desk.provider {
                p {
                    a.button href=(format!("/login/oidc?{}", query(next))) {
                        (language.of("Se connecter avec", "Sign in with")) " " (provider.label())
                    }
                }
            }
            p.small {
                (language.of(
                    "Mot de passe perdu ? Un administrateur de votre réseau peut vous envoyer une nouvelle invitation.",
                    "Lost your password? An administrator of your network can send you a new invitation.",
                ))
            }
        },
    )
}

fn code_page(language: Language, next: &str, said: &str) -> Markup {
    let title = language.of("Second facteur", "Second factor");
    outside(
        language,
        title,
        &html! {
            h1 { (title) }
            (notice("error", said))
            form.narrow method="post" action="/login/code" {
                input type="hidden" name="next" value=(next);
                label for="code" {
                    (language.of(
                        "Code à six chiffres de votre application, ou code de secours",
                        "Six-digit code of your application, or a recovery code",
                    ))
                }
                input #code name="code" inputmode="text" autocomplete="one-time-code" required autofocus;
                button type="submit" { (language.of("Continuer", "Continue")) }
            }
            p { a href="/login" { (language.of("Recommencer", "Start again")) } }
        },
    )
}
