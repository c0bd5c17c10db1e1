//! The other side: the eleven OPCOs of the simulator, inside this process.

use std::sync::Arc;

use domain::Opco;
use domain::clock::Clock;
use simulator::{
    Duplicates, Fault, Handle, LedgerEntry, LedgerSync, Openness, Overrides, RequestEntry, Running,
    Settings,
};

use crate::payload::Contract;

/// More entries than any test makes.
const ALL: usize = 100_000;

/// A simulator on the clock of the test.
#[derive(Debug)]
pub struct Opcos {
    running: Running,
}

impl Opcos {
    /// Starts one. Its OPCOs take doubles: what keeps a contract from being there twice is the
    /// gateway alone.
    pub async fn start(clock: Arc<dyn Clock>) -> Self {
        let settings = Settings {
            now: Arc::new(move || clock.now().as_millisecond()),
            workers: 1,
            ledger_sync: LedgerSync::Off,
            ..Settings::default()
        };
        let running = simulator::start(settings).await.unwrap();
        let opcos = Self { running };
        let takes_doubles = Overrides {
            duplicates: Some(Duplicates::Accept),
            ..Overrides::default()
        };
        for opco in Opco::ALL {
            opcos.configure(opco, &takes_doubles);
        }
        opcos
    }

    /// Returns its control.
    pub fn handle(&self) -> &Handle {
        &self.running.handle
    }

    /// Turns a fault on at an OPCO.
    pub fn fault(&self, opco: Opco, fault: Fault) {
        self.handle().add_fault(opco.slug(), fault).unwrap();
    }

    /// Turns every fault of an OPCO off.
    pub fn heal(&self, opco: Opco) {
        self.handle().clear_faults(opco.slug()).unwrap();
    }

    /// Changes how an OPCO behaves.
    pub fn configure(&self, opco: Opco, overrides: &Overrides) {
        self.handle().configure(opco.slug(), overrides).unwrap();
    }

    /// Opens a flow at an OPCO.
    pub fn open(&self, opco: Opco, capability: simulator::Capability) {
        let open = Overrides::default().with(capability, Openness::Production);
        self.configure(opco, &open);
    }

    /// Opens every flow of an OPCO, but what would pay without being asked.
    pub fn open_all(&self, opco: Opco) {
        let every = domain::Capability::ALL.iter();
        let asked = every.filter(|one| **one != domain::Capability::AutoEcheance1);
        let open = asked.fold(Overrides::default(), |open, capability| {
            let word = serde_json::Value::from(capability.as_str());
            open.with(serde_json::from_value(word).unwrap(), Openness::Production)
        });
        self.configure(opco, &open);
    }

    /// Returns what an OPCO took of a contract: one entry for each time.
    pub fn taken(&self, opco: Opco, contract: &Contract) -> Vec<LedgerEntry> {
        let pairing = contract.pairing();
        self.ledger(opco)
            .into_iter()
            .filter(|entry| entry.pairing == pairing)
            .collect()
    }

    /// Returns every contract that an OPCO took, in order.
    pub fn ledger(&self, opco: Opco) -> Vec<LedgerEntry> {
        let page = self.handle().ledger(Some(opco.slug()), 0, ALL);
        page.unwrap().entries
    }

    /// Returns how many contracts all OPCOs took.
    pub fn total(&self) -> usize {
        self.handle().ledger(None, 0, 0).unwrap().total
    }

    /// Returns the calls an OPCO received, in order of arrival.
    pub fn calls(&self, opco: Opco) -> Vec<RequestEntry> {
        self.handle().requests(Some(opco.slug()), ALL).unwrap()
    }

    /// Returns the address before the version, and the token endpoint, of an OPCO.
    pub fn addresses(&self, opco: Opco) -> (String, String) {
        let slug = opco.slug();
        let base = self.running.base_url(slug).unwrap();
        (base, self.running.token_url(slug).unwrap())
    }

    /// Returns the settings that lead a gateway here; `limits` is written for every OPCO.
    pub fn settings(&self, limits: &str) -> String {
        let slugs = Opco::ALL.into_iter().map(Opco::slug);
        slugs
            .map(|slug| {
                let base = self.running.base_url(slug).unwrap();
                let token = self.running.token_url(slug).unwrap();
                place(slug, &base, &token, limits)
            })
            .collect()
    }

    /// Stops it.
    pub async fn stop(self) {
        self.running.stop().await;
    }
}

/// What the calls to an OPCO are held against.
#[derive(Debug, Clone, Copy)]
pub struct Allowed {
    /// So many at once after a rest.
    pub burst: i64,
    /// So many come back in a second.
    pub per_second: i64,
    /// The calls that can be under way at one instant, all processes together. How long a call takes from its
    /// turn to the OPCO is for the machine to say; but of those that arrive within a window, only these had
    /// their turn before it, however late they come.
    pub under_way: i64,
}

/// Says which window of an OPCO's calls holds more than had their turn in it or were under way when it began.
pub fn over_limit(calls: &[RequestEntry], allowed: Allowed) -> Option<String> {
    let at_once = allowed.burst + allowed.under_way;
    let mut arrivals: Vec<i64> = calls
        .iter()
        .filter(|call| call.route != "token")
        .map(|call| call.arrival_ms)
        .collect();
    arrivals.sort_unstable();
    arrivals.iter().enumerate().find_map(|(first, start)| {
        (1_i64..).zip(&arrivals[first..]).find_map(|(count, end)| {
            let span = end - start;
            let most = at_once * 1_000 + allowed.per_second * span;
            (count * 1_000 > most).then(|| format!("{count} calls within {span} ms"))
        })
    })
}

/// The limits of an OPCO that is no bottleneck: what is tested is what happens, not how slowly.
pub const WIDE: &str = "calls_per_minute = 6000\nburst = 50\nin_flight = 8\n";

/// Returns the section that leads the calls for one OPCO to an address, recette included.
pub fn place(slug: &str, base: &str, token: &str, limits: &str) -> String {
    let places = format!(r#"base_url = "{base}", token_url = "{token}""#);
    format!(
        "\n[opco.{slug}]\n{limits}{}\ntest = {{ {places} }}\n",
        places.replace(", ", "\n")
    )
}
