//! Whether a story ended as it must: as its ERP saw it, and as the OPCO's own ledger has it.

use std::collections::BTreeMap;

use domain::{NormVersion, Opco, Status};
use opco::Seed;
use simulator::LedgerEntry;

use super::contract::Apprentice;
use super::course::{RETRY_AFTER_S, Told};
use super::erp::{Attempt, Delivery, Sent};
use super::network::WORLD;
use super::stories::{End, Plot};

/// What did not go as it must, in French; nothing when all is well.
pub(super) fn complaints(told: &[Told], ledger: &[LedgerEntry], seed: &Seed) -> Vec<String> {
    let mut complaints = Vec::new();
    for one in told {
        let of_story = of_story(one, ledger, seed);
        let name = &one.story.employer.label;
        let plot = one.story.plot.word();
        complaints.extend(
            of_story
                .iter()
                .map(|why| format!("{name} ({plot}) : {why}")),
        );
    }
    complaints.extend(of_ledger(told, ledger));
    complaints
}

/// Returns what did not go as it must with one story.
pub(super) fn of_story(told: &Told, ledger: &[LedgerEntry], seed: &Seed) -> Vec<String> {
    let mut wrong = Vec::new();
    match (told.story.plot.end(), &told.sent) {
        (_, None) => wrong.push("jamais envoyé".to_owned()),
        (End::Refused(rule), Some(Sent::Refused { status, rules, .. })) => {
            if *status != 422 || *rules != [rule] {
                wrong.push(format!(
                    "refusé avec {status} {rules:?}, attendu 422 [{rule}]"
                ));
            }
        }
        (End::Refused(_), Some(Sent::Accepted(_))) => wrong.push("accepté à tort".to_owned()),
        (_, Some(Sent::Refused { status, said, .. })) => {
            wrong.push(format!("refusé à l'entrée ({status}) : {said}"));
        }
        (End::Held(_), Some(Sent::Accepted(_))) => {
            if !told.has_ended_well() {
                wrong.push(format!("attendu retenu, trouvé {}", stands(told)));
            }
        }
        (End::Delivered, Some(Sent::Accepted(accepted))) => {
            if accepted.held != told.story.plot.first_held() {
                wrong.push(format!("à l'entrée : retenu pour {:?}", accepted.held));
            }
            wrong.extend(of_delivery(told, seed));
        }
    }
    let times = filed(&told.apprentice, told, ledger);
    let wanted = usize::from(told.story.plot.end() == End::Delivered);
    if times != wanted {
        wrong.push(format!(
            "{times} fois au registre de l'OPCO, attendu {wanted}"
        ));
    }
    wrong
}

fn of_delivery(told: &Told, seed: &Seed) -> Vec<String> {
    let Some(delivery) = &told.delivery else {
        return vec!["introuvable dans la liste des livraisons".to_owned()];
    };
    let mut wrong = Vec::new();
    if delivery.status != Status::Delivered {
        wrong.push(format!("attendu livré, trouvé {}", stands(told)));
        return wrong;
    }
    if !told.has_ended_well() {
        let etat = told.dossier.as_ref().and_then(|dossier| dossier.etat);
        wrong.push(format!("état non relu jusqu'à ENGAGE et DECA ({etat:?})"));
    }
    if delivery.opco != told.story.opco {
        wrong.push(format!("envoyé à {:?}", delivery.opco));
    }
    if delivery.version
        != told
            .story
            .opco
            .map(|opco| version(opco, told.story.plot, seed))
    {
        wrong.push(format!("envoyé en version {:?}", delivery.version));
    }
    let attempts = told
        .detail
        .as_ref()
        .map(|detail| detail.attempts.as_slice());
    let on_the_way = of_way(told.story.plot, delivery, attempts.unwrap_or_default());
    wrong.extend(on_the_way.map(str::to_owned));
    wrong
}

/// Returns the version in which a contract must leave: what the shipped matrix says, or what the
/// demo has opened.
fn version(opco: Opco, plot: Plot, seed: &Seed) -> NormVersion {
    match opco::choose_version(&seed.of(opco), WORLD) {
        Ok(version) if plot != Plot::Closed => version,
        _ => NormVersion::V1,
    }
}

/// Returns what was missing on the way of a contract that arrived.
fn of_way(plot: Plot, delivery: &Delivery, attempts: &[Attempt]) -> Option<&'static str> {
    let had = |outcome: &str| {
        attempts
            .iter()
            .any(|attempt| attempt.outcome.as_deref() == Some(outcome))
    };
    match plot {
        Plot::Throttled => {
            let [first, second, ..] = attempts else {
                return Some("un seul essai : le 429 n'a pas eu lieu");
            };
            if first.http_status != Some(429) {
                return Some("le premier essai n'a pas reçu 429");
            }
            let silence = jiff::SignedDuration::from_secs(i64::from(RETRY_AFTER_S));
            let waited = first
                .closed_at
                .map(|closed| second.opened_at.duration_since(closed));
            (waited < Some(silence)).then_some("Retry-After n'a pas été respecté")
        }
        Plot::Down => {
            (delivery.attempt_count < 2).then_some("un seul essai : la panne n'a pas eu lieu")
        }
        Plot::Lost if !had("lost") => Some("aucune réponse n'a été perdue"),
        Plot::Lost if !had("found") => Some("la réponse perdue n'a pas été retrouvée par lecture"),
        Plot::Lost if delivery.attempt_count != 1 => Some("écrit plus d'une fois"),
        _ => None,
    }
}

/// Returns what the ledger has that no delivery explains.
fn of_ledger(told: &[Told], ledger: &[LedgerEntry]) -> Vec<String> {
    let mut wanted: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for delivery in told.iter().filter_map(|one| one.delivery.as_ref()) {
        if let (Some(opco), Some(numero)) = (delivery.opco, &delivery.numero_interne) {
            *wanted.entry((opco.slug(), numero)).or_default() += 1;
        }
    }
    let twice = wanted.iter().filter(|(_, count)| **count > 1);
    let twice = twice.map(|((opco, numero), _)| format!("{opco} {numero} : deux livraisons"));
    let known = |entry: &&LedgerEntry| {
        wanted.contains_key(&(entry.opco.as_str(), entry.numero_interne.as_str()))
    };
    let strangers = ledger.iter().filter(|entry| !known(entry));
    let strangers = strangers.map(|entry| {
        format!(
            "registre {} {} : aucune livraison ne l'explique",
            entry.opco, entry.numero_interne
        )
    });
    twice.chain(strangers).collect()
}

/// Returns how often an OPCO took the contract of an apprentice, whichever OPCO.
fn filed(apprentice: &Apprentice, told: &Told, ledger: &[LedgerEntry]) -> usize {
    let same = |entry: &&LedgerEntry| {
        entry.pairing.nom == apprentice.nom
            && entry.pairing.prenom == apprentice.prenom
            && entry.pairing.siret == told.story.employer.siret.as_str()
    };
    ledger.iter().filter(same).count()
}

fn stands(told: &Told) -> String {
    match &told.delivery {
        None => "inconnu".to_owned(),
        Some(delivery) => match &delivery.reason {
            Some(reason) => format!("{} ({reason})", delivery.status),
            None => delivery.status.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use domain::HoldReason;
    use jiff::civil::date;

    use super::*;
    use crate::commands::demo::erp::{Accepted, Dossier};
    use crate::commands::demo::stories;

    fn told(plot: Plot) -> Told {
        let mut stories = stories::all();
        stories.retain(|story| story.plot == plot);
        let story = stories.remove(0);
        Told {
            apprentice: Apprentice::of(story.apprentice, 0, date(2026, 11, 22)),
            story,
            sent: None,
            delivery: None,
            dossier: None,
            detail: None,
        }
    }

    /// An ordinary contract that went as it must.
    fn delivered() -> Told {
        let mut told = told(Plot::Ordinary);
        let opco = told.story.opco.unwrap();
        let at: domain::Timestamp = "2026-11-22T08:00:00Z".parse().unwrap();
        told.sent = Some(Sent::Accepted(Accepted {
            id: "x".to_owned(),
            held: None,
        }));
        told.delivery = Some(Delivery {
            id: "x".to_owned(),
            status: Status::Delivered,
            reason: None,
            opco: Some(opco),
            version: Some(version(opco, Plot::Ordinary, &Seed::shipped().unwrap())),
            attempt_count: 1,
            look_count: 0,
            numero_interne: Some("7".to_owned()),
            created_at: at,
            finished_at: Some(at),
        });
        told.dossier = Some(Dossier {
            id: "d".to_owned(),
            delivery_id: "x".to_owned(),
            etat: Some(domain::Etat::Engage),
            numero_deca: Some("075202611000001".to_owned()),
        });
        told
    }

    fn entry(told: &Told, numero: &str) -> LedgerEntry {
        serde_json::from_value(serde_json::json!({
            "opco": told.story.opco.unwrap().slug(), "version": "v1",
            "numero_interne": numero, "numero_externe": "E",
            "pairing": {
                "nom": told.apprentice.nom, "prenom": told.apprentice.prenom,
                "date_naissance": "2005-01-01", "siret": told.story.employer.siret,
                "date_debut_contrat": "2026-11-23",
            },
            "key": "k", "arrival_ms": 1, "virtual_ms": 1, "headers": {},
            "terms": {
                "debut": "2026-11-23", "fin": "2027-11-22", "diplome": 54, "type_contrat": 11,
                "mostly_remote": false, "siret_cfa": "98765432400019", "deca_stem": "075202611",
            },
        }))
        .unwrap()
    }

    fn judged(told: Told, ledger: &[LedgerEntry]) -> Vec<String> {
        complaints(&[told], ledger, &Seed::shipped().unwrap())
    }

    #[test]
    fn a_contract_in_the_ledger_once_is_as_it_must_be() {
        let told = delivered();
        let ledger = [entry(&told, "7")];
        assert_eq!(judged(told, &ledger), [""; 0]);
    }

    #[test]
    fn a_contract_twice_or_never_in_the_ledger_is_told() {
        let told = delivered();
        let twice = [entry(&told, "7"), entry(&told, "8")];
        // Once for the contract, once for the number that no delivery has.
        assert_eq!(judged(told, &twice).len(), 2);
        assert_eq!(judged(delivered(), &[]).len(), 1);
    }

    #[test]
    fn a_contract_that_is_not_where_it_must_be_is_told() {
        let mut told = delivered();
        told.dossier = None;
        let ledger = [entry(&told, "7")];
        assert_eq!(judged(told, &ledger).len(), 1);
        let mut told = delivered();
        let ledger = [entry(&told, "7")];
        told.story.plot = Plot::NoKey;
        assert_eq!(told.story.plot.end(), End::Held(HoldReason::NoKey));
        assert_eq!(judged(told, &ledger).len(), 2);
    }
}
