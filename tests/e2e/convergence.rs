//! The façade: the norm spoken by the gateway, as an ERP meets it.

mod parity;

use domain::{Capability, Opco};
use harness::erp::Answer;
use harness::network::{self, network};
use harness::norm::Norm;
use harness::payload::{self, Contract, contract};
use harness::pieces::{Piece, certificat, convention, document, facture};
use harness::scene::Scene;
use harness::{on_both, wait};
use reqwest::Method;
use serde_json::{Value, json};
use simulator::{Duplicates, Etat, Fault, FaultKind, Kind, Overrides, Scope, StateOrder};

/// A wait that ends before a slow OPCO answers.
const IMPATIENT: &str = "CFA_GATEWAY__CONVERGENCE__WAIT_MS=400";
/// Schedules are read again every minute of the story.
const OFTEN: &str =
    "CFA_GATEWAY__DELIVERY__POLL__SCHEDULE_S=60\nCFA_GATEWAY__DELIVERY__POLL__SCHEDULE_COLD_S=120";
/// Longer than that.
const SLOW_MS: u64 = 2_500;

on_both! {
    async fn a_contract_goes_through_as_at_an_opco(scene) {
        let norm = signed_in(&scene).await;
        for (version, seed, opco) in [("v1", 900, Opco::Akto), ("v2", 901, Opco::Atlas), ("v1", 902, Opco::Afdas)] {
            let contract = contract(seed).to(opco);
            let answer = norm.post(&format!("/{version}/dossiers"), &contract.body).await;
            let told = answer.expect(200);
            let numero = told["numeroInterne"].as_str().unwrap();
            let prefix = format!("{}-", opco.slug().to_uppercase());
            let bare = numero.strip_prefix(&prefix).unwrap();
            assert!(told["numeroExterne"].as_str().unwrap().starts_with(&prefix), "{told}");
            assert_eq!(told["numeroDeca"], Value::Null);
            let taken = scene.opcos.taken(opco, &contract);
            assert_eq!((taken.len(), taken[0].numero_interne.as_str()), (1, bare));
            let id = answer.header("cfa-livraison").unwrap();
            assert_eq!(scene.erp.delivery(id).await["status"], "delivered");
            let again = norm.post(&format!("/{version}/dossiers"), &contract.body).await;
            assert_eq!(again.expect(200), told, "the same call, the same answer");
            assert_eq!(scene.opcos.taken(opco, &contract).len(), 1);
            let list = norm.get("/v1/dossiers/etats").await;
            assert!(list.header("cfa-lu-le").unwrap().contains(opco.slug()));
            let listed = list.expect(200);
            let line = listed.as_array().unwrap().iter().find(|line| line["numeroInterne"] == numero);
            assert!(line.is_some(), "{listed}");
        }
        let status = Norm::new(&norm.base, "aucune").get("/v1/status").await.expect(200);
        assert_eq!(status["supportedVersions"], json!(["1.0", "2.0"]));
    }

    async fn who_calls_is_checked_in_the_norms_order(scene) {
        let norm = signed_in(&scene).await;
        let key_only = norm.clone().without("authorization");
        let (_, stranger) = scene.another(network()).await;
        let path = "/v1/dossiers/etats";
        norm.get(path).await.expect(200);
        key_only.get(path).await.expect(200);
        let own_key = key_only.clone().with("authorization", format!("Bearer {}", scene.erp.token).as_bytes());
        own_key.get(path).await.expect(200);
        // The token of one key opens nothing with another, and neither does a made-up one.
        let others_key = norm.clone().with("x-api-key", stranger.token.as_bytes());
        refused(&others_key.get(path).await, 401, "JETON_INVALIDE");
        let made_up = norm.clone().with("authorization", b"Bearer n-importe-quoi");
        refused(&made_up.get(path).await, 401, "JETON_INVALIDE");
        let own = norm.headers["authorization"].to_str().unwrap().to_owned();
        let mut last = own.clone();
        let flipped = if last.pop() == Some('A') { 'B' } else { 'A' };
        last.push(flipped);
        refused(&norm.clone().with("authorization", last.as_bytes()).get(path).await, 401, "JETON_INVALIDE");
        assert!(!own.contains(&scene.erp.token));
        refused(&made_up.clone().without("x-api-key").get(path).await, 401, "JETON_INVALIDE");
        refused(&key_only.clone().without("x-api-key").get(path).await, 401, "JETON_INVALIDE");
        refused(&norm.clone().without("x-api-key").get(path).await, 403, "CLE_CFA_INVALIDE");
        let wrong = key_only.clone().with("x-api-key", b"cfg_test_inconnue");
        refused(&wrong.clone().without("editeur").get(path).await, 403, "CLE_CFA_INVALIDE");
        for name in ["editeur", "logiciel", "version"] {
            refused(&norm.clone().without(name).get(path).await, 400, "LOGICIEL_NON_AUTORISE");
        }
        let accents = norm.clone().with("editeur", "Éditeur · école".as_bytes());
        accents.get(path).await.expect(200);
        refused(&norm.get("/v1/nulle-part").await, 404, "ROUTE_INCONNUE");
        refused(&norm.call(Method::DELETE, path, "", Vec::new()).await, 405, "METHODE_INTERDITE");
        let url = format!("{}/oauth/token", norm.base);
        let bad = norm.form(&url, "grant_type=client_credentials&client_id=x&client_secret=faux").await;
        assert_eq!(bad.expect(401)["error"], "invalid_client");
        let bad = norm.form(&url, "grant_type=password").await;
        assert_eq!(bad.expect(400)["error"], "unsupported_grant_type");
    }

    async fn every_address_of_the_norm_leads_to_the_same_door(scene) {
        let norm = signed_in(&scene).await;
        for base in ["/SorApiEchangeCFA", "/ApiEchangeCFA", ""] {
            norm.get(&format!("{base}/V1/Dossiers/Etats/")).await.expect(200);
        }
        let origin = &scene.gateway.origin;
        for token in [
            "convergence/SorApiIdentityServer/connect/token",
            "convergence/auth/realms/interopco-partenaires/protocol/openid-connect/token",
            "convergence/oauth2/default/v1/token",
        ] {
            let url = format!("{origin}/{token}");
            facade(&scene).signed_in(&url, "logiciel", &scene.erp.token).await
                .get("/v2/dossiers/etats").await.expect(200);
        }
        let document = norm.get("/openapi.json").await.expect(200);
        assert_eq!(document["openapi"], "3.1.0");
    }

    async fn the_lenient_habits_of_both_dialects_are_taken(scene) {
        let norm = facade(&scene).with("editeur", "Société d’édition".as_bytes());
        let mut dialect = contract(910).to(Opco::Akto)
            .with("/cerfa/contrat/typeContratApp", json!("11"))
            .with("/cerfa/contrat/salaireEmbauche", json!("1801.80"))
            .with("/cerfa/employeur/nombreDeSalaries", json!("12"));
        dialect.body["cerfa"]["contrat"]["dateEffetAvenant"] = json!("");
        dialect.body["cerfa"]["contrat"]["noContrat"] = json!("0");
        dialect.body["cerfa"]["etat"] = json!("TRANSMIS");
        let told = norm.post("/v1/dossiers", &dialect.body).await;
        told.expect(200);
        assert_eq!(scene.opcos.taken(Opco::Akto, &dialect).len(), 1);
    }

    async fn an_answer_that_comes_late_is_told_to_the_next_call(scene, IMPATIENT) {
        let norm = facade(&scene);
        let contract = contract(920).to(Opco::Akto);
        scene.opcos.fault(Opco::Akto, Fault::slow(SLOW_MS).on(Scope::Dossiers).times(1));
        let first = norm.post("/v1/dossiers", &contract.body).await;
        refused(&first, 503, "OPCO_INDISPONIBLE");
        assert!(first.header("retry-after").is_some());
        assert!(first.text.contains("ne le ressaisissez pas"), "{}", first.text);
        // Meanwhile: the same contract with something else in it is another contract.
        let other = contract.clone().with("/cerfa/employeur/nombreDeSalaries", json!(19));
        refused(&norm.post("/v1/dossiers", &other.body).await, 409, "DOSSIER_DOUBLON");
        let told = outcome(&norm, &contract).await;
        assert_eq!(told.0, 200, "{}", told.1);
        assert_eq!(scene.opcos.taken(Opco::Akto, &contract).len(), 1);
        refused(&norm.post("/v2/dossiers", &other.body).await, 409, "DOSSIER_DOUBLON");
    }

    async fn a_refusal_that_comes_late_is_told_once_and_then_tried_again(scene, IMPATIENT) {
        let norm = facade(&scene);
        let contract = contract(930).to(Opco::Akto);
        scene.opcos.fault(Opco::Akto, Fault::slow(SLOW_MS).on(Scope::Dossiers).times(1));
        let words = Fault::new(FaultKind::Refusal).on(Scope::Dossiers).times(1).saying("Certification non ouverte");
        scene.opcos.fault(Opco::Akto, words);
        refused(&norm.post("/v1/dossiers", &contract.body).await, 503, "OPCO_INDISPONIBLE");
        let (status, told) = outcome(&norm, &contract).await;
        assert_eq!(status, 400, "{told}");
        assert!(told.to_string().contains("Certification non ouverte"), "{told}");
        assert_eq!(scene.opcos.taken(Opco::Akto, &contract).len(), 0);
        let (status, told) = outcome(&norm, &contract).await;
        assert_eq!(status, 200, "{told}");
    }

    async fn a_contract_sent_by_the_native_door_is_the_same_contract(scene) {
        let norm = facade(&scene);
        let contract = contract(935).to(Opco::Akto);
        let id = scene.erp.submit(&contract).await;
        let told = norm.post("/v1/dossiers", &contract.body).await;
        told.expect(200);
        assert_eq!(told.header("cfa-livraison"), Some(id.as_str()));
        let other = contract.with("/cerfa/employeur/nombreDeSalaries", json!(19));
        refused(&norm.post("/v1/dossiers", &other.body).await, 409, "DOSSIER_DOUBLON");
    }

    async fn what_only_a_person_can_mend_is_refused_at_once_and_nothing_is_kept(scene) {
        let (_, keyless) = scene.another(network().without_key(Opco::Akto)).await;
        let (_, unattested) = scene.another(network().unattested()).await;
        let at = |erp: &harness::erp::Erp| Norm::new(&facade(&scene).base, &erp.token);
        let akto = contract(940).to(Opco::Akto);
        refused(&at(&keyless).post("/v1/dossiers", &akto.body).await, 403, "KEY-001");
        refused(&at(&unattested).post("/v1/dossiers", &akto.body).await, 400, "ELI-002");
        let closed = contract(941).to(Opco::OpcoSante);
        refused(&facade(&scene).post("/v1/dossiers", &closed.body).await, 400, "ROU-005");
        let bad = contract(942).to(Opco::Akto)
            .with("/cerfa/apprenti/nir", json!("205049399999993"))
            .with("/cerfa/employeur/siret", json!("12345678200011"));
        let told = facade(&scene).post("/v1/dossiers", &bad.body).await;
        let told = told.expect(400);
        assert!(told["errors"].as_array().unwrap().len() >= 2, "{told}");
        assert!(!told.to_string().contains("205049399999993"), "the NIR is masked");
        let elsewhere = contract(943).to(Opco::Akto).of(harness::payload::site(7));
        refused(&facade(&scene).post("/v1/dossiers", &elsewhere.body).await, 403, "SITE_INTERDIT");
        for erp in [&keyless, &unattested, &scene.erp] {
            let kept = erp.get("/api/v1/deliveries").await.expect(200);
            assert_eq!(kept["deliveries"], json!([]));
        }
        assert_eq!(scene.opcos.total(), 0);
    }

    async fn a_key_that_the_opco_refuses_is_told_and_nothing_stays_behind(scene) {
        let norm = facade(&scene);
        let contract = contract(945).to(Opco::Akto);
        scene.opcos.fault(Opco::Akto, Fault::new(FaultKind::ExpiredKey)
            .on(Scope::Dossiers)
            .times(1));
        let told = norm.post("/v1/dossiers", &contract.body).await;
        assert_eq!(told.status.as_u16(), 403, "{}", told.text);
        let id = told.header("cfa-livraison").unwrap();
        scene.erp.until_status(id, "cancelled").await;
        norm.post("/v1/dossiers", &contract.body).await.expect(200);
        assert_eq!(scene.opcos.taken(Opco::Akto, &contract).len(), 1);
    }

    async fn a_contract_the_opco_ended_may_be_filed_again(scene) {
        let norm = facade(&scene);
        let contract = contract(950).to(Opco::Akto);
        let first = norm.post("/v1/dossiers", &contract.body).await.expect(200);
        let numero = first["numeroInterne"].as_str().unwrap().to_owned();
        let bare = numero.strip_prefix("AKTO-").unwrap();
        let order = StateOrder { force: true, ..StateOrder::new(Etat::Annule) };
        scene.opcos.handle().set_state("akto", bare, order).unwrap();
        until_listed(&norm, &numero, "ANNULE").await;
        let other = contract.clone().with("/cerfa/employeur/nombreDeSalaries", json!(19));
        let second = norm.post("/v1/dossiers", &other.body).await.expect(200);
        assert_ne!(second["numeroInterne"], first["numeroInterne"]);
        assert_eq!(scene.opcos.taken(Opco::Akto, &contract).len(), 2);
    }

    async fn a_number_is_read_with_its_prefix_or_alone_and_by_its_owner_only(scene) {
        let norm = facade(&scene);
        // Another network has keys of its own: whoever holds a site's key may read what the OPCO shows it.
        let (_, stranger) = scene.another(network().marked("autre")).await;
        let stranger = Norm::new(&norm.base, &stranger.token);
        let file = async |seed, opco| {
            let told = norm.post("/v1/dossiers", &contract(seed).to(opco).body).await.expect(200);
            told["numeroInterne"].as_str().unwrap().to_owned()
        };
        let numero = file(960, Opco::Akto).await;
        let bare = numero.strip_prefix("AKTO-").unwrap();
        for asked in [numero.as_str(), bare, &numero.to_lowercase()] {
            for version in ["v1", "v2"] {
                let path = format!("/{version}/dossiers?numeroInterne={asked}");
                let detail = norm.get(&path).await.expect(200);
                assert_eq!(detail["cerfa"]["numeroInterne"], numero.as_str(), "{asked}");
                refused(&stranger.get(&path).await, 404, "DOSSIER_INCONNU");
            }
            let list = format!("/v1/dossiers/liste?numerosInternes={asked},AKTO-0,0");
            assert_eq!(norm.get(&list).await.expect(200).as_array().unwrap().len(), 1);
            assert_eq!(stranger.get(&list).await.expect(200), json!([]));
        }
        assert_eq!(stranger.get("/v1/dossiers/etats").await.expect(200), json!([]));
        let who = contract(960).pairing();
        let paired = format!(
            "/v1/dossiers?nom={}&prenom={}&dateNaissance={}&siret={}&dateDebutContrat={}",
            who.nom, who.prenom, who.date_naissance, who.siret, who.date_debut_contrat,
        );
        assert_eq!(norm.get(&paired).await.expect(200)["cerfa"]["numeroInterne"], numero.as_str());
        refused(&stranger.get(&paired).await, 404, "DOSSIER_INCONNU");
        // Two OPCOs may give the same number: alone it is nobody's then.
        let other = file(961, Opco::Atlas).await;
        let both = other.strip_prefix("ATLAS-").unwrap() == bare;
        let alone = norm.get(&format!("/v1/dossiers?numeroInterne={bare}")).await;
        assert_eq!(alone.status.as_u16(), if both { 400 } else { 200 }, "{}", alone.text);
        norm.get(&format!("/v1/dossiers?numeroInterne={other}")).await.expect(200);
        for odd in ["%00", "AKTO-%00", "%27%20or%201=1", "AKTO-"] {
            let answer = norm.get(&format!("/v2/dossiers?numeroInterne={odd}")).await;
            assert!(matches!(answer.status.as_u16(), 400 | 404), "{odd}: {}", answer.text);
        }
    }

    async fn an_opco_that_is_down_never_shortens_a_list(scene, IMPATIENT) {
        let norm = facade(&scene);
        let told = outcome(&norm, &contract(970).to(Opco::Akto)).await;
        let numero = told.1["numeroInterne"].as_str().unwrap().to_owned();
        until_listed(&norm, &numero, "ENGAGE").await;
        scene.opcos.fault(Opco::Akto, Fault::new(FaultKind::Unavailable));
        let list = norm.get("/v2/dossiers/etats").await.expect(200);
        assert_eq!((&list["total"], &list["count"], &list["page"]), (&json!(1), &json!(1), &json!(1)));
        assert_eq!(list["EtatDossierResult"][0]["etat"], "ENGAGE");
        let detail = norm.get(&format!("/v1/dossiers?numeroInterne={numero}")).await;
        refused(&detail, 503, "OPCO_INDISPONIBLE");
        assert!(detail.header("retry-after").is_some());
        let past = norm.get("/v2/dossiers/etats?numeroPage=2").await.expect(200);
        assert_eq!((&past["total"], &past["count"]), (&json!(1), &json!(0)));
    }

    async fn a_termination_finds_its_contract_by_its_prefixed_number(scene) {
        scene.opcos.open(Opco::Akto, simulator::Capability::Rupture);
        network::switch(&scene.store, Opco::Akto, Capability::Rupture, scene.now()).await;
        let norm = facade(&scene);
        let contract = contract(980).to(Opco::Akto);
        let told = norm.post("/v2/dossiers", &contract.body).await.expect(200);
        let numero = told["numeroInterne"].as_str().unwrap().to_owned();
        until_listed(&norm, &numero, "ENGAGE").await;
        let mut body = harness::pieces::rupture(&contract);
        body["numeroInterneDossier"] = json!(numero);
        let ended = norm.post("/v2/dossiers/rupture/employeur", &body).await;
        assert_eq!(ended.expect(200), json!({"numeroInterne": numero, "etat": "RUPTU"}));
        let again = norm.post("/v2/dossiers/rupture/employeur", &body).await;
        assert_eq!(again.expect(200)["etat"], "RUPTU", "the same call, the same answer");
        body["motifRupture"] = json!("AUTRE");
        let other = norm.post("/v2/dossiers/rupture/employeur", &body).await;
        refused(&other, 409, "DOSSIER_DOUBLON");
        until_listed(&norm, &numero, "RUPTURE").await;
        let page = norm.get("/v2/dossiers/etats").await.expect(200);
        assert_eq!(page["EtatDossierResult"][0]["etat"], "RUPTU");
    }

    async fn what_goes_with_a_contract_reaches_its_opco_with_its_file(scene) {
        open_pieces(&scene, Opco::Akto).await;
        let norm = facade(&scene);
        let contract = contract(985).to(Opco::Akto);
        let told = norm.post("/v1/dossiers", &contract.body).await.expect(200);
        let numero = told["numeroInterne"].as_str().unwrap().to_owned();
        let bare = numero.strip_prefix("AKTO-").unwrap();
        // With the prefix and without: one dossier has the number.
        let agreement = convention(&contract).with("numeroInterneDossier", json!(numero));
        let told = norm.hand_in("/v1/conventions", &agreement).await;
        let stored = told.expect(200)["numeroInterneDocument"].as_str().unwrap().to_owned();
        assert!(stored.starts_with("AKTO-"), "{stored}");
        let again = norm.hand_in("/SorApiEchangeCFA/v1/Conventions", &agreement).await;
        assert_eq!(again.expect(200)["numeroInterneDocument"], stored.as_str(), "the same call");
        assert_eq!(filed(&scene, Kind::Convention), [bare]);
        let paper = document("CONVENTION_REDUCTION_DUREE").with("objets", json!([
            {"typeObjet": "DOSSIER_APPRENTISSAGE", "idObjet": bare},
        ]));
        let told = norm.hand_in("/v1/documents", &paper).await.expect(200);
        assert!(told["numeroInterneDocument"].as_str().unwrap().starts_with("AKTO-"), "{told}");
        assert_eq!(filed(&scene, Kind::Document), [bare]);
        until_listed(&norm, &numero, "ENGAGE").await;
        let proof = certificat(&contract).with("numeroInterneDossier", json!(numero));
        norm.hand_in("/v2/certificats", &proof).await.expect(200);
        assert_eq!(filed(&scene, Kind::Certificat), [bare]);
    }

    async fn a_dossier_filed_elsewhere_is_asked_of_its_opco_with_the_callers_keys(scene) {
        scene.opcos.open(Opco::Akto, simulator::Capability::DossiersV1);
        network::switch(&scene.store, Opco::Akto, Capability::DossiersV1, scene.now()).await;
        let (base, token) = scene.opcos.addresses(Opco::Akto);
        let direct = Norm::new(&base, &scene.network.key(scene.network.sites[0], Opco::Akto));
        let direct = direct.signed_in(&token, "logiciel", "secret").await;
        let filed = direct.post("/v1/dossiers", &contract(988).body).await.expect(200);
        let bare = filed["numeroInterne"].as_str().unwrap();
        let norm = facade(&scene);
        let shown = norm.get(&format!("/v1/dossiers?numeroInterne=AKTO-{bare}")).await.expect(200);
        assert_eq!(shown["cerfa"]["numeroInterne"], format!("AKTO-{bare}").as_str(), "{shown:#}");
        let listed = norm.get(&format!("/v1/dossiers/liste?numerosInternes=AKTO-{bare},AKTO-404404")).await;
        assert_eq!(listed.expect(200).as_array().unwrap().len(), 1);
        for other in [format!("AKTO-{bare}0"), format!("ATLAS-{bare}"), bare.to_owned()] {
            let unknown = norm.get(&format!("/v1/dossiers?numeroInterne={other}")).await;
            refused(&unknown, 404, "DOSSIER_INCONNU");
        }
        // Neither another network nor a key of other sites sees it, whatever the OPCO would show.
        let (_, stranger) = scene.another(network().marked("autre")).await;
        let elsewhere = Some(vec![payload::site(7)]);
        let narrow = scene.network.credential(&scene.store, elsewhere, scene.now()).await;
        for token in [stranger.token.clone(), narrow] {
            let other = Norm::new(&norm.base, &token);
            let unknown = other.get(&format!("/v1/dossiers?numeroInterne=AKTO-{bare}")).await;
            refused(&unknown, 404, "DOSSIER_INCONNU");
        }
    }

    async fn an_invoice_is_taken_once_and_followed_until_it_is_paid(scene, OFTEN) {
        scene.opcos.open(Opco::Akto, simulator::Capability::FacturesEtats);
        network::switch(&scene.store, Opco::Akto, Capability::FacturesEtats, scene.now()).await;
        let norm = facade(&scene);
        let contract = contract(987).to(Opco::Akto);
        let (numero, externe, detail) = engaged(&norm, &contract).await;
        let bill = invoice(&contract, "F-987", &detail, 0);
        assert_eq!(bill.json["lignes"][0]["numeroDossier"], externe.as_str());
        let told = until_told(&norm, "/v1/Factures", &bill).await;
        let taken = told.expect(200);
        assert!(taken["numeroInterneFacture"].as_str().unwrap().starts_with("AKTO-"), "{taken}");
        assert!(taken["numeroInterneDocument"].as_str().unwrap().starts_with("AKTO-"), "{taken}");
        assert_eq!(norm.hand_in("/v1/factures", &bill).await.expect(200), taken, "the same call");
        let mut other = bill.clone();
        other.json["dateEmission"] = json!("2026-09-03T00:00:00+00:00");
        refused(&norm.hand_in("/v1/factures", &other).await, 409, "DOSSIER_DOUBLON");
        assert_eq!(filed(&scene, Kind::Facture).len(), 1);
        // A line that is not open yet is told at once, as by an OPCO, and is not kept.
        let lines = detail["echeances"].as_array().unwrap();
        let later = invoice(&contract, "F-988", &detail, lines.len() - 1);
        let early = norm.hand_in("/v1/factures", &later).await.expect(400);
        assert!(early["errors"][0]["code"].as_str().unwrap().starts_with("FAC-"), "{early}");
        let paid = wait::until("the payment", async || {
            let page = norm.get("/v2/factures/etats").await.expect(200);
            assert_eq!((&page["total"], &page["count"], &page["page"]), (&json!(1), &json!(1), &json!(1)));
            let item = page["factures"][0].clone();
            (item["etatFacture"] == "REGLE").then_some(item)
        }).await;
        assert_eq!(paid["numeroInterneFacture"], taken["numeroInterneFacture"]);
        assert_eq!(paid["referenceFactureCFA"], "F-987");
        assert_eq!(paid["montantFacture"], bill.json["montantTotal"]);
        assert_eq!(paid["organismeFormation"]["siret"], bill.json["siretEmetteur"]);
        assert_eq!(paid["dossiers"], json!([{
            "numeroInterneDossier": numero, "numeroExterneDossier": externe,
            "montant": bill.json["montantTotal"],
        }]));
        let (_, stranger) = scene.another(network()).await;
        let stranger = Norm::new(&norm.base, &stranger.token);
        let page = stranger.get("/v2/factures/etats").await.expect(200);
        assert_eq!((&page["total"], &page["factures"]), (&json!(0), &json!([])));
    }

    async fn a_piece_nobody_can_place_is_refused_and_nothing_is_kept(scene) {
        open_pieces(&scene, Opco::Akto).await;
        let norm = facade(&scene);
        let (_, stranger) = scene.another(network()).await;
        let stranger = Norm::new(&norm.base, &stranger.token);
        let contract = contract(986).to(Opco::Akto);
        let told = norm.post("/v1/dossiers", &contract.body).await.expect(200);
        let bare = told["numeroInterne"].as_str().unwrap().strip_prefix("AKTO-").unwrap().to_owned();
        let agreement = convention(&contract).with("numeroInterneDossier", json!(bare));
        refused(&stranger.hand_in("/v1/conventions", &agreement).await, 404, "DOSSIER_INCONNU");
        let page = agreement.clone().filed(Some(("convention.pdf", b"<html></html>".to_vec())));
        assert_eq!(norm.hand_in("/v1/conventions", &page).await.status.as_u16(), 400);
        let none = agreement.clone().filed(None);
        assert_eq!(norm.hand_in("/v1/conventions", &none).await.status.as_u16(), 400);
        let told = norm.hand_in("/v1/documents", &document("INCONNU").filed(None)).await;
        let told = told.expect(400);
        assert!(told["Errors"][0]["Code"].is_string(), "{told}");
        assert!(filed(&scene, Kind::Convention).is_empty());
        let kept = scene.erp.get("/api/v1/deliveries?kind=convention").await.expect(200);
        assert_eq!(kept["deliveries"], json!([]));
    }

    async fn a_key_of_the_gateway_says_what_it_is_worth(scene) {
        let norm = facade(&scene);
        let siren = scene.network.sites[0].siren();
        let ask = async |siren: &str, key: &str| {
            norm.get(&format!("/v2/cfakeyinfo?siren={siren}&XAPIKEY={key}")).await
        };
        let good = ask(siren.as_str(), &scene.erp.token).await.expect(200);
        assert_eq!(good, json!({"status": "success", "dateFinValidite": null, "comment": null}));
        let bad = ask(siren.as_str(), "cfg_test_inconnue").await.expect(200);
        assert_eq!(bad["status"], "error");
        let other = ask("356000000", &scene.erp.token).await.expect(200);
        assert_eq!(other["status"], "error");
        refused(&ask("12", &scene.erp.token).await, 400, "REQUETE_ILLISIBLE");
        refused(&norm.get("/v2/cfakeyinfo").await, 400, "REQUETE_ILLISIBLE");
    }

    async fn hostile_bodies_get_the_norms_refusals(scene) {
        let norm = facade(&scene);
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let huge = format!("{{\"x\":\"{}\"}}", "a".repeat(3_000_000));
        let bodies: [(&str, Vec<u8>); 6] = [
            ("application/json", deep.into_bytes()),
            ("application/json", huge.into_bytes()),
            ("application/json", b"{\"cerfa\":".to_vec()),
            ("application/json", b"{\"a\":\"\xff\xfe\"}".to_vec()),
            ("text/plain", b"{}".to_vec()),
            ("application/json", Vec::new()),
        ];
        for path in ["/v1/dossiers", "/v2/dossiers", "/v2/dossiers/rupture/employeur", "/oauth/token"] {
            for (kind, body) in bodies.clone() {
                let answer = norm.call(Method::POST, path, kind, body).await;
                let status = answer.status.as_u16();
                assert!(matches!(status, 400 | 413 | 415), "{path}: {status} {}", answer.text);
                let body = answer.json();
                let told = body.get("description").or(body.get("error"));
                assert!(told.is_some_and(Value::is_string), "{path}: {}", answer.text);
            }
        }
    }
}

/// Returns a client of the façade that has a key and no token.
fn facade(scene: &Scene) -> Norm {
    let base = format!("{}/convergence", scene.gateway.origin);
    Norm::new(&base, &scene.erp.token)
}

/// Returns a client of the façade with a token.
async fn signed_in(scene: &Scene) -> Norm {
    let norm = facade(scene);
    let url = format!("{}/oauth/token", norm.base);
    norm.signed_in(&url, "logiciel", &scene.erp.token).await
}

/// Checks that an answer is a refusal in the norm's form, with this code among its reasons.
#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str) {
    let body = answer.expect(status);
    let codes: Vec<&Value> = body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["code"])
        .collect();
    assert!(codes.iter().any(|one| **one == code), "{code}: {body:#}");
    assert!(
        body["description"]
            .as_str()
            .is_some_and(|text| !text.is_empty()),
        "{body}"
    );
}

/// Repeats the call until it is told something else than to come back.
async fn outcome(norm: &Norm, contract: &Contract) -> (u16, Value) {
    wait::until("the outcome", async || {
        let answer = norm.post("/v1/dossiers", &contract.body).await;
        (answer.status != 503).then(|| (answer.status.as_u16(), answer.json()))
    })
    .await
}

/// Waits until the list of states shows a dossier in a state.
async fn until_listed(norm: &Norm, numero: &str, etat: &str) -> Value {
    wait::until("the state in the list", async || {
        let list = norm.get("/v1/dossiers/etats").await.expect(200);
        let mut lines = list.as_array().unwrap().iter();
        lines
            .find(|line| line["numeroInterne"] == numero && line["etat"] == etat)
            .cloned()
    })
    .await
}

/// Files a contract and returns its two numbers and all of it once its OPCO finances it.
async fn engaged(norm: &Norm, contract: &Contract) -> (String, String, Value) {
    let told = norm.post("/v1/dossiers", &contract.body).await.expect(200);
    let text = |name: &str| told[name].as_str().unwrap().to_owned();
    let (numero, externe) = (text("numeroInterne"), text("numeroExterne"));
    let path = format!("/v1/dossiers?numeroInterne={numero}");
    let detail = wait::until_value(
        "an engaged dossier",
        async || norm.get(&path).await.expect(200),
        |detail| detail["cerfa"]["etat"] == "ENGAGE" && detail["cerfa"]["numeroDeca"].is_string(),
    );
    let detail = detail.await;
    wait::until("the state in the list", async || {
        let list = norm.get("/v1/dossiers/etats").await.expect(200);
        let mut lines = list.as_array().unwrap().iter();
        let line = lines.find(|line| line["numeroInterne"] == numero.as_str())?;
        (line["etat"] == "ENGAGE" && line["numeroDeca"].is_string()).then_some(())
    })
    .await;
    (numero, externe, detail)
}

/// Makes the invoice of one line of a schedule, as a client of the norm writes it.
fn invoice(contract: &Contract, numero: &str, detail: &Value, line: usize) -> Piece {
    let line = &detail["echeances"][line];
    let mut bill = facture(contract, numero, (line["numero"].as_i64().unwrap(), 100));
    let montant = line["montantTotal"].clone();
    bill.json["montantTotal"] = montant.clone();
    bill.json["ibanEmetteur"] = line["iban"].clone();
    bill.json["lignes"][0] = json!({
        "montant": montant, "natureLigne": "PEDAGOGIE", "quantite": 1,
        "numeroEcheance": line["numero"], "codificationEcheance": line["codification"],
        "numeroDeca": detail["cerfa"]["numeroDeca"],
        "numeroDossier": detail["cerfa"]["numeroExterne"],
    });
    bill
}

/// Repeats the call until it is told something else than to come back.
async fn until_told(norm: &Norm, path: &str, piece: &Piece) -> Answer {
    wait::until("the outcome", async || {
        let answer = norm.hand_in(path, piece).await;
        (answer.status != 503).then_some(answer)
    })
    .await
}

/// Opens the flows of what goes with a contract, on both sides.
async fn open_pieces(scene: &Scene, opco: Opco) {
    for (theirs, ours) in [
        (simulator::Capability::Conventions, Capability::Conventions),
        (simulator::Capability::Documents, Capability::Documents),
        (simulator::Capability::Certificats, Capability::Certificats),
    ] {
        scene.opcos.open(opco, theirs);
        network::switch(&scene.store, opco, ours, scene.now()).await;
    }
}

/// Returns the dossiers for which AKTO took a payload of a kind, in order.
fn filed(scene: &Scene, kind: Kind) -> Vec<String> {
    let page = scene
        .opcos
        .handle()
        .ledger_of(Some("akto"), kind, 0, 1_000)
        .unwrap();
    let entries = page.entries.into_iter();
    entries.flat_map(|entry| entry.dossiers).collect()
}

/// Lets an OPCO refuse doubles, as it ships.
fn refuses_doubles(scene: &Scene, opco: Opco) {
    let overrides = Overrides {
        duplicates: Some(Duplicates::Refuse),
        ..Overrides::default()
    };
    scene.opcos.configure(opco, &overrides);
}
