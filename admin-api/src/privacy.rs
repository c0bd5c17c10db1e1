//! What is held about one apprentice, what is opened of what is sealed, and how long each class is kept:
//! what the gateway tells the control plane of it.

use domain::id::{DeliveryId, FileId};
use domain::identifiers::Nir;
use domain::{Kind, Timestamp};
use futures_util::stream::BoxStream;
use jiff::civil::Date;
use serde_json::Value;
use store::strangers::Stranger;
use store::{Delivery, Dossier, StoreError, StoredFile};

pub use store::privacy::Subject;

/// Whom a person looks for, in clear. No `Debug`: nothing prints it.
pub enum Sought {
    /// By names, in any spelling of case and accents, and birth date.
    Person {
        /// Birth name.
        nom: String,
        /// First given name.
        prenom: String,
        /// Birth date.
        date_naissance: Date,
    },
    /// By NIR.
    Nir(Nir),
    /// By a number of a dossier: the OPCO's, the State's, or the name of a delivery or a dossier here.
    Numero(String),
}

impl Sought {
    /// Returns the stable word of how one looks.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Person { .. } => "personne",
            Self::Nir(_) => "nir",
            Self::Numero(_) => "numero",
        }
    }
}

/// Everything held about one apprentice, nothing of it shown.
#[derive(Debug, Clone)]
pub struct Holdings {
    /// Who.
    pub subject: Subject,
    /// Contracts and what follows them, the oldest first.
    pub pieces: Vec<Piece>,
    /// The contracts as the OPCOs know them.
    pub dossiers: Vec<HeldDossier>,
    /// Dossiers that no ERP sent, read from an OPCO.
    pub strangers: Vec<HeldStranger>,
    /// Each NIR among them with the names it bears: more than one, and it may be more than one person.
    pub choices: Vec<Subject>,
    /// Whoever resembles them by names, birth date or NIR, and is not they: nothing of theirs is counted.
    pub alike: Vec<Subject>,
}

/// One delivery.
#[derive(Debug, Clone)]
pub struct Piece {
    /// Which.
    pub delivery: Delivery,
    /// Whether its payload can be opened, and then whether its NIR can; nothing once destroyed.
    pub sealed: Option<bool>,
    /// Its files that can be opened.
    pub files: Vec<StoredFile>,
    /// How many calls to the OPCO are on record.
    pub calls: usize,
    /// How many events of the log concern it.
    pub events: usize,
    /// What an erasure makes of it.
    pub fate: Fate,
}

/// A contract as an OPCO knows it.
#[derive(Debug, Clone)]
pub struct HeldDossier {
    /// Which.
    pub dossier: Dossier,
    /// How many readings of its schedule can be opened.
    pub readings: usize,
    /// What an erasure makes of it.
    pub fate: Fate,
}

/// A dossier that no ERP sent.
#[derive(Debug, Clone)]
pub struct HeldStranger {
    /// Which.
    pub stranger: Stranger,
    /// What an erasure makes of it.
    pub fate: Fate,
}

/// What an erasure makes of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// It is destroyed already.
    Gone,
    /// It is destroyed.
    Goes,
    /// It stays.
    Stays(Why),
}

/// Why something stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// Others it is about are still held: it goes with the last of them.
    Shared,
    /// A piece of accounts: until this day.
    Accounts(Date),
    /// The OPCO has not ended the dossier.
    Open,
    /// A delivery of the dossier is on its way, or waits for a person.
    UnderWay,
}

impl Holdings {
    /// Returns whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty() && self.dossiers.is_empty() && self.strangers.is_empty()
    }

    /// Returns whether it may be more than one person.
    pub fn is_several(&self) -> bool {
        self.choices.len() > 1
    }

    /// Counts what an erasure would destroy.
    pub fn going(&self) -> usize {
        let pieces = self.pieces.iter().map(|one| one.fate);
        let dossiers = self.dossiers.iter().map(|one| one.fate);
        let strangers = self.strangers.iter().map(|one| one.fate);
        let all = pieces.chain(dossiers).chain(strangers);
        all.filter(|fate| *fate == Fate::Goes).count()
    }

    /// Returns a text that changes whenever what an erasure would destroy or keep does: what was shown
    /// is what is erased, or nothing is.
    pub fn stamp(&self) -> String {
        let pieces = self.pieces.iter();
        let pieces = pieces.map(|one| (one.delivery.id.to_string(), one.fate));
        let dossiers = self.dossiers.iter();
        let dossiers = dossiers.map(|one| (one.dossier.id.to_string(), one.fate));
        let strangers = self.strangers.iter();
        let strangers = strangers.map(|one| (one.stranger.id.to_string(), one.fate));
        let all: Vec<_> = pieces.chain(dossiers).chain(strangers).collect();
        let digest =
            aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, format!("{all:?}").as_bytes());
        let first = digest.as_ref().iter().take(8);
        let first = first.fold(0_u64, |stamp, byte| stamp << 8 | u64::from(*byte));
        format!("{first:016x}")
    }
}

/// What came of looking for what is held.
#[derive(Debug)]
pub enum NotShown {
    /// So many contracts are of no one person: look by NIR or by number.
    TooMany,
    /// Several NIRs, or several names under one: one of them must be chosen first.
    Several,
    /// The number is that of several people's dossiers.
    Shared,
    /// The store cannot answer.
    Store(StoreError),
}

impl From<StoreError> for NotShown {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What an erasure destroyed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erased {
    /// Payloads, dossiers and strangers.
    pub destroyed: usize,
    /// Files.
    pub files: usize,
    /// What stays.
    pub kept: usize,
    /// The deliveries among it.
    pub remaining: Vec<Remaining>,
}

/// A delivery that an erasure left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remaining {
    /// Which.
    pub delivery: DeliveryId,
    /// What it carries.
    pub kind: Kind,
    /// Why it stays.
    pub why: Why,
}

/// Why nothing was erased.
#[derive(Debug)]
pub enum NotErased {
    /// Nothing may go now.
    Nothing,
    /// What is held is no longer what was shown.
    Changed,
    /// It could not be looked for.
    NotShown(NotShown),
}

impl From<StoreError> for NotErased {
    fn from(error: StoreError) -> Self {
        Self::NotShown(error.into())
    }
}

/// Bytes that leave as they are opened, and that are never in clear on a disk of ours.
pub struct Download {
    /// The name of the file.
    pub name: String,
    /// What it is.
    pub media_type: &'static str,
    /// How many bytes, where that is known.
    pub bytes: Option<u64>,
    /// The bytes.
    pub stream: BoxStream<'static, std::io::Result<actix_web::web::Bytes>>,
}

/// What of a delivery is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Its payload.
    Payload,
    /// One of its files.
    File(FileId),
    /// The certificate that the gateway writes from it.
    Certificate,
}

impl What {
    /// Returns the stable word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Payload => "payload",
            Self::File(_) => "file",
            Self::Certificate => "certificate",
        }
    }
}

/// Who opens, and why.
#[derive(Debug, Clone, Copy)]
pub struct Opening<'a> {
    /// What.
    pub what: What,
    /// The name events give the person.
    pub actor: &'a str,
    /// Why, in the person's words.
    pub reason: &'a str,
}

/// Something opened.
pub enum Opened {
    /// A payload.
    Payload(Clear),
    /// A file.
    File(Download),
}

/// A payload as a person reads it, what is most sensitive masked.
pub struct Clear {
    /// Each value with its name in French.
    pub lines: Vec<Line>,
    /// The payload itself.
    pub json: Value,
}

/// One value of a payload. No `Debug`: nothing prints it.
pub struct Line {
    /// Where it is, as a JSON Pointer without the ranks in lists.
    pub pointer: String,
    /// Its name in French.
    pub name: String,
    /// The value.
    pub value: String,
    /// What it stands for, in French and in English, where it is a code of a list.
    pub stands_for: Option<(&'static str, &'static str)>,
}

/// Why something was not opened.
#[derive(Debug)]
pub enum NotOpened {
    /// It is not there: it never was, or it is destroyed.
    Nothing,
    /// The seal or the storage does not give it.
    Unreadable,
    /// The store cannot answer.
    Store(StoreError),
}

impl From<StoreError> for NotOpened {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// How long each class of data is kept, and what goes next.
#[derive(Debug, Clone)]
pub struct Retention {
    /// Whether a NIR goes as soon as the OPCO has committed itself.
    pub nir_at_engagement: bool,
    /// How often finished data is looked through, in minutes.
    pub every_minutes: u64,
    /// The instants counted for, the first of them now.
    pub horizons: Vec<Timestamp>,
    /// Each class.
    pub classes: Vec<Class>,
}

/// One class of data.
#[derive(Debug, Clone)]
pub struct Class {
    /// Its stable word.
    pub word: &'static str,
    /// For how many days it is kept; nothing where it is for ever.
    pub days: Option<u32>,
    /// What ended before this instant goes now.
    pub ended_before: Option<Timestamp>,
    /// How many go by each of the horizons.
    pub going: Vec<u64>,
}
