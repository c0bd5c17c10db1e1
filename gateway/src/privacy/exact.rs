//! Who exactly something is about: what a fingerprint finds is opened and compared, since it finds whoever
//! resembles a person as well.

use std::collections::BTreeSet;

use admin_api::privacy::Subject;
use domain::id::DeliveryId;
use domain::{Timestamp, matching};
use jiff::civil::Date;
use serde_json::json;
use store::privacy::{Identity, Marks};
use store::strangers::Stranger;
use store::{NewEvent, SealError, StoreError, TenantKey, Tx, deliveries, events};

use crate::contract::{self, OpenError};
use crate::intake::purpose;
use crate::orphans::Person;

/// The purpose under which a person is told from whoever resembles them. Nothing keeps that fingerprint.
const EXACT: &str = "exact-person";

/// Returns the fingerprints of names and a birth date.
pub(super) fn of(keys: &TenantKey, nom: &str, prenom: &str, born: Date) -> Identity {
    let [_, _, near] = purpose::NEAR;
    Identity {
        near: keys.fingerprint(near, &matching::person_text(nom, prenom, born)),
        exact: keys.fingerprint(EXACT, &matching::identity_text(nom, prenom, born)),
        nir: None,
    }
}

/// Opens a contract to learn whom it is about, which is on record. Nothing, when it does not open.
pub(super) async fn of_contract(
    tx: &mut Tx,
    keys: &TenantKey,
    (id, marks): (DeliveryId, Marks),
    now: Timestamp,
) -> Result<Option<Identity>, StoreError> {
    let tenant = keys.tenant();
    let Some(sealed) = deliveries::payload(tx, tenant, id).await? else {
        return Ok(None);
    };
    let opened = NewEvent::new(now, "payload.opened")
        .delivery(id)
        .with(json!({ "why": "identity" }));
    events::append(tx, tenant, &[opened]);
    let open = match contract::open_sealed(keys, id, &sealed) {
        Ok(open) => open,
        Err(OpenError::Seal(SealError::Shredded)) => return Ok(None),
        Err(error) => {
            tracing::warn!(delivery.id = %id, error = %error, "a payload does not open");
            return Ok(None);
        }
    };
    let apprenti = &open.dossier.cerfa.apprenti;
    let whole = (&apprenti.nom, &apprenti.prenom, apprenti.date_naissance);
    let (Some(nom), Some(prenom), Some(born)) = whole else {
        return Ok(None);
    };
    Ok(Some(Identity {
        nir: marks.nir,
        ..of(keys, nom, prenom, born)
    }))
}

/// Opens what was read of a stranger. Nothing, when it tells of nobody.
pub(super) fn of_stranger(keys: &TenantKey, stranger: &Stranger) -> Option<Identity> {
    let person = Person::of_stranger(keys, stranger)?;
    let (nom, prenom) = (person.nom?, person.prenom?);
    Some(of(keys, &nom, &prenom, person.date_naissance?))
}

/// A contract that may be the person's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    pub(super) id: DeliveryId,
    /// The NIR it bears, if any.
    pub(super) nir: Option<store::Fingerprint>,
    /// Whom it is about; nothing when it does not open.
    pub(super) identity: Option<Identity>,
}

/// What of the candidates is the person's.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sorted {
    /// The contracts.
    pub(super) own: Vec<DeliveryId>,
    /// Whom they are about, as they tell it.
    pub(super) identities: BTreeSet<Identity>,
    /// Whom the others are about: they resemble the person, and are not taken for theirs.
    pub(super) alike: BTreeSet<Subject>,
}

/// Sorts candidates. Whoever has the NIR looked for is the person however the names are spelled, and so is
/// whoever has the very same names and birth date, unless another NIR says otherwise.
pub(super) fn sort(subject: Subject, candidates: &[Candidate]) -> Sorted {
    let mut sought: Vec<Identity> = match subject {
        Subject::Person(identity) => vec![identity],
        _ => Vec::new(),
    };
    if let Subject::Nir(nir) = subject {
        let bearing = candidates.iter().filter(|one| one.nir == Some(nir));
        sought.extend(bearing.filter_map(|one| one.identity));
    }
    let mut sorted = Sorted::default();
    for one in candidates {
        let own = match subject {
            Subject::Contract(id) => one.id == id,
            Subject::Nir(nir) if one.nir == Some(nir) => true,
            _ => one
                .identity
                .is_some_and(|identity| sought.iter().any(|sought| sought.is(&identity))),
        };
        if own {
            sorted.own.push(one.id);
            sorted.identities.extend(one.identity);
        } else {
            let other = one.identity.map(Subject::Person);
            sorted
                .alike
                .insert(other.unwrap_or(Subject::Contract(one.id)));
        }
    }
    sorted
}

#[cfg(test)]
mod tests {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};

    use jiff::civil::date;
    use store::Fingerprint;

    use super::*;

    const NIR: Fingerprint = Fingerprint([1; 16]);
    const OTHER: Fingerprint = Fingerprint([2; 16]);

    fn print(text: &str) -> Fingerprint {
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        Fingerprint(u128::from(hasher.finish()).to_be_bytes())
    }

    fn of(nom: &str, prenom: &str, born: Date) -> Identity {
        Identity {
            near: print(&matching::person_text(nom, prenom, born)),
            exact: print(&matching::identity_text(nom, prenom, born)),
            nir: None,
        }
    }

    fn candidate(second: i64, nir: Option<Fingerprint>, identity: Identity) -> Candidate {
        Candidate {
            id: DeliveryId::new(Timestamp::from_second(1_800_000_000 + second).unwrap()),
            nir,
            identity: Some(Identity { nir, ..identity }),
        }
    }

    #[test]
    fn whoever_resembles_a_person_is_offered_and_never_taken_for_them() {
        let who = of("MARTIN", "Paul", date(2005, 4, 1));
        let same = of("Martin", "PAUL", date(2005, 4, 1));
        let names = of("PAUL", "Martin", date(2005, 4, 1));
        let day = of("MARTIN", "Paul", date(2005, 1, 4));
        assert_eq!([names.near, day.near, same.near], [who.near; 3]);
        let all = [
            candidate(1, None, same),
            candidate(2, Some(OTHER), names),
            candidate(3, None, day),
        ];
        let sorted = sort(Subject::Person(who), &all);
        assert_eq!(sorted.own, [all[0].id]);
        let others = [all[1], all[2]].map(|one| Subject::Person(one.identity.unwrap()));
        assert_eq!(sorted.alike, BTreeSet::from(others));
        // Each of those offered is found by what is offered, alone.
        for (place, other) in others.into_iter().enumerate() {
            assert_eq!(sort(other, &all).own, [all[place + 1].id]);
        }
    }

    #[test]
    fn a_nir_takes_along_the_very_same_person_alone() {
        let who = of("MARTIN", "Paul", date(2005, 4, 1));
        let swapped = of("PAUL", "Martin", date(2005, 4, 1));
        let all = [
            candidate(1, Some(NIR), who),
            candidate(2, None, who),
            candidate(3, Some(OTHER), who),
            candidate(4, None, swapped),
        ];
        let sorted = sort(Subject::Nir(NIR), &all);
        assert_eq!(sorted.own, [all[0].id, all[1].id]);
        assert_eq!(sorted.alike.len(), 2);
        // Under one NIR and two identities, each has to be chosen.
        let both = [all[0], candidate(5, Some(NIR), swapped)];
        let sorted = sort(Subject::Nir(NIR), &both);
        assert_eq!((sorted.own.len(), sorted.identities.len()), (2, 2));
        for (place, identity) in sorted.identities.into_iter().enumerate() {
            let own = sort(Subject::Person(identity), &both).own;
            assert_eq!(own.len(), 1, "{place}");
        }
    }

    #[test]
    fn what_does_not_open_is_nobodys_but_by_its_own_name() {
        let who = of("MARTIN", "Paul", date(2005, 4, 1));
        let closed = Candidate {
            identity: None,
            ..candidate(1, None, who)
        };
        let sorted = sort(Subject::Person(who), &[closed]);
        assert_eq!(sorted.own, []);
        assert_eq!(sorted.alike, BTreeSet::from([Subject::Contract(closed.id)]));
        assert_eq!(
            sort(Subject::Contract(closed.id), &[closed]).own,
            [closed.id]
        );
    }
}
