//! How a command fails: a stable word for machines, a French sentence and its remedy for people.

use std::io::Write;
use std::process::ExitCode;

use serde_json::json;
use store::StoreError;
use store::proofs::ProofError;

use crate::commands::output::Format;
use crate::opening::{KeyError, OpeningError};

/// What a process says by its exit code; the numbers above 63 are those of `sysexits.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, and the answer is yes.
    Success,
    /// Done, and the answer is no: findings, a refusal, something not found.
    Negative,
    /// Done, and what was given agrees with itself; nothing that was trusted beforehand says so.
    Unanchored,
    /// The command line makes no sense.
    Usage,
    /// What was given to read is not what it should be.
    Data,
    /// What was given to read cannot be opened.
    NoInput,
    /// Something this command needs does not answer.
    Unavailable,
    /// A fault of this program.
    Software,
    /// The answer could not be written.
    Output,
    /// The credential is missing, wrong, or not allowed to do this.
    NoPermission,
    /// The settings, the master key or the database's schema do not fit.
    Config,
}

impl Exit {
    fn number(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Negative => 1,
            Self::Usage => 2,
            Self::Unanchored => 3,
            Self::Data => 65,
            Self::NoInput => 66,
            Self::Unavailable => 69,
            Self::Software => 70,
            Self::Output => 74,
            Self::NoPermission => 77,
            Self::Config => 78,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.number())
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $exit:ident;)+) => {
        /// Every way a command can fail. The words are stable: scripts may compare them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Code {
            $($(#[$doc])* $name,)+
        }

        impl Code {
            /// Every code, in the order of `docs/cli.md`.
            #[cfg(test)]
            pub(crate) const ALL: &[Self] = &[$(Self::$name),+];

            /// Returns the stable word.
            pub(crate) fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }

            /// Returns what the process then exits with.
            pub(crate) fn exit(self) -> Exit {
                match self { $(Self::$name => Exit::$exit,)+ }
            }
        }
    };
}

codes! {
    /// The command line makes no sense.
    Usage = "usage", Usage;
    /// The settings are unreadable or unusable.
    ConfigInvalid = "reglages-refuses", Config;
    /// There is a database, or it is PostgreSQL, and no master key.
    MasterKeyMissing = "cle-maitresse-absente", Config;
    /// The master key is not the one that sealed this database.
    MasterKeyWrong = "cle-maitresse-fausse", Config;
    /// The master key's source cannot be read, or is not 32 bytes in base64.
    MasterKeyUnreadable = "cle-maitresse-illisible", Config;
    /// The database does not answer.
    StoreUnavailable = "base-indisponible", Unavailable;
    /// The database's schema is newer than this program, or was left half-way.
    StoreSchema = "base-incompatible", Config;
    /// The address to listen on is taken or not ours.
    AddressUnavailable = "adresse-indisponible", Unavailable;
    /// A file given to read cannot be opened.
    InputUnreadable = "entree-illisible", NoInput;
    /// A file or argument is not what it should be.
    InputInvalid = "entree-invalide", Data;
    /// The answer cannot be written.
    OutputFailed = "sortie-impossible", Output;
    /// The gateway's API does not answer.
    ApiUnreachable = "api-injoignable", Unavailable;
    /// The gateway's API refuses the credential.
    ApiDenied = "api-acces-refuse", NoPermission;
    /// The gateway's API refuses the request.
    ApiRefused = "api-refus", Negative;
    /// The OPCO does not answer, so nothing could be learnt.
    OpcoUnreachable = "opco-injoignable", Unavailable;
    /// The OPCO refuses the key or the software.
    OpcoRefused = "opco-refus", Negative;
    /// There is no such thing.
    NotFound = "introuvable", Negative;
    /// It exists already.
    Conflict = "existe-deja", Negative;
    /// The log was changed by hand.
    LogBroken = "journal-modifie", Negative;
    /// A fault of this program.
    Internal = "interne", Software;
}

/// Why a command could not do what was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    code: Code,
    message: String,
    remedy: Option<String>,
}

impl Failure {
    /// Fails with a French sentence, lower case and without a full stop.
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            remedy: None,
        }
    }

    /// Fails by a fault of ours, met while `doing` something (an English gerund).
    pub(crate) fn internal(doing: &str, error: impl std::fmt::Display) -> Self {
        Self::new(Code::Internal, format!("erreur interne ({doing}: {error})"))
    }

    /// Adds what the reader can do about it, in French.
    #[must_use]
    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// Returns the code.
    #[cfg(test)]
    pub(crate) fn code(&self) -> Code {
        self.code
    }

    /// Returns the sentence.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Returns what to do about it.
    pub(crate) fn advice(&self) -> Option<&str> {
        self.remedy.as_deref()
    }

    /// Returns what the process exits with.
    pub(crate) fn exit(&self) -> Exit {
        self.code.exit()
    }

    /// Writes the failure to standard error, where nothing is left to do if that fails too.
    pub(crate) fn tell(&self, format: Format) {
        let mut stderr = std::io::stderr().lock();
        let written = match format {
            Format::Json => writeln!(
                stderr,
                "{}",
                json!({ "code": self.code.word(), "message": self.message, "remede": self.remedy })
            ),
            Format::Table => writeln!(stderr, "{self}"),
        };
        drop(written);
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => {
                Self::new(Code::StoreUnavailable, format!("la base ne répond pas : {error}"))
                    .remedy("vérifier database.url, que le serveur tourne et que le disque n'est pas plein")
            }
            StoreError::Configuration(_) => {
                Self::new(Code::ConfigInvalid, error.to_string()).remedy("corriger [database]")
            }
            StoreError::Migration(_) => Self::new(Code::StoreSchema, error.to_string())
                .remedy("utiliser la version du programme qui a écrit cette base, ou restaurer la sauvegarde"),
            StoreError::WrongMasterKey { expected, given } => Self::new(
                Code::MasterKeyWrong,
                format!("la clé maîtresse {given} n'ouvre pas cette base, scellée avec la clé {expected}"),
            )
            .remedy("remettre la clé d'origine (sauvegarde) ; une clé neuve n'ouvrirait rien"),
            StoreError::Conflict(_) => {
                Self::new(Code::Conflict, "ce qui est demandé est déjà enregistré")
            }
            StoreError::UnknownTenant => Self::new(Code::NotFound, "réseau inconnu"),
            StoreError::Corrupt { .. } | StoreError::Seal(_) | StoreError::Database(_) => {
                Self::internal("asking the store", error)
            }
        }
    }
}

impl From<ProofError> for Failure {
    fn from(error: ProofError) -> Self {
        match error {
            ProofError::Store(error) => error.into(),
            ProofError::Broken { network, .. } => Self::new(
                Code::LogBroken,
                format!(
                    "le journal du réseau {network} a été modifié : rien n'est signé par-dessus"
                ),
            )
            .remedy("cfa-gateway audit verify --store dit où ; restaurer la sauvegarde d'avant"),
        }
    }
}

impl From<OpeningError> for Failure {
    fn from(error: OpeningError) -> Self {
        match error {
            OpeningError::Store(error) => error.into(),
            OpeningError::Key(error) => {
                let code = match error {
                    KeyError::Missing { .. } => Code::MasterKeyMissing,
                    KeyError::Unreadable { .. } => Code::MasterKeyUnreadable,
                };
                Self::new(code, error.to_string()).remedy(error.remedy())
            }
            OpeningError::Folder { .. } => Self::new(Code::OutputFailed, error.to_string()),
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "erreur [{}] : {}", self.code.word(), self.message)?;
        match &self.remedy {
            Some(remedy) => write!(f, "\n  à faire : {remedy}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_and_its_number_is_in_the_manual() {
        let manual = include_str!("../../../docs/cli.md");
        for code in Code::ALL {
            let line = manual
                .lines()
                .find(|line| line.contains(&format!("`{}`", code.word())));
            let line = line.unwrap_or_else(|| panic!("{} is not in docs/cli.md", code.word()));
            assert!(
                line.contains(&format!("| {} |", code.exit().number())),
                "{line}"
            );
        }
    }

    #[test]
    fn a_failure_says_its_code_and_its_remedy() {
        let failure = Failure::new(Code::NotFound, "aucun réseau de ce nom").remedy("le créer");
        assert_eq!(
            failure.to_string(),
            "erreur [introuvable] : aucun réseau de ce nom\n  à faire : le créer"
        );
    }
}
