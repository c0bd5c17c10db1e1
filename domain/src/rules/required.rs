//! CPL-101 to CPL-105: what must be there in the payloads other than the contract, and DOC-001: their
//! files.

use super::context::{
    CertificatContext, ConventionContext, DocumentContext, FactureContext, FileFacts, FileKind,
    RuptureContext,
};
use super::invoice::Invoice;
use super::payload::row;
use super::subject::{Found, On};
use super::{
    CertificatCheck, Check, ConventionCheck, DocumentCheck, FactureCheck, Rule, RuptureCheck,
};
use crate::echeancier::Echeancier;
use crate::payload::{Certificat, Convention, Facture, InfosFichier, Ligne, Rupture};

const MESSAGE: &str = "Champ obligatoire : {libellé}.";
/// The largest file (protocol §3.3, assumed).
pub(super) const MAX_FILE: u64 = 10 * 1024 * 1024;
pub(super) const FICHIER: &str = "/fichier";

pub(super) const CONVENTION: Rule = row(
    "CPL-101",
    "public:CF, public:OV",
    "",
    MESSAGE,
    "Le CFA complète ce champ dans son ERP et renvoie la convention.",
    Check::Convention(ConventionCheck(convention)),
);

pub(super) const FACTURE: Rule = row(
    "CPL-102",
    "public:CF, public:VUE",
    "",
    MESSAGE,
    "Le CFA complète ce champ dans son ERP et renvoie la facture.",
    Check::Facture(FactureCheck(facture)),
);

pub(super) const CERTIFICAT: Rule = row(
    "CPL-103",
    "public:OV",
    "",
    MESSAGE,
    "Le CFA complète ce champ dans son ERP et renvoie le certificat.",
    Check::Certificat(CertificatCheck(certificat)),
);

pub(super) const RUPTURE: Rule = row(
    "CPL-105",
    "assumed",
    "",
    MESSAGE,
    "Le CFA complète ce champ dans son ERP et renvoie la rupture.",
    Check::Rupture(RuptureCheck(rupture)),
);

pub(super) static DOCUMENT: [Rule; 2] = [
    row(
        "CPL-104",
        "public:CF, public:OV",
        "",
        MESSAGE,
        "Le CFA indique ce qu'est le document et le dossier ou la facture auquel il se rattache.",
        Check::Document(DocumentCheck(document)),
    ),
    row(
        "DOC-001",
        "public:CF, assumed",
        FICHIER,
        "Pièce jointe manquante, trop lourde ou de type refusé.",
        "Le CFA joint un fichier PDF, JPG ou PNG de 10 Mo au plus, lisible et sans mot de passe.",
        Check::Document(DocumentCheck(document_file)),
    ),
];

/// Reports every absent field of a list of (absent, pointer, label).
fn absent(fields: &[(bool, &str, &str)], found: &mut Found<'_>) {
    for (_, pointer, label) in fields.iter().filter(|(absent, ..)| *absent) {
        found.missing(pointer, label);
    }
}

fn convention(on: &On<'_, Convention, ConventionContext<'_>>, found: &mut Found<'_>) {
    let c = on.payload;
    let (contrat, formation) = (&c.contrat, &c.formation);
    absent(
        &[
            (
                c.employeur.siret.is_none(),
                "/employeur/siret",
                "SIRET employeur",
            ),
            (
                c.apprenti.nom.is_none(),
                "/apprenti/nom",
                "nom de naissance de l'apprenti",
            ),
            (
                c.apprenti.prenom.is_none(),
                "/apprenti/prenom",
                "prénom de l'apprenti",
            ),
            (
                contrat.date_debut_contrat.is_none(),
                "/contrat/dateDebutContrat",
                "date de début du contrat",
            ),
            (
                contrat.date_fin_contrat.is_none(),
                "/contrat/dateFinContrat",
                "date de fin du contrat",
            ),
            (
                c.organisme_formation.siret.is_none(),
                "/organismeFormation/siret",
                "SIRET du CFA",
            ),
            (formation.rncp.is_none(), "/formation/rncp", "code RNCP"),
            (
                formation.intitule_qualification.is_none(),
                "/formation/intituleQualification",
                "intitulé de la qualification",
            ),
            (
                formation.date_debut_formation.is_none(),
                "/formation/dateDebutFormation",
                "date de début de formation",
            ),
            (
                formation.date_fin_formation.is_none(),
                "/formation/dateFinFormation",
                "date de fin de formation",
            ),
            (
                formation.duree_formation.is_none(),
                "/formation/dureeFormation",
                "durée de la formation (heures)",
            ),
            (
                c.couts.cout_total_pedagogie_cfa.is_none(),
                "/couts/coutTotalPedagogieCFA",
                "coût pédagogique total",
            ),
            (
                c.date_signature.is_none(),
                "/dateSignature",
                "date de signature de la convention",
            ),
        ],
        found,
    );
}

fn facture(on: &On<'_, Facture, FactureContext<'_>>, found: &mut Found<'_>) {
    let f = on.payload;
    absent(
        &[
            (f.numero.is_none(), "/numero", "numéro de la facture"),
            (
                f.date_emission.is_none(),
                "/dateEmission",
                "date d'émission",
            ),
            (f.montant_total.is_none(), "/montantTotal", "montant total"),
            (
                f.siret_emetteur.is_none(),
                "/siretEmetteur",
                "SIRET de l'émetteur",
            ),
            (
                f.est_certificat_realisation.is_none(),
                "/estCertificatRealisation",
                "certificat de réalisation inclus",
            ),
            (f.lignes.is_empty(), "/lignes", "lignes de la facture"),
        ],
        found,
    );
    for (place, ligne) in f.lignes.iter().enumerate() {
        for (absent, name, label) in [
            (ligne.montant.is_none(), "montant", "montant de la ligne"),
            (
                ligne.nature_ligne.is_none(),
                "natureLigne",
                "nature de la ligne",
            ),
            (ligne.quantite.is_none(), "quantite", "quantité de la ligne"),
            (
                ligne.numero_echeance.is_none(),
                "numeroEcheance",
                "numéro d'échéance",
            ),
            // The schedule gives it: until it is read, FAC-021 waits; where it has none, none is asked.
            (
                ligne.codification_echeance.is_none() && labelled(on, ligne),
                "codificationEcheance",
                "codification de l'échéance",
            ),
            // While the dossier has none, FAC-006 waits for it.
            (
                ligne.numero_deca.is_none()
                    && on.known(ligne).is_none_or(|k| k.numero_deca.is_some()),
                "numeroDeca",
                "numéro DECA",
            ),
        ] {
            if absent {
                found.missing(&format!("/lignes/{place}/{name}"), label);
            }
        }
    }
}

fn certificat(on: &On<'_, Certificat, CertificatContext<'_>>, found: &mut Found<'_>) {
    let c = on.payload;
    if c.numero_interne_dossier.is_none() {
        let on_its_way = on.context.dossier.on_its_way;
        found.missing_number(
            "/numeroInterneDossier",
            "numéro interne du dossier",
            on_its_way,
        );
    }
    absent(
        &[
            (
                c.type_certificat.is_none(),
                "/typeCertificat",
                "type de certificat",
            ),
            (
                c.employeur.siret.is_none(),
                "/employeur/siret",
                "SIRET employeur",
            ),
            (
                c.apprenti.nom.is_none(),
                "/apprenti/nom",
                "nom de naissance de l'apprenti",
            ),
            (
                c.apprenti.prenom.is_none(),
                "/apprenti/prenom",
                "prénom de l'apprenti",
            ),
            (
                c.organisme_formation.siret.is_none(),
                "/organismeFormation/siret",
                "SIRET du CFA",
            ),
            (
                c.echeance.numero.is_none(),
                "/echeance/numero",
                "numéro d'échéance",
            ),
        ],
        found,
    );
}

fn rupture(on: &On<'_, Rupture, RuptureContext<'_>>, found: &mut Found<'_>) {
    let r = on.payload;
    if r.numero_interne_dossier.is_none() {
        let on_its_way = on.context.dossier.on_its_way;
        found.missing_number(
            "/numeroInterneDossier",
            "numéro interne du dossier",
            on_its_way,
        );
    }
    absent(
        &[
            (
                r.employeur.siret.is_none(),
                "/employeur/siret",
                "SIRET employeur",
            ),
            (
                r.apprenti.nom.is_none(),
                "/apprenti/nom",
                "nom de naissance de l'apprenti",
            ),
            (
                r.apprenti.prenom.is_none(),
                "/apprenti/prenom",
                "prénom de l'apprenti",
            ),
            (
                r.apprenti.date_naissance.is_none(),
                "/apprenti/dateNaissance",
                "date de naissance de l'apprenti",
            ),
            (
                r.contrat.date_debut_contrat.is_none(),
                "/contrat/dateDebutContrat",
                "date de début du contrat",
            ),
            (
                r.contrat.date_rupture.is_none(),
                "/contrat/dateRupture",
                "date de rupture",
            ),
            (
                r.motif_rupture.is_none(),
                "/motifRupture",
                "motif de la rupture",
            ),
            (
                r.organisme_formation.siret.is_none(),
                "/organismeFormation/siret",
                "SIRET du CFA",
            ),
        ],
        found,
    );
}

fn document(on: &On<'_, InfosFichier, DocumentContext>, found: &mut Found<'_>) {
    let d = on.payload;
    absent(
        &[
            (d.type_fichier.is_none(), "/typeFichier", "type de document"),
            (d.objets.is_empty(), "/objets", "objets du document"),
        ],
        found,
    );
    for (place, objet) in d.objets.iter().enumerate() {
        if objet.type_objet.is_none() {
            found.missing(&format!("/objets/{place}/typeObjet"), "type d'objet");
        }
        if objet.id_objet.is_none() {
            let pointer = format!("/objets/{place}/idObjet");
            found.missing_number(&pointer, "numéro de l'objet", on.context.on_its_way);
        }
    }
}

fn document_file(on: &On<'_, InfosFichier, DocumentContext>, found: &mut Found<'_>) {
    file(on.context.file, found);
}

/// Reports a file that cannot go: PDF, JPG and PNG are taken (protocol §3.3).
pub(super) fn file(facts: FileFacts, found: &mut Found<'_>) {
    match facts {
        FileFacts::NotLooked => {}
        FileFacts::Given {
            kind,
            bytes,
            readable,
        } if readable && kind != FileKind::Other && bytes > 0 && bytes <= MAX_FILE => {}
        FileFacts::Given { bytes, .. } => found.at(FICHIER, format_args!("{bytes} octets")),
        FileFacts::Absent => found.bare(FICHIER),
    }
}

/// Returns whether a line's échéance has a label to echo, as far as is known.
fn labelled(on: &Invoice<'_>, ligne: &Ligne) -> bool {
    let told = |schedule: &Echeancier| {
        let found = ligne
            .numero_echeance
            .and_then(|numero| schedule.find(numero));
        found.is_none_or(|echeance| echeance.codification.is_some())
    };
    on.known(ligne)
        .is_none_or(|known| known.echeancier.is_some_and(told))
}
