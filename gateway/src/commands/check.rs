//! `check FILE…`: the rules of a contract, offline. Nothing is sent, kept or asked of anyone.

use std::path::{Path, PathBuf};

use clap::Args;
use domain::clock::{Clock, SystemClock};
use domain::dossier::Dossier;
use domain::person::Language;
use domain::rules::{self, Context as Day};
use domain::{Effect, Finding};
use serde::Serialize;

use crate::commands::failure::{Exit, Failure};
use crate::commands::output::{Format, Out};
use crate::commands::{Context, input};

/// What a file is called whose every line is a contract.
const LINES: &str = "ndjson";

/// Arguments of `check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[arg(
        required = true,
        value_name = "FICHIER",
        help = "Contrats à contrôler : JSON de la norme, .ndjson (un par ligne), ou -"
    )]
    files: Vec<PathBuf>,
    #[arg(
        long,
        value_name = "FICHIER",
        help = "Écrit la réponse dans ce fichier"
    )]
    output: Option<PathBuf>,
}

/// What was found in one contract.
#[derive(Debug, Serialize)]
struct Checked {
    file: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    /// Whether the gateway would take it.
    accepted: bool,
    rule_set: &'static str,
    findings: Vec<Finding>,
    /// What makes the text no JSON at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    syntax: Option<String>,
}

/// Checks every file, whatever is found in the others.
pub(crate) fn run(context: &Context, args: &CheckArgs) -> Result<Exit, Failure> {
    let day = Day::at(SystemClock.now());
    let mut out = Out::to(args.output.as_deref(), context.format())?;
    let mut all_accepted = true;
    for file in &args.files {
        for checked in check_file(file, day)? {
            all_accepted &= checked.accepted;
            match context.format() {
                Format::Json => out.json(&checked)?,
                Format::Table => tell(&mut out, &checked)?,
            }
        }
    }
    Ok(if all_accepted {
        Exit::Success
    } else {
        Exit::Negative
    })
}

fn check_file(file: &Path, day: Day) -> Result<Vec<Checked>, Failure> {
    let bytes = input::read(file)?;
    let name = file.display().to_string();
    if file.extension().is_none_or(|extension| extension != LINES) {
        return Ok(vec![check(&name, None, &bytes, day)]);
    }
    let lines = bytes.split(|&byte| byte == b'\n').enumerate();
    Ok(lines
        .filter(|(_, line)| !line.trim_ascii().is_empty())
        .map(|(index, line)| check(&name, Some(index + 1), line, day))
        .collect())
}

fn check(name: &str, line: Option<usize>, body: &[u8], day: Day) -> Checked {
    let (findings, syntax) = match Dossier::read(body) {
        Ok(reading) => (rules::examine(&reading, &day), None),
        Err(error) => {
            let place = (line.unwrap_or(error.line), error.column);
            let said = format!("ligne {}, colonne {} : {}", place.0, place.1, error.message);
            (Vec::new(), Some(said))
        }
    };
    let refused = syntax.is_some() || findings.iter().any(|f| f.effect == Effect::Refuse);
    Checked {
        file: name.to_owned(),
        line,
        accepted: !refused,
        rule_set: rules::RULE_SET,
        findings,
        syntax,
    }
}

fn tell(out: &mut Out, checked: &Checked) -> Result<(), Failure> {
    let place = match checked.line {
        Some(line) => format!("{}:{line}", checked.file),
        None => checked.file.clone(),
    };
    let verdict = if checked.accepted {
        "accepté"
    } else {
        "REFUSÉ"
    };
    let count = Language::Fr.counted(checked.findings.len(), "constat", "constats");
    out.line(&format!(
        "{place} : {verdict}, {count}, règles {}",
        checked.rule_set
    ))?;
    if let Some(syntax) = &checked.syntax {
        out.line(&format!("  {syntax}"))?;
    }
    for finding in &checked.findings {
        let (rule, effect, pointer) = (finding.rule, french(finding.effect), &finding.pointer);
        out.line(&format!(
            "  {rule} [{effect}] {pointer} : {}",
            finding.message
        ))?;
        out.line(&format!("      à faire : {}", finding.remedy))?;
    }
    Ok(())
}

fn french(effect: Effect) -> &'static str {
    match effect {
        Effect::Warn => "avertit",
        Effect::Wait => "attend",
        Effect::Hold => "retient",
        Effect::Conflict => "doublon",
        Effect::Refuse => "refuse",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day() -> Day {
        Day::at("2026-09-01T08:00:00Z".parse().unwrap())
    }

    #[test]
    fn what_is_no_json_is_told_with_its_place() {
        let checked = check("x.json", None, b"{\n  \"cerfa\": }", day());
        assert!(!checked.accepted);
        assert!(checked.syntax.unwrap().contains("ligne 2"));
    }

    #[test]
    fn a_value_that_cannot_be_read_is_not_said_to_be_missing() {
        let body = br#"{"cerfa":{"apprenti":{"nir":"205049399999993"}}}"#;
        let checked = check("x.json", None, body, day());
        let of_nir: Vec<_> = checked
            .findings
            .iter()
            .filter(|finding| finding.pointer == "/cerfa/apprenti/nir")
            .map(|finding| finding.rule)
            .collect();
        assert_eq!(of_nir, ["IDT-004"]);
    }

    #[test]
    fn every_line_of_an_ndjson_file_is_checked_apart() {
        let path = std::env::temp_dir().join(format!("cfa-check-{}.ndjson", uuid::Uuid::now_v7()));
        std::fs::write(&path, "{\"cerfa\":{}}\n\nnon\n").unwrap();
        let checked = check_file(&path, day()).unwrap();
        std::fs::remove_file(&path).unwrap();
        let lines: Vec<_> = checked
            .iter()
            .map(|one| (one.line, one.syntax.is_some()))
            .collect();
        assert_eq!(lines, [(Some(1), false), (Some(3), true)]);
        assert!(checked.iter().all(|one| !one.accepted));
        let said = checked[1].syntax.as_deref().unwrap();
        assert!(said.starts_with("ligne 3, colonne 2"), "{said}");
    }
}
