//! Why the store could not answer.

use thiserror::Error;

/// A failure of the store. Nothing of the transaction it happened in remains.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The address of the database is none we know, or a setting is out of bounds.
    #[error("database configuration: {0}")]
    Configuration(String),
    /// The database cannot be reached, is overloaded, or gave up on a lock: the same call may
    /// succeed later.
    #[error("the database is unavailable: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// A row that must be unique exists already, or changed under the caller.
    #[error("conflict: {0}")]
    Conflict(&'static str),
    /// A row cannot be a value of the domain.
    #[error("corrupt row in {table}.{column}: {row}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// Which row, by its identifier.
        row: String,
    },
    /// The schema is newer than this program, half migrated or changed by hand.
    #[error("schema: {0}")]
    Migration(String),
    /// The master key does not open this database.
    #[error(
        "the master key {given} does not open this database, which was sealed with the key {expected}"
    )]
    WrongMasterKey {
        /// The identifier of the key the database was sealed with.
        expected: String,
        /// The identifier of the key that was given.
        given: String,
    },
    /// The network has no key, so it does not exist.
    #[error("unknown network")]
    UnknownTenant,
    /// Something sealed could not be opened or sealed.
    #[error(transparent)]
    Seal(#[from] crate::sealing::SealError),
    /// The database refused a statement: a fault of the program or of the schema.
    #[error("database: {0}")]
    Database(#[source] sqlx::Error),
}

impl StoreError {
    /// Returns whether the same call may succeed later without anyone changing anything.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    /// Returns whether no connection was to be had in time: whoever asks next waits as long.
    pub fn is_out_of_reach(&self) -> bool {
        matches!(self, Self::Unavailable(sqlx::Error::PoolTimedOut))
    }

    /// Returns whether the transaction lost a race with another one and may simply be tried again.
    pub(crate) fn is_lost_race(&self) -> bool {
        match self {
            Self::Unavailable(sqlx::Error::Database(error)) => {
                matches!(error.code().as_deref(), Some(DEADLOCK | SERIALIZATION))
            }
            _ => false,
        }
    }
}

/// PostgreSQL's `deadlock_detected`.
const DEADLOCK: &str = "40P01";
/// PostgreSQL's `serialization_failure`.
const SERIALIZATION: &str = "40001";

/// PostgreSQL's classes of passing trouble: connection, resources, operator intervention, system.
const PASSING_CLASSES: [&str; 4] = ["08", "53", "57", "58"];
/// SQLite's passing trouble: busy, locked, read-only file, input/output, full disk, file that cannot
/// be opened (primary codes).
const PASSING_SQLITE: [i64; 6] = [5, 6, 8, 10, 13, 14];

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) => {
                if database.is_unique_violation() {
                    return Self::Conflict("the row exists already");
                }
                let code = database.code().unwrap_or_default();
                let passing = code == DEADLOCK
                    || code == SERIALIZATION
                    || PASSING_CLASSES
                        .iter()
                        .any(|class| code.len() == 5 && code.starts_with(class))
                    || code.parse::<i64>().is_ok_and(|code| {
                        // SQLite's extended codes keep the primary one in the low byte.
                        code < 10_000 && PASSING_SQLITE.contains(&(code & 0xff))
                    });
                if passing {
                    Self::Unavailable(error)
                } else {
                    Self::Database(error)
                }
            }
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            // A connection on which SQLite took a transaction back by itself: the next one is whole.
            | sqlx::Error::BeginFailed
            | sqlx::Error::InvalidSavePointStatement
            | sqlx::Error::WorkerCrashed => Self::Unavailable(error),
            _ => Self::Database(error),
        }
    }
}

impl From<sqlx::migrate::MigrateError> for StoreError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        use sqlx::migrate::MigrateError;
        match error {
            MigrateError::VersionMissing(version) => Self::Migration(format!(
                "the database carries migration {version}, which this program does not know: \
                 it was written by a newer one"
            )),
            MigrateError::Dirty(version) => Self::Migration(format!(
                "migration {version} was begun and not finished: restore the backup taken before it"
            )),
            MigrateError::VersionMismatch(version) => Self::Migration(format!(
                "migration {version} was applied with other contents than this program's"
            )),
            MigrateError::Execute(error) => error.into(),
            other => Self::Migration(other.to_string()),
        }
    }
}
