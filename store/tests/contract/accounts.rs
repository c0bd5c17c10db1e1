//! What the money of dossiers hangs on, read at once.

use domain::echeancier::EtatFacture;
use domain::id::{ContractId, DossierId, SnapshotId, TenantId};
use domain::{
    DeliveryId, Environment, HoldReason, Kind, Opco, Receipt, Secret, Status, WaitReason,
};
use store::accounts::{self, Account, Moved, Whose};
use store::invoices::{self, NewInvoice};
use store::retention::{self, Cutoffs};
use store::{
    Dossier, NewDelivery, NewDossier, NewEvent, Standing, deliveries, dossiers, events, schedules,
};

use crate::harness::{Database, at, contract, now, on_both, site};

/// A dossier of a new contract, under a number.
async fn dossier(db: &Database, tenant: TenantId, numero: &str) -> Dossier {
    let keys = db.store.keys(tenant).await.unwrap();
    let new = contract(&keys, now());
    let id = new.id;
    db.store.accept(&[new]).await.unwrap();
    let mut tx = db.store.writing().await.unwrap();
    let delivery = deliveries::find(&mut tx, tenant, id)
        .await
        .unwrap()
        .unwrap();
    let opened = NewDossier {
        id: DossierId::new(now()),
        pairing: None,
        receipt: Receipt {
            numero_interne: Some(numero.to_owned()),
            ..Receipt::default()
        },
    };
    dossiers::open(&mut tx, &delivery, &opened, now())
        .await
        .unwrap();
    let found = dossiers::find_by_delivery(&mut tx, &delivery).await;
    tx.commit().await.unwrap();
    found.unwrap().unwrap()
}

/// Hands in an invoice that bills contracts.
async fn bill(db: &Database, tenant: TenantId, numero: &str, of: &[ContractId]) -> DeliveryId {
    let keys = db.store.keys(tenant).await.unwrap();
    let new = NewDelivery {
        kind: Kind::Facture,
        invoice: Some(NewInvoice {
            siret_emetteur: site(),
            numero: numero.to_owned(),
            contracts: of.to_vec(),
        }),
        ..contract(&keys, at(60))
    };
    let id = new.id;
    db.store.accept(&[new]).await.unwrap();
    id
}

/// Keeps a reading of a schedule.
async fn read(db: &Database, dossier: &Dossier, seconds: i64) -> SnapshotId {
    let keys = db.store.keys(dossier.tenant).await.unwrap();
    let id = SnapshotId::new(at(seconds));
    let sealed = keys.seal_secret(id.as_bytes(), schedules::PART, &Secret::new("{}"));
    let mut tx = db.store.writing().await.unwrap();
    schedules::hurry(&mut tx, dossier, at(seconds))
        .await
        .unwrap();
    let kept = (id, &sealed.unwrap());
    schedules::keep(&mut tx, dossier.tenant, dossier.id, kept, at(seconds))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    id
}

async fn account(db: &Database, dossier: &Dossier) -> Account {
    let mut tx = db.store.reading().await.unwrap();
    let range = (dossier.id, dossier.id);
    let found = accounts::between(&mut tx, dossier.tenant, range).await;
    found.unwrap().remove(&dossier.id).unwrap_or_default()
}

on_both! {
    async fn each_dossier_has_its_own_readings_invoices_and_contract(db) {
        let tenant = db.network().await;
        let one = dossier(db, tenant, "I1").await;
        let other = dossier(db, tenant, "I2").await;
        let first = read(db, &one, 1).await;
        let second = read(db, &one, 2).await;
        let shared = bill(db, tenant, "F1", &[one.contract(), other.contract()]).await;
        let own = bill(db, tenant, "F2", &[one.contract()]).await;
        let stranger = db.network().await;
        let theirs = dossier(db, stranger, "I1").await;
        bill(db, stranger, "F1", &[theirs.contract()]).await;

        let mut tx = db.store.writing().await.unwrap();
        let told = invoices::Told { etat: Some(EtatFacture::Regle), ..invoices::Told::default() };
        invoices::tell(&mut tx, tenant, own, &told, at(70)).await.unwrap();
        tx.commit().await.unwrap();

        let found = account(db, &one).await;
        let readings: Vec<_> = found.readings.iter().map(|r| (r.id, r.current)).collect();
        assert_eq!(readings, [(first, false), (second, true)]);
        let bills: Vec<_> = found.invoices.iter().map(|b| (b.delivery, b.etat)).collect();
        assert_eq!(bills, [(shared, None), (own, Some(EtatFacture::Regle))]);
        assert!(found.contract && found.invoices.iter().all(|bill| bill.there));
        assert_eq!(found.invoices[0].status, Status::Queued);

        let found = account(db, &other).await;
        assert!(found.readings.is_empty());
        assert_eq!(found.invoices.iter().map(|b| b.delivery).collect::<Vec<_>>(), [shared]);
    }

    async fn what_was_shredded_is_told_to_be_gone(db) {
        let tenant = db.network().await;
        let one = dossier(db, tenant, "I1").await;
        read(db, &one, 1).await;
        let invoice = bill(db, tenant, "F1", &[one.contract()]).await;
        assert!(account(db, &one).await.contract);

        let mut tx = db.store.writing().await.unwrap();
        retention::shred_payload(&mut tx, tenant, one.delivery.unwrap()).await.unwrap();
        retention::shred_payload(&mut tx, tenant, invoice).await.unwrap();
        tx.commit().await.unwrap();

        let found = account(db, &one).await;
        assert!(!found.contract);
        assert!(found.readings.is_empty());
        assert_eq!(found.invoices.iter().map(|bill| bill.there).collect::<Vec<_>>(), [false]);
    }

    async fn the_log_tells_whose_money_may_have_moved(db) {
        let tenant = db.network().await;
        let stranger = db.network().await;
        let one = dossier(db, tenant, "I1").await;
        let other = dossier(db, tenant, "I2").await;
        let third = dossier(db, tenant, "I3").await;
        dossier(db, stranger, "I1").await;
        let since = async |position, most| {
            let mut tx = db.store.reading().await.unwrap();
            let (head, moved) = accounts::since(&mut tx, tenant, position, most).await.unwrap();
            let moved = match moved {
                Moved::These(mut ids) => {
                    ids.sort();
                    Moved::These(ids)
                }
                Moved::Any => Moved::Any,
            };
            (head, moved)
        };
        let tell = async |tenant, event: NewEvent| {
            let mut tx = db.store.writing().await.unwrap();
            events::append(&mut tx, tenant, &[event]);
            tx.commit().await.unwrap();
        };
        let (head, all) = since(0, 3).await;
        assert_eq!(all, Moved::These(vec![one.id, other.id, third.id]), "by what was handed in");
        assert_eq!(since(0, 2).await, (head, Moved::Any), "of more, any");
        assert_eq!(since(head, 3).await, (head, Moved::These(vec![])));
        assert_eq!(since(head + 1, 3).await, (head, Moved::Any), "the log was put back");

        // An invoice is about each of its contracts, by what brought it or by its own name.
        bill(db, tenant, "F1", &[one.contract(), third.id.into()]).await;
        let (head, billed) = since(head, 3).await;
        assert_eq!(billed, Moved::These(vec![one.id, third.id]));

        let mut event = NewEvent::new(at(80), "dossier.etat_changed");
        event.dossier = Some(other.id);
        tell(tenant, event).await;
        tell(tenant, NewEvent::new(at(81), "dossier.opened")).await;
        tell(stranger, NewEvent::new(at(82), "retention.purged")).await;
        let (head, told) = since(head, 3).await;
        assert_eq!(told, Moved::These(vec![other.id]));

        let cutoffs = Cutoffs { attempts: Some(at(90)), ..Cutoffs::default() };
        assert!(db.store.purge(tenant, &cutoffs, (10, at(90))).await.unwrap().is_empty());
        assert_eq!(since(head, 3).await, (head, Moved::These(vec![])));
        tell(tenant, NewEvent::new(at(91), "retention.purged")).await;
        assert_eq!(since(head, 3).await, (head + 1, Moved::Any), "it may be of any");
    }

    async fn the_invoices_that_no_opco_has_are_listed_and_no_others(db) {
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let stuck = async |opco| {
            let mut tx = db.store.reading().await.unwrap();
            let sites = [site()];
            let whose = Whose { tenant, environment: Environment::Live, opco, sites: Some(&sites) };
            let found = accounts::stuck(&mut tx, whose, 10).await.unwrap();
            found.into_iter().map(|one| (one.delivery, one.there)).collect::<Vec<_>>()
        };
        let here = [
            Standing::waiting(WaitReason::OpeningDate, at(60)),
            Standing::waiting(WaitReason::RouteLookup, at(60)),
            Standing::behind(),
            Standing::unknown(at(5)),
            Standing::held(HoldReason::NoKey),
            Standing::ended(Status::Dead),
        ];
        let gone = [
            Standing::queued(now()),
            Standing::ended(Status::Rejected),
            Standing::ended(Status::Delivered),
            Standing::ended(Status::Cancelled),
        ];
        let standings = here.iter().chain(&gone);
        let mut group: Vec<NewDelivery> = standings
            .map(|standing| NewDelivery { kind: Kind::Facture, standing: *standing, ..contract(&keys, now()) })
            .collect();
        group[1].opco = None;
        group[5].opco = Some(Opco::Akto);
        let mut elsewhere = NewDelivery { kind: Kind::Facture, standing: here[4], ..contract(&keys, now()) };
        elsewhere.environment = Environment::Test;
        group.extend([NewDelivery { standing: here[4], ..contract(&keys, now()) }, elsewhere]);
        db.store.accept(&group).await.unwrap();
        let stranger = db.network().await;
        let theirs = db.store.keys(stranger).await.unwrap();
        let alien = NewDelivery { kind: Kind::Facture, standing: here[4], ..contract(&theirs, now()) };
        db.store.accept(&[alien]).await.unwrap();

        let newest_first = |of: &[usize]| of.iter().rev().map(|n| (group[*n].id, true)).collect::<Vec<_>>();
        assert_eq!(stuck(None).await, newest_first(&[0, 1, 2, 3, 4, 5]));
        assert_eq!(stuck(Some(Opco::Akto)).await, newest_first(&[5]));
        let mut tx = db.store.writing().await.unwrap();
        retention::shred_payload(&mut tx, tenant, group[5].id).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(stuck(Some(Opco::Akto)).await, [(group[5].id, false)]);
    }
}
