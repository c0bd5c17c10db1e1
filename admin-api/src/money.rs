//! The money of a network as a viewer may see it; pages and the admin API ask the same.

use actix_web::HttpResponse;
use actix_web::http::header::{self, HeaderValue};
use domain::Environment;
use domain::calendar::day_in_france;
use domain::person::Right;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::books::{Answer, Blocked, Question, Rows, Sheet, Unanswered};
use crate::desk::Desk;
use crate::filter::word;
use crate::refusal::{Code, Refusal};
use crate::viewer::Viewer;

/// The filters, as an address holds them. A field left empty does not restrict.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Asked {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) world: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) opco: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) site: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) from: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) to: String,
    /// The form of a sheet: `csv` or `xlsx`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) format: String,
    /// Of a sheet: `true` for every échéance, and not only those with a gap.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) complet: String,
}

/// The answer to one question.
#[derive(Debug)]
pub(crate) struct Told {
    /// The world it is of.
    pub(crate) world: Environment,
    /// What is due, billed and paid.
    pub(crate) answer: Answer,
    /// What no OPCO was asked for yet.
    pub(crate) blocked: Blocked,
}

impl From<Unanswered> for Refusal {
    fn from(error: Unanswered) -> Self {
        match error {
            Unanswered::TooMany { most } => Self::from(Code::Invalid).saying(
                format!("Plus de {most} dossiers répondent : précisez le site ou l'OPCO."),
                format!("More than {most} dossiers answer: name the site or the OPCO."),
            ),
            Unanswered::Unwritten => Code::Internal.into(),
            Unanswered::Store(error) => error.into(),
        }
    }
}

impl Asked {
    fn question(&self, viewer: &Viewer) -> Result<Question, Refusal> {
        let reach = viewer.require(Right::ReadMoney)?;
        let from: Option<Date> = word(&self.from, "/from")?;
        let to: Option<Date> = word(&self.to, "/to")?;
        if from.zip(to).is_some_and(|(from, to)| from > to) {
            return Err(Refusal::invalid(
                "/from",
                "La période est vide : son début vient après sa fin.",
                "The period is empty: it starts after its end.",
            ));
        }
        Ok(Question {
            tenant: viewer.tenant(),
            environment: viewer.world(word(&self.world, "/world")?),
            opco: word(&self.opco, "/opco")?,
            sites: reach.filter_with(word(&self.site, "/site")?),
            from,
            to,
        })
    }

    /// Writes the filters as an address with a form of sheet.
    pub(crate) fn address(&self, path: &str, format: &str) -> String {
        let asked = Self {
            format: format.to_owned(),
            ..self.clone()
        };
        let query = serde_urlencoded::to_string(asked).unwrap_or_default();
        format!("{path}?{query}")
    }
}

/// Reconciles what a viewer asks about.
pub(crate) async fn ask(desk: &Desk, viewer: &Viewer, asked: &Asked) -> Result<Told, Refusal> {
    let question = asked.question(viewer)?;
    let actor = viewer.actor();
    Ok(Told {
        world: question.environment,
        answer: desk.works.reconcile(&question, Rows::Gaps, &actor).await?,
        blocked: desk.works.blocked(&question).await?,
    })
}

/// Counts the money of one world that no OPCO was asked for yet; nothing for whoever may not see money.
pub(crate) async fn blocked(
    desk: &Desk,
    viewer: &Viewer,
    world: Environment,
) -> Result<Option<Blocked>, Refusal> {
    if !viewer.may(Right::ReadMoney) {
        return Ok(None);
    }
    let asked = Asked {
        world: world.to_string(),
        ..Asked::default()
    };
    let question = asked.question(viewer)?;
    Ok(Some(desk.works.blocked(&question).await?))
}

/// Answers with a sheet to keep, or to send to the OPCO.
pub(crate) async fn sheet(
    desk: &Desk,
    viewer: &Viewer,
    asked: &Asked,
) -> Result<HttpResponse, Refusal> {
    let question = asked.question(viewer)?;
    let (form, kind, ending) = match asked.format.as_str() {
        "csv" => (Sheet::Csv, "text/csv; charset=utf-8", "csv"),
        "xlsx" => (
            Sheet::Xlsx,
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "xlsx",
        ),
        _ => {
            return Err(Refusal::invalid(
                "/format",
                "Le format est « csv » ou « xlsx ».",
                "The format is “csv” or “xlsx”.",
            ));
        }
    };
    let rows = if word(&asked.complet, "/complet")?.unwrap_or(false) {
        Rows::All
    } else {
        Rows::Gaps
    };
    let found = desk
        .works
        .reconcile(&question, rows, &viewer.actor())
        .await?;
    let body = desk.works.sheet(&found.rows, form)?;
    let today = day_in_france(desk.clock.now());
    Ok(download(
        kind,
        &format!("rapprochement-{today}.{ending}"),
        body,
    ))
}

/// Answers with a file that the browser keeps.
pub(crate) fn download(kind: &'static str, name: &str, body: Vec<u8>) -> HttpResponse {
    let mut answer = HttpResponse::Ok();
    answer.insert_header((header::CONTENT_TYPE, kind));
    let name = format!("attachment; filename=\"{name}\"");
    if let Ok(name) = HeaderValue::from_str(&name) {
        answer.insert_header((header::CONTENT_DISPOSITION, name));
    }
    answer.body(body)
}
