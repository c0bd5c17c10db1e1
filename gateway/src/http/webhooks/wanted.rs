//! What is asked of a webhook, and why it is refused.

use admin_api::hooks::{SITES_MAX, Unfit, Wanted};

use super::view::WebhookWanted;
use crate::app::App;
use crate::http::actions::unreadable;
use crate::http::caller::Caller;
use crate::http::problem::{Code, Problem};
use crate::notify::{KINDS_MAX, names};

/// Reads what is asked of a webhook, as far as the caller may ask it.
pub(super) fn wanted(app: &App, caller: &Caller, body: &[u8]) -> Result<Wanted, Problem> {
    let asked: WebhookWanted = serde_json::from_slice(body).map_err(|error| unreadable(&error))?;
    let mut wanted = Wanted {
        environment: caller.environment,
        url: asked.url,
        label: asked.label.trim().to_owned(),
        kinds: asked.kinds,
        sites: None,
        once: None,
    };
    app.notifier.fits(&wanted).map_err(unfit)?;
    wanted.sites = match asked.sites {
        None => caller.sites(None),
        Some(sites) if sites.is_empty() || sites.len() > SITES_MAX => {
            let detail = "« sites » est absent, ou nomme au moins un site.";
            return Err(Problem::new(Code::InvalidRequest, detail).pointer("/sites"));
        }
        Some(sites) if sites.iter().all(|site| caller.covers(site)) => Some(sites),
        Some(_) => return Err(Problem::plain(Code::ForbiddenSite).pointer("/sites")),
    };
    Ok(wanted)
}

fn unfit(why: Unfit) -> Problem {
    let address = |detail: &str| Problem::new(Code::WebhookAddress, detail).pointer("/url");
    match why {
        Unfit::Form => address("Ce n'est pas une adresse complète, ou elle est trop longue."),
        Unfit::Scheme => address("L'adresse ne commence pas par « https:// »."),
        Unfit::Credentials => address("L'adresse porte un identifiant ou un mot de passe."),
        Unfit::Address => address("Cette adresse n'est pas publique."),
        Unfit::Label => {
            let detail = "« label » compte 100 caractères au plus.";
            Problem::new(Code::InvalidRequest, detail).pointer("/label")
        }
        Unfit::Kinds => {
            let published = names::PUBLISHED.join(", ");
            let detail = format!(
                "« kinds » nomme jusqu'à {KINDS_MAX} événements, par leur nom exact. Publiés : {published}."
            );
            Problem::new(Code::InvalidRequest, detail).pointer("/kinds")
        }
    }
}
