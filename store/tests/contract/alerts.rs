//! Alerts: begun, told and ended once each; counts of the log, each event once.

use domain::alert::{Condition, Measure, Severity, Subject};
use domain::id::{AlertId, CfaId, CredentialId, MailId, PersonId, SilenceId, SiteId, TenantId};
use domain::person::{Language, PersonState, Right, Role};
use domain::{DeliveryId, Environment, Instance, Opco, Status};
use store::alerts::choices::{self, Choice};
use store::alerts::{self, Alert, Silence};
use store::credentials::{self, Credential};
use store::mails::{self, Mail, Need, Outcome};
use store::people::{self, Grant, Person, Scope};
use store::pulse::{self, word};
use store::tenants::{self, Cfa, Site};
use store::{NewDelivery, NewEvent, Tx, events, reports};

use crate::harness::{SITE, at, contract, now, on_both, site};

async fn reader(tx: &mut Tx, tenant: TenantId) -> Person {
    let id = PersonId::new(now());
    let person = Person {
        tenant,
        id,
        email: format!("{id}@cfa.example"),
        name: "Zoé".to_owned(),
        language: Language::Fr,
        state: PersonState::Active,
        password: None,
        sealed_totp: None,
        totp_step: 0,
        oidc_subject: None,
        failures: 0,
        locked_until: None,
        created_by: "cli:essai".to_owned(),
        created_at: now(),
        updated_at: now(),
    };
    people::create(tx, &person).await.unwrap();
    person
}

fn mail(reader: &Person, needs: Vec<Need>) -> Mail {
    Mail {
        tenant: reader.tenant,
        id: MailId::new(now()),
        person: reader.id,
        title: "Titre".to_owned(),
        body: "Texte".to_owned(),
        needs,
        tries: 0,
        created_at: now(),
    }
}

fn alert(tenant: TenantId) -> Alert {
    Alert {
        tenant,
        id: AlertId::new(now()),
        environment: Environment::Live,
        condition: Condition::RefusalDrift,
        subject: Subject {
            part: Some("E12".to_owned()),
            ..Subject::system(Instance::first(Opco::Akto))
        },
        measure: Measure {
            level: 1,
            value: 233,
            usual: Some(50),
        },
        told: 0,
        began_at: now(),
        seen_at: now(),
        told_at: None,
        cleared_at: None,
    }
}

on_both! {
    async fn of_two_replicas_one_begins_tells_and_ends_an_alert(db) {
        let (tenant, stranger) = (db.network().await, db.network().await);
        let own = alert(tenant);
        let mut tx = db.store.writing().await.unwrap();
        assert!(alerts::begin(&mut tx, &own).await.unwrap());
        // The other one names it otherwise: it is the same thing.
        assert!(!alerts::begin(&mut tx, &alert(tenant)).await.unwrap());
        assert!(alerts::begin(&mut tx, &alert(stranger)).await.unwrap());
        for (level, told) in [(1, true), (1, false), (3, true), (2, false)] {
            assert_eq!(alerts::raise(&mut tx, tenant, own.id, level, at(1)).await.unwrap(), told);
        }
        assert!(!alerts::raise(&mut tx, stranger, own.id, 4, at(1)).await.unwrap());
        let worse = Measure { level: 3, value: 600, usual: Some(51) };
        alerts::seen(&mut tx, tenant, own.id, worse, at(60)).await.unwrap();
        let lasting = alerts::lasting(&mut tx, tenant).await.unwrap();
        let expected = Alert { measure: worse, told: 3, seen_at: at(60), told_at: Some(at(1)), ..own.clone() };
        assert_eq!(lasting, [expected]);
        assert_eq!(alerts::severity(&lasting[0]), Severity::Critical);
        // Somebody saw it since.
        assert!(!alerts::end(&mut tx, tenant, own.id, at(59), at(70)).await.unwrap());
        assert!(!alerts::end(&mut tx, stranger, own.id, at(99), at(70)).await.unwrap());
        assert!(alerts::end(&mut tx, tenant, own.id, at(60), at(70)).await.unwrap());
        assert!(!alerts::end(&mut tx, tenant, own.id, at(60), at(70)).await.unwrap());
        assert_eq!(alerts::lasting(&mut tx, tenant).await.unwrap(), []);
        let ended = alerts::ended(&mut tx, tenant, Environment::Live, None, 10).await.unwrap();
        assert_eq!(ended.iter().map(|one| (one.id, one.cleared_at)).collect::<Vec<_>>(), [(own.id, Some(at(70)))]);
        assert_eq!(alerts::ended(&mut tx, tenant, Environment::Test, None, 10).await.unwrap(), []);
        assert_eq!(alerts::ended(&mut tx, tenant, Environment::Live, Some(own.id), 10).await.unwrap(), []);
        // Once it has ended it may begin again.
        assert!(alerts::begin(&mut tx, &alert(tenant)).await.unwrap());
        alerts::forget(&mut tx, tenant, at(71)).await.unwrap();
        assert_eq!(alerts::find(&mut tx, tenant, own.id).await.unwrap(), None);
        assert_eq!(alerts::lasting(&mut tx, tenant).await.unwrap().len(), 1);
    }

    async fn a_silence_lasts_until_its_time_or_until_somebody_ends_it(db) {
        let (tenant, stranger) = (db.network().await, db.network().await);
        let own = alert(tenant);
        let silence = Silence {
            id: SilenceId::new(now()),
            environment: own.environment,
            condition: own.condition,
            subject: own.subject.to_string(),
            ends_at: at(100),
            reason: "Prévenu par l'OPCO.".to_owned(),
            author: "person:x".to_owned(),
            created_at: now(),
        };
        let mut tx = db.store.writing().await.unwrap();
        alerts::silence(&mut tx, tenant, &silence).await.unwrap();
        assert_eq!(alerts::silences(&mut tx, tenant, at(99)).await.unwrap(), std::slice::from_ref(&silence));
        assert_eq!(alerts::silences(&mut tx, tenant, at(100)).await.unwrap(), []);
        assert_eq!(alerts::silences(&mut tx, stranger, at(99)).await.unwrap(), []);
        assert!(silence.covers(Environment::Live, own.condition, "akto/1 E12"));
        assert!(!silence.covers(Environment::Live, own.condition, "akto/1"));
        assert!(!alerts::speak(&mut tx, stranger, &own, at(50)).await.unwrap());
        assert!(alerts::speak(&mut tx, tenant, &own, at(50)).await.unwrap());
        assert!(!alerts::speak(&mut tx, tenant, &own, at(50)).await.unwrap());
        assert_eq!(alerts::silences(&mut tx, tenant, at(50)).await.unwrap(), []);
    }

    async fn who_chose_nothing_gets_what_is_critical(db) {
        let (tenant, stranger) = (db.network().await, db.network().await);
        let person = PersonId::new(now());
        let mut tx = db.store.writing().await.unwrap();
        let none = choices::of(&mut tx, tenant, person).await.unwrap();
        assert_eq!(none, Choice { least: Some(Severity::Critical), report: false });
        for wanted in [
            Choice { least: Some(Severity::Notice), report: true },
            Choice { least: None, report: false },
        ] {
            choices::keep(&mut tx, tenant, person, wanted).await.unwrap();
            assert_eq!(choices::of(&mut tx, tenant, person).await.unwrap(), wanted);
        }
        assert_eq!(choices::all(&mut tx, stranger).await.unwrap(), []);
    }

    async fn each_event_of_the_log_counts_once_in_its_hour(db) {
        let (tenant, stranger) = (db.network().await, db.network().await);
        let keys = db.store.keys(tenant).await.unwrap();
        let one = contract(&keys, now());
        let id: DeliveryId = one.id;
        db.store.accept(&[one]).await.unwrap();
        let told = |seconds, kind: &'static str| NewEvent::new(at(seconds), kind).delivery(id);
        let mut tx = db.store.writing().await.unwrap();
        events::append(&mut tx, tenant, &[
            told(10, "delivery.rejected"), told(3_700, "delivery.delivered"),
            told(3_800, "dossier.state_unknown"), told(3_900, "delivery.waiting"),
            NewEvent::new(now(), "network.created"),
        ]);
        tx.commit().await.unwrap();
        let mut tx = db.store.reading().await.unwrap();
        let since = at(-86_400);
        let one = pulse::next(&mut tx, tenant, since).await.unwrap().unwrap();
        let same = pulse::next(&mut tx, tenant, since).await.unwrap().unwrap();
        drop(tx);
        // Two replicas counted the same part.
        for step in [one, same] {
            let mut tx = db.store.writing().await.unwrap();
            pulse::keep(&mut tx, tenant, &step).await.unwrap();
            tx.commit().await.unwrap();
        }
        let mut tx = db.store.writing().await.unwrap();
        assert!(pulse::next(&mut tx, tenant, since).await.unwrap().is_none());
        let counted = pulse::all(&mut tx, tenant).await.unwrap();
        let counted: Vec<(&str, &str, i64, u32)> = counted.iter()
            .map(|one| (one.subject.as_str(), one.word.as_str(), one.at.as_second() - now().as_second(), one.count))
            .collect();
        assert_eq!(counted, [
            (SITE, word::DELIVERED, 3_600, 1),
            (SITE, word::REFUSED, 0, 1),
            (SITE, word::SENT, 0, 1),
            ("afdas/1", word::ANSWERED, 0, 1),
            ("afdas/1", word::ANSWERED, 3_600, 1),
            ("afdas/1", word::DELIVERED, 3_600, 1),
            ("afdas/1", word::REFUSED, 0, 1),
            ("afdas/1", word::UNKNOWN, 3_600, 1),
        ]);
        assert_eq!(SITE, site().as_str());
        assert_eq!(pulse::all(&mut tx, stranger).await.unwrap(), []);
        pulse::watched(&mut tx, tenant, at(60)).await.unwrap();
        pulse::forget(&mut tx, tenant, at(3_600)).await.unwrap();
        assert_eq!(pulse::all(&mut tx, tenant).await.unwrap().len(), 4);
    }

    async fn a_day_is_reported_once_and_what_was_open_before_it_is_counted_by_site(db) {
        let (tenant, stranger) = (db.network().await, db.network().await);
        let keys = db.store.keys(tenant).await.unwrap();
        for seconds in [0, 10, 86_400] {
            db.store.accept(&[contract(&keys, at(seconds))]).await.unwrap();
        }
        let mut tx = db.store.writing().await.unwrap();
        let day = "2026-09-01".parse().unwrap();
        let live = Environment::Live;
        assert!(!reports::is_told(&mut tx, tenant, live, day).await.unwrap());
        for told in [true, false] {
            assert_eq!(reports::tell(&mut tx, tenant, live, day, now()).await.unwrap(), told);
        }
        assert!(reports::is_told(&mut tx, tenant, live, day).await.unwrap());
        assert!(!reports::is_told(&mut tx, tenant, Environment::Test, day).await.unwrap());
        let open = reports::open(&mut tx, tenant, live, at(43_200)).await.unwrap();
        let expected = reports::Open { siret_cfa: site(), status: Status::Queued, reason: None, count: 2 };
        assert_eq!(open, [expected]);
        assert_eq!(reports::open(&mut tx, stranger, live, at(43_200)).await.unwrap(), []);
    }

    async fn what_each_credential_handed_in_is_counted_by_site_and_where_it_stands(db) {
        let (tenant, stranger) = (db.network().await, db.network().await);
        let keys = db.store.keys(tenant).await.unwrap();
        let id = CredentialId::new(now());
        let credential = Credential {
            tenant,
            id,
            label: "ERP".to_owned(),
            prefix: "cfg_live_abc".to_owned(),
            environment: Environment::Live,
            sites: None,
            actions: vec!["submit".to_owned()],
            quota_per_minute: 60,
            created_at: now(),
            expires_at: None,
            revoked_at: None,
        };
        let mut tx = db.store.writing().await.unwrap();
        credentials::create(&mut tx, &credential, &[7; 32]).await.unwrap();
        tx.commit().await.unwrap();
        for seconds in [0, 10, 86_400] {
            let new = NewDelivery { credential: Some(id), ..contract(&keys, at(seconds)) };
            db.store.accept(&[new, contract(&keys, at(seconds))]).await.unwrap();
        }
        let mut tx = db.store.reading().await.unwrap();
        let (live, day) = (Environment::Live, (at(0), at(43_200)));
        let expected = reports::Sent {
            siret_cfa: site(),
            credential: id,
            label: "ERP".to_owned(),
            status: Status::Queued,
            reason: None,
            count: 2,
        };
        assert_eq!(reports::sent(&mut tx, tenant, live, day).await.unwrap(), [expected]);
        assert_eq!(reports::sent(&mut tx, tenant, Environment::Test, day).await.unwrap(), []);
        assert_eq!(reports::sent(&mut tx, stranger, live, day).await.unwrap(), []);
    }

    async fn a_mail_is_one_sender_s_at_a_time_until_it_is_sent(db) {
        let tenant = db.network().await;
        let mut tx = db.store.writing().await.unwrap();
        let reader = reader(&mut tx, tenant).await;
        let mail = mail(&reader, Vec::new());
        mails::enqueue(&mut tx, &mail).await.unwrap();
        tx.commit().await.unwrap();
        let claim = async |seconds, owner| {
            let taken = db.store.claim_mails(at(seconds), at(seconds + 60), owner, 10).await.unwrap();
            assert_eq!(taken.dropped, []);
            assert!(taken.due.iter().all(|(_, address)| *address == reader.email));
            taken.due.into_iter().map(|(mail, _)| mail).collect::<Vec<_>>()
        };
        let first = Mail { tries: 1, ..mail.clone() };
        assert_eq!(claim(0, "un").await, std::slice::from_ref(&first));
        assert_eq!(claim(59, "deux").await, []);
        // Its lease ran out: it is another's.
        assert_eq!(claim(60, "deux").await, [Mail { tries: 2, ..mail.clone() }]);
        let settle = async |owner, outcome| {
            let mut tx = db.store.writing().await.unwrap();
            let mine = mails::settle(&mut tx, &first, owner, outcome, at(70)).await.unwrap();
            tx.commit().await.unwrap();
            mine
        };
        assert!(!settle("un", Outcome::Sent).await);
        assert!(settle("deux", Outcome::Later(at(600))).await);
        assert_eq!(claim(599, "deux").await, []);
        assert_eq!(claim(600, "deux").await.len(), 1);
        assert!(settle("deux", Outcome::Sent).await);
        assert_eq!(claim(99_999, "deux").await, []);
        let mut tx = db.store.writing().await.unwrap();
        mails::forget(&mut tx, tenant, at(71)).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(db.number("select count(*) from mail").await, 0);
    }

    async fn a_mail_that_cannot_be_read_keeps_no_other_waiting(db) {
        let tenant = db.network().await;
        let mut tx = db.store.writing().await.unwrap();
        let reader = reader(&mut tx, tenant).await;
        mails::enqueue(&mut tx, &mail(&reader, Vec::new())).await.unwrap();
        tx.commit().await.unwrap();
        // As a later version may leave it to this one.
        db.script("update mail set needs = 'x'".to_owned()).await;
        let next = Mail { created_at: at(1), ..mail(&reader, Vec::new()) };
        let mut tx = db.store.writing().await.unwrap();
        mails::enqueue(&mut tx, &next).await.unwrap();
        tx.commit().await.unwrap();
        assert!(db.store.claim_mails(at(1), at(60), "un", 1).await.is_err());
        let taken = db.store.claim_mails(at(1), at(60), "un", 1).await.unwrap();
        let taken: Vec<_> = taken.due.iter().map(|(mail, _)| mail.id).collect();
        assert_eq!(taken, [next.id]);
    }

    async fn a_mail_leaves_only_for_who_may_still_read_it(db) {
        let tenant = db.network().await;
        let cfa = Cfa {
            tenant,
            id: CfaId::new(now()),
            name: "CFA".to_owned(),
            siren: "732829320".parse().unwrap(),
            created_at: now(),
        };
        let place = Site {
            tenant,
            id: SiteId::new(now()),
            cfa: cfa.id,
            siret: site(),
            uai: None,
            name: "Paris".to_owned(),
            created_at: now(),
            closed_at: None,
        };
        let mut tx = db.store.writing().await.unwrap();
        tenants::create_cfa(&mut tx, &cfa).await.unwrap();
        tenants::create_site(&mut tx, &place).await.unwrap();
        let need = |right, site| Need { right, site };
        let here = Some(site());
        // What it tells, what its reader is by the time it leaves, and what becomes of it.
        let cases = [
            (vec![need(Right::ReadKeys, here)], vec![(Role::Keys, Scope::Site(place.id))], None),
            (vec![need(Right::ReadKeys, here)], vec![(Role::Keys, Scope::Cfa(cfa.id))], None),
            (vec![need(Right::ReadDeliveries, None)], vec![(Role::Reader, Scope::Site(place.id))], None),
            // A role that lets see less, one elsewhere, none at all.
            (vec![need(Right::ReadKeys, here)], vec![(Role::Reader, Scope::Network)], Some(mails::NO_RIGHT)),
            (vec![need(Right::ReadKeys, here)], vec![(Role::Keys, Scope::Site(SiteId::new(now())))], Some(mails::NO_RIGHT)),
            (vec![need(Right::ReadDeliveries, None)], vec![], Some(mails::NO_RIGHT)),
            // One of the things it tells is enough.
            (
                vec![need(Right::ReadDeliveries, here), need(Right::ReadMoney, here)],
                vec![(Role::Keys, Scope::Network)],
                Some(mails::NO_RIGHT),
            ),
        ];
        let mut expected = Vec::new();
        for (needs, roles, dropped) in cases {
            let reader = reader(&mut tx, tenant).await;
            let grants: Vec<Grant> = roles.into_iter().map(|(role, scope)| Grant {
                role, scope, granted_by: "cli:essai".to_owned(), granted_at: now(),
            }).collect();
            people::set_grants(&mut tx, tenant, reader.id, &grants).await.unwrap();
            let mail = mail(&reader, needs);
            mails::enqueue(&mut tx, &mail).await.unwrap();
            expected.push((mail.id, dropped));
        }
        let closed = reader(&mut tx, tenant).await;
        let change = people::Change { state: Some(PersonState::Disabled), ..people::Change::default() };
        people::change(&mut tx, (tenant, closed.id), change, now()).await.unwrap();
        let mail = mail(&closed, Vec::new());
        mails::enqueue(&mut tx, &mail).await.unwrap();
        expected.push((mail.id, Some(mails::NOBODY)));
        tx.commit().await.unwrap();

        let taken = db.store.claim_mails(at(0), at(60), "un", 50).await.unwrap();
        let mut told: Vec<_> = taken.due.iter().map(|(mail, _)| (mail.id, None)).collect();
        told.extend(taken.dropped.iter().map(|(id, why)| (*id, Some(*why))));
        told.sort();
        expected.sort();
        assert_eq!(told, expected);
        // What is dropped has come to its end.
        assert_eq!(db.number("select count(*) from mail where outcome = 'no_right' and due_at is null").await, 4);
        assert_eq!(db.number("select count(*) from mail where outcome = 'nobody' and due_at is null").await, 1);
        let later = db.store.claim_mails(at(99_999), at(100_060), "un", 50).await.unwrap();
        assert_eq!((later.due.len(), later.dropped.len()), (3, 0));
    }

    async fn what_happened_before_the_weeks_that_count_is_not_read(db) {
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        for seconds in [0, 86_400] {
            db.store.accept(&[contract(&keys, at(seconds))]).await.unwrap();
        }
        let mut tx = db.store.writing().await.unwrap();
        let step = pulse::next(&mut tx, tenant, at(43_200)).await.unwrap().unwrap();
        pulse::keep(&mut tx, tenant, &step).await.unwrap();
        let counted = pulse::all(&mut tx, tenant).await.unwrap();
        assert_eq!(counted.iter().map(|one| one.at).collect::<Vec<_>>(), [at(86_400)]);
    }
}
