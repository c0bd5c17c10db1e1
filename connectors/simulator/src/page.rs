//! The page at `/`: what each OPCO got, what was wrong with it and what to do, and how to call. For
//! whoever certifies a software against this sandbox, so in French and in English, without scripts.

mod advice;
mod calls;
mod guide;
mod labels;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, web};

use crate::book::day_of;
use crate::etat::Version;
use crate::handle::{Handle, OpcoSummary, Summary};
use calls::Shown;
use labels::{Labels, Language};

const STYLE: &str = include_str!("page/style.css");
/// The most calls shown.
const MOST_CALLS: usize = 200;

/// Answers `GET /`.
pub(crate) async fn show(request: HttpRequest, handle: Data<Handle>) -> HttpResponse {
    let asked = Asked::read(&request);
    let host = request.connection_info().host().to_owned();
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((
            "Content-Security-Policy",
            "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'",
        ))
        .insert_header(("X-Content-Type-Options", "nosniff"))
        .insert_header(("Referrer-Policy", "no-referrer"))
        .insert_header(("Cache-Control", "no-store"))
        .insert_header(("Vary", "Accept-Language"))
        .insert_header(("Content-Language", asked.language.tag()))
        .body(render(&handle, &asked, &host))
}

/// What the query and the headers ask for.
struct Asked {
    language: Language,
    shown: Shown,
}

impl Asked {
    fn read(request: &HttpRequest) -> Self {
        let pairs = web::Query::<Vec<(String, String)>>::from_query(request.query_string())
            .map(web::Query::into_inner)
            .unwrap_or_default();
        let asked = |name: &str| {
            pairs
                .iter()
                .find_map(|(own, value)| (own == name).then_some(value.as_str()))
        };
        let accepted = request
            .headers()
            .get("accept-language")
            .and_then(|value| value.to_str().ok());
        Self {
            language: asked("lang")
                .and_then(Language::read)
                .unwrap_or_else(|| Language::accepted(accepted.unwrap_or_default())),
            shown: match asked("appels") {
                Some("refuses") => Shown::Refused,
                _ => Shown::All,
            },
        }
    }
}

/// Returns the address of this page, in a language and with some of the calls.
fn address(language: Language, shown: Shown) -> String {
    format!("/?lang={}&amp;appels={}", language.tag(), shown.word())
}

/// Writes each of some things, one after the other.
fn each<T>(things: impl IntoIterator<Item = T>, write: impl FnMut(T) -> String) -> String {
    things.into_iter().map(write).collect()
}

fn render(handle: &Handle, asked: &Asked, host: &str) -> String {
    let labels = asked.language.labels();
    let summary = handle.summary();
    let calls = handle.remembered(MOST_CALLS);
    let title = title(&summary, labels);
    let languages = each([Language::French, Language::English], |language| {
        let current = if language == asked.language {
            " aria-current=\"true\""
        } else {
            ""
        };
        format!(
            "<a hreflang=\"{tag}\" lang=\"{tag}\" href=\"{href}\"{current}>{name}</a> ",
            tag = language.tag(),
            href = address(language, asked.shown),
            name = language.name(),
        )
    });
    format!(
        "<!DOCTYPE html>\n<html lang=\"{tag}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title>\
         <style>{STYLE}</style></head><body>\
         <a class=\"skip\" href=\"#appels\">{skip}</a>\
         <header><h1>{title}</h1><nav aria-label=\"{language}\">{languages}</nav>\
         <p>{intro}</p>{stance}</header>\n<main>{calls}\n{counts}\n{opcos}\n{guide}</main>\
         </body></html>\n",
        tag = asked.language.tag(),
        skip = labels.skip,
        language = labels.language,
        intro = labels.intro,
        stance = stance(handle, &summary, labels),
        calls = calls::section(&calls, asked, &summary),
        counts = counts(&summary, labels),
        opcos = opcos(&summary.opcos, labels),
        guide = guide::section(&summary.opcos, labels, host),
    )
}

fn title(summary: &Summary, labels: &Labels) -> String {
    match summary.opcos.as_slice() {
        [only] => format!("{}{}{}", labels.title, labels.colon, escaped(only.name)),
        _ => labels.title_of_all.to_owned(),
    }
}

/// Says in which state the sandbox is: its clock, and what makes it unlike the real ones.
fn stance(handle: &Handle, summary: &Summary, labels: &Labels) -> String {
    let (sandbox, strict) = handle.stance();
    let notes = [(sandbox, labels.sandbox), (strict, labels.strict)];
    let notes = notes.into_iter().filter(|(on, _)| *on);
    format!(
        "<ul class=\"stance\"><li>{}{}{} ({} ×{})</li>{}</ul>",
        labels.virtual_day,
        labels.colon,
        day_of(summary.now_ms),
        labels.factor,
        summary.factor,
        each(notes, |(_, text)| format!("<li>{text}</li>")),
    )
}

fn counts(summary: &Summary, labels: &Labels) -> String {
    let calls = summary.opcos.iter().flat_map(|opco| {
        let counts = opco.counts.iter();
        counts.map(|(call, count)| (opco.name, call, *count))
    });
    let rows = each(calls, |(name, call, count)| {
        let (route, status) = call.split_once(' ').unwrap_or((call, ""));
        let status = match status {
            "-" => labels.no_answer,
            status => status,
        };
        format!(
            "<tr><th scope=\"row\">{}</th><td><code>{}</code></td><td>{}</td>\
             <td class=\"number\">{count}</td></tr>",
            escaped(name),
            escaped(route),
            escaped(status),
        )
    });
    if rows.is_empty() {
        return String::new();
    }
    table(
        ("compte", labels.counts),
        &["OPCO", labels.route, labels.status, labels.count],
        &rows,
    )
}

fn opcos(opcos: &[OpcoSummary], labels: &Labels) -> String {
    let rows: String = opcos.iter().map(row).collect();
    table(
        ("opco", labels.opcos),
        &[
            "OPCO",
            labels.received,
            labels.accepted,
            labels.states,
            labels.faults,
        ],
        &rows,
    )
}

fn row(opco: &OpcoSummary) -> String {
    let states: Vec<String> = opco
        .states
        .iter()
        .map(|(etat, count)| format!("{} {count}", etat.wire(Version::V1)))
        .collect();
    let kinds: Vec<String> = opco
        .kinds
        .iter()
        .map(|(kind, count)| format!("{} {count}", kind.word()))
        .collect();
    let faults: Vec<&str> = opco
        .faults
        .iter()
        .filter(|active| active.fault.times != Some(0))
        .map(|active| active.fault.kind.word())
        .collect();
    format!(
        "<tr><th scope=\"row\">{}</th><td class=\"number\">{}</td><td>{}</td><td>{}</td>\
         <td>{}</td></tr>",
        escaped(opco.name),
        opco.received,
        escaped(&kinds.join(", ")),
        escaped(&states.join(", ")),
        escaped(&faults.join(", ")),
    )
}

fn columns(heads: &[&str]) -> String {
    each(heads, |head| format!("<th scope=\"col\">{head}</th>"))
}

/// Returns a section that is a table.
fn table((id, title): (&str, &str), heads: &[&str], rows: &str) -> String {
    let heads = columns(heads);
    format!(
        "<section aria-labelledby=\"{id}\"><h2 id=\"{id}\">{title}</h2>\
         <div class=\"wide\" role=\"region\" aria-labelledby=\"{id}\" tabindex=\"0\">\
         <table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div></section>"
    )
}

/// Makes a text harmless inside HTML.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}
