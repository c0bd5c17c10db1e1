//! Which invoice a credit note corrects.

use domain::{Environment, Kind, TenantId};

use super::*;

const AVOIR: &str = include_str!("../../../../domain/tests/fixtures/payload/avoir.json");

fn facture(text: &str) -> Facture {
    match Payload::read(Kind::Facture, text.as_bytes())
        .unwrap()
        .payload
    {
        Payload::Facture(facture) => *facture,
        other => panic!("{other:?}"),
    }
}

fn bill(facture: Facture, etat: Option<EtatFacture>) -> Bill {
    let at: Timestamp = "2026-11-20T08:00:00Z".parse().unwrap();
    Bill {
        invoice: invoices::Invoice {
            delivery: DeliveryId::new(at),
            status: Status::Delivered,
            created_at: at,
            finished_at: Some(at),
            siret_emetteur: facture.siret_emetteur.unwrap(),
            numero: facture.numero.clone().unwrap(),
            etat,
            etat_raw: None,
            etat_at: None,
            numero_interne: None,
            reference_virement: None,
            paid_on: None,
            commentaire: None,
        },
        facture: Some(Box::new(facture)),
    }
}

fn original() -> Facture {
    let text = AVOIR
        .replace("AV-2026-00003", "FA-2026-00042")
        .replace("\"AVOIR\"", "\"FACTURE\"")
        .replace("-500.0", "500.0");
    facture(&text)
}

fn sender(this: &Bill, in_doubt: bool) -> Whose {
    Whose {
        tenant: TenantId::new(this.invoice.created_at),
        environment: Environment::Live,
        sites: None,
        compares: false,
        this: Some(this.invoice.delivery),
        since: None,
        in_doubt,
    }
}

#[test]
fn an_annulled_invoice_is_corrected_only_by_what_may_have_annulled_it() {
    let avoir = bill(facture(AVOIR), None);
    let annulled = bill(original(), Some(EtatFacture::Annule));
    assert!(avoir.corrects(&annulled) && !annulled.corrects(&avoir));
    let known = Origin::Known {
        total_cents: 50_000,
        credited_cents: 0,
    };
    for (in_doubt, expected) in [(false, Origin::Unknown), (true, known)] {
        let note = avoir.facture.as_deref().unwrap();
        let found = origin(note, &[&annulled, &avoir], &sender(&avoir, in_doubt));
        assert_eq!(found, expected);
    }
}

#[test]
fn what_another_credit_note_took_is_gone_even_in_doubt() {
    let avoir = bill(facture(AVOIR), None);
    let other = bill(
        facture(&AVOIR.replace("AV-2026-00003", "AV-2026-00002")),
        None,
    );
    let annulled = bill(original(), Some(EtatFacture::Annule));
    let note = avoir.facture.as_deref().unwrap();
    let found = origin(note, &[&annulled, &other, &avoir], &sender(&avoir, true));
    let expected = Origin::Known {
        total_cents: 50_000,
        credited_cents: 50_000,
    };
    assert_eq!(found, expected);
}

#[test]
fn a_refused_invoice_is_not_corrected_whatever_happened() {
    let avoir = bill(facture(AVOIR), None);
    let refused = bill(original(), Some(EtatFacture::Rejete));
    let note = avoir.facture.as_deref().unwrap();
    let found = origin(note, &[&refused], &sender(&avoir, true));
    assert_eq!(found, Origin::Unknown);
}
