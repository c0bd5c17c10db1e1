//! Dossiers an OPCO knows and no ERP sent, and the reverse: read once, paired with what was sent, and
//! followed when a person says so.

mod act;
mod listed;
mod pairs;

use domain::id::{DeliveryId, DossierId};
use domain::matching::{self, Traits};
use domain::orphan::Side;
use domain::{Dossier, Secret, Timestamp};
use jiff::civil::Date;
use opco::DossierDetail;
use serde::{Deserialize, Serialize};
use store::strangers::{self, Batch, Job, Prints, Reading};
use store::{NewEvent, SealedPayload, StoreError, TenantKey};

pub(crate) use self::act::{Refusal, Request, act};
pub(crate) use self::listed::{Cote, Listed, Question, list};
pub(crate) use self::pairs::{Proposed, grace, propose};
use crate::app::App;
use crate::details::Read;
use crate::intake::purpose;
use crate::{contract, pause};

/// What tells one contract from another: sealed, and shown to who may see the dossier. The social
/// security number is not kept. No `Debug`: nothing prints it.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Person {
    /// Birth name of the apprentice.
    pub(crate) nom: Option<String>,
    /// First given name of the apprentice.
    pub(crate) prenom: Option<String>,
    /// Birth date of the apprentice.
    pub(crate) date_naissance: Option<Date>,
    /// Establishment of the employer.
    pub(crate) siret_employeur: Option<String>,
    /// First day of the contract.
    pub(crate) date_debut_contrat: Option<Date>,
    /// Establishment of the training centre.
    pub(crate) siret_cfa: Option<String>,
}

impl Person {
    fn of(dossier: &Dossier) -> Self {
        let cerfa = &dossier.cerfa;
        Self {
            nom: cerfa.apprenti.nom.clone(),
            prenom: cerfa.apprenti.prenom.clone(),
            date_naissance: cerfa.apprenti.date_naissance,
            siret_employeur: cerfa.employeur.siret.map(|siret| siret.to_string()),
            date_debut_contrat: cerfa.contrat.date_debut_contrat,
            siret_cfa: dossier.siret_cfa().map(|siret| siret.to_string()),
        }
    }

    /// Opens what was kept of a stranger. Nothing, when it was never read.
    pub(crate) fn of_stranger(keys: &TenantKey, stranger: &strangers::Stranger) -> Option<Self> {
        let sealed = stranger.sealed.as_ref()?;
        match keys.open_secret(stranger.id.as_bytes(), strangers::PART, sealed) {
            Ok(text) => serde_json::from_str(text.expose()).ok(),
            Err(error) => {
                tracing::warn!(dossier.id = %stranger.id, error = %error, "a stranger does not open");
                None
            }
        }
    }

    /// Opens what was sent. Nothing, when it was shredded.
    pub(crate) fn of_payload(
        keys: &TenantKey,
        id: DeliveryId,
        sealed: &SealedPayload,
    ) -> Option<Self> {
        let opened = contract::open_sealed(keys, id, sealed).ok()?;
        Some(Self::of(&opened.dossier))
    }

    fn traits(&self) -> Option<Traits<'_>> {
        Some(Traits {
            nom: self.nom.as_deref()?,
            prenom: self.prenom.as_deref()?,
            date_naissance: self.date_naissance?,
            siret_employeur: self.siret_employeur.as_deref()?,
            date_debut_contrat: self.date_debut_contrat?,
            nir: None,
        })
    }

    /// Borrows what it is paired by, when all of it is known.
    fn side(&self) -> Option<Side<'_>> {
        Some(Side {
            traits: self.traits()?,
            siret_cfa: self.siret_cfa.as_deref(),
        })
    }

    fn prints(&self, keys: &TenantKey) -> Prints {
        let Some(traits) = self.traits() else {
            return Prints::default();
        };
        let [_, contract, person] = matching::near_texts(&traits);
        let [_, of_contract, of_person] = purpose::NEAR;
        let print = |purpose, text: Option<String>| Some(keys.fingerprint(purpose, &text?));
        let pairing = matching::pairing_text(&traits);
        Prints {
            pairing: Some(keys.fingerprint(contract::PAIRING, &pairing)),
            contract: print(of_contract, contract),
            person: print(of_person, person),
        }
    }
}

/// Keeps what reading strangers told, in one transaction: each is told once.
pub(crate) async fn keep(
    app: &App,
    batch: &Batch,
    read: &Read,
    now: Timestamp,
) -> Result<(), StoreError> {
    let key = &batch.key;
    let keys = app.store.keys(key.tenant).await?;
    let mut tx = app.store.writing().await?;
    let mut events = Vec::new();
    for job in &batch.jobs {
        let numero = job.numero_interne.as_str();
        let reading = match read.details.get(numero) {
            Some(detail) => reading(&keys, job.id, detail)?,
            // Listed, and not shown in full: it is an orphan all the same.
            None if read.is_unknown(numero) => Reading::default(),
            None => {
                let (_, due_at) = read.again(numero, job.failures, now);
                strangers::later(&mut tx, key.tenant, job.id, &app.owner, due_at).await?;
                continue;
            }
        };
        if let Some(pairing) = reading.prints.pairing
            && strangers::in_flight(&mut tx, key.tenant, key.environment, pairing).await?
        {
            // Ours, most likely: the answer that tells its number is still to come.
            let due_at = pause::later(now, app.settings.poll.hot());
            strangers::later(&mut tx, key.tenant, job.id, &app.owner, due_at).await?;
            continue;
        }
        let told = strangers::found(&mut tx, key.tenant, job.id, &app.owner, &reading, now);
        if told.await? {
            let etat = read.details.get(numero).and_then(|detail| detail.etat);
            events.push(found(batch, job, &reading, etat, now));
        }
    }
    store::events::append(&mut tx, key.tenant, &events);
    tx.commit().await
}

fn reading(keys: &TenantKey, id: DossierId, detail: &DossierDetail) -> Result<Reading, StoreError> {
    let person = contract::of_wire(&detail.cerfa).map(|dossier| Person::of(&dossier));
    let person = person.unwrap_or_default();
    // Texts and dates: writing them cannot fail.
    let text = Secret::new(serde_json::to_string(&person).unwrap_or_default());
    Ok(Reading {
        sealed: Some(keys.seal_secret(id.as_bytes(), strangers::PART, &text)?),
        prints: person.prints(keys),
        numero_externe: detail.numeros.numero_externe.clone(),
        numero_deca: detail.numeros.numero_deca.clone(),
    })
}

/// Returns what the log says of a stranger: its numbers and its OPCO, never a name.
fn found(
    batch: &Batch,
    job: &Job,
    reading: &Reading,
    etat: Option<domain::Etat>,
    now: Timestamp,
) -> NewEvent {
    let told = |numero: &Option<String>| numero.as_deref().map(opco::reference);
    let mut event = NewEvent::new(now, "dossier.orphan_found").with(serde_json::json!({
        "opco": batch.key.instance.opco,
        "siretCfa": batch.key.siret_cfa,
        "numeroInterne": opco::reference(&job.numero_interne),
        "numeroExterne": told(&reading.numero_externe),
        "numeroDeca": told(&reading.numero_deca),
        "etat": etat,
    }));
    event.dossier = Some(job.id);
    event
}
