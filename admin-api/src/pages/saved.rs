//! The lists a person comes back to, kept under a name.

use actix_web::{HttpResponse, web};
use domain::person::Right;
use maud::{Markup, html};
use serde::Deserialize;
use store::saved_views::{self, SavedView};

use super::layout::csrf;
use crate::desk::Desk;
use crate::form::Sent;
use crate::gate::redirect;
use crate::picked::Asked;
use crate::refusal::{Code, Refusal};
use crate::viewer::Viewer;

/// The longest name, in characters, and the longest address.
const NAME_CHARS_MAX: usize = 60;
const QUERY_MAX: usize = 1_000;

/// What the form sends.
#[derive(Debug, Deserialize)]
pub(crate) struct Named {
    name: String,
    #[serde(default)]
    query: String,
    #[serde(default)]
    forget: String,
}

/// Keeps a list under a name, or lets one go.
pub(crate) async fn submit(
    desk: web::Data<Desk>,
    viewer: Viewer,
    sent: Sent<Named>,
) -> Result<HttpResponse, Refusal> {
    let Sent(sent) = sent;
    let forget = !sent.forget.is_empty();
    let query = keep(&desk, &viewer, &sent.name, &sent.query, forget).await?;
    Ok(redirect(&format!("/deliveries?{query}")))
}

/// Keeps a list under a name, or lets one go; returns what is kept of its address.
pub(crate) async fn keep(
    desk: &Desk,
    viewer: &Viewer,
    name: &str,
    query: &str,
    forget: bool,
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
    if forget {
        saved_views::forget(&mut tx, tenant, person, &name).await?;
    } else {
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
