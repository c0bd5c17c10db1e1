//! Who may use the dashboard, for people.

use actix_web::{HttpResponse, web};
use domain::Secret;
use domain::id::PersonId;
use domain::person::{Language, PersonState, Right, Role};
use maud::{Markup, html};
use serde::Deserialize;
use store::people::{Grant, Person, Scope};
use store::tenants::{self, Cfa, Site};

use super::layout::{Frame, csrf, instant, wrong};
use super::login::again;
use super::page;
use super::settings::because;
use crate::api::people::{acting, explained, invitation_page};
use crate::desk::Desk;
use crate::form::{Filled, Sent};
use crate::gate::redirect;
use crate::people::{self, Change, Invited};
use crate::refusal::{Code, Refusal, both};
use crate::viewer::Viewer;

/// What the form of a new account sends.
#[derive(Debug, Deserialize)]
pub(crate) struct NewPerson {
    email: String,
    name: String,
    #[serde(default)]
    language: Language,
    role: Role,
    scope: String,
}

/// What the form of an account sends: one act at a time.
#[derive(Debug, Deserialize)]
pub(crate) struct Chosen {
    act: String,
    role: Option<Role>,
    scope: Option<String>,
    reason: Option<String>,
}

/// What there is to choose a scope from.
struct Places {
    cfas: Vec<Cfa>,
    sites: Vec<Site>,
}

/// Lists them.
pub(crate) async fn list(desk: web::Data<Desk>, viewer: Viewer) -> Result<HttpResponse, Refusal> {
    Ok(page(list_page(&desk, &viewer, &html! {}).await?))
}

/// Invites someone.
pub(crate) async fn invite(
    desk: web::Data<Desk>,
    viewer: Viewer,
    sent: Filled<NewPerson>,
) -> Result<HttpResponse, Refusal> {
    let language = viewer.language();
    let done = match sent.read.and_then(|sent| invited(&sent)) {
        Ok(invited) => made(&desk, &viewer, invited).await,
        Err(refusal) => Err(refusal),
    };
    match done {
        Ok((person, link)) => {
            let said = invitation_notice(&desk, &person, &link, language);
            Ok(page(list_page(&desk, &viewer, &said).await?))
        }
        Err(refusal) => {
            let said = wrong(&refusal, language);
            Ok(again(list_page(&desk, &viewer, &said).await?))
        }
    }
}

fn invited(sent: &NewPerson) -> Result<Invited, Refusal> {
    // In the order of the form.
    let named = both(
        people::checked_name(&sent.name),
        people::checked_email(&sent.email),
    );
    let unknown = || Refusal::from(people::PeopleError::Scope).at("/scope");
    let scope = people::scope(&sent.scope).ok_or_else(unknown);
    let ((name, email), scope) = both(named, scope)?;
    Ok(Invited {
        email,
        name,
        language: sent.language,
        roles: vec![(sent.role, scope)],
    })
}

async fn made(desk: &Desk, viewer: &Viewer, invited: Invited) -> Result<(Person, Secret), Refusal> {
    let mut tx = desk.store.writing().await?;
    let acting = acting(desk, viewer);
    let made = people::invite(&mut tx, viewer.tenant(), invited, &acting).await?;
    tx.commit().await?;
    Ok(made)
}

/// Shows one account.
pub(crate) async fn show(
    desk: web::Data<Desk>,
    viewer: Viewer,
    id: web::Path<PersonId>,
) -> Result<HttpResponse, Refusal> {
    Ok(page(person_page(&desk, &viewer, *id, &html! {}).await?))
}

/// Changes one account.
pub(crate) async fn change(
    desk: web::Data<Desk>,
    viewer: Viewer,
    id: web::Path<PersonId>,
    sent: Sent<Chosen>,
) -> Result<HttpResponse, Refusal> {
    let Sent(sent) = sent;
    let language = viewer.language();
    let mut tx = desk.store.writing().await?;
    let grants = store::people::grants_of(&mut tx, viewer.tenant(), *id).await?;
    let mut roles: Vec<(Role, Scope)> = grants.iter().map(|g| (g.role, g.scope)).collect();
    let named = || {
        let scope = sent.scope.as_deref().and_then(people::scope);
        sent.role.zip(scope).ok_or(Refusal::from(Code::UnknownAct))
    };
    let mut change = Change::default();
    match sent.act.as_str() {
        "grant" => {
            roles.push(named()?);
            change.roles = Some(roles);
        }
        "revoke" => {
            let one = named()?;
            roles.retain(|role| *role != one);
            change.roles = Some(roles);
        }
        "disable" => change.state = Some(PersonState::Disabled),
        "enable" => change.state = Some(PersonState::Active),
        "invite" => change.invite_again = true,
        "reset" => change.reset_second_factor = true,
        _ => return Err(Code::UnknownAct.into()),
    }
    if let Err(refusal) = explained(
        &desk,
        &viewer,
        &mut change,
        (&grants, sent.reason.as_deref()),
    ) {
        drop(tx);
        let said = wrong(&refusal, language);
        return Ok(again(person_page(&desk, &viewer, *id, &said).await?));
    }
    let acting = acting(&desk, &viewer);
    match people::change(&mut tx, viewer.tenant(), *id, change, &acting).await {
        Ok((person, link)) => {
            tx.commit().await?;
            match link {
                Some(link) => {
                    let said = invitation_notice(&desk, &person, &link, language);
                    Ok(page(person_page(&desk, &viewer, *id, &said).await?))
                }
                None => Ok(redirect(&format!("/people/{id}"))),
            }
        }
        Err(people::PeopleError::Unknown) => Err(Code::NotFound.into()),
        Err(error) => {
            drop(tx);
            let refusal = Refusal::from(error);
            let said = wrong(&refusal, language);
            Ok(again(person_page(&desk, &viewer, *id, &said).await?))
        }
    }
}

fn invitation_notice(desk: &Desk, person: &Person, link: &Secret, language: Language) -> Markup {
    html! {
        div.notice.done role="status" {
            p {
                (language.of("Envoyez cette adresse à ", "Send this address to ")) (person.name)
                (language.of(" : elle sert une fois, et n'est montrée qu'ici.", ": it serves once, and is shown only here."))
            }
            p { code { (invitation_page(desk, link)) } }
        }
    }
}

async fn places(desk: &Desk, viewer: &Viewer) -> Result<Places, Refusal> {
    let mut tx = desk.store.reading().await?;
    Ok(Places {
        cfas: tenants::cfas(&mut tx, viewer.tenant()).await?,
        sites: tenants::sites(&mut tx, viewer.tenant()).await?,
    })
}

impl Places {
    /// Returns what people call a scope.
    fn name(&self, scope: Scope, language: Language) -> String {
        people::scope_name(scope, (&self.cfas, &self.sites), language)
    }

    fn options(&self, language: Language) -> Markup {
        html! {
            option value="network" { (self.name(Scope::Network, language)) }
            @for cfa in &self.cfas {
                option value=(people::scope_text(Scope::Cfa(cfa.id))) { "CFA : " (cfa.name) }
            }
            @for site in &self.sites {
                option value=(people::scope_text(Scope::Site(site.id))) { "Site : " (site.name) " (" (site.siret) ")" }
            }
        }
    }
}

/// Returns what people call a role.
pub fn role_name(role: Role, language: Language) -> &'static str {
    match role {
        Role::Reader => language.of("Lecteur", "Reader"),
        Role::Operator => language.of("Gestionnaire", "Operator"),
        Role::Billing => language.of("Facturation", "Billing"),
        Role::Keys => language.of("Gestionnaire des clés", "Key manager"),
        Role::Auditor => language.of("Auditeur", "Auditor"),
        Role::Admin => language.of("Administrateur", "Administrator"),
    }
}

/// Returns what people call where an account stands.
pub fn state_name(state: PersonState, language: Language) -> &'static str {
    match state {
        PersonState::Invited => language.of("Invité", "Invited"),
        PersonState::Active => language.of("Actif", "Active"),
        PersonState::Disabled => language.of("Désactivé", "Disabled"),
    }
}

async fn list_page(desk: &Desk, viewer: &Viewer, said: &Markup) -> Result<Markup, Refusal> {
    let places = places(desk, viewer).await?;
    let mut tx = desk.store.reading().await?;
    let found = people::list(&mut tx, viewer.tenant()).await?;
    drop(tx);
    let language = viewer.language();
    let title = language.of("Personnes", "People");
    Ok(Frame {
        viewer,
        section: "/people",
        title,
        world: None,
    }
    .around(&html! {
        h1 { (title) }
        (said)
        div.scroll {
            table.flow {
                caption.hidden { (title) }
                thead { tr {
                    th scope="col" { (language.of("Nom", "Name")) }
                    th scope="col" { (language.of("Adresse", "Address")) }
                    th scope="col" { (language.of("État", "State")) }
                    th scope="col" { (language.of("Second facteur", "Second factor")) }
                    th scope="col" { (language.of("Rôles", "Roles")) }
                } }
                tbody {
                    @for (person, grants) in &found {
                        tr {
                            td { a href={ "/people/" (person.id) } { (person.name) } }
                            td { (person.email) }
                            td { (state_name(person.state, language)) }
                            td data-name=(language.of("second facteur", "second factor")) { (if person.sealed_totp.is_some() { language.of("oui", "yes") } else { language.of("non", "no") }) }
                            td { (role_list(grants, &places, language)) }
                        }
                    }
                }
            }
        }
        @if viewer.may(Right::ManagePeople) {
            section aria-labelledby="invite" {
                h2 #invite { (language.of("Inviter quelqu'un", "Invite someone")) }
                form.narrow method="post" action="/people" {
                    (csrf(viewer))
                    label for="name" { (language.of("Nom", "Name")) }
                    input #name name="name" required maxlength="200";
                    label for="email" { (language.of("Adresse électronique", "E-mail address")) }
                    input #email name="email" type="email" required maxlength="200" autocomplete="off";
                    label for="language" { (language.of("Langue", "Language")) }
                    select #language name="language" {
                        option value="fr" { "Français" }
                        option value="en" { "English" }
                    }
                    (role_fields(&places, language))
                    button type="submit" { (language.of("Inviter", "Invite")) }
                }
            }
        }
    }))
}

fn role_list(grants: &[Grant], places: &Places, language: Language) -> Markup {
    html! {
        @for (index, grant) in grants.iter().enumerate() {
            @if index > 0 { ", " }
            (role_name(grant.role, language)) " — " (places.name(grant.scope, language))
        }
    }
}

fn role_fields(places: &Places, language: Language) -> Markup {
    html! {
        label for="role" { (language.of("Rôle", "Role")) }
        select #role name="role" {
            @for role in Role::ALL { option value=(role.as_str()) { (role_name(*role, language)) } }
        }
        label for="scope" { (language.of("Où", "Where")) }
        select #scope name="scope" { (places.options(language)) }
    }
}

async fn person_page(
    desk: &Desk,
    viewer: &Viewer,
    id: PersonId,
    said: &Markup,
) -> Result<Markup, Refusal> {
    let places = places(desk, viewer).await?;
    let mut tx = desk.store.reading().await?;
    let person = store::people::find(&mut tx, viewer.tenant(), id).await?;
    let person = person.ok_or(Code::NotFound)?;
    let grants = store::people::grants_of(&mut tx, viewer.tenant(), id).await?;
    drop(tx);
    let language = viewer.language();
    Ok(Frame {
        viewer,
        section: "/people",
        title: &person.name,
        world: None,
    }
    .around(&html! {
        p { a href="/people" { (language.of("← Personnes", "← People")) } }
        h1 { (person.name) }
        (said)
        dl {
            dt { (language.of("Adresse", "Address")) } dd { (person.email) }
            dt { (language.of("État", "State")) } dd { (state_name(person.state, language)) }
            dt { (language.of("Créé le", "Created")) } dd { (instant(person.created_at, language)) " · " (person.created_by) }
        }
        h2 { (language.of("Rôles", "Roles")) }
        ul {
            @for (index, grant) in grants.iter().enumerate() {
                li {
                    (role_name(grant.role, language)) " — " (places.name(grant.scope, language))
                    @if viewer.may(Right::ManagePeople) {
                        (taking(
                            viewer,
                            id,
                            ("revoke", Some(grant)),
                            &format!("revoke-{index}"),
                            (language.of("Retirer ce rôle", "Take this role away"), language.of("Retirer", "Take away")),
                        ))
                    }
                }
            }
        }
        @if viewer.may(Right::ManagePeople) {
            form.narrow method="post" action={ "/people/" (id) } {
                (csrf(viewer))
                input type="hidden" name="act" value="grant";
                (role_fields(&places, language))
                button type="submit" { (language.of("Donner ce rôle", "Give this role")) }
            }
            (account(viewer, &person))
        }
    }))
}

/// What is done to an account as a whole.
fn account(viewer: &Viewer, person: &Person) -> Markup {
    let language = viewer.language();
    let act = |act: &str, label: &str| {
        html! {
            form.inline method="post" action={ "/people/" (person.id) } {
                (csrf(viewer))
                input type="hidden" name="act" value=(act);
                button.quiet type="submit" { (label) }
            }
        }
    };
    let forget = (
        language.of("Appareil perdu", "Device lost"),
        language.of("Oublier le second facteur", "Forget the second factor"),
    );
    let close = (
        language.of("Fermer le compte", "Close the account"),
        language.of("Désactiver", "Disable"),
    );
    html! {
        h2 { (language.of("Compte", "Account")) }
        @if person.state == PersonState::Disabled {
            div.actions { (act("enable", language.of("Réactiver", "Enable"))) }
        } @else {
            div.actions { (act("invite", language.of("Envoyer une nouvelle invitation", "Make a new invitation"))) }
            (taking(viewer, person.id, ("reset", None), "reset", forget))
            (taking(viewer, person.id, ("disable", None), "disable", close))
        }
    }
}

/// What takes something from a person: it asks why.
fn taking(
    viewer: &Viewer,
    id: PersonId,
    (act, role): (&str, Option<&Grant>),
    name: &str,
    (what, label): (&str, &str),
) -> Markup {
    html! {
        details {
            summary { (what) }
            form.narrow method="post" action={ "/people/" (id) } {
                (csrf(viewer))
                input type="hidden" name="act" value=(act);
                @if let Some(grant) = role {
                    input type="hidden" name="role" value=(grant.role.as_str());
                    input type="hidden" name="scope" value=(people::scope_text(grant.scope));
                }
                (because(name, viewer.language()))
                button.danger type="submit" { (label) }
            }
        }
    }
}
