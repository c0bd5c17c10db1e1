//! What a person is told and asked when they look for an apprentice, hand out, erase or open: the same for
//! pages and programs.

use actix_web::HttpResponse;
use actix_web::http::header;
use domain::Secret;
use domain::id::DeliveryId;
use domain::person::Right;
use jiff::civil::Date;
use serde::Deserialize;
use store::{Delivery, deliveries};
use utoipa::ToSchema;

use crate::desk::Desk;
use crate::hand;
use crate::privacy::{
    Download, Erased, Holdings, NotErased, NotOpened, NotShown, Opened, Opening, Sought, Subject,
    What,
};
use crate::refusal::{Code, Refusal};
use crate::viewer::Viewer;

/// The longest reason.
const REASON_CHARS_MAX: usize = 500;
/// The longest name or number looked for.
const SOUGHT_CHARS_MAX: usize = 200;

/// Whom to look for: by names and birth date, or by NIR, or by a number.
#[derive(Deserialize, ToSchema)]
#[schema(as = PrivacySearch)]
pub(crate) struct Asked {
    /// Birth name; with `prenom` and `date_naissance`.
    #[serde(default)]
    nom: String,
    /// First given name.
    #[serde(default)]
    prenom: String,
    /// Birth date.
    #[schema(value_type = Option<String>, format = Date)]
    date_naissance: Option<Date>,
    /// The NIR, with or without its key.
    #[schema(value_type = Option<String>)]
    nir: Option<Secret>,
    /// A number of a dossier (the OPCO's, the State's), or the identifier of a delivery or a dossier.
    #[serde(default)]
    numero: String,
}

impl Asked {
    /// Reads one way of looking, and one only.
    fn sought(self) -> Result<Sought, Refusal> {
        let filled = |text: &str| !text.trim().is_empty();
        let nir = self.nir.filter(|nir| filled(nir.expose()));
        let named = filled(&self.nom) || filled(&self.prenom) || self.date_naissance.is_some();
        for text in [&self.nom, &self.prenom, &self.numero] {
            if text.chars().count() > SOUGHT_CHARS_MAX {
                return Err(Code::Invalid.into());
            }
        }
        match (named, nir, filled(&self.numero)) {
            (true, None, false) => match self.date_naissance {
                Some(date_naissance) if filled(&self.nom) && filled(&self.prenom) => {
                    Ok(Sought::Person {
                        nom: self.nom,
                        prenom: self.prenom,
                        date_naissance,
                    })
                }
                _ => Err(Refusal::invalid(
                    "/date_naissance",
                    "Il faut le nom, le prénom et la date de naissance : un nom seul désigne trop de monde.",
                    "Name, first name and birth date are needed: a name alone is too many people.",
                )),
            },
            (false, Some(nir), false) => {
                let bare: String = nir.expose().split_whitespace().collect();
                let nir = bare.parse().map_err(|_| {
                    Refusal::invalid(
                        "/nir",
                        "Le NIR n'en est pas un : quinze caractères, clé comprise.",
                        "The NIR is none: fifteen characters, the key included.",
                    )
                })?;
                Ok(Sought::Nir(nir))
            }
            (false, None, true) => Ok(Sought::Numero(self.numero)),
            _ => Err(Refusal::from(Code::Invalid).saying(
                "Cherchez d'une seule façon à la fois : par identité, par NIR ou par numéro.",
                "Look in one way at a time: by identity, by NIR or by number.",
            )),
        }
    }
}

/// Looks for somebody. That one looked is on record.
pub(crate) async fn seek(
    desk: &Desk,
    viewer: &Viewer,
    asked: Asked,
) -> Result<Option<Subject>, Refusal> {
    viewer.require(Right::Privacy)?;
    let sought = asked.sought()?;
    let actor = viewer.actor();
    Ok(desk.works.seek(viewer.tenant(), &sought, &actor).await?)
}

/// Gathers what is held about somebody.
pub(crate) async fn holdings(
    desk: &Desk,
    viewer: &Viewer,
    subject: Subject,
) -> Result<Holdings, Refusal> {
    viewer.require(Right::Privacy)?;
    Ok(desk.works.holdings(viewer.tenant(), subject).await?)
}

/// Hands out all that is held about somebody.
pub(crate) async fn disclose(
    desk: &Desk,
    viewer: &Viewer,
    subject: Subject,
    why: &str,
) -> Result<HttpResponse, Refusal> {
    viewer.require(Right::Privacy)?;
    let why = reason(why)?;
    let actor = viewer.actor();
    let by = (actor.as_str(), why.as_str());
    let download = desk.works.disclose(viewer.tenant(), subject, by).await?;
    Ok(sent(download))
}

/// Destroys what may be of what was shown.
pub(crate) async fn erase(
    desk: &Desk,
    viewer: &Viewer,
    (subject, stamp): (Subject, &str),
    why: &str,
) -> Result<Erased, Refusal> {
    viewer.require(Right::Privacy)?;
    let why = reason(why)?;
    let actor = viewer.actor();
    let by = (actor.as_str(), why.as_str());
    let erased = desk.works.erase(viewer.tenant(), (subject, stamp), by);
    erased.await.map_err(Refusal::from)
}

/// Opens something sealed of a delivery that the person's right reaches.
pub(crate) async fn open(
    desk: &Desk,
    viewer: &Viewer,
    id: DeliveryId,
    (what, why): (What, &str),
) -> Result<(Delivery, Opened), Refusal> {
    let reach = viewer.require(Right::OpenSealed)?;
    let why = reason(why)?;
    let mut tx = desk.store.reading().await?;
    let delivery = deliveries::find(&mut tx, viewer.tenant(), id).await?;
    drop(tx);
    let delivery = delivery.filter(|delivery| reach.covers(&delivery.siret_cfa));
    let delivery = delivery.ok_or(Code::NotFound)?;
    let actor = viewer.actor();
    let opening = Opening {
        what,
        actor: &actor,
        reason: &why,
    };
    let opened = desk.works.open_sealed(&delivery, opening).await?;
    Ok((delivery, opened))
}

/// Reads what of a delivery is asked for.
pub(crate) fn what(word: &str, file: Option<&str>) -> Result<What, Refusal> {
    let file = file.map(str::parse).transpose();
    match (word, file) {
        ("payload", Ok(None)) => Ok(What::Payload),
        ("certificate", Ok(None)) => Ok(What::Certificate),
        ("file", Ok(Some(id))) => Ok(What::File(id)),
        _ => Err(Refusal::invalid(
            "/what",
            "On ouvre « payload », « certificate », ou « file » avec l'identifiant du fichier.",
            "One opens “payload”, “certificate”, or “file” with the identifier of the file.",
        )),
    }
}

/// Reads a subject.
pub(crate) fn subject(text: &str) -> Result<Subject, Refusal> {
    text.parse().map_err(|_| Code::NotFound.into())
}

/// Reads why.
fn reason(text: &str) -> Result<String, Refusal> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > REASON_CHARS_MAX {
        return Err(Refusal::invalid(
            "/reason",
            "Dites pourquoi, en 500 caractères au plus, sans nommer personne : la raison entre au journal, \
             qui ne s'efface pas.",
            "Say why, in at most 500 characters, and name nobody: the reason goes into the log, which is \
             never erased.",
        ));
    }
    hand::of_nobody(text)?;
    Ok(text.to_owned())
}

/// Sends bytes as they are opened: as a file, and kept by nobody on the way.
pub(crate) fn sent(download: Download) -> HttpResponse {
    let name = format!("attachment; filename=\"{}\"", download.name);
    let mut response = HttpResponse::Ok();
    response
        .content_type(download.media_type)
        .insert_header((header::CONTENT_DISPOSITION, name))
        .insert_header((header::CACHE_CONTROL, "no-store, no-transform"));
    if let Some(bytes) = download.bytes {
        response.no_chunking(bytes);
    }
    response.streaming(download.stream)
}

impl From<NotShown> for Refusal {
    fn from(error: NotShown) -> Self {
        match error {
            NotShown::TooMany => Self::from(Code::Conflict).saying(
                "Plus de cent contrats répondent : ce n'est pas une seule personne. Cherchez par NIR ou par \
                 numéro de dossier.",
                "More than a hundred contracts match: this is no one person. Look by NIR or by number.",
            ),
            NotShown::Several => Self::from(Code::Conflict).saying(
                "Plusieurs NIR, ou plusieurs identités sous un même NIR, répondent : choisissez-en un d'abord.",
                "Several NIRs, or several identities under one NIR, answer: choose one of them first.",
            ),
            NotShown::Shared => Self::from(Code::Conflict)
                .saying(
                    "Des dossiers de plusieurs personnes portent ce numéro (chez plusieurs OPCO, ou en \
                     production et en recette) : donnez l'identifiant de la livraison ou du dossier, ou le \
                     numéro DECA.",
                    "Dossiers of several people bear this number (at several OPCOs, or live and in test): \
                     give the identifier of the delivery or the dossier, or the DECA number.",
                )
                .at("/numero"),
            NotShown::Store(error) => error.into(),
        }
    }
}

impl From<NotErased> for Refusal {
    fn from(error: NotErased) -> Self {
        match error {
            NotErased::Nothing => Self::from(Code::Conflict).saying(
                "Rien ne peut être effacé maintenant : chaque ligne dit pourquoi elle reste.",
                "Nothing can be erased now: each line says why it stays.",
            ),
            NotErased::Changed => Self::from(Code::Conflict).saying(
                "Ce qui est tenu a changé depuis l'aperçu : rien n'a été effacé. Relisez l'aperçu.",
                "What is held changed since the preview: nothing was erased. Read the preview again.",
            ),
            NotErased::NotShown(error) => error.into(),
        }
    }
}

impl From<NotOpened> for Refusal {
    fn from(error: NotOpened) -> Self {
        match error {
            NotOpened::Nothing => Self::from(Code::NotFound).saying(
                "Il n'y a rien à ouvrir : ce contenu n'a jamais été là, ou il a été détruit.",
                "There is nothing to open: it never was there, or it was destroyed.",
            ),
            NotOpened::Unreadable => Self::from(Code::Internal).saying(
                "Le contenu ne s'ouvre pas : le stockage ou le sceau ne le rend pas. L'exploitant en trouvera \
                 la cause dans les journaux.",
                "It does not open: the storage or the seal does not give it. The operator will find the \
                 cause in the logs.",
            ),
            NotOpened::Store(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(json: serde_json::Value) -> Result<&'static str, Refusal> {
        let asked: Asked = serde_json::from_value(json).unwrap();
        asked.sought().map(|sought| sought.word())
    }

    #[test]
    fn one_looks_in_one_way_at_a_time() {
        let person = serde_json::json!({"nom": "A", "prenom": "B", "date_naissance": "2005-04-01"});
        assert_eq!(asked(person).unwrap(), "personne");
        let nir = serde_json::json!({"nir": "2 05 04 93 999 999 92"});
        assert!(asked(nir).is_ok_and(|word| word == "nir"));
        assert_eq!(
            asked(serde_json::json!({"numero": "77"})).unwrap(),
            "numero"
        );
        for wrong in [
            serde_json::json!({}),
            serde_json::json!({"nom": "A", "prenom": "B"}),
            serde_json::json!({"nom": "A", "numero": "77"}),
            serde_json::json!({"nir": "7"}),
        ] {
            assert!(asked(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_reason_is_asked_for() {
        assert!(reason(" ").is_err() && reason(&"x".repeat(501)).is_err());
        assert_eq!(reason(" demande \n").unwrap(), "demande");
        assert!(reason("demande de 2 05 04 93 999 999 92").is_err());
    }
}
