//! What the demo sends, and how each contract must end.

use domain::{HoldReason, Opco, Siret};

use super::contract::Employer;

/// How many contracts go to each OPCO without a story of their own.
const ORDINARY: usize = 4;

/// The sites of the demo's network, by their place in it.
pub(super) const SITES: usize = 4;

/// The site that has no key at [`KEYLESS`].
pub(super) const KEYLESS_SITE: usize = 3;

/// The OPCO at which one site has no key.
pub(super) const KEYLESS: Opco = Opco::Uniformation;
/// The OPCO that answers 429 at first.
pub(super) const THROTTLING: Opco = Opco::Atlas;
/// The OPCO that is down for a while.
pub(super) const DOWN: Opco = Opco::Constructys;
/// The OPCO whose answer is lost.
pub(super) const LOSING: Opco = Opco::OpcoMobilites;
/// The OPCO whose flow is not open until the demo opens it.
pub(super) const CLOSED: Opco = Opco::OpcoSante;
/// The OPCO that gets two spellings of one name.
pub(super) const SPELLED: Opco = Opco::Akto;

/// Two real establishments for each OPCO, both of companies or associations with several sites, and
/// their agreement: lines of the SIRET extract that ships with the gateway, or, where that has too
/// few, establishments it does not list and whose agreement leads to one OPCO only.
const EMPLOYERS: [(Opco, [(&str, &str); 2]); 11] = [
    (
        Opco::Afdas,
        [("53179814800064", "2642"), ("45313991700026", "1285")],
    ),
    (
        Opco::Akto,
        [("49300070700221", "2378"), ("50472678700717", "2149")],
    ),
    (
        Opco::Atlas,
        [("55212022228204", "2120"), ("66204244932116", "2120")],
    ),
    (
        Opco::Constructys,
        [("40875471100039", "2420"), ("82776982900025", "2420")],
    ),
    (
        Opco::Ocapiat,
        [("48399801900028", "5619"), ("50475742800017", "1930")],
    ),
    (
        Opco::OpcoEp,
        [("41485421604772", "1527"), ("80258678400067", "2332")],
    ),
    (
        Opco::OpcoMobilites,
        [("49122817700037", "0016"), ("43527259602150", "1090")],
    ),
    (
        Opco::OpcoSante,
        [("78189690700016", "0029"), ("78805937600194", "0413")],
    ),
    (
        Opco::Opco2i,
        [("44460844215503", "5001"), ("89227739300377", "3248")],
    ),
    (
        Opco::Opcommerce,
        [("33026769103850", "0468"), ("39811044505555", "0675")],
    ),
    (
        Opco::Uniformation,
        [("38314361700090", "2128"), ("51760813900161", "0218")],
    ),
];

/// An establishment that does not exist, under an agreement that two OPCOs share.
const AMBIGUOUS: (&str, &str) = ("12345678200010", "8822");

/// An establishment whose line names one OPCO as its owner and another as its manager.
const TWO_OPCOS: (&str, &str) = ("91930271100016", "1486");

/// What happens to a contract on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Plot {
    /// Nothing.
    Ordinary,
    /// The apprentice's number has a wrong key.
    RefusedNir,
    /// Two OPCOs share the employer's agreement.
    Ambiguous,
    /// The employer's line names two OPCOs.
    OwnerNotManager,
    /// The site has no key at that OPCO.
    NoKey,
    /// The OPCO first answers 429, and says how long to wait.
    Throttled,
    /// The OPCO is down when it is sent.
    Down,
    /// The OPCO takes it and its answer is lost.
    Lost,
    /// The OPCO's flow is not open yet.
    Closed,
    /// The same contract with another spelling of the name follows.
    Spelled,
    /// The other spelling.
    SpelledAgain,
}

/// Where a contract must be in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// At the OPCO, its state read back.
    Delivered,
    /// Waiting for a person.
    Held(HoldReason),
    /// Refused at the door, by this rule.
    Refused(&'static str),
}

/// One contract of the demo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Story {
    /// What happens to it.
    pub(super) plot: Plot,
    /// The OPCO it is for, as far as the demo may know.
    pub(super) opco: Option<Opco>,
    /// Who hires.
    pub(super) employer: Employer,
    /// Which site sends, by its place.
    pub(super) site: usize,
    /// Which apprentice, by place; the two spellings share one.
    pub(super) apprentice: usize,
}

impl Plot {
    /// Returns its stable word.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Ordinary => "ordinary",
            Self::RefusedNir => "refused_nir",
            Self::Ambiguous => "ambiguous",
            Self::OwnerNotManager => "owner_not_manager",
            Self::NoKey => "no_key",
            Self::Throttled => "throttled",
            Self::Down => "down",
            Self::Lost => "lost_answer",
            Self::Closed => "flow_not_open",
            Self::Spelled => "spelled",
            Self::SpelledAgain => "spelled_again",
        }
    }

    /// Says what is particular about it, in French; nothing for an ordinary one.
    pub(super) fn french(self) -> &'static str {
        match self {
            Self::Ordinary => "",
            Self::RefusedNir => "NIR dont la clé est fausse",
            Self::Ambiguous => "convention partagée par deux OPCO",
            Self::OwnerNotManager => "OPCO de rattachement autre que celui de gestion",
            Self::NoKey => "clé CFA absente",
            Self::Throttled => "429 puis accepté",
            Self::Down => "OPCO en panne un moment",
            Self::Lost => "réponse perdue après acceptation",
            Self::Closed => "flux fermé, puis ouvert en bac à sable",
            Self::Spelled => "premier envoi d'un nom",
            Self::SpelledAgain => "même contrat, nom épelé autrement, confirmé",
        }
    }

    /// Returns where it must be in the end.
    pub(super) fn end(self) -> End {
        match self {
            Self::RefusedNir => End::Refused("IDT-004"),
            Self::Ambiguous => End::Held(HoldReason::AmbiguousRoute),
            Self::OwnerNotManager => End::Held(HoldReason::OwnerNotManager),
            Self::NoKey => End::Held(HoldReason::NoKey),
            Self::Ordinary
            | Self::Throttled
            | Self::Down
            | Self::Lost
            | Self::Closed
            | Self::Spelled
            | Self::SpelledAgain => End::Delivered,
        }
    }

    /// Returns why it must first have been held before it left, if it must.
    pub(super) fn first_held(self) -> Option<HoldReason> {
        match self {
            Self::Closed => Some(HoldReason::FlowNotOpen),
            Self::SpelledAgain => Some(HoldReason::ProbableDuplicate),
            _ => None,
        }
    }

    /// Returns whether it is sent alone, so that the fault meant for it meets no other.
    pub(super) fn goes_first(self) -> bool {
        matches!(self, Self::Throttled | Self::Down | Self::Lost)
    }
}

/// Returns the first employer of each OPCO, for the contracts of the second act.
pub(super) fn first_employers() -> Vec<(Opco, Employer)> {
    let first = |(opco, [(siret, idcc), _]): (Opco, [(&str, &'static str); 2])| {
        let employer = Employer {
            label: format!("Employeur d'exemple {} 1", opco.name()),
            siret: siret.parse::<Siret>().ok()?,
            idcc,
        };
        Some((opco, employer))
    };
    EMPLOYERS.into_iter().filter_map(first).collect()
}

/// Returns every contract of the demo, in the order of sending.
pub(super) fn all() -> Vec<Story> {
    let mut list = List(Vec::new());
    for (plot, opco) in [
        (Plot::Throttled, THROTTLING),
        (Plot::Down, DOWN),
        (Plot::Lost, LOSING),
    ] {
        list.add(plot, opco, 0);
    }
    // All OPCOs take turns, as the contracts of a day come.
    for turn in 0..ORDINARY {
        for (opco, _) in EMPLOYERS {
            let plot = if opco == CLOSED {
                Plot::Closed
            } else {
                Plot::Ordinary
            };
            list.add(plot, opco, turn);
        }
    }
    list.add(Plot::Spelled, SPELLED, 0);
    list.add(Plot::SpelledAgain, SPELLED, 0);
    list.add(Plot::RefusedNir, Opco::Opcommerce, 1);
    list.add(Plot::NoKey, KEYLESS, 1);
    list.add_one(
        Plot::Ambiguous,
        None,
        AMBIGUOUS,
        "Employeur d'exemple à convention partagée",
    );
    list.add_one(
        Plot::OwnerNotManager,
        None,
        TWO_OPCOS,
        "Employeur d'exemple à deux OPCO",
    );
    list.0
}

/// The list under way.
struct List(Vec<Story>);

impl List {
    /// Adds a contract of one of the two employers of an OPCO.
    fn add(&mut self, plot: Plot, opco: Opco, turn: usize) {
        let which = turn % 2;
        let of_opco = EMPLOYERS.iter().find(|(one, _)| *one == opco);
        if let Some(employer) = of_opco.and_then(|(_, employers)| employers.get(which)) {
            let label = format!("Employeur d'exemple {} {}", opco.name(), which + 1);
            self.add_one(plot, Some(opco), *employer, &label);
        }
    }

    fn add_one(
        &mut self,
        plot: Plot,
        opco: Option<Opco>,
        (siret, idcc): (&str, &'static str),
        label: &str,
    ) {
        // The table above is checked by a test: no line is left out.
        let Ok(siret) = siret.parse::<Siret>() else {
            return;
        };
        let place = self.0.len();
        let before = self.0.last().map(|story| (story.site, story.apprentice));
        let (site, apprentice) = match (plot, before) {
            (Plot::SpelledAgain, Some(before)) => before,
            (Plot::NoKey, _) => (KEYLESS_SITE, place),
            _ => (turn_of_site(opco, place), place),
        };
        self.0.push(Story {
            plot,
            opco,
            employer: Employer {
                label: label.to_owned(),
                siret,
                idcc,
            },
            site,
            apprentice,
        });
    }
}

/// Sites take turns; the one without a key sends nothing else there.
fn turn_of_site(opco: Option<Opco>, place: usize) -> usize {
    let site = place % SITES;
    if opco == Some(KEYLESS) && site == KEYLESS_SITE {
        0
    } else {
        site
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use crate::routing::{self, Filing, Routing};

    use super::*;

    fn filing(story: &Story) -> Filing {
        let routing = Routing::open(None, None).unwrap();
        let employer = routing::Employer {
            idcc: vec![story.employer.idcc.to_owned()],
            ..routing::Employer::new(story.employer.siret)
        };
        let now = "2026-11-22T00:00:00Z".parse().unwrap();
        let route = routing::resolve_local(&routing, &employer, &[], now);
        routing::filing(&route, true)
    }

    #[test]
    fn each_of_the_eleven_opcos_gets_its_contracts_and_no_other() {
        let mut sent: BTreeMap<Opco, usize> = BTreeMap::new();
        for story in all() {
            let expected = match (story.opco, story.plot.end()) {
                (Some(opco), _) => Filing::Go(opco),
                (None, End::Held(reason)) => Filing::Hold(reason),
                (None, _) => panic!("{story:?}"),
            };
            assert_eq!(filing(&story), expected, "{story:?}");
            if let Some(opco) = story.opco {
                *sent.entry(opco).or_default() += 1;
            }
        }
        assert_eq!(sent.len(), Opco::ALL.len());
        assert!(sent.values().all(|count| *count >= ORDINARY), "{sent:?}");
    }

    #[test]
    fn every_plot_is_told_and_every_site_sends() {
        let stories = all();
        assert!(stories.len() >= 44);
        let plots: BTreeSet<Plot> = stories.iter().map(|story| story.plot).collect();
        assert_eq!(plots.len(), 11);
        let sites: BTreeSet<usize> = stories.iter().map(|story| story.site).collect();
        assert_eq!(sites.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3]);
    }

    #[test]
    fn a_site_without_a_key_sends_nothing_else_there() {
        for story in all() {
            let keyless = story.opco == Some(KEYLESS) && story.site == KEYLESS_SITE;
            assert_eq!(keyless, story.plot == Plot::NoKey, "{story:?}");
        }
    }

    #[test]
    fn the_two_spellings_are_one_person_at_one_site() {
        let stories = all();
        let of = |plot| stories.iter().find(|story| story.plot == plot).unwrap();
        let (one, other) = (of(Plot::Spelled), of(Plot::SpelledAgain));
        assert_eq!(
            (one.site, one.apprentice, &one.employer),
            (other.site, other.apprentice, &other.employer)
        );
    }
}
