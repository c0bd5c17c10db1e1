//! A contract as an ERP writes it: made up, and right on the day it is made.

use domain::Siret;
use domain::identifiers::Nir;
use jiff::ToSpan;
use jiff::civil::{Date, Weekday};
use serde_json::{Value, json};

/// The department and town of every birth: the number of the town does not exist.
const BIRTH_PLACE: &str = "93999";

/// Surnames: birds, so that nobody takes them for somebody.
const NOMS: [&str; 30] = [
    "Alouette",
    "Bergeronnette",
    "Bouvreuil",
    "Chardonneret",
    "Cigogne",
    "Coucou",
    "Courlis",
    "Engoulevent",
    "Épervier",
    "Étourneau",
    "Fauvette",
    "Flamant",
    "Gobemouche",
    "Grimpereau",
    "Héron",
    "Hirondelle",
    "Huppe",
    "Loriot",
    "Martinet",
    "Mésange",
    "Milan",
    "Moineau",
    "Passereau",
    "Pinson",
    "Roitelet",
    "Rossignol",
    "Rouge-Gorge",
    "Sittelle",
    "Tarier",
    "Verdier",
];

/// Given names, for either sex.
const PRENOMS: [&str; 7] = [
    "Alix",
    "Camille",
    "Charlie",
    "Dominique",
    "Éden",
    "Loïs",
    "Sasha",
];

/// Who is hired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Apprentice {
    /// Birth name.
    pub(super) nom: String,
    /// Given name.
    pub(super) prenom: String,
    /// Whether her number begins with 2.
    female: bool,
    /// Birth date.
    birth: Date,
    /// Place in the register of births of that month.
    order: u16,
}

/// Who hires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Employer {
    /// A neutral label.
    pub(super) label: String,
    /// The establishment.
    pub(super) siret: Siret,
    /// The agreement.
    pub(super) idcc: &'static str,
}

/// Where the training is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Site {
    /// Its name.
    pub(super) name: String,
    /// Its establishment.
    pub(super) siret: Siret,
    /// Its school code.
    pub(super) uai: String,
}

impl Apprentice {
    /// Makes the apprentice of a place in the list; no two places give the same person.
    pub(super) fn of(place: usize, seed: u64, today: Date) -> Self {
        let shift = usize::try_from(seed % 210).unwrap_or_default();
        let person = place + shift;
        let pick = |list: &[&str], at: usize| {
            let name = list.get(at % list.len().max(1));
            name.copied().unwrap_or("Oiseau").to_owned()
        };
        let days = i64::try_from(person * 37 % 1_400).unwrap_or_default();
        // From 18 to 22 years of age: no legal representative, no limit of age.
        let birth = today.saturating_sub(22.years()).saturating_add(days.days());
        Self {
            nom: pick(&NOMS, person),
            prenom: pick(&PRENOMS, person / NOMS.len() + person),
            female: person.is_multiple_of(2),
            birth,
            order: u16::try_from(100 + person % 800).unwrap_or(100),
        }
    }

    /// Returns the same person under another spelling of the name.
    pub(super) fn spelled(&self, nom: &str) -> Self {
        Self {
            nom: nom.to_owned(),
            ..self.clone()
        }
    }

    /// Returns the social security number that goes with the birth, its key computed.
    fn nir(&self) -> Option<Nir> {
        let number = format!(
            "{}{:02}{:02}{BIRTH_PLACE}{:03}",
            if self.female { 2 } else { 1 },
            self.birth.year() % 100,
            self.birth.month(),
            self.order,
        );
        number.parse().ok()
    }
}

/// Writes the contract of an apprentice: a year from next Monday, signed some days ago.
pub(super) fn write(
    today: Date,
    employer: &Employer,
    site: &Site,
    apprentice: &Apprentice,
) -> Value {
    let start = today.nth_weekday(1, Weekday::Monday).unwrap_or(today);
    let end = start.saturating_add(1.year()).saturating_sub(1.day());
    json!({ "cerfa": {
        "employeur": employeur(employer),
        "apprenti": apprenti(apprentice),
        "maitre1": maitre(),
        "formation": {
            "rncp": "RNCP38362",
            "codeDiplome": "32031213",
            "typeDiplome": 54,
            "intituleQualification": "BTS Management commercial opérationnel",
            "dateDebutFormation": instant(start),
            "dateFinFormation": instant(end.saturating_sub(1.month())),
            "dureeFormation": 675,
            "nombreHeuresEnDistanciel": 0,
        },
        "contrat": contrat(today, start, end),
        "organismeFormation": {
            "denomination": site.name,
            "formationInterne": false,
            "siret": site.siret,
            "uaiCfa": site.uai,
            "visaCfa": true,
            "adresse": adresse("1 PLACE DU CFA", "93100", "MONTREUIL"),
            "lieuFormationIdentique": true,
        },
        "versionCERFA": "10103*14",
        "CERFASignatureProbante": true,
    }})
}

/// Writes a last digit of the social security number that its key does not allow.
pub(super) fn spoil_nir(contract: &mut Value) {
    if let Some(nir) = contract.pointer_mut("/cerfa/apprenti/nir")
        && let Some(text) = nir.as_str()
        && let Some((head, last)) = text.split_at_checked(text.len().saturating_sub(1))
    {
        let wrong = if last == "9" { "8" } else { "9" };
        *nir = Value::String(format!("{head}{wrong}"));
    }
}

fn employeur(employer: &Employer) -> Value {
    json!({
        "denomination": employer.label,
        "siret": employer.siret,
        "naf": "7022Z",
        "nombreDeSalaries": 18,
        "codeIdcc": employer.idcc,
        "telephone": "0199000001",
        "courriel": "rh@employeur.example",
        "typeEmployeur": 12,
        "employeurSpecifique": 0,
        "caisseComplementaire": "AGIRC-ARRCO",
        "regimeSpecifique": false,
        "attestationEligibilite": true,
        "attestationPieces": true,
        "adresse": adresse("12 RUE DES ESSAIS", "93000", "BOBIGNY"),
    })
}

fn apprenti(apprentice: &Apprentice) -> Value {
    json!({
        "nom": apprentice.nom,
        "prenom": apprentice.prenom,
        "sexe": if apprentice.female { "F" } else { "M" },
        "nationalite": 1,
        "dateNaissance": instant(apprentice.birth),
        "departementNaissance": "93",
        "communeNaissance": "BOBIGNY",
        "nir": apprentice.nir().map(|nir| nir.expose().to_owned()),
        "regimeSocial": 2,
        "handicap": false,
        "droitsRqthExtensionBOE": false,
        "droitsRqthEquivalenceJeune": false,
        "situationAvantContrat": 3,
        "diplome": 42,
        "derniereClasse": 1,
        "diplomePrepare": 42,
        "intituleDiplomePrepare": "Baccalauréat général",
        "telephone": "0699000002",
        "courriel": "apprenti@example.test",
        "adresse": adresse("3 ALLEE DES EXEMPLES", "93000", "BOBIGNY"),
        "inscriptionSportifDeHautNiveau": false,
        "projetCreationRepriseEntreprise": false,
    })
}

fn maitre() -> Value {
    json!({
        "nom": "Grand-Duc",
        "prenom": "Claude",
        "dateNaissance": "1985-06-02T00:00:00+00:00",
        "courriel": "maitre@employeur.example",
        "emploiOccupe": "Responsable de service",
        "intituleDiplomeObtenu": "BTS Management commercial opérationnel",
        "niveauDiplomeObtenu": 5,
    })
}

fn contrat(today: Date, start: Date, end: Date) -> Value {
    json!({
        "modeContractuel": 1,
        "typeContratApp": 11,
        "dateConclusion": instant(today.saturating_sub(4.days())),
        "dateDebutContrat": instant(start),
        "dateFormationPratiqueEmployeur": instant(start),
        "dateFinContrat": instant(end),
        "lieuSignatureContrat": "BOBIGNY",
        "dureeTravailHebdoHeures": 35,
        "dureeTravailHebdoMinutes": 0,
        "travailRisque": false,
        "salaireEmbauche": 1850.0,
        "avantageNourriture": 0,
        "avantageLogement": 0,
        "autreAvantageEnNature": false,
        "remunerationsAnnuelles": [{
            "ordre": "1.1",
            "dateDebut": instant(start),
            "dateFin": instant(end),
            "taux": 100,
            "typeSalaire": "SMIC",
        }],
    })
}

fn adresse(rue: &str, code_postal: &str, commune: &str) -> Value {
    json!({ "adresse1": rue, "adresse2": "", "codePostal": code_postal, "commune": commune })
}

/// Writes a day as the norm does (protocol §3.4).
pub(super) fn instant(day: Date) -> String {
    format!("{day}T00:00:00+00:00")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use domain::dossier::Dossier;
    use domain::rules::{self, Context};
    use jiff::civil::date;

    use super::*;

    fn employer() -> Employer {
        Employer {
            label: "Employeur d'exemple".to_owned(),
            siret: "12345678200010".parse().unwrap(),
            idcc: "1979",
        }
    }

    fn site() -> Site {
        Site {
            name: "Site d'exemple".to_owned(),
            siret: "98765432400019".parse().unwrap(),
            uai: "0939999N".to_owned(),
        }
    }

    /// Returns the ids of the rules that a body breaks.
    fn broken(body: &Value, today: Date) -> Vec<&'static str> {
        let reading = Dossier::read(body.to_string().as_bytes()).unwrap();
        let found = rules::examine(&reading, &Context { today });
        found.iter().map(|finding| finding.rule).collect()
    }

    #[test]
    fn every_contract_breaks_no_rule_whatever_the_day() {
        let days = [date(2026, 11, 22), date(2027, 1, 1), date(2027, 8, 31)];
        // From there on the list of certifications says that this one has ended: only a warning.
        let later = [date(2028, 2, 29), date(2029, 12, 31)];
        for today in days.into_iter().chain(later) {
            for place in 0..60 {
                let apprentice = Apprentice::of(place, 7, today);
                let body = write(today, &employer(), &site(), &apprentice);
                let mut broken = broken(&body, today);
                if later.contains(&today) {
                    broken.retain(|rule| *rule != "IDT-010");
                }
                assert_eq!(broken, [""; 0], "{today} {apprentice:?}");
            }
        }
    }

    #[test]
    fn no_two_places_give_the_same_person() {
        for seed in [0, 1, 209, u64::MAX] {
            let people: HashSet<(String, String)> = (0..60)
                .map(|place| Apprentice::of(place, seed, date(2026, 11, 22)))
                .map(|one| (one.nom, one.prenom))
                .collect();
            assert_eq!(people.len(), 60);
        }
    }

    #[test]
    fn a_spoilt_number_breaks_its_key_and_nothing_else() {
        let today = date(2026, 11, 22);
        let mut body = write(today, &employer(), &site(), &Apprentice::of(3, 1, today));
        spoil_nir(&mut body);
        assert_eq!(broken(&body, today), ["IDT-004"]);
    }
}
