//! The eleven OPCOs: name, dialect of their paths and errors, shipped capabilities.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::StartError;
use crate::settings::{
    Auth, Capability, Codification, Dpop, Duplicates, OpcoSettings, Openness, Payment, Progress,
};

/// The account every OPCO knows; a fictitious one with right check digits.
const IBAN: &str = "FR7699999999990000000000153";
/// What a mobility is granted with unless said otherwise, in cents (assumed).
const MOBILITY_CENTS: i32 = 150_000;
/// The largest file (protocol §3.3).
const LARGEST_FILE: u32 = 10 * 1024 * 1024;

/// The slugs of the eleven OPCOs, which are the first segment of every path.
pub const SLUGS: [&str; 11] = [
    "afdas",
    "akto",
    "atlas",
    "constructys",
    "ocapiat",
    "opcoep",
    "opcomobilites",
    "opcosante",
    "opco2i",
    "opcommerce",
    "uniformation",
];

/// Whose software an OPCO's addresses look like (protocol §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// `/SorApiEchangeCFA/v1/…`, token at `/SorApiIdentityServer/connect/token`.
    Sor,
    /// `/v1/…`, token at `/oauth2/{authorizationServer}/v1/token`.
    Okta,
    /// `/v1/…`, token at `/auth/realms/interopco-partenaires/protocol/openid-connect/token`.
    Keycloak,
    /// Nothing public is known: every form above is accepted.
    Unknown,
}

/// How a refusal is written (protocol §3.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorShape {
    /// `description` and `errors`.
    General,
    /// `description` alone on the 400 of a contract.
    DescriptionOnly,
    /// `errors: null` and `comment` on 400, also for an unknown dossier; `message` from its
    /// Kong gateway before that (assumed).
    Comment,
}

/// In whose words an invoice is refused: the real ones are unknown but for the reasons (§15), so the
/// three ways here differ in words, case, accents and codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tongue {
    /// Whole sentences and codes that are words.
    Sentences,
    /// Short texts under `message`, and codes that say nothing.
    Short,
    /// Capitals without accents, and no code.
    Capitals,
}

/// What never changes about an OPCO.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts {
    pub(crate) slug: &'static str,
    pub(crate) name: &'static str,
    pub(crate) family: Family,
    pub(crate) errors: ErrorShape,
}

const fn facts(
    slug: &'static str,
    name: &'static str,
    family: Family,
    errors: ErrorShape,
) -> Facts {
    Facts {
        slug,
        name,
        family,
        errors,
    }
}

/// In the order of [`SLUGS`].
pub(crate) const FACTS: [Facts; 11] = [
    facts("afdas", "AFDAS", Family::Okta, ErrorShape::General),
    facts("akto", "AKTO", Family::Sor, ErrorShape::General),
    facts("atlas", "Atlas", Family::Sor, ErrorShape::DescriptionOnly),
    facts(
        "constructys",
        "Constructys",
        Family::Unknown,
        ErrorShape::General,
    ),
    facts("ocapiat", "OCAPIAT", Family::Unknown, ErrorShape::General),
    facts("opcoep", "OPCO EP", Family::Keycloak, ErrorShape::Comment),
    facts(
        "opcomobilites",
        "OPCO Mobilités",
        Family::Sor,
        ErrorShape::General,
    ),
    facts(
        "opcosante",
        "OPCO Santé",
        Family::Unknown,
        ErrorShape::General,
    ),
    facts("opco2i", "OPCO 2i", Family::Unknown, ErrorShape::General),
    facts(
        "opcommerce",
        "L'Opcommerce",
        Family::Unknown,
        ErrorShape::General,
    ),
    facts(
        "uniformation",
        "Uniformation",
        Family::Unknown,
        ErrorShape::General,
    ),
];

impl Facts {
    /// Returns the path, under the slug, that the version follows.
    pub(crate) fn base(&self) -> &'static str {
        match self.family {
            Family::Sor | Family::Unknown => "/SorApiEchangeCFA",
            Family::Okta | Family::Keycloak => "",
        }
    }

    /// Returns in whose words it refuses an invoice.
    pub(crate) fn tongue(&self) -> Tongue {
        match self.slug {
            "akto" | "atlas" | "opcomobilites" | "opcosante" => Tongue::Sentences,
            "afdas" | "constructys" | "ocapiat" | "opcommerce" => Tongue::Short,
            _ => Tongue::Capitals,
        }
    }

    /// Returns the path, under the slug, of the token endpoint.
    pub(crate) fn token_path(&self) -> &'static str {
        match self.family {
            Family::Sor | Family::Unknown => "/SorApiIdentityServer/connect/token",
            Family::Okta => "/oauth2/default/v1/token",
            Family::Keycloak => "/auth/realms/interopco-partenaires/protocol/openid-connect/token",
        }
    }
}

/// `data/capabilities.json`, as far as it is used here.
#[derive(Deserialize)]
struct Seed {
    opcos: Vec<SeedOpco>,
}

#[derive(Deserialize)]
struct SeedOpco {
    id: String,
    capabilities: BTreeMap<Capability, SeedStatus>,
}

#[derive(Deserialize)]
struct SeedStatus {
    status: Openness,
}

/// Returns the shipped settings of every OPCO, in the order of [`SLUGS`].
pub(crate) fn shipped() -> Result<Vec<OpcoSettings>, StartError> {
    let seed: Seed = serde_json::from_str(include_str!("../data/capabilities.json"))
        .map_err(|error| StartError::Capabilities(error.to_string()))?;
    FACTS
        .iter()
        .map(|facts| {
            let opco = seed
                .opcos
                .iter()
                .find(|opco| opco.id == facts.slug)
                .ok_or_else(|| StartError::Capabilities(format!("no entry for {}", facts.slug)))?;
            Ok(OpcoSettings {
                capabilities: opco
                    .capabilities
                    .iter()
                    .map(|(c, s)| (*c, s.status))
                    .collect(),
                auth: Auth::Bearer,
                dpop: if facts.family == Family::Okta {
                    Dpop::Proof
                } else {
                    Dpop::Off
                },
                token_lifetime_s: 3_600,
                page_size: 100,
                rate_limit: None,
                duplicates: Duplicates::Refuse,
                v2_suffix: false,
                progress: Progress::default(),
                year_cents: 780_000,
                payment: Payment::default(),
                iban: IBAN.to_owned(),
                strict_iban: true,
                adjusted_amounts: false,
                wants_certificate: true,
                mobility_cents: MOBILITY_CENTS,
                codification: match facts.family {
                    Family::Sor | Family::Unknown => Codification::A,
                    Family::Okta => Codification::E,
                    Family::Keycloak => Codification::Bare,
                },
                largest_file: LARGEST_FILE,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_covers_the_eleven_and_all_their_capabilities() {
        let shipped = shipped().unwrap();
        assert_eq!(shipped.len(), SLUGS.len());
        assert!(
            shipped
                .iter()
                .all(|settings| settings.capabilities.len() == 14)
        );
        for (facts, slug) in FACTS.iter().zip(SLUGS) {
            assert_eq!(facts.slug, slug);
        }
        let sante = SLUGS.iter().position(|slug| *slug == "opcosante").unwrap();
        assert!(!shipped[sante].is_open(Capability::DossiersV1));
        assert!(shipped[0].is_open(Capability::DossiersV1));
    }
}
