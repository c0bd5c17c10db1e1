//! CNV: the training agreement.

use jiff::civil::Date;

use super::context::ConventionContext;
use super::payload::{row, warns};
use super::subject::{Found, On};
use super::{Check, ConventionCheck, Rule, required};
use crate::finding::Effect;
use crate::matching::folded_eq;
use crate::payload::Convention;
use crate::siret::Siret;

type Subject<'a> = On<'a, Convention, ConventionContext<'a>>;

/// The usual cap of the first equipment, in cents.
const EQUIPMENT_CAP: i64 = 50_000;
const NUMERO: &str = "/numeroInterneDossier";

pub(super) static RULES: [Rule; 7] = [
    required::CONVENTION,
    row(
        "CNV-001",
        "public:CF, public:OV",
        NUMERO,
        "Dossier inconnu ou clos.",
        "Le CFA envoie d'abord le contrat, ou corrige le numéro de dossier ; une convention n'est plus \
         reçue pour un dossier refusé ou annulé.",
        Check::Convention(ConventionCheck(dossier)),
    ),
    row(
        "CNV-002",
        "public:CF, assumed",
        "/mandatEmployeur",
        "Attestations de la convention incomplètes.",
        "Le CFA fait signer la convention et le mandat, vérifie que le document joint dit la même chose \
         que les données, puis atteste.",
        Check::Convention(ConventionCheck(attested)),
    ),
    row(
        "CNV-003",
        "assumed",
        "/contrat",
        "La convention ne correspond pas au contrat.",
        "Le CFA corrige la convention, ou le contrat s'il est faux, pour que les deux disent la même \
         chose.",
        Check::Convention(ConventionCheck(same_contract)),
    ),
    row(
        "CNV-004",
        "public:CF, assumed",
        required::FICHIER,
        "Pièce jointe manquante, trop lourde ou de type refusé.",
        "Le CFA joint la convention signée en PDF, JPG ou PNG, de 10 Mo au plus, lisible et sans mot de \
         passe.",
        Check::Convention(ConventionCheck(file)),
    ),
    warns(row(
        "CNV-005",
        "assumed",
        "/dateSignature",
        "Convention signée après le début du contrat.",
        "Le CFA vérifie la date de signature ; si elle est juste, l'OPCO peut demander une explication.",
        Check::Convention(ConventionCheck(signed_in_time)),
    )),
    warns(row(
        "CNV-006",
        "public: akto.fr",
        "/couts",
        "Montants de la convention à vérifier.",
        "Le CFA vérifie le coût pédagogique (au-dessus de zéro) et le premier équipement (500 € au \
         plus).",
        Check::Convention(ConventionCheck(amounts)),
    )),
];

fn dossier(on: &Subject<'_>, found: &mut Found<'_>) {
    let (given, known) = (
        on.payload.numero_interne_dossier.as_deref(),
        &on.context.dossier,
    );
    if let Some(etat) = known.etat.filter(|etat| etat.reopens()) {
        found.at(NUMERO, etat.as_str());
        return;
    }
    match (given, known.numero_interne) {
        (None, None) if known.on_its_way => found.with_effect(NUMERO, None, Effect::Wait),
        (None, None) => found.bare(NUMERO),
        (Some(given), Some(numero)) if given != numero => found.at(NUMERO, given),
        (Some(given), None) if known.found == Some(false) => found.at(NUMERO, given),
        _ => {}
    }
}

fn attested(on: &Subject<'_>, found: &mut Found<'_>) {
    let c = on.payload;
    for (attested, pointer) in [
        (c.mandat_employeur, "/mandatEmployeur"),
        (
            c.attestation_convention_signee_entreprise,
            "/attestationConventionSigneeEntreprise",
        ),
        (
            c.attestation_convention_signee_cfa,
            "/attestationConventionSigneeCFA",
        ),
        (
            c.attestation_convention_signature_probante,
            "/attestationConventionSignatureProbante",
        ),
        (
            c.attestation_convention_conforme_json,
            "/attestationConventionConformeJSON",
        ),
    ] {
        match attested {
            Some(true) => {}
            Some(false) => found.at(pointer, false),
            None => found.bare(pointer),
        }
    }
}

fn same_contract(on: &Subject<'_>, found: &mut Found<'_>) {
    let Some(contrat) = on.context.dossier.contrat else {
        return;
    };
    let (c, cerfa) = (on.payload, &contrat.cerfa);
    let names = |a: &Option<String>, b: &Option<String>| {
        a.as_deref()
            .zip(b.as_deref())
            .is_some_and(|(a, b)| !folded_eq(a, b))
    };
    let days = |a: Option<Date>, b: Option<Date>| a.zip(b).is_some_and(|(a, b)| a != b);
    let sirets = |a: Option<Siret>, b: Option<Siret>| a.zip(b).is_some_and(|(a, b)| a != b);
    let formation = &cerfa.formation;
    for (differs, pointer) in [
        (
            sirets(c.employeur.siret, cerfa.employeur.siret),
            "/employeur/siret",
        ),
        (names(&c.apprenti.nom, &cerfa.apprenti.nom), "/apprenti/nom"),
        (
            names(&c.apprenti.prenom, &cerfa.apprenti.prenom),
            "/apprenti/prenom",
        ),
        (
            days(
                c.contrat.date_debut_contrat,
                cerfa.contrat.date_debut_contrat,
            ),
            "/contrat/dateDebutContrat",
        ),
        (
            days(c.contrat.date_fin_contrat, cerfa.contrat.date_fin_contrat),
            "/contrat/dateFinContrat",
        ),
        (
            days(
                c.formation.date_debut_formation,
                formation.date_debut_formation,
            ),
            "/formation/dateDebutFormation",
        ),
        (
            days(c.formation.date_fin_formation, formation.date_fin_formation),
            "/formation/dateFinFormation",
        ),
    ] {
        if differs {
            found.bare(pointer);
        }
    }
}

fn file(on: &Subject<'_>, found: &mut Found<'_>) {
    required::file(on.context.file, found);
}

fn signed_in_time(on: &Subject<'_>, found: &mut Found<'_>) {
    let start = on.payload.contrat.date_debut_contrat;
    if let (Some(signed), Some(start)) = (on.payload.date_signature, start)
        && signed > start
    {
        found.broken(signed);
    }
}

fn amounts(on: &Subject<'_>, found: &mut Found<'_>) {
    let couts = &on.payload.couts;
    if let Some(cost) = couts
        .cout_total_pedagogie_cfa
        .filter(|cost| cost.cents <= 0)
    {
        found.at("/couts/coutTotalPedagogieCFA", cost);
    }
    let equipment = couts.montant_premier_equipement;
    if let Some(cost) = equipment.filter(|cost| !(0..=EQUIPMENT_CAP).contains(&cost.cents)) {
        found.at("/couts/montantPremierEquipement", cost);
    }
}
