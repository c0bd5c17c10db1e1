//! The demo's answer: one line a contract, then a summary.

use std::time::Duration;

use domain::person::Language;
use domain::route::RouteSource;
use domain::{Confidence, Etat, NormVersion, Opco, Status};
use serde::Serialize;

use super::course::Told;
use super::erp::{Route, Sent};
use super::life;
use super::stories::End;
use crate::commands::failure::Failure;
use crate::commands::names;
use crate::commands::output::{Format, Out, tell};

/// One line.
#[derive(Debug, Serialize)]
struct Line<'a> {
    employer: &'a str,
    siret: &'a str,
    opco: Option<&'static str>,
    opco_source: Option<RouteSource>,
    opco_confidence: Option<Confidence>,
    opco_as_of: Option<&'a str>,
    /// Why that OPCO, in French.
    why: String,
    version: Option<NormVersion>,
    attempts: u32,
    looks: u32,
    /// A delivery's status, or `refused`.
    status: String,
    reason: Option<&'a str>,
    /// The state read back from the OPCO.
    etat: Option<Etat>,
    numero_interne: Option<&'a str>,
    numero_deca: Option<&'a str>,
    /// From acceptance to the end, on the demo's clock.
    duration_ms: Option<u64>,
    story: &'static str,
    as_expected: bool,
    /// Where it stands, in French.
    #[serde(skip)]
    stands: String,
    /// What is particular about it, in French.
    #[serde(skip)]
    about: &'static str,
}

/// The numbers at the end.
#[derive(Debug)]
pub(super) struct Summary {
    /// How fast the demo's clock ran.
    pub(super) factor: u32,
    /// The real time it took.
    pub(super) took: Duration,
    /// What the OPCOs' ledgers hold.
    pub(super) filed: usize,
}

/// Writes the lines, then the summary: among the answer for people, beside it for machines.
/// `wrong` tells whether a story did not end as it must.
pub(super) fn write(
    out: &mut Out,
    told: &[Told],
    wrong: impl Fn(&Told) -> bool,
    summary: &Summary,
) -> Result<(), Failure> {
    let lines: Vec<Line<'_>> = told.iter().map(|one| line(one, !wrong(one))).collect();
    let titles = [
        "EMPLOYEUR",
        "SIRET",
        "OPCO",
        "POURQUOI",
        "V",
        "ESSAIS",
        "ÉTAT",
        "N° OPCO",
        "DURÉE",
        "",
    ];
    out.list(&titles, &lines, cells)?;
    let text = summed_up(&lines, told, summary);
    match out.format() {
        Format::Table => out.line(&format!("\n{text}")),
        Format::Json => {
            tell(&text);
            Ok(())
        }
    }
}

/// One whole life.
#[derive(Debug, Serialize)]
struct LifeLine {
    opco: &'static str,
    etat: String,
    invoices_paid: usize,
    paid_cents: i64,
    story: &'static str,
    as_expected: bool,
}

/// Writes the second act: a line for each OPCO.
pub(super) fn lives(out: &mut Out, stories: &[life::Story]) -> Result<(), Failure> {
    let lines: Vec<LifeLine> = stories
        .iter()
        .map(|story| LifeLine {
            opco: story.opco.slug(),
            etat: story.stands(),
            invoices_paid: story.paid_invoices(),
            paid_cents: story.paid_cents(),
            story: "whole_life",
            as_expected: story.is_settled(),
        })
        .collect();
    if out.format() == Format::Table {
        out.line(
            "\nVies entières : contrat, convention, échéancier, factures, certificat, règlement",
        )?;
    }
    let titles = ["OPCO", "ÉTAT", "FACTURES RÉGLÉES", "RÉGLÉ", ""];
    out.list(&titles, &lines, |line| {
        vec![
            names::opco(line.opco),
            names::etat(&line.etat),
            line.invoices_paid.to_string(),
            format!("{},{:02} €", line.paid_cents / 100, line.paid_cents % 100),
            if line.as_expected {
                String::new()
            } else {
                "INATTENDU".to_owned()
            },
        ]
    })
}

fn line(told: &Told, as_expected: bool) -> Line<'_> {
    let delivery = told.delivery.as_ref();
    let dossier = told.dossier.as_ref();
    let route = told
        .detail
        .as_ref()
        .and_then(|detail| detail.route.as_ref());
    let ended = delivery.and_then(|delivery| {
        let span = delivery.finished_at?.duration_since(delivery.created_at);
        u64::try_from(span.as_millis()).ok()
    });
    let status = match (&told.sent, delivery) {
        (Some(Sent::Refused { .. }), _) => "refused".to_owned(),
        (_, Some(delivery)) => delivery.status.to_string(),
        (_, None) => "unsent".to_owned(),
    };
    Line {
        employer: &told.story.employer.label,
        siret: told.story.employer.siret.as_str(),
        opco: delivery.and_then(|delivery| delivery.opco).map(Opco::slug),
        opco_source: route.map(|route| route.source),
        opco_confidence: route.map(|route| route.confidence),
        opco_as_of: route.and_then(|route| route.as_of.as_deref()),
        why: route.map(why).unwrap_or_default(),
        version: delivery.and_then(|delivery| delivery.version),
        attempts: delivery.map_or(0, |delivery| delivery.attempt_count),
        looks: delivery.map_or(0, |delivery| delivery.look_count),
        reason: reason(told),
        etat: dossier.and_then(|dossier| dossier.etat),
        numero_interne: delivery.and_then(|delivery| delivery.numero_interne.as_deref()),
        numero_deca: dossier.and_then(|dossier| dossier.numero_deca.as_deref()),
        duration_ms: ended,
        story: told.story.plot.word(),
        as_expected,
        stands: stands(told, &status),
        about: told.story.plot.french(),
        status,
    }
}

/// Returns the stable word of why it waits or is held, or the rule that refused it.
fn reason(told: &Told) -> Option<&str> {
    match &told.sent {
        Some(Sent::Refused { rules, .. }) => rules.first().map(String::as_str),
        _ => told.delivery.as_ref()?.reason.as_deref(),
    }
}

fn cells(line: &Line<'_>) -> Vec<String> {
    let dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let about = match (line.as_expected, line.about) {
        (true, about) => about.to_owned(),
        (false, "") => "INATTENDU".to_owned(),
        (false, about) => format!("INATTENDU : {about}"),
    };
    vec![
        line.employer.to_owned(),
        line.siret.to_owned(),
        dash(line.opco.map(names::opco)),
        line.why.clone(),
        dash(line.version.map(|version| version.as_str().to_owned())),
        line.attempts.to_string(),
        line.stands.clone(),
        dash(line.numero_interne.map(str::to_owned)),
        dash(line.duration_ms.map(span)),
        about,
    ]
}

/// Says why that OPCO, or why none.
fn why(route: &Route) -> String {
    let names = |opcos: &[Opco]| {
        let names: Vec<&str> = opcos.iter().map(|opco| opco.name()).collect();
        names.join(" ou ")
    };
    let candidates: Vec<Opco> = route.candidates.iter().map(|one| one.opco).collect();
    match (route.source, route.opco, route.managed_by) {
        (_, Some(owner), Some(manager)) if owner != manager => {
            format!("table SIRO : {}", names(&[owner, manager]))
        }
        (_, None, _) if !candidates.is_empty() => format!("partagé : {}", names(&candidates)),
        (RouteSource::SiroSiret, ..) => "table SIRO".to_owned(),
        (RouteSource::Idcc, ..) => {
            format!("convention {}", route.idcc.as_deref().unwrap_or("?"))
        }
        (source, ..) => names::source(source).to_owned(),
    }
}

/// Says where it stands.
fn stands(told: &Told, status: &str) -> String {
    if let Some(reason) = told.held() {
        return format!("retenu : {}", names::held(reason));
    }
    let reason = reason(told).unwrap_or_default();
    let etat = told.dossier.as_ref().and_then(|dossier| dossier.etat);
    match (told.delivery.as_ref().map(|one| one.status), etat) {
        (Some(Status::Delivered), Some(etat)) => {
            format!("livré, {}", etat.name(Language::Fr).to_lowercase())
        }
        (Some(Status::Delivered), None) => "livré".to_owned(),
        (None, _) if status == "refused" => format!("refusé (422) : {reason}"),
        _ => format!("{status} {reason}"),
    }
}

fn span(ms: u64) -> String {
    let seconds = ms / 1_000;
    match (seconds / 60, seconds % 60) {
        (0, 0) => format!("{ms} ms"),
        (0, seconds) => format!("{seconds} s"),
        (minutes, seconds) => format!("{minutes} min {seconds:02} s"),
    }
}

fn summed_up(lines: &[Line<'_>], told: &[Told], summary: &Summary) -> String {
    let count = |status: Status| told.iter().filter(|one| one.is(status)).count();
    let refused = told
        .iter()
        .filter(|one| matches!(one.story.plot.end(), End::Refused(_)))
        .count();
    let mut opcos: Vec<&str> = lines
        .iter()
        .filter(|line| line.numero_interne.is_some())
        .filter_map(|line| line.opco)
        .collect();
    opcos.sort_unstable();
    opcos.dedup();
    let good = lines.iter().filter(|line| line.as_expected).count();
    let french = Language::Fr;
    format!(
        "{} : {} à {} OPCO, {} pour une personne, {} à l'entrée ; {good} au terme prévu.\n\
         Registres des OPCO : {}. Durée réelle {:.1} s, horloge ×{}.",
        french.counted(lines.len(), "contrat", "contrats"),
        french.counted(count(Status::Delivered), "livré", "livrés"),
        opcos.len(),
        french.counted(count(Status::Held), "retenu", "retenus"),
        french.counted(refused, "refusé", "refusés"),
        french.counted(summary.filed, "contrat accepté", "contrats acceptés"),
        summary.took.as_secs_f64(),
        summary.factor,
    )
}
