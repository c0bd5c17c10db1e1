//! What the gateway tells of money, opened and counted: one dossier's, and a network's.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::deadline::Deadline;
use domain::echeancier::{Change, Echeancier, Facturable};
use domain::id::TenantId;
use domain::reconciliation::{Cause, Line, Sums};
use domain::{Environment, HoldReason, Opco, Siret, Status, Timestamp, WaitReason};
use jiff::civil::Date;
use store::invoices::Invoice;
use store::schedules::Plan;
use store::{Dossier, StoreError};

use crate::causes::Who;

/// The money of one dossier.
#[derive(Debug)]
pub struct Books {
    /// The schedule as last read.
    pub echeancier: Option<Echeancier>,
    /// When it was last read.
    pub read_at: Option<Timestamp>,
    /// Where reading it stands.
    pub plan: Option<Plan>,
    /// What can be billed today.
    pub facturable: Vec<Facturable>,
    /// Every reading that told something new, the oldest first.
    pub readings: Vec<Reading>,
    /// The days that count.
    pub deadlines: Vec<Deadline>,
    /// The invoices that bill it, in the order they were handed in.
    pub invoices: Vec<Billed>,
}

/// A reading of a schedule that told something new.
#[derive(Debug)]
pub struct Reading {
    /// When it was first seen.
    pub seen_at: Timestamp,
    /// When it was last seen unchanged.
    pub last_seen_at: Timestamp,
    /// What changed since the reading before; nothing of the first.
    pub changes: Vec<Change>,
}

/// An invoice that bills a dossier.
#[derive(Debug)]
pub struct Billed {
    /// Where it stands.
    pub invoice: Invoice,
    /// What its lines bill of this dossier, in cents.
    pub total_cents: i64,
    /// Whether the OPCO pays it only with a certificate that was not seen; absent when nobody can tell.
    pub certificate_awaited: Option<bool>,
}

/// Which money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Whose.
    pub tenant: TenantId,
    /// Which world.
    pub environment: Environment,
    /// Only this OPCO.
    pub opco: Option<Opco>,
    /// Only these sites.
    pub sites: Option<Vec<Siret>>,
    /// Only échéances that open on this day or later.
    pub from: Option<Date>,
    /// Only échéances that open on this day or before.
    pub to: Option<Date>,
}

/// Which échéances an answer shows one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// Those with a gap, or something else to tell.
    Gaps,
    /// Every one.
    All,
}

/// The form of a sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sheet {
    /// Text, as French spreadsheets read it.
    Csv,
    /// A workbook.
    Xlsx,
}

/// One échéance of one dossier, reconciled.
#[derive(Debug)]
pub struct Row {
    /// The dossier, whose other échéances name it too. What a list of states only confirmed since may be older
    /// than the store's.
    pub dossier: Arc<Dossier>,
    /// The OPCO's label of the échéance.
    pub codification: Option<String>,
    /// Its money.
    pub line: Arc<Line>,
}

/// The money of one site at one OPCO, or of all.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// How many dossiers have a schedule.
    pub dossiers: u64,
    /// Their money.
    pub sums: Sums,
    /// Each cause: how many échéances, and how much.
    pub causes: BTreeMap<Cause, (u64, i64)>,
}

impl Group {
    /// Counts an échéance in.
    pub fn add(&mut self, line: &Line) {
        self.sums += line.sums;
        for gap in &line.gaps {
            let (count, cents) = self.causes.entry(gap.cause).or_default();
            *count = count.saturating_add(1);
            *cents = cents.saturating_add(gap.cents);
        }
    }
}

/// The money of a network, reconciled to the cent.
#[derive(Debug, Default)]
pub struct Answer {
    /// The sum of all groups.
    pub total: Group,
    /// By site and OPCO.
    pub groups: BTreeMap<(Siret, Opco), Group>,
    /// By the first day of the month in which an échéance opens; those without a day are not here.
    pub months: BTreeMap<Date, Sums>,
    /// The échéances asked for.
    pub rows: Vec<Row>,
    /// Dossiers that the OPCO committed to and whose schedule was not read yet.
    pub unread: u64,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Unanswered {
    /// More dossiers than one answer may open.
    TooMany {
        /// How many it may.
        most: usize,
    },
    /// The sheet could not be written.
    Unwritten,
    /// The store.
    Store(StoreError),
}

impl From<StoreError> for Unanswered {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Invoices that no OPCO has, by what keeps them here.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Blocked {
    /// By status and reason: how many, and how much.
    pub by: BTreeMap<(&'static str, Option<&'static str>), Stuck>,
    /// Whether there are more than were counted.
    pub truncated: bool,
}

impl Blocked {
    /// Returns what some of them bill, in cents.
    pub(crate) fn cents(some: Vec<&Stuck>) -> i64 {
        some.into_iter()
            .map(|one| one.cents)
            .fold(0, i64::saturating_add)
    }
}

/// Invoices that one thing keeps here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stuck {
    /// Where they stand.
    pub status: Status,
    /// Why they wait.
    pub wait: Option<WaitReason>,
    /// Why they are held.
    pub hold: Option<HoldReason>,
    /// How many.
    pub count: u64,
    /// How much they bill, in cents.
    pub cents: i64,
}

impl Stuck {
    /// Returns the stable word of why.
    pub(crate) fn reason(&self) -> Option<&'static str> {
        let wait = self.wait.map(WaitReason::as_str);
        wait.or(self.hold.map(HoldReason::as_str))
    }

    /// Returns who must act.
    pub(crate) fn who(&self) -> Who {
        Who::of(self.status, self.reason())
    }
}
