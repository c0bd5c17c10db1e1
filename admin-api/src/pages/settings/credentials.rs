//! The API keys of ERPs: made and shown once, replaced with an overlap, bounded, revoked.

use actix_web::{HttpResponse, web};
use domain::id::CredentialId;
use domain::person::{Language, Right};
use domain::{Environment, Secret, Timestamp};
use jiff::civil::Date;
use maud::{Markup, html};
use serde::Deserialize;
use store::credentials::{self, Credential};

use super::super::layout::{Frame, csrf, instant, world_field, world_name, wrong};
use super::super::login::again;
use super::super::page;
use super::{made_already, once, sirets};
use crate::access::{self, ACTIONS, AccessError, QUOTA_DEFAULT, Wanted};
use crate::desk::Desk;
use crate::form::{Filled, Sent};
use crate::gate::redirect;
use crate::hand::Hand;
use crate::names::permission;
use crate::refusal::{Code, Refusal, both, fitting};
use crate::viewer::Viewer;

/// Where the list is.
const HERE: &str = "/settings/credentials";

/// What the form of a new credential sends.
#[derive(Debug, Deserialize)]
pub(crate) struct NewCredential {
    label: String,
    environment: Environment,
    #[serde(default)]
    sites: String,
    submit: Option<String>,
    read: Option<String>,
    act: Option<String>,
    webhook: Option<String>,
    quota_per_minute: u32,
    expires_on: Option<Date>,
    once: Option<CredentialId>,
}

/// What the forms of one credential send: one act at a time.
#[derive(Debug, Deserialize)]
pub(crate) struct Chosen {
    act: String,
    until: Option<Date>,
    quota_per_minute: Option<u32>,
    once: Option<CredentialId>,
}

impl From<AccessError> for Refusal {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::Label => Self::invalid(
                "/label",
                "Il faut un nom, de 200 caractères au plus.",
                "A name is needed, of at most 200 characters.",
            ),
            AccessError::Site => Self::invalid(
                "/sites",
                "Un SIRET n'est pas celui d'un site du réseau.",
                "A SIRET is none of the network's sites.",
            ),
            AccessError::Action => Self::invalid(
                "/actions",
                "Droits : submit, read, act, webhook.",
                "Rights: submit, read, act, webhook.",
            ),
            AccessError::Quota => Self::invalid(
                "/quota_per_minute",
                "Le quota va de 1 à 1 000 000 de requêtes par minute.",
                "The quota goes from 1 to 1,000,000 requests a minute.",
            ),
            AccessError::Passed => Self::invalid(
                "/until",
                "Ce jour est passé : la clé ne servirait plus.",
                "This day is over: the key would open nothing.",
            ),
            AccessError::Made => made_already(),
            AccessError::Unknown => Self::from(Code::NotFound),
            AccessError::Store(error) => error.into(),
        }
    }
}

/// Lists them.
pub(crate) async fn list(desk: web::Data<Desk>, viewer: Viewer) -> Result<HttpResponse, Refusal> {
    Ok(page(list_page(&desk, &viewer, &html! {}).await?))
}

/// Makes one.
pub(crate) async fn create(
    desk: web::Data<Desk>,
    viewer: Viewer,
    sent: Filled<NewCredential>,
) -> Result<HttpResponse, Refusal> {
    let language = viewer.language();
    let made = match sent.read {
        Ok(sent) => {
            let (asked, read) = wanted(sent);
            made(&desk, &viewer, (asked, read)).await
        }
        Err(refusal) => Err(refusal),
    };
    match made {
        Ok((_, text)) => {
            let said = shown_once(&text, language);
            Ok(page(list_page(&desk, &viewer, &said).await?))
        }
        Err(refusal) => {
            let said = wrong(&refusal, language);
            Ok(again(list_page(&desk, &viewer, &said).await?))
        }
    }
}

/// Acts on one.
pub(crate) async fn act(
    desk: web::Data<Desk>,
    viewer: Viewer,
    id: web::Path<CredentialId>,
    sent: Sent<Chosen>,
) -> Result<HttpResponse, Refusal> {
    let Sent(sent) = sent;
    let language = viewer.language();
    let done = match sent.act.as_str() {
        "rotate" => {
            let until = sent.until.ok_or(Code::UnknownAct)?;
            replaced(&desk, &viewer, *id, (until, sent.once))
                .await
                .map(|(_, text)| Some(text))
        }
        "bound" => {
            let quota = sent.quota_per_minute.ok_or(Code::UnknownAct)?;
            bounded(&desk, &viewer, *id, quota).await.map(|()| None)
        }
        "revoke" => revoked(&desk, &viewer, *id).await.map(|()| None),
        _ => return Err(Code::UnknownAct.into()),
    };
    match done {
        Ok(Some(text)) => {
            let said = shown_once(&text, language);
            Ok(page(list_page(&desk, &viewer, &said).await?))
        }
        Ok(None) => Ok(redirect(HERE)),
        Err(refusal) if refusal.code == Code::NotFound => Err(refusal),
        Err(refusal) => {
            let said = wrong(&refusal, language);
            Ok(again(list_page(&desk, &viewer, &said).await?))
        }
    }
}

/// Reads what is asked for; sites or rights that are none are told with what else is wrong.
fn wanted(sent: NewCredential) -> (Wanted, Result<(), Refusal>) {
    let sites = sirets(&sent.sites);
    let ticked = [sent.submit, sent.read, sent.act, sent.webhook];
    let actions = ACTIONS.iter().zip(ticked);
    let actions: Vec<String> = actions
        .filter_map(|(word, ticked)| ticked.map(|_| (*word).to_owned()))
        .collect();
    let some = (!actions.is_empty()).then_some(());
    let some = some.ok_or(AccessError::Action);
    let read = both(sites.as_ref().map_err(Clone::clone), some).map(|_| ());
    let wanted = Wanted {
        label: sent.label,
        environment: sent.environment,
        sites: sites.unwrap_or_default(),
        actions,
        quota_per_minute: sent.quota_per_minute,
        expires_on: sent.expires_on,
        once: sent.once,
    };
    (wanted, read)
}

/// Makes a credential; returns its text, to be shown once. `read` is what was wrong with it already.
pub(crate) async fn made(
    desk: &Desk,
    viewer: &Viewer,
    (wanted, read): (Wanted, Result<(), Refusal>),
) -> Result<(Credential, Secret), Refusal> {
    let faults = wanted.faults(desk.clock.now()).into_iter();
    let faults = faults.map(|error| match error {
        AccessError::Passed => Refusal::from(error).at("/expires_on"),
        other => other.into(),
    });
    both(fitting(faults), read)?;
    let minted = desk.works.mint(wanted.environment).ok_or(Code::Internal)?;
    let hand = Hand::of(desk, viewer);
    let mut tx = desk.store.writing().await?;
    let made = access::create(&mut tx, viewer.tenant(), wanted, &minted, &hand).await?;
    tx.commit().await?;
    Ok((made, minted.key))
}

/// Makes the next credential; the former one ends with a day.
pub(crate) async fn replaced(
    desk: &Desk,
    viewer: &Viewer,
    id: CredentialId,
    (until, once): (Date, Option<CredentialId>),
) -> Result<(Credential, Secret), Refusal> {
    let tenant = viewer.tenant();
    let hand = Hand::of(desk, viewer);
    let mut tx = desk.store.writing().await?;
    let all = credentials::list(&mut tx, tenant).await?;
    let former = all.iter().find(|one| one.id == id).ok_or(Code::NotFound)?;
    let minted = desk.works.mint(former.environment).ok_or(Code::Internal)?;
    let next = access::rotate(
        &mut tx,
        (tenant, id),
        (access::end_of(until).ok_or(AccessError::Passed)?, once),
        &minted,
        &hand,
    )
    .await?;
    tx.commit().await?;
    Ok((next, minted.key))
}

/// Changes a quota.
pub(crate) async fn bounded(
    desk: &Desk,
    viewer: &Viewer,
    id: CredentialId,
    quota: u32,
) -> Result<(), Refusal> {
    let mut tx = desk.store.writing().await?;
    let at = (viewer.tenant(), id);
    access::bound(&mut tx, at, quota, &Hand::of(desk, viewer)).await?;
    Ok(tx.commit().await?)
}

/// Revokes one.
pub(crate) async fn revoked(desk: &Desk, viewer: &Viewer, id: CredentialId) -> Result<(), Refusal> {
    let mut tx = desk.store.writing().await?;
    access::revoke(&mut tx, (viewer.tenant(), id), &Hand::of(desk, viewer)).await?;
    Ok(tx.commit().await?)
}

fn shown_once(text: &Secret, language: Language) -> Markup {
    let what = language.of(
        "Donnez cette clé à l'ERP : elle n'est montrée que cette fois.",
        "Give this key to the ERP: it is shown this time only.",
    );
    super::shown_once(what, text)
}

async fn list_page(desk: &Desk, viewer: &Viewer, said: &Markup) -> Result<Markup, Refusal> {
    let mut tx = desk.store.reading().await?;
    let found = credentials::list(&mut tx, viewer.tenant()).await?;
    drop(tx);
    let now = desk.clock.now();
    let language = viewer.language();
    let may = viewer.may(Right::ManageCredentials);
    let title = language.of("Clés d'API des ERP", "API keys of ERPs");
    Ok(Frame {
        viewer,
        section: "/settings",
        title,
        world: None,
    }
    .around(&html! {
        p { a href="/settings" { (language.of("← Réglages", "← Settings")) } }
        h1 { (title) }
        (said)
        div.scroll tabindex="0" role="region" aria-label=(title) {
            table {
                thead { tr {
                    th scope="col" { (language.of("Nom", "Name")) }
                    th scope="col" { (language.of("Début", "Start")) }
                    th scope="col" { (language.of("Monde", "World")) }
                    th scope="col" { "Sites" }
                    th scope="col" { (language.of("Droits", "Rights")) }
                    th.number scope="col" { (language.of("Par minute", "Per minute")) }
                    th scope="col" { (language.of("État", "State")) }
                    @if may { th scope="col" { (language.of("Actes", "Acts")) } }
                } }
                tbody {
                    @for one in &found {
                        tr {
                            td { (one.label) }
                            td { code { (one.prefix) "…" } }
                            td { (world_name(one.environment, language)) }
                            td { (sites(one, language)) }
                            td { (allowed(one, language)) }
                            td.number { (one.quota_per_minute) }
                            td { (state(one, now, language)) }
                            @if may { td { @if one.is_usable(now) { (acts(viewer, one, now)) } } }
                        }
                    }
                }
            }
        }
        @if may { (form(viewer, now)) }
    }))
}

fn sites(one: &Credential, language: Language) -> Markup {
    html! {
        @match &one.sites {
            None => (language.of("tous", "all")),
            Some(sites) => { @for siret in sites { (siret) " " } }
        }
    }
}

fn state(one: &Credential, now: Timestamp, language: Language) -> Markup {
    html! {
        @match (one.revoked_at, one.expires_at) {
            (Some(at), _) => { span.badge { (language.of("révoquée", "revoked")) } " " (instant(at, language)) }
            (None, Some(end)) if end <= now => { span.badge { (language.of("terminée", "ended")) } " " (instant(end, language)) }
            (None, Some(end)) => { span.badge.warn { (language.of("jusqu'au", "until")) } " " (instant(end, language)) }
            (None, None) => span.badge.good { (language.of("en service", "in use")) },
        }
    }
}

fn acts(viewer: &Viewer, one: &Credential, now: Timestamp) -> Markup {
    let language = viewer.language();
    let path = format!("{HERE}/{}", one.id);
    let until = language.of(
        "Dernier jour de la clé actuelle",
        "Last day of the present key",
    );
    let quota = language.of("Requêtes par minute", "Requests a minute");
    html! {
        details {
            summary { (language.of("Changer", "Change")) }
            form.narrow method="post" action=(path) {
                (csrf(viewer))
                (once(CredentialId::new(now)))
                input type="hidden" name="act" value="rotate";
                label for={ "until-" (one.id) } { (until) }
                input id={ "until-" (one.id) } name="until" type="date" required;
                button.quiet type="submit" { (language.of("Faire la suivante", "Make the next one")) }
            }
            form.narrow method="post" action=(path) {
                (csrf(viewer))
                input type="hidden" name="act" value="bound";
                label for={ "quota-" (one.id) } { (quota) }
                input id={ "quota-" (one.id) } name="quota_per_minute" type="number" min="1" max="1000000" value=(one.quota_per_minute) required;
                button.quiet type="submit" { (language.of("Changer le quota", "Change the quota")) }
            }
            form.inline method="post" action=(path) {
                (csrf(viewer))
                input type="hidden" name="act" value="revoke";
                button.danger type="submit" { (language.of("Révoquer maintenant", "Revoke now")) }
            }
        }
    }
}

/// Says what a credential may do.
fn allowed(one: &Credential, language: Language) -> String {
    let said: Vec<&str> = one
        .actions
        .iter()
        .map(|word| permission(word, language))
        .collect();
    said.join(", ")
}

fn form(viewer: &Viewer, now: Timestamp) -> Markup {
    let language = viewer.language();
    let rights = ACTIONS.map(|word| permission(word, language));
    html! {
        section aria-labelledby="new" {
            h2 #new { (language.of("Faire une clé", "Make a key")) }
            form.narrow method="post" action=(HERE) {
                (csrf(viewer))
                (once(CredentialId::new(now)))
                label for="label" { (language.of("Qui s'en sert (l'ERP)", "Who uses it (the ERP)")) }
                input #label name="label" required maxlength="200" autocomplete="off";
                (world_field(Environment::Test, language))
                label for="sites" { (language.of("SIRET des sites, un par ligne ; vide : tous", "SIRET of the sites, one a line; empty: all")) }
                textarea #sites name="sites" rows="3" {}
                fieldset #actions name="actions" {
                    legend { (language.of("Droits", "Rights")) }
                    @for (word, said) in ACTIONS.iter().zip(rights) {
                        label { input type="checkbox" name=(word) value="yes" checked; " " (said) }
                        br;
                    }
                }
                label for="quota" { (language.of("Requêtes par minute", "Requests a minute")) }
                input #quota name="quota_per_minute" type="number" min="1" max="1000000" value=(QUOTA_DEFAULT) required;
                label for="expires_on" { (language.of("Dernier jour ; vide : sans fin", "Last day; empty: no end")) }
                input #expires_on name="expires_on" type="date";
                button type="submit" { (language.of("Faire la clé", "Make the key")) }
            }
        }
    }
}
