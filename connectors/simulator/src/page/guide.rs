//! How to call the sandbox: addresses, headers, keys, and a first conversation to copy.

use super::labels::Labels;
use super::{each, escaped};
use crate::handle::OpcoSummary;

/// Returns the section.
pub(super) fn section(opcos: &[OpcoSummary], labels: &Labels, host: &str) -> String {
    let host = escaped(host);
    let rows = each(opcos, |opco| {
        format!(
            "<tr><th scope=\"row\">{}</th><td><code>http://{host}{}</code></td>\
             <td><code>http://{host}{}</code></td></tr>",
            escaped(opco.name),
            escaped(&opco.base_path),
            escaped(&opco.token_path),
        )
    });
    let example = opcos
        .iter()
        .find(|opco| opco.opco == "akto")
        .or_else(|| opcos.first())
        .map(|opco| example(opco, &host))
        .unwrap_or_default();
    let addresses = super::table(
        ("guide", labels.guide),
        &["OPCO", labels.addresses, labels.token_address],
        &rows,
    );
    format!(
        "{addresses}<p>{}</p><p>{}</p><h3>{}</h3>{example}<p>{}</p>",
        labels.headers, labels.keys, labels.steps, labels.forget
    )
}

fn example(opco: &OpcoSummary, host: &str) -> String {
    let (base, token) = (escaped(&opco.base_path), escaped(&opco.token_path));
    // AFDAS wants a proof with the token request, which no plain command line makes.
    let proof = if opco.opco == "afdas" {
        "\n  -H \"DPoP: $PREUVE\" \\"
    } else {
        ""
    };
    format!(
        "<pre><code>curl -s http://{host}{token} \\{proof}\n  \
         -d grant_type=client_credentials -d client_id=editeur -d client_secret=secret\n\
         norme() {{ curl -s -H \"Authorization: Bearer $JETON\" -H 'X-API-KEY: ma-cle-cfa' \\\n  \
         -H 'EDITEUR: Essai' -H 'LOGICIEL: Essai' -H 'VERSION: 1.0.0' \"$@\"; }}\n\
         norme http://{host}{base}/v1/dossiers -H 'Content-Type: application/json' \\\n  \
         --data-binary @dossier.json\n\
         norme http://{host}{base}/v1/dossiers/etats\n\
         norme http://{host}{base}/v1/factures -F 'facture=&lt;facture.json' \\\n  \
         -F 'fichier=@facture.pdf;type=application/pdf'</code></pre>"
    )
}
