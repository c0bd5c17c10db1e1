//! The people of the dashboard: who they are, what proves it, what each may do and where.

mod acts;
mod tokens;

use domain::id::{CfaId, PersonId, SiteId, TenantId};
use domain::person::{Language, PersonState, Right, Role};
use domain::{Secret, Siret, Timestamp};
use uuid::Uuid;

use crate::column::{At, ms, raw};
use crate::error::StoreError;
use crate::pool::{Engine, Tx, on, run};
use crate::sealing::SealedSecret;
use crate::tenants::Site;

pub use self::acts::{
    Change, change, choose_password, link, lock_all, replace_password, set_language,
    set_second_factor,
};
pub use self::tokens::{
    Purpose, Token, confirm, end, end_all, find_token, keep_token, seen, tokens_of,
};

/// The word of a second factor's secret in associated data.
pub const TOTP_PART: &str = "totp";

/// Someone who uses the dashboard of one network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Whose.
    pub tenant: TenantId,
    /// Their name among people.
    pub id: PersonId,
    /// What they sign in with, in lower case.
    pub email: String,
    /// What others call them.
    pub name: String,
    /// What they read.
    pub language: Language,
    /// Where the account stands.
    pub state: PersonState,
    /// The argon2id hash of the password; absent before one is chosen, and for those who sign in
    /// elsewhere only.
    pub password: Option<Secret>,
    /// The sealed secret of the second factor.
    pub sealed_totp: Option<SealedSecret>,
    /// The last step of the second factor that was used: each code serves once.
    pub totp_step: i64,
    /// Who they are at the network's own provider of identities: issuer and subject.
    pub oidc_subject: Option<String>,
    /// How many wrong answers since the last right one.
    pub failures: u32,
    /// Until when nothing is tried any more.
    pub locked_until: Option<Timestamp>,
    /// Who created the account.
    pub created_by: String,
    /// Since when.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// Where a role holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// The whole network.
    Network,
    /// A training centre and its sites.
    Cfa(CfaId),
    /// One site.
    Site(SiteId),
}

/// A role somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// What.
    pub role: Role,
    /// Where.
    pub scope: Scope,
    /// Who gave it.
    pub granted_by: String,
    /// Since when.
    pub granted_at: Timestamp,
}

impl Scope {
    /// Returns the stable word of what it is.
    pub fn word(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Cfa(_) => "cfa",
            Self::Site(_) => "site",
        }
    }

    fn id(self) -> Uuid {
        match self {
            Self::Network => Uuid::nil(),
            Self::Cfa(id) => raw(id),
            Self::Site(id) => raw(id),
        }
    }
}

/// Returns whether somebody's roles give a right somewhere, or at a site of the network's `sites`.
pub fn may(grants: &[Grant], sites: &[Site], right: Right, site: Option<&Siret>) -> bool {
    let granting = grants.iter().filter(|grant| grant.role.may(right));
    let mut scopes = granting.map(|grant| grant.scope);
    let Some(siret) = site else {
        return scopes.next().is_some();
    };
    let site = sites.iter().find(|site| site.siret == *siret);
    scopes.any(|scope| match scope {
        Scope::Network => true,
        Scope::Cfa(cfa) => site.is_some_and(|site| site.cfa == cfa),
        Scope::Site(id) => site.is_some_and(|site| site.id == id),
    })
}

#[derive(sqlx::FromRow)]
struct Row {
    tenant_id: Uuid,
    person_id: Uuid,
    email: String,
    name: String,
    language: String,
    state: String,
    password: Option<String>,
    sealed_totp: Option<Vec<u8>>,
    totp_step: i64,
    oidc_subject: Option<String>,
    failures: i64,
    locked_until: Option<i64>,
    created_by: String,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<Row> for Person {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let at = At {
            table: "person",
            row: &row.person_id,
        };
        Ok(Self {
            tenant: row.tenant_id.into(),
            id: row.person_id.into(),
            language: at.word("language", &row.language)?,
            state: at.word("state", &row.state)?,
            failures: at.number("failures", row.failures)?,
            locked_until: at.maybe_instant("locked_until", row.locked_until)?,
            created_at: at.instant("created_at", row.created_at)?,
            updated_at: at.instant("updated_at", row.updated_at)?,
            email: row.email,
            name: row.name,
            password: row.password.map(Secret::new),
            sealed_totp: row.sealed_totp.map(SealedSecret),
            totp_step: row.totp_step,
            oidc_subject: row.oidc_subject,
            created_by: row.created_by,
        })
    }
}

macro_rules! columns {
    () => {
        "tenant_id, person_id, email, name, language, state, password, sealed_totp, totp_step,
         oidc_subject, failures, locked_until, created_by, created_at, updated_at"
    };
}

/// Keeps a new account.
///
/// # Errors
/// [`StoreError::Conflict`] when the network has an account with this address already.
pub async fn create(tx: &mut Tx, person: &Person) -> Result<(), StoreError> {
    const SQL: &str = concat!(
        "insert into person (",
        columns!(),
        ") values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"
    );
    let sealed_totp = person
        .sealed_totp
        .as_ref()
        .map(|sealed| sealed.0.as_slice());
    run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(person.tenant))
            .bind(raw(person.id))
            .bind(&person.email)
            .bind(&person.name)
            .bind(person.language.as_str())
            .bind(person.state.as_str())
            .bind(person.password.as_ref().map(Secret::expose))
            .bind(sealed_totp)
            .bind(person.totp_step)
            .bind(person.oidc_subject.as_deref())
            .bind(i64::from(person.failures))
            .bind(person.locked_until.map(ms))
            .bind(&person.created_by)
            .bind(ms(person.created_at))
            .bind(ms(person.updated_at))
    );
    Ok(())
}

/// Counts one wrong answer at once, whatever else is tried meanwhile, and returns how many there are.
pub async fn note_failure(tx: &mut Tx, tenant: TenantId, id: PersonId) -> Result<u32, StoreError> {
    const SQL: &str = "update person set failures = failures + 1
        where tenant_id = $1 and person_id = $2 returning failures";
    let failures: Option<i64> = on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(raw(tenant))
        .bind(raw(id))
        .fetch_optional(conn)
        .await?);
    Ok(u32::try_from(failures.unwrap_or_default()).unwrap_or(u32::MAX))
}

/// Forgets the wrong answers, or tries nothing more until an instant.
pub async fn set_lock(
    tx: &mut Tx,
    tenant: TenantId,
    id: PersonId,
    failures: u32,
    locked_until: Option<Timestamp>,
) -> Result<(), StoreError> {
    const SQL: &str = "update person set failures = $3, locked_until = $4
        where tenant_id = $1 and person_id = $2";
    run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(raw(id))
            .bind(i64::from(failures))
            .bind(locked_until.map(ms))
    );
    Ok(())
}

/// Uses a step of the second factor up. Returns whether it was still to be used: of two requests
/// with one code, one is served.
pub async fn use_totp_step(
    tx: &mut Tx,
    tenant: TenantId,
    id: PersonId,
    step: i64,
) -> Result<bool, StoreError> {
    const SQL: &str = "update person set totp_step = $3
        where tenant_id = $1 and person_id = $2 and totp_step < $3";
    let done = run!(
        tx,
        sqlx::query(SQL).bind(raw(tenant)).bind(raw(id)).bind(step)
    );
    Ok(done > 0)
}

/// Returns an account of this network.
pub async fn find(
    tx: &mut Tx,
    tenant: TenantId,
    id: PersonId,
) -> Result<Option<Person>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from person where tenant_id = $1 and person_id = $2"
    );
    let row: Option<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(raw(id))
        .fetch_optional(conn)
        .await?);
    row.map(Person::try_from).transpose()
}

/// Returns an account and keeps others from changing it until the transaction ends.
pub async fn find_for_update(
    tx: &mut Tx,
    tenant: TenantId,
    id: PersonId,
) -> Result<Option<Person>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from person where tenant_id = $1 and person_id = $2 for update"
    );
    match &mut tx.engine {
        // The write lock is held since `begin immediate`.
        Engine::Sqlite(_) => find(tx, tenant, id).await,
        Engine::Postgres(conn) => {
            let row: Option<Row> = sqlx::query_as(SQL)
                .bind(raw(tenant))
                .bind(raw(id))
                .fetch_optional(&mut **conn)
                .await?;
            row.map(Person::try_from).transpose()
        }
    }
}

/// Lists the accounts of a network by name.
pub async fn list(tx: &mut Tx, tenant: TenantId) -> Result<Vec<Person>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from person where tenant_id = $1 order by name, person_id"
    );
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .fetch_all(conn)
        .await?);
    rows.into_iter().map(Person::try_from).collect()
}

/// Returns the accounts with this address, of any network: this is what tells the network.
pub async fn with_email(tx: &mut Tx, email: &str) -> Result<Vec<Person>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from person where email = $1 order by tenant_id, person_id limit 20"
    );
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(email)
        .fetch_all(conn)
        .await?);
    rows.into_iter().map(Person::try_from).collect()
}

/// Returns the accounts of this subject of a provider of identities, of any network.
pub async fn with_subject(tx: &mut Tx, subject: &str) -> Result<Vec<Person>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from person where oidc_subject = $1 and oidc_subject is not null
        order by tenant_id, person_id limit 20"
    );
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(subject)
        .fetch_all(conn)
        .await?);
    rows.into_iter().map(Person::try_from).collect()
}

type GrantRow = (Uuid, String, String, Uuid, String, i64);

fn grant(
    (person, role, scope, scope_id, granted_by, granted_at): GrantRow,
) -> Result<(PersonId, Grant), StoreError> {
    let at = At {
        table: "person_role",
        row: &person,
    };
    let scope = match scope.as_str() {
        "network" => Scope::Network,
        "cfa" => Scope::Cfa(scope_id.into()),
        "site" => Scope::Site(scope_id.into()),
        _ => return Err(at.corrupt("scope")),
    };
    let grant = Grant {
        role: at.word("role", &role)?,
        scope,
        granted_by,
        granted_at: at.instant("granted_at", granted_at)?,
    };
    Ok((person.into(), grant))
}

/// Lists what everyone of a network may do and where.
pub async fn grants(tx: &mut Tx, tenant: TenantId) -> Result<Vec<(PersonId, Grant)>, StoreError> {
    const SQL: &str = "select person_id, role, scope, scope_id, granted_by, granted_at
        from person_role where tenant_id = $1 order by person_id, role, scope_id";
    let rows: Vec<GrantRow> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .fetch_all(conn)
        .await?);
    rows.into_iter().map(grant).collect()
}

/// Lists what one person may do and where.
pub async fn grants_of(
    tx: &mut Tx,
    tenant: TenantId,
    id: PersonId,
) -> Result<Vec<Grant>, StoreError> {
    const SQL: &str = "select person_id, role, scope, scope_id, granted_by, granted_at
        from person_role where tenant_id = $1 and person_id = $2 order by role, scope_id";
    let rows: Vec<GrantRow> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(raw(id))
        .fetch_all(conn)
        .await?);
    rows.into_iter()
        .map(|row| grant(row).map(|(_, grant)| grant))
        .collect()
}

/// Gives a person exactly these roles.
pub async fn set_grants(
    tx: &mut Tx,
    tenant: TenantId,
    id: PersonId,
    grants: &[Grant],
) -> Result<(), StoreError> {
    const FORGET: &str = "delete from person_role where tenant_id = $1 and person_id = $2";
    const SQL: &str = "insert into person_role
            (tenant_id, person_id, role, scope, scope_id, granted_by, granted_at)
        values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing";
    run!(tx, sqlx::query(FORGET).bind(raw(tenant)).bind(raw(id)));
    for grant in grants {
        run!(
            tx,
            sqlx::query(SQL)
                .bind(raw(tenant))
                .bind(raw(id))
                .bind(grant.role.as_str())
                .bind(grant.scope.word())
                .bind(grant.scope.id())
                .bind(&grant.granted_by)
                .bind(ms(grant.granted_at))
        );
    }
    Ok(())
}

/// Gives a person these recovery codes, by their SHA-256, and no other.
pub async fn set_recovery(
    tx: &mut Tx,
    tenant: TenantId,
    id: PersonId,
    hashes: &[[u8; 32]],
) -> Result<(), StoreError> {
    const FORGET: &str = "delete from recovery_code where tenant_id = $1 and person_id = $2";
    const SQL: &str = "insert into recovery_code (tenant_id, person_id, hash) values ($1, $2, $3)";
    run!(tx, sqlx::query(FORGET).bind(raw(tenant)).bind(raw(id)));
    for hash in hashes {
        run!(
            tx,
            sqlx::query(SQL)
                .bind(raw(tenant))
                .bind(raw(id))
                .bind(hash.as_slice())
        );
    }
    Ok(())
}

/// Uses a recovery code up. Returns whether there was one.
pub async fn use_recovery(
    tx: &mut Tx,
    tenant: TenantId,
    id: PersonId,
    hash: &[u8; 32],
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "update recovery_code set used_at = $4
        where tenant_id = $1 and person_id = $2 and hash = $3 and used_at is null";
    let done = run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(raw(id))
            .bind(hash.as_slice())
            .bind(ms(now))
    );
    Ok(done > 0)
}

/// Returns how many recovery codes are left.
pub async fn recovery_left(tx: &mut Tx, tenant: TenantId, id: PersonId) -> Result<u32, StoreError> {
    const SQL: &str = "select count(*) from recovery_code
        where tenant_id = $1 and person_id = $2 and used_at is null";
    let left: i64 = on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(raw(tenant))
        .bind(raw(id))
        .fetch_one(conn)
        .await?);
    Ok(u32::try_from(left).unwrap_or(u32::MAX))
}
