//! How an orphan is shown.

use domain::id::DeliveryId;
use domain::matching::Reason;
use domain::orphan::{Fate, Mismatch};
use domain::{Etat, Opco, Status, Timestamp};
use jiff::civil::Date;
use serde::Serialize;
use store::dossiers::Dossier;
use store::strangers::Stranger;
use utoipa::ToSchema;

use crate::http::words;
use crate::orphans::{Cote, Listed, Person, Proposed};

/// A dossier that one side knows and the other does not.
#[derive(Serialize, ToSchema)]
#[schema(as = Orphelin)]
pub(crate) struct OrphelinBody {
    /// Its name; a dossier of ours keeps it.
    #[schema(format = Uuid)]
    id: String,
    /// Which side knows it.
    #[schema(inline)]
    side: Cote,
    /// The rule that says so.
    rule: &'static str,
    /// What to do.
    message: &'static str,
    /// Which world it belongs to.
    #[schema(value_type = words::Environment)]
    environment: domain::Environment,
    /// The OPCO.
    #[schema(value_type = words::Opco)]
    opco: Opco,
    /// The site whose list it is on, or should be.
    siret_cfa: String,
    /// The OPCO's technical number.
    numero_interne: Option<String>,
    /// The OPCO's number of the business exchange.
    numero_externe: Option<String>,
    /// The State's deposit number.
    numero_deca: Option<String>,
    /// The state, in the norm's own words; null when it is none that is known.
    #[schema(value_type = Option<words::Etat>)]
    etat: Option<Etat>,
    /// The state as the OPCO spelled it.
    etat_raw: Option<String>,
    /// When it was first seen at the OPCO, or sent.
    #[schema(value_type = String, format = DateTime)]
    first_seen_at: Timestamp,
    /// When the OPCO last showed it.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_seen_at: Option<Timestamp>,
    /// What became of it, on the OPCO's side.
    #[schema(value_type = Option<words::Fate>)]
    fate: Option<Fate>,
    /// Since when.
    #[schema(value_type = Option<String>, format = DateTime)]
    fate_at: Option<Timestamp>,
    /// Who said so.
    fate_by: Option<String>,
    /// Why.
    fate_reason: Option<String>,
    /// The dossier it is followed as.
    #[schema(format = Uuid)]
    dossier_id: Option<String>,
    /// The delivery that was sent, or that the dossier adopted is tied to.
    #[schema(format = Uuid)]
    delivery_id: Option<String>,
    /// The contract; null when it was not read in full, or is shredded.
    contrat: Option<ContratBody>,
    /// The contract of ours that it most likely is.
    proposition: Option<PropositionBody>,
}

/// What tells one contract from another.
#[derive(Serialize, ToSchema)]
#[schema(as = OrphelinContrat)]
struct ContratBody {
    /// Birth name of the apprentice.
    nom: Option<String>,
    /// First given name of the apprentice.
    prenom: Option<String>,
    /// Birth date of the apprentice.
    #[schema(value_type = Option<String>, format = Date)]
    date_naissance: Option<Date>,
    /// Establishment of the employer.
    siret_employeur: Option<String>,
    /// First day of the contract.
    #[schema(value_type = Option<String>, format = Date)]
    date_debut_contrat: Option<Date>,
    /// Establishment of the training centre, in the contract.
    siret_cfa: Option<String>,
}

/// A pairing to confirm.
#[derive(Serialize, ToSchema)]
#[schema(as = OrphelinProposition)]
struct PropositionBody {
    /// The delivery of our contract.
    #[schema(format = Uuid)]
    delivery_id: String,
    /// Where that delivery stands.
    #[schema(value_type = words::Status)]
    status: Status,
    /// The OPCO it went to.
    #[schema(value_type = Option<words::Opco>)]
    opco: Option<Opco>,
    /// The site that sent it.
    siret_cfa: String,
    /// The number that the OPCO gave ours, when it has one of its own.
    numero_interne: Option<String>,
    /// How alike they are, from 40 to 100.
    likeness: u8,
    /// Why they look alike.
    #[schema(value_type = words::Likeness)]
    reason: Reason,
    /// The same, in French.
    libelle: &'static str,
    /// What differs; nothing when the norm's own key pairs them.
    ecarts: Vec<EcartBody>,
    /// Whether another is as likely: a person must choose.
    ambiguous: bool,
    /// Whether the norm's own key pairs them, up to spelling.
    sure: bool,
}

/// One thing that differs.
#[derive(Serialize, ToSchema)]
#[schema(as = OrphelinEcart)]
struct EcartBody {
    /// What, as a stable word.
    #[schema(value_type = words::Mismatch)]
    what: Mismatch,
    /// The same, in French.
    libelle: &'static str,
}

/// Names are masked in every print.
impl std::fmt::Debug for OrphelinBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OrphelinBody")
            .field("id", &self.id)
            .field("side", &self.side)
            .finish_non_exhaustive()
    }
}

impl OrphelinBody {
    /// Shows what an OPCO knows and no ERP sent.
    pub(super) fn theirs(
        stranger: &Stranger,
        person: Option<&Person>,
        proposed: Option<&Proposed>,
        delivery: Option<DeliveryId>,
    ) -> Self {
        Self {
            id: stranger.id.to_string(),
            side: Cote::Opco,
            rule: "VEI-003",
            message: "Contrat déposé hors API : à appairer.",
            environment: stranger.environment,
            opco: stranger.instance.opco,
            siret_cfa: stranger.siret_cfa.to_string(),
            numero_interne: Some(stranger.numero_interne.clone()),
            numero_externe: stranger.numero_externe.clone(),
            numero_deca: stranger.numero_deca.clone(),
            etat: stranger.etat_raw.as_deref().and_then(Etat::read),
            etat_raw: stranger.etat_raw.clone(),
            first_seen_at: stranger.first_seen_at,
            last_seen_at: Some(stranger.last_seen_at),
            fate: Some(stranger.fate),
            fate_at: stranger.fate_at,
            fate_by: stranger.fate_by.clone(),
            fate_reason: stranger.fate_reason.clone(),
            dossier_id: stranger.adopted_as.map(|id| id.to_string()),
            delivery_id: delivery.map(|id| id.to_string()),
            contrat: person.map(ContratBody::from),
            proposition: proposed.map(PropositionBody::from),
        }
    }

    /// Shows what was sent and the OPCO does not show.
    pub(super) fn ours(dossier: &Dossier, person: Option<&Person>) -> Self {
        Self {
            id: dossier.id.to_string(),
            side: Cote::Cfa,
            rule: "VEI-004",
            message: "Dossier absent du retour OPCO (vérifier le SIRET CFA).",
            environment: dossier.environment,
            opco: dossier.instance.opco,
            siret_cfa: dossier.siret_cfa.to_string(),
            numero_interne: dossier.numero_interne.clone(),
            numero_externe: dossier.numero_externe.clone(),
            numero_deca: dossier.numero_deca.clone(),
            etat: dossier.etat,
            etat_raw: dossier.etat_raw.clone(),
            first_seen_at: dossier.created_at,
            last_seen_at: dossier.last_read_at,
            fate: None,
            fate_at: None,
            fate_by: None,
            fate_reason: None,
            dossier_id: Some(dossier.id.to_string()),
            delivery_id: dossier.delivery.map(|id| id.to_string()),
            contrat: person.map(ContratBody::from),
            proposition: None,
        }
    }
}

impl From<&Listed> for OrphelinBody {
    fn from(listed: &Listed) -> Self {
        match listed {
            Listed::Theirs {
                stranger,
                person,
                proposed,
                delivery,
            } => Self::theirs(stranger, person.as_ref(), proposed.as_deref(), *delivery),
            Listed::Ours { dossier, person } => Self::ours(dossier, person.as_ref()),
        }
    }
}

impl From<&Person> for ContratBody {
    fn from(person: &Person) -> Self {
        Self {
            nom: person.nom.clone(),
            prenom: person.prenom.clone(),
            date_naissance: person.date_naissance,
            siret_employeur: person.siret_employeur.clone(),
            date_debut_contrat: person.date_debut_contrat,
            siret_cfa: person.siret_cfa.clone(),
        }
    }
}

impl From<&Proposed> for PropositionBody {
    fn from(proposed: &Proposed) -> Self {
        let (candidate, proposal) = (&proposed.candidate, &proposed.proposal);
        let delivery = &candidate.delivery;
        let dossier = candidate.dossier.as_ref();
        Self {
            delivery_id: delivery.id.to_string(),
            status: delivery.standing.status,
            opco: delivery.opco,
            siret_cfa: delivery.siret_cfa.to_string(),
            numero_interne: dossier.and_then(|dossier| dossier.numero_interne.clone()),
            likeness: proposal.likeness.score,
            reason: proposal.likeness.reason,
            libelle: proposal.likeness.reason.french(),
            ecarts: proposal
                .mismatches
                .iter()
                .map(|what| EcartBody {
                    what: *what,
                    libelle: what.french(),
                })
                .collect(),
            ambiguous: proposal.ambiguous,
            sure: proposal.is_sure(),
        }
    }
}
