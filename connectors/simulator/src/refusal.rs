//! What an OPCO says when it refuses, in its own form (protocol §3.5).

use serde_json::{Map, Value, json};

use crate::answer::Reply;
use crate::fault::Scope;
use crate::opcos::{ErrorShape, Tongue};
use crate::schema::Finding;
use crate::words;

/// A refusal, before it takes an OPCO's form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) description: String,
    /// What is wrong; the codes are ours, as those of the OPCOs are unknown.
    pub(crate) items: Vec<Finding>,
    pub(crate) headers: Vec<(&'static str, String)>,
    /// Whether the body is OAuth's, with this word in `error`.
    pub(crate) oauth: Option<&'static str>,
}

impl Refusal {
    /// Returns a refusal for one reason.
    pub(crate) fn one(status: u16, code: &'static str, text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            status,
            description: text.clone(),
            items: vec![Finding::of(code, text)],
            headers: Vec::new(),
            oauth: None,
        }
    }

    /// Returns the refusal of a contract for all that is wrong with it.
    pub(crate) fn of_contract(findings: Vec<Finding>) -> Self {
        Self::of("Le dossier est rejeté", findings)
    }

    /// Returns a 400 for all that is wrong.
    pub(crate) fn of(description: &str, findings: Vec<Finding>) -> Self {
        Self {
            status: 400,
            description: description.to_owned(),
            items: findings,
            headers: Vec::new(),
            oauth: None,
        }
    }

    /// Says in which field it is.
    pub(crate) fn at(mut self, field: &str) -> Self {
        self.items = self.items.into_iter().map(|one| one.at(field)).collect();
        self
    }

    /// Returns a refusal of the token endpoint.
    pub(crate) fn oauth(status: u16, error: &'static str, description: &str) -> Self {
        Self {
            oauth: Some(error),
            ..Self::one(status, error, description)
        }
    }

    /// Returns the 401 of a business call.
    pub(crate) fn unauthorized(text: &str) -> Self {
        let challenge = "Bearer error=\"invalid_token\"".to_owned();
        Self {
            headers: vec![("WWW-Authenticate", challenge)],
            ..Self::one(401, "JETON_INVALIDE", text)
        }
    }

    /// Returns the refusal of a dossier that does not exist, for this OPCO.
    pub(crate) fn not_found(shape: ErrorShape) -> Self {
        let status = if shape == ErrorShape::Comment {
            400
        } else {
            404
        };
        Self::one(status, "DOSSIER_INCONNU", "Dossier introuvable")
    }

    /// Adds the header that says when to come back.
    pub(crate) fn retry_after(mut self, seconds: Option<u32>) -> Self {
        self.headers
            .extend(seconds.map(|seconds| ("Retry-After", seconds.to_string())));
        self
    }

    /// Writes the refusal in an OPCO's form.
    pub(crate) fn write(
        &self,
        (shape, tongue): (ErrorShape, Tongue),
        route: Scope,
        pascal_case: bool,
    ) -> Reply {
        let body = match (self.oauth, shape, self.status) {
            (Some(error), _, _) => json!({"error": error, "error_description": self.description}),
            // Nobody has seen that form with capitals, which the documents route has.
            (None, ErrorShape::Comment, 400) if route == Scope::Documents => {
                json!({"description": self.all()})
            }
            (None, ErrorShape::Comment, 400) => json!({"errors": null, "comment": self.all()}),
            // The Kong gateway before that OPCO answers these by itself (assumed).
            (None, ErrorShape::Comment, 401 | 403 | 429) => json!({"message": self.description}),
            (None, ErrorShape::DescriptionOnly, 400) if route == Scope::Dossiers => {
                json!({"description": self.all()})
            }
            _ => {
                let item = |item: &Finding| match tongue {
                    // The keys of these items vary (protocol §3.5).
                    Tongue::Short if route == Scope::Factures => {
                        json!({"code": words::number(item.code), "message": item.text})
                    }
                    Tongue::Capitals if route == Scope::Factures => {
                        json!({"message": item.text})
                    }
                    _ => json!({"code": item.code, "description": item.text}),
                };
                let items: Vec<Value> = self.items.iter().map(item).collect();
                json!({"description": self.description, "errors": items})
            }
        };
        // The documents route says it with capitals (protocol §3.5).
        let capitals = pascal_case || (route == Scope::Documents && self.status == 400);
        let body = if capitals { capitalized(body) } else { body };
        let mut reply = Reply::json(self.status, &body);
        reply.headers.extend(self.headers.iter().cloned());
        reply
    }

    fn all(&self) -> String {
        let texts: Vec<&str> = self.items.iter().map(|item| item.text.as_str()).collect();
        texts.join(" ; ")
    }
}

/// Gives every key a capital (seen on one route, protocol §3.5).
fn capitalized(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(capitalized).collect(),
        Value::Object(map) => {
            let capital = |key: String| {
                let mut letters = key.chars();
                let first = letters.next().map(|letter| letter.to_ascii_uppercase());
                first.into_iter().chain(letters).collect::<String>()
            };
            let map: Map<String, Value> = map
                .into_iter()
                .map(|(key, value)| (capital(key), capitalized(value)))
                .collect();
            Value::Object(map)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(refusal: &Refusal, shape: ErrorShape, pascal_case: bool) -> Value {
        let form = (shape, Tongue::Sentences);
        serde_json::from_slice(&refusal.write(form, Scope::Dossiers, pascal_case).body).unwrap()
    }

    fn sample(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn the_deviating_shapes_are_those_of_the_samples() {
        let missing = Refusal::one(
            400,
            "CERFA_INCOMPLET",
            "Le champ apprenti.nir est obligatoire",
        );
        let atlas = sample(include_str!("../tests/samples/erreur-400-atlas.json"));
        assert_eq!(body(&missing, ErrorShape::DescriptionOnly, false), atlas);
        let unknown = Refusal::not_found(ErrorShape::Comment);
        assert_eq!(unknown.status, 400);
        let ep = sample(include_str!("../tests/samples/erreur-400-opco-ep.json"));
        assert_eq!(body(&unknown, ErrorShape::Comment, false), ep);
        assert_eq!(Refusal::not_found(ErrorShape::General).status, 404);
    }

    #[test]
    fn each_tongue_has_its_own_items_for_an_invoice_and_documents_have_capitals() {
        let refusal = Refusal::of(
            "La facture est rejetée",
            vec![Finding::of("FACTURE_DEJA_CONNUE", "x")],
        );
        let body = |tongue, route| -> Value {
            let form = (ErrorShape::General, tongue);
            serde_json::from_slice(&refusal.write(form, route, false).body).unwrap()
        };
        let item = |tongue| body(tongue, Scope::Factures)["errors"][0].clone();
        let words = json!({"code": "FACTURE_DEJA_CONNUE", "description": "x"});
        assert_eq!(item(Tongue::Sentences), words);
        assert_eq!(item(Tongue::Short), json!({"code": "R01", "message": "x"}));
        assert_eq!(item(Tongue::Capitals), json!({"message": "x"}));
        let document = body(Tongue::Short, Scope::Documents);
        assert_eq!(document["Errors"][0]["Description"], "x");
        let form = (ErrorShape::Comment, Tongue::Sentences);
        let reply = refusal.write(form, Scope::Documents, false);
        let document: Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(
            document,
            json!({"Description": "x"}),
            "a form that was seen"
        );
    }

    #[test]
    fn a_capital_begins_every_key_when_asked() {
        let refusal = Refusal::one(400, "CERFA_INCOMPLET", "x");
        let expected = json!({"Description": "x", "Errors": [{"Code": "CERFA_INCOMPLET", "Description": "x"}]});
        assert_eq!(body(&refusal, ErrorShape::General, true), expected);
    }
}
