//! What each OPCO can do, how far that is open, and which version of the norm follows from it.

use std::collections::BTreeMap;

use domain::payload::{Certificat, InfosFichier, Objet, TypeFichier, TypeObjet};
use domain::{Capability, Environment, Kind, NormVersion, Opco, Openness, Timestamp};
use jiff::civil::Date;
use serde::Deserialize;

/// The table that ships: `profiles/capabilities.json`, see the README beside it.
const SEED: &str = include_str!("../profiles/capabilities.json");

/// The only form of the table this build reads.
const SCHEMA_VERSION: u32 = 1;

/// The capabilities of one OPCO's system. What is not named is unknown, hence closed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capabilities(BTreeMap<Capability, Openness>);

/// The table that ships, for all eleven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seed {
    /// The day the public table was read.
    pub as_of: Date,
    opcos: BTreeMap<Opco, Capabilities>,
}

/// An administrator's word that overrides the table for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switch {
    /// Which capability.
    pub capability: Capability,
    /// How far it is open from now on.
    pub openness: Openness,
    /// From when.
    pub from: Timestamp,
    /// Until when, exclusive; `None` until switched again.
    pub until: Option<Timestamp>,
}

/// No flow is open for a payload: the one nearest to being open, and how far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{capability} is not open ({openness})")]
pub struct Closed {
    /// The capability that is nearest to being open.
    pub capability: Capability,
    /// How far it is.
    pub openness: Openness,
}

/// The table that ships cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// Not the JSON expected.
    #[error("capabilities.json cannot be read")]
    Json(#[from] serde_json::Error),
    /// A later form than this build knows.
    #[error("capabilities.json has schema version {0}")]
    SchemaVersion(u32),
}

impl Seed {
    /// Reads the table that ships.
    pub fn shipped() -> Result<Self, SeedError> {
        Self::read(SEED)
    }

    fn read(json: &str) -> Result<Self, SeedError> {
        let table: SeedTable = serde_json::from_str(json)?;
        if table.schema_version != SCHEMA_VERSION {
            return Err(SeedError::SchemaVersion(table.schema_version));
        }
        let opcos = table.opcos.into_iter().map(|row| {
            let lines = row
                .capabilities
                .into_iter()
                .map(|(name, line)| (name, line.status));
            (row.id, Capabilities(lines.collect()))
        });
        Ok(Self {
            as_of: table.as_of,
            opcos: opcos.collect(),
        })
    }

    /// Returns what one OPCO can do; everything is unknown for an OPCO the table leaves out.
    pub fn of(&self, opco: Opco) -> Capabilities {
        self.opcos.get(&opco).cloned().unwrap_or_default()
    }
}

impl Capabilities {
    /// Returns how far a capability is open.
    pub fn openness(&self, capability: Capability) -> Openness {
        self.0
            .get(&capability)
            .copied()
            .unwrap_or(Openness::Unknown)
    }

    /// Returns whether calls may use a capability: production anywhere, recette with a test
    /// credential only.
    pub fn is_open(&self, capability: Capability, environment: Environment) -> bool {
        match self.openness(capability) {
            Openness::Production => true,
            Openness::Recette => environment == Environment::Test,
            Openness::Developpement | Openness::Unknown => false,
        }
    }

    /// Returns the table with the switches in force at `now` laid over it; of two for the same
    /// capability, the later in the list wins.
    #[must_use]
    pub fn with_switches<'a>(
        &self,
        switches: impl IntoIterator<Item = &'a Switch>,
        now: Timestamp,
    ) -> Self {
        let mut merged = self.clone();
        for switch in switches {
            if switch.from <= now && switch.until.is_none_or(|until| now < until) {
                merged.0.insert(switch.capability, switch.openness);
            }
        }
        merged
    }
}

/// Chooses the version in which contracts are exchanged: V2 where it is open, else V1, else the
/// closed capability (rule ROU-005).
pub fn choose_version(
    capabilities: &Capabilities,
    environment: Environment,
) -> Result<NormVersion, Closed> {
    choose_way(capabilities, environment, Kind::Dossier).map(|way| way.version)
}

/// How a payload may go: through which flow, in which version of the norm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    /// The flow that is open.
    pub capability: Capability,
    /// The version its route is in.
    pub version: NormVersion,
}

/// The ways of each kind, the best first.
fn ways(kind: Kind) -> &'static [Way] {
    const fn way(capability: Capability, version: NormVersion) -> Way {
        Way {
            capability,
            version,
        }
    }
    const DOSSIERS_V2: Way = way(Capability::DossiersV2, NormVersion::V2);
    const DOSSIERS_V1: Way = way(Capability::DossiersV1, NormVersion::V1);
    const CONVENTIONS: Way = way(Capability::Conventions, NormVersion::V1);
    const FACTURES: Way = way(Capability::Factures, NormVersion::V1);
    const CERTIFICATS: Way = way(Capability::Certificats, NormVersion::V2);
    const DOCUMENTS: Way = way(Capability::Documents, NormVersion::V1);
    const RUPTURE: Way = way(Capability::Rupture, NormVersion::V2);
    match kind {
        Kind::Dossier => &[DOSSIERS_V2, DOSSIERS_V1],
        Kind::Convention => &[CONVENTIONS],
        Kind::Facture => &[FACTURES],
        // Where the structured form is not open, the same certificate goes as a document (§11).
        Kind::Certificat => &[CERTIFICATS, DOCUMENTS],
        Kind::Document => &[DOCUMENTS],
        Kind::Rupture => &[RUPTURE],
    }
}

/// Chooses how a payload goes: V2 where it is open, else V1, else the closed flow that is nearest to
/// being open (rule ROU-005). A certificate whose way is `Documents` goes as [`as_document`].
pub fn choose_way(
    capabilities: &Capabilities,
    environment: Environment,
    kind: Kind,
) -> Result<Way, Closed> {
    let ways = ways(kind);
    if let Some(open) = ways
        .iter()
        .find(|way| capabilities.is_open(way.capability, environment))
    {
        return Ok(*open);
    }
    let closed = ways.iter().rev().map(|way| Closed {
        capability: way.capability,
        openness: capabilities.openness(way.capability),
    });
    // The enum runs from the most open to the least; of two as far, the older one is named.
    let nearest = closed.min_by_key(|closed| closed.openness);
    Err(nearest.unwrap_or(Closed {
        capability: Capability::DossiersV1,
        openness: Openness::Unknown,
    }))
}

/// Writes what goes with a certificate where it is handed over as a document: it belongs to its
/// invoice and to its dossier (protocol §11). The file must be there.
pub fn as_document(certificat: &Certificat) -> InfosFichier {
    let objet = |type_objet, numero: &Option<String>| {
        numero.clone().map(|numero| Objet {
            type_objet: Some(type_objet),
            id_objet: Some(numero),
            ..Objet::default()
        })
    };
    let facture = objet(TypeObjet::Facture, &certificat.numero_interne_facture);
    let dossier = objet(
        TypeObjet::DossierApprentissage,
        &certificat.numero_interne_dossier,
    );
    InfosFichier {
        type_fichier: Some(TypeFichier::CertificatRealisation),
        objets: facture.into_iter().chain(dossier).collect(),
        ..InfosFichier::default()
    }
}

#[derive(Deserialize)]
struct SeedTable {
    schema_version: u32,
    as_of: Date,
    opcos: Vec<SeedRow>,
}

#[derive(Deserialize)]
struct SeedRow {
    id: Opco,
    capabilities: BTreeMap<Capability, SeedLine>,
}

#[derive(Deserialize)]
struct SeedLine {
    status: Openness,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn table(v1: Openness, v2: Openness) -> Capabilities {
        Capabilities([(Capability::DossiersV1, v1), (Capability::DossiersV2, v2)].into())
    }

    #[test]
    fn the_shipped_table_speaks_of_all_eleven() {
        let seed = Seed::shipped().unwrap();
        assert_eq!(seed.as_of, jiff::civil::date(2026, 7, 28));
        for opco in Opco::ALL {
            for capability in Capability::ALL {
                assert!(
                    seed.of(opco).0.contains_key(capability),
                    "{opco} {capability}"
                );
            }
        }
    }

    #[test]
    fn version_two_goes_first_where_it_is_open() {
        let seed = Seed::shipped().unwrap();
        let live = |opco| choose_version(&seed.of(opco), Environment::Live);
        assert_eq!(live(Opco::Akto), Ok(NormVersion::V2));
        assert_eq!(live(Opco::Afdas), Ok(NormVersion::V1));
        // OPCO EP's V2 is in acceptance testing: for test credentials only.
        assert_eq!(live(Opco::OpcoEp), Ok(NormVersion::V1));
        let test = choose_version(&seed.of(Opco::OpcoEp), Environment::Test);
        assert_eq!(test, Ok(NormVersion::V2));
        let closed = Closed {
            capability: Capability::DossiersV1,
            openness: Openness::Developpement,
        };
        assert_eq!(live(Opco::OpcoSante), Err(closed));
    }

    #[test]
    fn the_nearest_capability_is_named_when_both_are_closed() {
        let closed = choose_version(
            &table(Openness::Unknown, Openness::Recette),
            Environment::Live,
        );
        let expected = Closed {
            capability: Capability::DossiersV2,
            openness: Openness::Recette,
        };
        assert_eq!(closed, Err(expected));
        assert_eq!(
            choose_version(&Capabilities::default(), Environment::Test).map_err(|c| c.openness),
            Err(Openness::Unknown)
        );
    }

    #[test]
    fn every_kind_goes_where_its_flow_is_open_and_else_says_which_is_closed() {
        let seed = Seed::shipped().unwrap();
        let way = |opco, kind| choose_way(&seed.of(opco), Environment::Live, kind);
        let open = |capability, version| {
            Ok(Way {
                capability,
                version,
            })
        };
        let closed = |capability, openness| {
            Err(Closed {
                capability,
                openness,
            })
        };
        let (v1, v2) = (NormVersion::V1, NormVersion::V2);
        for (opco, kind, expected) in [
            (Opco::Akto, Kind::Dossier, open(Capability::DossiersV2, v2)),
            (Opco::Afdas, Kind::Dossier, open(Capability::DossiersV1, v1)),
            (
                Opco::Akto,
                Kind::Convention,
                open(Capability::Conventions, v1),
            ),
            (Opco::Akto, Kind::Facture, open(Capability::Factures, v1)),
            (
                Opco::Afdas,
                Kind::Certificat,
                open(Capability::Certificats, v2),
            ),
            // Not open in its own form: as a document, where documents are open.
            (
                Opco::Akto,
                Kind::Certificat,
                open(Capability::Documents, v1),
            ),
            (
                Opco::Opcommerce,
                Kind::Certificat,
                closed(Capability::Certificats, Openness::Developpement),
            ),
            (
                Opco::OpcoSante,
                Kind::Convention,
                closed(Capability::Conventions, Openness::Developpement),
            ),
            (
                Opco::Afdas,
                Kind::Document,
                closed(Capability::Documents, Openness::Unknown),
            ),
            (
                Opco::Akto,
                Kind::Rupture,
                closed(Capability::Rupture, Openness::Unknown),
            ),
        ] {
            assert_eq!(way(opco, kind), expected, "{opco} {kind}");
        }
    }

    #[test]
    fn a_certificate_goes_as_a_document_of_its_invoice_and_its_dossier() {
        let certificat = Certificat {
            numero_interne_dossier: Some("1234567".to_owned()),
            numero_interne_facture: Some("900042".to_owned()),
            ..Certificat::default()
        };
        let expected = serde_json::json!({"typeFichier": "CERTIFICAT_REALISATION", "objets": [
            {"typeObjet": "FACTURE", "idObjet": "900042"},
            {"typeObjet": "DOSSIER_APPRENTISSAGE", "idObjet": "1234567"}]});
        assert_eq!(as_document(&certificat).write(), expected);
    }

    #[test]
    fn a_switch_counts_only_between_its_dates() {
        let from: Timestamp = "2026-11-01T00:00:00Z".parse().unwrap();
        let until = from + Duration::from_hours(1);
        let open = Switch {
            capability: Capability::DossiersV1,
            openness: Openness::Production,
            from,
            until: Some(until),
        };
        let closed = table(Openness::Developpement, Openness::Developpement);
        let at = |now| {
            closed
                .with_switches([&open], now)
                .openness(Capability::DossiersV1)
        };
        assert_eq!(at(from - Duration::from_millis(1)), Openness::Developpement);
        assert_eq!(at(from), Openness::Production);
        assert_eq!(at(until), Openness::Developpement);
    }
}
