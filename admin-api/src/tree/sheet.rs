//! A whole hierarchy from a sheet: CFA; SIREN; site; SIRET; UAI, one site a line. Every line is judged before
//! any is kept.

use std::collections::BTreeSet;

use domain::id::TenantId;
use domain::identifiers::Uai;
use domain::person::Language;
use domain::{Siren, Siret};
use store::tenants::{self, Cfa, Site};
use store::{StoreError, Tx};

use super::acts::compact;
use super::{NewCfa, NewSite, TreeError};
use crate::csv::read::{cell, lines};
use crate::hand::{self, Hand};
use crate::tree;

/// The largest sheet, in bytes.
pub(crate) const BYTES_MAX: usize = 256 * 1024;
/// The most lines of one.
pub(crate) const LINES_MAX: usize = 2_000;

/// Why a line is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finding {
    /// Fewer than four columns.
    Columns,
    /// The first column is no name.
    Cfa,
    /// The second column is no SIREN.
    Siren,
    /// The third column is no name.
    Site,
    /// The fourth column is no SIRET.
    Siret,
    /// The fifth column is no UAI.
    Uai,
    /// The network has a site with this SIRET.
    Known,
    /// An earlier line has this SIRET.
    Twice,
    /// The network, or an earlier line, has a training centre of this SIREN under another name.
    Company,
}

impl Finding {
    /// Returns the stable word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Columns => "columns",
            Self::Cfa => "cfa",
            Self::Siren => "siren",
            Self::Site => "site",
            Self::Siret => "siret",
            Self::Uai => "uai",
            Self::Known => "known",
            Self::Twice => "twice",
            Self::Company => "company",
        }
    }

    /// Returns what is said of it.
    pub(crate) fn said(self, language: Language) -> &'static str {
        match self {
            Self::Columns => language.of(
                "il faut au moins CFA, SIREN, site et SIRET",
                "at least training centre, SIREN, site and SIRET are needed",
            ),
            Self::Cfa => language.of(
                "nom du CFA vide ou de plus de 200 caractères",
                "name of the training centre empty or over 200 characters",
            ),
            Self::Siren => language.of(
                "SIREN faux : 9 chiffres, clé comprise",
                "wrong SIREN: 9 digits, check digit included",
            ),
            Self::Site => language.of(
                "nom du site vide ou de plus de 200 caractères",
                "name of the site empty or over 200 characters",
            ),
            Self::Siret => language.of(
                "SIRET faux : 14 chiffres, clé comprise",
                "wrong SIRET: 14 digits, check digit included",
            ),
            Self::Uai => language.of(
                "UAI faux : 7 chiffres et la bonne lettre, ou rien",
                "wrong UAI: 7 digits and the right letter, or nothing",
            ),
            Self::Known => language.of(
                "le réseau a déjà ce SIRET : rien à faire",
                "the network has this SIRET already: nothing to do",
            ),
            Self::Twice => language.of(
                "même SIRET qu'une ligne précédente",
                "same SIRET as an earlier line",
            ),
            Self::Company => language.of(
                "un CFA de ce SIREN a un autre nom : écrivez le même, ou ajoutez d'abord ce second CFA à la main",
                "a training centre of this SIREN has another name: write the same, or add this second one by \
                 hand first",
            ),
        }
    }
}

/// A good line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// The name of the training centre.
    pub(crate) cfa: String,
    pub(crate) siren: Siren,
    /// Whether the training centre is to be made too.
    pub(crate) makes_cfa: bool,
    /// The name of the site.
    pub(crate) site: String,
    pub(crate) siret: Siret,
    pub(crate) uai: Option<Uai>,
}

/// One line as it was judged.
#[derive(Debug)]
pub(crate) struct Judged {
    /// Where it is in the sheet, from 1.
    pub(crate) number: usize,
    /// The site, or why there is none.
    pub(crate) result: Result<Line, Finding>,
}

/// Judges the lines of a sheet by what the network has; nothing when there are too many.
pub(crate) async fn judged(
    tx: &mut Tx,
    tenant: TenantId,
    text: &str,
) -> Result<Option<Vec<Judged>>, StoreError> {
    let cfas = tenants::cfas(tx, tenant).await?;
    let sites = tenants::sites(tx, tenant).await?;
    Ok(read(text, &cfas, &sites))
}

/// Keeps the good lines: the training centres that are missing, then the sites. Says how many.
pub(crate) async fn keep(
    tx: &mut Tx,
    tenant: TenantId,
    judged: &[Judged],
    hand: &Hand,
) -> Result<usize, TreeError> {
    let mut cfas = tenants::cfas(tx, tenant).await?;
    let good = judged.iter().filter_map(|line| line.result.as_ref().ok());
    let mut kept = 0_usize;
    for line in good {
        let of_line = |cfa: &Cfa| is_of(cfa, &line.cfa, line.siren);
        let known = cfas.iter().find(|cfa| of_line(cfa)).map(|cfa| cfa.id);
        let cfa = if let Some(known) = known {
            known
        } else {
            let new = NewCfa {
                name: line.cfa.clone(),
                siren: line.siren,
                second: false,
            };
            let made = tree::add_cfa(tx, tenant, new, hand).await?;
            let id = made.id;
            cfas.push(made);
            id
        };
        let new = NewSite {
            cfa,
            siret: line.siret,
            uai: line.uai,
            name: line.site.clone(),
        };
        tree::add_site(tx, tenant, new, hand).await?;
        kept = kept.saturating_add(1);
    }
    Ok(kept)
}

fn is_of(cfa: &Cfa, name: &str, siren: Siren) -> bool {
    cfa.siren == siren && cfa.name.to_lowercase() == name.to_lowercase()
}

fn read(text: &str, cfas: &[Cfa], sites: &[Site]) -> Option<Vec<Judged>> {
    let mut seen = BTreeSet::new();
    let mut made: Vec<(String, Siren)> = Vec::new();
    let mut judged = Vec::new();
    for (number, cells) in lines(text) {
        if judged.is_empty() && is_title(&cells) {
            continue;
        }
        if judged.len() >= LINES_MAX {
            return None;
        }
        let mut result = line(&cells);
        if let Ok(new) = &mut result {
            new.makes_cfa = !cfas.iter().any(|cfa| is_of(cfa, &new.cfa, new.siren));
            let siret = new.siret;
            if sites.iter().any(|site| site.siret == siret) {
                result = Err(Finding::Known);
            } else if !seen.insert(siret) {
                result = Err(Finding::Twice);
            } else if new.makes_cfa {
                let name = new.cfa.to_lowercase();
                let same = |(other, siren): &(String, Siren)| *siren == new.siren && *other == name;
                let other = |siren: Siren| siren == new.siren;
                if made.iter().any(same) {
                    // An earlier line makes it.
                } else if cfas.iter().any(|cfa| other(cfa.siren))
                    || made.iter().any(|(_, siren)| other(*siren))
                {
                    result = Err(Finding::Company);
                } else {
                    made.push((name, new.siren));
                }
            }
        }
        judged.push(Judged { number, result });
    }
    Some(judged)
}

/// A line of titles names what the fourth column holds.
fn is_title(cells: &[String]) -> bool {
    cell(cells, 3).to_lowercase().starts_with("siret")
}

fn line(cells: &[String]) -> Result<Line, Finding> {
    if cells.len() < 4 {
        return Err(Finding::Columns);
    }
    let uai = compact(cell(cells, 4)).to_uppercase();
    Ok(Line {
        cfa: hand::name(cell(cells, 0)).ok_or(Finding::Cfa)?,
        siren: compact(cell(cells, 1))
            .parse()
            .map_err(|_| Finding::Siren)?,
        makes_cfa: false,
        site: hand::name(cell(cells, 2)).ok_or(Finding::Site)?,
        siret: compact(cell(cells, 3))
            .parse()
            .map_err(|_| Finding::Siret)?,
        uai: match uai.as_str() {
            "" => None,
            text => Some(text.parse().map_err(|_| Finding::Uai)?),
        },
    })
}

#[cfg(test)]
mod tests {
    use domain::id::{CfaId, SiteId};

    use super::*;

    fn findings(text: &str) -> Vec<Result<bool, Finding>> {
        let now = "2026-09-02T08:00:00Z".parse().unwrap();
        let tenant = TenantId::new(now);
        let cfa = Cfa {
            tenant,
            id: CfaId::new(now),
            name: "CFA du Lac".to_owned(),
            siren: "987654324".parse().unwrap(),
            created_at: now,
        };
        let site = Site {
            tenant,
            id: SiteId::new(now),
            cfa: cfa.id,
            siret: "98765432400019".parse().unwrap(),
            uai: None,
            name: "Rive".to_owned(),
            created_at: now,
            closed_at: None,
        };
        let judged = read(text, &[cfa], &[site]).unwrap();
        let one = |line: Judged| line.result.map(|new| new.makes_cfa);
        judged.into_iter().map(one).collect()
    }

    #[test]
    fn a_line_is_a_site_of_a_training_centre_that_is_there_or_not() {
        let text = "CFA;SIREN;site;SIRET;UAI\r\ncfa du lac;987 654 324;Port;98765432400027;0939999n\r\n\
                    CFA neuf;123456782;Mairie;123 456 782 00010\r\n";
        assert_eq!(findings(text), [Ok(false), Ok(true)]);
    }

    #[test]
    fn each_line_says_what_is_wrong_with_it() {
        use Finding::{Cfa, Columns, Company, Known, Siren, Siret, Site, Twice, Uai};
        let text = "a;987654324;b\n;987654324;b;98765432400027\na;1;b;98765432400027\n\
                    a;987654324;;98765432400027\na;987654324;b;1\na;987654324;b;98765432400027;X\n\
                    a;987654324;b;98765432400019\na;987654324;b;98765432400027\n\
                    a;123456782;b;12345678200010\nA;123456782;b;12345678200028\n\
                    aa;123456782;b;12345678200036\na;123456782;c;12345678200010";
        let wrong = [Columns, Cfa, Siren, Site, Siret, Uai, Known].map(Err);
        let mut expected: Vec<Result<bool, Finding>> = wrong.into_iter().collect();
        expected.extend([Err(Company), Ok(true), Ok(true), Err(Company), Err(Twice)]);
        assert_eq!(findings(text), expected);
    }
}
