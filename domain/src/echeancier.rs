//! The schedule of a dossier as the OPCO tells it (protocol §7), and what follows from one reading or
//! from two. It is read, never computed.

mod compare;
mod facturable;
mod facture;

use jiff::civil::Date;
use serde::de::DeserializeSeed as _;
use serde_json::Value;

pub use self::compare::{Change, Changed, Told, changes};
pub use self::facturable::Facturable;
pub use self::facture::{EtatFacture, Movement, derived, movement};
use crate::form::block::block;
use crate::form::field::Field;
use crate::form::pass::Take;
use crate::form::report::Report;
use crate::form::wire::{Read, Shape};
use crate::form::{FieldOutline, Montant, Quantite};
use crate::identifiers::Iban;
use crate::payload::NatureLigne;
use crate::siret::Siret;

block! {
    /// The money side of a dossier's detail: schedule, ancillary grants, what was settled.
    Echeancier ("un objet") {
        /// What the OPCO has committed to pay; whether ancillary costs are in it is unknown.
        pub engagement: Option<Montant> = "engagement", "montant engagé";
        /// What the OPCO adds in words.
        pub comment: Option<String> = "comment", "commentaire", number_too();
        /// The lines, in the order told.
        pub echeances: Vec<Echeance> = "echeances", "échéances";
        /// What of the ancillary costs is settled, and their caps.
        pub details_facturation: DetailsFacturation =
            "detailsFacturation", "détails de facturation";
        /// The ancillary costs granted.
        pub engagements_frais_annexe: Vec<FraisAnnexe> =
            "engagementsFraisAnnexe", "engagements de frais annexes";
    }
    settle money_only;
}

block! {
    /// One line of the schedule.
    Echeance ("un objet") {
        /// The OPCO's own id of the line, where it gives one: a line may be issued again with a new
        /// id and the same number.
        pub id: Option<String> = "id" | "idEcheance", "identifiant de l'échéance", number_too();
        /// Its number.
        pub numero: Option<i64> = "numero", "numéro d'échéance";
        /// The OPCO's own label, opaque.
        pub codification: Option<String> = "codification", "codification", number_too();
        /// From when it can be invoiced.
        pub date_ouverture: Option<Date> = "dateOuverture", "date d'ouverture";
        /// The first day of the service.
        pub date_debut: Option<Date> = "dateDebut", "début de la période";
        /// The last day of the service.
        pub date_fin: Option<Date> = "dateFin", "fin de la période";
        /// The whole amount, ancillary costs left out.
        pub montant_total: Option<Montant> = "montantTotal", "montant total";
        /// Of which tuition.
        pub dont_montant_pedagogie: Option<Montant> = "dontMontantPedagogie", "dont pédagogie";
        /// Of which disability supplement.
        pub dont_majoration_rqth: Option<Montant> = "dontMajorationRqth", "dont majoration RQTH";
        /// Paid.
        pub montant_regle: Option<Montant> = "montantRegle", "montant réglé";
        /// Invoiced and under review.
        pub montant_en_cours_instruction: Option<Montant> =
            "montantEnCoursInstruction", "montant en cours d'instruction";
        /// The establishment to be paid.
        pub siret_cfa: Option<Siret> = "siretCfa", "SIRET du CFA", rule("IDT-002");
        /// The account the OPCO knows, masked in every print.
        pub iban: Option<Iban> = "iban" | "IBAN", "IBAN de l'échéance";
    }
}

block! {
    /// What of the ancillary costs is settled, and their caps.
    DetailsFacturation ("un objet") {
        /// The first equipment is settled.
        pub frais_premier_equipement_regles: Option<bool> =
            "fraisPremierEquipementRegles", "premier équipement réglé";
        /// The stay abroad is settled.
        pub frais_mobilite_regles: Option<bool> = "fraisMobiliteRegles", "mobilité réglée";
        /// The cap of the first equipment.
        pub plafond_frais_premier_equipement: Option<Montant> =
            "plafondFraisPremierEquipement", "plafond du premier équipement";
        /// The cap of the stay abroad.
        pub plafond_frais_mobilite: Option<Montant> = "plafondFraisMobilite", "plafond de mobilité";
        /// Which ancillary costs go with which échéance.
        pub periodes_frais_annexes: Vec<PeriodeFrais> =
            "periodesFraisAnnexes", "périodes de frais annexes";
        /// The account the OPCO knows, masked in every print.
        pub iban: Option<Iban> = "IBAN" | "iban", "IBAN";
    }
}

block! {
    /// An ancillary cost that goes with an échéance.
    PeriodeFrais ("un objet") {
        /// The échéance.
        pub numero_echeance: Option<i64> = "numeroEcheance", "numéro d'échéance";
        /// Its nature, as spelled: see [`NatureLigne::read`].
        pub nature: Option<String> = "nature", "nature des frais";
    }
}

block! {
    /// An ancillary cost granted.
    FraisAnnexe ("un objet") {
        /// Its nature, as spelled: see [`NatureLigne::read`].
        pub nature_frais: Option<String> = "natureFrais", "nature des frais";
        /// How many.
        pub quantite: Option<Quantite> = "quantite", "quantité";
        /// For one.
        pub prix_unitaire: Option<Montant> = "prixUnitaire", "prix unitaire";
        /// For all.
        pub montant_total: Option<Montant> = "montantTotal", "montant total";
    }
}

/// A schedule as far as it could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lecture {
    /// What could be read.
    pub echeancier: Echeancier,
    /// JSON Pointers to what was there and could not be read.
    pub oddities: Vec<String>,
}

/// Names the whole in what is said of it.
static DETAIL: Field = Field::new("dossier", "détail du dossier");

/// Returns every member of the money side that is known, by pointer.
pub fn fields() -> Vec<FieldOutline> {
    let mut found = Vec::new();
    Echeancier::outline("", &mut found);
    found
}

/// Keeps the money and nothing else: the contract in the same answer is personal.
fn money_only(echeancier: &mut Echeancier) {
    echeancier.extra = crate::form::Extra::default();
}

impl Echeancier {
    /// Reads the money side of a dossier's detail, V1 or V2, bare or wrapped in a one-element array;
    /// also what [`Self::expose`] wrote. Nothing when it is no object.
    pub fn read(detail: &Value) -> Option<Lecture> {
        let detail = match detail {
            Value::Array(items) => match items.as_slice() {
                [only] => only,
                _ => return None,
            },
            other => other,
        };
        if !detail.is_object() {
            return None;
        }
        let mut report = Report::default();
        match Take::<Self>::new(&DETAIL, &mut report).deserialize(detail) {
            Ok(Read::Value(echeancier)) => Some(Lecture {
                echeancier,
                oddities: report
                    .into_findings()
                    .into_iter()
                    .map(|f| f.pointer)
                    .collect(),
            }),
            Ok(Read::Absent | Read::Bad(_)) | Err(_) => None,
        }
    }

    /// Returns the norm's own form, accounts in clear: it must be sealed wherever it is kept.
    pub fn expose(&self) -> Value {
        Shape::write(self)
    }

    /// Finds the line of a number. Of several, the one that still has something to invoice, else the
    /// last told: a line may be issued again beside the settled one.
    pub fn find(&self, numero: i64) -> Option<&Echeance> {
        let lines = || {
            self.echeances
                .iter()
                .filter(move |e| e.numero == Some(numero))
        };
        lines()
            .rfind(|line| line.left_cents() > 0)
            .or_else(|| lines().next_back())
    }

    /// Returns the smallest number of the schedule: the échéance that needs no certificate.
    pub fn first_numero(&self) -> Option<i64> {
        self.echeances.iter().filter_map(|line| line.numero).min()
    }

    /// Returns what is granted for a nature, in cents; nothing when the OPCO names no grant of it.
    pub fn granted_cents(&self, nature: NatureLigne) -> Option<i64> {
        let of_nature = |frais: &&FraisAnnexe| frais.nature() == Some(nature);
        let grants = self.engagements_frais_annexe.iter().filter(of_nature);
        grants
            .map(FraisAnnexe::total_cents)
            .reduce(i64::saturating_add)
    }

    /// Returns how many of a nature are granted, in hundredths.
    pub fn granted_quantity(&self, nature: NatureLigne) -> Option<i64> {
        let of_nature = |frais: &&FraisAnnexe| frais.nature() == Some(nature);
        let grants = self.engagements_frais_annexe.iter().filter(of_nature);
        grants
            .filter_map(|frais| frais.quantite)
            .map(|quantite| quantite.hundredths)
            .reduce(i64::saturating_add)
    }

    /// Returns whether keeping `self` would forget lines that `before` had: an empty list is never
    /// believed over a full one (VEI-005).
    pub fn would_erase(&self, before: &Self) -> bool {
        self.echeances.is_empty() && !before.echeances.is_empty()
    }
}

impl Echeance {
    /// Returns the whole amount in cents; the sum of its parts where the OPCO gives only those.
    pub fn total_cents(&self) -> i64 {
        let parts = || cents(self.dont_montant_pedagogie).saturating_add(self.rqth_cents());
        self.montant_total.map_or_else(parts, |total| total.cents)
    }

    /// Returns the disability supplement in cents.
    pub fn rqth_cents(&self) -> i64 {
        cents(self.dont_majoration_rqth)
    }

    /// Returns what is paid, in cents.
    pub fn paid_cents(&self) -> i64 {
        cents(self.montant_regle)
    }

    /// Returns what is invoiced and under review, in cents.
    pub fn under_review_cents(&self) -> i64 {
        cents(self.montant_en_cours_instruction)
    }

    /// Returns what can still be invoiced, in cents; negative when more was paid than is due.
    pub fn left_cents(&self) -> i64 {
        self.total_cents()
            .saturating_sub(self.paid_cents())
            .saturating_sub(self.under_review_cents())
    }

    /// Returns whether it can be invoiced on a day; a line without an opening date is not open.
    pub fn is_open(&self, day: Date) -> bool {
        self.date_ouverture.is_some_and(|opening| opening <= day)
    }
}

impl FraisAnnexe {
    /// Returns its nature, however it is spelled.
    pub fn nature(&self) -> Option<NatureLigne> {
        NatureLigne::read(self.nature_frais.as_deref()?)
    }

    /// Returns what is granted in cents: the total, else the price of one times how many.
    pub fn total_cents(&self) -> i64 {
        let product = || {
            let (price, quantity) = (cents(self.prix_unitaire), self.quantite.unwrap_or_default());
            price.saturating_mul(quantity.hundredths) / 100
        };
        self.montant_total.map_or_else(product, |total| total.cents)
    }
}

fn cents(montant: Option<Montant>) -> i64 {
    montant.unwrap_or_default().cents
}

#[cfg(test)]
mod tests;
