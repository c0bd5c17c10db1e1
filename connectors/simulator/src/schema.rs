//! The check of a contract against protocol §6: everything wrong with it, at once.

mod fields;

use jiff::civil::Date;
use serde_json::{Map, Value};

use fields::{Field, Kind, Need};

/// The most findings one refusal lists.
const MOST_FINDINGS: usize = 200;
/// The most pay periods a contract may have.
const MOST_PERIODS: usize = 60;

/// Where a contract says where the training is given, when it is elsewhere.
const LIEU: &str = "organismeFormationLieuFormationPrincipal";
/// Where the pay periods are.
const PERIODS: &str = "contrat.remunerationsAnnuelles";

/// One thing wrong with a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) code: &'static str,
    pub(crate) text: String,
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

/// Collects what is wrong.
struct Check<'a> {
    cerfa: &'a Map<String, Value>,
    latest: bool,
    findings: Vec<Finding>,
}

/// Checks the body of `POST dossiers` and returns the contract, or everything wrong with it.
pub(crate) fn check(body: &Value) -> Result<Contract, Vec<Finding>> {
    let Some(Value::Object(cerfa)) = body.get("cerfa") else {
        return Err(vec![missing("cerfa")]);
    };
    let version = cerfa.get("versionCERFA").and_then(Value::as_str);
    let mut check = Check {
        cerfa,
        latest: version == Some(fields::LATEST),
        findings: Vec::new(),
    };
    check.root();
    check.block("employeur", fields::EMPLOYEUR);
    check.block("apprenti", fields::APPRENTI);
    check.optional_block("apprenti", "responsableLegal", fields::RESPONSABLE);
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
    if check.findings.is_empty() {
        check
            .contract()
            .ok_or_else(|| vec![wrong("cerfa", "illisible")])
    } else {
        Err(check.findings)
    }
}

fn missing(path: &str) -> Finding {
    Finding {
        code: "CERFA_INCOMPLET",
        text: format!("Le champ {path} est obligatoire"),
    }
}

fn wrong(path: &str, why: &str) -> Finding {
    Finding {
        code: "CERFA_NON_CONFORME",
        text: format!("Le champ {path} est invalide : {why}"),
    }
}

impl<'a> Check<'a> {
    fn report(&mut self, finding: Finding) {
        if self.findings.len() < MOST_FINDINGS {
            self.findings.push(finding);
        }
    }

    fn value(&self, block: &str, name: &str) -> Option<&'a Value> {
        self.cerfa.get(block)?.get(name)
    }

    fn text(&self, block: &str, name: &str) -> Option<&'a str> {
        self.value(block, name)?.as_str()
    }

    fn root(&mut self) {
        let cerfa = self.cerfa;
        match cerfa.get("versionCERFA") {
            version if is_absent(version) => self.report(missing("versionCERFA")),
            Some(Value::String(version)) if fields::VERSIONS.contains(&version.as_str()) => {}
            _ => self.report(wrong("versionCERFA", "version de CERFA inconnue")),
        }
        // Both spellings occur (protocol §6.1).
        let attested = cerfa
            .get("CERFASignatureProbante")
            .or_else(|| cerfa.get("CERFAsignatureProbante"));
        match attested {
            Some(Value::Bool(_)) => {}
            None | Some(Value::Null) => self.report(missing("CERFASignatureProbante")),
            Some(_) => self.report(wrong("CERFASignatureProbante", "booléen attendu")),
        }
    }

    fn block(&mut self, name: &str, fields: &[Field]) {
        match self.cerfa.get(name) {
            Some(Value::Object(block)) => self.fields(block, name, fields),
            None | Some(Value::Null) => self.report(missing(name)),
            Some(_) => self.report(wrong(name, "objet attendu")),
        }
    }

    fn optional_block(&mut self, parent: &str, name: &str, fields: &[Field]) {
        match self.value(parent, name) {
            None | Some(Value::Null) => {}
            Some(Value::Object(block)) => {
                self.fields(block, &format!("{parent}.{name}"), fields);
            }
            Some(_) => self.report(wrong(&format!("{parent}.{name}"), "objet attendu")),
        }
    }

    fn fields(&mut self, block: &Map<String, Value>, path: &str, fields: &[Field]) {
        for field in fields {
            let needed = match field.need {
                Need::Always => true,
                Need::V14 => self.latest,
                Need::Never => false,
            };
            let value = block.get(field.name);
            match value.filter(|_| !is_absent(value)) {
                Some(value) => self.one(value, path, field),
                None if needed => self.report(missing(&format!("{path}.{}", field.name))),
                None => {}
            }
        }
    }

    fn one(&mut self, value: &Value, path: &str, field: &Field) {
        let why = match field.kind {
            Kind::Adresse => return self.adresse(value, &format!("{path}.{}", field.name)),
            Kind::Ignored => None,
            Kind::Bool => (!value.is_boolean()).then(|| "booléen attendu".to_owned()),
            Kind::Int => whole(value)
                .is_none_or(|number| !(0..=9_999_999).contains(&number))
                .then(|| "nombre entier attendu".to_owned()),
            Kind::Number => amount(value).is_none().then(|| "nombre attendu".to_owned()),
            Kind::Code(codes) => unknown_code(value, codes),
            Kind::Diplome if self.latest => unknown_code(value, fields::DIPLOMES_V14),
            Kind::Diplome => unknown_code(value, fields::DIPLOMES),
            Kind::Niveau => unknown_code(value, &[1, 2, 3, 4, 5, 6, 7, 8]),
            Kind::Text(longest) => match value.as_str() {
                None => Some("texte attendu".to_owned()),
                Some(text) if text.chars().count() > longest => {
                    Some(format!("{longest} caractères au plus"))
                }
                Some(_) => None,
            },
            Kind::Date => value
                .as_str()
                .and_then(day)
                .is_none()
                .then(|| "date attendue".to_owned()),
            Kind::Word(words) => value
                .as_str()
                .is_none_or(|text| !words.contains(&text))
                .then(|| format!("une des valeurs {} est attendue", words.join(", "))),
            Kind::Form(fits, name) => match value.as_str() {
                None => Some("texte attendu".to_owned()),
                Some(text) => (!fits(text)).then(|| format!("{name} incorrect")),
            },
            Kind::Courriel => value
                .as_str()
                .is_none_or(|text| text.chars().count() > 80 || !text.contains('@'))
                .then(|| "courriel incorrect".to_owned()),
        };
        if let Some(why) = why {
            self.report(wrong(&format!("{path}.{}", field.name), &why));
        }
    }

    /// Accepts the current form and that of 2021 (protocol §6.2).
    fn adresse(&mut self, value: &Value, path: &str) {
        let Value::Object(adresse) = value else {
            return self.report(wrong(path, "objet attendu"));
        };
        if ["adresse1", "voie", "label"]
            .iter()
            .all(|name| is_absent(adresse.get(*name)))
        {
            self.report(missing(&format!("{path}.adresse1")));
        }
        self.fields(adresse, path, fields::ADRESSE);
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
            self.report(missing("contrat.numeroContratPrecedent"));
        }
        if matches!(kind, 31..=38) && is_absent(self.value("contrat", "dateEffetAvenant")) {
            self.report(missing("contrat.dateEffetAvenant"));
        }
        match self.value("contrat", "remunerationsAnnuelles") {
            None | Some(Value::Null) => self.report(missing(PERIODS)),
            Some(Value::Array(periods)) if periods.is_empty() => self.report(missing(PERIODS)),
            Some(Value::Array(periods)) if periods.len() > MOST_PERIODS => {
                self.report(wrong(PERIODS, "trop de périodes"));
            }
            Some(Value::Array(periods)) => {
                for (rank, period) in periods.iter().enumerate() {
                    match period {
                        Value::Object(period) => {
                            self.fields(
                                period,
                                &format!("{PERIODS}[{rank}]"),
                                fields::REMUNERATION,
                            );
                        }
                        _ => self.report(wrong(&format!("{PERIODS}[{rank}]"), "objet attendu")),
                    }
                }
            }
            Some(_) => self.report(wrong(PERIODS, "tableau attendu")),
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

fn unknown_code(value: &Value, codes: &[i64]) -> Option<String> {
    match whole(value) {
        None => Some("code numérique attendu".to_owned()),
        Some(code) => (!codes.contains(&code)).then(|| format!("code {code} inconnu")),
    }
}

/// Checks what only the whole contract can tell: the business part of the order of §19.
pub(crate) fn business(contract: &Contract) -> Vec<Finding> {
    let mut findings = Vec::new();
    if contract.conclusion < jiff::civil::date(2020, 1, 1) {
        findings.push(Finding {
            code: "CONTRAT_ANTERIEUR_2020",
            text: "Seuls les contrats conclus à compter du 01/01/2020 sont acceptés".to_owned(),
        });
    }
    if contract.fin <= contract.debut {
        findings.push(Finding {
            code: "CERFA_NON_CONFORME",
            text: "La date de fin du contrat précède sa date de début".to_owned(),
        });
    }
    findings
}

#[cfg(test)]
mod tests;
