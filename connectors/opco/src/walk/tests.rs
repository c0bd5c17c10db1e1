//! What a walk makes of good pages and of odd ones.

use super::*;
use domain::Opco;

fn walk(version: NormVersion) -> Walk {
    Walk::new(&Profile::shipped(Opco::Akto).unwrap(), version)
}

fn page(number: Option<u64>, total: Option<u64>, numeros: &[&str]) -> Page {
    let items = numeros.iter().map(|numero| EtatDossier {
        numero_interne: (*numero).to_owned(),
        numero_externe: None,
        numero_deca: None,
        etat: None,
        etat_brut: None,
    });
    Page {
        items: items.collect(),
        total,
        page: number,
        skipped: 0,
        unknown: Vec::new(),
    }
}

fn numeros(etats: &Etats) -> Vec<&str> {
    etats
        .items
        .iter()
        .map(|item| item.numero_interne.as_str())
        .collect()
}

#[test]
fn version_one_has_a_single_page() {
    let mut walk = walk(NormVersion::V1);
    assert_eq!(
        walk.next(),
        Some(Operation::Etats {
            version: NormVersion::V1,
            page: 1
        })
    );
    walk.take(page(None, Some(2), &["1", "2"])).unwrap();
    assert_eq!(walk.next(), None);
    let etats = walk.finish();
    assert_eq!((numeros(&etats), etats.complete), (vec!["1", "2"], true));
}

#[test]
fn the_walk_ends_at_the_announced_total() {
    let mut walk = walk(NormVersion::V2);
    walk.take(page(Some(1), Some(3), &["1", "2"])).unwrap();
    assert_eq!(
        walk.next(),
        Some(Operation::Etats {
            version: NormVersion::V2,
            page: 2
        })
    );
    walk.take(page(Some(2), Some(3), &["3"])).unwrap();
    assert_eq!(walk.next(), None);
    assert!(walk.finish().complete);
}

#[test]
fn an_empty_page_before_the_total_proves_no_absence() {
    let mut walk = walk(NormVersion::V2);
    walk.take(page(Some(1), Some(3), &["1", "2"])).unwrap();
    walk.take(page(Some(2), Some(3), &[])).unwrap();
    assert_eq!(walk.next(), None);
    let etats = walk.finish();
    assert_eq!((numeros(&etats), etats.complete), (vec!["1", "2"], false));
}

#[test]
fn without_a_total_an_empty_page_ends_the_list() {
    let mut walk = walk(NormVersion::V2);
    walk.take(page(None, None, &["1"])).unwrap();
    walk.take(page(None, None, &[])).unwrap();
    assert!(walk.finish().complete);
}

#[test]
fn a_page_that_comes_twice_ends_the_walk() {
    for number in [Some(1), None] {
        let mut walk = walk(NormVersion::V2);
        walk.take(page(number, Some(4), &["1", "2"])).unwrap();
        let fault = walk.take(page(number, Some(4), &["1", "2"])).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Unreadable);
        assert!(fault.detail.contains("page 2"), "{}", fault.detail);
    }
}

#[test]
fn a_dossier_that_slid_to_the_next_page_is_listed_once() {
    let mut walk = walk(NormVersion::V2);
    walk.take(page(Some(1), Some(3), &["1", "2"])).unwrap();
    walk.take(page(Some(2), Some(4), &["2", "3"])).unwrap();
    walk.take(page(Some(3), Some(4), &["4"])).unwrap();
    let etats = walk.finish();
    assert_eq!(
        (numeros(&etats), etats.complete),
        (vec!["1", "2", "3", "4"], true)
    );
}

#[test]
fn a_line_without_a_number_proves_no_absence() {
    let mut walk = walk(NormVersion::V1);
    walk.take(Page {
        skipped: 1,
        ..page(None, Some(2), &["1"])
    })
    .unwrap();
    assert!(!walk.finish().complete);
}

#[test]
fn a_list_without_end_is_given_up() {
    let mut walk = walk(NormVersion::V2);
    let mut last = Ok(());
    for number in 1..=2_000_u64 {
        let numero = number.to_string();
        last = walk.take(page(Some(number), None, &[&numero]));
        if last.is_err() {
            break;
        }
    }
    assert!(last.unwrap_err().detail.contains("page 1000"));
}

fn invoices(number: u64, total: u64, numeros: &[&str]) -> Page<FactureEtat> {
    let items = numeros.iter().map(|numero| FactureEtat {
        reference_facture_cfa: Some((*numero).to_owned()),
        ..FactureEtat::default()
    });
    Page {
        items: items.collect(),
        total: Some(total),
        page: Some(number),
        skipped: 0,
        unknown: Vec::new(),
    }
}

#[test]
fn invoices_are_walked_like_dossiers() {
    let mut walk = Walk::factures(&Profile::shipped(Opco::Akto).unwrap());
    assert_eq!(walk.next(), Some(Operation::FacturesEtats { page: 1 }));
    walk.take(invoices(1, 3, &["A", "B"])).unwrap();
    assert_eq!(walk.next(), Some(Operation::FacturesEtats { page: 2 }));
    assert_eq!(walk.items().len(), 2);
    let mut stopped = Walk::factures(&Profile::shipped(Opco::Akto).unwrap());
    stopped.take(invoices(1, 3, &["A", "B"])).unwrap();
    assert!(!stopped.finish().complete);
    let fault = walk.take(invoices(2, 3, &["A", "B"])).unwrap_err();
    assert!(
        fault.detail.contains("/v2/factures/etats: page 2"),
        "{}",
        fault.detail
    );
    walk.take(invoices(2, 3, &["C"])).unwrap();
    let etats = walk.finish();
    assert_eq!((etats.items.len(), etats.complete), (3, true));
}

#[test]
fn the_same_number_of_two_establishments_is_two_invoices() {
    let mut page = invoices(1, 2, &["A", "A"]);
    for (item, siret) in page
        .items
        .iter_mut()
        .zip(["98765432400019", "98765432400027"])
    {
        item.organisme_formation.siret = siret.parse().ok();
    }
    let mut walk = Walk::factures(&Profile::shipped(Opco::Akto).unwrap());
    walk.take(page).unwrap();
    assert_eq!(walk.finish().items.len(), 2);
}
