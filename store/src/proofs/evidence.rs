//! The evidence of one delivery, put together from the log, its tree and its checkpoints.

use std::collections::BTreeSet;

use domain::Timestamp;
use domain::id::{DeliveryId, TenantId};
use domain::proof::{Evidence, Proven, Rotation, SignerKey, Span, Tiles};

use super::anchors::anchors;
use super::{Kept, ProofError, keys, read, tiles};
use crate::column::{ms, raw};
use crate::error::StoreError;
use crate::events;
use crate::pool::{Store, Tx, on};
use crate::sealing::TenantKey;

/// What there is to show of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// The log knows no such delivery.
    Nothing,
    /// The last of its events is not in the tree yet; this is how far the tree must reach.
    NotYet(i64),
    /// The evidence file.
    File(String),
}

impl Store {
    /// Writes the evidence file of a delivery. With the salt of its contents, whoever holds them can
    /// compute their hashes; a shredded payload has none any more.
    pub async fn evidence(
        &self,
        tenant: TenantId,
        delivery: DeliveryId,
        with_salt: bool,
        now: Timestamp,
    ) -> Result<Shown, ProofError> {
        let broken = |said| ProofError::Broken {
            network: tenant,
            said,
        };
        let sealed = self.keys(tenant).await?;
        let mut tx = self.reading().await?;
        let rows = events::rows_of_delivery(&mut tx, tenant, delivery).await?;
        let Some(last) = rows.last().map(|row| row.position) else {
            return Ok(Shown::Nothing);
        };
        let entries = rows.into_iter().map(|row| row.entry(tenant));
        let entries = entries.collect::<Result<Vec<_>, _>>()?;
        let note = super::last_checkpoint(&mut tx, tenant).await?;
        let kept = match note {
            Some(note) => read(&note).ok_or_else(|| broken("its last checkpoint is none"))?,
            None => return Ok(Shown::NotYet(last)),
        };
        let size = kept.said.size;
        if u64::try_from(last).unwrap_or(u64::MAX) > size {
            return Ok(Shown::NotYet(last));
        }
        let rotations = rotations(&mut tx, tenant).await?;
        let paths = entries
            .iter()
            .map(|entry| Span::inclusion(entry.position - 1, size));
        let paths: Vec<Vec<Span>> = paths.collect();
        let joins = rotations
            .iter()
            .map(|old| Span::consistency(old.said.size, size));
        let joins: Vec<Vec<Span>> = joins.collect();
        let needed: BTreeSet<_> = paths
            .iter()
            .chain(&joins)
            .flat_map(|s| Tiles::needed(s))
            .collect();
        let tiles = tiles(&mut tx, tenant, needed).await?;
        let path = |spans: &Vec<Span>| tiles.path(spans).ok_or_else(|| broken("a tile is missing"));
        let proven = entries.into_iter().zip(&paths).map(|(entry, spans)| {
            let proof = path(spans)?;
            Ok(Proven { entry, proof })
        });
        let proven = proven.collect::<Result<Vec<_>, ProofError>>()?;
        let rotations = rotations.iter().zip(&joins).map(|(old, spans)| {
            Ok(Rotation {
                checkpoint: old.note.to_string(),
                consistency: path(spans)?,
            })
        });
        let rotations = rotations.collect::<Result<Vec<_>, ProofError>>()?;
        let salt = match body_key(&mut tx, tenant, delivery).await? {
            Some(key) if with_salt => Some(*sealed.content_salt(delivery, &key)?),
            _ => None,
        };
        let anchors = anchors(&mut tx, tenant, (last, size)).await?;
        let signer = signer(&mut tx, &sealed, &kept).await?;
        let trail = (rotations, &kept.note);
        let whose = (tenant, ms(now));
        let evidence = Evidence::new(delivery, whose, proven, salt, trail, signer.verifier());
        let file = evidence.anchored(anchors).write(&signer);
        // What would not verify is not handed out.
        Evidence::verify(file.as_bytes(), &[signer.verifier()])
            .map_err(|_| broken("an event is not the one that was sealed"))?;
        Ok(Shown::File(file))
    }
}

/// Returns the key that signed a checkpoint.
async fn signer(tx: &mut Tx, sealed: &TenantKey, kept: &Kept) -> Result<SignerKey, ProofError> {
    let rows = keys::rows(tx, sealed.tenant()).await?.into_iter().rev();
    let mut signers = rows.filter_map(|row| row.open(sealed).ok());
    let signer = signers.find(|key| kept.note.is_signed_by(&key.verifier()));
    signer.ok_or(ProofError::Broken {
        network: sealed.tenant(),
        said: "its last checkpoint has no good signature",
    })
}

/// Returns the checkpoints at which another key took over, oldest first.
async fn rotations(tx: &mut Tx, tenant: TenantId) -> Result<Vec<Kept>, ProofError> {
    const SQL: &str = "select note from proof_checkpoint
        where tenant_id = $1 and next_key is not null order by size";
    let notes: Vec<String> = on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(raw(tenant))
        .fetch_all(conn)
        .await
        .map_err(StoreError::from)?);
    let read = |note: &String| {
        read(note).ok_or(ProofError::Broken {
            network: tenant,
            said: "a checkpoint is none",
        })
    };
    notes.iter().map(read).collect()
}

async fn body_key(
    tx: &mut Tx,
    tenant: TenantId,
    delivery: DeliveryId,
) -> Result<Option<Vec<u8>>, StoreError> {
    const SQL: &str = "select body_key from object_key where tenant_id = $1 and object_id = $2";
    let key: Option<Vec<u8>> = on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(raw(tenant))
        .bind(raw(delivery))
        .fetch_optional(conn)
        .await?);
    Ok(key.filter(|key| !key.is_empty()))
}
