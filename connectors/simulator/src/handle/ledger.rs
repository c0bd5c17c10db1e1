//! The ledger in memory: what each OPCO took.

use serde::{Deserialize, Serialize};

use super::{ControlError, Handle};
use crate::book::Dossier;
use crate::record::{Kind, LedgerEntry};
use crate::sim::Desk;

/// Part of the ledger in memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerPage {
    /// How many entries there are in all.
    pub total: usize,
    /// Those asked for, by OPCO: contracts by number, then everything else as it came.
    pub entries: Vec<LedgerEntry>,
}

impl LedgerPage {
    fn add(&mut self, (skip, limit): (usize, usize), entry: impl FnOnce() -> LedgerEntry) {
        if self.total >= skip && self.entries.len() < limit {
            self.entries.push(entry());
        }
        self.total += 1;
    }
}

fn contract(desk: &Desk, dossier: &Dossier) -> LedgerEntry {
    let filing = &dossier.filing;
    let pairing = filing.pairing.pairing();
    LedgerEntry {
        opco: desk.facts.slug.to_owned(),
        kind: Kind::Dossier,
        natural_key: pairing.natural_key(),
        version: filing.version,
        numero_interne: dossier.numero_interne(),
        numero_externe: dossier.numero_externe(),
        dossiers: Vec::new(),
        pairing,
        key: filing.key.to_string(),
        arrival_ms: filing.arrival_ms,
        virtual_ms: filing.virtual_ms,
        headers: filing.headers.clone().unwrap_or_default(),
        content_sha256: None,
        file: None,
        terms: Some(filing.terms.clone()),
        retained: None,
    }
}

impl Handle {
    /// Returns what was accepted, of every kind, at one OPCO or at all: at most `limit` after the
    /// first `skip`. Without kept payloads the headers of contracts are in the ledger file only.
    pub fn ledger(
        &self,
        slug: Option<&str>,
        skip: usize,
        limit: usize,
    ) -> Result<LedgerPage, ControlError> {
        self.ledger_page(slug, None, (skip, limit))
    }

    /// Returns what was accepted of one kind, like [`Handle::ledger`].
    pub fn ledger_of(
        &self,
        slug: Option<&str>,
        kind: Kind,
        skip: usize,
        limit: usize,
    ) -> Result<LedgerPage, ControlError> {
        self.ledger_page(slug, Some(kind), (skip, limit))
    }

    pub(crate) fn ledger_page(
        &self,
        slug: Option<&str>,
        kind: Option<Kind>,
        window: (usize, usize),
    ) -> Result<LedgerPage, ControlError> {
        let mut page = LedgerPage {
            total: 0,
            entries: Vec::new(),
        };
        let wanted = |own: Kind| kind.is_none_or(|kind| kind == own);
        for desk in self.desks(slug)? {
            let reading = self.reading(desk);
            let mut book = desk.book();
            if wanted(Kind::Dossier) {
                book.every(reading, |dossier| {
                    page.add(window, || contract(desk, dossier));
                });
            }
            for deed in book.deeds().iter().filter(|deed| wanted(deed.kind)) {
                page.add(window, || LedgerEntry::clone(deed));
            }
        }
        Ok(page)
    }
}
