//! What others say of a log, as an evidence file takes it along.

use std::collections::BTreeMap;

use domain::id::TenantId;
use domain::proof::{Anchor, Cosignature, Span, Stamp, Tiles};

use super::parties::{Party, standings, whole};
use super::{Kept, ProofError, checkpoint_at, read, tiles};
use crate::column::raw;
use crate::error::StoreError;
use crate::pool::{Tx, on};

/// Up to where the events of the file are in the log, and the size of its checkpoint.
type Reach = (i64, u64);

/// What is kept of one checkpoint.
#[derive(Default)]
struct Said {
    lines: Vec<(Party, String)>,
    token: Option<Vec<u8>>,
}

/// Returns what others say: of each party, the first checkpoint that has all events of the file, or else the
/// last one before. What does not hold any more is left out; the audit of the store tells of it.
pub(super) async fn anchors(
    tx: &mut Tx,
    tenant: TenantId,
    reach: Reach,
) -> Result<Vec<Anchor>, ProofError> {
    let mut said: BTreeMap<i64, Said> = BTreeMap::new();
    for standing in standings(tx, Some(tenant)).await? {
        match &standing.party {
            Party::Witness(_) => {
                if let Some((size, line)) = cosigned(tx, tenant, &standing.party, reach).await? {
                    let lines = &mut said.entry(size).or_default().lines;
                    lines.push((standing.party, line));
                }
            }
            Party::Authority => {
                if let Some((size, token)) = dated(tx, tenant, reach).await? {
                    said.entry(size).or_default().token = Some(token);
                }
            }
        }
    }
    let mut anchors = Vec::new();
    for (size, said) in said {
        anchors.extend(anchor(tx, tenant, (size, reach.1), said).await?);
    }
    Ok(anchors)
}

async fn anchor(
    tx: &mut Tx,
    tenant: TenantId,
    (old, new): (i64, u64),
    said: Said,
) -> Result<Option<Anchor>, ProofError> {
    let Some(text) = checkpoint_at(tx, tenant, old).await? else {
        return Ok(None);
    };
    let Some(Kept { note, said: of }) = read(&text) else {
        return Ok(None);
    };
    let holds = |(party, line): &(Party, String)| {
        let Party::Witness(key) = party else {
            return None;
        };
        let line: Cosignature = line.parse().ok()?;
        key.verifies(&note.text, &line).then_some(line)
    };
    let lines: Vec<_> = said.lines.iter().filter_map(holds).collect();
    let token = said
        .token
        .filter(|token| Stamp::is_of(token, text.as_bytes()));
    if lines.is_empty() && token.is_none() {
        return Ok(None);
    }
    let spans = Span::consistency(of.size, new);
    let tiles = tiles(tx, tenant, Tiles::needed(&spans)).await?;
    let path = tiles.path(&spans).ok_or(ProofError::Broken {
        network: tenant,
        said: "a tile is missing",
    })?;
    Ok(Some(Anchor::new(&note, path, lines, token.as_deref())))
}

async fn cosigned(
    tx: &mut Tx,
    tenant: TenantId,
    party: &Party,
    (last, size): Reach,
) -> Result<Option<(i64, String)>, StoreError> {
    const ALL: &str =
        "select size, line from proof_cosignature where tenant_id = $1 and witness = $2
        and size >= $3 and size <= $4 order by size limit 1";
    const SOME: &str =
        "select size, line from proof_cosignature where tenant_id = $1 and witness = $2
        and size < $3 and size <= $4 order by size desc limit 1";
    let who = party.who();
    for sql in [ALL, SOME] {
        let found: Option<(i64, String)> = on!(tx, |conn| sqlx::query_as(sql)
            .bind(raw(tenant))
            .bind(&who)
            .bind(last)
            .bind(whole(size))
            .fetch_optional(conn)
            .await?);
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

async fn dated(
    tx: &mut Tx,
    tenant: TenantId,
    (last, size): Reach,
) -> Result<Option<(i64, Vec<u8>)>, StoreError> {
    const ALL: &str = "select size, token from proof_timestamp where tenant_id = $1
        and size >= $2 and size <= $3 order by size limit 1";
    const SOME: &str = "select size, token from proof_timestamp where tenant_id = $1
        and size < $2 and size <= $3 order by size desc limit 1";
    for sql in [ALL, SOME] {
        let found: Option<(i64, Vec<u8>)> = on!(tx, |conn| sqlx::query_as(sql)
            .bind(raw(tenant))
            .bind(last)
            .bind(whole(size))
            .fetch_optional(conn)
            .await?);
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}
