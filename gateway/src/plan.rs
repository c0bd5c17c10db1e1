//! Where a contract can go, and what stands in its way: route, version, key, mandate.
//!
//! Pure: everything it weighs was read before. The same question is asked when a payload is
//! accepted, when a live lookup has answered, and when a person has acted.

use domain::rules;
use domain::{
    Capability, Effect, Environment, Finding, HoldReason, Instance, Kind, NormVersion, Opco,
    Openness, Route, Severity, Siret, Timestamp, WaitReason,
};
use jiff::civil::Date;

use crate::app::App;
use crate::routing::{self, Employer, Filing, Notice, Routing};
use crate::system::System;
use crate::view::View;

/// A key is announced as expiring this many days ahead (rule KEY-002).
const KEY_EXPIRES_WITHIN_DAYS: i64 = 30;

/// Said when only a suggestion is known.
const WEAK: &str = "OPCO déduit d'un indice trop faible pour transmettre sans confirmation.";

/// Said when the reference names an owner and another manager.
const OWNER_NOT_MANAGER: &str = "Un OPCO est propriétaire de cet établissement et un autre le \
                                 gère : choisissez celui qui reçoit le contrat.";

/// What is asked about one contract.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    /// The employer, as the contract describes it.
    pub(crate) employer: Employer,
    /// The site that sends.
    pub(crate) siret_cfa: Siret,
    /// Which world.
    pub(crate) environment: Environment,
    /// The OPCO a person chose for this very payload.
    pub(crate) chosen: Option<Opco>,
    /// Whether a mandate came with the payload or was added since.
    pub(crate) mandate: bool,
    /// When.
    pub(crate) now: Timestamp,
    /// The day in France.
    pub(crate) today: Date,
}

/// The answer.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Which OPCO and why.
    pub(crate) route: Route,
    /// The system to send to, once the OPCO is settled.
    pub(crate) target: Option<Instance>,
    /// The version of the norm to send in, when a flow is open.
    pub(crate) version: Option<NormVersion>,
    /// Everything found on the way.
    pub(crate) findings: Vec<Finding>,
    /// What happens next.
    pub(crate) way: Way,
}

/// What happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// It can be sent.
    Go,
    /// Only a live lookup can tell the OPCO.
    Lookup,
    /// It goes by itself, and is looked at again then.
    Await(WaitReason, Timestamp),
    /// A person must act.
    Hold(HoldReason),
}

/// Answers from local sources.
pub(crate) fn plan(routing: &Routing, seed: &opco::Seed, view: &View, asked: &Question) -> Plan {
    let local = routing::resolve_local(routing, &asked.employer, &view.network.routes, asked.now);
    follow(routing, seed, view, asked, local)
}

/// Answers once a route is known, whichever way it was found.
pub(crate) fn follow(
    routing: &Routing,
    seed: &opco::Seed,
    view: &View,
    asked: &Question,
    route: Route,
) -> Plan {
    let route = match asked.chosen {
        Some(opco) => chosen(route, opco),
        None => route,
    };
    let mut findings = said_of_route(routing, asked, &route);
    let filing = match asked.chosen {
        Some(opco) => Filing::Go(opco),
        None => routing::filing(&route, view.network.allow_medium),
    };
    let opco = match filing {
        Filing::Go(opco) => opco,
        Filing::Lookup => {
            return Plan {
                route,
                target: None,
                version: None,
                findings,
                way: Way::Lookup,
            };
        }
        Filing::Hold(reason) => {
            findings.push(unrouted(reason, &route));
            return Plan {
                route,
                target: None,
                version: None,
                findings,
                way: Way::Hold(reason),
            };
        }
    };
    let target = Instance::first(opco);
    let version = version(seed, view, target, asked, &mut findings);
    let system = System {
        instance: target,
        environment: asked.environment,
    };
    credentials(view, system, asked.today, &mut findings);
    if !asked.mandate && !view.site.attested_on(asked.today) {
        findings.push(rules::finding("ELI-002", "/cerfa/employeur", &[]));
    }
    let findings = rules::effective(findings, &view.network.rules);
    let way = first_hold(&findings).map_or(Way::Go, Way::Hold);
    Plan {
        route,
        target: Some(target),
        version,
        findings,
        way,
    }
}

/// Returns why a person must act, if a finding asks for one: the first in the order in which they
/// must be mended. What a network refuses at the door and took before it said so is held no less.
pub(crate) fn first_hold(findings: &[Finding]) -> Option<HoldReason> {
    let held = |rule: &str| {
        findings.iter().any(|finding| {
            matches!(finding.effect, Effect::Hold | Effect::Refuse) && finding.rule == rule
        })
    };
    [
        ("ROU-005", HoldReason::FlowNotOpen),
        ("KEY-004", HoldReason::NoSoftwareCredential),
        ("KEY-001", HoldReason::NoKey),
        ("ELI-002", HoldReason::MandateMissing),
        ("DUP-002", HoldReason::ProbableDuplicate),
    ]
    .into_iter()
    .find(|(rule, _)| held(rule))
    .map(|(_, reason)| reason)
}

/// Returns what is open at an OPCO now: the matrix that ships, under the switches in force.
pub(crate) fn capabilities(app: &App, view: &View, target: Instance) -> opco::Capabilities {
    let switches = view.switches(target);
    app.seed
        .of(target.opco)
        .with_switches(switches, app.clock.now())
}

/// Returns whether a capability may be used at a system now.
pub(crate) fn may(app: &App, view: &View, system: System, capability: Capability) -> bool {
    capabilities(app, view, system.instance).is_open(capability, system.environment)
}

/// Returns the version in which contracts are exchanged with a system now, when one is open.
pub(crate) fn open_version(app: &App, view: &View, system: System) -> Option<NormVersion> {
    let capabilities = capabilities(app, view, system.instance);
    opco::choose_version(&capabilities, system.environment).ok()
}

/// Returns whether payloads of a kind can be sent to a system now.
pub(crate) fn is_open(app: &App, view: &View, system: System, kind: Kind) -> bool {
    let capabilities = capabilities(app, view, system.instance);
    opco::choose_way(&capabilities, system.environment, kind).is_ok()
}

fn version(
    seed: &opco::Seed,
    view: &View,
    target: Instance,
    asked: &Question,
    findings: &mut Vec<Finding>,
) -> Option<NormVersion> {
    let switches = view.switches(target);
    let capabilities = seed.of(target.opco).with_switches(switches, asked.now);
    match opco::choose_version(&capabilities, asked.environment) {
        Ok(version) => Some(version),
        Err(found) => {
            findings.push(closed(target.opco, found));
            None
        }
    }
}

/// Says that an OPCO has not opened a flow (ROU-005).
pub(crate) fn closed(opco: Opco, closed: opco::Closed) -> Finding {
    let version = match closed.capability {
        Capability::DossiersV2
        | Capability::FacturesEtats
        | Capability::Certificats
        | Capability::Rupture => NormVersion::V2,
        _ => NormVersion::V1,
    };
    let mut finding = rules::flow_closed(opco, closed.capability, version);
    finding.value = Some(format!("{} : {}", opco.name(), openness(closed.openness)));
    finding
}

/// Finds what is missing to call a system: the software's account, the site's key.
pub(crate) fn credentials(view: &View, system: System, today: Date, findings: &mut Vec<Finding>) {
    if view.software(system).is_none() {
        findings.push(rules::finding("KEY-004", "/cerfa", &[]));
    }
    match view.site.key(system) {
        None => findings.push(rules::finding(
            "KEY-001",
            "/cerfa/organismeFormation/siret",
            &[],
        )),
        Some(key) => {
            if let Some(on) = key.expires_on
                && today
                    .until(on)
                    .is_ok_and(|left| i64::from(left.get_days()) < KEY_EXPIRES_WITHIN_DAYS)
            {
                findings.push(rules::key_expires(on));
            }
        }
    }
}

fn said_of_route(routing: &Routing, asked: &Question, route: &Route) -> Vec<Finding> {
    routing::notices(routing, &asked.employer, route)
        .into_iter()
        .map(|notice| match notice {
            Notice::DeclaredDiffers { declared, found } => rules::opco_differs(declared, found),
            Notice::FoundByAgreement => rules::finding("ROU-003", "/cerfa/employeur/codeIdcc", &[]),
            Notice::AgreementDiffers { .. } | Notice::OverrideDiffers { .. } => {
                let mut finding = rules::finding("ROU-004", "/cerfa/employeur/siret", &[]);
                finding.message = notice.message();
                finding
            }
        })
        .collect()
}

/// Puts in words why no OPCO could be settled.
fn unrouted(reason: HoldReason, route: &Route) -> Finding {
    let rule = match reason {
        HoldReason::AmbiguousRoute | HoldReason::OwnerNotManager => "ROU-002",
        HoldReason::WeakRoute => "ROU-003",
        _ => "ROU-001",
    };
    let mut finding = rules::finding(rule, "/cerfa/employeur/siret", &[]);
    finding.effect = Effect::Hold;
    match reason {
        HoldReason::WeakRoute => {
            finding.severity = Severity::Bloquant;
            WEAK.clone_into(&mut finding.message);
        }
        HoldReason::OwnerNotManager => OWNER_NOT_MANAGER.clone_into(&mut finding.message),
        _ => {}
    }
    let names: Vec<&str> = route
        .opco
        .into_iter()
        .chain(route.managed_by)
        .chain(route.candidates.iter().map(|candidate| candidate.opco))
        .fold(Vec::new(), |mut names, opco| {
            if !names.contains(&opco.name()) {
                names.push(opco.name());
            }
            names
        });
    if !names.is_empty() {
        finding.value = Some(names.join(", "));
    }
    finding
}

/// A person's word, with what the sources said kept in the trail.
fn chosen(mut route: Route, opco: Opco) -> Route {
    use domain::route::{RouteSource, TrailStep};
    route.trail.push(TrailStep {
        step: RouteSource::Chosen,
        said: format!("une personne a choisi {}", opco.name()),
    });
    Route {
        opco: Some(opco),
        outcome: domain::RouteOutcome::Resolved,
        confidence: domain::Confidence::Declared,
        source: RouteSource::Chosen,
        ..route
    }
}

fn openness(openness: Openness) -> &'static str {
    match openness {
        Openness::Production => "ouvert",
        Openness::Recette => "en recette",
        Openness::Developpement => "en développement",
        Openness::Unknown => "inconnu",
    }
}
