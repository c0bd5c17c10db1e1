//! The steps that ask nobody: overrides, index, agreement, activity.

use domain::route::{Candidate, RouteSource, TrailStep};
use domain::{Confidence, Opco, Route, RouteOutcome, Timestamp};
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use opco::reference;
use opco::siro::{Damaged, Hit, Index, Line};

use super::agreement::{self, Leads};
use super::{Employer, Naf, Nomenclature, RouteOverride, Routing, Target, WHERE_TO_ASK};

/// The day the official activity codes become those of NAF 2025.
const NAF_2025: Date = date(2027, 1, 1);

/// Finds the OPCO of an employer without asking anyone, in about a microsecond.
///
/// Where live services are configured, the trail has no word of step 4 and
/// [`super::filing`] asks for it; see [`super::resolve_live`].
pub(crate) fn resolve_local(
    routing: &Routing,
    employer: &Employer,
    overrides: &[RouteOverride],
    now: Timestamp,
) -> Route {
    let mut search = Search::new(employer, now);
    let answered = search.before_live(&routing.index.current(), overrides);
    // Live services may tell more than the company's other lines, so the trail must say why not.
    if routing.live.is_none() && (!answered || search.route.source == RouteSource::SiroSiren) {
        search.note(
            RouteSource::FranceCompetences,
            "aucun service en ligne n'est réglé",
        );
    }
    if !answered {
        search.after_live();
    }
    search.route
}

/// One search under way: the answer so far, and what it is about.
pub(super) struct Search<'a> {
    pub(super) route: Route,
    employer: &'a Employer,
    now: Timestamp,
    /// The index could not be read, so that nobody knows what it would have said.
    blind: bool,
}

impl<'a> Search<'a> {
    pub(super) fn new(employer: &'a Employer, now: Timestamp) -> Self {
        let route = Route {
            siret: employer.siret.as_str().to_owned(),
            opco: None,
            managed_by: None,
            outcome: RouteOutcome::Unknown,
            confidence: Confidence::None,
            source: RouteSource::None,
            as_of: None,
            idcc: None,
            candidates: Vec::new(),
            trail: Vec::with_capacity(4),
        };
        Self {
            route,
            employer,
            now,
            blind: false,
        }
    }

    /// Takes steps 1 to 3 and returns whether one of them answered.
    pub(super) fn before_live(&mut self, index: &Index, overrides: &[RouteOverride]) -> bool {
        self.by_override(index, overrides) || self.by_siret(index) || self.by_siren(index)
    }

    /// Takes steps 5 to 7, which always leave an answer, if only that nobody knows.
    pub(super) fn after_live(&mut self) {
        if !self.by_idcc() && !self.by_siblings() && !self.by_form() && !self.by_naf() {
            let said =
                format!("aucune source ne sait : demander à l'employeur, ou sur {WHERE_TO_ASK}");
            self.note(RouteSource::None, said);
        }
        if self.blind {
            self.nothing_final();
        }
    }

    /// Turns whatever is not firm into "nothing was learnt"; a suggestion stays as a candidate.
    pub(super) fn nothing_final(&mut self) {
        let firm =
            self.route.outcome == RouteOutcome::Resolved && self.route.confidence > Confidence::Low;
        if !firm {
            self.route.opco = None;
            self.route.confidence = Confidence::None;
            self.route.outcome = RouteOutcome::UpstreamUnavailable;
        }
    }

    /// Adds one step to the trail.
    pub(super) fn note(&mut self, step: RouteSource, said: impl Into<String>) {
        self.route.trail.push(TrailStep {
            step,
            said: said.into(),
        });
    }

    /// Takes an answer.
    pub(super) fn resolve(&mut self, opco: Opco, source: RouteSource, confidence: Confidence) {
        self.route.opco = Some(opco);
        self.route.source = source;
        self.route.confidence = confidence;
        self.route.outcome = RouteOutcome::Resolved;
    }

    /// Step 1: the network's own word, for the establishment before the company.
    fn by_override(&mut self, index: &Index, overrides: &[RouteOverride]) -> bool {
        let siret = self.employer.siret;
        let holds = |one: &&RouteOverride| {
            one.from <= self.now && one.until.is_none_or(|until| self.now < until)
        };
        let about = |target| {
            overrides
                .iter()
                .filter(holds)
                .find(move |one| one.target == target)
        };
        let found =
            about(Target::Establishment(siret)).or_else(|| about(Target::Company(siret.siren())));
        let Some(found) = found else { return false };
        let whom = match found.target {
            Target::Establishment(_) => "l'établissement",
            Target::Company(_) => "l'entreprise",
        };
        let opco = found.opco;
        self.note(
            RouteSource::Override,
            format!("le réseau a rattaché {whom} à {}", opco.name()),
        );
        if let Ok(Hit::Line(Line {
            owner: Some(owner), ..
        })) = index.lookup(siret)
            && owner != opco
        {
            self.note(
                RouteSource::SiroSiret,
                format!("en désaccord : la ligne du SIRET nomme {}", owner.name()),
            );
        }
        self.resolve(opco, RouteSource::Override, Confidence::Declared);
        true
    }

    /// Step 2: the establishment's own line, then what the sender named if the line names no one.
    fn by_siret(&mut self, index: &Index) -> bool {
        const STEP: RouteSource = RouteSource::SiroSiret;
        let hit = match index.lookup(self.employer.siret) {
            Ok(hit) => hit,
            Err(damaged) => {
                self.damaged(STEP, &damaged);
                return self.by_sender();
            }
        };
        match hit {
            Hit::Absent => self.note(STEP, "aucune ligne pour ce SIRET"),
            Hit::Line(line) => self.line(line, index),
            Hit::Several => {
                self.candidates_of_lines(index);
                self.dated(index);
                self.note(STEP, "plusieurs lignes en désaccord");
                self.route.outcome = RouteOutcome::Ambiguous;
                self.route.source = STEP;
            }
        }
        self.route.outcome == RouteOutcome::Resolved || self.by_sender() || hit != Hit::Absent
    }

    fn line(&mut self, line: Line, index: &Index) {
        const STEP: RouteSource = RouteSource::SiroSiret;
        self.dated(index);
        self.route.idcc = line.idcc.map(|code| code.to_string());
        self.route.managed_by = line.manager;
        let Some(owner) = line.owner else {
            // Present without an OPCO: an anomaly or a public body. Guessing is over.
            self.note(STEP, "la ligne du SIRET ne nomme aucun OPCO");
            self.route.outcome = RouteOutcome::Unassigned;
            self.route.source = STEP;
            return;
        };
        match line.manager {
            Some(manager) => self.note(
                STEP,
                format!(
                    "la ligne du SIRET nomme {}, géré par {}",
                    owner.name(),
                    manager.name()
                ),
            ),
            None => self.note(STEP, format!("la ligne du SIRET nomme {}", owner.name())),
        }
        self.resolve(owner, STEP, Confidence::High);
        self.between(owner, line.manager);
        if let Some(other) = agreement::firm(self.employer).filter(|other| *other != owner) {
            self.note(
                RouteSource::Idcc,
                format!(
                    "en désaccord : la convention donnée mène à {}",
                    other.name()
                ),
            );
        }
    }

    /// What the sender named with the payload, where the establishment's own line names no one.
    fn by_sender(&mut self) -> bool {
        let Some(opco) = self.employer.declared else {
            return false;
        };
        self.note(
            RouteSource::Chosen,
            format!("l'expéditeur nomme {}", opco.name()),
        );
        self.route.candidates.clear();
        self.route.managed_by = None;
        self.resolve(opco, RouteSource::Chosen, Confidence::Declared);
        true
    }

    /// Step 3: the other establishments of the company, only if all of them agree.
    fn by_siren(&mut self, index: &Index) -> bool {
        const STEP: RouteSource = RouteSource::SiroSiren;
        if index.is_sample() {
            self.note(
                STEP,
                "non consulté : l'extrait ne contient pas d'entreprises entières",
            );
            return false;
        }
        let company = match index.company(self.employer.siret.siren()) {
            Ok(company) => company,
            Err(damaged) => {
                self.damaged(STEP, &damaged);
                return false;
            }
        };
        let lines = company.lines;
        let candidates = company.owners.named();
        self.route.candidates = candidates
            .map(|(opco, weight)| Candidate { opco, weight })
            .collect();
        let Some((opco, manager)) = company.unanimous() else {
            let said = if lines == 0 {
                "aucune ligne de l'entreprise"
            } else {
                "les lignes de l'entreprise sont en désaccord"
            };
            self.note(STEP, format!("{said} ({lines})"));
            return false;
        };
        self.note(
            STEP,
            match lines {
                1 => format!(
                    "nouvel établissement : la seule ligne de l'entreprise nomme {}",
                    opco.name()
                ),
                _ => format!(
                    "nouvel établissement : les {lines} lignes de l'entreprise nomment {}",
                    opco.name()
                ),
            },
        );
        self.dated(index);
        self.route.managed_by = manager;
        self.resolve(opco, STEP, Confidence::Medium);
        match agreement::firm(self.employer).filter(|other| *other != opco) {
            // A site with another trade can have another OPCO: keep both in sight, file neither.
            Some(other) => {
                self.route.candidates.push(Candidate {
                    opco: other,
                    weight: 0,
                });
                self.note(
                    RouteSource::Idcc,
                    format!("en désaccord : la convention mène à {}", other.name()),
                );
            }
            None => self.route.candidates.clear(),
        }
        self.between(opco, manager);
        true
    }

    /// Where one OPCO owns and another manages, a person chooses between the two.
    pub(super) fn between(&mut self, owner: Opco, manager: Option<Opco>) {
        let Some(manager) = manager.filter(|manager| *manager != owner) else {
            return;
        };
        for opco in [owner, manager] {
            if self.route.candidates.iter().all(|one| one.opco != opco) {
                self.route.candidates.push(Candidate { opco, weight: 1 });
            }
        }
    }

    /// Step 5: the agreements given. Escape and inoperative values tell nothing.
    fn by_idcc(&mut self) -> bool {
        const STEP: RouteSource = RouteSource::Idcc;
        let verdict = agreement::all(self.employer);
        if self.route.idcc.is_none() {
            self.route.idcc = verdict.code.map(|code| code.to_string());
        }
        for said in verdict.said {
            self.note(STEP, said);
        }
        match verdict.leads_to {
            Leads::Nowhere => false,
            Leads::To(opco, confidence) => {
                self.route.candidates.clear();
                self.route.as_of = Some(reference::AS_OF.to_string());
                self.resolve(opco, STEP, confidence);
                true
            }
            Leads::Apart(candidates) => {
                self.route.candidates = candidates;
                self.route.as_of = Some(reference::AS_OF.to_string());
                self.route.outcome = RouteOutcome::Ambiguous;
                self.route.source = STEP;
                true
            }
        }
    }

    /// What is left of step 3 when the lines of the company did not agree: a choice for a person.
    fn by_siblings(&mut self) -> bool {
        if self.route.candidates.len() < 2 {
            self.route.candidates.clear();
            return false;
        }
        self.route.outcome = RouteOutcome::Ambiguous;
        self.route.source = RouteSource::SiroSiren;
        true
    }

    /// Public employers mostly have no OPCO, and the usual OPCO of an activity is a private one's.
    fn by_form(&mut self) -> bool {
        if !self.employer.looks_public() {
            return false;
        }
        self.route.outcome = RouteOutcome::PublicEmployer;
        self.note(
            RouteSource::None,
            "semble un employeur public : la plupart n'ont pas d'OPCO",
        );
        true
    }

    /// Step 6: the usual OPCO of the activity, a suggestion.
    fn by_naf(&mut self) -> bool {
        const STEP: RouteSource = RouteSource::Naf;
        let Some(naf) = &self.employer.naf else {
            return false;
        };
        if !self.is_rev2(naf) {
            self.note(STEP, "non consulté : le code peut être de la NAF 2025");
            return false;
        }
        let Some(found) = reference::activity(&naf.code) else {
            self.note(STEP, "l'activité n'a pas d'OPCO habituel");
            return false;
        };
        let opco = found.opco;
        self.note(
            STEP,
            format!(
                "{} est habituel pour cette activité : une simple suggestion",
                opco.name()
            ),
        );
        self.route.as_of = Some(reference::AS_OF.to_string());
        self.route.candidates = vec![Candidate {
            opco,
            weight: found.sample,
        }];
        self.resolve(opco, STEP, Confidence::Low);
        true
    }

    fn is_rev2(&self, naf: &Naf) -> bool {
        match naf.nomenclature {
            Nomenclature::Rev2 => true,
            Nomenclature::Naf2025 => false,
            Nomenclature::Unstated => self.now.to_zoned(TimeZone::UTC).date() < NAF_2025,
        }
    }

    fn candidates_of_lines(&mut self, index: &Index) {
        let lines = index
            .lines(self.employer.siret)
            .into_iter()
            .flatten()
            .filter_map(Result::ok);
        for opco in lines.filter_map(|line| line.owner) {
            match self
                .route
                .candidates
                .iter_mut()
                .find(|known| known.opco == opco)
            {
                Some(known) => known.weight += 1,
                None => self.route.candidates.push(Candidate { opco, weight: 1 }),
            }
        }
    }

    fn damaged(&mut self, step: RouteSource, damaged: &Damaged) {
        tracing::error!(error = %damaged, "the SIRO index cannot be read");
        self.note(step, "l'index est abîmé");
        self.blind = true;
    }

    fn dated(&mut self, index: &Index) {
        self.route.as_of = Some(index.about().published.to_string());
    }
}
