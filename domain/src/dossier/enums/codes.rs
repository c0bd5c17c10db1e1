//! The codes themselves, list by list, as protocol §6.10 gives them.

use super::Code;

pub(super) const TYPE_EMPLOYEUR: &[Code] = &[
    (11, "Entreprise inscrite au répertoire des métiers"),
    (
        12,
        "Entreprise inscrite uniquement au registre du commerce et des sociétés",
    ),
    (13, "Entreprise relevant de la mutualité sociale agricole"),
    (14, "Profession libérale"),
    (15, "Association"),
    (16, "Autre employeur privé"),
    (21, "Service de l'État"),
    (22, "Commune"),
    (23, "Département"),
    (24, "Région"),
    (25, "Établissement public hospitalier"),
    (26, "Établissement public local d'enseignement"),
    (27, "Établissement public administratif de l'État"),
    (28, "Établissement public administratif local"),
    (29, "Autre employeur public"),
    (30, "Établissement public industriel et commercial"),
];

pub(super) const EMPLOYEUR_SPECIFIQUE: &[Code] = &[
    (0, "Aucun"),
    (1, "Entreprise de travail temporaire"),
    (2, "Groupement d'employeurs"),
    (3, "Employeur saisonnier"),
    (4, "Apprentissage familial"),
];

pub(super) const NATIONALITE: &[Code] = &[
    (1, "Française"),
    (2, "Union européenne"),
    (3, "Hors Union européenne"),
];

/// 0 is tolerated (protocol §6.4).
pub(super) const REGIME_SOCIAL: &[Code] = &[(0, "Non précisé"), (1, "MSA"), (2, "URSSAF")];

pub(super) const SITUATION_AVANT_CONTRAT: &[Code] = &[
    (1, "Scolaire"),
    (2, "Prépa apprentissage"),
    (3, "Étudiant"),
    (4, "Contrat d'apprentissage"),
    (5, "Contrat de professionnalisation"),
    (6, "Contrat aidé"),
    (7, "En CFA avant le contrat"),
    (8, "En CFA après une rupture"),
    (9, "Autre situation de stagiaire"),
    (10, "Salarié"),
    (11, "En recherche d'emploi"),
    (12, "Inactif"),
];

pub(super) const DERNIERE_CLASSE: &[Code] = &[
    (1, "Dernière année suivie, diplôme obtenu"),
    (11, "Première année validée"),
    (12, "Première année non validée"),
    (21, "Deuxième année validée"),
    (22, "Deuxième année non validée"),
    (31, "Troisième année validée"),
    (32, "Troisième année non validée"),
    (40, "Collège achevé"),
    (41, "Études interrompues en classe de troisième"),
    (42, "Études interrompues en classe de quatrième"),
];

pub(super) const DIPLOME_13: &[Code] = &[
    (80, "Doctorat"),
    (71, "Master professionnel ou DESS"),
    (72, "Master recherche ou DEA"),
    (73, "Master"),
    (74, "Diplôme d'ingénieur ou d'école de commerce"),
    (79, "Autre diplôme de niveau bac+5 ou plus"),
    (61, "Première année de master"),
    (62, "Licence professionnelle"),
    (63, "Licence générale"),
    (69, "Autre diplôme de niveau bac+3 ou 4"),
    (54, "BTS"),
    (55, "DUT"),
    (58, "Autre diplôme de niveau bac+2"),
    (41, "Baccalauréat professionnel"),
    (42, "Baccalauréat général"),
    (43, "Baccalauréat technologique"),
    (49, "Autre diplôme de niveau bac"),
    (33, "CAP"),
    (34, "BEP"),
    (35, "Mention complémentaire"),
    (38, "Autre diplôme de niveau CAP ou BEP"),
    (25, "Diplôme national du brevet"),
    (26, "Certificat de formation générale"),
    (13, "Aucun diplôme"),
];

pub(super) const DIPLOME_14: &[Code] = &[
    (80, "Doctorat"),
    (73, "Master"),
    (75, "Diplôme d'ingénieur"),
    (76, "Diplôme d'école de commerce"),
    (79, "Autre diplôme de niveau bac+5 ou plus"),
    (62, "Licence professionnelle"),
    (63, "Licence générale"),
    (64, "BUT"),
    (69, "Autre diplôme de niveau bac+3 ou 4"),
    (54, "BTS"),
    (55, "DUT"),
    (58, "Autre diplôme de niveau bac+2"),
    (41, "Baccalauréat professionnel"),
    (42, "Baccalauréat général"),
    (43, "Baccalauréat technologique"),
    (44, "Diplôme de spécialisation professionnelle"),
    (49, "Autre diplôme de niveau bac"),
    (33, "CAP"),
    (34, "BEP"),
    (35, "Certificat de spécialisation"),
    (38, "Autre diplôme de niveau CAP ou BEP"),
    (25, "Diplôme national du brevet"),
    (26, "Certificat de formation générale"),
    (13, "Aucun diplôme"),
];

/// Protocol §6.10 gives the two ends (1 CAP … 6 doctorat); the four between follow the same ladder.
pub(super) const NIVEAU_DIPLOME_13: &[Code] = &[
    (1, "CAP"),
    (2, "Baccalauréat"),
    (3, "Bac+2"),
    (4, "Licence"),
    (5, "Master"),
    (6, "Doctorat"),
];

pub(super) const NIVEAU_DIPLOME_14: &[Code] = &[
    (3, "CAP"),
    (4, "Baccalauréat"),
    (5, "Bac+2"),
    (6, "Licence"),
    (7, "Master"),
    (8, "Doctorat"),
];

pub(super) const MODE_CONTRACTUEL: &[Code] = &[
    (1, "À durée limitée"),
    (2, "Dans le cadre d'un CDI"),
    (3, "Travail temporaire"),
    (4, "Activités saisonnières à deux employeurs"),
];

/// 38 is newer than the others and its first edition is unknown, so no edition refuses it.
pub(super) const TYPE_CONTRAT_APP: &[Code] = &[
    (11, "Premier contrat d'apprentissage"),
    (21, "Nouveau contrat chez le même employeur"),
    (22, "Nouveau contrat chez un autre employeur"),
    (23, "Nouveau contrat après une rupture"),
    (31, "Avenant : situation juridique de l'employeur"),
    (32, "Avenant : employeur saisonnier"),
    (33, "Avenant : prolongation après un échec à l'examen"),
    (
        34,
        "Avenant : reconnaissance de la qualité de travailleur handicapé",
    ),
    (35, "Avenant : diplôme supplémentaire préparé"),
    (36, "Avenant : autre modification"),
    (37, "Avenant : lieu d'exécution du contrat"),
    (38, "Avenant : lieu principal de formation"),
];

pub(super) const TYPE_DEROGATION: &[Code] = &[
    (11, "Âge de l'apprenti inférieur à 16 ans"),
    (12, "Âge supérieur à 29 ans"),
    (21, "Réduction de la durée du contrat ou de la formation"),
    (22, "Allongement de la durée du contrat ou de la formation"),
    (50, "Cumul de dérogations"),
    (60, "Autre dérogation"),
];
