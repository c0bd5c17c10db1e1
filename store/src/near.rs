//! Near doubles: contracts that share a looser key with one that is about to be taken (DUP-002).

use domain::{DeliveryId, Environment, Kind, TenantId};

use crate::column::At;
use crate::error::StoreError;
use crate::pool::{Store, Tx, on};
use crate::sealing::Fingerprint;

/// How many near doubles of one contract are told.
const MAX_HITS: i64 = 20;

/// What a near double is looked for by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NearQuery {
    /// The network.
    pub tenant: TenantId,
    /// The world.
    pub environment: Environment,
    /// The sort of payload.
    pub kind: Kind,
    /// The looser keys; each is compared with the key of the same place only.
    pub match_keys: [Option<Fingerprint>; 3],
}

/// A delivery that shares a key, and which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NearHit {
    /// The delivery.
    pub delivery: DeliveryId,
    /// Which of the three keys it shares.
    pub shared: [bool; 3],
}

impl Store {
    /// Returns, for each query, the active deliveries that share one of its keys, newest first.
    /// What was refused or given up is no double.
    pub async fn near(&self, queries: &[NearQuery]) -> Result<Vec<Vec<NearHit>>, StoreError> {
        if queries
            .iter()
            .all(|query| query.match_keys.iter().all(Option::is_none))
        {
            return Ok(vec![Vec::new(); queries.len()]);
        }
        let mut tx = self.reading().await?;
        let mut answers = Vec::with_capacity(queries.len());
        for query in queries {
            answers.push(hits(&mut tx, query).await?);
        }
        Ok(answers)
    }
}

/// Returns the active deliveries that share one of the query's keys, newest first.
pub(crate) async fn hits(tx: &mut Tx, query: &NearQuery) -> Result<Vec<NearHit>, StoreError> {
    // Flags are counted as numbers, which both engines return alike; each arm has its index.
    const SQL: &str = "select delivery_id, max(one), max(two), max(three) from (
        select delivery_id, 1 as one, 0 as two, 0 as three from submission
            where tenant_id = $1 and match_1 = $4 and match_1 is not null
              and environment = $2 and kind = $3 and active = 1
        union all
        select delivery_id, 0, 1, 0 from submission
            where tenant_id = $1 and match_2 = $5 and match_2 is not null
              and environment = $2 and kind = $3 and active = 1
        union all
        select delivery_id, 0, 0, 1 from submission
            where tenant_id = $1 and match_3 = $6 and match_3 is not null
              and environment = $2 and kind = $3 and active = 1) as hit
        group by delivery_id order by delivery_id desc limit $7";
    let [one, two, three] = query
        .match_keys
        .map(|key| key.map(|print| print.0.to_vec()));
    let rows: Vec<(String, i32, i32, i32)> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(query.tenant.to_string())
        .bind(query.environment.as_str())
        .bind(query.kind.as_str())
        .bind(&one)
        .bind(&two)
        .bind(&three)
        .bind(MAX_HITS)
        .fetch_all(conn)
        .await?);
    rows.into_iter().map(hit).collect()
}

fn hit((id, one, two, three): (String, i32, i32, i32)) -> Result<NearHit, StoreError> {
    let at = At {
        table: "submission",
        row: &id,
    };
    Ok(NearHit {
        delivery: at.word("delivery_id", &id)?,
        shared: [one > 0, two > 0, three > 0],
    })
}
