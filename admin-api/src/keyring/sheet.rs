//! Keys in bulk, from a sheet: SIRET; OPCO; key; last day; referent. Every line is judged before any is
//! kept, and the text of a key is in no finding.

use std::collections::BTreeSet;

use domain::person::Language;
use domain::{Environment, Instance, Opco, Secret, Siret};
use jiff::civil::Date;
use store::TenantKey;
use store::keys::CfaKey;

use super::{KeyError, NewKey};
use crate::csv::read::{cell, lines};

/// The largest sheet, in bytes.
pub(crate) const BYTES_MAX: usize = 1024 * 1024;
/// The most lines of one.
pub(crate) const LINES_MAX: usize = 5_000;

/// Why a line is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finding {
    /// Fewer than three columns.
    Columns,
    /// The first column is no SIRET.
    Siret,
    /// The site is none that the person may give keys to.
    Site,
    /// The second column is no OPCO.
    Opco,
    /// No profile describes the OPCO's system.
    System,
    /// The third column is no key.
    Text,
    /// The fourth column is no day.
    Day,
    /// The last day is over.
    Passed,
    /// The fifth column is no name.
    Referent,
    /// An earlier line gives a key of the same site at the same OPCO.
    Twice,
    /// The site has this very key at this OPCO already.
    Same,
}

impl Finding {
    /// Returns the stable word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Columns => "columns",
            Self::Siret => "siret",
            Self::Site => "site",
            Self::Opco => "opco",
            Self::System => "system",
            Self::Text => "key",
            Self::Day => "day",
            Self::Passed => "passed",
            Self::Referent => "referent",
            Self::Twice => "twice",
            Self::Same => "same",
        }
    }

    /// Returns what is said of it.
    pub(crate) fn said(self, language: Language) -> &'static str {
        match self {
            Self::Columns => language.of(
                "il faut au moins SIRET, OPCO et clé",
                "at least SIRET, OPCO and key are needed",
            ),
            Self::Siret => language.of("SIRET faux", "wrong SIRET"),
            Self::Site => language.of(
                "ce site n'est pas l'un des vôtres",
                "this site is none of yours",
            ),
            Self::Opco => language.of("OPCO inconnu", "unknown OPCO"),
            Self::System => language.of(
                "aucun réglage ne décrit cet OPCO",
                "no setting describes this OPCO",
            ),
            Self::Text => language.of(
                "clé vide, trop longue ou avec une espace",
                "key empty, too long or with a space",
            ),
            Self::Day => language.of(
                "date illisible (AAAA-MM-JJ ou JJ/MM/AAAA)",
                "unreadable date (YYYY-MM-DD or DD/MM/YYYY)",
            ),
            Self::Passed => language.of("date passée", "date in the past"),
            Self::Referent => language.of("nom de référent trop long", "referent's name too long"),
            Self::Twice => language.of(
                "même site et même OPCO qu'une ligne précédente",
                "same site and OPCO as an earlier line",
            ),
            Self::Same => language.of(
                "ce site a déjà cette clé chez cet OPCO : rien à faire",
                "this site has this key at this OPCO already: nothing to do",
            ),
        }
    }
}

/// One line as it was judged.
#[derive(Debug)]
pub(crate) struct Judged {
    /// Where it is in the sheet, from 1.
    pub(crate) number: usize,
    /// Its first column, where it is a SIRET.
    pub(crate) siret: String,
    /// Its second column, where it is an OPCO.
    pub(crate) opco: String,
    /// The key, or why there is none.
    pub(crate) result: Result<NewKey, Finding>,
}

/// What lines are judged by.
#[derive(Debug)]
pub(crate) struct Judge<'a> {
    /// The world of every line.
    pub(crate) environment: Environment,
    /// Today, in France.
    pub(crate) today: Date,
    /// The sites that the person may give keys to.
    pub(crate) sites: &'a [Siret],
    /// The systems that are described.
    pub(crate) systems: &'a [Instance],
}

/// Reads a sheet; nothing when it has more lines than are taken at once.
pub(crate) fn read(text: &str, judge: &Judge<'_>) -> Option<Vec<Judged>> {
    let mut seen = BTreeSet::new();
    let mut judged = Vec::new();
    for (number, cells) in lines(text) {
        if judged.is_empty() && is_title(&cells) {
            continue;
        }
        if judged.len() >= LINES_MAX {
            return None;
        }
        let mut result = judge.line(&cells);
        if let Ok(new) = &result
            && !seen.insert((new.siret_cfa, new.instance))
        {
            result = Err(Finding::Twice);
        }
        judged.push(Judged {
            number,
            siret: siret(cell(&cells, 0)).map_or_else(unreadable, |siret| siret.to_string()),
            opco: opco(cell(&cells, 1)).map_or_else(unreadable, |opco| opco.name().to_owned()),
            result,
        });
    }
    Some(judged)
}

/// Finds the keys that their sites have already.
pub(crate) fn compare(judged: &mut [Judged], known: &[CfaKey], network_key: &TenantKey) {
    for line in judged {
        if let Ok(new) = &line.result
            && super::same(known, network_key, new).is_some()
        {
            line.result = Err(Finding::Same);
        }
    }
}

/// What is shown of a cell that is not what it should be: it may be a key in the wrong column.
fn unreadable() -> String {
    "…".to_owned()
}

fn siret(text: &str) -> Option<Siret> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    digits.parse().ok()
}

impl Judge<'_> {
    fn line(&self, cells: &[String]) -> Result<NewKey, Finding> {
        if cells.len() < 3 {
            return Err(Finding::Columns);
        }
        let siret_cfa = siret(cell(cells, 0)).ok_or(Finding::Siret)?;
        if !self.sites.contains(&siret_cfa) {
            return Err(Finding::Site);
        }
        let instance = opco(cell(cells, 1)).map(Instance::first);
        let instance = instance.ok_or(Finding::Opco)?;
        if !self.systems.contains(&instance) {
            return Err(Finding::System);
        }
        let referent = cell(cells, 4);
        let new = NewKey {
            siret_cfa,
            instance,
            environment: self.environment,
            text: Secret::new(cell(cells, 2)),
            expires_on: day(cell(cells, 3))?,
            referent: (!referent.is_empty()).then(|| referent.to_owned()),
        };
        match new.check(self.today) {
            Ok(()) => Ok(new),
            Err(KeyError::Passed) => Err(Finding::Passed),
            Err(KeyError::Referent) => Err(Finding::Referent),
            Err(_) => Err(Finding::Text),
        }
    }
}

/// Reads an OPCO as people write it: its name or its short name, whatever the case.
fn opco(text: &str) -> Option<Opco> {
    let plain = |text: &str| -> String {
        let letters = text.chars().filter(|c| c.is_alphanumeric());
        letters.flat_map(char::to_lowercase).collect()
    };
    let wanted = plain(text);
    let is_it = |opco: &&Opco| wanted == plain(opco.slug()) || wanted == plain(opco.name());
    Opco::ALL.iter().find(is_it).copied()
}

fn day(text: &str) -> Result<Option<Date>, Finding> {
    if text.is_empty() {
        return Ok(None);
    }
    let read = text.parse::<Date>();
    let read = read.or_else(|_| Date::strptime("%d/%m/%Y", text));
    read.map(Some).map_err(|_| Finding::Day)
}

fn is_title(cells: &[String]) -> bool {
    cell(cells, 0).to_lowercase().starts_with("siret")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SITE: &str = "98765432400019";

    fn judged(text: &str) -> Vec<Result<(Opco, Option<String>), Finding>> {
        let sites = [SITE.parse().unwrap()];
        let systems = [Opco::Akto, Opco::Atlas].map(Instance::first);
        let judge = Judge {
            environment: Environment::Test,
            today: "2026-09-02".parse().unwrap(),
            sites: &sites,
            systems: &systems,
        };
        let lines = read(text, &judge).unwrap();
        let one = |line: Judged| line.result.map(|new| (new.instance.opco, new.referent));
        lines.into_iter().map(one).collect()
    }

    #[test]
    fn a_sheet_is_read_however_a_spreadsheet_writes_it() {
        let wanted = [
            Ok((Opco::Akto, Some("Ana Diaz".to_owned()))),
            Ok((Opco::Atlas, None)),
        ];
        for text in [
            format!(
                "SIRET;OPCO;clé;fin;référent\r\n{SITE};AKTO;abc;31/12/2026;Ana Diaz\r\n{SITE};atlas;def;;\r\n"
            ),
            format!("{SITE},akto,abc,2026-12-31,Ana Diaz\n\n{SITE},Atlas,def"),
            format!("{SITE}\takto\tabc\t\t\"Ana Diaz\"\n\"987 654 324 00019\"\tatlas\t\"def\""),
        ] {
            assert_eq!(judged(&text), wanted, "{text}");
        }
    }

    #[test]
    fn each_line_says_what_is_wrong_with_it() {
        use Finding::{Columns, Day, Opco, Passed, Siret, Site, System, Text, Twice};
        let text = format!(
            "{SITE};akto\n123;akto;k\n98765432400027;akto;k\n{SITE};opcoo;k\n{SITE};afdas;k\n\
             {SITE};akto;a b\n{SITE};akto;k;hier\n{SITE};akto;k;2026-09-01\n{SITE};akto;k\n{SITE};akto;l"
        );
        let findings: Vec<Option<Finding>> = judged(&text).into_iter().map(Result::err).collect();
        let wrong = [Columns, Siret, Site, Opco, System, Text, Day, Passed];
        let mut expected: Vec<Option<Finding>> = wrong.into_iter().map(Some).collect();
        expected.extend([None, Some(Twice)]);
        assert_eq!(findings, expected);
    }

    #[test]
    fn a_key_in_the_wrong_column_is_not_shown() {
        let judge = Judge {
            environment: Environment::Test,
            today: "2026-09-02".parse().unwrap(),
            sites: &[],
            systems: &[],
        };
        let lines = read("la-cle-secrete;akto;98765432400019", &judge).unwrap();
        assert!(!format!("{lines:?}").contains("secrete"), "{lines:?}");
    }
}
