//! Step 4, asked by a job: the live services, then what is left of the cascade.

use domain::route::RouteSource;
use domain::{Confidence, Route, RouteOutcome, Timestamp};
use jiff::tz::TimeZone;
use opco::lookup::{Answer, Certainty, Found, Said, Source};

use super::local::{Search, resolve_local};
use super::{Employer, RouteOverride, Routing};

/// How the trail begins when the live services told nothing: asking again may.
pub(crate) const COULD_NOT_TELL: &str = "sans réponse";

/// Finds the OPCO of an employer, asking the live services where the local steps are not enough.
///
/// A service that could not tell leaves `upstream_unavailable`, unless the agreement settles it:
/// a hiccup is never a verdict (promise 7).
pub(crate) async fn resolve_live(
    routing: &Routing,
    employer: &Employer,
    overrides: &[RouteOverride],
    now: Timestamp,
) -> Route {
    let Some(live) = &routing.live else {
        return resolve_local(routing, employer, overrides, now);
    };
    let mut search = Search::new(employer, now);
    let answered = search.before_live(&routing.index.current(), overrides);
    if answered && search.route.source != RouteSource::SiroSiren {
        return search.route;
    }
    match live.find(employer.siret).await {
        Answer::Found(found) => search.found(&found),
        Answer::Absent => {
            search.note(
                RouteSource::FranceCompetences,
                "aucun service en ligne ne connaît l'établissement",
            );
            if !answered {
                search.after_live();
            }
        }
        Answer::CouldNotTell(fault) => {
            let said = format!("{COULD_NOT_TELL} : {}", fault.kind);
            search.note(RouteSource::FranceCompetences, said);
            if !answered {
                search.after_live();
                search.nothing_final();
            }
        }
    }
    search.route
}

impl Search<'_> {
    /// Takes a live answer, which is about this very establishment and so beats its siblings'.
    fn found(&mut self, found: &Found) {
        let source = match found.source {
            Source::FranceCompetences | Source::Tabular => RouteSource::FranceCompetences,
            Source::Cfadock => RouteSource::Cfadock,
        };
        let by = found.source.as_str();
        if found.stale {
            // Asking again may tell more, and the filing reads that from the first words.
            self.note(
                source,
                format!("{COULD_NOT_TELL} récente : ce qui suit est une réponse ancienne"),
            );
        }
        self.route.candidates.clear();
        self.route.opco = None;
        self.route.managed_by = None;
        self.route.confidence = Confidence::None;
        self.route.source = source;
        self.route.as_of = Some(found.at.to_zoned(TimeZone::UTC).date().to_string());
        self.route.idcc = found.idcc.map(|code| code.to_string());
        match found.said {
            Said::Owner { opco, manager } => {
                let confidence = match (found.certainty, found.stale) {
                    (Certainty::Reference, false) => Confidence::High,
                    (Certainty::Reference, true) | (Certainty::Claimed, _) => Confidence::Medium,
                };
                self.note(source, format!("{by} nomme {}", opco.name()));
                self.route.managed_by = manager;
                self.resolve(opco, source, confidence);
                self.between(opco, manager);
            }
            Said::NoOpco => {
                self.note(source, format!("{by} connaît l'établissement, sans OPCO"));
                self.route.outcome = RouteOutcome::Unassigned;
            }
            Said::Several => {
                self.note(source, format!("{by} trouve plusieurs OPCO"));
                self.route.outcome = RouteOutcome::Ambiguous;
            }
        }
    }
}
