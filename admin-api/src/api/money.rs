//! What is due, billed and paid, for programs.

use actix_web::{HttpResponse, web};
use domain::id::DossierId;
use domain::reconciliation::{Cause, Sums};
use domain::{Opco, Siret};
use jiff::civil::Date;
use serde::Serialize;
use utoipa::ToSchema;

use crate::books::{Group, Row, Stuck};
use crate::desk::Desk;
use crate::money::{self, Asked};
use crate::refusal::{self, Refusal};
use crate::viewer::Viewer;

/// The most échéances of one answer; a sheet holds them all.
const ROWS_MAX: usize = 1_000;

/// The money of a network, reconciled to the cent. Amounts are whole cents.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Money)]
pub(crate) struct MoneyBody {
    /// All of it.
    total: GroupBody,
    /// By site and OPCO.
    groups: Vec<SiteBody>,
    /// By month in which échéances open.
    months: Vec<MonthBody>,
    /// Invoices that no OPCO has, by what keeps them here.
    blocked: Vec<BlockedBody>,
    /// Whether there are more of those than were counted.
    blocked_truncated: bool,
    /// How many dossiers the OPCO committed to and whose schedule was not read yet.
    unread: u64,
    /// The échéances with a gap, or something to tell.
    gaps: Vec<RowBody>,
    /// Whether there are more of them than one answer holds: the sheet has them all.
    truncated: bool,
}

/// Sums and why money is missing.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MoneyGroup)]
struct GroupBody {
    /// How many dossiers have a schedule.
    dossiers: u64,
    #[serde(flatten)]
    sums: SumsBody,
    /// The causes.
    causes: Vec<CauseBody>,
}

/// Sums, in cents.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MoneySums)]
#[expect(
    clippy::struct_field_names,
    reason = "each member of the document says that it holds cents"
)]
struct SumsBody {
    /// The whole amounts, due or not yet.
    scheduled_cents: i64,
    /// What is due by now.
    due_cents: i64,
    /// What invoices that still count have billed.
    billed_cents: i64,
    /// What the OPCO has under review.
    under_review_cents: i64,
    /// What the OPCO has paid.
    paid_cents: i64,
    /// What the OPCO pays by itself and has not paid yet.
    awaited_cents: i64,
    /// What is due and neither paid, nor under review, nor awaited.
    gap_cents: i64,
}

/// The money of one site at one OPCO.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MoneySite)]
struct SiteBody {
    /// The site (SIRET).
    site: String,
    #[schema(value_type = String)]
    opco: Opco,
    #[serde(flatten)]
    group: GroupBody,
}

/// The money of one month.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MoneyMonth)]
struct MonthBody {
    /// Its first day.
    #[schema(value_type = String, format = Date)]
    month: Date,
    #[serde(flatten)]
    sums: SumsBody,
}

/// One cause of gaps.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MoneyCause)]
struct CauseBody {
    #[schema(value_type = String, example = "not_billed")]
    cause: Cause,
    libelle: &'static str,
    count: u64,
    cents: i64,
}

/// Invoices that one thing keeps here.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MoneyBlocked)]
pub(super) struct BlockedBody {
    #[schema(value_type = String, example = "held")]
    status: domain::Status,
    /// The wait or hold reason.
    reason: Option<&'static str>,
    /// Who must act: `network`, `cfa`, `opco` or `nobody`.
    who: &'static str,
    count: u64,
    cents: i64,
}

/// One échéance with a gap.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MoneyGap)]
struct RowBody {
    #[schema(value_type = String, format = Uuid)]
    dossier_id: DossierId,
    site: String,
    #[schema(value_type = String)]
    opco: Opco,
    numero_externe: Option<String>,
    numero_echeance: i64,
    codification: Option<String>,
    #[schema(value_type = Option<String>, format = Date)]
    date_ouverture: Option<Date>,
    #[serde(flatten)]
    sums: SumsBody,
    causes: Vec<GapBody>,
}

/// One cause of one gap.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MoneyGapCause)]
struct GapBody {
    #[schema(value_type = String, example = "not_billed")]
    cause: Cause,
    libelle: &'static str,
    cents: i64,
    /// Whether it is a part of the gap, and not only worth telling.
    counts: bool,
    facture: Option<String>,
    #[schema(value_type = Option<String>, format = Date)]
    last_day: Option<Date>,
}

/// Reconciles the money of a network. That it was asked for is on record.
#[utoipa::path(
    get, path = "/admin/v1/money", operation_id = "read_money", tag = "money",
    params(
        ("world" = Option<String>, Query, description = "`live` or `test`."),
        ("opco" = Option<String>, Query), ("site" = Option<String>, Query, description = "SIRET."),
        ("from" = Option<String>, Query, format = Date), ("to" = Option<String>, Query, format = Date),
    ),
    responses(
        (status = 200, description = "Les sommes et les écarts.", body = MoneyBody),
        (status = 400, response = refusal::Refused),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
    ),
)]
pub(crate) async fn show(
    desk: web::Data<Desk>,
    viewer: Viewer,
    asked: web::Query<Asked>,
) -> Result<HttpResponse, Refusal> {
    let told = money::ask(&desk, &viewer, &asked).await?;
    let answer = &told.answer;
    let rows = answer.rows.iter();
    Ok(HttpResponse::Ok().json(MoneyBody {
        total: GroupBody::from(&answer.total),
        groups: answer.groups.iter().map(SiteBody::from).collect(),
        months: answer
            .months
            .iter()
            .map(|(month, sums)| MonthBody {
                month: *month,
                sums: SumsBody::from(sums),
            })
            .collect(),
        blocked: told.blocked.by.values().map(BlockedBody::from).collect(),
        blocked_truncated: told.blocked.truncated,
        unread: answer.unread,
        gaps: rows.take(ROWS_MAX).map(RowBody::from).collect(),
        truncated: answer.rows.len() > ROWS_MAX,
    }))
}

/// Hands the gaps out as a sheet.
#[utoipa::path(
    get, path = "/admin/v1/money/sheet", operation_id = "export_money", tag = "money",
    params(
        ("format" = String, Query, description = "`csv` or `xlsx`."),
        ("complet" = Option<bool>, Query, description = "Every échéance, and not only those with a gap."),
        ("world" = Option<String>, Query, description = "`live` or `test`."),
        ("opco" = Option<String>, Query), ("site" = Option<String>, Query, description = "SIRET."),
        ("from" = Option<String>, Query, format = Date), ("to" = Option<String>, Query, format = Date),
    ),
    responses(
        (status = 200, description = "La feuille.", content_type = "text/csv"),
        (status = 400, response = refusal::Refused),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
    ),
)]
pub(crate) async fn sheet(
    desk: web::Data<Desk>,
    viewer: Viewer,
    asked: web::Query<Asked>,
) -> Result<HttpResponse, Refusal> {
    money::sheet(&desk, &viewer, &asked).await
}

impl From<&Sums> for SumsBody {
    fn from(sums: &Sums) -> Self {
        let Sums {
            scheduled_cents,
            due_cents,
            billed_cents,
            under_review_cents,
            paid_cents,
            awaited_cents,
            gap_cents,
        } = *sums;
        Self {
            scheduled_cents,
            due_cents,
            billed_cents,
            under_review_cents,
            paid_cents,
            awaited_cents,
            gap_cents,
        }
    }
}

impl From<&Group> for GroupBody {
    fn from(group: &Group) -> Self {
        let cause = |(cause, (count, cents)): (&Cause, &(u64, i64))| CauseBody {
            cause: *cause,
            libelle: cause.french(),
            count: *count,
            cents: *cents,
        };
        Self {
            dossiers: group.dossiers,
            sums: SumsBody::from(&group.sums),
            causes: group.causes.iter().map(cause).collect(),
        }
    }
}

impl From<(&(Siret, Opco), &Group)> for SiteBody {
    fn from(((site, opco), group): (&(Siret, Opco), &Group)) -> Self {
        Self {
            site: site.to_string(),
            opco: *opco,
            group: GroupBody::from(group),
        }
    }
}

impl From<&Stuck> for BlockedBody {
    fn from(stuck: &Stuck) -> Self {
        Self {
            status: stuck.status,
            reason: stuck.reason(),
            who: stuck.who().as_str(),
            count: stuck.count,
            cents: stuck.cents,
        }
    }
}

impl From<&Row> for RowBody {
    fn from(row: &Row) -> Self {
        let (dossier, line) = (&row.dossier, &row.line);
        Self {
            dossier_id: dossier.id,
            site: dossier.siret_cfa.to_string(),
            opco: dossier.instance.opco,
            numero_externe: dossier.numero_externe.clone(),
            numero_echeance: line.numero,
            codification: row.codification.clone(),
            date_ouverture: line.date_ouverture,
            sums: SumsBody::from(&line.sums),
            causes: line
                .gaps
                .iter()
                .map(|gap| GapBody {
                    cause: gap.cause,
                    libelle: gap.cause.french(),
                    cents: gap.cents,
                    counts: gap.counts,
                    facture: gap.facture.clone(),
                    last_day: gap.last_day,
                })
                .collect(),
        }
    }
}
