//! Orphans, as the control plane shows and settles them: by the functions of the native API.

use admin_api::By;
use admin_api::orphans::{Act, Contract, NotDone, Orphan, Page, Proposal, Question, Side};
use domain::Etat;
use domain::id::{DeliveryId, DossierId};
use store::StoreError;
use store::dossiers::Dossier;
use store::strangers::Stranger;

use super::actor;
use crate::app::App;
use crate::orphans::{self, Cote, Listed, Person, Proposed, Refusal, Request};

/// Lists a page of them.
pub(super) async fn page(app: &App, by: &By, asked: &Question) -> Result<Page, StoreError> {
    let question = orphans::Question {
        opco: asked.opco,
        site: asked.site,
        side: asked.side.map(|side| match side {
            Side::Opco => Cote::Opco,
            Side::Cfa => Cote::Cfa,
        }),
        fate: asked.fate,
        // A place that is none is the start of the list.
        from: asked.after.as_deref().and_then(|after| after.parse().ok()),
        limit: asked.limit,
    };
    let (listed, next) = orphans::list(app, &actor(by), &question).await?;
    Ok(Page {
        orphans: listed.iter().map(orphan).collect(),
        next: next.map(|place| place.to_string()),
    })
}

/// Acts on one, and returns the delivery it is tied to.
pub(super) async fn act(
    app: &App,
    by: &By,
    id: DossierId,
    act: Act,
) -> Result<Option<DeliveryId>, NotDone> {
    let request = Request {
        action: act.action,
        reason: act.reason,
        delivery: act.delivery,
    };
    match orphans::act(app, &actor(by), id, request).await {
        Ok((_, delivery)) => Ok(delivery),
        Err(refusal) => Err(match refusal {
            Refusal::Unknown => NotDone::Unknown,
            Refusal::NotNow(fate) => NotDone::NotNow(fate),
            Refusal::NoDelivery => NotDone::NoDelivery,
            Refusal::OnItsWay(status) => NotDone::OnItsWay(status),
            Refusal::Double(numero) => NotDone::Double(numero),
            Refusal::Changed => NotDone::Changed,
            Refusal::Store(error) => NotDone::Store(error),
        }),
    }
}

fn orphan(listed: &Listed) -> Orphan {
    match listed {
        Listed::Theirs {
            stranger,
            person,
            proposed,
            delivery,
        } => Orphan {
            delivery_id: *delivery,
            contract: person.as_ref().map(contract),
            proposal: proposed.as_deref().map(proposal),
            ..theirs(stranger)
        },
        Listed::Ours { dossier, person } => Orphan {
            contract: person.as_ref().map(contract),
            ..ours(dossier)
        },
    }
}

fn theirs(stranger: &Stranger) -> Orphan {
    Orphan {
        id: stranger.id,
        side: Side::Opco,
        environment: stranger.environment,
        opco: stranger.instance.opco,
        site: stranger.siret_cfa,
        numero_interne: Some(stranger.numero_interne.clone()),
        numero_externe: stranger.numero_externe.clone(),
        numero_deca: stranger.numero_deca.clone(),
        etat: stranger.etat_raw.as_deref().and_then(Etat::read),
        first_seen_at: stranger.first_seen_at,
        last_seen_at: Some(stranger.last_seen_at),
        fate: Some(stranger.fate),
        fate_by: stranger.fate_by.clone(),
        fate_reason: stranger.fate_reason.clone(),
        dossier_id: stranger.adopted_as,
        delivery_id: None,
        contract: None,
        proposal: None,
    }
}

fn ours(dossier: &Dossier) -> Orphan {
    Orphan {
        id: dossier.id,
        side: Side::Cfa,
        environment: dossier.environment,
        opco: dossier.instance.opco,
        site: dossier.siret_cfa,
        numero_interne: dossier.numero_interne.clone(),
        numero_externe: dossier.numero_externe.clone(),
        numero_deca: dossier.numero_deca.clone(),
        etat: dossier.etat,
        first_seen_at: dossier.created_at,
        last_seen_at: dossier.last_read_at,
        fate: None,
        fate_by: None,
        fate_reason: None,
        dossier_id: Some(dossier.id),
        delivery_id: dossier.delivery,
        contract: None,
        proposal: None,
    }
}

fn contract(person: &Person) -> Contract {
    Contract {
        nom: person.nom.clone(),
        prenom: person.prenom.clone(),
        date_naissance: person.date_naissance,
        siret_employeur: person.siret_employeur.clone(),
        date_debut_contrat: person.date_debut_contrat,
        siret_cfa: person.siret_cfa.clone(),
    }
}

fn proposal(proposed: &Proposed) -> Proposal {
    let (candidate, found) = (&proposed.candidate, &proposed.proposal);
    let dossier = candidate.dossier.as_ref();
    Proposal {
        delivery_id: candidate.delivery.id,
        status: candidate.delivery.standing.status,
        opco: candidate.delivery.opco,
        site: candidate.delivery.siret_cfa,
        numero_interne: dossier.and_then(|dossier| dossier.numero_interne.clone()),
        likeness: found.likeness.score,
        reason: found.likeness.reason,
        mismatches: found.mismatches.clone(),
        ambiguous: found.ambiguous,
        sure: found.is_sure(),
    }
}
