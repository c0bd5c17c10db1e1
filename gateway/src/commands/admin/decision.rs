//! A network's own word: an employer's OPCO, a rule's effect. Each with its author and its reason.

use admin_api::decisions::{self, DecisionError, Period};
use clap::{ArgGroup, Args, Subcommand};
use domain::id::OverrideId;
use domain::rules::OverrideError;
use domain::{Effect, Opco, Siren, Siret, Timestamp};
use jiff::civil::Date;
use serde::Serialize;
use serde_json::json;

use store::overrides::{self, RouteOverride, RuleOverride, Subject};

use super::{Desk, InNetwork, Why, dash, when};
use crate::commands::failure::{Code, Failure};
use crate::commands::names;
use crate::commands::words::{self, one_of};

/// Why, and from when to when.
#[derive(Debug, Args)]
pub(super) struct Because {
    #[command(flatten)]
    pub(super) why: Why,
    #[arg(long, value_parser = words::day, value_name = "AAAA-MM-JJ", help = "Premier jour ; tout de suite sinon")]
    from: Option<Date>,
    #[arg(long, value_parser = words::day, value_name = "AAAA-MM-JJ", help = "Dernier jour ; sans fin sinon")]
    until: Option<Date>,
}

#[derive(Debug, Subcommand)]
pub(super) enum OverrideCommand {
    #[command(about = "Dit l'OPCO d'un employeur, avant toute autre source")]
    Create(NewOverride),
    #[command(about = "Liste ce que le réseau a dit")]
    List(InNetwork),
    #[command(about = "Y met fin")]
    Revoke {
        #[command(flatten)]
        network: InNetwork,
        #[arg(value_name = "ID")]
        id: OverrideId,
        #[command(flatten)]
        why: Why,
    },
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("target").required(true).args(["siret", "siren"])))]
pub(super) struct NewOverride {
    #[command(flatten)]
    network: InNetwork,
    #[arg(long, value_parser = words::siret, value_name = "SIRET", help = "Un établissement")]
    siret: Option<Siret>,
    #[arg(long, value_parser = words::siren, value_name = "SIREN", help = "Toute une entreprise")]
    siren: Option<Siren>,
    #[arg(long, value_parser = one_of!(Opco, slug), value_name = "OPCO", help = "Son OPCO")]
    opco: Opco,
    #[command(flatten)]
    because: Because,
}

#[derive(Debug, Subcommand)]
pub(super) enum RuleCommand {
    #[command(about = "Change l'effet d'une règle pour un réseau")]
    Create(NewRule),
    #[command(about = "Liste les règles dont le réseau a changé l'effet")]
    List(InNetwork),
    #[command(about = "Rend à une règle son effet d'origine")]
    Revoke {
        #[command(flatten)]
        network: InNetwork,
        #[arg(value_name = "REGLE")]
        rule: String,
        #[command(flatten)]
        why: Why,
    },
}

#[derive(Debug, Args)]
pub(super) struct NewRule {
    #[command(flatten)]
    network: InNetwork,
    #[arg(long, value_name = "REGLE", help = "La règle (DAT-003…)")]
    rule: String,
    #[arg(long, value_parser = one_of!(Effect), value_name = "EFFET", help = "warn, wait, hold, conflict ou refuse")]
    effect: Effect,
    #[command(flatten)]
    why: Why,
}

#[derive(Debug, Serialize)]
struct OverrideLine {
    id: OverrideId,
    siret: Option<Siret>,
    siren: Option<Siren>,
    opco: &'static str,
    #[serde(skip)]
    named: &'static str,
    author: String,
    reason: String,
    from: Timestamp,
    until: Option<Timestamp>,
}

#[derive(Debug, Serialize)]
struct RuleLine {
    rule: String,
    effect: Effect,
    author: String,
    reason: String,
}

pub(super) async fn route(desk: &mut Desk, command: OverrideCommand) -> Result<(), Failure> {
    match command {
        OverrideCommand::Create(new) => create_route(desk, new).await,
        OverrideCommand::List(network) => {
            let tenant = desk.network(&network).await?.id;
            let mut tx = desk.store.reading().await?;
            let found = overrides::routes(&mut tx, tenant).await?;
            let lines: Vec<OverrideLine> = found.into_iter().map(override_line).collect();
            desk.out.list(
                &["CHOIX", "EMPLOYEUR", "OPCO", "AUTEUR", "RAISON", "JUSQU'À"],
                &lines,
                |line| {
                    vec![
                        line.id.to_string(),
                        employer(line),
                        line.named.to_owned(),
                        line.author.clone(),
                        line.reason.clone(),
                        when(line.until),
                    ]
                },
            )
        }
        OverrideCommand::Revoke { network, id, why } => {
            let hand = desk.because(&why.reason)?;
            let tenant = desk.network(&network).await?.id;
            let mut tx = desk.store.writing().await?;
            let ended = decisions::end_route(&mut tx, tenant, id, &hand).await;
            ended.map_err(|error| undone(error, &format!("aucun choix {id} en vigueur")))?;
            tx.commit().await?;
            desk.out
                .record(&json!({ "ended": id }), &[("terminé", id.to_string())])
        }
    }
}

async fn create_route(desk: &mut Desk, new: NewOverride) -> Result<(), Failure> {
    let tenant = desk.network(&new.network).await?.id;
    let subject = match (new.siret, new.siren) {
        (Some(siret), _) => Subject::Siret(siret),
        (None, Some(siren)) => Subject::Siren(siren),
        (None, None) => {
            return Err(Failure::new(Code::Usage, "il manque --siret ou --siren"));
        }
    };
    let period = period(desk.now, &new.because)?;
    let hand = desk.because(&new.because.why.reason)?;
    let mut tx = desk.store.writing().await?;
    let said = (subject, new.opco);
    let row = decisions::say_route(&mut tx, tenant, said, period, &hand).await;
    let line = override_line(row.map_err(|error| undone(error, ""))?);
    tx.commit().await?;
    let shown = [
        ("choix", line.id.to_string()),
        ("employeur", employer(&line)),
        ("OPCO", line.named.to_owned()),
    ];
    desk.out.record(&line, &shown)
}

pub(super) async fn rule(desk: &mut Desk, command: RuleCommand) -> Result<(), Failure> {
    match command {
        RuleCommand::Create(new) => create_rule(desk, new).await,
        RuleCommand::List(network) => {
            let tenant = desk.network(&network).await?.id;
            let mut tx = desk.store.reading().await?;
            let rules = overrides::rules(&mut tx, tenant).await?;
            let lines: Vec<RuleLine> = rules.into_iter().map(rule_line).collect();
            let titles = ["RÈGLE", "EFFET", "AUTEUR", "RAISON"];
            desk.out.list(&titles, &lines, |line| {
                vec![
                    line.rule.clone(),
                    names::effect(line.effect),
                    line.author.clone(),
                    line.reason.clone(),
                ]
            })
        }
        RuleCommand::Revoke { network, rule, why } => {
            let hand = desk.because(&why.reason)?;
            let tenant = desk.network(&network).await?.id;
            let mut tx = desk.store.writing().await?;
            let done = decisions::restore_rule(&mut tx, tenant, &rule, &hand).await;
            done.map_err(|error| undone(error, &format!("la règle {rule} n'est pas changée")))?;
            tx.commit().await?;
            desk.out
                .record(&json!({ "removed": rule }), &[("rétablie", rule.clone())])
        }
    }
}

async fn create_rule(desk: &mut Desk, new: NewRule) -> Result<(), Failure> {
    let tenant = desk.network(&new.network).await?.id;
    let hand = desk.because(&new.why.reason)?;
    let mut tx = desk.store.writing().await?;
    let change = (new.rule, new.effect);
    let row = decisions::change_rule(&mut tx, tenant, change, &hand).await;
    let row = row.map_err(|error| undone(error, ""))?;
    tx.commit().await?;
    let line = rule_line(row);
    let shown = [
        ("règle", line.rule.clone()),
        ("effet", names::effect(line.effect)),
    ];
    desk.out.record(&line, &shown)
}

fn refused(error: &OverrideError) -> Failure {
    let said = match error {
        OverrideError::UnknownRule(rule) => format!("règle inconnue : {rule}"),
        OverrideError::NotAllowed { rule, effect } => {
            format!(
                "la règle {rule} n'admet pas l'effet « {} »",
                names::effect(*effect)
            )
        }
        OverrideError::Unsigned => {
            "il faut un auteur et une raison, de 500 caractères au plus".to_owned()
        }
        OverrideError::Twice(rule) => format!("la règle {rule} est changée deux fois"),
    };
    Failure::new(Code::InputInvalid, said)
}

/// Says why nothing was decided; `unknown` is what is said when nothing like it is in force.
pub(super) fn undone(error: DecisionError, unknown: &str) -> Failure {
    match error {
        DecisionError::Backwards => Failure::new(
            Code::InputInvalid,
            "la période finit avant de commencer, ou elle est passée",
        ),
        DecisionError::Rule(error) => refused(&error),
        DecisionError::Said(opco) => Failure::new(
            Code::Conflict,
            format!(
                "une décision est déjà en vigueur pour cet employeur sur ces jours ({})",
                opco.name()
            ),
        )
        .remedy("la terminer d'abord, ou donner d'autres jours avec --from et --until"),
        DecisionError::Unknown => Failure::new(Code::NotFound, unknown),
        DecisionError::Store(error) => error.into(),
    }
}

/// Days given are whole days in France; without a first one, it is now.
pub(super) fn period(now: Timestamp, because: &Because) -> Result<Period, Failure> {
    Period::of_days(now, because.from, because.until).map_err(|error| undone(error, ""))
}

fn override_line(row: RouteOverride) -> OverrideLine {
    let (establishment, company) = match row.subject {
        Subject::Siret(siret) => (Some(siret), None),
        Subject::Siren(siren) => (None, Some(siren)),
    };
    OverrideLine {
        id: row.id,
        siret: establishment,
        siren: company,
        opco: row.opco.slug(),
        named: row.opco.name(),
        author: row.author,
        reason: row.reason,
        from: row.from,
        until: row.until,
    }
}

fn employer(line: &OverrideLine) -> String {
    let siret = line.siret.as_ref().map(ToString::to_string);
    dash(siret.or_else(|| line.siren.as_ref().map(ToString::to_string)))
}

fn rule_line(row: RuleOverride) -> RuleLine {
    RuleLine {
        rule: row.rule,
        effect: row.effect,
        author: row.author,
        reason: row.reason,
    }
}
