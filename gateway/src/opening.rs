//! Opening what the gateway remembers: the master key's source and the rules of a first start.
//!
//! A first start on SQLite makes its own key; whenever something is sealed already, or the database is
//! a server's, the key must be given: a new one would open nothing.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use domain::Secret;
use serde::{Deserialize, Serialize};
use store::{MasterKey, Sealer, Store, StoreConfig, StoreError};
use zeroize::Zeroizing;

use crate::config::{MaskedUrl, Problem, within};

/// How long the command that prints the key may take.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(30);

/// How often a command that still runs is looked at.
const COMMAND_LOOK: Duration = Duration::from_millis(20);

/// The most that the command may print.
const COMMAND_BYTES_MAX: u64 = 64 * 1024;

/// No key in base64 is longer; what is longer is something else.
const KEY_TEXT_BYTES_MAX: u64 = 1024;

/// The section `[database]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// `sqlite:PATH` or `postgres://…`.
    pub url: MaskedUrl,
    /// Connections open at the same time: those that read on SQLite, all of them on PostgreSQL.
    pub connections_max: u32,
}

/// The section `[master_key]`: one source, looked at in this order.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MasterKeySource {
    /// The key itself, 32 bytes in base64.
    pub value: Option<Secret>,
    /// A command that prints it: program, then arguments.
    pub command: Option<Vec<String>>,
    /// A file that holds it.
    pub file: Option<PathBuf>,
}

/// The master key, and whether it was made just now.
#[derive(Debug)]
pub struct FoundKey {
    /// The key.
    pub key: MasterKey,
    /// Where it was written, when this start made it.
    pub created: Option<PathBuf>,
}

/// An open store, and whether this start made its key.
#[derive(Debug)]
pub struct Opened {
    /// Everything remembered.
    pub store: Store,
    /// Where the master key was written, when this start made it.
    pub created: Option<PathBuf>,
}

/// Why nothing could be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpeningError {
    /// There is no master key to start with.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The store does not open.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The database's folder cannot be made.
    #[error("{folder} : {source}")]
    Folder {
        /// Which folder.
        folder: String,
        /// Why.
        source: std::io::Error,
    },
}

/// Finds or makes the master key, opens the database and brings it up to date.
pub async fn open(
    database: &Database,
    master_key: &MasterKeySource,
) -> Result<Opened, OpeningError> {
    let FoundKey { key, created } = master_key.find(database)?;
    if let Some(folder) = database.sqlite_file().and_then(Path::parent)
        && !folder.as_os_str().is_empty()
    {
        private_folder(folder).map_err(|source| OpeningError::Folder {
            folder: folder.display().to_string(),
            source,
        })?;
    }
    let config = StoreConfig {
        url: database.url.expose().to_owned(),
        max_connections: database.connections_max,
    };
    let store = Store::open(&config, Sealer::new(key)).await?;
    Ok(Opened { store, created })
}

/// Why there is no master key to start with.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Something may be sealed already, and no key is there to open it.
    #[error("{}", match .file {
        Some(file) => format!("clé maîtresse absente : {} n'existe pas", file.display()),
        None => "clé maîtresse absente : aucune source n'est réglée".to_owned(),
    })]
    Missing {
        /// The file looked for.
        file: Option<PathBuf>,
        /// Whether the database is PostgreSQL, where no start makes a key.
        postgres: bool,
    },
    /// The source is there and gives no key.
    #[error("clé maîtresse illisible ({from}) : {cause}")]
    Unreadable {
        /// Which source.
        from: String,
        /// Why.
        cause: String,
    },
}

impl Database {
    /// Returns what cannot be used.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let url = self.url.expose();
        let known = ["sqlite:", "postgres://", "postgresql://"];
        let mut problems = Vec::new();
        if !known.iter().any(|scheme| url.starts_with(scheme)) {
            let said = "doit commencer par sqlite: ou postgres://";
            problems.push(Problem::new("database.url", said));
        }
        problems.extend(within(
            "database.connections_max",
            u64::from(self.connections_max),
            1,
            500,
        ));
        problems
    }

    /// Returns the SQLite file, when the database is one.
    pub fn sqlite_file(&self) -> Option<&Path> {
        let rest = self.url.expose().strip_prefix("sqlite:")?;
        let rest = rest.strip_prefix("//").unwrap_or(rest);
        Some(Path::new(rest.split('?').next().unwrap_or_default()))
    }

    /// Returns whether the database is a file that does not exist yet.
    pub fn is_absent(&self) -> bool {
        !self.may_hold_something()
    }

    /// Returns whether something may be sealed in it already. A server is never taken for new.
    fn may_hold_something(&self) -> bool {
        self.sqlite_file().is_none_or(|file| {
            let log = PathBuf::from(format!("{}-wal", file.display()));
            [file, &log]
                .into_iter()
                .any(|file| file.metadata().is_ok_and(|is| is.len() > 0))
        })
    }
}

impl MasterKeySource {
    /// Returns what cannot be used.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        if self.command.as_ref().is_some_and(Vec::is_empty) {
            return vec![Problem::new("master_key.command", "il manque le programme")];
        }
        Vec::new()
    }

    /// Finds the master key, or makes one where nothing can be sealed yet.
    ///
    /// The file is written and synced before the database exists: a start cut short between the two
    /// leaves a key without a database, which the next start takes, never the reverse.
    pub fn find(&self, database: &Database) -> Result<FoundKey, KeyError> {
        if let Some(value) = &self.value {
            return found(value.expose(), "master_key.value");
        }
        if let Some(command) = &self.command {
            return found(&printed_by(command, COMMAND_TIMEOUT)?, "master_key.command");
        }
        let postgres = database.sqlite_file().is_none();
        let missing = || KeyError::Missing {
            file: self.file.clone(),
            postgres,
        };
        let file = self.file.as_deref().ok_or_else(missing)?;
        let from = file.display().to_string();
        match File::open(file) {
            Ok(opened) => {
                let mut text = Zeroizing::new(String::new());
                opened
                    .take(KEY_TEXT_BYTES_MAX)
                    .read_to_string(&mut text)
                    .map_err(|error| unreadable(&from, error))?;
                found(&text, &from)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                if database.may_hold_something() {
                    return Err(missing());
                }
                let key = make(file).map_err(|error| unreadable(&from, error))?;
                Ok(FoundKey {
                    key,
                    created: Some(file.to_owned()),
                })
            }
            Err(error) => Err(unreadable(&from, error)),
        }
    }

    /// Returns whether the key would come from a file that does not exist yet.
    pub fn is_absent(&self) -> bool {
        self.value.is_none()
            && self.command.is_none()
            && self.file.as_deref().is_none_or(|file| !file.exists())
    }

    /// Returns whether others than the owner may read the key's file.
    pub fn is_readable_by_others(&self) -> bool {
        let (None, None, Some(file)) = (&self.value, &self.command, &self.file) else {
            return false;
        };
        file.metadata()
            .is_ok_and(|is| is.permissions().mode() & 0o077 != 0)
    }
}

impl KeyError {
    /// Returns what to do about it, in French.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Missing { postgres: true, .. } => {
                "sur PostgreSQL la clé se donne toujours : en créer une (`openssl rand -base64 32`), \
                 la garder hors de la base, et la fournir par master_key.file, \
                 CFA_GATEWAY__MASTER_KEY__VALUE ou master_key.command"
            }
            Self::Missing { .. } => {
                "cette base contient déjà des données scellées : remettre le fichier de clé \
                 d'origine (sauvegarde), ou régler master_key.file ; une clé neuve n'ouvrirait rien"
            }
            Self::Unreadable { .. } => "la clé est un texte base64 de 32 octets, sur une ligne",
        }
    }
}

fn found(text: &str, from: &str) -> Result<FoundKey, KeyError> {
    match MasterKey::from_base64(text) {
        Ok(key) => Ok(FoundKey { key, created: None }),
        // The cause is not quoted: a decoder's message would show a part of the key.
        Err(_) => Err(unreadable(
            from,
            "ce n'est pas un texte base64 de 32 octets",
        )),
    }
}

fn unreadable(from: &str, cause: impl std::fmt::Display) -> KeyError {
    KeyError::Unreadable {
        from: from.to_owned(),
        cause: cause.to_string(),
    }
}

/// Runs the command that prints the key, within a time and a size: a start must not hang on it.
fn printed_by(command: &[String], within: Duration) -> Result<Zeroizing<String>, KeyError> {
    let from = "master_key.command";
    let [program, arguments @ ..] = command else {
        return Err(unreadable(from, "il manque le programme"));
    };
    let refused = |said: String| unreadable(from, format!("{program} {said}"));
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .map_err(|error| refused(format!(": {error}")))?;
    let ran = heard(&mut child, within);
    if !matches!(ran, Ok((_, Some(_)))) {
        // It may have ended meanwhile; either way nothing is left of it.
        let _ = child.kill();
        let _ = child.wait();
    }
    let late = || refused(format!("n'a pas fini en {} s", within.as_secs()));
    let (text, status) = ran.map_err(|error| refused(format!(": {error}")))?;
    let text = text.ok_or_else(late)?;
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > COMMAND_BYTES_MAX {
        let kib = COMMAND_BYTES_MAX / 1024;
        return Err(refused(format!("a écrit plus de {kib} Kio")));
    }
    let status = status.ok_or_else(late)?;
    if !status.success() {
        return Err(refused(format!("a échoué ({status})")));
    }
    std::str::from_utf8(&text)
        .map(|text| Zeroizing::new(text.to_owned()))
        .map_err(|_| refused("n'a pas écrit du texte".to_owned()))
}

/// What a command wrote, unless it was still writing at the end of its time, and how it ended.
type Heard = (Option<Zeroizing<Vec<u8>>>, Option<ExitStatus>);

/// Listens to a command until it ends, says too much or its time is up.
fn heard(child: &mut Child, within: Duration) -> std::io::Result<Heard> {
    let (said, hears) = mpsc::channel();
    if let Some(output) = child.stdout.take() {
        // A child of the command may keep the pipe open: the thread is left to itself then.
        std::thread::spawn(move || {
            let mut text = Zeroizing::new(Vec::new());
            let read = output.take(COMMAND_BYTES_MAX + 1).read_to_end(&mut text);
            // Nobody listens any more once the time is up.
            let _ = said.send(read.map(|_| text));
        });
    }
    let begun = std::time::Instant::now();
    let text = match hears.recv_timeout(within) {
        Ok(read) => read?,
        Err(_) => return Ok((None, None)),
    };
    loop {
        let status = child.try_wait()?;
        if status.is_some() || begun.elapsed() >= within {
            return Ok((Some(text), status));
        }
        if u64::try_from(text.len()).unwrap_or(u64::MAX) > COMMAND_BYTES_MAX {
            return Ok((Some(text), None));
        }
        std::thread::sleep(COMMAND_LOOK);
    }
}

/// Makes a folder that only its owner enters; one that exists stays as it is.
pub(crate) fn private_folder(folder: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
}

/// Writes a new key to `file`, for the owner only, and syncs file and folder.
fn make(file: &Path) -> std::io::Result<MasterKey> {
    let key = MasterKey::generate().map_err(std::io::Error::other)?;
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    private_folder(folder)?;
    let mut written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)?;
    writeln!(written, "{}", key.to_base64().expose())?;
    written.sync_all()?;
    File::open(folder)?.sync_all()?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

    struct Place(PathBuf);

    impl Place {
        fn new() -> Self {
            let dir = std::env::temp_dir().join(format!("cfa-opening-{}", uuid::Uuid::now_v7()));
            Self(dir)
        }
        fn database(&self) -> Database {
            let url = format!("sqlite:{}/gateway.db", self.0.display());
            Database {
                url: MaskedUrl::new(url),
                connections_max: 1,
            }
        }
        fn source(&self) -> MasterKeySource {
            MasterKeySource {
                value: None,
                command: None,
                file: Some(self.0.join("master.key")),
            }
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            drop(std::fs::remove_dir_all(&self.0));
        }
    }

    #[test]
    fn a_first_start_makes_a_key_for_its_owner_only_and_the_next_finds_it() {
        let place = Place::new();
        let made = place.source().find(&place.database()).unwrap();
        let file = made.created.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!place.source().is_readable_by_others());
        std::fs::write(place.0.join("gateway.db"), "something").unwrap();
        let again = place.source().find(&place.database()).unwrap();
        assert_eq!(again.created, None);
        assert_eq!(again.key.id(), made.key.id());
    }

    #[test]
    fn an_existing_database_without_its_key_is_refused() {
        for trace in ["gateway.db", "gateway.db-wal"] {
            let place = Place::new();
            std::fs::create_dir_all(&place.0).unwrap();
            std::fs::write(place.0.join(trace), "something").unwrap();
            let error = place.source().find(&place.database()).unwrap_err();
            assert!(
                matches!(
                    error,
                    KeyError::Missing {
                        postgres: false,
                        ..
                    }
                ),
                "{error}"
            );
            assert!(!place.0.join("master.key").exists());
        }
    }

    #[test]
    fn postgresql_never_gets_a_key_of_our_making() {
        let place = Place::new();
        let url = MaskedUrl::new("postgres://h/b");
        let error = place
            .source()
            .find(&Database {
                url,
                connections_max: 1,
            })
            .unwrap_err();
        assert!(
            matches!(error, KeyError::Missing { postgres: true, .. }),
            "{error}"
        );
        assert!(!place.0.exists());
    }

    #[test]
    fn a_key_comes_from_a_value_or_a_command_too() {
        let place = Place::new();
        let value = MasterKeySource {
            value: Some(Secret::new(KEY)),
            command: None,
            file: None,
        };
        assert_eq!(
            value.find(&place.database()).unwrap().key.id(),
            MasterKey::from_base64(KEY).unwrap().id()
        );
        let command = vec!["echo".to_owned(), KEY.to_owned()];
        let command = MasterKeySource {
            value: None,
            command: Some(command),
            file: None,
        };
        assert_eq!(
            command.find(&place.database()).unwrap().key.id(),
            MasterKey::from_base64(KEY).unwrap().id()
        );
        let fails = MasterKeySource {
            command: Some(vec!["false".to_owned()]),
            ..command
        };
        assert!(matches!(
            fails.find(&place.database()),
            Err(KeyError::Unreadable { .. })
        ));
    }

    #[test]
    fn a_command_that_hangs_or_never_stops_printing_is_stopped() {
        let command = |words: &[&str]| -> Vec<String> {
            words.iter().map(|word| (*word).to_owned()).collect()
        };
        let silent = printed_by(&command(&["sleep", "600"]), Duration::from_millis(50));
        let error = silent.unwrap_err().to_string();
        assert!(error.contains("sleep n'a pas fini en"), "{error}");
        let quiet = command(&["sh", "-c", "exec >&-; exec sleep 600"]);
        let error = printed_by(&quiet, Duration::from_millis(50)).unwrap_err();
        assert!(error.to_string().contains("n'a pas fini en"), "{error}");
        let error = printed_by(&command(&["yes"]), COMMAND_TIMEOUT).unwrap_err();
        assert!(error.to_string().contains("plus de 64 Kio"), "{error}");
    }

    #[test]
    fn what_is_no_key_is_refused_without_showing_it() {
        let place = Place::new();
        for bad in ["canary", "", "Y2FuYXJ5", &format!("{KEY}{KEY}")] {
            let source = MasterKeySource {
                value: Some(Secret::new(bad)),
                command: None,
                file: None,
            };
            let error = source.find(&place.database()).unwrap_err();
            assert!(!error.to_string().contains("canary"), "{error}");
        }
    }
}
