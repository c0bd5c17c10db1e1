//! What an OPCO says when it refuses, in its own form (protocol §3.5).

use serde_json::{Map, Value, json};

use crate::answer::Reply;
use crate::fault::Scope;
use crate::opcos::ErrorShape;
use crate::schema::Finding;

/// A refusal, before it takes an OPCO's form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) description: String,
    /// Codes (ours: those of the OPCOs are unknown) and texts.
    pub(crate) items: Vec<(&'static str, String)>,
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
            items: vec![(code, text)],
            headers: Vec::new(),
            oauth: None,
        }
    }

    /// Returns the refusal of a contract for all that is wrong with it.
    pub(crate) fn of_contract(findings: Vec<Finding>) -> Self {
        Self {
            status: 400,
            description: "Le dossier est rejeté".to_owned(),
            items: findings
                .into_iter()
                .map(|finding| (finding.code, finding.text))
                .collect(),
            headers: Vec::new(),
            oauth: None,
        }
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

    /// Returns every text, for the page of last refusals.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.items
            .iter()
            .map(|(code, text)| format!("{code} : {text}"))
            .collect()
    }

    /// Writes the refusal in an OPCO's form.
    pub(crate) fn write(&self, shape: ErrorShape, route: Scope, pascal_case: bool) -> Reply {
        let body = match (self.oauth, shape, self.status) {
            (Some(error), _, _) => json!({"error": error, "error_description": self.description}),
            (None, ErrorShape::Comment, 400) => json!({"errors": null, "comment": self.all()}),
            // The Kong gateway before that OPCO answers these by itself (assumed).
            (None, ErrorShape::Comment, 401 | 403 | 429) => json!({"message": self.description}),
            (None, ErrorShape::DescriptionOnly, 400) if route == Scope::Dossiers => {
                json!({"description": self.all()})
            }
            _ => {
                let items: Vec<Value> = self
                    .items
                    .iter()
                    .map(|(code, text)| json!({"code": code, "description": text}))
                    .collect();
                json!({"description": self.description, "errors": items})
            }
        };
        let body = if pascal_case { capitalized(body) } else { body };
        let mut reply = Reply::json(self.status, &body);
        reply.headers.extend(self.headers.iter().cloned());
        reply
    }

    fn all(&self) -> String {
        let texts: Vec<&str> = self.items.iter().map(|(_, text)| text.as_str()).collect();
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
        serde_json::from_slice(&refusal.write(shape, Scope::Dossiers, pascal_case).body).unwrap()
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
    fn a_capital_begins_every_key_when_asked() {
        let refusal = Refusal::one(400, "CERFA_INCOMPLET", "x");
        let expected = json!({"Description": "x", "Errors": [{"Code": "CERFA_INCOMPLET", "Description": "x"}]});
        assert_eq!(body(&refusal, ErrorShape::General, true), expected);
    }
}
