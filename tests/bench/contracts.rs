//! Contracts to send: one valid template, and what differs from one to the next.
//!
//! Every contract has another apprentice (name, birth, NIR), so that none is a double of another;
//! employers are real rows of the sample of the public table, whose OPCOs take contracts today.

use jiff::ToSpan as _;
use jiff::civil::{Date, date};
use serde_json::json;

/// The sample of the public table that ships in the binary.
const EMPLOYERS: &str = include_str!("../../connectors/opco/data/siro_sample.csv");

/// The sites that send, in one CFA.
pub(crate) const SITES: [&str; 4] = [
    "98765432400019",
    "98765432400027",
    "98765432400035",
    "98765432400043",
];

/// The CFA of the sites.
pub(crate) const SIREN: &str = "987654324";

const PRENOMS: [&str; 16] = [
    "Alice", "Karim", "Jeanne", "Louis", "Inès", "Tom", "Sarah", "Hugo", "Léa", "Noah", "Manon",
    "Adam", "Chloé", "Ryan", "Zoé", "Paul",
];

/// A piece of the template.
enum Piece {
    Text(Vec<u8>),
    Field(Field),
}

/// What differs.
#[derive(Clone, Copy)]
enum Field {
    Nom,
    Prenom,
    Sexe,
    Birth,
    Departement,
    Nir,
    Employer,
    Idcc,
    Site,
}

const FIELDS: [(&str, Field); 9] = [
    ("@NOM@", Field::Nom),
    ("@PRENOM@", Field::Prenom),
    ("@SEXE@", Field::Sexe),
    ("@BIRTH@", Field::Birth),
    ("@DEP@", Field::Departement),
    ("@NIR@", Field::Nir),
    ("@EMPLOYER@", Field::Employer),
    ("@IDCC@", Field::Idcc),
    ("@SITE@", Field::Site),
];

/// How many days contracts start on: employers are few here, and contracts that share employer, start
/// and birth date are compared one by one, which a country's worth of employers makes rare.
const STARTS: i64 = 60;

/// Makes contracts, each unique by its number.
pub(crate) struct Contracts {
    /// One template for each day on which a contract may start.
    templates: Vec<Vec<Piece>>,
    employers: Vec<(&'static str, &'static str)>,
}

impl Contracts {
    /// Makes a template whose dates suit `today`.
    pub(crate) fn new(today: Date) -> anyhow::Result<Self> {
        let employers: Vec<_> = EMPLOYERS
            .lines()
            .skip(1)
            .filter_map(|line| {
                let mut fields = line.split('|');
                let (siret, idcc, owner) = (fields.next()?, fields.next()?, fields.next()?);
                let manager = fields.next().unwrap_or_default();
                (!owner.is_empty() && manager.is_empty()).then_some((siret, idcc))
            })
            .collect();
        anyhow::ensure!(!employers.is_empty(), "the sample has no employer");
        let templates = (0..STARTS)
            .map(|day| {
                Ok(cut(&template(
                    today,
                    today.checked_add((10 + day).days())?,
                )?))
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        Ok(Self {
            templates,
            employers,
        })
    }

    /// Writes contract number `n` at the end of `out`.
    pub(crate) fn write(&self, n: u64, out: &mut Vec<u8>) {
        let person = Person::of(n);
        let drawn = drawn(n);
        let (employer, idcc) = self.employers[(drawn % self.employers.len() as u64) as usize];
        let template = &self.templates[(drawn / 1_000 % self.templates.len() as u64) as usize];
        for piece in template {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text),
                Piece::Field(field) => match field {
                    Field::Nom => out.extend_from_slice(name(n).as_bytes()),
                    Field::Prenom => {
                        out.extend_from_slice(PRENOMS[(n % 16) as usize].as_bytes());
                    }
                    Field::Sexe => out.push(if person.sex == 1 { b'M' } else { b'F' }),
                    Field::Birth => out.extend_from_slice(person.birth.to_string().as_bytes()),
                    Field::Departement => {
                        out.extend_from_slice(format!("{:02}", person.departement).as_bytes());
                    }
                    Field::Nir => out.extend_from_slice(person.nir().as_bytes()),
                    Field::Employer => out.extend_from_slice(employer.as_bytes()),
                    Field::Idcc => out.extend_from_slice(idcc.as_bytes()),
                    Field::Site => {
                        out.extend_from_slice(SITES[(n / 7 % 4) as usize].as_bytes());
                    }
                },
            }
        }
    }
}

/// An apprentice, all of it drawn from a number.
struct Person {
    sex: u64,
    birth: Date,
    departement: u64,
    commune: u64,
    order: u64,
}

impl Person {
    fn of(n: u64) -> Self {
        let (order, rest) = (n % 999 + 1, n / 999);
        let (commune, rest) = (rest % 900 + 1, rest / 900);
        let drawn = drawn(n) >> 20;
        Self {
            sex: n % 2 + 1,
            birth: date(
                2004 + (drawn % 4) as i16,
                (drawn / 4 % 12 + 1) as i8,
                (drawn / 48 % 28 + 1) as i8,
            ),
            // Mainland départements; 20 was Corsica's. With commune and order, of its own for each `n`.
            departement: 21 + (rest + commune) % 70,
            commune,
            order,
        }
    }

    fn nir(&self) -> String {
        let body = format!(
            "{}{:02}{:02}{:02}{:03}{:03}",
            self.sex,
            self.birth.year() % 100,
            self.birth.month(),
            self.departement,
            self.commune,
            self.order
        );
        let number: u64 = body.parse().unwrap_or_default();
        format!("{body}{:02}", 97 - number % 97)
    }
}

/// Returns a number drawn from another: neighbours have nothing in common (splitmix64).
fn drawn(n: u64) -> u64 {
    let mut z = n.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Returns a family name of its own for each number: thirteen letters.
fn name(n: u64) -> String {
    let mut left = drawn(n);
    let mut name = String::with_capacity(13);
    for _ in 0..13 {
        name.push(char::from(b'A' + (left % 26) as u8));
        left /= 26;
    }
    name
}

fn cut(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((at, (mark, field))) = FIELDS
        .iter()
        .filter_map(|entry| rest.find(entry.0).map(|at| (at, entry)))
        .min_by_key(|(at, _)| *at)
    {
        pieces.push(Piece::Text(rest.as_bytes()[..at].to_vec()));
        pieces.push(Piece::Field(*field));
        rest = &rest[at + mark.len()..];
    }
    pieces.push(Piece::Text(rest.as_bytes().to_vec()));
    pieces
}

fn template(today: Date, starts: Date) -> anyhow::Result<String> {
    let (first, signed) = (wire(starts), wire(today));
    let second = starts.checked_add(1.year())?;
    let third = starts.checked_add(2.years())?;
    let year = wire(second.yesterday()?);
    let end = wire(third.yesterday()?);
    let taught = wire(third.checked_sub(30.days())?);
    let second = wire(second);
    let cerfa = json!({ "cerfa": {
        "employeur": {
            "nom": "DURAND", "prenom": "Paul", "denomination": "ENTREPRISE D'ESSAI SAS",
            "siret": "@EMPLOYER@", "naf": "5610A", "nombreDeSalaries": 18, "codeIdcc": "@IDCC@",
            "libelleIdcc": "Convention de l'essai", "telephone": "0199000001",
            "courriel": "rh@entreprise.example", "typeEmployeur": 12, "employeurSpecifique": 0,
            "caisseComplementaire": "AGIRC-ARRCO", "regimeSpecifique": false,
            "attestationEligibilite": true, "attestationPieces": true,
            "adresse": { "adresse1": "12 RUE DES ESSAIS", "adresse2": "BATIMENT B",
                "codePostal": "93000", "commune": "BOBIGNY" }
        },
        "apprenti": {
            "nom": "@NOM@", "nomUsage": null, "prenom": "@PRENOM@", "sexe": "@SEXE@",
            "nationalite": 1, "dateNaissance": "@BIRTH@T00:00:00+00:00",
            "departementNaissance": "@DEP@", "communeNaissance": "COMMUNE D'ESSAI",
            "nir": "@NIR@", "regimeSocial": 2, "handicap": false, "situationAvantContrat": 3,
            "diplome": 42, "derniereClasse": 1, "diplomePrepare": 42,
            "intituleDiplomePrepare": "Baccalauréat général", "telephone": "0699000002",
            "courriel": "@NOM@@apprenti.example",
            "adresse": { "adresse1": "3 ALLEE DES EXEMPLES", "adresse2": "",
                "codePostal": "93000", "commune": "BOBIGNY" },
            "inscriptionSportifDeHautNiveau": false, "projetCreationRepriseEntreprise": false,
            "droitsRqthExtensionBOE": false, "droitsRqthEquivalenceJeune": false
        },
        "maitre1": {
            "nom": "LEROY", "prenom": "Sophie", "dateNaissance": "1985-06-02T00:00:00+00:00",
            "courriel": "sophie.leroy@entreprise.example", "emploiOccupe": "Responsable de salle",
            "intituleDiplomeObtenu": "BTS Management en hôtellerie restauration",
            "niveauDiplomeObtenu": 5
        },
        "formation": {
            "rncp": "RNCP38362", "codeDiplome": "32031213", "typeDiplome": 54,
            "intituleQualification": "BTS Management commercial opérationnel",
            "dateDebutFormation": first, "dateFinFormation": taught, "dureeFormation": 1350,
            "nombreHeuresEnDistanciel": 0
        },
        "contrat": {
            "modeContractuel": 1, "typeContratApp": 11, "dateConclusion": signed,
            "dateDebutContrat": first, "dateFormationPratiqueEmployeur": first,
            "dateFinContrat": end, "lieuSignatureContrat": "BOBIGNY",
            "dureeTravailHebdoHeures": 35, "dureeTravailHebdoMinutes": 0, "travailRisque": false,
            "salaireEmbauche": 1100.21, "avantageNourriture": 0, "avantageLogement": 0,
            "autreAvantageEnNature": false,
            "remunerationsAnnuelles": [
                { "ordre": "1.1", "dateDebut": first, "dateFin": year, "taux": 60,
                    "typeSalaire": "SMIC" },
                { "ordre": "2.1", "dateDebut": second, "dateFin": end, "taux": 70,
                    "typeSalaire": "SMIC" }
            ]
        },
        "organismeFormation": {
            "denomination": "CFA D'ESSAI", "formationInterne": false, "siret": "@SITE@",
            "uaiCfa": "0939999N", "visaCfa": true,
            "adresse": { "adresse1": "1 PLACE DU CFA", "adresse2": "", "codePostal": "93100",
                "commune": "MONTREUIL" },
            "lieuFormationIdentique": true
        },
        "versionCERFA": "10103*14",
        "CERFASignatureProbante": true
    }});
    Ok(cerfa.to_string())
}

fn wire(day: Date) -> String {
    format!("{day}T00:00:00+00:00")
}
