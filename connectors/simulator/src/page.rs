//! The page at `/`: the eleven OPCOs, what they got, and what was wrong with the last refused calls.

use std::fmt::Write;

use actix_web::HttpResponse;
use actix_web::web::Data;

use crate::etat::Version;
use crate::handle::{Handle, OpcoSummary};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;\
padding:0 1rem;color:#1a1a1a;background:#fff}table{border-collapse:collapse;width:100%}\
th,td{text-align:left;padding:.4rem .6rem;border-bottom:1px solid #ccc;vertical-align:top}\
code{font-size:.9em;overflow-wrap:anywhere}";

/// Answers `GET /`.
pub(crate) async fn show(handle: Data<Handle>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((
            "Content-Security-Policy",
            "default-src 'none'; style-src 'unsafe-inline'",
        ))
        .insert_header(("X-Content-Type-Options", "nosniff"))
        .body(render(&handle.summary().opcos))
}

fn render(opcos: &[OpcoSummary]) -> String {
    let rows: String = opcos.iter().map(row).collect();
    let refusals: String = opcos.iter().map(refusals).collect();
    let refusals = if refusals.is_empty() {
        "<p>Aucun appel refusé.</p>".to_owned()
    } else {
        format!(
            "<table><thead><tr><th scope=\"col\">OPCO</th><th scope=\"col\">Route</th>\
             <th scope=\"col\">Statut</th><th scope=\"col\">Motifs</th></tr></thead>\
             <tbody>{refusals}</tbody></table>"
        )
    };
    format!(
        "<!DOCTYPE html><html lang=\"fr\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>Simulateur d'OPCO</title>\
         <style>{STYLE}</style></head><body><h1>Simulateur des onze OPCO</h1>\
         <p>Chaque OPCO répond à la norme sous son adresse. Les pannes, l'horloge et les états se \
         commandent sous <code>/control</code>.</p>\
         <table><thead><tr><th scope=\"col\">OPCO</th><th scope=\"col\">Adresse</th>\
         <th scope=\"col\">Appels</th><th scope=\"col\">Dossiers</th><th scope=\"col\">États</th>\
         <th scope=\"col\">Pannes actives</th></tr></thead><tbody>{rows}</tbody></table>\
         <h2>Derniers appels refusés</h2>{refusals}</body></html>"
    )
}

fn row(opco: &OpcoSummary) -> String {
    let states: Vec<String> = opco
        .states
        .iter()
        .map(|(etat, count)| format!("{} {count}", etat.wire(Version::V1)))
        .collect();
    let faults: Vec<&str> = opco
        .faults
        .iter()
        .filter(|active| active.fault.times != Some(0))
        .map(|active| active.fault.kind.word())
        .collect();
    format!(
        "<tr><th scope=\"row\">{}</th><td><code>{}/v1</code><br>jeton : <code>{}</code></td>\
         <td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
        escaped(opco.name),
        escaped(&opco.base_path),
        escaped(&opco.token_path),
        opco.received,
        opco.accepted,
        escaped(&states.join(", ")),
        escaped(&faults.join(", ")),
    )
}

fn refusals(opco: &OpcoSummary) -> String {
    opco.refusals
        .iter()
        .rev()
        .fold(String::new(), |mut rows, refused| {
            let reasons: Vec<String> = refused.reasons.iter().map(|text| escaped(text)).collect();
            // Writing to a text cannot fail.
            let _written = write!(
                rows,
                "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td></tr>",
                escaped(opco.name),
                escaped(&refused.route),
                refused.status,
                reasons.join("<br>"),
            );
            rows
        })
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
