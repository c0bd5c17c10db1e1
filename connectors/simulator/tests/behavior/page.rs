//! The page of the sandbox: what it shows, in which language, and what it never shows.

use serde_json::json;
use simulator::{Fault, FaultKind, SLUGS, Settings, StartError, Version, start};

use crate::rig::{Engaged, KEY, Piece, Reply, Rig, all_open, dossier_v1, invoice, send};

async fn page(rig: &Rig, query: &str, language: Option<&str>) -> Reply {
    let request = rig
        .http
        .get(format!("http://{}/{query}", rig.running.address));
    let request = match language {
        Some(language) => request.header("Accept-Language", language),
        None => request,
    };
    send(request).await.unwrap()
}

#[tokio::test]
async fn each_call_is_shown_with_its_fields_its_rules_and_what_to_do() {
    let rig = Rig::with(|settings| {
        settings.opcos.insert("akto".to_owned(), all_open());
    })
    .await;
    let engaged = Engaged::at(&rig, "akto", "MARTIN").await;
    let mut body = invoice("FA-1", &[engaged.line("PEDAGOGIE", 1, 3_120.0)]);
    body["ibanEmetteur"] = json!(null);
    body["montantTotal"] = json!(1);
    rig.send_piece("akto", Piece::facture(body)).await;
    let shown = page(&rig, "", None).await.text;
    for expected in [
        "ibanEmetteur",
        "IBAN_EMETTEUR_ABSENT",
        "n&#39;est pas renseigné",
        "Renseigner ibanEmetteur.",
        "TOTAL_DIFFERENT_SOMME_LIGNES",
        "Recalculer montantTotal au centime.",
        "POST v1 factures",
        "400 refusé",
        "200 accepté",
    ] {
        assert!(shown.contains(expected), "{expected}");
    }
    // The latest first.
    let (invoice, contract) = (
        shown.find("POST v1 factures").unwrap(),
        shown.find("POST v1 dossiers").unwrap(),
    );
    assert!(invoice < contract);
    let refused = page(&rig, "?appels=refuses", None).await.text;
    assert!(refused.contains("POST v1 factures") && !refused.contains("POST v1 dossiers"));
}

#[tokio::test]
async fn it_speaks_the_language_asked_for_and_french_otherwise() {
    let rig = Rig::start().await;
    rig.file("akto", Version::V1, &json!({})).await;
    let french = page(&rig, "", Some("de")).await;
    assert_eq!(french.header("content-language"), Some("fr"));
    assert!(french.text.contains("<html lang=\"fr\">") && french.text.contains("À faire"));
    let english = page(&rig, "", Some("en-GB, fr;q=0.5")).await.text;
    assert!(english.contains("<html lang=\"en\">") && english.contains("Fill in this field"));
    // The OPCO's own words stay French, and say so.
    assert!(english.contains("<span lang=\"fr\">Le champ cerfa est obligatoire</span>"));
    let chosen = page(&rig, "?lang=fr", Some("en")).await.text;
    assert!(chosen.contains("<html lang=\"fr\">"));
}

#[tokio::test]
async fn it_says_how_to_call_and_runs_nothing_of_what_was_sent() {
    let rig = Rig::start().await;
    let mut body = dossier_v1();
    body["cerfa"]["apprenti"]["sexe"] = json!("<script>alert(1)</script>");
    body["cerfa"]["champ<script>"] = json!(1);
    rig.file("akto", Version::V1, &body).await;
    let url = format!("/v1/dossiers?numeroInterne=<script>{KEY}");
    rig.get("akto", &url).await;
    let shown = page(&rig, "?lang=<script>", None).await;
    assert_eq!(shown.status, 200);
    let policy = shown.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors"));
    assert!(!shown.text.contains("<script") && !shown.text.contains(KEY));
    assert!(shown.text.contains("L&#39;Opcommerce"));
    for slug in SLUGS {
        let base = rig.running.base_url(slug).unwrap();
        assert!(shown.text.contains(&base), "{base}");
        assert!(shown.text.contains(&rig.running.token_url(slug).unwrap()));
    }
}

#[tokio::test]
async fn calls_left_without_an_answer_and_faults_are_shown_too() {
    let rig = Rig::start().await;
    rig.token("akto").await;
    rig.handle()
        .add_fault("akto", Fault::new(FaultKind::LostAnswer).times(1))
        .unwrap();
    let lost = rig.try_file("akto", Version::V1, &dossier_v1()).await;
    assert!(lost.is_err());
    let shown = page(&rig, "?lang=en", None).await.text;
    assert!(shown.contains("no answer") && shown.contains("<code>lost_answer</code>"));
    assert!(!shown.contains("MARTIN") && !shown.contains("205049399999992"));
}

#[tokio::test]
async fn one_profile_alone_answers_and_everything_is_open_in_the_sandbox() {
    let rig = Rig::with(|settings| {
        settings.profile = Some("opcosante".to_owned());
        settings.sandbox = true;
        settings.opcos.clear();
    })
    .await;
    let taken = rig.file("opcosante", Version::V2, &dossier_v1()).await;
    assert_eq!(taken.status, 200, "{taken:?}");
    let open = rig.get("opcosante", "/v2/factures/etats").await;
    assert_eq!(open.status, 200);
    assert!(rig.running.base_url("akto").is_none());
    let other = format!("http://{}/akto/v1/status", rig.running.address);
    let other = send(rig.http.get(other)).await.unwrap();
    assert_eq!(other.status, 404);
    assert!(other.text.ends_with("connus : opcosante\"}"), "{other:?}");
    let shown = page(&rig, "", None).await.text;
    assert!(shown.contains("<title>Bac à sable OPCO : OPCO Santé</title>"));
    assert!(shown.contains("tous les flux sont ouverts") && !shown.contains("AKTO"));
    assert_eq!(rig.handle().summary().opcos.len(), 1);
    let misspelt = Settings {
        profile: Some("atko".to_owned()),
        ..Settings::default()
    };
    let refused = start(misspelt).await;
    assert!(matches!(refused, Err(StartError::UnknownOpco(_))));
}
