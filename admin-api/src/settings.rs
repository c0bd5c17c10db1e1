//! How the control plane's door is opened.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use domain::subnet::Subnet;
use serde::{Deserialize, Serialize};

pub use crate::signin::oidc::Oidc;

/// The door of the dashboard and the admin API.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Address and port to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The address people see, when it is another: `https://…` behind a proxy.
    pub public_url: Option<String>,
    /// The proxies in front, whose word on who calls is taken (`X-Forwarded-For`).
    pub trusted_proxies: Vec<String>,
    /// Threads that read requests; 0 means one for each core.
    pub threads: usize,
    /// How long a session lasts at most, in hours.
    pub session_hours: u32,
    /// How long a session lasts that nobody uses, in minutes.
    pub idle_minutes: u32,
    /// How long a person who proved who they are may do sensitive acts, in minutes.
    pub confirm_minutes: u32,
    /// How long an invitation may be used, in hours.
    pub invitation_hours: u32,
    /// Whether everyone must use a second factor.
    pub second_factor: SecondFactor,
    /// The provider of identities where people may sign in besides.
    pub oidc: Option<Oidc>,
}

/// Whether everyone must use a second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecondFactor {
    /// Nobody does anything before it is set up.
    Required,
    /// Each decides.
    Optional,
}

/// A setting that would make the door unsafe or useless.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Passwords would cross the network in clear.
    #[error(
        "admin.listen ({0}) is open to other machines: set admin.public_url to the https:// address people use"
    )]
    Clear(SocketAddr),
    /// The public address is none.
    #[error("admin.public_url must be http://HOST or https://HOST, without a path")]
    PublicUrl,
    /// One of the proxies is no network of addresses.
    #[error("admin.trusted_proxies: {0} is not a network such as 10.0.0.0/8")]
    Proxy(String),
    /// The provider of identities could not be asked safely.
    #[error("admin.oidc.issuer must be an https:// address, and admin.oidc.client_id a name")]
    Oidc,
    /// A duration of nothing.
    #[error("admin.{0} must be at least 1")]
    Zero(&'static str),
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8081)),
            public_url: None,
            trusted_proxies: Vec::new(),
            threads: 1,
            session_hours: 12,
            idle_minutes: 60,
            confirm_minutes: 10,
            invitation_hours: 72,
            second_factor: SecondFactor::Required,
            oidc: None,
        }
    }
}

impl Settings {
    /// Says whether the door can be opened as it is set.
    pub fn check(&self) -> Result<(), SettingsError> {
        for (name, value) in [
            ("session_hours", self.session_hours),
            ("idle_minutes", self.idle_minutes),
            ("confirm_minutes", self.confirm_minutes),
            ("invitation_hours", self.invitation_hours),
        ] {
            if value == 0 {
                return Err(SettingsError::Zero(name));
            }
        }
        let mut proxies = self.trusted_proxies.iter();
        if let Some(text) = proxies.find(|text| text.parse::<Subnet>().is_err()) {
            return Err(SettingsError::Proxy(text.clone()));
        }
        if self.oidc.as_ref().is_some_and(|oidc| !oidc.is_safe()) {
            return Err(SettingsError::Oidc);
        }
        if let Some(url) = &self.public_url {
            let host = ["https://", "http://"]
                .iter()
                .find_map(|scheme| url.strip_prefix(scheme))
                .ok_or(SettingsError::PublicUrl)?;
            let plain = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
            if host.is_empty() || !host.chars().all(plain) {
                return Err(SettingsError::PublicUrl);
            }
        }
        let near = match self.listen.ip() {
            IpAddr::V4(ip) => ip.is_loopback(),
            IpAddr::V6(ip) => ip.is_loopback(),
        };
        if near || self.is_secure() {
            Ok(())
        } else {
            Err(SettingsError::Clear(self.listen))
        }
    }

    /// Returns the address people see; `address` is where the door is, when it is open.
    pub(crate) fn base(&self, address: Option<SocketAddr>) -> String {
        self.public_url.clone().unwrap_or_else(|| {
            let address = address.unwrap_or(self.listen);
            format!("http://{address}")
        })
    }

    /// Returns whether people reach the door over TLS.
    pub(crate) fn is_secure(&self) -> bool {
        let url = self.public_url.as_deref();
        url.is_some_and(|url| url.starts_with("https://"))
    }

    /// Returns from where a request comes: `peer` itself, or what a trusted proxy says of it in
    /// `forwarded`. Each proxy adds at the end whom it heard: the first from there that is none of ours
    /// is the caller, and what stands before is the caller's own word.
    ///
    /// Nothing when it cannot be told: behind a proxy that is not named everyone has its address, and to
    /// count by it would lock all out with one.
    pub(crate) fn caller(&self, peer: IpAddr, forwarded: Option<&str>) -> Option<IpAddr> {
        let ours = |address: &IpAddr| {
            let address = address.to_canonical();
            let texts = self.trusted_proxies.iter();
            let mut proxies = texts.filter_map(|text| text.parse::<Subnet>().ok());
            proxies.any(|proxies| proxies.holds(address))
        };
        if !ours(&peer) {
            let direct = self.public_url.is_none() || !self.trusted_proxies.is_empty();
            return direct.then(|| peer.to_canonical());
        }
        for hop in forwarded.unwrap_or_default().rsplit(',') {
            let address: IpAddr = hop.trim().parse().ok()?;
            if !ours(&address) {
                return Some(address.to_canonical());
            }
        }
        None
    }

    pub(crate) fn session(&self) -> Duration {
        Duration::from_hours(u64::from(self.session_hours))
    }

    pub(crate) fn idle(&self) -> Duration {
        Duration::from_mins(u64::from(self.idle_minutes))
    }

    pub(crate) fn confirmation(&self) -> Duration {
        Duration::from_mins(u64::from(self.confirm_minutes))
    }

    /// Returns how long an invitation may be used.
    pub fn invitation(&self) -> Duration {
        Duration::from_hours(u64::from(self.invitation_hours))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_crosses_a_network_in_clear() {
        let mut settings = Settings::default();
        assert_eq!(settings.check(), Ok(()));
        settings.listen = SocketAddr::from(([0, 0, 0, 0], 8081));
        assert!(matches!(settings.check(), Err(SettingsError::Clear(_))));
        settings.public_url = Some("http://passerelle.example.fr".to_owned());
        assert!(matches!(settings.check(), Err(SettingsError::Clear(_))));
        settings.public_url = Some("https://passerelle.example.fr".to_owned());
        assert_eq!(settings.check(), Ok(()));
    }

    #[test]
    fn only_a_named_proxy_says_who_calls() {
        let at = |text: &str| text.parse::<IpAddr>().unwrap();
        let near = Settings::default();
        assert_eq!(
            near.caller(at("192.0.2.1"), Some("198.51.100.9")),
            Some(at("192.0.2.1"))
        );
        let public_url = Some("https://passerelle.example.fr".to_owned());
        let unnamed = Settings { public_url, ..near };
        assert_eq!(unnamed.caller(at("10.0.0.1"), Some("198.51.100.9")), None);
        let named = Settings {
            trusted_proxies: vec!["10.0.0.0/8".to_owned()],
            ..unnamed
        };
        assert_eq!(named.check(), Ok(()));
        let unreadable = Settings {
            trusted_proxies: vec!["10.0.0.0/8".to_owned(), "dix".to_owned()],
            ..named.clone()
        };
        assert_eq!(
            unreadable.check(),
            Err(SettingsError::Proxy("dix".to_owned()))
        );
        for (peer, forwarded, caller) in [
            ("10.0.0.1", Some("198.51.100.9"), Some("198.51.100.9")),
            // Written by the caller itself.
            (
                "10.0.0.1",
                Some("203.0.113.5, 198.51.100.9, 10.0.0.2"),
                Some("198.51.100.9"),
            ),
            ("::ffff:10.0.0.1", Some("2001:db8::7"), Some("2001:db8::7")),
            ("192.0.2.1", Some("198.51.100.9"), Some("192.0.2.1")),
            ("10.0.0.1", Some("198.51.100.9, unknown"), None),
            ("10.0.0.1", None, None),
        ] {
            let found = named.caller(at(peer), forwarded);
            assert_eq!(found, caller.map(at), "{peer} {forwarded:?}");
        }
    }

    #[test]
    fn an_address_with_a_path_or_without_a_scheme_is_none() {
        for url in [
            "passerelle.example.fr",
            "https://",
            "https://a/b",
            "ftp://a",
        ] {
            let settings = Settings {
                public_url: Some(url.to_owned()),
                ..Settings::default()
            };
            assert_eq!(settings.check(), Err(SettingsError::PublicUrl), "{url}");
        }
    }
}
