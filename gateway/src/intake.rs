//! Taking a contract in: read, judged, routed, compared, and in custody before anyone is told so.

mod likeness;
mod same;
mod site;

use std::sync::Arc;

use domain::calendar::day_in_france;
use domain::dossier::Reading;
use domain::finding;
use domain::id::{CredentialId, DeliveryId, EventId, MandateId, TenantId};
use domain::matching;
use domain::rules::{self, Context, RULE_SET};
use domain::{
    Effect, Environment, Finding, HoldReason, Kind, Opco, Route, Secret, Siret, Status, Timestamp,
    WaitReason,
};
use jiff::civil::Date;
use store::accept::Claim;
use store::{
    Accepted as Stored, Fingerprint, GivenMandate, Idempotency, NewDelivery, NewEvent, Standing,
    StoreError, TenantKey,
};
use zeroize::Zeroizing;

use crate::app::App;
use crate::ceilings::{Entered, Reached};
use crate::failpoint::{self, Step};
use crate::follow_up::unless_refused;
use crate::mutation::{self, Mutation};
use crate::plan::{self, Plan, Question, Way};
use crate::system::System;
use crate::view::View;
use crate::{contract, pause, reroute, worker};

pub(crate) use self::likeness::{Twins, told, told_to};
pub(crate) use self::same::{is_same, recall, replayed};
pub(crate) use self::site::{enter, is_closed};

/// How long an idempotency key is remembered. Published in the API's description.
pub(crate) const IDEMPOTENCY_DAYS: i64 = 7;

/// The purposes under which texts are fingerprinted; two purposes never give the same value.
pub(crate) mod purpose {
    pub(crate) const NEAR: [&str; 3] = ["near-nir", "near-contract", "near-person"];
    pub(super) const PERSON: &str = "person";
    pub(super) const IDEMPOTENCY_KEY: &str = "idempotency-key";
    pub(super) const CONTENT: &str = "content";
}

/// A contract handed in, read and not yet judged.
#[derive(Debug)]
pub(crate) struct Submission {
    /// The contract, and what reading it found, the envelope included.
    pub(crate) reading: Reading,
    /// The mandate that came with it.
    pub(crate) mandate: Option<Mandate>,
    /// The OPCO the sender named.
    pub(crate) opco: Option<Opco>,
    /// The sender's idempotency key, and the route it belongs to.
    pub(crate) idempotency: Option<(&'static str, String)>,
    /// The sender's trace.
    pub(crate) traceparent: Option<String>,
    /// Whether what a person would have to mend is refused, instead of being kept for that person.
    pub(crate) refuses_holds: bool,
}

/// A management mandate, as the sender records it.
#[derive(Debug, Clone)]
pub(crate) struct Mandate {
    /// The sender's reference.
    pub(crate) reference: String,
    /// The day it was signed.
    pub(crate) signed_on: Date,
    /// The SHA-256 of the signed document.
    pub(crate) document_hash: Option<[u8; 32]>,
}

/// Who hands in: all of it comes from the credential.
#[derive(Debug, Clone)]
pub(crate) struct Sender {
    /// The network.
    pub(crate) tenant: TenantId,
    /// The credential.
    pub(crate) credential: CredentialId,
    /// Which world.
    pub(crate) environment: Environment,
    /// The sites it speaks for; all of the network's when absent.
    pub(crate) sites: Option<Arc<[Siret]>>,
}

/// What became of a contract at the door.
#[derive(Debug, Clone)]
pub(crate) struct Accepted {
    /// The delivery to follow.
    pub(crate) id: DeliveryId,
    /// Where it stands.
    pub(crate) status: Status,
    /// Why it waits.
    pub(crate) waiting: Option<WaitReason>,
    /// Why a person must act.
    pub(crate) held: Option<HoldReason>,
    /// The OPCO it goes to.
    pub(crate) opco: Option<Opco>,
    /// Why that OPCO.
    pub(crate) route: Route,
    /// What was found and does not refuse it.
    pub(crate) warnings: Vec<Finding>,
    /// Whether this is the answer of an earlier call with the same key.
    pub(crate) replayed: bool,
}

/// Why a contract is not taken. Nothing of it is kept.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The rules refuse it.
    Findings(Vec<Finding>),
    /// A person must mend something first, and the sender wanted it refused then.
    Held(HoldReason, Vec<Finding>),
    /// It would wait for a date, and the sender wanted it refused then.
    TooEarly(Vec<Finding>),
    /// The same contract is on its way already (DUP-001).
    Duplicate {
        /// That delivery; none when it is of a site that the sender does not speak for.
        existing: Option<DeliveryId>,
        /// All findings, the duplicate among them.
        findings: Vec<Finding>,
    },
    /// The site is not one the credential speaks for.
    ForeignSite(Siret),
    /// The site is closed: it takes no new contract in.
    ClosedSite(Siret),
    /// The site, or the network, handed in as many as it may for now.
    Ceiling(Reached),
    /// The idempotency key was used for another content.
    KeyReused(DeliveryId),
    /// The store cannot take it now.
    Store(Arc<StoreError>),
}

impl From<Arc<StoreError>> for Refused {
    fn from(error: Arc<StoreError>) -> Self {
        Self::Store(error)
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Store(Arc::new(error))
    }
}

/// A contract judged, with everything that speaks for or against sending it.
struct Judged {
    view: Arc<View>,
    question: Question,
    plan: Plan,
    findings: Vec<Finding>,
}

/// Takes a contract into custody.
pub(crate) async fn accept(
    app: &App,
    sender: &Sender,
    submission: Submission,
) -> Result<Accepted, Refused> {
    let judged = match judge(app, sender, &submission).await {
        Err(refused @ (Refused::ClosedSite(_) | Refused::Findings(_))) => {
            let answer = same::earlier(app, sender, &submission, refused).await;
            return answer.inspect_err(|refused| count(app, refused));
        }
        judged => judged?,
    };
    failpoint::pass(Step::Checked);
    let whose = (judged.question.siret_cfa, &*judged.view);
    let entered = match enter(app, sender, whose, judged.question.now).await {
        Err(refused @ Refused::Ceiling(_)) => {
            return same::earlier(app, sender, &submission, refused).await;
        }
        entered => entered?,
    };
    take(app, sender, submission, (judged, entered)).await
}

/// Counts what refused a contract, rule by rule.
fn count(app: &App, refused: &Refused) {
    if let Refused::Findings(findings) = refused {
        for finding in findings.iter().filter(|one| one.effect == Effect::Refuse) {
            app.metrics.refused(finding.rule);
        }
    }
}

/// Judges a contract with the same rules and keeps nothing of it. The answer says what would be.
pub(crate) async fn validate(
    app: &App,
    sender: &Sender,
    submission: &Submission,
) -> Result<(Plan, Vec<Finding>), Refused> {
    let judged = judge(app, sender, submission).await?;
    Ok((judged.plan, judged.findings))
}

async fn judge(app: &App, sender: &Sender, submission: &Submission) -> Result<Judged, Refused> {
    let now = app.clock.now();
    let today = day_in_france(now);
    let dossier = &submission.reading.dossier;
    let findings = rules::examine(&submission.reading, &Context { today });
    let (Some(siret_employeur), Some(siret_cfa)) = (dossier.siret_employeur(), dossier.siret_cfa())
    else {
        // Without both there is nobody to send for or to; the rules have said so.
        return Err(Refused::Findings(findings));
    };
    let view = app.views.of(app, sender.tenant, siret_cfa).await?;
    let allowed = sender
        .sites
        .as_ref()
        .is_none_or(|sites| sites.contains(&siret_cfa));
    if !allowed || !view.site.known {
        return Err(Refused::ForeignSite(siret_cfa));
    }
    // An amendment is about a contract that was taken before.
    if is_closed(app, sender.tenant, siret_cfa, &view).await? && !contract::is_avenant(dossier) {
        return Err(Refused::ClosedSite(siret_cfa));
    }
    let mut findings = unless_refused(rules::effective(findings, &view.network.rules))?;
    let question = Question {
        employer: contract::employer(dossier, siret_employeur, submission.opco),
        siret_cfa,
        environment: sender.environment,
        chosen: None,
        mandate: submission.mandate.is_some(),
        now,
        today,
    };
    let mut plan = plan::plan(&app.routing, &app.seed, &view, &question);
    let view = if matches!(plan.way, Way::Hold(_)) && view.is_stale() {
        // What is missing may have been added a moment ago: ask the store before holding.
        let fresh = app.views.fresh(app, sender.tenant, siret_cfa).await?;
        plan = plan::plan(&app.routing, &app.seed, &fresh, &question);
        fresh
    } else {
        view
    };
    findings.extend(plan.findings.iter().cloned());
    Ok(Judged {
        view,
        question,
        plan,
        findings: unless_refused(findings)?,
    })
}

/// What a contract is kept as, and what it is compared by.
struct Prints {
    /// The bytes to seal: the canonical form without the NIR.
    body: Zeroizing<String>,
    nir: Option<Secret>,
    pairing: Option<Fingerprint>,
    match_keys: [Option<Fingerprint>; 3],
    person: Fingerprint,
    idempotency: Option<Idempotency>,
}

async fn take(
    app: &App,
    sender: &Sender,
    mut submission: Submission,
    (mut judged, entered): (Judged, Entered<'_>),
) -> Result<Accepted, Refused> {
    let view = Arc::clone(&judged.view);
    let keys = &view.network.keys;
    let world = sender.environment;
    let prints = prints(keys, (&mut submission, world), judged.question.now);
    // One contract of a person at a time: two spellings sent together must see each other.
    let _turn = app.views.twins.enter(sender.tenant, prints.person).await;
    let mut standing = standing(&judged.plan, &judged.findings, judged.question.now);
    let refuses_holds = submission.refuses_holds;
    let kept = |standing: Standing, judged: &mut Judged| match standing.hold_reason {
        Some(reason) if refuses_holds => {
            Err(Refused::Held(reason, std::mem::take(&mut judged.findings)))
        }
        _ => Ok(()),
    };
    kept(standing, &mut judged)?;
    let mut new = new_delivery(sender, &mut submission, &prints, &judged, standing)?;
    let id = new.id;
    let slot = match (standing.status, judged.plan.target) {
        (Status::Queued, Some(instance)) => worker::place(
            app,
            System {
                instance,
                environment: sender.environment,
            },
        ),
        _ => None,
    };
    new.claim = slot.as_ref().map(|_| Claim {
        owner: app.owner.clone(),
        until: pause::later(judged.question.now, app.settings.worker.lease()),
        opened: EventId::new(judged.question.now),
    });
    let mut new = Arc::new(new);
    let mut stored = app.committer.accept(Arc::clone(&new), slot).await?;
    if let Stored::Resembles { hits } = stored {
        let dossier = &submission.reading.dossier;
        if let Some(traits) = contract::traits(dossier, prints.nir.as_ref()) {
            let like = likeness::find(app, sender, keys, &traits, &hits).await?;
            let like = rules::effective(like, &view.network.rules);
            judged.findings.extend(like);
        }
        standing = self::standing(&judged.plan, &judged.findings, judged.question.now);
        judged.findings = match unless_refused(judged.findings) {
            Err(refused) => return Err(likeness::refused(app, sender, refused).await?),
            Ok(findings) => findings,
        };
        if let Err(refused) = kept(standing, &mut judged) {
            return Err(likeness::refused(app, sender, refused).await?);
        }
        let again = Arc::make_mut(&mut new);
        again.compared = true;
        again.claim = None;
        again.standing = standing;
        again.warnings_json = finding::kept::write(&judged.findings);
        again.event.data = accepted_data(&judged.plan, &judged.findings, standing);
        stored = app.committer.accept(new, None).await?;
    }
    failpoint::pass(Step::Accepted);
    if matches!(stored, Stored::Stored | Stored::Claimed) {
        entered.kept();
    }
    let Judged { plan, findings, .. } = judged;
    let findings = told_to(app, sender, findings).await?;
    answer(app, sender, stored, (id, standing, plan, findings)).await
}

/// Returns the fingerprint of a key of idempotency. The worlds never mix: what a test key once sent with it
/// says nothing of what a live key sends.
pub(crate) fn key_print(keys: &TenantKey, world: Environment, key: &str) -> Fingerprint {
    keys.fingerprint(purpose::IDEMPOTENCY_KEY, &format!("{world}\n{key}"))
}

/// Takes the NIR out, writes the contract once, and fingerprints everything it is compared by.
fn prints(
    keys: &TenantKey,
    (submission, world): (&mut Submission, Environment),
    now: Timestamp,
) -> Prints {
    let nir = contract::nir(&submission.reading.dossier);
    submission.reading.dossier.take_nir();
    let body = Zeroizing::new(contract::sealed_form(&submission.reading.dossier));
    let traits = contract::traits(&submission.reading.dossier, nir.as_ref());
    let near = traits
        .as_ref()
        .map(matching::near_texts)
        .unwrap_or_default();
    let match_keys = [0, 1, 2].map(|at| {
        let (purpose, text) = (purpose::NEAR.get(at)?, near.get(at)?.as_ref()?);
        Some(keys.fingerprint(purpose, text))
    });
    let pairing = traits
        .as_ref()
        .map(|traits| keys.fingerprint(contract::PAIRING, &matching::pairing_text(traits)));
    // Without a NIR a person is known by name and birth; without those, nobody is taken for another.
    let known_by = match (&nir, near.get(2).and_then(Option::as_deref)) {
        (Some(nir), _) => nir.expose().to_owned(),
        (None, Some(names)) => names.to_owned(),
        (None, None) => EventId::new(now).to_string(),
    };
    let person = keys.fingerprint(purpose::PERSON, &known_by);
    let idempotency = submission
        .idempotency
        .take()
        .map(|(route, key)| Idempotency {
            route,
            key: key_print(keys, world, &key),
            content: keys.fingerprint(purpose::CONTENT, &content(submission, &body, nir.as_ref())),
            expires_at: pause::days_later(now, IDEMPOTENCY_DAYS),
        });
    Prints {
        body,
        nir,
        pairing,
        match_keys,
        person,
        idempotency,
    }
}

/// Seals a judged contract and puts together what is kept of it.
fn new_delivery(
    sender: &Sender,
    submission: &mut Submission,
    prints: &Prints,
    judged: &Judged,
    standing: Standing,
) -> Result<NewDelivery, StoreError> {
    let Judged {
        view,
        question,
        plan,
        findings,
    } = judged;
    let keys = &view.network.keys;
    let now = question.now;
    let id = DeliveryId::new(now);
    let refuses_doubles = rules::effective(vec![rules::duplicate(None)], &view.network.rules)
        .first()
        .is_some_and(|finding| finding.effect == Effect::Conflict);
    let paired = refuses_doubles && !contract::is_avenant(&submission.reading.dossier);
    let sealed = keys.seal_payload(id, prints.body.as_bytes(), prints.nir.as_ref())?;
    let actor = format!("credential:{}", sender.credential);
    let mut event = NewEvent::new(now, "delivery.accepted")
        .delivery(id)
        .by(actor.clone())
        .with(accepted_data(plan, findings, standing));
    // Without the NIR, which is shredded earlier than the rest: nothing must be left to guess it from.
    event.content_hash = Some(keys.content_hash(id, &sealed, prints.body.as_bytes())?);
    if let (true, Some(nir)) = (mutation::planted(Mutation::NirInEvent), &prints.nir) {
        event = event.with(serde_json::json!({ "nir": nir.expose() }));
    }
    Ok(NewDelivery {
        tenant: sender.tenant,
        id,
        environment: sender.environment,
        kind: Kind::Dossier,
        standing,
        // A contract without a pairing key is alone in its lane.
        lane: prints
            .pairing
            .filter(|_| !mutation::planted(Mutation::LaneOfItsOwn))
            .unwrap_or_else(|| keys.fingerprint("lane", &id.to_string())),
        opco: plan.target.map(|target| target.opco),
        instance: plan.target.map_or(1, |target| target.number),
        credential: Some(sender.credential),
        siret_cfa: question.siret_cfa,
        siret_employeur: Some(question.employer.siret),
        route_json: json(&plan.route),
        warnings_json: finding::kept::write(findings),
        idempotency: prints.idempotency.clone(),
        pairing: prints.pairing.filter(|_| paired),
        match_keys: prints.match_keys,
        compared: false,
        sealed,
        files: Vec::new(),
        invoice: None,
        about: Vec::new(),
        person: prints.person,
        rule_set: RULE_SET.to_owned(),
        traceparent: submission.traceparent.take(),
        version: plan.version,
        mandate: submission.mandate.take().map(|mandate| GivenMandate {
            id: MandateId::new(now),
            reference: mandate.reference,
            signed_on: mandate.signed_on,
            document_hash: mandate.document_hash,
            author: actor,
        }),
        created_at: now,
        event,
        claim: None,
    })
}

/// Says what became of it, in the order in which a caller must know.
async fn answer(
    app: &App,
    sender: &Sender,
    stored: Stored,
    (id, standing, plan, mut findings): (DeliveryId, Standing, Plan, Vec<Finding>),
) -> Result<Accepted, Refused> {
    match stored {
        Stored::Stored | Stored::Claimed => {
            app.metrics
                .accepted(Kind::Dossier, sender.environment, standing.status);
            if let (Stored::Stored, Some(target), Status::Queued) =
                (&stored, plan.target, standing.status)
            {
                let system = System {
                    instance: target,
                    environment: sender.environment,
                };
                app.inbox.hand_over(sender.tenant, system, id);
            }
            Ok(Accepted {
                id,
                status: standing.status,
                waiting: standing.wait_reason,
                held: standing.hold_reason,
                opco: plan.target.map(|target| target.opco),
                route: plan.route,
                warnings: findings,
                replayed: false,
            })
        }
        Stored::Replayed {
            existing,
            same_content: true,
        } => replayed(app, sender, existing).await,
        Stored::Replayed {
            existing,
            same_content: false,
        } => Err(Refused::KeyReused(existing)),
        // It was compared before it was handed in again.
        Stored::Resembles { .. } => Err(Refused::Store(Arc::new(StoreError::Conflict(
            "a compared contract was to be compared",
        )))),
        Stored::DuplicateDossier { existing } => {
            let seen = sees(app, sender, existing).await?;
            let existing = seen.then_some(existing);
            let named = existing.map(|existing| existing.to_string());
            findings.push(rules::duplicate(named.as_deref()));
            Err(Refused::Duplicate { existing, findings })
        }
    }
}

/// Returns whether a delivery is of a site that the sender speaks for: another's is not named to it.
pub(crate) async fn sees(
    app: &App,
    sender: &Sender,
    existing: DeliveryId,
) -> Result<bool, StoreError> {
    let Some(sites) = &sender.sites else {
        return Ok(true);
    };
    let mut tx = app.store.reading().await?;
    let found = store::deliveries::find(&mut tx, sender.tenant, existing).await?;
    Ok(found.is_some_and(|found| sites.contains(&found.siret_cfa)))
}

/// Returns what a repeated call must equal: the contract as it is read, and what came beside it.
fn content(submission: &Submission, body: &str, nir: Option<&Secret>) -> Zeroizing<String> {
    let mandate = submission.mandate.as_ref();
    let beside = serde_json::json!([
        submission.opco,
        mandate.map(|mandate| &mandate.reference),
        mandate.map(|mandate| mandate.signed_on.to_string()),
        mandate.and_then(|mandate| mandate.document_hash),
    ]);
    let nir = nir.map_or("", Secret::expose);
    Zeroizing::new(format!("{body}\u{0}{nir}\u{0}{beside}"))
}

/// Returns where a judged contract starts.
fn standing(plan: &Plan, findings: &[Finding], now: Timestamp) -> Standing {
    match (plan.way, plan::first_hold(findings)) {
        (Way::Go, Some(reason)) => Standing::held(reason),
        (way, _) => reroute::standing_of(way, now),
    }
}

/// What the log says of an accepted contract: no personal data, only rule ids and words.
fn accepted_data(plan: &Plan, findings: &[Finding], standing: Standing) -> serde_json::Value {
    serde_json::json!({
        "status": standing.status,
        "held": standing.hold_reason,
        "opco": plan.target.map(|target| target.opco),
        "route_source": plan.route.source,
        "version": plan.version,
        "rule_set": RULE_SET,
        "rules": findings.iter().map(|finding| finding.rule).collect::<Vec<_>>(),
    })
}

fn json<T: serde::Serialize>(value: &T) -> String {
    // Plain data whose keys are texts: writing it cannot fail.
    serde_json::to_string(value).unwrap_or_default()
}
