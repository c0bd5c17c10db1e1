//! What the control plane borrows from the running gateway.

mod orphans;

use std::time::Duration;

use admin_api::Verdict;
use admin_api::books::{Answer, Blocked, Books, Question, Row, Rows, Sheet, Unanswered};
use admin_api::hooks::{Secrets, Unfit, Wanted};
use admin_api::orphans::{Act, NotDone, Page};
use admin_api::privacy::{
    Download, Erased, Holdings, NotErased, NotOpened, NotShown, Opened, Opening, Retention, Sought,
    Subject,
};
use domain::bulk::Obstacle;
use domain::delivery::Action;
use domain::id::{DeliveryId, DossierId, TenantId};
use domain::{Capability, Environment, FaultKind, Instance, Opco, Receipt};
use store::keys::CfaKey;
use store::proofs::ProofError;
use store::webhooks::{Attempt, Endpoint};
use store::{Delivery, Dossier, StoreError};

use crate::actions::{self, Actor, Refusal, Request};
use crate::app::App;
use crate::books;
use crate::breaker::State;
use crate::http::api_key;
use crate::intake::Mandate;
use crate::limits::Turn;
use crate::notary;
use crate::notify::{self, signature};
use crate::pause;
use crate::probe::{Bench, Untried};
use crate::reconciliation::{self, sheet};
use crate::system::System;
use crate::{privacy, retention, unseal, view};

/// How long a trial of a key may wait for its turn.
const TURN: Duration = Duration::from_secs(5);

/// The gateway, as the control plane sees it.
#[derive(Debug)]
pub(crate) struct Lent(pub(crate) App);

impl admin_api::Works for Lent {
    fn allowed(&self, delivery: &Delivery) -> Vec<Action> {
        actions::allowed(delivery)
    }

    fn obstacle(
        &self,
        delivery: &Delivery,
        action: Action,
        opco: Option<Opco>,
    ) -> Option<Obstacle> {
        actions::obstacle(delivery, action, opco)
    }

    fn act<'a>(
        &'a self,
        by: &'a admin_api::By,
        id: DeliveryId,
        asked: admin_api::Asked,
    ) -> admin_api::Pending<'a, Result<Delivery, admin_api::NotDone>> {
        let actor = actor(by);
        let request = Request {
            action: asked.action,
            reason: asked.reason,
            opco: asked.opco,
            mandate: asked.mandate.map(|(reference, signed_on)| Mandate {
                reference,
                signed_on,
                document_hash: None,
            }),
            receipt: asked.numero_interne.map(|numero| Receipt {
                numero_interne: Some(numero),
                ..Receipt::default()
            }),
            turn: None,
        };
        Box::pin(async move {
            actions::act(&self.0, &actor, id, request)
                .await
                .map_err(not_done)
        })
    }

    fn open(
        &self,
        tenant: TenantId,
        environment: Environment,
    ) -> admin_api::Pending<'_, Result<Vec<admin_api::Open>, StoreError>> {
        Box::pin(async move {
            let now = self.0.clock.now();
            let platform = self.0.views.platform(&self.0).await?;
            let network = self.0.views.network(&self.0, tenant).await?;
            let one = |opco| {
                let instance = Instance::first(opco);
                let switches = view::switches(&platform, &network, instance);
                let open = self.0.seed.of(opco).with_switches(switches, now);
                admin_api::Open {
                    instance,
                    version: opco::choose_version(&open, environment).ok(),
                    capabilities: Capability::ALL
                        .iter()
                        .map(|capability| (*capability, open.openness(*capability)))
                        .collect(),
                }
            };
            Ok(Opco::ALL.into_iter().map(one).collect())
        })
    }

    fn evidence<'a>(
        &'a self,
        delivery: &'a Delivery,
        actor: &'a str,
    ) -> admin_api::Pending<'a, Result<Option<String>, ProofError>> {
        let who = (actor.to_owned(), delivery.environment.as_str());
        Box::pin(notary::evidence(&self.0, delivery.tenant, delivery.id, who))
    }

    fn orphans<'a>(
        &'a self,
        by: &'a admin_api::By,
        question: &'a admin_api::orphans::Question,
    ) -> admin_api::Pending<'a, Result<Page, StoreError>> {
        Box::pin(orphans::page(&self.0, by, question))
    }

    fn act_on_orphan<'a>(
        &'a self,
        by: &'a admin_api::By,
        id: DossierId,
        act: Act,
    ) -> admin_api::Pending<'a, Result<Option<DeliveryId>, NotDone>> {
        Box::pin(orphans::act(&self.0, by, id, act))
    }

    fn books<'a>(
        &'a self,
        dossier: &'a Dossier,
        actor: &'a str,
    ) -> admin_api::Pending<'a, Result<Books, StoreError>> {
        Box::pin(books::open(&self.0, dossier, actor))
    }

    fn reconcile<'a>(
        &'a self,
        question: &'a Question,
        rows: Rows,
        actor: &'a str,
    ) -> admin_api::Pending<'a, Result<Answer, Unanswered>> {
        Box::pin(reconciliation::asked(&self.0, question, rows, actor))
    }

    fn sheet(&self, rows: &[Row], form: Sheet) -> Result<Vec<u8>, Unanswered> {
        match form {
            Sheet::Csv => Ok(sheet::text(rows).into_bytes()),
            Sheet::Xlsx => sheet::xlsx(rows).map_err(|error| {
                tracing::error!(error = %error, "a workbook could not be written");
                Unanswered::Unwritten
            }),
        }
    }

    fn blocked<'a>(
        &'a self,
        question: &'a Question,
    ) -> admin_api::Pending<'a, Result<Blocked, StoreError>> {
        Box::pin(reconciliation::blocked(&self.0, question))
    }

    fn seek<'a>(
        &'a self,
        tenant: TenantId,
        sought: &'a Sought,
        actor: &'a str,
    ) -> admin_api::Pending<'a, Result<Option<Subject>, NotShown>> {
        Box::pin(privacy::seek(&self.0, tenant, sought, actor))
    }

    fn holdings(
        &self,
        tenant: TenantId,
        subject: Subject,
    ) -> admin_api::Pending<'_, Result<Holdings, NotShown>> {
        Box::pin(privacy::holdings(&self.0, tenant, subject))
    }

    fn disclose<'a>(
        &'a self,
        tenant: TenantId,
        subject: Subject,
        by: (&'a str, &'a str),
    ) -> admin_api::Pending<'a, Result<Download, NotShown>> {
        Box::pin(privacy::disclose(&self.0, tenant, subject, by))
    }

    fn erase<'a>(
        &'a self,
        tenant: TenantId,
        shown: (Subject, &'a str),
        by: (&'a str, &'a str),
    ) -> admin_api::Pending<'a, Result<Erased, NotErased>> {
        Box::pin(privacy::erase(&self.0, tenant, shown, by))
    }

    fn open_sealed<'a>(
        &'a self,
        delivery: &'a Delivery,
        opening: Opening<'a>,
    ) -> admin_api::Pending<'a, Result<Opened, NotOpened>> {
        Box::pin(unseal::open(&self.0, delivery, opening))
    }

    fn retention(&self, tenant: TenantId) -> admin_api::Pending<'_, Result<Retention, StoreError>> {
        Box::pin(retention::schedule(&self.0, tenant))
    }

    fn health(&self) -> Vec<admin_api::Health> {
        let now = self.0.clock.now();
        let one = |profile: &opco::Profile, environment| {
            let system = System {
                instance: domain::Instance {
                    opco: profile.opco,
                    number: profile.instance,
                },
                environment,
            };
            admin_api::Health {
                instance: system.instance,
                environment,
                breaker: match self.0.breakers.state(system, now) {
                    State::Closed => admin_api::Breaker::Closed,
                    State::HalfOpen => admin_api::Breaker::Trying,
                    State::Open(until) => admin_api::Breaker::Open(until),
                },
                silent_until: self.0.limits.silent_until(system).filter(|end| now < *end),
                closed_until: None,
            }
        };
        let worlds = |profile| {
            Environment::ALL
                .iter()
                .map(move |world| one(profile, *world))
        };
        self.0.profiles.iter().flat_map(worlds).collect()
    }

    fn probe<'a>(
        &'a self,
        key: &'a CfaKey,
    ) -> admin_api::Pending<'a, Result<admin_api::Probe, StoreError>> {
        Box::pin(probed(&self.0, key))
    }

    fn mint(&self, environment: Environment) -> Option<admin_api::Minted> {
        let made = api_key::mint(environment).ok()?;
        Some(admin_api::Minted {
            key: made.key,
            hash: made.hash,
            prefix: made.prefix,
        })
    }

    fn hook_fits(&self, wanted: &Wanted) -> Vec<Unfit> {
        self.0.notifier.unfit(wanted)
    }

    fn mint_secrets(&self) -> Option<Secrets> {
        signature::mint().ok()
    }

    fn test_hook<'a>(
        &'a self,
        endpoint: &'a Endpoint,
    ) -> admin_api::Pending<'a, Result<Attempt, StoreError>> {
        Box::pin(notify::test(&self.0, endpoint))
    }
}

/// Tries a key in its turn: the limits of the OPCO hold for trials too.
async fn probed(app: &App, key: &CfaKey) -> Result<admin_api::Probe, StoreError> {
    let system = System {
        instance: key.instance,
        environment: key.environment,
    };
    let now = app.clock.now();
    let view = app.views.of(app, key.tenant, key.siret_cfa).await?;
    if view.closed_until(system, now).is_some() {
        return Ok(not_accepted(
            Verdict::Unknown,
            "cet OPCO est en maintenance annoncée : réessayez à la fin",
            "this OPCO is in announced maintenance: try again at its end",
        ));
    }
    let deadline = pause::later(now, TURN);
    if let Turn::NotBefore(_) = app.limits.turn(system, &key.id.to_string(), deadline).await {
        return Ok(not_accepted(
            Verdict::Unknown,
            "la limite d'appels de cet OPCO est atteinte : réessayez dans un instant",
            "this OPCO's limit of calls is reached: try again in a moment",
        ));
    }
    let bench = Bench {
        store: &app.store,
        profiles: &app.profiles,
        seed: &app.seed,
        transport: &app.transport,
        editor: &app.editor,
    };
    let fault = match bench.try_out(key, now).await {
        Ok(expires_on) => {
            return Ok(admin_api::Probe {
                verdict: Verdict::Accepted,
                expires_on,
                why: None,
            });
        }
        Err(Untried::Store(error)) => return Err(error),
        Err(Untried::Fault(fault)) => fault.kind,
        Err(untried) => {
            tracing::warn!(key.id = %key.id, ?untried, "a key could not be tried");
            FaultKind::Misconfigured
        }
    };
    Ok(match fault {
        FaultKind::KeyRefused => not_accepted(
            Verdict::Refused,
            "l'OPCO refuse cette clé : vérifiez sur son extranet qu'elle est celle de ce site",
            "the OPCO refuses this key: check on its extranet that it is this site's",
        ),
        FaultKind::SoftwareRefused => not_accepted(
            Verdict::Unknown,
            "l'OPCO refuse le compte logiciel : la clé n'a pas pu être essayée",
            "the OPCO refuses the software's account: the key could not be tried",
        ),
        FaultKind::Misconfigured => not_accepted(
            Verdict::Unknown,
            "un réglage ou le compte logiciel de cet OPCO manque : voir avec l'exploitant",
            "a setting or the software's account at this OPCO is missing: see the operator",
        ),
        _ => not_accepted(
            Verdict::Unknown,
            "l'OPCO n'a pas pu être interrogé : réessayez plus tard",
            "the OPCO could not be asked: try again later",
        ),
    })
}

fn not_accepted(verdict: Verdict, fr: &'static str, en: &'static str) -> admin_api::Probe {
    admin_api::Probe {
        verdict,
        expires_on: None,
        why: Some((fr, en)),
    }
}

/// Returns a person of the control plane as the one who acts.
pub(crate) fn actor(by: &admin_api::By) -> Actor {
    Actor {
        tenant: by.tenant,
        environment: by.environment,
        sites: by.sites.clone().map(Into::into),
        name: by.name.clone(),
    }
}

fn not_done(refusal: Refusal) -> admin_api::NotDone {
    match refusal {
        Refusal::Unknown => admin_api::NotDone::Unknown,
        Refusal::NotNow { status, allowed } => admin_api::NotDone::NotNow { status, allowed },
        Refusal::Missing(pointer) => admin_api::NotDone::Missing(pointer),
        Refusal::Changed => admin_api::NotDone::Changed,
        Refusal::NumberTaken(_) => admin_api::NotDone::NumberTaken,
        Refusal::Store(error) => admin_api::NotDone::Store(error),
    }
}
