//! Invoices and credit notes (protocol §10, §13, §15): schema, business, book, ledger, then the
//! answer.

mod verdict;

use std::sync::Arc;

use serde_json::json;

use crate::answer::Reply;
use crate::book::{Facture, Reading};
use crate::etat::Version;
use crate::fault::{Fault, FaultKind};
use crate::multipart::Form;
use crate::opcos::Tongue;
use crate::record::{Kind, Retained, SEPARATOR};
use crate::refusal::Refusal;
use crate::schema::{Finding, pieces};
use crate::sending;
use crate::settings::Capability;
use crate::wire::Call;
use crate::words::Reason;

const REFUSED: &str = "La facture est rejetée";

/// Takes an invoice.
pub(crate) async fn take(call: &Call<'_>, key: Arc<str>) -> Result<Reply, Refusal> {
    let sent = sending::read(call, "facture", &[Form::Pdf], true)?;
    let draft = pieces::facture(&sent.json).map_err(|findings| Refusal::of(REFUSED, findings))?;
    if draft.avoir {
        call.open(Capability::Avoir)?;
    }
    sending::told_to_refuse(call, REFUSED)?;
    let at = call.sim.reading(&call.settings);
    let (facture, document, origine) = enter_in_book(call, &key, &draft, at)?;
    let reference = (draft.siret.clone(), draft.numero.clone());
    let entry = sending::entry(
        call,
        (&sent, &key),
        (
            Kind::Facture,
            format!("{}{SEPARATOR}{}", reference.0, reference.1),
        ),
        Version::V1,
    );
    let mut dossiers: Vec<u64> = facture.lignes.iter().map(|ligne| ligne.dossier).collect();
    dossiers.sort_unstable();
    dossiers.dedup();
    let entry = crate::record::LedgerEntry {
        numero_interne: facture.numero_interne(),
        numero_externe: reference.1.clone(),
        dossiers: dossiers.iter().map(u64::to_string).collect(),
        retained: Some(Retained::Invoiced {
            siret: reference.0,
            reference: reference.1,
            lignes: facture.lignes.clone(),
            certified: facture.certified_ms.is_some(),
            origine,
            netted: facture.netted,
        }),
        ..entry
    };
    if !sending::write_down(call, &entry).await {
        call.desk
            .book()
            .withdraw_facture(facture.numero, call.virtual_ms);
        return Err(sending::broken());
    }
    let mut book = call.desk.book();
    book.confirm_facture(facture.numero, call.virtual_ms);
    book.remember(entry);
    call.numero.set(Some(facture.numero_interne()));
    let answer = json!({
        "numeroInterneFacture": facture.numero_interne(),
        "numeroInterneDocument": document,
    });
    Ok(Reply::json(200, &answer))
}

/// Judges an invoice and enters it, under one lock: of two that ask for the same money one comes
/// too late.
fn enter_in_book(
    call: &Call<'_>,
    key: &Arc<str>,
    draft: &pieces::Facture,
    at: Reading,
) -> Result<(Facture, String, Option<String>), Refusal> {
    let tongue = call.desk.facts.tongue();
    let mut book = call.desk.book();
    let judged = verdict::judge(&mut book, draft, key, &call.settings, at).map_err(|reasons| {
        let findings = reasons
            .into_iter()
            .map(|(reason, field)| said(reason, field, tongue))
            .collect();
        Refusal::of(REFUSED, findings)
    })?;
    let late = call.within(FaultKind::LateRefusal);
    let facture = book.invoice(Facture {
        numero: 0,
        reference: draft.numero.clone(),
        siret: draft.siret.clone(),
        iban: draft.iban.clone().unwrap_or_default(),
        key: Arc::clone(key),
        lignes: judged.lignes,
        accepted_ms: call.virtual_ms,
        pace: call.settings.payment,
        certified_ms: judged.certified.then_some(call.virtual_ms),
        partial: call.within(FaultKind::PartialSettlement).is_some(),
        late_refusal: late.map(|fault| reason_of(&fault, tongue).text),
        decision: None,
        origine: judged.origine,
        netted: judged.netted,
        durable: false,
    });
    let document = book.number_document();
    Ok((
        facture,
        document,
        draft.origine.clone().filter(|_| draft.avoir),
    ))
}

fn said(reason: Reason, field: Option<String>, tongue: Tongue) -> Finding {
    let finding = reason.said(tongue);
    match field {
        Some(field) => finding.at(field),
        None => finding,
    }
}

/// Returns the reason a fault names, or its own words.
pub(crate) fn reason_of(fault: &Fault, tongue: Tongue) -> Finding {
    match fault.text.as_deref() {
        None => Reason::DejaConnue.said(tongue),
        Some(text) => match Reason::read(text) {
            Some(reason) => reason.said(tongue),
            None => Finding::of("REFUS", text),
        },
    }
}
