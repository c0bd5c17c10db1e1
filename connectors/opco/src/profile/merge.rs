//! The shipped profiles under a deployment's configuration: read, laid over, checked.

use std::collections::BTreeMap;

use domain::{Instance, Opco};
use reqwest::Url;
use serde::Serialize;
use toml::{Table, Value};

use super::{Departure, Profile, Recette, TIMEOUT_MS_MAX};
use crate::operation::ROUTES;

/// Every system the gateway knows, by (OPCO, instance).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profiles(BTreeMap<Instance, Profile>);

/// A profile that cannot be used: the configuration names something that is not.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// A table whose name is no OPCO.
    #[error("`opco.{0}` names no OPCO and no instance of one (`akto`, `\"akto/2\"`)")]
    UnknownOpco(String),
    /// A table that cannot be laid over a profile.
    #[error("`opco.{key}` is no table of settings")]
    Overlay {
        /// The table's name.
        key: String,
        /// What is wrong with it.
        #[source]
        source: Box<toml::ser::Error>,
    },
    /// A setting that does not exist, or of the wrong type.
    #[error("the profile of {key} cannot be read: {source}")]
    Read {
        /// The table's name.
        key: String,
        /// What is wrong with it.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// A setting out of its bounds.
    #[error("`opco.{key}.{setting}` {why}")]
    Setting {
        /// The table's name.
        key: String,
        /// The setting's name.
        setting: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
}

impl Profiles {
    /// Lays a deployment's tables over the shipped profiles. A key is `akto` for the first system
    /// of an OPCO and `akto/2` for the second; `opco` and `instance` come from the key.
    pub fn assemble<S: Serialize>(overlays: &BTreeMap<String, S>) -> Result<Self, ProfileError> {
        let mut profiles = BTreeMap::new();
        for opco in Opco::ALL {
            let profile = Profile::merged(Instance::first(opco), &Table::new())?;
            profiles.insert(profile.system(), profile);
        }
        for (key, overlay) in overlays {
            let system = system(key).ok_or_else(|| ProfileError::UnknownOpco(key.clone()))?;
            profiles.insert(system, Profile::merged(system, overlay)?);
        }
        Ok(Self(profiles))
    }

    /// Returns the profile of a system.
    pub fn get(&self, system: Instance) -> Option<&Profile> {
        self.0.get(&system)
    }

    /// Returns every profile, in the order of the systems.
    pub fn iter(&self) -> impl Iterator<Item = &Profile> {
        self.0.values()
    }

    /// Returns the same profiles with every address on another host, as [`Profile::rehosted`].
    pub fn rehosted(&self, origin: &str) -> Result<Self, ProfileError> {
        self.0
            .iter()
            .map(|(system, profile)| Ok((*system, profile.rehosted(origin)?)))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl Profile {
    /// Reads the profile that ships with the gateway.
    pub fn shipped(opco: Opco) -> Result<Self, ProfileError> {
        Self::merged(Instance::first(opco), &Table::new())
    }

    /// Reads the shipped profile with a deployment's settings laid over it and checks the result.
    pub fn merged<S: Serialize>(system: Instance, overlay: &S) -> Result<Self, ProfileError> {
        let key = key(system);
        let overlay = Table::try_from(overlay).map_err(|source| ProfileError::Overlay {
            key: key.clone(),
            source: Box::new(source),
        })?;
        let read = |source| ProfileError::Read {
            key: key.clone(),
            source: Box::new(source),
        };
        let mut table: Table = text(system.opco).parse().map_err(read)?;
        lay_over(&mut table, overlay);
        table.insert(
            "opco".to_owned(),
            Value::String(system.opco.slug().to_owned()),
        );
        table.insert(
            "instance".to_owned(),
            Value::Integer(i64::from(system.number)),
        );
        let profile: Self = table.try_into().map_err(read)?;
        profile.check(&key)?;
        Ok(profile)
    }

    /// Returns the profile with every address at `{origin}/{slug}`, paths kept: the way to a
    /// simulator that answers for all OPCOs. Its recette is then there too.
    pub fn rehosted(&self, origin: &str) -> Result<Self, ProfileError> {
        let root = format!("{}/{}", origin.trim_end_matches('/'), self.opco.slug());
        let mut moved = self.clone();
        move_to(&root, &mut moved.base_url);
        moved
            .token_url
            .iter_mut()
            .for_each(|url| move_to(&root, url));
        moved.v2.iter_mut().for_each(|v2| v2.move_to(&root));
        moved.test = Some(Recette {
            base_url: moved.base_url.clone(),
            token_url: moved.token_url.clone(),
            scope: self.test.as_ref().and_then(|test| test.scope.clone()),
            v2: moved.v2.clone(),
        });
        moved.check(&key(self.system()))?;
        Ok(moved)
    }

    fn check(&self, key: &str) -> Result<(), ProfileError> {
        let wrong = |setting, why| {
            Err(ProfileError::Setting {
                key: key.to_owned(),
                setting,
                why,
            })
        };
        for (setting, url) in self.addresses() {
            if !is_address(url) {
                return wrong(
                    setting,
                    "is not an http(s) address without query or credentials",
                );
            }
        }
        for (setting, number) in [
            ("instance", u64::from(self.instance)),
            ("calls_per_minute", u64::from(self.calls_per_minute)),
            ("burst", u64::from(self.burst)),
            ("in_flight", u64::from(self.in_flight)),
            ("timeout_ms", self.timeout_ms),
            ("page_size", u64::from(self.page_size)),
        ] {
            if number == 0 {
                return wrong(setting, "must be at least 1");
            }
        }
        if self.timeout_ms > TIMEOUT_MS_MAX {
            return wrong("timeout_ms", "must be at most 600000");
        }
        if !(400..500).contains(&self.not_found_status) {
            return wrong("not_found_status", "must be a status from 400 to 499");
        }
        if self.look_after_s.is_empty() || self.look_after_s.len() > domain::step::MAX_LOOKS {
            return wrong("look_after_s", "must hold from 1 to 20 waits");
        }
        if !self
            .paths
            .keys()
            .all(|path| ROUTES.contains(&path.as_str()))
        {
            return wrong("paths", "names a path that the norm does not have");
        }
        if !self.paths.values().all(|path| is_path(path)) {
            return wrong("paths", "must hold plain paths under /v1/ or /v2/");
        }
        let is_word = |word: &String| word.chars().any(char::is_alphanumeric);
        let knows = |words: &super::RejetWords| words.all.iter().chain(&words.any).any(is_word);
        if !self.rejets.iter().all(knows) {
            return wrong("rejets", "must hold a word for each refusal");
        }
        Ok(())
    }

    fn addresses(&self) -> impl Iterator<Item = (&'static str, &str)> {
        fn of(v2: Option<&Departure>) -> (Option<&str>, Option<&str>) {
            v2.map(|v2| (v2.base_url.as_deref(), v2.token_url.as_deref()))
                .unwrap_or_default()
        }
        let test = self.test.as_ref();
        let (v2_base, v2_token) = of(self.v2.as_ref());
        let (t2_base, t2_token) = of(test.and_then(|test| test.v2.as_ref()));
        [
            ("base_url", Some(self.base_url.as_str())),
            ("token_url", self.token_url.as_deref()),
            ("v2.base_url", v2_base),
            ("v2.token_url", v2_token),
            ("test.base_url", test.map(|test| test.base_url.as_str())),
            (
                "test.token_url",
                test.and_then(|test| test.token_url.as_deref()),
            ),
            ("test.v2.base_url", t2_base),
            ("test.v2.token_url", t2_token),
        ]
        .into_iter()
        .filter_map(|(setting, url)| url.map(|url| (setting, url)))
    }
}

impl Departure {
    fn move_to(&mut self, root: &str) {
        self.base_url.iter_mut().for_each(|url| move_to(root, url));
        self.token_url.iter_mut().for_each(|url| move_to(root, url));
    }
}

/// Returns the file that ships; a twelfth OPCO does not compile without one.
fn text(opco: Opco) -> &'static str {
    match opco {
        Opco::Afdas => include_str!("../../profiles/afdas.toml"),
        Opco::Akto => include_str!("../../profiles/akto.toml"),
        Opco::Atlas => include_str!("../../profiles/atlas.toml"),
        Opco::Constructys => include_str!("../../profiles/constructys.toml"),
        Opco::Ocapiat => include_str!("../../profiles/ocapiat.toml"),
        Opco::OpcoEp => include_str!("../../profiles/opcoep.toml"),
        Opco::OpcoMobilites => include_str!("../../profiles/opcomobilites.toml"),
        Opco::OpcoSante => include_str!("../../profiles/opcosante.toml"),
        Opco::Opco2i => include_str!("../../profiles/opco2i.toml"),
        Opco::Opcommerce => include_str!("../../profiles/opcommerce.toml"),
        Opco::Uniformation => include_str!("../../profiles/uniformation.toml"),
    }
}

fn key(system: Instance) -> String {
    match system.number {
        1 => system.opco.slug().to_owned(),
        number => format!("{}/{number}", system.opco.slug()),
    }
}

fn system(key: &str) -> Option<Instance> {
    let (slug, number) = match key.split_once('/') {
        Some((slug, number)) => (slug, number.parse().ok()?),
        None => (key, 1),
    };
    Some(Instance {
        opco: slug.parse().ok()?,
        number,
    })
}

/// Lays one table over another: tables merge, anything else replaces.
fn lay_over(under: &mut Table, over: Table) {
    for (name, value) in over {
        match (under.get_mut(&name), value) {
            (Some(Value::Table(under)), Value::Table(over)) => lay_over(under, over),
            (_, value) => {
                under.insert(name, value);
            }
        }
    }
}

fn is_address(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none()
    })
}

/// Letters, digits and the marks of a plain path: nothing that could change host or query.
fn is_path(path: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.');
    (path.starts_with("/v1/") || path.starts_with("/v2/"))
        && path.chars().all(plain)
        && !path.contains("..")
}

fn move_to(root: &str, url: &mut String) {
    let path = Url::parse(url)
        .map(|url| url.path().to_owned())
        .unwrap_or_default();
    *url = format!("{root}{}", path.trim_end_matches('/'));
}
