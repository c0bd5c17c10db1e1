//! What a person carries: a browser's session, a link to choose a password, a key for scripts. Only
//! the hash of each is kept.

use domain::Timestamp;
use domain::id::{PersonId, TenantId, TokenId};
use uuid::Uuid;

use crate::column::{At, ms, raw};
use crate::error::StoreError;
use crate::pool::{Tx, on, run};

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// A browser that is signed in.
    Session,
    /// A browser that gave the right password and owes a code.
    FirstStep,
    /// Choosing a password, once.
    Invitation,
    /// A script that calls the admin API.
    Script,
    /// A browser whose person a provider named, and who has yet to say in which network.
    Network,
}

impl Purpose {
    const ALL: [Self; 5] = [
        Self::Session,
        Self::FirstStep,
        Self::Invitation,
        Self::Script,
        Self::Network,
    ];

    /// Returns its stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::FirstStep => "first-step",
            Self::Invitation => "invitation",
            Self::Script => "script",
            Self::Network => "network",
        }
    }
}

/// Something a person carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Whose network.
    pub tenant: TenantId,
    /// Its name.
    pub id: TokenId,
    /// Whose.
    pub person: PersonId,
    /// What for.
    pub purpose: Purpose,
    /// What people call it.
    pub label: String,
    /// From where it was made.
    pub address: Option<String>,
    /// With which browser.
    pub agent: Option<String>,
    /// When the person last proved who they are with it.
    pub confirmed_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub seen_at: Timestamp,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
    /// When it was ended before that.
    pub ended_at: Option<Timestamp>,
}

impl Token {
    /// Returns whether it opens anything at this instant.
    pub fn is_usable(&self, now: Timestamp) -> bool {
        self.ended_at.is_none() && now < self.expires_at
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    tenant_id: Uuid,
    token_id: Uuid,
    person_id: Uuid,
    purpose: String,
    label: String,
    address: Option<String>,
    agent: Option<String>,
    confirmed_at: Option<i64>,
    seen_at: i64,
    created_at: i64,
    expires_at: i64,
    ended_at: Option<i64>,
}

impl TryFrom<Row> for Token {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let at = At {
            table: "person_token",
            row: &row.token_id,
        };
        let purpose = Purpose::ALL
            .into_iter()
            .find(|purpose| purpose.as_str() == row.purpose)
            .ok_or_else(|| at.corrupt("purpose"))?;
        Ok(Self {
            tenant: row.tenant_id.into(),
            id: row.token_id.into(),
            person: row.person_id.into(),
            purpose,
            confirmed_at: at.maybe_instant("confirmed_at", row.confirmed_at)?,
            seen_at: at.instant("seen_at", row.seen_at)?,
            created_at: at.instant("created_at", row.created_at)?,
            expires_at: at.instant("expires_at", row.expires_at)?,
            ended_at: at.maybe_instant("ended_at", row.ended_at)?,
            label: row.label,
            address: row.address,
            agent: row.agent,
        })
    }
}

macro_rules! columns {
    () => {
        "tenant_id, token_id, person_id, purpose, label, address, agent, confirmed_at, seen_at,
         created_at, expires_at, ended_at"
    };
}

/// Keeps a new token, by its SHA-256.
pub async fn keep_token(tx: &mut Tx, token: &Token, hash: &[u8; 32]) -> Result<(), StoreError> {
    const SQL: &str = concat!(
        "insert into person_token (",
        columns!(),
        ", hash) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
    );
    run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(token.tenant))
            .bind(raw(token.id))
            .bind(raw(token.person))
            .bind(token.purpose.as_str())
            .bind(&token.label)
            .bind(token.address.as_deref())
            .bind(token.agent.as_deref())
            .bind(token.confirmed_at.map(ms))
            .bind(ms(token.seen_at))
            .bind(ms(token.created_at))
            .bind(ms(token.expires_at))
            .bind(token.ended_at.map(ms))
            .bind(hash.as_slice())
    );
    Ok(())
}

/// Finds the token with this SHA-256, of any network: this is what tells the network. One that has
/// ended is returned too; ask [`Token::is_usable`].
pub async fn find_token(tx: &mut Tx, hash: &[u8; 32]) -> Result<Option<Token>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from person_token where hash = $1 limit 1"
    );
    let row: Option<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(hash.as_slice())
        .fetch_optional(conn)
        .await?);
    row.map(Token::try_from).transpose()
}

/// Lists what a person carries, the newest first.
pub async fn tokens_of(
    tx: &mut Tx,
    tenant: TenantId,
    person: PersonId,
) -> Result<Vec<Token>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from person_token where tenant_id = $1 and person_id = $2 order by token_id desc limit 200"
    );
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(raw(person))
        .fetch_all(conn)
        .await?);
    rows.into_iter().map(Token::try_from).collect()
}

/// Notes when a token was last used. Returns whether it had not been ended: what its carrier is about to
/// write in this transaction is else not theirs to write any more.
pub async fn seen(
    tx: &mut Tx,
    tenant: TenantId,
    id: TokenId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "update person_token set seen_at = $3
        where tenant_id = $1 and token_id = $2 and ended_at is null";
    let done = run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(raw(id))
            .bind(ms(now))
    );
    Ok(done > 0)
}

/// Notes that the person has just proved again who they are.
pub async fn confirm(
    tx: &mut Tx,
    tenant: TenantId,
    id: TokenId,
    now: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "update person_token set confirmed_at = $3
        where tenant_id = $1 and token_id = $2 and ended_at is null";
    run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(raw(id))
            .bind(ms(now))
    );
    Ok(())
}

/// Ends a person's token, and returns whether there was one to end: an invitation that two requests
/// use at once serves one.
pub async fn end(
    tx: &mut Tx,
    tenant: TenantId,
    person: PersonId,
    id: TokenId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "update person_token set ended_at = $4
        where tenant_id = $1 and person_id = $2 and token_id = $3 and ended_at is null";
    let done = run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(raw(person))
            .bind(raw(id))
            .bind(ms(now))
    );
    Ok(done > 0)
}

/// Ends everything a person carries but one, and returns how many that were.
pub async fn end_all(
    tx: &mut Tx,
    tenant: TenantId,
    person: PersonId,
    but: Option<TokenId>,
    now: Timestamp,
) -> Result<u64, StoreError> {
    const SQL: &str = "update person_token set ended_at = $4
        where tenant_id = $1 and person_id = $2 and ended_at is null
          and ($3 is null or token_id <> $3)";
    Ok(run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(raw(person))
            .bind(but.map(raw))
            .bind(ms(now))
    ))
}
