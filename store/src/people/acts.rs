//! What changes of an account, one act a statement: each writes its own columns and no other, and only
//! while the account still is what the act takes it for. An account that was closed meanwhile stays closed,
//! whoever was about to write. Each tells whether it was done.

use domain::id::{PersonId, TenantId};
use domain::person::{Language, PersonState};
use domain::{Secret, Timestamp};
use uuid::Uuid;

use crate::column::{ms, raw};
use crate::error::StoreError;
use crate::pool::{Engine, Tx, run};
use crate::sealing::SealedSecret;

/// What an administrator changes of an account; what is absent stays.
#[derive(Debug, Clone, Copy, Default)]
pub struct Change<'a> {
    /// What others call them.
    pub name: Option<&'a str>,
    /// Where the account stands. One that nothing proves yet becomes invited, never active.
    pub state: Option<PersonState>,
    /// Whether the second factor is forgotten.
    pub forget_second_factor: bool,
}

/// Links an account to whom a provider of identities names; an invitation is used up by that. Not one that
/// is closed, nor one that is linked to somebody else.
pub async fn link(
    tx: &mut Tx,
    (tenant, id): (TenantId, PersonId),
    subject: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "update person set oidc_subject = $3, state = 'active', updated_at = $4
        where tenant_id = $1 and person_id = $2 and state in ('invited', 'active')
          and (oidc_subject is null or oidc_subject = $3)";
    let done = run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(raw(id))
            .bind(subject)
            .bind(ms(now))
    );
    Ok(done > 0)
}

/// Keeps the password chosen with an invitation; the account can then sign in.
pub async fn choose_password(
    tx: &mut Tx,
    (tenant, id): (TenantId, PersonId),
    hash: &Secret,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "update person set password = $3, state = 'active', failures = 0,
            locked_until = null, updated_at = $4
        where tenant_id = $1 and person_id = $2 and state in ('invited', 'active')";
    let done = run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(raw(id))
            .bind(hash.expose())
            .bind(ms(now))
    );
    Ok(done > 0)
}

/// Replaces the password that was proven by another.
pub async fn replace_password(
    tx: &mut Tx,
    (tenant, id): (TenantId, PersonId),
    (proven, hash): (Option<&Secret>, &Secret),
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "update person set password = $4, updated_at = $5
        where tenant_id = $1 and person_id = $2 and state = 'active'
          and password is not distinct from $3";
    let done = run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(raw(id))
            .bind(proven.map(Secret::expose))
            .bind(hash.expose())
            .bind(ms(now))
    );
    Ok(done > 0)
}

/// Sets a second factor in place of the one there was, with the step that proved it.
pub async fn set_second_factor(
    tx: &mut Tx,
    (tenant, id): (TenantId, PersonId),
    (before, sealed): (Option<&SealedSecret>, &SealedSecret),
    step: i64,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "update person set sealed_totp = $4, totp_step = $5, updated_at = $6
        where tenant_id = $1 and person_id = $2 and state = 'active'
          and sealed_totp is not distinct from $3";
    let done = run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(raw(id))
            .bind(before.map(SealedSecret::as_bytes))
            .bind(sealed.as_bytes())
            .bind(step)
            .bind(ms(now))
    );
    Ok(done > 0)
}

/// Keeps what a person reads.
pub async fn set_language(
    tx: &mut Tx,
    (tenant, id): (TenantId, PersonId),
    language: Language,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "update person set language = $3, updated_at = $4
        where tenant_id = $1 and person_id = $2";
    let done = run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(raw(id))
            .bind(language.as_str())
            .bind(ms(now))
    );
    Ok(done > 0)
}

/// Changes what an administrator may change.
pub async fn change(
    tx: &mut Tx,
    (tenant, id): (TenantId, PersonId),
    change: Change<'_>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "update person set name = coalesce($3, name),
            state = case
                when $4 is null then state
                when $4 = 'disabled' then 'disabled'
                when password is null and oidc_subject is null then 'invited'
                else $4 end,
            sealed_totp = case when $5 = 1 then null else sealed_totp end,
            updated_at = $6
        where tenant_id = $1 and person_id = $2";
    let done = run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(raw(id))
            .bind(change.name)
            .bind(change.state.map(PersonState::as_str))
            .bind(i64::from(change.forget_second_factor))
            .bind(ms(now))
    );
    Ok(done > 0)
}

/// Keeps everyone of a network as they are until the transaction ends: two administrators who take each
/// other's role away at once would leave nobody who can give it back.
pub async fn lock_all(tx: &mut Tx, tenant: TenantId) -> Result<(), StoreError> {
    const SQL: &str =
        "select person_id from person where tenant_id = $1 order by person_id for update";
    if let Engine::Postgres(conn) = &mut tx.engine {
        let _held: Vec<Uuid> = sqlx::query_scalar(SQL)
            .bind(raw(tenant))
            .fetch_all(&mut **conn)
            .await?;
    }
    // On SQLite the write lock is held since `begin immediate`.
    Ok(())
}
