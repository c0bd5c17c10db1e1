//! Reading the whole list of states of a site, one turn for each page.

use domain::{Fault, FaultKind, NormVersion, Timestamp};
use opco::{Answer, Etats, Identity, Profile, Walk};

use crate::app::App;
use crate::limits::Turn;
use crate::system::System;

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
        opco::ready(
            &app.transport,
            reader.profile,
            reader.identity,
            reader.version,
        )
        .await
        .map_err(Unread::Fault)?;
        if !std::mem::take(&mut turn_taken)
            && let Turn::NotBefore(at) = app
                .limits
                .turn(reader.system, reader.key, reader.deadline)
                .await
        {
            return Err(Unread::NotBefore(at));
        }
        let asked = opco::exchange(&app.transport, reader.profile, reader.identity, &operation);
        let Answer::Etats(page) = asked.await.map_err(Unread::Fault)? else {
            let fault = Fault::new(FaultKind::Unreadable, "not a page of states");
            return Err(Unread::Fault(fault));
        };
        walk.take(page).map_err(Unread::Fault)?;
    }
    Ok(walk.finish())
}
