//! Which route of which family a path means (protocol §2 and §4).

use actix_web::http::Method;

use crate::etat::Version;
use crate::fault::Scope;
use crate::opcos::Family;

/// What a call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Token,
    Status,
    File(Version),
    /// By number or by pairing key: the query tells.
    Detail(Version),
    Etats(Version),
    Liste,
    KeyInfo,
    /// A route of the norm that the simulator does not play.
    NotPlayed,
    /// A known path with another method than this.
    WrongMethod(&'static str),
    Nowhere,
}

impl Target {
    /// Reads what follows the slug; `path` is in lower case, since case does not matter.
    pub(crate) fn read(family: Family, method: &Method, path: &str) -> Self {
        let path = path.strip_suffix('/').unwrap_or(path);
        if is_token_path(family, path) {
            return expect(method, &Method::POST, "POST", Self::Token);
        }
        let prefixed = ["/sorapiechangecfa", "/apiechangecfa"]
            .iter()
            .find_map(|prefix| path.strip_prefix(prefix));
        let route = match (family, prefixed) {
            (Family::Sor | Family::Unknown, Some(rest)) => rest,
            (Family::Okta | Family::Keycloak | Family::Unknown, None) => path,
            _ => return Self::Nowhere,
        };
        let get = |target| expect(method, &Method::GET, "GET", target);
        match route {
            "/v1/status" => get(Self::Status),
            "/v1/dossiers" => dossiers(method, Version::V1),
            "/v2/dossiers" => dossiers(method, Version::V2),
            "/v1/dossiers/etats" => get(Self::Etats(Version::V1)),
            "/v2/dossiers/etats" => get(Self::Etats(Version::V2)),
            "/v1/dossiers/liste" => get(Self::Liste),
            "/v2/cfakeyinfo" => get(Self::KeyInfo),
            "/v1/conventions"
            | "/v1/factures"
            | "/v1/documents"
            | "/v2/certificats"
            | "/v2/dossiers/rupture/employeur" => {
                expect(method, &Method::POST, "POST", Self::NotPlayed)
            }
            "/v2/factures/etats" => get(Self::NotPlayed),
            _ => Self::Nowhere,
        }
    }

    /// Returns what faults call this route.
    pub(crate) fn scope(self) -> Scope {
        match self {
            Self::Token => Scope::Token,
            Self::Status => Scope::Status,
            Self::File(_) => Scope::Dossiers,
            Self::Detail(_) => Scope::Detail,
            Self::Etats(_) => Scope::Etats,
            Self::Liste => Scope::Liste,
            Self::KeyInfo => Scope::Cfakeyinfo,
            Self::NotPlayed | Self::WrongMethod(_) | Self::Nowhere => Scope::All,
        }
    }

    /// Returns the word of the request log.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Status => "status",
            Self::File(_) => "dossiers",
            Self::Detail(_) => "detail",
            Self::Etats(_) => "etats",
            Self::Liste => "liste",
            Self::KeyInfo => "cfakeyinfo",
            Self::NotPlayed | Self::WrongMethod(_) | Self::Nowhere => "other",
        }
    }

    pub(crate) fn version(self) -> Option<Version> {
        match self {
            Self::File(version) | Self::Detail(version) | Self::Etats(version) => Some(version),
            Self::Status | Self::Liste => Some(Version::V1),
            Self::KeyInfo => Some(Version::V2),
            Self::Token | Self::NotPlayed | Self::WrongMethod(_) | Self::Nowhere => None,
        }
    }
}

fn dossiers(method: &Method, version: Version) -> Target {
    match *method {
        Method::POST => Target::File(version),
        Method::GET => Target::Detail(version),
        _ => Target::WrongMethod("GET, POST"),
    }
}

fn expect(method: &Method, wanted: &Method, name: &'static str, target: Target) -> Target {
    if method == wanted {
        target
    } else {
        Target::WrongMethod(name)
    }
}

fn is_token_path(family: Family, path: &str) -> bool {
    let sor = path == "/sorapiidentityserver/connect/token";
    let keycloak = path == "/auth/realms/interopco-partenaires/protocol/openid-connect/token";
    let okta = path
        .strip_prefix("/oauth2/")
        .and_then(|rest| rest.strip_suffix("/v1/token"))
        .is_some_and(|server| !server.is_empty() && !server.contains('/'));
    match family {
        Family::Sor => sor,
        Family::Okta => okta,
        Family::Keycloak => keycloak,
        Family::Unknown => sor || okta || keycloak,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_family_has_its_own_addresses() {
        let read = |family, path| Target::read(family, &Method::GET, path);
        let etats = Target::Etats(Version::V1);
        assert_eq!(
            read(Family::Sor, "/sorapiechangecfa/v1/dossiers/etats"),
            etats
        );
        assert_eq!(read(Family::Sor, "/v1/dossiers/etats"), Target::Nowhere);
        assert_eq!(read(Family::Okta, "/v1/dossiers/etats/"), etats);
        assert_eq!(
            read(Family::Keycloak, "/sorapiechangecfa/v1/dossiers/etats"),
            Target::Nowhere
        );
        assert_eq!(
            read(Family::Unknown, "/apiechangecfa/v1/dossiers/etats"),
            etats
        );
        assert_eq!(read(Family::Unknown, "/v1/dossiers/etats"), etats);
        let token = |family, path| Target::read(family, &Method::POST, path);
        assert_eq!(token(Family::Okta, "/oauth2/abc/v1/token"), Target::Token);
        assert_eq!(token(Family::Okta, "/oauth2/a/b/v1/token"), Target::Nowhere);
        assert_eq!(token(Family::Sor, "/oauth2/abc/v1/token"), Target::Nowhere);
        let wrong = read(Family::Sor, "/sorapiidentityserver/connect/token");
        assert_eq!(wrong, Target::WrongMethod("POST"));
    }
}
