//! What OPCOs said when they refused: counted, kept once, and in nobody's sight.

use domain::id::{DeliveryId, TenantId};
use domain::rejet::Rejet;
use domain::{Environment, Kind, Opco, Timestamp};
use store::refusals::{self, About, Refusal, Said, TEXTS_MAX};
use store::{retention, unknown_fields};

use crate::harness::{Database, at, now, on_both};

fn about(delivery: DeliveryId) -> About {
    About {
        opco: Opco::Afdas,
        environment: Environment::Live,
        kind: Kind::Facture,
        delivery,
    }
}

fn text(text: &str) -> Said {
    Said::Unknown(text.to_owned())
}

async fn tell(db: &Database, tenant: TenantId, about: &About, said: &[Said], now: Timestamp) {
    let keys = db.store.keys(tenant).await.unwrap();
    let mut tx = db.store.writing().await.unwrap();
    refusals::tell(&mut tx, &keys, about, said, now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

async fn list(db: &Database, tenant: TenantId) -> Vec<Refusal> {
    let keys = db.store.keys(tenant).await.unwrap();
    let mut tx = db.store.reading().await.unwrap();
    refusals::list(&mut tx, &keys).await.unwrap()
}

on_both! {
    async fn a_text_is_kept_once_with_how_often_and_where_it_came_last(db) {
        let (tenant, stranger) = (db.network().await, db.network().await);
        let (first, last) = (DeliveryId::new(at(1)), DeliveryId::new(at(2)));
        let said = [text("Période non éligible"), Said::Known(Rejet::IbanEmetteurAbsent)];
        tell(db, tenant, &about(first), &said, at(1)).await;
        tell(db, tenant, &about(last), &[text("PÉRIODE non éligible")], at(2)).await;
        let of_contracts = About { kind: Kind::Dossier, ..about(last) };
        tell(db, tenant, &of_contracts, &[text("Période non éligible")], at(3)).await;
        let listed = list(db, tenant).await;
        assert_eq!(listed.len(), 3, "{listed:#?}");
        let same = &listed[0];
        assert_eq!((same.told, same.delivery, same.reason), (2, last, None));
        assert_eq!((same.first_told_at, same.last_told_at), (at(1), at(2)));
        assert_eq!(same.text.as_deref(), Some("PÉRIODE non éligible"));
        let known = listed.iter().find(|one| one.reason.is_some()).unwrap();
        assert_eq!((known.told, known.text.as_deref()), (1, None));
        assert_eq!(known.reason, Some(Rejet::IbanEmetteurAbsent));
        assert_eq!(list(db, stranger).await, []);
    }

    async fn a_text_can_be_destroyed_with_the_payload_it_was_said_of(db) {
        let tenant = db.network().await;
        let delivery = DeliveryId::new(now());
        tell(db, tenant, &about(delivery), &[text("au nom de qui ?")], at(1)).await;
        let mut tx = db.store.writing().await.unwrap();
        retention::shred_payload(&mut tx, tenant, delivery).await.unwrap();
        tx.commit().await.unwrap();
        let listed = list(db, tenant).await;
        assert_eq!((listed[0].told, listed[0].text.as_deref()), (1, None));
        // Said again of another, it is known again.
        tell(db, tenant, &about(DeliveryId::new(at(9))), &[text("au nom de qui ?")], at(9)).await;
        assert_eq!(list(db, tenant).await[0].text.as_deref(), Some("au nom de qui ?"));
    }

    async fn past_their_number_new_texts_are_only_counted(db) {
        let tenant = db.network().await;
        let about = about(DeliveryId::new(now()));
        let many: Vec<Said> = (0..TEXTS_MAX + 3).map(|n| text(&format!("texte {n}"))).collect();
        tell(db, tenant, &about, &many, at(1)).await;
        tell(db, tenant, &about, &many[..1], at(2)).await;
        let listed = list(db, tenant).await;
        let (kept, beyond): (Vec<_>, Vec<_>) = listed.iter().partition(|one| one.text.is_some());
        assert_eq!(kept.len(), usize::try_from(TEXTS_MAX).unwrap());
        assert_eq!(beyond.len(), 1);
        // The text told again is kept or not: which ones found room is chance.
        let told: u64 = listed.iter().map(|one| one.told).sum();
        assert_eq!(told, u64::from(TEXTS_MAX) + 4);
        let other = About { environment: Environment::Test, ..about };
        tell(db, tenant, &other, &[text("ailleurs")], at(3)).await;
        assert!(list(db, tenant).await.iter().any(|one| one.text.as_deref() == Some("ailleurs")));
    }
}

on_both! {
    async fn an_unknown_field_is_counted_by_its_name_and_their_number_is_bounded(db) {
        let (tenant, stranger) = (db.network().await, db.network().await);
        let about = unknown_fields::About {
            tenant,
            environment: Environment::Live,
            opco: Opco::Afdas,
            place: "etats",
        };
        let mut tx = db.store.writing().await.unwrap();
        let mut new = Vec::new();
        for (name, seconds) in [("/bonus", 1), ("/bonus", 2), ("/malus", 3)] {
            new.push(unknown_fields::tell(&mut tx, &about, (name, 2), at(seconds)).await.unwrap());
        }
        assert_eq!(new, [true, false, true]);
        let elsewhere = unknown_fields::About { opco: Opco::Akto, ..about };
        unknown_fields::tell(&mut tx, &elsewhere, ("/bonus", 1), at(4)).await.unwrap();
        for number in 0..unknown_fields::NAMES_MAX {
            let name = format!("/champ{number}");
            unknown_fields::tell(&mut tx, &about, (&name, 1), at(5)).await.unwrap();
        }
        let told = unknown_fields::list(&mut tx, tenant, Environment::Live).await.unwrap();
        let bonus = told.iter().find(|one| one.opco == Opco::Afdas && one.name == "/bonus").unwrap();
        assert_eq!((bonus.told, bonus.first_told_at, bonus.last_told_at), (4, at(1), at(2)));
        let rest = told.iter().find(|one| one.name == unknown_fields::REST).unwrap();
        assert_eq!((rest.told, told.len()), (2, 102), "100 names, the rest, another OPCO's");
        // New is what first came: what keeps coming is not.
        for (since, afdas, akto) in [(1, 101, 1), (3, 100, 1), (5, 99, 0)] {
            let begun = unknown_fields::begun_since(&mut tx, tenant, at(since)).await.unwrap();
            let mut expected = vec![(Environment::Live, Opco::Afdas, afdas)];
            expected.extend((akto > 0).then_some((Environment::Live, Opco::Akto, akto)));
            assert_eq!(begun, expected, "{since}");
        }
        assert_eq!(unknown_fields::begun_since(&mut tx, tenant, at(6)).await.unwrap(), []);
        assert_eq!(unknown_fields::begun_since(&mut tx, stranger, at(1)).await.unwrap(), []);
        assert_eq!(unknown_fields::list(&mut tx, tenant, Environment::Test).await.unwrap(), []);
        assert_eq!(unknown_fields::list(&mut tx, stranger, Environment::Live).await.unwrap(), []);
    }
}
