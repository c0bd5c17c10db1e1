//! Orders about money: invoices and schedules.

use serde::{Deserialize, Serialize};

use super::{ControlError, Handle};
use crate::book::{Decision, EtatFacture, FactureView};
use crate::words::Reason;

/// An order to put an invoice in another state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InvoiceOrder {
    /// The state it is to be in.
    pub etat: EtatFacture,
    /// What `commentaire` then says: a code of protocol §15, said in the OPCO's words, or a text.
    #[serde(default)]
    pub motif: Option<String>,
}

impl Handle {
    /// Returns the invoices of one OPCO, whoever sent them.
    pub fn factures(&self, slug: &str) -> Result<Vec<FactureView>, ControlError> {
        Ok(self.desk(slug)?.book().factures(self.now_ms()))
    }

    /// Puts an invoice in another state, at once.
    pub fn set_invoice_state(
        &self,
        slug: &str,
        numero_interne_facture: &str,
        order: InvoiceOrder,
    ) -> Result<(), ControlError> {
        let desk = self.desk(slug)?;
        let motif = order.motif.map(|motif| match Reason::read(&motif) {
            Some(reason) => reason.said(desk.facts.tongue()).text,
            None => motif,
        });
        let decision = Decision {
            etat: order.etat,
            at: self.now_ms(),
            motif,
        };
        let numero = numero_interne_facture;
        if desk.book().decide_facture(numero, decision) {
            Ok(())
        } else {
            Err(ControlError::UnknownFacture(numero.to_owned()))
        }
    }

    /// Issues a line of a schedule again: the same number, another label.
    pub fn reissue(
        &self,
        slug: &str,
        numero_interne: &str,
        echeance: u32,
    ) -> Result<(), ControlError> {
        let desk = self.desk(slug)?;
        let at = self.reading(desk);
        let unknown = || ControlError::UnknownDossier(numero_interne.to_owned());
        let numero = numero_interne.parse().map_err(|_| unknown())?;
        if desk.book().reissue(numero, echeance, at) {
            Ok(())
        } else {
            Err(unknown())
        }
    }
}
