//! What the gateway lends the control plane: the acts and the facts that only a running gateway has.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use domain::bulk::Obstacle;
use domain::delivery::Action;
use domain::id::{DeliveryId, DossierId, TenantId};
use domain::{
    Capability, Environment, Instance, NormVersion, Opco, Openness, Secret, Siret, Status,
    Timestamp,
};
use jiff::civil::Date;
use store::keys::{self, CfaKey};
use store::proofs::ProofError;
use store::webhooks::{Attempt, Endpoint};
use store::{Delivery, Dossier, StoreError};

use crate::books::{Answer, Blocked, Books, Question, Row, Rows, Sheet, Unanswered};
use crate::hooks::{Secrets, Unfit, Wanted};
use crate::orphans;
use crate::privacy::{
    Download, Erased, Holdings, NotErased, NotOpened, NotShown, Opened, Opening, Retention, Sought,
    Subject,
};

/// Something under way.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What the gateway does for the control plane.
pub trait Works: fmt::Debug + Send + Sync + 'static {
    /// Returns what may be done to a delivery as it stands.
    fn allowed(&self, delivery: &Delivery) -> Vec<Action>;

    /// Returns what stands in the way of an action that is done alike to many deliveries.
    fn obstacle(&self, delivery: &Delivery, action: Action, opco: Option<Opco>)
    -> Option<Obstacle>;

    /// Acts on a delivery, with a reason and an event.
    fn act<'a>(
        &'a self,
        by: &'a By,
        id: DeliveryId,
        asked: Asked,
    ) -> Pending<'a, Result<Delivery, NotDone>>;

    /// Returns how each system of each OPCO does, as this process sees it.
    fn health(&self) -> Vec<Health>;

    /// Returns what is open at each OPCO for a network in a world.
    fn open(
        &self,
        tenant: TenantId,
        environment: Environment,
    ) -> Pending<'_, Result<Vec<Open>, StoreError>>;

    /// Writes the evidence file of a delivery, and puts on record who asked; nothing while its last events
    /// are not sealed.
    fn evidence<'a>(
        &'a self,
        delivery: &'a Delivery,
        actor: &'a str,
    ) -> Pending<'a, Result<Option<String>, ProofError>>;

    /// Lists the dossiers that one side alone knows, and puts on record who asked: names are in it.
    fn orphans<'a>(
        &'a self,
        by: &'a By,
        question: &'a orphans::Question,
    ) -> Pending<'a, Result<orphans::Page, StoreError>>;

    /// Acts on one, and returns the delivery it is tied to, if any.
    fn act_on_orphan<'a>(
        &'a self,
        by: &'a By,
        id: DossierId,
        act: orphans::Act,
    ) -> Pending<'a, Result<Option<DeliveryId>, orphans::NotDone>>;

    /// Opens the money of a dossier, and puts on record who did.
    fn books<'a>(
        &'a self,
        dossier: &'a Dossier,
        actor: &'a str,
    ) -> Pending<'a, Result<Books, StoreError>>;

    /// Reconciles money to the cent, and puts on record who asked.
    fn reconcile<'a>(
        &'a self,
        question: &'a Question,
        rows: Rows,
        actor: &'a str,
    ) -> Pending<'a, Result<Answer, Unanswered>>;

    /// Writes reconciled échéances as a sheet.
    ///
    /// # Errors
    /// When the sheet cannot be written.
    fn sheet(&self, rows: &[Row], form: Sheet) -> Result<Vec<u8>, Unanswered>;

    /// Counts the invoices that no OPCO has, by what keeps them here.
    fn blocked<'a>(&'a self, question: &'a Question) -> Pending<'a, Result<Blocked, StoreError>>;

    /// Tries a CFA key at its OPCO, with a read that changes nothing; keeps nothing of it.
    fn probe<'a>(&'a self, key: &'a CfaKey) -> Pending<'a, Result<Probe, StoreError>>;

    /// Makes the API key of an ERP; nothing where there is no randomness to be had.
    fn mint(&self, environment: Environment) -> Option<Minted>;

    /// Says whether a webhook can be as somebody asks for it.
    ///
    /// # Errors
    /// When its address cannot be called, or it asks for events that there are none of.
    fn hook_fits(&self, wanted: &Wanted) -> Vec<Unfit>;

    /// Makes the secrets of a webhook; nothing where there is no randomness to be had.
    fn mint_secrets(&self) -> Option<Secrets>;

    /// Tells a webhook of nothing, to see whether it can be told.
    fn test_hook<'a>(&'a self, endpoint: &'a Endpoint) -> Pending<'a, Result<Attempt, StoreError>>;

    /// Says by what somebody is looked for, and puts on record that one looked; nothing when a number is
    /// nobody's.
    fn seek<'a>(
        &'a self,
        tenant: TenantId,
        sought: &'a Sought,
        actor: &'a str,
    ) -> Pending<'a, Result<Option<Subject>, NotShown>>;

    /// Gathers what is held about somebody, and shows nothing of it: what is opened is compared alone, and
    /// on record.
    fn holdings(
        &self,
        tenant: TenantId,
        subject: Subject,
    ) -> Pending<'_, Result<Holdings, NotShown>>;

    /// Opens all that is held about somebody, and puts on record who did and why.
    fn disclose<'a>(
        &'a self,
        tenant: TenantId,
        subject: Subject,
        by: (&'a str, &'a str),
    ) -> Pending<'a, Result<Download, NotShown>>;

    /// Destroys what may be of what is held about somebody, if it is what was shown; puts on record who did
    /// and why.
    fn erase<'a>(
        &'a self,
        tenant: TenantId,
        shown: (Subject, &'a str),
        by: (&'a str, &'a str),
    ) -> Pending<'a, Result<Erased, NotErased>>;

    /// Opens something sealed of a delivery, and puts on record who did and why.
    fn open_sealed<'a>(
        &'a self,
        delivery: &'a Delivery,
        opening: Opening<'a>,
    ) -> Pending<'a, Result<Opened, NotOpened>>;

    /// Says how long each class of data is kept, and counts what goes next.
    fn retention(&self, tenant: TenantId) -> Pending<'_, Result<Retention, StoreError>>;
}

/// An API key just made.
#[derive(Debug)]
pub struct Minted {
    /// The clear text: shown once and kept nowhere.
    pub key: Secret,
    /// What is kept.
    pub hash: [u8; 32],
    /// What may be shown later.
    pub prefix: String,
}

/// What a trial of a key said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// Whether the OPCO takes it.
    pub verdict: Verdict,
    /// Its last day, where the OPCO tells it.
    pub expires_on: Option<Date>,
    /// Why, in French and in English, when it was not accepted.
    pub why: Option<(&'static str, &'static str)>,
}

/// Whether an OPCO takes a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It does.
    Accepted,
    /// It said no.
    Refused,
    /// Nothing was learnt.
    Unknown,
}

impl Verdict {
    /// Returns the stable word of columns and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => keys::ACCEPTED,
            Self::Refused => keys::REFUSED,
            Self::Unknown => "unknown",
        }
    }
}

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct By {
    /// The network.
    pub tenant: TenantId,
    /// Which world.
    pub environment: Environment,
    /// The sites the person's role reaches; all of the network's when absent.
    pub sites: Option<Vec<Siret>>,
    /// The name events give the person: `person:…`.
    pub name: String,
}

/// An action asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// What to do.
    pub action: Action,
    /// Why, in the person's words.
    pub reason: String,
    /// The OPCO, for `choose-opco`.
    pub opco: Option<Opco>,
    /// The reference and the day of the mandate, for `complete`.
    pub mandate: Option<(String, Date)>,
    /// The OPCO's own number, for `confirm-sent`.
    pub numero_interne: Option<String>,
}

/// Why an action was not done.
#[derive(Debug)]
pub enum NotDone {
    /// No such delivery, for this person.
    Unknown,
    /// The delivery's state does not allow it.
    NotNow {
        /// Where it stands.
        status: Status,
        /// What may be done instead.
        allowed: Vec<Action>,
    },
    /// Something the action needs is missing: the JSON Pointer of it.
    Missing(&'static str),
    /// It changed meanwhile.
    Changed,
    /// The number is another delivery's already.
    NumberTaken,
    /// The store cannot answer.
    Store(StoreError),
}

/// How one system of an OPCO does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Which system.
    pub instance: Instance,
    /// Which world.
    pub environment: Environment,
    /// What lets calls through or holds them back.
    pub breaker: Breaker,
    /// Until when the OPCO asked for silence.
    pub silent_until: Option<Timestamp>,
    /// Until when works that were announced keep it closed.
    pub closed_until: Option<Timestamp>,
}

impl Health {
    /// Returns whether nothing keeps calls from it.
    pub fn is_well(&self) -> bool {
        self.breaker == Breaker::Closed
            && self.silent_until.is_none()
            && self.closed_until.is_none()
    }
}

/// What is open at one system of an OPCO.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// Which system.
    pub instance: Instance,
    /// The version contracts go in; nothing while neither is open.
    pub version: Option<NormVersion>,
    /// How far each capability is open.
    pub capabilities: Vec<(Capability, Openness)>,
}

/// Whether calls leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breaker {
    /// They do.
    Closed,
    /// They rest until this instant.
    Open(Timestamp),
    /// One leaves, to see.
    Trying,
}
