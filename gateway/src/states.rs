//! Reading the whole list of states of a site, one turn for each page.

use std::sync::Arc;

use domain::facture_etat::FactureEtat;
use domain::{Fault, FaultKind, NormVersion, Timestamp};
use opco::{Answer, Etats, Identity, Operation, Profile, Walk};
use store::read_jobs::ReadKey;

use crate::app::App;
use crate::dispatch::{self, Stop};
use crate::limits::Turn;
use crate::plan;
use crate::system::System;
use crate::view::View;

/// What a site reads a system with.
pub(crate) struct Account<'a> {
    /// The facts of the OPCO.
    pub(crate) profile: &'a Profile,
    /// Where.
    pub(crate) system: System,
    /// The version to read in.
    pub(crate) version: NormVersion,
    /// What is known of the site and its network.
    pub(crate) view: Arc<View>,
    identity: Identity,
    key: String,
}

impl<'a> Account<'a> {
    /// Finds what a site reads a system with, or the stable word of what is missing.
    pub(crate) async fn of(app: &'a App, key: &ReadKey) -> Result<Self, &'static str> {
        let system = System {
            instance: key.instance,
            environment: key.environment,
        };
        let profile = app.profiles.get(key.instance).ok_or("no_profile")?;
        let view = app.views.of(app, key.tenant, key.siret_cfa).await;
        let view = view.map_err(|_| "store")?;
        let (cfa_key, identity) =
            dispatch::identity(app, &view, system).map_err(|stop| match stop {
                Stop::Hold(reason, _) => reason.as_str(),
                _ => "sealed",
            })?;
        Ok(Self {
            profile,
            system,
            version: plan::open_version(app, &view, system).unwrap_or(NormVersion::V1),
            view,
            identity,
            key: cfa_key.id.to_string(),
        })
    }

    /// Returns who reads, until an instant.
    pub(crate) fn reader(&self, deadline: Timestamp) -> Reader<'_> {
        Reader {
            profile: self.profile,
            identity: &self.identity,
            system: self.system,
            version: self.version,
            key: &self.key,
            deadline,
            view: &self.view,
        }
    }
}

/// Who reads, and until when.
pub(crate) struct Reader<'a> {
    /// The facts of the OPCO.
    pub(crate) profile: &'a Profile,
    /// Who calls.
    pub(crate) identity: &'a Identity,
    /// Where.
    pub(crate) system: System,
    /// The version to read in.
    pub(crate) version: NormVersion,
    /// The name of the CFA key.
    pub(crate) key: &'a str,
    /// The end of the time given.
    pub(crate) deadline: Timestamp,
    /// What is known of the site and its network.
    pub(crate) view: &'a View,
}

/// Why the list was not read.
pub(crate) enum Unread {
    /// The OPCO's doing.
    Fault(Fault),
    /// Its limit leaves no turn before this instant.
    NotBefore(Timestamp),
}

/// Reads all pages. `turn_taken` says that the first page's turn is the caller's already.
pub(crate) async fn all(
    app: &App,
    reader: &Reader<'_>,
    mut turn_taken: bool,
) -> Result<Etats, Unread> {
    let mut walk = Walk::new(reader.profile, reader.version);
    while let Some(operation) = walk.next() {
        let turn = std::mem::take(&mut turn_taken);
        let Answer::Etats(page) = ask(app, reader, &operation, turn).await? else {
            let fault = Fault::new(FaultKind::Unreadable, "not a page of states");
            return Err(Unread::Fault(fault));
        };
        walk.take(page).map_err(Unread::Fault)?;
    }
    Ok(walk.finish())
}

/// Reads the list of invoices page by page, until what was read is enough or there is no more.
pub(crate) async fn invoices(
    app: &App,
    reader: &Reader<'_>,
    mut turn_taken: bool,
    enough: impl Fn(&[FactureEtat]) -> bool,
) -> Result<Etats<FactureEtat>, Unread> {
    let mut walk = Walk::factures(reader.profile);
    while let Some(operation) = walk.next() {
        let turn = std::mem::take(&mut turn_taken);
        let Answer::FacturesEtats(page) = ask(app, reader, &operation, turn).await? else {
            let fault = Fault::new(FaultKind::Unreadable, "not a page of invoices");
            return Err(Unread::Fault(fault));
        };
        walk.take(page).map_err(Unread::Fault)?;
        if enough(walk.items()) {
            break;
        }
    }
    Ok(walk.finish())
}

/// Asks one thing, when its turn has come. `turn_taken` says that it is the caller's already.
pub(crate) async fn ask(
    app: &App,
    reader: &Reader<'_>,
    operation: &Operation,
    turn_taken: bool,
) -> Result<Answer, Unread> {
    if let Some(end) = reader.view.closed_until(reader.system, app.clock.now()) {
        return Err(Unread::NotBefore(end));
    }
    let version = reader.profile.version(operation);
    opco::ready(&app.transport, reader.profile, reader.identity, version)
        .await
        .map_err(Unread::Fault)?;
    if !turn_taken
        && let Turn::NotBefore(at) = app
            .limits
            .turn(reader.system, reader.key, reader.deadline)
            .await
    {
        return Err(Unread::NotBefore(at));
    }
    let asked = opco::exchange(&app.transport, reader.profile, reader.identity, operation);
    let answer = asked.await.map_err(Unread::Fault)?;
    let tenant = reader.view.network.keys.tenant();
    app.drift.note(tenant, reader.system, &answer);
    Ok(answer)
}
