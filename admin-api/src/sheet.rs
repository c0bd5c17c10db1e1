//! A list as a sheet: CSV that a spreadsheet opens as text and never as a formula, streamed page by page.

use actix_web::http::header;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use domain::id::DeliveryId;
use domain::person::{Language, Right};
use futures_util::stream;
use store::StoreError;
use store::deliveries::Page;

use crate::desk::Desk;
use crate::pages::columns::Column;
use crate::pages::layout::local;
use crate::picked::{Asked, Picked};
use crate::refusal::Refusal;
use crate::viewer::Viewer;

/// How many lines are read at once.
const PER_PAGE: u32 = 500;

/// Where a sheet stands.
struct Sheet {
    desk: Desk,
    picked: Picked,
    columns: Vec<Column>,
    language: Language,
    after: Option<DeliveryId>,
    begun: bool,
    ended: bool,
}

/// Sends the deliveries an address names.
pub(crate) async fn deliveries(
    desk: web::Data<Desk>,
    viewer: Viewer,
    request: HttpRequest,
) -> Result<HttpResponse, Refusal> {
    let reach = viewer.require(Right::ReadDeliveries)?;
    let asked = Asked::read(request.query_string());
    let sheet = Sheet {
        desk: desk.get_ref().clone(),
        picked: asked.picked(&viewer, &reach)?,
        columns: Column::chosen(&asked.columns),
        language: viewer.language(),
        after: None,
        begun: false,
        ended: false,
    };
    let parts = stream::try_unfold(sheet, |sheet| Box::pin(sheet.next()));
    Ok(HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8; header=present")
        .insert_header((
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"livraisons.csv\"",
        ))
        .streaming(parts))
}

impl Sheet {
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, Refusal> {
        if self.ended {
            return Ok(None);
        }
        let mut text = String::new();
        if !self.begun {
            self.begun = true;
            // The mark by which spreadsheets know UTF-8.
            text.push('\u{feff}');
            let first = self.language.of("Déposée", "Handed in").to_owned();
            let names = self
                .columns
                .iter()
                .map(|column| column.name(self.language).to_owned());
            line(&mut text, std::iter::once(first).chain(names));
        }
        self.lines(&mut text).await?;
        Ok(Some((Bytes::from(text), self)))
    }

    async fn lines(&mut self, text: &mut String) -> Result<(), StoreError> {
        let from = Page {
            after: self.after,
            limit: PER_PAGE,
        };
        let now = self.desk.clock.now();
        let mut tx = self.desk.store.reading().await?;
        let found = self.picked.page(&mut tx, from, now).await?;
        drop(tx);
        self.ended = found.len() < usize::try_from(PER_PAGE).unwrap_or(usize::MAX);
        self.after = found.last().map(|last| last.id);
        for delivery in &found {
            let first = local(delivery.created_at, self.language);
            let cells = self
                .columns
                .iter()
                .map(|column| column.text(delivery, self.language));
            line(text, std::iter::once(first).chain(cells));
        }
        Ok(())
    }
}

/// Writes a line.
fn line(text: &mut String, cells: impl Iterator<Item = String>) {
    for (index, cell) in cells.enumerate() {
        if index > 0 {
            text.push(';');
        }
        text.push_str(&quoted(&cell));
    }
    text.push_str("\r\n");
}

/// Quotes a cell; what a spreadsheet would take for a formula begins with an apostrophe.
fn quoted(cell: &str) -> String {
    let formula = |c: char| {
        matches!(
            c,
            '=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠'
        )
    };
    let mark = if cell.trim_start_matches(' ').starts_with(formula) {
        "'"
    } else {
        ""
    };
    format!("\"{mark}{}\"", cell.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_and_none_breaks_its_line() {
        for (cell, written) in [
            ("akto", "\"akto\""),
            ("=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\""),
            ("  +1", "\"'  +1\""),
            ("@sum", "\"'@sum\""),
            ("-2", "\"'-2\""),
            ("\tx", "\"'\tx\""),
            ("a;b", "\"a;b\""),
            ("", "\"\""),
        ] {
            assert_eq!(quoted(cell), written);
        }
    }
}
