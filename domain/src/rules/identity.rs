//! IDT: whether what names the people and the certification agrees with itself.

use std::sync::LazyLock;

use jiff::civil::Date;

use super::subject::{Found, Subject};
use super::{Check, ContractCheck, Rule};
use crate::dossier::Sexe;
use crate::finding::{Effect, Severity};
use crate::secret::MASK;

/// The longest name on the form (protocol §6.4), in characters.
const MAX_NAME: usize = 80;
/// The longest address a mail system takes (RFC 5321 §4.5.3), in bytes.
const MAX_MAIL: usize = 254;

pub(super) static RULES: [Rule; 7] = [
    Rule {
        id: "IDT-005",
        severity: Severity::Bloquant,
        effect: Effect::Refuse,
        source: "public:MC, assumed",
        from: None,
        until: None,
        pointer: "/cerfa/apprenti/sexe",
        message: "Le sexe ne correspond pas au premier chiffre du NIR.",
        remedy: "Le CFA vérifie le sexe et le NIR sur l'attestation de droits de l'apprenti.",
        check: Check::Contract(ContractCheck(sexe)),
    },
    Rule {
        id: "IDT-006",
        severity: Severity::Bloquant,
        effect: Effect::Refuse,
        source: "public:MC",
        from: None,
        until: None,
        pointer: "/cerfa/apprenti/dateNaissance",
        message: "L'année de naissance ne correspond pas au NIR.",
        remedy: "Le CFA vérifie la date de naissance et le NIR sur l'attestation de droits de \
                 l'apprenti.",
        check: Check::Contract(ContractCheck(birth_year)),
    },
    Rule {
        id: "IDT-007",
        severity: Severity::Avertissement,
        effect: Effect::Warn,
        source: "public:MC, assumed",
        from: None,
        until: None,
        pointer: "/cerfa/apprenti/dateNaissance",
        message: "Le mois de naissance ne correspond pas au NIR.",
        remedy: "Le CFA vérifie que le jour et le mois de naissance ne sont pas inversés.",
        check: Check::Contract(ContractCheck(birth_month)),
    },
    Rule {
        id: "IDT-008",
        severity: Severity::Avertissement,
        effect: Effect::Warn,
        source: "public:MC",
        from: None,
        until: None,
        pointer: "/cerfa/apprenti/departementNaissance",
        message: "Le département de naissance ne correspond pas au NIR.",
        remedy: "Le CFA vérifie le département de naissance sur la pièce d'identité de l'apprenti \
                 (99 pour une naissance à l'étranger).",
        check: Check::Contract(ContractCheck(birth_department)),
    },
    Rule {
        id: "IDT-010",
        severity: Severity::Avertissement,
        effect: Effect::Warn,
        source: "seed:001",
        from: None,
        until: None,
        pointer: "/cerfa/formation/rncp",
        message: "Certification inactive ou non ouverte à l'apprentissage.",
        remedy: "Le CFA vérifie la fiche RNCP sur le site de France compétences (le contrôle se fait \
                 sur une liste de janvier 2025) et envoie le code de la certification en vigueur.",
        check: Check::Contract(ContractCheck(certification)),
    },
    Rule {
        id: "IDT-011",
        severity: Severity::Avertissement,
        effect: Effect::Warn,
        source: "public:MC, assumed",
        from: None,
        until: None,
        pointer: "/cerfa/apprenti/courriel",
        message: "Courriel invalide ou identique entre employeur et apprenti.",
        remedy: "Le CFA demande une adresse valable et personnelle à chacun : l'OPCO y écrit.",
        check: Check::Contract(ContractCheck(mails)),
    },
    Rule {
        id: "IDT-012",
        severity: Severity::Avertissement,
        effect: Effect::Warn,
        source: "public:MA, seed:001",
        from: None,
        until: None,
        pointer: "/cerfa/apprenti/nom",
        message: "Vérifiez l'ordre nom / prénom.",
        remedy: "Le CFA vérifie sur la pièce d'identité que nom et prénom sont à leur place et sans \
                 chiffre ni signe : l'OPCO ne retrouve pas un dossier dont l'orthographe diffère.",
        check: Check::Contract(ContractCheck(names)),
    },
];

fn sexe(subject: &Subject<'_>, found: &mut Found<'_>) {
    let apprenti = &subject.cerfa.apprenti;
    let (Some(sexe), Some(nir)) = (apprenti.sexe, &apprenti.nir) else {
        return;
    };
    // 3, 4, 7 and 8 open provisional numbers.
    let told = match nir.first_digit() {
        "1" | "3" | "7" => Sexe::M,
        "2" | "4" | "8" => Sexe::F,
        _ => return,
    };
    if sexe != told {
        found.broken(sexe.as_str());
    }
}

fn birth_year(subject: &Subject<'_>, found: &mut Found<'_>) {
    let apprenti = &subject.cerfa.apprenti;
    let (Some(birth), Some(nir)) = (apprenti.date_naissance, &apprenti.nir) else {
        return;
    };
    if nir.birth_year().parse() != Ok(birth.year() % 100) {
        found.broken_masked();
    }
}

fn birth_month(subject: &Subject<'_>, found: &mut Found<'_>) {
    let apprenti = &subject.cerfa.apprenti;
    let (Some(birth), Some(nir)) = (apprenti.date_naissance, &apprenti.nir) else {
        return;
    };
    // Above 12 the number was given without a known month of birth.
    if nir
        .birth_month()
        .parse()
        .is_ok_and(|month: i8| month <= 12 && month != birth.month())
    {
        found.broken_masked();
    }
}

fn birth_department(subject: &Subject<'_>, found: &mut Found<'_>) {
    let apprenti = &subject.cerfa.apprenti;
    let (Some(given), Some(nir)) = (&apprenti.departement_naissance, &apprenti.nir) else {
        return;
    };
    let told = nir.birth_departement();
    let agrees = match told {
        "97" | "98" => {
            given.canonical() == nir.birth_departement_overseas() || given.canonical() == told
        }
        "99" => given.is_abroad(),
        // Corsica was one department until 1976.
        "20" => matches!(given.canonical(), "20" | "2A" | "2B"),
        _ => given.canonical() == told,
    };
    if !agrees {
        found.broken_masked();
    }
}

/// The last day on which a contract may name a certification; none for one that never may.
static CERTIFICATIONS: LazyLock<Vec<(u32, Option<Date>)>> = LazyLock::new(|| {
    let mut rows: Vec<(u32, Option<Date>)> = include_str!("../../data/rncp.csv")
        .lines()
        .filter_map(|line| {
            let (number, day) = line.split_once(',')?;
            Some((number.parse().ok()?, day.parse().ok()))
        })
        .collect();
    rows.sort_unstable_by_key(|(number, _)| *number);
    rows
});

fn certification(subject: &Subject<'_>, found: &mut Found<'_>) {
    let cerfa = subject.cerfa;
    let (Some(rncp), Some(day)) = (&cerfa.formation.rncp, cerfa.contrat.date_conclusion) else {
        return;
    };
    let Ok(number) = rncp.digits().parse::<u32>() else {
        return;
    };
    // A code that the list does not know may be newer than the list: nothing is said.
    let Ok(place) = CERTIFICATIONS.binary_search_by_key(&number, |(number, _)| *number) else {
        return;
    };
    let last = CERTIFICATIONS.get(place).and_then(|(_, last)| *last);
    if last.is_none_or(|last| last < day) {
        found.broken(rncp.as_str());
    }
}

fn mails(subject: &Subject<'_>, found: &mut Found<'_>) {
    let cerfa = subject.cerfa;
    let second = cerfa.maitre2.as_ref();
    let employeur = cerfa.employeur.courriel.as_deref();
    let apprenti = cerfa.apprenti.courriel.as_deref();
    let all = [
        ("/cerfa/employeur/courriel", employeur),
        ("/cerfa/apprenti/courriel", apprenti),
        (
            "/cerfa/apprenti/responsableLegal/courriel",
            cerfa
                .apprenti
                .responsable_legal
                .as_ref()
                .and_then(|one| one.courriel.as_deref()),
        ),
        ("/cerfa/maitre1/courriel", cerfa.maitre1.courriel.as_deref()),
        (
            "/cerfa/maitre2/courriel",
            second.and_then(|one| one.courriel.as_deref()),
        ),
    ];
    for (pointer, mail) in all {
        if mail.is_some_and(|mail| !looks_like_mail(mail)) {
            found.at(pointer, MASK);
        }
    }
    if let (Some(employeur), Some(apprenti)) = (employeur, apprenti)
        && employeur.eq_ignore_ascii_case(apprenti)
        && looks_like_mail(apprenti)
    {
        found.broken_masked();
    }
}

fn looks_like_mail(mail: &str) -> bool {
    let Some((local, domain)) = mail.split_once('@') else {
        return false;
    };
    let dotted = |text: &str| !text.split('.').any(str::is_empty);
    mail.len() <= MAX_MAIL
        && !mail
            .chars()
            .any(|c| c.is_whitespace() || c.is_control() || ",;<>()\"".contains(c))
        && !domain.contains('@')
        && domain.contains('.')
        && dotted(local)
        && dotted(domain)
}

fn names(subject: &Subject<'_>, found: &mut Found<'_>) {
    let cerfa = subject.cerfa;
    let apprenti = &cerfa.apprenti;
    let second = cerfa.maitre2.as_ref();
    let nom = apprenti.nom.as_deref();
    let prenom = apprenti.prenom.as_deref();
    let all = [
        ("/cerfa/apprenti/nom", nom),
        ("/cerfa/apprenti/prenom", prenom),
        ("/cerfa/maitre1/nom", cerfa.maitre1.nom.as_deref()),
        ("/cerfa/maitre1/prenom", cerfa.maitre1.prenom.as_deref()),
        (
            "/cerfa/maitre2/nom",
            second.and_then(|one| one.nom.as_deref()),
        ),
        (
            "/cerfa/maitre2/prenom",
            second.and_then(|one| one.prenom.as_deref()),
        ),
    ];
    for (pointer, name) in all {
        if name.is_some_and(|name| !looks_like_name(name)) {
            found.at(pointer, MASK);
        }
    }
    if let (Some(nom), Some(prenom)) = (nom, prenom)
        && shouted(prenom)
        && !shouted(nom)
    {
        found.broken_masked();
    }
}

fn looks_like_name(name: &str) -> bool {
    let letter = |c: char| c.is_alphabetic() || " '’-\u{2010}".contains(c) || is_combining(c);
    name.chars().count() <= MAX_NAME && name.chars().all(letter)
}

fn is_combining(c: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&c)
}

/// Returns whether a name is written in capitals, as family names are on the form: a given name in
/// capitals beside a family name that is not has most likely taken its place.
fn shouted(name: &str) -> bool {
    name.chars().filter(|c| c.is_alphabetic()).count() >= 2 && !name.chars().any(char::is_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_what_is_none() {
        for good in [
            "a@b.fr",
            "jean.martin+cfa@sous.domaine.example",
            "élève@école.fr",
        ] {
            assert!(looks_like_mail(good), "{good}");
        }
        for bad in [
            "",
            "a",
            "a@b",
            "a@@b.fr",
            "a b@c.fr",
            ".a@b.fr",
            "a@b..fr",
            "a@b.fr,c@d.fr",
        ] {
            assert!(!looks_like_mail(bad), "{bad}");
        }
    }

    #[test]
    fn names_hold_letters_spaces_apostrophes_and_hyphens() {
        for good in [
            "MARTIN",
            "O'Neil",
            "Jean-Noël",
            "N\u{303}ez",
            "de La Tour",
            "Иванов",
        ] {
            assert!(looks_like_name(good), "{good}");
        }
        assert!(!looks_like_name("MART1N"));
        assert!(!looks_like_name("MARTIN (née DUPONT)"));
        assert!(!looks_like_name(&"A".repeat(81)));
    }

    #[test]
    fn the_list_of_certifications_is_whole_and_in_order() {
        assert_eq!(CERTIFICATIONS.len(), 4587);
        assert!(CERTIFICATIONS.is_sorted_by(|a, b| a.0 < b.0));
        assert!(CERTIFICATIONS.contains(&(38_362, Some(jiff::civil::date(2028, 12, 31)))));
        assert!(CERTIFICATIONS.contains(&(282, None)));
    }
}
