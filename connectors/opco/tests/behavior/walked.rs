//! Lists read to their end and payloads handed over, as whoever calls the connector does.

use domain::facture_etat::FactureEtat;
use domain::{Fault, NormVersion, Outcome};
use opco::{Answer, Etats, Identity, Operation, Profile, Transport, Walk, exchange, hand_over};

/// Who asks whom.
pub(crate) type Way<'a> = (&'a Transport, &'a Profile, &'a Identity);

/// Hands a payload over and says only whether it was taken.
pub(crate) async fn file(
    transport: &Transport,
    profile: &Profile,
    identity: &Identity,
    operation: &Operation,
) -> Outcome {
    hand_over(transport, profile, identity, operation)
        .await
        .outcome
}

/// Reads all states of dossiers.
pub(crate) async fn etats_all(
    (transport, profile, identity): Way<'_>,
    version: NormVersion,
) -> Result<Etats, Fault> {
    let mut walk = Walk::new(profile, version);
    while let Some(operation) = walk.next() {
        match exchange(transport, profile, identity, &operation).await? {
            Answer::Etats(page) => walk.take(page)?,
            other => panic!("{other:?}"),
        }
    }
    Ok(walk.finish())
}

/// Reads all states of invoices.
pub(crate) async fn factures_all(
    (transport, profile, identity): Way<'_>,
) -> Result<Etats<FactureEtat>, Fault> {
    let mut walk = Walk::factures(profile);
    while let Some(operation) = walk.next() {
        match exchange(transport, profile, identity, &operation).await? {
            Answer::FacturesEtats(page) => walk.take(page)?,
            other => panic!("{other:?}"),
        }
    }
    Ok(walk.finish())
}
