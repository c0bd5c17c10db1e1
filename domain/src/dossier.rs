//! The contract file: the canonical payload of the norm (protocol §6, §7), parsed once.
//!
//! [`Dossier::read`] takes the received bytes and answers with everything that is wrong at once;
//! [`Dossier::write`] gives the strict wire form back, unknown fields included.

mod adresse;
mod apprenti;
mod cerfa;
mod contrat;
mod employeur;
pub mod enums;
mod formation;

use jiff::civil::Date;

pub use self::adresse::Adresse;
pub use self::apprenti::{Apprenti, ResponsableLegal, Sexe};
pub use self::cerfa::{Cerfa, Dossier, VersionCerfa};
pub use self::contrat::{Contrat, Remuneration, TypeSalaire};
pub use self::employeur::{Employeur, Maitre};
pub use self::formation::{Formation, LieuFormation, OrganismeFormation};
use crate::finding::{Finding, Severity};
use crate::form::field::Field;
use crate::form::report::{STRUCTURE, Step, Text};
use crate::form::wire::Shape;
pub use crate::form::{Extra, Montant, SyntaxError, SyntaxKind, Taux};
use crate::identifiers::{Idcc, Naf, Nir};
use crate::siret::Siret;

/// A payload as far as it could be read, and all that is wrong with its form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// What could be read; a field in error is empty here and raw in its block's `extra`.
    pub dossier: Dossier,
    /// Every error of form, in the order of the body.
    pub findings: Vec<Finding>,
}

/// What the OPCOs recognise a contract by (protocol §5, pairing key).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pairing {
    /// Birth name of the apprentice, as spelled in the payload.
    pub nom: String,
    /// First name of the apprentice, as spelled in the payload.
    pub prenom: String,
    /// Birth date of the apprentice.
    pub date_naissance: Date,
    /// Establishment of the employer.
    pub siret_employeur: Siret,
    /// First day of the contract.
    pub date_debut_contrat: Date,
}

/// Stands for the body as a whole.
static BODY: Field = Field::new("cerfa", "corps de la requête");

impl Dossier {
    /// Reads a payload in one pass over its bytes.
    ///
    /// Values that are not of the norm's form are findings, all of them at once, each at its JSON
    /// Pointer. A body that cannot be read at all is a [`SyntaxError`].
    pub fn read(body: &[u8]) -> Result<Reading, SyntaxError> {
        let (dossier, mut report): (Self, _) = crate::form::read(body, &BODY)?;
        if dossier.cerfa.is_empty() && !report.has_findings() {
            report.enter(Step::Name(BODY.wire));
            report.find(no_cerfa());
        }
        Ok(Reading {
            dossier,
            findings: report.into_findings(),
        })
    }

    /// Returns the strict wire form: canonical spellings, unknown fields forwarded, fields that only
    /// the OPCO sets left out.
    pub fn write(&self) -> serde_json::Value {
        Shape::write(self)
    }

    /// Takes the NIR out, so that it can be sealed apart from the rest.
    pub fn take_nir(&mut self) -> Option<Nir> {
        self.cerfa.apprenti.nir.take()
    }

    /// Puts the NIR back in its place.
    pub fn put_nir(&mut self, nir: Nir) {
        self.cerfa.apprenti.nir = Some(nir);
    }

    /// Returns the employer's establishment, by which the OPCO is found.
    pub fn siret_employeur(&self) -> Option<Siret> {
        self.cerfa.employeur.siret
    }

    /// Returns the training centre's establishment, by which the CFA key is found.
    pub fn siret_cfa(&self) -> Option<Siret> {
        self.cerfa.organisme_formation.siret
    }

    /// Returns the employer's collective agreement.
    pub fn idcc(&self) -> Option<Idcc> {
        self.cerfa.employeur.code_idcc
    }

    /// Returns the employer's activity.
    pub fn naf(&self) -> Option<Naf> {
        self.cerfa.employeur.naf
    }

    /// Returns the edition of the form, the newest when the payload names none that is known.
    pub fn version_cerfa(&self) -> VersionCerfa {
        self.cerfa.version_cerfa.unwrap_or(VersionCerfa::NEWEST)
    }

    /// Returns what the OPCOs recognise the contract by, when all of it is there.
    pub fn pairing(&self) -> Option<Pairing> {
        let Cerfa {
            apprenti,
            employeur,
            contrat,
            ..
        } = &self.cerfa;
        Some(Pairing {
            nom: apprenti.nom.clone()?,
            prenom: apprenti.prenom.clone()?,
            date_naissance: apprenti.date_naissance?,
            siret_employeur: employeur.siret?,
            date_debut_contrat: contrat.date_debut_contrat?,
        })
    }
}

/// Joins what the rules found to what the reading found.
///
/// A field that was given and could not be read is not *missing* as well: whatever the rules say at
/// the place of a blocking finding of the reading, or below it, is left out.
pub fn join_findings(of_reading: Vec<Finding>, of_rules: Vec<Finding>) -> Vec<Finding> {
    let unread = |pointer: &str| {
        of_reading
            .iter()
            .filter(|finding| finding.severity == Severity::Bloquant)
            .filter_map(|finding| pointer.strip_prefix(finding.pointer.as_str()))
            .any(|below| below.is_empty() || below.starts_with('/'))
    };
    let of_rules: Vec<Finding> = of_rules
        .into_iter()
        .filter(|finding| !unread(&finding.pointer))
        .collect();
    of_reading.into_iter().chain(of_rules).collect()
}

fn no_cerfa() -> Text {
    Text {
        rule: STRUCTURE,
        severity: Severity::Bloquant,
        message: "L'objet « cerfa » est absent ou vide.".to_owned(),
        remedy: "Placez employeur, apprenti, maitre1, formation, contrat et organismeFormation \
                 dans un objet « cerfa »."
            .to_owned(),
        value: None,
    }
}
