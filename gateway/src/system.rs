//! A system of an OPCO in one of the two worlds: what limits, breakers and calls hang on.

use std::fmt;

use domain::{Environment, Instance};

/// One address to call: recette and production are never the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct System {
    /// The operator's system.
    pub(crate) instance: Instance,
    /// Which world.
    pub(crate) environment: Environment,
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.instance, self.environment)
    }
}

/// Returns the system a delivery goes to, once its OPCO is known.
pub(crate) fn of(delivery: &store::Delivery) -> Option<System> {
    let instance = delivery.target()?;
    Some(System {
        instance,
        environment: delivery.environment,
    })
}

/// Returns the system that holds a dossier.
pub(crate) fn of_dossier(dossier: &store::Dossier) -> System {
    System {
        instance: dossier.instance,
        environment: dossier.environment,
    }
}
