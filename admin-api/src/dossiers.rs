//! Dossiers as a viewer may see them; pages and the admin API read the same.

use domain::id::DossierId;
use domain::person::Right;
use domain::{Environment, Etat, Opco, Siret, Timestamp};
use serde::{Deserialize, Serialize};
use store::dossiers::{self, Filter, HistoryEntry};
use store::{Delivery, Dossier, deliveries, invoices, read_jobs};

use crate::books::Books;
use crate::desk::Desk;
use crate::filter::word;
use crate::refusal::{Code, Refusal};
use crate::viewer::Viewer;

/// The filters, as an address holds them. A field left empty does not restrict.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Asked {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) world: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) etat: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) opco: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) site: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) numero: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) after: String,
}

/// A page of dossiers, the newest first.
#[derive(Debug)]
pub(crate) struct Found {
    /// The world they are of.
    pub(crate) world: Environment,
    /// The dossiers.
    pub(crate) dossiers: Vec<Dossier>,
    /// After which the next page starts; nothing on the last.
    pub(crate) next: Option<DossierId>,
}

/// One dossier and what belongs to it.
#[derive(Debug)]
pub(crate) struct Shown {
    /// The dossier.
    pub(crate) dossier: Dossier,
    /// When its OPCO is asked for its state next; nothing when no reading is planned.
    pub(crate) next_read_at: Option<Timestamp>,
    /// Every state seen, the oldest first.
    pub(crate) history: Vec<HistoryEntry>,
    /// The contract and what followed it, in order.
    pub(crate) deliveries: Vec<Delivery>,
    /// Its money, for who may see that.
    pub(crate) books: Option<Books>,
}

/// Lists the dossiers a viewer may see.
pub(crate) async fn list(
    desk: &Desk,
    viewer: &Viewer,
    asked: &Asked,
    limit: u32,
) -> Result<Found, Refusal> {
    let reach = viewer.require(Right::ReadDeliveries)?;
    let world = viewer.world(word(&asked.world, "/world")?);
    let site: Option<Siret> = word(&asked.site, "/site")?;
    let opco: Option<Opco> = word(&asked.opco, "/opco")?;
    let etat: Option<Etat> = word(&asked.etat, "/etat")?;
    let numero = asked.numero.trim();
    let filter = Filter {
        environment: Some(world),
        opco,
        etat,
        sites: reach.filter_with(site),
        numero: (!numero.is_empty()).then(|| numero.to_owned()),
        after: word(&asked.after, "/after")?,
    };
    let mut tx = desk.store.reading().await?;
    let dossiers = dossiers::list(&mut tx, viewer.tenant(), &filter, limit).await?;
    let full = u32::try_from(dossiers.len()).unwrap_or(limit) >= limit;
    Ok(Found {
        world,
        next: dossiers.last().filter(|_| full).map(|last| last.id),
        dossiers,
    })
}

/// Opens one dossier; nothing for who may not see its site.
pub(crate) async fn open(desk: &Desk, viewer: &Viewer, id: DossierId) -> Result<Shown, Refusal> {
    let reach = viewer.require(Right::ReadDeliveries)?;
    let tenant = viewer.tenant();
    let mut tx = desk.store.reading().await?;
    let dossier = dossiers::find(&mut tx, tenant, id).await?;
    let dossier = dossier.filter(|dossier| reach.covers(&dossier.siret_cfa));
    let dossier = dossier.ok_or(Code::NotFound)?;
    let history = dossiers::history(&mut tx, tenant, id).await?;
    let next = read_jobs::next(&mut tx, &dossier).await?;
    let contract = match dossier.delivery {
        Some(delivery) => deliveries::find(&mut tx, tenant, delivery).await?,
        None => None,
    };
    let mut belong = Vec::new();
    if let Some(contract) = contract {
        belong = deliveries::follow_ups(&mut tx, tenant, contract.lane).await?;
        belong.push(contract);
    }
    // Invoices wait in lanes of their own, and one may bill several contracts.
    for invoice in invoices::of_contract(&mut tx, tenant, dossier.contract()).await? {
        belong.extend(deliveries::find(&mut tx, tenant, invoice.delivery).await?);
    }
    drop(tx);
    belong.retain(|delivery| reach.covers(&delivery.siret_cfa));
    belong.sort_by_key(|delivery| delivery.id);
    belong.dedup_by_key(|delivery| delivery.id);
    let money = viewer.reach(Right::ReadMoney);
    let books = match money.filter(|money| money.covers(&dossier.siret_cfa)) {
        Some(_) => Some(desk.works.books(&dossier, &viewer.actor()).await?),
        None => None,
    };
    Ok(Shown {
        next_read_at: next.map(|due| due.max(desk.clock.now())),
        dossier,
        history,
        deliveries: belong,
        books,
    })
}
