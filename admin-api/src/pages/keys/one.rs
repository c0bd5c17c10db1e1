//! One CFA key: what is known of it, what can be done, what stops without it, and its history.

use actix_web::{HttpResponse, web};
use domain::Status;
use domain::calendar::day_in_france;
use domain::id::KeyId;
use domain::person::{Language, Right};
use jiff::civil::Date;
use maud::{Markup, html};
use serde::Deserialize;
use store::deliveries::{self, Filter};
use store::events::Event;
use store::keys::{self, CfaKey, KeyState};

use super::super::layout::{Frame, csrf, instant, notice, wrong};
use super::super::login::again;
use super::super::page;
use super::super::settings::because;
use super::{day, nearness, probe_name, reached, state_name, stops, system_name};
use crate::desk::Desk;
use crate::form::Sent;
use crate::gate::redirect;
use crate::hand::Hand;
use crate::keyring::forecast;
use crate::keyring::{self, KeyError};
use crate::people;
use crate::refusal::{Code, Refusal};
use crate::viewer::Viewer;
use crate::works::{Probe, Verdict};

/// How many events about keys are looked through for one key's history.
const EVENTS: u32 = 5_000;
/// The most deliveries in one state that are counted.
const COUNTED_MAX: u32 = 20_000;

/// What the forms of the page send: one act at a time.
#[derive(Debug, Deserialize)]
pub(crate) struct Chosen {
    act: String,
    referent: Option<String>,
    reason: Option<String>,
    expires_on: Option<Date>,
}

/// What an act takes along.
#[derive(Debug, Default)]
pub(crate) struct With {
    pub(crate) referent: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) expires_on: Option<Date>,
}

/// Something done to a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Act {
    /// Try it at its OPCO.
    Probe,
    /// Put it to use.
    Promote,
    /// Make it unusable for good, and why.
    Retire(String),
    /// Say its last day.
    Date(Option<Date>),
    /// Say who answers for it.
    Entrust(Option<String>),
}

impl Act {
    /// Reads an act by its word.
    pub(crate) fn read(word: &str, with: With) -> Option<Self> {
        match word {
            "probe" => Some(Self::Probe),
            "promote" => Some(Self::Promote),
            "retire" => Some(Self::Retire(with.reason.unwrap_or_default())),
            "date" => Some(Self::Date(with.expires_on)),
            "entrust" => Some(Self::Entrust(with.referent)),
            _ => None,
        }
    }
}

/// Shows it.
pub(crate) async fn show(
    desk: web::Data<Desk>,
    viewer: Viewer,
    id: web::Path<KeyId>,
) -> Result<HttpResponse, Refusal> {
    let key = reached(&desk, &viewer, Right::ReadKeys, *id).await?;
    Ok(page(one_page(&desk, &viewer, &key, &html! {}).await?))
}

/// Acts on it.
pub(crate) async fn act(
    desk: web::Data<Desk>,
    viewer: Viewer,
    id: web::Path<KeyId>,
    sent: Sent<Chosen>,
) -> Result<HttpResponse, Refusal> {
    let Sent(sent) = sent;
    let key = reached(&desk, &viewer, Right::ManageKeys, *id).await?;
    let with = With {
        referent: sent.referent,
        reason: sent.reason,
        expires_on: sent.expires_on,
    };
    let act = Act::read(&sent.act, with).ok_or(Code::UnknownAct)?;
    let language = viewer.language();
    match done(&desk, &viewer, &key, act).await {
        Ok(Some(probe)) => {
            let said = probe_notice(&probe, language);
            let key = reached(&desk, &viewer, Right::ReadKeys, *id).await?;
            Ok(page(one_page(&desk, &viewer, &key, &said).await?))
        }
        Ok(None) => Ok(redirect(&format!("/keys/{id}"))),
        Err(refusal) => {
            let said = wrong(&refusal, language);
            Ok(again(one_page(&desk, &viewer, &key, &said).await?))
        }
    }
}

/// Does one act; returns what a trial said.
pub(crate) async fn done(
    desk: &Desk,
    viewer: &Viewer,
    key: &CfaKey,
    act: Act,
) -> Result<Option<Probe>, Refusal> {
    let hand = Hand::of(desk, viewer);
    let (tenant, id) = (key.tenant, key.id);
    if act == Act::Probe {
        if key.state == KeyState::Revoked {
            return Err(KeyError::Retired.into());
        }
        let probe = desk.works.probe(key).await?;
        let mut tx = desk.store.writing().await?;
        keyring::tried(&mut tx, key, probe.verdict, probe.expires_on, &hand).await?;
        tx.commit().await?;
        return Ok(Some(probe));
    }
    let mut tx = desk.store.writing().await?;
    match act {
        Act::Probe => {}
        Act::Promote => keyring::promote(&mut tx, tenant, id, &hand).await?,
        Act::Retire(why) => {
            let hand = Hand::because(desk, viewer, &why)?;
            match keyring::retire(&mut tx, tenant, id, &hand).await {
                Err(KeyError::Unknown) => return Err(KeyError::Retired.into()),
                other => other?,
            }
        }
        Act::Date(day) => keyring::date(&mut tx, key, day, &hand).await?,
        Act::Entrust(referent) => {
            keyring::entrust(&mut tx, tenant, id, referent.as_deref(), &hand).await?;
        }
    }
    tx.commit().await?;
    Ok(None)
}

fn probe_notice(probe: &Probe, language: Language) -> Markup {
    match (probe.verdict, probe.why) {
        (Verdict::Accepted, _) => notice(
            "done",
            language.of("L'OPCO accepte cette clé.", "The OPCO accepts this key."),
        ),
        (_, Some((fr, en))) => notice("error", language.of(fr, en)),
        (_, None) => notice("error", probe_name(Some("unknown"), language)),
    }
}

/// The keys of the same site at the same system: the one in use, the one that waits.
struct Siblings {
    active: Option<CfaKey>,
    staged: Option<CfaKey>,
}

async fn siblings(desk: &Desk, key: &CfaKey) -> Result<Siblings, Refusal> {
    let mut tx = desk.store.reading().await?;
    let all = keys::list(&mut tx, key.tenant).await?;
    let same = |other: &&CfaKey| {
        other.siret_cfa == key.siret_cfa
            && other.instance == key.instance
            && other.environment == key.environment
    };
    let last = |state: KeyState| {
        let mut found = all.iter().filter(same).filter(|other| other.state == state);
        found.next_back().cloned()
    };
    Ok(Siblings {
        active: last(KeyState::Active),
        staged: last(KeyState::Staged),
    })
}

async fn one_page(
    desk: &Desk,
    viewer: &Viewer,
    key: &CfaKey,
    said: &Markup,
) -> Result<Markup, Refusal> {
    let language = viewer.language();
    let today = day_in_france(desk.clock.now());
    let siblings = siblings(desk, key).await?;
    let forecast = match key.state {
        KeyState::Active => Some(forecast::of(&desk.store, key, today).await?),
        _ => None,
    };
    let on_their_way = match key.state {
        KeyState::Active => on_their_way(desk, key).await?,
        _ => 0,
    };
    let history = history(desk, key, language).await?;
    let site = viewer
        .sites()
        .iter()
        .find(|site| site.siret == key.siret_cfa);
    let site = site.map_or_else(|| key.siret_cfa.to_string(), |site| site.name.clone());
    let title = format!("{site} · {}", system_name(key.instance));
    let may = viewer
        .reach(Right::ManageKeys)
        .is_some_and(|reach| reach.covers(&key.siret_cfa));
    Ok(Frame {
        viewer,
        section: "/keys",
        title: &title,
        world: Some(key.environment),
    }
    .around(&html! {
        p { a href={ "/keys?world=" (key.environment) } { (language.of("← Clés", "← Keys")) } }
        h1 { (title) }
        (said)
        (facts(key, today, language))
        @if may && key.state != KeyState::Revoked { (acts(viewer, key, on_their_way)) }
        @if let Some(forecast) = &forecast { (stops::shown(forecast, may, language)) }
        (checklist(key, &siblings, language))
        h2 { (language.of("Histoire", "History")) }
        ol.timeline { @for line in &history { li { (line) } } }
        @if history.is_empty() { p { (language.of("Le journal ne dit rien de cette clé.", "The log says nothing of this key.")) } }
    }))
}

fn facts(key: &CfaKey, today: Date, language: Language) -> Markup {
    let (colour, near) = nearness(key.expires_on, today, language);
    html! {
        dl {
            dt { "SIRET" } dd { (key.siret_cfa) }
            dt { (language.of("État", "State")) } dd { (state_name(key.state, language)) }
            dt { (language.of("Dernier jour", "Last day")) }
            dd {
                @if let Some(last) = key.expires_on { (day(last, language)) " " }
                span class={ "badge " (colour) } { (near) }
            }
            dt { (language.of("Dit par l'OPCO", "Said by the OPCO")) }
            dd {
                (probe_name(key.probe_result.as_deref(), language))
                @if let Some(at) = key.probed_at { ", " (instant(at, language)) }
            }
            dt { (language.of("Dernier usage réussi", "Last successful use")) }
            dd {
                @match key.last_used_at {
                    Some(at) => (instant(at, language)),
                    None => (language.of("aucun connu", "none known")),
                }
            }
            dt { (language.of("Référent", "Referent")) } dd { (key.referent.as_deref().unwrap_or("—")) }
            dt { (language.of("Gardée le", "Kept on")) } dd { (instant(key.created_at, language)) }
        }
    }
}

/// Counts the deliveries that the site has on their way to this OPCO, and that need a key in use.
async fn on_their_way(desk: &Desk, key: &CfaKey) -> Result<u64, Refusal> {
    let mut count = 0_u64;
    let mut tx = desk.store.reading().await?;
    for status in [Status::Queued, Status::Waiting] {
        let filter = Filter {
            environment: Some(key.environment),
            status: Some(status),
            opco: Some(key.instance.opco),
            sites: Some(vec![key.siret_cfa]),
            ..Filter::default()
        };
        let found = deliveries::count(&mut tx, key.tenant, &filter, COUNTED_MAX).await?;
        count = count.saturating_add(found);
    }
    Ok(count)
}

fn acts(viewer: &Viewer, key: &CfaKey, on_their_way: u64) -> Markup {
    let language = viewer.language();
    let button = |act: &str, class: &str, label: &str| {
        html! {
            form.inline method="post" action={ "/keys/" (key.id) } {
                (csrf(viewer))
                input type="hidden" name="act" value=(act);
                button class=(class) type="submit" { (label) }
            }
        }
    };
    let accepted = key.probe_result.as_deref() == Some(Verdict::Accepted.as_str());
    html! {
        div.actions {
            (button("probe", "", language.of("Essayer chez l'OPCO", "Try at the OPCO")))
            @if key.state != KeyState::Active && accepted {
                (button("promote", "", language.of("Mettre en service", "Put to use")))
            }
        }
        details {
            summary { (language.of("Retirer cette clé", "Retire this key")) }
            form.narrow method="post" action={ "/keys/" (key.id) } {
                (csrf(viewer))
                input type="hidden" name="act" value="retire";
                p {
                    (language.of("Une clé retirée ne revient pas en service.", "A key that is retired is not put to use again."))
                    @if key.state == KeyState::Active {
                        " " (language.of(
                            "Sans elle, ce site n'envoie plus rien à cet OPCO : ce qui part est retenu jusqu'à une autre clé en service. En route maintenant : ",
                            "Without it this site sends nothing more to this OPCO: what leaves is held until another key is in use. On their way now: ",
                        ))
                        strong { (language.counted(on_their_way, language.of("livraison", "delivery"), language.of("livraisons", "deliveries"))) } ". "
                        (language.of(
                            "Pour la remplacer sans arrêt, ajoutez la suivante, essayez-la, puis mettez-la en service.",
                            "To replace it without a stop, add the next one, try it, then put it to use.",
                        ))
                    }
                }
                (because("retire", language))
                button.danger type="submit" { (language.of("Retirer pour toujours", "Retire for good")) }
            }
        }
        div.actions {
            form.inline method="post" action={ "/keys/" (key.id) } {
                (csrf(viewer))
                input type="hidden" name="act" value="date";
                label for="expires_on" { (language.of("Dernier jour", "Last day")) }
                input #expires_on name="expires_on" type="date" required value=[key.expires_on];
                button.quiet type="submit" { (language.of("Noter ce dernier jour", "Note this last day")) }
            }
            form.inline method="post" action={ "/keys/" (key.id) } {
                (csrf(viewer))
                input type="hidden" name="act" value="entrust";
                label for="referent" { (language.of("Référent", "Referent")) }
                input #referent name="referent" maxlength="200" value=(key.referent.as_deref().unwrap_or_default());
                button.quiet type="submit" { (language.of("Noter", "Note")) }
            }
        }
    }
}

/// The way from one key to the next, with what is done already.
fn checklist(key: &CfaKey, siblings: &Siblings, language: Language) -> Markup {
    let next = siblings.staged.as_ref();
    let newer = siblings
        .active
        .as_ref()
        .is_some_and(|active| active.id > key.id && key.state != KeyState::Active);
    let tried =
        next.is_some_and(|next| next.probe_result.as_deref() == Some(Verdict::Accepted.as_str()));
    let steps = [
        (
            next.is_some() || newer,
            language.of(
                "Demander la clé suivante sur l'extranet de l'OPCO, pour ce SIRET",
                "Ask for the next key on the OPCO's extranet, for this SIRET",
            ),
        ),
        (
            next.is_some() || newer,
            language.of(
                "L'ajouter ici avant le dernier jour de celle-ci",
                "Add it here before the last day of this one",
            ),
        ),
        (
            tried || newer,
            language.of("L'essayer chez l'OPCO", "Try it at the OPCO"),
        ),
        (
            newer,
            language.of(
                "La mettre en service : les envois en cours finissent avec l'ancienne",
                "Put it to use: what is being sent ends with the former one",
            ),
        ),
        (
            newer && key.state == KeyState::Revoked,
            language.of(
                "Retirer l'ancienne, et l'annuler sur l'extranet",
                "Retire the former one, and cancel it on the extranet",
            ),
        ),
    ];
    html! {
        section aria-labelledby="renewal" {
            h2 #renewal { (language.of("Renouveler", "Renewal")) " · " (system_name(key.instance)) }
            ol {
                @for (done, step) in steps {
                    li {
                        (step)
                        @if done { " " span.badge.good { (language.of("fait", "done")) } }
                    }
                }
            }
            @if let Some(next) = next.filter(|next| next.id != key.id) {
                p { a href={ "/keys/" (next.id) } { (language.of("Voir la clé suivante", "See the next key")) } }
            }
        }
    }
}

/// Reads from the log what happened to a key, the last first.
async fn history(desk: &Desk, key: &CfaKey, language: Language) -> Result<Vec<Markup>, Refusal> {
    let mut tx = desk.store.reading().await?;
    let events = store::events::of_keys(&mut tx, key.tenant, EVENTS).await?;
    let people = people::list(&mut tx, key.tenant).await?;
    drop(tx);
    let id = key.id.to_string();
    let name = |actor: &str| {
        let known = people
            .iter()
            .find(|(person, _)| actor.strip_prefix("person:") == Some(&person.id.to_string()));
        known.map_or_else(|| actor.to_owned(), |(person, _)| person.name.clone())
    };
    let mine = events.iter().filter(|event| is_of(event, key, &id));
    Ok(mine
        .map(|event| {
            html! {
                (instant(event.at, language)) " — " (told(event, language))
                @if !event.actor.is_empty() { " · " (name(&event.actor)) }
            }
        })
        .collect())
}

fn is_of(event: &Event, key: &CfaKey, id: &str) -> bool {
    let text = |name: &str| event.data.get(name).and_then(|value| value.as_str());
    // Lines of before carry the key's name as `id`; those about an end name the site and the system.
    let named = text("key").or_else(|| text("id"));
    match named {
        Some(named) => named == id,
        None => {
            event.at >= key.created_at
                && text("siretCfa") == Some(key.siret_cfa.as_str())
                && text("opco") == Some(key.instance.opco.slug())
                && text("environment") == Some(key.environment.as_str())
        }
    }
}

fn told(event: &Event, language: Language) -> String {
    let said = match event.kind.as_str() {
        "key.staged" => language.of("gardée, en attente", "kept, staged"),
        "key.probed" | "key.told" => {
            let result = event.data.get("probe").and_then(|value| value.as_str());
            let how = match event.kind.as_str() {
                "key.told" => language.of("lors d'un envoi : ", "at a call: "),
                _ => language.of("essayée : ", "tried: "),
            };
            return format!("{how}{}", probe_name(result, language));
        }
        "key.activated" => language.of("mise en service", "put to use"),
        "key.revoked" => language.of("retirée", "retired"),
        "key.end_given" => {
            let given = event.data.get("expires_on").and_then(|day| day.as_str());
            let given = given.and_then(|day| day.parse().ok());
            let given = given.map(|given| day(given, language)).unwrap_or_default();
            let how = language.of("dernier jour noté : ", "last day noted: ");
            return format!("{how}{given}");
        }
        "key.entrusted" => language.of("référent changé", "referent changed"),
        "key.expiring" => {
            let left = event
                .data
                .get("joursRestants")
                .and_then(serde_json::Value::as_i64);
            let over = event.data.get("expiree") == Some(&serde_json::Value::Bool(true));
            return match (over, left.unwrap_or_default(), language) {
                (true, _, Language::Fr) => "fin passée, annoncée".to_owned(),
                (true, _, Language::En) => "end passed, told".to_owned(),
                (false, left, Language::Fr) => format!("fin proche annoncée : {left} j"),
                (false, left, Language::En) => format!("near end told: {left} d"),
            };
        }
        other => other,
    };
    said.to_owned()
}
