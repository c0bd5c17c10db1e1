//! The published document of the façade: its form from the handlers, its words from
//! `openapi.fr.toml`.

use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::http::header;
use serde_json::{Value, json};
use utoipa::OpenApi;

use super::{contract, etats, factures, key_info, live, pieces, refusal, rupture, status, token};
use crate::http::openapi::{operations, printed, told};

const TEXTS: &str = include_str!("openapi.fr.toml");
/// It never changes while the process runs.
const CACHE_AN_HOUR: &str = "public, max-age=3600";
/// What any call may be answered.
const REFUSALS: [&str; 6] = ["400", "401", "403", "429", "500", "503"];
/// The headers every business call says who calls with.
const SOFTWARE: [(&str, &str); 3] = [
    ("EDITEUR", "Nom de l'éditeur du logiciel."),
    ("LOGICIEL", "Nom du logiciel."),
    ("VERSION", "Version du logiciel."),
];

static DOCUMENT: LazyLock<String> = LazyLock::new(document);

#[derive(OpenApi)]
#[openapi(
    info(
        title = "CFA Gateway, façade Convergence",
        description = "La norme « API Convergence CFA/OPCO », parlée par la passerelle comme par un \
            seul OPCO : un logiciel qui la parle déjà change une adresse et atteint les onze.\n\nLes \
            numéros portent le préfixe de leur OPCO (`AKTO-1234567`), sauf le numéro DECA ; un numéro \
            sans préfixe est accepté quand un seul dossier le porte. Une demande à laquelle l'OPCO \
            n'a pas répondu à temps reçoit un 503 avec `Retry-After` : l'envoi est gardé, renvoyez la \
            même demande. Les chemins ne distinguent pas les majuscules, et `/SorApiEchangeCFA` ou \
            `/ApiEchangeCFA` peut précéder la version.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    paths(
        status::status, contract::file_v1, contract::file_v2, live::detail_v1, live::detail_v2,
        etats::v1, etats::v2, live::liste, rupture::file, pieces::convention, pieces::document,
        pieces::certificat, factures::file, factures::etats, key_info::key_info, token::issue,
    ),
    components(schemas(refusal::RefusalBody<'static>)),
    tags(
        (name = "dossiers", description = "Contrats : dépôt, états, lecture, rupture."),
        (name = "pieces", description = "Ce qui accompagne un contrat, avec son fichier."),
        (name = "service", description = "Santé de la façade, validité d'une clé."),
        (name = "identification", description = "Jetons OAuth 2.0."),
    ),
    security(("cle" = []), ("cle" = [], "jeton" = [])),
)]
struct Api;

/// Answers the document.
pub(crate) async fn served() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .insert_header((header::CACHE_CONTROL, CACHE_AN_HOUR))
        .body(DOCUMENT.as_str())
}

fn document() -> String {
    let mut document = told(&Api::openapi(), TEXTS);
    for (_, operation) in operations(&mut document) {
        if operation.contains_key("security") {
            continue;
        }
        if let Some(Value::Object(responses)) = operation.get_mut("responses") {
            for status in REFUSALS {
                let refusal = json!({
                    "description": "Refus, sous la forme de la norme.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Refus"}}},
                });
                responses.entry(status).or_insert(refusal);
            }
        }
        let parameters = operation.entry("parameters").or_insert_with(|| json!([]));
        if let Value::Array(parameters) = parameters {
            parameters.extend(SOFTWARE.map(|(name, text)| {
                json!({"name": name, "in": "header", "required": true, "description": text,
                    "schema": {"type": "string", "minLength": 1}})
            }));
        }
    }
    describe_responses(&mut document);
    // Who calls is told as everywhere; what is wrong with the document, with capitals.
    let schema =
        "/paths/~1convergence~1v1~1documents/post/responses/400/content/application~1json/schema";
    if let Some(schema) = document.pointer_mut(schema) {
        let other = json!({"$ref": "#/components/schemas/Refus"});
        *schema = json!({"oneOf": [schema.take(), other]});
    }
    if let Some(Value::Object(components)) = document.get_mut("components") {
        let schemes = json!({
            "cle": {"type": "apiKey", "in": "header", "name": "X-API-KEY",
                "description": "Une clé de la passerelle : cfg_live_… ou cfg_test_…"},
            "jeton": {"type": "oauth2", "flows": {"clientCredentials": {
                "tokenUrl": "/convergence/oauth/token", "scopes": {}}}},
        });
        components.insert("securitySchemes".to_owned(), schemes);
    }
    printed(&document)
}

/// Gives every answer the words that its status has everywhere.
fn describe_responses(document: &mut Value) {
    for (_, operation) in operations(document) {
        let Some(Value::Object(responses)) = operation.get_mut("responses") else {
            continue;
        };
        for (status, response) in responses {
            let text = match status.as_str() {
                "200" => "La réponse de la norme.",
                "400" => "Refus : la demande, les règles, ou l'OPCO.",
                "401" => "Jeton absent, faux ou expiré.",
                "403" => "Clé absente, fausse ou sans ce droit.",
                "404" => "Dossier introuvable.",
                "408" => "Envoi trop lent.",
                "409" => "Le même envoi, avec un autre contenu, est en cours ou chez l'OPCO.",
                "413" => "Corps trop grand.",
                "415" => "Type de corps inattendu.",
                "429" => "Quota de la clé atteint : voir `Retry-After`.",
                "500" => "Erreur de la passerelle.",
                "501" => "L'OPCO n'a pas ouvert ce flux.",
                _ => {
                    "Pas encore de réponse de l'OPCO : l'envoi est gardé, renvoyez la même demande."
                }
            };
            if let Some(response) = response.as_object_mut() {
                response.insert("description".to_owned(), json!(text));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_document_is_the_one_served() {
        crate::http::snapshot::committed("convergence.openapi.json", &document());
    }

    #[test]
    fn everything_is_told_in_french_and_nothing_else_is() {
        crate::http::openapi::tests::tells_everything(&Api::openapi(), TEXTS);
    }
}
