//! One attempt at a payload that belongs to a contract: opened, completed with what the OPCO has told
//! since, judged again, sent or looked for.

use domain::outcome::FaultItem;
use domain::payload::{Certificat, Payload};
use domain::{Effect, Fault, FaultKind, Finding, HoldReason, Outcome};
use opco::Operation;
use serde_json::Value;
use store::{SealedPayload, StoredFile};

use super::invoice;
use super::link::{self, Linked};
use super::{ADJUSTED, CONTRACT, FollowUp, Judged, Whose, as_document, certificate, judge};
use crate::contract::OpenError;
use crate::dispatch::{Attempt, Stop, broken};
use crate::files::{Outgoing, outgoing};
use crate::intake::Refused;
use crate::plan::{self, Way};
use domain::calendar::day_in_france;
use domain::rules::FileFacts;
use domain::{DeliveryId, Kind};
use jiff::civil::Date;
use store::TenantKey;

/// A payload ready to be sent.
pub(crate) struct Ready {
    /// The call.
    pub(crate) operation: Operation,
    /// The text that was hashed for the log.
    pub(crate) text: String,
    /// The file that goes with it.
    pub(crate) file: Option<Outgoing>,
    /// The day on which what an invoice bills opens, by the schedule last read.
    pub(crate) opens_on: Option<Date>,
}

impl Ready {
    /// Says why the call stopped at our own file: one that is lost needs a person, one whose storage is
    /// away is tried again.
    pub(crate) fn unreadable(&self, outcome: Outcome) -> Stop {
        let fault = match outcome {
            Outcome::Failed(fault) => fault,
            _ => Fault::new(FaultKind::Misconfigured, "the file of the payload"),
        };
        if self.file.as_ref().is_some_and(Outgoing::is_gone) {
            Stop::Hold(HoldReason::FileUnreadable, fault)
        } else {
            broken(anyhow::anyhow!(
                "a file could not be read: {}",
                fault.detail
            ))
        }
    }
}

/// Opens a sealed payload.
pub(crate) fn open(
    keys: &TenantKey,
    id: DeliveryId,
    kind: Kind,
    sealed: &SealedPayload,
) -> Result<FollowUp, OpenError> {
    let open = keys.open_payload(id, sealed)?;
    let mut root: Value =
        serde_json::from_slice(&open.body).map_err(|_| OpenError::NotAContract)?;
    let mut beside = |name| {
        root.as_object_mut()
            .and_then(|members| members.remove(name))
    };
    let contract = beside(CONTRACT).and_then(|id| id.as_str()?.parse().ok());
    let adjusted = beside(ADJUSTED).and_then(|reason| Some(reason.as_str()?.to_owned()));
    let reading =
        Payload::read(kind, root.to_string().as_bytes()).map_err(|_| OpenError::NotAContract)?;
    Ok(FollowUp {
        reading,
        contract,
        adjusted,
        opco: None,
        file: FileFacts::NotLooked,
    })
}

/// Makes the call of an attempt, or says why there is none yet.
pub(crate) async fn ready(context: &Attempt<'_>) -> Result<Ready, Stop> {
    let (judged, file) = judged(context).await?;
    match judged.way {
        Way::Go => {}
        // Where it goes was settled when it was claimed.
        Way::Lookup => return Err(missing("the contract has no OPCO")),
        Way::Await(reason, until) => {
            invoice::refresh(context.app, &judged, context.job.delivery.created_at)
                .await
                .map_err(broken)?;
            return Err(Stop::Later(reason, until));
        }
        Way::Hold(reason) => return Err(hold(reason, &judged)),
    }
    let kind = context.job.delivery.kind;
    let (kind, payload, file) = match (&judged.completed, judged.channel) {
        (Payload::Certificat(certificat), Some(way)) if as_document(kind, way) => {
            let file = match file {
                Some(file) => stored(context, file)?,
                None => certificate(context, certificat, &judged).await?,
            };
            let described = opco::as_document(certificat);
            (Kind::Document, described.write(), Some(file))
        }
        (payload, _) => {
            let file = file.map(|file| stored(context, file)).transpose()?;
            (kind, payload.write(), file)
        }
    };
    let text = payload.to_string();
    let fichier = file.as_ref().map(|file| file.fichier(kind));
    Ok(Ready {
        opens_on: invoice::opens_on(&judged, day_in_france(context.app.clock.now())),
        operation: Operation::filing(kind, context.version, payload, fichier),
        text,
        file,
    })
}

fn stored(context: &Attempt<'_>, file: StoredFile) -> Result<Outgoing, Stop> {
    let keys = &context.view.network.keys;
    Outgoing::stored(context.app, keys, file).map_err(|error| {
        let fault = Fault::new(FaultKind::Misconfigured, format!("its file: {error}"));
        Stop::Hold(HoldReason::FileUnreadable, fault)
    })
}

/// Writes the certificate that goes as a document, from its own data and its contract's.
async fn certificate(
    context: &Attempt<'_>,
    certificat: &Certificat,
    judged: &Judged,
) -> Result<Outgoing, Stop> {
    let keys = &context.view.network.keys;
    let contract = match &judged.link.delivery {
        Some(contract) => link::open(context.app, contract, keys, "certificate").await,
        None => Ok(None),
    };
    let contract = contract.map_err(broken)?;
    let pdf = contract.and_then(|contract| certificate::written(certificat, &contract));
    let pdf = pdf.ok_or_else(|| {
        let why = "no file, and not enough data to write the certificate from";
        Stop::Hold(
            HoldReason::FileUnreadable,
            Fault::new(FaultKind::Misconfigured, why),
        )
    })?;
    Outgoing::written(pdf, certificate::NAME).map_err(broken)
}

/// Returns whether the norm has a read that shows a payload of this kind.
pub(crate) fn has_look(kind: Kind) -> bool {
    matches!(kind, Kind::Facture | Kind::Rupture)
}

/// Looks for a payload whose answer was lost, where the norm has a read for it (design §6.1).
///
/// It is not judged again: what the OPCO has done with it meanwhile would speak against sending it, and
/// is what is looked for.
pub(crate) async fn look(context: &Attempt<'_>) -> Result<Outcome, Stop> {
    if context.job.delivery.kind == Kind::Facture {
        return invoice::look(context).await;
    }
    if !has_look(context.job.delivery.kind) {
        // Nobody was asked: it says nothing about the OPCO's health.
        let why = "the answer was lost and the norm has no read for it";
        return Ok(Outcome::CouldNotTell(Fault::new(
            FaultKind::Misconfigured,
            why,
        )));
    }
    let delivery = &context.job.delivery;
    let (mut follow, _) = opened(context).await?;
    let whose = Whose::sender_of(delivery);
    let linked = link::find(
        context.app,
        &whose,
        &mut follow.reading.payload,
        follow.contract,
        follow.opco,
    );
    let dossier = match linked.await.map_err(broken)? {
        Linked::To(link) => link.dossier,
        Linked::Several(_) => None,
    };
    let numero = dossier.and_then(|dossier| dossier.numero_interne);
    let version = plan::open_version(context.app, context.view, context.system);
    let (Some(numero), Some(version)) = (numero, version) else {
        let why = "no number, or no way, to read the dossier by";
        return Ok(Outcome::CouldNotTell(Fault::new(
            FaultKind::Misconfigured,
            why,
        )));
    };
    let app = context.app;
    let asked = opco::look_at_dossier(
        (&app.transport, context.profile, &context.identity),
        version,
        &numero,
    );
    let bound = app.real(context.profile.timeout());
    Ok(match tokio::time::timeout(bound, asked).await {
        Ok(seen) => seen.outcome(),
        Err(_) => Outcome::CouldNotTell(Fault::new(FaultKind::Unavailable, "no answer in time")),
    })
}

/// Opens the payload of an attempt and finds its file.
pub(super) async fn opened(context: &Attempt<'_>) -> Result<(FollowUp, Option<StoredFile>), Stop> {
    let delivery = &context.job.delivery;
    let keys = &context.view.network.keys;
    let mut follow = open(keys, delivery.id, delivery.kind, &context.job.sealed).map_err(broken)?;
    let mut tx = context.app.store.reading().await.map_err(broken)?;
    let file = outgoing::of(&mut tx, delivery).await.map_err(broken)?;
    drop(tx);
    follow.opco = delivery.opco;
    follow.file = outgoing::facts(file.as_ref());
    Ok((follow, file))
}

async fn judged(context: &Attempt<'_>) -> Result<(Judged, Option<StoredFile>), Stop> {
    let delivery = &context.job.delivery;
    let (follow, file) = opened(context).await?;
    let whose = Whose::sender_of(delivery);
    match Box::pin(judge(context.app, &whose, &follow)).await {
        Ok(judged) => Ok((judged, file)),
        Err(Refused::Store(error)) => Err(broken(anyhow::Error::from(error))),
        // It was fine when it was taken: what changed is the contract at the OPCO.
        Err(Refused::Findings(findings)) => {
            let stops = |finding: &&Finding| finding.effect == Effect::Refuse;
            let said = findings.iter().find(stops).or(findings.first());
            let said = said.map(|finding| finding.message.as_str());
            let mut fault = Fault::new(FaultKind::Rejected, said.unwrap_or_default());
            let item = |finding: &Finding| FaultItem {
                code: Some(finding.rule.to_owned()),
                text: format!("{} {}", finding.message, finding.remedy),
            };
            fault.items = findings.iter().filter(stops).map(item).collect();
            Err(Stop::Hold(super::broken_by(delivery.kind), fault))
        }
        Err(_) => Err(missing("the site is not the network's any more")),
    }
}

fn missing(why: &str) -> Stop {
    Stop::Hold(
        HoldReason::ContractMissing,
        Fault::new(FaultKind::Rejected, why),
    )
}

fn hold(reason: HoldReason, judged: &Judged) -> Stop {
    let mut said = judged
        .findings
        .iter()
        .map(|finding| finding.message.as_str());
    let said = said.next_back().unwrap_or("its contract is not there");
    Stop::Hold(reason, Fault::new(FaultKind::Misconfigured, said))
}
