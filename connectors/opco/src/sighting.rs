//! After a lost answer: is the payload there? (design §6.1.) Three answers: found, absent, could not
//! tell; and only what was read whole is ever an absence.
//!
//! An agreement, a certificate and a document have no look: the norm has no read for them. The look
//! for a contract is the gateway's, which knows whose the numbers are.

use domain::echeancier::{Echeancier, EtatFacture, movement};
use domain::facture_etat::{Difference, FactureEtat};
use domain::payload::Facture;
use domain::{Etat, Fault, FaultKind, NormVersion, Outcome, Receipt};

use crate::answer::{Answer, DossierDetail, Numeros};
use crate::call::Identity;
use crate::exchange::exchange;
use crate::operation::Operation;
use crate::profile::Profile;
use crate::transport::Transport;
use crate::walk::Etats;

/// What a look says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sighting {
    /// It is there.
    Found(Box<Seen>),
    /// All there is was read, and it is not there.
    Absent,
    /// The look teaches nothing.
    CouldNotTell(Fault),
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// What is told of the dossier.
    pub receipt: Receipt,
    /// What is told of the payload itself.
    pub numeros: Numeros,
    /// The invoice as the list shows it, where there is such a list.
    pub facture: Option<FactureEtat>,
    /// What differs from ours: another payload bears our number, and only a person can tell.
    pub differences: Vec<Difference>,
}

/// One dossier that an invoice bills.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Billed {
    /// The OPCO's technical number, to read it by.
    pub numero_interne: String,
    /// The number that the invoice's lines name.
    pub numero_externe: String,
    /// The schedule as it was read before the invoice left.
    pub before: Echeancier,
}

impl Sighting {
    /// Returns the outcome; what was found with differences is the caller's to hold first.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Found(seen) => Outcome::Found(seen.receipt.clone()),
            Self::Absent => Outcome::Absent,
            Self::CouldNotTell(fault) => Outcome::CouldNotTell(fault.clone()),
        }
    }
}

/// Finds our invoice among those listed. `known` are the OPCO's numbers of invoices that former
/// deliveries have: a refused invoice that was corrected and sent again has our number twice.
pub fn facture_among(ours: &Facture, listed: &[FactureEtat], known: &[&str]) -> Option<Seen> {
    let of_another = |item: &FactureEtat| {
        let numero = item.numero_interne_facture.as_deref();
        numero.is_some_and(|numero| known.contains(&numero))
    };
    let named = listed
        .iter()
        .filter(|item| item.is_named(ours) && !of_another(item));
    // What the OPCO gave up with another content is the one before the correction.
    let compared = named.filter_map(|item| {
        let differences = item.differences(ours);
        let void = item.etat().is_some_and(EtatFacture::is_void);
        (differences.is_empty() || !void).then_some((item, differences))
    });
    let (item, differences) = compared.min_by_key(|(_, differences)| differences.len())?;
    Some(Seen {
        receipt: Receipt::default(),
        numeros: Numeros {
            facture: item.numero_interne_facture.clone(),
            document: None,
        },
        facture: Some(item.clone()),
        differences,
    })
}

/// Tells from the list of invoices (version 2), as far as it was read, whether ours is there: absent
/// only when all of it was read.
pub fn facture_listed(ours: &Facture, listed: &Etats<FactureEtat>, known: &[&str]) -> Sighting {
    match facture_among(ours, &listed.items, known) {
        Some(seen) => Sighting::Found(Box::new(seen)),
        None if listed.complete => Sighting::Absent,
        None => Sighting::CouldNotTell(unreadable("the list of invoices is not whole")),
    }
}

/// Returns whether a schedule can show an invoice at all: ancillary costs and credit notes move
/// nothing in it, and looking for them there would never end.
pub fn shows_in_schedule(ours: &Facture) -> bool {
    let schedule = Echeancier::default();
    let numeros = ours
        .lignes
        .iter()
        .filter_map(|l| l.numero_dossier.as_deref());
    let billed = numeros.map(|numero| movement(ours, numero, &schedule, &schedule).billed_cents);
    billed.sum::<i64>() > 0
}

/// Tells from the schedules, one reading before it left and one after for each dossier it bills,
/// whether an invoice arrived (version 1): all of it moved, nothing of it, or something between that
/// may be another invoice's doing.
pub fn facture_moved(ours: &Facture, readings: &[(&Billed, Echeancier)]) -> Sighting {
    let movements: Vec<_> = readings
        .iter()
        .map(|(billed, after)| movement(ours, &billed.numero_externe, &billed.before, after))
        .filter(|movement| movement.billed_cents > 0)
        .collect();
    let forgotten = readings
        .iter()
        .any(|(billed, after)| after.would_erase(&billed.before));
    if movements.is_empty() {
        Sighting::CouldNotTell(unreadable("no schedule shows this invoice"))
    } else if forgotten {
        Sighting::CouldNotTell(unreadable("a schedule came back empty"))
    } else if movements.iter().all(|movement| movement.is_whole()) {
        Sighting::Found(Box::default())
    } else if movements.iter().all(|movement| movement.is_none()) {
        Sighting::Absent
    } else {
        Sighting::CouldNotTell(unreadable("the schedule moved by another amount"))
    }
}

/// Tells from a dossier whether its termination arrived.
fn terminated(detail: &DossierDetail) -> Sighting {
    let dated = detail
        .cerfa
        .pointer("/contrat/dateRupture")
        .is_some_and(|date| date.as_str().is_some_and(|date| !date.trim().is_empty()));
    match detail.etat {
        _ if dated => found(detail),
        Some(Etat::Rupture) => found(detail),
        // A terminated dossier is paid off like any other, and its state no longer tells.
        Some(Etat::Solde) | None => Sighting::CouldNotTell(unreadable(
            "the state of the dossier does not tell whether it was terminated",
        )),
        Some(
            Etat::Transmis | Etat::EnCoursInstruction | Etat::Engage | Etat::Refuse | Etat::Annule,
        ) => Sighting::Absent,
    }
}

/// Looks for a termination in the dossier it ends.
pub async fn look_at_dossier(
    (transport, profile, identity): (&Transport, &Profile, &Identity),
    version: NormVersion,
    numero_interne: &str,
) -> Sighting {
    match detail(transport, profile, identity, version, numero_interne).await {
        Ok(detail) => terminated(&detail),
        Err(fault) => Sighting::CouldNotTell(fault),
    }
}

async fn detail(
    transport: &Transport,
    profile: &Profile,
    identity: &Identity,
    version: NormVersion,
    numero_interne: &str,
) -> Result<Box<DossierDetail>, Fault> {
    let operation = Operation::Detail {
        version,
        numero_interne: numero_interne.to_owned(),
    };
    match exchange(transport, profile, identity, &operation).await? {
        Answer::Detail(detail) => Ok(detail),
        _ => Err(unreadable("not a dossier")),
    }
}

fn found(detail: &DossierDetail) -> Sighting {
    Sighting::Found(Box::new(Seen {
        receipt: detail.numeros.clone(),
        ..Seen::default()
    }))
}

fn unreadable(why: &str) -> Fault {
    Fault::new(FaultKind::Unreadable, why)
}

#[cfg(test)]
mod tests;
