//! Dossiers that one side alone knows, with the pairing proposed for each, as pages and programs show them.

use domain::delivery::Environment;
use domain::id::{DeliveryId, DossierId};
use domain::matching::Reason;
use domain::opco::UnknownWord;
use domain::orphan::{Action, Fate, Mismatch};
use domain::person::Right;
use domain::{Etat, Opco, Siret, Status, Timestamp};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use store::StoreError;
use utoipa::ToSchema;

use crate::bulk;
use crate::desk::Desk;
use crate::filter::word;
use crate::refusal::{Code, Refusal};
use crate::viewer::Viewer;

/// How many on a page.
const PER_PAGE: u32 = 50;

/// Which side knows the dossier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = OrphanSide)]
pub enum Side {
    /// The OPCO knows it, and no ERP sent it.
    Opco,
    /// It was sent, and the OPCO does not show it.
    Cfa,
}

/// Which orphans; what is absent does not restrict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Only those of this OPCO.
    pub opco: Option<Opco>,
    /// Only those of this site.
    pub site: Option<Siret>,
    /// Only those of one side.
    pub side: Option<Side>,
    /// What became of them, on the OPCO's side.
    pub fate: Fate,
    /// Where the page starts, from `next` of the one before.
    pub after: Option<String>,
    /// How many.
    pub limit: u32,
}

/// A page of them: those the OPCO knows first, then those it does not show, each newest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Orphans)]
pub struct Page {
    /// They.
    pub orphans: Vec<Orphan>,
    /// What `after` holds for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// One of them.
#[derive(Debug, Serialize, ToSchema)]
pub struct Orphan {
    /// Its name; a dossier of ours keeps it.
    #[schema(value_type = String, format = Uuid)]
    pub id: DossierId,
    /// Which side knows it.
    pub side: Side,
    /// Which world it belongs to.
    #[schema(value_type = String)]
    pub environment: Environment,
    /// The OPCO.
    #[schema(value_type = String)]
    pub opco: Opco,
    /// The site whose list it is on, or should be (SIRET).
    #[schema(value_type = String)]
    pub site: Siret,
    /// The OPCO's technical number.
    pub numero_interne: Option<String>,
    /// The OPCO's number of the business exchange.
    pub numero_externe: Option<String>,
    /// The State's deposit number.
    pub numero_deca: Option<String>,
    /// The state, in the norm's own words; null when it is none that is known.
    #[schema(value_type = Option<String>)]
    pub etat: Option<Etat>,
    /// When it was first seen at the OPCO, or sent.
    #[schema(value_type = String, format = DateTime)]
    pub first_seen_at: Timestamp,
    /// When the OPCO last showed it.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_seen_at: Option<Timestamp>,
    /// What became of it, on the OPCO's side.
    #[schema(value_type = Option<String>)]
    pub fate: Option<Fate>,
    /// Who said so.
    pub fate_by: Option<String>,
    /// Why.
    pub fate_reason: Option<String>,
    /// The dossier it is followed as.
    #[schema(value_type = Option<String>, format = Uuid)]
    pub dossier_id: Option<DossierId>,
    /// The delivery that was sent, or that the dossier adopted is tied to.
    #[schema(value_type = Option<String>, format = Uuid)]
    pub delivery_id: Option<DeliveryId>,
    /// The contract; null when it was not read in full, or is shredded.
    pub contract: Option<Contract>,
    /// The contract of ours that it most likely is.
    pub proposal: Option<Proposal>,
}

/// What tells one contract from another.
#[derive(Serialize, ToSchema)]
#[schema(as = OrphanContract)]
pub struct Contract {
    /// Birth name of the apprentice.
    pub nom: Option<String>,
    /// First given name of the apprentice.
    pub prenom: Option<String>,
    /// Birth date of the apprentice.
    #[schema(value_type = Option<String>, format = Date)]
    pub date_naissance: Option<Date>,
    /// Establishment of the employer.
    pub siret_employeur: Option<String>,
    /// First day of the contract.
    #[schema(value_type = Option<String>, format = Date)]
    pub date_debut_contrat: Option<Date>,
    /// Establishment of the training centre, in the contract.
    pub siret_cfa: Option<String>,
}

/// A pairing to confirm.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrphanProposal)]
pub struct Proposal {
    /// The delivery of our contract.
    #[schema(value_type = String, format = Uuid)]
    pub delivery_id: DeliveryId,
    /// Where it stands.
    #[schema(value_type = String)]
    pub status: Status,
    /// The OPCO it went to.
    #[schema(value_type = Option<String>)]
    pub opco: Option<Opco>,
    /// The site that sent it (SIRET).
    #[schema(value_type = String)]
    pub site: Siret,
    /// The number that the OPCO gave ours, when it has one of its own.
    pub numero_interne: Option<String>,
    /// How alike they are, from 40 to 100.
    pub likeness: u8,
    /// Why they look alike.
    #[schema(value_type = String)]
    pub reason: Reason,
    /// What differs; nothing when the norm's own key pairs them.
    #[schema(value_type = Vec<String>)]
    pub mismatches: Vec<Mismatch>,
    /// Whether another is as likely: a person must choose.
    pub ambiguous: bool,
    /// Whether the norm's own key pairs them, up to spelling.
    pub sure: bool,
}

/// Names are masked in every print.
impl std::fmt::Debug for Contract {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Contract(***)")
    }
}

/// An action asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// What to do.
    pub action: Action,
    /// Why, in the person's words.
    pub reason: String,
    /// The contract of ours that it is, for `adopt`.
    pub delivery: Option<DeliveryId>,
}

/// Why an action was not done.
#[derive(Debug)]
pub enum NotDone {
    /// No such dossier, or no such contract, for this person.
    Unknown,
    /// What became of it does not allow it.
    NotNow(Fate),
    /// A contract goes with `adopt` only.
    NoDelivery,
    /// Where the contract stands does not allow it.
    OnItsWay(Status),
    /// The OPCO shows the contract under a number of its own.
    Double(Option<String>),
    /// It changed meanwhile.
    Changed,
    /// The store cannot answer.
    Store(StoreError),
}

/// The filters, as an address holds them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Asked {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) world: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) opco: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) site: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) side: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) fate: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) after: String,
}

impl Asked {
    /// Returns which world it is about.
    pub(crate) fn world(&self, viewer: &Viewer) -> Result<Environment, Refusal> {
        Ok(viewer.world(word(&self.world, "/world")?))
    }
}

impl std::str::FromStr for Side {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        match text {
            "opco" => Ok(Self::Opco),
            "cfa" => Ok(Self::Cfa),
            _ => Err(UnknownWord),
        }
    }
}

/// Lists what a viewer may act on. Names are in it: that it was read is on record.
pub(crate) async fn list(desk: &Desk, viewer: &Viewer, asked: &Asked) -> Result<Page, Refusal> {
    viewer.require(Right::Act)?;
    let by = viewer.acting(asked.world(viewer)?)?;
    let question = Question {
        opco: word(&asked.opco, "/opco")?,
        site: word(&asked.site, "/site")?,
        side: word(&asked.side, "/side")?,
        fate: word(&asked.fate, "/fate")?.unwrap_or(Fate::Open),
        after: Some(asked.after.clone()).filter(|after| !after.is_empty()),
        limit: PER_PAGE,
    };
    Ok(desk.works.orphans(&by, &question).await?)
}

/// Acts on one; returns the delivery it is tied to, if any.
pub(crate) async fn act(
    desk: &Desk,
    viewer: &Viewer,
    id: DossierId,
    (world, act): (Environment, Act),
) -> Result<Option<DeliveryId>, Refusal> {
    let by = viewer.acting(world)?;
    let act = Act {
        reason: bulk::reason(&act.reason)?.to_owned(),
        ..act
    };
    Ok(desk.works.act_on_orphan(&by, id, act).await?)
}

impl From<NotDone> for Refusal {
    fn from(refused: NotDone) -> Self {
        let conflict = |fr: String, en: String| Self::from(Code::Conflict).saying(fr, en);
        match refused {
            NotDone::Unknown => Code::NotFound.into(),
            NotDone::NotNow(fate) => conflict(
                format!("Son sort, « {fate} », ne le permet pas : rechargez la page."),
                format!("Its fate, “{fate}”, does not allow it: reload the page."),
            ),
            NotDone::NoDelivery => Self::invalid(
                "/delivery_id",
                "Un contrat n'accompagne que l'adoption.",
                "A contract goes with an adoption only.",
            ),
            NotDone::OnItsWay(status) => conflict(
                format!(
                    "Le contrat est à l'état « {status} » : attendez qu'il arrive, ou qu'il soit retenu."
                ),
                format!("The contract is “{status}”: wait until it arrives, or is held."),
            )
            .at("/delivery_id"),
            NotDone::Double(numero) => {
                let numero = numero.unwrap_or_default();
                conflict(
                    format!(
                        "L'OPCO montre déjà ce contrat sous le numéro « {numero} » : faites annuler l'un \
                         des deux par l'OPCO, puis écartez celui-ci."
                    ),
                    format!(
                        "The OPCO shows this contract under “{numero}” already: have the OPCO annul one \
                         of the two, then set this one aside."
                    ),
                )
                .at("/delivery_id")
            }
            NotDone::Changed => Code::Conflict.into(),
            NotDone::Store(error) => error.into(),
        }
    }
}
