//! The life of dossiers, without a socket.

use jiff::civil::date;

use crate::etat::Version;
use crate::record::Pairing;
use crate::schedule::Terms;

use super::*;

const PROGRESS: Progress = Progress {
    instruction_ms: Some(10),
    decision_ms: Some(20),
    deca_ms: 5,
};

fn filing(nom: &str, virtual_ms: i64) -> Filing {
    let pairing = Pairing {
        nom: nom.to_owned(),
        prenom: "Alice".to_owned(),
        date_naissance: "2005-04-17".to_owned(),
        siret: "12345678200010".to_owned(),
        date_debut_contrat: "2026-09-01".to_owned(),
    };
    Filing {
        version: Version::V1,
        key: "cle".into(),
        pairing: PairingKey::from(&pairing),
        terms: Terms {
            debut: date(2026, 9, 1),
            fin: date(2028, 8, 31),
            diplome: 54,
            type_contrat: 11,
            mostly_remote: false,
            handicap: false,
            siret_cfa: "98765432400019".to_owned(),
            deca_stem: "093202609".to_owned(),
        },
        body: None,
        headers: None,
        amends: None,
        arrival_ms: virtual_ms,
        virtual_ms,
    }
}

fn at(now_ms: i64) -> Reading {
    Reading {
        now_ms,
        deca_ms: PROGRESS.deca_ms,
        tariff: Tariff {
            year_cents: 780_000,
            pays_first_ms: None,
        },
    }
}

fn filed(book: &mut Book, nom: &str, now_ms: i64) -> String {
    let dossier = book.file(filing(nom, now_ms), PROGRESS, true).unwrap();
    book.confirm(dossier.numero);
    dossier.numero_interne()
}

fn order(etat: Etat) -> Order {
    Order {
        etat,
        commentaire: None,
        force: false,
    }
}

#[test]
fn a_dossier_moves_by_itself_and_never_twice_in_one_instant() {
    let mut book = Book::new();
    let numero = filed(&mut book, "MARTIN", 1_000);
    let key = "cle".into();
    let mut etat = |now_ms| {
        let dossier = book.read(&key, &numero, at(now_ms)).unwrap();
        (dossier.etat, dossier.deca(now_ms).is_some())
    };
    assert_eq!(etat(1_009), (Etat::Transmis, false));
    assert_eq!(etat(1_010), (Etat::EnCoursInstruction, false));
    assert_eq!(etat(1_030), (Etat::Engage, false));
    assert_eq!(etat(1_035), (Etat::Engage, true));
    let history = book.read(&key, &numero, at(2_000)).unwrap().history;
    let instants: Vec<i64> = history.iter().map(|(_, at)| *at).collect();
    assert_eq!(instants, [1_000, 1_010, 1_030]);

    let hasty = Progress {
        instruction_ms: Some(0),
        decision_ms: Some(0),
        deca_ms: 0,
    };
    let dossier = book.file(filing("PETIT", 5_000), hasty, true).unwrap();
    book.confirm(dossier.numero);
    let history = book
        .read(&key, &dossier.numero_interne(), at(9_000))
        .unwrap()
        .history;
    assert_eq!(
        history.iter().map(|(_, at)| *at).collect::<Vec<_>>(),
        [5_000, 5_001, 5_002]
    );
}

#[test]
fn an_order_follows_the_ways_unless_it_is_forced() {
    let mut book = Book::new();
    let numero = filed(&mut book, "MARTIN", 1_000);
    let engage = book.order(&numero, order(Etat::Engage), PROGRESS, at(1_001));
    assert_eq!(engage, Err(Disobeyed::NoWay(Etat::Transmis)));
    book.order(
        &numero,
        order(Etat::EnCoursInstruction),
        PROGRESS,
        at(1_001),
    )
    .unwrap();
    book.order(&numero, order(Etat::Refuse), PROGRESS, at(1_001))
        .unwrap();
    let refused = book.read(&"cle".into(), &numero, at(99_999)).unwrap();
    assert_eq!(refused.etat, Etat::Refuse);
    let instants: Vec<i64> = refused.history.iter().map(|(_, at)| *at).collect();
    assert_eq!(instants, [1_000, 1_001, 1_002]);
    let forced = Order {
        force: true,
        ..order(Etat::Rupture)
    };
    book.order(&numero, forced, PROGRESS, at(2_000)).unwrap();
    let dossier = book.read(&"cle".into(), &numero, at(99_999)).unwrap();
    assert!(dossier.rupture.is_some() && dossier.deca(99_999).is_some());
    let unknown = book.order("1", order(Etat::Solde), PROGRESS, at(2_000));
    assert_eq!(unknown, Err(Disobeyed::NoSuchDossier));
}

#[test]
fn a_double_is_seen_until_the_first_is_refused_and_by_exact_spelling_only() {
    let mut book = Book::new();
    let first = filed(&mut book, "MARTIN", 0);
    let again = book.file(filing("MARTIN", 1), PROGRESS, true).unwrap_err();
    assert_eq!(
        again,
        NotFiled::Double {
            numero: first.clone()
        }
    );
    assert!(book.file(filing("Martin", 2), PROGRESS, true).is_ok());
    book.order(&first, order(Etat::Annule), PROGRESS, at(3))
        .unwrap();
    assert_ne!(filed(&mut book, "MARTIN", 4), first);
    assert!(book.file(filing("MARTIN", 5), PROGRESS, true).is_err());
    assert!(book.file(filing("MARTIN", 6), PROGRESS, false).is_ok());
}

#[test]
fn what_is_not_in_the_ledger_is_not_shown() {
    let mut book = Book::new();
    let dossier = book.file(filing("MARTIN", 0), PROGRESS, true).unwrap();
    let key: Arc<str> = "cle".into();
    assert_eq!(book.list(&key, at(0), (0, 10), |_| ()), 0);
    assert!(book.read(&key, &dossier.numero_interne(), at(0)).is_none());
    book.withdraw(dossier.numero);
    assert!(book.file(filing("MARTIN", 1), PROGRESS, true).is_ok());
}

#[test]
fn keys_of_one_siren_see_the_same_dossiers_and_others_see_none() {
    let mut book = Book::new();
    let numero = filed(&mut book, "MARTIN", 0);
    let (old, new): (Arc<str>, Arc<str>) = ("cle".into(), "nouvelle".into());
    assert!(book.read(&new, &numero, at(0)).is_none());
    book.assign(&old, "987654324");
    book.assign(&new, "987654324");
    assert!(book.read(&new, &numero, at(0)).is_some());
    assert_eq!(book.list(&new, at(0), (0, 10), |_| ()), 1);
    assert_eq!(book.list(&"autre".into(), at(0), (0, 10), |_| ()), 0);
}

#[test]
fn an_amendment_finds_its_contract_by_its_deposit_number() {
    let mut book = Book::new();
    let numero = filed(&mut book, "MARTIN", 0);
    let amendment = |deca: &str| Filing {
        amends: Some(deca.to_owned()),
        ..filing("MARTIN", 100)
    };
    let deca = book
        .read(&"cle".into(), &numero, at(100))
        .unwrap()
        .deca(100)
        .unwrap();
    assert!(crate::digits::is_deca(&deca), "{deca}");
    let unknown = book
        .file(amendment("093202609999999"), PROGRESS, true)
        .unwrap_err();
    assert_eq!(unknown, NotFiled::NoInitial);
    let dossier = book.file(amendment(&deca), PROGRESS, true).unwrap();
    assert_eq!(dossier.initial.unwrap().to_string(), numero);
}

#[test]
fn numbers_go_on_after_a_restart_and_after_a_reset() {
    let mut book = Book::new();
    book.restore(1_000_001, filing("MARTIN", 0), PROGRESS);
    book.restore(1_000_005, filing("PETIT", 0), PROGRESS);
    assert_eq!(filed(&mut book, "LEROY", 1), "1000006");
    assert!(book.read(&"cle".into(), "1000005", at(1)).is_some());
    assert!(book.read(&"cle".into(), "1000003", at(1)).is_none());
    book.clear();
    assert_eq!(filed(&mut book, "MARTIN", 2), "1000007");
}

fn engaged(book: &mut Book) -> u64 {
    let numero = filed(book, "MARTIN", 0).parse().unwrap();
    book.read(&"cle".into(), &u64::to_string(&numero), at(100))
        .unwrap();
    numero
}

fn facture(dossier: u64) -> Facture {
    Facture {
        numero: 0,
        reference: "FA-1".to_owned(),
        siret: "98765432400019".to_owned(),
        iban: String::new(),
        key: "cle".into(),
        lignes: vec![LigneRetenue {
            dossier,
            echeance: 1,
            nature: crate::nature::Nature::Pedagogie,
            cents: 312_000,
        }],
        accepted_ms: 100,
        pace: crate::settings::Payment::default(),
        certified_ms: Some(100),
        partial: false,
        late_refusal: None,
        decision: None,
        origine: None,
        netted: false,
        durable: false,
    }
}

#[test]
fn an_invoice_that_is_not_in_the_ledger_is_not_shown_and_withdrawn_it_frees_its_money() {
    let mut book = Book::new();
    let dossier = engaged(&mut book);
    let key: Arc<str> = "cle".into();
    let left = |book: &Book| book.account(dossier, at(101)).unwrap().positions[0].left();
    let invoice = book.invoice(facture(dossier));
    assert_eq!(book.list_factures(&key, (0, 9), |_, _| ()), 0);
    assert!(!book.has_facture(&key, &invoice.numero_interne()));
    assert_eq!(left(&book).sum(), 0, "nobody else may ask for it meanwhile");
    book.withdraw_facture(invoice.numero, 101);
    assert_eq!(left(&book).sum(), 312_000);
    let known = book.facture_by_reference("98765432400019", "FA-1");
    assert!(known.is_none());
    let again = book.invoice(facture(dossier));
    book.confirm_facture(again.numero, 101);
    assert_eq!(book.list_factures(&key, (0, 9), |_, _| ()), 1);
    assert!(!book.has_facture(&"autre".into(), &again.numero_interne()));
}

#[test]
fn a_termination_that_could_not_be_written_down_leaves_the_dossier_as_it_was() {
    let mut book = Book::new();
    let numero = engaged(&mut book);
    let key: Arc<str> = "cle".into();
    let etat = |book: &mut Book| book.read(&key, &numero.to_string(), at(200)).unwrap().etat;
    book.begin_termination(numero).unwrap();
    assert_eq!(
        book.begin_termination(numero),
        Err(NotTerminated::Closed),
        "one at a time"
    );
    book.end_termination(numero, None, at(200));
    assert_eq!(etat(&mut book), Etat::Engage);
    book.begin_termination(numero).unwrap();
    book.end_termination(numero, Some(date(2027, 1, 15)), at(200));
    assert_eq!(etat(&mut book), Etat::Rupture);
    assert_eq!(book.begin_termination(numero), Err(NotTerminated::Closed));
}
