//! The lists a person comes back to, kept under a name.

use actix_web::{HttpResponse, web};
use domain::person::{Language, Right};
use maud::{Markup, html};
use serde::Deserialize;
use store::saved_views::{self, SavedView};

use super::layout::{csrf, notice};
use crate::desk::Desk;
use crate::form::Sent;
use crate::gate::redirect;
use crate::picked::Asked;
use crate::refusal::{Code, Refusal};
use crate::viewer::Viewer;

/// The longest name, in characters, and the longest address.
const NAME_CHARS_MAX: usize = 60;
const QUERY_MAX: usize = 1_000;
/// What an address says of what was just done.
const KEPT: &str = "view=kept";
const FORGOTTEN: &str = "view=removed";

/// What the form sends.
#[derive(Debug, Deserialize)]
pub(crate) struct Named {
    name: String,
    #[serde(default)]
    query: String,
    #[serde(default)]
    forget: String,
}

/// What is done with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeping {
    /// Keep the list under it, unless another is.
    New,
    /// Keep the list under it, in place of another.
    Put,
    /// Let it go.
    Forget,
}

/// Keeps a list under a name, or lets one go.
pub(crate) async fn submit(
    desk: web::Data<Desk>,
    viewer: Viewer,
    sent: Sent<Named>,
) -> Result<HttpResponse, Refusal> {
    let Sent(sent) = sent;
    let (keeping, said) = if sent.forget.is_empty() {
        (Keeping::New, KEPT)
    } else {
        (Keeping::Forget, FORGOTTEN)
    };
    let query = keep(&desk, &viewer, &sent.name, &sent.query, keeping).await?;
    let between = if query.is_empty() { "" } else { "&" };
    Ok(redirect(&format!("/deliveries?{query}{between}{said}")))
}

/// Says what was done to a view, where the address tells of it.
pub(crate) fn said(query: &str, language: Language) -> Markup {
    let told = |part: &str| query.split('&').any(|one| one == part);
    if told(KEPT) {
        return notice(
            "done",
            language.of("La vue est gardée.", "The view is kept."),
        );
    }
    if told(FORGOTTEN) {
        return notice(
            "done",
            language.of("La vue est supprimée.", "The view is removed."),
        );
    }
    html! {}
}

/// Keeps a list under a name, or lets one go; returns what is kept of its address.
pub(crate) async fn keep(
    desk: &Desk,
    viewer: &Viewer,
    name: &str,
    query: &str,
    keeping: Keeping,
) -> Result<String, Refusal> {
    viewer.require(Right::ReadDeliveries)?;
    let name = name.trim().to_owned();
    // What is searched for may be somebody's number: it is not kept.
    let mut asked = Asked::read_all(query)?;
    asked.text.clear();
    let query = asked.query();
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX || query.len() > QUERY_MAX {
        return Err(Refusal::from(Code::Invalid).saying(
            "Donnez un nom de 60 caractères au plus.",
            "Give a name of at most 60 characters.",
        ));
    }
    let (tenant, person) = (viewer.tenant(), viewer.id());
    let mut tx = desk.store.writing().await?;
    if keeping == Keeping::Forget {
        saved_views::forget(&mut tx, tenant, person, &name).await?;
    } else {
        let kept = saved_views::list(&mut tx, tenant, person).await?;
        let another = |view: &SavedView| view.name == name && view.query != query;
        if keeping == Keeping::New && kept.iter().any(another) {
            return Err(Refusal::from(Code::Conflict).saying(
                "Une vue porte déjà ce nom : donnez-en un autre, ou supprimez d'abord celle qui le porte. Rien \
                 n'a été changé.",
                "A view has this name already: give another, or remove the one that has it first. Nothing was \
                 changed.",
            ));
        }
        let view = SavedView {
            name,
            query: query.clone(),
        };
        if !saved_views::keep(&mut tx, tenant, person, &view).await? {
            return Err(Refusal::from(Code::Invalid).saying(
                "Cinquante vues au plus : supprimez-en une.",
                "At most fifty views: remove one.",
            ));
        }
    }
    tx.commit().await?;
    Ok(query)
}

/// The links to what a person keeps, and the form that keeps what is on the page.
pub(crate) fn shown(viewer: &Viewer, kept: &[SavedView], asked: &Asked) -> Markup {
    let language = viewer.language();
    let query = asked.query();
    html! {
        details.saved {
            summary { (language.of("Mes vues", "My views")) " (" (kept.len()) ")" }
            ul.plain {
                @for view in kept {
                    li {
                        a href={ "/deliveries?" (view.query) } aria-current=[(view.query == query).then_some("page")] { (view.name) } " "
                        form.inline method="post" action="/deliveries/views" {
                            (csrf(viewer))
                            input type="hidden" name="name" value=(view.name);
                            input type="hidden" name="query" value=(query);
                            button.quiet type="submit" name="forget" value="1"
                                aria-label={ (language.of("Supprimer la vue ", "Remove the view ")) (view.name) }
                            { (language.of("Supprimer", "Remove")) }
                        }
                    }
                }
            }
            form.inline method="post" action="/deliveries/views" {
                (csrf(viewer))
                input type="hidden" name="query" value=(query);
                label for="view_name" { (language.of("Garder cette liste sous le nom", "Keep this list under the name")) }
                input #view_name name="name" required maxlength=(NAME_CHARS_MAX);
                button.quiet type="submit" { (language.of("Garder", "Keep")) }
            }
        }
    }
}
