//! What is wrong with the money: due, billed, under review, paid, and each gap with its cause; as an
//! answer, or as a sheet to send.

use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, web};
use admin_api::books::{Answer, Group, Question, Row, Rows, Unanswered};
use domain::calendar::day_in_france;
use domain::reconciliation::{Cause, Sums};
use domain::{Opco, Siret, Timestamp};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::caller::Caller;
use super::problem::{self, Code, Problem};
use super::words;
use crate::app::App;
use crate::reconciliation::{self, sheet};

/// The most échéances of one answer; a sheet holds them all.
const ROWS_MAX: usize = 1_000;

/// The money of a network, reconciled to the cent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Rapprochement)]
pub(crate) struct ReconciliationBody {
    /// When it was reconciled.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// All of it.
    total: GroupBody,
    /// By site and OPCO.
    groups: Vec<SiteBody>,
    /// How many dossiers the OPCO committed to and whose schedule was not read yet.
    unread: u64,
    /// The échéances with a gap, or something to tell.
    ecarts: Vec<EcartBody>,
    /// Whether there are more of them than one answer holds: the sheet has them all.
    truncated: bool,
}

/// The money of one site at one OPCO.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RapprochementSite)]
struct SiteBody {
    /// The site (SIRET).
    site: String,
    /// The OPCO.
    #[schema(value_type = words::Opco)]
    opco: Opco,
    #[serde(flatten)]
    group: GroupBody,
}

/// Sums, in cents.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RapprochementSommes)]
struct GroupBody {
    /// How many dossiers have a schedule.
    dossiers: u64,
    /// The whole amounts, due or not yet.
    scheduled_cents: i64,
    /// What is due by now: open, or already moved.
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
    /// The causes.
    causes: Vec<CauseBody>,
}

/// One cause of gaps.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RapprochementCause)]
struct CauseBody {
    /// Which, as a stable word.
    #[schema(value_type = String, example = "not_billed")]
    cause: Cause,
    /// The same, in French.
    libelle: &'static str,
    /// How many échéances.
    count: u64,
    /// How much.
    cents: i64,
}

/// One échéance with a gap.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EcartEcheance)]
struct EcartBody {
    /// The dossier.
    #[schema(format = Uuid)]
    dossier_id: String,
    /// The site (SIRET).
    site: String,
    /// The OPCO.
    #[schema(value_type = words::Opco)]
    opco: Opco,
    /// The OPCO's number of the business exchange.
    numero_externe: Option<String>,
    /// The échéance.
    numero_echeance: i64,
    /// Its label.
    codification: Option<String>,
    /// From when it can be billed.
    #[schema(value_type = Option<String>, format = Date)]
    date_ouverture: Option<Date>,
    /// What is due.
    due_cents: i64,
    /// What is billed.
    billed_cents: i64,
    /// What is under review.
    under_review_cents: i64,
    /// What is paid.
    paid_cents: i64,
    /// What is missing.
    gap_cents: i64,
    /// Why.
    causes: Vec<GapBody>,
}

/// One cause of one gap.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EcartCause)]
struct GapBody {
    /// Which, as a stable word.
    #[schema(value_type = String, example = "not_billed")]
    cause: Cause,
    /// The same, in French.
    libelle: &'static str,
    /// How much; negative when there is too much.
    cents: i64,
    /// Whether it is a part of the gap, and not only worth telling.
    counts: bool,
    /// The invoice it is about.
    facture: Option<String>,
    /// The last day to bill.
    #[schema(value_type = Option<String>, format = Date)]
    last_day: Option<Date>,
}

/// Which money.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Asked {
    /// Only this OPCO.
    #[param(value_type = Option<words::Opco>)]
    opco: Option<Opco>,
    /// Only this site (SIRET).
    #[param(value_type = Option<String>)]
    site: Option<Siret>,
    /// Only échéances that open on this day or later.
    #[param(value_type = Option<String>, format = Date)]
    from: Option<Date>,
    /// Only échéances that open on this day or before.
    #[param(value_type = Option<String>, format = Date)]
    to: Option<Date>,
}

/// Which sheet.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AskedSheet {
    /// `csv` or `xlsx`.
    #[param(inline)]
    format: Format,
    /// Every échéance, and not only those with a gap.
    #[serde(default)]
    complet: bool,
    /// Only this OPCO.
    #[param(value_type = Option<words::Opco>)]
    opco: Option<Opco>,
    /// Only this site (SIRET).
    #[param(value_type = Option<String>)]
    site: Option<Siret>,
    /// Only échéances that open on this day or later.
    #[param(value_type = Option<String>, format = Date)]
    from: Option<Date>,
    /// Only échéances that open on this day or before.
    #[param(value_type = Option<String>, format = Date)]
    to: Option<Date>,
}

/// The form of a sheet.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = FormatFeuille)]
pub(crate) enum Format {
    /// Text, as French spreadsheets read it.
    Csv,
    /// A workbook.
    Xlsx,
}

/// Reconciles the money of a network.
#[utoipa::path(
    get, path = "/api/v1/reconciliation", operation_id = "reconcile", tag = "dossiers", params(Asked),
    responses(
        (status = 200, body = ReconciliationBody),
        (status = 400, response = problem::Refusal),
        (status = 422, response = problem::Refusal),
    ),
)]
pub(crate) async fn answer(
    app: web::Data<App>,
    caller: Caller,
    asked: web::Query<Asked>,
) -> Result<HttpResponse, Problem> {
    let asked = asked.into_inner();
    let question = question(&caller, (asked.opco, asked.site), (asked.from, asked.to))?;
    let mut found = ask(&app, &caller, &question, Rows::Gaps).await?;
    let truncated = found.rows.len() > ROWS_MAX;
    found.rows.truncate(ROWS_MAX);
    let groups = found.groups.iter();
    Ok(HttpResponse::Ok().json(ReconciliationBody {
        at: app.clock.now(),
        total: GroupBody::from(&found.total),
        groups: groups
            .map(|((site, opco), group)| SiteBody {
                site: site.to_string(),
                opco: *opco,
                group: GroupBody::from(group),
            })
            .collect(),
        unread: found.unread,
        ecarts: found.rows.iter().map(EcartBody::from).collect(),
        truncated,
    }))
}

/// The same, as a sheet to keep or to send to the OPCO.
#[utoipa::path(
    get, path = "/api/v1/reconciliation/export", operation_id = "export_reconciliation", tag = "dossiers",
    params(AskedSheet),
    responses(
        (status = 200, description = "La feuille.", content(
            (String = "text/csv"),
            (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        )),
        (status = 400, response = problem::Refusal),
        (status = 422, response = problem::Refusal),
    ),
)]
pub(crate) async fn export(
    app: web::Data<App>,
    caller: Caller,
    asked: web::Query<AskedSheet>,
) -> Result<HttpResponse, Problem> {
    let asked = asked.into_inner();
    let question = question(&caller, (asked.opco, asked.site), (asked.from, asked.to))?;
    let shown = if asked.complet { Rows::All } else { Rows::Gaps };
    let found = ask(&app, &caller, &question, shown).await?;
    let (kind, ending, body) = match asked.format {
        Format::Csv => (
            "text/csv; charset=utf-8",
            "csv",
            sheet::text(&found.rows).into_bytes(),
        ),
        Format::Xlsx => {
            let book = sheet::xlsx(&found.rows).map_err(|error| {
                tracing::error!(error = %error, "a workbook could not be written");
                Problem::plain(Code::Internal)
            })?;
            let kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
            (kind, "xlsx", book)
        }
    };
    let today = day_in_france(app.clock.now());
    let name = format!("attachment; filename=\"rapprochement-{today}.{ending}\"");
    let mut answer = HttpResponse::Ok();
    answer.insert_header((header::CONTENT_TYPE, kind));
    if let Ok(name) = HeaderValue::from_str(&name) {
        answer.insert_header((header::CONTENT_DISPOSITION, name));
    }
    Ok(answer.body(body))
}

fn question(
    caller: &Caller,
    (opco, site): (Option<Opco>, Option<Siret>),
    (from, to): (Option<Date>, Option<Date>),
) -> Result<Question, Problem> {
    if from.zip(to).is_some_and(|(from, to)| from > to) {
        let detail = "« from » vient après « to » : la période est vide.";
        return Err(Problem::new(Code::InvalidRequest, detail));
    }
    Ok(Question {
        tenant: caller.tenant,
        environment: caller.environment,
        opco,
        sites: caller.sites(site),
        from,
        to,
    })
}

/// Asks, and puts on record who opened how many dossiers.
async fn ask(
    app: &App,
    caller: &Caller,
    question: &Question,
    shown: Rows,
) -> Result<Answer, Problem> {
    let actor = format!("credential:{}", caller.credential);
    match reconciliation::asked(app, question, shown, &actor).await {
        Ok(found) => Ok(found),
        Err(Unanswered::Store(error)) => Err(error.into()),
        Err(Unanswered::TooMany { most }) => {
            let detail = format!("Plus de {most} dossiers répondent : précisez le site ou l'OPCO.");
            Err(Problem::new(Code::InvalidRequest, detail))
        }
        Err(Unanswered::Unwritten) => Err(Problem::plain(Code::Internal)),
    }
}

impl From<&Group> for GroupBody {
    fn from(group: &Group) -> Self {
        let Sums {
            scheduled_cents,
            due_cents,
            billed_cents,
            under_review_cents,
            paid_cents,
            awaited_cents,
            gap_cents,
        } = group.sums;
        let causes = group.causes.iter();
        Self {
            dossiers: group.dossiers,
            scheduled_cents,
            due_cents,
            billed_cents,
            under_review_cents,
            paid_cents,
            awaited_cents,
            gap_cents,
            causes: causes
                .map(|(cause, (count, cents))| CauseBody {
                    cause: *cause,
                    libelle: cause.french(),
                    count: *count,
                    cents: *cents,
                })
                .collect(),
        }
    }
}

impl From<&Row> for EcartBody {
    fn from(row: &Row) -> Self {
        let (dossier, line) = (&row.dossier, &row.line);
        let gaps = line.gaps.iter();
        Self {
            dossier_id: dossier.id.to_string(),
            site: dossier.siret_cfa.to_string(),
            opco: dossier.instance.opco,
            numero_externe: dossier.numero_externe.clone(),
            numero_echeance: line.numero,
            codification: row.codification.clone(),
            date_ouverture: line.date_ouverture,
            due_cents: line.sums.due_cents,
            billed_cents: line.sums.billed_cents,
            under_review_cents: line.sums.under_review_cents,
            paid_cents: line.sums.paid_cents,
            gap_cents: line.sums.gap_cents,
            causes: gaps
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
