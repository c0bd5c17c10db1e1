//! Asking an OPCO for dossiers in full, several at once where it can.

use std::collections::HashMap;

use domain::{Capability, Fault, FaultKind, NormVersion, Timestamp};
use opco::{Answer, DossierDetail, Operation};
use store::schedules::Batch;

use crate::app::App;
use crate::states::{self, Account, Reader, Unread};
use crate::system::System;
use crate::{dispatch, follow_up, pause};

/// What came of asking for the dossiers of a batch.
pub(super) struct Read {
    /// The dossiers read, by the OPCO's technical number.
    pub(super) details: HashMap<String, Box<DossierDetail>>,
    /// The dossiers of which the OPCO says that it does not know them.
    pub(super) unknown: Vec<String>,
    /// Why the others were not read, and when to try again.
    pub(super) stopped: Option<(&'static str, Option<Timestamp>)>,
    /// How it ended, as a stable word.
    pub(super) word: &'static str,
    /// Whether the OPCO lists invoices with their states: then its schedules are not read for them.
    pub(super) lists_invoices: bool,
}

/// Reads every dossier of a batch, until the OPCO stops answering.
pub(super) async fn all(app: &App, batch: &Batch, system: System) -> Read {
    let mut read = Read {
        details: HashMap::with_capacity(batch.jobs.len()),
        unknown: Vec::new(),
        stopped: None,
        word: "read",
        lists_invoices: false,
    };
    let account = match Account::of(app, &batch.key).await {
        Ok(account) => account,
        Err(why) => {
            read.stop(
                "unable",
                Some(pause::later(app.clock.now(), super::keep::UNABLE_REST)),
            );
            tracing::info!(%system, why, "schedules cannot be read");
            return read;
        }
    };
    read.lists_invoices = follow_up::invoice::lists_states(app, &account.view, system);
    let numeros = || {
        let numeros = batch.jobs.iter();
        numeros.filter_map(|job| job.dossier.numero_interne.clone())
    };
    if batch.jobs.len() > 1 && lists(app, &account, system) {
        list(app, &account, system, numeros().collect(), &mut read).await;
    }
    for numero in numeros() {
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

    fn took(&mut self, detail: DossierDetail) {
        if let Some(numero) = detail.numeros.numero_interne.clone() {
            self.details.insert(numero, Box::new(detail));
        }
    }
}

/// Returns whether the list of whole dossiers may be asked for: it exists in version 1 only.
fn lists(app: &App, account: &Account<'_>, system: System) -> bool {
    let switches = account.view.platform.switches(system.instance);
    let capabilities = app.seed.of(system.instance.opco);
    let capabilities = capabilities.with_switches(switches, app.clock.now());
    let openness = capabilities.openness(Capability::DossiersV1);
    let open = openness == domain::Openness::Production || account.version == NormVersion::V1;
    open && !app.views.listless.has(system)
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
            dispatch::learn(app, system, &domain::Outcome::Absent).await;
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
            dispatch::learn(app, system, &domain::Outcome::Absent).await;
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
            dispatch::learn_fault(app, system, &fault).await;
            tracing::info!(%system, fault = fault.kind.as_str(), said = %fault.detail, "a schedule could not be read");
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
