//! Which route of which family a path means (protocol §2 and §4).

use actix_web::http::Method;

use crate::etat::Version;
use crate::fault::Scope;
use crate::opcos::Family;
use crate::record::Kind;

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
    /// A part and a file.
    Piece(Kind),
    Rupture,
    FacturesEtats,
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
        let post = |target| expect(method, &Method::POST, "POST", target);
        match route {
            "/v1/status" => get(Self::Status),
            "/v1/dossiers" => dossiers(method, Version::V1),
            "/v2/dossiers" => dossiers(method, Version::V2),
            "/v1/dossiers/etats" => get(Self::Etats(Version::V1)),
            "/v2/dossiers/etats" => get(Self::Etats(Version::V2)),
            "/v1/dossiers/liste" => get(Self::Liste),
            "/v2/cfakeyinfo" => get(Self::KeyInfo),
            "/v1/conventions" => post(Self::Piece(Kind::Convention)),
            "/v1/factures" => post(Self::Piece(Kind::Facture)),
            "/v1/documents" => post(Self::Piece(Kind::Document)),
            "/v2/certificats" => post(Self::Piece(Kind::Certificat)),
            "/v2/dossiers/rupture/employeur" => post(Self::Rupture),
            "/v2/factures/etats" => get(Self::FacturesEtats),
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
            Self::Piece(Kind::Convention) => Scope::Conventions,
            Self::Piece(Kind::Facture) => Scope::Factures,
            Self::Piece(Kind::Certificat) => Scope::Certificats,
            Self::Piece(_) => Scope::Documents,
            Self::Rupture => Scope::Rupture,
            Self::FacturesEtats => Scope::FacturesEtats,
            Self::WrongMethod(_) | Self::Nowhere => Scope::All,
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
            Self::Piece(Kind::Convention) => "conventions",
            Self::Piece(Kind::Facture) => "factures",
            Self::Piece(Kind::Certificat) => "certificats",
            Self::Piece(_) => "documents",
            Self::Rupture => "rupture",
            Self::FacturesEtats => "factures_etats",
            Self::WrongMethod(_) | Self::Nowhere => "other",
        }
    }

    pub(crate) fn version(self) -> Option<Version> {
        match self {
            Self::File(version) | Self::Detail(version) | Self::Etats(version) => Some(version),
            Self::Piece(Kind::Certificat) | Self::KeyInfo | Self::Rupture | Self::FacturesEtats => {
                Some(Version::V2)
            }
            Self::Status | Self::Liste | Self::Piece(_) => Some(Version::V1),
            Self::Token | Self::WrongMethod(_) | Self::Nowhere => None,
        }
    }

    /// Returns whether it takes a body of several parts.
    pub(crate) fn takes_parts(self) -> bool {
        matches!(self, Self::Piece(_))
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
