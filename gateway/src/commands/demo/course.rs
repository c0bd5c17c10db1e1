//! The course of the demo: faults set, contracts sent, people's acts, and the wait for every end.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::calendar::day_in_france;
use domain::clock::{Clock, ScaledClock};
use domain::person::Language;
use domain::{Etat, HoldReason, Siret, Status, Timestamp};
use jiff::civil::Date;
use serde_json::{Value, json};
use simulator::{Fault, FaultKind, Handle, Scope};
use store::Store;

use super::contract::{self, Apprentice, Employer};
use super::erp::{self, Delivery, Detail, Dossier, Sent};
use super::network::{self, DemoNetwork};
use super::steps::Steps;
use super::stories::{self, End, Plot, Story};
use crate::commands::client::Api;
use crate::commands::failure::Failure;

/// What the OPCO that answers 429 asks for, in seconds.
pub(super) const RETRY_AFTER_S: u32 = 30;
/// How long the OPCO that is down stays so, on the demo's clock.
const DOWN_FOR: Duration = Duration::from_secs(90);
/// How often the ERPs ask what became of their contracts, in real time.
const LOOK_EVERY: Duration = Duration::from_millis(150);
/// How long the demo waits for the end of every story, on its own clock.
const PATIENCE: Duration = Duration::from_mins(30);
/// The same in real time, at least: a fast clock makes no machine faster.
const REAL_PATIENCE_MIN: Duration = Duration::from_mins(1);
/// How long, in real time, it waits for the faults to strike.
const STRIKE_PATIENCE: Duration = Duration::from_secs(20);
/// What the person writes who confirms the contract held as a probable duplicate.
const CONFIRMED: &str =
    "nom vérifié sur la pièce d'identité : ce contrat est le bon, le premier sera annulé";

/// A story and what is known of it.
#[derive(Debug)]
pub(super) struct Told {
    /// The story.
    pub(super) story: Story,
    /// Who is hired.
    pub(super) apprentice: Apprentice,
    /// What the door said.
    pub(super) sent: Option<Sent>,
    /// Where the delivery stands.
    pub(super) delivery: Option<Delivery>,
    /// What the OPCO was last read to say.
    pub(super) dossier: Option<Dossier>,
    /// How it went, read once at the end.
    pub(super) detail: Option<Detail>,
}

/// The demo under way.
pub(super) struct Course {
    /// The stories, in the order of sending.
    pub(super) told: Vec<Told>,
    clock: Arc<ScaledClock>,
    opcos: Handle,
    store: Store,
    network: DemoNetwork,
    apis: Vec<Api>,
    down_until: Option<Timestamp>,
    opened: bool,
    confirmed: bool,
}

impl Told {
    /// Returns whether it is where it must be in the end, as far as its ERP can see.
    pub(super) fn has_ended_well(&self) -> bool {
        match (self.story.plot.end(), &self.sent) {
            (End::Refused(_), Some(Sent::Refused { .. })) => true,
            (End::Held(reason), _) => self.held() == Some(reason),
            (End::Delivered, _) => self.is(Status::Delivered) && self.is_read_back(),
            (End::Refused(_), _) => false,
        }
    }

    /// Returns whether nothing more will happen to it without a person.
    fn rests(&self) -> bool {
        match &self.sent {
            None => false,
            Some(Sent::Refused { .. }) => true,
            Some(Sent::Accepted(_)) => self.delivery.as_ref().is_some_and(|delivery| {
                delivery.status.is_final() || delivery.status == Status::Held
            }),
        }
    }

    pub(super) fn is(&self, status: Status) -> bool {
        self.delivery
            .as_ref()
            .is_some_and(|delivery| delivery.status == status)
    }

    /// Returns why a person must act, if one must.
    pub(super) fn held(&self) -> Option<HoldReason> {
        let delivery = self.delivery.as_ref()?;
        (delivery.status == Status::Held).then_some(())?;
        delivery.reason.as_deref()?.parse().ok()
    }

    /// Returns whether the OPCO was read to have engaged it and deposited it with the State.
    fn is_read_back(&self) -> bool {
        self.dossier.as_ref().is_some_and(|dossier| {
            dossier.etat == Some(Etat::Engage) && dossier.numero_deca.is_some()
        })
    }
}

impl Course {
    /// Prepares the stories; nothing is sent yet.
    pub(super) fn new(
        clock: Arc<ScaledClock>,
        opcos: Handle,
        store: Store,
        network: DemoNetwork,
        (url, seed): (&str, u64),
    ) -> Result<Self, Failure> {
        let today = day_in_france(clock.now());
        let told = stories::all().into_iter().map(|story| {
            let apprentice = Apprentice::of(story.apprentice, seed, today);
            Told {
                apprentice: match story.plot {
                    Plot::Spelled => apprentice.spelled("Grimpereau-Hérault"),
                    Plot::SpelledAgain => apprentice.spelled("Grimpereau Héraut"),
                    _ => apprentice,
                },
                story,
                sent: None,
                delivery: None,
                dossier: None,
                detail: None,
            }
        });
        let apis = network
            .erps
            .iter()
            .map(|erp| Api::new(url, erp.key.clone()));
        Ok(Self {
            told: told.collect(),
            apis: apis.collect::<Result<_, _>>()?,
            clock,
            opcos,
            store,
            network,
            down_until: None,
            opened: false,
            confirmed: false,
        })
    }

    /// Returns the clock of the gateway and of the OPCOs.
    pub(super) fn clock(&self) -> &ScaledClock {
        &self.clock
    }

    /// Returns the OPCOs.
    pub(super) fn opcos(&self) -> &Handle {
        &self.opcos
    }

    /// Returns the gateway's database, to do what an administrator does.
    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// Returns the ERPs' ways to the gateway.
    pub(super) fn apis(&self) -> &[Api] {
        &self.apis
    }

    /// Returns the way of the ERP that speaks for a site.
    pub(super) fn api(&self, site: usize) -> Option<&Api> {
        self.apis.get(network::erp_of(site))
    }

    /// Returns the establishment of a site.
    pub(super) fn siret(&self, site: usize) -> Option<Siret> {
        self.network.sites.get(site).map(|site| site.siret)
    }

    /// Returns a contract of a site as its ERP would have written it on a day.
    pub(super) fn written(
        &self,
        site: usize,
        day: Date,
        employer: &Employer,
        apprentice: &Apprentice,
    ) -> Option<Value> {
        let site = self.network.sites.get(site)?;
        Some(contract::write(day, employer, site, apprentice))
    }

    /// Returns the network, to show it.
    pub(super) fn network(&self) -> &DemoNetwork {
        &self.network
    }

    /// Runs until every story has ended as it must, or patience has.
    pub(super) async fn run(&mut self, steps: &mut Steps) -> Result<(), Failure> {
        self.set_faults()?;
        self.send(Plot::goes_first).await?;
        steps
            .step("un contrat envoyé à chacun des OPCO en difficulté : 429, panne, réponse perdue");
        self.faults_struck().await?;
        self.down_until = self.clock.now().checked_add(DOWN_FOR).ok();
        self.send(|plot| !plot.goes_first()).await?;
        let (one, many) = ("contrat envoyé", "contrats envoyés");
        let sent = Language::Fr.counted(self.told.len(), one, many);
        steps.step(&format!("{sent} par deux ERP ; la passerelle livre"));
        let started = Instant::now();
        let patience = self.clock.real(PATIENCE).max(REAL_PATIENCE_MIN);
        while started.elapsed() < patience {
            self.look().await?;
            self.act(steps).await?;
            steps.now(&self.counts());
            if self.told.iter().all(Told::has_ended_well) {
                break;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        self.read_histories().await
    }

    /// Returns a contract as one of the demo's ERPs would write it, for people to play with.
    pub(super) fn another(&self, seed: u64) -> Option<Value> {
        let story = &self.told.last()?.story;
        let ordinary = self.told.iter().find(|told| {
            told.story.plot == Plot::Ordinary && network::erp_of(told.story.site) == 0
        })?;
        let today = day_in_france(self.clock.now());
        let apprentice = Apprentice::of(story.apprentice + 1, seed, today);
        let site = self.network.sites.get(ordinary.story.site)?;
        Some(contract::write(
            today,
            &ordinary.story.employer,
            site,
            &apprentice,
        ))
    }

    fn set_faults(&self) -> Result<(), Failure> {
        let throttled = Fault::too_many_requests(Some(RETRY_AFTER_S));
        for (opco, fault) in [
            (stories::THROTTLING, throttled.on(Scope::Dossiers).times(1)),
            (stories::DOWN, Fault::new(FaultKind::Down)),
            (stories::LOSING, Fault::new(FaultKind::LostAnswer).times(1)),
        ] {
            self.opcos
                .add_fault(opco.slug(), fault)
                .map_err(|error| Failure::internal("setting a fault", error))?;
        }
        Ok(())
    }

    /// Waits until each fault has met the contract it was meant for.
    async fn faults_struck(&self) -> Result<(), Failure> {
        let started = Instant::now();
        while started.elapsed() < STRIKE_PATIENCE {
            let mut all = true;
            for opco in [stories::THROTTLING, stories::DOWN, stories::LOSING] {
                let faults = self
                    .opcos
                    .faults(opco.slug())
                    .map_err(|error| Failure::internal("reading faults", error))?;
                all &= faults.iter().any(|fault| fault.struck > 0);
            }
            if all {
                break;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        // What is missing then shows in the table.
        Ok(())
    }

    async fn send(&mut self, which: impl Fn(Plot) -> bool) -> Result<(), Failure> {
        let today = day_in_france(self.clock.now());
        for (place, told) in self.told.iter_mut().enumerate() {
            if !which(told.story.plot) {
                continue;
            }
            let site = told.story.site;
            let (Some(of), Some(api)) = (
                self.network.sites.get(site),
                self.apis.get(network::erp_of(site)),
            ) else {
                continue;
            };
            let mut body = contract::write(today, &told.story.employer, of, &told.apprentice);
            if told.story.plot == Plot::RefusedNir {
                contract::spoil_nir(&mut body);
            }
            if !network::attests(site)
                && let Some(root) = body.as_object_mut()
            {
                let mandat = json!({ "reference": format!("MANDAT-{place}"), "date": today });
                root.insert("mandat".to_owned(), mandat);
            }
            told.sent = Some(erp::send(api, &format!("demo-{place}"), &body).await?);
        }
        Ok(())
    }

    /// Reads what became of every contract.
    async fn look(&mut self) -> Result<(), Failure> {
        let (mut deliveries, mut dossiers) = (HashMap::new(), HashMap::new());
        for api in &self.apis {
            for delivery in erp::deliveries(api).await? {
                deliveries.insert(delivery.id.clone(), delivery);
            }
            for dossier in erp::dossiers(api).await? {
                dossiers.insert(dossier.delivery_id.clone(), dossier);
            }
        }
        for told in &mut self.told {
            if let Some(Sent::Accepted(accepted)) = &told.sent {
                told.delivery = deliveries.remove(&accepted.id);
                told.dossier = dossiers.remove(&accepted.id);
            }
        }
        Ok(())
    }

    /// Does what someone outside does: the OPCO that was down comes back, a person confirms a
    /// contract, an administrator opens a flow once everything else has come to rest.
    async fn act(&mut self, steps: &mut Steps) -> Result<(), Failure> {
        let now = self.clock.now();
        if self.down_until.is_some_and(|until| until <= now) {
            self.down_until = None;
            self.opcos
                .clear_faults(stories::DOWN.slug())
                .map_err(|error| Failure::internal("clearing a fault", error))?;
            steps.step(&format!("{} répond de nouveau", stories::DOWN.name()));
        }
        if !self.confirmed
            && let Some(told) = self.told.iter().find(|told| {
                told.story.plot == Plot::SpelledAgain
                    && told.held() == Some(HoldReason::ProbableDuplicate)
            })
            && let (Some(Sent::Accepted(accepted)), Some(api)) =
                (&told.sent, self.apis.get(network::erp_of(told.story.site)))
        {
            erp::confirm(api, &accepted.id, CONFIRMED).await?;
            self.confirmed = true;
            steps.step("le doublon probable est confirmé par une personne (action « complete »)");
        }
        let others = |told: &&Told| told.story.plot != Plot::Closed;
        if !self.opened && self.told.iter().filter(others).all(Told::rests) {
            network::open_flow(&self.store, &self.opcos, stories::CLOSED, now).await?;
            self.opened = true;
            steps.step(&format!(
                "flux d'{} ouvert en « bac à sable » : ses contrats retenus partent d'eux-mêmes",
                stories::CLOSED.name()
            ));
        }
        Ok(())
    }

    fn counts(&self) -> String {
        let count = |status| self.told.iter().filter(|told| told.is(status)).count();
        let french = Language::Fr;
        let read = self.told.iter().filter(|told| told.is_read_back()).count();
        let ended = self
            .told
            .iter()
            .filter(|told| told.has_ended_well())
            .count();
        format!(
            "{}, {}, {} en attente, {} à vérifier ; {} ; {ended}/{} au terme prévu",
            french.counted(count(Status::Delivered), "livré", "livrés"),
            french.counted(count(Status::Held), "retenu", "retenus"),
            count(Status::Waiting) + count(Status::Queued) + count(Status::Sending),
            count(Status::Unknown),
            french.counted(read, "engagé relu", "engagés relus"),
            self.told.len(),
        )
    }

    async fn read_histories(&mut self) -> Result<(), Failure> {
        for told in &mut self.told {
            if let (Some(Sent::Accepted(accepted)), Some(api)) =
                (&told.sent, self.apis.get(network::erp_of(told.story.site)))
            {
                told.detail = Some(erp::history(api, &accepted.id).await?);
            }
        }
        Ok(())
    }
}
