//! The eleven operators, what each can do, and which of their systems is meant.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A skills operator (OPCO): one of the eleven that fund apprenticeship.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Opco {
    /// Culture, creative industries, media, communication, sport.
    Afdas,
    /// Services with a high intensity of labour.
    Akto,
    /// Consulting, banking, insurance.
    Atlas,
    /// Building.
    Constructys,
    /// Agriculture, fishing, food.
    Ocapiat,
    /// Craft and neighbourhood companies.
    OpcoEp,
    /// Transport and mobility.
    OpcoMobilites,
    /// Private health.
    OpcoSante,
    /// Industry.
    Opco2i,
    /// Retail and wholesale.
    Opcommerce,
    /// Social cohesion.
    Uniformation,
}

/// A text that names no OPCO.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown OPCO `{0}`")]
pub struct UnknownOpco(pub String);

/// What identifies an OPCO in the files and services of others (`data/opcos.csv`).
struct Facts {
    opco: Opco,
    slug: &'static str,
    name: &'static str,
    siro_label: &'static str,
    fc_code: &'static str,
    siren: &'static str,
}

const fn facts(
    opco: Opco,
    slug: &'static str,
    name: &'static str,
    siro_label: &'static str,
    fc_code: &'static str,
    siren: &'static str,
) -> Facts {
    Facts {
        opco,
        slug,
        name,
        siro_label,
        fc_code,
        siren,
    }
}

/// In the order of the enum, which is the order of France compétences' codes.
const FACTS: [Facts; 11] = [
    facts(Opco::Afdas, "afdas", "Afdas", "AFDAS", "01", "784714008"),
    facts(Opco::Akto, "akto", "AKTO", "AKTO", "02", "853000982"),
    facts(Opco::Atlas, "atlas", "Atlas", "ATLAS", "03", "851296632"),
    facts(
        Opco::Constructys,
        "constructys",
        "Constructys",
        "CONSTRUCTYS",
        "04",
        "533846150",
    ),
    facts(
        Opco::Ocapiat,
        "ocapiat",
        "Ocapiat",
        "OCAPIAT",
        "05",
        "844752006",
    ),
    facts(
        Opco::OpcoEp,
        "opcoep",
        "OPCO EP",
        "OPCO EP",
        "06",
        "879036895",
    ),
    facts(
        Opco::OpcoMobilites,
        "opcomobilites",
        "OPCO Mobilités",
        "OPCO MOBILITES",
        "07",
        "851240499",
    ),
    facts(
        Opco::OpcoSante,
        "opcosante",
        "OPCO Santé",
        "OPCO SANTE",
        "08",
        "854033115",
    ),
    facts(
        Opco::Opco2i,
        "opco2i",
        "OPCO 2i",
        "OPCO2I",
        "09",
        "849813852",
    ),
    facts(
        Opco::Opcommerce,
        "opcommerce",
        "L'Opcommerce",
        "L'OPCOMMERCE",
        "10",
        "398522243",
    ),
    facts(
        Opco::Uniformation,
        "uniformation",
        "Uniformation",
        "UNIFORMATION COHESION SOCIALE",
        "11",
        "309065043",
    ),
];

impl Opco {
    /// All eleven, in the order of France compétences' codes.
    pub const ALL: [Self; 11] = [
        Self::Afdas,
        Self::Akto,
        Self::Atlas,
        Self::Constructys,
        Self::Ocapiat,
        Self::OpcoEp,
        Self::OpcoMobilites,
        Self::OpcoSante,
        Self::Opco2i,
        Self::Opcommerce,
        Self::Uniformation,
    ];

    fn facts(self) -> &'static Facts {
        let [first, ..] = &FACTS;
        FACTS
            .iter()
            .find(|facts| facts.opco == self)
            .unwrap_or(first)
    }

    /// Returns the stable name used in URLs, files and columns.
    pub fn slug(self) -> &'static str {
        self.facts().slug
    }

    /// Returns the name people use.
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    /// Returns the exact label of the SIRO file.
    pub fn siro_label(self) -> &'static str {
        self.facts().siro_label
    }

    /// Returns the two-digit code of France compétences.
    pub fn fc_code(self) -> &'static str {
        self.facts().fc_code
    }

    /// Returns the OPCO's own SIREN, the safe key of CFADock's answers (protocol §16).
    pub fn siren(self) -> &'static str {
        self.facts().siren
    }

    /// Finds an OPCO by the exact label of the SIRO file.
    pub fn from_siro_label(label: &str) -> Option<Self> {
        FACTS
            .iter()
            .find(|facts| facts.siro_label == label)
            .map(|facts| facts.opco)
    }

    /// Finds an OPCO by France compétences' code.
    pub fn from_fc_code(code: &str) -> Option<Self> {
        FACTS
            .iter()
            .find(|facts| facts.fc_code == code)
            .map(|facts| facts.opco)
    }

    /// Finds an OPCO by its own SIREN.
    pub fn from_siren(siren: &str) -> Option<Self> {
        FACTS
            .iter()
            .find(|facts| facts.siren == siren)
            .map(|facts| facts.opco)
    }
}

impl fmt::Display for Opco {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.slug())
    }
}

impl FromStr for Opco {
    type Err = UnknownOpco;

    fn from_str(s: &str) -> Result<Self, UnknownOpco> {
        FACTS
            .iter()
            .find(|facts| facts.slug == s)
            .map(|facts| facts.opco)
            .ok_or_else(|| UnknownOpco(s.to_owned()))
    }
}

/// One system of an OPCO. Some OPCOs run several; limits, keys and health hang on the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Instance {
    /// The operator.
    pub opco: Opco,
    /// Which of its systems, from 1.
    pub number: u16,
}

impl Instance {
    /// Returns the first system of an OPCO, the only one unless configured otherwise.
    pub fn first(opco: Opco) -> Self {
        Self { opco, number: 1 }
    }
}

impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.opco, self.number)
    }
}

/// A version of the norm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NormVersion {
    /// The first, open at nearly every OPCO.
    V1,
    /// The second: paged reads, invoice states, termination.
    V2,
}

impl NormVersion {
    /// Returns `v1` or `v2`, as in paths and columns.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
        }
    }
}

impl FromStr for NormVersion {
    type Err = UnknownWord;

    fn from_str(s: &str) -> Result<Self, UnknownWord> {
        match s {
            "v1" => Ok(Self::V1),
            "v2" => Ok(Self::V2),
            _ => Err(UnknownWord),
        }
    }
}

/// A word outside its closed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown word")]
pub struct UnknownWord;

/// Writes the two directions between an enum and the words of columns, URLs and JSON.
macro_rules! words {
    ($name:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Returns the stable word of columns, URLs and JSON.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::opco::UnknownWord;

            fn from_str(s: &str) -> Result<Self, $crate::opco::UnknownWord> {
                match s { $($word => Ok(Self::$variant),)+ _ => Err($crate::opco::UnknownWord) }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let word = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                word.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use words;

/// What an OPCO's system may be able to do (`capabilities.json`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capability {
    /// Contracts in version 1.
    DossiersV1,
    /// Contracts in version 2.
    DossiersV2,
    /// Invoices.
    Factures,
    /// Invoice states (version 2).
    FacturesEtats,
    /// Training agreements.
    Conventions,
    /// Structured certificates (version 2).
    Certificats,
    /// Any document.
    Documents,
    /// Early termination (version 2).
    Rupture,
    /// Amendments.
    Avenant,
    /// Several échéances on one invoice.
    MultiEcheances,
    /// Several contracts on one invoice.
    MultiContrats,
    /// Credit notes.
    Avoir,
    /// Validity of a CFA key (version 2).
    Cfakeyinfo,
    /// The OPCO pays the first échéance without an invoice.
    AutoEcheance1,
}

words!(Capability {
    DossiersV1 = "dossiers_v1",
    DossiersV2 = "dossiers_v2",
    Factures = "factures",
    FacturesEtats = "factures_etats",
    Conventions = "conventions",
    Certificats = "certificats",
    Documents = "documents",
    Rupture = "rupture",
    Avenant = "avenant",
    MultiEcheances = "multi_echeances",
    MultiContrats = "multi_contrats",
    Avoir = "avoir",
    Cfakeyinfo = "cfakeyinfo",
    AutoEcheance1 = "auto_echeance_1",
});

/// How far a capability is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Openness {
    /// In use: send.
    Production,
    /// In acceptance testing: send with a test credential only.
    Recette,
    /// Being built: do not send.
    Developpement,
    /// Nothing known: do not send until someone opens it.
    Unknown,
}

words!(Openness {
    Production = "production",
    Recette = "recette",
    Developpement = "developpement",
    Unknown = "unknown",
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_opco_is_found_by_each_of_its_names() {
        for opco in Opco::ALL {
            assert_eq!(opco.slug().parse(), Ok(opco));
            assert_eq!(Opco::from_siro_label(opco.siro_label()), Some(opco));
            assert_eq!(Opco::from_fc_code(opco.fc_code()), Some(opco));
            assert_eq!(Opco::from_siren(opco.siren()), Some(opco));
            assert!(opco.siren().parse::<crate::Siren>().is_ok());
            assert_eq!(
                serde_json::to_string(&opco).unwrap(),
                format!("\"{}\"", opco.slug())
            );
        }
    }

    #[test]
    fn words_survive_a_round_trip() {
        for capability in Capability::ALL {
            assert_eq!(capability.as_str().parse(), Ok(*capability));
        }
        assert_eq!("fermé".parse::<Openness>(), Err(UnknownWord));
    }
}
