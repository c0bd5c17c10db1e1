//! What every page and every route of the admin API works with.

use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use domain::clock::Clock;
use store::Store;

use crate::settings::Settings;
use crate::signin::oidc::Provider;
use crate::signin::password::Passwords;
use crate::signin::throttle::Throttle;
use crate::works::Works;

/// The control plane of one running gateway, cheap to clone.
#[derive(Debug, Clone)]
pub struct Desk(Arc<Parts>);

/// What the parts of the control plane share.
#[derive(Debug)]
pub struct Parts {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) store: Store,
    pub(crate) settings: Settings,
    pub(crate) works: Arc<dyn Works>,
    pub(crate) passwords: Passwords,
    /// Where people may sign in besides.
    pub(crate) provider: Option<Provider>,
    pub(crate) throttle: Throttle,
    /// Where it listens, once it does.
    pub(crate) address: OnceLock<SocketAddr>,
}

impl Desk {
    /// Puts the parts together.
    pub fn new(
        clock: Arc<dyn Clock>,
        store: Store,
        settings: Settings,
        works: Arc<dyn Works>,
    ) -> Self {
        let provider = settings.oidc.clone().and_then(|oidc| {
            // It fails only where TLS itself does: passwords still open the door.
            let made = Provider::new(oidc, clock.clone());
            made.inspect_err(|error| tracing::error!(error = %error, "no provider of identities"))
                .ok()
        });
        Self(Arc::new(Parts {
            clock,
            store,
            settings,
            works,
            passwords: Passwords::new(),
            provider,
            throttle: Throttle::default(),
            address: OnceLock::new(),
        }))
    }
}

impl Parts {
    /// Returns the address people see.
    pub(crate) fn base(&self) -> String {
        self.settings.base(self.address.get().copied())
    }
}

impl Deref for Desk {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
