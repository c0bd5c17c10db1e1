//! An erasure that is cut off anywhere has not begun; asked again, it ends.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use domain::id::{DeliveryId, DossierId, SnapshotId, TenantId};
use domain::{Environment, Kind, Opco, Receipt, Secret};
use store::invoices::{self, NewInvoice, Told};
use store::privacy::{self, Subject};
use store::refusals::{self, About, Said};
use store::{
    Dossier, NewDelivery, NewDossier, NewEvent, Store, StoreError, TenantKey, deliveries, dossiers,
    events, schedules,
};

use crate::harness::{Database, at, now, on_both, paired};

/// More turns than any erasure of these tests takes.
const TURNS_MAX: usize = 10_000;

/// What is left of a person.
#[derive(Debug, PartialEq, Eq)]
enum Left {
    Whole,
    Nothing,
}

/// Lets something go on for so many turns and then drops it where it stands, as a kill would.
async fn cut_off<T>(turns: usize, going: impl Future<Output = T>) -> Option<T> {
    let mut going = pin!(going);
    let mut left = turns;
    poll_fn(|context| match going.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}

fn contracts(keys: &TenantKey, nir: &str) -> [NewDelivery; 2] {
    let name = Some(keys.fingerprint("name", "durand"));
    let nir = Some(keys.fingerprint("nir", nir));
    let of = |seconds, pairing| NewDelivery {
        match_keys: [nir, None, name],
        ..paired(keys, at(seconds), pairing)
    };
    [of(1, "first"), of(2, "second")]
}

/// Erases a person as the gateway does, in one transaction, and stops after so many steps. Returns how
/// many contracts went, once the last step was taken.
async fn erase(
    store: &Store,
    keys: &TenantKey,
    subject: Subject,
    stop: usize,
) -> Result<Option<usize>, StoreError> {
    let tenant = keys.tenant();
    let mut steps = 0..stop;
    let mut tx = store.writing().await?;
    let found = privacy::contracts(&mut tx, tenant, subject).await?;
    for (id, _) in &found {
        if steps.next().is_none() {
            return Ok(None);
        }
        let lane = keys.fingerprint("lane", &id.to_string());
        privacy::erase_delivery(&mut tx, tenant, *id, lane).await?;
        if steps.next().is_none() {
            return Ok(None);
        }
        privacy::detach_delivery(&mut tx, tenant, *id, None).await?;
        if steps.next().is_none() {
            return Ok(None);
        }
        let told = NewEvent::new(at(9), "privacy.erased").delivery(*id);
        events::append(&mut tx, tenant, &[told]);
    }
    if steps.next().is_none() {
        return Ok(None);
    }
    tx.commit().await?;
    Ok(Some(found.len()))
}

/// Looks at everything that leads to the person, and at what the log says of it.
async fn left(db: &Database, tenant: TenantId, ids: &[DeliveryId], subject: Subject) -> Left {
    let mut tx = db.store.writing().await.unwrap();
    for id in ids {
        // A commit that was cut off may still be under way: it has the rows until it ends.
        let found = store::deliveries::find_for_update(&mut tx, tenant, *id).await;
        assert!(found.unwrap().is_some());
    }
    let mut marks = Vec::new();
    for id in ids {
        let sealed = privacy::is_sealed(&mut tx, tenant, *id).await.unwrap();
        marks.push(sealed.is_some());
        let payload = store::deliveries::payload(&mut tx, tenant, *id)
            .await
            .unwrap();
        marks.push(payload.is_some());
        let of_person = privacy::marks(&mut tx, tenant, *id).await.unwrap();
        marks.extend([of_person.nir.is_some(), of_person.name.is_some()]);
        let history = events::of_delivery(&mut tx, tenant, *id).await.unwrap();
        marks.push(!history.iter().any(|event| event.kind == "privacy.erased"));
    }
    let found = privacy::contracts(&mut tx, tenant, subject).await.unwrap();
    marks.push(found.len() == ids.len());
    match marks.iter().filter(|whole| **whole).count() {
        0 => {
            assert_eq!(found, []);
            Left::Nothing
        }
        all if all == marks.len() => Left::Whole,
        _ => panic!("half erased: {marks:?}"),
    }
}

/// Hands in an invoice, and a contract whose schedule is to be read.
async fn invoice_and_dossier(db: &Database, keys: &TenantKey) -> (DeliveryId, Dossier) {
    let tenant = keys.tenant();
    let bill = NewDelivery {
        kind: Kind::Facture,
        invoice: Some(NewInvoice {
            siret_emetteur: "12345678200010".parse().unwrap(),
            numero: "F-1".to_owned(),
            contracts: Vec::new(),
        }),
        ..paired(keys, at(1), "an invoice")
    };
    let contract = paired(keys, at(2), "a contract");
    let (invoice, delivery) = (bill.id, contract.id);
    db.store.accept(&[bill, contract]).await.unwrap();
    let mut tx = db.store.writing().await.unwrap();
    let found = deliveries::find(&mut tx, tenant, delivery).await;
    let found = found.unwrap().unwrap();
    let new = NewDossier {
        id: DossierId::new(now()),
        pairing: None,
        receipt: Receipt {
            numero_interne: Some("77".to_owned()),
            ..Receipt::default()
        },
    };
    dossiers::open(&mut tx, &found, &new, now()).await.unwrap();
    let dossier = dossiers::find_by_delivery(&mut tx, &found).await;
    let dossier = dossier.unwrap().unwrap();
    schedules::hurry(&mut tx, &dossier, now()).await.unwrap();
    tx.commit().await.unwrap();
    (invoice, dossier)
}

on_both! {
    async fn what_an_opco_said_of_an_invoice_goes_and_is_seen_to_stay_gone(db) {
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let bill = |seconds, numero: &str| NewDelivery {
            kind: Kind::Facture,
            invoice: Some(NewInvoice {
                siret_emetteur: "12345678200010".parse().unwrap(),
                numero: numero.to_owned(),
                contracts: Vec::new(),
            }),
            ..paired(&keys, at(seconds), numero)
        };
        let bills = [bill(1, "F-1"), bill(2, "F-2")];
        let [gone, left] = bills.clone().map(|one| one.id);
        db.store.accept(&bills).await.unwrap();
        let told = Told {
            commentaire: Some("vu avec Mme X".to_owned()),
            ..Told::default()
        };
        let mut tx = db.store.writing().await.unwrap();
        for id in [gone, left] {
            invoices::tell(&mut tx, tenant, id, &told, now()).await.unwrap();
            let about = About {
                opco: Opco::Akto,
                environment: Environment::Live,
                kind: Kind::Facture,
                delivery: id,
            };
            let said = Said::Unknown(format!("un motif {id}"));
            refusals::tell(&mut tx, &keys, &about, &[said], now()).await.unwrap();
        }
        privacy::close_words(&mut tx, tenant, gone, now()).await.unwrap();
        privacy::erase_words(&mut tx, tenant, gone).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = db.store.reading().await.unwrap();
        for (id, held) in [(gone, false), (left, true)] {
            let found = invoices::find(&mut tx, tenant, id).await.unwrap().unwrap();
            assert_eq!(found.commentaire.is_some(), held);
            assert_eq!(privacy::is_wordless(&mut tx, tenant, id).await.unwrap(), !held);
            let all = refusals::list(&mut tx, &keys).await.unwrap();
            let refusal = all.into_iter().find(|one| one.delivery == id).unwrap();
            assert_eq!(refusal.text.is_some(), held);
        }
        let other = db.network().await;
        assert!(!privacy::is_wordless(&mut tx, other, gone).await.unwrap(), "another network's");
    }

    async fn what_is_about_several_people_is_found_by_each_and_tells_who_is_still_held(db) {
        let (tenant, other) = (db.network().await, db.network().await);
        let keys = db.store.keys(tenant).await.unwrap();
        let people = [1, 2].map(|n| paired(&keys, at(n), &format!("contract {n}")));
        let [ana, bea] = people.clone().map(|one| one.id);
        let paper = NewDelivery {
            kind: Kind::Document,
            about: vec![ana.into(), bea.into()],
            ..paired(&keys, at(3), "a document")
        };
        let bill = NewDelivery {
            kind: Kind::Facture,
            invoice: Some(NewInvoice {
                siret_emetteur: "12345678200010".parse().unwrap(),
                numero: "F-1".to_owned(),
                contracts: vec![ana.into()],
            }),
            ..paired(&keys, at(4), "an invoice")
        };
        let (document, invoice) = (paper.id, bill.id);
        db.store.accept(&people).await.unwrap();
        db.store.accept(&[paper, bill]).await.unwrap();
        let mut tx = db.store.writing().await.unwrap();
        let about = invoices::about(&mut tx, tenant, ana.into()).await.unwrap();
        assert_eq!(about, [document, invoice]);
        assert_eq!(invoices::about(&mut tx, tenant, bea.into()).await.unwrap(), [document]);
        // A document is nobody's bill.
        let bills = invoices::of_contract(&mut tx, tenant, bea.into()).await.unwrap();
        assert_eq!(bills, []);
        let of = invoices::contracts(&mut tx, tenant, document).await.unwrap();
        assert_eq!(of, [ana.into(), bea.into()]);
        let lane = keys.fingerprint("lane", "gone");
        privacy::erase_delivery(&mut tx, tenant, ana, lane).await.unwrap();
        assert!(!privacy::is_held(&mut tx, tenant, ana.into()).await.unwrap());
        assert!(privacy::is_held(&mut tx, tenant, bea.into()).await.unwrap());
        assert!(!privacy::is_held(&mut tx, other, bea.into()).await.unwrap(), "another network's");
        assert_eq!(invoices::about(&mut tx, other, bea.into()).await.unwrap(), []);
    }

    async fn what_is_kept_while_an_erasure_waits_goes_with_it(db) {
        // Longer than any statement takes that waits for nobody.
        const A_WHILE: Duration = Duration::from_millis(300);
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let (invoice, dossier) = invoice_and_dossier(db, &keys).await;
        let mut keeping = db.store.writing().await.unwrap();
        privacy::hold_words(&mut keeping, tenant, invoice).await.unwrap();
        assert!(!privacy::is_wordless(&mut keeping, tenant, invoice).await.unwrap());
        privacy::hold_readings(&mut keeping, tenant, dossier.id).await.unwrap();
        assert!(!privacy::is_erased(&mut keeping, tenant, dossier.id).await.unwrap());
        let (store, id) = (db.store.clone(), dossier.id);
        let mut words = tokio::spawn(async move {
            let mut tx = store.writing().await.unwrap();
            privacy::close_words(&mut tx, tenant, invoice, now()).await.unwrap();
            privacy::erase_words(&mut tx, tenant, invoice).await.unwrap();
            tx.commit().await.unwrap();
        });
        let store = db.store.clone();
        let mut readings = tokio::spawn(async move {
            let mut tx = store.writing().await.unwrap();
            privacy::erase_dossier(&mut tx, tenant, id, now()).await.unwrap();
            tx.commit().await.unwrap();
        });
        let waits = tokio::time::timeout(A_WHILE, async {
            tokio::select! { _ = &mut words => {}, _ = &mut readings => {} }
        });
        assert!(waits.await.is_err(), "an erasure did not wait");
        let told = Told {
            commentaire: Some("vu avec Mme X".to_owned()),
            ..Told::default()
        };
        invoices::tell(&mut keeping, tenant, invoice, &told, now()).await.unwrap();
        let reading = SnapshotId::new(now());
        let sealed = keys.seal_secret(reading.as_bytes(), schedules::PART, &Secret::new("{}"));
        let kept = (reading, &sealed.unwrap());
        schedules::keep(&mut keeping, tenant, dossier.id, kept, now()).await.unwrap();
        keeping.commit().await.unwrap();
        words.await.unwrap();
        readings.await.unwrap();

        let mut tx = db.store.writing().await.unwrap();
        let found = invoices::find(&mut tx, tenant, invoice).await.unwrap().unwrap();
        assert_eq!(found.commentaire, None);
        let left = schedules::snapshots(&mut tx, tenant, dossier.id).await.unwrap();
        assert!(left.is_empty(), "{left:?}");
        // Whoever comes after sees it.
        privacy::hold_words(&mut tx, tenant, invoice).await.unwrap();
        assert!(privacy::is_wordless(&mut tx, tenant, invoice).await.unwrap());
        privacy::hold_readings(&mut tx, tenant, dossier.id).await.unwrap();
        assert!(privacy::is_erased(&mut tx, tenant, dossier.id).await.unwrap());
    }

    async fn an_erasure_cut_off_anywhere_has_erased_nothing_and_can_be_asked_again(db) {
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let new = contracts(&keys, "199097512345678");
        let ids = new.clone().map(|one| one.id);
        let other = paired(&keys, now(), "of another person");
        let untouched = other.id;
        db.store.accept(&[&new[..], &[other]].concat()).await.unwrap();
        let subject = Subject::Nir(keys.fingerprint("nir", "199097512345678"));
        assert_eq!(left(db, tenant, &ids, subject).await, Left::Whole);

        // Between every two steps.
        for stop in 0..=2 * 3 {
            let stopped = erase(&db.store, &keys, subject, stop).await.unwrap();
            assert_eq!(stopped, None, "step {stop}");
            assert_eq!(left(db, tenant, &ids, subject).await, Left::Whole, "step {stop}");
        }
        // And within each, until one is cut off so late that it ends.
        for turns in 0..TURNS_MAX {
            let done = cut_off(turns, erase(&db.store, &keys, subject, usize::MAX)).await;
            if let Some(done) = done {
                assert_eq!(done.unwrap(), Some(2));
                break;
            }
            // A commit may have been made that nobody was told of; half of one never.
            if left(db, tenant, &ids, subject).await == Left::Nothing {
                break;
            }
        }
        assert_eq!(left(db, tenant, &ids, subject).await, Left::Nothing);
        let again = erase(&db.store, &keys, subject, usize::MAX).await.unwrap();
        assert_eq!(again, Some(0), "nothing is left to erase");
        let mut tx = db.store.reading().await.unwrap();
        let whole = privacy::is_sealed(&mut tx, tenant, untouched).await.unwrap();
        assert!(whole.is_some(), "of somebody else");
    }
}
