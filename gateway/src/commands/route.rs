//! `route`: which OPCO for an employer, without a gateway running and without asking anyone.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;

use clap::Args;
use domain::clock::{Clock, SystemClock};
use domain::person::Language;
use domain::siret::SiretError;
use domain::{HoldReason, Opco, Route, RouteOutcome, Siret, Timestamp};
use opco::siro::ATTRIBUTION;
use serde::Serialize;

use crate::commands::failure::{Code, Exit, Failure};
use crate::commands::output::{self, Format, Out};
use crate::commands::{Context, names, words};
use crate::routing::{self, Employer, Naf, Nomenclature, Routing, RoutingError};

/// The longest line of standard input that can hold a SIRET with its blanks.
const LINE_MAX: usize = 256;
/// How much of a text that is no SIRET is repeated in the answer, in characters.
const SHOWN_MAX: usize = 40;
/// How much is written at once when many SIRETs come in.
const BLOCK: usize = 64 * 1024;
/// The columns of the table, in characters.
const WIDTHS: [usize; 6] = [14, 17, 21, 11, 20, 10];

/// Arguments of `route`.
#[derive(Debug, Args)]
pub(crate) struct RouteArgs {
    #[arg(
        required = true,
        value_name = "SIRET",
        help = "SIRET des employeurs ; `-` les lit sur l'entrée standard, un par ligne"
    )]
    sirets: Vec<String>,
    #[arg(
        long,
        value_name = "FICHIER",
        help = "Index construit par `index build` (défaut : celui des réglages, sinon l'extrait fourni)"
    )]
    index: Option<PathBuf>,
    #[arg(
        long,
        value_name = "CODE",
        value_delimiter = '+',
        help = "Convention collective (IDCC) des employeurs ; plusieurs : 0045+1486"
    )]
    idcc: Vec<String>,
    #[arg(long, value_name = "CODE", help = "Activité (NAF) des employeurs")]
    naf: Option<String>,
    #[arg(
        long,
        value_name = "LISTE",
        value_parser = ["rev2", "2025"],
        requires = "naf",
        help = "Nomenclature du code NAF (défaut : rev2 jusqu'à la fin de 2026)"
    )]
    nomenclature: Option<String>,
}

/// The answer for a text that is no SIRET, in the form of the other answers.
#[derive(Debug, Serialize)]
struct Invalid<'a> {
    siret: &'a str,
    opco: Option<&'static str>,
    managed_by: Option<&'static str>,
    outcome: &'static str,
    confidence: &'static str,
    source: &'static str,
    as_of: Option<&'static str>,
    idcc: Option<&'static str>,
    candidates: [(); 0],
    trail: [(); 0],
    error: &'static str,
}

/// Answers for every SIRET; the exit tells whether one of them was none.
pub(crate) fn run(context: &Context, args: &RouteArgs) -> Result<Exit, Failure> {
    let routing = open(context, args)?;
    let mut answers = Answers {
        out: Out::stdout(context.format()),
        pending: String::new(),
        routing,
        args,
        now: SystemClock.now(),
        invalid: 0,
        asked: 0,
    };
    if context.format() == Format::Table {
        answers.row(["SIRET", "OPCO", "RÉSULTAT", "CONFIANCE", "SOURCE", "AU"]);
    }
    for siret in &args.sirets {
        if siret == "-" {
            answers.lines(std::io::stdin().lock())?;
        } else {
            answers.answer(siret)?;
        }
    }
    answers.flush()?;
    if answers.invalid == 0 {
        return Ok(Exit::Success);
    }
    output::tell(&format!(
        "{} sur {}",
        Language::Fr.counted(answers.invalid, "SIRET invalide", "SIRET invalides"),
        answers.asked
    ));
    Ok(Code::InputInvalid.exit())
}

fn open(context: &Context, args: &RouteArgs) -> Result<Routing, Failure> {
    let file = match &args.index {
        Some(file) => Some(file.clone()),
        None => context.config()?.routing.index,
    };
    let shipped = file.is_none();
    let routing = Routing::open(file, None).map_err(|error| {
        let code = match &error {
            RoutingError::Index {
                source: opco::siro::OpenError::Io(_),
                ..
            } => Code::InputUnreadable,
            RoutingError::Index { .. } | RoutingError::Sample(_) => Code::InputInvalid,
        };
        Failure::new(code, error.to_string())
            .remedy("construire l'index avec `cfa-gateway index build` et le désigner par --index")
    })?;
    if shipped {
        let lines = routing.index().current().about().lines;
        output::tell(&format!(
            "sans --index : l'extrait de {lines} lignes fourni avec le programme répond, l'absence \
             d'un SIRET n'y prouve rien\n{ATTRIBUTION}"
        ));
    }
    Ok(routing)
}

/// What is asked, and the answers not yet written.
struct Answers<'a> {
    out: Out,
    pending: String,
    routing: Routing,
    args: &'a RouteArgs,
    now: Timestamp,
    invalid: u64,
    asked: u64,
}

impl Answers<'_> {
    /// Answers for each line; what is ready is written before waiting for more.
    fn lines(&mut self, source: impl Read) -> Result<(), Failure> {
        let unreadable = |error: std::io::Error| {
            Failure::new(Code::InputUnreadable, format!("entrée standard : {error}"))
        };
        let mut source = BufReader::with_capacity(BLOCK, source);
        let mut line = Vec::with_capacity(LINE_MAX);
        loop {
            if source.buffer().is_empty() {
                self.flush()?;
            }
            line.clear();
            if !next_line(&mut source, &mut line).map_err(unreadable)? || self.out.is_closed() {
                return Ok(());
            }
            let text = String::from_utf8_lossy(&line);
            if !text.trim().is_empty() {
                self.answer(&text)?;
            }
        }
    }

    fn answer(&mut self, text: &str) -> Result<(), Failure> {
        self.asked += 1;
        match parsed(text) {
            Ok(siret) => {
                let route = self.route(siret);
                match self.out.format() {
                    Format::Json => self.json(&route)?,
                    Format::Table => self.table(&route),
                }
            }
            Err(error) => self.refuse(text, error)?,
        }
        if self.pending.len() >= BLOCK {
            self.flush()?;
        }
        Ok(())
    }

    fn route(&self, siret: Siret) -> Route {
        let nomenclature = match self.args.nomenclature.as_deref() {
            Some("rev2") => Nomenclature::Rev2,
            Some(_) => Nomenclature::Naf2025,
            None => Nomenclature::Unstated,
        };
        let naf = self.args.naf.clone().map(|code| Naf { code, nomenclature });
        let employer = Employer {
            idcc: self.args.idcc.clone(),
            naf,
            ..Employer::new(siret)
        };
        routing::resolve_local(&self.routing, &employer, &[], self.now)
    }

    fn refuse(&mut self, text: &str, error: SiretError) -> Result<(), Failure> {
        self.invalid += 1;
        let shown: String = text.trim().chars().take(SHOWN_MAX).collect();
        let error = match error {
            SiretError::Form { .. } => "un SIRET a 14 chiffres",
            SiretError::CheckDigit => "clé de contrôle fausse",
        };
        match self.out.format() {
            Format::Table => {
                self.row([&shown, "", "SIRET invalide", "", "", error]);
                Ok(())
            }
            Format::Json => self.json(&Invalid {
                siret: &shown,
                opco: None,
                managed_by: None,
                outcome: "invalid",
                confidence: "none",
                source: "none",
                as_of: None,
                idcc: None,
                candidates: [],
                trail: [],
                error,
            }),
        }
    }

    fn json(&mut self, answer: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string(answer)
            .map_err(|error| Failure::internal("writing an answer", error))?;
        self.pending.push_str(&text);
        self.pending.push('\n');
        Ok(())
    }

    fn table(&mut self, route: &Route) {
        let opco = route.opco.map_or("–", Opco::name);
        let as_of = route.as_of.as_deref().unwrap_or_default();
        let as_of = words::day_text(as_of);
        let managed_elsewhere = route.managed_by.is_some() && route.managed_by != route.opco;
        let outcome = match route.outcome {
            // The gateway would hold it for this reason.
            RouteOutcome::Resolved if managed_elsewhere => names::held(HoldReason::OwnerNotManager),
            outcome => names::outcome(outcome),
        };
        let confidence = names::confidence(route.confidence);
        self.row([
            &route.siret,
            opco,
            outcome,
            confidence,
            names::source(route.source),
            &as_of,
        ]);
    }

    /// Adds a row whose columns are as wide as their widest word, since rows leave as they come.
    fn row(&mut self, cells: [&str; 6]) {
        let start = self.pending.len();
        for (cell, width) in cells.iter().zip(WIDTHS) {
            self.pending.push_str(cell);
            let blanks = width.saturating_sub(cell.chars().count()) + 2;
            self.pending.extend(std::iter::repeat_n(' ', blanks));
        }
        let end = self.pending.trim_end().len().max(start);
        self.pending.truncate(end);
        self.pending.push('\n');
    }

    fn flush(&mut self) -> Result<(), Failure> {
        if let Some(text) = self.pending.strip_suffix('\n') {
            self.out.line(text)?;
        }
        self.pending.clear();
        Ok(())
    }
}

/// Reads a SIRET, blanks allowed between its digits as people write them.
fn parsed(text: &str) -> Result<Siret, SiretError> {
    let text = text.trim();
    match text.parse() {
        Err(SiretError::Form { expected }) => {
            let digits: String = text
                .chars()
                .filter(|c| !c.is_whitespace())
                .take(expected + 1)
                .collect();
            digits.parse()
        }
        parsed => parsed,
    }
}

/// Reads one line without its end, keeping no more of it than a SIRET can take.
fn next_line(source: &mut impl BufRead, line: &mut Vec<u8>) -> std::io::Result<bool> {
    let mut any = false;
    loop {
        let bytes = source.fill_buf()?;
        if bytes.is_empty() {
            return Ok(any);
        }
        any = true;
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let part = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
        let room = LINE_MAX.saturating_sub(line.len());
        line.extend_from_slice(part.get(..room.min(part.len())).unwrap_or_default());
        let used = part.len() + usize::from(end.is_some());
        source.consume(used);
        if end.is_some() {
            return Ok(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_siret_is_read_as_people_write_it() {
        for text in [
            "41816609600069",
            " 418 166 096 00069 \r",
            "418\u{a0}166\u{a0}09600069",
        ] {
            assert_eq!(
                parsed(text).map(|siret| siret.to_string()).as_deref(),
                Ok("41816609600069")
            );
        }
        assert_eq!(parsed("41816609600068"), Err(SiretError::CheckDigit));
        assert_eq!(
            parsed("418166096000690"),
            Err(SiretError::Form { expected: 14 })
        );
        assert_eq!(parsed(""), Err(SiretError::Form { expected: 14 }));
    }

    #[test]
    fn lines_are_read_whole_or_cut_and_never_kept_beyond_their_bound() {
        let text = format!("a\n\n{}\nb", "x".repeat(3 * LINE_MAX));
        let mut source = BufReader::with_capacity(7, text.as_bytes());
        let mut lines = Vec::new();
        let mut line = Vec::new();
        while next_line(&mut source, &mut line).unwrap() {
            lines.push(String::from_utf8(std::mem::take(&mut line)).unwrap());
        }
        assert_eq!(lines.len(), 4);
        assert_eq!(
            (lines[0].as_str(), lines[1].as_str(), lines[3].as_str()),
            ("a", "", "b")
        );
        assert_eq!(lines[2].len(), LINE_MAX);
    }
}
