//! What changed between two readings of one schedule (VEI-006).

use jiff::civil::Date;
use serde::Serialize;

use super::{Echeance, Echeancier};
use crate::opco::words;
use crate::payload::NatureLigne;

/// What of a schedule changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Changed {
    /// A line is new.
    Added,
    /// A line is gone.
    Removed,
    /// A line was issued again, with another id and the same number.
    Reissued,
    /// The OPCO's label.
    Codification,
    /// The whole amount of a line.
    Amount,
    /// How much of a line is disability supplement.
    Rqth,
    /// From when a line can be invoiced.
    Opening,
    /// The first day of the service.
    PeriodStart,
    /// The last day of the service.
    PeriodEnd,
    /// What is paid.
    Paid,
    /// What is under review.
    UnderReview,
    /// The establishment to be paid.
    CfaSiret,
    /// The account to be paid; never shown.
    Account,
    /// The whole amount committed.
    Engagement,
    /// What is granted for an ancillary cost.
    Granted,
    /// An ancillary cost is settled, or no longer.
    Settled,
}

words!(Changed {
    Added = "added",
    Removed = "removed",
    Reissued = "reissued",
    Codification = "codification",
    Amount = "amount",
    Rqth = "rqth",
    Opening = "opening",
    PeriodStart = "period_start",
    PeriodEnd = "period_end",
    Paid = "paid",
    UnderReview = "under_review",
    CfaSiret = "cfa_siret",
    Account = "account",
    Engagement = "engagement",
    Granted = "granted",
    Settled = "settled",
});

impl Changed {
    /// Returns whether it is the schedule itself that changed, and not what was paid of it: someone
    /// must look (VEI-006).
    pub fn is_of_schedule(self) -> bool {
        !matches!(self, Self::Paid | Self::UnderReview | Self::Settled)
    }

    /// Returns what changed, in French.
    pub fn french(self) -> &'static str {
        match self {
            Self::Added => "échéance ajoutée",
            Self::Removed => "échéance supprimée",
            Self::Reissued => "échéance réémise sous le même numéro",
            Self::Codification => "codification de l'échéance",
            Self::Amount => "montant de l'échéance",
            Self::Rqth => "majoration RQTH de l'échéance",
            Self::Opening => "date d'ouverture de l'échéance",
            Self::PeriodStart => "début de la période",
            Self::PeriodEnd => "fin de la période",
            Self::Paid => "montant réglé",
            Self::UnderReview => "montant en cours d'instruction",
            Self::CfaSiret => "SIRET du CFA à payer",
            Self::Account => "compte bancaire connu de l'OPCO",
            Self::Engagement => "montant engagé",
            Self::Granted => "frais annexes engagés",
            Self::Settled => "frais annexes réglés",
        }
    }
}

/// What a changed field held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Told {
    /// An amount in cents.
    Cents(i64),
    /// A day.
    Day(Date),
    /// Yes or no.
    Flag(bool),
    /// A text.
    Text(String),
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The échéance, when it is one that changed.
    pub numero: Option<i64>,
    /// The ancillary cost, when it is one that changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nature: Option<NatureLigne>,
    /// What changed.
    pub what: Changed,
    /// What it was; absent for an account, which is never shown.
    pub before: Option<Told>,
    /// What it is.
    pub after: Option<Told>,
}

/// Lists what changed from one reading to the next, in the order of the newer one; nothing when they
/// say the same, whatever the order of their lines.
pub fn changes(before: &Echeancier, after: &Echeancier) -> Vec<Change> {
    let mut found = Found(Vec::new());
    found.told(
        (None, Changed::Engagement),
        before.engagement.map(|m| Told::Cents(m.cents)),
        after.engagement.map(|m| Told::Cents(m.cents)),
    );
    let mut left: Vec<&Echeance> = before.echeances.iter().collect();
    for line in &after.echeances {
        match twin(line, &after.echeances, &left).map(|at| left.remove(at)) {
            Some(old) => compare(old, line, &mut found),
            None => found.whole(line, Changed::Added),
        }
    }
    for gone in left {
        found.whole(gone, Changed::Removed);
    }
    ancillary(before, after, &mut found);
    found.0
}

/// Finds the former state of a line: the same id; else, of the same number, one whose id is not
/// carried on by another line.
fn twin(line: &Echeance, all: &[Echeance], left: &[&Echeance]) -> Option<usize> {
    let same_numero = |old: &&Echeance| old.numero == line.numero;
    if line.id.is_some() {
        let same = |old: &&Echeance| same_numero(old) && old.id == line.id;
        if let Some(at) = left.iter().position(same) {
            return Some(at);
        }
    }
    let taken = |old: &&Echeance| {
        old.id.is_some()
            && all
                .iter()
                .any(|other| other.numero == old.numero && other.id == old.id)
    };
    left.iter().position(|old| same_numero(old) && !taken(old))
}

/// An amount of a line, in cents.
type Amount = fn(&Echeance) -> i64;

fn compare(old: &Echeance, new: &Echeance, found: &mut Found) {
    let at = |what| (new.numero, what);
    if let (Some(before), Some(after)) = (&old.id, &new.id) {
        found.told(at(Changed::Reissued), Some(text(before)), Some(text(after)));
    }
    let texts = |of: &Option<String>| of.as_deref().map(text);
    found.told(
        at(Changed::Codification),
        texts(&old.codification),
        texts(&new.codification),
    );
    let amounts: [(Changed, Amount); 4] = [
        (Changed::Amount, Echeance::total_cents),
        (Changed::Rqth, Echeance::rqth_cents),
        (Changed::Paid, Echeance::paid_cents),
        (Changed::UnderReview, Echeance::under_review_cents),
    ];
    for (what, of) in amounts {
        found.told(
            at(what),
            Some(Told::Cents(of(old))),
            Some(Told::Cents(of(new))),
        );
    }
    for (what, before, after) in [
        (Changed::Opening, old.date_ouverture, new.date_ouverture),
        (Changed::PeriodStart, old.date_debut, new.date_debut),
        (Changed::PeriodEnd, old.date_fin, new.date_fin),
    ] {
        found.told(at(what), before.map(Told::Day), after.map(Told::Day));
    }
    found.told(
        at(Changed::CfaSiret),
        old.siret_cfa.map(|siret| text(siret.as_str())),
        new.siret_cfa.map(|siret| text(siret.as_str())),
    );
    if old.iban != new.iban {
        found.0.push(Change {
            numero: new.numero,
            nature: None,
            what: Changed::Account,
            before: None,
            after: None,
        });
    }
}

fn ancillary(before: &Echeancier, after: &Echeancier, found: &mut Found) {
    for nature in NatureLigne::ALL.iter().copied() {
        let (old, new) = (before.granted_cents(nature), after.granted_cents(nature));
        if old != new {
            found.0.push(Change {
                numero: None,
                nature: Some(nature),
                what: Changed::Granted,
                before: old.map(Told::Cents),
                after: new.map(Told::Cents),
            });
        }
    }
    let (old, new) = (&before.details_facturation, &after.details_facturation);
    for (nature, old, new) in [
        (
            NatureLigne::PremierEquipement,
            old.frais_premier_equipement_regles,
            new.frais_premier_equipement_regles,
        ),
        (
            NatureLigne::Mobilite,
            old.frais_mobilite_regles,
            new.frais_mobilite_regles,
        ),
    ] {
        if old != new {
            found.0.push(Change {
                numero: None,
                nature: Some(nature),
                what: Changed::Settled,
                before: old.map(Told::Flag),
                after: new.map(Told::Flag),
            });
        }
    }
}

fn text(text: &str) -> Told {
    Told::Text(text.to_owned())
}

struct Found(Vec<Change>);

impl Found {
    fn told(
        &mut self,
        (numero, what): (Option<i64>, Changed),
        before: Option<Told>,
        after: Option<Told>,
    ) {
        if before != after {
            self.0.push(Change {
                numero,
                nature: None,
                what,
                before,
                after,
            });
        }
    }

    fn whole(&mut self, line: &Echeance, what: Changed) {
        let amount = Some(Told::Cents(line.total_cents()));
        let (before, after) = match what {
            Changed::Removed => (amount, None),
            _ => (None, amount),
        };
        self.0.push(Change {
            numero: line.numero,
            nature: None,
            what,
            before,
            after,
        });
    }
}
