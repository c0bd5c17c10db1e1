//! The CFA keys: every site at every OPCO, what ends when, and the form of a new one.

pub(crate) mod calendar;
mod grid;
pub(crate) mod import;
pub(crate) mod one;
mod stops;

use actix_web::{HttpResponse, web};
use domain::calendar::{day_in_france, french};
use domain::person::{Language, Right};
use domain::{Environment, Instance, Opco, Secret, Siret};
use jiff::civil::Date;
use maud::{Markup, html};
use serde::{Deserialize, Serialize};
use store::keys::{self, CfaKey, KeyState};
use store::tenants::Site;

use super::layout::{Frame, csrf, in_world, instant, wrong};
use super::login::again;
use super::page;
use crate::desk::Desk;
use crate::form::Filled;
use crate::gate::redirect;
use crate::hand::Hand;
use crate::keyring::{self, KeyError, NewKey};
use crate::refusal::{Code, Refusal, both, fitting};
use crate::viewer::Viewer;

/// Every state, in the order of a life.
const STATES: [KeyState; 4] = [
    KeyState::Active,
    KeyState::Staged,
    KeyState::Retiring,
    KeyState::Revoked,
];

/// The filters, as the address holds them. A field left empty does not restrict.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Asked {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    world: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    opco: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    site: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    state: String,
}

/// What the form of a new key sends.
#[derive(Debug, Deserialize)]
pub(crate) struct Staged {
    world: Environment,
    site: Siret,
    system: String,
    key: Secret,
    expires_on: Option<Date>,
    referent: Option<String>,
}

impl From<KeyError> for Refusal {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Site => Self::invalid(
                "/site",
                "Ce site n'est pas l'un des vôtres.",
                "This site is none of yours.",
            ),
            KeyError::Passed => Self::invalid(
                "/expires_on",
                "Ce dernier jour est passé.",
                "This last day is over.",
            ),
            KeyError::Text => Self::invalid(
                "/key",
                "La clé est vide, trop longue, ou contient une espace.",
                "The key is empty, too long, or holds a space.",
            ),
            KeyError::Referent => Self::invalid(
                "/referent",
                "Il faut un nom de 200 caractères au plus.",
                "A name of at most 200 characters is needed.",
            ),
            KeyError::NoDay => Self::invalid(
                "/expires_on",
                "Il faut le dernier jour de la clé (AAAA-MM-JJ).",
                "The last day of the key is needed (YYYY-MM-DD).",
            ),
            KeyError::Same(_, state) => same(state),
            KeyError::Unknown => Code::NotFound.into(),
            KeyError::NotAccepted => Self::from(Code::Conflict).saying(
                "L'OPCO n'a pas encore accepté cette clé : essayez-la d'abord.",
                "The OPCO has not accepted this key yet: try it first.",
            ),
            KeyError::Retired => Self::from(Code::Conflict).saying(
                "Cette clé est retirée : elle ne servira plus.",
                "This key is retired: it will not be used again.",
            ),
            KeyError::Sealing => Code::Internal.into(),
            KeyError::Store(error) => error.into(),
        }
    }
}

/// Refuses a key that its site has already, and says where it stands.
fn same(state: KeyState) -> Refusal {
    let (fr, en) = match state {
        KeyState::Staged => (
            "Cette clé attend déjà pour ce site chez cet OPCO : essayez-la, puis mettez-la en service. Rien n'a \
             été gardé une seconde fois.",
            "This key is staged already for this site at this OPCO: try it, then put it to use. Nothing was \
             kept a second time.",
        ),
        KeyState::Active => (
            "Cette clé est déjà celle en service pour ce site chez cet OPCO : il n'y a rien à garder. Pour la \
             remplacer, donnez la suivante, telle que l'extranet de l'OPCO la montre.",
            "This key is the one in use already for this site at this OPCO: there is nothing to keep. To \
             replace it, give the next one, as the OPCO's extranet shows it.",
        ),
        KeyState::Retiring | KeyState::Revoked => (
            "Cette clé est celle que ce site avait avant chez cet OPCO, et elle est encore là : remettez-la en \
             service depuis sa page, ou donnez la suivante.",
            "This key is the one that this site had before at this OPCO, and it is still there: put it to use \
             again from its page, or give the next one.",
        ),
    };
    Refusal::from(Code::Conflict).saying(fr, en).at("/key")
}

/// Lists them.
pub(crate) async fn list(
    desk: web::Data<Desk>,
    viewer: Viewer,
    asked: web::Query<Asked>,
) -> Result<HttpResponse, Refusal> {
    let shown = list_page(&desk, &viewer, &asked, &html! {}).await?;
    Ok(page(shown))
}

/// Keeps a new one, not yet used.
pub(crate) async fn stage(
    desk: web::Data<Desk>,
    viewer: Viewer,
    sent: Filled<Staged>,
) -> Result<HttpResponse, Refusal> {
    let world = sent.value("world").unwrap_or_default();
    let done = match sent.read {
        Ok(sent) => {
            let given = Given {
                site: sent.site,
                system: sent.system,
                environment: sent.world,
                text: sent.key,
                expires_on: sent.expires_on,
                referent: sent.referent,
            };
            staged(&desk, &viewer, given).await
        }
        Err(refusal) => Err(refusal),
    };
    match done {
        Ok(key) => Ok(redirect(&format!("/keys/{}", key.id))),
        Err(refusal) => {
            let said = wrong(&refusal, viewer.language());
            let asked = Asked {
                world,
                ..Asked::default()
            };
            Ok(again(list_page(&desk, &viewer, &asked, &said).await?))
        }
    }
}

/// A key as forms and documents give it.
#[derive(Debug)]
pub(crate) struct Given {
    pub(crate) site: Siret,
    /// `akto`, `akto/2`.
    pub(crate) system: String,
    pub(crate) environment: Environment,
    pub(crate) text: Secret,
    pub(crate) expires_on: Option<Date>,
    pub(crate) referent: Option<String>,
}

/// Keeps a key of a site that the person reaches.
pub(crate) async fn staged(desk: &Desk, viewer: &Viewer, given: Given) -> Result<CfaKey, Refusal> {
    let reach = viewer.require(Right::ManageKeys)?;
    let unknown = || {
        Refusal::invalid(
            "/system",
            "Cet OPCO n'est pas réglé : choisissez-en un de la liste.",
            "This OPCO is not set up: choose one of the list.",
        )
    };
    let reached = reach.covers(&given.site).then_some(());
    let reached = reached.ok_or(KeyError::Site);
    let instance = system(desk, &given.system).ok_or_else(unknown);
    let told = (&given.text, given.expires_on, given.referent.as_deref());
    let faults = keyring::faults(told, day_in_france(desk.clock.now()));
    let fits = fitting(faults.into_iter().map(Refusal::from));
    let (((), instance), ()) = both(both(reached, instance), fits)?;
    let new = NewKey {
        siret_cfa: given.site,
        instance,
        environment: given.environment,
        text: given.text,
        expires_on: given.expires_on,
        referent: given.referent,
    };
    let network_key = desk.store.keys(viewer.tenant()).await?;
    let mut tx = desk.store.writing().await?;
    let key = keyring::stage(&mut tx, &network_key, new, &Hand::of(desk, viewer)).await?;
    tx.commit().await?;
    Ok(key)
}

/// Finds a key that a right reaches.
pub(crate) async fn reached(
    desk: &Desk,
    viewer: &Viewer,
    right: Right,
    id: domain::id::KeyId,
) -> Result<CfaKey, Refusal> {
    let reach = viewer.require(right)?;
    let mut tx = desk.store.reading().await?;
    let key = keys::find(&mut tx, viewer.tenant(), id).await?;
    let key = key.filter(|key| reach.covers(&key.siret_cfa));
    key.ok_or_else(|| Code::NotFound.into())
}

/// Returns the systems that the settings describe.
pub(crate) fn systems(desk: &Desk) -> Vec<Instance> {
    let mut systems: Vec<Instance> = desk.works.health().iter().map(|one| one.instance).collect();
    systems.sort_unstable();
    systems.dedup();
    systems
}

/// Reads a system as forms and documents write it: `akto`, `akto/2`.
pub(crate) fn system(desk: &Desk, text: &str) -> Option<Instance> {
    let (opco, number) = text.split_once('/').unwrap_or((text, "1"));
    let asked = Instance {
        opco: opco.parse().ok()?,
        number: number.parse().ok()?,
    };
    systems(desk).contains(&asked).then_some(asked)
}

/// Returns what people call a system.
pub fn system_name(instance: Instance) -> String {
    match instance.number {
        1 => instance.opco.name().to_owned(),
        number => format!("{} ({number})", instance.opco.name()),
    }
}

/// Returns what people call a state.
pub fn state_name(state: KeyState, language: Language) -> &'static str {
    match state {
        KeyState::Staged => language.of("en attente", "staged"),
        KeyState::Active => language.of("en service", "in use"),
        KeyState::Retiring => language.of("remplacée", "replaced"),
        KeyState::Revoked => language.of("retirée", "retired"),
    }
}

/// Returns what people say of a trial.
pub fn probe_name(result: Option<&str>, language: Language) -> &'static str {
    match result {
        Some("accepted") => language.of("acceptée par l'OPCO", "accepted by the OPCO"),
        Some("refused") => language.of("refusée par l'OPCO", "refused by the OPCO"),
        Some(_) => language.of("essai sans réponse", "tried without an answer"),
        None => language.of("jamais essayée", "never tried"),
    }
}

/// A last day as people read it.
pub(crate) fn day(day: Date, language: Language) -> String {
    match language {
        Language::Fr => french(day),
        Language::En => day.to_string(),
    }
}

/// How near an end is: a colour, and the words that say the same.
pub(crate) fn nearness(
    expires_on: Option<Date>,
    today: Date,
    language: Language,
) -> (&'static str, String) {
    let Some(last) = expires_on else {
        let said = language.of("fin inconnue", "end unknown");
        return ("warn", said.to_owned());
    };
    let left = (last - today).get_days();
    let colour = match left {
        ..=7 => "bad",
        8..=60 => "warn",
        _ => "good",
    };
    let said = match (left, language) {
        (..0, Language::Fr) => format!("expirée depuis {} j", -left),
        (..0, Language::En) => format!("ended {} d ago", -left),
        (0, Language::Fr) => "expire ce soir".to_owned(),
        (0, Language::En) => "ends tonight".to_owned(),
        (_, Language::Fr) => format!("expire dans {left} j"),
        (_, Language::En) => format!("ends in {left} d"),
    };
    (colour, said)
}

async fn list_page(
    desk: &Desk,
    viewer: &Viewer,
    asked: &Asked,
    said: &Markup,
) -> Result<Markup, Refusal> {
    let reach = viewer.require(Right::ReadKeys)?;
    let world = viewer.world(asked.world.parse().ok());
    let language = viewer.language();
    let today = day_in_france(desk.clock.now());
    let mut tx = desk.store.reading().await?;
    let mut found = keys::list(&mut tx, viewer.tenant()).await?;
    drop(tx);
    found.retain(|key| key.environment == world && reach.covers(&key.siret_cfa));
    let sites: Vec<&Site> = viewer
        .sites()
        .iter()
        .filter(|site| reach.covers(&site.siret))
        .collect();
    let shown: Vec<&CfaKey> = found.iter().filter(|key| asked.takes(key)).collect();
    let ends: Vec<Date> = shown
        .iter()
        .filter(|key| key.state == KeyState::Active)
        .filter_map(|key| key.expires_on)
        .collect();
    let title = language.of("Clés CFA", "CFA keys");
    let frame = Frame {
        viewer,
        section: "/keys",
        title,
        world: Some(world),
    };
    let may = viewer.may(Right::ManageKeys);
    Ok(frame.around(&html! {
        h1 { (title) }
        (said)
        @if may {
            p.actions {
                a.button href="#new" { (language.of("Ajouter une clé", "Add a key")) }
                a.button.quiet href=(in_world("/keys/import", Some(world))) { (language.of("Importer une feuille", "Import a sheet")) }
            }
        }
        (filters(&sites, asked, world, language))
        (grid::drawn(&sites, &found, asked, (today, language)))
        (calendar::drawn(&ends, today, language))
        (table(&sites, &shown, today, language))
        @if may { (form(desk, viewer, world)) }
    }))
}

impl Asked {
    fn takes(&self, key: &CfaKey) -> bool {
        let state = self.state.parse::<KeyState>().ok();
        let opco = self.opco.parse::<Opco>().ok();
        let site = self.site.parse::<Siret>().ok();
        // What is retired is history: it shows when asked for.
        state.map_or(key.state != KeyState::Revoked, |state| state == key.state)
            && opco.is_none_or(|opco| opco == key.instance.opco)
            && site.is_none_or(|site| site == key.siret_cfa)
    }
}

fn filters(sites: &[&Site], asked: &Asked, world: Environment, language: Language) -> Markup {
    let any = language.of("Tous", "Any");
    html! {
        form.filters method="get" action="/keys" role="search" aria-label=(language.of("Filtres", "Filters")) {
            input type="hidden" name="world" value=(world.as_str());
            div {
                label for="opco" { "OPCO" }
                select #opco name="opco" {
                    option value="" { (any) }
                    @for opco in Opco::ALL {
                        option value=(opco.slug()) selected[asked.opco == opco.slug()] { (opco.name()) }
                    }
                }
            }
            div {
                label for="site" { "Site" }
                select #site name="site" {
                    option value="" { (any) }
                    @for site in sites {
                        option value=(site.siret) selected[asked.site == site.siret.as_str()] { (site.name) }
                    }
                }
            }
            div {
                label for="state" { (language.of("État", "State")) }
                select #state name="state" {
                    option value="" { (language.of("Tous, sauf retirées", "Any but retired")) }
                    @for state in STATES {
                        option value=(state.as_str()) selected[asked.state == state.as_str()] { (state_name(state, language)) }
                    }
                }
            }
            button type="submit" { (language.of("Filtrer", "Filter")) }
            a href=(in_world("/keys", Some(world))) { (language.of("Effacer", "Clear")) }
        }
    }
}

fn table(sites: &[&Site], shown: &[&CfaKey], today: Date, language: Language) -> Markup {
    let name = |siret: Siret| {
        let found = sites.iter().find(|site| site.siret == siret);
        found.map_or_else(|| siret.to_string(), |site| site.name.clone())
    };
    html! {
        h2 #list { (language.of("Une à une", "One by one")) " (" (shown.len()) ")" }
        div.scroll tabindex="0" role="region" aria-labelledby="list" {
            table.flow {
                thead { tr {
                    th scope="col" { "Site" }
                    th scope="col" { "OPCO" }
                    th scope="col" { (language.of("État", "State")) }
                    th scope="col" { (language.of("Dernier jour", "Last day")) }
                    th scope="col" { (language.of("Essai", "Trial")) }
                    th scope="col" { (language.of("Dernier usage réussi", "Last successful use")) }
                    th scope="col" { (language.of("Référent", "Referent")) }
                } }
                tbody {
                    @for key in shown {
                        @let (colour, said) = nearness(key.expires_on, today, language);
                        tr {
                            td { (name(key.siret_cfa)) br; span.small { (key.siret_cfa) } }
                            td { a href={ "/keys/" (key.id) } { (system_name(key.instance)) } }
                            td { (state_name(key.state, language)) }
                            td {
                                @if let Some(last) = key.expires_on { (day(last, language)) br; }
                                @if key.state != KeyState::Revoked { span class={ "badge " (colour) } { (said) } }
                            }
                            td { (probe_name(key.probe_result.as_deref(), language)) }
                            td data-name=(language.of("dernier usage", "last use")) {
                                @match key.last_used_at {
                                    Some(at) => (instant(at, language)),
                                    None => "—",
                                }
                            }
                            td data-name=(language.of("référent", "referent")) { (key.referent.as_deref().unwrap_or("—")) }
                        }
                    }
                }
            }
        }
    }
}

fn form(desk: &Desk, viewer: &Viewer, world: Environment) -> Markup {
    let language = viewer.language();
    let reach = viewer.reach(Right::ManageKeys);
    let sites = viewer
        .sites()
        .iter()
        .filter(|site| reach.as_ref().is_some_and(|r| r.covers(&site.siret)));
    html! {
        section aria-labelledby="new" {
            h2 #new { (language.of("Ajouter une clé", "Add a key")) }
            p.small {
                (language.of(
                    "Elle est scellée et attend : la clé en service continue jusqu'à ce que vous la remplaciez. Son texte ne sera plus jamais montré.",
                    "It is sealed and waits: the key in use goes on until you replace it. Its text will never be shown again.",
                ))
            }
            form.narrow method="post" action="/keys" autocomplete="off" {
                (csrf(viewer))
                input type="hidden" name="world" value=(world.as_str());
                label for="new-site" { "Site" }
                select #new-site name="site" {
                    @for site in sites { option value=(site.siret) { (site.name) " (" (site.siret) ")" } }
                }
                label for="new-system" { "OPCO" }
                select #new-system name="system" {
                    @for system in systems(desk) { option value=(system) { (system_name(system)) } }
                }
                label for="new-key" { (language.of("Clé", "Key")) }
                input #new-key name="key" type="password" required maxlength="500" autocomplete="off";
                label for="new-end" { (language.of("Dernier jour, si l'OPCO ne le dit pas lui-même", "Last day, if the OPCO does not tell it itself")) }
                input #new-end name="expires_on" type="date";
                label for="new-referent" { (language.of("Référent : qui répond de la clé", "Referent: who answers for the key")) }
                input #new-referent name="referent" maxlength="200";
                button type="submit" { (language.of("Garder cette clé", "Keep this key")) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_a_colour_and_words_that_say_the_same() {
        let today: Date = "2026-09-02".parse().unwrap();
        let said = |end: &str| nearness(Some(end.parse().unwrap()), today, Language::Fr);
        assert_eq!(said("2026-08-31"), ("bad", "expirée depuis 2 j".to_owned()));
        assert_eq!(said("2026-09-02"), ("bad", "expire ce soir".to_owned()));
        assert_eq!(said("2026-09-09").0, "bad");
        assert_eq!(said("2026-09-10").0, "warn");
        assert_eq!(said("2026-11-02"), ("good", "expire dans 61 j".to_owned()));
        assert_eq!(nearness(None, today, Language::En).1, "end unknown");
    }
}
