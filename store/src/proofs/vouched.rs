//! The audit of what others said of a log: each line of a witness, each token of an authority, held against the
//! checkpoint it lies beside.

use domain::id::TenantId;
use domain::proof::{Authorities, Cosignature, Stamp, WitnessKey};

use super::finding::{Finding, Place};
use super::{ProofError, read};
use crate::column::raw;
use crate::error::StoreError;
use crate::pool::{Store, Tx, on};

/// Rows read at once.
const PAGE: i64 = 256;

/// What others said of one log, as far as it holds, and what does not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Vouched {
    /// Checkpoints that a witness signed, one count for each witness.
    pub cosignatures: u64,
    /// Checkpoints that an authority dated.
    pub timestamps: u64,
    /// What was changed by hand.
    pub findings: Vec<Finding>,
}

impl Store {
    /// Audits what others said of the log of a network. Without anybody to trust, a token is only held against
    /// the checkpoint it dates.
    pub async fn audit_vouched(
        &self,
        tenant: TenantId,
        trusted: Option<&Authorities>,
    ) -> Result<Vouched, ProofError> {
        let mut tx = self.reading().await?;
        let mut vouched = Vouched::default();
        let mut at = (String::new(), 0);
        loop {
            let rows = cosignatures(&mut tx, tenant, &at).await?;
            let Some((witness, size, ..)) = rows.last() else {
                break;
            };
            at = (witness.clone(), *size);
            for (witness, size, line, note) in rows {
                if cosigns(&witness, &line, note.as_deref()) {
                    vouched.cosignatures += 1;
                } else {
                    let place = Place::CosignatureForged(size);
                    vouched.findings.push(Finding { tenant, place });
                }
            }
        }
        let mut at = 0;
        loop {
            let rows = timestamps(&mut tx, tenant, at).await?;
            let Some((size, ..)) = rows.last() else {
                break;
            };
            at = *size;
            for (size, token, note) in rows {
                if dates(&token, note.as_deref(), trusted) {
                    vouched.timestamps += 1;
                } else {
                    let place = Place::TimestampForged(size);
                    vouched.findings.push(Finding { tenant, place });
                }
            }
        }
        Ok(vouched)
    }
}

fn cosigns(witness: &str, line: &str, note: Option<&str>) -> bool {
    let kept = note.and_then(read);
    let (key, line) = (witness.parse::<WitnessKey>(), line.parse::<Cosignature>());
    match (kept, key, line) {
        (Some(kept), Ok(key), Ok(line)) => key.verifies(&kept.note.text, &line),
        _ => false,
    }
}

fn dates(token: &[u8], note: Option<&str>, trusted: Option<&Authorities>) -> bool {
    let Some(note) = note else { return false };
    match trusted {
        Some(trusted) => Stamp::verify(token, note.as_bytes(), trusted).is_ok(),
        None => Stamp::is_of(token, note.as_bytes()),
    }
}

async fn cosignatures(
    tx: &mut Tx,
    tenant: TenantId,
    (witness, size): &(String, i64),
) -> Result<Vec<(String, i64, String, Option<String>)>, StoreError> {
    const SQL: &str = "select c.witness, c.size, c.line, k.note from proof_cosignature c
        left join proof_checkpoint k on k.tenant_id = c.tenant_id and k.size = c.size
        where c.tenant_id = $1 and (c.witness, c.size) > ($2, $3)
        order by c.witness, c.size limit $4";
    Ok(on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(witness)
        .bind(size)
        .bind(PAGE)
        .fetch_all(conn)
        .await?))
}

async fn timestamps(
    tx: &mut Tx,
    tenant: TenantId,
    after: i64,
) -> Result<Vec<(i64, Vec<u8>, Option<String>)>, StoreError> {
    const SQL: &str = "select t.size, t.token, k.note from proof_timestamp t
        left join proof_checkpoint k on k.tenant_id = t.tenant_id and k.size = t.size
        where t.tenant_id = $1 and t.size > $2 order by t.size limit $3";
    Ok(on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(after)
        .bind(PAGE)
        .fetch_all(conn)
        .await?))
}
