//! The live services that know an employer's OPCO: France compétences, the same table served line
//! by line on data.gouv.fr, and CFADock where it is switched on.
//!
//! Each service is a pure encode and decode around one sender. What they share is here: one limit
//! and one breaker a service, one call at a time for one SIRET, and a memory of their answers.
//! *Found*, *authoritatively absent* and *could not tell* are three answers, and only the first two
//! are remembered. The cascade around this step is the gateway's.

mod cache;
mod cfadock;
mod flight;
mod france_competences;
mod pace;
mod settings;
mod tabular;
#[cfg(test)]
mod tests;
mod upstream;

use std::collections::HashMap;
use std::sync::Arc;

use domain::outcome::FaultKind;
use domain::{Clock, Fault, Opco, Siret, Timestamp};

use self::cache::{Cache, Memory};
use self::flight::Flights;
pub use self::settings::{
    BreakerSettings, CfadockSettings, FranceCompetencesSettings, Settings, TabularSettings,
};
use self::upstream::{Reply, Upstream};
use crate::siro::IdccCode;

/// The live services of one process. Shared by all networks: nothing here depends on one.
#[derive(Debug)]
pub struct Lookup {
    france_competences: Option<(FranceCompetencesSettings, Upstream)>,
    tabular: Option<(TabularSettings, Upstream)>,
    cfadock: Option<Upstream>,
    clock: Arc<dyn Clock>,
    cache: Cache,
    flights: Flights,
}

/// One of the services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// France compétences' own service: the authority.
    FranceCompetences,
    /// The open table on data.gouv.fr, one line at a time.
    Tabular,
    /// CFADock, kept for as long as it answers.
    Cfadock,
}

/// What the services, together, said of one establishment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is known.
    Found(Found),
    /// A service that would know says it does not.
    Absent,
    /// Nothing was learnt; ask again later.
    CouldNotTell(Fault),
}

/// What one service knows of one establishment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What it says.
    pub said: Said,
    /// How sure that is.
    pub certainty: Certainty,
    /// The agreement it names.
    pub idcc: Option<IdccCode>,
    /// Which service.
    pub source: Source,
    /// When it said so.
    pub at: Timestamp,
    /// The answer is past its time, and is given because the services are away.
    pub stale: bool,
}

/// The content of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// One OPCO, and the one that manages for it when that is told.
    Owner {
        /// The OPCO that owns the employer.
        opco: Opco,
        /// The OPCO that manages for it.
        manager: Option<Opco>,
    },
    /// The establishment is known, and no OPCO is told.
    NoOpco,
    /// Several OPCOs are possible.
    Several,
}

/// How sure an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certainty {
    /// The reference table says so.
    Reference,
    /// An OPCO claims the establishment, or an intermediary says so.
    Claimed,
}

/// What one service answered: found, or not known there; a fault says nothing.
type Heard = Result<Option<Found>, Fault>;

impl Source {
    /// Returns the name used in trails and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FranceCompetences => "france_competences",
            Self::Tabular => "data.gouv.fr",
            Self::Cfadock => "cfadock",
        }
    }
}

impl Lookup {
    /// Prepares the services that are set; none when there are none.
    pub fn new(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Option<Self>, Fault> {
        settings.check()?;
        let upstream = |source, base: &str, per_second| {
            Upstream::new(source, base, per_second, settings, Arc::clone(&clock))
        };
        let france_competences = match &settings.france_competences {
            None => None,
            Some(one) => {
                let sender = upstream(Source::FranceCompetences, &one.base_url, one.per_second)?;
                Some((one.clone(), sender))
            }
        };
        let tabular = match &settings.tabular {
            None => None,
            Some(one) => Some((
                one.clone(),
                upstream(Source::Tabular, &one.base_url, one.per_second)?,
            )),
        };
        let cfadock = match &settings.cfadock {
            None => None,
            Some(one) => Some(upstream(Source::Cfadock, &one.base_url, one.per_second)?),
        };
        if france_competences.is_none() && tabular.is_none() && cfadock.is_none() {
            return Ok(None);
        }
        let cache = Cache::new(settings.remembered);
        let flights = Flights::default();
        Ok(Some(Self {
            france_competences,
            tabular,
            cfadock,
            clock,
            cache,
            flights,
        }))
    }

    /// Finds one establishment: from memory, or with one call at a time however many ask.
    pub async fn find(&self, siret: Siret) -> Answer {
        if let Memory::Fresh(answer) = self.cache.recall(siret, self.clock.now()) {
            return answer;
        }
        let ask = async {
            let heard = self.authorities(siret).await;
            if self.cfadock.is_none() || matches!(heard, Some(Ok(Some(_)))) {
                return self.settle(siret, heard, None);
            }
            let second = self.cfadock_one(siret).await;
            self.settle(siret, heard, second)
        };
        self.flights.join(siret, ask).await
    }

    /// Finds several establishments, in the order asked; CFADock is asked for up to a hundred at
    /// once for those that the authorities did not settle.
    pub async fn find_many(&self, sirets: &[Siret]) -> Vec<Answer> {
        let mut answers: HashMap<Siret, Answer> = HashMap::new();
        let mut open: Vec<(Siret, Option<Heard>)> = Vec::new();
        for siret in sirets {
            if answers.contains_key(siret) || open.iter().any(|(known, _)| known == siret) {
                continue;
            }
            if let Memory::Fresh(answer) = self.cache.recall(*siret, self.clock.now()) {
                answers.insert(*siret, answer);
                continue;
            }
            let heard = self.authorities(*siret).await;
            if self.cfadock.is_none() || matches!(heard, Some(Ok(Some(_)))) {
                answers.insert(*siret, self.settle(*siret, heard, None));
            } else {
                open.push((*siret, heard));
            }
        }
        while !open.is_empty() {
            let chunk: Vec<_> = open.drain(..open.len().min(cfadock::BATCH)).collect();
            let asked: Vec<Siret> = chunk.iter().map(|(siret, _)| *siret).collect();
            let mut heard_there = self.cfadock_many(&asked).await;
            for (siret, heard) in chunk {
                let second = heard_there.remove(&siret);
                answers.insert(siret, self.settle(siret, heard, second));
            }
        }
        let missing = || Answer::CouldNotTell(Fault::new(FaultKind::Unavailable, "not asked"));
        sirets
            .iter()
            .map(|siret| answers.get(siret).cloned().unwrap_or_else(missing))
            .collect()
    }

    /// Forgets every answer: a new file was loaded.
    pub fn forget(&self) {
        self.cache.clear();
    }

    /// Asks France compétences, then the open table. Nothing when neither is set.
    ///
    /// France compétences' "unknown" ends it: the open table is a part of what it knows. The open
    /// table's silence ends it only when France compétences is not there to know better.
    async fn authorities(&self, siret: Siret) -> Option<Heard> {
        let mut fault = None;
        if let Some((settings, upstream)) = &self.france_competences {
            let ask = france_competences::encode(settings, siret);
            let read = |reply: &Reply| france_competences::decode(reply, siret, self.clock.now());
            match upstream.ask(ask, read).await {
                Err(met) => fault = Some(met),
                heard => return Some(heard),
            }
        }
        let Some((settings, upstream)) = &self.tabular else {
            return fault.map(Err);
        };
        let read = |reply: &Reply| tabular::decode(reply, siret, self.clock.now());
        let heard = upstream.ask(tabular::encode(settings, siret), read).await;
        match (heard, fault) {
            (Ok(None), Some(fault)) => Some(Err(fault)),
            (heard, _) => Some(heard),
        }
    }

    async fn cfadock_one(&self, siret: Siret) -> Option<Heard> {
        let upstream = self.cfadock.as_ref()?;
        let read = |reply: &Reply| cfadock::decode_one(reply, siret, self.clock.now());
        Some(upstream.ask(cfadock::encode_one(siret), read).await)
    }

    async fn cfadock_many(&self, sirets: &[Siret]) -> HashMap<Siret, Heard> {
        let Some(upstream) = &self.cfadock else {
            return HashMap::new();
        };
        let read = |reply: &Reply| cfadock::decode_many(reply, sirets, self.clock.now());
        match upstream.ask(cfadock::encode_many(sirets), read).await {
            Ok(found) => found,
            Err(fault) => sirets
                .iter()
                .map(|siret| (*siret, Err(fault.clone())))
                .collect(),
        }
    }

    /// Makes one answer of what was heard, remembers it, or recalls a stale one.
    ///
    /// CFADock only adds: its silence, or its being away, never outweighs an authority's answer.
    fn settle(&self, siret: Siret, authority: Option<Heard>, cfadock: Option<Heard>) -> Answer {
        let answer = match (authority, cfadock) {
            (Some(Ok(Some(found))), _) | (_, Some(Ok(Some(found)))) => Answer::Found(found),
            (Some(Ok(None)), _) | (None, Some(Ok(None))) => Answer::Absent,
            (Some(Err(fault)), _) | (None, Some(Err(fault))) => Answer::CouldNotTell(fault),
            (None, None) => Answer::CouldNotTell(Fault::new(
                FaultKind::Misconfigured,
                "no live service is set",
            )),
        };
        let now = self.clock.now();
        match answer {
            Answer::CouldNotTell(fault) => match self.cache.recall(siret, now) {
                Memory::Fresh(answer) | Memory::Stale(answer) => answer,
                Memory::Nothing => Answer::CouldNotTell(fault),
            },
            answer => {
                self.cache.remember(siret, &answer, now);
                answer
            }
        }
    }
}
