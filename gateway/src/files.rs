//! The files of payloads: where they are kept, and what nobody needs any more.

mod held;
pub(crate) mod outgoing;

use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::Secret;
use serde::{Deserialize, Serialize};
use store::{Bucket, FileError, Files, FilesConfig, StoreError};

pub(crate) use self::held::{Held, Pledged};
pub(crate) use self::outgoing::Outgoing;

use crate::app::App;
use crate::config::{MaskedUrl, Problem, within};
use crate::opening::Database;
use crate::pause;

/// How often the storage is swept, on the gateway's clock.
const EVERY: Duration = Duration::from_hours(1);
/// Where files are, beside the SQLite file.
const FOLDER: &str = "files";
/// Where files are when the database is a server.
const DEFAULT_FOLDER: &str = "data/files";
/// The largest file may be allowed to have so many bytes.
const BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// The section `[files]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The folder; absent, `files` beside the SQLite file.
    pub folder: Option<PathBuf>,
    /// The largest file, in bytes.
    pub bytes_max: u64,
    /// How long a whole upload may take, in seconds.
    pub seconds_max: u64,
    /// S3-compatible storage instead of the folder.
    pub s3: Option<S3>,
}

/// The section `[files.s3]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3 {
    /// The bucket.
    pub bucket: String,
    /// The region.
    pub region: String,
    /// The service's address; absent, Amazon's.
    pub endpoint: Option<MaskedUrl>,
    /// The name of the key.
    pub access_key_id: Secret,
    /// The key.
    pub secret_access_key: Secret,
}

impl Settings {
    /// Returns the settings as the store takes them.
    pub(crate) fn config(&self, database: &Database) -> FilesConfig {
        let beside = || {
            let file = database.sqlite_file()?;
            Some(file.parent().unwrap_or(Path::new("")).join(FOLDER))
        };
        let folder = self.folder.clone().or_else(beside);
        FilesConfig {
            folder: folder.unwrap_or_else(|| DEFAULT_FOLDER.into()),
            bucket: self.s3.as_ref().map(|s3| Bucket {
                name: s3.bucket.clone(),
                endpoint: s3.endpoint.as_ref().map(|url| url.expose().to_owned()),
                region: s3.region.clone(),
                access_key_id: s3.access_key_id.clone(),
                secret_access_key: s3.secret_access_key.clone(),
            }),
        }
    }

    /// Opens the storage.
    pub(crate) fn open(&self, database: &Database) -> Result<Files, FileError> {
        Files::open(&self.config(database))
    }

    /// Returns what cannot be used.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let mut problems: Vec<Problem> = [
            within("files.bytes_max", self.bytes_max, 1024, BYTES_MAX),
            within("files.seconds_max", self.seconds_max, 1, 3_600),
        ]
        .into_iter()
        .flatten()
        .collect();
        let Some(s3) = &self.s3 else {
            return problems;
        };
        for (key, text) in [
            ("files.s3.bucket", s3.bucket.as_str()),
            ("files.s3.region", &s3.region),
            ("files.s3.access_key_id", s3.access_key_id.expose()),
            ("files.s3.secret_access_key", s3.secret_access_key.expose()),
        ] {
            if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
                problems.push(Problem::new(
                    key,
                    "il faut un texte ASCII non vide, sans espace",
                ));
            }
        }
        let is_url = |url: &MaskedUrl| {
            reqwest::Url::parse(url.expose())
                .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        };
        if s3.endpoint.as_ref().is_some_and(|url| !is_url(url)) {
            let said = "il faut une adresse http:// ou https:// avec un hôte";
            problems.push(Problem::new("files.s3.endpoint", said));
        }
        problems
    }
}

/// Sweeps the storage until the process is asked to stop.
pub(crate) async fn run(app: App) {
    while !app.tasks.is_stopping() {
        match app.files.sweep(&app.store, app.clock.now()).await {
            Ok(swept) if swept.shredded + swept.orphans > 0 => {
                tracing::info!(
                    files.shredded = swept.shredded,
                    files.orphans = swept.orphans,
                    "files nobody needs any more were removed"
                );
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(error = %error, "the files could not be swept"),
        }
        if let Err(error) = picture(&app).await {
            tracing::warn!(error = %error, "the files in custody could not be counted");
        }
        tokio::select! {
            () = pause::for_span(&*app.clock, EVERY) => {}
            () = app.tasks.stopping() => {}
        }
    }
}

/// Shows what is in custody to whoever reads the measures.
async fn picture(app: &App) -> Result<(), StoreError> {
    let mut tx = app.store.reading().await?;
    let (count, bytes) = store::files::in_custody(&mut tx).await?;
    app.metrics.in_custody(count, bytes);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn with(settings: &[(&str, &str)]) -> Result<Config, String> {
        let variables = settings
            .iter()
            .map(|(key, value)| (format!("CFA_GATEWAY__{key}"), (*value).to_owned()));
        Config::from_layers(None, variables.collect::<Vec<_>>()).map_err(|error| error.to_string())
    }

    fn folder(settings: &[(&str, &str)]) -> PathBuf {
        let config = with(settings).unwrap();
        config.files.config(&config.database).folder
    }

    #[test]
    fn files_are_beside_the_database_unless_told_otherwise() {
        assert_eq!(folder(&[]), Path::new("data/files"));
        assert_eq!(
            folder(&[("DATABASE__URL", "sqlite:/srv/g/x.db")]),
            Path::new("/srv/g/files")
        );
        assert_eq!(
            folder(&[("DATABASE__URL", "postgres://h/b")]),
            Path::new("data/files")
        );
        assert_eq!(
            folder(&[("FILES__FOLDER", "/mnt/partage")]),
            Path::new("/mnt/partage")
        );
    }

    #[test]
    fn the_keys_of_a_bucket_are_masked_and_its_settings_checked() {
        let bucket = [
            ("FILES__S3__BUCKET", "seau"),
            ("FILES__S3__REGION", "eu-west-3"),
            ("FILES__S3__ENDPOINT", "https://s3.exemple.fr"),
            ("FILES__S3__ACCESS_KEY_ID", "canary-id"),
            ("FILES__S3__SECRET_ACCESS_KEY", "canary-key"),
        ];
        let config = with(&bucket).unwrap();
        let printed = format!("{config:?} {}", toml::to_string(&config).unwrap());
        assert!(!printed.contains("canary"), "{printed}");
        let config = config.files.config(&config.database);
        let kept = config.bucket.as_ref().unwrap();
        assert_eq!(kept.secret_access_key.expose(), "canary-key");
        assert!(!format!("{config:?}").contains("canary"));

        let wrong = with(
            &[
                bucket.as_slice(),
                &[
                    ("FILES__S3__BUCKET", ""),
                    ("FILES__S3__ENDPOINT", "seau"),
                    ("FILES__BYTES_MAX", "3"),
                ],
            ]
            .concat(),
        )
        .unwrap_err();
        for key in ["files.s3.bucket", "files.s3.endpoint", "files.bytes_max"] {
            assert!(wrong.contains(key), "{wrong}");
        }
        assert!(with(&bucket[..1]).is_err(), "a bucket without its keys");
    }
}
