//! Dossiers that the lines of an invoice name and nobody here knows: refused at the door, unless the
//! sender says whose they are. Then they may be filed elsewhere, and are waited for until their OPCO's
//! list was read without them.

use std::time::Duration;

use domain::payload::Payload;
use domain::{Effect, Finding, HoldReason, Instance, Opco, Timestamp, WaitReason};
use store::{StoreError, read_jobs};

use super::link::Link;
use super::{Whose, unclear};
use crate::app::App;
use crate::pause;
use crate::plan::Way;

/// How often one that is waited for is looked for again.
const AGAIN: Duration = Duration::from_hours(1);
/// How long one is waited for whose OPCO's list is not read whole, for a key that is missing or an OPCO
/// that is down.
const PATIENCE: Duration = Duration::from_hours(72);

/// A number that no dossier here bears, and the line that names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unknown {
    place: usize,
    numero: String,
    /// Whether it is another number of a dossier that is known, where the business number belongs.
    misplaced: bool,
}

/// Finds them. A contract whose business number is still to come may be the one that is named.
pub(super) fn named(payload: &Payload, link: &Link, also: &[Link]) -> Vec<Unknown> {
    let Payload::Facture(facture) = payload else {
        return Vec::new();
    };
    let found = || {
        std::iter::once(link)
            .chain(also)
            .filter(|link| link.is_found())
    };
    if found().any(|link| link.known().numero_externe.is_none()) {
        return Vec::new();
    }
    let lines = facture.lignes.iter().enumerate();
    lines
        .filter_map(|(place, ligne)| Some((place, ligne.numero_dossier.as_deref()?)))
        .filter(|(_, numero)| !found().any(|link| link.known().numero_externe == Some(*numero)))
        .map(|(place, numero)| Unknown {
            place,
            // It is told and kept in clear, and may be anything that somebody put in its place.
            numero: opco::reference(numero),
            misplaced: found().map(Link::known).any(|known| {
                known.numero_interne == Some(numero) || known.numero_deca == Some(numero)
            }),
        })
        .collect()
}

/// Says at the door, line by line, what can be no dossier of the sender's: nothing would ever come.
pub(super) fn refused(unknown: &[Unknown], opco: Option<Opco>) -> impl Iterator<Item = Finding> {
    let refused = unknown
        .iter()
        .filter(move |one| one.misplaced || opco.is_none());
    refused.map(|one| Finding {
        pointer: format!("/lignes/{}/numeroDossier", one.place),
        value: Some(one.numero.clone()),
        ..unclear(
            "Dossier inconnu : aucun contrat de vos sites n'a ce numéro externe.",
            "Donnez le numéro externe que l'OPCO a rendu (numeroExterne), ou rien et \
             « livraison_contrat » ; pour un dossier déposé ailleurs, précisez « opco » : la facture \
             attend alors qu'il soit connu ici.",
        )
    })
}

/// Returns what happens next to an invoice that names them: one that would wait for its dossiers is
/// looked at again soon, and held once there is nothing left to wait for.
pub(super) async fn way(
    app: &App,
    sender: &Whose,
    (unknown, target): (&[Unknown], Option<Instance>),
    way: Way,
    findings: &mut Vec<Finding>,
) -> Result<Way, StoreError> {
    let Way::Await(WaitReason::Dossier, until) = way else {
        return Ok(way);
    };
    if unknown.is_empty() {
        return Ok(way);
    }
    if let Some(never) = never_seen(app, sender, unknown, target).await? {
        findings.push(never);
        return Ok(Way::Hold(HoldReason::ContractMissing));
    }
    let again = pause::later(app.clock.now(), AGAIN);
    Ok(Way::Await(WaitReason::Dossier, until.min(again)))
}

/// Says of what waits that it waits for nothing: its OPCO's list was read since, and does not show it.
async fn never_seen(
    app: &App,
    sender: &Whose,
    unknown: &[Unknown],
    target: Option<Instance>,
) -> Result<Option<Finding>, StoreError> {
    let (Some(since), Some(target), Some(first)) = (sender.since, target, unknown.first()) else {
        return Ok(None);
    };
    let mut tx = app.store.reading().await?;
    let (tenant, world) = (sender.tenant, sender.environment);
    // The list of every site: the one that bills need not be the one whose dossier it is.
    let read = read_jobs::freshness(&mut tx, tenant, world, None, u64::MAX).await?;
    let read_at = read.iter().find(|(system, _)| *system == target);
    let read_at = read_at.and_then(|(_, read_at)| *read_at);
    if !is_over(since, read_at, app.clock.now()) {
        return Ok(None);
    }
    let (numero, name) = (&first.numero, target.opco.name());
    Ok(Some(Finding {
        pointer: format!("/lignes/{}/numeroDossier", first.place),
        value: Some(numero.clone()),
        effect: Effect::Hold,
        ..unclear(
            &format!("Le dossier {numero} n'a jamais été vu chez {name}."),
            "Vérifiez le numéro externe du dossier. S'il paraît parmi les dossiers à appairer, \
             faites-le suivre, puis « retry » ; sinon annulez (« cancel ») et déposez la facture \
             corrigée.",
        )
    }))
}

/// Returns whether there is nothing more to wait for.
fn is_over(since: Timestamp, read_at: Option<Timestamp>, now: Timestamp) -> bool {
    read_at.is_some_and(|read_at| read_at > since) || now >= pause::later(since, PATIENCE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn what_stands_in_the_place_of_a_number_is_told_without_somebody_s() {
        let ligne = |numero: &str| domain::payload::Ligne {
            numero_dossier: Some(numero.to_owned()),
            ..domain::payload::Ligne::default()
        };
        let facture = domain::payload::Facture {
            lignes: vec![ligne("EXT-77"), ligne("2 05 04 93 999 999 92")],
            ..domain::payload::Facture::default()
        };
        let named = named(&Payload::Facture(Box::new(facture)), &Link::default(), &[]);
        let told: Vec<Finding> = refused(&named, None).collect();
        let values: Vec<&str> = told.iter().filter_map(|one| one.value.as_deref()).collect();
        assert_eq!(values, ["EXT-77", "***"]);
    }

    #[test]
    fn a_dossier_is_waited_for_until_a_list_read_since_does_not_show_it() {
        let since = at("2026-10-05T08:00:00Z");
        let over = |read_at: Option<&str>, now| is_over(since, read_at.map(at), at(now));
        assert!(!over(None, "2026-10-06T08:00:00Z"));
        assert!(!over(Some("2026-10-05T07:59:59Z"), "2026-10-05T09:00:00Z"));
        assert!(over(Some("2026-10-05T08:00:01Z"), "2026-10-05T09:00:00Z"));
        // Nobody reads that list: it is said all the same, later.
        assert!(!over(None, "2026-10-08T07:59:59Z"));
        assert!(over(Some("2026-10-01T00:00:00Z"), "2026-10-08T08:00:00Z"));
    }
}
