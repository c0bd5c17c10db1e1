//! The money of a dossier as its CFA sees it: schedule, what can be billed today, what changed.

use admin_api::books::{Billed, Books, Reading};
use domain::Timestamp;
use domain::calendar::day_in_france;
use domain::deadline::Deadline;
use domain::echeancier::{Change, Echeance, Echeancier, FraisAnnexe};
use jiff::civil::Date;
use serde::Serialize;
use utoipa::ToSchema;

/// The schedule as last read. Amounts are whole cents.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Echeancier)]
pub(super) struct EcheancierBody {
    /// When the OPCO last told it.
    #[schema(value_type = Option<String>, format = DateTime)]
    read_at: Option<Timestamp>,
    /// When the OPCO is asked next.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_read_at: Option<Timestamp>,
    /// What the last attempt at reading it came to.
    #[schema(example = "read")]
    last_result: Option<String>,
    /// What the OPCO has committed to pay.
    engagement_cents: Option<i64>,
    /// What the OPCO adds in words.
    comment: Option<String>,
    /// The échéances, in the OPCO's order.
    echeances: Vec<EcheanceBody>,
    /// What can be billed today.
    facturable: Vec<FacturableBody>,
    /// The ancillary costs granted.
    frais_annexes: Vec<FraisBody>,
}

/// One échéance.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Echeance)]
struct EcheanceBody {
    /// Its number.
    numero: Option<i64>,
    /// The OPCO's own label, to be echoed on the invoice.
    codification: Option<String>,
    /// From when it can be billed.
    #[schema(value_type = Option<String>, format = Date)]
    date_ouverture: Option<Date>,
    /// The first day of the service.
    #[schema(value_type = Option<String>, format = Date)]
    date_debut: Option<Date>,
    /// The last day of the service.
    #[schema(value_type = Option<String>, format = Date)]
    date_fin: Option<Date>,
    /// Whether it can be billed today.
    open: bool,
    /// The whole amount.
    total_cents: i64,
    /// Of which disability supplement.
    rqth_cents: i64,
    /// Paid.
    paid_cents: i64,
    /// Billed and under review.
    under_review_cents: i64,
    /// What is left to bill.
    left_cents: i64,
    /// Who is paid (SIRET).
    siret_cfa: Option<String>,
    /// The account the OPCO knows, its end only.
    #[schema(example = "…0185")]
    iban: Option<String>,
}

/// What one échéance lets one bill today.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Facturable)]
struct FacturableBody {
    /// The échéance.
    numero: i64,
    /// The label to echo.
    codification: Option<String>,
    /// What the line `PEDAGOGIE` must hold.
    pedagogie_cents: i64,
    /// What the line `MAJORATION_RQTH` must hold.
    rqth_cents: i64,
    /// The OPCO pays it by itself: do not bill it.
    auto: bool,
}

/// An ancillary cost granted.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FraisAnnexe)]
struct FraisBody {
    /// Its nature, in the norm's word where it is known.
    nature: Option<String>,
    /// How many, in hundredths.
    quantite_hundredths: Option<i64>,
    /// For one.
    prix_unitaire_cents: Option<i64>,
    /// For all.
    total_cents: i64,
}

/// A reading of the schedule that told something new.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LectureEcheancier)]
pub(super) struct LectureBody {
    /// When it was first seen.
    #[schema(value_type = String, format = DateTime)]
    seen_at: Timestamp,
    /// When it was last seen unchanged.
    #[schema(value_type = String, format = DateTime)]
    last_seen_at: Timestamp,
    /// What changed since the reading before; nothing of the first.
    changements: Vec<ChangementBody>,
}

/// One change of a schedule.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ChangementEcheancier)]
struct ChangementBody {
    /// The échéance, when it is one that changed.
    numero: Option<i64>,
    /// The ancillary cost, when it is one that changed.
    nature: Option<String>,
    /// What changed, as a stable word.
    #[schema(example = "amount")]
    what: &'static str,
    /// The same, in French.
    #[schema(example = "montant de l'échéance")]
    libelle: &'static str,
    /// What it was: cents, a day, yes or no, or a text.
    before: serde_json::Value,
    /// What it is.
    after: serde_json::Value,
}

/// A day that counts.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DelaiDuDossier)]
pub(super) struct DelaiBody {
    /// What falls on it, as a stable word.
    #[schema(value_type = String, example = "echeance_opens")]
    countdown: domain::deadline::Countdown,
    /// The same, in French.
    libelle: &'static str,
    /// The day.
    #[schema(value_type = String, format = Date)]
    date: Date,
    /// From when it is warned of.
    #[schema(value_type = String, format = Date)]
    warn_on: Date,
    /// The échéance it is about.
    numero_echeance: Option<i64>,
    /// `far`, `near` or `due`.
    #[schema(value_type = String, example = "near")]
    nearness: domain::deadline::Nearness,
}

/// An invoice that bills the dossier.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FactureDuDossier)]
pub(super) struct FactureBody {
    /// The CFA's number.
    numero: String,
    /// Its delivery.
    delivery_id: String,
    /// Where that delivery stands.
    #[schema(value_type = super::words::Status)]
    status: domain::Status,
    /// Where the OPCO, or the schedule it shows, says that it stands.
    #[schema(value_type = Option<String>, example = "REGLE")]
    etat: Option<domain::echeancier::EtatFacture>,
    /// As the OPCO spelled it; absent when it was derived from the schedule.
    etat_raw: Option<String>,
    /// Since when, as far as we saw.
    #[schema(value_type = Option<String>, format = DateTime)]
    etat_at: Option<Timestamp>,
    /// The OPCO's number.
    numero_interne_facture: Option<String>,
    /// The reference of the transfer.
    reference_virement: Option<String>,
    /// The day of the transfer.
    #[schema(value_type = Option<String>, format = Date)]
    date_reglement: Option<Date>,
    /// What its lines bill of this dossier.
    total_cents: i64,
    /// What the OPCO says of its state.
    commentaire: Option<String>,
    /// Whether the OPCO pays it only with a certificate that was not seen; null when nobody can tell.
    certificat_attendu: Option<bool>,
}

/// Shows the schedule as last read.
pub(super) fn echeancier(books: &Books, now: Timestamp) -> Option<EcheancierBody> {
    let plan = books.plan.as_ref();
    if books.echeancier.is_none() && plan.is_none() {
        return None;
    }
    let empty = Echeancier::default();
    let schedule = books.echeancier.as_ref().unwrap_or(&empty);
    let today = day_in_france(now);
    let facturable = books.facturable.iter();
    Some(EcheancierBody {
        read_at: books.read_at,
        next_read_at: plan.map(|plan| plan.due_at.max(now)),
        last_result: plan.and_then(|plan| plan.last_result.clone()),
        engagement_cents: schedule.engagement.map(|amount| amount.cents),
        comment: schedule.comment.clone(),
        echeances: schedule
            .echeances
            .iter()
            .map(|line| echeance(line, today))
            .collect(),
        facturable: facturable
            .map(|one| FacturableBody {
                numero: one.numero,
                codification: one.codification.clone(),
                pedagogie_cents: one.pedagogie_cents,
                rqth_cents: one.rqth_cents,
                auto: one.auto,
            })
            .collect(),
        frais_annexes: schedule
            .engagements_frais_annexe
            .iter()
            .map(frais)
            .collect(),
    })
}

fn echeance(line: &Echeance, today: Date) -> EcheanceBody {
    EcheanceBody {
        numero: line.numero,
        codification: line.codification.clone(),
        date_ouverture: line.date_ouverture,
        date_debut: line.date_debut,
        date_fin: line.date_fin,
        open: line.is_open(today),
        total_cents: line.total_cents(),
        rqth_cents: line.rqth_cents(),
        paid_cents: line.paid_cents(),
        under_review_cents: line.under_review_cents(),
        left_cents: line.left_cents(),
        siret_cfa: line.siret_cfa.map(|siret| siret.to_string()),
        iban: line.iban.as_ref().map(domain::identifiers::Iban::ending),
    }
}

fn frais(frais: &FraisAnnexe) -> FraisBody {
    let spelled = || frais.nature_frais.clone();
    FraisBody {
        nature: frais
            .nature()
            .map(|nature| nature.as_str().to_owned())
            .or_else(spelled),
        quantite_hundredths: frais.quantite.map(|quantite| quantite.hundredths),
        prix_unitaire_cents: frais.prix_unitaire.map(|amount| amount.cents),
        total_cents: frais.total_cents(),
    }
}

/// Shows every reading that told something new, with what changed from one to the next.
pub(super) fn lectures(books: &Books) -> Vec<LectureBody> {
    let shown = |reading: &Reading| LectureBody {
        seen_at: reading.seen_at,
        last_seen_at: reading.last_seen_at,
        changements: reading.changes.iter().map(changement).collect(),
    };
    books.readings.iter().map(shown).collect()
}

fn changement(change: &Change) -> ChangementBody {
    let told = |told: &Option<domain::echeancier::Told>| {
        serde_json::to_value(told).unwrap_or(serde_json::Value::Null)
    };
    ChangementBody {
        numero: change.numero,
        nature: change.nature.map(|nature| nature.as_str().to_owned()),
        what: change.what.as_str(),
        libelle: change.what.french(),
        before: told(&change.before),
        after: told(&change.after),
    }
}

/// Shows the days that count.
pub(super) fn delais(books: &Books, today: Date) -> Vec<DelaiBody> {
    let day = |day: &Deadline| DelaiBody {
        countdown: day.countdown,
        libelle: day.countdown.french(),
        date: day.date,
        warn_on: day.warn_on,
        numero_echeance: day.numero_echeance,
        nearness: day.on(today),
    };
    books.deadlines.iter().map(day).collect()
}

/// Shows an invoice that bills the dossier.
pub(super) fn facture(billed: &Billed) -> FactureBody {
    let invoice = &billed.invoice;
    FactureBody {
        numero: invoice.numero.clone(),
        delivery_id: invoice.delivery.to_string(),
        status: invoice.status,
        etat: invoice.etat,
        etat_raw: invoice.etat_raw.clone(),
        etat_at: invoice.etat_at,
        numero_interne_facture: invoice.numero_interne.clone(),
        reference_virement: invoice.reference_virement.clone(),
        date_reglement: invoice.paid_on,
        commentaire: invoice.commentaire.clone(),
        certificat_attendu: billed.certificate_awaited,
        total_cents: billed.total_cents,
    }
}
