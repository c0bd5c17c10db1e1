//! The rights of an apprentice (RGPD art. 15 and 17): all that is held about one is found, handed out, and
//! destroyed as far as it may be.

pub(crate) mod again;
mod erase;
mod exact;
mod export;
mod holdings;
mod words;

use admin_api::privacy::{Sought, Subject};
use domain::id::{DeliveryId, TenantId};
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
) -> Result<Option<Subject>, StoreError> {
    let keys = app.store.keys(tenant).await?;
    let mut tx = app.store.writing().await?;
    let subject = match sought {
        Sought::Person {
            nom,
            prenom,
            date_naissance,
        } => {
            let identity = exact::of(&keys, nom, prenom, *date_naissance);
            Some(Subject::Person(identity))
        }
        Sought::Nir(nir) => {
            let [nir_purpose, ..] = purpose::NEAR;
            let text = matching::nir_text(nir.expose());
            text.map(|text| Subject::Nir(keys.fingerprint(nir_purpose, &text)))
        }
        Sought::Numero(numero) => by_numero(&mut tx, &keys, numero.trim(), app.clock.now()).await?,
    };
    let searched = NewEvent::new(app.clock.now(), "privacy.searched")
        .by(actor.to_owned())
        .with(json!({ "by": sought.word() }));
    events::append(&mut tx, tenant, &[searched]);
    tx.commit().await?;
    Ok(subject)
}

/// Finds whom a number is about: the OPCO's, the State's, or the name of a delivery or a dossier here.
async fn by_numero(
    tx: &mut Tx,
    keys: &TenantKey,
    numero: &str,
    now: Timestamp,
) -> Result<Option<Subject>, StoreError> {
    let tenant = keys.tenant();
    if let Ok(id) = numero.parse::<DeliveryId>()
        && let Some(found) = deliveries::find(tx, tenant, id).await?
    {
        return about(tx, keys, found.id, now).await.map(Some);
    }
    let mut found = Vec::new();
    if let Ok(id) = numero.parse() {
        found.extend(dossiers::find(tx, tenant, id).await?);
    }
    if found.is_empty() {
        let filter = Filter {
            numero: Some(numero.to_owned()),
            ..Filter::default()
        };
        found = dossiers::list(tx, tenant, &filter, FOUND_MAX).await?;
    }
    let of_stranger = |stranger: &Stranger| {
        let identity = exact::of_stranger(keys, stranger);
        identity.map_or(Subject::Dossier(stranger.id), Subject::Person)
    };
    if let Some(dossier) = found.first() {
        if let Some(delivery) = dossier.delivery {
            return about(tx, keys, delivery, now).await.map(Some);
        }
        let stranger = strangers::find(tx, tenant, dossier.id).await?;
        let person = stranger.as_ref().map(of_stranger);
        return Ok(Some(person.unwrap_or(Subject::Dossier(dossier.id))));
    }
    let found = strangers::of_numero(tx, tenant, numero, FOUND_MAX).await?;
    Ok(found.first().map(of_stranger))
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
