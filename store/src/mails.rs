//! Mails on their way: kept until the mail server has taken them, whoever sends them. Who reads one is looked
//! at again when it is taken to be sent: a mail may wait for days, and nobody gets what they may no longer see.

use domain::id::{MailId, PersonId, TenantId};
use domain::person::{PersonState, Right};
use domain::{Siret, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::column::{At, ms, raw};
use crate::error::StoreError;
use crate::people;
use crate::pool::{Engine, Store, Tx, run};
use crate::tenants;

/// Why a mail is not sent: its reader's account is closed, or gone.
pub const NOBODY: &str = "nobody";
/// Why a mail is not sent: its reader may no longer see what it tells.
pub const NO_RIGHT: &str = "no_right";
/// The most mails one sender takes at once.
const MAX_CLAIM: u32 = 50;

/// A mail to one person; the address is the person's when it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Whose network.
    pub tenant: TenantId,
    /// Its name: also the one by which a mail server knows a second copy.
    pub id: MailId,
    /// To whom.
    pub person: PersonId,
    /// Its subject.
    pub title: String,
    /// Its text.
    pub body: String,
    /// What its reader must still be allowed to see when it leaves.
    pub needs: Vec<Need>,
    /// How often sending it was begun.
    pub tries: u32,
    /// Since when it is to be sent.
    pub created_at: Timestamp,
}

/// A right that a mail tells something of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    /// The right.
    pub right: Right,
    /// The site it is about; none for what is about the network, which a role anywhere may see.
    pub site: Option<Siret>,
}

/// Mails that were taken.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Taken {
    /// Those to send, each with the address of its reader.
    pub due: Vec<(Mail, String)>,
    /// Why the others are not sent, by the stable words of [`Outcome::GivenUp`].
    pub dropped: Vec<(MailId, &'static str)>,
}

/// What came of a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The mail server took it.
    Sent,
    /// It did not, and may later.
    Later(Timestamp),
    /// It never will, or there is nobody to send it to: a stable word.
    GivenUp(&'static str),
}

#[derive(sqlx::FromRow)]
struct Row {
    tenant_id: Uuid,
    mail_id: Uuid,
    person_id: Uuid,
    title: String,
    body: String,
    needs: String,
    tries: i64,
    created_at: i64,
}

impl TryFrom<Row> for Mail {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let at = At {
            table: "mail",
            row: &row.mail_id,
        };
        Ok(Self {
            tenant: row.tenant_id.into(),
            id: row.mail_id.into(),
            person: row.person_id.into(),
            needs: serde_json::from_str(&row.needs).map_err(|_| at.corrupt("needs"))?,
            tries: at.number("tries", row.tries)?,
            created_at: at.instant("created_at", row.created_at)?,
            title: row.title,
            body: row.body,
        })
    }
}

/// Keeps a mail to be sent.
pub async fn enqueue(tx: &mut Tx, mail: &Mail) -> Result<(), StoreError> {
    const SQL: &str =
        "insert into mail (tenant_id, mail_id, person_id, title, body, needs, tries, due_at,
            created_at) values ($1, $2, $3, $4, $5, $6, 0, $7, $7)";
    // Closed words and digits: writing them cannot fail.
    let needs = serde_json::to_string(&mail.needs).unwrap_or_default();
    run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(mail.tenant))
            .bind(raw(mail.id))
            .bind(raw(mail.person))
            .bind(&mail.title)
            .bind(&mail.body)
            .bind(needs)
            .bind(ms(mail.created_at))
    );
    Ok(())
}

/// Keeps what came of a try, if it is still this sender's.
pub async fn settle(
    tx: &mut Tx,
    mail: &Mail,
    owner: &str,
    outcome: Outcome,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "update mail set due_at = $4, outcome = $5, ended_at = $6, lease_owner = null
        where tenant_id = $1 and mail_id = $2 and lease_owner = $3";
    let (due, word, ended) = match outcome {
        Outcome::Sent => (None, Some("sent"), Some(now)),
        Outcome::Later(at) => (Some(at), None, None),
        Outcome::GivenUp(why) => (None, Some(why), Some(now)),
    };
    let done = run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(mail.tenant))
            .bind(raw(mail.id))
            .bind(owner)
            .bind(due.map(ms))
            .bind(word)
            .bind(ended.map(ms))
    );
    Ok(done > 0)
}

/// Lets go of what came to its end before an instant.
pub async fn forget(tx: &mut Tx, tenant: TenantId, before: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "delete from mail where tenant_id = $1 and ended_at < $2";
    run!(tx, sqlx::query(SQL).bind(raw(tenant)).bind(ms(before)));
    Ok(())
}

impl Store {
    /// Takes mails that are due, for `owner` until `until`. One whose lease ran out is due again: whether
    /// it was sent nobody knows, and its name lets a mail server drop a second copy. One whose reader's account
    /// is closed, or who lost the right to what it tells, comes to its end in the same transaction.
    pub async fn claim_mails(
        &self,
        now: Timestamp,
        until: Timestamp,
        owner: &str,
        limit: u32,
    ) -> Result<Taken, StoreError> {
        macro_rules! sql {
            ($lock:literal) => {
                concat!(
                    "update mail set due_at = $2, lease_owner = $3, tries = tries + 1
                     where (tenant_id, mail_id) in (
                        select tenant_id, mail_id from mail where due_at <= $1
                        order by due_at limit $4",
                    $lock,
                    ") returning tenant_id, mail_id, person_id, title, body, needs, tries, created_at"
                )
            };
        }
        macro_rules! fetch {
            ($sql:expr, $conn:expr) => {
                sqlx::query_as($sql)
                    .bind(ms(now))
                    .bind(ms(until))
                    .bind(owner)
                    .bind(i64::from(limit.min(MAX_CLAIM)))
                    .fetch_all(&mut **$conn)
                    .await?
            };
        }
        // Most rounds find nothing: a reader sees that without the writer's lock.
        let mut tx = self.reading().await?;
        if !is_due(&mut tx, now).await? {
            return Ok(Taken::default());
        }
        drop(tx);
        let mut tx = self.writing().await?;
        let rows: Vec<Row> = match &mut tx.engine {
            Engine::Sqlite(conn) => fetch!(sql!(""), conn),
            Engine::Postgres(conn) => fetch!(sql!(" for update skip locked"), conn),
        };
        let mut taken = Taken::default();
        let mut unread = None;
        for row in rows {
            let mail = match Mail::try_from(row) {
                Ok(mail) => mail,
                // Taken all the same: those behind it, of every network, do not wait for it.
                Err(error) => {
                    unread = Some(error);
                    continue;
                }
            };
            match reader(&mut tx, &mail).await? {
                Ok(address) => taken.due.push((mail, address)),
                Err(why) => {
                    settle(&mut tx, &mail, owner, Outcome::GivenUp(why), now).await?;
                    taken.dropped.push((mail.id, why));
                }
            }
        }
        tx.commit().await?;
        unread.map_or(Ok(taken), Err)
    }
}

/// Returns the address of who reads a mail, or why nobody may.
async fn reader(tx: &mut Tx, mail: &Mail) -> Result<Result<String, &'static str>, StoreError> {
    let person = people::find(tx, mail.tenant, mail.person).await?;
    let Some(person) = person.filter(|person| person.state == PersonState::Active) else {
        return Ok(Err(NOBODY));
    };
    if !mail.needs.is_empty() {
        let grants = people::grants_of(tx, mail.tenant, mail.person).await?;
        let sites = tenants::sites(tx, mail.tenant).await?;
        let may = |need: &Need| people::may(&grants, &sites, need.right, need.site.as_ref());
        if !mail.needs.iter().all(may) {
            return Ok(Err(NO_RIGHT));
        }
    }
    Ok(Ok(person.email))
}

async fn is_due(tx: &mut Tx, now: Timestamp) -> Result<bool, StoreError> {
    const SQL: &str = "select count(*) from (select 1 from mail where due_at <= $1 limit 1) found";
    let found: i64 = crate::pool::on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(ms(now))
        .fetch_one(conn)
        .await?);
    Ok(found > 0)
}
