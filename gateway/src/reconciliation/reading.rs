//! What one dossier's money comes to: its papers read and opened, and reconciled to the cent.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use domain::calendar::day_in_france;
use domain::echeancier::Echeancier;
use domain::id::{DossierId, TenantId};
use domain::reconciliation::{self, FactureSuivie, Line};
use domain::{Capability, Siret};
use jiff::civil::Date;
use store::accounts::{self, Account};
use store::dossiers::{self, Filter};
use store::{Dossier, StoreError, Tx};

use super::papers::{self, Shelf};
use crate::app::App;
use crate::system::{self, System};
use crate::view::Network;
use crate::{money, plan};

/// Dossiers taken from the store at once.
const PAGE: u32 = 500;

/// A dossier, and what its money came to when it was read.
#[derive(Debug)]
pub(super) struct Counted {
    /// The dossier. What lists only confirm of it may be older than the store's.
    pub(super) dossier: Arc<Dossier>,
    /// Whether its OPCO paid the first échéance by itself then.
    pub(super) auto_echeance_1: bool,
    /// Its money; nothing when no schedule of it was read.
    pub(super) found: Option<Found>,
}

/// A dossier's money, and the labels of its échéances.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) echeancier: Arc<Echeancier>,
    pub(super) lines: Vec<Arc<Line>>,
}

impl Counted {
    /// Returns whether the OPCO committed itself, and no schedule was read yet.
    pub(super) fn is_unread(&self) -> bool {
        self.found.is_none() && self.dossier.etat == Some(domain::Etat::Engage)
    }
}

/// Dossiers that follow each other, and what their money hangs on.
pub(super) struct Batch {
    page: Vec<Dossier>,
    accounts: HashMap<DossierId, Account>,
    /// From where to go on.
    last: DossierId,
}

/// Reads the next dossiers, the newest first.
async fn batch(app: &App, tenant: TenantId, filter: &Filter) -> Result<Option<Batch>, StoreError> {
    let mut tx = app.store.reading().await?;
    let page = dossiers::list(&mut tx, tenant, filter, PAGE).await?;
    // The newest comes first.
    let (Some(first), Some(last)) = (page.first(), page.last()) else {
        return Ok(None);
    };
    let last = last.id;
    let accounts = accounts::between(&mut tx, tenant, (last, first.id)).await?;
    Ok(Some(Batch {
        page,
        accounts,
        last,
    }))
}

/// Reads some dossiers by their names. One that is not there is not told of.
pub(super) async fn those(
    app: &App,
    tenant: TenantId,
    ids: &[DossierId],
) -> Result<Option<Batch>, StoreError> {
    let Some(last) = ids.last().copied() else {
        return Ok(None);
    };
    let mut tx = app.store.reading().await?;
    let mut page = Vec::with_capacity(ids.len());
    for id in ids {
        page.extend(dossiers::find(&mut tx, tenant, *id).await?);
    }
    let accounts = accounts::of(&mut tx, tenant, ids).await?;
    Ok(Some(Batch {
        page,
        accounts,
        last,
    }))
}

/// Reads and reconciles every dossier that a filter lets through, the newest first, some at a time.
pub(super) async fn each<E: From<StoreError>>(
    counting: &Counting<'_>,
    mut filter: Filter,
    mut tell: impl FnMut(Vec<Counted>) -> Result<(), E>,
) -> Result<(), E> {
    let mut next = batch(counting.app, counting.tenant, &filter).await?;
    while let Some(one) = next {
        filter.after = Some(one.last);
        // The store reads the next ones while these are counted.
        let following = batch(counting.app, counting.tenant, &filter);
        let (read, counted) = futures_util::try_join!(following, counting.all(one))?;
        next = read;
        tell(counted)?;
    }
    Ok(())
}

/// What every dossier of a network is counted with.
pub(super) struct Counting<'a> {
    pub(super) app: &'a App,
    pub(super) tenant: TenantId,
    network: &'a Network,
    pub(super) shelf: &'a Shelf,
    pub(super) today: Date,
}

impl<'a> Counting<'a> {
    pub(super) fn new(
        app: &'a App,
        tenant: TenantId,
        network: &'a Network,
        shelf: &'a Shelf,
    ) -> Self {
        Self {
            app,
            tenant,
            network,
            shelf,
            today: day_in_france(app.clock.now()),
        }
    }

    /// Reconciles the dossiers of a batch.
    pub(super) async fn all(&self, batch: Batch) -> Result<Vec<Counted>, StoreError> {
        let places = batch.page.iter().map(place).collect();
        let automatic = self.automatic(places).await?;
        let nothing = Account::default();
        let mut tx = self.app.store.reading().await?;
        let mut all = Vec::with_capacity(batch.page.len());
        for dossier in batch.page {
            let account = batch.accounts.get(&dossier.id).unwrap_or(&nothing);
            let auto_echeance_1 = automatic.get(&place(&dossier)).copied().unwrap_or_default();
            let found = self
                .one(&mut tx, &dossier, account, auto_echeance_1)
                .await?;
            all.push(Counted {
                dossier: Arc::new(dossier),
                auto_echeance_1,
                found,
            });
        }
        Ok(all)
    }

    /// Returns of each site and system whether the first échéance is paid without an invoice, as it is
    /// decided now.
    pub(super) async fn automatic(
        &self,
        places: BTreeSet<(Siret, System)>,
    ) -> Result<BTreeMap<(Siret, System), bool>, StoreError> {
        let mut all = BTreeMap::new();
        for (site, system) in places {
            let view = self.app.views.of(self.app, self.tenant, site).await?;
            let may = plan::may(self.app, &view, system, Capability::AutoEcheance1);
            all.insert((site, system), may);
        }
        Ok(all)
    }

    /// Reconciles one dossier; nothing when no schedule of it was read.
    async fn one(
        &self,
        tx: &mut Tx,
        dossier: &Dossier,
        account: &Account,
        auto_echeance_1: bool,
    ) -> Result<Option<Found>, StoreError> {
        let Some(current) = account.readings.iter().find(|reading| reading.current) else {
            return Ok(None);
        };
        let keys = &self.network.keys;
        let Some(echeancier) = self.shelf.schedule(tx, keys, dossier, current.id).await? else {
            return Ok(None);
        };
        let mut factures = Vec::with_capacity(account.invoices.len());
        for bill in &account.invoices {
            factures.push(self.facture(tx, dossier, account, bill).await?);
        }
        let lost_after = match (left_cents(&echeancier), dossier.delivery) {
            // Nothing is left to lose: the contract stays closed.
            (0, _) => None,
            (_, Some(delivery)) if account.contract => {
                self.shelf.limit(tx, keys, dossier.tenant, delivery).await?
            }
            // Of one filed elsewhere, the contract is not here.
            (_, delivery) => {
                delivery.inspect(|gone| self.shelf.forget(*gone));
                None
            }
        };
        let lines = reconciliation::reconcile(&reconciliation::Account {
            echeancier: &echeancier,
            factures: &factures,
            auto_echeance_1,
            lost_after,
            today: self.today,
        })
        .lines;
        let lines = lines.into_iter().map(Arc::new).collect();
        Ok(Some(Found { echeancier, lines }))
    }

    /// Returns an invoice as far as it bills a dossier; without lines once it is shredded.
    async fn facture(
        &self,
        tx: &mut Tx,
        dossier: &Dossier,
        account: &Account,
        bill: &accounts::Bill,
    ) -> Result<FactureSuivie, StoreError> {
        let mut facture = FactureSuivie {
            numero: bill.numero.clone(),
            etat: money::standing(bill.status, bill.etat),
            lignes: Vec::new(),
        };
        if !bill.there {
            self.shelf.forget(bill.delivery);
            return Ok(facture);
        }
        let keys = &self.network.keys;
        let opened = self.shelf.bill(tx, keys, dossier.tenant, bill.delivery);
        let Some(lines) = opened.await? else {
            return Ok(facture);
        };
        facture.lignes = papers::of_dossier(&lines, dossier.numero_externe.as_deref());
        if account.readings.len() < 2 {
            return Ok(facture);
        }
        // What its échéance was worth when it was handed in, where the schedule has changed since.
        let before = |reading: &&accounts::Reading| reading.first_seen_at <= bill.created_at;
        let Some(then) = account.readings.iter().rfind(before) else {
            return Ok(facture);
        };
        if let Some(then) = self.shelf.schedule(tx, keys, dossier, then.id).await? {
            for ligne in &mut facture.lignes {
                let line = then.find(ligne.numero_echeance);
                ligne.scheduled_cents = line.map(domain::echeancier::Echeance::total_cents);
            }
        }
        Ok(facture)
    }
}

/// Returns where a dossier is: of what is decided, all its fellows there share.
pub(super) fn place(dossier: &Dossier) -> (Siret, System) {
    (dossier.siret_cfa, system::of_dossier(dossier))
}

fn left_cents(echeancier: &Echeancier) -> i64 {
    let left = echeancier
        .echeances
        .iter()
        .map(|line| line.left_cents().max(0));
    left.fold(0, i64::saturating_add)
}
