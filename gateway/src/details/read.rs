//! Asking an OPCO for dossiers in full, several at once where it can.

use std::collections::HashMap;
use std::time::Duration;

use domain::{Capability, Fault, FaultKind, NormVersion, Timestamp};
use opco::{Answer, DossierDetail, Operation};
use store::read_jobs::ReadKey;

use crate::app::App;
use crate::states::{self, Account, Reader, Unread};
use crate::system::System;
use crate::{follow_up, learn, pause, plan};

/// The least rest after a reading that failed; it doubles.
const FAILED_REST: Duration = Duration::from_mins(5);
/// The most it doubles.
const DOUBLED_MAX: u32 = 6;
/// The rest when a key or a profile is missing.
const UNABLE_REST: Duration = Duration::from_hours(1);

/// What came of asking for dossiers.
pub(crate) struct Read {
    /// The dossiers read, by the OPCO's technical number.
    pub(crate) details: HashMap<String, Box<DossierDetail>>,
    /// The dossiers of which the OPCO says that it does not know them.
    pub(crate) unknown: Vec<String>,
    /// Why the others were not read, and when to try again.
    pub(crate) stopped: Option<(&'static str, Option<Timestamp>)>,
    /// How it ended, as a stable word.
    pub(crate) word: &'static str,
    /// Whether the OPCO lists invoices with their states: then its schedules are not read for them.
    pub(crate) lists_invoices: bool,
}

/// Reads dossiers of one site by the OPCO's technical numbers, until it stops answering.
pub(super) async fn all(app: &App, key: &ReadKey, numeros: Vec<String>, system: System) -> Read {
    let mut read = Read {
        details: HashMap::with_capacity(numeros.len()),
        unknown: Vec::new(),
        stopped: None,
        word: "read",
        lists_invoices: false,
    };
    let account = match Account::of(app, key).await {
        Ok(account) => account,
        Err(why) => {
            read.stop("unable", Some(pause::later(app.clock.now(), UNABLE_REST)));
            tracing::info!(%system, why, "dossiers cannot be read");
            return read;
        }
    };
    read.lists_invoices = follow_up::invoice::lists_states(app, &account.view, system);
    if numeros.len() > 1 && lists(app, &account, system) {
        list(app, &account, system, numeros.clone(), &mut read).await;
    }
    for numero in numeros {
        if read.stopped.is_some() {
            break;
        }
        if !read.details.contains_key(&numero) {
            single(app, &account, system, numero, &mut read).await;
        }
    }
    read
}

impl Read {
    fn stop(&mut self, word: &'static str, until: Option<Timestamp>) {
        self.stopped = Some((word, until));
        self.word = word;
    }

    /// Says why a dossier was not read, and when it is tried again, after so many failures in a row.
    pub(crate) fn again(
        &self,
        numero: &str,
        failures: u32,
        now: Timestamp,
    ) -> (&'static str, Timestamp) {
        match self.stopped {
            _ if self.is_unknown(numero) => ("not_found", rested(failures, now)),
            Some((word, Some(until))) => {
                (word, until.max(pause::later(now, Duration::from_secs(1))))
            }
            Some((word, None)) => (word, rested(failures, now)),
            None => ("unreadable", rested(failures, now)),
        }
    }

    /// Returns whether the OPCO says that it does not know this dossier.
    pub(crate) fn is_unknown(&self, numero: &str) -> bool {
        self.unknown.iter().any(|unknown| unknown == numero)
    }

    fn took(&mut self, detail: DossierDetail) {
        if let Some(numero) = detail.numeros.numero_interne.clone() {
            self.details.insert(numero, Box::new(detail));
        }
    }
}

/// Returns when what failed so often in a row is tried again.
pub(crate) fn rested(failures: u32, now: Timestamp) -> Timestamp {
    let doubled = 1_u32 << failures.min(DOUBLED_MAX);
    pause::later(now, FAILED_REST.saturating_mul(doubled))
}

/// Returns whether the list of whole dossiers may be asked for: it exists in version 1 only.
fn lists(app: &App, account: &Account<'_>, system: System) -> bool {
    let open = plan::may(app, &account.view, system, Capability::DossiersV1);
    (open || account.version == NormVersion::V1) && !app.views.listless.has(system)
}

async fn list(
    app: &App,
    account: &Account<'_>,
    system: System,
    numeros: Vec<String>,
    read: &mut Read,
) {
    match ask(app, account, Operation::Liste { numeros }).await {
        Ok(Answer::Liste(details)) => {
            learn::of(app, system, &domain::Outcome::Absent).await;
            for detail in details {
                read.took(detail);
            }
        }
        // The separator and the route itself are not sure (protocol §21): one by one is.
        Ok(_) => app.views.listless.add(system),
        Err(Unread::Fault(fault)) if !ends(&fault) => {
            tracing::info!(%system, fault = fault.kind.as_str(), "no list of whole dossiers");
            app.views.listless.add(system);
        }
        Err(unread) => give_up(app, system, unread, read).await,
    }
}

async fn single(app: &App, account: &Account<'_>, system: System, numero: String, read: &mut Read) {
    let operation = Operation::Detail {
        version: account.version,
        numero_interne: numero.clone(),
    };
    match ask(app, account, operation).await {
        Ok(Answer::Detail(mut detail)) => {
            learn::of(app, system, &domain::Outcome::Absent).await;
            // Asked for by that number, it is that dossier, whatever it repeats.
            detail.numeros.numero_interne = Some(numero);
            read.took(*detail);
        }
        Ok(_) => read.stop("unreadable", None),
        Err(Unread::Fault(fault)) if fault.kind == FaultKind::NotFound => read.unknown.push(numero),
        Err(unread) => give_up(app, system, unread, read).await,
    }
}

/// Returns whether a fault would meet the next question too.
fn ends(fault: &Fault) -> bool {
    !matches!(
        fault.kind,
        FaultKind::NotSupported | FaultKind::NotFound | FaultKind::Rejected | FaultKind::Unreadable
    )
}

async fn give_up(app: &App, system: System, unread: Unread, read: &mut Read) {
    match unread {
        Unread::NotBefore(at) => read.stop("limit", Some(at)),
        Unread::Fault(fault) => {
            learn::of_fault(app, system, &fault).await;
            tracing::info!(%system, fault = fault.kind.as_str(), said = %fault.detail, "a dossier could not be read");
            let until = fault
                .retry_after
                .map(|span| pause::later(app.clock.now(), span));
            read.stop(fault.kind.as_str(), until);
        }
    }
}

async fn ask(app: &App, account: &Account<'_>, operation: Operation) -> Result<Answer, Unread> {
    let patience = account.profile.timeout();
    let reader: Reader<'_> = account.reader(pause::later(app.clock.now(), patience));
    let bound = app.real(patience.saturating_mul(2));
    match tokio::time::timeout(bound, states::ask(app, &reader, &operation, false)).await {
        Ok(answer) => answer,
        Err(_) => Err(Unread::Fault(Fault::new(
            FaultKind::Unavailable,
            "no answer in time",
        ))),
    }
}
