//! Payloads that belong to a contract: agreement, invoice, certificate, document, termination. Linked,
//! judged and planned here; each goes to the OPCO of its contract, after it.

pub(crate) mod certificate;
mod custody;
pub(crate) mod facts;
pub(crate) mod invoice;
mod link;
pub(crate) mod send;
pub(crate) mod take;
mod unknown;

use std::sync::Arc;
use std::time::Duration;

use domain::calendar::{day_in_france, start_of_day_in_france};
use domain::payload::{Payload, Reading};
use domain::rules::{
    self, Awaits, BillingProfile, CertificatContext, ConventionContext, DocumentContext,
    FactureContext, FileFacts, Known, RuptureContext,
};
use domain::{
    Capability, DeliveryId, Effect, Environment, Etat, Finding, HoldReason, Instance, Kind,
    NormVersion, Opco, Severity, Siret, TenantId, Timestamp, WaitReason,
};
use store::Delivery;

pub(crate) use self::custody::{again, written};
use self::link::{Link, Linked};
use crate::app::App;
use crate::intake::{self, Refused, Sender};
use crate::mutation::{self, Mutation};
use crate::pause;
use crate::plan::{self, Way};
use crate::system::System;
use crate::view::View;

/// The member beside a payload that names the delivery of its contract; it is sealed with it.
pub(crate) const CONTRACT: &str = "livraison_contrat";
/// The member beside an invoice that says why it is not what the schedule expects (FAC-011); it is
/// sealed with it.
pub(crate) const ADJUSTED: &str = "facture_ajustee";

/// How long a payload waits for its dossier before it is looked at again by itself; a change of the
/// dossier wakes it sooner.
const AGAIN: Duration = Duration::from_hours(6);
/// The least wait for an échéance that opens.
const OPENED_AGAIN: Duration = Duration::from_mins(1);
/// How long one waits whose contract has no OPCO yet.
const ROUTED_AGAIN: Duration = Duration::from_mins(2);

/// A payload handed in, read and not yet judged.
#[derive(Debug)]
pub(crate) struct FollowUp {
    /// The payload, and what reading it found.
    pub(crate) reading: Reading<Payload>,
    /// The delivery of its contract, when the sender names it.
    pub(crate) contract: Option<DeliveryId>,
    /// The OPCO the sender names.
    pub(crate) opco: Option<Opco>,
    /// Why an invoice is not what the schedule expects, when it is sent as adjusted.
    pub(crate) adjusted: Option<String>,
    /// Its file.
    pub(crate) file: FileFacts,
}

/// What a payload was found to be worth.
#[derive(Debug)]
pub(crate) struct Judged {
    /// Its contract.
    pub(crate) link: Link,
    /// The other contracts of an invoice that bills several, or of a document of several.
    pub(crate) also: Vec<Link>,
    /// The payload, with the numbers that the OPCO has told since.
    pub(crate) completed: Payload,
    /// The site that sends.
    pub(crate) siret_cfa: Siret,
    /// What is known of it.
    pub(crate) view: Arc<View>,
    /// The system it goes to, once its contract has one.
    pub(crate) target: Option<Instance>,
    /// How it goes there, when a flow is open.
    pub(crate) channel: Option<opco::Way>,
    /// Everything found.
    pub(crate) findings: Vec<Finding>,
    /// What happens next.
    pub(crate) way: Way,
}

/// On whose behalf a payload is judged.
#[derive(Debug, Clone)]
pub(crate) struct Whose {
    /// The network.
    pub(crate) tenant: TenantId,
    /// Which world.
    pub(crate) environment: Environment,
    /// The sites; all of the network's when absent.
    pub(crate) sites: Option<Arc<[Siret]>>,
    /// Whether the contract is opened and compared with, which is itself on record: once, when the
    /// payload comes in.
    pub(crate) compares: bool,
    /// The payload itself, when it is in custody already.
    pub(crate) this: Option<DeliveryId>,
    /// Since when it is in custody.
    pub(crate) since: Option<Timestamp>,
    /// Whether the OPCO may have it, since an answer about it was lost.
    pub(crate) in_doubt: bool,
}

impl Judged {
    /// Returns the version of the norm its route is in, when the flow is open.
    pub(crate) fn version(&self) -> Option<NormVersion> {
        self.channel.map(|way| way.version)
    }
}

impl Whose {
    /// For who hands it in.
    pub(crate) fn of(sender: &Sender) -> Self {
        Self {
            tenant: sender.tenant,
            environment: sender.environment,
            sites: sender.sites.clone(),
            compares: true,
            this: None,
            since: None,
            in_doubt: false,
        }
    }

    /// For who handed it in.
    pub(crate) fn sender_of(delivery: &Delivery) -> Self {
        Self {
            tenant: delivery.tenant,
            environment: delivery.environment,
            sites: None,
            compares: false,
            this: Some(delivery.id),
            since: Some(delivery.created_at),
            in_doubt: delivery.first_lost_at.is_some(),
        }
    }
}

/// Judges a payload with everything that is known of its contract.
pub(crate) async fn judge(app: &App, sender: &Whose, follow: &FollowUp) -> Result<Judged, Refused> {
    let mut reading = follow.reading.clone();
    let link = linked(app, sender, follow, &mut reading).await?;
    let also = match &reading.payload {
        Payload::Facture(facture) => link::others(app, sender, facture, &link, follow.opco).await?,
        // Once, to know whose it is as long as it is kept.
        Payload::Document(document) if sender.compares => {
            Ok(link::named_besides(app, sender, document, &link, follow.opco).await?)
        }
        _ => Ok(Vec::new()),
    };
    let also = also.map_err(|opcos| Refused::Findings(vec![several(&opcos)]))?;
    let unknown = unknown::named(&reading.payload, &link, &also);
    link::complete(&mut reading.payload, &link, &also);
    let of_invoice = invoice::context(app, sender, follow, (&link, &also)).await?;
    let examine = |billing, now| {
        examine(
            &reading,
            follow.file,
            (&link, &also),
            (&of_invoice, billing),
            now,
        )
    };
    let now = app.clock.now();
    let target = link.target().or_else(|| follow.opco.map(Instance::first));
    let Some(siret_cfa) = follow.reading.payload.siret_cfa().or(link.siret_cfa()) else {
        let unlinked = unlinked(&follow.reading.payload);
        return Err(Refused::Findings(with(examine(None, now), unlinked)));
    };
    let view = site(app, sender, siret_cfa).await?;
    // What was taken goes on to its end, and so does what belongs to it.
    let begins = sender.compares && !link.is_found();
    if begins && intake::is_closed(app, sender.tenant, siret_cfa, &view).await? {
        return Err(Refused::ClosedSite(siret_cfa));
    }
    let billing = target.map(|target| billing(app, &view, target, sender.environment));
    let mut findings = rules::effective(examine(billing, now), &view.network.rules);
    if sender.compares {
        findings.extend(unknown::refused(&unknown, follow.opco));
    }
    if target.is_none() && !link.is_found() && unknown.is_empty() {
        findings.push(unlinked(&follow.reading.payload));
    }
    if let Some(existing) = of_invoice.already_sent {
        // The double of one that was taken: whatever else its rules say has to do with that.
        findings.retain(|one| one.effect == Effect::Conflict);
        let existing = Some(existing);
        return Err(Refused::Duplicate { existing, findings });
    }
    let mut findings = unless_refused(findings)?;
    let kind = follow.reading.payload.kind();
    let channel = target.and_then(|target| {
        let what = (target, follow, &link, now);
        settle(app, sender, &view, what, &mut findings)
    });
    let mut findings = unless_refused(rules::effective(findings, &view.network.rules))?;
    let way = way(kind, &link, target, &findings, now);
    let way = unknown::way(app, sender, (&unknown, target), way, &mut findings).await?;
    Ok(Judged {
        completed: reading.payload,
        link,
        also,
        siret_cfa,
        view,
        target,
        channel,
        findings,
        way,
    })
}

/// Finds the contract of a payload, and says in the payload what it is known by.
async fn linked(
    app: &App,
    sender: &Whose,
    follow: &FollowUp,
    reading: &mut Reading<Payload>,
) -> Result<Link, Refused> {
    let (contract, opco) = (follow.contract, follow.opco);
    let found = link::find(app, sender, &mut reading.payload, contract, opco);
    let link = match Box::pin(found).await? {
        Linked::To(link) => *link,
        Linked::Several(opcos) => return Err(Refused::Findings(vec![several(&opcos)])),
    };
    if contract.is_some() && !link.is_found() {
        let findings = std::mem::take(&mut reading.findings);
        return Err(Refused::Findings(with(findings, nobodys())));
    }
    Ok(link)
}

/// Returns what is known of the site that sends, if the sender may send for it.
async fn site(app: &App, sender: &Whose, siret: Siret) -> Result<Arc<View>, Refused> {
    let view = app.views.of(app, sender.tenant, siret).await?;
    let sites = sender.sites.as_ref();
    let allowed = sites.is_none_or(|sites| sites.contains(&siret));
    if allowed && view.site.known {
        Ok(view)
    } else {
        Err(Refused::ForeignSite(siret))
    }
}

/// Returns findings of which none refuses the payload.
pub(crate) fn unless_refused(findings: Vec<Finding>) -> Result<Vec<Finding>, Refused> {
    if findings.iter().any(|one| one.effect == Effect::Refuse) {
        return Err(Refused::Findings(findings));
    }
    Ok(findings)
}

/// Finds what the OPCO's flow, keys and account say, and returns the flow that is open.
fn settle(
    app: &App,
    sender: &Whose,
    view: &Arc<View>,
    (target, follow, link, now): (Instance, &FollowUp, &Link, Timestamp),
    findings: &mut Vec<Finding>,
) -> Option<opco::Way> {
    let kind = follow.reading.payload.kind();
    let system = System {
        instance: target,
        environment: sender.environment,
    };
    let capabilities = plan::capabilities(app, view, target);
    let channel = match opco::choose_way(&capabilities, sender.environment, kind) {
        Ok(way) if as_document(kind, way) => {
            let missing = unwritten(sender, follow, link);
            let there = missing.is_empty();
            if sender.compares {
                findings.extend(missing);
            } else if !there {
                // What was right at the door has changed: the flow that took it as data is closed.
                let openness = capabilities.openness(Capability::Certificats);
                let capability = Capability::Certificats;
                let closed = opco::Closed {
                    capability,
                    openness,
                };
                findings.push(plan::closed(target.opco, closed));
            }
            there.then_some(way)
        }
        Ok(way) => Some(way),
        Err(closed) => {
            findings.push(plan::closed(target.opco, closed));
            None
        }
    };
    plan::credentials(view, system, day_in_france(now), findings);
    channel
}

/// Returns what keeps a certificate without a file from being written from its data.
fn unwritten(sender: &Whose, follow: &FollowUp, link: &Link) -> Vec<Finding> {
    let Payload::Certificat(certificat) = &follow.reading.payload else {
        return Vec::new();
    };
    if matches!(follow.file, FileFacts::Given { .. }) {
        return Vec::new();
    }
    let contract = if sender.compares {
        link.contrat.is_some()
    } else {
        link.delivery.is_some()
    };
    certificate::missing(certificat, contract)
}

/// Returns whether it is a certificate that goes as any other document.
fn as_document(kind: Kind, way: opco::Way) -> bool {
    kind == Kind::Certificat && way.capability == Capability::Documents
}

/// Returns what the OPCO allows on an invoice.
fn billing(app: &App, view: &View, target: Instance, world: Environment) -> BillingProfile {
    let capabilities = plan::capabilities(app, view, target);
    let open = |capability| capabilities.is_open(capability, world);
    BillingProfile {
        multi_echeances: open(Capability::MultiEcheances),
        multi_contrats: open(Capability::MultiContrats),
        avoir: open(Capability::Avoir),
        auto_echeance_1: open(Capability::AutoEcheance1),
    }
}

/// Runs the rules of the payload's kind.
fn examine(
    reading: &Reading<Payload>,
    file: FileFacts,
    (link, also): (&Link, &[Link]),
    (of_invoice, billing): (&invoice::Context, Option<BillingProfile>),
    now: Timestamp,
) -> Vec<Finding> {
    let (known, today) = (link.known(), day_in_france(now));
    rules::examine_with(reading, |payload| match payload {
        // A contract has a door of its own.
        Payload::Dossier(_) => Vec::new(),
        Payload::Convention(convention) => rules::check_convention(
            convention,
            &ConventionContext {
                dossier: known,
                file,
            },
        ),
        Payload::Facture(facture) => {
            let links = std::iter::once(link).chain(also);
            let dossiers: Vec<Known<'_>> =
                links.filter(|l| l.is_found()).map(Link::known).collect();
            let already_sent = of_invoice.already_sent.map(|id| id.to_string());
            rules::check_facture(
                facture,
                &FactureContext {
                    now,
                    dossiers: &dossiers,
                    profile: billing.unwrap_or_default(),
                    emitters: None,
                    already_sent: already_sent.as_deref(),
                    adjusted: of_invoice.adjusted.as_deref(),
                    origin: of_invoice.origin,
                    file,
                },
            )
        }
        Payload::Certificat(certificat) => rules::check_certificat(
            certificat,
            &CertificatContext {
                today,
                dossier: known,
            },
        ),
        Payload::Document(document) => rules::check_document(
            document,
            &DocumentContext {
                on_its_way: known.on_its_way,
                file,
            },
        ),
        Payload::Rupture(rupture) => rules::check_rupture(
            rupture,
            &RuptureContext {
                today,
                dossier: known,
            },
        ),
    })
}

/// Returns what happens next: what a person must mend comes before what time brings.
fn way(
    kind: Kind,
    link: &Link,
    target: Option<Instance>,
    findings: &[Finding],
    now: Timestamp,
) -> Way {
    if link.is_lost() {
        return Way::Hold(HoldReason::ContractMissing);
    }
    if let Some(reason) = plan::first_hold(findings) {
        return Way::Hold(reason);
    }
    let again = pause::later(now, AGAIN);
    if target.is_none() {
        return Way::Await(WaitReason::Dossier, pause::later(now, ROUTED_AGAIN));
    }
    let known = link.known();
    if known.etat.is_some_and(Etat::reopens) {
        return Way::Hold(HoldReason::ContractMissing);
    }
    // Behind a contract that is on its way, the place in line says it all; but an invoice stands in no
    // line: what it waits for may last for months, and must not hold up what comes after it.
    if known.on_its_way && kind == Kind::Facture && !mutation::planted(Mutation::InvoiceAhead) {
        return Way::Await(WaitReason::Dossier, again);
    }
    if known.on_its_way {
        return Way::Go;
    }
    // What proves or ends the training has nothing to stand on before the OPCO's commitment, which the
    // first read of the states may still have to tell.
    let needs_engagement = matches!(kind, Kind::Certificat | Kind::Rupture);
    let engaged = matches!(known.etat, Some(Etat::Engage | Etat::Rupture | Etat::Solde));
    if needs_engagement && link.is_found() && !engaged {
        return Way::Await(WaitReason::Dossier, again);
    }
    let awaited: Vec<Awaits> = findings.iter().filter_map(rules::awaits).collect();
    match rules::opens_on(findings) {
        Some(day) if awaited.iter().all(|one| *one == Awaits::Opening) => Way::Await(
            WaitReason::OpeningDate,
            start_of_day_in_france(day).max(pause::later(now, OPENED_AGAIN)),
        ),
        _ if awaited.is_empty() => Way::Go,
        _ => Way::Await(WaitReason::Dossier, again),
    }
}

/// Returns why a payload is held that the rules refuse after it was taken: what the OPCO told of the
/// money speaks against an invoice; against anything else, what it made of the contract.
fn broken_by(kind: Kind) -> HoldReason {
    match kind {
        Kind::Facture => HoldReason::RulesBroken,
        _ => HoldReason::ContractMissing,
    }
}

fn with(mut findings: Vec<Finding>, one: Finding) -> Vec<Finding> {
    findings.push(one);
    findings
}

/// Says that the number alone does not tell the OPCO.
fn several(opcos: &[Opco]) -> Finding {
    let names: Vec<&str> = opcos.iter().map(|opco| opco.name()).collect();
    Finding {
        value: Some(names.join(", ")),
        ..unclear(
            "Plusieurs OPCO ont un dossier de ce numéro.",
            "Précisez « opco », ou « livraison_contrat » : l'identifiant rendu au dépôt du contrat.",
        )
    }
}

/// Says that the delivery the sender names is no contract of theirs.
fn nobodys() -> Finding {
    Finding {
        pointer: format!("/{CONTRACT}"),
        ..unclear(
            "Aucun contrat déposé par vous ne porte cet identifiant.",
            "Donnez l'identifiant (« id ») rendu au dépôt du contrat, ou rien.",
        )
    }
}

/// Says that nothing tells which contract the payload belongs to, at the field that should.
fn unlinked(payload: &Payload) -> Finding {
    let pointer = match payload {
        Payload::Dossier(_) => "",
        Payload::Convention(_) | Payload::Certificat(_) | Payload::Rupture(_) => {
            "/numeroInterneDossier"
        }
        Payload::Facture(_) => "/lignes/0/numeroDossier",
        Payload::Document(_) => "/objets",
    };
    Finding {
        pointer: pointer.to_owned(),
        ..unclear(
            "Rien ne dit à quel contrat cet envoi se rattache.",
            "Donnez le numéro de dossier d'un contrat déposé ici, ou « livraison_contrat » : \
             l'identifiant rendu au dépôt du contrat ; pour un dossier déposé ailleurs, précisez \
             « opco ».",
        )
    }
}

fn unclear(message: &str, remedy: &str) -> Finding {
    Finding {
        rule: rules::STRUCTURE,
        severity: Severity::Bloquant,
        effect: Effect::Refuse,
        pointer: String::new(),
        message: message.to_owned(),
        remedy: remedy.to_owned(),
        value: None,
    }
}
