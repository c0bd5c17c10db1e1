//! The cascade, step by step, on the real samples and on made-up lines.

use std::fmt::Write;
use std::time::Duration;

use domain::clock::SystemClock;
use jiff::civil::date;
use opco::lookup::{Lookup, Settings, TabularSettings};
use opco::siro::import;
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;

const SAMPLES: &str = include_str!("../../../connectors/opco/data/siret_samples.csv");
const SIRO: &str = include_str!("../../../connectors/opco/data/siro_sample.csv");

/// Two establishments of one company, and a stranger that no sample knows.
const FIRST: &str = "41816609600069";
const SECOND: &str = "41816609600051";
const STRANGER: &str = "89448692700011";

fn now() -> Timestamp {
    "2026-11-21T08:00:00Z".parse().unwrap()
}

fn siret(text: &str) -> Siret {
    text.parse().unwrap()
}

fn index(lines: &str) -> Index {
    let draft = import::read(lines.as_bytes(), true).unwrap();
    Index::from_bytes(draft.lay_out("essai.csv", date(2026, 9, 24)).unwrap()).unwrap()
}

/// Routes by a table of these lines, without live services.
fn routing(lines: &str) -> Routing {
    Routing::new(
        index(&format!(
            "SIRET|IDCC|OPCO_PROPRIETAIRE|OPCO_GESTION\n{lines}"
        )),
        None,
    )
}

fn employer(number: &str, idcc: &str, naf: &str) -> Employer {
    let codes = idcc
        .split('+')
        .filter(|code| !code.is_empty())
        .map(str::to_owned)
        .collect();
    let naf = (!naf.is_empty()).then(|| Naf {
        code: naf.to_owned(),
        nomenclature: Nomenclature::Unstated,
    });
    Employer {
        idcc: codes,
        naf,
        ..Employer::new(siret(number))
    }
}

fn resolve(routing: &Routing, employer: &Employer) -> Route {
    resolve_local(routing, employer, &[], now())
}

fn short(route: &Route) -> (Option<Opco>, RouteOutcome, Confidence, RouteSource) {
    (route.opco, route.outcome, route.confidence, route.source)
}

#[test]
fn every_real_sample_is_right_or_held_and_none_is_routed_in_silence() {
    let routing = Routing::new(index(SIRO), None);
    let mut seen = 0;
    for row in SAMPLES.lines().skip(1) {
        let fields: Vec<&str> = row.split(',').collect();
        let [number, slug, status, idcc, naf, manager, ..] = fields.as_slice() else {
            panic!()
        };
        let expected: Option<Opco> = slug.parse().ok();
        // With and without what a contract would add.
        for employer in [employer(number, "", ""), employer(number, idcc, naf)] {
            let route = resolve(&routing, &employer);
            let (opco, outcome, confidence, source) = short(&route);
            match *status {
                "assigned" => {
                    assert_eq!(
                        (opco, confidence),
                        (expected, Confidence::High),
                        "{route:?}"
                    );
                    assert_eq!(source, RouteSource::SiroSiret);
                    let go = Filing::Go(expected.unwrap());
                    let held = Filing::Hold(HoldReason::OwnerNotManager);
                    let filed = if manager.is_empty() { go } else { held };
                    assert_eq!(filing(&route, false), filed);
                }
                "unassigned" => {
                    assert_eq!(
                        (opco, outcome),
                        (None, RouteOutcome::Unassigned),
                        "{route:?}"
                    );
                    assert_eq!(filing(&route, true), Filing::Hold(HoldReason::NoRoute));
                }
                "derived" if employer.idcc.is_empty() => assert_eq!(opco, None),
                "derived" => {
                    assert_eq!(
                        (opco, confidence),
                        (expected, Confidence::MediumHigh),
                        "{route:?}"
                    );
                    assert_eq!(filing(&route, true), Filing::Go(expected.unwrap()));
                    assert_eq!(filing(&route, false), Filing::Hold(HoldReason::WeakRoute));
                }
                "ambiguous" | "escape" | "not_found" => {
                    assert_eq!(opco, None, "{route:?}");
                    assert!(matches!(filing(&route, true), Filing::Hold(_)), "{route:?}");
                }
                status => panic!("{status}"),
            }
        }
        seen += 1;
    }
    assert_eq!(seen, 247);
}

#[test]
fn the_establishments_own_line_beats_the_agreement_which_only_warns() {
    let routing = routing(&format!("{FIRST}|1596|OPCO EP|\n"));
    let employer = employer(FIRST, "1596", "");
    let route = resolve(&routing, &employer);
    assert_eq!(route.opco, Some(Opco::OpcoEp));
    assert_eq!(filing(&route, false), Filing::Go(Opco::OpcoEp));
    let warned = notices(&routing, &employer, &route);
    let differs = Notice::AgreementDiffers {
        agreement: Opco::Constructys,
        found: Opco::OpcoEp,
    };
    assert_eq!(warned, [differs]);
    assert!(
        warned
            .iter()
            .all(|notice| notice.message().contains("Constructys"))
    );
    assert_eq!(route.as_of.as_deref(), Some("2026-09-24"));
    assert_eq!(route.idcc.as_deref(), Some("1596"));
}

#[test]
fn a_senders_opco_gives_way_to_the_line_and_stands_where_there_is_none() {
    let table = routing(&format!("{FIRST}|1486|ATLAS|\n{STRANGER}|||\n"));
    let declaring = |number| Employer {
        declared: Some(Opco::Akto),
        ..employer(number, "", "")
    };

    let declared = declaring(FIRST);
    let route = resolve(&table, &declared);
    assert_eq!(route.opco, Some(Opco::Atlas));
    let warned = notices(&table, &declared, &route);
    assert_eq!(
        warned,
        [Notice::DeclaredDiffers {
            declared: Opco::Akto,
            found: Opco::Atlas
        }]
    );
    assert_eq!(
        warned.iter().map(|notice| notice.finding().rule).next(),
        Some("ROU-004")
    );

    for number in [SECOND, STRANGER] {
        let route = resolve(&table, &declaring(number));
        let chosen = (
            Some(Opco::Akto),
            RouteOutcome::Resolved,
            Confidence::Declared,
        );
        assert_eq!(
            (route.opco, route.outcome, route.confidence),
            chosen,
            "{number}"
        );
        assert_eq!(route.source, RouteSource::Chosen);
        assert_eq!(filing(&route, false), Filing::Go(Opco::Akto));
    }
}

#[test]
fn an_override_wins_while_it_holds_and_its_disagreement_is_shown() {
    let table = routing(&format!("{FIRST}|1486|ATLAS|\n"));
    let known = employer(FIRST, "", "");
    let hour = Duration::from_hours(1);
    let over = |target, opco, from: Timestamp, until| RouteOverride {
        target,
        opco,
        from,
        until,
    };
    let company = over(
        Target::Company(siret(FIRST).siren()),
        Opco::Afdas,
        now() - hour,
        None,
    );
    let site = over(
        Target::Establishment(siret(FIRST)),
        Opco::Akto,
        now(),
        Some(now() + hour),
    );

    let route = resolve_local(&table, &known, &[company.clone(), site.clone()], now());
    let declared = (
        Some(Opco::Akto),
        RouteOutcome::Resolved,
        Confidence::Declared,
    );
    assert_eq!((route.opco, route.outcome, route.confidence), declared);
    assert_eq!(route.source, RouteSource::Override);
    assert!(
        route
            .trail
            .iter()
            .any(|step| step.said.contains("désaccord")),
        "{route:?}"
    );
    let warned = notices(&table, &known, &route);
    assert_eq!(
        warned,
        [Notice::OverrideDiffers {
            chosen: Opco::Akto,
            line: Opco::Atlas
        }]
    );

    let later = resolve_local(
        &table,
        &known,
        &[company.clone(), site.clone()],
        now() + hour,
    );
    assert_eq!(
        later.opco,
        Some(Opco::Afdas),
        "the establishment's has ended, the company's holds"
    );
    let before = resolve_local(&table, &known, &[site, company], now() - hour - hour);
    assert_eq!(before.opco, Some(Opco::Atlas), "neither holds yet");
    let elsewhere = over(
        Target::Establishment(siret(SECOND)),
        Opco::Akto,
        now() - hour,
        None,
    );
    assert_eq!(
        resolve_local(&table, &known, &[elsewhere], now()).opco,
        Some(Opco::Atlas)
    );
}

#[test]
fn a_new_establishment_follows_its_company_only_when_all_of_it_agrees() {
    let asked = employer(SECOND, "", "");
    let agreed = resolve(&routing(&format!("{FIRST}|1486|ATLAS|\n")), &asked);
    let medium = (
        Some(Opco::Atlas),
        RouteOutcome::Resolved,
        Confidence::Medium,
    );
    assert_eq!((agreed.opco, agreed.outcome, agreed.confidence), medium);
    assert_eq!(agreed.source, RouteSource::SiroSiren);
    assert!(
        agreed
            .trail
            .iter()
            .any(|step| step.said.contains("nouvel établissement"))
    );
    assert_eq!(filing(&agreed, true), Filing::Go(Opco::Atlas));
    assert_eq!(filing(&agreed, false), Filing::Hold(HoldReason::WeakRoute));

    let third = "41816609600077";
    let torn = routing(&format!("{FIRST}|1486|ATLAS|\n{third}|0016|AKTO|\n"));
    let route = resolve(&torn, &asked);
    assert_eq!((route.opco, route.outcome), (None, RouteOutcome::Ambiguous));
    let candidates: Vec<Opco> = route.candidates.iter().map(|one| one.opco).collect();
    assert_eq!(candidates, [Opco::Akto, Opco::Atlas]);
    assert_eq!(
        filing(&route, true),
        Filing::Hold(HoldReason::AmbiguousRoute)
    );
    let settled = resolve(&torn, &employer(SECOND, "1486", ""));
    assert_eq!(
        (settled.opco, settled.source),
        (Some(Opco::Atlas), RouteSource::Idcc)
    );
    assert!(settled.candidates.is_empty());
}

#[test]
fn a_company_and_an_agreement_that_disagree_file_nowhere_by_themselves() {
    let table = routing(&format!("{FIRST}|1486|ATLAS|\n"));
    let asked = employer(SECOND, "0016", "");
    let route = resolve(&table, &asked);
    assert_eq!(
        (route.opco, route.confidence),
        (Some(Opco::Atlas), Confidence::Medium)
    );
    assert_eq!(
        filing(&route, true),
        Filing::Hold(HoldReason::AmbiguousRoute)
    );
    assert_eq!(notices(&table, &asked, &route).len(), 1);
}

#[test]
fn the_sample_that_ships_does_not_speak_for_whole_companies() {
    let routing = Routing::open(None, None).unwrap();
    let route = resolve(&routing, &employer(SECOND, "", ""));
    assert_eq!((route.opco, route.outcome), (None, RouteOutcome::Unknown));
}

#[test]
fn each_standing_of_an_agreement_has_its_worth() {
    use Confidence::{Low, MediumHigh, None as Nothing};
    use RouteOutcome::{Ambiguous, Resolved, Unknown};
    let table = routing(&format!("{FIRST}|1486|ATLAS|\n"));
    for (idcc, opco, outcome, confidence) in [
        ("1486", Some(Opco::Atlas), Resolved, MediumHigh),
        ("16", Some(Opco::OpcoMobilites), Resolved, MediumHigh),
        ("01596", Some(Opco::Constructys), Resolved, MediumHigh),
        ("2622", Some(Opco::Atlas), Resolved, Low),
        ("3203", None, Ambiguous, Nothing),
        ("8415", None, Ambiguous, Nothing),
        ("0804", None, Unknown, Nothing),
        ("5100", None, Unknown, Nothing),
        ("5501", None, Unknown, Nothing),
        ("9998", None, Unknown, Nothing),
        ("9999", None, Unknown, Nothing),
        ("0000", None, Unknown, Nothing),
        ("abcd", None, Unknown, Nothing),
        ("0045+9999", Some(Opco::Opco2i), Resolved, MediumHigh),
        ("0045+1486", None, Ambiguous, Nothing),
        ("0045+0000", None, Ambiguous, Nothing),
        ("1486+8415", None, Ambiguous, Nothing),
    ] {
        let route = resolve(&table, &employer(STRANGER, idcc, ""));
        assert_eq!(
            (route.opco, route.outcome, route.confidence),
            (opco, outcome, confidence),
            "{idcc}"
        );
        if outcome == Ambiguous {
            assert!(!route.candidates.is_empty(), "{idcc}");
            assert_eq!(
                filing(&route, true),
                Filing::Hold(HoldReason::AmbiguousRoute),
                "{idcc}"
            );
        }
        if confidence == Low {
            assert_eq!(
                filing(&route, true),
                Filing::Hold(HoldReason::WeakRoute),
                "{idcc}"
            );
        }
    }
}

#[test]
fn an_activity_is_a_suggestion_and_only_in_the_nomenclature_it_was_measured_in() {
    let table = routing(&format!("{FIRST}|1486|ATLAS|\n"));
    let mut asked = employer(STRANGER, "9999", "6202A");
    let route = resolve(&table, &asked);
    let low = (
        Some(Opco::Atlas),
        RouteOutcome::Resolved,
        Confidence::Low,
        RouteSource::Naf,
    );
    assert_eq!(short(&route), low);
    assert_eq!(filing(&route, true), Filing::Hold(HoldReason::WeakRoute));

    let in_2027 = "2027-01-01T00:00:00Z".parse().unwrap();
    assert_eq!(resolve_local(&table, &asked, &[], in_2027).opco, None);
    asked.naf = asked.naf.map(|naf| Naf {
        nomenclature: Nomenclature::Rev2,
        ..naf
    });
    assert_eq!(
        resolve_local(&table, &asked, &[], in_2027).opco,
        Some(Opco::Atlas)
    );
    asked.naf = asked.naf.map(|naf| Naf {
        nomenclature: Nomenclature::Naf2025,
        ..naf
    });
    assert_eq!(resolve(&table, &asked).opco, None);
}

#[test]
fn a_public_employer_is_told_by_its_line_first_and_by_its_look_last() {
    let housing = "20003482500071";
    let table = routing(&format!("{housing}|3220|UNIFORMATION COHESION SOCIALE|\n"));
    assert_eq!(
        resolve(&table, &employer(housing, "", "")).opco,
        Some(Opco::Uniformation)
    );

    let town = "21250441900012";
    let route = resolve(&table, &employer(town, "", "62.02A"));
    assert_eq!(
        (route.opco, route.outcome),
        (None, RouteOutcome::PublicEmployer)
    );
    assert_eq!(filing(&route, true), Filing::Hold(HoldReason::NoRoute));
    let typed = Employer {
        type_employeur: Some(22),
        ..employer(STRANGER, "", "")
    };
    assert_eq!(
        resolve(&table, &typed).outcome,
        RouteOutcome::PublicEmployer
    );
    let agreed = resolve(&table, &employer(town, "3220", ""));
    assert_eq!(
        agreed.opco,
        Some(Opco::Uniformation),
        "test the agreement, not the prefix"
    );
}

/// A gateway whose index knows one company and which asks the open table for the rest.
async fn with_live(answer: ResponseTemplate) -> (MockServer, Routing) {
    let server = MockServer::start().await;
    Mock::given(path("/api/resources/r/data/"))
        .respond_with(answer)
        .mount(&server)
        .await;
    let base_url = server.uri();
    let tabular = TabularSettings {
        resource: "r".to_owned(),
        base_url,
        per_second: 100,
    };
    let settings = Settings {
        tabular: Some(tabular),
        ..Settings::default()
    };
    let live = Lookup::new(&settings, std::sync::Arc::new(SystemClock)).unwrap();
    let index = index(&format!(
        "SIRET|IDCC|OPCO_PROPRIETAIRE|OPCO_GESTION\n{FIRST}|1486|ATLAS|\n"
    ));
    (server, Routing::new(index, live.map(Arc::new)))
}

fn rows(owner: Option<&str>) -> ResponseTemplate {
    let mut text = String::new();
    if let Some(owner) = owner {
        write!(
            text,
            "{{\"SIRET\":\"{STRANGER}\",\"IDCC\":\"1979\",\"OPCO_PROPRIETAIRE\":\"{owner}\",\
             \"OPCO_GESTION\":null}}"
        )
        .unwrap();
    }
    ResponseTemplate::new(200).set_body_raw(format!("{{\"data\":[{text}]}}"), "application/json")
}

#[tokio::test]
async fn the_live_services_come_before_the_agreement() {
    let (_server, routing) = with_live(rows(Some("AKTO"))).await;
    let asked = employer(STRANGER, "1486", "");
    let local = resolve(&routing, &asked);
    assert_eq!(filing(&local, true), Filing::Lookup, "{local:?}");
    let route = resolve_live(&routing, &asked, &[], now()).await;
    let high = (Some(Opco::Akto), RouteOutcome::Resolved, Confidence::High);
    assert_eq!((route.opco, route.outcome, route.confidence), high);
    assert_eq!(route.source, RouteSource::FranceCompetences);
    assert_eq!(filing(&route, false), Filing::Go(Opco::Akto));
    // What the index knows is not asked for.
    let known = resolve_live(&routing, &employer(FIRST, "", ""), &[], now()).await;
    assert_eq!(known.source, RouteSource::SiroSiret);
}

#[tokio::test]
async fn a_live_line_without_an_opco_ends_the_search() {
    let (_server, routing) = with_live(rows(Some(""))).await;
    let route = resolve_live(&routing, &employer(STRANGER, "1486", ""), &[], now()).await;
    assert_eq!(
        (route.opco, route.outcome),
        (None, RouteOutcome::Unassigned)
    );
    assert_eq!(filing(&route, true), Filing::Hold(HoldReason::NoRoute));
}

#[tokio::test]
async fn absent_everywhere_leaves_the_agreement_and_then_a_person() {
    let (_server, routing) = with_live(rows(None)).await;
    let route = resolve_live(&routing, &employer(STRANGER, "1486", ""), &[], now()).await;
    assert_eq!(
        (route.opco, route.source),
        (Some(Opco::Atlas), RouteSource::Idcc)
    );
    assert_eq!(filing(&route, true), Filing::Go(Opco::Atlas));
    assert_eq!(filing(&route, false), Filing::Hold(HoldReason::WeakRoute));
    let route = resolve_live(&routing, &employer(STRANGER, "", ""), &[], now()).await;
    assert_eq!(route.outcome, RouteOutcome::Unknown);
    assert_eq!(filing(&route, true), Filing::Hold(HoldReason::NoRoute));
}

#[tokio::test]
async fn a_service_that_is_down_is_never_a_verdict() {
    let (_server, routing) = with_live(ResponseTemplate::new(503)).await;
    for idcc in ["", "9999", "3203", "2622"] {
        let route = resolve_live(&routing, &employer(STRANGER, idcc, "62.02A"), &[], now()).await;
        assert_eq!(
            (route.opco, route.outcome),
            (None, RouteOutcome::UpstreamUnavailable),
            "{idcc}"
        );
        assert_eq!(filing(&route, true), Filing::Lookup, "{idcc}");
    }
    let route = resolve_live(&routing, &employer(STRANGER, "1486", ""), &[], now()).await;
    assert_eq!(
        filing(&route, true),
        Filing::Go(Opco::Atlas),
        "the network allows the agreement"
    );
    assert_eq!(
        filing(&route, false),
        Filing::Lookup,
        "and without that, one asks again"
    );
}

#[tokio::test]
async fn a_company_that_agrees_is_asked_about_only_where_medium_does_not_file() {
    let (_server, routing) = with_live(rows(None)).await;
    let asked = employer(SECOND, "", "");
    let local = resolve(&routing, &asked);
    assert_eq!(filing(&local, true), Filing::Go(Opco::Atlas));
    assert_eq!(filing(&local, false), Filing::Lookup);
    let route = resolve_live(&routing, &asked, &[], now()).await;
    assert_eq!(
        (route.opco, route.source),
        (Some(Opco::Atlas), RouteSource::SiroSiren)
    );
    assert_eq!(filing(&route, false), Filing::Hold(HoldReason::WeakRoute));
}

#[test]
fn a_new_index_file_is_taken_up_once_and_a_damaged_one_never() {
    let folder = std::env::temp_dir().join(format!("routing-{}", uuid::Uuid::now_v7()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("siro.idx");
    let header = "SIRET|IDCC|OPCO_PROPRIETAIRE|OPCO_GESTION\n";
    let write = |lines: &str| {
        opco::siro::build::install(index(&format!("{header}{lines}")).as_bytes(), &path).unwrap();
    };
    write(&format!("{FIRST}|1486|ATLAS|\n"));
    let routing = Routing::open(Some(path.clone()), None).unwrap();
    let known = employer(FIRST, "", "");
    assert!(!routing.refresh().unwrap(), "nothing changed");

    write(&format!("{FIRST}|1486|AKTO|\n{STRANGER}|1486|AKTO|\n"));
    assert!(routing.refresh().unwrap());
    assert_eq!(resolve(&routing, &known).opco, Some(Opco::Akto));
    assert!(!routing.refresh().unwrap(), "taken up once");

    let broken = folder.join("broken");
    std::fs::write(&broken, b"not an index").unwrap();
    std::fs::rename(&broken, &path).unwrap();
    assert!(routing.refresh().is_err());
    assert!(!routing.refresh().unwrap(), "a refused file is told once");
    assert_eq!(
        resolve(&routing, &known).opco,
        Some(Opco::Akto),
        "the former stays"
    );
    std::fs::remove_file(&path).unwrap();
    assert!(!routing.refresh().unwrap());
    std::fs::remove_dir_all(folder).unwrap();
}
