//! One's own account: language, password, second factor, sessions, keys for scripts.

use actix_web::{HttpResponse, web};
use domain::id::TokenId;
use domain::person::Language;
use domain::{Secret, Timestamp};
use maud::{Markup, html};
use serde::Deserialize;
use store::people::{self, Purpose, Token};
use store::{StoreError, events};

use super::layout::{Frame, csrf, instant, notice};
use super::login::{again, empty};
use super::page;
use super::settings::{made_already, once};
use crate::desk::Desk;
use crate::form::Sent;
use crate::gate::{before, redirect};
use crate::refusal::{Code, Refusal};
use crate::signin::carried::{self, Carried};
use crate::signin::{self, password};
use crate::viewer::Viewer;

/// How long a key for scripts lasts, in days.
const SCRIPT_DAYS: u64 = 90;

/// What the language form sends.
#[derive(Debug, Deserialize)]
pub(crate) struct Spoken {
    language: Language,
}

/// What the password form sends.
#[derive(Debug, Deserialize)]
pub(crate) struct NewPassword {
    #[serde(default = "empty")]
    current: Secret,
    #[serde(default = "empty")]
    password: Secret,
    #[serde(default = "empty")]
    again: Secret,
}

/// What the form of a script's key sends.
#[derive(Debug, Deserialize)]
pub(crate) struct NewScript {
    label: String,
    once: Option<TokenId>,
}

/// Shows it.
pub(crate) async fn show(desk: web::Data<Desk>, viewer: Viewer) -> Result<HttpResponse, Refusal> {
    Ok(page(account_page(&desk, &viewer, &html! {}).await?))
}

/// Changes the language.
pub(crate) async fn language(
    desk: web::Data<Desk>,
    viewer: Viewer,
    sent: Sent<Spoken>,
) -> Result<HttpResponse, Refusal> {
    speak(&desk, &viewer, sent.0.language).await?;
    Ok(redirect("/account"))
}

/// Changes what a person reads.
pub(crate) async fn speak(desk: &Desk, viewer: &Viewer, language: Language) -> Result<(), Refusal> {
    let mut tx = desk.store.writing().await?;
    let who = (viewer.tenant(), viewer.id());
    if !people::set_language(&mut tx, who, language, desk.clock.now()).await? {
        return Err(Code::NotFound.into());
    }
    tx.commit().await?;
    Ok(())
}

/// Changes the password; every other session ends.
pub(crate) async fn password(
    desk: web::Data<Desk>,
    viewer: Viewer,
    request: actix_web::HttpRequest,
    sent: Sent<NewPassword>,
) -> Result<HttpResponse, Refusal> {
    let Sent(sent) = sent;
    let spoken = viewer.language();
    let session = viewer.token().id;
    let from = crate::gate::origin(&desk, &request);
    let said = if sent.password != sent.again {
        Some(spoken.of(
            "Les deux mots de passe diffèrent.",
            "The two passwords differ.",
        ))
    } else if let Err(weak) = password::check(
        &sent.password,
        &viewer.person().email,
        &viewer.person().name,
    ) {
        Some(weak.explained(spoken))
    } else if !signin::again(&desk, viewer.person(), session, &sent.current, &from).await? {
        Some(spoken.of(
            "Le mot de passe actuel est incorrect, ou il y a eu trop d'essais.",
            "The current password is wrong, or there were too many tries.",
        ))
    } else {
        None
    };
    if let Some(said) = said {
        let refused = account_page(&desk, &viewer, &notice("error", said)).await?;
        return Ok(again(refused));
    }
    let now = desk.clock.now();
    let hash = desk.passwords.hash(sent.password).await;
    let mut tx = desk.store.writing().await?;
    let person = viewer.person();
    // Only in place of the one that was given: of two at once, one is kept.
    let passwords = (person.password.as_ref(), &hash);
    if !people::replace_password(&mut tx, (person.tenant, person.id), passwords, now).await? {
        return Err(Code::Conflict.into());
    }
    if !people::seen(&mut tx, person.tenant, session, now).await? {
        return Err(Code::SignedOut.into());
    }
    people::end_all(&mut tx, person.tenant, person.id, Some(session), now).await?;
    let event = signin::by(person, now, "person.password_changed");
    events::append(&mut tx, person.tenant, &[event]);
    tx.commit().await?;
    Ok(redirect("/account"))
}

/// Ends one of one's sessions or keys.
pub(crate) async fn end_session(
    desk: web::Data<Desk>,
    viewer: Viewer,
    id: web::Path<TokenId>,
    sent: Sent<std::collections::HashMap<String, String>>,
) -> Result<HttpResponse, Refusal> {
    drop(sent);
    let now = desk.clock.now();
    let mut tx = desk.store.writing().await?;
    if !people::end(&mut tx, viewer.tenant(), viewer.id(), *id, now).await? {
        return Err(Code::NotFound.into());
    }
    let event = signin::by(viewer.person(), now, "person.session_ended")
        .with(serde_json::json!({ "session": *id }));
    events::append(&mut tx, viewer.tenant(), &[event]);
    tx.commit().await?;
    Ok(redirect("/account"))
}

/// Makes a key for scripts; it is shown once.
pub(crate) async fn new_script(
    desk: web::Data<Desk>,
    viewer: Viewer,
    sent: Sent<NewScript>,
) -> Result<HttpResponse, Refusal> {
    let now = desk.clock.now();
    // A key makes no keys, and whoever finds a browser left open makes none either.
    let since = before(now, desk.settings.confirmation());
    if viewer.cookie().is_none() || !viewer.confirmed_since(since) {
        return Err(Code::ConfirmationWanted.into());
    }
    let label: String = sent.0.label.chars().take(100).collect();
    let carried = Carried::new(Token {
        tenant: viewer.tenant(),
        id: sent.0.once.unwrap_or_else(|| TokenId::new(now)),
        person: viewer.id(),
        purpose: Purpose::Script,
        label,
        address: None,
        agent: None,
        confirmed_at: None,
        seen_at: now,
        created_at: now,
        expires_at: carried::after(now, std::time::Duration::from_hours(24 * SCRIPT_DAYS)),
        ended_at: None,
    });
    let mut tx = desk.store.writing().await?;
    let kept = people::keep_token(&mut tx, &carried.token, &carried.hash).await;
    kept.map_err(|error| match error {
        StoreError::Conflict(_) => made_already(),
        other => other.into(),
    })?;
    let event = signin::by(viewer.person(), now, "person.script_key_made")
        .with(serde_json::json!({ "key": carried.token.id }));
    events::append(&mut tx, viewer.tenant(), &[event]);
    tx.commit().await?;
    let spoken = viewer.language();
    let said = html! {
        div.notice.done role="status" {
            p {
                (spoken.of(
                    "Voici la clé, montrée cette seule fois :",
                    "Here is the key, shown this time only:",
                ))
            }
            p { code { (carried.text.expose()) } }
        }
    };
    Ok(page(account_page(&desk, &viewer, &said).await?))
}

async fn account_page(desk: &Desk, viewer: &Viewer, said: &Markup) -> Result<Markup, Refusal> {
    let now = desk.clock.now();
    let mut tx = desk.store.reading().await?;
    let tokens = people::tokens_of(&mut tx, viewer.tenant(), viewer.id()).await?;
    let left = people::recovery_left(&mut tx, viewer.tenant(), viewer.id()).await?;
    let language = viewer.language();
    let title = language.of("Mon compte", "My account");
    let carried = tokens.iter().filter(|token| token.is_usable(now));
    let carried: Vec<&Token> = carried
        .filter(|token| matches!(token.purpose, Purpose::Session | Purpose::Script))
        .collect();
    Ok(Frame {
        viewer,
        section: "/account",
        title,
        world: None,
    }
    .around(&html! {
        h1 { (title) }
        (said)
        p { (viewer.person().name) " · " (viewer.person().email) }
        (language_form(viewer))
        section aria-labelledby="factor" {
            h2 #factor { (language.of("Second facteur", "Second factor")) }
            @if viewer.person().sealed_totp.is_some() {
                p {
                    (language.of("Actif. Codes de secours restants : ", "On. Recovery codes left: ")) (left)
                }
                p { a href="/account/second-factor" { (language.of("Le refaire, avec de nouveaux codes", "Set it up again, with new codes")) } }
            } @else {
                p { a.button href="/account/second-factor" { (language.of("Le régler", "Set it up")) } }
            }
        }
        (password_form(viewer))
        (sessions(viewer, &carried, now))
        section aria-labelledby="scripts" {
            h2 #scripts { (language.of("Clé pour un script", "Key for a script")) }
            p {
                (language.of(
                    "Elle ouvre l'API d'administration avec vos droits, pendant 90 jours, sauf les actes qui redemandent le mot de passe.",
                    "It opens the admin API with your rights, for 90 days, except the acts that ask for the password again.",
                ))
            }
            form.narrow method="post" action="/account/scripts" {
                (csrf(viewer))
                (once(TokenId::new(now)))
                label for="label" { (language.of("À quoi elle sert", "What it is for")) }
                input #label name="label" required maxlength="100";
                button type="submit" { (language.of("Créer la clé", "Make the key")) }
            }
        }
    }))
}

fn language_form(viewer: &Viewer) -> Markup {
    let language = viewer.language();
    html! {
        section aria-labelledby="language-title" {
            h2 #language-title { (language.of("Langue", "Language")) }
            form.inline method="post" action="/account/language" {
                (csrf(viewer))
                label for="language" { (language.of("Langue des pages", "Language of the pages")) }
                select #language name="language" {
                    @for one in Language::ALL {
                        option value=(one.as_str()) selected[*one == language] { (one.of("Français", "English")) }
                    }
                }
                button type="submit" { (language.of("Changer", "Change")) }
            }
        }
    }
}

fn password_form(viewer: &Viewer) -> Markup {
    let language = viewer.language();
    html! {
        section aria-labelledby="password-title" {
            h2 #password-title { (language.of("Mot de passe", "Password")) }
            form.narrow method="post" action="/account/password" {
                (csrf(viewer))
                label for="current" { (language.of("Actuel", "Current")) }
                input #current name="current" type="password" autocomplete="current-password" required;
                label for="password" { (language.of("Nouveau (12 caractères au moins)", "New (at least 12 characters)")) }
                input #password name="password" type="password" autocomplete="new-password" required minlength="12";
                label for="again" { (language.of("Le même, encore", "The same again")) }
                input #again name="again" type="password" autocomplete="new-password" required minlength="12";
                button type="submit" { (language.of("Changer", "Change")) }
            }
        }
    }
}

fn sessions(viewer: &Viewer, carried: &[&Token], now: Timestamp) -> Markup {
    let language = viewer.language();
    let mine = viewer.token().id;
    html! {
        section aria-labelledby="sessions" {
            h2 #sessions { (language.of("Sessions et clés ouvertes", "Open sessions and keys")) }
            div.scroll {
                table.flow {
                    thead { tr {
                        th scope="col" { (language.of("Quoi", "What")) }
                        th scope="col" { (language.of("Depuis", "Since")) }
                        th scope="col" { (language.of("Dernier usage", "Last used")) }
                        th scope="col" { (language.of("D'où", "From")) }
                        th scope="col" { (language.of("Action", "Action")) }
                    } }
                    tbody {
                        @for token in carried {
                            tr {
                                td {
                                    @if token.purpose == Purpose::Script {
                                        (language.of("Clé : ", "Key: ")) (token.label)
                                    } @else if token.id == mine {
                                        (language.of("Cette session", "This session"))
                                    } @else { (language.of("Session", "Session")) }
                                }
                                td data-name=(language.of("depuis", "since")) { (instant(token.created_at, language)) }
                                td data-name=(language.of("dernier usage", "last used")) { (instant(token.seen_at.min(now), language)) }
                                td data-name=(language.of("d'où", "from")) { (token.address.as_deref().unwrap_or("—")) }
                                td {
                                    @if token.id != mine {
                                        form method="post" action={ "/account/sessions/" (token.id) "/end" } {
                                            (csrf(viewer))
                                            button.quiet type="submit" { (language.of("Fermer", "End")) }
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
