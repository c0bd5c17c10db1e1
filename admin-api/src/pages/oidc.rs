//! Signing in at the deployment's own provider of identities, and back.

use actix_web::{HttpRequest, HttpResponse, web};
use domain::id::TenantId;
use domain::person::{Language, PersonState};
use maud::{Markup, html};
use serde::Deserialize;
use store::StoreError;

use super::layout::{csrf, notice, outside};
use super::login::{again, code_wanted, insert, safe, signed_in};
use super::page;
use crate::desk::Desk;
use crate::form::Sent;
use crate::gate::{
    cookie, language, network_cookie, origin, question_cookie, redirect, session_cookie, set_cookie,
};
use crate::refusal::{Code, Refusal};
use crate::signin::identity::{self, Offer};
use crate::signin::oidc::{self, Answer, Asked, Denied, Identity, Provider, Purpose};
use crate::signin::{self, SignedIn};
use crate::viewer::Viewer;

/// The path the provider answers to.
pub(crate) const BACK: &str = "/login/oidc/back";

/// Where to go afterwards.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Next {
    next: Option<String>,
}

/// What the form of a person of several networks sends.
#[derive(Debug, Deserialize)]
pub(crate) struct Chosen {
    network: TenantId,
    next: Option<String>,
}

/// Leads to the provider, to sign in.
pub(crate) async fn begin(
    desk: web::Data<Desk>,
    request: HttpRequest,
    next: web::Query<Next>,
) -> Result<HttpResponse, Refusal> {
    lead(&desk, &request, Purpose::SignIn, next.into_inner()).await
}

/// Leads to the provider, to prove again who one is.
pub(crate) async fn confirm(
    desk: web::Data<Desk>,
    request: HttpRequest,
    next: web::Query<Next>,
) -> Result<HttpResponse, Refusal> {
    lead(&desk, &request, Purpose::Confirm, next.into_inner()).await
}

async fn lead(
    desk: &Desk,
    request: &HttpRequest,
    purpose: Purpose,
    next: Next,
) -> Result<HttpResponse, Refusal> {
    let provider = desk.provider.as_ref().ok_or(Code::NotFound)?;
    let next = safe(next.next);
    let session = cookie(request, session_cookie(desk));
    let keys = desk.store.keys(TenantId::PLATFORM).await?;
    let signing = oidc::signing(&keys);
    let asked = (next.as_str(), purpose, session.as_ref());
    let begun = provider
        .begin(asked, &back(desk), (&signing, desk.clock.now()))
        .await;
    match begun {
        Ok(begun) => {
            let mut answer = redirect(&begun.url);
            let name = question_cookie(desk);
            insert(
                &mut answer,
                set_cookie(desk, name, Some(&begun.cookie), oidc::LASTS),
            );
            Ok(answer)
        }
        Err(denied) => Ok(told(language(request), provider, &denied)),
    }
}

/// Takes the provider's answer.
pub(crate) async fn answered(
    desk: web::Data<Desk>,
    request: HttpRequest,
    viewer: Option<Viewer>,
    answer: web::Query<Answer>,
) -> Result<HttpResponse, Refusal> {
    let provider = desk.provider.as_ref().ok_or(Code::NotFound)?;
    let language = language(&request);
    let kept = cookie(&request, question_cookie(&desk));
    let session = cookie(&request, session_cookie(&desk));
    let keys = desk.store.keys(TenantId::PLATFORM).await?;
    let signing = oidc::signing(&keys);
    let asked = kept.and_then(|kept| Asked::read(&kept, session.as_ref(), &signing));
    let Some(asked) = asked else {
        return Ok(told(language, provider, &Denied::Stray));
    };
    let now = desk.clock.now();
    let found = provider
        .finish(&asked, answer.into_inner(), &back(&desk), now)
        .await;
    let mut answer = match found {
        Err(denied) => told(language, provider, &denied),
        Ok(identity) => believed(&desk, &request, viewer, &asked, &identity).await?,
    };
    // A question is answered once.
    let name = question_cookie(&desk);
    insert(&mut answer, set_cookie(&desk, name, None, oidc::LASTS));
    Ok(answer)
}

async fn believed(
    desk: &Desk,
    request: &HttpRequest,
    viewer: Option<Viewer>,
    asked: &Asked,
    identity: &Identity,
) -> Result<HttpResponse, StoreError> {
    let language = language(request);
    let next = safe(Some(asked.next.clone()));
    if asked.purpose == Purpose::Confirm {
        let same = viewer.filter(|viewer| {
            viewer.person().oidc_subject.as_deref() == Some(identity.subject.as_str())
        });
        let Some(viewer) = same else {
            return Ok(refused(
                language,
                language.of(
                    "Ce n'est pas la personne de cette session.",
                    "This is not the person of this session.",
                ),
            ));
        };
        signin::confirmed(desk, viewer.person(), viewer.token().id).await?;
        return Ok(redirect(&next));
    }
    let origin = origin(desk, request);
    Ok(match identity::with_identity(desk, identity, &origin).await? {
        SignedIn::Session(session) => signed_in(desk, &session, &next),
        SignedIn::CodeWanted(step) => code_wanted(desk, &step, &next),
        SignedIn::Several(offer) => {
            let mut answer = page(several(language, viewer.as_ref(), &offer, &next));
            let name = network_cookie(desk);
            insert(
                &mut answer,
                set_cookie(desk, name, Some(&offer.text), identity::CHOICE),
            );
            answer
        }
        SignedIn::Wrong | SignedIn::Locked(_) => refused(
            language,
            language.of(
                "Aucun compte ici pour cette personne. Un administrateur de votre réseau peut l'inviter, \
                 avec l'adresse que ce fournisseur a vérifiée.",
                "There is no account here for this person. An administrator of your network can invite \
                 them, with the address that this provider has verified.",
            ),
        ),
    })
}

/// Takes the network a person of several chose.
pub(crate) async fn choose(
    desk: web::Data<Desk>,
    request: HttpRequest,
    sent: Sent<Chosen>,
) -> Result<HttpResponse, Refusal> {
    let Sent(sent) = sent;
    let language = language(&request);
    let next = safe(sent.next);
    let from = origin(&desk, &request);
    let name = network_cookie(&desk);
    let done = match cookie(&request, name) {
        Some(text) => identity::in_network(&desk, &text, sent.network, &from).await?,
        None => SignedIn::Wrong,
    };
    let mut answer = match done {
        SignedIn::Session(session) => signed_in(&desk, &session, &next),
        SignedIn::CodeWanted(step) => code_wanted(&desk, &step, &next),
        SignedIn::Several(_) | SignedIn::Wrong | SignedIn::Locked(_) => refused(
            language,
            language.of(
                "Ce choix n'a pas été proposé à ce navigateur, a déjà servi, ou vous avez attendu plus de \
                 cinq minutes. Recommencez.",
                "This choice was not offered to this browser, was used already, or you waited more than \
                 five minutes. Start again.",
            ),
        ),
    };
    // A question is answered once.
    insert(&mut answer, set_cookie(&desk, name, None, identity::CHOICE));
    Ok(answer)
}

/// Lets a person who is known in several networks choose one.
fn several(language: Language, viewer: Option<&Viewer>, offer: &Offer, next: &str) -> Markup {
    let title = language.of("Quel réseau ?", "Which network?");
    outside(
        language,
        title,
        &html! {
            h1 { (title) }
            p { (language.of(
                "Votre adresse a un compte dans plusieurs réseaux.",
                "Your address has an account in several networks.",
            )) }
            form.narrow method="post" action="/login/oidc/network" {
                @if let Some(viewer) = viewer { (csrf(viewer)) }
                input type="hidden" name="next" value=(next);
                @for (id, name) in &offer.networks {
                    button type="submit" name="network" value=(id) { (name) }
                }
            }
        },
    )
}

/// Returns whether a person may prove who they are at the provider.
pub(crate) fn is_known(desk: &Desk, viewer: &Viewer) -> bool {
    let person = viewer.person();
    desk.provider.is_some() && person.oidc_subject.is_some() && person.state == PersonState::Active
}

fn back(desk: &Desk) -> String {
    format!("{}{BACK}", desk.base())
}

fn told(language: Language, provider: &Provider, denied: &Denied) -> HttpResponse {
    tracing::warn!(provider = ?provider, error = %denied, "nobody is signed in");
    let said = match denied {
        Denied::Provider(_) => language.of(
            "Le fournisseur d'identité ne répond pas comme il faut. Réessayez dans quelques secondes, ou \
             connectez-vous par mot de passe ; si cela dure, prévenez l'exploitant de la passerelle.",
            "The provider of identities does not answer as it should. Try again in a few seconds, or sign \
             in with a password; if it lasts, tell whoever runs the gateway.",
        ),
        Denied::Stray => language.of(
            "Cette réponse ne correspond à aucune demande de ce navigateur, ou vous avez attendu plus de \
             dix minutes. Recommencez.",
            "This answer belongs to no question of this browser, or you waited more than ten minutes. \
             Start again.",
        ),
        Denied::Token(_) => language.of(
            "Le fournisseur d'identité n'a pas confirmé qui vous êtes. Recommencez.",
            "The provider of identities did not confirm who you are. Start again.",
        ),
    };
    refused(language, said)
}

fn refused(language: Language, said: &str) -> HttpResponse {
    let title = language.of("Connexion", "Sign in");
    again(outside(
        language,
        title,
        &html! {
            h1 { (title) }
            (notice("error", said))
            p { a href="/login" { (language.of("Recommencer", "Start again")) } }
        },
    ))
}
