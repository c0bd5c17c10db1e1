//! The calls received, each with what was wrong with it.

use jiff::Timestamp;

use super::labels::{Labels, Language};
use super::{Asked, address, advice, columns, each, escaped};
use crate::handle::Summary;
use crate::schema::Finding;
use crate::sim::Remembered;

/// How many digits of a key's fingerprint are shown: enough to tell two keys apart.
const KEY_DIGITS: usize = 8;

/// Which calls are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    All,
    Refused,
}

impl Shown {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::All => "tous",
            Self::Refused => "refuses",
        }
    }
}

/// Returns the section of the calls.
pub(super) fn section(calls: &[Remembered], asked: &Asked, summary: &Summary) -> String {
    let labels = asked.language.labels();
    let rows: String = calls
        .iter()
        .filter(|call| asked.shown == Shown::All || is_refused(call))
        .map(|call| row(call, asked.language, summary))
        .collect();
    let filters = [
        (Shown::All, labels.all_calls),
        (Shown::Refused, labels.refused_calls),
    ];
    let filters = each(filters, |(shown, name)| {
        let current = if shown == asked.shown {
            " aria-current=\"true\""
        } else {
            ""
        };
        let href = address(asked.language, shown);
        format!("<a href=\"{href}#appels\"{current}>{name}</a> ")
    });
    let body = if rows.is_empty() {
        format!("<p>{}</p>", labels.no_calls)
    } else {
        let heads = columns(&[
            labels.time,
            "OPCO",
            labels.call,
            labels.status,
            labels.wrong,
        ]);
        format!(
            "<div class=\"wide\" role=\"region\" aria-labelledby=\"appels\" tabindex=\"0\">\
             <table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
        )
    };
    format!(
        "<section aria-labelledby=\"appels\"><h2 id=\"appels\">{}</h2>\
         <nav aria-label=\"{}\">{filters}</nav>{body}</section>",
        labels.calls, labels.calls
    )
}

fn is_refused(call: &Remembered) -> bool {
    call.entry.status.is_none_or(|status| status >= 400)
}

fn row(call: &Remembered, language: Language, summary: &Summary) -> String {
    let labels = language.labels();
    let entry = &call.entry;
    let name = summary
        .opcos
        .iter()
        .find(|opco| opco.opco == entry.opco)
        .map_or(entry.opco.as_str(), |opco| opco.name);
    let time = Timestamp::from_millisecond(entry.arrival_ms)
        .map(|at| at.strftime("%Y-%m-%d %H:%M:%S").to_string())
        .unwrap_or_default();
    let version = entry.version.map_or("", |version| match version {
        crate::Version::V1 => "v1 ",
        crate::Version::V2 => "v2 ",
    });
    let status = match entry.status {
        None => format!("<span class=\"bad\">{}</span>", labels.no_answer),
        Some(status) if status >= 400 => {
            format!("<span class=\"bad\">{status} {}</span>", labels.refused)
        }
        Some(status) => format!("<span class=\"good\">{status} {}</span>", labels.taken),
    };
    let numero = entry.numero_interne.as_deref().unwrap_or("");
    let key = entry.key.as_deref().and_then(|key| key.get(..KEY_DIGITS));
    let key = key.map_or_else(String::new, |key| {
        format!("<br><small>{} {}…</small>", labels.key, escaped(key))
    });
    format!(
        "<tr><td><time>{time}</time></td><th scope=\"row\">{}</th>\
         <td><code>{} {version}{}</code> {}{key}</td><td>{status}</td><td>{}</td></tr>",
        escaped(name),
        escaped(&entry.method),
        escaped(&entry.route),
        escaped(numero),
        wrong(call, labels, language),
    )
}

fn wrong(call: &Remembered, labels: &Labels, language: Language) -> String {
    let fault = call.entry.fault.as_deref().map(|fault| {
        format!(
            "<li>{}{}<code>{}</code></li>",
            labels.fault,
            labels.colon,
            escaped(fault)
        )
    });
    let findings = call
        .findings
        .iter()
        .map(|one| finding(one, labels, language));
    let items: String = fault.into_iter().chain(findings).collect();
    if items.is_empty() {
        return labels.nothing_wrong.to_owned();
    }
    format!("<ul class=\"wrong\">{items}</ul>")
}

/// Says the field, the rule, the OPCO's words and what to do.
fn finding(finding: &Finding, labels: &Labels, language: Language) -> String {
    let field = finding
        .field
        .as_deref()
        .map(|field| format!("<strong><code>{}</code></strong> ", escaped(field)))
        .unwrap_or_default();
    let todo = advice::of(finding.code, language);
    let todo = if todo.is_empty() {
        String::new()
    } else {
        let (label, colon) = (labels.to_do, labels.colon);
        format!(
            "<span class=\"todo\">{label}{colon}{}</span>",
            escaped(todo)
        )
    };
    format!(
        "<li>{field}<code>{}</code>{}<span lang=\"fr\">{}</span>{todo}</li>",
        escaped(finding.code),
        labels.colon,
        escaped(&finding.text),
    )
}
