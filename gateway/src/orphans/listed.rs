//! The list of orphans of both sides, each with the pairing proposed: those the OPCO knows first, then those
//! it does not show, each newest first. Whoever reads it is on record.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use domain::id::{DeliveryId, DossierId};
use domain::opco::UnknownWord;
use domain::orphan::Fate;
use domain::{Opco, Siret};
use serde::{Deserialize, Serialize};
use store::dossiers::{self, Dossier, Unlisted};
use store::strangers::{self, Filter, Stranger};
use store::{NewEvent, StoreError, TenantKey, Tx};
use utoipa::ToSchema;

use super::{Person, Proposed, grace, propose};
use crate::actions::Actor;
use crate::app::App;

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

/// Which orphans; what is absent does not restrict.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    /// Only those of this OPCO.
    pub(crate) opco: Option<Opco>,
    /// Only those of this site.
    pub(crate) site: Option<Siret>,
    /// Only those of one side.
    pub(crate) side: Option<Cote>,
    /// What became of them, on the OPCO's side.
    pub(crate) fate: Fate,
    /// Where the page starts.
    pub(crate) from: Option<Place>,
    /// How many.
    pub(crate) limit: u32,
}

/// A place in the list: the side, and the last one of it; none, at its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) side: Cote,
    pub(crate) after: Option<DossierId>,
}

/// One orphan.
pub(crate) enum Listed {
    /// What the OPCO knows and nobody sent.
    Theirs {
        /// It.
        stranger: Box<Stranger>,
        /// What tells it from another, when it was read.
        person: Option<Person>,
        /// The contract of ours that it most likely is.
        proposed: Option<Box<Proposed>>,
        /// The delivery of the dossier it is followed as.
        delivery: Option<DeliveryId>,
    },
    /// What was sent and the OPCO does not show.
    Ours {
        /// It.
        dossier: Box<Dossier>,
        /// What was sent, unless it was shredded.
        person: Option<Person>,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = match self.side {
            Cote::Opco => "opco",
            Cote::Cfa => "cfa",
        };
        match self.after {
            Some(id) => write!(f, "{side}/{id}"),
            None => write!(f, "{side}/"),
        }
    }
}

impl FromStr for Place {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let (side, after) = text.split_once('/').ok_or(UnknownWord)?;
        let side = match side {
            "opco" => Cote::Opco,
            "cfa" => Cote::Cfa,
            _ => return Err(UnknownWord),
        };
        let after = match after {
            "" => None,
            id => Some(id.parse().map_err(|_| UnknownWord)?),
        };
        Ok(Self { side, after })
    }
}

/// Lists a page of orphans that an actor may see, and says where the next one starts.
pub(crate) async fn list(
    app: &App,
    actor: &Actor,
    question: &Question,
) -> Result<(Vec<Listed>, Option<Place>), StoreError> {
    let limit = question.limit;
    let start = Place {
        side: question.side.unwrap_or(Cote::Opco),
        after: None,
    };
    let place = question.from.unwrap_or(start);
    let network = app.views.network(app, actor.tenant).await?;
    let keys = &network.keys;
    let mut tx = app.store.reading().await?;
    let mut listed = Vec::new();
    let mut next = None;
    if place.side == Cote::Opco {
        let found = theirs(&mut tx, actor, question, place.after).await?;
        let last = found.last().map(|one| one.id);
        next = following(Cote::Opco, last, found.len(), limit);
        if next.is_none() && question.side.is_none() {
            next = Some(Place {
                side: Cote::Cfa,
                after: None,
            });
        }
        listed.extend(of_opco(app, &mut tx, keys, actor, found).await?);
    }
    let left = limit.saturating_sub(u32::try_from(listed.len()).unwrap_or(limit));
    let then = next.or(Some(place)).filter(|place| place.side == Cote::Cfa);
    if let (Some(place), 1..) = (then, left) {
        let found = ours(app, &mut tx, actor, question, (place.after, left)).await?;
        next = following(Cote::Cfa, found.last().map(|one| one.id), found.len(), left);
        for dossier in found {
            let person = of_cfa(&mut tx, keys, &dossier).await?;
            listed.push(Listed::Ours {
                dossier: Box::new(dossier),
                person,
            });
        }
    }
    drop(tx);
    if !listed.is_empty() {
        // Names are in it: whoever opens it is on record.
        let mut tx = app.store.writing().await?;
        let opened = NewEvent::new(app.clock.now(), "dossier.orphans_opened")
            .by(actor.name.clone())
            .with(serde_json::json!({ "shown": listed.len() }));
        store::events::append(&mut tx, actor.tenant, &[opened]);
        tx.commit().await?;
    }
    Ok((listed, next))
}

/// Returns where the next page starts; nothing when this one was not full.
fn following(side: Cote, last: Option<DossierId>, found: usize, limit: u32) -> Option<Place> {
    let full = u32::try_from(found).unwrap_or(limit) >= limit;
    last.filter(|_| full).map(|last| Place {
        side,
        after: Some(last),
    })
}

/// Returns the sites a list is about: the one asked for, where the actor reaches it.
fn sites(actor: &Actor, asked: Option<Siret>) -> Option<Vec<Siret>> {
    let reached = actor.sites.as_ref();
    match asked {
        None => reached.map(|sites| sites.to_vec()),
        Some(asked) if reached.is_none_or(|sites| sites.contains(&asked)) => Some(vec![asked]),
        Some(_) => Some(Vec::new()),
    }
}

async fn theirs(
    tx: &mut Tx,
    actor: &Actor,
    question: &Question,
    after: Option<DossierId>,
) -> Result<Vec<Stranger>, StoreError> {
    let filter = Filter {
        environment: actor.environment,
        opco: question.opco,
        sites: sites(actor, question.site),
        fate: question.fate,
        after,
    };
    strangers::list(tx, actor.tenant, &filter, question.limit).await
}

/// Opens what the OPCO knows and nobody sent, each with its likeliest pairing.
async fn of_opco(
    app: &App,
    tx: &mut Tx,
    keys: &TenantKey,
    actor: &Actor,
    found: Vec<Stranger>,
) -> Result<Vec<Listed>, StoreError> {
    let opened: Vec<(Stranger, Option<Person>)> = found
        .into_iter()
        .map(|stranger| {
            let person = Person::of_stranger(keys, &stranger);
            (stranger, person)
        })
        .collect();
    let settled = |(stranger, _): &(Stranger, Option<Person>)| stranger.fate == Fate::Adopted;
    let mut proposed = if opened.iter().all(settled) {
        HashMap::new()
    } else {
        propose(app, tx, keys, actor, &opened).await?
    };
    let mut listed = Vec::with_capacity(opened.len());
    for (stranger, person) in opened {
        let proposed = proposed.remove(&stranger.id).map(Box::new);
        let delivery = match stranger.adopted_as {
            Some(id) => dossiers::find(tx, actor.tenant, id).await?,
            None => None,
        };
        listed.push(Listed::Theirs {
            delivery: delivery.and_then(|dossier| dossier.delivery),
            stranger: Box::new(stranger),
            person,
            proposed,
        });
    }
    Ok(listed)
}

async fn ours(
    app: &App,
    tx: &mut Tx,
    actor: &Actor,
    question: &Question,
    (after, limit): (Option<DossierId>, u32),
) -> Result<Vec<Dossier>, StoreError> {
    let filter = Unlisted {
        environment: actor.environment,
        opco: question.opco,
        sites: sites(actor, question.site),
        grace: grace(app),
        after,
    };
    dossiers::unlisted(tx, actor.tenant, &filter, limit).await
}

async fn of_cfa(
    tx: &mut Tx,
    keys: &TenantKey,
    dossier: &Dossier,
) -> Result<Option<Person>, StoreError> {
    let Some(delivery) = dossier.delivery else {
        return Ok(None);
    };
    let sealed = store::deliveries::payload(tx, dossier.tenant, delivery).await?;
    Ok(sealed.and_then(|sealed| Person::of_payload(keys, delivery, &sealed)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_survives_its_text() {
        let id = DossierId::new("2026-09-01T00:00:00Z".parse().unwrap());
        for (side, after) in [(Cote::Opco, Some(id)), (Cote::Cfa, None)] {
            let place = Place { side, after };
            assert_eq!(place.to_string().parse(), Ok(place));
        }
        assert!("autre/".parse::<Place>().is_err());
    }

    #[test]
    fn a_page_that_is_not_full_is_the_last() {
        let id = DossierId::new("2026-09-01T00:00:00Z".parse().unwrap());
        assert!(following(Cote::Opco, Some(id), 2, 2).is_some());
        assert!(following(Cote::Opco, Some(id), 1, 2).is_none());
        assert!(following(Cote::Opco, None, 0, 2).is_none());
    }
}
