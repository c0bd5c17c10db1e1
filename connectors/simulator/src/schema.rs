//! The check of a contract against protocol §6: everything wrong with it, at once. The other bodies
//! are in [`pieces`].

mod checker;
mod fields;
pub(crate) mod pieces;

use jiff::civil::Date;
use serde_json::{Map, Value};

use checker::{Checker, Codes};

/// The most pay periods a contract may have.
const MOST_PERIODS: usize = 60;

/// Where a contract says where the training is given, when it is elsewhere.
const LIEU: &str = "organismeFormationLieuFormationPrincipal";
/// The codes of an incomplete or wrong contract.
const CERFA: Codes = Codes {
    missing: "CERFA_INCOMPLET",
    wrong: "CERFA_NON_CONFORME",
};

/// One thing wrong with what was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) code: &'static str,
    /// Where, if it is in one place.
    pub(crate) field: Option<String>,
    pub(crate) text: String,
}

impl Finding {
    pub(crate) fn of(code: &'static str, text: impl Into<String>) -> Self {
        Self {
            code,
            field: None,
            text: text.into(),
        }
    }

    pub(crate) fn at(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }
}

/// What the OPCO retains of a contract that passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Contract {
    pub(crate) nom: String,
    pub(crate) prenom: String,
    pub(crate) date_naissance: Date,
    pub(crate) siret_employeur: String,
    pub(crate) code_postal_employeur: String,
    pub(crate) siret_cfa: String,
    pub(crate) conclusion: Date,
    pub(crate) debut: Date,
    pub(crate) fin: Date,
    pub(crate) diplome: u8,
    pub(crate) type_contrat: u8,
    pub(crate) precedent: Option<String>,
    pub(crate) effet_avenant: Option<Date>,
    pub(crate) handicap: bool,
    pub(crate) mostly_remote: bool,
}

/// Reads the day of one of the spellings of protocol §3.4, without shifting it.
pub(crate) fn day(text: &str) -> Option<Date> {
    let rest = text.get(10..)?;
    let tail_fits = rest.is_empty()
        || (rest.starts_with('T')
            && rest.len() <= 25
            && rest
                .bytes()
                .all(|b| b.is_ascii_digit() || b"T:+-.Z".contains(&b)));
    if !tail_fits {
        return None;
    }
    text.get(..10)?.parse().ok()
}

/// Reads a whole number, also when it is written as a text.
fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn amount(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|number| number.is_finite() && (0.0..1e12).contains(number))
}

fn is_absent(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.trim().is_empty(),
        Some(_) => false,
    }
}

/// A contract being checked.
struct Check<'a> {
    cerfa: &'a Map<String, Value>,
    checker: Checker,
}

/// Checks the body of `POST dossiers` and returns the contract, or everything wrong with it.
pub(crate) fn check(body: &Value) -> Result<Contract, Vec<Finding>> {
    let mut checker = Checker::new(CERFA);
    let Some(Value::Object(cerfa)) = body.get("cerfa") else {
        checker.missing("cerfa");
        return Err(checker.findings);
    };
    let version = cerfa.get("versionCERFA").and_then(Value::as_str);
    checker.latest = version == Some(fields::LATEST);
    let mut check = Check { cerfa, checker };
    check.root();
    check.block("employeur", fields::EMPLOYEUR);
    check.block("apprenti", fields::APPRENTI);
    if let Some(Value::Object(apprenti)) = cerfa.get("apprenti") {
        let (name, fields) = ("responsableLegal", fields::RESPONSABLE);
        check
            .checker
            .optional_block(apprenti, "apprenti", name, fields);
    }
    check.block("maitre1", fields::MAITRE);
    if !is_absent(cerfa.get("maitre2")) {
        check.block("maitre2", fields::MAITRE);
    }
    check.block("formation", fields::FORMATION);
    check.block("contrat", fields::CONTRAT);
    check.contrat();
    check.block("organismeFormation", fields::ORGANISME);
    let same_place = check.value("organismeFormation", "lieuFormationIdentique");
    if same_place.and_then(Value::as_bool) == Some(false) || !is_absent(cerfa.get(LIEU)) {
        check.block(LIEU, fields::LIEU);
    }
    if !check.checker.findings.is_empty() {
        return Err(check.checker.findings);
    }
    check.contract().ok_or_else(|| {
        check.checker.wrong("cerfa", "illisible");
        check.checker.findings
    })
}

impl<'a> Check<'a> {
    fn value(&self, block: &str, name: &str) -> Option<&'a Value> {
        self.cerfa.get(block)?.get(name)
    }

    fn text(&self, block: &str, name: &str) -> Option<&'a str> {
        self.value(block, name)?.as_str()
    }

    fn root(&mut self) {
        let cerfa = self.cerfa;
        match cerfa.get("versionCERFA") {
            version if is_absent(version) => self.checker.missing("versionCERFA"),
            Some(Value::String(version)) if fields::VERSIONS.contains(&version.as_str()) => {}
            _ => self
                .checker
                .wrong("versionCERFA", "version de CERFA inconnue"),
        }
        // Both spellings occur (protocol §6.1).
        let attested = cerfa
            .get("CERFASignatureProbante")
            .or_else(|| cerfa.get("CERFAsignatureProbante"));
        match attested {
            Some(Value::Bool(_)) => {}
            None | Some(Value::Null) => self.checker.missing("CERFASignatureProbante"),
            Some(_) => self
                .checker
                .wrong("CERFASignatureProbante", "booléen attendu"),
        }
    }

    fn block(&mut self, name: &str, fields: &[fields::Field]) {
        self.checker.block(self.cerfa, "", name, fields);
    }

    /// Checks what depends on the type of contract, and the pay periods.
    fn contrat(&mut self) {
        let kind = self
            .value("contrat", "typeContratApp")
            .and_then(whole)
            .unwrap_or(0);
        if matches!(kind, 21..=23 | 31..=38)
            && is_absent(self.value("contrat", "numeroContratPrecedent"))
        {
            self.checker.missing("contrat.numeroContratPrecedent");
        }
        if matches!(kind, 31..=38) && is_absent(self.value("contrat", "dateEffetAvenant")) {
            self.checker.missing("contrat.dateEffetAvenant");
        }
        if let Some(Value::Object(contrat)) = self.cerfa.get("contrat") {
            let periods = ("remunerationsAnnuelles", MOST_PERIODS);
            self.checker
                .list(contrat, "contrat", periods, fields::REMUNERATION);
        }
    }

    fn day(&self, block: &str, name: &str) -> Option<Date> {
        self.text(block, name).and_then(day)
    }

    fn small(&self, block: &str, name: &str) -> Option<u8> {
        whole(self.value(block, name)?).and_then(|number| u8::try_from(number).ok())
    }

    fn contract(&self) -> Option<Contract> {
        let owned = |block, name| self.text(block, name).map(str::to_owned);
        let hours = |name| self.value("formation", name).and_then(whole);
        let remote = hours("nombreHeuresEnDistanciel").unwrap_or(0);
        let precedent = owned("contrat", "numeroContratPrecedent");
        Some(Contract {
            nom: owned("apprenti", "nom")?,
            prenom: owned("apprenti", "prenom")?,
            date_naissance: self.day("apprenti", "dateNaissance")?,
            siret_employeur: owned("employeur", "siret")?,
            code_postal_employeur: self
                .value("employeur", "adresse")?
                .get("codePostal")?
                .as_str()?
                .to_owned(),
            siret_cfa: owned("organismeFormation", "siret")?,
            conclusion: self.day("contrat", "dateConclusion")?,
            debut: self.day("contrat", "dateDebutContrat")?,
            fin: self.day("contrat", "dateFinContrat")?,
            diplome: self.small("formation", "typeDiplome")?,
            type_contrat: self.small("contrat", "typeContratApp")?,
            precedent: precedent.filter(|number| !number.trim().is_empty()),
            effet_avenant: self.day("contrat", "dateEffetAvenant"),
            handicap: self.value("apprenti", "handicap")?.as_bool()?,
            // Protocol §17: 80 % at a distance or more.
            mostly_remote: remote > 0 && remote * 100 >= hours("dureeFormation")? * 80,
        })
    }
}

/// Checks what only the whole contract can tell: the business part of the order of §19.
pub(crate) fn business(contract: &Contract) -> Vec<Finding> {
    let mut findings = Vec::new();
    if contract.conclusion < jiff::civil::date(2020, 1, 1) {
        let text = "Seuls les contrats conclus à compter du 01/01/2020 sont acceptés";
        findings.push(Finding::of("CONTRAT_ANTERIEUR_2020", text).at("contrat.dateConclusion"));
    }
    if contract.fin <= contract.debut {
        let text = "La date de fin du contrat précède sa date de début";
        findings.push(Finding::of(CERFA.wrong, text).at("contrat.dateFinContrat"));
    }
    findings
}

#[cfg(test)]
mod tests;
