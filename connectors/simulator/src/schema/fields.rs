//! What protocol §6 says of each field of a contract: one line each. Those of the other bodies are in
//! [`pieces`].

pub(super) mod pieces;

/// What a value must be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// A text of at most so many characters.
    Text(usize),
    /// A JSON boolean.
    Bool,
    /// A whole number from 0, or a text that is one.
    Int,
    /// An amount or rate from 0, or a text that is one.
    Number,
    /// An amount in euros of either sign, to the cent, or a text that is one.
    Euros,
    /// A day.
    Date,
    /// A number of a list, or a text that is one.
    Code(&'static [i64]),
    /// A word of a list.
    Word(&'static [&'static str]),
    /// A diploma code of the list that goes with the CERFA's version.
    Diplome,
    /// A tutor's level, from 1 to 8: the lists of the versions overlap.
    Niveau,
    /// A text with its own test and its name in French.
    Form(fn(&str) -> bool, &'static str),
    /// An e-mail address.
    Courriel,
    /// A postal address, in one of its two forms.
    Adresse,
    /// Whatever it is, it is not looked at.
    Ignored,
}

/// When a field may not be absent, null or empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    Always,
    /// From `10103*14` on.
    V14,
    Never,
}

/// One field.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) need: Need,
}

pub(super) const fn must(name: &'static str, kind: Kind) -> Field {
    Field {
        name,
        kind,
        need: Need::Always,
    }
}

pub(super) const fn may(name: &'static str, kind: Kind) -> Field {
    Field {
        name,
        kind,
        need: Need::Never,
    }
}

use Kind::{
    Adresse, Bool, Code, Courriel, Date, Diplome, Form, Ignored, Int, Niveau, Number, Text, Word,
};

use crate::digits;

pub(super) const SIRET: Kind = Form(digits::is_siret, "SIRET");
const TELEPHONE: Kind = Form(digits::is_telephone, "numéro de téléphone");

fn is_code_postal(text: &str) -> bool {
    digits::are_digits(text, 5)
}

fn is_idcc(text: &str) -> bool {
    digits::are_digits(text, 4)
}

const CODE_POSTAL: Kind = Form(is_code_postal, "code postal");

pub(super) const VERSIONS: &[&str] = &["10103*10", "10103*11", "10103*12", "10103*13", "10103*14"];
pub(super) const LATEST: &str = "10103*14";

pub(super) const DIPLOMES: &[i64] = &[
    80, 71, 72, 73, 74, 79, 61, 62, 63, 69, 54, 55, 58, 41, 42, 43, 49, 33, 34, 35, 38, 25, 26, 13,
];
pub(super) const DIPLOMES_V14: &[i64] = &[
    80, 73, 75, 76, 79, 62, 63, 64, 69, 54, 55, 58, 41, 42, 43, 44, 49, 33, 34, 35, 38, 25, 26, 13,
];

pub(super) const EMPLOYEUR: &[Field] = &[
    must("denomination", Text(80)),
    must("siret", SIRET),
    must("naf", Form(digits::is_naf, "code NAF")),
    must("nombreDeSalaries", Int),
    must("codeIdcc", Form(is_idcc, "code IDCC")),
    may("libelleIdcc", Text(500)),
    must("telephone", TELEPHONE),
    must("courriel", Courriel),
    must("adresse", Adresse),
    may("nom", Text(200)),
    may("prenom", Text(50)),
    must(
        "typeEmployeur",
        Code(&[
            11, 12, 13, 14, 15, 16, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30,
        ]),
    ),
    may("employeurSpecifique", Code(&[0, 1, 2, 3, 4])),
    must("caisseComplementaire", Text(80)),
    may("regimeSpecifique", Bool),
    must("attestationEligibilite", Bool),
    must("attestationPieces", Bool),
];

pub(super) const APPRENTI: &[Field] = &[
    must("nom", Text(80)),
    may("nomUsage", Text(80)),
    must("prenom", Text(80)),
    must("sexe", Word(&["M", "F"])),
    must("nationalite", Code(&[1, 2, 3])),
    must("dateNaissance", Date),
    must(
        "departementNaissance",
        Form(digits::is_departement, "département"),
    ),
    must("communeNaissance", Text(80)),
    must("nir", Form(digits::is_nir, "NIR")),
    must("regimeSocial", Code(&[0, 1, 2])),
    must("handicap", Bool),
    may("droitsRqthExtensionBOE", Bool),
    may("droitsRqthEquivalenceJeune", Bool),
    must(
        "situationAvantContrat",
        Code(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
    ),
    must("diplome", Diplome),
    must("diplomePrepare", Diplome),
    must(
        "derniereClasse",
        Code(&[1, 11, 12, 21, 22, 31, 32, 40, 41, 42]),
    ),
    must("intituleDiplomePrepare", Text(255)),
    must("telephone", TELEPHONE),
    must("courriel", Courriel),
    must("adresse", Adresse),
    must("inscriptionSportifDeHautNiveau", Bool),
    must("projetCreationRepriseEntreprise", Bool),
];

pub(super) const RESPONSABLE: &[Field] = &[
    must("nom", Text(80)),
    must("prenom", Text(80)),
    must("courriel", Courriel),
    must("adresse", Adresse),
];

pub(super) const MAITRE: &[Field] = &[
    must("nom", Text(80)),
    must("prenom", Text(80)),
    must("dateNaissance", Date),
    must("courriel", Courriel),
    must("emploiOccupe", Text(255)),
    must("intituleDiplomeObtenu", Text(255)),
    must("niveauDiplomeObtenu", Niveau),
    // One client still sends it; the latest CERFA has no such field (protocol §6.5).
    may("nir", Ignored),
];

pub(super) const FORMATION: &[Field] = &[
    must("rncp", Form(digits::is_rncp, "code RNCP")),
    must("codeDiplome", Form(digits::is_code_diplome, "code diplôme")),
    must("typeDiplome", Diplome),
    must("intituleQualification", Text(255)),
    must("dateDebutFormation", Date),
    must("dateFinFormation", Date),
    must("dureeFormation", Int),
    Field {
        name: "nombreHeuresEnDistanciel",
        kind: Int,
        need: Need::V14,
    },
    may("dateObtentionDiplome", Date),
];

pub(super) const CONTRAT: &[Field] = &[
    must("modeContractuel", Code(&[1, 2, 3, 4])),
    must(
        "typeContratApp",
        Code(&[11, 21, 22, 23, 31, 32, 33, 34, 35, 36, 37, 38]),
    ),
    may(
        "numeroContratPrecedent",
        Form(digits::is_deca, "numéro de dépôt (DECA)"),
    ),
    must("dateConclusion", Date),
    must("dateDebutContrat", Date),
    must("dateFormationPratiqueEmployeur", Date),
    must("dateFinContrat", Date),
    may("dateEffetAvenant", Date),
    must("lieuSignatureContrat", Text(255)),
    may("typeDerogation", Code(&[11, 12, 21, 22, 50, 60])),
    must("dureeTravailHebdoHeures", Int),
    must("dureeTravailHebdoMinutes", Int),
    must("travailRisque", Bool),
    must("salaireEmbauche", Number),
    may("avantageNourriture", Number),
    may("avantageLogement", Number),
    may("autreAvantageEnNature", Bool),
];

pub(super) const REMUNERATION: &[Field] = &[
    must("ordre", Text(10)),
    must("dateDebut", Date),
    must("dateFin", Date),
    must("taux", Number),
    must("typeSalaire", Word(&["SMIC", "SMC"])),
];

pub(super) const ORGANISME: &[Field] = &[
    must("denomination", Text(80)),
    must("formationInterne", Bool),
    must("siret", SIRET),
    must("uaiCfa", Form(digits::is_uai, "numéro UAI")),
    may("visaCfa", Bool),
    must("adresse", Adresse),
    must("lieuFormationIdentique", Bool),
];

pub(super) const LIEU: &[Field] = &[
    must("denomination", Text(80)),
    must("siret", SIRET),
    may("uaiCfa", Form(digits::is_uai, "numéro UAI")),
    must("adresse", Adresse),
];

/// Both forms; one of the first lines is asked for apart.
pub(super) const ADRESSE: &[Field] = &[
    may("adresse1", Text(255)),
    may("adresse2", Text(255)),
    may("voie", Text(255)),
    may("label", Text(50)),
    must("codePostal", CODE_POSTAL),
    must("commune", Text(80)),
];
