//! Taking a judged payload into custody, behind its contract.

use std::sync::Arc;

use domain::finding;
use domain::id::DeliveryId;
use domain::payload::Payload;
use domain::route::{RouteSource, TrailStep};
use domain::rules::{self, RULE_SET};
use domain::{
    Confidence, Effect, Finding, Kind, Route, RouteOutcome, Status, Timestamp, WaitReason,
};
use serde_json::Value;
use store::{
    Accepted as Stored, Fingerprint, Idempotency, NewDelivery, NewEvent, Received, Standing,
    StoreError, TenantKey,
};
use zeroize::Zeroizing;

use super::{ADJUSTED, CONTRACT, FollowUp, Judged, Whose, invoice, judge};
use crate::app::App;
use crate::failpoint::{self, Step};
use crate::files::{Held, Pledged, outgoing};
use crate::intake::{self, Accepted, IDEMPOTENCY_DAYS, Refused, Sender, key_print};
use crate::mutation::{self, Mutation};
use crate::plan::Way;
use crate::system::System;
use crate::{pause, reroute};

/// What travels beside a payload that is handed in.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    /// The sender's idempotency key, and the route it belongs to.
    pub(crate) idempotency: Option<(&'static str, String)>,
    /// The sender's trace.
    pub(crate) traceparent: Option<String>,
    /// Whether what a person would have to mend, or a date has to open, is refused instead of kept.
    pub(crate) refuses_holds: bool,
}

/// Takes a payload into custody, and its file with it. Refused or answered before, the file is removed.
pub(crate) async fn accept(
    app: &App,
    sender: &Sender,
    follow: FollowUp,
    held: Option<Held>,
    beside: Beside,
) -> Result<Accepted, Refused> {
    let now = app.clock.now();
    let keys = Arc::clone(&app.views.network(app, sender.tenant).await?.keys);
    let idempotency = beside.idempotency.map(|(route, key)| Idempotency {
        route,
        key: key_print(&keys, sender.environment, &key),
        content: keys.fingerprint("content", &sent(&follow, held.as_ref())),
        expires_at: pause::days_later(now, IDEMPOTENCY_DAYS),
    });
    let judged = Box::pin(judge(app, &Whose::of(sender), &follow)).await;
    if let (
        Err(Refused::Findings(_) | Refused::Duplicate { .. } | Refused::ClosedSite(_)),
        Some(given),
    ) = (&judged, &idempotency)
        && let Some(earlier) = earlier(app, sender, given, now).await?
    {
        return Ok(earlier);
    }
    let judged = judged?;
    match judged.way {
        Way::Hold(reason) if beside.refuses_holds => {
            return Err(Refused::Held(reason, judged.findings));
        }
        Way::Await(WaitReason::OpeningDate, _) if beside.refuses_holds => {
            return Err(Refused::TooEarly(judged.findings));
        }
        _ => {}
    }
    failpoint::pass(Step::Checked);
    let whose = (judged.siret_cfa, &*judged.view);
    let entered = match intake::enter(app, sender, whose, now).await {
        Err(refused @ Refused::Ceiling(_)) => {
            // What was taken once stays taken, whatever was reached since.
            let earlier = match &idempotency {
                Some(given) => earlier(app, sender, given, now).await?,
                None => None,
            };
            return earlier.ok_or(refused);
        }
        entered => entered?,
    };
    let beside = (idempotency, beside.traceparent);
    let file = held.as_ref().and_then(Held::received);
    let mut new = new_delivery(sender, &keys, &follow, (&judged, beside), file, now)?;
    let (id, standing) = (new.id, new.standing);
    let pledged = held.and_then(Held::pledge);
    new.files.extend(pledged.as_ref().map(Pledged::row));
    let stored = app.committer.accept(Arc::new(new), None).await?;
    failpoint::pass(Step::Accepted);
    if matches!(stored, Stored::Stored | Stored::Claimed) {
        entered.kept();
        app.metrics
            .accepted(judged.completed.kind(), sender.environment, standing.status);
        invoice::refresh(app, &judged, app.clock.now()).await?;
        return Ok(taken(app, sender, judged, (id, standing)));
    }
    if let Some(pledged) = pledged {
        pledged.take_back();
    }
    not_taken(app, sender, stored, judged.findings).await
}

/// Hands over what can go at once, and says where it stands.
fn taken(
    app: &App,
    sender: &Sender,
    judged: Judged,
    (id, standing): (DeliveryId, Standing),
) -> Accepted {
    if let (Some(target), Status::Queued) = (judged.target, standing.status) {
        let system = System {
            instance: target,
            environment: sender.environment,
        };
        app.inbox.hand_over(sender.tenant, system, id);
    }
    Accepted {
        id,
        status: standing.status,
        waiting: standing.wait_reason,
        held: standing.hold_reason,
        opco: judged.target.map(|target| target.opco),
        route: route(&judged),
        warnings: judged.findings,
        replayed: false,
    }
}

/// Answers a payload that the store did not take: it has it, or another like it.
async fn not_taken(
    app: &App,
    sender: &Sender,
    stored: Stored,
    mut findings: Vec<Finding>,
) -> Result<Accepted, Refused> {
    match stored {
        Stored::Replayed {
            existing,
            same_content: true,
        } => intake::replayed(app, sender, existing).await,
        Stored::Replayed { existing, .. } => Err(Refused::KeyReused(existing)),
        Stored::DuplicateDossier { existing } => {
            findings.push(double());
            let seen = intake::sees(app, sender, existing).await?;
            let existing = seen.then_some(existing);
            Err(Refused::Duplicate { existing, findings })
        }
        Stored::Stored | Stored::Claimed | Stored::Resembles { .. } => Err(Refused::Store(
            Arc::new(StoreError::Conflict("only contracts are compared")),
        )),
    }
}

/// Returns the delivery that the same key of idempotency led to, and whether it was for this very content.
pub(crate) async fn recall(
    app: &App,
    sender: &Sender,
    (follow, held): (&FollowUp, Option<&Held>),
    (route, key): (&'static str, &str),
) -> Result<Option<(DeliveryId, bool)>, StoreError> {
    let network = app.views.network(app, sender.tenant).await?;
    let keys = &network.keys;
    let key = key_print(keys, sender.environment, key);
    let now = app.clock.now();
    let mut tx = app.store.reading().await?;
    let used = store::deliveries::by_idempotency_key(&mut tx, sender.tenant, route, key, now);
    let used = used.await?;
    let content = keys.fingerprint("content", &sent(follow, held));
    Ok(used.map(|(existing, stored)| (existing, stored == content)))
}

/// Returns the answer that the same call had before. Its contract has moved on since, perhaps because
/// of that very call, and the rules would now refuse what was taken then.
async fn earlier(
    app: &App,
    sender: &Sender,
    given: &Idempotency,
    now: Timestamp,
) -> Result<Option<Accepted>, Refused> {
    let mut tx = app.store.reading().await?;
    let (tenant, route) = (sender.tenant, given.route);
    let used =
        store::deliveries::by_idempotency_key(&mut tx, tenant, route, given.key, now).await?;
    drop(tx);
    match used {
        None => Ok(None),
        Some((existing, content)) if content == given.content => {
            intake::replayed(app, sender, existing).await.map(Some)
        }
        Some((existing, _)) => Err(Refused::KeyReused(existing)),
    }
}

/// Returns what the sender said, by which two calls are the same: parts and their boundaries are not in
/// it, the file is by its content.
fn sent(follow: &FollowUp, held: Option<&Held>) -> Zeroizing<String> {
    let contract = follow.contract.map(|id| id.to_string());
    let beside = (contract, follow.opco, follow.adjusted.as_deref());
    let payload = follow.reading.payload.write();
    let mut text = Zeroizing::new(format!("{payload}\u{0}{beside:?}"));
    if let Some(file) = held.and_then(Held::received) {
        text.push('\0');
        text.push_str(
            &file
                .fingerprint
                .0
                .map(|byte| format!("{byte:02x}"))
                .concat(),
        );
    }
    text
}

fn new_delivery(
    sender: &Sender,
    keys: &TenantKey,
    follow: &FollowUp,
    (judged, (idempotency, traceparent)): (&Judged, (Option<Idempotency>, Option<String>)),
    file: Option<&Received>,
    now: Timestamp,
) -> Result<NewDelivery, StoreError> {
    let payload = &follow.reading.payload;
    let (id, kind) = (DeliveryId::new(now), payload.kind());
    let body = sealed_form(payload, judged, follow.adjusted.as_deref());
    let lane = lane(keys, judged, follow, id);
    let sealed = keys.seal_payload(id, body.as_bytes(), None)?;
    let standing = reroute::standing_of(judged.way, now);
    let proof = file
        .map(|file| {
            let what = (file.kind, file.bytes);
            outgoing::proof(keys, (id, &sealed), what, &file.facts)
        })
        .transpose()?;
    let mut event = accepted(sender, (id, kind, standing), judged, proof.as_ref(), now);
    event.content_hash = Some(keys.content_hash(id, &sealed, body.as_bytes())?);
    let contract = judged.link.delivery.as_ref();
    Ok(NewDelivery {
        tenant: sender.tenant,
        id,
        environment: sender.environment,
        kind,
        standing,
        lane,
        opco: judged.target.map(|target| target.opco),
        instance: judged.target.map_or(1, |target| target.number),
        credential: Some(sender.credential),
        siret_cfa: judged.siret_cfa,
        siret_employeur: payload
            .siret_employeur()
            .or_else(|| contract?.siret_employeur),
        route_json: serde_json::to_string(&route(judged)).unwrap_or_default(),
        warnings_json: finding::kept::write(&judged.findings),
        idempotency,
        pairing: natural_key(payload).map(|key| {
            let lane = lane.0.map(|byte| format!("{byte:02x}")).concat();
            keys.fingerprint("natural-key", &format!("{lane}|{key}"))
        }),
        match_keys: [None; 3],
        compared: true,
        sealed,
        // The contract's; of a dossier filed elsewhere, nothing tells the person but its number.
        person: judged.link.person.unwrap_or(lane),
        rule_set: RULE_SET.to_owned(),
        traceparent,
        version: judged.version(),
        mandate: None,
        created_at: now,
        event,
        claim: None,
        files: Vec::new(),
        invoice: invoice::row(payload, judged),
        about: match payload {
            Payload::Document(_) if !judged.also.is_empty() => invoice::contracts(judged),
            _ => Vec::new(),
        },
    })
}

/// Says in the log what was accepted.
fn accepted(
    sender: &Sender,
    (id, kind, standing): (DeliveryId, Kind, Standing),
    judged: &Judged,
    file: Option<&Value>,
    now: Timestamp,
) -> NewEvent {
    NewEvent::new(now, "delivery.accepted")
        .delivery(id)
        .by(format!("credential:{}", sender.credential))
        .with(serde_json::json!({
            "kind": kind,
            "status": standing.status,
            "held": standing.hold_reason,
            "waiting": standing.wait_reason,
            "opco": judged.target.map(|target| target.opco),
            "contract": judged.link.delivery.as_ref().map(|contract| contract.id.to_string()),
            "version": judged.version(),
            "file": file,
            "rule_set": RULE_SET,
            "rules": judged.findings.iter().map(|finding| finding.rule).collect::<Vec<_>>(),
        }))
}

/// Returns the text it is sealed as: the wire form, with the delivery of its contract beside it.
fn sealed_form(payload: &Payload, judged: &Judged, adjusted: Option<&str>) -> Zeroizing<String> {
    let mut written = payload.write();
    if let Value::Object(members) = &mut written {
        if let Some(contract) = &judged.link.delivery {
            members.insert(CONTRACT.to_owned(), contract.id.to_string().into());
        }
        if let Some(reason) = adjusted {
            members.insert(ADJUSTED.to_owned(), reason.into());
        }
    }
    Zeroizing::new(written.to_string())
}

/// Returns its place in line: its contract's, so that the contract goes first; else that of the number
/// it names.
fn lane(keys: &TenantKey, judged: &Judged, follow: &FollowUp, id: DeliveryId) -> Fingerprint {
    if let Payload::Facture(facture) = &follow.reading.payload {
        // It waits for what may last for months: it stands in a line of its own.
        let named = (facture.siret_emetteur, facture.numero.as_deref());
        return keys.fingerprint("lane", &format!("facture|{named:?}"));
    }
    if let Some(contract) = &judged.link.delivery
        && !mutation::planted(Mutation::FollowUpAhead)
    {
        return contract.lane;
    }
    let opco = judged.target.map(|target| target.opco.slug());
    let mut payload = follow.reading.payload.clone();
    let numero = payload.numeros_mut().into_iter().next();
    let numero = numero.map_or_else(|| id.to_string(), |(_, numero)| numero.clone());
    keys.fingerprint("lane", &format!("{}|{numero}", opco.unwrap_or_default()))
}

/// Returns what must not be there twice in one lane: a contract ends once, a period is certified once,
/// an emitter has one invoice of a number.
fn natural_key(payload: &Payload) -> Option<String> {
    match payload {
        Payload::Rupture(_) => Some("rupture".to_owned()),
        // Its line is its number.
        Payload::Facture(_) => Some("facture".to_owned()),
        Payload::Certificat(certificat) => Some(format!(
            "certificat|{:?}|{:?}|{:?}",
            certificat.type_certificat, certificat.echeance.numero, certificat.echeance.date_fin
        )),
        _ => None,
    }
}

/// Says whose OPCO it is: the contract's, once that has one, or the one the sender chose.
pub(super) fn route(judged: &Judged) -> Route {
    let contract = judged.link.delivery.as_ref();
    let siret = contract.and_then(|contract| contract.siret_employeur);
    let (source, said) = match (judged.link.target(), judged.target) {
        (Some(_), _) => (RouteSource::Contract, "l'OPCO du contrat"),
        (None, Some(_)) => (RouteSource::Chosen, "l'expéditeur a choisi l'OPCO"),
        (None, None) => (RouteSource::None, "le contrat n'a pas encore d'OPCO"),
    };
    Route {
        opco: judged.target.map(|target| target.opco),
        outcome: match judged.target {
            Some(_) => RouteOutcome::Resolved,
            None => RouteOutcome::Unknown,
        },
        confidence: match judged.target {
            Some(_) => Confidence::Declared,
            None => Confidence::None,
        },
        source,
        siret: siret.map(|siret| siret.to_string()).unwrap_or_default(),
        managed_by: None,
        as_of: None,
        idcc: None,
        candidates: Vec::new(),
        trail: vec![TrailStep {
            step: source,
            said: said.to_owned(),
        }],
    }
}

fn double() -> Finding {
    let mut finding = rules::finding("DUP-001", "", &[]);
    finding.effect = Effect::Conflict;
    "Un envoi identique est déjà en route ou reçu.".clone_into(&mut finding.message);
    "Suivez la livraison citée ; annulez-la avant d'en déposer une autre."
        .clone_into(&mut finding.remedy);
    finding
}
