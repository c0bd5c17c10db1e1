//! Dossiers an OPCO knows and no ERP sent, and the reverse: a pairing is proposed where the two are
//! alike, with its probable cause.

use std::collections::HashMap;

use crate::matching::{Likeness, Reason, TELL_AT, Traits, fold, score};
use crate::opco::words;

/// A dossier of one side: ours as sent, or theirs as read.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// What tells it from another.
    pub traits: Traits<'a>,
    /// The training centre it was filed for, fourteen digits, when known.
    pub siret_cfa: Option<&'a str>,
}

/// Why two records of one contract were not paired by the norm's key, or not seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mismatch {
    /// The names are written otherwise, and are the same once folded.
    Spelling,
    /// The names are almost the same, or in each other's place.
    Names,
    /// The birth date.
    BirthDate,
    /// The establishment of the employer.
    EmployerSiret,
    /// The first day of the contract.
    StartDate,
    /// The establishment of the centre: the OPCO hides the dossier from the other key.
    CfaSiret,
}

words!(Mismatch {
    Spelling = "spelling",
    Names = "names",
    BirthDate = "birth_date",
    EmployerSiret = "employer_siret",
    StartDate = "start_date",
    CfaSiret = "cfa_siret",
});

impl Mismatch {
    /// Returns what differs, in French.
    pub fn french(self) -> &'static str {
        match self {
            Self::Spelling => "orthographe des noms (accents, casse, tirets, particules)",
            Self::Names => "noms ou prénoms différents ou inversés",
            Self::BirthDate => "date de naissance différente",
            Self::EmployerSiret => "SIRET employeur différent",
            Self::StartDate => "date de début de contrat différente",
            Self::CfaSiret => "SIRET du CFA différent",
        }
    }
}

/// What became of a dossier that no ERP sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fate {
    /// Nobody has said anything of it.
    Open,
    /// It is followed as one of ours.
    Adopted,
    /// A person wants to hear no more of it.
    Ignored,
}

words!(Fate {
    Open = "open",
    Adopted = "adopted",
    Ignored = "ignored",
});

/// What a person may do to a dossier that no ERP sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Follow it as one of ours.
    Adopt,
    /// Hear no more of it.
    Ignore,
    /// Take back that it was ignored.
    Reopen,
}

words!(Action {
    Adopt = "adopt",
    Ignore = "ignore",
    Reopen = "reopen",
});

impl Fate {
    /// Returns what may be done. What was adopted stays: invoices may hang on it.
    pub fn allowed(self) -> &'static [Action] {
        match self {
            Self::Open => &[Action::Adopt, Action::Ignore],
            Self::Ignored => &[Action::Adopt, Action::Reopen],
            Self::Adopted => &[],
        }
    }
}

/// A pairing to confirm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// Place of ours.
    pub ours: usize,
    /// Place of theirs.
    pub theirs: usize,
    /// How alike they are, and why.
    pub likeness: Likeness,
    /// What differs; nothing when the norm's own key pairs them.
    pub mismatches: Vec<Mismatch>,
    /// Another dossier was as likely: a person must choose.
    pub ambiguous: bool,
}

/// What came of pairing the two sides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pairings {
    /// The pairings, the most likely first.
    pub proposals: Vec<Proposal>,
    /// Places of ours that the OPCO does not show (VEI-004).
    pub only_ours: Vec<usize>,
    /// Places of theirs that no ERP sent (VEI-003).
    pub only_theirs: Vec<usize>,
}

/// The most records that share one trait and are still compared one by one: beyond it the trait says
/// nothing (a date typed by default).
const CROWD: usize = 200;

/// Pairs what we sent with what an OPCO lists. Each record is in one pairing at most; the most likely
/// pairings are made first.
pub fn pair(ours: &[Side<'_>], theirs: &[Side<'_>]) -> Pairings {
    let mut candidates = candidates(ours, theirs);
    candidates.sort_by_key(|c| {
        (
            u8::MAX - c.likeness.score,
            c.mismatches.len(),
            c.ours,
            c.theirs,
        )
    });
    let mut taken_ours = vec![false; ours.len()];
    let mut taken_theirs = vec![false; theirs.len()];
    let mut proposals: Vec<Proposal> = Vec::new();
    for mut candidate in candidates {
        let (Some(mine), Some(other)) = (
            taken_ours.get_mut(candidate.ours),
            taken_theirs.get_mut(candidate.theirs),
        ) else {
            continue;
        };
        if *mine || *other {
            mark_rival(&mut proposals, &candidate);
            continue;
        }
        (*mine, *other) = (true, true);
        candidate.ambiguous = false;
        proposals.push(candidate);
    }
    let free = |taken: &[bool]| -> Vec<usize> {
        let places = taken.iter().enumerate();
        places
            .filter(|(_, taken)| !**taken)
            .map(|(place, _)| place)
            .collect()
    };
    Pairings {
        only_ours: free(&taken_ours),
        only_theirs: free(&taken_theirs),
        proposals,
    }
}

/// Marks the pairing that took a place from one just as likely.
fn mark_rival(proposals: &mut [Proposal], loser: &Proposal) {
    let rivals = proposals.iter_mut().filter(|made| {
        (made.ours == loser.ours) != (made.theirs == loser.theirs)
            && made.likeness.score == loser.likeness.score
            && made.mismatches.len() == loser.mismatches.len()
    });
    rivals.for_each(|made| made.ambiguous = true);
}

/// Compares only records that share one of a few texts, so that two lists of thousands stay cheap.
fn candidates(ours: &[Side<'_>], theirs: &[Side<'_>]) -> Vec<Proposal> {
    let mut shelves: HashMap<String, Vec<usize>> = HashMap::new();
    for (place, side) in theirs.iter().enumerate() {
        for text in texts(&side.traits) {
            shelves.entry(text).or_default().push(place);
        }
    }
    let mut found = Vec::new();
    for (mine, side) in ours.iter().enumerate() {
        let mut places: Vec<usize> = texts(&side.traits)
            .iter()
            .filter_map(|text| shelves.get(text))
            .filter(|shelf| shelf.len() <= CROWD)
            .flatten()
            .copied()
            .collect();
        places.sort_unstable();
        places.dedup();
        let alike = places.into_iter().filter_map(|place| {
            let other = theirs.get(place)?;
            let likeness = score(&side.traits, &other.traits);
            (likeness.score >= TELL_AT).then(|| Proposal {
                ours: mine,
                theirs: place,
                likeness,
                mismatches: mismatches(side, other),
                ambiguous: false,
            })
        });
        found.extend(alike);
    }
    found
}

/// The texts by which two records of one contract meet although one or two traits differ.
fn texts(traits: &Traits<'_>) -> Vec<String> {
    let (nom, prenom) = (fold(traits.nom), fold(traits.prenom));
    let (siret, start) = (traits.siret_employeur, traits.date_debut_contrat);
    let mut texts: Vec<String> = crate::matching::near_texts(traits)
        .into_iter()
        .flatten()
        .collect();
    let mut names = [nom.as_str(), prenom.as_str()];
    names.sort_unstable();
    let [one, two] = names;
    texts.push(format!("n|{one}|{two}|{siret}"));
    // Each name alone, whichever place it stands in.
    for name in [&nom, &prenom] {
        texts.push(format!("o|{name}|{siret}|{start}"));
        texts.push(format!("b|{name}|{}", traits.date_naissance));
    }
    texts
}

fn mismatches(ours: &Side<'_>, theirs: &Side<'_>) -> Vec<Mismatch> {
    let (a, b) = (&ours.traits, &theirs.traits);
    let folded = fold(a.nom) == fold(b.nom) && fold(a.prenom) == fold(b.prenom);
    let written = a.nom == b.nom && a.prenom == b.prenom;
    let cfa = ours.siret_cfa.zip(theirs.siret_cfa);
    let told = [
        (folded && !written, Mismatch::Spelling),
        (!folded, Mismatch::Names),
        (a.date_naissance != b.date_naissance, Mismatch::BirthDate),
        (
            a.siret_employeur != b.siret_employeur,
            Mismatch::EmployerSiret,
        ),
        (
            a.date_debut_contrat != b.date_debut_contrat,
            Mismatch::StartDate,
        ),
        (
            cfa.is_some_and(|(mine, other)| mine != other),
            Mismatch::CfaSiret,
        ),
    ];
    told.into_iter()
        .filter(|(differs, _)| *differs)
        .map(|(_, what)| what)
        .collect()
}

impl Proposal {
    /// Returns whether the norm's own key pairs them, up to spelling: nobody needs to confirm it.
    pub fn is_sure(&self) -> bool {
        self.likeness.reason == Reason::Same && !self.ambiguous
    }
}

#[cfg(test)]
mod tests;
