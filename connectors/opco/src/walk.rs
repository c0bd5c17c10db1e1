//! The walk over the pages of a list of states, of dossiers or of invoices: it stops at the announced
//! total or at an empty page, and gives up when a page comes back twice (protocol §3.6).

use std::collections::HashSet;

use domain::facture_etat::FactureEtat;
use domain::{Fault, FaultKind, NormVersion};

use crate::answer::{EtatDossier, Page};
use crate::operation::Operation;
use crate::profile::Profile;

/// The most lines one CFA is believed to have at one OPCO; bounds the number of pages.
pub const DOSSIERS_MAX: u32 = 100_000;

/// All states read, and whether that is surely all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Etats<T = EtatDossier> {
    /// The lines, each once, in the OPCO's order.
    pub items: Vec<T>,
    /// Whether a line that is not here is surely not there: nothing was skipped, and as many came as
    /// were announced. Only then does its absence mean anything.
    pub complete: bool,
}

impl<T> Default for Etats<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            complete: false,
        }
    }
}

/// Returns what tells an invoice from the others: the OPCO's number, else the CFA's own, which is
/// unique for its establishment only.
fn name(facture: &FactureEtat) -> String {
    let emitter = facture
        .organisme_formation
        .siret
        .map(|siret| siret.to_string());
    facture.numero_interne_facture.clone().unwrap_or_else(|| {
        let ours = facture.reference_facture_cfa.as_deref();
        format!(
            "{} {}",
            emitter.unwrap_or_default(),
            ours.unwrap_or_default()
        )
    })
}

/// A walk under way: pure, so that the caller may ask for a permit before each page.
#[derive(Debug)]
pub struct Walk<T = EtatDossier> {
    first: Operation,
    page: u32,
    pages_max: u32,
    seen: HashSet<String>,
    found: Etats<T>,
    total: Option<u64>,
    skipped: bool,
    ended: bool,
}

impl Walk {
    /// Starts before the first page of the list of dossiers.
    pub fn new(profile: &Profile, version: NormVersion) -> Self {
        Self::before(profile, Operation::Etats { version, page: 1 })
    }

    /// Takes the page just read.
    ///
    /// # Errors
    ///
    /// `Unreadable`, when the page is one that came before, or when there are too many.
    pub fn take(&mut self, page: Page) -> Result<(), Fault> {
        self.add(page, |dossier| dossier.numero_interne.clone())
    }
}

impl Walk<FactureEtat> {
    /// Starts before the first page of the list of invoices.
    pub fn factures(profile: &Profile) -> Self {
        Self::before(profile, Operation::FacturesEtats { page: 1 })
    }

    /// Takes the page just read: see [`Walk::take`].
    ///
    /// # Errors
    ///
    /// As [`Walk::take`].
    pub fn take(&mut self, page: Page<FactureEtat>) -> Result<(), Fault> {
        self.add(page, name)
    }
}

impl<T> Walk<T> {
    fn before(profile: &Profile, first: Operation) -> Self {
        Self {
            first,
            page: 1,
            pages_max: DOSSIERS_MAX.div_ceil(profile.page_size.max(1)),
            seen: HashSet::new(),
            found: Etats::default(),
            total: None,
            skipped: false,
            ended: false,
        }
    }

    /// Returns the next read, or `None` when the walk has ended.
    pub fn next(&self) -> Option<Operation> {
        if self.ended {
            return None;
        }
        let page = self.page;
        Some(match self.first {
            Operation::Etats { version, .. } => Operation::Etats { version, page },
            _ => Operation::FacturesEtats { page },
        })
    }

    /// Returns the lines read so far.
    pub fn items(&self) -> &[T] {
        &self.found.items
    }

    /// Returns what was read.
    pub fn finish(mut self) -> Etats<T> {
        let all = self.total.is_none() || self.all_here();
        self.found.complete = self.ended && all && !self.skipped;
        self.found
    }

    fn all_here(&self) -> bool {
        let here = u64::try_from(self.found.items.len()).unwrap_or(u64::MAX);
        self.total.is_some_and(|total| here >= total)
    }

    fn repeated(&self) -> Fault {
        self.fault("came a second time")
    }

    fn fault(&self, why: &str) -> Fault {
        let detail = format!("{:?}: page {} {why}", self.first, self.page);
        Fault::new(FaultKind::Unreadable, detail)
    }

    fn add(&mut self, page: Page<T>, name: impl Fn(&T) -> String) -> Result<(), Fault> {
        self.skipped |= page.skipped > 0;
        self.total = page.total.or(self.total);
        let empty = page.items.is_empty() && page.skipped == 0;
        if !empty
            && page
                .page
                .is_some_and(|number| number < u64::from(self.page))
        {
            return Err(self.repeated());
        }
        let before = self.found.items.len();
        for item in page.items {
            if self.seen.insert(name(&item)) {
                self.found.items.push(item);
            }
        }
        let grown = self.found.items.len() > before;
        if !empty && !grown && !self.skipped {
            return Err(self.repeated());
        }
        self.ended = empty || self.all_here() || self.first.version() == NormVersion::V1;
        if !self.ended && self.page >= self.pages_max {
            return Err(self.fault("has more pages than are believed"));
        }
        self.page = self.page.saturating_add(1);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
