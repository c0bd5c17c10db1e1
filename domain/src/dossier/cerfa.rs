//! The CERFA object and the envelope around it (protocol §6.1, §7).

use super::apprenti::Apprenti;
use super::contrat::Contrat;
use super::employeur::{Employeur, Maitre};
use super::formation::{Formation, LieuFormation, OrganismeFormation};
use crate::form::block::block;
use crate::form::values::worded;
use crate::opco::words;

/// An edition of the form 10103, which decides its enumerations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VersionCerfa {
    /// `10103*10`.
    V10,
    /// `10103*11`.
    V11,
    /// `10103*12`.
    V12,
    /// `10103*13`.
    V13,
    /// `10103*14`, in force in 2026.
    V14,
}

words!(VersionCerfa {
    V10 = "10103*10",
    V11 = "10103*11",
    V12 = "10103*12",
    V13 = "10103*13",
    V14 = "10103*14",
});
worded!(VersionCerfa);

impl VersionCerfa {
    /// The edition supposed when a payload names none.
    pub const NEWEST: Self = Self::V14;
}

block! {
    /// The CERFA object (protocol §6.1). On read, a block may carry a `V2` suffix instead of its
    /// plain name.
    Cerfa ("un objet") {
        /// The employer.
        pub employeur: Employeur = "employeur" | "employeurV2", "employeur";
        /// The apprentice.
        pub apprenti: Apprenti = "apprenti" | "apprentiV2", "apprenti";
        /// The first tutor.
        pub maitre1: Maitre = "maitre1" | "maitre1V2", "maître d'apprentissage 1";
        /// The second tutor.
        pub maitre2: Option<Maitre> = "maitre2" | "maitre2V2", "maître d'apprentissage 2";
        /// The training.
        pub formation: Formation = "formation" | "formationV2", "formation";
        /// The contract.
        pub contrat: Contrat = "contrat" | "contratV2", "contrat";
        /// The training centre.
        pub organisme_formation: OrganismeFormation =
            "organismeFormation" | "organismeFormationV2", "organisme de formation";
        /// The main place of training, when it is another.
        pub organisme_formation_lieu_formation_principal: Option<LieuFormation> =
            "organismeFormationLieuFormationPrincipal"
                | "organismeFormationLieuFormationPrincipalV2",
            "lieu principal de formation";
        /// The edition of the form.
        pub version_cerfa: Option<VersionCerfa> = "versionCERFA", "version du CERFA";
        /// Attests that the signatures are evidential. One client writes a small `s`.
        pub cerfa_signature_probante: Option<bool> =
            "CERFASignatureProbante" | "CERFAsignatureProbante",
            "attestation de signature probante";
        /// Technical number, set by the OPCO.
        pub numero_interne: Option<String> = "numeroInterne", "numéro interne", read_only();
        /// Business number, set by the OPCO.
        pub numero_externe: Option<String> = "numeroExterne", "numéro externe", read_only();
        /// Deposit number, set by the OPCO.
        pub numero_deca: Option<String> = "numeroDeca", "numéro DECA", read_only();
        /// State, set by the OPCO.
        pub etat: Option<String> = "etat", "état", read_only();
        /// Comment on the state, set by the OPCO.
        pub commentaire_etat: Option<String> = "commentaireEtat", "commentaire d'état", read_only();
    }
}

block! {
    /// The contract payload of the norm, in its V1 and V2 form alike: `{"cerfa": {…}}`.
    ///
    /// Every field is optional: what is missing is for the rules to say.
    Dossier ("un objet") {
        /// The CERFA object.
        pub cerfa: Cerfa = "cerfa", "contrat (objet cerfa)";
        /// A second tutor put beside the CERFA object, as one client does by mistake; reading moves
        /// it to its place, so it is empty afterwards.
        pub(crate) maitre2_beside: Option<Maitre> = "maitre2", "maître d'apprentissage 2";
    }
    settle move_maitre2;
}

fn move_maitre2(dossier: &mut Dossier) {
    if dossier.cerfa.maitre2.is_none() {
        dossier.cerfa.maitre2 = dossier.maitre2_beside.take();
    }
}
