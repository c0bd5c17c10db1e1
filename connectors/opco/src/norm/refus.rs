//! Which of the known refusals an OPCO's words are, and which words are not known yet.

use domain::outcome::FaultItem;
use domain::rejet::Rejet;
use domain::{Fault, FaultKind, Kind};

use crate::norm::fault::ITEM_TEXT_MAX;
use crate::norm::mask::masked;
use crate::profile::Profile;

/// The messages of a refusal, sorted. What is not known is for an operator to look at: of an invoice, a
/// few words in the profile make it known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refus {
    /// The refusals told, each once.
    pub known: Vec<Rejet>,
    /// How many messages were known.
    pub known_texts: usize,
    /// The messages that were not.
    pub unknown: Vec<FaultItem>,
}

impl Refus {
    /// Sorts the messages of a fault by the OPCO's keywords and the common ones. Only invoices have
    /// known refusals; a heading above other messages counts as neither.
    pub fn read(profile: &Profile, kind: Kind, fault: &Fault) -> Self {
        match (kind, fault.kind) {
            (Kind::Facture, FaultKind::Rejected | FaultKind::Duplicate) => {
                Self::of(profile, &fault.items)
            }
            // A double has been understood: nobody needs to look at its words.
            (_, FaultKind::Rejected) => Self {
                unknown: reasons(&fault.items).cloned().collect(),
                ..Self::default()
            },
            _ => Self::default(),
        }
    }

    /// Sorts what an OPCO says of an invoice that it had taken and gave up.
    pub fn told(profile: &Profile, text: &str) -> Self {
        let item = FaultItem {
            code: None,
            text: masked(text, ITEM_TEXT_MAX, &[]),
        };
        Self::of(profile, &[item])
    }

    pub(crate) fn of(profile: &Profile, items: &[FaultItem]) -> Self {
        let lexicon = profile.lexicon();
        let mut refus = Self::default();
        for (place, item) in items.iter().enumerate() {
            match lexicon.recognise(item) {
                Some(rejet) => {
                    refus.known_texts += 1;
                    if !refus.known.contains(&rejet) {
                        refus.known.push(rejet);
                    }
                }
                None if is_heading(place, item, items.len()) => {}
                None => refus.unknown.push(item.clone()),
            }
        }
        refus
    }
}

/// Leaves out the heading above other messages.
fn reasons(items: &[FaultItem]) -> impl Iterator<Item = &FaultItem> {
    let of = items.iter().enumerate();
    of.filter(|(place, item)| !is_heading(*place, item, items.len()))
        .map(|(_, item)| item)
}

fn is_heading(place: usize, item: &FaultItem, items: usize) -> bool {
    place == 0 && items > 1 && item.code.is_none()
}
