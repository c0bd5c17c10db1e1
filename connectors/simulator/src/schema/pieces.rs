//! The check of every body but the contract's (protocol §9 to §13), and what is retained of each.

use jiff::civil::Date;
use serde_json::{Map, Value};

use super::checker::{Checker, Codes};
use super::fields::Field;
use super::fields::pieces::{
    ATTESTATIONS, CERTIFICAT, CERTIFICAT_ECHEANCE, CONVENTION, CONVENTION_CONTRAT,
    CONVENTION_FORMATION, CONVENTION_ORGANISME, COUTS, DOCUMENT, EMPLOYEUR_SIRET, FACTURE,
    IDENTITE, LIGNE, OBJET, REPRESENTANT, RUPTURE, RUPTURE_APPRENTI, RUPTURE_CONTRAT, SIRET_SEUL,
};
use super::{Finding, day, is_absent, whole};
use crate::cents;
use crate::nature::Nature;

/// The most lines an invoice may have.
const MOST_LINES: usize = 500;
/// The most things a document may belong to.
const MOST_OBJECTS: usize = 100;

const PIECE: Codes = Codes {
    missing: "CHAMP_ABSENT",
    wrong: "CHAMP_INVALIDE",
};

/// What the OPCO retains of a training agreement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Convention {
    pub(crate) dossier: String,
    pub(crate) siret_employeur: String,
    pub(crate) nom: String,
    pub(crate) prenom: String,
    pub(crate) debut: Date,
    pub(crate) siret_cfa: String,
    pub(crate) mandat: bool,
    /// The attestations that are not given.
    pub(crate) unattested: Vec<&'static str>,
    pub(crate) repas: i32,
    pub(crate) nuits: i32,
    pub(crate) equipement_cents: i32,
    pub(crate) mobilite: bool,
}

/// What the OPCO retains of an invoice or a credit note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Facture {
    pub(crate) numero: String,
    pub(crate) total_cents: i32,
    pub(crate) iban: Option<String>,
    pub(crate) siret: String,
    pub(crate) certificat: bool,
    pub(crate) avoir: bool,
    pub(crate) origine: Option<String>,
    pub(crate) lignes: Vec<Ligne>,
}

/// One line of an invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ligne {
    pub(crate) cents: i32,
    pub(crate) nature: Nature,
    pub(crate) echeance: u32,
    pub(crate) codification: String,
    pub(crate) deca: Option<String>,
    pub(crate) dossier: Option<String>,
}

/// What a document belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Document {
    pub(crate) genre: String,
    /// Whether it is an invoice, and its number.
    pub(crate) objets: Vec<(bool, String)>,
}

/// What the OPCO retains of a structured certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Certificat {
    pub(crate) genre: String,
    pub(crate) dossier: String,
    pub(crate) facture: Option<String>,
    pub(crate) siret_employeur: String,
    pub(crate) siret_cfa: String,
    pub(crate) echeance: u32,
    pub(crate) codification: Option<String>,
    pub(crate) debut: Option<Date>,
    pub(crate) fin: Option<Date>,
}

/// What the OPCO retains of a termination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rupture {
    pub(crate) dossier: String,
    pub(crate) externe: Option<String>,
    pub(crate) deca: Option<String>,
    pub(crate) siret_employeur: String,
    pub(crate) nom: String,
    pub(crate) date: Date,
}

/// A body being read once it has been checked.
struct Read<'a>(&'a Map<String, Value>);

impl<'a> Read<'a> {
    fn at(&self, block: &str) -> Option<Read<'a>> {
        self.0.get(block)?.as_object().map(Read)
    }

    fn text(&self, name: &str) -> Option<String> {
        let text = self.0.get(name)?.as_str()?.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    fn day(&self, name: &str) -> Option<Date> {
        self.0.get(name)?.as_str().and_then(day)
    }

    fn cents(&self, name: &str) -> Option<i32> {
        cents::read(self.0.get(name)?)
    }

    fn whole(&self, name: &str) -> Option<i64> {
        whole(self.0.get(name)?)
    }

    fn says(&self, name: &str) -> bool {
        self.0.get(name).and_then(Value::as_bool) == Some(true)
    }

    fn small(&self, name: &str) -> i32 {
        self.whole(name)
            .and_then(|number| i32::try_from(number).ok())
            .unwrap_or(0)
    }
}

/// The blocks of a body, each with its fields; those of the root have no name.
type Blocks = &'static [(&'static str, &'static [Field])];

fn checked<T>(
    body: &Value,
    blocks: Blocks,
    more: impl FnOnce(&mut Checker, &Map<String, Value>),
    read: impl FnOnce(Read<'_>) -> Option<T>,
) -> Result<T, Vec<Finding>> {
    let mut checker = Checker::new(PIECE);
    let Value::Object(root) = body else {
        let text = "Un objet JSON est attendu";
        return Err(vec![Finding::of(PIECE.wrong, text)]);
    };
    for (name, fields) in blocks {
        if name.is_empty() {
            checker.fields(root, "", fields);
        } else {
            checker.block(root, "", name, fields);
        }
    }
    more(&mut checker, root);
    if !checker.findings.is_empty() {
        return Err(checker.findings);
    }
    read(Read(root)).ok_or_else(|| vec![Finding::of(PIECE.wrong, "Corps illisible")])
}

/// Checks the part `convention` (protocol §9).
pub(crate) fn convention(body: &Value) -> Result<Convention, Vec<Finding>> {
    let blocks: Blocks = &[
        ("", CONVENTION),
        ("employeur", EMPLOYEUR_SIRET),
        ("apprenti", IDENTITE),
        ("contrat", CONVENTION_CONTRAT),
        ("organismeFormation", CONVENTION_ORGANISME),
        ("formation", CONVENTION_FORMATION),
        ("couts", COUTS),
    ];
    checked(
        body,
        blocks,
        |_, _| (),
        |read| {
            let (apprenti, couts) = (read.at("apprenti")?, read.at("couts")?);
            let unattested = ATTESTATIONS.iter().copied();
            Some(Convention {
                dossier: read.text("numeroInterneDossier")?,
                siret_employeur: read.at("employeur")?.text("siret")?,
                nom: apprenti.text("nom")?,
                prenom: apprenti.text("prenom")?,
                debut: read.at("contrat")?.day("dateDebutContrat")?,
                siret_cfa: read.at("organismeFormation")?.text("siret")?,
                mandat: read.says("mandatEmployeur"),
                unattested: unattested.filter(|name| !read.says(name)).collect(),
                repas: couts.small("nombreRepasTotaux"),
                nuits: couts.small("nombreHebergementTotaux"),
                equipement_cents: couts.cents("montantPremierEquipement").unwrap_or(0),
                // One client writes it with an accent (protocol §9).
                mobilite: couts.says("mentionMobiliteInternationale")
                    || couts.says("mentionMobilitéInternationale"),
            })
        },
    )
}

/// Checks the part `facture` (protocol §10, §13). What §15 has a refusal for is left to it.
pub(crate) fn facture(body: &Value) -> Result<Facture, Vec<Finding>> {
    let lines = |checker: &mut Checker, root: &Map<String, Value>| {
        checker.list(root, "", ("lignes", MOST_LINES), LIGNE);
        let avoir = root.get("typeFacture").and_then(Value::as_str) == Some("AVOIR");
        if avoir && is_absent(root.get("numeroFactureOrigine")) {
            checker.missing("numeroFactureOrigine");
        }
    };
    checked(body, &[("", FACTURE)], lines, |read| {
        let sent = read.0.get("lignes")?.as_array()?.iter();
        let understood = |line: &Value| {
            let line = Read(line.as_object()?);
            Some(Ligne {
                cents: line.cents("montant")?,
                nature: Nature::read(&line.text("natureLigne")?)?,
                echeance: u32::try_from(line.whole("numeroEcheance")?).ok()?,
                codification: line.text("codificationEcheance")?,
                deca: line.text("numeroDeca"),
                dossier: line.text("numeroDossier"),
            })
        };
        Some(Facture {
            numero: read.text("numero")?,
            total_cents: read.cents("montantTotal")?,
            iban: read.text("ibanEmetteur"),
            siret: read.text("siretEmetteur")?,
            certificat: read.says("estCertificatRealisation"),
            avoir: read.text("typeFacture").as_deref() == Some("AVOIR"),
            origine: read.text("numeroFactureOrigine"),
            lignes: sent.map(understood).collect::<Option<_>>()?,
        })
    })
}

/// Checks the part `infosFichier` (protocol §12).
pub(crate) fn document(body: &Value) -> Result<Document, Vec<Finding>> {
    let objects = |checker: &mut Checker, root: &Map<String, Value>| {
        checker.list(root, "", ("objets", MOST_OBJECTS), OBJET);
    };
    checked(body, &[("", DOCUMENT)], objects, |read| {
        let sent = read.0.get("objets")?.as_array()?.iter();
        let understood = |one: &Value| {
            let one = Read(one.as_object()?);
            Some((one.text("typeObjet")? == "FACTURE", one.text("idObjet")?))
        };
        Some(Document {
            genre: read.text("typeFichier")?,
            objets: sent.map(understood).collect::<Option<_>>()?,
        })
    })
}

/// Checks the part `certificat` (protocol §11).
pub(crate) fn certificat(body: &Value) -> Result<Certificat, Vec<Finding>> {
    let blocks: Blocks = &[
        ("", CERTIFICAT),
        ("employeur", EMPLOYEUR_SIRET),
        ("apprenti", IDENTITE),
        ("organismeFormation", SIRET_SEUL),
        ("echeance", CERTIFICAT_ECHEANCE),
    ];
    let signatory = |checker: &mut Checker, root: &Map<String, Value>| {
        checker.optional_block(root, "", "representantLegal", REPRESENTANT);
    };
    checked(body, blocks, signatory, |read| {
        let echeance = read.at("echeance")?;
        Some(Certificat {
            genre: read.text("typeCertificat")?,
            dossier: read.text("numeroInterneDossier")?,
            facture: read.text("numeroInterneFacture"),
            siret_employeur: read.at("employeur")?.text("siret")?,
            siret_cfa: read.at("organismeFormation")?.text("siret")?,
            echeance: u32::try_from(echeance.whole("numero")?).ok()?,
            codification: echeance.text("codification"),
            debut: echeance.day("dateDebut"),
            fin: echeance.day("dateFin"),
        })
    })
}

/// Checks the body of a termination (protocol §13).
pub(crate) fn rupture(body: &Value) -> Result<Rupture, Vec<Finding>> {
    let blocks: Blocks = &[
        ("", RUPTURE),
        ("employeur", EMPLOYEUR_SIRET),
        ("apprenti", RUPTURE_APPRENTI),
        ("contrat", RUPTURE_CONTRAT),
        ("organismeFormation", SIRET_SEUL),
    ];
    checked(
        body,
        blocks,
        |_, _| (),
        |read| {
            Some(Rupture {
                dossier: read.text("numeroInterneDossier")?,
                externe: read.text("numeroExterneDossier"),
                deca: read.text("numeroDeca"),
                siret_employeur: read.at("employeur")?.text("siret")?,
                nom: read.at("apprenti")?.text("nom")?,
                date: read.at("contrat")?.day("dateRupture")?,
            })
        },
    )
}

#[cfg(test)]
mod tests;
