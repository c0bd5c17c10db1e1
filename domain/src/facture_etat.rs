//! An invoice as the list of version 2 shows it (protocol §10), and whether it is the one we sent.

use jiff::civil::Date;
use serde::de::DeserializeSeed as _;
use serde_json::Value;

use crate::echeancier::EtatFacture;
use crate::form::block::block;
use crate::form::field::Field;
use crate::form::pass::Take;
use crate::form::report::Report;
use crate::form::wire::{Read, Shape as _};
use crate::form::{FieldOutline, Montant};
use crate::identifiers::Iban;
use crate::opco::words;
use crate::payload::Facture;
use crate::siret::Siret;

block! {
    /// One item of the list of invoices.
    FactureEtat ("un objet") {
        /// The OPCO's number.
        pub numero_interne_facture: Option<String> =
            "numeroInterneFacture", "numéro interne de la facture", number_too();
        /// Our number.
        pub reference_facture_cfa: Option<String> =
            "referenceFactureCFA", "numéro de la facture", number_too();
        /// The whole amount.
        pub montant_facture: Option<Montant> = "montantFacture", "montant de la facture";
        /// The state, as spelled: see [`FactureEtat::etat`].
        pub etat_facture: Option<String> = "etatFacture", "état de la facture";
        /// The reference of the transfer.
        pub reference_virement: Option<String> =
            "referenceVirement", "référence du virement", number_too();
        /// The day of the transfer.
        pub date_reglement: Option<Date> = "dateReglement", "date de règlement";
        /// What the OPCO adds in words.
        pub commentaire: Option<String> = "commentaire", "commentaire";
        /// Who is paid, and where.
        pub organisme_formation: CfaPaye = "organismeFormation", "organisme de formation";
        /// The dossiers it bills.
        pub dossiers: Vec<DossierFacture> = "dossiers", "dossiers de la facture";
    }
}

block! {
    /// Who is paid, and where.
    CfaPaye ("un objet") {
        /// Establishment of the centre.
        pub siret: Option<Siret> = "siret", "SIRET du CFA", rule("IDT-002");
        /// The account, masked in every print.
        pub iban: Option<Iban> = "IBAN" | "iban", "IBAN";
    }
}

block! {
    /// A dossier that an invoice bills.
    DossierFacture ("un objet") {
        /// The OPCO's technical number.
        pub numero_interne_dossier: Option<String> =
            "numeroInterneDossier", "numéro interne du dossier", number_too();
        /// The OPCO's business number.
        pub numero_externe_dossier: Option<String> =
            "numeroExterneDossier", "numéro externe du dossier", number_too();
        /// Its share of the invoice.
        pub montant: Option<Montant> = "montant", "montant";
    }
}

/// What of an invoice the OPCO shows otherwise than we sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Difference {
    /// The whole amount.
    Total,
    /// Who is paid.
    Emitter,
    /// Which dossiers, or their shares.
    Dossiers,
}

words!(Difference { Total = "total", Emitter = "emitter", Dossiers = "dossiers" });

/// Returns every member of an item that is known, by pointer.
pub fn fields() -> Vec<FieldOutline> {
    let mut found = Vec::new();
    FactureEtat::outline("", &mut found);
    found
}

static ITEM: Field = Field::new("factures", "facture");

impl FactureEtat {
    /// Reads one item of the list; a member that cannot be read is left out. Nothing when it is no
    /// object.
    pub fn read(item: &Value) -> Option<Self> {
        let mut report = Report::default();
        match Take::<Self>::new(&ITEM, &mut report).deserialize(item) {
            Ok(Read::Value(facture)) => Some(facture),
            Ok(Read::Absent | Read::Bad(_)) | Err(_) => None,
        }
    }

    /// Returns its state, nothing when it is one we do not know.
    pub fn etat(&self) -> Option<EtatFacture> {
        EtatFacture::read(self.etat_facture.as_deref()?)
    }

    /// Returns whether it bears the number of an invoice of ours, of the same emitter where told.
    pub fn is_named(&self, facture: &Facture) -> bool {
        let numero = |text: &Option<String>| text.as_deref().map(str::trim).map(str::to_owned);
        let emitter = self.organisme_formation.siret;
        facture.numero.is_some()
            && numero(&self.reference_facture_cfa) == numero(&facture.numero)
            && (emitter.is_none() || emitter == facture.siret_emetteur)
    }

    /// Lists what differs from an invoice of ours; what the OPCO does not tell is not compared.
    pub fn differences(&self, facture: &Facture) -> Vec<Difference> {
        let mut found = Vec::new();
        let differ = |a: Option<Montant>, b: Option<Montant>| a.zip(b).is_some_and(|(a, b)| a != b);
        if differ(self.montant_facture, facture.montant_total) {
            found.push(Difference::Total);
        }
        let emitters = self.organisme_formation.siret.zip(facture.siret_emetteur);
        if emitters.is_some_and(|(theirs, ours)| theirs != ours) {
            found.push(Difference::Emitter);
        }
        if !self.dossiers.is_empty() && self.shares() != shares(facture) {
            found.push(Difference::Dossiers);
        }
        found
    }

    fn shares(&self) -> Vec<(String, i64)> {
        let shares = self
            .dossiers
            .iter()
            .map(|dossier| (dossier.numero_externe_dossier.as_deref(), dossier.montant));
        summed(shares)
    }
}

fn shares(facture: &Facture) -> Vec<(String, i64)> {
    let lignes = facture.lignes.iter();
    summed(lignes.map(|ligne| (ligne.numero_dossier.as_deref(), ligne.montant)))
}

/// Sums amounts by dossier, in the order of their numbers.
fn summed<'a>(
    shares: impl Iterator<Item = (Option<&'a str>, Option<Montant>)>,
) -> Vec<(String, i64)> {
    let mut sums = std::collections::BTreeMap::<String, i64>::new();
    for (numero, montant) in shares {
        let sum = sums
            .entry(numero.unwrap_or_default().trim().to_owned())
            .or_default();
        *sum = sum.saturating_add(montant.unwrap_or_default().cents);
    }
    sums.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const LIST: &str = include_str!("../tests/fixtures/payload/factures-etats-v2.json");
    const FACTURE: &str = include_str!("../tests/fixtures/payload/facture-2-lignes.json");

    fn item(place: usize) -> Value {
        let list: Value = serde_json::from_str(LIST).unwrap();
        list["factures"][place].clone()
    }

    fn ours() -> Facture {
        Facture::read(FACTURE.as_bytes()).unwrap().payload
    }

    #[test]
    fn the_sample_tells_state_and_transfer() {
        let paid = FactureEtat::read(&item(0)).unwrap();
        assert_eq!(paid.etat(), Some(EtatFacture::Regle));
        assert_eq!(paid.reference_virement.as_deref(), Some("VIR-2026-118820"));
        assert_eq!(paid.date_reglement.unwrap().to_string(), "2026-10-28");
        let review = FactureEtat::read(&item(1)).unwrap();
        assert_eq!(review.etat(), Some(EtatFacture::EnCoursInstruction));
        assert_eq!(
            (review.reference_virement, review.date_reglement),
            (None, None)
        );
        assert_eq!(FactureEtat::read(&json!([])), None);
    }

    #[test]
    fn our_invoice_is_known_by_its_number_and_compared_to_the_cent() {
        let theirs = FactureEtat::read(&item(0)).unwrap();
        assert!(theirs.is_named(&ours()));
        assert_eq!(theirs.differences(&ours()), []);
        assert!(!FactureEtat::read(&item(1)).unwrap().is_named(&ours()));

        let mut other = item(0);
        other["montantFacture"] = json!("3620.01");
        other["dossiers"][0]["montant"] = json!(3619.99);
        let other = FactureEtat::read(&other).unwrap();
        assert_eq!(
            other.differences(&ours()),
            [Difference::Total, Difference::Dossiers]
        );
    }

    #[test]
    fn what_the_opco_does_not_tell_is_not_compared() {
        let bare = FactureEtat::read(&json!({"referenceFactureCFA": "FA-2026-00042"})).unwrap();
        assert!(bare.is_named(&ours()));
        assert_eq!(bare.differences(&ours()), []);
        assert_eq!(bare.etat(), None);
        assert!(!FactureEtat::default().is_named(&Facture::default()));
    }
}
