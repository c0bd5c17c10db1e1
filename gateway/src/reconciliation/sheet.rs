//! The reconciliation as a table, for a spreadsheet or for the OPCO: one line for each gap of each
//! échéance. A text never becomes a formula.

use admin_api::books::Row;
use admin_api::csv;
use domain::calendar::french;
use domain::reconciliation::Gap;
use jiff::civil::Date;
use rust_xlsxwriter::{Format, Workbook, XlsxError};

/// The columns, in order.
const COLUMNS: [&str; 18] = [
    "OPCO",
    "SIRET du CFA",
    "Numéro externe du dossier",
    "Numéro interne du dossier",
    "Numéro DECA",
    "État du dossier",
    "Échéance",
    "Codification",
    "Ouverture",
    "Montant de l'échéance",
    "Dû",
    "Facturé",
    "En cours d'instruction",
    "Réglé",
    "Écart",
    "Motif de l'écart",
    "Facture",
    "Dernier jour de facturation",
];

/// What a cell holds.
enum Cell<'a> {
    Text(&'a str),
    Number(i64),
    Cents(i64),
    Day(Date),
    Nothing,
}

/// Returns the cells of a row, for one of its gaps or for none.
fn cells<'a>(row: &'a Row, gap: Option<&'a Gap>) -> [Cell<'a>; 18] {
    fn text(text: Option<&str>) -> Cell<'_> {
        text.map_or(Cell::Nothing, Cell::Text)
    }
    fn day<'a>(day: Option<Date>) -> Cell<'a> {
        day.map_or(Cell::Nothing, Cell::Day)
    }
    let (dossier, line) = (&row.dossier, &row.line);
    let sums = &line.sums;
    [
        Cell::Text(dossier.instance.opco.name()),
        Cell::Text(dossier.siret_cfa.as_str()),
        text(dossier.numero_externe.as_deref()),
        text(dossier.numero_interne.as_deref()),
        text(dossier.numero_deca.as_deref()),
        dossier
            .etat
            .map_or(Cell::Nothing, |etat| Cell::Text(etat.as_str())),
        Cell::Number(line.numero),
        text(row.codification.as_deref()),
        day(line.date_ouverture),
        Cell::Cents(sums.scheduled_cents),
        Cell::Cents(sums.due_cents),
        Cell::Cents(sums.billed_cents),
        Cell::Cents(sums.under_review_cents),
        Cell::Cents(sums.paid_cents),
        Cell::Cents(gap.map_or(0, |gap| gap.cents)),
        gap.map_or(Cell::Nothing, |gap| Cell::Text(gap.cause.french())),
        gap.map_or(Cell::Nothing, |gap| text(gap.facture.as_deref())),
        day(gap.and_then(|gap| gap.last_day)),
    ]
}

/// Goes through the lines of the table.
fn lines(rows: &[Row]) -> impl Iterator<Item = [Cell<'_>; 18]> {
    rows.iter().flat_map(|row| {
        let none = row.line.gaps.is_empty().then(|| cells(row, None));
        let gaps = row.line.gaps.iter().map(|gap| cells(row, Some(gap)));
        none.into_iter().chain(gaps)
    })
}

/// Writes the table as CSV as French spreadsheets read it: UTF-8 with its mark, semicolons, decimal
/// commas, CRLF.
pub(crate) fn text(rows: &[Row]) -> String {
    let mut out = String::from(csv::MARK);
    out.push_str(&csv::line(&COLUMNS));
    for line in lines(rows) {
        let fields: Vec<String> = line.iter().map(field).collect();
        out.push_str(&fields.join(";"));
        out.push_str("\r\n");
    }
    out
}

fn field(cell: &Cell<'_>) -> String {
    match cell {
        Cell::Text(text) => csv::field(text),
        Cell::Number(number) => number.to_string(),
        Cell::Cents(cents) => euros(*cents),
        Cell::Day(day) => french(*day),
        Cell::Nothing => String::new(),
    }
}

/// Writes cents as euros, to the cent, without grouping.
fn euros(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    let whole = cents.unsigned_abs();
    format!("{sign}{},{:02}", whole / 100, whole % 100)
}

/// Writes the table as a workbook: amounts are numbers, days are days, texts are texts.
pub(crate) fn xlsx(rows: &[Row]) -> Result<Vec<u8>, XlsxError> {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.set_name("Rapprochement")?;
    let bold = Format::new().set_bold();
    let amount = Format::new().set_num_format("#,##0.00");
    let date = Format::new().set_num_format("dd/mm/yyyy");
    for (column, head) in (0_u16..).zip(COLUMNS) {
        sheet.write_string_with_format(0, column, head, &bold)?;
        sheet.set_column_width(column, width(head))?;
    }
    for (place, line) in (1_u32..).zip(lines(rows)) {
        for (column, cell) in (0_u16..).zip(line) {
            match cell {
                Cell::Text(text) => sheet.write_string(place, column, text)?,
                Cell::Number(number) => sheet.write_number(place, column, exact(number))?,
                Cell::Cents(cents) => {
                    sheet.write_number_with_format(place, column, exact(cents) / 100.0, &amount)?
                }
                Cell::Day(day) => {
                    let day = rust_xlsxwriter::ExcelDateTime::from_ymd(
                        u16::try_from(day.year()).unwrap_or(1900),
                        day.month().unsigned_abs(),
                        day.day().unsigned_abs(),
                    )?;
                    sheet.write_datetime_with_format(place, column, day, &date)?
                }
                Cell::Nothing => continue,
            };
        }
    }
    sheet.set_freeze_panes(1, 0)?;
    workbook.save_to_buffer()
}

fn width(head: &str) -> f64 {
    let chars = u32::try_from(head.chars().count()).unwrap_or(20);
    f64::from(chars.max(10)) + 2.0
}

/// Returns a number as a spreadsheet holds it: exact up to nine thousand billion euros.
#[expect(
    clippy::cast_precision_loss,
    clippy::as_conversions,
    reason = "a spreadsheet knows no other number; below 2^53 cents nothing is lost"
)]
fn exact(number: i64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use domain::id::{DeliveryId, DossierId, TenantId};
    use domain::reconciliation::{Cause, Line, Sums};
    use domain::{Environment, Etat, Instance, Opco};

    use super::*;

    fn row(codification: &str, gaps: Vec<Gap>) -> Row {
        let now = "2026-11-22T10:00:00Z".parse().unwrap();
        Row {
            dossier: store::Dossier {
                tenant: TenantId::new(now),
                id: DossierId::new(now),
                environment: Environment::Live,
                instance: Instance::first(Opco::Akto),
                siret_cfa: "98765432400019".parse().unwrap(),
                delivery: Some(DeliveryId::new(now)),
                numero_interne: Some("1042".to_owned()),
                numero_externe: Some("DOS;42".to_owned()),
                numero_deca: None,
                etat: Some(Etat::Engage),
                etat_raw: None,
                etat_at: None,
                last_read_at: None,
                created_at: now,
            }
            .into(),
            codification: Some(codification.to_owned()),
            line: Line {
                numero: 2,
                date_ouverture: Some("2026-10-01".parse().unwrap()),
                sums: Sums {
                    scheduled_cents: 312_005,
                    due_cents: 312_005,
                    gap_cents: 312_005,
                    ..Sums::default()
                },
                gaps,
            }
            .into(),
        }
    }

    fn gap() -> Gap {
        Gap {
            cause: Cause::NotBilled,
            cents: 312_005,
            counts: true,
            facture: None,
            last_day: None,
        }
    }

    #[test]
    fn a_line_of_csv_opens_in_a_french_spreadsheet() {
        let text = text(&[row("A2", vec![gap()])]);
        assert!(text.starts_with("\u{feff}OPCO;SIRET du CFA;"));
        let line = text.lines().nth(1).unwrap();
        assert_eq!(
            line,
            "AKTO;98765432400019;\"DOS;42\";1042;;ENGAGE;2;A2;01/10/2026;3120,05;3120,05;0,00;0,00;\
             0,00;3120,05;échéance ouverte non facturée;;"
        );
    }

    #[test]
    fn a_text_of_an_opco_is_never_a_formula() {
        let text = text(&[row("=HYPERLINK(\"http://127.0.0.1\")", vec![])]);
        let line = text.lines().nth(1).unwrap();
        assert!(
            line.contains("\"'=HYPERLINK(\"\"http://127.0.0.1\"\")\""),
            "{line}"
        );
    }

    #[test]
    fn amounts_keep_their_sign_and_their_cents() {
        assert_eq!(euros(-5), "-0,05");
        assert_eq!(euros(123_456), "1234,56");
        assert_eq!(euros(i64::MIN), "-92233720368547758,08");
    }

    #[test]
    fn a_workbook_holds_a_line_for_each_gap() {
        let book = xlsx(&[row("=1+1", vec![gap(), gap()])]).unwrap();
        // A workbook is an archive.
        assert!(book.starts_with(b"PK"));
        assert_eq!(
            lines(&[row("A", vec![gap(), gap()]), row("B", vec![])]).count(),
            3
        );
    }
}
