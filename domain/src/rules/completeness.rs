//! CPL: what must be there. Every missing field is reported at its own place, all at once.

use super::subject::{Found, Subject, age};
use super::{Check, ContractCheck, Rule};
use crate::dossier::{Adresse, LieuFormation, Maitre, ResponsableLegal, VersionCerfa};
use crate::finding::{Effect, Severity};

const MESSAGE: &str = "Champ obligatoire : {libellé}.";

/// Writes the row of a completeness rule: only the place, the remedy and the check differ.
const fn row(
    id: &'static str,
    source: &'static str,
    pointer: &'static str,
    remedy: &'static str,
    check: fn(&Subject<'_>, &mut Found<'_>),
) -> Rule {
    Rule {
        id,
        severity: Severity::Bloquant,
        effect: Effect::Refuse,
        source,
        from: None,
        until: None,
        pointer,
        message: MESSAGE,
        remedy,
        check: Check::Contract(ContractCheck(check)),
    }
}

pub(super) static RULES: [Rule; 12] = [
    row(
        "CPL-001",
        "public:MA, public:IA",
        "/cerfa/employeur",
        "Le CFA demande cette information à l'employeur, la saisit dans son ERP et renvoie le contrat.",
        employeur,
    ),
    row(
        "CPL-002",
        "public:MA, public:IA",
        "/cerfa/apprenti",
        "Le CFA demande cette information à l'apprenti, la saisit dans son ERP et renvoie le contrat.",
        apprenti,
    ),
    row(
        "CPL-003",
        "seed:001",
        "/cerfa/apprenti/nir",
        "Le CFA demande à l'apprenti son NIR (carte Vitale ou attestation de droits) : l'API l'exige.",
        nir,
    ),
    row(
        "CPL-004",
        "public:MA, public:IA",
        "/cerfa/maitre1",
        "Le CFA demande cette information à l'employeur et la saisit dans son ERP ; un second maître \
         d'apprentissage se renseigne en entier ou pas du tout.",
        maitres,
    ),
    row(
        "CPL-005",
        "public:MA, public:IA",
        "/cerfa/formation",
        "Le CFA complète la fiche de formation dans son ERP et renvoie le contrat.",
        formation,
    ),
    row(
        "CPL-006",
        "public:MA, public:IA",
        "/cerfa/contrat",
        "Le CFA complète le contrat dans son ERP, avec l'employeur si besoin, et le renvoie.",
        contrat,
    ),
    row(
        "CPL-007",
        "public:MA, public:IA",
        "/cerfa/organismeFormation",
        "Le CFA complète sa propre fiche (site, UAI, adresse) dans son ERP et renvoie le contrat.",
        organisme,
    ),
    row(
        "CPL-008",
        "public:MA, public:IA",
        "/cerfa/organismeFormationLieuFormationPrincipal",
        "Le CFA renseigne le lieu principal de formation, ou indique qu'il est identique au CFA.",
        lieu,
    ),
    row(
        "CPL-009",
        "public:MA, public:IA",
        "/cerfa/apprenti/responsableLegal",
        "Le CFA saisit le représentant légal de l'apprenti mineur ; pour un mineur émancipé, le \
         réseau change l'effet de cette règle en donnant le motif.",
        responsable,
    ),
    row(
        "CPL-010",
        "public:MA, public:IA",
        "/cerfa/contrat",
        "Le CFA recopie le numéro DECA du contrat précédent et, pour un avenant, sa date d'effet.",
        precedent,
    ),
    Rule {
        severity: Severity::Avertissement,
        effect: Effect::Warn,
        message: "Réponse attendue : {libellé}.",
        ..row(
            "CPL-011",
            "public:IA",
            "/cerfa/apprenti",
            "Le CFA demande à l'apprenti s'il a des droits ouverts au titre du handicap et répond par \
             oui ou non dans son ERP.",
            droits,
        )
    },
    row(
        "CPL-012",
        "public:MA, public:IA",
        "/cerfa",
        "L'éditeur de l'ERP envoie la version du CERFA (10103*14 en 2026) et l'attestation de \
         signature probante.",
        form,
    ),
];

/// Reports each field of a block that was not given.
macro_rules! required {
    ($found:ident, $base:literal, $block:expr, $($field:ident $wire:literal $label:expr),+ $(,)?) => {
        $(if $block.$field.is_none() {
            $found.missing(concat!($base, "/", $wire), $label);
        })+
    };
}

/// Reports what an address lacks.
macro_rules! address {
    ($found:ident, $base:literal, $adresse:expr, $of:literal) => {{
        let adresse: &Adresse = &$adresse;
        required!(
            $found, $base, adresse,
            adresse1 "adresse1" concat!("adresse ", $of, " (numéro et voie)"),
            code_postal "codePostal" concat!("code postal ", $of),
            commune "commune" concat!("commune ", $of),
        );
    }};
}

fn employeur(subject: &Subject<'_>, found: &mut Found<'_>) {
    let employeur = &subject.cerfa.employeur;
    required!(
        found, "/cerfa/employeur", employeur,
        denomination "denomination" "dénomination de l'employeur",
        siret "siret" "SIRET de l'employeur",
        telephone "telephone" "téléphone de l'employeur",
        courriel "courriel" "courriel de l'employeur",
        type_employeur "typeEmployeur" "type d'employeur",
        naf "naf" "code NAF de l'employeur",
        nombre_de_salaries "nombreDeSalaries" "effectif de l'entreprise",
        code_idcc "codeIdcc" "convention collective (IDCC)",
        caisse_complementaire "caisseComplementaire" "caisse de retraite complémentaire",
    );
    address!(
        found,
        "/cerfa/employeur/adresse",
        employeur.adresse,
        "de l'employeur"
    );
    if employeur.attestation_eligibilite != Some(true) {
        let label = "attestation d'éligibilité du maître d'apprentissage (doit valoir true)";
        found.missing("/cerfa/employeur/attestationEligibilite", label);
    }
    if employeur.attestation_pieces != Some(true) {
        let label = "attestation de détention des pièces justificatives (doit valoir true)";
        found.missing("/cerfa/employeur/attestationPieces", label);
    }
}

fn apprenti(subject: &Subject<'_>, found: &mut Found<'_>) {
    let apprenti = &subject.cerfa.apprenti;
    required!(
        found, "/cerfa/apprenti", apprenti,
        nom "nom" "nom de naissance de l'apprenti",
        prenom "prenom" "prénom de l'apprenti",
        sexe "sexe" "sexe de l'apprenti",
        nationalite "nationalite" "nationalité de l'apprenti",
        date_naissance "dateNaissance" "date de naissance de l'apprenti",
        departement_naissance "departementNaissance" "département de naissance de l'apprenti",
        commune_naissance "communeNaissance" "commune de naissance de l'apprenti",
        regime_social "regimeSocial" "régime social de l'apprenti",
        telephone "telephone" "téléphone de l'apprenti",
        courriel "courriel" "courriel de l'apprenti",
        handicap "handicap" "reconnaissance de la qualité de travailleur handicapé",
        inscription_sportif_de_haut_niveau "inscriptionSportifDeHautNiveau"
            "inscription sur la liste des sportifs de haut niveau",
        projet_creation_reprise_entreprise "projetCreationRepriseEntreprise"
            "projet de création ou de reprise d'entreprise",
        situation_avant_contrat "situationAvantContrat" "situation avant le contrat",
        diplome_prepare "diplomePrepare" "dernier diplôme préparé",
        derniere_classe "derniereClasse" "dernière classe suivie",
        intitule_diplome_prepare "intituleDiplomePrepare" "intitulé du dernier diplôme préparé",
        diplome "diplome" "diplôme le plus élevé obtenu",
    );
    address!(
        found,
        "/cerfa/apprenti/adresse",
        apprenti.adresse,
        "de l'apprenti"
    );
}

fn nir(subject: &Subject<'_>, found: &mut Found<'_>) {
    if subject.cerfa.apprenti.nir.is_none() {
        found.missing("/cerfa/apprenti/nir", "NIR de l'apprenti");
    }
}

/// Names the places of one maître's fields and reports those that are empty.
macro_rules! maitre {
    ($found:ident, $base:literal, $maitre:expr, $of:literal) => {{
        let maitre: &Maitre = &$maitre;
        required!(
            $found, $base, maitre,
            nom "nom" concat!("nom ", $of),
            prenom "prenom" concat!("prénom ", $of),
            date_naissance "dateNaissance" concat!("date de naissance ", $of),
            courriel "courriel" concat!("courriel ", $of),
            emploi_occupe "emploiOccupe" concat!("emploi occupé ", $of),
            intitule_diplome_obtenu "intituleDiplomeObtenu" concat!("intitulé du diplôme ", $of),
            niveau_diplome_obtenu "niveauDiplomeObtenu" concat!("niveau du diplôme ", $of),
        );
    }};
}

fn maitres(subject: &Subject<'_>, found: &mut Found<'_>) {
    let cerfa = subject.cerfa;
    maitre!(
        found,
        "/cerfa/maitre1",
        cerfa.maitre1,
        "du maître d'apprentissage"
    );
    if let Some(second) = cerfa.maitre2.as_ref().filter(|second| !second.is_empty()) {
        maitre!(
            found,
            "/cerfa/maitre2",
            *second,
            "du second maître d'apprentissage"
        );
    }
}

fn formation(subject: &Subject<'_>, found: &mut Found<'_>) {
    let formation = &subject.cerfa.formation;
    required!(
        found, "/cerfa/formation", formation,
        rncp "rncp" "code RNCP",
        code_diplome "codeDiplome" "code diplôme",
        type_diplome "typeDiplome" "type de diplôme visé",
        intitule_qualification "intituleQualification" "intitulé de la qualification visée",
        date_debut_formation "dateDebutFormation" "date de début de la formation",
        date_fin_formation "dateFinFormation" "date de fin de la formation",
        duree_formation "dureeFormation" "durée de la formation en heures",
    );
    if subject.version >= VersionCerfa::V14 {
        required!(
            found, "/cerfa/formation", formation,
            nombre_heures_en_distanciel "nombreHeuresEnDistanciel" "nombre d'heures à distance",
        );
    }
}

fn contrat(subject: &Subject<'_>, found: &mut Found<'_>) {
    let contrat = &subject.cerfa.contrat;
    required!(
        found, "/cerfa/contrat", contrat,
        mode_contractuel "modeContractuel" "mode contractuel",
        type_contrat_app "typeContratApp" "type de contrat ou d'avenant",
        date_conclusion "dateConclusion" "date de conclusion",
        date_debut_contrat "dateDebutContrat" "date de début du contrat",
        date_formation_pratique_employeur "dateFormationPratiqueEmployeur"
            "date de début de formation pratique chez l'employeur",
        date_fin_contrat "dateFinContrat" "date de fin du contrat",
        lieu_signature_contrat "lieuSignatureContrat" "lieu de signature du contrat",
        duree_travail_hebdo_heures "dureeTravailHebdoHeures" "durée hebdomadaire de travail",
        travail_risque "travailRisque" "travail sur machines dangereuses ou à risques",
        salaire_embauche "salaireEmbauche" "salaire brut mensuel à l'embauche",
    );
    if contrat.remunerations_annuelles.is_empty() {
        let label = "périodes de rémunération (au moins une)";
        found.missing("/cerfa/contrat/remunerationsAnnuelles", label);
    }
}

fn organisme(subject: &Subject<'_>, found: &mut Found<'_>) {
    let organisme = &subject.cerfa.organisme_formation;
    required!(
        found, "/cerfa/organismeFormation", organisme,
        denomination "denomination" "dénomination du CFA",
        siret "siret" "SIRET du CFA",
        uai_cfa "uaiCfa" "numéro UAI du CFA",
        formation_interne "formationInterne" "CFA d'entreprise (oui ou non)",
        lieu_formation_identique "lieuFormationIdentique"
            "lieu de formation identique au CFA (oui ou non)",
    );
    address!(
        found,
        "/cerfa/organismeFormation/adresse",
        organisme.adresse,
        "du CFA"
    );
}

fn lieu(subject: &Subject<'_>, found: &mut Found<'_>) {
    let cerfa = subject.cerfa;
    if cerfa.organisme_formation.lieu_formation_identique != Some(false) {
        return;
    }
    let absent = LieuFormation::default();
    let lieu = cerfa
        .organisme_formation_lieu_formation_principal
        .as_ref()
        .unwrap_or(&absent);
    required!(
        found, "/cerfa/organismeFormationLieuFormationPrincipal", lieu,
        denomination "denomination" "dénomination du lieu principal de formation",
        siret "siret" "SIRET du lieu principal de formation",
    );
    address!(
        found,
        "/cerfa/organismeFormationLieuFormationPrincipal/adresse",
        lieu.adresse,
        "du lieu principal de formation"
    );
}

fn responsable(subject: &Subject<'_>, found: &mut Found<'_>) {
    let apprenti = &subject.cerfa.apprenti;
    let conclusion = subject.cerfa.contrat.date_conclusion;
    let Some((birth, conclusion)) = apprenti.date_naissance.zip(conclusion) else {
        return;
    };
    if age(birth, conclusion) >= 18 {
        return;
    }
    let absent = ResponsableLegal::default();
    let responsable = apprenti.responsable_legal.as_ref().unwrap_or(&absent);
    required!(
        found, "/cerfa/apprenti/responsableLegal", responsable,
        nom "nom" "nom du représentant légal (apprenti mineur)",
        prenom "prenom" "prénom du représentant légal (apprenti mineur)",
        courriel "courriel" "courriel du représentant légal (apprenti mineur)",
    );
    address!(
        found,
        "/cerfa/apprenti/responsableLegal/adresse",
        responsable.adresse,
        "du représentant légal"
    );
}

fn precedent(subject: &Subject<'_>, found: &mut Found<'_>) {
    let contrat = &subject.cerfa.contrat;
    let amendment = subject.is_amendment();
    if (amendment || subject.is_succession()) && contrat.numero_contrat_precedent.is_none() {
        let label = "numéro du contrat précédent (succession ou avenant)";
        found.missing("/cerfa/contrat/numeroContratPrecedent", label);
    }
    if amendment && contrat.date_effet_avenant.is_none() {
        found.missing(
            "/cerfa/contrat/dateEffetAvenant",
            "date d'effet de l'avenant",
        );
    }
}

fn droits(subject: &Subject<'_>, found: &mut Found<'_>) {
    let apprenti = &subject.cerfa.apprenti;
    let without = apprenti
        .handicap
        .as_ref()
        .is_some_and(|handicap| !handicap.expose());
    if without && subject.version >= VersionCerfa::V14 {
        required!(
            found, "/cerfa/apprenti", apprenti,
            droits_rqth_extension_boe "droitsRqthExtensionBOE"
                "extension des droits de bénéficiaire de l'obligation d'emploi",
            droits_rqth_equivalence_jeune "droitsRqthEquivalenceJeune"
                "équivalence de droits pour un jeune",
        );
    }
}

fn form(subject: &Subject<'_>, found: &mut Found<'_>) {
    let cerfa = subject.cerfa;
    required!(
        found, "/cerfa", cerfa,
        version_cerfa "versionCERFA" "version du CERFA",
        cerfa_signature_probante "CERFASignatureProbante"
            "attestation de signature probante du CERFA",
    );
}
