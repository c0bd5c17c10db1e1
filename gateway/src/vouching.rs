//! Has others vouch for the logs, where the configuration names some: witnesses cosign each log's last
//! checkpoint, an authority dates it. A round of its own, after the seals: no payload ever waits for a stranger,
//! and one who does not answer holds up nobody but himself.

mod authority;
mod rest;
mod settings;
mod witness;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use domain::id::TenantId;
use domain::proof::Authorities;
use store::StoreError;
use store::proofs::{self, Due, Party, ProofError};

pub(crate) use self::settings::problems;
pub(crate) use self::settings::{Authority, Settings, Witness};
use crate::app::App;
use crate::notify::address::Rule;
use crate::notify::wire::{Answer, Outcome, Wire};
use crate::{notary, pause};

/// The most logs that one party is asked about in a round.
const LOGS_PER_ROUND: u32 = 64;
/// How long one replica has a log to itself, as it does to seal it.
const LEASE: Duration = Duration::from_mins(2);
/// The least of the machine's time a party has, under a clock that runs faster.
const REAL_BOUND_MIN: Duration = Duration::from_secs(5);
/// The longest answer that is read.
const ANSWER_BYTES_MAX: usize = domain::proof::ANSWER_BYTES_MAX;

/// Who vouches, and the way to them.
#[derive(Debug)]
pub(crate) struct Vouching {
    wire: Wire,
    timeout: Duration,
    vouchers: Vec<Arc<Voucher>>,
}

/// Somebody who vouches, and how he is asked.
#[derive(Debug)]
enum Voucher {
    Witness(witness::Asked),
    Authority(authority::Asked),
}

impl Voucher {
    /// Returns the name it is counted under.
    fn name(&self) -> &str {
        match self {
            Self::Witness(asked) => &asked.name,
            Self::Authority(_) => authority::NAME,
        }
    }

    fn party(&self) -> &Party {
        match self {
            Self::Witness(asked) => &asked.party,
            Self::Authority(_) => &Party::Authority,
        }
    }

    async fn ask(&self, app: &App, log: Due) -> Result<Told, ProofError> {
        match self {
            Self::Witness(asked) => asked.ask(app, log).await,
            Self::Authority(asked) => asked.ask(app, log).await,
        }
    }
}

/// What came of asking about one log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// It vouched.
    Vouched,
    /// It did not: the word says why.
    Failed(&'static str),
    /// Nobody answered: there is no use in asking about another log now.
    Silent(&'static str),
    /// What it says contradicts the log.
    Conflict,
}

impl Vouching {
    /// Reads what is configured, certificates included.
    ///
    /// # Errors
    /// A file of certificates that cannot be read, or holds none.
    pub(crate) fn new(settings: &notary::Settings) -> anyhow::Result<Self> {
        let outside = &settings.outside;
        let networks = outside.allowed_networks.iter();
        let rule = Rule::new(networks.filter_map(|text| text.parse().ok()).collect());
        let wire = Wire::new(rule, outside.allow_http);
        let mut vouchers = Vec::new();
        for (name, witness) in &settings.witness {
            // What is no key was refused when the settings were read.
            if let Ok(key) = witness.key.parse() {
                let asked = witness::Asked::new(name.clone(), witness, key);
                vouchers.push(Arc::new(Voucher::Witness(asked)));
            }
        }
        if let Some(authority) = &settings.timestamp {
            let asked = authority::Asked::new(authority, trusted(authority)?);
            vouchers.push(Arc::new(Voucher::Authority(asked)));
        }
        Ok(Self {
            wire: wire.context("the way to those who vouch cannot be opened")?,
            timeout: Duration::from_secs(outside.timeout_s),
            vouchers,
        })
    }

    async fn post(
        &self,
        app: &App,
        url: &str,
        content_type: &'static str,
        body: Vec<u8>,
    ) -> Result<Answer, Outcome> {
        // A gateway's clock that runs faster leaves a stranger, who has his own, less time.
        let bound = app.real(self.timeout).max(REAL_BOUND_MIN.min(self.timeout));
        let asked = self
            .wire
            .exchange(url, (content_type, body), bound, ANSWER_BYTES_MAX);
        asked.await
    }
}

/// Reads the certificates that an authority is believed by.
pub(crate) fn trusted(authority: &Authority) -> anyhow::Result<Authorities> {
    let path = authority.ca.display();
    let pem = std::fs::read(&authority.ca)
        .with_context(|| format!("proof.timestamp.ca = {path} cannot be read"))?;
    Authorities::from_pem(&pem).with_context(|| format!("proof.timestamp.ca = {path}"))
}

/// Starts a round for each of those who vouch, until the process is asked to stop.
pub(crate) fn start(app: &App) {
    for voucher in &app.vouching.vouchers {
        app.metrics.vouching_begins(voucher.name());
        app.tasks.spawn(follow(app.clone(), Arc::clone(voucher)));
    }
}

async fn follow(app: App, voucher: Arc<Voucher>) {
    let every = Duration::from_secs(app.proof.every_s.max(1));
    loop {
        tokio::select! {
            () = pause::for_span(&*app.clock, every) => {}
            () = app.tasks.stopping() => return,
        }
        if let Err(error) = round(&app, &voucher).await {
            tracing::warn!(error = %error, party = voucher.name(), "nobody could be asked to vouch");
        }
    }
}

/// Asks about each log that waits, and shows how the party stands.
async fn round(app: &App, voucher: &Voucher) -> Result<(), StoreError> {
    let (now, party) = (app.clock.now(), voucher.party());
    let mut tx = app.store.reading().await?;
    let due = proofs::due(&mut tx, party, now, LOGS_PER_ROUND).await?;
    drop(tx);
    for log in due {
        if app.tasks.is_stopping() || !lease(app, log.tenant).await? {
            continue;
        }
        let told = match voucher.ask(app, log).await {
            Ok(told) => told,
            Err(ProofError::Store(error)) => return Err(error),
            // The notary tells of it, and audits find where.
            Err(ProofError::Broken { .. }) => Told::Failed("broken"),
        };
        if noted(app, voucher, log, told).await? {
            break;
        }
    }
    let mut tx = app.store.reading().await?;
    let since = proofs::waits_since(&mut tx, party).await?;
    let standings = proofs::standings(&mut tx, None).await?;
    let conflicts = standings
        .iter()
        .filter(|one| one.party == *party && one.conflict.is_some())
        .count();
    let stands = (since, app.clock.now());
    app.metrics
        .vouching_stands(voucher.name(), stands, conflicts);
    Ok(())
}

/// Counts what came of it and puts off what failed. Returns whether to ask no more in this round.
async fn noted(app: &App, voucher: &Voucher, log: Due, told: Told) -> Result<bool, StoreError> {
    let (name, party) = (voucher.name(), voucher.party());
    let (word, silent) = match told {
        Told::Vouched => ("vouched", false),
        Told::Conflict => ("conflict", false),
        Told::Failed(word) => (word, false),
        Told::Silent(word) => (word, true),
    };
    app.metrics.vouching_attempt(name, word);
    if let Told::Failed(_) | Told::Silent(_) = told {
        let failures = log.failures.saturating_add(1);
        let rest = rest::after(failures);
        tracing::warn!(tenant.id = %log.tenant, party = name, outcome = word, failures,
            again_in_s = rest.as_secs(), "a log was not vouched for");
        let mut tx = app.store.writing().await?;
        let next = pause::later(app.clock.now(), rest);
        proofs::put_off(&mut tx, log.tenant, party, failures, next).await?;
        tx.commit().await?;
    }
    Ok(silent)
}

/// Takes the lease under which a log is sealed: one replica at a time speaks for it.
async fn lease(app: &App, tenant: TenantId) -> Result<bool, StoreError> {
    let now = app.clock.now();
    let until = pause::later(now, LEASE);
    app.store.lease_log(tenant, &app.owner, now, until).await
}
