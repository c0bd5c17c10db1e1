//! What a person or a script is told when something is refused: one closed list, in both languages.

use std::borrow::Cow;
use std::{fmt, iter, mem};

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use domain::person::Language;
use serde::Serialize;
use store::StoreError;
use utoipa::{ToResponse, ToSchema};

/// A refusal by its stable code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    /// Nobody is signed in.
    SignedOut,
    /// The role does not allow it.
    Forbidden,
    /// The password is asked for again first.
    ConfirmationWanted,
    /// A second factor must be set up first.
    SecondFactorWanted,
    /// The request did not come from one of our pages.
    ForeignForm,
    /// Not there, or another network's.
    NotFound,
    /// The method is none of this path's.
    Method,
    /// A value is missing or wrong.
    Invalid,
    /// The act is none of this page's.
    UnknownAct,
    /// It exists already, or changed meanwhile.
    Conflict,
    /// The body is larger than anything we take.
    TooLarge,
    /// The body did not come, or the answer was not ready, in time.
    TooSlow,
    /// The store does not answer.
    Unavailable,
    /// A fault of ours.
    Internal,
}

impl Code {
    /// Returns the stable word.
    pub(crate) fn slug(self) -> &'static str {
        match self {
            Self::SignedOut => "non-connecte",
            Self::Forbidden => "role-insuffisant",
            Self::ConfirmationWanted => "confirmation-requise",
            Self::SecondFactorWanted => "second-facteur-requis",
            Self::ForeignForm => "formulaire-etranger",
            Self::NotFound => "introuvable",
            Self::Method => "methode-non-servie",
            Self::Invalid => "requete-invalide",
            Self::UnknownAct => "acte-inconnu",
            Self::Conflict => "conflit",
            Self::TooLarge => "corps-trop-grand",
            Self::TooSlow => "trop-lent",
            Self::Unavailable => "indisponible",
            Self::Internal => "erreur-interne",
        }
    }

    /// Returns the HTTP status.
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::SignedOut => StatusCode::UNAUTHORIZED,
            Self::Forbidden
            | Self::ConfirmationWanted
            | Self::SecondFactorWanted
            | Self::ForeignForm => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Invalid | Self::UnknownAct => StatusCode::BAD_REQUEST,
            Self::Conflict => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Returns what is said in general.
    pub(crate) fn title(self, language: Language) -> &'static str {
        match self {
            Self::SignedOut => language.of("Connectez-vous d'abord.", "Sign in first."),
            Self::Forbidden => language.of(
                "Votre rôle ne le permet pas ; un administrateur de votre réseau peut vous donner celui \
                 qu'il faut.",
                "Your role does not allow it; an administrator of your network can give you the one it \
                 takes.",
            ),
            Self::ConfirmationWanted => language.of(
                "Cet acte est sensible : confirmez votre mot de passe, puis recommencez.",
                "This act is sensitive: confirm your password, then do it again.",
            ),
            Self::SecondFactorWanted => language.of(
                "Réglez d'abord votre second facteur.",
                "Set up your second factor first.",
            ),
            Self::ForeignForm => language.of(
                "Cet envoi ne vient pas d'une page de la passerelle, ou la page est périmée : \
                 rechargez-la, puis recommencez.",
                "This did not come from a page of the gateway, or the page is out of date: reload it, \
                 then do it again.",
            ),
            Self::NotFound => language.of(
                "Introuvable, ou hors de votre réseau.",
                "Not found, or outside your network.",
            ),
            Self::Method => language.of(
                "Cette adresse ne sert pas cette méthode.",
                "This address does not serve this method.",
            ),
            Self::Invalid => language.of(
                "Une valeur manque ou n'a pas la forme attendue.",
                "A value is missing or not of the expected form.",
            ),
            Self::UnknownAct => language.of(
                "Cet acte n'existe pas ici, ou il lui manque une valeur : rechargez la page, puis \
                 recommencez. Rien n'a été changé.",
                "There is no such act here, or a value of it is missing: reload the page, then do it again. \
                 Nothing was changed.",
            ),
            Self::Conflict => language.of(
                "Cela existe déjà, ou a changé entre-temps : rechargez la page.",
                "It exists already, or changed meanwhile: reload the page.",
            ),
            Self::TooLarge => {
                language.of("L'envoi est trop grand.", "What was sent is too large.")
            }
            Self::TooSlow => language.of(
                "La demande n'est pas arrivée en entier, ou n'a pas abouti, en une minute : recommencez.",
                "The request did not come whole, or did not end, within a minute: do it again.",
            ),
            Self::Unavailable => language.of(
                "La base de données ne répond pas : réessayez dans un instant. Rien n'a été changé.",
                "The database does not answer: try again in a moment. Nothing was changed.",
            ),
            Self::Internal => language.of(
                "Une erreur de notre côté. Rien n'a été changé ; l'exploitant en trouvera la cause dans \
                 les journaux.",
                "A fault on our side. Nothing was changed; the operator will find the cause in the logs.",
            ),
        }
    }
}

/// One refusal.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    /// Which.
    pub(crate) code: Code,
    /// What exactly, in French and in English, when the code does not say it all.
    detail: Option<(String, String)>,
    /// The member at fault, as a JSON Pointer.
    pointer: Option<Cow<'static, str>>,
    /// What else is wrong with what was sent: it is told at once.
    others: Vec<Refusal>,
}

/// The document of a refusal (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct RefusalBody {
    /// The stable code.
    #[schema(example = "role-insuffisant")]
    code: &'static str,
    /// The HTTP status.
    status: u16,
    /// What it means in general, in French.
    title: &'static str,
    /// What happened this time and what to do, in French.
    detail: String,
    /// The member at fault, as a JSON Pointer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pointer: Option<Cow<'static, str>>,
    /// Everything that is wrong with what was sent, that one first; absent where no member is at fault.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FaultBody>,
}

/// One thing that is wrong with what was sent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Fault)]
pub(crate) struct FaultBody {
    /// The member at fault, as a JSON Pointer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "/siret")]
    pointer: Option<Cow<'static, str>>,
    /// What is wrong with it and what to do, in French.
    detail: String,
}

/// How the published document describes every refusal.
#[derive(ToResponse)]
#[response(
    description = "Refus (RFC 9457).",
    content_type = "application/problem+json"
)]
#[expect(
    dead_code,
    reason = "read by the macro that makes the published document"
)]
pub(crate) struct Refused(RefusalBody);

impl Refusal {
    /// Says in both languages what exactly.
    pub(crate) fn saying(mut self, fr: impl Into<String>, en: impl Into<String>) -> Self {
        self.detail = Some((fr.into(), en.into()));
        self
    }

    /// Names the member at fault.
    pub(crate) fn at(mut self, pointer: impl Into<Cow<'static, str>>) -> Self {
        self.pointer = Some(pointer.into());
        self
    }

    /// Returns what happened, for a person.
    pub(crate) fn detail(&self, language: Language) -> &str {
        match &self.detail {
            Some((fr, en)) => language.of(fr.as_str(), en.as_str()),
            None => self.code.title(language),
        }
    }

    /// Returns the field of a form at fault.
    pub(crate) fn field(&self) -> Option<&str> {
        let path = self.pointer.as_deref()?.strip_prefix('/')?;
        path.split('/').next()
    }

    /// Returns everything that is wrong, in the order in which it was found.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Self> {
        iter::once(self).chain(&self.others)
    }

    /// Tells something else that is wrong with what was sent. What is no fault of it is told alone.
    pub(crate) fn and(mut self, mut other: Self) -> Self {
        let of_sender = |refusal: &Self| matches!(refusal.code, Code::Invalid | Code::Conflict);
        if !of_sender(&self) {
            return self;
        }
        if !of_sender(&other) {
            return other;
        }
        let more = mem::take(&mut other.others);
        self.others.push(other);
        self.others.extend(more);
        self
    }

    /// Makes the refusal of one value.
    pub(crate) fn invalid(
        pointer: &'static str,
        fr: impl Into<String>,
        en: impl Into<String>,
    ) -> Self {
        Self::from(Code::Invalid).saying(fr, en).at(pointer)
    }
}

/// Returns what two readings gave, or all that is wrong with both.
pub(crate) fn both<A, B>(
    one: Result<A, impl Into<Refusal>>,
    other: Result<B, impl Into<Refusal>>,
) -> Result<(A, B), Refusal> {
    match (one, other) {
        (Ok(one), Ok(other)) => Ok((one, other)),
        (Err(wrong), Ok(_)) => Err(wrong.into()),
        (Ok(_), Err(wrong)) => Err(wrong.into()),
        (Err(one), Err(other)) => Err(one.into().and(other.into())),
    }
}

/// Refuses for everything that was found wrong; nothing was, when there is none.
pub(crate) fn fitting(mut faults: impl Iterator<Item = Refusal>) -> Result<(), Refusal> {
    match faults.next() {
        Some(first) => Err(faults.fold(first, Refusal::and)),
        None => Ok(()),
    }
}

impl From<Code> for Refusal {
    fn from(code: Code) -> Self {
        Self {
            code,
            detail: None,
            pointer: None,
            others: Vec::new(),
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Conflict(_) => Code::Conflict.into(),
            error if error.is_temporary() => {
                tracing::warn!(cause = %error, "the store is unavailable");
                Code::Unavailable.into()
            }
            error => {
                tracing::error!(cause = %error, "a request of the dashboard failed");
                Code::Internal.into()
            }
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code.slug())
    }
}

impl std::error::Error for Refusal {}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        self.code.status()
    }

    /// The document for programs; `gate` makes a page of it for people.
    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        response.content_type("application/problem+json");
        response.insert_header((header::CONTENT_LANGUAGE, "fr"));
        if self.code == Code::SignedOut {
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer realm=\"cfa-gateway\""));
        }
        let told = self.all().any(|one| one.pointer.is_some());
        let errors = self.all().filter(|_| told).map(|one| FaultBody {
            pointer: one.pointer.clone(),
            detail: one.detail(Language::Fr).to_owned(),
        });
        response.json(RefusalBody {
            code: self.code.slug(),
            status: self.status_code().as_u16(),
            title: self.code.title(Language::Fr),
            detail: self.detail(Language::Fr).to_owned(),
            pointer: self.pointer.clone(),
            errors: errors.collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(pointer: &'static str) -> Refusal {
        Refusal::invalid(pointer, format!("fr{pointer}"), format!("en{pointer}"))
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once_each_at_its_member() {
        let two = both(Err::<(), _>(wrong("/a")), Err::<(), _>(wrong("/b"))).unwrap_err();
        let three = both(
            Err::<(), _>(two),
            both(Ok::<_, Refusal>(()), Err::<(), _>(wrong("/c"))),
        );
        let three = three.unwrap_err();
        let fields: Vec<Option<&str>> = three.all().map(Refusal::field).collect();
        assert_eq!(fields, [Some("a"), Some("b"), Some("c")]);
        assert_eq!(three.detail(Language::En), "en/a");
        assert!(both(Ok::<_, Refusal>(1), Ok::<_, Refusal>(2)).is_ok());
    }

    #[test]
    fn what_is_no_fault_of_who_sent_it_is_told_alone() {
        for alone in [
            both(Err::<(), _>(wrong("/a")), Err::<(), _>(Code::Unavailable)),
            both(Err::<(), _>(Code::Unavailable), Err::<(), _>(wrong("/a"))),
        ] {
            let alone = alone.unwrap_err();
            assert_eq!((alone.code, alone.all().count()), (Code::Unavailable, 1));
        }
    }
}
