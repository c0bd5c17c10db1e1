//! Trying a CFA key at its OPCO before it is used: a read that changes nothing, and that is refused to a
//! key without rights. The command line and the dashboard try keys in the same way.

use domain::{Capability, Fault, NormVersion, Secret, TenantId, Timestamp};
use jiff::civil::Date;
use opco::{Answer, Auth, Editor, Identity, Operation, Profile, Profiles, Seed, Transport};
use store::keys::{self, CfaKey};
use store::switches;
use store::{SealError, SealedSecret, Store, StoreError, software};

/// What a key is tried with.
#[derive(Debug)]
pub(crate) struct Bench<'a> {
    /// Where keys are kept.
    pub(crate) store: &'a Store,
    /// The facts of each OPCO.
    pub(crate) profiles: &'a Profiles,
    /// The capability matrix that ships.
    pub(crate) seed: &'a Seed,
    /// The wire.
    pub(crate) transport: &'a Transport,
    /// Who we say we are.
    pub(crate) editor: &'a Editor,
}

/// Why a key was not accepted.
#[derive(Debug)]
pub(crate) enum Untried {
    /// No profile describes the system.
    NoProfile,
    /// The software has no account there.
    NoSoftware,
    /// The account has no secret.
    NoSecret,
    /// Something sealed does not open.
    Sealed(SealError),
    /// The store cannot answer.
    Store(StoreError),
    /// The OPCO's doing, or the wire's.
    Fault(Fault),
}

impl From<StoreError> for Untried {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Fault> for Untried {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl Bench<'_> {
    /// Reads states with a key. Returns its last day, where the OPCO has a route that tells it. No
    /// transaction is open meanwhile.
    pub(crate) async fn try_out(
        &self,
        key: &CfaKey,
        now: Timestamp,
    ) -> Result<Option<Date>, Untried> {
        let profile = self.profiles.get(key.instance).ok_or(Untried::NoProfile)?;
        let mut tx = self.store.reading().await?;
        let mut said = switches::effective(&mut tx, now).await?;
        said.extend(switches::network::effective(&mut tx, key.tenant, now).await?);
        drop(tx);
        let said: Vec<opco::Switch> = said
            .into_iter()
            .filter(|switch| switch.instance == key.instance)
            .map(|switch| opco::Switch {
                capability: switch.capability,
                openness: switch.openness,
                from: switch.from,
                until: switch.until,
            })
            .collect();
        let capabilities = self.seed.of(key.instance.opco).with_switches(&said, now);
        // Where no version is known to be open, the oldest is the likeliest to answer.
        let version =
            opco::choose_version(&capabilities, key.environment).unwrap_or(NormVersion::V1);
        let identity = self.identity(key, profile).await?;
        let states = Operation::Etats { version, page: 1 };
        opco::exchange(self.transport, profile, &identity, &states).await?;
        if !capabilities.is_open(Capability::Cfakeyinfo, key.environment) {
            return Ok(None);
        }
        let info = Operation::KeyInfo {
            siren: key.siret_cfa.siren(),
        };
        // The states answered: a failure of this extra does not speak against the key.
        match opco::exchange(self.transport, profile, &identity, &info).await {
            Ok(Answer::KeyInfo(info)) => Ok(info.date_fin_validite),
            Ok(_) | Err(_) => Ok(None),
        }
    }

    async fn identity(&self, key: &CfaKey, profile: &Profile) -> Result<Identity, Untried> {
        let mut tx = self.store.reading().await?;
        let found = software::find(&mut tx, key.tenant, key.instance, key.environment).await?;
        drop(tx);
        let software = match found {
            None if profile.auth == Auth::ClientCredentials => return Err(Untried::NoSoftware),
            None => None,
            Some(found) => {
                let (tenant, id) = (found.tenant, found.id.as_bytes());
                let secret = found.sealed_secret.as_ref().ok_or(Untried::NoSecret)?;
                let dpop_key = match &found.sealed_dpop_key {
                    Some(sealed) => Some(self.open(tenant, id, software::DPOP_PART, sealed).await?),
                    None => None,
                };
                let client_secret = self.open(tenant, id, software::SECRET_PART, secret).await?;
                Some(opco::SoftwareCredential {
                    client_id: found.client_id,
                    client_secret,
                    dpop_key,
                })
            }
        };
        let id = key.id.as_bytes();
        Ok(Identity {
            environment: key.environment,
            software,
            cfa_key: self
                .open(key.tenant, id, keys::SEAL_PART, &key.sealed)
                .await?,
            editor: self.editor.clone(),
        })
    }

    /// Opens a secret of a network, or of the platform.
    async fn open(
        &self,
        tenant: TenantId,
        id: &[u8; 16],
        part: &str,
        sealed: &SealedSecret,
    ) -> Result<Secret, Untried> {
        let keys = self.store.keys(tenant).await?;
        keys.open_secret(id, part, sealed).map_err(Untried::Sealed)
    }
}
