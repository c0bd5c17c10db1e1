//! The states of invoices, by pages (protocol §10).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};

use super::{asked_page, unknown_state};
use crate::answer::Reply;
use crate::book::{Book, Facture, day_of};
use crate::cents::euros;
use crate::fault::FaultKind;
use crate::refusal::Refusal;
use crate::schedule::midnight;
use crate::wire::Call;

/// A page of invoices.
#[derive(Serialize)]
struct Listed {
    total: usize,
    count: usize,
    page: usize,
    factures: Vec<Value>,
}

/// Lists the invoices of the key, with what became of each.
pub(crate) fn etats(call: &Call<'_>, key: &Arc<str>) -> Result<Reply, Refusal> {
    let unknown = unknown_state(call);
    let empty = call.within(FaultKind::EmptyList).is_some();
    let (page, window) = asked_page(call)?;
    let now_ms = call.sim.clock.now_ms();
    let mut items = Vec::new();
    let mut total = call
        .desk
        .book()
        .list_factures(key, window, |book, facture| {
            items.push(item(book, facture, unknown.as_deref(), now_ms));
        });
    if empty {
        items.clear();
        total = 0;
    }
    let page = Listed {
        total,
        count: items.len(),
        page,
        factures: items,
    };
    if call.within(FaultKind::WrappedPage).is_some() {
        return Ok(Reply::json(200, &[page]));
    }
    Ok(Reply::json(200, &page))
}

fn item(book: &Book, facture: &Facture, unknown: Option<&str>, now_ms: i64) -> Value {
    let mut amounts: BTreeMap<u64, i32> = BTreeMap::new();
    for ligne in &facture.lignes {
        let amount = amounts.entry(ligne.dossier).or_default();
        *amount = amount.saturating_add(ligne.cents);
    }
    let dossier = |(numero, cents): (&u64, &i32)| {
        let (interne, externe) = book.numeros(*numero)?;
        Some(json!({
            "numeroInterneDossier": interne,
            "numeroExterneDossier": externe,
            "montant": euros(*cents),
        }))
    };
    // A transfer has a reference and a date once the whole invoice is paid.
    let paid = facture.wholly_paid_ms(now_ms).map(day_of);
    let reference = paid.map(|day| format!("VIR-{}-{:06}", day.year(), facture.numero % 1_000_000));
    json!({
        "numeroInterneFacture": facture.numero_interne(),
        "referenceFactureCFA": facture.reference,
        "montantFacture": euros(facture.total_cents()),
        "etatFacture": unknown.unwrap_or_else(|| facture.etat(now_ms).wire()),
        "referenceVirement": reference,
        "dateReglement": paid.map(midnight),
        "commentaire": facture.commentaire(now_ms),
        "organismeFormation": {"siret": facture.siret, "IBAN": facture.iban},
        "dossiers": amounts.iter().filter_map(dossier).collect::<Vec<_>>(),
    })
}
