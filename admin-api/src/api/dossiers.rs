//! Dossiers, for programs.

use actix_web::{HttpResponse, web};
use domain::deadline::{Countdown, Deadline, Nearness};
use domain::echeancier::{Change, Echeance, EtatFacture, Told};
use domain::id::{DeliveryId, DossierId};
use domain::{Environment, Etat, Kind, Opco, Status, Timestamp};
use jiff::civil::Date;
use serde::Serialize;
use store::dossiers::HistoryEntry;
use store::{Delivery, Dossier};
use utoipa::ToSchema;

use crate::books::{Billed, Books, Reading};
use crate::desk::Desk;
use crate::dossiers::{self, Asked, Shown};
use crate::refusal::{self, Refusal};
use crate::viewer::Viewer;

/// How many on a page.
const PER_PAGE: u32 = 100;

/// A page of dossiers, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Dossiers {
    dossiers: Vec<DossierBody>,
    /// What `after` holds for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Uuid)]
    next: Option<DossierId>,
}

/// A contract as the OPCO knows it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Dossier)]
pub(crate) struct DossierBody {
    /// Its name.
    #[schema(value_type = String, format = Uuid)]
    id: DossierId,
    /// Which world it belongs to: `live` or `test`.
    #[schema(value_type = String)]
    environment: Environment,
    /// The OPCO.
    #[schema(value_type = String, example = "akto")]
    opco: Opco,
    /// The site (SIRET).
    site: String,
    /// The OPCO's technical number.
    numero_interne: Option<String>,
    /// The OPCO's number of the business exchange.
    numero_externe: Option<String>,
    /// The State's deposit number.
    numero_deca: Option<String>,
    /// The state, in the norm's own words; null until the OPCO told one that is known.
    #[schema(value_type = Option<String>, example = "ENGAGE")]
    etat: Option<Etat>,
    /// The state as the OPCO spelled it.
    etat_raw: Option<String>,
    /// Since when, as far as we saw.
    #[schema(value_type = Option<String>, format = DateTime)]
    etat_at: Option<Timestamp>,
    /// When the OPCO was last asked.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_read_at: Option<Timestamp>,
    /// When it was first known.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

/// One dossier and what belongs to it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DossierDetail {
    #[serde(flatten)]
    dossier: DossierBody,
    /// When the OPCO is asked for its state next; null when no reading is planned.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_read_at: Option<Timestamp>,
    /// Every state seen, the oldest first.
    history: Vec<SeenBody>,
    /// The contract and what followed it, in order.
    deliveries: Vec<DeliveryOfDossier>,
    /// Its money; absent without the right `read-money` at its site.
    #[serde(skip_serializing_if = "Option::is_none")]
    money: Option<BooksBody>,
}

/// One thing the OPCO was seen to say.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DossierSeen)]
struct SeenBody {
    #[schema(value_type = String, format = DateTime)]
    seen_at: Timestamp,
    #[schema(value_type = Option<String>)]
    etat: Option<Etat>,
    etat_raw: Option<String>,
    numero_externe: Option<String>,
    numero_deca: Option<String>,
}

/// A delivery of a dossier.
#[derive(Debug, Serialize, ToSchema)]
struct DeliveryOfDossier {
    #[schema(value_type = String, format = Uuid)]
    id: DeliveryId,
    #[schema(value_type = String, example = "facture")]
    kind: Kind,
    #[schema(value_type = String, example = "delivered")]
    status: Status,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

/// The money of a dossier. Amounts are whole cents.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DossierMoney)]
struct BooksBody {
    /// When the schedule was last read.
    #[schema(value_type = Option<String>, format = DateTime)]
    read_at: Option<Timestamp>,
    /// When it is read next.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_read_at: Option<Timestamp>,
    /// What the OPCO has committed to pay.
    engagement_cents: Option<i64>,
    /// The échéances, in the OPCO's order.
    echeances: Vec<EcheanceBody>,
    /// What can be billed today.
    facturable: Vec<FacturableBody>,
    /// The invoices, in the order they were handed in.
    factures: Vec<FactureBody>,
    /// The days that count.
    delais: Vec<DelaiBody>,
    /// Every reading of the schedule that told something new, the oldest first.
    lectures: Vec<LectureBody>,
}

/// One échéance.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DossierEcheance)]
struct EcheanceBody {
    numero: Option<i64>,
    codification: Option<String>,
    #[schema(value_type = Option<String>, format = Date)]
    date_ouverture: Option<Date>,
    #[schema(value_type = Option<String>, format = Date)]
    date_debut: Option<Date>,
    #[schema(value_type = Option<String>, format = Date)]
    date_fin: Option<Date>,
    total_cents: i64,
    rqth_cents: i64,
    under_review_cents: i64,
    paid_cents: i64,
    left_cents: i64,
}

/// What one échéance lets one bill today.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DossierFacturable)]
struct FacturableBody {
    numero: i64,
    codification: Option<String>,
    pedagogie_cents: i64,
    rqth_cents: i64,
    /// The OPCO pays it by itself: do not bill it.
    auto: bool,
}

/// An invoice.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DossierFacture)]
struct FactureBody {
    numero: String,
    #[schema(value_type = String, format = Uuid)]
    delivery_id: DeliveryId,
    #[schema(value_type = String)]
    status: Status,
    #[schema(value_type = Option<String>, example = "REGLE")]
    etat: Option<EtatFacture>,
    etat_raw: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    etat_at: Option<Timestamp>,
    total_cents: i64,
    reference_virement: Option<String>,
    #[schema(value_type = Option<String>, format = Date)]
    date_reglement: Option<Date>,
    /// Whether the OPCO pays it only with a certificate that was not seen; null when nobody can tell.
    certificat_attendu: Option<bool>,
}

/// A day that counts.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DossierDelai)]
struct DelaiBody {
    #[schema(value_type = String, example = "echeance_opens")]
    countdown: Countdown,
    libelle: &'static str,
    #[schema(value_type = String, format = Date)]
    date: Date,
    numero_echeance: Option<i64>,
    /// `far`, `near` or `due`.
    #[schema(value_type = String)]
    nearness: Nearness,
}

/// A reading of the schedule.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DossierLecture)]
struct LectureBody {
    #[schema(value_type = String, format = DateTime)]
    seen_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    last_seen_at: Timestamp,
    changements: Vec<ChangementBody>,
}

/// One change of a schedule.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DossierChangement)]
struct ChangementBody {
    numero: Option<i64>,
    nature: Option<&'static str>,
    /// What changed, as a stable word.
    what: &'static str,
    libelle: &'static str,
    /// What it was: cents, a day, yes or no, or a text.
    #[schema(value_type = serde_json::Value)]
    before: Option<Told>,
    /// What it is.
    #[schema(value_type = serde_json::Value)]
    after: Option<Told>,
}

/// Lists dossiers.
#[utoipa::path(
    get, path = "/admin/v1/dossiers", operation_id = "list_dossiers", tag = "dossiers",
    params(
        ("world" = Option<String>, Query, description = "`live` or `test`."),
        ("etat" = Option<String>, Query, description = "In the norm's own words."),
        ("opco" = Option<String>, Query), ("site" = Option<String>, Query, description = "SIRET."),
        ("numero" = Option<String>, Query, description = "Exactly one of its numbers, or its DECA."),
        ("after" = Option<String>, Query, description = "`next` of the page before."),
    ),
    responses(
        (status = 200, description = "Les dossiers.", body = Dossiers),
        (status = 400, response = refusal::Refused),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
    ),
)]
pub(crate) async fn list(
    desk: web::Data<Desk>,
    viewer: Viewer,
    asked: web::Query<Asked>,
) -> Result<HttpResponse, Refusal> {
    let found = dossiers::list(&desk, &viewer, &asked, PER_PAGE).await?;
    Ok(HttpResponse::Ok().json(Dossiers {
        dossiers: found.dossiers.iter().map(DossierBody::from).collect(),
        next: found.next,
    }))
}

/// Shows a dossier. That its money was opened is on record.
#[utoipa::path(
    get, path = "/admin/v1/dossiers/{id}", operation_id = "read_dossier", tag = "dossiers",
    params(("id" = String, Path, format = Uuid)),
    responses(
        (status = 200, description = "Le dossier.", body = DossierDetail),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
        (status = 404, response = refusal::Refused),
    ),
)]
pub(crate) async fn show(
    desk: web::Data<Desk>,
    viewer: Viewer,
    id: web::Path<DossierId>,
) -> Result<HttpResponse, Refusal> {
    let shown: Shown = dossiers::open(&desk, &viewer, *id).await?;
    let today = domain::calendar::day_in_france(desk.clock.now());
    Ok(HttpResponse::Ok().json(DossierDetail {
        dossier: DossierBody::from(&shown.dossier),
        next_read_at: shown.next_read_at,
        history: shown.history.into_iter().map(SeenBody::from).collect(),
        deliveries: shown
            .deliveries
            .iter()
            .map(DeliveryOfDossier::from)
            .collect(),
        money: shown.books.map(|books| BooksBody::new(books, today)),
    }))
}

impl From<&Dossier> for DossierBody {
    fn from(dossier: &Dossier) -> Self {
        Self {
            id: dossier.id,
            environment: dossier.environment,
            opco: dossier.instance.opco,
            site: dossier.siret_cfa.to_string(),
            numero_interne: dossier.numero_interne.clone(),
            numero_externe: dossier.numero_externe.clone(),
            numero_deca: dossier.numero_deca.clone(),
            etat: dossier.etat,
            etat_raw: dossier.etat_raw.clone(),
            etat_at: dossier.etat_at,
            last_read_at: dossier.last_read_at,
            created_at: dossier.created_at,
        }
    }
}

impl From<HistoryEntry> for SeenBody {
    fn from(entry: HistoryEntry) -> Self {
        Self {
            seen_at: entry.seen_at,
            etat: entry.etat,
            etat_raw: entry.etat_raw,
            numero_externe: entry.numero_externe,
            numero_deca: entry.numero_deca,
        }
    }
}

impl From<&Delivery> for DeliveryOfDossier {
    fn from(delivery: &Delivery) -> Self {
        Self {
            id: delivery.id,
            kind: delivery.kind,
            status: delivery.standing.status,
            created_at: delivery.created_at,
        }
    }
}

impl BooksBody {
    fn new(books: Books, today: Date) -> Self {
        let schedule = books.echeancier.unwrap_or_default();
        let delai = |day: &Deadline| DelaiBody {
            countdown: day.countdown,
            libelle: day.countdown.french(),
            date: day.date,
            numero_echeance: day.numero_echeance,
            nearness: day.on(today),
        };
        Self {
            read_at: books.read_at,
            next_read_at: books.plan.map(|plan| plan.due_at),
            engagement_cents: schedule.engagement.map(|amount| amount.cents),
            echeances: schedule.echeances.iter().map(EcheanceBody::from).collect(),
            facturable: books
                .facturable
                .into_iter()
                .map(|one| FacturableBody {
                    numero: one.numero,
                    codification: one.codification,
                    pedagogie_cents: one.pedagogie_cents,
                    rqth_cents: one.rqth_cents,
                    auto: one.auto,
                })
                .collect(),
            factures: books.invoices.into_iter().map(FactureBody::from).collect(),
            delais: books.deadlines.iter().map(delai).collect(),
            lectures: books.readings.into_iter().map(LectureBody::from).collect(),
        }
    }
}

impl From<&Echeance> for EcheanceBody {
    fn from(line: &Echeance) -> Self {
        Self {
            numero: line.numero,
            codification: line.codification.clone(),
            date_ouverture: line.date_ouverture,
            date_debut: line.date_debut,
            date_fin: line.date_fin,
            total_cents: line.total_cents(),
            rqth_cents: line.rqth_cents(),
            under_review_cents: line.under_review_cents(),
            paid_cents: line.paid_cents(),
            left_cents: line.left_cents(),
        }
    }
}

impl From<Billed> for FactureBody {
    fn from(billed: Billed) -> Self {
        let invoice = billed.invoice;
        Self {
            numero: invoice.numero,
            delivery_id: invoice.delivery,
            status: invoice.status,
            etat: invoice.etat,
            etat_raw: invoice.etat_raw,
            etat_at: invoice.etat_at,
            total_cents: billed.total_cents,
            reference_virement: invoice.reference_virement,
            date_reglement: invoice.paid_on,
            certificat_attendu: billed.certificate_awaited,
        }
    }
}

impl From<Reading> for LectureBody {
    fn from(reading: Reading) -> Self {
        let change = |change: Change| ChangementBody {
            numero: change.numero,
            nature: change.nature.map(domain::payload::NatureLigne::as_str),
            what: change.what.as_str(),
            libelle: change.what.french(),
            before: change.before,
            after: change.after,
        };
        Self {
            seen_at: reading.seen_at,
            last_seen_at: reading.last_seen_at,
            changements: reading.changes.into_iter().map(change).collect(),
        }
    }
}
