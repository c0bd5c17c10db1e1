//! Keeping what was read: only what is new becomes a reading of its own, and nothing that was known is
//! ever forgotten for an empty answer.

use domain::echeancier::{Change, Changed, Echeancier, changes};
use domain::id::SnapshotId;
use domain::{Etat, Secret, Timestamp};
use opco::DossierDetail;
use store::read_jobs::ReadKey;
use store::schedules::{self, Batch, ScheduleJob, Told};
use store::{EtatSeen, NewEvent, StoreError, TenantKey, Tx};

use super::{open, rest};
use crate::app::App;
use crate::details::{self, Read};
use crate::{billed, poll, retention};

/// Writes what came of a batch, in one transaction.
pub(crate) async fn all(
    app: &App,
    batch: &Batch,
    read: Read,
    now: Timestamp,
) -> Result<(), StoreError> {
    let keys = app.store.keys(batch.key.tenant).await?;
    let mut tx = app.store.writing().await?;
    let mut events = Vec::new();
    let mut states = Vec::new();
    for job in &batch.jobs {
        let detail = job.dossier.numero_interne.as_ref();
        let detail = detail.and_then(|numero| read.details.get(numero));
        let told = match detail {
            Some(detail) => {
                states.extend(state(detail, job.dossier.etat));
                let at = (&batch.key, read.lists_invoices);
                one(app, &mut tx, &keys, at, (job, detail), &mut events, now).await?
            }
            None => unread(job, &read, now),
        };
        schedules::settle(&mut tx, job, &app.owner, &told, now).await?;
    }
    let key = &batch.key;
    let changed = store::dossiers::apply_states(
        &mut tx,
        key.tenant,
        &key.siret_cfa,
        key.instance,
        key.environment,
        &states,
        now,
    );
    let changed = changed.await?;
    events.extend(changed.iter().flat_map(|change| poll::told(change, now)));
    store::events::append(&mut tx, key.tenant, &events);
    retention::committed(app, &mut tx, key.tenant, &changed, now).await?;
    tx.commit().await
}

/// Keeps one reading, and says what came of it.
async fn one(
    app: &App,
    tx: &mut Tx,
    keys: &TenantKey,
    (key, lists_invoices): (&ReadKey, bool),
    (job, detail): (&ScheduleJob, &DossierDetail),
    events: &mut Vec<NewEvent>,
    now: Timestamp,
) -> Result<Told, StoreError> {
    let (tenant, id) = (job.dossier.tenant, job.dossier.id);
    store::privacy::hold_readings(tx, tenant, id).await?;
    if store::privacy::is_erased(tx, tenant, id).await? {
        return Ok(Told {
            word: "erased",
            read: true,
            due_at: Timestamp::MAX,
        });
    }
    let after = &detail.echeancier;
    let current = schedules::current(tx, tenant, id).await?;
    let before = current.as_ref().and_then(|current| open(keys, current));
    if before
        .as_ref()
        .is_some_and(|before| after.would_erase(before))
    {
        tracing::warn!(dossier.id = %id, "a schedule came back empty: the one that is known stays");
        return Ok(Told {
            word: "empty",
            read: false,
            due_at: details::rested(job.failures, now),
        });
    }
    let moved = match (&current, &before) {
        (Some(current), Some(before)) if before == after => {
            schedules::seen_again(tx, tenant, id, current.id, now).await?;
            false
        }
        _ => {
            let snapshot = SnapshotId::new(now);
            let text = Secret::new(after.expose().to_string());
            let sealed = keys.seal_secret(snapshot.as_bytes(), schedules::PART, &text)?;
            schedules::keep(tx, tenant, id, (snapshot, &sealed), now).await?;
            let found = before.as_ref().map(|before| changes(before, after));
            events.extend(event(job, after, found.as_deref(), now));
            true
        }
    };
    if moved && !lists_invoices {
        billed::seen(tx, keys, (key, &job.dossier), events, now).await?;
    }
    store::invoices::wake(tx, tenant, job.dossier.contract(), moved, now).await?;
    let etat = detail.etat.or(job.dossier.etat);
    Ok(Told {
        word: "read",
        read: true,
        due_at: rest::next(after, etat, &app.settings.poll, now),
    })
}

/// Says why a schedule was not read, and when it is tried again.
fn unread(job: &ScheduleJob, read: &Read, now: Timestamp) -> Told {
    let numero = job.dossier.numero_interne.as_deref().unwrap_or_default();
    let (word, due_at) = read.again(numero, job.failures, now);
    Told {
        word,
        read: false,
        due_at,
    }
}

/// Returns the state that comes with the dossier, under the norm's own word where it is known. The lists are
/// what tells a state: a dossier read in full tells only another one that is known. Where the two spell one
/// state each in its way, it would otherwise be another at every reading.
fn state(detail: &DossierDetail, known: Option<Etat>) -> Option<EtatSeen> {
    let raw = detail.numeros.etat.clone();
    let etat = match (raw, detail.etat) {
        (_, Some(same)) if Some(same) == known => None,
        (_, None) if known.is_some() => None,
        (Some(raw), Some(other)) if Etat::read(&raw).is_none() => Some(other.as_str().to_owned()),
        (raw, _) => raw,
    };
    Some(EtatSeen {
        numero_interne: detail.numeros.numero_interne.clone()?,
        numero_externe: detail.numeros.numero_externe.clone(),
        numero_deca: detail.numeros.numero_deca.clone(),
        etat,
    })
}

/// Returns what the log says of a reading: which échéances, and what of them. No amount and no nature:
/// a supplement would tell a disability.
fn event(
    job: &ScheduleJob,
    after: &Echeancier,
    found: Option<&[Change]>,
    now: Timestamp,
) -> Option<NewEvent> {
    let data = match found {
        None => {
            let mut numeros: Vec<i64> = after.echeances.iter().filter_map(|e| e.numero).collect();
            numeros.sort_unstable();
            numeros.dedup();
            serde_json::json!({ "first": true, "echeances": numeros, "what": [] })
        }
        Some([]) => return None,
        Some(found) => {
            let mut numeros: Vec<i64> = found.iter().filter_map(|change| change.numero).collect();
            numeros.sort_unstable();
            numeros.dedup();
            let mut what: Vec<Changed> = found.iter().map(|change| plain(change.what)).collect();
            what.sort_unstable();
            what.dedup();
            serde_json::json!({ "first": false, "echeances": numeros, "what": what })
        }
    };
    let mut event = NewEvent::new(now, "dossier.echeancier_changed").with(data);
    event.delivery = job.dossier.delivery;
    event.dossier = Some(job.dossier.id);
    Some(event)
}

fn plain(what: Changed) -> Changed {
    match what {
        Changed::Rqth => Changed::Amount,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// What a dossier read in full tells of its state, where the lists told one.
    fn told(raw: Option<&str>, known: Option<Etat>) -> Option<String> {
        let detail = DossierDetail {
            numeros: domain::Receipt {
                numero_interne: Some("1".to_owned()),
                etat: raw.map(str::to_owned),
                ..domain::Receipt::default()
            },
            etat: raw
                .and_then(Etat::read)
                .or((raw == Some("Engagé")).then_some(Etat::Engage)),
            commentaire_etat: None,
            cerfa: Value::Null,
            echeancier: Echeancier::default(),
            oddities: Vec::new(),
            unknown: Vec::new(),
            brut: Value::Null,
        };
        state(&detail, known).unwrap().etat
    }

    #[test]
    fn a_dossier_in_full_tells_only_another_state_that_is_known() {
        let engage = Some(Etat::Engage);
        assert_eq!(told(Some("SOLDE"), engage).as_deref(), Some("SOLDE"));
        assert_eq!(told(Some("Engagé"), None).as_deref(), Some("ENGAGE"));
        // The lists spell it in their own way, known or not.
        assert_eq!(told(Some("ENGAGE"), engage), None);
        assert_eq!(told(Some("EN_ATTENTE_PIECE"), engage), None);
        assert_eq!(
            told(Some("EN_ATTENTE_PIECE"), None).as_deref(),
            Some("EN_ATTENTE_PIECE")
        );
        assert_eq!(told(None, engage), None);
    }
}
