//! What is asked of a webhook, and why it is refused.

use domain::Siret;

use super::view::WebhookWanted;
use crate::app::App;
use crate::http::actions::unreadable;
use crate::http::caller::Caller;
use crate::http::problem::{Code, Problem};
use crate::notify::{Unfit, names};

/// The longest label.
const LABEL_CHARS_MAX: usize = 100;
/// The most names of events one webhook asks for.
const KINDS_MAX: usize = 50;
/// The most sites one webhook names.
const SITES_MAX: usize = 1_000;

/// What was asked for, checked.
pub(super) struct Wanted {
    pub(super) url: String,
    pub(super) label: String,
    pub(super) kinds: Vec<String>,
    pub(super) sites: Option<Vec<Siret>>,
}

/// Reads what is asked of a webhook, as far as the caller may ask it.
pub(super) fn wanted(app: &App, caller: &Caller, body: &[u8]) -> Result<Wanted, Problem> {
    let asked: WebhookWanted = serde_json::from_slice(body).map_err(|error| unreadable(&error))?;
    let invalid =
        |pointer, detail: &str| Problem::new(Code::InvalidRequest, detail).pointer(pointer);
    app.notifier.check(&asked.url).map_err(unfit)?;
    let label = asked.label.trim();
    if label.chars().count() > LABEL_CHARS_MAX || label.chars().any(char::is_control) {
        return Err(invalid(
            "/label",
            "« label » compte 100 caractères au plus.",
        ));
    }
    if asked.kinds.len() > KINDS_MAX || !asked.kinds.iter().all(|kind| names::is_name(kind)) {
        let published = names::PUBLISHED.join(", ");
        let detail = format!(
            "« kinds » nomme jusqu'à {KINDS_MAX} événements, par leur nom exact. Publiés : {published}."
        );
        return Err(invalid("/kinds", &detail));
    }
    let sites = match asked.sites {
        None => caller.sites(None),
        Some(sites) if sites.is_empty() || sites.len() > SITES_MAX => {
            return Err(invalid(
                "/sites",
                "« sites » est absent, ou nomme au moins un site.",
            ));
        }
        Some(sites) if sites.iter().all(|site| caller.covers(site)) => Some(sites),
        Some(_) => return Err(Problem::plain(Code::ForbiddenSite).pointer("/sites")),
    };
    Ok(Wanted {
        url: asked.url,
        label: label.to_owned(),
        kinds: asked.kinds,
        sites,
    })
}

fn unfit(why: Unfit) -> Problem {
    let detail = match why {
        Unfit::Form => "Ce n'est pas une adresse complète, ou elle est trop longue.",
        Unfit::Scheme => "L'adresse ne commence pas par « https:// ».",
        Unfit::Credentials => "L'adresse porte un identifiant ou un mot de passe.",
        Unfit::Address => "Cette adresse n'est pas publique.",
    };
    Problem::new(Code::WebhookAddress, detail).pointer("/url")
}
