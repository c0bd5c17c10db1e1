//! What holds for the shipped profiles and for what a deployment lays over them.

use super::*;

fn overlay(toml: &str) -> toml::Table {
    toml.parse().unwrap()
}

fn merged(opco: Opco, toml: &str) -> Result<Profile, ProfileError> {
    Profile::merged(Instance::first(opco), &overlay(toml))
}

#[test]
fn every_opco_has_a_profile_of_its_own() {
    let profiles = Profiles::assemble(&BTreeMap::<String, toml::Table>::new()).unwrap();
    assert_eq!(profiles.iter().count(), Opco::ALL.len());
    for opco in Opco::ALL {
        assert_eq!(profiles.get(Instance::first(opco)).unwrap().opco, opco);
    }
}

#[test]
fn a_deployment_changes_one_line_and_keeps_the_others() {
    let profile = merged(Opco::Akto, "base_url = 'http://127.0.0.1:9090/akto'").unwrap();
    assert_eq!(profile.base_url, "http://127.0.0.1:9090/akto");
    assert_eq!(profile.scope.as_deref(), Some("api.read api.write"));
    let deeper = merged(Opco::Akto, "[v2]\ntoken_url = 'https://idp.example/token'").unwrap();
    let v2 = deeper.endpoint(Environment::Live, NormVersion::V2).unwrap();
    assert_eq!(v2.token_url, Some("https://idp.example/token"));
    assert_eq!(v2.scope, Some(".default"));
    assert_eq!(v2.base_url, "https://cfa-ws.akto.fr/SorApiEchangeCFA");
}

#[test]
fn a_misspelt_setting_is_refused_by_name() {
    let error = merged(Opco::Akto, "bas_url = 'https://x.example'")
        .unwrap_err()
        .to_string();
    assert!(error.contains("bas_url"), "{error}");
    let error = merged(Opco::Afdas, "[test]\nbase_ur = 'x'")
        .unwrap_err()
        .to_string();
    assert!(error.contains("base_ur"), "{error}");
    let unknown: BTreeMap<String, toml::Table> = [("acto".to_owned(), toml::Table::new())].into();
    assert!(
        matches!(Profiles::assemble(&unknown), Err(ProfileError::UnknownOpco(key)) if key == "acto")
    );
}

#[test]
fn a_setting_out_of_bounds_is_refused() {
    for wrong in [
        "base_url = 'ftp://x.example'",
        "base_url = 'https://user:secret@x.example'",
        "base_url = 'https://x.example/?a=b'",
        "calls_per_minute = 0",
        "timeout_ms = 0",
        "timeout_ms = 600001",
        "not_found_status = 200",
        "look_after_s = []",
        "edits = ['no_such_edit']",
        "state_synonyms = { ACCEPTE = 'OUI' }",
        "paths = { '/v1/facture' = '/v1/Facture' }",
        "paths = { '/v1/factures' = 'https://x.example/v1/factures' }",
        "paths = { '/v1/factures' = '/v3/factures' }",
        "paths = { '/v1/factures' = '/v1/factures?key=1' }",
        "paths = { '/v1/factures' = '/v1/../factures' }",
        "rejets = [{ rejet = 'ECHEANCE_INCONNUE', all = ['…'] }]",
        "rejets = [{ rejet = 'INCONNU', all = ['mot'] }]",
    ] {
        assert!(merged(Opco::Atlas, wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_second_system_of_an_opco_has_its_own_table() {
    let tables = [(
        "akto/2".to_owned(),
        overlay("base_url = 'https://two.example'"),
    )]
    .into();
    let profiles = Profiles::assemble(&tables).unwrap();
    let second = Instance {
        opco: Opco::Akto,
        number: 2,
    };
    assert_eq!(
        profiles.get(second).unwrap().base_url,
        "https://two.example"
    );
    assert_ne!(
        profiles.get(Instance::first(Opco::Akto)),
        profiles.get(second)
    );
}

#[test]
fn an_unknown_address_says_which_setting_to_give() {
    let profile = Profile::shipped(Opco::Constructys).unwrap();
    let fault = profile
        .reachable(Environment::Live, NormVersion::V1)
        .unwrap_err();
    assert_eq!(fault.kind, FaultKind::Misconfigured);
    assert!(
        fault.detail.contains("opco.constructys.base_url"),
        "{}",
        fault.detail
    );
    let fault = Profile::shipped(Opco::Afdas)
        .unwrap()
        .reachable(Environment::Live, NormVersion::V1)
        .unwrap_err();
    assert!(
        fault.detail.contains("opco.afdas.token_url"),
        "{}",
        fault.detail
    );
}

#[test]
fn a_test_credential_never_reaches_production() {
    let akto = Profile::shipped(Opco::Akto).unwrap();
    let fault = akto
        .reachable(Environment::Test, NormVersion::V1)
        .unwrap_err();
    assert!(
        fault.detail.contains("opco.akto.test.base_url"),
        "{}",
        fault.detail
    );
    let recette = merged(Opco::Akto, "[test]\nbase_url = 'https://recette.example'").unwrap();
    // Its token endpoint is not borrowed from production either.
    assert!(
        recette
            .reachable(Environment::Test, NormVersion::V1)
            .is_err()
    );
}

#[test]
fn a_rehosted_profile_keeps_its_paths() {
    let akto = Profile::shipped(Opco::Akto)
        .unwrap()
        .rehosted("http://127.0.0.1:9090/")
        .unwrap();
    assert_eq!(akto.base_url, "http://127.0.0.1:9090/akto/SorApiEchangeCFA");
    assert_eq!(
        akto.token_url.as_deref(),
        Some("http://127.0.0.1:9090/akto/SorApiIdentityServer/connect/token")
    );
    for opco in Opco::ALL {
        let moved = Profile::shipped(opco)
            .unwrap()
            .rehosted("http://127.0.0.1:9090")
            .unwrap();
        for environment in [Environment::Live, Environment::Test] {
            for version in [NormVersion::V1, NormVersion::V2] {
                assert!(moved.reachable(environment, version).is_ok(), "{opco}");
            }
        }
    }
}

#[test]
fn a_path_is_spelled_as_the_opco_spells_it_and_says_its_version() {
    let akto = Profile::shipped(Opco::Akto).unwrap();
    assert_eq!(akto.path("/v1/factures"), "/v1/Factures");
    let facture = Operation::filing(Kind::Facture, NormVersion::V1, serde_json::json!({}), None);
    assert_eq!(akto.version(&facture), NormVersion::V1);
    let moved = merged(Opco::Akto, "paths = { '/v1/factures' = '/v2/factures' }").unwrap();
    assert_eq!(moved.version(&facture), NormVersion::V2);
    assert_eq!(moved.version(&Operation::Status), NormVersion::V1);
}

#[test]
fn what_follows_a_lost_answer_is_the_profiles_word_where_there_is_no_read() {
    for (toml, expected) in [
        ("", AfterLost::Hold),
        ("resend_after_lost = true", AfterLost::Replay),
    ] {
        let profile = merged(Opco::Atlas, toml).unwrap();
        let course = profile.course(Kind::Convention, Schedule::default(), true);
        assert_eq!(course.policy.after_lost, expected);
        let dossier = profile.course(Kind::Dossier, Schedule::default(), true);
        assert_eq!(dossier.policy.after_lost, AfterLost::Hold);
        assert_eq!(dossier.policy.looks, profile.looks());
    }
}

#[test]
fn a_state_is_read_through_the_profiles_synonyms_first() {
    let profile = merged(Opco::Atlas, "state_synonyms = { FINANCE = 'ENGAGE' }").unwrap();
    assert_eq!(profile.etat(" FINANCE "), Some(Etat::Engage));
    assert_eq!(profile.etat("RUPTU"), Some(Etat::Rupture));
    assert_eq!(profile.etat("INCONNU"), None);
}
