//! The rights of an apprentice (RGPD art. 15 and 17): all that is held about one is found, handed out, and
//! destroyed as far as it may be.

pub(crate) mod again;
mod erase;
mod exact;
mod export;
mod holdings;
mod words;

use admin_api::privacy::{NotShown, Sought, Subject};
use domain::id::{DeliveryId, DossierId, TenantId};
use domain::{Timestamp, matching};
use serde_json::json;
use store::dossiers::{self, Filter};
use store::strangers::Stranger;
use store::{NewEvent, StoreError, TenantKey, Tx, deliveries, events, privacy, strangers};

pub(crate) use self::erase::erase;
pub(crate) use self::export::disclose;
pub(crate) use self::holdings::of as holdings;
use crate::app::App;
use crate::intake::purpose;

/// How many of one number are looked at: more at once is a riddle anyway.
const FOUND_MAX: u32 = 10;

/// Says by what somebody is looked for. That one looked is on record, and how, but not for whom.
pub(crate) async fn seek(
    app: &App,
    tenant: TenantId,
    sought: &Sought,
    actor: &str,
) -> Result<Option<Subject>, NotShown> {
    let keys = app.store.keys(tenant).await?;
    let mut tx = app.store.writing().await?;
    let subject = match sought {
        Sought::Person {
            nom,
            prenom,
            date_naissance,
        } => {
            let identity = exact::of(&keys, nom, prenom, *date_naissance);
            Ok(Some(Subject::Person(identity)))
        }
        Sought::Nir(nir) => {
            let [nir_purpose, ..] = purpose::NEAR;
            let text = matching::nir_text(nir.expose());
            Ok(text.map(|text| Subject::Nir(keys.fingerprint(nir_purpose, &text))))
        }
        // What was opened to tell is on record, even where it tells of several.
        Sought::Numero(numero) => {
            match by_numero(&mut tx, &keys, numero.trim(), app.clock.now()).await {
                Err(NotShown::Store(error)) => return Err(error.into()),
                found => found,
            }
        }
    };
    let searched = NewEvent::new(app.clock.now(), "privacy.searched")
        .by(actor.to_owned())
        .with(json!({ "by": sought.word() }));
    events::append(&mut tx, tenant, &[searched]);
    tx.commit().await?;
    subject
}

/// Finds whom a number is about: the OPCO's, the State's, or the name of a delivery or a dossier here. OPCOs
/// number each on their own, and a number may be that of several people: then nobody is meant.
async fn by_numero(
    tx: &mut Tx,
    keys: &TenantKey,
    numero: &str,
    now: Timestamp,
) -> Result<Option<Subject>, NotShown> {
    let tenant = keys.tenant();
    if let Ok(id) = numero.parse::<DeliveryId>()
        && let Some(found) = deliveries::find(tx, tenant, id).await?
    {
        return Ok(Some(about(tx, keys, found.id, now).await?));
    }
    let mut found = Vec::new();
    let mut strangers = Vec::new();
    if let Ok(id) = numero.parse() {
        found.extend(dossiers::find(tx, tenant, id).await?);
    }
    if found.is_empty() {
        let filter = Filter {
            numero: Some(numero.to_owned()),
            ..Filter::default()
        };
        found = dossiers::list(tx, tenant, &filter, FOUND_MAX).await?;
        strangers = strangers::of_numero(tx, tenant, numero, FOUND_MAX).await?;
    }
    let of_stranger = |stranger: &Stranger| {
        let identity = exact::of_stranger(keys, stranger);
        identity.map_or(Subject::Dossier(stranger.id), Subject::Person)
    };
    let mut subjects = Vec::with_capacity(found.len());
    for dossier in &found {
        if let Some(delivery) = dossier.delivery {
            subjects.push(about(tx, keys, delivery, now).await?);
            continue;
        }
        let stranger = strangers::find(tx, tenant, dossier.id).await?;
        let person = stranger.as_ref().map(of_stranger);
        subjects.push(person.unwrap_or(Subject::Dossier(dossier.id)));
    }
    // One that is followed by now is told by its dossier.
    let followed = |id: DossierId| found.iter().any(|dossier| dossier.id == id);
    let alone = strangers
        .iter()
        .filter(|one| !followed(one.id) && !one.adopted_as.is_some_and(followed));
    subjects.extend(alone.map(of_stranger));
    one_of(subjects)
}

/// Returns whom several findings are about, if that is one and the same.
fn one_of(subjects: Vec<Subject>) -> Result<Option<Subject>, NotShown> {
    let same = |one: &Subject, other: &Subject| match (one, other) {
        (Subject::Person(one), Subject::Person(other)) => one.is(other),
        _ => one == other,
    };
    let mut one: Option<Subject> = None;
    for subject in subjects {
        match one {
            None => one = Some(subject),
            Some(known) if !same(&known, &subject) => return Err(NotShown::Shared),
            // Of two that are one person, the one whose NIR is known tells more.
            Some(known) => one = Some(known.max(subject)),
        }
    }
    Ok(one)
}

/// Says whom a delivery is about: what follows a contract is about the contract's person. Which contract
/// that is, the log told when it was taken in.
async fn about(
    tx: &mut Tx,
    keys: &TenantKey,
    delivery: DeliveryId,
    now: Timestamp,
) -> Result<Subject, StoreError> {
    let tenant = keys.tenant();
    let history = events::of_delivery(tx, tenant, delivery).await?;
    let accepted = history
        .iter()
        .find(|event| event.kind == "delivery.accepted");
    let contract = accepted.and_then(|event| event.data.get("contract")?.as_str()?.parse().ok());
    let contract = contract.unwrap_or(delivery);
    let marks = privacy::marks(tx, tenant, contract).await?;
    let identity = exact::of_contract(tx, keys, (contract, marks), now).await?;
    Ok(identity.map_or(Subject::Contract(contract), Subject::Person))
}

#[cfg(test)]
mod tests {
    use store::Fingerprint;
    use store::privacy::Identity;

    use super::*;

    #[test]
    fn a_number_of_several_people_means_none_of_them() {
        let person = |exact: u8, nir: Option<u8>| {
            Subject::Person(Identity {
                near: Fingerprint([1; 16]),
                exact: Fingerprint([exact; 16]),
                nir: nir.map(|nir| Fingerprint([nir; 16])),
            })
        };
        let found = |subjects: &[Subject]| one_of(subjects.to_vec());
        assert!(matches!(found(&[]), Ok(None)));
        let (ana, known, twin) = (person(1, None), person(1, Some(7)), person(1, Some(8)));
        for both in [[ana, known], [known, ana], [known, known]] {
            assert!(matches!(found(&both), Ok(Some(one)) if one == known));
        }
        let dossier = Subject::Dossier("01900000-0000-7000-8000-000000000001".parse().unwrap());
        for others in [[ana, person(2, None)], [known, twin], [ana, dossier]] {
            assert!(matches!(found(&others), Err(NotShown::Shared)));
        }
        assert!(matches!(found(&[dossier, dossier]), Ok(Some(_))));
    }
}
