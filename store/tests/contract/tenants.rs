//! Networks and what belongs to them: sites, credentials, keys, overrides, mandates.

use domain::id::{CfaId, CredentialId, KeyId, MandateId, OverrideId, SiteId, TenantId};
use domain::{Capability, Effect, Environment, Instance, Opco, Openness, Secret};
use store::ceilings::{self, Ceiling};
use store::credentials::{self, Credential};
use store::keys::{self, CfaKey, KeyState};
use store::mandates::{self, Mandate, Scope};
use store::overrides::{self, RouteOverride, RuleOverride, Subject};
use store::software::{self, SoftwareCredential};
use store::switches::{self, CapabilitySwitch};
use store::tenants::{self, Cfa, Site, census};
use store::{SealedSecret, StoreError};

use crate::harness::{afdas, at, now, on_both, site};

/// A key as it would be staged.
pub(crate) fn key(tenant: TenantId, id: KeyId, sealed: SealedSecret) -> CfaKey {
    CfaKey {
        tenant,
        id,
        siret_cfa: site(),
        instance: afdas(),
        environment: Environment::Live,
        state: KeyState::Staged,
        sealed,
        expires_on: None,
        probed_at: None,
        probe_result: None,
        last_used_at: None,
        referent: None,
        created_at: now(),
        changed_at: now(),
    }
}

fn credential(tenant: TenantId) -> Credential {
    Credential {
        tenant,
        id: CredentialId::new(now()),
        label: "ERP".to_owned(),
        prefix: "cfg_live_ab".to_owned(),
        environment: Environment::Live,
        sites: Some(vec![site()]),
        actions: vec!["dossiers:write".to_owned()],
        quota_per_minute: 600,
        created_at: now(),
        expires_at: Some(at(100)),
        revoked_at: None,
    }
}

on_both! {
    async fn networks_training_centres_and_sites_are_found_by_their_own_network(db) {
        let (tenant, stranger) = (db.network().await, db.network().await);
        let cfa = Cfa {
            tenant,
            id: CfaId::new(now()),
            name: "CFA du Test".to_owned(),
            siren: "732829320".parse().unwrap(),
            created_at: now(),
        };
        let place = Site {
            tenant,
            id: SiteId::new(now()),
            cfa: cfa.id,
            siret: site(),
            uai: Some("0751234X".to_owned()),
            name: "Paris".to_owned(),
            created_at: now(),
            closed_at: None,
        };
        let mut tx = db.store.writing().await.unwrap();
        tenants::create_cfa(&mut tx, &cfa).await.unwrap();
        tenants::create_site(&mut tx, &place).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = db.store.reading().await.unwrap();
        assert_eq!(tenants::find_cfa(&mut tx, tenant, cfa.id).await.unwrap(), Some(cfa.clone()));
        assert_eq!(tenants::find_site(&mut tx, tenant, &site()).await.unwrap(), Some(place.clone()));
        assert_eq!(tenants::sites(&mut tx, tenant).await.unwrap(), std::slice::from_ref(&place));
        assert_eq!(tenants::find_cfa(&mut tx, stranger, cfa.id).await.unwrap(), None);
        assert_eq!(tenants::find_site(&mut tx, stranger, &site()).await.unwrap(), None);
        assert!(tenants::cfas(&mut tx, stranger).await.unwrap().is_empty());
        assert_eq!(tenants::networks(&mut tx).await.unwrap().len(), 2, "the platform is none");
        drop(tx);
        let mut tx = db.store.writing().await.unwrap();
        let twice = Site { id: SiteId::new(now()), ..place };
        let error = tenants::create_site(&mut tx, &twice).await.unwrap_err();
        assert!(matches!(error, StoreError::Conflict(_)), "{error:?}");
    }

    async fn a_site_of_no_training_centre_is_refused(db) {
        let tenant = db.network().await;
        let place = Site {
            tenant,
            id: SiteId::new(now()),
            cfa: CfaId::new(now()),
            siret: site(),
            uai: None,
            name: "Nulle part".to_owned(),
            created_at: now(),
            closed_at: None,
        };
        let mut tx = db.store.writing().await.unwrap();
        assert!(tenants::create_site(&mut tx, &place).await.is_err());
    }

    async fn what_changes_of_a_site_changes_for_its_network_alone(db) {
        let (tenant, stranger) = (db.network().await, db.network().await);
        let mut tx = db.store.writing().await.unwrap();
        let cfa = |tenant| Cfa {
            tenant,
            id: CfaId::new(now()),
            name: "CFA".to_owned(),
            siren: "732829320".parse().unwrap(),
            created_at: now(),
        };
        let (one, two) = (cfa(tenant), cfa(tenant));
        for cfa in [&one, &two] {
            tenants::create_cfa(&mut tx, cfa).await.unwrap();
        }
        let place = Site {
            tenant,
            id: SiteId::new(now()),
            cfa: one.id,
            siret: site(),
            uai: None,
            name: "Paris".to_owned(),
            created_at: now(),
            closed_at: None,
        };
        tenants::create_site(&mut tx, &place).await.unwrap();
        let changed = Site {
            cfa: two.id,
            uai: Some("0751234X".to_owned()),
            name: "Lyon".to_owned(),
            closed_at: Some(at(5)),
            ..place.clone()
        };
        let foreign = Site { tenant: stranger, ..changed.clone() };
        tenants::update_site(&mut tx, &foreign).await.unwrap();
        assert_eq!(tenants::sites(&mut tx, tenant).await.unwrap(), [place]);
        tenants::update_site(&mut tx, &changed).await.unwrap();
        assert_eq!(tenants::sites(&mut tx, tenant).await.unwrap(), [changed]);
        assert!(!tenants::rename_cfa(&mut tx, stranger, one.id, "À moi").await.unwrap());
        assert!(tenants::rename_cfa(&mut tx, tenant, one.id, "Autre").await.unwrap());
        assert_eq!(tenants::find_cfa(&mut tx, tenant, one.id).await.unwrap().unwrap().name, "Autre");
        assert!(census::live_dossiers(&mut tx, tenant, Environment::Live).await.unwrap().is_empty());
        assert!(census::last_active(&mut tx, tenant, Environment::Live).await.unwrap().is_empty());
    }

    async fn a_ceiling_is_of_a_site_or_of_the_whole_network(db) {
        let (tenant, stranger) = (db.network().await, db.network().await);
        let mut tx = db.store.writing().await.unwrap();
        let whole = Ceiling {
            tenant,
            site: None,
            per_minute: Some(60),
            per_day: None,
            author: "Ana".to_owned(),
            updated_at: now(),
        };
        let of_site = Ceiling { site: Some(site()), per_minute: None, per_day: Some(9), ..whole.clone() };
        for ceiling in [&whole, &of_site] {
            ceilings::put(&mut tx, ceiling).await.unwrap();
        }
        assert_eq!(ceilings::list(&mut tx, tenant).await.unwrap(), [whole.clone(), of_site.clone()]);
        assert!(ceilings::list(&mut tx, stranger).await.unwrap().is_empty());
        let more = Ceiling { per_minute: Some(90), ..whole };
        ceilings::put(&mut tx, &more).await.unwrap();
        assert_eq!(ceilings::find(&mut tx, tenant, None).await.unwrap(), Some(more));
        ceilings::put(&mut tx, &Ceiling { per_day: None, ..of_site }).await.unwrap();
        assert_eq!(ceilings::find(&mut tx, tenant, Some(&site())).await.unwrap(), None, "it bounds nothing");
    }

    async fn a_credential_is_found_by_the_hash_of_its_key_until_revoked(db) {
        let tenant = db.network().await;
        let given = credential(tenant);
        let mut tx = db.store.writing().await.unwrap();
        credentials::create(&mut tx, &given, &[5; 32]).await.unwrap();
        let found = credentials::find_by_hash(&mut tx, &[5; 32]).await.unwrap().unwrap();
        assert_eq!(found, given);
        assert!(found.is_usable(at(99)) && !found.is_usable(at(100)));
        assert_eq!(credentials::find_by_hash(&mut tx, &[6; 32]).await.unwrap(), None);
        let stranger = TenantId::new(now());
        assert!(!credentials::revoke(&mut tx, stranger, given.id, at(1)).await.unwrap());
        assert!(credentials::revoke(&mut tx, tenant, given.id, at(1)).await.unwrap());
        assert!(!credentials::revoke(&mut tx, tenant, given.id, at(2)).await.unwrap());
        let found = credentials::find_by_hash(&mut tx, &[5; 32]).await.unwrap().unwrap();
        assert!(!found.is_usable(at(2)));
        assert_eq!(credentials::list(&mut tx, tenant).await.unwrap(), [found]);
    }

    async fn a_key_becomes_active_and_the_former_one_retires(db) {
        let (tenant, stranger) = (db.network().await, db.network().await);
        let vault = db.store.keys(tenant).await.unwrap();
        let mut tx = db.store.writing().await.unwrap();
        let mut ids = Vec::new();
        for text in ["first", "second"] {
            let id = KeyId::new(now());
            let sealed =
                vault.seal_secret(id.as_bytes(), keys::SEAL_PART, &Secret::new(text)).unwrap();
            keys::stage(&mut tx, &key(tenant, id, sealed)).await.unwrap();
            ids.push(id);
        }
        let active = async |tx: &mut store::Tx| {
            keys::find_active(tx, tenant, &site(), afdas(), Environment::Live).await
        };
        assert_eq!(active(&mut tx).await.unwrap(), None);
        let day = "2027-08-31".parse().unwrap();
        keys::set_probe_result(&mut tx, tenant, ids[0], "accepted", Some(day), at(5)).await.unwrap();
        assert!(keys::activate(&mut tx, tenant, ids[0], at(6)).await.unwrap());
        keys::used(&mut tx, tenant, ids[0], at(7)).await.unwrap();
        let found = active(&mut tx).await.unwrap().unwrap();
        assert_eq!((found.id, found.expires_on, found.probed_at), (ids[0], Some(day), Some(at(5))));
        assert_eq!(found.last_used_at, Some(at(7)));
        let mut told = Vec::new();
        for (taken, seconds) in [(true, 20), (false, 21), (false, 22), (true, 23), (true, 24)] {
            let news = keys::told_by_call(&mut tx, tenant, ids[0], taken, at(seconds)).await.unwrap();
            let key = active(&mut tx).await.unwrap().unwrap();
            told.push((news, key.probe_result.unwrap(), key.changed_at));
        }
        let word = |news, word: &str, seconds| (news, word.to_owned(), at(seconds));
        // A refusal is news once, and no change of the key; what was taken after it is.
        assert_eq!(told, [
            word(false, "accepted", 6), word(true, "refused", 6), word(false, "refused", 6),
            word(true, "accepted", 23), word(false, "accepted", 23),
        ]);
        let clear = vault.open_secret(found.id.as_bytes(), keys::SEAL_PART, &found.sealed).unwrap();
        assert_eq!(clear, Secret::new("first"));
        let longer = "2027-12-31".parse().unwrap();
        assert!(keys::validity::given(&mut tx, tenant, ids[0], longer, at(25)).await.unwrap());
        let found = active(&mut tx).await.unwrap().unwrap();
        assert_eq!((found.expires_on, found.changed_at), (Some(longer), at(25)));
        assert!(!keys::validity::given(&mut tx, stranger, ids[0], day, at(26)).await.unwrap());
        assert!(keys::activate(&mut tx, tenant, ids[1], at(8)).await.unwrap());
        assert_eq!(active(&mut tx).await.unwrap().unwrap().id, ids[1]);
        assert_eq!(
            keys::find(&mut tx, tenant, ids[0]).await.unwrap().unwrap().state,
            KeyState::Retiring
        );
        assert!(keys::revoke(&mut tx, tenant, ids[1], at(9)).await.unwrap());
        assert!(!keys::validity::given(&mut tx, tenant, ids[1], day, at(9)).await.unwrap());
        assert!(!keys::activate(&mut tx, tenant, ids[1], at(10)).await.unwrap());
        assert_eq!(active(&mut tx).await.unwrap(), None);
        assert_eq!(keys::list(&mut tx, tenant).await.unwrap().len(), 2);
        let stranger = TenantId::new(now());
        assert_eq!(keys::find(&mut tx, stranger, ids[0]).await.unwrap(), None);
        assert!(!keys::activate(&mut tx, stranger, ids[0], at(11)).await.unwrap());
    }

    async fn a_network_uses_its_own_software_credential_before_the_platforms(db) {
        let tenant = db.network().await;
        let make = |owner: TenantId, client: &str, vault: &store::TenantKey| {
            let id = KeyId::new(now());
            let secret = Secret::new(format!("secret of {client}"));
            SoftwareCredential {
                tenant: owner,
                id,
                instance: afdas(),
                environment: Environment::Live,
                client_id: client.to_owned(),
                sealed_secret: Some(
                    vault.seal_secret(id.as_bytes(), software::SECRET_PART, &secret).unwrap(),
                ),
                sealed_dpop_key: None,
                created_at: now(),
            }
        };
        let platform = db.store.keys(TenantId::PLATFORM).await.unwrap();
        let own = db.store.keys(tenant).await.unwrap();
        let shared = make(TenantId::PLATFORM, "shared", &platform);
        let mine = make(tenant, "mine", &own);
        let mut tx = db.store.writing().await.unwrap();
        let find = async |tx: &mut store::Tx| {
            software::find(tx, tenant, afdas(), Environment::Live).await.unwrap()
        };
        assert_eq!(find(&mut tx).await, None);
        software::put(&mut tx, &shared).await.unwrap();
        assert_eq!(find(&mut tx).await, Some(shared.clone()));
        software::put(&mut tx, &mine).await.unwrap();
        let found = find(&mut tx).await.unwrap();
        assert_eq!(found, mine);
        let sealed = found.sealed_secret.unwrap();
        let clear = own.open_secret(found.id.as_bytes(), software::SECRET_PART, &sealed).unwrap();
        assert_eq!(clear, Secret::new("secret of mine"));
        let again = SoftwareCredential { client_id: "renewed".to_owned(), ..mine };
        software::put(&mut tx, &again).await.unwrap();
        assert_eq!(software::list(&mut tx, tenant).await.unwrap(), [again]);
    }

    async fn an_override_of_the_establishment_goes_before_its_companys(db) {
        let tenant = db.network().await;
        let make = |subject, opco, from, until| RouteOverride {
            tenant,
            id: OverrideId::new(now()),
            subject,
            opco,
            author: "person:1".to_owned(),
            reason: "lettre de l'OPCO".to_owned(),
            from,
            until,
            created_at: now(),
        };
        let company = make(Subject::Siren(site().siren()), Opco::Akto, now(), None);
        let place = make(Subject::Siret(site()), Opco::Atlas, at(10), Some(at(20)));
        let mut tx = db.store.writing().await.unwrap();
        overrides::put_route(&mut tx, &company).await.unwrap();
        overrides::put_route(&mut tx, &place).await.unwrap();
        for (seconds, expected) in [(9, Opco::Akto), (10, Opco::Atlas), (20, Opco::Akto)] {
            let found =
                overrides::effective_route(&mut tx, tenant, &site(), at(seconds)).await.unwrap();
            assert_eq!(found.unwrap().opco, expected, "at {seconds}");
        }
        assert!(overrides::end_route(&mut tx, tenant, company.id, at(30)).await.unwrap());
        assert!(!overrides::end_route(&mut tx, tenant, company.id, at(31)).await.unwrap());
        let none = overrides::effective_route(&mut tx, tenant, &site(), at(30)).await.unwrap();
        assert_eq!(none, None);
        let stranger = TenantId::new(now());
        let none = overrides::effective_route(&mut tx, stranger, &site(), at(10)).await.unwrap();
        assert_eq!(none, None);
        assert_eq!(overrides::routes(&mut tx, tenant).await.unwrap().len(), 2);
    }

    async fn a_rule_does_what_its_network_last_decided(db) {
        let tenant = db.network().await;
        let make = |effect| RuleOverride {
            tenant,
            rule: "DUP-002".to_owned(),
            effect,
            author: "person:1".to_owned(),
            reason: "trop de bruit".to_owned(),
            created_at: now(),
        };
        let mut tx = db.store.writing().await.unwrap();
        overrides::put_rule(&mut tx, &make(Effect::Hold)).await.unwrap();
        overrides::put_rule(&mut tx, &make(Effect::Warn)).await.unwrap();
        assert_eq!(overrides::rules(&mut tx, tenant).await.unwrap(), [make(Effect::Warn)]);
        assert!(overrides::rules(&mut tx, TenantId::new(now())).await.unwrap().is_empty());
        assert!(overrides::remove_rule(&mut tx, tenant, "DUP-002").await.unwrap());
        assert!(!overrides::remove_rule(&mut tx, tenant, "DUP-002").await.unwrap());
    }

    async fn an_attestation_covers_its_site_between_its_days(db) {
        let tenant = db.network().await;
        let mandate = Mandate {
            tenant,
            id: MandateId::new(now()),
            siret_cfa: site(),
            scope: Scope::Site {
                from: "2026-09-01".parse().unwrap(),
                until: Some("2026-12-31".parse().unwrap()),
            },
            reference: "ATT-1".to_owned(),
            signed_on: "2026-08-30".parse().unwrap(),
            document_hash: Some([3; 32]),
            author: "person:1".to_owned(),
            created_at: now(),
        };
        let mut tx = db.store.writing().await.unwrap();
        mandates::put(&mut tx, &mandate).await.unwrap();
        for (day, covered) in [
            ("2026-08-31", false), ("2026-09-01", true), ("2026-12-31", true), ("2027-01-01", false),
        ] {
            let found =
                mandates::of_site(&mut tx, tenant, &site(), day.parse().unwrap()).await.unwrap();
            assert_eq!(found, covered.then(|| mandate.clone()), "{day}");
        }
        let delivery = domain::id::DeliveryId::new(now());
        let given = store::GivenMandate {
            id: MandateId::new(now()),
            reference: "M-2".to_owned(),
            signed_on: "2026-08-30".parse().unwrap(),
            document_hash: None,
            author: "person:1".to_owned(),
        };
        let record = Mandate::of_delivery(tenant, delivery, site(), given, now());
        let record_id = record.id;
        mandates::put(&mut tx, &record).await.unwrap();
        assert_eq!(mandates::of_delivery(&mut tx, tenant, delivery).await.unwrap(), Some(record));
        let attested = mandates::attestations(&mut tx, tenant).await.unwrap();
        assert_eq!(attested, std::slice::from_ref(&mandate));
        // It ends sooner, never later; nobody else's, and no delivery's.
        let (sooner, later) = ("2026-10-31".parse().unwrap(), "2026-11-30".parse().unwrap());
        let stranger = TenantId::new(now());
        assert!(!mandates::end(&mut tx, stranger, mandate.id, sooner).await.unwrap());
        assert!(!mandates::end(&mut tx, tenant, record_id, sooner).await.unwrap());
        assert!(mandates::end(&mut tx, tenant, mandate.id, sooner).await.unwrap());
        assert!(!mandates::end(&mut tx, tenant, mandate.id, later).await.unwrap());
        for (day, covered) in [("2026-10-31", true), ("2026-11-01", false)] {
            let found = mandates::of_site(&mut tx, tenant, &site(), day.parse().unwrap()).await;
            assert_eq!(found.unwrap().is_some(), covered, "{day}");
        }
        let none = mandates::of_delivery(&mut tx, TenantId::new(now()), delivery).await.unwrap();
        assert_eq!(none, None);
    }

    async fn of_two_switches_the_latest_in_force_counts(db) {
        let make = |openness, from, until| CapabilitySwitch {
            id: OverrideId::new(now()),
            instance: Instance::first(Opco::OpcoSante),
            capability: Capability::DossiersV1,
            openness,
            author: "person:1".to_owned(),
            reason: "ouverture".to_owned(),
            label: Some("bac à sable".to_owned()),
            from,
            until,
            created_at: now(),
        };
        let first = make(Openness::Recette, now(), None);
        let second = make(Openness::Production, at(10), Some(at(20)));
        let mut tx = db.store.writing().await.unwrap();
        switches::put(&mut tx, &first).await.unwrap();
        switches::put(&mut tx, &second).await.unwrap();
        assert_eq!(switches::effective(&mut tx, at(9)).await.unwrap(), std::slice::from_ref(&first));
        assert_eq!(switches::effective(&mut tx, at(10)).await.unwrap(), std::slice::from_ref(&second));
        assert_eq!(switches::effective(&mut tx, at(20)).await.unwrap(), std::slice::from_ref(&first));
        assert_eq!(switches::list(&mut tx).await.unwrap().len(), 2);
        assert!(switches::end(&mut tx, first.id, at(30)).await.unwrap());
        assert!(switches::effective(&mut tx, at(30)).await.unwrap().is_empty());
    }

    async fn one_holder_at_a_time_may_send_to_a_system(db) {
        let acquire = async |holder: &str, seconds, until| {
            db.store
                .acquire_limit(afdas(), Environment::Live, holder, at(seconds), at(until))
                .await
                .unwrap()
        };
        assert!(acquire("a", 0, 30).await);
        assert!(!acquire("b", 29, 60).await);
        assert!(acquire("a", 20, 50).await, "renewed");
        assert!(acquire("b", 50, 80).await, "the lease had ended");
        db.store.release_limits("a").await.unwrap();
        assert!(!acquire("a", 60, 90).await, "only the holder gives it back");
        let free = async |holder: &str, seconds, environment| {
            db.store.limit_is_free(afdas(), environment, holder, at(seconds)).await.unwrap()
        };
        assert!(!free("a", 60, Environment::Live).await);
        assert!(free("b", 60, Environment::Live).await, "the holder itself does not count");
        assert!(free("a", 60, Environment::Test).await, "the worlds have limits of their own");
        assert!(free("a", 80, Environment::Live).await, "the lease had ended");
        db.store.release_limits("b").await.unwrap();
        assert!(acquire("a", 60, 90).await);
        let mut tasks = Vec::new();
        for n in 0..8 {
            let store = db.store.clone();
            tasks.push(tokio::spawn(async move {
                let akto = Instance::first(Opco::Akto);
                let holder = n.to_string();
                store.acquire_limit(akto, Environment::Live, &holder, at(0), at(30)).await.unwrap()
            }));
        }
        let mut holders = 0;
        for task in tasks {
            holders += u32::from(task.await.unwrap());
        }
        assert_eq!(holders, 1);
    }

    async fn a_silence_that_was_asked_for_is_known_until_it_ends(db) {
        let ask = async |instance, until| {
            db.store.silence(instance, Environment::Live, at(until)).await.unwrap();
        };
        let akto = Instance::first(Opco::Akto);
        ask(afdas(), 60).await;
        ask(afdas(), 30).await;
        ask(akto, 40).await;
        let silences = async |seconds| db.store.silences(at(seconds)).await.unwrap();
        let both = [
            (afdas(), Environment::Live, at(60)),
            (akto, Environment::Live, at(40)),
        ];
        assert_eq!(silences(0).await, both, "the longest counts");
        assert_eq!(silences(40).await, both[..1]);
        assert!(silences(60).await.is_empty());
    }
}
