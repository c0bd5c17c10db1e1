//! What a network says of its own sites: which are closed, and how much may be handed in.

use domain::id::TenantId;
use domain::{Siret, Timestamp};
use store::StoreError;

use super::{Refused, Sender};
use crate::app::App;
use crate::ceilings::Entered;
use crate::view::View;

/// Returns whether a site is closed. It may have been opened again a moment ago: the store is asked.
pub(crate) async fn is_closed(
    app: &App,
    tenant: TenantId,
    siret: Siret,
    view: &View,
) -> Result<bool, StoreError> {
    if view.site.closed && view.is_stale() {
        return Ok(app.views.fresh(app, tenant, siret).await?.site.closed);
    }
    Ok(view.site.closed)
}

/// Counts a payload in under the ceilings of its site and network, or refuses it.
pub(crate) async fn enter<'a>(
    app: &'a App,
    sender: &Sender,
    (siret, view): (Siret, &View),
    now: Timestamp,
) -> Result<Entered<'a>, Refused> {
    let whose = (sender.tenant, sender.environment, siret);
    let entered = app.ceilings.enter(app, whose, view, now).await?;
    entered.map_err(|reached| {
        app.metrics.ceiling_reached(reached.labels());
        Refused::Ceiling(reached)
    })
}
