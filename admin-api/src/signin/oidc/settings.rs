//! Which provider of identities people may sign in at.

use domain::Secret;
use reqwest::Url;
use serde::{Deserialize, Serialize};

/// The provider of identities of a deployment.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Oidc {
    /// Its address, exactly as it calls itself (`iss`).
    pub issuer: String,
    /// Our name there.
    pub client_id: String,
    /// Our secret there; empty for a public client.
    #[serde(default = "none")]
    pub client_secret: Secret,
    /// How it is called on the page; its host unless set.
    #[serde(default)]
    pub label: Option<String>,
    /// What is asked for.
    #[serde(default = "scopes")]
    pub scopes: String,
    /// Whether its own second factor is relied on, so that ours is not asked for.
    #[serde(default = "trusted")]
    pub trust_second_factor: bool,
}

impl Oidc {
    /// Returns how it is called on the page.
    pub(crate) fn label(&self) -> &str {
        let host = self.issuer.split_once("://").map(|(_, rest)| rest);
        let host = host.and_then(|rest| rest.split('/').next());
        self.label.as_deref().or(host).unwrap_or("OpenID Connect")
    }

    /// Returns whether it can be asked safely.
    pub(crate) fn is_safe(&self) -> bool {
        let url: Option<Url> = self.issuer.parse().ok();
        !self.client_id.is_empty() && url.is_some_and(|url| is_safe(&url))
    }
}

/// Returns whether an address may be given a secret: over TLS, or on this machine.
pub(super) fn is_safe(url: &Url) -> bool {
    let near = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
    url.scheme() == "https" || (url.scheme() == "http" && near)
}

fn none() -> Secret {
    Secret::new("")
}

fn scopes() -> String {
    "openid email".to_owned()
}

fn trusted() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_travels_in_clear_on_this_machine_only() {
        for (issuer, safe) in [
            ("https://identite.example.fr/realms/cfa", true),
            ("http://127.0.0.1:9000", true),
            ("http://identite.example.fr", false),
            ("http://127.0.0.1.example.fr", false),
            ("identite.example.fr", false),
        ] {
            let settings = Oidc {
                issuer: issuer.to_owned(),
                client_id: "cfa-gateway".to_owned(),
                client_secret: none(),
                label: None,
                scopes: scopes(),
                trust_second_factor: true,
            };
            assert_eq!(settings.is_safe(), safe, "{issuer}");
        }
    }
}
