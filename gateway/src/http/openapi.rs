//! The published document of the native API: its form from the handlers, its words from
//! `openapi.fr.toml`, since those who read it are French.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::OpenApi;

use super::{
    actions, batches, deliveries, dossiers, events, evidence, follow_ups, health, opcos, orphans,
    problem, reconciliation, routes, submit, validations, webhooks, words,
};

const TEXTS: &str = include_str!("openapi.fr.toml");

/// What any request of a caller may be answered, whatever it asks.
const REFUSALS: [&str; 5] = ["401", "403", "429", "500", "503"];
/// What a body may be answered that is read whole: unreadable, too slow, too large, of another type.
const REFUSED_BODIES: [&str; 4] = ["400", "408", "413", "415"];
/// The same of one that is read by lines, each with an answer of its own.
const REFUSED_STREAMS: [&str; 1] = ["415"];

/// Returns the document as the binary serves it and as it is committed.
pub(crate) fn document() -> String {
    let mut document = told(&Api::openapi(), TEXTS);
    complete(&mut document);
    printed(&document)
}

/// Puts the words of a file on a document made from the handlers.
pub(crate) fn told(api: &utoipa::openapi::OpenApi, texts: &str) -> Value {
    let mut document = serde_json::to_value(api).unwrap_or_default();
    if let Ok(texts) = toml::from_str::<Texts>(texts) {
        texts.tell(&mut document);
    }
    for (_, operation) in operations(&mut document) {
        members(operation.get_mut("parameters")).for_each(settle);
    }
    name_answers(&mut document);
    document
}

/// Writes a document as it is served and committed.
pub(crate) fn printed(document: &Value) -> String {
    let mut text = serde_json::to_string_pretty(document).unwrap_or_default();
    text.push('\n');
    text
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "CFA Gateway",
        description = "L'API native de la passerelle : déposer des contrats d'apprentissage, suivre \
            leur transmission à l'OPCO, agir sur ceux qui attendent une personne.\n\nChaque refus \
            est un document `application/problem+json` (RFC 9457) dont `code` est stable ; la liste \
            est servie sur `/problems`. Les réponses portent `RateLimit` et `RateLimit-Policy` ; \
            `traceparent` est repris et renvoyé.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    paths(
        submit::dossier, follow_ups::conventions, follow_ups::factures, follow_ups::documents, follow_ups::certificats, follow_ups::ruptures, validations::dossier,
        validations::payload, batches::post, dossiers::list, dossiers::find,
        reconciliation::answer, reconciliation::export, orphans::list, orphans::act,
        deliveries::list, deliveries::find, evidence::read, actions::act, events::feed, routes::find, opcos::list,
        webhooks::list, webhooks::create, webhooks::find, webhooks::update, webhooks::remove,
        webhooks::attempts, webhooks::rotate, webhooks::replay, webhooks::enable, webhooks::disable,
        webhooks::test, health::live, health::ready, health::measures,
    ),
    components(
        schemas(batches::ResultLine<'static>, batches::Summary, words::OrphanAction),
        responses(problem::Refusal),
    ),
    tags(
        (name = "dossiers", description = "Contrats : dépôt, contrôle, état chez l'OPCO."),
        (name = "orphelins", description = "Dossiers connus de l'OPCO sans dépôt ici, et l'inverse."),
        (name = "deliveries", description = "Livraisons : où en est chaque dépôt, et agir."),
        (name = "events", description = "Tout ce qui s'est passé, dans l'ordre."),
        (name = "webhooks", description = "Qui est prévenu des événements, et où il en est."),
        (name = "opcos", description = "Quel OPCO, et comment il va."),
        (name = "exploitation", description = "Santé et mesures."),
    ),
    security(("bearer" = []), ("api_key" = [])),
)]
struct Api;

/// The words of the document.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Texts {
    operations: BTreeMap<String, Operation>,
    parameters: BTreeMap<String, String>,
    /// By schema, by property; the empty property is the schema itself.
    schemas: BTreeMap<String, BTreeMap<String, String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Operation {
    summary: String,
    description: Option<String>,
}

impl Texts {
    /// Puts the words where they belong, instead of the code's own comments.
    fn tell(&self, document: &mut Value) {
        for (_, operation) in operations(document) {
            let id = operation
                .get("operationId")
                .and_then(Value::as_str)
                .unwrap_or_default();
            if let Some(texts) = self.operations.get(id) {
                operation.insert("summary".to_owned(), json!(texts.summary));
                operation.remove("description");
                if let Some(text) = &texts.description {
                    operation.insert("description".to_owned(), json!(text));
                }
            }
            for parameter in members(operation.get_mut("parameters")) {
                let name = parameter
                    .get("name")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                if let Some(text) = self.parameters.get(name) {
                    parameter.insert("description".to_owned(), json!(text));
                }
            }
        }
        for (name, schema) in schemas(document) {
            let Some(texts) = self.schemas.get(&name) else {
                continue;
            };
            if let Some(text) = texts.get("") {
                schema.insert("description".to_owned(), json!(text));
            }
            for (property, described) in properties(schema) {
                if let Some(text) = texts.get(&property) {
                    describe(described, text);
                }
            }
        }
    }
}

/// Adds what no handler says of itself.
fn complete(document: &mut Value) {
    for (path, operation) in operations(document) {
        let bodies: &[&str] = match operation.get("requestBody") {
            None => &[],
            Some(body) if body.pointer("/content/application~1x-ndjson").is_some() => {
                &REFUSED_STREAMS
            }
            Some(_) => &REFUSED_BODIES,
        };
        if path.starts_with("/api/")
            && let Some(Value::Object(responses)) = operation.get_mut("responses")
        {
            for status in REFUSALS.iter().chain(bodies) {
                let refusal = json!({"$ref": "#/components/responses/Refusal"});
                responses.entry(*status).or_insert(refusal);
            }
        }
    }
    if let Some(Value::Object(components)) = document.get_mut("components") {
        let schemes = json!({
            "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "cfg_live_… ou cfg_test_…",
                "description": "La clé d'API remise par le réseau."},
            "api_key": {"type": "apiKey", "in": "header", "name": "X-API-KEY",
                "description": "La même clé, dans l'en-tête de la norme."},
        });
        components.insert("securitySchemes".to_owned(), schemes);
    }
}

/// Takes from a parameter what only a body can have: it may be absent, and is never null. What it means
/// is said once, in French.
fn settle(parameter: &mut Map<String, Value>) {
    let Some(Value::Object(schema)) = parameter.get_mut("schema") else {
        return;
    };
    schema.remove("description");
    if let Some(Value::Array(kinds)) = schema.get_mut("type") {
        kinds.retain(|kind| kind != "null");
        if let [only] = kinds.as_slice() {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
}

/// Describes each answer that has no words of its own by what it holds: the specification wants some.
fn name_answers(document: &mut Value) {
    let described = document.pointer("/components/schemas").cloned();
    for (_, operation) in operations(document) {
        let answers = operation
            .get_mut("responses")
            .and_then(Value::as_object_mut);
        for answer in answers.into_iter().flat_map(Map::values_mut) {
            let said = answer.get("description").and_then(Value::as_str);
            if answer.get("$ref").is_some() || said.is_some_and(|text| !text.is_empty()) {
                continue;
            }
            let holds = answer.pointer("/content/application~1json/schema/$ref");
            let name = holds
                .and_then(Value::as_str)
                .and_then(|name| name.rsplit('/').next());
            let text = name.and_then(|name| described.as_ref()?.get(name)?.get("description"));
            let text = text.cloned().unwrap_or_else(|| json!("Fait."));
            if let Some(answer) = answer.as_object_mut() {
                answer.insert("description".to_owned(), text);
            }
        }
    }
}

/// Describes a property once: a nullable reference carries its comment inside.
fn describe(property: &mut Map<String, Value>, text: &str) {
    for branch in members(property.get_mut("oneOf")) {
        branch.remove("description");
    }
    property.insert("description".to_owned(), json!(text));
}

/// Returns every operation, with its path.
pub(crate) fn operations(document: &mut Value) -> Vec<(String, &mut Map<String, Value>)> {
    let Some(Value::Object(paths)) = document.get_mut("paths") else {
        return Vec::new();
    };
    let each = paths
        .iter_mut()
        .filter_map(|(path, item)| Some((path, item.as_object_mut()?)));
    each.flat_map(|(path, item)| {
        item.iter_mut()
            .filter_map(|(_, o)| Some((path.clone(), o.as_object_mut()?)))
    })
    .collect()
}

fn schemas(document: &mut Value) -> Vec<(String, &mut Map<String, Value>)> {
    let schemas = document
        .get_mut("components")
        .and_then(|c| c.get_mut("schemas"));
    let Some(Value::Object(schemas)) = schemas else {
        return Vec::new();
    };
    let each = schemas.iter_mut();
    each.filter_map(|(name, schema)| Some((name.clone(), schema.as_object_mut()?)))
        .collect()
}

/// Returns the properties of a schema and of the parts it is made of.
fn properties(schema: &mut Map<String, Value>) -> Vec<(String, &mut Map<String, Value>)> {
    let mut found = Vec::new();
    for (name, value) in schema.iter_mut() {
        match (name.as_str(), value) {
            ("properties", Value::Object(fields)) => {
                let fields = fields.iter_mut();
                found.extend(fields.filter_map(|(n, p)| Some((n.clone(), p.as_object_mut()?))));
            }
            ("allOf", Value::Array(parts)) => {
                found.extend(
                    parts
                        .iter_mut()
                        .filter_map(Value::as_object_mut)
                        .flat_map(properties),
                );
            }
            _ => {}
        }
    }
    found
}

fn members(list: Option<&mut Value>) -> impl Iterator<Item = &mut Map<String, Value>> {
    let list = list.and_then(Value::as_array_mut);
    list.into_iter().flatten().filter_map(Value::as_object_mut)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_committed_document_is_the_one_served() {
        crate::http::snapshot::committed("openapi.json", &document());
    }

    #[test]
    fn everything_is_told_in_french_and_nothing_else_is() {
        tells_everything(&Api::openapi(), TEXTS);
    }

    #[test]
    fn every_operation_has_a_name_of_its_own() {
        let mut document = serde_json::to_value(Api::openapi()).unwrap();
        let all = operations(&mut document);
        let names: BTreeSet<_> = all.iter().map(|(_, o)| o["operationId"].as_str()).collect();
        assert_eq!(names.len(), all.len());
    }

    /// Checks that a file of words tells everything that a document has, and nothing else.
    pub(crate) fn tells_everything(api: &utoipa::openapi::OpenApi, texts: &str) {
        let texts: Texts = toml::from_str(texts).unwrap();
        let mut document = serde_json::to_value(api).unwrap();
        let mut met = BTreeSet::new();
        for (_, operation) in operations(&mut document) {
            met.insert(format!(
                "operation {}",
                operation["operationId"].as_str().unwrap()
            ));
            for parameter in members(operation.get_mut("parameters")) {
                met.insert(format!("parameter {}", parameter["name"].as_str().unwrap()));
            }
        }
        for (name, schema) in schemas(&mut document) {
            met.insert(format!("schema {name}."));
            met.extend(
                properties(schema)
                    .iter()
                    .map(|(p, _)| format!("schema {name}.{p}")),
            );
        }
        let operations = texts.operations.keys().map(|id| format!("operation {id}"));
        let parameters = texts
            .parameters
            .keys()
            .map(|name| format!("parameter {name}"));
        let schemas = texts.schemas.iter();
        let schemas =
            schemas.flat_map(|(name, p)| p.keys().map(move |p| format!("schema {name}.{p}")));
        let told: BTreeSet<String> = operations.chain(parameters).chain(schemas).collect();
        assert_eq!(
            met.difference(&told).collect::<Vec<_>>(),
            Vec::<&String>::new(),
            "not told"
        );
        assert_eq!(
            told.difference(&met).collect::<Vec<_>>(),
            Vec::<&String>::new(),
            "not met"
        );
    }
}
