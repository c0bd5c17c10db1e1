//! All that is held about one person, gathered from what each contract leads to. What is opened of it is
//! compared and shown to nobody.

use std::collections::{BTreeMap, BTreeSet};

use admin_api::privacy::{
    Fate, HeldDossier, HeldStranger, Holdings, NotShown, Piece, Subject, Why,
};
use domain::calendar::day_in_france;
use domain::id::{ContractId, DeliveryId, DossierId, TenantId};
use domain::{Kind, Status, Timestamp};
use jiff::civil::{Date, date};
use store::privacy::{self, Identity, MAX_CONTRACTS};
use store::strangers::Stranger;
use store::{Delivery, Dossier, StoreError, TenantKey, Tx, attempts, deliveries, dossiers, events};
use store::{files, invoices, schedules, strangers};

use super::exact::{self, Candidate};
use crate::app::App;

/// How many strangers of one person are shown.
const STRANGERS_MAX: u32 = 100;
/// For how many years pieces of accounts are kept, from the end of the one they are of (code de commerce,
/// art. L123-22).
const ACCOUNTS_YEARS: i16 = 10;

/// Gathers what is held.
pub(crate) async fn of(
    app: &App,
    tenant: TenantId,
    subject: Subject,
) -> Result<Holdings, NotShown> {
    let keys = app.store.keys(tenant).await?;
    let mut tx = app.store.writing().await?;
    let held = gather(&mut tx, &keys, subject, app.clock.now()).await?;
    tx.commit().await?;
    Ok(held)
}

/// The same, in a transaction: what is opened to compare it is on record with its end.
pub(super) async fn gather(
    tx: &mut Tx,
    keys: &TenantKey,
    subject: Subject,
    now: Timestamp,
) -> Result<Holdings, NotShown> {
    let tenant = keys.tenant();
    let contracts = privacy::contracts(tx, tenant, subject).await?;
    if contracts.len() > MAX_CONTRACTS {
        return Err(NotShown::TooMany);
    }
    let mut gathered = Gathered {
        today: day_in_france(now),
        pieces: BTreeMap::new(),
        dossiers: BTreeMap::new(),
    };
    let mut candidates = Vec::with_capacity(contracts.len());
    for (id, marks) in contracts {
        candidates.push(Candidate {
            id,
            nir: marks.nir,
            identity: exact::of_contract(tx, keys, (id, marks), now).await?,
        });
    }
    let sorted = exact::sort(subject, &candidates);
    let mut alike = sorted.alike;
    for id in sorted.own {
        let Some(contract) = deliveries::find(tx, tenant, id).await? else {
            continue;
        };
        let group = of_contract(tx, keys, contract).await?;
        gathered.add(tx, keys, group).await?;
    }
    let mut people = sorted.identities.clone();
    if let Subject::Person(identity) = subject {
        people.insert(identity);
    }
    let mut held = strangers_of(tx, keys, &people, &mut alike).await?;
    if let Subject::Dossier(id) = subject {
        held.extend(strangers::find(tx, tenant, id).await?);
    }
    // An adopted stranger is a dossier of its own, which no delivery brought.
    let mut adopted: Vec<DossierId> = held.iter().filter_map(|one| one.adopted_as).collect();
    if let Subject::Dossier(id) = subject {
        adopted.push(id);
    }
    for id in adopted {
        if let Some(dossier) = dossiers::find(tx, tenant, id).await? {
            let group = of_dossier(tx, keys, dossier).await?;
            gathered.add(tx, keys, group).await?;
        }
    }
    gathered.share(tx, tenant).await?;
    let choices = sorted.identities.into_iter();
    let choices = choices.filter(|identity| identity.nir.is_some());
    let strangers = held.into_iter().map(|stranger| {
        let told = stranger.sealed.is_some() || stranger.prints != strangers::Prints::default();
        let fate = if told { Fate::Goes } else { Fate::Gone };
        HeldStranger { stranger, fate }
    });
    Ok(Holdings {
        subject,
        strangers: strangers.collect(),
        pieces: gathered.pieces.into_values().collect(),
        dossiers: gathered.dossiers.into_values().collect(),
        choices: choices.map(Subject::Person).collect(),
        alike: alike.into_iter().collect(),
    })
}

/// Returns the strangers that are about these people; whoever only resembles them is noted apart.
async fn strangers_of(
    tx: &mut Tx,
    keys: &TenantKey,
    people: &BTreeSet<Identity>,
    alike: &mut BTreeSet<Subject>,
) -> Result<Vec<Stranger>, StoreError> {
    let nears: BTreeSet<_> = people.iter().map(|one| one.near).collect();
    let mut held = Vec::new();
    for near in nears {
        for stranger in strangers::of_person(tx, keys.tenant(), near, STRANGERS_MAX).await? {
            let identity = exact::of_stranger(keys, &stranger);
            if identity.is_some_and(|found| people.iter().any(|one| one.is(&found))) {
                held.push(stranger);
            } else {
                let other = identity.map(Subject::Person);
                alike.insert(other.unwrap_or(Subject::Dossier(stranger.id)));
            }
        }
    }
    Ok(held)
}

/// What hangs together: a contract, what follows it, what the OPCO knows of it.
struct Group {
    deliveries: BTreeMap<DeliveryId, Delivery>,
    dossiers: Vec<Dossier>,
}

struct Gathered {
    today: Date,
    pieces: BTreeMap<DeliveryId, Piece>,
    dossiers: BTreeMap<DossierId, HeldDossier>,
}

async fn of_contract(
    tx: &mut Tx,
    keys: &TenantKey,
    contract: Delivery,
) -> Result<Group, StoreError> {
    let tenant = contract.tenant;
    let mut group = Group {
        dossiers: dossiers::opened_by(tx, tenant, contract.id).await?,
        deliveries: BTreeMap::new(),
    };
    if group.dossiers.is_empty() {
        let led_to = dossiers::find_by_delivery(tx, &contract).await?;
        // Another delivery's dossier under the same number is that one's.
        group
            .dossiers
            .extend(led_to.filter(|dossier| dossier.delivery.is_none()));
    }
    for follow_up in deliveries::follow_ups(tx, tenant, contract.lane).await? {
        group.deliveries.insert(follow_up.id, follow_up);
    }
    for piece in invoices::about(tx, tenant, contract.id.into()).await? {
        group.take(tx, tenant, piece).await?;
    }
    group.deliveries.insert(contract.id, contract);
    group.by_dossiers(tx, keys).await?;
    Ok(group)
}

async fn of_dossier(tx: &mut Tx, keys: &TenantKey, dossier: Dossier) -> Result<Group, StoreError> {
    let mut group = Group {
        deliveries: BTreeMap::new(),
        dossiers: vec![dossier],
    };
    group.by_dossiers(tx, keys).await?;
    Ok(group)
}

impl Group {
    async fn take(
        &mut self,
        tx: &mut Tx,
        tenant: TenantId,
        id: DeliveryId,
    ) -> Result<(), StoreError> {
        if !self.deliveries.contains_key(&id)
            && let Some(found) = deliveries::find(tx, tenant, id).await?
        {
            self.deliveries.insert(id, found);
        }
        Ok(())
    }

    /// Adds what names its contract by a number of its dossier: what follows one filed elsewhere stands in
    /// the line of that number.
    async fn by_dossiers(&mut self, tx: &mut Tx, keys: &TenantKey) -> Result<(), StoreError> {
        let tenant = keys.tenant();
        for dossier in self.dossiers.clone() {
            for piece in invoices::about(tx, tenant, dossier.contract()).await? {
                self.take(tx, tenant, piece).await?;
            }
            let numeros = [
                &dossier.numero_interne,
                &dossier.numero_externe,
                &dossier.numero_deca,
            ];
            for numero in numeros.into_iter().flatten() {
                let lane = format!("{}|{numero}", dossier.instance.opco.slug());
                let lane = keys.fingerprint("lane", &lane);
                for follow_up in deliveries::follow_ups(tx, tenant, lane).await? {
                    self.deliveries.entry(follow_up.id).or_insert(follow_up);
                }
            }
        }
        Ok(())
    }

    /// Returns why nothing of it may go yet.
    fn kept(&self) -> Option<Why> {
        let mut all = self.deliveries.values();
        if all.any(|one| !one.standing.status.is_final()) {
            return Some(Why::UnderWay);
        }
        let ended = |dossier: &Dossier| dossier.etat.is_some_and(domain::Etat::is_final);
        (!self.dossiers.iter().all(ended)).then_some(Why::Open)
    }
}

impl Gathered {
    /// Keeps what is about others too until the last of them goes.
    async fn share(&mut self, tx: &mut Tx, tenant: TenantId) -> Result<(), StoreError> {
        let deliveries = self.pieces.keys().copied().map(ContractId::from);
        let dossiers = self.dossiers.values().map(|held| held.dossier.contract());
        let own: BTreeSet<ContractId> = deliveries.chain(dossiers).collect();
        let going = self.pieces.values_mut();
        for piece in going.filter(|piece| piece.fate == Fate::Goes) {
            let id = piece.delivery.id;
            let mut others = invoices::contracts(tx, tenant, id).await?;
            others.retain(|contract| !own.contains(contract));
            if !others.is_empty() {
                // Each of two who are erased at the same moment would leave it to the other.
                deliveries::find_for_update(tx, tenant, id).await?;
            }
            for contract in others {
                if privacy::is_held(tx, tenant, contract).await? {
                    piece.fate = Fate::Stays(Why::Shared);
                    break;
                }
            }
        }
        Ok(())
    }

    async fn add(&mut self, tx: &mut Tx, keys: &TenantKey, group: Group) -> Result<(), StoreError> {
        let tenant = keys.tenant();
        let kept = group.kept();
        for delivery in group.deliveries.into_values() {
            if let Some(known) = self.pieces.get_mut(&delivery.id) {
                // Of two contracts, and one of them may not go yet: it stays with that one.
                known.fate = kept.map_or(known.fate, |why| known.fate.max(Fate::Stays(why)));
                continue;
            }
            let sealed = privacy::is_sealed(tx, tenant, delivery.id).await?;
            let fate = match (kept, accounts(&delivery)) {
                _ if is_erased(keys, &delivery, sealed) => Fate::Gone,
                (Some(why), _) => Fate::Stays(why),
                (None, Some(until)) if self.today <= until => Fate::Stays(Why::Accounts(until)),
                (None, _) => Fate::Goes,
            };
            let found = files::of_delivery(tx, tenant, delivery.id).await?;
            let piece = Piece {
                sealed,
                files: found
                    .into_iter()
                    .filter(|file| file.sealed.is_some())
                    .collect(),
                calls: attempts::of_delivery(tx, tenant, delivery.id).await?.len(),
                events: events::of_delivery(tx, tenant, delivery.id).await?.len(),
                fate,
                delivery,
            };
            self.pieces.insert(piece.delivery.id, piece);
        }
        for dossier in group.dossiers {
            let readings = schedules::snapshots(tx, tenant, dossier.id).await?;
            let readings = readings.iter().filter(|one| one.sealed.is_some()).count();
            let paired = privacy::is_paired(tx, tenant, dossier.id).await?;
            // One of which nothing was read yet would be read one day.
            let erased = privacy::is_erased(tx, tenant, dossier.id).await?;
            let fate = match kept {
                Some(why) => Fate::Stays(why),
                None if readings == 0 && !paired && erased => Fate::Gone,
                None => Fate::Goes,
            };
            let held = HeldDossier {
                readings,
                fate,
                dossier,
            };
            self.dossiers.insert(held.dossier.id, held);
        }
        Ok(())
    }
}

/// Returns whether nothing of a delivery leads to a person any more: an erased one stands in a line that
/// only its own name makes.
pub(super) fn is_erased(keys: &TenantKey, delivery: &Delivery, sealed: Option<bool>) -> bool {
    sealed.is_none() && delivery.lane == super::erase::lane(keys, delivery.id)
}

/// Returns until when a piece of accounts is kept: an invoice, or the certificate that justifies one.
fn accounts(delivery: &Delivery) -> Option<Date> {
    let is_account = match delivery.kind {
        Kind::Facture => delivery.standing.status != Status::Cancelled,
        Kind::Certificat => delivery.standing.status == Status::Delivered,
        _ => false,
    };
    let year = day_in_france(delivery.created_at).year();
    is_account.then(|| date(year.saturating_add(ACCOUNTS_YEARS).min(9999), 12, 31))
}
