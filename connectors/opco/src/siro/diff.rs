//! What a new file changes: establishments gone, new, and moved to another OPCO.

use std::collections::BTreeMap;

use domain::Opco;

use super::layout::Damaged;
use super::{Index, Line};

/// What became of one establishment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Only the new index has it.
    New(Line),
    /// Only the old index has it.
    Gone(Line),
    /// The owner or the manager is another one.
    Moved(Line, Line),
    /// Only the agreement is another one.
    Agreement(Line, Line),
}

/// The difference in figures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Difference {
    /// Establishments only the new index has.
    pub new: u64,
    /// Establishments only the old index has.
    pub gone: u64,
    /// Establishments whose owner or manager is another one.
    pub moved: u64,
    /// Establishments of which only the agreement is another one.
    pub agreement: u64,
    /// Establishments of which nothing changed.
    pub unchanged: u64,
    /// How many moved from one owner to another; nothing stands for "without OPCO".
    pub moves: BTreeMap<(Option<Opco>, Option<Opco>), u64>,
}

/// Walks two indexes side by side, tells `each` every change with its SIRET, and adds them up.
///
/// Where an establishment has several lines, its first stands for it.
pub fn diff(
    old: &Index,
    new: &Index,
    mut each: impl FnMut(u64, Change),
) -> Result<Difference, Damaged> {
    let (mut left, mut right) = (establishments(old)?, establishments(new)?);
    let (mut a, mut b) = (left.next().transpose()?, right.next().transpose()?);
    let mut difference = Difference::default();
    while a.is_some() || b.is_some() {
        let (siret, change) = match (a, b) {
            (Some((siret, was)), Some((same, is))) if siret == same => {
                a = left.next().transpose()?;
                b = right.next().transpose()?;
                (siret, between(was, is))
            }
            (Some((siret, was)), other) if other.is_none_or(|(next, _)| siret < next) => {
                a = left.next().transpose()?;
                (siret, Some(Change::Gone(was)))
            }
            (_, Some((siret, is))) => {
                b = right.next().transpose()?;
                (siret, Some(Change::New(is)))
            }
            (_, None) => break,
        };
        difference.count(change);
        if let Some(change) = change {
            each(siret, change);
        }
    }
    Ok(difference)
}

impl Difference {
    fn count(&mut self, change: Option<Change>) {
        match change {
            None => self.unchanged += 1,
            Some(Change::New(_)) => self.new += 1,
            Some(Change::Gone(_)) => self.gone += 1,
            Some(Change::Agreement(..)) => self.agreement += 1,
            Some(Change::Moved(was, is)) => {
                self.moved += 1;
                *self.moves.entry((was.owner, is.owner)).or_default() += 1;
            }
        }
    }
}

fn between(was: Line, is: Line) -> Option<Change> {
    if (was.owner, was.manager) != (is.owner, is.manager) {
        Some(Change::Moved(was, is))
    } else if was.idcc != is.idcc {
        Some(Change::Agreement(was, is))
    } else {
        None
    }
}

fn establishments(
    index: &Index,
) -> Result<impl Iterator<Item = Result<(u64, Line), Damaged>> + '_, Damaged> {
    let mut last = None;
    Ok(index.all()?.filter(move |line| match line {
        Ok((siret, _)) => last.replace(*siret) != Some(*siret),
        Err(_) => true,
    }))
}
