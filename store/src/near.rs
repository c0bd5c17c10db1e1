//! Near doubles: contracts that share a looser key with one that is about to be taken (DUP-002).

use domain::{DeliveryId, Environment, Kind, TenantId};

use uuid::Uuid;

use crate::column::raw;
use crate::error::StoreError;
use crate::pool::{Engine, Tx};
use crate::sealing::Fingerprint;

/// How many near doubles of one contract are told.
const MAX_HITS: i64 = 20;

/// What a near double is looked for by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NearQuery {
    /// The network.
    pub(crate) tenant: TenantId,
    /// The world.
    pub(crate) environment: Environment,
    /// The sort of payload.
    pub(crate) kind: Kind,
    /// The looser keys; each is compared with the key of the same place only.
    pub(crate) match_keys: [Option<Fingerprint>; 3],
}

/// A delivery that shares a key, and which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NearHit {
    /// The delivery.
    pub delivery: DeliveryId,
    /// Which of the three keys it shares.
    pub shared: [bool; 3],
}

/// Returns the active deliveries that share one of the query's keys, newest first.
pub(crate) async fn hits(tx: &mut Tx, query: &NearQuery) -> Result<Vec<NearHit>, StoreError> {
    // Flags are counted as numbers, which both engines return alike; each arm has its index.
    macro_rules! sql {
        ($same_tenant:literal) => {
            concat!(
                "select delivery_id, max(one), max(two), max(three) from (
                    select delivery_id, 1 as one, 0 as two, 0 as three from submission
                        where match_1 = $4 and tenant_id ",
                $same_tenant,
                " $1 and match_1 is not null
                          and environment = $2 and kind = $3 and active = 1
                    union all
                    select delivery_id, 0, 1, 0 from submission
                        where match_2 = $5 and tenant_id ",
                $same_tenant,
                " $1 and match_2 is not null
                          and environment = $2 and kind = $3 and active = 1
                    union all
                    select delivery_id, 0, 0, 1 from submission
                        where match_3 = $6 and tenant_id ",
                $same_tenant,
                " $1 and match_3 is not null
                          and environment = $2 and kind = $3 and active = 1) as hit
                group by delivery_id order by delivery_id desc limit $7"
            )
        };
    }
    let [one, two, three] = query
        .match_keys
        .map(|key| key.map(|print| print.0.to_vec()));
    macro_rules! fetch {
        ($conn:expr, $sql:expr) => {
            sqlx::query_as($sql)
                .bind(raw(query.tenant))
                .bind(query.environment.as_str())
                .bind(query.kind.as_str())
                .bind(&one)
                .bind(&two)
                .bind(&three)
                .bind(MAX_HITS)
                .fetch_all(&mut **$conn)
                .await?
        };
    }
    let rows: Vec<(Uuid, i32, i32, i32)> = match &mut tx.engine {
        Engine::Sqlite(conn) => fetch!(conn, sql!("=")),
        Engine::Postgres(conn) => fetch!(conn, sql!("is not distinct from")),
    };
    Ok(rows.into_iter().map(hit).collect())
}

fn hit((id, one, two, three): (Uuid, i32, i32, i32)) -> NearHit {
    NearHit {
        delivery: id.into(),
        shared: [one > 0, two > 0, three > 0],
    }
}
