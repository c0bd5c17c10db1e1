//! What the codes of the form stand for, in English: a translation of ours, for people who read the dashboard in it.
//! The norm and the form have French alone (protocol §6.10), which is what goes anywhere else.

/// Returns the English of what a code stands for.
pub(super) fn english(french: &str) -> Option<&'static str> {
    let mut pairs = PAIRS.iter();
    pairs.find_map(|(known, english)| (*known == french).then_some(*english))
}

const PAIRS: &[(&str, &str)] = &[
    (
        "Entreprise inscrite au répertoire des métiers",
        "Company of the register of trades",
    ),
    (
        "Entreprise inscrite uniquement au registre du commerce et des sociétés",
        "Company of the register of commerce only",
    ),
    (
        "Entreprise relevant de la mutualité sociale agricole",
        "Company under the agricultural social scheme (MSA)",
    ),
    ("Profession libérale", "Liberal profession"),
    ("Association", "Association"),
    ("Autre employeur privé", "Other private employer"),
    ("Service de l'État", "State service"),
    ("Commune", "Municipality"),
    ("Département", "Department"),
    ("Région", "Region"),
    ("Établissement public hospitalier", "Public hospital"),
    (
        "Établissement public local d'enseignement",
        "Local public school",
    ),
    (
        "Établissement public administratif de l'État",
        "Administrative public body of the State",
    ),
    (
        "Établissement public administratif local",
        "Local administrative public body",
    ),
    ("Autre employeur public", "Other public employer"),
    (
        "Établissement public industriel et commercial",
        "Industrial and commercial public body",
    ),
    ("Aucun", "None"),
    (
        "Entreprise de travail temporaire",
        "Temporary employment agency",
    ),
    ("Groupement d'employeurs", "Group of employers"),
    ("Employeur saisonnier", "Seasonal employer"),
    ("Apprentissage familial", "Apprenticeship in the family"),
    ("Française", "French"),
    ("Union européenne", "European Union"),
    ("Hors Union européenne", "Outside the European Union"),
    ("Non précisé", "Not stated"),
    ("MSA", "MSA (agricultural scheme)"),
    ("URSSAF", "URSSAF (general scheme)"),
    ("Scolaire", "At school"),
    ("Prépa apprentissage", "Preparation for apprenticeship"),
    ("Étudiant", "Student"),
    ("Contrat d'apprentissage", "Apprenticeship contract"),
    (
        "Contrat de professionnalisation",
        "Professional training contract",
    ),
    ("Contrat aidé", "Subsidised contract"),
    (
        "En CFA avant le contrat",
        "In a training centre before the contract",
    ),
    (
        "En CFA après une rupture",
        "In a training centre after a termination",
    ),
    (
        "Autre situation de stagiaire",
        "Other situation of a trainee",
    ),
    ("Salarié", "Employee"),
    ("En recherche d'emploi", "Looking for work"),
    ("Inactif", "Not active"),
    (
        "Dernière année suivie, diplôme obtenu",
        "Last year attended, diploma obtained",
    ),
    ("Première année validée", "First year passed"),
    ("Première année non validée", "First year not passed"),
    ("Deuxième année validée", "Second year passed"),
    ("Deuxième année non validée", "Second year not passed"),
    ("Troisième année validée", "Third year passed"),
    ("Troisième année non validée", "Third year not passed"),
    ("Collège achevé", "Lower secondary school completed"),
    (
        "Études interrompues en classe de troisième",
        "Studies stopped in the fourth year of lower secondary school",
    ),
    (
        "Études interrompues en classe de quatrième",
        "Studies stopped in the third year of lower secondary school",
    ),
    ("Doctorat", "Doctorate"),
    (
        "Master professionnel ou DESS",
        "Professional master's degree or DESS",
    ),
    ("Master recherche ou DEA", "Research master's degree or DEA"),
    ("Master", "Master's degree"),
    (
        "Diplôme d'ingénieur ou d'école de commerce",
        "Degree in engineering or of a business school",
    ),
    ("Diplôme d'ingénieur", "Degree in engineering"),
    ("Diplôme d'école de commerce", "Degree of a business school"),
    (
        "Autre diplôme de niveau bac+5 ou plus",
        "Other degree of five years of higher education or more",
    ),
    (
        "Première année de master",
        "First year of a master's degree",
    ),
    ("Licence professionnelle", "Professional bachelor's degree"),
    ("Licence générale", "General bachelor's degree"),
    ("Licence", "Bachelor's degree"),
    ("BUT", "BUT"),
    (
        "Autre diplôme de niveau bac+3 ou 4",
        "Other degree of three or four years of higher education",
    ),
    ("BTS", "BTS"),
    ("DUT", "DUT"),
    (
        "Autre diplôme de niveau bac+2",
        "Other diploma of two years of higher education",
    ),
    ("Bac+2", "Two years of higher education"),
    ("Baccalauréat professionnel", "Vocational baccalauréat"),
    ("Baccalauréat général", "General baccalauréat"),
    ("Baccalauréat technologique", "Technological baccalauréat"),
    ("Baccalauréat", "Baccalauréat"),
    (
        "Diplôme de spécialisation professionnelle",
        "Diploma of professional specialisation",
    ),
    (
        "Autre diplôme de niveau bac",
        "Other diploma of the level of the baccalauréat",
    ),
    ("CAP", "CAP"),
    ("BEP", "BEP"),
    ("Mention complémentaire", "Additional qualification (MC)"),
    (
        "Certificat de spécialisation",
        "Certificate of specialisation",
    ),
    (
        "Autre diplôme de niveau CAP ou BEP",
        "Other diploma of the level of a CAP or BEP",
    ),
    (
        "Diplôme national du brevet",
        "Diploma of lower secondary school (DNB)",
    ),
    (
        "Certificat de formation générale",
        "Certificate of general education (CFG)",
    ),
    ("Aucun diplôme", "No diploma"),
    ("À durée limitée", "For a limited time"),
    ("Dans le cadre d'un CDI", "Under a permanent contract"),
    ("Travail temporaire", "Temporary work"),
    (
        "Activités saisonnières à deux employeurs",
        "Seasonal work for two employers",
    ),
    (
        "Premier contrat d'apprentissage",
        "First apprenticeship contract",
    ),
    (
        "Nouveau contrat chez le même employeur",
        "New contract with the same employer",
    ),
    (
        "Nouveau contrat chez un autre employeur",
        "New contract with another employer",
    ),
    (
        "Nouveau contrat après une rupture",
        "New contract after a termination",
    ),
    (
        "Avenant : situation juridique de l'employeur",
        "Amendment: legal situation of the employer",
    ),
    (
        "Avenant : employeur saisonnier",
        "Amendment: seasonal employer",
    ),
    (
        "Avenant : prolongation après un échec à l'examen",
        "Amendment: longer after a failed examination",
    ),
    (
        "Avenant : reconnaissance de la qualité de travailleur handicapé",
        "Amendment: disability recognised",
    ),
    (
        "Avenant : diplôme supplémentaire préparé",
        "Amendment: further diploma prepared",
    ),
    ("Avenant : autre modification", "Amendment: other change"),
    (
        "Avenant : lieu d'exécution du contrat",
        "Amendment: place of work",
    ),
    (
        "Avenant : lieu principal de formation",
        "Amendment: main place of training",
    ),
    (
        "Âge de l'apprenti inférieur à 16 ans",
        "Apprentice under 16",
    ),
    ("Âge supérieur à 29 ans", "Over 29"),
    (
        "Réduction de la durée du contrat ou de la formation",
        "Shorter contract or training",
    ),
    (
        "Allongement de la durée du contrat ou de la formation",
        "Longer contract or training",
    ),
    ("Cumul de dérogations", "Several exceptions"),
    ("Autre dérogation", "Other exception"),
];
