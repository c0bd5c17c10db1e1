//! The names of things: time-ordered identifiers, one type for each sort of thing.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use uuid::{NoContext, Uuid};

use crate::clock::Timestamp;

/// A text that is not an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("ce n'est pas un identifiant")]
pub struct IdError;

/// How many identifiers this process has made: the order within one millisecond.
static MADE: AtomicU64 = AtomicU64::new(0);

/// The bits of an identifier that the count takes: twelve after the version, twenty-two after the
/// variant (RFC 9562 §6.2, method 1). Forty random bits stay, which keep processes apart.
const COUNT_HIGH: u128 = 0xfff << 64;
const COUNT_LOW: u128 = 0x3f_ffff << 40;

/// Makes an identifier that sorts by `now`, then by the order of making.
///
/// The events of one delivery often fall into the same millisecond, and their order is evidence.
fn ordered(now: Timestamp) -> Uuid {
    let ms = u64::try_from(now.as_millisecond()).unwrap_or_default();
    let nanos = u32::try_from(ms % 1_000).unwrap_or_default() * 1_000_000;
    let random = Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, ms / 1_000, nanos)).as_u128();
    let count = u128::from(MADE.fetch_add(1, Ordering::Relaxed));
    let kept = random & !(COUNT_HIGH | COUNT_LOW);
    Uuid::from_u128(kept | ((count >> 22) << 64 & COUNT_HIGH) | (count << 40 & COUNT_LOW))
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Makes a new one whose order follows `now` and, within a millisecond of this process,
            /// the order of making.
            pub fn new(now: Timestamp) -> Self {
                Self(ordered(now))
            }

            /// Returns the sixteen bytes, for associated data of a seal.
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(s: &str) -> Result<Self, IdError> {
                Uuid::try_parse(s).map(Self).map_err(|_| IdError)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }
    )+};
}

ids! {
    /// A network of training centres (réseau): the tenant. A lone CFA is a network of one.
    TenantId;
    /// A training centre of a network.
    CfaId;
    /// A site of a training centre: one SIRET, one UAI.
    SiteId;
    /// What an ERP signs in with.
    CredentialId;
    /// A CFA key or a software credential.
    KeyId;
    /// One accepted payload on its way.
    DeliveryId;
    /// A file that goes with a payload.
    FileId;
    /// A contract as the OPCO knows it.
    DossierId;
    /// A contract as what bills it names it: the delivery that brought it, else its dossier.
    ContractId;
    /// One reading of a dossier's schedule that told something new.
    SnapshotId;
    /// One line of the tenant's log.
    EventId;
    /// A recorded management mandate (mandat de gestion).
    MandateId;
    /// A recorded choice of OPCO for an employer.
    OverrideId;
    /// An address of an ERP that is told of events.
    WebhookId;
    /// One try at telling it.
    WebhookAttemptId;
    /// Someone who uses the dashboard.
    PersonId;
    /// What such a person carries: a session, an invitation, a key for scripts.
    TokenId;
    /// One act of such a person upon many deliveries.
    BulkId;
    /// One time that something was wrong, from its beginning to its end.
    AlertId;
    /// A person's wish to hear no more of one alert until a time.
    SilenceId;
    /// A mail to one person.
    MailId;
}

impl From<DeliveryId> for ContractId {
    fn from(id: DeliveryId) -> Self {
        Self(id.0)
    }
}

impl From<DossierId> for ContractId {
    fn from(id: DossierId) -> Self {
        Self(id.0)
    }
}

impl TenantId {
    /// The deployment itself: holds what is shared by every network, such as software credentials.
    pub const PLATFORM: Self = Self(Uuid::nil());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_of_one_millisecond_follow_the_order_of_making() {
        let now = "2026-09-01T00:00:00Z".parse().unwrap();
        let made: Vec<EventId> = (0..10_000).map(|_| EventId::new(now)).collect();
        assert!(made.is_sorted());
        assert_eq!(Uuid::from(made[0]).get_version_num(), 7);
    }

    #[test]
    fn identifiers_follow_time_and_survive_text() {
        let early = DeliveryId::new("2026-09-01T00:00:00Z".parse().unwrap());
        let late = DeliveryId::new("2026-09-01T00:00:01Z".parse().unwrap());
        assert!(early < late);
        assert!(early.to_string() < late.to_string());
        assert_eq!(early.to_string().parse::<DeliveryId>(), Ok(early));
        assert_eq!("not-one".parse::<DeliveryId>(), Err(IdError));
    }
}
