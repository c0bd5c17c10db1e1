//! What acts ask for, and what a person reads of them.

use super::*;

#[tokio::test]
async fn a_mandate_is_ended_by_its_name_or_by_its_site_once() {
    let mut place = Place::new().await;
    place.tenancy().await;
    let signed = "--signed-on 2026-09-01 --from 2026-09-01";
    let attest = format!("mandate create --siret {SIRET} {signed} --reference");
    let first = place.run(&format!("{attest} A1")).await.unwrap()[0]["id"].clone();
    let first = first.as_str().unwrap();
    let of_site = format!("mandate end --siret {SIRET} --reason r");

    for (line, code, said) in [
        (
            of_site.replace(SIRET, "98765432400027"),
            Code::NotFound,
            "98765432400027",
        ),
        (
            "mandate end 01900000-0000-7000-8000-000000000001 --reason r".to_owned(),
            Code::NotFound,
            "01900000",
        ),
        (
            format!("{of_site} --on 2026-08-31"),
            Code::InputInvalid,
            "01/09/2026",
        ),
    ] {
        let refused = place.run(&line).await.unwrap_err();
        assert_eq!(refused.code(), code, "{line}: {refused}");
        assert!(
            refused.message().contains(said) && refused.advice().is_some(),
            "{refused}"
        );
    }
    let ended = place
        .run(&format!("{of_site} --on 2026-09-10"))
        .await
        .unwrap();
    assert_eq!(ended[0]["until"], "2026-09-09", "the last day it covers");
    let again = place
        .run(&format!("mandate end {first} --reason r"))
        .await
        .unwrap_err();
    assert_eq!(again.code(), Code::Conflict, "{again}");
    assert!(again.message().contains("09/09/2026"), "{again}");
    let none = place.run(&of_site).await.unwrap_err();
    assert_eq!(none.code(), Code::NotFound, "{none}");

    // Of several that go on, one must be named; an end to come is moved nearer, never further.
    let second = place.run(&format!("{attest} A2")).await.unwrap()[0]["id"].clone();
    place.run(&format!("{attest} A3")).await.unwrap();
    let several = place.run(&of_site).await.unwrap_err();
    assert!(
        several.advice().unwrap().contains(second.as_str().unwrap()),
        "{several}"
    );
    let one = format!("mandate end {} --reason r --on", second.as_str().unwrap());
    place.run(&format!("{one} 2999-01-01")).await.unwrap();
    let further = place.run(&format!("{one} 2999-06-01")).await.unwrap_err();
    assert_eq!(further.code(), Code::InputInvalid, "{further}");
    let nearer = place.run(&format!("{one} 2998-01-01")).await.unwrap();
    assert_eq!(nearer[0]["until"], "2997-12-31");
    place.end().await;
}

#[tokio::test]
async fn an_act_by_command_keeps_its_reason_in_the_log_and_no_number_of_somebody_s() {
    let mut place = Place::new().await;
    place.tenancy().await;
    let person = "person create --name Ana --email ana@cfa.example";
    place.run(person).await.unwrap();
    let other = place.run(&person.replace("ana@", "bob@")).await.unwrap()[0]["id"].clone();
    let key = place.secret("cle");
    let key = format!(
        "key create --siret {SIRET} --opco akto --environment test --no-probe --key-file {key}"
    );
    let key = place.run(&key).await.unwrap()[0]["id"].clone();
    let api = "credential create --label ERP --environment test";
    let api = place.run(api).await.unwrap()[0]["id"].clone();
    let mandate = format!("mandate create --siret {SIRET} --reference A1 --signed-on 2026-09-01");
    let mandate = place.run(&mandate).await.unwrap()[0]["id"].clone();
    let (other, key) = (other.as_str().unwrap(), key.as_str().unwrap());
    let acts = [
        (
            format!("person reset-second-factor {other}"),
            "person.changed",
        ),
        (format!("person disable {other}"), "person.changed"),
        (format!("key revoke {key}"), "key.revoked"),
        (
            format!("credential revoke {}", api.as_str().unwrap()),
            "credential.revoked",
        ),
        (
            format!("mandate end {}", mandate.as_str().unwrap()),
            "mandate.ended",
        ),
    ];
    for (number, (line, _)) in acts.iter().enumerate() {
        let bare = std::iter::once("admin").chain(line.split(' '));
        assert!(Line::try_parse_from(bare).is_err(), "{line}");
        let refused = place
            .run(&format!("{line} --reason 205049399999992"))
            .await
            .unwrap_err();
        assert_eq!(refused.code(), Code::InputInvalid, "{line}");
        assert!(!refused.to_string().contains("2050493"), "{refused}");
        place
            .run(&format!("{line} --reason motif-{number}"))
            .await
            .unwrap();
    }
    let mut tx = place.desk.store.reading().await.unwrap();
    let network = tenants::networks(&mut tx).await.unwrap().remove(0);
    let log = events::after(&mut tx, network.id, 0, 100).await.unwrap();
    drop(tx);
    for (number, (_, kind)) in acts.iter().enumerate() {
        let reason = Value::from(format!("motif-{number}"));
        let told = log.iter().find(|event| event.data["reason"] == reason);
        assert_eq!(told.unwrap().kind, *kind, "{number}");
    }
    place.end().await;
}

/// Makes one of everything that can be listed.
async fn furnish(place: &mut Place) {
    let key = place.secret("cle");
    for line in [
        format!("key create --siret {SIRET} --opco opcosante --environment test --no-probe --expires-on 2999-12-31 --key-file {key}"),
        "credential create --label ERP --environment live".to_owned(),
        "person create --name Ana --email ana@cfa.example".to_owned(),
        format!("software create --opco akto --environment live --client-id moi --secret-file {key}"),
        "override create --siret 12345678200010 --opco opcosante --reason connu --until 2999-01-31".to_owned(),
        "rule create --rule DAT-003 --effect warn --reason connu".to_owned(),
        format!("mandate create --siret {SIRET} --reference A1 --signed-on 2026-09-01"),
        format!("mandate end --siret {SIRET} --reason fin"),
        "switch create --opco akto --capability dossiers_v1 --openness developpement --reason essai".to_owned(),
        "window create --opco akto --environment live --from 2999-01-02T08:00 --until 2999-01-02T09:00 --reason travaux".to_owned(),
    ] {
        place.run(&line).await.unwrap();
    }
}

#[tokio::test]
async fn what_a_person_reads_has_no_word_of_a_machine() {
    let mut place = Place::new().await;
    place.tenancy().await;
    furnish(&mut place).await;
    for (line, words) in [
        (
            "key list",
            [
                "OPCO Santé",
                "Recette",
                "en attente",
                "jamais essayée",
                "31/12/2999",
            ]
            .as_slice(),
        ),
        (
            "credential list",
            &["Production", "déposer, lire, agir, dire qui est prévenu"],
        ),
        (
            "person list",
            &["Invité", "Administrateur (tout le réseau)"],
        ),
        ("software list", &["AKTO", "Production"]),
        ("override list", &["OPCO Santé", "01/02/2999 00:00"]),
        ("rule list", &["avertir"]),
        ("mandate list", &["01/09/2026", "aucun jour"]),
        ("switch list", &["AKTO", "en développement"]),
        ("window list", &["AKTO", "Production", "02/01/2999 08:00"]),
        ("site list", &["Lille"]),
        (
            "refusals coverage",
            &[
                "Constructys",
                "La facture est déjà connue de l'OPCO.",
                "motif inconnu",
            ],
        ),
        ("retention preview", &["Appels aux OPCO", "Contenus"]),
    ] {
        let what = Line::try_parse_from(std::iter::once("admin").chain(line.split(' ')));
        let file = place.folder.join("out");
        place.desk.out = Out::to(Some(&file), Format::Table).unwrap();
        act(&mut place.desk, what.unwrap().args.what).await.unwrap();
        let shown = std::fs::read_to_string(&file).unwrap();
        for word in words {
            assert!(shown.contains(word), "{line}: {word}\n{shown}");
        }
        let machine = |word: &&str| {
            let slugs = Opco::ALL.iter().map(|opco| opco.slug());
            let closed = [
                "staged",
                "invited",
                "live",
                "test",
                "warn",
                "submit",
                "network",
                "null",
                "attempts",
                "developpement",
            ];
            slugs.chain(closed).any(|one| one == *word)
                || (word.contains('T') && word.ends_with('Z'))
        };
        let found: Vec<&str> = shown.split([' ', '\n', ',', '@']).filter(machine).collect();
        assert!(found.is_empty(), "{line}: {found:?}\n{shown}");
    }
    place.end().await;
}
