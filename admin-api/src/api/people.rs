//! People and their roles, for programs.

use actix_web::{HttpResponse, web};
use domain::Timestamp;
use domain::id::PersonId;
use domain::person::{Language, PersonState, Role};
use serde::{Deserialize, Serialize};
use store::people::{Grant, Person, Scope};
use utoipa::ToSchema;

use crate::desk::Desk;
use crate::form::Document;
use crate::hand::Hand;
use crate::people::{self, Acting, Change, Invited, PeopleError};
use crate::refusal::{self, Code, Refusal, both};
use crate::viewer::Viewer;

/// An account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Person)]
pub(crate) struct PersonBody {
    /// Its name among people.
    #[schema(value_type = String, format = Uuid)]
    id: PersonId,
    /// What the person signs in with.
    email: String,
    /// What others call them.
    name: String,
    /// What they read: `fr` or `en`.
    #[schema(value_type = String)]
    language: Language,
    /// `invited`, `active` or `disabled`.
    #[schema(value_type = String)]
    state: PersonState,
    /// Whether a second factor is set up.
    second_factor: bool,
    /// What they may do and where.
    roles: Vec<RoleBody>,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Who created the account.
    created_by: String,
}

/// A role somewhere.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RoleBody {
    /// `lecteur`, `gestionnaire`, `facturation`, `cles`, `auditeur` or `admin`.
    #[schema(value_type = String, example = "gestionnaire")]
    pub(crate) role: Role,
    /// Where: `network`, `cfa:ID` or `site:ID`.
    #[schema(example = "network")]
    pub(crate) scope: String,
}

/// The accounts of a network.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct People {
    people: Vec<PersonBody>,
}

/// An account that was just made or invited again.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PersonInvited {
    #[serde(flatten)]
    person: PersonBody,
    /// The page where the password is chosen, once: shown this time only, to be sent to the person.
    #[serde(skip_serializing_if = "Option::is_none")]
    invitation: Option<String>,
}

/// A new account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPerson {
    email: String,
    name: String,
    #[schema(value_type = Option<String>)]
    #[serde(default)]
    language: Language,
    roles: Vec<RoleBody>,
}

/// What changes; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PersonChange {
    name: Option<String>,
    /// `active` or `disabled`.
    #[schema(value_type = Option<String>)]
    state: Option<PersonState>,
    roles: Option<Vec<RoleBody>>,
    #[serde(default)]
    reset_second_factor: bool,
    #[serde(default)]
    invite_again: bool,
    /// Why, for the log: to close an account, to forget a second factor, to take a role away.
    reason: Option<String>,
}

impl PersonBody {
    fn new(person: &Person, grants: &[Grant]) -> Self {
        Self {
            id: person.id,
            email: person.email.clone(),
            name: person.name.clone(),
            language: person.language,
            state: person.state,
            second_factor: person.sealed_totp.is_some(),
            roles: grants
                .iter()
                .map(|grant| RoleBody {
                    role: grant.role,
                    scope: people::scope_text(grant.scope),
                })
                .collect(),
            created_at: person.created_at,
            created_by: person.created_by.clone(),
        }
    }
}

impl From<PeopleError> for Refusal {
    fn from(error: PeopleError) -> Self {
        match error {
            PeopleError::Email => Self::invalid(
                "/email",
                "L'adresse n'en est pas une.",
                "The address is none.",
            ),
            PeopleError::Name => Self::invalid(
                "/name",
                "Il faut un nom, de 200 caractères au plus.",
                "A name is needed, of at most 200 characters.",
            ),
            PeopleError::NoRole => Self::invalid(
                "/roles",
                "Il faut au moins un rôle : sans rôle, le compte ne pourrait rien faire.",
                "At least one role is needed: without one the account could do nothing.",
            ),
            PeopleError::Scope => Self::invalid(
                "/roles",
                "Un CFA ou un site nommé n'est pas de ce réseau.",
                "A training centre or site named is none of this network's.",
            ),
            PeopleError::Taken => Self::from(Code::Conflict)
                .saying(
                    "Le réseau a déjà un compte avec cette adresse.",
                    "The network has an account with this address already.",
                )
                .at("/email"),
            PeopleError::Unknown => Code::NotFound.into(),
            PeopleError::LastAdmin => Self::from(Code::Conflict).saying(
                "C'est le dernier administrateur du réseau : nommez-en d'abord un autre.",
                "This is the network's last administrator: name another one first.",
            ),
            PeopleError::Store(error) => error.into(),
        }
    }
}

/// Reads roles as they are sent.
pub(crate) fn roles(sent: &[RoleBody]) -> Result<Vec<(Role, Scope)>, Refusal> {
    let read = |body: &RoleBody| people::scope(&body.scope).map(|scope| (body.role, scope));
    sent.iter()
        .map(|body| read(body).ok_or_else(|| PeopleError::Scope.into()))
        .collect()
}

/// Puts the reason of a change with it. What takes something from a person is not done without one.
pub(crate) fn explained(
    desk: &Desk,
    viewer: &Viewer,
    change: &mut Change,
    (had, reason): (&[Grant], Option<&str>),
) -> Result<(), Refusal> {
    let fewer = change.roles.as_ref().is_some_and(|roles| {
        let mut had = had.iter().map(|grant| (grant.role, grant.scope));
        had.any(|one| !roles.contains(&one))
    });
    let takes = fewer || change.reset_second_factor || change.state == Some(PersonState::Disabled);
    if takes || reason.is_some() {
        change.reason = Hand::because(desk, viewer, reason.unwrap_or_default())?.reason;
    }
    Ok(())
}

/// Says who acts.
pub(crate) fn acting(desk: &Desk, viewer: &Viewer) -> Acting {
    Acting {
        name: viewer.actor(),
        now: desk.clock.now(),
        invitation: desk.settings.invitation(),
    }
}

/// Writes the page where an invitation is used.
pub(crate) fn invitation_page(desk: &Desk, text: &domain::Secret) -> String {
    let address = desk.address.get().copied();
    people::invitation_page(&desk.settings, address, text)
}

/// Lists the accounts of the network.
#[utoipa::path(
    get, path = "/admin/v1/people", operation_id = "list_people", tag = "people",
    responses(
        (status = 200, description = "Les comptes.", body = People),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
    ),
)]
pub(crate) async fn list(desk: web::Data<Desk>, viewer: Viewer) -> Result<HttpResponse, Refusal> {
    let mut tx = desk.store.reading().await?;
    let found = people::list(&mut tx, viewer.tenant()).await?;
    let people = found
        .iter()
        .map(|(person, grants)| PersonBody::new(person, grants))
        .collect();
    Ok(HttpResponse::Ok().json(People { people }))
}

/// Creates an account and its invitation.
#[utoipa::path(
    post, path = "/admin/v1/people", operation_id = "invite_person", tag = "people",
    request_body = NewPerson,
    responses(
        (status = 201, description = "Le compte et son invitation.", body = PersonInvited),
        (status = 400, response = refusal::Refused),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
        (status = 409, response = refusal::Refused),
    ),
)]
pub(crate) async fn invite(
    desk: web::Data<Desk>,
    viewer: Viewer,
    new: Document<NewPerson>,
) -> Result<HttpResponse, Refusal> {
    let new = new.into_inner();
    let named = both(
        people::checked_email(&new.email),
        people::checked_name(&new.name),
    );
    let ((email, name), roles) = both(named, roles(&new.roles))?;
    let invited = Invited {
        email,
        name,
        language: new.language,
        roles,
    };
    let mut tx = desk.store.writing().await?;
    let acting = acting(&desk, &viewer);
    let (person, link) = people::invite(&mut tx, viewer.tenant(), invited, &acting).await?;
    let grants = store::people::grants_of(&mut tx, person.tenant, person.id).await?;
    tx.commit().await?;
    Ok(HttpResponse::Created().json(PersonInvited {
        person: PersonBody::new(&person, &grants),
        invitation: Some(invitation_page(&desk, &link)),
    }))
}

/// Shows an account.
#[utoipa::path(
    get, path = "/admin/v1/people/{id}", operation_id = "read_person", tag = "people",
    params(("id" = String, Path, format = Uuid)),
    responses(
        (status = 200, description = "Le compte.", body = PersonBody),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
        (status = 404, response = refusal::Refused),
    ),
)]
pub(crate) async fn show(
    desk: web::Data<Desk>,
    viewer: Viewer,
    id: web::Path<PersonId>,
) -> Result<HttpResponse, Refusal> {
    let mut tx = desk.store.reading().await?;
    let person = store::people::find(&mut tx, viewer.tenant(), *id).await?;
    let person = person.ok_or(Code::NotFound)?;
    let grants = store::people::grants_of(&mut tx, person.tenant, person.id).await?;
    Ok(HttpResponse::Ok().json(PersonBody::new(&person, &grants)))
}

/// Changes an account.
#[utoipa::path(
    put, path = "/admin/v1/people/{id}", operation_id = "change_person", tag = "people",
    params(("id" = String, Path, format = Uuid)), request_body = PersonChange,
    responses(
        (status = 200, description = "Le compte.", body = PersonInvited),
        (status = 400, response = refusal::Refused),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
        (status = 404, response = refusal::Refused),
        (status = 409, response = refusal::Refused),
    ),
)]
pub(crate) async fn change(
    desk: web::Data<Desk>,
    viewer: Viewer,
    id: web::Path<PersonId>,
    sent: Document<PersonChange>,
) -> Result<HttpResponse, Refusal> {
    let sent = sent.into_inner();
    let mut asked = Change {
        name: sent.name,
        state: sent.state,
        roles: sent.roles.as_deref().map(roles).transpose()?,
        reset_second_factor: sent.reset_second_factor,
        invite_again: sent.invite_again,
        reason: None,
    };
    let mut tx = desk.store.writing().await?;
    let had = store::people::grants_of(&mut tx, viewer.tenant(), *id).await?;
    explained(&desk, &viewer, &mut asked, (&had, sent.reason.as_deref()))?;
    let acting = acting(&desk, &viewer);
    let (person, link) = people::change(&mut tx, viewer.tenant(), *id, asked, &acting).await?;
    let grants = store::people::grants_of(&mut tx, person.tenant, person.id).await?;
    tx.commit().await?;
    Ok(HttpResponse::Ok().json(PersonInvited {
        person: PersonBody::new(&person, &grants),
        invitation: link.map(|link| invitation_page(&desk, &link)),
    }))
}
