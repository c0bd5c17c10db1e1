//! The walk over the pages of a list of states: it stops at the announced total or at an empty page,
//! and gives up when a page comes back twice (protocol §3.6).

use std::collections::HashSet;

use domain::{Fault, FaultKind, NormVersion};

use crate::call::{Answer, EtatDossier, Identity, Operation, Page};
use crate::exchange::exchange;
use crate::profile::Profile;
use crate::transport::Transport;

/// The most dossiers one CFA is believed to have at one OPCO; bounds the number of pages.
pub const DOSSIERS_MAX: u32 = 100_000;

/// All states read, and whether that is surely all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Etats {
    /// The dossiers, each once, in the OPCO's order.
    pub items: Vec<EtatDossier>,
    /// Whether a dossier that is not here is surely not there: nothing was skipped, and as many
    /// came as were announced. Only then does its absence mean anything.
    pub complete: bool,
}

/// A walk under way: pure, so that the caller may ask for a permit before each page.
#[derive(Debug)]
pub struct Walk {
    version: NormVersion,
    page: u32,
    pages_max: u32,
    seen: HashSet<String>,
    found: Etats,
    total: Option<u64>,
    skipped: bool,
    ended: bool,
}

impl Walk {
    /// Starts before the first page.
    pub fn new(profile: &Profile, version: NormVersion) -> Self {
        Self {
            version,
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
        (!self.ended).then_some(Operation::Etats {
            version: self.version,
            page: self.page,
        })
    }

    /// Takes the page just read.
    ///
    /// # Errors
    ///
    /// `Unreadable`, when the page is one that came before, or when there are too many.
    pub fn take(&mut self, page: Page) -> Result<(), Fault> {
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
            if self.seen.insert(item.numero_interne.clone()) {
                self.found.items.push(item);
            }
        }
        let grown = self.found.items.len() > before;
        if !empty && !grown && !self.skipped {
            return Err(self.repeated());
        }
        self.ended = empty || self.all_here() || self.version == NormVersion::V1;
        if !self.ended && self.page >= self.pages_max {
            return Err(self.fault("has more pages than are believed"));
        }
        self.page = self.page.saturating_add(1);
        Ok(())
    }

    /// Returns what was read.
    pub fn finish(mut self) -> Etats {
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
        let detail = format!(
            "GET /{}/dossiers/etats: page {} {why}",
            self.version.as_str(),
            self.page
        );
        Fault::new(FaultKind::Unreadable, detail)
    }
}

/// Reads all states, asking `permit` before each page: each is a call under the OPCO's limit.
///
/// # Errors
///
/// The fault of the first page that fails, or the permit's.
pub async fn etats_all<P>(
    transport: &Transport,
    profile: &Profile,
    identity: &Identity,
    version: NormVersion,
    mut permit: P,
) -> Result<Etats, Fault>
where
    P: AsyncFnMut() -> Result<(), Fault>,
{
    let mut walk = Walk::new(profile, version);
    while let Some(operation) = walk.next() {
        permit().await?;
        match exchange(transport, profile, identity, &operation).await? {
            Answer::Etats(page) => walk.take(page)?,
            _ => return Err(Fault::new(FaultKind::Unreadable, "not a page of states")),
        }
    }
    Ok(walk.finish())
}

#[cfg(test)]
mod tests {
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
}
