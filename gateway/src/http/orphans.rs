//! Dossiers an OPCO knows and no ERP sent, and the reverse, with the pairing proposed for each.

mod view;

use std::str::FromStr;

use actix_web::{HttpRequest, HttpResponse, web};
use domain::id::{DeliveryId, DossierId};
use domain::orphan::{Action, Fate};
use domain::{Opco, Siret};
use serde::{Deserialize, Serialize};
use store::dossiers::{self, Dossier, Unlisted};
use store::strangers::{self, Filter, Stranger};
use store::{NewEvent, TenantKey, Tx};
use utoipa::{IntoParams, ToSchema};

use self::view::OrphelinBody;
use super::body::JsonBody;
use super::caller::Caller;
use super::problem::{self, Code, Problem};
use super::{actions, page, words};
use crate::app::App;
use crate::orphans::{self, Person, Refusal, Request};

/// A page of orphans: those the OPCO knows first, then those it does not show, each newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Orphelins {
    /// The orphans.
    orphelins: Vec<OrphelinBody>,
    /// The cursor of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Which side knows the dossier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = OrphelinSide)]
pub(crate) enum Cote {
    /// The OPCO knows it, and no ERP sent it.
    Opco,
    /// It was sent, and the OPCO does not show it.
    Cfa,
}

/// Which orphans.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Asked {
    /// Only those of this OPCO.
    #[param(value_type = Option<words::Opco>)]
    opco: Option<Opco>,
    /// Only those of this site (SIRET).
    #[param(value_type = Option<String>)]
    site: Option<Siret>,
    /// Only those of one side.
    #[param(inline)]
    side: Option<Cote>,
    /// What became of them, on the OPCO's side; `open` unless asked otherwise.
    #[param(value_type = Option<words::Fate>)]
    fate: Option<Fate>,
    /// How many on a page, from 1 to 200.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// Where the page starts, from `next` of the one before.
    cursor: Option<String>,
}

/// Why, and which contract it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrphelinAction {
    /// Why, for the log. Always required.
    #[schema(example = "déposé par l'employeur")]
    reason: Option<String>,
    /// The delivery of the contract that it is, for `adopt`; without one it is followed alone.
    #[schema(value_type = Option<String>, format = Uuid)]
    delivery_id: Option<DeliveryId>,
}

/// A place in the list: the side, and the last one of it; none, at its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    side: Cote,
    after: Option<DossierId>,
}

impl FromStr for Place {
    type Err = domain::opco::UnknownWord;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (side, after) = text.split_once('/').ok_or(domain::opco::UnknownWord)?;
        let side = match side {
            "opco" => Cote::Opco,
            "cfa" => Cote::Cfa,
            _ => return Err(domain::opco::UnknownWord),
        };
        let after = match after {
            "" => None,
            id => Some(id.parse().map_err(|_| domain::opco::UnknownWord)?),
        };
        Ok(Self { side, after })
    }
}

impl Place {
    fn cursor(self) -> String {
        let side = match self.side {
            Cote::Opco => "opco",
            Cote::Cfa => "cfa",
        };
        let after = self.after.map(|id| id.to_string()).unwrap_or_default();
        page::cursor(&format!("{side}/{after}"))
    }
}

/// Lists orphans of both sides, each with the pairing proposed.
#[utoipa::path(
    get, path = "/api/v1/orphelins", operation_id = "list_orphelins", tag = "orphelins", params(Asked),
    responses(
        (status = 200, body = Orphelins, headers(("Link" = String, description = "La page suivante."))),
        (status = 400, response = problem::Refusal),
    ),
)]
pub(crate) async fn list(
    app: web::Data<App>,
    caller: Caller,
    asked: web::Query<Asked>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let limit = page::limit(asked.limit)?;
    let place: Option<Place> = page::place(asked.cursor.as_deref())?;
    let start = Place {
        side: asked.side.unwrap_or(Cote::Opco),
        after: None,
    };
    let place = place.unwrap_or(start);
    let network = app.views.network(&app, caller.tenant).await?;
    let keys = &network.keys;
    let mut tx = app.store.reading().await?;
    let mut orphelins = Vec::new();
    let mut next = None;
    if place.side == Cote::Opco {
        let found = theirs(&mut tx, &caller, &asked, place.after, limit).await?;
        next = following(
            Cote::Opco,
            found.last().map(|one| one.id),
            found.len(),
            limit,
        );
        if next.is_none() && asked.side.is_none() {
            let there = Place {
                side: Cote::Cfa,
                after: None,
            };
            next = Some(there);
        }
        orphelins.extend(of_opco(&app, &mut tx, keys, &caller, found).await?);
    }
    let left = limit.saturating_sub(u32::try_from(orphelins.len()).unwrap_or(limit));
    let then = next.or(Some(place)).filter(|place| place.side == Cote::Cfa);
    if let (Some(place), 1..) = (then, left) {
        let found = ours(&app, &mut tx, &caller, &asked, place.after, left).await?;
        next = following(Cote::Cfa, found.last().map(|one| one.id), found.len(), left);
        for dossier in &found {
            let person = of_cfa(&mut tx, keys, dossier).await?;
            orphelins.push(OrphelinBody::ours(dossier, person.as_ref()));
        }
    }
    drop(tx);
    if !orphelins.is_empty() {
        // Names are in it: whoever opens it is on record.
        let mut tx = app.store.writing().await?;
        let opened = NewEvent::new(app.clock.now(), "dossier.orphans_opened")
            .by(caller.actor().name)
            .with(serde_json::json!({ "shown": orphelins.len() }));
        store::events::append(&mut tx, caller.tenant, &[opened]);
        tx.commit().await?;
    }
    let next = next.map(Place::cursor);
    let mut answer = HttpResponse::Ok();
    let link = next.as_deref().and_then(|next| page::link(&request, next));
    if let Some(link) = link {
        answer.insert_header(link);
    }
    Ok(answer.json(Orphelins { orphelins, next }))
}

/// Returns where the next page starts; nothing when this one was not full.
fn following(side: Cote, last: Option<DossierId>, found: usize, limit: u32) -> Option<Place> {
    let full = u32::try_from(found).unwrap_or(limit) >= limit;
    last.filter(|_| full).map(|last| Place {
        side,
        after: Some(last),
    })
}

async fn theirs(
    tx: &mut Tx,
    caller: &Caller,
    asked: &Asked,
    after: Option<DossierId>,
    limit: u32,
) -> Result<Vec<Stranger>, Problem> {
    let filter = Filter {
        environment: caller.environment,
        opco: asked.opco,
        sites: caller.sites(asked.site),
        fate: asked.fate.unwrap_or(Fate::Open),
        after,
    };
    Ok(strangers::list(tx, caller.tenant, &filter, limit).await?)
}

/// Shows what the OPCO knows and nobody sent, each with its likeliest pairing.
async fn of_opco(
    app: &App,
    tx: &mut Tx,
    keys: &TenantKey,
    caller: &Caller,
    found: Vec<Stranger>,
) -> Result<Vec<OrphelinBody>, Problem> {
    let opened: Vec<(Stranger, Option<Person>)> = found
        .into_iter()
        .map(|stranger| {
            let person = Person::of_stranger(keys, &stranger);
            (stranger, person)
        })
        .collect();
    let settled = |(stranger, _): &(Stranger, Option<Person>)| stranger.fate == Fate::Adopted;
    let proposed = if opened.iter().all(settled) {
        std::collections::HashMap::new()
    } else {
        orphans::propose(app, tx, keys, &caller.actor(), &opened).await?
    };
    Ok(opened
        .iter()
        .map(|(stranger, person)| {
            OrphelinBody::theirs(stranger, person.as_ref(), proposed.get(&stranger.id))
        })
        .collect())
}

async fn ours(
    app: &App,
    tx: &mut Tx,
    caller: &Caller,
    asked: &Asked,
    after: Option<DossierId>,
    limit: u32,
) -> Result<Vec<Dossier>, Problem> {
    let filter = Unlisted {
        environment: caller.environment,
        opco: asked.opco,
        sites: caller.sites(asked.site),
        grace: orphans::grace(app),
        after,
    };
    Ok(dossiers::unlisted(tx, caller.tenant, &filter, limit).await?)
}

async fn of_cfa(
    tx: &mut Tx,
    keys: &TenantKey,
    dossier: &Dossier,
) -> Result<Option<Person>, Problem> {
    let Some(delivery) = dossier.delivery else {
        return Ok(None);
    };
    let sealed = store::deliveries::payload(tx, dossier.tenant, delivery).await?;
    Ok(sealed.and_then(|sealed| Person::of_payload(keys, delivery, &sealed)))
}

/// Acts on a dossier that no ERP sent, in the name of who calls.
#[utoipa::path(
    post, path = "/api/v1/orphelins/{id}/actions/{action}", operation_id = "act_on_orphelin", tag = "orphelins",
    params(
        ("id" = String, Path, format = Uuid),
        ("action" = words::OrphanAction, Path),
    ),
    request_body = OrphelinAction,
    responses(
        (status = 200, description = "L'orphelin après l'action, sans les données de la personne.", body = OrphelinBody),
        (status = 400, response = problem::Refusal),
        (status = 404, response = problem::Refusal),
        (status = 409, response = problem::Refusal),
        (status = 422, response = problem::Refusal),
    ),
)]
pub(crate) async fn act(
    app: web::Data<App>,
    caller: Caller,
    place: web::Path<(DossierId, String)>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let (id, action) = place.into_inner();
    let action: Action = action.parse().map_err(|_| unknown())?;
    let body: OrphelinAction =
        serde_json::from_slice(&body.0).map_err(|error| actions::unreadable(&error))?;
    let asked = Request {
        action,
        reason: actions::reason(body.reason.as_deref())?,
        delivery: body.delivery_id,
    };
    let stranger = orphans::act(&app, &caller.actor(), id, asked).await?;
    Ok(HttpResponse::Ok().json(OrphelinBody::theirs(&stranger, None, None)))
}

fn unknown() -> Problem {
    let words: Vec<&str> = Action::ALL.iter().map(|action| action.as_str()).collect();
    let detail = format!("Action inconnue. Les actions : {}.", words.join(", "));
    Problem::new(Code::UnknownRoute, detail)
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unknown => Self::not_found(),
            Refusal::NotNow(fate) => {
                let words: Vec<&str> = fate.allowed().iter().map(|one| one.as_str()).collect();
                let may = match words.as_slice() {
                    [] => "aucune action n'est possible".to_owned(),
                    words => format!("actions possibles : {}", words.join(", ")),
                };
                Self::new(Code::WrongState, format!("Sort « {fate} » : {may}."))
            }
            Refusal::NoDelivery => Self::new(
                Code::IncompleteAction,
                "« delivery_id » n'accompagne que « adopt ».",
            )
            .pointer("/delivery_id"),
            Refusal::OnItsWay(status) => Self::new(
                Code::WrongState,
                format!(
                    "La livraison est à l'état « {status} » : attendez qu'elle arrive, ou qu'elle \
                     soit retenue."
                ),
            )
            .pointer("/delivery_id"),
            Refusal::Double(numero) => {
                let numero = numero.unwrap_or_default();
                let detail = format!(
                    "L'OPCO montre déjà ce contrat sous le numéro « {numero} » : ce dossier y fait \
                     double emploi. Demandez à l'OPCO d'annuler l'un des deux, puis écartez \
                     celui-ci (« ignore »)."
                );
                Self::new(Code::WrongState, detail).pointer("/delivery_id")
            }
            Refusal::Changed => Self::new(
                Code::WrongState,
                "Le dossier ou la livraison a changé entre-temps : relisez la liste avant d'agir.",
            ),
            Refusal::Store(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_survives_its_cursor() {
        let id = DossierId::new("2026-09-01T00:00:00Z".parse().unwrap());
        for (side, after) in [(Cote::Opco, Some(id)), (Cote::Cfa, None)] {
            let place = Place { side, after };
            assert_eq!(page::place(Some(&place.cursor())).unwrap(), Some(place));
        }
        assert!(page::place::<Place>(Some(&page::cursor("autre/"))).is_err());
    }

    #[test]
    fn a_page_that_is_not_full_is_the_last() {
        let id = DossierId::new("2026-09-01T00:00:00Z".parse().unwrap());
        assert!(following(Cote::Opco, Some(id), 2, 2).is_some());
        assert!(following(Cote::Opco, Some(id), 1, 2).is_none());
        assert!(following(Cote::Opco, None, 0, 2).is_none());
    }
}
