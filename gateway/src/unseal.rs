//! Opening something sealed of a delivery for a person, who says why: the log has it before the first byte
//! leaves, and the history of the delivery tells it.

use admin_api::privacy::{Clear, Download, NotOpened, Opened, Opening, What};
use domain::Kind;
use domain::id::{DeliveryId, FileId};
use domain::payload::Payload;
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use store::{Delivery, NewEvent, NirPart, TenantKey, Tx, deliveries, events, files};

use crate::app::App;
use crate::follow_up::{self, certificate};
use crate::{contract, readable};

/// Opens what is asked for.
pub(crate) async fn open(
    app: &App,
    delivery: &Delivery,
    opening: Opening<'_>,
) -> Result<Opened, NotOpened> {
    let keys = app.store.keys(delivery.tenant).await?;
    let mut tx = app.store.writing().await?;
    let opened = match opening.what {
        What::Payload => payload(&mut tx, &keys, delivery).await.map(Opened::Payload),
        What::File(id) => file(app, &mut tx, delivery, id).await.map(Opened::File),
        What::Certificate => written(&mut tx, &keys, delivery).await.map(Opened::File),
    }?;
    let event = NewEvent::new(app.clock.now(), "payload.opened")
        .delivery(delivery.id)
        .by(opening.actor.to_owned())
        .with(json!({
            "why": "person", "what": opening.what.word(), "reason": opening.reason,
            "file": match opening.what { What::File(id) => Some(id), _ => None },
        }));
    events::append(&mut tx, delivery.tenant, &[event]);
    tx.commit().await?;
    Ok(opened)
}

async fn payload(tx: &mut Tx, keys: &TenantKey, delivery: &Delivery) -> Result<Clear, NotOpened> {
    let sealed = deliveries::payload(tx, delivery.tenant, delivery.id).await?;
    let sealed = sealed.ok_or(NotOpened::Nothing)?;
    let open = keys.open_payload(delivery.id, &sealed);
    let open = open.map_err(|error| unreadable(delivery.id, &error))?;
    let mut json: Value =
        serde_json::from_slice(&open.body).map_err(|error| unreadable(delivery.id, &error))?;
    if let (NirPart::Present(nir), Some(Value::Object(apprenti))) =
        (&open.nir, json.pointer_mut("/cerfa/apprenti"))
    {
        // There, and masked: that it is there is what one may know.
        apprenti.insert("nir".to_owned(), nir.expose().into());
    }
    readable::mask(&mut json);
    Ok(Clear {
        lines: readable::lines(delivery.kind, &json),
        json,
    })
}

async fn file(
    app: &App,
    tx: &mut Tx,
    delivery: &Delivery,
    id: FileId,
) -> Result<Download, NotOpened> {
    let keys = app.store.keys(delivery.tenant).await?;
    let found = files::of_delivery(tx, delivery.tenant, delivery.id).await?;
    let found = found.into_iter().find(|file| file.id == id);
    let stored = found
        .filter(|file| file.sealed.is_some())
        .ok_or(NotOpened::Nothing)?;
    let chunks = app.files.read(&keys, &stored).await;
    let chunks = chunks.map_err(|error| unreadable(delivery.id, &error))?;
    Ok(Download {
        // The name it came with is somebody's text: it says nothing that a person opening it needs.
        name: format!("{}-{}.{}", delivery.kind, delivery.id, stored.kind.ending()),
        media_type: stored.kind.media_type(),
        bytes: Some(stored.bytes),
        stream: chunks
            .map(|chunk| chunk.map_err(std::io::Error::other))
            .boxed(),
    })
}

/// Writes the certificate that goes to an OPCO which takes one as a document only.
async fn written(
    tx: &mut Tx,
    keys: &TenantKey,
    delivery: &Delivery,
) -> Result<Download, NotOpened> {
    if delivery.kind != Kind::Certificat {
        return Err(NotOpened::Nothing);
    }
    let sealed = deliveries::payload(tx, delivery.tenant, delivery.id).await?;
    let sealed = sealed.ok_or(NotOpened::Nothing)?;
    let follow = follow_up::send::open(keys, delivery.id, delivery.kind, &sealed);
    let follow = follow.map_err(|error| unreadable(delivery.id, &error))?;
    let (Payload::Certificat(certificat), Some(id)) = (follow.reading.payload, follow.contract)
    else {
        return Err(NotOpened::Nothing);
    };
    let sealed = deliveries::payload(tx, delivery.tenant, id).await?;
    let sealed = sealed.ok_or(NotOpened::Nothing)?;
    let contrat = contract::open_sealed(keys, id, &sealed);
    let contrat = contrat.map_err(|error| unreadable(id, &error))?;
    let pdf = certificate::written(&certificat, &contrat.dossier).ok_or(NotOpened::Nothing)?;
    Ok(Download {
        name: certificate::NAME.to_owned(),
        media_type: "application/pdf",
        bytes: u64::try_from(pdf.len()).ok(),
        stream: stream::once(async { Ok(pdf.into()) }).boxed(),
    })
}

fn unreadable(id: DeliveryId, error: &dyn std::fmt::Display) -> NotOpened {
    tracing::warn!(delivery.id = %id, error = %error, "something sealed does not open");
    NotOpened::Unreadable
}
